//! Layout: the legend above, panels in rows, in each its axes, ticks and labels around what it shows.

use std::ops::Range;

use plotters::prelude::DrawingBackend;

use super::line::{self, Inside, Place};
use super::pen::{Anchor, Pen};
use super::scale::{Axis, Scale};
use super::{Area, Bar, Drawn, Heat, Ink, Panel, Series, Sheet, Style, text};

/// How much of the colour is left of a line that lies under another.
const UNDER: f64 = 0.45;
/// How much of the colour fills an area.
const FILL: f64 = 0.25;

/// Sizes in letters' heights.
mod em {
    /// Length of a tick.
    pub(super) const TICK: f64 = 0.3;
    /// Between a tick and what it says.
    pub(super) const GAP: f64 = 0.25;
    /// A line of text.
    pub(super) const LINE: f64 = 1.35;
    /// Between what stands side by side.
    pub(super) const MARGIN: f64 = 0.7;
    /// Between panels beside each other: what one says at its right is not to be read with what the next says at its left.
    pub(super) const GUTTER: f64 = 1.2;
    /// Width of a colour bar.
    pub(super) const BAR: f64 = 0.9;
    /// Length of a legend's sample.
    pub(super) const SAMPLE: f64 = 1.5;
}

pub(super) fn draw<DB: DrawingBackend>(root: &Area<DB>, panels: &[Panel], sheet: &Sheet) -> Drawn
where
    DB::ErrorType: 'static,
{
    let pen = Pen { area: root, sheet };
    let legend = legend(panels, sheet);
    let top = legend.len() as f64 * sheet.text * em::LINE + if legend.is_empty() { 0.0 } else { 0.3 * sheet.text };
    draw_legend(&pen, &legend)?;
    let columns = sheet.columns.max(1);
    let rows: Vec<&[Panel]> = panels.chunks(columns).collect();
    let tall = |row: &[Panel]| {
        row.iter().filter_map(|p| p.tall).fold(None, |a: Option<f64>, b| Some(a.map_or(b, |a| a.max(b))))
    };
    let share: Vec<f64> = rows.iter().map(|row| tall(row).unwrap_or(1.0).max(0.05)).collect();
    let total: f64 = share.iter().sum();
    let gutter = em::GUTTER * sheet.text;
    let width = (sheet.width - gutter * (columns - 1) as f64) / columns as f64;
    let mut y = top;
    let laid: Vec<Vec<Laid<'_>>> = rows
        .iter()
        .zip(&share)
        .map(|(row, share)| {
            let height = (sheet.height - top) * share / total;
            let place = |(i, panel)| Laid::new(panel, sheet, ((width + gutter) * i as f64, y), (width, height));
            let laid = row.iter().enumerate().map(place).collect();
            y += height;
            laid
        })
        .collect();
    // Panels above one another begin and end at the same places.
    for column in 0..columns {
        let of = |side: fn(&Laid<'_>) -> f64| laid.iter().filter_map(|r| r.get(column)).map(side).fold(0.0, f64::max);
        let (left, right) = (of(|l| l.left), of(|l| l.right));
        for cell in laid.iter().filter_map(|r| r.get(column)) {
            cell.draw(&pen, left, right)?;
        }
    }
    Ok(())
}

/// Each name once, in order of appearance, in rows that fit the sheet.
fn legend<'p>(panels: &'p [Panel], sheet: &Sheet) -> Vec<Vec<(f64, &'p Series)>> {
    let mut named: Vec<&Series> = Vec::new();
    for s in panels.iter().flat_map(|p| &p.series) {
        if !s.name.is_empty() && !named.iter().any(|n| n.name == s.name) {
            named.push(s);
        }
    }
    let mut rows: Vec<Vec<(f64, &Series)>> = Vec::new();
    let indent = 3.0 * sheet.text;
    let mut x = f64::INFINITY;
    for s in named {
        let width = (em::SAMPLE + 0.5) * sheet.text + text::width(&s.name, sheet.text);
        if x + width > sheet.width {
            rows.push(Vec::new());
            x = indent;
        }
        if let Some(row) = rows.last_mut() {
            row.push((x, s));
        }
        x += width + 1.5 * sheet.text;
    }
    rows
}

