//! The device card: what a designer knows of a process and a circuit, each quantity with its unit and source.
//!
//! ```toml
//! name = "my process"
//! [conditions]                       # Ut or T; VDD where a circuit is derived
//! T = { value = 27, unit = "degC", source = "measurement" }
//! [nfet]                             # and [pfet]; further kinds as [fets.NAME] with polarity = "n" | "p"
//! I0 = { value = 0.129, error = 0.002, unit = "pA", source = "sweep of 3 May" }   # a standard error, where known
//! kappa = { value = 0.39, unit = "1", source = "sweep of 3 May" }
//! [circuit]
//! Ibias = { value = 100, unit = "pA", source = "bias generator" }
//! [devices]                          # optional: the transistors by their names in the netlist, else `default`
//! default = { W = { value = 8, unit = "um" }, L = { value = 8, unit = "um" } }
//! nu = { W = { value = 1, unit = "um" }, L = { value = 0.35, unit = "um" }, fet = "short" }
//! ```

use std::collections::BTreeMap;

use felice_base::Place;

use crate::DeviceError;
use crate::card_text;

/// Elementary charge over Boltzmann's constant (K/V), from the exact SI values of 2019.
pub const Q_OVER_K: f64 = 1.602_176_634e-19 / 1.380_649e-23;

/// A number in SI with where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// Value in SI.
    pub value: f64,
    /// Standard error in SI; `None` where nobody states one. Derived parameters carry it along.
    pub error: Option<f64>,
    /// SI unit, as it stands in files.
    pub unit: &'static str,
    /// Who says so.
    pub source: String,
    /// Where it stands in the card's text; `None` for a card made by a program.
    pub place: Option<Place>,
}

/// Channel type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Polarity {
    /// nFET: bulk at ground.
    N,
    /// pFET: bulk at the supply.
    P,
}

/// A kind of transistor. Keys, units and ranges: [`FET_KEYS`].
#[derive(Clone, Debug, PartialEq)]
pub struct FetCard {
    /// nFET or pFET.
    pub polarity: Polarity,
    /// Quantities by key.
    pub quantities: BTreeMap<String, Quantity>,
}

/// One transistor of a circuit.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceCard {
    /// Kind of transistor; `None` for `nfet` or `pfet` by the device's place in the circuit.
    pub fet: Option<String>,
    /// `W`, `L` and, where extraction measured this very device, overrides of the kind's quantities.
    pub quantities: BTreeMap<String, Quantity>,
}

/// A device card. Read one with [`Card::from_toml`], write one with [`Card::to_toml`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Card {
    /// The card's file, as the user named it: errors point at it.
    pub file: String,
    /// Short name.
    pub name: String,
    /// Anything a reader should know.
    pub note: String,
    /// Temperature, supply. Keys: [`CONDITION_KEYS`].
    pub conditions: BTreeMap<String, Quantity>,
    /// Kinds of transistor, `nfet` and `pfet` among them.
    pub fets: BTreeMap<String, FetCard>,
    /// Currents, capacitances, ratios of the circuit. Keys: [`CIRCUIT_KEYS`].
    pub circuit: BTreeMap<String, Quantity>,
    /// What the named corners span. Keys: [`CORNER_KEYS`].
    pub corners: BTreeMap<String, Quantity>,
    /// Transistors by their names in the netlist; `default` stands for every one not named.
    pub devices: BTreeMap<String, DeviceCard>,
    /// Process corner: what every nFET and every pFET is moved by. Not part of a card's text.
    pub(crate) shift: [Shift; 2],
    /// Lines at which the tables of the card's text begin, and the last line under the empty name.
    pub(crate) lines: BTreeMap<String, usize>,
}

/// What moves a transistor from its typical values: threshold (V), relative current factor.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Shift {
    pub(crate) dvt: f64,
    pub(crate) dbeta: f64,
}

/// A key of a card: its name, SI unit, what its value must be, and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As written in the card.
    pub name: &'static str,
    /// SI unit.
    pub unit: &'static str,
    /// Range, both ends excluded unless equal to the value itself is meaningful.
    pub range: Range,
    /// Meaning.
    pub meaning: &'static str,
}

/// What a quantity's value must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// Above zero.
    Positive,
    /// Zero or above.
    NotNegative,
    /// Between zero and one, both excluded.
    Fraction,
    /// Zero or above, below one.
    Tolerance,
    /// A whole number from 0 to 8.
    Count,
    /// Any finite number.
    Finite,
}

