//! Copies of a circuit that a law says behave alike.

use crate::analysis::Tran;
use crate::circuit::{Circuit, Device};
use crate::expr::{Binary, Expr, Op, Reg};
use crate::stimulus::{Stimulus, Wave};

/// Every current, conductance and capacitance times `factor` (inductances divided by it): voltages stay. Needs diodes
/// without breakdown currents of their own and B sources without branch currents.
pub fn impedance(circuit: &mut Circuit, factor: f64) {
    for model in &mut circuit.diode_models {
        (model.ikf, model.ibv) = (model.ikf * factor, model.ibv * factor);
    }
    for element in &mut circuit.elements {
        match &mut element.device {
            Device::Resistor { ohms, .. } => *ohms /= factor,
            Device::Capacitor { farads, .. } => *farads *= factor,
            Device::Inductor { henries, initial, .. } => {
                *henries /= factor;
                initial.iter_mut().for_each(|i| *i *= factor);
            }
            Device::CurrentSource { stimulus, .. } => *stimulus = scaled(stimulus, factor, 1.0),
            Device::Vccs { gain, .. } => *gain *= factor,
            Device::Ccvs { gain, .. } => *gain /= factor,
            Device::BehaviouralCurrent { amperes, .. } => *amperes = times(amperes, factor),
            Device::Diode { area, .. } => *area *= factor,
            Device::Ekv { size, .. } | Device::Bsim4 { size, .. } => size.w *= factor,
            Device::VoltageSource { .. }
            | Device::Vcvs { .. }
            | Device::Cccs { .. }
            | Device::BehaviouralVoltage { .. } => {}
        }
    }
}

/// Every capacitance, inductance and time of a source times `factor`: everything happens that much later. Needs B sources
/// that do not depend on time.
pub fn time(circuit: &mut Circuit, tran: &mut Tran, factor: f64) {
    for model in &mut circuit.diode_models {
        (model.cjo, model.tt) = (model.cjo * factor, model.tt * factor);
    }
    for element in &mut circuit.elements {
        match &mut element.device {
            Device::Capacitor { farads, .. } => *farads *= factor,
            Device::Inductor { henries, .. } => *henries *= factor,
            Device::VoltageSource { stimulus, .. } | Device::CurrentSource { stimulus, .. } => {
                *stimulus = scaled(stimulus, 1.0, factor);
            }
            _ => {}
        }
    }
    for t in [&mut tran.step, &mut tran.stop, &mut tran.start].into_iter().chain(tran.max_step.as_mut()) {
        *t *= factor;
    }
}

/// The independent sources that `keep` does not want, set to 0.
pub fn only_sources(circuit: &mut Circuit, keep: impl Fn(usize) -> bool) {
    let mut number = 0;
    for element in &mut circuit.elements {
        if let Device::VoltageSource { stimulus, .. } | Device::CurrentSource { stimulus, .. } = &mut element.device {
            if !keep(number) {
                *stimulus = Stimulus::constant(0.0);
            }
            number += 1;
        }
    }
}

/// A waveform with its values times `size` and its times times `length`.
fn scaled(s: &Stimulus, size: f64, length: f64) -> Stimulus {
    let wave = s.wave.clone().map(|wave| match wave {
        Wave::Pulse { low, high, delay, rise, fall, width, period, cycles } => Wave::Pulse {
            low: low * size,
            high: high * size,
            delay: delay * length,
            rise: rise * length,
            fall: fall * length,
            width: width * length,
            period: period * length,
            cycles,
        },
        Wave::Pwl { points } => Wave::Pwl { points: points.iter().map(|(t, v)| (t * length, v * size)).collect() },
        Wave::Sin { offset, amplitude, frequency, delay, damping, phase } => Wave::Sin {
            offset: offset * size,
            amplitude: amplitude * size,
            frequency: frequency / length,
            delay: delay * length,
            damping: damping / length,
            phase,
        },
        Wave::Exp { low, high, rise_delay, rise_tau, fall_delay, fall_tau } => Wave::Exp {
            low: low * size,
            high: high * size,
            rise_delay: rise_delay * length,
            rise_tau: rise_tau * length,
            fall_delay: fall_delay * length,
            fall_tau: fall_tau * length,
        },
    });
    Stimulus { dc: s.dc * size, wave }
}

fn times(expr: &Expr, factor: f64) -> Expr {
    let mut ops = expr.ops().to_vec();
    let value = expr.result();
    ops.push(Op::Const(factor));
    ops.push(Op::Binary(Binary::Mul, value, ops.len() as Reg - 1));
    Expr::new(ops).unwrap_or_else(|| expr.clone())
}
