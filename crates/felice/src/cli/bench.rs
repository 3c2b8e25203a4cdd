//! `felice bench`: this machine's speed.

use super::failure::Failure;
use super::model::Precision;
use super::parse;
use felice_neurons::ensemble::{self, BenchReport, Mode};
use serde_json::json;
use std::path::PathBuf;

/// Speed of ensembles on this machine: neuron-steps a second, and the share of its own arithmetic limit.
#[derive(clap::Args)]
#[command(after_help = "Example: felice bench fhnrs --neurons 100000 --steps 1000 --precision f32 --json")]
pub struct Bench {
    /// Model: boomerang, fhnrs or wererabbit; all three where left out.
    model: Option<String>,
    /// Number of neurons.
    #[arg(long, default_value_t = 100_000)]
    neurons: usize,
    /// Steps of each (in adaptive mode: as much time as these steps take).
    #[arg(long, default_value_t = 200)]
    steps: u64,
    /// Precision.
    #[arg(long, value_enum, default_value_t = Precision::F64)]
    precision: Precision,
    /// Fixed or adaptive steps.
    #[arg(long, value_enum, default_value_t = Steps::Fixed)]
    mode: Steps,
    /// Relative and absolute tolerance of adaptive steps.
    #[arg(long, value_name = "TOL", default_value_t = 1e-6, value_parser = parse::positive)]
    tolerance: f64,
    /// Write the final states, one neuron a row (for the comparison with other tools, benches/peers).
    #[arg(long, value_name = "X.csv")]
    states: Option<PathBuf>,
    /// As JSON, for a program.
    #[arg(long)]
    json: bool,
}

/// How steps are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Steps {
    /// Tsit5, all of one size.
    Fixed,
    /// Tsit5, each neuron its own.
    Adaptive,
}

/// Runs it.
pub fn run(args: &Bench) -> Result<(), Failure> {
    let models = match &args.model {
        Some(model) => vec![model.as_str()],
        None => vec!["boomerang", "fhnrs", "wererabbit"],
    };
    let (precision, precision_name) = match args.precision {
        Precision::F64 => (felice_neurons::Precision::F64, "f64"),
        Precision::F32 => (felice_neurons::Precision::F32, "f32"),
    };
    let (mode, mode_name) = match args.mode {
        Steps::Fixed => (Mode::Fixed, "fixed"),
        Steps::Adaptive => (Mode::Adaptive(args.tolerance), "adaptive"),
    };
    if args.states.is_some() && args.model.is_none() {
        return Err(Failure::input("--states is for one model: felice bench MODEL --states X.csv"));
    }
    let mut all = Vec::new();
    for model in models {
        let report = ensemble::bench(model, args.neurons, args.steps, precision, mode).map_err(Failure::input)?;
        if report.failed > 0 {
            let (failed, neurons) = (report.failed, args.neurons);
            eprintln!("felice: warning: {model}: {failed} of {neurons} neurons could not go on to the end");
        }
        if let Some(path) = &args.states {
            felice_store::write_plain(path, to_csv(model, &report.states)?).map_err(Failure::file)?;
        }
        if args.json {
            all.push(to_json(model, args, precision_name, mode_name, &report));
        } else {
            let share =
                report.share_of_fma_bound.map_or(String::new(), |s| format!(", {:.0} % of its FMA bound", 100.0 * s));
            println!(
                "{model:<10} {precision_name} {mode_name}: {:.3e} neuron-steps/s, {:.3e} field evaluations/s on {} threads ({}){share}",
                report.neuron_steps_per_second,
                report.field_evaluations_per_second,
                report.threads,
                report.instructions
            );
        }
    }
    if args.json {
        let value = if all.len() == 1 { all.remove(0) } else { json!(all) };
        println!("{value:#}");
    }
    Ok(())
}

/// The final states under their names.
fn to_csv(model: &str, states: &[f64]) -> Result<String, Failure> {
    let neuron = felice_neurons::AnyNeuron::new(model).map_err(Failure::input)?;
    let names: Vec<&str> = neuron.info().states.iter().map(|s| &*s.name).collect();
    let row = |y: &[f64]| y.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
    let rows = std::iter::once(names.join(",")).chain(states.chunks(names.len()).map(row));
    Ok(rows.fold(String::new(), |text, row| text + &row + "\n"))
}

fn to_json(model: &str, args: &Bench, precision: &str, mode: &str, report: &BenchReport) -> serde_json::Value {
    json!({
        "model": model, "neurons": args.neurons, "steps": args.steps, "precision": precision, "mode": mode,
        "seconds": report.seconds,
        "neuron_steps_per_second": report.neuron_steps_per_second,
        "field_evaluations_per_second": report.field_evaluations_per_second,
        "fma_per_second": report.fma_per_second,
        "share_of_fma_bound": report.share_of_fma_bound,
        "failed": report.failed,
        "threads": report.threads,
        "instructions": report.instructions.to_string(),
    })
}
