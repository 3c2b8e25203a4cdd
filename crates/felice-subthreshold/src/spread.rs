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
use crate::evaluate::{Evaluator, MOST};
use crate::real::Dual;

/// Samples that one task evaluates: sums are taken within these, then over them in order.
const BLOCK: usize = 4096;
/// Words of the generator that a transistor owns: two 64-bit numbers.
const WORDS: u128 = 4;
/// Quantiles that a [`Spread`] states.
pub const QUANTILES: [f64; 9] = [0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999];

/// Most samples of one run: what fits the memory of a small machine, 1.2 GB.
pub const MOST_SAMPLES: usize = 10_000_000;

/// What is sampled, how often, by how many threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sampling {
    /// Circuits, at least 1 and at most [`MOST_SAMPLES`].
    pub samples: usize,
    /// Seed of the generator.
    pub seed: u64,
    /// Threads; 0 for the pool that is there. The samples are the same whatever it says.
    pub threads: usize,
    /// What is mismatched.
    pub mismatch: Mismatch,
}

impl Sampling {
    /// `samples` circuits with all their mismatch.
    pub fn of(samples: usize, seed: u64) -> Self {
        Sampling { samples, seed, threads: 0, mismatch: Mismatch::Both }
    }
}

/// Which of a transistor's two deviations is drawn. The numbers of the one do not depend on the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mismatch {
    /// Threshold and current factor.
    #[default]
    Both,
    /// Threshold alone: A_VT.
    Threshold,
    /// Current factor alone: A_beta.
    Factor,
    /// Neither: every circuit is the nominal one.
    Off,
}

impl Mismatch {
    fn of(self, sigma: Deviation) -> Deviation {
        match self {
            Mismatch::Both => sigma,
            Mismatch::Threshold => Deviation { dbeta: 0.0, ..sigma },
            Mismatch::Factor => Deviation { dvt: 0.0, ..sigma },
            Mismatch::Off => Deviation::default(),
        }
    }
}

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
    /// Standard error of the mean.
    pub mean_error: f64,
    /// Standard deviation of the samples; 0 for one sample.
    pub deviation: f64,
    /// Standard error of the standard deviation, from the samples' fourth moment.
    pub deviation_error: f64,
    /// Skewness of the samples; 0 where nothing moves.
    pub skewness: f64,
    /// Standard deviation to first order: the root of the sum over transistors of (derivative times sigma) squared.
    pub propagated: f64,
    /// Values below which the fractions [`QUANTILES`] of the samples lie.
    pub quantiles: [f64; 9],
}

impl ParameterSpread {
    /// True where mismatch moves the parameter.
    pub fn moves(&self) -> bool {
        self.propagated > 1e-12 * self.nominal.abs().max(1e-12)
    }

    /// Where sampled and first-order deviation differ by more than 5 % beyond what the number of samples explains: by
    /// how much, and why. `None` where they agree.
    pub fn disagreement(&self) -> Option<String> {
        let off = (self.deviation - self.propagated).abs();
        if !self.moves() || off <= 0.05 * self.propagated + 4.0 * self.deviation_error {
            return None;
        }
        let spread = if self.nominal == 0.0 {
            String::new()
        } else {
            format!(": a spread of {:.1} % is not small", 100.0 * self.propagated / self.nominal.abs())
        };
        Some(format!(
            "{}: sampled sigma is {:.3} of the first-order one{spread} (skewness {:.2}); take the quantiles",
            self.name,
            self.deviation / self.propagated,
            self.skewness
        ))
    }
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
    /// What was mismatched.
    pub mismatch: Mismatch,
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

/// A card's circuit, whose mismatched copies are drawn one by one.
pub struct Mismatched {
    evaluator: Evaluator,
    sigmas: Vec<Deviation>,
}

impl Mismatched {
    /// The circuit of a card, its parameters in this form.
    ///
    /// # Errors
    /// As [`crate::derive_as`]; [`DeviceError::Missing`] where no transistor has a Pelgrom coefficient.
    pub fn new(card: &Card, model: &str, form: Form) -> Result<Self, DeviceError> {
        let evaluator = Evaluator::new(card, model, form)?;
        let sigmas: Vec<Deviation> = evaluator.transistors.iter().map(sigma).collect();
        if sigmas.iter().all(|s| s.dvt == 0.0 && s.dbeta == 0.0) {
            return Err(no_mismatch(card, model));
        }
        Ok(Mismatched { evaluator, sigmas })
    }

