//! FHNRS: C dv/dt = −g (v − ref) + T_f tanh(ρ(v − ref − d_f)) − T_s tanh(ρ(w − ref − d_s)), C_w dw/dt = G (v − w).
//!
//! Units: volts by 1/ρ (2Ut/κ of a plain pair), current by T_f/2, so that a_fast = −2; time by C/(ρ T_f/2).

use super::least_squares::{Fit, Residuals, Unknown, fit};
use super::neuron::{Estimate, Extracted, NeuronSweep, positive};
use super::terms::tanh;
use super::{Clamped, ExtractError};

/// The three elements and the lag, from the window of ± `sweep.window` (V) about the reference.
pub(super) fn extract(sweep: &NeuronSweep<'_>) -> Result<Extracted, ExtractError> {
    let centre = [sweep.reference; 2];
    let clamped = sweep.clamped.select(["v", "w"], centre, sweep.window, |_, _| true)?;
    let tanhs = fit_elements(&clamped, sweep.reference)?;
    let [tail_fast, offset_fast, tail_slow, offset_slow, rho] = [0, 1, 2, 3, 4].map(|i| tanhs.values[i]);
    let (unit, v_unit) = (0.5 * tail_fast, 1.0 / rho);
    positive("fhnrs", "rho", rho)?;
    positive("fhnrs", "fast tail", tail_fast)?;
    let column = |name: &str| clamped.column(name, name);
    let v: Vec<f64> = column("v")?.iter().map(|v| v - sweep.reference).collect();
    let passive = fit_line("passive element", &v, column("passive")?, unit)?;
    let across: Vec<f64> = column("v")?.iter().zip(column("w")?).map(|(v, w)| v - w).collect();
    let lag = fit_line("slow lag", &across, column("lag")?, unit)?;
    positive("slow lag", "conductance", lag.values[1])?;
    let [c_v, c_w] = [sweep.capacitance[0][0], sweep.capacitance[1][1]];
    positive("fhnrs", "node capacitance", c_v.min(c_w))?;
    let time_unit_s = c_v * v_unit / unit;
    let tau_slow = c_w / (lag.values[1] * unit) / time_unit_s;
    let e = |fit: &Fit, i: usize, factor: f64| (fit.values[i] * factor, (fit.standard_errors[i] * factor).abs());
    let named =
        |name: &str, (value, error): (f64, f64), unit: &str, from: &str| Estimate::new(name, value, error, unit, from);
    let e_rev = -passive.values[0] / passive.values[1] * rho;
    Ok(Extracted {
        model: "fhnrs".into(),
        parameters: vec![
            named("g_max", e(&passive, 1, v_unit), "1", "passive"),
            named("e_rev", (e_rev, (passive.standard_errors[0] / passive.values[1] * rho).abs()), "1", "passive"),
            named("a_fast", (-2.0, 0.0), "1", "fast (the unit of current)"),
            named("v_off_fast", (offset_fast * rho, tanhs.standard_errors[1] * rho), "1", "fast"),
            named("a_slow", (tail_slow / unit, tanhs.standard_errors[2] / unit), "1", "slow"),
            named("v_off_slow", (offset_slow * rho, tanhs.standard_errors[3] * rho), "1", "slow"),
            named("tau_slow", (tau_slow, tau_slow * lag.standard_errors[1] / lag.values[1]), "1", "lag, ramp"),
        ],
        time_unit_s,
        quantities: vec![
            named("i_unit", (unit, 0.5 * tanhs.standard_errors[0]), "A", "fast"),
            named("v_unit", (v_unit, tanhs.standard_errors[4] * v_unit * v_unit), "V", "fast, slow"),
            named("v_ref", (sweep.reference, 0.0), "V", "the reference node"),
            named("c_v", (c_v, 0.0), "F", "ramp"),
            named("c_w", (c_w, 0.0), "F", "ramp"),
        ],
        fits: vec![(&passive).into(), (&lag).into(), (&scaled(tanhs, unit)).into()],
        warnings: Vec::new(),
    })
}

/// Both OTAs with one ρ: unknowns tail and offset of the fast, of the slow, ρ. Residuals in ampere.
fn fit_elements(clamped: &Clamped, reference: f64) -> Result<Fit, ExtractError> {
    let what = "fast and slow elements";
    let column = |name: &str| clamped.column(what, name);
    let (v, w, fast, slow) = (column("v")?, column("w")?, column("fast")?, column("slow")?);
    let largest = |i: &[f64]| i.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let scale = largest(fast).max(largest(slow));
    positive(what, "current", scale)?;
    let unknowns = [
        Unknown::new("fast tail", 1.05 * largest(fast), scale),
        Unknown::new("fast offset", 0.0, 1e-3),
        Unknown::new("slow tail", 1.05 * largest(slow), scale),
        Unknown::new("slow offset", 0.0, 1e-3),
        Unknown::new("rho", 14.0, 10.0),
    ];
    let n = v.len();
    let residuals = Residuals {
        count: 2 * n,
        of: |i, p: &[f64], g: &mut [f64]| {
            let (first, voltage, current) = if i < n { (0, v[i], fast[i]) } else { (2, w[i - n], slow[i - n]) };
            let (value, by) = tanh([p[first], p[4], p[first + 1]], voltage - reference);
            (g[first], g[4], g[first + 1]) = (by[0] / scale, by[1] / scale, by[2] / scale);
            (value - current) / scale
        },
    };
    Ok(scaled(fit(what, &unknowns, &residuals)?, 1.0 / scale))
}

/// The fit with residuals over another unit current.
fn scaled(mut fit: Fit, unit: f64) -> Fit {
    fit.residuals.iter_mut().for_each(|r| *r /= unit);
    fit
}

/// offset + slope x; residuals over the unit current, offset and slope in units of it as well.
fn fit_line(what: &str, x: &[f64], current: &[f64], unit: f64) -> Result<Fit, ExtractError> {
    let residuals = Residuals {
        count: x.len(),
        of: |i, p: &[f64], g: &mut [f64]| {
            (g[0], g[1]) = (1.0, x[i]);
            p[0] + p[1] * x[i] - current[i] / unit
        },
    };
    fit(what, &[Unknown::new("offset", 0.0, 0.01), Unknown::new("conductance", 10.0, 10.0)], &residuals)
}
