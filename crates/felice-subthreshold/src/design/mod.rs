//! Inverse design: geometry, bias and capacitance that give wanted parameters, or why nothing does.
//!
//! Each parameter has one handle, read off the closed forms; turning them in proportion and deriving again converges
//! in a few rounds, because every closed form is nearly a product of powers of its handles. What shares a handle with a
//! target and is no target itself is held where it was: a longer channel gets its width back.
//!
//! | parameter | handle | why nothing else |
//! |---|---|---|
//! | `alpha` | W of the exponentials' transistors; Ibias where W meets a limit | `I0` is the process' |
//! | `gamma` | L of the transistor whose output conductance it is | `gamma = 1/(VE L + Vds)` |
//! | `sigma`, `a_fast`, `a_slow` | W of the tails or sinks | mirrors of the bias |
//! | `i_unit` | Ibias | |
//! | `time_unit` | C | `C v/I` |
//! | `g_max`, `tau_slow` | R, Cslow | passive components |
//! | `rho` | the pair's dial: plain, degenerated, pre-amplified | `kappa/(2 Ut)` times a constant |
//! | `beta` | none | `kappa/Ut` is the process' and the temperature's |
//!
//! With `[devices]` the circuit is sized; without them the published scale's one exponential, `[circuit] W` and `L`.
//! Handles turn on closed forms; where the solved form is asked for, what it makes of them is corrected for until the
//! solved parameters are the targets.

mod dial;
mod handle;
mod turn;

use serde::Serialize;

use crate::DeviceError;
use crate::card::{Card, Quantity};
use crate::derive::{Derived, Form, derive_as};
use handle::{Handle, base_model, handles};
use turn::{Stop, turn};

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
    /// Bias current (A).
    pub i: [f64; 2],
    /// How far off a target without a continuous handle (`rho`, `beta`) may be, relative.
    pub tolerance: f64,
}

impl Default for Limits {
    /// What fits a 180 nm process: 0.22 to 200 µm wide, 0.18 to 100 µm long, 10 fF to 100 pF, 1 kΩ to 100 GΩ,
    /// 1 pA to 100 nA, 5 %.
    fn default() -> Self {
        Limits {
            w: [0.22e-6, 200e-6],
            l: [0.18e-6, 100e-6],
            c: [10e-15, 100e-12],
            r: [1e3, 1e11],
            i: [1e-12, 100e-9],
            tolerance: 0.05,
        }
    }
}

/// One thing to change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// `W of nu`, `C`, `Ndeg`.
    pub what: String,
    /// Present value (SI); `None` where the card has none.
    pub from: Option<f64>,
    /// Proposed value (SI), in words with its unit.
    pub to: String,
    /// The same as a number (SI).
    pub value: f64,
    /// SI unit.
    pub unit: String,
    /// The parameter it is for.
    pub parameter: String,
}

/// What a target came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Achieved {
    /// The parameter.
    pub parameter: String,
    /// What was wanted, in the parameter's unit.
    pub target: f64,
    /// What the proposed card derives to; of two branches the one further off.
    pub value: f64,
    /// `value/target - 1`.
    pub relative_error: f64,
    /// The same parameter in the other form (closed or solved), where the circuit has one.
    pub other_form: Option<f64>,
}

/// A card that has the wanted parameters, and how it differs from the given one.
#[derive(Clone, Debug, PartialEq)]
pub struct Design {
    /// The proposed card.
    pub card: Card,
    /// What was changed.
    pub changes: Vec<Change>,
    /// Targets and what the proposed card, written out, read and derived again, has.
    pub achieved: Vec<Achieved>,
    /// The proposed card's parameters, in the form asked for.
    pub derived: Derived,
}

/// A handle with what it is turned for.
pub(crate) struct Turned {
    parameter: String,
    /// What the closed form is turned to.
    target: f64,
    /// What the form asked for is to be.
    goal: f64,
    handle: Handle,
    /// What the handle's quantity may be (SI).
    range: [f64; 2],
    /// The same of a resistor in its place.
    resistance: [f64; 2],
}

/// The limits of one card's circuit.
struct Room<'c> {
    card: &'c Card,
    base: &'static str,
    limits: &'c Limits,
}

