//! The equations of many neurons at once, one a lane, the model's type forgotten: what looks for events and keeps the
//! clocks is compiled once for each kind of vector, not once more for each model. Only the stages of a step are.

use std::marker::PhantomData;

use super::aligned::Aligned;
use super::crowd::{Crowd, Starts, add_scaled, scaled};
use super::steps::{Control, Rows};
use super::tableau::Tableau;
use crate::dispatch::Kernel;
use crate::model::Model;
use crate::neuron::{Neuron, Row};
use crate::real::{Lane, Real};
use crate::simd::{Instructions, Pack, Vector, Vectorised, Width, run};

/// Vectors that go through an equation side by side: more do not fit into the registers with three exponentials each.
pub(crate) const ABREAST: usize = 2;
/// Groups of them that take their stages in turn, so that one's last operations overlap with the next one's first, and
/// few wait where all must be done.
const IN_TURN: usize = 4;

/// Numbers in a row: one a lane, of which there are no more than bits in a u64.
pub(crate) const fn row<V: Vector>() -> usize {
    let lanes = IN_TURN * ABREAST * V::LANES;
    if lanes < 64 { lanes } else { 64 }
}

/// One neuron a lane; states are rows one after another.
pub trait VectorField<L>: Send {
    /// Gives a lane a neuron's parameters.
    fn put(&mut self, lane: usize, parameters: &[f64]);
    /// Attempts a step in every lane: stages, end, and the error over its tolerance (0 for fixed steps).
    fn stages(&self, rows: &mut Rows<L>, tableau: &Tableau, control: Control);
    /// The spike condition: one row.
    fn spike_condition(&self, y: &[L], dy: &[L], g: &mut [L]);
}

/// A model known at compile time on one kind of vector.
struct Held<M: Neuron, V: Vector> {
    /// Being there, it says that the machine has the instructions.
    here: V,
    /// `[parameter][lane]`.
    p: Aligned<V::Lane>,
    model: PhantomData<M>,
}

/// The vector field of a model.
pub(crate) fn vector_field<M: Neuron, L: Width>(instructions: Instructions) -> Box<dyn VectorField<L>> {
    run(instructions, Build::<M>(PhantomData))
}

struct Build<M>(PhantomData<M>);

impl<M: Neuron, L: Lane> Vectorised<L> for Build<M> {
    type Output = Box<dyn VectorField<L>>;
    #[inline(always)]
    fn run<V: Vector<Lane = L>>(self) -> Self::Output {
        let p = Aligned::new(M::Parameters::<L>::LEN * row::<V>());
        Box::new(Held::<M, V> { here: V::splat(L::num(0.0)), p, model: PhantomData })
    }
}

impl<M: Neuron, V: Vector> VectorField<V::Lane> for Held<M, V> {
    fn put(&mut self, lane: usize, parameters: &[f64]) {
        let rows = self.p.rows();
        for (i, x) in parameters.iter().enumerate() {
            rows[i * row::<V>() + lane] = V::Lane::from_f64(*x);
        }
    }
    fn stages(&self, rows: &mut Rows<V::Lane>, tableau: &Tableau, control: Control) {
        self.here.within(Stages::<M, V> { p: self.p.get(), rows, tableau, control, model: PhantomData });
    }
    fn spike_condition(&self, y: &[V::Lane], dy: &[V::Lane], g: &mut [V::Lane]) {
        self.here.within(Condition::<M, V> { p: self.p.get(), y, dy, g, model: PhantomData });
    }
}

/// The packs at `first ..` of rows. (No closures in here: one that is not inlined is compiled without the instruction set.)
#[inline(always)]
fn load<S: Row<Pack<V, K>>, V: Vector, const K: usize>(from: &[V::Lane], first: usize) -> S {
    let w = row::<V>();
    let from = &from[..S::LEN * w];
    let zero = Pack::<V, K>::num(0.0);
    let mut s = S::from_fn(|_| zero);
    let mut i = 0;
    while i < S::LEN {
        s.set(i, Pack::load(&from[i * w + first..]));
        i += 1;
    }
    s
}

