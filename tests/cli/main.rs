//! The command line as its users script against it: commands, files, exit codes.
