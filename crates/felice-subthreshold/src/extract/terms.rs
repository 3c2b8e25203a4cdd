//! The curves that are fitted: the terms of the models' equations as the devices' currents show them.

use super::ExtractError;
use super::least_squares::{Fit, Residuals, Unknown, fit};

/// Where an exponential branch's current was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Branch {
    /// Gate voltage from the reference (V).
    pub(crate) gate: f64,
    /// How far the output voltage opens the channel, from the reference (V): u − ref for an nFET, ref − v for a pFET.
    pub(crate) out: f64,
    /// Current over the unit current.
    pub(crate) current: f64,
}

/// Where a coupling's current was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Coupling {
    /// Differential input (V).
    pub(crate) input: f64,
    /// Current over the unit current.
    pub(crate) current: f64,
}

/// a e^(β x)(1 + γ y), its value and derivatives by (ln a, β, γ).
pub(crate) fn exponential(p: [f64; 3], x: f64, y: f64) -> (f64, [f64; 3]) {
    let e = (p[0] + p[1] * x).exp();
    let whole = e * (1.0 + p[2] * y);
    (whole, [whole, whole * x, e * y])
}

/// s tanh(ρ (d − d0)), its value and derivatives by (s, ρ, d0).
pub(crate) fn tanh(p: [f64; 3], d: f64) -> (f64, [f64; 3]) {
    let z = (p[1] * (d - p[2])).tanh();
    let slope = p[0] * (1.0 - z * z);
    (p[0] * z, [z, slope * (d - p[2]), -slope * p[1]])
}

/// Fits a e^(β x)(1 + γ y): unknowns `ln_a`, `beta`, `gamma`.
pub(crate) fn fit_exponential(what: &str, data: &[Branch]) -> Result<Fit, ExtractError> {
    let unknowns = start_exponential(what, data)?;
    let residuals = Residuals {
        count: data.len(),
        of: |i, p: &[f64], g: &mut [f64]| {
            let (value, gradient) = exponential([p[0], p[1], p[2]], data[i].gate, data[i].out);
            g.copy_from_slice(&gradient);
            value - data[i].current
        },
    };
    fit(what, &unknowns, &residuals)
}

/// Fits s tanh(ρ(d − δ)): unknowns `sigma`, `rho`, `delta`; δ stays 0 where `centred`.
pub(crate) fn fit_coupling(what: &str, data: &[Coupling], centred: bool) -> Result<Fit, ExtractError> {
    let residuals = Residuals {
        count: data.len(),
        of: |i, p: &[f64], g: &mut [f64]| {
            let (value, by) = tanh([p[0], p[1], p.get(2).copied().unwrap_or(0.0)], data[i].input);
            g.copy_from_slice(&by[..p.len()]);
            value - data[i].current
        },
    };
    let unknowns = start_coupling(what, data)?;
    fit(what, if centred { &unknowns[..2] } else { &unknowns }, &residuals)
}

/// Fits b tanh(ρ(d − δ)) and a e^(β x)(1 + γ y) tanh(ρ(d − δ)) together, one ρ: unknowns `gain`, `ln_a`, `beta`,
/// `gamma`, `rho`, `delta`; δ stays 0 where `centred`.
pub(crate) fn fit_steered(
    what: &str,
    plain: &[Coupling],
    branch: &[(Branch, f64)],
    centred: bool,
) -> Result<Fit, ExtractError> {
    let [mut amplitude, rho, delta] = start_coupling(what, plain)?;
    let z = |d: f64| (rho.start * d).tanh();
    let unsteered: Vec<Branch> = branch
        .iter()
        .filter(|(_, d)| z(*d).abs() > 0.3)
        .map(|(b, d)| Branch { current: b.current / z(*d), ..*b })
        .collect();
    let [ln_a, beta, gamma] = start_exponential(what, &unsteered)?;
    amplitude.name = "gain".into();
    let shift = |p: &[f64]| p.get(5).copied().unwrap_or(0.0);
    let residuals = Residuals {
        count: plain.len() + branch.len(),
        of: |i, p: &[f64], g: &mut [f64]| match plain.get(i) {
            Some(c) => {
                let (value, by) = tanh([p[0], p[4], shift(p)], c.input);
                (g[0], g[4]) = (by[0], by[1]);
                g.iter_mut().skip(5).for_each(|g| *g = by[2]);
                value - c.current
            }
            None => {
                let (b, d) = &branch[i - plain.len()];
                let (e, by) = exponential([p[1], p[2], p[3]], b.gate, b.out);
                let (z, by_z) = tanh([1.0, p[4], shift(p)], *d);
                (g[1], g[2], g[3], g[4]) = (by[0] * z, by[1] * z, by[2] * z, e * by_z[1]);
                g.iter_mut().skip(5).for_each(|g| *g = e * by_z[2]);
                e * z - b.current
            }
        },
    };
    let unknowns = [amplitude, ln_a, beta, gamma, rho, delta];
    fit(what, if centred { &unknowns[..5] } else { &unknowns }, &residuals)
}

/// ln(current) is nearly linear in the gate voltage: that line is the start.
fn start_exponential(what: &str, data: &[Branch]) -> Result<[Unknown; 3], ExtractError> {
    let positive: Vec<(f64, f64)> = data.iter().filter(|b| b.current > 0.0).map(|b| (b.gate, b.current.ln())).collect();
    if positive.len() < 3 {
        return Err(ExtractError::Sweep {
            what: what.into(),
            problem: format!("the current is positive at {} of {} points", positive.len(), data.len()),
            remedy: "turn its sign round, or name another current".into(),
        });
    }
    let n = positive.len() as f64;
    let (mx, my) = (positive.iter().map(|p| p.0).sum::<f64>() / n, positive.iter().map(|p| p.1).sum::<f64>() / n);
    let sxx: f64 = positive.iter().map(|p| (p.0 - mx).powi(2)).sum();
    let sxy: f64 = positive.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum();
    let slope = if sxx > 0.0 { sxy / sxx } else { 20.0 };
    Ok([Unknown::new("ln_a", my - slope * mx, 1.0), Unknown::new("beta", slope, 10.0), Unknown::new("gamma", 0.1, 0.1)])
}

/// The largest current is about the tail, its slope about zero input the start of ρ.
fn start_coupling(what: &str, data: &[Coupling]) -> Result<[Unknown; 3], ExtractError> {
    let tail = data.iter().fold(0.0f64, |m, c| m.max(c.current.abs()));
    let sum = |f: &dyn Fn(&Coupling) -> f64| data.iter().map(f).sum::<f64>();
    let slope = sum(&|c| c.current * c.input) / sum(&|c| c.input * c.input);
    if !(tail > 0.0 && slope.is_finite()) || slope <= 0.0 {
        return Err(ExtractError::Sweep {
            what: what.into(),
            problem: format!("the current does not rise with the differential input (slope {slope:.3e})"),
            remedy: "turn its sign round, or swap the inputs".into(),
        });
    }
    Ok([
        Unknown::new("sigma", 1.2 * tail, tail),
        Unknown::new("rho", slope / (1.1 * tail), 10.0),
        Unknown::new("delta", 0.0, 1e-3),
    ])
}
