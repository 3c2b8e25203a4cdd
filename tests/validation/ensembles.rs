//! felice's own values through the vectors: fields, trajectories and spike times of many neurons abreast.

use std::marker::PhantomData;
use std::ops::ControlFlow;

use felice_neurons::ensemble::{Block, Ensemble, Method, Settings};
use felice_neurons::simd::{Instructions, Pack, Vector, Vectorised, Width, run};
use felice_neurons::{AnyNeuron, Boomerang, Direction, Fhnrs, Lane, Neuron, Row, Run, Sampling, Trigger, WereRabbit};

use crate::neurons::{Told, gate_fields, numbers, told};
use crate::neurons_trajectories::{Pair, pairs};
use crate::quantiles::Quantiles;

const SETS: [Instructions; 4] = [Instructions::Baseline, Instructions::Avx2, Instructions::Avx512, Instructions::Neon];

/// Field and spike condition of every neuron, a pack at a time, each lane with parameters of its own.
struct Fields<'a, M>(&'a [Told], PhantomData<M>);

impl<M: Neuron, L: Lane> Vectorised<L> for Fields<'_, M> {
    type Output = Vec<(Vec<f64>, f64)>;
    #[inline(always)]
    fn run<V: Vector<Lane = L>>(self) -> Self::Output {
        let width = Pack::<V, 2>::WIDTH;
        let (mut all, mut lanes) = (Vec::new(), vec![L::num(0.0); width]);
        for told in self.0.chunks(width) {
            let mut pack = |of: &dyn Fn(&Told) -> f64| {
                (0..width).for_each(|k| lanes[k] = L::from_f64(of(&told[k.min(told.len() - 1)])));
                Pack::<V, 2>::load(&lanes)
            };
            let p = M::Parameters::from_fn(|i| pack(&|t| t.neuron.parameters().nth(i).unwrap().1));
            let y = M::State::from_fn(|i| pack(&|t| t.y[i]));
            let dy = M::field(&p, y);
            let mut rows: Vec<Pack<V, 2>> = (0..M::State::<L>::LEN).map(|i| dy.get(i)).collect();
            rows.push(M::spike_condition(&p, y, dy));
            let first = all.len();
            all.extend(told.iter().map(|_| (Vec::new(), 0.0)));
            for (i, row) in rows.into_iter().enumerate() {
                row.store(&mut lanes);
                for ((dy, spike), x) in all[first..].iter_mut().zip(&lanes) {
                    if i < M::State::<L>::LEN { dy.push(x.to_f64()) } else { *spike = x.to_f64() }
                }
            }
        }
        all
    }
}

fn fields_on_vectors<M: Neuron>() {
    let name = &*M::INFO.name;
    let (double, single) = (told(name, false), told(name, true));
    for set in SETS.into_iter().filter(|s| s.available()) {
        let ours = run::<f64, _>(set, Fields::<M>(&double, PhantomData));
        gate_fields(&format!("{name} f64 on {set}"), &double, &ours, f64::EPSILON);
        let ours = run::<f32, _>(set, Fields::<M>(&single, PhantomData));
        gate_fields(&format!("{name} f32 on {set}"), &single, &ours, f32::EPSILON.into());
    }
}

#[test]
fn val_fields_on_vectors() {
    fields_on_vectors::<WereRabbit>();
    fields_on_vectors::<Boomerang>();
    fields_on_vectors::<Fhnrs>();
}

/// An ensemble's one block.
fn whole<L: Width>(ensemble: &Ensemble, settings: &Settings) -> Block<L> {
    let mut whole = None;
    let one = Settings { block: ensemble.len(), ..settings.clone() };
    ensemble
        .run(&one, |b| {
            whole = Some(b);
            ControlFlow::Continue(())
        })
        .unwrap();
    whole.unwrap()
}

/// The well-conditioned reference trajectories of a model as one ensemble, and settings that sample it as felice did.
fn reference(model: &'static str) -> (Vec<Pair>, Ensemble, Settings) {
    let pairs: Vec<Pair> = pairs(model).filter(Pair::well_conditioned).collect();
    let [t_end, samples] = ["t1", "n_samples"].map(|key| {
        let first = pairs[0].reference[key].as_f64().unwrap();
        assert!(pairs.iter().all(|p| p.reference[key].as_f64() == Some(first)), "all end and are sampled alike");
        first
    });
    let starts = pairs.iter().flat_map(|p| numbers(&p.reference["y0"])).collect();
    let neurons = pairs.iter().map(|p| p.neuron.clone());
    let ensemble = Ensemble::of(&AnyNeuron::new(model).unwrap(), neurons, Some(starts)).unwrap();
    (pairs, ensemble, Settings { samples: samples as usize - 1, ..Settings::to(t_end) })
}

