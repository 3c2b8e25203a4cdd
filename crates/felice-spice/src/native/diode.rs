//! The junction diode: SPICE's law, with its cubic tail in reverse and its breakdown, and the charge it stores.

use crate::circuit::DiodeModel;

/// k/q in V/K as ngspice 39 has it (CODATA 2014), so that the two engines' diodes are the same diode.
const BOLTZMANN_OVER_CHARGE: f64 = 1.380_648_52e-23 / 1.602_176_620_8e-19;

/// Numbers a diode leaves: current, conductance, charge, capacitance.
pub const DIODE_OUTPUTS: usize = 4;

/// A diode in the form in which it is evaluated, without its series resistance.
#[derive(Clone, Debug, PartialEq)]
pub struct Diode {
    is: f64,
    /// n Vt
    nvt: f64,
    /// Breakdown voltage matched to `ibv`, infinite where there is none.
    breakdown: f64,
    depletion: Option<Depletion>,
    transit: f64,
    /// A conductance in parallel, given by `.options gmin`.
    pub parallel: f64,
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
    /// From a model card, an area factor and a temperature in kelvin.
    pub fn new(model: &DiodeModel, area: f64, kelvin: f64) -> Self {
        let vt = BOLTZMANN_OVER_CHARGE * kelvin;
        let is = model.is * area;
        let depletion = (model.cjo != 0.0).then(|| {
            let (m, ln) = (model.m, (1.0 - model.fc).ln());
            Depletion {
                c0: model.cjo * area,
                vj: model.vj,
                m,
                edge: model.fc * model.vj,
                f1: model.vj * (1.0 - ((1.0 - m) * ln).exp()) / (1.0 - m),
                f2: ((1.0 + m) * ln).exp(),
                f3: 1.0 - model.fc * (1.0 + m),
            }
        });
        let nvt = model.n * vt;
        let breakdown = matched_breakdown(model.bv, model.ibv * area, is, vt, nvt);
        Diode { is, nvt, breakdown, depletion, transit: model.tt, parallel: 0.0 }
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
            let e = (-(self.breakdown + v) / self.nvt).exp();
            (-self.is * e, self.is * e / self.nvt)
        };
        let (mut q, mut c) = (self.transit * i, self.transit * g);
        if let Some(d) = &self.depletion {
            let (dq, dc) = d.charge(v);
            q += dq;
            c += dc;
        }
        i += self.parallel * v;
        g += self.parallel;
        [i, g, q, c]
    }
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
        }
    }

    #[test]
    fn conductance_and_capacitance_are_derivatives_and_the_pieces_join() {
        let d = Diode::new(&model(), 2.0, 300.15);
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
        // At the breakdown voltage the current is ibv.
        assert!((d.evaluate(-5.0)[0] / -2e-3 - 1.0).abs() < 1e-3);
    }
}
