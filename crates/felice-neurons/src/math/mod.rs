//! `exp` and `tanh`, each one fixed sequence of correctly rounded operations: the same bits from a scalar, from any lane
//! of any pack, on any machine. No library function is called.
//!
//! Both reduce x = k ln 2 + r, |r| ≤ ln(2)/2, and share Q in expm1(r) = r + r² Q(r): exp x = 2ᵏ (1 + r (1 + r Q)), and with
//! w = expm1(2|x|)/2 = 2ᵏ⁻¹ p + (2ᵏ⁻¹ − 1/2), p = r + r² Q, tanh |x| = w/(1 + w). Rounding 1 + w loses up to half an ulp
//! of the result where w < 1 (2.6 ulp in all); what it loses is known exactly and put back: (1 − lost) w/(1 + w).
//!
//! Errors, measured against mpmath at 150,000 arguments (f64) and against f64 at every seventh f32: exp .92 ulp, tanh 1.85,
//! over the whole range. exp saturates near the largest finite number (e^709.78…, e^88.72…) and at 0;
//! tanh at ±1. A NaN stays one.

use crate::dispatch::{self, Kernel};
use crate::real::{Lane, Real};

/// Every `exp` and every `tanh` of a field at once: independent chains, step by step beside each other.
#[inline(always)]
pub fn exp_tanh<R: Real, const E: usize, const T: usize>(exp: [R; E], tanh: [R; T]) -> ([R; E], [R; T]) {
    if E > 0 {
        let normal = R::splat(R::Lane::EXP_NORMAL);
        let mut safe = exp[0].abs().le(normal);
        for i in 1..E {
            safe = R::and(safe, exp[i].abs().le(normal));
        }
        if !R::all(safe) {
            return R::exp_tanh_anywhere(exp, tanh);
        }
    }
    let (k, mut e, kt, t) = chains(exp, tanh);
    for i in 0..E {
        e[i] = e[i].times_power_of_two(k[i]);
    }
    (e, ratios(tanh, kt, t))
}

/// As [`exp_tanh`] where a result may be too large, too small or not a number: the same bits wherever it is none of these.
#[inline(never)]
pub(crate) fn anywhere<R: Real, const E: usize, const T: usize>(mut exp: [R; E], tanh: [R; T]) -> ([R; E], [R; T]) {
    let [lowest, highest] = R::Lane::EXP_RANGE;
    for x in &mut exp {
        *x = x.min(R::splat(highest)).max(R::splat(lowest));
    }
    let (k, mut e, kt, t) = chains(exp, tanh);
    for i in 0..E {
        e[i] = scale(e[i], k[i]);
    }
    (e, ratios(tanh, kt, t))
}

/// k + ROUNDER and e^r of each `exp`, k + ROUNDER and expm1(r) of each 2|`tanh`|.
#[inline(always)]
#[allow(clippy::type_complexity)]
fn chains<R: Real, const E: usize, const T: usize>(exp: [R; E], tanh: [R; T]) -> ([R; E], [R; E], [R; T], [R; T]) {
    let one = R::num(1.0);
    let (mut ke, mut re, mut kt, mut rt) = (exp, exp, tanh, tanh);
    for i in 0..E {
        (ke[i], re[i]) = reduce(exp[i]);
    }
    for i in 0..T {
        let x = tanh[i].abs().min(R::splat(R::Lane::TANH_RANGE));
        (kt[i], rt[i]) = reduce(x + x);
    }
    R::abreast(&mut re, &mut rt);
    let c = R::Lane::EXPM1;
    let (mut e, mut t) = ([R::splat(c[0]); E], [R::splat(c[0]); T]);
    for &c in &c[1..] {
        for i in 0..E {
            e[i] = e[i].mul_add(re[i], R::splat(c));
        }
        for i in 0..T {
            t[i] = t[i].mul_add(rt[i], R::splat(c));
        }
        R::abreast(&mut e, &mut t);
    }
    for i in 0..E {
        e[i] = e[i].mul_add(re[i], one).mul_add(re[i], one);
    }
    for i in 0..T {
        t[i] = (rt[i] * rt[i]).mul_add(t[i], rt[i]);
    }
    (ke, e, kt, t)
}

/// The whole number k nearest to x log₂ e, plus ROUNDER, and x − k ln 2.
#[inline(always)]
fn reduce<R: Real>(x: R) -> (R, R) {
    let rounder = R::splat(R::Lane::ROUNDER);
    let [high, low] = R::Lane::LN_2;
    let rounded = x.mul_add(R::splat(R::Lane::LOG2_E), rounder);
    let k = rounded - rounder;
    (rounded, k.neg_mul_add(R::splat(low), k.neg_mul_add(R::splat(high), x)))
}

