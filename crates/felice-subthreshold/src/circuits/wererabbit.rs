//! WereRabbit from its twenty-six transistors (`netlists/wererabbit/ekv.cir`).
//!
//! ```text
//! closed form, deep subthreshold, VA = VE L
//! tau   = t Ib/C                           Ib the mean tail current of OTA 1 and 3
//! alpha = I0 (W/L)_n2 M (1 + V_t/VA_t)/Ib  M the mirror p2:tail 2, V_t the tail's drain below VDD at u = v = 0.5 V
//! beta  = kappa_n/Ut
//! gamma = kappa_p/(VA_t + V_t)             the tail's drain follows the lower input by kappa_p
//! rho   = kappa_p/(2 Ut)                   sigma = I_nu/Ib           delta = the OTAs' offsets, by their currents
//! ```
//!
//! 0.5 V is the reference voltage of the model's gamma terms. The pair's common source follows min(u, v), so that
//! the silicon has gamma (0.5 - min(u, v)) in both branches where the equation has u in one and v in the other: the
//! closed symmetric equation rests a few millivolts from the circuit. Matched about the focus with u > v, branch u
//! has this slope in beta, branch v in gamma (module `potentials`); about the mirror focus they change places.

use crate::DeviceError;
use crate::blocks::{Exponential, Ota, diode_voltage};
use crate::card::Polarity;
use crate::circuits::network::{Network, Place, ota};
use crate::circuits::potentials::{
    Branch, Branches, Currents, Lag, Origin, Parts, Slope, Symmetric, focus, linear, with_determinant,
};
use crate::circuits::swing::{Frame, refine};
use crate::circuits::{Transistor, transistors};
use crate::derive::{Operating, diode, early};
use crate::real::{Dual, Real};

/// Reference voltage (V) of the model's gamma terms.
pub(crate) const REFERENCE: f64 = 0.5;

transistors! {
    /// The circuit's transistors by their names in the netlist.
    WereRabbit {
        bn "bn" N,
        bp "bp" P,
        nu "nu" N,
        nv "nv" N,
        n2 "n2" N,
        p2 "p2" P,
        n4 "n4" N,
        p4 "p4" P,
        t1 "ota1.mt" P,
        a1 "ota1.m1" P,
        a2 "ota1.m2" P,
        a3 "ota1.m3" N,
        a4 "ota1.m4" N,
        t2 "ota2.mt" P,
        b1 "ota2.m1" P,
        b2 "ota2.m2" P,
        b3 "ota2.m3" N,
        b4 "ota2.m4" N,
        t3 "ota3.mt" P,
        c1 "ota3.m1" P,
        c2 "ota3.m2" P,
        c3 "ota3.m3" N,
        c4 "ota3.m4" N,
        t4 "ota4.mt" P,
        d1 "ota4.m1" P,
        d2 "ota4.m2" P,
        d3 "ota4.m3" N,
        d4 "ota4.m4" N,
    }
}

/// Where each of a branch's seven parameters comes from.
pub(crate) const ORIGIN: Origin = [
    ("mirror of Ibias into the constant comparator's tail, over Ib", [&["ota1.mt", "bp"], &["ota3.mt", "bp"]]),
    (
        "I0 (W/L) M (1 + V_t/VA_t) at the reference voltage, over Ib",
        [&["n2", "p2", "ota2.mt"], &["n4", "p4", "ota4.mt"]],
    ),
    ("kappa_n/Ut, less what inversion and the tail's drain take", [&["n2"], &["n4"]]),
    ("kappa_p/(VE L + V_t) of the tail", [&["ota2.mt"], &["ota4.mt"]]),
    ("kappa_p/(2 Ut)", [&["ota1.m1", "ota1.m2", "ota2.m1", "ota2.m2"], &["ota3.m1", "ota3.m2", "ota4.m1", "ota4.m2"]]),
    ("mirror of Ibias out of the node, over Ib", [&["nu", "bn"], &["nv", "bn"]]),
    (
        "(Ut/kappa_p) ln of the pairs' and the mirrors' mismatch, by the OTAs' currents",
        [
            &["ota1.m1", "ota1.m2", "ota1.m3", "ota1.m4", "ota2.m1", "ota2.m2", "ota2.m3", "ota2.m4"],
            &["ota3.m1", "ota3.m2", "ota3.m3", "ota3.m4", "ota4.m1", "ota4.m2", "ota4.m3", "ota4.m4"],
        ],
    ),
];

