//! The trusted tool: `ngspice -b`, spawned for each run in a private folder, on one thread, with a time limit.
//!
//! Its exit code is not trusted (it is 0 after an unknown model, a singular circuit, a missing include): the raw file must
//! hold the vectors asked for, finite and as long as asked, and what it says must not name a fault that it glosses over.

mod deck;
mod judge;
mod raw;
mod scales;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use felice_base::{Sampled, Signal, Unit};

use crate::analysis::{Analysis, Tran};
use crate::circuit::Circuit;
use crate::engine::{Engine, EngineName, Settings};
use crate::error::SpiceError;
use crate::job::Job;
use crate::process::{self, Outcome, PrivateFolder};
use crate::resample;
use crate::simulation::{Simulation, Work, long_name_of, unit_of};
use deck::Deck;
use raw::Plot;

/// The environment variable that names the program, where it is not `ngspice` on the path.
pub const PROGRAM_VARIABLE: &str = "FELICE_NGSPICE";

/// Words after which a result is worthless although ngspice may give one: it replaced or left out what it did not find.
const FATAL: [&str; 7] = [
    "can't find model",
    "unable to find definition of model",
    "unknown subckt",
    "unknown model type",
    "undefined parameter",
    "could not find include file",
    "error on line",
];

/// How long it may take to say which version it is, on a busy machine.
const ANSWER: Duration = Duration::from_secs(30);

/// Bytes of a result beyond which it is not read: it would not fit the memory several times.
const LARGEST_RESULT: u64 = 4 << 30;

/// The ngspice engine.
#[derive(Debug)]
pub struct Ngspice {
    program: PathBuf,
    version: OnceLock<Result<String, SpiceError>>,
}

impl Default for Ngspice {
    fn default() -> Self {
        let program = std::env::var_os(PROGRAM_VARIABLE).filter(|p| !p.is_empty());
        Ngspice::at(program.map_or_else(|| PathBuf::from("ngspice"), PathBuf::from))
    }
}

