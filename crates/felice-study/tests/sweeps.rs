//! Sweeps: the same data whatever the threads, the units and the interruptions; refusals.
#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests, outside the test functions that clippy knows.

mod common;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{FAILING, STUDY, folder, names, options, run, study};
use felice_store::{Reader, inspect};
use felice_study::{Options, Progress, StudyError, sweep};

#[test]
fn threads_and_units_change_no_byte() {
    let (folder, path) = folder();
    let first = run(STUDY, &path, &options()).unwrap();
    assert_eq!(names(folder.path()), ["x.datasheet.md", "x.h5"]);
    let whole = fs::read(&path).unwrap();
    let one = folder.path().join("first.h5");
    fs::write(&one, &whole).unwrap();
    for (threads, unit) in [(1, 240), (2, 1), (3, 50)] {
        let other = STUDY.replace("unit = 7", &format!("unit = {unit}"));
        let outcome = run(&other, &path, &Options { threads, ..options() }).unwrap();
        // The study's text differs by its unit; all data are the same.
        let (a, b) = (Reader::open(&one).unwrap(), Reader::open(&path).unwrap());
        let spikes = ["spikes/spike_time", "spikes/row_size"];
        for name in a.datasets("/").unwrap().iter().map(String::as_str).chain(spikes) {
            let (x, y) = (a.numbers(name).unwrap(), b.numbers(name).unwrap());
            assert!(x.iter().zip(&y).all(|(x, y)| x.to_bits() == y.to_bits()) && x.len() == y.len(), "{name}");
        }
        assert_eq!((outcome.points, outcome.spikes), (first.points, first.spikes));
    }
    run(STUDY, &path, &Options { threads: 1, ..options() }).unwrap();
    assert!(fs::read(&path).unwrap() == whole, "same study, same bytes");
}

#[test]
fn what_is_written_is_what_was_asked_for() {
    let (_folder, path) = folder();
    let outcome = run(STUDY, &path, &options()).unwrap();
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.content_sha256().unwrap(), outcome.content_sha256);
    assert_eq!(reader.shape("v").unwrap(), [6, 40, 101]);
    assert_eq!(reader.numbers("tau_slow").unwrap(), [10.0, 24.0, 38.0, 52.0, 66.0, 80.0]);
    assert_eq!(reader.numbers("t").unwrap()[100], 120.0);
    let (v, start) = (reader.numbers("v").unwrap(), reader.numbers("initial_v").unwrap());
    for point in 0..240 {
        assert_eq!(v[point * 101] as f32, start[point % 40] as f32, "a trajectory starts where it was told to");
    }
    let sizes = reader.numbers("spikes/row_size").unwrap();
    assert_eq!(sizes.iter().sum::<f64>(), outcome.spikes as f64);
    assert_eq!(sizes, reader.numbers("spike_count").unwrap());
    assert_eq!(reader.shape("spikes/spike_time").unwrap(), [outcome.spikes as usize]);
    let seen = inspect(&path).unwrap().to_string();
    for line in ["v(tau_slow=6, sample=40, t=101) <f4", "a_slow(sample=40) <f8", "coordinates=a_slow initial_v"] {
        assert!(seen.contains(line), "{line} in\n{seen}");
    }
}

#[test]
fn a_stopped_sweep_is_continued_to_the_same_bytes() {
    let (folder, path) = folder();
    run(STUDY, &path, &options()).unwrap();
    let whole = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let mut last = 0;
    for round in 0.. {
        let stop = AtomicBool::new(false);
        let mut units = 0;
        let mut watch = |p: &Progress| {
            assert!(p.done >= last && p.total == 240);
            last = p.done;
            units += 1;
            stop.store(units >= 5, Ordering::Relaxed);
        };
        let options = Options { resume: round > 0, stop: &stop, ..options() };
        match sweep(&study(STUDY), &path, &options, &mut watch) {
            Err(StudyError::Stopped { done, total: 240 }) => {
                assert!(done == last && !path.exists() && round < 20);
                assert_eq!(names(folder.path()), ["x.datasheet.md", "x.h5.heap", "x.h5.journal", "x.h5.partial"]);
            }
            Ok(outcome) => {
                assert!(outcome.found > 0 && round > 2, "{outcome:?}");
                break;
            }
            Err(e) => panic!("{e}"),
        }
    }
    assert!(fs::read(&path).unwrap() == whole);
    let again = run(STUDY, &path, &Options { resume: true, ..options() }).unwrap();
    assert_eq!((again.found, again.points), (240, 240), "a whole file is left as it is");
    assert_eq!(names(folder.path()), ["x.datasheet.md", "x.h5"]);
}

