//! What joins what: cut sets of inductors, nodes that voltage sources tie together, forests and disjoint sets.

use super::{Layout, SourceLoop, TreeEdge};
use crate::circuit::{Circuit, Device};

/// A set of nodes that only inductors and current sources join to the rest: the current of one inductor follows.
pub(super) struct Cut {
    pub inductor: u32,
    pub inside: Vec<u32>,
}

/// The cut sets of inductors and current sources, each inside's own cuts before it.
pub(super) fn cutsets(circuit: &Circuit, layout: &Layout) -> Vec<Cut> {
    let inductors = circuit.elements.iter().enumerate();
    let inductors: Vec<(u32, u32, u32)> = inductors
        .filter_map(|(i, e)| match e.device {
            Device::Inductor { p, n, .. } => Some((i as u32, p.0, n.0)),
            _ => None,
        })
        .collect();
    if inductors.is_empty() {
        return Vec::new();
    }
    let mut joined = Sets::new(layout.node_slot.len());
    for (i, e) in circuit.elements.iter().enumerate() {
        match e.device {
            Device::Inductor { .. } | Device::CurrentSource { .. } => {}
            Device::Ekv { d, s, .. } | Device::Bsim4 { d, s, .. } => drop(joined.join(d.0, s.0)),
            Device::Diode { p, n, .. } => {
                let inner = layout.inner_node[i].unwrap_or(p.0);
                joined.join(p.0, inner);
                joined.join(inner, n.0);
            }
            _ => {
                let mut ends = e.device.terminals();
                if let (Some(p), Some(n)) = (ends.next(), ends.next()) {
                    joined.join(p.0, n.0);
                }
            }
        }
    }
    let sets: Vec<u32> = (0..layout.node_slot.len() as u32).map(|n| joined.find(n)).collect();
    // A tree of sets, grown from ground along inductors; each set but ground's gives one current.
    let edges: Vec<(u32, u32, u32)> =
        inductors.iter().map(|&(i, p, n)| (i, sets[p as usize], sets[n as usize])).filter(|e| e.1 != e.2).collect();
    let mut cuts = Vec::new();
    for edge in leaves_first(sets.len(), &edges) {
        let inside: Vec<u32> = (0..sets.len() as u32).filter(|n| sets[*n as usize] == edge.child).collect();
        cuts.push(Cut { inductor: edge.element, inside });
    }
    cuts
}

/// For each node the node it follows (0: ground, itself: its own) and by which sources it differs; and the own ones.
#[allow(clippy::type_complexity)]
pub(super) fn known_and_following(
    circuit: &Circuit,
    nodes: usize,
    source_of: &[Option<u32>],
) -> Result<(Vec<(u32, Vec<(u32, f64)>)>, Vec<u32>), SourceLoop> {
    let mut neighbours: Vec<Vec<(u32, usize, f64)>> = vec![Vec::new(); nodes];
    for (i, e) in circuit.elements.iter().enumerate() {
        if let Device::VoltageSource { p, n, .. } = e.device {
            neighbours[p.index()].push((n.0, i, -1.0));
            neighbours[n.index()].push((p.0, i, 1.0));
        }
    }
    let mut value: Vec<Option<(u32, Vec<(u32, f64)>)>> = vec![None; nodes];
    let mut used = vec![false; circuit.elements.len()];
    let mut roots = Vec::new();
    for root in 0..nodes as u32 {
        if value[root as usize].is_some() {
            continue;
        }
        value[root as usize] = Some((root, Vec::new()));
        if root != 0 {
            roots.push(root);
        }
        let mut front = vec![root];
        while let Some(node) = front.pop() {
            let here = value[node as usize].clone().map_or(Vec::new(), |v| v.1);
            for &(other, element, sign) in &neighbours[node as usize] {
                if std::mem::replace(&mut used[element], true) {
                    continue;
                }
                if value[other as usize].is_some() {
                    return Err(SourceLoop { element });
                }
                let mut sources = here.clone();
                sources.extend(source_of[element].map(|s| (s, sign)));
                value[other as usize] = Some((root, sources));
                front.push(other);
            }
        }
    }
    Ok((value.into_iter().map(|v| v.unwrap_or((0, Vec::new()))).collect(), roots))
}

/// The forest's edges, each with the end that is farther from the root as its child, leaves before their parents.
pub(super) fn leaves_first(nodes: usize, edges: &[(u32, u32, u32)]) -> Vec<TreeEdge> {
    let mut neighbours: Vec<Vec<(u32, u32, f64)>> = vec![Vec::new(); nodes];
    for &(element, p, n) in edges {
        neighbours[p as usize].push((n, element, -1.0));
        neighbours[n as usize].push((p, element, 1.0));
    }
    let mut seen = vec![false; nodes];
    let mut order = Vec::new();
    for root in 0..nodes as u32 {
        if std::mem::replace(&mut seen[root as usize], true) {
            continue;
        }
        let mut front = vec![root];
        while let Some(parent) = front.pop() {
            for &(child, element, sign) in &neighbours[parent as usize] {
                if !std::mem::replace(&mut seen[child as usize], true) {
                    order.push(TreeEdge { element, child, parent, sign });
                    front.push(child);
                }
            }
        }
    }
    order.reverse();
    order
}

/// Disjoint sets of nodes.
pub(super) struct Sets(Vec<u32>);

impl Sets {
    pub fn new(n: usize) -> Self {
        Sets((0..n as u32).collect())
    }

    pub fn find(&mut self, node: u32) -> u32 {
        let mut root = node;
        while self.0[root as usize] != root {
            root = self.0[root as usize];
        }
        let mut at = node;
        while self.0[at as usize] != root {
            at = std::mem::replace(&mut self.0[at as usize], root);
        }
        root
    }

    /// Joins two sets; false where they were one already.
    pub fn join(&mut self, a: u32, b: u32) -> bool {
        let (a, b) = (self.find(a), self.find(b));
        // The lower number leads, so that ground's set is led by ground.
        self.0[a.max(b) as usize] = a.min(b);
        a != b
    }
}
