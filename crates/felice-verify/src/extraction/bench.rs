//! A copy of a circuit on the bench: state nodes held by sources, zero-volt sources as ammeters in its devices. Works on
//! the flattened circuit, so that every engine runs it.

use felice_spice::circuit::{Device, Element, GROUND, NodeId, Origin, Saves};
use felice_spice::stimulus::{Stimulus, Wave};
use felice_spice::{Analysis, Circuit, Job, Sweep};

/// The circuit with what was added to it.
pub(super) struct Bench {
    circuit: Circuit,
    saves: Vec<String>,
}

impl Bench {
    /// A copy without initial conditions, analyses or measurements of its own.
    pub(super) fn new(circuit: &Circuit) -> Self {
        let mut circuit = circuit.clone();
        circuit.initial.clear();
        circuit.analyses.clear();
        circuit.measures.clear();
        Bench { circuit, saves: Vec::new() }
    }

    /// Holds a node at `volts`, or ramps it (from, to and back, in so many seconds). Its voltage and current are saved. A
    /// source that already holds it gives way.
    pub(super) fn clamp(&mut self, node: &str, volts: f64, ramp: Option<[f64; 3]>) -> Result<(), String> {
        let Some(id) = self.circuit.nodes.find(node).filter(|n| !n.is_ground()) else {
            return Err(format!("the circuit has no node `{node}` to clamp"));
        };
        let wave = ramp.map(|[from, to, time]| Wave::Pwl { points: vec![(0.0, from), (0.5 * time, to), (time, from)] });
        let stimulus = Stimulus { dc: volts, wave };
        let holds = |e: &&mut Element| match e.device {
            Device::VoltageSource { p, n, .. } => (p, n) == (id, GROUND) || (p, n) == (GROUND, id),
            _ => false,
        };
        match self.circuit.elements.iter_mut().find(holds) {
            Some(own) => {
                own.name = clamp_name(node);
                own.device = Device::VoltageSource { p: id, n: GROUND, stimulus };
            }
            None => self.source(clamp_name(node), id, GROUND, stimulus),
        }
        self.save(&format!("v({node})"));
        self.save(&clamp_current(node));
        // A node held by a source cannot be guessed otherwise.
        self.circuit.nodeset.retain(|(n, _)| *n != id);
        Ok(())
    }

    /// Puts an ammeter between an element's first terminal (drain) and its node. Twice the same does nothing.
    pub(super) fn ammeter(&mut self, element: &str) -> Result<(), String> {
        let Some(index) = find(&self.circuit, element) else {
            let letter = element.rsplit('.').next().unwrap_or(element).get(..1).unwrap_or("m").to_owned();
            let like = self.circuit.elements.iter().filter(|e| e.name.starts_with(&letter)).map(|e| e.name.as_str());
            let like: Vec<&str> = like.take(30).collect();
            return Err(format!("the circuit has no element `{element}`; there are {}", like.join(", ")));
        };
        let name = ammeter_name(&self.circuit.elements[index].name);
        let vector = format!("i({name})");
        if self.saves.contains(&vector) {
            return Ok(());
        }
        let inner = self.circuit.nodes.intern(&format!("{name}#"));
        let Some(terminal) = first_terminal(&mut self.circuit.elements[index].device) else {
            return Err(format!("`{element}` is no transistor, resistor, diode or current source"));
        };
        let outer = std::mem::replace(terminal, inner);
        self.source(name, outer, inner, Stimulus { dc: 0.0, wave: None });
        self.saves.push(vector);
        Ok(())
    }

    /// Capacitance matrix (F) that the circuit's own linear capacitors give two nodes.
    pub(super) fn capacitors(&self, nodes: [&str; 2]) -> [[f64; 2]; 2] {
        let ids = nodes.map(|n| self.circuit.nodes.find(n));
        let mut matrix = [[0.0; 2]; 2];
        for e in &self.circuit.elements {
            let Device::Capacitor { p, n, farads, .. } = e.device else { continue };
            let touches = ids.map(|id| (id == Some(p)) != (id == Some(n)));
            for k in 0..2 {
                if touches[k] {
                    matrix[k][k] += farads;
                }
            }
            if touches == [true, true] {
                matrix[0][1] -= farads;
                matrix[1][0] -= farads;
            }
        }
        matrix
    }

    /// Saves another vector.
    pub(super) fn save(&mut self, vector: &str) {
        if !self.saves.iter().any(|v| v == vector) {
            self.saves.push(vector.to_owned());
        }
    }

    /// Everything ready to run.
    pub(super) fn job(mut self, analysis: Analysis) -> Job {
        self.circuit.saves = Saves::Only(self.saves);
        self.circuit.analyses = vec![analysis];
        Job::of_circuit(self.circuit)
    }

    fn source(&mut self, name: String, p: NodeId, n: NodeId, stimulus: Stimulus) {
        let device = Device::VoltageSource { p, n, stimulus };
        self.circuit.elements.push(Element { name, origin: Origin::default(), device });
    }
}

/// Drain, or positive terminal, of what has a current worth measuring.
fn first_terminal(device: &mut Device) -> Option<&mut NodeId> {
    match device {
        Device::Ekv { d, .. } | Device::Bsim4 { d, .. } => Some(d),
        Device::Resistor { p, .. }
        | Device::Diode { p, .. }
        | Device::CurrentSource { p, .. }
        | Device::Vccs { p, .. }
        | Device::Cccs { p, .. }
        | Device::BehaviouralCurrent { p, .. } => Some(p),
        _ => None,
    }
}

/// An element by its flattened name, or as `xota.m2` for what ngspice calls `m.xota.m2`.
pub(super) fn find(circuit: &Circuit, element: &str) -> Option<usize> {
    let position = |name: &str| circuit.elements.iter().position(|e| e.name == name);
    position(element).or_else(|| {
        let letter = element.rsplit('.').next()?.get(..1)?;
        position(&format!("{letter}.{element}"))
    })
}

/// Engines know a voltage source by the `v` that its name begins with.
fn clamp_name(node: &str) -> String {
    format!("vclamp_{node}")
}

/// The current that the circuit drives into a clamped node.
pub(super) fn clamp_current(node: &str) -> String {
    format!("i({})", clamp_name(node))
}

fn ammeter_name(element: &str) -> String {
    format!("vammeter_{element}")
}

/// The current into an element's first terminal.
pub(super) fn ammeter_current(circuit: &Circuit, element: &str) -> String {
    let name = find(circuit, element).map_or(element, |i| circuit.elements[i].name.as_str());
    format!("i({})", ammeter_name(name))
}

/// The sweep of a clamp.
pub(super) fn sweep(node: &str, [start, stop, step]: [f64; 3]) -> Sweep {
    Sweep { source: clamp_name(node), start, stop, step }
}
