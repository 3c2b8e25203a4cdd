//! Operating points: Newton from the guess, then gmin stepping, then source stepping. No conductance is left behind.

use super::dae::Dae;
use super::layout::Kind;
use super::newton::{Equations, Newton, NewtonError};
use super::system::System;

/// A node held at a voltage: its Kirchhoff equation gives way to `y[column] = value`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hold {
    /// The Kirchhoff equation.
    pub row: usize,
    /// The unknown.
    pub column: usize,
    /// Its value.
    pub value: f64,
}

/// Why there is no operating point.
#[derive(Clone, Debug, PartialEq)]
pub struct NoOperatingPoint {
    /// What happened at the last attempt.
    pub cause: NewtonError,
    /// What was tried.
    pub tried: String,
}

/// The static equations of a system: f(y) = 0 with held nodes and a conductance from every node to ground.
pub(super) struct Static<'a> {
    system: &'a mut System,
    holds: &'a [Hold],
    /// (row, column, entry) of every node's own conductance.
    nodes: &'a [(usize, usize, usize)],
    gmin: f64,
    f_t: Vec<f64>,
}

impl<'a> Static<'a> {
    /// The equations as they are, without any conductance to ground.
    pub fn new(system: &'a mut System, holds: &'a [Hold]) -> Self {
        let f_t = vec![0.0; system.order()];
        Static { system, holds, nodes: &[], gmin: 0.0, f_t }
    }

    fn amend(&self, y: &[f64], r: &mut [f64]) {
        if self.gmin != 0.0 {
            self.nodes.iter().for_each(|&(row, column, _)| r[row] -= self.gmin * y[column]);
        }
        for h in self.holds {
            r[h.row] = h.value - y[h.column];
        }
    }
}

impl Equations for Static<'_> {
    fn kind(&self, unknown: usize) -> Kind {
        self.system.shape.layout.unknowns[unknown].1
    }

    fn residual(&mut self, y: &[f64], r: &mut [f64]) {
        self.system.rhs(0.0, y, r);
        self.amend(y, r);
    }

    fn linearize(&mut self, y: &[f64], r: &mut [f64], jacobian: &mut [f64]) {
        self.system.linearize(0.0, y, r, jacobian, &mut self.f_t);
        if self.gmin != 0.0 {
            self.nodes.iter().for_each(|&(_, _, entry)| jacobian[entry] -= self.gmin);
        }
        for h in self.holds {
            let pattern = &self.system.shape.pattern;
            for k in pattern.row(h.row) {
                jacobian[k] = if pattern.column[k] == h.column { -1.0 } else { 0.0 };
            }
        }
        self.amend(y, r);
    }
}

/// Newton iterations an attempt may take.
const MOST: usize = 150;

/// Finds the operating point from the guess in `y`, sources as they are set, comparisons free to change.
///
/// # Errors
/// [`NoOperatingPoint`] says what was tried.
pub fn operating_point(system: &mut System, holds: &[Hold], y: &mut [f64]) -> Result<u64, NoOperatingPoint> {
    let mut newton = Newton::new(&system.shape.pattern, system.deadline);
    let nodes = node_conductances(system);
    let (raw, frozen) = (system.raw, system.frozen);
    (system.raw, system.frozen) = (true, false);
    let result = search(system, holds, &nodes, y, &mut newton);
    (system.raw, system.frozen) = (raw, frozen);
    system.source_factor = 1.0;
    system.update_sources(0.0);
    result.map(|()| newton.iterations)
}

fn node_conductances(system: &System) -> Vec<(usize, usize, usize)> {
    let layout = &system.shape.layout;
    let mut seen = vec![false; system.order()];
    let mut nodes = Vec::new();
    for (node, row) in layout.node_row.iter().enumerate() {
        let column = layout.values[layout.node_slot[node] as usize].column();
        let (Some(row), Some(column)) = (row, column) else { continue };
        let entry = system.shape.pattern.position(*row as usize, column as usize);
        if let (Some(entry), false) = (entry, std::mem::replace(&mut seen[column as usize], true)) {
            nodes.push((*row as usize, column as usize, entry));
        }
    }
    nodes
}

