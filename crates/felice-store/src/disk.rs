//! What a disk has room for, and how fast it is.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes that may still be written to the file system of a path's folder; none where it does not say.
pub fn free_space(path: &Path) -> Option<u64> {
    let fs = rustix::fs::statvfs(folder(path)).ok()?;
    fs.f_bavail.checked_mul(fs.f_frsize)
}

/// How long the file system of a path's folder takes to write and sync so many bytes, tried with a file without a name,
/// of which nothing is left whatever happens; none where it cannot.
pub fn write_time(path: &Path, bytes: usize) -> Option<Duration> {
    let (bytes, begin) = (vec![0x5a; bytes], Instant::now());
    let file = tempfile::tempfile_in(folder(path)).ok()?;
    file.write_all_at(&bytes, 0).and_then(|()| file.sync_data()).ok()?;
    Some(begin.elapsed())
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_tried_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5");
        assert!(free_space(&path).unwrap() > 0);
        assert!(write_time(&path, 1 << 20).unwrap() > Duration::ZERO);
        assert!(write_time(&folder.path().join("no/x"), 1).is_none());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
    }
}
