//! The deck that ngspice gets: the user's text, its includes made absolute, and a control block of ours that runs one
//! analysis and writes its result. Where the text holds EKV model cards or changed parameters, the flattened circuit instead.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::judge;
use super::scales::Floors;
use crate::analysis::{Analysis, Tran};
use crate::circuit::{Circuit, Device, OptionValue, Saves};
use crate::engine::{Accuracy, EngineName, Settings};
use crate::error::SpiceError;
use crate::job::Job;
use crate::parser::whole_number;
use crate::writer;

/// Name of the raw file, in the private folder.
pub(super) const RAW_FILE: &str = "result.raw";

/// Name of the raw file with every node at the first point, where the other one does not hold it.
pub(super) const FIRST_FILE: &str = "first.raw";

/// Options that only shape printed output.
const DISPLAY_OPTIONS: [&str; 11] =
    ["acct", "list", "mod", "node", "noacct", "nomod", "nopage", "numdgt", "opts", "post", "warn"];

/// A deck and what to expect of it.
pub(super) struct Deck {
    pub text: String,
    /// The analysis asked for; `None` where only the netlist knows.
    pub analysis: Option<Analysis>,
    /// Options in force.
    pub options: Vec<(String, String)>,
    /// True where it also writes [`FIRST_FILE`].
    pub first: bool,
}

impl Deck {
    /// Relative and absolute tolerance (V) on voltages that it asks for.
    pub fn tolerances(&self) -> (f64, f64) {
        let value =
            |name: &str| self.options.iter().find(|o| o.0 == name).and_then(|o| o.1.parse().ok()).unwrap_or(0.0);
        (value("reltol"), value("vntol"))
    }
}

/// The options that make ngspice exact at picoamperes, each no looser than the netlist's own or what rounding allows.
fn options(own: &BTreeMap<String, OptionValue>, settings: &Settings, floors: Floors) -> Vec<(String, String)> {
    let reltol = match settings.accuracy {
        Accuracy::Normal => 1e-6,
        Accuracy::Tight | Accuracy::Reference => 1e-9,
    };
    let abstol = settings.abstol.unwrap_or(settings.abstol().max(floors.abstol));
    let tightest =
        [settings.reltol.unwrap_or(reltol), abstol, settings.vntol.unwrap_or(1e-12), floors.chgtol.max(1e-26)];
    let own_value = |name: &str| match own.get(name) {
        Some(OptionValue::Number(x)) if *x > 0.0 => *x,
        _ => f64::INFINITY,
    };
    let names = ["reltol", "abstol", "vntol", "chgtol"];
    let mut list: Vec<(String, String)> = names
        .iter()
        .zip(tightest)
        .map(|(name, tight)| ((*name).to_owned(), format!("{:e}", tight.min(own_value(name)))))
        .collect();
    list.push(("gmin".into(), format!("{:e}", own_value("gmin").min(1e-18))));
    if !own.contains_key("method") {
        list.push(("method".into(), "trap".into()));
    }
    list.sort();
    list
}

/// The largest step (s): the netlist's, the settings', and a share of the whole.
pub(super) fn max_step(tran: &Tran, settings: &Settings) -> f64 {
    let share = tran.stop / settings.accuracy.steps_of_trapezoidal();
    [tran.max_step, settings.max_step].into_iter().flatten().fold(share, f64::min)
}

