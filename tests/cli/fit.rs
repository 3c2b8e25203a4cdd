//! `felice fit`: parameters recovered from circuits whose truth is known, and from transistors.

use crate::run::{done, file, refused, shipped};
use serde_json::Value;
use std::path::Path;

fn fit(folder: &Path, args: &[&str]) -> Value {
    let args: Vec<&str> = ["fit"].iter().chain(args).chain(&["--json"]).copied().collect();
    serde_json::from_str(&done(folder, &args).stdout).unwrap()
}

/// Every fitted parameter within its own confidence interval of the truth, and the interval narrow.
fn recovers(fit: &Value, truth: &[(&str, f64)]) {
    for (name, truth) in truth {
        let p = &fit["parameters"][*name];
        let number = |key: &str| p[key].as_f64().unwrap_or_else(|| panic!("no {key} of {name} in {fit:#}"));
        let (value, error) = (number("value"), number("standard_error"));
        assert!(number("lower") <= *truth && *truth <= number("upper"), "{name}: {value} ± {error} is not {truth}");
        assert!(error < 1e-4 * truth.abs().max(0.1), "{name}: ± {error}");
    }
}

#[test]
fn val_behavioural_circuits_give_their_parameters_back() {
    let dir = tempfile::tempdir().unwrap();
    let far = |name: &str, start: &[&str]| {
        let case = shipped(&format!("netlists/{name}/behavioural.toml"));
        let starts = start.iter().flat_map(|s| ["--start", s]);
        let args: Vec<&str> = std::iter::once(case.as_str()).chain(starts).collect();
        fit(dir.path(), &args)
    };
    let truth = [("alpha", 0.0129), ("beta", 15.6), ("gamma", 0.26), ("rho", 30.0), ("sigma", 0.6)];
    recovers(&far("boomerang", &["alpha=0.009", "beta=17", "gamma=0.4", "sigma=0.45"]), &truth);
    let truth = [("alpha", 0.0129), ("beta", 15.6), ("gamma", 0.26), ("rho", 5.0), ("sigma", 0.6)];
    recovers(&far("wererabbit", &["alpha=0.018", "beta=14", "rho=7", "sigma=0.5"]), &truth);
    let truth = [("g_max", 1.0), ("a_fast", -2.0), ("a_slow", 2.0), ("tau_slow", 50.0), ("e_rev", 0.0)];
    recovers(&far("fhnrs", &["a_fast=-1.6", "a_slow=2.6", "tau_slow=38", "g_max=1.3"]), &truth);
    let timed = shipped("netlists/boomerang/behavioural.toml");
    let timed = fit(dir.path(), &[&timed, "--free", "time_unit,beta", "--start", "time_unit=0.0012"]);
    recovers(&timed, &[("time_unit", 1e-3), ("beta", 15.6)]);
}

/// A circuit that the model does not describe to the last digit, with noise on top: the truth lies in the intervals.
#[test]
fn val_a_disturbed_circuit_still_holds_the_truth() {
    let dir = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(shipped("netlists/boomerang/behavioural.cir")).unwrap();
    // A hum at 3.7 periods of the time unit, a thousandth of the bias: what the model knows nothing of.
    let hummed = text.replacen("Cu u 0 {c}", "Iu 0 u SIN(0 0.1p 3700)\nCu u 0 {c}", 1);
    assert_ne!(text, hummed);
    file(dir.path(), "behavioural.cir", hummed);
    std::fs::copy(shipped("netlists/boomerang/behavioural.toml"), dir.path().join("hum.toml")).unwrap();
    let fit = fit(dir.path(), &["hum.toml"]);
    for (name, truth) in [("alpha", 0.0129), ("beta", 15.6), ("gamma", 0.26), ("rho", 30.0), ("sigma", 0.6)] {
        let p = &fit["parameters"][name];
        let error = (p["value"].as_f64().unwrap() - truth).abs() / p["standard_error"].as_f64().unwrap();
        assert!(error < 4.0, "{name} is {error} standard errors off: {p:#}");
    }
}

#[test]
fn val_transistors_are_described_as_in_the_feasibility_study() {
    let dir = tempfile::tempdir().unwrap();
    // Five fitted: nrmse .033, period ratio .991, amplitude ratio .914 there.
    let five = fit(dir.path(), &[&shipped("netlists/wererabbit/ekv.toml"), "--output", "five.h5"]);
    let after = |f: &Value, name: &str| f["after"][name].as_f64().unwrap();
    assert!(after(&five, "nrmse") < 0.033, "{:#}", five["after"]);
    assert!(
        (after(&five, "period_ratio") - 1.0).abs() < 0.009 && (after(&five, "amplitude_ratio") - 1.0).abs() < 0.086
    );
    // The fitted values lie where the derivation puts them.
    for (name, p) in five["parameters"].as_object().unwrap() {
        let (value, start) = (p["value"].as_f64().unwrap(), p["start"].as_f64().unwrap());
        assert!((value / start - 1.0).abs() < 0.25, "{name}: {value} against {start}");
    }
    done(dir.path(), &["inspect", "five.h5", "--verify"]);
    done(dir.path(), &["plot", "five.h5", "--output", "five.svg"]);
    // Per-branch: .002 there.
    let branches = fit(dir.path(), &[&shipped("netlists/wererabbit/branches.toml")]);
    assert!(after(&branches, "nrmse") < 0.002, "{:#}", branches["after"]);
}

#[test]
fn what_cannot_be_told_is_named() {
    let dir = tempfile::tempdir().unwrap();
    // Without an applied current C and the three conductances share a factor.
    let fhnrs = shipped("netlists/fhnrs/ekv.toml");
    let fit = fit(dir.path(), &[&fhnrs, "--free", "c,g_max,a_fast,a_slow"]);
    let warnings = fit["warnings"].to_string();
    assert!(warnings.contains("does not tell") && warnings.contains("g_max"), "{warnings}");
    assert!(fit["parameters"]["c"]["standard_error"].is_null(), "no finite number: JSON's null");
    let boomerang = shipped("netlists/boomerang/behavioural.toml");
    let run = |args: &[&str], code: i32, words: &[&str]| {
        let args: Vec<&str> = ["fit", &boomerang].iter().chain(args).copied().collect();
        refused(dir.path(), &args, code, words);
    };
    run(&["--free", "rtol"], 2, &["does not depend on rtol"]);
    run(&["--free", "alpha,kappa"], 2, &["kappa", "sigma"]);
    run(&["--free", "alpha,alpha"], 2, &["twice"]);
    run(&["--start", "alpha=-3"], 2, &["alpha"]);
    run(&["--start", "alpha=nan"], 2, &["finite"]);
    run(&["--output", "no/x.h5"], 4, &["no"]);
    let text = std::fs::read_to_string(&boomerang).unwrap();
    file(dir.path(), "free.toml", format!("{text}\n[fit]\nfree = [\"alpha\", \"kapa\"]\n"));
    refused(dir.path(), &["fit", "free.toml"], 2, &["free.toml:", "kapa"]);
}
