//! Which quantity is an unknown and which equation determines it.
//!
//! Modified nodal analysis with what costs nothing to eliminate eliminated: nodes that independent voltage sources tie to
//! ground are known, nodes that they tie to another node follow it, and the current of a voltage-defined branch (V, E, H,
//! B with `V=`) that nobody refers to disappears with the merged Kirchhoff equation of the nodes it joins. That also takes
//! away the index 2 of a capacitor across a voltage source.

mod topology;

use std::collections::BTreeMap;

use crate::circuit::{Circuit, Device, NodeId};
use crate::expr::Op;
use crate::stimulus::Stimulus;
use topology::{Cut, Sets, cutsets, known_and_following, leaves_first};

/// A place in the vector of all voltages and currents: unknowns first, then ground, known and following nodes.
pub type Slot = u32;

/// How the value in a slot comes about: unknowns (one, if any, of a voltage) plus independent sources.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Value {
    /// (column of an unknown, sign)
    pub columns: Vec<(u32, f64)>,
    /// (source, sign)
    pub sources: Vec<(u32, f64)>,
}

impl Value {
    /// The column of the unknown that a voltage is or follows.
    pub fn column(&self) -> Option<u32> {
        self.columns.first().map(|c| c.0)
    }
}

/// A voltage-defined branch whose current follows from Kirchhoff's law at `child` once all others are known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TreeEdge {
    /// Index into the circuit's elements.
    pub element: u32,
    /// The node whose Kirchhoff equation gives the current.
    pub child: u32,
    /// The node next to the root.
    pub parent: u32,
    /// 1 where the branch's positive terminal is the child, else −1.
    pub sign: f64,
}

/// What an unknown is; decides its tolerance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Voltage of a node.
    Voltage,
    /// Current of an inductor.
    InductorCurrent,
    /// Current of another branch.
    BranchCurrent,
    /// Charge of a junction.
    Charge,
}

/// The numbering of unknowns, equations, slots and sources.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Name and kind of each unknown: `v(u)`, `i(l1)`.
    pub unknowns: Vec<(String, Kind)>,
    /// Slots; the first ones are the unknowns.
    pub values: Vec<Value>,
    /// Slot of each node (the circuit's, then the internal ones of diodes).
    pub node_slot: Vec<Slot>,
    /// Kirchhoff equation of each node; none for ground and what sources tie to it.
    pub node_row: Vec<Option<u32>>,
    /// A node (or branch) to name for each equation.
    pub row_name: Vec<String>,
    /// Slot of the current of each element that has one as an unknown.
    pub current_slot: Vec<Option<Slot>>,
    /// The equation of each inductor and each E, H and B voltage.
    pub branch_row: Vec<Option<u32>>,
    /// Column and equation of the junction charge of each diode that stores any.
    pub charge: Vec<Option<(u32, u32)>>,
    /// Node between series resistance and junction of each diode that has one.
    pub inner_node: Vec<Option<u32>>,
    /// Independent sources: element and what it does in time.
    pub sources: Vec<(u32, Stimulus)>,
    /// Source number of each independent source's element.
    pub source_of: Vec<Option<u32>>,
    /// Branches whose current is computed afterwards, leaves first.
    pub forest: Vec<TreeEdge>,
}

/// Voltage sources that contradict each other: the element that closes the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceLoop {
    /// Index into the circuit's elements.
    pub element: usize,
}

impl Layout {
    /// Numbers everything in a circuit.
    ///
    /// # Errors
    /// [`SourceLoop`] where independent voltage sources form a loop.
    pub fn of(circuit: &Circuit) -> Result<Layout, SourceLoop> {
        let elements = &circuit.elements;
        let mut names: Vec<String> =
            (0..circuit.nodes.len()).map(|i| circuit.nodes.name(NodeId(i as u32)).into()).collect();
        let inner_node = inner_nodes(circuit, &mut names);
        let (sources, source_of) = sources(circuit);
        let asked = asked_currents(circuit);
        let (values_by_node, roots) = known_and_following(circuit, names.len(), &source_of)?;

        let mut layout = Layout {
            unknowns: Vec::new(),
            values: Vec::new(),
            node_slot: vec![0; names.len()],
            node_row: Vec::new(),
            row_name: Vec::new(),
            current_slot: vec![None; elements.len()],
            branch_row: vec![None; elements.len()],
            charge: vec![None; elements.len()],
            inner_node,
            sources,
            source_of,
            forest: Vec::new(),
        };
        let cuts = cutsets(circuit, &layout);
        layout.number_rows(circuit, &names, &asked, &cuts);
        for &root in &roots {
            layout.node_slot[root as usize] = layout.unknown(format!("v({})", names[root as usize]), Kind::Voltage);
        }
        layout.number_branches(circuit, &asked, &cuts);
        layout.number_charges(circuit);
        layout.number_other_slots(&values_by_node);
        layout.number_cut_currents(circuit, &cuts);
        Ok(layout)
    }

