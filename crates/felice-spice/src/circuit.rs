//! A circuit as engines see it: flattened (no subcircuits, no parameters), validated, every value a number in SI units.
//!
//! Names are lower case. Inside a subcircuit they are those of ngspice: node `x1.n`, element `r.x1.r1`.

mod cards;
mod contradiction;
mod device;

use std::collections::{BTreeMap, HashMap};

use felice_base::Place;

use crate::analysis::{Analysis, Measure};
use crate::error::SpiceError;

pub use cards::{Bsim4Model, DiodeModel, EkvModel, Polarity};
pub use contradiction::Contradiction;
pub use device::{Device, MosSize};

/// A node; 0 is ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// Ground: node `0` (also written `gnd`).
pub const GROUND: NodeId = NodeId(0);

impl NodeId {
    /// As an index into [`Nodes`].
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// True for ground.
    pub fn is_ground(self) -> bool {
        self == GROUND
    }
}

/// An element: an index into [`Circuit::elements`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ElementId(pub u32);

impl ElementId {
    /// As an index into [`Circuit::elements`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The node table: names by number and numbers by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Nodes {
    names: Vec<String>,
    numbers: HashMap<String, NodeId>,
}

impl Default for Nodes {
    fn default() -> Self {
        Nodes { names: vec!["0".into()], numbers: HashMap::from([("0".into(), GROUND)]) }
    }
}

impl Nodes {
    /// The node of that (lower-case) name, made where it is new.
    pub fn intern(&mut self, name: &str) -> NodeId {
        let name = if name == "gnd" { "0" } else { name };
        if let Some(id) = self.numbers.get(name) {
            return *id;
        }
        let id = NodeId(self.names.len() as u32);
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), id);
        id
    }

    /// The node of that (lower-case) name.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.numbers.get(if name == "gnd" { "0" } else { name }).copied()
    }

    /// Its name.
    pub fn name(&self, id: NodeId) -> &str {
        self.names.get(id.index()).map_or("?", |n| n)
    }

    /// Number of nodes, ground included.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// False: ground is always there.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Every node but ground, in order of appearance.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..self.names.len() as u32).map(NodeId)
    }
}

/// Where an element was written, kept small: 1e5 elements share their file names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Index into [`Circuit::files`].
    pub file: u32,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

/// One element of a circuit.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    /// Its flattened name, lower case: `r1`, `m.x1.m3`.
    pub name: String,
    /// Where it was written.
    pub origin: Origin,
    /// What it is.
    pub device: Device,
}

/// What a netlist asks to have saved.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Saves {
    /// Every node voltage and every branch current.
    #[default]
    All,
    /// These vectors, under their SPICE names (`v(u)`, `v(a,b)`, `i(vdd)`).
    Only(Vec<String>),
}

/// A flattened, validated circuit.
#[derive(Clone, Debug, PartialEq)]
pub struct Circuit {
    /// First line of the netlist.
    pub title: String,
    /// Files that were read, the netlist first.
    pub files: Vec<String>,
    /// Top-level `.param` values in force.
    pub parameters: BTreeMap<String, f64>,
    /// Node table.
    pub nodes: Nodes,
    /// Elements in the order of the netlist.
    pub elements: Vec<Element>,
    /// Width and length (m) of B sources in subcircuits that have parameters `w` and `l`, by index of the element.
    pub sizes: BTreeMap<usize, (f64, f64)>,
    /// EKV model cards in use.
    pub ekv_models: Vec<EkvModel>,
    /// Diode model cards in use.
    pub diode_models: Vec<DiodeModel>,
    /// BSIM4 model cards in use.
    pub bsim4_models: Vec<Bsim4Model>,
    /// `.ic`: node voltages at time 0 (held in the operating point before a transient).
    pub initial: Vec<(NodeId, f64)>,
    /// `.nodeset`: first guess of the operating point.
    pub nodeset: Vec<(NodeId, f64)>,
    /// `.options` name = value, lower case; flags have the value 1.
    pub options: BTreeMap<String, OptionValue>,
    /// Temperature in kelvin (`.temp`, 27 °C where not given).
    pub temperature: f64,
    /// Analyses in the order of the netlist.
    pub analyses: Vec<Analysis>,
    /// `.meas` lines.
    pub measures: Vec<Measure>,
    /// What to save.
    pub saves: Saves,
}

