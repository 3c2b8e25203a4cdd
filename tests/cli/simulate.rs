//! `felice simulate` and `felice inspect`.

use crate::run::{done, file, refused};
use std::path::Path;

fn rows(folder: &Path, name: &str) -> Vec<Vec<f64>> {
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    text.lines().skip(1).map(|l| l.split(',').map(|x| x.parse().unwrap()).collect()).collect()
}

#[test]
fn val_samples_hold_both_ends_and_the_landmark() {
    let dir = tempfile::tempdir().unwrap();
    let args =
        ["simulate", "wererabbit", "--t-end", "120", "--initial", "0.45,0.25", "--samples", "601", "--output", "w.csv"];
    done(dir.path(), &args);
    assert!(std::fs::read_to_string(dir.path().join("w.csv")).unwrap().starts_with("t,u,v\n"));
    let rows = rows(dir.path(), "w.csv");
    assert_eq!(rows.len(), 601);
    assert_eq!(rows[0], [0.0, 0.45, 0.25]);
    let [t, u, v] = rows[600][..] else { panic!("three columns") };
    // It rings down to the focus of MODELS.md with rate 0.142 a unit of time.
    assert_eq!(t, 120.0);
    assert!((u - 0.313_383_852_651_582).abs() < 1e-6 && (v - 0.144_353_448_375_601).abs() < 1e-6);
}

#[test]
fn val_fhnrs_spikes_when_felice_does() {
    let dir = tempfile::tempdir().unwrap();
    let args = [
        "simulate",
        "fhnrs",
        "--t-end",
        "45",
        "--initial",
        "2,0,0",
        "--crossing",
        "v=2",
        "--rtol",
        "1e-12",
        "--atol",
        "1e-12",
    ];
    let said = done(dir.path(), &[&args[..], &["--output", "f.h5"]].concat()).stderr;
    let first = said.lines().find(|l| l.contains("v_above_2")).unwrap().rsplit(' ').next().unwrap().to_owned();
    assert!((first.parse::<f64>().unwrap() - 44.326_702_01).abs() < 1e-8, "{first}");
}

#[test]
fn files_differ_in_their_creation_time_alone() {
    let dir = tempfile::tempdir().unwrap();
    let args =
        ["simulate", "boomerang", "--t-end", "10", "--initial", "0.24,0.33", "--precision", "f32", "--output", "b.h5"];
    let mut texts = Vec::new();
    for _ in 0..2 {
        done(dir.path(), &args);
        let text = done(dir.path(), &["inspect", "b.h5", "--verify"]).stdout;
        let kept = |l: &&str| !l.contains("created");
        texts.push(text.lines().filter(kept).map(str::to_owned).collect::<Vec<_>>());
    }
    assert_eq!(texts[0], texts[1]);
    assert!(texts[0].iter().any(|l| l.contains("complete")));
}

#[test]
fn damaged_and_foreign_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    done(dir.path(), &["simulate", "fhnrs", "--t-end", "10", "--output", "f.h5"]);
    let whole = std::fs::read(dir.path().join("f.h5")).unwrap();
    // Every kilobyte once, one bit.
    for at in (0..whole.len()).step_by(997) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        file(dir.path(), "damaged.h5", damaged);
        refused(dir.path(), &["inspect", "damaged.h5"], 4, &["damaged.h5"]);
    }
    file(dir.path(), "short.h5", &whole[..whole.len() / 2]);
    refused(dir.path(), &["inspect", "short.h5"], 4, &["short.h5"]);
    file(dir.path(), "text.h5", "not HDF5 at all");
    refused(dir.path(), &["inspect", "text.h5"], 4, &["text.h5"]);
    refused(dir.path(), &["inspect", "absent.h5"], 4, &["absent.h5"]);
}

