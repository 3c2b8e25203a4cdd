//! Everything that can go wrong in this crate.

use std::borrow::Cow;

use crate::integrate::Trajectory;
use crate::neuron::Range;

/// What went wrong with a model, where, and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NeuronError {
    /// No model of that name.
    #[error("there is no model `{name}`; known: {known}")]
    UnknownModel {
        /// The name asked for.
        name: String,
        /// Every name there is.
        known: String,
    },
    /// No parameter of that name.
    #[error("model `{model}` has no parameter `{name}`; it has: {known}")]
    UnknownParameter {
        /// The model.
        model: Cow<'static, str>,
        /// The name asked for.
        name: String,
        /// Every name there is.
        known: String,
    },
    /// No option of that name.
    #[error("model `{model}` has no option `{name}`; it has: {known}")]
    UnknownOption {
        /// The model.
        model: Cow<'static, str>,
        /// The name asked for.
        name: String,
        /// Every name there is.
        known: String,
    },
    /// A parameter outside its range.
    #[error("parameter `{parameter}` of `{model}` is {value}; it must be {range}")]
    Parameter {
        /// The model.
        model: Cow<'static, str>,
        /// The parameter.
        parameter: Cow<'static, str>,
        /// What it was set to.
        value: f64,
        /// What it may be.
        range: Range,
    },
    /// I–V curves of a neuron that is no fhnrs.
    #[error("`{model}` has no I-V curves; they are the fhnrs' (iv_inst, iv_fast, iv_slow)")]
    NotFhnrs {
        /// The model.
        model: Cow<'static, str>,
    },
    /// A list of the wrong length.
    #[error("{what}: {got} numbers where {expected} are needed")]
    Width {
        /// What the list is.
        what: &'static str,
        /// How many numbers there should be.
        expected: usize,
        /// How many there are.
        got: usize,
    },
    /// The equations have no fixed point where one is needed.
    #[error("`{model}`: Newton's iteration from {start:?} finds no fixed point to start from; give an initial state")]
    NoFixedPoint {
        /// The model.
        model: Cow<'static, str>,
        /// Where the search began.
        start: Vec<f64>,
    },
    /// No state of that name.
    #[error("model `{model}` has no state `{name}`; it has: {known}")]
    UnknownState {
        /// The model.
        model: Cow<'static, str>,
        /// The name asked for.
        name: String,
        /// Every name there is.
        known: String,
    },
    /// A state that is no number.
    #[error("state `{state}` starts at {value}; it must be a finite number")]
    State {
        /// The state.
        state: Cow<'static, str>,
        /// Its value.
        value: f64,
    },
    /// A setting of a run out of range.
    #[error("{what} is {value}; it must be {range}")]
    Run {
        /// The setting.
        what: &'static str,
        /// What it was.
        value: String,
        /// What it may be.
        range: &'static str,
    },
    /// A start that the rails forbid.
    #[error("state `{state}` starts at {value}, outside its rails [{lo}, {hi}]; move the start or the rails")]
    StartOutsideRails {
        /// The state.
        state: Cow<'static, str>,
        /// Its value.
        value: f64,
        /// Lower rail.
        lo: f64,
        /// Upper rail.
        hi: f64,
    },
    /// A region of states that is none.
    #[error("the region of `{state}` goes from {lo} to {hi}; it must go from a finite number to a larger one")]
    Region {
        /// The state (or parameter).
        state: Cow<'static, str>,
        /// Lower end.
        lo: f64,
        /// Upper end.
        hi: f64,
    },
    /// No limit cycle where one was looked for.
    #[error("`{model}`: no limit cycle from {start:?}: {why}")]
    NoLimitCycle {
        /// The model.
        model: Cow<'static, str>,
        /// Where the search began.
        start: Vec<f64>,
        /// What was found instead.
        why: String,
    },
    /// A stimulus that makes no sense, or contradicts another.
    #[error("stimulus {index} {what}")]
    Stimulus {
        /// Its index.
        index: usize,
        /// What is wrong.
        what: String,
    },
    /// Columns that do not fit together: two states of one name, or one called `t`.
    #[error(transparent)]
    Shape(#[from] felice_base::ShapeError),
    /// A run that could not go on.
    #[error(transparent)]
    Interrupted(Box<Interrupted>),
}

/// A run that could not go on: why, when, where, and what was computed up to there.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("`{model}` at t = {}, {}: {reason}", time(*.t), at(.states, .partial))]
pub struct Interrupted {
    /// The model.
    pub model: Cow<'static, str>,
    /// Its states' names.
    pub states: Vec<Cow<'static, str>>,
    /// When.
    pub t: f64,
    /// Why.
    pub reason: Reason,
    /// Everything up to there; its final state is where.
    pub partial: Trajectory,
}

/// A time, with an exponent where it would have many zeros.
fn time(t: f64) -> String {
    if t == 0.0 || (1e-4..1e16).contains(&t.abs()) { t.to_string() } else { format!("{t:e}") }
}

fn at(states: &[Cow<'static, str>], partial: &Trajectory) -> String {
    let pairs = states.iter().zip(&partial.final_state).map(|(name, y)| format!("{name} = {y:.6e}"));
    pairs.collect::<Vec<_>>().join(", ")
}

/// Why a run could not go on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A state left every meaningful range.
    #[error(
        "`{state}` runs away, beyond ±{bound}; the equations have nothing to hold it (give rails, or other parameters)"
    )]
    Runaway {
        /// The state.
        state: Cow<'static, str>,
        /// The meaningful range.
        bound: f64,
    },
    /// The equations have become too fast for an explicit method.
    #[error("stiff: the step is down to {step:.1e}; give rails, a less extreme state, or a larger tolerance")]
    Stiff {
        /// The last step.
        step: f64,
    },
    /// Too many steps.
    #[error("{steps} steps are used up; raise max_steps or the tolerances, or shorten the run")]
    Steps {
        /// The limit.
        steps: u64,
    },
    /// A run that would need more than 1e9 steps.
    #[error("at this pace the run needs {needed:.1e} steps, over 1e9; shorten it or raise the tolerances")]
    TooLong {
        /// Steps needed, from those made so far.
        needed: f64,
    },
    /// The field is infinite or not a number.
    #[error("d`{state}`/dt is {value}; the state is outside what the equations can be evaluated for")]
    NotFinite {
        /// The state.
        state: Cow<'static, str>,
        /// Its derivative.
        value: f64,
    },
}