impl Room<'_> {
    fn turned(&self, parameter: &str, target: f64, handle: Handle) -> Turned {
        let limits = self.limits;
        let range = match handle.key {
            "W" => limits.w,
            "L" => [limits.l[0].max(handle.shortest(self.card, self.base)), limits.l[1]],
            "R" | "Rslow" => limits.r,
            "C" | "Cslow" => limits.c,
            "Ibias" => limits.i,
            _ => [0.0, f64::INFINITY],
        };
        Turned { parameter: parameter.to_owned(), target, goal: target, handle, range, resistance: limits.r }
    }

    fn handles(&self, parameter: &str) -> Vec<Handle> {
        handles(self.card, self.base, parameter)
    }

    /// Parameters that another bias would move.
    fn carried_by_bias(&self) -> &'static [&'static str] {
        if self.base == "fhnrs" { &["g_max", "tau_slow", "time_unit"] } else { &["alpha", "time_unit"] }
    }
}

/// Proposes a card for a model with every parameter of `targets` (`time_unit` in seconds, `i_unit` in amperes; of a
/// branch model also one branch's: `alpha_u`), as [`derive_as`] of that form gives them.
///
/// # Errors
/// [`DeviceError::Impossible`] with the reason: no handle, a limit reached, targets that fight each other.
pub fn design(
    card: &Card,
    model: &str,
    form: Form,
    targets: &[(&str, f64)],
    limits: &Limits,
) -> Result<Design, DeviceError> {
    let base = base_model(model)?;
    let mut proposal = card.clone();
    if card.devices.is_empty() {
        seed(&mut proposal, base, targets, limits);
    }
    let branches = base != "fhnrs" && !card.devices.is_empty();
    let one_branch = targets.iter().any(|(p, _)| p.ends_with("_u") || p.ends_with("_v"));
    let asked = if branches && one_branch { format!("{base}-branches") } else { model.to_owned() };
    let observed = if branches { format!("{base}-branches") } else { base.to_owned() };
    let before = derive_as(&proposal, &observed, Form::Closed)?;
    let published = derive_as(&proposal, base, form)?;
    let room = Room { card, base, limits };
    let mut changes = Vec::new();
    let mut turned = Vec::new();
    for &(parameter, target) in targets {
        let handles = room.handles(parameter);
        if handles.is_empty() {
            changes.extend(dial::fixed(&published, &mut proposal, parameter, target, limits)?);
        }
        turned.extend(handles.into_iter().map(|handle| room.turned(parameter, target, handle)));
    }
    hold(&before, &room, targets, &mut turned);
    let dialled = changes.iter().any(|c: &Change| c.what.starts_with('N'));
    let form = if dialled { Form::Closed } else { form };
    let turned = corrected(&mut proposal, (&observed, &asked, form), &room, targets, turned)?;
    changes.extend(turned.iter().filter_map(|t| described(card, &mut proposal, t)));
    changes.extend(assumed(card, &proposal, &changes));
    let read = Card::from_toml(&proposal.to_toml(), &format!("{} as designed", card.file))?;
    let achieved = achieved(&read, &asked, form, targets)?;
    let derived = derive_as(&read, model, form)?;
    Ok(Design { card: proposal, changes, achieved, derived })
}

/// Turns the closed forms until the parameters in the form asked for are the goals.
fn corrected(
    proposal: &mut Card,
    (observed, asked, form): (&str, &str, Form),
    room: &Room<'_>,
    targets: &[(&str, f64)],
    mut turned: Vec<Turned>,
) -> Result<Vec<Turned>, DeviceError> {
    const ROUNDS: usize = 60;
    let start = proposal.clone();
    let first = if form == Form::Solved { Some(derive_as(&start, asked, form)?) } else { None };
    for round in 0.. {
        *proposal = start.clone();
        turned.retain(|t| t.handle.key != "Ibias" || targets.iter().any(|(p, _)| *p == "i_unit"));
        turned = within_limits(proposal, observed, room, targets, turned)?;
        let Some(first) = &first else { break };
        let now = derive_as(proposal, asked, form)?;
        let mut worst: f64 = 0.0;
        for t in &mut turned {
            // What is held keeps the value that the form asked for had.
            let wanted = if targets.iter().any(|(p, _)| *p == t.parameter) { Some(t.goal) } else { t.read(first) };
            let Some(missing) = wanted.zip(t.read(&now)).map(|(w, n)| w / n) else { continue };
            if !(missing.is_finite() && missing > 0.0) {
                let what = format!(
                    "the solved circuit has {} = {:.4e} on the way",
                    t.parameter,
                    t.read(&now).unwrap_or(f64::NAN)
                );
                let remedy = "ask for a parameter nearer to what the circuit gives, or design in closed form".into();
                return Err(DeviceError::Impossible { card: room.card.file.clone(), what, remedy });
            }
            worst = worst.max(missing.ln().abs());
            t.target *= missing.powf(if round < 10 { 1.0 } else { 0.5 });
        }
        if worst < 1e-8 {
            break;
        }
        if round == ROUNDS {
            return Err(DeviceError::NotConverged {
                block: format!("design of {asked}, solved form"),
                iterations: ROUNDS,
                residual: worst,
                remedy: "ask for fewer targets, or design in closed form".into(),
            });
        }
    }
    Ok(turned)
}

