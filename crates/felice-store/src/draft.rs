//! A file that is written over a long time: its headers first, then its large arrays in any order and by any thread, past
//! the HDF5 library. It may be left at any moment and continued by another process.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::codec::{Decoder, Encoder};
use crate::complete::Completion;
use crate::digest::Contents;
use crate::error::StoreError;
use crate::places::Places;
use crate::provenance::Provenance;
use crate::writer::{self, Abandon, Claim, FileWriter};

/// Bytes that a chunk's place costs in the file's index (a leaf of a version 1 B-tree, 60 % filled).
const INDEX_BYTES: u64 = 160;
/// Zeros are left out of a [`Skeleton`] by blocks of this size.
const BLOCK: usize = 4096;

/// A file whose arrays are being filled.
#[derive(Debug)]
pub struct Draft {
    claim: Claim,
    skeleton: Skeleton,
    /// One an array.
    completions: Vec<Completion>,
}

/// Every byte of a draft that is not in a reserved place, and where those places are.
#[derive(Clone, Debug)]
pub struct Skeleton {
    length: u64,
    pieces: Vec<(u64, Vec<u8>)>,
    contents: Vec<(String, String)>,
    arrays: Vec<Places>,
}

impl FileWriter {
    /// Begins a claimed file anew, with room for the index of `chunks` reserved chunks.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn begin_draft(claim: Claim, provenance: &Provenance, chunks: u64) -> Result<Self, StoreError> {
        Self::begin(claim, provenance, (1 << 16) + INDEX_BYTES.saturating_mul(chunks))
    }

    /// Closes the file for the HDF5 library and opens its reserved places for everybody else.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn into_draft(self, arrays: Vec<Places>) -> Result<Draft, StoreError> {
        let (mut claim, contents) = self.suspend()?;
        let failed = |e: io::Error| StoreError::write_io(&claim.target, &e);
        let length = claim.file().metadata().map_err(failed)?.len();
        let pieces = outside(claim.file(), length, &arrays).map_err(failed)?;
        claim.file().sync_all().map_err(failed)?;
        let contents = contents.lines().map(|(p, l)| (p.to_owned(), l.to_owned())).collect();
        claim.abandon(Abandon::Keep);
        Ok(Draft::new(claim, Skeleton { length, pieces, contents, arrays }))
    }
}

impl Draft {
    fn new(claim: Claim, skeleton: Skeleton) -> Self {
        let completions = skeleton.arrays.iter().map(|_| Completion::default()).collect();
        Draft { claim, skeleton, completions }
    }

    /// Continues a draft that another process left: its headers are put back, its arrays are as they are.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where the draft is shorter than it was when it was begun, [`StoreError::Write`].
    pub fn resume(mut claim: Claim, skeleton: Skeleton) -> Result<Self, StoreError> {
        let length = claim.file().metadata().map_or(0, |m| m.len());
        if length < skeleton.length {
            let why = format!("it is cut short: {length} bytes of {}", skeleton.length);
            return Err(StoreError::Damaged { path: claim.partial.clone(), why });
        }
        claim.abandon(Abandon::Keep);
        let put_back = || {
            claim.file().set_len(skeleton.length)?;
            skeleton.pieces.iter().try_for_each(|(at, bytes)| claim.file().write_all_at(bytes, *at))
        };
        put_back().map_err(|e| StoreError::write_io(&claim.target, &e))?;
        Ok(Draft::new(claim, skeleton))
    }

    /// The same, but removed where it is left before it is finished: nobody will continue it.
    #[must_use]
    pub fn or_nothing(mut self) -> Self {
        self.claim.abandon(Abandon::Remove);
        self
    }

    /// What another process needs to continue.
    pub fn skeleton(&self) -> &Skeleton {
        &self.skeleton
    }

    /// The final name.
    pub fn target(&self) -> &Path {
        &self.claim.target
    }

    /// The arrays, in the order they were reserved.
    pub fn arrays(&self) -> &[Places] {
        &self.skeleton.arrays
    }

    /// Writes numbers, given as little-endian bytes, from index `start` of an array on. Any thread, any order.
    ///
    /// # Errors
    /// [`StoreError::Shape`] where they do not fit into the array, [`StoreError::Write`].
    pub fn write(&self, array: usize, start: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let places = self.fitting(array, start, bytes.len())?;
        for run in places.runs(start, (bytes.len() / places.item) as u64) {
            let from = (run.start - start) as usize * places.item;
            let part = &bytes[from..from + run.count as usize * places.item];
            self.claim.file().write_all_at(part, run.address).map_err(|e| self.failed(&e))?;
        }
        self.completions[array].written(start);
        Ok(())
    }

    /// Reads numbers, as little-endian bytes, from index `start` of an array on.
    ///
    /// # Errors
    /// [`StoreError::Shape`] where the array ends before, [`StoreError::Write`] where the file cannot be read.
    pub fn read(&self, array: usize, start: u64, bytes: &mut [u8]) -> Result<(), StoreError> {
        let places = self.fitting(array, start, bytes.len())?;
        for run in places.runs(start, (bytes.len() / places.item) as u64) {
            let from = (run.start - start) as usize * places.item;
            let part = &mut bytes[from..from + run.count as usize * places.item];
            self.claim.file().read_exact_at(part, run.address).map_err(|e| self.failed(&e))?;
        }
        Ok(())
    }

