//! `.ic` values against the voltage sources that fix the same nodes.

use super::{Circuit, Device, GROUND, NodeId};

/// An initial voltage that cannot be: voltage sources put the node elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Contradiction {
    /// Which of the initial voltages.
    pub index: usize,
    /// Where the sources put the node at time 0, V; of nodes that they only tie to each other, seen from the first `.ic`.
    pub volts: f64,
    /// The source next to the node.
    pub source: String,
}

impl Contradiction {
    /// What would have been right.
    pub fn expected(&self) -> String {
        format!("{} V, which `{}` gives that node at time 0 (or no initial voltage)", self.volts, self.source)
    }
}

/// How far, V and as a share, a `.ic` may be from its source: rounding in parameters.
const ROUNDING: f64 = 1e-9;

impl Circuit {
    /// The first of these initial voltages that contradicts the independent voltage sources.
    pub fn contradiction(&self, initial: &[(NodeId, f64)]) -> Option<Contradiction> {
        if initial.is_empty() {
            return None;
        }
        let mut ties: Vec<Vec<(NodeId, f64, usize)>> = vec![Vec::new(); self.nodes.len()];
        for (i, e) in self.elements.iter().enumerate() {
            if let Device::VoltageSource { p, n, stimulus } = &e.device {
                let volts = stimulus.at(0.0);
                ties[p.index()].push((*n, -volts, i));
                ties[n.index()].push((*p, volts, i));
            }
        }
        let mut known: Vec<Option<(f64, Option<usize>)>> = vec![None; self.nodes.len()];
        let spread = |known: &mut Vec<Option<(f64, Option<usize>)>>, from: NodeId, volts: f64| {
            known[from.index()] = Some((volts, None));
            let mut front = vec![(from, volts)];
            while let Some((node, volts)) = front.pop() {
                for &(other, step, source) in &ties[node.index()] {
                    if known[other.index()].is_none() {
                        known[other.index()] = Some((volts + step, Some(source)));
                        front.push((other, volts + step));
                    }
                }
            }
        };
        spread(&mut known, GROUND, 0.0);
        for (index, &(node, asked)) in initial.iter().enumerate() {
            match known[node.index()] {
                None => spread(&mut known, node, asked),
                Some((volts, source)) => {
                    let off = (volts - asked).abs();
                    if off <= ROUNDING * volts.abs().max(1.0) {
                        continue;
                    }
                    let source = source.map_or_else(String::new, |s| self.elements[s].name.clone());
                    return Some(Contradiction { index, volts, source });
                }
            }
        }
        None
    }
}