impl Ngspice {
    /// The program at a path, or by a name to look for on the path.
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Ngspice { program: program.into(), version: OnceLock::new() }
    }

    fn failed(problem: impl Into<String>, log: &str) -> SpiceError {
        SpiceError::Failed { engine: EngineName::Ngspice, problem: problem.into(), log: log.to_owned() }
    }

    fn missing(&self, problem: String) -> SpiceError {
        SpiceError::Missing {
            engine: EngineName::Ngspice,
            problem,
            remedy: format!("install it (`sudo apt-get install ngspice`) or name the program in {PROGRAM_VARIABLE}"),
        }
    }

    fn spawn(&self, arguments: &[&str], folder: &Path, limit: Duration) -> Result<Outcome, SpiceError> {
        process::run(&self.program, arguments, folder, limit).map_err(|e| {
            let problem = format!("`{}` did not start: {e}", self.program.display());
            match e.kind() {
                std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied => self.missing(problem),
                _ => Ngspice::failed(problem, ""),
            }
        })
    }

    fn ask_version(&self) -> Result<String, SpiceError> {
        let folder = private_folder()?;
        let outcome = self.spawn(&["--version"], folder.path(), ANSWER)?;
        if outcome.ended.is_none() {
            let problem = format!("`{} --version` did not answer within {ANSWER:?}", self.program.display());
            return Err(self.missing(problem));
        }
        let words = format!("{}\n{}", outcome.stdout, outcome.stderr);
        let version = words.split_whitespace().find_map(|w| w.strip_prefix("ngspice-"));
        version
            .map(str::to_owned)
            .ok_or_else(|| self.missing(format!("`{} --version` does not answer like ngspice", self.program.display())))
    }

    fn execute(
        &self,
        deck: &Deck,
        circuit: Option<&Arc<Circuit>>,
        settings: &Settings,
    ) -> Result<Simulation, SpiceError> {
        let version = self.version()?;
        let folder = private_folder()?;
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).map_err(|e| SpiceError::file(path, "write", e))
        };
        write(".spiceinit", "set num_threads=1\nset filetype=binary\n")?;
        write("deck.cir", &deck.text)?;
        let outcome = self.spawn(&["-b", "deck.cir"], folder.path(), settings.time_limit)?;
        let log = format!("{}{}", outcome.stdout, outcome.stderr);
        let Some(ended) = &outcome.ended else {
            return Err(SpiceError::TimeLimit { engine: EngineName::Ngspice, limit: settings.time_limit, log });
        };
        if let Some(line) = log.lines().find(|l| FATAL.iter().any(|f| l.to_ascii_lowercase().contains(f))) {
            return Err(Ngspice::failed(format!("it says `{}`", line.trim()), &log));
        }
        let fail = |problem: String| Ngspice::failed(format!("{problem}; {}", salient(&log)), &log);
        if ended.contains("signal") {
            return Err(fail(format!("it was killed ({ended})")));
        }
        let read = |name: &str| read_plot(&folder.path().join(name), ended).map_err(fail);
        let plot = read(deck::RAW_FILE)?;
        let analysis = kind_of(&plot, deck.analysis.as_ref()).map_err(fail)?;
        let points = circuit.map(|_| judge::evidence(&plot, &analysis));
        let vectors = vectors(plot, &analysis, circuit.map(Arc::as_ref)).map_err(fail)?;
        if let (Some(circuit), Some(points)) = (circuit, points) {
            let points = if deck.first { read(deck::FIRST_FILE)? } else { points };
            judge::judge(circuit, &analysis, &points, deck.tolerances())?;
        }
        let mut options = deck.options.clone();
        if let Analysis::Tran(t) = &analysis {
            options.push(("max_step".into(), format!("{:e}", deck::max_step(t, settings))));
            options.sort();
        }
        let work = Work { steps: vectors.len() as u64, ..Work::default() };
        Ok(Simulation {
            analysis,
            vectors,
            engine: EngineName::Ngspice,
            version,
            reason: String::new(),
            options,
            measures: Vec::new(),
            log,
            work,
            cached: false,
        })
    }
}

impl Engine for Ngspice {
    fn name(&self) -> EngineName {
        EngineName::Ngspice
    }

    fn version(&self) -> Result<String, SpiceError> {
        self.version.get_or_init(|| self.ask_version()).clone()
    }

    fn accepts(&self, job: &Job) -> Result<(), SpiceError> {
        match job.circuit() {
            Ok(_) => Ok(()),
            Err(SpiceError::NotUnderstood(_)) if !job.netlist.is_made() => Ok(()),
            Err(e) => Err(e),
        }
    }

    fn run(&self, job: &Job, settings: &Settings) -> Result<Simulation, SpiceError> {
        let circuit = match job.circuit() {
            Ok(circuit) => Some(circuit),
            Err(SpiceError::NotUnderstood(_)) if !job.netlist.is_made() => None,
            Err(e) => return Err(e),
        };
        let deck = match &circuit {
            Some(circuit) => deck::understood(job, circuit, settings)?,
            None => deck::foreign(job, settings)?,
        };
        let result = self.execute(&deck, circuit.as_ref(), settings).map_err(|e| with_remedy(e, &deck))?;
        crate::simulate::finish(result, job, settings)
    }
}

/// A raw file of a run that ended like this.
fn read_plot(path: &Path, ended: &str) -> Result<Plot, String> {
    let about = std::fs::symlink_metadata(path);
    let size = about.ok().filter(|m| m.is_file()).map(|m| m.len());
    let size = size.ok_or_else(|| format!("it ended ({ended}) without writing a result"))?;
    if size > LARGEST_RESULT {
        return Err(format!("its result has {size} bytes, more than is read ({LARGEST_RESULT})"));
    }
    raw::read(&std::fs::read(path).map_err(|e| format!("its result cannot be read: {e}"))?)
}

fn private_folder() -> Result<PrivateFolder, SpiceError> {
    PrivateFolder::new().map_err(|e| SpiceError::file(std::env::temp_dir(), "make a folder in", e))
}

