//! Netlists, simulation engines, waveforms.
//!
//! A [`Netlist`] is text; its [`Circuit`] is what it means: flattened, validated, in SI units. An [`Engine`] turns a
//! [`Job`] into a [`Simulation`]. Nothing here knows a neuron model.

pub mod analysis;
pub mod circuit;
mod engine;
mod error;
pub mod expr;
mod netlist;
pub mod parser;
mod simulation;
pub mod stimulus;

pub use analysis::{Analysis, Sweep, Tran};
pub use circuit::Circuit;
pub use engine::{Accuracy, Engine, EngineName, Job, Settings};
pub use error::{Fault, SpiceError};
pub use expr::Expr;
pub use netlist::Netlist;
pub use simulation::{Simulation, Work, long_name_of, unit_of};
