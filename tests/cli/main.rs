//! The command line as its users script against it: commands, files, exit codes. Every bad input of INTERFACE.md ends
//! with its code, a message that names place and remedy, and no file under the final name.

mod derive;
mod field;
mod run;
