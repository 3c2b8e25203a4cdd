//! What can go wrong between a study file and a dataset.

use std::path::PathBuf;

use felice_base::Located;
use felice_spice::{Fault, SpiceError};
use felice_store::StoreError;

/// Every error of this crate: what, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudyError {
    /// A place in the study's text that cannot be right.
    #[error(transparent)]
    Study(#[from] Located),
    /// The caller asked for something that makes no sense.
    #[error("{what}; {remedy}")]
    Request {
        /// What.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// Outputs that do not fit on the disk.
    #[error(
        "`{}` needs about {} and its disk has {} left; free some space, choose an output on another disk, or ask for less",
        path.display(), bytes(*needed), bytes(*available)
    )]
    NoSpace {
        /// The output.
        path: PathBuf,
        /// Bytes that are needed.
        needed: u64,
        /// Bytes that are left.
        available: u64,
    },
    /// A point failed and the study's policy is to stop there.
    #[error(
        "point {point} ({at}) failed: {reason}; the study says failures = \"stop\". What is done is kept: mend the cause and go on with --resume"
    )]
    Point {
        /// Its index.
        point: u64,
        /// Its coordinates.
        at: String,
        /// Why, in the engine's words.
        reason: String,
    },
    /// The caller asked to stop.
    #[error("stopped with {done} of {total} points done and kept; go on with --resume")]
    Stopped {
        /// Points done.
        done: u64,
        /// Points of the study or shard.
        total: u64,
    },
    /// Shards that do not make one dataset.
    #[error("`{}` {why}", path.display())]
    Shard {
        /// The file that does not fit.
        path: PathBuf,
        /// Why, and what to do.
        why: String,
    },
    /// A journal or an unfinished file that cannot be continued.
    #[error("`{}` cannot be continued: {why}", path.display())]
    Unfinished {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        why: String,
    },
    /// A circuit or an engine.
    #[error(transparent)]
    Spice(#[from] SpiceError),
    /// A file.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl StudyError {
    /// Who can mend it; exit codes follow from it (input 2, engine 3, file 4).
    pub fn fault(&self) -> Fault {
        match self {
            StudyError::Study(_) | StudyError::Request { .. } | StudyError::Shard { .. } => Fault::Input,
            StudyError::Point { .. } | StudyError::Stopped { .. } => Fault::Engine,
            StudyError::NoSpace { .. } | StudyError::Unfinished { .. } | StudyError::Store(_) => Fault::File,
            StudyError::Spice(e) => e.fault(),
        }
    }

    pub(crate) fn request(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        StudyError::Request { what: what.into(), remedy: remedy.into() }
    }
}

/// A number of bytes for a person.
pub fn bytes(n: u64) -> String {
    let mut x = n as f64;
    for unit in ["B", "kB", "MB", "GB", "TB", "PB"] {
        if x < 999.5 {
            let digits = if unit == "B" || x >= 99.95 {
                0
            } else if x >= 9.995 {
                1
            } else {
                2
            };
            return format!("{x:.digits$} {unit}");
        }
        x /= 1e3;
    }
    format!("{x:.3} EB")
}
