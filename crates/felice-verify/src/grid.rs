//! One common grid: waveforms at an engine's own time points, brought to the comparison's.

/// `n` points from 0 to `span`, both ends included.
pub(crate) fn uniform(span: f64, n: usize) -> Vec<f64> {
    let last = (n.max(2) - 1) as f64;
    (0..n.max(2)).map(|i| span * (i as f64 / last)).collect()
}

/// Values of a waveform sampled at increasing times `t`, at other times within its range, by the cubic through the four
/// nearest samples: an engine that resolves its own waveform loses nothing.
pub(crate) fn resample(t: &[f64], x: &[f64], at: &[f64]) -> Vec<f64> {
    let (t, x) = without_repeats(t, x);
    let mut right = 1;
    at.iter()
        .map(|&s| {
            while right + 1 < t.len() && t[right] < s {
                right += 1;
            }
            let first = right.saturating_sub(2).min(t.len().saturating_sub(4));
            let last = t.len().min(first + 4);
            lagrange(&t[first..last], &x[first..last], s)
        })
        .collect()
}

/// Engines write a time twice at a breakpoint; the later value holds from there on.
fn without_repeats(t: &[f64], x: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut kept: (Vec<f64>, Vec<f64>) = (Vec::with_capacity(t.len()), Vec::with_capacity(t.len()));
    for (&t, &x) in t.iter().zip(x) {
        // Closer than rounding can tell apart: a difference quotient there would be noise.
        if kept.0.last().is_some_and(|&before| t - before <= 1e-12 * t.abs()) {
            kept.1.pop();
            kept.1.push(x);
        } else {
            kept.0.push(t);
            kept.1.push(x);
        }
    }
    kept
}

fn lagrange(t: &[f64], x: &[f64], s: f64) -> f64 {
    let basis = |i: usize| (0..t.len()).filter(|j| *j != i).map(|j| (s - t[j]) / (t[i] - t[j])).product::<f64>();
    (0..t.len()).map(|i| x[i] * basis(i)).sum()
}

/// Where a sampled signal passes `level` upwards, between samples by the cubic through four of them.
pub fn rising(t: &[f64], x: &[f64], level: f64) -> Vec<f64> {
    (1..t.len()).filter(|&i| x[i - 1] < level && x[i] >= level).map(|i| crossing(t, x, level, i)).collect()
}

/// Where between samples `i - 1` and `i` a signal passes `level`: bisection on the cubic, to rounding.
pub(crate) fn crossing(t: &[f64], x: &[f64], level: f64, i: usize) -> f64 {
    let first = i.saturating_sub(2).min(t.len().saturating_sub(4));
    let last = t.len().min(first + 4);
    let up = x[i] >= x[i - 1];
    let (mut low, mut high) = (t[i - 1], t[i]);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if (lagrange(&t[first..last], &x[first..last], middle) < level) == up {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// Largest minus smallest value.
pub(crate) fn range(x: &[f64]) -> f64 {
    let (low, high) = x.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    if low <= high { high - low } else { 0.0 }
}

/// Root of the mean square difference.
pub(crate) fn rms_difference(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len()).max(1) as f64;
    (a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / n).sqrt()
}

/// Largest difference.
pub(crate) fn max_difference(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cubics_are_reproduced_exactly_from_uneven_samples() {
        let f = |t: f64| 1.0 + t * (2.0 + t * (-3.0 + t * 0.5));
        let t: Vec<f64> = (0..40).map(|i| f64::from(i) * 0.1 + 0.03 * f64::from(i % 3)).collect();
        let x: Vec<f64> = t.iter().map(|&t| f(t)).collect();
        let at = uniform(3.9, 301);
        for (s, y) in at.iter().zip(resample(&t, &x, &at)) {
            assert!((y - f(*s)).abs() < 1e-11, "at {s}: {y} instead of {}", f(*s));
        }
    }

    #[test]
    fn a_time_written_twice_does_no_harm() {
        let t = [0.0, 1.0, 1.0, 2.0, 3.0, 4.0];
        let x = [0.0, 1.0, 1.0, 2.0, 3.0, 4.0];
        assert!(
            resample(&t, &x, &[0.5, 1.0, 1.5, 4.0])
                .iter()
                .zip([0.5, 1.0, 1.5, 4.0])
                .all(|(a, b)| (a - b).abs() < 1e-12)
        );
    }

    #[test]
    fn crossings_of_a_sine_are_found_to_the_interpolation_error() {
        let t = uniform(20.0, 2001);
        let x: Vec<f64> = t.iter().map(|t| (t - 0.3).sin()).collect();
        let found = rising(&t, &x, 0.0);
        assert_eq!(found.len(), 4);
        for (k, t) in found.iter().enumerate() {
            assert!((t - 0.3 - std::f64::consts::TAU * k as f64).abs() < 1e-9);
        }
    }
}
