//! Walking a circuit's elements once: what each contributes, and the programs of its B sources.

use std::collections::BTreeMap;

use super::diode::{DIODE_OUTPUTS, Diode};
use super::ekv::{EKV_OUTPUTS, EkvDevice};
use super::graph::{Graph, Law, NodeRef};
use super::layout::{Layout, Slot, SourceLoop};
use super::program::{Program, Registers};
use super::recognise::recognise;
use super::shape::{Devices, Shape, placed};
use super::stamps::{Stamps, Term};
use crate::circuit::{Circuit, Device};
use crate::expr::{Expr, Unary};

/// Assembles a circuit; `recognise_ekv` says whether B sources may become compiled transistors.
///
/// # Errors
/// [`SourceLoop`] where voltage sources form a loop.
pub fn assemble(circuit: &Circuit, recognise_ekv: bool) -> Result<(Shape, Devices), SourceLoop> {
    let layout = Layout::of(circuit)?;
    let mut assembly = Assembly::new(circuit, &layout, recognise_ekv);
    for i in 0..circuit.elements.len() {
        assembly.element(i);
    }
    Ok(assembly.finish())
}

struct Assembly<'a> {
    circuit: &'a Circuit,
    layout: &'a Layout,
    stamps: Stamps,
    graph: Graph,
    recognise_ekv: bool,
    devices: Devices,
    ekv: Vec<PendingEkv>,
    /// (element, junction p, junction n, nodes p and n)
    diodes: Vec<(u32, u32, u32)>,
    /// B sources: element, value node.
    programs: Vec<(u32, NodeRef)>,
    recognised: usize,
}

struct PendingEkv {
    element: u32,
    drain: u32,
    source: u32,
}

impl<'a> Assembly<'a> {
    fn new(circuit: &'a Circuit, layout: &'a Layout, recognise_ekv: bool) -> Self {
        Assembly {
            circuit,
            layout,
            stamps: Stamps::default(),
            graph: Graph::new(layout.values.len() as Slot),
            recognise_ekv,
            devices: Devices::default(),
            ekv: Vec::new(),
            diodes: Vec::new(),
            programs: Vec::new(),
            recognised: 0,
        }
    }

    fn slot(&self, node: u32) -> Slot {
        self.layout.node_slot[node as usize]
    }

    fn element(&mut self, i: usize) {
        let layout = self.layout;
        match &self.circuit.elements[i].device {
            Device::Resistor { p, n, ohms } => self.conductance(p.0, n.0, p.0, n.0, 1.0 / ohms),
            Device::Vccs { p, n, cp, cn, gain } => self.conductance(p.0, n.0, cp.0, cn.0, *gain),
            Device::Capacitor { p, n, farads, .. } => {
                if p != n {
                    let (sp, sn) = (self.slot(p.0), self.slot(n.0));
                    self.stamps.flow(layout, p.0, n.0, &Term::Rate(sp), *farads);
                    self.stamps.flow(layout, p.0, n.0, &Term::Rate(sn), -farads);
                }
            }
            Device::Inductor { p, n, henries, .. } => {
                self.branch_current(i, p.0, n.0);
                if let (Some(row), Some(current)) = (layout.branch_row[i], layout.current_slot[i]) {
                    self.stamps.add(layout, row, &Term::Rate(current), -henries);
                    self.voltage(row, p.0, n.0, 1.0);
                }
            }
            Device::VoltageSource { p, n, .. } => self.branch_current(i, p.0, n.0),
            Device::CurrentSource { p, n, .. } => {
                if let Some(source) = layout.source_of[i] {
                    self.stamps.flow(layout, p.0, n.0, &Term::Source(source), 1.0);
                }
            }
            Device::Vcvs { p, n, cp, cn, gain } => {
                self.branch_current(i, p.0, n.0);
                if let Some(row) = layout.branch_row[i] {
                    self.voltage(row, cp.0, cn.0, *gain);
                    self.voltage(row, p.0, n.0, -1.0);
                }
            }
            Device::Ccvs { p, n, control, gain } => {
                self.branch_current(i, p.0, n.0);
                if let (Some(row), Some(current)) = (layout.branch_row[i], layout.current_slot[control.index()]) {
                    self.stamps.add(layout, row, &Term::Slot(current), *gain);
                    self.voltage(row, p.0, n.0, -1.0);
                }
            }
            Device::Cccs { p, n, control, gain } => {
                if let Some(current) = layout.current_slot[control.index()] {
                    self.stamps.flow(layout, p.0, n.0, &Term::Slot(current), *gain);
                }
            }
            Device::BehaviouralVoltage { volts, .. } => self.behavioural(i, volts),
            Device::BehaviouralCurrent { p, n, amperes } => {
                if !self.recognised(i, p.0, n.0, amperes) {
                    self.behavioural(i, amperes);
                }
            }
            Device::Diode { .. } => self.diode(i),
            Device::Ekv { d, g, s, b, model, size } => {
                let device = EkvDevice::new(&self.circuit.ekv_models[*model], size);
                self.devices.ekv.push(device, [d, g, s, b].map(|node| self.slot(node.0)));
                self.ekv.push(PendingEkv { element: i as u32, drain: d.0, source: s.0 });
            }
            // The engine refuses these before it assembles anything.
            Device::Bsim4 { .. } => {}
        }
    }

