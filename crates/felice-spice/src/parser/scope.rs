//! Parameters in force: those of an instance, then those of the instance it stands in (as ngspice looks them up).

use std::collections::HashMap;

use super::definitions::{Assignment, Definitions};
use super::expression::{CircuitNames, Function, Names, constant};
use super::lines::Deck;
use super::wrong::Result;
use crate::circuit::NodeId;

/// An instance of a subcircuit, or (number 0) the netlist itself.
#[derive(Default)]
pub(super) struct Scope {
    pub definition: usize,
    pub parent: Option<usize>,
    /// `x1.x2`, empty at the top.
    pub prefix: String,
    pub values: HashMap<String, f64>,
    pub ports: HashMap<String, NodeId>,
}

pub(super) struct Scopes<'d> {
    pub deck: &'d Deck,
    pub definitions: &'d Definitions,
    pub all: Vec<Scope>,
    pub celsius: f64,
}

impl Scopes<'_> {
    pub fn parameter(&self, scope: usize, name: &str) -> Option<f64> {
        let chain = std::iter::successors(self.all.get(scope), |s| s.parent.and_then(|p| self.all.get(p)));
        chain.into_iter().find_map(|s| s.values.get(name).copied())
    }

    /// The value of `line[start..end]` in a scope.
    pub fn number(&self, scope: usize, line: usize, start: usize, end: usize) -> Result<f64> {
        constant(&self.deck.lines[line], start, end, &mut InScope { scopes: self, scope, circuit: None })
    }

    /// Evaluates a scope's assignments, whatever their order; a circle is an error.
    pub fn assign(&mut self, scope: usize, list: &[&Assignment]) -> Result<()> {
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        for (i, a) in list.iter().enumerate() {
            let (line, range) = (&self.deck.lines[a.line], (a.at, a.at + a.name.len()));
            if self.all[scope].values.contains_key(&a.name) {
                return Err(line.wrong(range.0, range.1, "a parameter not set before"));
            }
            if let Some(first) = numbers.insert(&a.name, i) {
                let first = list[first].line;
                return Err(super::definitions::twice_at(self.deck, line, range, "a parameter not set before", first));
            }
        }
        for i in order(self.deck, list, &numbers)? {
            let a = list[i];
            let value = self.number(scope, a.line, a.start, a.end)?;
            self.all[scope].values.insert(a.name.clone(), value);
        }
        Ok(())
    }
}

/// An order in which every assignment comes after those it uses.
fn order(deck: &Deck, list: &[&Assignment], numbers: &HashMap<&str, usize>) -> Result<Vec<usize>> {
    let mut waiting = vec![0usize; list.len()];
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); list.len()];
    for (i, a) in list.iter().enumerate() {
        for name in names_in(deck.lines[a.line].slice(a.start, a.end)) {
            if let Some(needed) = numbers.get(name) {
                waiting[i] += 1;
                users[*needed].push(i);
            }
        }
    }
    let mut sorted: Vec<usize> = (0..list.len()).filter(|i| waiting[*i] == 0).collect();
    let mut next = 0;
    while let Some(done) = sorted.get(next).copied() {
        next += 1;
        for user in &users[done] {
            waiting[*user] -= 1;
            if waiting[*user] == 0 {
                sorted.push(*user);
            }
        }
    }
    match (0..list.len()).find(|i| waiting[*i] > 0) {
        None => Ok(sorted),
        Some(i) => {
            let a = list[i];
            Err(deck.lines[a.line].wrong(a.at, a.end, "a parameter that does not depend on itself"))
        }
    }
}

/// The names in an expression's text.
fn names_in(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')))
        .filter(|w| w.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
}

/// Names as an expression in a scope sees them.
pub(super) struct InScope<'s, 'd, 'c> {
    pub scopes: &'s Scopes<'d>,
    pub scope: usize,
    pub circuit: Option<&'c mut dyn CircuitNames>,
}

impl Names for InScope<'_, '_, '_> {
    fn parameter(&self, name: &str) -> Option<f64> {
        self.scopes.parameter(self.scope, name)
    }

    fn function(&self, name: &str) -> Option<Function<'_>> {
        self.scopes.definitions.function(self.scopes.deck, name)
    }

    fn celsius(&self) -> f64 {
        self.scopes.celsius
    }

    fn circuit(&mut self) -> Option<&mut dyn CircuitNames> {
        match &mut self.circuit {
            Some(c) => Some(*c),
            None => None,
        }
    }
}
