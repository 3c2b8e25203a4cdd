//! From case files to verdicts: both sides run twice, on one grid, the second time tightened.

use std::collections::HashMap;
use std::path::PathBuf;

use felice_spice::{Accuracy, Analysis, EngineChoice, EngineName, Job, Netlist, Settings, Simulation};
use felice_store::Input;
use rayon::prelude::*;

use crate::case::{Binding, Case};
use crate::compare::{self, Channel, Comparison, Landmarks, Waves};
use crate::diagnosis;
use crate::error::VerifyError;
use crate::grid;
use crate::metric::{METRICS, Metric, MetricName, Status};
use crate::oscillation::Estimate;
use crate::parameters::{Prepared, mismatch};
use crate::trajectory::{self, Start};
use crate::verdict::{CircuitRun, Outcome, Verdict, Verdicts};

/// The one place for this crate's tolerances.
mod tolerance {
    use crate::trajectory::Effort;

    /// The model's integrator, at first and tightened.
    pub(super) const MODEL: [Effort; 2] =
        [Effort { tolerance: 1e-10, max_steps: 2_000_000 }, Effort { tolerance: 1e-12, max_steps: 2_000_000 }];
    /// What the simulator's relative tolerance is multiplied with when its step is halved.
    pub(super) const RELTOL: f64 = 0.1;
    /// Netlists whose transient ends this much too early still cover the time compared.
    pub(super) const END: f64 = 1e-9;
}

/// What the caller decides.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// Engine for all cases instead of what each asks for.
    pub engine: Option<EngineChoice>,
    /// Settings for the engines; accuracy and step are the job's own.
    pub settings: Settings,
}

/// What a progress callback hears.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// A case begins.
    Started(&'a str),
    /// A case ended, with its word (`passed`, `failed`, ..).
    Finished(&'a str, &'static str),
}

/// Runs every case, in parallel; the verdicts stand in the order of the cases and are the same whatever the threads.
///
/// # Errors
/// [`VerifyError`] where a case file itself is wrong: then nothing ran. What fails later is an [`Outcome::Broken`].
pub fn verify(
    cases: &[PathBuf],
    options: &VerifyOptions,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Verdicts, VerifyError> {
    let mut read = cases.iter().map(|f| Case::read(f)).collect::<Result<Vec<_>, _>>()?;
    if read.is_empty() {
        return Err(VerifyError::NoCase { why: "the list of case files is empty".into() });
    }
    tell_apart(&mut read);
    let mut cases: Vec<(usize, Outcome)> = lanes(read, options)
        .into_par_iter()
        .with_max_len(1)
        .flat_map_iter(|lane| {
            lane.into_iter().map(|(index, case)| {
                progress(Progress::Started(&case.name));
                let outcome = match verify_case(&case, options) {
                    Ok(verdict) => Outcome::Compared(Box::new(verdict)),
                    Err(error) => Outcome::Broken { name: case.name, title: case.title, file: case.file, error },
                };
                progress(Progress::Finished(outcome.name(), outcome.word()));
                (index, outcome)
            })
        })
        .collect();
    cases.sort_by_key(|(index, _)| *index);
    Ok(Verdicts { cases: cases.into_iter().map(|c| c.1).collect() })
}

/// Cases that may run beside each other, each with its place. spice21 runs one thing at a time in a process: its cases
/// share a lane, so that none of them keeps a core waiting, and it comes first, since it takes longest.
fn lanes(cases: Vec<Case>, options: &VerifyOptions) -> Vec<Vec<(usize, Case)>> {
    const SPICE21: EngineChoice = EngineChoice::Only(EngineName::Spice21);
    let on_spice21 = |case: &Case| engine_of(case, options).is_ok_and(|e| e == SPICE21);
    let (slow, others): (Vec<_>, Vec<_>) = cases.into_iter().enumerate().partition(|(_, case)| on_spice21(case));
    std::iter::once(slow).chain(others.into_iter().map(|c| vec![c])).filter(|lane| !lane.is_empty()).collect()
}

/// Two cases of one name become `name` and `name-2`.
fn tell_apart(cases: &mut [Case]) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for case in cases {
        let n = seen.entry(case.name.clone()).or_insert(0);
        *n += 1;
        if *n > 1 {
            case.name = format!("{}-{n}", case.name);
        }
    }
}

