//! Two sets of waveforms on one grid, and every metric between them.

use felice_base::Unit;

use crate::grid;
use crate::metric::MetricName;
use crate::oscillation::{self, Estimate, Motion, Oscillation};

/// The states of one side on the common grid, in the units of the circuit's signals.
#[derive(Clone, Debug, PartialEq)]
pub struct Waves {
    /// Times in τ, evenly spaced from 0.
    pub tau: Vec<f64>,
    /// One channel a state that the circuit has, in the model's order.
    pub channels: Vec<Channel>,
}

/// One state of one side.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    /// Name of the state: `u`.
    pub state: String,
    /// The circuit's signal: `v(u)`.
    pub signal: String,
    /// Its unit.
    pub unit: Unit,
    /// signal = offset + scale · state.
    pub offset: f64,
    /// See `offset`.
    pub scale: f64,
    /// Values in `unit`.
    pub values: Vec<f64>,
}

impl Channel {
    /// The values in the model's own units.
    pub fn state_values(&self) -> Vec<f64> {
        self.values.iter().map(|x| (x - self.offset) / self.scale).collect()
    }
}

/// What the comparison knows of the model beside its waveforms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Landmarks {
    /// Fixed points of the model, one value a channel, in the channels' units.
    pub fixed_points: Vec<Vec<f64>>,
    /// The level that makes a spike: channel and value in its unit.
    pub threshold: Option<(usize, f64)>,
    /// Seconds in one τ.
    pub time_unit: f64,
}

/// A measured value, or why there is none.
pub(crate) type Measured = Result<Estimate, String>;

/// What two sets of waveforms have to do with each other.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// How the model's first channel moves.
    pub model: Oscillation,
    /// How the circuit's first channel moves.
    pub circuit: Oscillation,
    /// Fixed point of the model (an index into [`Landmarks::fixed_points`]) where each side rests: model, circuit.
    pub rests_at: (Option<usize>, Option<usize>),
    pub(crate) values: Vec<(MetricName, Measured)>,
}

/// A ring-down whose last swing is below this part of the largest has told where it will rest.
const AT_REST: f64 = 0.3;

impl Comparison {
    /// Compares a circuit with its model. Both have the same channels and grid, and at least one channel.
    pub fn new(model: &Waves, circuit: &Waves, landmarks: &Landmarks) -> Self {
        let first = |w: &Waves| {
            w.channels
                .first()
                .map_or_else(|| oscillation::analyse(&[], &[]), |c| oscillation::analyse(&w.tau, &c.values))
        };
        let (m, c) = (first(model), first(circuit));
        let (rest_m, rest_c) = (rest(model, &m), rest(circuit, &c));
        let nearest = |at: &Option<Vec<f64>>| at.as_ref().and_then(|p| nearest(p, &landmarks.fixed_points));
        let rests_at = (nearest(&rest_m), nearest(&rest_c));
        let swings = |o: Option<Estimate>, who: &str| o.ok_or_else(|| format!("{who} does not oscillate"));
        let ratio = |of: fn(&Oscillation) -> Option<Estimate>| {
            Ok::<_, String>(swings(of(&c), "the circuit")?.over(swings(of(&m), "the model")?))
        };
        let seconds =
            |e: Estimate| Estimate { value: e.value * landmarks.time_unit, error: e.error * landmarks.time_unit };
        let exact = |value| Ok(Estimate { value, error: 0.0 });
        let mut values = vec![
            (MetricName::Rms, exact(rms(model, circuit))),
            (MetricName::MaxError, exact(max_error(model, circuit))),
            (MetricName::Nrmse, exact(nrmse(model, circuit))),
            (MetricName::PeriodRatio, period_ratio(&m, &c)),
            (MetricName::AmplitudeRatio, ratio(|o| o.amplitude)),
            (MetricName::Period, swings(c.period, "the circuit").map(seconds)),
        ];
        if m.motion != Motion::LimitCycle {
            values.push((MetricName::DecayRate, swings(c.decay_rate, "the circuit")));
            values.push((MetricName::DecayRateRatio, ratio(|o| o.decay_rate)));
            values.extend(rests(&rest_m, &rest_c, rests_at));
        }
        values.extend(spike_time_error(model, circuit, landmarks).map(|v| (MetricName::SpikeTimeError, v)));
        Comparison { model: m, circuit: c, rests_at, values }
    }
}

/// Channels whose difference is in volts.
fn volts<'a>(model: &'a Waves, circuit: &'a Waves) -> impl Iterator<Item = (&'a Channel, &'a Channel)> {
    model.channels.iter().zip(&circuit.channels).filter(|(m, _)| m.unit == Unit::VOLT)
}

