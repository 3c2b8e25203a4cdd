//! FHNRS: C dv/dt = −g (v − ref) + T_f tanh(ρ(v − ref − d_f)) − T_s tanh(ρ(w − ref − d_s)), C_w dw/dt = G (v − w).
//!
//! Units: volts by 1/ρ (2Ut/κ of a plain pair), current by T_f/2, so that a_fast = −2; time by C/(ρ T_f/2).
//!
//! `fhnrs-saturating` has a follower OTA as lag, C_w dw/dt = T_w tanh(ρ_w(v − w − d_w)). Its input offset moves the point
//! from which the slow state counts: `w_ref` = ref − d_w. Without any term but `lag` it is the follower alone, in its
//! own units: dv_slow/dτ = tanh(v − v_slow), volts by 1/ρ_w, time by C_w/(ρ_w T_w).

use super::least_squares::{Fit, Residuals, Unknown, fit};
use super::neuron::{Estimate, Extracted, Method, NeuronSweep, positive};
use super::terms::{Coupling, fit_coupling, tanh};
use super::{Clamped, ExtractError};

/// What the slow element's lag is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lag {
    /// A resistor.
    Linear,
    /// A follower OTA.
    Follower,
}

/// A lag's conductance (S), 1/range (1/V), offset (V), relative standard error of the conductance.
struct Slow {
    conductance: f64,
    rho: f64,
    offset: f64,
    error: f64,
    fit: Fit,
}

impl Slow {
    fn fit(clamped: &Clamped, lag: Lag, unit: f64) -> Result<Self, ExtractError> {
        let column = |name: &str| clamped.column("slow lag", name);
        let across: Vec<f64> = column("v")?.iter().zip(column("w")?).map(|(v, w)| v - w).collect();
        let current = column("lag")?;
        let slow = match lag {
            Lag::Linear => {
                let fit = fit_line("slow lag", &across, current, unit)?;
                let (g, error) = (fit.values[1] * unit, fit.standard_errors[1] / fit.values[1]);
                Slow { conductance: g, rho: 0.0, offset: 0.0, error, fit }
            }
            Lag::Follower => {
                let points: Vec<Coupling> =
                    across.iter().zip(current).map(|(x, i)| Coupling { input: *x, current: i / unit }).collect();
                let fit = fit_coupling("slow lag", &points, false)?;
                let [tail, rho, offset] = [fit.values[0], fit.values[1], fit.values[2]];
                positive("slow lag", "rho", rho)?;
                let error = (fit.standard_errors[0] / tail).hypot(fit.standard_errors[1] / rho);
                Slow { conductance: tail * rho * unit, rho, offset, error, fit }
            }
        };
        positive("slow lag", "conductance", slow.conductance)?;
        Ok(slow)
    }
}

/// The three elements and the lag, from the window of ± `sweep.window` (V) about the reference.
pub(super) fn extract(sweep: &NeuronSweep<'_>, lag: Lag) -> Result<Extracted, ExtractError> {
    let centre = [sweep.reference; 2];
    let clamped = sweep.clamped.select(["v", "w"], centre, sweep.window, |_, _| true)?;
    let [c_v, c_w] = [sweep.capacitance[0][0], sweep.capacitance[1][1]];
    positive("fhnrs", "slow node's capacitance", c_w)?;
    if lag == Lag::Follower && !["fast", "slow", "passive"].iter().any(|t| clamped.has(t)) {
        return follower(&clamped, sweep.reference, c_w);
    }
    positive("fhnrs", "node capacitance", c_v)?;
    let fitted = Elements::fit(&clamped, sweep)?;
    let Elements { fit, tails: [tail_fast, tail_slow], offsets, rho, g, e_rev, errors } = &fitted;
    let (unit, v_unit) = (0.5 * tail_fast, 1.0 / rho);
    let slow = Slow::fit(&clamped, lag, unit)?;
    let time_unit_s = c_v * v_unit / unit;
    let tau_slow = c_w / slow.conductance / time_unit_s;
    // The slow state counts from where the follower thinks it is.
    let v_off_slow = (offsets[1] + slow.offset) * rho;
    let named = |name: &str, value: f64, error: f64, unit: &str, from: &str| {
        Estimate::new(name, value, error.abs(), unit, from)
    };
    let mut parameters = vec![
        named("g_max", g * v_unit / unit, errors.g * v_unit / unit, "1", "passive"),
        named("e_rev", e_rev * rho, errors.e_rev * rho, "1", "passive"),
        named("a_fast", -2.0, 0.0, "1", "fast (the unit of current)"),
        named("v_off_fast", offsets[0] * rho, errors.offsets[0] * rho, "1", "fast"),
        named("a_slow", tail_slow / unit, errors.tails[1] / unit, "1", "slow"),
        named("v_off_slow", v_off_slow, errors.offsets[1] * rho, "1", "slow"),
        named("tau_slow", tau_slow, tau_slow * slow.error, "1", "lag, ramp"),
    ];
    if lag == Lag::Follower {
        parameters.push(named("sat_slow", slow.rho * v_unit, 0.0, "1", "lag"));
    }
    Ok(Extracted {
        model: if lag == Lag::Follower { "fhnrs-saturating" } else { "fhnrs" }.into(),
        parameters,
        time_unit_s,
        quantities: vec![
            named("i_unit", unit, 0.5 * errors.tails[0], "A", "fast"),
            named("v_unit", v_unit, errors.rho * v_unit * v_unit, "V", "fast, slow"),
            named("v_ref", sweep.reference, 0.0, "V", "the reference node"),
            named("w_ref", sweep.reference - slow.offset, 0.0, "V", "the reference node, lag"),
            named("c_v", c_v, 0.0, "F", "ramp"),
            named("c_w", c_w, 0.0, "F", "ramp"),
        ],
        fits: fit.iter().chain([&slow.fit]).map(Into::into).collect(),
        warnings: Vec::new(),
    })
}

