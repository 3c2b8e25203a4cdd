//! Vectors as plain arrays: what the compiler makes of them is up to the target (NEON where that is the baseline).

use super::Vector;
use crate::real::{Lane, Real};

/// N numbers.
#[derive(Clone, Copy, Debug)]
pub struct Lanes<L, const N: usize>([L; N]);

macro_rules! each {
    ($i:ident => $value:expr) => {{
        let mut out = [L::num(0.0); N];
        let mut $i = 0;
        while $i < N {
            out[$i] = $value;
            $i += 1;
        }
        Lanes(out)
    }};
}

macro_rules! each_mask {
    ($i:ident => $value:expr) => {{
        let mut out = [false; N];
        let mut $i = 0;
        while $i < N {
            out[$i] = $value;
            $i += 1;
        }
        out
    }};
}

impl<L: Lane, const N: usize> Vector for Lanes<L, N> {
    type Lane = L;
    type Mask = [bool; N];
    const LANES: usize = N;

    #[inline(always)]
    fn splat(x: L) -> Self {
        Lanes([x; N])
    }
    #[inline(always)]
    fn load(from: &[L]) -> Self {
        each!(i => from[i])
    }
    #[inline(always)]
    fn store(self, to: &mut [L]) {
        to[..N].copy_from_slice(&self.0);
    }
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        each!(i => self.0[i] + o.0[i])
    }
    #[inline(always)]
    fn sub(self, o: Self) -> Self {
        each!(i => self.0[i] - o.0[i])
    }
    #[inline(always)]
    fn mul(self, o: Self) -> Self {
        each!(i => self.0[i] * o.0[i])
    }
    #[inline(always)]
    fn div(self, o: Self) -> Self {
        each!(i => self.0[i] / o.0[i])
    }
    #[inline(always)]
    fn neg(self) -> Self {
        each!(i => -self.0[i])
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        each!(i => Real::mul_add(self.0[i], a.0[i], b.0[i]))
    }
    #[inline(always)]
    fn neg_mul_add(self, a: Self, b: Self) -> Self {
        each!(i => Real::neg_mul_add(self.0[i], a.0[i], b.0[i]))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        each!(i => self.0[i].abs())
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        each!(i => self.0[i].sqrt())
    }
    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        each!(i => self.0[i].copysign(sign.0[i]))
    }
    #[inline(always)]
    fn min(self, o: Self) -> Self {
        each!(i => Real::min(self.0[i], o.0[i]))
    }
    #[inline(always)]
    fn max(self, o: Self) -> Self {
        each!(i => Real::max(self.0[i], o.0[i]))
    }
    #[inline(always)]
    fn lt(self, o: Self) -> [bool; N] {
        each_mask!(i => self.0[i] < o.0[i])
    }
    #[inline(always)]
    fn le(self, o: Self) -> [bool; N] {
        each_mask!(i => self.0[i] <= o.0[i])
    }
    #[inline(always)]
    fn and(a: [bool; N], b: [bool; N]) -> [bool; N] {
        each_mask!(i => a[i] & b[i])
    }
    #[inline(always)]
    fn all(mask: [bool; N]) -> bool {
        Self::bits(mask) == (1 << N) - 1
    }
    #[inline(always)]
    fn any(mask: [bool; N]) -> bool {
        Self::bits(mask) != 0
    }
    #[inline(always)]
    fn bits(mask: [bool; N]) -> u64 {
        let (mut bits, mut i) = (0, 0);
        while i < N {
            bits |= u64::from(mask[i]) << i;
            i += 1;
        }
        bits
    }
    #[inline(always)]
    fn select(mask: [bool; N], yes: Self, no: Self) -> Self {
        each!(i => if mask[i] { yes.0[i] } else { no.0[i] })
    }
    #[inline(always)]
    fn times_power_of_two(self, rounded: Self) -> Self {
        each!(i => self.0[i].times_power_of_two(rounded.0[i]))
    }
}
