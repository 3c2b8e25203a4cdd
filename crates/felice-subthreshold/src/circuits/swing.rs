//! WereRabbit's branches matched over a swing: what the point of rest leaves open is settled where the orbit runs.
//!
//! About the focus a branch's current and its two slopes fix alpha, beta and gamma, whatever rho, sigma and delta are.
//! Those three follow from the comparator at the focus first; then least squares over ellipses about the focus, the
//! linearised orbit's own, let them move a little, the match at the focus kept: period and decay of small swings stay
//! exact, those of large ones come closer. The tails' drains follow the lower input, softly within 1/rho of the
//! diagonal, which no equation with fixed branches has: the least squares share that out. The currents are the solved
//! circuit's; no transient is run.

use crate::DeviceError;
use crate::circuits::potentials::{Branch, Currents, Slope};
use crate::extract::least_squares::{Residuals, Unknown, fit};
use crate::real::{Dual, Real};

/// One branch's frame, f = s z (b - E) - sigma, z = tanh(rho (u - v - delta)): `side` 0 for u (s = 1), 1 for v (s = -1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) side: usize,
    /// Reference voltage of gamma (V).
    pub(crate) reference: f64,
}

impl Frame {
    fn sign(&self) -> f64 {
        if self.side == 0 { 1.0 } else { -1.0 }
    }

    /// Current (A) into the node.
    fn current(&self, b: &Branch, y: [f64; 2]) -> f64 {
        let (own, other) = (y[self.side], y[1 - self.side]);
        let e = b.alpha * (b.beta * other).exp() * (1.0 + b.gamma * (self.reference - own));
        let z = (b.rho * (y[0] - y[1] - b.delta)).tanh();
        self.sign() * z * (b.gain - e) - b.sigma
    }

    /// The branch with alpha, beta and gamma that give `field` its value and slopes at `y`.
    pub(crate) fn anchored(&self, b: Branch, y: [f64; 2], field: Slope) -> Branch {
        let (own, other) = (y[self.side], y[1 - self.side]);
        let z = (b.rho * (y[0] - y[1] - b.delta)).tanh();
        let sz = self.sign() * z;
        let e = b.gain - (field.value + b.sigma) / sz;
        let tilt = b.rho * (1.0 - z * z) * (b.gain - e);
        let beta = -(field.slope[1 - self.side] + tilt) / (sz * e);
        let g = (field.slope[self.side] - tilt) / (sz * e);
        let gamma = g / (1.0 + g * (own - self.reference));
        let alpha = e / ((beta * other).exp() * (1.0 + gamma * (self.reference - own)));
        Branch { alpha, beta, gamma, ..b }
    }
}

/// How far a branch may move from what the comparator at the focus says before it costs as much as a field that is a
/// thousandth of the unit current off at one point: relative, of rho and sigma; of 1/rho, of delta.
const LEEWAY: f64 = 0.02;
const MISFIT: f64 = 1e-3;
/// Ellipses, and points on each.
const RADII: [f64; 3] = [1.0 / 3.0, 2.0 / 3.0, 1.0];
const ANGLES: usize = 24;

/// The branches (A) refined over a swing about the focus `y`. As they are where the focus is no focus, or the circuit
/// cannot be solved all the way round.
pub(crate) fn refine(
    circuit: &impl Currents,
    reference: f64,
    y: [f64; 2],
    ut: f64,
    branches: [Branch; 2],
) -> Result<[Branch; 2], DeviceError> {
    let parts = circuit.at(Dual::variable(y[0], 0), Dual::variable(y[1], 1))?;
    let field = circuit.field(&parts);
    let Some(points) = orbit(field, y, ut, &branches) else { return Ok(branches) };
    let solved = |p: &[f64; 2]| -> Result<[f64; 2], DeviceError> {
        Ok(circuit.field(&circuit.at(Dual::constant(p[0]), Dual::constant(p[1]))?).map(|f| f.value))
    };
    let Ok(currents) = points.iter().map(solved).collect::<Result<Vec<_>, _>>() else { return Ok(branches) };
    let refined = |side: usize| {
        let (frame, start) = (Frame { side, reference }, branches[side]);
        let wanted: Vec<f64> = currents.iter().map(|c| c[side]).collect();
        let found = over_swing(&frame, start, y, field[side], &points, &wanted);
        found.filter(|b| b.array().iter().all(|x| x.is_finite()) && b.alpha > 0.0 && b.rho > 0.0).unwrap_or(start)
    };
    Ok([refined(0), refined(1)])
}

