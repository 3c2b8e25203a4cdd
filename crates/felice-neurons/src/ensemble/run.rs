//! What to run, and the way through the blocks.

use std::marker::PhantomData;
use std::ops::ControlFlow;

use rayon::prelude::*;

use super::adaptive::{Adaptive, Outcome};
use super::fixed::{Columns, Fixed};
use super::tableau::{rk4, tsit5};
use crate::error::NeuronError;
use crate::neuron::{Neuron, Row};
use crate::simd::{Instructions, Width, run};

/// Vectors side by side.
const ABREAST: usize = 3;

/// The integrator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Tsitouras 5(4), this many equal steps.
    Tsit5 {
        /// Steps to the end.
        steps: u64,
    },
    /// The classical Runge–Kutta method, this many equal steps.
    Rk4 {
        /// Steps to the end.
        steps: u64,
    },
    /// Tsitouras 5(4), each neuron its own step.
    Adaptive {
        /// Relative tolerance of a step.
        rtol: f64,
        /// Absolute tolerance of a step.
        atol: f64,
    },
}

/// How to run an ensemble.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where every trajectory ends; it starts at 0. Unit: the model's time.
    pub t_end: f64,
    /// The integrator.
    pub method: Method,
    /// That many equidistant samples after the start, the end included; 0: the final state alone. Fixed steps must be a
    /// multiple of it.
    pub samples: usize,
    /// Neurons a block.
    pub block: usize,
    /// Steps after which an adaptive neuron is given up.
    pub max_steps: u64,
    /// Instruction set; [`Instructions::best`] unless set.
    pub instructions: Instructions,
}

impl Settings {
    /// To `t_end`, adaptive at 1e-6, the final state alone, blocks of 1008 neurons.
    pub fn to(t_end: f64) -> Self {
        Settings {
            t_end,
            method: Method::Adaptive { rtol: 1e-6, atol: 1e-6 },
            samples: 0,
            block: 1008,
            max_steps: 10_000_000,
            instructions: Instructions::best(),
        }
    }
}

/// A neuron that could not go on: not a number, run away, or out of steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Failure {
    /// Its index in the ensemble.
    pub index: usize,
    /// When (the run's end for fixed steps, which look once).
    pub t: f64,
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

/// Neurons of one model, each with its own parameters and initial state.
#[derive(Clone, Debug)]
pub struct Ensemble<M: Neuron> {
    parameters: Vec<M::Parameters<f64>>,
    initial: Vec<M::State<f64>>,
}

impl<M: Neuron> Ensemble<M> {
    /// As many neurons as there are rows.
    ///
    /// # Errors
    /// [`NeuronError::Width`] where the lists differ in length.
    pub fn new(parameters: Vec<M::Parameters<f64>>, initial: Vec<M::State<f64>>) -> Result<Self, NeuronError> {
        if parameters.len() != initial.len() {
            return Err(NeuronError::Width {
                what: "initial states of an ensemble",
                expected: parameters.len(),
                got: initial.len(),
            });
        }
        Ok(Ensemble { parameters, initial })
    }

