//! A circuit compiled once, run many times: with other initial states, source values, or device parameters.

use std::sync::Arc;

use felice_base::{Sampled, Signal, Unit};

use super::consistent::Consistency;
use super::dae::{Integrator, StepError, Tolerance};
use super::layout::Kind;
use super::newton::NewtonError;
use super::operating_point::{Hold, NoOperatingPoint, operating_point};
use super::outputs::Outputs;
use super::radau;
use super::rosenbrock::Rosenbrock;
use super::shape::assemble;
use super::system::System;
use super::tableau::{RODAS4, RODAS5P};
use super::transient::{Points, Span, TransientError, transient};
use super::waveform::Piece;
use crate::analysis::{Sweep, Tran};
use crate::circuit::{Circuit, Device, NodeId, Saves};
use crate::engine::{EngineName, Settings};
use crate::error::SpiceError;
use crate::simulation::{Work, long_name_of, unit_of};

const NATIVE: EngineName = EngineName::Native;

/// The integration methods there are; each checks the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Rosenbrock, order 4(3), six stages: Hairer & Wanner.
    Rodas4,
    /// Rosenbrock, order 5(4), eight stages: Steinebach.
    #[default]
    Rodas5P,
    /// Implicit Runge-Kutta of Radau type, order 5, three stages, from the crate `differential-equations`.
    Radau5,
}

/// How a circuit is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// B sources proven to be EKV transistors become compiled devices.
    pub recognise: bool,
    /// How transients are integrated.
    pub method: Method,
}

impl Default for Options {
    fn default() -> Self {
        Options { recognise: true, method: Method::default() }
    }
}

/// A circuit ready to run. Cloning one gives an independent copy that shares what does not change.
#[derive(Clone)]
pub struct Compiled {
    circuit: Arc<Circuit>,
    system: System,
    options: Options,
    /// Nodes held during the operating point of a transient.
    initial: Vec<(NodeId, f64)>,
    /// The last operating point: where the next one starts.
    guess: Option<Vec<f64>>,
    work: Work,
}

/// What a run gives: vectors along an axis, and the work done.
#[derive(Clone, Debug, PartialEq)]
pub struct Waves {
    /// Axis and vectors.
    pub vectors: Sampled,
    /// Work counts.
    pub work: Work,
    /// The integration method of a transient.
    pub method: Option<&'static str>,
}

impl Compiled {
    /// Compiles a circuit.
    ///
    /// # Errors
    /// [`SpiceError::Refused`] where it holds a device this engine does not know, [`SpiceError::Singular`] where voltage
    /// sources form a loop.
    pub fn new(circuit: Arc<Circuit>, options: Options) -> Result<Compiled, SpiceError> {
        if let Some(reason) = refusal(&circuit) {
            return Err(SpiceError::Refused { engine: NATIVE, reason });
        }
        let (shape, devices) = assemble(&circuit, options.recognise).map_err(|l| SpiceError::Singular {
            engine: NATIVE,
            nodes: vec![circuit.elements[l.element].name.clone()],
        })?;
        let initial = circuit.initial.clone();
        let system = System::new(Arc::new(shape), devices);
        Ok(Compiled { circuit, system, options, initial, guess: None, work: Work::default() })
    }

    /// The circuit.
    pub fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// Number of unknowns left after elimination.
    pub fn order(&self) -> usize {
        self.system.order()
    }

    /// Number of B sources that run as compiled transistors.
    pub fn recognised(&self) -> usize {
        self.system.shape.recognised
    }

    /// Names of the transistors, in the order of [`Compiled::shift_threshold`]: elements M, or the B sources proven to be.
    pub fn transistors(&self) -> Vec<&str> {
        let elements = &self.circuit.elements;
        self.system.shape.ekv_elements.iter().map(|&e| elements[e as usize].name.as_str()).collect()
    }

    /// Moves a transistor's signed threshold by so many volts, beyond what its `delvto` says.
    pub fn shift_threshold(&mut self, transistor: usize, volts: f64) {
        if let Some(device) = self.system.devices.ekv.devices.get_mut(transistor) {
            device.shift_threshold(volts);
        }
    }

    /// Multiplies a transistor's current by a factor.
    pub fn scale_current(&mut self, transistor: usize, factor: f64) {
        if let Some(device) = self.system.devices.ekv.devices.get_mut(transistor) {
            device.scale *= factor;
        }
    }

