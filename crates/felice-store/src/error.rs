//! What can go wrong with a file, and the remedy.

use std::io;
use std::path::{Path, PathBuf};

/// A file could not be written or read. Every message names the path and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder of an output file does not exist.
    #[error("cannot write `{}`: the folder `{}` does not exist; create it (mkdir -p) or choose another output", path.display(), folder.display())]
    NoFolder {
        /// The output.
        path: PathBuf,
        /// The missing folder.
        folder: PathBuf,
    },
    /// The target's name cannot be a file.
    #[error("cannot write `{}`: {why}; choose another output", path.display())]
    BadTarget {
        /// The output.
        path: PathBuf,
        /// Why it cannot be.
        why: String,
    },
    /// Another process is writing the same file.
    #[error("cannot write `{}`: another process is writing `{}`; wait for it or choose another output", path.display(), partial.display())]
    Busy {
        /// The output.
        path: PathBuf,
        /// The unfinished file that is locked.
        partial: PathBuf,
    },
    /// Writing failed: disk full, permission, input/output error. Nothing is left under the final name.
    #[error("cannot write `{}`: {why}; {remedy}; nothing was left behind", path.display())]
    Write {
        /// The output.
        path: PathBuf,
        /// The system's words.
        why: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A file could not be opened or read.
    #[error("cannot read `{}`: {why}; {remedy}", path.display())]
    Read {
        /// The input.
        path: PathBuf,
        /// The system's words.
        why: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The file is not one that felice finished.
    #[error("`{}` is not a finished felice file: {why}", path.display())]
    Foreign {
        /// The input.
        path: PathBuf,
        /// What it is instead, and what to do.
        why: String,
    },
    /// The file was one that felice finished, and its bytes have changed since.
    #[error("`{}` is damaged: {why}; restore it from a copy or run the command that made it again", path.display())]
    Damaged {
        /// The input.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// A group, dataset or attribute that is not in the file.
    #[error("`{}` holds no {what} `{name}`; `felice inspect` lists what is there", path.display())]
    Missing {
        /// The input.
        path: PathBuf,
        /// Group, dataset or attribute.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The caller's data do not fit together.
    #[error("cannot store `{name}` in `{}`: {why}", path.display())]
    Shape {
        /// The output.
        path: PathBuf,
        /// The dataset or group.
        name: String,
        /// What does not fit.
        why: String,
    },
}

impl StoreError {
    pub(crate) fn write_io(path: &Path, error: &io::Error) -> Self {
        Self::write(path, system_words(error), error.raw_os_error())
    }

    pub(crate) fn write_hdf5(path: &Path, error: &hdf5::Error) -> Self {
        let (why, code) = hdf5_words(error);
        Self::write(path, why, code)
    }

    fn write(path: &Path, why: String, code: Option<i32>) -> Self {
        StoreError::Write { path: path.to_owned(), why, remedy: write_remedy(code) }
    }

    pub(crate) fn read_io(path: &Path, error: &io::Error) -> Self {
        let remedy = match error.kind() {
            io::ErrorKind::NotFound => "check the name",
            io::ErrorKind::PermissionDenied => "check its permissions",
            _ => "check the disk and the file",
        };
        StoreError::Read { path: path.to_owned(), why: system_words(error), remedy }
    }

    pub(crate) fn read_hdf5(path: &Path, error: &hdf5::Error) -> Self {
        let (why, _) = hdf5_words(error);
        StoreError::Read { path: path.to_owned(), why, remedy: "the HDF5 library refuses it: check where it came from" }
    }
}

/// Linux and macOS agree on these numbers except the quota's.
fn write_remedy(code: Option<i32>) -> &'static str {
    match code {
        Some(28) => "free some space or choose an output on another disk",
        Some(122 | 69) => "your quota is used up: free some space or choose an output elsewhere",
        Some(27) => "the file size limit is reached: raise it (ulimit -f) or write less",
        Some(1 | 13 | 30) => "choose a folder that you may write to",
        Some(36 | 63) => "choose a shorter name",
        _ => "check the disk and the folder's permissions",
    }
}

fn system_words(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

/// The innermost message of the library, where the system's own words stand, and the system's error number.
fn hdf5_words(error: &hdf5::Error) -> (String, Option<i32>) {
    let Some(stack) = error.stack() else { return (error.to_string(), None) };
    for frame in stack.iter().rev() {
        if let Some(code) = after(frame.desc(), "errno = ") {
            let code: Option<i32> = code.split([',', ' ']).next().and_then(|c| c.parse().ok());
            if let Some(code) = code.filter(|c| *c != 0) {
                return (system_words(&io::Error::from_raw_os_error(code)), Some(code));
            }
        }
    }
    (stack.last().map_or_else(|| error.to_string(), |f| format!("HDF5 says: {}", f.desc())), None)
}

fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.find(mark).map(|i| &text[i + mark.len()..])
}
