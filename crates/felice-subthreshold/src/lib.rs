//! Subthreshold MOS device physics and the derivation of neuron parameters from it.
//!
//! A device [`Card`] says what a designer knows of a process and a circuit; [`derive()`] turns it into a model's
//! parameters, each with its formula and the transistors it comes from. No I/O: cards come as text.
//!
//! ```
//! use felice_subthreshold::{Card, derive};
//! let text = r#"
//! [conditions]
//! Ut = { value = 25, unit = "mV", source = "felice_models, table 1" }
//! [nfet]
//! I0 = { value = 0.129, unit = "pA", source = "felice_models, table 1" }
//! kappa = { value = 0.39, unit = "1", source = "felice_models, table 1" }
//! [circuit]
//! Ibias = { value = 100, unit = "pA", source = "felice_models, table 1" }
//! C = { value = 0.1, unit = "pF", source = "felice_models, table 1" }
//! "#;
//! let derived = derive(&Card::from_toml(text, "felice.toml")?, "boomerang")?;
//! assert!((derived.value("beta").unwrap() - 15.6).abs() < 1e-12);
//! assert!((derived.time_unit_s - 1e-3).abs() < 1e-15);
//! # Ok::<(), felice_subthreshold::DeviceError>(())
//! ```

pub mod blocks;
pub mod card;
mod card_text;
mod charge;
mod circuits;
pub mod corners;
mod derive;
pub mod design;
pub mod ekv;
mod error;
mod evaluate;
pub mod extract;
mod process;
pub mod real;
mod sensitivity;
mod silicon;
mod solve;
mod spread;
mod stability;
mod uncertainty;
mod units;
mod warnings;

pub use card::{Card, DeviceCard, FetCard, Polarity, Quantity};
pub use charge::{Capacitances, Charges, capacitances, charges};
pub use derive::{Derived, DerivedParameter, Form, MODELS, derive, derive_as, derive_nearest};
pub use ekv::Ekv;
pub use error::DeviceError;
pub use sensitivity::{Sensitivity, sensitivities};
pub use spread::{
    Deviation, MOST_SAMPLES, Mismatch, Mismatched, ParameterSpread, QUANTILES, Sampling, Spread, deviation_of,
    deviations, mismatch, monte_carlo, monte_carlo_samples,
};
pub use stability::{NodeDelay, Stability, stability};
pub use uncertainty::{Contribution, Uncertainty, uncertainties};
pub use units::parse_value;
