//! Signals over time or another axis, one against another, and what they share: the quantity of an axis.

use super::contents::{Array, Axis, Group, Points, points};
use super::label::Quantity;
use super::slice::Slice;
use super::{PlotError, Sketch, Source};
use crate::figure::{Bar, Ink, Panel, SERIES, Scale, Series, Style};

/// Lines drawn of one array; more would be a smear.
const MOST_LINES: usize = 200;
/// Panels above one another; more would not fit a page.
const MOST_PANELS: usize = 12;
/// Signals in one panel, as many as there are inks.
const TOGETHER: usize = SERIES.len();
/// Height of a panel in millimetres, and of labels.
const PANEL: f64 = 27.0;
const LABELS: f64 = 10.0;

/// An axis ready to be drawn along.
#[derive(Clone, Debug)]
pub(super) struct Along {
    pub(super) quantity: Quantity,
    pub(super) scale: Scale,
    /// Its points times the quantity's factor.
    pub(super) values: Vec<f64>,
    /// Whether points are joined by lines.
    pub(super) joined: bool,
}

impl Source<'_> {
    /// The points of an axis, in the unit and on the scale that suit them.
    pub(super) fn along(&self, axis: &Axis) -> Result<Along, PlotError> {
        let values = points(self.reader, axis)?;
        let scale = match axis.points {
            Points::Names => Scale::Names(self.reader.texts(&axis.path)?),
            Points::Values if even_ratios(&values) => Scale::Log,
            _ => Scale::Linear,
        };
        let all = self.root.all();
        let data = all.iter().flat_map(|g| &g.arrays).find(|a| a.path == axis.path);
        let (about, unit) = data.map_or(("", "1"), |a| (a.about.as_str(), a.unit.as_str()));
        let size = values.iter().filter(|v| v.is_finite()).fold(0.0_f64, |m, v| m.max(v.abs()));
        let quantity = match (axis.points, &scale) {
            (Points::Indices | Points::Names, _) => Quantity::unscaled(&axis.name, about, unit),
            (_, Scale::Log) => {
                let range = spread(&values);
                Quantity::logarithmic(&axis.name, about, unit, (range.start, range.end))
            }
            _ => Quantity::new(&axis.name, about, unit, size),
        };
        let values = values.iter().map(|v| v * quantity.factor).collect();
        Ok(Along { quantity, scale, values, joined: matches!(axis.points, Points::Time | Points::Values) })
    }

    pub(super) fn lines(&self, group: &Group, what: &[&Array]) -> Result<Sketch, PlotError> {
        let mut panels: Vec<Panel> = Vec::new();
        let mut remarks = Vec::new();
        let mut shared: Option<(String, String)> = None;
        for array in what {
            let slice = self.slice(array, if array.over_time() { 2 } else { 1 })?;
            let Some(x_axis) = self.abscissa(&slice) else {
                return Err(self.nothing(
                    format!("nothing of `{}` is left to draw over", array.name),
                    "hold fewer axes with --at",
                ));
            };
            if !slice.held.is_empty() {
                remarks.push(format!("{} at {}", array.name, slice.held.join(", ")));
            }
            let along = self.along(&slice.axes[x_axis])?;
            if slice.axes.len() == 1 {
                // Voltages share a panel, dimensionless states do not: one may be a thousand times another.
                let key = (slice.axes[0].path.clone(), array.unit.clone());
                let joins = array.unit != "1" && shared.as_ref() == Some(&key);
                shared = Some(key);
                match panels.last_mut().filter(|p| joins && p.series.len() < TOGETHER) {
                    Some(panel) => join(panel, array, &along, &slice),
                    None => panels.push(self.single(array, &along, &slice)),
                }
            } else {
                shared = None;
                panels.push(self.several(array, x_axis, &along, &slice, &mut remarks)?);
            }
        }
        if panels.len() > MOST_PANELS {
            remarks.push(format!("the first {MOST_PANELS} of {} panels; name fewer with --what", panels.len()));
            panels.truncate(MOST_PANELS);
        }
        scale_ordinates(&mut panels, what);
        let same = panels.windows(2).all(|w| w[0].x_label == w[1].x_label);
        let last = panels.len().saturating_sub(1);
        panels.iter_mut().enumerate().filter(|(i, _)| same && *i < last).for_each(|(_, p)| p.x_label.clear());
        let names: Vec<&str> = what.iter().map(|a| a.name.as_str()).collect();
        let height_mm = LABELS + PANEL * panels.len() as f64 + if panels.len() == 1 { 18.0 } else { 0.0 };
        let label = format!("{} of {}", names.join(", "), super::name(group));
        Ok(Sketch { panels, columns: 1, height_mm, label, remarks })
    }

    /// Along which of a slice's axes to draw: the one asked for, else time, else values, else the last.
    fn abscissa(&self, slice: &Slice) -> Option<usize> {
        let of = |p: Points| slice.axes.iter().rposition(|a| a.points == p);
        let asked = self.request.over.as_ref().and_then(|o| slice.axes.iter().position(|a| a.name == *o));
        asked.or(of(Points::Time)).or(of(Points::Values)).or(slice.axes.len().checked_sub(1))
    }

    fn single(&self, array: &Array, along: &Along, slice: &Slice) -> Panel {
        let (letter, _) = self.sizes();
        Panel {
            x_label: along.quantity.label(self.room(1), letter),
            x_scale: along.scale.clone(),
            series: trace(along, &slice.values, "", Ink::Model),
            y_label: array.name.clone(),
            ..Panel::default()
        }
    }

    /// One line a point of the other axis, coloured by it.
    fn several(
        &self,
        array: &Array,
        x_axis: usize,
        along: &Along,
        slice: &Slice,
        remarks: &mut Vec<String>,
    ) -> Result<Panel, PlotError> {
        let other = &slice.axes[1 - x_axis];
        let across = self.along(other)?;
        let (n, m) = (slice.axes[0].len, slice.axes[1].len);
        let line = |k: usize| -> Vec<f64> {
            if x_axis == 1 {
                slice.values[k * m..(k + 1) * m].to_vec()
            } else {
                (0..n).map(|i| slice.values[i * m + k]).collect()
            }
        };
        let every = other.len.div_ceil(MOST_LINES).max(1);
        if every > 1 {
            remarks.push(format!("every {every}th of {} lines of {}", other.len, array.name));
        }
        let (letter, _) = self.sizes();
        let bar_label = across.quantity.label(2.3 * PANEL * 96.0 / 25.4 * 0.5, letter);
        let range = spread(&across.values);
        let bar =
            Bar { label: bar_label, range, scale: if across.scale == Scale::Log { Scale::Log } else { Scale::Linear } };
        let few = other.len <= TOGETHER;
        let mut series = Vec::new();
        for k in (0..other.len).step_by(every) {
            let name = if few { format!("{} = {}", other.name, self.point_name(other, k)?) } else { String::new() };
            let ink = if few { SERIES[k] } else { bar.ink(across.values[k]) };
            series.extend(trace(along, &line(k), &name, ink));
        }
        Ok(Panel {
            x_label: along.quantity.label(self.room(1), letter),
            x_scale: along.scale.clone(),
            y_label: array.name.clone(),
            series,
            bar: (!few).then_some(bar),
            ..Panel::default()
        })
    }

    /// The first two arrays against each other.
    pub(super) fn phase(&self, group: &Group, what: &[&Array]) -> Result<Sketch, PlotError> {
        let [x, y, ..] = what else {
            return Err(self.nothing("a phase plane needs two datasets", "name two with --what X,Y"));
        };
        let (a, b) = (self.slice(x, 1)?, self.slice(y, 1)?);
        if a.axes.len() != 1 || a.axes != b.axes {
            return Err(self.nothing(
                format!("`{}` and `{}` are not along the same one axis", x.name, y.name),
                "hold the others with --at, or name two that are",
            ));
        }
        let (letter, _) = self.sizes();
        let (qx, qy) = (quantity(x, &a.values), quantity(y, &b.values));
        let path: Vec<(f64, f64)> =
            a.values.iter().zip(&b.values).map(|(x, y)| (x * qx.factor, y * qy.factor)).collect();
        let start = path.first().copied().into_iter().collect();
        let series = vec![
            Series { name: String::new(), points: path, ink: Ink::Model, style: Style::Line(0.9) },
            Series { name: "start".into(), points: start, ink: Ink::Circuit, style: Style::Dots(2.4) },
        ];
        let panel = Panel {
            x_label: qx.label(self.room(1), letter),
            y_label: qy.label(self.room(1), letter),
            series,
            ..Panel::default()
        };
        let label = format!("{} against {} of {}", y.name, x.name, super::name(group));
        Ok(Sketch {
            panels: vec![panel],
            columns: 1,
            height_mm: 0.9 * self.request.width_mm,
            label,
            remarks: Vec::new(),
        })
    }
}

