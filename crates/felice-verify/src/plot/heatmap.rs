//! A number over two axes.

use super::contents::{Array, Group, Points};
use super::lines::{Along, quantity, spread};
use super::{PlotError, Sketch, Source};
use crate::figure::{Bar, Heat, Panel, Scale};

/// Cells along an axis; more are finer than print.
const MOST_CELLS: usize = 400;
/// Values that span this ratio are coloured by their logarithm.
const LOG_SPAN: f64 = 1e3;

impl Source<'_> {
    pub(super) fn heatmap(&self, group: &Group, what: &[&Array]) -> Result<Sketch, PlotError> {
        let columns = if self.request.width_mm >= 150.0 && what.len() > 1 { 2 } else { 1 };
        let (mut panels, mut remarks) = (Vec::new(), Vec::new());
        for array in what.iter().take(8) {
            let slice = self.slice(array, 2)?;
            let [rows, cells] = &slice.axes[..] else {
                let names: Vec<&str> = slice.axes.iter().map(|a| a.name.as_str()).collect();
                let what = format!(
                    "`{}` is along {}: a heat map needs two axes",
                    array.name,
                    if names.is_empty() { "no axis".into() } else { format!("`{}`", names.join("`, `")) }
                );
                return Err(self.nothing(what, "choose --kind lines or histogram, or other axes to hold with --at"));
            };
            if !slice.held.is_empty() {
                remarks.push(format!("{} at {}", array.name, slice.held.join(", ")));
            }
            let (x, y) = (self.along(cells)?, self.along(rows)?);
            let missing = slice.values.iter().filter(|v| !v.is_finite()).count();
            if missing > 0 {
                remarks.push(format!(
                    "{missing} of {} values of {} are not numbers and stay grey",
                    slice.values.len(),
                    array.name
                ));
            }
            let grid = Grid { columns: cells.len, values: slice.values };
            let grid = grid.sorted(&x, &y).coarser(&mut remarks);
            panels.push(self.map(array, &grid, (&x, cells.points), (&y, rows.points), columns));
            if what.len() > 1 || !slice.held.is_empty() {
                let held = if slice.held.is_empty() { String::new() } else { format!(", {}", slice.held.join(", ")) };
                if let Some(panel) = panels.last_mut() {
                    panel.title = format!("{}{held}", array.name);
                }
            }
        }
        let names: Vec<&str> = what.iter().map(|a| a.name.as_str()).collect();
        let rows = panels.len().div_ceil(columns) as f64;
        let height_mm = 0.72 * self.request.width_mm / columns as f64 * rows;
        let label = format!("{} of {} over two axes", names.join(", "), super::name(group));
        Ok(Sketch { panels, columns, height_mm, label, remarks })
    }

    fn map(&self, array: &Array, grid: &Sorted, x: (&Along, Points), y: (&Along, Points), columns: usize) -> Panel {
        let (letter, width) = self.sizes();
        let all = quantity(array, &grid.values);
        let span = spread(&grid.values);
        let log = span.start > 0.0 && span.end / span.start > LOG_SPAN;
        let q = if log { super::label::Quantity::unscaled(&array.name, &array.about, &array.unit) } else { all };
        let room = 0.6 * width / columns as f64;
        let values: Vec<f64> = grid.values.iter().map(|v| v * q.factor).collect();
        let bar = Bar {
            label: q.label(room, letter),
            range: spread(&values),
            scale: if log { Scale::Log } else { Scale::Linear },
        };
        Panel {
            x_label: x.0.quantity.label(self.room(columns), letter),
            y_label: y.0.quantity.label(room, letter),
            x_scale: x.0.scale.clone(),
            y_scale: y.0.scale.clone(),
            x_range: Some(grid.x[0]..grid.x[grid.x.len() - 1]),
            y_range: Some(grid.y[0]..grid.y[grid.y.len() - 1]),
            heat: Some(Heat { x: grid.x.clone(), y: grid.y.clone(), values }),
            bar: Some(bar),
            ..Panel::default()
        }
    }
}

/// Values in the order of the file.
struct Grid {
    columns: usize,
    values: Vec<f64>,
}

/// Values with rising edges.
struct Sorted {
    x: Vec<f64>,
    y: Vec<f64>,
    values: Vec<f64>,
}

impl Grid {
    fn sorted(&self, x: &Along, y: &Along) -> Sorted {
        let order = |along: &Along| {
            let mut order: Vec<usize> = (0..along.values.len()).collect();
            order.sort_by(|i, j| along.values[*i].total_cmp(&along.values[*j]));
            order
        };
        let (across, up) = (order(x), order(y));
        let values = up.iter().flat_map(|j| across.iter().map(move |i| self.values[j * self.columns + i])).collect();
        let points = |along: &Along, order: &[usize]| order.iter().map(|i| along.values[*i]).collect::<Vec<_>>();
        Sorted {
            x: edges(&points(x, &across), x.scale == Scale::Log),
            y: edges(&points(y, &up), y.scale == Scale::Log),
            values,
        }
    }
}

impl Sorted {
    /// Means of blocks where there are more cells than can be seen.
    fn coarser(self, remarks: &mut Vec<String>) -> Self {
        let (columns, rows) = (self.x.len() - 1, self.y.len() - 1);
        let (dx, dy) = (columns.div_ceil(MOST_CELLS), rows.div_ceil(MOST_CELLS));
        if dx * dy <= 1 {
            return self;
        }
        remarks.push(format!("cells are means of {dx} x {dy} points"));
        let mut values = Vec::new();
        for j in (0..rows).step_by(dy) {
            for i in (0..columns).step_by(dx) {
                let block =
                    (j..(j + dy).min(rows)).flat_map(|j| (i..(i + dx).min(columns)).map(move |i| j * columns + i));
                let finite: Vec<f64> = block.map(|k| self.values[k]).filter(|v| v.is_finite()).collect();
                values.push(if finite.is_empty() {
                    f64::NAN
                } else {
                    finite.iter().sum::<f64>() / finite.len() as f64
                });
            }
        }
        let every = |edges: &[f64], n: usize| {
            let mut kept: Vec<f64> = edges[..edges.len() - 1].iter().step_by(n).copied().collect();
            kept.push(edges[edges.len() - 1]);
            kept
        };
        Sorted { x: every(&self.x, dx), y: every(&self.y, dy), values }
    }
}

/// Edges halfway between points, the outer ones as far outside as the next is inside.
fn edges(points: &[f64], log: bool) -> Vec<f64> {
    let to = |v: f64| if log { v.ln() } else { v };
    let from = |v: f64| if log { v.exp() } else { v };
    let p: Vec<f64> = points.iter().map(|v| to(*v)).collect();
    let n = p.len();
    if n == 1 {
        let half = if log { 0.5 } else { 0.5 * p[0].abs().max(1.0) };
        return vec![from(p[0] - half), from(p[0] + half)];
    }
    let mut edges = vec![from(p[0] - 0.5 * (p[1] - p[0]))];
    edges.extend(p.windows(2).map(|w| from(0.5 * (w[0] + w[1]))));
    edges.push(from(p[n - 1] + 0.5 * (p[n - 1] - p[n - 2])));
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_halfway() {
        assert_eq!(edges(&[1.0, 2.0, 4.0], false), [0.5, 1.5, 3.0, 5.0]);
        let log = edges(&[1.0, 100.0], true);
        assert!((log[0] - 0.1).abs() < 1e-12 && (log[1] - 10.0).abs() < 1e-12 && (log[2] - 1000.0).abs() < 1e-9);
        assert_eq!(edges(&[0.0], false), [-0.5, 0.5]);
    }
}
