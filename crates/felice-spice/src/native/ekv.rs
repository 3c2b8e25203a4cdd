//! EKV MOSFETs as compiled devices, evaluated all together.
//!
//! ```text
//! I    = Is (W/L) m [F(s) − F(d)] (1 + |Vds| / (VE L))        drain to source, bulk-referenced
//! F(x) = ln²(1 + exp((κ (Vgb − Vt0) − Vxb) / (2 Ut)))
//! ```
//! (Enz, Krummenacher, Vittoz 1995, doi:10.1007/BF01239381; pFET mirrored.) The argument of F is linear in the terminal
//! voltages: `gate Vg + channel Vx + bulk Vb + offset`.

use super::layout::Slot;
use super::softplus::{LANES, softplus, softplus_logistic};
use crate::circuit::{EkvModel, MosSize, Polarity};

/// One transistor in the form in which it is evaluated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EkvDevice {
    /// Factor of Vg in the argument of F, 1/V.
    pub gate: f64,
    /// Factor of Vs or Vd.
    pub channel: f64,
    /// Factor of Vb.
    pub bulk: f64,
    /// Constant term.
    pub offset: f64,
    /// Signed `Is W/L m`, amperes.
    pub scale: f64,
    /// `1 / (VE L)`, 1/V.
    pub lambda: f64,
}

impl EkvDevice {
    /// From a model card and an instance.
    pub fn new(model: &EkvModel, size: &MosSize) -> Self {
        let sign = match model.polarity {
            Polarity::N => 1.0,
            Polarity::P => -1.0,
        };
        // A positive delvto makes the signed threshold of either kind more positive.
        let threshold = model.vt0 + sign * size.delvto;
        let half = 0.5 / model.ut;
        EkvDevice {
            gate: sign * model.kappa * half,
            channel: -sign * half,
            bulk: sign * (1.0 - model.kappa) * half,
            offset: -model.kappa * threshold * half,
            scale: sign * model.is * size.w / size.l * size.m,
            lambda: 1.0 / (model.ve * size.l),
        }
    }

    /// Moves the signed threshold by `volts` (the meaning of `delvto`).
    pub fn shift_threshold(&mut self, volts: f64) {
        self.offset -= self.gate * volts;
    }
}

/// All transistors of a circuit.
#[derive(Clone, Debug, Default)]
pub struct EkvBatch {
    /// Parameters, one a device.
    pub devices: Vec<EkvDevice>,
    /// Slots of d, g, s, b.
    terminals: Vec<[Slot; 4]>,
    /// Arguments of F: sources first, then drains, each part padded to whole vectors.
    x: Vec<f64>,
    l: Vec<f64>,
    s: Vec<f64>,
}

/// Numbers a device leaves: the current and its derivatives by Vd, Vg, Vs, Vb.
pub const EKV_OUTPUTS: usize = 5;

impl EkvBatch {
    /// Adds a device; returns its number.
    pub fn push(&mut self, device: EkvDevice, terminals: [Slot; 4]) -> usize {
        self.devices.push(device);
        self.terminals.push(terminals);
        let padded = 2 * self.part();
        for v in [&mut self.x, &mut self.l, &mut self.s] {
            v.resize(padded, 0.0);
        }
        self.devices.len() - 1
    }

    /// Length of one part of `x`.
    fn part(&self) -> usize {
        self.devices.len().div_ceil(LANES) * LANES
    }

    /// Slots of a device's d, g, s, b.
    pub fn terminals(&self, device: usize) -> [Slot; 4] {
        self.terminals[device]
    }

    fn arguments(&mut self, values: &[f64]) {
        let part = self.part();
        let (sources, drains) = self.x.split_at_mut(part);
        for (i, (p, t)) in self.devices.iter().zip(&self.terminals).enumerate() {
            let [d, g, s, b] = t.map(|slot| values[slot as usize]);
            let common = p.gate * g + p.bulk * b + p.offset;
            sources[i] = common + p.channel * s;
            drains[i] = common + p.channel * d;
        }
    }

    /// Currents alone, [`EKV_OUTPUTS`] apart in `values` from `first` on.
    pub fn currents(&mut self, values: &mut [f64], first: usize) {
        self.arguments(values);
        softplus(&self.x, &mut self.l);
        let (ls, ld) = self.l.split_at(self.part());
        for (i, (p, t)) in self.devices.iter().zip(&self.terminals).enumerate() {
            let vds = values[t[0] as usize] - values[t[2] as usize];
            // ls² − ld² without cancellation near Vds = 0.
            let difference = (ls[i] - ld[i]) * (ls[i] + ld[i]);
            values[first + EKV_OUTPUTS * i] = p.scale * (1.0 + p.lambda * vds.abs()) * difference;
        }
    }

