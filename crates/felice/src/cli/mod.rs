//! The command line: parse, call, print. Results on stdout, everything else on stderr.

mod derive;
mod failure;
mod field;
mod inspect;
mod model;
mod models;
mod parse;
mod table;

use clap::{Parser, Subcommand};
use failure::Failure;

/// Silicon neurons: does the circuit do what its equations say?
#[derive(Parser)]
#[command(name = "felice", version, about, arg_required_else_help = true, infer_subcommands = false)]
struct Cli {
    /// No progress, no remarks: results and errors only.
    #[arg(long, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Models(models::Models),
    Field(field::Field),
    Derive(derive::Derive),
    Inspect(inspect::Inspect),
}

/// Runs the command line of this process.
pub fn run() -> std::process::ExitCode {
    let cli = Cli::parse();
    match dispatch(cli) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(failure) => {
            let message = failure.to_string();
            if !message.is_empty() {
                eprintln!("felice: {message}");
            }
            failure.exit_code()
        }
    }
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    match &cli.command {
        Command::Models(args) => models::run(args),
        Command::Field(args) => field::run(args),
        Command::Derive(args) => derive::run(args),
        Command::Inspect(args) => inspect::run(args),
    }
}
