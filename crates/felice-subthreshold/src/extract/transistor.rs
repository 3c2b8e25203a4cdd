//! One transistor's sweeps: I0, κ, V_A from its exponential stretch, Is and Vt0 from where it leaves it.
//!
//! Source and bulk together, voltages counted from them into the direction of conduction (Enz, Krummenacher, Vittoz,
//! Analog Integrated Circuits and Signal Processing 8, 83 (1995), eqs. 20, 31-33; notation of [`crate::Ekv`]):
//!
//! ```text
//! I = I0 (W/L) e^(κ Vg/Ut) (1 − e^(−Vd/Ut)) (1 + Vd/VA)                                    far below threshold
//! I = Is (W/L) [F(κ(Vg − Vt0)) − F(κ(Vg − Vt0) − Vd)] (1 + Vd/VA),  F(x) = ln²(1 + e^(x/(2 Ut)))
//! I0 = Is e^(−κ Vt0/Ut)
//! ```

use std::collections::BTreeMap;

use serde::Serialize;

use super::least_squares::{Fit, Residuals, Unknown, fit};
use super::{ExtractError, neuron::Estimate};
use crate::card::{Card, FetCard, Polarity, Quantity};

/// A stretch is exponential while its slope stays this close to the steepest one.
const SLOPE: f64 = 0.97;
/// An exponential stretch spans at least this many e-folds; strong inversion keeps its slope for a tenth of one.
const E_FOLDS: f64 = 1.5;
/// What "the exponential holds" means.
pub(super) const HOLDS: f64 = 0.01;
/// The inversion fit ends where the current has fallen to this share of the exponential: beyond it mobility counts.
const MODERATE: f64 = 0.3;

/// A transistor's sweep: every point's voltages from the source, in the direction of conduction, and current.
#[derive(Clone, Copy, Debug)]
pub struct TransistorSweep<'a> {
    /// Name of the device, for errors.
    pub device: &'a str,
    /// Gate to source (V), positive opens.
    pub gate: &'a [f64],
    /// Drain to source (V), positive.
    pub drain: &'a [f64],
    /// Drain current (A), positive.
    pub current: &'a [f64],
    /// Width over length.
    pub aspect: f64,
    /// Thermal voltage kT/q (V).
    pub ut: f64,
}

/// What a transistor's sweep gives.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Transistor {
    /// `I0` (A), `kappa`, `VA` (V; where two drain voltages were swept), `Is` (A) and `Vt0` (V; where the sweep leaves
    /// the exponential), with standard errors.
    pub quantities: Vec<Estimate>,
    /// Gate voltages (V) between which the exponential holds to 1 %.
    pub exponential: [f64; 2],
    /// Currents (A) there, at the largest drain voltage.
    pub exponential_current: [f64; 2],
    /// Every point's voltages (V), current (A) and relative residual of the exponential.
    pub residuals: Vec<[f64; 4]>,
    /// What could not be had from this sweep, and why.
    pub warnings: Vec<String>,
}

impl Transistor {
    /// A quantity's value by its name on the card.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.quantities.iter().find(|q| q.name == name).map(|q| q.value)
    }

    /// A device card with this transistor as its only kind.
    pub fn to_card(&self, name: &str, polarity: Polarity, temperature: f64, source: &str) -> Card {
        let units = |unit: &str| match unit {
            "A" => "A",
            "V" => "V",
            _ => "1",
        };
        let said = |e: &Estimate| format!("{source}; standard error {:.2e} {}", e.standard_error, e.unit);
        let stated = |e: &Estimate| {
            let quantity = Quantity::new(e.value, units(&e.unit), said(e));
            (e.name.clone(), if e.standard_error > 0.0 { quantity.with_error(e.standard_error) } else { quantity })
        };
        let quantities = self.quantities.iter().map(stated).collect();
        let kind = if polarity == Polarity::N { "nfet" } else { "pfet" };
        let mut note = format!(
            "extracted; the exponential holds to 1 % from {:.3} to {:.3} V ({:.2e} to {:.2e} A)",
            self.exponential[0], self.exponential[1], self.exponential_current[0], self.exponential_current[1]
        );
        for warning in &self.warnings {
            note.push_str("; ");
            note.push_str(warning);
        }
        Card {
            file: format!("{name}.toml"),
            name: name.into(),
            note,
            conditions: BTreeMap::from([("T".to_owned(), Quantity::new(temperature, "K", source))]),
            fets: BTreeMap::from([(kind.to_owned(), FetCard { polarity, quantities })]),
            ..Card::default()
        }
    }
}

