//! A case file's text: what it may hold, and where what is wrong stands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use felice_base::{Located, Place};
use felice_neurons::AnyNeuron;
use felice_subthreshold::Form;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;

use super::{Binding, Level, Source};
use crate::error::VerifyError;
use crate::metric::{Limit, METRICS, MetricName};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseText {
    pub(super) title: String,
    pub(super) model: Spanned<String>,
    pub(super) netlist: PathBuf,
    pub(super) engine: Option<Spanned<String>>,
    pub(super) parameters: ParametersText,
    pub(super) states: BTreeMap<Spanned<String>, Spanned<BindingText>>,
    pub(super) time: TimeText,
    pub(super) initial: BTreeMap<Spanned<String>, Spanned<f64>>,
    pub(super) rails: Option<Spanned<RailsText>>,
    pub(super) limits: BTreeMap<Spanned<String>, Spanned<LimitText>>,
    pub(super) fit: Option<FitText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FitText {
    pub(super) free: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParametersText {
    pub(super) source: Spanned<String>,
    pub(super) card: Option<Spanned<PathBuf>>,
    pub(super) form: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) values: BTreeMap<Spanned<String>, Spanned<f64>>,
    pub(super) extract: Option<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BindingText {
    pub(super) signal: Option<String>,
    pub(super) offset: Option<Level>,
    pub(super) scale: Option<Level>,
    pub(super) constant: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimeText {
    pub(super) span: Spanned<f64>,
    pub(super) unit: Spanned<Level>,
    pub(super) samples: Spanned<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RailsText {
    pub(super) lo: f64,
    pub(super) hi: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitText {
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) why: String,
}

/// A grid larger than this is a slip of the pen: its waveforms would not fit a page, nor most memories.
const MOST_SAMPLES: i64 = 10_000_000;

/// A case file's text, for errors that point into it.
pub(super) struct Text<'t> {
    pub(super) text: &'t str,
    pub(super) file: &'t Path,
}

impl Text<'_> {
    fn place(&self, offset: usize) -> Place {
        Place::at_byte(self.file.display().to_string(), self.text, offset)
    }

    pub(super) fn error<T>(&self, at: &Spanned<T>, expected: impl Into<String>) -> VerifyError {
        let found = self.text.get(at.span()).unwrap_or_default();
        Located::new(self.place(at.span().start), found, expected).into()
    }

    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, VerifyError> {
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

    pub(super) fn choice<'a>(
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

    pub(super) fn positive(&self, x: &Spanned<f64>, what: &str) -> Result<f64, VerifyError> {
        if *x.get_ref() > 0.0 { self.finite(x, what) } else { Err(self.error(x, what)) }
    }

    pub(super) fn source(&self, p: &ParametersText, folder: &Path) -> Result<Source, VerifyError> {
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

    pub(super) fn overrides(&self, p: &ParametersText, neuron: &AnyNeuron) -> Result<Vec<(String, f64)>, VerifyError> {
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

    pub(super) fn free(&self, fit: Option<&FitText>, neuron: &AnyNeuron) -> Result<Vec<String>, VerifyError> {
        let known = |name: &str| name == crate::fit::TIME_UNIT || neuron.get(name).is_ok();
        let all = fit.iter().flat_map(|f| &f.free);
        let check = |name: &Spanned<String>| {
            let names: Vec<&str> = neuron.parameters().map(|p| p.0).collect();
            let expected = || format!("a parameter to fit: {}, {}", names.join(", "), crate::fit::TIME_UNIT);
            if known(name.get_ref()) { Ok(name.get_ref().clone()) } else { Err(self.error(name, expected())) }
        };
        all.map(check).collect()
    }

    pub(super) fn states(
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

    pub(super) fn initial(
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

    pub(super) fn time_unit(&self, unit: &Spanned<Level>) -> Result<Option<f64>, VerifyError> {
        match unit.get_ref() {
            Level::Derived(word) if word == "derived" => Ok(None),
            Level::Value(x) if x.is_finite() && *x > 0.0 => Ok(Some(*x)),
            _ => Err(self.error(unit, "seconds in one tau, above 0, or \"derived\"")),
        }
    }

    pub(super) fn samples(&self, n: &Spanned<i64>) -> Result<usize, VerifyError> {
        let wanted = || self.error(n, format!("a number of samples, 16 to {MOST_SAMPLES}"));
        if !(16..=MOST_SAMPLES).contains(n.get_ref()) {
            return Err(wanted());
        }
        usize::try_from(*n.get_ref()).map_err(|_| wanted())
    }

    pub(super) fn rails(&self, rails: Option<&Spanned<RailsText>>) -> Result<Option<(f64, f64)>, VerifyError> {
        let Some(r) = rails else { return Ok(None) };
        let RailsText { lo, hi } = r.get_ref();
        if lo < hi { Ok(Some((*lo, *hi))) } else { Err(self.error(r, "rails with lo below hi")) }
    }

    pub(super) fn limits(
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
