//! [`Pack`]: several vectors that go through an equation side by side, so that one waits while another works.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::Vector;
use crate::math;
use crate::real::Real;

/// K vectors, K · LANES neurons.
#[derive(Clone, Copy, Debug)]
pub struct Pack<V, const K: usize>(pub(crate) [V; K]);

macro_rules! each {
    ($k:ident => $value:expr) => {{
        let mut out = [V::splat(V::Lane::num(0.0)); K];
        let mut $k = 0;
        while $k < K {
            out[$k] = $value;
            $k += 1;
        }
        Pack(out)
    }};
}

impl<V: Vector, const K: usize> Pack<V, K> {
    /// Neurons in a pack.
    pub const WIDTH: usize = V::LANES * K;

    /// The first `WIDTH` numbers of a slice.
    #[inline(always)]
    pub fn load(from: &[V::Lane]) -> Self {
        each!(k => V::load(&from[k * V::LANES..(k + 1) * V::LANES]))
    }

    /// Into the first `WIDTH` places of a slice.
    #[inline(always)]
    pub fn store(self, to: &mut [V::Lane]) {
        let mut k = 0;
        while k < K {
            self.0[k].store(&mut to[k * V::LANES..(k + 1) * V::LANES]);
            k += 1;
        }
    }

    /// As [`store`](Self::store), where some lanes are what was there before. A compiler that sees it makes that a masked
    /// store, which takes AMD's processors twenty cycles, and from which nothing is forwarded to the next load.
    #[inline(always)]
    pub fn replace(self, to: &mut [V::Lane]) {
        let mut whole = [self];
        Self::abreast(&mut whole, &mut []);
        whole[0].store(to);
    }

    /// exp or tanh of every lane, one after another.
    fn one_by_one(self, tanh: bool) -> Self {
        let mut lanes = vec![V::Lane::num(0.0); V::LANES];
        each!(k => {
            self.0[k].store(&mut lanes);
            lanes.iter_mut().for_each(|x| *x = math::one(*x, tanh));
            V::load(&lanes)
        })
    }

    /// One bit a lane, the first lane's the lowest.
    #[inline(always)]
    pub fn bits(mask: [V::Mask; K]) -> u64 {
        let (mut bits, mut k) = (0, 0);
        while k < K {
            bits |= V::bits(mask[k]) << (k * V::LANES);
            k += 1;
        }
        bits
    }
}

macro_rules! operator {
    ($($op:ident $method:ident;)*) => { $(
        impl<V: Vector, const K: usize> $op for Pack<V, K> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, o: Self) -> Self {
                each!(k => self.0[k].$method(o.0[k]))
            }
        }
    )* };
}
operator! { Add add; Sub sub; Mul mul; Div div; }

impl<V: Vector, const K: usize> Neg for Pack<V, K> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        each!(k => self.0[k].neg())
    }
}

impl<V: Vector, const K: usize> Real for Pack<V, K> {
    type Lane = V::Lane;
    type Mask = [V::Mask; K];

    #[inline(always)]
    fn splat(lane: V::Lane) -> Self {
        Pack([V::splat(lane); K])
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        each!(k => self.0[k].mul_add(a.0[k], b.0[k]))
    }
    #[inline(always)]
    fn neg_mul_add(self, a: Self, b: Self) -> Self {
        each!(k => self.0[k].neg_mul_add(a.0[k], b.0[k]))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        each!(k => self.0[k].abs())
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        each!(k => self.0[k].sqrt())
    }
    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        each!(k => self.0[k].copysign(sign.0[k]))
    }
    #[inline(always)]
    fn min(self, o: Self) -> Self {
        each!(k => self.0[k].min(o.0[k]))
    }
    #[inline(always)]
    fn max(self, o: Self) -> Self {
        each!(k => self.0[k].max(o.0[k]))
    }
    #[inline(always)]
    fn lt(self, o: Self) -> [V::Mask; K] {
        let mut out = [self.0[0].lt(o.0[0]); K];
        let mut k = 1;
        while k < K {
            out[k] = self.0[k].lt(o.0[k]);
            k += 1;
        }
        out
    }
    #[inline(always)]
    fn le(self, o: Self) -> [V::Mask; K] {
        let mut out = [self.0[0].le(o.0[0]); K];
        let mut k = 1;
        while k < K {
            out[k] = self.0[k].le(o.0[k]);
            k += 1;
        }
        out
    }
    #[inline(always)]
    fn and(a: [V::Mask; K], b: [V::Mask; K]) -> [V::Mask; K] {
        let mut out = a;
        let mut k = 0;
        while k < K {
            out[k] = V::and(a[k], b[k]);
            k += 1;
        }
        out
    }
    #[inline(always)]
    fn all(mask: [V::Mask; K]) -> bool {
        let (mut joint, mut k) = (mask[0], 1);
        while k < K {
            joint = V::and(joint, mask[k]);
            k += 1;
        }
        V::all(joint)
    }
    #[inline(always)]
    fn any(mask: [V::Mask; K]) -> bool {
        Self::bits(mask) != 0
    }
    #[inline(always)]
    fn select(mask: [V::Mask; K], yes: Self, no: Self) -> Self {
        each!(k => V::select(mask[k], yes.0[k], no.0[k]))
    }
    #[inline(always)]
    fn only(self, mask: [V::Mask; K]) -> Self {
        each!(k => self.0[k].only(mask[k]))
    }
    #[inline(always)]
    fn times_power_of_two(self, rounded: Self) -> Self {
        each!(k => self.0[k].times_power_of_two(rounded.0[k]))
    }
    /// Rare, and as vectors a third of all code: lane by lane.
    #[inline(never)]
    fn exp_tanh_anywhere<const E: usize, const T: usize>(exp: [Self; E], tanh: [Self; T]) -> ([Self; E], [Self; T]) {
        (exp.map(|x| x.one_by_one(false)), tanh.map(|x| x.one_by_one(true)))
    }
    #[inline(always)]
    fn abreast<const E: usize, const T: usize>(a: &mut [Self; E], b: &mut [Self; T]) {
        if (E + T) * K > 12 {
            return;
        }
        let mut chains = [V::splat(V::Lane::num(0.0)); 12];
        let mut k = 0;
        while k < K {
            let mut i = 0;
            while i < E {
                chains[i * K + k] = a[i].0[k];
                i += 1;
            }
            let mut i = 0;
            while i < T {
                chains[(E + i) * K + k] = b[i].0[k];
                i += 1;
            }
            k += 1;
        }
        V::abreast(&mut chains, (E + T) * K);
        let mut k = 0;
        while k < K {
            let mut i = 0;
            while i < E {
                a[i].0[k] = chains[i * K + k];
                i += 1;
            }
            let mut i = 0;
            while i < T {
                b[i].0[k] = chains[(E + i) * K + k];
                i += 1;
            }
            k += 1;
        }
    }
}
