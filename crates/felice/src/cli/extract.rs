//! `felice extract`: SPICE DC sweeps to a device card.

use super::failure::{Failure, read_text};
use super::spice::EngineArgs;
use super::verify::by_code;
use felice_subthreshold::extract::neuron::Estimate;
use felice_subthreshold::{Card, parse_value};
use felice_verify::extraction::transistor::{NetlistExtraction, Sizes, extract_netlist};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Runs a netlist's .dc sweep and fits what its transistors and blocks are: a device card with standard errors.
///
/// Of a transistor with source and bulk together: I0, kappa, VA (and VE), Is, Vt0. Of a differential pair or OTA, whose
/// output a source holds: tail, rho, offset. Of a mirror: ratio, VA. Blocks are found by how transistors are joined.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  felice extract sweeps.cir --output card.toml --residuals residuals.svg
  felice extract sweeps.cir --base data/devices/felice.toml --output mine.toml && felice derive mine.toml --model boomerang
The netlist biases one or more MOSFETs and sweeps them through subthreshold: .dc vg 0 0.6 0.01 vd 0.2 0.4 0.1")]
pub struct Extract {
    /// The netlist.
    netlist: PathBuf,
    #[command(flatten)]
    engine: EngineArgs,
    /// Device card to write (TOML); on standard output where left out.
    #[arg(long, value_name = "CARD.toml")]
    output: Option<PathBuf>,
    /// A card whose conditions, circuit and devices to keep: what was extracted replaces its kinds' quantities.
    #[arg(long, value_name = "CARD.toml")]
    base: Option<PathBuf>,
    /// Residuals of every fit as a picture.
    #[arg(long, value_name = "X.svg")]
    residuals: Option<PathBuf>,
    /// Width and length of transistors whose netlist does not say them (B sources of ekv.lib): 2u/1u or x1=2u/1u.
    #[arg(long = "size", value_name = "[NAME=]W/L")]
    sizes: Vec<String>,
    /// What was found as JSON on standard output, instead of the card (which --output still writes).
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: &Extract, quiet: bool) -> Result<(), Failure> {
    for path in args.output.iter().chain(&args.residuals) {
        felice_store::check_target(path).map_err(Failure::file)?;
    }
    let base = args
        .base
        .as_ref()
        .map(|path| Card::from_toml(&read_text(path)?, &path.display().to_string()).map_err(Failure::input))
        .transpose()?;
    let sizes = sizes(&args.sizes)?;
    let found = extract_netlist(&args.netlist, args.engine.engine, &args.engine.settings(), &sizes)
        .map_err(|e| by_code(e.exit_code(), &e))?;
    let card = base.map_or_else(|| found.card.clone(), |base| found.into_base(base)).to_toml();
    if let Some(path) = &args.residuals {
        felice_store::write_plain(path, found.residual_plot()).map_err(Failure::file)?;
    }
    if let Some(path) = &args.output {
        felice_store::write_plain(path, &card).map_err(Failure::file)?;
    }
    match (args.json, &args.output) {
        (true, _) => println!("{:#}", to_json(&found)),
        (false, None) => print!("{card}"),
        (false, Some(_)) => print!("{}", table(&found)),
    }
    warn(&found);
    if !quiet {
        eprintln!("swept by {}", found.engine);
    }
    Ok(())
}

/// What gave nothing, and what was assumed. A transistor of a block that was extracted is not missed.
fn warn(found: &NetlistExtraction) {
    found.warnings.iter().for_each(|w| eprintln!("felice: warning: {w}"));
    let in_block = |name: &str| {
        let good = found.blocks.iter().filter(|(_, b)| b.is_ok());
        good.into_iter().any(|(n, _)| n.split(", ").any(|m| name.ends_with(m) || name.contains(&format!("{m}."))))
    };
    for (terminals, result) in &found.transistors {
        match result {
            Err(why) if !in_block(&terminals.name) => eprintln!("felice: warning: {why}"),
            Err(_) => {}
            Ok(t) => t.warnings.iter().for_each(|w| eprintln!("felice: warning: {}: {w}", terminals.name)),
        }
    }
    for (name, result) in &found.blocks {
        match result {
            Err(why) => eprintln!("felice: warning: {why}"),
            Ok(b) => b.warnings.iter().for_each(|w| eprintln!("felice: warning: {name}: {w}")),
        }
    }
}

/// Values, standard errors, and the range in which the closed form holds.
fn table(found: &NetlistExtraction) -> String {
    let mut text = String::new();
    let mut block = |name: &str, quantities: &[Estimate], what: &str, [low, high]: [f64; 2]| {
        text.push_str(&format!("{name}\n"));
        for q in quantities {
            text.push_str(&format!("  {:<8} {:>14.6e} ± {:.1e} {}\n", q.name, q.value, q.standard_error, q.unit));
        }
        text.push_str(&format!("  {what} holds to 1 % from {low:.3} to {high:.3} V\n"));
    };
    for (t, result) in &found.transistors {
        if let Ok(r) = result {
            block(&t.name, &r.quantities, "the exponential", r.exponential);
        }
    }
    for (name, result) in &found.blocks {
        if let Ok(b) = result {
            block(&format!("{:?} {name}", b.kind).to_lowercase(), &b.quantities, "the closed form", b.holds);
        }
    }
    text
}

fn to_json(found: &NetlistExtraction) -> Value {
    let quantities = |all: &[Estimate]| -> Value {
        let entry = |q: &Estimate| {
            (q.name.clone(), json!({"value": q.value, "standard_error": q.standard_error, "unit": q.unit}))
        };
        Value::Object(all.iter().map(entry).collect())
    };
    let transistors = found.transistors.iter().map(|(t, result)| match result {
        Ok(r) => json!({
            "name": t.name, "w": t.w, "l": t.l, "quantities": quantities(&r.quantities), "warnings": r.warnings,
            "exponential": {"gate": r.exponential, "current": r.exponential_current, "to": 0.01},
        }),
        Err(why) => json!({"name": t.name, "w": t.w, "l": t.l, "error": why.to_string()}),
    });
    let blocks = found.blocks.iter().map(|(name, result)| match result {
        Ok(b) => json!({
            "name": name, "kind": b.kind, "quantities": quantities(&b.quantities), "warnings": b.warnings,
            "holds": {"range": b.holds, "to": 0.01},
        }),
        Err(why) => json!({"name": name, "error": why.to_string()}),
    });
    json!({
        "engine": found.engine,
        "transistors": transistors.collect::<Vec<_>>(),
        "blocks": blocks.collect::<Vec<_>>(),
        "warnings": found.warnings,
    })
}

/// Parses `2u/1u` and `x1=2u/1u`.
fn sizes(texts: &[String]) -> Result<Sizes, Failure> {
    let mut sizes = Sizes::new();
    for text in texts {
        let bad = |why: &str| Failure::input(format!("--size {text}: {why}; write 2u/1u or x1=2u/1u, in metres"));
        let (name, size) = text.split_once('=').unwrap_or(("", text));
        let (w, l) = size.split_once('/').ok_or_else(|| bad("no W/L"))?;
        let metres = |t: &str| {
            let t = t.trim();
            let value = parse_value(t, "m").or_else(|_| parse_value(&format!("{t}m"), "m"));
            value.ok().filter(|v| *v > 0.0).ok_or_else(|| bad("no length above 0"))
        };
        sizes.insert(name.trim().to_ascii_lowercase(), (metres(w)?, metres(l)?));
    }
    Ok(sizes)
}
