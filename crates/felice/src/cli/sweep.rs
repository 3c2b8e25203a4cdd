//! `felice sweep`: a study into a dataset.

use super::failure::Failure;
use felice_spice::Fault;
use felice_study::{Options, Outcome, Progress, Shard, Simulations, Study, StudyError, bytes, clock, sweep};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// Runs a study: many points of a model over its axes, into one file that survives kills.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  felice sweep data/studies/smallest.toml --output smallest.h5
  felice sweep study.toml --output part.h5 --shard 0/8
  felice sweep study.toml --output big.h5 --resume      after a kill: nothing done is done again

Ctrl-C (or SIGTERM) finishes the running units, keeps what is done and ends with exit code 130 (143); a second one ends
at once, which loses the running units alone. Shards are put together by felice merge.")]
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
    let signals = Signals::watch().map_err(|e| Failure::Engine(format!("signals cannot be watched: {e}")))?;
    let options = Options {
        threads: args.threads,
        shard: args.shard,
        resume: args.resume,
        stop: &signals.stop,
        provenance: super::provenance(),
    };
    let bar = super::progress::bar(quiet, 0, "{pos}/{len} points, {msg}");
    let begin = Instant::now();
    let mut first = args.resume && !quiet;
    let mut progress = |p: &Progress| {
        if std::mem::take(&mut first) {
            let after = clock(begin.elapsed());
            bar.suspend(|| eprintln!("felice: {} of {} points were done; going on after {after}", p.done, p.total));
        }
        bar.set_length(p.total);
        bar.set_position(p.done);
        let left = p.left.map_or(String::new(), |d| format!(", {} left", clock(d)));
        let failed = if p.failed > 0 { format!(", {} failed", p.failed) } else { String::new() };
        bar.set_message(format!("{:.0}/s{left}{failed}", p.rate));
    };
    let outcome = sweep(&study, &args.output, &options, &mut progress);
    bar.finish_and_clear();
    let outcome = outcome.map_err(|e| match e {
        StudyError::Stopped { .. } => Failure::Stopped(e.to_string(), signals.number()),
        e => failure(e),
    })?;
    println!("{}", report(&outcome));
    Ok(())
}

/// What came of a sweep or a merge, in one line.
pub fn report(outcome: &Outcome) -> String {
    let simulations = match outcome.simulations {
        Simulations { run: 0, cached: 0 } => String::new(),
        s => format!(", {} simulated and {} from the cache", s.run, s.cached),
    };
    format!(
        "{}: {} points ({} failed, {} from earlier processes{simulations}), {}, sha256 {}",
        outcome.path.display(),
        outcome.points,
        outcome.failed,
        outcome.found,
        bytes(outcome.bytes),
        outcome.content_sha256
    )
}

/// SIGINT and SIGTERM: the first asks to stop, the second ends the process at once.
struct Signals {
    stop: Arc<AtomicBool>,
    number: Arc<AtomicUsize>,
}

impl Signals {
    fn watch() -> std::io::Result<Self> {
        let signals = Signals { stop: Arc::default(), number: Arc::default() };
        for signal in [SIGINT, SIGTERM] {
            // In the order they are registered: only a flag that an earlier signal has set ends the process.
            flag::register_conditional_shutdown(signal, 128 + signal, signals.stop.clone())?;
            flag::register_usize(signal, signals.number.clone(), signal as usize)?;
            flag::register(signal, signals.stop.clone())?;
        }
        Ok(signals)
    }

    fn number(&self) -> i32 {
        match i32::try_from(self.number.load(Ordering::Relaxed)) {
            Ok(n) if n > 0 => n,
            _ => SIGINT,
        }
    }
}

/// Exit codes by who can mend it.
pub fn failure(error: StudyError) -> Failure {
    match error.fault() {
        Fault::Input => Failure::Input(error.to_string()),
        Fault::Engine => Failure::Engine(error.to_string()),
        Fault::File => Failure::File(error.to_string()),
    }
}
