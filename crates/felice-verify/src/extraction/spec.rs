//! The table `[parameters.extract]` of a case file.

use std::collections::BTreeMap;

use felice_base::{Located, Place};
use felice_subthreshold::extract::neuron::{MODELS, Method};
use serde::Deserialize;

use crate::case::{Binding, Case};
use crate::error::VerifyError;
use crate::parameters::mismatch;

/// What to clamp, sweep and measure.
pub(super) struct Spec {
    pub(super) reference: Reference,
    pub(super) method: Method,
    /// The two state nodes, in the model's order.
    pub(super) nodes: [StateNode; 2],
    /// Half widths (V) of the fitted window.
    pub(super) window: [f64; 2],
    /// Length of a ramp up and down (s); `None`: the netlist's capacitors are all there is.
    pub(super) ramp: Option<f64>,
    /// The terms' currents.
    pub(super) terms: Vec<Term>,
    /// Designed values and tolerances of parameters and quantities.
    pub(super) designed: Vec<(String, [f64; 2])>,
    /// What the fits call the two nodes.
    pub(super) roles: [&'static str; 2],
}

/// Where γ is taken, or the states count from.
pub(super) enum Reference {
    Volts(f64),
    /// The vector `v(node)`.
    Node(String),
}

/// A state and the node that shows it.
pub(super) struct StateNode {
    pub(super) state: String,
    pub(super) node: String,
    /// From, to, step (V).
    pub(super) sweep: [f64; 3],
}

/// A term of the equation as a sum of device currents.
pub(super) struct Term {
    pub(super) name: String,
    /// (sign, element)
    pub(super) sum: Vec<(f64, String)>,
}

impl Term {
    pub(super) fn elements(&self) -> impl Iterator<Item = &str> {
        self.sum.iter().map(|(_, e)| e.as_str())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpecText {
    reference: ReferenceText,
    #[serde(default)]
    method: MethodText,
    clamp: BTreeMap<String, [f64; 3]>,
    window: BTreeMap<String, f64>,
    ramp: Option<f64>,
    #[serde(default)]
    currents: BTreeMap<String, String>,
    #[serde(default)]
    designed: BTreeMap<String, [f64; 2]>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ReferenceText {
    Volts(f64),
    Node(String),
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum MethodText {
    #[default]
    Devices,
    Field,
}

impl Spec {
    /// Reads and checks the table.
    pub(super) fn read(case: &Case, table: &toml::Table) -> Result<Self, VerifyError> {
        let text: SpecText = table.clone().try_into().map_err(|e: toml::de::Error| located(case, e.message()))?;
        if !MODELS.contains(&case.model.as_str()) {
            let what = format!("there is no extraction for model `{}`", case.model);
            return Err(mismatch(case, what, &format!("there is one for {}", MODELS.join(", "))));
        }
        let wrong = |what: String| Err(located(case, &what));
        let reference = match &text.reference {
            ReferenceText::Volts(volts) if volts.is_finite() => Reference::Volts(*volts),
            ReferenceText::Node(v) if v.starts_with("v(") => Reference::Node(v.to_ascii_lowercase()),
            _ => return wrong("`reference` as a voltage or a vector, \"v(ref)\"".into()),
        };
        if let Some(ramp) = text.ramp.filter(|r| !(r.is_finite() && *r > 0.0)) {
            return wrong(format!("`ramp` as seconds above 0, not {ramp}"));
        }
        let intent = text.designed.iter().find(|(_, [v, t])| !(v.is_finite() && t.is_finite() && *t > 0.0));
        if let Some((name, [value, tolerance])) = intent {
            return wrong(format!("`designed.{name}` as [value, tolerance above 0], not [{value}, {tolerance}]"));
        }
        let (nodes, window) = state_nodes(case, &text)?;
        let terms = text.currents.iter().map(|(name, sum)| term(case, name, sum)).collect::<Result<Vec<_>, _>>()?;
        Ok(Spec {
            reference,
            method: match text.method {
                MethodText::Devices => Method::Devices,
                MethodText::Field => Method::Field,
            },
            nodes,
            window,
            ramp: text.ramp,
            terms,
            designed: text.designed.into_iter().collect(),
            roles: if case.model.starts_with("fhnrs") { ["v", "w"] } else { ["u", "v"] },
        })
    }
}

fn state_nodes(case: &Case, text: &SpecText) -> Result<([StateNode; 2], [f64; 2]), VerifyError> {
    let mut found = Vec::new();
    for (state, binding) in &case.states {
        let Binding::Signal { signal, .. } = binding else { continue };
        let node = signal.strip_prefix("v(").and_then(|s| s.strip_suffix(')')).filter(|n| !n.contains(','));
        let Some(node) = node else {
            return Err(located(case, &format!("state `{state}` as the voltage of one node to clamp, not `{signal}`")));
        };
        let (Some(sweep), Some(window)) = (text.clamp.get(state), text.window.get(state)) else {
            let what = format!("`{state} = [from, to, step]` in `clamp` and `{state} = half width` in `window`");
            return Err(located(case, &what));
        };
        let points = (sweep[1] - sweep[0]) / sweep[2];
        if !((3.0..=1000.0).contains(&points) && sweep.iter().all(|x| x.is_finite()) && sweep[2] > 0.0) {
            let what = format!("`clamp.{state}` as [from, to, step] with 3 to 1000 rising steps, not {sweep:?}");
            return Err(located(case, &what));
        }
        if !(window.is_finite() && *window > 0.0) {
            return Err(located(case, &format!("`window.{state}` as volts above 0, not {window}")));
        }
        found.push((StateNode { state: state.clone(), node: node.to_owned(), sweep: *sweep }, *window));
    }
    let unknown = text.clamp.keys().chain(text.window.keys()).find(|k| !found.iter().any(|(n, _)| n.state == **k));
    if let Some(key) = unknown {
        return Err(located(case, &format!("a state with a signal instead of `{key}`")));
    }
    match <[(StateNode, f64); 2]>::try_from(found) {
        Ok([(a, x), (b, y)]) => Ok(([a, b], [x, y])),
        Err(others) => Err(located(case, &format!("two states with a signal, not {}", others.len()))),
    }
}

/// `-mp1 + xota.m2`
fn term(case: &Case, name: &str, text: &str) -> Result<Term, VerifyError> {
    let mut sum = Vec::new();
    let mut rest = text.trim();
    let mut sign = 1.0;
    if let Some(after) = rest.strip_prefix(['+', '-']) {
        sign = if rest.starts_with('-') { -1.0 } else { 1.0 };
        rest = after;
    }
    loop {
        let end = rest.find(['+', '-']).unwrap_or(rest.len());
        let element = rest[..end].trim().to_ascii_lowercase();
        if element.is_empty() || element.contains(char::is_whitespace) {
            let what = format!("`currents.{name}` as names of elements joined by + and -, not \"{text}\"");
            return Err(located(case, &what));
        }
        sum.push((sign, element));
        let Some(operator) = rest[end..].chars().next() else { break };
        sign = if operator == '-' { -1.0 } else { 1.0 };
        rest = &rest[end + 1..];
    }
    Ok(Term { name: name.to_owned(), sum })
}

/// An error at the table's beginning.
fn located(case: &Case, expected: &str) -> VerifyError {
    let start = case.text.find("[parameters.extract").unwrap_or(0);
    let place = Place::at_byte(case.file.display().to_string(), &case.text, start);
    Located::new(place, "[parameters.extract]", expected).into()
}
