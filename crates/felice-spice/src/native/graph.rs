//! Expressions of all B sources as one graph in which equal subexpressions are one node, and their exact derivatives.
//!
//! Derivatives are taken in reverse (one sweep gives them all) and become nodes of the same graph, so that an exponential
//! is evaluated once for a current and its four derivatives.

mod derivative;

use std::collections::HashMap;

use super::layout::Slot;
use crate::expr::{Binary, Expr, Op, Unary};

/// Index of a node.
pub type NodeRef = u32;

/// One operation; operands come before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// A number, by its bits.
    Const(u64),
    /// A value of the circuit: voltage, current, time, or a mode.
    Slot(Slot),
    /// A function of one argument.
    Unary(Unary, NodeRef),
    /// A function of two arguments.
    Binary(Binary, NodeRef, NodeRef),
    /// condition, then, otherwise
    Select(NodeRef, NodeRef, NodeRef),
    /// A product that is 0 where its first factor is 0, whatever the second: the derivative of a branch not taken.
    Masked(NodeRef, NodeRef),
    /// 1 where the first is not below the second, else 0.
    NotBelow(NodeRef, NodeRef),
    /// `e^{−|x|}`
    Tail(NodeRef),
    /// `ln(1 + e^x)` from x and its tail.
    Softplus(NodeRef, NodeRef),
    /// `1 / (1 + e^{−x})` from x and its tail.
    Logistic(NodeRef, NodeRef),
}

/// What jumps: it is frozen during a time step at the value it had when it was last looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mode {
    /// How it follows from its argument.
    pub law: Law,
    /// `a − b` of a comparison, the function's argument else.
    pub argument: NodeRef,
}

/// Functions that jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    /// Gt, Ge, Lt or Le: 1 where the argument stands in that relation to 0, else 0.
    Compare(Binary),
    /// Step, Sgn, Floor or Ceil.
    Jump(Unary),
}

impl Law {
    /// The value at an argument.
    pub fn value(self, x: f64) -> f64 {
        match self {
            Law::Compare(relation) => relation.value(x, 0.0),
            Law::Jump(f) => f.value(x),
        }
    }
}

/// The graph.
#[derive(Clone, Debug)]
pub struct Graph {
    nodes: Vec<Node>,
    index: HashMap<Node, NodeRef>,
    time: Slot,
    modes: Vec<Mode>,
    mode_numbers: HashMap<Mode, Slot>,
    /// Ground's voltage is a node of its own rather than the number 0.
    ground_is_a_node: bool,
}

impl Graph {
    /// An empty graph; `time` is the slot of time, modes take the slots after it.
    pub fn new(time: Slot) -> Self {
        Graph {
            nodes: Vec::new(),
            index: HashMap::new(),
            time,
            modes: Vec::new(),
            mode_numbers: HashMap::new(),
            ground_is_a_node: false,
        }
    }

    /// An empty graph that tells ground from the number 0: to look for terminals in expressions.
    pub fn with_ground(time: Slot) -> Self {
        Graph { ground_is_a_node: true, ..Graph::new(time) }
    }

    /// The nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// What jumps.
    pub fn modes(&self) -> &[Mode] {
        &self.modes
    }

    /// The slot of time.
    pub fn time(&self) -> Slot {
        self.time
    }

