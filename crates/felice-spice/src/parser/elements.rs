//! Element lines.

use std::collections::{BTreeMap, HashMap};

use super::definitions::{Assignment, assignments};
use super::expand::{Expansion, NodeTable};
use super::expression::{self, CircuitNames};
use super::fields::{Field, Fields, Kind};
use super::lines::Line;
use super::models::{Model, Models};
use super::polynomial;
use super::scope::{InScope, Scope};
use super::sources::{Times, positional, stimulus};
use super::wrong::Result;
use crate::circuit::{Device, Element, ElementId, MosSize, NodeId};
use crate::expr::{Expr, Op};

/// Reads every element line of an expansion.
pub(super) fn read(work: &mut Expansion<'_>, models: &mut Models, times: Times) -> Result<(Vec<Element>, Sizes)> {
    let instances = std::mem::take(&mut work.instances);
    let mut elements = Vec::with_capacity(instances.len());
    let mut sizes = Sizes::new();
    for instance in instances {
        let line = &work.scopes.deck.lines[instance.line];
        let reader =
            Reader { line, index: instance.line, scope: instance.scope, work: &mut *work, models: &mut *models };
        let device = reader.device(times)?;
        if let Device::BehaviouralCurrent { .. } = device
            && instance.scope > 0
            && let Some(w) = work.scopes.parameter(instance.scope, "w")
            && let Some(l) = work.scopes.parameter(instance.scope, "l")
        {
            sizes.insert(elements.len(), (w, l));
        }
        elements.push(Element { name: instance.name, origin: line.origin(0), device });
    }
    Ok((elements, sizes))
}

/// Widths and lengths of B sources by element.
type Sizes = BTreeMap<usize, (f64, f64)>;

struct Reader<'r, 'd> {
    line: &'d Line,
    index: usize,
    scope: usize,
    work: &'r mut Expansion<'d>,
    models: &'r mut Models,
}

/// Nodes and branches as an expression in a scope sees them.
struct Here<'h, 'd> {
    table: &'h mut NodeTable<'d>,
    scope: &'h Scope,
    names: &'h HashMap<String, ElementId>,
}

impl CircuitNames for Here<'_, '_> {
    fn node(&mut self, name: &str, line: &Line, start: usize) -> NodeId {
        self.table.node(self.scope, name, line, start)
    }

    fn branch(&mut self, name: &str, line: &Line, start: usize) -> Result<ElementId> {
        find(self.names, &self.scope.prefix, name)
            .ok_or_else(|| line.wrong(start, start + name.len(), "the name of a V, L, E, H or B source here"))
    }
}

/// An element by the name that is written in an instance.
fn find(names: &HashMap<String, ElementId>, prefix: &str, name: &str) -> Option<ElementId> {
    let own = match name.chars().next() {
        Some(letter) if !prefix.is_empty() => names.get(&format!("{letter}.{prefix}.{name}")),
        _ => None,
    };
    own.or_else(|| names.get(name)).copied()
}

