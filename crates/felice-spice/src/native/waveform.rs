//! Independent sources between two corners: one smooth formula each, with its first and second derivative in time.

use std::f64::consts::TAU;

use crate::stimulus::{Stimulus, Wave};

/// A waveform on one stretch without corners.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Piece {
    /// A number.
    Constant(f64),
    /// `value + slope (t − since)`
    Line {
        /// Value at `since`.
        value: f64,
        /// Time of `value`.
        since: f64,
        /// Per second.
        slope: f64,
    },
    /// `offset + amplitude e^{−damping (t − since)} sin(omega (t − since) + phase)`
    Sine {
        /// Offset.
        offset: f64,
        /// Amplitude.
        amplitude: f64,
        /// Angular frequency in rad/s.
        omega: f64,
        /// Damping in 1/s.
        damping: f64,
        /// Phase in radians.
        phase: f64,
        /// Start.
        since: f64,
    },
    /// `offset + Σ amount e^{−(t − since)/tau}`
    Decays {
        /// Offset.
        offset: f64,
        /// (amount, since, tau)
        terms: [(f64, f64, f64); 2],
    },
}

impl Piece {
    /// The formula in force around time `t`, which must not be a corner.
    pub fn around(stimulus: &Stimulus, t: f64) -> Piece {
        match &stimulus.wave {
            None => Piece::Constant(stimulus.dc),
            Some(Wave::Pulse { low, high, delay, rise, fall, width, period, cycles }) => {
                let pulse = ((t - delay) / period).floor();
                if t < *delay || cycles.is_some_and(|n| pulse >= n as f64) {
                    return Piece::Constant(*low);
                }
                let start = if period.is_finite() { delay + pulse * period } else { *delay };
                let (top, fall_at) = (start + rise, start + rise + width);
                if t < top {
                    Piece::Line { value: *low, since: start, slope: (high - low) / rise }
                } else if t <= fall_at {
                    Piece::Constant(*high)
                } else if t < fall_at + fall {
                    Piece::Line { value: *high, since: fall_at, slope: (low - high) / fall }
                } else {
                    Piece::Constant(*low)
                }
            }
            Some(Wave::Pwl { points }) => {
                let after = points.partition_point(|p| p.0 <= t);
                match (after.checked_sub(1).and_then(|i| points.get(i)), points.get(after)) {
                    (Some(a), Some(b)) if a.1 == b.1 => Piece::Constant(a.1),
                    (Some(a), Some(b)) => Piece::Line { value: a.1, since: a.0, slope: (b.1 - a.1) / (b.0 - a.0) },
                    (Some(end), None) | (None, Some(end)) => Piece::Constant(end.1),
                    (None, None) => Piece::Constant(stimulus.dc),
                }
            }
            Some(Wave::Sin { offset, amplitude, frequency, delay, damping, phase }) => {
                let phase = phase.to_radians();
                if t < *delay {
                    return Piece::Constant(offset + amplitude * phase.sin());
                }
                let (amplitude, omega, since) = (*amplitude, TAU * frequency, *delay);
                Piece::Sine { offset: *offset, amplitude, omega, damping: *damping, phase, since }
            }
            Some(Wave::Exp { low, high, rise_delay, rise_tau, fall_delay, fall_tau }) => {
                let step = high - low;
                let (mut offset, mut terms) = (*low, [(0.0, 0.0, 1.0); 2]);
                if t > *rise_delay {
                    offset += step;
                    terms[0] = (-step, *rise_delay, *rise_tau);
                }
                if t > *fall_delay {
                    offset -= step;
                    terms[1] = (step, *fall_delay, *fall_tau);
                }
                if terms[0].0 == 0.0 && terms[1].0 == 0.0 {
                    Piece::Constant(offset)
                } else {
                    Piece::Decays { offset, terms }
                }
            }
        }
    }

    /// The same formula in the time that counts from `origin`.
    pub fn from(self, origin: f64) -> Piece {
        match self {
            Piece::Constant(v) => Piece::Constant(v),
            Piece::Line { value, since, slope } => Piece::Line { value, since: since - origin, slope },
            Piece::Sine { offset, amplitude, omega, damping, phase, since } => {
                Piece::Sine { offset, amplitude, omega, damping, phase, since: since - origin }
            }
            Piece::Decays { offset, terms } => {
                Piece::Decays { offset, terms: terms.map(|(amount, since, tau)| (amount, since - origin, tau)) }
            }
        }
    }

    /// True where nothing moves.
    pub fn is_constant(&self) -> bool {
        matches!(self, Piece::Constant(_))
    }

    /// Value, first and second derivative at time `t`.
    pub fn at(&self, t: f64) -> [f64; 3] {
        match *self {
            Piece::Constant(v) => [v, 0.0, 0.0],
            Piece::Line { value, since, slope } => [value + slope * (t - since), slope, 0.0],
            Piece::Sine { offset, amplitude, omega, damping, phase, since } => {
                let s = t - since;
                let (sin, cos) = (omega * s + phase).sin_cos();
                let a = amplitude * (-damping * s).exp();
                let slope = a * (omega * cos - damping * sin);
                let curvature = a * ((damping * damping - omega * omega) * sin - 2.0 * damping * omega * cos);
                [offset + a * sin, slope, curvature]
            }
            Piece::Decays { offset, terms } => {
                let mut out = [offset, 0.0, 0.0];
                for (amount, since, tau) in terms {
                    let e = amount * (-(t - since) / tau).exp();
                    out[0] += e;
                    out[1] -= e / tau;
                    out[2] += e / (tau * tau);
                }
                out
            }
        }
    }

