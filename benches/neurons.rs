//! What a trajectory costs beyond its integrator, and a field beyond its transcendental functions.
//!
//! `cargo bench -p felice --bench neurons`. Each figure is the fastest of many alternating repetitions.

// A bench that cannot go on has nothing to say.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use felice_neurons::dispatch::{self, Kernel};
use felice_neurons::{AnyNeuron, Boomerang, Fhnrs, Neuron, Real, Row, Run, WereRabbit};
use nalgebra::SVector;
use ode_solvers::{Dop853, System};

/// The fastest of `n` runs of each, alternating.
fn fastest<const K: usize>(n: usize, mut work: [&mut dyn FnMut(); K]) -> [Duration; K] {
    let mut best = [Duration::MAX; K];
    for _ in 0..n {
        for (best, work) in best.iter_mut().zip(&mut work) {
            let start = Instant::now();
            work();
            *best = (*best).min(start.elapsed());
        }
    }
    best
}

struct Bare(WereRabbit);

struct Field<'a>(&'a WereRabbit, [f64; 2]);

impl Kernel for Field<'_> {
    type Output = [f64; 2];
    #[inline(always)]
    fn run(self) -> [f64; 2] {
        WereRabbit::field(self.0, self.1)
    }
}

impl System<f64, SVector<f64, 2>> for Bare {
    fn system(&self, _: f64, y: &SVector<f64, 2>, dy: &mut SVector<f64, 2>) {
        *dy = SVector::from(dispatch::run(Field(&self.0, [y[0], y[1]])));
    }
}

/// 50 τ of WereRabbit at 1e-9 with 1001 samples: `simulate` against the bare loop of the same integrator.
fn trajectory() {
    let neuron = AnyNeuron::new("wererabbit").unwrap_or_else(|e| panic!("{e}"));
    let run = Run { initial: Some(vec![0.3, 0.1]), ..Run::to(50.0) };
    let (mut evaluations, mut bare_evaluations) = (0, 0);
    let mut ours = || match neuron.simulate(&run) {
        Ok(t) => evaluations = black_box(t).work.evaluations,
        Err(e) => panic!("{e}"),
    };
    let mut bare = || {
        let (start, never, out) = (SVector::from([0.3, 0.1]), u32::MAX, ode_solvers::OutputType::Dense);
        let mut solver = Dop853::from_param(
            Bare(WereRabbit::default()),
            0.0,
            50.0,
            0.05,
            start,
            1e-9,
            1e-9,
            0.9,
            0.08,
            0.333,
            6.0,
            50.0,
            0.0,
            never,
            never,
            out,
        );
        bare_evaluations = solver.integrate().map_or(0, |stats| stats.num_eval);
        black_box(solver.y_out().len());
    };
    let [a, b] = fastest(200, [&mut ours, &mut bare]);
    println!(
        "trajectory (50 τ, 1e-9, 1001 samples): {a:?} with {evaluations} evaluations; bare loop {b:?} with {bare_evaluations}; ratio {:.2}",
        a.as_secs_f64() / b.as_secs_f64()
    );
}

/// Evaluations in a chain.
const CHAIN: usize = 1000;

/// A chain of fields, each at a state the last one decides, as in an integrator.
struct Fields<'a, M: Neuron> {
    p: &'a M::Parameters<f64>,
    start: M::State<f64>,
}

impl<M: Neuron> Kernel for Fields<'_, M> {
    type Output = M::State<f64>;
    #[inline(always)]
    fn run(self) -> M::State<f64> {
        let mut y = self.start;
        for _ in 0..CHAIN {
            let dy = M::field(self.p, y);
            y = M::State::from_fn(|i| dy.get(i).mul_add(1e-3, self.start.get(i)));
        }
        y
    }
}

/// A chain of the field's exponentials and tanhs alone.
struct Functions<const E: usize, const T: usize>([f64; E], [f64; T]);

impl<const E: usize, const T: usize> Kernel for Functions<E, T> {
    type Output = ([f64; E], [f64; T]);
    #[inline(always)]
    fn run(self) -> ([f64; E], [f64; T]) {
        let (mut e, mut t) = (self.0, self.1);
        for _ in 0..CHAIN {
            let (ye, yt) = f64::exp_tanh(e, t);
            for i in 0..E {
                e[i] = ye[i].mul_add(1e-3, self.0[i]);
            }
            for i in 0..T {
                t[i] = yt[i].mul_add(1e-3, self.1[i]);
            }
        }
        (e, t)
    }
}

fn compare<M: Neuron, const E: usize, const T: usize>(
    p: M::Parameters<f64>,
    y: M::State<f64>,
    e: [f64; E],
    t: [f64; T],
) {
    let mut field = || {
        black_box(dispatch::run(Fields::<M> { p: black_box(&p), start: black_box(y) }));
    };
    let mut functions = || {
        black_box(dispatch::run(Functions(black_box(e), black_box(t))));
    };
    let [a, b] = fastest(1000, [&mut field, &mut functions]);
    let each = |d: Duration| d.as_secs_f64() * 1e9 / CHAIN as f64;
    let (a, b) = (each(a), each(b));
    println!("{} field in a chain: {a:.1} ns, its exp and tanh {b:.1} ns, ratio {:.2}", M::INFO.name, a / b);
}

fn main() {
    trajectory();
    let (u, v) = (0.3, 0.1);
    compare::<WereRabbit, 2, 1>(WereRabbit::default(), [u, v], [15.6 * v, 15.6 * u], [5.0 * (u - v)]);
    compare::<Boomerang, 2, 1>(Boomerang::default(), [u, v], [15.6 * v, 15.6 * u], [30.0 * (v - u)]);
    compare::<Fhnrs, 0, 2>(Fhnrs::default(), [2.0, 0.5, 0.1], [], [2.0, 0.5]);
}
