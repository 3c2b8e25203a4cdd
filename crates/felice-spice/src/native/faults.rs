//! What went wrong, in words: states and unknowns become elements, nodes and times.

use super::compiled::{Compiled, NATIVE, too_much};
use super::dae::StepError;
use super::newton::NewtonError;
use super::operating_point::NoOperatingPoint;
use super::outputs::Outputs;
use super::transient::TransientError;
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

    /// An expression that is not finite explains more than whatever followed from it.
    fn not_finite(&mut self, t: f64, y: &[f64]) -> Option<SpiceError> {
        self.system.observe(t - self.system.origin, y);
        self.left_not_finite(t)
    }

    /// The expression that was not finite when the system was last evaluated.
    fn left_not_finite(&self, t: f64) -> Option<SpiceError> {
        let element = &self.circuit.elements[self.system.not_finite()? as usize];
        let place = Some(self.circuit.place(element.origin));
        Some(SpiceError::NotFinite { engine: NATIVE, what: element.name.clone(), time: t, place })
    }

    fn time_is_up(&self) -> SpiceError {
        SpiceError::TimeLimit { engine: NATIVE, limit: self.time_limit, log: String::new() }
    }

    /// An unknown and, of a node, some elements connected to it.
    fn at(&self, unknown: usize) -> String {
        const SHOWN: usize = 4;
        let name = self.system.unknown_name(unknown);
        let node = name.strip_prefix("v(").and_then(|n| n.strip_suffix(')')).and_then(|n| self.circuit.nodes.find(n));
        let Some(node) = node else { return name };
        let there = self.circuit.elements.iter().filter(|e| e.device.terminals().any(|t| t == node));
        let mut list: Vec<&str> = there.map(|e| e.name.as_str()).take(SHOWN + 1).collect();
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
            TransientError::Step(StepError::NotFinite { t }) => self.left_not_finite(t).unwrap_or_else(|| {
                SpiceError::NotFinite { engine: NATIVE, what: "an equation".into(), time: t, place: None }
            }),
        }
    }
}
