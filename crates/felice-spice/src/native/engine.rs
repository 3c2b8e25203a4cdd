//! The engine behind the trait: jobs in, simulations out.

use std::sync::Arc;

use super::compiled::{Compiled, Method, Options, refusal};
use crate::analysis::Analysis;
use crate::circuit::Circuit;
use crate::engine::{Engine, EngineName, Settings};
use crate::error::SpiceError;
use crate::job::Job;
use crate::measure;
use crate::simulation::Simulation;

/// The native engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Native {
    /// How it compiles circuits.
    pub options: Options,
}

impl Native {
    /// With the method and shortcuts that measured best.
    pub fn new() -> Self {
        Native::default()
    }

    /// With another integration method.
    pub fn with_method(method: Method) -> Self {
        Native { options: Options { method, ..Options::default() } }
    }
}

impl Engine for Native {
    fn name(&self) -> EngineName {
        EngineName::Native
    }

    fn version(&self) -> Result<String, SpiceError> {
        Ok(env!("CARGO_PKG_VERSION").into())
    }

    fn accepts(&self, job: &Job) -> Result<(), SpiceError> {
        match refusal(&*job.circuit()?) {
            Some(reason) => Err(SpiceError::Refused { engine: EngineName::Native, reason }),
            None => Ok(()),
        }
    }

    fn run(&self, job: &Job, settings: &Settings) -> Result<Simulation, SpiceError> {
        let circuit = job.circuit()?;
        let tran = |a: &Analysis| matches!(a, Analysis::Tran(_));
        let measured =
            circuit.measures.iter().any(|m| m.analysis == "tran") && circuit.analyses.first().is_some_and(tran);
        if settings.samples.is_none() || !measured {
            return self.simulate(circuit, settings);
        }
        // Measurements look at the engine's own points, samples are read off another run's dense output.
        let own = self.simulate(circuit.clone(), &Settings { samples: None, ..settings.clone() })?;
        let sampled = self.simulate(circuit.clone(), settings)?;
        Ok(Simulation { measures: measure::evaluate(&circuit.measures, &own), ..sampled })
    }
}

impl Native {
    fn simulate(&self, circuit: Arc<Circuit>, settings: &Settings) -> Result<Simulation, SpiceError> {
        let analysis = circuit.analyses.first().cloned().ok_or_else(|| SpiceError::Request {
            what: "a circuit without an analysis".into(),
            expected: "a .tran, .dc or .op line".into(),
        })?;
        let saves = circuit.saves.clone();
        let mut compiled = Compiled::new(circuit, self.options)?;
        let waves = match &analysis {
            Analysis::Op => compiled.operating_point(&saves),
            Analysis::Dc(sweeps) => compiled.sweep(sweeps, &saves),
            Analysis::Tran(tran) => compiled.transient(tran, settings, &saves),
        }?;
        let mut options = vec![
            ("abstol".to_owned(), format!("{:e}", settings.abstol())),
            ("method".to_owned(), waves.method.unwrap_or("Newton").to_owned()),
            ("recognise".to_owned(), self.options.recognise.to_string()),
            ("reltol".to_owned(), format!("{:e}", settings.reltol())),
            ("vntol".to_owned(), format!("{:e}", settings.vntol())),
        ];
        options.sort();
        let log = format!(
            "{} unknowns after elimination, {} transistors of which {} recognised from B sources\n",
            compiled.order(),
            compiled.transistors().len(),
            compiled.recognised()
        );
        Ok(Simulation {
            analysis,
            vectors: waves.vectors,
            engine: EngineName::Native,
            version: env!("CARGO_PKG_VERSION").into(),
            reason: "asked for".into(),
            options,
            measures: Vec::new(),
            log,
            work: waves.work,
            cached: false,
        })
    }
}
