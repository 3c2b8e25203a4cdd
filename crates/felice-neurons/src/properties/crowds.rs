//! What every neuron must satisfy in an ensemble, on vectors; and our own models' laws there. Each law takes
//! a [`Case`] of four states.

use std::ops::ControlFlow;

use proptest::{prop_assert, prop_assert_eq, prop_assume};

use super::conformance::{broken, rate, row};
use super::laws::energy;
use super::{Case, Verdict};
use crate::any::AnyNeuron;
use crate::ensemble::{Ensemble, Failure, Method, Settings};
use crate::integrate::{Run, Trajectory};
use crate::models::{Fhnrs, WereRabbit};
use crate::neuron::{Neuron, Row};
use crate::real::Lane;
use crate::simd::{Instructions, Width};

/// Neurons of a crowd: more than a pack of most machines holds, and no multiple of any.
const CROWD: usize = 27;

/// Neuron `k` of a case's crowd: each has parameters and a state of its own.
fn member<M: Neuron>(case: &Case, k: usize) -> (M::Parameters<f64>, M::State<f64>) {
    let own = 1.0 + k as f64 / 512.0;
    let p = M::Parameters::from_fn(|i| case.parameters[i].1 * own);
    (p, case.state::<M, f64>(k % case.states.len()))
}

/// Bits to compare; one NaN is as good as another.
fn bits<L: Lane>(y: &[L]) -> Vec<u64> {
    y.iter().map(|y| if y.finite() { y.to_f64().to_bits() } else { u64::MAX }).collect()
}

/// Ten of the fastest times met at a case's states, as long as nothing is extreme there.
fn short<M: Neuron>(case: &Case) -> f64 {
    10.0 / case.states.iter().map(|y| rate::<M>(case, y)).fold(0.0, f64::max)
}

type Ends<L> = (Vec<L>, Vec<L>, Vec<Failure>);

/// Final states, samples and failures.
fn ends<M: Neuron, L: Width>(
    neurons: impl IntoIterator<Item = (M::Parameters<f64>, M::State<f64>)>,
    settings: &Settings,
) -> Result<Ends<L>, proptest::test_runner::TestCaseError> {
    let (parameters, states) = neurons.into_iter().unzip();
    let ensemble = Ensemble::<M>::new(parameters, states).map_err(|e| broken(&e))?;
    let (mut states, mut samples, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    let sink = |b: crate::ensemble::Block<L>| {
        states.extend(b.states);
        samples.extend(b.samples);
        failures.extend(b.failures);
        ControlFlow::Continue(())
    };
    ensemble.run(settings, sink).map_err(|e| broken(&e))?;
    Ok((states, samples, failures))
}

/// A neuron ends in an ensemble as it ends alone, to the last bit, in fixed steps and in its own; and fails where it does.
pub fn ensemble_independence<M: Neuron>(case: &Case) -> Verdict {
    fn check<M: Neuron, L: Width>(case: &Case, method: Method) -> Verdict {
        let settings = Settings { method, max_steps: 300, block: 15, ..Settings::to(short::<M>(case)) };
        let (states, _, failures) = ends::<M, L>((0..CROWD).map(|k| member::<M>(case, k)), &settings)?;
        let dim = M::State::<L>::LEN;
        for k in [0, 14, CROWD - 1] {
            let baseline = Settings { instructions: Instructions::Baseline, ..settings.clone() };
            let (alone, _, failed) = ends::<M, L>([member::<M>(case, k)], &baseline)?;
            let here = failures.iter().find(|f| f.index == k).map(|f| (f.t, f.cause));
            prop_assert_eq!(here, failed.first().map(|f| (f.t, f.cause)), "{:?}, neuron {}", method, k);
            prop_assert_eq!(bits(&states[k * dim..][..dim]), bits(&alone), "{:?}, neuron {}", method, k);
        }
        Ok(())
    }
    for method in [Method::Tsit5 { steps: 16 }, Method::Adaptive { rtol: 1e-5, atol: 1e-5 }] {
        check::<M, f64>(case, method)?;
        check::<M, f32>(case, method)?;
    }
    Ok(())
}

/// The trajectory of a neuron, where no perturbation grows much.
fn tame<M: Neuron>(p: M::Parameters<f64>, y: &M::State<f64>, t_end: f64) -> Option<Trajectory> {
    let run = Run { initial: Some(row(y)), rtol: 1e-12, atol: 1e-12, max_steps: 5000, ..Run::to(t_end) };
    let truth = AnyNeuron::of::<M>(p).simulate(&run).ok()?;
    (truth.conditioning.is_good() && truth.conditioning.growth < 100.0).then_some(truth)
}

/// A neuron of an ensemble goes where the single trajectory goes.
pub fn ensemble_is_the_trajectory<M: Neuron>(case: &Case) -> Verdict {
    let (t_end, dim) = (short::<M>(case), M::State::<f64>::LEN);
    let method = Method::Adaptive { rtol: 1e-9, atol: 1e-9 };
    let settings = Settings { method, max_steps: 5000, ..Settings::to(t_end) };
    let (states, _, failures) = ends::<M, f64>((0..4).map(|k| member::<M>(case, k)), &settings)?;
    let (p, y) = member::<M>(case, 1);
    let Some(truth) = tame::<M>(p, &y, t_end) else { return Ok(()) };
    prop_assert!(failures.iter().all(|f| f.index != 1), "{:?}", failures);
    for (a, b) in states[dim..][..dim].iter().zip(&truth.final_state) {
        prop_assert!((a - b).abs() <= 1e-5 * (1.0 + b.abs()), "{a} in the ensemble, {b} alone");
    }
    Ok(())
}

/// WereRabbit: mirrored starts end in mirrored states.
pub fn wererabbit_mirrors(case: &Case) -> Verdict {
    let p = case.parameters::<WereRabbit, f64>();
    let starts = (0..4).map(|k| case.state::<WereRabbit, f64>(k)).flat_map(|[u, v]| [(p, [u, v]), (p, [v, u])]);
    let settings = Settings { method: Method::Tsit5 { steps: 40 }, ..Settings::to(short::<WereRabbit>(case)) };
    let (states, _, failures) = ends::<WereRabbit, f64>(starts, &settings)?;
    for (k, y) in states.chunks(4).enumerate() {
        let failed = |i| failures.iter().any(|f| f.index == i);
        prop_assert_eq!(failed(2 * k), failed(2 * k + 1));
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + a.abs());
        prop_assert!(
            failed(2 * k) || (near(y[0], y[3]) && near(y[1], y[2])),
            "{:?} and its mirror {:?}",
            &y[..2],
            &y[2..]
        );
    }
    Ok(())
}

