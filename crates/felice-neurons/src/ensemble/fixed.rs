//! Fixed steps and nothing but the way to the end.

use std::marker::PhantomData;

use super::stepping::Neurons;
use super::vector_field::{ABREAST, VectorField, width};
use crate::dispatch::Kernel;
use crate::neuron::{Neuron, Row};
use crate::real::{Lane, Real};
use crate::simd::{Instructions, Pack, Vector, Vectorised, Width};

/// Groups that take their stages in turn, so that one's last operations overlap with the other's first.
const IN_TURN: usize = 2;

/// Steps of one length for every neuron of a block.
pub(crate) struct Fixed<'a, L> {
    pub field: &'a dyn VectorField<L>,
    /// `[group][state][lane]`.
    pub states: &'a mut [L],
    pub dim: usize,
    /// The method's rows, times the step; the last is the step's end.
    pub rows: &'a [[L; 6]],
    pub steps: u64,
}

impl<L: Lane> Vectorised<L> for Fixed<'_, L> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector<Lane = L>>(self) {
        let (dim, w) = (self.dim, Pack::<V, ABREAST>::WIDTH);
        let (n, last) = (dim * w, self.rows.len() - 1);
        let mut memory = Aligned::new((6 * IN_TURN + 1) * n);
        let (here, ks) = memory.rows().split_at_mut(n);
        for (pair, ys) in self.states.chunks_mut(IN_TURN * n).enumerate() {
            let group = |g: usize| IN_TURN * pair + g;
            for (g, y) in ys.chunks(n).enumerate() {
                self.field.field(group(g), y, &mut ks[6 * g * n..][..n]);
            }
            for _ in 0..self.steps {
                for (row, a) in self.rows.iter().enumerate() {
                    for (g, y) in ys.chunks_mut(n).enumerate() {
                        let k = &mut ks[6 * g * n..][..6 * n];
                        advance::<V>(y, k, a, row, here);
                        let next = if row == last { 0 } else { row + 1 };
                        self.field.field(group(g), here, &mut k[next * n..][..n]);
                        if row == last {
                            y.copy_from_slice(here);
                        }
                    }
                }
            }
        }
    }
}

/// y + Σ a[j] k[j], j ≤ last; the increment is summed first, so that the state is rounded once.
#[inline(always)]
fn advance<V: Vector>(y: &[V::Lane], k: &[V::Lane], a: &[V::Lane; 6], last: usize, to: &mut [V::Lane]) {
    let (n, w) = (y.len(), Pack::<V, ABREAST>::WIDTH);
    let mut at = 0;
    while at + w <= n {
        let mut sum = Pack::<V, ABREAST>::splat(a[0]) * Pack::load(&k[at..]);
        let mut j = 1;
        while j <= last {
            sum = Pack::splat(a[j]).mul_add(Pack::load(&k[j * n + at..]), sum);
            j += 1;
        }
        (Pack::load(&y[at..]) + sum).store(&mut to[at..]);
        at += w;
    }
}

/// Neurons up to this number are integrated one after another.
pub(crate) const FEW: usize = 2;

/// Neurons in groups.
pub(crate) struct Crowd<L> {
    pub field: Box<dyn VectorField<L>>,
    /// `[group][state][lane]`; the last lanes repeat the last neuron.
    pub rows: Aligned<L>,
    dim: usize,
    width: usize,
}

impl<L: Width> Crowd<L> {
    pub fn new(neurons: Neurons, instructions: Instructions) -> Self {
        let (n, dim, width) = (neurons.len(), neurons.dim, width::<L>(instructions));
        let groups = n.div_ceil(width);
        let mut field = L::vector_field(neurons.model, instructions, groups);
        let mut rows = Aligned::new(groups * width * dim);
        for k in 0..groups * width {
            let (group, lane, neuron) = (k / width, k % width, k.min(n - 1));
            field.put(group, lane, neurons.parameters(neuron));
            for (i, y) in neurons.state(neuron).iter().enumerate() {
                rows.rows()[(group * dim + i) * width + lane] = L::from_f64(*y);
            }
        }
        Crowd { field, rows, dim, width }
    }

    /// The states as they are now, `[neuron][state]`.
    pub fn read(&mut self, states: &mut [L]) {
        let (dim, width) = (self.dim, self.width);
        for (k, y) in states.chunks_mut(dim).enumerate() {
            for (i, y) in y.iter_mut().enumerate() {
                *y = self.rows.rows()[(k / width * dim + i) * width + k % width];
            }
        }
    }
}

/// Numbers whose first is at the start of a cache line.
pub(crate) struct Aligned<L>(Vec<L>, usize, usize);

impl<L: Lane> Aligned<L> {
    pub fn new(len: usize) -> Self {
        let memory = vec![L::num(0.0); len + 16];
        let offset = memory.as_ptr().align_offset(64).min(16);
        Aligned(memory, offset, len)
    }

    pub fn rows(&mut self) -> &mut [L] {
        &mut self.0[self.1..self.1 + self.2]
    }
}

/// One neuron, whose stages wait for each other: numbers, not vectors. Same operations, same bits.
pub(crate) struct Alone<'a, M: Neuron, L: Lane> {
    pub p: &'a M::Parameters<L>,
    pub y: &'a mut [L],
    pub rows: &'a [[L; 6]],
    pub steps: u64,
    pub model: PhantomData<M>,
}

impl<M: Neuron, L: Lane> Kernel for Alone<'_, M, L> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let n = M::State::<L>::LEN;
        let from = &self.y;
        let mut y = M::State::<L>::from_fn(|i| from[i]);
        let mut k = [M::State::from_fn(|_| L::num(0.0)); 6];
        k[0] = M::field(self.p, y);
        let last = self.rows.len() - 1;
        let (mut row, mut done) = (0, 0);
        // The loop over the rows stays a loop, so that the model is compiled once.
        while done < self.steps {
            let a = &self.rows[row];
            let mut here = y;
            for i in 0..n {
                let mut sum = a[0] * k[0].get(i);
                for j in 1..=row.min(5) {
                    sum = a[j].mul_add(k[j].get(i), sum);
                }
                here.set(i, y.get(i) + sum);
            }
            if row == last {
                (y, row, done) = (here, 0, done + 1);
            } else {
                row += 1;
            }
            k[row] = M::field(self.p, here);
        }
        (0..n).for_each(|i| self.y[i] = y.get(i));
    }
}

/// The same for a model that is known at run time only.
pub(crate) fn alone<L: Lane>(field: impl Fn(&[L], &mut [L]), y: &mut [L], rows: &[[L; 6]], steps: u64) {
    let (n, last) = (y.len(), rows.len() - 1);
    let (mut k, mut here) = (vec![L::num(0.0); 6 * n], y.to_vec());
    field(y, &mut k[..n]);
    for _ in 0..steps {
        for (row, a) in rows.iter().enumerate() {
            for i in 0..n {
                let mut sum = a[0] * k[i];
                for j in 1..=row {
                    sum = a[j].mul_add(k[j * n + i], sum);
                }
                here[i] = y[i] + sum;
            }
            let next = if row == last { 0 } else { row + 1 };
            field(&here, &mut k[next * n..][..n]);
        }
        y.copy_from_slice(&here);
    }
}
