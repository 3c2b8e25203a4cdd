//! Files written and read back: whole or absent, sealed, the same but for `created`.
#![allow(clippy::unwrap_used)] // Helpers of tests, outside the test functions that clippy knows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use felice_base::{Sampled, Signal, Unit};
use felice_store::{AttributeValue, FileWriter, Input, Provenance, Reader, StoreError, Written, inspect};

fn provenance(seconds: u64) -> Provenance {
    let mut p = Provenance::new("felice", "0.1.0", "0123abc");
    p.created = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    p.add_engine("ngspice", "39");
    p.add_input(Input::of("a.cir", "* a netlist"));
    p
}

fn ring(n: usize) -> Sampled {
    let t: Vec<f64> = (0..n).map(|i| i as f64 * 1e-3).collect();
    let column = |name: &str, phase: f64| {
        Signal::new(name, Unit::VOLT, format!("node {name}"), t.iter().map(|t| (t * 7.0 + phase).sin()).collect())
    };
    let signals = vec![column("v(u)", 0.0), column("v(/x1/out)", 1.0)];
    Sampled::new(Signal::new("t", Unit::SECOND, "time", t.clone()), signals).unwrap()
}

/// Every kind of thing that a file can hold.
fn write(path: &Path, from: &Provenance) -> Result<Written, StoreError> {
    let file = FileWriter::create(path, from)?;
    let case = file.root().group("case")?;
    case.attribute("status", "passed")?;
    case.group("circuit")?.sampled(&ring(5000))?;
    case.group("single")?.sampled_f32(&ring(300))?;
    let grid = case.group("grid")?;
    let x = grid.axis("x", &Unit::ONE, "abscissa", &[1_u64, 2, 3])?;
    let bound = grid.label_axis("bound", "end of a range", &["min", "max"])?;
    grid.array("limit", &Unit::VOLT, "allowed", &[&x, &bound], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0])?;
    grid.texts("why", "reason", &bound, &["εἷς", "two\nlines"])?;
    let mut rows = grid.rows::<f32>("slow", &Unit::AMPERE, "by rows", &[&x, &bound])?;
    rows.append(&[1.0, 2.0, 3.0, 4.0])?;
    rows.append(&[5.0, 6.0])?;
    rows.finish()?;
    case.scalar("rms", &Unit::VOLT, "difference", 1.5e-6)?;
    case.text("netlist", "as run", "* title\nR1 a 0 1k\n")?;
    file.finish()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    let written = write(&path, &provenance(0)).unwrap();
    assert_eq!(names(folder.path()), ["x.h5"]);
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.sampled("case/circuit", "t").unwrap(), ring(5000));
    assert_eq!(reader.numbers("case/grid/slow").unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(reader.shape("case/grid/slow").unwrap(), [3, 2]);
    assert_eq!(reader.texts("case/grid/why").unwrap(), ["εἷς", "two\nlines"]);
    assert_eq!(reader.numbers("case/rms").unwrap(), [1.5e-6]);
    assert_eq!(reader.texts("case/netlist").unwrap(), ["* title\nR1 a 0 1k\n"]);
    assert_eq!(reader.groups("case").unwrap(), ["circuit", "single", "grid"]);
    assert_eq!(reader.content_sha256().unwrap(), written.content_sha256);
    assert!(matches!(reader.numbers("case/nothing"), Err(StoreError::Missing { .. })));
}

#[test]
fn the_tree_shows_shapes_axes_units_and_provenance() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    write(&path, &provenance(1_000_000_000)).unwrap();
    let seen = inspect(&path).unwrap();
    let text = seen.to_string();
    assert!(seen.complete, "{text}");
    assert_eq!(seen.attribute("created"), Some(&AttributeValue::Text("2001-09-09T01:46:40Z".into())));
    assert_eq!(seen.attributes.last().unwrap().0, "complete", "complete is written last");
    for line in [
        "creator         felice 0.1.0 0123abc",
        "engine          ngspice",
        "  a.cir",
        "limit(x=3, bound=2) <f8 [V]  allowed",
        "t(5000) <f8 axis [s]  time",
        "v(%2Fx1%2Fout)(t=5000) <f8 [V]  node v(/x1/out)  name=v(/x1/out)",
        "rms() <f8 [V]  difference",
    ] {
        assert!(text.contains(line), "`{line}` is not in\n{text}");
    }
}

