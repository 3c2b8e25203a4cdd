//! What a designer should know before trusting derived numbers: parameters outside the range in which their model
//! means something, transistors outside the region that the formulas hold in, names that nothing reads.

use crate::DeviceError;
use crate::blocks::Ota;
use crate::card::Card;
use crate::derive::{Derived, Form, diode};
use crate::silicon::Silicon;

/// Inversion coefficient from which a closed form is a few percent off: `sqrt(I/Is)/2` of a slope.
const MODERATE: f64 = 0.1;

/// Where a parameter leaves the range in which its model means something.
pub(crate) fn of_range(derived: &Derived, card: &Card) -> Vec<String> {
    let mut warnings = Vec::new();
    let (rabbit, supply) = (derived.model.starts_with("wererabbit"), card.conditions.get("VDD").map(|q| q.value));
    for branch in ["", "_u", "_v"] {
        let value = |name: &str| derived.value(&format!("{name}{branch}"));
        if let (Some(alpha), Some(beta)) = (value("alpha"), value("beta")) {
            let knee = -alpha.ln() / beta;
            if knee < 0.1 {
                warnings.push(format!(
                    "alpha{branch} = {alpha:.4e}: alpha e^(beta v) = 1 already at v = {knee:.3} V: below about 0.1 V (4 Ut) the \
                     devices leave saturation and the equation no longer describes them; lower alpha{branch} (narrower device, \
                     larger Ibias)"
                ));
            }
            if let Some(vdd) = supply.filter(|vdd| knee > vdd - 0.1) {
                warnings.push(format!(
                    "alpha{branch} = {alpha:.4e}: alpha e^(beta v) = 1 only at v = {knee:.3} V, where a supply of {vdd} V leaves the \
                     devices no room; raise alpha{branch} (wider device, smaller Ibias) or the supply"
                ));
            }
            if let Some(gamma) = value("gamma").filter(|g| *g >= 1.0 / knee.max(0.3)) {
                warnings.push(format!(
                    "gamma{branch} = {gamma:.3} /V doubles the current within the swing: the Early model is outside its \
                     range; take a longer channel"
                ));
            }
            if let Some(gamma) = value("gamma").filter(|g| *g < 0.0 && branch.is_empty()) {
                warnings.push(format!(
                    "gamma{branch} = {gamma:.3e} /V is below zero: the comparators' own slopes outweigh the Early effect, and \
                     what should decay grows; lengthen the comparators' transistors"
                ));
            }
            if let Some(rho) = value("rho").filter(|r| *r > 4.0 * beta) {
                warnings.push(format!(
                    "rho{branch} = {rho:.1} /V: the comparator switches within less than Ut; its offset (about a millivolt) \
                     decides what the circuit does"
                ));
            }
        }
        if let Some(sigma) = value("sigma").filter(|s| *s >= 1.0) {
            let why = if rabbit {
                "WereRabbit has no fixed point from sigma = 1 on"
            } else {
                "where Boomerang's comparator saturates, alpha e^(beta u) = 1 - sigma has no solution from sigma = 1 on"
            };
            warnings.push(format!("sigma{branch} = {sigma:.3}: {why}; narrow those devices"));
        }
    }
    warnings
}

/// Transistors outside weak inversion, and devices of the card that are not in the circuit.
pub(crate) fn of_card(silicon: &Silicon<'_>, derived: &Derived) -> Result<Vec<String>, DeviceError> {
    let mut warnings = Vec::new();
    let Some(ibias) = silicon.card.circuit_value("Ibias") else { return Ok(warnings) };
    if !silicon.has_devices() {
        let n = silicon.process(crate::Polarity::N)?;
        return Ok(inversion("nfet", ibias, n.inversion(ibias), derived.form).into_iter().collect());
    }
    let transistors = silicon.transistors()?;
    for t in transistors.iter().filter(|t| matches!(t.role.name, "bn" | "bp")) {
        warnings.extend(inversion(t.role.name, ibias, t.ekv.inversion(ibias), derived.form));
    }
    // A card may serve several circuits: a stray name is not an error.
    for name in silicon.card.devices.keys().filter(|n| *n != "default") {
        if !transistors.iter().any(|t| t.role.name == name) {
            warnings.push(format!("[devices] {name} is not in the circuit of {}: nothing reads it", derived.model));
        }
    }
    Ok(warnings)
}

fn inversion(name: &str, ibias: f64, coefficient: f64, form: Form) -> Option<String> {
    if coefficient < MODERATE {
        return None;
    }
    let closed = match form {
        Form::Closed => format!(
            "; the closed form's slopes are about {:.0} % off there: see the solved form",
            50.0 * coefficient.sqrt().min(2.0)
        ),
        Form::Solved => String::new(),
    };
    Some(format!(
        "Ibias = {ibias:.3e} A puts {name} at inversion coefficient {coefficient:.2}, out of weak inversion (below {MODERATE}){closed}"
    ))
}

