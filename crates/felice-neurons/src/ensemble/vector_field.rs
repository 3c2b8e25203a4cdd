//! The equations of many neurons at once, one a lane, the model's type forgotten: the integrators are compiled once for
//! each kind of vector, not once more for each model.

use crate::dispatch::Kernel;
use crate::model::Model;
use crate::neuron::{Neuron, Row};
use crate::real::{Lane, Real};
use crate::simd::{Instructions, Pack, Vector, Vectorised, Width, run};

/// Vectors that go through an equation side by side: with two a pipeline waits, four do not fit into the registers.
pub(crate) const ABREAST: usize = 3;

/// Groups of neurons, `width` of them in each. A row of numbers has one a neuron; states are rows one after another.
pub trait VectorField<L>: Send {
    /// Gives a lane a neuron's parameters.
    fn put(&mut self, group: usize, lane: usize, parameters: &[f64]);
    /// d(state)/dt of a group.
    fn field(&self, group: usize, y: &[L], dy: &mut [L]);
    /// The spike condition of a group: one row.
    fn spike_condition(&self, group: usize, y: &[L], dy: &[L], g: &mut [L]);
}

/// A model known at compile time on one kind of vector.
struct Held<M: Neuron, V: Vector, const K: usize> {
    /// Being there, it says that the machine has the instructions.
    here: V,
    p: Vec<M::Parameters<Pack<V, K>>>,
}

/// The vector field of a model.
pub(crate) fn vector_field<M: Neuron, L: Width>(instructions: Instructions, groups: usize) -> Box<dyn VectorField<L>> {
    run(instructions, Build::<M>(groups, std::marker::PhantomData))
}

struct Build<M>(usize, std::marker::PhantomData<M>);

impl<M: Neuron, L: Lane> Vectorised<L> for Build<M> {
    type Output = Box<dyn VectorField<L>>;
    #[inline(always)]
    fn run<V: Vector<Lane = L>>(self) -> Self::Output {
        let zero = Pack::<V, ABREAST>::num(0.0);
        let p = vec![M::Parameters::from_fn(|_| zero); self.0];
        Box::new(Held::<M, V, ABREAST> { here: V::splat(L::num(0.0)), p })
    }
}

impl<M: Neuron, V: Vector, const K: usize> VectorField<V::Lane> for Held<M, V, K> {
    fn put(&mut self, group: usize, lane: usize, parameters: &[f64]) {
        self.here.within(Put::<M, V, K> { p: &mut self.p[group], lane, parameters });
    }
    fn field(&self, group: usize, y: &[V::Lane], dy: &mut [V::Lane]) {
        self.here.within(Field::<M, V, K> { p: &self.p[group], y, dy });
    }
    fn spike_condition(&self, group: usize, y: &[V::Lane], dy: &[V::Lane], g: &mut [V::Lane]) {
        self.here.within(Condition::<M, V, K> { p: &self.p[group], y, dy, g });
    }
}

/// Rows as packs. (No closures in here: one that is not inlined is compiled without the instruction set.)
#[inline(always)]
fn load<S: Row<Pack<V, K>>, V: Vector, const K: usize>(from: &[V::Lane]) -> S {
    let w = Pack::<V, K>::WIDTH;
    let from = &from[..S::LEN * w];
    let zero = Pack::<V, K>::num(0.0);
    let mut s = S::from_fn(|_| zero);
    let mut i = 0;
    while i < S::LEN {
        s.set(i, Pack::load(&from[i * w..]));
        i += 1;
    }
    s
}

struct Put<'a, M: Neuron, V: Vector, const K: usize> {
    p: &'a mut M::Parameters<Pack<V, K>>,
    lane: usize,
    parameters: &'a [f64],
}

impl<M: Neuron, V: Vector, const K: usize> Kernel for Put<'_, M, V, K> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let mut row = vec![V::Lane::num(0.0); Pack::<V, K>::WIDTH];
        for (i, x) in self.parameters.iter().enumerate() {
            self.p.get(i).store(&mut row);
            row[self.lane] = V::Lane::from_f64(*x);
            self.p.set(i, Pack::load(&row));
        }
    }
}

struct Field<'a, M: Neuron, V: Vector, const K: usize> {
    p: &'a M::Parameters<Pack<V, K>>,
    y: &'a [V::Lane],
    dy: &'a mut [V::Lane],
}

