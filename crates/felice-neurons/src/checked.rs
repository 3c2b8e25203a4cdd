//! [`Checked`]: a number that remembers an exponential too large for its precision.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::real::{Lane, Real};

/// A number, and whether an exponential that overflowed has gone into it (ours saturate; the equations' are infinite).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked<L> {
    pub value: L,
    pub over: bool,
}

macro_rules! operator {
    ($($trait:ident $method:ident;)*) => { $(
        impl<L: Lane> $trait for Checked<L> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, o: Self) -> Self {
                Checked { value: self.value.$method(o.value), over: self.over || o.over }
            }
        }
    )* };
}

operator! { Add add; Sub sub; Mul mul; Div div; }

impl<L: Lane> Neg for Checked<L> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Checked { value: -self.value, ..self }
    }
}

impl<L: Lane> Real for Checked<L> {
    type Lane = L;
    type Mask = bool;

    #[inline(always)]
    fn splat(value: L) -> Self {
        Checked { value, over: false }
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        Checked { value: self.value.mul_add(a.value, b.value), over: self.over || a.over || b.over }
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Checked { value: self.value.abs(), ..self }
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Checked { value: self.value.sqrt(), ..self }
    }
    #[inline(always)]
    fn copysign(self, sign: Self) -> Self {
        Checked { value: self.value.copysign(sign.value), ..self }
    }
    #[inline(always)]
    fn lt(self, o: Self) -> bool {
        self.value < o.value
    }
    #[inline(always)]
    fn le(self, o: Self) -> bool {
        self.value <= o.value
    }
    #[inline(always)]
    fn select(mask: bool, yes: Self, no: Self) -> Self {
        if mask { yes } else { no }
    }
    #[inline(always)]
    fn and(a: bool, b: bool) -> bool {
        a && b
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
    fn times_power_of_two(self, rounded: Self) -> Self {
        Checked { value: self.value.times_power_of_two(rounded.value), ..self }
    }
    #[inline(always)]
    fn exp_tanh<const E: usize, const T: usize>(exp: [Self; E], tanh: [Self; T]) -> ([Self; E], [Self; T]) {
        let (e, t) = L::exp_tanh(exp.map(|x| x.value), tanh.map(|x| x.value));
        let large = |x: Self| x.over || x.value > L::EXP_RANGE[1];
        (
            std::array::from_fn(|i| Checked { value: e[i], over: large(exp[i]) }),
            std::array::from_fn(|i| Checked { value: t[i], over: false }),
        )
    }
}
