//! Mismatched copies of a circuit: every transistor with its own threshold and current factor.

use crate::circuit::{Circuit, Device, Polarity};
use crate::error::SpiceError;
use crate::expr::{Binary, Expr, Op, Unary};
use crate::native::assembly::assemble;
use crate::native::layout::SourceLoop;

/// A transistor of a circuit: an element M, or a B source that is proven to be an EKV transistor.
#[derive(Clone, Debug, PartialEq)]
pub struct Transistor {
    /// Index of its element.
    pub element: usize,
    /// Name of its element.
    pub name: String,
    /// n or p.
    pub polarity: Polarity,
    /// Width and length in metres; none where the netlist does not say.
    pub size: Option<(f64, f64)>,
    /// What the arguments of a B source's exponentials gain with a volt of gate voltage.
    gate: Option<f64>,
}

/// How a transistor departs from the one drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Departure {
    /// Added to the threshold's magnitude (V).
    pub threshold: f64,
    /// Its current is multiplied by this.
    pub current: f64,
}

/// A circuit's transistors, in the order of its elements.
///
/// # Errors
/// [`SpiceError::Singular`] where voltage sources form a loop.
pub fn transistors(circuit: &Circuit) -> Result<Vec<Transistor>, SpiceError> {
    let (shape, devices) = assemble(circuit, true).map_err(|SourceLoop { element }| SpiceError::Singular {
        engine: crate::EngineName::Native,
        nodes: vec![circuit.elements[element].name.clone()],
    })?;
    let mut found = Vec::new();
    for (i, element) in circuit.elements.iter().enumerate() {
        let (polarity, size, gate) = match &element.device {
            Device::Ekv { model, size, .. } => (circuit.ekv_models[*model].polarity, Some((size.w, size.l)), None),
            Device::Bsim4 { model, size, .. } => (circuit.bsim4_models[*model].polarity, Some((size.w, size.l)), None),
            Device::BehaviouralCurrent { .. } => {
                let Some(nth) = shape.ekv_elements.iter().position(|e| *e as usize == i) else { continue };
                let gate = devices.ekv.devices[nth].gate;
                let polarity = if gate >= 0.0 { Polarity::N } else { Polarity::P };
                (polarity, circuit.sizes.get(&i).copied(), Some(gate))
            }
            _ => continue,
        };
        found.push(Transistor { element: i, name: element.name.clone(), polarity, size, gate });
    }
    Ok(found)
}

/// The circuit with these transistors changed.
pub fn depart(circuit: &Circuit, changes: &[(&Transistor, Departure)]) -> Circuit {
    let mut changed = circuit.clone();
    for (transistor, by) in changes {
        let sign = if transistor.polarity == Polarity::N { 1.0 } else { -1.0 };
        let signed = sign * by.threshold;
        match &mut changed.elements[transistor.element].device {
            Device::Ekv { size, .. } => {
                size.delvto += signed;
                size.m *= by.current;
            }
            Device::Bsim4 { size, .. } => {
                size.delvto += signed;
                *size.extra.entry("mulu0".into()).or_insert(1.0) *= by.current;
            }
            Device::BehaviouralCurrent { amperes, .. } => {
                if let Some(gate) = transistor.gate {
                    *amperes = departed(amperes, -gate * signed, by.current);
                }
            }
            _ => {}
        }
    }
    changed
}

