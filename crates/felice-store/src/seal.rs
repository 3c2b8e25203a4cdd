//! The seal: 128 bytes after the end of the HDF5 data, which hold a hash of everything before them: the SHA-256 of the
//! SHA-256s of its parts of 4 MiB, so that many threads can take it.
//!
//! HDF5 readers ignore bytes after the address where the file says it ends, so h5py, xarray and h5dump do not notice.
//! Before our own readers hand a file to the HDF5 library, the seal proves that each byte is the one that was written: the
//! library's parser never sees a damaged file, and damage to data is found even where no chunk checksum covers it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};

use crate::digest::hex;
use crate::error::StoreError;

/// Length of the seal in bytes.
const LENGTH: usize = 128;
/// Bytes of a part.
const PART: u64 = 4 << 20;
/// How a seal begins; then 64 hexadecimal digits.
const MARK: &[u8; 63] = b"\nfelice seal 2: SHA-256 of the SHA-256s of each 4 MiB above is ";
/// How many bytes of a mark may be wrong while it is still recognised as a (damaged) mark.
const TOLERANCE: usize = 40;
/// How an HDF5 file begins.
const HDF5_MAGIC: &[u8; 8] = b"\x89HDF\r\n\x1a\n";

/// What a file's last bytes say about all the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// Every byte is as felice wrote it.
    Intact,
    /// There is no seal: not finished by felice, or enlarged since by another tool.
    Absent,
}

/// The seal for a file whose bytes have this hash.
pub(crate) fn bytes(sha256: &[u8]) -> Vec<u8> {
    let mut seal = MARK.to_vec();
    seal.extend_from_slice(hex(sha256).as_bytes());
    seal.push(b'\n');
    debug_assert_eq!(seal.len(), LENGTH);
    seal
}

/// A part's number and its hash.
pub(crate) type Part = (u64, [u8; 32]);

/// Hashes of the parts of a file whose bytes go by in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passing {
    /// Address of the next byte.
    at: u64,
    /// The part that is going by, if its first byte was seen.
    part: Option<Sha256>,
    /// Parts all of whose bytes went by.
    pub(crate) whole: Vec<Part>,
}

impl Passing {
    /// These bytes go by.
    pub(crate) fn pass(&mut self, address: u64, mut bytes: &[u8]) {
        if address != self.at {
            (self.at, self.part) = (address, None);
        }
        while !bytes.is_empty() {
            if self.at.is_multiple_of(PART) {
                self.part = Some(Sha256::new());
            }
            let room = PART - self.at % PART;
            let (now, later) = bytes.split_at(bytes.len().min(room as usize));
            self.at += now.len() as u64;
            bytes = later;
            if let Some(part) = &mut self.part {
                part.update(now);
            }
            if self.at.is_multiple_of(PART)
                && let Some(part) = self.part.take()
            {
                self.whole.push((self.at / PART - 1, part.finalize().into()));
            }
        }
    }
}

