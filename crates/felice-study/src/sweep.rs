//! [`sweep`]: a study into a file, begun or continued.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use felice_store::{AttributeValue, Claim, Draft, Heap, Input, Journal, Provenance, Reader, Written};

use crate::circuit_run::CircuitSubject;
use crate::cost::{self, Cost};
use crate::datasheet;
use crate::ensemble_run::EnsembleSubject;
use crate::error::StudyError;
use crate::estimate::{Disk, Estimate};
use crate::finish::{self, Heaped};
use crate::follow::Follower;
use crate::model_run::ModelSubject;
use crate::plan::{Plan, Shard};
use crate::runner::{Progress, Runner};
use crate::skeleton;
use crate::state::{self, Paths, Record};
use crate::study::{Study, SubjectSpec};
use crate::subject::{Simulations, Subject};

/// How a sweep is run.
#[derive(Clone, Debug)]
pub struct Options<'o> {
    /// Threads; 0 for as many as the machine has.
    pub threads: usize,
    /// A share of the points instead of all.
    pub shard: Option<Shard>,
    /// Go on with what an earlier process left.
    pub resume: bool,
    /// Set it to finish the running units and stop.
    pub stop: &'o AtomicBool,
    /// Who makes the file; inputs, seed and engines are added.
    pub provenance: Provenance,
}

/// What a sweep did.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The file; none of its bytes changed where it had been complete before.
    pub path: PathBuf,
    /// Points in it.
    pub points: u64,
    /// Points that earlier processes had done.
    pub found: u64,
    /// Points that failed.
    pub failed: u64,
    /// Spikes.
    pub spikes: u64,
    /// Simulations of circuits by this process: those that an engine ran, and those that the cache had.
    pub simulations: Simulations,
    /// Size in bytes.
    pub bytes: u64,
    /// Hash over all data.
    pub content_sha256: String,
    /// The datasheet beside it.
    pub datasheet: PathBuf,
    /// Time that this process took.
    pub time: Duration,
    /// Of which until the first unit was begun.
    pub start: Duration,
}

/// Times that units found damaged are run again before the disk is given up.
const REPAIRS: usize = 3;

/// What runs a study's points.
pub(crate) fn subject_of(study: &Study) -> Result<Box<dyn Subject + '_>, StudyError> {
    match &study.subject {
        SubjectSpec::Model(spec) if spec.ensemble.is_some() => Ok(Box::new(EnsembleSubject::new(study, spec))),
        SubjectSpec::Model(spec) => Ok(Box::new(ModelSubject::new(study, spec))),
        SubjectSpec::Circuit(spec) => Ok(Box::new(CircuitSubject::new(study, spec))),
    }
}

/// What a sweep would take, without running more than a few points of it. Where a target is given, its disk is tried with a
/// file that is removed again.
///
/// # Errors
/// [`StudyError`], [`StudyError::NoSpace`] where a target is given whose disk has no room for it.
pub fn estimate(
    study: &Study,
    shard: Option<Shard>,
    threads: usize,
    target: Option<&Path>,
) -> Result<Estimate, StudyError> {
    target.map_or(Ok(()), |t| check_inputs(study, t))?;
    let subject = subject_of(study)?;
    subject.ready()?;
    let threads = threads_or_all(threads);
    let cost = Cost::measure(study, &*subject, threads, cost::THOROUGH);
    let plan = Plan::new(study, &*subject, shard, &cost)?;
    let estimate = plan.estimate(study, &cost, threads, Disk::UNKNOWN);
    let Some(target) = target else { return Ok(estimate) };
    estimate.check_space(target)?;
    Ok(plan.estimate(study, &cost, threads, Disk::of(target, estimate.file)))
}

/// Threads beyond which a system may refuse more.
const MOST_THREADS: usize = 1024;

pub(crate) fn threads_or_all(threads: usize) -> usize {
    let all = || std::thread::available_parallelism().map_or(1, usize::from);
    if threads > 0 { threads.min(MOST_THREADS) } else { all() }
}

/// Refuses to write over the study or what it names.
fn check_inputs(study: &Study, target: &Path) -> Result<(), StudyError> {
    let folder = Path::new(&study.file).parent().unwrap_or(Path::new(""));
    let inputs = study.inputs.iter().map(|i| folder.join(&i.name));
    match inputs.chain([PathBuf::from(&study.file)]).find(|input| same_file(input, target)) {
        Some(input) => {
            let what = format!("`{}` is what the study is read from and the output at once", input.display());
            Err(StudyError::request(what, "choose another output"))
        }
        None => Ok(()),
    }
}

pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}

