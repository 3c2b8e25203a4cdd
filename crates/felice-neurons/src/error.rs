//! Everything that can go wrong in this crate.

use std::borrow::Cow;

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
}
