//! Completing an array: the checksums behind its chunks, the hash of its numbers, and those of the parts of the file that
//! it fills. Chunk by chunk and in order, each byte read once, so that it can follow those who write.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use sha2::{Digest, Sha256};

use crate::fletcher::fletcher32;
use crate::places::Places;
use crate::seal::{Part, Passing};

/// What is done with numbers that are complete: index of the first, their bytes.
pub(crate) type Look<'l> = &'l mut dyn FnMut(u64, &[u8]);

/// How far an array is complete, for many threads.
#[derive(Debug, Default)]
pub(crate) struct Completion {
    state: Mutex<Completed>,
    /// The state's `next`, to be looked at without waiting for whoever is at work.
    next: AtomicU64,
}

#[derive(Clone, Debug, Default)]
struct Completed {
    /// Index of the first number that is not complete.
    next: u64,
    numbers: Sha256,
    passing: Passing,
    /// Room for a chunk, kept: pages of a new one would cost as much as the reading.
    chunk: Vec<u8>,
}

impl Completion {
    /// Completes the chunks whose numbers all lie before `end`, until `most` bytes are exceeded; not where another thread
    /// is at it.
    pub(crate) fn below(&self, file: &File, places: &Places, end: u64, most: u64, look: Look<'_>) -> io::Result<()> {
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        let done = state.go_on(file, places, end, most, look);
        self.next.store(state.next, Ordering::Release);
        done
    }

    /// Completes all that is left.
    pub(crate) fn all(&self, file: &File, places: &Places, look: Look<'_>) -> io::Result<()> {
        let mut state = self.lock();
        let done = state.go_on(file, places, places.len(), u64::MAX, look);
        self.next.store(state.next, Ordering::Release);
        done
    }

    /// Numbers from `start` on are written: where they were complete, everything is to be completed again.
    pub(crate) fn written(&self, start: u64) {
        if start < self.next.load(Ordering::Acquire) {
            *self.lock() = Completed::default();
            self.next.store(0, Ordering::Release);
        }
    }

    /// The hash of all numbers and those of parts of the file; none before all are complete.
    pub(crate) fn hashes(&self, places: &Places) -> Option<(Vec<u8>, Vec<Part>)> {
        let state = self.lock();
        let complete = state.next == places.len();
        complete.then(|| (state.numbers.clone().finalize().to_vec(), state.passing.whole.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, Completed> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Completed {
    fn go_on(&mut self, file: &File, places: &Places, end: u64, most: u64, look: Look<'_>) -> io::Result<()> {
        let (mut done, length) = (0, places.chunk_bytes());
        self.chunk.resize(places.stored() as usize, 0);
        // A run from a chunk's beginning is all of the chunk but the room at an edge.
        for run in places.runs(self.next, places.len() - self.next) {
            if run.start + run.count > end || done > most {
                break;
            }
            let (data, checksum) = self.chunk.split_at_mut(length);
            file.read_exact_at(data, run.address)?;
            checksum.copy_from_slice(&fletcher32(data).to_le_bytes());
            file.write_all_at(checksum, run.address + length as u64)?;
            let numbers = &data[..run.count as usize * places.item];
            self.numbers.update(numbers);
            look(run.start, numbers);
            self.passing.pass(run.address, &self.chunk);
            self.next = run.start + run.count;
            done += self.chunk.len() as u64;
        }
        Ok(())
    }
}
