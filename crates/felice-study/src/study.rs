//! A study: what is run, what varies, what comes out. Read from TOML, validated whole.

use std::path::Path;

use felice_base::Located;
use felice_neurons::ensemble::Method;
use felice_store::sha256_hex;
use felice_verify::MetricName;

use crate::about;
pub use crate::about::{About, Author};
use crate::axes;
use crate::axis::Axis;
use crate::circuit::{CaseSpec, CircuitSpec};
use crate::error::StudyError;
use crate::model::ModelSpec;
use crate::names;
use crate::quantity::Quantity;
use crate::text::{Table, Text, Value};

/// A validated study.
#[derive(Clone, Debug)]
pub struct Study {
    /// The file, as the user named it.
    pub file: String,
    /// Its text.
    pub text: String,
    /// Who and what, for archives.
    pub about: About,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Precision of samples and summaries.
    pub precision: Precision,
    /// What is run.
    pub subject: SubjectSpec,
    /// What varies. Their product are the points, the last axis fastest.
    pub axes: Vec<Axis>,
    /// What comes out.
    pub outputs: Outputs,
    /// What to do with points that fail.
    pub failures: Policy,
    /// Points of a work unit, where the study says.
    pub unit: Option<u64>,
    /// Files that were read beside it.
    pub inputs: Vec<InputText>,
}

/// A file that the study names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputText {
    /// As the study names it.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// Precision of what is computed and stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Double.
    F64,
    /// Single.
    F32,
}

/// What is run.
#[derive(Clone, Debug)]
pub enum SubjectSpec {
    /// A neuron model.
    Model(Box<ModelSpec>),
    /// A circuit on an engine.
    Circuit(Box<CircuitSpec>),
}

/// What comes out.
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs {
    /// Numbers that sum each trajectory up.
    pub summary: bool,
    /// This many samples of each trajectory, both ends included.
    pub samples: Option<u64>,
    /// The states (nodes) that are sampled; all where none is named.
    pub states: Vec<String>,
    /// Spike times.
    pub spikes: bool,
    /// A circuit against its model.
    pub metrics: Vec<MetricName>,
}

/// What to do with points that fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Stop the study.
    Stop,
    /// Record the reason and go on.
    Record,
    /// Try again so many times, then record.
    Retry(u32),
}

/// Samples of a trajectory: more is a slip of the pen, and would not fit most memories.
const MOST_SAMPLES: u64 = 10_000_000;

const KEYS: [&str; 16] = [
    "title",
    "authors",
    "licence",
    "description",
    "keywords",
    "references",
    "seed",
    "precision",
    "failures",
    "retries",
    "unit",
    "model",
    "ensemble",
    "circuit",
    "axis",
    "outputs",
];

