//! Sweeps: the same data whatever the threads, the units and the interruptions; refusals.
#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests, outside the test functions that clippy knows.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use felice_store::{Provenance, Reader, inspect};
use felice_study::{Options, Outcome, Progress, Study, StudyError, sweep};

/// 6 x 40 spiking neurons with samples.
const STUDY: &str = r#"
title = "test"
seed = 5
precision = "f32"
unit = 7
[model]
name = "fhnrs"
initial = { v = 2.0, v_slow = 0.0, i_app = 0.0 }
t_end = 120.0
rtol = 1e-6
[[axis]]
quantity = "tau_slow"
from = 10.0
to = 80.0
count = 6
[[axis]]
draw = "latin-hypercube"
count = 40
[axis.quantities]
a_slow = { mean = 2.0, sd = 0.1 }
"initial.v" = { from = -2.0, to = 2.0 }
[outputs]
samples = 101
spikes = true
"#;

fn study(text: &str) -> Study {
    Study::parse(text, "test.toml", &|name| panic!("{name} is not named")).unwrap()
}

static GO: AtomicBool = AtomicBool::new(false);

fn options<'o>() -> Options<'o> {
    let mut provenance = Provenance::new("felice", "0.1.0", "test");
    provenance.created = SystemTime::UNIX_EPOCH;
    provenance.command_line = "test".into();
    Options { threads: 2, shard: None, resume: false, stop: &GO, provenance }
}

fn run(text: &str, target: &Path, options: &Options<'_>) -> Result<Outcome, StudyError> {
    sweep(&study(text), target, options, &mut |_| ())
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    (folder, path)
}

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

const FAILING: &str = r#"
title = "test"
[model]
name = "wererabbit"
initial = { u = 0.35, v = 0.12 }
t_end = 5.0
[[axis]]
quantity = "initial.u"
values = [0.35, 40.0, 0.36, 50.0]
"#;

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

mod mutated {
    use super::*;
    use proptest::prelude::*;

    fn shipped() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/studies")
    }

    fn studies() -> Vec<String> {
        let mut paths: Vec<PathBuf> = fs::read_dir(shipped()).unwrap().map(|e| e.unwrap().path()).collect();
        paths.retain(|p| p.extension().is_some_and(|e| e == "toml"));
        paths.sort();
        let mut texts: Vec<String> = paths.iter().map(|p| fs::read_to_string(p).unwrap()).collect();
        texts.push(STUDY.into());
        texts.push(FAILING.into());
        texts
    }

    const WORDS: [&str; 24] = [
        "nan",
        "inf",
        "-1",
        "0",
        "1e400",
        "-0.0",
        "9223372036854775807",
        "99999999999999999999",
        "\"\"",
        "[]",
        "{}",
        "true",
        "\"u\"",
        "[[axis]]",
        "quantity",
        "\n",
        "=",
        "{ from = 1, to = 1 }",
        "[1, 1]",
        "1979-05-27",
        "\u{0}",
        "κ",
        "\"../studies\"",
        "\"initial.v\"",
    ];

    /// A text with words put in, taken out and exchanged.
    fn mutated() -> impl Strategy<Value = String> {
        let studies = studies();
        let change = (any::<prop::sample::Index>(), 0..WORDS.len(), 0..4_u8, any::<prop::sample::Index>());
        (0..studies.len(), prop::collection::vec(change, 1..6)).prop_map(move |(which, changes)| {
            let mut text = studies[which].clone();
            for (place, word, kind, other) in changes {
                let words: Vec<(usize, usize)> = spans(&text);
                let (start, end) = words[place.index(words.len())];
                let (a, b) = words[other.index(words.len())];
                let new = match kind {
                    0 => WORDS[word].to_owned(),
                    1 => String::new(),
                    2 => text[a..b].to_owned(),
                    _ => format!("{}{}", &text[start..end], WORDS[word]),
                };
                text.replace_range(start..end, &new);
                if text.is_empty() {
                    text.push('\n');
                }
            }
            text
        })
    }

    /// Words, numbers and signs of a text; all of it where it has none.
    fn spans(text: &str) -> Vec<(usize, usize)> {
        let kind = |c: char| {
            if c.is_alphanumeric() || matches!(c, '_' | '.' | '-') {
                1
            } else if c.is_whitespace() {
                0
            } else {
                2
            }
        };
        let mut spans = Vec::new();
        let mut open: Option<(usize, u8)> = None;
        for (i, c) in text.char_indices() {
            let k = kind(c);
            if open.is_none_or(|(_, before)| before != k || k == 2) {
                spans.extend(open.filter(|(_, k)| *k != 0).map(|(start, _)| (start, i)));
                open = Some((i, k));
            }
        }
        spans.extend(open.filter(|(_, k)| *k != 0).map(|(start, _)| (start, text.len())));
        if spans.is_empty() { vec![(0, text.len())] } else { spans }
    }

    fn cases() -> u32 {
        std::env::var("FELICE_PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(300)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(cases()))]

        #[test]
        fn prop_mutated_studies_are_read_or_refused_with_a_place(text in mutated()) {
            let open = |name: &str| felice_store::read_plain(&shipped().join(name));
            match Study::parse(&text, "s.toml", &open) {
                Ok(study) => {
                    let n = study.points();
                    prop_assert!((1..=1_000_000_000_000).contains(&n), "{n} points");
                    for i in [0, n / 2, n - 1] {
                        prop_assert_eq!(study.unit_points(i, 1).count, 1);
                        let words = study.describe_point(i);
                        prop_assert_eq!(study.axes.is_empty(), words.is_empty());
                    }
                }
                Err(StudyError::Study(at)) => {
                    prop_assert!(at.place.line >= 1 && at.place.line <= text.lines().count().max(1) + 1);
                    prop_assert!(at.place.file.starts_with("s.toml") || at.place.file.contains('.'), "{at}");
                    prop_assert!(!at.expected.is_empty());
                }
                Err(other) => prop_assert!(!other.to_string().is_empty()),
            }
        }
    }
}

