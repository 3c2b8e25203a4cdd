//! Does the circuit do what the equations say? Comparison, uncertainty, report.

mod grid;
mod oscillation;

pub use oscillation::{Estimate, Motion, Oscillation, analyse};
