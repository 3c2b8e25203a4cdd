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
//!
//! From a device card to a model's parameters, and the model's trajectory:
//!
//! ```
//! let text = include_str!("../../../data/devices/felice.toml");
//! let card = felice::subthreshold::Card::from_toml(text, "felice.toml")?;
//! let derived = felice::subthreshold::derive(&card, "wererabbit")?;
//! let mut neuron = felice::neurons::AnyNeuron::new("wererabbit")?;
//! for p in &derived.parameters {
//!     neuron.set(&p.name, p.value)?;
//! }
//! let run = felice::neurons::Run { initial: Some(vec![0.45, 0.25]), ..felice::neurons::Run::to(50.0) };
//! let trajectory = neuron.simulate(&run)?;
//! assert!((neuron.get("alpha")? - 0.00129).abs() < 1e-9 && trajectory.conditioning.is_good());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

/// Signals that are sampled in common, with their units.
pub use felice_base as base;
/// Equations, trajectories, events, fixed points, ensembles of neurons.
pub use felice_neurons as neurons;
/// Netlists, the engines that simulate them, waveforms.
pub use felice_spice as spice;
/// HDF5 files that are whole or absent.
pub use felice_store as store;
/// Studies: many points of a model or a circuit into one dataset.
pub use felice_study as study;
/// Transistors, device cards, and the models' parameters that follow from them.
pub use felice_subthreshold as subthreshold;
/// Circuits against equations: comparison, fits, figures, reports.
pub use felice_verify as verify;
