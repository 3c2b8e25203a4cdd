//! What can go wrong between a case file and its verdict.

use std::path::PathBuf;

use felice_base::Located;
use felice_neurons::NeuronError;
use felice_spice::{Fault, SpiceError};
use felice_store::StoreError;
use felice_subthreshold::DeviceError;

/// Every error of this crate. Limits that are not met are no error: they are a [`crate::Status`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A place in a case file (or a card it names) that cannot be right.
    #[error(transparent)]
    Case(#[from] Located),
    /// A file that a case needs could not be read.
    #[error("cannot read {what} `{}`: {why}; check the name in the case file", path.display())]
    Read {
        /// Case file, card, netlist.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// There is nothing to verify.
    #[error("no case to verify: {why}; name case files, as in `felice verify netlists/boomerang/ekv.toml`")]
    NoCase {
        /// Where was looked.
        why: String,
    },
    /// The case fits neither the model nor the circuit.
    #[error("case `{case}`: {what}; {remedy}")]
    Mismatch {
        /// The case's name.
        case: String,
        /// What does not fit.
        what: String,
        /// What to change.
        remedy: String,
    },
    /// The model refused.
    #[error("case `{case}`: {source}")]
    Neuron {
        /// The case's name.
        case: String,
        /// Its words.
        source: NeuronError,
    },
    /// The circuit's devices give a parameter that its model cannot have: a failed case, not bad input.
    #[error(
        "case `{case}`: the circuit's own devices make it no {model} neuron: {source}; no such equation to compare with, so the case fails"
    )]
    NotTheModel {
        /// The case's name.
        case: String,
        /// The model.
        model: String,
        /// Which parameter, its value and range.
        source: Box<NeuronError>,
    },
    /// The derivation of parameters refused.
    #[error("case `{case}`: {source}")]
    Device {
        /// The case's name.
        case: String,
        /// Its words.
        source: Box<DeviceError>,
    },
    /// The netlist or the engine failed.
    #[error("case `{case}`: {source}")]
    Circuit {
        /// The case's name.
        case: String,
        /// Its words.
        source: Box<SpiceError>,
    },
    /// A result could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl VerifyError {
    /// The exit code that INTERFACE.md gives: 1 a failed case, 2 bad input, 3 an engine is missing or failed, 4 a file.
    pub fn exit_code(&self) -> u8 {
        match self {
            VerifyError::NotTheModel { .. } => 1,
            VerifyError::Read { .. } | VerifyError::Store(_) => 4,
            VerifyError::Circuit { source, .. } => match source.fault() {
                Fault::Input => 2,
                Fault::Engine => 3,
                Fault::File => 4,
            },
            _ => 2,
        }
    }
}
