//! `exp` and `tanh`, each one fixed sequence of correctly rounded operations: the same bits from a scalar, from any lane
//! of any pack, on any machine. No library function is called.
//!
//! Both start from p = expm1(r) with x = k ln 2 + r, |r| ≤ ln(2)/2: exp x = 2^k (1 + p) and expm1 x = 2^k p + (2^k − 1).
//! tanh x = e/(e + 2) with e = expm1(2|x|) ≥ 0, its quotient corrected by the remainder and by what rounding took from
//! e + 2 (without the correction 2.6 ulp), with 1/(e + 2) = (1 − tanh x)/2.

use crate::real::{Lane, Real};

/// Every `exp` and every `tanh` of a field at once: independent chains, step by step beside each other.
#[inline(always)]
pub fn exp_tanh<R: Real, const E: usize, const T: usize>(exp: [R; E], tanh: [R; T]) -> ([R; E], [R; T]) {
    let [lowest, highest] = R::Lane::EXP_RANGE;
    let (mut e, mut t) = ([R::num(0.0); E], [R::num(0.0); T]);
    for i in 0..E {
        e[i] = exp[i].min(R::splat(highest)).max(R::splat(lowest));
    }
    for i in 0..T {
        t[i] = tanh[i].abs().min(R::splat(R::Lane::TANH_RANGE));
        t[i] = t[i] + t[i];
    }
    let ((ke, pe), (kt, pt)) = expm1_reduced(e, t);
    for i in 0..E {
        e[i] = scale(R::num(1.0) + pe[i], ke[i]);
    }
    for i in 0..T {
        let s = kt[i].exp2_whole();
        t[i] = ratio(pt[i].mul_add(s, s - R::num(1.0))).copysign(tanh[i]);
    }
    (e, t)
}

/// k and p = expm1(x − k ln 2) for two groups of arguments.
#[inline(always)]
#[allow(clippy::type_complexity)]
fn expm1_reduced<R: Real, const E: usize, const T: usize>(
    a: [R; E],
    b: [R; T],
) -> (([R; E], [R; E]), ([R; T], [R; T])) {
    let (ka, ra) = (a.map(whole), b.map(whole));
    let (kb, a, b) = (ra, remainder(a, ka), remainder(b, ra));
    let (mut pa, mut pb) = ([R::splat(R::Lane::EXPM1[0]); E], [R::splat(R::Lane::EXPM1[0]); T]);
    for &c in &R::Lane::EXPM1[1..] {
        for i in 0..E {
            pa[i] = pa[i].mul_add(a[i], R::splat(c));
        }
        for i in 0..T {
            pb[i] = pb[i].mul_add(b[i], R::splat(c));
        }
    }
    ((ka, close(pa, a)), (kb, close(pb, b)))
}

/// The whole number nearest to x log₂ e.
#[inline(always)]
fn whole<R: Real>(x: R) -> R {
    let rounder = R::splat(R::Lane::ROUNDER);
    x.mul_add(R::splat(R::Lane::LOG2_E), rounder) - rounder
}

/// x − k ln 2.
#[inline(always)]
fn remainder<R: Real, const N: usize>(mut x: [R; N], k: [R; N]) -> [R; N] {
    let [high, low] = R::Lane::LN_2;
    for i in 0..N {
        x[i] = (-k[i]).mul_add(R::splat(low), (-k[i]).mul_add(R::splat(high), x[i]));
    }
    x
}

/// r + r² (1/2 + r s).
#[inline(always)]
fn close<R: Real, const N: usize>(mut s: [R; N], r: [R; N]) -> [R; N] {
    for i in 0..N {
        s[i] = (r[i] * r[i]).mul_add(s[i].mul_add(r[i], R::num(0.5)), r[i]);
    }
    s
}

/// y 2^k in two factors, so that neither the largest nor the subnormal results need a special case.
#[inline(always)]
fn scale<R: Real>(y: R, k: R) -> R {
    let rounder = R::splat(R::Lane::ROUNDER);
    let half = k.mul_add(R::num(0.5), rounder) - rounder;
    y * half.exp2_whole() * (k - half).exp2_whole()
}

/// e/(e + 2) for e ≥ 0, within a little more than half an ulp, never above 1.
#[inline(always)]
fn ratio<R: Real>(e: R) -> R {
    let two = R::num(2.0);
    let d = e + two;
    let lost = e.min(two) - (d - e.max(two));
    let q = e / d;
    let rest = (-q).mul_add(lost, (-q).mul_add(d, e));
    rest.mul_add(q.mul_add(R::num(-0.5), R::num(0.5)), q).min(R::num(1.0))
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
