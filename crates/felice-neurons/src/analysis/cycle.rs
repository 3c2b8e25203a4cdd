//! Limit cycles: period, amplitude and Floquet multipliers, by shooting.

use felice_base::Sampled;
use nalgebra::{DMatrix, DVector};

use crate::any::AnyNeuron;
use crate::error::NeuronError;
use crate::integrate::{Direction, Run, Sampling, Trajectory, Trigger};
use crate::linear::{Eigenvalue, eigenvalues};
use crate::model::Model;
use crate::neuron::{Info, State};

/// A periodic orbit.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitCycle {
    /// A state on it.
    pub state: Vec<f64>,
    /// Its period.
    pub period: f64,
    /// Peak to peak of each state.
    pub amplitude: Vec<f64>,
    /// Floquet multipliers but the trivial one (along the orbit, 1), largest first: below 1 in size it attracts.
    pub multipliers: Vec<Eigenvalue>,
    /// How far the trivial multiplier came out from 1: the accuracy of the others.
    pub trivial_error: f64,
    /// One period from `state`, 401 samples.
    pub orbit: Sampled,
}

impl LimitCycle {
    /// True where every perturbation decays.
    pub fn is_stable(&self) -> bool {
        self.multipliers.iter().all(|m| m.re.hypot(m.im) < 1.0)
    }
}

/// Tolerance of the integrations.
const TOLERANCE: f64 = 1e-12;
/// Newton's iterations.
const ITERATIONS: usize = 30;

impl AnyNeuron {
    /// The limit cycle that the trajectory from `start` comes to within `horizon`.
    ///
    /// The last return of the trajectory gives a guess, Newton's iteration on (state, period) with the variational
    /// equations the cycle: to 1e-9 of the period where it is well-conditioned.
    ///
    /// # Errors
    /// [`NeuronError::NoLimitCycle`] where the trajectory settles, or does not come back; whatever
    /// [`simulate`](Self::simulate) says of the start or of the horizon.
    pub fn limit_cycle(&self, start: &[f64], horizon: f64) -> Result<LimitCycle, NeuronError> {
        let none =
            |why: String| NeuronError::NoLimitCycle { model: self.info().name.clone(), start: start.to_vec(), why };
        let run = Run { initial: Some(start.to_vec()), rtol: 1e-9, atol: 1e-9, ..Run::to(horizon) };
        let first = self.simulate(&run)?;
        // The second half of it, watched where the state that moves most passes its middle.
        let (state, level, swing) = widest(&first);
        if swing <= 1e-6 * (1.0 + level.abs()) {
            return Err(none(format!("the trajectory settles at {:?}", first.final_state)));
        }
        let passes = Trigger::Crossing {
            state: self.info().states[state].name.to_string(),
            level,
            direction: Direction::Rising,
        };
        let again = self.simulate(&Run { initial: Some(first.final_state), events: vec![passes.into()], ..run })?;
        let [.., a, b] = &again.occurrences[..] else {
            return Err(none(format!("it does not come back within {horizon}")));
        };
        let scale = widest(&again).2;
        let apart = a.state.iter().zip(&b.state).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        if apart > 0.2 * scale {
            return Err(none("it comes back elsewhere each time".into()));
        }
        let (point, period, monodromy) = self.shoot(b.state.clone(), b.t - a.t).map_err(|why| match why {
            Some(error) => error,
            None => none("Newton's iteration on the returns does not settle: it may be spiralling in".into()),
        })?;
        self.describe(point, period, &monodromy, 1e-6 * scale)
            .ok_or_else(|| none("the orbit shrinks to a point".into()))?
    }

