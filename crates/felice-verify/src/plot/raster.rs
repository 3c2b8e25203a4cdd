//! Spikes: a row a neuron, point or kind of event.

use super::contents::Group;
use super::label::Quantity;
use super::{PlotError, Sketch, Source};
use crate::figure::{Ink, Panel, Scale, Series, Style};

/// Rows lower than this many pixels show dots instead of strokes.
const LOW_ROW: f64 = 2.5;

/// A group of event times: axes of their own and nothing else.
pub(super) fn is_events(group: &Group) -> bool {
    !group.arrays.is_empty() && group.arrays.iter().all(|a| a.is_axis && a.numeric && a.about.starts_with("times"))
}

impl Source<'_> {
    /// Spike times in CF's contiguous ragged form.
    pub(super) fn raster(&self, group: &Group) -> Result<Sketch, PlotError> {
        let Some((sizes, times)) = group.ragged() else {
            return Err(self.nothing(
                format!("group `{}` holds no spikes", super::name(group)),
                "spikes are `row_size` and `spike_time`",
            ));
        };
        let rows: Vec<usize> = self.reader.numbers(&sizes.path)?.iter().map(|n| n.max(0.0) as usize).collect();
        let all = self.reader.numbers(&times.path)?;
        if rows.iter().fold(0_usize, |sum, n| sum.saturating_add(*n)) != all.len() {
            return Err(self.nothing(
                format!("`{}` holds {} spikes and `row_size` counts others", times.path, all.len()),
                "the file was not written whole; make it again",
            ));
        }
        let keep = self.kept_rows(group, rows.len())?;
        let mut points = Vec::new();
        let (mut at, mut row) = (0, 0);
        for (n, keep) in rows.iter().zip(&keep) {
            if *keep {
                points.extend(all[at..at + n].iter().map(|t| (*t, f64::from(row))));
                row += 1;
            }
            at += n;
        }
        let axis = sizes.axes.first().map_or("row", |a| a.name.as_str());
        let label = format!("{} spikes of {row} of {} rows of {}", points.len(), rows.len(), super::name(group));
        let y = if keep.iter().all(|k| *k) { axis.to_owned() } else { format!("{axis}, of those kept") };
        self.rows(points, row, y, Scale::Whole, &times.unit, label)
    }

    /// Rows whose coordinates are nearest to those asked for.
    fn kept_rows(&self, group: &Group, rows: usize) -> Result<Vec<bool>, PlotError> {
        let mut keep = vec![true; rows];
        for (name, value) in &self.request.at {
            let known = || {
                let names: Vec<&str> = group
                    .arrays
                    .iter()
                    .filter(|a| a.numeric && a.axes.first().is_some_and(|x| x.len == rows))
                    .map(|a| a.name.as_str())
                    .collect();
                format!("rows differ in: {}", names.join(", "))
            };
            let Some(array) = group.array(name).filter(|a| a.numeric && a.axes.len() == 1 && a.axes[0].len == rows)
            else {
                return Err(self.nothing(format!("the rows of `{}` have no `{name}`", super::name(group)), known()));
            };
            let values = self.reader.numbers(&array.path)?;
            let nearest = values.iter().map(|v| (v - value).abs()).fold(f64::INFINITY, f64::min);
            keep.iter_mut().zip(&values).for_each(|(k, v)| *k &= (v - value).abs() <= nearest * (1.0 + 1e-12));
        }
        Ok(keep)
    }

    /// Event times, a row a kind of event.
    pub(super) fn events(&self, group: &Group) -> Result<Sketch, PlotError> {
        let events = if is_events(group) { Some(group) } else { group.group("events").filter(|g| is_events(g)) };
        let Some(events) = events else {
            return Err(self.nothing(
                format!("group `{}` holds neither spikes nor event times", super::name(group)),
                "`felice inspect` lists what is there",
            ));
        };
        let mut points = Vec::new();
        let mut names = Vec::new();
        for (row, array) in events.arrays.iter().enumerate() {
            points.extend(self.reader.numbers(&array.path)?.iter().map(|t| (*t, row as f64)));
            names.push(array.name.replace('_', " "));
        }
        let unit = events.arrays.first().map_or("1", |a| a.unit.as_str()).to_owned();
        let label = format!("event times of {}", super::name(events));
        let rows = u32::try_from(names.len()).unwrap_or(u32::MAX);
        self.rows(points, rows, String::new(), Scale::Names(names), &unit, label)
    }

    fn rows(
        &self,
        points: Vec<(f64, f64)>,
        rows: u32,
        y: String,
        scale: Scale,
        unit: &str,
        label: String,
    ) -> Result<Sketch, PlotError> {
        let (letter, _) = self.sizes();
        let height_mm = (18.0 + 3.0 * f64::from(rows)).clamp(30.0, 90.0);
        let high = (self.request.height_mm.unwrap_or(height_mm) - 12.0) * 96.0 / 25.4 / f64::from(rows.max(1));
        let style = if high < LOW_ROW { Style::Dots((0.4 * high).max(0.35)) } else { Style::Ticks(0.7) };
        let end = points.iter().map(|p| p.0).filter(|t| t.is_finite()).fold(0.0, f64::max);
        let time = Quantity::new("time", "time", unit, end);
        let points: Vec<(f64, f64)> = points.into_iter().map(|(t, row)| (t * time.factor, row)).collect();
        let end = if end > 0.0 { 1.02 * end * time.factor } else { 1.0 };
        let panel = Panel {
            x_label: time.label(self.room(1), letter),
            y_label: y,
            series: vec![Series { name: String::new(), points, ink: Ink::Text, style }],
            x_range: Some(0.0..end),
            y_range: Some(-0.7..f64::from(rows) - 0.3),
            y_scale: scale,
            ..Panel::default()
        };
        Ok(Sketch { panels: vec![panel], columns: 1, height_mm, label, remarks: Vec::new() })
    }
}