fn draw_legend<DB: DrawingBackend>(pen: &Pen<'_, DB>, rows: &[Vec<(f64, &Series)>]) -> Drawn
where
    DB::ErrorType: 'static,
{
    let size = pen.sheet.text;
    for (i, row) in rows.iter().enumerate() {
        let y = (i as f64 * em::LINE + 0.85) * size;
        for &(x, s) in row {
            let (end, middle) = (x + em::SAMPLE * size, x + 0.5 * em::SAMPLE * size);
            let sample = [(x, y), (end, y)];
            match s.style {
                Style::Line(w) => pen.line(&sample, s.ink, 1.0, w.max(1.4))?,
                Style::Dashed(w) => pen.dashes(&sample, s.ink, w.max(1.4))?,
                Style::Under(w) => pen.line(&sample, s.ink, UNDER, w)?,
                Style::Dots(r) => pen.dot((middle, y), s.ink, r)?,
                Style::Rings(r) => pen.ring((middle, y), s.ink, r)?,
                Style::Ticks(w) => pen.line(&[(middle, y - 0.4 * size), (middle, y + 0.4 * size)], s.ink, 1.0, w)?,
                Style::Area(w) => {
                    pen.rectangle((x, y - 0.35 * size), (end, y + 0.35 * size), s.ink, FILL)?;
                    pen.line(&[(x, y - 0.35 * size), (end, y - 0.35 * size)], s.ink, 1.0, w)?;
                }
            }
            pen.text(&s.name, (end + 0.5 * size, y), Anchor::Left)?;
        }
    }
    Ok(())
}

/// A panel with its place on the sheet and what is around it.
struct Laid<'p> {
    panel: &'p Panel,
    at: Place,
    size: Place,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    y_ticks: Vec<(f64, String)>,
    bar_ticks: Vec<(f64, String)>,
}

impl<'p> Laid<'p> {
    fn new(panel: &'p Panel, sheet: &Sheet, at: Place, size: Place) -> Self {
        let letter = sheet.text;
        let widest = |ticks: &[(f64, String)]| ticks.iter().map(|t| text::width(&t.1, letter)).fold(0.0, f64::max);
        let top = if panel.title.is_empty() { 0.5 } else { em::LINE + 0.3 } * letter;
        let line = |label: &str| if label.is_empty() { 0.0 } else { em::LINE * letter };
        let bottom = (em::TICK + em::GAP + em::LINE + 0.1) * letter + line(&panel.x_label);
        let most = (((size.1 - top - bottom) / (2.4 * letter)).floor().clamp(2.0, 9.0)) as usize;
        // A square panel's range grows with its place; its ticks are as wide.
        let (_, y) = ranges(panel, (1.0, 1.0));
        let y_ticks = Axis { range: y, scale: &panel.y_scale }.ticks(most);
        let bar_ticks = panel.bar.as_ref().map_or_else(Vec::new, |b| b.axis().ticks(most));
        let ticks = (em::TICK + em::GAP) * letter;
        let left = widest(&y_ticks) + ticks + line(&panel.y_label) + 0.3 * letter;
        let bar =
            |b: &Bar| (em::MARGIN + em::BAR) * letter + widest(&bar_ticks) + ticks + line(&b.label) + 0.2 * letter;
        let right = panel.bar.as_ref().map_or(0.0, bar).max(1.1 * letter).max(overhang(panel, letter, size.0 - left));
        Laid { panel, at, size, left, right, top, bottom, y_ticks, bar_ticks }
    }

