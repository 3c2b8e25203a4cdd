//! What is seen on the way: events, stimuli, rails, summaries.

use std::ops::ControlFlow;

use super::*;
use crate::integrate::{Direction, Event, Run, Sampling, Stimulus, Trigger};
use crate::models::{Fhnrs, WereRabbit};
use crate::simd::Instructions;
use crate::{AnyNeuron, Neuron, Trajectory};

fn adaptive(tolerance: f64) -> Method {
    Method::Adaptive { rtol: tolerance, atol: tolerance }
}

fn above(state: &str, level: f64) -> Trigger {
    Trigger::Crossing { state: state.into(), level, direction: Direction::Rising }
}

/// Every block's lists put together.
fn run<M: Neuron>(e: &Ensemble<M>, s: &Settings) -> Block<f64> {
    let mut all: Option<Block<f64>> = None;
    e.run::<f64>(s, |b| {
        let Some(all) = &mut all else {
            all = Some(b);
            return ControlFlow::Continue(());
        };
        all.states.extend(b.states);
        all.samples.extend(b.samples);
        for (a, b) in all.events.iter_mut().zip(b.events) {
            a.counts.extend(b.counts);
            a.times.extend(b.times);
        }
        all.summary.least.extend(b.summary.least);
        all.summary.most.extend(b.summary.most);
        all.summary.period.extend(b.summary.period);
        all.summary.amplitude.extend(b.summary.amplitude);
        all.summary.fixed_point.extend(b.summary.fixed_point);
        all.failures.extend(b.failures);
        ControlFlow::Continue(())
    })
    .unwrap();
    all.unwrap()
}

fn times(block: &Block<f64>, event: usize, neuron: usize) -> &[f64] {
    let ragged = &block.events[event];
    let from: u64 = ragged.counts[..neuron].iter().sum();
    &ragged.times[from as usize..][..ragged.counts[neuron] as usize]
}

fn single(name: &str, set: &[(&str, f64)], run: Run) -> Trajectory {
    let mut neuron = AnyNeuron::new(name).unwrap();
    set.iter().for_each(|(name, value)| neuron.set(name, *value).unwrap());
    neuron.simulate(&Run { rtol: 1e-12, atol: 1e-12, ..run }).unwrap()
}

fn rabbits(n: usize) -> (Vec<WereRabbit>, Vec<[f64; 2]>) {
    let p = (0..n).map(|i| WereRabbit { sigma: 0.5 + 0.01 * i as f64, ..WereRabbit::default() }).collect();
    (p, (0..n).map(|i| [0.35 - 0.01 * i as f64, 0.05]).collect())
}

fn close(a: &[f64], b: &[f64], tolerance: f64) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance)
}

/// First crossings of v = 2 by an independent 80-bit integrator (the models' reference).
#[test]
fn val_crossings_of_fhnrs() {
    let starts = vec![[2.0, 0.0, 0.0], [2.0, 0.0, 1.0], [2.0, 0.0, 2.0]];
    let e = Ensemble::<Fhnrs>::new(vec![Fhnrs::default(); 3], starts).unwrap();
    let events = vec![above("v", 2.0), Trigger::SpikeCondition];
    let block = run(&e, &Settings { method: adaptive(1e-12), events, ..Settings::to(46.0) });
    for (neuron, truth) in [44.326_702_01, 43.553_308_03, 42.804_158_86].into_iter().enumerate() {
        let found = times(&block, 0, neuron);
        // The first does not start on the threshold moving up; the others do and come back.
        assert!((found.last().unwrap() - truth).abs() < 5e-8, "{found:?} {truth}");
        assert_eq!(found, times(&block, 1, neuron), "v = 2 is the spike condition");
    }
}

