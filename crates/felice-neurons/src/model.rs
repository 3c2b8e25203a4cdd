//! A model whose type is forgotten: what [`AnyNeuron`](crate::AnyNeuron) and the integrator call.

use std::marker::PhantomData;

use crate::checked::Checked;
use crate::dispatch::{self, Kernel};
use crate::dual::Dual;
use crate::ensemble::{self, Crowd, Starts, VectorField};
use crate::error::NeuronError;
use crate::models::RibarSepulchre;
use crate::neuron::{Info, Neuron, Row};
use crate::newton;
use crate::real::{Lane, Real};
use crate::simd::Instructions;

/// What is needed of a model once its type is forgotten. Slices are as long as the state.
pub trait Model: Send + Sync {
    fn info(&self) -> Info;
    fn parameter(&self, i: usize) -> f64;
    fn set_parameter(&mut self, i: usize, value: f64);
    /// All of them.
    fn set_parameters(&mut self, values: &[f64]) {
        values.iter().enumerate().for_each(|(i, x)| self.set_parameter(i, *x));
    }
    fn initial_state(&self) -> Result<Vec<f64>, NeuronError>;
    fn field(&self, y: &[f64], dy: &mut [f64]);
    fn field_f32(&self, y: &[f32], dy: &mut [f32]);
    fn spike_condition(&self, y: &[f64], dy: &[f64]) -> f64;
    fn spike_condition_f32(&self, y: &[f32], dy: &[f32]) -> f32;
    /// Which derivatives, and at last whether the spike condition, an exponential too large for the precision has gone into.
    fn overflowed(&self, y: &[f64], over: &mut [bool]);
    fn overflowed_f32(&self, y: &[f32], over: &mut [bool]);
    /// Row by row: `j[row * n + column]` = d(field row)/d(state column).
    fn jacobian(&self, y: &[f64], j: &mut [f64]);
    fn rests_at_zero(&self, y: &[f64]) -> bool;
    /// A state further from zero has run away.
    fn bound(&self) -> f64;
    fn input_gain(&self, i: usize) -> f64;
    fn boxed(&self) -> Box<dyn Model>;
    /// The field of neurons of this model, one a lane.
    fn vector_field(&self, instructions: Instructions) -> Box<dyn VectorField<f64>> {
        ensemble::one_by_one(self.boxed(), instructions)
    }
    fn crowd(&self, instructions: Instructions, starts: Starts) -> Option<Box<dyn Crowd<f64>>> {
        let _ = (instructions, starts);
        None
    }
    fn vector_field_f32(&self, instructions: Instructions) -> Box<dyn VectorField<f32>> {
        ensemble::one_by_one(self.boxed(), instructions)
    }
    fn crowd_f32(&self, instructions: Instructions, starts: Starts) -> Option<Box<dyn Crowd<f32>>> {
        let _ = (instructions, starts);
        None
    }
    /// Fixed steps of a Runge–Kutta method, `rows` its coefficients times the step.
    fn fixed_steps(&self, y: &mut [f64], rows: &[[f64; 6]], steps: u64) {
        ensemble::alone(|y, dy| self.field(y, dy), y, rows, steps);
    }
    fn fixed_steps_f32(&self, y: &mut [f32], rows: &[[f32; 6]], steps: u64) {
        ensemble::alone(|y, dy| self.field_f32(y, dy), y, rows, steps);
    }
}

impl Clone for Box<dyn Model> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}

/// A model known at compile time, with its parameters in both precisions.
pub(crate) struct Known<M: Neuron> {
    p: M::Parameters<f64>,
    single: M::Parameters<f32>,
    dual: M::Parameters<Dual>,
}

impl<M: Neuron> Known<M> {
    pub(crate) fn new(p: M::Parameters<f64>) -> Self {
        Known { p, single: M::Parameters::from_fn(|i| p.get(i) as f32), dual: newton::constants::<M>(&p) }
    }

    fn state<R: Lane>(y: &[R]) -> M::State<R> {
        M::State::from_fn(|i| y[i])
    }
}

struct Field<'a, M: Neuron, R: Real> {
    p: &'a M::Parameters<R>,
    y: M::State<R>,
}

impl<M: Neuron, R: Real> Kernel for Field<'_, M, R> {
    type Output = M::State<R>;
    #[inline(always)]
    fn run(self) -> M::State<R> {
        M::field(self.p, self.y)
    }
}

struct Slopes<'a, M: Neuron> {
    p: &'a M::Parameters<Dual>,
    y: &'a [f64],
    j: &'a mut [f64],
}

impl<M: Neuron> Kernel for Slopes<'_, M> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        newton::jacobian::<M>(self.p, self.y, self.j);
    }
}

fn overflowed<M: Neuron, L: Lane>(p: &M::Parameters<L>, y: &[L], over: &mut [bool]) {
    let p = M::Parameters::<Checked<L>>::from_fn(|i| Checked::splat(p.get(i)));
    let y = M::State::<Checked<L>>::from_fn(|i| Checked::splat(y[i]));
    let dy = M::field(&p, y);
    let spike = M::spike_condition(&p, y, dy);
    for (i, over) in over.iter_mut().enumerate() {
        *over = if i < M::State::<L>::LEN { dy.get(i).over } else { spike.over };
    }
}

fn copy<R: Real, S: Row<R>>(from: &S, to: &mut [R]) {
    for (i, x) in to.iter_mut().enumerate() {
        *x = from.get(i);
    }
}

