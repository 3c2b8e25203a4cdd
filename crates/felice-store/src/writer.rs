//! A file from its `.partial` beginnings to its final name.

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use hdf5::file::FileCloseDegree;
use hdf5::plist::file_create::{AttrCreationOrder, LinkCreationOrder};

use crate::digest::Contents;
use crate::error::StoreError;
use crate::group::Group;
use crate::provenance::Provenance;
use crate::{FORMAT_VERSION, plain, seal};

/// An HDF5 file being written. Nothing stands under the final name before [`FileWriter::finish`]; where the writer is
/// dropped without it, or anything fails, the partial file is removed.
pub struct FileWriter {
    pub(crate) target: PathBuf,
    pub(crate) contents: RefCell<Contents>,
    partial: PathBuf,
    file: Option<hdf5::File>,
    lock: File,
    renamed: bool,
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
        let partial = plain::partial_of(target)?;
        if target.exists() && !target.is_file() {
            let why = "it exists and is not a regular file".into();
            return Err(StoreError::BadTarget { path: target.to_owned(), why });
        }
        let lock = claim(target, &partial)?;
        let file = create_hdf5(&partial).map_err(|e| {
            let _ = fs::remove_file(&partial);
            let _ = lock.unlock();
            StoreError::write_hdf5(target, &e)
        })?;
        let writer = FileWriter {
            target: target.to_owned(),
            contents: RefCell::new(Contents::default()),
            partial,
            file: Some(file),
            lock,
            renamed: false,
        };
        writer.stamp(provenance)?;
        Ok(writer)
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
        if let Some(file) = self.file.take() {
            file.flush().map_err(|e| StoreError::write_hdf5(&self.target, &e))?;
            file.close().map_err(|e| StoreError::write_hdf5(&self.target, &e))?;
        }
        let bytes = seal_and_sync(&self.partial).map_err(|e| StoreError::write_io(&self.target, &e))?;
        plain::rename(&self.partial, &self.target)?;
        self.renamed = true;
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
        if let Some(file) = self.file.take() {
            let _ = file.close();
        }
        // Once renamed, a file called `.partial` is another writer's.
        if !self.renamed {
            let _ = fs::remove_file(&self.partial);
        }
        let _ = self.lock.unlock();
    }
}

/// Takes a partial file that no living process writes: a stale one, left by a killed process, is emptied.
///
/// The lock is our own and is given back by hand. HDF5's own lock would live on in any child process that another
/// thread spawns meanwhile, since the library lets children inherit its files.
fn claim(target: &Path, partial: &Path) -> Result<File, StoreError> {
    let write = |e: std::io::Error| StoreError::write_io(target, &e);
    loop {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(partial).map_err(write)?;
        match file.try_lock() {
            // Between opening and locking, another writer may have renamed this very file to its final name.
            Ok(()) if !is_at(&file, partial) => continue,
            Ok(()) => file.set_len(0).map_err(write)?,
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Busy { path: target.to_owned(), partial: partial.to_owned() });
            }
            // A file system without locks: two writers cannot be told apart there.
            Err(TryLockError::Error(_)) => {}
        }
        return Ok(file);
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
fn create_hdf5(path: &Path) -> Result<hdf5::File, hdf5::Error> {
    hdf5::File::with_options()
        .with_fapl(|p| p.libver_v18().fclose_degree(FileCloseDegree::Strong).file_locking(false))
        .with_fcpl(|p| {
            p.obj_track_times(false)
                .link_creation_order(LinkCreationOrder::Indexed)
                .attr_creation_order(AttrCreationOrder::Indexed)
        })
        .create(path)
}

fn seal_and_sync(path: &Path) -> std::io::Result<u64> {
    let mut file = File::options().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let digest = seal::hash_start(&mut file, length)?;
    file.seek(SeekFrom::End(0))?;
    file.write_all(&seal::bytes(&digest))?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}