    /// Sets or adds an `.ic`.
    ///
    /// # Errors
    /// [`SpiceError::Request`] where there is no such node.
    pub fn set_initial(&mut self, node: &str, volts: f64) -> Result<(), SpiceError> {
        let id = self.circuit.nodes.find(&node.to_ascii_lowercase()).ok_or_else(|| SpiceError::Request {
            what: format!("an initial voltage for node `{node}`"),
            expected: "a node of the circuit".into(),
        })?;
        self.initial.retain(|i| i.0 != id);
        self.initial.push((id, volts));
        Ok(())
    }

    /// The operating point as one sample.
    ///
    /// # Errors
    /// Any engine error of [`SpiceError`].
    pub fn operating_point(&mut self, saves: &Saves) -> Result<Waves, SpiceError> {
        self.work = Work::default();
        let mut outputs = self.outputs(saves)?;
        self.set_dc_sources(&[]);
        let y = self.solve_static(&[])?;
        let mut columns = vec![Vec::new(); outputs.names().len()];
        self.save_static(&y, &mut outputs, &mut columns)?;
        self.waves(Signal::new("point", Unit::ONE, "operating point", vec![0.0]), &outputs, columns)
    }

    /// A DC sweep of one or two sources, the first the inner one. The axis holds the inner source's values, once for each
    /// value of the outer one.
    ///
    /// # Errors
    /// Any engine error of [`SpiceError`]; [`SpiceError::Request`] where a source is not there.
    pub fn sweep(&mut self, sweeps: &[Sweep], saves: &Saves) -> Result<Waves, SpiceError> {
        self.work = Work::default();
        let mut outputs = self.outputs(saves)?;
        let numbers = sweeps.iter().map(|s| self.source_number(&s.source)).collect::<Result<Vec<_>, _>>()?;
        let values: Vec<Vec<f64>> = sweeps.iter().map(Sweep::values).collect();
        let total: usize = values.iter().map(Vec::len).product();
        let (mut axis, mut columns) = (Vec::new(), vec![Vec::new(); outputs.names().len()]);
        self.guess = None;
        for point in 0..total {
            let mut rest = point;
            let mut fixed = Vec::new();
            for (v, n) in values.iter().zip(&numbers) {
                fixed.push((*n, v[rest % v.len()]));
                rest /= v.len();
            }
            self.set_dc_sources(&fixed);
            let y = self.solve_static(&[])?;
            self.save_static(&y, &mut outputs, &mut columns)?;
            axis.extend(fixed.first().map(|f| f.1));
            self.guess = Some(y);
            self.work.steps += 1;
        }
        self.guess = None;
        let name = sweeps.first().map_or("point", |s| s.source.as_str());
        let unit = if name.starts_with('i') { Unit::AMPERE } else { Unit::VOLT };
        self.waves(Signal::new(name, unit, "swept source", axis), &outputs, columns)
    }

    /// A transient.
    ///
    /// # Errors
    /// Any engine error of [`SpiceError`].
    pub fn transient(&mut self, tran: &Tran, settings: &Settings, saves: &Saves) -> Result<Waves, SpiceError> {
        self.work = Work::default();
        let mut outputs = self.outputs(saves)?;
        let span = span_of(tran, settings, outputs.names().len())?;
        let mut y = self.initial_state(tran)?;
        let mut integrator = self.integrator(settings)?;
        let (mut axis, mut columns) = (Vec::new(), vec![Vec::new(); outputs.names().len()]);
        let mut sink = |system: &mut System, t: f64, _: &[f64], slope: &[f64]| {
            axis.push(t);
            outputs.append(system, slope, &mut columns);
        };
        let result = transient(&mut self.system, integrator.as_mut(), &span, &mut y, &mut sink);
        let counts = integrator.counts();
        self.work.steps = counts.steps;
        self.work.rejected = counts.rejected;
        self.work.factorizations += counts.factorizations;
        result.map_err(|e| self.transient_error(e, &y, settings))?;
        self.check_finite(&axis, &columns, &outputs)?;
        let waves = self.waves(Signal::new("time", Unit::SECOND, "time", axis), &outputs, columns)?;
        Ok(Waves { method: Some(integrator.name()), ..waves })
    }

    fn outputs(&self, saves: &Saves) -> Result<Outputs, SpiceError> {
        Outputs::new(&self.circuit, &self.system, saves).map_err(|name| SpiceError::Request {
            what: format!("the vector `{name}`, which the circuit does not have"),
            expected: "v(node), v(node,node), or i(element) of a V, L, E, H or B voltage source".into(),
        })
    }

    fn source_number(&self, name: &str) -> Result<usize, SpiceError> {
        let element = self.circuit.element(&name.to_ascii_lowercase());
        let number = element.and_then(|e| self.system.shape.layout.source_of[e.index()]);
        number.map(|n| n as usize).ok_or_else(|| SpiceError::Request {
            what: format!("a sweep of `{name}`"),
            expected: "an independent voltage or current source of the circuit".into(),
        })
    }

