//! Builds expression programs: equal operations are shared, constants folded, what is not used dropped.

use std::collections::HashMap;

use crate::expr::{Binary, Expr, Op, Reg, Unary};

/// Operations of one expression.
pub(super) const MAX_OPS: usize = 1_000_000;

#[derive(Default)]
pub(super) struct Builder {
    ops: Vec<Op>,
    seen: HashMap<Key, Reg>,
}

/// An operation as a key: numbers by their bits.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Const(u64),
    Time,
    Voltage(u32, u32),
    Current(u32),
    Unary(Unary, Reg),
    Binary(Binary, Reg, Reg),
    Select(Reg, Reg, Reg),
}

impl Builder {
    /// Number of operations so far.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    pub fn push(&mut self, op: Op) -> Reg {
        let key = match op {
            Op::Const(c) => Key::Const(c.to_bits()),
            Op::Time => Key::Time,
            Op::Voltage(p, n) => Key::Voltage(p.0, n.0),
            Op::Current(e) => Key::Current(e.0),
            Op::Unary(f, a) => Key::Unary(f, a),
            Op::Binary(f, a, b) => Key::Binary(f, a, b),
            Op::Select { condition, then, otherwise } => Key::Select(condition, then, otherwise),
        };
        let ops = &mut self.ops;
        *self.seen.entry(key).or_insert_with(|| {
            ops.push(op);
            (ops.len() - 1) as Reg
        })
    }

    pub fn constant(&mut self, value: f64) -> Reg {
        self.push(Op::Const(value))
    }

    /// The number in a register, where it holds one.
    pub fn value(&self, r: Reg) -> Option<f64> {
        match self.ops.get(r as usize) {
            Some(Op::Const(c)) => Some(*c),
            _ => None,
        }
    }

    pub fn unary(&mut self, f: Unary, a: Reg) -> Reg {
        match self.value(a) {
            Some(x) => self.constant(f.value(x)),
            None => self.push(Op::Unary(f, a)),
        }
    }

    pub fn binary(&mut self, f: Binary, a: Reg, b: Reg) -> Reg {
        match (self.value(a), self.value(b)) {
            (Some(x), Some(y)) => self.constant(f.value(x, y)),
            _ => self.push(Op::Binary(f, a, b)),
        }
    }

    pub fn select(&mut self, condition: Reg, then: Reg, otherwise: Reg) -> Reg {
        match self.value(condition) {
            Some(c) if c != 0.0 => then,
            Some(_) => otherwise,
            None => self.push(Op::Select { condition, then, otherwise }),
        }
    }

    /// The expression whose value is in `result`, without operations it does not need.
    pub fn finish(self, result: Reg) -> Expr {
        let mut needed = vec![false; result as usize + 1];
        needed[result as usize] = true;
        for i in (0..needed.len()).rev() {
            if needed[i] {
                self.ops[i].operands().for_each(|r| needed[r as usize] = true);
            }
        }
        let mut moved = vec![0 as Reg; needed.len()];
        let mut ops = Vec::with_capacity(needed.iter().filter(|n| **n).count());
        for (i, op) in self.ops.into_iter().enumerate().take(needed.len()) {
            if needed[i] {
                moved[i] = ops.len() as Reg;
                ops.push(renumbered(op, &moved));
            }
        }
        Expr::new(ops).unwrap_or_else(|| Expr::constant(f64::NAN))
    }
}

fn renumbered(op: Op, moved: &[Reg]) -> Op {
    let to = |r: Reg| moved[r as usize];
    match op {
        Op::Const(_) | Op::Time | Op::Voltage(..) | Op::Current(_) => op,
        Op::Unary(f, a) => Op::Unary(f, to(a)),
        Op::Binary(f, a, b) => Op::Binary(f, to(a), to(b)),
        Op::Select { condition, then, otherwise } => {
            Op::Select { condition: to(condition), then: to(then), otherwise: to(otherwise) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_folds_and_drops() {
        let mut b = Builder::default();
        let two = b.constant(2.0);
        let three = b.binary(Binary::Add, two, two);
        let t = b.push(Op::Time);
        let unused = b.unary(Unary::Sin, t);
        assert_ne!(unused, t);
        let first = b.binary(Binary::Mul, three, t);
        let second = b.binary(Binary::Mul, three, t);
        assert_eq!(first, second);
        let e = b.finish(first);
        assert_eq!(e.ops().len(), 3);
        assert_eq!(e.value(0.5, |_, _| 0.0, |_| 0.0), 2.0);
    }
}
