//! Calling spice21 without being hurt by it: its panics become errors, and what it prints goes nowhere.
//!
//! It prints with `println!` while it elaborates. While a call runs, this thread holds the lock of standard output, so that
//! no other thread's words are lost: they wait. (Within one thread the lock may be taken again, as spice21 does.) File
//! descriptor 1 leads to `/dev/null` meanwhile. So one call runs at a time.

use std::cell::Cell;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use rustix::stdio::{dup2_stdout, stdout};

thread_local! {
    /// True while this thread is inside spice21: its panics are ours to report.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `call`; a panic inside comes back as its message.
pub(super) fn contained<T>(call: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    quiet_panics();
    silenced(|| {
        INSIDE.with(|i| i.set(true));
        // Everything `call` owns is dropped with the panic; nothing of ours can be seen half changed.
        let result = panic::catch_unwind(AssertUnwindSafe(call));
        INSIDE.with(|i| i.set(false));
        result.unwrap_or_else(|payload| {
            let words = payload.downcast_ref::<String>().map(String::as_str);
            let words = words.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without a message");
            Err(format!("it panicked: {words}"))
        })
    })
}

/// Keeps the panic messages of spice21's threads off standard error; all others are told as before.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |about| {
            if !INSIDE.with(Cell::get) {
                before(about);
            }
        }));
    });
}

/// Runs `call` with standard output leading nowhere.
fn silenced<T>(call: impl FnOnce() -> T) -> T {
    let mut ours = io::stdout().lock();
    let _ = ours.flush();
    let saved = rustix::io::dup(stdout());
    let nowhere = OpenOptions::new().write(true).open("/dev/null");
    let redirected = match (&saved, &nowhere) {
        (Ok(_), Ok(nowhere)) => dup2_stdout(nowhere).is_ok(),
        _ => false,
    };
    let result = call();
    // What it printed still sits in the buffer of standard output: it must leave before the descriptor comes back.
    let _ = ours.flush();
    if let (true, Ok(saved)) = (redirected, saved) {
        let _ = dup2_stdout(saved);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_are_errors() {
        let e = contained(|| -> Result<(), String> { panic!("no such net {}", 7) }).unwrap_err();
        assert_eq!(e, "it panicked: no such net 7");
        assert_eq!(contained(|| Ok(3)), Ok(3));
        assert_eq!(contained(|| Err::<(), _>("plain".into())), Err("plain".into()));
    }
}
