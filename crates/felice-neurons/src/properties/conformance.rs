//! What every neuron must satisfy. Each law takes a [`Case`] of four states.

use proptest::test_runner::TestCaseError;
use proptest::{prop_assert, prop_assert_eq, prop_assume};

use super::{Case, Verdict};
use crate::any::AnyNeuron;
use crate::batch::Batch;
use crate::dual::Dual;
use crate::error::NeuronError;
use crate::integrate::{Method, Run, Sampling};
use crate::neuron::{Info, Neuron, Row};
use crate::newton;
use crate::real::{Lane, Real};
use nalgebra::DMatrix;

pub(super) fn row<R: Real>(s: &impl Row<R>) -> Vec<R> {
    fn collect<R: Real, S: Row<R>>(s: &S) -> Vec<R> {
        (0..S::LEN).map(|i| s.get(i)).collect()
    }
    collect(s)
}

fn neuron<M: Neuron>(case: &Case) -> AnyNeuron {
    AnyNeuron::of::<M>(case.parameters::<M, f64>())
}

pub(super) fn broken(error: &NeuronError) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

/// The largest rate at which the model's states change there, per unit of distance: its Jacobian's size, at least 1e-3.
pub(super) fn rate<M: Neuron>(case: &Case, y: &[f64]) -> f64 {
    let mut j = vec![0.0; y.len() * y.len()];
    newton::jacobian::<M>(&newton::constants::<M>(&case.parameters::<M, f64>()), y, &mut j);
    j.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-3)
}

/// A short run from a case's first state: ten of its fastest times, as long as nothing is extreme there.
fn short<M: Neuron>(case: &Case) -> Run {
    let rate = rate::<M>(case, &case.states[0]);
    Run {
        initial: Some(case.states[0].clone()),
        sampling: Sampling::Uniform(21),
        max_steps: 5000,
        ..Run::to(10.0 / rate)
    }
}

/// The field and the spike condition are finite numbers, in both precisions; the field of prepared parameters has its bits.
pub fn finite_field<M: Neuron>(case: &Case) -> Verdict {
    fn check<M: Neuron, R: Lane>(case: &Case) -> Verdict {
        let p = case.parameters::<M, R>();
        for k in 0..case.states.len() {
            let y = case.state::<M, R>(k);
            let dy = M::field(&p, y);
            prop_assert!(row(&dy).iter().all(|d| d.finite()), "{} field {:?} at {:?}", R::NAME, row(&dy), row(&y));
            let prepared = M::prepared_field(&M::prepare(&p), y);
            prop_assert_eq!(row(&prepared), row(&dy), "{} field of prepared parameters at {:?}", R::NAME, row(&y));
            let spike = M::spike_condition(&p, y, dy);
            prop_assert!(spike.finite(), "{} spike condition {spike} at {:?}", R::NAME, row(&y));
        }
        Ok(())
    }
    check::<M, f64>(case)?;
    check::<M, f32>(case)
}

/// A neuron in a batch has the field it has alone, to the last bit, wherever it stands in the batch.
pub fn batch_independence<M: Neuron>(case: &Case) -> Verdict {
    let one = neuron::<M>(case);
    let (n, m) = (case.states.len(), one.dimension());
    let matrix = |order: &dyn Fn(usize) -> usize| DMatrix::from_fn(n, m, |i, k| case.states[order(i)][k]);
    let batch = Batch::new(one.clone(), n);
    let field = batch.vector_field(&matrix(&|i| i)).map_err(|e| broken(&e))?;
    let turned = batch.vector_field(&matrix(&|i| (i + 1) % n)).map_err(|e| broken(&e))?;
    for i in 0..n {
        let mut alone = vec![0.0; m];
        one.field(&case.states[i], &mut alone).map_err(|e| broken(&e))?;
        let bits = |d: &DMatrix<f64>, r: usize| d.row(r).iter().map(|x| x.to_bits()).collect::<Vec<u64>>();
        let alone: Vec<u64> = alone.iter().map(|x| x.to_bits()).collect();
        prop_assert_eq!(&bits(&field, i), &alone, "neuron {} in the batch, and alone", i);
        prop_assert_eq!(&bits(&turned, (i + n - 1) % n), &alone, "neuron {} after the batch is turned", i);
    }
    Ok(())
}

