//! [`merge`]: the shards of a study into the file that one machine alone would have written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use felice_store::{AttributeValue, Claim, FORMAT_VERSION, Input, Provenance, Reader, StoreError};

use crate::cost::Cost;
use crate::error::StudyError;
use crate::estimate::Disk;
use crate::finish;
use crate::mapping;
use crate::moved::{Moved, path_of};
use crate::plan::{Plan, Shard};
use crate::skeleton;
use crate::state::Paths;
use crate::study::Study;
use crate::subject::Simulations;
use crate::sweep::{Made, Outcome, outcome, same_file, subject_of, threads_or_all};

/// How shards are merged.
#[derive(Clone, Debug)]
pub struct MergeOptions {
    /// Threads; 0 for as many as the machine has.
    pub threads: usize,
    /// Leave the numbers in the shards and write a file that shows them as one.
    pub mapped: bool,
    /// Who makes the file; inputs, seed and engines are those of the shards.
    pub provenance: Provenance,
}

/// A shard's file, as far as its attributes tell.
pub(crate) struct Part {
    pub(crate) path: PathBuf,
    pub(crate) shard: Shard,
    pub(crate) failed: u64,
    pub(crate) spikes: u64,
    pub(crate) content: String,
}

/// What all shards of a study share.
#[derive(PartialEq)]
struct Common {
    creator: String,
    study: String,
    points: u64,
    shards: u64,
    seed: u64,
    engines: (String, String),
    inputs: Vec<String>,
}

