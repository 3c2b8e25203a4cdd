//! Folders that are whole or absent.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::plain::{check_target, rename};

/// Whether a folder of this name could be made: there is none yet (an empty one will do), and the folder around it is
/// there and takes new files.
///
/// # Errors
/// [`StoreError::NoFolder`], [`StoreError::BadTarget`] or [`StoreError::Write`].
pub fn check_folder(target: &Path) -> Result<(), StoreError> {
    let bad = |why: &str| Err(StoreError::BadTarget { path: target.to_owned(), why: why.into() });
    match fs::read_dir(target) {
        Ok(mut entries) => match entries.next() {
            Some(_) => bad("the folder is not empty"),
            None => check_target(&beside(target)),
        },
        Err(_) if target.symlink_metadata().is_ok() => bad("it is there and is no folder"),
        Err(_) => check_target(&beside(target)),
    }
}

/// Makes a folder by `write`, which fills it under another name; it gets its own once all of it is on the disk.
///
/// # Errors
/// As [`check_folder`], or what `write` says; nothing is left behind then.
pub fn write_folder(target: &Path, write: impl FnOnce(&Path) -> Result<(), StoreError>) -> Result<(), StoreError> {
    check_folder(target)?;
    let partial = beside(target);
    let failed = |e: std::io::Error| StoreError::write_io(target, &e);
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(failed)?;
    }
    fs::create_dir(&partial).map_err(failed)?;
    let written = write(&partial).and_then(|()| {
        // Each file in it was synced by its writer.
        File::open(&partial).and_then(|f| f.sync_all()).map_err(failed)?;
        rename(&partial, target)
    });
    if written.is_err() {
        let _ = fs::remove_dir_all(&partial);
    }
    written
}

/// `NAME.partial` beside the target, however that is spelled.
fn beside(target: &Path) -> PathBuf {
    let mut name: OsString = target.components().as_path().as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plain::write_plain;

    #[test]
    fn a_folder_is_whole_or_absent() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("out");
        let fail = |folder: &Path| {
            write_plain(&folder.join("a.csv"), "1\n")?;
            write_plain(&folder.join("no/b.csv"), "2\n")
        };
        assert!(write_folder(&target, fail).is_err());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "nothing is left behind");
        write_folder(&target, |folder| write_plain(&folder.join("a.csv"), "1\n")).unwrap();
        assert_eq!(fs::read_to_string(target.join("a.csv")).unwrap(), "1\n");
        let again = write_folder(&target, |_| Ok(())).unwrap_err().to_string();
        assert!(again.contains("not empty"), "{again}");
        fs::create_dir(place.path().join("empty")).unwrap();
        write_folder(&place.path().join("empty/"), |folder| write_plain(&folder.join("a.csv"), "1\n")).unwrap();
    }
}
