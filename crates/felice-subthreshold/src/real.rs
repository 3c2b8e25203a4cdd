//! Numbers that a formula is written for once: plain `f64`, and dual numbers that carry exact derivatives along.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// What the device formulas need of a number.
pub trait Real:
    Copy
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Add<f64, Output = Self>
    + Sub<f64, Output = Self>
    + Mul<f64, Output = Self>
    + Div<f64, Output = Self>
{
    /// A constant.
    fn constant(value: f64) -> Self;
    /// The value without its derivatives.
    fn value(self) -> f64;
    /// `f(self)`, where `f` has the given value and slope here.
    fn chain(self, value: f64, slope: f64) -> Self;

    /// Exponential.
    fn exp(self) -> Self {
        let e = self.value().exp();
        self.chain(e, e)
    }
    /// Natural logarithm.
    fn ln(self) -> Self {
        self.chain(self.value().ln(), 1.0 / self.value())
    }
    /// Square root.
    fn sqrt(self) -> Self {
        let r = self.value().sqrt();
        self.chain(r, 0.5 / r)
    }
    /// Hyperbolic tangent.
    fn tanh(self) -> Self {
        let t = self.value().tanh();
        self.chain(t, 1.0 - t * t)
    }
    /// `ln(1 + e^x)`, without overflow and without loss far below zero.
    fn softplus(self) -> Self {
        let x = self.value();
        self.chain(x.max(0.0) + (-x.abs()).exp().ln_1p(), 1.0 / (1.0 + (-x).exp()))
    }
    /// Magnitude; slope 0 at 0.
    fn abs(self) -> Self {
        let x = self.value();
        self.chain(x.abs(), if x == 0.0 { 0.0 } else { x.signum() })
    }
    /// `1/self`.
    fn recip(self) -> Self {
        Self::constant(1.0) / self
    }
}

impl Real for f64 {
    fn constant(value: f64) -> Self {
        value
    }
    fn value(self) -> f64 {
        self
    }
    fn chain(self, value: f64, _slope: f64) -> Self {
        value
    }
}

/// A value and its derivatives by `N` variables.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dual<const N: usize> {
    /// The value.
    pub value: f64,
    /// Derivatives, one a variable.
    pub slope: [f64; N],
}

impl<const N: usize> Dual<N> {
    /// Variable number `index` at `value`; a constant where there is no such variable.
    pub fn variable(value: f64, index: usize) -> Self {
        let mut slope = [0.0; N];
        if let Some(s) = slope.get_mut(index) {
            *s = 1.0;
        }
        Dual { value, slope }
    }

    fn with(self, other: Self, value: f64, by_self: f64, by_other: f64) -> Self {
        let slope = std::array::from_fn(|i| by_self * self.slope[i] + by_other * other.slope[i]);
        Dual { value, slope }
    }
}

impl<const N: usize> Real for Dual<N> {
    fn constant(value: f64) -> Self {
        Dual { value, slope: [0.0; N] }
    }
    fn value(self) -> f64 {
        self.value
    }
    fn chain(self, value: f64, slope: f64) -> Self {
        Dual { value, slope: self.slope.map(|s| slope * s) }
    }
}

impl<const N: usize> Add for Dual<N> {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        self.with(o, self.value + o.value, 1.0, 1.0)
    }
}

impl<const N: usize> Sub for Dual<N> {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        self.with(o, self.value - o.value, 1.0, -1.0)
    }
}

impl<const N: usize> Mul for Dual<N> {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        self.with(o, self.value * o.value, o.value, self.value)
    }
}

impl<const N: usize> Div for Dual<N> {
    type Output = Self;
    fn div(self, o: Self) -> Self {
        let quotient = self.value / o.value;
        self.with(o, quotient, 1.0 / o.value, -quotient / o.value)
    }
}

impl<const N: usize> Neg for Dual<N> {
    type Output = Self;
    fn neg(self) -> Self {
        self.chain(-self.value, -1.0)
    }
}

impl<const N: usize> Add<f64> for Dual<N> {
    type Output = Self;
    fn add(self, o: f64) -> Self {
        self.chain(self.value + o, 1.0)
    }
}

impl<const N: usize> Sub<f64> for Dual<N> {
    type Output = Self;
    fn sub(self, o: f64) -> Self {
        self.chain(self.value - o, 1.0)
    }
}

impl<const N: usize> Mul<f64> for Dual<N> {
    type Output = Self;
    fn mul(self, o: f64) -> Self {
        self.chain(self.value * o, o)
    }
}

impl<const N: usize> Div<f64> for Dual<N> {
    type Output = Self;
    fn div(self, o: f64) -> Self {
        self.chain(self.value / o, 1.0 / o)
    }
}
