//! Studies of a circuit on an engine: the `[circuit]` table and the quantities that can vary.

use std::sync::Arc;

use felice_base::Located;
use felice_spice::native::{Transistor, transistors};
use felice_spice::{Analysis, Circuit, EngineName, Job, Netlist, Settings, Tran};
use felice_subthreshold::Card;
use felice_verify::{Case, MetricName, Prepared};

use crate::circuit_table::{CORNER, case, corners, engine, mismatch, settings, tran};
use crate::error::StudyError;
use crate::model::{self, Input};
use crate::netlist_text::{NetlistText, beside};
use crate::quantity::{Channel, Holds, Quantity, Target};
use crate::text::{Table, Value, listed};

/// What `[circuit]` says.
#[derive(Clone, Debug)]
pub struct CircuitSpec {
    /// The netlist's file, as the study names it.
    pub name: String,
    /// The netlist, ready to be changed.
    pub netlist: Arc<Netlist>,
    /// The same as one text.
    pub source: NetlistText,
    /// What it describes as it is.
    pub nominal: Arc<Circuit>,
    /// The same as the study has it: its parameters, initial values and transient.
    pub base: Arc<Circuit>,
    /// Its transistors.
    pub transistors: Vec<Transistor>,
    /// The engine, `auto` decided.
    pub engine: EngineName,
    /// Why this engine.
    pub reason: String,
    /// How it runs; `samples` are decided by the outputs.
    pub settings: Settings,
    /// The transient.
    pub tran: Tran,
    /// `.param` values given in the study.
    pub parameters: Vec<(String, f64)>,
    /// `.ic` values given in the study.
    pub initial: Vec<(String, f64)>,
    /// What is looked at: SPICE names of vectors.
    pub vectors: Vec<String>,
    /// A vector and a level whose upward crossings are spikes.
    pub spike: Option<(String, f64)>,
    /// Pelgrom's coefficients: threshold (V m) and current factor (m).
    pub mismatch: Option<(f64, f64)>,
    /// What process corners move: threshold (V) and relative current.
    pub corner: (f64, f64),
    /// The case whose model the circuit is compared with.
    pub case: Option<CaseSpec>,
}

/// A model beside the circuit.
#[derive(Clone, Debug)]
pub struct CaseSpec {
    /// The case.
    pub case: Case,
    /// The card that its parameters are derived from.
    pub card: Option<Card>,
    /// The model as it is where nothing varies.
    pub prepared: Prepared,
}

const KEYS: [&str; 15] = [
    "netlist",
    "case",
    "engine",
    "accuracy",
    "reltol",
    "t_end",
    "max_step",
    "time_limit",
    "parameters",
    "initial",
    "vectors",
    "spike",
    "mismatch",
    "corner",
    "cache",
];

impl CircuitSpec {
    /// Reads `[circuit]`.
    pub fn read(value: Value<'_>, input: Input<'_>) -> Result<Self, StudyError> {
        let table = value.table()?;
        table.only(&KEYS)?;
        let (place, name, case) = match (table.get("netlist"), table.get("case")) {
            (Some(netlist), None) => (netlist, netlist.string()?, None),
            (None, Some(place)) => {
                let case = case(place, input)?;
                (place, beside(&place.string()?, &case.1), Some(case.0))
            }
            _ => {
                return Err(table
                    .error("either `netlist`, a SPICE file, or `case`, a case file that names one")
                    .into());
            }
        };
        let source = NetlistText::read(&name, &mut |name| input(place, name))?;
        let netlist = Arc::new(Netlist::from_text(source.text.clone()));
        let nominal = netlist.circuit().map_err(|e| source.locate(e))?;
        let asked = table.get("engine").map(|v| v.string()).transpose()?;
        let asked = asked.or_else(|| case.as_ref().map(|c| c.case.engine.clone())).unwrap_or_else(|| "auto".into());
        let (engine, reason) = engine(table, &asked, &Job::new(netlist.clone()))?;
        let tran = tran(table, &nominal, &name)?;
        let mut spec = CircuitSpec {
            transistors: transistors(&nominal).map_err(|e| source.locate(e))?,
            mismatch: table.get("mismatch").map(|v| mismatch(&v)).transpose()?,
            corner: table.get("corner").map_or(Ok(CORNER), |v| corners(&v))?,
            settings: settings(table)?,
            parameters: Vec::new(),
            initial: Vec::new(),
            vectors: Vec::new(),
            spike: None,
            name,
            netlist,
            source,
            base: nominal.clone(),
            nominal,
            engine,
            reason,
            tran,
            case,
        };
        spec.given(table)?;
        if spec.mismatch.is_some() {
            spec.check_sizes(&table)?;
        }
        // Everything that the study itself changes is tried before anything runs.
        let base = spec.job(&[], &[], None).and_then(|job| job.circuit().map_err(|e| spec.source.locate(e)));
        spec.base = base.map_err(|e| match e {
            StudyError::Spice(e) => table.error(e.to_string()).into(),
            e => e,
        })?;
        Ok(spec)
    }

