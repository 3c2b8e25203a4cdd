//! `felice simulate --neurons N`: many neurons of one model into one file, block after block.

mod writing;

use super::failure::{Failure, read_text};
use super::model::Precision;
use super::simulate::{Integrator, Simulate};
use super::table;
use felice_neurons::ensemble::{Ensemble, Method, Settings};
use felice_neurons::{AnyNeuron, Trigger};
use felice_store::Input;
use std::path::PathBuf;
use writing::Work;

/// More are a study.
const MOST_NEURONS: usize = 20_000_000;

/// A parameter or initial state that goes from one end to the other over the neurons.
#[derive(Clone, Debug, PartialEq)]
pub struct Varied {
    name: String,
    from: f64,
    to: f64,
}

/// Parses `NAME=FROM..TO`.
pub fn varied(text: &str) -> Result<Varied, String> {
    let parts = text.split_once('=').and_then(|(name, range)| Some((name.trim(), range.split_once("..")?)));
    let Some((name, (from, to))) = parts.filter(|(name, _)| !name.is_empty()) else {
        return Err(format!("`{text}` is no NAME=FROM..TO, such as sigma=0.5..0.7"));
    };
    Ok(Varied { name: name.to_owned(), from: super::parse::finite(from)?, to: super::parse::finite(to)? })
}

/// What is only said of many neurons.
#[derive(clap::Args)]
pub struct ManyArgs {
    /// That many neurons of the model into one HDF5 file, each integrated by Tsit5 in steps of its own.
    #[arg(long, value_name = "N")]
    pub neurons: Option<usize>,
    /// A parameter or initial state that goes evenly from FROM (first neuron) to TO (last); may be repeated.
    #[arg(long, value_name = "NAME=FROM..TO", value_parser = varied, allow_hyphen_values = true)]
    vary: Vec<Varied>,
    /// CSV whose columns are parameters or states (their initial values), one neuron a row.
    #[arg(long, value_name = "X.csv")]
    each: Option<PathBuf>,
    /// Fixed steps of Tsit5 instead of adaptive ones: this many; a multiple of the samples after the first.
    #[arg(long, value_name = "K")]
    steps: Option<u64>,
}

impl ManyArgs {
    /// Are there many?
    pub fn asked(&self) -> bool {
        self.neurons.is_some() || self.each.is_some()
    }

    /// One neuron has none of these.
    pub fn check_unasked(&self) -> Result<(), Failure> {
        if self.steps.is_some() || !self.vary.is_empty() {
            return Err(Failure::input("--vary and --steps are for many neurons: add --neurons N or --each X.csv"));
        }
        Ok(())
    }
}

/// Columns of numbers, one a neuron.
type Columns = Vec<(String, Vec<f64>)>;

/// The columns of `--each` and `--vary`, and how many neurons there are.
fn columns(args: &ManyArgs, file: &mut Vec<Input>) -> Result<(usize, Columns), Failure> {
    let mut all = Vec::new();
    let mut n = args.neurons;
    if let Some(path) = &args.each {
        let text = read_text(path)?;
        let header = text.lines().find(|l| !l.trim().is_empty() && !l.starts_with('#')).unwrap_or_default();
        let names: Vec<&str> = header.trim_start_matches('\u{feff}').split(',').map(str::trim).collect();
        let rows = table::read_numbers(&path.display().to_string(), &text, &names)?;
        if n.is_some_and(|n| n != rows.len()) {
            let why = format!("--neurons {} but {} has {} rows", n.unwrap_or(0), path.display(), rows.len());
            return Err(Failure::input(why));
        }
        n = Some(rows.len());
        all.extend(names.iter().enumerate().map(|(i, name)| ((*name).to_owned(), rows.iter().map(|r| r[i]).collect())));
        file.push(Input::of(path.display().to_string(), &text));
    }
    let n = n.unwrap_or(0);
    if n > MOST_NEURONS {
        let why =
            format!("--neurons {n}: at most {MOST_NEURONS} in one file; give larger crowds to felice sweep, in shards");
        return Err(Failure::input(why));
    }
    for v in &args.vary {
        let at = |k: usize| v.from + (v.to - v.from) * k as f64 / (n.max(2) - 1) as f64;
        let value = |k: usize| if k + 1 == n && n > 1 { v.to } else { at(k) };
        all.push((v.name.clone(), (0..n).map(value).collect()));
    }
    Ok((n, all))
}

/// Every column must be somebody's, and nobody's twice.
fn check(base: &AnyNeuron, columns: &Columns) -> Result<(), Failure> {
    let info = base.info();
    for (k, (name, _)) in columns.iter().enumerate() {
        let known = info.parameters.iter().map(|p| &p.name).chain(info.states.iter().map(|s| &s.name));
        let known: Vec<&str> = known.map(|n| &**n).collect();
        if !known.contains(&name.as_str()) {
            let (model, list) = (&info.name, known.join(", "));
            return Err(Failure::input(format!("model `{model}` has no parameter or state `{name}`; it has: {list}")));
        }
        if columns[..k].iter().any(|(other, _)| other == name) {
            return Err(Failure::input(format!("`{name}` is given twice by --vary and --each")));
        }
    }
    Ok(())
}

