//! What is done with vectors in a step of neurons that each have a step of their own: attempt, look, commit. Rows of
//! numbers have one a lane; states and stages are rows one after another.

use super::aligned::Aligned;
use super::tableau::Tableau;
use super::vector_field::{ABREAST, VectorField};
use crate::dispatch::Kernel;
use crate::integrate::Watched;
use crate::real::{Lane, Real};
use crate::simd::{Instructions, Pack, Vector, Vectorised, Width, run};

/// Factors by which a step may change, largest first.
const FACTORS: [f64; 12] = [5.0, 3.5, 2.5, 1.8, 1.4, 1.2, 1.08, 1.0, 0.9, 0.75, 0.5, 0.2];
/// Aim of a step: this share of the step that would just be accepted.
const SAFETY: f64 = 0.9;
/// Parts into which a step is divided to look for events.
const PARTS: usize = 4;

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
    scratch: Aligned<L>,
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
    /// Attempts a step in every lane: stages, end, error and the step that it would allow. The lanes whose step is good:
    /// one bit a lane.
    fn attempt(&self, field: &dyn VectorField<L>, rows: &mut Rows<L>) -> u64;
    /// The lanes in whose step an event may be: one bit a lane.
    fn look(&self, field: &dyn VectorField<L>, rows: &mut Rows<L>, watched: &Watched) -> u64;
    /// Extremes of the states within the step; the lanes where the first state has a maximum, and those with a minimum.
    fn turns(&self, rows: &mut Rows<L>) -> (u64, u64);
    /// Lanes whose step is good begin the next one where it ended.
    fn commit(&self, rows: &mut Rows<L>);
    /// Lanes whose states are all within their bounds: one bit a lane.
    fn within_bounds(&self, rows: &Rows<L>) -> u64;
}

/// The steps with this machine's instructions.
pub(crate) fn steps<L: Width>(
    instructions: Instructions,
    tableau: &'static Tableau,
    control: Control,
) -> Box<dyn Steps<L>> {
    struct Build(&'static Tableau, Control);
    impl<L: Lane> Vectorised<L> for Build {
        type Output = Box<dyn Steps<L>>;
        #[inline(always)]
        fn run<V: Vector<Lane = L>>(self) -> Self::Output {
            Box::new(Here { here: V::splat(L::num(0.0)), tableau: self.0, control: self.1 })
        }
    }
    run(instructions, Build(tableau, control))
}

struct Here<V> {
    /// Being there, it says that the machine has the instructions.
    here: V,
    tableau: &'static Tableau,
    control: Control,
}

impl<V: Vector> Steps<V::Lane> for Here<V> {
    fn attempt(&self, field: &dyn VectorField<V::Lane>, rows: &mut Rows<V::Lane>) -> u64 {
        field.stages(rows, self.tableau, self.control);
        self.here.within(Wanted::<V> { rows })
    }
    fn look(&self, field: &dyn VectorField<V::Lane>, rows: &mut Rows<V::Lane>, watched: &Watched) -> u64 {
        self.here.within(Look { by: self, field, rows, watched })
    }
    fn turns(&self, rows: &mut Rows<V::Lane>) -> (u64, u64) {
        self.here.within(Turns { by: self, rows })
    }
    fn commit(&self, rows: &mut Rows<V::Lane>) {
        self.here.within(Commit::<V> { by: self, rows });
    }
    fn within_bounds(&self, rows: &Rows<V::Lane>) -> u64 {
        self.here.within(WithinBounds::<V> { rows })
    }
}

struct Wanted<'a, V: Vector> {
    rows: &'a mut Rows<V::Lane>,
}

impl<V: Vector> Kernel for Wanted<'_, V> {
    type Output = u64;
    #[inline(always)]
    fn run(self) -> u64 {
        let Rows { h, error, wanted, .. } = self.rows;
        let error = Pack::<V, ABREAST>::load(error.rows());
        factor(error, Pack::load(h.rows())).store(wanted.rows());
        Pack::<V, ABREAST>::bits(error.le(Pack::num(1.0)))
    }
}

struct WithinBounds<'a, V: Vector> {
    rows: &'a Rows<V::Lane>,
}

