//! Laws of a transistor's extraction: EKV currents give back the EKV card; what a sweep cannot tell is said.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use felice_subthreshold::extract::ExtractError;
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
