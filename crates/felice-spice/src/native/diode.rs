//! The junction diode: SPICE's law, with its cubic tail in reverse and its breakdown, and the charge it stores.

use crate::circuit::DiodeModel;

/// k/q in V/K as ngspice 39 has it (CODATA 2014), so that the two engines' diodes are the same diode.
pub const BOLTZMANN_OVER_CHARGE: f64 = 1.380_648_52e-23 / 1.602_176_620_8e-19;

/// Numbers a diode leaves: current, conductance, charge, capacitance.
pub const DIODE_OUTPUTS: usize = 4;

/// 27 °C, to which the bandgap's temperature law refers.
const REFERENCE: f64 = 300.15;

/// A diode in the form in which it is evaluated, without its series resistance.
#[derive(Clone, Debug, PartialEq)]
pub struct Diode {
    is: f64,
    /// n Vt
    nvt: f64,
    /// Breakdown voltage matched to `ibv`, infinite where there is none, and its n Vt.
    breakdown: f64,
    breakdown_nvt: f64,
    /// Knee current of high injection.
    knee: f64,
    depletion: Option<Depletion>,
    transit: f64,
}

#[derive(Clone, Debug, PartialEq)]
struct Depletion {
    c0: f64,
    vj: f64,
    m: f64,
    /// Above this voltage the capacitance is a straight line.
    edge: f64,
    f1: f64,
    f2: f64,
    f3: f64,
}

impl Diode {
    /// From a model card, an area factor, a number of parallel devices, the temperature and the card's own, both in kelvin.
    pub fn new(model: &DiodeModel, area: f64, parallel: f64, kelvin: f64, nominal: f64) -> Self {
        let vt = BOLTZMANN_OVER_CHARGE * kelvin;
        let (nvt, breakdown_nvt) = (model.n * vt, model.nbv * vt);
        let size = area * parallel;
        let hotter = kelvin / nominal;
        let growth = (hotter - 1.0) * model.eg / nvt + model.xti / model.n * hotter.ln();
        let is = model.is * size * growth.exp();
        let depletion = (model.cjo != 0.0).then(|| {
            let (vj, share) = junction_at(model, kelvin, nominal);
            let (m, ln) = (model.m, (1.0 - model.fc).ln());
            Depletion {
                c0: model.cjo * size * share,
                vj,
                m,
                edge: model.fc * vj,
                f1: vj * (1.0 - ((1.0 - m) * ln).exp()) / (1.0 - m),
                f2: ((1.0 + m) * ln).exp(),
                f3: 1.0 - model.fc * (1.0 + m),
            }
        });
        let breakdown = matched_breakdown(model.bv, model.ibv * parallel, is, vt, breakdown_nvt);
        Diode { is, nvt, breakdown, breakdown_nvt, knee: model.ikf * size, depletion, transit: model.tt }
    }

    /// Why a card makes no diode at this temperature, if it makes none.
    pub fn impossible(model: &DiodeModel, kelvin: f64, nominal: f64) -> Option<String> {
        let d = Diode::new(model, 1.0, 1.0, kelvin, nominal);
        let celsius = kelvin - 273.15;
        if !(d.is > 0.0 && d.is.is_finite()) {
            return Some(format!("its saturation current at {celsius} °C is {:e} A", d.is));
        }
        let junction = d.depletion?;
        if !(junction.vj > 0.0 && junction.c0 > 0.0) {
            let (v, c) = (junction.vj, junction.c0);
            return Some(format!("its junction at {celsius} °C has a potential of {v:.3} V and {c:e} F"));
        }
        (junction.edge > 1.0).then(|| format!("fc times its junction potential at {celsius} °C is above 1 V"))
    }

    /// Current, conductance, charge and capacitance at a junction voltage.
    pub fn evaluate(&self, v: f64) -> [f64; DIODE_OUTPUTS] {
        let (mut i, mut g) = if v >= -3.0 * self.nvt {
            let e = (v / self.nvt).exp();
            (self.is * (v / self.nvt).exp_m1(), self.is * e / self.nvt)
        } else if v >= -self.breakdown {
            let x = 3.0 * self.nvt / (v * std::f64::consts::E);
            let cube = x * x * x;
            (-self.is * (1.0 + cube), self.is * 3.0 * cube / v)
        } else {
            let e = (-(self.breakdown + v) / self.breakdown_nvt).exp();
            (-self.is * e, self.is * e / self.breakdown_nvt)
        };
        if i > 0.0 && self.knee.is_finite() {
            let root = (i / self.knee).sqrt();
            g *= (1.0 + 0.5 * root) / ((1.0 + root) * (1.0 + root));
            i /= 1.0 + root;
        }
        let (mut q, mut c) = (self.transit * i, self.transit * g);
        if let Some(d) = &self.depletion {
            let (dq, dc) = d.charge(v);
            q += dq;
            c += dc;
        }
        [i, g, q, c]
    }
}