/// An EKV transistor's expression, `shift` added to the arguments of its exponentials, times `factor`.
fn departed(expr: &Expr, shift: f64, factor: f64) -> Expr {
    let mut ops = Vec::with_capacity(expr.ops().len() + 8);
    let mut place = Vec::with_capacity(expr.ops().len());
    for op in expr.ops() {
        let at = |r: &u32| place.get(*r as usize).copied().unwrap_or(0);
        let moved = match op {
            Op::Unary(Unary::Exp, a) if shift != 0.0 => {
                ops.push(Op::Const(shift));
                ops.push(Op::Binary(Binary::Add, at(a), ops.len() as u32 - 1));
                Op::Unary(Unary::Exp, ops.len() as u32 - 1)
            }
            Op::Unary(f, a) => Op::Unary(*f, at(a)),
            Op::Binary(f, a, b) => Op::Binary(*f, at(a), at(b)),
            Op::Select { condition, then, otherwise } => {
                Op::Select { condition: at(condition), then: at(then), otherwise: at(otherwise) }
            }
            other => *other,
        };
        ops.push(moved);
        place.push(ops.len() as u32 - 1);
    }
    if factor != 1.0 {
        let result = ops.len() as u32 - 1;
        ops.push(Op::Const(factor));
        ops.push(Op::Binary(Binary::Mul, result, ops.len() as u32 - 1));
    }
    // Every operand stands before its operation, as in the expression this was made from.
    Expr::new(ops).unwrap_or_else(|| expr.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EngineChoice, Job, Netlist, Settings, simulate};

    /// A diode-connected nFET and a pFET that mirrors, as B sources and as M elements.
    const WRITTEN: &str = "mirror
.subckt nekv d g s b w=1u l=1u
Bds d s I = ({1u*w/l})*(ln(1+exp((0.39*(V(g,b)-0.5)-V(s,b))/0.05))^2 - ln(1+exp((0.39*(V(g,b)-0.5)-V(d,b))/0.05))^2)
.ends
.subckt pekv d g s b w=1u l=1u
Bsd s d I = ({1u*w/l})*(ln(1+exp((0.39*(V(b,g)-0.5)-V(b,s))/0.05))^2 - ln(1+exp((0.39*(V(b,g)-0.5)-V(b,d))/0.05))^2)
.ends
vdd vdd 0 1.8
ib vdd a 10n
xn a a 0 0 nekv w=4u l=2u
xp out a vdd vdd pekv w=3u l=1u
rl out 0 10meg
.op
";
    const MODELS: &str = "mirror
.model nx nekv (is=1u vt0=0.5 kappa=0.39 ut=0.025)
.model px pekv (is=1u vt0=0.5 kappa=0.39 ut=0.025)
vdd vdd 0 1.8
ib vdd a 10n
mn a a 0 0 nx w=4u l=2u
mp out a vdd vdd px w=3u l=1u
rl out 0 10meg
.op
";

    fn voltages(circuit: Circuit) -> Vec<f64> {
        let settings = Settings { cache: false, ..Settings::default() };
        let done = simulate(&Job::of_circuit(circuit), EngineChoice::Only(crate::EngineName::Native), &settings);
        let done = done.unwrap();
        ["v(a)", "v(out)"].iter().map(|v| done.vector(v).unwrap().values[0]).collect()
    }

    #[test]
    fn written_and_modelled_transistors_depart_alike() {
        let change = |text: &str, threshold, current| {
            let circuit = Netlist::from_text(text).circuit().unwrap();
            let all = transistors(&circuit).unwrap();
            assert_eq!(all.iter().map(|t| t.polarity).collect::<Vec<_>>(), [Polarity::N, Polarity::P]);
            assert_eq!(all[0].size, Some((4e-6, 2e-6)), "{text}");
            let by = Departure { threshold, current };
            let changes: Vec<_> = all.iter().map(|t| (t, by)).collect();
            voltages(depart(&circuit, &changes))
        };
        for (threshold, current) in [(0.0, 1.0), (0.02, 1.0), (0.0, 1.3), (-0.03, 0.8)] {
            let (written, modelled) = (change(WRITTEN, threshold, current), change(MODELS, threshold, current));
            for (a, b) in written.iter().zip(&modelled) {
                assert!((a - b).abs() < 1e-9, "{threshold} V, factor {current}: {written:?} against {modelled:?}");
            }
        }
        // Threshold and current factor of a diode-connected transistor: V follows the threshold, Ut/kappa ln 2 the factor.
        let diode = |text: &str| {
            let v = |threshold, current| change(text, threshold, current)[0];
            (v(0.02, 1.0) - v(0.0, 1.0), v(0.0, 0.5) - v(0.0, 1.0))
        };
        // 24 Ut above its source and at I/Is = 2e-4 the diode is saturated to 4e-11 and exponential to 0.4 %.
        let saturated = WRITTEN.replace("0.39*", "0.7*").replace("-0.5)", "-0.9)").replace("a 10n", "a 450p");
        let (shift, slower) = diode(&saturated);
        assert!((shift - 0.02).abs() < 1e-9, "{shift}");
        assert!((slower - 0.025 / 0.7 * 2_f64.ln()).abs() < 1e-3, "{slower}");
        // At 10 nA the transistors above stand 6.6 Ut above their sources, saturated to 1.5e-3, and off the exponential by
        // sqrt(I/Is) = 7 %, of which the two currents differ by 2 mV.
        let (shift, slower) = diode(WRITTEN);
        assert!((shift - 0.02).abs() < 1e-4, "{shift}");
        assert!((slower - 0.025 / 0.39 * 2_f64.ln()).abs() < 3e-3, "{slower}");
    }
}