/// Runs one case.
///
/// # Errors
/// [`VerifyError`]: what is wrong with the case, its card, its netlist, or the engine.
pub fn verify_case(case: &Case, options: &VerifyOptions) -> Result<Verdict, VerifyError> {
    let prepared = Prepared::new(case, engine_of(case, options)?, &options.settings)?;
    let circuit = Circuit::simulate(case, &prepared, options)?;
    let model = Model::simulate(case, &prepared, &circuit.fine)?;
    let landmarks = landmarks(&prepared, &circuit.fine);
    let mut comparison = Comparison::new(&model.fine, &circuit.fine, &landmarks);
    if let Some((_, error)) = &prepared.design {
        comparison.values.push((MetricName::DesignError, Ok(Estimate { value: *error, error: 0.0 })));
    }
    let metrics = measure(case, &model, &circuit, &landmarks, &comparison);
    let status = overall(&metrics);
    let mut inputs = vec![Input::of(case.file.display().to_string(), &case.text)];
    inputs.push(Input::of(case.netlist.display().to_string(), &circuit.run.netlist));
    inputs.extend(prepared.inputs.iter().cloned());
    let mut verdict = Verdict {
        case: case.clone(),
        status,
        metrics,
        diagnosis: prepared.warnings.iter().chain(prepared.design.iter().map(|d| &d.0)).cloned().collect(),
        comparison,
        landmarks,
        parameters: prepared.used.clone(),
        model: model.fine,
        circuit: circuit.fine,
        circuit_run: circuit.run,
        inputs,
        card: prepared.card.clone(),
    };
    verdict.diagnosis.extend(model.warning);
    let found = diagnosis::diagnose(&verdict, &prepared, &model.start);
    verdict.diagnosis.extend(found);
    Ok(verdict)
}

/// The caller's engine, else the case's own.
pub(crate) fn engine_of(case: &Case, options: &VerifyOptions) -> Result<EngineChoice, VerifyError> {
    let parsed = || {
        case.engine.parse().map_err(|source| VerifyError::Circuit { case: case.name.clone(), source: Box::new(source) })
    };
    options.engine.map_or_else(parsed, Ok)
}

fn overall(metrics: &[Metric]) -> Status {
    let any = |s| metrics.iter().any(|m| m.status() == s);
    match () {
        () if any(Status::Failed) => Status::Failed,
        () if any(Status::Unresolved) => Status::Unresolved,
        () => Status::Passed,
    }
}

/// The circuit's side, simulated twice.
pub(crate) struct Circuit {
    pub(crate) coarse: Waves,
    pub(crate) fine: Waves,
    pub(crate) run: CircuitRun,
}

impl Circuit {
    pub(crate) fn simulate(case: &Case, prepared: &Prepared, options: &VerifyOptions) -> Result<Self, VerifyError> {
        let spice = |source| VerifyError::Circuit { case: case.name.clone(), source: Box::new(source) };
        let job = Job::new(Netlist::read(&case.netlist).map_err(spice)?);
        let engine = engine_of(case, options)?;
        let run = |settings: &Settings| felice_spice::simulate(&job, engine, settings).map_err(spice);
        let first = Settings { accuracy: Accuracy::Tight, samples: None, ..options.settings.clone() };
        let coarse = run(&first)?;
        let Analysis::Tran(tran) = &coarse.analysis else {
            let what = format!("`{}` asks for no transient", case.netlist.display());
            return Err(mismatch(case, what, "give it a .tran line"));
        };
        let share = tran.stop / first.accuracy.steps_of_trapezoidal();
        // What the engine says it took, where it says so; else what one of low order would take.
        let in_force = coarse.options.iter().find(|o| o.0 == "max_step").and_then(|o| o.1.parse().ok());
        let step = in_force.unwrap_or(tran.max_step.unwrap_or(share).min(share));
        let tightened =
            Settings { reltol: Some(tolerance::RELTOL * first.reltol()), max_step: Some(0.5 * step), ..first };
        let fine = run(&tightened)?;
        Ok(Circuit {
            coarse: waves(case, prepared, &coarse)?,
            fine: waves(case, prepared, &fine)?,
            run: CircuitRun {
                engine: fine.engine.to_string(),
                version: fine.version.clone(),
                reason: fine.reason.clone(),
                options: fine.options.clone(),
                log: repeatable(&fine.log),
                netlist: job.netlist.text().to_owned(),
                steps: fine.work.steps,
            },
        })
    }
}

