//! Least squares with exact derivatives: values, standard errors, and which unknown the data cannot tell.
//!
//! The minimiser is MINPACK's Levenberg-Marquardt (crate `levenberg-marquardt`). Covariance: s² (JᵀJ)⁻¹ with
//! s² = Σr²/(m − n) (Björck, "Numerical Methods for Least Squares Problems", 1996, section 9.1). The residuals of a
//! noiseless sweep are what the formula misses, not noise; a standard error then says how far the value could move
//! without the fit getting visibly worse.

use std::cell::RefCell;

use levenberg_marquardt::{LeastSquaresProblem, LevenbergMarquardt};
use nalgebra::{DMatrix, DVector, Dyn, storage::Owned};

use super::ExtractError;

/// Ratio of singular values of the column-scaled Jacobian below which a combination of unknowns is undetermined.
const SINGULAR: f64 = 1e-9;

/// An unknown of a fit.
#[derive(Clone, Debug, PartialEq)]
pub struct Unknown {
    /// Name in results and errors.
    pub name: String,
    /// Where to start.
    pub start: f64,
    /// Its order of magnitude, not 0.
    pub scale: f64,
}

impl Unknown {
    /// An unknown called `name` near `start`, of the size of `scale`.
    pub fn new(name: impl Into<String>, start: f64, scale: f64) -> Self {
        Unknown { name: name.into(), start, scale }
    }
}

/// A fitted curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// What was fitted.
    pub what: String,
    /// Names of the unknowns.
    pub names: Vec<String>,
    /// Their values.
    pub values: Vec<f64>,
    /// Their standard errors.
    pub standard_errors: Vec<f64>,
    /// Their covariances, row by row.
    pub covariance: Vec<f64>,
    /// Weighted residuals, one a point.
    pub residuals: Vec<f64>,
    /// Evaluations of the residuals.
    pub evaluations: usize,
}

impl Fit {
    /// Root mean square of the weighted residuals.
    pub fn rms(&self) -> f64 {
        (self.residuals.iter().map(|r| r * r).sum::<f64>() / self.residuals.len() as f64).sqrt()
    }

    /// Largest weighted residual.
    pub fn max(&self) -> f64 {
        self.residuals.iter().fold(0.0, |m, r| m.max(r.abs()))
    }

    /// Covariance of unknowns `i` and `j`.
    pub fn covariance(&self, i: usize, j: usize) -> f64 {
        self.covariance[i * self.names.len() + j]
    }
}

/// Weighted residuals and their derivatives: `residual(i, p, gradient)` returns the i-th and fills its gradient.
pub(crate) struct Residuals<F: Fn(usize, &[f64], &mut [f64]) -> f64> {
    pub(crate) count: usize,
    pub(crate) of: F,
}

struct Problem<'a, F: Fn(usize, &[f64], &mut [f64]) -> f64> {
    residuals: &'a Residuals<F>,
    scale: &'a [f64],
    scaled: DVector<f64>,
    values: DVector<f64>,
    jacobian: DMatrix<f64>,
}

impl<'a, F: Fn(usize, &[f64], &mut [f64]) -> f64> Problem<'a, F> {
    fn new(residuals: &'a Residuals<F>, scale: &'a [f64], scaled: DVector<f64>) -> Self {
        let (m, n) = (residuals.count, scaled.len());
        let mut problem =
            Problem { residuals, scale, scaled, values: DVector::zeros(m), jacobian: DMatrix::zeros(m, n) };
        problem.evaluate();
        problem
    }

    fn physical(&self) -> Vec<f64> {
        self.scaled.iter().zip(self.scale).map(|(x, s)| x * s).collect()
    }

    fn evaluate(&mut self) {
        let p = self.physical();
        let mut gradient = vec![0.0; p.len()];
        for i in 0..self.residuals.count {
            gradient.fill(0.0);
            self.values[i] = (self.residuals.of)(i, &p, &mut gradient);
            for (j, g) in gradient.iter().enumerate() {
                self.jacobian[(i, j)] = g * self.scale[j];
            }
        }
    }
}

