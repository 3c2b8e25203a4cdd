//! What an engine gives back: sampled vectors and how they came about.

use felice_base::{Sampled, Signal, Unit};

use crate::analysis::Analysis;
use crate::engine::EngineName;

/// The result of one analysis.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulation {
    /// The analysis that ran, with the values in force.
    pub analysis: Analysis,
    /// Vectors under their SPICE names (`v(u)` in V, `i(vdd)` in A). The axis is `time` (s) of a transient, the inner
    /// swept source of a DC sweep (its name; V or A), or `point` (one sample) of an operating point.
    pub vectors: Sampled,
    /// Which engine ran.
    pub engine: EngineName,
    /// Its version.
    pub version: String,
    /// Why this engine.
    pub reason: String,
    /// Options in force, name and value, sorted by name.
    pub options: Vec<(String, String)>,
    /// `.meas` results.
    pub measures: Vec<Measured>,
    /// The engine's own words.
    pub log: String,
    /// Work done.
    pub work: Work,
    /// True where the result was read from the cache.
    pub cached: bool,
}

/// The result of one `.meas` line.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Its name, lower case.
    pub name: String,
    /// What was measured; `None` where the event did not happen.
    pub value: Option<f64>,
    /// Its unit: that of the vector, of the axis, or of both.
    pub unit: Unit,
}

/// Work counts: the same on every machine, so that a slower algorithm fails a test. 0 where an engine does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Accepted time steps (points of a DC sweep).
    pub steps: u64,
    /// Rejected time steps.
    pub rejected: u64,
    /// Evaluations of the circuit's equations.
    pub evaluations: u64,
    /// Evaluations of the Jacobian.
    pub jacobians: u64,
    /// Matrix factorizations.
    pub factorizations: u64,
    /// Newton iterations.
    pub iterations: u64,
}

impl Simulation {
    /// The vector of that SPICE name, case-insensitive.
    pub fn vector(&self, name: &str) -> Option<&Signal> {
        self.vectors.get(&name.to_ascii_lowercase())
    }

    /// The axis values: time in seconds, or the swept source.
    pub fn axis(&self) -> &[f64] {
        &self.vectors.axis().values
    }
}

/// The unit of a SPICE vector: amperes of `i(...)`, volts of everything else.
pub fn unit_of(vector: &str) -> Unit {
    if vector.starts_with("i(") { Unit::AMPERE } else { Unit::VOLT }
}

/// What a SPICE vector is, in words.
pub fn long_name_of(vector: &str) -> String {
    let inside = vector.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    match (inside, vector.starts_with("i(")) {
        (Some(branch), true) => format!("current into the positive terminal of {branch}"),
        (Some(node), false) => format!("voltage of {node}"),
        (None, _) => vector.to_owned(),
    }
}