/// γ = 0: H (see [`energy`]) at the end is H at the start.
pub fn ensemble_conserves_energy<M: Neuron<State<f64> = [f64; 2]>>(case: &Case) -> Verdict {
    let mut p = case.parameters::<M, f64>();
    p.set(2, 0.0);
    let starts: Vec<[f64; 2]> = (0..4).map(|k| case.state::<M, f64>(k)).collect();
    prop_assume!(starts.iter().all(|[u, v]| (u - v).abs() > 1e-2));
    let method = Method::Adaptive { rtol: 1e-11, atol: 1e-11 };
    let settings = Settings { method, ..Settings::to(short::<M>(case)) };
    let (states, _, failures) = ends::<M, f64>(starts.iter().map(|y| (p, *y)), &settings)?;
    if failures.iter().any(|f| f.index == 0) || tame::<M>(p, &starts[0], settings.t_end).is_none() {
        return Ok(());
    }
    let (before, after) = (energy::<M>(&p, starts[0]), energy::<M>(&p, [states[0], states[1]]));
    prop_assert!((after - before).abs() <= 1e-7 * (1.0 + before.abs()), "H was {before}, is {after}");
    Ok(())
}

/// FHNRS: i_app decays exactly exponentially in every neuron of an ensemble, and time constants times λ are time times λ.
pub fn fhnrs_in_time(case: &Case) -> Verdict {
    let p = case.parameters::<Fhnrs, f64>();
    let lambda = 1.0 + case.states[1][0].abs();
    let slow = Fhnrs { c: p.c * lambda, tau_slow: p.tau_slow * lambda, tau_syn: p.tau_syn * lambda, ..p };
    let crowd = |p: Fhnrs| (0..4).map(move |k| (p, case.state::<Fhnrs, f64>(k)));
    let t_end = 10.0;
    let settings = Settings { method: Method::Tsit5 { steps: 1000 }, samples: 5, ..Settings::to(t_end) };
    let (_, samples, _) = ends::<Fhnrs, f64>(crowd(p), &settings)?;
    let (_, later, _) = ends::<Fhnrs, f64>(crowd(slow), &Settings { t_end: lambda * t_end, ..settings })?;
    for (k, (y, z)) in samples.chunks(3).zip(later.chunks(3)).enumerate() {
        let t = t_end * (k % 5 + 1) as f64 / 5.0;
        let exact = case.states[k / 5][2] * (-t / p.tau_syn).exp();
        prop_assert!((y[2] - exact).abs() < 1e-10 * (1.0 + exact.abs()), "i_app({t}) = {}, not {exact}", y[2]);
        prop_assert!(y.iter().zip(z).all(|(a, b)| (a - b).abs() < 1e-7), "{:?} and {:?}", y, z);
    }
    Ok(())
}
