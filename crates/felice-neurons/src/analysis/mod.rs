//! What a neuron can do: where it rests, what cycles, and where that changes.
//!
//! Fixed points in a box ([`AnyNeuron::fixed_points`](crate::AnyNeuron::fixed_points)), nullclines
//! ([`nullclines`](crate::AnyNeuron::nullclines)), limit cycles ([`limit_cycle`](crate::AnyNeuron::limit_cycle)), a
//! bifurcation diagram ([`bifurcations`](crate::AnyNeuron::bifurcations)) and the f–I curve
//! ([`f_i_curve`](crate::AnyNeuron::f_i_curve)). Plain numbers and polylines; nothing is drawn here.

mod bifurcation;
mod continuation;
mod cycle;
mod fixed_points;
mod frequency;
mod nullclines;

pub use bifurcation::{Bifurcation, BifurcationKind, Branch, BranchPoint, CycleExtent, Diagram, Sweep};
pub use cycle::LimitCycle;
pub use fixed_points::{FixedPoint, Stability};
pub use frequency::Firing;
pub use nullclines::{Nullcline, Plane};

/// The k-th point of Halton's sequence in [0, 1)ⁿ: spreads evenly, however many are taken.
pub(crate) fn halton(k: usize, n: usize) -> Vec<f64> {
    const PRIMES: [usize; 16] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53];
    let in_base = |base: usize| {
        let (mut rest, mut digit, mut x) = (k + 1, 1.0, 0.0);
        while rest > 0 {
            digit /= base as f64;
            x += digit * (rest % base) as f64;
            rest /= base;
        }
        x
    };
    (0..n).map(|i| in_base(PRIMES[i % PRIMES.len()])).collect()
}
