//! Outside truths: felice's own values, ngspice, analytic solutions. One module a subject; `val_*` tests.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used, clippy::panic)]

mod blocks;
mod circuits;
mod devices;
mod ensembles;
mod kernels;
mod native;
mod neurons;
mod neurons_integrators;
mod neurons_landmarks;
mod neurons_trajectories;
mod quantiles;
#[cfg(feature = "spice21")]
mod spice21;
mod study;
mod subthreshold;
