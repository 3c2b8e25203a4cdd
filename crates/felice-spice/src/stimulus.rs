//! What an independent source does in time: DC, PULSE, PWL, SIN, EXP.

/// An independent source: its DC value and, in a transient, its waveform.
#[derive(Clone, Debug, PartialEq)]
pub struct Stimulus {
    /// Value in operating points and DC sweeps (V or A).
    pub dc: f64,
    /// Value in a transient; where `None`, `dc`.
    pub wave: Option<Wave>,
}

/// Waveforms of independent sources; values in volts or amperes, times in seconds, defaults already filled in.
#[derive(Clone, Debug, PartialEq)]
pub enum Wave {
    /// `PULSE(low high delay rise fall width period cycles)`
    Pulse {
        /// Initial value.
        low: f64,
        /// Pulsed value.
        high: f64,
        /// Start of the first rise.
        delay: f64,
        /// Rise time, > 0.
        rise: f64,
        /// Fall time, > 0.
        fall: f64,
        /// Time at `high`.
        width: f64,
        /// Period; infinite for a single pulse.
        period: f64,
        /// Number of pulses; `None` repeats for ever.
        cycles: Option<u64>,
    },
    /// `PWL(t1 v1 t2 v2 ...)`: straight lines; before the first and after the last point constant. Times increase.
    Pwl {
        /// (time, value), times strictly increasing except that a jump may be given by two equal times.
        points: Vec<(f64, f64)>,
    },
    /// `SIN(offset amplitude frequency delay damping phase)`
    Sin {
        /// Offset.
        offset: f64,
        /// Amplitude.
        amplitude: f64,
        /// Frequency in hertz.
        frequency: f64,
        /// Delay; `offset` (plus the phase's share) before.
        delay: f64,
        /// Damping in 1/s.
        damping: f64,
        /// Phase in degrees.
        phase: f64,
    },
    /// `EXP(low high rise_delay rise_tau fall_delay fall_tau)`
    Exp {
        /// Initial value.
        low: f64,
        /// Pulsed value.
        high: f64,
        /// Start of the rise.
        rise_delay: f64,
        /// Time constant of the rise.
        rise_tau: f64,
        /// Start of the fall.
        fall_delay: f64,
        /// Time constant of the fall.
        fall_tau: f64,
    },
}

impl Stimulus {
    /// The largest magnitude it may take.
    pub fn largest(&self) -> f64 {
        let wave = match &self.wave {
            None => 0.0,
            Some(Wave::Pulse { low, high, .. } | Wave::Exp { low, high, .. }) => low.abs().max(high.abs()),
            Some(Wave::Pwl { points }) => points.iter().fold(0.0, |m, p| p.1.abs().max(m)),
            Some(Wave::Sin { offset, amplitude, .. }) => offset.abs() + amplitude.abs(),
        };
        wave.max(self.dc.abs())
    }

    /// A constant source.
    pub fn constant(dc: f64) -> Self {
        Stimulus { dc, wave: None }
    }

    /// Value at time `t` of a transient.
    pub fn at(&self, t: f64) -> f64 {
        self.wave.as_ref().map_or(self.dc, |w| w.at(t))
    }

    /// Corners of the waveform in `(after, stop]`, at most `limit`: places where a derivative jumps.
    pub fn corners(&self, after: f64, stop: f64, limit: usize) -> Vec<f64> {
        self.wave.as_ref().map_or(Vec::new(), |w| w.corners(after, stop, limit))
    }
}

impl Wave {
    /// Value at time `t`.
    pub fn at(&self, t: f64) -> f64 {
        match self {
            Wave::Pulse { low, high, delay, rise, fall, width, period, cycles } => {
                let since = t - delay;
                if since < 0.0 {
                    return *low;
                }
                let pulse = if period.is_finite() { (since / period).floor() } else { 0.0 };
                if cycles.is_some_and(|n| pulse >= n as f64) {
                    return *low;
                }
                let s = if period.is_finite() { since - pulse * period } else { since };
                if s < *rise {
                    low + (high - low) * s / rise
                } else if s <= rise + width {
                    *high
                } else if s < rise + width + fall {
                    high + (low - high) * (s - rise - width) / fall
                } else {
                    *low
                }
            }
            Wave::Pwl { points } => straight(points, t),
            Wave::Sin { offset, amplitude, frequency, delay, damping, phase } => {
                let s = (t - delay).max(0.0);
                let angle = std::f64::consts::TAU * frequency * s + phase.to_radians();
                offset + amplitude * (-damping * s).exp() * angle.sin()
            }
            Wave::Exp { low, high, rise_delay, rise_tau, fall_delay, fall_tau } => {
                let step = |delay: &f64, tau: &f64| if t <= *delay { 0.0 } else { -(-(t - delay) / tau).exp_m1() };
                low + (high - low) * (step(rise_delay, rise_tau) - step(fall_delay, fall_tau))
            }
        }
    }

