//! Subcircuits written out: every element line with the instance it belongs to, its name, and the node table.

use std::collections::{HashMap, HashSet};

use super::definitions::{Definitions, assignments, twice_at};
use super::fields::{Field, Fields, Kind};
use super::lines::{Deck, Line};
use super::scope::{Scope, Scopes};
use super::wrong::Result;
use crate::circuit::{ElementId, NodeId, Nodes, Origin};

/// Instances within instances.
const MAX_DEPTH: usize = 100;
/// Elements of a flattened circuit.
const MAX_ELEMENTS: usize = 1_000_000;

/// An element line in an instance.
pub(super) struct Instance {
    pub line: usize,
    pub scope: usize,
    pub name: String,
}

/// The flattened netlist, its element lines not read yet.
pub(super) struct Expansion<'d> {
    pub scopes: Scopes<'d>,
    pub instances: Vec<Instance>,
    pub table: NodeTable<'d>,
    pub names: HashMap<String, ElementId>,
    /// Full names of X instances.
    entered: HashSet<String>,
}

/// Nodes, and where each was first mentioned.
pub(super) struct NodeTable<'d> {
    pub nodes: Nodes,
    pub mentions: Vec<Origin>,
    definitions: &'d Definitions,
}

impl NodeTable<'_> {
    /// The node that `name` means in a scope.
    pub fn node(&mut self, scope: &Scope, name: &str, line: &Line, start: usize) -> NodeId {
        if let Some(port) = scope.ports.get(name) {
            return *port;
        }
        let global = scope.prefix.is_empty() || matches!(name, "0" | "gnd") || self.definitions.globals.contains(name);
        let id = if global { self.nodes.intern(name) } else { self.nodes.intern(&format!("{}.{name}", scope.prefix)) };
        if self.mentions.len() < self.nodes.len() {
            self.mentions.push(line.origin(start));
        }
        id
    }
}

/// Writes the subcircuits out. `overrides` replace top-level parameters.
pub(super) fn expand<'d>(
    deck: &'d Deck,
    definitions: &'d Definitions,
    celsius: f64,
    overrides: &[(String, f64)],
) -> Result<Expansion<'d>> {
    measure(deck, definitions)?;
    let scopes = Scopes { deck, definitions, all: vec![Scope::default()], celsius };
    let table = NodeTable { nodes: Nodes::default(), mentions: vec![Origin::default()], definitions };
    let mut work = Expansion { scopes, instances: Vec::new(), table, names: HashMap::new(), entered: HashSet::new() };
    let mut own = Vec::new();
    for a in &definitions.all[0].parameters {
        match overrides.iter().find(|(name, _)| *name == a.name) {
            Some((name, value)) => drop(work.scopes.all[0].values.insert(name.clone(), *value)),
            None => own.push(a),
        }
    }
    work.scopes.assign(0, &own)?;
    // (scope, next element line of its definition): instances are entered in order without recursion.
    let mut open = vec![(0usize, 0usize)];
    while let Some((scope, position)) = open.last_mut() {
        let (scope, at) = (*scope, *position);
        *position += 1;
        let definition = &definitions.all[work.scopes.all[scope].definition];
        let Some(index) = definition.elements.get(at).copied() else {
            open.pop();
            continue;
        };
        if deck.lines[index].text.starts_with('x') {
            let inner = work.enter(index, scope)?;
            open.push((inner, 0));
        } else {
            work.element(index, scope)?;
        }
    }
    Ok(work)
}

