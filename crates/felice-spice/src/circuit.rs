//! A circuit as engines see it: flattened (no subcircuits, no parameters), validated, every value a number in SI units.
//!
//! Names are lower case. Inside a subcircuit they are those of ngspice: node `x1.n`, element `r.x1.r1`.

use std::collections::{BTreeMap, HashMap};

use felice_base::Place;

use crate::analysis::{Analysis, Measure};
use crate::error::SpiceError;
use crate::expr::Expr;
use crate::stimulus::Stimulus;

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

/// What an element is. Currents flow from the first terminal (`p`, `d`) through the element to the second.
#[derive(Clone, Debug, PartialEq)]
pub enum Device {
    /// R: ohms, never 0.
    Resistor {
        /// Positive terminal.
        p: NodeId,
        /// Negative terminal.
        n: NodeId,
        /// Resistance in ohms.
        ohms: f64,
    },
    /// C
    Capacitor {
        /// Positive terminal.
        p: NodeId,
        /// Negative terminal.
        n: NodeId,
        /// Capacitance in farads.
        farads: f64,
        /// `ic=`: voltage at time 0 with `uic`.
        initial: Option<f64>,
    },
    /// L; its current is a branch unknown.
    Inductor {
        /// Positive terminal.
        p: NodeId,
        /// Negative terminal.
        n: NodeId,
        /// Inductance in henries.
        henries: f64,
        /// `ic=`: current at time 0 with `uic`.
        initial: Option<f64>,
    },
    /// V; its current is a branch unknown.
    VoltageSource {
        /// Positive terminal.
        p: NodeId,
        /// Negative terminal.
        n: NodeId,
        /// Volts in time.
        stimulus: Stimulus,
    },
    /// I: a positive value flows from `p` through the source to `n` (it is drawn out of node `p`).
    CurrentSource {
        /// Positive terminal.
        p: NodeId,
        /// Negative terminal.
        n: NodeId,
        /// Amperes in time.
        stimulus: Stimulus,
    },
    /// E: `V(p, n) = gain V(cp, cn)`; its current is a branch unknown.
    Vcvs {
        /// Positive terminal.
        p: NodeId,
        /// Negative terminal.
        n: NodeId,
        /// Positive controlling node.
        cp: NodeId,
        /// Negative controlling node.
        cn: NodeId,
        /// Volts a volt.
        gain: f64,
    },
    /// G: `I = gain V(cp, cn)` from `p` through the element to `n`.
    Vccs {
        /// Positive terminal.
        p: NodeId,
        /// Negative terminal.
        n: NodeId,
        /// Positive controlling node.
        cp: NodeId,
        /// Negative controlling node.
        cn: NodeId,
        /// Siemens.
        gain: f64,
    },
    /// F: `I = gain I(control)` from `p` through the element to `n`.
    Cccs {
        /// Positive terminal.
        p: NodeId,
        /// Negative terminal.
        n: NodeId,
        /// The element whose branch current controls.
        control: ElementId,
        /// Amperes an ampere.
        gain: f64,
    },
    /// H: `V(p, n) = gain I(control)`; its current is a branch unknown.
    Ccvs {
        /// Positive terminal.
        p: NodeId,
        /// Negative terminal.
        n: NodeId,
        /// The element whose branch current controls.
        control: ElementId,
        /// Ohms.
        gain: f64,
    },
    /// B with `V=`: `V(p, n) = volts`; its current is a branch unknown.
    BehaviouralVoltage {
        /// Positive terminal.
        p: NodeId,
        /// Negative terminal.
        n: NodeId,
        /// Volts.
        volts: Expr,
    },
    /// B with `I=`: `amperes` flow from `p` through the source to `n`.
    BehaviouralCurrent {
        /// Positive terminal.
        p: NodeId,
        /// Negative terminal.
        n: NodeId,
        /// Amperes.
        amperes: Expr,
    },
    /// D
    Diode {
        /// Anode.
        p: NodeId,
        /// Cathode.
        n: NodeId,
        /// Index into [`Circuit::diode_models`].
        model: usize,
        /// Area factor.
        area: f64,
        /// Parallel devices.
        m: f64,
    },
    /// M with an EKV model.
    Ekv {
        /// Drain.
        d: NodeId,
        /// Gate.
        g: NodeId,
        /// Source.
        s: NodeId,
        /// Bulk.
        b: NodeId,
        /// Index into [`Circuit::ekv_models`].
        model: usize,
        /// Geometry and trim.
        size: MosSize,
    },
    /// M with a BSIM4 model (only ngspice and, on the default card, spice21 run it).
    Bsim4 {
        /// Drain.
        d: NodeId,
        /// Gate.
        g: NodeId,
        /// Source.
        s: NodeId,
        /// Bulk.
        b: NodeId,
        /// Index into [`Circuit::bsim4_models`].
        model: usize,
        /// Geometry and trim.
        size: MosSize,
    },
}