/// Where each transistor sits.
const OTAS: [[Place; 5]; 4] = [
    ota(["ota1.mt", "ota1.m1", "ota1.m2", "ota1.m3", "ota1.m4"], ["ota1.t", "ota1.a"], ["u", "v", "u", "vbp"]),
    ota(["ota2.mt", "ota2.m1", "ota2.m2", "ota2.m3", "ota2.m4"], ["ota2.t", "ota2.a"], ["v", "u", "u", "x2"]),
    ota(["ota3.mt", "ota3.m1", "ota3.m2", "ota3.m3", "ota3.m4"], ["ota3.t", "ota3.a"], ["v", "u", "v", "vbp"]),
    ota(["ota4.mt", "ota4.m1", "ota4.m2", "ota4.m3", "ota4.m4"], ["ota4.t", "ota4.a"], ["u", "v", "v", "x4"]),
];
const OTHERS: [Place; 6] = [
    ("n2", ["x2", "v", "gnd"]),
    ("p2", ["x2", "x2", "vdd"]),
    ("n4", ["x4", "u", "gnd"]),
    ("p4", ["x4", "x4", "vdd"]),
    ("nu", ["u", "vbn", "gnd"]),
    ("nv", ["v", "vbn", "gnd"]),
];

impl<R: Real> WereRabbit<R> {
    pub(crate) fn otas(&self, supply: f64) -> [Ota<R>; 4] {
        let polarity = Polarity::P;
        [
            Ota { tail: self.t1, m1: self.a1, m2: self.a2, m3: self.a3, m4: self.a4, polarity, supply },
            Ota { tail: self.t2, m1: self.b1, m2: self.b2, m3: self.b3, m4: self.b4, polarity, supply },
            Ota { tail: self.t3, m1: self.c1, m2: self.c2, m3: self.c3, m4: self.c4, polarity, supply },
            Ota { tail: self.t4, m1: self.d1, m2: self.d2, m3: self.d3, m4: self.d4, polarity, supply },
        ]
    }

    /// What a matched circuit has at its focus: z(1 - E) = sigma in branch u, z(E - 1) = sigma in branch v.
    fn exponentials_at_rest(op: &Operating) -> [f64; 2] {
        let tilt = (op.sigma / 0.78).min(0.95);
        [1.0 - tilt, 1.0 + tilt]
    }

