//! Simulators that fail in every way, a cache that many processes share, signals: nothing runs twice, nothing is left.

use crate::run::{Ran, begin, broken_ngspice, done, felice_with, file, refused, signal};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

const RC: &str = "RC\nv1 in 0 1\nr1 in out 1k\nc1 out 0 1u\n.ic v(out)=0\n.tran 10u 1m 0 1u\n.end\n";
const ARGS: [&str; 7] = ["spice", "rc.cir", "--engine", "ngspice", "--output", "x.csv", "--quiet"];
/// What every stand-in answers first.
const VERSION: &str = "case \"$1\" in --version) echo '** ngspice-39 : stand-in'; exit 0;; esac\n";
/// Counts its runs, takes its time, and then is the true one.
const SLOW: &str = "echo run >> \"$COUNT\"\nsleep 1\nexec \"$TRUE_NGSPICE\" \"$@\"";

/// A folder with the netlist, a `tmp` of its own, and a stand-in for ngspice.
struct Bench {
    folder: tempfile::TempDir,
    path: String,
}

impl Bench {
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        file(folder.path(), "rc.cir", RC);
        std::fs::create_dir(folder.path().join("tmp")).unwrap();
        let path = broken_ngspice(folder.path(), &format!("{VERSION}{script}"));
        Bench { folder, path }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn environment(&self) -> Vec<(String, String)> {
        let text = |p: PathBuf| p.display().to_string();
        let found = std::env::var("PATH").unwrap_or_default();
        let ngspice = found.split(':').map(|d| Path::new(d).join("ngspice")).find(|p| p.is_file());
        vec![
            ("PATH".into(), self.path.clone()),
            ("TMPDIR".into(), text(self.at("tmp"))),
            ("COUNT".into(), text(self.at("count"))),
            ("MARK".into(), text(self.at("mark"))),
            ("TRUE_NGSPICE".into(), text(ngspice.unwrap_or_default())),
            ("FELICE_CACHE".into(), text(self.at("cache"))),
        ]
    }

    fn start(&self, args: &[&str]) -> Child {
        let environment = self.environment();
        let pairs: Vec<(&str, &str)> = environment.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        begin(self.folder.path(), args, &pairs)
    }

    fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.start(args))
    }

    fn runs(&self) -> usize {
        std::fs::read_to_string(self.at("count")).map_or(0, |t| t.lines().count())
    }

    fn cached(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.at("cache")).unwrap().map(|e| e.unwrap().path()).collect()
    }

    /// The process number that a stand-in wrote down, once it has.
    fn mark(&self) -> String {
        let patience = Instant::now();
        loop {
            let text = std::fs::read_to_string(self.at("mark")).unwrap_or_default();
            if text.ends_with('\n') {
                return text.trim().to_owned();
            }
            assert!(patience.elapsed() < Duration::from_secs(60), "the stand-in never started");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// No folder of ours is left, nor a process that wrote its number down, nor a result.
    fn is_clean(&self) {
        let left: Vec<_> = std::fs::read_dir(self.at("tmp")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        if self.at("mark").exists() {
            let stat = format!("/proc/{}/stat", self.mark());
            let gone = || std::fs::read_to_string(&stat).map_or(true, |s| s.contains(") Z ") || s.contains(") X "));
            let patience = Instant::now();
            while !gone() && patience.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(20));
            }
            assert!(gone(), "{stat} is still there");
        }
        assert!(!self.at("x.csv").exists());
    }
}

#[test]
fn a_simulator_that_fails_is_an_engine_failure_and_leaves_nothing() {
    let header = "Title: t\\nPlotname: Transient Analysis\\nFlags: real\\nNo. Variables: 4\\nNo. Points: 2\\nVariables:\\n\
                  \\t0\\ttime\\ttime\\n\\t1\\tv(in)\\tv\\n\\t2\\tv(out)\\tv\\n\\t3\\ti(v1)\\tc\\nBinary:\\n";
    let raw = |body: &str| format!("printf '{header}' > result.raw; {body} >> result.raw");
    let cases = [
        ("exit 0".to_owned(), "said nothing"),
        ("echo 'Fatal error: no such thing'; exit 1".to_owned(), "Fatal error: no such thing"),
        ("kill -9 $$".to_owned(), "signal: 9"),
        (format!("{}; kill -9 $$", raw("head -c 64 /dev/zero")), "killed"),
        (raw("head -c 24 /dev/zero"), "cut short"),
        (raw("head -c 64 /dev/zero"), "time does not increase"),
        (raw("head -c 64 /dev/zero | tr '\\0' '\\377'"), "time does not increase"),
        ("mkfifo result.raw".to_owned(), "without writing a result"),
        ("yes | head -c 3000000; echo Error: too much; exit 1".to_owned(), "Error: too much"),
        ("echo $$ > \"$MARK\"; echo here we go; exec sleep 1000".to_owned(), "did not finish"),
        (
            "sh -c 'echo $$ > \"$MARK\"; exec sleep 1000' & while ! [ -s \"$MARK\" ]; do :; done; exit 0".to_owned(),
            "without",
        ),
        (
            "setsid sh -c 'echo $$ > \"$MARK\"; exec sleep 1000' & while ! [ -s \"$MARK\" ]; do :; done; exit 0"
                .to_owned(),
            "without",
        ),
    ];
    for (script, words) in cases {
        let bench = Bench::new(&script);
        let mut args = ARGS.to_vec();
        args.extend(["--time-limit", "3"]);
        let ran = bench.run(&args);
        assert_eq!(ran.code, Some(3), "{script}: {}", ran.stderr);
        assert!(ran.stderr.contains(words) && !ran.stderr.contains("panicked"), "{script}: {}", ran.stderr);
        bench.is_clean();
    }
}

