//! Where neurons set out: the field there and a first step to try, found for a vector of neurons at once.

use super::plan::{Neurons, Plan};
use super::steps::{Control, Rows, Steps};
use super::tableau::EULER;
use super::vector_field::{ABREAST, VectorField, width};
use crate::dispatch::Kernel;
use crate::real::Real;
use crate::simd::{Instructions, Pack, Vector, Width};

/// The first step of a neuron whose start says nothing of a better one.
pub(crate) const USUAL: f64 = 1e-3;

/// As many neurons as there are lanes, the next ones of a block.
pub(crate) struct Beginnings<L> {
    field: Box<dyn VectorField<L>>,
    rows: Rows<L>,
    /// The first of these neurons, and how many they are.
    first: usize,
    len: usize,
}

impl<L: Width> Beginnings<L> {
    pub fn new(dim: usize, field: Box<dyn VectorField<L>>, instructions: Instructions) -> Self {
        Beginnings { field, rows: Rows::new(dim, width::<L>(instructions)), first: 0, len: 0 }
    }

    /// The place of a neuron, after which those before it are forgotten.
    pub fn place(&mut self, steps: &dyn Steps<L>, plan: &Plan, neurons: Neurons, neuron: usize) -> usize {
        if neuron >= self.first + self.len {
            self.begin(steps, plan, neurons, neuron);
        }
        neuron - self.first
    }

    /// A state's derivative at the neuron's start.
    pub fn slope(&self, place: usize, state: usize) -> L {
        self.rows.k.get()[state * self.rows.width + place]
    }

    /// The neuron's first step.
    pub fn step(&self, place: usize) -> L {
        self.rows.wanted.get()[place]
    }

    fn begin(&mut self, steps: &dyn Steps<L>, plan: &Plan, neurons: Neurons, first: usize) {
        let Rows { dim, width: w, .. } = self.rows;
        (self.first, self.len) = (first, w.min(neurons.len() - first));
        for lane in 0..w {
            let neuron = (first + lane).min(neurons.len() - 1);
            self.field.put(lane, neurons.parameters(neuron));
            for (i, y) in neurons.state(neuron).iter().enumerate() {
                self.rows.y.rows()[i * w + lane] = L::from_f64(*y);
            }
        }
        self.rows.h.rows().fill(L::num(0.0));
        self.rows.k.rows().fill(L::num(0.0));
        self.euler();
        let (slopes, after) = self.rows.k.rows().split_at_mut(dim * w);
        slopes.copy_from_slice(&after[..dim * w]);
        let Control::Adaptive(rtol, atol) = plan.control else { return };
        let aim = Aim { rtol, atol, t_end: plan.t_end };
        steps.guess(&mut self.rows, aim);
        self.euler();
        steps.choose(&mut self.rows, aim);
    }

    /// One step of Euler's method; the field at its end is the second stage.
    fn euler(&mut self) {
        self.field.stages(&mut self.rows, &EULER, Control::Fixed(0.0));
    }
}

/// What a first step is held against.
#[derive(Clone, Copy)]
pub struct Aim {
    pub rtol: f64,
    pub atol: f64,
    pub t_end: f64,
}

pub(super) struct Guess<'a, V: Vector>(pub &'a mut Rows<V::Lane>, pub Aim);

impl<V: Vector> Kernel for Guess<'_, V> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (Rows { width, y, k, h, .. }, aim) = (self.0, self.1);
        let (y, k, small) = (y.get(), k.get(), Pack::<V, ABREAST>::num(1e-5));
        let mut first = 0;
        while first < *width {
            let (mut d0, mut d1, mut at) = (Pack::<V, ABREAST>::num(0.0), Pack::num(0.0), first);
            while at < y.len() {
                let state = Pack::<V, ABREAST>::load(&y[at..]);
                d0 = d0.max(state.abs() / tolerance(state, aim));
                d1 = d1.max(Pack::<V, ABREAST>::load(&k[at..]).abs() / tolerance(state, aim));
                at += *width;
            }
            let known = Pack::<V, ABREAST>::and(small.le(d0), small.le(d1));
            let step = Pack::select(known, Pack::num(0.01) * d0 / d1, Pack::num(1e-6));
            step.min(Pack::num(aim.t_end)).store(&mut h.rows()[first..]);
            first += Pack::<V, ABREAST>::WIDTH;
        }
    }
}

pub(super) struct Choose<'a, V: Vector>(pub &'a mut Rows<V::Lane>, pub Aim);

