//! What no engine can solve, found before any engine sees it: loops of voltage sources, floating nodes, currents that
//! are no unknown.

use super::expand::NodeTable;
use super::wrong::{Result, Wrong};
use crate::circuit::{Device, Element, ElementId, NodeId};
use crate::expr::{Expr, Op};

/// Sets of nodes that belong together.
struct Sets {
    parent: Vec<u32>,
}

impl Sets {
    fn new(nodes: usize) -> Self {
        Sets { parent: (0..nodes as u32).collect() }
    }

    fn root(&mut self, node: NodeId) -> u32 {
        let mut at = node.0;
        while self.parent[at as usize] != at {
            let above = self.parent[self.parent[at as usize] as usize];
            self.parent[at as usize] = above;
            at = above;
        }
        at
    }

    /// Joins two nodes; false where they were together already.
    fn join(&mut self, a: NodeId, b: NodeId) -> bool {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b) as usize] = a.min(b);
        a != b
    }
}

/// Checks a flattened circuit. `initial`: nodes with `.ic`; `uic`: every transient starts without an operating point.
pub(super) fn check(elements: &[Element], table: &NodeTable<'_>, initial: &[NodeId], uic: bool) -> Result<()> {
    branch_currents(elements)?;
    loops(elements, table, uic)?;
    floating(elements, table, initial, uic)
}

fn wrong(e: &Element, expected: impl Into<String>) -> Box<Wrong> {
    Wrong::netlist(e.origin, &e.name, expected)
}

/// `I(x)` and the controls of F and H must have a current of their own.
fn branch_currents(elements: &[Element]) -> Result<()> {
    let mut bad: Option<(usize, ElementId)> = None;
    let mut look = |at: usize, id: ElementId| {
        if !elements.get(id.index()).is_some_and(|e| e.device.has_branch_current()) {
            bad.get_or_insert((at, id));
        }
    };
    let in_expr = |expr: &Expr, at: usize, look: &mut dyn FnMut(usize, ElementId)| {
        for op in expr.ops() {
            if let Op::Current(id) = op {
                look(at, *id);
            }
        }
    };
    for (at, e) in elements.iter().enumerate() {
        match &e.device {
            Device::Cccs { control, .. } | Device::Ccvs { control, .. } => look(at, *control),
            Device::BehaviouralVoltage { volts, .. } => in_expr(volts, at, &mut look),
            Device::BehaviouralCurrent { amperes, .. } => in_expr(amperes, at, &mut look),
            _ => {}
        }
    }
    match bad {
        None => Ok(()),
        Some((at, id)) => {
            let name = elements.get(id.index()).map_or("?", |e| &e.name);
            Err(wrong(&elements[at], format!("the current of a V, L, E, H or B (V=) source, not of `{name}`")))
        }
    }
}

/// A loop of elements that each fix a voltage; with an operating point inductors count too.
fn loops(elements: &[Element], table: &NodeTable<'_>, uic: bool) -> Result<()> {
    let mut sets = Sets::new(table.nodes.len());
    for inductors in [false, true] {
        for e in elements {
            let (p, n) = match e.device {
                Device::VoltageSource { p, n, .. }
                | Device::Vcvs { p, n, .. }
                | Device::Ccvs { p, n, .. }
                | Device::BehaviouralVoltage { p, n, .. }
                    if !inductors =>
                {
                    (p, n)
                }
                Device::Inductor { p, n, .. } if inductors && !uic => (p, n),
                _ => continue,
            };
            if !sets.join(p, n) {
                let loop_of = if inductors { "voltage sources and inductors" } else { "voltage sources" };
                let (p, n) = (table.nodes.name(p), table.nodes.name(n));
                return Err(wrong(e, format!("no loop of {loop_of}: `{p}` and `{n}` are joined by others already")));
            }
        }
    }
    Ok(())
}

/// A node must have a DC path to ground, or (through capacitors) a `.ic` that says where it starts.
fn floating(elements: &[Element], table: &NodeTable<'_>, initial: &[NodeId], uic: bool) -> Result<()> {
    let mut sets = Sets::new(table.nodes.len());
    let mut connected = vec![false; table.nodes.len()];
    for e in elements {
        for node in e.device.terminals() {
            connected[node.index()] = true;
        }
        match e.device {
            Device::CurrentSource { .. } => {}
            Device::Capacitor { p, n, initial, .. } => {
                if uic && initial.is_some() {
                    sets.join(p, n);
                }
            }
            Device::Ekv { d, s, .. } => drop(sets.join(d, s)),
            Device::Bsim4 { d, s, b, .. } => {
                sets.join(d, s);
                sets.join(d, b);
            }
            _ => {
                let mut ends = e.device.terminals();
                if let (Some(p), Some(n)) = (ends.next(), ends.next()) {
                    sets.join(p, n);
                }
            }
        }
    }
    for node in initial {
        sets.join(*node, crate::circuit::GROUND);
    }
    for node in table.nodes.ids() {
        let (name, origin) = (table.nodes.name(node), table.mentions[node.index()]);
        if !connected[node.index()] {
            return Err(Wrong::netlist(origin, name, "a node that some element is connected to"));
        }
        if sets.root(node) != 0 {
            return Err(Wrong::netlist(origin, name, "a node with a DC path to ground (or a `.ic`): this one floats"));
        }
    }
    Ok(())
}