/// Extracts a transistor's quantities.
///
/// # Errors
/// [`ExtractError::NotSubthreshold`] where no stretch is exponential, and the other fits' errors.
pub fn extract(sweep: &TransistorSweep<'_>) -> Result<Transistor, ExtractError> {
    check(sweep)?;
    let mut chosen = steepest_stretches(sweep)?;
    let mut exponential = Exponential::fit(sweep, &chosen)?;
    // Fit and range depend on each other; a few rounds settle them.
    for _ in 0..8 {
        let holding = exponential.holding(sweep, &chosen);
        if holding == chosen || holding.len() < 6 {
            break;
        }
        chosen = holding;
        exponential = Exponential::fit(sweep, &chosen)?;
    }
    let largest = sweep.drain.iter().fold(0.0f64, |m, d| m.max(*d));
    let ends = |of: &dyn Fn(usize) -> f64| {
        let top = chosen.iter().filter(|&&i| sweep.drain[i] > largest - 1e-9);
        top.fold([f64::INFINITY, f64::NEG_INFINITY], |[lo, hi], &i| [lo.min(of(i)), hi.max(of(i))])
    };
    let mut transistor = Transistor {
        quantities: exponential.quantities(sweep, &chosen),
        exponential: ends(&|i| sweep.gate[i]),
        exponential_current: ends(&|i| sweep.current[i]),
        residuals: (0..sweep.gate.len())
            .map(|i| [sweep.gate[i], sweep.drain[i], sweep.current[i], exponential.residual(sweep, i)])
            .collect(),
        warnings: exponential.warnings(),
    };
    inversion(sweep, &exponential, &chosen, &mut transistor)?;
    Ok(transistor)
}

fn check(sweep: &TransistorSweep<'_>) -> Result<(), ExtractError> {
    let wrong = |problem: String, remedy: &str| {
        Err(ExtractError::Sweep { what: sweep.device.into(), problem, remedy: remedy.into() })
    };
    let n = sweep.gate.len();
    if sweep.drain.len() != n || sweep.current.len() != n {
        return wrong("gate, drain and current differ in length".into(), "give one of each a point");
    }
    let finite = |x: &f64| x.is_finite();
    if !(sweep.gate.iter().all(finite) && sweep.drain.iter().all(finite) && sweep.current.iter().all(finite)) {
        return wrong("a voltage or current is not a number".into(), "look at the engine's log");
    }
    for (name, value) in [("W/L", sweep.aspect), ("Ut", sweep.ut)] {
        if !(value.is_finite() && value > 0.0) {
            return wrong(format!("{name} = {value}"), "give the device a width and length, the circuit a temperature");
        }
    }
    if n < 6 {
        return Err(ExtractError::TooFewPoints { what: sweep.device.into(), points: n, unknowns: 5 });
    }
    let conducting = (0..n).filter(|&i| sweep.current[i] > 0.0 && sweep.drain[i] > 0.0).count();
    if conducting < 6 {
        return wrong(
            format!("current flows into the drain at {conducting} of {n} points"),
            "check the signs, and that the drain is at least 100 mV from the source",
        );
    }
    Ok(())
}