    /// `parameters`, `initial`, `vectors` and `spike`.
    fn given(&mut self, table: Table<'_>) -> Result<(), StudyError> {
        for (list, name) in [(0, "parameters"), (1, "initial")] {
            let Some(value) = table.get(name) else { continue };
            for (key, value) in value.table()?.entries() {
                let wanted = if list == 0 { key.name().to_owned() } else { format!("initial.{}", key.name()) };
                self.quantity(&wanted, false).map_err(|expected| key.error(expected))?;
                let entry = (key.name().to_ascii_lowercase(), value.number()?);
                if list == 0 { self.parameters.push(entry) } else { self.initial.push(entry) }
            }
        }
        let vector = |v: &Value<'_>| -> Result<String, Located> {
            let name = v.string()?.to_ascii_lowercase().replace(char::is_whitespace, "");
            self.nominal.check_vector(&name).map_err(|e| v.error(e.to_string()))?;
            Ok(name)
        };
        self.vectors = match (table.get("vectors"), &self.case) {
            (Some(list), _) => list.list()?.iter().map(vector).collect::<Result<_, _>>()?,
            (None, Some(case)) => case.signals(),
            (None, None) => self.nominal.vectors(),
        };
        let names: Vec<String> = self.vectors.iter().map(|v| plain(v)).collect();
        if let Some(i) = (0..names.len()).find(|i| names[..*i].contains(&names[*i])) {
            let at = table.get("vectors").map_or_else(|| table.error(""), |v| v.error(""));
            return Err(Located {
                expected: format!("vectors that are called differently: `{}`", self.vectors[i]),
                ..at
            }
            .into());
        }
        if self.vectors.is_empty() {
            return Err(table.error("`vectors` to look at, such as [\"v(out)\"]").into());
        }
        if let Some(value) = table.get("spike") {
            let spike = value.table()?;
            spike.only(&["vector", "level"])?;
            let name = vector(&spike.need("vector", "what crosses the level")?)?;
            let level = spike.need("level", "in volts or amperes, crossed upwards")?.number()?;
            if !self.vectors.contains(&name) {
                self.vectors.push(name.clone());
            }
            self.spike = Some((name, level));
        }
        Ok(())
    }

    fn check_sizes(&self, table: &Table<'_>) -> Result<(), StudyError> {
        if self.transistors.is_empty() {
            return Err(table.error("a circuit with transistors: `mismatch` is theirs").into());
        }
        match self.transistors.iter().find(|t| t.size.is_none()) {
            None => Ok(()),
            Some(t) => {
                let why =
                    format!("a width and a length of every transistor; `{}` says none (parameters w and l)", t.name);
                Err(table.error(why).into())
            }
        }
    }

    /// What a study of this circuit can vary; `axis`: an axis, which may also move what needs more than a number.
    ///
    /// # Errors
    /// What there is, in words.
    pub fn quantity(&self, key: &str, axis: bool) -> Result<Quantity, String> {
        let lower = key.to_ascii_lowercase();
        if let Some(node) = lower.strip_prefix("initial.") {
            let known = self.nominal.nodes.find(node).is_some_and(|n| !n.is_ground());
            if !known {
                return Err(format!("a node of {}: `{node}` is none", self.name));
            }
            let (about, target) = (format!("initial voltage of node {node}"), Target::Initial(node.to_owned()));
            return Ok(Quantity::new(key, "V", about, Holds::FINITE, target));
        }
        if self.nominal.parameters.contains_key(&lower) {
            let about = format!("parameter {lower} of the netlist");
            return Ok(Quantity::new(key, "1", about, Holds::FINITE, Target::Parameter(lower)));
        }
        if axis && key == "temperature" {
            if !self.feels_temperature() {
                return Err(format!(
                    "a quantity that changes something: no device of {} looks at the netlist's temperature; vary the parameter that stands for it",
                    self.name
                ));
            }
            return Ok(Quantity::new(key, "K", "temperature of the circuit", Holds::POSITIVE, Target::Temperature));
        }
        if axis && let Some(quantity) = corner(key, !self.transistors.is_empty()) {
            return Ok(quantity);
        }
        let card = self.case.as_ref().and_then(|c| c.card.as_ref());
        if axis
            && let Some(card) = card
            && let Some((table, name)) = key.strip_prefix("card.").and_then(|rest| rest.rsplit_once('.'))
        {
            return model::card_quantity(card, key, table, name);
        }
        let names: Vec<&String> = self.nominal.parameters.keys().collect();
        let more = if axis { ", `temperature`, `nfet.dvt`, `nfet.dbeta`, `pfet.dvt`, `pfet.dbeta`" } else { "" };
        Err(format!("a parameter of the netlist ({}), `initial.NODE`{more}", listed(&names)))
    }

    /// Whether any device changes with the netlist's temperature.
    fn feels_temperature(&self) -> bool {
        let at = |kelvin| Netlist::from_text(self.source.at_temperature(kelvin)).circuit().ok();
        let same = |a: &Circuit, b: &Circuit| {
            // BSIM4 and diodes know their own temperature laws.
            a.elements == b.elements
                && a.ekv_models == b.ekv_models
                && a.bsim4_models.is_empty()
                && a.diode_models.is_empty()
        };
        !matches!((at(280.0), at(330.0)), (Some(a), Some(b)) if same(&a, &b))
    }

    /// The circuit with these changes, as a job; those of the study come first.
    ///
    /// # Errors
    /// [`StudyError`].
    pub fn job(
        &self,
        parameters: &[(&str, f64)],
        initial: &[(&str, f64)],
        temperature: Option<f64>,
    ) -> Result<Job, StudyError> {
        let netlist = match temperature {
            Some(kelvin) => Arc::new(Netlist::from_text(self.source.at_temperature(kelvin))),
            None => self.netlist.clone(),
        };
        let mut job =
            Job::new(netlist).with_analysis(Analysis::Tran(self.tran.clone())).with_saves(self.vectors.clone());
        let owned = |(name, x): &(String, f64)| (name.clone(), *x);
        job.parameters = self.parameters.iter().map(owned).collect();
        job.initial = self.initial.iter().map(owned).collect();
        for (list, changes) in [(&mut job.parameters, parameters), (&mut job.initial, initial)] {
            for (name, x) in changes {
                match list.iter_mut().find(|(n, _)| n == name) {
                    Some(entry) => entry.1 = *x,
                    None => list.push(((*name).to_owned(), *x)),
                }
            }
        }
        Ok(job)
    }

    /// Names of the vectors in the file.
    pub fn names(&self) -> Vec<String> {
        self.vectors.iter().map(|v| plain(v)).collect()
    }
}

