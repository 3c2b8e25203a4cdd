//! `felice simulate --neurons N`: many neurons of one model into one file, block after block.

use super::failure::{Failure, read_text};
use super::model::Precision;
use super::simulate::{Integrator, Simulate};
use super::table;
use felice_base::Unit;
use felice_neurons::ensemble::{Block, Cause, Ensemble, Method, Settings};
use felice_neurons::simd::Width;
use felice_neurons::{AnyNeuron, Info, Trigger};
use felice_store::{Axis, FileWriter, Group, Input, Rows, StoreError};
use std::io::{Read, Seek, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

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
    for v in &args.vary {
        let at = |k: usize| v.from + (v.to - v.from) * k as f64 / (n.max(2) - 1) as f64;
        let value = |k: usize| if k + 1 == n && n > 1 { v.to } else { at(k) };
        all.push((v.name.clone(), (0..n).map(value).collect()));
    }
    Ok((n, all))
}

/// Every neuron, and where those start that are told to.
fn neurons(base: &AnyNeuron, n: usize, columns: &Columns) -> Result<Vec<AnyNeuron>, Failure> {
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
    let parameters = || columns.iter().filter(|(name, _)| info.parameters.iter().any(|p| p.name == *name));
    (0..n)
        .map(|k| {
            let mut neuron = base.clone();
            for (name, values) in parameters() {
                let set = neuron.set(name, values[k]);
                set.map_err(|e| Failure::input(format!("neuron {k}: {e}")))?;
            }
            Ok(neuron)
        })
        .collect()
}

fn starts(all: &[AnyNeuron], given: Option<&[f64]>, columns: &Columns) -> Result<Vec<f64>, Failure> {
    let mut starts = Vec::new();
    for (k, neuron) in all.iter().enumerate() {
        let names = &neuron.info().states;
        let column = |name: &str| columns.iter().find(|(n, _)| n == name).map(|(_, values)| values[k]);
        let own: Vec<Option<f64>> = names.iter().map(|s| column(&s.name)).collect();
        let mut start = match given {
            Some(y) if y.len() != names.len() => {
                return Err(Failure::input(format!(
                    "initial state: {} numbers where {} are needed",
                    y.len(),
                    names.len()
                )));
            }
            Some(y) => y.to_vec(),
            None if own.iter().all(Option::is_some) => vec![0.0; names.len()],
            None => neuron.initial_state().map_err(|e| Failure::input(format!("neuron {k}: {e}")))?,
        };
        start.iter_mut().zip(own).for_each(|(y, own)| *y = own.unwrap_or(*y));
        starts.extend(start);
    }
    Ok(starts)
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
    let all = neurons(&base, n, &columns)?;
    let given = args.initial.as_ref().map(|y| &y.0[..]);
    let starts = starts(&all, given, &columns)?;
    let model = all.first().unwrap_or(&base).clone();
    let ensemble = Ensemble::of(&model, all, Some(starts.clone())).map_err(Failure::input)?;
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
    let work = Work { args, model: &model, ensemble: &ensemble, settings, starts, columns, events, inputs };
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
        eprintln!("{}: {n} neurons, t = 0 .. {}, {accepted} steps", model.info().name, args.t_end);
    }
    Ok(())
}

struct Work<'a> {
    args: &'a Simulate,
    model: &'a AnyNeuron,
    ensemble: &'a Ensemble<AnyNeuron>,
    settings: Settings,
    starts: Vec<f64>,
    columns: Columns,
    events: Vec<(String, Trigger)>,
    inputs: Vec<Input>,
}

/// Event times on their way: their number is known at the end only.
struct Spool {
    file: std::fs::File,
    counts: Vec<u64>,
    total: usize,
}

/// Arrays of the file that grow neuron by neuron.
struct Growing<'f, L: felice_store::Number> {
    states: Vec<Rows<'f, L>>,
    extremes: Vec<Rows<'f, L>>,
    numbers: Vec<Rows<'f, f64>>,
    status: Rows<'f, u8>,
    status_time: Rows<'f, f64>,
}