/// Instance parameters of a MOSFET. Lengths in metres.
#[derive(Clone, Debug, PartialEq)]
pub struct MosSize {
    /// Channel width in metres.
    pub w: f64,
    /// Channel length in metres.
    pub l: f64,
    /// Parallel devices.
    pub m: f64,
    /// Added to the threshold's magnitude direction as in BSIM4 `delvto`: `vt0 + delvto` in volts.
    pub delvto: f64,
    /// What else was given (`ad as pd ps nf nrd nrs ...`), BSIM4 only.
    pub extra: BTreeMap<String, f64>,
}

/// n or p channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Polarity {
    /// nFET
    N,
    /// pFET
    P,
}

/// `.model NAME nekv|pekv (is= vt0= kappa= ve= ut=)`: the EKV MOSFET, bulk-referenced (Enz, Krummenacher, Vittoz 1995,
/// doi:10.1007/BF01239381, in the form of the project's device notes):
///
/// ```text
/// I    = Is (W/L) m [F(s) - F(d)] (1 + |Vds| / (VE L))
/// F(x) = ln²(1 + exp((κ (Vgb - Vt0) - Vxb) / (2 Ut)))
/// ```
///
/// from drain to source for `nekv`. `pekv` is its mirror image: the same with every voltage and the current negated,
/// `vt0` given as a positive magnitude and `delvto` added to it (`pekv: Vt0 = vt0 - delvto`, so that a positive `delvto`
/// makes the signed threshold of either kind more positive, as in BSIM4).
#[derive(Clone, Debug, PartialEq)]
pub struct EkvModel {
    /// Its name.
    pub name: String,
    /// n or p.
    pub polarity: Polarity,
    /// Specific current of a square device in amperes.
    pub is: f64,
    /// Threshold in volts (magnitude for p).
    pub vt0: f64,
    /// Gate coupling κ, 0 < κ ≤ 1.
    pub kappa: f64,
    /// Early voltage a metre of channel, V/m; infinite where not given.
    pub ve: f64,
    /// kT/q in volts, given or from the circuit's temperature.
    pub ut: f64,
}

/// `.model NAME d (...)`: the junction diode, its parameters at the nominal temperature.
#[derive(Clone, Debug, PartialEq)]
pub struct DiodeModel {
    /// Its name.
    pub name: String,
    /// Saturation current in amperes (1e-14).
    pub is: f64,
    /// Emission coefficient (1).
    pub n: f64,
    /// Series resistance in ohms (0).
    pub rs: f64,
    /// Zero-bias junction capacitance in farads (0).
    pub cjo: f64,
    /// Junction potential in volts (1).
    pub vj: f64,
    /// Grading coefficient (.5).
    pub m: f64,
    /// Forward-bias depletion coefficient (.5).
    pub fc: f64,
    /// Transit time in seconds (0).
    pub tt: f64,
    /// Reverse breakdown voltage in volts; infinite where not given.
    pub bv: f64,
    /// Current at breakdown in amperes (1e-3), of one device whatever its area.
    pub ibv: f64,
    /// Emission coefficient in breakdown (n).
    pub nbv: f64,
    /// Knee current of high injection in amperes; infinite where not given.
    pub ikf: f64,
    /// Activation energy in eV (1.11).
    pub eg: f64,
    /// Exponent of the saturation current's temperature dependence (3).
    pub xti: f64,
    /// Temperature in kelvin at which the parameters hold; the circuit's nominal one where not given.
    pub tnom: Option<f64>,
}

/// `.model NAME nmos|pmos (level=14|54 ...)`: a BSIM4 card as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Bsim4Model {
    /// Its name.
    pub name: String,
    /// n or p.
    pub polarity: Polarity,
    /// `version=`, as written (`4.8.1` is not a number).
    pub version: Option<String>,
    /// Every parameter given but `level` and `version`.
    pub parameters: BTreeMap<String, f64>,
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

impl Device {
    /// True where the element's current is an unknown of its own (`I(name)` may be asked for).
    pub fn has_branch_current(&self) -> bool {
        matches!(
            self,
            Device::Inductor { .. }
                | Device::VoltageSource { .. }
                | Device::Vcvs { .. }
                | Device::Ccvs { .. }
                | Device::BehaviouralVoltage { .. }
        )
    }

    /// Its nodes: the two (or four, of a MOSFET) it is connected to, without controlling nodes.
    pub fn terminals(&self) -> impl Iterator<Item = NodeId> + use<> {
        let (a, b) = match *self {
            Device::Resistor { p, n, .. }
            | Device::Capacitor { p, n, .. }
            | Device::Inductor { p, n, .. }
            | Device::VoltageSource { p, n, .. }
            | Device::CurrentSource { p, n, .. }
            | Device::Vcvs { p, n, .. }
            | Device::Vccs { p, n, .. }
            | Device::Cccs { p, n, .. }
            | Device::Ccvs { p, n, .. }
            | Device::BehaviouralVoltage { p, n, .. }
            | Device::BehaviouralCurrent { p, n, .. }
            | Device::Diode { p, n, .. } => ([p, n], None),
            Device::Ekv { d, g, s, b, .. } | Device::Bsim4 { d, g, s, b, .. } => ([d, g], Some([s, b])),
        };
        a.into_iter().chain(b.into_iter().flatten())
    }
}
