//! The native engine against a spawned ngspice at the same measured error, 1e-4 V rms against the tight reference; and a
//! thousand mismatched Boomerangs.
//!
//! `cargo bench -p felice --bench engine`; `-- search [NAME]` looks for ngspice's best settings instead. Runs alternate; figures are
//! medians. What is timed of either is everything from the netlist's text to the waveform.
//!
//! ngspice interprets EKV transistors written as B sources; that is most of the ratio. The row "B sources interpreted" runs
//! them as expressions here too.

// A bench that cannot go on has nothing to say.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use felice_spice::circuit::Saves;
use felice_spice::native::{Compiled, Options};
use felice_spice::{Accuracy, Analysis, Netlist, Settings, Tran, Work};
use serde_json::Value;

/// A circuit, its two state nodes, and ngspice's settings that were fastest of those that reach 1e-4 V rms
/// (`-- search`): relative tolerance, and steps at least.
struct Case {
    path: &'static str,
    nodes: [&'static str; 2],
    best: (f64, f64),
}

const CASES: [Case; 6] = [
    Case { path: "netlists/boomerang/ekv.cir", nodes: ["u", "v"], best: (1e-5, 9600.0) },
    Case { path: "netlists/wererabbit/ekv.cir", nodes: ["u", "v"], best: (1e-5, 14000.0) },
    Case { path: "netlists/fhnrs/ekv.cir", nodes: ["v", "w"], best: (1e-3, 12000.0) },
    Case { path: "netlists/boomerang/behavioural.cir", nodes: ["u", "v"], best: (1e-3, 4800.0) },
    Case { path: "netlists/wererabbit/behavioural.cir", nodes: ["u", "v"], best: (1e-3, 7000.0) },
    Case { path: "netlists/fhnrs/behavioural.cir", nodes: ["v", "w"], best: (1e-6, 8000.0) },
];

/// The error asked of both, V rms.
const ASKED: f64 = 1e-4;
const SAMPLES: usize = 201;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

struct Reference {
    names: [String; 2],
    values: [Vec<f64>; 2],
}

impl Reference {
    fn of(case: &Case) -> Reference {
        let all: Value = serde_json::from_str(include_str!("../data/reference/ngspice.json")).unwrap();
        let stored = &all["waveforms"][case.path]["voltages"];
        let names = case.nodes.map(|n| format!("v({n})"));
        let values = names.clone().map(|n| {
            let list = stored[&n].as_array().unwrap_or_else(|| panic!("no reference of {} {n}", case.path));
            list.iter().map(|x| x.as_f64().unwrap()).collect()
        });
        Reference { names, values }
    }

    /// rms over both nodes of what was sampled.
    fn error(&self, sampled: &[Vec<f64>; 2]) -> f64 {
        let squares =
            self.values.iter().zip(sampled).flat_map(|(a, b)| a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)));
        (squares.sum::<f64>() / (2 * SAMPLES) as f64).sqrt()
    }
}

fn transient(circuit: &felice_spice::Circuit) -> Tran {
    match circuit.analyses.iter().find(|a| matches!(a, Analysis::Tran(_))) {
        Some(Analysis::Tran(t)) => t.clone(),
        _ => panic!("no transient"),
    }
}

fn settings(reltol: f64) -> Settings {
    Settings {
        accuracy: Accuracy::Normal,
        reltol: Some(reltol),
        vntol: Some(0.1 * reltol),
        samples: Some(SAMPLES),
        cache: false,
        ..Settings::default()
    }
}

/// From text to waveform; both nodes' samples and the work done.
fn native(text: &Netlist, names: &[String; 2], recognise: bool, reltol: f64) -> ([Vec<f64>; 2], Work) {
    let netlist = Netlist::read(text.path().unwrap()).unwrap();
    let circuit = netlist.circuit().unwrap();
    let tran = transient(&circuit);
    let mut compiled = Compiled::new(circuit, Options { recognise, ..Options::default() }).unwrap();
    let waves = compiled.transient(&tran, &settings(reltol), &Saves::Only(names.to_vec())).unwrap();
    (names.clone().map(|n| waves.vectors.get(&n).unwrap().values.clone()), waves.work)
}

