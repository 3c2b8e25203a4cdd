//! Any bytes: a circuit or a located error, never a panic, a hang or memory without end.
#![no_main]

use felice_spice::Netlist;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = Netlist::from_text(String::from_utf8_lossy(bytes)).circuit();
});
