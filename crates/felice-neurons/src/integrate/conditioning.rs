//! Does a trajectory's every digit mean something? A tangent vector tells how a perturbation grows.

use super::run::Precision;
use super::trajectory::{Conditioning, Lost, Why};
use crate::linear::eliminate;

/// A small perturbation, carried along the trajectory.
pub(crate) struct Tangent {
    delta: Vec<f64>,
    /// Its size at the smallest so far: roundoff of that moment has grown since.
    least: f64,
    limit: f64,
    seen: Conditioning,
    /// The Jacobian at the end of the last step.
    jacobian: Vec<f64>,
    scratch: Vec<f64>,
}

impl Tangent {
    pub fn new(n: usize, precision: Precision) -> Self {
        let eps = match precision {
            Precision::F64 => f64::EPSILON,
            Precision::F32 => f64::from(f32::EPSILON),
        };
        // No direction of a model's own (an axis, a diagonal) is perpendicular to this one.
        let mut delta: Vec<f64> = (0..n).map(|i| 0.618_034_f64.powi(i as i32)).collect();
        normalise(&mut delta);
        let seen = Conditioning { growth: 1.0, lost: None };
        Tangent {
            delta,
            least: 1.0,
            limit: 1.0 / eps.sqrt(),
            seen,
            jacobian: vec![0.0; n * n],
            scratch: vec![0.0; 2 * n * n + n],
        }
    }

    /// A stretch starts, with this Jacobian.
    pub fn start(&mut self, jacobian: &[f64]) {
        self.jacobian.copy_from_slice(jacobian);
    }

    /// Where roundoff decides: the diagonal.
    pub fn on_diagonal(&mut self, t: f64) {
        self.lose(t, Why::Diagonal);
    }

    fn lose(&mut self, t: f64, why: Why) {
        if self.seen.lost.is_none() {
            self.seen.lost = Some(Lost { t, why });
        }
    }

    pub fn conditioning(&self) -> Conditioning {
        self.seen
    }

    /// Carries the perturbation over a step of length `h` that ends at `t`.
    ///
    /// `jacobian` (row by row) is the step's end's. `along` are the derivatives at the step's two ends, if they say
    /// something: the part of the perturbation along the first becomes the same part along the second, exactly; only
    /// what is left goes through δ ← (12 − 6A + A²)⁻¹ (12 + 6A + A²) δ with A = h(J₀ + J₁)/2, the Padé approximant of
    /// exp(A)δ that never grows what decays.
    pub fn step(&mut self, t: f64, h: f64, jacobian: &[f64], along: Option<(&[f64], &[f64])>) {
        let n = self.delta.len();
        let mut share = 0.0;
        if let Some((f0, _)) = along {
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            share = dot(&self.delta, f0) / dot(f0, f0);
            self.delta.iter_mut().zip(f0).for_each(|(d, f)| *d -= share * f);
        }
        let (m, rest) = self.scratch.split_at_mut(n * n);
        let (a, right) = rest.split_at_mut(n * n);
        for ((a, old), new) in a.iter_mut().zip(&mut self.jacobian).zip(jacobian) {
            *a = 0.5 * h * (*old + new);
            *old = *new;
        }
        right.fill(0.0);
        for row in 0..n {
            for column in 0..n {
                let square: f64 = (0..n).map(|k| a[row * n + k] * a[k * n + column]).sum();
                let even = square + if row == column { 12.0 } else { 0.0 };
                let odd = 6.0 * a[row * n + column];
                m[row * n + column] = even - odd;
                right[row] += (even + odd) * self.delta[column];
            }
        }
        if !eliminate(m, right) {
            return;
        }
        self.delta.copy_from_slice(right);
        if let Some((_, f1)) = along {
            self.delta.iter_mut().zip(f1).for_each(|(d, f)| *d += share * f);
        }
        self.judge(t);
    }

    /// Brings δ back to length 1 and notes how much it has grown since it was smallest.
    fn judge(&mut self, t: f64) {
        let size = normalise(&mut self.delta);
        if !size.is_finite() || size == 0.0 {
            let n = self.delta.len() as f64;
            self.delta.fill(1.0 / n.sqrt());
            return;
        }
        // `least` is the smallest length so far over the present one.
        self.least = (self.least / size).min(1.0);
        self.seen.growth = self.seen.growth.max(1.0 / self.least);
        if 1.0 / self.least > self.limit {
            self.lose(t, Why::Growth);
        }
    }
}

/// Scales to length 1; gives the length before.
fn normalise(x: &mut [f64]) -> f64 {
    let size = x.iter().map(|x| x * x).sum::<f64>().sqrt();
    x.iter_mut().for_each(|x| *x /= size);
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saddle_grows_and_a_focus_does_not() {
        let mut saddle = Tangent::new(2, Precision::F64);
        let mut focus = Tangent::new(2, Precision::F64);
        for i in 1..=200 {
            let t = f64::from(i) * 0.01;
            saddle.step(t, 0.01, &[17.0, 1.0, 0.0, -18.0], None);
            focus.step(t, 0.01, &[-0.25, 12.0, -12.0, -0.25], None);
        }
        let (saddle, focus) = (saddle.conditioning(), focus.conditioning());
        assert!(focus.is_good() && focus.growth < 1.01, "{focus}");
        let lost = saddle.lost.unwrap();
        assert!((saddle.growth.ln() - 34.0).abs() < 1.0 && (lost.t - 18.02 / 17.0).abs() < 0.05, "{saddle}");
    }
}
