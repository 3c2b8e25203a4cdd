//! WereRabbit: z = tanh(ρ(u − v)), du/dτ = z(1 − α e^(βv)(1 + γ(ref − u))) − σ,
//! dv/dτ = z(−1 + α e^(βu)(1 + γ(ref − v))) − σ. Fitted on the side of the diagonal where the rest point is.

use super::equation::{Form, Point, fit_equation};
use super::neuron::{Estimate, Extracted, Method, NeuronSweep, Window, alpha, positive};
use super::terms::{Branch, Coupling, fit_steered};
use super::{ExtractError, Fit};
use crate::circuits::potentials::{Branch as Equation, Symmetric};
use crate::circuits::swing::Frame;
use crate::circuits::wererabbit::about_focus;

type SideData = (Vec<Coupling>, Vec<(Branch, f64)>);

/// One α, β, γ, ρ, σ and one unit current for both equations, fitted to both sides' devices.
pub(super) fn symmetric(sweep: &NeuronSweep<'_>) -> Result<Extracted, ExtractError> {
    let window = window(sweep)?;
    let scale = scale(&window)?;
    let (mut plain, mut steered) = side_data(&window, sweep.reference, "u", scale)?;
    let (more_plain, more_steered) = side_data(&window, sweep.reference, "v", scale)?;
    plain.extend(more_plain);
    steered.extend(more_steered);
    let fit = fit_steered("four OTAs", &plain, &steered, true)?;
    let sigma = 0.5 * (window.mean("sigma_u")? + window.mean("sigma_v")?);
    // The fit is in units of the rough scale; the equation's 1 is the fitted amplitude.
    let unit = scale * fit.values[0];
    positive("wererabbit", "one", unit)?;
    let mut parameters = five(&fit, sweep.reference, fit.values[0], sigma / unit, "")?;
    let mut fits = vec![(&fit).into()];
    if sweep.method == Method::Field {
        let sides = [("u", 1.0), ("v", -1.0)];
        let field = |k: usize| field(&window, sweep, sides[k].0, sides[k].1, unit, k);
        let both = [field(0)?, field(1)?];
        parameters = about_rest(&parameters, &both, window.rest, sweep.reference)?;
        fits.extend(both.iter().map(Into::into));
    }
    Ok(Extracted {
        model: "wererabbit".into(),
        parameters,
        time_unit_s: window.capacitance / unit,
        quantities: window.quantities(unit, "one_u, one_v"),
        fits,
        warnings: Vec::new(),
    })
}

/// The devices' rho kept; alpha, beta, gamma and sigma as they put the rest point, the decay and the period of small
/// swings about it where both fitted node currents have them.
fn about_rest(
    devices: &[Estimate],
    both: &[Fit; 2],
    mut rest: [f64; 2],
    reference: f64,
) -> Result<Vec<Estimate>, ExtractError> {
    let value = |name: &str| devices.iter().find(|e| e.name == name).map_or(f64::NAN, |e| e.value);
    let near = Symmetric {
        alpha: value("alpha"),
        beta: value("beta"),
        gamma: value("gamma"),
        rho: value("rho"),
        sigma: value("sigma"),
        ib: 1.0,
    };
    let equation = |k: usize| {
        let (v, alpha) = (&both[k].values, alpha(&both[k], 1, reference).0);
        Equation { gain: v[0], alpha, beta: v[2], gamma: v[3], rho: v[4], sigma: v[5], delta: v[6] }
    };
    let equations = [equation(0), equation(1)];
    let current = |k: usize, y: [f64; 2]| Frame { side: k, reference }.current(&equations[k], y);
    let slopes = |y: [f64; 2]| {
        // Millivolts are the scale of the currents' curvature, a microvolt leaves ten digits.
        let moved = |k: usize, by: usize, h: f64| current(k, [0, 1].map(|i| if i == by { y[i] + h } else { y[i] }));
        [0, 1].map(|k| [0, 1].map(|by| (moved(k, by, 1e-6) - moved(k, by, -1e-6)) / 2e-6))
    };
    // The rest point of a grid is bilinear between its points; the equations' own is a step or two of Newton's away.
    for _ in 0..5 {
        let (f, [[a, b], [c, d]]) = ([current(0, rest), current(1, rest)], slopes(rest));
        let det = a * d - b * c;
        rest = [rest[0] - (d * f[0] - b * f[1]) / det, rest[1] - (a * f[1] - c * f[0]) / det];
    }
    let [[a, b], [c, d]] = slopes(rest);
    let found = about_focus(near, rest, reference, a + d, a * d - b * c);
    let error = |of: &dyn Fn(&Fit) -> f64| 0.5 * of(&both[0]).hypot(of(&both[1]));
    let errors = [
        ("alpha", found.alpha, error(&|f| alpha(f, 1, reference).1)),
        ("beta", found.beta, error(&|f| f.standard_errors[2])),
        ("gamma", found.gamma, error(&|f| f.standard_errors[3])),
        ("sigma", found.sigma, error(&|f| f.standard_errors[5])),
    ];
    for (quantity, value, _) in &errors[..2] {
        positive("wererabbit", quantity, *value)?;
    }
    let moved = |e: &Estimate| match errors.iter().find(|(name, ..)| e.name == *name) {
        Some((_, value, error)) => Estimate::new(&e.name, *value, *error, &e.unit, "i_u, i_v"),
        None => e.clone(),
    };
    Ok(devices.iter().map(moved).collect())
}

