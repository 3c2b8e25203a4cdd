//! `felice doctor`: what is installed.

use super::failure::Failure;
use felice_spice::EngineName;
use serde_json::json;

/// What is installed: versions of felice, HDF5 and the engines, cores.
#[derive(clap::Args)]
#[command(after_help = "Example: felice doctor --json")]
pub struct Doctor {
    /// As JSON, for a program.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: &Doctor) -> Result<(), Failure> {
    let (major, minor, release) = felice_store::hdf5_version();
    let hdf5 = format!("{major}.{minor}.{release}");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let engines: Vec<_> = [EngineName::Native, EngineName::Ngspice, EngineName::Spice21]
        .map(|name| (name.to_string(), felice_spice::engine(name).and_then(|e| e.version())))
        .to_vec();
    if args.json {
        let engine = |(name, version): &(String, Result<String, felice_spice::SpiceError>)| match version {
            Ok(version) => json!({"name": name, "version": version, "available": true}),
            Err(why) => json!({"name": name, "available": false, "problem": why.to_string()}),
        };
        println!(
            "{:#}",
            json!({
                "felice": super::VERSION, "commit": super::COMMIT, "hdf5": hdf5, "cores": cores,
                "engines": engines.iter().map(engine).collect::<Vec<_>>(),
            })
        );
        return Ok(());
    }
    println!("felice    {} ({})", super::VERSION, super::COMMIT);
    println!("HDF5      {hdf5}");
    for (name, version) in &engines {
        match version {
            Ok(version) => println!("{name:<9} {version}"),
            Err(why) => println!("{name:<9} not available: {why}"),
        }
    }
    println!("cores     {cores}");
    Ok(())
}
