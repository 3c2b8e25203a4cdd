//! What a study costs beyond what it runs: `cargo bench --workspace --bench studies [-- circuits|summaries|samples|resume]`.
//! Alternating runs, medians. `samples` and `resume` write large files beside `target/` and remove them again.

// A bench that cannot go on has failed.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use felice::neurons::Trigger;
use felice::neurons::WereRabbit;
use felice::neurons::ensemble::{Ensemble, Method, Settings as EnsembleSettings};
use felice::spice::native::{Departure, depart, transistors};
use felice::spice::{Engine as _, Job, Netlist, Settings, native::Native};
use felice::store::Provenance;
use felice::study::{Options, Outcome, Study, StudyError, sweep};
use felice::subthreshold::{Deviation, deviation_of};

fn main() {
    // Circuits of the cached runs go into a cache of this bench.
    if std::env::var_os(CACHE).is_none() {
        let cache = tempfile::tempdir().unwrap();
        let own = std::env::current_exe().unwrap();
        let again = Command::new(own).args(std::env::args().skip(1)).env(CACHE, cache.path()).status().unwrap();
        assert!(again.success(), "{again}");
        return;
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (name, bench) in
        [("circuits", circuits as fn(&Path)), ("summaries", summaries), ("samples", samples), ("resume", resume)]
    {
        if wanted.is_empty() && matches!(name, "circuits" | "summaries") || wanted.iter().any(|w| w == name) {
            bench(&root);
        }
    }
}

const CACHE: &str = felice::spice::cache::CACHE_VARIABLE;

fn run(study: &Study, target: &Path, resume: bool, stop: &AtomicBool) -> Result<Outcome, StudyError> {
    let provenance = Provenance::new("felice", "bench", "bench");
    sweep(study, target, &Options { threads: 0, shard: None, resume, stop, provenance }, &mut |p| {
        // Whoever is to be stopped is stopped once a tenth is done.
        if !resume && p.done > p.total / 10 {
            stop.store(target.ends_with("stopped.h5"), Ordering::Relaxed);
        }
    })
}

fn whole(study: &Study, folder: &Path) -> (f64, Outcome) {
    let begin = Instant::now();
    let outcome = run(study, &folder.join("bench.h5"), false, &AtomicBool::new(false)).unwrap();
    (begin.elapsed().as_secs_f64(), outcome)
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn parse(text: &str, root: &Path) -> Study {
    Study::parse(text, "bench.toml", &|name| felice::store::read_plain(&root.join("data/studies").join(name))).unwrap()
}

/// 1,000 mismatched EKV circuits: a study of them against the engine alone on the same circuits and threads.
fn circuits(root: &Path) {
    const COPIES: u64 = 1000;
    let text = format!(
        "title = \"bench\"\nseed = 11\n[circuit]\nnetlist = \"../../netlists/wererabbit/ekv.cir\"\ncache = true\n\
         engine = \"native\"\nmismatch = {{ a_vt = 0.4e-9, a_beta = 1e-9 }}\n[[axis]]\ncopies = {COPIES}\n"
    );
    let (cached, study) = (parse(&text, root), parse(&text.replace("cache = true", "cache = false"), root));
    let circuit = Netlist::read(root.join("netlists/wererabbit/ekv.cir")).unwrap().circuit().unwrap();
    let all = transistors(&circuit).unwrap();
    let job = |copy: u64| {
        let change = |(nth, t): (usize, _)| {
            let t: &felice::spice::native::Transistor = t;
            let root = t.size.map_or(f64::INFINITY, |(w, l)| (w * l).sqrt());
            let own = deviation_of(11, copy, nth, Deviation { dvt: 0.4e-9 / root, dbeta: 1e-9 / root });
            (t, Departure { threshold: own.dvt, current: 1.0 + own.dbeta })
        };
        let changes: Vec<_> = all.iter().enumerate().map(change).collect();
        Job::of_circuit(depart(&circuit, &changes))
    };
    let jobs: Vec<Job> = (0..COPIES).map(job).collect();
    let settings = Settings { cache: false, samples: Some(2001), ..Settings::default() };
    let folder = tempfile::tempdir().unwrap();
    let (mut engine, mut studies, mut firsts, mut seconds) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        let begin = Instant::now();
        let next = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        Native::new().run(job, &settings).unwrap();
                    }
                });
            }
        });
        engine.push(begin.elapsed().as_secs_f64());
        studies.push(whole(&study, folder.path()).0);
        let _ = fs::remove_dir_all(std::env::var_os(CACHE).unwrap());
        firsts.push(whole(&cached, folder.path()).0);
        seconds.push(whole(&cached, folder.path()).0);
    }
    let [engine, study, first, second] = [engine, studies, firsts, seconds].map(median);
    println!(
        "1,000 mismatched EKV circuits: engine alone {engine:.2} s, study {study:.2} s, ratio {:.3}; into an empty cache \
         {first:.2} s, ratio {:.3}; from the cache {second:.2} s",
        study / engine,
        first / engine
    );
}

