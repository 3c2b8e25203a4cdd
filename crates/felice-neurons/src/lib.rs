//! Equations of the felice neurons: WereRabbit, Boomerang, FHNRS, and the Ribar–Sepulchre family.
//!
//! A model is one file under [`models`], its equations at the top. It implements [`Neuron`], generic over the number
//! type ([`Real`]), and everything else here works on any such type; [`AnyNeuron`] is a model chosen by name.

// Formulas with matrices and stages read better with their indices.
#![allow(clippy::needless_range_loop)]

mod analysis;
mod any;
mod batch;
mod checked;
#[doc = include_str!("../FELICE.md")]
pub mod coming_from_felice {}
pub mod dispatch;
mod dual;
pub mod ensemble;
mod error;
mod integrate;
mod linear;
pub mod math;
mod model;
pub mod models;
mod neuron;
mod newton;
mod number;
#[cfg(any(test, feature = "proptest"))]
pub mod properties;
mod real;
pub mod simd;

pub use analysis::{
    Bifurcation, BifurcationKind, Branch, BranchPoint, CycleExtent, Diagram, Firing, FixedPoint, LimitCycle, Nullcline,
    Plane, Stability, Sweep,
};
pub use any::{AnyNeuron, MODELS};
pub use batch::Batch;
pub use dual::Dual;
pub use error::{Interrupted, NeuronError, Reason};
pub use integrate::{
    Conditioning, Direction, Event, Lost, Method, Occurrence, Precision, Run, Sampling, Stimulus, Trajectory, Trigger,
    Why, Work,
};
pub use linear::Eigenvalue;
pub use models::{Boomerang, BoomerangNotesSign, Element, Fhnrs, FhnrsLagged, RibarSepulchre, WereRabbit};
pub use models::{BoomerangBranches, FhnrsSaturating, WereRabbitBranches};
pub use neuron::{Choice, Info, Neuron, Parameter, Range, Row, State};
pub use number::Number;
pub use real::{Lane, Real};