    fn draw<DB: DrawingBackend>(&self, pen: &Pen<'_, DB>, left: f64, right: f64) -> Drawn
    where
        DB::ErrorType: 'static,
    {
        let inside = Inside {
            left: self.at.0 + left,
            top: self.at.1 + self.top,
            right: (self.at.0 + self.size.0 - right).max(self.at.0 + left + 1.0),
            bottom: (self.at.1 + self.size.1 - self.bottom).max(self.at.1 + self.top + 1.0),
        };
        let (x, y) = ranges(self.panel, (inside.width(), inside.height()));
        let plot = Plot {
            pen,
            inside,
            x: Axis { range: x, scale: &self.panel.x_scale },
            y: Axis { range: y, scale: &self.panel.y_scale },
        };
        if let Some(heat) = &self.panel.heat {
            plot.heat(heat, self.panel.bar.as_ref())?;
        }
        let y_ticks = if self.panel.square { plot.y.ticks(self.y_ticks.len().max(4)) } else { self.y_ticks.clone() };
        plot.axes(self.panel, &y_ticks, self.at.0)?;
        for s in &self.panel.series {
            plot.series(s)?;
        }
        self.panel.bar.as_ref().map_or(Ok(()), |bar| plot.bar(bar, &self.bar_ticks, self.at.0 + self.size.0))
    }
}

/// How far the last label of the abscissa reaches beyond the panel, `width` pixels wide at most.
fn overhang(panel: &Panel, letter: f64, width: f64) -> f64 {
    let axis = Axis { range: ranges(panel, (1.0, 1.0)).0, scale: &panel.x_scale };
    let ticks = axis.ticks((width / (5.0 * letter)).clamp(2.0, 8.0) as usize);
    let over = |(v, words): &(f64, String)| 0.5 * text::width(words, letter) - (1.0 - axis.place(*v)).max(0.0) * width;
    ticks.iter().map(over).fold(0.0, f64::max) + 0.2 * letter
}

impl Bar {
    fn axis(&self) -> Axis<'_> {
        Axis { range: self.range.clone(), scale: &self.scale }
    }
}

/// A panel's inside with its axes.
struct Plot<'a, DB: DrawingBackend> {
    pen: &'a Pen<'a, DB>,
    inside: Inside,
    x: Axis<'a>,
    y: Axis<'a>,
}

