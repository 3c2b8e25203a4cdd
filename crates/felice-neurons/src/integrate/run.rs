//! [`Run`]: what to integrate, how exactly, and what to look for on the way.

use super::stimulus::Stimulus;
use crate::any::AnyNeuron;
use crate::error::NeuronError;

/// One trajectory to compute: build with [`Run::to`], change what should differ.
///
/// ```
/// use felice_neurons::{AnyNeuron, Run, Sampling};
/// let neuron = AnyNeuron::new("fhnrs")?;
/// let run = Run { initial: Some(vec![2.0, 0.0, 0.0]), sampling: Sampling::Uniform(301), ..Run::to(300.0) };
/// let trajectory = neuron.simulate(&run)?;
/// assert_eq!(trajectory.sampled.len(), 301);
/// # Ok::<(), felice_neurons::NeuronError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Where the trajectory ends; it starts at 0. Unit: the model's time.
    pub t_end: f64,
    /// Where it is sampled.
    pub sampling: Sampling,
    /// The state at 0; `None`: the model's initial state.
    pub initial: Option<Vec<f64>>,
    /// Relative tolerance of a step.
    pub rtol: f64,
    /// Absolute tolerance of a step.
    pub atol: f64,
    /// The integrator.
    pub method: Method,
    /// Limits `[lo, hi]` no state ever leaves: none, one pair for every state, or one a state.
    pub rails: Vec<[f64; 2]>,
    /// Precision in which the field is evaluated.
    pub precision: Precision,
    /// What to look for.
    pub events: Vec<Event>,
    /// What is done to the neuron.
    pub stimuli: Vec<Stimulus>,
    /// Steps (accepted and rejected) after which the run is given up.
    pub max_steps: u64,
    /// Longest step.
    pub max_step: f64,
    /// First step; `None`: the integrator's own guess.
    pub first_step: Option<f64>,
}

impl Run {
    /// A run to `t_end` with 1001 samples, DOP853 at 1e-9, nothing else.
    pub fn to(t_end: f64) -> Self {
        Run {
            t_end,
            sampling: Sampling::Uniform(1001),
            initial: None,
            rtol: 1e-9,
            atol: 1e-9,
            method: Method::Dop853,
            rails: Vec::new(),
            precision: Precision::F64,
            events: Vec::new(),
            stimuli: Vec::new(),
            max_steps: 10_000_000,
            max_step: f64::INFINITY,
            first_step: None,
        }
    }
}

/// Where a trajectory is sampled.
#[derive(Clone, Debug, PartialEq)]
pub enum Sampling {
    /// That many equidistant times, both ends included; at least 2.
    Uniform(usize),
    /// These times: rising, within [0, t_end].
    At(Vec<f64>),
}

/// The integrator (`ode_solvers`, after Hairer, Nørsett & Wanner), with its dense output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Dormand–Prince 8(5,3), dense output of order 7.
    Dop853,
    /// Dormand–Prince 5(4), dense output of order 4.
    Dopri5,
}

/// Precision in which the field is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Double.
    F64,
    /// Single: states are rounded before and derivatives after each evaluation; samples are single precision numbers.
    /// The integrator's own sums stay double, so that time does not drift. Tolerances below 1e-6 are raised to 1e-6.
    F32,
}

/// Something to look for along a trajectory. Its times are roots of the dense output, whatever the samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What.
    pub trigger: Trigger,
    /// The run stops at its n-th occurrence; `None`: it goes on.
    pub stop_after: Option<usize>,
}

impl From<Trigger> for Event {
    fn from(trigger: Trigger) -> Self {
        Event { trigger, stop_after: None }
    }
}

/// What makes an event. A start exactly at a threshold is not a crossing.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// A state crosses a level.
    Crossing {
        /// The state.
        state: String,
        /// The level.
        level: f64,
        /// Which way.
        direction: Direction,
    },
    /// The model's spike condition becomes positive.
    SpikeCondition,
    /// The trajectory comes within this distance of a stable fixed point.
    Settled {
        /// Distance (Euclidean, in state units).
        distance: f64,
    },
}

/// Which way a level is crossed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From below.
    Rising,
    /// From above.
    Falling,
    /// Both.
    Either,
}

/// Most numbers a trajectory may hold (800 MB).
const MOST_NUMBERS: usize = 100_000_000;

fn bad(what: &'static str, value: impl ToString, range: &'static str) -> NeuronError {
    NeuronError::Run { what, value: value.to_string(), range }
}

