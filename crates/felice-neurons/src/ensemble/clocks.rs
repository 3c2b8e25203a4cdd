//! The lanes' clocks: where each neuron is on its way, and how far its next step goes.

use std::marker::PhantomData;

use super::aligned::Aligned;
use super::steps::{Control, Rows};
use crate::dispatch::Kernel;
use crate::real::{Lane, Real};
use crate::simd::{Instructions, Pack, Vector, Vectorised, run};

/// The clocks' arithmetic on one kind of vector.
pub(crate) trait Tick: Send {
    /// [`Clocks::cruise`], with what it needs in place.
    fn tick(&self, clocks: &mut Clocks, max_steps: f64) -> u64;
}

/// The clocks' arithmetic with this machine's instructions.
pub(crate) fn tick(instructions: Instructions) -> Box<dyn Tick> {
    struct Build;
    impl Vectorised<f64> for Build {
        type Output = Box<dyn Tick>;
        #[inline(always)]
        fn run<V: Vector<Lane = f64>>(self) -> Self::Output {
            Box::new(Here { here: V::splat(0.0) })
        }
    }
    run(instructions, Build)
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
    /// 1 where the step was accepted, and where there is nothing out of the ordinary; else 0.
    accepted: Aligned<f64>,
    ordinary: Aligned<f64>,
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
        Clocks {
            t: row(),
            stop: row(),
            steps: row(),
            wanted: row(),
            lands: row(),
            h: row(),
            next: row(),
            accepted: row(),
            ordinary: row(),
        }
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

    /// What becomes of `lanes` after an attempt at a step, where that is nothing out of the ordinary: on to the next
    /// step. The lanes that are through: one bit a lane. The others are as they were.
    pub fn cruise<L: Lane>(
        &mut self,
        tick: &dyn Tick,
        rows: &mut Rows<L>,
        [accepted, lanes]: [u64; 2],
        limits: Limits,
    ) -> u64 {
        if lanes == 0 {
            return 0;
        }
        flag(accepted, self.accepted.rows());
        flag(lanes, self.ordinary.rows());
        let (h, wanted) = (rows.h.rows(), rows.wanted.rows());
        self.h.rows().iter_mut().zip(&*h).for_each(|(to, h)| *to = h.to_f64());
        match limits.control {
            Control::Fixed(h) => self.next.rows().fill(h),
            Control::Adaptive(..) => {
                self.next.rows().iter_mut().zip(wanted).for_each(|(to, wanted)| *to = wanted.to_f64());
            }
        }
        let through = tick.tick(self, limits.max_steps as f64);
        h.iter_mut().zip(self.h.rows()).for_each(|(h, from)| *h = L::from_f64(*from));
        through
    }
}

/// Four bits as four numbers, the lowest bit first.
const FLAGS: [[f64; 4]; 16] = {
    let (mut flags, mut i) = ([[0.0; 4]; 16], 0);
    while i < 64 {
        flags[i / 4][i % 4] = if (i / 4) >> (i % 4) & 1 == 1 { 1.0 } else { 0.0 };
        i += 1;
    }
    flags
};

/// One bit a lane becomes one number a lane, 1 or 0. Rows are a multiple of four wide: that many vectors.
fn flag(bits: u64, to: &mut [f64]) {
    for (i, four) in to.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        *four = FLAGS[(bits >> (4 * i) & 15) as usize];
    }
}

struct Here<V> {
    /// Being there, it says that the machine has the instructions.
    here: V,
}

impl<V: Vector<Lane = f64>> Tick for Here<V> {
    fn tick(&self, clocks: &mut Clocks, max_steps: f64) -> u64 {
        self.here.within(Cruise::<V> { clocks, max_steps, kind: PhantomData })
    }
}

struct Cruise<'a, V> {
    clocks: &'a mut Clocks,
    max_steps: f64,
    kind: PhantomData<V>,
}

/// Vectors at a time; rows are a whole number of times as wide.
const TOGETHER: usize = 2;

impl<V: Vector<Lane = f64>> Kernel for Cruise<'_, V> {
    type Output = u64;
    #[inline(always)]
    fn run(self) -> u64 {
        let Clocks { t, stop, steps, wanted, lands, h, next, accepted, ordinary } = self.clocks;
        let (t, steps, wanted, lands, h) = (t.rows(), steps.rows(), wanted.rows(), lands.rows(), h.rows());
        let (stop, next, accepted, ordinary) = (stop.get(), next.get(), accepted.get(), ordinary.get());
        let (zero, one, least) = (Pack::<V, TOGETHER>::num(0.0), Pack::num(1.0), Pack::num(1e-3));
        let most_steps = Pack::<V, TOGETHER>::num(self.max_steps);
        let (mut through, mut at) = (0, 0);
        while at < t.len() {
            let good = one.le(Pack::<V, TOGETHER>::load(&accepted[at..]));
            let (old, before, landing) = (Pack::load(&h[at..]), Pack::load(&t[at..]), Pack::load(&lands[at..]));
            let (more, tried) = (Pack::load(&next[at..]), Pack::<V, TOGETHER>::load(&steps[at..]) + one);
            let now = before + Pack::select(good, old, zero);
            let moves = (Pack::num(STUCK) * now.max(least)).lt(more);
            let open = Pack::<V, TOGETHER>::select(good, landing, zero).lt(one);
            let usual = Pack::<V, TOGETHER>::and(one.le(Pack::load(&ordinary[at..])), tried.lt(most_steps));
            let goes = Pack::<V, TOGETHER>::and(Pack::<V, TOGETHER>::and(usual, moves), open);
            let left = Pack::load(&stop[at..]) - now;
            let arrives = left.le(more * Pack::num(NEAR));
            let short = more.min(Pack::num(5.0) * left.max(least));
            Pack::select(goes, now, before).store(&mut t[at..]);
            Pack::select(goes, tried, tried - one).store(&mut steps[at..]);
            Pack::select(goes, Pack::select(arrives, one, zero), landing).store(&mut lands[at..]);
            Pack::select(goes, Pack::select(arrives, short, more), Pack::load(&wanted[at..])).store(&mut wanted[at..]);
            Pack::select(goes, Pack::select(arrives, left, more), old).store(&mut h[at..]);
            through |= Pack::<V, TOGETHER>::bits(goes) << at;
            at += Pack::<V, TOGETHER>::WIDTH;
        }
        through
    }
}
