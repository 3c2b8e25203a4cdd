//! Parameters of a case from sweeps of its own netlist: the circuit goes on the bench as it stands, its state nodes
//! held by sources, an ammeter in every device that the case names; a nested DC sweep and two voltage ramps are run on
//! the engine, and [`felice_subthreshold::extract`] fits the rest. Nothing is fitted to the transient.
//!
//! ```toml
//! [parameters.extract]
//! reference = 0.3                               # V about which gamma is taken; a node, "v(ref)", for fhnrs
//! method = "devices"                            # or "field": each equation whole to its node's current
//! clamp = { u = [0.2, 0.4, 0.01], v = [0.2, 0.4, 0.01] }   # states: from, to, step of their nodes (V)
//! window = { u = 0.04, v = 0.04 }               # half widths of what is fitted, about the rest point (V)
//! ramp = 0.2                                    # s up and down the window: capacitances of the state nodes; without it
//!                                               # the netlist's own capacitors, where they dwarf the devices'
//!
//! [parameters.extract.currents]                 # the terms of felice_subthreshold::extract::neuron, as currents
//! one_u = "-mp1"                                # into the first terminal (drain) of devices
//! coupling_u = "-xota.m2 - xota.m4"
//!
//! [parameters.extract.designed]                 # optional: what was meant, [value, tolerance]; metric design_error
//! sigma = [0.6, 0.02]
//! ```
//!
//! A circuit that drifts from its design takes its extracted parameters along, and the equations with them; `designed`
//! holds the parameters themselves to what they should be.

mod bench;
mod blocks;
mod residuals;
mod spec;
pub mod transistor;

use std::sync::Arc;

use felice_neurons::AnyNeuron;
use felice_spice::{Accuracy, Analysis, Circuit, EngineChoice, Netlist, Settings, Simulation, Tran, simulate};
use felice_subthreshold::extract::neuron::{Estimate, Extracted, NeuronSweep, extract};
use felice_subthreshold::extract::{Clamped, ExtractError, capacitance};
use felice_subthreshold::{Derived, DerivedParameter, Form};

use crate::case::{Binding, Case, Level};
use crate::error::VerifyError;
use crate::parameters::mismatch;
use bench::Bench;
use spec::{Reference, Spec, Term};

/// Relative tolerance of a DC sweep: Newton's last step is quadratic, so it costs next to nothing.
const DC_RELTOL: f64 = 1e-9;

/// A case's parameters, and how they came about.
#[derive(Clone, Debug)]
pub struct CaseExtraction {
    /// As a derivation gives them, for everything downstream.
    pub derived: Derived,
    /// With standard errors and the quality of every fit.
    pub extracted: Extracted,
    /// The clamped sweep: state nodes, node currents, and every term (V, A).
    pub sweep: Clamped,
    /// Engine that ran the sweeps, with its version.
    pub engine: String,
    /// The parameter that departs most from its design, in words, and by how many times its tolerance.
    pub design: Option<(String, f64)>,
}

/// Runs the sweeps of a case and extracts its model's parameters.
///
/// # Errors
/// [`VerifyError`]: what is wrong with the table, the netlist, the engine, or the fits.
pub fn extract_case(
    case: &Case,
    table: &toml::Table,
    engine: EngineChoice,
    settings: &Settings,
) -> Result<CaseExtraction, VerifyError> {
    let spec = Spec::read(case, table)?;
    let spice = |source| VerifyError::Circuit { case: case.name.clone(), source: Box::new(source) };
    let circuit = Netlist::read(&case.netlist).map_err(spice)?.circuit().map_err(spice)?;
    let settings = Settings { accuracy: Accuracy::Normal, samples: None, ..settings.clone() };
    let run = Sweeps { case, spec: &spec, circuit: &circuit, engine, settings };
    let simulation = run.clamped()?;
    let sweep = run.columns(&simulation)?;
    let reference = run.reference(&sweep)?;
    let near = [0, 1].map(|k| initial_volts(case, &spec.nodes[k].state, reference));
    let centre = match &spec.reference {
        _ if spec.roles[0] == "v" => [reference; 2],
        Reference::Node(_) => [reference; 2],
        Reference::Volts(_) => sweep.rest(spec.roles, ["i_u", "i_v"], near).map_err(|e| device(case, e))?,
    };
    let capacitance = match spec.ramp {
        None => run.bench().capacitors([&spec.nodes[0].node, &spec.nodes[1].node]),
        Some(time) => {
            let [[c_uu, c_vu], [c_uv, c_vv]] = [run.capacitance(0, centre, time)?, run.capacitance(1, centre, time)?];
            [[c_uu, c_uv], [c_vu, c_vv]]
        }
    };
    let extracted = extract(
        &case.model,
        &NeuronSweep { clamped: &sweep, reference, window: spec.window, near, capacitance, method: spec.method },
    )
    .map_err(|e| device(case, e))?;
    Ok(CaseExtraction {
        derived: derived(&extracted, &spec),
        design: design(case, &extracted, &spec)?,
        engine: format!("{} {}", simulation.engine, simulation.version),
        extracted,
        sweep,
    })
}

