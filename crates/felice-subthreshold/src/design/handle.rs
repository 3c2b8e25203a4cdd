//! Which dimension or component moves which parameter.

use crate::DeviceError;
use crate::card::{Card, DeviceCard, Polarity, Quantity};
use crate::circuits::boomerang::Boomerang;
use crate::circuits::fhnrs::Fhnrs;
use crate::circuits::wererabbit::WereRabbit;
use crate::derive::Derived;

/// A transistor dimension or a component that moves a parameter, and the power with which it does (about).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handle {
    pub(crate) device: Option<&'static str>,
    pub(crate) key: &'static str,
    /// Parameter of the per-branch or FHNRS derivation that this handle sets.
    pub(crate) observed: &'static str,
    pub(crate) power: f64,
}

impl Handle {
    /// The parameter's value in a derivation.
    pub(crate) fn read(&self, derived: &Derived) -> Option<f64> {
        if self.observed == "time_unit" { Some(derived.time_unit_s) } else { derived.value(self.observed) }
    }

    /// The quantity that it turns; a transistor that shares `default` gets an entry of its own.
    pub(crate) fn find<'c>(&self, card: &'c mut Card) -> Option<&'c mut Quantity> {
        let Some(name) = self.device else { return card.circuit.get_mut(self.key) };
        let default: Option<DeviceCard> = card.devices.get("default").cloned();
        if !card.devices.contains_key(name) {
            card.devices.insert(name.to_owned(), default?);
        }
        card.devices.get_mut(name)?.quantities.get_mut(self.key)
    }

    /// Shortest channel (m) of its transistor's kind; 0 where the card does not say.
    pub(crate) fn shortest(&self, card: &Card, base: &str) -> f64 {
        let device = self.device.and_then(|d| card.devices.get(d).or_else(|| card.devices.get("default")));
        let polarity = self.device.map_or(Polarity::N, |name| polarity(base, name));
        let of_polarity = if polarity == Polarity::N { "nfet" } else { "pfet" };
        let kind = device.and_then(|d| d.fet.as_deref()).unwrap_or(of_polarity);
        let own = device.and_then(|d| d.quantities.get("Lmin"));
        own.or_else(|| card.fets.get(kind)?.quantities.get("Lmin")).map_or(0.0, |q| q.value)
    }

    /// `W of nu`, `C`.
    pub(crate) fn words(&self) -> String {
        self.device.map_or_else(|| self.key.to_owned(), |d| format!("{} of {d}", self.key))
    }
}

fn polarity(base: &str, name: &str) -> Polarity {
    let roles = match base {
        "boomerang" => Boomerang::<f64>::ROLES,
        "wererabbit" => WereRabbit::<f64>::ROLES,
        _ => Fhnrs::<f64>::ROLES,
    };
    roles.iter().find(|r| r.name == name).map_or(Polarity::P, |r| r.polarity)
}

/// The model without its extension.
pub(crate) fn base_model(model: &str) -> Result<&'static str, DeviceError> {
    let known = ["boomerang", "wererabbit", "fhnrs"];
    let base = model.strip_suffix("-branches").or_else(|| model.strip_suffix("-saturating")).unwrap_or(model);
    let derived = crate::MODELS.contains(&model);
    known
        .into_iter()
        .find(|k| derived && *k == base)
        .ok_or_else(|| DeviceError::UnknownModel { model: model.to_owned(), known: crate::MODELS.join(", ") })
}

/// The bias.
pub(crate) fn bias() -> Handle {
    Handle { device: None, key: "Ibias", observed: "i_unit", power: 1.0 }
}

/// The handles of a parameter, of one branch where it names one; none where nothing continuous sets it.
pub(crate) fn handles(card: &Card, base: &str, parameter: &str) -> Vec<Handle> {
    let of = |device, key, observed, power| Handle { device: Some(device), key, observed, power };
    let part = |key, observed, power| Handle { device: None, key, observed, power };
    match parameter {
        "time_unit" => return vec![part("C", "time_unit", 1.0)],
        "i_unit" => return vec![bias()],
        _ => {}
    }
    if card.devices.is_empty() {
        let lengthens = card.fets.get("nfet").is_some_and(|f| f.quantities.contains_key("VE"));
        return match (base, parameter) {
            ("fhnrs", "g_max") => vec![part("R", "g_max", -1.0)],
            ("fhnrs", "tau_slow") => vec![part("Cslow", "tau_slow", 1.0)],
            ("fhnrs", _) => Vec::new(),
            (_, "alpha") => vec![part("W", "alpha", 1.0)],
            (_, "gamma") if lengthens => vec![part("L", "gamma", -1.0)],
            (_, "sigma") => vec![part("sigma", "sigma", 1.0)],
            _ => Vec::new(),
        };
    }
    let name = parameter.strip_suffix("_u").or_else(|| parameter.strip_suffix("_v")).unwrap_or(parameter);
    let follower = card.devices.contains_key("otaw.mt");
    let passive = card.devices.contains_key("otap.mt");
    let all = match (base, name) {
        ("boomerang", "alpha") => vec![of("nu", "W", "alpha_u", 1.0), of("pv", "W", "alpha_v", 1.0)],
        ("boomerang", "gamma") => vec![of("nu", "L", "gamma_u", -1.0), of("pv", "L", "gamma_v", -1.0)],
        ("boomerang", "sigma") => vec![of("otaa.mt", "W", "sigma_u", 1.0), of("otab.mt", "W", "sigma_v", 1.0)],
        ("wererabbit", "alpha") => vec![of("n2", "W", "alpha_u", 1.0), of("n4", "W", "alpha_v", 1.0)],
        ("wererabbit", "gamma") => vec![of("ota2.mt", "L", "gamma_u", -1.0), of("ota4.mt", "L", "gamma_v", -1.0)],
        ("wererabbit", "sigma") => vec![of("nu", "W", "sigma_u", 1.0), of("nv", "W", "sigma_v", 1.0)],
        ("fhnrs", "a_fast") => vec![of("otaf.mt", "W", "a_fast", 1.0)],
        ("fhnrs", "a_slow") => vec![of("otas.mt", "W", "a_slow", 1.0)],
        ("fhnrs", "g_max") if passive => vec![of("otap.mt", "W", "g_max", 1.0)],
        ("fhnrs", "g_max") => vec![part("R", "g_max", -1.0)],
        // Of a follower too: its lag is Cslow over its transconductance.
        ("fhnrs", "tau_slow") if follower || card.circuit.contains_key("Cslow") => vec![part("Cslow", "tau_slow", 1.0)],
        _ => Vec::new(),
    };
    let mine = |h: &Handle| name == parameter || h.observed == parameter;
    all.into_iter().filter(mine).collect()
}