/// The loosest tolerance (powers of the fourth root of 10) with which the native engine stays below the error asked.
fn loosest(netlist: &Netlist, reference: &Reference, recognise: bool) -> f64 {
    let candidates = (8..=36).map(|k| 10f64.powf(-0.25 * f64::from(k)));
    let good = |reltol: &f64| reference.error(&native(netlist, &reference.names, recognise, *reltol).0) <= ASKED;
    candidates.into_iter().find(good).unwrap_or_else(|| panic!("no tolerance reaches {ASKED} V"))
}

/// The netlist for ngspice with these settings, writing a raw file.
fn deck(path: &Path, tran: &Tran, names: &[String; 2], (reltol, steps): (f64, f64)) -> String {
    let folder = path.parent().unwrap().canonicalize().unwrap();
    let mut text = String::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let word = line.split_whitespace().next().unwrap_or("").to_ascii_lowercase();
        match word.as_str() {
            ".tran" | ".options" | ".save" | ".print" | ".end" => {}
            ".include" => {
                let file = line.split('"').nth(1).unwrap();
                let _ = writeln!(text, ".include \"{}\"", folder.join(file).display());
            }
            _ => {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    let _ = write!(
        text,
        ".options reltol={reltol:e} vntol=1e-9 abstol=1e-18 chgtol=1e-22 gmin=1e-18 method=trap\n.control\n\
         set num_threads=1\nset filetype=binary\nsave {} {}\ntran {:e} {:e} 0 {:e}\nwrite out.raw\nquit\n.endc\n.end\n",
        names[0],
        names[1],
        tran.step,
        tran.stop,
        tran.stop / steps
    );
    text
}

/// Spawns ngspice in a private folder; both nodes at equally spaced times.
fn ngspice(deck: &str, tran: &Tran) -> [Vec<f64>; 2] {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("deck.cir"), deck).unwrap();
    let mut command = Command::new("ngspice");
    command.args(["-b", "deck.cir"]).current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().unwrap();
    let raw = std::fs::read(folder.path().join("out.raw")).unwrap();
    let start = raw.windows(8).position(|w| w == b"Binary:\n").unwrap() + 8;
    let numbers: Vec<f64> = raw[start..].chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
    let rows: Vec<&[f64]> = numbers.chunks_exact(3).collect();
    [1, 2].map(|column| {
        let mut k = 0;
        let sample = |i: usize| {
            let t = tran.stop * i as f64 / (SAMPLES - 1) as f64;
            while k + 2 < rows.len() && rows[k + 1][0] < t {
                k += 1;
            }
            // A parabola through the nearest three points: their distance must not be counted as an error.
            let j = k.min(rows.len() - 3);
            let [a, b, c] = [0, 1, 2].map(|n| (rows[j + n][0], rows[j + n][column]));
            let (s, r) = ((b.1 - a.1) / (b.0 - a.0), (c.1 - b.1) / (c.0 - b.0));
            a.1 + (t - a.0) * (s + (t - b.0) * (r - s) / (c.0 - a.0))
        };
        (0..SAMPLES).map(sample).collect()
    })
}

fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed().as_secs_f64(), result)
}

fn median(mut list: Vec<f64>) -> f64 {
    list.sort_by(f64::total_cmp);
    list[list.len() / 2]
}

fn compare(case: &Case) {
    let netlist = Netlist::read(root().join(case.path)).unwrap();
    let reference = Reference::of(case);
    let tran = transient(&netlist.circuit().unwrap());
    let deck = deck(netlist.path().unwrap(), &tran, &reference.names, case.best);
    let recognisable = case.path.ends_with("ekv.cir");
    let variants: &[bool] = if recognisable { &[true, false] } else { &[true] };
    let reltol: Vec<f64> = variants.iter().map(|r| loosest(&netlist, &reference, *r)).collect();
    let (mut theirs, mut ours) = (Vec::new(), vec![Vec::new(); variants.len()]);
    let mut error = 0.0;
    for _ in 0..3 {
        let (t, waves) = timed(|| ngspice(&deck, &tran));
        theirs.push(t);
        error = reference.error(&waves);
        for (k, recognise) in variants.iter().enumerate() {
            let each = |_| timed(|| native(&netlist, &reference.names, *recognise, reltol[k])).0;
            ours[k].push(median((0..15).map(each).collect()));
        }
    }
    let theirs = median(theirs);
    assert!(
        error <= ASKED,
        "{}: ngspice's error is {error:.1e} V: look for its best settings with `-- search`",
        case.path
    );
    println!("{}: ngspice {:.1} ms, error {error:.1e} V", case.path, 1e3 * theirs);
    for (k, recognise) in variants.iter().enumerate() {
        let (waves, work) = native(&netlist, &reference.names, *recognise, reltol[k]);
        let time = median(ours[k].clone());
        let how = match (recognisable, recognise) {
            (false, _) => "native",
            (true, true) => "native, compiled transistors",
            (true, false) => "native, B sources interpreted",
        };
        println!(
            "    {how}: {:.3} ms, error {:.1e} V, ratio {:.0}; {} steps, {} rejected, {} evaluations, {} factorizations",
            1e3 * time,
            reference.error(&waves),
            theirs / time,
            work.steps,
            work.rejected,
            work.evaluations,
            work.factorizations
        );
    }
}

