//! Code compiled for the instruction set of the machine it runs on, chosen at run time.
//!
//! Rust's default x86-64 target knows no fused multiply-add; `mul_add` is a library call there, with the same result and
//! ten times the price. A [`Kernel`] whose every inner call is `#[inline(always)]` is compiled once for the baseline
//! and once for AVX2 + FMA.

/// Work to run with the best instructions there are. `run` and all it calls must be `#[inline(always)]`.
pub trait Kernel {
    /// What the work gives.
    type Output;
    /// The work.
    fn run(self) -> Self::Output;
}

/// Runs the work with AVX2 and FMA where this machine has them; same bits either way.
#[inline]
pub fn run<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: the branch is taken only where the processor has both features.
        #[allow(unsafe_code)]
        return unsafe { with_fma(kernel) };
    }
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn has_fma() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[allow(unsafe_code)]
fn with_fma<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}
