//! `felice field`: the vector field and the spike condition at given states.

use super::failure::{Failure, read_text};
use super::model::{ModelArgs, Precision};
use super::table::{self, Digits, Refused, push_number};
use felice_neurons::{AnyNeuron, Number};
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
    let text = match args.precision {
        Precision::F64 => evaluate::<f64>(args, &neuron),
        Precision::F32 => {
            neuron.check_single().map_err(Failure::input)?;
            evaluate::<f32>(args, &neuron)
        }
    }?;
    felice_store::write_plain(&args.output, text).map_err(Failure::file)
}

/// The output file's text: a header, and a line for every state.
fn evaluate<R: Number + Digits>(args: &Field, neuron: &AnyNeuron) -> Result<String, Failure> {
    let names: Vec<&str> = neuron.info().states.iter().map(|s| s.name.as_ref()).collect();
    let mut out = names.iter().map(|n| format!("d{n}")).collect::<Vec<_>>().join(",");
    out.push_str(",spike\n");
    let (mut y, mut dy) = (vec![R::num(0.0); names.len()], vec![R::num(0.0); names.len()]);
    let file = args.states.display().to_string();
    table::read_rows(&file, &read_text(&args.states)?, &names, |row| {
        for (index, (y, x)) in y.iter_mut().zip(row).enumerate() {
            *y = R::from_f64(*x);
            if !y.finite() {
                return Err(Refused { index, expected: format!("a number that {} can hold", R::NAME) });
            }
        }
        let spike = neuron.evaluate(&y, &mut dy).map_err(|e| Refused { index: 0, expected: e.to_string() })?;
        for d in &dy {
            push_number(&mut out, *d);
            out.push(',');
        }
        push_number(&mut out, spike);
        out.push('\n');
        Ok(())
    })?;
    Ok(out)
}
