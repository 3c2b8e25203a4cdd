//! The functions that expressions may call.

use super::{MAX_CALLS, MAX_DEPTH, Parser, Work};
use crate::expr::{Binary, Reg, Unary};
use crate::parser::wrong::Result;

impl Parser<'_> {
    pub(super) fn user_function(
        &self,
        work: &mut Work<'_>,
        name: &str,
        values: &[Reg],
        start: usize,
    ) -> Result<Option<Reg>> {
        let Some(f) = work.names.function(name) else { return Ok(None) };
        work.calls += 1;
        let wrong = |expected: String| Err(self.line.wrong(start, self.at, expected));
        if f.arguments.len() != values.len() {
            return wrong(format!("{} arguments", f.arguments.len()));
        }
        if work.calls > MAX_CALLS || work.depth >= MAX_DEPTH {
            return wrong("functions that do not call themselves, and not so many calls".into());
        }
        let bound: Vec<_> = f.arguments.iter().cloned().zip(values.iter().copied()).collect();
        // The names are asked again for every name in the body, so the function's text is held, not the borrow.
        let (line, from, to) = (f.line.clone(), f.start, f.end);
        work.depth += 1;
        let value = Parser { line: &line, at: from, end: to, bound: &bound }.whole(work)?;
        work.depth -= 1;
        Ok(Some(value))
    }

    pub(super) fn built_in(&self, work: &mut Work<'_>, name: &str, values: &[Reg], start: usize) -> Result<Reg> {
        let behavioural = work.names.circuit().is_some();
        if let (Some(f), [a]) = (unary_named(name), values) {
            return Ok(work.builder.unary(f, *a));
        }
        if let (Some(f), [a, b]) = (binary_named(name), values) {
            return Ok(work.builder.binary(f, *a, *b));
        }
        match (name, values) {
            ("ternary_fcn", [c, a, b]) => Ok(work.builder.select(*c, *a, *b)),
            ("sqr", [a]) => Ok(work.builder.binary(Binary::Mul, *a, *a)),
            ("arctan", [a]) => Ok(work.builder.unary(Unary::Atan, *a)),
            ("int", [a]) if !behavioural => {
                let value = work.builder.value(*a).unwrap_or(f64::NAN).trunc();
                Ok(work.builder.constant(value))
            }
            // In `.param` arithmetic ngspice's pow is C's, and its pwr is |x|^y.
            ("pow", [a, b]) if !behavioural => {
                let value = work.builder.value(*a).unwrap_or(f64::NAN).powf(work.builder.value(*b).unwrap_or(f64::NAN));
                Ok(work.builder.constant(value))
            }
            ("pwr", [a, b]) if !behavioural => Ok(work.builder.binary(Binary::Pow, *a, *b)),
            ("pow", [a, b]) => Ok(work.builder.binary(Binary::Pow, *a, *b)),
            ("pwr", [a, b]) => Ok(work.builder.binary(Binary::Pwr, *a, *b)),
            _ if unary_named(name).is_some() => Err(self.line.wrong(start, self.at, "one argument")),
            _ if binary_named(name).is_some() || matches!(name, "pow" | "pwr") => {
                Err(self.line.wrong(start, self.at, "two arguments"))
            }
            ("v" | "i", _) => Err(self.line.wrong(start, self.at, "no voltage or current: only B sources know them")),
            _ => Err(self.line.unknown(start, self.at, "a function known here")),
        }
    }
}

fn unary_named(name: &str) -> Option<Unary> {
    Some(match name {
        "abs" => Unary::Abs,
        "sgn" => Unary::Sgn,
        "sqrt" => Unary::Sqrt,
        "exp" => Unary::Exp,
        "ln" | "log" => Unary::Ln,
        "log10" => Unary::Log10,
        "sin" => Unary::Sin,
        "cos" => Unary::Cos,
        "tan" => Unary::Tan,
        "sinh" => Unary::Sinh,
        "cosh" => Unary::Cosh,
        "tanh" => Unary::Tanh,
        "asin" => Unary::Asin,
        "acos" => Unary::Acos,
        "atan" => Unary::Atan,
        "asinh" => Unary::Asinh,
        "acosh" => Unary::Acosh,
        "atanh" => Unary::Atanh,
        "floor" => Unary::Floor,
        "ceil" => Unary::Ceil,
        "u" => Unary::Step,
        "uramp" => Unary::Ramp,
        _ => return None,
    })
}

fn binary_named(name: &str) -> Option<Binary> {
    Some(match name {
        "min" => Binary::Min,
        "max" => Binary::Max,
        "atan2" => Binary::Atan2,
        _ => return None,
    })
}
