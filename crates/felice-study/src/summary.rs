//! The numbers that sum a trajectory up.

use felice_neurons::{Info, Trajectory};

use crate::subject::{Column, Kind};

/// Samples from which extremes and periods are read where the study asks for none.
pub const SAMPLES: usize = 2001;

/// The columns of a summary.
pub fn columns(info: &Info, float: Kind) -> Vec<Column> {
    let column = |name: String, unit: &str, long_name: String, kind| Column {
        name,
        unit: unit.to_owned(),
        long_name,
        kind,
        width: 1,
    };
    let mut columns = Vec::new();
    for s in info.states.iter() {
        for (suffix, what) in [("min", "smallest"), ("max", "largest"), ("end", "last")] {
            columns.push(column(format!("{}_{suffix}", s.name), &s.unit, format!("{what} {}", s.meaning), float));
        }
    }
    let first = info.states.first().map_or("", |s| &s.name);
    let unit = info.states.first().map_or("1", |s| &s.unit);
    columns.push(column("period".into(), "1", format!("mean time between the last maxima of {first}"), float));
    columns.push(column("amplitude".into(), unit, format!("half the last swing of {first}"), float));
    columns.push(column("spike_count".into(), "1", format!("spikes: upward crossings of {}", info.spike), Kind::U64));
    columns
}

/// Its numbers, in the order of the columns.
pub fn numbers(trajectory: &Trajectory, states: &[String]) -> Vec<f64> {
    let mut numbers = Vec::new();
    for (i, name) in states.iter().enumerate() {
        let [least, most, _] = extremes(trajectory.sampled.get(name).map_or(&[][..], |s| &s.values));
        numbers.extend([least, most, trajectory.final_state.get(i).copied().unwrap_or(f64::NAN)]);
    }
    let t = &trajectory.sampled.axis().values;
    let first = states.first().and_then(|s| trajectory.sampled.get(s)).map_or(&[][..], |s| &s.values);
    let (period, amplitude) = last_oscillation(t, first);
    numbers.extend([period, amplitude, trajectory.times_of(0).len() as f64]);
    numbers
}

/// The smallest, the largest and the last of these values.
pub fn extremes(values: &[f64]) -> [f64; 3] {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    [least, most, values.last().copied().unwrap_or(f64::NAN)]
}

/// So many samples that at least `least` are looked at and those asked for are every n-th of them; with that n.
pub fn grid(asked: Option<u64>, least: usize) -> (usize, usize) {
    match asked.map(|n| n as usize) {
        None => (least.max(2), 1),
        Some(n) => {
            let parts = n.max(2) - 1;
            let stride = least.saturating_sub(1).div_ceil(parts).max(1);
            (parts * stride + 1, stride)
        }
    }
}

/// Mean period over the last half of the maxima and half of the last swing; NaN where there are fewer than two maxima.
pub fn last_oscillation(t: &[f64], y: &[f64]) -> (f64, f64) {
    let extremes = |sign: f64| -> Vec<(f64, f64)> {
        (1..y.len().saturating_sub(1))
            .filter(|i| sign * y[*i] > sign * y[i - 1] && sign * y[*i] >= sign * y[i + 1])
            .map(|i| vertex([t[i - 1], t[i], t[i + 1]], [y[i - 1], y[i], y[i + 1]]))
            .collect()
    };
    let (tops, bottoms) = (extremes(1.0), extremes(-1.0));
    let (Some(last), Some(low)) = (tops.last(), bottoms.last()) else { return (f64::NAN, f64::NAN) };
    if tops.len() < 2 {
        return (f64::NAN, f64::NAN);
    }
    let from = (tops.len() - 1) / 2;
    ((last.0 - tops[from].0) / (tops.len() - 1 - from) as f64, 0.5 * (last.1 - low.1))
}

/// The vertex of the parabola through three equidistant points.
fn vertex(t: [f64; 3], y: [f64; 3]) -> (f64, f64) {
    let bend = y[0] - 2.0 * y[1] + y[2];
    if bend == 0.0 {
        return (t[1], y[1]);
    }
    let shift = 0.5 * (y[0] - y[2]) / bend;
    (t[1] + shift * (t[2] - t[1]), y[1] - 0.25 * (y[0] - y[2]) * shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_down_has_its_period_and_last_amplitude() {
        let t: Vec<f64> = (0..2001).map(|i| f64::from(i) * 0.01).collect();
        let y: Vec<f64> = t.iter().map(|t| (-0.05 * t).exp() * (3.0 * t).cos()).collect();
        let (period, amplitude) = last_oscillation(&t, &y);
        assert!((period - std::f64::consts::TAU / 3.0).abs() < 1e-4, "{period}");
        let last_top = (-0.05 * 18.85_f64).exp();
        assert!((amplitude / last_top - 1.0).abs() < 0.05, "{amplitude} against {last_top}");
        assert!(last_oscillation(&t, &t).0.is_nan());
    }
}
