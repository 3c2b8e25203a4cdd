//! The seal: 128 bytes after the end of the HDF5 data, which hold the SHA-256 of everything before them.
//!
//! HDF5 readers ignore bytes after the address where the file says it ends, so h5py, xarray and h5dump do not notice.
//! Before our own readers hand a file to the HDF5 library, the seal proves that each byte is the one that was written: the
//! library's parser never sees a damaged file, and damage to data is found even where no chunk checksum covers it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::digest::hex;
use crate::error::StoreError;

/// Length of the seal in bytes.
const LENGTH: usize = 128;
/// How a seal begins; then 64 hexadecimal digits.
const MARK: &[u8; 63] = b"\nfelice seal 1: everything above is whole while its SHA-256 is ";
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

/// Hashes the first `length` bytes of a file.
pub(crate) fn hash_start(file: &mut File, length: u64) -> std::io::Result<[u8; 32]> {
    file.seek(SeekFrom::Start(0))?;
    let mut reader = file.take(length);
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = reader.read(&mut buffer)?;
        if n == 0 {
            return Ok(hasher.finalize().into());
        }
        hasher.update(&buffer[..n]);
    }
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
        let digest = hash_start(&mut file, size - LENGTH as u64).map_err(io)?;
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
}