/// Packs to `first ..` of rows.
#[inline(always)]
fn store<S: Row<Pack<V, K>>, V: Vector, const K: usize>(s: &S, to: &mut [V::Lane], first: usize) {
    let w = row::<V>();
    let to = &mut to[..S::LEN * w];
    let mut i = 0;
    while i < S::LEN {
        s.get(i).store(&mut to[i * w + first..]);
        i += 1;
    }
}

struct Stages<'a, M: Neuron, V: Vector> {
    p: &'a [V::Lane],
    rows: &'a mut Rows<V::Lane>,
    tableau: &'a Tableau,
    control: Control,
    model: PhantomData<M>,
}

impl<M: Neuron, V: Vector> Kernel for Stages<'_, M, V> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Rows { driven, y, k, end, h, x, level, slope, error, .. } = self.rows;
        let (dim, w) = (M::State::<V::Lane>::LEN, row::<V>());
        let (stages, y, h, end) = (k.rows(), y.get(), h.get(), end.rows());
        let (mut row, last) = (0, self.tableau.rows.len());
        while row < last && row < 6 {
            let a = &self.tableau.rows[row];
            let mut first = 0;
            while first < w {
                let sum: M::State<Pack<V, ABREAST>> = weighted(stages, first, a, row);
                let (mut here, h) = (load::<M::State<Pack<V, ABREAST>>, V, ABREAST>(y, first), Pack::load(&h[first..]));
                let mut i = 0;
                while i < dim {
                    here.set(i, h.mul_add(sum.get(i), here.get(i)));
                    i += 1;
                }
                if row + 1 == last {
                    store(&here, end, first);
                }
                let mut dy = M::field(&load(self.p, first), here);
                if *driven {
                    let x = Pack::num(self.tableau.c[row]).mul_add(h, Pack::load(&x.get()[first..]));
                    let mut i = 0;
                    while i < dim {
                        let at = i * w + first;
                        let current = Pack::load(&slope.get()[at..]).mul_add(x, Pack::load(&level.get()[at..]));
                        dy.set(i, dy.get(i) + current);
                        i += 1;
                    }
                }
                store(&dy, &mut stages[(row + 1) * dim * w..], first);
                first += Pack::<V, ABREAST>::WIDTH;
            }
            row += 1;
        }
        let mut first = 0;
        while first < w {
            let worst = match self.control {
                Control::Fixed(_) => Pack::<V, ABREAST>::num(0.0),
                Control::Adaptive(rtol, atol) => {
                    let sum: M::State<Pack<V, ABREAST>> = weighted(stages, first, &self.tableau.error, 6);
                    let (y, end, h) = (load(y, first), load(end, first), Pack::load(&h[first..]));
                    error_over_tolerance(&y, &end, &sum, h, Pack::num(rtol), Pack::num(atol))
                }
            };
            worst.store(&mut error.rows()[first..]);
            first += Pack::<V, ABREAST>::WIDTH;
        }
    }
}

/// Σ a[j] of stage j, j ≤ last, for the packs at `first ..`.
#[inline(always)]
fn weighted<S: Row<Pack<V, K>>, V: Vector, const K: usize>(
    stages: &[V::Lane],
    first: usize,
    a: &[f64],
    last: usize,
) -> S {
    let n = S::LEN * row::<V>();
    let mut sum = scaled(Pack::num(a[0]), &load::<S, V, K>(stages, first));
    let mut j = 1;
    while j <= last {
        add_scaled(&mut sum, Pack::num(a[j]), &load::<S, V, K>(&stages[j * n..], first));
        j += 1;
    }
    sum
}

/// The same of one state of one neuron.
#[inline(always)]
fn weighted_state<L: Lane>(stages: &[L], [state, dim]: [usize; 2], a: &[f64], last: usize) -> L {
    let mut sum = L::num(a[0]) * stages[state];
    let mut j = 1;
    while j <= last {
        sum = L::num(a[j]).mul_add(stages[j * dim + state], sum);
        j += 1;
    }
    sum
}

