//! Fixed steps and nothing but the way to the end: the whole loop compiled for each model, a few vectors side by side.

use std::marker::PhantomData;

use crate::dispatch::Kernel;
use crate::neuron::{Neuron, Row};
use crate::real::{Lane, Real};
use crate::simd::{Instructions, Pack, Vector, Vectorised, Width, run};

/// Neurons that all take the same steps.
pub trait Crowd<L>: Send {
    /// Steps of a Runge–Kutta method, `rows` its coefficients times the step; the last row is the step's end.
    fn walk(&mut self, rows: &[[L; 6]], steps: u64);
    /// The states as they are now, `[neuron][state]`.
    fn read(&self, states: &mut [L]);
}

/// Rows of numbers, one a neuron.
#[derive(Clone, Copy)]
pub struct Starts<'a> {
    pub parameters: &'a [f64],
    pub states: &'a [f64],
    /// Neurons; at least one.
    pub len: usize,
}

/// A model's neurons on this machine's vectors.
pub(crate) fn crowd<M: Neuron, L: Width>(instructions: Instructions, starts: Starts) -> Box<dyn Crowd<L>> {
    run(instructions, Gather::<M>(starts, PhantomData))
}

struct Gather<'a, M>(Starts<'a>, PhantomData<M>);

impl<M: Neuron, L: Lane> Vectorised<L> for Gather<'_, M> {
    type Output = Box<dyn Crowd<L>>;
    #[inline(always)]
    fn run<V: Vector<Lane = L>>(self) -> Self::Output {
        // Six chains of exp and tanh at a time fill the pipelines and nearly fit into the registers.
        if M::CHAINS > 2 { Box::new(Groups::<M, V, 2>::new(self.0)) } else { Box::new(Groups::<M, V, 3>::new(self.0)) }
    }
}

/// K vectors of neurons.
struct Group<M: Neuron, V: Vector, const K: usize> {
    prepared: M::Parameters<Pack<V, K>>,
    y: M::State<Pack<V, K>>,
}

/// Groups that take their stages in turn, so that one's last operations overlap with the other's first.
const IN_TURN: usize = 2;

struct Groups<M: Neuron, V: Vector, const K: usize> {
    /// Being there, it says that the machine has the instructions.
    here: V,
    len: usize,
    /// The last lanes repeat the last neuron.
    groups: Vec<Group<M, V, K>>,
}

impl<M: Neuron, V: Vector, const K: usize> Groups<M, V, K> {
    fn new(starts: Starts) -> Self {
        let w = Pack::<V, K>::WIDTH;
        let group = |g: usize| Group {
            prepared: M::prepare(&columns::<_, V, K>(starts.parameters, starts.len, g * w)),
            y: columns::<_, V, K>(starts.states, starts.len, g * w),
        };
        let groups = (0..starts.len.div_ceil(w * IN_TURN) * IN_TURN).map(group).collect();
        Groups { here: V::splat(V::Lane::num(0.0)), len: starts.len, groups }
    }
}

/// The rows of neurons `first ..` as packs.
fn columns<S: Row<Pack<V, K>>, V: Vector, const K: usize>(rows: &[f64], len: usize, first: usize) -> S {
    let mut all = vec![V::Lane::num(0.0); Pack::<V, K>::WIDTH];
    S::from_fn(|i| {
        column(rows, [len, S::LEN], [first, i], &mut all);
        Pack::load(&all)
    })
}

/// Number `i` of the rows of neurons `first ..`; the last neuron's once there are no more.
fn column<L: Lane>(rows: &[f64], [len, width]: [usize; 2], [first, i]: [usize; 2], to: &mut [L]) {
    for (lane, x) in to.iter_mut().enumerate() {
        *x = L::from_f64(rows[(first + lane).min(len - 1) * width + i]);
    }
}

impl<M: Neuron, V: Vector, const K: usize> Crowd<V::Lane> for Groups<M, V, K> {
    fn walk(&mut self, rows: &[[V::Lane; 6]], steps: u64) {
        self.here.within(Walk { groups: &mut self.groups, rows, steps });
    }

    fn read(&self, states: &mut [V::Lane]) {
        self.here.within(Read { groups: &self.groups, len: self.len, states });
    }
}

struct Read<'a, M: Neuron, V: Vector, const K: usize> {
    groups: &'a [Group<M, V, K>],
    len: usize,
    states: &'a mut [V::Lane],
}

