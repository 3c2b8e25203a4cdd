//! The embedded engine: circuit → differential-algebraic equation with exact Jacobian → implicit integrator.

mod dae;
mod diode;
mod ekv;
mod graph;
mod index;
#[cfg(test)]
mod integrator_tests;
mod layout;
mod linear;
mod pattern;
mod program;
mod recognise;
mod rosenbrock;
mod shape;
mod softplus;
mod sparse_lu;
mod stamps;
mod system;
mod tableau;
mod waveform;
