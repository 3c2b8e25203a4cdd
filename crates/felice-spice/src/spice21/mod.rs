//! The independent second implementation: the crate spice21 0.1.5, for what it can do.
//!
//! It has no netlists, no controlled sources, DC sources only, backward Euler with a fixed step, and of the MOSFETs only the
//! default BSIM4 card conducts below threshold. So: default-card BSIM4 circuits with R, C, V, I; operating points, DC sweeps,
//! and transients whose sources are constant piece by piece. Its default card is no foundry's.
//!
//! What is cured here: the 1 nS it leaves on every node with an initial condition (-1 nS beside it), the missing last point,
//! the conventions of R and I, its prints, its panics, its `Ok(NaN)`, its start at 0 V everywhere. Three runs with steps h, 2h,
//! 4h give a Richardson extrapolation and the order that was measured.

mod contain;
mod dc;
mod stairs;
mod transient;
mod translate;

use felice_base::{Sampled, Signal, Unit};
use spice21::analysis::Options;

use crate::analysis::{Analysis, Sweep};
use crate::circuit::{Circuit, Device, ElementId, NodeId};
use crate::engine::{Engine, EngineName, Settings};
use crate::error::SpiceError;
use crate::job::Job;
use crate::simulation::{Simulation, Work, long_name_of, unit_of};

/// Version of the crate that is linked.
const VERSION: &str = "0.1.5";

/// The spice21 engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spice21;

impl Spice21 {
    fn failed(problem: impl Into<String>) -> SpiceError {
        SpiceError::Failed { engine: EngineName::Spice21, problem: problem.into(), log: String::new() }
    }

    fn refused(reason: impl Into<String>) -> SpiceError {
        SpiceError::Refused { engine: EngineName::Spice21, reason: reason.into() }
    }
}

impl Engine for Spice21 {
    fn name(&self) -> EngineName {
        EngineName::Spice21
    }

    fn version(&self) -> Result<String, SpiceError> {
        Ok(VERSION.into())
    }

    fn accepts(&self, job: &Job) -> Result<(), SpiceError> {
        let circuit = job.circuit()?;
        let mut reason = translate::refusal(&circuit);
        if let Some(Analysis::Tran(t)) = circuit.analyses.first() {
            reason = reason.or_else(|| transient::refusal(&circuit, t));
        }
        reason.map_or(Ok(()), |reason| Err(Spice21::refused(reason)))
    }

    fn run(&self, job: &Job, settings: &Settings) -> Result<Simulation, SpiceError> {
        self.accepts(job)?;
        let circuit = job.circuit()?;
        let analysis = circuit.analyses.first().cloned().unwrap_or(Analysis::Op);
        let run = match &analysis {
            Analysis::Op => dc::operating_point(&circuit)?,
            Analysis::Dc(sweeps) => dc::sweep(&circuit, sweeps, settings)?,
            Analysis::Tran(t) => transient::transient(&circuit, t, settings)?,
        };
        let result = Simulation {
            vectors: vectors(&circuit, &analysis, &run.axis, &run.states)?,
            analysis,
            engine: EngineName::Spice21,
            version: VERSION.into(),
            reason: String::new(),
            options: run.options,
            measures: Vec::new(),
            log: run.log,
            work: Work { steps: run.steps, ..Work::default() },
            cached: false,
        };
        crate::simulate::finish(result, job, settings)
    }
}

/// Node voltages (by [`NodeId`], ground first) and source currents (by element) at one point.
#[derive(Clone, Debug, PartialEq)]
struct State {
    volts: Vec<f64>,
    amperes: Vec<f64>,
}

/// What an analysis gives.
struct Run {
    axis: Vec<f64>,
    states: Vec<State>,
    options: Vec<(String, String)>,
    log: String,
    steps: u64,
}

/// Options of spice21. `reltol` bounds the last update of Newton's method in volts.
fn options(iabstol: f64) -> Options {
    Options { gmin: 0.0, iabstol, reltol: 1e-6, ..Options::default() }
}

