//! `.model` cards: EKV MOSFETs, diodes, BSIM4. Read when an element uses them.

use std::collections::{BTreeMap, HashMap};

use super::definitions::Assignment;
use super::fields::{Field, Fields, Kind};
use super::lines::Line;
use super::scope::Scopes;
use super::wrong::Result;
use crate::circuit::{Bsim4Model, DiodeModel, EkvModel, Polarity, thermal_voltage};

/// A card's kind and its index among those of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Model {
    Ekv(usize),
    Diode(usize),
    Bsim4(usize),
}

/// The cards in use.
#[derive(Default)]
pub(super) struct Models {
    pub ekv: Vec<EkvModel>,
    pub diode: Vec<DiodeModel>,
    pub bsim4: Vec<Bsim4Model>,
    known: HashMap<(usize, usize), Model>,
}

impl Models {
    /// The model an element line names in `field`.
    pub fn find(&mut self, scopes: &Scopes<'_>, scope: usize, line: &Line, field: Field) -> Result<Model> {
        let name = field.text(line);
        let unknown = || line.wrong(field.start, field.end, "the name of a `.model` in this netlist");
        let (card, definition) = scopes.definitions.model(scopes.all[scope].definition, name).ok_or_else(unknown)?;
        let mut home = scope;
        while scopes.all[home].definition != definition {
            home = scopes.all[home].parent.ok_or_else(unknown)?;
        }
        if let Some(model) = self.known.get(&(home, card)) {
            return Ok(*model);
        }
        let prefix = &scopes.all[home].prefix;
        let full = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}:{name}") };
        let model = self.read(scopes, home, card, full)?;
        self.known.insert((home, card), model);
        Ok(model)
    }

    fn read(&mut self, scopes: &Scopes<'_>, scope: usize, index: usize, name: String) -> Result<Model> {
        let line = &scopes.deck.lines[index];
        let mut fields = Fields::new(line);
        fields.take()?;
        fields.word("the model's name")?;
        let (kind, at) = fields.word("the model's type (nekv, pekv, d, nmos, pmos)")?;
        let card = Card { scopes, scope, line, at, list: parameters(&mut fields, index)? };
        match kind {
            "nekv" | "pekv" => {
                let model = card.ekv(name, if kind == "nekv" { Polarity::N } else { Polarity::P })?;
                self.ekv.push(model);
                Ok(Model::Ekv(self.ekv.len() - 1))
            }
            "d" => {
                self.diode.push(card.diode(name)?);
                Ok(Model::Diode(self.diode.len() - 1))
            }
            "nmos" | "pmos" => {
                let polarity = if kind == "nmos" { Polarity::N } else { Polarity::P };
                self.bsim4.push(card.bsim4(name, polarity)?);
                Ok(Model::Bsim4(self.bsim4.len() - 1))
            }
            _ => Err(line.unknown(at.start, at.end, "a model of type nekv, pekv, d, nmos or pmos")),
        }
    }
}

/// The `(name=value ...)` part, parentheses optional.
fn parameters(fields: &mut Fields<'_>, index: usize) -> Result<Vec<Assignment>> {
    let line = fields.line;
    let open = fields.peek()?.filter(|f| f.kind == Kind::Open);
    fields.take_if(Kind::Open)?;
    let mut list: Vec<Assignment> = Vec::new();
    loop {
        match (fields.peek()?, open) {
            (None, None) => return Ok(list),
            (None, Some(f)) => return Err(line.wrong(f.start, line.text.len(), "a closing `)`")),
            (Some(f), Some(_)) if f.kind == Kind::Close => {
                fields.take()?;
                fields.finish()?;
                return Ok(list);
            }
            (Some(f), _) => {
                let Some((name, at)) = fields.take_name_equals()? else {
                    return Err(line.wrong(f.start, f.end, "`name=value`"));
                };
                let (start, end) = super::definitions::value(fields)?;
                if list.iter().any(|a| a.name == name) {
                    return Err(line.wrong(at.start, at.end, "a parameter not set before on this card"));
                }
                list.push(Assignment { name: name.to_owned(), line: index, at: at.start, start, end });
            }
        }
    }
}

struct Card<'a, 'd> {
    scopes: &'a Scopes<'d>,
    scope: usize,
    line: &'a Line,
    at: Field,
    list: Vec<Assignment>,
}

impl Card<'_, '_> {
    fn number(&self, a: &Assignment) -> Result<f64> {
        self.scopes.number(self.scope, a.line, a.start, a.end)
    }

    fn positive(&self, a: &Assignment) -> Result<f64> {
        let value = self.number(a)?;
        match value > 0.0 {
            true => Ok(value),
            false => Err(self.line.wrong(a.at, a.end, "a positive value")),
        }
    }