fn device(case: &Case, source: ExtractError) -> VerifyError {
    VerifyError::Device { case: case.name.clone(), source: Box::new(source.into()) }
}

/// Where a state starts, in volts; of a state in units yet to be extracted, the reference.
fn initial_volts(case: &Case, state: &str, reference: f64) -> f64 {
    let index = case.states.iter().position(|(s, _)| s == state);
    match index.map(|i| (&case.states[i].1, case.initial[i])) {
        Some((Binding::Signal { offset: Level::Value(o), scale: Level::Value(s), .. }, x)) => o + s * x,
        _ => reference,
    }
}

/// The bench runs of one case.
struct Sweeps<'a> {
    case: &'a Case,
    spec: &'a Spec,
    circuit: &'a Arc<Circuit>,
    engine: EngineChoice,
    settings: Settings,
}

impl Sweeps<'_> {
    /// Both state nodes clamped and swept, the second inside the first.
    fn clamped(&self) -> Result<Simulation, VerifyError> {
        let mut bench = self.bench();
        for node in &self.spec.nodes {
            bench.clamp(&node.node, node.sweep[0], None).map_err(|what| self.wrong(what))?;
        }
        for element in self.spec.terms.iter().flat_map(Term::elements) {
            bench.ammeter(element).map_err(|what| self.wrong(what))?;
        }
        if let Reference::Node(vector) = &self.spec.reference {
            bench.save(vector);
        }
        let sweeps = [1, 0].map(|k| bench::sweep(&self.spec.nodes[k].node, self.spec.nodes[k].sweep));
        let exact = Settings { reltol: Some(self.settings.reltol.unwrap_or(DC_RELTOL)), ..self.settings.clone() };
        self.simulate(bench, Analysis::Dc(sweeps.to_vec()), &exact)
    }

    /// One state node ramped up and down through the window about `centre`, the other held there: the capacitances from
    /// the ramped node to both (F), in `time` seconds.
    fn capacitance(&self, ramped: usize, centre: [f64; 2], time: f64) -> Result<[f64; 2], VerifyError> {
        let mut bench = self.bench();
        for (k, node) in self.spec.nodes.iter().enumerate() {
            let (low, high) = (centre[k] - self.spec.window[k], centre[k] + self.spec.window[k]);
            let (volts, ramp) = if k == ramped { (low, Some([low, high, time])) } else { (centre[k], None) };
            bench.clamp(&node.node, volts, ramp).map_err(|what| self.wrong(what))?;
        }
        let step = time / 1000.0;
        let tran = Tran { step, stop: time, start: 0.0, max_step: Some(step), uic: false };
        let simulation = self.simulate(bench, Analysis::Tran(tran), &self.settings)?;
        let node = &self.spec.nodes[ramped].node;
        let voltage = self.vector(&simulation, &format!("v({node})"))?;
        let mut column = [0.0; 2];
        for (c, other) in column.iter_mut().zip(&self.spec.nodes) {
            let current = self.vector(&simulation, &bench::clamp_current(&other.node))?;
            let measured = capacitance::of_triangle(&other.node, simulation.axis(), voltage, current);
            *c = measured.map_err(|e| device(self.case, e))?.mean;
        }
        Ok(column)
    }

    /// The columns that the fits want, from the vectors of the clamped sweep.
    fn columns(&self, simulation: &Simulation) -> Result<Clamped, VerifyError> {
        let roles = self.spec.roles;
        let mut columns = Vec::new();
        for (k, node) in self.spec.nodes.iter().enumerate() {
            columns.push((roles[k].to_owned(), self.vector(simulation, &format!("v({})", node.node))?.to_vec()));
            let current = self.vector(simulation, &bench::clamp_current(&node.node))?.to_vec();
            columns.push((format!("i_{}", roles[k]), current));
        }
        for term in &self.spec.terms {
            let mut sum = vec![0.0; columns[0].1.len()];
            for (sign, element) in &term.sum {
                let current = self.vector(simulation, &bench::ammeter_current(self.circuit, element))?;
                sum.iter_mut().zip(current).for_each(|(s, i)| *s += sign * i);
            }
            columns.push((term.name.clone(), sum));
        }
        if let Reference::Node(vector) = &self.spec.reference {
            columns.push(("reference".into(), self.vector(simulation, vector)?.to_vec()));
        }
        let [from, to, step] = self.spec.nodes[1].sweep;
        let inner = bench::sweep("", [from, to, step]).values().len();
        Clamped::new(columns, inner).map_err(|e| device(self.case, e))
    }

    fn reference(&self, sweep: &Clamped) -> Result<f64, VerifyError> {
        match &self.spec.reference {
            Reference::Volts(volts) => Ok(*volts),
            Reference::Node(_) => {
                let column = sweep.column("reference", "reference").map_err(|e| device(self.case, e))?;
                Ok(column.iter().sum::<f64>() / column.len() as f64)
            }
        }
    }

    fn bench(&self) -> Bench {
        Bench::new(self.circuit)
    }

    fn simulate(&self, bench: Bench, analysis: Analysis, settings: &Settings) -> Result<Simulation, VerifyError> {
        simulate(&bench.job(analysis), self.engine, settings)
            .map_err(|source| VerifyError::Circuit { case: self.case.name.clone(), source: Box::new(source) })
    }

    fn vector<'s>(&self, simulation: &'s Simulation, name: &str) -> Result<&'s [f64], VerifyError> {
        simulation.vector(name).map(|s| s.values.as_slice()).ok_or_else(|| {
            let known: Vec<&str> = simulation.vectors.signals().iter().map(|s| s.name.as_str()).collect();
            self.wrong(format!("the sweep has no vector `{name}`, only {}", known.join(", ")))
        })
    }

    fn wrong(&self, what: String) -> VerifyError {
        mismatch(self.case, what, "make [parameters.extract] and the netlist agree")
    }
}

