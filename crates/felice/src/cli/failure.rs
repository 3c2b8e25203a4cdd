//! What can end a command, and with which exit code (INTERFACE: 0 done, 1 limits, 2 input, 3 engine, 4 file).

use std::process::ExitCode;

/// A command that did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A case, a check or a law failed its limits; the table has said which.
    #[error("{0}")]
    Limits(String),
    /// Bad usage or bad input; the message names place and remedy.
    #[error("{0}")]
    Input(String),
    /// An engine is missing or failed; the message carries its own words.
    #[error("{0}")]
    Engine(String),
    /// A file could not be read or written.
    #[error("{0}")]
    File(String),
    /// A signal asked to stop; what is done is kept. The exit code is 128 and the signal's number, as shells have it.
    #[error("{0}")]
    Stopped(String, i32),
}

impl Failure {
    /// The process' exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Limits(_) => 1,
            Failure::Input(_) => 2,
            Failure::Engine(_) => 3,
            Failure::File(_) => 4,
            Failure::Stopped(_, signal) => u8::try_from(128 + signal).unwrap_or(130),
        })
    }

    /// Bad input, in words.
    pub fn input(message: impl std::fmt::Display) -> Self {
        Failure::Input(message.to_string())
    }

    /// A file's trouble, in words.
    pub fn file(message: impl std::fmt::Display) -> Self {
        Failure::File(message.to_string())
    }
}

/// Reads a text file; a missing or unreadable one is exit code 4.
pub fn read_text(path: &std::path::Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path).map_err(|e| {
        Failure::File(format!("{}: cannot read: {e}; check the path and its permissions", path.display()))
    })?;
    String::from_utf8(bytes).map_err(|e| {
        let text = String::from_utf8_lossy(&e.as_bytes()[..e.utf8_error().valid_up_to()]).into_owned();
        let place = felice_base::Place::at_byte(path.display().to_string(), &text, text.len());
        Failure::Input(format!("{place}: found a byte that is not UTF-8, expected text"))
    })
}
