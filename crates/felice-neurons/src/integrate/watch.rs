//! Event functions and their roots within a step.
//!
//! An event happens where its function g rises through zero. Each step is looked at in [`PARTS`] parts; a part that ends
//! above zero holds a root; where g has a maximum below zero between two parts, near enough to reach zero, the maximum
//! is sought first (WereRabbit's spike condition is positive for 1e-4 of the unit of time at a time).

use super::equations::Equations;
use super::run::{Direction, Trigger};

/// Parts into which a step is divided.
const PARTS: usize = 8;
/// Accuracy of a root, in units of time and relative to the time.
const ROOT: f64 = 1e-14;
/// Iterations in which every root and every maximum is found.
const ITERATIONS: usize = 120;

/// What is watched for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Watched {
    /// A state above (sign 1) or below (sign −1) a level.
    Level { state: usize, level: f64, sign: f64 },
    /// The spike condition.
    Spike,
    /// The distance to a stable fixed point, once there is one to come near to.
    Settled { distance: f64, target: Option<Vec<f64>> },
    /// A state beyond its rail: as `Level`, but a start exactly at the rail counts.
    Rail { state: usize, level: f64, sign: f64 },
    /// A held state that wants to leave.
    Release { state: usize },
    /// A state that reaches zero on a set where it rests there; `sign` is where it comes from.
    Rest { state: usize, sign: f64 },
}

/// One event function with its value at the step's start.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub watched: Watched,
    /// Index of the user's event; `None` for our own.
    pub event: Option<usize>,
    pub last: f64,
}

impl Watch {
    pub fn new(watched: Watched, event: Option<usize>) -> Self {
        Watch { watched, event, last: f64::NAN }
    }

    /// The watches of a user's event.
    pub fn of(trigger: &Trigger, index: usize, state_index: impl Fn(&str) -> usize) -> Vec<Watch> {
        let level = |state: &str, level: f64, sign| Watched::Level { state: state_index(state), level, sign };
        let watched = match trigger {
            Trigger::SpikeCondition => vec![Watched::Spike],
            Trigger::Settled { distance } => vec![Watched::Settled { distance: *distance, target: None }],
            Trigger::Crossing { state, level: l, direction: Direction::Rising } => vec![level(state, *l, 1.0)],
            Trigger::Crossing { state, level: l, direction: Direction::Falling } => vec![level(state, *l, -1.0)],
            Trigger::Crossing { state, level: l, direction: Direction::Either } => {
                vec![level(state, *l, 1.0), level(state, *l, -1.0)]
            }
        };
        watched.into_iter().map(|w| Watch::new(w, Some(index))).collect()
    }

    /// Our own: rails and resting count a start at zero as below.
    fn starts_at_zero(&self) -> bool {
        matches!(self.watched, Watched::Rail { .. } | Watched::Release { .. })
    }

    /// True where g has risen through zero from `a` to `b`.
    pub fn rises(&self, a: f64, b: f64) -> bool {
        if self.starts_at_zero() { a <= 0.0 && b > 0.0 } else { a < 0.0 && b >= 0.0 }
    }
}

impl Watched {
    /// g at local time x and state y. `scratch` is as long as the state; evaluations of the field are counted.
    pub fn value(&self, eq: &mut Equations, x: f64, y: &[f64], scratch: &mut [f64], evaluations: &mut u64) -> f64 {
        match self {
            Watched::Level { state, level, sign } | Watched::Rail { state, level, sign } => sign * (y[*state] - level),
            Watched::Rest { state, sign } => -sign * y[*state],
            Watched::Settled { target: None, .. } => f64::NAN,
            Watched::Settled { distance, target: Some(target) } => {
                distance - y.iter().zip(target).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
            }
            Watched::Spike => {
                *evaluations += 1;
                eq.held(x, y, scratch);
                eq.model.spike_condition(y, scratch)
            }
            Watched::Release { state } => {
                *evaluations += 1;
                eq.leaving(*state, x, y, scratch)
            }
        }
    }
}

/// Every θ in (0, 1] at which g rises through zero, given g at 0; also gives g at 1. `h_per_t` is the step over the
/// larger of 1 and the time, to which roots are exact.
pub(crate) fn roots(watch: &Watch, mut g: impl FnMut(f64) -> f64, h_per_t: f64) -> (Vec<f64>, f64) {
    let tolerance = (ROOT / h_per_t).max(2.0 * f64::EPSILON);
    let theta = |k: usize| k as f64 / PARTS as f64;
    let mut values = [watch.last; PARTS + 1];
    for (k, value) in values.iter_mut().enumerate().skip(1) {
        *value = g(theta(k));
    }
    let mut found = Vec::new();
    for k in 0..PARTS {
        let (a, b) = (theta(k), theta(k + 1));
        if watch.rises(values[k], values[k + 1]) {
            found.push(root(&mut g, a, b, values[k], values[k + 1], tolerance));
        } else if let Some(top) = hidden(&values, k, &mut g) {
            found.push(root(&mut g, a, top.0, values[k], top.1, tolerance));
        }
    }
    (found, values[PARTS])
}

