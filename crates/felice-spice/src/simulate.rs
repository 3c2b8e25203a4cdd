//! The one function most callers need: a job, a choice of engine, settings, and a [`Simulation`] comes back.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use rayon::prelude::*;

use crate::cache;
use crate::engine::{Engine, EngineName, Settings};
use crate::error::SpiceError;
use crate::job::Job;
use crate::measure;
use crate::native::Native;
use crate::ngspice::Ngspice;
use crate::resample;
use crate::simulation::Simulation;

/// Which engine a caller wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EngineChoice {
    /// Native where it understands the circuit, else ngspice.
    #[default]
    Auto,
    /// This one and no other.
    Only(EngineName),
}

impl FromStr for EngineChoice {
    type Err = SpiceError;

    fn from_str(text: &str) -> Result<Self, SpiceError> {
        match text {
            "auto" => Ok(EngineChoice::Auto),
            "native" => Ok(EngineChoice::Only(EngineName::Native)),
            "ngspice" => Ok(EngineChoice::Only(EngineName::Ngspice)),
            "spice21" => Ok(EngineChoice::Only(EngineName::Spice21)),
            _ => Err(SpiceError::Request {
                what: format!("the engine `{text}`"),
                expected: "auto, native, ngspice or spice21".into(),
            }),
        }
    }
}

impl fmt::Display for EngineChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineChoice::Auto => f.write_str("auto"),
            EngineChoice::Only(name) => name.fmt(f),
        }
    }
}

/// The engine of that name.
///
/// # Errors
/// [`SpiceError::Missing`] where this build has none.
pub fn engine(name: EngineName) -> Result<&'static dyn Engine, SpiceError> {
    static NGSPICE: OnceLock<Ngspice> = OnceLock::new();
    static NATIVE: OnceLock<Native> = OnceLock::new();
    match name {
        EngineName::Ngspice => Ok(NGSPICE.get_or_init(Ngspice::default)),
        EngineName::Native => Ok(NATIVE.get_or_init(Native::new)),
        #[cfg(feature = "spice21")]
        EngineName::Spice21 => Ok(&crate::spice21::Spice21),
        #[cfg(not(feature = "spice21"))]
        EngineName::Spice21 => Err(SpiceError::Missing {
            engine: name,
            problem: "this build does not contain it".into(),
            remedy: "build felice with its cargo feature spice21 (on by default), or choose another engine".into(),
        }),
    }
}

/// Runs a job and says which engine ran, and why.
///
/// # Errors
/// Any [`SpiceError`]: what is wrong with the netlist, why no engine can run it, or how the engine failed.
pub fn simulate(job: &Job, choice: EngineChoice, settings: &Settings) -> Result<Simulation, SpiceError> {
    let (engine, reason) = select(job, choice)?;
    let version = engine.version().map_err(|e| because(e, &reason))?;
    let key = if settings.cache { cache::key(job, engine.name(), &version, settings) } else { None };
    let kept = || key.as_ref().and_then(|(key, analysis)| cache::load(key, analysis));
    if let Some(found) = kept() {
        return Ok(Simulation { reason, ..found });
    }
    // Another process or thread may be at it, and be done when our turn comes.
    let _turn = key.as_ref().and_then(|(key, _)| cache::turn(key, settings.time_limit));
    if let Some(found) = kept() {
        return Ok(Simulation { reason, ..found });
    }
    let mut result = engine.run(job, settings)?;
    result.reason = reason;
    if result.measures.is_empty()
        && let Ok(circuit) = job.circuit()
    {
        result.measures = measure::evaluate(&circuit.measures, &result);
    }
    if let Some((key, _)) = &key {
        cache::store(key, &result);
    }
    Ok(result)
}

/// Runs jobs beside each other, as many at a time as there are cores; results in the order of the jobs.
pub fn simulate_all(jobs: &[Job], choice: EngineChoice, settings: &Settings) -> Vec<Result<Simulation, SpiceError>> {
    jobs.par_iter().map(|job| simulate(job, choice, settings)).collect()
}

/// The engine that runs a job, and why this one.
fn select(job: &Job, choice: EngineChoice) -> Result<(&'static dyn Engine, String), SpiceError> {
    if let EngineChoice::Only(name) = choice {
        let engine = engine(name)?;
        engine.accepts(job)?;
        return Ok((engine, "asked for".into()));
    }
    let ngspice = engine(EngineName::Ngspice)?;
    let native = engine(EngineName::Native)?;
    match native.accepts(job) {
        Ok(()) => Ok((native, "native understands the whole circuit".into())),
        Err(SpiceError::Refused { reason, .. }) => Ok((ngspice, format!("native cannot run it: {reason}"))),
        Err(SpiceError::NotUnderstood(what)) => Ok((ngspice, format!("only ngspice may understand {what}"))),
        Err(e) => Err(e),
    }
}

/// A missing engine, with the reason why it was needed.
fn because(e: SpiceError, reason: &str) -> SpiceError {
    match e {
        SpiceError::Missing { engine, problem, remedy } if reason != "asked for" => {
            SpiceError::Missing { engine, problem: format!("{problem} (needed, since {reason})"), remedy }
        }
        other => other,
    }
}

/// The last steps every engine shares: measurements on its own points, then equally spaced samples where asked for.
pub(crate) fn finish(mut result: Simulation, job: &Job, settings: &Settings) -> Result<Simulation, SpiceError> {
    if let Ok(circuit) = job.circuit() {
        result.measures = measure::evaluate(&circuit.measures, &result);
    }
    if let (Some(samples), crate::analysis::Analysis::Tran(_)) = (settings.samples, &result.analysis) {
        result.vectors = resample::uniform(result.vectors, samples)?;
    }
    Ok(result)
}
