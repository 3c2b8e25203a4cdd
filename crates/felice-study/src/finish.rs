//! From finished units to a finished file.

use felice_base::Unit;
use felice_store::{Draft, FileWriter, Heap, StoreError, Written};

use crate::error::StudyError;
use crate::metadata;
use crate::plan::Plan;
use crate::runner::{Failures, decode};
use crate::skeleton::{self, Coordinate};
use crate::state::Record;
use crate::study::Study;

/// Numbers of a coordinate written at a time.
const BLOCK: usize = 1 << 16;
/// Reasons that are kept; the `status` of every failed point is.
const MOST_REASONS: usize = 100_000;

/// Writes every coordinate.
///
/// # Errors
/// [`StoreError::Write`].
pub fn write_coordinates(draft: &Draft, study: &Study, plan: &Plan, all: &[Coordinate]) -> Result<(), StoreError> {
    let columns = draft.arrays().len() - all.len();
    for (i, coordinate) in all.iter().enumerate() {
        for from in (0..coordinate.len).step_by(BLOCK) {
            let count = (coordinate.len - from).min(BLOCK as u64) as usize;
            let bytes = skeleton::fill(study, plan, coordinate, from, count);
            draft.write(columns + i, from, &bytes)?;
        }
    }
    Ok(())
}

/// A unit's spikes and failures, if they are the bytes that were journaled.
pub fn ragged_bytes(heap: &Heap, record: &Record) -> Option<Vec<u8>> {
    let bytes = match record.heap.1 {
        0 => Vec::new(),
        length => heap.get(record.heap.0, usize::try_from(length).ok()?).ok()?,
    };
    let (failures, spikes) = decode(&bytes)?;
    let fits = failures.len() as u64 == record.failed && spikes.len() as u64 == 8 * record.spikes;
    (fits && crc32fast::hash(&bytes) == record.heap_crc).then_some(bytes)
}

/// What is done with a unit's failures and spike times (little endian).
pub type Each<'e> = &'e mut dyn FnMut(Failures, &[u8]) -> Result<(), StudyError>;

/// Where a finished file's spikes and failures come from, unit after unit.
pub trait Ragged {
    /// Number of all spikes.
    fn spikes(&self) -> u64;

    /// Calls `each` with the failures and the spike times (little endian) of every unit, in order.
    ///
    /// # Errors
    /// What `each` says, or why they cannot be read.
    fn visit(&self, each: Each<'_>) -> Result<(), StudyError>;
}

/// Those in a heap.
pub struct Heaped<'h> {
    pub heap: &'h Heap,
    pub records: &'h [Record],
}

impl Ragged for Heaped<'_> {
    fn spikes(&self) -> u64 {
        self.records.iter().map(|r| r.spikes).sum()
    }

    fn visit(&self, each: Each<'_>) -> Result<(), StudyError> {
        for record in self.records {
            let bytes = ragged_bytes(self.heap, record).unwrap_or_default();
            let (failures, spikes) = decode(&bytes).unwrap_or_default();
            each(failures, spikes)?;
        }
        Ok(())
    }
}

/// Keeps reasons as far as there is room.
pub fn keep(reasons: &mut Failures, failures: Failures) {
    let room = MOST_REASONS.saturating_sub(reasons.len());
    reasons.extend(failures.into_iter().take(room));
}

/// Adds what has no fixed size and gives the file its final name; with the number of failed points and what was merged.
///
/// # Errors
/// [`StudyError`].
pub fn finish(
    draft: Draft,
    plan: &Plan,
    failed: u64,
    ragged: &dyn Ragged,
    merged: &[String],
) -> Result<Written, StudyError> {
    let mut reasons = Vec::new();
    let mut keep = |failures: Failures| keep(&mut reasons, failures);
    let mut writer = draft.into_writer()?;
    if plan.spikes {
        writer = write_spikes(writer, &Unit::new(plan.spike_unit), ragged, &mut keep)?;
    } else if failed > 0 {
        ragged.visit(&mut |failures, _| {
            keep(failures);
            Ok(())
        })?;
    }
    seal(writer, failed, &reasons, merged)
}

/// Writes the last attributes and gives the file its final name.
///
/// # Errors
/// [`StudyError`].
pub fn seal(writer: FileWriter, failed: u64, reasons: &Failures, merged: &[String]) -> Result<Written, StudyError> {
    metadata::write_failures(&writer, failed, reasons)?;
    if !merged.is_empty() {
        writer.root().attribute("merged_sha256", merged.to_vec())?;
    }
    Ok(writer.finish()?)
}

/// What spike times are.
pub const SPIKE_TIMES: &str = "spike times of all points, one point after another as row_size says";

/// Spike times in CF's contiguous ragged form: all of point 0, all of point 1, and so on.
fn write_spikes(
    writer: FileWriter,
    unit: &Unit,
    ragged: &dyn Ragged,
    keep: &mut dyn FnMut(Failures),
) -> Result<FileWriter, StudyError> {
    let total = ragged.spikes();
    let about = SPIKE_TIMES;
    let group = writer.root().existing_group("spikes")?;
    let axis = group.bare_axis("spike", total as usize)?;
    if total == 0 {
        group.array::<f64>("spike_time", unit, about, &[&axis], &[])?;
        ragged.visit(&mut |failures, _| {
            keep(failures);
            Ok(())
        })?;
        drop((axis, group));
        return Ok(writer);
    }
    let places = group.reserve::<f64>("spike_time", unit, about, &[&axis])?;
    drop((axis, group));
    let draft = writer.into_draft(vec![places])?;
    let mut at = 0;
    ragged.visit(&mut |failures, spikes| {
        keep(failures);
        draft.write(0, at, spikes)?;
        at += spikes.len() as u64 / 8;
        Ok(())
    })?;
    draft.complete_arrays(1, &|_, _, _| ())?;
    Ok(draft.into_writer()?)
}
