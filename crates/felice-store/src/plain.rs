//! Text files (CSV, SVG, HTML, XML) that are whole or absent.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::abandon;
use crate::error::StoreError;

/// A text file being written: to `NAME.partial` beside the target, then synced and renamed by [`PlainWriter::finish`].
/// Dropped without it, the partial file is removed. A target that exists and is no regular file (`/dev/stdout`, a pipe) is
/// written to as it is.
pub struct PlainWriter {
    target: PathBuf,
    partial: Option<PathBuf>,
    out: BufWriter<File>,
}

impl PlainWriter {
    /// Begins a file that will be called `target`.
    ///
    /// # Errors
    /// [`StoreError::NoFolder`], [`StoreError::BadTarget`] or [`StoreError::Write`].
    pub fn create(target: &Path) -> Result<Self, StoreError> {
        let direct = target.exists() && !target.is_file() && !target.is_dir();
        let partial = if direct { None } else { Some(partial_of(target)?) };
        let mut options = OpenOptions::new();
        options.write(true).create(!direct).truncate(!direct);
        partial.iter().for_each(|p| abandon::begun(p, false));
        let file = options.open(partial.as_deref().unwrap_or(target)).map_err(|e| {
            partial.iter().for_each(|p| abandon::ended(p));
            StoreError::write_io(target, &e)
        })?;
        Ok(PlainWriter { target: target.to_owned(), partial, out: BufWriter::new(file) })
    }

    /// Flushes, syncs, and gives the file its final name.
    ///
    /// # Errors
    /// [`StoreError::Write`]; nothing is left behind.
    pub fn finish(mut self) -> Result<(), StoreError> {
        self.out.flush().map_err(|e| StoreError::write_io(&self.target, &e))?;
        let Some(partial) = &self.partial else { return Ok(()) };
        self.out.get_ref().sync_all().map_err(|e| StoreError::write_io(&self.target, &e))?;
        rename(partial, &self.target)?;
        abandon::ended(partial);
        self.partial = None;
        Ok(())
    }

    /// Turns an error of [`Write`] on this writer into one that names the file.
    pub fn error(&self, error: &io::Error) -> StoreError {
        StoreError::write_io(&self.target, error)
    }
}

impl Write for PlainWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for PlainWriter {
    fn drop(&mut self) {
        if let Some(partial) = &self.partial {
            let _ = fs::remove_file(partial);
            abandon::ended(partial);
        }
    }
}

/// Writes a whole text file at once.
///
/// # Errors
/// As [`PlainWriter::create`] and [`PlainWriter::finish`].
pub fn write_plain(target: &Path, contents: impl AsRef<[u8]>) -> Result<(), StoreError> {
    let mut writer = PlainWriter::create(target)?;
    writer.write_all(contents.as_ref()).map_err(|e| writer.error(&e))?;
    writer.finish()
}

/// Whether an output file could be written, asked before work begins whose result it should hold: its folder exists and
/// takes new files. A target that is there already is not touched.
///
/// # Errors
/// As [`PlainWriter::create`].
pub fn check_target(target: &Path) -> Result<(), StoreError> {
    if target.exists() && !target.is_file() && !target.is_dir() {
        return Ok(());
    }
    partial_of(target)?;
    let mut probe = OsString::from(".felice-");
    probe.push(std::process::id().to_string());
    let probe = folder_of(target).join(probe);
    File::create(&probe).and_then(|_| fs::remove_file(&probe)).map_err(|e| StoreError::write_io(target, &e))
}

/// Reads a whole file.
///
/// # Errors
/// [`StoreError::Read`].
pub fn read_plain(path: &Path) -> Result<Vec<u8>, StoreError> {
    fs::read(path).map_err(|e| StoreError::read_io(path, &e))
}

/// `NAME.partial` beside a target whose folder exists.
pub(crate) fn partial_of(target: &Path) -> Result<PathBuf, StoreError> {
    let bad = |why: &str| Err(StoreError::BadTarget { path: target.to_owned(), why: why.into() });
    if target.is_dir() {
        return bad("it is a folder");
    }
    let Some(name) = target.file_name() else { return bad("it names no file") };
    if target.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return bad("it names a folder");
    }
    let folder = folder_of(target);
    if !folder.is_dir() {
        return if folder.exists() {
            bad(&format!("`{}` is not a folder", folder.display()))
        } else {
            Err(StoreError::NoFolder { path: target.to_owned(), folder: folder.to_owned() })
        };
    }
    let mut partial = OsString::from(name);
    partial.push(".partial");
    Ok(target.with_file_name(partial))
}

fn folder_of(target: &Path) -> &Path {
    target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Renames a synced file and syncs its folder, so that the new name survives a loss of power.
pub(crate) fn rename(partial: &Path, target: &Path) -> Result<(), StoreError> {
    fs::rename(partial, target).map_err(|e| StoreError::write_io(target, &e))?;
    // Some file systems cannot sync a folder; the file itself is whole in any case.
    if let Ok(folder) = File::open(folder_of(target)) {
        let _ = folder.sync_all();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_absent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        let mut writer = PlainWriter::create(&path).unwrap();
        writer.write_all(b"t,u\n").unwrap();
        assert!(!path.exists(), "the final name appears at the end only");
        drop(writer);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "a dropped writer leaves nothing");
        write_plain(&path, "t,u\n0,1\n").unwrap();
        write_plain(&path, "t,u\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "t,u\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn impossible_targets_say_why() {
        let folder = tempfile::tempdir().unwrap();
        let message = |p: &Path| {
            let error = write_plain(p, "x").unwrap_err().to_string();
            assert_eq!(check_target(p).unwrap_err().to_string(), error, "known before the work");
            error
        };
        assert!(message(&folder.path().join("no/x.csv")).contains("does not exist"));
        assert!(message(folder.path()).contains("it is a folder"));
        assert!(message(Path::new("")).contains("names no file"));
        write_plain(&folder.path().join("f"), "x").unwrap();
        check_target(&folder.path().join("f")).unwrap();
        assert!(message(&folder.path().join("f/x.csv")).contains("not a folder"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_device_is_written_to_as_it_is() {
        write_plain(Path::new("/dev/null"), "x").unwrap();
        let full = write_plain(Path::new("/dev/full"), "x").unwrap_err().to_string();
        assert!(full.contains("no space left on device") && full.contains("free some space"), "{full}");
    }
}
