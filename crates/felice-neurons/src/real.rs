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
    /// Both.
    fn and(a: Self::Mask, b: Self::Mask) -> Self::Mask;
    /// True where the mask holds in every lane.
    fn all(mask: Self::Mask) -> bool;
    /// True where the mask holds in some lane.
    fn any(mask: Self::Mask) -> bool;
    /// self · 2^k, where `rounded` = k + [`Lane::ROUNDER`] with k whole, self and the product normal numbers (anything
    /// else gives anything).
    fn times_power_of_two(self, rounded: Self) -> Self;

    /// `b − self · a` with one rounding.
    #[inline(always)]
    fn neg_mul_add(self, a: Self, b: Self) -> Self {
        (-self).mul_add(a, b)
    }

    /// Says that these numbers are steps of independent chains, best worked on abreast: a compiler that would put one
    /// chain after the other is kept from it. Changes no value.
    #[inline(always)]
    fn abreast<const E: usize, const T: usize>(a: &mut [Self; E], b: &mut [Self; T]) {
        let _ = (a, b);
    }

    /// self where the mask holds, zero elsewhere.
    #[inline(always)]
    fn only(self, mask: Self::Mask) -> Self {
        Self::select(mask, self, Self::num(0.0))
    }

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

    /// The same where some argument of `exp` is so large that its result has no ordinary exponent, or is no number.
    #[inline(always)]
    fn exp_tanh_anywhere<const E: usize, const T: usize>(exp: [Self; E], tanh: [Self; T]) -> ([Self; E], [Self; T]) {
        math::anywhere(exp, tanh)
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
    /// ln 2 to so few bits that any multiple needed is exact, and the rest.
    const LN_2: [Self; 2];
    /// exp(x) is evaluated for x clamped to this range.
    const EXP_RANGE: [Self; 2];
    /// Where exp(x) for |x| up to here is a normal number with a factor of two to spare.
    const EXP_NORMAL: Self;
    /// tanh(x) is evaluated for |x| up to here, where it is 1 to the last bit.
    const TANH_RANGE: Self;
    /// Q in expm1(r) = r + r² Q(r), |r| ≤ ln(2)/2; highest power first.
    const EXPM1: &'static [Self];

    /// Rounded to this precision.
    fn from_f64(x: f64) -> Self;
    /// Exact.
    fn to_f64(self) -> f64;
    /// True where the number is neither infinite nor NaN.
    fn finite(self) -> bool;
}

macro_rules! real_number {
    ($t:ident, $mantissa:expr) => {
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
            fn and(a: bool, b: bool) -> bool {
                a & b
            }
            #[inline(always)]
            fn all(mask: bool) -> bool {
                mask
            }
            #[inline(always)]
            fn any(mask: bool) -> bool {
                mask
            }
            #[inline(always)]
            fn times_power_of_two(self, rounded: $t) -> $t {
                $t::from_bits(self.to_bits().wrapping_add(rounded.to_bits() << $mantissa))
            }
        }
    };
}

real_number!(f64, 52);
real_number!(f32, 23);

impl Lane for f64 {
    const NAME: &'static str = "f64";
    const EPSILON: f64 = f64::EPSILON;
    const ROUNDER: f64 = 6_755_399_441_055_744.0;
    const LOG2_E: f64 = std::f64::consts::LOG2_E;
    const LN_2: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];
    const EXP_RANGE: [f64; 2] = [-746.0, 709.782_712_893_383_9];
    const EXP_NORMAL: f64 = 707.0;
    const TANH_RANGE: f64 = 20.0;
    // Minimax for the relative error of expm1 (data/reference/kernels.py): 2.2e-17.
    const EXPM1: &'static [f64] = &[
        2.511_379_389_746_437_8e-8,
        2.762_526_680_284_588e-7,
        2.755_723_028_195_489e-6,
        2.480_150_751_093_599_2e-5,
        1.984_126_990_019_028_8e-4,
        1.388_888_892_935_037_8e-3,
        8.333_333_333_316_026e-3,
        4.166_666_666_658_523e-2,
        1.666_666_666_666_668_2e-1,
        5.000_000_000_000_004e-1,
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
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const EXP_RANGE: [f32; 2] = [-104.0, 88.722_83];
    const EXP_NORMAL: f32 = 86.0;
    const TANH_RANGE: f32 = 10.0;
    // As above: 1.5e-8.
    const EXPM1: &'static [f32] = &[1.394_602_4e-3, 8.366_366e-3, 4.166_629e-2, 1.666_654_5e-1, 0.5];

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