impl<V: Vector> Kernel for WithinBounds<'_, V> {
    type Output = u64;
    #[inline(always)]
    fn run(self) -> u64 {
        let w = self.rows.width;
        let bound = Pack::<V, ABREAST>::load(self.rows.bound.get());
        let mut within = bound.le(bound);
        let (y, mut at) = (self.rows.y.get(), 0);
        while at < y.len() {
            within = Pack::<V, ABREAST>::and(within, Pack::<V, ABREAST>::load(&y[at..]).abs().le(bound));
            at += w;
        }
        Pack::<V, ABREAST>::bits(within)
    }
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

/// Hermite's cubic over a step: y₀ + θ (s₀ + θ (a + θ b)), s₀ = h·slope there.
struct Cubic<R> {
    y: R,
    slope: R,
    a: R,
    b: R,
}

impl<R: Real> Cubic<R> {
    #[inline(always)]
    fn new(y: R, end: R, slope: R, end_slope: R) -> Self {
        let d = end - y;
        Cubic { y, slope, a: R::num(3.0) * d - slope - slope - end_slope, b: slope + end_slope - d - d }
    }
    #[inline(always)]
    fn at(&self, theta: R) -> R {
        self.b.mul_add(theta, self.a).mul_add(theta, self.slope).mul_add(theta, self.y)
    }
    /// h times the derivative.
    #[inline(always)]
    fn slope_at(&self, theta: R) -> R {
        let double = self.a + self.a;
        (R::num(3.0) * self.b).mul_add(theta, double).mul_add(theta, self.slope)
    }
}

struct Look<'a, V: Vector> {
    by: &'a Here<V>,
    field: &'a dyn VectorField<V::Lane>,
    rows: &'a mut Rows<V::Lane>,
    watched: &'a Watched,
}

impl<V: Vector> Kernel for Look<'_, V> {
    type Output = u64;
    #[inline(always)]
    fn run(self) -> u64 {
        let Rows { dim, width: w, .. } = *self.rows;
        let n = dim * w;
        let Rows { y, k, end, h, scratch, .. } = self.rows;
        let (y, k, end) = (y.rows(), k.rows(), end.rows());
        let (nodes, g) = scratch.rows().split_at_mut(2 * n);
        let (node, slope) = nodes.split_at_mut(n);
        let last = &k[self.by.tableau.rows.len() * n..][..n];
        let h = Pack::<V, ABREAST>::load(h.rows());
        let per_h = Pack::num(1.0) / h;
        for part in 0..=PARTS {
            let theta = Pack::<V, ABREAST>::num(part as f64 / PARTS as f64);
            let mut at = 0;
            while at < n {
                let slopes = (h * Pack::load(&k[at..]), h * Pack::load(&last[at..]));
                let cubic = Cubic::new(Pack::load(&y[at..]), Pack::load(&end[at..]), slopes.0, slopes.1);
                cubic.at(theta).store(&mut node[at..]);
                (per_h * cubic.slope_at(theta)).store(&mut slope[at..]);
                at += w;
            }
            let (node, slope) = match part {
                0 => (&*y, &k[..n]),
                PARTS => (&*end, last),
                _ => (&*node, &*slope),
            };
            match self.watched {
                Watched::Level { state, level, sign } => {
                    let height = Pack::<V, ABREAST>::load(&node[state * w..]) - Pack::num(*level);
                    (Pack::num(*sign) * height).store(&mut g[part * w..]);
                }
                _ => self.field.spike_condition(node, slope, &mut g[part * w..]),
            }
        }
        suspicious::<V>(g, w)
    }
}

/// Lanes where g rises through zero between two parts, or may do so and fall again within one: lines through its values
/// on both sides, half as steep again, meet above zero.
#[inline(always)]
fn suspicious<V: Vector>(g: &[V::Lane], w: usize) -> u64 {
    let (zero, one, steeper) = (Pack::<V, ABREAST>::num(0.0), Pack::num(1.0), Pack::num(1.5));
    let mut flag = zero;
    let mut part = 0;
    while part < PARTS {
        let a = Pack::<V, ABREAST>::load(&g[part * w..]);
        let b = Pack::<V, ABREAST>::load(&g[(part + 1) * w..]);
        let below = a.lt(zero);
        flag = Pack::select(Pack::<V, ABREAST>::and(below, zero.le(b)), one, flag);
        let (mut fall, mut rise) = (zero, zero);
        if part + 1 < PARTS {
            fall = b - Pack::load(&g[(part + 2) * w..]);
        }
        if part > 0 {
            rise = a - Pack::load(&g[(part - 1) * w..]);
        }
        if part == 0 {
            rise = fall;
        }
        if part + 1 == PARTS {
            fall = rise;
        }
        let top = steeper.mul_add(rise, a).min(steeper.mul_add(fall, b));
        let hump = Pack::<V, ABREAST>::and(zero.lt(rise), zero.lt(fall));
        let hidden = Pack::<V, ABREAST>::and(Pack::<V, ABREAST>::and(below, b.lt(zero)), hump);
        flag = Pack::select(Pack::<V, ABREAST>::and(hidden, zero.le(top)), one, flag);
        part += 1;
    }
    Pack::<V, ABREAST>::bits(one.le(flag))
}

