//! Equations of the felice neurons: WereRabbit, Boomerang, FHNRS, and the Ribar–Sepulchre family.
//!
//! A model is one file under [`models`], its equations at the top. It implements [`Neuron`], generic over the number
//! type ([`Real`]), and everything else here works on any such type; [`AnyNeuron`] is a model chosen by name.

mod any;
pub mod dispatch;
mod dual;
mod error;
pub mod math;
pub mod models;
mod neuron;
mod newton;
mod real;

pub use any::{AnyNeuron, MODELS};
pub use dual::Dual;
pub use error::NeuronError;
pub use models::{Boomerang, BoomerangNotesSign, Element, Fhnrs, FhnrsLagged, RibarSepulchre, WereRabbit};
pub use models::{BoomerangBranches, FhnrsSaturating, WereRabbitBranches};
pub use neuron::{Choice, Info, Neuron, Parameter, Range, Row, State};
pub use real::{Lane, Real};
