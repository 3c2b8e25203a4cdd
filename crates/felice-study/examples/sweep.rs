//! Runs a study: `sweep STUDY.toml OUT.h5 [--shard i/n] [--resume] [--threads n] [--dry-run]`. A small stand-in for
//! `felice sweep`, for tests that kill it.

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use felice_store::Provenance;
use felice_study::{Fault, Options, Study, StudyError};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(match error.fault() {
                Fault::Input => 2,
                Fault::Engine => 3,
                Fault::File => 4,
            })
        }
    }
}

fn run(words: &[String]) -> Result<(), StudyError> {
    let usage = |what: &str| StudyError::Request {
        what: what.into(),
        remedy: "sweep STUDY.toml OUT.h5 [--shard i/n] [--resume]".into(),
    };
    let [study, target, flags @ ..] = words else { return Err(usage("too few arguments")) };
    let study = Study::read(Path::new(study))?;
    let stop = AtomicBool::new(false);
    let mut options = Options {
        threads: 0,
        shard: None,
        resume: false,
        stop: &stop,
        provenance: Provenance::new("felice", env!("CARGO_PKG_VERSION"), "unknown"),
    };
    let mut dry = false;
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        let mut value = || flags.next().ok_or_else(|| usage("a value is missing"));
        match flag.as_str() {
            "--shard" => options.shard = Some(value()?.parse().map_err(|e: String| usage(&e))?),
            "--threads" => options.threads = value()?.parse().map_err(|_| usage("--threads takes a number"))?,
            "--resume" => options.resume = true,
            "--dry-run" => dry = true,
            _ => return Err(usage(flag)),
        }
    }
    let target = Path::new(target);
    if dry {
        println!("{}", felice_study::estimate(&study, options.shard, options.threads, Some(target))?);
        return Ok(());
    }
    let outcome = felice_study::sweep(&study, target, &options, &mut |p| eprintln!("{}/{}", p.done, p.total))?;
    println!("{outcome:#?}");
    Ok(())
}