/// Junction potential at a temperature, and what its capacitance is multiplied by: SPICE's law (Massobrio & Antognetti,
/// "Semiconductor Device Modeling with SPICE", section 1.4), with silicon's bandgap after Varshni.
fn junction_at(model: &DiodeModel, kelvin: f64, nominal: f64) -> (f64, f64) {
    // 1.1150877 eV is the bandgap at the reference; the law holds between each temperature and that one.
    let shift = |t: f64| {
        let gap = 1.16 - 7.02e-4 * t * t / (t + 1108.0);
        let volts = (1.115_087_7 / REFERENCE - gap / t) / (2.0 * BOLTZMANN_OVER_CHARGE);
        -2.0 * BOLTZMANN_OVER_CHARGE * t * (1.5 * (t / REFERENCE).ln() + volts)
    };
    let reference = (model.vj - shift(nominal)) / (nominal / REFERENCE);
    let potential = |t: f64| shift(t) + t / REFERENCE * reference;
    let vj = potential(kelvin);
    let share = |t: f64, vj: f64| 1.0 + model.m * (400e-6 * (t - REFERENCE) - (vj - reference) / reference);
    (vj, share(kelvin, vj) / share(nominal, model.vj))
}

impl Depletion {
    fn charge(&self, v: f64) -> (f64, f64) {
        if v < self.edge {
            let rest = 1.0 - v / self.vj;
            let s = (-self.m * rest.ln()).exp();
            (self.vj * self.c0 * (1.0 - rest * s) / (1.0 - self.m), self.c0 * s)
        } else {
            let c2 = self.c0 / self.f2;
            let slope = self.m / self.vj;
            let q =
                self.c0 * self.f1 + c2 * (self.f3 * (v - self.edge) + 0.5 * slope * (v * v - self.edge * self.edge));
            (q, c2 * (self.f3 + slope * v))
        }
    }
}

/// The voltage at which the breakdown law passes through (bv, ibv), found as SPICE does.
fn matched_breakdown(bv: f64, ibv: f64, is: f64, vt: f64, nvt: f64) -> f64 {
    if !bv.is_finite() {
        return f64::INFINITY;
    }
    if ibv < is * bv / vt {
        return bv;
    }
    let mut x = bv - nvt * (1.0 + ibv / is).ln();
    for _ in 0..25 {
        x = bv - nvt * (ibv / is + 1.0 - x / vt).ln();
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> DiodeModel {
        DiodeModel {
            name: "d".into(),
            is: 1e-14,
            n: 1.2,
            rs: 0.0,
            cjo: 2e-12,
            vj: 0.8,
            m: 0.4,
            fc: 0.5,
            tt: 1e-9,
            bv: 5.0,
            ibv: 1e-3,
            nbv: 1.4,
            ikf: 2e-3,
            eg: 1.11,
            xti: 3.0,
            tnom: None,
        }
    }

    #[test]
    fn conductance_and_capacitance_are_derivatives_and_the_pieces_join() {
        let d = Diode::new(&model(), 2.0, 3.0, 340.0, 300.15);
        for i in -60..9 {
            let v = 0.1 * f64::from(i) + 0.013;
            let h = 1e-6;
            let (up, down, here) = (d.evaluate(v + h), d.evaluate(v - h), d.evaluate(v));
            for (value, slope) in [(0, 1), (2, 3)] {
                let numeric = (up[value] - down[value]) / (2.0 * h);
                let near = 1e-5 * here[slope].abs() + 1e-9 * here[value].abs() / h * 1e-3;
                assert!((numeric - here[slope]).abs() <= near, "at {v}: {numeric:e} {:e}", here[slope]);
            }
        }
        // At the breakdown voltage the current is ibv, times the parallel devices.
        assert!((d.evaluate(-5.0)[0] / -3e-3 - 1.0).abs() < 1e-3);
    }
}
