//! AVX2 + FMA and AVX-512 vectors.
//!
//! Safety of the whole module: every intrinsic here needs the instruction set of its type. The types are built only in
//! code that [`choose::run`](super::run) reaches after the processor said that it has that set (their fields are private
//! and no constructor is called elsewhere). Loads and stores go through slices whose length is checked. The inline
//! assembly of `abreast` is empty: it names registers as read and written and so fixes an order, nothing more.
#![allow(unsafe_code)]

use std::arch::asm;
use std::arch::x86_64::*;

use super::Vector;
use crate::dispatch::Kernel;

/// What all four types have in common.
macro_rules! arithmetic {
    ($lane:ident, $n:literal, $add:ident, $sub:ident, $mul:ident, $div:ident, $fmadd:ident, $fnmadd:ident, $sqrt:ident,
     $min:ident, $max:ident, $splat:ident, $load:ident, $store:ident) => {
        type Lane = $lane;
        const LANES: usize = $n;
        #[inline(always)]
        fn splat(x: $lane) -> Self {
            Self(unsafe { $splat(x) })
        }
        #[inline(always)]
        fn load(from: &[$lane]) -> Self {
            Self(unsafe { $load(from[..$n].as_ptr()) })
        }
        #[inline(always)]
        fn store(self, to: &mut [$lane]) {
            unsafe { $store(to[..$n].as_mut_ptr(), self.0) }
        }
        #[inline(always)]
        fn add(self, o: Self) -> Self {
            Self(unsafe { $add(self.0, o.0) })
        }
        #[inline(always)]
        fn sub(self, o: Self) -> Self {
            Self(unsafe { $sub(self.0, o.0) })
        }
        #[inline(always)]
        fn mul(self, o: Self) -> Self {
            Self(unsafe { $mul(self.0, o.0) })
        }
        #[inline(always)]
        fn div(self, o: Self) -> Self {
            Self(unsafe { $div(self.0, o.0) })
        }
        #[inline(always)]
        fn neg(self) -> Self {
            // −0 − x is −x for every x, zeros and infinities included; the compiler folds it into what follows.
            Self(unsafe { $sub($splat(-0.0), self.0) })
        }
        #[inline(always)]
        fn mul_add(self, a: Self, b: Self) -> Self {
            Self(unsafe { $fmadd(self.0, a.0, b.0) })
        }
        #[inline(always)]
        fn neg_mul_add(self, a: Self, b: Self) -> Self {
            Self(unsafe { $fnmadd(self.0, a.0, b.0) })
        }
        #[inline(always)]
        fn sqrt(self) -> Self {
            Self(unsafe { $sqrt(self.0) })
        }
        #[inline(always)]
        fn min(self, o: Self) -> Self {
            // The instruction gives its second operand where either is NaN.
            Self(unsafe { $min(o.0, self.0) })
        }
        #[inline(always)]
        fn max(self, o: Self) -> Self {
            Self(unsafe { $max(o.0, self.0) })
        }
        #[inline(always)]
        fn abreast(chains: &mut [Self; 12], count: usize) {
            unsafe { Self::fix_order(chains, count) }
        }
        #[inline(always)]
        fn within<W: Kernel>(&self, work: W) -> W::Output {
            unsafe { Self::enter(work) }
        }
    };
}

macro_rules! fix {
    ($register:ident $text:literal $($x:ident)*) => {
        unsafe { asm!($text, $(inout($register) $x.0,)* options(nomem, nostack, preserves_flags)) }
    };
}

