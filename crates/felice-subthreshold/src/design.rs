//! Inverse design: geometry, bias and capacitance that give wanted parameters, or why nothing does.
//!
//! Each parameter has one handle, read off the closed forms; turning them in proportion and deriving again converges
//! in a few rounds, because every closed form is nearly a product of powers of its handles.
//!
//! | parameter | handle | why nothing else |
//! |---|---|---|
//! | `alpha` | W of the exponentials' transistors | `I0` is the process' |
//! | `gamma` | L of the transistor whose output conductance it is | `gamma = 1/(VE L + Vds)` |
//! | `sigma`, `a_fast`, `a_slow` | W of the tails or sinks | mirrors of the bias |
//! | `time_unit` | C | `C v/I` |
//! | `g_max`, `tau_slow` | R, Cslow | passive components |
//! | `rho` | the pair's dial: plain, degenerated, pre-amplified | `kappa/(2 Ut)` times a constant |
//! | `beta` | none | `kappa/Ut` is the process' and the temperature's |

use serde::Serialize;

use crate::DeviceError;
use crate::card::{Card, DeviceCard, Quantity};
use crate::derive::{Derived, Form, derive_as};

/// What a layout can be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Limits {
    /// Channel width (m).
    pub w: [f64; 2],
    /// Channel length (m); the card's `Lmin` where that is more.
    pub l: [f64; 2],
    /// Capacitances (F).
    pub c: [f64; 2],
    /// Resistances (ohm).
    pub r: [f64; 2],
    /// How far off a target without a continuous handle (`rho`, `beta`) may be, relative.
    pub tolerance: f64,
}

impl Default for Limits {
    /// What fits a 180 nm process: 0.22 to 200 µm wide, 0.18 to 100 µm long, 10 fF to 100 pF, 1 kΩ to 100 GΩ, 5 %.
    fn default() -> Self {
        Limits { w: [0.22e-6, 200e-6], l: [0.18e-6, 100e-6], c: [10e-15, 100e-12], r: [1e3, 1e11], tolerance: 0.05 }
    }
}

/// One thing to change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// `W of nu`, `C`, `the comparators' pairs`.
    pub what: String,
    /// Present value (SI); `None` for a topology.
    pub from: Option<f64>,
    /// Proposed value (SI), or in words.
    pub to: String,
    /// The same as a number (SI); `None` for a topology.
    pub value: Option<f64>,
    /// The parameter it is for.
    pub parameter: String,
}

/// A card that has the wanted parameters, and how it differs from the given one.
#[derive(Clone, Debug, PartialEq)]
pub struct Design {
    /// The proposed card.
    pub card: Card,
    /// What was changed.
    pub changes: Vec<Change>,
    /// Its parameters, closed form.
    pub derived: Derived,
}

/// A transistor dimension or a component that moves a parameter, and the power with which it does (about).
struct Handle {
    device: Option<&'static str>,
    key: &'static str,
    /// Parameter of the per-branch or FHNRS derivation that this handle sets.
    observed: &'static str,
    power: f64,
}

const fn handle(device: Option<&'static str>, key: &'static str, observed: &'static str, power: f64) -> Handle {
    Handle { device, key, observed, power }
}

fn handles(model: &str, parameter: &str) -> Option<Vec<Handle>> {
    let of = |device, key, observed, power| handle(Some(device), key, observed, power);
    Some(match (model, parameter) {
        (_, "time_unit") => vec![handle(None, "C", "time_unit", 1.0)],
        ("boomerang", "alpha") => vec![of("nu", "W", "alpha_u", 1.0), of("pv", "W", "alpha_v", 1.0)],
        ("boomerang", "gamma") => vec![of("nu", "L", "gamma_u", -1.0), of("pv", "L", "gamma_v", -1.0)],
        ("boomerang", "sigma") => vec![of("otaa.mt", "W", "sigma_u", 1.0), of("otab.mt", "W", "sigma_v", 1.0)],
        ("wererabbit", "alpha") => vec![of("n2", "W", "alpha_u", 1.0), of("n4", "W", "alpha_v", 1.0)],
        ("wererabbit", "gamma") => vec![of("ota2.mt", "L", "gamma_u", -1.0), of("ota4.mt", "L", "gamma_v", -1.0)],
        ("wererabbit", "sigma") => vec![of("nu", "W", "sigma_u", 1.0), of("nv", "W", "sigma_v", 1.0)],
        ("fhnrs", "a_fast") => vec![of("otaf.mt", "W", "a_fast", 1.0)],
        ("fhnrs", "a_slow") => vec![of("otas.mt", "W", "a_slow", 1.0)],
        ("fhnrs", "g_max") => vec![handle(None, "R", "g_max", -1.0)],
        ("fhnrs", "tau_slow") => vec![handle(None, "Cslow", "tau_slow", 1.0)],
        _ => return None,
    })
}

