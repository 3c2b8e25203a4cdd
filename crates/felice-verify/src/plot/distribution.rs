//! How values are spread: histograms, and one number over another.

use super::contents::{Array, Axis, Group, Points, points};
use super::lines::{even_ratios, quantity, spread};
use super::{PlotError, Sketch, Source};
use crate::figure::{Panel, SERIES, Scale, Series, Style};

/// Bins of a histogram.
const MOST_BINS: f64 = 60.0;
/// Histograms in one panel that are filled.
const MOST_FILLED: usize = 3;
/// Points of a scatter plot; more are a blot.
const MOST_POINTS: usize = 50_000;

impl Source<'_> {
    pub(super) fn histogram(&self, what: &[&Array]) -> Result<Sketch, PlotError> {
        let (letter, _) = self.sizes();
        let (mut panels, mut remarks) = (Vec::new(), Vec::new());
        for array in what.iter().take(8) {
            let slice = self.slice(array, usize::MAX)?;
            let q = quantity(array, &slice.values);
            let values: Vec<f64> = slice.values.iter().map(|v| v * q.factor).collect();
            let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
            if finite.is_empty() {
                return Err(self
                    .nothing(format!("`{}` holds no finite number", array.name), "draw another dataset with --what"));
            }
            if finite.len() < values.len() {
                remarks.push(format!(
                    "{} of {} values of {} are not numbers",
                    values.len() - finite.len(),
                    values.len(),
                    array.name
                ));
            }
            if !slice.held.is_empty() {
                remarks.push(format!("{} at {}", array.name, slice.held.join(", ")));
            }
            let bins = bins(&finite);
            let parts = self.split(&slice.axes)?;
            // More fillings on top of one another are one grey.
            let style = if parts.len() > MOST_FILLED { Style::Line(1.1) } else { Style::Area(0.9) };
            let series = parts.into_iter().zip(SERIES).map(|((name, of), ink)| {
                let part = (0..values.len()).filter(|i| of.as_ref().is_none_or(|(k, inner, n)| i / inner % n == *k));
                Series { name, points: outline(&bins, part.map(|i| values[i])), ink, style }
            });
            let series: Vec<Series> = series.collect();
            let most = series.iter().flat_map(|s| &s.points).map(|p| p.1).fold(1.0, f64::max);
            panels.push(Panel {
                x_label: q.label(self.room(1), letter),
                y_label: "number of points".into(),
                y_scale: Scale::Whole,
                series,
                y_range: Some(0.0..1.06 * most),
                ..Panel::default()
            });
        }
        let names: Vec<&str> = what.iter().map(|a| a.name.as_str()).collect();
        let height_mm = 48.0 * panels.len() as f64;
        Ok(Sketch { panels, columns: 1, height_mm, label: format!("how {} is distributed", names.join(", ")), remarks })
    }

    /// One part a value of an axis that has few; (name, (its number, points of the inner axes, its length)).
    #[allow(clippy::type_complexity)]
    fn split(&self, axes: &[Axis]) -> Result<Vec<(String, Option<(usize, usize, usize)>)>, PlotError> {
        let few = |a: &Axis| matches!(a.points, Points::Values | Points::Names) && (2..=SERIES.len()).contains(&a.len);
        let (Some(d), true) = (axes.iter().position(few), axes.len() > 1) else {
            return Ok(vec![(String::new(), None)]);
        };
        let inner: usize = axes[d + 1..].iter().map(|a| a.len).product();
        let part =
            |k| Ok((format!("{} = {}", axes[d].name, self.point_name(&axes[d], k)?), Some((k, inner, axes[d].len))));
        (0..axes[d].len).map(part).collect()
    }

    pub(super) fn scatter(&self, group: &Group, what: &[&Array]) -> Result<Sketch, PlotError> {
        let Some(y) = what.first() else { return Err(self.nothing("nothing to draw", "name a dataset with --what")) };
        let over = self.request.over.clone().or_else(|| what.get(1).map(|a| a.name.clone()));
        let candidates = || {
            let mut names: Vec<&str> = Vec::new();
            for a in self.nearest(group).filter(|a| a.name != y.name && along(a, y).is_some()) {
                if !names.contains(&a.name.as_str()) {
                    names.push(&a.name);
                }
            }
            format!("`{}` can be drawn over: {}", y.name, names.join(", "))
        };
        let Some(over) = over else {
            return Err(self.nothing("a scatter plot needs a second quantity", candidates() + "; choose with --over"));
        };
        let named = |a: &&Array| a.name == over || a.path.rsplit('/').next() == Some(&over);
        let Some(x) = &self.nearest(group).filter(named).find_map(|a| along(a, y)) else {
            return Err(self.nothing(format!("`{over}` is no quantity along the axes of `{}`", y.name), candidates()));
        };
        let slice = self.slice(y, usize::MAX)?;
        let xs = self.spread_over(x, &slice.axes)?;
        let (qx, qy) = (quantity(x, &xs), quantity(y, &slice.values));
        let mut distinct = xs.clone();
        distinct.sort_by(f64::total_cmp);
        distinct.dedup();
        let log = even_ratios(&distinct);
        let ends = (distinct.first().copied().unwrap_or(1.0), distinct.last().copied().unwrap_or(1.0));
        let qx = if log { super::label::Quantity::logarithmic(&x.name, &x.about, &x.unit, ends) } else { qx };
        let every = xs.len().div_ceil(MOST_POINTS).max(1);
        let others: Vec<Axis> = slice
            .axes
            .iter()
            .map(|a| if x.axes.contains(a) { Axis { points: Points::Indices, ..a.clone() } } else { a.clone() })
            .collect();
        let series = self.split(&others)?.into_iter().zip(SERIES).map(|((name, of), ink)| {
            let part =
                (0..xs.len()).filter(|i| of.as_ref().is_none_or(|(k, inner, n)| i / inner % n == *k)).step_by(every);
            let points = part.map(|i| (xs[i] * qx.factor, slice.values[i] * qy.factor)).collect();
            Series { name, points, ink, style: Style::Dots(1.5) }
        });
        let (letter, _) = self.sizes();
        let panel = Panel {
            x_label: qx.label(self.room(1), letter),
            y_label: qy.label(self.room(2), letter),
            series: series.collect(),
            x_range: (!log).then(|| padded(&xs, qx.factor)),
            x_scale: if log { Scale::Log } else { Scale::Linear },
            ..Panel::default()
        };
        let mut remarks = Vec::new();
        if every > 1 {
            remarks.push(format!("every {every}th of {} points", xs.len()));
        }
        if !slice.held.is_empty() {
            remarks.push(format!("at {}", slice.held.join(", ")));
        }
        let label = format!("{} over {} of {}", y.name, x.name, super::name(group));
        Ok(Sketch { panels: vec![panel], columns: 1, height_mm: 55.0, label, remarks })
    }

    /// Every array of the file, those of a group first.
    fn nearest<'g>(&'g self, group: &'g Group) -> impl Iterator<Item = &'g Array> {
        group.arrays.iter().chain(self.root.all().into_iter().flat_map(|g| &g.arrays))
    }

    /// The values of an array, repeated along the axes it does not have.
    fn spread_over(&self, x: &Array, axes: &[Axis]) -> Result<Vec<f64>, PlotError> {
        let sliced = if x.is_axis { None } else { Some(self.part(x, usize::MAX)?) };
        let (own, values) = match sliced {
            Some(slice) => (slice.axes, slice.values),
            None => (x.axes.clone(), points(self.reader, &x.axes[0])?),
        };
        let total: usize = axes.iter().map(|a| a.len).product();
        let mut out = Vec::with_capacity(total);
        for i in 0..total {
            let (mut rest, mut index, mut stride) = (i, 0, 1);
            // From the last axis up: where the axis is the array's own too, its point counts.
            for axis in axes.iter().rev() {
                let k = rest % axis.len;
                rest /= axis.len;
                if own.contains(axis) {
                    index += k * stride;
                    stride *= axis.len;
                }
            }
            out.push(values.get(index).copied().unwrap_or(f64::NAN));
        }
        Ok(out)
    }
}

