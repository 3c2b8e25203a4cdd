//! Boomerang from its sixteen transistors (`netlists/boomerang/ekv.cir`).
//!
//! ```text
//! closed form, deep subthreshold, VA = VE L
//! tau     = t Ib/C                     Ib = sqrt(I_p1 I_nv), each a mirror of Ibias at its own drain voltage
//! alpha_u = I0 (W/L)_nu (1 + 0.3/VA_nu)/Ib
//! alpha_v = I0 (W/L)_nx M (1 + (VDD - 0.3)/VA_pv)/Ib,    M the mirror px:pv
//! beta    = kappa_n/Ut
//! gamma_u = 1/(VA_nu + 0.3)            gamma_v = 1/(VA_pv + VDD - 0.3)
//! rho     = kappa_p/(2 Ut)             sigma = I_tail/Ib             delta = the OTAs' input offsets
//! ```
//!
//! 0.3 V is the reference voltage of the model's gamma terms. The symmetric model takes means of both branches. The
//! solved form matches currents and slopes at the circuit's focus (module `potentials`).

use crate::DeviceError;
use crate::blocks::{Exponential, Mirror, Ota, diode_voltage};
use crate::card::Polarity;
use crate::circuits::network::{Network, Place, ota};
use crate::circuits::potentials::{Branch, Branches, Currents, Lag, Origin, Parts, Slope, Symmetric, focus, linear};
use crate::circuits::{Transistor, transistors};
use crate::derive::{Operating, diode, early};
use crate::real::{Dual, Real};
use crate::solve::implicit;

/// Reference voltage (V) of the model's gamma terms.
pub(crate) const REFERENCE: f64 = 0.3;

transistors! {
    /// The circuit's transistors by their names in the netlist.
    Boomerang {
        bn "bn" N,
        bp "bp" P,
        p1 "p1" P,
        nu "nu" N,
        nv "nv" N,
        nx "nx" N,
        px "px" P,
        pv "pv" P,
        ta "otaa.mt" P,
        a1 "otaa.m1" P,
        a2 "otaa.m2" P,
        a3 "otaa.m3" N,
        a4 "otaa.m4" N,
        tb "otab.mt" P,
        b1 "otab.m1" P,
        b2 "otab.m2" P,
        b3 "otab.m3" N,
        b4 "otab.m4" N,
    }
}

/// Where each of a branch's seven parameters comes from.
pub(crate) const ORIGIN: Origin = [
    ("mirror of Ibias at the node's voltage, over Ib", [&["p1", "bp"], &["nv", "bn"]]),
    ("I0 (W/L) (1 + Vds/VA) at the reference voltage, over Ib", [&["nu"], &["nx", "px", "pv"]]),
    ("kappa_n/Ut, less what inversion takes", [&["nu"], &["nx"]]),
    ("1/(VE L + Vds)", [&["nu"], &["pv"]]),
    ("kappa_p/(2 Ut)", [&["otaa.m1", "otaa.m2"], &["otab.m1", "otab.m2"]]),
    ("I_tail/Ib", [&["otaa.mt", "bp"], &["otab.mt", "bp"]]),
    (
        "(Ut/kappa_p) ln of the pair's and the mirror's mismatch",
        [&["otaa.m1", "otaa.m2", "otaa.m3", "otaa.m4"], &["otab.m1", "otab.m2", "otab.m3", "otab.m4"]],
    ),
];

/// Where each transistor sits.
const OTAS: [[Place; 5]; 2] = [
    ota(["otaa.mt", "otaa.m1", "otaa.m2", "otaa.m3", "otaa.m4"], ["otaa.t", "otaa.a"], ["v", "u", "u", "vbp"]),
    ota(["otab.mt", "otab.m1", "otab.m2", "otab.m3", "otab.m4"], ["otab.t", "otab.a"], ["v", "u", "v", "vbp"]),
];
const OTHERS: [Place; 6] = [
    ("p1", ["u", "vbp", "vdd"]),
    ("nu", ["u", "v", "gnd"]),
    ("nv", ["v", "vbn", "gnd"]),
    ("nx", ["x", "u", "gnd"]),
    ("px", ["x", "x", "vdd"]),
    ("pv", ["v", "x", "vdd"]),
];

