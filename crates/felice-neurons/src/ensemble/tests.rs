use std::ops::ControlFlow;

use super::*;
use crate::error::NeuronError;
use crate::integrate::{Precision, Run, Sampling};
use crate::models::{Fhnrs, WereRabbit};
use crate::simd::Instructions;
use crate::{AnyNeuron, Neuron};

const ADAPTIVE: Method = Method::Adaptive { rtol: 1e-8, atol: 1e-8 };
const METHODS: [Method; 3] = [Method::Tsit5 { steps: 60 }, Method::Rk4 { steps: 60 }, ADAPTIVE];

fn rabbits(n: usize) -> (Vec<WereRabbit>, Vec<[f64; 2]>) {
    let spread = |i: usize| (i * 7919 % 101) as f64 / 101.0;
    let p = (0..n).map(|i| WereRabbit { sigma: 0.5 + 0.2 * spread(i), ..WereRabbit::default() }).collect();
    (p, (0..n).map(|i| [0.35 - 0.3 * spread(i + 3), 0.02]).collect())
}

fn all<M: Neuron>(e: &Ensemble<M>, s: &Settings) -> (Vec<f64>, Vec<f64>, Vec<Failure>) {
    let (mut states, mut samples, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    e.run::<f64>(s, |b| {
        states.extend(b.states);
        samples.extend(b.samples);
        failures.extend(b.failures);
        ControlFlow::Continue(())
    })
    .unwrap();
    (states, samples, failures)
}

/// Any number of neurons about a pack's width, any block, any instruction set: the bits of each neuron alone.
#[test]
fn each_neuron_as_if_alone() {
    for method in METHODS {
        let (p, y) = rabbits(50);
        let settings = Settings { method, samples: 3, ..Settings::to(0.6) };
        let alone: Vec<_> = (0..50)
            .map(|i| {
                let one = Ensemble::<WereRabbit>::new(vec![p[i]], vec![y[i]]).unwrap();
                all(&one, &Settings { instructions: Instructions::Baseline, ..settings.clone() })
            })
            .collect();
        for n in [0, 1, 7, 8, 9, 11, 12, 13, 50] {
            let crowd = Ensemble::<WereRabbit>::new(p[..n].to_vec(), y[..n].to_vec()).unwrap();
            for block in [3, 16, 1000] {
                let (states, samples, failures) = all(&crowd, &Settings { block, ..settings.clone() });
                assert!(failures.is_empty() && states.len() == 2 * n);
                assert_eq!(states, alone[..n].iter().flat_map(|a| a.0.clone()).collect::<Vec<_>>(), "{method:?} {n}");
                assert_eq!(samples, alone[..n].iter().flat_map(|a| a.1.clone()).collect::<Vec<_>>());
            }
        }
        let last = &alone[0];
        assert_eq!(last.0[..], last.1[4..], "the last sample is the final state");
    }
}

#[test]
fn as_the_single_trajectory() {
    let e = Ensemble::<Fhnrs>::new(vec![Fhnrs::default(); 9], vec![[2.0, 0.0, 1.0]; 9]).unwrap();
    let neuron = AnyNeuron::new("fhnrs").unwrap();
    let run = Run { initial: Some(vec![2.0, 0.0, 1.0]), rtol: 1e-12, atol: 1e-12, ..Run::to(20.0) };
    let truth = neuron.simulate(&Run { sampling: Sampling::Uniform(5), ..run }).unwrap();
    let settings = Settings { samples: 4, ..Settings::to(20.0) };
    for (method, tolerance) in [
        (Method::Adaptive { rtol: 1e-10, atol: 1e-10 }, 1e-8),
        (Method::Tsit5 { steps: 4000 }, 1e-9),
        (Method::Rk4 { steps: 4000 }, 1e-7),
    ] {
        let (_, samples, _) = all(&e, &Settings { method, ..settings.clone() });
        for (k, row) in samples.chunks(3).enumerate() {
            for (i, x) in row.iter().enumerate() {
                let error = (x - truth.sampled.signals()[i].values[1 + k % 4]).abs();
                assert!(error < tolerance, "{method:?} sample {k} state {i}: {error:e}");
            }
        }
    }
}

/// A neuron of no numbers and one that runs away are reported; their lane-mates do not notice. Nor do stiff ones hold
/// up the rest.
#[test]
fn failures_are_their_own() {
    let (mut p, mut y) = rabbits(30);
    let (good, good_y) = (p.clone(), y.clone());
    p[4].alpha = f64::NAN;
    y[17] = [45.0, 1.0];
    for method in METHODS {
        let settings = Settings { method, max_steps: 3000, ..Settings::to(0.6) };
        let (states, _, failures) = all(&Ensemble::<WereRabbit>::new(p.clone(), y.clone()).unwrap(), &settings);
        let (clean, ..) = all(&Ensemble::<WereRabbit>::new(good.clone(), good_y.clone()).unwrap(), &settings);
        assert_eq!(failures.iter().map(|f| f.index).collect::<Vec<_>>(), [4, 17], "{method:?}");
        for i in (0..30).filter(|i| ![4, 17].contains(i)) {
            assert_eq!(states[2 * i..2 * i + 2], clean[2 * i..2 * i + 2], "{method:?} neuron {i}");
        }
    }
}

#[test]
fn single_precision_is_near() {
    let (p, y) = rabbits(20);
    let e = Ensemble::<WereRabbit>::new(p, y).unwrap();
    for method in [Method::Tsit5 { steps: 100 }, Method::Adaptive { rtol: 1e-5, atol: 1e-5 }] {
        let settings = Settings { method, ..Settings::to(2.0) };
        let (double, ..) = all(&e, &settings);
        let mut single = Vec::new();
        e.run::<f32>(&settings, |b| {
            single.extend(b.states);
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(double.iter().zip(&single).all(|(a, b)| (a - f64::from(*b)).abs() < 2e-4), "{method:?}");
    }
}

#[test]
fn a_sink_that_breaks_ends_the_run() {
    let (p, y) = rabbits(100);
    let e = Ensemble::<WereRabbit>::new(p, y).unwrap();
    let mut blocks = 0;
    let settings = Settings { block: 10, ..Settings::to(0.1) };
    let report = e.run::<f64>(&settings, |_| {
        blocks += 1;
        if blocks == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((blocks, report.unwrap().neurons), (2, 20));
}

#[test]
fn bad_settings_are_refused() {
    let (p, y) = rabbits(2);
    assert!(matches!(Ensemble::<WereRabbit>::new(p.clone(), vec![]), Err(NeuronError::Width { .. })));
    let e = Ensemble::<WereRabbit>::new(p, y).unwrap();
    let good = Settings::to(1.0);
    let bad = [
        Settings::to(0.0),
        Settings::to(f64::NAN),
        Settings { block: 0, ..good.clone() },
        Settings { method: Method::Tsit5 { steps: 0 }, ..good.clone() },
        Settings { method: Method::Rk4 { steps: 10 }, samples: 3, ..good.clone() },
        Settings { method: Method::Adaptive { rtol: 0.0, atol: 1e-6 }, ..good },
    ];
    for settings in bad {
        let result = e.run::<f64>(&settings, |_| ControlFlow::Continue(()));
        assert!(matches!(result, Err(NeuronError::Run { .. })), "{settings:?}");
    }
}

#[test]
fn the_bench_reports() {
    for mode in [Mode::Fixed, Mode::Adaptive(1e-6)] {
        let r = bench("fhnrs", 100, 20, Precision::F64, mode).unwrap();
        assert!(r.neuron_steps_per_second > 0.0 && r.fma_per_second > 0.0);
        assert_eq!(r.share_of_fma_bound.is_some(), mode == Mode::Fixed);
    }
    assert!(bench("fhnr", 1, 1, Precision::F32, Mode::Fixed).is_err());
}
