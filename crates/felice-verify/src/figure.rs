//! Line figures as SVG: the one module that knows the plotting crate.
//!
//! A figure is a grid of [`Panel`]s of lines and marks. Colours are the Okabe–Ito set, told apart by the colour-blind;
//! [`Theme::Page`] leaves them to the page's style sheet, so that one drawing suits light and dark.

use std::ops::Range;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// A colour's role; the theme gives it its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Labels.
    Text,
    /// Axes and grid.
    Grid,
    /// The reference: model.
    Model,
    /// What is compared with it: circuit.
    Circuit,
    /// A third series.
    Third,
    /// A fourth.
    Fourth,
}

/// Who decides the colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Written into the SVG, on white: a file of its own.
    Standalone,
    /// CSS variables `--text --grid --model --circuit --third --fourth`: inline in a page.
    Page,
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Style {
    /// A line of this width in pixels.
    Line(f64),
    /// The same, translucent: to lie under another.
    Under(f64),
    /// Dashes of this width.
    Dashed(f64),
    /// A filled dot at each point, of this radius.
    Dots(f64),
    /// A ring at each point, of this radius.
    Rings(f64),
}

/// Points of one colour.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Name in the legend; empty for none.
    pub name: String,
    /// Points.
    pub points: Vec<(f64, f64)>,
    /// Colour.
    pub ink: Ink,
    /// How.
    pub style: Style,
}

/// One coordinate system.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Panel {
    /// Label of the abscissa, with its unit.
    pub x_label: String,
    /// Label of the ordinate, with its unit.
    pub y_label: String,
    /// What is drawn, first at the bottom.
    pub series: Vec<Series>,
    /// Part of the abscissa shown; all where `None`.
    pub x_range: Option<Range<f64>>,
    /// Part of the ordinate shown; all, with a margin, where `None`.
    pub y_range: Option<Range<f64>>,
    /// Same scale on both axes.
    pub square: bool,
}

/// Drawn this much larger than shown: the back end rounds to whole units.
const FINE: f64 = 8.0;
/// Size of labels in pixels.
const TEXT: f64 = 12.0;
/// The back end divides font sizes by this.
const BACKEND_FONT: f64 = 1.24;

const SENTINELS: [(Ink, RGBColor, &str, &str); 6] = [
    (Ink::Text, RGBColor(1, 2, 1), "#1f2328", "var(--text)"),
    (Ink::Grid, RGBColor(1, 2, 2), "#d0d4d9", "var(--grid)"),
    (Ink::Model, RGBColor(1, 2, 3), "#0072b2", "var(--model)"),
    (Ink::Circuit, RGBColor(1, 2, 4), "#d55e00", "var(--circuit)"),
    (Ink::Third, RGBColor(1, 2, 5), "#009e73", "var(--third)"),
    (Ink::Fourth, RGBColor(1, 2, 6), "#a4528a", "var(--fourth)"),
];

fn rgb(ink: Ink) -> RGBColor {
    SENTINELS.iter().find(|s| s.0 == ink).map_or(BLACK, |s| s.1)
}

fn px(pixels: f64) -> i32 {
    (pixels * FINE).round() as i32
}

fn stroke(pixels: f64) -> u32 {
    px(pixels).max(1).unsigned_abs()
}

fn font(ink: Ink) -> TextStyle<'static> {
    let mut style = TextStyle::from(("sans-serif", TEXT * FINE * BACKEND_FONT).into_font());
    style.color = rgb(ink).to_backend_color();
    style
}

