//! Operating points of random circuits pass; the same with one node moved do not.

use super::*;
use crate::circuit::Saves;
use crate::engine::Settings;
use crate::properties::circuits::{Kind, circuits};
use crate::properties::{circuit, run};
use proptest::test_runner::TestCaseError;

fn fail(e: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(e.to_string())
}

#[test]
fn prop_healthy_circuits_pass_and_moved_ones_do_not() {
    let law = |text: String| {
        let (circuit, _) = circuit(&text)?;
        let circuit = Arc::new(circuit);
        let mut compiled = Compiled::new(circuit.clone(), Options::default()).map_err(fail)?;
        let point = compiled.operating_point(&Settings::default(), &Saves::All).map_err(fail)?;
        let moved = |node: &str, by: f64| {
            let answer = |name: &str| {
                let value = point.vectors.get(name)?.values[0];
                Some(if name == node { value + by } else { value })
            };
            let mut audit = Audit::new(circuit.clone(), EngineName::Ngspice, (0.0, 0.0)).unwrap().unwrap();
            audit.operating_point(&answer).map(|()| audit.taken)
        };
        let taken = moved("", 0.0).map_err(fail)?;
        if taken > 1e-6 {
            return Err(fail(format!("{taken} of the room taken")));
        }
        for node in circuit.nodes.ids() {
            let name = format!("v({})", circuit.nodes.name(node));
            match moved(&name, 1e-3) {
                Err(SpiceError::NoSolution { off, .. }) if off.abs() > 1e-5 => {}
                other => return Err(fail(format!("{name} moved by 1 mV: {other:?}"))),
            }
        }
        Ok(())
    };
    run(400, 0, &circuits(Kind::Any), law).unwrap_or_else(|why| panic!("{why}"));
}
