//! `felice derive`: the card's numbers, and cards that cannot be.

use crate::run::{done, file, refused, shipped};

fn card(name: &str) -> String {
    shipped(&format!("data/devices/{name}"))
}

fn value(json: &serde_json::Value, name: &str) -> f64 {
    json["parameters"][name]["value"].as_f64().unwrap_or_else(|| panic!("no {name} in {json:#}"))
}

#[test]
fn val_felice_table_gives_its_parameters() {
    let dir = tempfile::tempdir().unwrap();
    for model in ["wererabbit", "boomerang"] {
        let text = done(dir.path(), &["derive", &card("felice.toml"), "--model", model, "--json"]).stdout;
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!((value(&json, "alpha") - 0.00129).abs() < 1e-15);
        assert!((value(&json, "beta") - 15.6).abs() < 1e-12);
        assert!((value(&json, "gamma") - 0.26).abs() < 1e-12);
        assert!((value(&json, "rho") - 7.8).abs() < 1e-12);
        assert!((json["time_unit"]["value"].as_f64().unwrap() - 1e-3).abs() < 1e-18);
    }
}

#[test]
fn impossible_cards_are_refused_with_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let good = std::fs::read_to_string(card("felice.toml")).unwrap();
    let run = |name: &str, from: &str, to: &str, words: &[&str]| {
        assert!(good.contains(from), "{from} is not in the card");
        file(dir.path(), name, good.replace(from, to));
        refused(dir.path(), &["derive", name, "--model", "wererabbit"], 2, words);
    };
    run("kappa.toml", "value = 0.39", "value = 1.2", &["kappa.toml:11", "1.2"]);
    run("i0.toml", "value = 0.129", "value = -0.129", &["i0.toml:10", "-0.129"]);
    run("nan.toml", "value = 0.129", "value = nan", &["nan.toml:10"]);
    run("unit.toml", "0.129, unit = \"pA\"", "0.129, unit = \"pF\"", &["unit.toml:10", "pF"]);
    run("key.toml", "kappa =", "kapa =", &["key.toml:11", "kapa"]);
    run("syntax.toml", "[nfet]", "[nfet", &["syntax.toml:9"]);
    refused(dir.path(), &["derive", "absent.toml", "--model", "fhnrs"], 4, &["absent.toml"]);
    refused(dir.path(), &["derive", &card("felice.toml"), "--model", "hodgkin"], 2, &["hodgkin"]);
}
