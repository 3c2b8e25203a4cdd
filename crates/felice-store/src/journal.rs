//! A journal: a header, then records of one length, each with its checksum. What is whole in it stays whole whatever
//! happens to the process or the machine.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::codec::{Decoder, Encoder};
use crate::error::StoreError;
use crate::plain;

const MAGIC: &[u8; 16] = b"felice journal 1";
/// Magic, lengths of header and record, checksum.
const PREFIX: usize = 16 + 8 + 8 + 4;
const CHECKSUM: usize = 4;

/// A journal open for writing.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    record: usize,
    end: u64,
}

/// What a journal held when it was opened.
#[derive(Debug)]
pub struct Found {
    /// The header.
    pub header: Vec<u8>,
    /// The records that are whole, in the order they were written.
    pub records: Vec<Vec<u8>>,
    /// How many records do not fit their checksum: torn by a crash, or damaged.
    pub damaged: usize,
}

impl Journal {
    /// Begins a journal whose records hold `record` bytes each. It appears under its name whole and synced.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn create(path: &Path, header: &[u8], record: usize) -> Result<Self, StoreError> {
        let failed = |e: std::io::Error| StoreError::write_io(path, &e);
        let mut lengths = Encoder::default();
        lengths.number(header.len() as u64);
        lengths.number(record as u64);
        let lengths = lengths.finish();
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&lengths);
        checksum.update(header);
        let new = beside(path, ".new");
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&new).map_err(failed)?;
        let write = |file: &mut File| {
            for part in [MAGIC.as_slice(), &lengths, &checksum.finalize().to_le_bytes(), header] {
                file.write_all(part)?;
            }
            file.sync_all()
        };
        if let Err(e) = write(&mut file) {
            let _ = fs::remove_file(&new);
            return Err(failed(e));
        }
        plain::rename(&new, path)?;
        Ok(Journal { path: path.to_owned(), file, record, end: (PREFIX + header.len()) as u64 })
    }

    /// Opens a journal and reads what is whole in it.
    ///
    /// # Errors
    /// [`StoreError::Read`]; [`StoreError::Damaged`] where the header is not the one that was written.
    pub fn open(path: &Path) -> Result<(Self, Found), StoreError> {
        let failed = |e: std::io::Error| StoreError::read_io(path, &e);
        let damaged = |why: &str| StoreError::Damaged { path: path.to_owned(), why: why.into() };
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let mut reader = BufReader::with_capacity(1 << 20, &file);
        let mut prefix = [0; PREFIX];
        reader.read_exact(&mut prefix).map_err(|_| damaged("it is cut short"))?;
        if !prefix.starts_with(MAGIC) {
            return Err(damaged("it does not begin like a journal"));
        }
        let mut lengths = Decoder(&prefix[16..32]);
        let (header, record) = (lengths.size().unwrap_or(usize::MAX), lengths.size().unwrap_or(usize::MAX));
        if header as u64 > length - PREFIX as u64 || record > 1 << 20 {
            return Err(damaged("its header does not fit its checksum"));
        }
        let mut bytes = vec![0; header];
        reader.read_exact(&mut bytes).map_err(failed)?;
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&prefix[16..32]);
        checksum.update(&bytes);
        if checksum.finalize().to_le_bytes() != prefix[32..] {
            return Err(damaged("its header does not fit its checksum"));
        }
        let mut found = Found { header: bytes, records: Vec::new(), damaged: 0 };
        let count = (length - (PREFIX + header) as u64) / (record + CHECKSUM) as u64;
        let mut buffer = vec![0; record + CHECKSUM];
        for _ in 0..count {
            reader.read_exact(&mut buffer).map_err(failed)?;
            let (payload, checksum) = buffer.split_at(record);
            if crc32fast::hash(payload).to_le_bytes() == checksum {
                found.records.push(payload.to_vec());
            } else {
                found.damaged += 1;
            }
        }
        let end = (PREFIX + header) as u64 + count * (record + CHECKSUM) as u64;
        Ok((Journal { path: path.to_owned(), file, record, end }, found))
    }

    /// Appends records. What was there stays whole where this fails.
    ///
    /// # Errors
    /// [`StoreError::Shape`] where a record has another length, [`StoreError::Write`].
    pub fn append<R: AsRef<[u8]>>(&mut self, records: &[R]) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        for record in records.iter().map(AsRef::as_ref) {
            if record.len() != self.record {
                let why = format!("a record of {} bytes among those of {}", record.len(), self.record);
                return Err(StoreError::Shape { path: self.path.clone(), name: "journal".into(), why });
            }
            bytes.extend_from_slice(record);
            bytes.extend_from_slice(&crc32fast::hash(record).to_le_bytes());
        }
        self.file.write_all_at(&bytes, self.end).map_err(|e| StoreError::write_io(&self.path, &e))?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// Waits until everything appended is on the disk.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(|e| StoreError::write_io(&self.path, &e))
    }
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(extension);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(folder: &Path) -> PathBuf {
        let path = folder.join("x.journal");
        let mut journal = Journal::create(&path, b"header", 4).unwrap();
        journal.append(&[b"abcd", b"efgh"]).unwrap();
        journal.append(&[b"ijkl"]).unwrap();
        journal.sync().unwrap();
        path
    }

    #[test]
    fn what_was_appended_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = journal(folder.path());
        let (mut journal, found) = Journal::open(&path).unwrap();
        assert_eq!((found.header.as_slice(), found.damaged), (b"header".as_slice(), 0));
        assert_eq!(found.records, [b"abcd", b"efgh", b"ijkl"]);
        assert!(journal.append(&[b"abc"]).is_err());
        journal.append(&[b"mnop"]).unwrap();
        assert_eq!(Journal::open(&path).unwrap().1.records.len(), 4);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_torn_end_is_left_out_and_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = journal(folder.path());
        let whole = fs::read(&path).unwrap();
        for cut in 1..8 {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let (mut journal, found) = Journal::open(&path).unwrap();
            assert_eq!(found.records.len(), 2, "cut by {cut}");
            journal.append(&[b"ijkl"]).unwrap();
            assert_eq!(fs::read(&path).unwrap(), whole);
        }
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = journal(folder.path());
        let whole = fs::read(&path).unwrap();
        for i in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[i] ^= 0x40;
            fs::write(&path, &bytes).unwrap();
            match Journal::open(&path) {
                Err(error) => assert!(matches!(error, StoreError::Damaged { .. }), "byte {i}: {error}"),
                Ok((_, found)) => assert_eq!((found.records.len(), found.damaged), (2, 1), "byte {i}"),
            }
        }
    }
}
