//! A neuron with its state nodes clamped: from node and device currents to its model's parameters.
//!
//! Columns of the sweep: the state nodes' voltages (`u`, `v`; `v`, `w` of fhnrs), the currents that the circuit drives
//! into them (`i_u`, `i_v`), and one column a term of the equation (A), with the sign the term has in the table:
//!
//! | model | terms of du | terms of dv |
//! |---|---|---|
//! | boomerang | `one_u` − `exponential_u` + `coupling_u` | −`one_v` + `exponential_v` + `coupling_v` |
//! | wererabbit | `one_u` − `exponential_u` − `sigma_u` (the first two steered) | −`one_v` + `exponential_v` − `sigma_v` |
//! | fhnrs (dv, dw) | `fast` − `slow` − `passive` | `lag` |
//! | fhnrs-saturating (dv, dw) | as fhnrs, or none: a follower alone | `lag`, an OTA's |
//!
//! Fits run over a window about the circuit's own rest point, found in the same sweep, every point weighing alike: the
//! transient's currents are then right on average where the orbit is. Nothing is fitted to a transient.

use serde::Serialize;

use super::{Clamped, ExtractError, Fit, boomerang, fhnrs, wererabbit};

/// What a fit gave, with where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// ASCII name: `alpha`, `alpha_u`, `v_unit`.
    pub name: String,
    /// Value in `unit`.
    pub value: f64,
    /// Standard error in `unit`; 0 for what was measured directly.
    pub standard_error: f64,
    /// SI unit, or `1`.
    pub unit: String,
    /// The terms whose currents set it.
    pub from: String,
}

/// How well one term was fitted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quality {
    /// What was fitted.
    pub what: String,
    /// Points.
    pub points: usize,
    /// Root mean square of the residuals, over the unit current.
    pub rms: f64,
    /// Largest residual, over the unit current.
    pub max: f64,
}

/// A model's parameters as sweeps of a circuit's devices give them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Extracted {
    /// The model.
    pub model: String,
    /// Its parameters.
    pub parameters: Vec<Estimate>,
    /// Seconds in one unit of the model's time.
    pub time_unit_s: f64,
    /// What a case's normalisation may name, and what the designer wants to see: `i_unit`, `v_unit`, `rest_u`.
    pub quantities: Vec<Estimate>,
    /// Every fit.
    pub fits: Vec<Quality>,
    /// What a designer should know before trusting the numbers.
    pub warnings: Vec<String>,
}

impl Extracted {
    /// A parameter's or quantity's value by its ASCII name.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.parameters.iter().chain(&self.quantities).find(|e| e.name == name).map(|e| e.value)
    }
}

/// What is fitted to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Each term to its own devices' current: every parameter says which device it comes from.
    #[default]
    Devices,
    /// The whole equation to the node's velocity, current through the inverse of the capacitance matrix: what the
    /// term-by-term fits leave out, and the lag of inner nodes, is shared among the parameters. Symmetric WereRabbit: rest
    /// point, decay and period of small swings as both whole equations have them, rho as the devices.
    Field,
}

/// A clamped neuron and how to look at it.
#[derive(Clone, Debug)]
pub struct NeuronSweep<'a> {
    /// The sweep, columns as the module says.
    pub clamped: &'a Clamped,
    /// Voltage (V) about which γ is taken; of fhnrs the voltage from which the states count.
    pub reference: f64,
    /// Half widths (V) of the window about the rest point.
    pub window: [f64; 2],
    /// The rest point nearest to this (V) counts.
    pub near: [f64; 2],
    /// Capacitance matrix (F) of the two state nodes, C dV/dt = I(V): see [`super::capacitance`].
    pub capacitance: [[f64; 2]; 2],
    /// What is fitted to what.
    pub method: Method,
}

/// Models with an extraction; those called branches give each equation parameters of its own.
pub const MODELS: [&str; 6] =
    ["boomerang", "boomerang-branches", "fhnrs", "fhnrs-saturating", "wererabbit", "wererabbit-branches"];

/// Extracts `model`'s parameters.
///
/// # Errors
/// [`ExtractError`]: a column is missing, no rest point in range, a fit fails or leaves a parameter undetermined.
pub fn extract(model: &str, sweep: &NeuronSweep<'_>) -> Result<Extracted, ExtractError> {
    match model {
        "boomerang" => boomerang::symmetric(sweep),
        "boomerang-branches" => boomerang::branches(sweep),
        "wererabbit" => wererabbit::symmetric(sweep),
        "wererabbit-branches" => wererabbit::branches(sweep),
        "fhnrs" => fhnrs::extract(sweep, fhnrs::Lag::Linear),
        "fhnrs-saturating" => fhnrs::extract(sweep, fhnrs::Lag::Follower),
        _ => Err(ExtractError::Sweep {
            what: format!("model `{model}`"),
            problem: "there is no extraction for it".into(),
            remedy: format!("there is one for {}", MODELS.join(", ")),
        }),
    }
}

impl Estimate {
    pub(crate) fn new(name: impl Into<String>, value: f64, error: f64, unit: &str, from: impl Into<String>) -> Self {
        Estimate { name: name.into(), value, standard_error: error, unit: unit.into(), from: from.into() }
    }
}

impl From<&Fit> for Quality {
    fn from(fit: &Fit) -> Self {
        Quality { what: fit.what.clone(), points: fit.residuals.len(), rms: fit.rms(), max: fit.max() }
    }
}