    fn conductance(&mut self, p: u32, n: u32, cp: u32, cn: u32, siemens: f64) {
        let controlling = [self.slot(cp), self.slot(cn)];
        self.stamps.conductance(self.layout, [p, n], controlling, siemens);
    }

    /// `f[row] += factor (Vp − Vn)`
    fn voltage(&mut self, row: u32, p: u32, n: u32, factor: f64) {
        let (sp, sn) = (self.slot(p), self.slot(n));
        self.stamps.add(self.layout, row, &Term::Slot(sp), factor);
        self.stamps.add(self.layout, row, &Term::Slot(sn), -factor);
    }

    fn branch_current(&mut self, i: usize, p: u32, n: u32) {
        if let Some(current) = self.layout.current_slot[i] {
            self.stamps.flow(self.layout, p, n, &Term::Slot(current), 1.0);
        }
    }

    fn recognised(&mut self, i: usize, p: u32, n: u32, expr: &Expr) -> bool {
        if !self.recognise_ekv {
            return false;
        }
        let layout = self.layout;
        let slot_of = |node: usize| layout.node_slot[node];
        let is_supply = |slot: Slot| layout.values[slot as usize].column().is_none();
        // A graph of its own: what is not recognised must leave no modes behind in the common one.
        let mut graph = Graph::with_ground(layout.values.len() as Slot);
        let node = graph.expression(expr, slot_of, |e| layout.current_slot[e].unwrap_or_default());
        let ends = (self.slot(p), self.slot(n));
        let Some(found) = recognise(&graph, node, expr, ends, &slot_of, &is_supply) else { return false };
        self.devices.ekv.push(found.device, found.terminals);
        let (drain, source) = if found.drain_first { (p, n) } else { (n, p) };
        self.ekv.push(PendingEkv { element: i as u32, drain, source });
        self.recognised += 1;
        true
    }

    fn behavioural(&mut self, i: usize, expr: &Expr) {
        let layout = self.layout;
        let node = self.graph.expression(
            expr,
            |node| layout.node_slot[node],
            // Currents that expressions ask for are unknowns; the layout has seen to it.
            |e| layout.current_slot[e].unwrap_or_default(),
        );
        self.programs.push((i as u32, node));
    }

    fn diode(&mut self, i: usize) {
        let Device::Diode { p, n, model, area, m } = self.circuit.elements[i].device else { return };
        let model = &self.circuit.diode_models[model];
        let nominal = model.tnom.unwrap_or(self.circuit.nominal_temperature());
        self.devices.diodes.push(Diode::new(model, area, m, self.circuit.temperature, nominal));
        let mut anode = p.0;
        if let Some(inner) = self.layout.inner_node[i] {
            self.conductance(p.0, inner, p.0, inner, area * m / model.rs);
            anode = inner;
        }
        self.diodes.push((i as u32, anode, n.0));
    }

