//! WereRabbit's branches matched over a swing: what the point of rest leaves open is settled where the orbit runs.
//!
//! About the focus a branch's current and its two slopes fix alpha, beta and gamma, whatever rho, sigma and delta are.
//! Those three follow from the comparator at the focus first; then least squares let them move a little, the match at
//! the focus kept, so that the currents come closer on ellipses about the focus, the linearised orbit's own, and so
//! that a turn of the orbit through those currents takes as long and decays as far as through the circuit's. The last
//! counts most: where the damping is weak a current a thousandth off can still double the decay of a large swing. The
//! tails' drains follow the lower input, softly within 1/rho of the diagonal, which no equation with fixed branches has:
//! the least squares share that out. The currents are the solved circuit's; no transient is run.

use nalgebra::{DMatrix, DVector};

use crate::DeviceError;
use crate::circuits::potentials::{Branch, Currents, Slope};
use crate::extract::least_squares::{Unknown, fit_whole};
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
    pub(crate) fn current(&self, b: &Branch, y: [f64; 2]) -> f64 {
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
/// A turn whose period is this part off, or whose decay differs by as much, costs as a thousand misfits do.
const TURN: f64 = 1e-2;
/// Ellipses, and points on each.
const RADII: [f64; 3] = [1.0 / 3.0, 2.0 / 3.0, 1.0];
const ANGLES: usize = 24;
/// Steps of a turn: fourth order, and only differences of two turns count.
const STEPS: usize = 32;

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
    let Some(plane) = Plane::new(field, y, ut, &branches) else { return Ok(branches) };
    let points = plane.points();
    let solved = |p: &[f64; 2]| -> Result<[f64; 2], DeviceError> {
        Ok(circuit.field(&circuit.at(Dual::constant(p[0]), Dual::constant(p[1]))?).map(|f| f.value))
    };
    let Ok(wanted) = points.iter().map(solved).collect::<Result<Vec<_>, _>>() else { return Ok(branches) };
    let swing = Swing { start: Pair { reference, branches }, plane, field, points, wanted };
    let fits = |b: &Branch| b.array().iter().all(|x| x.is_finite()) && b.alpha > 0.0 && b.rho > 0.0;
    Ok(swing.refined().filter(|pair| pair.branches.iter().all(fits)).map_or(branches, |pair| pair.branches))
}

/// Both branches of a model.
#[derive(Clone, Copy, Debug)]
struct Pair {
    reference: f64,
    branches: [Branch; 2],
}

impl Pair {
    fn frame(&self, side: usize) -> Frame {
        Frame { side, reference: self.reference }
    }

    /// Currents (A) into both nodes.
    fn field(&self, y: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|side| self.frame(side).current(&self.branches[side], y))
    }
}

/// The plane about a focus in the linearised orbit's own coordinates, in which that orbit is a circle.
#[derive(Clone, Copy, Debug)]
struct Plane {
    focus: [f64; 2],
    p: [f64; 2],
    q: [f64; 2],
}

impl Plane {
    /// Scaled so that a swing as far as an e-fold of the exponentials, within saturation, and on this side of the
    /// diagonal, has radius 1; `None` where the focus is no focus.
    fn new([f, g]: [Slope; 2], y: [f64; 2], ut: f64, branches: &[Branch; 2]) -> Option<Self> {
        let ([a, b], [c, d]) = (f.slope, g.slope);
        let real = 0.5 * (a + d);
        let imaginary = (a * d - b * c - real * real).sqrt();
        if imaginary.is_nan() || imaginary == 0.0 || b == 0.0 {
            return None;
        }
        // Eigenvector (b, lambda - a): its real and imaginary parts span the ellipse.
        let mut plane = Plane { focus: y, p: [b, real - a], q: [0.0, imaginary] };
        let directions = plane.circle(1.0).map(|x| [x[0] - y[0], x[1] - y[1]]);
        let most = |of: &dyn Fn(&[f64; 2]) -> f64| directions.iter().map(of).fold(0.0, f64::max);
        let (du, dv) = (most(&|x| x[0].abs()), most(&|x| x[1].abs()));
        let mut radius = 2.0 / (branches[0].beta + branches[1].beta) / du.max(dv);
        for (room, reach) in [(y[0] - 4.0 * ut, du), (y[1] - 4.0 * ut, dv)] {
            radius = radius.min(room.max(ut) / reach);
        }
        radius = radius.min(0.8 * (y[0] - y[1]).abs() / most(&|x| (x[0] - x[1]).abs()));
        (plane.p, plane.q) = (plane.p.map(|x| radius * x), plane.q.map(|x| radius * x));
        Some(plane)
    }

    fn at(&self, radius: f64, angle: f64) -> [f64; 2] {
        let (sin, cos) = angle.sin_cos();
        [0, 1].map(|i| self.focus[i] + radius * (cos * self.p[i] + sin * self.q[i]))
    }

    fn circle(&self, radius: f64) -> [[f64; 2]; ANGLES] {
        std::array::from_fn(|k| self.at(radius, std::f64::consts::TAU * k as f64 / ANGLES as f64))
    }

    fn points(&self) -> Vec<[f64; 2]> {
        RADII.iter().flat_map(|r| self.circle(*r)).collect()
    }