/// A rest point so low that usual swings take transistors out of saturation.
pub(crate) fn low_rest([u, v]: [f64; 2], ut: f64) -> Option<String> {
    let (lower, floor) = (u.min(v), 4.0 * ut);
    (lower < 2.0 * floor).then(|| {
        format!(
            "rests at ({u:.3}, {v:.3}) V: swings of more than {:.0} mV take sinks and mirrors below 4 Ut = {:.0} mV, out of \
             saturation, which the equations leave out; amplitude and decay then differ by percents; raise Ibias, or \
             lower I0 or kappa",
            1e3 * (lower - floor).max(0.0),
            1e3 * floor
        )
    })
}

/// An OTA whose mirror carries so little that its diode sits out of saturation.
pub(crate) fn starved(name: &str, ota: &Ota, tail: f64) -> Option<String> {
    let (v, floor) = (diode(&ota.m3, 0.5 * tail), 4.0 * ota.m3.ut);
    (v < floor).then(|| {
        format!(
            "{name}: half its tail, {:.2e} A, is little more than its mirror's leakage: the diode sits at {:.0} mV, below \
             4 Ut = {:.0} mV, and the tanh is no longer one; raise its tail, or lengthen {name}.m3 and {name}.m4",
            0.5 * tail,
            1e3 * v,
            1e3 * floor
        )
    })
}

/// An OTA whose tail has little room left when its lower input stands at `input` (V).
pub(crate) fn cramped(name: &str, ota: &Ota, tail: f64, input: f64) -> Option<String> {
    // All of the tail through the transistor with the lower gate: the common source stands there.
    let (room, ut) = (ota.source(2.0 * tail, input), ota.tail.ut);
    (room < 3.0 * ut).then(|| {
        let lost = if room > 0.0 { format!("{:.0} % of its current", 100.0 * (-room / ut).exp()) } else { "nearly all of it".into() };
        format!(
            "{name}: with its lower input at {input:.3} V its tail has {:.0} mV of the {:.0} mV (3 Ut) that saturate it, and \
             gives up {lost}, more or less of it over the swing; raise VDD, lower Ibias or the input, or widen {name}.m1 \
             and {name}.m2",
            1e3 * room.max(0.0),
            3e3 * ut
        )
    })
}

/// One set of parameters that rests where the circuit does not: both rest points (V) and beta (1/V).
pub(crate) fn apart(circuit: [f64; 2], model: [f64; 2], beta: f64) -> Option<String> {
    let distance = (circuit[0] - model[0]).hypot(circuit[1] - model[1]);
    let part = distance * beta;
    (part > 0.05).then(|| {
        format!(
            "one set of parameters rests at ({:.3}, {:.3}) V, the circuit at ({:.3}, {:.3}) V: a swing of {:.0} mV (1/beta) \
             comes out up to {:.0} % larger or smaller, a smaller one more; give each branch its own parameters",
            model[0],
            model[1],
            circuit[0],
            circuit[1],
            1e3 / beta,
            100.0 * part
        )
    })
}

/// FHNRS's cycle (V, lowest and highest) where it takes transistors out of saturation.
pub(crate) fn low_cycle([low, high]: [f64; 2], ut: f64, supply: f64) -> Option<String> {
    let floor = 4.0 * ut;
    let (which, room) = if low < supply - high { ("down", low) } else { ("up", supply - high) };
    (room < floor).then(|| {
        format!(
            "the cycle runs {which} to {:.0} mV from the rail, within 4 Ut = {:.0} mV: what drives the node gives up about {:.0} % \
             of its current there, which the equations leave out; move Vref",
            1e3 * room,
            1e3 * floor,
            100.0 * (-room.max(0.0) / ut).exp()
        )
    })
}

/// WereRabbit at rest so near the diagonal that usual swings come close to it.
pub(crate) fn near_diagonal([u, v]: [f64; 2], rho: f64, beta: f64) -> Option<String> {
    let distance = (u - v).abs();
    (distance * rho < 0.7).then(|| {
        format!(
            "rests {:.0} mV from the diagonal u = v, which is {:.2}/rho: the branches are matched over swings of up to {:.0} mV; \
             larger ones come to where the tails' drains follow both inputs, and their period differs by tenths of a percent \
             (NRMSE 0.04 over 40 time units at twice 1/beta = {:.0} mV); raise sigma or rho",
            1e3 * distance,
            distance * rho,
            800.0 * distance,
            1e3 / beta
        )
    })
}
