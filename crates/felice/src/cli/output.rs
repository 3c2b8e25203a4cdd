//! Output files on the command line: the ending says the format.

use std::path::PathBuf;

/// Format of an output file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// HDF5 (.h5, .hdf5).
    Hdf5,
    /// Comma-separated values (.csv).
    Csv,
}

/// An output file and its format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub path: PathBuf,
    /// By its ending.
    pub format: Format,
}

/// Parses a file name ending in .h5, .hdf5 or .csv.
pub fn parse(text: &str) -> Result<Target, String> {
    let path = PathBuf::from(text);
    let ending = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    let format = match ending.as_deref() {
        Some("h5" | "hdf5") => Format::Hdf5,
        Some("csv") => Format::Csv,
        _ => return Err(format!("`{text}` must end in .h5 or .csv")),
    };
    Ok(Target { path, format })
}
