//! The answer in HDF5: groups `parameters`, `quantities`, `corners`, `monte_carlo`, `sensitivity`, `design`.

use super::{Answer, text};
use felice_base::Unit;
use felice_store::{FileWriter, Group, Input, StoreError};
use felice_subthreshold::corners::Corner;
use felice_subthreshold::design::Design;
use felice_subthreshold::{DerivedParameter, QUANTILES, Sensitivity, Spread};
use std::path::Path;

pub(super) fn write(path: &Path, a: &Answer, seed: Option<u64>, card: &str, source: &str) -> Result<(), StoreError> {
    let mut provenance = crate::cli::provenance();
    provenance.seed = seed.unwrap_or(0);
    provenance.add_input(Input::of(card, source));
    let file = FileWriter::create(path, &provenance)?;
    let root = file.root();
    root.attribute("model", a.derived.model.as_str())?;
    root.attribute("card", a.card.name.as_str())?;
    root.attribute("form", text::form(a.derived.form))?;
    root.attribute("warnings", a.warnings.clone())?;
    root.text("card_text", "the device card", source)?;
    let group = root.group("parameters")?;
    described(&group, &a.derived.parameters)?;
    let words = "seconds in one unit of the model's time";
    group.scalar("time_unit", &Unit::SECOND, words, a.derived.time_unit_s)?;
    described(&root.group("quantities")?, &a.derived.quantities)?;
    if let Some(other) = &a.other {
        described(&root.group(text::form(other.form))?, &other.parameters)?;
    }
    if !a.uncertainties.is_empty() {
        let group = root.group("standard_errors")?;
        for u in &a.uncertainties {
            let unit = a.derived.parameters.iter().find(|p| p.name == u.parameter).map_or("s", |p| p.unit.as_str());
            let from: Vec<_> = u.contributions.iter().map(|c| format!("{} {:+.3e}", c.quantity, c.effect)).collect();
            group.scalar(&u.parameter, &Unit::new(unit.to_owned()), &format!("from {}", from.join(", ")), u.error)?;
        }
    }
    if let Some((design, _)) = &a.design {
        designed(&root.group("design")?, design)?;
    }
    if let Some(corners) = &a.corners {
        cornered(&root.group("corners")?, corners)?;
    }
    if let Some(spread) = &a.spread {
        spreading(&root.group("monte_carlo")?, spread, &a.samples)?;
    }
    if let Some(table) = &a.sensitivity {
        sensitive(&root.group("sensitivity")?, table)?;
    }
    file.finish().map(drop)
}

fn described(group: &Group<'_>, all: &[DerivedParameter]) -> Result<(), StoreError> {
    for p in all {
        let from = if p.devices.is_empty() { String::new() } else { format!(" <- {}", p.devices.join(", ")) };
        let long_name = format!("{} = {}{from}", p.symbol, p.formula);
        group.scalar(&p.name, &Unit::new(p.unit.clone()), &long_name, p.value)?;
    }
    Ok(())
}

fn designed(group: &Group<'_>, design: &Design) -> Result<(), StoreError> {
    group.text("card", "the proposed device card", &design.card.to_toml())?;
    let targets: Vec<&str> = design.achieved.iter().map(|t| t.parameter.as_str()).collect();
    let axis = group.label_axis("target", "parameter that was asked for", &targets)?;
    let column =
        |f: fn(&felice_subthreshold::design::Achieved) -> f64| design.achieved.iter().map(f).collect::<Vec<_>>();
    group.array("wanted", &Unit::ONE, "in the parameter's unit", &[&axis], &column(|t| t.target))?;
    group.array("achieved", &Unit::ONE, "in the parameter's unit", &[&axis], &column(|t| t.value))?;
    let what: Vec<&str> = design.changes.iter().map(|c| c.what.as_str()).collect();
    if what.is_empty() {
        return Ok(());
    }
    let axis = group.label_axis("change", "what the proposal changes", &what)?;
    let from: Vec<f64> = design.changes.iter().map(|c| c.from.unwrap_or(f64::NAN)).collect();
    let to: Vec<f64> = design.changes.iter().map(|c| c.value).collect();
    group.array("from", &Unit::ONE, "value on the given card, SI; NaN where it has none", &[&axis], &from)?;
    group.array("to", &Unit::ONE, "proposed value, SI", &[&axis], &to)?;
    let units: Vec<&str> = design.changes.iter().map(|c| c.unit.as_str()).collect();
    group.texts("unit", "SI unit of from and to", &axis, &units)
}

