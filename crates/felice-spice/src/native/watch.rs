//! Looking at a transient step by step: every voltage and current, and how fast it changes.

use super::compiled::{Compiled, span_of};
use super::system::System;
use super::transient::{Points, Span};
use crate::analysis::Tran;
use crate::circuit::{NodeId, Saves};
use crate::engine::Settings;
use crate::error::SpiceError;

/// The circuit at the end of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// Time, s.
    pub t: f64,
    /// Voltage of each node, ground first, V.
    pub volts: Vec<f64>,
    /// Its time derivative, V/s.
    pub rates: Vec<f64>,
    /// Current of each element that has a branch current, by element; NaN of the others. A.
    pub currents: Vec<f64>,
}

impl Compiled {
    /// Runs a transient and shows every step's end, beginning with the state at time 0.
    ///
    /// # Errors
    /// Any engine error of [`SpiceError`].
    pub fn watch(&mut self, tran: &Tran, settings: &Settings, look: &mut dyn FnMut(&Moment)) -> Result<(), SpiceError> {
        self.begin(settings);
        let elements = self.circuit.elements.iter().enumerate();
        let branches: Vec<usize> = elements.filter(|(_, e)| e.device.has_branch_current()).map(|(i, _)| i).collect();
        let nodes = self.circuit.nodes.len();
        let names = self.circuit.nodes.ids().map(|n| format!("v({})", self.circuit.nodes.name(n)));
        let currents = branches.iter().map(|i| format!("i({})", self.circuit.elements[*i].name));
        let mut outputs = self.outputs(&Saves::Only(names.chain(currents).collect()))?;
        let span = Span { points: Points::Own(f64::INFINITY), ..span_of(tran, settings, outputs.names().len())? };
        let mut row = vec![Vec::new(); outputs.names().len()];
        let mut moment = Moment {
            t: 0.0,
            volts: vec![0.0; nodes],
            rates: vec![0.0; nodes],
            currents: vec![f64::NAN; self.circuit.elements.len()],
        };
        let ids: Vec<NodeId> = self.circuit.nodes.ids().collect();
        let mut sink = |system: &mut System, t: f64, _: &[f64], slope: &[f64]| {
            row.iter_mut().for_each(Vec::clear);
            outputs.append(system, slope, &mut row);
            moment.t = t;
            for (k, id) in ids.iter().enumerate() {
                moment.volts[id.index()] = row[k][0];
                moment.rates[id.index()] = system.rate(system.shape.layout.node_slot[id.index()], slope);
            }
            for (k, element) in branches.iter().enumerate() {
                moment.currents[*element] = row[ids.len() + k][0];
            }
            look(&moment);
        };
        self.integrate(tran, settings, &span, &mut sink).map(drop)
    }
}
