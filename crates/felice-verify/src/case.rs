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

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use felice_base::{Located, Place};
use felice_neurons::AnyNeuron;
use felice_subthreshold::Form;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;

use crate::error::VerifyError;
use crate::metric::{Limit, METRICS, MetricName};

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseText {
    title: String,
    model: Spanned<String>,
    netlist: PathBuf,
    engine: Option<Spanned<String>>,
    parameters: ParametersText,
    states: BTreeMap<Spanned<String>, Spanned<BindingText>>,
    time: TimeText,
    initial: BTreeMap<Spanned<String>, Spanned<f64>>,
    rails: Option<Spanned<RailsText>>,
    limits: BTreeMap<Spanned<String>, Spanned<LimitText>>,
    fit: Option<FitText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FitText {
    free: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParametersText {
    source: Spanned<String>,
    card: Option<Spanned<PathBuf>>,
    form: Option<Spanned<String>>,
    #[serde(default)]
    values: BTreeMap<Spanned<String>, Spanned<f64>>,
    extract: Option<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BindingText {
    signal: Option<String>,
    offset: Option<Level>,
    scale: Option<Level>,
    constant: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeText {
    span: Spanned<f64>,
    unit: Spanned<Level>,
    samples: Spanned<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RailsText {
    lo: f64,
    hi: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitText {
    min: Option<f64>,
    max: Option<f64>,
    why: String,
}

/// What a case's `engine` may say.
pub const ENGINES: [&str; 4] = ["auto", "native", "ngspice", "spice21"];
/// A grid larger than this is a slip of the pen: its waveforms would not fit a page, nor most memories.
const MOST_SAMPLES: i64 = 10_000_000;

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

/// A case file's text, for errors that point into it.
struct Text<'t> {
    text: &'t str,
    file: &'t Path,
}

impl Text<'_> {
    fn place(&self, offset: usize) -> Place {
        Place::at_byte(self.file.display().to_string(), self.text, offset)
    }

    fn error<T>(&self, at: &Spanned<T>, expected: impl Into<String>) -> VerifyError {
        let found = self.text.get(at.span()).unwrap_or_default();
        Located::new(self.place(at.span().start), found, expected).into()
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<T, VerifyError> {
        toml::from_str(self.text).map_err(|e| {
            let span = e.span().unwrap_or(0..0);
            let found = self.text.get(span.clone()).unwrap_or_default().lines().next().unwrap_or_default();
            let message = e.message();
            let expected = match message.find("expected ") {
                Some(i) => message[i + "expected ".len()..].to_owned(),
                None => format!("a case file as the manual shows it ({message})"),
            };
            Located::new(self.place(span.start), found, expected).into()
        })
    }

    fn choice<'a>(
        &self,
        word: Option<&'a Spanned<String>>,
        known: &[&str],
        what: &str,
    ) -> Result<Option<&'a str>, VerifyError> {
        let Some(word) = word else { return Ok(None) };
        if known.contains(&word.get_ref().as_str()) {
            return Ok(Some(word.get_ref()));
        }
        Err(self.error(word, format!("{what}: {}", known.join(", "))))
    }

    fn finite(&self, x: &Spanned<f64>, what: &str) -> Result<f64, VerifyError> {
        if x.get_ref().is_finite() { Ok(*x.get_ref()) } else { Err(self.error(x, what)) }
    }

    fn positive(&self, x: &Spanned<f64>, what: &str) -> Result<f64, VerifyError> {
        if *x.get_ref() > 0.0 { self.finite(x, what) } else { Err(self.error(x, what)) }
    }

    fn source(&self, p: &ParametersText, folder: &Path) -> Result<Source, VerifyError> {
        let missing = |what: &str| Err(self.error(&p.source, format!("`{what}` beside this source")));
        match self.choice(Some(&p.source), &["given", "derive", "extract"], "a source of parameters")? {
            Some("derive") => match &p.card {
                Some(card) => {
                    let form = self.choice(p.form.as_ref(), &["closed", "solved"], "a form of derivation")?;
                    let form = form.map(|f| if f == "closed" { Form::Closed } else { Form::Solved });
                    Ok(Source::Derive(folder.join(card.get_ref()), form))
                }
                None => missing("card = \"..\""),
            },
            Some("extract") => match &p.extract {
                Some(table) => Ok(Source::Extract(table.clone())),
                None => missing("[parameters.extract]"),
            },
            _ => Ok(Source::Given),
        }
    }

    fn overrides(&self, p: &ParametersText, neuron: &AnyNeuron) -> Result<Vec<(String, f64)>, VerifyError> {
        let mut checked = neuron.clone();
        p.values
            .iter()
            .map(|(name, value)| {
                checked.get(name.get_ref()).map_err(|_| {
                    let known: Vec<&str> = neuron.parameters().map(|(n, _)| n).collect();
                    self.error(name, format!("a parameter of {}: {}", neuron.info().name, known.join(", ")))
                })?;
                checked.set(name.get_ref(), *value.get_ref()).map_err(|e| self.error(value, e.to_string()))?;
                Ok((name.get_ref().clone(), *value.get_ref()))
            })
            .collect()
    }

    fn free(&self, fit: Option<&FitText>, neuron: &AnyNeuron) -> Result<Vec<String>, VerifyError> {
        let known = |name: &str| name == crate::fit::TIME_UNIT || neuron.get(name).is_ok();
        let all = fit.iter().flat_map(|f| &f.free);
        let check = |name: &Spanned<String>| {
            let names: Vec<&str> = neuron.parameters().map(|p| p.0).collect();
            let expected = || format!("a parameter to fit: {}, {}", names.join(", "), crate::fit::TIME_UNIT);
            if known(name.get_ref()) { Ok(name.get_ref().clone()) } else { Err(self.error(name, expected())) }
        };
        all.map(check).collect()
    }

    fn states(
        &self,
        given: &BTreeMap<Spanned<String>, Spanned<BindingText>>,
        names: &[&str],
    ) -> Result<Vec<(String, Binding)>, VerifyError> {
        self.known_states(given.keys(), names)?;
        names
            .iter()
            .map(|name| {
                let Some((_, text)) = given.iter().find(|(k, _)| k.get_ref() == name) else {
                    return Err(self.absent("states", name, "{ signal = \"v(..)\", offset = 0.0, scale = 1.0 }"));
                };
                let form = "{ signal = \"v(..)\", offset = .., scale = .. } (scale not 0) or { constant = .. }";
                let t = text.get_ref();
                let level = |l: &Option<Level>, default| l.clone().unwrap_or(Level::Value(default));
                let binding = match (&t.signal, t.constant) {
                    (Some(signal), None) => Binding::Signal {
                        signal: signal.to_ascii_lowercase(),
                        offset: level(&t.offset, 0.0),
                        scale: level(&t.scale, 1.0),
                    },
                    (None, Some(c)) if t.offset.is_none() && t.scale.is_none() && c.is_finite() => Binding::Constant(c),
                    _ => return Err(self.error(text, form)),
                };
                let finite = |l: &Level| !matches!(l, Level::Value(x) if !x.is_finite());
                match &binding {
                    Binding::Signal { offset, scale, .. }
                        if *scale == Level::Value(0.0) || !finite(offset) || !finite(scale) =>
                    {
                        Err(self.error(text, form))
                    }
                    _ => Ok(((*name).to_owned(), binding)),
                }
            })
            .collect()
    }

    fn known_states<'a>(
        &self,
        given: impl Iterator<Item = &'a Spanned<String>>,
        names: &[&str],
    ) -> Result<(), VerifyError> {
        for name in given {
            if !names.contains(&name.get_ref().as_str()) {
                return Err(self.error(name, format!("a state of the model: {}", names.join(", "))));
            }
        }
        Ok(())
    }

    /// Something that a table should hold and does not: pointed at where the table begins.
    fn absent(&self, table: &str, name: &str, form: &str) -> VerifyError {
        let start = self.text.find(&format!("[{table}]")).unwrap_or(0);
        Located::new(self.place(start), &format!("[{table}]"), format!("`{name} = {form}` in it")).into()
    }

    fn initial(
        &self,
        given: &BTreeMap<Spanned<String>, Spanned<f64>>,
        names: &[&str],
    ) -> Result<Vec<f64>, VerifyError> {
        self.known_states(given.keys(), names)?;
        names
            .iter()
            .map(|name| match given.iter().find(|(k, _)| k.get_ref() == name) {
                Some((_, value)) => self.finite(value, "a finite number"),
                None => Err(self.absent("initial", name, "0.0")),
            })
            .collect()
    }

    fn time_unit(&self, unit: &Spanned<Level>) -> Result<Option<f64>, VerifyError> {
        match unit.get_ref() {
            Level::Derived(word) if word == "derived" => Ok(None),
            Level::Value(x) if x.is_finite() && *x > 0.0 => Ok(Some(*x)),
            _ => Err(self.error(unit, "seconds in one tau, above 0, or \"derived\"")),
        }
    }

    fn samples(&self, n: &Spanned<i64>) -> Result<usize, VerifyError> {
        let wanted = || self.error(n, format!("a number of samples, 16 to {MOST_SAMPLES}"));
        if !(16..=MOST_SAMPLES).contains(n.get_ref()) {
            return Err(wanted());
        }
        usize::try_from(*n.get_ref()).map_err(|_| wanted())
    }

    fn rails(&self, rails: Option<&Spanned<RailsText>>) -> Result<Option<(f64, f64)>, VerifyError> {
        let Some(r) = rails else { return Ok(None) };
        let RailsText { lo, hi } = r.get_ref();
        if lo < hi { Ok(Some((*lo, *hi))) } else { Err(self.error(r, "rails with lo below hi")) }
    }

    fn limits(
        &self,
        given: &BTreeMap<Spanned<String>, Spanned<LimitText>>,
    ) -> Result<BTreeMap<MetricName, Limit>, VerifyError> {
        if given.is_empty() {
            return Err(self.absent("limits", "rms", "{ max = .., why = \"..\" }"));
        }
        given
            .iter()
            .map(|(name, limit)| {
                let Some(metric) = METRICS.iter().find(|m| m.name() == name.get_ref()) else {
                    let known: Vec<&str> = METRICS.iter().map(|m| m.name()).collect();
                    return Err(self.error(name, format!("a metric: {}", known.join(", "))));
                };
                let LimitText { min, max, why } = limit.get_ref();
                let (low, high) = (min.unwrap_or(f64::NEG_INFINITY), max.unwrap_or(f64::INFINITY));
                let one_is_given = min.is_some() || max.is_some();
                if !one_is_given
                    || !matches!(low.partial_cmp(&high), Some(std::cmp::Ordering::Less | std::cmp::Ordering::Equal))
                {
                    return Err(
                        self.error(limit, "{ min = .., max = .., why = \"..\" } with min, max or both, in order")
                    );
                }
                Ok((*metric, Limit { min: low, max: high, why: why.clone() }))
            })
            .collect()
    }
}
