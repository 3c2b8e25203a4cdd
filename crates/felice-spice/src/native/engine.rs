//! The engine behind the trait: jobs in, simulations out.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::compiled::{Compiled, Method, Options, refusal};
use crate::analysis::Analysis;
use crate::circuit::{Circuit, Saves};
use crate::engine::{Engine, EngineName, Settings};
use crate::error::SpiceError;
use crate::job::Job;
use crate::measure;
use crate::simulation::Simulation;

/// Points, at least, on which a transient's measurements look.
const MEASURED_POINTS: f64 = 50_000.0;

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
        if !measured {
            return self.simulate(circuit, settings);
        }
        // Measurements draw straight lines between points: they get points of their own, close to each other.
        let result = self.simulate(circuit.clone(), settings)?;
        let mut fine = Arc::unwrap_or_clone(circuit);
        if let Some(Analysis::Tran(tran)) = fine.analyses.first_mut() {
            let close = (tran.stop - tran.start) / MEASURED_POINTS;
            tran.max_step = Some(tran.max_step.unwrap_or(tran.step).min(close));
        }
        let asked = fine.measures.iter().flat_map(|m| m.what.vectors().map(str::to_owned));
        let asked: BTreeSet<String> = asked.filter(|v| fine.check_vector(v).is_ok()).collect();
        fine.saves = Saves::Only(asked.into_iter().collect());
        let measures = std::mem::take(&mut fine.measures);
        let own = self.simulate(Arc::new(fine), &Settings { samples: None, ..settings.clone() })?;
        Ok(Simulation { measures: measure::evaluate(&measures, &own), ..result })
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
            Analysis::Op => compiled.operating_point(settings, &saves),
            Analysis::Dc(sweeps) => compiled.sweep(sweeps, settings, &saves),
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
