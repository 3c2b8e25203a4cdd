//! Files written over a long time: arrays filled in any order past the HDF5 library, left and continued.
#![allow(clippy::unwrap_used)] // Helpers of tests, outside the test functions that clippy knows.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use felice_base::Unit;
use felice_store::{
    AttributeValue, Claim, Draft, FileWriter, Provenance, Reader, Skeleton, StoreError, Written, inspect,
};

fn provenance() -> Provenance {
    let mut p = Provenance::new("felice", "0.1.0", "0123abc");
    p.created = SystemTime::UNIX_EPOCH;
    p
}

const SHAPE: [usize; 3] = [7, 300, 201];

/// Three arrays: f32 over three axes in several chunks with room at their edges, f64 in one chunk, bytes.
fn begin(path: &Path) -> Draft {
    let file = FileWriter::begin_draft(Claim::take(path).unwrap(), &provenance(), 100).unwrap();
    let root = file.root();
    let [a, b, t] = SHAPE.map(|n| (0..n as u64).collect::<Vec<_>>());
    let a = root.axis("a", &Unit::ONE, "first", &a).unwrap();
    let b = root.axis("b", &Unit::ONE, "second", &b).unwrap();
    let t = root.axis("t", &Unit::SECOND, "time", &t).unwrap();
    let u = root.reserve::<f32>("u", &Unit::VOLT, "state", &[&a, &b, &t]).unwrap();
    let (c, c_places) = root.reserve_axis::<f64>("c", &Unit::ONE, "third", 50).unwrap();
    let status = root.reserve::<u8>("status", &Unit::ONE, "state of a point", &[&c]).unwrap();
    file.into_draft(vec![u, c_places, status]).unwrap()
}

fn value(i: usize) -> f32 {
    (i as f32 * 0.37).sin()
}

/// Rows of `u` (the first two axes together) in the order given.
fn fill(draft: &Draft, rows: impl Iterator<Item = usize>) {
    let (row, rows_each) = (SHAPE[2], 70);
    for first in rows {
        let numbers = first * rows_each * row..((first + 1) * rows_each * row).min(SHAPE.iter().product());
        let bytes: Vec<u8> = numbers.clone().flat_map(|i| value(i).to_le_bytes()).collect();
        draft.write(0, numbers.start as u64, &bytes).unwrap();
    }
}

fn blocks() -> usize {
    (SHAPE[0] * SHAPE[1]).div_ceil(70)
}

fn small(draft: &Draft) {
    draft.write(1, 0, &(0..50).flat_map(|i| f64::from(i).to_le_bytes()).collect::<Vec<_>>()).unwrap();
    draft.write(2, 0, &[7; 50]).unwrap();
}

fn finish(draft: Draft) -> Written {
    small(&draft);
    let seen = std::sync::Mutex::new(vec![0; 3]);
    draft
        .complete_arrays(2, &|array, start, bytes| {
            let mut seen = seen.lock().unwrap();
            assert_eq!(seen[array], start, "in order");
            seen[array] += bytes.len() as u64 / [4, 8, 1][array];
        })
        .unwrap();
    assert_eq!(*seen.lock().unwrap(), [SHAPE.iter().product::<usize>() as u64, 50, 50]);
    conclude(draft)
}

fn conclude(draft: Draft) -> Written {
    let writer = draft.into_writer().unwrap();
    let n = writer.root().axis("n", &Unit::ONE, "late axis", &[1.0, 2.0]).unwrap();
    writer.root().array("late", &Unit::ONE, "late", &[&n], &[3.0, 4.0]).unwrap();
    writer.root().attribute("late", "words").unwrap();
    writer.finish().unwrap()
}

fn check(written: &Written) {
    let reader = Reader::open(&written.path).unwrap();
    let u = reader.numbers("u").unwrap();
    assert!(u.iter().enumerate().all(|(i, x)| *x == f64::from(value(i))));
    assert_eq!(reader.numbers("status").unwrap(), [7.0; 50]);
    assert_eq!(reader.numbers("c").unwrap()[49], 49.0);
    assert_eq!(reader.numbers("late").unwrap(), [3.0, 4.0]);
    assert_eq!(reader.content_sha256().unwrap(), written.content_sha256);
    let seen = inspect(&written.path).unwrap();
    assert!(seen.complete);
    assert_eq!(seen.attribute("late"), Some(&AttributeValue::Text("words".into())));
    for line in ["u(a=7, b=300, t=201) <f4 [V]  state", "c(50) <f8 axis", "status(c=50) |u1"] {
        assert!(seen.to_string().contains(line), "{line} in\n{seen}");
    }
}