    fn not_negative(&self, a: &Assignment) -> Result<f64> {
        let value = self.number(a)?;
        match value >= 0.0 {
            true => Ok(value),
            false => Err(self.line.wrong(a.at, a.end, "a value that is not negative")),
        }
    }

    fn ekv(&self, name: String, polarity: Polarity) -> Result<EkvModel> {
        let ut = thermal_voltage(self.scopes.celsius + 273.15);
        let mut model =
            EkvModel { name, polarity, is: f64::NAN, vt0: f64::NAN, kappa: f64::NAN, ve: f64::INFINITY, ut };
        for a in &self.list {
            match a.name.as_str() {
                "is" => model.is = self.positive(a)?,
                "vt0" => model.vt0 = self.number(a)?,
                "kappa" => model.kappa = self.positive(a)?,
                "ve" => model.ve = self.positive(a)?,
                "ut" => model.ut = self.positive(a)?,
                _ => return Err(self.line.wrong(a.at, a.end, "is=, vt0=, kappa=, ve= or ut=")),
            }
        }
        if model.kappa > 1.0 {
            return Err(self.line.wrong(self.at.start, self.line.text.len(), "kappa of at most 1"));
        }
        if model.is.is_nan() || model.vt0.is_nan() || model.kappa.is_nan() {
            return Err(self.line.wrong(self.at.start, self.line.text.len(), "all of is=, vt0= and kappa="));
        }
        Ok(model)
    }

    fn diode(&self, name: String) -> Result<DiodeModel> {
        let mut m = DiodeModel {
            name,
            is: 1e-14,
            n: 1.0,
            rs: 0.0,
            cjo: 0.0,
            vj: 1.0,
            m: 0.5,
            fc: 0.5,
            tt: 0.0,
            bv: f64::INFINITY,
            ibv: 1e-3,
            nbv: f64::NAN,
            ikf: f64::INFINITY,
            eg: 1.11,
            xti: 3.0,
            tnom: None,
        };
        for a in &self.list {
            match a.name.as_str() {
                "is" | "js" => m.is = self.positive(a)?,
                "n" => m.n = self.positive(a)?,
                "rs" => m.rs = self.not_negative(a)?,
                "cjo" | "cj0" | "cj" => m.cjo = self.not_negative(a)?,
                "vj" | "pb" => m.vj = self.positive(a)?,
                "m" | "mj" => m.m = self.not_negative(a)?,
                "fc" => m.fc = self.not_negative(a)?,
                "tt" => m.tt = self.not_negative(a)?,
                "bv" => m.bv = self.positive(a)?,
                "ibv" | "ib" => m.ibv = self.positive(a)?,
                "nbv" => m.nbv = self.positive(a)?,
                "ikf" | "ik" => {
                    let knee = self.not_negative(a)?;
                    m.ikf = if knee == 0.0 { f64::INFINITY } else { knee };
                }
                "eg" => m.eg = self.positive(a)?,
                "xti" => m.xti = self.number(a)?,
                "tnom" | "tref" => match self.number(a)? {
                    celsius if celsius > -273.15 => m.tnom = Some(celsius + 273.15),
                    _ => return Err(self.line.wrong(a.at, a.end, "a temperature in °C")),
                },
                "level" if self.number(a)? == 1.0 => {}
                // Noise, and limits that only warn: without effect on what is simulated here.
                "kf" | "af" | "fv_max" | "bv_max" | "id_max" | "te_max" | "pd_max" => drop(self.number(a)?),
                _ => {
                    let known = "is n rs cjo vj m fc tt bv ibv nbv ikf eg xti tnom";
                    return Err(self.line.unknown(a.at, a.end, known));
                }
            }
        }
        if m.m >= 1.0 || m.fc >= 1.0 {
            return Err(self.line.wrong(self.at.start, self.line.text.len(), "m and fc below 1"));
        }
        if m.m > 0.9 || m.fc > 0.95 || m.eg < 0.1 {
            let expected = "m to .9, fc to .95, eg from .1: ngspice replaces what lies beyond";
            return Err(self.line.unknown(self.at.start, self.line.text.len(), expected));
        }
        if m.nbv.is_nan() {
            m.nbv = m.n;
        }
        Ok(m)
    }

    fn bsim4(&self, name: String, polarity: Polarity) -> Result<Bsim4Model> {
        let mut parameters = BTreeMap::new();
        let mut level = 1.0;
        let mut version = None;
        for a in &self.list {
            match a.name.as_str() {
                "level" => level = self.number(a)?,
                "version" => version = Some(self.line.slice(a.start, a.end).to_owned()),
                _ => drop(parameters.insert(a.name.clone(), self.number(a)?)),
            }
        }
        if level != 14.0 && level != 54.0 {
            return Err(self.line.unknown(self.at.start, self.at.end, "level=14 or 54 (BSIM4)"));
        }
        Ok(Bsim4Model { name, polarity, version, parameters })
    }
}
