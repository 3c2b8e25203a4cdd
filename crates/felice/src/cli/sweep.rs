//! `felice sweep`: a study into a dataset.

use super::failure::Failure;
use felice_spice::Fault;
use felice_study::{Options, Progress, Shard, Study, StudyError, sweep};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// Runs a study: many points of a model over its axes, into one file that survives kills.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  felice sweep data/studies/smallest.toml --output smallest.h5
  felice sweep study.toml --output part.h5 --shard 0/8
  felice sweep study.toml --output big.h5 --resume      after a kill: nothing done is done again")]
pub struct Sweep {
    /// The study.
    study: PathBuf,
    /// File to write.
    #[arg(long, value_name = "X.h5")]
    output: PathBuf,
    /// One share of the points, i from 0, as a job array runs them.
    #[arg(long, value_name = "i/n")]
    shard: Option<Shard>,
    /// Go on with what an earlier process left.
    #[arg(long)]
    resume: bool,
    /// Only say what it would take.
    #[arg(long)]
    dry_run: bool,
    /// Threads; 0 for as many as the machine has.
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

/// Runs it.
pub fn run(args: &Sweep, quiet: bool) -> Result<(), Failure> {
    let study = Study::read(&args.study).map_err(failure)?;
    if args.dry_run {
        let estimate = felice_study::estimate(&study, args.shard, args.threads, Some(&args.output)).map_err(failure)?;
        println!("{estimate}");
        return Ok(());
    }
    let stop = AtomicBool::new(false);
    let options = Options {
        threads: args.threads,
        shard: args.shard,
        resume: args.resume,
        stop: &stop,
        provenance: super::provenance(),
    };
    let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
    // The template is a constant that parses.
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} points, {msg}") {
        bar.set_style(style);
    }
    let mut progress = |p: &Progress| {
        bar.set_length(p.total);
        bar.set_position(p.done);
        let left = p.left.map_or(String::new(), |d| format!(", {} s left", d.as_secs()));
        bar.set_message(format!("{:.0}/s{left}", p.rate));
    };
    let outcome = sweep(&study, &args.output, &options, &mut progress).map_err(failure)?;
    bar.finish_and_clear();
    println!(
        "{}: {} points ({} failed, {} from earlier processes), {} bytes, sha256 {}",
        outcome.path.display(),
        outcome.points,
        outcome.failed,
        outcome.found,
        outcome.bytes,
        outcome.content_sha256
    );
    Ok(())
}

fn failure(error: StudyError) -> Failure {
    match error.fault() {
        Fault::Input => Failure::Input(error.to_string()),
        Fault::Engine => Failure::Engine(error.to_string()),
        Fault::File => Failure::File(error.to_string()),
    }
}
