//! Differential pair with an ideal tail, and the ways to change its slope.

use super::{diode_voltage, inversion_log, saturation_log};
use crate::DeviceError;
use crate::ekv::Ekv;
use crate::real::{Dual, Real};
use crate::solve::implicit;

/// Two transistors that share a tail current. Voltages count from the pair's bulk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair<R = f64> {
    /// Gate at `p`.
    pub m1: Ekv<R>,
    /// Gate at `n`.
    pub m2: Ekv<R>,
}

impl<R: Real> Pair<R> {
    /// Slope (1/V) of the tanh: `kappa/(2 Ut)`.
    pub fn rho(&self) -> R {
        (self.m1.kappa + self.m2.kappa) / (self.m1.ut * 4.0)
    }

    /// Input offset (V): the `p - n` at which both carry the same, `(Ut/kappa) ln(I0_2/I0_1)`.
    pub fn offset(&self) -> R {
        self.m1.ut / self.m1.kappa * (self.m2.i0() / self.m1.i0()).ln()
    }

    /// Difference `I1 - I2` (A), closed form: `It tanh(rho (p - n - offset))`.
    pub fn closed(&self, tail: R, p: R, n: R) -> R {
        tail * (self.rho() * (p - n - self.offset())).tanh()
    }

    /// Difference `I1 - I2` (A), solved: both saturated, the common source found from `I1 + I2 = tail`.
    ///
    /// # Errors
    /// [`DeviceError::NotConverged`].
    pub fn solved(&self, tail: R, p: R, n: R) -> Result<R, DeviceError> {
        let [i1, i2] = self.sides(tail, p, n)?;
        Ok(i1 - i2)
    }

    /// Both currents (A), each to its own digits.
    fn sides(&self, tail: R, p: R, n: R) -> Result<[R; 2], DeviceError> {
        let (m1, m2) = (self.m1.values(), self.m2.values());
        let (l1, l2) = (m1.lift(), m2.lift());
        let (pv, nv, it) = (p.value(), n.value(), tail.value());
        let guess = m1.source_for(it, pv).max(m2.source_for(it, nv));
        let lift = |x: f64| Dual::<1>::constant(x);
        let [s] = implicit(
            "differential pair",
            [guess],
            |[s]| [(l1.half(lift(pv), s) + l2.half(lift(nv), s) - it) / it],
            |[s]: [R; 1]| [(self.m1.half(p, s) + self.m2.half(n, s) - tail) / it],
        )?;
        Ok([self.m1.half(p, s), self.m2.half(n, s)])
    }
}

impl Pair<f64> {
    /// Bound on `|solved - closed|/It` for equal gate couplings, rigorous: inversion shifts the split of the tail,
    /// and a tanh moves by half of its argument's logarithm.
    pub fn error(&self, tail: f64) -> f64 {
        let worst = |f: &Ekv| inversion_log(closed_inversion(tail / f.spec));
        0.5 * worst(&self.m1).max(worst(&self.m2)).max(0.0)
    }
}

/// `y` of the closed form whose exact current has inversion coefficient `ic`: `ln(1 + y) = sqrt(ic)`.
fn closed_inversion(ic: f64) -> f64 {
    ic.sqrt().exp_m1()
}

/// Ways to set the slope of a differential pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dial<R = f64> {
    /// The pair alone: `kappa/(2 Ut)`.
    Plain,
    /// A diode-connected transistor under each source: `kappa/(2 Ut) * kappa/(1 + kappa)`, bulk-referenced.
    Degenerated(Ekv<R>),
    /// A pair before the pair, each side loaded with two stacked diodes: `kappa/(2 Ut) * (1 + 1/kappa)`.
    PreAmplified(Ekv<R>),
}

impl<R: Real> Dial<R> {
    /// Slope (1/V) of the dialled pair.
    pub fn rho(&self, pair: &Pair<R>) -> R {
        match self {
            Dial::Plain => pair.rho(),
            Dial::Degenerated(diode) => pair.rho() * diode.kappa / (diode.kappa + 1.0),
            Dial::PreAmplified(diode) => pair.rho() * (diode.kappa.recip() + 1.0) * pair.m1.kappa / diode.kappa,
        }
    }

    /// Difference `I1 - I2` (A) of the dialled pair, closed form.
    pub fn closed(&self, pair: &Pair<R>, tail: R, p: R, n: R) -> R {
        tail * (self.rho(pair) * (p - n)).tanh()
    }