/// A place in part `k` where g is above zero although it is below at both its ends, and g there.
fn hidden(values: &[f64; PARTS + 1], k: usize, g: &mut impl FnMut(f64) -> f64) -> Option<(f64, f64)> {
    let (ga, gb) = (values[k], values[k + 1]);
    let before = if k > 0 { (ga - values[k - 1]).abs() } else { 0.0 };
    let after = if k + 1 < PARTS { (values[k + 2] - gb).abs() } else { 0.0 };
    let reach = 2.0 * (gb - ga).abs().max(before).max(after);
    if !(ga < 0.0 && gb < 0.0 && ga.max(gb) + reach >= 0.0) {
        return None;
    }
    let (a, b) = (k as f64 / PARTS as f64, (k + 1) as f64 / PARTS as f64);
    let nudge = 1e-6 * (b - a);
    // g must rise away from the left end and fall towards the right one.
    if g(a + nudge) <= ga || g(b - nudge) <= gb {
        return None;
    }
    maximum(g, a, b)
}

/// Golden-section search that ends as soon as g ≥ 0 is seen.
fn maximum(g: &mut impl FnMut(f64) -> f64, mut a: f64, mut b: f64) -> Option<(f64, f64)> {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let (mut p, mut q) = (b - GOLDEN * (b - a), a + GOLDEN * (b - a));
    let (mut gp, mut gq) = (g(p), g(q));
    for _ in 0..ITERATIONS {
        if gp >= 0.0 {
            return Some((p, gp));
        }
        if gq >= 0.0 {
            return Some((q, gq));
        }
        if b - a <= 1e-9 {
            return None;
        }
        if gp > gq {
            (b, q, gq) = (q, p, gp);
            p = b - GOLDEN * (b - a);
            gp = g(p);
        } else {
            (a, p, gp) = (p, q, gq);
            q = a + GOLDEN * (b - a);
            gq = g(q);
        }
    }
    None
}

/// The root of g between a (below) and b (above), by Chandrupatla's method (Advances in Engineering Software 28 (1997));
/// gives the upper end of the last bracket.
fn root(g: &mut impl FnMut(f64) -> f64, a: f64, b: f64, ga: f64, gb: f64, tolerance: f64) -> f64 {
    let (mut x1, mut f1, mut x2, mut f2) = (b, gb, a, ga);
    let (mut x3, mut f3);
    let mut share = 0.5;
    for _ in 0..ITERATIONS {
        let x = x1 + share * (x2 - x1);
        let f = g(x);
        // A value of exactly 0 is above, as in `rises`.
        if (f >= 0.0) == (f1 >= 0.0) {
            (x3, f3) = (x1, f1);
        } else {
            (x3, f3) = (x2, f2);
            (x2, f2) = (x1, f1);
        }
        (x1, f1) = (x, f);
        let width = (x2 - x1).abs();
        if f1 == 0.0 || width <= tolerance {
            break;
        }
        let (xi, phi) = ((x1 - x2) / (x3 - x2), (f1 - f2) / (f3 - f2));
        let inverse_quadratic = phi * phi < xi && (1.0 - phi) * (1.0 - phi) < 1.0 - xi;
        share = if inverse_quadratic {
            f1 / (f2 - f1) * f3 / (f2 - f3) + (x3 - x1) / (x2 - x1) * f1 / (f3 - f1) * f2 / (f3 - f2)
        } else {
            0.5
        };
        let least = 0.5 * tolerance / width;
        share = share.clamp(least, 1.0 - least);
    }
    if f1 >= 0.0 { x1 } else { x2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(last: f64) -> Watch {
        Watch { watched: Watched::Spike, event: None, last }
    }

    #[test]
    fn roots_are_exact_and_only_rising() {
        let g = |x: f64| (20.0 * x).sin() - 0.5;
        let (found, last) = roots(&watch(g(0.0)), g, 1.0);
        let exact = [0.0, 1.0, 2.0, 3.0].map(|k| (0.5_f64.asin() + k * std::f64::consts::TAU) / 20.0);
        assert_eq!(found.len(), exact.len());
        assert!(found.iter().zip(exact).all(|(a, b)| (a - b).abs() < 1e-13), "{found:?}");
        assert_eq!(last, g(1.0));
    }

    #[test]
    fn a_narrow_window_between_the_parts_is_found() {
        for middle in [0.03, 0.3217, 0.97] {
            let g = |x: f64| 1e-3 - (10.0 * (x - middle)).abs();
            let (found, _) = roots(&watch(g(0.0)), g, 1.0);
            assert!(found.len() == 1 && (found[0] - (middle - 1e-4)).abs() < 1e-13, "{middle}: {found:?}");
        }
    }

    #[test]
    fn a_start_at_the_threshold_is_no_crossing() {
        assert!(roots(&watch(0.0), |x| x, 1.0).0.is_empty());
        assert_eq!(roots(&watch(-1e-9), |x| x - 1e-9, 1.0).0.len(), 1);
    }
}
