//! Expressions of B sources: a flat program in which every operation refers to earlier ones.
//!
//! There is no tree to walk: a sum of ten thousand terms is ten thousand operations, evaluated, differentiated and
//! dropped without recursion. Functions mean what ngspice means by them (`ln` and `log` are natural, `x^y` is
//! `|x|^y`, a condition is true where it is not 0).

use crate::circuit::{ElementId, NodeId};

/// Index of an earlier operation in [`Expr::ops`].
pub type Reg = u32;

/// One operation. Its operands stand before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// A number.
    Const(f64),
    /// Time in seconds (0 in DC analyses).
    Time,
    /// Voltage between two nodes: `V(p, n)`.
    Voltage(NodeId, NodeId),
    /// Current into the first terminal, through and out of the second one, of a branch element (V, E, H, L, B with `V=`).
    Current(ElementId),
    /// A function of one argument.
    Unary(Unary, Reg),
    /// A function or operator of two arguments.
    Binary(Binary, Reg, Reg),
    /// `condition != 0 ? then : otherwise`.
    Select {
        /// The condition.
        condition: Reg,
        /// Value where it is not 0.
        then: Reg,
        /// Value where it is 0.
        otherwise: Reg,
    },
}

/// Functions of one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unary {
    /// `-x`
    Neg,
    /// 1 where `x` is 0, else 0.
    Not,
    /// `|x|`
    Abs,
    /// -1, 0, 1
    Sgn,
    /// Square root.
    Sqrt,
    /// Exponential.
    Exp,
    /// Natural logarithm (`ln`, `log`).
    Ln,
    /// Logarithm to base 10.
    Log10,
    /// Sine.
    Sin,
    /// Cosine.
    Cos,
    /// Tangent.
    Tan,
    /// Hyperbolic sine.
    Sinh,
    /// Hyperbolic cosine.
    Cosh,
    /// Hyperbolic tangent.
    Tanh,
    /// Arc sine.
    Asin,
    /// Arc cosine.
    Acos,
    /// Arc tangent.
    Atan,
    /// Inverse hyperbolic sine.
    Asinh,
    /// Inverse hyperbolic cosine.
    Acosh,
    /// Inverse hyperbolic tangent.
    Atanh,
    /// Largest integer not above `x`.
    Floor,
    /// Smallest integer not below `x`.
    Ceil,
    /// Unit step `u(x)`: 1 for `x > 0`, .5 at 0, 0 below (as ngspice has it).
    Step,
    /// Ramp `uramp(x)`: `x` for `x > 0`, else 0.
    Ramp,
}

/// Functions and operators of two arguments. Comparisons give 1 or 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a * b`
    Mul,
    /// `a / b`
    Div,
    /// `|a|^b` (`^`, `**`, `pow`)
    Pow,
    /// `sgn(a) |a|^b` (`pwr`)
    Pwr,
    /// The smaller.
    Min,
    /// The larger.
    Max,
    /// `atan2(a, b)`
    Atan2,
    /// `a == b`
    Eq,
    /// `a != b`
    Ne,
    /// `a > b`
    Gt,
    /// `a < b`
    Lt,
    /// `a >= b`
    Ge,
    /// `a <= b`
    Le,
    /// Both are not 0.
    And,
    /// One is not 0.
    Or,
}

/// An expression: operations in order, the last one is the value. Never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    ops: Vec<Op>,
}

impl Expr {
    /// A number.
    pub fn constant(value: f64) -> Self {
        Expr { ops: vec![Op::Const(value)] }
    }

    /// An expression from its operations; `None` where it is empty or an operand does not stand before its operation.
    pub fn new(ops: Vec<Op>) -> Option<Self> {
        let ordered = ops.iter().enumerate().all(|(i, op)| op.operands().all(|r| (r as usize) < i));
        (ordered && !ops.is_empty()).then_some(Expr { ops })
    }

    /// The operations; the last one is the value.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// The register that holds the value.
    pub fn result(&self) -> Reg {
        (self.ops.len() - 1) as Reg
    }

    /// The number, where the expression is one.
    pub fn as_constant(&self) -> Option<f64> {
        match self.ops.last() {
            Some(Op::Const(value)) => Some(*value),
            _ => None,
        }
    }

