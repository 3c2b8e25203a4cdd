//! The command line as its users script against it: commands, files, exit codes. Every bad input of the interface ends
//! with its code, a message that names place and remedy, and no file under the final name.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used, clippy::panic)]

mod derive;
mod durability;
mod engines;
mod ensemble;
mod extract;
mod field;
mod fit;
mod merge;
mod nonsense;
mod plot;
mod run;
mod simulate;
mod spice;
mod sweep;
mod verify;