    /// Closed form of both branches.
    pub(crate) fn closed(&self, op: &Operating) -> Branches<R> {
        let (vdd, ibias, near) = (op.supply, R::constant(op.ibias), R::constant(REFERENCE));
        let (vbn, vbp) = (diode(&self.bn, ibias), diode(&self.bp, ibias));
        let otas = self.otas(vdd);
        let mirrored = |ota: &Ota<R>| (ota.mirror().ratio() + 1.0) * 0.5;
        let constant = |ota: &Ota<R>| {
            let drain = ota.source(ibias * ota.tail.i0() / self.bp.i0(), near);
            ibias * ota.tail.i0() / self.bp.i0() * early(&ota.tail, drain) / early(&self.bp, vbp) * mirrored(ota)
        };
        let sunk = |sink: &crate::Ekv<R>| ibias * sink.i0() / self.bn.i0() * early(sink, near) / early(&self.bn, vbn);
        let branch = |i: usize, n: &crate::Ekv<R>, p: &crate::Ekv<R>, sink: &crate::Ekv<R>| {
            let (first, second) = (&otas[2 * i], &otas[2 * i + 1]);
            let current = n.i0() * (n.kappa * REFERENCE / n.ut).exp();
            let (vx, ratio) = (diode(p, current), second.tail.i0() / p.i0());
            let drain = second.source(current * ratio, near);
            let gain = ratio * early(&second.tail, drain) / early(p, vx) * mirrored(second);
            // d(z b - z E) = 0 by both offsets, the second OTA's inputs being the first one's crossed.
            let e = Self::exponentials_at_rest(op)[i];
            let delta = (first.offset() + second.offset() * e) / (1.0 - e);
            Branch {
                gain: constant(first),
                alpha: n.i0() * early(n, -vx + vdd) * gain,
                beta: n.kappa / n.ut,
                gamma: second.m1.kappa * second.tail.lambda / early(&second.tail, drain),
                rho: (first.rho() + second.rho()) * 0.5,
                sigma: sunk(sink),
                delta: if i == 0 { delta } else { -delta },
            }
        };
        Branches::normalised(branch(0, &self.n2, &self.p2, &self.nu), branch(1, &self.n4, &self.p4, &self.nv))
    }
}

/// The circuit with its bias nodes solved.
pub(crate) struct Solved<'d> {
    devices: &'d WereRabbit,
    supply: f64,
    /// Bias gates from their rails (V).
    vbn: f64,
    vbp: f64,
    closed: Branches,
    /// What the lag of inner nodes makes of both node currents.
    lag: Lag,
}

impl<'d> Solved<'d> {
    pub(crate) fn new(devices: &'d WereRabbit, op: &Operating) -> Result<Self, DeviceError> {
        let (vbn, vbp) = (diode_voltage(&devices.bn, op.ibias)?, diode_voltage(&devices.bp, op.ibias)?);
        Ok(Solved { devices, supply: op.supply, vbn, vbp, closed: devices.closed(op), lag: Lag::NONE })
    }

    /// OTA 1 or 3: constant tail, into node `out` of branch `i`. Positive towards a larger own voltage in u.
    fn constant(&self, i: usize, u: Slope, v: Slope) -> Result<Slope, DeviceError> {
        let (p, n) = if i == 0 { (u, v) } else { (v, u) };
        self.comparator(i, p, n, p)
    }

    /// The same with its output held at `out`.
    fn comparator(&self, i: usize, p: Slope, n: Slope, out: Slope) -> Result<Slope, DeviceError> {
        let ota = self.devices.otas(self.supply)[2 * i].map(Slope::constant);
        Ok(ota.solved(Slope::constant(self.vbp), p, n, out)?.current)
    }

    /// OTA 2 or 4: tail current alpha e^(beta other), inputs crossed.
    fn exponential(&self, i: usize, u: Slope, v: Slope) -> Result<Slope, DeviceError> {
        let d = self.devices;
        let ota = d.otas(self.supply)[2 * i + 1].map(Slope::constant);
        let (p, n, own, other) = if i == 0 { (v, u, u, v) } else { (u, v, v, u) };
        let (input, diode) = if i == 0 { (d.n2, d.p2) } else { (d.n4, d.p4) };
        let source = Exponential { input, mirror: None, supply: self.supply }.map(Slope::constant);
        let gate = source.diode_gate(&diode.lift(), other)?;
        Ok(ota.solved(gate, p, n, own)?.current)
    }

    /// The focus where the circuit rests (V).
    pub(crate) fn rest(&self) -> Result<[f64; 2], DeviceError> {
        focus(self, "wererabbit")
    }

    /// The same with the lag of its inner nodes to first order, at a state capacitance `c` (F).
    pub(crate) fn lagging(self, transistors: &[Transistor], at_inner: f64, c: f64) -> Result<Self, DeviceError> {
        let lag = self.network(self.rest()?, transistors, at_inner)?.lagged(c).map_or(Lag::NONE, Lag);
        Ok(Solved { lag, ..self })
    }

