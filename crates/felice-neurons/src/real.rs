//! [`Real`]: the number an equation is written in — `f32`, `f64`, or a pack of either (one neuron a lane).

use std::fmt;
use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::math;

/// A number, or a pack of numbers (one neuron a lane), in which a neuron's equations are written once.
///
/// Every operation is correctly rounded lane by lane (`exp` and `tanh`, ours, are the same sequence of correctly rounded
/// operations in every implementation), so a result has the same bits alone, in any lane of any pack, on any machine.
/// Mark every method of an implementation `#[inline(always)]`: code is compiled for an instruction set where it is
/// inlined (module [`dispatch`](crate::dispatch)).
pub trait Real:
    Copy
    + fmt::Debug
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// The number in one lane: `f32` or `f64`.
    type Lane: Lane;
    /// One truth value a lane.
    type Mask: Copy;

    /// The same number in every lane.
    fn splat(lane: Self::Lane) -> Self;

    /// A constant of an equation, rounded to the lane's precision.
    #[inline(always)]
    fn num(x: f64) -> Self {
        Self::splat(Self::Lane::from_f64(x))
    }

    /// `self · a + b` with one rounding.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// |self|.
    fn abs(self) -> Self;
    /// √self.
    fn sqrt(self) -> Self;
    /// |self| with the sign of `sign`.
    fn copysign(self, sign: Self) -> Self;
    /// self < other, false where either is NaN.
    fn lt(self, other: Self) -> Self::Mask;
    /// self ≤ other, false where either is NaN.
    fn le(self, other: Self) -> Self::Mask;
    /// `yes` where the mask holds, `no` elsewhere.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// 2^self for a whole number between −1022 and 1023 (`f32`: −126 and 127); anything else gives anything.
    fn exp2_whole(self) -> Self;

    /// The smaller of the two; a NaN in `self` stays.
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self::select(other.lt(self), other, self)
    }

    /// The larger of the two; a NaN in `self` stays.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self::select(self.lt(other), other, self)
    }

    /// −1, 0 or 1, and 0 at both zeros (the papers' sign; `f64::signum` has no zero).
    #[inline(always)]
    fn sign(self) -> Self {
        let zero = Self::num(0.0);
        Self::select(zero.lt(self.abs()), Self::num(1.0).copysign(self), zero)
    }

    /// Every transcendental function of a field in one call, `(exp of each, tanh of each)`, so that a pipeline can
    /// work on all of them at once. Errors ≤ 2 ulp; `exp` saturates at the largest finite number and at zero.
    #[inline(always)]
    fn exp_tanh<const E: usize, const T: usize>(exp: [Self; E], tanh: [Self; T]) -> ([Self; E], [Self; T]) {
        math::exp_tanh(exp, tanh)
    }
}

/// One lane of a [`Real`]: `f32` or `f64`, with the constants its `exp` and `tanh` need.
pub trait Lane: Real<Lane = Self, Mask = bool> + PartialOrd + fmt::Display + Default {
    /// `f32` or `f64`, as the command line says it.
    const NAME: &'static str;
    /// Distance from 1 to the next number.
    const EPSILON: f64;
    /// 1.5 · 2^(mantissa bits): adding and subtracting it rounds to a whole number.
    const ROUNDER: Self;
    /// log₂ e.
    const LOG2_E: Self;
    /// ln 2, rounded, and what the rounding left.
    const LN_2: [Self; 2];
    /// exp(x) is evaluated for x clamped to this range.
    const EXP_RANGE: [Self; 2];
    /// tanh(x) is evaluated for |x| up to here, where it is 1 to the last bit.
    const TANH_RANGE: Self;
    /// S in expm1(r) = r + r²(1/2 + r S(r)), |r| ≤ ln(2)/2; highest power first.
    const EXPM1: &'static [Self];

    /// Rounded to this precision.
    fn from_f64(x: f64) -> Self;
    /// Exact.
    fn to_f64(self) -> f64;
    /// True where the number is neither infinite nor NaN.
    fn finite(self) -> bool;
}

macro_rules! real_number {
    ($t:ident, $bits:ident, $mantissa:expr, $one:expr) => {
        impl Real for $t {
            type Lane = $t;
            type Mask = bool;

            #[inline(always)]
            fn splat(lane: $t) -> $t {
                lane
            }
            #[inline(always)]
            fn mul_add(self, a: $t, b: $t) -> $t {
                $t::mul_add(self, a, b)
            }
            #[inline(always)]
            fn abs(self) -> $t {
                $t::abs(self)
            }
            #[inline(always)]
            fn sqrt(self) -> $t {
                $t::sqrt(self)
            }
            #[inline(always)]
            fn copysign(self, sign: $t) -> $t {
                $t::copysign(self, sign)
            }
            #[inline(always)]
            fn lt(self, other: $t) -> bool {
                self < other
            }
            #[inline(always)]
            fn le(self, other: $t) -> bool {
                self <= other
            }
            #[inline(always)]
            fn select(mask: bool, yes: $t, no: $t) -> $t {
                if mask { yes } else { no }
            }
            #[inline(always)]
            fn exp2_whole(self) -> $t {
                let whole = (self + <$t as Lane>::ROUNDER).to_bits();
                $t::from_bits((whole << $mantissa).wrapping_add($one << $mantissa))
            }
        }
    };
}

real_number!(f64, u64, 52, 1023_u64);
real_number!(f32, u32, 23, 127_u32);

impl Lane for f64 {
    const NAME: &'static str = "f64";
    const EPSILON: f64 = f64::EPSILON;
    const ROUNDER: f64 = 6_755_399_441_055_744.0;
    const LOG2_E: f64 = std::f64::consts::LOG2_E;
    const LN_2: [f64; 2] = [std::f64::consts::LN_2, 2.319_046_813_846_299_6e-17];
    const EXP_RANGE: [f64; 2] = [-746.0, 709.782_712_893_383_9];
    const TANH_RANGE: f64 = 20.0;
    // Chebyshev interpolation at 10 nodes with 50 digits: relative error of expm1 2^-58.5.
    const EXPM1: &'static [f64] = &[
        2.0911264239196083e-9,
        2.5100424157005067e-8,
        2.755728291148268e-7,
        2.7557268378684192e-6,
        2.4801587317181886e-5,
        1.9841269863105968e-4,
        1.3888888888886545e-3,
        8.333333333330051e-3,
        0.041666666666666664,
        0.16666666666666669,
    ];

    #[inline(always)]
    fn from_f64(x: f64) -> f64 {
        x
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn finite(self) -> bool {
        self.is_finite()
    }
}

impl Lane for f32 {
    const NAME: &'static str = "f32";
    const EPSILON: f64 = f32::EPSILON as f64;
    const ROUNDER: f32 = 12_582_912.0;
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    const LN_2: [f32; 2] = [std::f32::consts::LN_2, -1.904_654_2e-9];
    const EXP_RANGE: [f32; 2] = [-104.0, 88.722_83];
    const TANH_RANGE: f32 = 10.0;
    // As above, 5 nodes: 2^-29.1.
    const EXPM1: &'static [f32] = &[1.988_273_1e-4, 1.392_621_3e-3, 8.333_321e-3, 0.041_666_556, 0.166_666_67];

    #[inline(always)]
    fn from_f64(x: f64) -> f32 {
        x as f32
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn finite(self) -> bool {
        self.is_finite()
    }
}
