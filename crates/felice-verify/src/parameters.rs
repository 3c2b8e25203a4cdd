//! A case's model with the parameters that its circuit should have.

use std::path::Path;

use felice_neurons::AnyNeuron;
use felice_spice::{EngineChoice, Settings};
use felice_store::Input;
use felice_subthreshold::{Card, Derived, derive_as, derive_nearest};

use crate::case::{Case, Level, Source, read_error};
use crate::error::VerifyError;
use crate::extraction::extract_case;

/// A parameter of the model as used, and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct UsedParameter {
    /// ASCII name: `alpha`.
    pub name: String,
    /// The papers' symbol: `α`.
    pub symbol: String,
    /// Value in `unit`.
    pub value: f64,
    /// SI unit, or `1`.
    pub unit: String,
    /// `given`, `default`, or the formula of its derivation.
    pub source: String,
    /// Transistors (or circuit quantities) that set it.
    pub devices: Vec<String>,
}

/// A model ready to run beside its circuit.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The model.
    pub neuron: AnyNeuron,
    /// Its parameters, in the model's order.
    pub used: Vec<UsedParameter>,
    /// Seconds in one τ.
    pub time_unit: f64,
    /// What a designer should know of the derivation.
    pub warnings: Vec<String>,
    /// Where the designer's intent is stated: the extracted parameter that departs most from it, in words, and by how
    /// many times its tolerance.
    pub design: Option<(String, f64)>,
    /// Files read on the way.
    pub inputs: Vec<Input>,
    /// The device card, where one was used: its name and text.
    pub card: Option<(String, String)>,
    derived: Option<Derived>,
}

impl Prepared {
    /// Computes a case's parameters; `engine` runs the sweeps of an extraction.
    ///
    /// # Errors
    /// [`VerifyError`] where a card cannot be read, derived from, or does not fit the model, or an extraction fails.
    pub fn new(case: &Case, engine: EngineChoice, settings: &Settings) -> Result<Self, VerifyError> {
        let mut inputs = Vec::new();
        let mut card = None;
        let mut design = None;
        let derived = match &case.parameters {
            Source::Given => None,
            Source::Derive(path, form) => {
                let text = read_text(path)?;
                let name = path.display().to_string();
                inputs.push(Input::of(&name, &text));
                let device = |source| VerifyError::Device { case: case.name.clone(), source: Box::new(source) };
                let parsed = Card::from_toml(&text, &name).map_err(device)?;
                card = Some((name, text));
                let derived = match form {
                    Some(form) => derive_as(&parsed, &case.model, *form),
                    None => derive_nearest(&parsed, &case.model),
                };
                Some(derived.map_err(device)?)
            }
            Source::Extract(table) => {
                let extraction = extract_case(case, table, engine, settings)?;
                design = extraction.design;
                Some(extraction.derived)
            }
        };
        let mut prepared = Self::of(case, derived)?;
        (prepared.inputs, prepared.card, prepared.design) = (inputs, card, design);
        Ok(prepared)
    }

    /// A derived parameter or quantity by its name.
    pub(crate) fn derived(&self, name: &str) -> Option<f64> {
        self.derived.as_ref()?.value(name)
    }

    /// The parameters of a case that are given, or derived from this card instead of the one it names.
    ///
    /// # Errors
    /// [`VerifyError`] where nothing can be derived from the card or what is derived does not fit the model;
    /// [`VerifyError::Mismatch`] where the case's parameters are to be extracted, or derived and no card is given.
    pub fn with_card(case: &Case, card: Option<&Card>) -> Result<Self, VerifyError> {
        let derived = match (&case.parameters, card) {
            (Source::Given, _) => None,
            (Source::Derive(..), Some(card)) => Some(
                derive_nearest(card, &case.model)
                    .map_err(|source| VerifyError::Device { case: case.name.clone(), source: Box::new(source) })?,
            ),
            _ => {
                let what = "its parameters need a run of the circuit, or a card that is not given".into();
                return Err(mismatch(case, what, "take a case whose parameters are given or derived"));
            }
        };
        Self::of(case, derived)
    }

