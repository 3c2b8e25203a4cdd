//! This machine's speed: what `felice bench` calls.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Instant;

use super::run::Ensemble;
use super::settings::{Method, Settings};
use crate::error::NeuronError;
use crate::integrate::Precision;
use crate::models::{Boomerang, Fhnrs, WereRabbit};
use crate::neuron::{Neuron, Row};
use crate::real::Lane;
use crate::simd::{Instructions, Vector, Vectorised, Width, run};

/// Step of the fixed mode, in the model's unit of time.
const STEP: f64 = 0.01;

/// As many as the memory of a small machine holds.
const MOST_NEURONS: usize = 20_000_000;

/// Runs, of which the median counts.
const ROUNDS: usize = 5;
/// More would say no more.
const MOST_STEPS: u64 = 1_000_000_000;

/// Fixed steps or adaptive ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// Tsit5 with steps of .01.
    Fixed,
    /// Tsit5 at this tolerance, relative and absolute, over as much time as the fixed steps take.
    Adaptive(f64),
}

/// What a bench measured.
#[derive(Clone, Debug, PartialEq)]
pub struct BenchReport {
    /// One run of all neurons took so long; the median of five.
    pub seconds: f64,
    /// Accepted steps of all neurons a second.
    pub neuron_steps_per_second: f64,
    /// Evaluations of the field of one neuron a second.
    pub field_evaluations_per_second: f64,
    /// Fused multiply-adds a second (of single numbers) that a bare vector loop reaches on as many threads.
    pub fma_per_second: f64,
    /// Accepted steps a second over those that the multiplications and multiply-adds of the fixed step would allow at
    /// that rate; `None` in adaptive mode.
    pub share_of_fma_bound: Option<f64>,
    /// Threads.
    pub threads: usize,
    /// Instruction set.
    pub instructions: Instructions,
    /// Neurons that could not go on to the end; the figures are worth nothing where there are any.
    pub failed: usize,
    /// Final states, `[neuron][state]`.
    pub states: Vec<f64>,
}

/// Runs `neurons` neurons of a model (default parameters spread by 5 %) for `steps` steps, five times; the median.
///
/// # Errors
/// [`NeuronError::UnknownModel`] for other than the three models; [`NeuronError::Run`] for no neurons, more than 20,000,000, no steps or more than 1e9.
pub fn bench(
    model: &str,
    neurons: usize,
    steps: u64,
    precision: Precision,
    mode: Mode,
) -> Result<BenchReport, NeuronError> {
    match model {
        "boomerang" => go::<Boomerang>(Boomerang::default(), [0.25, 0.3], neurons, steps, precision, mode),
        "wererabbit" => go::<WereRabbit>(WereRabbit::default(), [0.3, 0.1], neurons, steps, precision, mode),
        "fhnrs" => go::<Fhnrs>(Fhnrs::default(), [2.0, 0.0, 1.0], neurons, steps, precision, mode),
        _ => {
            Err(NeuronError::UnknownModel { name: model.to_owned(), known: "boomerang, fhnrs, wererabbit".to_owned() })
        }
    }
}

fn go<M: Neuron>(
    p: M::Parameters<f64>,
    y: M::State<f64>,
    n: usize,
    steps: u64,
    precision: Precision,
    mode: Mode,
) -> Result<BenchReport, NeuronError> {
    if !(1..=MOST_NEURONS).contains(&n) {
        return Err(NeuronError::Run { what: "neurons", value: n.to_string(), range: "1 to 20,000,000" });
    }
    if !(1..=MOST_STEPS).contains(&steps) {
        return Err(NeuronError::Run { what: "steps", value: steps.to_string(), range: "1 to 1,000,000,000" });
    }
    let spread =
        |x: f64, i: usize, k: usize| x * (1.0 + 0.05 * (((k * 7919 + i * 104_729) % 1000) as f64 / 1000.0 - 0.5));
    let parameters = (0..n).map(|k| M::Parameters::from_fn(|i| spread(p.get(i), i, k))).collect();
    let initial = (0..n).map(|k| M::State::from_fn(|i| spread(y.get(i), i, k))).collect();
    let ensemble = Ensemble::<M>::new(parameters, initial)?;
    match precision {
        Precision::F64 => measure::<M, f64>(&ensemble, steps, mode),
        Precision::F32 => measure::<M, f32>(&ensemble, steps, mode),
    }
}