/// A study of this subject over three leakage currents.
fn subject(table: &str) -> String {
    format!(
        "title = \"test\"\n{table}\nname = \"wererabbit\"\ninitial = {{ u = 0.35, v = 0.12 }}\nt_end = 5.0\nrtol = 1e-10\n\
         [[axis]]\nquantity = \"alpha\"\nvalues = [1e-3, 2e-3, 4e-3]\n[outputs]\nsamples = 6\nspikes = true\n"
    )
}

#[test]
fn an_ensemble_gives_what_single_trajectories_give() {
    let (folder, path) = folder();
    let other = folder.path().join("y.h5");
    run(&subject("[model]"), &path, &options()).unwrap();
    run(&subject("[ensemble]"), &other, &options()).unwrap();
    let (a, b) = (Reader::open(&path).unwrap(), Reader::open(&other).unwrap());
    for name in ["u", "v", "u_end", "v_end", "u_min", "u_max", "period", "amplitude", "spike_count", "spikes/row_size"]
    {
        let (x, y) = (a.numbers(name).unwrap(), b.numbers(name).unwrap());
        assert_eq!(x.len(), y.len(), "{name}");
        let tolerance = if name.ends_with("end") || name.len() == 1 { 1e-7 } else { 1e-4 };
        for (x, y) in x.iter().zip(&y) {
            assert!((x - y).abs() <= tolerance || x.is_nan() && y.is_nan(), "{name}: {x} and {y}");
        }
    }
    let fixed = subject("[ensemble]").replace("rtol = 1e-10", "method = \"rk4\"\nsteps = 5000");
    run(&fixed, &other, &options()).unwrap();
    let b = Reader::open(&other).unwrap();
    for (x, y) in a.numbers("u").unwrap().iter().zip(b.numbers("u").unwrap()) {
        assert!((x - y).abs() < 1e-7, "{x} and {y}");
    }
    let uneven = fixed.replace("samples = 6", "samples = 8");
    let refused = Study::parse(&uneven, "s.toml", &|_| unreachable!()).unwrap_err().to_string();
    assert!(refused.contains("divide the 5000 steps"), "{refused}");
}

/// An RC step whose resistor is a parameter: every number is known.
const CIRCUIT: &str = r#"
title = "test"
[circuit]
netlist = "rc.cir"
cache = false
vectors = ["v(a)"]
spike = { vector = "v(a)", level = 0.5 }
[[axis]]
quantity = "r"
values = [1e3, 2e3]
[[axis]]
quantity = "initial.a"
values = [0.0, 0.25]
[outputs]
samples = 11
spikes = true
"#;
const NETLIST: &str = "rc\n.param r=500\nV1 in 0 1\nR1 in a {r}\nC1 a 0 1u\n.ic v(a)=0\n.tran 1u 10m uic\n\
                       .meas tran half when v(a)=0.5 rise=1\n.end\n";