impl CaseSpec {
    fn signals(&self) -> Vec<String> {
        let signal = |(_, binding): &(String, felice_verify::Binding)| match binding {
            felice_verify::Binding::Signal { signal, .. } => Some(signal.clone()),
            felice_verify::Binding::Constant(_) => None,
        };
        self.case.states.iter().filter_map(signal).collect()
    }

    /// Metrics that can be asked for.
    pub fn metrics() -> Vec<MetricName> {
        felice_verify::METRICS.into_iter().filter(|m| *m != MetricName::DesignError).collect()
    }
}

/// `v(u)` is called `v_u` in a file: a name that every reader takes.
pub fn plain(vector: &str) -> String {
    let inner = vector.trim_end_matches(')');
    inner.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// What a process corner moves; the same words for circuits and cards.
pub fn corner(key: &str, transistors: bool) -> Option<Quantity> {
    let (channel, name) = key.split_once('.').filter(|_| transistors)?;
    let channel = match channel {
        "nfet" => Channel::N,
        "pfet" => Channel::P,
        _ => return None,
    };
    let (unit, about, target) = match name {
        "dvt" => ("V", "threshold shift of every", Target::Threshold(channel)),
        "dbeta" => ("1", "relative change of the current of every", Target::Current(channel)),
        _ => return None,
    };
    let word = key.split('.').next().unwrap_or_default();
    Some(Quantity::new(key, unit, format!("{about} {word}"), Holds::FINITE, target))
}
