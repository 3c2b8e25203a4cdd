//! A heap: bytes of any length, put at its end by any thread, found again by their address.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::StoreError;

/// A heap open for writing and reading.
#[derive(Debug)]
pub struct Heap {
    path: PathBuf,
    file: File,
    end: AtomicU64,
}

impl Heap {
    /// Opens a heap whose first `end` bytes are in use; what lies behind them is given up.
    ///
    /// # Errors
    /// [`StoreError::Write`]; [`StoreError::Damaged`] where the file is shorter.
    pub fn open(path: &Path, end: u64) -> Result<Self, StoreError> {
        let failed = |e: std::io::Error| StoreError::write_io(path, &e);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        if length < end {
            let why = format!("it is cut short: {length} bytes of {end}");
            return Err(StoreError::Damaged { path: path.to_owned(), why });
        }
        file.set_len(end).map_err(failed)?;
        Ok(Heap { path: path.to_owned(), file, end: AtomicU64::new(end) })
    }

    /// Puts bytes at the end; where they are.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn put(&self, bytes: &[u8]) -> Result<u64, StoreError> {
        let at = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.put_again(at, bytes)?;
        Ok(at)
    }

    /// Writes bytes once more where they are.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn put_again(&self, at: u64, bytes: &[u8]) -> Result<(), StoreError> {
        self.file.write_all_at(bytes, at).map_err(|e| StoreError::write_io(&self.path, &e))
    }

    /// Bytes put there before.
    ///
    /// # Errors
    /// [`StoreError::Read`], also where there are not as many.
    pub fn get(&self, at: u64, length: usize) -> Result<Vec<u8>, StoreError> {
        let failed = |e: std::io::Error| StoreError::read_io(&self.path, &e);
        // The length is not believed before the file has so many bytes.
        if at.checked_add(length as u64).is_none_or(|end| self.file.metadata().map_or(0, |m| m.len()) < end) {
            return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
        }
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, at).map_err(failed)?;
        Ok(bytes)
    }

    /// Waits until everything put is on the disk.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(|e| StoreError::write_io(&self.path, &e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_found_where_they_were_put() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.heap");
        let heap = Heap::open(&path, 0).unwrap();
        let (a, b) = (heap.put(b"first").unwrap(), heap.put(b"second").unwrap());
        assert_eq!((heap.get(a, 5).unwrap(), heap.get(b, 6).unwrap()), (b"first".to_vec(), b"second".to_vec()));
        assert!(heap.get(b, 7).is_err() && heap.get(u64::MAX, 2).is_err() && heap.get(0, usize::MAX).is_err());
        drop(heap);
        let heap = Heap::open(&path, 5).unwrap();
        assert_eq!(heap.put(b"third").unwrap(), 5);
        assert!(matches!(Heap::open(&path, 100), Err(StoreError::Damaged { .. })));
    }
}