/// Points of each drain voltage's curve in order of the gate.
fn curves(sweep: &TransistorSweep<'_>) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> =
        (0..sweep.gate.len()).filter(|&i| sweep.current[i] > 0.0 && sweep.drain[i] > sweep.ut).collect();
    order.sort_by(|&a, &b| sweep.drain[a].total_cmp(&sweep.drain[b]).then(sweep.gate[a].total_cmp(&sweep.gate[b])));
    order.chunk_by(|&a, &b| (sweep.drain[a] - sweep.drain[b]).abs() < 1e-9).map(<[usize]>::to_vec).collect()
}

/// The stretch of each curve about its steepest place that keeps its slope; curves without one are left out.
fn steepest_stretches(sweep: &TransistorSweep<'_>) -> Result<Vec<usize>, ExtractError> {
    let mut chosen = Vec::new();
    let mut longest = (0.0f64, 0.0, 0.0);
    for curve in curves(sweep) {
        let log = |i: usize| sweep.current[curve[i]].ln();
        let slopes: Vec<f64> = (1..curve.len())
            .map(|i| (log(i) - log(i - 1)) / (sweep.gate[curve[i]] - sweep.gate[curve[i - 1]]))
            .map(|s| if s.is_finite() { s } else { 0.0 })
            .collect();
        let Some(top) = (0..slopes.len()).max_by(|&a, &b| slopes[a].total_cmp(&slopes[b])) else { continue };
        let keeps = |k: &usize| slopes[*k] >= SLOPE * slopes[top];
        let first = (0..=top).rev().take_while(keeps).last().unwrap_or(top);
        let last = (top..slopes.len()).take_while(keeps).last().unwrap_or(top) + 1;
        let span = log(last) - log(first);
        if span > longest.0 {
            longest = (span, sweep.gate[curve[first]], slopes[top] * sweep.ut);
        }
        if span >= E_FOLDS && slopes[top] * sweep.ut < 1.0 + HOLDS {
            chosen.extend_from_slice(&curve[first..=last]);
        }
    }
    if chosen.len() < 6 {
        let (span, gate, slope) = longest;
        let problem = format!(
            "the steepest stretch begins at Vg = {gate:.3} V, has kappa = {slope:.3} and keeps its slope for {span:.2} \
             e-folds where {E_FOLDS} are needed, {} points in all",
            chosen.len()
        );
        return Err(ExtractError::NotSubthreshold { what: sweep.device.into(), problem });
    }
    chosen.sort_unstable();
    Ok(chosen)
}

/// ln I = ln(I0 W/L) + κ Vg/Ut + ln(1 − e^(−Vd/Ut)) + ln(1 + Vd/VA).
struct Exponential {
    fit: Fit,
}

impl Exponential {
    fn fit(sweep: &TransistorSweep<'_>, chosen: &[usize]) -> Result<Self, ExtractError> {
        let lowest = chosen.iter().map(|&i| sweep.drain[i]).fold(f64::INFINITY, f64::min);
        let several = chosen.iter().any(|&i| sweep.drain[i] > lowest + 1e-9);
        let first = chosen[0];
        let start = sweep.current[first].ln() - 0.7 * sweep.gate[first] / sweep.ut;
        let mut unknowns = vec![Unknown::new("ln(I0 W/L)", start, 1.0), Unknown::new("kappa", 0.7, 1.0)];
        if several {
            unknowns.push(Unknown::new("1/VA", 0.05, 0.1));
        }
        let residuals = Residuals {
            count: chosen.len(),
            of: |k, p: &[f64], g: &mut [f64]| {
                let i = chosen[k];
                let mut value = ln_exponential(p[0], p[1], sweep, i);
                (g[0], g[1]) = (1.0, sweep.gate[i] / sweep.ut);
                if let Some(slope) = p.get(2) {
                    value += (slope * sweep.drain[i]).ln_1p();
                    g[2] = sweep.drain[i] / (1.0 + slope * sweep.drain[i]);
                }
                value - sweep.current[i].ln()
            },
        };
        Ok(Exponential { fit: fit(sweep.device, &unknowns, &residuals)? })
    }

    fn slope(&self) -> f64 {
        self.fit.values.get(2).copied().unwrap_or(0.0)
    }