    fn of(case: &Case, derived: Option<Derived>) -> Result<Self, VerifyError> {
        let (neuron, used) = neuron_of(case, derived.as_ref())?;
        let time_unit = match (case.time_unit, &derived) {
            (Some(seconds), _) => seconds,
            (None, Some(d)) => d.time_unit_s,
            (None, None) => {
                return Err(mismatch(
                    case,
                    "its time unit is \"derived\" and its parameters are given".into(),
                    "write the seconds in one tau as `unit` in [time]",
                ));
            }
        };
        if !(time_unit > 0.0 && time_unit.is_finite()) {
            return Err(mismatch(case, format!("one tau derives to {time_unit} s"), "check C and Ibias on the card"));
        }
        let warnings = derived.as_ref().map(|d| d.warnings.clone()).unwrap_or_default();
        Ok(Prepared { neuron, used, time_unit, warnings, design: None, inputs: Vec::new(), card: None, derived })
    }

    /// A number of the case file, or the derived quantity it names.
    ///
    /// # Errors
    /// [`VerifyError::Mismatch`] where there is no quantity of that name.
    pub fn level(&self, case: &Case, level: &Level) -> Result<f64, VerifyError> {
        match level {
            Level::Value(x) => Ok(*x),
            Level::Derived(name) => self.derived.as_ref().and_then(|d| d.value(name)).ok_or_else(|| {
                let known: Vec<&str> = self
                    .derived
                    .iter()
                    .flat_map(|d| d.quantities.iter().chain(&d.parameters))
                    .map(|q| q.name.as_str())
                    .collect();
                let remedy = if known.is_empty() {
                    "give a number: nothing is derived here".to_owned()
                } else {
                    format!("derived are: {}", known.join(", "))
                };
                mismatch(case, format!("[states] names a quantity `{name}` that is not derived"), &remedy)
            }),
        }
    }
}

pub(crate) fn mismatch(case: &Case, what: String, remedy: &str) -> VerifyError {
    VerifyError::Mismatch { case: case.name.clone(), what, remedy: remedy.to_owned() }
}

pub(crate) fn read_text(path: &Path) -> Result<String, VerifyError> {
    let bytes = std::fs::read(path).map_err(|e| read_error("device card", path, &e))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn neuron_of(case: &Case, derived: Option<&Derived>) -> Result<(AnyNeuron, Vec<UsedParameter>), VerifyError> {
    let refused = |source| VerifyError::Neuron { case: case.name.clone(), source };
    let mut neuron = AnyNeuron::new(&case.model).map_err(refused)?;
    let from = derived.map(|d| d.parameters.as_slice()).unwrap_or_default();
    for p in from {
        neuron.set(&p.name, p.value).map_err(|source| VerifyError::NotTheModel {
            case: case.name.clone(),
            model: case.model.clone(),
            source: Box::new(source),
        })?;
    }
    for (name, value) in &case.overrides {
        neuron.set(name, *value).map_err(refused)?;
    }
    let used = neuron
        .info()
        .parameters
        .iter()
        .zip(neuron.parameters())
        .map(|(info, (name, value))| {
            let given = case.overrides.iter().any(|(n, _)| n == name);
            let derivation = from.iter().find(|p| p.name == name).filter(|_| !given);
            UsedParameter {
                name: name.to_owned(),
                symbol: info.symbol.to_string(),
                value,
                unit: info.unit.to_string(),
                source: match derivation {
                    Some(p) => p.formula.clone(),
                    None if given => "given".into(),
                    None => "default".into(),
                },
                devices: derivation.map(|p| p.devices.clone()).unwrap_or_default(),
            }
        })
        .collect();
    Ok((neuron, used))
}
