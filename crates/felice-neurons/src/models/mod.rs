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
