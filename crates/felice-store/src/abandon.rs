//! What a process that a signal ends must not leave behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

/// Partial files that their writers would remove if they could; true: only where they are empty.
static PARTIALS: Mutex<Vec<(PathBuf, bool)>> = Mutex::new(Vec::new());

fn partials() -> MutexGuard<'static, Vec<(PathBuf, bool)>> {
    PARTIALS.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A partial file is begun, or only claimed.
pub(crate) fn begun(partial: &Path, only_empty: bool) {
    partials().push((partial.to_owned(), only_empty));
}

/// It has its final name, is removed, or is to stay.
pub(crate) fn ended(partial: &Path) {
    partials().retain(|(p, _)| p != partial);
}

/// Removes the partial files that nobody could continue: for a process that is about to end. Nothing is begun after it.
pub fn abandon() {
    let mut partials = partials();
    for (partial, only_empty) in partials.drain(..) {
        if !only_empty || fs::metadata(&partial).is_ok_and(|m| m.len() == 0) {
            let _ = fs::remove_file(partial);
        }
    }
    // Never given back: a writer that would begin another file waits for the end.
    std::mem::forget(partials);
}
