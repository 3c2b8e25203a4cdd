//! What can go wrong between a device card and a neuron's parameters.

use felice_base::Located;

/// Errors of this crate. Each says what, where, and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// A place in a card's text that cannot be right.
    #[error(transparent)]
    Card(#[from] Located),
    /// A quantity that a derivation needs and the card does not have.
    #[error("card `{card}`: deriving {model} needs `{quantity}`; {remedy}")]
    Missing {
        /// The card's file.
        card: String,
        /// The model derived.
        model: String,
        /// What is missing, as `[table] key`.
        quantity: String,
        /// What to write.
        remedy: String,
    },
    /// A model that this crate cannot derive.
    #[error("no derivation for model `{model}`; there is one for {known}")]
    UnknownModel {
        /// The name asked for.
        model: String,
        /// The names there are.
        known: String,
    },
    /// A solve that did not converge.
    #[error(
        "{block}: no operating point after {iterations} iterations (residual {residual:.3e} of the tail current); {remedy}"
    )]
    NotConverged {
        /// Block or circuit.
        block: String,
        /// Iterations spent.
        iterations: usize,
        /// Largest residual over the block's own current.
        residual: f64,
        /// What to try.
        remedy: String,
    },
    /// A card whose circuit has no meaningful parameters.
    #[error("card `{card}`: {what}; {remedy}")]
    Impossible {
        /// The card's file.
        card: String,
        /// What cannot be.
        what: String,
        /// What to change.
        remedy: String,
    },
    /// Sweeps that do not give parameters.
    #[error(transparent)]
    Extract(#[from] crate::extract::ExtractError),
}
