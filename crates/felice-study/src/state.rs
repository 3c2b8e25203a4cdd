//! What a sweep keeps on the disk while it runs: a journal of finished units, and a heap of what has no fixed size.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use felice_store::{Found, Journal, Skeleton};
use serde_json::{Value, json};

use crate::error::StudyError;
use crate::plan::Plan;
use crate::study::Study;

/// Version of the journal's contents.
const VERSION: u64 = 1;

/// The files beside the target.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Journal of finished units.
    pub journal: PathBuf,
    /// Spike times and failures.
    pub heap: PathBuf,
}

impl Paths {
    /// `X.h5.journal` and `X.h5.heap`.
    pub fn of(target: &Path) -> Self {
        let with = |extension: &str| {
            let mut name = OsString::from(target.as_os_str());
            name.push(extension);
            PathBuf::from(name)
        };
        Paths { journal: with(".journal"), heap: with(".heap") }
    }

    /// Removes both; what is not there is not missed.
    pub fn remove(&self) {
        let _ = std::fs::remove_file(&self.journal);
        let _ = std::fs::remove_file(&self.heap);
    }
}

/// A finished unit, as journaled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which.
    pub unit: u64,
    /// Where its spikes and failures are in the heap.
    pub heap: (u64, u64),
    /// Checksum of those bytes.
    pub heap_crc: u32,
    /// Number of spikes.
    pub spikes: u64,
    /// Number of failed points.
    pub failed: u64,
    /// Checksum of its rows in each column.
    pub crcs: Vec<u32>,
}

/// In place of a unit's number: everything before is on the disk.
const SYNCED: u64 = u64::MAX;

impl Record {
    /// Length in bytes for so many columns.
    pub fn length(columns: usize) -> usize {
        5 * 8 + 4 + 4 * columns
    }

    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::length(self.crcs.len()));
        for n in [self.unit, self.heap.0, self.heap.1, self.spikes, self.failed] {
            bytes.extend_from_slice(&n.to_le_bytes());
        }
        for n in [self.heap_crc].iter().chain(&self.crcs) {
            bytes.extend_from_slice(&n.to_le_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_at_checked(40)?;
        let n: Vec<u64> = head.as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b)).collect();
        let mut crcs = rest.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b));
        let heap_crc = crcs.next()?;
        Some(Record { unit: n[0], heap: (n[1], n[2]), heap_crc, spikes: n[3], failed: n[4], crcs: crcs.collect() })
    }

    /// The mark that everything journaled before it is on the disk.
    pub fn synced(columns: usize) -> Vec<u8> {
        let mut bytes = vec![0; Self::length(columns)];
        bytes[..8].copy_from_slice(&SYNCED.to_le_bytes());
        bytes
    }
}

/// What a journal says of a sweep.
pub struct State {
    /// Points of a unit.
    pub unit: u64,
    /// The file's skeleton.
    pub skeleton: Skeleton,
    /// Units that are on the disk.
    pub done: Vec<Record>,
    /// Units that were journaled after the last sync.
    pub unsure: Vec<Record>,
}

/// The header of a sweep's journal.
pub fn header(study: &Study, plan: &Plan, creator: &str, skeleton: &Skeleton) -> Vec<u8> {
    let about = json!({
        "version": VERSION,
        "creator": creator,
        "study": study.sha256(),
        "shard": plan.shard.map(|s| s.to_string()),
        "unit": plan.unit,
        "points": [plan.range.start, plan.range.end],
        "columns": plan.columns.len(),
    });
    let about = about.to_string();
    let mut bytes = (about.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(about.as_bytes());
    bytes.extend_from_slice(&skeleton.to_bytes());
    bytes
}

/// Reads the journal of a sweep that is to be continued; `plan` has everything but its unit right.
///
/// # Errors
/// [`StudyError::Unfinished`] where it is another sweep's or damaged.
pub fn read(path: &Path, study: &Study, plan: &Plan, creator: &str) -> Result<(Journal, State), StudyError> {
    let (journal, found) = Journal::open(path)?;
    let state = parse(&found, study, plan, creator);
    let state = state.map_err(|why| StudyError::Unfinished { path: path.to_owned(), why })?;
    Ok((journal, state))
}

fn parse(found: &Found, study: &Study, plan: &Plan, creator: &str) -> Result<State, String> {
    let damaged = || "its header is damaged; remove it, its .partial and its .heap, and begin again".to_owned();
    let (length, rest) = found.header.split_first_chunk::<8>().ok_or_else(damaged)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| damaged())?;
    let (about, skeleton) = rest.split_at_checked(length).ok_or_else(damaged)?;
    let about: Value = serde_json::from_slice(about).map_err(|_| damaged())?;
    let text = |key: &str| about.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    if about.get("version").and_then(Value::as_u64) != Some(VERSION) || text("creator") != creator {
        return Err(format!("it was begun by {}, this is {creator}; go on with that one", text("creator")));
    }
    if text("study") != study.sha256() {
        return Err("the study or a file that it names has changed since; undo that, or begin again elsewhere".into());
    }
    let shard = plan.shard.map(|s| s.to_string()).unwrap_or_default();
    if text("shard") != shard {
        let words = |s: String| if s.is_empty() { "all points".into() } else { format!("shard {s}") };
        return Err(format!("it is of {}, not of {}", words(text("shard")), words(shard)));
    }
    let unit = about.get("unit").and_then(Value::as_u64).filter(|u| *u > 0).ok_or_else(damaged)?;
    let skeleton = Skeleton::from_bytes(skeleton).ok_or_else(damaged)?;
    let units = plan.points().div_ceil(unit);
    let (mut done, mut unsure) = (Vec::new(), Vec::new());
    for record in found.records.iter().filter_map(|r| Record::from_bytes(r)) {
        match record.unit {
            SYNCED => done.append(&mut unsure),
            n if n < units && record.crcs.len() == plan.columns.len() => unsure.push(record),
            _ => return Err(damaged()),
        }
    }
    Ok(State { unit, skeleton, done, unsure })
}