/// y 2ᵏ in two factors, so that neither the largest nor the subnormal results need a special case.
#[inline(always)]
fn scale<R: Real>(y: R, rounded: R) -> R {
    let (one, rounder) = (R::num(1.0), R::splat(R::Lane::ROUNDER));
    let half = (rounded - rounder).mul_add(R::num(0.5), rounder);
    let rest = rounded - (half - rounder);
    y * one.times_power_of_two(half) * one.times_power_of_two(rest)
}

/// tanh x from k + ROUNDER and p = expm1(r) of 2|x|.
#[inline(always)]
fn ratios<R: Real, const T: usize>(x: [R; T], rounded: [R; T], mut p: [R; T]) -> [R; T] {
    let (one, half) = (R::num(1.0), R::num(0.5));
    let (mut w, mut d, mut q, mut lost) = (p, p, p, p);
    for i in 0..T {
        let s = half.times_power_of_two(rounded[i]);
        w[i] = s.mul_add(p[i], s - half);
    }
    R::abreast(&mut w, &mut []);
    for i in 0..T {
        d[i] = one + w[i];
    }
    R::abreast(&mut d, &mut []);
    for i in 0..T {
        q[i] = w[i] / d[i];
        lost[i] = (w[i] - (d[i] - one)).only(w[i].lt(one));
    }
    for i in 0..T {
        let rest = q[i].neg_mul_add(lost[i], q[i].neg_mul_add(d[i], w[i]));
        p[i] = rest.mul_add(one - q[i], q[i]).copysign(x[i]);
    }
    p
}

/// eˣ of one number.
#[inline(always)]
pub fn exp<R: Real>(x: R) -> R {
    R::exp_tanh([x], []).0[0]
}

/// tanh x of one number.
#[inline(always)]
pub fn tanh<R: Real>(x: R) -> R {
    R::exp_tanh([], [x]).1[0]
}

struct One<L> {
    x: L,
    tanh: bool,
}

impl<L: Lane> Kernel for One<L> {
    type Output = L;
    #[inline(always)]
    fn run(self) -> L {
        if self.tanh { tanh(self.x) } else { exp(self.x) }
    }
}

/// One lane of a pack in which some lane is out of the ordinary.
#[inline(never)]
pub(crate) fn one<L: Lane>(x: L, tanh: bool) -> L {
    dispatch::run(One { x, tanh })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_values() {
        assert_eq!((exp(0.0_f64), tanh(0.0_f64)), (1.0, 0.0));
        assert!(tanh(-0.0_f64).is_sign_negative());
        assert_eq!((tanh(25.0_f64), tanh(f64::NEG_INFINITY)), (1.0, -1.0));
        assert_eq!((tanh(12.0_f32), tanh(f32::NEG_INFINITY)), (1.0, -1.0));
        assert!(exp(f64::NAN).is_nan() && tanh(f64::NAN).is_nan() && exp(f32::NAN).is_nan() && tanh(f32::NAN).is_nan());
        assert!(exp(1e300_f64).is_finite() && exp(1e300_f64) > 1.797e308 && exp(f64::NEG_INFINITY) == 0.0);
        assert!(exp(1e30_f32).is_finite() && exp(1e30_f32) > 3.4e38 && exp(-200.0_f32) == 0.0);
    }

    #[test]
    fn near_the_library_functions() {
        for i in -80_000..80_000 {
            let x = f64::from(i) * 1.234_567e-3;
            let (e, t) = (exp(x), tanh(x));
            assert!((e - x.exp()).abs() <= 3.0 * f64::EPSILON * x.exp(), "exp({x})");
            assert!((t - x.tanh()).abs() <= 3.0 * f64::EPSILON * x.tanh().abs(), "tanh({x})");
            let y = x as f32;
            let (e, t) = (f64::from(exp(y)), f64::from(tanh(y)));
            let (re, rt) = (f64::from(y).exp(), f64::from(y).tanh());
            let ulp = f64::from(f32::EPSILON);
            assert!(y > 88.0 || (e - re).abs() <= ulp * re.max(1.2e-38), "exp({y}f32) = {e}");
            assert!((t - rt).abs() <= ulp * rt.abs(), "tanh({y}f32) = {t}");
        }
    }
}
