//! Graphs compiled to register programs: a flat list of instructions over one array of numbers.

use std::collections::HashMap;

use super::graph::{Graph, Node, NodeRef};
use crate::expr::{Binary, Unary};

/// What an instruction does with `a`, `b`, `c`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Do {
    Add,
    Sub,
    Mul,
    Div,
    Masked,
    Select,
    NotBelow,
    Tail,
    Softplus,
    Logistic,
    Unary(Unary),
    Binary(Binary),
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Instruction {
    what: Do,
    to: u32,
    a: u32,
    b: u32,
    c: u32,
}

/// Where the nodes of a graph live in the array of registers: slots first (as in the layout), then numbers, then results.
#[derive(Clone, Debug, Default)]
pub struct Registers {
    of_node: HashMap<NodeRef, u32>,
    /// Registers that hold numbers, to be written once.
    pub numbers: Vec<(u32, f64)>,
    /// Length of the array.
    pub len: u32,
}

impl Registers {
    /// Registers for nodes after `first` slots.
    pub fn after(first: u32) -> Self {
        Registers { len: first, ..Registers::default() }
    }

    /// The register of a node, given one where it has none.
    pub fn of(&mut self, graph: &Graph, node: NodeRef) -> u32 {
        match graph.nodes()[node as usize] {
            Node::Slot(slot) => slot,
            _ => *self.of_node.entry(node).or_insert_with(|| {
                let register = self.len;
                self.len += 1;
                if let Some(value) = graph.constant(node) {
                    self.numbers.push((register, value));
                }
                register
            }),
        }
    }
}

/// A program: fills the registers of the nodes it was made for.
#[derive(Clone, Debug, Default)]
pub struct Program {
    code: Vec<Instruction>,
}

impl Program {
    /// The program that computes `outputs`.
    pub fn compile(graph: &Graph, registers: &mut Registers, outputs: impl IntoIterator<Item = NodeRef>) -> Program {
        let mut code = Vec::new();
        for n in graph.needed(outputs) {
            let node = graph.nodes()[n as usize];
            let (what, operands) = match node {
                Node::Const(_) | Node::Slot(_) => {
                    registers.of(graph, n);
                    continue;
                }
                Node::Unary(f, a) => (Do::Unary(f), [a, a, a]),
                Node::Binary(Binary::Add, a, b) => (Do::Add, [a, b, b]),
                Node::Binary(Binary::Sub, a, b) => (Do::Sub, [a, b, b]),
                Node::Binary(Binary::Mul, a, b) => (Do::Mul, [a, b, b]),
                Node::Binary(Binary::Div, a, b) => (Do::Div, [a, b, b]),
                Node::Binary(f, a, b) => (Do::Binary(f), [a, b, b]),
                Node::Select(a, b, c) => (Do::Select, [a, b, c]),
                Node::Masked(a, b) => (Do::Masked, [a, b, b]),
                Node::NotBelow(a, b) => (Do::NotBelow, [a, b, b]),
                Node::Tail(a) => (Do::Tail, [a, a, a]),
                Node::Softplus(a, b) => (Do::Softplus, [a, b, b]),
                Node::Logistic(a, b) => (Do::Logistic, [a, b, b]),
            };
            let [a, b, c] = operands.map(|o| registers.of(graph, o));
            code.push(Instruction { what, to: registers.of(graph, n), a, b, c });
        }
        Program { code }
    }

