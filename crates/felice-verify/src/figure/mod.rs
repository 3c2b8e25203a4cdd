//! Figures as SVG and PNG: the one module that knows the plotting crates.
//!
//! A figure is a grid of [`Panel`]s of lines, marks and heat maps on a [`Sheet`]. Colours are told apart by the colour-blind;
//! [`Theme::Page`] leaves them to the page's style sheet, so that one drawing suits light and dark. One input gives the
//! same bytes everywhere: texts are laid out with the one typeface that is compiled in.

mod bitmap;
mod colour;
mod frame;
mod line;
mod pen;
mod scale;
pub(crate) mod text;

use std::ops::Range;

use plotters::prelude::{DrawingArea, IntoDrawingArea, SVGBackend};

pub use colour::{Ink, SERIES, Theme};
pub use scale::Scale;
pub(crate) use scale::raised;

/// How a series is drawn. Sizes are in pixels of 1/96 inch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Style {
    /// A line of this width.
    Line(f64),
    /// The same, translucent: to lie under another.
    Under(f64),
    /// Dashes of this width.
    Dashed(f64),
    /// A filled dot at each point, of this radius.
    Dots(f64),
    /// A ring at each point, of this radius.
    Rings(f64),
    /// An upright stroke at each point, of this width, as long as four fifths of a unit of the ordinate.
    Ticks(f64),
    /// A line of this width, and what is between it and 0 filled translucently.
    Area(f64),
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

/// Cells in the colours of their values, below all series.
#[derive(Clone, Debug, PartialEq)]
pub struct Heat {
    /// Edges of the columns, rising: one more than there are columns.
    pub x: Vec<f64>,
    /// Edges of the rows, rising: one more than there are rows.
    pub y: Vec<f64>,
    /// Values, row by row; what is not finite stays grey.
    pub values: Vec<f64>,
}

/// A colour bar beside a panel: what the amounts of [`Ink::Amount`] and of a [`Heat`] mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// What it shows, with its unit.
    pub label: String,
    /// Least and most.
    pub range: Range<f64>,
    /// How values go along it.
    pub scale: Scale,
}

impl Bar {
    /// The ink of an amount.
    pub fn ink(&self, value: f64) -> Ink {
        let place = scale::Axis { range: self.range.clone(), scale: &self.scale }.place(value);
        // Clamped to a byte; of no range the middle.
        Ink::Amount(if place.is_nan() { 128 } else { (255.0 * place).round().clamp(0.0, 255.0) as u8 })
    }
}

/// One coordinate system.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Panel {
    /// What stands above it; empty for none.
    pub title: String,
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
    /// How values go along the abscissa.
    pub x_scale: Scale,
    /// How values go along the ordinate.
    pub y_scale: Scale,
    /// Same scale on both axes.
    pub square: bool,
    /// A heat map.
    pub heat: Option<Heat>,
    /// A colour bar.
    pub bar: Option<Bar>,
    /// Height compared with other rows' panels; 1 where `None`.
    pub tall: Option<f64>,
}

/// What a figure is drawn on.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    /// Width in pixels of 1/96 inch.
    pub width: f64,
    /// Height in pixels of 1/96 inch.
    pub height: f64,
    /// Panels in a row.
    pub columns: usize,
    /// Size of the letters in pixels.
    pub text: f64,
    /// Grid lines, and axes as pale as they; without, axes in the colour of the text.
    pub grid: bool,
    /// Who decides the colours.
    pub theme: Theme,
    /// What it shows in words, for those who cannot see it.
    pub label: String,
}

/// Pixels of 1/96 inch in a millimetre.
const MILLIMETRE: f64 = 96.0 / 25.4;
/// Pixels of 1/96 inch in a printer's point.
const POINT: f64 = 96.0 / 72.0;

impl Sheet {
    /// A sheet for a journal: so many millimetres wide and high, letters of 7 points, no grid.
    pub fn print(width_mm: f64, height_mm: f64, columns: usize, label: impl Into<String>) -> Self {
        Sheet {
            width: width_mm * MILLIMETRE,
            height: height_mm * MILLIMETRE,
            columns,
            text: 7.0 * POINT,
            grid: false,
            theme: Theme::Standalone,
            label: label.into(),
        }
    }

    /// A sheet for a screen.
    fn screen(columns: usize, (width, height): (f64, f64), theme: Theme, label: &str) -> Self {
        Sheet { width, height, columns, text: 12.0, grid: true, theme, label: label.into() }
    }

