//! Exact derivatives: taken in reverse, as nodes of the same graph.

use std::collections::{BTreeMap, HashMap};

use super::{Graph, Node, NodeRef};
use crate::expr::{Binary, Unary};
use crate::native::layout::Slot;

impl Graph {
    /// Derivatives of a node with respect to every slot it depends on (modes excepted), as nodes.
    pub fn gradient(&mut self, output: NodeRef) -> BTreeMap<Slot, NodeRef> {
        let order = self.needed([output]);
        let one = self.number(1.0);
        let mut adjoint: HashMap<NodeRef, NodeRef> = HashMap::from([(output, one)]);
        let mut gradient = BTreeMap::new();
        for &n in order.iter().rev() {
            let Some(&weight) = adjoint.get(&n) else { continue };
            if let Node::Slot(slot) = self.nodes[n as usize] {
                if slot <= self.time {
                    gradient.insert(slot, weight);
                }
                continue;
            }
            for (operand, partial) in self.partials(n, weight) {
                let sum = match adjoint.get(&operand) {
                    Some(&before) => self.binary(Binary::Add, before, partial),
                    None => partial,
                };
                adjoint.insert(operand, sum);
            }
        }
        gradient.retain(|_, d| self.constant(*d) != Some(0.0));
        gradient
    }

    /// `weight · ∂node/∂operand` for each operand.
    fn partials(&mut self, n: NodeRef, weight: NodeRef) -> Vec<(NodeRef, NodeRef)> {
        let node = self.nodes[n as usize];
        match node {
            Node::Const(_) | Node::Slot(_) | Node::NotBelow(..) => Vec::new(),
            Node::Unary(f, x) => match self.unary_slope(f, x, n) {
                Some(slope) => vec![(x, self.masked(weight, slope))],
                None => Vec::new(),
            },
            Node::Binary(f, a, b) => self.binary_partials(f, a, b, n, weight),
            Node::Select(condition, then, otherwise) => {
                let zero = self.number(0.0);
                let (yes, no) = (self.select(condition, weight, zero), self.select(condition, zero, weight));
                vec![(then, yes), (otherwise, no)]
            }
            Node::Softplus(x, tail) => {
                let slope = self.node(Node::Logistic(x, tail));
                vec![(x, self.masked(weight, slope))]
            }
            // These only arise in derivatives, which are not differentiated again.
            Node::Masked(..) | Node::Tail(_) | Node::Logistic(..) => Vec::new(),
        }
    }

    /// f'(x); None where it is 0 everywhere. `n` is the node f(x) itself.
    fn unary_slope(&mut self, f: Unary, x: NodeRef, n: NodeRef) -> Option<NodeRef> {
        let one = self.number(1.0);
        let square = |g: &mut Self, a: NodeRef| g.binary(Binary::Mul, a, a);
        Some(match f {
            Unary::Neg => self.number(-1.0),
            Unary::Not | Unary::Sgn | Unary::Floor | Unary::Ceil | Unary::Step => return None,
            Unary::Abs => {
                let (zero, minus) = (self.number(0.0), self.number(-1.0));
                let positive = self.node(Node::NotBelow(x, zero));
                self.select(positive, one, minus)
            }
            Unary::Ramp => {
                let zero = self.number(0.0);
                self.node(Node::NotBelow(x, zero))
            }
            Unary::Exp => n,
            Unary::Sqrt => {
                let half = self.number(0.5);
                self.binary(Binary::Div, half, n)
            }
            Unary::Ln => self.binary(Binary::Div, one, x),
            Unary::Log10 => {
                let c = self.number(std::f64::consts::LOG10_E);
                self.binary(Binary::Div, c, x)
            }
            Unary::Sin => self.unary(Unary::Cos, x),
            Unary::Cos => {
                let s = self.unary(Unary::Sin, x);
                self.unary(Unary::Neg, s)
            }
            Unary::Tan => {
                let s = square(self, n);
                self.binary(Binary::Add, one, s)
            }
            Unary::Sinh => self.unary(Unary::Cosh, x),
            Unary::Cosh => self.unary(Unary::Sinh, x),
            Unary::Tanh => {
                let s = square(self, n);
                self.binary(Binary::Sub, one, s)
            }
            Unary::Asin | Unary::Acos => {
                let s = square(self, x);
                let rest = self.binary(Binary::Sub, one, s);
                let root = self.unary(Unary::Sqrt, rest);
                let numerator = self.number(if f == Unary::Asin { 1.0 } else { -1.0 });
                self.binary(Binary::Div, numerator, root)
            }
            Unary::Atan | Unary::Atanh => {
                let s = square(self, x);
                let sum = self.binary(if f == Unary::Atan { Binary::Add } else { Binary::Sub }, one, s);
                self.binary(Binary::Div, one, sum)
            }
            Unary::Asinh | Unary::Acosh => {
                let s = square(self, x);
                let sum = self.binary(if f == Unary::Asinh { Binary::Add } else { Binary::Sub }, s, one);
                let root = self.unary(Unary::Sqrt, sum);
                self.binary(Binary::Div, one, root)
            }
        })
    }

