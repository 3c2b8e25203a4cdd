//! Current mirror, cascode, and the single transistor as a source or sink between its rails.

use super::{departures, diode_voltage, saturation_log};
use crate::DeviceError;
use crate::ekv::Ekv;
use crate::real::Real;

/// Diode-connected `input`, and `output` with the same gate. Voltages count from the mirror's rail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mirror<R = f64> {
    /// The diode.
    pub input: Ekv<R>,
    /// The output transistor.
    pub output: Ekv<R>,
}

impl<R: Real> Mirror<R> {
    /// Ratio of output to input current (1), deep subthreshold: `I0out (W/L)out/(I0in (W/L)in)`.
    pub fn ratio(&self) -> R {
        self.output.i0() / self.input.i0()
    }

    /// Output current (A), closed form.
    pub fn closed(&self, input: R) -> R {
        self.ratio() * input
    }

    /// Output current (A) at output voltage `vout`, solved.
    ///
    /// # Errors
    /// [`DeviceError::NotConverged`].
    pub fn solved(&self, input: R, vout: R) -> Result<R, DeviceError> {
        let gate = diode_voltage(&self.input, input)?;
        Ok(self.output.current(gate, R::constant(0.0), vout))
    }

    /// The same mirror in other numbers.
    pub fn map<T>(&self, f: impl Fn(R) -> T + Copy) -> Mirror<T> {
        Mirror { input: self.input.map(f), output: self.output.map(f) }
    }
}

impl Mirror<f64> {
    /// Bound on `|solved/closed - 1|`; rigorous for equal gate couplings, `vout > 0`. Infinite where the diode sits below
    /// 4 Ut, out of saturation.
    pub fn error(&self, input: f64, vout: f64) -> f64 {
        let gate = self.input.ut / self.input.kappa * (input / self.input.i0()).ln();
        if gate < 4.0 * self.input.ut {
            return f64::INFINITY;
        }
        // The diode's own departures move its gate, hence the output, by the same factor.
        let diode = departures(&self.input, input, gate.max(self.input.ut));
        // Beyond the closed gate voltage the output's inversion grows with the current it carries.
        let carried = self.closed(input) * diode.exp();
        (diode + departures(&self.output, carried, vout)).exp_m1()
    }
}

/// A mirror whose output is shielded by a cascode transistor with its gate at `bias`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cascode<R = f64> {
    /// The mirror.
    pub mirror: Mirror<R>,
    /// The cascode transistor on the mirror's output.
    pub shield: Ekv<R>,
}

impl<R: Real> Cascode<R> {
    /// Drain voltage (V) of the mirror's output under the shield, deep subthreshold.
    pub fn shielded(&self, input: R, bias: R) -> R {
        self.shield.kappa * bias - self.shield.ut * (self.mirror.closed(input) / self.shield.i0()).ln()
    }

    /// Output current (A), closed form: the mirror's, with the Early factor of the shielded drain.
    pub fn closed(&self, input: R, bias: R) -> R {
        self.mirror.closed(input) * (self.mirror.output.lambda * self.shielded(input, bias) + 1.0)
    }

    /// Output conductance (S), closed form: the shield's `lambda I` divided by its intrinsic gain `1/(lambda_out Ut)`.
    pub fn conductance(&self, input: R) -> R {
        self.mirror.closed(input) * self.shield.lambda * self.mirror.output.lambda * self.shield.ut
    }

    /// Output current (A) at output voltage `vout`, solved.
    ///
    /// # Errors
    /// [`DeviceError::NotConverged`].
    pub fn solved(&self, input: R, bias: R, vout: R) -> Result<R, DeviceError> {
        let gate = diode_voltage(&self.mirror.input, input)?;
        let zero = R::constant(0.0);
        let (m, s) = (self.mirror.output.values(), self.shield.values());
        let guess = self.shielded(input, bias).value();
        let scale = self.mirror.closed(input).value();
        let (m, s) = (m.lift(), s.lift());
        let lift = |x: R| crate::real::Dual::constant(x.value());
        let [x] = crate::solve::implicit(
            "cascode",
            [guess],
            |[x]| [(m.current(lift(gate), x * 0.0, x) - s.current(lift(bias), x, lift(vout))) / scale],
            |[x]: [R; 1]| [(self.mirror.output.current(gate, zero, x) - self.shield.current(bias, x, vout)) / scale],
        )?;
        Ok(self.mirror.output.current(gate, zero, x))
    }
}

impl Cascode<f64> {
    /// Bound on `|solved/closed - 1|` for `vout` above the shielded drain: the mirror's without its output's Early
    /// factor, plus what the shield's own departures move the shielded drain by.
    pub fn error(&self, input: f64, bias: f64, vout: f64) -> f64 {
        let (m, x) = (self.mirror, self.shielded(input, bias));
        let gate = m.input.ut / m.input.kappa * (input / m.input.i0()).ln();
        if gate < 4.0 * m.input.ut || x < 2.0 * m.output.ut {
            return f64::INFINITY;
        }
        let diode = departures(&m.input, input, gate.max(m.input.ut));
        let carried = m.closed(input) * diode.exp();
        // Both currents differ from the closed ones by these; each moves the drain by Ut times its logarithm.
        let shield = departures(&self.shield, carried, (vout - x).max(0.0));
        let mirror = super::inversion_log((carried / m.output.spec).sqrt()) + saturation_log(x.max(0.0), m.output.ut);
        let shift = m.output.ut * (diode + shield + mirror + (m.output.lambda * x).ln_1p().abs());
        let lower = saturation_log((x - shift).max(0.0), m.output.ut);
        (diode + mirror.max(lower) + lower + m.output.lambda * shift).exp_m1()
    }
}

/// One transistor with a fixed gate: a source or sink of current between its rails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Output<R = f64> {
    /// The transistor.
    pub fet: Ekv<R>,
    /// Its gate voltage (V) from its rail.
    pub gate: R,
}

impl<R: Real> Output<R> {
    /// Current (A), closed form: what it carries saturated, without Early effect.
    pub fn closed(&self) -> R {
        self.fet.i0() * (self.fet.kappa * self.gate / self.fet.ut).exp()
    }

    /// Current (A) with `vds` across it; turns round where `vds` does. Exact.
    pub fn solved(&self, vds: R) -> R {
        self.fet.current(self.gate, R::constant(0.0), vds)
    }

    /// Output conductance over current (1/V) at `vds`, saturated: `1/(VE L + vds)`.
    pub fn gamma(&self, vds: R) -> R {
        self.fet.lambda / (self.fet.lambda * vds + 1.0)
    }
}

impl Output<f64> {
    /// Bound on `|solved/closed - 1|`, rigorous for `vds > 0`.
    pub fn error(&self, vds: f64) -> f64 {
        departures(&self.fet, self.closed(), vds).exp_m1()
    }

    /// Distance from the rail (V) within which the current falls by more than `fraction` of itself: `Ut ln(1/fraction)`.
    pub fn rail(&self, fraction: f64) -> f64 {
        -self.fet.ut * fraction.ln()
    }
}
