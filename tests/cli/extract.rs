//! `felice extract`: from a netlist's sweep to a card that `felice derive` takes, and sweeps that give nothing.

use crate::run::{done, file, refused, shipped};

const MODELS: &str = ".model nch nekv (is=.5u vt0=.5 kappa=.7 ve=8meg ut=.02585)\n.temp 26.83\n";

fn device(sweep: &str) -> String {
    format!("n\n{MODELS}M1 d g 0 0 nch w=2u l=1u\nVd d 0 .3\nVg g 0 0\n{sweep}\n.end\n")
}

const SWEEP: &str = ".dc vg 0 .8 .01 vd .2 .4 .1";

#[test]
fn val_a_sweep_becomes_a_card_that_derives() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "n.cir", device(SWEEP));
    let out = done(dir.path(), &["extract", "n.cir", "--output", "n.toml", "--residuals", "n.svg"]).stdout;
    for words in ["kappa", "±", "holds to 1 %"] {
        assert!(out.contains(words), "{words}: {out}");
    }
    assert!(std::fs::read_to_string(dir.path().join("n.svg")).unwrap().contains("</svg>"));
    let base = shipped("data/devices/felice.toml");
    done(dir.path(), &["extract", "n.cir", "--base", &base, "--output", "mine.toml"]);
    let text = done(dir.path(), &["derive", "mine.toml", "--model", "boomerang", "--json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let beta = json["parameters"]["beta"]["value"].as_f64().unwrap();
    assert!((beta - 0.7 / 0.02585).abs() < 0.01, "{beta}");
    // Alone it knows no bias: derive says what to add.
    refused(dir.path(), &["derive", "n.toml", "--model", "boomerang"], 2, &["n.toml", "[circuit] Ibias"]);
    let text = done(dir.path(), &["extract", "n.cir", "--json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let kappa = &json["transistors"][0]["quantities"]["kappa"];
    assert!((kappa["value"].as_f64().unwrap() - 0.7).abs() < 1e-4 && kappa["standard_error"].as_f64().unwrap() > 0.0);
}

#[test]
fn sweeps_that_give_nothing_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let refuse = |name: &str, text: String, code: i32, words: &[&str]| {
        file(dir.path(), name, text);
        refused(dir.path(), &["extract", name, "--output", "card.toml"], code, words);
        assert!(!dir.path().join("card.toml").exists(), "{name}");
    };
    refuse("strong.cir", device(".dc vg .8 1.2 .01 vd .8 1 .1"), 2, &["m1", "never reaches subthreshold", "lower"]);
    refuse("none.cir", device(""), 2, &["none.cir", "no .dc"]);
    refuse("source.cir", device(".dc vq 0 1 .1"), 2, &["source.cir:7", "vq"]);
    refuse("few.cir", device(".dc vg 0 .1 .05"), 2, &["m1", "3 points"]);
    refuse("passive.cir", "r\nV1 a 0 1\nR1 a 0 1k\n.dc v1 0 1 .1\n.end\n".into(), 2, &["passive.cir", "no MOSFET"]);
    let pair = format!(
        "pair\n{MODELS}Vd d 0 1\nV1 p 0 .5\nV2 n 0 .5\nI1 t 0 1n\nM1 d p t 0 nch w=8u l=8u\nM2 d n t 0 nch w=8u l=8u\n.dc v1 .495 .505 .001\n.end\n"
    );
    refuse("narrow.cir", pair, 2, &["not identifiable", "tail against rho"]);
    refused(dir.path(), &["extract", "absent.cir"], 4, &["absent.cir"]);
    file(dir.path(), "n.cir", device(SWEEP));
    refused(dir.path(), &["extract", "n.cir", "--size", "1u"], 2, &["--size 1u", "W/L"]);
    refused(dir.path(), &["extract", "n.cir", "--size", "x9=1u/1u"], 2, &["x9", "m1"]);
    refused(dir.path(), &["extract", "n.cir", "--base", "gone.toml"], 4, &["gone.toml"]);
}
