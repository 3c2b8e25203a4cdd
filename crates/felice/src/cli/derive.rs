//! `felice derive`: device card to model parameters.

use super::failure::{Failure, read_text};
use felice_subthreshold::{Card, Derived, DerivedParameter, derive};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Model parameters from a device card: values, units, formulas, the devices they come from.
#[derive(clap::Args)]
#[command(after_help = "Example: felice derive data/devices/felice.toml --model wererabbit --json")]
pub struct Derive {
    /// The device card.
    card: PathBuf,
    /// Model: boomerang, fhnrs, wererabbit.
    #[arg(long)]
    model: String,
    /// As JSON, for a program.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: &Derive) -> Result<(), Failure> {
    let text = read_text(&args.card)?;
    let card = Card::from_toml(&text, &args.card.display().to_string()).map_err(Failure::input)?;
    let derived = derive(&card, &args.model).map_err(Failure::input)?;
    if args.json {
        println!("{:#}", to_json(&card, &derived));
        return Ok(());
    }
    println!("{} from {}: {}", derived.model, args.card.display(), card.name);
    println!("  {:<12} {:<8} {:>14}  {:<6} formula", "parameter", "symbol", "value", "unit");
    for p in derived.parameters.iter().chain(&derived.quantities) {
        let devices = if p.devices.is_empty() { String::new() } else { format!("   <- {}", p.devices.join(", ")) };
        println!("  {:<12} {:<8} {:>14.6e}  {:<6} {}{devices}", p.name, p.symbol, p.value, p.unit, p.formula);
    }
    println!(
        "  {:<12} {:<8} {:>14.6e}  {:<6} seconds in one unit of the model's time",
        "time_unit", "", derived.time_unit_s, "s"
    );
    for warning in &derived.warnings {
        eprintln!("felice: warning: {warning}");
    }
    Ok(())
}

fn to_json(card: &Card, derived: &Derived) -> Value {
    let table = |all: &[DerivedParameter]| {
        let entry = |p: &DerivedParameter| {
            let value = json!({
                "symbol": p.symbol, "value": p.value, "unit": p.unit, "formula": p.formula, "devices": p.devices,
            });
            (p.name.clone(), value)
        };
        Value::Object(all.iter().map(entry).collect::<Map<_, _>>())
    };
    json!({
        "card": card.name,
        "model": derived.model,
        "parameters": table(&derived.parameters),
        "quantities": table(&derived.quantities),
        "time_unit": {"value": derived.time_unit_s, "unit": "s"},
        "warnings": derived.warnings,
    })
}