/// A line, or dots where the points are not to be joined; of few points both.
fn trace(along: &Along, values: &[f64], name: &str, ink: Ink) -> Vec<Series> {
    let points: Vec<(f64, f64)> = along.values.iter().copied().zip(values.iter().copied()).collect();
    let series = |name: &str, points: &[(f64, f64)], style| Series {
        name: name.to_owned(),
        points: points.to_vec(),
        ink,
        style,
    };
    let mut all = Vec::new();
    if along.joined {
        all.push(series(name, &points, Style::Line(0.9)));
    }
    if !along.joined || values.len() <= 40 {
        all.push(series(if along.joined { "" } else { name }, &points, Style::Dots(1.6)));
    }
    all
}

/// Adds a signal to a panel: now each needs its name.
fn join(panel: &mut Panel, array: &Array, along: &Along, slice: &Slice) {
    if let Some(first) = panel.series.first_mut().filter(|s| s.name.is_empty()) {
        first.name.clone_from(&panel.y_label);
    }
    let ink = SERIES[panel.series.len() % SERIES.len()];
    panel.series.extend(trace(along, &slice.values, &array.name, ink));
}

/// Ordinates in the unit that suits them; their labels were names so far.
fn scale_ordinates(panels: &mut [Panel], what: &[&Array]) {
    for panel in panels {
        let Some(array) = what.iter().find(|a| a.name == panel.y_label) else { continue };
        let ys = panel.series.iter().flat_map(|s| &s.points).map(|p| p.1);
        let size = ys.filter(|v| v.is_finite()).fold(0.0_f64, |m, v| m.max(v.abs()));
        // Its lines may be points of an axis: then they are all of one array, whose name says more than its unit's kind.
        let several = panel.series.iter().any(|s| what.iter().any(|a| a.name == s.name));
        let about = if several && array.unit != "1" { kind_of_unit(&array.unit) } else { array.about.as_str() };
        let quantity = Quantity::new(&array.name, about, &array.unit, size);
        panel.series.iter_mut().flat_map(|s| &mut s.points).for_each(|p| p.1 *= quantity.factor);
        panel.y_label = quantity.label(PANEL * 96.0 / 25.4, 7.0 * 96.0 / 72.0);
    }
}