impl<M: Neuron> Model for Known<M> {
    fn info(&self) -> Info {
        M::INFO
    }
    fn parameter(&self, i: usize) -> f64 {
        self.p.get(i)
    }
    fn set_parameter(&mut self, i: usize, value: f64) {
        self.p.set(i, value);
        self.single.set(i, value as f32);
        self.dual.set(i, Dual::num(value));
    }
    fn set_parameters(&mut self, values: &[f64]) {
        *self = Known::new(M::Parameters::from_fn(|i| values[i]));
    }
    fn initial_state(&self) -> Result<Vec<f64>, NeuronError> {
        let y = M::initial_state(&self.p)?;
        Ok((0..M::State::<f64>::LEN).map(|i| y.get(i)).collect())
    }
    fn field(&self, y: &[f64], dy: &mut [f64]) {
        copy(&dispatch::run(Field::<M, f64> { p: &self.p, y: Self::state(y) }), dy);
    }
    fn field_f32(&self, y: &[f32], dy: &mut [f32]) {
        copy(&dispatch::run(Field::<M, f32> { p: &self.single, y: Self::state(y) }), dy);
    }
    fn spike_condition(&self, y: &[f64], dy: &[f64]) -> f64 {
        M::spike_condition(&self.p, Self::state(y), Self::state(dy))
    }
    fn spike_condition_f32(&self, y: &[f32], dy: &[f32]) -> f32 {
        M::spike_condition(&self.single, Self::state(y), Self::state(dy))
    }
    fn overflowed(&self, y: &[f64], over: &mut [bool]) {
        overflowed::<M, f64>(&self.p, y, over);
    }
    fn overflowed_f32(&self, y: &[f32], over: &mut [bool]) {
        overflowed::<M, f32>(&self.single, y, over);
    }
    fn jacobian(&self, y: &[f64], j: &mut [f64]) {
        dispatch::run(Slopes::<M> { p: &self.dual, y, j });
    }
    fn rests_at_zero(&self, y: &[f64]) -> bool {
        M::rests_at_zero(&self.p, Self::state(y))
    }
    fn bound(&self) -> f64 {
        M::bound(&self.p)
    }
    fn input_gain(&self, i: usize) -> f64 {
        M::input_gain(&self.p, i)
    }
    fn boxed(&self) -> Box<dyn Model> {
        Box::new(Known::<M>::new(self.p))
    }
    fn vector_field(&self, instructions: Instructions) -> Box<dyn VectorField<f64>> {
        ensemble::vector_field::<M, f64>(instructions)
    }
    fn crowd(&self, instructions: Instructions, starts: Starts) -> Option<Box<dyn Crowd<f64>>> {
        Some(ensemble::crowd::<M, f64>(instructions, starts))
    }
    fn vector_field_f32(&self, instructions: Instructions) -> Box<dyn VectorField<f32>> {
        ensemble::vector_field::<M, f32>(instructions)
    }
    fn crowd_f32(&self, instructions: Instructions, starts: Starts) -> Option<Box<dyn Crowd<f32>>> {
        Some(ensemble::crowd::<M, f32>(instructions, starts))
    }
    fn fixed_steps(&self, y: &mut [f64], rows: &[[f64; 6]], steps: u64) {
        dispatch::run(ensemble::Alone::<M, f64> { p: &self.p, y, rows, steps, model: PhantomData });
    }
    fn fixed_steps_f32(&self, y: &mut [f32], rows: &[[f32; 6]], steps: u64) {
        dispatch::run(ensemble::Alone::<M, f32> { p: &self.single, y, rows, steps, model: PhantomData });
    }
}

struct Family<'a, R> {
    neuron: &'a RibarSepulchre,
    y: &'a [R],
    dy: &'a mut [R],
}

impl<R: Real> Kernel for Family<'_, R> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        self.neuron.field(self.y, self.dy);
    }
}

impl Model for RibarSepulchre {
    fn info(&self) -> Info {
        RibarSepulchre::info(self)
    }
    fn parameter(&self, i: usize) -> f64 {
        RibarSepulchre::parameter(self, i)
    }
    fn set_parameter(&mut self, i: usize, value: f64) {
        RibarSepulchre::set_parameter(self, i, value);
    }
    fn initial_state(&self) -> Result<Vec<f64>, NeuronError> {
        let mut y = vec![0.0; self.dimension()];
        if let Some(last) = y.last_mut() {
            *last = self.i_app;
        }
        Ok(y)
    }
    fn field(&self, y: &[f64], dy: &mut [f64]) {
        dispatch::run(Family { neuron: self, y, dy });
    }
    fn field_f32(&self, y: &[f32], dy: &mut [f32]) {
        dispatch::run(Family { neuron: self, y, dy });
    }
    fn spike_condition(&self, y: &[f64], _: &[f64]) -> f64 {
        y[0] - self.v_thr
    }
    fn spike_condition_f32(&self, y: &[f32], _: &[f32]) -> f32 {
        y[0] - self.v_thr as f32
    }
    /// No exponential, no overflow.
    fn overflowed(&self, _: &[f64], over: &mut [bool]) {
        over.fill(false);
    }
    fn overflowed_f32(&self, _: &[f32], over: &mut [bool]) {
        over.fill(false);
    }
    fn jacobian(&self, y: &[f64], j: &mut [f64]) {
        newton::jacobian_of(y, j, |y, dy| RibarSepulchre::field(self, y, dy));
    }
    fn rests_at_zero(&self, _: &[f64]) -> bool {
        false
    }
    fn bound(&self) -> f64 {
        1e6
    }
    fn input_gain(&self, i: usize) -> f64 {
        if i == 0 { 1.0 / self.c } else { 1.0 }
    }
    fn boxed(&self) -> Box<dyn Model> {
        Box::new(self.clone())
    }
}
