//! Sources that are constant piece by piece: where the pieces end, and what makes a source other than that.

use crate::stimulus::{Stimulus, Wave};

/// Ramps up to this part of the transient are taken as jumps.
const JUMP: f64 = 1e-6;
/// What is held must be held for longer than this part of the transient.
const SHORTEST: f64 = 4e-6;

/// Why a source is not constant piece by piece in a transient to `stop`; `None` where it is.
pub(super) fn refusal_of_stimulus(stimulus: &Stimulus, stop: f64) -> Option<String> {
    let wave = stimulus.wave.as_ref()?;
    match wave {
        Wave::Sin { amplitude, .. } if *amplitude != 0.0 => return Some("is a sine".into()),
        Wave::Exp { low, high, .. } if low != high => return Some("is an exponential".into()),
        Wave::Sin { .. } | Wave::Exp { .. } => return None,
        Wave::Pulse { low, high, .. } if low == high => return None,
        Wave::Pulse { .. } | Wave::Pwl { .. } => {}
    }
    if let Wave::Pulse { delay, rise, fall, width, period, .. } = wave {
        let used = |after: f64| delay + after < stop;
        if used(0.0) && *rise > JUMP * stop || used(rise + width) && *fall > JUMP * stop {
            return Some(format!("ramps for {:.3e} s", rise.max(*fall)));
        }
        // A pulse cut short by the next one falls at once.
        let high = if used(*period) { width.min(period - rise) } else { *width };
        let low = if used(*period) { period - rise - width - fall } else { f64::INFINITY };
        let short =
            [(0.0, high), (rise + width, low)].into_iter().find(|(from, held)| used(*from) && *held < SHORTEST * stop);
        return short.map(|(_, held)| format!("holds a value for only {:.3e} s", held.max(0.0)));
    }
    let Wave::Pwl { points } = wave else { return None };
    let moves: Vec<(f64, f64)> =
        points.windows(2).filter(|w| w[0].1 != w[1].1 && w[0].0 < stop).map(|w| (w[0].0, w[1].0)).collect();
    if let Some((from, to)) = moves.iter().find(|(from, to)| to - from > JUMP * stop) {
        return Some(format!("ramps from {from:.3e} s to {to:.3e} s"));
    }
    let short = moves.windows(2).map(|w| w[1].0 - w[0].1).find(|held| *held < SHORTEST * stop)?;
    Some(format!("holds a value for only {short:.3e} s"))
}

/// Ends of the pieces within which every source is constant, the last `stop`.
pub(super) fn piece_ends<'s>(sources: impl Iterator<Item = &'s Stimulus>, stop: f64) -> Vec<f64> {
    let corners = |s: &Stimulus| s.corners(0.0, stop, 1_000_000);
    let mut ends: Vec<f64> = sources.flat_map(corners).filter(|t| *t < stop * (1.0 - 2.0 * JUMP)).collect();
    // A jump at 0 ends no piece.
    ends.push(0.0);
    ends.sort_by(f64::total_cmp);
    // Both ends of a short ramp are one jump, as are those of two sources at about one time.
    ends.dedup_by(|later, earlier| *later - *earlier <= 2.0 * JUMP * stop);
    ends.push(stop);
    ends.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse(rise: f64, width: f64, period: f64) -> Stimulus {
        let (low, high, delay, fall) = (0.0, 1.0, 0.1, rise);
        Stimulus { dc: 0.0, wave: Some(Wave::Pulse { low, high, delay, rise, fall, width, period, cycles: None }) }
    }

    fn pwl(points: &[(f64, f64)]) -> Stimulus {
        Stimulus { dc: 0.0, wave: Some(Wave::Pwl { points: points.to_vec() }) }
    }

    #[test]
    fn pieces_end_at_jumps() {
        let sources = [pulse(1e-9, 0.2, 0.5), pwl(&[(0.0, 0.0), (1e-9, 1.0), (0.3, 1.0), (0.3, 2.0)])];
        assert!(sources.iter().all(|s| refusal_of_stimulus(s, 1.0).is_none()));
        let ends = piece_ends(sources.iter(), 1.0);
        let expected = [0.1, 0.3, 0.6, 0.8, 1.0];
        assert!(ends.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-8) && ends.len() == 5, "{ends:?}");
        assert_eq!(piece_ends([Stimulus::constant(1.0)].iter(), 1.0), [1.0]);
    }

    #[test]
    fn what_is_no_stair_is_named() {
        let says = |s: &Stimulus| refusal_of_stimulus(s, 1.0).unwrap();
        assert!(says(&pulse(1e-3, 0.2, 0.5)).contains("ramps for 1.000e-3 s"));
        assert!(says(&pulse(1e-9, 1e-7, 0.5)).contains("only 1.000e-7 s"));
        assert!(says(&pulse(1e-9, 0.2, 0.2 + 3e-9)).contains("holds a value"));
        assert!(says(&pulse(1e-9, 0.3, 0.2)).contains("holds a value"));
        assert!(refusal_of_stimulus(&pulse(1e-9, 7.0, 1.0), 1.0).is_none());
        assert!(says(&pwl(&[(0.2, 0.0), (0.4, 1.0)])).contains("ramps from 2.000e-1 s to 4.000e-1 s"));
        assert!(says(&pwl(&[(0.2, 0.0), (0.2, 1.0), (0.2 + 1e-7, 0.0)])).contains("holds a value"));
        // What happens after the end does not matter.
        assert!(refusal_of_stimulus(&pwl(&[(2.0, 0.0), (4.0, 1.0)]), 1.0).is_none());
    }
}