    /// A step that does not jump over what the waveform does: a quarter of a sine's period, else infinite.
    pub fn longest_step(&self) -> f64 {
        match self {
            Piece::Sine { omega, .. } if *omega != 0.0 => 0.25 * TAU / omega.abs(),
            _ => f64::INFINITY,
        }
    }
}

/// Corners of many sources, merged, in order, fetched in batches.
#[derive(Clone, Debug)]
pub struct Corners {
    ahead: Vec<f64>,
    fetched_to: f64,
    stop: f64,
    apart: f64,
}

impl Corners {
    const BATCH: usize = 64;

    /// Corners in `(0, stop]`, those closer together than time can tell at `stop` taken as one.
    pub fn new(stop: f64) -> Self {
        Corners { ahead: Vec::new(), fetched_to: 0.0, stop, apart: 1e-14 * stop }
    }

    /// The first corner after `t`, `stop` where there is none before.
    pub fn after<'a>(&mut self, t: f64, stimuli: impl Iterator<Item = &'a Stimulus>, fixed: &[f64]) -> f64 {
        while self.ahead.last().is_some_and(|c| *c <= t + self.apart) {
            self.ahead.pop();
        }
        if self.ahead.is_empty() && self.fetched_to < self.stop {
            self.fetch(stimuli, fixed);
            while self.ahead.last().is_some_and(|c| *c <= t + self.apart) {
                self.ahead.pop();
            }
        }
        // A corner within rounding of the end is the end.
        self.ahead.last().copied().filter(|c| *c < self.stop - self.apart).unwrap_or(self.stop)
    }

    fn fetch<'a>(&mut self, stimuli: impl Iterator<Item = &'a Stimulus>, fixed: &[f64]) {
        let (mut all, mut to) = (Vec::new(), self.stop);
        for s in stimuli {
            let corners = s.corners(self.fetched_to, self.stop, Self::BATCH);
            // A full batch may have left out later ones: believe it only up to its end.
            if let (Self::BATCH.., Some(last)) = (corners.len(), corners.last()) {
                to = to.min(*last);
            }
            all.extend(corners);
        }
        all.extend(fixed.iter().copied().filter(|c| *c > self.fetched_to));
        all.retain(|c| *c <= to);
        all.sort_by(|a, b| b.total_cmp(a));
        all.dedup_by(|a, b| *a - *b <= self.apart && *b - *a <= self.apart);
        if all.is_empty() && to < self.stop {
            all.push(to);
        }
        self.ahead = all;
        self.fetched_to = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waves() -> Vec<Wave> {
        vec![
            Wave::Pulse {
                low: 0.1,
                high: 2.0,
                delay: 1.0,
                rise: 1.0,
                fall: 2.0,
                width: 3.0,
                period: 10.0,
                cycles: Some(2),
            },
            Wave::Pulse {
                low: 0.1,
                high: 2.0,
                delay: 1.0,
                rise: 1.0,
                fall: 2.0,
                width: 3.0,
                period: f64::INFINITY,
                cycles: None,
            },
            Wave::Pwl { points: vec![(1.0, 1.0), (2.0, 3.0), (2.0, 5.0), (3.0, 5.0), (4.0, -1.0)] },
            Wave::Sin { offset: 1.0, amplitude: 2.0, frequency: 0.25, delay: 1.0, damping: 0.3, phase: 30.0 },
            Wave::Exp { low: 0.2, high: 1.0, rise_delay: 1.0, rise_tau: 1.5, fall_delay: 2.0, fall_tau: 0.7 },
        ]
    }

    #[test]
    fn pieces_are_the_waveform_and_its_derivatives() {
        for wave in waves() {
            let stimulus = Stimulus { dc: 0.0, wave: Some(wave.clone()) };
            for i in 0..2000 {
                let t = 0.0123 + 0.0131 * i as f64;
                let d = 1e-5;
                if !wave.corners(t - 3.0 * d, t + 3.0 * d, 9).is_empty() {
                    continue;
                }
                let piece = Piece::around(&stimulus, t);
                let [value, slope, curvature] = piece.at(t);
                let (a, b) = (wave.at(t - d), wave.at(t + d));
                assert!((value - wave.at(t)).abs() < 1e-12, "{wave:?} at {t}");
                assert!((slope - (b - a) / (2.0 * d)).abs() < 1e-6, "{wave:?} at {t}");
                assert!((curvature - (a + b - 2.0 * wave.at(t)) / (d * d)).abs() < 1e-4, "{wave:?} at {t}");
            }
        }
    }

    #[test]
    fn corners_of_many_sources_come_in_order_and_none_is_lost() {
        let stimuli: Vec<Stimulus> = waves().into_iter().map(|w| Stimulus { dc: 0.0, wave: Some(w) }).collect();
        let fast = Wave::Pulse {
            low: 0.0,
            high: 1.0,
            delay: 0.0,
            rise: 0.01,
            fall: 0.01,
            width: 0.04,
            period: 0.1,
            cycles: None,
        };
        let with_fast: Vec<Stimulus> =
            stimuli.iter().cloned().chain([Stimulus { dc: 0.0, wave: Some(fast) }]).collect();
        let mut expected: Vec<f64> = with_fast.iter().flat_map(|s| s.corners(0.0, 30.0, usize::MAX)).collect();
        expected.push(7.123);
        expected.sort_by(f64::total_cmp);
        expected.dedup_by(|a, b| (*a - *b).abs() < 1e-12);
        let (mut corners, mut t, mut seen) = (Corners::new(30.0), 0.0, Vec::new());
        while t < 30.0 {
            t = corners.after(t, with_fast.iter(), &[7.123]);
            seen.push(t);
        }
        assert_eq!(seen.len(), expected.len());
        assert!(seen.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9));
    }
}