    /// Difference `I1 - I2` (A), solved, for a pair without offset. The pre-amplifier's tail is `tail` too, and its
    /// second pair's common mode is wherever the diodes put it. Pairs are taken as saturated; the pre-amplifier's diodes
    /// are solved with their reverse currents and Early effect: a side that carries little more than its leakage leaves
    /// saturation.
    ///
    /// # Errors
    /// [`DeviceError::NotConverged`].
    pub fn solved(&self, pair: &Pair<R>, tail: R, p: R, n: R) -> Result<R, DeviceError> {
        match self {
            Dial::Plain => pair.solved(tail, p, n),
            Dial::Degenerated(diode) => degenerated(pair, diode, tail, p, n),
            Dial::PreAmplified(diode) => {
                let [plus, minus] = pair.sides(tail, p, n)?;
                pair.solved(tail, stacked(diode, plus)?, stacked(diode, minus)?)
            }
        }
    }
}

impl Dial<f64> {
    /// Bound on `|solved - closed|/It` for transistors of equal gate coupling, rigorous: each transistor in the chain
    /// shifts the logarithm of the split by its inversion, multiplied by what follows it.
    pub fn error(&self, pair: &Pair, tail: f64) -> f64 {
        let y = |f: &Ekv| inversion_log(closed_inversion(tail / f.spec));
        match self {
            Dial::Plain => pair.error(tail),
            Dial::Degenerated(d) => 0.5 * (d.kappa * y(&pair.m1) + y(d)) / (1.0 + d.kappa),
            Dial::PreAmplified(d) => {
                let first = y(&pair.m1) * (1.0 + 1.0 / d.kappa) * pair.m1.kappa / d.kappa;
                let gain = (1.0 + 1.0 / d.kappa) * pair.m1.kappa / d.kappa;
                let early = (d.lambda * stack_at_most(d, tail)).ln_1p();
                0.5 * (first + (y(d) + early) * gain + y(&pair.m1)) + starved_diodes(pair, d, tail)
            }
        }
    }
}

/// Voltage (V) that two stacked diodes do not exceed at `current`: where one has more than Ut across it, its reverse
/// current takes e^-1 of the forward one at most.
fn stack_at_most(d: &Ekv, current: f64) -> f64 {
    let x = (current / d.i0()).ln() + inversion_log(closed_inversion(current / d.spec)) - (-(-1.0_f64).exp()).ln_1p();
    let lower = d.ut.max(d.ut / d.kappa * x);
    lower + d.ut.max((d.ut * x + (1.0 - d.kappa) * lower) / d.kappa)
}

/// Bound on what the loss of saturation of the pre-amplifier's weaker side takes from `tanh`, at any input: its diodes
/// stand higher than the closed form has them, so that the second pair's argument `a` is smaller by `loss`.
fn starved_diodes(pair: &Pair, d: &Ekv, tail: f64) -> f64 {
    const CELLS: usize = 400;
    let gain = (1.0 + 1.0 / d.kappa) * pair.m1.kappa / d.kappa;
    let loss = |a: f64| {
        let weaker = tail / (1.0 + (2.0 * a / gain).exp());
        let closed = d.ut / d.kappa * (weaker / d.i0()).ln() * (1.0 + 1.0 / d.kappa);
        // Above some Ut the bound on each diode gives way to the exact loss of saturation.
        let lower = d.ut / d.kappa * (weaker / d.i0()).ln();
        let gentle = |v: f64| if v > d.ut { saturation_log(v, d.ut) } else { f64::INFINITY };
        let raised = d.ut / d.kappa * (gentle(lower) * (1.0 + 1.0 / d.kappa) + gentle(closed - lower));
        0.5 * pair.m1.kappa / pair.m1.ut * raised.min(stack_at_most(d, weaker) - closed).max(0.0)
    };
    let cell = |k: usize| {
        let (from, to) = (k as f64 / 20.0, (k + 1) as f64 / 20.0);
        let loss = loss(to);
        if from > 0.5 * loss { from.tanh() - (from - loss).tanh() } else { 2.0 * (0.5 * loss).tanh() }
    };
    (0..CELLS).map(cell).fold(0.0, f64::max).min(1.0)
}

