//! Blocks of transistors from their sweeps: differential pair and OTA, mirror.
//!
//! ```text
//! pair, OTA   I = It tanh(rho (d - delta))         d the differential input, It the tail, delta the offset
//! mirror      Iout = M Iin (1 + Vout/VA)           M the ratio, VA the output's Early voltage
//! ```

use serde::Serialize;

use super::least_squares::{Fit, Residuals, Unknown, fit};
use super::neuron::{Estimate, positive};
use super::terms::{Coupling, fit_coupling};
use super::{ExtractError, transistor::HOLDS};

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Two transistors with one source node.
    Pair,
    /// A pair with a mirror for its load.
    Ota,
    /// A diode and transistors with its gate.
    Mirror,
}

/// What a block's sweep gives.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Block {
    /// Its transistors, joined: `m1, m2`.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// `tail` (A), `rho` (1/V), `offset` (V); of a mirror `ratio` and `VA` (V), with standard errors.
    pub quantities: Vec<Estimate>,
    /// Every point: abscissa (V: differential input, output voltage), current (A), residual over the tail or the current.
    pub residuals: Vec<[f64; 3]>,
    /// Abscissae (V) between which the closed form holds to 1 %.
    pub holds: [f64; 2],
    /// What could not be had from this sweep, and why.
    pub warnings: Vec<String>,
}

impl Block {
    /// A quantity's value by its name.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.quantities.iter().find(|q| q.name == name).map(|q| q.value)
    }
}

/// A standard error of more than this part of the value leaves it undetermined.
const DETERMINED: f64 = 0.1;

/// A sweep that reaches less than this part of saturation sees a straight line, the product of tail and rho.
const REACHED: f64 = 0.5;

/// A pair's or OTA's output current (A) over its differential input (V); `inner` is the largest current (A) through any
/// of its transistors.
///
/// # Errors
/// [`ExtractError`]: the input does not move, the current does not move with it, or the sweep cannot tell tail and rho
/// apart.
pub fn extract_pair(name: &str, kind: Kind, input: &[f64], current: &[f64], inner: f64) -> Result<Block, ExtractError> {
    let wrong =
        |problem: String, remedy: &str| Err(ExtractError::Sweep { what: name.into(), problem, remedy: remedy.into() });
    let span = |x: &[f64]| {
        let (low, high) = x.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
        high - low
    };
    let largest = current.iter().fold(0.0f64, |m, i| m.max(i.abs()));
    if span(input) < 1e-6 {
        return wrong("its differential input does not move over the sweep".into(), "sweep one input, hold the other");
    }
    if span(current) <= 1e-3 * inner || largest == 0.0 {
        let moved = format!("its output current moves by {:.2e} A of {inner:.2e} A inside it", span(current));
        return wrong(moved, "hold the output by a voltage source: the current is read there");
    }
    let data: Vec<Coupling> =
        input.iter().zip(current).map(|(d, i)| Coupling { input: *d, current: i / largest }).collect();
    let found = fit_coupling(name, &data, false)?;
    let (tail, rho, delta) = (found.values[0], found.values[1], found.values[2]);
    positive(name, "rho", rho)?;
    positive(name, "tail", tail)?;
    // A sweep within the linear range knows the product of tail and rho alone.
    let reached = input.iter().map(|d| (rho * (d - delta)).abs()).fold(0.0, f64::max).tanh();
    if reached < REACHED {
        let reach = format!("the sweep reaches {:.0} % of saturation, ±{:.0} mV would do", 100.0 * reached, 2e3 / rho);
        return Err(ExtractError::NotIdentifiable {
            what: name.into(),
            unknowns: format!("tail against rho ({reach})"),
        });
    }
    for (i, quantity, size, others) in [(0, "tail", tail, "rho"), (1, "rho", rho, "tail")] {
        if found.standard_errors[i] > DETERMINED * size {
            return Err(ExtractError::NotIdentifiable {
                what: name.into(),
                unknowns: format!(
                    "{quantity} against {others} ({:.0} % standard error; sweep the input over ±{:.0} mV at least)",
                    100.0 * found.standard_errors[i] / size,
                    2e3 / rho
                ),
            });
        }
    }
    let residuals: Vec<[f64; 3]> =
        (0..input.len()).map(|k| [input[k], current[k], found.residuals[k] / tail]).collect();
    let mut warnings = Vec::new();
    if reached < 0.9 {
        warnings.push(format!(
            "the sweep reaches {:.0} % of saturation: tail and rho lean on the tanh's form; sweep further",
            100.0 * reached
        ));
    }
    let error = &found.standard_errors;
    Ok(Block {
        name: name.into(),
        kind,
        quantities: vec![
            Estimate::new("tail", tail * largest, error[0] * largest, "A", name),
            Estimate::new("rho", rho, error[1], "1/V", name),
            Estimate::new("offset", delta, error[2], "V", name),
        ],
        holds: about(&residuals, delta),
        residuals,
        warnings,
    })
}