#[test]
fn bad_requests_are_refused_and_leave_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str], words: &[&str]| {
        let output: &[&str] = if args.contains(&"--output") { &[] } else { &["--output", "x.csv"] };
        refused(dir.path(), &[&["simulate"], args, output].concat(), 2, words);
        assert!(!dir.path().join("x.csv").exists() && !dir.path().join("x.csv.partial").exists());
    };
    run(&["hodgkin", "--t-end", "1"], &["hodgkin", "wererabbit"]);
    run(&["fhnrs", "--t-end", "0"], &["t-end", "above zero"]);
    run(&["fhnrs", "--t-end", "-1"], &["t-end"]);
    run(&["fhnrs", "--t-end", "nan"], &["t-end", "finite"]);
    run(&["fhnrs", "--t-end", "1", "--initial", "1,2"], &["initial state", "3"]);
    run(&["fhnrs", "--t-end", "1", "--initial", "1,nan,0"], &["finite"]);
    run(&["fhnrs", "--t-end", "1", "--samples", "1"], &["samples", "2"]);
    run(&["fhnrs", "--t-end", "1", "--samples", "10000000000"], &["samples"]);
    run(&["fhnrs", "--t-end", "1", "--rtol", "0"], &["rtol"]);
    run(&["fhnrs", "--t-end", "1", "--param", "tau_slow=0"], &["tau_slow"]);
    run(&["fhnrs", "--t-end", "1", "--param", "tau=1"], &["tau", "tau_slow"]);
    run(&["wererabbit", "--t-end", "1", "--param", "sigma=-0.1"], &["sigma"]);
    run(&["fhnrs", "--t-end", "1", "--rails", "1,1"], &["rails"]);
    run(&["fhnrs", "--t-end", "1", "--rails", "1,2"], &["rails"]);
    run(&["fhnrs", "--t-end", "1", "--stimulus", "step:x@1=1"], &["x"]);
    run(&["fhnrs", "--t-end", "1", "--stimulus", "step:i_app"], &["step:STATE"]);
    run(&["fhnrs", "--t-end", "1", "--output", "x.txt"], &[".h5 or .csv"]);
    // Towards minus infinity: says when and where.
    run(&["wererabbit", "--t-end", "1e7", "--initial", "0.4,0.2", "--param", "sigma=1.5"], &["t ="]);
    refused(dir.path(), &["simulate", "fhnrs", "--t-end", "1", "--output", "no/x.csv"], 4, &["no", "mkdir"]);
    refused(dir.path(), &["simulate", "fhnrs", "--t-end", "1", "--output", "/proc/x.csv"], 4, &["/proc/x.csv"]);
}

#[test]
fn an_interrupted_run_can_be_kept() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["simulate", "wererabbit", "--t-end", "100", "--samples", "1001", "--initial", "0.3,0.1"];
    let args = [&args[..], &["--param", "sigma=1.2", "--keep-partial", "--output"]].concat();
    refused(dir.path(), &[&args[..], &["w.csv"]].concat(), 2, &["runs away", "t ="]);
    let rows = rows(dir.path(), "w.csv");
    assert!(rows.len() > 10 && rows.len() < 1000 && rows[0] == [0.0, 0.3, 0.1], "{}", rows.len());
    refused(dir.path(), &[&args[..], &["w.h5"]].concat(), 2, &["runs away"]);
    let said = done(dir.path(), &["inspect", "w.h5"]).stdout;
    assert!(said.contains("runs away"), "{said}");
}

#[test]
fn any_number_of_elements_and_a_current_that_stays() {
    let dir = tempfile::tempdir().unwrap();
    // FHNRS as its two elements: the same numbers to the last digit.
    let run = |args: &[&str], output: &str| {
        let common = ["--t-end", "60", "--samples", "61", "--initial", "2,0,1", "--output", output];
        done(dir.path(), &[&["simulate"], args, &common].concat());
    };
    run(&["fhnrs", "--param", "tau_syn=inf"], "two.csv");
    run(&["ribar-sepulchre", "--element", "-2,0,0", "--element", "2,0,50"], "family.csv");
    assert_eq!(rows(dir.path(), "two.csv"), rows(dir.path(), "family.csv"));
    let output = ["--t-end", "1", "--output", "x.csv"];
    let refuse = |args: &[&str], words: &[&str]| {
        refused(dir.path(), &[&["simulate"], args, &output].concat(), 2, words);
    };
    refuse(&["fhnrs", "--element", "1,0,0"], &["fhnrs", "ribar-sepulchre"]);
    refuse(&["ribar-sepulchre", "--element", "1,0"], &["A,OFFSET,TAU"]);
    refuse(&["ribar-sepulchre", "--element", "1,0,-5"], &["tau_1", "-5"]);
    refuse(&["fhnrs", "--param", "c=inf"], &["`c`", "finite"]);
}

#[test]
fn runs_that_roundoff_decides_are_called_so_and_others_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let said = |args: &[&str]| {
        let output = ["--quiet", "--output", "x.h5"];
        let said = done(dir.path(), &[&["simulate"], args, &output].concat()).stderr;
        let kept = done(dir.path(), &["inspect", "x.h5"]).stdout;
        assert_eq!(said.contains("ill-conditioned"), kept.contains("ill-conditioned"), "{said} {kept}");
        said.contains("ill-conditioned")
    };
    assert!(said(&["wererabbit", "--t-end", "50", "--initial", "0.2,0.2"]));
    assert!(said(&["wererabbit", "--t-end", "50", "--initial", "0.6,0.2"]));
    assert!(said(&["boomerang", "--t-end", "20"]));
    assert!(!said(&["wererabbit", "--t-end", "50", "--initial", "0.3,0.1"]));
    // At rest on the diagonal's foot; pushed off it by a current, and by a spike.
    assert!(!said(&["wererabbit", "--t-end", "50"]));
    assert!(!said(&["wererabbit", "--t-end", "1.2", "--stimulus", "step:u@1=1.5"]));
    assert!(!said(&["wererabbit", "--t-end", "20", "--stimulus", "spikes:u@1=0.3"]));
}
