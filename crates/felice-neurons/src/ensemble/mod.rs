//! Ensembles: many neurons of one model at once, every one with its own parameters and initial state.
//!
//! One neuron a lane of a vector ([`crate::simd`]), blocks of neurons over the threads of rayon. A model's equations are
//! those of every other path. A neuron's result has the same bits alone, in any lane, in any block, on any number of
//! threads and on any instruction set.
//!
//! ```
//! use std::ops::ControlFlow;
//! use felice_neurons::WereRabbit;
//! use felice_neurons::ensemble::{Ensemble, Method, Settings};
//!
//! let rabbits = (0..100).map(|i| WereRabbit { sigma: 0.5 + 0.001 * f64::from(i), ..WereRabbit::default() });
//! let ensemble = Ensemble::<WereRabbit>::new(rabbits.collect(), vec![[0.1, 0.0]; 100])?;
//! let settings = Settings { method: Method::Adaptive { rtol: 1e-6, atol: 1e-6 }, ..Settings::to(10.0) };
//! let mut ends = Vec::new();
//! ensemble.run::<f64>(&settings, |block| {
//!     ends.extend(block.states);
//!     ControlFlow::Continue(())
//! })?;
//! assert_eq!(ends.len(), 200);
//! # Ok::<(), felice_neurons::NeuronError>(())
//! ```

mod aligned;
mod begin;
mod bench;
mod clocks;
mod crowd;
mod locate;
mod looking;
mod plan;
mod run;
mod settings;
mod special;
mod stepping;
mod steps;
mod summary;
mod tableau;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_events;
mod vector_field;

pub use bench::{BenchReport, Mode, bench};
pub(crate) use crowd::{Alone, Crowd, Starts, alone, crowd};
pub use plan::Cause;
pub use run::{Block, Ensemble, Failure, Ragged, Report};
pub use settings::{Method, Settings};
pub use summary::Summary;
pub(crate) use vector_field::Precise;
pub(crate) use vector_field::{VectorField, one_by_one, vector_field};