/// An array of numbers that lies along some of another's axes, those of other groups with the same name included: parameters
/// of neurons beside their summaries.
fn along(x: &Array, y: &Array) -> Option<Array> {
    let own = |a: &Axis| y.axes.iter().find(|b| b.name == a.name && b.len == a.len).cloned();
    let axes: Option<Vec<Axis>> = x.axes.iter().map(own).collect();
    axes.filter(|axes| x.numeric && !axes.is_empty()).map(|axes| Array { axes, ..x.clone() })
}

fn padded(values: &[f64], factor: f64) -> std::ops::Range<f64> {
    let r = spread(values);
    let pad = 0.04 * (r.end - r.start);
    (r.start - pad) * factor..(r.end + pad) * factor
}

/// Edges of bins: whole numbers have one each where they are few; else after Freedman and Diaconis (1981).
fn bins(values: &[f64]) -> Vec<f64> {
    let range = spread(values);
    let whole = values.iter().all(|v| v.fract() == 0.0 && v.abs() < 1e15);
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let quartile = |q: usize| sorted[(sorted.len() - 1) * q / 4];
    let span = sorted[sorted.len() - 1] - sorted[0];
    if whole {
        let width = ((span + 1.0) / MOST_BINS).ceil().max(1.0);
        let n = ((span + 1.0) / width).ceil() as usize;
        return (0..=n).map(|i| sorted[0] - 0.5 + width * i as f64).collect();
    }
    let width = 2.0 * (quartile(3) - quartile(1)) / (values.len() as f64).cbrt();
    let least = (values.len() as f64).sqrt().clamp(5.0, 20.0);
    let n = if width > 0.0 { (span / width).ceil().clamp(least, MOST_BINS) } else { 10.0 } as usize;
    (0..=n).map(|i| range.start + (range.end - range.start) * i as f64 / n as f64).collect()
}

/// A histogram's outline.
fn outline(bins: &[f64], values: impl Iterator<Item = f64>) -> Vec<(f64, f64)> {
    let n = bins.len() - 1;
    let (low, high) = (bins[0], bins[n]);
    let mut counts = vec![0_u64; n];
    for v in values.filter(|v| v.is_finite()) {
        let i = ((v - low) / (high - low) * n as f64).floor().clamp(0.0, (n - 1) as f64) as usize;
        counts[i] += 1;
    }
    let mut points = vec![(bins[0], 0.0)];
    for (edges, count) in bins.windows(2).zip(&counts) {
        points.extend([(edges[0], *count as f64), (edges[1], *count as f64)]);
    }
    points.push((bins[n], 0.0));
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_a_bin() {
        for values in [vec![1.0], vec![0.0, 1.0, 2.0, 2.0], vec![0.1, 0.2, 0.25, 0.9], vec![3.5; 10], vec![-1e9, 1e9]] {
            let bins = bins(&values);
            assert!(bins.windows(2).all(|w| w[0] < w[1]) && bins.len() < 64, "{bins:?}");
            let counted: f64 =
                outline(&bins, values.iter().copied()).windows(2).filter(|w| w[0].0 < w[1].0).map(|w| w[0].1).sum();
            assert_eq!(counted, values.len() as f64, "{values:?} {bins:?}");
        }
    }
}
