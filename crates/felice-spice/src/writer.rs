//! A flattened circuit as netlist text: for ngspice where there is no text of the user's that it would understand, and as
//! the canonical form whose hash names a result in the cache.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::analysis::{Analysis, Tran};
use crate::circuit::{Circuit, Device, EkvModel, ElementId, MosSize, NodeId, OptionValue, Polarity};
use crate::expr::{Binary, Expr, Op, Reg, Unary};
use crate::stimulus::{Stimulus, Wave};

/// Longest text of one expression: what is shared in an [`Expr`] is written out again and again.
const MAX_EXPRESSION: usize = 1_000_000;

/// The elements and models of a circuit as lines that plain ngspice reads; EKV MOSFETs become B sources. Neither title nor
/// commands. `None` where an expression would be too long.
pub(crate) fn elements(circuit: &Circuit) -> Option<String> {
    let mut out = String::new();
    for model in &circuit.bsim4_models {
        let kind = if model.polarity == Polarity::N { "nmos" } else { "pmos" };
        let _ = write!(out, ".model {} {kind} level=14", model_name(&model.name));
        if let Some(version) = &model.version {
            let _ = write!(out, " version={version}");
        }
        for (name, value) in &model.parameters {
            let _ = write!(out, "\n+ {name}={value:e}");
        }
        out.push('\n');
    }
    for d in &circuit.diode_models {
        let _ = write!(out, ".model {} d is={:e} n={:e} rs={:e}", model_name(&d.name), d.is, d.n, d.rs);
        let _ = write!(out, " cjo={:e} vj={:e} m={:e} fc={:e} tt={:e}", d.cjo, d.vj, d.m, d.fc, d.tt);
        let _ = write!(out, " eg={:e} xti={:e}", d.eg, d.xti);
        if d.bv.is_finite() {
            let _ = write!(out, " bv={:e} ibv={:e} nbv={:e}", d.bv, d.ibv, d.nbv);
        }
        if d.ikf.is_finite() {
            let _ = write!(out, " ikf={:e}", d.ikf);
        }
        if let Some(kelvin) = d.tnom {
            let _ = write!(out, " tnom={:e}", kelvin - 273.15);
        }
        out.push('\n');
    }
    for element in &circuit.elements {
        Writer { circuit, out: &mut out }.element(&element.name, &element.device)?;
    }
    Some(out)
}

/// Everything a simulation depends on, as text.
pub(crate) fn canonical(circuit: &Circuit, analysis: &Analysis) -> Option<String> {
    let mut out = elements(circuit)?;
    let name = |id: &NodeId| circuit.nodes.name(*id);
    for (word, list) in [("ic", &circuit.initial), ("nodeset", &circuit.nodeset)] {
        for (node, value) in list {
            let _ = writeln!(out, ".{word} v({})={value:e}", name(node));
        }
    }
    for m in &circuit.ekv_models {
        let _ =
            writeln!(out, "* {} {:?} {:e} {:e} {:e} {:e} {:e}", m.name, m.polarity, m.is, m.vt0, m.kappa, m.ve, m.ut);
    }
    for e in &circuit.elements {
        if let Device::Ekv { model, size, .. } = &e.device {
            let _ = writeln!(out, "* {} {model} {size:?}", e.name);
        }
    }
    for (name, value) in &circuit.options {
        let _ = match value {
            OptionValue::Number(x) => writeln!(out, ".options {name}={x:e}"),
            OptionValue::Word(w) => writeln!(out, ".options {name}={w}"),
        };
    }
    let _ = writeln!(out, ".temp {:e}\n* {:?}\n* {:?}", circuit.temperature, circuit.saves, circuit.measures);
    let _ = writeln!(out, "{}", command(analysis, None));
    Some(out)
}

/// An analysis as a command (`tran 1e-6 1e-3 0 1e-7`); `max_step` below what it says itself.
pub(crate) fn command(analysis: &Analysis, max_step: Option<f64>) -> String {
    match analysis {
        Analysis::Op => "op".into(),
        Analysis::Dc(sweeps) => sweeps.iter().fold("dc".into(), |mut line, s| {
            let _ = write!(line, " {} {:e} {:e} {:e}", s.source, s.start, s.stop, s.step);
            line
        }),
        Analysis::Tran(Tran { step, stop, start, max_step: own, uic }) => {
            let max = [*own, max_step].into_iter().flatten().fold(f64::INFINITY, f64::min);
            let max = if max.is_finite() { format!(" {max:e}") } else { String::new() };
            format!("tran {step:e} {stop:e} {start:e}{max}{}", if *uic { " uic" } else { "" })
        }
    }
}

/// Model names of subcircuits hold a colon, which ngspice keeps for itself.
fn model_name(name: &str) -> String {
    name.replace(':', ".")
}

/// The name under which ngspice gets an element: polynomials of currents (F, H) become B sources.
pub(crate) fn written_name<'n>(name: &'n str, device: &Device) -> Cow<'n, str> {
    let behavioural = matches!(device, Device::BehaviouralVoltage { .. } | Device::BehaviouralCurrent { .. });
    match behavioural && name.starts_with(['f', 'h']) {
        true => Cow::Owned(format!("b{name}")),
        false => Cow::Borrowed(name),
    }
}

