//! Running neurons of one model many at once, in the lanes of vectors.

use std::ops::ControlFlow;

use felice_base::Signal;
use felice_neurons::ensemble::{Block as Lanes, Cause, Ensemble, Settings};
use felice_neurons::simd::Width;
use felice_neurons::{AnyNeuron, NeuronError, Stimulus, Trigger};

use crate::model::ModelSpec;
use crate::model_run::ModelSubject;
use crate::study::{Outputs, Precision, Study};
use crate::subject::{Block, Column, Subject, UnitPoints};

/// Neurons that are stepped by one task.
const TASK: usize = 1008;

/// A model's ensemble with everything that a study of it needs.
pub struct EnsembleSubject<'s> {
    /// Columns, and what a point sets.
    model: ModelSubject<'s>,
    spec: &'s ModelSpec,
    outputs: &'s Outputs,
    precision: Precision,
    states: usize,
    /// Which states are sampled.
    sampled: Vec<usize>,
    settings: Settings,
}

/// Neurons that are ready to run.
#[derive(Default)]
struct Ready {
    neurons: Vec<AnyNeuron>,
    starts: Vec<f64>,
    stimuli: Vec<Vec<Stimulus>>,
    /// The row of each in its unit.
    rows: Vec<usize>,
}

impl<'s> EnsembleSubject<'s> {
    /// The ensemble of a study.
    pub fn new(study: &'s Study, spec: &'s ModelSpec) -> Self {
        let outputs = &study.outputs;
        let names = spec.states();
        let wanted = |i: &usize| outputs.states.is_empty() || outputs.states.contains(&names[*i]);
        let plain = Settings::to(spec.run.t_end);
        let settings = Settings {
            method: spec.ensemble.unwrap_or(plain.method),
            // The first sample is the start.
            samples: outputs.samples.map_or(0, |n| n as usize - 1),
            summary: outputs.summary,
            events: if outputs.summary || outputs.spikes { vec![Trigger::SpikeCondition] } else { Vec::new() },
            rails: spec.run.rails.clone(),
            block: TASK,
            ..plain
        };
        EnsembleSubject {
            model: ModelSubject::new(study, spec),
            spec,
            outputs,
            precision: study.precision,
            states: names.len(),
            sampled: (0..names.len()).filter(wanted).collect(),
            settings,
        }
    }

    fn ready(&self, points: &UnitPoints, rows: &[usize], block: &mut Block) -> Ready {
        let mut ready = Ready::default();
        for row in rows.iter().copied() {
            let set_up = self.model.set_up(points, row).and_then(|(neuron, run)| {
                let start = match run.initial {
                    Some(start) => start,
                    None => neuron.initial_state().map_err(|e| e.to_string())?,
                };
                self.check_rails(&start)?;
                Ok((neuron, start, run.stimuli))
            });
            match set_up {
                Ok((neuron, start, stimuli)) => {
                    ready.neurons.push(neuron);
                    ready.starts.extend(start);
                    ready.stimuli.push(stimuli);
                    ready.rows.push(row);
                }
                Err(reason) => block.fail(row, reason),
            }
        }
        ready
    }

    /// One neuron that starts outside of its rails must not fail the others.
    fn check_rails(&self, start: &[f64]) -> Result<(), String> {
        let rails = &self.spec.run.rails;
        for (i, x) in start.iter().enumerate() {
            let Some([lo, hi]) = rails.get(if rails.len() == 1 { 0 } else { i }) else { continue };
            if x < lo || x > hi {
                return Err(format!("state {i} starts at {x}, outside its rails {lo} to {hi}"));
            }
        }
        Ok(())
    }

    fn simulate<L: Width>(&self, ready: Ready, block: &mut Block) -> Result<(), NeuronError> {
        let Ready { neurons, starts, stimuli, rows } = ready;
        let ensemble = Ensemble::of(&self.spec.neuron, neurons, Some(starts.clone()))?;
        let ensemble = match stimuli.iter().all(Vec::is_empty) {
            true => ensemble,
            false => ensemble.with_stimuli(stimuli)?,
        };
        ensemble.run::<L>(&self.settings, |lanes| {
            let first = lanes.first;
            let count = lanes.states.len() / self.states.max(1);
            self.fill(&lanes, &starts[first * self.states..], &rows[first..first + count], block);
            for failure in &lanes.failures {
                let why = match failure.cause {
                    Cause::NotFinite => "a state or a parameter is no finite number",
                    Cause::Runaway => "a state is beyond every meaningful range",
                    Cause::Stiff => "the step is down to nothing: too stiff for an explicit method",
                    Cause::Steps => "the steps allowed are used up",
                };
                block.fail(rows[failure.index], format!("stopped at t = {}: {why}", failure.t));
            }
            ControlFlow::Continue(())
        })?;
        Ok(())
    }

    fn fill<L: Width>(&self, lanes: &Lanes<L>, starts: &[f64], rows: &[usize], block: &mut Block) {
        let (dim, samples) = (self.states, self.settings.samples);
        let (mut spike, spikes) = (0, lanes.events.first());
        for (k, row) in rows.iter().copied().enumerate() {
            let mut columns = 0..;
            let mut next = || columns.next().unwrap_or_default();
            if self.outputs.samples.is_some() {
                let own = lanes.samples[k * samples * dim..][..samples * dim].chunks_exact(dim);
                for state in &self.sampled {
                    let later = own.clone().map(|y| y[*state].to_f64());
                    block.put(next(), row, std::iter::once(starts[k * dim + state]).chain(later));
                }
            }
            let count = spikes.map_or(0, |s| s.counts[k] as usize);
            if self.outputs.summary {
                let s = &lanes.summary;
                for i in k * dim..(k + 1) * dim {
                    for x in [s.least[i], s.most[i], lanes.states[i]] {
                        block.put(next(), row, [x.to_f64()]);
                    }
                }
                for x in [s.period[k], s.amplitude[k], count as f64] {
                    block.put(next(), row, [x]);
                }
            }
            if let Some(all) = spikes.filter(|_| self.outputs.spikes) {
                block.spikes[row] = all.times[spike..spike + count].to_vec();
            }
            spike += count;
        }
    }
}

impl Subject for EnsembleSubject<'_> {
    fn columns(&self) -> Vec<Column> {
        self.model.columns()
    }

    fn sample_axis(&self) -> Option<Signal> {
        self.model.sample_axis()
    }

    fn spikes(&self) -> bool {
        self.outputs.spikes
    }

    fn together(&self) -> usize {
        TASK
    }

    fn run(&self, points: &UnitPoints, rows: &[usize], block: &mut Block) {
        let ready = self.ready(points, rows, block);
        let places = ready.rows.clone();
        let outcome = match self.precision {
            _ if places.is_empty() => Ok(()),
            Precision::F64 => self.simulate::<f64>(ready, block),
            Precision::F32 => self.simulate::<f32>(ready, block),
        };
        if let Err(error) = outcome {
            places.iter().for_each(|row| block.fail(*row, error.to_string()));
        }
    }
}
