//! What every felice crate speaks: sampled signals with units ([`Sampled`]) and places in a source text ([`Located`]).
//!
//! No I/O, no model, no engine. The other crates depend on this one and never define a sibling of these types.

mod signal;
mod source;

pub use signal::{Sampled, ShapeError, Signal, Unit};
pub use source::{Located, Place};
