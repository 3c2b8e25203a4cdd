//! The answer for a reader.

use super::Answer;
use felice_subthreshold::corners::Corner;
use felice_subthreshold::design::Design;
use felice_subthreshold::{Form, QUANTILES, Sensitivity, Spread};
use std::fmt::Write as _;

/// Rows of the sensitivity table for each parameter.
const CULPRITS: usize = 3;

/// The form in a word.
pub(super) fn form(form: Form) -> &'static str {
    match form {
        Form::Closed => "closed",
        Form::Solved => "solved",
    }
}

pub(super) fn answer(a: &Answer) -> String {
    let mut out = String::new();
    parameters(&mut out, a);
    if let Some((design, _)) = &a.design {
        designed(&mut out, design);
    }
    if let Some(corners) = &a.corners {
        cornered(&mut out, corners);
    }
    if let Some(spread) = &a.spread {
        spreading(&mut out, spread);
        correlated(&mut out, spread);
    }
    if let Some(table) = &a.sensitivity {
        sensitive(&mut out, table);
    }
    out
}

/// Writing to a String cannot fail.
macro_rules! line {
    ($out:expr, $($arg:tt)*) => { let _ = writeln!($out, $($arg)*); };
}

fn parameters(out: &mut String, a: &Answer) {
    let d = &a.derived;
    line!(out, "{} from {}: {} ({} form)", d.model, a.file, a.card.name, form(d.form));
    let error = |name: &str| a.uncertainties.iter().find(|u| u.parameter == name).map(|u| u.error);
    let (uncertain, other) = (!a.uncertainties.is_empty(), a.other.as_ref());
    let optional = |shown: bool, text: String| if shown { format!("{text:>14}") } else { String::new() };
    let head = optional(uncertain, "std. error".into())
        + &optional(other.is_some(), other.map_or("", |o| form(o.form)).into());
    line!(out, "  {:<12} {:<8} {:>14}{head}  {:<6} formula", "parameter", "symbol", "value", "unit");
    let extra = |name: &str, value: Option<f64>| {
        let error = error(name).map_or(String::new(), |e| format!("{e:.2e}"));
        let value = value.map_or(String::new(), |v| format!("{v:.6e}"));
        optional(uncertain, error) + &optional(other.is_some(), value)
    };
    for p in d.parameters.iter().chain(&d.quantities) {
        let devices = if p.devices.is_empty() { String::new() } else { format!("   <- {}", p.devices.join(", ")) };
        let extra = extra(&p.name, other.and_then(|o| o.value(&p.name)));
        line!(out, "  {:<12} {:<8} {:>14.6e}{extra}  {:<6} {}{devices}", p.name, p.symbol, p.value, p.unit, p.formula);
    }
    let extra = extra("time_unit", other.map(|o| o.time_unit_s));
    let words = "seconds in one unit of the model's time";
    line!(out, "  {:<12} {:<8} {:>14.6e}{extra}  {:<6} {words}", "time_unit", "", d.time_unit_s, "s");
    for u in a.uncertainties.iter().filter(|u| u.error > 0.0) {
        let from: Vec<_> =
            u.contributions.iter().take(CULPRITS).map(|c| format!("{} {:+.2e}", c.quantity, c.effect)).collect();
        line!(out, "  standard error of {}: {:.2e}, from {}", u.parameter, u.error, from.join(", "));
    }
}

fn designed(out: &mut String, design: &Design) {
    line!(out, "\nproposal");
    for c in &design.changes {
        let from = c.from.map_or_else(|| "none".into(), |f| format!("{f:.6e} {}", c.unit));
        line!(out, "  {:<28} {from} -> {}   for {}", c.what, c.to, c.parameter);
    }
    if design.changes.is_empty() {
        line!(out, "  nothing to change");
    }
    line!(out, "  {:<12} {:>14} {:>14} {:>11} {:>14}", "target", "wanted", "derived again", "off", "other form");
    for t in &design.achieved {
        let other = t.other_form.map_or_else(|| "-".into(), |s| format!("{s:.6e}"));
        line!(
            out,
            "  {:<12} {:>14.6e} {:>14.6e} {:>+11.2e} {other:>14}",
            t.parameter,
            t.target,
            t.value,
            t.relative_error
        );
    }
}