impl<F: Fn(usize, &[f64], &mut [f64]) -> f64> LeastSquaresProblem<f64, Dyn, Dyn> for Problem<'_, F> {
    type ResidualStorage = Owned<f64, Dyn>;
    type JacobianStorage = Owned<f64, Dyn, Dyn>;
    type ParameterStorage = Owned<f64, Dyn>;

    fn set_params(&mut self, x: &DVector<f64>) {
        self.scaled.copy_from(x);
        self.evaluate();
    }

    fn params(&self) -> DVector<f64> {
        self.scaled.clone()
    }

    fn residuals(&self) -> Option<DVector<f64>> {
        Some(self.values.clone())
    }

    fn jacobian(&self) -> Option<DMatrix<f64>> {
        Some(self.jacobian.clone())
    }
}

/// Fits `unknowns` to `residuals`.
///
/// # Errors
/// [`ExtractError`] where points are too few, the data not finite, the minimum not found, or an unknown undetermined.
pub(crate) fn fit<F>(what: &str, unknowns: &[Unknown], residuals: &Residuals<F>) -> Result<Fit, ExtractError>
where
    F: Fn(usize, &[f64], &mut [f64]) -> f64,
{
    let (m, n) = (residuals.count, unknowns.len());
    if m <= n {
        return Err(ExtractError::TooFewPoints { what: what.into(), points: m, unknowns: n });
    }
    let scale: Vec<f64> = unknowns.iter().map(|u| u.scale).collect();
    let start = DVector::from_iterator(n, unknowns.iter().map(|u| u.start / u.scale));
    let problem = Problem::new(residuals, &scale, start);
    if let Some(i) = (0..m).find(|i| !problem.values[*i].is_finite()) {
        return Err(ExtractError::Sweep {
            what: what.into(),
            problem: format!("point {i} of {m} is not a finite number"),
            remedy: "look at the sweep's voltages and currents there".into(),
        });
    }
    let (solved, report) = LevenbergMarquardt::new().with_patience(200).minimize(problem);
    let finite = solved.scaled.iter().chain(solved.values.iter()).all(|x| x.is_finite());
    if !report.termination.was_successful() || !finite {
        return Err(ExtractError::NotConverged {
            what: what.into(),
            evaluations: report.number_of_evaluations,
            reason: format!("{:?}", report.termination),
            remedy: "narrow the window to where the devices are saturated and below threshold".into(),
        });
    }
    finish(what, unknowns, &solved, report.number_of_evaluations)
}

/// [`fit`] of residuals that come all at once, their derivatives central differences over a thousandth of each scale.
///
/// # Errors
/// As [`fit`].
pub(crate) fn fit_whole(
    what: &str,
    unknowns: &[Unknown],
    of: impl Fn(&[f64]) -> Vec<f64>,
) -> Result<Fit, ExtractError> {
    let slope = |p: &[f64], j: usize| -> Vec<f64> {
        let step = 1e-3 * unknowns[j].scale;
        let moved = |by: f64| {
            let mut p = p.to_vec();
            p[j] += by;
            of(&p)
        };
        moved(step).iter().zip(moved(-step)).map(|(up, down)| (up - down) / (2.0 * step)).collect()
    };
    let start: Vec<f64> = unknowns.iter().map(|u| u.start).collect();
    // All of them are kept for the place last asked for.
    let kept = RefCell::new((Vec::new(), Vec::new(), Vec::new()));
    let residuals = Residuals {
        count: of(&start).len(),
        of: |i, p: &[f64], g: &mut [f64]| {
            let mut kept = kept.borrow_mut();
            if kept.0 != p {
                *kept = (p.to_vec(), of(p), (0..p.len()).map(|j| slope(p, j)).collect());
            }
            g.iter_mut().zip(&kept.2).for_each(|(g, column)| *g = column[i]);
            kept.1[i]
        },
    };
    fit(what, unknowns, &residuals)
}