fn measure<M: Neuron, L: Width>(ensemble: &Ensemble<M>, steps: u64, mode: Mode) -> Result<BenchReport, NeuronError> {
    let method = match mode {
        Mode::Fixed => Method::Tsit5 { steps },
        Mode::Adaptive(tolerance) => Method::Adaptive { rtol: tolerance, atol: tolerance },
    };
    let settings = Settings { method, ..Settings::to(STEP * steps as f64) };
    let (mut times, mut accepted, mut evaluations, mut bounds) = (Vec::new(), 0.0, 0.0, Vec::new());
    let mut states: Vec<L> = Vec::with_capacity(ensemble.len() * M::State::<L>::LEN);
    let mut failed = 0;
    for _ in 0..ROUNDS {
        states.clear();
        let start = Instant::now();
        let report = ensemble.run::<L>(&settings, |block| {
            states.extend(block.states);
            failed += block.failures.len();
            ControlFlow::Continue(())
        })?;
        times.push(start.elapsed().as_secs_f64());
        accepted = report.accepted as f64;
        evaluations = 6.0 * (report.accepted + report.rejected) as f64 / accepted.max(1.0);
        bounds.push(fma_rate::<L>(settings.instructions));
    }
    times.sort_by(f64::total_cmp);
    bounds.sort_by(f64::total_cmp);
    let rate = accepted / times[ROUNDS / 2];
    let slots = 6 * multiplications::<M>() + M::State::<f64>::LEN * 27;
    Ok(BenchReport {
        seconds: times[ROUNDS / 2],
        neuron_steps_per_second: rate,
        field_evaluations_per_second: rate * evaluations,
        fma_per_second: bounds[ROUNDS / 2],
        share_of_fma_bound: (mode == Mode::Fixed).then_some(rate * slots as f64 / bounds[ROUNDS / 2]),
        threads: rayon::current_num_threads(),
        instructions: settings.instructions,
        failed: failed / ROUNDS,
        states: states.into_iter().map(L::to_f64).collect(),
    })
}

/// The bare loop: chains enough to fill every pipeline.
struct Bare(u64);

impl<L: Lane> Vectorised<L> for Bare {
    type Output = f64;
    #[inline(always)]
    fn run<V: Vector<Lane = L>>(self) -> f64 {
        let (a, b) = (V::splat(L::from_f64(0.999)), V::splat(L::from_f64(0.5)));
        let mut x = [a; 12];
        for _ in 0..self.0 {
            let mut i = 0;
            while i < 12 {
                x[i] = x[i].mul_add(a, b);
                i += 1;
            }
            V::abreast(&mut x, 12);
        }
        let mut sum = x[0];
        for x in &x[1..] {
            sum = sum.add(*x);
        }
        let mut first = vec![L::num(0.0); V::LANES];
        sum.store(&mut first);
        black_box(first);
        12.0 * self.0 as f64 * V::LANES as f64
    }
}

/// Fused multiply-adds a second on all threads.
fn fma_rate<L: Width>(instructions: Instructions) -> f64 {
    let start = Instant::now();
    let done: Vec<f64> = rayon::broadcast(|_| run::<L, _>(instructions, Bare(2_000_000)));
    done.iter().sum::<f64>() / start.elapsed().as_secs_f64()
}

/// Multiplications and multiply-adds of one evaluation of the field, exponentials and tanh included, as vectors do them.
fn multiplications<M: Neuron>() -> usize {
    let p = M::prepare(&M::Parameters::from_fn(|i| counted::Counted(0.1 + i as f64)));
    counted::SLOTS.with(|s| s.set(0));
    black_box(M::prepared_field(&p, M::State::from_fn(|i| counted::Counted(0.1 * (1 + i) as f64))));
    counted::SLOTS.with(std::cell::Cell::get)
}

/// A vector of one lane that counts.
mod counted {
    use std::cell::Cell;
    use std::ops::{Add, Div, Mul, Neg, Sub};

    use crate::real::Real;

    thread_local! { pub static SLOTS: Cell<usize> = const { Cell::new(0) }; }

    #[derive(Clone, Copy, Debug)]
    pub struct Counted(pub f64);

    fn one<T>(x: T) -> T {
        SLOTS.with(|s| s.set(s.get() + 1));
        x
    }

    macro_rules! operator {
        ($($op:ident $method:ident $count:expr;)*) => { $(
            impl $op for Counted {
                type Output = Counted;
                fn $method(self, o: Counted) -> Counted {
                    $count(Counted(self.0.$method(o.0)))
                }
            }
        )* };
    }
    operator! { Add add std::convert::identity; Sub sub std::convert::identity; Mul mul one; Div div std::convert::identity; }

    impl Neg for Counted {
        type Output = Counted;
        fn neg(self) -> Counted {
            Counted(-self.0)
        }
    }

    impl Real for Counted {
        type Lane = f64;
        type Mask = bool;
        fn splat(lane: f64) -> Counted {
            Counted(lane)
        }
        fn mul_add(self, a: Counted, b: Counted) -> Counted {
            one(Counted(Real::mul_add(self.0, a.0, b.0)))
        }
        fn abs(self) -> Counted {
            Counted(self.0.abs())
        }
        fn sqrt(self) -> Counted {
            Counted(self.0.sqrt())
        }
        fn copysign(self, sign: Counted) -> Counted {
            Counted(self.0.copysign(sign.0))
        }
        fn lt(self, o: Counted) -> bool {
            self.0 < o.0
        }
        fn le(self, o: Counted) -> bool {
            self.0 <= o.0
        }
        fn select(mask: bool, yes: Counted, no: Counted) -> Counted {
            if mask { yes } else { no }
        }
        fn and(a: bool, b: bool) -> bool {
            a & b
        }
        fn all(mask: bool) -> bool {
            mask
        }
        fn any(mask: bool) -> bool {
            mask
        }
        fn times_power_of_two(self, rounded: Counted) -> Counted {
            Counted(self.0.times_power_of_two(rounded.0))
        }
    }
}
