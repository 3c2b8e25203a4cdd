//! Another engine's answer before our own equations: are they regular there, and does the answer satisfy them?
//!
//! ngspice ends well on a circuit without a unique solution: it adds conductances until its matrix has an inverse, and
//! divides by what it puts in the place of 0.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::compiled::{Compiled, Options, refusal};
use super::layout::Slot;
use super::linear::Lu;
use super::newton::Equations;
use super::operating_point::{Hold, Static};
use crate::analysis::{Sweep, Tran};
use crate::circuit::{Circuit, Device, NodeId};
use crate::engine::EngineName;
use crate::error::SpiceError;

/// How far from a solution, V and as a share of the voltage, an answer may be. Of the netlists shipped and the circuits
/// under `data/` the farthest is off by 5e-12 (`val_the_audit_of_ngspice_has_room`); what is wrong is off by volts.
const ROOM: f64 = 1e-5;

/// How many times the tolerances that the engine was asked for it may be off, where that is more than [`ROOM`].
const TOLERANCES: f64 = 100.0;

/// A circuit's equations, to hold another engine's answers against.
pub(crate) struct Audit {
    compiled: Compiled,
    engine: EngineName,
    lu: Lu,
    /// Room for a voltage: volts, and a share of it.
    room: (f64, f64),
    y: Vec<f64>,
    residual: Vec<f64>,
    jacobian: Vec<f64>,
    /// The largest share of the room that an answer has taken.
    pub taken: f64,
}

/// True where every device's equations are ours.
pub(crate) fn knows(circuit: &Circuit) -> bool {
    refusal(circuit).is_none()
}

/// The answer: a vector's value at one point, by name (`v(a)`, `i(l1)`).
pub(crate) type Answer<'a> = dyn Fn(&str) -> Option<f64> + 'a;

impl Audit {
    /// None where this circuit holds a device whose equations are not ours.
    ///
    /// # Errors
    /// [`SpiceError::Singular`] where voltage sources form a loop.
    pub fn new(
        circuit: Arc<Circuit>,
        engine: EngineName,
        (reltol, vntol): (f64, f64),
    ) -> Result<Option<Audit>, SpiceError> {
        // Recognised transistors would be judged by other formulas than those that the netlist gives.
        let mut compiled = match Compiled::new(circuit, Options { recognise: false, ..Options::default() }) {
            Ok(compiled) => compiled,
            Err(SpiceError::Refused { .. }) => return Ok(None),
            Err(SpiceError::Singular { nodes, .. }) => return Err(SpiceError::Singular { engine, nodes }),
            Err(e) => return Err(e),
        };
        (compiled.system.raw, compiled.system.frozen) = (true, false);
        let (order, entries) = (compiled.order(), compiled.system.shape.pattern.len());
        Ok(Some(Audit {
            lu: Lu::new(&compiled.system.shape.pattern),
            compiled,
            engine,
            room: (ROOM.max(TOLERANCES * vntol), ROOM.max(TOLERANCES * reltol)),
            y: vec![0.0; order],
            residual: vec![0.0; order],
            jacobian: vec![0.0; entries],
            taken: 0.0,
        }))
    }

    /// An operating point.
    ///
    /// # Errors
    /// [`SpiceError::Singular`], [`SpiceError::NotFinite`] or [`SpiceError::NoSolution`].
    pub fn operating_point(&mut self, answer: &Answer) -> Result<(), SpiceError> {
        self.compiled.set_dc_sources(&[]);
        self.check(&[], answer, &|| "the operating point".into())
    }

    /// The point of a DC sweep at which its sources have these values.
    ///
    /// # Errors
    /// As [`Audit::operating_point`].
    pub fn swept(&mut self, sweeps: &[Sweep], values: &[f64], answer: &Answer) -> Result<(), SpiceError> {
        let numbers = sweeps.iter().map(|s| self.compiled.source_number(&s.source)).collect::<Result<Vec<_>, _>>()?;
        let fixed: Vec<(usize, f64)> = numbers.into_iter().zip(values.iter().copied()).collect();
        self.compiled.set_dc_sources(&fixed);
        let place = || {
            let list: Vec<String> = sweeps.iter().zip(values).map(|(s, v)| format!("{} = {v}", s.source)).collect();
            list.join(", ")
        };
        self.check(&[], answer, &place)
    }

    /// The operating point that a transient starts from.
    ///
    /// # Errors
    /// As [`Audit::operating_point`].
    pub fn start(&mut self, tran: &Tran, answer: &Answer) -> Result<(), SpiceError> {
        self.compiled.set_sources_of_start(tran);
        let initial = self.compiled.initial.clone();
        self.check(&initial, answer, &|| "time 0".into())
    }

