//! Fixed steps.

use std::marker::PhantomData;

use crate::neuron::{Neuron, Row};
use crate::real::{Lane, Real};
use crate::simd::{Pack, Vector, Vectorised};

/// Columns of a block: `width` numbers each, one a neuron; the last neurons may be padding.
pub(crate) struct Columns<L> {
    pub width: usize,
    pub states: Vec<L>,
    pub parameters: Vec<L>,
}

/// Steps of one length for every neuron of a block.
pub(crate) struct Fixed<'a, M, L, const K: usize> {
    pub block: &'a mut Columns<L>,
    /// The method's rows, times the step.
    pub rows: &'a [[L; 6]],
    pub steps: u64,
    pub model: PhantomData<M>,
}

impl<M: Neuron, L: Lane, const K: usize> Vectorised<L> for Fixed<'_, M, L, K> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector<Lane = L>>(self) {
        let (width, pack) = (self.block.width, Pack::<V, K>::WIDTH);
        let mut first = 0;
        while first + pack <= width {
            let p = M::Parameters::<Pack<V, K>>::from_fn(|i| Pack::load(&self.block.parameters[i * width + first..]));
            let y = M::State::<Pack<V, K>>::from_fn(|i| Pack::load(&self.block.states[i * width + first..]));
            let y = go::<M, _>(&p, y, self.rows, self.steps);
            for i in 0..M::State::<Pack<V, K>>::LEN {
                y.get(i).store(&mut self.block.states[i * width + first..]);
            }
            first += pack;
        }
    }
}

/// y + Σ row[j] k[j], j ≤ last; the increment is summed first, so that the state is rounded once.
#[inline(always)]
fn advance<R: Real, S: Row<R>>(y: &S, k: &[S; 6], row: &[R::Lane; 6], last: usize) -> S {
    let mut sum = S::from_fn(|i| R::splat(row[0]) * k[0].get(i));
    for j in 1..=last.min(5) {
        let a = R::splat(row[j]);
        let mut i = 0;
        while i < S::LEN {
            sum.set(i, a.mul_add(k[j].get(i), sum.get(i)));
            i += 1;
        }
    }
    S::from_fn(|i| y.get(i) + sum.get(i))
}

/// An explicit Runge–Kutta method whose last row is the step's end. The loop over the rows stays a loop, so that a model
/// is compiled once.
#[inline(always)]
fn go<M: Neuron, R: Real>(p: &M::Parameters<R>, mut y: M::State<R>, rows: &[[R::Lane; 6]], steps: u64) -> M::State<R> {
    let mut k = [M::State::from_fn(|_| R::num(0.0)); 6];
    k[0] = M::field(p, y);
    let last = rows.len() - 1;
    let (mut row, mut done) = (0, 0);
    while done < steps {
        let here = advance(&y, &k, &rows[row], row);
        if row == last {
            y = here;
            row = 0;
            done += 1;
        } else {
            row += 1;
        }
        k[row] = M::field(p, here);
    }
    y
}