/// One axis `corner`; where a corner has no parameters they are NaN.
fn cornered(group: &Group<'_>, corners: &[Corner]) -> Result<(), StoreError> {
    let Some(Ok(first)) = corners.first().map(|c| &c.derived) else { return Ok(()) };
    let labels: Vec<String> = corners
        .iter()
        .map(|c| {
            let supply = c.supply.map_or_else(String::new, |v| format!(" {v:.3} V"));
            format!("{}{supply} {:.1} degC", c.process, c.temperature - 273.15)
        })
        .collect();
    let axis = group.label_axis("corner", "process, supply, temperature", &labels)?;
    let process: Vec<&str> = corners.iter().map(|c| c.process).collect();
    group.texts("process", "nFET and pFET: typical, fast, slow", &axis, &process)?;
    let supply: Vec<f64> = corners.iter().map(|c| c.supply.unwrap_or(f64::NAN)).collect();
    group.array("supply", &Unit::VOLT, "supply; NaN where the card has none", &[&axis], &supply)?;
    let temperature: Vec<f64> = corners.iter().map(|c| c.temperature).collect();
    group.array("temperature", &Unit::new("K".to_owned()), "temperature", &[&axis], &temperature)?;
    for p in &first.parameters {
        let values: Vec<f64> = corners
            .iter()
            .map(|c| c.derived.as_ref().ok().and_then(|d| d.value(&p.name)).unwrap_or(f64::NAN))
            .collect();
        group.array(&p.name, &Unit::new(p.unit.clone()), &p.formula, &[&axis], &values)?;
    }
    let time: Vec<f64> = corners.iter().map(|c| c.derived.as_ref().map_or(f64::NAN, |d| d.time_unit_s)).collect();
    group.array("time_unit", &Unit::SECOND, "seconds in one unit of the model's time", &[&axis], &time)?;
    let remark = |c: &Corner| match &c.derived {
        Ok(d) => d.warnings.join("; "),
        Err(e) => e.to_string(),
    };
    group.texts(
        "remark",
        "warnings, or why there are no parameters",
        &axis,
        &corners.iter().map(remark).collect::<Vec<_>>(),
    )
}

/// A group for each statistic along `quantile` and `parameter`, and the samples along `sample` where they are kept.
fn spreading(group: &Group<'_>, s: &Spread, samples: &[Vec<f64>]) -> Result<(), StoreError> {
    group.attribute("samples", s.samples as u64)?;
    group.attribute("seed", s.seed)?;
    let names: Vec<&str> = s.parameters.iter().map(|p| p.name.as_str()).collect();
    let axis = group.label_axis("parameter", "parameter, or time_unit", &names)?;
    let units: Vec<&str> = s.parameters.iter().map(|p| p.unit.as_str()).collect();
    group.texts("unit", "SI unit of a parameter's statistics", &axis, &units)?;
    let column = |f: fn(&felice_subthreshold::ParameterSpread) -> f64| s.parameters.iter().map(f).collect::<Vec<_>>();
    let statistics = [
        ("nominal", "value without mismatch", column(|p| p.nominal)),
        ("mean", "mean of the samples", column(|p| p.mean)),
        ("mean_error", "standard error of the mean", column(|p| p.mean_error)),
        ("standard_deviation", "of the samples", column(|p| p.deviation)),
        ("standard_deviation_error", "its standard error", column(|p| p.deviation_error)),
        ("first_order", "standard deviation propagated to first order", column(|p| p.propagated)),
        ("skewness", "of the samples", column(|p| p.skewness)),
    ];
    for (name, long_name, values) in statistics {
        group.array(name, &Unit::ONE, &format!("{long_name}, in the parameter's unit"), &[&axis], &values)?;
    }
    let level = group.axis("quantile", &Unit::ONE, "fraction of the samples below", &QUANTILES)?;
    let quantiles: Vec<f64> = s.parameters.iter().flat_map(|p| p.quantiles).collect();
    group.array(
        "quantiles",
        &Unit::ONE,
        "value at the quantile, in the parameter's unit",
        &[&axis, &level],
        &quantiles,
    )?;
    let with = group.label_axis("with", "the other parameter", &names)?;
    group.array("correlation", &Unit::ONE, "correlation", &[&axis, &with], &s.correlations.concat())?;
    if samples.is_empty() {
        return Ok(());
    }
    let kept = group.group("samples")?;
    let numbers: Vec<f64> = (0..s.samples).map(|n| n as f64).collect();
    let axis = kept.axis("sample", &Unit::ONE, "number of the circuit", &numbers)?;
    for (p, values) in s.parameters.iter().zip(samples) {
        kept.array(&p.name, &Unit::new(p.unit.clone()), "of each mismatched circuit", &[&axis], values)?;
    }
    Ok(())
}

fn sensitive(group: &Group<'_>, table: &[Sensitivity]) -> Result<(), StoreError> {
    let rows: Vec<String> = table.iter().map(|s| format!("{} {} {}", s.parameter, s.device, s.quantity)).collect();
    let axis = group.label_axis("row", "parameter, device, quantity", &rows)?;
    let texts = |f: fn(&Sensitivity) -> &str| table.iter().map(f).collect::<Vec<_>>();
    group.texts("parameter", "what is moved", &axis, &texts(|s| &s.parameter))?;
    group.texts("device", "by which transistor's", &axis, &texts(|s| &s.device))?;
    group.texts("of", "W, L or Vt0", &axis, &texts(|s| s.quantity))?;
    let effect: Vec<f64> = table.iter().map(|s| s.effect).collect();
    group.array("effect", &Unit::ONE, "for 1 % or 1 mV, in the parameter's unit", &[&axis], &effect)?;
    let relative: Vec<f64> = table.iter().map(|s| s.relative.unwrap_or(f64::NAN)).collect();
    group.array("relative", &Unit::ONE, "over the nominal value; NaN for an offset", &[&axis], &relative)
}
