//! `felice extract NETLIST`: the DC sweep that a netlist asks for, and what it says of every transistor in it.

use std::fmt::Write as _;
use std::path::Path;

use felice_spice::circuit::{Device, Polarity as Channel, thermal_voltage};
use felice_spice::{Analysis, Circuit, EngineChoice, Netlist, Settings, Simulation, SpiceError, simulate};
use felice_subthreshold::extract::ExtractError;
use felice_subthreshold::extract::transistor::{Transistor, TransistorSweep, extract};
use felice_subthreshold::{Card, DeviceCard, FetCard, Polarity, Quantity};

use super::bench::Bench;
use crate::error::VerifyError;

/// What a netlist's sweep says of its transistors.
#[derive(Clone, Debug)]
pub struct NetlistExtraction {
    /// Transistors in the order of the netlist, with what each sweep gave or why it gave nothing.
    pub transistors: Vec<(Terminals, Result<Transistor, ExtractError>)>,
    /// The device card: the first nFET and pFET as `nfet` and `pfet`, further ones as devices with values of their own.
    pub card: Card,
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
    nodes: [String; 3],
}

/// Runs a netlist's first `.dc` and extracts every transistor in it that was swept through subthreshold.
///
/// # Errors
/// [`VerifyError`]: what is wrong with the netlist or the engine, no `.dc`, no transistor, or, where no transistor could
/// be extracted, what is wrong with the first one's sweep.
pub fn extract_netlist(
    path: &Path,
    engine: EngineChoice,
    settings: &Settings,
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
    let terminals = transistors(&circuit);
    if terminals.is_empty() {
        return Err(request("which has no MOSFET", "at least one M line (an EKV or BSIM4 .model)"));
    }
    let mut bench = Bench::new(&circuit);
    for t in &terminals {
        bench.ammeter(&t.name).map_err(|what| request(&what, "a transistor"))?;
        t.nodes.iter().filter(|n| *n != "0").for_each(|n| bench.save(&format!("v({n})")));
    }
    let settings = Settings { reltol: Some(settings.reltol.unwrap_or(1e-9)), samples: None, ..settings.clone() };
    let simulation = simulate(&bench.job(sweep), engine, &settings).map_err(spice)?;
    let ut = thermal_voltage(circuit.temperature);
    let results: Vec<(Terminals, Result<Transistor, ExtractError>)> = terminals
        .into_iter()
        .map(|t| {
            let result = of_terminals(&t, &circuit, &simulation, ut);
            (t, result)
        })
        .collect();
    if results.iter().all(|(_, r)| r.is_err())
        && let Some((_, Err(error))) = results.first()
    {
        return Err(VerifyError::Device { case: name, source: Box::new(error.clone().into()) });
    }
    Ok(NetlistExtraction {
        card: card(&name, circuit.temperature, &results),
        transistors: results,
        engine: format!("{} {}", simulation.engine, simulation.version),
    })
}

/// Every MOSFET of a circuit.
fn transistors(circuit: &Circuit) -> Vec<Terminals> {
    let found = circuit.elements.iter().filter_map(|e| {
        let (d, g, s, size, channel) = match &e.device {
            Device::Ekv { d, g, s, model, size, .. } => (d, g, s, size, circuit.ekv_models.get(*model)?.polarity),
            Device::Bsim4 { d, g, s, model, size, .. } => (d, g, s, size, circuit.bsim4_models.get(*model)?.polarity),
            _ => return None,
        };
        Some(Terminals {
            name: e.name.clone(),
            polarity: if channel == Channel::N { Polarity::N } else { Polarity::P },
            w: size.w * size.m,
            l: size.l,
            nodes: [d, g, s].map(|n| circuit.nodes.name(*n).to_owned()),
        })
    });
    found.collect()
}

/// Voltages from the source in the direction of conduction, and the extraction.
fn of_terminals(
    t: &Terminals,
    circuit: &Circuit,
    simulation: &Simulation,
    ut: f64,
) -> Result<Transistor, ExtractError> {
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
    let [drain, gate, source] = [voltage(&t.nodes[0])?, voltage(&t.nodes[1])?, voltage(&t.nodes[2])?];
    let sign = if t.polarity == Polarity::N { 1.0 } else { -1.0 };
    let from_source = |x: &[f64]| -> Vec<f64> { x.iter().zip(&source).map(|(x, s)| sign * (x - s)).collect() };
    let (gate, drain) = (from_source(&gate), from_source(&drain));
    let current: Vec<f64> = current.iter().map(|i| sign * i).collect();
    extract(&TransistorSweep { device: &t.name, gate: &gate, drain: &drain, current: &current, aspect: t.w / t.l, ut })
}

/// One card for all: kinds from the first of each polarity, the rest as devices.
fn card(netlist: &str, temperature: f64, results: &[(Terminals, Result<Transistor, ExtractError>)]) -> Card {
    let mut card = Card::default();
    netlist.clone_into(&mut card.file);
    card.name = stem(netlist);
    for (t, result) in results {
        let Ok(transistor) = result else { continue };
        let source = format!("DC sweep of {} in {netlist}", t.name);
        let single = transistor.to_card(&card.name, t.polarity, temperature, &source);
        card.conditions.extend(single.conditions);
        let kind = if t.polarity == Polarity::N { "nfet" } else { "pfet" };
        let fet = single
            .fets
            .into_values()
            .next()
            .unwrap_or_else(|| FetCard { polarity: t.polarity, quantities: Default::default() });
        let geometry = [("W", t.w), ("L", t.l)].map(|(k, v)| (k.to_owned(), Quantity::new(v, "m", "netlist")));
        let mut device = DeviceCard { fet: Some(kind.to_owned()), quantities: geometry.into() };
        if card.fets.contains_key(kind) {
            device.quantities.extend(fet.quantities);
        } else {
            card.fets.insert(kind.to_owned(), fet);
        }
        card.devices.insert(t.name.clone(), device);
        if !card.note.is_empty() {
            card.note.push_str("; ");
        }
        let _ = write!(card.note, "{}: {}", t.name, single.note);
    }
    card
}

fn stem(netlist: &str) -> String {
    Path::new(netlist).file_stem().map_or_else(|| "extracted".into(), |s| s.to_string_lossy().into_owned())
}
