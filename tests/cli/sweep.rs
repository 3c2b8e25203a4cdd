//! `felice sweep`: studies into datasets, stopped, killed and continued.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::run::{begin, done, felice, file, refused, shipped, signal};

/// Spiking neurons with samples, in units so small that a process can be stopped between them.
pub const SPIKING: &str = r#"
title = "spiking"
seed = 5
precision = "f32"
unit = 8
[model]
name = "fhnrs"
initial = { v = 2.0, v_slow = 0.0, i_app = 0.0 }
t_end = 150.0
rtol = 1e-6
[[axis]]
quantity = "tau_slow"
from = 10.0
to = 80.0
count = 20
[[axis]]
draw = "latin-hypercube"
count = 40
[axis.quantities]
a_slow = { mean = 2.0, sd = 0.1 }
"initial.v" = { from = -2.0, to = 2.0 }
[outputs]
samples = 201
spikes = true
"#;

/// The hash over all data, after it was computed anew.
pub fn content(folder: &Path, name: &str) -> String {
    let seen = done(folder, &["inspect", name, "--verify", "--json"]);
    let seen: serde_json::Value = serde_json::from_str(&seen.stdout).unwrap();
    assert_eq!((&seen["verified"], &seen["complete"]), (&true.into(), &true.into()));
    seen["attributes"]["content_sha256"].as_str().unwrap().to_owned()
}

/// Points that a resumed process found done, from its words.
pub fn found(stderr: &str) -> Option<u64> {
    let line = stderr.lines().find(|l| l.contains("points were done"))?;
    line.trim_start_matches("felice: ").split(' ').next()?.parse().ok()
}

#[test]
fn regress_ctrl_c_finishes_the_running_units_and_the_sweep_is_resumed_to_the_same_data() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    file(at, "s.toml", SPIKING);
    done(at, &["sweep", "s.toml", "--output", "whole.h5"]);
    for (name, code) in [("-INT", 130), ("-TERM", 143)] {
        let child = begin(at, &["sweep", "s.toml", "--output", "x.h5", "--threads", "1"], &[]);
        let journal = at.join("x.h5.journal");
        let begun = Instant::now();
        let length = || std::fs::metadata(&journal).map_or(0, |m| m.len());
        while length() == 0 && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let before = length();
        while length() == before && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(1));
        }
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains("of 800 points done and kept; go on with --resume"), "{stderr}");
        assert!(!at.join("x.h5").exists());
        let again = felice(at, &["sweep", "s.toml", "--output", "x.h5", "--resume"]);
        assert_eq!(again.code, Some(0), "{}", again.stderr);
        assert!(found(&again.stderr).is_some_and(|n| (8..800).contains(&n)), "{}", again.stderr);
        assert_eq!(content(at, "x.h5"), content(at, "whole.h5"));
        std::fs::remove_file(at.join("x.h5")).unwrap();
    }
}

#[test]
fn regress_a_second_writer_is_refused_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    file(at, "s.toml", SPIKING);
    let first = begin(at, &["sweep", "s.toml", "--output", "x.h5", "--threads", "1"], &[]);
    while !at.join("x.h5.journal").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    refused(at, &["sweep", "s.toml", "--output", "x.h5", "--resume"], 4, &["another process is writing", "x.h5"]);
    assert!(first.wait_with_output().unwrap().status.success());
    content(at, "x.h5");
}

#[test]
fn regress_a_dry_run_says_counts_size_and_time_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    file(at, "s.toml", SPIKING);
    let dry = done(at, &["sweep", "s.toml", "--output", "x.h5", "--dry-run"]);
    for word in ["800 in 100 units", "file     about", "time     about", "threads"] {
        assert!(dry.stdout.contains(word), "no `{word}` in {}", dry.stdout);
    }
    let part = done(at, &["sweep", "s.toml", "--output", "x.h5", "--dry-run", "--shard", "1/8"]);
    assert!(part.stdout.contains("100 in 13 units"), "{}", part.stdout);
    assert_eq!(std::fs::read_dir(at).unwrap().count(), 1);
    done(at, &["sweep", "s.toml", "--output", "x.h5"]);
    let about = dry.stdout.lines().find(|l| l.starts_with("file")).unwrap();
    let megabytes: f64 = about.split_whitespace().nth(2).unwrap().parse().unwrap();
    let real = std::fs::metadata(at.join("x.h5")).unwrap().len() as f64 / 1e6;
    assert!(about.contains(" kB") || (megabytes / real - 1.0).abs() < 0.2, "{about}, is {real} MB");
}