/// What several signals of one unit are together.
fn kind_of_unit(unit: &str) -> &str {
    match unit {
        "V" => "voltage",
        "A" => "current",
        "s" => "time",
        _ => "value",
    }
}

/// An array's quantity for these values of it.
pub(super) fn quantity(array: &Array, values: &[f64]) -> Quantity {
    let size = values.iter().filter(|v| v.is_finite()).fold(0.0_f64, |m, v| m.max(v.abs()));
    Quantity::new(&array.name, &array.about, &array.unit, size)
}

/// From the least to the most finite value; never empty.
pub(super) fn spread(values: &[f64]) -> std::ops::Range<f64> {
    let finite = values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    match () {
        () if low > high => 0.0..1.0,
        () if low == high => low - 0.5 * low.abs().max(1e-9)..high + 0.5 * high.abs().max(1e-9),
        () => low..high,
    }
}

/// Values that grow by one factor from each to the next, over half a decade at least.
pub(super) fn even_ratios(values: &[f64]) -> bool {
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return false };
    if values.len() < 4 || !values.iter().all(|v| *v > 0.0 && v.is_finite()) || last / first <= 3.0 {
        return false;
    }
    let mean = (last / first).ln() / (values.len() - 1) as f64;
    values.windows(2).all(|w| ((w[1] / w[0]).ln() - mean).abs() < 0.02 * mean)
}
