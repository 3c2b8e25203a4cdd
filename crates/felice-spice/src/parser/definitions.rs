//! What is defined where: subcircuits within subcircuits, their parameters, models and element lines, still as text.

use std::collections::{HashMap, HashSet};

use super::expression::Function;
use super::fields::{Fields, Kind};
use super::lines::{Deck, Line};
use super::wrong::Result;

/// Subcircuit definitions within each other.
const MAX_NESTING: usize = 64;

/// `name = value`: a parameter and the range of its value in a line of the deck.
#[derive(Clone, Debug)]
pub(super) struct Assignment {
    pub name: String,
    pub line: usize,
    /// Where the name stands.
    pub at: usize,
    pub start: usize,
    pub end: usize,
}

/// A subcircuit, or (number 0) the netlist itself.
#[derive(Default)]
pub(super) struct Definition {
    pub name: String,
    pub ports: Vec<String>,
    /// Parameters of the `.subckt` line.
    pub defaults: Vec<Assignment>,
    /// Its own `.param` lines.
    pub parameters: Vec<Assignment>,
    /// Element lines.
    pub elements: Vec<usize>,
    /// `.model` lines by name.
    pub models: HashMap<String, usize>,
    /// Definitions inside it.
    pub inner: HashMap<String, usize>,
    pub parent: Option<usize>,
    /// Its `.subckt` line.
    pub line: usize,
}

struct FunctionText {
    arguments: Vec<String>,
    line: usize,
    start: usize,
    end: usize,
}

/// Everything a netlist defines.
#[derive(Default)]
pub(super) struct Definitions {
    pub all: Vec<Definition>,
    /// `.global` nodes.
    pub globals: HashSet<String>,
    /// Dot lines that are none of the above, and lines of `.control` blocks.
    pub commands: Vec<usize>,
    functions: HashMap<String, FunctionText>,
}

impl Definitions {
    /// A `.func` function.
    pub fn function<'a>(&'a self, deck: &'a Deck, name: &str) -> Option<Function<'a>> {
        let f = self.functions.get(name)?;
        Some(Function { arguments: &f.arguments, line: &deck.lines[f.line], start: f.start, end: f.end })
    }

    /// The definition of that name seen from definition `from`: its own, then those of what it stands in.
    pub fn subcircuit(&self, from: usize, name: &str) -> Option<usize> {
        self.outwards(from).find_map(|d| d.inner.get(name).copied())
    }

    /// The `.model` line of that name seen from definition `from`, and the definition it stands in.
    pub fn model(&self, from: usize, name: &str) -> Option<(usize, usize)> {
        let mut at = Some(from);
        while let Some(d) = at {
            if let Some(line) = self.all[d].models.get(name) {
                return Some((*line, d));
            }
            at = self.all[d].parent;
        }
        None
    }

    fn outwards(&self, from: usize) -> impl Iterator<Item = &Definition> {
        std::iter::successors(self.all.get(from), |d| d.parent.and_then(|p| self.all.get(p)))
    }
}

/// Sorts the lines of a deck.
pub(super) fn read(deck: &Deck) -> Result<Definitions> {
    let mut defs = Definitions { all: vec![Definition::default()], ..Definitions::default() };
    let mut open = vec![0usize];
    let mut control = None;
    for (index, line) in deck.lines.iter().enumerate() {
        let here = open.last().copied().unwrap_or(0);
        let word = line.text.split(|c: char| c.is_whitespace() || c == '(').next().unwrap_or("");
        if line.control {
            match word {
                ".control" => control = Some(index),
                ".endc" => control = None,
                _ => defs.commands.push(index),
            }
            continue;
        }
        match word {
            ".subckt" => {
                if open.len() > MAX_NESTING {
                    return Err(line.wrong(0, word.len(), format!("definitions nested at most {MAX_NESTING} deep")));
                }
                let definition = subcircuit(deck, index, here)?;
                let number = defs.all.len();
                if let Some(first) = defs.all[here].inner.insert(definition.name.clone(), number) {
                    return Err(twice(deck, line, "a subcircuit name not used before", defs.all[first].line));
                }
                defs.all.push(definition);
                open.push(number);
            }
            ".ends" => {
                if open.len() == 1 {
                    return Err(line.wrong(0, word.len(), "a `.subckt` before it"));
                }
                let named = line.text[word.len()..].trim();
                if !named.is_empty() && named != defs.all[here].name {
                    return Err(line.wrong(word.len() + 1, line.text.len(), format!("`{}`", defs.all[here].name)));
                }
                open.pop();
            }
            ".param" | ".parameter" | ".params" => {
                let mut fields = Fields::new(line);
                fields.take()?;
                let list = assignments(&mut fields, index)?;
                if list.is_empty() {
                    return Err(fields.missing("`name=value`"));
                }
                defs.all[here].parameters.extend(list);
            }
            ".model" => {
                let (name, field) = model_name(line)?;
                if let Some(first) = defs.all[here].models.insert(name.to_owned(), index) {
                    return Err(twice_at(deck, line, (field.start, field.end), "a model name not used before", first));
                }
            }
            ".func" => function(&mut defs, line, index)?,
            ".global" => defs.globals.extend(line.text.split_whitespace().skip(1).map(str::to_owned)),
            _ if word.starts_with('.') && open.len() > 1 => {
                return Err(line.unknown(
                    0,
                    word.len(),
                    "only elements, .param, .model and .subckt inside a subcircuit",
                ));
            }
            _ if word.starts_with('.') => defs.commands.push(index),
            _ => defs.all[here].elements.push(index),
        }
    }
    if let Some(number) = open.get(1) {
        let line = &deck.lines[defs.all[*number].line];
        return Err(line.wrong(0, line.text.len(), "an `.ends` that closes this subcircuit"));
    }
    if let Some(index) = control {
        return Err(deck.lines[index].wrong(0, 8, "an `.endc` that closes this block"));
    }
    Ok(defs)
}

