//! Newton's iteration for fixed points.

use nalgebra::DMatrix;

use crate::dual::Dual;
use crate::error::NeuronError;
use crate::linear::{eliminate, norm};
use crate::neuron::{Neuron, Row};
use crate::real::Real;

/// Iterations before the search is given up; from a fair start six are enough.
const ITERATIONS: usize = 40;
/// Relative step below which an iteration that no longer shrinks has settled (felice's tolerance).
const SETTLED: f64 = 1e-8;

/// The Jacobian of a field, exact: `j[row * n + column]` = d(field row)/d(state column).
pub(crate) fn jacobian_of(y: &[f64], j: &mut [f64], field: impl Fn(&[Dual], &mut [Dual])) {
    let n = y.len();
    let mut dy = vec![Dual::num(0.0); n];
    let mut y: Vec<Dual> = y.iter().map(|&y| Dual::num(y)).collect();
    for column in 0..n {
        y[column].slope = 1.0;
        field(&y, &mut dy);
        y[column].slope = 0.0;
        for row in 0..n {
            j[row * n + column] = dy[row].slope;
        }
    }
}

/// Parameters as dual numbers that do not vary.
pub(crate) fn constants<M: Neuron>(p: &M::Parameters<f64>) -> M::Parameters<Dual> {
    M::Parameters::from_fn(|i| Dual::num(p.get(i)))
}

/// The Jacobian of a model's field, without allocation.
#[inline(always)]
pub(crate) fn jacobian<M: Neuron>(p: &M::Parameters<Dual>, y: &[f64], j: &mut [f64]) {
    let n = M::State::<f64>::LEN;
    for column in 0..n {
        let seeded = |i| Dual { value: y[i], slope: if i == column { 1.0 } else { 0.0 } };
        let dy = M::field(p, M::State::from_fn(seeded));
        for row in 0..n {
            j[row * n + column] = dy.get(row).slope;
        }
    }
}

/// A zero of `f` near `start`, iterated until the step is down to rounding; `None` where the iteration does not settle.
/// `f` writes the values and the Jacobian, row by row.
pub(crate) fn solve(f: impl Fn(&[f64], &mut [f64], &mut [f64]), start: &[f64]) -> Option<Vec<f64>> {
    let n = start.len();
    let (mut y, mut step, mut j) = (start.to_vec(), vec![0.0; n], vec![0.0; n * n]);
    let mut last = f64::INFINITY;
    for _ in 0..ITERATIONS {
        f(&y, &mut step, &mut j);
        if !eliminate(&mut j, &mut step) {
            return None;
        }
        y.iter_mut().zip(&step).for_each(|(y, s)| *y -= s);
        let size = norm(&step) / (1.0 + norm(&y));
        if !size.is_finite() {
            return None;
        }
        if size <= SETTLED && (size >= last || size <= 4.0 * f64::EPSILON) {
            return Some(y);
        }
        last = size;
    }
    None
}

/// The fixed point of a model that Newton's iteration reaches from `start`.
pub(crate) fn fixed_point<M: Neuron>(
    p: &M::Parameters<f64>,
    start: M::State<f64>,
) -> Result<M::State<f64>, NeuronError> {
    let n = M::State::<f64>::LEN;
    let start: Vec<f64> = (0..n).map(|i| start.get(i)).collect();
    let dual = constants::<M>(p);
    let evaluate = |y: &[f64], dy: &mut [f64], j: &mut [f64]| {
        let d = M::field(p, M::State::from_fn(|i| y[i]));
        dy.iter_mut().enumerate().for_each(|(i, x)| *x = d.get(i));
        jacobian::<M>(&dual, y, j);
    };
    match solve(evaluate, &start) {
        Some(y) => Ok(M::State::from_fn(|i| y[i])),
        None => Err(NeuronError::NoFixedPoint { model: M::INFO.name, start }),
    }
}

/// The fixed point that Newton's iteration reaches from `start` without going further than `reach`, and its Jacobian.
///
/// States that do not change and whose derivative depends on nothing (a constant applied current) have no row in it; they
/// are left where they are, or put where `held` says.
pub(crate) fn point_near(
    start: &[f64],
    held: Option<&[f64]>,
    reach: f64,
    mut f: impl FnMut(&[f64], &mut [f64], &mut [f64]),
) -> Option<(Vec<f64>, DMatrix<f64>)> {
    let n = start.len();
    let (mut y, mut dy, mut j) = (start.to_vec(), vec![0.0; n], vec![0.0; n * n]);
    f(&y, &mut dy, &mut j);
    let moves = |i: usize| dy[i] != 0.0 || j[i * n..][..n].iter().any(|x| *x != 0.0);
    let moving: Vec<usize> = (0..n).filter(|&i| moves(i)).collect();
    if let Some(held) = held {
        (0..n).filter(|i| !moving.contains(i)).for_each(|i| y[i] = held[i]);
        f(&y, &mut dy, &mut j);
    }
    let m = moving.len();
    if m == 0 {
        return None;
    }
    let (origin, mut last) = (y.clone(), f64::INFINITY);
    let (mut reduced, mut step) = (vec![0.0; m * m], vec![0.0; m]);
    for _ in 0..ITERATIONS {
        for (r, &row) in moving.iter().enumerate() {
            step[r] = dy[row];
            moving.iter().enumerate().for_each(|(c, &column)| reduced[r * m + c] = j[row * n + column]);
        }
        if !eliminate(&mut reduced, &mut step) {
            return None;
        }
        moving.iter().zip(&step).for_each(|(&i, s)| y[i] -= s);
        let gone = y.iter().zip(&origin).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
        if gone.is_nan() || gone > reach {
            return None;
        }
        f(&y, &mut dy, &mut j);
        let size = norm(&step) / (1.0 + norm(&y));
        if size <= SETTLED && (size >= last || size <= 4.0 * f64::EPSILON) {
            return Some((y, DMatrix::from_fn(m, m, |r, c| j[moving[r] * n + moving[c]])));
        }
        last = size;
    }
    None
}