/// The largest departure from the designer's intent.
fn design(case: &Case, extracted: &Extracted, spec: &Spec) -> Result<Option<(String, f64)>, VerifyError> {
    let mut worst: Option<(String, f64)> = None;
    for (name, [value, tolerance]) in &spec.designed {
        let known = || extracted.parameters.iter().chain(&extracted.quantities).map(|e| e.name.as_str());
        let Some(found) = extracted.value(name) else {
            let what = format!("[parameters.extract.designed] names `{name}`, which is not extracted");
            let known: Vec<&str> = known().collect();
            return Err(mismatch(case, what, &format!("extracted are: {}", known.join(", "))));
        };
        let error = (found - value).abs() / tolerance;
        if worst.as_ref().is_none_or(|w| error > w.1) {
            let words = format!(
                "of the extracted parameters {name} departs most from its design: {found:.4e} where {value:.4e} ± {tolerance:.1e} was meant"
            );
            worst = Some((words, error));
        }
    }
    Ok(worst)
}

/// What was extracted, in the words of a derivation.
fn derived(extracted: &Extracted, spec: &Spec) -> Derived {
    let symbols = AnyNeuron::new(&extracted.model).ok();
    let symbol = |name: &str| {
        let infos = symbols.as_ref().map(|n| n.info().parameters.iter());
        infos.and_then(|mut i| i.find(|p| p.name == name)).map_or(name.to_owned(), |p| p.symbol.to_string())
    };
    let parameter = |e: &Estimate| {
        let mut devices = Vec::new();
        for term in spec.terms.iter().filter(|t| e.from.split(", ").any(|f| f == t.name)) {
            devices.extend(term.elements().map(str::to_owned));
        }
        let formula = match e.standard_error > 0.0 {
            true => format!("sweep of {}, ± {:.1e}", e.from, e.standard_error),
            false => format!("sweep of {}", e.from),
        };
        DerivedParameter {
            name: e.name.clone(),
            symbol: symbol(&e.name),
            value: e.value,
            unit: e.unit.clone(),
            formula,
            devices,
        }
    };
    Derived {
        form: Form::Solved,
        model: extracted.model.clone(),
        parameters: extracted.parameters.iter().map(parameter).collect(),
        time_unit_s: extracted.time_unit_s,
        quantities: extracted.quantities.iter().map(parameter).collect(),
        warnings: extracted.warnings.clone(),
    }
}