impl<R: Real> Boomerang<R> {
    pub(crate) fn otas(&self, supply: f64) -> [Ota<R>; 2] {
        let polarity = Polarity::P;
        [
            Ota { tail: self.ta, m1: self.a1, m2: self.a2, m3: self.a3, m4: self.a4, polarity, supply },
            Ota { tail: self.tb, m1: self.b1, m2: self.b2, m3: self.b3, m4: self.b4, polarity, supply },
        ]
    }

    /// Closed form of both branches.
    pub(crate) fn closed(&self, op: &Operating) -> Branches<R> {
        let (vdd, ibias) = (op.supply, R::constant(op.ibias));
        let far = R::constant(vdd - REFERENCE);
        let near = R::constant(REFERENCE);
        let (vbn, vbp) = (diode(&self.bn, ibias), diode(&self.bp, ibias));
        let i_p1 = ibias * self.p1.i0() / self.bp.i0() * early(&self.p1, far) / early(&self.bp, vbp);
        let i_nv = ibias * self.nv.i0() / self.bn.i0() * early(&self.nv, near) / early(&self.bn, vbn);

        let vx = diode(&self.px, self.nx.i0() * (self.nx.kappa * REFERENCE / self.nx.ut).exp());
        let mirror = self.pv.i0() / self.px.i0() * early(&self.pv, far) / early(&self.px, vx);
        let [a, b] = self.otas(vdd);
        let comparator = |ota: &Ota<R>| {
            let tail = ibias * ota.tail.i0() / self.bp.i0();
            let drain = ota.source(tail, near);
            let sigma = tail * early(&ota.tail, drain) / early(&self.bp, vbp) * (ota.mirror().ratio() + 1.0) * 0.5;
            (ota.rho(), sigma, ota.offset())
        };
        let ((rho_u, sigma_u, delta_u), (rho_v, sigma_v, delta_v)) = (comparator(&a), comparator(&b));
        let u = Branch {
            gain: i_p1,
            alpha: self.nu.i0() * early(&self.nu, near),
            beta: self.nu.kappa / self.nu.ut,
            gamma: self.nu.lambda / early(&self.nu, near),
            rho: rho_u,
            sigma: sigma_u,
            delta: delta_u,
        };
        let v = Branch {
            gain: i_nv,
            alpha: self.nx.i0() * early(&self.nx, -vx + vdd) * mirror,
            beta: self.nx.kappa / self.nx.ut,
            gamma: self.pv.lambda / early(&self.pv, far),
            rho: rho_v,
            sigma: sigma_v,
            delta: delta_v,
        };
        Branches::normalised(u, v)
    }
}

/// The circuit with its bias nodes solved.
pub(crate) struct Solved<'d> {
    devices: &'d Boomerang,
    supply: f64,
    /// Bias gates from their rails (V).
    vbn: f64,
    vbp: f64,
    closed: Branches,
    /// What the lag of inner nodes makes of both node currents.
    lag: Lag,
}

impl<'d> Solved<'d> {
    pub(crate) fn new(devices: &'d Boomerang, op: &Operating) -> Result<Self, DeviceError> {
        let (vbn, vbp) = (diode_voltage(&devices.bn, op.ibias)?, diode_voltage(&devices.bp, op.ibias)?);
        Ok(Solved { devices, supply: op.supply, vbn, vbp, closed: devices.closed(op), lag: Lag::NONE })
    }

    /// Currents into u and v, inner nodes following at once.
    fn at_once([u, v]: &[Parts; 2]) -> [Slope; 2] {
        [u.constant - u.exponential + u.comparator, v.exponential - v.constant + v.comparator]
    }