/// Merges every shard of a study into `target`, whose data are those of an unsharded run. `progress`: points done, of all.
///
/// # Errors
/// [`StudyError::Shard`] where the shards do not belong together, one is missing or two overlap; [`StudyError::Store`]
/// where one is damaged or the target cannot be written. Then nothing stands under the target's name that was not there.
pub fn merge(
    shards: &[PathBuf],
    target: &Path,
    options: &MergeOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Outcome, StudyError> {
    let begin = Instant::now();
    let (parts, common) = parts(shards, target, &options.provenance.creator)?;
    let study = study_of(&parts[0], &common)?;
    let subject = subject_of(&study)?;
    let spikes: u64 = parts.iter().map(|p| p.spikes).sum();
    let failed = parts.iter().map(|p| p.failed).sum();
    let cost = Cost { seconds: 0.0, spikes: spikes as f64 / common.points as f64, ..Cost::default() };
    let plan = Plan::new(&study, &*subject, None, &cost)?;
    check_columns(&parts, &plan)?;
    let paths = Paths::of(target);
    if paths.journal.exists() {
        let what = format!("`{}` is there: an unfinished sweep", paths.journal.display());
        return Err(StudyError::request(what, "finish it with --resume, remove it, or choose another output"));
    }
    let claim = Claim::take(target)?;
    let threads = threads_or_all(options.threads);
    if !options.mapped {
        plan.estimate(&study, &cost, threads, Disk::UNKNOWN).check_space(target)?;
    }
    let provenance = provenance(&options.provenance, &common);
    let moved = Moved { parts: &parts, plan: &plan, total: common.points };
    let written = if options.mapped {
        mapping::write(&moved, claim, &study, &provenance, failed, progress)?
    } else {
        let draft = skeleton::build(claim, &study, &plan, &provenance)?.or_nothing();
        moved.copy_into(&draft, threads, progress)?;
        finish::write_coordinates(&draft, &study, &plan, &skeleton::coordinates(&study, &plan))?;
        draft.complete_arrays(threads, &|_, _, _| ())?;
        finish::finish(draft, &plan, failed, &moved, &moved.lines())?
    };
    let made = Made {
        found: common.points,
        failed,
        spikes,
        simulations: Simulations::default(),
        time: begin.elapsed(),
        start: Duration::ZERO,
    };
    outcome(&study, &plan, &written, made)
}

/// Checks that the files are all shards of one study, each once; in the order of their points.
fn parts(shards: &[PathBuf], target: &Path, creator: &str) -> Result<(Vec<Part>, Common), StudyError> {
    let wrong = |path: &Path, why: String| StudyError::Shard { path: path.to_owned(), why };
    let mut found: BTreeMap<u64, Part> = BTreeMap::new();
    let mut first: Option<(PathBuf, Common)> = None;
    for path in shards {
        if same_file(path, target) {
            return Err(wrong(path, "is a shard and the output at once; choose another output".into()));
        }
        let reader = Reader::open(path)?;
        let (part, common) = part(path, &reader).map_err(|why| wrong(path, why))?;
        match &first {
            None if common.creator != creator => {
                let why =
                    format!("was made by {}, this is {creator}; merge with the program that made it", common.creator);
                return Err(wrong(path, why));
            }
            None => first = Some((path.clone(), common)),
            Some((other, known)) => {
                if let Some(why) = common.differs(known, other) {
                    return Err(wrong(path, why));
                }
            }
        }
        let index = part.shard.index;
        if let Some(twice) = found.insert(index, part) {
            let why = format!("is shard {index} and so is `{}`; name each shard once", twice.path.display());
            return Err(wrong(path, why));
        }
    }
    let Some((path, common)) = first else {
        return Err(StudyError::request("no shard is named", "felice merge SHARD.h5 .. --output X.h5"));
    };
    let missing: Vec<String> = (0..common.shards).filter(|i| !found.contains_key(i)).map(|i| i.to_string()).collect();
    if !missing.is_empty() {
        let shown =
            if missing.len() > 20 { format!("{} and more", missing[..20].join(", ")) } else { missing.join(", ") };
        let why = format!(
            "is one of {} shards and {} of them are missing: {shown}; run those and name all",
            common.shards,
            missing.len()
        );
        return Err(wrong(&path, why));
    }
    Ok((found.into_values().collect(), common))
}

fn part(path: &Path, reader: &Reader) -> Result<(Part, Common), String> {
    let integer = |name: &str| match reader.attribute("/", name) {
        Ok(Some(AttributeValue::Integer(n))) => Some(n),
        _ => None,
    };
    let text = |name: &str| match reader.attribute("/", name) {
        Ok(Some(AttributeValue::Text(text))) => text,
        _ => String::new(),
    };
    let study = text("study_sha256");
    let points = integer("points").filter(|n| *n > 0 && !study.is_empty()).ok_or("is no dataset of a study")?;
    let version = integer("format_version").unwrap_or(0);
    if version != FORMAT_VERSION {
        return Err(format!(
            "has the layout {version}, this program knows {FORMAT_VERSION}; merge with the program that made it"
        ));
    }
    let (index, shards) =
        integer("shard").zip(integer("shards")).ok_or("is no shard: it holds all points of its study")?;
    if index >= shards || shards > points {
        return Err(format!("says that it is shard {index} of {shards} over {points} points"));
    }
    let spikes = reader.shape("spikes/spike_time").map_or(0, |s| s.first().copied().unwrap_or(0)) as u64;
    let inputs = match reader.attribute("/", "inputs_sha256") {
        Ok(Some(AttributeValue::Texts(lines))) => lines,
        _ => Vec::new(),
    };
    let common = Common {
        creator: text("creator"),
        study,
        points,
        shards,
        seed: integer("seed").unwrap_or(0),
        engines: (text("engine"), text("engine_version")),
        inputs,
    };
    let part = Part {
        path: path.to_owned(),
        shard: Shard { index, count: shards },
        failed: integer("failed").unwrap_or(0),
        spikes,
        content: text("content_sha256"),
    };
    Ok((part, common))
}

impl Common {
    /// In what it is not like the first shard.
    fn differs(&self, first: &Common, other: &Path) -> Option<String> {
        let other = other.display();
        let two = |what: &str, a: &dyn std::fmt::Display, b: &dyn std::fmt::Display| {
            Some(format!("is not of the same sweep as `{other}`: its {what} is {a}, the other's {b}"))
        };
        match () {
            () if self.creator != first.creator => two("program", &self.creator, &first.creator),
            () if self.study != first.study => two("study's hash", &self.study, &first.study),
            () if self.seed != first.seed => two("seed", &self.seed, &first.seed),
            () if self.points != first.points => two("study's size", &self.points, &first.points),
            () if self.shards != first.shards => two("number of shards", &self.shards, &first.shards),
            () if self.engines != first.engines => {
                let words = |e: &(String, String)| format!("{} {}", e.0, e.1);
                two("engine", &words(&self.engines), &words(&first.engines))
            }
            () => None,
        }
    }
}

/// The study within a shard.
fn study_of(part: &Part, common: &Common) -> Result<Study, StudyError> {
    let wrong = |why: String| StudyError::Shard { path: part.path.clone(), why };
    let reader = Reader::open_checked(&part.path)?;
    let text = reader.texts("study/text")?.pop().unwrap_or_default();
    let (mut names, mut texts) = (Vec::new(), Vec::new());
    if reader.datasets("study")?.iter().any(|d| d == "input") {
        (names, texts) = (reader.texts("study/input")?, reader.texts("study/input_text")?);
    }
    let open = |name: &str| match names.iter().zip(&texts).find(|(n, _)| *n == name) {
        Some((_, text)) => Ok(text.clone().into_bytes()),
        None => Err(StoreError::Missing { path: part.path.clone(), what: "input", name: name.to_owned() }),
    };
    let study = Study::parse(&text, &format!("{}:/study/text", part.path.display()), &open)?;
    if study.sha256() != common.study || study.points() != common.points || study.seed != common.seed {
        return Err(wrong("holds another study than its attributes say".into()));
    }
    Ok(study)
}

fn check_columns(parts: &[Part], plan: &Plan) -> Result<(), StudyError> {
    for part in parts {
        let reader = Reader::open_checked(&part.path)?;
        let range = part.shard.range(plan.points());
        for column in &plan.columns {
            let mut shape = vec![(range.end - range.start) as usize];
            if column.width > 1 {
                shape.push(column.width);
            }
            let path = path_of(column);
            if reader.shape(&path)? != shape || reader.kind(&path)? != column.kind.numpy() {
                let why = format!("has a `{path}` that is not what its study asks for; it was made by another program");
                return Err(StudyError::Shard { path: part.path.clone(), why });
            }
        }
    }
    Ok(())
}

fn provenance(from: &Provenance, common: &Common) -> Provenance {
    let mut provenance = from.clone();
    provenance.seed = common.seed;
    for line in &common.inputs {
        if let Some((sha256, name)) = line.split_once("  ") {
            provenance.add_input(Input { name: name.to_owned(), sha256: sha256.to_owned() });
        }
    }
    let (names, versions) = &common.engines;
    for (name, version) in names.split(", ").zip(versions.split(", ")).filter(|(n, _)| !n.is_empty()) {
        provenance.add_engine(name, version);
    }
    provenance
}
