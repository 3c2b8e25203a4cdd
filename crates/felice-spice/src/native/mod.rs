//! The embedded engine: circuit → differential-algebraic equation with exact Jacobian → implicit integrator.
//!
//! [`Native`] stands behind the trait that all engines share. [`Compiled`] is for many runs of one circuit: it is compiled
//! once and rerun with other initial states or device parameters, from as many threads as there are clones of it.
//!
//! From circuit to waveform: `layout` numbers unknowns and equations, `assembly` collects them (`stamps`, B sources through
//! `graph` and `program`, transistors through `ekv` and `recognise`), `shape` puts them on a pattern (`index`), `system` evaluates them, `operating_point` and
//! `consistent` find states (`newton`), `transient` integrates between corners (`rosenbrock`, `radau`), `outputs` reads off
//! vectors.

// Numerics index several arrays at once; iterators would hide which.
#![allow(clippy::needless_range_loop)]

mod assembly;
pub(crate) mod audit;
mod compiled;
mod consistent;
mod dae;
mod deviate;
mod diode;
mod ekv;
mod engine;
mod faults;
mod graph;
mod index;
#[cfg(test)]
mod integrator_tests;
mod layout;
mod linear;
mod newton;
mod operating_point;
mod outputs;
mod pattern;
mod program;
mod radau;
mod recognise;
mod rosenbrock;
mod shape;
mod softplus;
mod sparse_lu;
mod stamps;
mod start;
mod system;
mod tableau;
#[cfg(test)]
mod tests;
mod transient;
mod watch;
mod waveform;

#[cfg(any(test, feature = "proptest"))]
pub(crate) use diode::BOLTZMANN_OVER_CHARGE;

pub use compiled::{Compiled, Method, Options, Waves};
pub use deviate::{Departure, Transistor, depart, transistors};
pub use engine::Native;
pub use watch::Moment;
