//! What a sampled signal does: rings down to rest, runs round a limit cycle, grows, or settles without swinging.

use crate::grid;

/// A number and its standard error from the fit that gave it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Its standard error, 0 where the data leave none.
    pub error: f64,
}

impl Estimate {
    fn exact(value: f64) -> Self {
        Estimate { value, error: 0.0 }
    }

    /// This over that, errors taken as independent.
    pub fn over(self, other: Estimate) -> Estimate {
        let value = self.value / other.value;
        let relative = (self.error / self.value).hypot(other.error / other.value);
        Estimate { value, error: (value * relative).abs() }
    }
}

/// How a signal moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// Swings that die away towards a rest point.
    RingDown,
    /// Swings that stay.
    LimitCycle,
    /// Swings that grow.
    Growing,
    /// No or hardly any swing.
    Still,
}

impl Motion {
    /// In words, as it stands in files.
    pub fn word(self) -> &'static str {
        match self {
            Motion::RingDown => "ring-down",
            Motion::LimitCycle => "limit cycle",
            Motion::Growing => "growing oscillation",
            Motion::Still => "no oscillation",
        }
    }
}

/// A signal taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Oscillation {
    /// How it moves.
    pub motion: Motion,
    /// Where it rests or will rest; of a limit cycle the middle between its extremes.
    pub rest: f64,
    /// Upward crossings of `rest`, in the units of the time given.
    pub crossings: Vec<f64>,
    /// Mean time between them.
    pub period: Option<Estimate>,
    /// Ring-down: √2 × RMS deviation from rest over the whole time. Limit cycle: half the mean swing of settled cycles.
    pub amplitude: Option<Estimate>,
    /// Rate at which the logarithm of the swing falls, late in the signal where the equations are nearly linear.
    pub decay_rate: Option<Estimate>,
    /// The last swing over the largest.
    pub left: f64,
}

/// Swings smaller than this part of the whole range are noise to us.
const NOISE: f64 = 1e-4;
/// Swings smaller than this part of the value itself are rounding: the signal stands still.
const ROUNDING: f64 = 1e-9;
/// A swing that changes by less than this a cycle stays.
const STEADY: f64 = 0.01;

/// Takes a signal apart. Times must increase evenly.
pub fn analyse(t: &[f64], x: &[f64]) -> Oscillation {
    let size = x.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    let extremes = extremes(t, x, (NOISE * grid::range(x)).max(ROUNDING * size));
    let swings: Vec<(f64, f64)> = extremes
        .windows(2)
        .map(|w| (0.5 * (w[0].0 + w[1].0), (w[1].1 - w[0].1).abs()))
        .filter(|(_, swing)| *swing > 0.0)
        .collect();
    let largest = swings.iter().map(|s| s.1).fold(0.0, f64::max);
    let left = swings.last().map_or(0.0, |s| s.1 / largest);
    if swings.len() < 4 {
        return still(x, left);
    }
    // Late swings: the early ones are far from rest, where the period and the decay depend on the amplitude.
    let late = &swings[swings.len() / 3..];
    let decay = slope(late.iter().map(|(t, s)| (*t, s.ln())));
    let decay_rate = Estimate { value: -decay.value, error: decay.error };
    let cycle = 2.0 * (late[late.len() - 1].0 - late[0].0) / (late.len() - 1) as f64;
    let motion = match decay_rate.value * cycle {
        d if d > STEADY => Motion::RingDown,
        d if d < -STEADY => Motion::Growing,
        _ => Motion::LimitCycle,
    };
    let rest = rest(motion, x, &extremes, left);
    let crossings = crossings(t, x, rest, &extremes);
    let amplitude = match motion {
        Motion::RingDown | Motion::Growing => Estimate::exact(std::f64::consts::SQRT_2 * deviation(x, rest)),
        _ => half_mean(late),
    };
    Oscillation {
        motion,
        rest,
        period: (crossings.len() > 1).then(|| slope(crossings.iter().enumerate().map(|(k, t)| (k as f64, *t)))),
        crossings,
        amplitude: Some(amplitude),
        decay_rate: (motion != Motion::LimitCycle).then_some(decay_rate),
        left,
    }
}

