//! Spread: counter-based, independent of threads, and agreeing with first-order propagation and with changed cards.
#![cfg(test)]

use felice_subthreshold::{
    Card, Deviation, Form, Mismatch, Sampling, derive_as, deviation_of, deviations, mismatch, monte_carlo,
    sensitivities,
};
use proptest::prelude::*;

const CARDS: [(&str, &str); 4] = [
    ("ekv-boomerang", "boomerang-branches"),
    ("ekv-wererabbit", "wererabbit-branches"),
    ("ekv-fhnrs", "fhnrs"),
    ("ekv-fhnrs-follower", "fhnrs-saturating"),
];

fn card(name: &str) -> Card {
    let path = format!("{}/../../data/devices/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    Card::from_toml(&std::fs::read_to_string(&path).unwrap(), name).unwrap()
}

/// The card with every Pelgrom coefficient times `factor`.
fn quieter(name: &str, factor: f64) -> Card {
    let mut card = card(name);
    for fet in card.fets.values_mut() {
        for key in ["A_VT", "A_beta"] {
            fet.quantities.get_mut(key).unwrap().value *= factor;
        }
    }
    card
}

proptest! {
    #[test]
    fn prop_a_transistors_deviation_is_its_own(seed: u64, sample: u64, count in 1..60usize, pick: prop::sample::Index) {
        let sigma = Deviation { dvt: 1e-3, dbeta: 0.01 };
        let all = deviations(seed, sample, &vec![sigma; count]);
        let k = pick.index(count);
        prop_assert_eq!(all[k], deviation_of(seed, sample, k, sigma));
    }
}

#[test]
fn deviations_are_normal() {
    let sigma = vec![Deviation { dvt: 1.0, dbeta: 1.0 }; 20];
    let values: Vec<f64> = (0..20_000).flat_map(|n| deviations(7, n, &sigma)).flat_map(|d| [d.dvt, d.dbeta]).collect();
    let n = values.len() as f64;
    let moment = |p: i32| values.iter().map(|v| v.powi(p)).sum::<f64>() / n;
    // Five standard errors of each moment of a standard normal.
    for (p, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0_f64)] {
        let error = (moment(p) - expected).abs();
        assert!(error < 5.0 * (variance / n).sqrt(), "moment {p}: {}", moment(p));
    }
}

#[test]
fn the_same_whatever_the_threads() {
    let card = card("ekv-boomerang");
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| monte_carlo(&card, "boomerang-branches", Form::Closed, &Sampling::of(20_001, 3)).unwrap())
    };
    assert_eq!(run(1), run(2));
    let asked = Sampling { threads: 2, ..Sampling::of(20_001, 3) };
    assert_eq!(run(1), monte_carlo(&card, "boomerang-branches", Form::Closed, &asked).unwrap());
    assert_ne!(run(1), monte_carlo(&card, "boomerang-branches", Form::Closed, &Sampling::of(20_001, 4)).unwrap());
}

/// Where the spread is small, sampling and first-order propagation must say the same.
#[test]
fn sampled_and_propagated_agree() {
    for (name, model) in CARDS {
        let spread = monte_carlo(&quieter(name, 0.05), model, Form::Closed, &Sampling::of(40_000, 1)).unwrap();
        let mut moving = 0;
        for p in &spread.parameters {
            if p.propagated < 1e-12 * p.nominal.abs().max(1e-9) {
                assert!(p.deviation <= 1e-9 * p.nominal.abs().max(1e-9), "{} moves although nothing moves it", p.name);
                continue;
            }
            moving += 1;
            let ratio = p.deviation / p.propagated;
            assert!((ratio - 1.0).abs() < 0.02, "{model} {}: sampled over propagated {ratio}", p.name);
            assert!((p.mean - p.nominal).abs() < 0.05 * p.deviation, "{model} {}: biased", p.name);
            let normal = (p.quantiles[6] - p.quantiles[2]) / (2.0 * 1.6449 * p.deviation);
            assert!((normal - 1.0).abs() < 0.03, "{model} {}: 5 to 95 % {normal}", p.name);
        }
        assert!(moving >= 5, "{model}: only {moving} parameters move");
    }
}

/// Each of both deviations can be left out; the other's numbers stay what they are.
#[test]
fn mismatch_can_be_switched_off() {
    let card = card("ekv-boomerang");
    let of = |mismatch| {
        let sampling = Sampling { mismatch, ..Sampling::of(2_000, 5) };
        let spread = monte_carlo(&card, "boomerang", Form::Closed, &sampling).unwrap();
        let alpha = spread.parameters.iter().find(|p| p.name == "alpha").unwrap().clone();
        (alpha.deviation, alpha.propagated)
    };
    assert_eq!(of(Mismatch::Off), (0.0, 0.0));
    let [(both, b), (threshold, t), (factor, f)] = [Mismatch::Both, Mismatch::Threshold, Mismatch::Factor].map(of);
    assert!(threshold > factor && factor > 0.0 && both > threshold);
    assert!((t.hypot(f) / b - 1.0).abs() < 1e-9);
}

