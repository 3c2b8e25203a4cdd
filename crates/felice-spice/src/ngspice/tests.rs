use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::*;
use crate::analysis::Sweep;
use crate::netlist::Netlist;

fn ngspice(text: &str) -> Result<Simulation, SpiceError> {
    Ngspice::default().run(&Job::new(Netlist::from_text(text)), &Settings::default())
}

/// A program that stands in for ngspice.
fn impostor(folder: &Path, script: &str) -> Ngspice {
    let path: PathBuf = folder.join("fake-ngspice");
    let text =
        format!("#!/bin/sh\nif [ \"$1\" = --version ]; then echo '** ngspice-39 : fake'; exit 0; fi\n{script}\n");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    Ngspice::at(path)
}

const RC: &str = "rc\nv1 a 0 pulse(0 1 1u 1n 1n 10u 20u)\nr1 a b 1k\nc1 b 0 1n\n.tran 10n 10u\n";

#[test]
fn a_transient_comes_back_whole() {
    let s = ngspice(RC).unwrap();
    assert_eq!(s.vectors.signals().iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["v(a)", "v(b)", "i(v1)"]);
    assert_eq!(s.vectors.axis().name, "time");
    // v(b) = 1 - exp(-(t - 1 µs)/RC), the ramp of 1 ns shifts it by half a nanosecond.
    let at = s.axis().iter().position(|t| *t >= 3e-6).unwrap();
    let exact = 1.0 - (-(s.axis()[at] - 1.0005e-6) / 1e-6_f64).exp();
    assert!((s.vector("V(B)").unwrap().values[at] - exact).abs() < 1e-6);
    assert_eq!(s.version, "39");
    assert!(s.options.contains(&("max_step".into(), "5e-10".into())), "{:?}", s.options);
}

#[test]
fn sweeps_operating_points_samples_and_changes() {
    let netlist = "sweep\n.param r=1k\nv1 a 0 1\nv2 c 0 2\nr1 a b {r}\nr2 b c 1k\n.ic v(b)=0\n";
    let job = |analysis| Job::new(Netlist::from_text(netlist)).with_analysis(analysis);
    let engine = Ngspice::default();
    let settings = Settings::default();
    let op = engine.run(&job(Analysis::Op), &settings).unwrap();
    assert!((op.vector("v(b)").unwrap().values[0] - 1.5).abs() < 1e-12);
    let changed = engine.run(&job(Analysis::Op).with_parameter("R", 3e3), &settings).unwrap();
    assert!((changed.vector("v(b)").unwrap().values[0] - 1.75).abs() < 1e-12);
    let sweep = |source: &str, stop| Sweep { source: source.into(), start: 0.0, stop, step: 0.5 };
    let dc = engine.run(&job(Analysis::Dc(vec![sweep("v1", 1.0), sweep("v2", 0.5)])), &settings).unwrap();
    assert_eq!(dc.axis(), [0.0, 0.5, 1.0, 0.0, 0.5, 1.0]);
    assert_eq!(dc.vector("v2").unwrap().values, [0.0, 0.0, 0.0, 0.5, 0.5, 0.5]);
    assert_eq!(dc.vectors.axis().name, "v1");
    let sampled = Settings { samples: Some(11), ..settings };
    let job = Job::new(Netlist::from_text(RC)).with_initial("b", 0.25).with_saves(["v(b)", "v(a,b)"]);
    let s = engine.run(&job, &sampled).unwrap();
    assert_eq!(s.vectors.len(), 11);
    let b = &s.vector("v(b)").unwrap().values;
    assert_eq!(b[0], 0.25);
    assert_eq!(s.vector("v(a,b)").unwrap().values[0], -0.25);
    assert!(s.vector("i(v1)").is_none());
}

