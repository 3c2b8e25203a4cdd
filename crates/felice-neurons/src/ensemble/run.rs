//! The way through the blocks.

use std::fmt;
use std::marker::PhantomData;
use std::ops::ControlFlow;

use rayon::prelude::*;

use super::crowd::Starts;
use super::plan::{Cause, End, Neurons, Outcome, Plan};
use super::settings::{Method, Settings};
use super::special::{self, Single};
use super::stepping::Stepping;
use super::steps::Control;
use super::summary::Summary;
use super::tableau::{RK4, TSIT5};
use crate::any::AnyNeuron;
use crate::error::NeuronError;
use crate::integrate::{Stimuli, Stimulus, Trigger, Watch};
use crate::model::{Known, Model};
use crate::neuron::{Info, Neuron, Row};
use crate::simd::{Instructions, Width};

/// Numbers that the blocks under way may hold.
const MOST_NUMBERS: usize = 8_000_000;
/// Neurons up to this number are integrated one after another.
const FEW: usize = 2;
/// Blocks under way for each thread.
const AHEAD: usize = 16;

/// A neuron that could not go on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Failure {
    /// Its index in the ensemble.
    pub index: usize,
    /// When (the run's end for fixed steps without events or a summary, which look once).
    pub t: f64,
    /// Why.
    pub cause: Cause,
}

/// Lists of different lengths, one a neuron, one after another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ragged {
    /// How many numbers each neuron has.
    pub counts: Vec<u64>,
    /// Every neuron's numbers, in order.
    pub times: Vec<f64>,
}

/// The results of neurons `first ..`, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Block<L> {
    /// Index of the first neuron.
    pub first: usize,
    /// Final states, `[neuron][state]`.
    pub states: Vec<L>,
    /// Samples, `[neuron][sample][state]`.
    pub samples: Vec<L>,
    /// Times of each event of [`Settings::events`].
    pub events: Vec<Ragged>,
    /// Empty lists where none was asked for.
    pub summary: Summary<L>,
    /// Neurons that failed; their numbers are what they had come to.
    pub failures: Vec<Failure>,
    accepted: u64,
    rejected: u64,
}

/// What a run took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Neurons delivered; fewer than all where the sink broke off.
    pub neurons: usize,
    /// Steps accepted, of all neurons.
    pub accepted: u64,
    /// Steps rejected.
    pub rejected: u64,
}

/// Neurons of one model, each with its own parameters, initial state and stimuli.
#[derive(Clone)]
pub struct Ensemble<M = AnyNeuron> {
    model: Box<dyn Model>,
    len: usize,
    dim: usize,
    /// Rows, one a neuron.
    parameters: Vec<f64>,
    initial: Vec<f64>,
    /// None, one list for all, or one a neuron; and the same with its states looked up.
    stimuli: Vec<Vec<Stimulus>>,
    checked: Vec<Stimuli>,
    typed: PhantomData<fn() -> M>,
}

impl<M> fmt::Debug for Ensemble<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} neurons of {}", self.len, self.model.info().name)
    }
}

fn equal(what: &'static str, expected: usize, got: usize) -> Result<(), NeuronError> {
    if got == expected { Ok(()) } else { Err(NeuronError::Width { what, expected, got }) }
}

impl<M: Neuron> Ensemble<M> {
    /// As many neurons as there are rows. Their numbers are not looked at: a neuron of none is a failure of its own.
    ///
    /// # Errors
    /// [`NeuronError::Width`] where the lists differ in length.
    pub fn new(parameters: Vec<M::Parameters<f64>>, initial: Vec<M::State<f64>>) -> Result<Self, NeuronError> {
        equal("initial states of an ensemble", parameters.len(), initial.len())?;
        let (np, dim) = (M::Parameters::<f64>::LEN, M::State::<f64>::LEN);
        Ok(Ensemble {
            model: Box::new(Known::<M>::new(M::Parameters::from_fn(|i| M::INFO.parameters[i].default))),
            len: initial.len(),
            dim,
            parameters: parameters.iter().flat_map(|p| (0..np).map(|i| p.get(i))).collect(),
            initial: initial.iter().flat_map(|y| (0..dim).map(|i| y.get(i))).collect(),
            stimuli: Vec::new(),
            checked: Vec::new(),
            typed: PhantomData,
        })
    }
}

impl Ensemble<AnyNeuron> {
    /// Neurons of one model, chosen at run time; each starts where `initial` (rows, one a neuron) says, or where its model
    /// says.
    ///
    /// # Errors
    /// [`NeuronError::Width`] where a neuron has another model's number of states or parameters, or `initial` has not
    /// one row a neuron; what [`AnyNeuron::initial_state`] says.
    pub fn of(
        model: &AnyNeuron,
        neurons: impl IntoIterator<Item = AnyNeuron>,
        initial: Option<Vec<f64>>,
    ) -> Result<Self, NeuronError> {
        let (dim, np) = (model.dimension(), model.info().parameters.len());
        let (mut parameters, mut starts, mut len) = (Vec::new(), Vec::new(), 0);
        for neuron in neurons {
            equal("states of a neuron of the ensemble", dim, neuron.dimension())?;
            equal("parameters of a neuron of the ensemble", np, neuron.info().parameters.len())?;
            parameters.extend(neuron.parameters().map(|(_, x)| x));
            if initial.is_none() {
                starts.extend(neuron.initial_state()?);
            }
            len += 1;
        }
        let initial = initial.unwrap_or(starts);
        equal("initial states of an ensemble", len * dim, initial.len())?;
        let (stimuli, checked) = (Vec::new(), Vec::new());
        let model = model.model.clone();
        Ok(Ensemble { model, len, dim, parameters, initial, stimuli, checked, typed: PhantomData })
    }
}

