//! What every neuron must satisfy, and what the literature says of this one.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used, clippy::panic)]

use felice_neurons::{AnyNeuron, BifurcationKind, Sweep};
use morris_lecar::{MorrisLecar, defaults};

felice_neurons::neuron_conformance!(MorrisLecar);

/// Rinzel & Ermentrout: rest loses its stability at I = 93.86 and regains it at I = 212.
#[test]
fn val_oscillates_between_two_hopf_points() {
    let neuron = AnyNeuron::of::<MorrisLecar>(defaults());
    let sweep = Sweep {
        parameter: "i".into(),
        from: 60.0,
        to: 240.0,
        lo: vec![-80.0, 0.0],
        hi: vec![80.0, 1.0],
        horizon: None,
    };
    let found = neuron.bifurcations(&sweep).unwrap().bifurcations;
    let hopf: Vec<f64> =
        found.iter().filter(|b| matches!(b.kind, BifurcationKind::Hopf { .. })).map(|b| b.parameter).collect();
    let [low, high] = hopf[..] else { panic!("{found:?}") };
    assert!((low - 93.86).abs() < 0.01 && (high - 212.02).abs() < 0.01, "{hopf:?}");
    // Beyond the first of them it cycles.
    let cycle = neuron.with("i", 120.0).unwrap().limit_cycle(&[-20.0, 0.1], 2000.0).unwrap();
    assert!(cycle.is_stable() && cycle.amplitude[0] > 40.0, "{cycle:?}");
}
