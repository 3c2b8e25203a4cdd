//! FHNRS (Ribar and Sepulchre 2019, doi 10.1109/TCSI.2019.2907113) from its OTAs (`netlists/fhnrs/*.cir`).
//!
//! ```text
//! closed form, deep subthreshold
//! v_unit   = 2 Ut/kappa_p              an OTA's tanh has argument 1 at one v_unit
//! i_unit   = Iref                      time unit = C v_unit/Iref, so that c = 1
//! a_fast   = -I_tail,f/Iref            a_slow = I_tail,s/Iref
//! v_off    = the OTAs' input offsets over v_unit
//! g_max    = v_unit (G + g_o)/Iref     G = 1/R, or rho I_tail,p of a passive OTA; g_o the fast and slow OTAs'
//!                                      output conductances, I_tail lambda
//! e_rev    = g_o (V_a - Vref)/((G + g_o) v_unit)       V_a: where a balanced OTA's output wants to be
//! tau_slow = Rslow Cslow/(time unit), or Cslow/(rho I_tail,w) of a follower
//! sat_slow = v_unit rho_w of a follower, 0 for a resistor; sat_passive the same of a passive OTA
//! ```
//!
//! The solved form takes amplitude (both saturations), slope, offset and output conductance from each OTA solved at
//! the reference node, and v_unit from the slopes: inversion makes it a little longer than 2 Ut/kappa. Where the
//! equations then run through a cycle, these are matched along it (module `cycle`).

use crate::DeviceError;
use crate::blocks::{Ota, diode_voltage};
use crate::card::Polarity;
use crate::circuits::cycle::{field, over_cycle};
use crate::circuits::transistors;
use crate::derive::{DerivedParameter, Operating, diode, early, parameter};
use crate::real::{Dual, Real};

transistors! {
    /// Bias, fast and slow OTA, by their names in the netlist.
    Fhnrs {
        bp "bp" P,
        tf "otaf.mt" P,
        f1 "otaf.m1" P,
        f2 "otaf.m2" P,
        f3 "otaf.m3" N,
        f4 "otaf.m4" N,
        ts "otas.mt" P,
        s1 "otas.m1" P,
        s2 "otas.m2" P,
        s3 "otas.m3" N,
        s4 "otas.m4" N,
    }
}

transistors! {
    /// A further OTA: `otaw` the slow element's follower, `otap` the passive element.
    Amplifier {
        t "mt" P,
        m1 "m1" P,
        m2 "m2" P,
        m3 "m3" N,
        m4 "m4" N,
    }
}

/// The circuit: its OTAs and what its passive and slow elements are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circuit<R = f64> {
    pub(crate) core: Fhnrs<R>,
    /// Follower of the slow element; `None` for a resistor.
    pub(crate) follower: Option<Amplifier<R>>,
    /// OTA of the passive element; `None` for a resistor.
    pub(crate) passive: Option<Amplifier<R>>,
}

/// Passive components and the reference node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elements {
    pub(crate) reference: f64,
    /// Conductance of the passive resistor (S); unused with a passive OTA.
    pub(crate) conductance: f64,
    pub(crate) r_slow: f64,
    pub(crate) c_slow: f64,
}

/// The model's parameters and scales.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters<R = f64> {
    pub(crate) g_max: R,
    pub(crate) e_rev: R,
    pub(crate) sat_passive: R,
    pub(crate) a_fast: R,
    pub(crate) v_off_fast: R,
    pub(crate) a_slow: R,
    pub(crate) v_off_slow: R,
    pub(crate) tau_slow: R,
    pub(crate) sat_slow: R,
    pub(crate) v_unit: R,
    pub(crate) time_unit: R,
    /// How far a follower's output rests above its input (V).
    pub(crate) lag: R,
}

/// What an OTA is about the reference node: saturation current (A), slope (1/V), input offset (V), output conductance
/// (S) and the output voltage at which it is balanced.
#[derive(Clone, Copy, Debug)]
struct Local<R> {
    amplitude: R,
    rho: R,
    offset: R,
    conductance: R,
    balance: R,
}

impl<R: Real> Circuit<R> {
    fn otas(&self, supply: f64) -> [Ota<R>; 2] {
        let (c, polarity) = (&self.core, Polarity::P);
        [
            Ota { tail: c.tf, m1: c.f1, m2: c.f2, m3: c.f3, m4: c.f4, polarity, supply },
            Ota { tail: c.ts, m1: c.s1, m2: c.s2, m3: c.s3, m4: c.s4, polarity, supply },
        ]
    }