/// Runs a study into `target`.
///
/// # Errors
/// [`StudyError`]. Nothing stands under the final name before the file is whole; what is done so far is kept beside it
/// (`.partial`, `.journal`, `.heap`) and continued with [`Options::resume`].
pub fn sweep(
    study: &Study,
    target: &Path,
    options: &Options<'_>,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Outcome, StudyError> {
    let begin = Instant::now();
    check_inputs(study, target)?;
    let claim = Claim::take(target)?;
    let paths = Paths::of(target);
    if options.resume
        && let Some(outcome) = complete_already(study, target, options, &claim)?
    {
        paths.remove();
        return Ok(outcome);
    }
    let threads = threads_or_all(options.threads);
    let subject = subject_of(study)?;
    subject.ready()?;
    let begun = begin_or_resume(study, &*subject, claim, &paths, options, threads)?;
    let Begun { plan, draft, heap, mut journal, mut records } = begun;
    let points = |records: &BTreeMap<u64, Record>| records.keys().map(|u| plan.unit_range(*u).1 as u64).sum::<u64>();
    let found = points(&records);
    let follower = Follower::new(&plan);
    records.values().for_each(|r| follower.done(r.unit, r.crcs.clone()));
    let coordinates = skeleton::coordinates(study, &plan);
    let start = begin.elapsed();
    progress(&Progress { done: found, total: plan.points(), failed: 0, rate: 0.0, left: None });
    for _ in 0..=REPAIRS {
        let pending: Vec<u64> = (0..plan.units()).filter(|u| !records.contains_key(u)).collect();
        if !pending.is_empty() {
            let (draft, heap, follower, stop) = (&draft, &heap, &follower, options.stop);
            let runner = Runner { study, plan: &plan, subject: &*subject, draft, heap, follower, threads, stop };
            let new = runner.run(&pending, &mut journal, points(&records), progress)?;
            records.extend(new.into_iter().map(|r| (r.unit, r)));
        }
        finish::write_coordinates(&draft, study, &plan, &coordinates)?;
        let bad = follower.complete(&draft, &heap, &records, threads)?;
        if bad.is_empty() {
            let all: Vec<Record> = records.into_values().collect();
            let (failed, spikes) = (all.iter().map(|r| r.failed).sum(), all.iter().map(|r| r.spikes).sum());
            let written = finish::finish(draft, &plan, failed, &Heaped { heap: &heap, records: &all }, &[])?;
            paths.remove();
            let simulations = subject.simulations();
            let made = Made { found, failed, spikes, simulations, time: begin.elapsed(), start };
            return outcome(study, &plan, &written, made);
        }
        for unit in bad {
            records.remove(&unit);
            follower.undone(unit);
        }
    }
    let why = format!("the disk gave back other bytes than were written, {REPAIRS} times; check it");
    Err(StudyError::Unfinished { path: target.to_owned(), why })
}

/// What a sweep or a merge knows when it ends.
pub(crate) struct Made {
    pub found: u64,
    pub failed: u64,
    pub spikes: u64,
    pub simulations: Simulations,
    pub time: Duration,
    pub start: Duration,
}

pub(crate) fn outcome(study: &Study, plan: &Plan, written: &Written, made: Made) -> Result<Outcome, StudyError> {
    let outcome = Outcome {
        path: written.path.clone(),
        points: plan.points(),
        found: made.found,
        failed: made.failed,
        spikes: made.spikes,
        simulations: made.simulations,
        bytes: written.bytes,
        content_sha256: written.content_sha256.clone(),
        datasheet: datasheet::path_of(&written.path),
        time: made.time,
        start: made.start,
    };
    datasheet::write(study, plan, &outcome)?;
    Ok(outcome)
}

struct Begun {
    plan: Plan,
    draft: Draft,
    heap: Heap,
    journal: Journal,
    records: BTreeMap<u64, Record>,
}