/// A simulation on the case's grid.
pub(crate) fn waves(case: &Case, prepared: &Prepared, simulation: &Simulation) -> Result<Waves, VerifyError> {
    let tau = grid::uniform(case.span, case.samples);
    let seconds: Vec<f64> = tau.iter().map(|t| t * prepared.time_unit).collect();
    let (wanted, end) = (case.span * prepared.time_unit, simulation.axis().last().copied().unwrap_or(0.0));
    if end < wanted * (1.0 - tolerance::END) {
        return Err(mismatch(
            case,
            format!("the transient ends at {end:.6e} s but {} tau last {wanted:.6e} s", case.span),
            "lengthen .tran in the netlist or shorten `span` in [time]",
        ));
    }
    let mut channels = Vec::new();
    for (state, binding) in &case.states {
        let Binding::Signal { signal, offset, scale } = binding else { continue };
        let Some(vector) = simulation.vector(signal) else {
            let known: Vec<&str> = simulation.vectors.signals().iter().map(|s| s.name.as_str()).collect();
            let what = format!("state `{state}` is to be `{signal}`, which the simulation does not have");
            return Err(mismatch(case, what, &format!("the netlist saves: {}", known.join(", "))));
        };
        channels.push(Channel {
            state: state.clone(),
            signal: signal.clone(),
            unit: vector.unit.clone(),
            offset: prepared.level(case, offset)?,
            scale: prepared.level(case, scale)?,
            values: grid::resample(simulation.axis(), &vector.values, &seconds),
        });
    }
    if channels.is_empty() {
        return Err(mismatch(case, "no state has a signal".into(), "bind at least one state in [states]"));
    }
    Ok(Waves { tau, channels })
}

/// A log without what differs from run to run: times and memory.
fn repeatable(log: &str) -> String {
    const CHANGING: [&str; 7] =
        ["elapsed time", "analysis time", "seconds", "DRAM", "program size", "resident set", "Shared ngspice pages"];
    let keep = |l: &&str| !CHANGING.iter().any(|c| l.contains(c));
    log.lines().filter(keep).map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// The model's side.
struct Model {
    coarse: Waves,
    fine: Waves,
    start: Start,
    warning: Option<String>,
}

impl Model {
    /// From the state where the circuit is at its first sample.
    fn simulate(case: &Case, prepared: &Prepared, circuit: &Waves) -> Result<Self, VerifyError> {
        let start = trajectory::start(case, circuit)?;
        let run = |effort| {
            trajectory::waves(case, &prepared.neuron, circuit, &start, effort)
                .map_err(|source| VerifyError::Neuron { case: case.name.clone(), source })
        };
        let (coarse, _) = run(tolerance::MODEL[0])?;
        let (fine, warning) = run(tolerance::MODEL[1])?;
        Ok(Model { coarse, fine, start, warning })
    }
}

pub(crate) fn landmarks(prepared: &Prepared, circuit: &Waves) -> Landmarks {
    let threshold = prepared.neuron.get("v_thr").ok().and_then(|level| {
        let i = circuit.channels.iter().position(|c| c.state == "v")?;
        Some((i, circuit.channels[i].offset + circuit.channels[i].scale * level))
    });
    Landmarks { fixed_points: Vec::new(), threshold, time_unit: prepared.time_unit }
}

fn measure(case: &Case, model: &Model, circuit: &Circuit, landmarks: &Landmarks, fine: &Comparison) -> Vec<Metric> {
    let looser_model = Comparison::new(&model.coarse, &circuit.fine, landmarks);
    let looser_circuit = Comparison::new(&model.fine, &circuit.coarse, landmarks);
    let value = |c: &Comparison, name| c.values.iter().find(|v| v.0 == name).and_then(|v| v.1.clone().ok());
    let mut metrics = Vec::new();
    for name in METRICS {
        let limit = case.limits.get(&name).cloned();
        let measured = fine.values.iter().find(|v| v.0 == name).map(|v| v.1.clone());
        let measured = match (measured, &limit) {
            (Some(m), _) => m,
            (None, Some(_)) => Err("neither side does anything of the kind".into()),
            (None, None) => continue,
        };
        let metric = match measured {
            Ok(estimate) => {
                let change = |c: &Comparison| value(c, name).map_or(f64::NAN, |v| (v.value - estimate.value).abs());
                // Of a distance between two curves the change may cancel; the distance they moved cannot.
                let moved = |a: &Waves, b: &Waves| match name {
                    MetricName::DesignError => Some(0.0),
                    MetricName::Rms => Some(compare::rms(a, b)),
                    MetricName::MaxError => Some(compare::max_error(a, b)),
                    MetricName::Nrmse => Some(compare::nrmse_over(a, b, &model.fine)),
                    _ => None,
                };
                Metric {
                    name,
                    value: estimate.value,
                    statistical: estimate.error,
                    numerical_model: moved(&model.coarse, &model.fine).unwrap_or_else(|| change(&looser_model)),
                    numerical_circuit: moved(&circuit.coarse, &circuit.fine).unwrap_or_else(|| change(&looser_circuit)),
                    limit,
                    missing: None,
                }
            }
            Err(why) => Metric {
                name,
                value: f64::NAN,
                statistical: 0.0,
                numerical_model: 0.0,
                numerical_circuit: 0.0,
                limit,
                missing: Some(why),
            },
        };
        metrics.push(metric);
    }
    metrics
}