    /// Currents and their derivatives.
    pub fn currents_and_slopes(&mut self, values: &mut [f64], first: usize) {
        self.arguments(values);
        softplus_logistic(&self.x, &mut self.l, &mut self.s);
        let part = self.part();
        let ((ls, ld), (ss, sd)) = (self.l.split_at(part), self.s.split_at(part));
        for (i, (p, t)) in self.devices.iter().zip(&self.terminals).enumerate() {
            let vds = values[t[0] as usize] - values[t[2] as usize];
            let difference = (ls[i] - ld[i]) * (ls[i] + ld[i]);
            let early = 1.0 + p.lambda * vds.abs();
            let (slope_s, slope_d) = (2.0 * ls[i] * ss[i], 2.0 * ld[i] * sd[i]);
            let amplitude = p.scale * early;
            let common = amplitude * (slope_s - slope_d);
            let early_slope = p.scale * difference * if vds >= 0.0 { p.lambda } else { -p.lambda };
            let out = &mut values[first + EKV_OUTPUTS * i..first + EKV_OUTPUTS * (i + 1)];
            out[0] = amplitude * difference;
            out[1] = -amplitude * p.channel * slope_d + early_slope;
            out[2] = p.gate * common;
            out[3] = amplitude * p.channel * slope_s - early_slope;
            out[4] = p.bulk * common;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(polarity: Polarity) -> EkvModel {
        EkvModel { name: "m".into(), polarity, is: 1e-7, vt0: 0.45, kappa: 0.7, ve: 5e6, ut: 0.02585 }
    }

    fn size() -> MosSize {
        MosSize { w: 2e-6, l: 1e-6, m: 1.0, delvto: 0.01, extra: Default::default() }
    }

    /// The equation as it stands in the doc comment.
    fn equation(polarity: Polarity, [d, g, s, b]: [f64; 4]) -> f64 {
        let (m, z) = (model(polarity), size());
        let sign = if polarity == Polarity::N { 1.0 } else { -1.0 };
        let [d, g, s, b] = [d, g, s, b].map(|v| sign * v);
        let vt = m.vt0 + sign * z.delvto;
        let f = |x: f64| ((m.kappa * (g - b - vt) - (x - b)) / (2.0 * m.ut)).exp().ln_1p().powi(2);
        sign * m.is * z.w / z.l * (f(s) - f(d)) * (1.0 + (d - s).abs() / (m.ve * z.l))
    }

    #[test]
    fn currents_are_the_equation_and_slopes_its_derivatives() {
        for polarity in [Polarity::N, Polarity::P] {
            for point in [[1.0, 0.5, 0.1, 0.0], [0.2, 0.9, 0.6, 0.1], [1.0, 1.1, 1.8, 1.8], [0.3, 0.2, 0.9, 1.8]] {
                let mut batch = EkvBatch::default();
                let device = EkvDevice::new(&model(polarity), &size());
                batch.push(device, [0, 1, 2, 3]);
                let mut values = vec![0.0; 4 + EKV_OUTPUTS];
                values[..4].copy_from_slice(&point);
                batch.currents(&mut values, 4);
                let alone = values[4];
                batch.currents_and_slopes(&mut values, 4);
                assert_eq!(alone, values[4]);
                let expected = equation(polarity, point);
                assert!((alone - expected).abs() <= 1e-11 * expected.abs(), "{alone:e} {expected:e}");
                for k in 0..4 {
                    let (mut up, mut down) = (point, point);
                    up[k] += 1e-6;
                    down[k] -= 1e-6;
                    let numeric = (equation(polarity, up) - equation(polarity, down)) / 2e-6;
                    let scale = expected.abs() / 0.02585;
                    assert!(
                        (values[5 + k] - numeric).abs() < 1e-6 * scale,
                        "{point:?} {k}: {} {numeric}",
                        values[5 + k]
                    );
                }
            }
        }
    }

    #[test]
    fn delvto_is_a_shift_of_the_signed_threshold() {
        for polarity in [Polarity::N, Polarity::P] {
            let mut shifted = EkvDevice::new(&model(polarity), &MosSize { delvto: 0.0, ..size() });
            shifted.shift_threshold(0.01);
            let direct = EkvDevice::new(&model(polarity), &size());
            assert!((shifted.offset - direct.offset).abs() < 1e-13);
        }
    }
}
