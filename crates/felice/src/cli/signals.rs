//! SIGINT, SIGTERM and SIGHUP end a command at once, but not before the simulators it has started and their folders, nor
//! before the files it has begun.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How often is looked whether a signal has come.
const LOOK: Duration = Duration::from_millis(20);

/// Watches from now on.
///
/// # Errors
/// The system's words.
pub fn watch() -> io::Result<()> {
    let number = Arc::new(AtomicUsize::new(0));
    for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|s| !ignored(*s)) {
        flag::register_usize(signal, number.clone(), signal as usize)?;
    }
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        loop {
            let signal = number.load(Ordering::Relaxed) as i32;
            if signal != 0 {
                felice_spice::abandon();
                felice_store::abandon();
                let _ = low_level::emulate_default_handler(signal);
                std::process::exit(128 + signal);
            }
            std::thread::sleep(LOOK);
        }
    })?;
    Ok(())
}

/// What was ignored when we were started (nohup, a shell's background job) stays ignored.
fn ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask =
        status.lines().find_map(|l| l.strip_prefix("SigIgn:")).and_then(|m| u64::from_str_radix(m.trim(), 16).ok());
    mask.is_some_and(|m| m >> (signal - 1) & 1 == 1)
}