/// A figure: panels row by row, `columns` wide, `width` × `height` pixels, with a legend above. `label` says in words
/// what it shows, for those who cannot see it.
pub fn draw(panels: &[Panel], columns: usize, (width, height): (f64, f64), theme: Theme, label: &str) -> String {
    let mut svg = String::new();
    let size = (px(width).unsigned_abs(), px(height).unsigned_abs());
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        // A string takes whatever is written to it: drawing fails on coordinates that are no numbers alone, and those
        // are left out below.
        let _ = draw_on(&root, panels, columns);
        let _ = root.present();
    }
    finish(svg, size, theme, label)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw_on(root: &Area<'_>, panels: &[Panel], columns: usize) -> Drawn {
    let columns = columns.max(1);
    let named = legend(panels);
    let top = if named.is_empty() { 0 } else { px(22.0) };
    let (head, body) = root.split_vertically(top);
    draw_legend(&head, &named)?;
    let rows = panels.len().div_ceil(columns).max(1);
    for (area, panel) in body.split_evenly((rows, columns)).iter().zip(panels) {
        draw_panel(area, panel)?;
    }
    Ok(())
}

/// Each name once, in order of appearance.
fn legend(panels: &[Panel]) -> Vec<&Series> {
    let mut named: Vec<&Series> = Vec::new();
    for s in panels.iter().flat_map(|p| &p.series) {
        if !s.name.is_empty() && !named.iter().any(|n| n.name == s.name) {
            named.push(s);
        }
    }
    named
}

fn draw_legend(area: &Area<'_>, named: &[&Series]) -> Drawn {
    let mut x = 58.0;
    let y = 11.0;
    for s in named {
        let sample = [(x, y), (x + 18.0, y)];
        let at = |p: (f64, f64)| (px(p.0), px(p.1));
        let color = rgb(s.ink);
        match s.style {
            Style::Line(w) | Style::Dashed(w) => {
                area.draw(&PathElement::new(sample.map(at), color.stroke_width(stroke(w.max(1.6)))))?;
            }
            Style::Under(w) => {
                area.draw(&PathElement::new(sample.map(at), color.mix(UNDER).stroke_width(stroke(w))))?;
            }
            Style::Dots(r) => area.draw(&Circle::new(at((x + 9.0, y)), px(r), color.filled()))?,
            Style::Rings(r) => area.draw(&Circle::new(at((x + 9.0, y)), px(r), color.stroke_width(stroke(1.6))))?,
        }
        let style = font(Ink::Text).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(s.name.clone(), at((x + 24.0, y)), style))?;
        x += 24.0 + 24.0 + 0.56 * TEXT * s.name.chars().count() as f64;
    }
    Ok(())
}

/// How much of the colour is left of a line that lies under another.
const UNDER: f64 = 0.45;

fn draw_panel(area: &Area<'_>, panel: &Panel) -> Drawn {
    let (x, y) = ranges(panel, area.dim_in_pixel());
    let mut chart = ChartBuilder::on(area)
        .margin_top(px(6.0))
        .margin_right(px(14.0))
        .margin_bottom(px(4.0))
        .x_label_area_size(px(38.0))
        .y_label_area_size(px(58.0))
        .build_cartesian_2d(x.clone(), y.clone())?;
    let ticks = |r: &Range<f64>| tick_format(r.end - r.start);
    let (fx, fy) = (ticks(&x), ticks(&y));
    let (x_ticks, y_ticks) = (|v: &f64| fx(*v), |v: &f64| fy(*v));
    let wide = f64::from(area.dim_in_pixel().0) / FINE;
    chart
        .configure_mesh()
        .x_labels(((wide - 72.0) / 80.0).clamp(2.0, 12.0) as usize)
        .y_labels(5)
        .max_light_lines(1)
        .x_desc(&panel.x_label)
        .y_desc(&panel.y_label)
        .x_label_formatter(&x_ticks)
        .y_label_formatter(&y_ticks)
        .label_style(font(Ink::Text))
        .axis_style(rgb(Ink::Grid).stroke_width(stroke(1.0)))
        .bold_line_style(rgb(Ink::Grid).mix(0.5).stroke_width(stroke(0.7)))
        .light_line_style(TRANSPARENT)
        .set_all_tick_mark_size(px(3.0))
        .draw()?;
    for s in &panel.series {
        let color = rgb(s.ink);
        let points = || s.points.iter().copied().filter(|p| p.0.is_finite() && p.1.is_finite());
        match s.style {
            Style::Line(w) => {
                let line = thin(points(), &x, &y, area.dim_in_pixel());
                chart.draw_series(LineSeries::new(line, color.stroke_width(stroke(w))))?;
            }
            Style::Under(w) => {
                let line = thin(points(), &x, &y, area.dim_in_pixel());
                chart.draw_series(LineSeries::new(line, color.mix(UNDER).stroke_width(stroke(w))))?;
            }
            Style::Dashed(w) => {
                let line = thin(points(), &x, &y, area.dim_in_pixel()).into_iter();
                let dashes = DashedLineSeries::new(
                    line,
                    px(5.0).unsigned_abs(),
                    px(4.0).unsigned_abs(),
                    color.stroke_width(stroke(w)),
                );
                chart.draw_series(dashes)?;
            }
            Style::Dots(r) => {
                chart.draw_series(points().map(|p| Circle::new(p, px(r), color.filled())))?;
            }
            Style::Rings(r) => {
                chart.draw_series(points().map(|p| Circle::new(p, px(r), color.stroke_width(stroke(1.6)))))?;
            }
        }
    }
    Ok(())
}