    /// Sources at their DC values, but for those given by number.
    fn set_dc_sources(&mut self, fixed: &[(usize, f64)]) {
        let mut pieces: Vec<Piece> = self.system.shape.layout.sources.iter().map(|s| Piece::Constant(s.1.dc)).collect();
        fixed.iter().for_each(|&(n, v)| pieces[n] = Piece::Constant(v));
        self.system.set_pieces(pieces, 0.0);
    }

    fn solve_static(&mut self, held: &[(NodeId, f64)]) -> Result<Vec<f64>, SpiceError> {
        let holds = self.holds(held);
        let mut y = match &self.guess {
            Some(y) => y.clone(),
            None => self.first_guess(&holds),
        };
        let result = operating_point(&mut self.system, &holds, &mut y);
        self.work.evaluations = self.system.evaluations;
        self.work.jacobians = self.system.jacobians;
        match result {
            Ok(iterations) => {
                self.work.iterations += iterations;
                self.work.factorizations += iterations;
                Ok(y)
            }
            Err(e) => Err(self.static_error(e, &y)),
        }
    }

    /// Zero, or what follows from holding the `.nodeset` nodes first.
    fn first_guess(&mut self, holds: &[Hold]) -> Vec<f64> {
        let mut y = vec![0.0; self.system.order()];
        holds.iter().for_each(|h| y[h.column] = h.value);
        if !self.circuit.nodeset.is_empty() {
            let mut all = self.holds(&self.circuit.nodeset.clone());
            all.retain(|n| holds.iter().all(|h| h.row != n.row && h.column != n.column));
            all.extend_from_slice(holds);
            all.iter().for_each(|h| y[h.column] = h.value);
            let mut first = y.clone();
            // A nodeset is only a hint: where it cannot be met, its values still serve as the guess.
            if operating_point(&mut self.system, &all, &mut first).is_ok() {
                y = first;
            }
        }
        y
    }

    /// Held nodes as equations; nodes that a source drives keep the source's value.
    fn holds(&self, nodes: &[(NodeId, f64)]) -> Vec<Hold> {
        let layout = &self.system.shape.layout;
        let mut holds: Vec<Hold> = Vec::new();
        for &(node, volts) in nodes {
            let value = &layout.values[layout.node_slot[node.index()] as usize];
            let (Some(column), Some(row)) = (value.column(), layout.node_row[node.index()]) else { continue };
            let sources: Vec<f64> = self.system.source_values().collect();
            let offset: f64 = value.sources.iter().map(|(s, sign)| sign * sources[*s as usize]).sum();
            let hold = Hold { row: row as usize, column: column as usize, value: volts - offset };
            if holds.iter().all(|h| h.row != hold.row && h.column != hold.column) {
                holds.push(hold);
            }
        }
        holds
    }

    /// The state at time 0.
    fn initial_state(&mut self, tran: &Tran) -> Result<Vec<f64>, SpiceError> {
        // An instant after 0 if 0 is a corner, so that the source's first piece is the one that counts.
        let instant = 1e-15 * tran.stop;
        let pieces: Vec<Piece> =
            self.system.shape.layout.sources.iter().map(|s| Piece::around(&s.1, instant)).collect();
        let constant = pieces.iter().map(|p| Piece::Constant(p.at(0.0)[0])).collect();
        self.system.set_pieces(constant, 0.0);
        if tran.uic {
            return self.state_from_initial_values();
        }
        let initial = self.initial.clone();
        self.solve_static(&initial)
    }