fn begin_or_resume(
    study: &Study,
    subject: &dyn Subject,
    claim: Claim,
    paths: &Paths,
    options: &Options<'_>,
    threads: usize,
) -> Result<Begun, StudyError> {
    let creator = &options.provenance.creator;
    if !paths.journal.exists() {
        let cost = Cost::measure(study, subject, 1, cost::BRIEF);
        let plan = Plan::new(study, subject, options.shard, &cost)?;
        plan.estimate(study, &cost, threads, Disk::UNKNOWN).check_space(claim.target())?;
        let draft = skeleton::build(claim, study, &plan, &provenance(study, subject, options))?;
        let _ = fs::remove_file(&paths.heap);
        let heap = Heap::open(&paths.heap, 0)?;
        let header = state::header(study, &plan, creator, draft.skeleton());
        let journal = Journal::create(&paths.journal, &header, Record::length(plan.columns.len()))?;
        return Ok(Begun { plan, draft, heap, journal, records: BTreeMap::new() });
    }
    if !options.resume {
        let what = format!("`{}` is there: an unfinished sweep", paths.journal.display());
        return Err(StudyError::request(what, "go on with --resume, or remove it to begin again"));
    }
    let mut plan = Plan::new(study, subject, options.shard, &Cost::default())?;
    let (mut journal, state) = state::read(&paths.journal, study, &plan, creator)?;
    plan.unit = state.unit;
    let end = state.done.iter().chain(&state.unsure).map(|r| r.heap.0.saturating_add(r.heap.1)).max().unwrap_or(0);
    let draft = Draft::resume(claim, state.skeleton)?;
    let heap = Heap::open(&paths.heap, end)?;
    let mut records: BTreeMap<u64, Record> = state.done.into_iter().map(|r| (r.unit, r)).collect();
    let unsure = state.unsure.len();
    for record in state.unsure {
        if rewrite(&draft, &heap, &plan, &record)? {
            records.insert(record.unit, record);
        }
    }
    if unsure > 0 {
        draft.sync()?;
        heap.sync()?;
        journal.append(&[Record::synced(plan.columns.len())])?;
        journal.sync()?;
    }
    Ok(Begun { plan, draft, heap, journal, records })
}

/// Reads a unit that may not be on the disk and writes it once more: after a failed sync the system holds pages for
/// clean that never reached the disk. False where its bytes are not those that were journaled.
fn rewrite(draft: &Draft, heap: &Heap, plan: &Plan, record: &Record) -> Result<bool, StudyError> {
    let Some(ragged) = finish::ragged_bytes(heap, record) else { return Ok(false) };
    let (first, count) = plan.unit_range(record.unit);
    for (array, (column, crc)) in plan.columns.iter().zip(&record.crcs).enumerate() {
        let mut bytes = vec![0; count * column.width * column.kind.bytes()];
        let start = (first - plan.range.start) * column.width as u64;
        draft.read(array, start, &mut bytes)?;
        if crc32fast::hash(&bytes) != *crc {
            return Ok(false);
        }
        draft.write(array, start, &bytes)?;
    }
    heap.put_again(record.heap.0, &ragged)?;
    Ok(true)
}

fn provenance(study: &Study, subject: &dyn Subject, options: &Options<'_>) -> Provenance {
    let mut provenance = options.provenance.clone();
    provenance.seed = study.seed;
    provenance.add_input(Input::of(study.file.clone(), &study.text));
    // Named in the study relative to it; in the file as one who stands here would name them.
    let folder = Path::new(&study.file).parent().unwrap_or(Path::new(""));
    let here = |name: &str| folder.join(name).display().to_string();
    study.inputs.iter().for_each(|i| provenance.add_input(Input::of(here(&i.name), &i.text)));
    subject.engines().iter().for_each(|(name, version)| provenance.add_engine(name, version));
    provenance
}

/// Where the target is this very study's, whole, and nothing is left to do.
fn complete_already(
    study: &Study,
    target: &Path,
    options: &Options<'_>,
    claim: &Claim,
) -> Result<Option<Outcome>, StudyError> {
    // An unfinished sweep beside an older file is what is to be continued.
    if !target.is_file() || !claim.is_empty() {
        return Ok(None);
    }
    let reader = Reader::open(target)?;
    let integer = |name: &str| match reader.attribute("/", name) {
        Ok(Some(AttributeValue::Integer(n))) => Some(n),
        _ => None,
    };
    let text = |name: &str| match reader.attribute("/", name) {
        Ok(Some(AttributeValue::Text(text))) => text,
        _ => String::new(),
    };
    let shard = integer("shard").zip(integer("shards")).map(|(index, count)| Shard { index, count });
    if text("study_sha256") != study.sha256() || shard != options.shard {
        let what = format!("`{}` is there and is not of this study", target.display());
        return Err(StudyError::request(what, "choose another output, or leave --resume out to replace it"));
    }
    let points = options.shard.map_or(0..study.points(), |s| s.range(study.points()));
    Ok(Some(Outcome {
        path: target.to_owned(),
        points: points.end - points.start,
        found: points.end - points.start,
        failed: integer("failed").unwrap_or(0),
        spikes: 0,
        simulations: Simulations::default(),
        bytes: fs::metadata(target).map_or(0, |m| m.len()),
        content_sha256: text("content_sha256"),
        datasheet: datasheet::path_of(target),
        time: Duration::ZERO,
        start: Duration::ZERO,
    }))
}
