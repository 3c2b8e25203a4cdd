//! Device card to model parameters: one entry, [`derive`], and what it returns.

use serde::Serialize;

use crate::card::{Card, Polarity};
use crate::ekv::Ekv;
use crate::{DeviceError, boomerang, fhnrs, wererabbit};

/// Models with a derivation.
pub const MODELS: [&str; 3] = ["boomerang", "fhnrs", "wererabbit"];

/// One derived number, with where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DerivedParameter {
    /// ASCII name: `alpha`.
    pub name: String,
    /// The papers' symbol: `α`.
    pub symbol: String,
    /// Value in `unit`.
    pub value: f64,
    /// SI unit, or `1`.
    pub unit: String,
    /// The formula, in the card's and circuit's names.
    pub formula: String,
    /// The transistors (or circuit quantities) that set it.
    pub devices: Vec<String>,
}

/// A model's parameters as a card's devices make them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Derived {
    /// The model, as asked for.
    pub model: String,
    /// Every parameter that silicon sets, in the model's order; those of numerics (`rtol`) are not among them.
    pub parameters: Vec<DerivedParameter>,
    /// Seconds in one unit of the model's time.
    pub time_unit_s: f64,
    /// What a case's normalisation may name: `v_unit`, `v_ref`, `i_unit`.
    pub quantities: Vec<DerivedParameter>,
    /// What a designer should know before trusting the numbers.
    pub warnings: Vec<String>,
}

impl Derived {
    /// A parameter's value, or a quantity's, by its ASCII name.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.parameters.iter().chain(&self.quantities).find(|p| p.name == name).map(|p| p.value)
    }
}

/// Derives a model's parameters from a card.
///
/// Without `[devices]` the process alone speaks: unit W/L, no geometry. With them every transistor of the
/// circuit (CIRCUITS: `netlists/MODEL/ekv.cir`) counts, with its Early voltage at the model's reference voltage.
///
/// # Errors
/// [`DeviceError`] where the card lacks what the circuit needs, or the circuit has no meaningful operating point.
pub fn derive(card: &Card, model: &str) -> Result<Derived, DeviceError> {
    let mut derived = match model {
        "boomerang" => boomerang::derive(card)?,
        "wererabbit" => wererabbit::derive(card)?,
        "fhnrs" => fhnrs::derive(card)?,
        _ => {
            return Err(DeviceError::UnknownModel { model: model.to_owned(), known: MODELS.join(", ") });
        }
    };
    if let Some(bad) = derived.parameters.iter().find(|p| !p.value.is_finite()) {
        return Err(DeviceError::Impossible {
            card: card.file.clone(),
            what: format!("{} = {} for {model}", bad.name, bad.formula),
            remedy: "look at the quantities in that formula: one is out of all proportion".into(),
        });
    }
    let warnings = range_warnings(&derived);
    derived.warnings.extend(warnings);
    Ok(derived)
}

/// Where a parameter leaves the range in which its model means something.
fn range_warnings(derived: &Derived) -> Vec<String> {
    let mut warnings = Vec::new();
    if let (Some(alpha), Some(beta)) = (derived.value("alpha"), derived.value("beta")) {
        let knee = -alpha.ln() / beta;
        if knee < 0.1 {
            warnings.push(format!(
                "alpha e^(beta v) = 1 already at v = {knee:.3} V: below about 0.1 V (4 Ut) the devices leave saturation \
                 and the equation no longer describes them; lower alpha (narrower device, larger Ibias)"
            ));
        }
        if let Some(gamma) = derived.value("gamma").filter(|g| *g >= 1.0 / knee.max(0.3)) {
            warnings.push(format!(
                "gamma = {gamma:.3} /V doubles the current within the swing: the Early model is outside its range; \
                 take a longer channel"
            ));
        }
    }
    if let Some(sigma) = derived.value("sigma").filter(|s| *s >= 1.0) {
        warnings
            .push(format!("sigma = {sigma:.3}: WereRabbit has no fixed point from sigma = 1 on; narrow those devices"));
    }
    warnings
}

/// Reads transistors of a circuit off a card.
pub(crate) struct Circuit<'c> {
    pub(crate) card: &'c Card,
    pub(crate) model: &'static str,
    pub(crate) ut: f64,
}

impl<'c> Circuit<'c> {
    pub(crate) fn new(card: &'c Card, model: &'static str) -> Result<Self, DeviceError> {
        let Some(ut) = card.thermal_voltage() else {
            return Err(missing(
                card,
                model,
                "[conditions] T",
                "write T = { value = 27, unit = \"degC\", source = \"..\" } or Ut",
            ));
        };
        Ok(Circuit { card, model, ut })
    }

    /// True where the card names transistors, so that geometry counts.
    pub(crate) fn has_devices(&self) -> bool {
        !self.card.devices.is_empty()
    }