    /// Every OTA by its name in the netlist.
    pub(crate) fn named_otas(&self, supply: f64) -> Vec<(&'static str, Ota<R>)> {
        let [fast, slow] = self.otas(supply);
        let further = [("otaw", self.follower), ("otap", self.passive)];
        let further = further.into_iter().filter_map(|(name, a)| Some((name, a?.ota(supply))));
        [("otaf", fast), ("otas", slow)].into_iter().chain(further).collect()
    }

    /// Closed form.
    pub(crate) fn closed(&self, op: &Operating, elements: &Elements) -> Parameters<R> {
        let iref = R::constant(op.ibias);
        let reference = R::constant(elements.reference);
        let vbp = diode(&self.core.bp, iref);
        let local = |ota: &Ota<R>| {
            let tail = iref * ota.tail.i0() / self.core.bp.i0();
            let tail = tail * early(&ota.tail, ota.source(tail, reference)) / early(&self.core.bp, vbp);
            Local {
                amplitude: tail * (ota.mirror().ratio() + 1.0) * 0.5,
                rho: ota.rho(),
                offset: ota.offset(),
                conductance: ota.conductance(tail, reference, reference),
                balance: diode(&ota.m3, tail * 0.5),
            }
        };
        let [fast, slow] = self.otas(op.supply).map(|o| local(&o));
        let v_unit = (self.core.f1.ut / self.core.f1.kappa) * 2.0;
        let others = [self.follower, self.passive].map(|a| a.map(|a| local(&a.ota(op.supply))));
        combine(op, elements, v_unit, [fast, slow], others)
    }
}

impl<R: Real> Amplifier<R> {
    fn ota(&self, supply: f64) -> Ota<R> {
        Ota { tail: self.t, m1: self.m1, m2: self.m2, m3: self.m3, m4: self.m4, polarity: Polarity::P, supply }
    }
}

impl Circuit {
    /// Every OTA solved at the reference node.
    ///
    /// # Errors
    /// [`DeviceError::NotConverged`].
    pub(crate) fn solved(&self, op: &Operating, elements: &Elements) -> Result<Parameters, DeviceError> {
        let gate = diode_voltage(&self.core.bp, op.ibias)?;
        let local = |ota: &Ota| solve_local(ota, gate, elements.reference);
        let [fast, slow] = self.otas(op.supply);
        let (fast, slow) = (local(&fast)?, local(&slow)?);
        let amplifier = |a: Option<Amplifier>| a.map(|a| local(&a.ota(op.supply))).transpose();
        let others = [amplifier(self.follower)?, amplifier(self.passive)?];
        let about = Matched { v_unit: 2.0 / (fast.rho + slow.rho), core: [fast, slow], others };
        let parameters = |by: &[f64]| about.moved(by).parameters(op, elements);
        let first = parameters(&[0.0; UNKNOWNS]);
        let nodes = |y| first.nodes(elements.reference, y);
        let wanted = |y| self.currents(op, elements, gate, nodes(y)).ok();
        let found = |p: &Parameters, y| p.currents(op, elements, nodes(y));
        Ok(over_cycle(UNKNOWNS, parameters, wanted, found).map_or(first, |by| parameters(&by)))
    }

    /// Currents (over Iref) into v and w at these node voltages; into w through a resistor as the equation has it.
    fn currents(&self, op: &Operating, e: &Elements, gate: f64, [v, w]: [f64; 2]) -> Result<[f64; 2], DeviceError> {
        let r = e.reference;
        let [fast, slow] = self.otas(op.supply);
        let passive = match self.passive {
            Some(p) => p.ota(op.supply).solved(gate, r, v, v)?.current,
            None => (r - v) * e.conductance,
        };
        let into_v = fast.solved(gate, v, r, v)?.current + slow.solved(gate, r, w, v)?.current + passive;
        let into_w = match self.follower {
            Some(a) => a.ota(op.supply).solved(gate, v, w, w)?.current,
            None => (v - w) / e.r_slow,
        };
        Ok([into_v / op.ibias, into_w / op.ibias])
    }
}

/// What OTAs are about the reference node, and what of it may move over the cycle.
struct Matched {
    v_unit: f64,
    core: [Local<f64>; 2],
    others: [Option<Local<f64>>; 2],
}

