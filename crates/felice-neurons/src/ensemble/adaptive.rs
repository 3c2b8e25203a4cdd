//! Adaptive Tsit5, each neuron its own step; a lane whose neuron is done takes the next one of the block.

use std::marker::PhantomData;

use super::tableau::tsit5;
use crate::neuron::{Neuron, Row};
use crate::real::{Lane, Real};
use crate::simd::{Pack, Vector, Vectorised};

/// Factors by which a step may change, largest first.
const FACTORS: [f64; 12] = [5.0, 3.5, 2.5, 1.8, 1.4, 1.2, 1.08, 1.0, 0.9, 0.75, 0.5, 0.2];
/// Aim of a step: this share of the step that would just be accepted.
const SAFETY: f64 = 0.9;

/// What an adaptive block gives, one entry a neuron.
pub(crate) struct Outcome<L> {
    /// State after state, neuron by neuron.
    pub states: Vec<L>,
    /// Sample by sample, neuron by neuron.
    pub samples: Vec<L>,
    /// When a neuron could not go on.
    pub failed: Vec<Option<f64>>,
    pub accepted: u64,
    pub rejected: u64,
}

/// A block to integrate; `states[neuron]` and `parameters[neuron]` are rows.
pub(crate) struct Adaptive<'a, M: Neuron, L: Lane, const K: usize> {
    pub states: &'a [M::State<L>],
    pub parameters: &'a [M::Parameters<L>],
    /// Times at which every neuron arrives exactly, rising; the last is the end.
    pub stops: &'a [f64],
    /// Keep the states at the stops.
    pub keep: bool,
    pub rtol: f64,
    pub atol: f64,
    pub first_step: f64,
    pub max_steps: u64,
    pub model: PhantomData<M>,
}

/// A lane's neuron and its clock.
#[derive(Clone, Copy, Default)]
struct Clock {
    neuron: Option<usize>,
    t: f64,
    stop: usize,
    steps: u64,
    /// This step ends at the stop.
    lands: bool,
    /// The step wanted before it was cut to land.
    wanted: f64,
}

impl<M: Neuron, L: Lane, const K: usize> Vectorised<L> for Adaptive<'_, M, L, K> {
    type Output = Outcome<L>;

    #[inline(always)]
    fn run<V: Vector<Lane = L>>(self) -> Outcome<L> {
        let (n, dim, w) = (self.states.len(), M::State::<L>::LEN, Pack::<V, K>::WIDTH);
        let kept = if self.keep { self.stops.len() } else { 0 };
        let zero = L::num(0.0);
        let mut out = Outcome {
            states: vec![zero; n * dim],
            samples: vec![zero; n * dim * kept],
            failed: vec![None; n],
            accepted: 0,
            rejected: 0,
        };
        let mut clocks = vec![Clock::default(); w];
        // Rows of `w` numbers: states, first stages, parameters, steps.
        let (mut ys, mut ks) = (vec![zero; dim * w], vec![zero; dim * w]);
        let mut ps = vec![zero; M::Parameters::<L>::LEN * w];
        let mut hs = vec![zero; w];
        let (mut next, mut busy) = (0, 0);
        for lane in 0..w {
            busy += usize::from(self.fill(lane, w, &mut next, &mut clocks, (&mut ys, &mut ks, &mut ps, &mut hs)));
        }
        while busy > 0 {
            let p = M::Parameters::<Pack<V, K>>::from_fn(|i| Pack::load(&ps[i * w..]));
            let y = M::State::<Pack<V, K>>::from_fn(|i| Pack::load(&ys[i * w..]));
            let k1 = M::State::<Pack<V, K>>::from_fn(|i| Pack::load(&ks[i * w..]));
            let h = Pack::<V, K>::load(&hs);
            let (y1, k7, error) = step::<M, _>(&p, &y, k1, h, L::from_f64(self.rtol), L::from_f64(self.atol));
            let accept = error.le(Pack::num(1.0));
            let bits = Pack::<V, K>::bits(accept);
            factor(error, h).store(&mut hs);
            let mut i = 0;
            while i < dim {
                Pack::select(accept, y1.get(i), y.get(i)).store(&mut ys[i * w..]);
                Pack::select(accept, k7.get(i), k1.get(i)).store(&mut ks[i * w..]);
                i += 1;
            }
            for lane in 0..w {
                let Some(neuron) = clocks[lane].neuron else { continue };
                let clock = &mut clocks[lane];
                clock.steps += 1;
                let mut done = false;
                if bits >> lane & 1 == 1 {
                    out.accepted += 1;
                    clock.t = if clock.lands { self.stops[clock.stop] } else { clock.wanted + clock.t };
                    if clock.lands {
                        if self.keep {
                            let at = (neuron * kept + clock.stop) * dim;
                            (0..dim).for_each(|i| out.samples[at + i] = ys[i * w + lane]);
                        }
                        clock.stop += 1;
                        done = clock.stop == self.stops.len();
                    }
                } else {
                    out.rejected += 1;
                }
                let h = hs[lane].to_f64();
                let sound = (0..dim).all(|i| ys[i * w + lane].finite() && ys[i * w + lane].to_f64().abs() <= M::BOUND);
                // No step of this length moves the clock.
                let stuck = h.is_nan() || h <= 1e-14 * clock.t.max(1e-3);
                if !done && (!sound || stuck || clock.steps >= self.max_steps) {
                    out.failed[neuron] = Some(clock.t);
                    done = true;
                }
                if done {
                    (0..dim).for_each(|i| out.states[neuron * dim + i] = ys[i * w + lane]);
                    let rows = (&mut ys, &mut ks, &mut ps, &mut hs);
                    busy -= usize::from(!self.fill(lane, w, &mut next, &mut clocks, rows));
                } else {
                    self.aim(bits >> lane & 1 == 1, clock, &mut hs[lane]);
                }
            }
        }
        out
    }
}