    /// Waits until everything written is on the disk.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn sync(&self) -> Result<(), StoreError> {
        self.claim.file().sync_data().map_err(|e| self.failed(&e))
    }

    /// Gives the chunks of an array whose numbers all lie before index `end` their checksums and takes their hashes, until
    /// `most` bytes are exceeded; where another thread is at it, nothing. `look(start, bytes)` sees the numbers in order:
    /// those of one array are looked at once, unless some are written again; then from the first on.
    ///
    /// # Errors
    /// [`StoreError::Shape`] where there is no such array, [`StoreError::Write`].
    pub fn complete_below(
        &self,
        array: usize,
        end: u64,
        most: u64,
        look: &mut dyn FnMut(u64, &[u8]),
    ) -> Result<(), StoreError> {
        let places = self.fitting(array, 0, 0)?;
        self.completions[array].below(self.claim.file(), places, end, most, look).map_err(|e| self.failed(&e))
    }

    /// Completes what is left of all arrays, on up to `threads` threads. `look(array, start, bytes)` sees the numbers of
    /// each array as in [`Draft::complete_below`].
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn complete_arrays(&self, threads: usize, look: &(dyn Fn(usize, u64, &[u8]) + Sync)) -> Result<(), StoreError> {
        let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
        let work = || {
            loop {
                let array = next.fetch_add(1, Ordering::Relaxed);
                let Some(places) = self.arrays().get(array) else { return };
                let mut look = |start: u64, bytes: &[u8]| look(array, start, bytes);
                if let Err(e) = self.completions[array].all(self.claim.file(), places, &mut look) {
                    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(e);
                }
            }
        };
        std::thread::scope(|scope| {
            (1..threads.min(self.arrays().len())).for_each(|_| drop(scope.spawn(work)));
            work();
        });
        match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(e) => Err(self.failed(&e)),
            None => Ok(()),
        }
    }

    /// Opens the file for the HDF5 library again, to add what is left and finish.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn into_writer(self) -> Result<FileWriter, StoreError> {
        let Draft { mut claim, skeleton, completions } = self;
        let mut contents = Contents::from_lines(skeleton.contents);
        for (places, completion) in skeleton.arrays.iter().zip(&completions) {
            let Some((numbers, parts)) = completion.hashes(places) else { continue };
            contents.record(&places.path, &places.kind, &places.shape, &numbers);
            claim.parts.extend(parts);
        }
        let file = writer::options().open_rw(&claim.partial).map_err(|e| StoreError::write_hdf5(&claim.target, &e))?;
        Ok(FileWriter::over(claim, file, contents))
    }

    fn fitting(&self, array: usize, start: u64, bytes: usize) -> Result<&Places, StoreError> {
        let wrong = |why: String| StoreError::Shape { path: self.claim.target.clone(), name: format!("{array}"), why };
        let places = self.arrays().get(array).ok_or_else(|| wrong("there is no such array".into()))?;
        let count = (bytes / places.item) as u64;
        if !bytes.is_multiple_of(places.item) || start.checked_add(count).is_none_or(|end| end > places.len()) {
            return Err(wrong(format!("{bytes} bytes from number {start} of {:?}", places.shape)));
        }
        Ok(places)
    }

    fn failed(&self, error: &io::Error) -> StoreError {
        StoreError::write_io(&self.claim.target, error)
    }
}

/// What is in a file outside these arrays, without blocks of zeros.
fn outside(file: &File, length: u64, arrays: &[Places]) -> io::Result<Vec<(u64, Vec<u8>)>> {
    let mut inside: Vec<(u64, u64)> = arrays.iter().map(|a| (a.first, a.end())).collect();
    inside.push((length, length));
    inside.sort_unstable();
    let mut pieces: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut block = vec![0; BLOCK];
    let mut at = 0;
    for (begin, end) in inside {
        while at < begin {
            let part = &mut block[..(begin - at).min(BLOCK as u64) as usize];
            file.read_exact_at(part, at)?;
            if part.iter().any(|b| *b != 0) {
                match pieces.last_mut() {
                    Some((from, bytes)) if *from + bytes.len() as u64 == at => bytes.extend_from_slice(part),
                    _ => pieces.push((at, part.to_vec())),
                }
            }
            at += part.len() as u64;
        }
        at = at.max(end);
    }
    Ok(pieces)
}

impl Skeleton {
    /// As bytes, for a journal.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Encoder::default();
        out.number(self.length);
        out.number(self.pieces.len() as u64);
        for (at, bytes) in &self.pieces {
            out.number(*at);
            out.bytes(bytes);
        }
        out.number(self.contents.len() as u64);
        for (path, line) in &self.contents {
            out.bytes(path.as_bytes());
            out.bytes(line.as_bytes());
        }
        out.number(self.arrays.len() as u64);
        for a in &self.arrays {
            out.bytes(a.path.as_bytes());
            out.bytes(a.kind.as_bytes());
            out.number(a.item as u64);
            out.number(a.first);
            for dims in [&a.shape, &a.chunk] {
                out.number(dims.len() as u64);
                dims.iter().for_each(|n| out.number(*n as u64));
            }
        }
        out.finish()
    }

    /// From the bytes of [`Skeleton::to_bytes`]; none where they are something else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut from = Decoder(bytes);
        let length = from.number()?;
        let pieces = from.list(|d| Some((d.number()?, d.bytes()?.to_vec())))?;
        let contents = from.list(|d| Some((d.text()?, d.text()?)))?;
        let arrays = from.list(|d| {
            let (path, kind, item, first) = (d.text()?, d.text()?, d.size()?, d.number()?);
            let (shape, chunk) = (d.list(Decoder::size)?, d.list(Decoder::size)?);
            (item > 0 && shape.len() == chunk.len() && !chunk.contains(&0)).then_some(Places {
                path,
                kind,
                item,
                shape,
                chunk,
                first,
            })
        })?;
        from.0.is_empty().then_some(Skeleton { length, pieces, contents, arrays })
    }
}
