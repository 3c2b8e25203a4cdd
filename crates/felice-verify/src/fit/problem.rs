//! The least-squares problem: trajectories against a waveform.

use std::sync::atomic::{AtomicUsize, Ordering};

use felice_neurons::{AnyNeuron, Parameter, Range, Run, Sampling};
use levenberg_marquardt::{LeastSquaresProblem, LevenbergMarquardt};
use nalgebra::{DMatrix, DVector, Dyn, storage::Owned};
use rayon::prelude::*;

use super::TIME_UNIT;
use crate::case::{Binding, Case};
use crate::compare::{Channel, Waves};
use crate::error::VerifyError;
use crate::grid;
use crate::oscillation;
use crate::parameters::mismatch;

/// Tolerance of the trajectories: their differences are sensitivities.
const TOLERANCE: f64 = 1e-11;
/// Steps after which a trajectory is given up.
const MOST_STEPS: u64 = 500_000;
/// Step of the central differences, in an unknown's own measure.
const STEP: f64 = 2e-5;
/// What a point counts where the model has run away: far more than any waveform that has not.
const AWAY: f64 = 1e3;
/// The first horizon in periods; each next one is twice as long.
const FIRST: f64 = 1.5;
/// Before the last horizon: an unknown that moves by its own size counts as much as this part of the range.
const PULL: f64 = 0.01;
/// A start further off than this over the first horizon is tried at other values too.
const FAR: f64 = 0.15;

/// A parameter to be found. Positive ones are sought by their logarithm.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Unknown {
    pub(super) name: String,
    pub(super) symbol: String,
    pub(super) unit: String,
    pub(super) start: f64,
    logarithmic: bool,
    range: Range,
    /// Its usual size, above 0.
    pub(super) scale: f64,
}

impl Unknown {
    pub(super) fn new(info: &Parameter, start: f64) -> Self {
        let positive = matches!(info.range, Range::Positive | Range::NonNegative | Range::PositiveOrInfinite);
        Unknown {
            name: info.name.to_string(),
            symbol: info.symbol.to_string(),
            unit: info.unit.to_string(),
            start,
            logarithmic: positive && start > 0.0,
            range: info.range,
            scale: [start.abs(), info.default.abs()].into_iter().find(|s| *s > 0.0).unwrap_or(0.1),
        }
    }

    pub(super) fn time_unit(start: f64) -> Self {
        let (name, symbol, unit) = (TIME_UNIT.to_owned(), "τ".to_owned(), "s".to_owned());
        Unknown { name, symbol, unit, start, logarithmic: true, range: Range::Positive, scale: start }
    }

    /// Its value at a place of its own measure.
    pub(super) fn value(&self, x: f64) -> f64 {
        if self.logarithmic { x.exp() } else { x * self.scale }
    }

    pub(super) fn place(&self, value: f64) -> f64 {
        if self.logarithmic { value.ln() } else { value / self.scale }
    }

    /// d(value)/d(place).
    pub(super) fn slope(&self, value: f64) -> f64 {
        if self.logarithmic { value } else { self.scale }
    }
}

/// The waveform and how the model makes one.
pub(super) struct Data {
    neuron: AnyNeuron,
    start: Vec<f64>,
    rails: Vec<[f64; 2]>,
    /// Times in the case's own τ.
    tau: Vec<f64>,
    /// Seconds in it.
    unit: f64,
    /// A channel's index among the states, and what a difference of the state counts.
    channels: Vec<(usize, f64)>,
    /// The circuit's states, channel by channel.
    circuit: Vec<Vec<f64>>,
    /// Every so many points of the case's grid.
    every: usize,
    period: Option<f64>,
    evaluations: AtomicUsize,
}

