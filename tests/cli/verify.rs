//! `felice verify`: a case that passes, a device that is broken, cases that cannot run.

use crate::run::{done, felice, file, refused, shipped};
use std::path::Path;

/// Copies netlists/ and data/devices so that they can be broken.
fn copy(folder: &Path) {
    for part in ["netlists/boomerang", "netlists/lib", "data/devices"] {
        std::fs::create_dir_all(folder.join(part)).unwrap();
        for entry in std::fs::read_dir(shipped(part)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::copy(&path, folder.join(part).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
}

#[test]
fn a_width_that_is_off_by_a_fifth_fails_its_case() {
    let dir = tempfile::tempdir().unwrap();
    copy(dir.path());
    let case = "netlists/boomerang/ekv.toml";
    done(dir.path(), &["verify", case, "--output", "good.h5", "--report", "good.html", "--junit", "good.xml"]);
    done(dir.path(), &["inspect", "good.h5", "--verify"]);
    let html = std::fs::read_to_string(dir.path().join("good.html")).unwrap();
    assert!(html.contains("<svg") && html.contains("period_ratio"));
    let external = ["src=\"http", "href=\"http", "@import", "<link"];
    assert!(external.iter().all(|e| !html.contains(e)), "the report is not self-contained");

    let netlist = dir.path().join("netlists/boomerang/ekv.cir");
    let good = std::fs::read_to_string(&netlist).unwrap();
    // The exponential device that pulls u down, and nothing else.
    let line = good
        .lines()
        .find(|l| l.to_ascii_lowercase().starts_with("xm2 ") || l.to_ascii_lowercase().starts_with("xn1 "))
        .unwrap();
    let width = line.split_whitespace().find(|w| w.to_ascii_lowercase().starts_with("w=")).unwrap();
    let inner = width[2..].trim_matches(['{', '}']);
    let broken = good.replace(line, &line.replace(width, &format!("w={{1.2*({inner})}}")));
    assert_ne!(good, broken);
    std::fs::write(&netlist, broken).unwrap();
    let ran = refused(dir.path(), &["verify", case, "--report", "bad.html"], 1, &["failed"]);
    assert!(ran.stdout.contains("failed"), "{}", ran.stdout);
    let html = std::fs::read_to_string(dir.path().join("bad.html")).unwrap();
    assert!(html.contains("failed"));
}

#[test]
fn cases_that_cannot_run_say_why() {
    let dir = tempfile::tempdir().unwrap();
    copy(dir.path());
    let case = "netlists/boomerang/behavioural.toml";
    let good = std::fs::read_to_string(dir.path().join(case)).unwrap();
    let run = |from: &str, to: &str, code: i32, words: &[&str]| {
        assert!(good.contains(from), "{from} is not in the case");
        file(dir.path(), case, good.replace(from, to));
        refused(dir.path(), &["verify", case, "--output", "x.h5"], code, words);
    };
    run("model = \"boomerang\"", "model = \"hodgkin\"", 2, &["hodgkin"]);
    run("netlist = \"behavioural.cir\"", "netlist = \"absent.cir\"", 4, &["absent.cir"]);
    run("alpha = 0.0129", "alpha = -1", 2, &["alpha"]);
    run("alpha = 0.0129", "delta = 1", 2, &["delta"]);
    run("span = 40.0", "span = -1", 2, &["span"]);
    run("span = 40.0", "span = nan", 2, &["span"]);
    run("[time]", "[tim]", 2, &["tim"]);
    run("rms = {", "rmz = {", 2, &["rmz"]);
    run("v(u)", "v(q)", 2, &["v(q)"]);
    file(dir.path(), case, "title = \n");
    refused(dir.path(), &["verify", case], 2, &["behavioural.toml:1"]);
    refused(dir.path(), &["verify", "absent.toml"], 4, &["absent.toml"]);
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(felice(empty.path(), &["verify"]).code, Some(2));
}
