//! exp and tanh against mpmath (data/reference/exp_tanh.py) and, in single precision, against double: ≤ 2 ulp everywhere.

use felice_neurons::math::{exp, tanh};
use felice_neurons::simd::{Instructions, Pack, Vector, Vectorised, run};
use felice_neurons::{Lane, Real};

/// (x, value, what the value lacks, tanh?)
fn table() -> Vec<(f64, f64, f64, bool)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/reference/exp_tanh.bin");
    let bytes = std::fs::read(path).unwrap();
    let number = |b: &[u8]| f64::from_le_bytes(b.try_into().unwrap());
    let row = |r: &[u8]| (number(&r[..8]), number(&r[8..16]), number(&r[16..24]), number(&r[24..]) == 1.0);
    bytes.chunks_exact(32).map(row).collect()
}

/// Distance from |y| to the next number.
fn ulp(y: f64) -> f64 {
    let y = y.abs().max(f64::MIN_POSITIVE);
    f64::from_bits(y.to_bits() + 1) - y
}

#[test]
fn val_double_precision_is_within_two_ulp() {
    let mut worst = [(0.0, 0.0); 2];
    for (x, high, low, is_tanh) in table() {
        let y: f64 = if is_tanh { tanh(x) } else { exp(x) };
        let error = ((y - high) - low).abs() / ulp(high);
        assert!(error <= 2.0, "{} of {x:e} is {y:e}, {error:.2} ulp off", if is_tanh { "tanh" } else { "exp" });
        let worst = &mut worst[usize::from(is_tanh)];
        if error > worst.0 {
            *worst = (error, x);
        }
    }
    println!(
        "largest errors: exp {:.3} ulp at {:e}, tanh {:.3} ulp at {:e}",
        worst[0].0, worst[0].1, worst[1].0, worst[1].1
    );
    assert!(exp(709.9_f64).is_finite() && exp(f64::INFINITY).is_finite() && exp(-746.0_f64) == 0.0);
}

/// Every 4001st number that there is, or with FELICE_HEAVY every one.
#[test]
fn val_single_precision_is_within_two_ulp() {
    let step = if std::env::var_os("FELICE_HEAVY").is_some() { 1 } else { 4001 };
    let error = |y: f32, truth: f64| {
        let size = (truth.abs() as f32).max(f32::MIN_POSITIVE);
        (f64::from(y) - truth).abs() / (f64::from(f32::from_bits(size.to_bits() + 1)) - f64::from(size))
    };
    for bits in (0..=u32::MAX).step_by(step) {
        let x = f32::from_bits(bits);
        if x.is_nan() {
            assert!(exp(x).is_nan() && tanh(x).is_nan(), "{bits:x}");
            continue;
        }
        let (e, t) = (exp(x), tanh(x));
        let truth = f64::from(x).exp();
        let off = error(e, truth);
        assert!(e.is_finite() && (off <= 2.0 || truth > 3.4e38), "exp({x:e}) is {e:e}, {off:.2} ulp off");
        let off = error(t, f64::from(x).tanh());
        assert!(off <= 2.0, "tanh({x:e}) is {t:e}, {off:.2} ulp off");
    }
}

/// Both functions of a list, a pack at a time.
struct Both<'a, L>(&'a [L], &'a mut Vec<L>);

impl<L: Lane> Vectorised<L> for Both<'_, L> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector<Lane = L>>(self) {
        let width = Pack::<V, 3>::WIDTH;
        let mut out = vec![L::num(0.0); width];
        for x in self.0.chunks_exact(width) {
            let x = Pack::<V, 3>::load(x);
            let ([e], [t]) = Real::exp_tanh([x], [x]);
            for y in [e, t] {
                y.store(&mut out);
                self.1.extend_from_slice(&out);
            }
        }
    }
}

/// The vectors give the bits of the numbers, also where an argument in the same pack is out of every range.
#[test]
fn val_vectors_are_as_exact() {
    let mut x = vec![f64::NAN, 800.0, 0.5, -800.0, 0.25, f64::INFINITY, f64::NEG_INFINITY];
    x.extend(table().iter().map(|row| row.0));
    x.truncate(x.len() / 24 * 24);
    let single: Vec<f32> = x.iter().map(|x| *x as f32).collect();
    for instructions in [Instructions::best(), Instructions::Baseline] {
        let (mut double_out, mut single_out) = (Vec::new(), Vec::new());
        run(instructions, Both(&x, &mut double_out));
        run(instructions, Both(&single, &mut single_out));
        // Sorted by bits, for the packs' widths order the results differently; any NaN is as good as another.
        let sorted = |numbers: Vec<f64>| {
            let mut bits: Vec<u64> = numbers.iter().map(|y| if y.is_nan() { 1 } else { y.to_bits() }).collect();
            bits.sort_unstable();
            bits
        };
        assert_eq!(sorted(double_out), sorted(x.iter().flat_map(|x| [exp(*x), tanh(*x)]).collect()));
        let truth = single.iter().flat_map(|x| [exp(*x), tanh(*x)]).map(f64::from).collect();
        assert_eq!(sorted(single_out.into_iter().map(f64::from).collect()), sorted(truth));
    }
}