/// Hashes the first `length` bytes of a file; `known`: hashes of parts that are taken already.
pub(crate) fn hash_start(file: &File, length: u64, known: &BTreeMap<u64, [u8; 32]>) -> std::io::Result<[u8; 32]> {
    let parts = length.div_ceil(PART) as usize;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(parts.div_ceil(2));
    let (next, hashes) = (AtomicUsize::new(0), Mutex::new(Ok(vec![[0; 32]; parts])));
    let work = || {
        let mut buffer = vec![0; PART.min(length).min(1 << 18) as usize];
        loop {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= parts {
                return;
            }
            let hash = match known.get(&(part as u64)) {
                Some(hash) => Ok(*hash),
                None => hash_part(file, part as u64 * PART, length, &mut buffer),
            };
            let mut hashes = hashes.lock().unwrap_or_else(|e| e.into_inner());
            match (&mut *hashes, hash) {
                (Ok(hashes), Ok(hash)) => hashes[part] = hash,
                (hashes, Err(error)) => *hashes = Err(error),
                (Err(_), Ok(_)) => return,
            }
        }
    };
    std::thread::scope(|scope| {
        (1..threads).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    let hashes = hashes.into_inner().unwrap_or_else(|e| e.into_inner())?;
    Ok(Sha256::digest(hashes.as_flattened()).into())
}

/// Hashes the part that begins at `at`.
fn hash_part(file: &File, at: u64, length: u64, buffer: &mut [u8]) -> std::io::Result<[u8; 32]> {
    let (mut at, end) = (at, (at + PART).min(length));
    let mut hasher = Sha256::new();
    while at < end {
        let piece = &mut buffer[..(end - at).min(1 << 18) as usize];
        file.read_exact_at(piece, at)?;
        hasher.update(&*piece);
        at += piece.len() as u64;
    }
    Ok(hasher.finalize().into())
}

/// Checks a file's seal without the HDF5 library.
///
/// # Errors
/// [`StoreError::Read`] where it cannot be read, [`StoreError::Foreign`] where it is no HDF5 file, and
/// [`StoreError::Damaged`] where it is shorter than it says or its bytes do not fit its seal.
pub(crate) fn check(path: &Path) -> Result<Seal, StoreError> {
    let io = |e: std::io::Error| StoreError::read_io(path, &e);
    let foreign = |why: &str| Err(StoreError::Foreign { path: path.to_owned(), why: why.into() });
    let damaged = |why: String| Err(StoreError::Damaged { path: path.to_owned(), why });
    let mut file = File::open(path).map_err(io)?;
    if !file.metadata().map_err(io)?.is_file() {
        return foreign("it is not a regular file; name an HDF5 file");
    }
    let size = file.metadata().map_err(io)?.len();
    let tail = read_at(&mut file, size.saturating_sub(LENGTH as u64), LENGTH).map_err(io)?;
    let wrong = MARK.iter().zip(&tail).filter(|(a, b)| a != b).count() + MARK.len().saturating_sub(tail.len());
    if wrong <= TOLERANCE {
        let digest = hash_start(&file, size - LENGTH as u64, &BTreeMap::new()).map_err(io)?;
        return if tail == bytes(&digest) {
            Ok(Seal::Intact)
        } else {
            damaged("its bytes do not fit its SHA-256 seal".into())
        };
    }
    let head = read_at(&mut file, 0, 64).map_err(io)?;
    if !head.starts_with(HDF5_MAGIC) {
        return foreign("it does not begin like an HDF5 file; name a file that felice wrote");
    }
    match end_of_data(&head) {
        Some(end) if size < end => damaged(format!("it is cut short: {size} bytes of {end}")),
        _ => Ok(Seal::Absent),
    }
}

fn read_at(file: &mut File, offset: u64, length: usize) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(length as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where a superblock of version 0 to 3 with 8-byte offsets says that the file ends.
fn end_of_data(head: &[u8]) -> Option<u64> {
    let (offsets, at) = match head.get(8)? {
        0 => (13, 40),
        1 => (13, 44),
        2 | 3 => (9, 28),
        _ => return None,
    };
    if *head.get(offsets)? != 8 {
        return None;
    }
    let end = head.get(at..at + 8)?;
    Some(u64::from_le_bytes(end.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_as_long_as_it_says() {
        assert_eq!(bytes(&[0; 32]).len(), LENGTH);
    }

    /// The recipe, said another way.
    #[test]
    fn the_hash_is_that_of_the_hashes_of_the_parts() {
        use std::io::Write;
        let none = BTreeMap::new();
        for length in [0, 1, PART as usize, PART as usize + 1, 3 * PART as usize + 12_345] {
            let mut file = tempfile::tempfile().unwrap();
            let all: Vec<u8> = (0..length).map(|i| ((i * 7919) >> 5) as u8).collect();
            file.write_all(&all).unwrap();
            let parts: Vec<u8> = all.chunks(PART as usize).flat_map(|p| Sha256::digest(p).to_vec()).collect();
            assert_eq!(
                hash_start(&file, length as u64, &none).unwrap().as_slice(),
                Sha256::digest(parts).as_slice(),
                "{length}"
            );
            assert!(hash_start(&file, length as u64 + 1, &none).is_err(), "a file that is shorter");
        }
    }
    #[test]
    fn parts_that_go_by_whole_are_known() {
        let (part, all) = (PART as usize, (0..4 * PART).map(|i| ((i * 7919) >> 5) as u8).collect::<Vec<_>>());
        let mut passing = Passing::default();
        // From within the first part on, in pieces, past the end of the third; a gap; the fourth from its middle on.
        for piece in all[100..3 * part + 1].chunks(333_333).scan(100, |at, p| {
            *at += p.len();
            Some((*at - p.len(), p))
        }) {
            passing.pass(piece.0 as u64, piece.1);
        }
        passing.pass(3 * PART + 50, &all[3 * part + 50..]);
        let expected = [1, 2].map(|p: usize| (p as u64, Sha256::digest(&all[p * part..(p + 1) * part]).into()));
        assert_eq!(passing.whole, expected);
    }
}
