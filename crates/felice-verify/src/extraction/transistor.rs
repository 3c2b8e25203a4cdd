//! `felice extract NETLIST`: the DC sweep that a netlist asks for, and what it says of every transistor and block in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use felice_spice::circuit::{Device, Polarity as Channel, thermal_voltage};
use felice_spice::expr::{Expr, Op};
use felice_spice::{Analysis, Circuit, EngineChoice, Netlist, Settings, Simulation, SpiceError, simulate};
use felice_subthreshold::extract::ExtractError;
use felice_subthreshold::extract::block::{Block, Kind};
use felice_subthreshold::extract::neuron::Estimate;
use felice_subthreshold::extract::transistor::{Transistor, TransistorSweep, extract};
use felice_subthreshold::{Card, DeviceCard, FetCard, Polarity, Quantity};

use super::bench::Bench;
use super::blocks::{self, Columns};
use crate::error::VerifyError;

/// What a netlist's sweep says of its transistors and blocks.
#[derive(Clone, Debug)]
pub struct NetlistExtraction {
    /// Transistors in the order of the netlist, with what each sweep gave or why it gave nothing.
    pub transistors: Vec<(Terminals, Result<Transistor, ExtractError>)>,
    /// Blocks found in the netlist: their transistors' names, and what the sweep gave or why it gave nothing.
    pub blocks: Vec<(String, Result<Block, ExtractError>)>,
    /// The device card: the first nFET and pFET as `nfet` and `pfet`, further ones as devices with values of their own;
    /// the first pair's or OTA's tail, rho and offset as `[circuit]`.
    pub card: Card,
    /// What the netlist does not say and was assumed.
    pub warnings: Vec<String>,
    /// Engine that ran the sweep, with its version.
    pub engine: String,
}

/// A transistor of the netlist.
#[derive(Clone, Debug, PartialEq)]
pub struct Terminals {
    /// Flattened name.
    pub name: String,
    /// nFET or pFET.
    pub polarity: Polarity,
    /// Width (m), times parallel devices.
    pub w: f64,
    /// Length (m).
    pub l: f64,
    /// Drain, gate, source, bulk.
    pub(super) nodes: [String; 4],
    /// True where the element's first terminal is its source.
    pub(super) reversed: bool,
}

impl Terminals {
    pub(super) fn drain(&self) -> &str {
        &self.nodes[0]
    }

    pub(super) fn gate(&self) -> &str {
        &self.nodes[1]
    }

    pub(super) fn source(&self) -> &str {
        &self.nodes[2]
    }

    pub(super) fn diode(&self) -> bool {
        self.nodes[0] == self.nodes[1]
    }
}

/// Width and length (m) of transistors whose netlist does not say them, by name; the empty name stands for all.
pub type Sizes = BTreeMap<String, (f64, f64)>;