fn circuit(text: &str) -> Result<Study, StudyError> {
    let missing = |name: &str| felice_store::read_plain(Path::new(&format!("/nonexistent/{name}")));
    Study::parse(text, "s.toml", &|name| if name == "rc.cir" { Ok(NETLIST.into()) } else { missing(name) })
}

#[test]
fn a_circuit_is_run_at_every_point() {
    let (folder, path) = folder();
    sweep(&circuit(CIRCUIT).unwrap(), &path, &options(), &mut |_| ()).unwrap();
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.shape("v_a").unwrap(), [2, 2, 11]);
    let (v, half, end) =
        (reader.numbers("v_a").unwrap(), reader.numbers("meas_half").unwrap(), reader.numbers("v_a_end").unwrap());
    let spikes = reader.numbers("spikes/spike_time").unwrap();
    for (point, (r, start)) in [(1e3, 0.0), (1e3, 0.25), (2e3, 0.0), (2e3, 0.25)].into_iter().enumerate() {
        let at = |t: f64| 1.0 - (1.0 - start) * (-t / (r * 1e-6)).exp();
        for k in 0..11 {
            assert!((v[point * 11 + k] - at(1e-3 * k as f64)).abs() < 1e-6, "point {point}, sample {k}");
        }
        let crossing = r * 1e-6 * ((1.0 - start) / 0.5_f64).ln();
        assert!((half[point] - crossing).abs() < 1e-7 && (spikes[point] - crossing).abs() < 1e-8, "point {point}");
        assert!((end[point] - at(1e-2)).abs() < 1e-6);
    }
    let seen = inspect(&path).unwrap().to_string();
    for line in ["v_a(r=2, initial_a=2, t=11) <f8 [V]", "t(11) <f8 axis [s]", "spike_time(spike=4) <f8 [s]"] {
        assert!(seen.contains(line), "{line} in\n{seen}");
    }
    // In shards, merged: the same hash.
    let whole = inspect(&path).unwrap().attribute("content_sha256").cloned();
    let parts: Vec<PathBuf> = (0..3).map(|i| folder.path().join(format!("{i}.h5"))).collect();
    for (index, part) in parts.iter().enumerate() {
        let shard = Some(felice_study::Shard { index: index as u64, count: 3 });
        sweep(&circuit(CIRCUIT).unwrap(), part, &Options { shard, ..options() }, &mut |_| ()).unwrap();
    }
    let merging = felice_study::MergeOptions { threads: 1, mapped: false, provenance: options().provenance };
    felice_study::merge(&parts, &path, &merging, &mut |_, _| ()).unwrap();
    assert_eq!(inspect(&path).unwrap().attribute("content_sha256").cloned(), whole);
}

#[test]
fn circuits_that_cannot_be_are_refused_with_their_place() {
    for (from, to, words) in [
        ("rc.cir", "no.cir", "no.cir"),
        ("\"r\"", "\"rr\"", "s.toml:9:12: found `\"rr\"`, expected a parameter of the netlist (`r`)"),
        ("initial.a", "initial.b", "`b` is none"),
        ("\"r\"", "\"temperature\"", "no device of rc.cir looks at the netlist's temperature"),
        ("v(a)\"]", "v(b)\"]", "v(b)"),
        ("cache = false", "engine = \"spectre\"", "spectre"),
        ("cache = false", "mismatch = { a_vt = 1e-9 }", "a circuit with transistors"),
        ("spike = { vector = \"v(a)\", level = 0.5 }", "", "`spike = {"),
        ("spikes = true", "metrics = true", "`case`"),
        ("quantity = \"r\"\nvalues = [1e3, 2e3]", "copies = 4", "[circuit.mismatch]"),
        ("quantity = \"r\"\nvalues = [1e3, 2e3]", "corners = [\"TT\"]", "a circuit with transistors"),
    ] {
        let text = CIRCUIT.replace(from, to);
        assert!(text != CIRCUIT);
        let error = circuit(&text).unwrap_err().to_string();
        assert!(error.contains(words), "{to}: {error}");
    }
}
