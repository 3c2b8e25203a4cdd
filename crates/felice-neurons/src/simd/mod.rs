//! Packs of numbers, one neuron a lane: [`Pack`] makes a [`Real`](crate::Real) of any [`Vector`], so that a model's equations, written
//! once, run on every instruction set there is.
//!
//! | machine | vectors |
//! |---|---|
//! | x86-64 with AVX-512 | 8 × f64, 16 × f32 (`x86`), after it has reproduced the scalar bits in a self-test |
//! | x86-64 with AVX2 and FMA | 4 × f64, 8 × f32 (`x86`) |
//! | aarch64 | 2 × f64, 4 × f32 ([`Lanes`], plain arrays: NEON is part of that target's baseline) |
//! | anything else | one number at a time |
//!
//! Every operation is one correctly rounded operation a lane, so every row of the table gives the same bits.

mod choose;
mod pack;
mod plain;
mod selftest;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use choose::{Instructions, Vectorised, Width, run};
pub use pack::Pack;
pub use plain::Lanes;

use std::fmt;

use crate::dispatch::Kernel;
use crate::real::Lane;

/// A register's worth of numbers. The operations are those of [`Real`](crate::Real), lane by lane.
pub trait Vector: Copy + fmt::Debug + Send + Sync + 'static {
    /// The number in one lane.
    type Lane: Lane;
    /// One truth value a lane.
    type Mask: Copy;
    /// How many lanes.
    const LANES: usize;

    /// The same number in every lane.
    fn splat(x: Self::Lane) -> Self;
    /// The first `LANES` numbers of a slice.
    fn load(from: &[Self::Lane]) -> Self;
    /// Into the first `LANES` places of a slice.
    fn store(self, to: &mut [Self::Lane]);
    /// a + b.
    fn add(self, o: Self) -> Self;
    /// a − b.
    fn sub(self, o: Self) -> Self;
    /// a · b.
    fn mul(self, o: Self) -> Self;
    /// a / b.
    fn div(self, o: Self) -> Self;
    /// −a.
    fn neg(self) -> Self;
    /// self · a + b, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// b − self · a, rounded once.
    fn neg_mul_add(self, a: Self, b: Self) -> Self;
    /// |a|.
    fn abs(self) -> Self;
    /// √a.
    fn sqrt(self) -> Self;
    /// |self| with the sign of `sign`.
    fn copysign(self, sign: Self) -> Self;
    /// The smaller; a NaN in `self` stays.
    fn min(self, o: Self) -> Self;
    /// The larger; a NaN in `self` stays.
    fn max(self, o: Self) -> Self;
    /// self < o, false where either is NaN.
    fn lt(self, o: Self) -> Self::Mask;
    /// self ≤ o, false where either is NaN.
    fn le(self, o: Self) -> Self::Mask;
    /// Both.
    fn and(a: Self::Mask, b: Self::Mask) -> Self::Mask;
    /// True where the mask holds in every lane.
    fn all(mask: Self::Mask) -> bool;
    /// True where the mask holds in some lane.
    fn any(mask: Self::Mask) -> bool;
    /// One bit a lane, the first lane's the lowest.
    fn bits(mask: Self::Mask) -> u64;
    /// `yes` where the mask holds, `no` elsewhere.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// self where the mask holds, zero elsewhere.
    #[inline(always)]
    fn only(self, mask: Self::Mask) -> Self {
        Self::select(mask, self, Self::splat(Self::Lane::default()))
    }
    /// As [`Real::times_power_of_two`](crate::Real::times_power_of_two).
    fn times_power_of_two(self, rounded: Self) -> Self;
    /// As [`Real::abreast`](crate::Real::abreast), for up to 12 vectors.
    #[inline(always)]
    fn abreast(chains: &mut [Self; 12], count: usize) {
        let _ = (chains, count);
    }
    /// Runs work compiled for the instruction set of these vectors: that there is one says that the machine has it.
    #[inline(always)]
    fn within<W: Kernel>(&self, work: W) -> W::Output {
        work.run()
    }
}