struct Writer<'w> {
    circuit: &'w Circuit,
    out: &'w mut String,
}

impl Writer<'_> {
    fn element(&mut self, name: &str, device: &Device) -> Option<()> {
        let circuit = self.circuit;
        let node = |id: NodeId| circuit.nodes.name(id);
        let by_name =
            |id: ElementId| circuit.elements.get(id.index()).map_or("?".into(), |e| written_name(&e.name, &e.device));
        let out = &mut *self.out;
        let ic = |initial: &Option<f64>| initial.map(|x| format!(" ic={x:e}")).unwrap_or_default();
        let _ = match device {
            Device::Resistor { p, n, ohms } => writeln!(out, "{name} {} {} {ohms:e}", node(*p), node(*n)),
            Device::Capacitor { p, n, farads, initial } => {
                writeln!(out, "{name} {} {} {farads:e}{}", node(*p), node(*n), ic(initial))
            }
            Device::Inductor { p, n, henries, initial } => {
                writeln!(out, "{name} {} {} {henries:e}{}", node(*p), node(*n), ic(initial))
            }
            Device::VoltageSource { p, n, stimulus } | Device::CurrentSource { p, n, stimulus } => {
                writeln!(out, "{name} {} {} {}", node(*p), node(*n), source(stimulus))
            }
            Device::Vcvs { p, n, cp, cn, gain } | Device::Vccs { p, n, cp, cn, gain } => {
                writeln!(out, "{name} {} {} {} {} {gain:e}", node(*p), node(*n), node(*cp), node(*cn))
            }
            Device::Cccs { p, n, control, gain } | Device::Ccvs { p, n, control, gain } => {
                writeln!(out, "{name} {} {} {} {gain:e}", node(*p), node(*n), by_name(*control))
            }
            Device::BehaviouralVoltage { p, n, volts: expr } | Device::BehaviouralCurrent { p, n, amperes: expr } => {
                // What was written as E or G keeps its letter, so that its current keeps its name; F and H cannot.
                let name = written_name(name, device);
                let key = match (name.as_bytes().first(), matches!(device, Device::BehaviouralVoltage { .. })) {
                    (Some(b'e'), _) => "vol",
                    (Some(b'g'), _) => "cur",
                    (_, true) => "v",
                    (_, false) => "i",
                };
                let _ = write!(out, "{name} {} {} {key}='", node(*p), node(*n));
                expression(circuit, expr, out)?;
                writeln!(out, "'")
            }
            Device::Diode { p, n, model, area, m } => {
                let model = model_name(circuit.diode_models.get(*model).map_or("?", |m| &m.name));
                // ngspice 39 takes a bare area for a model's name.
                writeln!(out, "{name} {} {} {model} area={area:e} m={m:e}", node(*p), node(*n))
            }
            Device::Ekv { d, g, s, b, model, size } => {
                let model = circuit.ekv_models.get(*model)?;
                writeln!(out, "b{name} {} {} i={}", node(*d), node(*s), ekv(model, size, [*d, *g, *s, *b].map(node)))
            }
            Device::Bsim4 { d, g, s, b, model, size } => {
                let model = model_name(circuit.bsim4_models.get(*model).map_or("?", |m| &m.name));
                let _ = write!(out, "{name} {} {} {} {} {model}", node(*d), node(*g), node(*s), node(*b));
                let _ = write!(out, " w={:e} l={:e} m={:e} delvto={:e}", size.w, size.l, size.m, size.delvto);
                for (key, value) in &size.extra {
                    let _ = write!(out, " {key}={value:e}");
                }
                writeln!(out)
            }
        };
        Some(())
    }
}

fn source(stimulus: &Stimulus) -> String {
    let mut line = format!("dc {:e}", stimulus.dc);
    let _ = match &stimulus.wave {
        None => Ok(()),
        Some(Wave::Pulse { low, high, delay, rise, fall, width, period, cycles }) => {
            let period = if period.is_finite() { *period } else { 1e99 };
            let _ = write!(line, " pulse({low:e} {high:e} {delay:e} {rise:e} {fall:e} {width:e} {period:e}");
            write!(line, "{})", cycles.map(|n| format!(" {n}")).unwrap_or_default())
        }
        Some(Wave::Pwl { points }) => {
            line.push_str(" pwl(");
            for (t, v) in points {
                let _ = write!(line, "{t:e} {v:e} ");
            }
            write!(line, ")")
        }
        Some(Wave::Sin { offset, amplitude, frequency, delay, damping, phase }) => {
            write!(line, " sin({offset:e} {amplitude:e} {frequency:e} {delay:e} {damping:e} {phase:e})")
        }
        Some(Wave::Exp { low, high, rise_delay, rise_tau, fall_delay, fall_tau }) => {
            write!(line, " exp({low:e} {high:e} {rise_delay:e} {rise_tau:e} {fall_delay:e} {fall_tau:e})")
        }
    };
    line
}

