//! spice21 against ngspice on the same default BSIM4 card: data/reference/spice21.json, made by spice21.py beside it.

use felice_spice::{EngineChoice, EngineName, Job, Netlist, Settings, Simulation, SpiceError, simulate};
use serde_json::Value;

use crate::quantiles::Quantiles;

fn file(path: &str) -> String {
    format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))
}

fn reference() -> Value {
    serde_json::from_str(&std::fs::read_to_string(file("data/reference/spice21.json")).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn circuit<'r>(reference: &'r Value, name: &str) -> &'r Value {
    reference["circuits"].as_array().unwrap().iter().find(|c| c["name"] == name).unwrap()
}

/// A shipped netlist without its lines of these kinds, with others instead.
fn changed(name: &str, without: &[&str], lines: &str) -> String {
    let text = std::fs::read_to_string(file(&format!("netlists/spice21/{name}.cir"))).unwrap();
    let kept = text.lines().filter(|l| !without.iter().any(|w| l.to_ascii_lowercase().starts_with(w)));
    let library = file("netlists/spice21/default.lib");
    kept.collect::<Vec<_>>().join("\n").replace("\"default.lib\"", &format!("\"{library}\""))
        + "\n"
        + lines
        + "\n.end\n"
}

fn settings() -> Settings {
    Settings { cache: false, ..Settings::default() }
}

fn run(text: &str, settings: &Settings) -> Result<Simulation, SpiceError> {
    simulate(&Job::new(Netlist::from_text(text)), EngineChoice::Only(EngineName::Spice21), settings)
}

#[test]
fn val_currents_of_single_devices() {
    let reference = reference();
    let mut errors = Vec::new();
    for d in reference["devices"].as_array().unwrap() {
        let (n, of) = (d["polarity"] == "n", |key: &str| d[key].as_f64().unwrap());
        let (sign, kind) = if n { (1.0, "nmos") } else { (-1.0, "pmos") };
        let (w, l, delvto, bulk) = (of("w"), of("l"), of("delvto"), of("bulk"));
        for (drain, row) in numbers(&d["drain"]).into_iter().zip(d["current"].as_array().unwrap()) {
            let text = format!(
                "device\n.model m {kind} level=14 rdsw=0\nvg g 0 0\nvd d 0 {}\nvb b 0 {}\nm1 d g 0 b m w={w}u l={l}u \
                 delvto={delvto} ad={a}p as={a}p pd={p}u ps={p}u\n.dc vg 0 {} {}\n.end\n",
                sign * drain,
                -sign * bulk,
                sign * 2.5,
                sign * 0.05,
                a = 0.5 * w,
                p = 2.0 * w + 1.0,
            );
            let ours = run(&text, &settings()).unwrap();
            let ours = &ours.vector("i(vd)").unwrap().values;
            assert_eq!(ours.len(), 51);
            for (ours, theirs) in ours.iter().zip(numbers(row)) {
                if (1e-15..1e-4).contains(&theirs.abs()) {
                    errors.push(-sign * ours / theirs - 1.0);
                }
            }
        }
    }
    assert!(errors.len() > 1000);
    Quantiles::of("spice21: drain currents, relative", errors).gate(1e-6, 2e-6, 2e-6);
}

