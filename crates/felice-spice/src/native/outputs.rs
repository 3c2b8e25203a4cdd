//! From states to SPICE vectors: node voltages and branch currents, also those whose unknowns were eliminated.

use std::collections::HashMap;

use super::layout::{Slot, TreeEdge};
use super::stamps::Term;
use super::system::System;
use crate::circuit::{Circuit, NodeId, Saves};

/// One vector.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Vector {
    /// A slot, or the difference of two.
    Slots(Slot, Option<Slot>),
    /// The current of a branch of the forest, by its place there.
    Branch(usize),
}

/// Computes the vectors asked for.
#[derive(Clone, Debug)]
pub struct Outputs {
    names: Vec<String>,
    vectors: Vec<Vector>,
    /// True where some current has to be summed up.
    currents: bool,
    leaving: Vec<f64>,
    branch: Vec<f64>,
}

impl Outputs {
    /// The vectors that `saves` asks for; the name of one that the circuit does not have is the error.
    pub fn new(circuit: &Circuit, system: &System, saves: &Saves) -> Result<Outputs, String> {
        let names = match saves {
            Saves::All => all_names(circuit),
            Saves::Only(names) => names.iter().map(|n| n.to_ascii_lowercase().replace(' ', "")).collect(),
        };
        let layout = &system.shape.layout;
        let elements = circuit.elements.iter().enumerate().filter(|(_, e)| e.device.has_branch_current());
        let elements: HashMap<&str, usize> = elements.map(|(i, e)| (e.name.as_str(), i)).collect();
        let places: HashMap<u32, usize> = layout.forest.iter().enumerate().map(|(k, e)| (e.element, k)).collect();
        let branch = |name: &str| {
            let element = *elements.get(name)?;
            let unknown = layout.current_slot[element].map(|slot| Vector::Slots(slot, None));
            unknown.or_else(|| places.get(&(element as u32)).copied().map(Vector::Branch))
        };
        let find = |name: &String| vector(circuit, system, &branch, name).ok_or_else(|| name.clone());
        let vectors = names.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let currents = vectors.iter().any(|v| matches!(v, Vector::Branch(_)));
        Ok(Outputs {
            names,
            vectors,
            currents,
            leaving: vec![0.0; layout.node_slot.len()],
            branch: vec![0.0; layout.forest.len()],
        })
    }

    /// Names in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Appends one value to each column; the system has just been evaluated, y' is `slope`.
    pub fn append(&mut self, system: &System, slope: &[f64], columns: &mut [Vec<f64>]) {
        if self.currents {
            self.branch_currents(system, slope);
        }
        let registers = system.registers();
        for (vector, column) in self.vectors.iter().zip(columns) {
            column.push(match *vector {
                Vector::Slots(p, None) => registers[p as usize],
                Vector::Slots(p, Some(n)) => registers[p as usize] - registers[n as usize],
                Vector::Branch(k) => self.branch[k],
            });
        }
    }

    /// Kirchhoff's law from the leaves to the roots.
    fn branch_currents(&mut self, system: &System, slope: &[f64]) {
        let registers = system.registers();
        self.leaving.fill(0.0);
        for l in &system.shape.leaving {
            let value = match l.term {
                Term::Slot(slot) => registers[slot as usize],
                Term::Rate(slot) => system.rate(slot, slope),
                Term::Source(source) => system.source_value(source),
                Term::Register(register, _) => registers[register as usize],
            };
            self.leaving[l.node as usize] += l.factor * value;
        }
        for (k, &TreeEdge { child, parent, sign, .. }) in system.shape.layout.forest.iter().enumerate() {
            let sum = self.leaving[child as usize];
            self.branch[k] = -sign * sum;
            self.leaving[parent as usize] += sum;
        }
    }
}

fn all_names(circuit: &Circuit) -> Vec<String> {
    let voltages = circuit.nodes.ids().map(|id| format!("v({})", circuit.nodes.name(id)));
    let branches = circuit.elements.iter().filter(|e| e.device.has_branch_current());
    voltages.chain(branches.map(|e| format!("i({})", e.name))).collect()
}

fn vector(circuit: &Circuit, system: &System, branch: &dyn Fn(&str) -> Option<Vector>, name: &str) -> Option<Vector> {
    let inside = |prefix: &str| name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(')'));
    if let Some(nodes) = inside("v(") {
        let slot = |n: &str| circuit.nodes.find(n).map(|NodeId(i)| system.shape.layout.node_slot[i as usize]);
        return match nodes.split_once(',') {
            Some((p, n)) => Some(Vector::Slots(slot(p)?, Some(slot(n)?))),
            None => Some(Vector::Slots(slot(nodes)?, None)),
        };
    }
    branch(inside("i(")?)
}