#[test]
fn a_signal_ends_the_simulator_with_felice() {
    for (name, number) in [("-INT", 2), ("-TERM", 15), ("-KILL", 9)] {
        let bench = Bench::new("echo $$ > \"$MARK\"\nexec sleep 1000");
        let mut felice = bench.start(&ARGS);
        bench.mark();
        signal(&felice, name);
        let status = felice.wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(number));
        if name == "-KILL" {
            // What cannot be caught leaves a folder, for the next one to remove when it is old.
            std::fs::remove_dir_all(bench.at("tmp")).unwrap();
            std::fs::create_dir(bench.at("tmp")).unwrap();
        }
        bench.is_clean();
    }
}

#[test]
fn one_circuit_is_simulated_once_however_many_ask() {
    let bench = Bench::new(SLOW);
    let names: Vec<String> = (0..8).map(|i| format!("x{i}.csv")).collect();
    let started: Vec<Child> = names
        .iter()
        .map(|name| bench.start(&["spice", "rc.cir", "--engine", "ngspice", "--output", name, "--quiet"]))
        .collect();
    for mut felice in started {
        assert!(felice.wait().unwrap().success());
    }
    assert_eq!(bench.runs(), 1);
    let first = std::fs::read(bench.at("x0.csv")).unwrap();
    assert!(names.iter().all(|n| std::fs::read(bench.at(n)).unwrap() == first));
    assert_eq!(bench.cached().len(), 1, "{:?}", bench.cached());

    // A damaged entry is seen and made again.
    let entry = bench.cached().remove(0);
    let mut bytes = std::fs::read(&entry).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&entry, &bytes).unwrap();
    assert_eq!(bench.run(&ARGS).code, Some(0));
    assert_eq!(bench.runs(), 2);
    assert_eq!(std::fs::read(bench.at("x.csv")).unwrap(), first);
    assert_eq!(bench.run(&ARGS).code, Some(0));
    assert_eq!(bench.runs(), 2);
    let mut uncached = ARGS.to_vec();
    uncached.push("--no-cache");
    assert_eq!(bench.run(&uncached).code, Some(0));
    assert_eq!(bench.runs(), 3);
}

#[test]
fn a_kill_leaves_no_lock_and_no_half_entry() {
    let bench = Bench::new("echo $$ > \"$MARK\"\nexec sleep 1000");
    let mut felice = bench.start(&ARGS);
    bench.mark();
    felice.kill().unwrap();
    felice.wait().unwrap();
    broken_ngspice(bench.folder.path(), &format!("{VERSION}{SLOW}"));
    let started = Instant::now();
    assert_eq!(bench.run(&ARGS).code, Some(0));
    assert!(started.elapsed() < Duration::from_secs(60), "it waited for a lock that nobody holds");
    let left = bench.cached();
    assert!(left.len() == 1 && left[0].extension().is_some_and(|e| e == "sim"), "{left:?}");
}

#[test]
fn a_cache_that_cannot_be_is_none() {
    let bench = Bench::new(SLOW);
    file(bench.folder.path(), "cache", "a file, not a folder");
    assert_eq!(bench.run(&ARGS).code, Some(0));
    assert_eq!(bench.run(&ARGS).code, Some(0));
    assert_eq!(bench.runs(), 2);
}

#[test]
fn what_only_ngspice_understands_goes_there_and_the_result_says_why() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "bjt.cir", "bjt\nvcc c 0 5\nvb b 0 .7\nq1 c b 0 qn\n.model qn npn\n.tran 1u 10u\n.end\n");
    let ran = done(dir.path(), &["spice", "bjt.cir", "--output", "b.h5"]);
    assert!(ran.stderr.contains("ngspice") && ran.stderr.contains("bjt.cir:4"), "{}", ran.stderr);
    let inside = done(dir.path(), &["inspect", "b.h5"]).stdout;
    assert!(inside.contains("only ngspice may understand"), "{inside}");
    refused(dir.path(), &["spice", "bjt.cir", "--engine", "native", "--output", "n.h5"], 2, &["bjt.cir:4", "q1"]);
    let ran = felice_with(dir.path(), &["spice", "bjt.cir", "--no-cache"], &[("PATH", "/nonexistent")]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("bjt.cir:4") && ran.stderr.contains("install"), "{}", ran.stderr);
}

/// ngspice itself ends well on these, with 1e12 V, 0 V and -1e38 A.
#[test]
fn what_no_engine_can_solve_is_no_result_of_ngspice_either() {
    let dir = tempfile::tempdir().unwrap();
    for (body, name) in [
        ("i1 0 a 1u\nr1 a 0 1k\nr2 a 0 -1k", "v(a)"),
        ("e1 a 0 a 0 1\nr1 a 0 1k", "v(a)"),
        ("v1 a 0 0\nb1 a 0 i=1/v(a)", "`b1`"),
    ] {
        for analysis in [".op", ".tran 1u 10u", ".tran 1u 10u 5u"] {
            file(dir.path(), "s.cir", format!("singular\n{body}\n{analysis}\n.end\n"));
            for engine in ["ngspice", "native", "auto"] {
                refused(dir.path(), &["spice", "s.cir", "--engine", engine, "--output", "s.csv"], 3, &[name]);
            }
            assert!(!dir.path().join("s.csv").exists());
        }
    }
    file(dir.path(), "ic.cir", "contradicted\nv1 a 0 1\nr1 a b 1k\nc1 b 0 1u\n.ic v(b)=0 v(a)=0\n.tran 1u 1m\n.end\n");
    for engine in ["ngspice", "native", "spice21"] {
        refused(dir.path(), &["spice", "ic.cir", "--engine", engine], 2, &["ic.cir:5:12", "`v1`"]);
    }
}