impl Data {
    pub(super) fn new(
        case: &Case,
        neuron: &AnyNeuron,
        circuit: &Waves,
        start: Vec<f64>,
        unit: f64,
        most: usize,
    ) -> Self {
        let every = circuit.tau.len().div_ceil(most).max(1);
        let thinned = |values: &[f64]| values.iter().step_by(every).copied().collect::<Vec<_>>();
        let states: Vec<&str> = case.states.iter().map(|s| s.0.as_str()).collect();
        let weight = |c: &Channel| {
            let range = grid::range(&c.state_values());
            if range > 0.0 { 1.0 / range } else { 1.0 }
        };
        let index = |c: &Channel| states.iter().position(|s| *s == c.state).unwrap_or(0);
        let free = [f64::NEG_INFINITY, f64::INFINITY];
        let rails = case.rails.map_or_else(Vec::new, |(lo, hi)| {
            case.states.iter().map(|s| if matches!(s.1, Binding::Signal { .. }) { [lo, hi] } else { free }).collect()
        });
        let first = circuit.channels.first().map(|c| oscillation::analyse(&circuit.tau, &c.values));
        Data {
            neuron: neuron.clone(),
            start,
            rails,
            tau: thinned(&circuit.tau),
            unit,
            channels: circuit.channels.iter().map(|c| (index(c), weight(c))).collect(),
            circuit: circuit.channels.iter().map(|c| thinned(&c.state_values())).collect(),
            every,
            period: first.and_then(|o| o.period).map(|p| p.value).filter(|p| *p > 0.0),
            evaluations: AtomicUsize::new(0),
        }
    }

    /// Numbers in a residual over all of the time.
    pub(super) fn len(&self) -> usize {
        self.tau.len() * self.channels.len()
    }

    pub(super) fn channels(&self) -> usize {
        self.channels.len()
    }

    pub(super) fn evaluations(&self) -> usize {
        self.evaluations.load(Ordering::Relaxed)
    }

    /// Another simulation of the circuit minus the fitted one, weighted as residuals are.
    pub(super) fn like(&self, other: &Waves) -> DVector<f64> {
        let k = self.channels.len();
        let mut out = DVector::zeros(self.len());
        for (c, channel) in other.channels.iter().enumerate() {
            for (i, v) in channel.state_values().iter().step_by(self.every).enumerate().take(self.tau.len()) {
                out[i * k + c] = (v - self.circuit[c][i]) * self.channels[c].1;
            }
        }
        out
    }

    /// Seconds in one τ at these values.
    pub(super) fn time_unit(&self, unknowns: &[Unknown], values: &[f64]) -> f64 {
        unknowns.iter().position(|u| u.name == TIME_UNIT).map_or(self.unit, |i| values[i])
    }

    fn states(&self, unknowns: &[Unknown], values: &[f64], count: usize) -> Option<Vec<Vec<f64>>> {
        self.evaluations.fetch_add(1, Ordering::Relaxed);
        let mut neuron = self.neuron.clone();
        for (u, value) in unknowns.iter().zip(values) {
            if u.name != TIME_UNIT {
                neuron.set(&u.name, *value).ok()?;
            } else if !u.range.contains(*value) {
                return None;
            }
        }
        let stretch = self.unit / self.time_unit(unknowns, values);
        let times: Vec<f64> = self.tau[..count].iter().map(|t| t * stretch).collect();
        let run = Run {
            sampling: Sampling::At(times.clone()),
            initial: Some(self.start.clone()),
            rtol: TOLERANCE,
            atol: TOLERANCE,
            max_steps: MOST_STEPS,
            rails: self.rails.clone(),
            ..Run::to(*times.last()?)
        };
        let sampled = neuron.simulate(&run).ok()?.sampled;
        let of = |(i, _): &(usize, f64)| sampled.signals().get(*i).map(|s| s.values.clone());
        let states: Vec<Vec<f64>> = self.channels.iter().map(of).collect::<Option<_>>()?;
        states.iter().all(|s| s.len() == count && s.iter().all(|v| v.is_finite())).then_some(states)
    }

    /// Weighted differences at the first `count` times, time after time; `None` where the model runs away.
    pub(super) fn residuals(&self, unknowns: &[Unknown], values: &[f64], count: usize) -> Option<DVector<f64>> {
        let states = self.states(unknowns, values, count)?;
        let k = self.channels.len();
        Some(DVector::from_fn(count * k, |row, _| {
            let (i, c) = (row / k, row % k);
            (states[c][i] - self.circuit[c][i]) * self.channels[c].1
        }))
    }