#[test]
fn two_runs_differ_in_created_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    let mut runs = Vec::new();
    for seconds in [1, 1, 100_000_000] {
        write(&path, &provenance(seconds)).unwrap();
        let mut seen = inspect(&path).unwrap();
        seen.attributes.retain(|(name, _)| name != "created");
        runs.push((fs::read(&path).unwrap(), seen));
    }
    assert!(runs[0].0 == runs[1].0, "same time, same bytes");
    assert!(runs[0].0 != runs[2].0);
    assert_eq!(runs[0].1, runs[2].1);
}

#[test]
fn a_dropped_or_failed_file_leaves_nothing_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    write(&path, &provenance(0)).unwrap();
    let before = fs::read(&path).unwrap();
    let file = FileWriter::create(&path, &provenance(0)).unwrap();
    assert_eq!(names(folder.path()), ["x.h5", "x.h5.partial"]);
    file.root().group("g").unwrap().sampled(&ring(10)).unwrap();
    drop(file);
    assert_eq!(names(folder.path()), ["x.h5"]);
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn data_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    let file = FileWriter::create(&path, &provenance(0)).unwrap();
    let root = file.root();
    let x = root.axis("x", &Unit::ONE, "", &[1.0, 2.0]).unwrap();
    let refused = |r: Result<(), StoreError>| assert!(matches!(r, Err(StoreError::Shape { .. })), "{r:?}");
    refused(root.array("y", &Unit::ONE, "", &[&x], &[1.0]));
    refused(root.scalar("x", &Unit::ONE, "", 1.0));
    refused(root.scalar("", &Unit::ONE, "", 1.0));
    refused(root.group("a\0b").map(drop));
    refused(root.texts("z", "", &x, &["one"]));
    let mut rows = root.rows::<f64>("r", &Unit::ONE, "", &[&x]).unwrap();
    refused(rows.append(&[1.0, 2.0, 3.0]));
    rows.append(&[1.0]).unwrap();
    refused(rows.finish());
    let unfinished = file.finish();
    assert!(matches!(&unfinished, Err(StoreError::Shape { name, .. }) if name == "/r"), "{unfinished:?}");
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[test]
fn impossible_outputs_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let message = |p: PathBuf| write(&p, &provenance(0)).unwrap_err().to_string();
    let missing = message(folder.path().join("no/x.h5"));
    assert!(missing.contains("no/x.h5") && missing.contains("does not exist; create it"), "{missing}");
    assert!(message(folder.path().to_owned()).contains("it is a folder"));
    assert!(message("/dev/null".into()).contains("not a regular file"));
    let long = message(folder.path().join("x".repeat(300)));
    assert!(long.contains("choose a shorter name"), "{long}");
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[test]
fn a_second_writer_is_refused_and_a_stale_partial_file_is_not_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    fs::write(folder.path().join("x.h5.partial"), "left by a killed process").unwrap();
    let first = FileWriter::create(&path, &provenance(0)).unwrap();
    let second = FileWriter::create(&path, &provenance(0));
    assert!(matches!(second, Err(StoreError::Busy { .. })));
    drop(second);
    first.finish().unwrap();
    assert!(inspect(&path).unwrap().complete);
}

/// Writes into the folder given by the environment; run by the test below in a process of its own.
#[test]
fn child_that_writes_a_large_file() {
    let Some(folder) = std::env::var_os("FELICE_TEST_FOLDER") else { return };
    let path = Path::new(&folder).join("x.h5");
    let error = FileWriter::create(&path, &provenance(0))
        .and_then(|file| {
            file.root().group("g")?.sampled(&ring(400_000))?;
            file.finish()
        })
        .unwrap_err();
    println!("{error}");
    assert_eq!(names(Path::new(&folder)), Vec::<String>::new());
}

/// A file size limit stands for a full disk: the same failing `write`, without needing a disk to fill.
#[test]
#[cfg(unix)]
fn a_disk_that_is_full_leaves_nothing_and_says_so() {
    for limit_kib in [0, 1, 64, 1000] {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(r#"trap "" XFSZ; ulimit -f {limit_kib}; exec "$0" "$@""#);
        let out = Command::new("bash")
            .args(["-c", &script])
            .arg(std::env::current_exe().unwrap())
            .args(["child_that_writes_a_large_file", "--exact", "--nocapture"])
            .env("FELICE_TEST_FOLDER", folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success(), "limit {limit_kib}: {said} {}", String::from_utf8_lossy(&out.stderr));
        assert!(said.contains("cannot write") && said.contains("x.h5"), "{said}");
        assert!(said.contains("file size limit") || said.contains("file too large"), "{said}");
        assert!(out.stderr.is_empty(), "HDF5 keeps quiet: {}", String::from_utf8_lossy(&out.stderr));
    }
}