#[test]
fn circuits_without_text_and_ekv_cards_are_written_out() {
    let text = "ekv\n.model nch nekv (is=.64u vt0=.5 kappa=.7 ve=5meg)\n.model pch pekv (is=.64u vt0=.5 kappa=.7)\n\
                vdd vdd 0 1.8\nvg g 0 .4\nm1 d g 0 0 nch w=2u l=1u\nr1 vdd d 1meg\nmp q g vdd vdd pch w=1u l=1u delvto=10m\nr2 q 0 1meg\n\
                e1 e 0 vol='v(d)*2+i(vdd)'\ng1 0 k cur='tanh(v(d)-1)*1u'\nr3 k 0 1k\n.op\n";
    let circuit = Netlist::from_text(text).circuit().unwrap();
    let s = ngspice(text).unwrap();
    let made = Ngspice::default().run(&Job::of_circuit((*circuit).clone()), &Settings::default()).unwrap();
    assert_eq!(s.vectors, made.vectors);
    let v = |name: &str| s.vector(name).unwrap().values[0];
    let ut = crate::circuit::thermal_voltage(300.15);
    let f = |x: f64| (1.0 + (x / (2.0 * ut)).exp()).ln().powi(2);
    let id = 0.64e-6 * 2.0 * (f(0.7 * (0.4 - 0.5)) - f(0.7 * (0.4 - 0.5) - v("v(d)"))) * (1.0 + v("v(d)") / 5.0);
    assert!(((1.8 - v("v(d)")) / 1e6 / id - 1.0).abs() < 1e-6);
    let ip = 0.64e-6 * (f(0.7 * (1.4 - 0.49)) - f(0.7 * (1.4 - 0.49) - (1.8 - v("v(q)"))));
    assert!((v("v(q)") / 1e6 / ip - 1.0).abs() < 1e-6);
    assert!((v("v(e)") - 2.0 * v("v(d)") - v("i(vdd)")).abs() < 1e-9);
    assert!((v("v(k)") / 1e-3 - (v("v(d)") - 1.0).tanh()).abs() < 1e-6);
}

#[test]
fn what_we_do_not_understand_goes_to_ngspice_as_it_is() {
    let bipolar = "bjt\nvcc c 0 5\nvb b 0 .7\nq1 c b 0 qn\n.model qn npn\n.tran 1u 10u\n";
    let s = ngspice(bipolar).unwrap();
    assert!(s.vector("i(vcc)").unwrap().values[0] < -1e-6);
    let Analysis::Tran(t) = &s.analysis else { panic!() };
    assert_eq!(t.stop, 1e-5);
    let own = bipolar.replace(".tran 1u 10u", ".control\nalter vb = .6\ntran 1u 20u\nquit\n.endc");
    let altered = ngspice(&own).unwrap();
    assert!((altered.axis().last().unwrap() - 2e-5).abs() < 1e-12);
    assert!((altered.vector("v(b)").unwrap().values[0] - 0.6).abs() < 1e-12);
}

#[test]
fn includes_are_found_beside_the_netlist() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("with space")).unwrap();
    std::fs::write(folder.path().join("with space/r.inc"), "r1 a 0 1k\n.include deep.inc\n").unwrap();
    std::fs::write(folder.path().join("with space/deep.inc"), "r2 a 0 1k\n").unwrap();
    let main = folder.path().join("main.cir");
    std::fs::write(&main, "t\nv1 a 0 1\n.include \"with space/r.inc\"\n.op\n.print op v(a)\n+ i(v1)\n").unwrap();
    let s = Ngspice::default().run(&Job::new(Netlist::read(&main).unwrap()), &Settings::default()).unwrap();
    assert!((s.vector("i(v1)").unwrap().values[0] + 2e-3).abs() < 1e-12);
}