/// How far an unknown may move before it costs as much as a current that is a thousandth of Iref off at one point:
/// relative, of amplitudes and slopes; of conductances; of v_unit, of offsets.
const LEEWAY: f64 = 0.02;
const CONDUCTANCE: f64 = 0.2;
/// v_unit; amplitude and offset of the fast and the slow OTA; their conductances; amplitude and slope of the follower and
/// of the passive OTA. A follower's offset displaces the slow state, which the equations do not have: it stays.
const UNKNOWNS: usize = 10;

impl Matched {
    fn moved(&self, by: &[f64]) -> Self {
        let shift = LEEWAY * self.v_unit;
        let part = |o: &Local<f64>, amplitude: f64, rho: f64, offset: f64| Local {
            amplitude: o.amplitude * (1.0 + LEEWAY * amplitude),
            rho: o.rho * (1.0 + LEEWAY * rho),
            offset: o.offset + shift * offset,
            ..*o
        };
        let core = [0, 1].map(|i| {
            let moved = part(&self.core[i], by[1 + 2 * i], 0.0, by[2 + 2 * i]);
            Local { conductance: moved.conductance * (1.0 + CONDUCTANCE * by[5]), ..moved }
        });
        let others = [0, 1].map(|i| self.others[i].map(|o| part(&o, by[6 + 2 * i], by[7 + 2 * i], 0.0)));
        Matched { v_unit: self.v_unit * (1.0 + LEEWAY * by[0]), core, others }
    }

    fn parameters(&self, op: &Operating, elements: &Elements) -> Parameters {
        combine(op, elements, self.v_unit, self.core, self.others)
    }
}

impl Parameters {
    /// Voltages of v and w at a state.
    fn nodes(&self, reference: f64, [x, y]: [f64; 2]) -> [f64; 2] {
        [reference + x * self.v_unit, reference + y * self.v_unit + self.lag]
    }

    /// The equations' currents (over Iref) into v and w at these node voltages.
    fn currents(&self, op: &Operating, e: &Elements, [v, w]: [f64; 2]) -> [f64; 2] {
        let (x, y) = ((v - e.reference) / self.v_unit, (w - e.reference - self.lag) / self.v_unit);
        let [dx, dy] = field(self, x, y);
        [dx, dy * e.c_slow / op.c]
    }
}

/// Amplitude, slope, offset and output conductance of an OTA with one input and the output at the reference.
fn solve_local(ota: &Ota, gate: f64, reference: f64) -> Result<Local<f64>, DeviceError> {
    let at = |difference: f64| -> Result<f64, DeviceError> {
        Ok(ota.solved(gate, reference + difference, reference, reference)?.current)
    };
    // Saturated to 0.5 % at 3/rho; the tanh there is known.
    let reach = 3.0 / ota.rho();
    let amplitude = 0.5 * (at(reach)? - at(-reach)?) / 3.0_f64.tanh();
    let lifted: Ota<Dual<2>> = ota.map(Dual::constant);
    let r = Dual::constant(reference);
    let point = lifted.solved(Dual::constant(gate), Dual::variable(reference, 0), r, Dual::variable(reference, 1))?;
    let [slope, output] = point.current.slope;
    let conductance = -output;
    // What an even output imbalance would explain is balance; the closed offset is what mismatch leaves.
    let offset = ota.offset();
    let residue = point.current.value + slope * offset;
    Ok(Local { amplitude, rho: slope / amplitude, offset, conductance, balance: reference + residue / conductance })
}

/// Puts the elements together: the formulas at the top of this file.
fn combine<R: Real>(
    op: &Operating,
    elements: &Elements,
    v_unit: R,
    [fast, slow]: [Local<R>; 2],
    [follower, passive]: [Option<Local<R>>; 2],
) -> Parameters<R> {
    let time_unit = v_unit * (op.c / op.ibias);
    let zero = R::constant(0.0);
    let element = passive.map_or(R::constant(elements.conductance), |p| p.amplitude * p.rho);
    let own = passive.map_or(zero, |p| p.conductance);
    let leak = fast.conductance + slow.conductance + own;
    let g = element + leak;
    let pulled = |o: &Local<R>| o.conductance * (o.balance - elements.reference);
    let pull = pulled(&fast) + pulled(&slow) + passive.map_or(zero, |p| pulled(&p) - element * p.offset);
    // A follower's output rests off its input by its offset and by what its own output conductance pulls.
    let lag = follower.map_or(zero, |w| pulled(&w) / (w.amplitude * w.rho) - w.offset);
    Parameters {
        g_max: g * v_unit / op.ibias,
        e_rev: pull / g / v_unit,
        sat_passive: passive.map_or(zero, |p| p.rho * v_unit),
        a_fast: -fast.amplitude / op.ibias,
        v_off_fast: fast.offset / v_unit,
        a_slow: slow.amplitude / op.ibias,
        v_off_slow: (-slow.offset - lag) / v_unit,
        tau_slow: follower.map_or(R::constant(elements.r_slow * elements.c_slow), |w| {
            (w.amplitude * w.rho).recip() * elements.c_slow
        }) / time_unit,
        sat_slow: follower.map_or(zero, |w| w.rho * v_unit),
        v_unit,
        time_unit,
        lag,
    }
}