/// What is wrong with each study, where, and what was expected.
#[test]
fn regress_impossible_studies_are_refused_with_their_place() {
    const MODEL: &str = "title = \"t\"\n[model]\nname = \"wererabbit\"\nt_end = 5.0\n";
    let axis = |text: &str| format!("{MODEL}[[axis]]\n{text}\n");
    let cases = [
        ("title = \"t\"\n".to_owned(), "s.toml:1:1", "`model`"),
        (format!("{MODEL}colour = 1\n"), "s.toml:5:1: found `colour`", "one of"),
        (MODEL.replace("wererabbit", "hodgkin"), "s.toml:3:8: found `\"hodgkin\"`", "a model"),
        (MODEL.replace("5.0", "-5.0"), "s.toml:4:9: found `-5.0`", "above 0"),
        (axis("quantity = \"beto\"\nvalues = [1]"), "s.toml:6:12: found `\"beto\"`", "a parameter"),
        (axis("quantity = \"beta\"\nvalues = []"), "s.toml:7:10: found `[]`", "at least one value"),
        (axis("quantity = \"beta\"\nvalues = [1, 2]\nfrom = 3"), "s.toml:8:8: found `3`", "either"),
        (axis("quantity = \"beta\"\nfrom = 2\nto = 2\ncount = 5"), "s.toml:5:1", "are both 2"),
        (axis("quantity = \"beta\"\nfrom = 2\nto = 3\ncount = 1"), "s.toml:9:9: found `1`", "at least 2"),
        (axis("quantity = \"beta\"\nfrom = 2\nto = 3\ncount = 5\nscale = \"square\""), "s.toml:10:9", "one of"),
        (axis("quantity = \"alpha\"\nfrom = 0\nto = 1\ncount = 5\nscale = \"log\""), "s.toml:7:8", "> 0"),
        (axis("quantity = \"beta\"\nvalues = [1]\ndraw = \"sobol\""), "s.toml:5:1", "not several"),
        (axis("draw = \"sobol\"\ncount = 0\nquantities = { beta = { from = 1, to = 2 } }"), "s.toml:7:9", "at least 1"),
        (axis("draw = \"sobol\"\ncount = 9\nquantities = { beta = { mean = 1, sd = -1 } }"), "s.toml:8:40", "above 0"),
        (axis("quantity = \"initial.w\"\nvalues = [1]"), "s.toml:6:12", "`initial.STATE`"),
        (axis("quantity = \"beta\"\nfrom = 1\nto = 2\ncount = 2000000000000"), "s.toml:5:1", "1e12"),
        (axis("copies = 5"), "s.toml:5:1", "mismatch"),
        (format!("{MODEL}[outputs]\nsamples = 1\n"), "s.toml:6:11: found `1`", "at least 2"),
        (format!("{MODEL}[outputs]\nsummary = false\n"), "s.toml:5:1", "an output"),
        (format!("{MODEL}[outputs]\nsamples = 5\nstates = [\"w\"]\n"), "s.toml:7:11: found `\"w\"`", "`u`"),
        (format!("title = \"t\"\nlicence = \n{MODEL}"), "s.toml:2:11", "TOML"),
        (axis("quantity = \"beta\"\nvalues = [1]\nabout = \"it\""), "s.toml:8:1: found `about`", "one of"),
        (
            axis("quantity = \"beta\"\nvalues = [1]\nname = \"period\""),
            "s.toml:8:8: found `\"period\"`",
            "another name",
        ),
        (
            axis("quantity = \"beta\"\nvalues = [1]\nname = \"row_size\"\n[outputs]\nspikes = true"),
            "s.toml:8:8",
            "`row_size` already",
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    file(at, "x.h5", "not to be touched");
    for (text, place, expected) in &cases {
        file(at, "s.toml", text);
        for more in [&[][..], &["--resume"], &["--dry-run"]] {
            let args = [&["sweep", "s.toml", "--output", "x.h5"], more].concat();
            refused(at, &args, 2, &[place, expected]);
        }
    }
    assert_eq!(std::fs::read_to_string(at.join("x.h5")).unwrap(), "not to be touched");
    file(at, "s.toml", MODEL);
    refused(at, &["sweep", "s.toml", "--output", "s.toml"], 2, &["s.toml", "at once", "another output"]);
    assert_eq!(std::fs::read_to_string(at.join("s.toml")).unwrap(), MODEL);
    assert_eq!(std::fs::read_dir(at).unwrap().count(), 2);
}

#[test]
fn regress_an_output_that_cannot_fit_is_refused_before_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let huge = SPIKING.replace("count = 20", "count = 2000000").replace("samples = 201", "samples = 1000000");
    file(at, "s.toml", &huge);
    refused(at, &["sweep", "s.toml", "--output", "x.h5"], 4, &["x.h5", "needs about", "TB", "free some space"]);
    refused(at, &["sweep", "s.toml", "--output", "x.h5", "--dry-run"], 4, &["needs about"]);
    let absurd = SPIKING.replace("count = 20", "count = 25000000000").replace("samples = 201", "samples = 10000000");
    file(at, "s.toml", absurd.replace("unit = 8", "unit = 9000000000000000000"));
    refused(at, &["sweep", "s.toml", "--output", "x.h5"], 4, &["x.h5", "needs about", "EB"]);
    file(at, "s.toml", absurd.replace("10000000\n", "10000001\n"));
    refused(at, &["sweep", "s.toml", "--output", "x.h5"], 2, &["s.toml:23:11", "at most 10000000"]);
    file(at, "s.toml", huge);
    refused(at, &["sweep", "s.toml", "--output", "no/x.h5"], 4, &["no"]);
    refused(at, &["sweep", "t.toml", "--output", "x.h5"], 4, &["t.toml"]);
    refused(at, &["sweep", "s.toml", "--output", "x.h5", "--shard", "3/3"], 2, &["3/3", "counting from 0"]);
    assert_eq!(std::fs::read_dir(at).unwrap().count(), 1);
}

#[test]
fn regress_every_shipped_study_can_be_planned() {
    let folder = tempfile::tempdir().unwrap();
    let studies = std::fs::read_dir(shipped("data/studies")).unwrap();
    let mut seen = 0;
    for study in studies.map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "toml")) {
        let study = study.display().to_string();
        let dry = done(folder.path(), &["sweep", &study, "--output", "x.h5", "--dry-run"]);
        assert!(dry.stdout.contains("units"), "{study}: {}", dry.stdout);
        seen += 1;
    }
    assert!(seen >= 3);
}

