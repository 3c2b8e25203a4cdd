//! Laws of a transistor's extraction: EKV currents give back the EKV card; what a sweep cannot tell is said.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use felice_subthreshold::extract::ExtractError;
use felice_subthreshold::extract::block::{Kind, extract_mirror, extract_pair};
use felice_subthreshold::extract::transistor::{Transistor, TransistorSweep, extract};
use felice_subthreshold::{Card, Polarity};
use proptest::prelude::*;

const UT: f64 = 0.02585;

#[derive(Clone, Copy, Debug)]
struct Device {
    is: f64,
    kappa: f64,
    vt0: f64,
    va: f64,
}

impl Device {
    fn current(&self, aspect: f64, gate: f64, drain: f64) -> f64 {
        let f = |x: f64| (x / (2.0 * UT)).exp().ln_1p().powi(2);
        let gate = self.kappa * (gate - self.vt0);
        aspect * self.is * (f(gate) - f(gate - drain)) * (1.0 + drain / self.va)
    }

    fn i0(&self) -> f64 {
        self.is * (-self.kappa * self.vt0 / UT).exp()
    }
}

fn sweep(device: Device, aspect: f64, gates: (f64, f64), drains: &[f64]) -> Result<Transistor, ExtractError> {
    let steps = ((gates.1 - gates.0) / 0.01).round() as usize;
    let points: Vec<(f64, f64)> =
        drains.iter().flat_map(|&d| (0..=steps).map(move |i| (gates.0 + 0.01 * i as f64, d))).collect();
    let current: Vec<f64> = points.iter().map(|p| device.current(aspect, p.0, p.1)).collect();
    let gate: Vec<f64> = points.iter().map(|p| p.0).collect();
    let drain: Vec<f64> = points.iter().map(|p| p.1).collect();
    extract(&TransistorSweep { device: "m1", gate: &gate, drain: &drain, current: &current, aspect, ut: UT })
}

const TYPICAL: Device = Device { is: 5e-7, kappa: 0.72, vt0: 0.5, va: 8.0 };

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn prop_an_ekv_card_comes_back(
        ln_is in -18.0..-13.0f64, kappa in 0.35..0.9, vt0 in 0.35..0.65, va in 2.0..50.0, aspect in 0.1..20.0,
    ) {
        let device = Device { is: ln_is.exp(), kappa, vt0, va };
        let low = vt0 - 0.3 / kappa;
        let found = sweep(device, aspect, (low, vt0 + 0.2 / kappa), &[0.2, 0.3, 0.4]).unwrap();
        for (name, expected) in
            [("I0", device.i0()), ("kappa", kappa), ("VA", va), ("Is", device.is), ("Vt0", vt0)]
        {
            let got = found.value(name).unwrap();
            prop_assert!((got / expected - 1.0).abs() < 1e-6, "{}: {} instead of {}", name, got, expected);
        }
        // Off the exponential as sqrt(I/Is) at most: 1 % either way about the fit is 2 % in all, more with the slope free.
        let inversion = found.exponential_current[1] / (device.is * aspect);
        prop_assert!((1e-4..5e-3).contains(&inversion), "the exponential ends at I/Is = {}", inversion);
    }
}

#[test]
fn a_sweep_in_strong_inversion_says_so() {
    let error = sweep(TYPICAL, 1.0, (0.6, 1.2), &[0.8, 1.0]).unwrap_err();
    assert!(matches!(error, ExtractError::NotSubthreshold { .. }), "{error}");
    assert!(error.to_string().contains("m1") && error.to_string().contains("0.600 V"), "{error}");
}

#[test]
fn what_a_sweep_cannot_tell_is_left_out_and_said() {
    let one_drain = sweep(TYPICAL, 1.0, (0.1, 0.8), &[0.3]).unwrap();
    assert!(one_drain.value("VA").is_none() && one_drain.value("Is").is_some());
    assert!(one_drain.warnings.iter().any(|w| w.contains("VA is not identifiable")), "{:?}", one_drain.warnings);
    let weak_only = sweep(TYPICAL, 1.0, (0.0, 0.25), &[0.2, 0.4]).unwrap();
    assert!(weak_only.value("Is").is_none() && weak_only.value("VA").is_some());
    assert!(weak_only.warnings.iter().any(|w| w.contains("Vt0 are not identifiable")), "{:?}", weak_only.warnings);
    // The bend that the stretch hides is within the standard errors, which are not much wider.
    for (name, truth) in [("I0", TYPICAL.i0()), ("kappa", TYPICAL.kappa)] {
        let q = weak_only.quantities.iter().find(|q| q.name == name).unwrap();
        let off = (q.value - truth).abs() / q.standard_error;
        assert!((0.05..2.0).contains(&off), "{name}: {off} standard errors off");
    }
}

#[test]
fn a_card_of_it_reads_back() {
    let found = sweep(TYPICAL, 1.0, (0.1, 0.8), &[0.2, 0.4]).unwrap();
    let text = found.to_card("bench", Polarity::N, 300.0, "sweep of m1").to_toml();
    let card = Card::from_toml(&text, "bench.toml").unwrap();
    assert_eq!(card.fets["nfet"].quantities["kappa"].value, found.value("kappa").unwrap());
    assert!(card.note.contains("holds to 1 %"), "{}", card.note);
}