fn finish<F>(what: &str, unknowns: &[Unknown], solved: &Problem<'_, F>, evaluations: usize) -> Result<Fit, ExtractError>
where
    F: Fn(usize, &[f64], &mut [f64]) -> f64,
{
    let (m, n) = (solved.values.len(), unknowns.len());
    let norms: Vec<f64> = solved.jacobian.column_iter().map(|c| c.norm()).collect();
    let dead = worst_first(unknowns, |j| if norms[j] > 0.0 { 0.0 } else { 1.0 });
    if !dead.is_empty() {
        return Err(ExtractError::NotIdentifiable { what: what.into(), unknowns: dead.join(", ") });
    }
    let scaled = DMatrix::from_fn(m, n, |i, j| solved.jacobian[(i, j)] / norms[j]);
    let svd = scaled.svd(false, true);
    let (largest, smallest) = (svd.singular_values.max(), svd.singular_values.min());
    let rows = svd.v_t.as_ref();
    let Some(v_t) = rows.filter(|_| smallest > SINGULAR * largest) else {
        let k = svd.singular_values.imin();
        let weak = worst_first(unknowns, |j| rows.map_or(1.0, |v| v[(k, j)].abs()));
        return Err(ExtractError::NotIdentifiable { what: what.into(), unknowns: weak.join(" against ") });
    };
    let variance = solved.values.norm_squared() / (m - n) as f64;
    let covariance = DMatrix::from_fn(n, n, |i, j| {
        let sum: f64 = (0..n).map(|k| v_t[(k, i)] * v_t[(k, j)] / svd.singular_values[k].powi(2)).sum();
        variance * sum * unknowns[i].scale * unknowns[j].scale / (norms[i] * norms[j])
    });
    Ok(Fit {
        what: what.into(),
        names: unknowns.iter().map(|u| u.name.clone()).collect(),
        values: solved.physical(),
        standard_errors: (0..n).map(|i| covariance[(i, i)].max(0.0).sqrt()).collect(),
        covariance: covariance.transpose().as_slice().to_vec(),
        residuals: solved.values.as_slice().to_vec(),
        evaluations,
    })
}

/// Names whose share is at least a fifth of the largest one's, the largest first; none where all shares are 0.
fn worst_first(unknowns: &[Unknown], share: impl Fn(usize) -> f64) -> Vec<String> {
    let mut shares: Vec<(f64, &str)> = unknowns.iter().enumerate().map(|(j, u)| (share(j), u.name.as_str())).collect();
    shares.sort_by(|a, b| b.0.total_cmp(&a.0));
    let floor = 0.2 * shares.first().map_or(0.0, |s| s.0);
    shares.into_iter().filter(|(s, _)| *s > 0.0 && *s >= floor).map(|(_, name)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(xs: Vec<f64>, ys: Vec<f64>) -> Result<Fit, ExtractError> {
        let residuals = Residuals {
            count: xs.len(),
            of: |i, p: &[f64], g: &mut [f64]| {
                g[0] = 1.0;
                g[1] = xs[i];
                p[0] + p[1] * xs[i] - ys[i]
            },
        };
        fit("line", &[Unknown::new("offset", 0.0, 1.0), Unknown::new("slope", 0.0, 1.0)], &residuals)
    }

    #[test]
    fn a_line_has_its_textbook_errors() {
        // Values and standard errors of Draper & Smith's formula, by hand: slope 2, Sxx = 10, s^2 = .2/3.
        let fit = line(vec![0.0, 1.0, 2.0, 3.0, 4.0], vec![1.1, 2.8, 5.2, 6.8, 9.1]).unwrap();
        assert!((fit.values[1] - 2.0).abs() < 1e-9);
        assert!((fit.values[0] - 1.0).abs() < 1e-9);
        let s2: f64 = [0.1f64, -0.2, 0.2, -0.2, 0.1].iter().map(|r| r * r).sum::<f64>() / 3.0;
        assert!((fit.standard_errors[1] - (s2 / 10.0).sqrt()).abs() < 1e-9);
        assert!((fit.covariance(0, 1) + s2 * 2.0 / 10.0).abs() < 1e-9);
    }

    #[test]
    fn a_sweep_at_one_voltage_names_what_it_cannot_tell() {
        let error = line(vec![2.0; 5], vec![5.0; 5]).unwrap_err();
        let ExtractError::NotIdentifiable { unknowns, .. } = &error else { panic!("{error}") };
        assert!(unknowns.contains("offset") && unknowns.contains("slope"), "{unknowns}");
        let error = line(vec![0.0; 5], vec![5.0; 5]).unwrap_err();
        assert!(matches!(&error, ExtractError::NotIdentifiable { unknowns, .. } if unknowns == "slope"), "{error}");
    }

    #[test]
    fn too_few_or_not_finite() {
        assert!(matches!(line(vec![0.0, 1.0], vec![1.0, 2.0]), Err(ExtractError::TooFewPoints { .. })));
        assert!(matches!(line(vec![0.0, 1.0, 2.0], vec![1.0, f64::NAN, 2.0]), Err(ExtractError::Sweep { .. })));
    }
}
