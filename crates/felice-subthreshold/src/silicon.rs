//! A card read as silicon: transistors at their temperature, circuits put together from them.

use crate::DeviceError;
use crate::card::{Card, Polarity, Q_OVER_K};
use crate::circuits::boomerang::Boomerang;
use crate::circuits::fhnrs::{Amplifier, Circuit, Elements, Fhnrs};
use crate::circuits::wererabbit::WereRabbit;
use crate::circuits::{Role, Transistor};
use crate::derive::Operating;
use crate::ekv::Ekv;

/// A card and the model that is derived from it.
pub(crate) struct Silicon<'c> {
    pub(crate) card: &'c Card,
    pub(crate) model: &'static str,
    /// Thermal voltage (V).
    pub(crate) ut: f64,
}

impl<'c> Silicon<'c> {
    pub(crate) fn new(card: &'c Card, model: &'static str) -> Result<Self, DeviceError> {
        let mut silicon = Silicon { card, model, ut: 0.0 };
        let remedy = "write T = { value = 27, unit = \"degC\", source = \"..\" } or Ut";
        silicon.ut = card.thermal_voltage().ok_or_else(|| silicon.missing("[conditions] T", remedy))?;
        Ok(silicon)
    }

    /// True where the card names transistors, so that geometry counts.
    pub(crate) fn has_devices(&self) -> bool {
        !self.card.devices.is_empty()
    }

    pub(crate) fn value(&self, key: &str) -> Result<f64, DeviceError> {
        let value = self.card.circuit_value(key);
        value.ok_or_else(|| self.missing(&format!("[circuit] {key}"), "write it with unit and source"))
    }

    pub(crate) fn operating(&self) -> Result<Operating, DeviceError> {
        let supply = self.card.conditions.get("VDD").map(|q| q.value);
        let supply = supply.ok_or_else(|| self.missing("[conditions] VDD", "write the supply voltage"))?;
        Ok(Operating { supply, ibias: self.value("Ibias")?, c: self.value("C")?, sigma: 0.6 })
    }

    pub(crate) fn boomerang(&self) -> Result<(Boomerang, Operating), DeviceError> {
        let devices = Boomerang::from_fn(|i| Ok::<_, DeviceError>(self.transistor(Boomerang::<f64>::ROLES[i])?.ekv))?;
        Ok((devices, self.operating()?))
    }

    pub(crate) fn wererabbit(&self) -> Result<(WereRabbit, Operating), DeviceError> {
        let devices = WereRabbit::from_fn(|i| Ok::<_, DeviceError>(self.transistor(WereRabbit::<f64>::ROLES[i])?.ekv))?;
        let sigma = devices.nu.i0() / devices.bn.i0();
        Ok((devices, Operating { sigma, ..self.operating()? }))
    }