struct Turns<'a, V: Vector> {
    by: &'a Here<V>,
    rows: &'a mut Rows<V::Lane>,
}

impl<V: Vector> Kernel for Turns<'_, V> {
    type Output = (u64, u64);
    #[inline(always)]
    fn run(self) -> (u64, u64) {
        let Rows { dim, width: w, .. } = *self.rows;
        let n = dim * w;
        let Rows { y, k, end, h, least, most, turn, value, error, .. } = self.rows;
        let (y, k, end, least, most) = (y.rows(), k.rows(), end.rows(), least.rows(), most.rows());
        let last = &k[self.by.tableau.rows.len() * n..][..n];
        let h = Pack::<V, ABREAST>::load(h.rows());
        let good = Pack::<V, ABREAST>::load(error.rows()).le(Pack::num(1.0));
        let (zero, one) = (Pack::<V, ABREAST>::num(0.0), Pack::num(1.0));
        let (mut tops, mut bottoms) = (0, 0);
        let mut at = 0;
        while at < n {
            let (k0, k1) = (h * Pack::<V, ABREAST>::load(&k[at..]), h * Pack::load(&last[at..]));
            let to = Pack::<V, ABREAST>::load(&end[at..]);
            let top = Pack::<V, ABREAST>::and(zero.lt(k0), k1.le(zero));
            let bottom = Pack::<V, ABREAST>::and(k0.lt(zero), zero.le(k1));
            let cubic = Cubic::new(Pack::load(&y[at..]), to, k0, k1);
            let mut theta = k0 / (k0 - k1);
            let mut i = 0;
            while i < 3 {
                let bend = (Pack::num(6.0) * cubic.b).mul_add(theta, cubic.a + cubic.a);
                let next = theta - cubic.slope_at(theta) / bend;
                let within = Pack::<V, ABREAST>::and(zero.le(next), next.le(one));
                theta = Pack::select(within, next, theta);
                i += 1;
            }
            let height = cubic.at(theta);
            let high = to.max(Pack::select(top, height, to));
            let low = to.min(Pack::select(bottom, height, to));
            let (m, l) = (Pack::<V, ABREAST>::load(&most[at..]), Pack::<V, ABREAST>::load(&least[at..]));
            Pack::select(good, m.max(high), m).store(&mut most[at..]);
            Pack::select(good, l.min(low), l).store(&mut least[at..]);
            if at == 0 {
                tops = Pack::<V, ABREAST>::bits(top);
                bottoms = Pack::<V, ABREAST>::bits(bottom);
                theta.store(turn.rows());
                height.store(value.rows());
            }
            at += w;
        }
        (tops, bottoms)
    }
}

struct Commit<'a, V: Vector> {
    by: &'a Here<V>,
    rows: &'a mut Rows<V::Lane>,
}

impl<V: Vector> Kernel for Commit<'_, V> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Rows { dim, width: w, .. } = *self.rows;
        let n = dim * w;
        let Rows { y, k, end, error, h, x, .. } = self.rows;
        let (y, end) = (y.rows(), end.rows());
        let (first, rest) = k.rows().split_at_mut(n);
        let last = &rest[(self.by.tableau.rows.len() - 1) * n..][..n];
        let good = Pack::<V, ABREAST>::load(error.rows()).le(Pack::num(1.0));
        let mut at = 0;
        while at < n {
            Pack::select(good, Pack::load(&end[at..]), Pack::<V, ABREAST>::load(&y[at..])).store(&mut y[at..]);
            Pack::select(good, Pack::load(&last[at..]), Pack::<V, ABREAST>::load(&first[at..])).store(&mut first[at..]);
            at += w;
        }
        let now = Pack::<V, ABREAST>::load(x.rows());
        Pack::select(good, now + Pack::load(h.rows()), now).store(x.rows());
    }
}