/// Single precision differs from double by no more than rounding: 64 eps of what the field's terms are worth, by its
/// derivatives with respect to states and parameters.
pub fn single_near_double<M: Neuron>(case: &Case) -> Verdict {
    // Parameters and states that both precisions have.
    let rounded = |x: f64| f64::from(x as f32);
    let p = M::Parameters::<f64>::from_fn(|i| rounded(case.parameters[i].1));
    let single = M::Parameters::<f32>::from_fn(|i| p.get(i) as f32);
    for state in &case.states {
        let y = M::State::<f64>::from_fn(|i| rounded(state[i]));
        let (double, short) = (M::field(&p, y), M::field(&single, M::State::from_fn(|i| y.get(i) as f32)));
        let worth = terms::<M>(&p, &y);
        for i in 0..M::State::<f64>::LEN {
            let (a, b) = (f64::from(short.get(i)), double.get(i));
            let limit = 64.0 * f64::from(f32::EPSILON) * (b.abs() + worth[i]) + f64::from(f32::MIN_POSITIVE);
            prop_assert!((a - b).abs() <= limit, "state {i}: {a} in f32, {b} in f64, at {:?}", row(&y));
        }
    }
    Ok(())
}

/// Σ |∂f/∂x · x| over states and parameters x: what the terms of each component of the field are worth.
fn terms<M: Neuron>(p: &M::Parameters<f64>, y: &M::State<f64>) -> Vec<f64> {
    let (n, m) = (M::State::<f64>::LEN, M::Parameters::<f64>::LEN);
    let mut worth = vec![0.0; n];
    for varied in 0..n + m {
        let dual = |value: f64, k: usize| Dual { value, slope: if k == varied { value } else { 0.0 } };
        let dy = M::field(&M::Parameters::from_fn(|k| dual(p.get(k), n + k)), M::State::from_fn(|k| dual(y.get(k), k)));
        (0..n).for_each(|i| worth[i] += dy.get(i).slope.abs());
    }
    worth
}

/// The same neuron with every derivative twice as large.
#[derive(Clone, Copy)]
struct TwiceAsFast<M>(M);

impl<M: Neuron> Neuron for TwiceAsFast<M> {
    type State<R: Real> = M::State<R>;
    type Parameters<R: Real> = M::Parameters<R>;
    const INFO: Info = M::INFO;

    #[inline(always)]
    fn field<R: Real>(p: &Self::Parameters<R>, y: Self::State<R>) -> Self::State<R> {
        let dy = M::field(p, y);
        M::State::from_fn(|i| dy.get(i) + dy.get(i))
    }
    #[inline(always)]
    fn spike_condition<R: Real>(p: &Self::Parameters<R>, y: Self::State<R>, dy: Self::State<R>) -> R {
        M::spike_condition(p, y, dy)
    }
    fn rests_at_zero(p: &Self::Parameters<f64>, y: Self::State<f64>) -> bool {
        M::rests_at_zero(p, y)
    }
    const BOUND: f64 = M::BOUND;
    fn bound(p: &Self::Parameters<f64>) -> f64 {
        M::bound(p)
    }
}

/// Twice the derivatives in half the time lead through the same states, to the last bit: the equations do not depend on
/// time, and no step is longer or shorter for it.
pub fn time_scaling<M: Neuron>(case: &Case) -> Verdict {
    let run = Run { first_step: Some(2e-2 / rate::<M>(case, &case.states[0])), ..short::<M>(case) };
    let half = Run { t_end: 0.5 * run.t_end, first_step: run.first_step.map(|h| 0.5 * h), ..run.clone() };
    let (slow, fast) = (
        neuron::<M>(case).simulate(&run),
        AnyNeuron::of::<TwiceAsFast<M>>(case.parameters::<M, f64>()).simulate(&half),
    );
    match (slow, fast) {
        (Ok(slow), Ok(fast)) => prop_assert_eq!(slow.final_state, fast.final_state),
        (Err(_), Err(_)) => {}
        (slow, fast) => prop_assert!(false, "one run fails: {:?} and {:?}", slow.err(), fast.err()),
    }
    Ok(())
}

