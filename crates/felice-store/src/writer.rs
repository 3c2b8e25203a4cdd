//! A file from its `.partial` beginnings to its final name.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use hdf5::file::FileCloseDegree;
use hdf5::plist::file_create::{AttrCreationOrder, LinkCreationOrder};

use crate::digest::Contents;
use crate::error::StoreError;
use crate::group::Group;
use crate::provenance::Provenance;
use crate::{FORMAT_VERSION, abandon, plain, seal};

/// The library's own default for metadata kept together, in bytes.
const METADATA_BLOCK: u64 = 2048;

/// An HDF5 file being written. Nothing stands under the final name before [`FileWriter::finish`]; where the writer is
/// dropped without it, or anything fails, the partial file is removed.
pub struct FileWriter {
    pub(crate) target: PathBuf,
    pub(crate) contents: RefCell<Contents>,
    file: Option<hdf5::File>,
    claim: Option<Claim>,
}

/// A finished file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its final name.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Number of datasets.
    pub datasets: usize,
    /// Hash over all data, as in the root attribute `content_sha256`.
    pub content_sha256: String,
}

impl FileWriter {
    /// Begins a file that will be called `target`, and writes what `provenance` says into its root.
    ///
    /// # Errors
    /// [`StoreError::NoFolder`], [`StoreError::BadTarget`], [`StoreError::Busy`] or [`StoreError::Write`].
    pub fn create(target: &Path, provenance: &Provenance) -> Result<Self, StoreError> {
        Self::begin(Claim::take(target)?, provenance, METADATA_BLOCK)
    }

    /// Begins the claimed file anew. `metadata`: bytes kept together for headers and indices, so that what is written
    /// meanwhile does not lie between chunks of data.
    pub(crate) fn begin(mut claim: Claim, provenance: &Provenance, metadata: u64) -> Result<Self, StoreError> {
        claim.abandon(Abandon::Remove);
        claim.lock.set_len(0).map_err(|e| StoreError::write_io(&claim.target, &e))?;
        let file = create_hdf5(&claim.partial, metadata).map_err(|e| StoreError::write_hdf5(&claim.target, &e))?;
        let writer = Self::over(claim, file, Contents::default());
        writer.stamp(provenance)?;
        Ok(writer)
    }

    pub(crate) fn over(claim: Claim, file: hdf5::File, contents: Contents) -> Self {
        let target = claim.target.clone();
        FileWriter { target, contents: RefCell::new(contents), file: Some(file), claim: Some(claim) }
    }

    /// Closes the file without finishing it.
    pub(crate) fn suspend(mut self) -> Result<(Claim, Contents), StoreError> {
        self.close()?;
        let claim = self.claim.take().unwrap_or_else(|| unreachable!("a writer holds its claim until it ends"));
        Ok((claim, self.contents.take()))
    }

    /// The partial file itself, beside the HDF5 library.
    pub(crate) fn partial_file(&self) -> Option<&File> {
        self.claim.as_ref().map(Claim::file)
    }

    fn close(&mut self) -> Result<(), StoreError> {
        let Some(file) = self.file.take() else { return Ok(()) };
        file.flush().and_then(|()| file.close()).map_err(|e| StoreError::write_hdf5(&self.target, &e))
    }

    /// The root group.
    pub fn root(&self) -> Group<'_> {
        // `file` is only taken by `finish`, which consumes the writer, and by `drop`.
        let file = self.file.as_ref().unwrap_or_else(|| unreachable!("a writer holds its file until it ends"));
        Group::root(self, file)
    }

    /// Marks the file complete, closes, seals and syncs it, and gives it its final name.
    ///
    /// # Errors
    /// [`StoreError::Write`]; nothing is left behind.
    pub fn finish(mut self) -> Result<Written, StoreError> {
        if let Some(name) = self.contents.borrow().unfinished() {
            let why = "its rows were begun and not finished".into();
            return Err(StoreError::Shape { path: self.target.clone(), name: name.to_owned(), why });
        }
        let content_sha256 = self.contents.borrow().sha256_hex();
        self.root().attribute("content_sha256", content_sha256.as_str())?;
        self.root().attribute("complete", 1_u64)?;
        self.close()?;
        let claim = self.claim.as_mut().unwrap_or_else(|| unreachable!("a writer holds its claim until it ends"));
        let bytes = seal_and_sync(&claim.partial, &claim.parts).map_err(|e| StoreError::write_io(&self.target, &e))?;
        plain::rename(&claim.partial, &self.target)?;
        claim.abandon(Abandon::Keep);
        let datasets = self.contents.borrow().len();
        Ok(Written { path: self.target.clone(), bytes, datasets, content_sha256 })
    }

    fn stamp(&self, from: &Provenance) -> Result<(), StoreError> {
        let root = self.root();
        root.attribute("format", "felice")?;
        root.attribute("format_version", FORMAT_VERSION)?;
        root.attribute("creator", from.creator.as_str())?;
        root.attribute("command_line", from.command_line.as_str())?;
        root.attribute("created", from.created_rfc3339())?;
        root.attribute("seed", from.seed)?;
        if !from.engines.is_empty() {
            let (names, versions): (Vec<_>, Vec<_>) = from.engines.iter().cloned().unzip();
            root.attribute("engine", names.join(", "))?;
            root.attribute("engine_version", versions.join(", "))?;
        }
        root.attribute("inputs_sha256", from.input_lines())
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        // The file is closed before its claim ends.
        if let Some(file) = self.file.take() {
            let _ = file.close();
        }
    }
}