/// Points of the linearised orbit's ellipses: as far as an e-fold of the exponentials, within saturation, and on this
/// side of the diagonal.
fn orbit([f, g]: [Slope; 2], y: [f64; 2], ut: f64, branches: &[Branch; 2]) -> Option<Vec<[f64; 2]>> {
    let ([a, b], [c, d]) = (f.slope, g.slope);
    let real = 0.5 * (a + d);
    let imaginary = (a * d - b * c - real * real).sqrt();
    if imaginary.is_nan() || imaginary == 0.0 || b == 0.0 {
        return None;
    }
    // Eigenvector (b, lambda - a): its real and imaginary parts span the ellipse.
    let (p, q) = ([b, real - a], [0.0, imaginary]);
    let directions: Vec<[f64; 2]> = (0..ANGLES)
        .map(|k| (std::f64::consts::TAU * k as f64 / ANGLES as f64).sin_cos())
        .map(|(sin, cos)| [cos * p[0] + sin * q[0], cos * p[1] + sin * q[1]])
        .collect();
    let most = |of: &dyn Fn(&[f64; 2]) -> f64| directions.iter().map(of).fold(0.0, f64::max);
    let (du, dv) = (most(&|x| x[0].abs()), most(&|x| x[1].abs()));
    let mut radius = 2.0 / (branches[0].beta + branches[1].beta) / du.max(dv);
    for (room, reach) in [(y[0] - 4.0 * ut, du), (y[1] - 4.0 * ut, dv)] {
        radius = radius.min(room.max(ut) / reach);
    }
    radius = radius.min(0.8 * (y[0] - y[1]).abs() / most(&|x| (x[0] - x[1]).abs()));
    let points = RADII.iter().flat_map(|r| directions.iter().map(move |x| [0, 1].map(|i| y[i] + r * radius * x[i])));
    Some(points.collect())
}

fn over_swing(
    frame: &Frame,
    start: Branch,
    y: [f64; 2],
    field: Slope,
    points: &[[f64; 2]],
    wanted: &[f64],
) -> Option<Branch> {
    let leeway = [start.rho, start.sigma, 1.0 / start.rho].map(|x| LEEWAY * x);
    let branch = |p: &[f64]| {
        let [rho, sigma, delta] =
            [start.rho + p[0] * leeway[0], start.sigma + p[1] * leeway[1], start.delta + p[2] * leeway[2]];
        frame.anchored(Branch { rho, sigma, delta, ..start }, y, field)
    };
    let at = |i: usize, p: &[f64]| match i.checked_sub(points.len()) {
        Some(k) => MISFIT * p[k],
        None => (frame.current(&branch(p), points[i]) - wanted[i]) / start.gain,
    };
    let residuals = Residuals {
        count: points.len() + 3,
        of: |i, p: &[f64], g: &mut [f64]| {
            // Central differences: a thousandth of the leeway loses no digit that counts.
            let mut moved = p.to_vec();
            for k in 0..3 {
                moved[k] = p[k] + 1e-3;
                let up = at(i, &moved);
                moved[k] = p[k] - 1e-3;
                g[k] = (up - at(i, &moved)) / 2e-3;
                moved[k] = p[k];
            }
            at(i, p)
        },
    };
    let unknowns = ["rho", "sigma", "delta"].map(|name| Unknown::new(name, 0.0, 1.0));
    fit("branch over a swing", &unknowns, &residuals).ok().map(|f| branch(&f.values))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any branch is anchored to its own current and slopes unchanged.
    #[test]
    fn an_anchored_branch_is_itself() {
        let b = Branch { gain: 1.1, alpha: 0.0015, beta: 15.0, gamma: 0.2, rho: 8.0, sigma: 0.6, delta: 0.002 };
        for side in [0, 1] {
            let frame = Frame { side, reference: 0.5 };
            let y = [0.45, 0.33];
            let step = |i: usize, h: f64| frame.current(&b, [0, 1].map(|k| if k == i { y[k] + h } else { y[k] }));
            let slope = [0, 1].map(|i| (step(i, 1e-6) - step(i, -1e-6)) / 2e-6);
            let field = Dual { value: frame.current(&b, y), slope };
            let again = frame.anchored(b, y, field);
            for (x, w) in again.array().iter().zip(b.array()) {
                assert!((x - w).abs() < 1e-6 * w.abs().max(1e-3), "{side}: {again:?}");
            }
        }
    }
}
