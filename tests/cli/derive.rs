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
    run("unitless.toml", "value = 0.39, unit = \"1\"", "value = 0.39", &["unitless.toml:11", "unit"]);
    run("type.toml", "value = 0.39", "value = \"0.39\"", &["type.toml:11", "number"]);
    run(
        "t.toml",
        "Ut = { value = 25.0, unit = \"mV\"",
        "T = { value = -300, unit = \"degC\"",
        &["t.toml:7", "above 0"],
    );
    run("ut.toml", "Ut = { value = 25.0", "Ut = { value = 0.0", &["ut.toml:7", "above 0"]);
    file(dir.path(), "empty.toml", "");
    refused(dir.path(), &["derive", "empty.toml", "--model", "fhnrs"], 2, &["empty.toml", "[conditions] T"]);
    let bytes: Vec<u8> = (0..4096u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    file(dir.path(), "bytes.toml", bytes);
    refused(dir.path(), &["derive", "bytes.toml", "--model", "fhnrs"], 2, &["bytes.toml:1"]);
    let sized = std::fs::read_to_string(card("ekv-boomerang.toml")).unwrap();
    let lmin = sized.replace("VE = {", "Lmin = { value = 0.3, unit = \"um\" }\nVE = {");
    file(dir.path(), "lmin.toml", lmin);
    refused(dir.path(), &["derive", "lmin.toml", "--model", "boomerang"], 2, &["lmin.toml:34", "Lmin"]);
    refused(dir.path(), &["derive", "absent.toml", "--model", "fhnrs"], 4, &["absent.toml"]);
    refused(dir.path(), &["derive", &card("felice.toml"), "--model", "hodgkin"], 2, &["hodgkin"]);
}

fn json(dir: &std::path::Path, args: &[&str]) -> serde_json::Value {
    let all: Vec<&str> = ["derive"].iter().chain(args).chain(&["--json"]).copied().collect();
    serde_json::from_str(&done(dir, &all).stdout).unwrap()
}

fn number(json: &serde_json::Value, path: &str) -> f64 {
    json.pointer(path).and_then(serde_json::Value::as_f64).unwrap_or_else(|| panic!("no {path} in {json:#}"))
}

/// Named corners, each with every parameter: beta goes as 1/T, a fast nFET raises alpha.
#[test]
fn corners_are_a_table() {
    let dir = tempfile::tempdir().unwrap();
    // In closed form: solved, leakage at 125 degC takes a sixth of beta.
    let args = [&card("ekv-boomerang.toml"), "--model", "boomerang", "--corners", "--form", "closed"];
    let json = json(dir.path(), &args);
    let corners = json["corners"].as_array().unwrap();
    assert_eq!(corners.len(), 45);
    let at = |process: &str, supply: f64, kelvin: f64| {
        let near = |c: &&serde_json::Value| {
            c["process"] == process
                && (number(c, "/supply/value") - supply).abs() < 1e-9
                && (number(c, "/temperature/value") - kelvin).abs() < 0.5
        };
        corners.iter().find(near).unwrap()
    };
    let (room, hot, cold) = (at("TT", 1.8, 290.1), at("TT", 1.8, 398.15), at("TT", 1.62, 233.15));
    let beta = |c| number(c, "/parameters/beta/value");
    assert!((beta(room) * 290.11 / (beta(hot) * 398.15) - 1.0).abs() < 1e-3);
    assert!(beta(cold) > beta(room));
    let alpha = |process| number(at(process, 1.8, 290.1), "/parameters/alpha/value");
    assert!(
        alpha("FF") > alpha("TT")
            && alpha("FS") > alpha("TT")
            && alpha("SS") < alpha("TT")
            && alpha("SF") < alpha("TT")
    );
    assert!(hot["warnings"].is_array());
}

