//! From our circuit to spice21's, and what it cannot do, by name.
//!
//! Conventions that differ: its resistor takes a conductance; its current source drives current *into* `p`. Names are made
//! from numbers, since it keeps nodes and source currents in one table.

use spice21::proto::{self, def::Defines, instance::Comp};

use crate::circuit::{Bsim4Model, Circuit, Device, Element, MosSize, NodeId, OptionValue, Polarity};

/// Instance parameters that the published crate takes; the areas must be given, since it computes others than ngspice does.
const AREAS: [&str; 4] = ["ad", "as", "pd", "ps"];

/// A value held at a node through spice21's initial conditions.
pub(super) type Pin = (NodeId, f64);

/// Larger circuits would take spice21 minutes to set up: it searches all names for each terminal.
const MOST_TERMINALS: usize = 10_000;

/// Model parameters that change nothing at these values, the ones that spice21 has built in.
const BUILT_IN: [(&str, f64); 18] = [
    ("rdsw", 0.0),
    ("tnom", 27.0),
    ("mobmod", 0.0),
    ("diomod", 1.0),
    ("capmod", 2.0),
    ("rdsmod", 0.0),
    ("rbodymod", 0.0),
    ("rgatemod", 0.0),
    ("permod", 1.0),
    ("fnoimod", 1.0),
    ("tnoimod", 0.0),
    ("trnqsmod", 0.0),
    ("acnqsmod", 0.0),
    ("igcmod", 0.0),
    ("igbmod", 0.0),
    ("tempmod", 0.0),
    ("mtrlmod", 0.0),
    ("wpemod", 0.0),
];

/// Options that would make another circuit of it; the others concern engines of other kinds.
const CHANGING: [&str; 8] = ["cshunt", "gshunt", "defl", "defw", "defad", "defas", "tnom", "ramptime"];

/// Why spice21 cannot run a circuit; `None` where it can.
pub(super) fn refusal(circuit: &Circuit) -> Option<String> {
    if circuit.temperature != 300.15 {
        return Some("its BSIM4 ignores temperature: only 27 °C".into());
    }
    let standard = |o: &OptionValue| *o == OptionValue::Number(27.0);
    let option =
        circuit.options.iter().find(|(k, v)| CHANGING.contains(&k.as_str()) && !(k.as_str() == "tnom" && standard(v)));
    if let Some((key, _)) = option {
        return Some(format!("it does not know the option {key}"));
    }
    let copies =
        |e: &Element| if let Device::Bsim4 { size, .. } = &e.device { 4 * size.m.max(1.0) as usize } else { 2 };
    let terminals = circuit.elements.iter().map(copies).fold(0, usize::saturating_add);
    if terminals > MOST_TERMINALS {
        return Some(format!(
            "{terminals} terminals are more than it can set up in reasonable time ({MOST_TERMINALS})"
        ));
    }
    circuit.elements.iter().find_map(|e| element_refusal(circuit, e))
}

fn element_refusal(circuit: &Circuit, e: &Element) -> Option<String> {
    let what = match &e.device {
        Device::Resistor { ohms, .. } if (1.0 / ohms).is_infinite() => "a resistor of 0 ohms",
        Device::Resistor { .. }
        | Device::Capacitor { .. }
        | Device::VoltageSource { .. }
        | Device::CurrentSource { .. } => {
            return None;
        }
        Device::Bsim4 { model, size, .. } => return bsim4_refusal(circuit.bsim4_models.get(*model)?, size, &e.name),
        Device::Inductor { .. } => "an inductor",
        Device::Vcvs { .. } | Device::Vccs { .. } | Device::Cccs { .. } | Device::Ccvs { .. } => "a controlled source",
        Device::BehaviouralVoltage { .. } | Device::BehaviouralCurrent { .. } => "a behavioural source",
        Device::Diode { .. } => "a diode (its area, temperature and charge are wrong in the published crate)",
        Device::Ekv { .. } => "an EKV MOSFET",
    };
    Some(format!("`{}` is {what} ({})", e.name, circuit.place(e.origin)))
}

fn bsim4_refusal(model: &Bsim4Model, size: &MosSize, name: &str) -> Option<String> {
    let only = "the published crate runs the default card alone, whose twin in ngspice is `level=14 rdsw=0`";
    let version = model.version.as_deref().filter(|v| !v.starts_with("4.8"));
    if let Some(version) = version {
        return Some(format!("model `{}` is of BSIM4 version {version}; {only}", model.name));
    }
    let built_in = |(k, v): (&String, &f64)| BUILT_IN.iter().any(|(name, value)| k == name && v == value);
    if let Some((key, value)) = model.parameters.iter().find(|p| !built_in(*p)) {
        return Some(format!("model `{}` sets {key}={value:e}; {only}", model.name));
    }
    if !model.parameters.contains_key("rdsw") {
        return Some(format!("model `{}` does not set rdsw=0; {only}", model.name));
    }
    if let Some(area) = AREAS.iter().find(|a| !size.extra.contains_key(**a)) {
        return Some(format!("`{name}` does not state {area}=; it computes other areas than ngspice"));
    }
    if let Some(key) = size.extra.keys().find(|k| k.as_str() != "nf" && !AREAS.contains(&k.as_str())) {
        return Some(format!("`{name}` sets {key}=; it knows w, l, m, nf, delvto and areas"));
    }
    if !(size.l > 0.0 && size.w > 0.0) {
        return Some(format!("`{name}` has w={:e} and l={:e}; both must be above 0", size.w, size.l));
    }
    let whole = |n: f64| n.fract() == 0.0 && (1.0..=1000.0).contains(&n);
    let fingers = size.extra.get("nf").copied().unwrap_or(1.0);
    if !whole(size.m) || !whole(fingers) {
        return Some(format!("`{name}` has m={} and nf={fingers}; it takes whole numbers of devices", size.m));
    }
    None
}

