//! Studies: many runs of a neuron model or a circuit, described in one small file, into one dataset that survives kills,
//! explains itself, and is the same whatever the threads, the order and the machines.
//!
//! A [`Study`] is read from TOML and validated whole. [`sweep()`] runs its points in units of bounded size; what a unit
//! gives goes into its places in the file and into a journal before it counts, so that a killed sweep is continued to
//! the same bytes.

mod about;
mod axes;
pub mod axis;
mod circuit;
mod circuit_run;
mod circuit_table;
mod cost;
mod datasheet;
mod ensemble_run;
mod error;
mod estimate;
mod finish;
mod follow;
mod mapping;
mod merge;
mod metadata;
mod model;
mod model_run;
mod moved;
mod names;
mod netlist_text;
mod plan;
pub mod quantity;
pub mod random;
mod runner;
mod skeleton;
pub mod sobol;
mod state;
pub mod study;
mod subject;
mod summary;
mod sweep;
mod text;

pub use circuit::{CaseSpec, CircuitSpec};
pub use error::{StudyError, bytes};
pub use estimate::{Estimate, clock};
pub use felice_spice::Fault;
pub use merge::{MergeOptions, merge};
pub use model::ModelSpec;
pub use plan::Shard;
pub use runner::Progress;
pub use study::Study;
pub use subject::Simulations;
pub use sweep::{Options, Outcome, estimate, sweep};
