//! exp and tanh through the vectors, in units of the last place: against mpmath (data/reference/exp_tanh.py) and, in single
//! precision, against double, where FELICE_HEAVY tries every number there is.

use felice_neurons::math::{exp, tanh};
use felice_neurons::simd::{Instructions, Pack, Vector, Vectorised, run};
use felice_neurons::{Lane, Real};

use crate::quantiles::Quantiles;

/// Largest errors, exp and tanh.
const GATES: [f64; 2] = [1.0, 2.0];
const NAMES: [&str; 2] = ["exp", "tanh"];

/// Both functions of a list, a pack at a time.
struct Both<'a, L>(&'a [L]);

impl<L: Lane> Vectorised<L> for Both<'_, L> {
    type Output = [Vec<L>; 2];
    #[inline(always)]
    fn run<V: Vector<Lane = L>>(self) -> Self::Output {
        let width = Pack::<V, 3>::WIDTH;
        let mut x = self.0.to_vec();
        x.resize(x.len().next_multiple_of(width), L::num(0.5));
        let mut out = [x.clone(), x.clone()];
        for at in (0..x.len()).step_by(width) {
            let pack = Pack::<V, 3>::load(&x[at..]);
            let ([e], [t]) = Real::exp_tanh([pack], [pack]);
            e.store(&mut out[0][at..]);
            t.store(&mut out[1][at..]);
        }
        out.map(|mut y| {
            y.truncate(self.0.len());
            y
        })
    }
}

/// Arguments of one function, and its values: the nearest number and what it lacks.
fn table(of_tanh: bool) -> Vec<[f64; 3]> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/reference/exp_tanh.bin");
    let bytes = std::fs::read(path).unwrap();
    let number = |b: &[u8]| f64::from_le_bytes(b.try_into().unwrap());
    let rows = bytes.chunks_exact(32).filter(|r| (number(&r[24..]) == 1.0) == of_tanh);
    rows.map(|r| [&r[..8], &r[8..16], &r[16..24]].map(number)).collect()
}

/// Distance from |y| to the next number.
fn ulp(y: f64) -> f64 {
    let y = y.abs().max(f64::MIN_POSITIVE);
    f64::from_bits(y.to_bits() + 1) - y
}

fn single_ulp(y: f64) -> f64 {
    let y = (y.abs() as f32).max(f32::MIN_POSITIVE);
    f64::from(f32::from_bits(y.to_bits() + 1)) - f64::from(y)
}

#[test]
fn val_exp_and_tanh_in_double_precision() {
    for which in [0, 1] {
        let table = table(which == 1);
        let x: Vec<f64> = table.iter().map(|row| row[0]).collect();
        let [e, t] = run(Instructions::best(), Both(&x));
        let ours = if which == 1 { t } else { e };
        // Nearest numbers subtract exactly; what the truth lacks is far below them.
        let errors = ours.iter().zip(&table).map(|(y, [_, high, low])| ((y - high) - low) / ulp(*high));
        Quantiles::of(format!("{} f64 / ulp", NAMES[which]), errors).gate(0.5, 1.5, GATES[which]);
    }
    assert!(exp(709.9_f64).is_finite() && exp(f64::INFINITY).is_finite() && exp(-746.0_f64) == 0.0);
}

/// exp and tanh in double precision; their series and their limits where they are as good, so that every number there is
/// takes a minute.
fn in_double(x: f64) -> [f64; 2] {
    let size = x.abs();
    if size < 1e-5 {
        return [1.0 + x + 0.5 * x * x, x - x * x * x / 3.0];
    }
    let exp = if size < 110.0 { x.exp() } else { f64::INFINITY.powf(x.signum()) };
    [exp, if size < 20.0 { x.tanh() } else { x.signum() }]
}

/// The worst errors of both functions over the numbers of these bits, and where.
fn worst(bits: impl Iterator<Item = u32>) -> [(f64, f32); 2] {
    let x: Vec<f32> = bits.map(f32::from_bits).collect();
    let ours = run(Instructions::best(), Both(&x));
    let mut worst = [(0.0, 0.0); 2];
    for (which, ours) in ours.iter().enumerate() {
        for (&x, &y) in x.iter().zip(ours) {
            if x.is_nan() {
                assert!(y.is_nan(), "{}({x}) is {y}", NAMES[which]);
                continue;
            }
            // exp saturates at its largest number.
            let truth = in_double(x.into())[which].min(f64::from(exp(f32::INFINITY)));
            let error = (f64::from(y) - truth).abs() / single_ulp(truth);
            assert!(error <= GATES[which], "{}({x:e}) is {y:e}, {error:.2} ulp off", NAMES[which]);
            if error > worst[which].0 {
                worst[which] = (error, x);
            }
        }
    }
    worst
}

/// Every 4001st number that there is, or with FELICE_HEAVY every one.
#[test]
fn val_exp_and_tanh_in_single_precision() {
    let step = if std::env::var_os("FELICE_HEAVY").is_some() { 1 } else { 4001 };
    let next = std::sync::atomic::AtomicU64::new(0);
    let share = || {
        let mut all = [(0.0, 0.0); 2];
        loop {
            let first = next.fetch_add(step << 16, std::sync::atomic::Ordering::Relaxed);
            if first > u64::from(u32::MAX) {
                return all;
            }
            let end = (first + (step << 16)).min(1 << 32);
            let here = worst((first..end).step_by(step as usize).map(|bits| bits as u32));
            all = [0, 1].map(|i| if here[i].0 > all[i].0 { here[i] } else { all[i] });
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let shares: Vec<_> = std::thread::scope(|scope| {
        let begun: Vec<_> = (0..threads).map(|_| scope.spawn(share)).collect();
        begun.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (which, name) in NAMES.into_iter().enumerate() {
        let (error, x) = shares.iter().map(|s| s[which]).fold((0.0, 0.0), |a, b| if b.0 > a.0 { b } else { a });
        println!("{name} f32, every {step}th number: at most {error:.4} ulp, at {x:e}");
        assert!(error > 0.3, "nothing is that exact: {name}, {error}");
    }
}

/// The vectors give the bits of the numbers, also where an argument in the same pack is out of every range.
#[test]
fn val_vectors_are_as_exact() {
    let mut x = vec![f64::NAN, 800.0, 0.5, -800.0, 0.25, f64::INFINITY, f64::NEG_INFINITY];
    x.extend([false, true].into_iter().flat_map(table).map(|row| row[0]));
    let single: Vec<f32> = x.iter().map(|x| *x as f32).collect();
    // Any NaN is as good as another.
    fn bits<L: Lane>(y: L) -> u64 {
        let y = y.to_f64();
        if y.is_nan() { 1 } else { y.to_bits() }
    }
    for set in [Instructions::best(), Instructions::Avx2, Instructions::Baseline] {
        let ours = run(set, Both(&x));
        let ours_single = run(set, Both(&single));
        for (i, (x, s)) in x.iter().zip(&single).enumerate() {
            assert_eq!(ours.each_ref().map(|y| bits(y[i])), [exp(*x), tanh(*x)].map(bits), "{x:e} on {set}");
            assert_eq!(ours_single.each_ref().map(|y| bits(y[i])), [exp(*s), tanh(*s)].map(bits), "{s:e} on {set}");
        }
    }
}
