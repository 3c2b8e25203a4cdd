//! A case file: which circuit should do what which equations say, and how well.
//!
//! ```toml
//! title = "Boomerang, 16 transistors, EKV"
//! model = "boomerang"
//! netlist = "ekv.cir"                              # relative to the case file
//! engine = "auto"                                  # optional
//!
//! [parameters]
//! source = "derive"                                # "given", "derive" or "extract"
//! card = "../../data/devices/ekv-boomerang.toml"   # for "derive"
//! form = "solved"                                  # optional, for "derive": "closed" formulas or the "solved" circuit,
//!                                                  # the latter by default where the card names its transistors
//! values = { rho = 7.8 }                           # for "given"; overrides for the others
//!
//! [states]                                         # state = (signal - offset) / scale
//! u = { signal = "v(u)", offset = 0.0, scale = 1.0 }     # numbers, or names of derived quantities
//! v = { constant = 0.0 }                           # a state that the circuit does not have
//!
//! [time]
//! span = 40.0                                      # in the model's time unit, tau
//! unit = "derived"                                 # seconds in one tau, or "derived"
//! samples = 4001                                   # points of the common grid
//!
//! [initial]                                        # in model units; the netlist's .ic must agree
//! u = 0.1
//! v = 0.0
//!
//! [rails]                                          # optional, in model units
//! lo = 0.0
//! hi = 1.8
//!
//! [limits]                                         # at least one
//! rms = { max = 1e-5, why = "..." }
//!
//! [fit]                                            # optional: what `felice fit` fits
//! free = ["alpha", "beta"]
//! ```

mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use felice_base::{Located, Place};
use felice_neurons::AnyNeuron;
use felice_subthreshold::Form;
use serde::Deserialize;

use crate::error::VerifyError;
use crate::metric::{Limit, MetricName};
use text::{CaseText, Text};

/// A case, read and checked against its model.
#[derive(Clone, Debug)]
pub struct Case {
    /// Short name, unique in a run: folder and file, `boomerang-ekv`.
    pub name: String,
    /// What it is, in words.
    pub title: String,
    /// The case file as named by the caller.
    pub file: PathBuf,
    /// Its text.
    pub text: String,
    /// Name of the model.
    pub model: String,
    /// The netlist.
    pub netlist: PathBuf,
    /// The engine asked for: `auto`, `native`, `ngspice`, `spice21`.
    pub engine: String,
    /// Where the model's parameters come from.
    pub parameters: Source,
    /// Values that replace those of the source.
    pub overrides: Vec<(String, f64)>,
    /// One binding a state, in the model's order.
    pub states: Vec<(String, Binding)>,
    /// Length of the comparison in τ.
    pub span: f64,
    /// Seconds in one τ; `None` where derived.
    pub time_unit: Option<f64>,
    /// Points of the common grid.
    pub samples: usize,
    /// Initial state, in the model's order.
    pub initial: Vec<f64>,
    /// Rails of the model's states.
    pub rails: Option<(f64, f64)>,
    /// What must hold.
    pub limits: BTreeMap<MetricName, Limit>,
    /// Parameters that a fit finds; empty where the case leaves it to the fit.
    pub fit_free: Vec<String>,
}

/// Where a model's parameters come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Written in the case.
    Given,
    /// Computed from a device card, in the form asked for.
    Derive(PathBuf, Option<Form>),
    /// Measured on the netlist's own devices by DC sweeps: the table `[parameters.extract]`.
    Extract(toml::Table),
}

/// How a state of the model shows in the circuit.
#[derive(Clone, Debug, PartialEq)]
pub enum Binding {
    /// state = (signal − offset) / scale.
    Signal {
        /// A SPICE vector: `v(u)`, `i(vdd)`.
        signal: String,
        /// Subtracted, in the signal's unit.
        offset: Level,
        /// Divided by.
        scale: Level,
    },
    /// The circuit does not have it: it stands still at this value in the model's unit.
    Constant(f64),
}

/// A number, or the name of a derived quantity.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Level {
    /// A number.
    Value(f64),
    /// A derived quantity (`v_ref`, `v_unit`).
    Derived(String),
}

/// What a case's `engine` may say.
pub const ENGINES: [&str; 4] = ["auto", "native", "ngspice", "spice21"];
impl Case {
    /// Reads a case file and checks it against its model.
    ///
    /// # Errors
    /// [`VerifyError::Read`], or [`VerifyError::Case`] with the place of what is wrong.
    pub fn read(file: &Path) -> Result<Self, VerifyError> {
        let bytes = std::fs::read(file).map_err(|e| read_error("case file", file, &e))?;
        let text = String::from_utf8(bytes).map_err(|e| {
            let before = String::from_utf8_lossy(&e.as_bytes()[..e.utf8_error().valid_up_to()]).into_owned();
            let place = Place::at_byte(file.display().to_string(), &before, before.len());
            Located::new(place, "bytes that are not UTF-8", "a text file in UTF-8")
        })?;
        Self::from_toml(&text, file)
    }

    /// A case from its text; `file` is where it stands, for messages and relative names.
    ///
    /// # Errors
    /// [`VerifyError::Case`] with the place of what is wrong.
    pub fn from_toml(text: &str, file: &Path) -> Result<Self, VerifyError> {
        let at = Text { text, file };
        let case: CaseText = at.parse()?;
        let neuron = AnyNeuron::new(case.model.get_ref())
            .map_err(|_| at.error(&case.model, format!("a model: {}", felice_neurons::MODELS.join(", "))))?;
        let engine = at.choice(case.engine.as_ref(), &ENGINES, "an engine")?.unwrap_or("auto").to_owned();
        let folder = file.parent().unwrap_or(Path::new(""));
        let parameters = at.source(&case.parameters, folder)?;
        let overrides = at.overrides(&case.parameters, &neuron)?;
        // A parameter may change what states there are (tau_fast of fhnrs).
        let mut neuron = neuron;
        for (name, value) in &overrides {
            neuron.set(name, *value).map_err(|source| VerifyError::Neuron { case: case_name(file), source })?;
        }
        let names: Vec<&str> = neuron.info().states.iter().map(|s| &*s.name).collect();
        Ok(Case {
            name: case_name(file),
            title: case.title,
            file: file.to_owned(),
            text: text.to_owned(),
            model: case.model.into_inner(),
            netlist: folder.join(&case.netlist),
            engine,
            parameters,
            overrides,
            states: at.states(&case.states, &names)?,
            span: at.positive(&case.time.span, "a time span in units of tau, above 0")?,
            time_unit: at.time_unit(&case.time.unit)?,
            samples: at.samples(&case.time.samples)?,
            initial: at.initial(&case.initial, &names)?,
            rails: at.rails(case.rails.as_ref())?,
            limits: at.limits(&case.limits)?,
            fit_free: at.free(case.fit.as_ref(), &neuron)?,
        })
    }
}

pub(crate) fn read_error(what: &'static str, path: &Path, error: &std::io::Error) -> VerifyError {
    VerifyError::Read { what, path: path.to_owned(), why: error.to_string() }
}

/// `netlists/boomerang/ekv.toml` is `boomerang-ekv`.
fn case_name(file: &Path) -> String {
    let part = |p: Option<&std::ffi::OsStr>| p.map(|s| s.to_string_lossy().into_owned());
    let stem = part(file.file_stem()).unwrap_or_else(|| "case".into());
    match part(file.parent().and_then(Path::file_name)) {
        Some(folder) if folder != "." && folder != ".." => format!("{folder}-{stem}"),
        _ => stem,
    }
}