/// Where the spread is large the first order is not to be trusted, and the spread says so; where small, it does not.
#[test]
fn disagreement_is_said_where_it_is() {
    let said = |factor: f64| {
        let spread = monte_carlo(
            &quieter("ekv-boomerang", factor),
            "boomerang-branches",
            Form::Closed,
            &Sampling::of(20_000, 1),
        );
        spread.unwrap().parameters.iter().filter_map(|p| p.disagreement()).collect::<Vec<_>>()
    };
    assert!(said(0.2).is_empty(), "{:?}", said(0.2));
    assert!(said(6.0).iter().any(|w| w.starts_with("alpha_u") && w.contains("not small")), "{:?}", said(6.0));
}

#[test]
fn numbers_of_samples_that_cannot_be() {
    for n in [0, usize::MAX] {
        let error = monte_carlo(&card("ekv-boomerang"), "boomerang", Form::Closed, &Sampling::of(n, 1)).unwrap_err();
        assert!(error.to_string().contains("10000000"), "{error}");
    }
    let one = monte_carlo(&card("ekv-boomerang"), "boomerang", Form::Closed, &Sampling::of(1, 1)).unwrap();
    assert!(one.parameters.iter().all(|p| p.deviation == 0.0 && p.mean.is_finite() && p.skewness == 0.0));
}

#[test]
fn correlations_are_a_correlation_matrix() {
    let spread =
        monte_carlo(&card("ekv-wererabbit"), "wererabbit-branches", Form::Closed, &Sampling::of(5_000, 1)).unwrap();
    let c = &spread.correlations;
    for (i, row) in c.iter().enumerate() {
        for (j, r) in row.iter().enumerate() {
            assert_eq!(*r, c[j][i]);
            assert!(r.abs() <= 1.0);
        }
    }
    let index = |name: &str| spread.parameters.iter().position(|p| p.name == name).unwrap();
    // Both gains share the bias; their geometric mean is the unit of current, so one's gain is the other's loss.
    assert!(c[index("gain_u")][index("gain_v")] < -0.99);
    assert_eq!(c[index("beta_u")][index("alpha_u")], 0.0, "mismatch does not move kappa/Ut");
}

/// A sensitivity is what a card with 1 % more width, or length, gives.
#[test]
fn sensitivities_are_what_a_changed_card_gives() {
    for (name, model) in CARDS {
        let nominal = card(name);
        let base = derive_as(&nominal, model, Form::Closed).unwrap();
        for s in sensitivities(&nominal, model, Form::Closed).unwrap().iter().filter(|s| s.quantity != "Vt0") {
            let small = 1e-5;
            let mut changed = nominal.clone();
            let mut device = changed.devices.get(&s.device).unwrap_or(&changed.devices["default"]).clone();
            device.quantities.get_mut(s.quantity).unwrap().value *= 1.0 + small;
            changed.devices.insert(s.device.clone(), device);
            let moved = derive_as(&changed, model, Form::Closed).unwrap();
            let value = |d: &felice_subthreshold::Derived| {
                if s.parameter == "time_unit" { d.time_unit_s } else { d.value(&s.parameter).unwrap() }
            };
            let effect = (value(&moved) - value(&base)) / small * 0.01;
            let scale = s.effect.abs() + 1e-6 * value(&base).abs();
            assert!(
                (effect - s.effect).abs() < 1e-3 * scale,
                "{model} {} {} {}: {effect} {}",
                s.device,
                s.quantity,
                s.parameter,
                s.effect
            );
        }
    }
}

#[test]
fn the_sensitivity_table_names_the_culprit() {
    let table = sensitivities(&card("ekv-boomerang"), "boomerang-branches", Form::Closed).unwrap();
    let most = |parameter: &str, quantity: &str| {
        let mut of: Vec<_> = table.iter().filter(|s| s.parameter == parameter && s.quantity == quantity).collect();
        of.sort_by(|a, b| b.effect.abs().total_cmp(&a.effect.abs()));
        of[0].device.clone()
    };
    assert_eq!(most("gamma_u", "L"), "nu");
    assert_eq!(most("gamma_v", "L"), "pv");
    assert_eq!(most("alpha_u", "Vt0"), "nu");
    // 1 mV on an input transistor is 1 mV of offset.
    let offset =
        table.iter().find(|s| s.device == "otaa.m1" && s.quantity == "Vt0" && s.parameter == "delta_u").unwrap();
    assert!((offset.effect.abs() - 1e-3).abs() < 1e-9, "{}", offset.effect);
}

#[test]
fn mismatch_goes_as_the_root_of_the_area() {
    let sigmas = mismatch(&card("ekv-boomerang"), "boomerang").unwrap();
    let of = |name: &str| sigmas.iter().find(|(n, _)| n == name).unwrap().1;
    assert!((of("bn").dvt / (3.9e-9 / 8e-6) - 1.0).abs() < 1e-12);
    assert!((of("nu").dvt / (3.9e-9 / 0.3546e-6) - 1.0).abs() < 1e-12);
    assert!((of("bp").dbeta / (1e-8 / 8e-6) - 1.0).abs() < 1e-12);
}

#[test]
fn a_process_alone_has_no_mismatch() {
    let error = monte_carlo(&card("felice"), "boomerang", Form::Closed, &Sampling::of(10, 1)).unwrap_err().to_string();
    assert!(error.contains("[devices]") && error.contains("W and L"), "{error}");
    let error = monte_carlo(&quieter("ekv-boomerang", 0.0), "boomerang", Form::Closed, &Sampling::of(10, 1))
        .unwrap_err()
        .to_string();
    assert!(error.contains("A_VT"), "{error}");
}