/// The drain current of an EKV MOSFET (see [`EkvModel`]) as a B source's expression.
fn ekv(model: &EkvModel, size: &MosSize, [d, g, s, b]: [&str; 4]) -> String {
    let EkvModel { is, vt0, kappa, ve, ut, .. } = model;
    let scale = is * size.w / size.l * size.m;
    let early = if ve.is_finite() { format!("*(1+abs(v({d},{s}))/({:e}))", ve * size.l) } else { String::new() };
    let (vt, p, q, sign) = match model.polarity {
        Polarity::N => (vt0 + size.delvto, [g, b], [s, d], ""),
        Polarity::P => (vt0 - size.delvto, [b, g], [s, d], "-"),
    };
    let channel = |x: &str| {
        let xb = if model.polarity == Polarity::N { format!("v({x},{b})") } else { format!("v({b},{x})") };
        format!("ln(1+exp((({kappa:e})*(v({},{})-({vt:e}))-{xb})/({:e})))^2", p[0], p[1], 2.0 * ut)
    };
    format!("{sign}({scale:e})*({}-{}){early}", channel(q[0]), channel(q[1]))
}

/// Writes an expression, fully in parentheses, without recursion.
fn expression(circuit: &Circuit, expr: &Expr, out: &mut String) -> Option<()> {
    enum Piece {
        Text(&'static str),
        Value(Reg),
    }
    use Piece::{Text, Value};
    let limit = out.len() + MAX_EXPRESSION;
    let mut pending = vec![Value(expr.result())];
    while let Some(piece) = pending.pop() {
        if out.len() > limit {
            return None;
        }
        let op = match piece {
            Text(text) => {
                out.push_str(text);
                continue;
            }
            Value(r) => expr.ops().get(r as usize)?,
        };
        let _ = match op {
            Op::Const(c) => write!(out, "({c:e})"),
            Op::Time => write!(out, "time"),
            Op::Voltage(p, n) if n.is_ground() => write!(out, "v({})", circuit.nodes.name(*p)),
            Op::Voltage(p, n) => write!(out, "v({},{})", circuit.nodes.name(*p), circuit.nodes.name(*n)),
            Op::Current(e) => {
                let element = circuit.elements.get(e.index())?;
                write!(out, "i({})", written_name(&element.name, &element.device))
            }
            Op::Unary(f, a) => {
                pending.extend([Text(")"), Value(*a), Text(unary_text(*f))]);
                Ok(())
            }
            Op::Binary(f, a, b) => {
                match binary_text(*f) {
                    Named(text) => pending.extend([Text(")"), Value(*b), Text(","), Value(*a), Text(text)]),
                    Infix(text) => pending.extend([Text(")"), Value(*b), Text(text), Value(*a), Text("(")]),
                }
                Ok(())
            }
            Op::Select { condition, then, otherwise } => {
                let parts =
                    [Text(")"), Value(*otherwise), Text(":"), Value(*then), Text("?"), Value(*condition), Text("(")];
                pending.extend(parts);
                Ok(())
            }
        };
    }
    Some(())
}

fn unary_text(f: Unary) -> &'static str {
    match f {
        Unary::Neg => "(-",
        Unary::Not => "(!",
        Unary::Abs => "abs(",
        Unary::Sgn => "sgn(",
        Unary::Sqrt => "sqrt(",
        Unary::Exp => "exp(",
        Unary::Ln => "ln(",
        Unary::Log10 => "log10(",
        Unary::Sin => "sin(",
        Unary::Cos => "cos(",
        Unary::Tan => "tan(",
        Unary::Sinh => "sinh(",
        Unary::Cosh => "cosh(",
        Unary::Tanh => "tanh(",
        Unary::Asin => "asin(",
        Unary::Acos => "acos(",
        Unary::Atan => "atan(",
        Unary::Asinh => "asinh(",
        Unary::Acosh => "acosh(",
        Unary::Atanh => "atanh(",
        Unary::Floor => "floor(",
        Unary::Ceil => "ceil(",
        Unary::Step => "u(",
        Unary::Ramp => "uramp(",
    }
}

enum BinaryText {
    Named(&'static str),
    Infix(&'static str),
}
use BinaryText::{Infix, Named};

fn binary_text(f: Binary) -> BinaryText {
    match f {
        Binary::Add => Infix("+"),
        Binary::Sub => Infix("-"),
        Binary::Mul => Infix("*"),
        Binary::Div => Infix("/"),
        Binary::Pow => Infix("^"),
        Binary::Pwr => Named("pwr("),
        Binary::Min => Named("min("),
        Binary::Max => Named("max("),
        Binary::Atan2 => Named("atan2("),
        Binary::Eq => Infix("=="),
        Binary::Ne => Infix("!="),
        Binary::Gt => Infix(">"),
        Binary::Lt => Infix("<"),
        Binary::Ge => Infix(">="),
        Binary::Le => Infix("<="),
        Binary::And => Infix("&&"),
        Binary::Or => Infix("||"),
    }
}
