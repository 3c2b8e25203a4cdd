//! The least-squares problem: trajectories against a waveform.

use std::sync::atomic::{AtomicUsize, Ordering};

use felice_neurons::{AnyNeuron, Parameter, Range, Run, Sampling};
use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

use super::TIME_UNIT;
use crate::case::{Binding, Case};
use crate::compare::{Channel, Waves};
use crate::grid;
use crate::oscillation;

/// Tolerance of the trajectories: their differences are sensitivities.
const TOLERANCE: f64 = 1e-11;
/// Steps after which a trajectory is given up.
const MOST_STEPS: u64 = 500_000;
/// Step of the central differences, in an unknown's own measure.
const STEP: f64 = 2e-5;
/// The first horizon in periods; each next one is twice as long.
const FIRST: f64 = 1.5;

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
    pub(super) tau: Vec<f64>,
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
    pub(super) fn horizons(&self) -> Vec<usize> {
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