/// The window about the rest point, the rest point itself, and the mean of the two node capacitances.
pub(crate) struct Window {
    pub(crate) clamped: Clamped,
    pub(crate) rest: [f64; 2],
    pub(crate) capacitance: f64,
    /// Mean capacitance times the inverse of the capacitance matrix.
    mobility: [[f64; 2]; 2],
}

impl Window {
    pub(crate) fn new(sweep: &NeuronSweep<'_>, keep: impl Fn(f64, f64) -> bool) -> Result<Self, ExtractError> {
        let axes = ["u", "v"];
        let (capacitance, mobility) = mobility(sweep.capacitance)?;
        let rest = sweep.clamped.rest(axes, ["i_u", "i_v"], sweep.near)?;
        let clamped = sweep.clamped.select(axes, rest, sweep.window, keep)?;
        Ok(Window { clamped, rest, capacitance, mobility })
    }

    /// C dV/dt of node `k` (A), C the mean capacitance: what the equation must equal.
    pub(crate) fn velocity(&self, k: usize) -> Result<Vec<f64>, ExtractError> {
        let (i_u, i_v) = (self.clamped.column("velocity", "i_u")?, self.clamped.column("velocity", "i_v")?);
        let [a, b] = self.mobility[k];
        Ok(i_u.iter().zip(i_v).map(|(u, v)| a * u + b * v).collect())
    }

    pub(crate) fn mean(&self, name: &str) -> Result<f64, ExtractError> {
        let column = self.clamped.column(name, name)?;
        Ok(column.iter().sum::<f64>() / column.len() as f64)
    }

    pub(crate) fn largest(&self, name: &str) -> Result<f64, ExtractError> {
        Ok(self.clamped.column(name, name)?.iter().fold(0.0, |m: f64, x| m.max(x.abs())))
    }

    /// Branches fitted in units of the rough current `unit`, in units of the current that makes the mean gain 1.
    pub(crate) fn branches(
        &self,
        model: &str,
        unit: f64,
        mut parameters: Vec<Estimate>,
        fits: Vec<Quality>,
    ) -> Extracted {
        let of_current = |name: &str| ["gain_", "alpha_", "sigma_"].iter().any(|p| name.starts_with(p));
        let gains: Vec<&Estimate> = parameters.iter().filter(|p| p.name.starts_with("gain_")).collect();
        let mean = gains.iter().map(|p| p.value).sum::<f64>() / gains.len() as f64;
        let from = gains.iter().map(|p| p.from.as_str()).collect::<Vec<_>>().join(", ");
        for parameter in parameters.iter_mut().filter(|p| of_current(&p.name)) {
            parameter.value /= mean;
            parameter.standard_error /= mean;
        }
        let unit = unit * mean;
        Extracted {
            model: model.into(),
            parameters,
            time_unit_s: self.capacitance / unit,
            quantities: self.quantities(unit, &from),
            fits,
            warnings: Vec::new(),
        }
    }

    /// `i_unit`, the rest point and the node capacitance.
    pub(crate) fn quantities(&self, unit_current: f64, from: &str) -> Vec<Estimate> {
        vec![
            Estimate::new("i_unit", unit_current, 0.0, "A", from),
            Estimate::new("c_node", self.capacitance, 0.0, "F", "ramp"),
            Estimate::new("rest_u", self.rest[0], 0.0, "V", "i_u, i_v"),
            Estimate::new("rest_v", self.rest[1], 0.0, "V", "i_u, i_v"),
        ]
    }
}

/// Mean of the diagonal, and that mean times the inverse.
fn mobility(c: [[f64; 2]; 2]) -> Result<(f64, [[f64; 2]; 2]), ExtractError> {
    let mean = 0.5 * (c[0][0] + c[1][1]);
    let determinant = c[0][0] * c[1][1] - c[0][1] * c[1][0];
    let smallest = c[0][0].min(c[1][1]);
    if !(determinant.is_finite() && determinant > 0.0 && smallest > 0.0) {
        return Err(ExtractError::Impossible {
            what: "clamped neuron".into(),
            quantity: "node capacitance".into(),
            value: smallest,
            why: "is no capacitance beside the others".into(),
        });
    }
    let scale = mean / determinant;
    Ok((mean, [[c[1][1] * scale, -c[0][1] * scale], [-c[1][0] * scale, c[0][0] * scale]]))
}

/// α = a e^(−β ref), with its standard error from those of ln a and β and their covariance (unknowns `i`, `i + 1`).
pub(crate) fn alpha(fit: &Fit, i: usize, reference: f64) -> (f64, f64) {
    let value = (fit.values[i] - fit.values[i + 1] * reference).exp();
    let variance = fit.covariance(i, i) + reference * reference * fit.covariance(i + 1, i + 1)
        - 2.0 * reference * fit.covariance(i, i + 1);
    (value, value * variance.max(0.0).sqrt())
}

/// Refuses a parameter below zero, which a wrong sign or a swapped terminal gives.
pub(crate) fn positive(what: &str, quantity: &str, value: f64) -> Result<(), ExtractError> {
    if value > 0.0 {
        return Ok(());
    }
    Err(ExtractError::Impossible { what: what.into(), quantity: quantity.into(), value, why: "must be above 0".into() })
}
