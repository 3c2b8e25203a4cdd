//! The laws. Each takes a netlist and says whether it is kept.

use proptest::test_runner::TestCaseError;

use super::{Verdict, change, circuit, exceeds, fail, same_voltages, simulate};
use crate::circuit::{Circuit, Device, EkvModel, MosSize, NodeId, Polarity};
use crate::engine::{Accuracy, Settings};
use crate::native::{BOLTZMANN_OVER_CHARGE, Compiled, Method, Moment, Options};

/// Share of a node's currents that rounding may leave.
const ROUNDING: f64 = 1e-10;

/// The same of a difference of microamperes, A.
const LAST_BIT: f64 = 1e-20;

/// Errors of a step that a slope may be off by; the worst of 60,000 circuits is off by 29, one in a thousand steps by 1.3.
const OF_A_STEP: f64 = 50.0;

/// Kirchhoff: at every node and the end of every step the currents that leave sum up to nothing, each computed here from
/// the voltages by its own element's law. To rounding where no capacitor is; a capacitor's current is C times the slope of
/// the dense output, and what a step of length h is asked for is voltages to `vntol + reltol V`: slopes to that over h,
/// and never beyond 1e-4 of the largest currents there and a picoampere.
pub fn kirchhoff(text: String) -> Verdict {
    let (circuit, tran) = circuit(&text)?;
    let settings = Settings { accuracy: Accuracy::Tight, ..Settings::default() };
    let mut compiled = Compiled::new(circuit.clone().into(), Options::default()).map_err(fail)?;
    let mut verdict = Ok(());
    let farads = capacitances(&circuit);
    // The size of voltages and of a node's currents over the whole run: where all of them vanish, what is left is rounding.
    let (mut volts, mut largest) = (0.0f64, vec![0.0f64; circuit.nodes.len()]);
    let mut worst = largest.clone();
    let mut before = 0.0;
    let mut look = |m: &Moment| {
        let (sum, size) = currents(&circuit, m);
        volts = m.volts.iter().fold(volts, |v, x| v.max(x.abs()));
        // At time 0 nothing moves.
        let of_a_step =
            if m.t > before { (settings.vntol() + settings.reltol() * volts) / (m.t - before) } else { 0.0 };
        before = m.t;
        for node in circuit.nodes.ids() {
            let i = node.index();
            largest[i] = largest[i].max(size[i]);
            worst[i] = worst[i].max(sum[i].abs());
            let limit = ROUNDING * largest[i] + LAST_BIT + OF_A_STEP * farads[i] * of_a_step;
            if verdict.is_ok() && exceeds(sum[i].abs(), limit) {
                let (name, sum) = (circuit.nodes.name(node), sum[i]);
                let what =
                    format!("at t = {:e} s {sum:e} A of {:e} A remain at `{name}`, {limit:e} A allowed", m.t, size[i]);
                verdict = Err(TestCaseError::fail(what));
            }
        }
    };
    compiled.watch(&tran, &settings, &mut look).map_err(fail)?;
    verdict?;
    match circuit.nodes.ids().find(|n| exceeds(worst[n.index()], 1e-4 * largest[n.index()] + 1e-12)) {
        None => Ok(()),
        Some(n) => {
            let (name, i) = (circuit.nodes.name(n), n.index());
            Err(TestCaseError::fail(format!("{:e} A of {:e} A remain at `{name}`", worst[i], largest[i])))
        }
    }
}

/// Sum of the capacitances at each node.
fn capacitances(circuit: &Circuit) -> Vec<f64> {
    let mut farads = vec![0.0; circuit.nodes.len()];
    for e in &circuit.elements {
        if let Device::Capacitor { p, n, farads: c, .. } = e.device {
            farads[p.index()] += c;
            farads[n.index()] += c;
        }
    }
    farads
}

/// Sum, and sum of the magnitudes, of the currents that leave each node.
fn currents(circuit: &Circuit, m: &Moment) -> (Vec<f64>, Vec<f64>) {
    let (mut sum, mut size) = (vec![0.0; m.volts.len()], vec![0.0; m.volts.len()]);
    let v = |p: NodeId, n: NodeId| m.volts[p.index()] - m.volts[n.index()];
    for (i, e) in circuit.elements.iter().enumerate() {
        let current = match &e.device {
            Device::Resistor { p, n, ohms } => v(*p, *n) / ohms,
            Device::Capacitor { p, n, farads, .. } => farads * (m.rates[p.index()] - m.rates[n.index()]),
            Device::CurrentSource { stimulus, .. } => stimulus.at(m.t),
            Device::Vccs { cp, cn, gain, .. } => gain * v(*cp, *cn),
            Device::Cccs { control, gain, .. } => gain * m.currents[control.index()],
            Device::BehaviouralCurrent { amperes, .. } => amperes.value(m.t, v, |e| m.currents[e.index()]),
            Device::Diode { p, n, model, area, .. } => {
                let model = &circuit.diode_models[*model];
                let x = v(*p, *n) / (model.n * BOLTZMANN_OVER_CHARGE * circuit.temperature);
                let tail = 3.0 / (x * std::f64::consts::E);
                model.is * area * if x >= -3.0 { x.exp_m1() } else { -1.0 - tail.powi(3) }
            }
            Device::Ekv { d, g, s, b, model, size } => {
                ekv(&circuit.ekv_models[*model], size, v(*g, *b), v(*d, *b), v(*s, *b))
            }
            _ => m.currents[i],
        };
        let mut ends = e.device.terminals();
        let (Some(p), Some(second)) = (ends.next(), ends.next()) else { continue };
        // Of a transistor the source is the third terminal.
        let n = if matches!(e.device, Device::Ekv { .. }) { ends.next().unwrap_or(second) } else { second };
        for (node, amount) in [(p, current), (n, -current)] {
            sum[node.index()] += amount;
            size[node.index()] += amount.abs();
        }
    }
    (sum, size)
}