impl Study {
    /// Reads a study and the files that it names, which are looked for beside it.
    ///
    /// # Errors
    /// [`StudyError::Study`] at the first place that cannot be right; [`StudyError::Store`] where a file cannot be read.
    pub fn read(path: &Path) -> Result<Self, StudyError> {
        let bytes = felice_store::read_plain(path)?;
        let file = path.display().to_string();
        let text = String::from_utf8(bytes).map_err(|e| {
            let valid = String::from_utf8_lossy(&e.as_bytes()[..e.utf8_error().valid_up_to()]).into_owned();
            Text { text: &valid, file: &file }.error(valid.len()..valid.len(), "text in UTF-8")
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, &file, &|name| felice_store::read_plain(&folder.join(name)))
    }

    /// Reads a study from its text; `open` gives the files that it names.
    ///
    /// # Errors
    /// As [`Study::read`].
    pub fn parse(
        text: &str,
        file: &str,
        open: &dyn Fn(&str) -> Result<Vec<u8>, felice_store::StoreError>,
    ) -> Result<Self, StudyError> {
        let source = Text { text, file };
        let document = source.parse()?;
        let root = Table::root(source, &document);
        root.only(&KEYS)?;
        let mut inputs = Vec::new();
        let mut input = |value: Value<'_>, name: &str| -> Result<String, StudyError> {
            let text = String::from_utf8(open(name)?).map_err(|_| value.error("a text file in UTF-8"))?;
            let kept = InputText { name: name.to_owned(), text: text.clone() };
            if !inputs.contains(&kept) {
                inputs.push(kept);
            }
            Ok(text)
        };
        let seed = root.or("seed", 0, |v| v.count(0))?;
        let precision =
            root.or("precision", Precision::F64, |v| v.word(&[("f64", Precision::F64), ("f32", Precision::F32)]))?;
        let kinds = ["model", "ensemble", "circuit"];
        let given: Vec<(&str, Value<'_>)> = kinds.iter().filter_map(|k| Some((*k, root.get(k)?))).collect();
        let subject = match given[..] {
            [("circuit", value)] => SubjectSpec::Circuit(Box::new(CircuitSpec::read(value, &mut input)?)),
            [(kind, value)] => {
                SubjectSpec::Model(Box::new(ModelSpec::read(value, precision, kind == "ensemble", &mut input)?))
            }
            [] => return Err(root.error("`model`, `ensemble` or `circuit`, what is run").into()),
            [_, (_, second), ..] => return Err(second.error("one of [model], [ensemble] and [circuit]").into()),
        };
        let tables = root.or("axis", Vec::new(), |v| v.list())?;
        let axes = axes::read(&tables, &|key| subject.quantity(key), seed, subject.silicon())?;
        let outputs = outputs(root, &subject)?;
        let study = Study {
            file: file.to_owned(),
            text: text.to_owned(),
            about: about::read(root)?,
            seed,
            precision,
            subject,
            axes,
            outputs,
            failures: policy(root)?,
            unit: root.get("unit").map(|v| v.count(1)).transpose()?,
            inputs,
        };
        names::check(&study, root, &tables)?;
        Ok(study)
    }

    /// Number of points.
    pub fn points(&self) -> u64 {
        self.axes.iter().map(|a| a.len).product()
    }

    /// Length of each dimension; one dimension of length 1 where nothing varies.
    pub fn shape(&self) -> Vec<u64> {
        if self.axes.is_empty() { vec![1] } else { self.axes.iter().map(|a| a.len).collect() }
    }

    /// The point of each axis that point `index` is made of.
    pub fn coordinates(&self, index: u64) -> Vec<u64> {
        let mut rest = index;
        let mut at: Vec<u64> = self.axes.iter().rev().map(|a| (rest % a.len, rest /= a.len).0).collect();
        at.reverse();
        at
    }

    /// A point's coordinates for a person.
    pub fn describe_point(&self, index: u64) -> String {
        let mut words = Vec::new();
        for (axis, i) in self.axes.iter().zip(self.coordinates(index)) {
            match &axis.points {
                crate::axis::Points::Cases(_, cases) => {
                    words.extend(cases.get(i as usize).map(|c| format!("{} = {}", axis.name, c.name)));
                }
                crate::axis::Points::Copies => words.push(format!("{} = {i}", axis.name)),
                _ => {
                    let quantities = axis.quantities();
                    words.extend(
                        quantities.iter().enumerate().map(|(q, name)| format!("{} = {}", name.key, axis.value(q, i))),
                    );
                }
            }
        }
        words.join(", ")
    }

    /// SHA-256 over the study's text and every file that it names: what makes two studies the same.
    pub fn sha256(&self) -> String {
        let mut all = sha256_hex(&self.text);
        for input in &self.inputs {
            all.push_str(&format!("{}{}", sha256_hex(&input.name), sha256_hex(&input.text)));
        }
        sha256_hex(all)
    }
}

impl SubjectSpec {
    /// Names of the states.
    pub fn states(&self) -> Vec<String> {
        match self {
            SubjectSpec::Model(spec) => spec.states(),
            SubjectSpec::Circuit(spec) => spec.names(),
        }
    }

    fn quantity(&self, key: &str) -> Result<Quantity, String> {
        match self {
            SubjectSpec::Model(spec) => spec.quantity(key),
            SubjectSpec::Circuit(spec) => spec.quantity(key, true),
        }
    }

