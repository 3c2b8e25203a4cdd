//! What a run is: what its neurons have in common, what each brings, and what comes out.

use super::steps::Control;
use super::summary::Summary;
use super::tableau::Tableau;
use crate::integrate::{Stimuli, Watched};
use crate::model::Model;
use crate::real::Lane;

/// What all neurons of a run have in common.
pub(crate) struct Plan {
    pub t_end: f64,
    /// Equidistant samples after the start; 0: none.
    pub samples: usize,
    pub tableau: &'static Tableau,
    pub control: Control,
    pub max_steps: u64,
    /// Event functions and the events they belong to.
    pub watched: Vec<(usize, Watched)>,
    pub events: usize,
    pub summary: bool,
    /// How near to a fixed point a neuron has reached it.
    pub settled: f64,
    /// Limits of each state, or none.
    pub rails: Vec<[f64; 2]>,
}

impl Plan {
    /// Where a neuron arrives exactly: sample `i`, or the end.
    pub fn stop(&self, i: usize) -> f64 {
        let n = self.samples.max(1);
        if i + 1 >= n { self.t_end } else { self.t_end * (i + 1) as f64 / n as f64 }
    }
}

/// Some neurons: rows of parameters and of initial states.
#[derive(Clone, Copy)]
pub(crate) struct Neurons<'a> {
    pub model: &'a dyn Model,
    pub parameters: &'a [f64],
    pub states: &'a [f64],
    /// What is done to them: none, the same to all, or one entry a neuron.
    pub stimuli: &'a [Stimuli],
    pub dim: usize,
}

impl<'a> Neurons<'a> {
    pub fn len(&self) -> usize {
        self.states.len() / self.dim
    }
    pub fn parameters(&self, i: usize) -> &'a [f64] {
        let n = self.parameters.len() / self.len();
        &self.parameters[i * n..][..n]
    }
    pub fn state(&self, i: usize) -> &'a [f64] {
        &self.states[i * self.dim..][..self.dim]
    }
    /// Neuron `i` on its own.
    pub fn one(&self, i: usize) -> Box<dyn Model> {
        let mut model = self.model.boxed();
        self.parameters(i).iter().enumerate().for_each(|(k, x)| model.set_parameter(k, *x));
        model
    }
    pub fn stimuli(&self, i: usize) -> Option<&'a Stimuli> {
        self.stimuli.get(if self.stimuli.len() == 1 { 0 } else { i })
    }
}

/// How a neuron ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum End {
    /// Where it should.
    Arrived,
    /// Before that.
    Failed(f64, Cause),
    /// At a rail, or where a state rests at zero: for a slower path that knows of such things.
    Special,
}

/// Why a neuron could not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A state or a parameter is no finite number.
    NotFinite,
    /// A state is beyond every meaningful range.
    Runaway,
    /// The step is down to nothing: too stiff for an explicit method.
    Stiff,
    /// The steps allowed are used up.
    Steps,
}

/// What a block gives, neuron by neuron.
pub(crate) struct Outcome<L> {
    pub states: Vec<L>,
    /// `[neuron][sample][state]`.
    pub samples: Vec<L>,
    pub ends: Vec<End>,
    /// `[event][neuron]`.
    pub events: Vec<Vec<Vec<f64>>>,
    pub summary: Summary<L>,
    pub accepted: u64,
    pub rejected: u64,
}

impl<L: Lane> Outcome<L> {
    /// All for the slower path.
    pub fn all_special(n: usize, dim: usize, plan: &Plan) -> Self {
        Outcome { ends: vec![End::Special; n], ..Outcome::new(n, dim, plan) }
    }

    pub fn new(n: usize, dim: usize, plan: &Plan) -> Self {
        let zero = L::num(0.0);
        Outcome {
            states: vec![zero; n * dim],
            samples: vec![zero; n * dim * plan.samples],
            ends: vec![End::Arrived; n],
            events: vec![vec![Vec::new(); n]; plan.events],
            summary: Summary::new(if plan.summary { n } else { 0 }, dim),
            accepted: 0,
            rejected: 0,
        }
    }
}
