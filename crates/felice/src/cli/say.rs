//! Printing that cannot panic: a reader that has gone away (`felice models | head -1`) is no failure, a full disk behind
//! standard output is one of a file.

use super::failure::Failure;
use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::sync::Mutex;

/// What went wrong with standard output first.
static TROUBLE: Mutex<Option<String>> = Mutex::new(None);

/// Writes results to standard output.
pub fn result(words: Arguments<'_>) {
    note(std::io::stdout().lock().write_fmt(words));
}

/// Writes everything else to standard error; what cannot be said there cannot be said.
pub fn remark(words: Arguments<'_>) {
    let _ = std::io::stderr().lock().write_fmt(words);
}

/// Whether all results were written.
pub fn finish() -> Result<(), Failure> {
    note(std::io::stdout().lock().flush());
    match TROUBLE.lock().unwrap_or_else(|e| e.into_inner()).take() {
        Some(why) => Err(Failure::File(format!("cannot write to standard output: {why}"))),
        None => Ok(()),
    }
}

fn note(written: std::io::Result<()>) {
    if let Err(e) = written
        && e.kind() != ErrorKind::BrokenPipe
    {
        TROUBLE.lock().unwrap_or_else(|e| e.into_inner()).get_or_insert_with(|| e.to_string());
    }
}

/// The standard library's macros panic where these do not; in this folder they take their places.
macro_rules! println {
    () => { $crate::cli::say::result(format_args!("\n")) };
    ($($words:tt)*) => { $crate::cli::say::result(format_args!("{}\n", format_args!($($words)*))) };
}
macro_rules! print {
    ($($words:tt)*) => { $crate::cli::say::result(format_args!($($words)*)) };
}
macro_rules! eprintln {
    () => { $crate::cli::say::remark(format_args!("\n")) };
    ($($words:tt)*) => { $crate::cli::say::remark(format_args!("{}\n", format_args!($($words)*))) };
}
