//! What comes out of a verification.

use std::path::PathBuf;

use felice_store::Input;

use crate::case::Case;
use crate::compare::{Comparison, Landmarks, Waves};
use crate::error::VerifyError;
use crate::metric::{Metric, MetricName, Status};
use crate::parameters::UsedParameter;

/// The verdicts on all cases, in the order asked for.
#[derive(Debug)]
pub struct Verdicts {
    /// One outcome a case.
    pub cases: Vec<Outcome>,
}

/// What became of one case.
#[derive(Debug)]
pub enum Outcome {
    /// It was compared.
    Compared(Box<Verdict>),
    /// It could not be: bad netlist, engine missing or failed.
    Broken {
        /// The case's name.
        name: String,
        /// Its title.
        title: String,
        /// The case file.
        file: PathBuf,
        /// Why.
        error: VerifyError,
    },
}

/// A compared case.
#[derive(Debug)]
pub struct Verdict {
    /// The case.
    pub case: Case,
    /// What holds of it all.
    pub status: Status,
    /// Every metric that could be measured or was asked for, in the order of [`crate::METRICS`].
    pub metrics: Vec<Metric>,
    /// What a designer should look at.
    pub diagnosis: Vec<String>,
    /// The model's waveforms, in the circuit's units.
    pub model: Waves,
    /// The circuit's waveforms.
    pub circuit: Waves,
    /// How both move.
    pub comparison: Comparison,
    /// Seconds in one τ, fixed points, spike level.
    pub landmarks: Landmarks,
    /// The model's parameters.
    pub parameters: Vec<UsedParameter>,
    /// What ran.
    pub circuit_run: CircuitRun,
    /// Files read, with their hashes.
    pub inputs: Vec<Input>,
    /// Text of the device card, where one was used: name, text.
    pub card: Option<(String, String)>,
}

/// How the circuit was simulated.
#[derive(Clone, Debug, PartialEq)]
pub struct CircuitRun {
    /// Engine.
    pub engine: String,
    /// Its version.
    pub version: String,
    /// Why this engine.
    pub reason: String,
    /// Options in force, name and value.
    pub options: Vec<(String, String)>,
    /// The engine's own words, without what differs from run to run.
    pub log: String,
    /// The netlist as it stands in its file.
    pub netlist: String,
    /// Accepted time steps of the reported run.
    pub steps: u64,
}

impl Verdict {
    /// The metric of that name.
    pub fn metric(&self, name: MetricName) -> Option<&Metric> {
        self.metrics.iter().find(|m| m.name == name)
    }
}

impl Outcome {
    /// The case's name.
    pub fn name(&self) -> &str {
        match self {
            Outcome::Compared(v) => &v.case.name,
            Outcome::Broken { name, .. } => name,
        }
    }

    /// The case's title.
    pub fn title(&self) -> &str {
        match self {
            Outcome::Compared(v) => &v.case.title,
            Outcome::Broken { title, .. } => title,
        }
    }

    /// One word: `passed`, `failed`, `unresolved`, `broken`.
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Compared(v) => v.status.word(),
            Outcome::Broken { error, .. } if error.exit_code() == 1 => "failed",
            Outcome::Broken { .. } => "broken",
        }
    }
}

impl Verdicts {
    /// The compared cases.
    pub fn compared(&self) -> impl Iterator<Item = &Verdict> {
        self.cases.iter().filter_map(|c| match c {
            Outcome::Compared(v) => Some(&**v),
            Outcome::Broken { .. } => None,
        })
    }

    /// How many cases ended with that word.
    pub fn count(&self, word: &str) -> usize {
        self.cases.iter().filter(|c| c.word() == word).count()
    }

    /// True where every case passed.
    pub fn passed(&self) -> bool {
        self.count("passed") == self.cases.len()
    }

    /// INTERFACE.md's exit code: 0 all passed, 1 a limit failed or is unresolved, else that of the gravest broken case.
    pub fn exit_code(&self) -> u8 {
        let broken = self.cases.iter().filter_map(|c| match c {
            Outcome::Broken { error, .. } => Some(error.exit_code()),
            Outcome::Compared(_) => None,
        });
        // Bad input is the user's to mend first; a missing engine next.
        broken.min().unwrap_or(u8::from(!self.passed()))
    }

    /// `9 passed`, or `7 passed, 1 failed, 1 unresolved`.
    pub fn summary(&self) -> String {
        let words = ["passed", "failed", "unresolved", "broken"];
        let parts: Vec<String> = words
            .iter()
            .filter(|w| **w == "passed" || self.count(w) > 0)
            .map(|w| format!("{} {w}", self.count(w)))
            .collect();
        parts.join(", ")
    }
}