/// What must be a function of its own with the instruction set. Empty assembly that reads and writes `count` registers:
/// the compiler may not move one chain's step past another's. And the way in for work.
macro_rules! functions {
    ($register:ident, $features:literal) => {
        #[inline]
        #[target_feature(enable = $features)]
        fn fix_order(chains: &mut [Self; 12], count: usize) {
            let [a, b, c, d, e, f, g, h, i, j, k, l] = chains;
            match count {
                2 => fix!($register "/*{0}{1}*/" a b),
                3 => fix!($register "/*{0}{1}{2}*/" a b c),
                4 => fix!($register "/*{0}{1}{2}{3}*/" a b c d),
                5 => fix!($register "/*{0}{1}{2}{3}{4}*/" a b c d e),
                6 => fix!($register "/*{0}{1}{2}{3}{4}{5}*/" a b c d e f),
                7 => fix!($register "/*{0}{1}{2}{3}{4}{5}{6}*/" a b c d e f g),
                8 => fix!($register "/*{0}{1}{2}{3}{4}{5}{6}{7}*/" a b c d e f g h),
                9 => fix!($register "/*{0}{1}{2}{3}{4}{5}{6}{7}{8}*/" a b c d e f g h i),
                10 => fix!($register "/*{0}{1}{2}{3}{4}{5}{6}{7}{8}{9}*/" a b c d e f g h i j),
                11 => fix!($register "/*{0}{1}{2}{3}{4}{5}{6}{7}{8}{9}{10}*/" a b c d e f g h i j k),
                12 => fix!($register "/*{0}{1}{2}{3}{4}{5}{6}{7}{8}{9}{10}{11}*/" a b c d e f g h i j k l),
                _ => {}
            }
        }

        #[target_feature(enable = $features)]
        fn enter<W: Kernel>(work: W) -> W::Output {
            work.run()
        }
    };
}

macro_rules! avx2 {
    ($name:ident, $register:ty, $lane:ident, $n:literal, $mantissa:literal,
     $and:ident, $andnot:ident, $or:ident, $cmp:ident, $movemask:ident, $blend:ident,
     $to_int:ident, $from_int:ident, $shift:ident, $add_int:ident, [$($common:ident),*]) => {
        #[doc = concat!(stringify!($n), " × ", stringify!($lane), " with AVX2 and FMA.")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name($register);

        impl $name {
            functions!(ymm_reg, "avx2,fma");
        }

        impl Vector for $name {
            type Mask = $register;
            arithmetic!($lane, $n, $($common),*);
            #[inline(always)]
            fn abs(self) -> Self {
                Self(unsafe { $andnot(Self::splat(-0.0).0, self.0) })
            }
            #[inline(always)]
            fn copysign(self, sign: Self) -> Self {
                Self(unsafe { $or(self.abs().0, $and(Self::splat(-0.0).0, sign.0)) })
            }
            #[inline(always)]
            fn lt(self, o: Self) -> $register {
                unsafe { $cmp::<_CMP_LT_OQ>(self.0, o.0) }
            }
            #[inline(always)]
            fn le(self, o: Self) -> $register {
                unsafe { $cmp::<_CMP_LE_OQ>(self.0, o.0) }
            }
            #[inline(always)]
            fn and(a: $register, b: $register) -> $register {
                unsafe { $and(a, b) }
            }
            #[inline(always)]
            fn all(mask: $register) -> bool {
                Self::bits(mask) == (1 << $n) - 1
            }
            #[inline(always)]
            fn any(mask: $register) -> bool {
                Self::bits(mask) != 0
            }
            #[inline(always)]
            fn bits(mask: $register) -> u64 {
                unsafe { $movemask(mask) as u32 as u64 }
            }
            #[inline(always)]
            fn select(mask: $register, yes: Self, no: Self) -> Self {
                Self(unsafe { $blend(no.0, yes.0, mask) })
            }
            #[inline(always)]
            fn only(self, mask: $register) -> Self {
                // A blend with zero becomes a comparison and this.
                Self(unsafe { $and(mask, self.0) })
            }
            #[inline(always)]
            fn times_power_of_two(self, rounded: Self) -> Self {
                Self(unsafe { $from_int($add_int($to_int(self.0), $shift::<$mantissa>($to_int(rounded.0)))) })
            }
        }
    };
}