fn still(x: &[f64], left: f64) -> Oscillation {
    let tail = &x[x.len() - (x.len() / 20).max(1).min(x.len())..];
    let rest = tail.iter().sum::<f64>() / tail.len().max(1) as f64;
    let none = (None, None, None);
    let (period, amplitude, decay_rate) = none;
    Oscillation { motion: Motion::Still, rest, crossings: Vec::new(), period, amplitude, decay_rate, left }
}

/// Turning points, by the parabola through three samples; a turn counts once the signal has come back by `noise`.
fn extremes(t: &[f64], x: &[f64], noise: f64) -> Vec<(f64, f64)> {
    let mut found = Vec::new();
    if x.len() < 3 {
        return found;
    }
    let (mut low, mut high, mut rising) = (0, 0, None);
    for i in 1..x.len() {
        if x[i] > x[high] {
            high = i;
        }
        if x[i] < x[low] {
            low = i;
        }
        if rising != Some(false) && x[high] - x[i] > noise {
            found.extend(vertex(t, x, high));
            (rising, low) = (Some(false), i);
        } else if rising != Some(true) && x[i] - x[low] > noise {
            found.extend(vertex(t, x, low));
            (rising, high) = (Some(true), i);
        }
    }
    found
}

/// The parabola's vertex at a sample; nothing at the first sample, which is a start and no turn.
fn vertex(t: &[f64], x: &[f64], i: usize) -> Option<(f64, f64)> {
    if i == 0 || i + 1 >= x.len() {
        return None;
    }
    let (left, right) = (x[i] - x[i - 1], x[i + 1] - x[i]);
    let curvature = right - left;
    if curvature == 0.0 {
        return Some((t[i], x[i]));
    }
    let shift = -0.5 * (left + right) / curvature;
    Some((t[i] + shift * (t[i + 1] - t[i]), x[i] + 0.25 * (left + right) * shift))
}

fn rest(motion: Motion, x: &[f64], extremes: &[(f64, f64)], left: f64) -> f64 {
    let [.., a, b, c] = extremes else { return x.last().copied().unwrap_or(0.0) };
    let (a, b, c) = (a.1, b.1, c.1);
    match motion {
        // Three turns of a geometric ring-down give its centre exactly (Aitken).
        Motion::RingDown if left > NOISE => (a * c - b * b) / (a + c - 2.0 * b),
        Motion::Growing => (a * c - b * b) / (a + c - 2.0 * b),
        Motion::LimitCycle => 0.25 * (a + 2.0 * b + c),
        _ => x.last().copied().unwrap_or(0.0),
    }
}

/// The upward crossing of `level` between each minimum and the maximum after it.
fn crossings(t: &[f64], x: &[f64], level: f64, extremes: &[(f64, f64)]) -> Vec<f64> {
    let index = |time: f64| t.partition_point(|s| *s < time).clamp(1, t.len() - 1);
    extremes
        .windows(2)
        .filter(|w| w[0].1 < level && level <= w[1].1)
        .filter_map(|w| {
            let upward = |i: &usize| x[*i - 1] < level && x[*i] >= level;
            (index(w[0].0)..=index(w[1].0)).find(upward).map(|i| grid::crossing(t, x, level, i))
        })
        .collect()
}

fn deviation(x: &[f64], rest: f64) -> f64 {
    (x.iter().map(|v| (v - rest).powi(2)).sum::<f64>() / x.len().max(1) as f64).sqrt()
}

