//! Netlists, simulation engines, waveforms.
//!
//! A [`Netlist`] is text; its [`Circuit`] is what it means: flattened, validated, in SI units. An [`Engine`] turns a
//! [`Job`] into a [`Simulation`]. Nothing here knows a neuron model.

pub mod analysis;
pub mod cache;
pub mod circuit;
mod engine;
mod error;
pub mod expr;
mod job;
mod measure;
pub mod native;
mod netlist;
pub mod ngspice;
pub mod parser;
mod process;
#[cfg(any(test, feature = "proptest"))]
pub mod properties;
mod resample;
mod simulate;
mod simulation;
#[cfg(feature = "spice21")]
pub mod spice21;
pub mod stimulus;
mod writer;

pub use analysis::{Analysis, Sweep, Tran};
pub use circuit::Circuit;
pub use engine::{Accuracy, Engine, EngineName, Settings};
pub use error::{Fault, SpiceError};
pub use expr::Expr;
pub use job::Job;
pub use netlist::Netlist;
pub use process::abandon;
pub use simulate::{EngineChoice, engine, simulate, simulate_all};
pub use simulation::{Measured, Simulation, Work, long_name_of, unit_of};
