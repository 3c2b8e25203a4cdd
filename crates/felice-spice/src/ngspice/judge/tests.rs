//! What ngspice passes and we do not; what we must not refuse.

use std::path::{Path, PathBuf};

use super::*;
use crate::engine::{Accuracy, Engine, Settings};
use crate::job::Job;
use crate::netlist::Netlist;
use crate::simulation::Simulation;
use crate::{EngineChoice, simulate};

fn uncached() -> Settings {
    Settings { cache: false, ..Settings::default() }
}

fn ngspice(job: &Job) -> Result<Simulation, SpiceError> {
    simulate(job, EngineChoice::Only(EngineName::Ngspice), &uncached())
}

/// The share of its room that a result takes.
fn taken(job: &Job, result: &Simulation) -> Option<f64> {
    let vectors = &result.vectors;
    let all = std::iter::once(vectors.axis()).chain(vectors.signals());
    let plot = Plot { name: String::new(), columns: all.map(|s| (s.name.clone(), s.values.clone())).collect() };
    judge(&job.circuit().unwrap(), &result.analysis, &plot, (0.0, 0.0)).unwrap()
}

/// ngspice gives 1e12 V, 0 V and -1e38 A for these.
const SINGULAR: [(&str, &str); 4] = [
    ("opposed\ni1 0 a 1u\nr1 a 0 1k\nr2 a 0 -1k\nr3 a b 1k\nr4 b c 1k\nc1 c 0 1n\n", "v("),
    ("undriven\nr1 a 0 1k\nr2 a 0 -1k\n", "v(a)"),
    ("itself\ne1 a 0 a 0 1\nr1 a 0 1k\n", "v(a)"),
    ("divided\nv1 a 0 0\nb1 a 0 i=1/v(a)\n", "b1"),
];

#[test]
fn what_is_singular_is_refused_as_the_native_engine_refuses_it() {
    for (text, name) in SINGULAR {
        for analysis in [".op", ".tran 1u 10u", ".tran 1u 10u 5u", ".tran 1u 10u\n.save v(a)"] {
            let job = Job::new(Netlist::from_text(format!("{text}{analysis}\n")));
            let ours = crate::native::Native::new().run(&job, &uncached()).unwrap_err();
            let theirs = ngspice(&job).unwrap_err();
            assert_eq!(std::mem::discriminant(&ours), std::mem::discriminant(&theirs), "{ours}\n{theirs}");
            let words = theirs.to_string();
            assert!(words.starts_with("ngspice") && words.contains(name), "{text}{analysis}: {words}");
        }
    }
}

#[test]
fn every_point_of_a_sweep_is_looked_at() {
    let text = "divided\nv1 a 0 0\nv2 b 0 0\nr1 b c 1k\nd1 c 0 d\n.model d d\nb1 a 0 i=1/v(a)\n";
    let sweep = |source: &str, start| Sweep { source: source.into(), start, stop: 1.0, step: 0.5 };
    let job = |sweeps| Job::new(Netlist::from_text(text)).with_analysis(Analysis::Dc(sweeps));
    for limited in [false, true] {
        let saved = |job: Job| if limited { job.with_saves(["v(c)"]) } else { job };
        assert!(ngspice(&saved(job(vec![sweep("v1", 0.5), sweep("v2", 0.0)]))).is_ok());
        let e = ngspice(&saved(job(vec![sweep("v2", 0.0), sweep("v1", 0.0)]))).unwrap_err();
        assert!(matches!(&e, SpiceError::NotFinite { what, .. } if what == "b1"), "{e}");
    }
    // Singular in its middle; only where all is saved is that seen.
    let e = ngspice(&job(vec![sweep("v2", 0.0), sweep("v1", -0.5)])).unwrap_err();
    assert!(matches!(&e, SpiceError::NotFinite { what, .. } if what == "b1"), "{e}");
}

fn netlists(folder: &Path, list: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        if entry.is_dir() {
            netlists(&entry, list);
        } else if entry.extension().is_some_and(|e| e == "cir") {
            list.push(entry);
        }
    }
}

/// Every netlist shipped starts within 1e-3 of the room that a wrong answer must leave.
#[test]
fn val_the_audit_of_ngspice_has_room() {
    let mut list = Vec::new();
    for folder in ["netlists", "data/circuits"] {
        netlists(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder), &mut list);
    }
    list.sort();
    let mut looked_at = 0;
    for path in &list {
        let netlist = Arc::new(Netlist::read(path).unwrap());
        let all = Circuit { saves: Saves::All, ..Circuit::clone(&netlist.circuit().unwrap()) }.vectors();
        let mut job = Job::new(netlist).with_saves(all);
        if let Some(Analysis::Tran(t)) = job.circuit().unwrap().analyses.first() {
            // The start is looked at alone.
            job.analysis = Some(Analysis::Tran(Tran { stop: 1e-3 * t.stop, start: 0.0, ..t.clone() }));
        }
        // As tight as it is by default, in a fifth of the steps.
        let quick = Settings { accuracy: Accuracy::Normal, reltol: Some(1e-9), vntol: Some(1e-12), ..uncached() };
        let only = EngineChoice::Only(EngineName::Ngspice);
        let result = simulate(&job, only, &quick).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        if let Some(share) = taken(&job, &result) {
            println!("{}: {share:.1e}", path.display());
            assert!(share < 1e-3, "{}: {share}", path.display());
            looked_at += 1;
        }
    }
    assert!(looked_at >= 29, "{looked_at} of {}", list.len());
}