/// The value of an `.options` entry.
#[derive(Clone, Debug, PartialEq)]
pub enum OptionValue {
    /// A number.
    Number(f64),
    /// A word (`method=trap`).
    Word(String),
}

/// Thermal voltage kT/q in volts at `kelvin` (CODATA 2018 k and q, exact).
pub fn thermal_voltage(kelvin: f64) -> f64 {
    1.380_649e-23 * kelvin / 1.602_176_634e-19
}

impl Circuit {
    /// A circuit with nothing in it, at 27 °C.
    pub fn empty(title: impl Into<String>) -> Self {
        Circuit {
            title: title.into(),
            files: Vec::new(),
            parameters: BTreeMap::new(),
            nodes: Nodes::default(),
            elements: Vec::new(),
            sizes: BTreeMap::new(),
            ekv_models: Vec::new(),
            diode_models: Vec::new(),
            bsim4_models: Vec::new(),
            initial: Vec::new(),
            nodeset: Vec::new(),
            options: BTreeMap::new(),
            temperature: 300.15,
            analyses: Vec::new(),
            measures: Vec::new(),
            saves: Saves::All,
        }
    }

    /// Nominal temperature in kelvin: `.options tnom`, else 27 °C.
    pub fn nominal_temperature(&self) -> f64 {
        match self.options.get("tnom") {
            Some(OptionValue::Number(celsius)) => celsius + 273.15,
            _ => 300.15,
        }
    }

    /// The element of that flattened, lower-case name.
    pub fn element(&self, name: &str) -> Option<ElementId> {
        self.elements.iter().position(|e| e.name == name).map(|i| ElementId(i as u32))
    }

    /// The vectors to save, by name: those asked for, else every node voltage and every branch current.
    pub fn vectors(&self) -> Vec<String> {
        match &self.saves {
            Saves::Only(list) => list.clone(),
            Saves::All => {
                let nodes = self.nodes.ids().map(|n| format!("v({})", self.nodes.name(n)));
                let branches = self.elements.iter().filter(|e| e.device.has_branch_current());
                nodes.chain(branches.map(|e| format!("i({})", e.name))).collect()
            }
        }
    }

    /// Checks that a vector (`v(a)`, `v(a,b)`, `i(vx)`) is one of this circuit.
    ///
    /// # Errors
    /// [`SpiceError::Request`] that says what is missing.
    pub fn check_vector(&self, vector: &str) -> Result<(), SpiceError> {
        let known = match vector.split_once('(').and_then(|(kind, rest)| Some((kind, rest.strip_suffix(')')?))) {
            Some(("v", names)) => names.splitn(2, ',').all(|n| self.nodes.find(n).is_some()),
            Some(("i", name)) => {
                self.element(name).is_some_and(|e| self.elements[e.index()].device.has_branch_current())
            }
            _ => false,
        };
        match known {
            true => Ok(()),
            false => Err(SpiceError::Request {
                what: format!("the vector `{vector}`"),
                expected: "v(NODE), v(NODE,NODE), or i(SOURCE) of a V, L, E, H or B source, all of this circuit".into(),
            }),
        }
    }

    /// Where an element was written.
    pub fn place(&self, origin: Origin) -> Place {
        Place {
            file: self.files.get(origin.file as usize).cloned().unwrap_or_else(|| "circuit".into()),
            line: origin.line.max(1) as usize,
            column: origin.column.max(1) as usize,
        }
    }
}