    fn silicon(&self) -> axes::Silicon {
        match self {
            SubjectSpec::Model(spec) => spec.silicon(),
            SubjectSpec::Circuit(spec) => axes::Silicon {
                copies: spec.mismatch.is_some(),
                corner: (!spec.transistors.is_empty()).then_some(spec.corner),
            },
        }
    }
}

fn policy(root: Table<'_>) -> Result<Policy, Located> {
    let retries = root.get("retries");
    let policy = root.or("failures", Policy::Record, |v| {
        v.word(&[("stop", Policy::Stop), ("record", Policy::Record), ("retry", Policy::Retry(2))])
    })?;
    match (policy, retries) {
        (Policy::Retry(_), Some(value)) => match value.count(1)? {
            n @ 1..=100 => Ok(Policy::Retry(n as u32)),
            _ => Err(value.error("at most 100 retries")),
        },
        (_, Some(value)) => Err(value.error("no `retries` unless failures = \"retry\"")),
        (policy, None) => Ok(policy),
    }
}

fn outputs(root: Table<'_>, subject: &SubjectSpec) -> Result<Outputs, Located> {
    let mut outputs = Outputs { summary: true, samples: None, states: Vec::new(), spikes: false, metrics: Vec::new() };
    let Some(value) = root.get("outputs") else { return Ok(outputs) };
    let table = value.table()?;
    table.only(&["summary", "samples", "states", "spikes", "metrics"])?;
    outputs.summary = table.or("summary", true, |v| v.boolean())?;
    outputs.spikes = table.or("spikes", false, |v| v.boolean())?;
    let samples = |v: Value<'_>| match v.count(2)? {
        n if n <= MOST_SAMPLES => Ok(n),
        _ => Err(v.error(format!("at most {MOST_SAMPLES} samples"))),
    };
    outputs.samples = table.get("samples").map(samples).transpose()?;
    if let (SubjectSpec::Model(spec), Some(samples)) = (subject, table.get("samples"))
        && let Some(Method::Tsit5 { steps } | Method::Rk4 { steps }) = spec.ensemble
        && steps % (samples.count(2)? - 1) != 0
    {
        return Err(samples.error(format!("samples whose spaces divide the {steps} steps")));
    }
    if let Some(states) = table.get("states") {
        if outputs.samples.is_none() {
            return Err(states.error("no `states` without `samples`"));
        }
        outputs.states = states.strings()?;
        let known = subject.states();
        for (value, name) in states.list()?.iter().zip(&outputs.states) {
            if !known.contains(name) {
                return Err(value.error(format!("one of {}", crate::text::listed(&known))));
            }
        }
    }
    if let (true, SubjectSpec::Circuit(spec)) = (outputs.spikes, subject)
        && spec.spike.is_none()
    {
        return Err(
            value.error("`spike = { vector = \"v(u)\", level = 0.5 }` in [circuit], where `spikes` are asked for")
        );
    }
    if let Some(metrics) = table.get("metrics") {
        outputs.metrics = self::metrics(&metrics, subject)?;
    }
    if !outputs.summary && !outputs.spikes && outputs.samples.is_none() && outputs.metrics.is_empty() {
        return Err(value.error("an output: `summary`, `samples`, `spikes` or `metrics`"));
    }
    Ok(outputs)
}

/// Metrics by name, or all with `true`.
fn metrics(value: &Value<'_>, subject: &SubjectSpec) -> Result<Vec<MetricName>, Located> {
    let with_case = matches!(subject, SubjectSpec::Circuit(spec) if spec.case.is_some());
    if !with_case {
        return Err(
            value.error("no `metrics` unless [circuit] names a `case`, which says what the circuit is compared with")
        );
    }
    let known = CaseSpec::metrics();
    if let Ok(all) = value.boolean() {
        return Ok(if all { known } else { Vec::new() });
    }
    let names: Vec<&str> = known.iter().map(|m| m.name()).collect();
    let mut wanted = Vec::new();
    for item in value.list()? {
        let name = item.string()?;
        match known.iter().find(|m| m.name() == name && !wanted.contains(*m)) {
            Some(metric) => wanted.push(*metric),
            None => return Err(item.error(format!("one of {}, each once", crate::text::listed(&names)))),
        }
    }
    Ok(wanted)
}