    pub(crate) fn fhnrs(&self) -> Result<(Circuit, Operating, Elements), DeviceError> {
        let core = Fhnrs::from_fn(|i| Ok::<_, DeviceError>(self.transistor(Fhnrs::<f64>::ROLES[i])?.ekv))?;
        let amplifier = |name: Option<&'static str>| -> Result<Option<Amplifier>, DeviceError> {
            let Some(name) = name else { return Ok(None) };
            Amplifier::from_fn(|i| Ok(self.transistor(amplifier_role(name, i))?.ekv)).map(Some)
        };
        let [slow, passive] = self.amplifiers();
        let elements = Elements {
            reference: self.value("Vref")?,
            conductance: if passive.is_some() { 0.0 } else { 1.0 / self.value("R")? },
            r_slow: if slow.is_some() { 0.0 } else { self.value("Rslow")? },
            c_slow: self.value("Cslow")?,
        };
        Ok((Circuit { core, follower: amplifier(slow)?, passive: amplifier(passive)? }, self.operating()?, elements))
    }

    /// FHNRS: the follower and the passive OTA, where the card names their tails; else they are resistors.
    fn amplifiers(&self) -> [Option<&'static str>; 2] {
        ["otaw", "otap"].map(|name| self.card.devices.contains_key(&format!("{name}.mt")).then_some(name))
    }

    /// The transistors of the model's circuit, in the order of its table.
    pub(crate) fn transistors(&self) -> Result<Vec<Transistor>, DeviceError> {
        let mut roles: Vec<Role> = match self.model {
            "boomerang" | "boomerang-branches" => Boomerang::<f64>::ROLES.to_vec(),
            "wererabbit" | "wererabbit-branches" => WereRabbit::<f64>::ROLES.to_vec(),
            _ => Fhnrs::<f64>::ROLES.to_vec(),
        };
        if self.model.starts_with("fhnrs") {
            for name in self.amplifiers().into_iter().flatten() {
                roles.extend((0..Amplifier::<f64>::ROLES.len()).map(|i| amplifier_role(name, i)));
            }
        }
        roles.into_iter().map(|r| self.transistor(r)).collect()
    }

    /// One transistor by its name in the netlist, at the card's temperature.
    fn transistor(&self, role: Role) -> Result<Transistor, DeviceError> {
        let device = self.card.devices.get(role.name).or_else(|| self.card.devices.get("default"));
        if device.is_none() && self.has_devices() {
            let remedy = "write its W and L, or a `default` for all that are not named";
            return Err(self.missing(&format!("[devices] {}", role.name), remedy));
        }
        let of_polarity = if role.polarity == Polarity::N { "nfet" } else { "pfet" };
        let kind = device.and_then(|d| d.fet.as_deref()).unwrap_or(of_polarity);
        let fet = self.card.fets.get(kind);
        if let Some(wrong) = fet.filter(|f| f.polarity != role.polarity) {
            return Err(DeviceError::Impossible {
                card: self.card.file.clone(),
                what: format!(
                    "device `{}` is {:?} in the circuit and its kind `{kind}` is {:?}",
                    role.name, role.polarity, wrong.polarity
                ),
                remedy: "give it a kind of its own polarity".into(),
            });
        }
        let get = |key: &str| {
            let own = device.and_then(|d| d.quantities.get(key));
            own.or_else(|| fet?.quantities.get(key)).map(|q| q.value)
        };
        let need = |key: &str| {
            get(key).ok_or_else(|| self.missing(&format!("[{kind}] {key}"), "write it with unit and source"))
        };
        let mut ekv = self.at_temperature(need("I0")?, need("kappa")?, &get);
        let shift = self.card.shift[usize::from(role.polarity == Polarity::P)];
        ekv.vt0 += shift.dvt;
        ekv.spec *= 1.0 + shift.dbeta;
        let or_zero = |key: &str| get(key).unwrap_or(0.0);
        Ok(Transistor {
            role,
            ekv,
            geometry: get("W").zip(get("L")),
            mismatch: (or_zero("A_VT"), or_zero("A_beta")),
            capacitance: (or_zero("Cox"), or_zero("Cov"), or_zero("Cj")),
        })
    }

    /// A transistor of the process: unit W/L, no name.
    pub(crate) fn process(&self, polarity: Polarity) -> Result<Ekv, DeviceError> {
        let name = if polarity == Polarity::N { "nfet" } else { "pfet" };
        Ok(self.transistor(Role { name, polarity })?.ekv)
    }

    /// The EKV transistor from its card values, moved from the nominal temperature to the circuit's:
    /// `Vt0 + dVt0_dT (T - Tnom)`, `kappa + dkappa_dT (T - Tnom)`, `Is ~ mu Ut^2 ~ T^(2 - mu_exponent)`
    /// (Tsividis, Operation and Modeling of the MOS Transistor, 3rd ed., section 4.12).
    fn at_temperature(&self, i0: f64, kappa: f64, get: &impl Fn(&str) -> Option<f64>) -> Ekv {
        // Without Is the device is a pure exponential: so far below its Is that no current sees it.
        let is = get("Is").unwrap_or(i0 * 1e24);
        let nominal = self.card.nominal_thermal_voltage().unwrap_or(self.ut);
        let vt0 = nominal / kappa * (is / i0).ln();
        let ratio = self.ut / nominal;
        let rise = (self.ut - nominal) * Q_OVER_K;
        let lambda = match (get("VE"), get("L"), get("VA")) {
            (Some(ve), Some(l), _) => 1.0 / (ve * l),
            (_, _, Some(va)) => 1.0 / va,
            _ => 0.0,
        };
        let shape = get("W").zip(get("L")).map_or(1.0, |(w, l)| w / l);
        Ekv {
            spec: is * ratio.powf(2.0 - get("mu_exponent").unwrap_or(1.5)) * shape,
            kappa: kappa + get("dkappa_dT").unwrap_or(0.0) * rise,
            vt0: vt0 + get("dVt0_dT").unwrap_or(-1e-3) * rise,
            lambda,
            ut: self.ut,
        }
    }

    pub(crate) fn missing(&self, quantity: &str, remedy: &str) -> DeviceError {
        DeviceError::Missing {
            card: self.card.file.clone(),
            model: self.model.to_owned(),
            quantity: quantity.to_owned(),
            remedy: remedy.to_owned(),
        }
    }
}

/// Transistor `i` of the OTA called `name`.
fn amplifier_role(name: &'static str, i: usize) -> Role {
    const OTAW: [&str; 5] = ["otaw.mt", "otaw.m1", "otaw.m2", "otaw.m3", "otaw.m4"];
    const OTAP: [&str; 5] = ["otap.mt", "otap.m1", "otap.m2", "otap.m3", "otap.m4"];
    let names = if name == "otaw" { OTAW } else { OTAP };
    Role { name: names[i], polarity: Amplifier::<f64>::ROLES[i].polarity }
}