/// The drain current by the formula of [`EkvModel`].
fn ekv(model: &EkvModel, size: &MosSize, gate: f64, drain: f64, source: f64) -> f64 {
    let sign = if model.polarity == Polarity::N { 1.0 } else { -1.0 };
    let threshold = model.vt0 + sign * size.delvto;
    let f = |x: f64| ((model.kappa * (sign * gate - threshold) - sign * x) / (2.0 * model.ut)).exp().ln_1p().powi(2);
    let early = 1.0 + (drain - source).abs() / (model.ve * size.l);
    sign * model.is * size.w / size.l * size.m * (f(source) - f(drain)) * early
}

/// Passivity: without sources the energy in capacitors and inductors never grows.
pub fn passivity(text: String) -> Verdict {
    let (circuit, tran) = circuit(&text)?;
    let settings = Settings { accuracy: Accuracy::Tight, ..Settings::default() };
    let mut compiled = Compiled::new(circuit.clone().into(), Options::default()).map_err(fail)?;
    let (mut before, mut verdict) = (None::<f64>, Ok(()));
    let mut look = |m: &Moment| {
        let energy: f64 = circuit.elements.iter().enumerate().map(|(i, e)| stored(&e.device, m, i)).sum();
        if let Some(before) = before
            && verdict.is_ok()
            && exceeds(energy, before * (1.0 + 1e-7) + 1e-24)
        {
            let what = format!("at t = {:e} s the energy has grown from {before:e} to {energy:e} J", m.t);
            verdict = Err(TestCaseError::fail(what));
        }
        before = Some(energy);
    };
    compiled.watch(&tran, &settings, &mut look).map_err(fail)?;
    verdict
}

fn stored(device: &Device, m: &Moment, i: usize) -> f64 {
    match device {
        Device::Capacitor { p, n, farads, .. } => 0.5 * farads * (m.volts[p.index()] - m.volts[n.index()]).powi(2),
        Device::Inductor { henries, .. } => 0.5 * henries * m.currents[i].powi(2),
        _ => 0.0,
    }
}

/// Currents, conductances and capacitances times a factor leave voltages as they are.
pub fn impedance_scaling(text: String) -> Verdict {
    let (original, tran) = circuit(&text)?;
    let mut changed = original.clone();
    change::impedance(&mut changed, 1e-3);
    let a = simulate(&original, &tran, Method::default(), 101)?;
    same_voltages(&a, &simulate(&changed, &tran, Method::default(), 101)?, 1e-6)
}

/// Capacitances, inductances and the times of sources times a factor stretch time by it.
pub fn time_scaling(text: String) -> Verdict {
    let (original, tran) = circuit(&text)?;
    let (mut changed, mut stretched) = (original.clone(), tran.clone());
    change::time(&mut changed, &mut stretched, 4e3);
    let a = simulate(&original, &tran, Method::default(), 101)?;
    same_voltages(&a, &simulate(&changed, &stretched, Method::default(), 101)?, 1e-6)
}

/// A linear circuit's response to all sources is the sum of its responses to each half of them.
pub fn superposition(text: String) -> Verdict {
    let (both, tran) = circuit(&text)?;
    let part = |odd: bool| {
        let mut circuit = both.clone();
        change::only_sources(&mut circuit, |k| (k % 2 == 1) == odd);
        simulate(&circuit, &tran, Method::default(), 101)
    };
    let mut sum = part(true)?;
    let other = part(false)?;
    let (axis, mut signals) = sum.vectors.into_parts();
    for (s, o) in signals.iter_mut().zip(other.vectors.signals()) {
        s.values.iter_mut().zip(&o.values).for_each(|(a, b)| *a += b);
    }
    sum.vectors = felice_base::Sampled::new(axis, signals).map_err(fail)?;
    same_voltages(&simulate(&both, &tran, Method::default(), 101)?, &sum, 1e-6)
}

/// Methods of different kinds come to the same voltages.
pub fn methods_agree(text: String) -> Verdict {
    let (circuit, tran) = circuit(&text)?;
    let a = simulate(&circuit, &tran, Method::Rodas5P, 101)?;
    same_voltages(&a, &simulate(&circuit, &tran, Method::Rodas4, 101)?, 2e-6)?;
    same_voltages(&a, &simulate(&circuit, &tran, Method::Radau5, 101)?, 2e-6)
}

/// An operational transconductance amplifier of matched devices without Early effect is odd in its input, but for the
/// leakage of its mirror: within 1e-3.
pub fn ota_antisymmetry(text: String) -> Verdict {
    let circuit = crate::Netlist::from_text(text).circuit().map_err(fail)?;
    let Some(crate::Analysis::Dc(sweeps)) = circuit.analyses.first().cloned() else {
        return Err(TestCaseError::fail("the netlist asks for no sweep"));
    };
    let mut compiled = Compiled::new(circuit, Options::default()).map_err(fail)?;
    let saves = crate::circuit::Saves::Only(vec!["i(vout)".into()]);
    let waves = compiled.sweep(&sweeps, &Settings::default(), &saves).map_err(fail)?;
    let current = &waves.vectors.signals()[0].values;
    let largest = current.iter().fold(0.0f64, |m, i| m.max(i.abs()));
    for (a, b) in current.iter().zip(current.iter().rev()) {
        if exceeds((a + b).abs(), 1e-3 * largest) {
            return Err(TestCaseError::fail(format!("{a:e} A and {b:e} A at opposite inputs, at most {largest:e} A")));
        }
    }
    Ok(())
}