impl<R: Real> Parameters<R> {
    /// The parameters in the order of [`Parameters::describe`].
    pub(crate) fn array(&self) -> [R; 9] {
        [
            self.g_max,
            self.e_rev,
            self.sat_passive,
            self.a_fast,
            self.v_off_fast,
            self.a_slow,
            self.v_off_slow,
            self.tau_slow,
            self.sat_slow,
        ]
    }
}

/// Names and symbols in the order of [`Parameters::array`].
pub(crate) const NAMES: [(&str, &str); 9] = [
    ("g_max", "g_max"),
    ("e_rev", "E_rev"),
    ("sat_passive", "s_p"),
    ("a_fast", "a_fast"),
    ("v_off_fast", "v_off_fast"),
    ("a_slow", "a_slow"),
    ("v_off_slow", "v_off_slow"),
    ("tau_slow", "tau_slow"),
    ("sat_slow", "s_s"),
];

/// Formulas and transistors in the order of [`Parameters::array`].
const ORIGIN: [(&str, &[&str]); 9] = [
    ("v_unit (1/R + g_o)/Iref, g_o = sum of I_tail lambda", &["R", "otaf.m2", "otaf.m4", "otas.m2", "otas.m4"]),
    ("g_o (V_a - Vref)/((1/R + g_o) v_unit)", &["otaf.m3", "otas.m3"]),
    ("v_unit rho of the passive OTA; 0 for a resistor", &["otap.m1", "otap.m2"]),
    ("-I_tail,f/Iref", &["otaf.mt", "bp"]),
    ("offset of the fast pair and mirror over v_unit", &["otaf.m1", "otaf.m2", "otaf.m3", "otaf.m4"]),
    ("I_tail,s/Iref", &["otas.mt", "bp"]),
    ("offset of the slow pair and mirror over v_unit", &["otas.m1", "otas.m2", "otas.m3", "otas.m4"]),
    ("Rslow Cslow Iref/(C v_unit), or Cslow/(rho I_tail,w)", &["Rslow", "Cslow", "otaw.mt"]),
    ("v_unit rho of the follower; 0 for a resistor", &["otaw.m1", "otaw.m2"]),
];

impl Parameters {
    /// Parameters with names, formulas and transistors; those of saturation only where `saturating`.
    pub(crate) fn describe(&self, saturating: bool) -> Vec<DerivedParameter> {
        let mut all = vec![parameter(("c", "C", "1"), 1.0, "time is counted in C v_unit/Iref", &["C"])];
        for (((name, symbol), value), (formula, devices)) in NAMES.into_iter().zip(self.array()).zip(ORIGIN) {
            if saturating || !name.starts_with("sat_") {
                all.push(parameter((name, symbol, "1"), value, formula, devices));
            }
        }
        if !saturating {
            all.push(parameter(("tau_fast", "tau_fast", "1"), 0.0, "the fast element has no capacitor", &[]));
        }
        all
    }

    /// Warnings: saturation that the plain model leaves out, and a circuit that rests.
    pub(crate) fn warnings(&self, saturating: bool) -> Vec<String> {
        let mut warnings = Vec::new();
        if !saturating && self.sat_slow > 0.0 {
            warnings.push(
                "the slow element is a follower: it slews, and the period comes out tens of percent longer than this \
                 model's; take model fhnrs-saturating"
                    .to_owned(),
            );
        }
        if !saturating && self.sat_passive > 0.0 {
            warnings.push("the passive element is an OTA and saturates; take model fhnrs-saturating".to_owned());
        }
        let p = -self.g_max - self.a_fast;
        if p <= 1.0 / self.tau_slow || self.a_slow <= p {
            warnings.push(format!(
                "rests instead of oscillating: needs 1/tau_slow < -g_max - a_fast = {p:.4} < a_slow = {:.4}",
                self.a_slow
            ));
        }
        warnings
    }
}
