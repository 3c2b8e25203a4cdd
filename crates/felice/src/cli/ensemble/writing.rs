//! An ensemble's file, block after block.

use super::Columns;
use crate::cli::failure::Failure;
use crate::cli::model::Precision;
use crate::cli::simulate::Simulate;
use felice_base::Unit;
use felice_neurons::ensemble::{Block, Cause, Ensemble, Method, Settings};
use felice_neurons::simd::Width;
use felice_neurons::{AnyNeuron, Info, Trigger};
use felice_store::{Axis, FileWriter, Group, Input, Rows, StoreError};
use indicatif::ProgressBar;
use std::io::{Read, Seek, Write};
use std::ops::ControlFlow;

/// What is written, and of what.
pub(super) struct Work<'a> {
    pub args: &'a Simulate,
    pub model: &'a AnyNeuron,
    pub ensemble: &'a Ensemble<AnyNeuron>,
    pub settings: Settings,
    pub starts: Vec<f64>,
    pub columns: Columns,
    pub events: Vec<(String, Trigger)>,
    pub inputs: Vec<Input>,
    pub bar: ProgressBar,
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
    pub fn write<L: Width + felice_store::Number>(self) -> Result<(u64, usize), Failure> {
        let mut provenance = crate::cli::provenance();
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
            self.bar.set_position((block.first + block.states.len() / self.model.dimension()) as u64);
            outcome = self.append(&block, &mut growing, &mut spools);
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        self.bar.finish_and_clear();
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
