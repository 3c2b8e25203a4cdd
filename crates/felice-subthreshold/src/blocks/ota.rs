//! Five-transistor OTA: a pair with its tail on one rail and its mirror on the other.

use super::{Mirror, Pair, departures, inversion_log, saturation_log};
use crate::DeviceError;
use crate::card::Polarity;
use crate::ekv::Ekv;
use crate::real::{Dual, Real};
use crate::solve::implicit;

/// `Iout = It tanh(rho (p - n))` into the output node. Inside, voltages count from the tail's rail towards the
/// mirror's: an OTA with nFET inputs is the same circuit upside down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ota<R = f64> {
    /// Tail.
    pub tail: Ekv<R>,
    /// Pair, mirror side: gate at `p`.
    pub m1: Ekv<R>,
    /// Pair, output side: gate at `n`.
    pub m2: Ekv<R>,
    /// Mirror's diode.
    pub m3: Ekv<R>,
    /// Mirror's output.
    pub m4: Ekv<R>,
    /// Of the pair.
    pub polarity: Polarity,
    /// Supply (V).
    pub supply: f64,
}

/// A solved OTA.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OtaPoint<R = f64> {
    /// Current into the output node (A).
    pub current: R,
    /// Common source of the pair (V from the tail's rail).
    pub source: R,
    /// The mirror's diode (V from the mirror's rail).
    pub diode: R,
}

impl<R: Real> Ota<R> {
    /// The same OTA in other numbers.
    pub fn map<T>(&self, f: impl Fn(R) -> T + Copy) -> Ota<T> {
        let [tail, m1, m2, m3, m4] = [self.tail, self.m1, self.m2, self.m3, self.m4].map(|m| m.map(f));
        Ota { tail, m1, m2, m3, m4, polarity: self.polarity, supply: self.supply }
    }

    /// Voltage from the tail's rail.
    fn inward(&self, v: R) -> R {
        match self.polarity {
            Polarity::N => v,
            Polarity::P => -v + self.supply,
        }
    }

    /// The input pair.
    pub fn pair(&self) -> Pair<R> {
        Pair { m1: self.m1, m2: self.m2 }
    }

    /// The mirror.
    pub fn mirror(&self) -> Mirror<R> {
        Mirror { input: self.m3, output: self.m4 }
    }

    /// Tail current (A), deep subthreshold, without Early effect; `gate` counts from the tail's rail.
    pub fn tail_current(&self, gate: R) -> R {
        self.tail.i0() * (self.tail.kappa * gate / self.tail.ut).exp()
    }

    /// Slope (1/V): `kappa/(2 Ut)`.
    pub fn rho(&self) -> R {
        self.pair().rho()
    }

    /// Input offset (V) at which the output current is zero: the pair's and the mirror's mismatch,
    /// `delta = (Ut/kappa) ln(I0_1 M/I0_2)` for pFET inputs, the other sign for nFET inputs.
    pub fn offset(&self) -> R {
        let split = (self.m1.i0() * self.mirror().ratio() / self.m2.i0()).ln() * self.m1.ut / self.m1.kappa;
        match self.polarity {
            Polarity::P => split,
            Polarity::N => -split,
        }
    }

    /// Saturation current (A) of the tanh: the mean of both signs, `It (1 + M)/2`.
    pub fn amplitude(&self, gate: R) -> R {
        self.tail_current(gate) * (self.mirror().ratio() + 1.0) * 0.5
    }

    /// Output current (A), closed form: `It (1 + M)/2 tanh(rho (p - n - delta))`.
    pub fn closed(&self, gate: R, p: R, n: R) -> R {
        self.amplitude(gate) * (self.rho() * (p - n - self.offset())).tanh()
    }

    /// Common source (V from the tail's rail), closed form, the tail shared evenly.
    pub fn source(&self, tail: R, input: R) -> R {
        self.m1.kappa * self.inward(input) - self.m1.ut * (tail * 0.5 / self.m1.i0()).ln()
    }

    /// Output conductance (S), closed form: half the tail through each output transistor, at output voltage `out`.
    pub fn conductance(&self, tail: R, input: R, out: R) -> R {
        let (x, s) = (self.inward(out), self.source(tail, input));
        let upper = self.m2.lambda / (self.m2.lambda * (x - s) + 1.0);
        let lower = self.m4.lambda / (self.m4.lambda * (-x + self.supply) + 1.0);
        tail * 0.5 * (upper + lower)
    }

    /// The residuals of the two internal nodes (source, diode), over the tail current and the mirror's share. Convex
    /// exponentials over constants: Newton comes back from any overshoot.
    fn residuals(&self, gate: R, [p, n, out]: [R; 3], [s, a]: [R; 2], [tail, share]: [f64; 2]) -> [R; 2] {
        let zero = R::constant(0.0);
        let i1 = self.m1.current(p, s, -a + self.supply);
        let i2 = self.m2.current(n, s, out);
        let it = self.tail.current(gate, zero, s);
        let i3 = self.m3.current(a, zero, a);
        [(i1 + i2 - it) / tail, (i1 - i3) / share]
    }

