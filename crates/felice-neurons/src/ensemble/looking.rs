//! What is looked for within the steps of a vector of neurons: events, extremes, turns. Between its ends a step is
//! Hermite's cubic.

use super::steps::Rows;
use super::vector_field::{ABREAST, VectorField};
use crate::dispatch::Kernel;
use crate::integrate::Watched;
use crate::real::Real;
use crate::simd::{Pack, Vector};

/// Parts into which a step is divided to look for events.
pub(super) const PARTS: usize = 4;

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

pub(super) struct Look<'a, V: Vector> {
    /// The stage of the step's end.
    pub last: usize,
    pub field: &'a dyn VectorField<V::Lane>,
    pub rows: &'a mut Rows<V::Lane>,
    pub watched: &'a Watched,
}

impl<V: Vector> Kernel for Look<'_, V> {
    type Output = u64;
    #[inline(always)]
    fn run(self) -> u64 {
        let Rows { dim, width: w, .. } = *self.rows;
        let n = dim * w;
        let Rows { y, k, end, h, scratch, .. } = self.rows;
        let (y, k, end, h) = (y.get(), k.get(), end.get(), h.get());
        let (nodes, g) = scratch.rows().split_at_mut(2 * n);
        let (node, slope) = nodes.split_at_mut(n);
        let last = &k[self.last * n..][..n];
        for part in 0..=PARTS {
            let (node, slope) = match part {
                0 => (y, &k[..n]),
                PARTS => (end, last),
                _ => {
                    let theta = part as f64 / PARTS as f64;
                    let mut first = 0;
                    while first < w {
                        within_step::<V>([y, end, k, last], &h[first..], first, w, theta, [&mut *node, &mut *slope]);
                        first += Pack::<V, ABREAST>::WIDTH;
                    }
                    (&*node, &*slope)
                }
            };
            match self.watched {
                Watched::Level { state, level, sign } => {
                    let (mut first, sign) = (0, Pack::num(*sign));
                    while first < w {
                        let height = Pack::<V, ABREAST>::load(&node[state * w + first..]) - Pack::num(*level);
                        (sign * height).store(&mut g[part * w + first..]);
                        first += Pack::<V, ABREAST>::WIDTH;
                    }
                }
                _ => self.field.spike_condition(node, slope, &mut g[part * w..]),
            }
        }
        let (mut bits, mut first) = (0, 0);
        while first < w {
            bits |= suspicious::<V>(&g[first..], w) << first;
            first += Pack::<V, ABREAST>::WIDTH;
        }
        bits
    }
}

/// States and derivatives at a share of the step, of the lanes `first ..`.
#[inline(always)]
fn within_step<V: Vector>(
    [y, end, k, last]: [&[V::Lane]; 4],
    h: &[V::Lane],
    first: usize,
    w: usize,
    theta: f64,
    [node, slope]: [&mut [V::Lane]; 2],
) {
    let (h, theta) = (Pack::<V, ABREAST>::load(h), Pack::num(theta));
    let (per_h, mut at) = (Pack::num(1.0) / h, first);
    while at < y.len() {
        let slopes = (h * Pack::load(&k[at..]), h * Pack::load(&last[at..]));
        let cubic = Cubic::new(Pack::load(&y[at..]), Pack::load(&end[at..]), slopes.0, slopes.1);
        cubic.at(theta).store(&mut node[at..]);
        (per_h * cubic.slope_at(theta)).store(&mut slope[at..]);
        at += w;
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

pub(super) struct Turns<'a, V: Vector> {
    /// The stage of the step's end.
    pub last: usize,
    pub rows: &'a mut Rows<V::Lane>,
}

impl<V: Vector> Kernel for Turns<'_, V> {
    type Output = (u64, u64);
    #[inline(always)]
    fn run(self) -> (u64, u64) {
        let (mut tops, mut bottoms, mut first) = (0, 0, 0);
        while first < self.rows.width {
            let [top, bottom] = turns::<V>(self.rows, self.last, first);
            (tops, bottoms) = (tops | top << first, bottoms | bottom << first);
            first += Pack::<V, ABREAST>::WIDTH;
        }
        (tops, bottoms)
    }
}

/// The lanes `first ..`.
#[inline(always)]
fn turns<V: Vector>(rows: &mut Rows<V::Lane>, last: usize, first: usize) -> [u64; 2] {
    let Rows { width: w, y, k, end, h, least, most, turn, value, error, .. } = rows;
    let (y, k, end, least, most) = (y.get(), k.get(), end.get(), least.rows(), most.rows());
    let last = &k[last * y.len()..][..y.len()];
    let h = Pack::<V, ABREAST>::load(&h.get()[first..]);
    let good = Pack::<V, ABREAST>::load(&error.get()[first..]).le(Pack::num(1.0));
    let (zero, one) = (Pack::<V, ABREAST>::num(0.0), Pack::num(1.0));
    let (mut found, mut at) = ([0; 2], first);
    while at < y.len() {
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
        Pack::select(good, m.max(high), m).replace(&mut most[at..]);
        Pack::select(good, l.min(low), l).replace(&mut least[at..]);
        if at == first {
            found = [Pack::<V, ABREAST>::bits(top), Pack::<V, ABREAST>::bits(bottom)];
            theta.store(&mut turn.rows()[first..]);
            height.store(&mut value.rows()[first..]);
        }
        at += *w;
    }
    found
}
