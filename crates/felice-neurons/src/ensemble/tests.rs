use std::ops::ControlFlow;

use super::*;
use crate::error::NeuronError;
use crate::integrate::{Precision, Run, Sampling};
use crate::models::{Fhnrs, WereRabbit};
use crate::simd::{Instructions, Width};
use crate::{AnyNeuron, Neuron};

const ADAPTIVE: Method = Method::Adaptive { rtol: 1e-8, atol: 1e-8 };
const METHODS: [Method; 3] = [Method::Tsit5 { steps: 60 }, Method::Rk4 { steps: 60 }, ADAPTIVE];

fn rabbits(n: usize) -> (Vec<WereRabbit>, Vec<[f64; 2]>) {
    let spread = |i: usize| (i * 7919 % 101) as f64 / 101.0;
    let p = (0..n).map(|i| WereRabbit { sigma: 0.5 + 0.2 * spread(i), ..WereRabbit::default() }).collect();
    (p, (0..n).map(|i| [0.35 - 0.3 * spread(i + 3), 0.02]).collect())
}

fn all<M: Neuron, L: Width>(e: &Ensemble<M>, s: &Settings) -> (Vec<L>, Vec<L>, Vec<Failure>) {
    let (mut states, mut samples, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    e.run::<L>(s, |b| {
        states.extend(b.states);
        samples.extend(b.samples);
        failures.extend(b.failures);
        ControlFlow::Continue(())
    })
    .unwrap();
    (states, samples, failures)
}

/// Any number of neurons up to beyond two packs, any block, any instruction set: the bits of each neuron alone.
fn as_if_alone<L: Width>(method: Method) {
    let (p, y) = rabbits(50);
    let settings = Settings { method, samples: 3, ..Settings::to(0.6) };
    let alone: Vec<_> = (0..50)
        .map(|i| {
            let one = Ensemble::<WereRabbit>::new(vec![p[i]], vec![y[i]]).unwrap();
            all::<_, L>(&one, &Settings { instructions: Instructions::Baseline, ..settings.clone() })
        })
        .collect();
    for n in 0..=50 {
        let crowd = Ensemble::<WereRabbit>::new(p[..n].to_vec(), y[..n].to_vec()).unwrap();
        for block in [3, 16, 1000] {
            let (states, samples, failures) = all::<_, L>(&crowd, &Settings { block, ..settings.clone() });
            assert!(failures.is_empty() && states.len() == 2 * n);
            assert_eq!(states, alone[..n].iter().flat_map(|a| a.0.clone()).collect::<Vec<_>>(), "{method:?} {n}");
            assert_eq!(samples, alone[..n].iter().flat_map(|a| a.1.clone()).collect::<Vec<_>>());
        }
    }
    let last = &alone[0];
    assert_eq!(last.0[..], last.1[4..], "the last sample is the final state");
}

#[test]
fn each_neuron_as_if_alone() {
    for method in METHODS {
        as_if_alone::<f64>(method);
        as_if_alone::<f32>(method);
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
        let (_, samples, _) = all::<_, f64>(&e, &Settings { method, ..settings.clone() });
        for (k, row) in samples.chunks(3).enumerate() {
            for (i, x) in row.iter().enumerate() {
                let error = (x - truth.sampled.signals()[i].values[1 + k % 4]).abs();
                assert!(error < tolerance, "{method:?} sample {k} state {i}: {error:e}");
            }
        }
    }
}

/// Neurons of no numbers and ones that run away, wherever in a pack and however many: each is reported by its index, and
/// nobody else has another bit for it.
fn failures_are_their_own<L: Width>(method: Method) {
    let (good, good_y) = rabbits(51);
    let settings = Settings { method, samples: 2, max_steps: 3000, block: 40, ..Settings::to(0.6) };
    let (clean, clean_samples, _) =
        all::<_, L>(&Ensemble::<WereRabbit>::new(good.clone(), good_y.clone()).unwrap(), &settings);
    let sets: [Vec<usize>; 6] =
        [vec![0], vec![39, 40], vec![50], (3..51).step_by(7).collect(), (8..24).collect(), (0..51).collect()];
    for bad in sets {
        let (mut p, mut y) = (good.clone(), good_y.clone());
        let mut causes = Vec::new();
        for (kind, &i) in bad.iter().enumerate() {
            causes.push(if kind % 4 == 3 { Cause::Runaway } else { Cause::NotFinite });
            match kind % 4 {
                0 => p[i].alpha = f64::NAN,
                1 => y[i] = [0.1, f64::NAN],
                2 => p[i].sigma = f64::INFINITY,
                _ => y[i] = [45.0, 1.0],
            }
        }
        let (states, samples, failures) = all::<_, L>(&Ensemble::<WereRabbit>::new(p, y).unwrap(), &settings);
        assert_eq!(failures.iter().map(|f| f.index).collect::<Vec<_>>(), bad, "{method:?}");
        for (f, cause) in failures.iter().zip(causes) {
            assert!(f.t <= 0.6 && (cause == Cause::NotFinite || f.cause != Cause::Steps), "{method:?} {f:?}");
            assert!(cause == Cause::Runaway || f.cause == cause, "{method:?} {f:?}");
        }
        for i in (0..51).filter(|i| !bad.contains(i)) {
            assert_eq!(states[2 * i..2 * i + 2], clean[2 * i..2 * i + 2], "{method:?} neuron {i} beside {bad:?}");
            assert_eq!(samples[4 * i..4 * i + 4], clean_samples[4 * i..4 * i + 4], "{method:?} neuron {i}");
        }
    }
}

#[test]
fn a_failure_disturbs_nobody() {
    for method in METHODS {
        failures_are_their_own::<f64>(method);
        failures_are_their_own::<f32>(method);
    }
}

#[test]
fn single_precision_is_near() {
    let (p, y) = rabbits(20);
    let e = Ensemble::<WereRabbit>::new(p, y).unwrap();
    for method in [Method::Tsit5 { steps: 100 }, Method::Adaptive { rtol: 1e-5, atol: 1e-5 }] {
        let settings = Settings { method, ..Settings::to(2.0) };
        let (double, ..) = all::<_, f64>(&e, &settings);
        let (single, ..) = all::<_, f32>(&e, &settings);
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