/// A mirror's output current (A) over its input current (A) and output voltage (V from its rail, positive).
///
/// # Errors
/// [`ExtractError`]: no point is saturated, currents are not positive, or a fit fails.
pub fn extract_mirror(
    name: &str,
    input: &[f64],
    output: &[f64],
    voltage: &[f64],
    ut: f64,
) -> Result<Block, ExtractError> {
    let saturated: Vec<usize> =
        (0..input.len()).filter(|&i| voltage[i] > 5.0 * ut && input[i] > 0.0 && output[i] > 0.0).collect();
    if saturated.len() < 4 {
        return Err(ExtractError::Sweep {
            what: name.into(),
            problem: format!(
                "{} of {} points carry current with the output more than 5 Ut = {:.0} mV from its rail",
                saturated.len(),
                input.len(),
                5e3 * ut
            ),
            remedy: "hold the output by a voltage source and sweep it through saturation".into(),
        });
    }
    let lowest = saturated.iter().map(|&i| voltage[i]).fold(f64::INFINITY, f64::min);
    let several = saturated.iter().any(|&i| voltage[i] > lowest + 1e-3);
    let mut unknowns = vec![Unknown::new("ln ratio", 0.0, 1.0)];
    if several {
        unknowns.push(Unknown::new("1/VA", 0.02, 0.1));
    }
    let residuals = Residuals {
        count: saturated.len(),
        of: |k, p: &[f64], g: &mut [f64]| {
            let i = saturated[k];
            g[0] = 1.0;
            let mut value = p[0] - (output[i] / input[i]).ln();
            if let Some(slope) = p.get(1) {
                value += (slope * voltage[i]).ln_1p();
                g[1] = voltage[i] / (1.0 + slope * voltage[i]);
            }
            value
        },
    };
    let found: Fit = fit(name, &unknowns, &residuals)?;
    let ratio = found.values[0].exp();
    let mut quantities = vec![Estimate::new("ratio", ratio, ratio * found.standard_errors[0], "1", name)];
    let mut warnings = Vec::new();
    match found.values.get(1) {
        Some(slope) if *slope > 0.0 => {
            let va = 1.0 / slope;
            quantities.push(Estimate::new("VA", va, va * va * found.standard_errors[1], "V", name));
        }
        Some(slope) => {
            warnings.push(format!("VA is left out: the output current falls with its voltage ({slope:.2e} /V)"))
        }
        None => {
            warnings.push("VA is not identifiable: one output voltage was swept; the ratio is the one there".into())
        }
    }
    let points: Vec<[f64; 3]> =
        saturated.iter().enumerate().map(|(k, &i)| [voltage[i], output[i], found.residuals[k].exp_m1()]).collect();
    let middle = points[points.len() / 2][0];
    Ok(Block {
        name: name.into(),
        kind: Kind::Mirror,
        quantities,
        holds: about(&points, middle),
        residuals: points,
        warnings,
    })
}

/// Abscissae about `middle` between which no residual is larger than 1 %; both `middle` where the nearest one is.
fn about(residuals: &[[f64; 3]], middle: f64) -> [f64; 2] {
    let bad = residuals.iter().filter(|r| r[2].abs() > HOLDS).map(|r| r[0]);
    let (below, above) = bad
        .fold((f64::NEG_INFINITY, f64::INFINITY), |(b, a), x| if x <= middle { (b.max(x), a) } else { (b, a.min(x)) });
    let good = residuals.iter().map(|r| r[0]).filter(|x| *x > below && *x < above);
    let (low, high) = good.fold((middle, middle), |(l, h), x| (l.min(x), h.max(x)));
    [low, high]
}