    /// Newton's iteration on (state, period); also the monodromy matrix.
    #[allow(clippy::type_complexity)]
    fn shoot(&self, mut y: Vec<f64>, mut period: f64) -> Result<(Vec<f64>, f64, DMatrix<f64>), Option<NeuronError>> {
        let n = y.len();
        let (guess, mut last) = (period, f64::INFINITY);
        for _ in 0..ITERATIONS {
            let (end, monodromy) = self.variational(&y, period)?;
            let (mut f0, mut f1) = (vec![0.0; n], vec![0.0; n]);
            self.model.field(&y, &mut f0);
            self.model.field(&end, &mut f1);
            // (M − 1) δy + f(end) δT = y − end, with δy perpendicular to the flow. A state that nothing moves is kept.
            let still = |i: usize| {
                f0[i] == 0.0 && f1[i] == 0.0 && (0..n).all(|c| monodromy[(i, c)] == f64::from(u8::from(i == c)))
            };
            let mut m = DMatrix::zeros(n + 1, n + 1);
            let mut r = DVector::zeros(n + 1);
            for i in 0..n {
                for c in 0..n {
                    m[(i, c)] = monodromy[(i, c)] - if i == c && !still(i) { 1.0 } else { 0.0 };
                }
                m[(i, n)] = f1[i];
                m[(n, i)] = f0[i];
                r[i] = y[i] - end[i];
            }
            let step = m.lu().solve(&r).ok_or(None)?;
            y.iter_mut().zip(step.iter()).for_each(|(y, s)| *y += s);
            period += step[n];
            let size = step.norm();
            if !size.is_finite() || !(0.3 * guess..3.0 * guess).contains(&period) {
                return Err(None);
            }
            if size <= 1e-8 * (1.0 + period) && size >= 0.5 * last || size <= 1e-13 * (1.0 + period) {
                return Ok((y, period, monodromy));
            }
            last = size;
        }
        Err(None)
    }

    /// The state after `t`, and how it depends on the one before.
    fn variational(&self, y: &[f64], t: f64) -> Result<(Vec<f64>, DMatrix<f64>), NeuronError> {
        let n = y.len();
        let mut start = y.to_vec();
        start.extend((0..n * n).map(|k| f64::from(u8::from(k / n == k % n))));
        let with_tangents = AnyNeuron::from_model(Box::new(Variational(self.model.boxed())));
        let run = Run {
            initial: Some(start),
            rtol: TOLERANCE,
            atol: TOLERANCE,
            sampling: Sampling::At(Vec::new()),
            ..Run::to(t)
        };
        let end = with_tangents.simulate(&run)?.final_state;
        Ok((end[..n].to_vec(), DMatrix::from_row_slice(n, n, &end[n..])))
    }

    fn describe(
        &self,
        state: Vec<f64>,
        period: f64,
        monodromy: &DMatrix<f64>,
        least: f64,
    ) -> Option<Result<LimitCycle, NeuronError>> {
        let run = Run {
            initial: Some(state.clone()),
            rtol: TOLERANCE,
            atol: TOLERANCE,
            sampling: Sampling::Uniform(401),
            ..Run::to(period)
        };
        let orbit = match self.simulate(&run) {
            Ok(t) => t.sampled,
            Err(e) => return Some(Err(e)),
        };
        let amplitude: Vec<f64> = orbit.signals().iter().map(|s| peak_to_peak(&s.values).1).collect();
        if amplitude.iter().all(|a| *a < least) {
            return None;
        }
        let mut multipliers = eigenvalues(monodromy);
        multipliers.sort_by(|a, b| b.re.hypot(b.im).total_cmp(&a.re.hypot(a.im)));
        let off = |m: &Eigenvalue| (m.re - 1.0).hypot(m.im);
        let trivial = (0..multipliers.len()).min_by(|a, b| off(&multipliers[*a]).total_cmp(&off(&multipliers[*b])))?;
        let trivial_error = off(&multipliers.remove(trivial));
        Some(Ok(LimitCycle { state, period, amplitude, multipliers, trivial_error, orbit }))
    }
}

/// Middle and extent.
fn peak_to_peak(values: &[f64]) -> (f64, f64) {
    let (lo, hi) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), y| (l.min(*y), h.max(*y)));
    (0.5 * (lo + hi), hi - lo)
}

/// The state that moves most in the last quarter of a trajectory, its middle and its extent.
fn widest(t: &Trajectory) -> (usize, f64, f64) {
    let late = t.sampled.len() / 4 * 3;
    let spans = t.sampled.signals().iter().map(|s| peak_to_peak(&s.values[late..]));
    let (state, (middle, extent)) = spans.enumerate().max_by(|a, b| a.1.1.total_cmp(&b.1.1)).unwrap_or((0, (0.0, 0.0)));
    (state, middle, extent)
}

/// A model with its variational equations: the state, then the matrix d(state)/d(state at 0), row by row.
struct Variational(Box<dyn Model>);

impl Variational {
    fn n(&self) -> usize {
        self.0.info().states.len()
    }
}