/// Sampled beside first-order spread, quantiles in order, correlations symmetric; the same whatever the threads.
#[test]
fn monte_carlo_is_complete_and_the_same_on_any_number_of_threads() {
    let dir = tempfile::tempdir().unwrap();
    let path = card("ekv-wererabbit.toml");
    let run = |threads: &str| {
        let args = [
            &path,
            "--model",
            "wererabbit",
            "--per-branch",
            "--monte-carlo",
            "1e4",
            "--seed",
            "7",
            "--threads",
            threads,
        ];
        json(dir.path(), &args)
    };
    let one = run("1");
    assert_eq!(one, run("2"));
    let spread = &one["monte_carlo"];
    assert_eq!(spread["samples"], 10_000);
    let parameters = spread["parameters"].as_object().unwrap();
    assert_eq!(parameters.len(), 15, "fourteen parameters and the time unit");
    for (name, p) in parameters {
        let (sigma, first) = (number(p, "/standard_deviation"), number(p, "/first_order"));
        let quantiles: Vec<f64> = p["quantiles"].as_object().unwrap().values().map(|q| q.as_f64().unwrap()).collect();
        assert!(quantiles.len() == 9 && quantiles.is_sorted(), "{name}: {quantiles:?}");
        assert!(sigma <= 1.1 * first + 1e-12, "{name}: {sigma} {first}");
    }
    let matrix = spread["correlations"]["matrix"].as_array().unwrap();
    for (i, row) in matrix.iter().enumerate() {
        for (j, r) in row.as_array().unwrap().iter().enumerate() {
            assert_eq!(*r, matrix[j][i]);
        }
    }
    let off = json(dir.path(), &[&path, "--model", "wererabbit", "--monte-carlo", "10", "--mismatch", "off"]);
    assert_eq!(number(&off, "/monte_carlo/parameters/alpha/standard_deviation"), 0.0);
}

#[test]
fn the_sensitivity_table_names_devices() {
    let dir = tempfile::tempdir().unwrap();
    let json =
        json(dir.path(), &[&card("ekv-boomerang.toml"), "--model", "boomerang", "--per-branch", "--sensitivity"]);
    let gamma = json["sensitivity"].as_array().unwrap().iter().find(|s| s["parameter"] == "gamma_u").unwrap();
    assert_eq!((gamma["device"].as_str(), gamma["quantity"].as_str()), (Some("nu"), Some("L")));
}

/// What is proposed derives, from the card written out, to what was asked for.
#[test]
fn a_proposed_card_derives_to_its_targets() {
    let dir = tempfile::tempdir().unwrap();
    for (name, model, targets) in [
        ("felice", "wererabbit", "alpha=0.0129,rho=7.8,time_unit=2ms,sigma=0.5"),
        ("dynap-se", "boomerang", "alpha=0.002,rho=13"),
        ("ekv-boomerang", "boomerang", "alpha=0.0015,gamma=0.1,time_unit=2ms"),
        ("ekv-wererabbit", "wererabbit", "alpha=0.002,sigma=0.5,i_unit=0.2nA"),
        ("ekv-fhnrs", "fhnrs", "g_max=0.8,tau_slow=20"),
        ("ekv-boomerang", "boomerang", "rho=28"),
    ] {
        let card = card(&format!("{name}.toml"));
        let args = [&card, "--model", model, "--target", targets, "--card-output", "new.toml", "--monte-carlo", "10"];
        let used = if name.starts_with("ekv") { &args[..] } else { &args[..7] };
        let proposal = json(dir.path(), used);
        let again = json(dir.path(), &["new.toml", "--model", model]);
        for target in targets.split(',') {
            let (name, wanted) = target.split_once('=').unwrap();
            let wanted: f64 = wanted.trim_end_matches("ms").trim_end_matches("nA").parse().unwrap();
            let (value, wanted, tolerance) = match name {
                "time_unit" => (number(&again, "/time_unit/value"), wanted * 1e-3, 1e-6),
                "i_unit" => (number(&again, "/quantities/i_unit/value"), wanted * 1e-9, 1e-6),
                "rho" => (value(&again, name), wanted, 0.05),
                _ => (value(&again, name), wanted, 1e-6),
            };
            assert!((value / wanted - 1.0).abs() < tolerance, "{card} {name}: {value} {wanted}");
        }
        assert!(!proposal["design"]["changes"].as_array().unwrap().is_empty());
        assert_eq!(proposal["design"]["card"], std::fs::read_to_string(dir.path().join("new.toml")).unwrap());
    }
}