#[test]
fn arrays_filled_in_any_order_by_any_thread_read_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    let draft = begin(&path);
    std::thread::scope(|s| {
        s.spawn(|| fill(&draft, (0..blocks()).rev().step_by(2)));
        s.spawn(|| fill(&draft, (0..blocks()).filter(|i| i % 2 == blocks() % 2)));
    });
    let mut part = [0; 8];
    draft.read(0, 4321, &mut part).unwrap();
    assert_eq!(part, [value(4321).to_le_bytes(), value(4322).to_le_bytes()].concat()[..]);
    check(&finish(draft));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_draft_left_at_any_stage_is_continued_to_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, path] = ["whole.h5", "x.h5"].map(|n| folder.path().join(n));
    let draft = begin(&whole);
    fill(&draft, 0..blocks());
    finish(draft);

    let draft = begin(&path);
    fill(&draft, 0..blocks() / 2);
    let skeleton = draft.skeleton().to_bytes();
    drop(draft);
    assert!(!path.exists() && folder.path().join("x.h5.partial").exists(), "a draft that is left stays");
    // Left while it was being finished: headers are half changed, data are appended.
    let draft = Draft::resume(Claim::take(&path).unwrap(), Skeleton::from_bytes(&skeleton).unwrap()).unwrap();
    draft.complete_arrays(1, &|_, _, _| ()).unwrap();
    let writer = draft.into_writer().unwrap();
    writer.root().group("half").unwrap().text("log", "a log", &"x".repeat(100_000)).unwrap();
    drop(writer);
    assert!(folder.path().join("x.h5.partial").exists());

    let draft = Draft::resume(Claim::take(&path).unwrap(), Skeleton::from_bytes(&skeleton).unwrap()).unwrap();
    fill(&draft, blocks() / 2..blocks());
    check(&finish(draft));
    assert!(fs::read(&path).unwrap() == fs::read(&whole).unwrap(), "same bytes as an uninterrupted file");
}

#[test]
fn completing_behind_the_writers_changes_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, path] = ["whole.h5", "x.h5"].map(|n| folder.path().join(n));
    let draft = begin(&whole);
    fill(&draft, 0..blocks());
    finish(draft);

    let draft = begin(&path);
    let numbers = |block: usize| ((block * 70 * SHAPE[2]) as u64).min(SHAPE.iter().product::<usize>() as u64);
    let follow = |next: &mut u64, end: u64, most: u64| {
        let look = &mut |start: u64, bytes: &[u8]| {
            assert_eq!(start, *next, "in order");
            *next += bytes.len() as u64 / 4;
        };
        draft.complete_below(0, end, most, look).unwrap();
        assert!(*next <= end, "{next} of {end} numbers that are written");
    };
    let (begun, chunk) = (2 * blocks() / 3, (2 * SHAPE[1] * SHAPE[2]) as u64);
    let mut next = 0;
    for block in 0..begun {
        fill(&draft, block..block + 1);
        follow(&mut next, numbers(block + 1), u64::MAX);
    }
    assert_eq!(next, 2 * chunk);
    // Numbers that were complete are written again, wrong and then right: all are looked at again.
    draft.write(0, 5, &[0; 4]).unwrap();
    fill(&draft, 0..1);
    let mut next = 0;
    follow(&mut next, numbers(begun), 1);
    assert_eq!(next, chunk, "a little at a time");
    fill(&draft, begun..blocks());
    small(&draft);
    draft.complete_arrays(2, &|array, start, _| assert!(array > 0 || start >= next, "from there on")).unwrap();
    check(&conclude(draft));
    assert!(fs::read(&path).unwrap() == fs::read(&whole).unwrap(), "same bytes");
}

#[test]
fn a_claim_is_one_writers_and_leaves_no_empty_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    let claim = Claim::take(&path).unwrap();
    assert!(matches!(Claim::take(&path), Err(StoreError::Busy { .. })));
    assert!(matches!(FileWriter::create(&path, &provenance()), Err(StoreError::Busy { .. })));
    drop(claim);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let draft = begin(&path);
    assert!(matches!(Claim::take(&path), Err(StoreError::Busy { .. })));
    drop(draft);
    assert!(Claim::take(&path).is_ok());
}

#[test]
fn what_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let draft = begin(&folder.path().join("x.h5"));
    for (array, start, bytes) in [(3, 0, 4), (0, 0, 3), (0, u64::MAX, 4), (2, 50, 1), (2, 49, 2)] {
        let refused = draft.write(array, start, &vec![0; bytes]);
        assert!(matches!(refused, Err(StoreError::Shape { .. })), "{array} {start} {bytes}");
    }
    let bytes = draft.skeleton().to_bytes();
    assert!(Skeleton::from_bytes(&bytes[..bytes.len() - 1]).is_none());
    assert!(Skeleton::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_none());
    assert!(Skeleton::from_bytes(&[0xff; 64]).is_none());
}
