//! Random numbers that belong to a point, not to a moment: ChaCha with the point's index as stream (Bernstein 2008), so that
//! threads, order and shards change nothing.

use rand_chacha::ChaCha8Rng;
pub use rand_chacha::rand_core::RngCore;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

/// What a family of random numbers is keyed by: the study's seed and what the numbers are for.
#[derive(Clone, Debug, PartialEq)]
pub struct Key([u8; 32]);

impl Key {
    /// The key of the numbers for `purpose`, words that differ from those of any other purpose.
    pub fn new(seed: u64, purpose: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"felice study");
        hasher.update(seed.to_le_bytes());
        for word in purpose {
            hasher.update((word.len() as u64).to_le_bytes());
            hasher.update(word);
        }
        Key(hasher.finalize().into())
    }

    /// A generator for stream `stream`.
    pub fn stream(&self, stream: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::from_seed(self.0);
        rng.set_stream(stream);
        rng
    }

    /// A number in (0, 1), of 53 random bits.
    pub fn uniform(&self, stream: u64) -> f64 {
        open_unit(self.stream(stream).next_u64())
    }

    /// The place of `i` in a random order of 0 .. n: a Feistel network on the next power of 4, walked until it falls
    /// inside (Black & Rogaway 2002), so that no list is kept. `i < n`.
    pub fn shuffled(&self, i: u64, n: u64) -> u64 {
        let half = (u64::BITS - n.saturating_sub(1).leading_zeros()).div_ceil(2).max(1);
        let mask = (1_u64 << half) - 1;
        let word = |round: usize| u64::from_le_bytes(self.0[8 * (round % 4)..][..8].try_into().unwrap_or_default());
        let mut x = i;
        loop {
            let (mut left, mut right) = (x >> half, x & mask);
            for round in 0..8 {
                let mixed = mix(right ^ word(round) ^ (round as u64) << 56) & mask;
                (left, right) = (right, left ^ mixed);
            }
            x = left << half | right;
            if x < n {
                return x;
            }
        }
    }
}

/// A number in (0, 1) from the upper 53 bits: the middle of its interval, so neither end occurs.
pub fn open_unit(bits: u64) -> f64 {
    ((bits >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

/// The finalizer of splitmix64 (Steele, Lea & Flood 2014).
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The standard normal quantile, PPND16 of Wichura 1988 (AS 241), about 1e-16 relative. `0 < p < 1`.
pub fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 8] = [
        3.387_132_872_796_366_6,
        133.141_667_891_784_38,
        1_971.590_950_306_551_4,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ];
    const B: [f64; 8] = [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_855,
    ];
    const C: [f64; 8] = [
        1.423_437_110_749_683_6,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ];
    const D: [f64; 8] = [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ];
    const E: [f64; 8] = [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        1.242_660_947_388_078_4e-3,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ];
    const F: [f64; 8] = [
        1.0,
        0.599_832_206_555_888,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_8e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ];
    let ratio = |num: &[f64; 8], den: &[f64; 8], r: f64| {
        let horner = |c: &[f64; 8]| c.iter().rev().fold(0.0, |sum, c| sum * r + c);
        horner(num) / horner(den)
    };
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(&A, &B, 0.180_625 - q * q);
    }
    let r = (-p.min(1.0 - p).ln()).sqrt();
    let tail = if r <= 5.0 { ratio(&C, &D, r - 1.6) } else { ratio(&E, &F, r - 5.0) };
    tail.copysign(q)
}

/// The standard normal distribution function, by bisection of its inverse: for bounds, not for every point.
pub fn normal_cdf(x: f64) -> f64 {
    let (mut lo, mut hi) = (f64::MIN_POSITIVE, 1.0 - f64::EPSILON / 2.0);
    for _ in 0..1100 {
        let middle = 0.5 * (lo + hi);
        if middle <= lo || middle >= hi {
            break;
        }
        if normal_quantile(middle) < x { lo = middle } else { hi = middle }
    }
    0.5 * (lo + hi)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_is_a_permutation_for_any_length() {
        let key = Key::new(7, &["axis", "alpha"]);
        for n in [1, 2, 3, 10, 64, 65, 1000] {
            let mut seen = vec![false; n];
            (0..n as u64).for_each(|i| seen[key.shuffled(i, n as u64) as usize] = true);
            assert!(seen.iter().all(|s| *s), "{n}");
        }
        let moved = (0..1000).filter(|i| key.shuffled(*i, 1000) != *i).count();
        assert!(moved > 950, "{moved} of 1000 moved");
    }

    #[test]
    fn streams_and_purposes_differ_and_repeat() {
        let (a, b) = (Key::new(1, &["a"]), Key::new(1, &["b"]));
        assert_eq!(a.uniform(5), a.uniform(5));
        assert!(a.uniform(5) != a.uniform(6) && a.uniform(5) != b.uniform(5));
        assert!(Key::new(1, &["ab", "c"]) != Key::new(1, &["a", "bc"]));
        let mean = (0..10_000).map(|i| a.uniform(i)).sum::<f64>() / 1e4;
        assert!((mean - 0.5).abs() < 4.0 / 12_f64.sqrt() / 100.0, "mean of 10000 uniform numbers: {mean}");
    }

    #[test]
    fn the_distribution_function_inverts_its_quantile() {
        for p in [1e-12, 1e-3, 0.2, 0.5, 0.9, 1.0 - 1e-9] {
            assert!((normal_cdf(normal_quantile(p)) / p - 1.0).abs() < 1e-14, "{p}");
        }
        assert_eq!(normal_cdf(-60.0), f64::MIN_POSITIVE);
        assert!(normal_cdf(60.0) >= 1.0 - f64::EPSILON);
    }
}