fn positive(what: &'static str, x: f64) -> Result<(), NeuronError> {
    if x > 0.0 && x.is_finite() { Ok(()) } else { Err(bad(what, x, "finite and > 0")) }
}

impl Run {
    /// Everything that can be seen to be wrong before a step is made; gives the state at 0.
    pub(crate) fn check(&self, neuron: &AnyNeuron) -> Result<Vec<f64>, NeuronError> {
        neuron.check()?;
        positive("t_end", self.t_end)?;
        positive("rtol", self.rtol)?;
        positive("atol", self.atol)?;
        self.first_step.map_or(Ok(()), |h| positive("first_step", h))?;
        if self.max_step.is_nan() || self.max_step <= 0.0 {
            return Err(bad("max_step", self.max_step, "> 0 (inf allowed)"));
        }
        if self.t_end / self.max_step > 1e9 {
            return Err(bad("t_end / max_step", self.t_end / self.max_step, "at most 1e9 steps; raise max_step"));
        }
        if self.max_steps == 0 {
            return Err(bad("max_steps", 0, "at least 1"));
        }
        self.check_sampling(neuron.dimension())?;
        let start = match &self.initial {
            Some(y) => y.clone(),
            None => neuron.initial_state()?,
        };
        neuron.check_width("initial state", start.len())?;
        if let Some(i) = start.iter().position(|x| !x.is_finite()) {
            return Err(NeuronError::State { state: neuron.info().states[i].name.clone(), value: start[i] });
        }
        self.check_rails(neuron, &start)?;
        self.check_events(neuron)?;
        Ok(start)
    }

    fn check_sampling(&self, states: usize) -> Result<(), NeuronError> {
        let n = match &self.sampling {
            Sampling::Uniform(n) if *n < 2 => return Err(bad("samples", n, "at least 2: both ends")),
            Sampling::Uniform(n) => *n,
            Sampling::At(times) => {
                if let Some(t) = times.iter().find(|t| !(0.0..=self.t_end).contains(*t)) {
                    return Err(bad("sample time", t, "between 0 and t_end"));
                }
                if let Some(w) = times.windows(2).find(|w| w[0] >= w[1]) {
                    return Err(bad("sample time", w[1], "later than the sample before it"));
                }
                times.len()
            }
        };
        if n.saturating_mul(states + 1) > MOST_NUMBERS {
            return Err(bad("samples", n, "few enough to hold: samples x (states + 1) <= 1e8"));
        }
        Ok(())
    }

    fn check_rails(&self, neuron: &AnyNeuron, start: &[f64]) -> Result<(), NeuronError> {
        if self.rails.len() > 1 {
            neuron.check_width("rails", self.rails.len())?;
        }
        for [lo, hi] in &self.rails {
            if lo.is_nan() || hi.is_nan() || lo >= hi {
                return Err(bad("rails", format!("{lo},{hi}"), "lo < hi"));
            }
        }
        for (i, y) in start.iter().enumerate() {
            let [lo, hi] = self.rail(i);
            if *y < lo || *y > hi {
                let state = neuron.info().states[i].name.clone();
                return Err(NeuronError::StartOutsideRails { state, value: *y, lo, hi });
            }
        }
        Ok(())
    }

    fn check_events(&self, neuron: &AnyNeuron) -> Result<(), NeuronError> {
        for event in &self.events {
            if event.stop_after == Some(0) {
                return Err(bad("stop_after", 0, "at least 1"));
            }
            match &event.trigger {
                Trigger::Crossing { state, level, .. } => {
                    neuron.info().state(state)?;
                    if !level.is_finite() {
                        return Err(bad("event level", level, "a finite number"));
                    }
                }
                Trigger::Settled { distance } => positive("settled distance", *distance)?,
                Trigger::SpikeCondition => {}
            }
        }
        Ok(())
    }

    /// The limits of state `i`.
    pub(crate) fn rail(&self, i: usize) -> [f64; 2] {
        let all = [f64::NEG_INFINITY, f64::INFINITY];
        self.rails.get(if self.rails.len() == 1 { 0 } else { i }).copied().unwrap_or(all)
    }

    /// Sample times, rising.
    pub(crate) fn times(&self) -> Vec<f64> {
        match &self.sampling {
            Sampling::At(times) => times.clone(),
            Sampling::Uniform(n) => {
                let last = n - 1;
                (0..*n).map(|i| if i == last { self.t_end } else { self.t_end * i as f64 / last as f64 }).collect()
            }
        }
    }
}