/// Proposes a card for `boomerang`, `wererabbit` or `fhnrs` with every parameter of `targets` (`time_unit` in seconds).
///
/// # Errors
/// [`DeviceError::Impossible`] with the reason: no handle, a limit reached, targets that fight each other.
pub fn design(card: &Card, model: &str, targets: &[(&str, f64)], limits: &Limits) -> Result<Design, DeviceError> {
    let impossible = |what: String, remedy: String| DeviceError::Impossible { card: card.file.clone(), what, remedy };
    if !handles(model, "time_unit").is_some_and(|_| ["boomerang", "wererabbit", "fhnrs"].contains(&model)) {
        let known = "boomerang, wererabbit, fhnrs".to_owned();
        return Err(DeviceError::UnknownModel { model: model.to_owned(), known });
    }
    if card.devices.is_empty() {
        return Err(impossible(
            "there is no circuit to size: no [devices]".into(),
            "start from the card of a netlist (data/devices/ekv-*.toml), or write `default = { W = .., L = .. }`"
                .into(),
        ));
    }
    let before = derive_as(card, model, Form::Closed)?;
    let mut proposal = card.clone();
    let mut changes = Vec::new();
    let mut turned = Vec::new();
    for &(parameter, target) in targets {
        match handles(model, parameter) {
            Some(handles) => turned.extend(handles.into_iter().map(|h| (parameter, target, h))),
            None => changes.extend(fixed(&before, card, parameter, target, limits)?),
        }
    }
    turn(&mut proposal, model, &turned, limits)?;
    changes.extend(turned.iter().map(|(parameter, _, h)| described(card, &proposal, parameter, h)));
    let derived = derive_as(&proposal, model, Form::Closed)?;
    Ok(Design { card: proposal, changes, derived })
}

/// Parameters without a continuous handle: met as they are, by another dial, or not at all.
fn fixed(
    derived: &Derived,
    card: &Card,
    parameter: &str,
    target: f64,
    limits: &Limits,
) -> Result<Option<Change>, DeviceError> {
    let impossible = |what: String, remedy: String| DeviceError::Impossible { card: card.file.clone(), what, remedy };
    let Some(value) = derived.value(parameter) else {
        let known: Vec<_> = derived.parameters.iter().map(|p| p.name.as_str()).collect();
        return Err(impossible(
            format!("`{parameter}` is no parameter of {}", derived.model),
            format!("ask for one of {}, time_unit", known.join(", ")),
        ));
    };
    let off = |v: f64| (v - target).abs() <= limits.tolerance * target.abs() + f64::MIN_POSITIVE;
    if off(value) {
        return Ok(None);
    }
    match parameter {
        "rho" => {
            let kappa = card.fets.get("pfet").and_then(|f| f.quantities.get("kappa")).map_or(1.0, |q| q.value);
            let dials = [
                ("sources degenerated by a diode each", value * kappa / (1.0 + kappa)),
                ("a pre-amplifier of two stacked diodes a side", value * (1.0 + 1.0 / kappa)),
            ];
            if let Some((words, rho)) = dials.iter().find(|(_, rho)| off(*rho)) {
                return Ok(Some(Change {
                    what: "the comparators' pairs".into(),
                    from: None,
                    to: format!("{words}: rho = {rho:.3} /V"),
                    value: None,
                    parameter: parameter.to_owned(),
                }));
            }
            let reach: Vec<_> = dials.iter().map(|(words, rho)| format!("{rho:.3} /V with {words}")).collect();
            Err(impossible(
                format!("rho = {target} /V: a plain pair has kappa/(2 Ut) = {value:.3} /V, {}", reach.join(", ")),
                "take one of these, or another kappa (process) or temperature".into(),
            ))
        }
        "beta" => Err(impossible(
            format!("beta = {target} /V: kappa/Ut = {value:.3} /V is the process' and the temperature's"),
            format!("it takes {:.1} K at this kappa", value / target * card.temperature().unwrap_or(300.0)),
        )),
        _ => Err(impossible(
            format!("{parameter} = {target}: this circuit gives {value:.4}, and no dimension sets it alone"),
            "leave it out of the targets".into(),
        )),
    }
}

