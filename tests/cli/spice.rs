//! `felice spice` and `felice doctor`: netlists good and bad, engines that are missing, silent, killed or hanging.

use crate::run::{broken_ngspice, done, felice_with, file, refused, shipped};

const RC: &str = "RC\nv1 in 0 1\nr1 in out 1k\nc1 out 0 1u\n.ic v(out)=0\n.tran 10u 1m 0 1u\n.end\n";

#[test]
fn val_rc_charges_as_it_must_on_every_engine() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "rc.cir", RC);
    for engine in ["native", "ngspice", "auto"] {
        done(dir.path(), &["spice", "rc.cir", "--engine", engine, "--samples", "101", "--output", "rc.csv"]);
        let text = std::fs::read_to_string(dir.path().join("rc.csv")).unwrap();
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap().split(',').collect();
        assert_eq!(header[0], "time");
        let out = header.iter().position(|h| *h == "v(out)").unwrap();
        let mut count = 0;
        for line in lines {
            let row: Vec<f64> = line.split(',').map(|x| x.parse().unwrap()).collect();
            let exact = 1.0 - (-row[0] / 1e-3).exp();
            assert!((row[out] - exact).abs() < 1e-6, "{engine}: {} against {exact} at {}", row[out], row[0]);
            count += 1;
        }
        assert_eq!(count, 101);
    }
    let doctor = done(dir.path(), &["doctor"]).stdout;
    assert!(doctor.contains("HDF5") && doctor.contains("ngspice") && doctor.contains("native"));
}

#[test]
fn bad_netlists_are_refused_with_their_line() {
    let dir = tempfile::tempdir().unwrap();
    let run = |name: &str, text: &[u8], words: &[&str]| {
        file(dir.path(), name, text);
        refused(dir.path(), &["spice", name, "--output", "x.csv"], 2, words);
        assert!(!dir.path().join("x.csv").exists());
    };
    run("element.cir", b"t\nv1 a 0 1\nr1 a 0\n.op\n.end\n", &["element.cir:3"]);
    run("model.cir", b"t\nv1 a 0 1\nd1 a 0 nomodel\n.op\n.end\n", &["model.cir:3", "nomodel"]);
    run("include.cir", b"t\n.include nothere.lib\nv1 a 0 1\n.op\n.end\n", &["include.cir:2", "nothere.lib"]);
    run("self.cir", b"t\n.include self.cir\nv1 a 0 1\n.op\n.end\n", &["self.cir"]);
    run("recursion.cir", b"t\n.subckt s a\nx1 a s\n.ends\nv1 a 0 1\nx1 a s\n.op\n.end\n", &["recursion.cir", "s"]);
    run("floating.cir", b"t\nv1 a 0 1\nr1 a 0 1k\nc1 b c 1p\n.op\n.end\n", &["floating.cir"]);
    run("duplicate.cir", b"t\nv1 a 0 1\nr1 a 0 1k\nr1 a 0 2k\n.op\n.end\n", &["duplicate.cir:4", "r1"]);
    run("loop.cir", b"t\nv1 a 0 1\nv2 a 0 2\nr1 a 0 1k\n.op\n.end\n", &["loop.cir"]);
    run(
        "noise.cir",
        &(0..4000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>(),
        &["noise.cir"],
    );
    run("empty.cir", b"", &["empty.cir"]);
    refused(dir.path(), &["spice", "absent.cir"], 4, &["absent.cir"]);
    file(dir.path(), "rc.cir", RC);
    refused(dir.path(), &["spice", "rc.cir", "--output", "no/x.h5"], 4, &["mkdir"]);
    refused(dir.path(), &["spice", "rc.cir", "--engine", "hspice"], 2, &["hspice", "ngspice"]);
}

#[test]
fn an_engine_that_fails_is_named_with_its_words() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "rc.cir", RC);
    let args = ["spice", "rc.cir", "--engine", "ngspice", "--no-cache", "--time-limit", "2", "--output", "x.csv"];
    let run = |path: &str, words: &[&str]| {
        let ran = felice_with(dir.path(), &args, &[("PATH", path)]);
        assert_eq!(ran.code, Some(3), "{}", ran.stderr);
        for word in words {
            assert!(ran.stderr.contains(word), "no `{word}` in: {}", ran.stderr);
        }
        assert!(!dir.path().join("x.csv").exists());
    };
    run("/nonexistent", &["ngspice", "install"]);
    let version = "case \"$1\" in --version|-v) echo 'ngspice-39'; exit 0;; esac\n";
    let broken = |script: &str| broken_ngspice(dir.path(), &format!("{version}{script}"));
    run(&broken("exit 0"), &["ngspice"]);
    run(&broken("echo 'singular matrix: check node out' >&2; exit 0"), &["singular matrix: check node out"]);
    run(&broken("kill -9 $$"), &["ngspice"]);
    run(&broken("sleep 60"), &["did not finish"]);
}

