//! A card read as silicon: transistors at their temperature, circuits put together from them.

use crate::DeviceError;
use crate::blocks::Stack;
use crate::card::{Card, Polarity, Q_OVER_K, Quantity};
use crate::circuits::boomerang::Boomerang;
use crate::circuits::fhnrs::{Amplifier, Circuit, Elements, Fhnrs};
use crate::circuits::wererabbit::WereRabbit;
use crate::circuits::{Role, Transistor};
use crate::derive::Operating;
use crate::ekv::Ekv;

/// Specific current (A) at W = L that temperature takes where a card has neither Is nor Vt0: 2 n mu Cox Ut^2 with
/// n = 1.5 and mu Cox = 270 uA/V^2, the middle of 65 to 180 nm.
const TYPICAL_IS: f64 = 0.5e-6;
/// Is over I0 of a pure exponential.
const PURE: f64 = 1e24;

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
        Ok(Operating { supply, ibias: self.value("Ibias")?, c: self.value("C")?, sigma: 0.6, dial: self.dial()? })
    }

    /// What the comparators' dial multiplies `rho = kappa/(2 Ut)` by.
    pub(crate) fn dial(&self) -> Result<f64, DeviceError> {
        let stack = Stack::of(self.card);
        if stack == Stack::default() {
            return Ok(1.0);
        }
        let kind = if self.card.fets.contains_key("pfet") { Polarity::P } else { Polarity::N };
        Ok(stack.factor(self.process(kind)?.kappa))
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
        let quantity = |key: &str| {
            let own = device.and_then(|d| d.quantities.get(key));
            // Without devices the circuit's W and L are those of every transistor.
            let shared = || {
                let other = [("W", "L"), ("L", "W")].into_iter().find(|(k, _)| *k == key)?.1;
                let circuit = Some(&self.card.circuit).filter(|_| !self.has_devices())?;
                circuit.get(key).or_else(|| circuit.get(other))
            };
            own.or_else(|| fet?.quantities.get(key)).or_else(shared)
        };
        let get = |key: &str| quantity(key).map(|q| q.value);
        if let (Some(length), Some(minimum)) = (quantity("L"), get("Lmin"))
            && length.value < minimum * (1.0 - 1e-9)
        {
            return Err(self.at(length, &format!("L of at least Lmin = {minimum:e} m of [{kind}] for `{}`", role.name)));
        }
        let need = |key: &str| {
            get(key).ok_or_else(|| self.missing(&format!("[{kind}] {key}"), "write it with unit and source"))
        };
        let mut ekv = self.at_temperature(need("I0")?, need("kappa")?, &get);
        let shift = self.card.shift[usize::from(role.polarity == Polarity::P)];
        ekv.vt0 += shift.dvt;
        ekv.spec *= 1.0 + shift.dbeta;
        if !(ekv.kappa > 0.0 && ekv.kappa < 1.0) {
            let t = self.ut * Q_OVER_K;
            let what = format!("kappa = {:.4} of [{kind}] at {t:.1} K is not between 0 and 1", ekv.kappa);
            return Err(
                self.impossible(what, "dkappa_dT reaches that far only near Tnom; lower it, or the temperature")
            );
        }
        if !(ekv.i0() > 0.0 && ekv.i0().is_finite() && ekv.spec.is_finite() && ekv.vt0.is_finite()) {
            let what = format!("I0 W/L = {:.3e} A of {} ([{kind}]) is no current", ekv.i0(), role.name);
            return Err(self.impossible(what, "I0, Is, Vt0, W, L or the temperature is out of all proportion"));
        }
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
        let is = get("Is").unwrap_or(TYPICAL_IS);
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
        let fet = Ekv {
            spec: is * ratio.powf(2.0 - get("mu_exponent").unwrap_or(1.5)) * shape,
            kappa: kappa + get("dkappa_dT").unwrap_or(0.0) * rise,
            vt0: vt0 + get("dVt0_dT").unwrap_or(-1e-3) * rise,
            lambda,
            ut: self.ut,
        };
        if get("Is").is_some() {
            return fet;
        }
        // Without Is the device is a pure exponential: so far below its Is that no current sees it.
        let i0 = if rise == 0.0 { i0 * shape } else { fet.i0() };
        let spec = i0 * PURE;
        Ekv { spec, vt0: fet.ut / fet.kappa * PURE.ln(), ..fet }
    }

    /// What the card leaves open and the temperature needs.
    pub(crate) fn assumptions(&self) -> Vec<String> {
        let nominal = self.card.nominal_thermal_voltage().unwrap_or(self.ut);
        if (self.ut / nominal - 1.0).abs() < 1e-9 {
            return Vec::new();
        }
        let open = |(name, fet): (&String, &crate::FetCard)| {
            (fet.quantities.contains_key("I0") && !fet.quantities.contains_key("Is")).then(|| name.clone())
        };
        let open: Vec<String> = self.card.fets.iter().filter_map(open).collect();
        if open.is_empty() {
            return Vec::new();
        }
        vec![format!(
            "no Is nor Vt0 of {}: I0 at {:.1} K is that of Is = {TYPICAL_IS:.1e} A at Tnom, a typical process'; write \
             Is or Vt0",
            open.join(", "),
            self.ut * Q_OVER_K
        )]
    }

    pub(crate) fn impossible(&self, what: String, remedy: &str) -> DeviceError {
        DeviceError::Impossible { card: self.card.file.clone(), what, remedy: remedy.to_owned() }
    }

    /// An error about a quantity: at its place, where it has one.
    fn at(&self, quantity: &Quantity, expected: &str) -> DeviceError {
        let found = format!("{:e} {}", quantity.value, quantity.unit);
        match &quantity.place {
            Some(place) => DeviceError::Card(felice_base::Located::new(place.clone(), &found, expected)),
            None => self.impossible(found, &format!("expected {expected}")),
        }
    }

    pub(crate) fn missing(&self, quantity: &str, remedy: &str) -> DeviceError {
        DeviceError::Missing {
            card: self.card.place_of_missing(quantity),
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