impl Work<'_> {
    /// Everything into the file; steps made and neurons failed.
    fn write<L: Width + felice_store::Number>(self) -> Result<(u64, usize), Failure> {
        let mut provenance = super::provenance();
        self.inputs.iter().cloned().for_each(|i| provenance.add_input(i));
        let file = FileWriter::create(&self.args.output.path, &provenance).map_err(Failure::file)?;
        let root = file.root();
        let neuron = self.begin(&root).map_err(Failure::file)?;
        let time = self.time(&root).map_err(Failure::file)?;
        let summary = root.group("summary").map_err(Failure::file)?;
        let neuron_too = summary.bare_axis("neuron", self.ensemble.len()).map_err(Failure::file)?;
        let mut growing = self.growing::<L>(&root, &summary, (&neuron, &neuron_too), &time).map_err(Failure::file)?;
        let mut spools = self.events.iter().map(|_| spool()).collect::<std::io::Result<Vec<_>>>().map_err(disk)?;
        let (mut outcome, mut failed) = (Ok(()), 0);
        let report = self.ensemble.run::<L>(&self.settings, |block| {
            failed += block.failures.len();
            outcome = self.append(&block, &mut growing, &mut spools);
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        let report = report.map_err(Failure::input)?;
        outcome?;
        growing.finish().map_err(Failure::file)?;
        const MEANINGS: &str = "done not_finite runaway stiff out_of_steps";
        root.flags("status", MEANINGS).map_err(Failure::file)?;
        let group = root.group("events").map_err(Failure::file)?;
        for ((name, _), spool) in self.events.iter().zip(spools) {
            write_ragged(&group, name, spool)?;
        }
        drop((neuron, time, neuron_too, summary, group, root));
        file.finish().map_err(Failure::file)?;
        Ok((report.accepted, failed))
    }

    /// Attributes, the neurons' dimension, and what differs from neuron to neuron.
    fn begin<'f>(&self, root: &Group<'f>) -> Result<Axis<'f>, StoreError> {
        let (args, info) = (self.args, self.model.info());
        root.attribute("model", info.name.as_ref())?;
        root.attribute("option", self.model.option().unwrap_or(""))?;
        root.attribute("precision", if args.precision == Precision::F32 { "f32" } else { "f64" })?;
        match self.settings.method {
            Method::Adaptive { rtol, atol } => {
                root.attribute("method", "Tsit5, adaptive, each neuron its own steps")?;
                root.attribute("rtol", rtol)?;
                root.attribute("atol", atol)?;
            }
            Method::Tsit5 { steps } | Method::Rk4 { steps } => {
                root.attribute("method", "Tsit5, fixed steps")?;
                root.attribute("steps", steps)?;
            }
        }
        let neuron = root.bare_axis("neuron", self.ensemble.len())?;
        let parameters = root.group("parameters")?;
        let each = parameters.bare_axis("neuron", self.ensemble.len())?;
        for ((name, value), p) in self.model.parameters().zip(info.parameters.iter()) {
            let unit = Unit::new(p.unit.to_string());
            match self.columns.iter().find(|(n, _)| n == name) {
                Some((_, values)) => parameters.array(name, &unit, &p.meaning, &[&each], values)?,
                None => parameters.scalar(name, &unit, &p.meaning, value)?,
            }
        }
        Ok(neuron)
    }

    fn time<'f>(&self, root: &Group<'f>) -> Result<Axis<'f>, StoreError> {
        let (last, end) = (self.settings.samples, self.settings.t_end);
        let at = |i: usize| if i == last { end } else { end * i as f64 / last as f64 };
        let times: Vec<f64> = (0..=last).map(at).collect();
        root.axis("t", &Unit::ONE, &format!("time, {}", self.model.info().time), &times)
    }

    fn growing<'f, L: felice_store::Number>(
        &self,
        root: &Group<'f>,
        summary: &Group<'f>,
        (neuron, each): (&Axis<'f>, &Axis<'f>),
        time: &Axis<'f>,
    ) -> Result<Growing<'f, L>, StoreError> {
        let info: &Info = self.model.info();
        let unit = |u: &str| Unit::new(u.to_owned());
        let (mut states, mut extremes, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
        for s in info.states.iter() {
            states.push(root.rows(&s.name, &unit(&s.unit), &s.meaning, &[neuron, time])?);
        }
        for (suffix, what) in [("min", "smallest"), ("max", "largest")] {
            for s in info.states.iter() {
                let name = format!("{}_{suffix}", s.name);
                extremes.push(summary.rows(&name, &unit(&s.unit), &format!("{what} {}", s.meaning), &[each])?);
            }
        }
        let first = &info.states[0];
        let period = format!("mean time between the last maxima of {}", first.name);
        numbers.push(summary.rows("period", &Unit::ONE, &period, &[each])?);
        let swing = format!("half the last swing of {}", first.name);
        numbers.push(summary.rows("amplitude", &unit(&first.unit), &swing, &[each])?);
        for s in info.states.iter() {
            let about = format!("{} at the stable fixed point reached; NaN: none", s.name);
            numbers.push(summary.rows(&format!("{}_fixed_point", s.name), &unit(&s.unit), &about, &[each])?);
        }
        let status = root.rows("status", &Unit::ONE, "how the neuron's run ended", &[neuron])?;
        let about = "time that the neuron's run reached";
        let status_time = root.rows("t_reached", &Unit::ONE, about, &[neuron])?;
        Ok(Growing { states, extremes, numbers, status, status_time })
    }

    fn append<L: Width + felice_store::Number>(
        &self,
        block: &Block<L>,
        growing: &mut Growing<L>,
        spools: &mut [Spool],
    ) -> Result<(), Failure> {
        let (dim, samples) = (growing.states.len(), self.settings.samples);
        let n = block.states.len() / dim;
        for (i, rows) in growing.states.iter_mut().enumerate() {
            let mut values = Vec::with_capacity(n * (samples + 1));
            for k in 0..n {
                values.push(L::from_f64(self.starts[(block.first + k) * dim + i]));
                values.extend((0..samples).map(|s| block.samples[(k * samples + s) * dim + i]));
            }
            rows.append(&values).map_err(Failure::file)?;
        }
        let s = &block.summary;
        let column = |from: &[L], i: usize| from.iter().skip(i).step_by(dim).copied().collect::<Vec<_>>();
        for (i, rows) in growing.extremes.iter_mut().enumerate() {
            let from = if i < dim { &s.least } else { &s.most };
            rows.append(&column(from, i % dim)).map_err(Failure::file)?;
        }
        for (i, rows) in growing.numbers.iter_mut().enumerate() {
            let values = match i {
                0 => s.period.clone(),
                1 => s.amplitude.clone(),
                _ => s.fixed_point.iter().skip(i - 2).step_by(dim).copied().collect(),
            };
            rows.append(&values).map_err(Failure::file)?;
        }
        let (mut status, mut reached) = (vec![0; n], vec![self.settings.t_end; n]);
        for f in &block.failures {
            (status[f.index - block.first], reached[f.index - block.first]) = (code(f.cause), f.t);
        }
        growing.status.append(&status).map_err(Failure::file)?;
        growing.status_time.append(&reached).map_err(Failure::file)?;
        for (ragged, spool) in block.events.iter().zip(spools) {
            let bytes: Vec<u8> = ragged.times.iter().flat_map(|t| t.to_le_bytes()).collect();
            spool.file.write_all(&bytes).map_err(disk)?;
            spool.counts.extend(&ragged.counts);
            spool.total += ragged.times.len();
        }
        Ok(())
    }
}