    fn binary_partials(
        &mut self,
        f: Binary,
        a: NodeRef,
        b: NodeRef,
        n: NodeRef,
        weight: NodeRef,
    ) -> Vec<(NodeRef, NodeRef)> {
        match f {
            Binary::Add => vec![(a, weight), (b, weight)],
            Binary::Sub => vec![(a, weight), (b, self.unary(Unary::Neg, weight))],
            Binary::Mul if a == b => {
                let two = self.number(2.0);
                let slope = self.binary(Binary::Mul, two, a);
                vec![(a, self.masked(weight, slope))]
            }
            Binary::Mul => vec![(a, self.masked(weight, b)), (b, self.masked(weight, a))],
            Binary::Div => {
                let one = self.number(1.0);
                let inverse = self.binary(Binary::Div, one, b);
                let first = self.masked(weight, inverse);
                let ratio = self.masked(first, n);
                vec![(a, first), (b, self.unary(Unary::Neg, ratio))]
            }
            Binary::Pow | Binary::Pwr => self.power_partials(f, a, b, n, weight),
            Binary::Min | Binary::Max => {
                let zero = self.number(0.0);
                let (first, second) = if f == Binary::Max { (a, b) } else { (b, a) };
                let take_a = self.node(Node::NotBelow(first, second));
                vec![(a, self.select(take_a, weight, zero)), (b, self.select(take_a, zero, weight))]
            }
            Binary::Atan2 => {
                let (aa, bb) = (self.binary(Binary::Mul, a, a), self.binary(Binary::Mul, b, b));
                let sum = self.binary(Binary::Add, aa, bb);
                let (da, db) = (self.binary(Binary::Div, b, sum), self.binary(Binary::Div, a, sum));
                let db = self.unary(Unary::Neg, db);
                vec![(a, self.masked(weight, da)), (b, self.masked(weight, db))]
            }
            Binary::Eq | Binary::Ne | Binary::Gt | Binary::Lt | Binary::Ge | Binary::Le | Binary::And | Binary::Or => {
                Vec::new()
            }
        }
    }

    /// d|a|^b/da = b |a|^{b−1} sgn a, without the sign for `pwr`; d/db = the power times ln |a|.
    fn power_partials(
        &mut self,
        f: Binary,
        a: NodeRef,
        b: NodeRef,
        n: NodeRef,
        weight: NodeRef,
    ) -> Vec<(NodeRef, NodeRef)> {
        let (one, zero, minus) = (self.number(1.0), self.number(0.0), self.number(-1.0));
        let lower = self.binary(Binary::Sub, b, one);
        let power = self.binary(Binary::Pow, a, lower);
        let mut slope = self.binary(Binary::Mul, b, power);
        if f == Binary::Pow {
            let positive = self.node(Node::NotBelow(a, zero));
            let sign = self.select(positive, one, minus);
            slope = self.binary(Binary::Mul, slope, sign);
        }
        let mut out = vec![(a, self.masked(weight, slope))];
        if self.constant(b).is_none() {
            let size = self.unary(Unary::Abs, a);
            let ln = self.unary(Unary::Ln, size);
            let scaled = self.masked(n, ln);
            out.push((b, self.masked(weight, scaled)));
        }
        out
    }
}
