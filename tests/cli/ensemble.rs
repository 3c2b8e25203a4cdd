//! `felice simulate --neurons` and `felice bench`.

use crate::run::{begin, done, felice, file, refused, signal};
use felice_store::Reader;

#[test]
fn many_neurons_are_as_each_alone() {
    let dir = tempfile::tempdir().unwrap();
    let args = [
        "simulate",
        "wererabbit",
        "--t-end",
        "6",
        "--neurons",
        "30",
        "--vary",
        "sigma=0.5..0.7",
        "--vary",
        "u=0.45..0.3",
        "--initial",
        "0.4,0.2",
        "--samples",
        "7",
        "--crossing",
        "u=0.31",
        "--output",
        "many.h5",
    ];
    done(dir.path(), &args);
    done(dir.path(), &["inspect", "many.h5", "--verify"]);
    let many = Reader::open(&dir.path().join("many.h5")).unwrap();
    assert_eq!(many.shape("u").unwrap(), [30, 7]);
    assert_eq!(many.numbers("parameters/sigma").unwrap()[29], 0.7);
    assert!(many.numbers("status").unwrap().iter().all(|s| *s == 0.0));
    let single = [
        "simulate",
        "wererabbit",
        "--t-end",
        "6",
        "--param",
        "sigma=0.7",
        "--initial",
        "0.3,0.2",
        "--samples",
        "7",
        "--crossing",
        "u=0.31",
        "--rtol",
        "1e-12",
        "--atol",
        "1e-12",
        "--output",
        "one.h5",
    ];
    done(dir.path(), &single);
    let one = Reader::open(&dir.path().join("one.h5")).unwrap();
    let (ours, truth) = (many.numbers("u").unwrap(), one.numbers("u").unwrap());
    assert_eq!(ours[29 * 7], 0.3);
    assert!(ours[29 * 7..].iter().zip(&truth).all(|(a, b)| (a - b).abs() < 1e-7));
    let rows = many.numbers("events/spike_condition/row_size").unwrap();
    let times = many.numbers("events/spike_condition/time").unwrap();
    let last = rows[29] as usize;
    assert_eq!(rows.iter().sum::<f64>() as usize, times.len());
    let truth = one.numbers("events/spike_condition").unwrap();
    assert!(last == truth.len() && last > 10);
    assert!(times[times.len() - last..].iter().zip(&truth).all(|(a, b)| (a - b).abs() < 1e-7));
    let (least, most) = (many.numbers("summary/u_min").unwrap(), many.numbers("summary/u_max").unwrap());
    assert!((0..30).all(|k| ours[7 * k..7 * k + 7].iter().all(|u| (least[k]..=most[k]).contains(u))));
}

/// A neuron that runs away is named in the file and does not spoil the rest.
#[test]
fn a_neuron_that_runs_away_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "each.csv", "v,g_max\n0.1,1\n0.1,-9\n0.2,1\n");
    let args = ["simulate", "fhnrs", "--t-end", "20", "--each", "each.csv", "--samples", "3", "--output", "f.h5"];
    let ran = felice(dir.path(), &args);
    assert!(ran.code == Some(0) && ran.stderr.contains("1 of 3 neurons"), "{}", ran.stderr);
    let many = Reader::open(&dir.path().join("f.h5")).unwrap();
    assert_eq!(many.numbers("status").unwrap(), [0.0, 2.0, 0.0]);
    assert!(many.numbers("t_reached").unwrap()[1] < 20.0);
}

#[test]
fn no_neurons_and_bad_requests() {
    let dir = tempfile::tempdir().unwrap();
    let base = ["simulate", "fhnrs", "--t-end", "5", "--samples", "3", "--output"];
    let with = |output: &'static str, more: &[&'static str]| [&base[..], &[output], more].concat();
    done(dir.path(), &with("none.h5", &["--neurons", "0"]));
    done(dir.path(), &["inspect", "none.h5", "--verify"]);
    file(dir.path(), "bad.csv", "v,tau_slow\n0.1,-1\n");
    file(dir.path(), "lag.csv", "tau_fast\n0\n1\n");
    let refusals: [(&str, &[&str], &str); 11] = [
        ("x.h5", &["--neurons", "1000000000000"], "at most 20000000"),
        ("x.h5", &["--neurons", "18446744073709551615"], "at most 20000000"),
        ("x.csv", &["--neurons", "2"], "HDF5"),
        ("x.h5", &["--vary", "c=1..2"], "--neurons"),
        ("x.h5", &["--neurons", "2", "--vary", "u=1..2"], "no parameter or state `u`"),
        ("x.h5", &["--neurons", "2", "--vary", "c=1..-1"], "neuron 1"),
        ("x.h5", &["--neurons", "2", "--each", "bad.csv"], "1 rows"),
        ("x.h5", &["--each", "bad.csv"], "tau_slow"),
        ("x.h5", &["--each", "lag.csv"], "states"),
        ("x.h5", &["--neurons", "2", "--steps", "5"], "multiple"),
        ("x.h5", &["--neurons", "2", "--rails", "1,2"], "outside its rails"),
    ];
    for (output, more, word) in refusals {
        refused(dir.path(), &with(output, more), 2, &[word]);
        assert!(!dir.path().join("x.h5").exists() && !dir.path().join("x.h5.partial").exists(), "{more:?}");
    }
}