    /// The number a node is, if it is one.
    pub fn constant(&self, node: NodeRef) -> Option<f64> {
        match self.nodes[node as usize] {
            Node::Const(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    /// The node, made where it is new.
    fn node(&mut self, node: Node) -> NodeRef {
        if let Some(&known) = self.index.get(&node) {
            return known;
        }
        let new = self.nodes.len() as NodeRef;
        self.nodes.push(node);
        self.index.insert(node, new);
        new
    }

    /// A number.
    pub fn number(&mut self, value: f64) -> NodeRef {
        self.node(Node::Const(value.to_bits()))
    }

    /// A value of the circuit.
    pub fn slot(&mut self, slot: Slot) -> NodeRef {
        self.node(Node::Slot(slot))
    }

    /// A function of one argument, folded where it can be.
    pub fn unary(&mut self, f: Unary, x: NodeRef) -> NodeRef {
        if let Some(value) = self.constant(x) {
            return self.number(f.value(value));
        }
        match (f, self.nodes[x as usize]) {
            (Unary::Neg, Node::Unary(Unary::Neg, inner)) => inner,
            (Unary::Ln, Node::Binary(Binary::Add, a, b)) => match self.exponent_beside_one(a, b) {
                Some(exponent) => self.softplus(exponent),
                None => self.node(Node::Unary(f, x)),
            },
            (Unary::Step | Unary::Sgn | Unary::Floor | Unary::Ceil, _) => {
                self.mode(Mode { law: Law::Jump(f), argument: x })
            }
            _ => self.node(Node::Unary(f, x)),
        }
    }

    /// The x of `1 + e^x`, in either order.
    fn exponent_beside_one(&self, a: NodeRef, b: NodeRef) -> Option<NodeRef> {
        let exponent = |n: NodeRef| match self.nodes[n as usize] {
            Node::Unary(Unary::Exp, x) => Some(x),
            _ => None,
        };
        match (self.constant(a), self.constant(b)) {
            (Some(1.0), _) => exponent(b),
            (_, Some(1.0)) => exponent(a),
            _ => None,
        }
    }

    fn softplus(&mut self, x: NodeRef) -> NodeRef {
        let tail = self.node(Node::Tail(x));
        self.node(Node::Softplus(x, tail))
    }

    /// A function of two arguments, folded where it can be.
    pub fn binary(&mut self, f: Binary, a: NodeRef, b: NodeRef) -> NodeRef {
        let (ca, cb) = (self.constant(a), self.constant(b));
        if let (Some(x), Some(y)) = (ca, cb) {
            return self.number(f.value(x, y));
        }
        match f {
            Binary::Add if ca == Some(0.0) => b,
            Binary::Add | Binary::Sub if cb == Some(0.0) => a,
            Binary::Sub if ca == Some(0.0) => self.unary(Unary::Neg, b),
            Binary::Sub if a == b => self.number(0.0),
            Binary::Mul if ca == Some(1.0) => b,
            Binary::Mul | Binary::Div if cb == Some(1.0) => a,
            Binary::Mul if ca == Some(-1.0) => self.unary(Unary::Neg, b),
            Binary::Mul | Binary::Div if cb == Some(-1.0) => self.unary(Unary::Neg, a),
            Binary::Pow if cb.is_some() => self.power(a, b, cb.unwrap_or(1.0)),
            Binary::Gt | Binary::Lt | Binary::Ge | Binary::Le => self.comparison(f, a, b),
            // Sums and products of the same two operands are the same, whatever their order.
            Binary::Add | Binary::Mul | Binary::Min | Binary::Max => self.node(Node::Binary(f, a.min(b), a.max(b))),
            _ => self.node(Node::Binary(f, a, b)),
        }
    }

    /// `|a|^exponent` with the powers that need no logarithm written out.
    fn power(&mut self, a: NodeRef, b: NodeRef, exponent: f64) -> NodeRef {
        if exponent == 2.0 {
            self.binary(Binary::Mul, a, a)
        } else if exponent == 1.0 {
            self.unary(Unary::Abs, a)
        } else if exponent == 0.5 {
            let size = self.unary(Unary::Abs, a);
            self.unary(Unary::Sqrt, size)
        } else {
            self.node(Node::Binary(Binary::Pow, a, b))
        }
    }

    fn comparison(&mut self, relation: Binary, a: NodeRef, b: NodeRef) -> NodeRef {
        let difference = self.binary(Binary::Sub, a, b);
        if let Some(value) = self.constant(difference) {
            return self.number(relation.value(value, 0.0));
        }
        self.mode(Mode { law: Law::Compare(relation), argument: difference })
    }

    fn mode(&mut self, mode: Mode) -> NodeRef {
        let next = self.modes.len() as Slot;
        let number = *self.mode_numbers.entry(mode).or_insert(next);
        if number == next {
            self.modes.push(mode);
        }
        self.slot(self.time + 1 + number)
    }

    fn select(&mut self, condition: NodeRef, then: NodeRef, otherwise: NodeRef) -> NodeRef {
        match self.constant(condition) {
            Some(c) => [otherwise, then][usize::from(c != 0.0)],
            None if then == otherwise => then,
            None => self.node(Node::Select(condition, then, otherwise)),
        }
    }

    fn masked(&mut self, mask: NodeRef, x: NodeRef) -> NodeRef {
        match (self.constant(mask), self.constant(x)) {
            (Some(0.0), _) => mask,
            (Some(_), _) | (_, Some(_)) => self.binary(Binary::Mul, mask, x),
            _ => self.node(Node::Masked(mask, x)),
        }
    }

    /// Takes in an expression; `node_slot` and `current_slot` say where voltages and currents are.
    pub fn expression(
        &mut self,
        expr: &Expr,
        node_slot: impl Fn(usize) -> Slot,
        current_slot: impl Fn(usize) -> Slot,
    ) -> NodeRef {
        let mut regs: Vec<NodeRef> = Vec::with_capacity(expr.ops().len());
        for op in expr.ops() {
            let at = |r: u32| regs[r as usize];
            let node = match *op {
                Op::Const(value) => self.number(value),
                Op::Time => self.slot(self.time),
                Op::Voltage(p, n) => {
                    self.voltage(p.is_ground(), n.is_ground(), node_slot(p.index()), node_slot(n.index()))
                }
                Op::Current(e) => self.slot(current_slot(e.index())),
                Op::Unary(f, a) => self.unary(f, at(a)),
                Op::Binary(f, a, b) => self.binary(f, at(a), at(b)),
                Op::Select { condition, then, otherwise } => self.select(at(condition), at(then), at(otherwise)),
            };
            regs.push(node);
        }
        regs[expr.result() as usize]
    }

    fn voltage(&mut self, p_ground: bool, n_ground: bool, p: Slot, n: Slot) -> NodeRef {
        if self.ground_is_a_node {
            let (p, n) = (self.slot(p), self.slot(n));
            return self.binary(Binary::Sub, p, n);
        }
        match (p_ground, n_ground) {
            (true, true) => self.number(0.0),
            (false, true) => self.slot(p),
            (true, false) => {
                let n = self.slot(n);
                self.unary(Unary::Neg, n)
            }
            (false, false) => {
                let (p, n) = (self.slot(p), self.slot(n));
                self.binary(Binary::Sub, p, n)
            }
        }
    }

    /// The nodes that `outputs` need, each after its operands.
    pub fn needed(&self, outputs: impl IntoIterator<Item = NodeRef>) -> Vec<NodeRef> {
        let mut marked = vec![false; self.nodes.len()];
        outputs.into_iter().for_each(|o| marked[o as usize] = true);
        for i in (0..self.nodes.len()).rev() {
            if marked[i] {
                operands(&self.nodes[i]).for_each(|o| marked[o as usize] = true);
            }
        }
        (0..self.nodes.len() as NodeRef).filter(|i| marked[*i as usize]).collect()
    }

    /// A node's value at time 0, where it depends on nothing but time.
    pub fn at_time_zero(&self, node: NodeRef) -> Option<f64> {
        let mut values: HashMap<NodeRef, f64> = HashMap::new();
        for n in self.needed([node]) {
            let value = match self.nodes[n as usize] {
                Node::Const(bits) => f64::from_bits(bits),
                Node::Slot(slot) if slot == self.time => 0.0,
                Node::Unary(f, a) => f.value(values[&a]),
                Node::Binary(f, a, b) => f.value(values[&a], values[&b]),
                _ => return None,
            };
            values.insert(n, value);
        }
        values.get(&node).copied()
    }
}

/// The nodes that a node reads.
pub fn operands(node: &Node) -> impl Iterator<Item = NodeRef> + use<> {
    let (a, b, c) = match *node {
        Node::Const(_) | Node::Slot(_) => (None, None, None),
        Node::Unary(_, a) | Node::Tail(a) => (Some(a), None, None),
        Node::Binary(_, a, b)
        | Node::Masked(a, b)
        | Node::NotBelow(a, b)
        | Node::Softplus(a, b)
        | Node::Logistic(a, b) => (Some(a), Some(b), None),
        Node::Select(a, b, c) => (Some(a), Some(b), Some(c)),
    };
    [a, b, c].into_iter().flatten()
}