type Rows<'a, L> = (&'a mut Vec<L>, &'a mut Vec<L>, &'a mut Vec<L>, &'a mut Vec<L>);

impl<M: Neuron, L: Lane, const K: usize> Adaptive<'_, M, L, K> {
    /// Puts the next neuron into a lane; false where there is none left (the lane then idles on what it has).
    #[inline(always)]
    fn fill(&self, lane: usize, w: usize, next: &mut usize, clocks: &mut [Clock], rows: Rows<'_, L>) -> bool {
        clocks[lane] = Clock::default();
        if *next == self.states.len() {
            return false;
        }
        let (y, p) = (self.states[*next], self.parameters[*next]);
        let k = M::field(&p, y);
        for i in 0..M::State::<L>::LEN {
            rows.0[i * w + lane] = y.get(i);
            rows.1[i * w + lane] = k.get(i);
        }
        for i in 0..M::Parameters::<L>::LEN {
            rows.2[i * w + lane] = p.get(i);
        }
        rows.3[lane] = L::from_f64(self.first_step);
        clocks[lane].neuron = Some(*next);
        self.aim(false, &mut clocks[lane], &mut rows.3[lane]);
        *next += 1;
        true
    }

    /// Cuts the step so that it lands on the next stop.
    #[inline(always)]
    fn aim(&self, accepted: bool, clock: &mut Clock, h: &mut L) {
        // An accepted step that was cut to land says nothing about the length the error allows.
        let wanted = if clock.lands && accepted { h.to_f64().max(clock.wanted) } else { h.to_f64() };
        let left = self.stops[clock.stop] - clock.t;
        clock.lands = wanted * 1.001 >= left;
        let taken = L::from_f64(if clock.lands { left } else { wanted });
        clock.wanted = if clock.lands { wanted.min(5.0 * left.max(1e-3)) } else { taken.to_f64() };
        *h = taken;
    }
}

/// One step of every lane: its end, the field there, and the largest error over its tolerance.
#[inline(always)]
fn step<M: Neuron, R: Real>(
    p: &M::Parameters<R>,
    y: &M::State<R>,
    k1: M::State<R>,
    h: R,
    rtol: R::Lane,
    atol: R::Lane,
) -> (M::State<R>, M::State<R>, R) {
    let mut k = [k1; 7];
    let mut end = *y;
    for row in 0..6 {
        let mut sum = M::State::<R>::from_fn(|i| R::num(tsit5::A[row][0]) * k[0].get(i));
        for j in 1..=row {
            let a = R::num(tsit5::A[row][j]);
            let mut i = 0;
            while i < M::State::<R>::LEN {
                sum.set(i, a.mul_add(k[j].get(i), sum.get(i)));
                i += 1;
            }
        }
        end = M::State::from_fn(|i| h.mul_add(sum.get(i), y.get(i)));
        k[row + 1] = M::field(p, end);
    }
    let (rtol, atol) = (R::splat(rtol), R::splat(atol));
    let mut worst = R::num(0.0);
    let mut i = 0;
    while i < M::State::<R>::LEN {
        let mut sum = R::num(tsit5::ERROR[0]) * k[0].get(i);
        for j in 1..7 {
            sum = R::num(tsit5::ERROR[j]).mul_add(k[j].get(i), sum);
        }
        let scale = rtol.mul_add(y.get(i).abs().max(end.get(i).abs()), atol);
        // A NaN in either stays.
        worst = ((h * sum).abs() / scale).max(worst) + R::num(0.0) * worst;
        i += 1;
    }
    (end, k[6], worst)
}

/// The next step: h times the largest factor whose error would be accepted; the smallest where the error is no number.
#[inline(always)]
fn factor<R: Real>(error: R, h: R) -> R {
    let mut f = R::num(FACTORS[11]);
    let mut i = FACTORS.len() - 1;
    while i > 0 {
        i -= 1;
        let x = SAFETY / FACTORS[i];
        f = R::select(error.le(R::num(x * x * x * x * x)), R::num(FACTORS[i]), f);
    }
    f * h
}
