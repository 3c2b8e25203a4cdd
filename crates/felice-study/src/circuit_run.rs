//! Running a circuit at a study's points.

use std::sync::atomic::{AtomicU64, Ordering};

use felice_base::{Signal, Unit};
use felice_spice::native::{Departure, Transistor, depart};
use felice_spice::{Circuit, EngineChoice, Job, Settings, Simulation, long_name_of, unit_of};
use felice_subthreshold::{Card, Deviation, deviation_of};
use felice_verify::{Found, Prepared, compare_once, rising};

use crate::circuit::{CaseSpec, CircuitSpec};
use crate::error::StudyError;
use crate::model;
use crate::quantity::{Channel, Quantity, Target};
use crate::study::{Outputs, Precision, Study};
use crate::subject::{Block, Column, Kind, Simulations, Subject, UnitPoints};
use crate::summary;

/// A circuit with everything that a study of it needs.
pub struct CircuitSubject<'s> {
    spec: &'s CircuitSpec,
    outputs: &'s Outputs,
    seed: u64,
    quantities: Vec<&'s Quantity>,
    names: Vec<String>,
    sampled: Vec<usize>,
    columns: Vec<Column>,
    run: AtomicU64,
    cached: AtomicU64,
}

/// What a point changes.
#[derive(Default)]
struct Changes<'p> {
    parameters: Vec<(&'p str, f64)>,
    initial: Vec<(&'p str, f64)>,
    temperature: Option<f64>,
    /// Threshold and current of nFETs and pFETs.
    corner: Option<[[f64; 2]; 2]>,
    card: Option<Card>,
}

impl<'s> CircuitSubject<'s> {
    /// The circuit of a study.
    pub fn new(study: &'s Study, spec: &'s CircuitSpec) -> Self {
        let outputs = &study.outputs;
        let names = spec.names();
        let wanted = |i: &usize| outputs.states.is_empty() || outputs.states.contains(&names[*i]);
        let sampled: Vec<usize> = (0..names.len()).filter(wanted).collect();
        let float = if study.precision == Precision::F32 { Kind::F32 } else { Kind::F64 };
        let column = |name: String, unit: &str, long_name: String, kind, width| Column {
            name,
            unit: unit.to_owned(),
            long_name,
            kind,
            width,
        };
        let mut columns = Vec::new();
        let vector = |i: usize| (unit_of(&spec.vectors[i]), long_name_of(&spec.vectors[i]));
        if let Some(samples) = outputs.samples {
            for i in sampled.iter().copied() {
                let (unit, about) = vector(i);
                columns.push(column(names[i].clone(), unit.symbol(), about, float, samples as usize));
            }
        }
        if outputs.summary {
            for (i, name) in names.iter().enumerate() {
                let (unit, about) = vector(i);
                for (suffix, what) in [("min", "smallest"), ("max", "largest"), ("end", "last")] {
                    let about = format!("{what} value of {}, {about}", spec.vectors[i]);
                    columns.push(column(format!("{name}_{suffix}"), unit.symbol(), about, float, 1));
                }
            }
            let (first, unit) = (&spec.vectors[0], unit_of(&spec.vectors[0]));
            let period = format!("mean time between the last maxima of {first}");
            columns.push(column("period".into(), "s", period, float, 1));
            columns.push(column(
                "amplitude".into(),
                unit.symbol(),
                format!("half the last swing of {first}"),
                float,
                1,
            ));
            if let Some((vector, level)) = &spec.spike {
                let about = format!("spikes: upward crossings of {level} by {vector}");
                columns.push(column("spike_count".into(), "1", about, Kind::U64, 1));
            }
            for m in spec.nominal.measures.iter().filter(|m| m.analysis == "tran") {
                let about = format!("`.meas` {} of the netlist", m.name);
                columns.push(column(
                    format!("meas_{}", crate::circuit::plain(&m.name)),
                    m.what.unit(&Unit::SECOND).symbol(),
                    about,
                    float,
                    1,
                ));
            }
        }
        for metric in &outputs.metrics {
            columns.push(column(
                format!("metric_{}", metric.name()),
                metric.unit().symbol(),
                format!("circuit against model: {}", metric.long_name()),
                float,
                1,
            ));
        }
        CircuitSubject {
            spec,
            outputs,
            seed: study.seed,
            quantities: study.quantities(),
            names,
            sampled,
            columns,
            run: AtomicU64::new(0),
            cached: AtomicU64::new(0),
        }
    }

    /// Samples of a run, and how many of them lie between two that are kept.
    fn grid(&self) -> (usize, usize) {
        let case = self.spec.case.as_ref().filter(|_| !self.outputs.metrics.is_empty());
        let fine = self.outputs.summary || self.outputs.spikes;
        let least = case.map_or(0, |c| c.case.samples).max(if fine { summary::SAMPLES } else { 2 });
        summary::grid(self.outputs.samples, least)
    }

    fn changes(&self, points: &UnitPoints, row: usize) -> Changes<'_> {
        let mut changes = Changes::default();
        for (quantity, values) in self.quantities.iter().zip(&points.values) {
            let x = values[row];
            if x.is_nan() {
                continue;
            }
            let corner = &mut changes.corner;
            match &quantity.target {
                Target::Parameter(name) => changes.parameters.push((name, x)),
                Target::Initial(node) => changes.initial.push((node, x)),
                Target::Temperature => changes.temperature = Some(x),
                Target::Threshold(channel) => corner.get_or_insert_default()[*channel as usize][0] = x,
                Target::Current(channel) => corner.get_or_insert_default()[*channel as usize][1] = x,
                Target::Card(table, key) => {
                    let own = || self.spec.case.as_ref().and_then(|c| c.card.clone()).unwrap_or_default();
                    let card = changes.card.get_or_insert_with(own);
                    if let Some(place) = model::entry(card, table, key) {
                        place.value = x;
                    }
                }
                Target::Stimulus(..) => {}
            }
        }
        changes
    }

    fn simulate(&self, changes: &Changes<'_>, copy: Option<u64>) -> Result<Simulation, StudyError> {
        let plain = changes.parameters.is_empty() && changes.initial.is_empty() && changes.temperature.is_none();
        let departs = copy.is_some() || changes.corner.is_some();
        // Reading the netlist takes as long as many a transient: it is read again only where its text must be.
        let job = match (plain, departs) {
            (true, true) => Job::of_circuit(self.depart(&self.spec.base, changes, copy)),
            _ => {
                let job = self.spec.job(&changes.parameters, &changes.initial, changes.temperature)?;
                match departs {
                    false => job,
                    true => {
                        let circuit = job.circuit().map_err(|e| self.spec.source.locate(e))?;
                        Job::of_circuit(self.depart(&circuit, changes, copy))
                    }
                }
            }
        };
        let settings = Settings { samples: Some(self.grid().0), ..self.spec.settings.clone() };
        let choice = EngineChoice::Only(self.spec.engine);
        let result = felice_spice::simulate(&job, choice, &settings);
        let count = if result.as_ref().is_ok_and(|s| s.cached) { &self.cached } else { &self.run };
        count.fetch_add(1, Ordering::Relaxed);
        result.map_err(|e| self.spec.source.locate(e))
    }

    /// Moves every transistor as its corner and its copy have it.
    fn depart(&self, circuit: &Circuit, changes: &Changes<'_>, copy: Option<u64>) -> Circuit {
        let corner = changes.corner.unwrap_or_default();
        let departure = |(nth, t): (usize, &'s Transistor)| {
            let channel = match t.polarity {
                felice_spice::circuit::Polarity::N => Channel::N,
                felice_spice::circuit::Polarity::P => Channel::P,
            };
            let [threshold, current] = corner[channel as usize];
            let own = match (copy, self.spec.mismatch, circuit.sizes.get(&t.element).copied().or(t.size)) {
                (Some(n), Some((a_vt, a_beta)), Some((w, l))) => {
                    let root = (w * l).sqrt();
                    deviation_of(self.seed, n, nth, Deviation { dvt: a_vt / root, dbeta: a_beta / root })
                }
                _ => Deviation::default(),
            };
            // A current factor of a tenth is where a normal distribution stops meaning anything.
            let current = (1.0 + current).max(0.1) * (1.0 + own.dbeta).max(0.1);
            (t, Departure { threshold: threshold + own.dvt, current })
        };
        let changes: Vec<_> = self.spec.transistors.iter().enumerate().map(departure).collect();
        depart(circuit, &changes)
    }

    fn fill(&self, simulation: &Simulation, row: usize, block: &mut Block) -> Result<(), String> {
        let (t, stride) = (simulation.axis(), self.grid().1);
        let values = |i: usize| {
            let vector = &self.spec.vectors[i];
            simulation.vector(vector).map(|s| s.values.as_slice()).ok_or_else(|| format!("the engine gave no {vector}"))
        };
        let mut column = 0;
        let mut put = |block: &mut Block, numbers: &mut dyn Iterator<Item = f64>| {
            block.put(column, row, numbers);
            column += 1;
        };
        if self.outputs.samples.is_some() {
            for i in &self.sampled {
                put(block, &mut values(*i)?.iter().step_by(stride).copied());
            }
        }
        let spikes = match &self.spec.spike {
            Some((vector, level)) => {
                let at = self.spec.vectors.iter().position(|v| v == vector).unwrap_or(0);
                rising(t, values(at)?, *level)
            }
            None => Vec::new(),
        };
        if self.outputs.summary {
            for i in 0..self.names.len() {
                let [least, most, last] = summary::extremes(values(i)?);
                [least, most, last].into_iter().for_each(|x| put(block, &mut std::iter::once(x)));
            }
            let (period, amplitude) = summary::last_oscillation(t, values(0)?);
            put(block, &mut std::iter::once(period));
            put(block, &mut std::iter::once(amplitude));
            if self.spec.spike.is_some() {
                put(block, &mut std::iter::once(spikes.len() as f64));
            }
            for m in self.spec.nominal.measures.iter().filter(|m| m.analysis == "tran") {
                let found = simulation.measures.iter().find(|found| found.name == m.name).and_then(|found| found.value);
                put(block, &mut std::iter::once(found.unwrap_or(f64::NAN)));
            }
        }
        if self.outputs.spikes {
            block.spikes[row] = spikes;
        }
        Ok(())
    }

    fn compare(&self, case: &CaseSpec, changes: &Changes<'_>, simulation: &Simulation) -> Result<Vec<Found>, String> {
        // The model follows what the study says of the silicon, but no single copy's mismatch.
        let mut card = changes.card.clone();
        if changes.temperature.is_some() || changes.corner.is_some() {
            card = card.or_else(|| case.card.clone());
        }
        if let (Some(card), Some(kelvin)) = (&mut card, changes.temperature) {
            model::set_temperature(card, kelvin);
        }
        if let (Some(card), Some([nfet, pfet])) = (&mut card, changes.corner) {
            card.move_corner(nfet, pfet);
        }
        let varied = match &card {
            Some(card) => Some(Prepared::with_card(&case.case, Some(card)).map_err(|e| e.to_string())?),
            None => None,
        };
        let prepared = varied.as_ref().unwrap_or(&case.prepared);
        compare_once(&case.case, prepared, simulation).map_err(|e| e.to_string())
    }

    fn row(&self, points: &UnitPoints, row: usize, block: &mut Block) -> Result<(), String> {
        let changes = self.changes(points, row);
        let copy = points.copies.as_ref().map(|c| c[row]);
        let simulation = self.simulate(&changes, copy).map_err(|e| e.to_string())?;
        self.fill(&simulation, row, block)?;
        if let Some(case) = self.spec.case.as_ref().filter(|_| !self.outputs.metrics.is_empty()) {
            let found = self.compare(case, &changes, &simulation)?;
            let first = self.columns.len() - self.outputs.metrics.len();
            for (i, name) in self.outputs.metrics.iter().enumerate() {
                let value = found.iter().find(|(n, _)| n == name).and_then(|(_, x)| x.clone().ok());
                block.put(first + i, row, [value.unwrap_or(f64::NAN)]);
            }
        }
        Ok(())
    }
}

