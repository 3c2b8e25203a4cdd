//! Part of an array: some axes held at one of their points, the rest whole.

use super::contents::{Array, Axis, Points, points};
use super::{PlotError, Source};

/// Numbers that one figure may hold: 1.6 GB.
const MOST: usize = 200_000_000;

/// What is left of an array.
#[derive(Clone, Debug)]
pub(super) struct Slice {
    /// The axes that are left.
    pub(super) axes: Vec<Axis>,
    /// Its numbers, the last axis fastest.
    pub(super) values: Vec<f64>,
    /// The axes that were held, with their values: `tau_slow = 20`.
    pub(super) held: Vec<String>,
}

impl Source<'_> {
    /// Reads an array at the points asked for; of its other axes the first are held at their middle until no more than
    /// `most` are left (time never is).
    pub(super) fn slice(&self, array: &Array, most: usize) -> Result<Slice, PlotError> {
        if let Some((name, _)) = self.request.at.iter().find(|(name, _)| array.axes.iter().all(|a| a.name != *name)) {
            let known: Vec<&str> = array.axes.iter().map(|a| a.name.as_str()).collect();
            let what = format!("`{}` has no axis `{name}`", array.name);
            return Err(self.nothing(what, format!("its axes: {}", known.join(", "))));
        }
        self.part(array, most)
    }

    /// The same of an array that need not have the axes that are held.
    pub(super) fn part(&self, array: &Array, most: usize) -> Result<Slice, PlotError> {
        let mut at: Vec<Option<usize>> = vec![None; array.axes.len()];
        let mut held = Vec::new();
        for (name, value) in &self.request.at {
            let Some(d) = array.axes.iter().position(|a| a.name == *name) else { continue };
            let all = points(self.reader, &array.axes[d])?;
            let nearest = (0..all.len()).min_by(|i, j| (all[*i] - value).abs().total_cmp(&(all[*j] - value).abs()));
            let Some(i) = nearest else { continue };
            at[d] = Some(i);
            held.push(format!("{name} = {}", self.point_name(&array.axes[d], i)?));
        }
        for d in 0..array.axes.len() {
            let axis = &array.axes[d];
            let left = at.iter().filter(|a| a.is_none()).count();
            if left > most && at[d].is_none() && axis.points != Points::Time {
                let i = axis.len / 2;
                at[d] = Some(i);
                held.push(format!("{} = {}", axis.name, self.point_name(axis, i)?));
            }
        }
        let count: usize = array.axes.iter().zip(&at).filter(|(_, a)| a.is_none()).map(|(a, _)| a.len).product();
        if count > MOST {
            let what = format!("`{}` is {count} numbers, more than a figure can show", array.name);
            return Err(self.nothing(what, "hold an axis at one point with --at AXIS=VALUE"));
        }
        let axes = array.axes.iter().zip(&at).filter(|(_, a)| a.is_none()).map(|(a, _)| a.clone()).collect();
        Ok(Slice { axes, values: self.reader.numbers_at(&array.path, &at)?, held })
    }

    /// A point of an axis in words, with its unit.
    pub(super) fn point_name(&self, axis: &Axis, i: usize) -> Result<String, PlotError> {
        if axis.points == Points::Names {
            return Ok(self.reader.texts(&axis.path)?.get(i).cloned().unwrap_or_default());
        }
        let all = points(self.reader, axis)?;
        let groups = self.root.all();
        let unit = groups.iter().flat_map(|g| &g.arrays).find(|a| a.path == axis.path).map_or("1", |a| a.unit.as_str());
        let unit = if unit == "1" { String::new() } else { format!(" {unit}") };
        Ok(all.get(i).map_or_else(String::new, |v| format!("{}{unit}", said(*v))))
    }
}

/// Six digits at most.
fn said(v: f64) -> String {
    let size = v.abs();
    if v != 0.0 && !(1e-4..1e7).contains(&size) {
        return format!("{v:.4e}");
    }
    let decimals = if size > 0.0 { (5 - size.log10().floor() as i32).clamp(0, 9) as usize } else { 0 };
    let text = format!("{v:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    text.replace('-', "−")
}