    /// Derivatives of the residuals by the unknowns in their own measure.
    pub(super) fn jacobian(&self, unknowns: &[Unknown], places: &[f64], count: usize) -> Option<DMatrix<f64>> {
        self.differences(unknowns, places, count, STEP)
    }

    fn differences(&self, unknowns: &[Unknown], places: &[f64], count: usize, step: f64) -> Option<DMatrix<f64>> {
        let at = |j: usize, by: f64| {
            let moved: Vec<f64> = places.iter().enumerate().map(|(i, x)| if i == j { x + by } else { *x }).collect();
            let values: Vec<f64> = unknowns.iter().zip(&moved).map(|(u, x)| u.value(*x)).collect();
            self.residuals(unknowns, &values, count)
        };
        let column = |j: usize| {
            let (up, down) = (at(j, step), at(j, -step));
            match (up, down) {
                (Some(up), Some(down)) => Some((up - down) / (2.0 * step)),
                // At the edge of what the model can be: from one side.
                (Some(up), None) => Some((up - at(j, 0.0)?) / step),
                (None, Some(down)) => Some((at(j, 0.0)? - down) / step),
                (None, None) => None,
            }
        };
        let columns: Option<Vec<DVector<f64>>> = (0..unknowns.len()).into_par_iter().map(column).collect();
        columns.map(|c| DMatrix::from_columns(&c))
    }

    /// The same with the error of second order taken out (Richardson): on the steep flanks of many spikes it would hide that
    /// two unknowns do the same.
    pub(super) fn exact_jacobian(&self, unknowns: &[Unknown], places: &[f64], count: usize) -> Option<DMatrix<f64>> {
        let (near, far) =
            (self.differences(unknowns, places, count, STEP)?, self.differences(unknowns, places, count, 2.0 * STEP)?);
        Some((near * 4.0 - far) / 3.0)
    }

    /// Unknowns that move nothing.
    pub(super) fn without_effect(&self, unknowns: &[Unknown]) -> Vec<usize> {
        let places: Vec<f64> = unknowns.iter().map(|u| u.place(u.start)).collect();
        let count = self.horizons().first().copied().unwrap_or(self.tau.len());
        let Some(jacobian) = self.jacobian(unknowns, &places, count) else { return Vec::new() };
        let norms: Vec<f64> = jacobian.column_iter().map(|c| c.norm()).collect();
        let largest = norms.iter().copied().fold(0.0, f64::max);
        (0..norms.len()).filter(|j| norms[*j] <= 1e-9 * largest).collect()
    }

    /// Numbers of points in the growing horizons; the last is all.
    fn horizons(&self) -> Vec<usize> {
        let all = self.tau.len();
        let end = self.tau.last().copied().unwrap_or(0.0);
        let mut horizon = FIRST * self.period.unwrap_or(end / 8.0);
        let mut counts = Vec::new();
        while horizon < 0.75 * end {
            let count = self.tau.partition_point(|t| *t <= horizon);
            if count >= 30 && counts.last() != Some(&count) {
                counts.push(count);
            }
            horizon *= 2.0;
        }
        counts.push(all);
        counts
    }

    /// The model's waveforms on the case's own grid.
    pub(super) fn waves(&self, unknowns: &[Unknown], values: &[f64], case: &Case, like: &Waves) -> Option<Waves> {
        let whole = Data {
            tau: like.tau.clone(),
            every: 1,
            evaluations: AtomicUsize::new(0),
            circuit: Vec::new(),
            neuron: self.neuron.clone(),
            start: self.start.clone(),
            rails: self.rails.clone(),
            channels: self.channels.clone(),
            ..*self
        };
        let states = whole.states(unknowns, values, case.samples.min(like.tau.len()))?;
        let channel = |(c, values): (&Channel, Vec<f64>)| Channel {
            values: values.iter().map(|y| c.offset + c.scale * y).collect(),
            ..c.clone()
        };
        Some(Waves { tau: like.tau.clone(), channels: like.channels.iter().zip(states).map(channel).collect() })
    }
}

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