pub(crate) fn rms(model: &Waves, circuit: &Waves) -> f64 {
    let squares: Vec<f64> =
        volts(model, circuit).map(|(m, c)| grid::rms_difference(&m.values, &c.values).powi(2)).collect();
    (squares.iter().sum::<f64>() / squares.len().max(1) as f64).sqrt()
}

pub(crate) fn max_error(model: &Waves, circuit: &Waves) -> f64 {
    volts(model, circuit).map(|(m, c)| grid::max_difference(&m.values, &c.values)).fold(0.0, f64::max)
}

/// `over`: whose ranges the differences are compared with, channel by channel.
pub(crate) fn nrmse_over(a: &Waves, b: &Waves, over: &Waves) -> f64 {
    let squares: Vec<f64> = a
        .channels
        .iter()
        .zip(&b.channels)
        .zip(&over.channels)
        .filter_map(|((a, b), o)| {
            let range = grid::range(&o.values);
            (range > 0.0).then(|| (grid::rms_difference(&a.values, &b.values) / range).powi(2))
        })
        .collect();
    (squares.iter().sum::<f64>() / squares.len().max(1) as f64).sqrt()
}

fn nrmse(model: &Waves, circuit: &Waves) -> f64 {
    nrmse_over(model, circuit, model)
}

/// The slope of the circuit's crossing times against the model's. What amplitude does to the period as a ring-down dies
/// away is common to both and drops out, which it would not from the ratio of two mean periods.
fn period_ratio(m: &Oscillation, c: &Oscillation) -> Measured {
    if m.crossings.len() < 2 || c.crossings.len() < 2 {
        let who = if c.crossings.len() < 2 { "the circuit" } else { "the model" };
        return Err(format!("{who} does not oscillate"));
    }
    // Both start at the same state: the right pairing is that of nearest first crossings.
    let (mut model, mut circuit) = (&m.crossings[..], &c.crossings[..]);
    let apart = |a: &[f64], b: &[f64]| (a[0] - b[0]).abs();
    if model.len() > 2 && apart(&model[1..], circuit) < apart(model, circuit) {
        model = &model[1..];
    } else if circuit.len() > 2 && apart(model, &circuit[1..]) < apart(model, circuit) {
        circuit = &circuit[1..];
    }
    Ok(oscillation::slope(model.iter().copied().zip(circuit.iter().copied())))
}