/// Windows of 1e-4 in which WereRabbit's condition is positive, all of them, at 1e-9, with adaptive and with fixed steps.
#[test]
fn spike_times_are_the_single_trajectorys() {
    let (p, y) = rabbits(13);
    let e = Ensemble::<WereRabbit>::new(p.clone(), y.clone()).unwrap();
    let events = vec![Trigger::SpikeCondition, above("u", 0.33)];
    for (method, tolerance) in [(adaptive(1e-11), 1e-9), (Method::Tsit5 { steps: 4000 }, 1e-9), (adaptive(1e-6), 1e-4)]
    {
        let block = run(&e, &Settings { method, events: events.clone(), ..Settings::to(8.0) });
        for i in 0..13 {
            let request = Run {
                initial: Some(y[i].to_vec()),
                events: events.iter().cloned().map(Event::from).collect(),
                ..Run::to(8.0)
            };
            let truth = single("wererabbit", &[("sigma", p[i].sigma)], request);
            for event in [0, 1] {
                let (ours, theirs) = (times(&block, event, i), truth.times_of(event));
                assert!(event == 1 || ours.len() > 15);
                assert!(close(ours, &theirs, tolerance), "{method:?} neuron {i} event {event}: {ours:?} {theirs:?}");
            }
        }
    }
}

#[test]
fn each_neuron_has_its_own_stimuli() {
    let n = 14;
    let own = |i: usize| match i % 4 {
        0 => vec![],
        1 => vec![Stimulus::Pulse { state: "v".into(), from: 1.0 + 0.1 * i as f64, to: 7.3, amplitude: 0.8 }],
        2 => vec![
            Stimulus::Ramp { state: "v".into(), from: 0.0, to: 9.0, amplitude: -0.5 },
            Stimulus::Step { state: "v_slow".into(), at: 3.3, amplitude: 0.01 },
        ],
        _ => vec![Stimulus::SpikeTrain { state: "i_app".into(), times: vec![0.0, 2.0, 5.5, 12.0], weight: 0.7 }],
    };
    let e = Ensemble::<Fhnrs>::new(vec![Fhnrs::default(); n], vec![[0.2, 0.0, 0.1]; n]).unwrap();
    let e = e.with_stimuli((0..n).map(own).collect()).unwrap();
    let events = vec![above("v", 1.0)];
    for method in [adaptive(1e-11), Method::Tsit5 { steps: 3000 }] {
        let block = run(&e, &Settings { method, events: events.clone(), samples: 6, ..Settings::to(12.0) });
        for i in 0..n {
            let request = Run {
                initial: Some(vec![0.2, 0.0, 0.1]),
                stimuli: own(i),
                events: vec![above("v", 1.0).into()],
                sampling: Sampling::Uniform(7),
                ..Run::to(12.0)
            };
            let truth = single("fhnrs", &[], request);
            assert!(close(&block.states[3 * i..3 * i + 3], &truth.final_state, 1e-8), "{method:?} neuron {i}");
            assert!(close(times(&block, 0, i), &truth.times_of(0), 1e-9), "{method:?} neuron {i}");
            for (k, sample) in block.samples[18 * i..18 * i + 18].chunks(3).enumerate() {
                let theirs: Vec<f64> = truth.sampled.signals().iter().map(|s| s.values[k + 1]).collect();
                assert!(close(sample, &theirs, 1e-8), "{method:?} neuron {i} sample {k}");
            }
        }
    }
    let e = Ensemble::<Fhnrs>::new(vec![Fhnrs::default(); 3], vec![[0.0; 3]; 3]).unwrap();
    assert!(e.clone().with_stimuli(vec![own(0), own(1)]).is_err());
    assert!(e.with_stimuli(vec![vec![Stimulus::Step { state: "u".into(), at: 0.0, amplitude: 1.0 }]]).is_err());
}