    fn finish(mut self) -> (Shape, Devices) {
        let layout = self.layout;
        let modes_from = layout.values.len() as u32 + 1;
        let gradients: Vec<BTreeMap<Slot, NodeRef>> =
            self.programs.iter().map(|p| p.1).collect::<Vec<_>>().into_iter().map(|n| self.graph.gradient(n)).collect();
        let mut registers = Registers::after(modes_from + self.graph.modes().len() as u32);
        let graph = &self.graph;
        let values: Vec<NodeRef> = self.programs.iter().map(|p| p.1).collect();
        let slopes = gradients.iter().flat_map(|g| g.values().copied());
        let program = Program::compile(graph, &mut registers, values.iter().copied());
        let program_slopes = Program::compile(graph, &mut registers, values.iter().copied().chain(slopes));
        let probe = Program::compile(graph, &mut registers, graph.modes().iter().map(|m| m.argument));
        let modes: Vec<(Law, u32)> = graph.modes().iter().map(|m| (m.law, registers.of(graph, m.argument))).collect();

        let (mut b_values, mut b_slopes) = (Vec::new(), Vec::new());
        for ((element, node), gradient) in self.programs.iter().zip(&gradients) {
            let register = registers.of(graph, *node);
            let slopes: Vec<_> = gradient.iter().map(|(slot, n)| (*slot, registers.of(graph, *n))).collect();
            b_values.push((register, *element));
            b_slopes.extend(slopes.iter().map(|s| (s.1, *element)));
            self.stamps.behavioural(layout, self.circuit, *element as usize, &Term::Register(register, slopes));
        }
        let ekv_first = registers.len as usize;
        for (k, m) in self.ekv.iter().enumerate() {
            let out = (ekv_first + EKV_OUTPUTS * k) as u32;
            let slopes = self.devices.ekv.terminals(k).iter().zip(out + 1..).map(|(s, r)| (*s, r)).collect();
            self.stamps.flow(layout, m.drain, m.source, &Term::Register(out, slopes), 1.0);
        }
        let diode_first = ekv_first + EKV_OUTPUTS * self.ekv.len();
        let mut diode_junctions = Vec::new();
        for (k, &(element, p, n)) in self.diodes.iter().enumerate() {
            let out = (diode_first + (DIODE_OUTPUTS + 2) * k) as u32;
            let (sp, sn) = (layout.node_slot[p as usize], layout.node_slot[n as usize]);
            diode_junctions.push((element, sp, sn));
            // Derivatives by Vn are those by Vp with the sign changed; registers behind the outputs hold them.
            let current = Term::Register(out, vec![(sp, out + 1), (sn, out + 4)]);
            self.stamps.flow(layout, p, n, &current, 1.0);
            if let Some((column, row)) = layout.charge[element as usize] {
                self.stamps.flow(layout, p, n, &Term::Rate(column), 1.0);
                self.stamps.add(layout, row, &Term::Register(out + 2, vec![(sp, out + 3), (sn, out + 5)]), 1.0);
                self.stamps.add(layout, row, &Term::Slot(column), -1.0);
            }
        }
        let registers_len = diode_first + (DIODE_OUTPUTS + 2) * self.diodes.len();
        let (time_corners, time_dependent) = time_corners(&self.graph, &gradients);
        let shape = Shape {
            layout: layout.clone(),
            program,
            program_slopes,
            probe,
            modes,
            numbers: registers.numbers.clone(),
            registers_len,
            time: layout.values.len() as Slot,
            ekv_first,
            diode_first,
            ekv_elements: self.ekv.iter().map(|m| m.element).collect(),
            diode_junctions,
            b_values,
            b_slopes,
            time_corners,
            time_dependent,
            recognised: self.recognised,
            ..placed(layout, self.stamps)
        };
        (shape, self.devices)
    }
}

impl Stamps {
    fn behavioural(&mut self, layout: &Layout, circuit: &Circuit, i: usize, value: &Term) {
        match circuit.elements[i].device {
            Device::BehaviouralCurrent { p, n, .. } => self.flow(layout, p.0, n.0, value, 1.0),
            Device::BehaviouralVoltage { p, n, .. } => {
                if let Some(current) = layout.current_slot[i] {
                    self.flow(layout, p.0, n.0, &Term::Slot(current), 1.0);
                }
                if let Some(row) = layout.branch_row[i] {
                    self.add(layout, row, value, 1.0);
                    self.add(layout, row, &Term::Slot(layout.node_slot[p.index()]), -1.0);
                    self.add(layout, row, &Term::Slot(layout.node_slot[n.index()]), 1.0);
                }
            }
            _ => {}
        }
    }
}

/// Comparisons affine in time alone: when they change. And whether time enters anything else.
fn time_corners(graph: &Graph, gradients: &[BTreeMap<Slot, NodeRef>]) -> (Vec<f64>, bool) {
    let mut corners = Vec::new();
    let mut depends = gradients.iter().any(|g| g.contains_key(&graph.time()));
    let mut scratch = graph.clone();
    for mode in graph.modes() {
        let gradient = scratch.gradient(mode.argument);
        let Some(slope) = gradient.get(&graph.time()) else { continue };
        let at_zero = scratch.at_time_zero(mode.argument);
        match (mode.law, gradient.len(), scratch.constant(*slope), at_zero) {
            // These jump at one argument only, 0.
            (Law::Compare(_) | Law::Jump(Unary::Step | Unary::Sgn), 1, Some(slope), Some(at_zero)) => {
                corners.push(-at_zero / slope);
            }
            _ => depends = true,
        }
    }
    corners.retain(|t| t.is_finite());
    (corners, depends)
}