/// Where all channels rest, if they do within the time compared.
fn rest(w: &Waves, first: &Oscillation) -> Option<Vec<f64>> {
    let settles = match first.motion {
        Motion::RingDown => first.left < AT_REST,
        Motion::Still => w.channels.iter().all(|c| {
            let late = &c.values[c.values.len() - c.values.len() / 10..];
            grid::range(late) <= 1e-3 * grid::range(&c.values)
        }),
        Motion::LimitCycle | Motion::Growing => false,
    };
    settles.then(|| w.channels.iter().map(|c| oscillation::analyse(&w.tau, &c.values).rest).collect())
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

fn nearest(point: &[f64], among: &[Vec<f64>]) -> Option<usize> {
    (0..among.len()).min_by(|&i, &j| distance(point, &among[i]).total_cmp(&distance(point, &among[j])))
}

fn rests(
    model: &Option<Vec<f64>>,
    circuit: &Option<Vec<f64>>,
    at: (Option<usize>, Option<usize>),
) -> Vec<(MetricName, Measured)> {
    let (Some(m), c) = (model, circuit) else { return Vec::new() };
    let Some(c) = c else {
        let why = || Err("the model comes to rest and the circuit does not".to_owned());
        return vec![(MetricName::FixedPoint, why()), (MetricName::FixedPointDistance, why())];
    };
    let mut found = vec![(MetricName::FixedPointDistance, Ok(Estimate { value: distance(m, c), error: 0.0 }))];
    if let (Some(i), Some(j)) = at {
        found.push((MetricName::FixedPoint, Ok(Estimate { value: f64::from(u8::from(i == j)), error: 0.0 })));
    }
    found
}

/// Nothing where neither side spikes.
fn spike_time_error(model: &Waves, circuit: &Waves, landmarks: &Landmarks) -> Option<Measured> {
    let (channel, level) = landmarks.threshold?;
    let spikes = |w: &Waves| grid::rising(&w.tau, &w.channels[channel].values, level);
    let (m, c) = (spikes(model), spikes(circuit));
    if m.is_empty() && c.is_empty() {
        return None;
    }
    let matched = m.len().min(c.len());
    let worst = m.iter().zip(&c).map(|(m, c)| (m - c).abs()).fold(0.0, f64::max);
    // One spike more on one side is no difference where the other's would come just after the end.
    let end = model.tau.last().copied().unwrap_or(0.0);
    let odd = if m.len() > c.len() { m.get(matched) } else { c.get(matched) };
    let just_before_the_end = odd.is_none_or(|t| end - t <= 1.5 * worst);
    if m.len().abs_diff(c.len()) > 1 || !just_before_the_end || matched == 0 {
        return Some(Err(format!("the model spikes {} times, the circuit {}", m.len(), c.len())));
    }
    Some(Ok(Estimate { value: worst, error: 0.0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ring-down of two states about `rest`, in volts.
    fn ring(rest: f64, decay: f64, period: f64) -> Waves {
        let tau = grid::uniform(40.0, 8001);
        let w = std::f64::consts::TAU / period;
        let channel = |state: &str, phase: f64| Channel {
            state: state.into(),
            signal: format!("v({state})"),
            unit: Unit::VOLT,
            offset: 0.0,
            scale: 1.0,
            values: tau.iter().map(|t| rest + 0.2 * (-decay * t).exp() * (w * t + phase).cos()).collect(),
        };
        Waves { channels: vec![channel("u", 1.0), channel("v", 2.5)], tau }
    }

    fn value(c: &Comparison, name: MetricName) -> f64 {
        c.values.iter().find(|v| v.0 == name).unwrap().1.as_ref().unwrap().value
    }

    #[test]
    fn known_differences_are_measured() {
        let marks = Landmarks { fixed_points: vec![vec![0.3, 0.3], vec![0.1, 0.1]], threshold: None, time_unit: 1e-3 };
        let seen = Comparison::new(&ring(0.3, 0.26, 0.52), &ring(0.305, 0.286, 0.5252), &marks);
        assert!((value(&seen, MetricName::PeriodRatio) - 1.01).abs() < 1e-6);
        assert!((value(&seen, MetricName::DecayRateRatio) - 1.1).abs() < 1e-3);
        assert!((value(&seen, MetricName::AmplitudeRatio) - 1.1_f64.powf(-0.5)).abs() < 2e-3);
        assert!((value(&seen, MetricName::FixedPointDistance) - 0.005 * 2_f64.sqrt()).abs() < 1e-5);
        assert!((value(&seen, MetricName::Period) - 0.5252e-3).abs() < 1e-8);
        assert_eq!(value(&seen, MetricName::FixedPoint), 1.0);
        assert_eq!(seen.rests_at, (Some(0), Some(0)));
        let other = Comparison::new(&ring(0.3, 0.26, 0.52), &ring(0.11, 0.26, 0.52), &marks);
        assert_eq!(value(&other, MetricName::FixedPoint), 0.0);
        assert!((value(&other, MetricName::Rms) - 0.19).abs() < 1e-9);
        assert!((value(&other, MetricName::MaxError) - 0.19).abs() < 1e-9);
    }

    #[test]
    fn a_circuit_that_does_not_oscillate_says_so() {
        let mut dead = ring(0.3, 0.26, 0.52);
        dead.channels.iter_mut().for_each(|c| c.values.iter_mut().for_each(|v| *v = 0.2));
        let seen = Comparison::new(&ring(0.3, 0.26, 0.52), &dead, &Landmarks::default());
        let why = seen.values.iter().find(|v| v.0 == MetricName::PeriodRatio).unwrap().1.clone().unwrap_err();
        assert_eq!(why, "the circuit does not oscillate");
    }

    #[test]
    fn spikes_are_matched_and_counted() {
        let marks = Landmarks { threshold: Some((0, 0.3)), ..Landmarks::default() };
        let early = Comparison::new(&ring(0.3, 0.0, 10.0), &ring(0.3, 0.0, 9.9), &marks);
        assert!(
            (value(&early, MetricName::SpikeTimeError) - 0.358).abs() < 2e-3,
            "{}",
            value(&early, MetricName::SpikeTimeError)
        );
        let twice = Comparison::new(&ring(0.3, 0.0, 10.0), &ring(0.3, 0.0, 5.0), &marks);
        let why = twice.values.iter().find(|v| v.0 == MetricName::SpikeTimeError).unwrap().1.clone().unwrap_err();
        assert_eq!(why, "the model spikes 4 times, the circuit 8");
    }
}