    /// Number of unknowns.
    pub fn order(&self) -> usize {
        self.unknowns.len()
    }

    fn unknown(&mut self, name: String, kind: Kind) -> Slot {
        let column = self.unknowns.len() as u32;
        self.unknowns.push((name, kind));
        self.values.push(Value { columns: vec![(column, 1.0)], sources: Vec::new() });
        column
    }

    fn row(&mut self, name: String) -> u32 {
        self.row_name.push(name);
        self.row_name.len() as u32 - 1
    }

    /// Kirchhoff equations: one for each set of nodes joined by branches whose current nobody asks for.
    fn number_rows(&mut self, circuit: &Circuit, names: &[String], asked: &[bool], cuts: &[Cut]) {
        let mut joined = Sets::new(names.len());
        let mut edges = Vec::new();
        for (i, e) in circuit.elements.iter().enumerate() {
            let Some((p, n)) = voltage_defined(&e.device) else { continue };
            if !asked[i] && joined.join(p, n) {
                edges.push((i as u32, p, n));
            }
        }
        // The Kirchhoff equation of a cut set is what its inductor's current was eliminated by: one of its rows goes.
        let spent: Vec<u32> = cuts.iter().map(|c| joined.find(c.inside[0])).collect();
        let mut row_of_set: Vec<Option<u32>> = vec![None; names.len()];
        let grounded = joined.find(0);
        self.node_row = vec![None; names.len()];
        for node in 1..names.len() as u32 {
            let set = joined.find(node);
            if set != grounded && !spent.contains(&set) {
                let row = match row_of_set[set as usize] {
                    Some(row) => row,
                    None => self.row(names[node as usize].clone()),
                };
                row_of_set[set as usize] = Some(row);
                self.node_row[node as usize] = Some(row);
            }
        }
        self.forest = leaves_first(names.len(), &edges);
    }

    fn number_branches(&mut self, circuit: &Circuit, asked: &[bool], cuts: &[Cut]) {
        let mut cut = vec![false; circuit.elements.len()];
        cuts.iter().for_each(|c| cut[c.inductor as usize] = true);
        let merged: Vec<bool> = {
            let mut merged = vec![false; circuit.elements.len()];
            self.forest.iter().for_each(|e| merged[e.element as usize] = true);
            merged
        };
        for (i, e) in circuit.elements.iter().enumerate() {
            let kind = match &e.device {
                Device::Inductor { .. } => Kind::InductorCurrent,
                d if voltage_defined(d).is_some() => Kind::BranchCurrent,
                _ => continue,
            };
            // A branch that closes a loop keeps its current although nobody asks: the matrix then says what is wrong.
            if !cut[i] && (kind == Kind::InductorCurrent || asked[i] || !merged[i]) {
                self.current_slot[i] = Some(self.unknown(format!("i({})", e.name), kind));
            }
            if !matches!(e.device, Device::VoltageSource { .. }) {
                self.branch_row[i] = Some(self.row(e.name.clone()));
            }
        }
    }

    fn number_charges(&mut self, circuit: &Circuit) {
        for (i, e) in circuit.elements.iter().enumerate() {
            if let Device::Diode { model, .. } = e.device {
                let model = &circuit.diode_models[model];
                if model.cjo != 0.0 || model.tt != 0.0 {
                    let column = self.unknown(format!("charge of {}", e.name), Kind::Charge);
                    self.charge[i] = Some((column, self.row(e.name.clone())));
                }
            }
        }
    }