#[test]
fn nonsense_is_refused() {
    let flat = [0.3; 12];
    let gate: Vec<f64> = (0..12).map(|i| 0.02 * i as f64).collect();
    let run = |current: &[f64], aspect: f64| {
        extract(&TransistorSweep { device: "m1", gate: &gate, drain: &flat, current, aspect, ut: UT })
    };
    assert!(matches!(run(&[-1e-12; 12], 1.0), Err(ExtractError::Sweep { .. })));
    assert!(matches!(run(&[1e-12; 12], 0.0), Err(ExtractError::Sweep { .. })));
    assert!(matches!(run(&[f64::NAN; 12], 1.0), Err(ExtractError::Sweep { .. })));
    assert!(matches!(run(&[1e-12; 11], 1.0), Err(ExtractError::Sweep { .. })));
    assert!(matches!(run(&[1e-12; 12], 1.0), Err(ExtractError::NotSubthreshold { .. })), "a constant current");
    let steep: Vec<f64> = gate.iter().map(|v| 1e-12 * (60.0 * v).exp()).collect();
    assert!(matches!(run(&steep, 1.0), Err(ExtractError::NotSubthreshold { .. })), "kappa above 1");
}

/// Normal deviate from a counter, by the sum of twelve uniform ones.
fn normal(seed: u64) -> f64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let uniform = |state: &mut u64| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state >> 11) as f64 / (1u64 << 53) as f64
    };
    for _ in 0..8 {
        uniform(&mut state);
    }
    (0..12).map(|_| uniform(&mut state)).sum::<f64>() - 6.0
}

/// Standard errors are honest: with a known noise on the current, two thirds of the estimates lie within one of them.
#[test]
fn val_standard_errors_cover_known_noise() {
    const RUNS: u64 = 200;
    let names = ["I0", "kappa", "Is", "Vt0", "VA"];
    let truth = [TYPICAL.i0(), TYPICAL.kappa, TYPICAL.is, TYPICAL.vt0, TYPICAL.va];
    let (mut one, mut two) = ([0u32; 5], [0u32; 5]);
    for run in 0..RUNS {
        let points: Vec<(f64, f64)> =
            [0.2, 0.3, 0.4].iter().flat_map(|&d| (0..=70).map(move |i| (0.1 + 0.01 * f64::from(i), d))).collect();
        let noisy = |(k, p): (usize, &(f64, f64))| {
            TYPICAL.current(1.0, p.0, p.1) * (1.0 + 1e-3 * normal(run * 1000 + k as u64 + 1))
        };
        let current: Vec<f64> = points.iter().enumerate().map(noisy).collect();
        let (gate, drain): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
        let sweep =
            TransistorSweep { device: "m1", gate: &gate, drain: &drain, current: &current, aspect: 1.0, ut: UT };
        let found = extract(&sweep).unwrap();
        for (k, name) in names.iter().enumerate() {
            let q = found.quantities.iter().find(|q| q.name == *name).unwrap();
            let off = (q.value - truth[k]).abs() / q.standard_error;
            one[k] += u32::from(off < 1.0);
            two[k] += u32::from(off < 2.0);
        }
    }
    for (k, name) in names.iter().enumerate() {
        let share = |n: u32| f64::from(n) / RUNS as f64;
        assert!((0.58..0.78).contains(&share(one[k])), "{name}: {} within one standard error", share(one[k]));
        assert!(share(two[k]) > 0.9, "{name}: {} within two", share(two[k]));
    }
}

/// Standard errors of a pair's tail, rho and offset too; what its sweep cannot tell is named.
#[test]
fn val_a_pairs_errors_and_what_cannot_be_told() {
    let curve = |reach: f64| -> Vec<f64> { (0..=80).map(|i| reach * (f64::from(i) / 40.0 - 1.0)).collect() };
    let current = |d: f64| 1e-10 * (12.0 * (d - 0.004)).tanh();
    let (mut within, input) = ([0u32; 3], curve(0.25));
    for run in 0..200u64 {
        let noisy = |(k, d): (usize, &f64)| current(*d) + 2e-13 * normal(run * 1000 + k as u64 + 1);
        let out: Vec<f64> = input.iter().enumerate().map(noisy).collect();
        let found = extract_pair("m1, m2", Kind::Pair, &input, &out, 1e-10).unwrap();
        for (k, (q, truth)) in found.quantities.iter().zip([1e-10, 12.0, 0.004]).enumerate() {
            within[k] += u32::from((q.value - truth).abs() < q.standard_error);
        }
    }
    assert!(within.iter().all(|n| (116..156).contains(n)), "of 200 within one standard error: {within:?}");
    let narrow = curve(0.01);
    let out: Vec<f64> = narrow.iter().map(|d| current(*d)).collect();
    let error = extract_pair("m1, m2", Kind::Pair, &narrow, &out, 1e-10).unwrap_err();
    assert!(
        matches!(&error, ExtractError::NotIdentifiable { unknowns, .. } if unknowns.contains("tail against rho")),
        "{error}"
    );
    let floating = extract_pair("m1, m2", Kind::Ota, &input, &[1e-22; 81], 1e-10).unwrap_err();
    assert!(floating.to_string().contains("hold the output"), "{floating}");
    let still = extract_pair("m1, m2", Kind::Ota, &[0.1; 81], &[1e-12; 81], 1e-10).unwrap_err();
    assert!(still.to_string().contains("sweep one input"), "{still}");
    let open = extract_mirror("m3, m4", &[1e-9; 8], &[1e-9; 8], &[0.01; 8], UT).unwrap_err();
    assert!(open.to_string().contains("5 Ut"), "{open}");
}