/// Where ngspice gave up for want of convergence: which tolerances were asked of it, and how to ask for others.
fn with_remedy(error: SpiceError, deck: &Deck) -> SpiceError {
    let SpiceError::Failed { engine, problem, log } = error else { return error };
    let said = log.to_ascii_lowercase();
    if !said.contains("timestep too small") && !said.contains("no convergence") {
        return SpiceError::Failed { engine, problem, log };
    }
    let tolerances = deck.options.iter().filter(|(name, _)| name.ends_with("tol"));
    let list: Vec<String> = tolerances.map(|(name, value)| format!("{name}={value}")).collect();
    let problem = format!(
        "{problem}; it was asked for {}, which its rounding may not allow in this circuit: try looser ones \
         (--reltol 1e-6 --abstol 1e-12 --vntol 1e-9)",
        list.join(" ")
    );
    SpiceError::Failed { engine, problem, log }
}

/// The lines of a log that say what went wrong.
fn salient(log: &str) -> String {
    const WORDS: [&str; 8] = ["error", "fatal", "singular", "too small", "can't", "cannot", "unknown", "not found"];
    let mut lines: Vec<&str> = Vec::new();
    for line in log.lines().map(str::trim) {
        let lower = line.to_ascii_lowercase();
        if lines.len() < 6 && WORDS.iter().any(|w| lower.contains(w)) && !lines.contains(&line) {
            lines.push(line);
        }
    }
    match lines.is_empty() {
        true if log.trim().is_empty() => "it said nothing".into(),
        true => format!("its last words: `{}`", log.trim().lines().next_back().unwrap_or("").trim()),
        false => format!("it says: {}", lines.join(" | ")),
    }
}

/// The analysis a plot belongs to: the one asked for, or what the plot says of itself.
fn kind_of(plot: &Plot, asked: Option<&Analysis>) -> Result<Analysis, String> {
    let scale = plot.columns.first().map(|c| (c.0.as_str(), c.1.as_slice()));
    let found = match (plot.name.to_ascii_lowercase().as_str(), scale) {
        (name, Some(("time", t))) if name.starts_with("transient") => {
            let (start, stop) = (t.first().copied().unwrap_or(0.0), t.last().copied().unwrap_or(0.0));
            Analysis::Tran(Tran { step: stop, stop, start, max_step: None, uic: false })
        }
        (name, _) if name.starts_with("dc") => Analysis::Dc(Vec::new()),
        (name, _) if name.starts_with("operating") => Analysis::Op,
        (name, _) => {
            return Err(format!("the raw file holds `{name}`, expected a transient, a sweep or an operating point"));
        }
    };
    match asked {
        None => Ok(found),
        Some(a) if a.kind() == found.kind() => Ok(a.clone()),
        Some(a) => Err(format!("the raw file holds `{}`, not the {} asked for", plot.name, a.kind())),
    }
}