    /// Solves the two internal nodes at input voltages `p`, `n`, output voltage `out` and tail gate `gate` (V from the
    /// tail's rail).
    ///
    /// # Errors
    /// [`DeviceError::NotConverged`].
    pub fn solved(&self, gate: R, p: R, n: R, out: R) -> Result<OtaPoint<R>, DeviceError> {
        let [p, n, out] = [p, n, out].map(|v| self.inward(v));
        let values = self.map(Real::value);
        let guess = values.guess(gate.value(), p.value(), n.value());
        let scale = [values.tail_current(gate.value()), values.m3.half(guess[1], 0.0)];
        let lifted: Ota<Dual<2>> = values.map(Dual::constant);
        let at = [p, n, out].map(|v| Dual::constant(v.value()));
        let [source, diode] = implicit(
            "OTA",
            guess,
            |x| lifted.residuals(Dual::constant(gate.value()), at, x, scale),
            |x: [R; 2]| self.residuals(gate, [p, n, out], x, scale),
        )?;
        let zero = R::constant(0.0);
        let upper = self.m2.current(n, source, out);
        let lower = self.m4.current(diode, zero, -out + self.supply);
        let inward = upper - lower;
        let current = if self.polarity == Polarity::P { inward } else { -inward };
        Ok(OtaPoint { current, source, diode })
    }
}

impl Ota<f64> {
    /// Closed-form internal nodes: each side's share of the tail from its log-odds.
    fn guess(&self, gate: f64, p: f64, n: f64) -> [f64; 2] {
        let tail = self.tail_current(gate).min(self.tail.spec * 100.0);
        let odds = (self.m1.kappa * p - self.m2.kappa * n) / self.m1.ut + (self.m1.i0() / self.m2.i0()).ln();
        let share = 1.0 / (1.0 + (-odds).exp());
        let i1 = (tail * share).max(tail * 1e-12);
        let source = if share > 0.5 { self.m1.source_for(i1, p) } else { self.m2.source_for(tail - i1, n) };
        [source.max(1e-3), self.m3.gate_for(i1, 0.0)]
    }

    /// Bound on `|solved - closed|/(It (1 + M)/2)` for transistors of equal gate coupling, inputs `p`, `n`, output at
    /// `out`. Infinite where a transistor leaves saturation.
    ///
    /// The tail moves everything by its departures; what tells the sides of the pair apart shifts the split by half
    /// its logarithm; what the mirror does wrong counts by the current through it.
    pub fn error(&self, gate: f64, p: f64, n: f64, out: f64) -> f64 {
        let [p, n, out] = [p, n, out].map(|v| self.inward(v));
        let [s, a] = self.guess(gate, p, n);
        let tail = self.tail_current(gate);
        let most = |fet: &Ekv| inversion_log((tail / fet.spec).sqrt().exp_m1());
        // Half the tail on each side moves the nodes by Ut ln 2 at most around the guess.
        let margin = self.m1.ut * (std::f64::consts::LN_2 + most(&self.m1) + 0.1);
        let (v1, v2) = (self.supply - a - s - margin, out - s - margin);
        let v4 = self.supply - out;
        if v1 <= 0.0 || v2 <= 0.0 || v4 <= 0.0 || s - margin <= 0.0 {
            return f64::INFINITY;
        }
        let tail_log = departures(&self.tail, tail, s - margin).max((self.tail.lambda * (s + margin)).ln_1p());
        let early = (self.m1.lambda * (v1 + 2.0 * margin)).ln_1p().max((self.m2.lambda * (v2 + 2.0 * margin)).ln_1p());
        let split = most(&self.m1).max(most(&self.m2))
            + saturation_log(v1, self.m1.ut).max(saturation_log(v2, self.m2.ut))
            + early;
        // A diode that carries no more than its own leakage sits below Ut, out of saturation; a smaller share of the
        // tail lowers it further.
        let lowest = a - self.m3.ut * split / self.m3.kappa;
        if lowest <= 0.0 {
            return f64::INFINITY;
        }
        let diode = saturation_log(lowest, self.m3.ut) + (self.m3.lambda * (a + margin)).ln_1p();
        let mirror = most(&self.m3) + diode + saturation_log(v4, self.m4.ut) + (self.m4.lambda * v4).ln_1p();
        let unequal = (self.mirror().ratio() - 1.0).abs() * 0.5;
        (tail_log.exp_m1() + (0.5 * split + mirror.exp_m1()) * tail_log.exp()) / (1.0 - unequal).max(0.1) + unequal
    }

    /// Input range (V, half width) within which the tanh is linear to `fraction`: `atanh`-free, `sqrt(3 fraction)/rho`.
    pub fn linear_range(&self, fraction: f64) -> f64 {
        (3.0 * fraction).sqrt() / self.rho()
    }

    /// Low-frequency voltage gain (1) at balance: `rho It/g_o`.
    pub fn gain(&self, tail: f64, input: f64, out: f64) -> f64 {
        self.rho() * tail / self.conductance(tail, input, out)
    }
}
