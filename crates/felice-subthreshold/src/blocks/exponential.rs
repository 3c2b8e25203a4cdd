//! An exponential current: a transistor with its gate at the state's node, perhaps turned round by a mirror.

use super::{Mirror, departures, inversion_log, saturation_log};
use crate::DeviceError;
use crate::ekv::Ekv;
use crate::real::{Dual, Real};
use crate::solve::implicit;

/// `I0 (W/L) M exp(kappa v/Ut)`: the term `alpha e^(beta v)` of WereRabbit and Boomerang.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exponential<R = f64> {
    /// Gate at `v`, source at its rail.
    pub input: Ekv<R>,
    /// Mirror on the other rail; `None` where the transistor draws from the state's node itself.
    pub mirror: Option<Mirror<R>>,
    /// Supply (V).
    pub supply: f64,
}

impl<R: Real> Exponential<R> {
    /// The same exponential in other numbers.
    pub fn map<T>(&self, f: impl Fn(R) -> T + Copy) -> Exponential<T> {
        Exponential { input: self.input.map(f), mirror: self.mirror.map(|m| m.map(f)), supply: self.supply }
    }

    /// Leakage current (A) of the whole: `alpha` times the unit of current.
    pub fn i0(&self) -> R {
        match &self.mirror {
            None => self.input.i0(),
            Some(m) => self.input.i0() * m.ratio(),
        }
    }

    /// Slope (1/V): `beta = kappa/Ut`.
    pub fn beta(&self) -> R {
        self.input.kappa / self.input.ut
    }

    /// Current (A), closed form, without Early effect.
    pub fn closed(&self, v: R) -> R {
        self.i0() * (self.beta() * v).exp()
    }

    /// Gate voltage (V from its rail) of a diode that the input drives, solved: what a tail's gate sees.
    ///
    /// # Errors
    /// [`DeviceError::NotConverged`].
    pub fn diode_gate(&self, diode: &Ekv<R>, v: R) -> Result<R, DeviceError> {
        let (n, p) = (self.input.values(), diode.values());
        let current = n.half(v.value(), 0.0);
        let (guess, scale) = self.near_gate(&n, &p, v.value(), p.gate_for(current, 0.0));
        let (nl, pl) = (n.lift::<Dual<1>>(), p.lift::<Dual<1>>());
        let vl = Dual::constant(v.value());
        let zero = R::constant(0.0);
        let [x] = implicit(
            "exponential's mirror",
            [guess],
            |[x]| {
                let (a, b) = (nl.current(vl, vl * 0.0, -x + self.supply), pl.current(x, vl * 0.0, x));
                [(a - b) / scale]
            },
            |[x]: [R; 1]| {
                let (a, b) = (self.input.current(v, zero, -x + self.supply), diode.current(x, zero, x));
                [(a - b) / scale]
            },
        )?;
        Ok(x)
    }

    /// The guess, or where it is far off (a hot, leaking input) the gate by bisection: what the input gives falls with it,
    /// what the diode takes rises, and they cross between the rails. With it the sum of both currents there.
    fn near_gate(&self, n: &Ekv, p: &Ekv, v: f64, guess: f64) -> (f64, f64) {
        let currents = |x: f64| (n.current(v, 0.0, self.supply - x), p.current(x, 0.0, x));
        let (a, b) = currents(guess);
        if guess > 0.0 && guess < self.supply && (a - b).abs() < 0.5 * (a + b) {
            return (guess, a + b);
        }
        let (mut low, mut high) = (0.0, self.supply);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            let (a, b) = currents(middle);
            if a > b { low = middle } else { high = middle }
        }
        (low, currents(low).1 + n.half(v, 0.0) * f64::EPSILON)
    }

    /// Current (A) with the output `vds` from its own rail (the input's without a mirror), solved.
    ///
    /// # Errors
    /// [`DeviceError::NotConverged`].
    pub fn solved(&self, v: R, vds: R) -> Result<R, DeviceError> {
        let zero = R::constant(0.0);
        match &self.mirror {
            None => Ok(self.input.current(v, zero, vds)),
            Some(m) => Ok(m.output.current(self.diode_gate(&m.input, v)?, zero, vds)),
        }
    }
}

impl Exponential<f64> {
    /// Bound on `|solved/closed - 1|`, rigorous for equal gate couplings in the mirror. Infinite where the mirror's diode
    /// sits below 4 Ut, out of saturation.
    pub fn error(&self, v: f64, vds: f64) -> f64 {
        let current = self.input.i0() * (self.beta() * v).exp();
        let Some(m) = &self.mirror else { return departures(&self.input, current, vds).exp_m1() };
        let gate = m.input.ut / m.input.kappa * (current / m.input.i0()).ln();
        if gate < 4.0 * m.input.ut {
            return f64::INFINITY;
        }
        let inversion = inversion_log((current / self.input.spec).sqrt());
        let own = inversion
            + saturation_log((self.supply - gate - m.input.ut).max(0.0), self.input.ut)
            + (self.input.lambda * self.supply).ln_1p();
        let diode = departures(&m.input, current * own.exp(), (gate - m.input.ut).max(m.input.ut));
        let carried = m.closed(current) * (own + diode).exp();
        (own + diode + departures(&m.output, carried, vds)).exp_m1()
    }
}
