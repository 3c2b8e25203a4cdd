//! How a model's parameters spread over mismatched circuits: sampled, and propagated to first order.
//!
//! Every transistor has two random numbers, after Pelgrom, Duinmaijer, Welbers, "Matching properties of MOS
//! transistors", IEEE JSSC 24 (1989), eq. 8, read as each transistor's own deviation:
//!
//! ```text
//! Vt0 + N(0, A_VT/sqrt(W L)),   Is (1 + N(0, A_beta/sqrt(W L)))
//! ```
//!
//! (A coefficient stated for the *difference* of a pair enters divided by sqrt 2.) The generator counts: sample n is
//! stream n of ChaCha8, transistor k its words from 4k on, so that every deviation is the same in any order, on any
//! number of threads, and whatever else is sampled.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;
use serde::Serialize;

use crate::DeviceError;
use crate::card::Card;
use crate::circuits::Transistor;
use crate::derive::Form;
use crate::ekv::Ekv;
use crate::evaluate::{Evaluator, MOST, Row};
use crate::real::Dual;

/// Samples that one task evaluates: sums are taken within these, then over them in order.
const BLOCK: usize = 4096;
/// Words of the generator that a transistor owns: two 64-bit numbers.
const WORDS: u128 = 4;
/// Quantiles that a [`Spread`] states.
pub const QUANTILES: [f64; 9] = [0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999];

/// One parameter's spread.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ParameterSpread {
    /// ASCII name of the parameter, or `time_unit`.
    pub name: String,
    /// SI unit, or `1`.
    pub unit: String,
    /// Value without mismatch.
    pub nominal: f64,
    /// Mean of the samples.
    pub mean: f64,
    /// Standard deviation of the samples.
    pub deviation: f64,
    /// Standard deviation to first order: the root of the sum over transistors of (derivative times sigma) squared.
    pub propagated: f64,
    /// Values below which the fractions [`QUANTILES`] of the samples lie.
    pub quantiles: [f64; 9],
}

/// A model's parameters over mismatched circuits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The model.
    pub model: String,
    /// Circuits sampled.
    pub samples: usize,
    /// Seed of the generator.
    pub seed: u64,
    /// One entry a parameter, in the model's order, the time unit last.
    pub parameters: Vec<ParameterSpread>,
    /// Correlation of parameter i with parameter j; 0 where one of them does not move.
    pub correlations: Vec<Vec<f64>>,
}

/// A transistor's deviations: threshold (V) and relative current factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Deviation {
    /// Threshold (V).
    pub dvt: f64,
    /// Relative current factor.
    pub dbeta: f64,
}

/// Deviations of every transistor of sample `sample`: `sigmas[k]` are those of transistor k.
///
/// Transistor k's numbers depend on `seed`, `sample` and k alone.
pub fn deviations(seed: u64, sample: u64, sigmas: &[Deviation]) -> Vec<Deviation> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(sample);
    sigmas.iter().map(|s| deviation(&mut rng, s)).collect()
}

/// Deviations of transistor `index` of sample `sample`, by itself.
pub fn deviation_of(seed: u64, sample: u64, index: usize, sigma: Deviation) -> Deviation {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(sample);
    rng.set_word_pos(index as u128 * WORDS);
    deviation(&mut rng, &sigma)
}

/// Two normal numbers from two words of 64 bits (Box and Muller, Annals of Mathematical Statistics 29, 1958).
fn deviation(rng: &mut ChaCha8Rng, sigma: &Deviation) -> Deviation {
    // (0, 1]: the logarithm stays finite.
    let unit = |bits: u64| ((bits >> 11) as f64 + 1.0) * (1.0 / (1u64 << 53) as f64);
    let (a, b) = (unit(rng.next_u64()), unit(rng.next_u64()));
    let radius = (-2.0 * a.ln()).sqrt();
    let (sin, cos) = (std::f64::consts::TAU * b).sin_cos();
    Deviation { dvt: sigma.dvt * radius * cos, dbeta: sigma.dbeta * radius * sin }
}

/// A transistor with its deviation.
pub(crate) fn deviated(fet: &Ekv, d: &Deviation) -> Ekv {
    // A current factor of a tenth is where a Gaussian stops meaning anything for a width.
    Ekv { spec: fet.spec * (1.0 + d.dbeta).max(0.1), vt0: fet.vt0 + d.dvt, ..*fet }
}

/// Standard deviations of a transistor by its area.
fn sigma(t: &Transistor) -> Deviation {
    let root = t.geometry.map_or(f64::INFINITY, |(w, l)| (w * l).sqrt());
    Deviation { dvt: t.mismatch.0 / root, dbeta: t.mismatch.1 / root }
}

/// Transistors of a circuit in sampling order, with their standard deviations: what a netlist's `dvt` takes.
///
/// # Errors
/// As [`crate::derive_as`].
pub fn mismatch(card: &Card, model: &str) -> Result<Vec<(String, Deviation)>, DeviceError> {
    let evaluator = Evaluator::new(card, model, Form::Closed)?;
    Ok(evaluator.transistors.iter().map(|t| (t.role.name.to_owned(), sigma(t))).collect())
}

