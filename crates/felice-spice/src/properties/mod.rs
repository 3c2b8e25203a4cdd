//! The property kit for circuits: random small valid circuits, and the laws that any engine must keep on them.
//!
//! [`circuits`] draws netlists, [`change`] makes the copies that scaling laws compare, [`laws`] are the laws. Each law takes a
//! netlist's text, so that what fails can be run by hand with `felice spice`.
//!
//! `FELICE_PROPTEST_CASES` sets how many circuits a law is tried on, `FELICE_PROPTEST_SEED` which.

pub mod change;
pub mod circuits;
pub mod laws;
#[cfg(test)]
mod tests;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::analysis::{Analysis, Tran};
use crate::circuit::{Circuit, Saves};
use crate::engine::{Accuracy, Settings};
use crate::native::{Compiled, Method, Options, Waves};
use crate::netlist::Netlist;

/// How a law says that it is broken.
pub type Verdict = Result<(), TestCaseError>;

/// Tries a law on random netlists; `Err` shows the smallest that breaks it.
///
/// # Errors
/// The law's own words and the netlist, shrunk.
pub fn run(
    cases: u32,
    seed: u64,
    strategy: &impl Strategy<Value = String>,
    law: impl Fn(String) -> Verdict,
) -> Result<(), String> {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 500, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    runner.run(strategy, law).map_err(|error| match error {
        TestError::Fail(why, text) => format!("{why}\nsmallest netlist:\n{text}"),
        TestError::Abort(why) => format!("no verdict: {why}"),
    })
}

/// A netlist's circuit and its transient.
///
/// # Errors
/// What is wrong with the netlist: what was drawn must be valid.
pub fn circuit(text: &str) -> Result<(Circuit, Tran), TestCaseError> {
    let circuit = Netlist::from_text(text).circuit().map_err(fail)?;
    let tran = circuit.analyses.iter().find_map(|a| match a {
        Analysis::Tran(t) => Some(t.clone()),
        _ => None,
    });
    let tran = tran.ok_or_else(|| TestCaseError::fail("the netlist asks for no transient"))?;
    Ok((circuit.as_ref().clone(), tran))
}

/// A circuit's transient by the native engine: `samples` points of every vector.
///
/// # Errors
/// The engine's.
pub fn simulate(circuit: &Circuit, tran: &Tran, method: Method, samples: usize) -> Result<Waves, TestCaseError> {
    let settings = Settings { accuracy: Accuracy::Tight, samples: Some(samples), ..Settings::default() };
    let options = Options { method, ..Options::default() };
    let mut compiled = Compiled::new(circuit.clone().into(), options).map_err(fail)?;
    compiled.transient(tran, &settings, &Saves::All).map_err(fail)
}

fn fail(error: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

/// True where `x` is above its limit or not a number.
fn exceeds(x: f64, limit: f64) -> bool {
    x.is_nan() || x > limit
}

/// Compares the voltages of two results, sample by sample.
fn same_voltages(a: &Waves, b: &Waves, tolerance: f64) -> Verdict {
    for signal in a.vectors.signals().iter().filter(|s| s.name.starts_with("v(")) {
        let Some(other) = b.vectors.get(&signal.name) else {
            return Err(TestCaseError::fail(format!("{} is missing", signal.name)));
        };
        let largest = signal.values.iter().fold(1.0f64, |m, v| m.max(v.abs()));
        for (k, (x, y)) in signal.values.iter().zip(&other.values).enumerate() {
            if exceeds((x - y).abs(), tolerance * largest) {
                let what = format!("{} differs at sample {k}: {x} and {y} V", signal.name);
                return Err(TestCaseError::fail(what));
            }
        }
    }
    Ok(())
}