/// One neuron reaches a rail, the other does not; nothing ever leaves the rails.
#[test]
fn rails_hold() {
    let e = Ensemble::<Fhnrs>::new(vec![Fhnrs::default(); 2], vec![[2.0, 0.0, 1.0], [0.001, 0.0, 0.0]]).unwrap();
    let (samples, rails) = (100, vec![[-2.5, 2.2]]);
    let settings = Settings { method: adaptive(1e-9), samples, rails, ..Settings::to(30.0) };
    let railed = run(&e, &settings);
    let free = run(&e, &Settings { rails: vec![], ..settings.clone() });
    assert!(railed.samples.iter().all(|y| (-2.5..=2.2).contains(y)));
    assert!(free.samples.iter().any(|y| *y > 2.2));
    let request = Run { initial: Some(vec![2.0, 0.0, 1.0]), rails: vec![[-2.5, 2.2]], ..Run::to(30.0) };
    assert!(close(&railed.states[..3], &single("fhnrs", &[], request).final_state, 1e-6));
    let bad = Settings { rails: vec![[0.5, 2.0]], ..settings };
    assert!(e.run::<f64>(&bad, |_| ControlFlow::Continue(())).is_err());
}

/// MODELS' landmarks: fixed points, the ring-down's and the limit cycle's period.
#[test]
fn val_summaries_hold_the_landmarks() {
    let e = Ensemble::<WereRabbit>::new(vec![WereRabbit::default(); 2], vec![[0.45, 0.25], [0.25, 0.45]]).unwrap();
    let settings = Settings { method: adaptive(1e-10), summary: true, ..Settings::to(100.0) };
    let s = run(&e, &settings).summary;
    let focus = [0.313_383_852_651_582, 0.144_353_448_375_601];
    assert!(close(&s.fixed_point, &[focus[0], focus[1], focus[1], focus[0]], 1e-12), "{:?}", s.fixed_point);
    assert!(s.period.iter().all(|p| (p - 0.719_749_956_726).abs() < 2e-5), "{:?}", s.period);
    assert!(s.least[0] < focus[0] && s.most[0] >= 0.45 && s.amplitude[0] < 1e-3);

    let e = Ensemble::<Fhnrs>::new(vec![Fhnrs::default(); 2], vec![[2.0, 0.0, 1.0]; 2]).unwrap();
    let s = run(&e, &Settings { method: adaptive(1e-9), summary: true, ..Settings::to(400.0) }).summary;
    assert!(s.period.iter().all(|p| (p - 50.423_975_797_494_69).abs() < 1e-6), "{:?}", s.period);
    assert!(s.fixed_point.iter().all(|x| x.is_nan()), "the only fixed point is unstable");
    let truth = single("fhnrs", &[], Run { initial: Some(vec![2.0, 0.0, 1.0]), ..Run::to(400.0) });
    let v = &truth.sampled.signals()[0].values;
    let most = v.iter().copied().fold(f64::MIN, f64::max);
    assert!(s.most[0] >= most && s.most[0] - most < 0.1);
}

/// Starts where a state rests at zero go the slower way; the default start of WereRabbit is one.
#[test]
fn the_diagonal_rests_at_zero() {
    let starts = vec![[0.0, 0.0], [0.1, 0.1], [0.3, 0.1]];
    let e = Ensemble::<WereRabbit>::new(vec![WereRabbit::default(); 3], starts).unwrap();
    let block = run(&e, &Settings::to(2.0));
    assert!(block.failures.is_empty(), "{:?}", block.failures);
    assert_eq!(block.states[..4], [0.0; 4]);
    let events = vec![Trigger::Settled { distance: 0.01 }];
    let settled = run(&e, &Settings { events: events.clone(), method: adaptive(1e-9), ..Settings::to(30.0) });
    let request =
        Run { initial: Some(vec![0.3, 0.1]), events: events.into_iter().map(Event::from).collect(), ..Run::to(30.0) };
    let truth = single("wererabbit", &[], request).times_of(0);
    assert!(truth.len() > 1 && close(&settled.events[0].times, &truth, 1e-6), "{truth:?}");
    assert_eq!(settled.events[0].counts[..2], [0, 0]);
}