impl Turned {
    /// The parameter in a derivation, by its own name or its handle's.
    fn read(&self, derived: &Derived) -> Option<f64> {
        if self.parameter == "time_unit" {
            return Some(derived.time_unit_s);
        }
        derived.value(&self.parameter).or_else(|| self.handle.read(derived))
    }
}

/// What the published scale takes for granted, written into a card of a process alone so that it can be turned.
fn seed(card: &mut Card, base: &str, targets: &[(&str, f64)], limits: &Limits) {
    let wanted = |name: &str| targets.iter().any(|(p, _)| *p == name);
    let published = derive_as(card, base, Form::Closed);
    let shortest = card.fets.get("nfet").and_then(|f| f.quantities.get("Lmin")).map_or(0.0, |q| q.value);
    let mut put = |key: &str, value: f64, unit| {
        card.circuit.entry(key.to_owned()).or_insert_with(|| Quantity::new(value, unit, "as the published scale"));
    };
    if base == "fhnrs" {
        let Ok(derived) = published else { return };
        let (Some(v), Some(i)) = (derived.value("v_unit"), derived.value("i_unit")) else { return };
        if wanted("g_max") {
            put("R", v / i, "V/A");
        }
        if wanted("tau_slow") {
            put("Rslow", v / i, "V/A");
            put("Cslow", 50.0 * derived.time_unit_s * i / v, "F");
        }
        return;
    }
    let length = limits.l[0].max(shortest).max(1e-6).min(limits.l[1]);
    if ["alpha", "gamma", "i_unit"].iter().any(|p| wanted(p)) {
        put("W", length, "m");
        put("L", length, "m");
    }
    if wanted("sigma") {
        put("sigma", 0.6, "1");
    }
}

/// Adds what shares a handle with a target and is none itself, at its present value.
fn hold(before: &Derived, room: &Room<'_>, targets: &[(&str, f64)], turned: &mut Vec<Turned>) {
    let asked = |name: &str| targets.iter().any(|(p, _)| *p == name);
    if asked("i_unit") {
        hold_all(before, room, room.carried_by_bias(), turned);
    }
    if ["gamma", "gamma_u", "gamma_v"].iter().any(|g| asked(g)) {
        hold_all(before, room, &["alpha"], turned);
    }
}

fn hold_all(before: &Derived, room: &Room<'_>, parameters: &[&str], turned: &mut Vec<Turned>) {
    for parameter in parameters {
        for handle in room.handles(parameter) {
            if turned.iter().any(|t| t.handle.observed == handle.observed) {
                continue;
            }
            if let Some(target) = handle.read(before) {
                turned.push(room.turned(parameter, target, handle));
            }
        }
    }
}

/// Turns until every handle is within its limits; where an exponential's width is not, the bias gives way.
fn within_limits(
    proposal: &mut Card,
    observed: &str,
    room: &Room<'_>,
    targets: &[(&str, f64)],
    mut turned: Vec<Turned>,
) -> Result<Vec<Turned>, DeviceError> {
    // A channel may pass below Lmin on its way.
    let mut start = proposal.clone();
    let all = start.fets.values_mut().map(|f| &mut f.quantities);
    all.chain(start.devices.values_mut().map(|d| &mut d.quantities)).for_each(|q| drop(q.remove("Lmin")));
    let fixed = targets.iter().any(|(p, _)| *p == "i_unit");
    let [low, high] = room.limits.i;
    let mut bias = start.circuit_value("Ibias").unwrap_or(f64::NAN);
    let mut attempt = 0;
    loop {
        let mut card = start.clone();
        if let Some(q) = card.circuit.get_mut("Ibias").filter(|_| attempt > 0) {
            *q = Quantity::new(bias, "A", "inverse design");
        }
        let beyond = match turn(&mut card, observed, &turned) {
            Ok(()) => {
                take_over(proposal, &card);
                break;
            }
            Err(Stop::Error(e)) => return Err(e),
            Err(Stop::Beyond(beyond)) => beyond,
        };
        if beyond.key() == "Cslow" && exchanged(&mut turned, &start) {
            continue;
        }
        // What W or C lacks, Ibias can give, unless it is asked for.
        let wanted = beyond.factor().map(|f| f * bias).filter(|_| !fixed);
        let Some(next) = wanted.filter(|w| attempt < 4 && (low..=high).contains(w)) else {
            return Err(beyond.error(room.card, wanted, [low, high]));
        };
        (bias, attempt) = (next, attempt + 1);
        hold_all(&derive_as(&start, observed, Form::Closed)?, room, room.carried_by_bias(), &mut turned);
    }
    if attempt > 0 {
        let whose =
            targets.iter().find(|(p, _)| p.starts_with("alpha") || *p == "time_unit").map_or("alpha", |(p, _)| p);
        turned.push(room.turned(whose, bias, handle::bias()));
    }
    Ok(turned)
}