/// ngspice's best settings for the error asked: at each tolerance the fewest steps (in powers of the fourth root of 2; the error
/// does not fall evenly with them) that reach it, and of these the fastest.
fn search(case: &Case) {
    let netlist = Netlist::read(root().join(case.path)).unwrap();
    let reference = Reference::of(case);
    let tran = transient(&netlist.circuit().unwrap());
    let path = netlist.path().unwrap();
    let mut best: Option<(f64, (f64, f64))> = None;
    for reltol in [1e-3, 1e-4, 1e-5, 1e-6] {
        for k in 0..24 {
            let steps = (1000.0 * 2f64.powf(0.25 * f64::from(k))).round();
            let deck = deck(path, &tran, &reference.names, (reltol, steps));
            let (time, waves) = timed(|| ngspice(&deck, &tran));
            let error = reference.error(&waves);
            println!("{} {reltol:e} {steps}: {:.0} ms, {error:.1e} V", case.path, 1e3 * time);
            if best.is_some_and(|b| time > b.0) {
                break;
            }
            if error <= ASKED {
                best = Some((time, (reltol, steps)));
                break;
            }
        }
    }
    println!("{}: best {best:?}", case.path);
}

/// Normal numbers, the same at every run (Box and Muller on a xorshift).
fn normals(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    };
    for _ in 0..20 {
        uniform();
    }
    move || (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos()
}

/// A thousand Boomerangs of mismatched transistors (σ(Vt) 2 mV), 20 τ each, on one core.
fn mismatch() {
    let circuit = Netlist::read(root().join("netlists/boomerang/ekv.cir")).unwrap().circuit().unwrap();
    let tran = Tran { stop: 20e-3, ..transient(&circuit) };
    let nominal = Compiled::new(circuit, Options::default()).unwrap();
    let saves = Saves::Only(vec!["v(u)".into(), "v(v)".into()]);
    let copies = 1000;
    let run = |settings: &Settings| -> Vec<Vec<f64>> {
        let one = |copy: u64| {
            let (mut it, mut draw) = (nominal.clone(), normals(copy + 1));
            (0..it.transistors().len()).for_each(|k| it.shift_threshold(k, 2e-3 * draw()));
            let waves = it.transient(&tran, settings, &saves).unwrap_or_else(|e| panic!("copy {copy}: {e}"));
            waves.vectors.signals().iter().flat_map(|s| s.values.clone()).collect()
        };
        (0..copies).map(one).collect()
    };
    let tight = run(&Settings { accuracy: Accuracy::Tight, samples: Some(SAMPLES), ..Settings::default() });
    for k in 4..=12 {
        let reltol = 10f64.powf(-0.5 * f64::from(k));
        let (time, waves) = timed(|| run(&settings(reltol)));
        let rms = |(a, b): (&Vec<f64>, &Vec<f64>)| {
            (a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>() / a.len() as f64).sqrt()
        };
        let worst = waves.iter().zip(&tight).map(rms).fold(0.0, f64::max);
        println!(
            "{copies} mismatched Boomerangs, 20 tau, reltol {reltol:.0e}: {time:.2} s, worst copy {worst:.1e} V rms"
        );
        if worst <= ASKED {
            return;
        }
    }
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let (search_only, names): (Vec<String>, Vec<String>) = wanted.iter().cloned().partition(|w| w == "search");
    let all = names.is_empty();
    let cases = CASES.iter().filter(|c| all || names.iter().any(|w| c.path.contains(w.as_str())));
    if !search_only.is_empty() {
        return cases.for_each(search);
    }
    cases.for_each(compare);
    if all || wanted.iter().any(|w| w == "mismatch") {
        mismatch();
    }
}
