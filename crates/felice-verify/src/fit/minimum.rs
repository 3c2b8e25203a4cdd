//! The way to the minimum, over growing horizons.

use levenberg_marquardt::{LeastSquaresProblem, LevenbergMarquardt};
use nalgebra::{DMatrix, DVector, Dyn, storage::Owned};

use super::problem::{Data, Unknown};
use crate::case::Case;
use crate::error::VerifyError;
use crate::parameters::mismatch;

/// What a point counts where the model has run away: far more than any waveform that has not.
const AWAY: f64 = 1e3;
/// Before the last horizon: an unknown that moves by its own size counts as much as this part of the range.
const PULL: f64 = 0.01;
/// A start further off than this over the first horizon is tried at other values too.
const FAR: f64 = 0.15;

/// Where the fit ended.
#[derive(Clone, Debug)]
pub(super) struct Solved {
    pub(super) values: Vec<f64>,
    pub(super) places: Vec<f64>,
    pub(super) residuals: DVector<f64>,
}

struct Stage<'a> {
    data: &'a Data,
    unknowns: &'a [Unknown],
    count: usize,
    /// The places that undetermined directions are pulled to; none on the last horizon.
    pull: Option<&'a [f64]>,
    places: DVector<f64>,
    residuals: DVector<f64>,
}

impl<'a> Stage<'a> {
    fn new(data: &'a Data, unknowns: &'a [Unknown], count: usize, pull: Option<&'a [f64]>, places: &[f64]) -> Self {
        let places = DVector::from_column_slice(places);
        let mut stage = Stage { data, unknowns, count, pull, places, residuals: DVector::zeros(0) };
        stage.evaluate();
        stage
    }

    fn values(&self) -> Vec<f64> {
        self.unknowns.iter().zip(&self.places).map(|(u, x)| u.value(*x)).collect()
    }

    fn weight(&self) -> f64 {
        PULL * ((self.count * self.data.channels()) as f64).sqrt()
    }

    fn evaluate(&mut self) {
        let rows = self.count * self.data.channels();
        let found = self.data.residuals(self.unknowns, &self.values(), self.count);
        let mut residuals = found.unwrap_or_else(|| DVector::from_element(rows, AWAY));
        if let Some(pull) = self.pull {
            let weight = self.weight();
            let moved: Vec<f64> = self.places.iter().zip(pull).map(|(x, p)| weight * (x - p)).collect();
            residuals = DVector::from_iterator(rows + moved.len(), residuals.iter().copied().chain(moved));
        }
        self.residuals = residuals;
    }
}

impl LeastSquaresProblem<f64, Dyn, Dyn> for Stage<'_> {
    type ResidualStorage = Owned<f64, Dyn>;
    type JacobianStorage = Owned<f64, Dyn, Dyn>;
    type ParameterStorage = Owned<f64, Dyn>;

    fn set_params(&mut self, places: &DVector<f64>) {
        self.places.copy_from(places);
        self.evaluate();
    }

    fn params(&self) -> DVector<f64> {
        self.places.clone()
    }

    fn residuals(&self) -> Option<DVector<f64>> {
        Some(self.residuals.clone())
    }

    fn jacobian(&self) -> Option<DMatrix<f64>> {
        let jacobian = self.data.jacobian(self.unknowns, self.places.as_slice(), self.count)?;
        if self.pull.is_none() {
            return Some(jacobian);
        }
        let (rows, n) = jacobian.shape();
        let weight = self.weight();
        Some(DMatrix::from_fn(rows + n, n, |i, j| match i {
            i if i < rows => jacobian[(i, j)],
            i if i - rows == j => weight,
            _ => 0.0,
        }))
    }
}

/// Finds the minimum over growing horizons.
pub(super) fn solve(case: &Case, data: &Data, unknowns: &[Unknown]) -> Result<Solved, VerifyError> {
    let horizons = data.horizons();
    let mut places = beginning(case, data, unknowns, horizons[0])?;
    let begun = places.clone();
    for (k, &count) in horizons.iter().enumerate() {
        let last = k + 1 == horizons.len();
        let stage = Stage::new(data, unknowns, count, (!last).then_some(&begun[..]), &places);
        let (solved, report) = LevenbergMarquardt::new()
            .with_ftol(1e-12)
            .with_xtol(1e-10)
            .with_patience(if last { 60 } else { 20 })
            .minimize(stage);
        let finite = solved.places.iter().chain(solved.residuals.iter()).all(|x| x.is_finite());
        let away = solved.residuals.iter().take(count).all(|r| *r == AWAY);
        if !finite || away {
            let what = format!(
                "the fit over the first {:.3} τ went where the model does not run ({:?})",
                data.tau[count - 1],
                report.termination
            );
            return Err(mismatch(case, what, "start nearer with --start, or fit fewer parameters with --free"));
        }
        places = solved.places.as_slice().to_vec();
    }
    let values: Vec<f64> = unknowns.iter().zip(&places).map(|(u, x)| u.value(*x)).collect();
    let residuals = data.residuals(unknowns, &values, data.tau.len()).ok_or_else(|| {
        mismatch(case, "the fitted model does not run over all of the time".into(), "fit fewer parameters with --free")
    })?;
    Ok(Solved { values, places, residuals })
}

/// The case's own start; where that is far off, or does not run, the best of it and of its neighbours.
fn beginning(case: &Case, data: &Data, unknowns: &[Unknown], count: usize) -> Result<Vec<f64>, VerifyError> {
    const STEPS: [f64; 6] = [0.1, -0.1, 0.3, -0.3, 0.7, -0.7];
    let far = |places: &[f64]| {
        let values: Vec<f64> = unknowns.iter().zip(places).map(|(u, x)| u.value(*x)).collect();
        let residuals = data.residuals(unknowns, &values, count);
        residuals.map_or(f64::INFINITY, |r| r.norm() / (r.len() as f64).sqrt())
    };
    let mut best: Vec<f64> = unknowns.iter().map(|u| u.place(u.start)).collect();
    let mut least = far(&best);
    // Each unknown in turn, twice: a coarse search along the axes.
    for j in (0..2 * unknowns.len()).map(|k| k % unknowns.len()) {
        if least < FAR {
            break;
        }
        let moved =
            STEPS.map(|by| best.iter().enumerate().map(|(i, x)| if i == j { x + by } else { *x }).collect::<Vec<_>>());
        for places in moved {
            let found = far(&places);
            if found < least {
                (best, least) = (places, found);
            }
        }
    }
    if least.is_finite() {
        return Ok(best);
    }
    let what = format!(
        "the model does not run over the first {:.3} τ with the parameters it starts from, nor near them",
        data.tau[count - 1]
    );
    Err(mismatch(case, what, "start from others with --start NAME=VALUE"))
}
