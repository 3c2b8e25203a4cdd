//! Completing a file's columns close behind the units that fill them, while their bytes are still in the processor's
//! caches, and checking them against the journal on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use felice_store::{Draft, Heap, StoreError};

use crate::finish::ragged_bytes;
use crate::plan::Plan;
use crate::state::Record;

/// Bytes of a column that are completed at a time: more than a unit holds, so that nobody falls behind; not so many that
/// a sweep that is continued would first look at all that is there.
const MOST: u64 = 16 << 20;

/// What follows the units of a sweep.
pub struct Follower<'p> {
    plan: &'p Plan,
    done: Mutex<Done>,
    cursors: Vec<Mutex<Cursor>>,
    bad: Mutex<BTreeSet<u64>>,
}

/// Units whose bytes are written.
#[derive(Default)]
struct Done {
    /// The checksum of each one's rows in each column.
    checksums: BTreeMap<u64, Vec<u32>>,
    /// So many units from the first on.
    whole: u64,
}

/// Follows the rows of one column.
#[derive(Default)]
struct Cursor {
    unit: u64,
    /// Bytes of the unit that went by, and their checksum.
    seen: u64,
    checksum: crc32fast::Hasher,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'p> Follower<'p> {
    /// Behind the first unit.
    pub fn new(plan: &'p Plan) -> Self {
        let cursors = plan.columns.iter().map(|_| Mutex::default()).collect();
        Follower { plan, done: Mutex::default(), cursors, bad: Mutex::default() }
    }

    /// A unit's rows are written.
    pub fn done(&self, unit: u64, checksums: Vec<u32>) {
        let mut done = lock(&self.done);
        done.checksums.insert(unit, checksums);
        while done.checksums.contains_key(&done.whole) {
            done.whole += 1;
        }
    }

    /// A unit is to be run again.
    pub fn undone(&self, unit: u64) {
        let mut done = lock(&self.done);
        done.checksums.remove(&unit);
        done.whole = done.whole.min(unit);
    }

    /// Completes some of what lies before the first unit that is not done.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn follow(&self, draft: &Draft) -> Result<(), StoreError> {
        let points = (lock(&self.done).whole * self.plan.unit).min(self.plan.points());
        for (array, column) in self.plan.columns.iter().enumerate() {
            let end = points * column.width as u64;
            draft.complete_below(array, end, MOST, &mut |start, bytes| self.look(array, start, bytes))?;
        }
        Ok(())
    }

    /// Completes all arrays; the units whose bytes are not those that were journaled, rising.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn complete(
        &self,
        draft: &Draft,
        heap: &Heap,
        records: &BTreeMap<u64, Record>,
        threads: usize,
    ) -> Result<Vec<u64>, StoreError> {
        draft.complete_arrays(threads, &|array, start, bytes| {
            if array < self.plan.columns.len() {
                self.look(array, start, bytes);
            }
        })?;
        let mut bad = std::mem::take(&mut *lock(&self.bad));
        bad.extend(records.values().filter(|r| ragged_bytes(heap, r).is_none()).map(|r| r.unit));
        Ok(bad.into_iter().collect())
    }

    /// Notes units whose checksum is not the journal's.
    fn look(&self, column: usize, start: u64, mut bytes: &[u8]) {
        let mut cursor = lock(&self.cursors[column]);
        if start == 0 {
            *cursor = Cursor::default();
        }
        while !bytes.is_empty() && cursor.unit < self.plan.units() {
            let size = self.unit_bytes(column, cursor.unit);
            let (now, later) = bytes.split_at(bytes.len().min((size - cursor.seen) as usize));
            cursor.checksum.update(now);
            cursor.seen += now.len() as u64;
            bytes = later;
            if cursor.seen == size {
                let found = std::mem::take(&mut cursor.checksum).finalize();
                let done = lock(&self.done);
                let expected = done.checksums.get(&cursor.unit).and_then(|c| c.get(column));
                if expected != Some(&found) {
                    lock(&self.bad).insert(cursor.unit);
                }
                (cursor.unit, cursor.seen) = (cursor.unit + 1, 0);
            }
        }
    }

    fn unit_bytes(&self, column: usize, unit: u64) -> u64 {
        let column = &self.plan.columns[column];
        (self.plan.unit_range(unit).1 * column.width * column.kind.bytes()) as u64
    }
}
