//! `ln(1 + e^x)` and its derivative for many x at once: all that an EKV transistor costs.
//!
//! Plain loops without branches, which the compiler turns into vector instructions; where the machine has AVX2 and fused
//! multiply-add they are compiled for those a second time. The two differ in their last bits, threads never do.

use std::f64::consts::{LN_2, LOG2_E};

/// Lengths of slices handed over must be multiples of this.
pub const LANES: usize = 4;

/// `l[i] = ln(1 + e^{x[i]})`, good to 4 ulp for |x| < 700, also where it is tiny.
pub fn softplus(x: &[f64], l: &mut [f64]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        #[allow(unsafe_code)]
        // SAFETY: the line above has found AVX2 and FMA on this machine, which is all that the function requires.
        return unsafe { softplus_avx2(x, l) };
    }
    softplus_loop::<false>(x, l);
}

/// As [`softplus`], with the derivative `s[i] = 1 / (1 + e^{−x[i]})`.
pub fn softplus_logistic(x: &[f64], l: &mut [f64], s: &mut [f64]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        #[allow(unsafe_code)]
        // SAFETY: the line above has found AVX2 and FMA on this machine, which is all that the function requires.
        return unsafe { softplus_logistic_avx2(x, l, s) };
    }
    softplus_logistic_loop::<false>(x, l, s);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn softplus_avx2(x: &[f64], l: &mut [f64]) {
    softplus_loop::<true>(x, l);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn softplus_logistic_avx2(x: &[f64], l: &mut [f64], s: &mut [f64]) {
    softplus_logistic_loop::<true>(x, l, s);
}

#[inline(always)]
fn softplus_loop<const FUSED: bool>(x: &[f64], l: &mut [f64]) {
    for (x, l) in x.chunks_exact(LANES).zip(l.chunks_exact_mut(LANES)) {
        for k in 0..LANES {
            l[k] = softplus_of::<FUSED>(x[k], tail::<FUSED>(x[k]));
        }
    }
}

#[inline(always)]
fn softplus_logistic_loop<const FUSED: bool>(x: &[f64], l: &mut [f64], s: &mut [f64]) {
    let out = l.chunks_exact_mut(LANES).zip(s.chunks_exact_mut(LANES));
    for (x, (l, s)) in x.chunks_exact(LANES).zip(out) {
        for k in 0..LANES {
            let e = tail::<FUSED>(x[k]);
            l[k] = softplus_of::<FUSED>(x[k], e);
            let share = 1.0 / (1.0 + e);
            s[k] = if x[k] >= 0.0 { share } else { e * share };
        }
    }
}

/// `a b + c`, rounded once where the machine can.
#[inline(always)]
fn fma<const FUSED: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// `e^{−|x|}`: Cody-Waite reduction to |r| ≤ ln 2 / 2, Taylor to r^13 (remainder 4e-18), smallest result 2^-1021.
#[inline(always)]
fn tail<const FUSED: bool>(x: f64) -> f64 {
    // Adding 1.5·2^52 leaves the rounded integer in the low bits of the sum.
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let m = |a, b, c| fma::<FUSED>(a, b, c);
    let size = x.abs();
    let y = -if size < 707.0 { size } else { 707.0 };
    let shifted = m(y, LOG2_E, MAGIC);
    let n = shifted - MAGIC;
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    let r = m(n, -LN_2_LOW, m(n, -LN_2_HIGH, y));
    let r2 = r * r;
    let r4 = r2 * r2;
    let a = m(r2, m(r, 1.0 / 6.0, 1.0 / 2.0), 1.0 + r);
    let b = m(r2, m(r, 1.0 / 5040.0, 1.0 / 720.0), m(r, 1.0 / 120.0, 1.0 / 24.0));
    let c = m(r2, m(r, 1.0 / 39_916_800.0, 1.0 / 3_628_800.0), m(r, 1.0 / 362_880.0, 1.0 / 40_320.0));
    let d = m(r, 1.0 / 6_227_020_800.0, 1.0 / 479_001_600.0);
    let poly = m(r4, m(r4, m(r4, d, c), b), a);
    // 0·x is NaN where x is: the comparison above would have hidden it.
    m(poly, power, 0.0 * x)
}

/// `max(x, 0) + ln(1 + e)` with `e = e^{−|x|}`: 2 artanh(s), s ≤ .172, after halving 1 + e where it is above √2.
#[inline(always)]
fn softplus_of<const FUSED: bool>(x: f64, e: f64) -> f64 {
    let m = |a, b, c| fma::<FUSED>(a, b, c);
    let upper = e > std::f64::consts::SQRT_2 - 1.0;
    let numerator = if upper { e - 1.0 } else { e };
    let denominator = if upper { e + 3.0 } else { e + 2.0 };
    let base = if upper { LN_2 } else { 0.0 };
    let s = numerator / denominator;
    let z = s * s;
    let z2 = z * z;
    let z4 = z2 * z2;
    let a = m(z2, m(z, 1.0 / 9.0, 1.0 / 7.0), m(z, 1.0 / 5.0, 1.0 / 3.0));
    let b = m(z2, m(z, 1.0 / 17.0, 1.0 / 15.0), m(z, 1.0 / 13.0, 1.0 / 11.0));
    let c = m(z, 1.0 / 21.0, 1.0 / 19.0);
    let poly = m(z4, m(z4, c, b), a);
    let twice = 2.0 * s;
    let positive = if x > 0.0 { x } else { 0.0 };
    positive + (base + m(twice * z, poly, twice))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_standard_library() {
        let mut x: Vec<f64> = (-70_000..70_000).map(|i| i as f64 * 0.01 + 0.000_123).collect();
        x.extend([0.0, -0.0, 1e-300, -1e-300, 0.881_373, -0.881_373, 0.881_374, -0.881_374]);
        x.resize(x.len().div_ceil(LANES) * LANES, 0.0);
        let (mut l, mut s, mut only) = (vec![0.0; x.len()], vec![0.0; x.len()], vec![0.0; x.len()]);
        softplus_logistic(&x, &mut l, &mut s);
        softplus(&x, &mut only);
        assert_eq!(l, only);
        for i in 0..x.len() {
            let e = (-x[i].abs()).exp();
            let expected = x[i].max(0.0) + e.ln_1p();
            let slope = if x[i] >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) };
            assert!((l[i] - expected).abs() <= 4.0 * f64::EPSILON * expected, "{}: {} {expected}", x[i], l[i]);
            assert!((s[i] - slope).abs() <= 4.0 * f64::EPSILON * slope, "{}: {} {slope}", x[i], s[i]);
        }
    }

    #[test]
    fn extremes_are_finite_and_nan_stays_nan() {
        let x = [1e308, -1e308, f64::NAN, 1e5];
        let (mut l, mut s) = ([0.0; 4], [0.0; 4]);
        softplus_logistic(&x, &mut l, &mut s);
        assert_eq!((l[0], s[0]), (1e308, 1.0));
        assert!(l[1] > 0.0 && l[1] < 1e-300 && s[1] > 0.0);
        assert!(l[2].is_nan() && s[2].is_nan());
        assert_eq!(l[3], 1e5);
    }

    #[test]
    fn vector_and_plain_code_agree() {
        let x: Vec<f64> = (0..4000).map(|i| (i as f64 - 2000.0) * 0.0371).collect();
        let (mut a, mut b, mut c, mut d) = (vec![0.0; 4000], vec![0.0; 4000], vec![0.0; 4000], vec![0.0; 4000]);
        softplus_logistic(&x, &mut a, &mut b);
        softplus_logistic_loop::<false>(&x, &mut c, &mut d);
        let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 4.0 * f64::EPSILON * b);
        assert!(near(&a, &c) && near(&b, &d));
    }
}
