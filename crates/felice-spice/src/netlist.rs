//! A netlist: its text, where it came from, and (on demand) the circuit it describes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::circuit::Circuit;
use crate::error::SpiceError;
use crate::parser::Changes;

/// A netlist. Engines that know better get the text as it is; the parser runs when somebody asks for [`Netlist::circuit`].
#[derive(Clone, Debug)]
pub struct Netlist {
    path: Option<PathBuf>,
    text: String,
    made: bool,
    circuit: OnceLock<Result<Arc<Circuit>, SpiceError>>,
}

impl Netlist {
    /// Reads a file. Includes are looked for beside it.
    ///
    /// # Errors
    /// [`SpiceError::File`] where it cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, SpiceError> {
        let path = path.as_ref();
        let text = crate::parser::read_regular(path).map_err(|e| SpiceError::file(path, "read", e))?;
        Ok(Netlist { path: Some(path.to_owned()), text, made: false, circuit: OnceLock::new() })
    }

    /// A netlist from memory. Includes are looked for in the working directory.
    pub fn from_text(text: impl Into<String>) -> Self {
        Netlist { path: None, text: text.into(), made: false, circuit: OnceLock::new() }
    }

    /// A circuit made by a program; its [`Netlist::text`] is empty.
    pub fn of_circuit(circuit: Circuit) -> Self {
        let cell = OnceLock::new();
        cell.get_or_init(|| Ok(Arc::new(circuit)));
        Netlist { path: None, text: String::new(), made: true, circuit: cell }
    }

    /// True for a circuit made by a program, which has no text.
    pub fn is_made(&self) -> bool {
        self.made
    }

    /// Where it came from.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Its text as it stands in the file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The flattened, validated circuit; parsed once.
    ///
    /// # Errors
    /// [`SpiceError::Netlist`] where it is wrong, [`SpiceError::NotUnderstood`] where it says what only ngspice may know.
    pub fn circuit(&self) -> Result<Arc<Circuit>, SpiceError> {
        self.circuit.get_or_init(|| crate::parser::parse(self, &Changes::default()).map(Arc::new)).clone()
    }
}

impl From<Circuit> for Netlist {
    fn from(circuit: Circuit) -> Self {
        Netlist::of_circuit(circuit)
    }
}
