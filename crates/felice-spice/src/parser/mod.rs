//! From netlist text to a flattened, validated [`Circuit`].
//!
//! Text becomes logical lines (`lines`), lines are sorted by what they define (`definitions`), subcircuits are written
//! out (`expand`), element lines read (`elements`), commands read (`commands`), and the whole checked (`check`). Each
//! step is linear in the flattened circuit, and everything that nests has a bound.

mod builder;
mod check;
mod commands;
mod definitions;
mod elements;
mod expand;
mod expression;
mod fields;
mod lines;
mod measures;
mod models;
mod number;
mod polynomial;
#[cfg(test)]
mod random_tests;
mod scope;
mod sources;
#[cfg(test)]
mod tests;
mod words;
mod wrong;

use sources::Times;

use crate::analysis::{Analysis, Tran};
use crate::circuit::Circuit;
use crate::error::SpiceError;
use crate::netlist::Netlist;

pub(crate) use lines::read_regular;
pub(crate) use number::whole_number;

/// What a caller changes in a netlist before it is read.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Values of top-level `.param` names instead of the netlist's.
    pub parameters: Vec<(String, f64)>,
    /// The transient that will run, where it is not the netlist's: waveforms take missing times from it.
    pub tran: Option<Tran>,
}

/// Parses a netlist with everything it includes.
///
/// # Errors
/// [`SpiceError::Netlist`] where it is wrong, [`SpiceError::NotUnderstood`] where it says what only ngspice may know,
/// [`SpiceError::Request`] where a changed parameter is not one of the netlist's.
pub fn parse(netlist: &Netlist, changes: &Changes) -> Result<Circuit, SpiceError> {
    let (files, deck) = lines::read(netlist);
    let circuit = deck.and_then(|deck| build(&deck, changes)).map_err(|wrong| wrong.locate(&files))?;
    for (name, _) in &changes.parameters {
        if !circuit.1.contains(name) {
            return Err(SpiceError::Request {
                what: format!("there is no top-level parameter `{name}` in {}", files.first().map_or("", |f| f)),
                expected: format!("one of {:?}", circuit.1),
            });
        }
    }
    Ok(circuit.0)
}

/// The circuit, and the names of its top-level parameters.
fn build(deck: &lines::Deck, changes: &Changes) -> wrong::Result<(Circuit, Vec<String>)> {
    let definitions = definitions::read(deck)?;
    let celsius = commands::celsius(deck, &definitions)?;
    let mut work = expand::expand(deck, &definitions, celsius, &changes.parameters)?;
    let asked = changes.tran.as_ref().map(|t| Times { step: t.step, stop: t.stop });
    let own = commands::times(&work)?;
    // Without any transient nobody looks at a waveform but at its start.
    let times = asked.or(own).unwrap_or(Times { step: 1e-9, stop: 1.0 });
    let mut models = models::Models::default();
    let (elements, sizes) = elements::read(&mut work, &mut models, times)?;
    let asked = commands::read(&work, &elements)?;
    let held: Vec<_> = asked.initial.iter().map(|i| i.0).collect();
    let uic = !asked.analyses.is_empty() && asked.analyses.iter().all(|a| matches!(a, Analysis::Tran(t) if t.uic));
    check::check(&elements, &work.table, &held, uic)?;
    let names = definitions.all[0].parameters.iter().map(|p| p.name.clone()).collect();
    let circuit = Circuit {
        title: deck.title.clone(),
        files: deck.files.clone(),
        parameters: work.scopes.all[0].values.iter().map(|(n, v)| (n.clone(), *v)).collect(),
        nodes: work.table.nodes,
        elements,
        sizes,
        ekv_models: models.ekv,
        diode_models: models.diode,
        bsim4_models: models.bsim4,
        initial: asked.initial,
        nodeset: asked.nodeset,
        options: asked.options,
        temperature: celsius + 273.15,
        analyses: asked.analyses,
        measures: asked.measures,
        saves: asked.saves,
    };
    match circuit.contradiction(&circuit.initial) {
        None => Ok((circuit, names)),
        Some(c) => {
            let (node, volts) = circuit.initial[c.index];
            let found = format!("v({})={volts}", circuit.nodes.name(node));
            let place = asked.initial_at.get(c.index).copied().unwrap_or_default();
            Err(wrong::Wrong::netlist(place, &found, c.expected()))
        }
    }
}
