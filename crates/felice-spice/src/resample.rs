//! Waveforms on equally spaced points.

use felice_base::{Sampled, Signal};

use crate::error::SpiceError;

/// `samples` equally spaced points from the first to the last axis value, both included.
///
/// # Errors
/// [`SpiceError::Request`] for fewer than two samples.
pub(crate) fn uniform(data: Sampled, samples: usize) -> Result<Sampled, SpiceError> {
    let request = |what: String, expected: &str| SpiceError::Request { what, expected: expected.into() };
    if samples < 2 {
        return Err(request(format!("{samples} samples"), "at least 2: both ends"));
    }
    let (axis, signals) = data.into_parts();
    let (Some(first), Some(last)) = (axis.values.first().copied(), axis.values.last().copied()) else {
        return Err(request("samples of an empty waveform".into(), "a waveform with points"));
    };
    let step = (last - first) / (samples - 1) as f64;
    let at: Vec<f64> = (0..samples).map(|i| if i + 1 == samples { last } else { first + step * i as f64 }).collect();
    let resampled = |s: Signal| Signal { values: interpolate(&axis.values, &s.values, &at), ..s };
    let signals = signals.into_iter().map(resampled).collect();
    let axis = Signal { values: at, ..axis.clone() };
    Sampled::new(axis, signals).map_err(|e| request(e.to_string(), "vectors that fit together"))
}

/// Values at increasing places `at`, from points with increasing `x`: a cubic through the four nearest points, a straight line
/// where they do not lie on a smooth curve (a source's corner).
pub(crate) fn interpolate(x: &[f64], y: &[f64], at: &[f64]) -> Vec<f64> {
    let mut i = 0;
    at.iter()
        .map(|&t| {
            while i + 2 < x.len() && x[i + 1] < t {
                i += 1;
            }
            between(x, y, i, t)
        })
        .collect()
}

fn between(x: &[f64], y: &[f64], i: usize, t: f64) -> f64 {
    if x.len() < 2 {
        return y.first().copied().unwrap_or(f64::NAN);
    }
    let slope = |j: usize| (y[j + 1] - y[j]) / (x[j + 1] - x[j]);
    let line = if t >= x[i + 1] { y[i + 1] } else { y[i] + slope(i) * (t - x[i]) };
    if i == 0 || i + 2 >= x.len() || t >= x[i + 1] {
        return line;
    }
    // Newton's form: second divided differences of the left and the right three points; alike on a smooth curve.
    let left = (slope(i) - slope(i - 1)) / (x[i + 1] - x[i - 1]);
    let right = (slope(i + 1) - slope(i)) / (x[i + 2] - x[i]);
    if (left - right).abs() > 0.5 * (left.abs() + right.abs()) {
        return line;
    }
    let third = (right - left) / (x[i + 2] - x[i - 1]);
    line + (t - x[i]) * (t - x[i + 1]) * (left + third * (t - x[i - 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cubics_are_exact_and_corners_stay_sharp() {
        let x: Vec<f64> = (0..20).map(|i| f64::from(i) + 0.3 * f64::from(i % 3)).collect();
        let cubic = |t: f64| 1.0 + t - 0.5 * t * t + 0.01 * t.powi(3);
        let y: Vec<f64> = x.iter().map(|t| cubic(*t)).collect();
        let at: Vec<f64> = (20..90).map(|i| f64::from(i) * 0.1).collect();
        for (t, v) in at.iter().zip(interpolate(&x, &y, &at)) {
            assert!((v - cubic(*t)).abs() < 1e-12, "{t}");
        }
        let ramp = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0];
        let flat = interpolate(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], &ramp, &[1.5, 2.5, 3.5]);
        assert_eq!(flat, [0.0, 0.5, 1.0]);
    }
}
