//! How sure the fitted parameters are.

use nalgebra::{DMatrix, DVector};

use super::minimum::Solved;
use super::problem::{Data, Unknown};

/// Numbers of stretches that the jackknife cuts the waveform into; the largest of the standard errors counts. What a model
/// misses may be alike over long stretches (few are right then) or differ from swing to swing (many are).
const STRETCHES: [usize; 3] = [5, 8, 20];
/// Student's t at 97.5 % with four degrees of freedom: those of the fewest stretches.
const STUDENT: f64 = 2.776;
/// Ratio of singular values below which a combination of unknowns is not told at all: ten times the error of sensitivities
/// that are differences of trajectories.
const SINGULAR: f64 = 3e-6;
/// Correlations above this are worth a word.
const ENTANGLED: f64 = 0.99;
/// Standard errors above this part of a value are worth a word.
const VAGUE: f64 = 0.25;

/// What is known of each parameter.
pub(super) struct Known {
    pub(super) standard_errors: Vec<f64>,
    pub(super) numerical: Vec<f64>,
    pub(super) intervals: Vec<(f64, f64)>,
    pub(super) correlation: Vec<f64>,
    pub(super) condition: f64,
    pub(super) warnings: Vec<String>,
}

/// Judges a solution; `numerical` is what the simulator's waveform changes by when it is made less exact.
pub(super) fn assess(data: &Data, unknowns: &[Unknown], solved: &Solved, numerical: &DVector<f64>) -> Known {
    let n = unknowns.len();
    let untold = || Known {
        standard_errors: vec![f64::INFINITY; n],
        numerical: vec![f64::INFINITY; n],
        intervals: vec![(f64::NEG_INFINITY, f64::INFINITY); n],
        correlation: (0..n * n).map(|k| if k % (n + 1) == 0 { 1.0 } else { f64::NAN }).collect(),
        condition: f64::INFINITY,
        warnings: vec![
            "the model does not run on either side of the fitted parameters: how sure they are is unknown".into(),
        ],
    };
    let count = data.len() / data.channels();
    match data.exact_jacobian(unknowns, &solved.places, count) {
        Some(jacobian) => judge(&jacobian, data.channels(), unknowns, solved, numerical),
        None => untold(),
    }
}

/// The same from the sensitivities of the residuals at the solution.
pub(super) fn judge(
    jacobian: &DMatrix<f64>,
    channels: usize,
    unknowns: &[Unknown],
    solved: &Solved,
    numerical: &DVector<f64>,
) -> Known {
    let n = unknowns.len();
    let norms: Vec<f64> = jacobian.column_iter().map(|c| c.norm().max(f64::MIN_POSITIVE)).collect();
    let scaled = DMatrix::from_fn(jacobian.nrows(), n, |i, j| jacobian[(i, j)] / norms[j]);
    let normal = scaled.tr_mul(&scaled);
    let eigen = normal.clone().symmetric_eigen();
    let largest = eigen.eigenvalues.max();
    let condition = (largest / eigen.eigenvalues.min().max(0.0)).sqrt();
    let mut warnings = Vec::new();
    // Directions that nothing tells; what takes part in them is unknown.
    let lost: Vec<usize> = (0..n).filter(|k| eigen.eigenvalues[*k] <= SINGULAR * SINGULAR * largest).collect();
    let unknown: Vec<bool> = (0..n).map(|j| lost.iter().any(|k| eigen.eigenvectors[(j, *k)].abs() > 0.1)).collect();
    if !lost.is_empty() {
        let names: Vec<&str> = (0..n).filter(|j| unknown[*j]).map(|j| unknowns[j].name.as_str()).collect();
        warnings.push(format!(
            "the waveform does not tell {} apart: hold one of them by leaving it out of --free",
            names.join(", ")
        ));
    }
    let inverse = |of: &DMatrix<f64>| pseudo_inverse(of, SINGULAR * SINGULAR);
    let covariance = inverse(&normal);
    let shift =
        |rows: &dyn Fn(usize) -> bool, residuals: &DVector<f64>| gauss_newton(&scaled, residuals, rows, &inverse);
    let by_simulator = shift(&|_| true, &(-numerical));
    let in_values = |j: usize, x: f64| x / norms[j] * unknowns[j].slope(solved.values[j]);
    let jackknife = |count: usize| -> Vec<f64> {
        let parts = stretches(&scaled, &covariance, channels, count);
        let left_out: Vec<DVector<f64>> =
            parts.iter().map(|p| shift(&|row| !p.contains(&row), &solved.residuals)).collect();
        let b = left_out.len() as f64;
        let error = |j: usize| {
            let all: Vec<f64> = left_out.iter().map(|s| in_values(j, s[j])).collect();
            let mean = all.iter().sum::<f64>() / b;
            ((b - 1.0) / b * all.iter().map(|s| (s - mean).powi(2)).sum::<f64>()).sqrt()
        };
        (0..n).map(error).collect()
    };
    let tried = STRETCHES.map(jackknife);
    let statistical: Vec<f64> = (0..n).map(|j| tried.iter().map(|t| t[j]).fold(0.0, f64::max)).collect();
    let told = |j: usize, x: f64| if unknown[j] { f64::INFINITY } else { x };
    let numerical: Vec<f64> = (0..n).map(|j| told(j, in_values(j, by_simulator[j]).abs())).collect();
    let standard_errors: Vec<f64> = (0..n).map(|j| told(j, statistical[j].hypot(numerical[j]))).collect();
    let intervals =
        solved.values.iter().zip(&standard_errors).map(|(v, s)| (v - STUDENT * s, v + STUDENT * s)).collect();
    let correlation = correlations(&covariance);
    warnings.extend(entangled(unknowns, &correlation, &unknown));
    warnings.extend(vague(unknowns, &solved.values, &standard_errors));
    Known { standard_errors, numerical, intervals, correlation, condition, warnings }
}

