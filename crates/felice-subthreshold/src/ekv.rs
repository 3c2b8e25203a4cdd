//! The EKV transistor, bulk-referenced, from weak to strong inversion.
//!
//! ```text
//! I    = Is (W/L) [F(s) - F(d)] (1 + |Vds| lambda),     lambda = 1/(VE L)
//! F(x) = ln^2(1 + exp((kappa (Vgb - Vt0) - Vxb)/(2 Ut)))
//! I0   = Is exp(-kappa Vt0/Ut)
//! ```
//!
//! Enz, Krummenacher, Vittoz, Analog Integrated Circuits and Signal Processing 8, 83-114 (1995): the normalised
//! forward and reverse currents are their eqs. 31-33 with `kappa = 1/n`. Far below threshold, saturated:
//! `I = I0 (W/L) exp(kappa Vg/Ut) exp(-Vs/Ut) (1 + Vds lambda)` (Vittoz and Fellrath, IEEE JSSC 12, 1977, eq. 1).
//! Voltages count from the bulk and are positive for a working device, nFET or pFET.

use crate::real::Real;

/// One transistor at one temperature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ekv<R = f64> {
    /// Specific current `Is W/L` (A).
    pub spec: R,
    /// Gate coupling.
    pub kappa: R,
    /// Threshold magnitude (V).
    pub vt0: R,
    /// `1/(VE L)` (1/V).
    pub lambda: R,
    /// Thermal voltage (V).
    pub ut: R,
}

/// Conductances (S): the derivatives of the drain current by gate, drain and source voltage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conductances {
    /// `dI/dVg`.
    pub gm: f64,
    /// `dI/dVd`.
    pub gds: f64,
    /// `-dI/dVs`.
    pub gms: f64,
}

impl<R: Real> Ekv<R> {
    /// Normalised charge density at a channel end, `ln(1 + exp((kappa (vg - vt0) - vx)/(2 ut)))`.
    pub fn end(&self, vg: R, vx: R) -> R {
        ((self.kappa * (vg - self.vt0) - vx) / (self.ut * 2.0)).softplus()
    }

    /// Forward or reverse current (A) of the channel end at `vx`: `Is (W/L) F(x)`.
    pub fn half(&self, vg: R, vx: R) -> R {
        let q = self.end(vg, vx);
        self.spec * q * q
    }

    /// Drain current (A), positive from drain to source (nFET) or source to drain (pFET).
    pub fn current(&self, vg: R, vs: R, vd: R) -> R {
        (self.half(vg, vs) - self.half(vg, vd)) * ((vd - vs).abs() * self.lambda + 1.0)
    }

    /// Leakage current (A) of this geometry: `I0 W/L = Is (W/L) exp(-kappa Vt0/Ut)`.
    pub fn i0(&self) -> R {
        self.spec * (-(self.kappa * self.vt0) / self.ut).exp()
    }

    /// Drain current (A) of the closed form: deep subthreshold, saturated.
    pub fn subthreshold(&self, vg: R, vs: R, vd: R) -> R {
        self.i0() * ((self.kappa * vg - vs) / self.ut).exp() * ((vd - vs) * self.lambda + 1.0)
    }

    /// Inversion coefficient at a current: 1 between weak and strong inversion.
    pub fn inversion(&self, current: R) -> R {
        current / self.spec
    }

    /// Gate voltage (V) at which the forward current is `current`, source at `vs`: `F` turned round, exactly.
    pub fn gate_for(&self, current: R, vs: R) -> R {
        // softplus(x) = q  =>  x = q + ln(1 - e^-q)
        let q = (current / self.spec).sqrt();
        let x = q + q.chain((-(-q.value()).exp_m1()).ln(), 1.0 / q.value().exp_m1());
        (x * self.ut * 2.0 + vs) / self.kappa + self.vt0
    }

    /// Source voltage (V) at which the forward current is `current`, gate at `vg`.
    pub fn source_for(&self, current: R, vg: R) -> R {
        let q = (current / self.spec).sqrt();
        let x = q + q.chain((-(-q.value()).exp_m1()).ln(), 1.0 / q.value().exp_m1());
        self.kappa * (vg - self.vt0) - x * self.ut * 2.0
    }
}

impl<R: Real> Ekv<R> {
    /// The same transistor in other numbers.
    pub fn map<T>(&self, f: impl Fn(R) -> T) -> Ekv<T> {
        Ekv { spec: f(self.spec), kappa: f(self.kappa), vt0: f(self.vt0), lambda: f(self.lambda), ut: f(self.ut) }
    }

    /// The same transistor without derivatives.
    pub fn values(&self) -> Ekv {
        self.map(Real::value)
    }
}

impl Ekv<f64> {
    /// The same transistor as constants among other numbers.
    pub fn lift<T: Real>(&self) -> Ekv<T> {
        self.map(T::constant)
    }

    /// Conductances, exact derivatives of [`Ekv::current`].
    pub fn conductances(&self, vg: f64, vs: f64, vd: f64) -> Conductances {
        // dF/dx = 2 q q' with q' the logistic function, over 2 Ut.
        let slope = |vx: f64| {
            let x = (self.kappa * (vg - self.vt0) - vx) / (2.0 * self.ut);
            self.spec * self.end(vg, vx) / (self.ut * (1.0 + (-x).exp()))
        };
        let (forward, reverse) = (slope(vs), slope(vd));
        let core = self.half(vg, vs) - self.half(vg, vd);
        let early = 1.0 + (vd - vs).abs() * self.lambda;
        let tilt = if vd == vs { 0.0 } else { core * self.lambda * (vd - vs).signum() };
        Conductances {
            gm: self.kappa * (forward - reverse) * early,
            gds: reverse * early + tilt,
            gms: forward * early + tilt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fet() -> Ekv {
        let (kappa, ut) = (0.39_f64, 0.025);
        Ekv { spec: 0.64e-6, kappa, vt0: ut / kappa * (0.64e-6_f64 / 0.129e-12).ln(), lambda: 0.01, ut }
    }

    #[test]
    fn leakage_is_the_gate_at_the_source() {
        assert!((fet().i0() / 0.129e-12 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn closed_form_departs_as_the_square_root_of_inversion() {
        let f = fet();
        let vg = f.gate_for(f.spec * 1e-3, 0.0);
        let ratio = f.current(vg, 0.0, 1.0) / f.subthreshold(vg, 0.0, 1.0);
        assert!((ratio - (1.0 - 1e-3_f64.sqrt())).abs() < 1e-3, "{ratio}");
    }

    #[test]
    fn inverses_return_the_voltage() {
        let f = fet();
        for i in [1e-13, 1e-10, 1e-6] {
            let vg = f.gate_for(i, 0.1);
            assert!((f.half(vg, 0.1) / i - 1.0).abs() < 1e-11);
            assert!((f.source_for(i, vg) - 0.1).abs() < 1e-12);
        }
    }
}
