//! What is done with vectors in a step of neurons that each have a step of their own: look, settle. Rows of
//! numbers have one a lane; states and stages are rows one after another.

use super::aligned::Aligned;
use super::begin::{Aim, Choose, Guess};
use super::looking::{Look, PARTS, Turns};
use super::tableau::Tableau;
use super::vector_field::{ABREAST, VectorField};
use crate::dispatch::Kernel;
use crate::integrate::Watched;
use crate::real::{Lane, Real};
use crate::simd::{Instructions, Pack, Vector, Vectorised, Width, run};

/// How the next step follows from the error e, relative to its tolerance, of this step and e' of the accepted one before:
/// h SAFETY e^−α e'^β, a PI controller (K. Gustafsson, ACM TOMS 17 (1991) 533). Beside α = 1/5, β = 0 few steps are
/// rejected and the worst neuron's error takes fewer attempts (benches/README.md). A power takes longer than
/// a step's error itself, so e is rounded up to the next of a few levels: [e, SAFETY e^−α, e^β], largest first.
const ACCEPTED: [[f64; 3]; 8] = [
    [1.0, 0.93, 1.0],
    [0.6, 1.004, 0.9698],
    [0.36, 1.084, 0.9405],
    [0.2, 1.184, 0.9079],
    [0.1, 1.314, 0.871],
    [0.03, 1.574, 0.8103],
    [3e-3, 2.223, 0.7057],
    [1e-5, 5.0, 0.5012],
];
/// After a rejected step: [e, factor], largest first; 0.2 beyond.
const REJECTED: [[f64; 2]; 2] = [[18.9, 0.5], [2.49, 0.75]];
const SMALLEST: f64 = 0.2;

/// The lanes' numbers.
pub struct Rows<L> {
    pub dim: usize,
    pub width: usize,
    /// State at the step's start; `[state][lane]`.
    pub y: Aligned<L>,
    /// Stages; the last is the field at the step's end.
    pub k: Aligned<L>,
    /// State at the step's end.
    pub end: Aligned<L>,
    /// Step attempted.
    pub h: Aligned<L>,
    /// Step that the error would allow.
    pub wanted: Aligned<L>,
    /// e^β of the last accepted step's error e.
    pub memory: Aligned<L>,
    /// Largest error over its tolerance.
    pub error: Aligned<L>,
    /// Beyond this a state has run away.
    pub bound: Aligned<L>,
    /// Injected currents, times their gain: level at local time zero and slope.
    pub level: Aligned<L>,
    pub slope: Aligned<L>,
    /// Local time at the step's start.
    pub x: Aligned<L>,
    /// Smallest and largest states so far.
    pub least: Aligned<L>,
    pub most: Aligned<L>,
    /// Where the first state turns within the step (a share of it), and its value there.
    pub turn: Aligned<L>,
    pub value: Aligned<L>,
    /// Does any current flow?
    pub driven: bool,
    pub scratch: Aligned<L>,
}

impl<L: Lane> Rows<L> {
    pub fn new(dim: usize, width: usize) -> Self {
        let rows = |n: usize| Aligned::new(n * width);
        Rows {
            dim,
            width,
            y: rows(dim),
            k: rows(7 * dim),
            end: rows(dim),
            h: rows(1),
            wanted: rows(1),
            memory: rows(1),
            error: rows(1),
            bound: rows(1),
            level: rows(dim),
            slope: rows(dim),
            x: rows(1),
            least: rows(dim),
            most: rows(dim),
            turn: rows(1),
            value: rows(1),
            driven: false,
            scratch: rows(2 * dim + PARTS + 1),
        }
    }

    /// A lane's state.
    pub fn column(&mut self, lane: usize, to: &mut Vec<f64>) {
        to.clear();
        let y = self.y.get();
        to.extend((0..self.dim).map(|i| y[i * self.width + lane].to_f64()));
    }
}

