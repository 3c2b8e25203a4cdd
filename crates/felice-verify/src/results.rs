//! `results.h5`: one group a case, everything a reader needs to judge the verdict or draw another figure.

use std::path::Path;

use felice_base::{Signal, Unit};
use felice_store::{Axis, FileWriter, Group, Provenance, StoreError, Written};

use crate::compare::Waves;
use crate::metric::{Metric, Status};
use crate::oscillation::Motion;
use crate::verdict::{CircuitRun, Outcome, Verdict, Verdicts};

/// Writes the verdicts to HDF5. Engines and inputs of all cases are added to the provenance.
///
/// Groups: `CASE/model`, `CASE/circuit` (axis `t` in seconds; `tau`; each state dimensionless under its own name and
/// in the circuit's unit as `v_STATE`), `CASE/metrics/METRIC` (`value`, `uncertainty`, `limit` as min and max,
/// `passed`, and the parts of the uncertainty), `CASE/parameters`, `CASE/provenance`.
///
/// # Errors
/// [`StoreError`]; nothing is left under the final name.
pub fn write_results(path: &Path, verdicts: &Verdicts, provenance: &Provenance) -> Result<Written, StoreError> {
    let mut provenance = provenance.clone();
    for verdict in verdicts.compared() {
        provenance.add_engine(&verdict.circuit_run.engine, &verdict.circuit_run.version);
        verdict.inputs.iter().for_each(|i| provenance.add_input(i.clone()));
    }
    let file = FileWriter::create(path, &provenance)?;
    let root = file.root();
    for outcome in &verdicts.cases {
        let group = root.group(outcome.name())?;
        group.attribute("title", outcome.title())?;
        group.attribute("status", outcome.word())?;
        match outcome {
            Outcome::Compared(verdict) => write_case(&group, verdict)?,
            Outcome::Broken { error, .. } => group.attribute("error", error.to_string())?,
        }
    }
    drop(root);
    file.finish()
}

fn write_case(group: &Group<'_>, verdict: &Verdict) -> Result<(), StoreError> {
    group.attribute("model", verdict.case.model.as_str())?;
    group.attribute("engine", verdict.circuit_run.engine.as_str())?;
    group.attribute("engine_version", verdict.circuit_run.version.as_str())?;
    group.attribute("diagnosis", verdict.diagnosis.clone())?;
    let unit = verdict.landmarks.time_unit;
    write_waves(&group.group("model")?, &verdict.model, unit, "model", verdict.comparison.model.motion)?;
    write_waves(&group.group("circuit")?, &verdict.circuit, unit, "circuit", verdict.comparison.circuit.motion)?;
    let metrics = group.group("metrics")?;
    verdict.metrics.iter().try_for_each(|m| write_metric(&metrics, m))?;
    write_parameters(&group.group("parameters")?, verdict)?;
    write_provenance(&group.group("provenance")?, verdict)
}

pub(crate) fn write_waves(
    group: &Group<'_>,
    waves: &Waves,
    time_unit: f64,
    side: &str,
    motion: Motion,
) -> Result<(), StoreError> {
    group.attribute("motion", motion.word())?;
    let seconds: Vec<f64> = waves.tau.iter().map(|t| t * time_unit).collect();
    let t = group.axis("t", &Unit::SECOND, "time", &seconds)?;
    let signal =
        |name: String, unit: &Unit, what: String, values: Vec<f64>| Signal::new(name, unit.clone(), what, values);
    let mut all = vec![signal("tau".into(), &Unit::ONE, "time in units of tau".into(), waves.tau.clone())];
    for c in &waves.channels {
        let state = format!("state {} of the {side}, dimensionless", c.state);
        all.push(signal(c.state.clone(), &Unit::ONE, state, c.state_values()));
        let physical = format!("{} of the {side}", c.signal);
        let letter = if c.unit == Unit::AMPERE { 'i' } else { 'v' };
        all.push(signal(format!("{letter}_{}", c.state), &c.unit, physical, c.values.clone()));
    }
    group.signals(&t, &all)
}