/// Each equation with its own gain, α, β, γ, ρ, σ, δ.
pub(super) fn branches(sweep: &NeuronSweep<'_>) -> Result<Extracted, ExtractError> {
    let window = window(sweep)?;
    let unit = match sweep.method {
        Method::Devices => scale(&window)?,
        Method::Field => window.largest("i_u")?.max(window.largest("i_v")?),
    };
    let (mut parameters, mut fits) = (Vec::new(), Vec::new());
    for (k, (side, sign)) in [("u", 1.0), ("v", -1.0)].into_iter().enumerate() {
        match sweep.method {
            Method::Devices => {
                // What divides du/dτ is the mean capacitance; a node with less moves faster.
                let unit = unit * sweep.capacitance[k][k] / window.capacitance;
                let (plain, steered) = side_data(&window, sweep.reference, side, unit)?;
                let fit = fit_steered(&format!("two OTAs into {side}"), &plain, &steered, false)?;
                let (name, from) = (format!("gain_{side}"), format!("one_{side}"));
                parameters.push(Estimate::new(name, fit.values[0], fit.standard_errors[0], "1", from));
                let sigma = window.mean(&format!("sigma_{side}"))? / unit;
                parameters.extend(five(&fit, sweep.reference, 1.0, sigma, side)?);
                fits.push((&fit).into());
            }
            Method::Field => {
                let fit = field(&window, sweep, side, sign, unit, k)?;
                parameters.extend(super::seven(&fit, sweep.reference, side)?);
                fits.push((&fit).into());
            }
        }
    }
    Ok(window.branches("wererabbit-branches", unit, parameters, fits))
}

fn window(sweep: &NeuronSweep<'_>) -> Result<Window, ExtractError> {
    let side = (sweep.near[0] - sweep.near[1]).signum();
    Window::new(sweep, |u, v| (u - v) * side > 0.0)
}

/// Rough unit current (A): the mean of both OTAs' largest currents.
fn scale(window: &Window) -> Result<f64, ExtractError> {
    let unit = 0.5 * (window.largest("one_u")? + window.largest("one_v")?);
    positive("wererabbit", "one", unit)?;
    Ok(unit)
}

/// A side's two OTAs: the plain one and the one with the exponential tail.
fn side_data(window: &Window, reference: f64, side: &str, unit: f64) -> Result<SideData, ExtractError> {
    let column = |term: &str| window.clamped.column("wererabbit", &format!("{term}_{side}"));
    let (one, exponential) = (column("one")?, column("exponential")?);
    let (u, v) = (window.clamped.column("wererabbit", "u")?, window.clamped.column("wererabbit", "v")?);
    let plain = (0..u.len()).map(|i| Coupling { input: u[i] - v[i], current: one[i] / unit });
    let steered = (0..u.len()).map(|i| {
        let (gate, out) = controls(side, u[i], v[i], reference);
        (Branch { gate, out, current: exponential[i] / unit }, u[i] - v[i])
    });
    Ok((plain.collect(), steered.collect()))
}

fn controls(side: &str, u: f64, v: f64, reference: f64) -> (f64, f64) {
    if side == "u" { (v - reference, reference - u) } else { (u - reference, reference - v) }
}

fn field(
    window: &Window,
    sweep: &NeuronSweep<'_>,
    side: &str,
    sign: f64,
    unit: f64,
    k: usize,
) -> Result<Fit, ExtractError> {
    let what = format!("d{side}/dt");
    let (u, v) = (window.clamped.column(&what, "u")?, window.clamped.column(&what, "v")?);
    let current = window.velocity(k)?;
    let points: Vec<Point> = (0..u.len())
        .map(|i| {
            let (gate, out) = controls(side, u[i], v[i], sweep.reference);
            Point { gate, out, input: u[i] - v[i], current: current[i] / unit }
        })
        .collect();
    fit_equation(&what, Form::Steered, sign, &points, window.rest[1 - k] - sweep.reference)
}

fn five(fit: &Fit, reference: f64, one: f64, sigma: f64, side: &str) -> Result<Vec<Estimate>, ExtractError> {
    let name = |p: &str| if side.is_empty() { p.to_owned() } else { format!("{p}_{side}") };
    let from = |t: &str| if side.is_empty() { format!("{t}_u, {t}_v") } else { format!("{t}_{side}") };
    let (alpha, error) = alpha(fit, 1, reference);
    let (e, both) = (from("exponential"), format!("{}, {}", from("one"), from("exponential")));
    for (quantity, value) in [("beta", fit.values[2]), ("rho", fit.values[4]), ("sigma", sigma)] {
        positive("wererabbit", quantity, value)?;
    }
    let mut estimates = vec![
        Estimate::new(name("alpha"), alpha / one, error / one, "1", &e),
        Estimate::new(name("beta"), fit.values[2], fit.standard_errors[2], "1/V", &e),
        Estimate::new(name("gamma"), fit.values[3], fit.standard_errors[3], "1/V", &e),
        Estimate::new(name("rho"), fit.values[4], fit.standard_errors[4], "1/V", &both),
        Estimate::new(name("sigma"), sigma, 0.0, "1", from("sigma")),
    ];
    if let (Some(delta), Some(error)) = (fit.values.get(5), fit.standard_errors.get(5)) {
        estimates.push(Estimate::new(name("delta"), *delta, *error, "V", both));
    }
    Ok(estimates)
}