/// How steps are chosen.
#[derive(Clone, Copy, Debug)]
pub enum Control {
    /// All of this length.
    Fixed(f64),
    /// By the error, at these relative and absolute tolerances.
    Adaptive(f64, f64),
}

/// The steps of one kind of vector.
pub(crate) trait Steps<L> {
    /// The lanes whose attempted step is good: one bit a lane.
    fn good(&self, rows: &Rows<L>) -> u64;
    /// The lanes in whose step an event may be: one bit a lane.
    fn look(&self, field: &dyn VectorField<L>, rows: &mut Rows<L>, watched: &Watched) -> u64;
    /// Extremes of the states within the step; the lanes where the first state has a maximum, and those with a minimum.
    fn turns(&self, rows: &mut Rows<L>) -> (u64, u64);
    /// Lanes whose step is good begin the next one where it ended; the step that every lane's error allows. The lanes
    /// whose step is good, and those whose states are all within their bounds: one bit a lane.
    fn settle(&self, rows: &mut Rows<L>) -> [u64; 2];
    /// A first step of Euler's method that is small beside the state: E. Hairer, S. P. Nørsett, G. Wanner, "Solving
    /// Ordinary Differential Equations I", II.4.
    fn guess(&self, rows: &mut Rows<L>, aim: Aim);
    /// Of what Euler's step says of the second derivative: the step whose fifth power times it is small.
    fn choose(&self, rows: &mut Rows<L>, aim: Aim);
}

/// The steps with this machine's instructions.
pub(crate) fn steps<L: Width>(instructions: Instructions, tableau: &'static Tableau) -> Box<dyn Steps<L>> {
    struct Build(&'static Tableau);
    impl<L: Lane> Vectorised<L> for Build {
        type Output = Box<dyn Steps<L>>;
        #[inline(always)]
        fn run<V: Vector<Lane = L>>(self) -> Self::Output {
            Box::new(Here { here: V::splat(L::num(0.0)), tableau: self.0 })
        }
    }
    run(instructions, Build(tableau))
}

struct Here<V> {
    /// Being there, it says that the machine has the instructions.
    here: V,
    tableau: &'static Tableau,
}

impl<V: Vector> Steps<V::Lane> for Here<V> {
    fn good(&self, rows: &Rows<V::Lane>) -> u64 {
        self.here.within(Good::<V> { rows })
    }
    fn look(&self, field: &dyn VectorField<V::Lane>, rows: &mut Rows<V::Lane>, watched: &Watched) -> u64 {
        self.here.within(Look::<V> { last: self.tableau.rows.len(), field, rows, watched })
    }
    fn turns(&self, rows: &mut Rows<V::Lane>) -> (u64, u64) {
        self.here.within(Turns::<V> { last: self.tableau.rows.len(), rows })
    }
    fn settle(&self, rows: &mut Rows<V::Lane>) -> [u64; 2] {
        self.here.within(Settle::<V> { last: self.tableau.rows.len(), rows })
    }
    fn guess(&self, rows: &mut Rows<V::Lane>, aim: Aim) {
        self.here.within(Guess::<V>(rows, aim));
    }
    fn choose(&self, rows: &mut Rows<V::Lane>, aim: Aim) {
        self.here.within(Choose::<V>(rows, aim));
    }
}

struct Good<'a, V: Vector> {
    rows: &'a Rows<V::Lane>,
}

impl<V: Vector> Kernel for Good<'_, V> {
    type Output = u64;
    #[inline(always)]
    fn run(self) -> u64 {
        let (error, mut bits, mut at) = (self.rows.error.get(), 0, 0);
        while at < error.len() {
            bits |= Pack::<V, ABREAST>::bits(Pack::<V, ABREAST>::load(&error[at..]).le(Pack::num(1.0))) << at;
            at += Pack::<V, ABREAST>::WIDTH;
        }
        bits
    }
}

