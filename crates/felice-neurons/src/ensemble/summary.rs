//! What a neuron did, in a few numbers.

use crate::linear::eigenvalues;
use crate::model::Model;
use crate::newton;

/// The summaries of some neurons, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary<L> {
    /// Smallest states, `[neuron][state]`, turning points between steps included.
    pub least: Vec<L>,
    /// Largest states.
    pub most: Vec<L>,
    /// Mean time between the last half of the maxima of the first state; NaN where there are fewer than two.
    pub period: Vec<f64>,
    /// Half the last swing of the first state, maximum to minimum; NaN likewise.
    pub amplitude: Vec<f64>,
    /// The stable fixed point that the neuron has come near to, `[neuron][state]`; NaN where there is none.
    pub fixed_point: Vec<f64>,
}

impl<L: Copy + Default> Summary<L> {
    pub(crate) fn new(n: usize, dim: usize) -> Self {
        let numbers = |n: usize| vec![f64::NAN; n];
        Summary {
            least: vec![L::default(); n * dim],
            most: vec![L::default(); n * dim],
            period: numbers(n),
            amplitude: numbers(n),
            fixed_point: numbers(n * dim),
        }
    }

    pub(crate) fn put(&mut self, neuron: usize, least: &[L], most: &[L], o: &Oscillation, point: Option<&[f64]>) {
        let dim = least.len();
        self.least[neuron * dim..][..dim].copy_from_slice(least);
        self.most[neuron * dim..][..dim].copy_from_slice(most);
        (self.period[neuron], self.amplitude[neuron]) = o.numbers();
        if let Some(point) = point {
            self.fixed_point[neuron * dim..][..dim].copy_from_slice(point);
        }
    }
}

/// Maxima and minima of the first state.
#[derive(Clone, Debug)]
pub(crate) struct Oscillation {
    tops: Vec<f64>,
    top: f64,
    bottom: f64,
    /// Swings up to here are the integrator's own.
    noise: f64,
}

impl Oscillation {
    pub fn new(noise: f64) -> Self {
        Oscillation { tops: Vec::new(), top: f64::NAN, bottom: f64::NAN, noise }
    }

    /// A maximum.
    pub fn top(&mut self, t: f64, value: f64) {
        if self.bottom.is_nan() || value - self.bottom > self.noise {
            self.tops.push(t);
            self.top = value;
        }
    }

    /// A minimum.
    pub fn bottom(&mut self, value: f64) {
        if self.top.is_nan() || self.top - value > self.noise {
            self.bottom = value;
        }
    }

    /// Period and amplitude.
    pub fn numbers(&self) -> (f64, f64) {
        let n = self.tops.len();
        if n < 2 {
            return (f64::NAN, f64::NAN);
        }
        let from = (n - 1) / 2;
        ((self.tops[n - 1] - self.tops[from]) / (n - 1 - from) as f64, 0.5 * (self.top - self.bottom))
    }
}

/// The stable fixed point within `reach` of a state, under constant currents.
pub(crate) fn fixed_point(model: &dyn Model, y: &[f64], currents: &[f64], reach: f64) -> Option<Vec<f64>> {
    let field = |y: &[f64], dy: &mut [f64], j: &mut [f64]| {
        model.field(y, dy);
        dy.iter_mut().zip(currents).for_each(|(d, c)| *d += c);
        model.jacobian(y, j);
    };
    let (point, j) = newton::point_near(y, None, reach, field)?;
    eigenvalues(&j).iter().all(|l| l.re < 0.0).then_some(point)
}