/// The largest error of a state over rtol max(|y|, |end|) + atol; `sum` is the weighted sum of the stages.
#[inline(always)]
fn error_over_tolerance<R: Real, S: Row<R>>(y: &S, end: &S, sum: &S, h: R, rtol: R, atol: R) -> R {
    let zero = R::num(0.0);
    let (mut worst, mut i) = (zero, 0);
    while i < S::LEN {
        let scale = rtol.mul_add(y.get(i).abs().max(end.get(i).abs()), atol);
        // A NaN in either stays.
        worst = ((h * sum.get(i)).abs() / scale).max(worst) + zero * worst;
        i += 1;
    }
    worst
}

struct Condition<'a, M: Neuron, V: Vector> {
    p: &'a [V::Lane],
    y: &'a [V::Lane],
    dy: &'a [V::Lane],
    g: &'a mut [V::Lane],
    model: PhantomData<M>,
}

impl<M: Neuron, V: Vector> Kernel for Condition<'_, M, V> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let mut first = 0;
        while first < row::<V>() {
            let (p, y, dy) = (load::<_, V, ABREAST>(self.p, first), load(self.y, first), load(self.dy, first));
            M::spike_condition(&p, y, dy).store(&mut self.g[first..]);
            first += Pack::<V, ABREAST>::WIDTH;
        }
    }
}

/// A model that is known at run time only: its neurons one after another.
struct OneByOne {
    width: usize,
    models: Vec<Box<dyn Model>>,
}

/// The vector field of any model, at the speed of one neuron at a time.
pub(crate) fn one_by_one<L: Width>(model: Box<dyn Model>, instructions: Instructions) -> Box<dyn VectorField<L>> {
    let width = width::<L>(instructions);
    Box::new(OneByOne { width, models: vec![model; width] })
}

/// Lanes of [`Rows`].
pub(crate) fn width<L: Width>(instructions: Instructions) -> usize {
    struct Count;
    impl<L: Lane> Vectorised<L> for Count {
        type Output = usize;
        #[inline(always)]
        fn run<V: Vector<Lane = L>>(self) -> usize {
            row::<V>()
        }
    }
    run::<L, Count>(instructions, Count)
}

/// One lane's numbers of rows.
fn column<L: Copy>(rows: &[L], lane: usize, width: usize) -> Vec<L> {
    rows.iter().skip(lane).step_by(width).copied().collect()
}

impl<L: Width> VectorField<L> for OneByOne {
    fn put(&mut self, lane: usize, parameters: &[f64]) {
        let model = &mut self.models[lane];
        parameters.iter().enumerate().for_each(|(i, x)| model.set_parameter(i, *x));
    }
    fn stages(&self, rows: &mut Rows<L>, tableau: &Tableau, control: Control) {
        for (lane, model) in self.models.iter().enumerate() {
            crate::dispatch::run(OneLane { model: &**model, rows, lane, tableau, control });
        }
    }
    fn spike_condition(&self, y: &[L], dy: &[L], g: &mut [L]) {
        for (lane, g) in g[..self.width].iter_mut().enumerate() {
            let (y, dy) = (column(y, lane, self.width), column(dy, lane, self.width));
            *g = L::spike_condition(&*self.models[lane], &y, &dy);
        }
    }
}

struct OneLane<'a, L> {
    model: &'a dyn Model,
    rows: &'a mut Rows<L>,
    lane: usize,
    tableau: &'a Tableau,
    control: Control,
}

