//! What is moved from the shards of a study into one file.

use std::path::Path;
use std::sync::mpsc::sync_channel;

use felice_store::{Digest, Draft, Reader};

use crate::error::StudyError;
use crate::finish::{Each, Ragged};
use crate::merge::Part;
use crate::plan::Plan;
use crate::subject::Column;

/// Bytes that are moved at a time: some chunks, and little enough to stay in the processor's caches.
const BLOCK: usize = 2 << 20;
/// Blocks that are moved and not yet completed.
const AHEAD: usize = 8;

/// What is moved from shards into one file.
pub(crate) struct Moved<'m> {
    pub(crate) parts: &'m [Part],
    pub(crate) plan: &'m Plan,
    pub(crate) total: u64,
}

/// What is done with a block: column, index of its first number, its bytes.
type Put<'p> = &'p mut dyn FnMut(usize, u64, &[u8]) -> Result<(), StudyError>;

impl Moved<'_> {
    pub(crate) fn plan(&self) -> &Plan {
        self.plan
    }

    /// Files and their points, in order.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Path, usize)> {
        self.parts.iter().map(|p| {
            let range = p.shard.range(self.total);
            (p.path.as_path(), (range.end - range.start) as usize)
        })
    }

    /// Files and their spikes, in order.
    pub(crate) fn spikes_of(&self) -> impl Iterator<Item = (&Path, usize)> {
        self.parts.iter().map(|p| (p.path.as_path(), p.spikes as usize))
    }

    /// Which files were merged, as lines `HASH  NAME`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let name = |p: &Part| p.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.parts.iter().map(|p| format!("{}  {}", p.content, name(p))).collect()
    }

    /// Copies every column; on more than one thread another completes what is copied.
    pub(crate) fn copy_into(
        &self,
        draft: &Draft,
        threads: usize,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), StudyError> {
        let complete = |(column, end): (usize, u64)| draft.complete_below(column, end, u64::MAX, &mut |_, _| ());
        let numbers = |column: usize, bytes: &[u8]| (bytes.len() / self.plan.columns[column].kind.bytes()) as u64;
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel(AHEAD);
            let completer = (threads > 1).then(|| scope.spawn(move || receiver.into_iter().try_for_each(complete)));
            let copied = self.copy(
                &mut |column, start, bytes| {
                    draft.write(column, start, bytes)?;
                    let done = (column, start + numbers(column, bytes));
                    // Whoever has stopped listening has failed and says so below.
                    if completer.is_none() {
                        complete(done)?
                    } else {
                        sender.send(done).unwrap_or(())
                    }
                    Ok(())
                },
                progress,
            );
            drop(sender);
            let completed = completer.map_or(Ok(()), |c| c.join().unwrap_or(Ok(())));
            copied.and(completed.map_err(StudyError::from))
        })
    }

    /// Hands every column over, shard after shard, block after block.
    pub(crate) fn copy(&self, put: Put<'_>, progress: &mut dyn FnMut(u64, u64)) -> Result<(), StudyError> {
        for part in self.parts {
            let reader = Reader::open_checked(&part.path)?;
            let range = part.shard.range(self.total);
            for (i, column) in self.plan.columns.iter().enumerate() {
                let path = path_of(column);
                let rows = (BLOCK / (column.width * column.kind.bytes())).max(1);
                let count = (range.end - range.start) as usize;
                for first in (0..count).step_by(rows) {
                    let bytes = reader.rows_le(&path, first, rows.min(count - first))?;
                    put(i, (range.start + first as u64) * column.width as u64, &bytes)?;
                }
            }
            progress(range.end, self.total);
        }
        Ok(())
    }

    /// Hashes every column's numbers in order, and the spike times where there are any.
    pub(crate) fn hashes(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<(Vec<Vec<u8>>, Vec<u8>), StudyError> {
        let mut columns: Vec<Digest> = self.plan.columns.iter().map(|_| Digest::default()).collect();
        self.copy(
            &mut |column, _, bytes| {
                columns[column].update(bytes);
                Ok(())
            },
            progress,
        )?;
        let mut spikes = Digest::default();
        self.visit(&mut |_, bytes| {
            spikes.update(bytes);
            Ok(())
        })?;
        Ok((columns.into_iter().map(Digest::finish).collect(), spikes.finish()))
    }
}

impl Ragged for Moved<'_> {
    fn spikes(&self) -> u64 {
        self.parts.iter().map(|p| p.spikes).sum()
    }

    fn visit(&self, each: Each<'_>) -> Result<(), StudyError> {
        for part in self.parts {
            let reader = Reader::open_checked(&part.path)?;
            let mut failures = Vec::new();
            if part.failed > 0 {
                let points = reader.rows_le("failures/point", 0, reader.shape("failures/point")?[0])?;
                let points = points.as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b));
                failures = points.zip(reader.texts("failures/reason")?).collect();
            }
            each(failures, &[])?;
            let spikes = if self.plan.spikes { part.spikes as usize } else { 0 };
            for first in (0..spikes).step_by(BLOCK / 8) {
                each(Vec::new(), &reader.rows_le("spikes/spike_time", first, (spikes - first).min(BLOCK / 8))?)?;
            }
        }
        Ok(())
    }
}

/// Where a column lies in a file.
pub(crate) fn path_of(column: &Column) -> String {
    if column.name == "row_size" { "spikes/row_size".into() } else { column.name.clone() }
}
