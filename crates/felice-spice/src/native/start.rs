//! Where an analysis starts: operating points, held nodes, `.nodeset`, `.ic` and `ic=`.

use super::compiled::Compiled;
use super::consistent::Consistency;
use super::newton::NewtonError;
use super::operating_point::{Hold, NoOperatingPoint, operating_point};
use super::waveform::Piece;
use crate::analysis::Tran;
use crate::circuit::{Device, NodeId};
use crate::error::SpiceError;

impl Compiled {
    /// Sets or adds an `.ic`.
    ///
    /// # Errors
    /// [`SpiceError::Request`] where there is no such node, or voltage sources give it another voltage.
    pub fn set_initial(&mut self, node: &str, volts: f64) -> Result<(), SpiceError> {
        let what = || format!("an initial voltage of {volts} V for node `{node}`");
        let id = self
            .circuit
            .nodes
            .find(&node.to_ascii_lowercase())
            .ok_or_else(|| SpiceError::Request { what: what(), expected: "a node of the circuit".into() })?;
        let mut initial = self.initial.clone();
        initial.retain(|i| i.0 != id);
        initial.push((id, volts));
        if let Some(c) = self.circuit.contradiction(&initial) {
            return Err(SpiceError::Request { what: what(), expected: c.expected() });
        }
        self.initial = initial;
        Ok(())
    }

    pub(super) fn solve_static(&mut self, held: &[(NodeId, f64)]) -> Result<Vec<f64>, SpiceError> {
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
                self.check_values(&y)?;
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
    pub(super) fn holds(&self, nodes: &[(NodeId, f64)]) -> Vec<Hold> {
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

    /// Sources as they are at time 0 of a transient.
    pub(super) fn set_sources_of_start(&mut self, tran: &Tran) {
        // An instant after 0 if 0 is a corner, so that the source's first piece is the one that counts.
        let instant = 1e-15 * tran.stop;
        let pieces: Vec<Piece> =
            self.system.shape.layout.sources.iter().map(|s| Piece::around(&s.1, instant)).collect();
        let constant = pieces.iter().map(|p| Piece::Constant(p.at(0.0)[0])).collect();
        self.system.set_pieces(constant, 0.0);
    }

    /// The state at time 0.
    pub(super) fn initial_state(&mut self, tran: &Tran) -> Result<Vec<f64>, SpiceError> {
        self.set_sources_of_start(tran);
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
}