impl Expansion<'_> {
    /// Names an element line.
    fn element(&mut self, index: usize, scope: usize) -> Result<()> {
        let line = &self.scopes.deck.lines[index];
        let (word, field) = Fields::new(line).word("an element's name")?;
        let name = self.flat_name(scope, word);
        let id = ElementId(self.instances.len() as u32);
        if let Some(first) = self.names.insert(name.clone(), id) {
            let first = self.instances[first.index()].line;
            let range = (field.start, field.end);
            return Err(twice_at(self.scopes.deck, line, range, "an element name not used before", first));
        }
        self.instances.push(Instance { line: index, scope, name });
        Ok(())
    }

    /// `r1` in instance `x1` is `r.x1.r1`.
    fn flat_name(&self, scope: usize, name: &str) -> String {
        let prefix = &self.scopes.all[scope].prefix;
        match name.chars().next() {
            Some(letter) if !prefix.is_empty() => format!("{letter}.{prefix}.{name}"),
            _ => name.to_owned(),
        }
    }

    /// Enters an X line: ports and parameters of the new instance.
    fn enter(&mut self, index: usize, scope: usize) -> Result<usize> {
        let deck = self.scopes.deck;
        let line = &deck.lines[index];
        let Call { name, own, nodes: words, called, mut fields } = call(line)?;
        let wanted = called.text(line);
        let number = resolve(self.scopes.definitions, self.scopes.all[scope].definition, line, called)?;
        let definition = &self.scopes.definitions.all[number];
        if definition.ports.len() != words.len() {
            let expected = format!("{} nodes for the ports of `{wanted}`, not {}", definition.ports.len(), words.len());
            return Err(line.wrong(0, line.text.len(), expected));
        }
        let given = assignments(&mut fields, index)?;
        let mut values = HashMap::new();
        for a in &given {
            let range = (a.at, a.at + a.name.len());
            if !definition.defaults.iter().any(|d| d.name == a.name) {
                let expected = format!("a parameter of subcircuit `{wanted}`");
                return Err(match a.name.as_str() {
                    "m" => line.unknown(range.0, range.1, expected),
                    _ => line.wrong(range.0, range.1, expected),
                });
            }
            let value = self.scopes.number(scope, index, a.start, a.end)?;
            if values.insert(a.name.clone(), value).is_some() {
                return Err(line.wrong(range.0, range.1, "a parameter not set before on this line"));
            }
        }
        let mut ports = HashMap::with_capacity(words.len());
        for (port, f) in definition.ports.iter().zip(&words) {
            let node = self.table.node(&self.scopes.all[scope], f.text(line), line, f.start);
            ports.insert(port.clone(), node);
        }
        let outer = &self.scopes.all[scope].prefix;
        let prefix = if outer.is_empty() { name.to_owned() } else { format!("{outer}.{name}") };
        if !self.entered.insert(prefix.clone()) {
            return Err(line.wrong(own.start, own.end, "an instance name not used before"));
        }
        let inner = self.scopes.all.len();
        self.scopes.all.push(Scope { definition: number, parent: Some(scope), prefix, values, ports });
        let rest: Vec<_> = definition.defaults.iter().filter(|d| !given.iter().any(|g| g.name == d.name)).collect();
        let list: Vec<_> = rest.into_iter().chain(&definition.parameters).collect();
        self.scopes.assign(inner, &list)?;
        Ok(inner)
    }
}

/// An X line: its name, nodes, the subcircuit's name, and what follows.
struct Call<'d> {
    name: &'d str,
    own: Field,
    nodes: Vec<Field>,
    called: Field,
    fields: Fields<'d>,
}

fn call(line: &Line) -> Result<Call<'_>> {
    let mut fields = Fields::new(line);
    let (name, own) = fields.word("an instance's name")?;
    let mut nodes = Vec::new();
    loop {
        let before = fields;
        if fields.take_name_equals()?.is_some() {
            fields = before;
            break;
        }
        match fields.take()? {
            None => break,
            Some(f) if f.kind == Kind::Word && f.text(line) == "params:" => break,
            Some(f) if f.kind == Kind::Word => nodes.push(f),
            Some(f) => return Err(line.wrong(f.start, f.end, "a node, a subcircuit's name or `name=value`")),
        }
    }
    let Some(called) = nodes.pop() else { return Err(fields.missing("nodes and a subcircuit's name")) };
    Ok(Call { name, own, nodes, called, fields })
}

fn resolve(definitions: &Definitions, within: usize, line: &Line, called: Field) -> Result<usize> {
    definitions
        .subcircuit(within, called.text(line))
        .ok_or_else(|| line.wrong(called.start, called.end, "the name of a subcircuit defined here"))
}

/// Refuses, before anything is written out, a subcircuit that contains itself and a netlist that would grow beyond bounds:
/// forty lines that each call the line before twice are a million million elements.
fn measure(deck: &Deck, definitions: &Definitions) -> Result<()> {
    let mut sizes: Vec<Option<usize>> = vec![None; definitions.all.len()];
    let mut open = vec![(0usize, 0usize, 0usize)];
    let mut is_open = vec![false; definitions.all.len()];
    is_open[0] = true;
    while let Some((number, position, size)) = open.last_mut() {
        let Some(index) = definitions.all[*number].elements.get(*position) else {
            sizes[*number] = Some(*size);
            is_open[*number] = false;
            open.pop();
            continue;
        };
        let line = &deck.lines[*index];
        let added = if line.text.starts_with('x') {
            let called = call(line)?.called;
            let inner = resolve(definitions, *number, line, called)?;
            if is_open[inner] {
                return Err(line.wrong(called.start, called.end, "a subcircuit that does not contain itself"));
            }
            match sizes[inner] {
                Some(n) => n.max(1),
                None if open.len() > MAX_DEPTH => {
                    let expected = format!("subcircuits nested at most {MAX_DEPTH} deep");
                    return Err(line.wrong(called.start, called.end, expected));
                }
                None => {
                    is_open[inner] = true;
                    open.push((inner, 0, 0));
                    continue;
                }
            }
        } else {
            1
        };
        *size = size.saturating_add(added);
        *position += 1;
        if *size > MAX_ELEMENTS {
            return Err(line.wrong(0, line.text.len(), format!("at most {MAX_ELEMENTS} elements")));
        }
    }
    Ok(())
}