impl<DB: DrawingBackend> Plot<'_, DB>
where
    DB::ErrorType: 'static,
{
    fn at(&self, (x, y): (f64, f64)) -> Place {
        let Inside { left, bottom, .. } = self.inside;
        (left + self.x.place(x) * self.inside.width(), bottom - self.y.place(y) * self.inside.height())
    }

    fn axes(&self, panel: &Panel, y_ticks: &[(f64, String)], sheet_left: f64) -> Drawn {
        let (pen, letter) = (self.pen, self.pen.sheet.text);
        let Inside { left, top, right, bottom } = self.inside;
        let grid = pen.sheet.grid;
        let (ink, thick) = if grid { (Ink::Grid, 1.0) } else { (Ink::Text, 0.75) };
        let x_ticks = self.x_ticks();
        for (v, words) in &x_ticks {
            let x = self.at((*v, 0.0)).0;
            if grid {
                pen.line(&[(x, top), (x, bottom)], Ink::Grid, 0.5, 0.7)?;
            }
            pen.line(&[(x, bottom), (x, bottom + em::TICK * letter)], ink, 1.0, thick)?;
            pen.text(words, (x, bottom + (em::TICK + em::GAP) * letter), Anchor::Top)?;
        }
        for (v, words) in y_ticks {
            let y = self.at((0.0, *v)).1;
            if !(y >= top - 1e-6 && y <= bottom + 1e-6) {
                continue;
            }
            if grid {
                pen.line(&[(left, y), (right, y)], Ink::Grid, 0.5, 0.7)?;
            }
            pen.line(&[(left - em::TICK * letter, y), (left, y)], ink, 1.0, thick)?;
            pen.text(words, (left - (em::TICK + em::GAP) * letter, y), Anchor::Right)?;
        }
        if panel.heat.is_some() {
            pen.line(&[(left, top), (right, top), (right, bottom)], ink, 1.0, thick)?;
        }
        pen.line(&[(left, top), (left, bottom), (right, bottom)], ink, 1.0, thick)?;
        let middle = (0.5 * (left + right), 0.5 * (top + bottom));
        pen.text(&panel.title, (middle.0, top - 0.5 * letter), Anchor::Bottom)?;
        let below = bottom + (em::TICK + em::GAP + 1.1) * letter;
        pen.text(&panel.x_label, (middle.0, below), Anchor::Top)?;
        pen.text(&panel.y_label, (sheet_left + 0.1 * letter, middle.1), Anchor::Turned)
    }

    /// As many ticks as stand clear of each other.
    fn x_ticks(&self) -> Vec<(f64, String)> {
        let letter = self.pen.sheet.text;
        let clear = |ticks: &[(f64, String)]| {
            ticks.windows(2).all(|pair| {
                let apart = self.at((pair[1].0, 0.0)).0 - self.at((pair[0].0, 0.0)).0;
                let half = |t: &(f64, String)| 0.5 * text::width(&t.1, letter);
                apart > half(&pair[0]) + half(&pair[1]) + em::MARGIN * letter
            })
        };
        let most = (self.inside.width() / (3.0 * letter)).clamp(1.0, 10.0) as usize;
        let tries = (1..=most).rev().map(|n| self.x.ticks(n));
        tries.into_iter().find(|ticks| clear(ticks)).unwrap_or_default()
    }

    fn series(&self, s: &Series) -> Drawn {
        let (pen, ink) = (self.pen, s.ink);
        let runs = || line::runs(s.points.iter().map(|p| self.at(*p)), &self.inside);
        let marks = || {
            let places = s.points.iter().filter(|p| p.0.is_finite() && p.1.is_finite()).map(|p| self.at(*p));
            without_repeats(places.filter(|p| self.inside.holds(*p)))
        };
        match s.style {
            Style::Line(w) => runs().iter().try_for_each(|run| pen.line(run, ink, 1.0, w)),
            Style::Under(w) => runs().iter().try_for_each(|run| pen.line(run, ink, UNDER, w)),
            Style::Dashed(w) => runs().iter().try_for_each(|run| pen.dashes(run, ink, w)),
            Style::Dots(r) => marks().into_iter().try_for_each(|p| pen.dot(p, ink, r)),
            Style::Rings(r) => marks().into_iter().try_for_each(|p| pen.ring(p, ink, r)),
            Style::Ticks(w) => {
                let half = 0.4 * (self.at((0.0, 0.0)).1 - self.at((0.0, 1.0)).1).abs();
                marks().into_iter().try_for_each(|(x, y)| pen.line(&[(x, y - half), (x, y + half)], ink, 1.0, w))
            }
            Style::Area(w) => runs().iter().try_for_each(|run| {
                let ground = self.at((0.0, 0.0)).1.clamp(self.inside.top, self.inside.bottom);
                let ends = [run.last(), run.first()].into_iter().flatten().map(|p| (p.0, ground));
                let corners: Vec<Place> = run.iter().copied().chain(ends).collect();
                pen.polygon(&corners, ink, FILL)?;
                pen.line(run, ink, 1.0, w)
            }),
        }
    }

    /// Runs of cells of one colour in a row are one rectangle, each a little larger than itself so that no seam shows.
    fn heat(&self, heat: &Heat, bar: Option<&Bar>) -> Drawn {
        const SEAM: f64 = 0.4;
        let Inside { left, top, right, bottom } = self.inside;
        let columns = heat.x.len().saturating_sub(1);
        self.pen.rectangle((left, top), (right, bottom), Ink::Grid, 1.0)?;
        let ink = |v: f64| bar.filter(|_| v.is_finite()).map(|b| b.ink(v));
        for (row, edges) in heat.values.chunks(columns.max(1)).zip(heat.y.windows(2)) {
            let mut i = 0;
            while i < row.len() {
                let color = ink(row[i]);
                let n = row[i..].iter().take_while(|v| ink(**v) == color).count().max(1);
                if let Some(color) = color {
                    let (a, b) = (self.at((heat.x[i], edges[1])), self.at((heat.x[i + n], edges[0])));
                    let (a, b) = ((a.0.max(left), a.1.max(top)), (b.0.min(right), b.1.min(bottom)));
                    if a.0 < b.0 && a.1 < b.1 {
                        self.pen.rectangle((a.0, (a.1 - SEAM).max(top)), ((b.0 + SEAM).min(right), b.1), color, 1.0)?;
                    }
                }
                i += n;
            }
        }
        Ok(())
    }

    fn bar(&self, bar: &Bar, ticks: &[(f64, String)], sheet_right: f64) -> Drawn {
        const STEPS: u16 = 128;
        let (pen, letter) = (self.pen, self.pen.sheet.text);
        let Inside { top, bottom, .. } = self.inside;
        let left = self.inside.right + em::MARGIN * letter;
        let right = left + em::BAR * letter;
        let place = |part: f64| bottom + (top - bottom) * part;
        for i in 0..STEPS {
            let (low, high) = (f64::from(i) / f64::from(STEPS), f64::from(i + 1) / f64::from(STEPS));
            // 0 to 255.
            let amount = (255.0 * f64::from(i) / f64::from(STEPS - 1)).round() as u8;
            pen.rectangle((left, (place(high) - 0.4).max(top)), (right, place(low)), Ink::Amount(amount), 1.0)?;
        }
        let axis = bar.axis();
        for (v, words) in ticks {
            let y = place(axis.place(*v));
            pen.line(&[(right, y), (right + em::TICK * letter, y)], Ink::Text, 1.0, 0.75)?;
            pen.text(words, (right + (em::TICK + em::GAP) * letter, y), Anchor::Left)?;
        }
        pen.text(&bar.label, (sheet_right - 1.15 * letter, 0.5 * (top + bottom)), Anchor::Turned)
    }
}

