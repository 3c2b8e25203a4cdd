//! The instruction set, chosen at run time.

use std::fmt;

use super::{Lanes, Vector};
use crate::ensemble::Precise;
use crate::real::Lane;

/// Work written for any vector. `run` and all it calls in its loops must be `#[inline(always)]`, so that it is compiled
/// for the instruction set it runs on.
pub trait Vectorised<L: Lane> {
    /// What the work gives.
    type Output;
    /// The work.
    fn run<V: Vector<Lane = L>>(self) -> Self::Output;
}

/// The vectors of a number: `f32` or `f64`.
pub trait Width: Lane + Precise {
    /// With AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    type Avx2: Vector<Lane = Self>;
    /// With AVX-512.
    #[cfg(target_arch = "x86_64")]
    type Avx512: Vector<Lane = Self>;
    /// 128 bits, as plain arrays.
    #[cfg(target_arch = "aarch64")]
    type Neon: Vector<Lane = Self>;
}

impl Width for f64 {
    #[cfg(target_arch = "x86_64")]
    type Avx2 = super::x86::F64x4;
    #[cfg(target_arch = "x86_64")]
    type Avx512 = super::x86::F64x8;
    #[cfg(target_arch = "aarch64")]
    type Neon = Lanes<f64, 2>;
}

impl Width for f32 {
    #[cfg(target_arch = "x86_64")]
    type Avx2 = super::x86::F32x8;
    #[cfg(target_arch = "x86_64")]
    type Avx512 = super::x86::F32x16;
    #[cfg(target_arch = "aarch64")]
    type Neon = Lanes<f32, 4>;
}

/// An instruction set that vectors are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instructions {
    /// AVX-512F.
    Avx512,
    /// AVX2 and FMA.
    Avx2,
    /// aarch64's baseline.
    Neon,
    /// The target's baseline, one number at a time. Without a fused multiply-add instruction it is a library call with
    /// the same result.
    Baseline,
}

impl fmt::Display for Instructions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Instructions::Avx512 => "AVX-512",
            Instructions::Avx2 => "AVX2+FMA",
            Instructions::Neon => "NEON",
            Instructions::Baseline => "baseline",
        })
    }
}

impl Instructions {
    /// Can this machine run them?
    pub fn available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => is_x86_feature_detected!("avx512f"),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(not(target_arch = "x86_64"))]
            Instructions::Avx512 | Instructions::Avx2 => false,
            Instructions::Neon => cfg!(target_arch = "aarch64"),
            Instructions::Baseline => true,
        }
    }

    /// These, or the baseline where the machine has not got them.
    pub(crate) fn or_baseline(self) -> Instructions {
        if self.available() { self } else { Instructions::Baseline }
    }

    /// The widest that this machine can run and that give the scalar bits.
    pub fn best() -> Instructions {
        static BEST: std::sync::OnceLock<Instructions> = std::sync::OnceLock::new();
        *BEST.get_or_init(|| {
            let all = [Instructions::Avx512, Instructions::Avx2, Instructions::Neon];
            let good = all.into_iter().find(|i| i.available() && super::selftest::agrees(*i));
            good.unwrap_or(Instructions::Baseline)
        })
    }
}

/// Runs the work with these instructions, or with the baseline where the machine has not got them.
#[inline]
pub fn run<L: Width, W: Vectorised<L>>(instructions: Instructions, work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    #[allow(unsafe_code)]
    // SAFETY: each branch is taken only where the processor has the features of the function it calls.
    unsafe {
        match instructions {
            Instructions::Avx512 if instructions.available() => return with_avx512(work),
            Instructions::Avx2 if instructions.available() => return with_avx2(work),
            _ => {}
        }
    }
    #[cfg(target_arch = "aarch64")]
    if instructions == Instructions::Neon {
        return work.run::<L::Neon>();
    }
    work.run::<Lanes<L, 1>>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[allow(unsafe_code)]
fn with_avx2<L: Width, W: Vectorised<L>>(work: W) -> W::Output {
    work.run::<L::Avx2>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
#[allow(unsafe_code)]
fn with_avx512<L: Width, W: Vectorised<L>>(work: W) -> W::Output {
    work.run::<L::Avx512>()
}