    /// I/I(exponential) − 1; −1 where no current flows.
    fn residual(&self, sweep: &TransistorSweep<'_>, i: usize) -> f64 {
        let ln = ln_exponential(self.fit.values[0], self.fit.values[1], sweep, i);
        (sweep.current[i].max(0.0) / (1.0 + self.slope() * sweep.drain[i])) * (-ln).exp() - 1.0
    }

    /// The points of every curve, without a gap about the fitted ones, where the exponential holds.
    fn holding(&self, sweep: &TransistorSweep<'_>, chosen: &[usize]) -> Vec<usize> {
        let holds = |i: &&usize| self.residual(sweep, **i).abs() <= HOLDS;
        let mut points = Vec::new();
        for curve in curves(sweep) {
            let inside: Vec<usize> = (0..curve.len()).filter(|&k| chosen.contains(&curve[k])).collect();
            let Some(&middle) = inside.get(inside.len() / 2) else { continue };
            points.extend(curve[..=middle].iter().rev().take_while(holds));
            points.extend(curve[middle + 1..].iter().take_while(holds));
        }
        points.sort_unstable();
        points
    }

    /// What the exponential alone gives. Its stretch may be bent by [`HOLDS`] either way, all alike at every point of it:
    /// errors that no residual shows are counted in.
    fn quantities(&self, sweep: &TransistorSweep<'_>, chosen: &[usize]) -> Vec<Estimate> {
        let (value, error) = (&self.fit.values, &self.fit.standard_errors);
        let i0 = value[0].exp() / sweep.aspect;
        let gates = chosen.iter().map(|&i| sweep.gate[i]);
        let (low, high) = gates.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), g| (l.min(g), h.max(g)));
        let of_kappa = 2.0 * HOLDS * sweep.ut / (high - low);
        // I0 is what the straight line has at no gate voltage, perhaps far from the stretch.
        let of_i0 = HOLDS + of_kappa / sweep.ut * low.max(-high).max(0.0);
        let mut quantities = vec![
            Estimate::new("I0", i0, i0 * error[0].hypot(of_i0), "A", sweep.device),
            Estimate::new("kappa", value[1], error[1].hypot(of_kappa), "1", sweep.device),
        ];
        if self.slope() > 0.0 {
            let va = 1.0 / self.slope();
            quantities.push(Estimate::new("VA", va, va * va * error[2], "V", sweep.device));
        }
        quantities
    }

    fn warnings(&self) -> Vec<String> {
        match self.fit.values.get(2) {
            None => vec!["VA is not identifiable: one drain voltage was swept; I0 is the one at that voltage".into()],
            Some(slope) if *slope <= 0.0 => vec![format!("VA is left out: the current falls with Vd ({slope:.2e} /V)")],
            Some(_) => Vec::new(),
        }
    }
}

fn ln_exponential(ln_i0: f64, kappa: f64, sweep: &TransistorSweep<'_>, i: usize) -> f64 {
    ln_i0 + kappa * sweep.gate[i] / sweep.ut + (-(-sweep.drain[i] / sweep.ut).exp()).ln_1p()
}