fn write_metric(metrics: &Group<'_>, metric: &Metric) -> Result<(), StoreError> {
    let unit = metric.name.unit();
    let group = metrics.group(metric.name.name())?;
    let status = metric.status();
    group.attribute("long_name", metric.name.long_name())?;
    group.attribute("status", status.word())?;
    group.attribute("why", metric.limit.as_ref().map_or("nothing is asked", |l| l.why.as_str()))?;
    if let Some(missing) = &metric.missing {
        group.attribute("missing", missing.as_str())?;
    }
    group.scalar("value", &unit, metric.name.long_name(), metric.value)?;
    group.scalar("uncertainty", &unit, "standard error and numerical error together", metric.uncertainty())?;
    let bound: Axis<'_> = group.label_axis("bound", "end of the allowed range", &["min", "max"])?;
    let (min, max) = metric.limit.as_ref().map_or((f64::NEG_INFINITY, f64::INFINITY), |l| (l.min, l.max));
    group.array("limit", &unit, "allowed range, infinite where open", &[&bound], &[min, max])?;
    let passed = u8::from(matches!(status, Status::Passed | Status::Reported));
    group.scalar("passed", &Unit::ONE, "1 where within its limit, or nothing is asked", passed)?;
    group.scalar("statistical", &unit, "standard error of the fit", metric.statistical)?;
    group.scalar(
        "numerical_model",
        &unit,
        "change when the model's integrator is tightened",
        metric.numerical_model,
    )?;
    group.scalar("numerical_circuit", &unit, "change when the simulator's step is halved", metric.numerical_circuit)
}

fn write_parameters(group: &Group<'_>, verdict: &Verdict) -> Result<(), StoreError> {
    group.scalar("time_unit", &Unit::SECOND, "one tau", verdict.landmarks.time_unit)?;
    for p in &verdict.parameters {
        let from = if p.devices.is_empty() { String::new() } else { format!(" [{}]", p.devices.join(", ")) };
        let what = format!("{} = {}{from}", p.symbol, p.source);
        group.scalar(&p.name, &Unit::new(p.unit.clone()), &what, p.value)?;
    }
    Ok(())
}

fn write_provenance(group: &Group<'_>, verdict: &Verdict) -> Result<(), StoreError> {
    write_run(group, &verdict.circuit_run, &verdict.case.text)?;
    match &verdict.card {
        Some((_, text)) => group.text("card", "the device card as read", text),
        None => Ok(()),
    }
}

/// What ran: engine, settings, netlist, log.
pub(crate) fn write_run(group: &Group<'_>, run: &CircuitRun, case: &str) -> Result<(), StoreError> {
    group.attribute("engine", run.engine.as_str())?;
    group.attribute("engine_version", run.version.as_str())?;
    group.attribute("engine_reason", run.reason.as_str())?;
    group.attribute("steps", run.steps)?;
    let settings: Vec<String> = run.options.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    group.text("engine_settings", "options in force, one a line", &settings.join("\n"))?;
    group.text("netlist", "the netlist as read", &run.netlist)?;
    group.text("case", "the case file as read", case)?;
    group.text("log", "the engine's own words, without times and memory", &run.log)
}

#[cfg(test)]
mod tests {
    use felice_store::{AttributeValue, Reader};

    use super::*;
    use crate::specimen;

    #[test]
    fn every_group_of_the_interface_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.h5");
        let verdicts = specimen::verdicts();
        write_results(&path, &verdicts, &Provenance::new("felice", "0.1.0", "unknown")).unwrap();
        let file = Reader::open(&path).unwrap();
        assert_eq!(file.groups("/").unwrap(), ["good", "slow", "broken"]);
        assert_eq!(file.groups("slow").unwrap(), ["model", "circuit", "metrics", "parameters", "provenance"]);
        assert_eq!(file.datasets("slow/circuit").unwrap(), ["t", "tau", "u", "v_u", "v", "v_v"]);
        let waves = file.sampled("slow/circuit", "t").unwrap();
        assert_eq!(waves.axis().unit, Unit::SECOND);
        assert!((waves.axis().values.last().unwrap() - 0.04).abs() < 1e-15);
        assert_eq!(waves.get("v_u").unwrap().unit, Unit::VOLT);
        let value = file.numbers("slow/metrics/period_ratio/value").unwrap()[0];
        assert!((value - 1.04).abs() < 1e-4);
        assert_eq!(file.numbers("slow/metrics/period_ratio/limit").unwrap(), [0.985, 1.015]);
        assert_eq!(file.numbers("slow/metrics/period_ratio/passed").unwrap(), [0.0]);
        assert_eq!(file.numbers("good/metrics/period_ratio/passed").unwrap(), [1.0]);
        assert!(file.numbers("good/metrics/rms/limit").unwrap()[1].is_infinite());
        assert_eq!(file.texts("good/provenance/netlist").unwrap(), ["* made up\n.end\n"]);
        let text = |object: &str, name: &str| file.attribute(object, name).unwrap().unwrap();
        assert_eq!(text("/", "engine"), AttributeValue::Text("ngspice".into()));
        assert_eq!(text("broken", "status"), AttributeValue::Text("broken".into()));
    }
}