impl Model for Variational {
    fn info(&self) -> Info {
        let info = self.0.info();
        let tangents = (0..self.n() * self.n()).map(|k| State {
            name: format!("tangent {k}").into(),
            unit: "1".into(),
            meaning: "derivative by an initial state".into(),
            usual: [-1.0, 1.0],
            input: false,
        });
        Info { states: info.states.iter().cloned().chain(tangents).collect(), ..info }
    }
    fn parameter(&self, i: usize) -> f64 {
        self.0.parameter(i)
    }
    fn set_parameter(&mut self, i: usize, value: f64) {
        self.0.set_parameter(i, value);
    }
    fn initial_state(&self) -> Result<Vec<f64>, NeuronError> {
        self.0.initial_state()
    }
    fn field(&self, y: &[f64], dy: &mut [f64]) {
        let n = dy.len().isqrt();
        let mut j = vec![0.0; n * n];
        self.0.field(&y[..n], &mut dy[..n]);
        self.0.jacobian(&y[..n], &mut j);
        for row in 0..n {
            for column in 0..n {
                dy[n + row * n + column] = (0..n).map(|k| j[row * n + k] * y[n + k * n + column]).sum();
            }
        }
    }
    fn field_f32(&self, y: &[f32], dy: &mut [f32]) {
        let y: Vec<f64> = y.iter().map(|y| f64::from(*y)).collect();
        let mut wide = vec![0.0; dy.len()];
        self.field(&y, &mut wide);
        dy.iter_mut().zip(wide).for_each(|(d, w)| *d = w as f32);
    }
    fn spike_condition(&self, y: &[f64], dy: &[f64]) -> f64 {
        let n = dy.len().isqrt();
        self.0.spike_condition(&y[..n], &dy[..n])
    }
    fn spike_condition_f32(&self, y: &[f32], dy: &[f32]) -> f32 {
        let n = dy.len().isqrt();
        self.0.spike_condition_f32(&y[..n], &dy[..n])
    }
    fn overflowed(&self, y: &[f64], over: &mut [bool]) {
        self.0.overflowed(&y[..self.n()], over);
    }
    fn overflowed_f32(&self, y: &[f32], over: &mut [bool]) {
        self.0.overflowed_f32(&y[..self.n()], over);
    }
    /// Of the state alone: how its tangents depend on each other does not matter to anyone.
    fn jacobian(&self, y: &[f64], j: &mut [f64]) {
        let (all, n) = (y.len(), y.len().isqrt());
        let mut own = vec![0.0; n * n];
        self.0.jacobian(&y[..n], &mut own);
        j.fill(0.0);
        for row in 0..n {
            j[row * all..][..n].copy_from_slice(&own[row * n..][..n]);
        }
    }
    fn rests_at_zero(&self, _: &[f64]) -> bool {
        false
    }
    fn bound(&self) -> f64 {
        f64::MAX
    }
    fn input_gain(&self, i: usize) -> f64 {
        self.0.input_gain(i)
    }
    fn boxed(&self) -> Box<dyn Model> {
        Box::new(Variational(self.0.boxed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fhnrs_cycles_and_a_rotation_of_its_period_brings_it_back() {
        let n = AnyNeuron::new("fhnrs").unwrap();
        let cycle = n.limit_cycle(&[2.0, 0.0, 0.0], 300.0).unwrap();
        assert!((cycle.period - 50.42397579749469).abs() < 1e-9, "{}", cycle.period);
        assert!(cycle.is_stable() && cycle.trivial_error < 1e-6, "{:?}", cycle.multipliers);
        assert!((cycle.amplitude[0] - 4.6932).abs() < 1e-3 && cycle.amplitude[2].abs() < 1e-9, "{:?}", cycle.amplitude);
    }

    #[test]
    fn boomerang_has_none_and_with_the_notes_sign_has_one() {
        let mut n = AnyNeuron::new("boomerang").unwrap();
        assert!(matches!(n.limit_cycle(&[0.34, 0.38], 400.0), Err(NeuronError::NoLimitCycle { .. })));
        n.choose("notes-sign").unwrap();
        let cycle = n.limit_cycle(&[0.34, 0.38], 50.0).unwrap();
        assert!(cycle.is_stable() && cycle.period > 0.1, "{cycle:?}");
    }
}