    /// Number of neurons.
    pub fn len(&self) -> usize {
        self.initial.len()
    }

    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.initial.is_empty()
    }

    /// Runs every neuron and hands the blocks to `sink` in order, a few at a time; stops where it breaks.
    ///
    /// # Errors
    /// [`NeuronError::Run`] where a setting is out of range. A neuron that fails is in its block's `failures`.
    pub fn run<L: Width>(
        &self,
        settings: &Settings,
        mut sink: impl FnMut(Block<L>) -> ControlFlow<()>,
    ) -> Result<Report, NeuronError> {
        check(settings)?;
        let mut report = Report::default();
        let starts: Vec<usize> = (0..self.len()).step_by(settings.block).collect();
        // Enough blocks at a time to keep the threads busy; few enough to keep memory small.
        let most = (8_000_000 / (settings.block * (settings.samples + 1))).max(4 * rayon::current_num_threads());
        for round in starts.chunks(most) {
            let blocks: Vec<Block<L>> = round.par_iter().map(|&first| self.block(first, settings)).collect();
            for block in blocks {
                report.neurons += block.states.len() / M::State::<f64>::LEN.max(1);
                report.accepted += block.accepted;
                report.rejected += block.rejected;
                if sink(block).is_break() {
                    return Ok(report);
                }
            }
        }
        Ok(report)
    }

    fn block<L: Width>(&self, first: usize, settings: &Settings) -> Block<L> {
        let to = (first + settings.block).min(self.len());
        let states: Vec<M::State<L>> =
            self.initial[first..to].iter().map(|y| M::State::from_fn(|i| L::from_f64(y.get(i)))).collect();
        let parameters: Vec<M::Parameters<L>> =
            self.parameters[first..to].iter().map(|p| M::Parameters::from_fn(|i| L::from_f64(p.get(i)))).collect();
        let outcome = match settings.method {
            Method::Tsit5 { steps } => fixed::<M, L>(&states, &parameters, &tsit5::A, steps, settings),
            Method::Rk4 { steps } => fixed::<M, L>(&states, &parameters, &rk4::ROWS, steps, settings),
            Method::Adaptive { rtol, atol } => {
                let n = settings.samples.max(1);
                let stops: Vec<f64> = (1..=n).map(|i| settings.t_end * i as f64 / n as f64).collect();
                let work = Adaptive::<M, L, 2> {
                    states: &states,
                    parameters: &parameters,
                    stops: &stops,
                    keep: settings.samples > 0,
                    rtol,
                    atol,
                    first_step: settings.t_end.min(1e-3),
                    max_steps: settings.max_steps,
                    model: PhantomData,
                };
                run(settings.instructions, work)
            }
        };
        let failed = outcome.failed.iter().enumerate();
        let failures = failed.filter_map(|(i, t)| t.map(|t| Failure { index: first + i, t })).collect();
        Block {
            first,
            states: outcome.states,
            samples: outcome.samples,
            failures,
            accepted: outcome.accepted,
            rejected: outcome.rejected,
        }
    }
}

fn fixed<M: Neuron, L: Width>(
    states: &[M::State<L>],
    parameters: &[M::Parameters<L>],
    rows: &[[f64; 6]],
    steps: u64,
    settings: &Settings,
) -> Outcome<L> {
    let (n, dim) = (states.len(), M::State::<L>::LEN);
    // A multiple of every pack's width.
    let width = n.next_multiple_of(16 * ABREAST);
    let mut block = Columns { width, states: Vec::new(), parameters: Vec::new() };
    for i in 0..dim {
        block.states.extend((0..width).map(|k| states[k.min(n - 1)].get(i)));
    }
    for i in 0..M::Parameters::<L>::LEN {
        block.parameters.extend((0..width).map(|k| parameters[k.min(n - 1)].get(i)));
    }
    let h = settings.t_end / steps as f64;
    let rows: Vec<[L; 6]> = rows.iter().map(|r| r.map(|a| L::from_f64(h * a))).collect();
    let (samples, parts) = (settings.samples, settings.samples.max(1));
    let mut sampled = vec![L::num(0.0); n * samples * dim];
    for part in 0..parts {
        let steps = steps / parts as u64;
        run(
            settings.instructions,
            Fixed::<M, L, ABREAST> { block: &mut block, rows: &rows, steps, model: PhantomData },
        );
        if samples > 0 {
            for k in 0..n {
                (0..dim).for_each(|i| sampled[(k * samples + part) * dim + i] = block.states[i * width + k]);
            }
        }
    }
    let states: Vec<L> = (0..n * dim).map(|j| block.states[j % dim * width + j / dim]).collect();
    let sound = |y: &L| y.finite() && y.to_f64().abs() <= M::BOUND;
    let failed = states.chunks(dim).map(|y| (!y.iter().all(sound)).then_some(settings.t_end)).collect();
    Outcome { states, samples: sampled, failed, accepted: n as u64 * steps, rejected: 0 }
}

fn check(s: &Settings) -> Result<(), NeuronError> {
    let bad = |what, value: String, range| Err(NeuronError::Run { what, value, range });
    let positive = |x: f64| x > 0.0 && x.is_finite();
    if !positive(s.t_end) {
        return bad("t_end", s.t_end.to_string(), "finite and > 0");
    }
    if s.block == 0 || s.max_steps == 0 {
        return bad("block or max_steps", "0".to_owned(), "at least 1");
    }
    match s.method {
        Method::Adaptive { rtol, atol } if !positive(rtol) || !positive(atol) => {
            bad("rtol or atol", format!("{rtol}, {atol}"), "finite and > 0")
        }
        Method::Tsit5 { steps } | Method::Rk4 { steps } if steps == 0 || steps % s.samples.max(1) as u64 != 0 => {
            bad("steps", steps.to_string(), "at least 1 and a multiple of the samples")
        }
        _ => Ok(()),
    }
}