/// Events, samples and summaries have the same bits whatever the crowd, the blocks and the instructions.
#[test]
fn prop_nothing_depends_on_the_crowd() {
    let (p, y) = rabbits(26);
    let stimuli: Vec<_> = (0..26)
        .map(|i| vec![Stimulus::Pulse { state: "u".into(), from: 0.1 * i as f64, to: 3.0, amplitude: 0.05 }])
        .collect();
    let events = vec![Trigger::SpikeCondition, above("v", 0.15)];
    let e = Ensemble::<WereRabbit>::new(p.clone(), y.clone()).unwrap().with_stimuli(stimuli.clone()).unwrap();
    let base = Settings { events, summary: true, samples: 3, ..Settings::to(3.0) };
    let truth = format!("{:?}", run(&e, &base));
    for instructions in [Instructions::Baseline, Instructions::Avx2, Instructions::Avx512] {
        for block in [1, 5, 13, 26] {
            assert_eq!(counted(&run(&e, &Settings { instructions, block, ..base.clone() })), counted_of(&truth));
        }
    }
    let alone = Ensemble::<WereRabbit>::new(vec![p[17]], vec![y[17]]).unwrap();
    let alone = run(&alone.with_stimuli(vec![stimuli[17].clone()]).unwrap(), &base);
    let all = run(&e, &base);
    assert_eq!(alone.states, all.states[34..36]);
    assert_eq!(alone.events[0].times, times(&all, 0, 17));
    assert_eq!(alone.summary.period[0].to_bits(), all.summary.period[17].to_bits());
}

/// All but the work done, which is told block by block.
fn counted(block: &Block<f64>) -> String {
    counted_of(&format!("{block:?}"))
}

fn counted_of(text: &str) -> String {
    text.split("accepted").next().unwrap_or_default().to_owned()
}

/// Neurons a thousand times as fast as their lane-mates hold nobody up and change nobody.
#[test]
fn stiff_and_easy_neurons_mix() {
    let fast = |i: usize| if i % 5 == 2 { 1e-3 } else { 1.0 };
    let p: Vec<Fhnrs> = (0..20).map(|i| Fhnrs { c: fast(i), ..Fhnrs::default() }).collect();
    let e = Ensemble::<Fhnrs>::new(p.clone(), vec![[2.0, 0.0, 1.0]; 20]).unwrap();
    let all = run(&e, &Settings::to(5.0));
    assert!(all.failures.is_empty());
    for i in [0, 2] {
        let one = Ensemble::<Fhnrs>::new(vec![p[i]], vec![[2.0, 0.0, 1.0]]).unwrap();
        assert_eq!(run(&one, &Settings::to(5.0)).states, all.states[3 * i..3 * i + 3]);
        let truth = single("fhnrs", &[("c", p[i].c)], Run { initial: Some(vec![2.0, 0.0, 1.0]), ..Run::to(5.0) });
        assert!(close(&all.states[3 * i..3 * i + 3], &truth.final_state, 1e-4), "neuron {i}");
    }
}

/// Neurons of a model chosen at run time, one with elements of its own number among them refused.
#[test]
fn any_model_makes_an_ensemble() {
    for name in crate::MODELS {
        let neuron = AnyNeuron::new(name).unwrap();
        let e = Ensemble::of(&neuron, vec![neuron.clone(); 5], None).unwrap();
        for method in [Method::Tsit5 { steps: 200 }, adaptive(1e-9)] {
            let mut states = Vec::new();
            let settings = Settings { method, ..Settings::to(1.0) };
            e.run::<f64>(&settings, |b| {
                assert!(b.failures.is_empty(), "{name}");
                states.extend(b.states);
                ControlFlow::Continue(())
            })
            .unwrap();
            let truth = neuron.simulate(&Run::to(1.0)).unwrap();
            assert!(close(&states[..truth.final_state.len()], &truth.final_state, 1e-6), "{name} {method:?}");
        }
    }
    let (plain, mut lagged) = (AnyNeuron::new("fhnrs").unwrap(), AnyNeuron::new("fhnrs").unwrap());
    lagged.set("tau_fast", 0.5).unwrap();
    assert!(Ensemble::of(&plain, [plain.clone(), lagged], None).is_err());
    assert!(Ensemble::of(&plain, [plain.clone()], Some(vec![0.0; 2])).is_err());
}
