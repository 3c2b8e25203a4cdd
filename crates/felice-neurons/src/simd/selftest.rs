//! Do these instructions give the scalar bits? Asked once before they are first used: AVX-512 could be compiled but not
//! run where this was written.

use super::choose::{Instructions, Vectorised, Width, run};
use super::{Pack, Vector};
use crate::real::{Lane, Real};

/// Every operation on a spread of numbers, folded into one sum of bits a lane.
struct Exercise<'a, L> {
    inputs: &'a [L],
    outputs: &'a mut Vec<L>,
}

impl<L: Lane> Vectorised<L> for Exercise<'_, L> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector<Lane = L>>(self) {
        let width = Pack::<V, 2>::WIDTH;
        let mut out = vec![L::num(0.0); width];
        for chunk in self.inputs.chunks_exact(width) {
            let x = Pack::<V, 2>::load(chunk);
            let ([a, b], [c]) = Real::exp_tanh([x, -x * x], [x]);
            let y = a.mul_add(c, b).neg_mul_add(x, c).abs().sqrt() / (c - x * b);
            let y = Pack::select(x.lt(c), y, -y).min(a).max(-b).copysign(x);
            let y = Pack::select(Pack::<V, 2>::and(x.le(c), c.lt(y)), y + a, y - a);
            let decisions = Pack::<V, 2>::all(x.le(x)) && !Pack::<V, 2>::any(x.lt(x)) && !Pack::<V, 2>::all(x.lt(x));
            let y = if decisions && Pack::<V, 2>::any(x.le(x)) { y } else { -y };
            y.store(&mut out);
            self.outputs.extend_from_slice(&out);
        }
    }
}

fn input(i: i32) -> f64 {
    f64::from(i - 32) * 0.37 + 0.1
}

fn outputs<L: Width>(instructions: Instructions) -> Vec<L> {
    // A whole number of packs on every set.
    let inputs: Vec<L> = (0..64).map(|i| L::num(input(i))).collect();
    let mut outputs = Vec::new();
    run(instructions, Exercise { inputs: &inputs, outputs: &mut outputs });
    outputs
}

/// True where both precisions give the bits of one number at a time.
pub(super) fn agrees(instructions: Instructions) -> bool {
    let same = |a: f64, b: f64| a.to_bits() == b.to_bits();
    let double = outputs::<f64>(instructions).into_iter().zip(outputs(Instructions::Baseline)).all(|(a, b)| same(a, b));
    let single: Vec<f32> = outputs(instructions);
    let single_too = single.iter().zip(outputs::<f32>(Instructions::Baseline)).all(|(a, b)| a.to_bits() == b.to_bits());
    double && single_too
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Lanes;

    #[test]
    fn every_available_set_agrees() {
        for set in [Instructions::Avx512, Instructions::Avx2, Instructions::Neon, Instructions::Baseline] {
            if set.available() {
                assert!(agrees(set), "{set}");
            }
        }
        assert!(outputs::<f64>(Instructions::Baseline).iter().all(|x| x.is_finite()));
    }

    /// NEON's vectors are plain arrays and run anywhere.
    #[test]
    fn arrays_agree() {
        let mut wide = Vec::new();
        let inputs: Vec<f64> = (0..64).map(input).collect();
        Exercise { inputs: &inputs, outputs: &mut wide }.run::<Lanes<f64, 2>>();
        assert_eq!(wide, outputs(Instructions::Baseline));
    }
}