impl Range {
    /// True where `value` lies in the range.
    pub fn holds(self, value: f64) -> bool {
        value.is_finite()
            && match self {
                Range::Positive => value > 0.0,
                Range::NotNegative => value >= 0.0,
                Range::Fraction => value > 0.0 && value < 1.0,
                Range::Tolerance => (0.0..1.0).contains(&value),
                Range::Count => (0.0..=8.0).contains(&value) && value.fract() == 0.0,
                Range::Finite => true,
            }
    }

    /// The range in words.
    pub fn words(self) -> &'static str {
        match self {
            Range::Positive => "a number above 0",
            Range::NotNegative => "0 or a number above 0",
            Range::Fraction => "a number between 0 and 1, both excluded",
            Range::Tolerance => "0 or a number between 0 and 1",
            Range::Count => "a whole number from 0 to 8",
            Range::Finite => "a finite number",
        }
    }
}

const fn key(name: &'static str, unit: &'static str, range: Range, meaning: &'static str) -> Key {
    Key { name, unit, range, meaning }
}

/// Keys of `[conditions]`.
pub const CONDITION_KEYS: &[Key] = &[
    key("Ut", "V", Range::Positive, "thermal voltage kT/q; instead of T"),
    key("T", "K", Range::Positive, "temperature of the circuit (K or degC); instead of Ut"),
    key("Tnom", "K", Range::Positive, "temperature at which the card's quantities hold; T where absent"),
    key("VDD", "V", Range::Positive, "supply"),
];

/// Keys of `[nfet]`, `[pfet]` and `[fets.NAME]`.
pub const FET_KEYS: &[Key] = &[
    key("I0", "A", Range::Positive, "leakage current at W = L, gate and source at the bulk"),
    key("kappa", "1", Range::Fraction, "gate coupling 1/n"),
    key("Is", "A", Range::Positive, "specific current at W = L; absent: pure exponential"),
    key("Vt0", "V", Range::Finite, "threshold magnitude at Vsb = 0; I0 = Is exp(-kappa Vt0/Ut)"),
    key("VE", "V/m", Range::Positive, "Early voltage per channel length"),
    key("VA", "V", Range::Positive, "Early voltage at the model's reference voltage, whatever L"),
    key("Lmin", "m", Range::Positive, "shortest channel the process makes"),
    key("A_VT", "V*m", Range::NotNegative, "Pelgrom: sigma(Vt0) = A_VT/sqrt(W L)"),
    key("A_beta", "m", Range::NotNegative, "Pelgrom: sigma(Is)/Is = A_beta/sqrt(W L)"),
    key("Cox", "F/m^2", Range::Positive, "gate oxide capacitance"),
    key("Cov", "F/m", Range::NotNegative, "gate overlap capacitance per width"),
    key("Cj", "F/m", Range::NotNegative, "drain junction capacitance per width"),
    key("dVt0_dT", "V/K", Range::Finite, "threshold drift; -1 mV/K where absent"),
    key("dkappa_dT", "1/K", Range::Finite, "gate coupling drift; 0 where absent"),
    key("mu_exponent", "1", Range::Finite, "mobility ~ T^-x, Is ~ T^(2-x); 1.5 where absent"),
];

/// Keys of `[circuit]`.
pub const CIRCUIT_KEYS: &[Key] = &[
    key("Ibias", "A", Range::Positive, "bias current, the unit of current"),
    key("C", "F", Range::Positive, "capacitance of a state's node"),
    key("Cnode", "F", Range::NotNegative, "parasitic capacitance of every inner node, beside the transistors' own"),
    key("sigma", "1", Range::NotNegative, "tail over bias current; from the tails' geometry where absent"),
    key(
        "W",
        "m",
        Range::Positive,
        "width of the exponential's transistor, where the card names no devices; L where absent",
    ),
    key(
        "L",
        "m",
        Range::Positive,
        "length of the exponential's transistor, where the card names no devices; W where absent",
    ),
    key("Ndeg", "1", Range::Count, "diodes under each source of the comparators' pairs; 0 where absent"),
    key(
        "Npre",
        "1",
        Range::Count,
        "diodes stacked on each side of a pre-amplifier before the pairs; 0 (none) where absent",
    ),
    key("Itail", "A", Range::Positive, "a comparator's saturation current as measured; without devices"),
    key("rho", "1/V", Range::Positive, "a comparator's slope as measured; without devices; else kappa_p/(2 Ut)"),
    key("offset", "V", Range::Finite, "a comparator's input offset as measured; FHNRS without devices"),
    key("Vref", "V", Range::Positive, "FHNRS: the reference node"),
    key("R", "V/A", Range::Positive, "FHNRS: passive element, v to reference"),
    key("Rslow", "V/A", Range::Positive, "FHNRS: resistor of the slow lag"),
    key("Cslow", "F", Range::Positive, "FHNRS: capacitor of the slow lag"),
];

