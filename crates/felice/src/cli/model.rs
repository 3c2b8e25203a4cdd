//! A model on the command line: its name, `--param k=v`, `--option`.

use super::failure::Failure;
use super::parse::{self, Assignment};
use felice_neurons::{AnyNeuron, Element};

/// Which model, with which parameters.
#[derive(clap::Args)]
pub struct ModelArgs {
    /// Model: boomerang, fhnrs, wererabbit (`felice models` lists all).
    model: String,
    /// A parameter that differs from its default; may be repeated.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parse::assignment, allow_hyphen_values = true)]
    parameters: Vec<Assignment>,
    /// An element of ribar-sepulchre, gain, offset and lag (0: none), instead of the authors' four; may be repeated.
    #[arg(long = "element", value_name = "A,OFFSET,TAU", value_parser = element, allow_hyphen_values = true)]
    elements: Vec<Element>,
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
        if !self.elements.is_empty() {
            if self.model != "ribar-sepulchre" {
                return Err(Failure::input(format!("`{}` has no elements to choose; ribar-sepulchre has", self.model)));
            }
            neuron = AnyNeuron::ribar_sepulchre(&self.elements).map_err(Failure::input)?;
        }
        for option in &self.options {
            neuron.choose(option).map_err(Failure::input)?;
        }
        for p in &self.parameters {
            neuron.set(&p.name, p.value).map_err(Failure::input)?;
        }
        Ok(neuron)
    }
}

/// Parses `A,OFFSET,TAU`.
fn element(text: &str) -> Result<Element, String> {
    match parse::numbers(text)?.0[..] {
        [a, v_off, tau] => Ok(Element { a, v_off, tau }),
        _ => Err(format!("`{text}` is no A,OFFSET,TAU, such as -2,0,0")),
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