impl Subject for CircuitSubject<'_> {
    fn columns(&self) -> Vec<Column> {
        self.columns.clone()
    }

    fn sample_axis(&self) -> Option<Signal> {
        let last = self.outputs.samples?.saturating_sub(1);
        let (from, to) = (self.spec.tran.start, self.spec.tran.stop);
        let time = |i: u64| if i == last { to } else { from + (to - from) * i as f64 / last as f64 };
        Some(Signal::new("t", Unit::SECOND, "time", (0..=last).map(time).collect()))
    }

    fn spikes(&self) -> bool {
        self.outputs.spikes
    }

    fn time_unit(&self) -> &'static str {
        "s"
    }

    fn run(&self, points: &UnitPoints, rows: &[usize], block: &mut Block) {
        for row in rows.iter().copied() {
            if let Err(reason) = self.row(points, row, block) {
                block.fail(row, reason);
            }
        }
    }

    fn simulations(&self) -> Simulations {
        Simulations { run: self.run.load(Ordering::Relaxed), cached: self.cached.load(Ordering::Relaxed) }
    }

    fn engines(&self) -> Vec<(String, String)> {
        let version = felice_spice::engine(self.spec.engine).and_then(|e| e.version());
        vec![(self.spec.engine.to_string(), version.unwrap_or_else(|_| "unknown".into()))]
    }

    fn ready(&self) -> Result<(), StudyError> {
        felice_spice::engine(self.spec.engine).and_then(|e| e.version()).map(drop).map_err(StudyError::from)
    }
}