/// What the circuits drive into their clamped state nodes, over the larger of that current and the bias of 1 nA.
#[test]
fn val_clamped_fields() {
    let reference = reference();
    let mut errors = Vec::new();
    for name in ["follower", "fhnrs", "boomerang", "wererabbit"] {
        let c = circuit(&reference, name);
        let nodes: Vec<&str> = c["clamped"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
        let (a, b) = (numbers(&c["points"][0]), numbers(&c["points"][1]));
        let sweep = |p: &[f64]| format!("{} {} {}", p[0], p[8], (p[8] - p[0]) / 8.0);
        let clamps = format!(
            "vca {} 0 0\nvcb {} 0 0\n.dc vcb {} vca {}\n.save i(vca) i(vcb)",
            nodes[0],
            nodes[1],
            sweep(&b),
            sweep(&a)
        );
        let ours = run(&changed(name, &[".ic", ".tran", ".save", ".end", "vin"], &clamps), &settings()).unwrap();
        for (k, vector) in ["i(vca)", "i(vcb)"].iter().enumerate() {
            let theirs = numbers(&c["field"][k]);
            let ours = &ours.vector(vector).unwrap().values;
            assert_eq!(ours.len(), 81);
            errors.extend(ours.iter().zip(&theirs).map(|(o, t)| (o - t) / t.abs().max(1e-9)));
        }
    }
    Quantiles::of("spice21: clamped fields, relative", errors).gate(2e-6, 5e-6, 1e-5);
}

/// A transient against ngspice's, at its samples, and the order that was measured.
fn transient(name: &str, step: f64, part: f64) -> (Vec<f64>, f64) {
    let reference = reference();
    let c = circuit(&reference, name);
    let stop = part * c["stop"].as_f64().unwrap();
    let waves = c["waves"].as_object().unwrap();
    let samples = (200.0 * part) as usize + 1;
    let save: Vec<String> = waves.keys().map(|n| format!("v({n})")).collect();
    let text = changed(name, &[".tran", ".save", ".end"], &format!(".tran {step} {stop}\n.save {}", save.join(" ")));
    let settings = Settings { samples: Some(samples), max_step: Some(step), ..settings() };
    let ours = run(&text, &settings).unwrap();
    let mut errors = Vec::new();
    for (node, theirs) in waves {
        let ours = &ours.vector(&format!("v({node})")).unwrap().values;
        assert_eq!(ours.len(), samples);
        errors.extend(ours.iter().zip(numbers(theirs)).map(|(o, t)| o - t));
    }
    let order = &ours.options.iter().find(|o| o.0 == "measured_order").unwrap().1;
    (errors, order.parse().unwrap())
}

fn gate(name: &str, (errors, order): (Vec<f64>, f64), gates: [f64; 3]) {
    Quantiles::of(format!("spice21: {name}, V"), errors).gate(gates[0], gates[1], gates[2]);
    assert!((order - 1.0).abs() < 0.05, "{name}: order {order}");
}

#[test]
fn val_fhnrs_over_four_cycles() {
    gate("fhnrs", transient("fhnrs", 20e-6, 1.0), [5e-5, 5e-4, 5e-4]);
}

#[test]
fn val_boomerang() {
    let (errors, _) = transient("boomerang", 10e-6, 1.0);
    // Backward Euler damps: 3 % a cycle at the coarsest of these steps, too much for the order to show.
    let (_, order) = transient("boomerang", 5e-6, 0.5);
    gate("boomerang", (errors, order), [1e-4, 5e-4, 2.5e-3]);
}

#[test]
fn val_wererabbit_over_its_first_cycle() {
    gate("wererabbit", transient("wererabbit", 43e-6, 1.0), [2e-5, 1e-4, 1e-4]);
}

#[test]
fn val_follower_and_a_jump_of_its_input() {
    gate("follower", transient("follower", 10e-6, 1.0), [1e-5, 1e-4, 1e-4]);
}

/// An RC differentiator: a jump reaches the output through the capacitor, whole, and decays exponentially from there.
#[test]
fn val_jumps_pass_through_capacitors() {
    let text =
        "differentiator\nv1 a 0 pulse(0 1 1m 1n 1n 1m 4m)\nc1 a b 100p\nr1 b 0 1meg\nc2 b 0 100p\n.tran 1u 3m\n.end\n";
    let s = run(text, &Settings { max_step: Some(1e-7), ..settings() }).unwrap();
    let (time, b, i) = (s.axis(), &s.vector("v(b)").unwrap().values, &s.vector("i(v1)").unwrap().values);
    let tau = 200e-12 * 1e6;
    let step = |t: f64, at: f64| if t > at { 0.5 * (-(t - at) / tau).exp() } else { 0.0 };
    for ((t, b), i) in time.iter().zip(b).zip(i) {
        let exact = step(*t, 1e-3) - step(*t, 2e-3 + 1e-9);
        let far = (t - 1e-3).abs() > 1e-6 && (t - 2e-3).abs() > 1e-6;
        assert!(!far || (b - exact).abs() < 1e-5, "v(b) = {b} instead of {exact} at {t}");
        let current = -(exact / 1e6 + 100e-12 * -exact / tau);
        assert!(!far || (i - current).abs() < 1e-11, "i(v1) = {i} instead of {current} at {t}");
    }
}

/// Each with the words by which it is refused.
#[test]
fn what_spice21_cannot_do_is_refused_by_name() {
    let mos = "m1 d d 0 0 nm w=1u l=1u ad=1p as=1p pd=3u ps=3u";
    let model = ".model nm nmos level=14 rdsw=0";
    let with = |lines: &str| format!("t\nv1 d 0 1\n{mos}\n{model}\n{lines}\n.end\n");
    assert!(run(&with(".op"), &settings()).is_ok());
    assert!(run(&with(".options reltol=1e-4\n.temp 27\n.op"), &settings()).is_ok());
    let replaced = |from: &str, to: &str| with(".op").replace(from, to);
    for (text, words) in [
        (with("r1 d e 1k\nl1 e 0 1m\n.op"), "`l1` is an inductor"),
        (with("r1 e 0 1k\ne1 e 0 d 0 2\n.op"), "`e1` is a controlled source"),
        (with("g1 d 0 d 0 2\n.op"), "`g1` is a controlled source"),
        (with("f1 d 0 v1 2\n.op"), "`f1` is a controlled source"),
        (with("r1 e 0 1k\nh1 e 0 v1 2\n.op"), "`h1` is a controlled source"),
        (with("b1 d 0 i=v(d)*1u\n.op"), "`b1` is a behavioural source"),
        (with("r1 e 0 1k\nb1 e 0 v=v(d)*2\n.op"), "`b1` is a behavioural source"),
        (with("d1 d 0 dm 2\n.model dm d cjo=1p\n.op"), "`d1` is a diode"),
        (with("mx d d 0 0 ek w=1u l=1u\n.model ek nekv (is=1u vt0=.4 kappa=.7)\n.op"), "`mx` is an EKV MOSFET"),
        (replaced("rdsw=0", "rdsw=0 igcmod=1"), "sets igcmod=1"),
        (replaced("rdsw=0", "rdsw=0 vth0=.5"), "sets vth0=5e-1"),
        (replaced("rdsw=0", "rdsw=100"), "sets rdsw=1e2"),
        (replaced(" rdsw=0", ""), "does not set rdsw=0"),
        (replaced("rdsw=0", "rdsw=0 version=4.5"), "version 4.5"),
        (replaced(" ad=1p", ""), "does not state ad="),
        (replaced("ad=1p", "ad=1p nrd=2"), "sets nrd="),
        (replaced("ad=1p", "ad=1p m=1.5"), "m=1.5"),
        (with(".temp 50\n.op"), "only 27 °C"),
        (with(".options tnom=50\n.op"), "option tnom"),
        (with("c1 d 0 1p\n.tran 1u 1m uic"), "uic"),
        (replaced("v1 d 0 1", "v1 d 0 sin(1 .1 1k)").replace(".op", ".tran 1u 1m"), "`v1` is a sine"),
        (replaced("v1 d 0 1", "v1 d 0 exp(1 2 0 1u 1m 1u)").replace(".op", ".tran 1u 1m"), "`v1` is an exponential"),
        (replaced("v1 d 0 1", "v1 d 0 pulse(1 2 0 1u 1u .1m .3m)").replace(".op", ".tran 1u 1m"), "`v1` ramps"),
        (replaced("v1 d 0 1", "v1 d 0 pwl(0 1 .5m 2)").replace(".op", ".tran 1u 1m"), "`v1` ramps"),
    ] {
        match run(&text, &settings()) {
            Err(SpiceError::Refused { engine: EngineName::Spice21, reason }) => {
                assert!(reason.contains(words), "`{words}` is not in: {reason}");
            }
            other => panic!("{words}: {other:?}"),
        }
    }
}

/// spice21 prints while it elaborates; what other threads print meanwhile comes out whole, and nothing else does.
#[test]
fn its_prints_stay_out_of_ours() {
    const INSIDE: &str = "FELICE_TEST_PRINTS";
    if std::env::var_os(INSIDE).is_some() {
        println!();
        let text = changed("follower", &[".tran", ".end"], ".tran 1m 5m");
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| (0..3).for_each(|_| drop(run(&text, &settings()).unwrap())));
            }
            scope.spawn(|| {
                for i in 0..200 {
                    println!("ours {i}");
                    std::thread::sleep(std::time::Duration::from_millis(2));
                }
            });
        });
        return;
    }
    let name = "spice21::its_prints_stay_out_of_ours";
    let again = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(again.status.success(), "{said}");
    let ours: Vec<&str> = said.lines().filter(|l| l.starts_with("ours ")).collect();
    assert_eq!(ours, (0..200).map(|i| format!("ours {i}")).collect::<Vec<_>>());
    assert!(!said.contains("Warning"), "{said}");
}
