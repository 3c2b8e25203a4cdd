//! `felice plot` and `felice export`: pictures and tables of every kind of file, and of none.

use crate::run::{done, file, refused, shipped};
use std::path::Path;

/// A trajectory, a small study with spikes, many neurons, and a verified case.
fn files(folder: &Path) {
    done(folder, &["simulate", "fhnrs", "--t-end", "120", "--initial", "2,0,0", "--output", "run.h5"]);
    file(folder, "study.toml", STUDY);
    done(folder, &["sweep", "study.toml", "--output", "study.h5"]);
    let many = ["simulate", "fhnrs", "--t-end", "120", "--initial", "2,0,0", "--samples", "121", "--output", "many.h5"];
    done(folder, &[&many[..], &["--neurons", "12", "--vary", "a_slow=1.5..2.5"]].concat());
    done(folder, &["verify", &shipped("netlists/boomerang/behavioural.toml"), "--output", "case.h5"]);
}

const STUDY: &str = r#"
title = "Spikes over current and lag"
[model]
name = "fhnrs"
initial = { v = 2.0, v_slow = 0.0, i_app = 0.0 }
t_end = 120.0
[[axis]]
quantity = "tau_slow"
values = [20.0, 35.0, 50.0]
[[axis]]
name = "sample"
draw = "sobol"
count = 16
[axis.quantities]
"a_slow" = { from = 1.5, to = 2.5 }
[outputs]
samples = 121
spikes = true
"#;

#[test]
fn every_kind_of_data_is_drawn_and_twice_the_same() {
    let dir = tempfile::tempdir().unwrap();
    files(dir.path());
    let kinds: [(&str, &[&str], &[&str]); 15] = [
        ("run.h5", &[], &["membrane voltage", "time"]),
        ("run.h5", &["--kind", "phase", "--what", "v,v_slow"], &["start", "membrane voltage"]),
        ("run.h5", &["--kind", "raster"], &["spike condition"]),
        ("many.h5", &[], &["membrane voltage", "neuron"]),
        ("many.h5", &["--kind", "raster"], &["neuron", "time"]),
        ("many.h5", &["--group", "summary", "--what", "period", "--over", "a_slow"], &["gain of the slow element"]),
        ("study.h5", &["--what", "period", "--over", "a_slow", "--at", "tau_slow=20"], &["gain of the slow element"]),
        ("case.h5", &[], &["model", "circuit", "v(u) (mV)", "difference"]),
        ("case.h5", &["--kind", "phase"], &["v(u) (mV)", "v(v) (mV)"]),
        ("study.h5", &[], &["tau_slow = 35", "number of points"]),
        ("study.h5", &["--what", "spikes"], &["point", "time"]),
        ("study.h5", &["--what", "spikes", "--at", "tau_slow=20"], &["of those kept"]),
        ("study.h5", &["--what", "v", "--at", "tau_slow=20"], &["membrane voltage"]),
        ("study.h5", &["--what", "period", "--over", "a_slow"], &["gain of the slow element"]),
        (
            "study.h5",
            &["--what", "period,amplitude", "--kind", "heatmap", "--width-mm", "178"],
            &["period", "amplitude"],
        ),
    ];
    for (input, options, words) in kinds {
        let draw = |output: &str| {
            let args: Vec<&str> = ["plot", input, "--output", output].iter().chain(options).copied().collect();
            done(dir.path(), &args);
            std::fs::read(dir.path().join(output)).unwrap()
        };
        let svg = String::from_utf8(draw("a.svg")).unwrap();
        for word in words {
            assert!(svg.contains(word), "{input} {options:?}: no `{word}`");
        }
        assert!(svg.contains("mm\"") && !svg.contains("NaN") && !svg.contains("inf"), "{input} {options:?}");
        assert!(svg.as_bytes() == draw("b.svg"), "{input} {options:?}: two runs differ");
        let png = draw("a.png");
        assert!(png.starts_with(b"\x89PNG") && png == draw("b.png"), "{input} {options:?}");
        // 85 or 178 mm at 600 pixels an inch.
        let width = u32::from_be_bytes(png[16..20].try_into().unwrap());
        assert_eq!(width, if options.contains(&"178") { 4205 } else { 2008 });
    }
}

