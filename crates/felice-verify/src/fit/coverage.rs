//! How often a 95 % interval holds the truth: waveforms of the model itself with noise of known colour on top.

use felice_neurons::AnyNeuron;
use nalgebra::{DMatrix, DVector};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::confidence::judge;
use super::minimum::{Solved, solve};
use super::problem::{Data, Unknown};
use super::unknowns;
use crate::case::Case;
use crate::compare::{Channel, Waves};
use crate::parameters::Prepared;

/// Points of the waveform, and the size of the noise over the range of a state.
const POINTS: usize = 800;
const NOISE: f64 = 0.01;

/// Independent standard normal numbers (Box and Muller 1958).
fn normals(seed: u64, count: usize) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut uniform = || -> f64 { (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64 };
    (0..count).map(|_| (-2.0 * (1.0 - uniform()).ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos()).collect()
}

/// Noise of unit variance in time order, each channel its own, whose correlation falls to 1/e over `memory` points: 0
/// for white noise.
fn noise(seed: u64, channels: usize, points: usize, memory: f64) -> DVector<f64> {
    let keep = if memory > 0.0 { (-1.0 / memory).exp() } else { 0.0 };
    let mut white = normals(seed, channels * points);
    for row in channels..white.len() {
        white[row] = keep * white[row - channels] + (1.0 - keep * keep).sqrt() * white[row];
    }
    DVector::from_vec(white)
}

struct Truth {
    case: Case,
    neuron: AnyNeuron,
    waves: Waves,
    start: Vec<f64>,
    unit: f64,
    unknowns: Vec<Unknown>,
}

/// A behavioural case whose circuit is its model.
fn truth(name: &str) -> Truth {
    let file = format!("{}/../../netlists/{name}/behavioural.toml", env!("CARGO_MANIFEST_DIR"));
    let case = Case::read(std::path::Path::new(&file)).unwrap();
    let prepared = Prepared::with_card(&case, None).unwrap();
    let grid = |i: usize| case.span * i as f64 / (case.samples - 1) as f64;
    let bound = case.states.iter().filter(|s| matches!(s.1, crate::case::Binding::Signal { .. }));
    let channel = |s: &(String, crate::case::Binding)| Channel {
        state: s.0.clone(),
        signal: format!("v({})", s.0),
        unit: felice_base::Unit::VOLT,
        offset: 0.0,
        scale: 1.0,
        values: vec![0.0; case.samples],
    };
    let blank = Waves { tau: (0..case.samples).map(grid).collect(), channels: bound.map(channel).collect() };
    let (neuron, start, unit) = (prepared.neuron.clone(), case.initial.clone(), prepared.time_unit);
    let unknowns = unknowns(&case, &prepared, &super::FitOptions::default(), unit).unwrap();
    let data = Data::new(&case, &neuron, &blank, start.clone(), unit, case.samples);
    let waves = data.waves(&[], &[], &case, &blank).unwrap();
    Truth { case, neuron, waves, start, unit, unknowns }
}

impl Truth {
    fn data(&self, waves: &Waves) -> Data {
        Data::new(&self.case, &self.neuron, waves, self.start.clone(), self.unit, POINTS)
    }

    fn values(&self) -> Vec<f64> {
        self.unknowns.iter().map(|u| u.start).collect()
    }

    /// The least-squares answer to noise, to first order: noise of a hundredth moves parameters by a thousandth.
    fn answer(&self, jacobian: &DMatrix<f64>, pseudo: &DMatrix<f64>, noise: &DVector<f64>) -> Solved {
        let moved = pseudo * noise;
        let residuals = jacobian * &moved - noise;
        let places: Vec<f64> = self.unknowns.iter().zip(moved.iter()).map(|(u, m)| u.place(u.start) + m).collect();
        let values = self.unknowns.iter().zip(&places).map(|(u, x)| u.value(*x)).collect();
        Solved { values, places, residuals }
    }
}

/// Part of the seeds at which each interval holds the truth, and the mean standard error over the true spread.
fn coverage(name: &str, memory_of: impl Fn(f64) -> f64, seeds: u64) -> Vec<(String, f64, f64)> {
    let truth = truth(name);
    let data = truth.data(&truth.waves);
    let (values, channels) = (truth.values(), data.channels());
    let places: Vec<f64> = truth.unknowns.iter().map(|u| u.place(u.start)).collect();
    let points = data.len() / channels;
    let jacobian = data.exact_jacobian(&truth.unknowns, &places, points).unwrap();
    let pseudo = jacobian.clone().pseudo_inverse(1e-12).unwrap();
    let still = DVector::zeros(data.len());
    let memory = memory_of(points as f64 / truth.case.span);
    let n = values.len();
    let (mut held, mut errors, mut spread) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    for seed in 0..seeds {
        let noise = noise(seed, channels, points, memory) * NOISE;
        let solved = truth.answer(&jacobian, &pseudo, &noise);
        let known = judge(&jacobian, channels, &truth.unknowns, &solved, &still);
        for j in 0..n {
            let (low, high) = known.intervals[j];
            held[j] += f64::from(u8::from(low <= values[j] && values[j] <= high));
            errors[j] += known.standard_errors[j];
            spread[j] += (solved.values[j] - values[j]).powi(2);
        }
    }
    let all = seeds as f64;
    let of = |j: usize| (truth.unknowns[j].name.clone(), held[j] / all, errors[j] / all / (spread[j] / all).sqrt());
    (0..n).map(of).collect()
}

/// Coverage of every parameter's interval under white noise and under noise that remembers a tenth of a period, a
/// period, three periods.
#[test]
fn val_intervals_hold_the_truth_nineteen_times_in_twenty() {
    let seeds = if std::env::var_os("FELICE_HEAVY").is_some() { 2000 } else { 40 };
    for (name, period) in [("wererabbit", 0.72), ("boomerang", 0.52), ("fhnrs", 50.42)] {
        for periods in [0.0, 0.1, 1.0, 3.0] {
            let found = coverage(name, |points_a_unit| periods * period * points_a_unit, seeds);
            println!("{name}, noise remembers {periods} periods: {found:.3?}");
            for (parameter, held, ratio) in found {
                let doubt = 3.0 * (0.95 * 0.05 / seeds as f64).sqrt();
                assert!(held > 0.95 - doubt, "{name} {parameter}, {periods} periods: {held}");
                assert!(ratio < 3.0, "{name} {parameter}, {periods} periods: intervals {ratio} times too wide");
            }
        }
    }
}

/// The whole fit, growing horizons and all, ends where the first order says.
#[test]
fn val_a_noisy_fit_ends_where_the_first_order_says() {
    let truth = truth("wererabbit");
    let clean = truth.data(&truth.waves);
    let (channels, points) = (clean.channels(), clean.len() / clean.channels());
    let places: Vec<f64> = truth.unknowns.iter().map(|u| u.place(u.start)).collect();
    let jacobian = clean.exact_jacobian(&truth.unknowns, &places, points).unwrap();
    let pseudo = jacobian.clone().pseudo_inverse(1e-12).unwrap();
    let every = truth.waves.tau.len().div_ceil(POINTS).max(1);
    let noise = noise(7, channels, points, 3.0) * NOISE;
    let mut waves = truth.waves.clone();
    for (c, channel) in waves.channels.iter_mut().enumerate() {
        let range = crate::grid::range(&channel.values);
        for (i, value) in channel.values.iter_mut().step_by(every).enumerate().take(points) {
            *value += noise[i * channels + c] * range;
        }
    }
    let solved = solve(&truth.case, &truth.data(&waves), &truth.unknowns).unwrap();
    let expected = truth.answer(&jacobian, &pseudo, &noise);
    let known = judge(&jacobian, channels, &truth.unknowns, &expected, &DVector::zeros(points * channels));
    for (j, unknown) in truth.unknowns.iter().enumerate() {
        let off = (solved.values[j] - expected.values[j]).abs() / known.standard_errors[j];
        assert!(off < 0.3, "{}: {off} standard errors", unknown.name);
    }
}
