//! What is swept: models one by one and many at once, circuits.
#![allow(clippy::unwrap_used)] // Helpers of tests, outside the test functions that clippy knows.

mod common;

use std::path::{Path, PathBuf};

use common::{folder, options, run};
use felice_store::{Reader, inspect};
use felice_study::{Options, Study, StudyError, sweep};

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
