//! Corners and temperature: laws of the device, seen in the parameters.
#![cfg(test)]

use felice_subthreshold::corners::{Corner, corners};
use felice_subthreshold::{Card, Form, derive};

fn card(name: &str) -> Card {
    let path = format!("{}/../../data/devices/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    Card::from_toml(&std::fs::read_to_string(&path).unwrap(), name).unwrap()
}

fn all(name: &str, model: &str, form: Form) -> Vec<Corner> {
    corners(&card(name), model, form).unwrap()
}

fn at<'c>(corners: &'c [Corner], process: &str, temperature: f64) -> &'c Corner {
    let supply = corners[0].supply;
    let found = corners
        .iter()
        .find(|c| c.process == process && c.supply == supply && (c.temperature - temperature).abs() < 0.1);
    found.unwrap()
}

#[test]
fn typical_is_the_card_itself() {
    let corners = all("ekv-boomerang", "boomerang", Form::Closed);
    assert_eq!(corners.len(), 45);
    let derived = derive(&card("ekv-boomerang"), "boomerang").unwrap();
    for (a, b) in corners[0].derived.as_ref().unwrap().parameters.iter().zip(&derived.parameters) {
        assert!((a.value / b.value - 1.0).abs() < 1e-9, "{}: {} {}", a.name, a.value, b.value);
    }
}

/// A fast nFET leaks exp(kappa dVt/Ut) (1 + dIs) more; the mirrors cancel the rest.
#[test]
fn alpha_follows_the_nfet() {
    let corners = all("ekv-boomerang", "boomerang", Form::Closed);
    let (tt, t) = (&corners[0], corners[0].temperature);
    let ratio = |process: &str| {
        at(&corners, process, t).derived.as_ref().unwrap().value("alpha").unwrap()
            / tt.derived.as_ref().unwrap().value("alpha").unwrap()
    };
    let expected = 1.1 * (0.39_f64 * 0.03 / 0.025).exp();
    assert!((ratio("FF") / expected - 1.0).abs() < 0.02, "{}", ratio("FF"));
    assert!((ratio("FS") / expected - 1.0).abs() < 0.02, "{}", ratio("FS"));
    assert!(ratio("SS") < 0.7 && (ratio("SF") / ratio("SS") - 1.0).abs() < 0.02);
}

/// beta and rho go as 1/T, nothing else moves them.
#[test]
fn slopes_follow_the_temperature() {
    let corners = all("ekv-wererabbit", "wererabbit", Form::Closed);
    let t = corners[0].temperature;
    for temperature in [233.15, 398.15] {
        for name in ["beta", "rho"] {
            let value = |t: f64| at(&corners, "TT", t).derived.as_ref().unwrap().value(name).unwrap();
            assert!((value(temperature) / value(t) * temperature / t - 1.0).abs() < 1e-9);
        }
    }
}

/// Hotter leaks more: alpha rises by orders of magnitude from -40 to 125 degrees, and the job says where that ends.
#[test]
fn heat_leaks() {
    let corners = all("ekv-boomerang", "boomerang", Form::Closed);
    let alpha = |t: f64| at(&corners, "TT", t).derived.as_ref().unwrap().value("alpha").unwrap();
    assert!(alpha(398.15) / alpha(233.15) > 1e2, "{} {}", alpha(398.15), alpha(233.15));
    let hot = at(&corners, "FF", 398.15);
    let warnings = &hot.derived.as_ref().unwrap().warnings;
    assert!(warnings.iter().any(|w| w.contains("leave saturation")), "{warnings:?}");
}

/// The solved circuit exists at every corner of the shipped cards that keeps its states inside the supply.
#[test]
fn solved_at_room_temperature_corners() {
    let mut card = card("ekv-wererabbit");
    for (key, value) in [("Tmin", 273.15), ("Tmax", 333.15)] {
        card.corners.insert(key.into(), felice_subthreshold::Quantity::new(value, "K", "test"));
    }
    let corners = corners(&card, "wererabbit-branches", Form::Solved).unwrap();
    assert_eq!(corners.len(), 45);
    for c in &corners {
        let (u, v) = (
            c.derived.as_ref().unwrap().value("focus_u").unwrap(),
            c.derived.as_ref().unwrap().value("focus_v").unwrap(),
        );
        assert!(u > v && v > 0.05 && u < 0.8, "{} {:?} {}: {u} {v}", c.process, c.supply, c.temperature);
    }
}
