//! A fit as an HDF5 file.

use std::path::Path;

use felice_base::Unit;
use felice_store::{FileWriter, Provenance, StoreError, Written};

use super::{Agreement, Fit};
use crate::oscillation::analyse;
use crate::results::{write_run, write_waves};

/// Writes a fit: group `CASE` with `model` (fitted) and `circuit` as in `results.h5`, `parameters` (along the axis
/// `parameter`: `value`, `standard_error`, `lower`, `upper`, `start`; `correlation`), `agreement`, `provenance`.
///
/// # Errors
/// [`StoreError`]; nothing is left under the final name.
pub fn write_fit(path: &Path, fit: &Fit, provenance: &Provenance) -> Result<Written, StoreError> {
    let mut provenance = provenance.clone();
    provenance.add_engine(&fit.circuit_run.engine, &fit.circuit_run.version);
    fit.inputs.iter().for_each(|i| provenance.add_input(i.clone()));
    let file = FileWriter::create(path, &provenance)?;
    let root = file.root();
    let case = root.group(&fit.case.name)?;
    case.attribute("title", fit.case.title.as_str())?;
    case.attribute("model", fit.case.model.as_str())?;
    case.attribute("warnings", fit.warnings.clone())?;
    for (name, waves) in [("model", &fit.model), ("circuit", &fit.circuit)] {
        let motion = waves.channels.first().map(|c| analyse(&waves.tau, &c.values).motion);
        let side = if name == "model" { "fitted model" } else { "circuit" };
        write_waves(&case.group(name)?, waves, fit.time_unit, side, motion.unwrap_or(crate::Motion::Still))?;
    }
    let group = case.group("parameters")?;
    let names: Vec<&str> = fit.parameters.iter().map(|p| p.name.as_str()).collect();
    let axis = group.label_axis("parameter", "a fitted parameter of the model", &names)?;
    let units: Vec<&str> = fit.parameters.iter().map(|p| p.unit.as_str()).collect();
    group.texts("unit", "unit of the parameter", &axis, &units)?;
    let column = |name: &str, about: &str, of: fn(&super::FittedParameter) -> f64| {
        let values: Vec<f64> = fit.parameters.iter().map(of).collect();
        group.array(name, &Unit::ONE, about, &[&axis], &values)
    };
    column("value", "fitted value in the parameter's unit", |p| p.value)?;
    column("standard_error", "standard error, infinite where the waveform does not tell", |p| p.standard_error)?;
    column("numerical", "the part of it that is the simulator's error", |p| p.numerical)?;
    column("lower", "lower end of the 95 % confidence interval", |p| p.interval.0)?;
    column("upper", "upper end of the 95 % confidence interval", |p| p.interval.1)?;
    column("start", "value that the fit began from", |p| p.start)?;
    let other = group.label_axis("other_parameter", "the other parameter", &names)?;
    group.array(
        "correlation",
        &Unit::ONE,
        "correlation of two fitted parameters",
        &[&axis, &other],
        &fit.correlation,
    )?;
    group.scalar("condition", &Unit::ONE, "condition of the scaled sensitivities", fit.condition)?;
    group.scalar("time_unit", &Unit::SECOND, "one tau", fit.time_unit)?;
    let held = case.group("held")?;
    for (name, value) in &fit.held {
        held.scalar(name, &Unit::ONE, "held during the fit, in the parameter's unit", *value)?;
    }
    let agreement = case.group("agreement")?;
    let mut sides = vec![("after", fit.after)];
    sides.extend(fit.before.map(|b| ("before", b)));
    for (name, a) in sides {
        let Agreement { nrmse, rms, period_ratio, amplitude_ratio } = a;
        let g = agreement.group(name)?;
        g.scalar("nrmse", &Unit::ONE, "RMS difference over the model's range", nrmse)?;
        g.scalar("rms", &Unit::VOLT, "RMS difference", rms)?;
        g.scalar("period_ratio", &Unit::ONE, "period, circuit over model", period_ratio)?;
        g.scalar("amplitude_ratio", &Unit::ONE, "amplitude, circuit over model", amplitude_ratio)?;
    }
    write_run(&case.group("provenance")?, &fit.circuit_run, &fit.case.text)?;
    drop((axis, other, group, held, agreement, case, root));
    file.finish()
}
