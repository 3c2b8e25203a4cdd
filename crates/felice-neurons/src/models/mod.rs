//! The neurons, one file a model.

pub mod boomerang;
pub mod boomerang_branches;
pub mod fhnrs;
pub mod fhnrs_saturating;
pub mod ribar_sepulchre;
pub mod wererabbit;
pub mod wererabbit_branches;

pub use boomerang::{Boomerang, BoomerangNotesSign};
pub use boomerang_branches::BoomerangBranches;
pub use fhnrs::{Fhnrs, FhnrsLagged};
pub use fhnrs_saturating::FhnrsSaturating;
pub use ribar_sepulchre::{Element, RibarSepulchre};
pub use wererabbit::WereRabbit;
pub use wererabbit_branches::WereRabbitBranches;

use crate::neuron::State;

/// The states of the planar models: two node voltages over 1 V.
const NODES: &[State] = &[
    State::new("u", "first node voltage").within(-0.2, 0.7),
    State::new("v", "second node voltage").within(-0.2, 0.7),
];

/// How far a node voltage goes: with less than the bias drawn from it (σ < 1), the branch far below zero brings it back,
/// from tens of volts where it fell along the diagonal; else nothing does, and 10 V say so.
fn bound(excursion: f64, comes_back: bool) -> f64 {
    if comes_back { excursion } else { 10.0 }
}