    /// Parameters (and `time_unit`) of copy `n`, by name: those of sample `n` of [`monte_carlo`] with this seed.
    pub fn copy(&self, seed: u64, n: u64) -> Vec<(String, f64)> {
        let deviations = deviations(seed, n, &self.sigmas);
        let row = self.evaluator.row(|i| deviated(&self.evaluator.transistors[i].ekv, &deviations[i]));
        self.evaluator.columns.iter().map(|c| c.name.clone()).zip(row).collect()
    }
}

fn no_mismatch(card: &Card, model: &str) -> DeviceError {
    DeviceError::Missing {
        card: card.file.clone(),
        model: model.to_owned(),
        quantity: "[nfet] A_VT".into(),
        remedy: "write the process' A_VT (mV*um) and A_beta (%*um); without them every circuit is the same".into(),
    }
}

/// Samples mismatched circuits of a card.
///
/// # Errors
/// As [`crate::derive_as`]; [`DeviceError::Missing`] where no transistor has a Pelgrom coefficient;
/// [`DeviceError::Impossible`] for no samples or more than [`MOST_SAMPLES`].
pub fn monte_carlo(card: &Card, model: &str, form: Form, sampling: &Sampling) -> Result<Spread, DeviceError> {
    Ok(monte_carlo_samples(card, model, form, sampling)?.0)
}

/// The same with the samples themselves: one column a parameter, in the order of [`Spread::parameters`].
///
/// # Errors
/// As [`monte_carlo`].
pub fn monte_carlo_samples(
    card: &Card,
    model: &str,
    form: Form,
    sampling: &Sampling,
) -> Result<(Spread, Vec<Vec<f64>>), DeviceError> {
    let impossible = |what: String, remedy: &str| DeviceError::Impossible {
        card: card.file.clone(),
        what,
        remedy: remedy.to_owned(),
    };
    if !(1..=MOST_SAMPLES).contains(&sampling.samples) {
        let what = format!("{} mismatched circuits", sampling.samples);
        return Err(impossible(what, &format!("ask for 1 to {MOST_SAMPLES}")));
    }
    let evaluator = Evaluator::new(card, model, form)?;
    let all: Vec<Deviation> = evaluator.transistors.iter().map(sigma).collect();
    if sampling.mismatch != Mismatch::Off && all.iter().all(|s| s.dvt == 0.0 && s.dbeta == 0.0) {
        return Err(no_mismatch(card, model));
    }
    let sigmas: Vec<Deviation> = all.into_iter().map(|s| sampling.mismatch.of(s)).collect();
    let run = || {
        let blocks = blocks(&evaluator, &sigmas, sampling);
        summarise(&evaluator, &blocks, sampling, &propagate(&evaluator, &sigmas))
    };
    if sampling.threads == 0 {
        return Ok(run());
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(sampling.threads).build();
    Ok(pool.map_err(|e| impossible(format!("{} threads: {e}", sampling.threads), "ask for fewer"))?.install(run))
}

/// Samples of one task: as many values a parameter as the block has samples, parameter after parameter.
type Block = Vec<f64>;

fn blocks(evaluator: &Evaluator, sigmas: &[Deviation], sampling: &Sampling) -> Vec<Block> {
    let count = evaluator.columns.len();
    let of = |block: usize| {
        let (first, last) = (block * BLOCK, sampling.samples.min((block + 1) * BLOCK));
        let mut values = vec![0.0; count * (last - first)];
        let mut rng = ChaCha8Rng::seed_from_u64(sampling.seed);
        let mut fets: Vec<Ekv> = evaluator.transistors.iter().map(|t| t.ekv).collect();
        for n in first..last {
            rng.set_stream(n as u64);
            rng.set_word_pos(0);
            for ((fet, t), s) in fets.iter_mut().zip(&evaluator.transistors).zip(sigmas) {
                *fet = deviated(&t.ekv, &deviation(&mut rng, s));
            }
            let row = evaluator.row(|i| fets[i]);
            for (i, value) in row.into_iter().take(count).enumerate() {
                values[i * (last - first) + n - first] = value;
            }
        }
        values
    };
    (0..sampling.samples.div_ceil(BLOCK)).into_par_iter().map(of).collect()
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
    blocks: &[Block],
    sampling: &Sampling,
    propagated: &[f64; MOST],
) -> (Spread, Vec<Vec<f64>>) {
    let count = evaluator.columns.len();
    let column = |i: usize| -> Vec<f64> {
        blocks.iter().flat_map(|b| &b[i * (b.len() / count)..(i + 1) * (b.len() / count)]).copied().collect()
    };
    let (parameters, columns): (Vec<ParameterSpread>, Vec<Vec<f64>>) = (0..count)
        .into_par_iter()
        .map(|i| {
            let values = column(i);
            (parameter_spread(&evaluator.columns[i], &values, propagated[i]), values)
        })
        .unzip();
    let correlation = |i: usize, j: usize| {
        let (a, b) = (&parameters[i], &parameters[j]);
        // Roundoff of a parameter that does not move is not a spread.
        let moves = |p: &ParameterSpread| p.deviation > 1e-12 * p.nominal.abs();
        if !(moves(a) && moves(b)) {
            return 0.0;
        }
        let products = columns[i].iter().zip(&columns[j]).map(|(x, y)| (x - a.mean) * (y - b.mean));
        let covariance = products.sum::<f64>() / (sampling.samples as f64 - 1.0);
        (covariance / (a.deviation * b.deviation)).clamp(-1.0, 1.0)
    };
    let pairs: Vec<(usize, usize)> = (0..count).flat_map(|i| (0..=i).map(move |j| (i, j))).collect();
    let found: Vec<f64> = pairs.par_iter().map(|&(i, j)| correlation(i, j)).collect();
    let mut correlations = vec![vec![0.0; count]; count];
    for ((i, j), r) in pairs.into_iter().zip(found) {
        correlations[i][j] = r;
        correlations[j][i] = r;
    }
    let &Sampling { samples, seed, mismatch, .. } = sampling;
    (Spread { model: evaluator.model().to_owned(), samples, seed, mismatch, parameters, correlations }, columns)
}

/// Moments and quantiles of one parameter's samples.
fn parameter_spread(column: &crate::evaluate::Column, values: &[f64], propagated: f64) -> ParameterSpread {
    let n = values.len() as f64;
    // Sums about the nominal value: no cancellation where the spread is small.
    let mean = column.nominal + values.iter().map(|v| v - column.nominal).sum::<f64>() / n;
    let (mut second, mut third, mut fourth) = (0.0, 0.0, 0.0);
    for v in values {
        let d = v - mean;
        second += d * d;
        third += d * d * d;
        fourth += d * d * d * d;
    }
    let variance = second / (n - 1.0).max(1.0);
    let deviation = variance.sqrt();
    let still = deviation <= 1e-12 * column.nominal.abs();
    ParameterSpread {
        name: column.name.clone(),
        unit: column.unit.clone(),
        nominal: column.nominal,
        mean,
        mean_error: deviation / n.sqrt(),
        deviation,
        deviation_error: if still {
            0.0
        } else {
            (fourth / n - variance * variance).max(0.0).sqrt() / (2.0 * deviation * n.sqrt())
        },
        skewness: if still { 0.0 } else { third / n / (variance * deviation) },
        propagated,
        quantiles: quantiles(values.to_vec()),
    }
}

/// Nearest-rank quantiles.
fn quantiles(mut values: Vec<f64>) -> [f64; 9] {
    let last = values.len() - 1;
    let mut from = 0;
    QUANTILES.map(|q| {
        let rank = (q * last as f64).round() as usize;
        // Ranks ascend: what lies below the last one needs no further look.
        let value = *values[from..].select_nth_unstable_by(rank - from, f64::total_cmp).1;
        from = rank;
        value
    })
}