/// Neuron `k` with its own parameters.
fn member(base: &AnyNeuron, columns: &Columns, k: usize) -> Result<AnyNeuron, Failure> {
    let mut neuron = base.clone();
    for (name, values) in columns {
        if base.info().parameters.iter().any(|p| p.name == *name) {
            neuron.set(name, values[k]).map_err(|e| Failure::input(format!("neuron {k}: {e}")))?;
        }
    }
    Ok(neuron)
}

/// Where neuron `k` starts: its columns, then what is given to all, then its model's own start.
fn start(neuron: &AnyNeuron, given: Option<&[f64]>, columns: &Columns, k: usize) -> Result<Vec<f64>, Failure> {
    let names = &neuron.info().states;
    let column = |name: &str| columns.iter().find(|(n, _)| n == name).map(|(_, values)| values[k]);
    let own: Vec<Option<f64>> = names.iter().map(|s| column(&s.name)).collect();
    let mut start = match given {
        Some(y) if y.len() != names.len() => {
            let why = format!("initial state: {} numbers where {} are needed", y.len(), names.len());
            return Err(Failure::input(why));
        }
        Some(y) => y.to_vec(),
        None if own.iter().all(Option::is_some) => vec![0.0; names.len()],
        None => neuron.initial_state().map_err(|e| Failure::input(format!("neuron {k}: {e}")))?,
    };
    start.iter_mut().zip(own).for_each(|(y, own)| *y = own.unwrap_or(*y));
    Ok(start)
}

/// Runs it.
pub fn run(args: &Simulate, quiet: bool) -> Result<(), Failure> {
    if args.output.format != super::output::Format::Hdf5 || args.plot.is_some() {
        return Err(Failure::input("many neurons go into one HDF5 file (--output X.h5), without --plot"));
    }
    if args.method != Integrator::Dop853 || args.stop_at_event {
        return Err(Failure::input("many neurons are integrated by Tsit5 to the end: no --method, no --stop-at-event"));
    }
    if args.samples < 2 {
        return Err(Failure::input(format!("samples is {}; it must be at least 2: both ends", args.samples)));
    }
    let base = args.model.neuron()?;
    let mut inputs = Vec::new();
    let (n, columns) = columns(&args.many, &mut inputs)?;
    check(&base, &columns)?;
    let given = args.initial.as_ref().map(|y| &y.0[..]);
    let mut starts = Vec::new();
    for k in 0..n {
        starts.extend(start(&member(&base, &columns, k)?, given, &columns, k)?);
    }
    // Each has been made once without a fault; a million of them at once would fill the memory.
    let mut members = (0..n).filter_map(|k| member(&base, &columns, k).ok()).peekable();
    let model = members.peek().unwrap_or(&base).clone();
    let ensemble = Ensemble::of(&model, members, Some(starts.clone())).map_err(Failure::input)?;
    let ensemble = ensemble.with_stimuli(vec![args.stimuli.clone()]).map_err(Failure::input)?;
    let events = super::simulate::events(args);
    let settings = Settings {
        method: match args.many.steps {
            Some(steps) => Method::Tsit5 { steps },
            None => Method::Adaptive { rtol: args.rtol, atol: args.atol },
        },
        samples: args.samples - 1,
        events: events.iter().map(|(_, e)| e.trigger.clone()).collect(),
        summary: true,
        rails: args.rails.iter().map(|&(lo, hi)| [lo, hi]).collect(),
        max_steps: args.max_steps,
        ..Settings::to(args.t_end)
    };
    // Bad settings are told before a file is begun.
    settings.check_for(&ensemble).map_err(Failure::input)?;
    let events: Vec<(String, Trigger)> = events.into_iter().map(|(name, e)| (name, e.trigger)).collect();
    let bar = super::progress::bar(quiet, n as u64, "{pos}/{len} neurons, {eta} left");
    let work = Work { args, model: &model, ensemble: &ensemble, settings, starts, columns, events, inputs, bar };
    let (accepted, failed) = match args.precision {
        Precision::F64 => work.write::<f64>(),
        Precision::F32 => work.write::<f32>(),
    }?;
    if failed > 0 {
        eprintln!(
            "felice: warning: {failed} of {n} neurons could not go on to the end; `status` in the file says which"
        );
    }
    if !quiet {
        eprintln!("{}: {n} neurons, t = 0 .. {:?}, {accepted} steps", model.info().name, args.t_end);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_parse_or_say_why() {
        let good = Varied { name: "sigma".into(), from: -0.5, to: 0.7 };
        assert_eq!(varied("sigma=-0.5..0.7").unwrap(), good);
        for bad in ["sigma", "sigma=1", "=1..2", "sigma=1..x", "sigma=1..inf"] {
            assert!(varied(bad).is_err(), "{bad}");
        }
    }
}
