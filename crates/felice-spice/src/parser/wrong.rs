//! An error inside the parser: where, what was found, what was expected. Files get their names at the end.

use felice_base::{Located, Place};

use crate::circuit::Origin;
use crate::error::SpiceError;

pub(super) type Result<T> = std::result::Result<T, Box<Wrong>>;

#[derive(Debug)]
pub(crate) struct Wrong {
    origin: Origin,
    found: String,
    expected: String,
    /// False where another engine may know better.
    understood: bool,
}

impl Wrong {
    /// The netlist is wrong.
    pub fn netlist(origin: Origin, found: &str, expected: impl Into<String>) -> Box<Self> {
        Box::new(Wrong { origin, found: found.chars().take(61).collect(), expected: expected.into(), understood: true })
    }

    /// The netlist says something this parser does not know.
    pub fn not_understood(origin: Origin, found: &str, expected: impl Into<String>) -> Box<Self> {
        let mut wrong = Wrong::netlist(origin, found, expected);
        wrong.understood = false;
        wrong
    }

    /// With the names of the files.
    pub fn locate(self, files: &[String]) -> SpiceError {
        let file = files.get(self.origin.file as usize).cloned().unwrap_or_else(|| "netlist".into());
        let place = Place { file, line: self.origin.line.max(1) as usize, column: self.origin.column.max(1) as usize };
        let located = Located::new(place, &self.found, self.expected);
        if self.understood { SpiceError::Netlist(located) } else { SpiceError::NotUnderstood(located) }
    }
}