#[test]
fn the_bench_says_everything_and_writes_states() {
    /// Multiplications of a step of Tsit5 of FHNRS: six fields, and 27 of the method's own for each of three states.
    const SLOTS: f64 = 333.0;
    let dir = tempfile::tempdir().unwrap();
    for (precision, mode) in [("f64", "fixed"), ("f32", "fixed"), ("f64", "adaptive"), ("f32", "adaptive")] {
        let base = ["bench", "fhnrs", "--neurons", "50", "--steps", "20", "--tolerance", "1e-5"];
        let args = [&base[..], &["--json", "--states", "s.csv", "--precision", precision, "--mode", mode]].concat();
        let report: serde_json::Value = serde_json::from_str(&done(dir.path(), &args).stdout).unwrap();
        let asked = serde_json::json!(["fhnrs", 50, 20, precision, mode, 0]);
        let said: Vec<_> = ["model", "neurons", "steps", "precision", "mode", "failed"].map(|k| &report[k]).into();
        assert_eq!(serde_json::json!(said), asked);
        let positive =
            ["seconds", "neuron_steps_per_second", "field_evaluations_per_second", "fma_per_second", "threads"];
        assert!(positive.iter().all(|k| report[k].as_f64().is_some_and(|x| x > 0.0)), "{report}");
        let stages = report["field_evaluations_per_second"].as_f64().unwrap()
            / report["neuron_steps_per_second"].as_f64().unwrap();
        assert!((5.99..20.0).contains(&stages), "Tsit5 evaluates the field six times a step: {stages}");
        let share = report["share_of_fma_bound"].as_f64();
        // The share is a quotient of two times, which on a busy machine can be anything; what a step takes by it is not.
        let of = |key: &str| report[key].as_f64().unwrap();
        let slots = share.map(|s| s * of("fma_per_second") / of("neuron_steps_per_second"));
        assert_eq!(slots.map(f64::round), (mode == "fixed").then_some(SLOTS), "{report}");
        assert!(report["instructions"].as_str().is_some_and(|s| !s.is_empty()));
        let states = std::fs::read_to_string(dir.path().join("s.csv")).unwrap();
        assert!(states.starts_with("v,v_slow,i_app\n") && states.lines().count() == 51);
    }
    let all = done(dir.path(), &["bench", "--neurons", "1", "--steps", "1", "--json"]).stdout;
    let all: serde_json::Value = serde_json::from_str(&all).unwrap();
    assert_eq!(all.as_array().map(Vec::len), Some(3));
    let told = done(dir.path(), &["bench", "fhnrs", "--neurons", "1", "--steps", "1"]).stdout;
    assert!(told.contains("neuron-steps/s") && told.contains("% of its FMA bound"), "{told}");
}

#[test]
fn the_bench_refuses_nonsense() {
    let dir = tempfile::tempdir().unwrap();
    let refusals: [(&[&str], &str); 9] = [
        (&["fhnrs", "--neurons", "0"], "neurons is 0"),
        (&["fhnrs", "--neurons", "1000000000000"], "1 to 20,000,000"),
        (&["fhnrs", "--neurons", "18446744073709551615"], "1 to 20,000,000"),
        (&["fhnrs", "--steps", "0"], "steps is 0"),
        (&["fhnrs", "--steps", "18446744073709551615"], "1 to 1,000,000,000"),
        (&["fhnrs", "--neurons", "-3"], "-3"),
        (&["fhnrs", "--tolerance", "nan"], "nan"),
        (&["ribar-sepulchre"], "known: boomerang, fhnrs, wererabbit"),
        (&["--states", "s.csv"], "one model"),
    ];
    for (args, words) in refusals {
        refused(dir.path(), &[&["bench"], args].concat(), 2, &[words]);
    }
    let args = ["bench", "fhnrs", "--neurons", "9", "--steps", "9", "--mode", "adaptive", "--tolerance", "1e-300"];
    refused(dir.path(), &args, 0, &["9 of 9 neurons could not go on"]);
    refused(
        dir.path(),
        &["bench", "fhnrs", "--neurons", "1", "--steps", "1", "--states", "no/s.csv"],
        4,
        &["no/s.csv"],
    );
}

/// Ctrl-C leaves neither a file nor half of one.
#[test]
fn a_signal_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["simulate", "wererabbit", "--t-end", "1e7", "--neurons", "5000", "--vary", "u=0.3..0.4", "--initial"];
    for name in ["-INT", "-TERM"] {
        let mut felice = begin(dir.path(), &[&args[..], &["0.3,0.1", "--output", "many.h5"]].concat(), &[]);
        let patience = std::time::Instant::now();
        while !dir.path().join("many.h5.partial").exists() && patience.elapsed().as_secs() < 60 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        signal(&felice, name);
        let status = felice.wait().unwrap();
        let number = std::os::unix::process::ExitStatusExt::signal(&status);
        assert_eq!(number, Some(if name == "-INT" { 2 } else { 15 }));
        let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