    fn check(&mut self, held: &[(NodeId, f64)], answer: &Answer, place: &dyn Fn() -> String) -> Result<(), SpiceError> {
        let holds = self.compiled.holds(held);
        let volts = self.take_in(answer)?;
        self.evaluate(&holds)?;
        if let Err(s) = self.lu.factor(&self.jacobian) {
            return Err(self.singular(s.unknown));
        }
        // How far Newton's method would go from here: the residual in volts, whatever the impedance of the node.
        self.residual.iter_mut().for_each(|r| *r = -*r);
        self.lu.solve(&mut self.residual);
        let layout = &self.compiled.system.shape.layout;
        let mut worst = (0.0, NodeId(0), 0.0);
        for node in self.compiled.circuit.nodes.ids() {
            let slot = layout.node_slot[node.index()];
            let here = volts[node.index()];
            // What sources tie to another node has no equation: there the sources' voltages must come out.
            let off = match self.residual.get(slot as usize) {
                Some(step) => *step,
                None => self.compiled.system.registers()[slot as usize] - here,
            };
            let share = off.abs() / (self.room.0 + self.room.1 * here.abs());
            if share > worst.2 || share.is_nan() {
                worst = (off, node, if share.is_nan() { f64::INFINITY } else { share });
            }
        }
        self.taken = self.taken.max(worst.2);
        if worst.2 <= 1.0 {
            return Ok(());
        }
        let at = self.compiled.at_node(worst.1);
        Err(SpiceError::NoSolution { engine: self.engine, place: place(), at, off: worst.0 })
    }

    /// The unknowns of an answer into `y`; the voltage of each node.
    fn take_in(&mut self, answer: &Answer) -> Result<Vec<f64>, SpiceError> {
        let (circuit, system) = (&self.compiled.circuit, &self.compiled.system);
        let layout = &system.shape.layout;
        let mut volts = vec![0.0; layout.node_slot.len()];
        self.y.fill(0.0);
        let mut set = |slot: Slot, value: f64| {
            if let Some(y) = self.y.get_mut(slot as usize) {
                *y = value;
            }
        };
        for node in circuit.nodes.ids() {
            let name = format!("v({})", circuit.nodes.name(node));
            let value = answer(&name).ok_or_else(|| SpiceError::Failed {
                engine: self.engine,
                problem: format!("its answer does not hold `{name}`"),
                log: String::new(),
            })?;
            volts[node.index()] = value;
            set(layout.node_slot[node.index()], value);
        }
        for (e, slot) in circuit.elements.iter().zip(&layout.current_slot) {
            if let (Some(slot), Some(value)) = (slot, answer(&format!("i({})", e.name))) {
                set(*slot, value);
            }
        }
        for (k, &(element, inner, _)) in system.shape.diode_junctions.iter().enumerate() {
            let Device::Diode { p, n, model, area, m } = circuit.elements[element as usize].device else { continue };
            if layout.inner_node[element as usize].is_some() {
                let siemens = area * m / circuit.diode_models[model].rs;
                let (anode, cathode) = (volts[p.index()], volts[n.index()]);
                let rest = |x: f64| siemens * (anode - x) - system.devices.diodes[k].evaluate(x - cathode)[0];
                set(inner, falling_zero(rest, anode, cathode));
            }
        }
        Ok(volts)
    }

    /// Residual and Jacobian at `y`.
    fn evaluate(&mut self, holds: &[Hold]) -> Result<(), SpiceError> {
        let mut equations = Static::new(&mut self.compiled.system, holds);
        equations.linearize(&self.y, &mut self.residual, &mut self.jacobian);
        // A current between nodes that sources fix enters no equation.
        let values = self.compiled.system.value_not_finite().is_none();
        if values && self.residual.iter().chain(&self.jacobian).all(|x| x.is_finite()) {
            return Ok(());
        }
        Err(self.compiled.blame(self.engine, &self.residual))
    }

    fn singular(&self, unknown: usize) -> SpiceError {
        SpiceError::Singular { engine: self.engine, nodes: vec![self.compiled.system.unknown_name(unknown)] }
    }
}

/// Where a falling function crosses 0 between `a` and `b`, to the last bit.
fn falling_zero(f: impl Fn(f64) -> f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (a.min(b), a.max(b));
    loop {
        let middle = 0.5 * (low + high);
        if !(middle > low && middle < high) {
            return middle;
        }
        if f(middle) > 0.0 { low = middle } else { high = middle }
    }
}