/// Keys of `[corners]`.
pub const CORNER_KEYS: &[Key] = &[
    key("dVt0", "V", Range::NotNegative, "threshold shift of a fast or slow transistor; 30 mV where absent"),
    key("dIs", "1", Range::Tolerance, "relative shift of Is; 10 % where absent"),
    key("dVDD", "1", Range::Tolerance, "relative supply tolerance; 10 % where absent"),
    key("Tmin", "K", Range::Positive, "lowest temperature; -40 degC where absent"),
    key("Tmax", "K", Range::Positive, "highest temperature; 125 degC where absent"),
];

/// Keys of a device, beside any of [`FET_KEYS`].
pub const GEOMETRY_KEYS: &[Key] =
    &[key("W", "m", Range::Positive, "channel width"), key("L", "m", Range::Positive, "channel length")];

impl Card {
    /// Moves every nFET (then every pFET) by a threshold (V) and a relative current factor, as process corners do.
    pub fn move_corner(&mut self, nfet: [f64; 2], pfet: [f64; 2]) {
        self.shift = [nfet, pfet].map(|[dvt, dbeta]| Shift { dvt, dbeta });
    }

    /// Reads a card from TOML text. `file` is named in errors and not opened.
    ///
    /// # Errors
    /// [`DeviceError::Card`] at the first place that cannot be right: syntax, unknown key, missing or wrong unit,
    /// value out of range, channel below `Lmin`, quantities that contradict each other.
    pub fn from_toml(text: &str, file: &str) -> Result<Self, DeviceError> {
        Ok(card_text::read(text, file)?)
    }

    /// The card as TOML text that [`Card::from_toml`] reads back to the same values.
    pub fn to_toml(&self) -> String {
        card_text::write(self)
    }

    /// Thermal voltage (V) at the card's temperature.
    pub fn thermal_voltage(&self) -> Option<f64> {
        let ut = self.conditions.get("Ut").map(|q| q.value);
        ut.or_else(|| Some(self.conditions.get("T")?.value / Q_OVER_K))
    }

    /// Thermal voltage (V) at which the card's quantities hold.
    pub fn nominal_thermal_voltage(&self) -> Option<f64> {
        let nominal = self.conditions.get("Tnom").map(|q| q.value / Q_OVER_K);
        nominal.or_else(|| self.thermal_voltage())
    }

    /// Temperature (K).
    pub fn temperature(&self) -> Option<f64> {
        let t = self.conditions.get("T").map(|q| q.value);
        t.or_else(|| Some(self.conditions.get("Ut")?.value * Q_OVER_K))
    }

    /// Where a quantity, written `[table] key`, should stand: file and line of its table, or of the text's end.
    pub(crate) fn place_of_missing(&self, quantity: &str) -> String {
        let table = quantity.trim_start_matches('[').split(']').next().unwrap_or_default();
        match self.lines.get(table).or_else(|| self.lines.get("")) {
            Some(line) => format!("{}:{line}", self.file),
            None => self.file.clone(),
        }
    }

    /// A circuit quantity's value (SI).
    pub fn circuit_value(&self, key: &str) -> Option<f64> {
        Some(self.circuit.get(key)?.value)
    }
}

impl Quantity {
    /// A quantity made by a program. `unit` must be the SI unit of its key.
    pub fn new(value: f64, unit: &'static str, source: impl Into<String>) -> Self {
        Quantity { value, error: None, unit, source: source.into(), place: None }
    }

    /// The same quantity with a standard error (SI).
    pub fn with_error(self, error: f64) -> Self {
        Quantity { error: Some(error), ..self }
    }
}