#[test]
fn files_carry_netlist_and_engine() {
    let dir = tempfile::tempdir().unwrap();
    done(dir.path(), &["spice", &shipped("netlists/boomerang/ekv.cir"), "--samples", "101", "--output", "b.h5"]);
    let text = done(dir.path(), &["inspect", "b.h5", "--verify"]).stdout;
    for word in ["time", "v(u)", "netlist", "native", "inputs_sha256"] {
        assert!(text.contains(word), "no {word} in {text}");
    }
}

#[test]
fn operating_points_sweeps_measures_and_samples() {
    let dir = tempfile::tempdir().unwrap();
    let divider = "d\nv1 in 0 5\nv2 b 0 0\nr1 in out 1k\nr2 out b 1k\n";
    file(dir.path(), "op.cir", format!("{divider}.op\n.end\n"));
    file(dir.path(), "dc.cir", format!("{divider}.dc v1 0 1 .5 v2 0 1 1\n.save v(out) i(v1)\n.end\n"));
    file(
        dir.path(),
        "rc.cir",
        RC.replace(".end", ".meas tran half when v(out)=.5 rise=1\n.meas tran no when v(out)=2\n.end"),
    );
    for engine in ["native", "ngspice", "spice21"].into_iter().filter(|e| cfg!(feature = "spice21") || *e != "spice21")
    {
        let run = |name: &str, more: &[&str]| done(dir.path(), &[&["spice", name, "--engine", engine], more].concat());
        let rows =
            |text: &str| text.lines().map(|l| l.split(',').map(str::to_owned).collect()).collect::<Vec<Vec<_>>>();
        let op = rows(&run("op.cir", &[]).stdout);
        let out = op[0].iter().position(|h| h == "v(out)").unwrap();
        assert!(op.len() == 2 && (op[1][out].parse::<f64>().unwrap() - 2.5).abs() < 1e-9, "{engine}: {op:?}");
        let dc = rows(&run("dc.cir", &[]).stdout);
        assert_eq!(
            (dc[0][..3].to_vec(), dc.len()),
            (vec!["v1".into(), "v(out)".into(), "i(v1)".into()], 7),
            "{engine}"
        );
        let value = |row: usize, column: usize| dc[row][column].parse::<f64>().unwrap();
        assert!((value(6, 1) - 1.0).abs() < 1e-9 && (value(3, 2) + 5e-4).abs() < 1e-12, "{engine}: {dc:?}");
        let rc = run("rc.cir", &["--samples", "11", "--output", "rc.csv"]);
        let half: f64 = rc.stdout.lines().find_map(|l| l.strip_prefix("half = ")).unwrap().parse().unwrap();
        assert!((half / (1e-3 * 2f64.ln()) - 1.0).abs() < 1e-3, "{engine}: {half}");
        assert!(rc.stdout.contains("no: did not happen"), "{engine}: {}", rc.stdout);
        let rc = rows(&std::fs::read_to_string(dir.path().join("rc.csv")).unwrap());
        assert_eq!((rc[0][0].as_str(), rc.len()), ("time", 12), "{engine}");
        // The CSV alone on standard output.
        assert_eq!(rows(&run("rc.cir", &["--samples", "11"]).stdout).len(), 12, "{engine}");
    }
    refused(dir.path(), &["spice", "rc.cir", "--samples", "1", "--output", "s.csv"], 2, &["1 samples", "at least 2"]);
}