#[test]
fn what_cannot_be_drawn_or_exported_says_what_there_is() {
    let dir = tempfile::tempdir().unwrap();
    files(dir.path());
    let bad: [(&[&str], i32, &[&str]); 9] = [
        (&["plot", "run.h5", "--group", "no", "--output", "x.svg"], 2, &["no group `no`"]),
        (&["plot", "run.h5", "--group", "parameters", "--output", "x.svg"], 2, &["nothing to draw"]),
        (&["plot", "run.h5", "--what", "nope", "--output", "x.png"], 2, &["no dataset `nope`", "v_slow"]),
        (&["plot", "study.h5", "--at", "nope=1", "--output", "x.png"], 2, &["no axis `nope`", "tau_slow"]),
        (&["plot", "study.h5", "--what", "period", "--over", "nope", "--output", "x.png"], 2, &["nope", "a_slow"]),
        (&["plot", "run.h5", "--width-mm", "1e9", "--output", "x.png"], 2, &["2000 mm"]),
        (&["plot", "run.h5", "--dpi", "1e9", "--output", "x.png"], 2, &["too large"]),
        (&["export", "study.h5", "--output", "x.csv"], 2, &["--what", "tau_slow"]),
        (&["export", "run.h5", "--group", "no", "--output", "x"], 2, &["no group `no`"]),
    ];
    for (args, code, words) in bad {
        refused(dir.path(), args, code, words);
    }
    for name in ["x.svg", "x.png", "x.csv", "x"] {
        assert!(!dir.path().join(name).exists() && !dir.path().join(format!("{name}.partial")).exists());
    }
}

#[test]
fn exported_numbers_are_those_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    files(dir.path());
    done(dir.path(), &["export", "run.h5", "--what", "v", "--output", "v.csv"]);
    done(dir.path(), &["simulate", "fhnrs", "--t-end", "120", "--initial", "2,0,0", "--output", "direct.csv"]);
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    assert_eq!(read("v.csv"), read("direct.csv"), "the file's table is what simulate would have written");
    done(dir.path(), &["export", "study.h5", "--output", "all"]);
    let spikes = read("all/spikes.spike.csv");
    assert!(spikes.starts_with("row_size,point,"), "{}", &spikes[..80]);
    let periods = read("all/root.tau_slow-sample.csv");
    assert!(periods.starts_with("tau_slow,sample,a_slow,"), "{}", &periods[..80]);
    assert_eq!(periods.lines().count(), 1 + 3 * 16);
    // Each row of the ragged table stands with the point that row_size says.
    let (mut count, mut wanted) = (std::collections::BTreeMap::new(), std::collections::BTreeMap::new());
    for line in spikes.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        *count.entry(cells[1].to_owned()).or_insert(0_u64) += 1;
        wanted.insert(cells[1].to_owned(), cells[0].parse::<u64>().unwrap());
    }
    assert!(!count.is_empty() && count == wanted);
    assert!(
        read("all/columns.csv").contains("membrane voltage") && read("all/attributes.csv").contains("command_line")
    );
    assert_eq!(read("all/study.text.txt"), STUDY);
    refused(dir.path(), &["export", "study.h5", "--output", "all"], 4, &["not empty"]);
    // The numbers of all metrics of a case are one table.
    done(dir.path(), &["export", "case.h5", "--output", "case"]);
    let metrics = read("case/boomerang-behavioural.metrics.scalars.csv");
    for name in ["rms/value,", "rms/uncertainty,", "rms/limit(min),", "rms/limit(max),", "rms/passed,1,"] {
        assert!(metrics.lines().any(|l| l.starts_with(name)), "no `{name}` in {metrics}");
    }
    let bound = |e: std::fs::DirEntry| e.file_name().to_string_lossy().contains("bound");
    assert!(!std::fs::read_dir(dir.path().join("case")).unwrap().any(|e| bound(e.unwrap())));
}