    /// A vector by its components along `p` and `q`.
    fn along(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let (p, q) = (self.p, self.q);
        let determinant = p[0] * q[1] - p[1] * q[0];
        [(x * q[1] - y * q[0]) / determinant, (p[0] * y - p[1] * x) / determinant]
    }

    /// One turn about the focus from a radius: the time it takes (V/A) and the logarithm of the growth.
    fn turn(&self, radius: f64, field: impl Fn([f64; 2]) -> [f64; 2]) -> Option<[f64; 2]> {
        let rates = |log: f64, angle: f64| {
            let r = radius * log.exp();
            let [a, b] = self.along(field(self.at(r, angle)));
            let (sin, cos) = angle.sin_cos();
            [(a * cos + b * sin) / r, (b * cos - a * sin) / r]
        };
        let step = std::f64::consts::TAU / STEPS as f64 * rates(0.0, 0.0)[1].signum();
        let by_angle = |log: f64, angle: f64| {
            let [growing, turning] = rates(log, angle);
            (turning * step > 0.0).then(|| [1.0 / turning, growing / turning])
        };
        let (mut time, mut log) = (0.0, 0.0);
        for k in 0..STEPS {
            let angle = step * k as f64;
            let k1 = by_angle(log, angle)?;
            let k2 = by_angle(log + 0.5 * step * k1[1], angle + 0.5 * step)?;
            let k3 = by_angle(log + 0.5 * step * k2[1], angle + 0.5 * step)?;
            let k4 = by_angle(log + step * k3[1], angle + step)?;
            let mean = |i: usize| step / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
            (time, log) = (time + mean(0), log + mean(1));
        }
        (time.is_finite() && log.is_finite()).then_some([time, log])
    }
}

/// Powers of the plane's coordinates from the second to the fourth.
fn powers([a, b]: [f64; 2]) -> [f64; 12] {
    let (a2, b2) = (a * a, b * b);
    [a2, a * b, b2, a2 * a, a2 * b, a * b2, b2 * b, a2 * a2, a2 * a * b, a2 * b2, a * b2 * b, b2 * b2]
}

/// A swing about the focus: the circuit's currents there and the branches to begin with.
struct Swing {
    start: Pair,
    plane: Plane,
    /// The circuit's currents at the focus, with their slopes.
    field: [Slope; 2],
    points: Vec<[f64; 2]>,
    wanted: Vec<[f64; 2]>,
}

impl Swing {
    /// Currents over the swing: the first branches', and what they lack as a polynomial of the fourth degree.
    fn circuit(&self) -> Option<impl Fn([f64; 2]) -> [f64; 2]> {
        let (plane, start) = (self.plane, self.start);
        let place = move |y: [f64; 2]| powers(plane.along([y[0] - plane.focus[0], y[1] - plane.focus[1]]));
        let rows: Vec<[f64; 12]> = self.points.iter().map(|y| place(*y)).collect();
        let svd = DMatrix::from_fn(rows.len(), 12, |i, j| rows[i][j]).svd(true, true);
        let lacking = |side: usize| {
            let off = self.points.iter().zip(&self.wanted).map(|(y, w)| w[side] - start.field(*y)[side]);
            svd.solve(&DVector::from_iterator(rows.len(), off), 1e-12).ok()
        };
        let lacking = [lacking(0)?, lacking(1)?];
        Some(move |y: [f64; 2]| {
            let (known, powers) = (start.field(y), place(y));
            [0, 1].map(|i| known[i] + lacking[i].iter().zip(powers).map(|(c, x)| c * x).sum::<f64>())
        })
    }

    /// The branches moved by this much of each leeway: rho, sigma, delta of u, then of v.
    fn moved(&self, by: &[f64]) -> Pair {
        let branches = [0, 1].map(|side| {
            let (b, by) = (self.start.branches[side], &by[3 * side..]);
            let [rho, sigma, delta] =
                [b.rho * (1.0 + LEEWAY * by[0]), b.sigma * (1.0 + LEEWAY * by[1]), b.delta + LEEWAY / b.rho * by[2]];
            self.start.frame(side).anchored(Branch { rho, sigma, delta, ..b }, self.plane.focus, self.field[side])
        });
        Pair { branches, ..self.start }
    }

    fn refined(&self) -> Option<Pair> {
        let circuit = self.circuit()?;
        let turns: Vec<(f64, [f64; 2])> =
            RADII.iter().filter_map(|r| Some((*r, self.plane.turn(*r, &circuit)?))).collect();
        let misses = |by: &[f64]| -> Vec<f64> {
            let pair = self.moved(by);
            let mut misses: Vec<f64> = by.iter().map(|x| MISFIT * x).collect();
            for (y, wanted) in self.points.iter().zip(&self.wanted) {
                let found = pair.field(*y);
                misses.extend([0, 1].map(|i| (found[i] - wanted[i]) / self.start.branches[i].gain));
            }
            for (radius, [time, log]) in &turns {
                let found = self.plane.turn(*radius, |y| pair.field(y));
                misses.extend(found.map_or([1.0; 2], |[t, l]| [(t / time - 1.0) / TURN, (l - log) / TURN]));
            }
            misses
        };
        let unknowns =
            ["rho_u", "sigma_u", "delta_u", "rho_v", "sigma_v", "delta_v"].map(|name| Unknown::new(name, 0.0, 1.0));
        fit_whole("branches over a swing", &unknowns, misses).ok().map(|f| self.moved(&f.values))
    }
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