impl<'d> Reader<'_, 'd> {
    fn device(mut self, times: Times) -> Result<Device> {
        let line = self.line;
        let mut fields = Fields::new(line);
        let (name, at) = fields.word("an element's name")?;
        let device = match name.bytes().next() {
            Some(b'r') => {
                let (p, n, ohms, _) = self.two_terminal(&mut fields, "r", "a resistance")?;
                Device::Resistor { p, n, ohms }
            }
            Some(b'c') => {
                let (p, n, farads, initial) = self.two_terminal(&mut fields, "c", "a capacitance")?;
                Device::Capacitor { p, n, farads, initial }
            }
            Some(b'l') => {
                let (p, n, henries, initial) = self.two_terminal(&mut fields, "l", "an inductance")?;
                Device::Inductor { p, n, henries, initial }
            }
            Some(b'v') => {
                let (p, n) = (self.node(&mut fields)?, self.node(&mut fields)?);
                let stimulus = stimulus(&mut fields, &self.work.scopes, self.scope, self.index, times)?;
                Device::VoltageSource { p, n, stimulus }
            }
            Some(b'i') => {
                let (p, n) = (self.node(&mut fields)?, self.node(&mut fields)?);
                let stimulus = stimulus(&mut fields, &self.work.scopes, self.scope, self.index, times)?;
                Device::CurrentSource { p, n, stimulus }
            }
            Some(b'e') => self.voltage_controlled(&mut fields, true)?,
            Some(b'g') => self.voltage_controlled(&mut fields, false)?,
            Some(b'f' | b'h') => self.current_controlled(&mut fields, name.starts_with('h'))?,
            Some(b'b') => self.behavioural(&mut fields)?,
            Some(b'd') => self.diode(&mut fields)?,
            Some(b'm') => self.mosfet(&mut fields)?,
            _ => return Err(line.unknown(at.start, at.end, "an element R C L V I E G F H B D M or X")),
        };
        Ok(device)
    }

    fn node(&mut self, fields: &mut Fields<'_>) -> Result<NodeId> {
        let (name, at) = fields.word("a node")?;
        Ok(self.work.table.node(&self.work.scopes.all[self.scope], name, self.line, at.start))
    }

    fn positional(&self, fields: &mut Fields<'_>, expected: &str) -> Result<f64> {
        positional(fields, &self.work.scopes, self.scope, self.index, expected)
    }

    fn number(&self, a: &Assignment) -> Result<f64> {
        self.work.scopes.number(self.scope, a.line, a.start, a.end)
    }

    /// R, C, L: nodes, value, and `ic=` and `m=` where they make sense.
    fn two_terminal(
        &mut self,
        fields: &mut Fields<'_>,
        key: &str,
        what: &str,
    ) -> Result<(NodeId, NodeId, f64, Option<f64>)> {
        let (p, n) = (self.node(fields)?, self.node(fields)?);
        let mut ahead = *fields;
        let named = ahead.take_name_equals()?.is_some();
        let mut value = if named { None } else { Some(self.positional(fields, what)?) };
        let mut initial = None;
        let mut multiplier = 1.0;
        for a in assignments(fields, self.index)? {
            match a.name.as_str() {
                name if name == key && value.is_none() => value = Some(self.number(&a)?),
                "ic" if key != "r" && initial.is_none() => initial = Some(self.number(&a)?),
                "m" => {
                    multiplier = self.number(&a)?;
                    if multiplier <= 0.0 {
                        return Err(self.line.wrong(a.at, a.end, "a positive multiplier"));
                    }
                }
                _ => return Err(self.line.unknown(a.at, a.end, format!("{key}=, m= or ic= once"))),
            }
        }
        let value = value.ok_or_else(|| fields.missing(what))?;
        if value == 0.0 && key != "c" {
            return Err(self.line.wrong(0, self.line.text.len(), format!("{what} that is not 0")));
        }
        let total = if key == "c" { value * multiplier } else { value / multiplier };
        Ok((p, n, total, initial))
    }

    /// E and G: linear, `VALUE=`/`VOL=`/`CUR=`, or `POLY(n)`.
    fn voltage_controlled(&mut self, fields: &mut Fields<'_>, voltage: bool) -> Result<Device> {
        let (p, n) = self.pair(fields)?;
        let mut ahead = *fields;
        if let Some((key, at)) = ahead.take_name_equals()? {
            let good = key == "value" || key == if voltage { "vol" } else { "cur" };
            if !good {
                return Err(self.line.unknown(at.start, at.end, "VALUE=, VOL= (of E) or CUR= (of G)"));
            }
            let expr = self.expression(ahead.at)?;
            return Ok(behavioural(p, n, voltage, expr));
        }
        match fields.peek()? {
            Some(f) if f.text(self.line) == "poly" => return self.poly(fields, (p, n), voltage, false),
            Some(f) if matches!(f.text(self.line), "table" | "laplace" | "freq" | "value") => {
                return Err(self.line.unknown(f.start, f.end, "two controlling nodes, VALUE= or POLY"));
            }
            _ => {}
        }
        let (cp, cn) = self.pair(fields)?;
        let gain = self.positional(fields, "a gain")?;
        self.end(fields)?;
        Ok(match voltage {
            true => Device::Vcvs { p, n, cp, cn, gain },
            false => Device::Vccs { p, n, cp, cn, gain },
        })
    }

    /// `POLY(n) c1+ c1- ... k0 k1 k2 ...` as SPICE2 has it; of F and H the controls are voltage sources' names.
    fn poly(
        &mut self,
        fields: &mut Fields<'_>,
        (p, n): (NodeId, NodeId),
        voltage: bool,
        by_current: bool,
    ) -> Result<Device> {
        let at = fields.take()?.map_or(0, |f| f.start);
        fields.take_if(Kind::Open)?;
        let count = self.positional(fields, "the number of controls")?;
        fields.take_if(Kind::Close)?;
        if !(1.0..=100.0).contains(&count) || count.fract() != 0.0 {
            return Err(self.line.wrong(at, fields.at, "POLY(1) to POLY(100)"));
        }
        let mut controls = Vec::new();
        for _ in 0..count as usize {
            controls.push(match by_current {
                true => Op::Current(self.ammeter(fields)?),
                false => {
                    let (cp, cn) = self.pair(fields)?;
                    Op::Voltage(cp, cn)
                }
            });
        }
        let mut coefficients = Vec::new();
        while fields.peek()?.is_some() {
            coefficients.push(self.positional(fields, "a coefficient")?);
        }
        match polynomial::expression(&controls, &coefficients) {
            Some(expr) => Ok(behavioural(p, n, voltage, expr)),
            None => Err(self.line.wrong(at, self.line.text.len(), "from 1 to 10000 coefficients of a POLY")),
        }
    }

    /// Two nodes, in parentheses or not.
    fn pair(&mut self, fields: &mut Fields<'_>) -> Result<(NodeId, NodeId)> {
        let open = fields.peek()?.filter(|f| f.kind == Kind::Open);
        fields.take_if(Kind::Open)?;
        let pair = (self.node(fields)?, self.node(fields)?);
        match open {
            Some(f) if !fields.take_if(Kind::Close)? => Err(self.line.wrong(f.start, fields.at, "a closing `)`")),
            _ => Ok(pair),
        }
    }

    /// The voltage source whose current controls.
    fn ammeter(&mut self, fields: &mut Fields<'_>) -> Result<ElementId> {
        let (name, at) = fields.word("the name of a voltage source")?;
        find(&self.work.names, &self.work.scopes.all[self.scope].prefix, name)
            .ok_or_else(|| self.line.wrong(at.start, at.end, "the name of a voltage source here"))
    }

    fn current_controlled(&mut self, fields: &mut Fields<'_>, voltage: bool) -> Result<Device> {
        let (p, n) = self.pair(fields)?;
        if fields.peek()?.is_some_and(|f| f.text(self.line) == "poly") {
            return self.poly(fields, (p, n), voltage, true);
        }
        let control = self.ammeter(fields)?;
        let gain = self.positional(fields, "a gain")?;
        self.end(fields)?;
        Ok(match voltage {
            true => Device::Ccvs { p, n, control, gain },
            false => Device::Cccs { p, n, control, gain },
        })
    }

    fn behavioural(&mut self, fields: &mut Fields<'_>) -> Result<Device> {
        let (p, n) = (self.node(fields)?, self.node(fields)?);
        match fields.take_name_equals()? {
            Some((key @ ("v" | "i"), _)) => {
                let expr = self.expression(fields.at)?;
                Ok(behavioural(p, n, key == "v", expr))
            }
            Some((_, f)) => Err(self.line.unknown(f.start, f.end, "`V=expression` or `I=expression`")),
            None => Err(self.line.wrong(fields.at, self.line.text.len(), "`V=expression` or `I=expression`")),
        }
    }

    fn expression(&mut self, start: usize) -> Result<Expr> {
        let work = &mut *self.work;
        let scope = &work.scopes.all[self.scope];
        let mut here = Here { table: &mut work.table, scope, names: &work.names };
        let mut names = InScope { scopes: &work.scopes, scope: self.scope, circuit: Some(&mut here) };
        expression::parse(self.line, start, self.line.text.len(), &mut names)
    }

    fn model(&mut self, at: Field) -> Result<Model> {
        self.models.find(&self.work.scopes, self.scope, self.line, at)
    }

    fn diode(&mut self, fields: &mut Fields<'_>) -> Result<Device> {
        let (p, n) = (self.node(fields)?, self.node(fields)?);
        let (_, at) = fields.word("a diode model's name")?;
        let Model::Diode(model) = self.model(at)? else {
            return Err(self.line.wrong(at.start, at.end, "the name of a model of type d"));
        };
        let mut ahead = *fields;
        let (mut area, mut m) = (1.0, 1.0);
        if fields.peek()?.is_some() && ahead.take_name_equals()?.is_none() {
            area = self.positional(fields, "an area factor")?;
        }
        for a in assignments(fields, self.index)? {
            match a.name.as_str() {
                "area" => area = self.number(&a)?,
                "m" => m = self.number(&a)?,
                _ => return Err(self.line.unknown(a.at, a.end, "area= or m=")),
            }
        }
        if area <= 0.0 || m <= 0.0 {
            return Err(self.line.wrong(0, self.line.text.len(), "positive area and m"));
        }
        Ok(Device::Diode { p, n, model, area, m })
    }

    fn mosfet(&mut self, fields: &mut Fields<'_>) -> Result<Device> {
        let (d, g) = (self.node(fields)?, self.node(fields)?);
        let (s, b) = (self.node(fields)?, self.node(fields)?);
        let (_, at) = fields.word("a MOSFET model's name")?;
        let model = self.model(at)?;
        if matches!(model, Model::Diode(_)) {
            return Err(self.line.wrong(at.start, at.end, "the name of a MOSFET model"));
        }
        let mut size = MosSize { w: f64::NAN, l: f64::NAN, m: 1.0, delvto: 0.0, extra: BTreeMap::new() };
        for a in assignments(fields, self.index)? {
            let value = self.number(&a)?;
            match a.name.as_str() {
                "w" | "l" | "m" if value <= 0.0 => return Err(self.line.wrong(a.at, a.end, "a positive value")),
                "w" => size.w = value,
                "l" => size.l = value,
                "m" => size.m = value,
                "delvto" | "delvt0" => size.delvto = value,
                _ if matches!(model, Model::Bsim4(_)) => drop(size.extra.insert(a.name, value)),
                _ => return Err(self.line.wrong(a.at, a.end, "w=, l=, m= or delvto=")),
            }
        }
        if size.w.is_nan() || size.l.is_nan() {
            return Err(self.line.wrong(0, self.line.text.len(), "w= and l="));
        }
        Ok(match model {
            Model::Bsim4(model) => Device::Bsim4 { d, g, s, b, model, size },
            Model::Ekv(model) | Model::Diode(model) => Device::Ekv { d, g, s, b, model, size },
        })
    }

    /// Nothing may follow; what does is `name=value` that ngspice may know.
    fn end(&self, fields: &Fields<'_>) -> Result<()> {
        match fields.peek()? {
            Some(f) => Err(self.line.unknown(f.start, self.line.text.len(), "the end of the line")),
            None => Ok(()),
        }
    }
}

fn behavioural(p: NodeId, n: NodeId, voltage: bool, expr: Expr) -> Device {
    match voltage {
        true => Device::BehaviouralVoltage { p, n, volts: expr },
        false => Device::BehaviouralCurrent { p, n, amperes: expr },
    }
}