/// The factor of the next step, and what the one after it will remember of this error; the smallest factor where the error
/// is no number.
#[inline(always)]
fn factor<R: Real>(error: R, memory: R) -> [R; 2] {
    let (mut f, mut m) = (R::num(SMALLEST), memory);
    let mut i = 0;
    while i < REJECTED.len() {
        let [e, factor] = REJECTED[i];
        f = R::select(error.le(R::num(e)), R::num(factor), f);
        i += 1;
    }
    i = 0;
    while i < ACCEPTED.len() {
        let [e, factor, remembered] = ACCEPTED[i];
        let here = error.le(R::num(e));
        f = R::select(here, memory * R::num(factor), f);
        m = R::select(here, R::num(remembered), m);
        i += 1;
    }
    [f, m]
}

struct Settle<'a, V: Vector> {
    /// The stage of the step's end.
    last: usize,
    rows: &'a mut Rows<V::Lane>,
}

impl<V: Vector> Kernel for Settle<'_, V> {
    type Output = [u64; 2];
    #[inline(always)]
    fn run(self) -> [u64; 2] {
        let (mut bits, mut at) = ([0; 2], 0);
        while at < self.rows.width {
            let [good, within] = settle::<V>(self.rows, self.last, at);
            bits = [bits[0] | good << at, bits[1] | within << at];
            at += Pack::<V, ABREAST>::WIDTH;
        }
        bits
    }
}

/// The lanes `at ..`.
#[inline(always)]
fn settle<V: Vector>(rows: &mut Rows<V::Lane>, last: usize, mut at: usize) -> [u64; 2] {
    let Rows { width: w, y, k, end, h, wanted, memory, error, bound, x, .. } = rows;
    let error = Pack::<V, ABREAST>::load(&error.get()[at..]);
    let good = error.le(Pack::num(1.0));
    let step = Pack::load(&h.get()[at..]);
    let [f, m] = factor(error, Pack::load(&memory.get()[at..]));
    (f * step).store(&mut wanted.rows()[at..]);
    m.replace(&mut memory.rows()[at..]);
    let now = Pack::<V, ABREAST>::load(&x.get()[at..]);
    Pack::select(good, now + step, now).replace(&mut x.rows()[at..]);
    let bound = Pack::<V, ABREAST>::load(&bound.get()[at..]);
    let mut within = bound.le(bound);
    let (y, end, k) = (y.rows(), end.get(), k.rows());
    let last = last * y.len();
    while at < y.len() {
        let to = Pack::select(good, Pack::load(&end[at..]), Pack::<V, ABREAST>::load(&y[at..]));
        to.replace(&mut y[at..]);
        let slope = Pack::select(good, Pack::load(&k[last + at..]), Pack::<V, ABREAST>::load(&k[at..]));
        slope.replace(&mut k[at..]);
        within = Pack::<V, ABREAST>::and(within, to.abs().le(bound));
        at += *w;
    }
    [Pack::<V, ABREAST>::bits(good), Pack::<V, ABREAST>::bits(within)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The levels are what their formula says, and a step's factor is the level's above its error.
    #[test]
    fn control() {
        const ALPHA: f64 = 0.15;
        const BETA: f64 = 0.06;
        for [e, f, m] in ACCEPTED {
            let exact = (0.93 * e.powf(-ALPHA)).min(5.0);
            assert!((f / exact - 1.0).abs() < 1e-3 && (m / e.powf(BETA) - 1.0).abs() < 1e-3, "{e}");
        }
        assert_eq!(factor(1.0, 1.0), [0.93, 1.0]);
        assert_eq!(factor(0.5, 0.8), [1.004 * 0.8, 0.9698]);
        assert_eq!(factor(0.0, 1.0), [5.0, 0.5012]);
        assert_eq!((factor(1.1, 0.7), factor(1e9, 0.7), factor(f64::NAN, 0.7)), ([0.75, 0.7], [0.2, 0.7], [0.2, 0.7]));
    }
}
