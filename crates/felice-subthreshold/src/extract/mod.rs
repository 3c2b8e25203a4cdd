//! Extraction: currents of swept devices and clamped circuits to parameters, by weighted least squares.
//!
//! Nothing here runs a circuit. What comes in are the voltages and currents of sweeps, what goes out are parameters
//! with standard errors, the residuals of every fit, and the range in which the exponential holds.
//!
//! * [`neuron`]: a whole neuron with its state nodes clamped gives its model's parameters, each from the devices that
//!   set it.
//! * [`transistor`]: one transistor's sweeps give I0, κ, V_A and, where the sweep goes that far, Is and Vt0.
//! * [`block`]: a differential pair's or OTA's tail, rho and offset, a mirror's ratio and Early voltage.
//! * [`capacitance`]: a clamped node's triangular ramp gives its capacitance, parasitics included.

pub mod block;
mod boomerang;
pub mod capacitance;
mod clamped;
mod equation;
mod error;
mod fhnrs;
pub(crate) mod least_squares;
pub mod neuron;
mod terms;
pub mod transistor;
mod wererabbit;

pub use clamped::Clamped;
pub use error::ExtractError;
pub use least_squares::{Fit, Unknown};

use neuron::{Estimate, alpha, positive};

/// The seven parameters of an equation fitted whole.
fn seven(fit: &Fit, reference: f64, side: &str) -> Result<Vec<Estimate>, ExtractError> {
    let (alpha, alpha_error) = alpha(fit, 1, reference);
    let from = format!("i_{side}");
    let estimate = |name: &str, i: usize, unit: &str| {
        Estimate::new(format!("{name}_{side}"), fit.values[i], fit.standard_errors[i], unit, &from)
    };
    for (quantity, i) in [("gain", 0), ("beta", 2), ("rho", 4), ("sigma", 5)] {
        positive(&fit.what, quantity, fit.values[i])?;
    }
    Ok(vec![
        estimate("gain", 0, "1"),
        Estimate::new(format!("alpha_{side}"), alpha, alpha_error, "1", &from),
        estimate("beta", 2, "1/V"),
        estimate("gamma", 3, "1/V"),
        estimate("rho", 4, "1/V"),
        estimate("sigma", 5, "1"),
        estimate("delta", 6, "V"),
    ])
}
