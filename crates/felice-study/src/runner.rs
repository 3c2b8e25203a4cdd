//! Running units on many threads. What a unit gives is in its places, its heap and the journal before it counts.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use felice_store::{Draft, Heap, Journal, StoreError};

use crate::error::StudyError;
use crate::follow::Follower;
use crate::plan::Plan;
use crate::state::Record;
use crate::study::{Policy, Study};
use crate::subject::{Block, Data, Subject};

/// So many bytes at most are journaled and not yet known to be on the disk.
const SYNC_BYTES: u64 = 64 << 20;
/// And for so long at most.
const SYNC_TIME: Duration = Duration::from_secs(1);

/// How far a sweep has come.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Points done, those of earlier processes included.
    pub done: u64,
    /// Points of the study or shard.
    pub total: u64,
    /// Points that failed, by this process.
    pub failed: u64,
    /// Points a second, by this process.
    pub rate: f64,
    /// Time left at this rate.
    pub left: Option<Duration>,
}

/// Everything that running needs.
pub struct Runner<'r> {
    pub study: &'r Study,
    pub plan: &'r Plan,
    pub subject: &'r dyn Subject,
    pub draft: &'r Draft,
    pub heap: &'r Heap,
    pub follower: &'r Follower<'r>,
    pub threads: usize,
    pub stop: &'r AtomicBool,
}

/// A finished unit on its way into the journal.
struct Done {
    record: Record,
    bytes: u64,
    points: u64,
    /// The first point that failed, where the policy is to stop there.
    stopped: Option<(u64, String)>,
}

/// From here on the parallel loops of this thread (ensembles have some) run on itself: as many threads work as were asked
/// for. For threads of our own; one that is in a pool already stays there.
pub fn alone() -> Option<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().ok()
}

impl Runner<'_> {
    /// Runs these units; their records, in the order they were finished. `done`: points that need no running.
    ///
    /// # Errors
    /// [`StudyError::Stopped`], [`StudyError::Point`], [`StudyError::Store`]; what was finished is in the journal.
    pub fn run(
        &self,
        units: &[u64],
        journal: &mut Journal,
        done: u64,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Vec<Record>, StudyError> {
        let next = AtomicUsize::new(0);
        let halt = AtomicBool::new(false);
        let (sender, receiver) = sync_channel(4 * self.threads);
        let threads = self.threads.clamp(1, units.len().max(1));
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let (next, halt, sender) = (&next, &halt, sender.clone());
                scope.spawn(move || self.work(units, next, halt, &sender));
            }
            drop(sender);
            let outcome = self.commit(&receiver, journal, done, &halt, progress);
            // Whoever waits for room in the channel must not wait for ever.
            halt.store(true, Ordering::Relaxed);
            drop(receiver);
            outcome
        })
    }

    fn work(
        &self,
        units: &[u64],
        next: &AtomicUsize,
        halt: &AtomicBool,
        sender: &SyncSender<Result<Done, StoreError>>,
    ) {
        let _alone = alone();
        let outputs = self.plan.columns.len() - 1 - usize::from(self.plan.spikes);
        let mut block = Block::new(&self.plan.columns[..outputs], 0);
        loop {
            if halt.load(Ordering::Relaxed) || self.stop.load(Ordering::Relaxed) {
                return;
            }
            let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
            let outcome = self.unit(*unit, &mut block);
            let failed = outcome.is_err();
            if sender.send(outcome).is_err() || failed {
                return;
            }
            if let Err(e) = self.follower.follow(self.draft) {
                let _ = sender.send(Err(e));
                return;
            }
        }
    }

    /// Runs a unit and writes what it gives.
    fn unit(&self, unit: u64, block: &mut Block) -> Result<Done, StoreError> {
        let (first, count) = self.plan.unit_range(unit);
        self.compute(first, count, block);
        let stopped = match self.study.failures {
            Policy::Stop => block.failures.first_key_value().map(|(row, why)| (first + *row as u64, why.clone())),
            _ => None,
        };
        let (mut crcs, mut bytes) = (Vec::new(), 0);
        let sizes = block.spikes.iter().map(|s| s.len() as u64).collect();
        let own = [Data::U8(block.status.clone()), Data::U64(sizes)];
        for (array, (column, data)) in self.plan.columns.iter().zip(block.columns.iter().chain(&own)).enumerate() {
            let rows = data.bytes();
            let start = (first - self.plan.range.start) * column.width as u64;
            self.draft.write(array, start, rows)?;
            crcs.push(crc32fast::hash(rows));
            bytes += rows.len() as u64;
        }
        let ragged = encode(block, first);
        let at = if ragged.is_empty() { 0 } else { self.heap.put(&ragged)? };
        if stopped.is_none() {
            self.follower.done(unit, crcs.clone());
        }
        let record = Record {
            unit,
            heap: (at, ragged.len() as u64),
            heap_crc: crc32fast::hash(&ragged),
            spikes: block.spikes.iter().map(|s| s.len() as u64).sum(),
            failed: block.failures.len() as u64,
            crcs,
        };
        Ok(Done { record, bytes: bytes + ragged.len() as u64, points: count as u64, stopped })
    }

    fn compute(&self, first: u64, count: usize, block: &mut Block) {
        let points = self.study.unit_points(first, count);
        block.renew(count);
        let mut rows: Vec<usize> = (0..count).collect();
        let tries = if let Policy::Retry(n) = self.study.failures { n + 1 } else { 1 };
        for attempt in 0..tries {
            if attempt > 0 {
                rows.iter().for_each(|row| block.forgive(*row));
            }
            self.subject.run(&points, &rows, block);
            rows = block.failures.keys().copied().collect();
            if rows.is_empty() {
                break;
            }
        }
    }

    fn commit(
        &self,
        receiver: &Receiver<Result<Done, StoreError>>,
        journal: &mut Journal,
        before: u64,
        halt: &AtomicBool,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Vec<Record>, StudyError> {
        let begin = Instant::now();
        let total = self.plan.points();
        let mut ledger = Ledger { runner: self, journal, records: Vec::new(), unsynced: 0, synced_at: Instant::now() };
        let (mut points, mut failed, mut failure) = (0, 0, None);
        for done in receiver {
            let done = done?;
            if let Some(point) = done.stopped {
                // The unit is not journaled: it is to be run again once the cause is mended.
                halt.store(true, Ordering::Relaxed);
                failure.get_or_insert(point);
                continue;
            }
            points += done.points;
            failed += done.record.failed;
            ledger.enter(done.record, done.bytes)?;
            let rate = points as f64 / begin.elapsed().as_secs_f64().max(1e-9);
            let left = Duration::try_from_secs_f64((total - before - points) as f64 / rate).ok();
            progress(&Progress { done: before + points, total, failed, rate, left });
        }
        ledger.sync()?;
        let records = ledger.records;
        match failure {
            Some((point, reason)) => Err(StudyError::Point { point, at: self.study.describe_point(point), reason }),
            None if before + points < total => Err(StudyError::Stopped { done: before + points, total }),
            None => Ok(records),
        }
    }
}

