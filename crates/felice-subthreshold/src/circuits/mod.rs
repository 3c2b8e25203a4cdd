//! The three neurons' circuits: which transistors they have, what each contributes, and the parameters they make.

pub(crate) mod boomerang;
pub(crate) mod cycle;
pub(crate) mod fhnrs;
pub(crate) mod network;
pub(crate) mod potentials;
pub(crate) mod swing;
mod table;
pub(crate) mod wererabbit;

pub(crate) use table::{Role, Transistor, transistors};
