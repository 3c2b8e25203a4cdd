//! What a circuit's rounding allows: ngspice goes into ever smaller steps where its tolerances ask for less.

use crate::circuit::{Circuit, Device};

/// Tolerances on currents and charges below which ngspice would look at rounding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Floors {
    /// A.
    pub abstol: f64,
    /// C. ngspice uses it in the local truncation error alone, times `reltol`.
    pub chgtol: f64,
}

impl Floors {
    /// Of a circuit of which nothing is known: none on currents; ngspice's own on charges.
    pub fn unknown() -> Floors {
        Floors { abstol: 0.0, chgtol: 1e-14 }
    }

    /// The rounding of the largest voltage in the largest conductance, and a thousandth of the charge of the largest capacitor
    /// (of 1e-9 of which `reltol` makes 1e-12, far above rounding and far below what is asked of voltages).
    pub fn of(circuit: &Circuit) -> Floors {
        let initial = circuit.initial.iter().map(|i| i.1.abs());
        let (mut volts, mut farads, mut siemens) = (initial.fold(1.0, f64::max), 0.0f64, 0.0f64);
        for e in &circuit.elements {
            match &e.device {
                Device::VoltageSource { stimulus, .. } => volts = volts.max(stimulus.largest()),
                Device::Capacitor { farads: c, initial, .. } => {
                    farads = farads.max(c.abs());
                    volts = volts.max(initial.unwrap_or(0.0).abs());
                }
                Device::Resistor { ohms, .. } => siemens = siemens.max(1.0 / ohms.abs()),
                Device::Diode { model, area, m, .. } => {
                    let model = &circuit.diode_models[*model];
                    farads = farads.max(model.cjo * area * m);
                    if model.rs > 0.0 {
                        siemens = siemens.max(area * m / model.rs);
                    }
                }
                _ => {}
            }
        }
        Floors { abstol: 16.0 * f64::EPSILON * volts * siemens, chgtol: 1e-3 * volts * farads }
    }
}
