//! A circuit with its state nodes clamped: what a nested DC sweep of two clamping sources gives.

use super::ExtractError;

/// Voltages and currents of a clamped circuit, point by point, and the point it would rest at.
#[derive(Clone, Debug, PartialEq)]
pub struct Clamped {
    columns: Vec<(String, Vec<f64>)>,
    inner: usize,
}

impl Clamped {
    /// From named columns of equal length; `inner` is the number of points of the inner sweep.
    ///
    /// # Errors
    /// [`ExtractError::Sweep`] where lengths differ, a number is not finite, or the points are no grid.
    pub fn new(columns: Vec<(String, Vec<f64>)>, inner: usize) -> Result<Self, ExtractError> {
        let wrong = |problem: String| ExtractError::Sweep {
            what: "clamped sweep".into(),
            problem,
            remedy: "sweep two clamping sources, one inside the other, and save every vector named".into(),
        };
        let len = columns.first().map_or(0, |c| c.1.len());
        if len == 0 || inner < 2 || !len.is_multiple_of(inner) || len / inner < 2 {
            return Err(wrong(format!("{len} points with {inner} in the inner sweep are no grid")));
        }
        for (name, values) in &columns {
            if values.len() != len {
                return Err(wrong(format!("`{name}` has {} points where others have {len}", values.len())));
            }
            if let Some(i) = values.iter().position(|x| !x.is_finite()) {
                return Err(wrong(format!("`{name}` is not a number at point {i}")));
            }
        }
        Ok(Clamped { columns, inner })
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, |c| c.1.len())
    }

    /// Never true: a grid has at least four points.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True where there is a column of that name.
    pub fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|c| c.0 == name)
    }

    /// A column by name.
    ///
    /// # Errors
    /// [`ExtractError::Missing`].
    pub fn column(&self, what: &str, name: &str) -> Result<&[f64], ExtractError> {
        self.columns.iter().find(|c| c.0 == name).map(|c| c.1.as_slice()).ok_or_else(|| ExtractError::Missing {
            what: what.into(),
            vector: name.into(),
            known: self.columns.iter().map(|c| c.0.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// The points within `window` (V, half widths) of `centre` for which `keep` holds.
    pub fn select(
        &self,
        axes: [&str; 2],
        centre: [f64; 2],
        window: [f64; 2],
        keep: impl Fn(f64, f64) -> bool,
    ) -> Result<Clamped, ExtractError> {
        let (x, y) = (self.column("window", axes[0])?, self.column("window", axes[1])?);
        let inside = |a: f64, k: usize| (a - centre[k]).abs() <= window[k] * (1.0 + 1e-9);
        let chosen: Vec<usize> =
            (0..self.len()).filter(|&i| inside(x[i], 0) && inside(y[i], 1) && keep(x[i], y[i])).collect();
        let pick = |c: &(String, Vec<f64>)| (c.0.clone(), chosen.iter().map(|&i| c.1[i]).collect());
        if chosen.len() < 4 {
            return Err(ExtractError::TooFewPoints { what: "window".into(), points: chosen.len(), unknowns: 4 });
        }
        Ok(Clamped { columns: self.columns.iter().map(pick).collect(), inner: chosen.len() })
    }

    /// Where both node currents vanish: the circuit's rest point nearest to `near` (V), bilinear within a cell.
    ///
    /// # Errors
    /// [`ExtractError::NoRest`] where no cell of the grid holds one.
    pub fn rest(&self, axes: [&str; 2], currents: [&str; 2], near: [f64; 2]) -> Result<[f64; 2], ExtractError> {
        let what = "rest point";
        let (x, y) = (self.column(what, axes[0])?, self.column(what, axes[1])?);
        let (f, g) = (self.column(what, currents[0])?, self.column(what, currents[1])?);
        let mut best: Option<([f64; 2], f64)> = None;
        for row in 0..self.len() / self.inner - 1 {
            for k in 0..self.inner - 1 {
                let a = row * self.inner + k;
                let corners = [a, a + 1, a + self.inner, a + self.inner + 1];
                let Some([s, t]) = bilinear_root(corners.map(|i| f[i]), corners.map(|i| g[i])) else { continue };
                let at = |z: &[f64]| {
                    let [p, q, r, w] = corners.map(|i| z[i]);
                    p * (1.0 - s) * (1.0 - t) + q * s * (1.0 - t) + r * (1.0 - s) * t + w * s * t
                };
                let point = [at(x), at(y)];
                let distance = (point[0] - near[0]).hypot(point[1] - near[1]);
                if best.is_none_or(|(_, d)| distance < d) {
                    best = Some((point, distance));
                }
            }
        }
        best.map(|b| b.0).ok_or_else(|| ExtractError::NoRest { what: what.into(), range: range(x, y) })
    }
}

fn range(x: &[f64], y: &[f64]) -> String {
    let span = |z: &[f64]| {
        let (lo, hi) = z.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
        format!("{lo:.3} .. {hi:.3} V")
    };
    format!("{} by {}", span(x), span(y))
}

/// Newton's method for both bilinear forms' zero within the unit square; corners (0,0), (1,0), (0,1), (1,1).
fn bilinear_root(f: [f64; 4], g: [f64; 4]) -> Option<[f64; 2]> {
    let changes = |c: [f64; 4]| c.iter().any(|v| *v >= 0.0) && c.iter().any(|v| *v <= 0.0);
    if !changes(f) || !changes(g) {
        return None;
    }
    let (mut s, mut t) = (0.5, 0.5);
    for _ in 0..50 {
        let form = |c: [f64; 4]| {
            let (across, cross) = (c[1] - c[0], c[3] - c[2] - c[1] + c[0]);
            let up = c[2] - c[0];
            (c[0] + across * s + up * t + cross * s * t, across + cross * t, up + cross * s)
        };
        let ((a, as_, at), (b, bs, bt)) = (form(f), form(g));
        let determinant = as_ * bt - at * bs;
        if determinant == 0.0 {
            return None;
        }
        let (ds, dt) = ((a * bt - at * b) / determinant, (as_ * b - a * bs) / determinant);
        (s, t) = (s - ds, t - dt);
        if ds.abs() + dt.abs() < 1e-12 {
            let inside = |z: f64| (-1e-9..=1.0 + 1e-9).contains(&z);
            return (inside(s) && inside(t)).then_some([s, t]);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(f: impl Fn(f64, f64) -> [f64; 2]) -> Clamped {
        let axis: Vec<f64> = (0..11).map(|i| 0.1 * i as f64).collect();
        let points: Vec<(f64, f64)> = axis.iter().flat_map(|&u| axis.iter().map(move |&v| (u, v))).collect();
        let column = |k: usize| points.iter().map(|p| f(p.0, p.1)[k]).collect();
        let u = ("u".to_owned(), points.iter().map(|p| p.0).collect());
        let v = ("v".to_owned(), points.iter().map(|p| p.1).collect());
        Clamped::new(vec![u, v, ("iu".into(), column(0)), ("iv".into(), column(1))], 11).unwrap()
    }

    #[test]
    fn rests_where_both_currents_vanish() {
        let g = grid(|u, v| [v - 0.37 + 0.5 * (u - 0.52), u - 0.52]);
        let rest = g.rest(["u", "v"], ["iu", "iv"], [0.5, 0.5]).unwrap();
        assert!((rest[0] - 0.52).abs() < 1e-12 && (rest[1] - 0.37).abs() < 1e-12, "{rest:?}");
        let none = grid(|u, v| [u + v + 1.0, u]).rest(["u", "v"], ["iu", "iv"], [0.5, 0.5]).unwrap_err();
        assert!(matches!(none, ExtractError::NoRest { .. }) && none.to_string().contains("0.000 .. 1.000 V"), "{none}");
    }

    #[test]
    fn of_two_rest_points_the_nearer_one() {
        let g = grid(|u, v| [(u - 0.23) * (u - 0.78), v - 0.41]);
        for (near, expected) in [([0.0, 0.0], 0.23), ([1.0, 1.0], 0.78)] {
            let rest = g.rest(["u", "v"], ["iu", "iv"], near).unwrap();
            assert!((rest[0] - expected).abs() < 0.01, "{rest:?}");
        }
    }

    #[test]
    fn what_is_no_grid_is_refused() {
        assert!(Clamped::new(vec![("u".into(), vec![0.0; 7])], 3).is_err());
        assert!(Clamped::new(vec![("u".into(), vec![0.0; 4]), ("v".into(), vec![f64::NAN; 4])], 2).is_err());
        let g = grid(|_, _| [0.0, 0.0]);
        assert!(g.column("x", "nothing").unwrap_err().to_string().contains("u, v, iu, iv"));
        assert!(g.select(["u", "v"], [5.0, 5.0], [0.1, 0.1], |_, _| true).is_err());
    }
}
