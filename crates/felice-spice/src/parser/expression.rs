//! Expressions: `.param` arithmetic and B sources, with the operators, precedences and functions of ngspice 39
//! (measured: `2^3^2` is 64, `-2^2` is -4, `x^y` is `|x|^y`).

mod functions;

use super::builder::{Builder, MAX_OPS};
use super::lines::Line;
use super::number::number;
use super::wrong::Result;
use crate::circuit::{ElementId, NodeId};
use crate::expr::{Binary, Expr, Op, Reg, Unary};

/// Parentheses, ternaries and function calls within each other.
const MAX_DEPTH: usize = 100;
/// Calls of `.func` functions while one expression is read.
const MAX_CALLS: usize = 10_000;

/// What names mean where an expression stands.
pub(super) trait Names {
    /// A parameter's value.
    fn parameter(&self, name: &str) -> Option<f64>;
    /// A `.func` function.
    fn function(&self, name: &str) -> Option<Function<'_>>;
    /// Temperature in °C.
    fn celsius(&self) -> f64;
    /// The circuit, in a B source; `None` in `.param` arithmetic.
    fn circuit(&mut self) -> Option<&mut dyn CircuitNames>;
}

/// Nodes and branches, in B sources.
pub(super) trait CircuitNames {
    /// The node of that name, as seen from where the expression stands.
    fn node(&mut self, name: &str, line: &Line, start: usize) -> NodeId;
    /// The element of that name.
    fn branch(&mut self, name: &str, line: &Line, start: usize) -> Result<ElementId>;
}

/// A `.func` function.
#[derive(Clone, Copy)]
pub(super) struct Function<'a> {
    pub arguments: &'a [String],
    pub line: &'a Line,
    pub start: usize,
    pub end: usize,
}

/// Parses `line[start..end]`.
pub(super) fn parse(line: &Line, start: usize, end: usize, names: &mut dyn Names) -> Result<Expr> {
    let mut work = Work { builder: Builder::default(), names, depth: 0, calls: 0 };
    let result = Parser { line, at: start, end, bound: &[] }.whole(&mut work)?;
    Ok(work.builder.finish(result))
}

/// Parses `line[start..end]` as a number or an expression of parameters.
pub(super) fn constant(line: &Line, start: usize, end: usize, names: &mut dyn Names) -> Result<f64> {
    let text = line.slice(start, end);
    if let Some(value) = super::number::whole_number(text.trim()) {
        return Ok(value);
    }
    parse(line, start, end, names)?
        .as_constant()
        .ok_or_else(|| line.wrong(start, end, "a number or an expression of parameters"))
}

/// What the parsers of an expression and of the functions it calls share.
struct Work<'w> {
    builder: Builder,
    names: &'w mut dyn Names,
    depth: usize,
    calls: usize,
}

struct Parser<'a> {
    line: &'a Line,
    at: usize,
    end: usize,
    /// Arguments of the function whose body this is.
    bound: &'a [(String, Reg)],
}

/// Binary operators, longest first: text, precedence, meaning.
const OPERATORS: [(&str, u8, Binary); 15] = [
    ("||", 1, Binary::Or),
    ("&&", 2, Binary::And),
    ("==", 3, Binary::Eq),
    ("!=", 3, Binary::Ne),
    ("<>", 3, Binary::Ne),
    ("<=", 4, Binary::Le),
    (">=", 4, Binary::Ge),
    ("<", 4, Binary::Lt),
    (">", 4, Binary::Gt),
    ("+", 5, Binary::Add),
    ("-", 5, Binary::Sub),
    ("**", 8, Binary::Pow),
    ("*", 6, Binary::Mul),
    ("/", 6, Binary::Div),
    ("^", 8, Binary::Pow),
];
const POWER: u8 = 8;
const NEGATION: u8 = 7;