/// A deck for a circuit that the parser understands.
pub(super) fn understood(job: &Job, circuit: &Circuit, settings: &Settings) -> Result<Deck, SpiceError> {
    let analysis = circuit.analyses.first().cloned().unwrap_or(Analysis::Op);
    let options = options(&circuit.options, settings, Floors::of(circuit));
    // Of E, F, G, H that hold expressions ngspice makes sources of other names: we choose which.
    let expressions = circuit.elements.iter().any(|e| {
        let behavioural = matches!(e.device, Device::BehaviouralVoltage { .. } | Device::BehaviouralCurrent { .. });
        behavioural && !e.name.starts_with('b')
    });
    let flat = job.netlist.is_made() || !job.parameters.is_empty() || !circuit.ekv_models.is_empty() || expressions;
    let mut text = if flat { flattened(circuit)? } else { as_written(job, true).0 };
    for (name, volts) in &job.initial {
        let _ = writeln!(text, ".ic v({})={volts:e}", name.to_ascii_lowercase());
    }
    let step = match &analysis {
        Analysis::Tran(t) => Some(max_step(t, settings)),
        _ => None,
    };
    let saves = match &circuit.saves {
        Saves::Only(list) if analysis != Analysis::Op => {
            let renamed = renamed(circuit);
            let source = |v: &str| v.strip_prefix("i(")?.strip_suffix(')').and_then(|name| renamed.get(name));
            let written = |v: &String| source(v).map_or_else(|| v.clone(), |name| format!("i({name})"));
            save_command(&list.iter().map(written).collect::<Vec<_>>())
        }
        _ => String::new(),
    };
    let first = judge::apart(circuit, &analysis);
    let mut commands = vec![saves, command(&analysis, step), format!("write {RAW_FILE}")];
    if first {
        // Afterwards, so that the result is what it would be without; `reset` forgets the options.
        let again = ["delete all".into(), "reset".into(), option_command(&options)];
        let point = writer::command(&judge::first_of(&analysis, step), None);
        commands.extend(again.into_iter().chain([point, format!("write {FIRST_FILE}")]));
    }
    control(&mut text, &options, &commands);
    Ok(Deck { text, analysis: Some(analysis), options, first })
}

/// A deck for a netlist that only ngspice understands: its own control block is kept, but for what would end it early.
pub(super) fn foreign(job: &Job, settings: &Settings) -> Result<Deck, SpiceError> {
    if !job.parameters.is_empty() {
        return Err(SpiceError::Refused {
            engine: EngineName::Ngspice,
            reason: "parameters can be changed only in netlists that the parser understands".into(),
        });
    }
    let options = options(&BTreeMap::new(), settings, Floors::unknown());
    let (mut text, own) = as_written(job, false);
    for (name, volts) in &job.initial {
        let _ = writeln!(text, ".ic v({name})={volts:e}");
    }
    let mut commands: Vec<String> = job.saves.iter().map(|list| save_command(list)).collect();
    let analysis = match &job.analysis {
        Some(a) => Some(a.clone()),
        None if own.is_empty() => plain_transient(&text).map(Analysis::Tran),
        None => None,
    };
    match &analysis {
        Some(Analysis::Tran(t)) => {
            commands.push(command(&Analysis::Tran(t.clone()), Some(max_step(t, settings))));
        }
        Some(other) => commands.push(writer::command(other, None)),
        None if own.is_empty() => commands.push("run".into()),
        None => {
            commands.extend(own.into_iter().filter(|c| !matches!(c.split_whitespace().next(), Some("quit" | "exit"))));
        }
    }
    commands.push(format!("write {RAW_FILE}"));
    control(&mut text, &options, &commands);
    Ok(Deck { text, analysis, options, first: false })
}

/// An analysis as ngspice is asked for it: what it saves begins some steps before the start, since its first point comes
/// after the time it is told.
fn command(analysis: &Analysis, step: Option<f64>) -> String {
    match (analysis, step) {
        (Analysis::Tran(t), Some(step)) => {
            let start = (t.start - 4.0 * step).max(0.0);
            writer::command(&Analysis::Tran(Tran { start, ..t.clone() }), Some(step))
        }
        _ => writer::command(analysis, None),
    }
}

fn control(text: &mut String, options: &[(String, String)], commands: &[String]) {
    let _ = writeln!(text, ".control\nset filetype=binary\nset num_threads=1\n{}", option_command(options));
    for command in commands.iter().filter(|c| !c.is_empty()) {
        let _ = writeln!(text, "{command}");
    }
    text.push_str("quit\n.endc\n.end\n");
}

fn option_command(options: &[(String, String)]) -> String {
    options.iter().fold("option".into(), |line, (name, value)| format!("{line} {name}={value}"))
}

/// Elements that ngspice gets under another name: (name, that name).
pub(super) fn renamed(circuit: &Circuit) -> HashMap<&str, String> {
    let named = circuit.elements.iter().map(|e| (e.name.as_str(), writer::written_name(&e.name, &e.device)));
    named.filter(|(name, written)| name != written).map(|(name, written)| (name, written.into_owned())).collect()
}

