//! The felice command.

fn main() {}
