//! A model on the command line: its name, `--param k=v`, `--option`.

use super::failure::Failure;
use super::parse::{self, Assignment};
use felice_neurons::AnyNeuron;

/// Which model, with which parameters.
#[derive(clap::Args)]
pub struct ModelArgs {
    /// Model: boomerang, fhnrs, wererabbit (`felice models` lists all).
    model: String,
    /// A parameter that differs from its default; may be repeated.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parse::assignment, allow_hyphen_values = true)]
    parameters: Vec<Assignment>,
    /// An option that changes the equations (boomerang: notes-sign).
    #[arg(long = "option", value_name = "NAME")]
    options: Vec<String>,
}

impl ModelArgs {
    /// The neuron asked for.
    ///
    /// # Errors
    /// Unknown model, parameter or option; a value outside its range.
    pub fn neuron(&self) -> Result<AnyNeuron, Failure> {
        let mut neuron = AnyNeuron::new(&self.model).map_err(Failure::input)?;
        for option in &self.options {
            neuron.choose(option).map_err(Failure::input)?;
        }
        for p in &self.parameters {
            neuron.set(&p.name, p.value).map_err(Failure::input)?;
        }
        Ok(neuron)
    }
}

/// Floating-point precision of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Precision {
    /// 64 bits, 15 to 17 digits.
    F64,
    /// 32 bits, 6 to 9 digits.
    F32,
}
