//! `felice merge`: the shards of a study into one file.

use super::failure::Failure;
use super::sweep::{failure, report};
use felice_study::{MergeOptions, merge};
use std::path::PathBuf;

/// Merges the shards of a study into the file that one machine alone would have written.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  felice merge part-0.h5 part-1.h5 part-2.h5 --output study.h5
  felice merge part-*.h5 --output study.h5 --virtual      the numbers stay in the shards: keep those")]
pub struct Merge {
    /// Every shard of the study, in any order.
    #[arg(required = true, value_name = "SHARD.h5")]
    shards: Vec<PathBuf>,
    /// File to write.
    #[arg(long, value_name = "X.h5")]
    output: PathBuf,
    /// Write an HDF5 virtual dataset, which shows the shards as one file and copies nothing.
    #[arg(long = "virtual")]
    mapped: bool,
    /// Threads; 0 for as many as the machine has.
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

/// Runs it.
pub fn run(args: &Merge, quiet: bool) -> Result<(), Failure> {
    let options = MergeOptions { threads: args.threads, mapped: args.mapped, provenance: super::provenance() };
    let bar = super::progress::bar(quiet, 0, "{pos}/{len} points, {eta} left");
    let mut progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let outcome = merge(&args.shards, &args.output, &options, &mut progress).map_err(failure)?;
    bar.finish_and_clear();
    println!("{}", report(&outcome));
    Ok(())
}
