//! Boomerang: du/dτ = 1 − α e^(βv)(1 − γ(ref − u)) + σ z, dv/dτ = −1 + α e^(βu)(1 + γ(ref − v)) + σ z,
//! z = tanh(ρ(v − u)).

use super::equation::{Form, Point, fit_equation};
use super::neuron::{Estimate, Extracted, Method, NeuronSweep, Window, alpha, positive};
use super::terms::{Branch, Coupling, fit_coupling, fit_exponential};
use super::{ExtractError, Fit};

/// One equation of the two.
#[derive(Clone, Copy)]
struct Side {
    /// `u` or `v`.
    name: &'static str,
    /// Sign of the constant term.
    sign: f64,
}

const SIDES: [Side; 2] = [Side { name: "u", sign: 1.0 }, Side { name: "v", sign: -1.0 }];

/// One α, β, γ, ρ, σ for both equations, each fitted to both sides' devices.
pub(super) fn symmetric(sweep: &NeuronSweep<'_>) -> Result<Extracted, ExtractError> {
    let window = Window::new(sweep, |_, _| true)?;
    let unit = unit_current(&window)?;
    let (mut branch, mut coupling) = (Vec::new(), Vec::new());
    for side in SIDES {
        let (b, c) = side_data(&window, sweep.reference, side, unit)?;
        branch.extend(b);
        coupling.extend(c);
    }
    let branch = fit_exponential("exponential branches", &branch)?;
    let coupling = fit_coupling("couplings", &coupling, true)?;
    Ok(Extracted {
        model: "boomerang".into(),
        parameters: five(&branch, &coupling, sweep.reference, "")?,
        time_unit_s: window.capacitance / unit,
        quantities: window.quantities(unit, "one_u, one_v"),
        fits: vec![(&branch).into(), (&coupling).into()],
        warnings: Vec::new(),
    })
}

/// Each equation with its own gain, α, β, γ, ρ, σ, δ.
pub(super) fn branches(sweep: &NeuronSweep<'_>) -> Result<Extracted, ExtractError> {
    let window = Window::new(sweep, |_, _| true)?;
    let unit = match sweep.method {
        Method::Devices => unit_current(&window)?,
        Method::Field => window.largest("i_u")?.max(window.largest("i_v")?),
    };
    let (mut parameters, mut fits) = (Vec::new(), Vec::new());
    for (k, side) in SIDES.into_iter().enumerate() {
        match sweep.method {
            Method::Devices => {
                // What divides du/dτ is the mean capacitance; a node with less moves faster.
                let unit = unit * sweep.capacitance[k][k] / window.capacitance;
                let (branch, coupling) = side_data(&window, sweep.reference, side, unit)?;
                let branch = fit_exponential(&format!("exponential branch {}", side.name), &branch)?;
                let coupling = fit_coupling(&format!("coupling {}", side.name), &coupling, false)?;
                let (name, term) = (format!("gain_{}", side.name), format!("one_{}", side.name));
                parameters.push(Estimate::new(name, window.mean(&term)? / unit, 0.0, "1", &term));
                parameters.extend(five(&branch, &coupling, sweep.reference, side.name)?);
                fits.extend([(&branch).into(), (&coupling).into()]);
            }
            Method::Field => {
                let fit = field(&window, sweep, side, unit, k)?;
                parameters.extend(super::seven(&fit, sweep.reference, side.name)?);
                fits.push((&fit).into());
            }
        }
    }
    Ok(window.branches("boomerang-branches", unit, parameters, fits))
}

/// The bias current (A): mean of both sides' over the window.
fn unit_current(window: &Window) -> Result<f64, ExtractError> {
    let unit = 0.5 * (window.mean("one_u")? + window.mean("one_v")?);
    positive("bias", "one", unit)?;
    Ok(unit)
}

/// A side's exponential and coupling currents. The bias device's output conductance acts as γ does and is counted there.
fn side_data(
    window: &Window,
    reference: f64,
    side: Side,
    unit: f64,
) -> Result<(Vec<Branch>, Vec<Coupling>), ExtractError> {
    let column = |term: &str| window.clamped.column("boomerang", &format!("{term}_{}", side.name));
    let (one, exponential, coupling) = (column("one")?, column("exponential")?, column("coupling")?);
    let (u, v) = (window.clamped.column("boomerang", "u")?, window.clamped.column("boomerang", "v")?);
    let mean = window.mean(&format!("one_{}", side.name))?;
    let branch = (0..u.len()).map(|i| {
        let (gate, out) = controls(side, u[i], v[i], reference);
        Branch { gate, out, current: (exponential[i] - (one[i] - mean)) / unit }
    });
    let coupling = (0..u.len()).map(|i| Coupling { input: v[i] - u[i], current: coupling[i] / unit });
    Ok((branch.collect(), coupling.collect()))
}

fn controls(side: Side, u: f64, v: f64, reference: f64) -> (f64, f64) {
    if side.sign > 0.0 { (v - reference, u - reference) } else { (u - reference, reference - v) }
}

fn field(window: &Window, sweep: &NeuronSweep<'_>, side: Side, unit: f64, k: usize) -> Result<Fit, ExtractError> {
    let what = format!("d{}/dt", side.name);
    let (u, v) = (window.clamped.column(&what, "u")?, window.clamped.column(&what, "v")?);
    let current = window.velocity(k)?;
    let points: Vec<Point> = (0..u.len())
        .map(|i| {
            let (gate, out) = controls(side, u[i], v[i], sweep.reference);
            Point { gate, out, input: v[i] - u[i], current: current[i] / unit }
        })
        .collect();
    fit_equation(&what, Form::Added, side.sign, &points, window.rest[1 - k] - sweep.reference)
}

fn five(branch: &Fit, coupling: &Fit, reference: f64, side: &str) -> Result<Vec<Estimate>, ExtractError> {
    let name = |p: &str| if side.is_empty() { p.to_owned() } else { format!("{p}_{side}") };
    let from = |t: &str| if side.is_empty() { format!("{t}_u, {t}_v") } else { format!("{t}_{side}") };
    let (alpha, alpha_error) = alpha(branch, 0, reference);
    let (b, c) = (from("exponential"), from("coupling"));
    for (quantity, value) in [("beta", branch.values[1]), ("rho", coupling.values[1]), ("sigma", coupling.values[0])] {
        positive("boomerang", quantity, value)?;
    }
    let mut estimates = vec![
        Estimate::new(name("alpha"), alpha, alpha_error, "1", &b),
        Estimate::new(name("beta"), branch.values[1], branch.standard_errors[1], "1/V", &b),
        Estimate::new(name("gamma"), branch.values[2], branch.standard_errors[2], "1/V", &b),
        Estimate::new(name("rho"), coupling.values[1], coupling.standard_errors[1], "1/V", &c),
        Estimate::new(name("sigma"), coupling.values[0], coupling.standard_errors[0], "1", &c),
    ];
    if let (Some(delta), Some(error)) = (coupling.values.get(2), coupling.standard_errors.get(2)) {
        estimates.push(Estimate::new(name("delta"), *delta, *error, "V", &c));
    }
    Ok(estimates)
}