/// Marks on the same quarter of a pixel are one.
fn without_repeats(places: impl Iterator<Item = Place>) -> Vec<Place> {
    let mut seen = std::collections::HashSet::new();
    places.filter(|p| seen.insert(((4.0 * p.0) as i64, (4.0 * p.1) as i64))).collect()
}

/// The ranges of a panel whose inside is so many pixels wide and high.
pub(super) fn ranges(panel: &Panel, (width, height): Place) -> (Range<f64>, Range<f64>) {
    let fits = |scale: &Scale, v: f64| v.is_finite() && (*scale != Scale::Log || v > 0.0);
    let all = || {
        let points = panel.series.iter().flat_map(|s| &s.points).copied();
        points.filter(|p| fits(&panel.x_scale, p.0) && fits(&panel.y_scale, p.1))
    };
    let edges = |edges: fn(&Heat) -> &Vec<f64>| panel.heat.iter().flat_map(edges).copied();
    let margin = if panel.square { 0.06 } else { 0.0 };
    let x_all = all().map(|p| p.0).chain(edges(|h| &h.x));
    let x = panel.x_range.clone().unwrap_or_else(|| extent(x_all, &panel.x_scale, margin));
    let shown = all().filter(|p| x.contains(&p.0) || p.0 == x.end).map(|p| p.1);
    let margin = if panel.heat.is_some() { 0.0 } else { 0.06 };
    let y_all = shown.chain(edges(|h| &h.y));
    let y = panel.y_range.clone().unwrap_or_else(|| extent(y_all, &panel.y_scale, margin));
    if !panel.square || (width, height) == (1.0, 1.0) {
        return (x, y);
    }
    let scale = ((x.end - x.start) / width).max((y.end - y.start) / height);
    let about = |r: Range<f64>, pixels: f64| {
        let middle = 0.5 * (r.start + r.end);
        middle - 0.5 * scale * pixels..middle + 0.5 * scale * pixels
    };
    (about(x, width), about(y, height))
}

/// From the smallest to the largest value with a margin; never empty.
fn extent(values: impl Iterator<Item = f64>, scale: &Scale, margin: f64) -> Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    match scale {
        Scale::Names(names) => -0.6..names.len() as f64 - 0.4,
        Scale::Log if low > high => 0.1..10.0,
        Scale::Log if high / low < 1.0 + 1e-12 => low / 2.0..high * 2.0,
        Scale::Log => low / (high / low).powf(margin)..high * (high / low).powf(margin),
        Scale::Linear | Scale::Whole if low > high => 0.0..1.0,
        Scale::Linear | Scale::Whole => {
            let span = high - low;
            // A constant still needs an axis around it.
            let pad = match () {
                () if span > 1e-12 * high.abs() => margin * span,
                () if high == 0.0 => 1.0,
                () => 0.5 * high.abs(),
            };
            (low - pad).max(f64::MIN)..(high + pad).min(f64::MAX)
        }
    }
}