/// Samples `samples` mismatched circuits of a card.
///
/// # Errors
/// As [`crate::derive_as`]; [`DeviceError::Missing`] where no transistor has a Pelgrom coefficient.
pub fn monte_carlo(card: &Card, model: &str, form: Form, samples: usize, seed: u64) -> Result<Spread, DeviceError> {
    let evaluator = Evaluator::new(card, model, form)?;
    let sigmas: Vec<Deviation> = evaluator.transistors.iter().map(sigma).collect();
    if sigmas.iter().all(|s| s.dvt == 0.0 && s.dbeta == 0.0) {
        return Err(DeviceError::Missing {
            card: card.file.clone(),
            model: model.to_owned(),
            quantity: "[nfet] A_VT".into(),
            remedy: "write the process' A_VT (mV*um) and A_beta (%*um); without them every circuit is the same".into(),
        });
    }
    let blocks: Vec<Vec<Row<f64>>> = (0..samples.div_ceil(BLOCK))
        .into_par_iter()
        .map(|block| {
            let last = samples.min((block + 1) * BLOCK);
            (block * BLOCK..last).map(|n| sample(&evaluator, &sigmas, seed, n as u64)).collect()
        })
        .collect();
    let propagated = propagate(&evaluator, &sigmas);
    Ok(summarise(&evaluator, &blocks, samples, seed, &propagated))
}

/// One mismatched circuit's parameters.
fn sample(evaluator: &Evaluator, sigmas: &[Deviation], seed: u64, n: u64) -> Row<f64> {
    let deviations = deviations(seed, n, sigmas);
    evaluator.row(|i| deviated(&evaluator.transistors[i].ekv, &deviations[i]))
}

/// First-order standard deviations.
fn propagate(evaluator: &Evaluator, sigmas: &[Deviation]) -> [f64; MOST] {
    let mut variance = [0.0; MOST];
    for (k, s) in sigmas.iter().enumerate() {
        let row = evaluator.row(|i| {
            let fet = evaluator.transistors[i].ekv.lift::<Dual<2>>();
            if i != k {
                return fet;
            }
            Ekv { vt0: fet.vt0 + Dual::variable(0.0, 0), spec: fet.spec * Dual::variable(1.0, 1), ..fet }
        });
        for (v, p) in variance.iter_mut().zip(row) {
            *v += (p.slope[0] * s.dvt).powi(2) + (p.slope[1] * s.dbeta).powi(2);
        }
    }
    variance.map(f64::sqrt)
}

fn summarise(
    evaluator: &Evaluator,
    blocks: &[Vec<Row<f64>>],
    samples: usize,
    seed: u64,
    propagated: &[f64; MOST],
) -> Spread {
    let count = evaluator.columns.len();
    let n = samples.max(1) as f64;
    // Sums about the nominal values: no cancellation where the spread is small.
    let origin: Vec<f64> = evaluator.columns.iter().map(|c| c.nominal).collect();
    let moments: Vec<_> = blocks.par_iter().map(|block| moments(block, &origin)).collect();
    let (mut first, mut second) = ([0.0; MOST], [[0.0; MOST]; MOST]);
    for (f, s) in &moments {
        for i in 0..count {
            first[i] += f[i];
            for j in 0..count {
                second[i][j] += s[i][j];
            }
        }
    }
    let covariance = |i: usize, j: usize| (second[i][j] - first[i] * first[j] / n) / (n - 1.0).max(1.0);
    let correlation = |i: usize, j: usize| {
        let scale = (covariance(i, i) * covariance(j, j)).sqrt();
        // Roundoff of a parameter that does not move is not a spread.
        let moves = |k: usize| covariance(k, k).sqrt() > 1e-12 * origin[k].abs();
        if moves(i) && moves(j) { (covariance(i, j) / scale).clamp(-1.0, 1.0) } else { 0.0 }
    };
    let parameters = evaluator
        .columns
        .par_iter()
        .enumerate()
        .map(|(i, column)| ParameterSpread {
            name: column.name.clone(),
            unit: column.unit.clone(),
            nominal: column.nominal,
            mean: column.nominal + first[i] / n,
            deviation: covariance(i, i).max(0.0).sqrt(),
            propagated: propagated[i],
            quantiles: quantiles(blocks.iter().flatten().map(|row| row[i]).collect()),
        })
        .collect();
    let correlations = (0..count).map(|i| (0..count).map(|j| correlation(i, j)).collect()).collect();
    Spread { model: evaluator.model().to_owned(), samples, seed, parameters, correlations }
}

/// Sums and sums of products of a block, about `origin`.
fn moments(block: &[Row<f64>], origin: &[f64]) -> ([f64; MOST], [[f64; MOST]; MOST]) {
    let (mut first, mut second) = ([0.0; MOST], [[0.0; MOST]; MOST]);
    for row in block {
        for (i, oi) in origin.iter().enumerate() {
            let di = row[i] - oi;
            first[i] += di;
            for (j, oj) in origin.iter().enumerate() {
                second[i][j] += di * (row[j] - oj);
            }
        }
    }
    (first, second)
}

/// Nearest-rank quantiles; NaN for no values.
fn quantiles(mut values: Vec<f64>) -> [f64; 9] {
    if values.is_empty() {
        return [f64::NAN; 9];
    }
    let last = values.len() - 1;
    QUANTILES.map(|q| {
        let rank = (q * last as f64).round() as usize;
        *values.select_nth_unstable_by(rank, f64::total_cmp).1
    })
}
