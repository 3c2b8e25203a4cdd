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