/// Gives the slow lag's resistor the capacitor's part; false where it has none or plays it already.
fn exchanged(turned: &mut [Turned], card: &Card) -> bool {
    let resistor = card.circuit.contains_key("Rslow") && !card.devices.contains_key("otaw.mt");
    let slot = turned.iter_mut().find(|t| t.handle.key == "Cslow").filter(|_| resistor);
    slot.is_some_and(|t| {
        t.handle.key = "Rslow";
        t.range = t.resistance;
        true
    })
}

/// What was turned on a card without `Lmin`, on the card with it.
fn take_over(proposal: &mut Card, turned: &Card) {
    proposal.circuit.clone_from(&turned.circuit);
    for (name, device) in &turned.devices {
        let lmin = proposal.devices.get(name).and_then(|d| d.quantities.get("Lmin").cloned());
        let slot = proposal.devices.entry(name.clone()).or_insert_with(|| device.clone());
        slot.clone_from(device);
        slot.quantities.extend(lmin.map(|q| ("Lmin".to_owned(), q)));
    }
}

/// A handle's change from one card to the other; `None` where it did not move.
fn described(before: &Card, after: &mut Card, turned: &Turned) -> Option<Change> {
    let from = turned.handle.find(&mut before.clone()).map(|q| q.value);
    let quantity = turned.handle.find(after)?;
    if from.is_some_and(|f| (quantity.value / f - 1.0).abs() < 1e-9) {
        return None;
    }
    Some(Change {
        what: turned.handle.words(),
        from,
        to: format!("{:.6e} {}", quantity.value, quantity.unit),
        value: quantity.value,
        unit: quantity.unit.to_owned(),
        parameter: turned.parameter.clone(),
    })
}

/// What was written for the handles to turn and is on the proposed card beside them.
fn assumed(before: &Card, after: &Card, changes: &[Change]) -> Vec<Change> {
    let told = |key: &str| changes.iter().any(|c| c.what.split(',').next() == Some(key));
    let new = after.circuit.iter().filter(|(key, _)| !before.circuit.contains_key(*key) && !told(key));
    new.map(|(key, q)| Change {
        what: key.clone(),
        from: None,
        to: format!("{:.6e} {}", q.value, q.unit),
        value: q.value,
        unit: q.unit.to_owned(),
        parameter: "the published scale".into(),
    })
    .collect()
}

/// The targets on a card that has been read back from its text.
fn achieved(card: &Card, asked: &str, form: Form, targets: &[(&str, f64)]) -> Result<Vec<Achieved>, DeviceError> {
    let derived = derive_as(card, asked, form)?;
    let other = if form == Form::Closed { Form::Solved } else { Form::Closed };
    let other = if card.devices.is_empty() { None } else { derive_as(card, asked, other).ok() };
    let all = targets.iter().map(|&(parameter, target)| {
        let off = |v: &f64| (v / target - 1.0).abs();
        let read = |d: &Derived| -> Option<f64> {
            let names = [parameter.to_owned(), format!("{parameter}_u"), format!("{parameter}_v")];
            let values = names.iter().filter_map(|n| if n == "time_unit" { Some(d.time_unit_s) } else { d.value(n) });
            values.max_by(|a, b| off(a).total_cmp(&off(b)))
        };
        let value = read(&derived).unwrap_or(f64::NAN);
        let other_form = other.as_ref().and_then(read);
        Achieved { parameter: parameter.to_owned(), target, value, relative_error: value / target - 1.0, other_form }
    });
    Ok(all.collect())
}