impl<V: Vector> Kernel for Choose<'_, V> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (Rows { width, y, k, h, wanted, .. }, aim) = (self.0, self.1);
        let (y, k, h) = (y.get(), k.get(), h.get());
        let usual = Pack::<V, ABREAST>::num(USUAL.min(aim.t_end));
        let mut first = 0;
        while first < *width {
            let (h, mut most, mut at) = (Pack::load(&h[first..]), Pack::<V, ABREAST>::num(0.0), first);
            while at < y.len() {
                let tolerance = tolerance(Pack::<V, ABREAST>::load(&y[at..]), aim);
                let (begin, after) = (Pack::load(&k[at..]), Pack::<V, ABREAST>::load(&k[y.len() + at..]));
                most = most.max(begin.abs() / tolerance).max(((after - begin) / h).abs() / tolerance);
                at += *width;
            }
            let step = fifth_root(Pack::num(0.01) / most).min((Pack::num(100.0) * h).max(usual));
            let step = Pack::select(Pack::num(0.0).lt(step), step, usual);
            step.min(Pack::num(aim.t_end)).store(&mut wanted.rows()[first..]);
            first += Pack::<V, ABREAST>::WIDTH;
        }
    }
}

#[inline(always)]
fn tolerance<R: Real>(y: R, aim: Aim) -> R {
    R::num(aim.rtol).mul_add(y.abs(), R::num(aim.atol))
}

/// x^(13/64), of square roots: their bits are the same on every machine.
#[inline(always)]
fn fifth_root<R: Real>(x: R) -> R {
    let eighth = x.sqrt().sqrt().sqrt();
    let sixteenth = eighth.sqrt();
    eighth * sixteenth * sixteenth.sqrt().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ensemble::tableau::TSIT5;
    use crate::ensemble::{Precise, Settings};
    use crate::models::WereRabbit;
    use crate::neuron::Neuron;
    use crate::simd::Instructions;
    use crate::{AnyNeuron, Row};

    fn plan(tolerance: f64, t_end: f64) -> Plan {
        Plan {
            t_end,
            samples: 0,
            tableau: &TSIT5,
            control: Control::Adaptive(tolerance, tolerance),
            max_steps: 1,
            watched: Vec::new(),
            events: 0,
            summary: false,
            settled: Settings::to(t_end).settled,
            rails: Vec::new(),
        }
    }

    /// Derivatives and first steps of some rabbits.
    fn steps(tolerance: f64, t_end: f64) -> Vec<([f64; 2], f64)> {
        let model = AnyNeuron::new("wererabbit").unwrap();
        let (p, best) = (WereRabbit::default(), Instructions::best());
        let parameters: Vec<f64> = (0..50 * 7).map(|i| p.get(i % 7)).collect();
        let states: Vec<f64> = (0..50).flat_map(|i| [0.3 - 0.01 * f64::from(i), 0.1]).collect();
        let neurons = Neurons { model: &*model.model, parameters: &parameters, states: &states, stimuli: &[], dim: 2 };
        let field = f64::vector_field(&*model.model, best);
        let (mut begin, by) = (Beginnings::<f64>::new(2, field, best), crate::ensemble::steps::steps(best, &TSIT5));
        let found = |neuron: usize| {
            let place = begin.place(&*by, &plan(tolerance, t_end), neurons, neuron);
            ([begin.slope(place, 0), begin.slope(place, 1)], begin.step(place))
        };
        (0..50).map(found).collect()
    }

    /// Hairer's formula, written out for one neuron.
    fn by_hand(tolerance: f64, t_end: f64, y: [f64; 2]) -> f64 {
        let size = |x: [f64; 2]| {
            let over = |i: usize| x[i].abs() / (tolerance * y[i].abs() + tolerance);
            over(0).max(over(1))
        };
        let dy = WereRabbit::field(&WereRabbit::default(), y);
        let h = (0.01 * size(y) / size(dy)).min(t_end);
        let after = WereRabbit::field(&WereRabbit::default(), [y[0] + h * dy[0], y[1] + h * dy[1]]);
        let bend = size([(after[0] - dy[0]) / h, (after[1] - dy[1]) / h]);
        (0.01 / size(dy).max(bend)).powf(13.0 / 64.0).min((100.0 * h).max(USUAL)).min(t_end)
    }

    #[test]
    fn slopes_are_the_field_and_steps_are_hairers() {
        for (tolerance, t_end) in [(1e-9, 10.0), (32e-9, 10.0), (1e-4, 0.01), (1e-9, 1e-5)] {
            for (i, (dy, h)) in steps(tolerance, t_end).into_iter().enumerate() {
                let y = [0.3 - 0.01 * i as f64, 0.1];
                assert_eq!(dy, WereRabbit::field(&WereRabbit::default(), y), "{i}");
                let expected = by_hand(tolerance, t_end, y);
                assert!((h / expected - 1.0).abs() < 1e-9, "{i}: {h}, by hand {expected}");
            }
        }
    }

    #[test]
    fn a_fifth_root() {
        for x in [1e-300, 1e-7, 0.3, 1.0, 77.0, 1e100] {
            assert!((fifth_root::<f64>(x) / x.powf(13.0 / 64.0) - 1.0).abs() < 1e-14, "{x}");
        }
    }
}
