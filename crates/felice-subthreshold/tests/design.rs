//! Inverse design: a proposal derives to its targets; what cannot be is refused with the reason.
#![cfg(test)]

use felice_subthreshold::design::{Limits, design};
use felice_subthreshold::{Card, Form, derive_as};
use proptest::prelude::*;

fn card(name: &str) -> Card {
    let path = format!("{}/../../data/devices/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    Card::from_toml(&std::fs::read_to_string(&path).unwrap(), name).unwrap()
}

fn refusal(name: &str, model: &str, targets: &[(&str, f64)]) -> String {
    design(&card(name), model, Form::Closed, targets, &Limits::default()).unwrap_err().to_string()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// The proposed card, written out and read back, has what was asked for, in both branches.
    #[test]
    fn prop_two_potentials(rabbit: bool, alpha in 7e-4..3e-3, gamma in 0.05..0.25, sigma in 0.2..0.9, time in 2e-4..5e-3) {
        let model = if rabbit { "wererabbit" } else { "boomerang" };
        // WereRabbit's gamma has kappa over the Early voltage: a shorter reach.
        let gamma = if rabbit { 0.5 * gamma } else { gamma };
        let targets = [("alpha", alpha), ("gamma", gamma), ("sigma", sigma), ("time_unit", time)];
        // The smallest alphas take the narrowest transistors: wider limits than a real process'.
        let limits = Limits { w: [0.02e-6, 500e-6], ..Limits::default() };
        let proposed = design(&card(&format!("ekv-{model}")), model, Form::Closed, &targets, &limits).unwrap();
        let read = Card::from_toml(&proposed.card.to_toml(), "proposal").unwrap();
        let branches = derive_as(&read, &format!("{model}-branches"), Form::Closed).unwrap();
        for (name, target) in &targets[..3] {
            for branch in ["u", "v"] {
                let value = branches.value(&format!("{name}_{branch}")).unwrap();
                prop_assert!((value / target - 1.0).abs() < 1e-6, "{name}_{branch}: {value} {target}");
            }
        }
        prop_assert!((branches.time_unit_s / time - 1.0).abs() < 1e-6);
        prop_assert!(proposed.changes.iter().any(|c| c.what == "C" && c.parameter == "time_unit"));
    }

    #[test]
    fn prop_fhnrs(a in 1.5..3.0_f64, g in 0.5..1.4, tau in 20.0..80.0) {
        let targets = [("a_fast", -a), ("a_slow", a), ("g_max", g), ("tau_slow", tau)];
        let proposed = design(&card("ekv-fhnrs"), "fhnrs", Form::Closed, &targets, &Limits::default()).unwrap();
        for (name, target) in targets {
            let value = proposed.derived.value(name).unwrap();
            prop_assert!((value / target - 1.0).abs() < 1e-6, "{name}: {value} {target}");
        }
    }
}

/// The solved form too: its parameters, not the closed ones, are the targets.
#[test]
fn solved_parameters_are_met() {
    for (model, targets) in [
        ("boomerang", vec![("alpha", 0.002), ("gamma", 0.15), ("time_unit", 2e-3)]),
        ("wererabbit", vec![("alpha", 0.002), ("gamma", 0.12), ("sigma", 0.5)]),
        ("fhnrs", vec![("a_fast", -1.8), ("tau_slow", 30.0), ("g_max", 0.9)]),
        ("boomerang-branches", vec![("alpha_u", 0.002)]),
        ("boomerang", vec![("i_unit", 2e-10)]),
    ] {
        let base = model.trim_end_matches("-branches");
        let proposed =
            design(&card(&format!("ekv-{base}")), model, Form::Solved, &targets, &Limits::default()).unwrap();
        let again = derive_as(&Card::from_toml(&proposed.card.to_toml(), "c").unwrap(), model, Form::Solved).unwrap();
        for (name, target) in targets {
            let value = if name == "time_unit" { again.time_unit_s } else { again.value(name).unwrap() };
            assert!((value / target - 1.0).abs() < 1e-6, "{model} {name}: {value} {target}");
        }
        assert!(proposed.achieved.iter().all(|a| a.relative_error.abs() < 1e-6 && a.other_form.is_some()));
    }
}

#[test]
fn the_dial_is_proposed_where_it_helps() {
    // 7.8 /V * (1 + 1/0.39) = 27.8 /V: near Boomerang's default of 30 only with a wider tolerance.
    let limits = Limits { tolerance: 0.1, w: [0.1e-6, 200e-6], ..Limits::default() };
    let proposed = design(&card("ekv-boomerang"), "boomerang", Form::Closed, &[("rho", 30.0)], &limits).unwrap();
    assert!(proposed.changes[0].to.contains("2 diodes stacked"), "{:?}", proposed.changes);
    let error = refusal("ekv-boomerang", "boomerang", &[("rho", 50.0)]);
    assert!(error.contains("7.800") && error.contains("27.800") && error.contains("2.188"), "{error}");
}

#[test]
fn impossible_targets_say_why() {
    let error = refusal("ekv-boomerang", "boomerang", &[("beta", 31.2)]);
    assert!(error.contains("kappa/Ut") && error.contains("145.1 K"), "{error}");
    let error = refusal("ekv-boomerang", "boomerang", &[("gamma", 2.0)]);
    assert!(error.contains("L of") && error.contains("outside"), "{error}");
    let error = refusal("ekv-boomerang", "boomerang", &[("tau_slow", 2.0)]);
    assert!(error.contains("no parameter") && error.contains("alpha"), "{error}");
    let error = refusal("ekv-fhnrs", "fhnrs", &[("a_slow", -2.0)]);
    assert!(error.contains("sign"), "{error}");
    let error = refusal("felice", "boomerang", &[("gamma", 0.1)]);
    assert!(error.contains("VE"), "{error}");
    let error = refusal("felice", "fhnrs", &[("a_fast", -3.0)]);
    assert!(error.contains("[devices]"), "{error}");
    let error = refusal("ekv-boomerang", "morris-lecar", &[("alpha", 0.01)]);
    assert!(error.contains("fhnrs"), "{error}");
    let error = refusal("ekv-boomerang", "boomerang", &[("alpha", 10.0)]);
    assert!(error.contains("W of"), "{error}");
}