/// No sample and no final state leaves the rails.
pub fn rails_hold<M: Neuron>(case: &Case) -> Verdict {
    // The rails: the smallest box that holds all the case's states.
    let n = M::State::<f64>::LEN;
    let ends = |i: usize| {
        let values = case.states.iter().map(|s| s[i]);
        [values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max)]
    };
    let rails: Vec<[f64; 2]> = (0..n).map(ends).collect();
    prop_assume!(rails.iter().all(|[lo, hi]| lo < hi));
    let run = Run { rails: rails.clone(), ..short::<M>(case) };
    let t = match neuron::<M>(case).simulate(&run) {
        Ok(t) => t,
        Err(NeuronError::Interrupted(i)) => i.partial,
        Err(e) => return Err(broken(&e)),
    };
    for (i, [lo, hi]) in rails.into_iter().enumerate() {
        let samples = &t.sampled.signals()[i].values;
        let outside = samples.iter().chain([&t.final_state[i]]).find(|y| !(lo..=hi).contains(*y));
        prop_assert!(outside.is_none(), "state {i} is {outside:?}, its rails {lo} and {hi}");
    }
    Ok(())
}

/// Halving the step of Dopri5 divides its error by about 2⁵: the field is as smooth as the method needs, and the same
/// whenever it is asked. (Starts from which perturbations grow beyond bounds are passed over.)
pub fn solver_order<M: Neuron>(case: &Case) -> Verdict {
    let start = Run {
        initial: Some(case.states[0].clone()),
        rtol: 1e-13,
        atol: 1e-13,
        sampling: Sampling::Uniform(41),
        ..Run::to(1.0)
    };
    let run = |run: Run| match neuron::<M>(case).simulate(&run) {
        Ok(t) if t.conditioning.is_good() => Some(t),
        _ => None,
    };
    // Two of the fastest times met on the way: 16 to 128 steps of an eighth of it and less.
    let mut t_end = 2.0 / rate::<M>(case, &case.states[0]);
    let Some(first) = run(Run { t_end, ..start.clone() }) else { return Ok(()) };
    let states = (0..41).map(|k| first.sampled.signals().iter().map(|s| s.values[k]).collect::<Vec<f64>>());
    t_end = t_end.min(2.0 / states.map(|y| rate::<M>(case, &y)).fold(0.0, f64::max));
    let fixed = |n: f64| {
        let free = Run { t_end, method: Method::Dopri5, rtol: 1e9, atol: 1e9, ..start.clone() };
        Some(run(Run { first_step: Some(t_end / n), max_step: t_end / n, ..free })?.final_state)
    };
    let Some(exact) = fixed(1024.0) else { return Ok(()) };
    let size = exact.iter().map(|y| y.abs()).fold(1e-3, f64::max);
    let error = |n: f64| Some(fixed(n)?.iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / size);
    let errors: Vec<f64> = [16.0, 32.0, 64.0, 128.0].into_iter().filter_map(error).collect();
    prop_assume!(errors.len() == 4);
    // Before rounding does, some pair must show the order; or all are exact.
    let shown = errors.windows(2).any(|w| w[1] < 1e-12 || w[0] / w[1] > 16.0);
    prop_assert!(shown, "errors {errors:?} at 16, 32, 64 and 128 steps over {t_end}");
    Ok(())
}

/// The same run gives the same bits, and its final state does not depend on where it is sampled.
pub fn determinism<M: Neuron>(case: &Case) -> Verdict {
    let run = short::<M>(case);
    let elsewhere = Run { sampling: Sampling::At(vec![0.5 * run.t_end]), ..run.clone() };
    let end = |run: &Run| neuron::<M>(case).simulate(run);
    match (end(&run), end(&run), end(&elsewhere)) {
        (Ok(a), Ok(b), Ok(c)) => {
            prop_assert_eq!(&a, &b);
            prop_assert_eq!((a.final_state, a.work), (c.final_state, c.work));
        }
        (Err(a), Err(b), Err(_)) => prop_assert_eq!(a.to_string(), b.to_string()),
        _ => prop_assert!(false, "the same run fails once and does not fail once"),
    }
    Ok(())
}