/// Thirty mismatched copies of the transistor-level Boomerang.
fn copies(at: &Path) {
    let netlist = shipped("netlists/boomerang/ekv.cir");
    let study = format!(
        "title = \"copies\"\nunit = 3\n[circuit]\nnetlist = \"{netlist}\"\nt_end = 2e-3\n\
         mismatch = {{ a_vt = 1e-9 }}\n[[axis]]\ncopies = 30\n"
    );
    file(at, "s.toml", study);
}

/// How many simulations an engine ran and how many the cache had, from a sweep's last words.
fn simulations(stdout: &str) -> (u64, u64) {
    let number = |after: &str| {
        let before = stdout.split(after).next().unwrap();
        before.rsplit(' ').next().unwrap().parse().unwrap_or_else(|_| panic!("{stdout}"))
    };
    (number(" simulated"), number(" from the cache"))
}

#[test]
fn regress_two_sweeps_on_one_cache_run_no_circuit_twice() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    copies(at);
    let run = |output: &'static str| begin(at, &["sweep", "s.toml", "--output", output, "--threads", "1"], &[]);
    let children = [run("a.h5"), run("b.h5")];
    let ended = children.map(|c| c.wait_with_output().unwrap());
    let counts = ended.map(|o| {
        assert!(o.status.success(), "{}", String::from_utf8_lossy(&o.stderr));
        simulations(&String::from_utf8_lossy(&o.stdout))
    });
    assert_eq!(counts[0].0 + counts[1].0, 30, "{counts:?}");
    assert_eq!(content(at, "a.h5"), content(at, "b.h5"));
    let again = done(at, &["sweep", "s.toml", "--output", "c.h5"]);
    assert_eq!(simulations(&again.stdout).0, 0, "{}", again.stdout);
    assert_eq!(content(at, "a.h5"), content(at, "c.h5"));
    // Without a cache the data are the same.
    let text = std::fs::read_to_string(at.join("s.toml")).unwrap();
    file(at, "s.toml", text.replace("[circuit]", "[circuit]\ncache = false"));
    let alone = done(at, &["sweep", "s.toml", "--output", "d.h5"]);
    assert!(simulations(&alone.stdout).0 >= 30, "{}", alone.stdout);
    let numbers = |name: &str| felice_store::Reader::open(&at.join(name)).unwrap().numbers("period").unwrap();
    assert_eq!(numbers("a.h5"), numbers("d.h5"));
}