    fn ota(&self, branch: usize, p: Slope, n: Slope, out: Slope) -> Result<Slope, DeviceError> {
        let ota = self.devices.otas(self.supply)[branch].map(Slope::constant);
        Ok(ota.solved(Slope::constant(self.vbp), p, n, out)?.current)
    }

    /// The focus where the circuit rests (V).
    pub(crate) fn rest(&self) -> Result<[f64; 2], DeviceError> {
        focus(self, "boomerang")
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
        let x = Exponential { input: d.nx, mirror: None, supply: vdd }.diode_gate(&d.px, u)?;
        let mut nodes = vec![("u", u), ("v", v), ("x", vdd - x)];
        for ((ota, places), out) in d.otas(vdd).iter().zip(&OTAS).zip([u, v]) {
            let point = ota.solved(self.vbp, v, u, out)?;
            nodes.extend([(places[1].1[2], vdd - point.source), (places[1].1[0], point.diode)]);
        }
        let moving = nodes.len();
        nodes.extend([("gnd", 0.0), ("vdd", vdd), ("vbn", self.vbn), ("vbp", vdd - self.vbp)]);
        let places = [&OTHERS[..], OTAS.as_flattened()].concat();
        Ok(Network::new(&nodes, moving, transistors, &places, at_inner, vdd))
    }

    /// Branches matched to the solved currents and slopes at the focus, and the focus (V).
    pub(crate) fn matched(&self) -> Result<(Branches, [f64; 2]), DeviceError> {
        let [u, v] = self.rest()?;
        let parts = self.at(Dual::variable(u, 0), Dual::variable(v, 1))?;
        let amplitudes = self.amplitudes(u, v)?;
        // The lag is counted among the exponential's slopes.
        let (field, prompt) = (self.field(&parts), Solved::at_once(&parts));
        let branch = |i: usize| {
            let late = [0, 1].map(|k| field[i].slope[k] - prompt[i].slope[k]);
            match_branch(&parts[i], amplitudes[i], late, [u, v], i)
        };
        Ok((Branches::normalised(branch(0), branch(1)), [u, v]))
    }

    /// One set of parameters for both branches: rho, sigma and the unit of current are the branches' means; alpha, beta
    /// and gamma put the sum of both voltages at rest, the decay (trace) and the period (determinant) of the linearised
    /// equations, at their own fixed point, where the circuit has them. The difference of both voltages at rest is what
    /// unlike branches make and one set cannot. With the circuit's focus and that fixed point (V).
    pub(crate) fn symmetric(&self) -> Result<(Symmetric, [f64; 2], [f64; 2]), DeviceError> {
        let (branches, [u, v]) = self.matched()?;
        let mean = branches.mean();
        let (trace, determinant) = linear(self, [u, v], branches.ib)?;
        let wanted = Wanted { rho: mean.rho, sigma: mean.sigma, sum: u + v, trace, determinant };
        let knee = 0.5 * (u + v);
        let guess = [-mean.beta * knee, mean.beta.ln(), mean.gamma, knee, knee];
        let [ln_alpha, ln_beta, gamma, own @ ..] =
            implicit("boomerang: one set of parameters", guess, |x| wanted.missed(x), |x: [f64; 5]| wanted.missed(x))?;
        Ok((Symmetric { alpha: ln_alpha.exp(), beta: ln_beta.exp(), gamma, ..mean }, [u, v], own))
    }
}

/// What the symmetric equations should have at their fixed point.
struct Wanted {
    rho: f64,
    sigma: f64,
    sum: f64,
    trace: f64,
    determinant: f64,
}

