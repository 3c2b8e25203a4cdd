//! Dot lines that ask for something, and the lines of a `.control` block.

use std::collections::BTreeMap;

use super::definitions::Definitions;
use super::expand::Expansion;
use super::fields::{Field, Fields, Kind};
use super::lines::{Deck, Line};
use super::measures;
use super::number::whole_number;
use super::sources::{Times, positional};
use super::words::{DISPLAY_VARIABLES, OPTIONS, OUTPUT_COMMANDS};
use super::wrong::Result;
use crate::analysis::{Analysis, Measure, Sweep, Tran};
use crate::circuit::{Element, NodeId, OptionValue, Origin, Saves};
/// What the commands of a netlist ask for.
#[derive(Default)]
pub(super) struct Asked {
    pub analyses: Vec<Analysis>,
    pub options: BTreeMap<String, OptionValue>,
    pub measures: Vec<Measure>,
    pub saves: Saves,
    pub initial: Vec<(NodeId, f64)>,
    /// Where each of them was written.
    pub initial_at: Vec<Origin>,
    pub nodeset: Vec<(NodeId, f64)>,
}

/// Temperature in °C: `.temp`, else `.options temp=`, else 27. A literal number, since parameters may depend on it.
pub(super) fn celsius(deck: &Deck, definitions: &Definitions) -> Result<f64> {
    let mut celsius = None;
    for index in &definitions.commands {
        let line = &deck.lines[*index];
        let mut fields = Fields::new(line);
        let word = fields.take()?.map_or("", |f| f.text(line));
        let literal = |f: Option<Field>| match f {
            Some(f) => match whole_number(f.text(line)) {
                Some(t) if t > -273.15 => Ok(Some(t)),
                _ => Err(line.unknown(f.start, f.end, "one temperature in °C, as a number")),
            },
            None => Err(fields_missing(line)),
        };
        match word {
            ".temp" => {
                let field = fields.take()?;
                celsius = literal(field)?;
                if let Some(f) = fields.peek()? {
                    return Err(line.unknown(f.start, line.text.len(), "one temperature"));
                }
            }
            ".options" | ".option" | ".opt" | "option" => {
                while let Some(f) = fields.take()? {
                    if f.text(line) == "temp" && fields.take_if(Kind::Equals)? {
                        let field = fields.take()?;
                        celsius = celsius.or(literal(field)?);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(celsius.unwrap_or(27.0))
}

fn fields_missing(line: &Line) -> Box<super::wrong::Wrong> {
    line.wrong(0, line.text.len(), "a temperature in °C after it")
}

/// Step and end of the netlist's first transient.
pub(super) fn times(work: &Expansion<'_>) -> Result<Option<Times>> {
    for index in &work.scopes.definitions.commands {
        let line = &work.scopes.deck.lines[*index];
        if matches!(line.text.split_whitespace().next(), Some(".tran" | "tran")) {
            let mut fields = Fields::new(line);
            fields.take()?;
            let tran = tran(&mut fields, work, *index)?;
            return Ok(Some(Times { step: tran.step, stop: tran.stop }));
        }
    }
    Ok(None)
}

/// Reads every command; nodes and elements are known by now.
pub(super) fn read(work: &Expansion<'_>, elements: &[Element]) -> Result<Asked> {
    let mut asked = Asked::default();
    for index in &work.scopes.definitions.commands {
        let line = &work.scopes.deck.lines[*index];
        Reader { work, elements, line, index: *index }.command(&mut asked)?;
    }
    Ok(asked)
}

pub(super) struct Reader<'r, 'd> {
    pub work: &'r Expansion<'d>,
    elements: &'r [Element],
    pub line: &'d Line,
    pub index: usize,
}

impl Reader<'_, '_> {
    fn command(&self, asked: &mut Asked) -> Result<()> {
        let line = self.line;
        let mut fields = Fields::new(line);
        let Some(first) = fields.take()? else { return Ok(()) };
        let word = first.text(line);
        let name = match (line.control, word.strip_prefix('.')) {
            (false, Some(name)) => name,
            (true, None) => word,
            _ => return Err(line.wrong(first.start, first.end, "a dot line outside, a command inside `.control`")),
        };
        match name {
            "op" => asked.analyses.push(Analysis::Op),
            "tran" => asked.analyses.push(Analysis::Tran(tran(&mut fields, self.work, self.index)?)),
            "dc" => asked.analyses.push(Analysis::Dc(self.sweeps(&mut fields)?)),
            "options" | "option" | "opt" => self.options(&mut fields, &mut asked.options)?,
            "save" | "probe" => self.saves(&mut fields, &mut asked.saves)?,
            "meas" | "measure" => asked.measures.push(measures::read(self, &mut fields)?),
            "set" if line.control => self.set(&fields)?,
            _ if line.control && OUTPUT_COMMANDS.contains(&name) => {}
            _ if line.control => return Err(line.unknown(first.start, first.end, "tran, dc, op, or a command that shows results")),
            "print" | "plot" => {
                fields.take()?;
                self.saves(&mut fields, &mut asked.saves)?;
            }
            "ic" => asked.initial_at.extend(self.node_values(&mut fields, &mut asked.initial)?),
            "nodeset" => drop(self.node_values(&mut fields, &mut asked.nodeset)?),
            "temp" | "title" => {}
            _ => return Err(line.unknown(first.start, first.end, "a dot line known here (.tran .dc .op .ic .nodeset .options .temp .meas .save .param .subckt .model .include .lib .func .global)")),
        }
        Ok(())
    }

    fn value(&self, fields: &mut Fields<'_>, expected: &str) -> Result<f64> {
        positional(fields, &self.work.scopes, 0, self.index, expected)
    }

    fn sweeps(&self, fields: &mut Fields<'_>) -> Result<Vec<Sweep>> {
        let line = self.line;
        let mut sweeps: Vec<Sweep> = Vec::new();
        while fields.peek()?.is_some() {
            let (source, at) = fields.word("the name of a source to sweep")?;
            if !source.starts_with(['v', 'i']) || !self.work.names.contains_key(source) {
                return Err(match source == "temp" || source.starts_with('r') {
                    true => line.unknown(at.start, at.end, "the name of a V or I source of this netlist"),
                    false => line.wrong(at.start, at.end, "the name of a V or I source of this netlist"),
                });
            }
            let start = self.value(fields, "the first value")?;
            let stop = self.value(fields, "the last value")?;
            let step = self.value(fields, "the step")?;
            if step == 0.0 || (stop - start) / step < 0.0 || (stop - start) / step > 1e7 {
                return Err(line.wrong(
                    at.start,
                    line.text.len(),
                    "a step that leads from start to stop in at most 1e7 points",
                ));
            }
            sweeps.push(Sweep { source: source.to_owned(), start, stop, step });
            if sweeps.len() > 2 {
                return Err(line.wrong(at.start, line.text.len(), "at most two sources"));
            }
        }
        if sweeps.is_empty() {
            return Err(fields.missing("`SOURCE START STOP STEP`"));
        }
        Ok(sweeps)
    }

    fn options(&self, fields: &mut Fields<'_>, options: &mut BTreeMap<String, OptionValue>) -> Result<()> {
        let line = self.line;
        while fields.peek()?.is_some() {
            let (name, at) = fields.word("an option's name")?;
            let given = fields.take_if(Kind::Equals)?;
            let value = match given {
                false => OptionValue::Number(1.0),
                true => match fields.peek()? {
                    Some(f) if f.kind == Kind::Word && whole_number(f.text(line)).is_none() => {
                        OptionValue::Word(fields.word("a value")?.0.to_owned())
                    }
                    _ => OptionValue::Number(self.value(fields, "a value")?),
                },
            };
            if name != "temp" && !OPTIONS.contains(&name) {
                return Err(line.unknown(
                    at.start,
                    at.end,
                    "an option known here (reltol, abstol, vntol, gmin, method, ...)",
                ));
            }
            options.insert(name.to_owned(), value);
        }
        Ok(())
    }

    fn set(&self, fields: &Fields<'_>) -> Result<()> {
        let mut fields = *fields;
        let (name, at) = fields.word("a variable's name")?;
        match DISPLAY_VARIABLES.contains(&name) {
            true => Ok(()),
            false => Err(self.line.unknown(at.start, at.end, "a variable that only changes what is shown")),
        }
    }

    fn saves(&self, fields: &mut Fields<'_>, saves: &mut Saves) -> Result<()> {
        let mut list = match std::mem::take(saves) {
            Saves::All => Vec::new(),
            Saves::Only(list) => list,
        };
        let mut all = fields.peek()?.is_none();
        while let Some(f) = fields.peek()? {
            if f.text(self.line) == "all" {
                all = true;
                fields.take()?;
                continue;
            }
            let name = self.vector(fields)?;
            if !list.contains(&name) {
                list.push(name);
            }
        }
        *saves = if all { Saves::All } else { Saves::Only(list) };
        Ok(())
    }

    /// A vector: `v(a)`, `v(a,b)`, `i(vx)`, or a node's bare name. It must exist.
    pub fn vector(&self, fields: &mut Fields<'_>) -> Result<String> {
        let line = self.line;
        let (word, at) = fields.word("a vector (`v(node)`, `v(node,node)`, `i(source)`)")?;
        let open = fields.peek()?.is_some_and(|f| f.kind == Kind::Open);
        if !open {
            self.existing_node(word, at)?;
            return Ok(format!("v({word})"));
        }
        fields.take()?;
        let mut inside = Vec::new();
        while !fields.take_if(Kind::Close)? {
            inside.push(fields.word("a name or `)`")?);
        }
        match (word, inside.as_slice()) {
            ("v", [(a, f)]) => {
                self.existing_node(a, *f)?;
                Ok(format!("v({a})"))
            }
            ("v", [(a, f), (b, g)]) => {
                self.existing_node(a, *f)?;
                self.existing_node(b, *g)?;
                Ok(format!("v({a},{b})"))
            }
            ("i", [(x, f)]) => {
                let id = self.work.names.get(*x).copied();
                match id.and_then(|id| self.elements.get(id.index())) {
                    Some(e) if e.device.has_branch_current() => Ok(format!("i({x})")),
                    Some(_) => Err(line.unknown(f.start, f.end, "a V, L, E, H or B source (only they have a current)")),
                    None => Err(line.wrong(f.start, f.end, "the name of a source of this netlist")),
                }
            }
            _ => Err(line.unknown(at.start, fields.at, "v(node), v(node,node) or i(source)")),
        }
    }

    fn existing_node(&self, name: &str, at: Field) -> Result<NodeId> {
        let id = self.work.table.nodes.find(name);
        id.ok_or_else(|| self.line.wrong(at.start, at.end, "a node of this circuit"))
    }

    /// `v(a)=1 v(b)={x}`; where each was written.
    fn node_values(&self, fields: &mut Fields<'_>, list: &mut Vec<(NodeId, f64)>) -> Result<Vec<Origin>> {
        let line = self.line;
        let mut places = Vec::new();
        if fields.peek()?.is_none() {
            return Err(fields.missing("`v(node)=value`"));
        }
        while fields.peek()?.is_some() {
            let (word, at) = fields.word("`v(node)=value`")?;
            let form = || line.wrong(at.start, line.text.len(), "`v(node)=value`");
            if word != "v" || !fields.take_if(Kind::Open)? {
                return Err(form());
            }
            let (name, field) = fields.word("a node")?;
            let node = self.existing_node(name, field)?;
            if !fields.take_if(Kind::Close)? || !fields.take_if(Kind::Equals)? {
                return Err(form());
            }
            let (start, end) = super::definitions::value(fields)?;
            let value = self.work.scopes.number(0, self.index, start, end)?;
            match list.iter_mut().find(|(n, _)| *n == node) {
                Some(_) => return Err(line.wrong(at.start, fields.at, "a node not set before")),
                None if node.is_ground() => return Err(line.wrong(at.start, fields.at, "a node that is not ground")),
                None => list.push((node, value)),
            }
            places.push(line.origin(at.start));
        }
        Ok(places)
    }
}

/// `STEP STOP [START [MAX]] [UIC]`
fn tran(fields: &mut Fields<'_>, work: &Expansion<'_>, index: usize) -> Result<Tran> {
    let line = fields.line;
    let mut values = Vec::new();
    let mut uic = false;
    while let Some(f) = fields.peek()? {
        if f.text(line) == "uic" {
            fields.take()?;
            uic = true;
            fields.finish()?;
            break;
        }
        values.push(positional(fields, &work.scopes, 0, index, "`STEP STOP [START [MAX]] [UIC]`")?);
    }
    let wrong = |expected: &str| line.wrong(0, line.text.len(), expected);
    let (step, stop) = match values.as_slice() {
        [step, stop] | [step, stop, _] | [step, stop, _, _] => (*step, *stop),
        _ => return Err(wrong("`STEP STOP [START [MAX]] [UIC]`")),
    };
    let start = values.get(2).copied().unwrap_or(0.0);
    let max_step = values.get(3).copied().filter(|m| *m != 0.0);
    let good = step > 0.0 && stop > 0.0 && start >= 0.0 && start < stop && max_step.is_none_or(|m| m > 0.0);
    match good {
        true => Ok(Tran { step, stop, start, max_step, uic }),
        false => Err(wrong("positive STEP, STOP and MAX, and START before STOP")),
    }
}
