//! Operating points of a handful of unknowns by damped Newton, with exact derivatives of the solution.

use crate::DeviceError;
use crate::real::{Dual, Real};

/// Newton steps are cut to this many volts: an exponential undershoots nothing and overshoots everything.
const LONGEST_STEP: f64 = 0.1;
const ITERATIONS: usize = 200;
/// A step this small (V) is the last one: Newton doubles its digits each time.
const SETTLED: f64 = 1e-10;

/// Solves `residual(x) = 0` near `guess`, then carries the residual's own derivatives over to the solution
/// (implicit function theorem): the answer is as differentiable as the residual's parameters.
///
/// `residual` must be made twice: over dual numbers in the unknowns for Newton, and over `R` for the answer.
/// Residuals should be of order 1 (currents over the block's own current).
pub(crate) fn implicit<R: Real, const N: usize>(
    block: &str,
    guess: [f64; N],
    over_unknowns: impl Fn([Dual<N>; N]) -> [Dual<N>; N],
    over_parameters: impl Fn([R; N]) -> [R; N],
) -> Result<[R; N], DeviceError> {
    let mut x = guess;
    let mut worst = f64::INFINITY;
    for _ in 0..ITERATIONS {
        let r = over_unknowns(std::array::from_fn(|i| Dual::variable(x[i], i)));
        worst = r.iter().fold(0.0, |w: f64, ri| if ri.value.is_nan() { f64::NAN } else { w.max(ri.value.abs()) });
        let jacobian = std::array::from_fn(|i| r[i].slope);
        let Some(step) = eliminate(jacobian, std::array::from_fn(|i| -r[i].value)) else { break };
        let longest = step.iter().fold(0.0, |m: f64, s| m.max(s.abs()));
        if !longest.is_finite() {
            break;
        }
        let cut = if longest > LONGEST_STEP { LONGEST_STEP / longest } else { 1.0 };
        for (xi, si) in x.iter_mut().zip(step) {
            *xi += cut * si;
        }
        if longest < SETTLED {
            let at = over_parameters(x.map(R::constant));
            // One more step, in the parameters' numbers: the values barely move, the derivatives become exact.
            let correction = eliminate_over(jacobian, at.map(|a| -a));
            return correction.map(|c| std::array::from_fn(|i| c[i] + x[i])).ok_or_else(|| not_converged(block, worst));
        }
    }
    Err(not_converged(block, worst))
}

fn not_converged(block: &str, residual: f64) -> DeviceError {
    DeviceError::NotConverged {
        block: block.to_owned(),
        iterations: ITERATIONS,
        residual,
        remedy: "check that supply, bias and input voltages leave every transistor room to saturate".into(),
    }
}

/// Gaussian elimination with partial pivoting; `None` where singular.
fn eliminate<const N: usize>(a: [[f64; N]; N], b: [f64; N]) -> Option<[f64; N]> {
    eliminate_over(a, b)
}

fn eliminate_over<R: Real, const N: usize>(mut a: [[f64; N]; N], mut b: [R; N]) -> Option<[R; N]> {
    for k in 0..N {
        let pivot = (k..N).max_by(|&i, &j| a[i][k].abs().total_cmp(&a[j][k].abs()))?;
        if a[pivot][k] == 0.0 || !a[pivot][k].is_finite() {
            return None;
        }
        a.swap(k, pivot);
        b.swap(k, pivot);
        for i in k + 1..N {
            let factor = a[i][k] / a[k][k];
            let row = a[k];
            a[i].iter_mut().zip(row).skip(k).for_each(|(x, y)| *x -= factor * y);
            b[i] = b[i] - b[k] * factor;
        }
    }
    let mut x = [R::constant(0.0); N];
    for k in (0..N).rev() {
        let mut sum = b[k];
        for (j, xj) in x.iter().enumerate().skip(k + 1) {
            sum = sum - *xj * a[k][j];
        }
        x[k] = sum / a[k][k];
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solution_and_its_slope() {
        // x^2 = p: x = sqrt(p), dx/dp = 1/(2 x).
        let p = Dual::<1>::variable(2.0, 0);
        let [x] = implicit("root", [1.3], |[x]| [x * x - 2.0], |[x]: [Dual<1>; 1]| [x * x - p]).unwrap();
        assert!((x.value - 2f64.sqrt()).abs() < 1e-15 && (x.slope[0] - 0.5 / 2f64.sqrt()).abs() < 1e-10);
    }

    #[test]
    fn no_root_is_an_error() {
        let result = implicit("none", [1.0], |[x]| [x * x + 1.0], |[x]: [f64; 1]| [x * x + 1.0]);
        assert!(matches!(result, Err(DeviceError::NotConverged { .. })));
    }
}
