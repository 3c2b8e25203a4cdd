//! `felice extract`: SPICE DC sweeps to a device card.

use super::failure::Failure;
use super::spice::EngineArgs;
use super::verify::by_code;
use felice_verify::extraction::transistor::extract_netlist;
use std::path::PathBuf;

/// Runs a netlist's .dc sweep and fits I0, kappa, V_A, Is and Vt0 of every transistor in it: a device card.
#[derive(clap::Args)]
#[command(after_help = "Example: felice extract sweeps.cir --output card.toml
The netlist biases one or more MOSFETs and sweeps them through subthreshold: .dc vg 0 0.6 0.01 vd 0.2 0.4 0.1")]
pub struct Extract {
    /// The netlist.
    netlist: PathBuf,
    #[command(flatten)]
    engine: EngineArgs,
    /// Device card to write (TOML); on standard output where left out.
    #[arg(long, value_name = "CARD.toml")]
    output: Option<PathBuf>,
}

/// Runs it.
pub fn run(args: &Extract, quiet: bool) -> Result<(), Failure> {
    let found = extract_netlist(&args.netlist, args.engine.engine, &args.engine.settings())
        .map_err(|e| by_code(e.exit_code(), &e))?;
    let card = found.card.to_toml();
    match &args.output {
        Some(path) => felice_store::write_plain(path, card).map_err(Failure::file)?,
        None => print!("{card}"),
    }
    for (terminals, result) in &found.transistors {
        if let Err(why) = result {
            eprintln!("felice: warning: {}: {why}", terminals.name);
        }
    }
    if !quiet {
        eprintln!("swept by {}", found.engine);
    }
    Ok(())
}