/// Every form of `.meas`, against closed forms, its unit in the file.
#[test]
fn val_measures_are_right_and_carry_their_units() {
    let dir = tempfile::tempdir().unwrap();
    let forms = [
        ("max v(a) from=1m to=2m", 1.0, "V"),
        ("pp v(a)", 2.0, "V"),
        ("rms v(a) from=0 to=2m", 0.5f64.sqrt(), "V"),
        ("avg i(v1) from=0 to=.5m", -2e-3 / std::f64::consts::PI, "A"),
        ("integ v(a) from=0 to=.5m", 1e-3 / std::f64::consts::PI, "V s"),
        ("max_at v(a) from=1m to=2m", 1.25e-3, "s"),
        ("min_at v(a) from=1m to=2m", 1.75e-3, "s"),
        ("find v(a) at=.25m", 1.0, "V"),
        ("find v(b) when v(a)=.5 rise=2", 0.25, "V"),
        ("when v(a)=.5 fall=1", 5e-3 / 12.0, "s"),
        ("when v(a)=v(c) rise=1", 1e-3 / 12.0, "s"),
        ("trig v(a)=.5 rise=1 targ v(a)=.5 rise=last", 1e-3, "s"),
        ("trig at=.2m targ v(a) val=0 td=.2m fall=1", 3e-4, "s"),
    ];
    let lines: String = forms.iter().enumerate().map(|(k, f)| format!(".meas tran m{k} {}\n", f.0)).collect();
    let text = format!("sine\nv1 a 0 sin(0 1 1k)\nr1 a b 500\nr2 b 0 500\nv2 c 0 .5\n{lines}.tran 1u 2m\n.end\n");
    file(dir.path(), "sine.cir", text);
    for engine in ["native", "ngspice"] {
        let out = done(dir.path(), &["spice", "sine.cir", "--engine", engine, "--output", "s.h5"]).stdout;
        let inside = done(dir.path(), &["inspect", "s.h5"]).stdout;
        for (k, (form, expected, unit)) in forms.iter().enumerate() {
            let found = out.lines().find_map(|l| l.strip_prefix(&format!("m{k} = ")));
            let found: f64 = found.unwrap_or_else(|| panic!("{engine}: no m{k} in {out}")).parse().unwrap();
            // The time of a flat top is known to a step of the engine: ngspice's is .1 us here.
            let near = if engine == "ngspice" && form.contains("_at") { 1e-4 } else { 2e-5 };
            assert!((found / expected - 1.0).abs() < near, "{engine}: {form} gave {found}, expected {expected}");
            let line = inside.lines().find(|l| l.contains(&format!(" m{k}()"))).unwrap_or_else(|| panic!("{inside}"));
            assert!(line.contains(&format!(" {unit} ")) || line.contains(&format!("[{unit}]")), "{form}: {line}");
        }
    }
}

#[test]
#[cfg(feature = "spice21")]
fn spice21_refuses_by_name_and_its_failures_are_the_engines() {
    let dir = tempfile::tempdir().unwrap();
    let run = |text: &str, code: i32, words: &[&str]| {
        file(dir.path(), "x.cir", text);
        refused(dir.path(), &["spice", "x.cir", "--engine", "spice21", "--output", "x.h5"], code, words);
        assert!(!dir.path().join("x.h5").exists());
    };
    run("t\nv1 a 0 1\nr1 a b 1k\nl1 b 0 1m\n.op\n.end\n", 3, &["spice21 cannot run", "`l1` is an inductor", "x.cir:4"]);
    run("t\nv1 a 0 sin(0 1 1k)\nr1 a 0 1k\n.tran 1u 1m\n.end\n", 3, &["`v1` is a sine", "x.cir:2"]);
    run(
        "t\nv1 a 0 1\nm1 a a 0 0 n w=1u l=-1u\n.model n nmos level=14 rdsw=0\n.op\n.end\n",
        2,
        &["x.cir:3", "positive"],
    );
    run("t\nv1 a 0 1\nq1 a a 0 n\n.model n npn\n.op\n.end\n", 2, &["x.cir:3", "ngspice"]);
    run("t\nv1 a 0 1\nr1 a b 1k\nc1 b c 1p\nc2 c 0 1p\n.op\n.end\n", 2, &["floats"]);
    run("t\n.subckt s a\nx1 a s\n.ends\nv1 a 0 1\nx1 a s\n.op\n.end\n", 2, &["x.cir", "s"]);
    file(dir.path(), "rc.cir", RC);
    let saved = done(dir.path(), &["spice", "rc.cir", "--engine", "spice21", "--output", "rc.h5"]).stderr;
    assert!(saved.contains("spice21 0.1.5 (asked for)"), "{saved}");
    let inside = done(dir.path(), &["inspect", "rc.h5"]).stdout;
    assert!(inside.contains("option_measured_order=1.0") || inside.contains("option_measured_order=0.9"), "{inside}");
}
