//! Parameters that no dimension sets: met as they are, by another topology of the pairs, or not at all.

use super::{Change, Limits};
use crate::DeviceError;
use crate::blocks::Stack;
use crate::card::{Card, Polarity, Quantity};
use crate::derive::{Derived, Form, derive_as};
use crate::ekv::Ekv;
use crate::silicon::Silicon;

/// Most diodes that a dial stacks.
const MOST_DIODES: u32 = 3;

/// Meets `parameter` without a dimension, changing the card's dial for `rho`; nothing to change where it is met.
pub(crate) fn fixed(
    derived: &Derived,
    card: &mut Card,
    parameter: &str,
    target: f64,
    limits: &Limits,
) -> Result<Vec<Change>, DeviceError> {
    let impossible = |what: String, remedy: String| DeviceError::Impossible { card: card.file.clone(), what, remedy };
    let name = parameter.strip_suffix("_u").or_else(|| parameter.strip_suffix("_v")).unwrap_or(parameter);
    let Some(value) = derived.value(name) else {
        let known: Vec<_> = derived.parameters.iter().map(|p| p.name.as_str()).collect();
        return Err(impossible(
            format!("`{parameter}` is no parameter of {}", derived.model),
            format!("ask for one of {}, time_unit, i_unit", known.join(", ")),
        ));
    };
    if !target.is_finite() {
        return Err(impossible(format!("{parameter} = {target}"), "ask for a finite number".into()));
    }
    let met = |v: f64| (v - target).abs() <= limits.tolerance * target.abs();
    if met(value) {
        return Ok(Vec::new());
    }
    match name {
        "rho" if derived.value("beta").is_some() => dial(derived, card, parameter, value, target, limits),
        "beta" => Err(impossible(
            format!("{parameter} = {target} /V: kappa/Ut = {value:.3} /V is the process' and the temperature's"),
            if target > 0.0 {
                let kelvin = value / target * card.temperature().unwrap_or(300.0);
                let kappa = target * card.thermal_voltage().unwrap_or(0.025);
                format!("it takes {kelvin:.1} K at this kappa, or kappa = {kappa:.3} at this temperature")
            } else {
                "beta is above 0".into()
            },
        )),
        "gamma" => Err(impossible(
            format!("{parameter} = {target} /V: the card's VA = {:.4} V holds whatever L", value.recip()),
            "give the nFET's VE (V/um) instead of VA, so that L can set it".into(),
        )),
        "a_fast" | "a_slow" => Err(impossible(
            format!("{parameter} = {target}: a process alone has ideal tails of 2 Iref, {value:.4}"),
            "name the circuit's transistors in [devices]".into(),
        )),
        _ => Err(impossible(
            format!("{parameter} = {target}: this circuit gives {value:.4}, and no dimension sets it alone"),
            "leave it out of the targets".into(),
        )),
    }
}

/// The dial that comes within the tolerance with the fewest diodes and fits the supply.
fn dial(
    derived: &Derived,
    card: &mut Card,
    parameter: &str,
    value: f64,
    target: f64,
    limits: &Limits,
) -> Result<Vec<Change>, DeviceError> {
    let model = if derived.model == "boomerang" { "boomerang" } else { "wererabbit" };
    let silicon = Silicon::new(card, model)?;
    let kind = if card.fets.contains_key("pfet") { Polarity::P } else { Polarity::N };
    let fet = silicon.process(kind)?;
    let now = Stack::of(card);
    let plain = value / now.factor(fet.kappa);
    let counts = (0..=MOST_DIODES).flat_map(|d| [0, 2, 3].map(|p| Stack { degeneration: d, preamplifier: p }));
    let mut stacks: Vec<Stack> =
        counts.filter(|s| s.degeneration == 0 || s.preamplifier == 0 || s.degeneration + 1 < s.preamplifier).collect();
    stacks.sort_by_key(|s| s.degeneration + 2 * s.preamplifier);
    let rho = |s: &Stack| plain * s.factor(fet.kappa);
    let ibias = silicon.value("Ibias")?;
    let supply = card.conditions.get("VDD").map(|q| q.value);
    let fits = |s: &Stack| supply.is_none_or(|vdd| headroom(&fet, ibias, *s) <= vdd);
    let met = |s: &&Stack| (rho(s) - target).abs() <= limits.tolerance * target.abs();
    let Some(chosen) = stacks.iter().filter(met).find(|s| fits(s)).copied() else {
        let mut near = stacks.clone();
        near.sort_by(|a, b| (rho(a) / target).ln().abs().total_cmp(&(rho(b) / target).ln().abs()));
        let words = |s: &Stack| {
            let needs = headroom(&fet, ibias, *s);
            let room = if fits(s) { String::new() } else { format!(" (takes a supply of {needs:.2} V)") };
            format!("{:.3} /V with {}{room}", rho(s), s.words())
        };
        let reach: Vec<_> = stacks.iter().filter(|s| s.degeneration + s.preamplifier <= 2).map(words).collect();
        let nearest = near.first().map_or_else(String::new, words);
        return Err(DeviceError::Impossible {
            card: card.file.clone(),
            what: format!(
                "{parameter} = {target} /V: kappa/(2 Ut) is the process', and its dial has steps: {}; nearest {nearest}",
                reach.join(", ")
            ),
            remedy: "take one of these, a wider --tolerance, or another kappa (process) or temperature".into(),
        });
    };
    let mut changes = Vec::new();
    for (key, from, to) in
        [("Ndeg", now.degeneration, chosen.degeneration), ("Npre", now.preamplifier, chosen.preamplifier)]
    {
        if from == to {
            continue;
        }
        card.circuit.insert(key.into(), Quantity::new(f64::from(to), "1", "inverse design"));
        changes.push(Change {
            what: format!("{key}, the comparators' pairs"),
            from: Some(f64::from(from)),
            to: format!("{to}: {}, rho = {:.4} /V", chosen.words(), rho(&chosen)),
            value: f64::from(to),
            unit: "1".into(),
            parameter: parameter.to_owned(),
        });
    }
    // The card must derive with its new dial.
    derive_as(card, model, Form::Closed)?;
    Ok(changes)
}

/// Supply (V) that a dial takes: every diode of a stack at the bias, bulk-referenced, and 4 Ut each for what stands
/// above and below. Pairs with diodes under their sources have inputs down to the models' reference voltages.
fn headroom(fet: &Ekv, ibias: f64, stack: Stack) -> f64 {
    let (lift, sat) = (fet.ut * (ibias / fet.i0()).ln().max(0.0), 4.0 * fet.ut);
    let stacked = (0..stack.preamplifier).fold(0.0, |below, _| (below + lift) / fet.kappa);
    let preamplified = if stack.preamplifier < 2 { 0.0 } else { stacked + 2.0 * sat };
    let degenerated = if stack.degeneration == 0 {
        0.0
    } else {
        (0..=stack.degeneration).fold(sat, |below, _| (below + lift) / fet.kappa) + 0.3
    };
    preamplified.max(degenerated)
}