/// Voltage (V) of two stacked diodes carrying `current`, solved.
fn stacked<R: Real>(diode: &Ekv<R>, current: R) -> Result<R, DeviceError> {
    let lower = diode_voltage(diode, current)?;
    let values = diode.values();
    let (lifted, scale) = (values.lift::<Dual<1>>(), current.value());
    let guess = values.gate_for(scale, lower.value()).max(lower.value());
    let at = Dual::constant(lower.value());
    let [upper] = implicit(
        "stacked diodes",
        [guess],
        |[x]| [(lifted.current(x, at, x) - scale) / scale],
        |[x]: [R; 1]| [(diode.current(x, lower, x) - current) / scale],
    )?;
    Ok(upper)
}

/// What stands around a pair to set its slope: diodes under its sources, a pre-amplifier's stacked diodes before it.
///
/// A diode under a source passes `ln I` on with 1/kappa; a stack of n has `1 + 1/kappa + .. + 1/kappa^(n-1)` of one:
/// `rho = kappa/(2 Ut) * (1 + .. + kappa^-(Npre-1))/(1 + .. + kappa^-Ndeg)`. One and two of them are [`Dial`]'s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stack {
    /// Diodes under each source.
    pub degeneration: u32,
    /// Diodes stacked on each side of the pre-amplifier; 0 and 1 change nothing.
    pub preamplifier: u32,
}

impl Stack {
    /// As a card says.
    pub(crate) fn of(card: &crate::Card) -> Self {
        // Counts from 0 to 8: the card's reader has seen to it.
        let count = |key: &str| card.circuit_value(key).unwrap_or(0.0) as u32;
        Stack { degeneration: count("Ndeg"), preamplifier: count("Npre") }
    }

    /// What it multiplies a plain pair's slope by.
    pub fn factor(self, kappa: f64) -> f64 {
        let stacked = |n: u32| (0..n).map(|k| kappa.powi(-(k as i32))).sum::<f64>();
        stacked(self.preamplifier.max(1)) / stacked(self.degeneration + 1)
    }

    /// In words.
    pub fn words(self) -> String {
        let diodes = |n: u32| if n == 1 { "1 diode".to_owned() } else { format!("{n} diodes") };
        match (self.degeneration, self.preamplifier) {
            (0, 0 | 1) => "a plain pair".into(),
            (d, 0 | 1) => format!("{} under each source", diodes(d)),
            (0, p) => format!("a pre-amplifier with {} stacked a side", diodes(p)),
            (d, p) => format!("a pre-amplifier with {} stacked a side and {} under each source", diodes(p), diodes(d)),
        }
    }
}

/// Pair with a diode under each source: unknowns are the common node and the two sources.
fn degenerated<R: Real>(pair: &Pair<R>, diode: &Ekv<R>, tail: R, p: R, n: R) -> Result<R, DeviceError> {
    let (m1, m2, d) = (pair.m1.values().lift(), pair.m2.values().lift(), diode.values().lift());
    let (pv, nv, it) = (p.value(), n.value(), tail.value());
    let lift = |x: f64| Dual::<3>::constant(x);
    // One side alone carrying half the tail: its source from the pair, the common node from the diode below it.
    // Residuals are logarithms: nearly linear in the voltages.
    let side = |v: f64, m: &Ekv| {
        let s = m.source_for(0.5 * it, v);
        (s, diode.values().source_for(0.5 * it, s))
    };
    let ((s1, c1), (s2, c2)) = (side(pv, &pair.m1.values()), side(nv, &pair.m2.values()));
    let [_, s1, s2] = implicit(
        "degenerated pair",
        [c1.max(c2), s1, s2],
        |[c, s1, s2]| {
            let (i1, i2) = (m1.half(lift(pv), s1), m2.half(lift(nv), s2));
            let (d1, d2) = (d.half(s1, c), d.half(s2, c));
            [(i1 / d1).ln(), (i2 / d2).ln(), ((d1 + d2) / it).ln()]
        },
        |[c, s1, s2]: [R; 3]| {
            let (i1, i2) = (pair.m1.half(p, s1), pair.m2.half(n, s2));
            let (d1, d2) = (diode.half(s1, c), diode.half(s2, c));
            [(i1 / d1).ln(), (i2 / d2).ln(), ((d1 + d2) / tail).ln()]
        },
    )?;
    Ok(pair.m1.half(p, s1) - pair.m2.half(n, s2))
}