macro_rules! avx512 {
    ($name:ident, $register:ty, $mask:ty, $lane:ident, $n:literal, $mantissa:literal, $sign:literal,
     $cmp:ident, $blend:ident, $splat_int:ident, $and:ident, $andnot:ident, $or:ident,
     $to_int:ident, $from_int:ident, $shift:ident, $add_int:ident, [$($common:ident),*]) => {
        #[doc = concat!(stringify!($n), " × ", stringify!($lane), " with AVX-512.")]
        #[derive(Clone, Copy, Debug)]
        pub struct $name($register);

        impl $name {
            functions!(zmm_reg, "avx512f");
        }

        impl Vector for $name {
            type Mask = $mask;
            arithmetic!($lane, $n, $($common),*);
            #[inline(always)]
            fn abs(self) -> Self {
                Self(unsafe { $from_int($andnot($splat_int($sign), $to_int(self.0))) })
            }
            #[inline(always)]
            fn copysign(self, sign: Self) -> Self {
                unsafe {
                    let sign = $and($splat_int($sign), $to_int(sign.0));
                    Self($from_int($or($to_int(self.abs().0), sign)))
                }
            }
            #[inline(always)]
            fn lt(self, o: Self) -> $mask {
                unsafe { $cmp::<_CMP_LT_OQ>(self.0, o.0) }
            }
            #[inline(always)]
            fn le(self, o: Self) -> $mask {
                unsafe { $cmp::<_CMP_LE_OQ>(self.0, o.0) }
            }
            #[inline(always)]
            fn and(a: $mask, b: $mask) -> $mask {
                a & b
            }
            #[inline(always)]
            fn all(mask: $mask) -> bool {
                mask == <$mask>::MAX
            }
            #[inline(always)]
            fn any(mask: $mask) -> bool {
                mask != 0
            }
            #[inline(always)]
            fn bits(mask: $mask) -> u64 {
                mask.into()
            }
            #[inline(always)]
            fn select(mask: $mask, yes: Self, no: Self) -> Self {
                Self(unsafe { $blend(mask, no.0, yes.0) })
            }
            #[inline(always)]
            fn times_power_of_two(self, rounded: Self) -> Self {
                Self(unsafe { $from_int($add_int($to_int(self.0), $shift::<$mantissa>($to_int(rounded.0)))) })
            }
        }
    };
}

avx2! { F64x4, __m256d, f64, 4, 52,
_mm256_and_pd, _mm256_andnot_pd, _mm256_or_pd, _mm256_cmp_pd, _mm256_movemask_pd, _mm256_blendv_pd,
_mm256_castpd_si256, _mm256_castsi256_pd, _mm256_slli_epi64, _mm256_add_epi64,
[_mm256_add_pd, _mm256_sub_pd, _mm256_mul_pd, _mm256_div_pd, _mm256_fmadd_pd, _mm256_fnmadd_pd, _mm256_sqrt_pd,
 _mm256_min_pd, _mm256_max_pd, _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd] }

avx2! { F32x8, __m256, f32, 8, 23,
_mm256_and_ps, _mm256_andnot_ps, _mm256_or_ps, _mm256_cmp_ps, _mm256_movemask_ps, _mm256_blendv_ps,
_mm256_castps_si256, _mm256_castsi256_ps, _mm256_slli_epi32, _mm256_add_epi32,
[_mm256_add_ps, _mm256_sub_ps, _mm256_mul_ps, _mm256_div_ps, _mm256_fmadd_ps, _mm256_fnmadd_ps, _mm256_sqrt_ps,
 _mm256_min_ps, _mm256_max_ps, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps] }

avx512! { F64x8, __m512d, __mmask8, f64, 8, 52, -9_223_372_036_854_775_808,
_mm512_cmp_pd_mask, _mm512_mask_blend_pd, _mm512_set1_epi64, _mm512_and_si512, _mm512_andnot_si512,
_mm512_or_si512, _mm512_castpd_si512, _mm512_castsi512_pd, _mm512_slli_epi64, _mm512_add_epi64,
[_mm512_add_pd, _mm512_sub_pd, _mm512_mul_pd, _mm512_div_pd, _mm512_fmadd_pd, _mm512_fnmadd_pd, _mm512_sqrt_pd,
 _mm512_min_pd, _mm512_max_pd, _mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd] }

avx512! { F32x16, __m512, __mmask16, f32, 16, 23, -2_147_483_648,
_mm512_cmp_ps_mask, _mm512_mask_blend_ps, _mm512_set1_epi32, _mm512_and_si512, _mm512_andnot_si512,
_mm512_or_si512, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_slli_epi32, _mm512_add_epi32,
[_mm512_add_ps, _mm512_sub_ps, _mm512_mul_ps, _mm512_div_ps, _mm512_fmadd_ps, _mm512_fnmadd_ps, _mm512_sqrt_ps,
 _mm512_min_ps, _mm512_max_ps, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps] }