/// `save v(a) v(b) i(vx)`: of a difference both nodes.
fn save_command(vectors: &[String]) -> String {
    let mut line = String::from("save");
    for vector in vectors {
        match vector.strip_prefix("v(").and_then(|v| v.strip_suffix(')')) {
            Some(names) => {
                for node in names.split(',').filter(|n| !matches!(*n, "0" | "gnd")) {
                    let _ = write!(line, " v({node})");
                }
            }
            None => drop(write!(line, " {vector}")),
        }
    }
    line
}

fn flattened(circuit: &Circuit) -> Result<String, SpiceError> {
    let mut text = format!("* {}\n", circuit.title.replace(['\n', '\r'], " "));
    text += &writer::elements(circuit).ok_or_else(|| SpiceError::Refused {
        engine: EngineName::Ngspice,
        reason: "an expression of this circuit is too long to be written out".into(),
    })?;
    for (word, list) in [("ic", &circuit.initial), ("nodeset", &circuit.nodeset)] {
        for (node, value) in list {
            let _ = writeln!(text, ".{word} v({})={value:e}", circuit.nodes.name(*node));
        }
    }
    for (name, value) in &circuit.options {
        if DISPLAY_OPTIONS.contains(&name.as_str()) || name == "temp" {
            continue;
        }
        let _ = match value {
            OptionValue::Number(x) => writeln!(text, ".options {name}={x:e}"),
            OptionValue::Word(w) => writeln!(text, ".options {name}={w}"),
        };
    }
    let _ = writeln!(text, ".temp {:e}", circuit.temperature - 273.15);
    Ok(text)
}

/// The netlist's text up to `.end`, includes made absolute, control blocks taken out and returned. With `ours`, lines that
/// choose what is saved go too: we choose.
fn as_written(job: &Job, ours: bool) -> (String, Vec<String>) {
    let folder = job.netlist.path().and_then(Path::parent).unwrap_or(Path::new(""));
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mut text = String::new();
    let mut commands = Vec::new();
    let mut inside = false;
    let mut dropping = false;
    for (index, line) in job.netlist.text().lines().enumerate() {
        let line = line.trim_end_matches('\r');
        let word = line.split_whitespace().next().unwrap_or("").to_ascii_lowercase();
        if index == 0 {
            text.push_str(line);
            text.push('\n');
            continue;
        }
        let continued = word.starts_with('+') || word.starts_with('*') || word.is_empty();
        dropping &= continued;
        match word.as_str() {
            ".end" => break,
            ".control" => inside = true,
            ".endc" => inside = false,
            _ if inside => commands.push(line.trim().to_owned()),
            ".save" | ".probe" | ".print" | ".plot" if ours => dropping = true,
            _ if dropping => {}
            ".include" | ".inc" | ".lib" => {
                text.push_str(&absolute(line, &folder));
                text.push('\n');
            }
            _ => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    (text, commands)
}

/// An include line with an absolute path. `.lib NAME` alone opens a section and stays.
fn absolute(line: &str, folder: &Path) -> String {
    let trimmed = line.trim();
    let keyword = trimmed.split_whitespace().next().unwrap_or("");
    let rest = trimmed[keyword.len()..].trim_start();
    let (name, after) = match rest.chars().next() {
        Some(q @ ('"' | '\'')) => rest[1..].split_once(q).unwrap_or((&rest[1..], "")),
        _ => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
    };
    if keyword.eq_ignore_ascii_case(".lib") && after.trim().is_empty() {
        return line.to_owned();
    }
    let path: PathBuf = folder.join(name);
    format!("{keyword} \"{}\" {after}", path.display())
}

/// The first `.tran` line made of plain numbers, in a netlist that we do not understand otherwise.
fn plain_transient(text: &str) -> Option<Tran> {
    let line = text.lines().map(str::to_ascii_lowercase).find(|l| l.trim_start().starts_with(".tran "))?;
    let uic = line.split_whitespace().next_back() == Some("uic");
    let words = line.split_whitespace().skip(1).filter(|w| *w != "uic");
    let values: Vec<f64> = words.map(whole_number).collect::<Option<_>>()?;
    let (step, stop) = (*values.first()?, *values.get(1)?);
    let start = values.get(2).copied().unwrap_or(0.0);
    let max_step = values.get(3).copied().filter(|m| *m > 0.0);
    (step > 0.0 && stop > start && start >= 0.0).then_some(Tran { step, stop, start, max_step, uic })
}