/// Stops after a few units and leaves what there is.
fn leave(text: &str, path: &Path) {
    let stop = AtomicBool::new(false);
    let mut watch = |p: &Progress| stop.store(p.done > 60, Ordering::Relaxed);
    let stopped = sweep(&study(text), path, &Options { stop: &stop, ..options() }, &mut watch);
    assert!(matches!(stopped, Err(StudyError::Stopped { .. })), "{stopped:?}");
}

#[test]
fn units_that_did_not_reach_the_disk_are_run_again() {
    let (_folder, path) = folder();
    run(STUDY, &path, &options()).unwrap();
    let whole = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    leave(STUDY, &path);
    // A loss of power after which the file system gives zeros for what was not on the disk.
    let partial = path.with_file_name("x.h5.partial");
    let mut bytes = fs::read(&partial).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle..middle + 5000].fill(0);
    fs::write(&partial, &bytes).unwrap();
    let outcome = run(STUDY, &path, &Options { resume: true, ..options() }).unwrap();
    assert!(outcome.found > 0);
    assert!(fs::read(&path).unwrap() == whole);
}

#[test]
fn what_cannot_be_continued_says_why_and_stays() {
    let (folder, path) = folder();
    leave(STUDY, &path);
    let kept = || ["x.h5.partial", "x.h5.journal", "x.h5.heap"].map(|n| fs::read(folder.path().join(n)).unwrap());
    let before = kept();
    let resume = Options { resume: true, ..options() };
    let refused = |text: &str, options: &Options<'_>, words: &str| {
        let error = run(text, &path, options).unwrap_err().to_string();
        assert!(error.contains(words), "`{words}` in: {error}");
        assert!(kept() == before, "nothing is touched");
    };
    refused(STUDY, &options(), "go on with --resume");
    refused(&STUDY.replace("seed = 5", "seed = 6"), &resume, "has changed since");
    refused(STUDY, &Options { shard: Some("0/2".parse().unwrap()), ..resume.clone() }, "not of shard 0/2");
    let mut other = resume.clone();
    other.provenance.creator = "felice 9.9.9 other".into();
    refused(STUDY, &other, "begun by felice 0.1.0 test");
    fs::write(folder.path().join("x.h5.partial"), b"").unwrap();
    let error = run(STUDY, &path, &resume).unwrap_err().to_string();
    assert!(error.contains("cut short"), "{error}");
}

#[test]
fn a_second_writer_is_refused() {
    let (_folder, path) = folder();
    let mut tried = false;
    let mut watch = |_: &Progress| {
        if !tried {
            tried = true;
            let second = run(STUDY, &path, &Options { resume: true, ..options() }).unwrap_err().to_string();
            assert!(second.contains("another process is writing"), "{second}");
        }
    };
    sweep(&study(STUDY), &path, &options(), &mut watch).unwrap();
    assert!(tried);
}

#[test]
fn failures_are_recorded_with_their_reason() {
    let (_folder, path) = folder();
    let outcome = run(FAILING, &path, &options()).unwrap();
    assert_eq!(outcome.failed, 2);
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.numbers("status").unwrap(), [0.0, 1.0, 0.0, 1.0]);
    assert_eq!(reader.numbers("failures/point").unwrap(), [1.0, 3.0]);
    assert!(reader.texts("failures/reason").unwrap()[0].contains("wererabbit"));
    assert!(reader.numbers("u_max").unwrap()[1].is_nan());
    let retried = format!("failures = \"retry\"\nretries = 3\n{FAILING}");
    assert_eq!(run(&retried, &path, &options()).unwrap().failed, 2);
}

#[test]
fn a_failure_stops_the_study_where_it_should() {
    let (_folder, path) = folder();
    let text = format!("failures = \"stop\"\nunit = 1\n{FAILING}");
    let error = run(&text, &path, &Options { threads: 1, ..options() }).unwrap_err();
    assert!(matches!(error, StudyError::Point { point: 1, .. }), "{error}");
    assert!(error.to_string().contains("initial.u = 40"), "{error}");
    assert!(!path.exists());
    let again = run(&text, &path, &Options { threads: 1, resume: true, ..options() }).unwrap_err();
    assert!(matches!(again, StudyError::Point { point: 1, .. }), "the point is tried again: {again}");
}
