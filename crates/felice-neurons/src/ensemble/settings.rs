//! What to run.

use crate::error::NeuronError;
use crate::integrate::Trigger;
use crate::neuron::Info;
use crate::simd::Instructions;

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

impl Method {
    /// Steps to the end; 0 where that is each neuron's own affair.
    pub(crate) fn steps(self) -> u64 {
        match self {
            Method::Tsit5 { steps } | Method::Rk4 { steps } => steps,
            Method::Adaptive { .. } => 0,
        }
    }
}

/// How to run an ensemble.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where every trajectory ends; it starts at 0. Unit: the model's time.
    pub t_end: f64,
    /// The integrator. Fixed steps are cut where a stimulus changes.
    pub method: Method,
    /// That many equidistant samples after the start, the end included; 0: the final state alone. Fixed steps must be a
    /// multiple of it.
    pub samples: usize,
    /// What to look for; times are roots of the dense output, made as exact as the steps themselves in double precision.
    /// [`Trigger::Settled`] takes every neuron through the slower way of single trajectories.
    pub events: Vec<Trigger>,
    /// Extremes, period, amplitude and fixed point of each neuron ([`Summary`](super::Summary)).
    pub summary: bool,
    /// How near to a stable fixed point a neuron has reached it (Euclidean, in state units).
    pub settled: f64,
    /// Limits `[lo, hi]` no state ever leaves: none, one pair for every state, or one a state. A neuron that reaches one
    /// takes the slower way of single trajectories.
    pub rails: Vec<[f64; 2]>,
    /// Neurons a block, at most; never seen in the results.
    pub block: usize,
    /// Steps after which a neuron with steps of its own is given up.
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
            events: Vec::new(),
            summary: false,
            settled: 1e-3,
            rails: Vec::new(),
            block: 1008,
            max_steps: 10_000_000,
            instructions: Instructions::best(),
        }
    }

    /// Everything that can be seen to be wrong before a step is made.
    pub(crate) fn check<'a>(&self, info: &Info, starts: impl Iterator<Item = &'a [f64]>) -> Result<(), NeuronError> {
        let bad = |what, value: String, range| Err(NeuronError::Run { what, value, range });
        let positive = |x: f64| x > 0.0 && x.is_finite();
        if !positive(self.t_end) {
            return bad("t_end", self.t_end.to_string(), "finite and > 0");
        }
        if self.block == 0 || self.max_steps == 0 {
            return bad("block or max_steps", "0".to_owned(), "at least 1");
        }
        if !positive(self.settled) {
            return bad("settled distance", self.settled.to_string(), "finite and > 0");
        }
        if self.samples.saturating_mul(info.states.len()) > 100_000_000 {
            return bad("samples", self.samples.to_string(), "few enough to hold: samples x states <= 1e8");
        }
        match self.method {
            Method::Adaptive { rtol, atol } if !positive(rtol) || !positive(atol) => {
                return bad("rtol or atol", format!("{rtol}, {atol}"), "finite and > 0");
            }
            Method::Tsit5 { steps } | Method::Rk4 { steps }
                if steps == 0 || steps % self.samples.max(1) as u64 != 0 =>
            {
                return bad("steps", steps.to_string(), "at least 1 and a multiple of the samples");
            }
            _ => {}
        }
        for trigger in &self.events {
            match trigger {
                Trigger::Crossing { state, level, .. } => {
                    info.state(state)?;
                    if !level.is_finite() {
                        return bad("event level", level.to_string(), "a finite number");
                    }
                }
                Trigger::Settled { distance } if !positive(*distance) => {
                    return bad("settled distance", distance.to_string(), "finite and > 0");
                }
                _ => {}
            }
        }
        self.check_rails(info, starts)
    }

    fn check_rails<'a>(&self, info: &Info, starts: impl Iterator<Item = &'a [f64]>) -> Result<(), NeuronError> {
        let (rails, states) = (&self.rails, info.states.len());
        if rails.len() > 1 && rails.len() != states {
            return Err(NeuronError::Width { what: "rails", expected: states, got: rails.len() });
        }
        if let Some([lo, hi]) = rails.iter().find(|[lo, hi]| lo.is_nan() || hi.is_nan() || lo >= hi) {
            return Err(NeuronError::Run { what: "rails", value: format!("{lo},{hi}"), range: "lo < hi" });
        }
        if rails.is_empty() {
            return Ok(());
        }
        for start in starts {
            for (i, value) in start.iter().copied().enumerate() {
                let [lo, hi] = rails[if rails.len() == 1 { 0 } else { i }];
                if value < lo || value > hi {
                    let state = info.states[i].name.clone();
                    return Err(NeuronError::StartOutsideRails { state, value, lo, hi });
                }
            }
        }
        Ok(())
    }
}
