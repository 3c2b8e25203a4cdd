//! What an element is, and its geometry.

use std::collections::BTreeMap;

use super::{ElementId, NodeId};
use crate::expr::Expr;
use crate::stimulus::Stimulus;

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
        /// Index into [`Circuit::diode_models`](super::Circuit::diode_models).
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
        /// Index into [`Circuit::ekv_models`](super::Circuit::ekv_models).
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
        /// Index into [`Circuit::bsim4_models`](super::Circuit::bsim4_models).
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
