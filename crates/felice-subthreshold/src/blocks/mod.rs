//! Building blocks of the neurons: each with its closed form in deep subthreshold, its exact (solved) form, and a
//! bound on the difference.
//!
//! A bound is rigorous where it says so: the solved current is the closed one times factors `f_i` (Early effect,
//! inversion, loss of saturation), each with `|ln f_i| <= e_i`, hence `|solved/closed - 1| <= exp(sum e_i) - 1`.
//! The inversion factor follows from `F = ln^2(1 + y)`, `y = sqrt(I_closed/Is)`: `1 - y <= F/y^2 <= 1`.
//!
//! | block | closed form | range |
//! |---|---|---|
//! | [`Mirror`] | `Iin (W/L)out/(W/L)in` | `Vout >= 4 Ut`, inversion below 0.1 |
//! | [`Cascode`] | same, output conductance `lambda^2 Ut`-like | `Vout >= 8 Ut` and its bias |
//! | [`Pair`] | `It tanh(rho (p - n))`, `rho = kappa/(2 Ut)` | tail saturated |
//! | [`Ota`] | the pair's, plus offset `delta` and output conductance | output 4 Ut inside both saturations |
//! | [`Dial`] | the pair's with another `rho`: degenerated or pre-amplified | as the pair |
//! | [`Follower`] | `sinh(rho e) = sinh(rho e0) exp(-rho It t/C)` | as the OTA |
//! | [`Exponential`] | `I0 (W/L) M exp(kappa v/Ut)` | `v` between 4 Ut and inversion 0.1 |
//! | [`Output`] | a constant current between its rails | `Vds >= 4 Ut` |

mod exponential;
mod follower;
mod mirror;
mod ota;
mod pair;

pub use exponential::Exponential;
pub use follower::Follower;
pub use mirror::{Cascode, Mirror, Output};
pub use ota::{Ota, OtaPoint};
pub use pair::{Dial, Pair, Stack};

use crate::ekv::Ekv;
use crate::real::Real;

/// `|ln f|` of a saturated transistor's departures from its deep-subthreshold current: inversion, saturation, Early.
pub(crate) fn departures(fet: &Ekv, closed: f64, vds: f64) -> f64 {
    let y = (closed / fet.spec).sqrt();
    inversion_log(y) + saturation_log(vds, fet.ut) + (fet.lambda * vds).ln_1p().abs()
}

/// `|ln|` of `ln^2(1 + y)/y^2`.
pub(crate) fn inversion_log(y: f64) -> f64 {
    if y == 0.0 { 0.0 } else { 2.0 * (y / y.ln_1p()).ln() }
}

/// `|ln(1 - e^(-vds/ut))|`: what the reverse current takes away. Infinite at `vds = 0`.
pub(crate) fn saturation_log(vds: f64, ut: f64) -> f64 {
    -(-(-vds / ut).exp()).ln_1p()
}

/// Gate voltage (V) of a diode-connected transistor carrying `current`, solved exactly.
///
/// # Errors
/// [`crate::DeviceError::NotConverged`] where there is none.
pub fn diode_voltage<R: Real>(fet: &Ekv<R>, current: R) -> Result<R, crate::DeviceError> {
    let value = fet.values();
    let guess = value.gate_for(current.value(), 0.0);
    let lifted = value.lift();
    let scale = current.value();
    let [v] = crate::solve::implicit(
        "diode",
        [guess],
        |[v]| [(lifted.current(v, v * 0.0, v) - scale) / scale],
        |[v]: [R; 1]| [(fet.current(v, R::constant(0.0), v) - current) / scale],
    )?;
    Ok(v)
}