    fn size(&self) -> (u32, u32) {
        (px(self.width).unsigned_abs().max(1), px(self.height).unsigned_abs().max(1))
    }
}

/// Drawn this much larger than shown: the back ends round to whole units.
const FINE: f64 = 8.0;
/// The back end divides font sizes by this.
const BACKEND_FONT: f64 = 1.24;
/// Pixels that a bitmap may have.
const MOST_PIXELS: f64 = 2e8;

fn px(pixels: f64) -> i32 {
    (pixels * FINE).round() as i32
}

/// A figure on a screen: panels row by row, `columns` wide, `width` × `height` pixels, with a legend above, as SVG.
/// `label` says in words what it shows.
pub fn draw(panels: &[Panel], columns: usize, size: (f64, f64), theme: Theme, label: &str) -> String {
    svg(panels, &Sheet::screen(columns, size, theme, label))
}

/// A figure as SVG.
pub fn svg(panels: &[Panel], sheet: &Sheet) -> String {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, sheet.size()).into_drawing_area();
        // A string takes whatever is written to it: drawing fails on coordinates that are no numbers alone, and those
        // are left out below.
        let _ = frame::draw(&root, panels, sheet);
        let _ = root.present();
    }
    finish(&svg, sheet)
}

/// A figure as PNG with `dpi` pixels an inch.
///
/// # Errors
/// In words, where the picture would not fit into memory.
pub fn png(panels: &[Panel], sheet: &Sheet, dpi: f64) -> Result<Vec<u8>, String> {
    let scale = dpi / 96.0;
    let (width, height) = ((sheet.width * scale).round(), (sheet.height * scale).round());
    let too_large = || format!("a picture of {width} × {height} pixels is too large; lower the size or the dpi");
    if !(width * height <= MOST_PIXELS && width >= 1.0 && height >= 1.0) {
        return Err(too_large());
    }
    // Below 2e8 and at least 1.
    let (columns, rows) = (width as u32, height as u32);
    let mut pixels = tiny_skia::Pixmap::new(columns, rows).ok_or_else(too_large)?;
    pixels.fill(tiny_skia::Color::WHITE);
    let back = bitmap::Bitmap { pixels: &mut pixels, scale: (scale / FINE) as f32, size: sheet.size() };
    {
        let root = back.into_drawing_area();
        // The bitmap's own error type has no value.
        let _ = frame::draw(&root, panels, sheet);
    }
    let opaque: Vec<u8> = pixels.data().chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, columns, rows);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let metre = (dpi / 0.0254).round().clamp(1.0, 1e9) as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: metre, yppu: metre, unit: png::Unit::Meter }));
    let write = || {
        encoder.add_text_chunk("Description".into(), ascii(&sheet.label))?;
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&opaque)?;
        writer.finish()
    };
    write().map_err(|e| e.to_string())?;
    Ok(bytes)
}

/// PNG's plain text chunks are Latin-1.
fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

/// A failure of a back end; none of ours fails.
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Part of a figure being drawn.
type Area<DB> = DrawingArea<DB, plotters::coord::Shift>;

fn finish(svg: &str, sheet: &Sheet) -> String {
    let Some(end_of_head) = svg.find('>') else { return svg.to_owned() };
    let body = svg[end_of_head + 1..].trim_start();
    let body = match sheet.theme {
        Theme::Page => colour::for_page(body),
        Theme::Standalone => body.replace("font-family=\"sans-serif\"", &format!("font-family=\"{}\"", text::FAMILIES)),
    };
    let label = crate::junit::escape(&sheet.label);
    let ((width, height), mm) = (sheet.size(), |pixels: f64| (pixels / MILLIMETRE * 1e3).round() / 1e3);
    let shown = match sheet.theme {
        Theme::Standalone if !sheet.grid => {
            format!("width=\"{}mm\" height=\"{}mm\"", mm(sheet.width), mm(sheet.height))
        }
        _ => format!("width=\"{}\" height=\"{}\"", sheet.width, sheet.height),
    };
    let head = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" {shown} role=\"img\" aria-label=\"{label}\">"
    );
    let paper =
        if sheet.theme == Theme::Standalone { "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n" } else { "" };
    format!("{head}\n{paper}{body}")
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
        assert!(draw(&[wave()], 1, (800.0, 200.0), Theme::Standalone, "").contains("#0072B2"));
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
