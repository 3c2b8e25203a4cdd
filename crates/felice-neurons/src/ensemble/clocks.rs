//! The lanes' clocks: where each neuron is on its way, and how far its next step goes.

use std::marker::PhantomData;

use super::aligned::Aligned;
use super::steps::{Control, Rows};
use crate::dispatch::Kernel;
use crate::real::{Lane, Real};
use crate::simd::{Instructions, Pack, Vector, Vectorised, run};

/// The clocks' arithmetic on one kind of vector.
pub(crate) trait Tick<L>: Send {
    /// What becomes of lanes after an attempt at a step: on to the next one. `bits`: the lanes whose step was accepted, and
    /// those with nothing out of the ordinary; the others stay as they were. The lanes that are through: one bit a lane.
    fn cruise(&self, clocks: &mut Clocks, rows: &mut Rows<L>, bits: [u64; 2], limits: Limits) -> u64;
}

/// The clocks' arithmetic with this machine's instructions.
pub(crate) fn tick<L: Lane>(instructions: Instructions) -> Box<dyn Tick<L>> {
    struct Build<L>(PhantomData<L>);
    impl<L: Lane> Vectorised<f64> for Build<L> {
        type Output = Box<dyn Tick<L>>;
        #[inline(always)]
        fn run<V: Vector<Lane = f64>>(self) -> Self::Output {
            Box::new(Here { here: V::splat(0.0) })
        }
    }
    run(instructions, Build(PhantomData))
}

/// One of each a lane; in double precision whatever the neurons' is.
pub(crate) struct Clocks {
    /// Time.
    pub t: Aligned<f64>,
    /// Where the neuron arrives exactly: at a sample, at a change of its stimuli, or at the end.
    pub stop: Aligned<f64>,
    /// Steps attempted.
    pub steps: Aligned<f64>,
    /// The step wanted before it was cut to land on the stop.
    wanted: Aligned<f64>,
    /// 1 where this step ends at the stop, else 0.
    lands: Aligned<f64>,
    /// The step attempted, and the next one that the error allows.
    h: Aligned<f64>,
    next: Aligned<f64>,
}

/// What a lane's steps are held against.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub control: Control,
    pub max_steps: u64,
}

/// A step below this share of the time (or of a thousandth) does not move the clock.
const STUCK: f64 = 1e-14;
/// A step that ends this near to the stop, relative to its length, lands on it.
const NEAR: f64 = 1.001;

/// True where no step of this length moves the clock.
pub(crate) fn stuck(step: f64, t: f64) -> bool {
    step.is_nan() || step <= STUCK * t.max(1e-3)
}

impl Clocks {
    pub fn new(lanes: usize) -> Self {
        let row = || Aligned::new(lanes);
        Clocks { t: row(), stop: row(), steps: row(), wanted: row(), lands: row(), h: row(), next: row() }
    }

    /// Sets a lane's clock to zero.
    pub fn reset(&mut self, lane: usize, stop: f64) {
        (self.t[lane], self.stop[lane], self.steps[lane], self.lands[lane]) = (0.0, stop, 0.0, 0.0);
    }

    /// Does this step end at the stop?
    pub fn lands(&self, lane: usize) -> bool {
        self.lands[lane] != 0.0
    }

    /// The next step, cut where it would pass the stop.
    pub fn aim<L: Lane>(&mut self, rows: &mut Rows<L>, lane: usize, accepted: bool, control: Control) {
        let h = match control {
            Control::Fixed(h) => h,
            Control::Adaptive(..) => rows.wanted.rows()[lane].to_f64(),
        };
        // An accepted step that was cut to land says nothing about the length the error allows.
        let wanted = if self.lands(lane) && accepted { h.max(self.wanted[lane]) } else { h };
        let left = self.stop[lane] - self.t[lane];
        let lands = wanted * NEAR >= left;
        self.lands[lane] = f64::from(u8::from(lands));
        self.wanted[lane] = if lands { wanted.min(5.0 * left.max(1e-3)) } else { wanted };
        rows.h.rows()[lane] = L::from_f64(if lands { left } else { wanted });
    }
}

/// Bits as numbers, the lowest bit first: 1 or 0.
static FLAGS: [[f64; 8]; 256] = {
    let (mut flags, mut i) = ([[0.0; 8]; 256], 0);
    while i < 256 * 8 {
        flags[i / 8][i % 8] = if (i / 8) >> (i % 8) & 1 == 1 { 1.0 } else { 0.0 };
        i += 1;
    }
    flags
};