/// Runs a netlist's first `.dc` and extracts every transistor in it that was swept through subthreshold, and every
/// pair, OTA and mirror. Transistors written as B sources (`nekv`, `pekv` of `netlists/lib/ekv.lib`) carry no W and L:
/// `sizes` gives them, a square device is assumed otherwise.
///
/// # Errors
/// [`VerifyError`]: what is wrong with the netlist or the engine, no `.dc`, no transistor, or, where nothing could
/// be extracted, what is wrong with the first sweep.
pub fn extract_netlist(
    path: &Path,
    engine: EngineChoice,
    settings: &Settings,
    sizes: &Sizes,
) -> Result<NetlistExtraction, VerifyError> {
    let name = path.display().to_string();
    let spice = |source| VerifyError::Circuit { case: name.clone(), source: Box::new(source) };
    let circuit = Netlist::read(path).map_err(spice)?.circuit().map_err(spice)?;
    let request = |what: &str, expected: &str| {
        spice(SpiceError::Request { what: format!("extraction from {name}, {what}"), expected: expected.into() })
    };
    let Some(sweep) = circuit.analyses.iter().find(|a| matches!(a, Analysis::Dc(_))).cloned() else {
        return Err(request("which has no .dc", "a line such as `.dc vg 0 0.6 0.01 vd 0.2 0.4 0.1`"));
    };
    let mut warnings = Vec::new();
    let terminals = transistors(&circuit, sizes, &mut warnings);
    if terminals.is_empty() {
        let expected = "at least one M line (an EKV or BSIM4 .model) or subcircuit nekv or pekv of ekv.lib";
        return Err(request("which has no MOSFET", expected));
    }
    let known = |n: &String| n.is_empty() || terminals.iter().any(|t| t.name == *n || short(&t.name) == *n);
    if let Some(stray) = sizes.keys().find(|n| !known(n)) {
        let names: Vec<&str> = terminals.iter().map(|t| short(&t.name)).collect();
        return Err(request(&format!("a size for `{stray}`"), &format!("one of {}", names.join(", "))));
    }
    let mut bench = Bench::new(&circuit);
    for t in &terminals {
        bench.ammeter(&t.name).map_err(|what| request(&what, "a transistor"))?;
        t.nodes.iter().filter(|n| *n != "0").for_each(|n| bench.save(&format!("v({n})")));
    }
    let settings = Settings { reltol: Some(settings.reltol.unwrap_or(1e-9)), samples: None, ..settings.clone() };
    let simulation = simulate(&bench.job(sweep), engine, &settings).map_err(spice)?;
    let ut = thermal_voltage(circuit.temperature);
    let columns: Vec<Result<Columns, ExtractError>> =
        terminals.iter().map(|t| columns(t, &circuit, &simulation)).collect();
    let columns = columns.into_iter().collect::<Result<Vec<Columns>, _>>().map_err(|e| device(&name, e))?;
    let rail = |node: &str| node == "0" || held(&circuit, node);
    let found = blocks::find(&terminals, rail);
    let blocks: Vec<(String, Result<Block, ExtractError>)> = found
        .iter()
        .map(|f| {
            let names: Vec<&str> = f.members().iter().map(|i| short(&terminals[*i].name)).collect();
            (names.join(", "), blocks::extract(f, &terminals, &columns, ut))
        })
        .collect();
    let results: Vec<(Terminals, Result<Transistor, ExtractError>)> = terminals
        .into_iter()
        .zip(&columns)
        .map(|(t, c)| {
            let result = of_terminals(&t, c, ut);
            (t, result)
        })
        .collect();
    let nothing = results.iter().all(|(_, r)| r.is_err()) && blocks.iter().all(|(_, b)| b.is_err());
    let block_error = || blocks.iter().find_map(|(_, b)| b.as_ref().err());
    if nothing && let Some(error) = block_error().or_else(|| results.iter().find_map(|(_, r)| r.as_ref().err())) {
        return Err(device(&name, error.clone()));
    }
    Ok(NetlistExtraction {
        card: card(&name, circuit.temperature, &results, &blocks),
        transistors: results,
        blocks,
        warnings,
        engine: format!("{} {}", simulation.engine, simulation.version),
    })
}

fn device(case: &str, error: ExtractError) -> VerifyError {
    VerifyError::Device { case: case.to_owned(), source: Box::new(error.into()) }
}

/// True where a voltage source holds a node.
fn held(circuit: &Circuit, node: &str) -> bool {
    circuit.elements.iter().any(|e| match e.device {
        Device::VoltageSource { p, n, .. } => [p, n].iter().any(|x| circuit.nodes.name(*x) == node),
        _ => false,
    })
}

/// `xota.m2` for what ngspice calls `m.xota.m2`; `x1` for the B source of `x1`.
fn short(name: &str) -> &str {
    let bare = name.strip_suffix(".bds").or_else(|| name.strip_suffix(".bsd"));
    let bare = bare.unwrap_or(name);
    match bare.split_once('.') {
        Some((letter, rest)) if letter.len() == 1 => rest,
        _ => bare,
    }
}

