//! Running a neuron model at a study's points.

use felice_base::{Signal, Unit};
use felice_neurons::{AnyNeuron, NeuronError, Run, Sampling, Trajectory};

use crate::model::{self, ModelSpec};
use crate::quantity::{Quantity, Target};
use crate::study::{Outputs, Precision, Study};
use crate::subject::{Block, Column, Kind, Subject, UnitPoints, status};
use crate::summary;

/// A model with everything that a study of it needs.
pub struct ModelSubject<'s> {
    spec: &'s ModelSpec,
    outputs: &'s Outputs,
    seed: u64,
    quantities: Vec<&'s Quantity>,
    states: Vec<String>,
    sampled: Vec<usize>,
    columns: Vec<Column>,
}

impl<'s> ModelSubject<'s> {
    /// The model of a study.
    pub fn new(study: &'s Study, spec: &'s ModelSpec) -> Self {
        let states = spec.states();
        let outputs = &study.outputs;
        let wanted = |s: &&String| outputs.states.is_empty() || outputs.states.contains(s);
        let sampled: Vec<usize> =
            states.iter().filter(wanted).filter_map(|s| states.iter().position(|t| t == s)).collect();
        let float = if study.precision == Precision::F32 { Kind::F32 } else { Kind::F64 };
        let info = spec.neuron.info();
        let mut columns = Vec::new();
        if let Some(samples) = outputs.samples {
            columns.extend(sampled.iter().map(|i| Column {
                name: states[*i].clone(),
                unit: info.states[*i].unit.to_string(),
                long_name: info.states[*i].meaning.to_string(),
                kind: float,
                width: samples as usize,
            }));
        }
        if outputs.summary {
            columns.extend(summary::columns(info, float));
        }
        ModelSubject { spec, outputs, seed: study.seed, quantities: study.quantities(), states, sampled, columns }
    }

    /// The neuron and the run of one row.
    pub fn set_up(&self, points: &UnitPoints, row: usize) -> Result<(AnyNeuron, Run), String> {
        let mut run = self.spec.run.clone();
        let mut initial = self.spec.initial.clone();
        let mut parameters: Vec<(&str, f64)> = Vec::new();
        let mut card = None;
        let mut corner: Option<[[f64; 2]; 2]> = None;
        for (quantity, values) in self.quantities.iter().zip(&points.values) {
            let x = values[row];
            if x.is_nan() {
                continue;
            }
            match &quantity.target {
                Target::Parameter(name) => parameters.push((name, x)),
                Target::Initial(state) => match initial.iter_mut().find(|(name, _)| name == state) {
                    Some(place) => place.1 = x,
                    None => initial.push((state.clone(), x)),
                },
                Target::Stimulus(index, field) => {
                    run.stimuli.get_mut(*index).and_then(|s| model::set_stimulus(s, *field, x));
                }
                Target::Card(table, key) => {
                    let card = card.get_or_insert_with(|| self.spec.card.clone().unwrap_or_default());
                    if let Some(place) = model::entry(card, table, key) {
                        place.value = x;
                    }
                }
                Target::Temperature => {
                    let card = card.get_or_insert_with(|| self.spec.card.clone().unwrap_or_default());
                    model::set_temperature(card, x);
                }
                Target::Threshold(channel) => corner.get_or_insert_default()[*channel as usize][0] = x,
                Target::Current(channel) => corner.get_or_insert_default()[*channel as usize][1] = x,
            }
        }
        if let Some([nfet, pfet]) = corner {
            card.get_or_insert_with(|| self.spec.card.clone().unwrap_or_default()).move_corner(nfet, pfet);
        }
        let copy = points.copies.as_ref().map(|c| c[row]);
        let mut neuron = match (&card, copy) {
            (card, Some(n)) => self.spec.mismatched(card.as_ref(), self.seed, n)?,
            (Some(card), None) => self.spec.derived(card)?,
            (None, None) => self.spec.neuron.clone(),
        };
        for (name, value) in parameters {
            neuron.set(name, value).map_err(|e| e.to_string())?;
        }
        run.initial = self.spec.start(&neuron, &initial).map_err(|e| e.to_string())?;
        run.sampling = Sampling::Uniform(self.grid().0);
        Ok((neuron, run))
    }

    /// Samples of a trajectory, enough for a summary, and how many of them lie between two that are kept.
    fn grid(&self) -> (usize, usize) {
        summary::grid(self.outputs.samples, if self.outputs.summary { summary::SAMPLES } else { 2 })
    }

    fn fill(&self, trajectory: &Trajectory, row: usize, block: &mut Block) {
        let (mut column, stride) = (0, self.grid().1);
        if self.outputs.samples.is_some() {
            for state in &self.sampled {
                if let Some(signal) = trajectory.sampled.get(&self.states[*state]) {
                    block.put(column, row, signal.values.iter().step_by(stride).copied());
                }
                column += 1;
            }
        }
        if self.outputs.summary {
            for x in summary::numbers(trajectory, &self.states) {
                block.put(column, row, [x]);
                column += 1;
            }
        }
        if self.outputs.spikes {
            block.spikes[row] = trajectory.times_of(0);
        }
        if !trajectory.conditioning.is_good() {
            block.status[row] = status::ILL_CONDITIONED;
        }
    }
}

impl Subject for ModelSubject<'_> {
    fn columns(&self) -> Vec<Column> {
        self.columns.clone()
    }

    fn sample_axis(&self) -> Option<Signal> {
        let last = self.outputs.samples?.saturating_sub(1);
        let end = self.spec.run.t_end;
        let times = (0..=last).map(|i| if i == last { end } else { end * i as f64 / last as f64 }).collect();
        let long_name = format!("time, {}", self.spec.neuron.info().time);
        Some(Signal::new("t", Unit::ONE, long_name, times))
    }

    fn spikes(&self) -> bool {
        self.outputs.spikes
    }

    fn run(&self, points: &UnitPoints, rows: &[usize], block: &mut Block) {
        for row in rows.iter().copied() {
            let outcome = self.set_up(points, row).and_then(|(neuron, run)| {
                neuron.simulate(&run).map_err(|e| match e {
                    NeuronError::Interrupted(i) => i.to_string(),
                    e => e.to_string(),
                })
            });
            match outcome {
                Ok(trajectory) => self.fill(&trajectory, row, block),
                Err(reason) => block.fail(row, reason),
            }
        }
    }
}