fn ranges(panel: &Panel, (width, height): (u32, u32)) -> (Range<f64>, Range<f64>) {
    let all = || panel.series.iter().flat_map(|s| &s.points).filter(|p| p.0.is_finite() && p.1.is_finite());
    let x = panel.x_range.clone().unwrap_or_else(|| extent(all().map(|p| p.0), if panel.square { 0.06 } else { 0.0 }));
    let shown = all().filter(|p| x.contains(&p.0) || p.0 == x.end).map(|p| p.1);
    let y = panel.y_range.clone().unwrap_or_else(|| extent(shown, 0.06));
    if !panel.square {
        return (x, y);
    }
    // The plotting area without labels and margins, as in `draw_panel`.
    let (w, h) = ((f64::from(width) / FINE - 72.0).max(1.0), (f64::from(height) / FINE - 48.0).max(1.0));
    let scale = ((x.end - x.start) / w).max((y.end - y.start) / h);
    let about = |r: Range<f64>, pixels: f64| {
        let middle = 0.5 * (r.start + r.end);
        middle - 0.5 * scale * pixels..middle + 0.5 * scale * pixels
    };
    (about(x, w), about(y, h))
}

/// From the smallest to the largest value with a margin; never empty.
fn extent(values: impl Iterator<Item = f64>, margin: f64) -> Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return 0.0..1.0;
    }
    let span = high - low;
    // A constant still needs an axis around it.
    let pad = if span > 1e-12 * high.abs().max(1e-300) { margin * span } else { 0.5 * high.abs().max(1e-9) };
    low - pad..high + pad
}