/// A plot as vectors under their SPICE names, checked for presence, length and finiteness.
fn vectors(mut plot: Plot, analysis: &Analysis, circuit: Option<&Circuit>) -> Result<Sampled, String> {
    let columns = &mut plot.columns;
    let axis = match analysis {
        Analysis::Op => {
            let points = columns.first().map_or(0, |c| c.1.len());
            Signal::new("point", Unit::ONE, "operating point", (0..points).map(|i| i as f64).collect())
        }
        Analysis::Tran(t) => {
            let mut time = columns.remove(0).1;
            let keep = latest(&time);
            keep_only(&keep, &mut time);
            columns.iter_mut().for_each(|(_, values)| keep_only(&keep, values));
            check_time(&time, t)?;
            let time = if t.start > 0.0 { from_start(t.start, time, columns) } else { time };
            Signal::new("time", Unit::SECOND, "time", time)
        }
        Analysis::Dc(sweeps) => {
            let (name, values) = columns.remove(0);
            let expected: usize = sweeps.iter().map(|s| s.values().len()).product();
            if !sweeps.is_empty() && values.len() != expected {
                return Err(format!("the sweep holds {} of {expected} points", values.len()));
            }
            let source = sweeps.first().map_or(name.as_str(), |s| s.source.as_str()).to_owned();
            let unit = if source.starts_with('i') { Unit::AMPERE } else { Unit::VOLT };
            Signal::new(source.clone(), unit, format!("swept source {source}"), values)
        }
    };
    let points = axis.values.len();
    let places = judge::places(&plot, circuit);
    let columns = plot.columns;
    let find = |name: &str| places.get(name).map(|i| columns[*i].1.clone());
    let wanted = match circuit {
        Some(c) => c.vectors(),
        None => columns.iter().map(|c| c.0.clone()).filter(|n| !n.contains('#')).collect(),
    };
    let mut signals = Vec::with_capacity(wanted.len());
    for name in wanted {
        let values = find(&name).or_else(|| difference(&name, points, find));
        let values = values.ok_or_else(|| format!("the raw file does not hold `{name}`"))?;
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            return Err(format!("`{name}` is not finite at {} = {:e}", axis.name, axis.values[at]));
        }
        signals.push(Signal::new(name.clone(), unit_of(&name), long_name_of(&name), values));
    }
    if let Analysis::Dc(sweeps) = analysis
        && let [inner, outer] = sweeps.as_slice()
    {
        let fast = inner.values().len();
        let values = outer.values().iter().flat_map(|v| std::iter::repeat_n(*v, fast)).collect();
        let unit = if outer.source.starts_with('i') { Unit::AMPERE } else { Unit::VOLT };
        signals.push(Signal::new(outer.source.clone(), unit, "outer swept source", values));
    }
    if signals.is_empty() {
        return Err("the raw file holds no vector".into());
    }
    Sampled::new(axis, signals).map_err(|e| e.to_string())
}

/// `v(a,b)` from `v(a)` and `v(b)`; ground is 0 everywhere.
fn difference(name: &str, points: usize, find: impl Fn(&str) -> Option<Vec<f64>>) -> Option<Vec<f64>> {
    let names = name.strip_prefix("v(")?.strip_suffix(')')?;
    let (a, b) = names.split_once(',').unwrap_or((names, "0"));
    let of = |node: &str| match node {
        "0" | "gnd" => Some(vec![0.0; points]),
        _ => find(&format!("v({node})")),
    };
    Some(of(a)?.iter().zip(of(b)?).map(|(p, n)| p - n).collect())
}

/// Points from `start` on, the first one between its neighbours: ngspice saves from its own first point after it.
fn from_start(start: f64, time: Vec<f64>, columns: &mut [(String, Vec<f64>)]) -> Vec<f64> {
    let after = time.partition_point(|t| *t <= start);
    for (_, values) in columns {
        let first = resample::interpolate(&time, values, &[start]);
        *values = first.into_iter().chain(values.drain(after..)).collect();
    }
    std::iter::once(start).chain(time[after..].iter().copied()).collect()
}

/// Which points to keep: after a corner ngspice's first step can be below the last digit of the time, and of points at the
/// same time the last one counts.
fn latest(time: &[f64]) -> Vec<bool> {
    let repeated = |i: usize| time.get(i + 1).is_some_and(|next| *next == time[i] && *next > 0.0);
    (0..time.len()).map(|i| !repeated(i)).collect()
}

fn keep_only(keep: &[bool], values: &mut Vec<f64>) {
    let mut keep = keep.iter();
    values.retain(|_| keep.next().is_none_or(|k| *k));
}

fn check_time(time: &[f64], tran: &Tran) -> Result<(), String> {
    let last = time.last().copied().unwrap_or(f64::NAN);
    if !time.windows(2).all(|w| w[1] > w[0]) {
        return Err("time does not increase in the raw file".into());
    }
    // ngspice ends within rounding of the stop time.
    if last.is_nan() || last < tran.stop * (1.0 - 1e-9) {
        return Err(format!("the transient stopped at {last:e} s of {:e} s", tran.stop));
    }
    Ok(())
}
