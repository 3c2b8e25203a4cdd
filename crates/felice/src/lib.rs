//! Silicon neurons: equations against transistors. One name for the workspace's crates, and the `felice` command.
//!
//! ```
//! let mut neuron = felice::neurons::AnyNeuron::new("wererabbit")?;
//! neuron.set("alpha", 0.00129)?;
//! let mut dy = [0.0; 2];
//! neuron.field(&[0.45, 0.25], &mut dy)?;
//! assert!(dy.iter().all(|d| d.is_finite()));
//! # Ok::<(), felice::neurons::NeuronError>(())
//! ```

pub use felice_base as base;
pub use felice_neurons as neurons;
pub use felice_spice as spice;
pub use felice_store as store;
pub use felice_study as study;
pub use felice_subthreshold as subthreshold;
pub use felice_verify as verify;