#[test]
fn impossible_targets_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let file = card("felice.toml");
    for (target, words) in [
        ("beta=20", &["kappa/Ut", "226.3 K"][..]),
        ("rho=5", &["7.800", "2.188", "27.800"]),
        ("gamma=0.1", &["VE"]),
        ("alpha=1e9", &["W", "Ibias", "outside"]),
        ("nonsense=1", &["nonsense", "alpha"]),
        ("alpha", &["NAME=VALUE"]),
        ("alpha=", &["number"]),
        ("alpha=nan", &["nan"]),
        ("alpha=1V", &["V"]),
        ("alpha=-1", &["sign"]),
        ("alpha=0", &["sign"]),
        ("alpha=0.1,alpha=0.2", &["already"]),
        ("=1", &["name"]),
    ] {
        refused(
            dir.path(),
            &["derive", &file, "--model", "boomerang", "--target", target, "--card-output", "x.toml"],
            2,
            words,
        );
        assert!(!dir.path().join("x.toml").exists());
    }
    for limit in ["W", "W=1um", "W=2um..1um", "Q=1..2", "W=1V..2V", "W=-1um..1um"] {
        let args = ["derive", &file, "--model", "boomerang", "--target", "alpha=0.1", "--limit", limit];
        refused(dir.path(), &args, 2, &["--limit"]);
    }
}

#[test]
fn numbers_of_samples_that_cannot_be_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for n in ["0", "-1", "1e12", "1.5", "nan", "many", ""] {
        refused(
            dir.path(),
            &["derive", &card("ekv-boomerang.toml"), "--model", "boomerang", "--monte-carlo", n],
            2,
            &["monte-carlo"],
        );
    }
    let process = ["derive", &card("felice.toml"), "--model", "boomerang", "--monte-carlo", "10"];
    refused(dir.path(), &process, 2, &["[devices]"]);
}

/// A card's standard errors reach the parameters: alpha = I0/Ibias has both relative errors in quadrature.
#[test]
fn standard_errors_reach_the_parameters() {
    let dir = tempfile::tempdir().unwrap();
    let good = std::fs::read_to_string(card("felice.toml")).unwrap();
    let stated = good
        .replace("value = 0.129, ", "value = 0.129, error = 0.00387, ")
        .replace("value = 100.0, ", "value = 100.0, error = 4.0, ")
        .replace("value = 0.39, ", "value = 0.39, error = 0.0039, ");
    file(dir.path(), "stated.toml", &stated);
    let json = json(dir.path(), &["stated.toml", "--model", "boomerang"]);
    assert!((number(&json, "/parameters/alpha/standard_error") / (0.05 * 0.00129) - 1.0).abs() < 1e-3);
    assert!((number(&json, "/parameters/beta/standard_error") / 0.156 - 1.0).abs() < 1e-6);
    assert!((number(&json, "/time_unit/standard_error") / 4e-5 - 1.0).abs() < 1e-3);
    file(dir.path(), "bad.toml", stated.replace("error = 4.0", "error = -4.0"));
    refused(dir.path(), &["derive", "bad.toml", "--model", "boomerang"], 2, &["bad.toml:", "-4.0", "standard error"]);
}

#[test]
fn everything_fits_into_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let args = [
        "derive",
        &card("ekv-boomerang.toml"),
        "--model",
        "boomerang",
        "--corners",
        "--monte-carlo",
        "100",
        "--keep-samples",
        "--sensitivity",
        "--target",
        "alpha=0.002",
        "--output",
        "d.h5",
    ];
    done(dir.path(), &args);
    let seen = done(dir.path(), &["inspect", "d.h5", "--verify"]).stdout;
    for word in ["parameters", "corners", "monte_carlo", "samples", "sensitivity", "design", "correlation"] {
        assert!(seen.contains(word), "no {word} in {seen}");
    }
    refused(
        dir.path(),
        &["derive", &card("felice.toml"), "--model", "boomerang", "--output", "no/d.h5"],
        4,
        &["no/d.h5"],
    );
}
