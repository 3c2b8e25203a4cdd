//! Foreign, truncated and damaged files: an error that says so, never a crash.
#![allow(clippy::unwrap_used)] // Helpers of tests, outside the test functions that clippy knows.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use felice_base::{Sampled, Signal, Unit};
use felice_store::{FileWriter, Provenance, Reader, Seal, StoreError, inspect};
use proptest::prelude::*;

/// A whole file put into `folder`, and its bytes.
fn sample(folder: &Path) -> (PathBuf, Vec<u8>) {
    static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(write_sample);
    let path = folder.join("x.h5");
    fs::write(&path, &*WHOLE).unwrap();
    (path, WHOLE.clone())
}

fn write_sample() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    let t: Vec<f64> = (0..2000).map(f64::from).collect();
    let u = Signal::new("u", Unit::VOLT, "state", t.iter().map(|t| t.sin()).collect());
    let sampled = Sampled::new(Signal::new("t", Unit::SECOND, "time", t), vec![u]).unwrap();
    let file = FileWriter::create(&path, &Provenance::new("felice", "0.1.0", "unknown")).unwrap();
    file.root().group("a").unwrap().sampled(&sampled).unwrap();
    file.root().group("b").unwrap().text("log", "log", "quiet").unwrap();
    file.finish().unwrap();
    fs::read(&path).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn prop_flipped_bytes_are_found(flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let (path, mut bytes) = sample(folder.path());
        let before = bytes.clone();
        for (at, mask) in flips {
            let i = at.index(bytes.len());
            bytes[i] ^= mask;
        }
        prop_assume!(bytes != before);
        fs::write(&path, &bytes).unwrap();
        let error = inspect(&path).unwrap_err();
        prop_assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    }

    #[test]
    fn prop_truncated_files_are_found(keep in any::<prop::sample::Index>()) {
        let folder = tempfile::tempdir().unwrap();
        let (path, bytes) = sample(folder.path());
        fs::write(&path, &bytes[..keep.index(bytes.len())]).unwrap();
        let error = inspect(&path).unwrap_err();
        prop_assert!(matches!(error, StoreError::Damaged { .. } | StoreError::Foreign { .. }), "{error}");
    }

    #[test]
    fn prop_random_bytes_are_foreign(bytes in prop::collection::vec(any::<u8>(), 0..4000), hdf5 in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5");
        let head: &[u8] = if hdf5 { b"\x89HDF\r\n\x1a\n" } else { b"" };
        fs::write(&path, [head, &bytes].concat()).unwrap();
        let error = inspect(&path).unwrap_err();
        prop_assert!(matches!(error, StoreError::Damaged { .. } | StoreError::Foreign { .. }), "{error}");
    }
}

#[test]
fn files_of_others_say_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.h5");
    hdf5::File::create(&path).unwrap().create_group("g").unwrap();
    let error = inspect(&path).unwrap_err().to_string();
    assert!(error.contains("without felice's seal") && error.contains("h5dump"), "{error}");
    let seen = Reader::open_unsealed(&path).unwrap().inspect().unwrap();
    assert_eq!((seen.seal, seen.complete), (Seal::Absent, false));
    assert!(seen.to_string().contains("INCOMPLETE") && seen.to_string().contains("└─ g/"));

    fs::write(&path, "u,v\n0,1\n").unwrap();
    assert!(inspect(&path).unwrap_err().to_string().contains("does not begin like an HDF5 file"));
    assert!(inspect(folder.path()).is_err());
    let gone = inspect(&folder.path().join("gone.h5")).unwrap_err().to_string();
    assert!(gone.contains("gone.h5") && gone.contains("check the name"), "{gone}");
}

#[test]
fn a_file_changed_by_another_tool_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = sample(folder.path());
    hdf5::File::open_rw(&path).unwrap().create_group("note").unwrap();
    let error = inspect(&path).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. } | StoreError::Damaged { .. }), "{error}");
}