fn search(
    system: &mut System,
    holds: &[Hold],
    nodes: &[(usize, usize, usize)],
    y: &mut [f64],
    newton: &mut Newton,
) -> Result<(), NoOperatingPoint> {
    let guess = y.to_vec();
    let order = system.order();
    let mut attempt = |system: &mut System, gmin: f64, y: &mut [f64]| {
        let mut equations = Static { system, holds, nodes, gmin, f_t: vec![0.0; order] };
        newton.solve(&mut equations, y, MOST)
    };
    let direct = attempt(system, 0.0, y);
    let Err(first) = direct else { return Ok(()) };
    // A floating node has no operating point, whatever is tried: the direct attempt has named it.
    let mut cause = first;

    y.copy_from_slice(&guess);
    match gmin_stepping(|gmin, y| attempt(system, gmin, y), y) {
        Ok(()) => return Ok(()),
        Err(e) => cause = more_telling(cause, e),
    }

    y.copy_from_slice(&guess);
    let ramp = |factor: f64, y: &mut [f64]| {
        system.source_factor = factor;
        system.update_sources(0.0);
        attempt(system, 0.0, y)
    };
    match source_stepping(ramp, y) {
        Ok(()) => Ok(()),
        Err(e) => {
            let cause = more_telling(cause, e);
            let tried = "Newton from the guess, gmin stepping from 1e-2 S, source stepping from 0".into();
            Err(NoOperatingPoint { cause, tried })
        }
    }
}

/// A singular matrix explains more than an iteration that wanders; nothing comes after the time limit.
fn more_telling(a: NewtonError, b: NewtonError) -> NewtonError {
    match (a, b) {
        (_, NewtonError::TimeLimit) => b,
        (NewtonError::Singular { .. }, _) => a,
        _ => b,
    }
}

/// From a conductance that rules every node to one that rules none, each solution the next one's guess.
fn gmin_stepping(
    mut attempt: impl FnMut(f64, &mut [f64]) -> Result<(), NewtonError>,
    y: &mut [f64],
) -> Result<(), NewtonError> {
    let (mut gmin, mut factor) = (1e-2f64, 0.1f64);
    attempt(gmin, y)?;
    let mut good = y.to_vec();
    while gmin > 1e-24 {
        match attempt(gmin * factor, y) {
            Ok(()) => {
                gmin *= factor;
                good.copy_from_slice(y);
                factor = (factor * factor).max(0.01);
            }
            Err(e) => {
                y.copy_from_slice(&good);
                factor = factor.sqrt();
                if factor > 0.98 {
                    return Err(e);
                }
            }
        }
        // Once a smaller conductance changes nothing any more, none will do.
        if gmin < 1e-16 && attempt(0.0, y).is_ok() {
            return Ok(());
        }
        y.copy_from_slice(&good);
    }
    attempt(0.0, y)
}

/// From sources at 0 to sources in full.
fn source_stepping(
    mut attempt: impl FnMut(f64, &mut [f64]) -> Result<(), NewtonError>,
    y: &mut [f64],
) -> Result<(), NewtonError> {
    let (mut at, mut step) = (0.0f64, 0.1f64);
    y.fill(0.0);
    attempt(0.0, y)?;
    let mut good = y.to_vec();
    while at < 1.0 {
        let next = (at + step).min(1.0);
        match attempt(next, y) {
            Ok(()) => {
                at = next;
                good.copy_from_slice(y);
                step *= 1.5;
            }
            Err(e) => {
                y.copy_from_slice(&good);
                step *= 0.25;
                if step < 1e-6 {
                    return Err(e);
                }
            }
        }
    }
    Ok(())
}