/// What is added to a circuit for one run.
pub(super) struct Run<'r> {
    /// Value of every independent source, by element.
    pub source: &'r dyn Fn(usize) -> f64,
    /// Voltage sources that act through 1 S, by element.
    pub soft: &'r [usize],
    /// Nodes to which -1 nS is tied, against the 1 nS that an initial condition leaves behind.
    pub cured: &'r [NodeId],
    /// Capacitance from every node to ground, in a settling run.
    pub settling: Option<f64>,
}

/// Name of a node in spice21: empty for ground.
pub(super) fn node_name(node: NodeId) -> String {
    if node.is_ground() { String::new() } else { format!("n{}", node.0) }
}

/// Name of a source's current in spice21.
pub(super) fn branch_name(element: usize) -> String {
    format!("s{element}")
}

/// The node between a soft source and its 1 S.
fn soft_node(element: usize) -> String {
    format!("j{element}")
}

/// The circuit as spice21 takes it.
pub(super) fn translate(circuit: &Circuit, run: &Run<'_>) -> proto::Circuit {
    let mut comps = Vec::new();
    let mut defs = Vec::new();
    for (i, m) in circuit.bsim4_models.iter().enumerate() {
        let mos_type = if m.polarity == Polarity::N { proto::MosType::Nmos } else { proto::MosType::Pmos };
        let model = proto::Bsim4Model { name: format!("m{i}"), mos_type: mos_type as i32 };
        defs.push(proto::Def { defines: Some(Defines::Bsim4model(model)) });
    }
    for (i, e) in circuit.elements.iter().enumerate() {
        element(i, &e.device, run, &mut comps, &mut defs);
    }
    for (i, node) in run.cured.iter().enumerate() {
        comps.push(Comp::R(proto::Resistor {
            name: format!("cure{i}"),
            p: node_name(*node),
            n: String::new(),
            g: -1e-9,
        }));
    }
    if let Some(c) = run.settling {
        for node in circuit.nodes.ids() {
            comps.push(Comp::C(proto::Capacitor {
                name: format!("settle{}", node.0),
                p: node_name(node),
                n: String::new(),
                c,
            }));
        }
    }
    proto::Circuit {
        name: "circuit".into(),
        signals: circuit.nodes.ids().map(node_name).chain(run.soft.iter().map(|i| soft_node(*i))).collect(),
        defs,
        comps: comps.into_iter().map(|c| proto::Instance { comp: Some(c) }).collect(),
    }
}

fn element(i: usize, device: &Device, run: &Run<'_>, comps: &mut Vec<Comp>, defs: &mut Vec<proto::Def>) {
    let name = branch_name(i);
    match device {
        Device::Resistor { p, n, ohms } => {
            comps.push(Comp::R(proto::Resistor { name, p: node_name(*p), n: node_name(*n), g: 1.0 / ohms }));
        }
        Device::Capacitor { p, n, farads, .. } => {
            comps.push(Comp::C(proto::Capacitor { name, p: node_name(*p), n: node_name(*n), c: *farads }));
        }
        Device::VoltageSource { p, n, .. } => {
            let dc = (run.source)(i);
            let mut positive = node_name(*p);
            if run.soft.contains(&i) {
                let inner = soft_node(i);
                comps.push(Comp::R(proto::Resistor {
                    name: format!("soft{i}"),
                    p: positive,
                    n: inner.clone(),
                    g: 1.0,
                }));
                positive = inner;
            }
            comps.push(Comp::V(proto::Vsrc { name, p: positive, n: node_name(*n), dc, acm: 0.0 }));
        }
        Device::CurrentSource { p, n, .. } => {
            let dc = -(run.source)(i);
            comps.push(Comp::I(proto::Isrc { name, p: node_name(*p), n: node_name(*n), dc }));
        }
        Device::Bsim4 { d, g, s, b, model, size } => {
            let get = |key: &str| size.extra.get(key).copied();
            let inst = proto::Bsim4InstParams {
                name: format!("p{i}"),
                w: Some(size.w),
                l: Some(size.l),
                nf: get("nf"),
                ad: get("ad"),
                r#as: get("as"),
                pd: get("pd"),
                ps: get("ps"),
                delvto: Some(size.delvto),
                ..Default::default()
            };
            defs.push(proto::Def { defines: Some(Defines::Bsim4inst(inst)) });
            for copy in 0..size.m as usize {
                let ports = proto::MosPorts { d: node_name(*d), g: node_name(*g), s: node_name(*s), b: node_name(*b) };
                let (model, params) = (format!("m{model}"), format!("p{i}"));
                comps.push(Comp::M(proto::Mos { name: format!("{name}c{copy}"), model, params, ports: Some(ports) }));
            }
        }
        // Refused before.
        _ => {}
    }
}
