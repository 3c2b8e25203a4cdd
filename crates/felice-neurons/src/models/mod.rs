//! The neurons, one file a model.

pub mod boomerang;
pub mod fhnrs;
pub mod ribar_sepulchre;
pub mod wererabbit;

pub use boomerang::{Boomerang, BoomerangNotesSign};
pub use fhnrs::{Fhnrs, FhnrsLagged};
pub use ribar_sepulchre::{Element, RibarSepulchre};
pub use wererabbit::WereRabbit;
