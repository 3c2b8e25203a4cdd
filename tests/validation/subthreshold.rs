//! Parameter derivation against felice's own table and the cards that ship with the netlists.

use felice_subthreshold::{Card, Derived, derive};

fn preset(name: &str) -> Card {
    let path = format!("{}/../../data/devices/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    Card::from_toml(&std::fs::read_to_string(&path).unwrap(), name).unwrap()
}

fn near(derived: &Derived, name: &str, expected: f64, relative: f64) {
    let value = derived.value(name).unwrap();
    assert!((value / expected - 1.0).abs() <= relative, "{name} = {value}, expected {expected}");
}

/// felice_models, table 1: alpha .00129, beta 15.6, gamma .26, rho 7.8 and a time unit of 1 ms.
#[test]
fn val_felice_table() {
    for model in ["boomerang", "wererabbit"] {
        let derived = derive(&preset("felice"), model).unwrap();
        near(&derived, "alpha", 0.00129, 1e-12);
        near(&derived, "beta", 15.6, 1e-12);
        near(&derived, "gamma", 0.26, 1e-12);
        near(&derived, "rho", 7.8, 1e-12);
        assert!((derived.time_unit_s / 1e-3 - 1.0).abs() < 1e-12);
        assert!(derived.warnings.iter().any(|w| w.contains("0.0129")), "ruling 3 must be said: {:?}", derived.warnings);
    }
}

/// Every preset derives every model it has the devices for, and survives a round trip through its own text.
#[test]
fn val_presets_derive_and_round_trip() {
    let pairs = [
        ("felice", "fhnrs"),
        ("dynap-se", "boomerang"),
        ("ekv-boomerang", "boomerang"),
        ("ekv-wererabbit", "wererabbit"),
        ("ekv-fhnrs", "fhnrs"),
    ];
    for (name, model) in pairs {
        let card = preset(name);
        let derived = derive(&card, model).unwrap();
        let again = derive(&Card::from_toml(&card.to_toml(), name).unwrap(), model).unwrap();
        for (a, b) in derived.parameters.iter().zip(&again.parameters) {
            assert!(
                (a.value - b.value).abs() <= 1e-12 * a.value.abs(),
                "{name} {model} {}: {} {}",
                a.name,
                a.value,
                b.value
            );
        }
    }
}