impl Wanted {
    /// By how much ln alpha, ln beta, gamma and the fixed point (u, v) miss it.
    fn missed<R: Real>(&self, [ln_alpha, ln_beta, gamma, u, v]: [R; 5]) -> [R; 5] {
        let beta = ln_beta.exp();
        let (ev, eu) = ((beta * v + ln_alpha).exp(), (beta * u + ln_alpha).exp());
        let (e1, e2) = (ev * (gamma * (u - REFERENCE) + 1.0), eu * (gamma * (-v + REFERENCE) + 1.0));
        let z = ((v - u) * self.rho).tanh();
        let k = (-(z * z) + 1.0) * (self.rho * self.sigma);
        let (a, b) = (-(ev * gamma) - k, k - beta * e1);
        let (c, d) = (beta * e2 - k, k - eu * gamma);
        [
            z * self.sigma - e1 + 1.0,
            z * self.sigma + e2 - 1.0,
            u + v - self.sum,
            a + d - self.trace,
            (a * d - b * c) / self.determinant - 1.0,
        ]
    }
}

/// One branch's numbers from its solved currents and slopes; `i` 0 for u, 1 for v.
fn match_branch(parts: &Parts, sigma: f64, late: [f64; 2], y: [f64; 2], i: usize) -> Branch {
    let (own, other, sign) = (y[i], y[1 - i], if i == 0 { 1.0 } else { -1.0 });
    let (z, e) = (parts.comparator, parts.exponential);
    // The other node only drives an input; its own node loads the output too: that part goes to gamma.
    let slope = z.slope[1 - i].abs();
    let rho = slope * sigma / (sigma * sigma - z.value * z.value);
    let delta = (y[1] - y[0]) - (z.value / sigma).atanh() / rho;
    let beta = (e.slope[1 - i] - sign * late[1 - i]) / e.value;
    let own_slope = sign * (e.slope[i] - parts.constant.slope[i]) - z.slope[i] - late[i] - sign * slope;
    let g = own_slope / e.value;
    let gamma = g / (1.0 - sign * g * (own - REFERENCE));
    let alpha = e.value / ((beta * other).exp() * (1.0 + sign * gamma * (own - REFERENCE)));
    Branch { gain: parts.constant.value, alpha, beta, gamma, rho, sigma, delta }
}

impl Currents for Solved<'_> {
    fn at(&self, u: Slope, v: Slope) -> Result<[Parts; 2], DeviceError> {
        let d = self.devices;
        let (zero, vdd) = (Slope::constant(0.0), self.supply);
        let turned = Exponential { input: d.nx, mirror: Some(Mirror { input: d.px, output: d.pv }), supply: vdd };
        Ok([
            Parts {
                constant: d.p1.lift().current(Slope::constant(self.vbp), zero, -u + vdd),
                exponential: d.nu.lift().current(v, zero, u),
                comparator: self.ota(0, v, u, u)?,
            },
            Parts {
                constant: d.nv.lift().current(Slope::constant(self.vbn), zero, v),
                exponential: turned.map(Slope::constant).solved(u, -v + vdd)?,
                comparator: self.ota(1, v, u, v)?,
            },
        ])
    }

    fn field(&self, parts: &[Parts; 2]) -> [Slope; 2] {
        self.lag.of(Self::at_once(parts))
    }

    fn amplitudes(&self, u: f64, v: f64) -> Result<[f64; 2], DeviceError> {
        let end = |branch: usize, sign: f64| {
            let reach = sign * 2.0 / self.closed.u.rho;
            // The output stays where it is: the probe must not push it out of saturation.
            let [p, n, out] = [v + reach, u - reach, [u, v][branch]].map(Slope::constant);
            self.ota(branch, p, n, out)
        };
        let mut amplitudes = [0.0; 2];
        for (i, a) in amplitudes.iter_mut().enumerate() {
            *a = 0.5 * (end(i, 1.0)?.value - end(i, -1.0)?.value) / 4.0_f64.tanh();
        }
        Ok(amplitudes)
    }

    fn starts(&self) -> Vec<[f64; 2]> {
        // Between the reference and the knee of alpha e^(beta v) = 1 all three fixed points lie near the knee.
        let mean = self.closed.mean();
        let knee = -mean.alpha.ln() / mean.beta;
        vec![[knee, knee], [knee - 0.05, knee + 0.05], [knee + 0.05, knee - 0.05]]
    }
}