    /// Currents of inductors that Kirchhoff's law gives from other inductors and current sources.
    fn number_cut_currents(&mut self, circuit: &Circuit, cuts: &[Cut]) {
        let mut inside = vec![false; self.node_slot.len()];
        for cut in cuts {
            cut.inside.iter().for_each(|n| inside[*n as usize] = true);
            let mut leaving: BTreeMap<u32, f64> = BTreeMap::new();
            let mut sources: BTreeMap<u32, f64> = BTreeMap::new();
            let mut own = 1.0;
            for (i, e) in circuit.elements.iter().enumerate() {
                let (Device::Inductor { p, n, .. } | Device::CurrentSource { p, n, .. }) = e.device else { continue };
                let sign = f64::from(inside[p.index()]) - f64::from(inside[n.index()]);
                if sign == 0.0 {
                    continue;
                }
                if i == cut.inductor as usize {
                    own = sign;
                } else if let Some(source) = self.source_of[i] {
                    *sources.entry(source).or_insert(0.0) += sign;
                } else if let Some(slot) = self.current_slot[i] {
                    let value = self.values[slot as usize].clone();
                    value.columns.iter().for_each(|(c, k)| *leaving.entry(*c).or_insert(0.0) += sign * k);
                    value.sources.iter().for_each(|(s, k)| *sources.entry(*s).or_insert(0.0) += sign * k);
                }
            }
            cut.inside.iter().for_each(|n| inside[*n as usize] = false);
            let solved = |sum: BTreeMap<u32, f64>| -> Vec<(u32, f64)> {
                sum.into_iter().filter(|e| e.1 != 0.0).map(|(k, v)| (k, -v * own)).collect()
            };
            self.current_slot[cut.inductor as usize] = Some(self.values.len() as Slot);
            self.values.push(Value { columns: solved(leaving), sources: solved(sources) });
        }
    }

    /// Ground, known and following nodes come after the unknowns.
    fn number_other_slots(&mut self, by_node: &[(u32, Vec<(u32, f64)>)]) {
        let ground = self.values.len() as Slot;
        self.values.push(Value::default());
        self.node_slot[0] = ground;
        for (node, (root, sources)) in by_node.iter().enumerate().skip(1) {
            if *root == 0 || *root != node as u32 {
                let columns = match *root {
                    0 => Vec::new(),
                    root => self.values[self.node_slot[root as usize] as usize].columns.clone(),
                };
                self.node_slot[node] = self.values.len() as Slot;
                self.values.push(Value { columns, sources: sources.clone() });
            }
        }
    }
}

/// The terminals of a branch that fixes a voltage.
fn voltage_defined(device: &Device) -> Option<(u32, u32)> {
    match *device {
        Device::VoltageSource { p, n, .. }
        | Device::Vcvs { p, n, .. }
        | Device::Ccvs { p, n, .. }
        | Device::BehaviouralVoltage { p, n, .. } => Some((p.0, n.0)),
        _ => None,
    }
}

fn inner_nodes(circuit: &Circuit, names: &mut Vec<String>) -> Vec<Option<u32>> {
    let mut inner = vec![None; circuit.elements.len()];
    for (i, e) in circuit.elements.iter().enumerate() {
        if let Device::Diode { model, .. } = e.device
            && circuit.diode_models[model].rs != 0.0
        {
            inner[i] = Some(names.len() as u32);
            names.push(format!("{}#internal", e.name));
        }
    }
    inner
}

fn sources(circuit: &Circuit) -> (Vec<(u32, Stimulus)>, Vec<Option<u32>>) {
    let (mut sources, mut source_of) = (Vec::new(), vec![None; circuit.elements.len()]);
    for (i, e) in circuit.elements.iter().enumerate() {
        if let Device::VoltageSource { stimulus, .. } | Device::CurrentSource { stimulus, .. } = &e.device {
            source_of[i] = Some(sources.len() as u32);
            sources.push((i as u32, stimulus.clone()));
        }
    }
    (sources, source_of)
}

/// Elements whose branch current controls something.
fn asked_currents(circuit: &Circuit) -> Vec<bool> {
    let mut asked = vec![false; circuit.elements.len()];
    for e in &circuit.elements {
        match &e.device {
            Device::Cccs { control, .. } | Device::Ccvs { control, .. } => asked[control.index()] = true,
            Device::BehaviouralVoltage { volts: expr, .. } | Device::BehaviouralCurrent { amperes: expr, .. } => {
                for op in expr.ops() {
                    if let Op::Current(control) = op {
                        asked[control.index()] = true;
                    }
                }
            }
            _ => {}
        }
    }
    asked
}