#[test]
fn its_own_words_come_with_its_failures() {
    // ngspice exits with code 0 or 1 here, with and without a raw file.
    let singular = "t\nv1 a 0 1\nr1 a b 1\nb1 b 0 v=sqrt(v(a)-2)\n.options itl1=1\n.tran 1n 1u\n";
    let unknown = "t\nv1 a 0 1\nq1 a a 0 nowhere\n.tran 1n 1u\n";
    for text in [singular, unknown] {
        match ngspice(text) {
            Err(SpiceError::Failed { problem, log, .. }) => {
                assert!(!log.is_empty() && problem.contains('|') || problem.contains("says"), "{problem}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Every controlled source of every form, in a subcircuit too: the same vectors as the native engine's, currents included.
#[test]
fn val_controlled_sources_are_those_of_the_native_engine() {
    let text = "controlled\nv1 a 0 sin(.5 .2 1k)\nv2 b 0 .3\nr1 a 0 1k\nr2 b 0 1k\nx1 a b s\n.subckt s a b\nv3 a a2 0\nr3 a2 0 1k\n\
                e1 c 0 poly(2) (a,0) (b,0) .1 1 2 .5 .25 .125 .1 .2 .3 .4\nrc c 0 1k\ne2 d 0 value={v(a)*v(b)+i(v3)*1k}\nrd d 0 2k\n\
                g1 e 0 poly(1) a 0 0 1m 1m\nre e 0 1k\ng2 h 0 value={1m*tanh(v(a,b))}\nrh h 0 1k\n\
                f1 f 0 poly(2) v3 v1 1u 1 .5 100 20 3\nrf f 0 1k\nh1 g 0 poly(1) v3 .1 100 1k\nrg g 0 1k\n\
                e3 i 0 (a,b) 2\nri i 0 1k\nb1 k 0 v=i(e1)*1k+i(e2)*1k+i(h1)\nrk k 0 1k\n.ends\n.tran 10u 1m\n";
    let text = text.replace(" v1 1u", " v3 1u");
    let settings = Settings { samples: Some(51), cache: false, ..Settings::default() };
    for saves in [None, Some(["v(k.x1)", "i(e.x1.e1)", "i(h.x1.h1)", "i(e.x1.e2)"])] {
        let mut job = Job::new(Netlist::from_text(&text));
        if let Some(saves) = saves {
            job = job.with_saves(saves.map(|s| s.replace("k.x1", "x1.k")));
        }
        let theirs = Ngspice::default().run(&job, &settings).unwrap();
        let ours = crate::native::Native::new().run(&job, &settings).unwrap();
        assert!(ours.vectors.signals().len() >= 4);
        for s in ours.vectors.signals() {
            let other = theirs.vector(&s.name).unwrap_or_else(|| panic!("{} is missing", s.name));
            let error = s.values.iter().zip(&other.values).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
            assert!(error < if s.name.starts_with('v') { 2e-5 } else { 2e-8 }, "{}: {error}", s.name);
        }
    }
}

/// What is saved begins at the start time, not at ngspice's first point after it.
#[test]
fn val_a_transient_with_a_start_begins_there() {
    let late = ngspice("late\nv1 a 0 sin(0 1 1k)\nr1 a b 1k\nc1 b 0 100n\n.tran 1u 2m 1m\n").unwrap();
    assert_eq!((late.axis()[0], *late.axis().last().unwrap()), (1e-3, 2e-3));
    for (t, v) in late.axis().iter().zip(&late.vector("v(a)").unwrap().values) {
        assert!((v - (std::f64::consts::TAU * 1e3 * t).sin()).abs() < 1e-7, "{t}: {v}");
    }
}

/// Tolerances that its rounding does not allow are named, with others to try; nothing is tried behind the user's back.
#[test]
fn want_of_convergence_names_the_tolerances() {
    let text = "stiff\nv1 a b sin(0 6 1k)\nrb b 0 10meg\nd1 a p dr\nd2 b p dr\nd3 n a dr\nd4 n b dr\nc1 p n 4.7u ic=0\n\
                r1 p n 1k\nrg n 0 100\n.model dr d(is=1e-12 n=1.7 rs=.5)\n.tran 10u 4m\n";
    let e = ngspice(text).unwrap_err().to_string();
    assert!(e.contains("imestep too small") && e.contains("abstol=4.2") && e.contains("--abstol"), "{e}");
}

#[test]
fn an_absent_ngspice_is_named_with_its_remedy() {
    let job = Job::new(Netlist::from_text(RC));
    let e = Ngspice::at("/nonexistent/ngspice").run(&job, &Settings::default()).unwrap_err();
    assert!(matches!(e, SpiceError::Missing { .. }));
    assert!(e.to_string().contains("apt-get install ngspice"), "{e}");
    let e = Ngspice::at("/bin/true").run(&job, &Settings::default()).unwrap_err();
    assert!(e.to_string().contains("does not answer like ngspice"), "{e}");
}

/// After a corner ngspice can make a step that does not move the time's last digit.
#[test]
fn of_points_at_the_same_time_the_last_counts() {
    let folder = tempfile::tempdir().unwrap();
    let rows = [[0.0, 0.0, 0.0, 0.0], [1e-6, 5.0, 1.0, 0.0], [1e-6, 5.0, 2.0, 0.0], [1e-5, 5.0, 3.0, 0.0]];
    let bytes: Vec<u8> = rows.as_flattened().iter().flat_map(|x: &f64| x.to_le_bytes()).collect();
    std::fs::write(folder.path().join("points"), bytes).unwrap();
    let header = "Title: t\\nPlotname: Transient Analysis\\nFlags: real\\nNo. Variables: 4\\nNo. Points: 4\\nVariables:\\n\
                  \\t0\\ttime\\ttime\\n\\t1\\tv(a)\\tv\\n\\t2\\tv(b)\\tv\\n\\t3\\ti(v1)\\tc\\nBinary:\\n";
    let script = format!("printf '{header}' > result.raw; cat {}/points >> result.raw", folder.path().display());
    let waves = impostor(folder.path(), &script).run(&Job::new(Netlist::from_text(RC)), &Settings::default()).unwrap();
    assert_eq!(waves.vectors.get("v(b)").unwrap().values, [0.0, 2.0, 3.0]);
}

#[test]
fn killed_silent_hanging_and_lying_engines() {
    let folder = tempfile::tempdir().unwrap();
    let job = Job::new(Netlist::from_text(RC));
    let quick = Settings { time_limit: Duration::from_millis(700), ..Settings::default() };
    let header = "Title: t\\nPlotname: Transient Analysis\\nFlags: real\\nNo. Variables: 4\\nNo. Points: 2\\nVariables:\\n\
                  \\t0\\ttime\\ttime\\n\\t1\\tv(a)\\tv\\n\\t2\\tv(b)\\tv\\n\\t3\\ti(v1)\\tc\\nBinary:\\n";
    let zeros = |n: usize| format!("printf '{header}' > result.raw; head -c {n} /dev/zero >> result.raw");
    let nan = format!("printf '{header}' > result.raw; head -c 64 /dev/zero | tr '\\0' '\\377' >> result.raw");
    let cases = [
        ("kill -9 $$", "signal: 9"),
        ("exit 0", "said nothing"),
        ("echo 'singular matrix: check node b' >&2; exit 0", "check node b"),
        (&zeros(24), "cut short"),
        (&zeros(64), "time does not increase"),
        (&nan, "time does not increase"),
        ("echo garbage > result.raw", "no binary part"),
        ("echo \"warning, can't find model 'q'\"", "can't find model"),
    ];
    for (script, expected) in cases {
        match impostor(folder.path(), script).run(&job, &quick) {
            Err(SpiceError::Failed { problem, .. }) => assert!(problem.contains(expected), "{script}: {problem}"),
            other => panic!("{script}: {other:?}"),
        }
    }
    let started = Instant::now();
    let hung = impostor(folder.path(), "echo working; sleep 600 & sleep 600").run(&job, &quick);
    assert!(matches!(hung, Err(SpiceError::TimeLimit { ref log, .. }) if log.contains("working")), "{hung:?}");
    assert!(started.elapsed() < Duration::from_secs(60));
}
