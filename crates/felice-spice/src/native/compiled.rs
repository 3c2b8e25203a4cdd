//! A circuit compiled once, run many times: with other initial states, source values, or device parameters.

use std::sync::Arc;
use std::time::{Duration, Instant};

use felice_base::{Sampled, Signal, Unit};

use super::assembly::assemble;
use super::dae::{Integrator, Tolerance};
use super::diode::Diode;
use super::layout::Kind;
use super::outputs::Outputs;
use super::radau;
use super::rosenbrock::Rosenbrock;
use super::system::System;
use super::tableau::{RODAS4, RODAS5P};
use super::transient::{Points, Sink, Span, transient};
use super::waveform::Piece;
use crate::analysis::{Sweep, Tran};
use crate::circuit::{Circuit, Device, NodeId, OptionValue, Saves};
use crate::engine::{EngineName, Settings};
use crate::error::SpiceError;
use crate::simulation::{Work, long_name_of, unit_of};

pub(super) const NATIVE: EngineName = EngineName::Native;

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
    pub(super) circuit: Arc<Circuit>,
    pub(super) system: System,
    options: Options,
    /// Nodes held during the operating point of a transient.
    pub(super) initial: Vec<(NodeId, f64)>,
    /// The last operating point: where the next one starts.
    pub(super) guess: Option<Vec<f64>>,
    pub(super) work: Work,
    /// Of the analysis that runs.
    pub(super) time_limit: Duration,
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
        Ok(Compiled {
            circuit,
            system,
            options,
            initial,
            guess: None,
            work: Work::default(),
            time_limit: Duration::MAX,
        })
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

    /// The operating point as one sample.
    ///
    /// # Errors
    /// Any engine error of [`SpiceError`].
    pub fn operating_point(&mut self, settings: &Settings, saves: &Saves) -> Result<Waves, SpiceError> {
        self.begin(settings);
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
    pub fn sweep(&mut self, sweeps: &[Sweep], settings: &Settings, saves: &Saves) -> Result<Waves, SpiceError> {
        self.begin(settings);
        let mut outputs = self.outputs(saves)?;
        let numbers = sweeps.iter().map(|s| self.source_number(&s.source)).collect::<Result<Vec<_>, _>>()?;
        let values: Vec<Vec<f64>> = sweeps.iter().map(Sweep::values).collect();
        let total = values.iter().map(Vec::len).fold(1, usize::saturating_mul);
        room_for(total, outputs.names().len())?;
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
        let unit_of_source = |name: &str| if name.starts_with('i') { Unit::AMPERE } else { Unit::VOLT };
        let name = sweeps.first().map_or("point", |s| s.source.as_str());
        let axis = Signal::new(name, unit_of_source(name), "swept source", axis);
        let mut waves = self.waves(axis, &outputs, columns)?;
        if let [inner, outer] = sweeps {
            let fast = inner.values().len();
            let values = outer.values().iter().flat_map(|v| std::iter::repeat_n(*v, fast)).collect();
            let name = outer.source.as_str();
            let (axis, mut signals) = waves.vectors.into_parts();
            signals.push(Signal::new(name, unit_of_source(name), "outer swept source", values));
            waves.vectors = sampled(axis, signals)?;
        }
        Ok(waves)
    }

    /// A transient.
    ///
    /// # Errors
    /// Any engine error of [`SpiceError`].
    pub fn transient(&mut self, tran: &Tran, settings: &Settings, saves: &Saves) -> Result<Waves, SpiceError> {
        self.begin(settings);
        let mut outputs = self.outputs(saves)?;
        let span = span_of(tran, settings, outputs.names().len())?;
        let (mut axis, mut columns) = (Vec::new(), vec![Vec::new(); outputs.names().len()]);
        let mut sink = |system: &mut System, t: f64, _: &[f64], slope: &[f64]| {
            axis.push(t);
            outputs.append(system, slope, &mut columns);
        };
        let method = self.integrate(tran, settings, &span, &mut sink)?;
        self.check_finite(&axis, &columns, &outputs)?;
        let waves = self.waves(Signal::new("time", Unit::SECOND, "time", axis), &outputs, columns)?;
        Ok(Waves { method: Some(method), ..waves })
    }

    /// Runs a transient into a sink; the name of the method.
    pub(super) fn integrate(
        &mut self,
        tran: &Tran,
        settings: &Settings,
        span: &Span,
        sink: &mut Sink,
    ) -> Result<&'static str, SpiceError> {
        let mut y = self.initial_state(tran)?;
        let mut integrator = self.integrator(settings)?;
        let result = transient(&mut self.system, integrator.as_mut(), span, &mut y, sink);
        let counts = integrator.counts();
        self.work.steps = counts.steps;
        self.work.rejected = counts.rejected;
        self.work.factorizations += counts.factorizations;
        result.map_err(|e| self.transient_error(e, &y))?;
        Ok(integrator.name())
    }

    pub(super) fn begin(&mut self, settings: &Settings) {
        self.work = Work::default();
        self.time_limit = settings.time_limit;
        // No clock reaches as far as a limit may: then there is none to speak of.
        let year = Duration::from_secs(31_557_600);
        self.system.deadline = Instant::now() + settings.time_limit.min(year);
    }

    pub(super) fn outputs(&self, saves: &Saves) -> Result<Outputs, SpiceError> {
        Outputs::new(&self.circuit, &self.system, saves).map_err(|name| SpiceError::Request {
            what: format!("the vector `{name}`, which the circuit does not have"),
            expected: "v(node), v(node,node), or i(element) of a V, L, E, H or B voltage source".into(),
        })
    }

    pub(super) fn source_number(&self, name: &str) -> Result<usize, SpiceError> {
        let element = self.circuit.element(&name.to_ascii_lowercase());
        let number = element.and_then(|e| self.system.shape.layout.source_of[e.index()]);
        number.map(|n| n as usize).ok_or_else(|| SpiceError::Request {
            what: format!("a sweep of `{name}`"),
            expected: "an independent voltage or current source of the circuit".into(),
        })
    }

    /// Sources at their DC values, but for those given by number.
    pub(super) fn set_dc_sources(&mut self, fixed: &[(usize, f64)]) {
        let mut pieces: Vec<Piece> = self.system.shape.layout.sources.iter().map(|s| Piece::Constant(s.1.dc)).collect();
        fixed.iter().for_each(|&(n, v)| pieces[n] = Piece::Constant(v));
        self.system.set_pieces(pieces, 0.0);
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
        let bad = |column: &Vec<f64>| column.last().is_some_and(|v| !v.is_finite());
        let Some(at) = columns.iter().position(bad) else { return Ok(()) };
        let what = outputs.names()[at].clone();
        let vector = SpiceError::NotFinite { engine: NATIVE, what, time: 0.0, place: None };
        Err(self.left_not_finite(0.0).unwrap_or(vector))
    }

    fn waves(&self, axis: Signal, outputs: &Outputs, columns: Vec<Vec<f64>>) -> Result<Waves, SpiceError> {
        let signals = outputs.names().iter().zip(columns);
        let signals = signals.map(|(n, v)| Signal::new(n.clone(), unit_of(n), long_name_of(n), v)).collect();
        let mut work = self.work;
        work.evaluations = self.system.evaluations;
        work.jacobians = self.system.jacobians;
        Ok(Waves { vectors: sampled(axis, signals)?, work, method: None })
    }
}