    /// Runs it.
    pub fn run(&self, regs: &mut [f64]) {
        for i in &self.code {
            let (a, b) = (regs[i.a as usize], regs[i.b as usize]);
            regs[i.to as usize] = match i.what {
                Do::Add => a + b,
                Do::Sub => a - b,
                Do::Mul => a * b,
                Do::Div => a / b,
                Do::Masked => {
                    if a == 0.0 {
                        0.0
                    } else {
                        a * b
                    }
                }
                Do::Select => {
                    if a != 0.0 {
                        b
                    } else {
                        regs[i.c as usize]
                    }
                }
                Do::NotBelow => f64::from(a >= b),
                Do::Tail => (-a.abs()).exp(),
                Do::Softplus => a.max(0.0) + b.ln_1p(),
                Do::Logistic => {
                    if a >= 0.0 {
                        1.0 / (1.0 + b)
                    } else {
                        b / (1.0 + b)
                    }
                }
                Do::Unary(f) => f.value(a),
                Do::Binary(f) => f.value(a, b),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit::NodeId;
    use crate::expr::{Expr, Op};

    fn compiled(expr: &Expr) -> (Graph, NodeRef) {
        let mut graph = Graph::new(3);
        let node = graph.expression(expr, |n| n as u32, |e| e as u32);
        (graph, node)
    }

    /// Every function at a few points: value as the expression's own, derivatives as central differences have them.
    #[test]
    fn values_and_derivatives_of_every_function() {
        use Binary::*;
        use Unary::*;
        let unary = [
            Neg, Abs, Sqrt, Exp, Ln, Log10, Sin, Cos, Tan, Sinh, Cosh, Tanh, Asin, Acos, Atan, Asinh, Acosh, Atanh,
            Ramp,
        ];
        let binary = [Add, Sub, Mul, Div, Pow, Pwr, Min, Max, Atan2];
        let (x, y) = (Op::Voltage(NodeId(1), NodeId(0)), Op::Voltage(NodeId(2), NodeId(0)));
        let mut programs = Vec::new();
        for f in unary {
            programs.push(vec![x, Op::Unary(f, 0), y, Op::Binary(Mul, 1, 2)]);
        }
        for f in binary {
            programs.push(vec![x, y, Op::Binary(f, 0, 1), Op::Binary(Mul, 2, 0)]);
            programs.push(vec![x, Op::Const(2.0), Op::Binary(f, 0, 1), y, Op::Binary(Add, 2, 3)]);
            programs.push(vec![x, Op::Const(3.0), Op::Binary(f, 0, 1)]);
        }
        programs.push(vec![x, Op::Unary(Exp, 0), Op::Const(1.0), Op::Binary(Add, 1, 2), Op::Unary(Ln, 3)]);
        programs.push(vec![
            x,
            y,
            Op::Binary(Gt, 0, 1),
            Op::Unary(Sqrt, 0),
            Op::Select { condition: 2, then: 3, otherwise: 1 },
        ]);
        for ops in programs {
            let expr = Expr::new(ops).unwrap();
            let (mut graph, node) = compiled(&expr);
            let gradient = graph.gradient(node);
            let mut registers = Registers::after(16);
            let outputs: Vec<NodeRef> = std::iter::once(node).chain(gradient.values().copied()).collect();
            let modes: Vec<_> = graph.modes().to_vec();
            let program = Program::compile(&graph, &mut registers, outputs);
            let probe = Program::compile(&graph, &mut registers, modes.iter().map(|m| m.argument));
            for (vx, vy) in [(0.31, 0.72), (0.87, 0.12), (-0.4, 0.55), (-0.9, -0.3), (1.7, 0.4)] {
                let direct = |vx: f64, vy: f64| {
                    expr.value(0.0, |p, n| [0.0, vx, vy][p.index()] - [0.0, vx, vy][n.index()], |_| 0.0)
                };
                let mut regs = vec![0.0; registers.len as usize];
                registers.numbers.iter().for_each(|&(r, v)| regs[r as usize] = v);
                (regs[1], regs[2]) = (vx, vy);
                probe.run(&mut regs);
                for (i, m) in modes.iter().enumerate() {
                    let d = registers.of(&graph, m.argument);
                    regs[4 + i] = m.law.value(regs[d as usize]);
                }
                program.run(&mut regs);
                let value = regs[registers.of(&graph, node) as usize];
                let expected = direct(vx, vy);
                if !expected.is_finite() {
                    assert!(!value.is_finite(), "{expr:?}");
                    continue;
                }
                assert!((value - expected).abs() <= 1e-14 * expected.abs().max(1.0), "{expr:?}: {value} {expected}");
                for (slot, at) in [(1u32, (1.0, 0.0)), (2, (0.0, 1.0))] {
                    let d = 1e-6;
                    let (up, down) = (direct(vx + d * at.0, vy + d * at.1), direct(vx - d * at.0, vy - d * at.1));
                    let numeric = (up - down) / (2.0 * d);
                    let exact = gradient.get(&slot).map_or(0.0, |g| regs[registers.of(&graph, *g) as usize]);
                    assert!(
                        (exact - numeric).abs() < 1e-6 * (1.0 + numeric.abs()),
                        "{expr:?} at ({vx}, {vy}) by slot {slot}: {exact} against {numeric}"
                    );
                }
            }
        }
    }

    #[test]
    fn equal_subexpressions_are_computed_once() {
        let x = Op::Voltage(NodeId(1), NodeId(0));
        let expr =
            Expr::new(vec![x, Op::Unary(Unary::Exp, 0), x, Op::Unary(Unary::Exp, 2), Op::Binary(Binary::Add, 1, 3)])
                .unwrap();
        let (mut graph, node) = compiled(&expr);
        let gradient = graph.gradient(node);
        let mut registers = Registers::after(16);
        let outputs: Vec<NodeRef> = std::iter::once(node).chain(gradient.values().copied()).collect();
        let program = Program::compile(&graph, &mut registers, outputs);
        let exponentials = program.code.iter().filter(|i| i.what == Do::Unary(Unary::Exp)).count();
        assert_eq!(exponentials, 1);
    }
}