/// Every MOSFET of a circuit.
fn transistors(circuit: &Circuit, sizes: &Sizes, warnings: &mut Vec<String>) -> Vec<Terminals> {
    let node = |n: felice_spice::circuit::NodeId| circuit.nodes.name(n).to_owned();
    let mut unsized_ = Vec::new();
    let mut found = Vec::new();
    for e in &circuit.elements {
        let given = sizes.get(short(&e.name)).or_else(|| sizes.get(&e.name)).or_else(|| sizes.get("")).copied();
        let (nodes, size, polarity, reversed) = match &e.device {
            Device::Ekv { d, g, s, b, model, size } => {
                let Some(model) = circuit.ekv_models.get(*model) else { continue };
                ([*d, *g, *s, *b].map(node), Some((size.w * size.m, size.l)), model.polarity, false)
            }
            Device::Bsim4 { d, g, s, b, model, size } => {
                let Some(model) = circuit.bsim4_models.get(*model) else { continue };
                ([*d, *g, *s, *b].map(node), Some((size.w * size.m, size.l)), model.polarity, false)
            }
            Device::BehaviouralCurrent { p, n, amperes } => {
                let n_kind = e.name.ends_with(".bds");
                let Some((a, b)) = first_voltage(amperes).filter(|_| n_kind || e.name.ends_with(".bsd")) else {
                    continue;
                };
                // I = F(V(g,b), ..) from d to s of the n kind; F(V(b,g), ..) from s to d of the p kind.
                let all = if n_kind { [*p, a, *n, b] } else { [*n, b, *p, a] };
                (all.map(node), None, if n_kind { Channel::N } else { Channel::P }, !n_kind)
            }
            _ => continue,
        };
        if size.is_none() && given.is_none() {
            unsized_.push(short(&e.name));
        }
        let (w, l) = size.or(given).unwrap_or((1e-6, 1e-6));
        let polarity = if polarity == Channel::N { Polarity::N } else { Polarity::P };
        found.push(Terminals { name: e.name.clone(), polarity, w, l, nodes, reversed });
    }
    if !unsized_.is_empty() {
        warnings.push(format!(
            "the netlist's B sources do not say W and L of {}: I0 and Is are those of the very device, as if W = L; give \
             --size W/L or --size NAME=W/L",
            unsized_.join(", ")
        ));
    }
    found
}

fn first_voltage(expr: &Expr) -> Option<(felice_spice::circuit::NodeId, felice_spice::circuit::NodeId)> {
    expr.ops().iter().find_map(|op| match op {
        Op::Voltage(a, b) => Some((*a, *b)),
        _ => None,
    })
}

/// A transistor's voltages and current from the simulation.
fn columns(t: &Terminals, circuit: &Circuit, simulation: &Simulation) -> Result<Columns, ExtractError> {
    let column = |vector: &str| simulation.vector(vector).map(|s| s.values.clone());
    let missing = |vector: &str| ExtractError::Missing {
        what: t.name.clone(),
        vector: vector.into(),
        known: simulation.vectors.signals().iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", "),
    };
    let ammeter = super::bench::ammeter_current(circuit, &t.name);
    let current = column(&ammeter).ok_or_else(|| missing(&ammeter))?;
    let voltage = |node: &str| match node {
        "0" => Ok(vec![0.0; current.len()]),
        _ => column(&format!("v({node})")).ok_or_else(|| missing(node)),
    };
    let [drain, gate, source, bulk] =
        [voltage(&t.nodes[0])?, voltage(&t.nodes[1])?, voltage(&t.nodes[2])?, voltage(&t.nodes[3])?];
    let conducts = if (t.polarity == Polarity::N) != t.reversed { 1.0 } else { -1.0 };
    let current = current.iter().map(|i| conducts * i).collect();
    Ok(Columns { drain, gate, source, bulk, current })
}

/// A source this far (V) from its bulk shifts the threshold: the equations count from both together.
const TOGETHER: f64 = 1e-3;

/// Voltages from the source in the direction of conduction, and the extraction. A transistor is the same from both ends:
/// where the netlist's drain stands at the bulk and its source does not, that is the source.
fn of_terminals(t: &Terminals, c: &Columns, ut: f64) -> Result<Transistor, ExtractError> {
    let from_bulk = |x: &[f64]| x.iter().zip(&c.bulk).map(|(x, b)| (x - b).abs()).fold(0.0, f64::max);
    let apart = from_bulk(&c.source);
    if apart > TOGETHER && from_bulk(&c.drain) <= TOGETHER {
        let (drain, source) = (c.source.clone(), c.drain.clone());
        let current = c.current.iter().map(|i| -i).collect();
        return of_terminals(t, &Columns { drain, source, current, gate: c.gate.clone(), bulk: c.bulk.clone() }, ut);
    }
    if apart > TOGETHER {
        return Err(ExtractError::Sweep {
            what: t.name.clone(),
            problem: format!("its source is up to {:.0} mV from its bulk", 1e3 * apart),
            remedy: "sweep it with source and bulk on one rail".into(),
        });
    }
    let sign = if t.polarity == Polarity::N { 1.0 } else { -1.0 };
    let from_source = |x: &[f64]| -> Vec<f64> { x.iter().zip(&c.source).map(|(x, s)| sign * (x - s)).collect() };
    let (gate, drain) = (from_source(&c.gate), from_source(&c.drain));
    extract(&TransistorSweep {
        device: &t.name,
        gate: &gate,
        drain: &drain,
        current: &c.current,
        aspect: t.w / t.l,
        ut,
    })
}