    /// The circuit linearised at (u, v), inner nodes included.
    pub(crate) fn network(
        &self,
        [u, v]: [f64; 2],
        transistors: &[Transistor],
        at_inner: f64,
    ) -> Result<Network, DeviceError> {
        let (d, vdd) = (self.devices, self.supply);
        let exponential = |input, gate: f64, diode: &crate::Ekv| {
            Exponential { input, mirror: None, supply: vdd }.diode_gate(diode, gate)
        };
        let (x2, x4) = (exponential(d.n2, v, &d.p2)?, exponential(d.n4, u, &d.p4)?);
        let mut nodes = vec![("u", u), ("v", v), ("x2", vdd - x2), ("x4", vdd - x4)];
        let inputs = [(self.vbp, u, v, u), (x2, v, u, u), (self.vbp, v, u, v), (x4, u, v, v)];
        for ((ota, places), (gate, p, n, out)) in d.otas(vdd).iter().zip(&OTAS).zip(inputs) {
            let point = ota.solved(gate, p, n, out)?;
            nodes.extend([(places[1].1[2], vdd - point.source), (places[1].1[0], point.diode)]);
        }
        let moving = nodes.len();
        nodes.extend([("gnd", 0.0), ("vdd", vdd), ("vbn", self.vbn), ("vbp", vdd - self.vbp)]);
        let places = [&OTHERS[..], OTAS.as_flattened()].concat();
        Ok(Network::new(&nodes, moving, transistors, &places, at_inner, vdd))
    }

    /// Branches (A) matched to the solved currents and slopes at the focus with u > v, and the focus (V).
    fn at_focus(&self) -> Result<([Branch; 2], [f64; 2]), DeviceError> {
        let [u, v] = self.rest()?;
        let parts = self.at(Dual::variable(u, 0), Dual::variable(v, 1))?;
        let field = self.field(&parts);
        let amplitudes = self.amplitudes(u, v)?;
        Ok(([0, 1].map(|i| match_branch(&parts[i], field[i], amplitudes[i], [u, v], i)), [u, v]))
    }

    /// Branches matched at the focus and refined over a swing about it, and the focus (V).
    pub(crate) fn matched(&self) -> Result<(Branches, [f64; 2]), DeviceError> {
        let (branches, focus) = self.at_focus()?;
        let [u, v] = refine(self, REFERENCE, focus, self.devices.bn.ut, branches)?;
        Ok((Branches::normalised(u, v), focus))
    }

    /// One set of parameters for both branches about the circuit's focus: rho and the unit of current are the branches'
    /// means; gamma, beta, alpha and sigma put the focus, the decay (trace) and the period (determinant) of the linearised
    /// equations where the circuit has them.
    pub(crate) fn symmetric(&self) -> Result<(Symmetric, [f64; 2]), DeviceError> {
        let ([bu, bv], [u, v]) = self.at_focus()?;
        let branches = Branches::normalised(bu, bv);
        let mean = branches.mean();
        let (trace, determinant) = linear(self, [u, v], branches.ib)?;
        Ok((about_focus(mean, [u, v], REFERENCE, trace, determinant), [u, v]))
    }
}

/// The symmetric equations with this rho whose focus, trace and determinant (currents over the unit) are these; beta is
/// sought near the one given.
pub(crate) fn about_focus(
    near: Symmetric,
    [u, v]: [f64; 2],
    reference: f64,
    trace: f64,
    determinant: f64,
) -> Symmetric {
    let z = (near.rho * (u - v)).tanh();
    let at = |beta: f64| {
        let (eu, ev) = ((beta * u).exp(), (beta * v).exp());
        // Trace: -z alpha gamma (eu - ev), with alpha = 2/(e1 + e2).
        let lever = ev * (reference - u) + eu * (reference - v);
        let gamma = -trace * (eu + ev) / (2.0 * z * (eu - ev) + trace * lever);
        let (e1, e2) = (ev * (1.0 + gamma * (reference - u)), eu * (1.0 + gamma * (reference - v)));
        let alpha = 2.0 / (e1 + e2);
        let sigma = z * (1.0 - alpha * e1);
        let k = near.rho * (1.0 - z * z) * sigma / z;
        let (a, d) = (k + z * alpha * gamma * ev, -k - z * alpha * gamma * eu);
        let (b, c) = (-k - z * beta * alpha * e1, k + z * beta * alpha * e2);
        (Symmetric { alpha, beta, gamma, sigma, ..near }, a * d - b * c)
    };
    at(with_determinant(near.beta, determinant, |beta| at(beta).1)).0
}