impl Settings {
    /// Everything that can be seen to be wrong before a step is made; [`Ensemble::run`] looks itself.
    ///
    /// # Errors
    /// As [`Ensemble::run`].
    pub fn check_for<M>(&self, ensemble: &Ensemble<M>) -> Result<(), NeuronError> {
        self.check(&ensemble.model.info(), ensemble.initial.chunks(ensemble.dim.max(1)))
    }
}

impl<M> Ensemble<M> {
    /// Number of neurons.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What the model is called, and its states.
    pub fn info(&self) -> Info {
        self.model.info()
    }

    /// What is done to the neurons: one list for all of them, or one a neuron.
    ///
    /// # Errors
    /// [`NeuronError::Width`] for another number of lists; [`NeuronError::Stimulus`] and [`NeuronError::UnknownState`].
    pub fn with_stimuli(mut self, stimuli: Vec<Vec<Stimulus>>) -> Result<Self, NeuronError> {
        if stimuli.len() != 1 {
            equal("lists of stimuli", self.len, stimuli.len())?;
        }
        let info = self.model.info();
        self.checked = stimuli.iter().map(|s| Stimuli::new(&info, s)).collect::<Result<_, _>>()?;
        self.stimuli = stimuli;
        Ok(self)
    }

    /// Runs every neuron and hands the blocks to `sink` in order, a few at a time; stops where it breaks.
    ///
    /// # Errors
    /// [`NeuronError::Run`] where a setting is out of range, [`NeuronError::UnknownState`],
    /// [`NeuronError::StartOutsideRails`]. A neuron that fails is in its block's `failures`.
    pub fn run<L: Width>(
        &self,
        settings: &Settings,
        mut sink: impl FnMut(Block<L>) -> ControlFlow<()>,
    ) -> Result<Report, NeuronError> {
        let info = self.model.info();
        settings.check_for(self)?;
        let instructions = settings.instructions.or_baseline();
        let plan = self.plan(settings, &info);
        let mut report = Report::default();
        // Enough blocks at a time to keep the threads busy; few enough to keep memory small.
        let row = self.dim.max(1) * (settings.samples + 1);
        let block = settings.block.min((MOST_NUMBERS / (rayon::current_num_threads() * row)).max(1));
        let starts: Vec<usize> = (0..self.len).step_by(block).collect();
        let most = (MOST_NUMBERS / (block * row)).clamp(1, AHEAD) * rayon::current_num_threads();
        for round in starts.chunks(most) {
            let work = |&first: &usize| self.block(first..(first + block).min(self.len), settings, &plan, instructions);
            let blocks: Vec<Block<L>> = round.par_iter().map(work).collect();
            for block in blocks {
                report.neurons += block.states.len() / self.dim.max(1);
                report.accepted += block.accepted;
                report.rejected += block.rejected;
                if sink(block).is_break() {
                    return Ok(report);
                }
            }
        }
        Ok(report)
    }

    fn plan(&self, settings: &Settings, info: &Info) -> Plan {
        let (tableau, control) = match settings.method {
            Method::Tsit5 { steps } => (&TSIT5, Control::Fixed(settings.t_end / steps as f64)),
            Method::Rk4 { steps } => (&RK4, Control::Fixed(settings.t_end / steps as f64)),
            Method::Adaptive { rtol, atol } => (&TSIT5, Control::Adaptive(rtol, atol)),
        };
        // Every name has been looked up by Settings::check.
        let state = |name: &str| info.state(name).unwrap_or(0);
        let watches = settings.events.iter().enumerate();
        let watched = watches.flat_map(|(i, t)| Watch::of(t, i, state)).map(|w| (w.event.unwrap_or(0), w.watched));
        let rails = match settings.rails[..] {
            [all] => vec![all; self.dim],
            _ => settings.rails.clone(),
        };
        Plan {
            t_end: settings.t_end,
            samples: settings.samples,
            tableau,
            control,
            max_steps: settings.max_steps,
            watched: watched.collect(),
            events: settings.events.len(),
            summary: settings.summary,
            settled: settings.settled,
            rails,
        }
    }

