//! Collecting what elements contribute to the equations `M y' = f(t, y)`.

use std::collections::BTreeMap;

use super::layout::{Layout, Slot};

/// A quantity that an element's current or equation is proportional to.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// A voltage or current.
    Slot(Slot),
    /// Its time derivative.
    Rate(Slot),
    /// The value of an independent source.
    Source(u32),
    /// A number that a device or program leaves in a register, and its derivatives: (slot, register).
    Register(u32, Vec<(Slot, u32)>),
}

/// A number added to an entry of a vector: `vector[at] += factor · from[index]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scatter {
    /// Where to.
    pub to: u32,
    /// Where from.
    pub from: u32,
    /// Times what.
    pub factor: f64,
}

/// `siemens (a − b)` flows from one Kirchhoff equation to another.
///
/// Kept as a current of its own and not as entries of a matrix: what one equation loses the other gains to the last bit, so
/// that strong conductances within a set of nodes leave no noise in the set's sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conductance {
    /// Controlling slots.
    pub a: Slot,
    /// Controlling slots.
    pub b: Slot,
    /// The factor.
    pub siemens: f64,
    /// Equation that loses the current; beyond the last one where there is none.
    pub from: u32,
    /// Equation that gains it.
    pub to: u32,
}

/// A share of the current that leaves a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaving {
    /// Node.
    pub node: u32,
    /// What.
    pub term: Term,
    /// Times what.
    pub factor: f64,
}

/// Everything the elements contribute, before it is put on a pattern.
#[derive(Clone, Debug, Default)]
pub struct Stamps {
    /// M by (row, column).
    pub mass: BTreeMap<(usize, usize), f64>,
    /// Constant part of ∂f/∂y.
    pub linear: BTreeMap<(usize, usize), f64>,
    /// Its entries that [`Conductance`]s do not account for.
    pub loose: BTreeMap<(usize, usize), f64>,
    /// Conductances.
    pub conductances: Vec<Conductance>,
    /// ∂f/∂(slot that sources move) of conductances: (row, slot, factor).
    pub driven: Vec<(u32, Slot, f64)>,
    /// f by (row, source): proportional to the source's value.
    pub value: BTreeMap<(u32, u32), f64>,
    /// f by (row, source): proportional to the source's slope.
    pub slope: BTreeMap<(u32, u32), f64>,
    /// f by register.
    pub registers: Vec<Scatter>,
    /// ∂f/∂y by register: (row, column, register, factor).
    pub jacobian: Vec<(u32, u32, u32, f64)>,
    /// ∂f/∂(slot that sources move) by register: (row, slot, register, factor).
    pub moving: Vec<(u32, Slot, u32, f64)>,
    /// Currents that leave the nodes at which branch currents are computed afterwards.
    pub leaving: Vec<Leaving>,
}

impl Stamps {
    /// `f[row] += factor · term`.
    pub fn add(&mut self, layout: &Layout, row: u32, term: &Term, factor: f64) {
        match term {
            Term::Slot(slot) => {
                let value = &layout.values[*slot as usize];
                for (column, sign) in &value.columns {
                    let position = (row as usize, *column as usize);
                    *self.linear.entry(position).or_insert(0.0) += factor * sign;
                    *self.loose.entry(position).or_insert(0.0) += factor * sign;
                }
                for (source, sign) in &value.sources {
                    *self.value.entry((row, *source)).or_insert(0.0) += factor * sign;
                }
            }
            Term::Rate(slot) => {
                let value = &layout.values[*slot as usize];
                for (column, sign) in &value.columns {
                    *self.mass.entry((row as usize, *column as usize)).or_insert(0.0) -= factor * sign;
                }
                for (source, sign) in &value.sources {
                    *self.slope.entry((row, *source)).or_insert(0.0) += factor * sign;
                }
            }
            Term::Source(source) => *self.value.entry((row, *source)).or_insert(0.0) += factor,
            Term::Register(register, slopes) => {
                self.registers.push(Scatter { to: row, from: *register, factor });
                for &(slot, slope) in slopes {
                    let value = layout.values.get(slot as usize);
                    for (column, sign) in value.iter().flat_map(|v| &v.columns) {
                        self.jacobian.push((row, *column, slope, factor * sign));
                    }
                    // A slot beyond the layout's is time.
                    if value.is_none_or(|v| !v.sources.is_empty()) {
                        self.moving.push((row, slot, slope, factor));
                    }
                }
            }
        }
    }

    /// `factor · term` leaves `node`.
    pub fn leave(&mut self, layout: &Layout, node: u32, term: &Term, factor: f64) {
        if let Some(row) = layout.node_row[node as usize] {
            self.add(layout, row, term, -factor);
        }
        if node != 0 {
            self.leaving.push(Leaving { node, term: term.clone(), factor });
        }
    }

    /// `siemens (V(cp) − V(cn))` flows from node p through an element to node n.
    pub fn conductance(&mut self, layout: &Layout, [p, n]: [u32; 2], [a, b]: [Slot; 2], siemens: f64) {
        if p == n || a == b {
            return;
        }
        for (node, sign) in [(p, siemens), (n, -siemens)] {
            for (slot, factor) in [(a, sign), (b, -sign)] {
                self.leaving.push(Leaving { node, term: Term::Slot(slot), factor });
            }
        }
        let (from, to) = (layout.node_row[p as usize], layout.node_row[n as usize]);
        if from == to {
            return;
        }
        for (row, sign) in [(from, -siemens), (to, siemens)] {
            let Some(row) = row else { continue };
            for (slot, factor) in [(a, sign), (b, -sign)] {
                if let Some(column) = layout.values[slot as usize].column() {
                    *self.linear.entry((row as usize, column as usize)).or_insert(0.0) += factor;
                }
                if !layout.values[slot as usize].sources.is_empty() {
                    self.driven.push((row, slot, factor));
                }
            }
        }
        let none = layout.order() as u32;
        let (from, to) = (from.unwrap_or(none), to.unwrap_or(none));
        self.conductances.push(Conductance { a, b, siemens, from, to });
    }

    /// `factor · term` flows from node p through an element to node n.
    pub fn flow(&mut self, layout: &Layout, p: u32, n: u32, term: &Term, factor: f64) {
        if p != n {
            self.leave(layout, p, term, factor);
            self.leave(layout, n, term, -factor);
        }
    }
}
