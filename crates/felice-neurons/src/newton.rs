//! Newton's iteration for fixed points.

use nalgebra::{DMatrix, DVector};

use crate::dual::Dual;
use crate::error::NeuronError;
use crate::neuron::{Neuron, Row};

/// Iterations before the search is given up; from a fair start six are enough.
const ITERATIONS: usize = 60;

/// The Jacobian of a field, `[(row, column)]` = d(field row)/d(state column), exact.
pub(crate) fn jacobian_of(y: &[f64], field: impl Fn(&[Dual], &mut [Dual])) -> DMatrix<f64> {
    let n = y.len();
    let mut j = DMatrix::zeros(n, n);
    let mut dy = vec![Dual { value: 0.0, slope: 0.0 }; n];
    for column in 0..n {
        let slope = |i| if i == column { 1.0 } else { 0.0 };
        let y: Vec<Dual> = y.iter().enumerate().map(|(i, &value)| Dual { value, slope: slope(i) }).collect();
        field(&y, &mut dy);
        for row in 0..n {
            j[(row, column)] = dy[row].slope;
        }
    }
    j
}

/// The Jacobian of a model's field.
pub(crate) fn jacobian<M: Neuron>(p: &M::Parameters<f64>, y: &[f64]) -> DMatrix<f64> {
    let p = M::Parameters::<Dual>::from_fn(|i| Dual { value: p.get(i), slope: 0.0 });
    jacobian_of(y, |y, dy| {
        let d = M::field(&p, M::State::<Dual>::from_fn(|i| y[i]));
        dy.iter_mut().enumerate().for_each(|(i, x)| *x = d.get(i));
    })
}

/// A zero of `f` near `start`, iterated until the step is down to rounding; `None` where the iteration does not settle.
pub(crate) fn solve(f: impl Fn(&[f64]) -> (DVector<f64>, DMatrix<f64>), start: &[f64]) -> Option<Vec<f64>> {
    let mut y = DVector::from_column_slice(start);
    let mut last = f64::INFINITY;
    for _ in 0..ITERATIONS {
        let (dy, j) = f(y.as_slice());
        let step = j.lu().solve(&dy)?;
        y -= &step;
        let size = step.norm() / (1.0 + y.norm());
        if !size.is_finite() {
            return None;
        }
        if size <= 1e-8 && (size >= last || size <= 4.0 * f64::EPSILON) {
            return Some(y.as_slice().to_vec());
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
    let evaluate = |y: &[f64]| {
        let dy = M::field(p, M::State::<f64>::from_fn(|i| y[i]));
        (DVector::from_fn(n, |i, _| dy.get(i)), jacobian::<M>(p, y))
    };
    match solve(evaluate, &start) {
        Some(y) => Ok(M::State::from_fn(|i| y[i])),
        None => Err(NeuronError::NoFixedPoint { model: M::INFO.name, start }),
    }
}