/// Where the sweep leaves the exponential upwards far enough, fits all four quantities together: the exponential alone
/// takes the beginning of its own bend for slope.
fn inversion(
    sweep: &TransistorSweep<'_>,
    exponential: &Exponential,
    chosen: &[usize],
    transistor: &mut Transistor,
) -> Result<(), ExtractError> {
    let top = chosen.iter().map(|&i| sweep.gate[i]).fold(f64::NEG_INFINITY, f64::max);
    let bent: Vec<usize> = (0..sweep.gate.len())
        .filter(|&i| sweep.drain[i] > 4.0 * sweep.ut && sweep.gate[i] > top)
        .filter(|&i| exponential.residual(sweep, i) >= MODERATE - 1.0)
        .collect();
    let far = bent.iter().map(|&i| exponential.residual(sweep, i)).fold(0.0, f64::min);
    if bent.len() < 3 || far > -0.2 {
        let words = "Is and Vt0 are not identifiable: the gate sweep ends before the current leaves the exponential";
        transistor.warnings.push(words.into());
        return Ok(());
    }
    let points: Vec<usize> = chosen.iter().chain(&bent).copied().collect();
    let solved = fit_inversion(sweep, exponential, &points, bent[0])?;
    let (value, error) = (&solved.values, &solved.standard_errors);
    let (i0, is) = (value[0].exp() / sweep.aspect, value[2].exp() / sweep.aspect);
    let vt0 = sweep.ut / value[1] * (value[2] - value[0]);
    // Vt0 = (Ut/kappa) ln(Is/I0): all three are uncertain, and correlated.
    let by = [-sweep.ut / value[1], -vt0 / value[1], sweep.ut / value[1]];
    let term = |i: usize, j: usize| by[i] * by[j] * solved.covariance(i, j);
    let variance: f64 = (0..3).flat_map(|i| (0..3).map(move |j| (i, j))).map(|(i, j)| term(i, j)).sum();
    let estimate =
        |name: &str, value: f64, error: f64, unit: &str| Estimate::new(name, value, error, unit, sweep.device);
    let mut quantities = vec![
        estimate("I0", i0, i0 * error[0], "A"),
        estimate("kappa", value[1], error[1], "1"),
        estimate("Is", is, is * error[2], "A"),
        estimate("Vt0", vt0, variance.max(0.0).sqrt(), "V"),
    ];
    if let Some(slope) = value.get(3).filter(|s| **s > 0.0) {
        quantities.push(estimate("VA", 1.0 / slope, error[3] / (slope * slope), "V"));
    }
    transistor.quantities = quantities;
    Ok(())
}

/// Unknowns ln(I0 W/L), κ, ln(Is W/L) and, where the exponential has it, 1/VA.
fn fit_inversion(
    sweep: &TransistorSweep<'_>,
    exponential: &Exponential,
    points: &[usize],
    first_bent: usize,
) -> Result<Fit, ExtractError> {
    // Departure from the exponential is about sqrt(I/Is): that is the start of Is.
    let departure = exponential.residual(sweep, first_bent).abs().max(HOLDS);
    let from = &exponential.fit.values;
    let mut unknowns = vec![
        Unknown::new("ln(I0 W/L)", from[0], 1.0),
        Unknown::new("kappa", from[1], 1.0),
        Unknown::new("ln(Is W/L)", sweep.current[first_bent].ln() - 2.0 * departure.ln(), 1.0),
    ];
    unknowns.extend(from.get(2).map(|slope| Unknown::new("1/VA", *slope, 0.1)));
    let ut = sweep.ut;
    let residuals = Residuals {
        count: points.len(),
        of: |k, p: &[f64], g: &mut [f64]| {
            let (gate, drain) = (sweep.gate[points[k]], sweep.drain[points[k]]);
            let x = 0.5 * (p[0] + p[1] * gate / ut - p[2]);
            let (forward, by_forward) = square_of_ln(x);
            let (reverse, by_reverse) = square_of_ln(x - 0.5 * drain / ut);
            let difference = forward - reverse;
            let by_x = (by_forward - by_reverse) / difference;
            (g[0], g[1], g[2]) = (0.5 * by_x, 0.5 * by_x * gate / ut, 1.0 - 0.5 * by_x);
            let mut value = p[2] + difference.ln();
            if let Some(slope) = p.get(3) {
                value += (slope * drain).ln_1p();
                g[3] = drain / (1.0 + slope * drain);
            }
            value - sweep.current[points[k]].ln()
        },
    };
    fit(&format!("{}: inversion", sweep.device), &unknowns, &residuals)
}

/// ln²(1 + e^x) and its derivative by x.
fn square_of_ln(x: f64) -> (f64, f64) {
    let ln = if x > 30.0 { x } else { x.exp().ln_1p() };
    (ln * ln, 2.0 * ln / (1.0 + (-x).exp()))
}