/// One branch's numbers from its solved currents and slopes; `i` 0 for u, 1 for v.
fn match_branch(parts: &Parts, field: Slope, gain: f64, y: [f64; 2], i: usize) -> Branch {
    let sign = if i == 0 { 1.0 } else { -1.0 };
    let (a, b) = (sign * parts.comparator.value, -sign * parts.exponential.value);
    let z = a / gain;
    let rho = parts.comparator.slope[1 - i].abs() / (gain * (1.0 - z * z));
    let delta = (y[0] - y[1]) - z.atanh() / rho;
    let sigma = sign * z * (gain - b / z) - field.value;
    let free = Branch { gain, alpha: 0.0, beta: 0.0, gamma: 0.0, rho, sigma, delta };
    Frame { side: i, reference: REFERENCE }.anchored(free, y, field)
}

impl Currents for Solved<'_> {
    fn at(&self, u: Slope, v: Slope) -> Result<[Parts; 2], DeviceError> {
        let sink = |i: usize| {
            let fet = if i == 0 { self.devices.nu } else { self.devices.nv };
            fet.lift().current(Slope::constant(self.vbn), Slope::constant(0.0), if i == 0 { u } else { v })
        };
        let parts = |i: usize| -> Result<Parts, DeviceError> {
            let (comparator, exponential) = (self.constant(i, u, v)?, self.exponential(i, u, v)?);
            Ok(Parts { constant: sink(i), exponential, comparator })
        };
        Ok([parts(0)?, parts(1)?])
    }

    fn field(&self, parts: &[Parts; 2]) -> [Slope; 2] {
        self.lag.of([0, 1].map(|i| parts[i].comparator + parts[i].exponential - parts[i].constant))
    }

    fn amplitudes(&self, u: f64, v: f64) -> Result<[f64; 2], DeviceError> {
        // Further apart by 3/rho, shared evenly: both inputs stay well inside the supply.
        let reach = 1.5 / self.closed.u.rho;
        let argument = self.closed.u.rho * (u - v + 2.0 * reach);
        let mut gains = [0.0; 2];
        for (i, gain) in gains.iter_mut().enumerate() {
            // The output stays where it is: the probe must not push it out of saturation.
            let [a, b, out] = [u + reach, v - reach, [u, v][i]].map(Slope::constant);
            let (p, n) = if i == 0 { (a, b) } else { (b, a) };
            *gain = self.comparator(i, p, n, out)?.value.abs() / argument.tanh();
        }
        Ok(gains)
    }

    fn starts(&self) -> Vec<[f64; 2]> {
        let mean = self.closed.mean();
        // Fixed-point iteration of the symmetric equations without gamma.
        let mut z = 0.9_f64;
        let mut y = [0.0; 2];
        for _ in 0..50 {
            let tilt = (mean.sigma / z).min(0.98);
            y = [(1.0 + tilt).ln(), (1.0 - tilt).ln()].map(|e| (e - mean.alpha.ln()) / mean.beta);
            z = 0.5 * z + 0.5 * (mean.rho * (y[0] - y[1])).tanh();
        }
        vec![y, [y[0] + 0.02, y[1] + 0.02], [y[0] - 0.02, y[1] - 0.02]]
    }
}