impl<M: Neuron, V: Vector, const K: usize> Kernel for Field<'_, M, V, K> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let w = Pack::<V, K>::WIDTH;
        let to = &mut self.dy[..M::State::<V::Lane>::LEN * w];
        let dy = M::field(self.p, load(self.y));
        let mut i = 0;
        while i < M::State::<V::Lane>::LEN {
            dy.get(i).store(&mut to[i * w..]);
            i += 1;
        }
    }
}

struct Condition<'a, M: Neuron, V: Vector, const K: usize> {
    p: &'a M::Parameters<Pack<V, K>>,
    y: &'a [V::Lane],
    dy: &'a [V::Lane],
    g: &'a mut [V::Lane],
}

impl<M: Neuron, V: Vector, const K: usize> Kernel for Condition<'_, M, V, K> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        M::spike_condition(self.p, load(self.y), load(self.dy)).store(self.g);
    }
}

/// A model that is known at run time only: its neurons one after another.
struct OneByOne {
    width: usize,
    models: Vec<Box<dyn Model>>,
}

/// The vector field of any model, at the speed of one neuron at a time.
pub(crate) fn one_by_one<L: Width>(
    model: Box<dyn Model>,
    instructions: Instructions,
    groups: usize,
) -> Box<dyn VectorField<L>> {
    let width = width::<L>(instructions);
    Box::new(OneByOne { width, models: vec![model; groups * width] })
}

/// Neurons in a group.
pub(crate) fn width<L: Width>(instructions: Instructions) -> usize {
    struct Count;
    impl<L: Lane> Vectorised<L> for Count {
        type Output = usize;
        #[inline(always)]
        fn run<V: Vector<Lane = L>>(self) -> usize {
            Pack::<V, ABREAST>::WIDTH
        }
    }
    run::<L, Count>(instructions, Count)
}

impl<L: Width> VectorField<L> for OneByOne {
    fn put(&mut self, group: usize, lane: usize, parameters: &[f64]) {
        let model = &mut self.models[group * self.width + lane];
        parameters.iter().enumerate().for_each(|(i, x)| model.set_parameter(i, *x));
    }
    fn field(&self, group: usize, y: &[L], dy: &mut [L]) {
        let dim = dy.len() / self.width;
        let (mut one, mut slope) = (vec![L::num(0.0); dim], vec![L::num(0.0); dim]);
        for lane in 0..self.width {
            (0..dim).for_each(|i| one[i] = y[i * self.width + lane]);
            L::field(&*self.models[group * self.width + lane], &one, &mut slope);
            (0..dim).for_each(|i| dy[i * self.width + lane] = slope[i]);
        }
    }
    fn spike_condition(&self, group: usize, y: &[L], dy: &[L], g: &mut [L]) {
        let dim = dy.len() / self.width;
        let column = |rows: &[L], lane: usize| (0..dim).map(|i| rows[i * self.width + lane]).collect::<Vec<_>>();
        for (lane, g) in g[..self.width].iter_mut().enumerate() {
            let model = &*self.models[group * self.width + lane];
            *g = L::spike_condition(model, &column(y, lane), &column(dy, lane));
        }
    }
}

/// What a precision is to a model whose type is forgotten; nothing to be seen outside this crate.
pub trait Precise: Sized {
    /// The scalar field.
    fn field(model: &dyn Model, y: &[Self], dy: &mut [Self]);
    /// The scalar spike condition.
    fn spike_condition(model: &dyn Model, y: &[Self], dy: &[Self]) -> Self;
    /// The field of groups of neurons.
    fn vector_field(model: &dyn Model, instructions: Instructions, groups: usize) -> Box<dyn VectorField<Self>>;
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
    fn vector_field(model: &dyn Model, instructions: Instructions, groups: usize) -> Box<dyn VectorField<f64>> {
        model.vector_field(instructions, groups)
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
    fn vector_field(model: &dyn Model, instructions: Instructions, groups: usize) -> Box<dyn VectorField<f32>> {
        model.vector_field_f32(instructions, groups)
    }
    fn fixed_steps(model: &dyn Model, y: &mut [f32], rows: &[[f32; 6]], steps: u64) {
        model.fixed_steps_f32(y, rows, steps);
    }
}