/// 1,000,000 points x summary: a study against the bare ensemble with the same outputs.
fn summaries(root: &Path) {
    const SIDE: usize = 1000;
    let text = format!(
        "title = \"bench\"\n[ensemble]\nname = \"wererabbit\"\ninitial = {{ u = 0.35, v = 0.12 }}\nt_end = 5.0\nrtol = 1e-6\n\
         [[axis]]\nquantity = \"sigma\"\nfrom = 0.5\nto = 0.7\ncount = {SIDE}\n[[axis]]\nquantity = \"alpha\"\nfrom = 1e-3\nto = 2e-3\ncount = {SIDE}\n"
    );
    let study = parse(&text, root);
    let at = |i: usize, from: f64, to: f64| from + (to - from) * i as f64 / (SIDE - 1) as f64;
    let rabbit = |i: usize| WereRabbit {
        sigma: at(i / SIDE, 0.5, 0.7),
        alpha: at(i % SIDE, 1e-3, 2e-3),
        ..WereRabbit::default()
    };
    let settings = EnsembleSettings {
        method: Method::Adaptive { rtol: 1e-6, atol: 1e-6 },
        summary: true,
        events: vec![Trigger::SpikeCondition],
        ..EnsembleSettings::to(5.0)
    };
    let folder = tempfile::tempdir().unwrap();
    let (mut bare, mut studies) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let begin = Instant::now();
        let neurons = (0..SIDE * SIDE).map(rabbit).collect();
        let ensemble = Ensemble::<WereRabbit>::new(neurons, vec![[0.35, 0.12]; SIDE * SIDE]).unwrap();
        let mut seen = 0;
        ensemble
            .run::<f64>(&settings, |block| {
                seen += block.summary.period.len();
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(seen, SIDE * SIDE);
        bare.push(begin.elapsed().as_secs_f64());
        studies.push(whole(&study, folder.path()).0);
    }
    let (bare, study) = (median(bare), median(studies));
    println!("1e6 points x summary: bare ensemble {bare:.2} s, study {study:.2} s, ratio {:.3}", study / bare);
}

fn sampled(count: usize) -> String {
    format!(
        "title = \"bench\"\nprecision = \"f32\"\n[ensemble]\nname = \"wererabbit\"\ninitial = {{ u = 0.35, v = 0.12 }}\nt_end = 1.0\n\
         method = \"rk4\"\nsteps = 1000\n[[axis]]\nquantity = \"sigma\"\nfrom = 0.5\nto = 0.7\ncount = {count}\n\
         [outputs]\nsamples = 1001\nsummary = false\n"
    )
}

/// 100,000 trajectories x 1001 samples in single precision: bytes of the finished, synced file a second, beside what the
/// disk takes of bytes that are there already, synced as often.
fn samples(root: &Path) {
    let folder = tempfile::tempdir_in(root.join("target")).unwrap();
    let (mut disk, mut rates, mut megabytes) = (Vec::new(), Vec::new(), 0.0);
    for _ in 0..3 {
        let (time, outcome) = whole(&parse(&sampled(100_000), root), folder.path());
        rates.push(outcome.bytes as f64 / time / 1e6);
        megabytes = outcome.bytes as f64 / 1e6;
        fs::remove_file(outcome.path).unwrap();
        disk.push(written(&folder.path().join("plain"), outcome.bytes));
    }
    let (rate, disk) = (median(rates), median(disk));
    println!(
        "1e5 trajectories x 1001 samples: {megabytes:.0} MB at {rate:.0} MB/s; plain bytes {disk:.0} MB/s, ratio {:.2}",
        rate / disk
    );
    println!(
        "peak memory {}",
        fs::read_to_string("/proc/self/status").unwrap().lines().find(|l| l.starts_with("VmHWM")).unwrap()
    );
}

/// Megabytes a second of writing so many bytes, synced every 64 MB.
fn written(target: &Path, bytes: u64) -> f64 {
    const BLOCK: usize = 4 << 20;
    let block: Vec<u8> = (0..BLOCK).map(|i| ((i * 2_654_435_761) >> 7) as u8).collect();
    let begin = Instant::now();
    let mut file = fs::File::create(target).unwrap();
    for n in 1..=bytes / BLOCK as u64 {
        file.write_all(&block).unwrap();
        if n % 16 == 0 {
            file.sync_data().unwrap();
        }
    }
    file.sync_all().unwrap();
    let rate = bytes as f64 / begin.elapsed().as_secs_f64() / 1e6;
    fs::remove_file(target).unwrap();
    rate
}

/// A sweep into a file of 10 GB that is stopped when a tenth is done: how long until it works again.
fn resume(root: &Path) {
    let folder = tempfile::tempdir_in(root.join("target")).unwrap();
    let target = folder.path().join("stopped.h5");
    let study = parse(&sampled(1_250_000), root);
    let stopped = run(&study, &target, false, &AtomicBool::new(false)).unwrap_err();
    let length = fs::metadata(folder.path().join("stopped.h5.partial")).unwrap().len() as f64 / 1e9;
    let begin = Instant::now();
    let mut first = None;
    let stop = AtomicBool::new(false);
    let provenance = Provenance::new("felice", "bench", "bench");
    let options = Options { threads: 0, shard: None, resume: true, stop: &stop, provenance };
    let _ = sweep(&study, &target, &options, &mut |_| {
        first.get_or_insert(begin.elapsed().as_secs_f64());
        stop.store(true, Ordering::Relaxed);
    });
    println!("{length:.1} GB: {stopped}; works again after {:.2} s", first.unwrap());
}
