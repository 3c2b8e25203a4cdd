//! What the standard errors on a card make of a model's parameters, to first order.
//!
//! A card's quantities are taken as independent: `s(p)^2 = sum (dp/dq s(q))^2` (GUM, JCGM 100:2008, eq. 10). Where the
//! extraction of two of them is correlated the sum may be off by that correlation.

use serde::Serialize;

use crate::DeviceError;
use crate::card::{Card, Quantity};
use crate::derive::{Derived, Form, derive_as};

/// Of a standard error, the part by which a quantity is moved to find the slope.
const STEP: f64 = 0.01;

/// A parameter's standard error and where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Uncertainty {
    /// ASCII name of the parameter, or `time_unit`.
    pub parameter: String,
    /// Standard error, in the parameter's unit.
    pub error: f64,
    /// By quantity of the card, largest first.
    pub contributions: Vec<Contribution>,
}

/// What one quantity of the card contributes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contribution {
    /// `[nfet] I0`, `[devices.nu] W`.
    pub quantity: String,
    /// Change of the parameter for one standard error of the quantity.
    pub effect: f64,
}

/// Standard errors of a model's parameters from those that the card states; empty where it states none.
///
/// # Errors
/// As [`derive_as`].
pub fn uncertainties(card: &Card, model: &str, form: Form) -> Result<Vec<Uncertainty>, DeviceError> {
    let stated = stated(card);
    if stated.is_empty() {
        return Ok(Vec::new());
    }
    let nominal = values(&derive_as(card, model, form)?);
    let mut all: Vec<Uncertainty> = nominal
        .iter()
        .map(|(name, _)| Uncertainty { parameter: name.clone(), error: 0.0, contributions: Vec::new() })
        .collect();
    for (path, error) in stated {
        let moved = |by: f64| -> Result<Vec<(String, f64)>, DeviceError> {
            let mut card = card.clone();
            if let Some(q) = path.find(&mut card) {
                q.value += by;
            }
            Ok(values(&derive_as(&card, model, form)?))
        };
        let (up, down) = (moved(STEP * error)?, moved(-STEP * error)?);
        for ((u, d), parameter) in up.iter().zip(&down).zip(&mut all) {
            let effect = (u.1 - d.1) / (2.0 * STEP);
            // Roundoff of a parameter that the quantity does not move.
            if effect.abs() > 1e-12 * u.1.abs() {
                parameter.contributions.push(Contribution { quantity: path.words(), effect });
            }
        }
    }
    for parameter in &mut all {
        parameter.error = parameter.contributions.iter().fold(0.0, |sum, c| c.effect.hypot(sum));
        parameter.contributions.sort_by(|a, b| b.effect.abs().total_cmp(&a.effect.abs()));
    }
    Ok(all)
}

fn values(derived: &Derived) -> Vec<(String, f64)> {
    let parameters = derived.parameters.iter().map(|p| (p.name.clone(), p.value));
    parameters.chain([("time_unit".to_owned(), derived.time_unit_s)]).collect()
}

/// Where a quantity stands on a card.
enum Path {
    Condition(String),
    Fet(String, String),
    Circuit(String),
    Device(String, String),
}

impl Path {
    fn words(&self) -> String {
        match self {
            Path::Condition(key) => format!("[conditions] {key}"),
            Path::Fet(kind, key) => format!("[{kind}] {key}"),
            Path::Circuit(key) => format!("[circuit] {key}"),
            Path::Device(name, key) => format!("[devices.{name}] {key}"),
        }
    }

    fn find<'c>(&self, card: &'c mut Card) -> Option<&'c mut Quantity> {
        match self {
            Path::Condition(key) => card.conditions.get_mut(key),
            Path::Fet(kind, key) => card.fets.get_mut(kind)?.quantities.get_mut(key),
            Path::Circuit(key) => card.circuit.get_mut(key),
            Path::Device(name, key) => card.devices.get_mut(name)?.quantities.get_mut(key),
        }
    }
}

/// Every quantity with a standard error above zero.
fn stated(card: &Card) -> Vec<(Path, f64)> {
    let error = |q: &Quantity| q.error.filter(|e| *e > 0.0);
    let mut all = Vec::new();
    all.extend(card.conditions.iter().filter_map(|(k, q)| Some((Path::Condition(k.clone()), error(q)?))));
    for (kind, fet) in &card.fets {
        let of = |(k, q): (&String, &Quantity)| Some((Path::Fet(kind.clone(), k.clone()), error(q)?));
        all.extend(fet.quantities.iter().filter_map(of));
    }
    all.extend(card.circuit.iter().filter_map(|(k, q)| Some((Path::Circuit(k.clone()), error(q)?))));
    for (name, device) in &card.devices {
        let of = |(k, q): (&String, &Quantity)| Some((Path::Device(name.clone(), k.clone()), error(q)?));
        all.extend(device.quantities.iter().filter_map(of));
    }
    all
}