fn subcircuit(deck: &Deck, index: usize, parent: usize) -> Result<Definition> {
    let line = &deck.lines[index];
    let mut fields = Fields::new(line);
    fields.take()?;
    let (name, _) = fields.word("the subcircuit's name")?;
    let mut ports: Vec<String> = Vec::new();
    let mut seen = HashSet::new();
    loop {
        let before = fields;
        if fields.take_name_equals()?.is_some() {
            fields = before;
            break;
        }
        match fields.take()? {
            None => break,
            Some(f) if f.kind == Kind::Word && f.text(line) == "params:" => break,
            Some(f) if f.kind == Kind::Word => {
                let port = f.text(line);
                if matches!(port, "0" | "gnd") || !seen.insert(port) {
                    return Err(line.wrong(f.start, f.end, "a port that is not ground and not named before"));
                }
                ports.push(port.to_owned());
            }
            Some(f) => return Err(line.wrong(f.start, f.end, "a port or `name=value`")),
        }
    }
    let defaults = assignments(&mut fields, index)?;
    Ok(Definition {
        name: name.to_owned(),
        ports,
        defaults,
        parent: Some(parent),
        line: index,
        ..Definition::default()
    })
}

/// The `name=value` pairs up to the end of the line.
pub(super) fn assignments(fields: &mut Fields<'_>, index: usize) -> Result<Vec<Assignment>> {
    let mut list = Vec::new();
    while fields.peek()?.is_some() {
        let Some((name, at)) = fields.take_name_equals()? else {
            return Err(fields.line.wrong(
                fields.peek()?.map_or(fields.at, |f| f.start),
                fields.line.text.len(),
                "`name=value` (a value with blanks in it stands in braces)",
            ));
        };
        let good = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
        if !good {
            return Err(fields.line.wrong(at.start, at.end, "a parameter's name (letters, digits, `_`)"));
        }
        let (start, end) = value(fields)?;
        list.push(Assignment { name: name.to_owned(), line: index, at: at.start, start, end });
    }
    Ok(list)
}

/// The range of a value: what stands in braces or quotes, else everything up to a blank or comma outside parentheses.
pub(super) fn value(fields: &mut Fields<'_>) -> Result<(usize, usize)> {
    let line = fields.line;
    match fields.peek()? {
        None => Err(fields.missing("a value")),
        Some(f) if f.kind == Kind::Group => {
            fields.take()?;
            Ok((f.start, f.end))
        }
        Some(f) if f.kind == Kind::Text => Err(line.unknown(f.start, f.end, "a number or an expression, no text")),
        Some(f) if matches!(f.kind, Kind::Word | Kind::Open) => {
            let mut depth = 0usize;
            let mut end = line.text.len();
            for (i, b) in line.text.bytes().enumerate().skip(f.start) {
                match b {
                    b'(' => depth += 1,
                    b')' if depth == 0 => {
                        end = i;
                        break;
                    }
                    b')' => depth -= 1,
                    b' ' | b'\t' | b',' if depth == 0 => {
                        end = i;
                        break;
                    }
                    _ => {}
                }
            }
            fields.at = end;
            Ok((f.start, end))
        }
        Some(f) => Err(line.wrong(f.start, f.end, "a value")),
    }
}

/// Name of a `.model` line.
pub(super) fn model_name(line: &Line) -> Result<(&str, super::fields::Field)> {
    let mut fields = Fields::new(line);
    fields.take()?;
    fields.word("the model's name")
}

fn function(defs: &mut Definitions, line: &Line, index: usize) -> Result<()> {
    let mut fields = Fields::new(line);
    fields.take()?;
    let (name, at) = fields.word("the function's name")?;
    if !fields.take_if(Kind::Open)? {
        return Err(line.wrong(at.start, at.end, "`name(arguments) {expression}`"));
    }
    let mut arguments = Vec::new();
    while !fields.take_if(Kind::Close)? {
        arguments.push(fields.word("an argument's name or `)`")?.0.to_owned());
    }
    fields.take_if(Kind::Equals)?;
    let (start, end) = match fields.take()? {
        Some(f) if f.kind == Kind::Group => (f.start, f.end),
        _ => return Err(line.wrong(at.start, line.text.len(), "`name(arguments) {expression}`")),
    };
    fields.finish()?;
    let text = FunctionText { arguments, line: index, start, end };
    if defs.functions.insert(name.to_owned(), text).is_some() {
        return Err(line.wrong(at.start, at.end, "a function name not used before"));
    }
    Ok(())
}

fn twice(deck: &Deck, line: &Line, expected: &str, first: usize) -> Box<super::wrong::Wrong> {
    twice_at(deck, line, (0, line.text.len()), expected, first)
}

/// An error for a second use of a name.
pub(super) fn twice_at(
    deck: &Deck,
    line: &Line,
    range: (usize, usize),
    expected: &str,
    first: usize,
) -> Box<super::wrong::Wrong> {
    let origin = deck.lines[first].origin(0);
    let file = deck.files.get(origin.file as usize).map_or("", |f| f);
    line.wrong(range.0, range.1, format!("{expected} (first in {file}, line {})", origin.line))
}