fn half_mean(swings: &[(f64, f64)]) -> Estimate {
    let n = swings.len() as f64;
    let mean = swings.iter().map(|s| s.1).sum::<f64>() / n;
    let variance = swings.iter().map(|s| (s.1 - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    Estimate { value: 0.5 * mean, error: 0.5 * (variance / n).sqrt() }
}

/// Slope of the straight line through points, with its standard error.
pub(crate) fn slope(points: impl Iterator<Item = (f64, f64)> + Clone) -> Estimate {
    let n = points.clone().count() as f64;
    let (mx, my) = points.clone().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / n, b + y / n));
    let (sxx, sxy) = points.clone().fold((0.0, 0.0), |(a, b), (x, y)| (a + (x - mx).powi(2), b + (x - mx) * (y - my)));
    let value = sxy / sxx;
    let residual = points.map(|(x, y)| (y - my - value * (x - mx)).powi(2)).sum::<f64>();
    let error = if n > 2.0 { (residual / (n - 2.0) / sxx).sqrt() } else { 0.0 };
    Estimate { value, error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ring(t: &[f64], rest: f64, amplitude: f64, decay: f64, period: f64, phase: f64) -> Vec<f64> {
        let w = std::f64::consts::TAU / period;
        t.iter().map(|t| rest + amplitude * (-decay * t).exp() * (w * t + phase).cos()).collect()
    }

    proptest! {
        #[test]
        fn prop_a_ring_down_gives_back_what_made_it(
            rest in -1.0..1.0, amplitude in 0.01..1.0_f64, decay in 0.1..0.5_f64, period in 0.4..1.0_f64, phase in 0.0..std::f64::consts::TAU
        ) {
            let t = grid::uniform(40.0, 8001);
            let seen = analyse(&t, &ring(&t, rest, amplitude, decay, period, phase));
            prop_assert_eq!(seen.motion, Motion::RingDown);
            prop_assert!((seen.rest - rest).abs() < 1e-3 * amplitude);
            let period_seen = seen.period.unwrap();
            prop_assert!((period_seen.value / period - 1.0).abs() < 1e-4, "{:?} for {}", period_seen, period);
            prop_assert!((seen.decay_rate.unwrap().value / decay - 1.0).abs() < 1e-2, "{:?}", seen.decay_rate);
        }

        #[test]
        fn prop_a_limit_cycle_gives_back_what_made_it(rest in -1.0..1.0_f64, amplitude in 0.01..1.0_f64, period in 5.0..40.0_f64) {
            let t = grid::uniform(150.0, 15001);
            let x: Vec<f64> = ring(&t, 0.0, 1.0, 0.0, period, 1.0).iter().map(|c| rest + amplitude * (4.0 * c).tanh()).collect();
            let seen = analyse(&t, &x);
            prop_assert_eq!(seen.motion, Motion::LimitCycle);
            prop_assert!((seen.period.unwrap().value / period - 1.0).abs() < 1e-6);
            prop_assert!((seen.amplitude.unwrap().value / (amplitude * 4.0_f64.tanh()) - 1.0).abs() < 1e-6);
            prop_assert!((seen.rest - rest).abs() < 1e-6);
            prop_assert!(seen.decay_rate.is_none());
        }

        #[test]
        fn prop_nothing_panics(x in prop::collection::vec(-1e3..1e3_f64, 1..200)) {
            let t = grid::uniform(1.0, x.len());
            analyse(&t[..x.len().min(t.len())], &x[..x.len().min(t.len())]);
        }
    }

    #[test]
    fn a_signal_that_settles_or_grows_is_told_apart() {
        let t = grid::uniform(10.0, 2001);
        let settles: Vec<f64> = t.iter().map(|t| 0.3 - 0.2 * (-3.0 * t).exp()).collect();
        let seen = analyse(&t, &settles);
        assert_eq!((seen.motion, seen.period), (Motion::Still, None));
        assert!((seen.rest - 0.3).abs() < 1e-9);
        assert_eq!(analyse(&t, &ring(&t, 0.1, 1e-3, -0.2, 0.7, 0.0)).motion, Motion::Growing);
        assert_eq!(analyse(&t, &vec![0.5; 2001]).motion, Motion::Still);
    }
}