    /// `uic`: charges and fluxes as `.ic` and `ic=` say, what follows from them by the algebraic equations.
    fn state_from_initial_values(&mut self) -> Result<Vec<f64>, SpiceError> {
        let shape = self.system.shape.clone();
        let layout = &shape.layout;
        let mut volts = vec![0.0; layout.node_slot.len()];
        self.initial.iter().for_each(|(node, v)| volts[node.index()] = *v);
        let mut y = vec![0.0; layout.order()];
        for (node, v) in volts.iter().enumerate().skip(1) {
            let value = &layout.values[layout.node_slot[node] as usize];
            if let (Some(column), true) = (value.column(), value.sources.is_empty()) {
                y[column as usize] = *v;
            }
        }
        let mut charge = vec![0.0; layout.order()];
        for (i, e) in self.circuit.elements.iter().enumerate() {
            match e.device {
                Device::Capacitor { p, n, farads, initial } if p != n => {
                    let q = farads * initial.unwrap_or(volts[p.index()] - volts[n.index()]);
                    for (node, q) in [(p, q), (n, -q)] {
                        if let Some(row) = layout.node_row[node.index()] {
                            charge[row as usize] += q;
                        }
                    }
                }
                Device::Inductor { henries, initial, .. } => {
                    if let (Some(row), Some(slot)) = (layout.branch_row[i], layout.current_slot[i]) {
                        let current = initial.unwrap_or(0.0);
                        if let Some(y) = y.get_mut(slot as usize) {
                            *y = current;
                        }
                        charge[row as usize] += henries * current;
                    }
                }
                Device::Diode { p, n, .. } => {
                    if let Some((column, _)) = layout.charge[i] {
                        let k = shape.diode_junctions.iter().position(|d| d.0 as usize == i).unwrap_or(0);
                        let q = self.system.devices.diodes[k].evaluate(volts[p.index()] - volts[n.index()])[2];
                        y[column as usize] = q;
                        let p = layout.inner_node[i].unwrap_or(p.0);
                        for (node, q) in [(p, q), (n.0, -q)] {
                            if let Some(row) = layout.node_row[node as usize] {
                                charge[row as usize] += q;
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        let mut consistency = Consistency::new(&self.system);
        match consistency.restore_charge(&mut self.system, 0.0, &mut y, &charge) {
            Ok(()) | Err(NewtonError::Singular { .. }) => Ok(y),
            Err(cause) => Err(self.static_error(
                NoOperatingPoint { cause, tried: "Newton with the charges of the initial conditions".into() },
                &y,
            )),
        }
    }

    fn tolerance(&self, settings: &Settings) -> Tolerance {
        let floor = self.system.shape.layout.unknowns.iter().map(|u| match u.1 {
            Kind::Voltage => settings.vntol(),
            Kind::InductorCurrent => settings.abstol(),
            Kind::BranchCurrent | Kind::Charge => f64::INFINITY,
        });
        Tolerance { relative: settings.reltol(), floor: floor.collect() }
    }

    fn integrator(&self, settings: &Settings) -> Result<Box<dyn Integrator>, SpiceError> {
        let tolerance = self.tolerance(settings);
        Ok(match self.options.method {
            Method::Rodas4 => Box::new(Rosenbrock::new(&RODAS4, &self.system, tolerance)),
            Method::Rodas5P => Box::new(Rosenbrock::new(&RODAS5P, &self.system, tolerance)),
            Method::Radau5 => radau::radau5(self.system.order(), tolerance).ok_or_else(|| SpiceError::Refused {
                engine: NATIVE,
                reason: format!("Radau5 takes circuits of up to {} unknowns", radau::LARGEST),
            })?,
        })
    }

    fn save_static(&mut self, y: &[f64], outputs: &mut Outputs, columns: &mut [Vec<f64>]) -> Result<(), SpiceError> {
        self.system.observe(0.0, y);
        let still = vec![0.0; y.len()];
        outputs.append(&self.system, &still, columns);
        for (name, column) in outputs.names().iter().zip(columns.iter()) {
            if column.last().is_some_and(|v| !v.is_finite()) {
                return Err(SpiceError::NotFinite { engine: NATIVE, what: name.clone(), time: 0.0, place: None });
            }
        }
        Ok(())
    }

    fn check_finite(&self, axis: &[f64], columns: &[Vec<f64>], outputs: &Outputs) -> Result<(), SpiceError> {
        for (name, column) in outputs.names().iter().zip(columns) {
            if let Some(at) = column.iter().position(|v| !v.is_finite()) {
                let (what, time) = (name.clone(), axis[at]);
                return Err(SpiceError::NotFinite { engine: NATIVE, what, time, place: None });
            }
        }
        Ok(())
    }

    fn waves(&self, axis: Signal, outputs: &Outputs, columns: Vec<Vec<f64>>) -> Result<Waves, SpiceError> {
        let signals = outputs.names().iter().zip(columns);
        let signals = signals.map(|(n, v)| Signal::new(n.clone(), unit_of(n), long_name_of(n), v)).collect();
        let mut work = self.work;
        work.evaluations = self.system.evaluations;
        work.jacobians = self.system.jacobians;
        let vectors = Sampled::new(axis, signals)
            .map_err(|e| SpiceError::Request { what: e.to_string(), expected: "every vector saved once".into() })?;
        Ok(Waves { vectors, work, method: None })
    }

    /// An expression that is not finite explains more than whatever followed from it.
    fn not_finite(&mut self, t: f64, y: &[f64]) -> Option<SpiceError> {
        self.system.observe(t, y);
        self.left_not_finite(t)
    }

    /// The expression that was not finite when the system was last evaluated.
    fn left_not_finite(&self, t: f64) -> Option<SpiceError> {
        let element = &self.circuit.elements[self.system.not_finite()? as usize];
        let place = Some(self.circuit.place(element.origin));
        Some(SpiceError::NotFinite { engine: NATIVE, what: element.name.clone(), time: t, place })
    }

    fn static_error(&mut self, e: NoOperatingPoint, y: &[f64]) -> SpiceError {
        if let Some(error) = self.not_finite(0.0, y) {
            return error;
        }
        match e.cause {
            NewtonError::Singular { unknown } => {
                SpiceError::Singular { engine: NATIVE, nodes: vec![self.system.unknown_name(unknown)] }
            }
            NewtonError::NotConverged { unknown, residual } => SpiceError::NoConvergence {
                engine: NATIVE,
                node: self.system.unknown_name(unknown),
                residual,
                tried: e.tried,
            },
            NewtonError::NotFinite => SpiceError::NoConvergence {
                engine: NATIVE,
                node: "the first guess".into(),
                residual: f64::INFINITY,
                tried: e.tried,
            },
        }
    }

    fn transient_error(&mut self, e: TransientError, y: &[f64], settings: &Settings) -> SpiceError {
        match e {
            TransientError::TimeLimit => {
                SpiceError::TimeLimit { engine: NATIVE, limit: settings.time_limit, log: String::new() }
            }
            TransientError::Inconsistent { t, cause } => self.not_finite(t, y).unwrap_or_else(|| {
                let tried = format!("a consistent state at t = {t:.9e} s, charges held");
                self.static_error(NoOperatingPoint { cause, tried }, y)
            }),
            TransientError::Step(StepError::TooSmall { t, h, worst }) => self.not_finite(t, y).unwrap_or_else(|| {
                SpiceError::StepTooSmall { engine: NATIVE, time: t, step: h, at: self.system.unknown_name(worst) }
            }),
            TransientError::Step(StepError::Singular { unknown, .. }) => {
                SpiceError::Singular { engine: NATIVE, nodes: vec![self.system.unknown_name(unknown)] }
            }
            // The system still holds the evaluation that failed.
            TransientError::Step(StepError::NotFinite { t }) => self.left_not_finite(t).unwrap_or_else(|| {
                SpiceError::NotFinite { engine: NATIVE, what: "an equation".into(), time: t, place: None }
            }),
        }
    }
}

/// Why this engine cannot run a circuit, if it cannot.
pub fn refusal(circuit: &Circuit) -> Option<String> {
    circuit.elements.iter().find_map(|e| match &e.device {
        Device::Bsim4 { .. } => Some(format!(
            "`{}` ({}) is a BSIM4 transistor; the native engine knows EKV ones",
            e.name,
            circuit.place(e.origin)
        )),
        Device::Diode { model, .. } if circuit.temperature != 300.15 && circuit.diode_models[*model].is != 0.0 => {
            Some(format!(
                "`{}` ({}) is a diode away from 27 °C, whose saturation current the native engine does not scale",
                e.name,
                circuit.place(e.origin)
            ))
        }
        _ => None,
    })
}

/// Times of a transient, checked.
fn span_of(tran: &Tran, settings: &Settings, vectors: usize) -> Result<Span, SpiceError> {
    let sound = tran.stop.is_finite() && tran.stop > 0.0 && tran.start >= 0.0 && tran.start < tran.stop;
    if !sound {
        return Err(SpiceError::Request {
            what: format!("a transient from {} s to {} s", tran.start, tran.stop),
            expected: "0 ≤ start < stop, finite".into(),
        });
    }
    let points = match settings.samples {
        Some(n) if n < 2 => {
            return Err(SpiceError::Request { what: format!("{n} samples"), expected: "at least 2, both ends".into() });
        }
        Some(n) => Points::Equal(n),
        None => {
            let spacing = tran.max_step.unwrap_or(tran.step.min((tran.stop - tran.start) / 50.0));
            // Memory stays bounded: no more than 1e8 numbers in all.
            let least = (tran.stop - tran.start) * (vectors + 1) as f64 / 1e8;
            Points::Own(if spacing > least { spacing } else { least })
        }
    };
    let longest = settings.max_step.filter(|h| *h > 0.0).unwrap_or(f64::INFINITY);
    let time_limit = settings.time_limit;
    Ok(Span { start: tran.start, stop: tran.stop, longest, points, from_rest: !tran.uic, time_limit })
}
