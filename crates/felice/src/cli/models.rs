//! `felice models`: states, parameters, options, sources.

use super::failure::Failure;
use felice_neurons::{AnyNeuron, Info, MODELS};
use serde_json::{Value, json};

/// States and parameters of the models: symbol, default, unit, range, meaning, source.
#[derive(clap::Args)]
#[command(after_help = "Example: felice models wererabbit --json")]
pub struct Models {
    /// One model; every model where left out.
    name: Option<String>,
    /// As JSON, for a program.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: &Models) -> Result<(), Failure> {
    let names: Vec<&str> = match &args.name {
        Some(name) => vec![name],
        None => MODELS.to_vec(),
    };
    let neurons =
        names.iter().map(|name| AnyNeuron::new(name).map_err(Failure::input)).collect::<Result<Vec<_>, _>>()?;
    if args.json {
        let mut values: Vec<Value> = neurons.iter().map(to_json).collect();
        let value = if args.name.is_some() { values.remove(0) } else { Value::Array(values) };
        println!("{value:#}");
    } else {
        for (i, neuron) in neurons.iter().enumerate() {
            if i > 0 {
                println!();
            }
            print_model(neuron.info());
        }
    }
    Ok(())
}

fn to_json(neuron: &AnyNeuron) -> Value {
    let info = neuron.info();
    json!({
        "name": info.name,
        "about": info.about,
        "source": info.source,
        "time": info.time,
        "states": info.states.iter().map(|s| json!({
            "name": s.name, "unit": s.unit, "meaning": s.meaning, "usual": s.usual,
        })).collect::<Vec<_>>(),
        "initial_state": neuron.initial_state().ok(),
        "parameters": info.parameters.iter().map(|p| json!({
            "name": p.name,
            "symbol": p.symbol,
            "default": number(p.default),
            "unit": p.unit,
            "range": p.range.to_string(),
            "minimum": p.range.minimum(),
            "minimum_allowed": p.range.contains(0.0),
            "infinity_allowed": p.range.contains(f64::INFINITY),
            "meaning": p.meaning,
            "source": p.source,
        })).collect::<Vec<_>>(),
        "options": info.options.iter().map(|o| json!({"name": o.name, "meaning": o.meaning})).collect::<Vec<_>>(),
        "spike_condition": info.spike,
    })
}

/// JSON has no infinity: a word that `--param` reads.
fn number(x: f64) -> Value {
    if x.is_finite() { json!(x) } else { json!(x.to_string()) }
}

fn print_model(info: &Info) {
    println!("{}: {}", info.name, info.about);
    println!("  source  {}", info.source);
    println!("  time    {}", info.time);
    println!("  spike   {} > 0", info.spike);
    println!("  states");
    for s in info.states.iter() {
        println!("    {:<14} [{}]  {}", s.name, s.unit, s.meaning);
    }
    println!("  parameters");
    for p in info.parameters.iter() {
        println!(
            "    {:<14} {:<10} = {:<8} [{}]  {}; {}; {}",
            p.name, p.symbol, p.default, p.unit, p.range, p.meaning, p.source
        );
    }
    for o in info.options.iter() {
        println!("  option {}: {}", o.name, o.meaning);
    }
}