fn cornered(out: &mut String, corners: &[Corner]) {
    line!(out, "\ncorners");
    let Some(Ok(first)) = corners.first().map(|c| &c.derived) else { return };
    let names: Vec<&str> = first.parameters.iter().map(|p| p.name.as_str()).collect();
    let heads: String = names.iter().chain(&["time_unit"]).map(|n| format!(" {n:>12}")).collect();
    line!(out, "  {:<8} {:>8} {:>8}{heads}", "process", "VDD/V", "T/degC");
    let mut noted = 0;
    for c in corners {
        let supply = c.supply.map_or_else(|| "-".into(), |v| format!("{v:.3}"));
        let place = format!("  {:<8} {supply:>8} {:>8.1}", c.process, c.temperature - 273.15);
        match &c.derived {
            Ok(d) => {
                let values = names.iter().map(|n| d.value(n).unwrap_or(f64::NAN)).chain([d.time_unit_s]);
                let cells: String = values.map(|v| format!(" {v:>12.4e}")).collect();
                let mark = if d.warnings.iter().any(|w| !first.warnings.contains(w)) { " !" } else { "" };
                noted += mark.len();
                line!(out, "{place}{cells}{mark}");
            }
            Err(e) => {
                line!(out, "{place}  {e}");
            }
        }
    }
    if noted > 0 {
        line!(out, "  ! has a warning of its own there; --json says which and why");
    }
}

fn spreading(out: &mut String, s: &Spread) {
    line!(out, "\n{} mismatched circuits, seed {}", s.samples, s.seed);
    let heads: String = QUANTILES.iter().map(|q| format!(" {:>12}", format!("{}%", 100.0 * q))).collect();
    line!(
        out,
        "  {:<12} {:>12} {:>12} {:>10} {:>12} {:>10} {:>12}{heads}",
        "parameter",
        "nominal",
        "mean",
        "+-",
        "sigma",
        "+-",
        "first order"
    );
    for p in &s.parameters {
        let cells: String = p.quantiles.iter().map(|v| format!(" {v:>12.5e}")).collect();
        let mark = if p.disagreement().is_some() { " !" } else { "" };
        line!(
            out,
            "  {:<12} {:>12.5e} {:>12.5e} {:>10.1e} {:>12.4e} {:>10.1e} {:>12.4e}{cells}  {}{mark}",
            p.name,
            p.nominal,
            p.mean,
            p.mean_error,
            p.deviation,
            p.deviation_error,
            p.propagated,
            p.unit
        );
    }
}

fn correlated(out: &mut String, s: &Spread) {
    let moving: Vec<usize> = (0..s.parameters.len()).filter(|&i| s.correlations[i][i] != 0.0).collect();
    if moving.is_empty() {
        return;
    }
    let heads: String = moving.iter().map(|&i| format!(" {:>10}", s.parameters[i].name)).collect();
    line!(out, "\n  correlation {heads}");
    for &i in &moving {
        let cells: String = moving.iter().map(|&j| format!(" {:>10.4}", s.correlations[i][j])).collect();
        line!(out, "  {:<12}{cells}", s.parameters[i].name);
    }
}

fn sensitive(out: &mut String, table: &[Sensitivity]) {
    line!(out, "\nwhat moves what most: 1 % of W or L, 1 mV of Vt0");
    line!(out, "  {:<12} {:<10} {:<6} {:>12} {:>12}", "parameter", "device", "of", "effect", "relative");
    let mut names: Vec<&str> = Vec::new();
    table.iter().for_each(|s| {
        if !names.contains(&s.parameter.as_str()) {
            names.push(&s.parameter);
        }
    });
    for name in names {
        let mut rows: Vec<_> = table.iter().filter(|s| s.parameter == name).collect();
        rows.sort_by(|a, b| b.effect.abs().total_cmp(&a.effect.abs()));
        for s in rows.into_iter().take(CULPRITS) {
            let relative = s.relative.map_or_else(|| "-".into(), |r| format!("{:+.3} %", 100.0 * r));
            line!(out, "  {:<12} {:<10} {:<6} {:>+12.4e} {relative:>12}", s.parameter, s.device, s.quantity, s.effect);
        }
    }
}