/// Ticks are multiples of 1, 2, 5 × a power of ten: as many decimals as their distance needs.
fn tick_format(span: f64) -> impl Fn(f64) -> String {
    let decimals = (1.0 - (span / 5.0).log10().floor()).clamp(0.0, 12.0) as usize;
    move |v| {
        let text = format!("{v:.decimals$}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        if text == "-0" { "0".into() } else { text.replace('-', "−") }
    }
}

/// A line without the points that change no pixel: what is kept of each quarter-pixel column is its first, lowest,
/// highest and last point. Where the line turns back (phase planes) each turn begins a new column.
fn thin(
    points: impl Iterator<Item = (f64, f64)>,
    x: &Range<f64>,
    y: &Range<f64>,
    (w, h): (u32, u32),
) -> Vec<(f64, f64)> {
    let cell = |v: f64, r: &Range<f64>, n: u32| ((v - r.start) / (r.end - r.start) * f64::from(n) / FINE * 4.0).floor();
    let mut kept: Vec<(f64, f64)> = Vec::new();
    let mut column: Vec<(f64, f64)> = Vec::new();
    let mut flush = |column: &mut Vec<(f64, f64)>| {
        let by_y = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let ends = [column.first().copied(), column.last().copied()];
        let (low, high) = (column.iter().min_by(by_y).copied(), column.iter().max_by(by_y).copied());
        for p in column.iter().filter(|p| [ends[0], ends[1], low, high].contains(&Some(**p))) {
            if kept.last() != Some(p) {
                kept.push(*p);
            }
        }
        column.clear();
    };
    for p in points {
        // Lines that leave the panel are cut by the back end; points far outside it are not worth keeping.
        let same = column.first().is_some_and(|c| cell(c.0, x, w) == cell(p.0, x, w));
        let still = column.last().is_some_and(|c| same && cell(c.1, y, h) == cell(p.1, y, h));
        if !same {
            flush(&mut column);
        }
        if still && column.len() > 3 {
            column.pop();
        }
        column.push(p);
    }
    flush(&mut column);
    let visible = |p: &(f64, f64)| x.contains(&p.0) || p.0 == x.end;
    let n = kept.len();
    (0..n)
        .filter(|&i| visible(&kept[i]) || (i > 0 && visible(&kept[i - 1])) || (i + 1 < n && visible(&kept[i + 1])))
        .map(|i| kept[i])
        .collect()
}

fn finish(svg: String, (width, height): (u32, u32), theme: Theme, label: &str) -> String {
    let mut svg = svg;
    for (_, color, standalone, page) in SENTINELS {
        let sentinel = format!("#{:02X}{:02X}{:02X}", color.0, color.1, color.2);
        svg = svg.replace(&sentinel, if theme == Theme::Page { page } else { standalone });
    }
    let Some(end_of_head) = svg.find('>') else { return svg };
    let label = crate::junit::escape(label);
    let shown = (f64::from(width) / FINE, f64::from(height) / FINE);
    let head = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{}\" height=\"{}\" role=\"img\" aria-label=\"{label}\">",
        shown.0, shown.1
    );
    let paper =
        if theme == Theme::Standalone { "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n" } else { "" };
    format!("{head}\n{paper}{}", svg[end_of_head + 1..].trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave() -> Panel {
        let points = (0..20_000).map(|i| (f64::from(i) * 1e-3, (f64::from(i) * 0.05).sin())).collect();
        let series = vec![Series { name: "model".into(), points, ink: Ink::Model, style: Style::Line(1.5) }];
        Panel { x_label: "t (s)".into(), y_label: "v (V)".into(), series, ..Panel::default() }
    }

    #[test]
    fn a_figure_is_small_and_names_its_colours() {
        let svg = draw(&[wave()], 1, (800.0, 200.0), Theme::Page, "a <wave>");
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        assert!(svg.contains("var(--model)") && !svg.contains("#010203"));
        assert!(svg.contains("aria-label=\"a &lt;wave&gt;\"") && svg.contains("t (s)"));
        assert!(svg.len() < 250_000, "{} bytes for 20 000 points", svg.len());
        assert!(draw(&[wave()], 1, (800.0, 200.0), Theme::Standalone, "").contains("#0072b2"));
    }

    #[test]
    fn thinning_keeps_what_is_seen() {
        let panel = wave();
        let (x, y) = ranges(&panel, (6400, 1600));
        let kept = thin(panel.series[0].points.iter().copied(), &x, &y, (6400, 1600));
        let highest = kept.iter().map(|p| p.1).fold(f64::MIN, f64::max);
        assert!(kept.len() < 16_000 && highest > 0.9999);
        assert_eq!(kept.last(), panel.series[0].points.last());
        assert!(kept.windows(2).all(|w| w[0].0 <= w[1].0), "a line over time stays in order");
    }

    #[test]
    fn anything_can_be_drawn() {
        let series = |points| vec![Series { name: String::new(), points, ink: Ink::Circuit, style: Style::Dots(2.0) }];
        for points in [vec![], vec![(0.0, 0.0)], vec![(f64::NAN, 1.0), (1.0, f64::INFINITY)], vec![(1e300, -1e300)]] {
            for square in [false, true] {
                let panel = Panel { series: series(points.clone()), square, ..Panel::default() };
                assert!(draw(&[panel], 1, (300.0, 300.0), Theme::Page, "").contains("</svg>"));
            }
        }
        assert!(draw(&[], 0, (10.0, 10.0), Theme::Page, "").contains("</svg>"));
    }
}
