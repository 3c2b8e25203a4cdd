//! The engine behind the trait: jobs in, simulations out.

use std::sync::Arc;

use super::compiled::{Compiled, Method, Options, refusal};
use crate::analysis::Analysis;
use crate::circuit::{Circuit, Saves};
use crate::engine::{Engine, EngineName, Job, Settings};
use crate::error::SpiceError;
use crate::parser::{Changes, parse};
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
        let (circuit, _) = resolve(job)?;
        match refusal(&circuit) {
            Some(reason) => Err(SpiceError::Refused { engine: EngineName::Native, reason }),
            None => Ok(()),
        }
    }

    fn run(&self, job: &Job, settings: &Settings) -> Result<Simulation, SpiceError> {
        let (circuit, analysis) = resolve(job)?;
        let saves = match &job.saves {
            Some(names) => Saves::Only(names.clone()),
            None => circuit.saves.clone(),
        };
        let mut compiled = Compiled::new(circuit, self.options)?;
        for (node, volts) in &job.initial {
            compiled.set_initial(node, *volts)?;
        }
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
            version: self.version()?,
            reason: "asked for".into(),
            options,
            measures: Vec::new(),
            log,
            work: waves.work,
            cached: false,
        })
    }
}

/// The circuit with the job's changes, and the analysis that is to run.
fn resolve(job: &Job) -> Result<(Arc<Circuit>, Analysis), SpiceError> {
    let made_by_program = job.netlist.path().is_none() && job.netlist.text().is_empty();
    let tran = match &job.analysis {
        Some(Analysis::Tran(tran)) => Some(tran.clone()),
        _ => None,
    };
    let circuit = if made_by_program || (tran.is_none() && job.parameters.is_empty()) {
        job.netlist.circuit()?
    } else {
        Arc::new(parse(&job.netlist, &Changes { parameters: job.parameters.clone(), tran })?)
    };
    let first = |c: &Circuit| {
        let tran = c.analyses.iter().find(|a| matches!(a, Analysis::Tran(_)));
        tran.or(c.analyses.first()).cloned()
    };
    let analysis = job.analysis.clone().or_else(|| first(&circuit)).ok_or_else(|| SpiceError::Request {
        what: "a netlist without an analysis".into(),
        expected: "a .tran, .dc or .op line, or an analysis in the request".into(),
    })?;
    Ok((circuit, analysis))
}
