//! Whether a circuit decays to its focus or grows away from it: the lag of its inner nodes against its own damping.

use serde::Serialize;

use crate::DeviceError;
use crate::card::Card;
use crate::circuits::network::Network;
use crate::circuits::{Transistor, boomerang, wererabbit};
use crate::derive::{DerivedParameter, MODELS, parameter};
use crate::silicon::Silicon;

/// An inner node and what its lag does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeDelay {
    /// The node: `x2` a mirror's, `ota1.a` an OTA's mirror, `ota1.t` its common source.
    pub node: String,
    /// Its capacitance over its conductance (s): how late it follows.
    pub delay: f64,
    /// What its capacitance contributes to the critical capacitance (F); negative where its lag damps.
    pub share: f64,
}

/// A circuit of two potentials about its focus, parasitic capacitances included.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stability {
    /// Capacitance of a state's node (F) below which decay turns to growth, from the eigenvalues of the whole circuit;
    /// infinite where it grows at any.
    pub critical_capacitance: f64,
    /// The same to first order in the parasitics: tr(T J)/tr J (module `network`).
    pub first_order: f64,
    /// Growth rate (1/s) at the card's C; negative: decay.
    pub growth_rate: f64,
    /// Period (s) of the oscillation about the focus at the card's C.
    pub period: f64,
    /// Every inner node, the one that matters most first.
    pub delays: Vec<NodeDelay>,
}

/// Whether the circuit of a card decays to its focus: parasitics are `Cnode` of `[circuit]` at every inner node, and
/// `Cox`, `Cov` and `Cj` of its transistors. `None` where the card has neither.
///
/// # Errors
/// [`DeviceError`] where the card lacks what the circuit needs, or has no focus; a model other than Boomerang and
/// WereRabbit has none.
pub fn stability(card: &Card, model: &str) -> Result<Option<Stability>, DeviceError> {
    let known = || MODELS.into_iter().filter(|m| !m.starts_with("fhnrs"));
    let unknown =
        || DeviceError::UnknownModel { model: model.to_owned(), known: known().collect::<Vec<_>>().join(", ") };
    let name = known().find(|m| *m == model).ok_or_else(unknown)?;
    of_silicon(&Silicon::new(card, name)?)
}

/// The transistors and the capacitance at every inner node (F); `None` where nothing has a capacitance.
pub(crate) fn parasitics(silicon: &Silicon<'_>) -> Result<Option<(Vec<Transistor>, f64)>, DeviceError> {
    let transistors = silicon.transistors()?;
    let at_inner = silicon.card.circuit_value("Cnode").unwrap_or(0.0);
    let none = at_inner == 0.0 && transistors.iter().all(|t| t.capacitance == (0.0, 0.0, 0.0));
    Ok((!none).then_some((transistors, at_inner)))
}

/// [`stability`] of a card already read.
pub(crate) fn of_silicon(silicon: &Silicon<'_>) -> Result<Option<Stability>, DeviceError> {
    let Some((transistors, at_inner)) = parasitics(silicon)? else { return Ok(None) };
    let (network, c) = if silicon.model.starts_with("boomerang") {
        let (devices, op) = silicon.boomerang()?;
        let solved = boomerang::Solved::new(&devices, &op)?;
        (solved.network(solved.rest()?, &transistors, at_inner)?, op.c)
    } else {
        let (devices, op) = silicon.wererabbit()?;
        let solved = wererabbit::Solved::new(&devices, &op)?;
        (solved.network(solved.rest()?, &transistors, at_inner)?, op.c)
    };
    of_network(&network, c).map(Some).ok_or_else(|| DeviceError::NotConverged {
        block: format!("{}: eigenvalues about the focus", silicon.model),
        iterations: 0,
        residual: f64::NAN,
        remedy: "check that every node has a transistor that holds it".into(),
    })
}

fn of_network(network: &Network, c: f64) -> Option<Stability> {
    let (growth_rate, frequency) = network.mode(c)?;
    let mut delays: Vec<NodeDelay> = (2..network.names.len())
        .map(|k| {
            Some(NodeDelay { node: network.names[k].to_owned(), delay: network.delay(k), share: network.share(k)? })
        })
        .collect::<Option<_>>()?;
    delays.sort_by(|a, b| b.share.abs().total_cmp(&a.share.abs()));
    Some(Stability {
        critical_capacitance: network.critical().unwrap_or(f64::INFINITY),
        first_order: network.first_order()?,
        growth_rate,
        period: std::f64::consts::TAU / frequency,
        delays,
    })
}

impl Stability {
    /// As quantities of a derivation.
    pub(crate) fn quantities(&self) -> Vec<DerivedParameter> {
        let most: Vec<&str> = self.delays.iter().take(3).map(|d| d.node.as_str()).collect();
        let mut quantities = Vec::new();
        if self.critical_capacitance.is_finite() {
            let formula = "C below which decay turns to growth: eigenvalues with the inner nodes' capacitances";
            quantities.push(parameter(
                ("critical_capacitance", "C_crit", "F"),
                self.critical_capacitance,
                formula,
                &most,
            ));
        }
        quantities.push(parameter(("growth_rate", "g", "1/s"), self.growth_rate, "of small departures, at C", &[]));
        for d in &self.delays {
            let name = format!("delay_{}", d.node.replace('.', "_"));
            let formula = format!("capacitance over conductance of {}; {:+.3e} F of C_crit", d.node, d.share);
            quantities.push(parameter((&name, &name, "s"), d.delay, formula, &[]));
        }
        quantities
    }

    /// What a designer should know: growth, and how near it is; `solved` where the parameters carry the lag.
    pub(crate) fn warning(&self, c: f64, solved: bool) -> Option<String> {
        let node = self.delays.first().map_or("", |d| d.node.as_str());
        let crit = self.critical_capacitance;
        if crit.is_infinite() {
            return Some("small departures grow at any C: the comparators' own slopes outweigh the damping".into());
        }
        let place = format!("C = {c:.3e} F, critical {crit:.3e} F; {node} delays most");
        if self.growth_rate > 0.0 {
            return Some(format!(
                "the parasitics of inner nodes turn decay into growth ({place}): the circuit swings{}; raise C above the \
                 critical one, or shrink the devices there",
                if solved { "" } else { " where the model rests" }
            ));
        }
        (crit > 0.1 * c).then(|| {
            format!(
                "the parasitics of inner nodes take {:.0} % of the decay ({place}): {}",
                100.0 * crit / c,
                if solved {
                    "the parameters carry that lag to first order, for small swings"
                } else {
                    "the closed form, which has none, decays that much faster"
                }
            )
        })
    }
}
