//! [`Dual`]: a number with its derivative, so that every model has its exact Jacobian for free.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::real::Real;

/// value + slope·ε with ε² = 0: evaluate an equation on it and `slope` is the derivative along the slopes put in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dual {
    /// The number.
    pub value: f64,
    /// Its derivative.
    pub slope: f64,
}

impl Dual {
    #[inline(always)]
    const fn new(value: f64, slope: f64) -> Dual {
        Dual { value, slope }
    }
}

impl Add for Dual {
    type Output = Dual;
    #[inline(always)]
    fn add(self, o: Dual) -> Dual {
        Dual::new(self.value + o.value, self.slope + o.slope)
    }
}

impl Sub for Dual {
    type Output = Dual;
    #[inline(always)]
    fn sub(self, o: Dual) -> Dual {
        Dual::new(self.value - o.value, self.slope - o.slope)
    }
}

impl Mul for Dual {
    type Output = Dual;
    #[inline(always)]
    fn mul(self, o: Dual) -> Dual {
        Dual::new(self.value * o.value, self.slope * o.value + self.value * o.slope)
    }
}

impl Div for Dual {
    type Output = Dual;
    #[inline(always)]
    fn div(self, o: Dual) -> Dual {
        let q = self.value / o.value;
        Dual::new(q, (self.slope - q * o.slope) / o.value)
    }
}

impl Neg for Dual {
    type Output = Dual;
    #[inline(always)]
    fn neg(self) -> Dual {
        Dual::new(-self.value, -self.slope)
    }
}

impl Real for Dual {
    type Lane = f64;
    type Mask = bool;

    #[inline(always)]
    fn splat(lane: f64) -> Dual {
        Dual::new(lane, 0.0)
    }
    #[inline(always)]
    fn mul_add(self, a: Dual, b: Dual) -> Dual {
        Dual::new(f64::mul_add(self.value, a.value, b.value), self.slope * a.value + self.value * a.slope + b.slope)
    }
    #[inline(always)]
    fn abs(self) -> Dual {
        if self.value.is_sign_negative() { -self } else { self }
    }
    #[inline(always)]
    fn sqrt(self) -> Dual {
        let root = self.value.sqrt();
        Dual::new(root, 0.5 * self.slope / root)
    }
    #[inline(always)]
    fn copysign(self, sign: Dual) -> Dual {
        if self.value.is_sign_negative() == sign.value.is_sign_negative() { self } else { -self }
    }
    #[inline(always)]
    fn lt(self, o: Dual) -> bool {
        self.value < o.value
    }
    #[inline(always)]
    fn le(self, o: Dual) -> bool {
        self.value <= o.value
    }
    #[inline(always)]
    fn select(mask: bool, yes: Dual, no: Dual) -> Dual {
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
    fn times_power_of_two(self, rounded: Dual) -> Dual {
        Dual::new(self.value.times_power_of_two(rounded.value), self.slope.times_power_of_two(rounded.value))
    }
    #[inline(always)]
    fn exp_tanh<const E: usize, const T: usize>(exp: [Dual; E], tanh: [Dual; T]) -> ([Dual; E], [Dual; T]) {
        let (e, t) = f64::exp_tanh(exp.map(|x| x.value), tanh.map(|x| x.value));
        (
            std::array::from_fn(|i| Dual::new(e[i], e[i] * exp[i].slope)),
            std::array::from_fn(|i| Dual::new(t[i], (1.0 - t[i]) * (1.0 + t[i]) * tanh[i].slope)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_of_every_operation() {
        let f = |x: Dual| {
            let ([e], [t]) = Dual::exp_tanh([x], [x * x]);
            (e / x - t.abs().sqrt()).mul_add(x, Dual::num(2.0)) * (-x).copysign(x)
        };
        let (x, h) = (0.7, 1e-6);
        let slope = f(Dual::new(x, 1.0)).slope;
        let numeric = (f(Dual::splat(x + h)).value - f(Dual::splat(x - h)).value) / (2.0 * h);
        assert!((slope - numeric).abs() < 1e-8, "{slope} {numeric}");
    }
}
