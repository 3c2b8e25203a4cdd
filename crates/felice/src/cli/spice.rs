//! `felice spice`: one simulation of one netlist.

use super::failure::Failure;
use super::output::{self, Format, Target};
use super::parse;
use super::table;
use felice_spice::{Accuracy, EngineChoice, Fault, Job, Measured, Netlist, Settings, Simulation, SpiceError, simulate};
use felice_store::{FileWriter, Input, StoreError};
use std::path::PathBuf;
use std::time::Duration;

/// How an engine is chosen and set.
#[derive(clap::Args)]
pub struct EngineArgs {
    /// auto (native where it understands the netlist, else ngspice), native, ngspice or spice21.
    #[arg(long, default_value = "auto", value_parser = choice)]
    pub engine: EngineChoice,
    /// Wall-clock limit of one run of an engine, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 120.0, value_parser = parse::positive)]
    pub time_limit: f64,
    /// Neither look into the cache of simulations nor write it.
    #[arg(long)]
    pub no_cache: bool,
}

fn choice(text: &str) -> Result<EngineChoice, String> {
    text.parse().map_err(|e: SpiceError| e.to_string())
}

impl EngineArgs {
    /// Settings with these limits, the rest at its defaults.
    pub fn settings(&self) -> Settings {
        // Longer than a year means no limit.
        let seconds = self.time_limit.min(3.2e7);
        Settings { time_limit: Duration::from_secs_f64(seconds), cache: !self.no_cache, ..Settings::default() }
    }
}

/// How exact a simulation should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Exactness {
    /// About 1e-4 V over a ring-down.
    Normal,
    /// About 1e-5 V.
    Tight,
    /// 1e-6 V and below.
    Reference,
}

/// One simulation of a netlist: its transient (else its first analysis), every node voltage unless it says otherwise.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  felice spice netlists/wererabbit/ekv.cir --output wererabbit.h5
  felice spice my.cir --engine ngspice --samples 1001 --output my.csv")]
pub struct Spice {
    /// The netlist.
    netlist: PathBuf,
    #[command(flatten)]
    engine: EngineArgs,
    /// How exact.
    #[arg(long, value_enum, default_value_t = Exactness::Tight)]
    accuracy: Exactness,
    /// Relative tolerance instead of the one that the accuracy means.
    #[arg(long, value_parser = parse::positive)]
    reltol: Option<f64>,
    /// Absolute tolerance on voltages instead, in volts.
    #[arg(long, value_name = "VOLTS", value_parser = parse::positive)]
    vntol: Option<f64>,
    /// Absolute tolerance on currents instead, in amperes.
    #[arg(long, value_name = "AMPERES", value_parser = parse::positive)]
    abstol: Option<f64>,
    /// Largest step of a transient, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = parse::positive)]
    max_step: Option<f64>,
    /// Equally spaced points of a transient, both ends included; the engine's own points where left out.
    #[arg(long, value_name = "N")]
    samples: Option<usize>,
    /// A top-level .param of the netlist to change; may be repeated.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parse::assignment, allow_hyphen_values = true)]
    parameters: Vec<parse::Assignment>,
    /// File to write, .h5 or .csv; CSV on standard output where left out.
    #[arg(long, value_name = "X.h5|X.csv", value_parser = output::parse)]
    output: Option<Target>,
}

/// Runs it.
pub fn run(args: &Spice, quiet: bool) -> Result<(), Failure> {
    let mut job = Job::new(Netlist::read(&args.netlist).map_err(failure)?);
    for p in &args.parameters {
        job = job.with_parameter(p.name.clone(), p.value);
    }
    let result = simulate(&job, args.engine.engine, &settings(args)).map_err(failure)?;
    match &args.output {
        None => print!("{}", table::sampled_to_csv(&result.vectors)),
        Some(Target { path, format: Format::Csv }) => {
            felice_store::write_plain(path, table::sampled_to_csv(&result.vectors)).map_err(Failure::file)?;
        }
        Some(Target { path, format: Format::Hdf5 }) => write_hdf5(args, path, &job, &result).map_err(Failure::file)?,
    }
    if !quiet {
        let (n, cached) = (result.vectors.len(), if result.cached { ", from the cache" } else { "" });
        eprintln!("{} {} ({}{cached}): {n} points", result.engine, result.version, result.reason);
    }
    for Measured { name, value, .. } in &result.measures {
        let line = match value {
            Some(value) => format!("{name} = {value:e}"),
            None => format!("{name}: did not happen"),
        };
        match args.output {
            Some(_) => println!("{line}"),
            // Standard output is the CSV's.
            None if !quiet => eprintln!("  {line}"),
            None => {}
        }
    }
    Ok(())
}

fn settings(args: &Spice) -> Settings {
    Settings {
        accuracy: match args.accuracy {
            Exactness::Normal => Accuracy::Normal,
            Exactness::Tight => Accuracy::Tight,
            Exactness::Reference => Accuracy::Reference,
        },
        reltol: args.reltol,
        vntol: args.vntol,
        abstol: args.abstol,
        max_step: args.max_step,
        samples: args.samples,
        ..args.engine.settings()
    }
}

/// Vectors along their axis in the root; netlist, options and log in `provenance`.
fn write_hdf5(args: &Spice, path: &std::path::Path, job: &Job, result: &Simulation) -> Result<(), StoreError> {
    let mut provenance = super::provenance();
    provenance.add_engine(&result.engine.to_string(), &result.version);
    provenance.add_input(Input::of(args.netlist.display().to_string(), job.netlist.text()));
    let file = FileWriter::create(path, &provenance)?;
    let root = file.root();
    root.sampled(&result.vectors)?;
    let group = root.group("provenance")?;
    group.attribute("engine_reason", result.reason.as_str())?;
    for (name, value) in &result.options {
        group.attribute(&format!("option_{name}"), value.as_str())?;
    }
    group.text("netlist", "the netlist as it was given", job.netlist.text())?;
    group.text("log", "the engine's own words", &result.log)?;
    if !result.measures.is_empty() {
        let measures = root.group("measures")?;
        for Measured { name, value, unit } in &result.measures {
            let value = value.unwrap_or(f64::NAN);
            measures.scalar(name, unit, "measured by .meas; NaN: did not happen", value)?;
        }
    }
    file.finish().map(drop)
}

/// Exit code and words of an engine's or netlist's error.
pub fn failure(error: SpiceError) -> Failure {
    let mut message = error.to_string();
    if let Some(log) = error.log().map(str::trim).filter(|l| !l.is_empty()) {
        message.push_str("\n  its own words:");
        let lines: Vec<&str> = log.lines().collect();
        for line in &lines[lines.len().saturating_sub(20)..] {
            message.push_str("\n  | ");
            message.push_str(line);
        }
    }
    match error.fault() {
        Fault::Input => Failure::Input(message),
        Fault::Engine => Failure::Engine(message),
        Fault::File => Failure::File(message),
    }
}
