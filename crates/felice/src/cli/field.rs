//! `felice field`: the vector field and the spike condition at given states.

use super::failure::{Failure, read_text};
use super::model::{ModelArgs, Precision};
use super::table;
use felice_neurons::AnyNeuron;
use std::fmt::Write;
use std::path::PathBuf;

/// The vector field of a model at the states of a CSV file, one state a row.
#[derive(clap::Args)]
#[command(after_help = "Example: felice field wererabbit --states in.csv --output out.csv --param alpha=0.00129")]
pub struct Field {
    #[command(flatten)]
    model: ModelArgs,
    /// CSV with the state names as header, one state a row.
    #[arg(long, value_name = "IN.csv")]
    states: PathBuf,
    /// CSV to write: d<state> for each state, then spike.
    #[arg(long, value_name = "OUT.csv")]
    output: PathBuf,
    /// Precision of the evaluation.
    #[arg(long, value_enum, default_value_t = Precision::F64)]
    precision: Precision,
}

/// Runs it.
pub fn run(args: &Field) -> Result<(), Failure> {
    let neuron = args.model.neuron()?;
    let names: Vec<&str> = neuron.info().states.iter().map(|s| s.name.as_ref()).collect();
    let file = args.states.display().to_string();
    let rows = table::read_numbers(&file, &read_text(&args.states)?, &names)?;

    let mut out = names.iter().map(|n| format!("d{n}")).collect::<Vec<_>>().join(",");
    out.push_str(",spike\n");
    for row in &rows {
        let line = match args.precision {
            Precision::F64 => row_f64(&neuron, row),
            Precision::F32 => row_f32(&neuron, row),
        }
        .map_err(Failure::input)?;
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}", line.join(","));
    }
    felice_store::write_plain(&args.output, out).map_err(Failure::file)
}

fn row_f64(neuron: &AnyNeuron, y: &[f64]) -> Result<Vec<String>, felice_neurons::NeuronError> {
    let mut dy = vec![0.0; y.len()];
    neuron.field(y, &mut dy)?;
    let spike = neuron.spike_condition(y)?;
    Ok(dy.iter().chain([&spike]).map(|&x| table::number(unsaturated(x, f64::MAX))).collect())
}

fn row_f32(neuron: &AnyNeuron, y: &[f64]) -> Result<Vec<String>, felice_neurons::NeuronError> {
    let y: Vec<f32> = y.iter().map(|&x| x as f32).collect();
    let mut dy = vec![0.0; y.len()];
    neuron.field_f32(&y, &mut dy)?;
    let spike = neuron.spike_condition_f32(&y)?;
    Ok(dy.iter().chain([&spike]).map(|&x| table::number_f32(unsaturated(x.into(), f32::MAX.into()) as f32)).collect())
}

/// The kernels' `exp` saturates at the largest number instead of overflowing; a result of that size is an overflow and
/// is printed as one.
fn unsaturated(x: f64, largest: f64) -> f64 {
    if x.abs() > largest * 1e-9 { f64::INFINITY.copysign(x) } else { x }
}