/// The follower alone: the slow element of a neuron whose other elements carry nothing and whose v stands still.
fn follower(clamped: &Clamped, reference: f64, c_w: f64) -> Result<Extracted, ExtractError> {
    let largest = clamped.column("slow lag", "lag")?.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    positive("slow lag", "current", largest)?;
    let slow = Slow::fit(clamped, Lag::Follower, largest)?;
    let e = |name: &str, value: f64, unit: &str| Estimate::new(name, value, 0.0, unit, "lag");
    let nothing = ["g_max", "a_fast", "a_slow"].map(|name| Estimate::new(name, 0.0, 0.0, "1", "no such element"));
    let units = [e("tau_slow", 1.0, "1"), e("sat_slow", 1.0, "1")];
    Ok(Extracted {
        model: "fhnrs-saturating".into(),
        parameters: nothing.into_iter().chain(units).collect(),
        time_unit_s: c_w / slow.conductance,
        quantities: vec![
            e("i_unit", slow.conductance / slow.rho, "A"),
            e("v_unit", 1.0 / slow.rho, "V"),
            e("v_ref", reference, "V"),
            e("w_ref", reference - slow.offset, "V"),
            e("c_w", c_w, "F"),
        ],
        fits: vec![(&slow.fit).into()],
        warnings: Vec::new(),
    })
}

/// What the fits gave for the fast, slow and passive elements (A, V, S).
struct Elements {
    fit: Vec<Fit>,
    tails: [f64; 2],
    offsets: [f64; 2],
    rho: f64,
    g: f64,
    e_rev: f64,
    errors: Errors,
}

/// Standard errors.
struct Errors {
    tails: [f64; 2],
    offsets: [f64; 2],
    rho: f64,
    g: f64,
    e_rev: f64,
}

impl Elements {
    fn fit(clamped: &Clamped, sweep: &NeuronSweep<'_>) -> Result<Self, ExtractError> {
        let tanhs = fit_elements(clamped, sweep.reference)?;
        let [tail_fast, offset_fast, tail_slow, offset_slow, rho] = [0, 1, 2, 3, 4].map(|i| tanhs.values[i]);
        let errors = &tanhs.standard_errors;
        positive("fhnrs", "rho", rho)?;
        positive("fhnrs", "fast tail", tail_fast)?;
        let unit = 0.5 * tail_fast;
        let column = |name: &str| clamped.column(name, name);
        let v: Vec<f64> = column("v")?.iter().map(|v| v - sweep.reference).collect();
        let passive = fit_line("passive element", &v, column("passive")?, unit)?;
        let [pull, g] = [passive.values[0], passive.values[1]];
        let separate = Elements {
            tails: [tail_fast, tail_slow],
            offsets: [offset_fast, offset_slow],
            rho,
            g: g * unit,
            e_rev: -pull / g,
            errors: Errors {
                tails: [errors[0], errors[2]],
                offsets: [errors[1], errors[3]],
                rho: errors[4],
                g: passive.standard_errors[1] * unit,
                e_rev: passive.standard_errors[0] / g,
            },
            fit: vec![passive, scaled(tanhs, unit)],
        };
        match sweep.method {
            Method::Devices => Ok(separate),
            Method::Field => separate.whole(clamped, sweep.reference),
        }
    }

    /// All of them to the node's whole current, so that the OTAs' output conductances, which no tanh has, find their
    /// place in g.
    fn whole(self, clamped: &Clamped, reference: f64) -> Result<Self, ExtractError> {
        let what = "dv/dt";
        let column = |name: &str| clamped.column(what, name);
        let (v, w, current) = (column("v")?, column("w")?, column("i_v")?);
        let unit = 0.5 * self.tails[0];
        let starts =
            [self.tails[0], self.offsets[0], self.tails[1], self.offsets[1], self.rho, self.g, self.g * self.e_rev];
        let names = ["fast tail", "fast offset", "slow tail", "slow offset", "rho", "g", "pull"];
        let scales = [unit, 1e-3, unit, 1e-3, 10.0, unit * self.rho, unit];
        let unknowns: Vec<Unknown> = (0..7).map(|i| Unknown::new(names[i], starts[i], scales[i])).collect();
        let residuals = Residuals {
            count: v.len(),
            of: |i, p: &[f64], gradient: &mut [f64]| {
                let (x, y) = (v[i] - reference, w[i] - reference);
                let (fast, by_fast) = tanh([p[0], p[4], p[1]], x);
                let (slow, by_slow) = tanh([p[2], p[4], p[3]], y);
                let by = [by_fast[0], by_fast[2], -by_slow[0], -by_slow[2], by_fast[1] - by_slow[1], -x, 1.0];
                gradient.iter_mut().zip(by).for_each(|(g, b)| *g = b / unit);
                (fast - slow - p[5] * x + p[6] - current[i]) / unit
            },
        };
        let fit = fit(what, &unknowns, &residuals)?;
        let (p, e) = (&fit.values, &fit.standard_errors);
        positive(what, "rho", p[4])?;
        positive(what, "fast tail", p[0])?;
        Ok(Elements {
            tails: [p[0], p[2]],
            offsets: [p[1], p[3]],
            rho: p[4],
            g: p[5],
            e_rev: p[6] / p[5],
            errors: Errors { tails: [e[0], e[2]], offsets: [e[1], e[3]], rho: e[4], g: e[5], e_rev: e[6] / p[5] },
            fit: vec![fit],
        })
    }
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