    fn block<L: Width>(
        &self,
        range: std::ops::Range<usize>,
        settings: &Settings,
        plan: &Plan,
        instructions: Instructions,
    ) -> Block<L> {
        let first = range.start;
        let np = self.parameters.len() / self.len.max(1);
        let own = self.checked.len() == self.len && self.len > 1;
        // A list without a stimulus is none.
        let none = self.stimuli.iter().all(Vec::is_empty);
        let neurons = Neurons {
            model: &*self.model,
            parameters: &self.parameters[range.start * np..range.end * np],
            states: &self.initial[range.start * self.dim..range.end * self.dim],
            stimuli: match own {
                _ if none => &[],
                true => &self.checked[range.clone()],
                false => &self.checked,
            },
            dim: self.dim,
        };
        let settling = settings.events.iter().any(|t| matches!(t, Trigger::Settled { .. }));
        let plain = settings.events.is_empty() && !settings.summary && settings.rails.is_empty();
        let mut outcome = match plan.control {
            _ if settling => Outcome::all_special(neurons.len(), self.dim, plan),
            Control::Fixed(h) if plain && none => fixed(plan, neurons, h, settings, instructions),
            _ => Stepping::<L>::new(plan, neurons, instructions).run(),
        };
        let single = Single { triggers: &settings.events, stimuli: &self.stimuli, first };
        for i in 0..neurons.len() {
            if outcome.ends[i] == End::Special {
                special::run(plan, neurons, &single, i, &mut outcome);
            }
        }
        finish(first, outcome)
    }
}

fn finish<L>(first: usize, outcome: Outcome<L>) -> Block<L> {
    let failure = |(i, end): (usize, &End)| match *end {
        End::Failed(t, cause) => Some(Failure { index: first + i, t, cause }),
        _ => None,
    };
    let ragged = |lists: Vec<Vec<f64>>| Ragged {
        counts: lists.iter().map(|l| l.len() as u64).collect(),
        times: lists.into_iter().flatten().collect(),
    };
    Block {
        first,
        failures: outcome.ends.iter().enumerate().filter_map(failure).collect(),
        states: outcome.states,
        samples: outcome.samples,
        events: outcome.events.into_iter().map(ragged).collect(),
        summary: outcome.summary,
        accepted: outcome.accepted,
        rejected: outcome.rejected,
    }
}

/// Samples of all neurons that are taken before they go to their neurons' rows: written one by one, every number would
/// touch a cache line of its own.
const TAKEN: usize = 32;

/// From `[sample][neuron][state]` to each neuron's row.
fn spread<'r, L: Copy + 'r>(taken: &[L], [n, dim, count]: [usize; 3], rows: impl Iterator<Item = &'r mut [L]>) {
    for (k, row) in rows.enumerate() {
        for i in 0..dim {
            for sample in 0..count {
                row[sample * dim + i] = taken[(sample * n + k) * dim + i];
            }
        }
    }
}

/// Fixed steps and nothing to look for on the way.
fn fixed<L: Width>(
    plan: &Plan,
    neurons: Neurons,
    h: f64,
    settings: &Settings,
    instructions: Instructions,
) -> Outcome<L> {
    let (n, dim, samples) = (neurons.len(), neurons.dim, settings.samples);
    let mut out = Outcome::new(n, dim, plan);
    let rows: Vec<[L; 6]> = plan.tableau.rows.iter().map(|r| r.map(|a| L::from_f64(h * a))).collect();
    let parts = samples.max(1);
    let steps = settings.method.steps() / parts as u64;
    let starts = Starts { parameters: neurons.parameters, states: neurons.states, len: n };
    let mut crowd = if n > FEW { L::crowd(neurons.model, instructions, starts) } else { None };
    let alone = if crowd.is_none() { n } else { 0 };
    let models: Vec<Box<dyn Model>> = (0..alone).map(|i| neurons.one(i)).collect();
    let mut states: Vec<L> = neurons.states.iter().map(|y| L::from_f64(*y)).collect();
    let mut taken = vec![L::num(0.0); samples.min(TAKEN) * n * dim];
    for part in 0..parts {
        match &mut crowd {
            Some(crowd) => {
                crowd.walk(&rows, steps);
                crowd.read(&mut states);
            }
            None => {
                for (model, y) in models.iter().zip(states.chunks_mut(dim)) {
                    L::fixed_steps(&**model, y, &rows, steps);
                }
            }
        }
        if samples > 0 {
            let place = part % TAKEN;
            taken[place * n * dim..][..n * dim].copy_from_slice(&states);
            if place == TAKEN - 1 || part == samples - 1 {
                let rows = out.samples.chunks_exact_mut(samples * dim).map(|row| &mut row[(part - place) * dim..]);
                spread(&taken, [n, dim, place + 1], rows);
            }
        }
    }
    for (i, y) in states.chunks(dim).enumerate() {
        let bound = neurons.state(i).iter().fold(neurons.model.bound(), |b, y| b.max(2.0 * y.abs()));
        if y.iter().any(|y| !y.finite()) {
            out.ends[i] = End::Failed(settings.t_end, Cause::NotFinite);
        } else if y.iter().any(|y| y.to_f64().abs() > bound) {
            out.ends[i] = End::Failed(settings.t_end, Cause::Runaway);
        }
    }
    (out.states, out.accepted) = (states, n as u64 * settings.method.steps());
    out
}