    /// Corners in `(after, stop]`, at most `limit`, increasing.
    pub fn corners(&self, after: f64, stop: f64, limit: usize) -> Vec<f64> {
        let inside = |t: &f64| *t > after && *t <= stop;
        match self {
            Wave::Pulse { delay, rise, fall, width, period, cycles, .. } => {
                let shape = [0.0, *rise, rise + width, rise + width + fall];
                let first = if period.is_finite() { ((after - delay) / period).floor().max(0.0) } else { 0.0 };
                let mut corners = Vec::new();
                let mut pulse = first;
                loop {
                    let start = delay + if period.is_finite() { pulse * period } else { 0.0 };
                    if start > stop || corners.len() >= limit || cycles.is_some_and(|n| pulse >= n as f64) {
                        break;
                    }
                    corners.extend(shape.iter().filter(|s| **s <= *period).map(|s| start + s).filter(inside));
                    if !period.is_finite() {
                        break;
                    }
                    pulse += 1.0;
                }
                corners.dedup();
                corners.truncate(limit);
                corners
            }
            Wave::Pwl { points } => {
                let mut corners: Vec<f64> = points.iter().map(|p| p.0).filter(inside).take(limit).collect();
                corners.dedup();
                corners
            }
            Wave::Sin { delay, .. } => [*delay].into_iter().filter(inside).take(limit).collect(),
            Wave::Exp { rise_delay, fall_delay, .. } => {
                let mut corners: Vec<f64> = [*rise_delay, *fall_delay].into_iter().filter(inside).collect();
                corners.sort_by(f64::total_cmp);
                corners.truncate(limit);
                corners
            }
        }
    }
}

fn straight(points: &[(f64, f64)], t: f64) -> f64 {
    let after = points.partition_point(|p| p.0 <= t);
    match (after.checked_sub(1).and_then(|i| points.get(i)), points.get(after)) {
        (Some(a), Some(b)) => a.1 + (b.1 - a.1) * (t - a.0) / (b.0 - a.0),
        (Some(end), None) | (None, Some(end)) => end.1,
        (None, None) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse() -> Wave {
        Wave::Pulse { low: 0.0, high: 2.0, delay: 1.0, rise: 1.0, fall: 2.0, width: 3.0, period: 10.0, cycles: Some(2) }
    }

    #[test]
    fn pulse_values_and_corners() {
        let w = pulse();
        for (t, v) in [(0.0, 0.0), (1.5, 1.0), (3.0, 2.0), (6.0, 1.0), (8.0, 0.0), (11.5, 1.0), (21.5, 0.0)] {
            assert_eq!(w.at(t), v, "at {t}");
        }
        assert_eq!(w.corners(0.0, 100.0, 99), [1.0, 2.0, 5.0, 7.0, 11.0, 12.0, 15.0, 17.0]);
        assert_eq!(w.corners(2.0, 100.0, 3), [5.0, 7.0, 11.0]);
    }

    #[test]
    fn pwl_is_constant_outside_and_jumps_where_told() {
        let w = Wave::Pwl { points: vec![(1.0, 1.0), (2.0, 3.0), (2.0, 5.0), (3.0, 5.0)] };
        for (t, v) in [(0.0, 1.0), (1.5, 2.0), (2.0, 5.0), (9.0, 5.0)] {
            assert_eq!(w.at(t), v, "at {t}");
        }
        assert_eq!(w.corners(0.0, 9.0, 99), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn sin_and_exp() {
        let s = Wave::Sin { offset: 1.0, amplitude: 2.0, frequency: 0.25, delay: 1.0, damping: 0.0, phase: 0.0 };
        assert_eq!(s.at(0.5), 1.0);
        assert!((s.at(2.0) - 3.0).abs() < 1e-12);
        let e = Wave::Exp { low: 0.0, high: 1.0, rise_delay: 1.0, rise_tau: 1.0, fall_delay: 2.0, fall_tau: 1.0 };
        assert_eq!(e.at(1.0), 0.0);
        assert!((e.at(2.0) - (1.0 - (-1.0f64).exp())).abs() < 1e-15);
        assert!(e.at(50.0).abs() < 1e-15);
    }
}