/// Errors over the trajectories' amplification: γ > 0, then γ = 0.
fn errors<L: Width>(model: &'static str, method: Method) -> [Vec<f64>; 2] {
    let (pairs, ensemble, settings) = reference(model);
    let block: Block<L> = whole(&ensemble, &Settings { method, ..settings.clone() });
    assert!(block.failures.is_empty(), "{model} {method:?}: {:?}", block.failures);
    let mut errors = [Vec::new(), Vec::new()];
    for (n, pair) in pairs.iter().enumerate() {
        let amplification = pair.reference["amplification"].as_f64().unwrap_or(1.0);
        let kind = &mut errors[usize::from(pair.neuron.get("gamma").is_ok_and(|g| g == 0.0))];
        let truth = pair.reference["y"].as_array().unwrap().iter().map(numbers);
        for (index, y) in numbers(&pair.reference["index"]).into_iter().zip(truth).filter(|(i, _)| *i > 0.0) {
            let ours = &block.samples[(n * settings.samples + index as usize - 1) * y.len()..];
            kind.push(ours.iter().zip(&y).map(|(a, b)| (a.to_f64() - b).abs()).fold(0.0, f64::max) / amplification);
        }
    }
    errors
}

/// Adaptive steps at a tolerance; fixed ones, fixed for the sharpest turn, are many and for most of the way too many.
#[test]
fn val_trajectories_of_an_ensemble() {
    for model in ["wererabbit", "boomerang", "fhnrs"] {
        let steps = if model == "fhnrs" { 100_000 } else { 50_000 };
        let fixed = Method::Tsit5 { steps };
        let adaptive = |tolerance| Method::Adaptive { rtol: tolerance, atol: tolerance };
        for (name, method, gates) in
            [("adaptive", adaptive(1e-12), [1e-12, 1e-10, 2e-9]), ("fixed", fixed, [1e-11, 1e-7, 1e-5])]
        {
            let [usual, conservative] = errors::<f64>(model, method);
            let subject = format!("{model} ensemble f64 {name} / amplification");
            Quantiles::of(&subject, usual).gate(gates[0], gates[1], gates[2]);
            if !conservative.is_empty() {
                Quantiles::of(subject + ", gamma = 0", conservative).gate(1e-10, 1e-7, 1e-5);
            }
        }
        for (name, method) in [("adaptive", adaptive(1e-6)), ("fixed", fixed)] {
            let all = errors::<f32>(model, method).into_iter().flatten();
            Quantiles::of(format!("{model} ensemble f32 {name} / amplification"), all).gate(1e-5, 1e-3, 1e-2);
        }
    }
}

fn times<L>(block: &Block<L>, event: usize, neuron: usize) -> &[f64] {
    let ragged = &block.events[event];
    let first: u64 = ragged.counts[..neuron].iter().sum();
    &ragged.times[first as usize..][..ragged.counts[neuron] as usize]
}

#[test]
fn val_spike_times_of_an_ensemble() {
    let (pairs, ensemble, settings) = reference("fhnrs");
    let levels = numbers(&pairs[0].reference["thresholds"]);
    let rising = |level: &f64| Trigger::Crossing { state: "v".into(), level: *level, direction: Direction::Rising };
    let events = levels.iter().map(rising).collect();
    let method = Method::Adaptive { rtol: 1e-12, atol: 1e-12 };
    let block: Block<f64> = whole(&ensemble, &Settings { method, events, samples: 0, ..settings });
    let mut errors = Vec::new();
    for (n, pair) in pairs.iter().enumerate() {
        for (k, level) in levels.iter().enumerate() {
            let truth = numbers(&pair.reference["spike_times"][format!("vthr={level}")]);
            let ours = times(&block, k, n);
            assert_eq!(ours.len(), truth.len(), "neuron {n}: spikes through {level}");
            errors.extend(ours.iter().zip(truth).map(|(a, b)| a - b));
        }
    }
    Quantiles::of("fhnrs ensemble spike times", errors).gate(5e-11, 1e-9, 1e-9);
}