    /// Its value; `voltage(p, n)` and `current(element)` answer for the circuit. What numerics give is given: division by 0 is
    /// infinite, the logarithm of a negative number is NaN. An engine says so with time and device.
    pub fn value(&self, time: f64, voltage: impl Fn(NodeId, NodeId) -> f64, current: impl Fn(ElementId) -> f64) -> f64 {
        let mut regs = Vec::with_capacity(self.ops.len());
        for op in &self.ops {
            let at = |r: Reg| -> f64 { regs[r as usize] };
            let value = match *op {
                Op::Const(c) => c,
                Op::Time => time,
                Op::Voltage(p, n) => voltage(p, n),
                Op::Current(e) => current(e),
                Op::Unary(f, a) => f.value(at(a)),
                Op::Binary(f, a, b) => f.value(at(a), at(b)),
                Op::Select { condition, then, otherwise } => at(if at(condition) != 0.0 { then } else { otherwise }),
            };
            regs.push(value);
        }
        regs.last().copied().unwrap_or(f64::NAN)
    }
}

impl Op {
    /// The registers it reads.
    pub fn operands(&self) -> impl Iterator<Item = Reg> {
        let (a, b, c) = match *self {
            Op::Const(_) | Op::Time | Op::Voltage(..) | Op::Current(_) => (None, None, None),
            Op::Unary(_, a) => (Some(a), None, None),
            Op::Binary(_, a, b) => (Some(a), Some(b), None),
            Op::Select { condition, then, otherwise } => (Some(condition), Some(then), Some(otherwise)),
        };
        [a, b, c].into_iter().flatten()
    }
}

impl Unary {
    /// The function's value.
    pub fn value(self, x: f64) -> f64 {
        match self {
            Unary::Neg => -x,
            Unary::Not => f64::from(x == 0.0),
            Unary::Abs => x.abs(),
            Unary::Sgn => sign(x),
            Unary::Sqrt => x.sqrt(),
            Unary::Exp => x.exp(),
            Unary::Ln => x.ln(),
            Unary::Log10 => x.log10(),
            Unary::Sin => x.sin(),
            Unary::Cos => x.cos(),
            Unary::Tan => x.tan(),
            Unary::Sinh => x.sinh(),
            Unary::Cosh => x.cosh(),
            Unary::Tanh => x.tanh(),
            Unary::Asin => x.asin(),
            Unary::Acos => x.acos(),
            Unary::Atan => x.atan(),
            Unary::Asinh => x.asinh(),
            Unary::Acosh => x.acosh(),
            Unary::Atanh => x.atanh(),
            Unary::Floor => x.floor(),
            Unary::Ceil => x.ceil(),
            Unary::Step => 0.5 * (1.0 + sign(x)),
            Unary::Ramp => x.max(0.0),
        }
    }
}

impl Binary {
    /// The function's value.
    pub fn value(self, a: f64, b: f64) -> f64 {
        match self {
            Binary::Add => a + b,
            Binary::Sub => a - b,
            Binary::Mul => a * b,
            Binary::Div => a / b,
            Binary::Pow => a.abs().powf(b),
            Binary::Pwr => sign(a) * a.abs().powf(b),
            Binary::Min => a.min(b),
            Binary::Max => a.max(b),
            Binary::Atan2 => a.atan2(b),
            Binary::Eq => f64::from(a == b),
            Binary::Ne => f64::from(a != b),
            Binary::Gt => f64::from(a > b),
            Binary::Lt => f64::from(a < b),
            Binary::Ge => f64::from(a >= b),
            Binary::Le => f64::from(a <= b),
            Binary::And => f64::from(a != 0.0 && b != 0.0),
            Binary::Or => f64::from(a != 0.0 || b != 0.0),
        }
    }
}

fn sign(x: f64) -> f64 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_stand_before_their_operation() {
        assert!(Expr::new(vec![]).is_none());
        assert!(Expr::new(vec![Op::Unary(Unary::Neg, 0)]).is_none());
        let twice = Expr::new(vec![Op::Time, Op::Binary(Binary::Add, 0, 0)]).unwrap();
        assert_eq!(twice.value(1.5, |_, _| 0.0, |_| 0.0), 3.0);
    }

    #[test]
    fn powers_are_those_of_ngspice() {
        assert_eq!(Binary::Pow.value(-2.0, 3.0), 8.0);
        assert_eq!(Binary::Pwr.value(-2.0, 3.0), -8.0);
        assert_eq!(Unary::Step.value(0.0), 0.5);
    }
}
