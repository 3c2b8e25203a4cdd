//! Follower-integrator: an OTA with its output on its inverting input and a capacitor.

use super::Ota;
use crate::DeviceError;
use crate::real::Real;

/// `C dw/dt = It tanh(rho (v - w))`: a low-pass for small steps, a slewing ramp for large ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Follower<R = f64> {
    /// The amplifier.
    pub ota: Ota<R>,
    /// Capacitor (F).
    pub c: R,
}

impl<R: Real> Follower<R> {
    /// Time constant (s) for small differences: `C/(rho It)`.
    pub fn time_constant(&self, gate: R) -> R {
        self.c / (self.ota.rho() * self.ota.amplitude(gate))
    }

    /// Fastest slope (V/s): `It/C`.
    pub fn slew_rate(&self, gate: R) -> R {
        self.ota.amplitude(gate) / self.c
    }

    /// Output slope (V/s), closed form.
    pub fn closed(&self, gate: R, v: R, w: R) -> R {
        self.ota.closed(gate, v, w) / self.c
    }

    /// Output slope (V/s), solved.
    ///
    /// # Errors
    /// [`DeviceError::NotConverged`].
    pub fn solved(&self, gate: R, v: R, w: R) -> Result<R, DeviceError> {
        Ok(self.ota.solved(gate, v, w, w)?.current / self.c)
    }
}

impl Follower<f64> {
    /// Bound on `|solved - closed|` over the slew rate.
    pub fn error(&self, gate: f64, v: f64, w: f64) -> f64 {
        self.ota.error(gate, v, w, w)
    }

    /// Difference `v - w` (V) a time `t` after a step of `v` left it at `step`: `sinh(rho e) = sinh(rho e0) exp(-t/tau)`.
    pub fn step_response(&self, gate: f64, step: f64, t: f64) -> f64 {
        let rho = self.ota.rho();
        let (x, decay) = (rho * step.abs(), t / self.time_constant(gate));
        // asinh(sinh(x) e^-d) without overflow: ln sinh(x) = x + ln(1 - e^-2x) - ln 2.
        let log = x + (-(-2.0 * x).exp()).ln_1p() - std::f64::consts::LN_2 - decay;
        let rest = if log > 20.0 { log + std::f64::consts::LN_2 } else { log.exp().asinh() };
        step.signum() * rest / rho
    }

    /// How much longer than its small-signal lag the follower takes to bring a step of `step` volts down to `1/e` of
    /// it: 1 for small steps, `rho step` times about `1 - 1/e` for large ones. A plain follower as FHNRS's slow
    /// element sees steps of several `1/rho`: the 62 % longer period.
    pub fn stretch(&self, step: f64) -> f64 {
        let x = self.ota.rho() * step.abs();
        let log_sinh = |x: f64| x + (-(-2.0 * x).exp()).ln_1p();
        if x < 1e-6 { 1.0 } else { log_sinh(x) - log_sinh(x / std::f64::consts::E) }
    }
}