impl<M: Neuron, V: Vector, const K: usize> Kernel for Read<'_, M, V, K> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (w, n) = (Pack::<V, K>::WIDTH, M::State::<V::Lane>::LEN);
        let mut column = vec![V::Lane::num(0.0); w];
        let mut g = 0;
        while g < self.groups.len() {
            let lanes = w.min(self.len.saturating_sub(g * w));
            let mut i = 0;
            while i < n {
                self.groups[g].y.get(i).store(&mut column);
                let mut lane = 0;
                while lane < lanes {
                    self.states[(g * w + lane) * n + i] = column[lane];
                    lane += 1;
                }
                i += 1;
            }
            g += 1;
        }
    }
}

struct Walk<'a, M: Neuron, V: Vector, const K: usize> {
    groups: &'a mut [Group<M, V, K>],
    rows: &'a [[V::Lane; 6]],
    steps: u64,
}

impl<M: Neuron, V: Vector, const K: usize> Kernel for Walk<'_, M, V, K> {
    type Output = ();
    // No closures and no iterators in here: one that is not inlined is compiled without the instruction set.
    #[inline(always)]
    fn run(self) {
        let (groups, mut g) = (self.groups, 0);
        while g + 1 < groups.len() {
            let p = [&groups[g].prepared, &groups[g + 1].prepared];
            let y = [groups[g].y, groups[g + 1].y];
            [groups[g].y, groups[g + 1].y] = walk::<M, _, IN_TURN>(p, y, self.rows, self.steps);
            g += IN_TURN;
        }
    }
}

/// The loop over the rows stays a loop, so that the model is compiled once a group. One group or two, the parameters
/// prepared.
#[inline(always)]
fn walk<M: Neuron, R: Real, const G: usize>(
    p: [&M::Parameters<R>; G],
    y: [M::State<R>; G],
    rows: &[[R::Lane; 6]],
    steps: u64,
) -> [M::State<R>; G] {
    let mut walkers = y.map(|y| Walker { y, here: y, k: [y; 6] });
    let last = rows.len() - 1;
    let (mut row, mut done) = (0, 0);
    while done < steps {
        // Not a loop, whose end and beginning the groups would not overlap across.
        stage::<M, R>(p[0], &mut walkers[0], rows, row);
        if G > 1 {
            stage::<M, R>(p[G - 1], &mut walkers[G - 1], rows, row);
        }
        done += u64::from(row == last);
        row = if row == last { 0 } else { row + 1 };
    }
    walkers.map(|w| w.y)
}

/// A group on its way: the state at the step's start and at the stage, and the stages.
struct Walker<S> {
    y: S,
    here: S,
    k: [S; 6],
}

#[inline(always)]
fn stage<M: Neuron, R: Real>(p: &M::Parameters<R>, w: &mut Walker<M::State<R>>, rows: &[[R::Lane; 6]], row: usize) {
    w.k[row] = M::prepared_field(p, w.here);
    w.here = advance::<R, _>(&w.y, &w.k, &rows[row], row);
    if row == rows.len() - 1 {
        w.y = w.here;
    }
}

/// y + Σ a[j] k[j], j ≤ last; the increment is summed first, so that the state is rounded once.
#[inline(always)]
fn advance<R: Real, S: Row<R>>(y: &S, k: &[S; 6], a: &[R::Lane; 6], last: usize) -> S {
    let mut sum = scaled(R::splat(a[0]), &k[0]);
    let mut j = 1;
    while j <= last && j < 6 {
        add_scaled(&mut sum, R::splat(a[j]), &k[j]);
        j += 1;
    }
    let mut i = 0;
    while i < S::LEN {
        sum.set(i, y.get(i) + sum.get(i));
        i += 1;
    }
    sum
}

/// a k.
#[inline(always)]
pub(super) fn scaled<R: Real, S: Row<R>>(a: R, k: &S) -> S {
    let (mut sum, mut i) = (*k, 0);
    while i < S::LEN {
        sum.set(i, a * k.get(i));
        i += 1;
    }
    sum
}

/// sum + a k.
#[inline(always)]
pub(super) fn add_scaled<R: Real, S: Row<R>>(sum: &mut S, a: R, k: &S) {
    let mut i = 0;
    while i < S::LEN {
        sum.set(i, a.mul_add(k.get(i), sum.get(i)));
        i += 1;
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
        let mut y = M::State::<L>::from_fn(|_| L::num(0.0));
        let mut i = 0;
        while i < M::State::<L>::LEN {
            y.set(i, self.y[i]);
            i += 1;
        }
        let [y] = walk::<M, L, 1>([&M::prepare(self.p)], [y], self.rows, self.steps);
        let mut i = 0;
        while i < M::State::<L>::LEN {
            self.y[i] = y.get(i);
            i += 1;
        }
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