/// One card for all: kinds from the first of each polarity, the rest as devices.
fn card(
    netlist: &str,
    temperature: f64,
    results: &[(Terminals, Result<Transistor, ExtractError>)],
    blocks: &[(String, Result<Block, ExtractError>)],
) -> Card {
    let mut card = Card::default();
    netlist.clone_into(&mut card.file);
    card.name = stem(netlist);
    card.conditions.insert("T".into(), Quantity::new(temperature, "K", "netlist"));
    let note = |card: &mut Card, text: String| {
        if !card.note.is_empty() {
            card.note.push_str("; ");
        }
        card.note.push_str(&text);
    };
    for (t, result) in results {
        let Ok(transistor) = result else { continue };
        let source = format!("DC sweep of {} in {netlist}", t.name);
        let single = transistor.to_card(&card.name, t.polarity, temperature, &source);
        let kind = if t.polarity == Polarity::N { "nfet" } else { "pfet" };
        let mut fet = single
            .fets
            .into_values()
            .next()
            .unwrap_or_else(|| FetCard { polarity: t.polarity, quantities: Default::default() });
        if let Some(va) = fet.quantities.get("VA").cloned() {
            let ve = Quantity { value: va.value / t.l, error: va.error.map(|e| e / t.l), unit: "V/m", ..va };
            fet.quantities.insert("VE".into(), ve);
        }
        let geometry = [("W", t.w), ("L", t.l)].map(|(k, v)| (k.to_owned(), Quantity::new(v, "m", "netlist")));
        let mut device = DeviceCard { fet: Some(kind.to_owned()), quantities: geometry.into() };
        if card.fets.contains_key(kind) {
            device.quantities.extend(fet.quantities);
            card.devices.insert(short(&t.name).to_owned(), device);
        } else {
            card.fets.insert(kind.to_owned(), fet);
        }
        note(&mut card, format!("{}: {}", t.name, single.note));
    }
    for (name, result) in blocks {
        let Ok(block) = result else { continue };
        let said: Vec<String> = block
            .quantities
            .iter()
            .map(|q| format!("{} = {:.6e} +- {:.1e} {}", q.name, q.value, q.standard_error, q.unit))
            .collect();
        let [low, high] = block.holds;
        note(&mut card, format!("{name}: {}, to 1 % from {low:.3} to {high:.3} V", said.join(", ")));
        if block.kind == Kind::Mirror || card.circuit.contains_key("rho") {
            continue;
        }
        let source = format!("DC sweep of {name} in {netlist}");
        let entry = |q: &Estimate, key: &str, unit| {
            (key.to_owned(), Quantity::new(q.value, unit, source.clone()).with_error(q.standard_error))
        };
        for q in &block.quantities {
            let (key, unit) = match q.name.as_str() {
                "tail" => ("Itail", "A"),
                "rho" => ("rho", "1/V"),
                _ => ("offset", "V"),
            };
            card.circuit.extend([entry(q, key, unit)]);
        }
    }
    card
}

impl NetlistExtraction {
    /// The extracted quantities in the place of those of another card, which keeps its conditions, circuit and devices.
    pub fn into_base(&self, mut base: Card) -> Card {
        for (kind, fet) in &self.card.fets {
            let entry =
                base.fets.entry(kind.clone()).or_insert_with(|| FetCard { quantities: BTreeMap::new(), ..fet.clone() });
            // Any two of I0, Is, Vt0 give the third: those of another device would contradict.
            for key in ["I0", "Is", "Vt0", "VA", "VE"] {
                entry.quantities.remove(key);
            }
            entry.quantities.extend(fet.quantities.clone());
        }
        base.circuit.extend(self.card.circuit.clone());
        for key in ["T", "Ut"] {
            base.conditions.remove(key);
        }
        base.conditions.extend(self.card.conditions.clone());
        let _ = write!(base.note, "{}{}", if base.note.is_empty() { "" } else { "; " }, self.card.note);
        base
    }
}

fn stem(netlist: &str) -> String {
    Path::new(netlist).file_stem().map_or_else(|| "extracted".into(), |s| s.to_string_lossy().into_owned())
}
