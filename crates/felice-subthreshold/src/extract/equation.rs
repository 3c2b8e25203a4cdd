//! One of the two equations of a two-branch neuron, fitted whole to its node's current.
//!
//! Boomerang: i = ±(b − A) + s tanh(ρ(v − u − δ)); WereRabbit: i = ±z(b − A) − s, z = tanh(ρ(u − v − δ));
//! A = a e^(β x)(1 + γ y), x the gate and y the output voltage from the reference. The sign is + for du, − for dv.

use super::ExtractError;
use super::least_squares::{Fit, Residuals, Unknown, fit};
use super::terms::{exponential, tanh};

/// Unknowns of an equation, in this order.
pub(crate) const NAMES: [&str; 7] = ["gain", "ln_a", "beta", "gamma", "rho", "sigma", "delta"];

/// A point of the clamped field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// Gate voltage from the reference (V).
    pub(crate) gate: f64,
    /// Output voltage from the reference, in the direction that opens the channel (V).
    pub(crate) out: f64,
    /// Input of the tanh (V).
    pub(crate) input: f64,
    /// Node current over the unit current.
    pub(crate) current: f64,
}

/// How the terms combine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// ±(b − A) + s z
    Added,
    /// ±z(b − A) − s
    Steered,
}

/// Fits the seven unknowns of one equation; `gate_at_rest` (V from the reference) is where A is about b.
pub(crate) fn fit_equation(
    what: &str,
    form: Form,
    sign: f64,
    points: &[Point],
    gate_at_rest: f64,
) -> Result<Fit, ExtractError> {
    let start = [1.0, -27.0 * gate_at_rest, 27.0, 0.1, 14.0, 0.5, 0.0];
    let scale = [1.0, 1.0, 10.0, 0.1, 10.0, 1.0, 1e-3];
    let unknowns: Vec<Unknown> = (0..7).map(|j| Unknown::new(NAMES[j], start[j], scale[j])).collect();
    let residuals = Residuals {
        count: points.len(),
        of: |i, p: &[f64], g: &mut [f64]| {
            let point = points[i];
            let (a, by) = exponential([p[1], p[2], p[3]], point.gate, point.out);
            let (z, by_z) = tanh([1.0, p[4], p[6]], point.input);
            let branch = sign * (p[0] - a);
            let (weight, amplitude, by_sigma, value) = match form {
                Form::Added => (sign, p[5], z, branch + p[5] * z),
                Form::Steered => (sign * z, branch, -1.0, branch * z - p[5]),
            };
            g[0] = weight;
            for k in 0..3 {
                g[1 + k] = -weight * by[k];
            }
            (g[4], g[5], g[6]) = (amplitude * by_z[1], by_sigma, amplitude * by_z[2]);
            value - point.current
        },
    };
    fit(what, &unknowns, &residuals)
}