impl Parser<'_> {
    fn whole(&mut self, work: &mut Work<'_>) -> Result<Reg> {
        let value = self.ternary(work)?;
        self.skip();
        if self.at < self.end {
            return Err(self.here("an operator or the end of the expression"));
        }
        Ok(value)
    }

    fn ternary(&mut self, work: &mut Work<'_>) -> Result<Reg> {
        work.depth += 1;
        if work.depth > MAX_DEPTH {
            return Err(self.here(format!("an expression nested at most {MAX_DEPTH} deep")));
        }
        let mut value = self.binary(work, 0)?;
        if self.eat("?") {
            let then = self.ternary(work)?;
            if !self.eat(":") {
                return Err(self.here("`:` of `condition ? value : value`"));
            }
            let otherwise = self.ternary(work)?;
            value = work.builder.select(value, then, otherwise);
        }
        work.depth -= 1;
        Ok(value)
    }

    /// Operands joined by operators that bind tighter than `floor`; equal precedences group from the left.
    fn binary(&mut self, work: &mut Work<'_>, floor: u8) -> Result<Reg> {
        let mut left = self.signed(work)?;
        while let Some((text, precedence, f)) = self.operator().filter(|o| o.1 > floor) {
            let start = self.at;
            self.at += text.len();
            let right = if precedence == POWER { self.signed(work)? } else { self.binary(work, precedence)? };
            left = work.builder.binary(f, left, right);
            self.check(work, left, start)?;
        }
        Ok(left)
    }

    /// `-x`, `+x`, `!x`: they bind tighter than `*` and looser than `^`.
    fn signed(&mut self, work: &mut Work<'_>) -> Result<Reg> {
        let mut functions = Vec::new();
        loop {
            self.skip();
            if self.eat("-") {
                functions.push(Unary::Neg);
            } else if self.eat("!") {
                functions.push(Unary::Not);
            } else if !self.eat("+") {
                break;
            }
        }
        let mut value = if functions.is_empty() { self.operand(work)? } else { self.powers(work)? };
        for f in functions.into_iter().rev() {
            value = work.builder.unary(f, value);
        }
        Ok(value)
    }

    /// An operand and the powers it is raised to.
    fn powers(&mut self, work: &mut Work<'_>) -> Result<Reg> {
        let mut left = self.operand(work)?;
        while let Some((text, _, f)) = self.operator().filter(|o| o.1 > NEGATION) {
            let start = self.at;
            self.at += text.len();
            work.depth += 1;
            if work.depth > MAX_DEPTH {
                return Err(self.here(format!("powers chained at most {MAX_DEPTH} deep")));
            }
            let right = self.signed(work)?;
            work.depth -= 1;
            left = work.builder.binary(f, left, right);
            self.check(work, left, start)?;
        }
        Ok(left)
    }

    fn operand(&mut self, work: &mut Work<'_>) -> Result<Reg> {
        self.skip();
        let rest = self.line.slice(self.at, self.end);
        match rest.bytes().next() {
            Some(b'(') => self.grouped(work, b')'),
            Some(b'{') => self.braces(work),
            Some(b'\'') => self.grouped(work, b'\''),
            Some(b'0'..=b'9' | b'.') => match number(rest) {
                Some((value, length)) => {
                    self.at += length;
                    Ok(work.builder.constant(value))
                }
                None => Err(self.here("a number (`1.5`, `2k`, `3e-6`)")),
            },
            Some(b) if b.is_ascii_alphabetic() || b == b'_' => self.named(work),
            _ => Err(self.here("a number, a name, a function or `(`")),
        }
    }

    fn grouped(&mut self, work: &mut Work<'_>, close: u8) -> Result<Reg> {
        let open = self.at;
        self.at += 1;
        let value = self.ternary(work)?;
        self.skip();
        if self.line.text.as_bytes().get(self.at) != Some(&close) || self.at >= self.end {
            return Err(self.line.wrong(open, self.end, format!("a closing `{}`", close as char)));
        }
        self.at += 1;
        Ok(value)
    }

    /// `{...}` within an expression. ngspice puts the text in as it is, so that `8/{2*a}` is `8/2*a`: with neighbours that
    /// could tear it apart we refuse it.
    fn braces(&mut self, work: &mut Work<'_>) -> Result<Reg> {
        let open = self.at;
        let before = self.line.slice(0, open).trim_end().bytes().next_back();
        let value = self.grouped(work, b'}')?;
        self.skip();
        let after = self.line.slice(self.at, self.end).bytes().next();
        let inner = self.line.slice(open + 1, self.at).trim_end().trim_end_matches('}');
        let fenced = matches!(before, None | Some(b'(' | b',' | b'{' | b'=' | b'\''))
            && matches!(after, None | Some(b')' | b',' | b'}' | b'\''));
        if !fenced && !is_atom(inner) {
            let message = "parentheses around it, `({...})`: ngspice puts the text between braces in without any";
            return Err(self.line.wrong(open, self.at, message));
        }
        Ok(value)
    }

    fn named(&mut self, work: &mut Work<'_>) -> Result<Reg> {
        let start = self.at;
        let rest = self.line.slice(start, self.end);
        let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.')).count();
        let name = &rest[..length];
        self.at += length;
        self.skip();
        if self.line.slice(self.at, self.end).starts_with('(') {
            self.at += 1;
            return self.call(work, name, start);
        }
        if let Some((_, value)) = self.bound.iter().find(|(argument, _)| argument == name) {
            return Ok(*value);
        }
        if let Some(value) = work.names.parameter(name) {
            return Ok(work.builder.constant(value));
        }
        let behavioural = work.names.circuit().is_some();
        match name {
            "time" if behavioural => Ok(work.builder.push(Op::Time)),
            "pi" if behavioural => Ok(work.builder.constant(std::f64::consts::PI)),
            "e" if behavioural => Ok(work.builder.constant(std::f64::consts::E)),
            "temper" => Ok(work.builder.constant(work.names.celsius())),
            "hertz" => Err(self.line.unknown(start, start + length, "no frequency: there is no AC analysis here")),
            _ => Err(self.line.wrong(start, start + length, "a parameter that is defined")),
        }
    }

    /// A call; the opening parenthesis has been read.
    fn call(&mut self, work: &mut Work<'_>, name: &str, start: usize) -> Result<Reg> {
        if matches!(name, "v" | "i") && work.names.circuit().is_some() {
            return self.probe(work, name == "v", start);
        }
        let mut arguments = Vec::new();
        loop {
            arguments.push(self.ternary(work)?);
            if self.eat(")") {
                break;
            }
            if !self.eat(",") {
                return Err(self.here("`,` or `)`"));
            }
        }
        let end = self.at;
        let value = match self.user_function(work, name, &arguments, start)? {
            Some(value) => value,
            None => self.built_in(work, name, &arguments, start)?,
        };
        self.at = end;
        self.check(work, value, start)?;
        Ok(value)
    }

    /// `V(a)`, `V(a,b)`, `I(vx)`; the opening parenthesis has been read.
    fn probe(&mut self, work: &mut Work<'_>, voltage: bool, start: usize) -> Result<Reg> {
        let close = self.line.slice(self.at, self.end).find(')').map(|n| self.at + n);
        let Some(close) = close else {
            return Err(self.line.wrong(start, self.end, "a closing `)`"));
        };
        let mut names: Vec<(usize, usize)> = Vec::new();
        let mut from = self.at;
        for part in self.line.slice(self.at, close).split(',') {
            let name = part.trim();
            let begin = from + (part.len() - part.trim_start().len());
            let good =
                !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || matches!(c, '(' | '{' | '\'' | '='));
            if !good {
                return Err(self.line.wrong(begin, begin + name.len().max(1), "the name of a node or of a source"));
            }
            names.push((begin, begin + name.len()));
            from += part.len() + 1;
        }
        self.at = close + 1;
        let line = self.line;
        let end = self.at;
        let Some(circuit) = work.names.circuit() else {
            return Err(line.wrong(start, end, "no voltage or current here"));
        };
        let op = match (voltage, names.as_slice()) {
            (true, [a]) => Op::Voltage(circuit.node(line.slice(a.0, a.1), line, a.0), crate::circuit::GROUND),
            (true, [a, b]) => Op::Voltage(
                circuit.node(line.slice(a.0, a.1), line, a.0),
                circuit.node(line.slice(b.0, b.1), line, b.0),
            ),
            (false, [x]) => Op::Current(circuit.branch(line.slice(x.0, x.1), line, x.0)?),
            _ => return Err(line.wrong(start, end, "`V(node)`, `V(node,node)` or `I(source)`")),
        };
        Ok(work.builder.push(op))
    }

    /// A folded constant must be finite, a program of bearable length.
    fn check(&self, work: &Work<'_>, value: Reg, start: usize) -> Result<()> {
        if work.builder.value(value).is_some_and(|x| !x.is_finite()) {
            return Err(self.line.wrong(
                start,
                self.at,
                "a finite value (this divides by 0, overflows or has no real value)",
            ));
        }
        if work.builder.len() > MAX_OPS {
            return Err(self.line.wrong(start, self.at, format!("at most {MAX_OPS} operations in an expression")));
        }
        Ok(())
    }

    fn operator(&mut self) -> Option<(&'static str, u8, Binary)> {
        self.skip();
        let rest = self.line.slice(self.at, self.end);
        OPERATORS.iter().find(|(text, ..)| rest.starts_with(text)).copied()
    }

    fn eat(&mut self, text: &str) -> bool {
        self.skip();
        let there = self.line.slice(self.at, self.end).starts_with(text);
        if there {
            self.at += text.len();
        }
        there
    }

    fn skip(&mut self) {
        while self.at < self.end && self.line.text.as_bytes().get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn here(&self, expected: impl Into<String>) -> Box<super::wrong::Wrong> {
        self.line.wrong(self.at, self.end, expected)
    }
}

/// A number or a name, with a sign or not: nothing that an operator beside it could tear apart.
fn is_atom(text: &str) -> bool {
    let text = text.trim();
    let text = text.strip_prefix('-').unwrap_or(text);
    let name = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
    name || super::number::whole_number(text).is_some() || is_call(text)
}

/// `f(...)` and nothing behind it.
fn is_call(text: &str) -> bool {
    let name = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    let mut depth = 0usize;
    name > 0
        && text[name..].starts_with('(')
        && text.bytes().enumerate().skip(name).all(|(i, b)| {
            match b {
                b'(' => depth += 1,
                b')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth > 0 || i + 1 == text.len()
        })
}