    pub(crate) fn supply(&self) -> Result<f64, DeviceError> {
        let vdd = self.card.conditions.get("VDD").map(|q| q.value);
        vdd.ok_or_else(|| missing(self.card, self.model, "[conditions] VDD", "write the supply voltage"))
    }

    pub(crate) fn value(&self, key: &str) -> Result<f64, DeviceError> {
        let value = self.card.circuit_value(key);
        value
            .ok_or_else(|| missing(self.card, self.model, &format!("[circuit] {key}"), "write it with unit and source"))
    }

    /// The transistor called `name` in the netlist, at the card's temperature.
    pub(crate) fn fet(&self, name: &str, polarity: Polarity) -> Result<Ekv, DeviceError> {
        let device = self.card.devices.get(name).or_else(|| self.card.devices.get("default"));
        if device.is_none() && self.has_devices() {
            return Err(missing(
                self.card,
                self.model,
                &format!("[devices] {name}"),
                "write its W and L, or a `default` for all that are not named",
            ));
        }
        let of_polarity = if polarity == Polarity::N { "nfet" } else { "pfet" };
        let kind = device.and_then(|d| d.fet.as_deref()).unwrap_or(of_polarity);
        let fet = self.card.fets.get(kind);
        let get = |key: &str| {
            let own = device.and_then(|d| d.quantities.get(key));
            own.or_else(|| fet?.quantities.get(key)).map(|q| q.value)
        };
        if let Some(wrong) = fet.filter(|f| f.polarity != polarity) {
            return Err(DeviceError::Impossible {
                card: self.card.file.clone(),
                what: format!(
                    "device `{name}` is {polarity:?} in the circuit and its kind `{kind}` is {:?}",
                    wrong.polarity
                ),
                remedy: "give it a kind of its own polarity".into(),
            });
        }
        let need = |key: &str| {
            get(key).ok_or_else(|| {
                missing(self.card, self.model, &format!("[{kind}] {key}"), "write it with unit and source")
            })
        };
        let (i0, kappa) = (need("I0")?, need("kappa")?);
        Ok(self.at_temperature(i0, kappa, &get))
    }

    /// The EKV transistor from its card values, moved from the nominal temperature to the circuit's.
    fn at_temperature(&self, i0: f64, kappa: f64, get: &impl Fn(&str) -> Option<f64>) -> Ekv {
        // Without Is the device is a pure exponential: so far below its Is that no current sees it.
        let is = get("Is").unwrap_or(i0 * 1e24);
        let nominal = self.card.nominal_thermal_voltage().unwrap_or(self.ut);
        let vt0 = nominal / kappa * (is / i0).ln();
        let ratio = self.ut / nominal;
        let rise = (self.ut - nominal) * crate::card::Q_OVER_K;
        let early = match (get("VE"), get("L"), get("VA")) {
            (Some(ve), Some(l), _) => 1.0 / (ve * l),
            (_, _, Some(va)) => 1.0 / va,
            _ => 0.0,
        };
        let shape = get("W").zip(get("L")).map_or(1.0, |(w, l)| w / l);
        Ekv {
            spec: is * ratio.powf(2.0 - get("mu_exponent").unwrap_or(1.5)) * shape,
            kappa: kappa + get("dkappa_dT").unwrap_or(0.0) * rise,
            vt0: vt0 + get("dVt0_dT").unwrap_or(-1e-3) * rise,
            lambda: early,
            ut: self.ut,
        }
    }
}

pub(crate) fn missing(card: &Card, model: &str, quantity: &str, remedy: &str) -> DeviceError {
    DeviceError::Missing {
        card: card.file.clone(),
        model: model.to_owned(),
        quantity: quantity.to_owned(),
        remedy: remedy.to_owned(),
    }
}

/// A derived parameter in one line.
pub(crate) fn parameter(
    (name, symbol, unit): (&str, &str, &str),
    value: f64,
    formula: impl Into<String>,
    devices: &[&str],
) -> DerivedParameter {
    DerivedParameter {
        name: name.to_owned(),
        symbol: symbol.to_owned(),
        value,
        unit: unit.to_owned(),
        formula: formula.into(),
        devices: devices.iter().map(|d| (*d).to_owned()).collect(),
    }
}

/// Early factor `1 + lambda (vds)` in the closed forms.
pub(crate) fn early(fet: &Ekv, vds: f64) -> f64 {
    1.0 + fet.lambda * vds
}

/// Gate voltage (V) of a diode-connected transistor carrying `current`, deep subthreshold, no Early effect.
pub(crate) fn diode(fet: &Ekv, current: f64) -> f64 {
    fet.ut / fet.kappa * (current / fet.i0()).ln()
}
