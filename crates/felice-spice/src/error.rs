//! What can go wrong between a netlist and a waveform.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use felice_base::{Located, Place};

use crate::engine::EngineName;

/// Every error of this crate.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SpiceError {
    /// The netlist is wrong: syntax, recursion, unknown model, floating node, loop of sources ...
    #[error(transparent)]
    Netlist(#[from] Located),
    /// The netlist says something this parser does not know; ngspice may.
    #[error("{0} (not understood here; `--engine ngspice` hands the netlist over as it is)")]
    NotUnderstood(Located),
    /// A caller asked for something that makes no sense (a vector that is not there, a negative time).
    #[error("{what}; expected {expected}")]
    Request {
        /// What was asked.
        what: String,
        /// What would have been right.
        expected: String,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// `read`, `write`, ...
        action: &'static str,
        /// The system's words.
        source: Arc<std::io::Error>,
    },
    /// The engine is not there.
    #[error("{engine} is not available: {problem}; {remedy}")]
    Missing {
        /// Which engine.
        engine: EngineName,
        /// What was tried.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// The engine cannot run this circuit.
    #[error("{engine} cannot run this circuit: {reason}")]
    Refused {
        /// Which engine.
        engine: EngineName,
        /// What it cannot do, by name and place.
        reason: String,
    },
    /// The engine ran and failed, or its result is not whole.
    #[error("{engine} failed: {problem}")]
    Failed {
        /// Which engine.
        engine: EngineName,
        /// What happened.
        problem: String,
        /// The engine's own words.
        log: String,
    },
    /// The engine did not finish in time and was ended with everything it had started.
    #[error("{engine} did not finish within {limit:?} and was stopped; raise the time limit or simplify the circuit")]
    TimeLimit {
        /// Which engine.
        engine: EngineName,
        /// The limit.
        limit: Duration,
        /// The engine's own words so far.
        log: String,
    },
    /// Newton's method found no operating point.
    #[error(
        "{engine}: no operating point; worst at `{node}`, residual {residual:.3e}; tried {tried}. Give .ic or .nodeset near the solution"
    )]
    NoConvergence {
        /// Which engine.
        engine: EngineName,
        /// Node or branch with the largest residual.
        node: String,
        /// That residual (A or V).
        residual: f64,
        /// What was tried.
        tried: String,
    },
    /// The circuit's equations have no unique solution.
    #[error(
        "{engine}: the circuit's matrix is singular at {nodes:?}; look for a floating node or a loop of sources there"
    )]
    Singular {
        /// Which engine.
        engine: EngineName,
        /// Nodes and branches involved.
        nodes: Vec<String>,
    },
    /// What an engine gave as its answer is none.
    #[error(
        "{engine}: its answer at {place} is no solution: `{at}` is {off:.3e} V from where Kirchhoff's laws put it. Try `--engine native`, or .ic or .nodeset near the solution"
    )]
    NoSolution {
        /// Which engine.
        engine: EngineName,
        /// Which point: the operating point, a time, values of swept sources.
        place: String,
        /// The node that is farthest off, and elements connected to it.
        at: String,
        /// By how much, V.
        off: f64,
    },
    /// The step size fell below what the time can resolve.
    #[error(
        "{engine}: time step too small ({step:.3e} s) at t = {time:.9e} s; worst at `{at}`. A discontinuous expression there?"
    )]
    StepTooSmall {
        /// Which engine.
        engine: EngineName,
        /// When, seconds.
        time: f64,
        /// The step, seconds.
        step: f64,
        /// Node or device.
        at: String,
    },
    /// An expression or a result is not finite.
    #[error("{engine}: `{what}` is not finite at t = {time:.9e} s: a division by zero, an overflow, or a logarithm of a negative number{}", place.as_ref().map(|p| format!(" ({p})")).unwrap_or_default())]
    NotFinite {
        /// Which engine.
        engine: EngineName,
        /// Vector or device.
        what: String,
        /// When, seconds (0 in DC analyses).
        time: f64,
        /// Where the device was written, where one is known.
        place: Option<Place>,
    },
}

/// Who can mend an error; exit codes follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Bad usage or bad input (exit code 2).
    Input,
    /// An engine is missing or failed (exit code 3).
    Engine,
    /// A file could not be read or written (exit code 4).
    File,
}

impl SpiceError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            SpiceError::Netlist(_) | SpiceError::NotUnderstood(_) | SpiceError::Request { .. } => Fault::Input,
            SpiceError::File { .. } => Fault::File,
            _ => Fault::Engine,
        }
    }

    /// The engine's own words, where it said any.
    pub fn log(&self) -> Option<&str> {
        match self {
            SpiceError::Failed { log, .. } | SpiceError::TimeLimit { log, .. } => Some(log),
            _ => None,
        }
    }

    pub(crate) fn file(path: impl Into<PathBuf>, action: &'static str, source: std::io::Error) -> Self {
        SpiceError::File { path: path.into(), action, source: Arc::new(source) }
    }
}