/// Turns every handle in proportion to what is missing until all targets are met.
fn turn(card: &mut Card, model: &str, turned: &[(&str, f64, Handle)], limits: &Limits) -> Result<(), DeviceError> {
    const ROUNDS: usize = 200;
    let observed_model = if model == "fhnrs" { "fhnrs".to_owned() } else { format!("{model}-branches") };
    let mut worst = (f64::INFINITY, "");
    for _ in 0..ROUNDS {
        let derived = derive_as(card, &observed_model, Form::Closed)?;
        worst = (0.0, "");
        for (parameter, target, h) in turned {
            let value = if h.observed == "time_unit" { Some(derived.time_unit_s) } else { derived.value(h.observed) };
            let missing = target / value.unwrap_or(f64::NAN);
            if !(missing.is_finite() && missing > 0.0) {
                return Err(DeviceError::Impossible {
                    card: card.file.clone(),
                    what: format!("{parameter} = {target} where the circuit gives {value:?}"),
                    remedy: "a target must be finite and of the parameter's sign".into(),
                });
            }
            if missing.ln().abs() > worst.0 {
                worst = (missing.ln().abs(), parameter);
            }
            // Halved: gamma's length also carries alpha's W/L, and a Vds beside VE L bends the power.
            scale(card, h, missing.powf(0.7 / h.power), parameter, limits)?;
        }
        if worst.0 < 1e-9 {
            return turned.iter().try_for_each(|(parameter, _, h)| within(card, h, parameter, limits));
        }
    }
    Err(DeviceError::NotConverged {
        block: format!("design of {model}: {}", worst.1),
        iterations: ROUNDS,
        residual: worst.0,
        remedy: "targets fight each other; ask for fewer, or nearer to what the circuit gives".into(),
    })
}

/// Multiplies a handle's quantity by `factor`, within the limits.
fn scale(card: &mut Card, h: &Handle, factor: f64, parameter: &str, limits: &Limits) -> Result<(), DeviceError> {
    let file = card.file.clone();
    let [low, high] = range(card, h, limits);
    let Some(quantity) = quantity_mut(card, h) else {
        return Err(DeviceError::Impossible {
            card: file,
            what: format!("{parameter} is set by `{}`, which the card does not have", h.key),
            remedy: "write it, or leave the target out".into(),
        });
    };
    let wanted = quantity.value * factor;
    // On the way a handle may pass its limits, while another one is still coming; running away it may not.
    if !(wanted > low * 1e-2 && wanted < high * 1e2) {
        return Err(beyond(&file, h, parameter, wanted, [low, high]));
    }
    quantity.value = wanted;
    "inverse design".clone_into(&mut quantity.source);
    Ok(())
}

/// A handle at rest must lie within its limits.
fn within(card: &mut Card, h: &Handle, parameter: &str, limits: &Limits) -> Result<(), DeviceError> {
    let [low, high] = range(card, h, limits);
    let file = card.file.clone();
    match quantity_mut(card, h).map(|q| q.value) {
        Some(value) if !(value >= low && value <= high) => Err(beyond(&file, h, parameter, value, [low, high])),
        _ => Ok(()),
    }
}

fn beyond(file: &str, h: &Handle, parameter: &str, value: f64, [low, high]: [f64; 2]) -> DeviceError {
    let name = h.device.map_or_else(|| h.key.to_owned(), |d| format!("{} of {d}", h.key));
    DeviceError::Impossible {
        card: file.to_owned(),
        what: format!("{parameter} takes {name} = {value:.4e}, outside {low:.3e} to {high:.3e}"),
        remedy: format!("give {parameter} a nearer target, change Ibias, or widen the limits"),
    }
}

fn range(card: &Card, h: &Handle, limits: &Limits) -> [f64; 2] {
    match h.key {
        "W" => limits.w,
        "L" => {
            let shortest = card.fets.values().filter_map(|f| f.quantities.get("Lmin")).map(|q| q.value);
            [shortest.fold(limits.l[0], f64::max), limits.l[1]]
        }
        "R" => limits.r,
        _ => limits.c,
    }
}

/// The quantity that a handle turns; a transistor that shares `default` gets an entry of its own.
fn quantity_mut<'c>(card: &'c mut Card, h: &Handle) -> Option<&'c mut Quantity> {
    let Some(name) = h.device else { return card.circuit.get_mut(h.key) };
    let default: Option<DeviceCard> = card.devices.get("default").cloned();
    if !card.devices.contains_key(name) {
        card.devices.insert(name.to_owned(), default?);
    }
    card.devices.get_mut(name)?.quantities.get_mut(h.key)
}

fn described(before: &Card, after: &Card, parameter: &str, h: &Handle) -> Change {
    let read = |card: &Card| {
        let mut card = card.clone();
        quantity_mut(&mut card, h).map(|q| (q.value, q.unit))
    };
    let what = h.device.map_or_else(|| h.key.to_owned(), |d| format!("{} of {d}", h.key));
    let (value, unit) = read(after).unwrap_or((f64::NAN, ""));
    Change {
        what,
        from: read(before).map(|q| q.0),
        to: format!("{value:.6e} {unit}"),
        value: Some(value),
        parameter: parameter.to_owned(),
    }
}