/// The journal's keeper.
struct Ledger<'l> {
    runner: &'l Runner<'l>,
    journal: &'l mut Journal,
    records: Vec<Record>,
    unsynced: u64,
    synced_at: Instant,
}

impl Ledger<'_> {
    fn enter(&mut self, record: Record, bytes: u64) -> Result<(), StoreError> {
        self.journal.append(&[record.to_bytes()])?;
        self.records.push(record);
        self.unsynced += bytes.max(1);
        if self.unsynced >= SYNC_BYTES || self.synced_at.elapsed() >= SYNC_TIME { self.sync() } else { Ok(()) }
    }

    /// What the journal speaks of must be on the disk before the journal says so.
    fn sync(&mut self) -> Result<(), StoreError> {
        if self.unsynced == 0 {
            return Ok(());
        }
        self.runner.draft.sync()?;
        self.runner.heap.sync()?;
        self.journal.append(&[Record::synced(self.runner.plan.columns.len())])?;
        self.journal.sync()?;
        self.unsynced = 0;
        self.synced_at = Instant::now();
        Ok(())
    }
}

/// A unit's failures and spikes as bytes: the number of failures, each as point, length and text, then all spike times.
fn encode(block: &Block, first: u64) -> Vec<u8> {
    if block.failures.is_empty() && block.spikes.iter().all(Vec::is_empty) {
        return Vec::new();
    }
    let mut bytes = (block.failures.len() as u64).to_le_bytes().to_vec();
    for (row, reason) in &block.failures {
        bytes.extend_from_slice(&(first + *row as u64).to_le_bytes());
        bytes.extend_from_slice(&(reason.len() as u64).to_le_bytes());
        bytes.extend_from_slice(reason.as_bytes());
    }
    block.spikes.iter().flatten().for_each(|t| bytes.extend_from_slice(&t.to_le_bytes()));
    bytes
}

/// Points that failed, with their reasons.
pub type Failures = Vec<(u64, String)>;

/// Failures and the bytes of all spike times; none where the bytes are something else.
pub fn decode(bytes: &[u8]) -> Option<(Failures, &[u8])> {
    fn number(bytes: &mut &[u8]) -> Option<u64> {
        let (first, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        Some(u64::from_le_bytes(*first))
    }
    if bytes.is_empty() {
        return Some((Vec::new(), bytes));
    }
    let mut rest = bytes;
    let count = number(&mut rest)?;
    let mut failures = Vec::new();
    for _ in 0..count {
        let (point, length) = (number(&mut rest)?, usize::try_from(number(&mut rest)?).ok()?);
        let (text, after) = rest.split_at_checked(length)?;
        failures.push((point, String::from_utf8_lossy(text).into_owned()));
        rest = after;
    }
    Some((failures, rest))
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    /// With one thread asked for, an ensemble must not take all cores.
    #[test]
    fn loops_of_a_worker_run_on_itself() {
        let ids = || {
            let _alone = super::alone();
            let ids: std::collections::HashSet<_> =
                (0..1000).into_par_iter().map(|_| std::thread::current().id()).collect();
            (rayon::current_num_threads(), ids, std::thread::current().id())
        };
        let workers: Vec<_> = (0..3).map(|_| std::thread::spawn(ids)).collect();
        for worker in workers {
            let (threads, ids, own) = worker.join().unwrap();
            assert_eq!((threads, ids.len(), ids.contains(&own)), (1, 1, true));
        }
    }
}