/// The step that least squares over some of the rows would still take.
fn gauss_newton(
    jacobian: &DMatrix<f64>,
    residuals: &DVector<f64>,
    rows: &dyn Fn(usize) -> bool,
    inverse: &dyn Fn(&DMatrix<f64>) -> DMatrix<f64>,
) -> DVector<f64> {
    let n = jacobian.ncols();
    let (mut normal, mut gradient) = (DMatrix::zeros(n, n), DVector::zeros(n));
    for i in (0..jacobian.nrows()).filter(|i| rows(*i)) {
        let row = jacobian.row(i);
        for j in 0..n {
            gradient[j] -= row[j] * residuals[i];
            for k in 0..n {
                normal[(j, k)] += row[j] * row[k];
            }
        }
    }
    inverse(&normal) * gradient
}

/// Inverse of a symmetric matrix without directions whose share is below `least`.
fn pseudo_inverse(of: &DMatrix<f64>, least: f64) -> DMatrix<f64> {
    let eigen = of.clone().symmetric_eigen();
    let largest = eigen.eigenvalues.max();
    let inverted = eigen.eigenvalues.map(|l| if l > least * largest && l > 0.0 { 1.0 / l } else { 0.0 });
    &eigen.eigenvectors * DMatrix::from_diagonal(&inverted) * eigen.eigenvectors.transpose()
}

/// Rows in stretches of time that carry equal parts of the information: of the sum of leverages.
fn stretches(
    jacobian: &DMatrix<f64>,
    covariance: &DMatrix<f64>,
    channels: usize,
    count: usize,
) -> Vec<std::ops::Range<usize>> {
    let rows = jacobian.nrows();
    let leverage = |i: usize| {
        let row = jacobian.row(i);
        (row * covariance * row.transpose())[(0, 0)]
    };
    let each: Vec<f64> =
        (0..rows).step_by(channels).map(|i| (i..(i + channels).min(rows)).map(leverage).sum()).collect();
    let total: f64 = each.iter().sum();
    let (mut parts, mut from, mut sum) = (Vec::new(), 0, 0.0);
    for (i, l) in each.iter().enumerate() {
        sum += l;
        let due = total * (parts.len() + 1) as f64 / count as f64;
        if sum >= due && parts.len() + 1 < count {
            parts.push(from..(i + 1) * channels);
            from = (i + 1) * channels;
        }
    }
    if from < rows {
        parts.push(from..rows);
    }
    parts
}

fn correlations(covariance: &DMatrix<f64>) -> Vec<f64> {
    let n = covariance.nrows();
    let of = |i: usize, j: usize| match (covariance[(i, i)] * covariance[(j, j)]).sqrt() {
        _ if i == j => 1.0,
        size if size > 0.0 => (0.5 * (covariance[(i, j)] + covariance[(j, i)]) / size).clamp(-1.0, 1.0),
        _ => 0.0,
    };
    (0..n * n).map(|k| of(k / n, k % n)).collect()
}

fn entangled(unknowns: &[Unknown], correlation: &[f64], unknown: &[bool]) -> Vec<String> {
    let n = unknowns.len();
    let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
    let strong = pairs.filter(|(i, j)| !unknown[*i] && !unknown[*j] && correlation[i * n + j].abs() > ENTANGLED);
    let say = |(i, j): (usize, usize)| {
        let (a, b, r) = (&unknowns[i].name, &unknowns[j].name, correlation[i * n + j]);
        format!("{a} and {b} are hard to tell apart: correlation {r:.4}; an error of one hides in the other")
    };
    strong.map(say).collect()
}

fn vague(unknowns: &[Unknown], values: &[f64], errors: &[f64]) -> Vec<String> {
    let all = unknowns.iter().zip(values.iter().copied().zip(errors.iter().copied()));
    // Of a parameter that is 0 the size is what it usually has.
    let barely = |(u, (v, e)): &(&Unknown, (f64, f64))| e.is_finite() && *e > VAGUE * v.abs().max(0.01 * u.scale);
    let say = |(u, (v, e)): (&Unknown, (f64, f64))| {
        format!("{} is barely determined: {v:.3e} with a standard error of {e:.1e}", u.name)
    };
    all.filter(barely).map(say).collect()
}