/// Why this engine cannot run a circuit, if it cannot.
pub fn refusal(circuit: &Circuit) -> Option<String> {
    for option in ["cshunt", "gshunt"] {
        if circuit.options.get(option).is_some_and(|v| *v != OptionValue::Number(0.0)) {
            return Some(format!("`.options {option}` puts elements beside every node"));
        }
    }
    circuit.elements.iter().find_map(|e| match &e.device {
        Device::Bsim4 { .. } => Some(format!(
            "`{}` ({}) is a BSIM4 transistor; the native engine knows EKV ones",
            e.name,
            circuit.place(e.origin)
        )),
        Device::Diode { model, .. } => {
            let model = &circuit.diode_models[*model];
            let nominal = model.tnom.unwrap_or(circuit.nominal_temperature());
            let reason = Diode::impossible(model, circuit.temperature, nominal)?;
            Some(format!("`{}` ({}): {reason}", e.name, circuit.place(e.origin)))
        }
        _ => None,
    })
}

fn sampled(axis: Signal, signals: Vec<Signal>) -> Result<Sampled, SpiceError> {
    Sampled::new(axis, signals)
        .map_err(|e| SpiceError::Request { what: e.to_string(), expected: "every vector saved once".into() })
}

/// Times of a transient, checked.
pub(super) fn span_of(tran: &Tran, settings: &Settings, vectors: usize) -> Result<Span, SpiceError> {
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
        Some(n) => {
            room_for(n, vectors)?;
            Points::Equal(n)
        }
        None => {
            let spacing = tran.max_step.unwrap_or(tran.step.min((tran.stop - tran.start) / 50.0));
            let least = (tran.stop - tran.start) * (vectors + 1) as f64 / (0.5 * MOST_NUMBERS as f64);
            Points::Own(if spacing > least { spacing } else { least })
        }
    };
    let longest = settings.max_step.filter(|h| *h > 0.0).unwrap_or(f64::INFINITY);
    let most = MOST_NUMBERS / (vectors + 1);
    Ok(Span { start: tran.start, stop: tran.stop, longest, points, from_rest: !tran.uic, most })
}

/// Numbers that one result may hold (800 MB).
const MOST_NUMBERS: usize = 100_000_000;

fn room_for(points: usize, vectors: usize) -> Result<(), SpiceError> {
    if points.saturating_mul(vectors + 1) <= MOST_NUMBERS {
        return Ok(());
    }
    Err(too_much(&format!("{points} points of {vectors} vectors")))
}

/// An error for a result too large to be kept.
pub(super) fn too_much(what: &str) -> SpiceError {
    SpiceError::Request {
        what: format!("a result of {what}"),
        expected: format!("at most {MOST_NUMBERS} numbers: fewer points (`--samples`) or fewer vectors (`.save`)"),
    }
}