impl<L: Width> Kernel for OneLane<'_, L> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (dim, w, lane) = (self.rows.dim, self.rows.width, self.lane);
        let y = column(self.rows.y.rows(), lane, w);
        let mut k = column(self.rows.k.rows(), lane, w);
        let (h, start) = (self.rows.h.rows()[lane], self.rows.x.rows()[lane]);
        let mut here = y.clone();
        let last = self.tableau.rows.len();
        for row in 0..last {
            let a = &self.tableau.rows[row];
            for i in 0..dim {
                here[i] = h.mul_add(weighted_state(&k, [i, dim], a, row), y[i]);
            }
            let dy = &mut k[(row + 1) * dim..][..dim];
            L::field(self.model, &here, dy);
            if self.rows.driven {
                let x = L::num(self.tableau.c[row]).mul_add(h, start);
                for (i, dy) in dy.iter_mut().enumerate() {
                    let (slope, level) = (self.rows.slope.rows()[i * w + lane], self.rows.level.rows()[i * w + lane]);
                    *dy = *dy + slope.mul_add(x, level);
                }
            }
        }
        let mut worst = L::num(0.0);
        if let Control::Adaptive(rtol, atol) = self.control {
            for i in 0..dim {
                let sum = weighted_state(&k, [i, dim], &self.tableau.error, 6);
                let error = error_over_tolerance(&[y[i]], &[here[i]], &[sum], h, L::num(rtol), L::num(atol));
                worst = error.max(worst) + L::num(0.0) * worst;
            }
        }
        self.rows.error.rows()[lane] = worst;
        for i in 0..dim {
            self.rows.end.rows()[i * w + lane] = here[i];
        }
        for (i, k) in k.iter().enumerate() {
            self.rows.k.rows()[i * w + lane] = *k;
        }
    }
}

/// What a precision is to a model whose type is forgotten; nothing to be seen outside this crate.
pub trait Precise: Sized {
    /// The scalar field.
    fn field(model: &dyn Model, y: &[Self], dy: &mut [Self]);
    /// The scalar spike condition.
    fn spike_condition(model: &dyn Model, y: &[Self], dy: &[Self]) -> Self;
    /// The field of as many neurons as there are lanes.
    fn vector_field(model: &dyn Model, instructions: Instructions) -> Box<dyn VectorField<Self>>;
    /// Neurons that all take the same steps, on vectors; `None` for a model known at run time only.
    fn crowd(model: &dyn Model, instructions: Instructions, starts: Starts) -> Option<Box<dyn Crowd<Self>>>;
    /// Fixed steps of one neuron.
    fn fixed_steps(model: &dyn Model, y: &mut [Self], rows: &[[Self; 6]], steps: u64);
}

impl Precise for f64 {
    fn field(model: &dyn Model, y: &[f64], dy: &mut [f64]) {
        model.field(y, dy);
    }
    fn spike_condition(model: &dyn Model, y: &[f64], dy: &[f64]) -> f64 {
        model.spike_condition(y, dy)
    }
    fn vector_field(model: &dyn Model, instructions: Instructions) -> Box<dyn VectorField<f64>> {
        model.vector_field(instructions)
    }
    fn crowd(model: &dyn Model, instructions: Instructions, starts: Starts) -> Option<Box<dyn Crowd<f64>>> {
        model.crowd(instructions, starts)
    }
    fn fixed_steps(model: &dyn Model, y: &mut [f64], rows: &[[f64; 6]], steps: u64) {
        model.fixed_steps(y, rows, steps);
    }
}

impl Precise for f32 {
    fn field(model: &dyn Model, y: &[f32], dy: &mut [f32]) {
        model.field_f32(y, dy);
    }
    fn spike_condition(model: &dyn Model, y: &[f32], dy: &[f32]) -> f32 {
        model.spike_condition_f32(y, dy)
    }
    fn vector_field(model: &dyn Model, instructions: Instructions) -> Box<dyn VectorField<f32>> {
        model.vector_field_f32(instructions)
    }
    fn crowd(model: &dyn Model, instructions: Instructions, starts: Starts) -> Option<Box<dyn Crowd<f32>>> {
        model.crowd_f32(instructions, starts)
    }
    fn fixed_steps(model: &dyn Model, y: &mut [f32], rows: &[[f32; 6]], steps: u64) {
        model.fixed_steps_f32(y, rows, steps);
    }
}
