//! The command line: parse, call, print. Results on stdout, everything else on stderr.

// First: what follows prints by its macros.
#[macro_use]
mod say;

mod bench;
mod derive;
mod doctor;
mod ensemble;
mod export;
mod extract;
mod failure;
mod field;
mod fit;
mod inspect;
mod merge;
mod model;
mod models;
mod output;
mod parse;
mod phase;
mod plot;
mod progress;
mod signals;
mod simulate;
mod spice;
mod stimulus;
mod sweep;
mod table;
mod verify;

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
    Doctor(doctor::Doctor),
    Models(models::Models),
    Field(field::Field),
    Simulate(simulate::Simulate),
    Derive(derive::Derive),
    Extract(extract::Extract),
    Phase(phase::Phase),
    Plot(plot::Plot),
    Sweep(sweep::Sweep),
    Merge(merge::Merge),
    Bench(bench::Bench),
    Spice(spice::Spice),
    Verify(verify::Verify),
    Fit(fit::Fit),
    Inspect(inspect::Inspect),
    Export(export::Export),
}

/// This version of felice.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit it was built from.
const COMMIT: &str = env!("FELICE_COMMIT");

/// Who makes the files of this process.
fn provenance() -> felice_store::Provenance {
    felice_store::Provenance::new("felice", VERSION, COMMIT)
}

/// Runs the command line of this process.
pub fn run() -> std::process::ExitCode {
    let cli = Cli::parse();
    let done = dispatch(cli);
    let said = say::finish();
    match done.and(said) {
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
    // A sweep has its own way to end.
    if !matches!(cli.command, Command::Sweep(_)) {
        signals::watch().map_err(|e| Failure::Engine(format!("signals cannot be watched: {e}")))?;
    }
    match &cli.command {
        Command::Doctor(args) => doctor::run(args),
        Command::Models(args) => models::run(args),
        Command::Field(args) => field::run(args),
        Command::Simulate(args) => simulate::run(args, cli.quiet),
        Command::Spice(args) => spice::run(args, cli.quiet),
        Command::Verify(args) => verify::run(args, cli.quiet),
        Command::Extract(args) => extract::run(args, cli.quiet),
        Command::Sweep(args) => sweep::run(args, cli.quiet),
        Command::Merge(args) => merge::run(args, cli.quiet),
        Command::Phase(args) => phase::run(args),
        Command::Fit(args) => fit::run(args),
        Command::Export(args) => export::run(args, cli.quiet),
        Command::Plot(args) => plot::run(args, cli.quiet),
        Command::Bench(args) => bench::run(args),
        Command::Derive(args) => derive::run(args, cli.quiet),
        Command::Inspect(args) => inspect::run(args),
    }
}