/// The right to write a target: its partial file, locked. It ends with the value.
///
/// The lock is our own and is given back by hand. HDF5's own lock would live on in any child process that another
/// thread spawns meanwhile, since the library lets children inherit its files.
#[derive(Debug)]
pub struct Claim {
    pub(crate) target: PathBuf,
    pub(crate) partial: PathBuf,
    /// Hashes of parts of the partial file that are taken already, for its seal.
    pub(crate) parts: BTreeMap<u64, [u8; 32]>,
    abandon: Abandon,
    lock: File,
}

/// What becomes of a partial file when its claim ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Abandon {
    /// It is removed where it is empty.
    RemoveEmpty,
    /// It is removed.
    Remove,
    /// It stays: to be continued, or already another writer's.
    Keep,
}

impl Claim {
    /// Claims a target. A partial file that is there already stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NoFolder`], [`StoreError::BadTarget`], [`StoreError::Write`], and [`StoreError::Busy`] where a living
    /// process holds the claim.
    pub fn take(target: &Path) -> Result<Self, StoreError> {
        let partial = plain::partial_of(target)?;
        if target.exists() && !target.is_file() {
            let why = "it exists and is not a regular file".into();
            return Err(StoreError::BadTarget { path: target.to_owned(), why });
        }
        let write = |e: std::io::Error| StoreError::write_io(target, &e);
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).clone();
        loop {
            let lock = options.open(&partial).map_err(write)?;
            match lock.try_lock() {
                // Between opening and locking, another writer may have renamed this very file to its final name.
                Ok(()) if !is_at(&lock, &partial) => continue,
                Err(TryLockError::WouldBlock) => return Err(StoreError::Busy { path: target.to_owned(), partial }),
                // A file system without locks: two writers cannot be told apart there.
                Ok(()) | Err(TryLockError::Error(_)) => {}
            }
            let mut claim = Claim {
                target: target.to_owned(),
                partial,
                parts: BTreeMap::new(),
                abandon: Abandon::RemoveEmpty,
                lock,
            };
            claim.abandon(Abandon::RemoveEmpty);
            return Ok(claim);
        }
    }

    /// The final name.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// True where nothing has been written yet.
    pub fn is_empty(&self) -> bool {
        self.lock.metadata().is_ok_and(|m| m.len() == 0)
    }

    /// Says what becomes of the partial file.
    pub(crate) fn abandon(&mut self, what: Abandon) {
        abandon::ended(&self.partial);
        if what != Abandon::Keep {
            abandon::begun(&self.partial, what == Abandon::RemoveEmpty);
        }
        self.abandon = what;
    }

    /// The partial file, open for reading and writing.
    pub(crate) fn file(&self) -> &File {
        &self.lock
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let remove = match self.abandon {
            Abandon::RemoveEmpty => self.is_empty(),
            Abandon::Remove => true,
            Abandon::Keep => false,
        };
        if remove {
            let _ = fs::remove_file(&self.partial);
        }
        abandon::ended(&self.partial);
        let _ = self.lock.unlock();
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(opened), Ok(named)) = (file.metadata(), fs::metadata(path)) else { return false };
    (opened.dev(), opened.ino()) == (named.dev(), named.ino())
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// The 1.8 file format: read by every library since 2008, its headers carry checksums. Times of objects are not kept
/// (they would differ from run to run), their order is.
fn create_hdf5(path: &Path, metadata: u64) -> Result<hdf5::File, hdf5::Error> {
    options()
        .with_fapl(|p| p.meta_block_size(metadata))
        .with_fcpl(|p| {
            p.obj_track_times(false)
                .link_creation_order(LinkCreationOrder::Indexed)
                .attr_creation_order(AttrCreationOrder::Indexed)
        })
        .create(path)
}

/// How files are opened for writing.
pub(crate) fn options() -> hdf5::FileBuilder {
    let mut options = hdf5::File::with_options();
    options.with_fapl(|p| p.libver_v18().fclose_degree(FileCloseDegree::Strong).file_locking(false));
    options
}

fn seal_and_sync(path: &Path, known: &BTreeMap<u64, [u8; 32]>) -> std::io::Result<u64> {
    let mut file = File::options().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let digest = seal::hash_start(&file, length, known)?;
    file.seek(SeekFrom::End(0))?;
    file.write_all(&seal::bytes(&digest))?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}