impl<L: felice_store::Number> Growing<'_, L> {
    fn finish(self) -> Result<(), StoreError> {
        self.states.into_iter().chain(self.extremes).try_for_each(Rows::finish)?;
        self.numbers.into_iter().try_for_each(Rows::finish)?;
        self.status.finish()?;
        self.status_time.finish()
    }
}

/// The number in the file's `status`.
fn code(cause: Cause) -> u8 {
    match cause {
        Cause::NotFinite => 1,
        Cause::Runaway => 2,
        Cause::Stiff => 3,
        Cause::Steps => 4,
    }
}

fn spool() -> std::io::Result<Spool> {
    Ok(Spool { file: tempfile::tempfile()?, counts: Vec::new(), total: 0 })
}

fn disk(e: std::io::Error) -> Failure {
    Failure::file(format!("a temporary file for event times: {e}; set TMPDIR to where there is room"))
}

/// Event times in CF's contiguous ragged form: all of neuron 0, all of neuron 1, and so on.
fn write_ragged(events: &Group, name: &str, mut spool: Spool) -> Result<(), Failure> {
    const AT_A_TIME: usize = 1 << 17;
    let write = || -> Result<_, StoreError> {
        let group = events.group(name)?;
        let neuron = group.bare_axis("neuron", spool.counts.len())?;
        let about = format!("times of {name} that each neuron has");
        group.array("row_size", &Unit::ONE, &about, &[&neuron], &spool.counts)?;
        group.annotate("row_size", "sample_dimension", "event")?;
        let event = group.bare_axis("event", spool.total)?;
        let about = format!("times at which {name} became true, one neuron after another as row_size says");
        group.rows::<f64>("time", &Unit::ONE, &about, &[&event])
    };
    let mut rows = write().map_err(Failure::file)?;
    spool.file.rewind().map_err(disk)?;
    let mut left = spool.total;
    while left > 0 {
        let mut bytes = vec![0; 8 * left.min(AT_A_TIME)];
        spool.file.read_exact(&mut bytes).map_err(disk)?;
        let number = |b: &[u8]| f64::from_le_bytes(b.try_into().unwrap_or_default());
        let times: Vec<f64> = bytes.chunks_exact(8).map(number).collect();
        rows.append(&times).map_err(Failure::file)?;
        left -= times.len();
    }
    rows.finish().map_err(Failure::file)
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