#[test]
fn val_spike_condition_crossings_of_an_ensemble() {
    let (pairs, ensemble, settings) = reference("wererabbit");
    let method = Method::Adaptive { rtol: 1e-12, atol: 1e-12 };
    let events = vec![Trigger::SpikeCondition];
    let block: Block<f64> = whole(&ensemble, &Settings { method, events, samples: 0, ..settings });
    let mut errors = Vec::new();
    for (n, pair) in pairs.iter().enumerate() {
        let y0 = numbers(&pair.reference["y0"]);
        let ours = times(&block, 0, n);
        // On the diagonal felice finds none.
        if y0[0] != y0[1] {
            let truth = numbers(&pair.reference["spike_condition_up_crossings"]);
            assert!(ours.len() >= truth.len(), "neuron {n}");
            errors.extend(ours.iter().zip(truth).map(|(a, b)| a - b));
        }
    }
    // The windows are 1e-4 wide: their edges move by many times the state's error.
    Quantiles::of("wererabbit ensemble spike condition crossings", errors).gate(1e-10, 1e-8, 1e-8);
}

/// The slope of ln(error) over ln(step), the largest error of ten samples.
#[test]
fn val_fixed_steps_have_the_order_of_their_name() {
    let neuron = AnyNeuron::new("fhnrs").unwrap();
    let (start, t_end) = (vec![2.0, 0.0, 1.0], 4.0);
    let exact = Run { initial: Some(start.clone()), rtol: 1e-14, atol: 1e-15, ..Run::to(t_end) };
    let truth = neuron.simulate(&Run { sampling: Sampling::Uniform(11), ..exact }).unwrap().sampled;
    let many = Ensemble::of(&neuron, vec![neuron.clone(); 9], Some(start.repeat(9))).unwrap();
    for (name, theory, steps) in [("Tsit5", 5.0, [20_u64, 80]), ("RK4", 4.0, [80, 320])] {
        let [coarse, fine] = steps.map(|steps| {
            let method = if name == "RK4" { Method::Rk4 { steps } } else { Method::Tsit5 { steps } };
            let block: Block<f64> = whole(&many, &Settings { method, samples: 10, ..Settings::to(t_end) });
            let error = |(k, y): (usize, &f64)| (y - truth.signals()[k % 3].values[1 + k / 3 % 10]).abs();
            block.samples.iter().enumerate().map(error).fold(0.0, f64::max)
        });
        let order = (coarse / fine).ln() / (steps[1] as f64 / steps[0] as f64).ln();
        println!("{name}: order {order:.3} ({coarse:.1e}, {fine:.1e})");
        assert!((order - theory).abs() < 0.1, "{name}: {order}, errors {coarse:e} and {fine:e}");
    }
}

/// A loop that anybody would write, one neuron, one number at a time, gives an ensemble's bits.
#[test]
fn val_fixed_steps_are_the_plain_loop_to_the_bit() {
    for (model, start) in
        [("wererabbit", vec![0.3, 0.1]), ("boomerang", vec![0.25, 0.3]), ("fhnrs", vec![2.0, 0.0, 1.0])]
    {
        let neurons: Vec<AnyNeuron> = (0..29)
            .map(|k| {
                let mut n = AnyNeuron::new(model).unwrap();
                let (name, value) = n.parameters().nth(1).map(|(n, v)| (n.to_owned(), v)).unwrap();
                n.set(&name, value * (1.0 + 0.01 * f64::from(k))).unwrap();
                n
            })
            .collect();
        let many = Ensemble::of(&neurons[0], neurons.clone(), Some(start.repeat(29))).unwrap();
        let method = Method::Rk4 { steps: 100 };
        let block: Block<f64> = whole(&many, &Settings { method, ..Settings::to(1.0) });
        for (neuron, end) in neurons.iter().zip(block.states.chunks(start.len())) {
            assert_eq!(plain_rk4(neuron, &start, 100, 1.0), end, "{model}");
        }
    }
}

/// The classical method; the increment is summed by fused multiply-adds, first stage first.
fn plain_rk4(neuron: &AnyNeuron, start: &[f64], steps: u32, t_end: f64) -> Vec<f64> {
    let h = t_end / f64::from(steps);
    let field = |y: &[f64]| {
        let mut dy = vec![0.0; y.len()];
        neuron.field(y, &mut dy).unwrap();
        dy
    };
    let moved = |y: &[f64], by: &dyn Fn(usize) -> f64| -> Vec<f64> { (0..y.len()).map(|i| y[i] + by(i)).collect() };
    let mut y = start.to_vec();
    for _ in 0..steps {
        let k1 = field(&y);
        let k2 = field(&moved(&y, &|i| h * 0.5 * k1[i]));
        let k3 = field(&moved(&y, &|i| h * 0.5 * k2[i]));
        let k4 = field(&moved(&y, &|i| h * k3[i]));
        let (third, sixth) = (h * (1.0 / 3.0), h * (1.0 / 6.0));
        y = moved(&y, &|i| sixth.mul_add(k4[i], third.mul_add(k3[i], third.mul_add(k2[i], sixth * k1[i]))));
    }
    y
}