/// One bit a lane becomes one number a lane.
#[inline(always)]
fn flags<V: Vector<Lane = f64>>(bits: u64) -> Pack<V, TOGETHER> {
    const { assert!(V::LANES <= 8) };
    let mut flags = [V::splat(0.0); TOGETHER];
    let mut k = 0;
    while k < TOGETHER {
        flags[k] = V::load(&FLAGS[(bits >> (k * V::LANES)) as usize & ((1 << V::LANES) - 1)]);
        k += 1;
    }
    Pack(flags)
}

struct Here<V> {
    /// Being there, it says that the machine has the instructions.
    here: V,
}

impl<V: Vector<Lane = f64>, L: Lane> Tick<L> for Here<V> {
    fn cruise(&self, clocks: &mut Clocks, rows: &mut Rows<L>, bits: [u64; 2], limits: Limits) -> u64 {
        self.here.within(Cruise::<V, L> { clocks, rows, bits, limits, kind: PhantomData })
    }
}

struct Cruise<'a, V, L> {
    clocks: &'a mut Clocks,
    rows: &'a mut Rows<L>,
    /// The lanes whose step was accepted, and those with nothing out of the ordinary.
    bits: [u64; 2],
    limits: Limits,
    kind: PhantomData<V>,
}

/// Vectors at a time; rows are a whole number of times as wide.
const TOGETHER: usize = 2;

impl<V: Vector<Lane = f64>, L: Lane> Kernel for Cruise<'_, V, L> {
    type Output = u64;
    // No iterators in here: what is written by narrower instructions than it is read by keeps the reader waiting.
    #[inline(always)]
    fn run(self) -> u64 {
        let Clocks { t, stop, steps, wanted, lands, h, next } = self.clocks;
        let (t, steps, wanted, lands, h) = (t.rows(), steps.rows(), wanted.rows(), lands.rows(), h.rows());
        let (stop, next) = (stop.get(), next.rows());
        let (row, allowed) = (self.rows.h.rows(), self.rows.wanted.get());
        let (n, mut i) = (t.len(), 0);
        let (row, allowed) = (&mut row[..n], &allowed[..n]);
        let (h, next) = (&mut h[..n], &mut next[..n]);
        while i < n {
            h[i] = row[i].to_f64();
            next[i] = match self.limits.control {
                Control::Fixed(h) => h,
                Control::Adaptive(..) => allowed[i].to_f64(),
            };
            i += 1;
        }
        let [accepted, ordinary] = self.bits;
        let (zero, one, least) = (Pack::<V, TOGETHER>::num(0.0), Pack::num(1.0), Pack::num(1e-3));
        let most_steps = Pack::<V, TOGETHER>::num(self.limits.max_steps as f64);
        let (mut through, mut at) = (0, 0);
        while at < n {
            let good = one.le(flags::<V>(accepted >> at));
            let (old, before, landing) = (Pack::load(&h[at..]), Pack::load(&t[at..]), Pack::load(&lands[at..]));
            let (more, tried) = (Pack::load(&next[at..]), Pack::<V, TOGETHER>::load(&steps[at..]) + one);
            let now = before + Pack::select(good, old, zero);
            let moves = (Pack::num(STUCK) * now.max(least)).lt(more);
            let open = Pack::<V, TOGETHER>::select(good, landing, zero).lt(one);
            let usual = Pack::<V, TOGETHER>::and(one.le(flags::<V>(ordinary >> at)), tried.lt(most_steps));
            let goes = Pack::<V, TOGETHER>::and(Pack::<V, TOGETHER>::and(usual, moves), open);
            let left = Pack::load(&stop[at..]) - now;
            let arrives = left.le(more * Pack::num(NEAR));
            let short = more.min(Pack::num(5.0) * left.max(least));
            Pack::select(goes, now, before).replace(&mut t[at..]);
            Pack::select(goes, tried, tried - one).replace(&mut steps[at..]);
            Pack::select(goes, Pack::select(arrives, one, zero), landing).replace(&mut lands[at..]);
            Pack::select(goes, Pack::select(arrives, short, more), Pack::load(&wanted[at..]))
                .replace(&mut wanted[at..]);
            Pack::select(goes, Pack::select(arrives, left, more), old).replace(&mut h[at..]);
            through |= Pack::<V, TOGETHER>::bits(goes) << at;
            at += Pack::<V, TOGETHER>::WIDTH;
        }
        i = 0;
        while i < n {
            row[i] = L::from_f64(h[i]);
            i += 1;
        }
        through
    }
}