/// Which variables of a spice21 result belong to which node and source.
struct Columns {
    nodes: Vec<Option<usize>>,
    branches: Vec<Option<usize>>,
}

impl Columns {
    fn new(circuit: &Circuit, names: &[String]) -> Self {
        let position: std::collections::HashMap<&str, usize> =
            names.iter().enumerate().map(|(i, n)| (n.as_str(), i)).collect();
        let nodes = (0..circuit.nodes.len())
            .map(|i| position.get(translate::node_name(NodeId(i as u32)).as_str()).copied())
            .collect();
        let branches =
            (0..circuit.elements.len()).map(|i| position.get(translate::branch_name(i).as_str()).copied()).collect();
        Columns { nodes, branches }
    }

    /// A point of a result; not finite values are an error that names the node.
    fn state(&self, circuit: &Circuit, values: &[f64], time: f64) -> Result<State, SpiceError> {
        let pick = |column: &Option<usize>| column.and_then(|c| values.get(c).copied()).unwrap_or(0.0);
        let state =
            State { volts: self.nodes.iter().map(pick).collect(), amperes: self.branches.iter().map(pick).collect() };
        match state.volts.iter().position(|v| !v.is_finite()) {
            None => Ok(state),
            Some(at) => Err(SpiceError::NotFinite {
                engine: EngineName::Spice21,
                what: format!("v({})", circuit.nodes.name(NodeId(at as u32))),
                time,
                place: None,
            }),
        }
    }
}

/// The vectors asked for, from the states.
fn vectors(circuit: &Circuit, analysis: &Analysis, axis: &[f64], states: &[State]) -> Result<Sampled, SpiceError> {
    let of_source = |source: &str| {
        let unit = if source.starts_with('i') { Unit::AMPERE } else { Unit::VOLT };
        Signal::new(source, unit, format!("swept source {source}"), axis.to_vec())
    };
    let mut outer = None;
    let axis = match analysis {
        Analysis::Op => Signal::new("point", Unit::ONE, "operating point", axis.to_vec()),
        Analysis::Tran(_) => Signal::new("time", Unit::SECOND, "time", axis.to_vec()),
        Analysis::Dc(sweeps) => {
            outer = sweeps.get(1).map(|o| outer_values(&sweeps[0], o));
            of_source(sweeps.first().map_or("sweep", |s| s.source.as_str()))
        }
    };
    let mut signals = Vec::new();
    for name in circuit.vectors() {
        let values = column(circuit, states, &name);
        let values = values.ok_or_else(|| Spice21::failed(format!("it has no vector `{name}`")))?;
        signals.push(Signal::new(name.clone(), unit_of(&name), long_name_of(&name), values));
    }
    signals.extend(outer);
    Sampled::new(axis, signals).map_err(|e| Spice21::failed(e.to_string()))
}

fn outer_values(inner: &Sweep, outer: &Sweep) -> Signal {
    let fast = inner.values().len();
    let values = outer.values().iter().flat_map(|v| std::iter::repeat_n(*v, fast)).collect();
    let unit = if outer.source.starts_with('i') { Unit::AMPERE } else { Unit::VOLT };
    Signal::new(outer.source.clone(), unit, "outer swept source", values)
}

fn column(circuit: &Circuit, states: &[State], name: &str) -> Option<Vec<f64>> {
    if let Some(branch) = name.strip_prefix("i(").and_then(|n| n.strip_suffix(')')) {
        let ElementId(id) = circuit.element(branch)?;
        matches!(circuit.elements.get(id as usize)?.device, Device::VoltageSource { .. }).then_some(())?;
        return Some(states.iter().map(|s| s.amperes[id as usize]).collect());
    }
    let names = name.strip_prefix("v(")?.strip_suffix(')')?;
    let (a, b) = names.split_once(',').unwrap_or((names, "0"));
    let (a, b) = (circuit.nodes.find(a)?.index(), circuit.nodes.find(b)?.index());
    Some(states.iter().map(|s| s.volts[a] - s.volts[b]).collect())
}
