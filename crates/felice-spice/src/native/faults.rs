//! What went wrong, in words: states and unknowns become elements, nodes and times.

use std::cmp::Ordering;

use super::compiled::{Compiled, NATIVE, too_much};
use super::dae::StepError;
use super::newton::NewtonError;
use super::operating_point::NoOperatingPoint;
use super::outputs::Outputs;
use super::transient::TransientError;
use crate::circuit::{Device, Element, NodeId};
use crate::engine::EngineName;
use crate::error::SpiceError;

impl Compiled {
    pub(super) fn check_finite(&self, axis: &[f64], columns: &[Vec<f64>], outputs: &Outputs) -> Result<(), SpiceError> {
        for (name, column) in outputs.names().iter().zip(columns) {
            if let Some(at) = column.iter().position(|v| !v.is_finite()) {
                let (what, time) = (name.clone(), axis[at]);
                return Err(SpiceError::NotFinite { engine: NATIVE, what, time, place: None });
            }
        }
        Ok(())
    }

    /// Refuses a state at which a B source is not finite, also where its current enters no equation.
    pub(super) fn check_values(&mut self, y: &[f64]) -> Result<(), SpiceError> {
        if self.system.shape.b_values.is_empty() {
            return Ok(());
        }
        self.system.observe(0.0, y);
        match self.system.value_not_finite() {
            None => Ok(()),
            Some(_) => Err(self.left_not_finite(0.0).unwrap_or_else(|| self.overflow(0.0))),
        }
    }

    /// An expression that is not finite explains more than whatever followed from it.
    fn not_finite(&mut self, t: f64, y: &[f64]) -> Option<SpiceError> {
        self.system.observe(t - self.system.origin, y);
        self.left_not_finite(t)
    }

    /// The expression that was not finite when the system was last evaluated.
    pub(super) fn left_not_finite(&mut self, t: f64) -> Option<SpiceError> {
        let element = &self.circuit.elements[self.system.not_finite()? as usize];
        let place = Some(self.circuit.place(element.origin));
        Some(SpiceError::NotFinite { engine: NATIVE, what: element.name.clone(), time: t, place })
    }

    /// The node or branch that has grown most, and the elements there, where none of them is infinite itself: then sums and
    /// products of it are.
    fn overflow(&self, t: f64) -> SpiceError {
        let size = |i: &usize| Some(self.system.registers()[*i].abs()).filter(|x| x.is_finite());
        let largest = (0..self.system.order()).max_by(|a, b| size(a).partial_cmp(&size(b)).unwrap_or(Ordering::Equal));
        let name = largest.map_or_else(String::new, |i| self.system.unknown_name(i));
        let elements = self.elements_at(&name);
        // An expression is more likely to overflow than what is linear.
        let expression =
            |e: &&&Element| matches!(e.device, Device::BehaviouralVoltage { .. } | Device::BehaviouralCurrent { .. });
        let first = elements.iter().find(expression).or(elements.first());
        SpiceError::NotFinite {
            engine: NATIVE,
            what: largest.map_or(name, |i| self.at(i)),
            time: t,
            place: first.map(|e| self.circuit.place(e.origin)),
        }
    }

    /// What is not finite at the last evaluation, which gave `f`: an element, else the sum of an equation.
    pub(super) fn blame(&mut self, engine: EngineName, f: &[f64]) -> SpiceError {
        let row = f.iter().position(|x| !x.is_finite()).unwrap_or(0);
        match self.left_not_finite(0.0) {
            Some(SpiceError::NotFinite { what, time, place, .. }) => {
                SpiceError::NotFinite { engine, what, time, place }
            }
            _ => {
                let what = self.system.shape.layout.row_name.get(row).cloned().unwrap_or_default();
                SpiceError::NotFinite { engine, what, time: 0.0, place: None }
            }
        }
    }

    fn time_is_up(&self) -> SpiceError {
        SpiceError::TimeLimit { engine: NATIVE, limit: self.time_limit, log: String::new() }
    }

    /// An unknown and, of a node, some elements connected to it.
    fn at(&self, unknown: usize) -> String {
        let name = self.system.unknown_name(unknown);
        self.node_of(&name).map_or(name, |node| self.at_node(node))
    }

    /// The node of an unknown that is a node's voltage.
    fn node_of(&self, unknown: &str) -> Option<NodeId> {
        unknown.strip_prefix("v(").and_then(|n| n.strip_suffix(')')).and_then(|n| self.circuit.nodes.find(n))
    }

    /// The elements connected to the node of an unknown, or the one whose current it is.
    fn elements_at(&self, unknown: &str) -> Vec<&Element> {
        let node = self.node_of(unknown);
        let there = |e: &&Element| match node {
            Some(node) => e.device.terminals().any(|t| t == node),
            None => unknown == format!("i({})", e.name),
        };
        self.circuit.elements.iter().filter(there).collect()
    }

    /// A node and some elements connected to it.
    pub(super) fn at_node(&self, node: NodeId) -> String {
        const SHOWN: usize = 4;
        let name = format!("v({})", self.circuit.nodes.name(node));
        let mut list: Vec<&str> =
            self.elements_at(&name).into_iter().map(|e| e.name.as_str()).take(SHOWN + 1).collect();
        if list.len() > SHOWN {
            list[SHOWN] = "...";
        }
        format!("{name}, at {}", list.join(" "))
    }

    pub(super) fn static_error(&mut self, e: NoOperatingPoint, y: &[f64]) -> SpiceError {
        if e.cause == NewtonError::TimeLimit {
            return self.time_is_up();
        }
        if let Some(error) = self.not_finite(0.0, y) {
            return error;
        }
        match e.cause {
            NewtonError::Singular { unknown } => {
                SpiceError::Singular { engine: NATIVE, nodes: vec![self.system.unknown_name(unknown)] }
            }
            NewtonError::NotConverged { unknown, residual } => {
                SpiceError::NoConvergence { engine: NATIVE, node: self.at(unknown), residual, tried: e.tried }
            }
            NewtonError::NotFinite | NewtonError::TimeLimit => SpiceError::NoConvergence {
                engine: NATIVE,
                node: "the first guess".into(),
                residual: f64::INFINITY,
                tried: e.tried,
            },
        }
    }

    pub(super) fn transient_error(&mut self, e: TransientError, y: &[f64]) -> SpiceError {
        match e {
            TransientError::TimeLimit => self.time_is_up(),
            TransientError::TooMuch => too_much("every step of this run"),
            TransientError::Inconsistent { cause: NewtonError::TimeLimit, .. } => self.time_is_up(),
            TransientError::Inconsistent { t, cause } => self.not_finite(t, y).unwrap_or_else(|| {
                let tried = format!("a consistent state at t = {t:.9e} s, charges held");
                self.static_error(NoOperatingPoint { cause, tried }, y)
            }),
            TransientError::Step(StepError::TooSmall { t, h, worst }) => self
                .not_finite(t, y)
                .unwrap_or_else(|| SpiceError::StepTooSmall { engine: NATIVE, time: t, step: h, at: self.at(worst) }),
            TransientError::Step(StepError::Singular { unknown, .. }) => {
                SpiceError::Singular { engine: NATIVE, nodes: vec![self.system.unknown_name(unknown)] }
            }
            // The system still holds the evaluation that failed.
            TransientError::Step(StepError::NotFinite { t }) => {
                self.left_not_finite(t).unwrap_or_else(|| self.overflow(t))
            }
        }
    }
}
