//! Blocks in their solved form against the native engine and ngspice running the block's netlist; closed forms against
//! both within the block's own bound.

use felice_spice::{EngineChoice, EngineName, Job, Netlist, Settings, Simulation, simulate};
use felice_subthreshold::blocks::{Cascode, Dial, Exponential, Follower, Mirror, Ota, Output, Pair};
use felice_subthreshold::{Ekv, Polarity};

const MODELS: &str = "
.model mn nekv(is=0.5u vt0=0.45 kappa=0.62 ve=10meg)
.model mp pekv(is=0.5u vt0=0.45 kappa=0.62 ve=10meg)
.model fn nekv(is=0.5u vt0=0.45 kappa=0.62 ve=1e15)
.model fp pekv(is=0.5u vt0=0.45 kappa=0.62 ve=1e15)
.temp 27
";
const VDD: f64 = 1.8;

/// kT/q at 27 degrees.
fn ut() -> f64 {
    300.15 / felice_subthreshold::card::Q_OVER_K
}

/// A transistor of the models above, `w` by 2 um.
fn fet(w: f64) -> Ekv {
    Ekv { spec: 0.5e-6 * w / 2e-6, kappa: 0.62, vt0: 0.45, lambda: 1.0 / (1e7 * 2e-6), ut: ut() }
}

/// The same without Early effect.
fn flat(w: f64) -> Ekv {
    Ekv { lambda: 0.0, ..fet(w) }
}

fn run(body: &str, engine: EngineName) -> Simulation {
    let netlist = Netlist::from_text(format!("block\n{MODELS}{body}\n.end\n"));
    let settings = Settings { cache: false, ..Settings::default() };
    simulate(&Job::new(netlist), EngineChoice::Only(engine), &settings).unwrap()
}

const BOTH: &[EngineName] = &[EngineName::Native, EngineName::Ngspice];
/// ngspice starts a pair over an ideal tail so far off that its first point is no solution.
const NATIVE: &[EngineName] = &[EngineName::Native];

/// Runs the sweep on the engines: at every point `solved` is what flows to 1e-6 of `scale`, and `closed` is within
/// `bound` of what flows wherever the bound is one.
fn compare(
    engines: &[EngineName],
    body: &str,
    current: &str,
    sign: f64,
    scale: f64,
    solved: impl Fn(f64) -> f64,
    closed: impl Fn(f64) -> f64,
    bound: impl Fn(f64) -> f64,
) {
    for &engine in engines {
        let simulation = run(body, engine);
        let found = simulation.vector(current).unwrap_or_else(|| panic!("no {current}"));
        let mut bounded = 0;
        for (x, i) in simulation.axis().iter().zip(&found.values) {
            let (i, ours) = (sign * i, solved(*x));
            assert!((ours - i).abs() < 1e-6 * scale, "{engine:?} at {x}: solved {ours:e}, flows {i:e}");
            let limit = bound(*x);
            if limit.is_finite() {
                bounded += 1;
                let off = (closed(*x) - i).abs();
                assert!(off <= limit + 1e-6 * scale, "{engine:?} at {x}: closed off by {off:e}, bound {limit:e}");
            }
        }
        assert!(simulation.axis().len() > 20 && bounded > 10, "{engine:?}: {bounded} bounded points");
    }
}

#[test]
fn val_mirror() {
    let (mirror, input) = (Mirror { input: fet(2e-6), output: fet(6e-6) }, 1e-9);
    compare(
        BOTH,
        "Iin 0 a 1n\nM1 a a 0 0 mn w=2u l=2u\nM2 out a 0 0 mn w=6u l=2u\nVout out 0 1\n.dc Vout 0.02 1.5 0.02",
        "i(vout)",
        -1.0,
        mirror.closed(input),
        |v| mirror.solved(input, v).unwrap(),
        |_| mirror.closed(input),
        |v| mirror.error(input, v) * mirror.closed(input),
    );
}

#[test]
fn val_cascode() {
    let shield = fet(2e-6);
    let (cascode, input, bias) = (Cascode { mirror: Mirror { input: shield, output: shield }, shield }, 1e-9, 0.75);
    compare(
        BOTH,
        "Iin 0 a 1n\nM1 a a 0 0 mn w=2u l=2u\nM2 b a 0 0 mn w=2u l=2u\nM3 out g b 0 mn w=2u l=2u\nVg g 0 0.75\n\
         Vout out 0 1\n.dc Vout 0.6 1.5 0.02",
        "i(vout)",
        -1.0,
        input,
        |v| cascode.solved(input, bias, v).unwrap(),
        |_| cascode.closed(input, bias),
        |v| cascode.error(input, bias, v) * cascode.closed(input, bias),
    );
}

/// A sink between its rails: the current turns round where the voltage does.
#[test]
fn val_output_between_its_rails() {
    let output = Output { fet: fet(4e-6), gate: 0.4 };
    compare(
        BOTH,
        "Vg g 0 0.4\nM1 out g 0 0 mn w=4u l=2u\nVout out 0 1\n.dc Vout -0.1 1.5 0.02",
        "i(vout)",
        -1.0,
        output.closed(),
        |v| output.solved(v),
        |_| output.closed(),
        |v| if v > 0.0 { output.error(v) * output.closed() } else { f64::INFINITY },
    );
}

#[test]
fn val_exponential_turned_round_by_a_mirror() {
    let mirror = Mirror { input: fet(8e-6), output: fet(4e-6) };
    let e = Exponential { input: fet(4e-6), mirror: Some(mirror), supply: VDD };
    compare(
        BOTH,
        "Vdd vdd 0 1.8\nVin v 0 0.3\nM1 x v 0 0 mn w=4u l=2u\nM2 x x vdd vdd mp w=8u l=2u\n\
         M3 out x vdd vdd mp w=4u l=2u\nVout out 0 0.5\n.dc Vin 0.02 0.5 0.01",
        "i(vout)",
        1.0,
        e.closed(0.5),
        |v| e.solved(v, VDD - 0.5).unwrap(),
        |v| e.closed(v),
        |v| e.error(v, VDD - 0.5) * e.closed(v),
    );
}

#[test]
fn val_differential_pair_plain_and_degenerated() {
    let (pair, diode, tail) = (Pair { m1: flat(4e-6), m2: flat(4e-6) }, flat(4e-6), 1e-9);
    let supply = "Vdd vdd 0 3\nVp p 0 1.5\nVn n 0 1.5\nVa vdd a 0\nVb vdd b 0\nIt t 0 1n\n";
    let plain = "M1 a p t 0 fn w=4u l=2u\nM2 b n t 0 fn w=4u l=2u";
    let degenerated =
        "M1 a p x 0 fn w=4u l=2u\nM2 b n y 0 fn w=4u l=2u\nM3 x x t 0 fn w=4u l=2u\nM4 y y t 0 fn w=4u l=2u";
    for (dial, body) in [(Dial::Plain, plain), (Dial::Degenerated(diode), degenerated)] {
        compare(
            NATIVE,
            &format!("{supply}{body}\n.dc Vp 1.2 1.8 0.02"),
            "i(va)",
            1.0,
            tail,
            |p| 0.5 * (tail + dial.solved(&pair, tail, p, 1.5).unwrap()),
            |p| 0.5 * (tail + dial.closed(&pair, tail, p, 1.5)),
            |_| 0.5 * dial.error(&pair, tail) * tail,
        );
    }
}

/// A pre-amplifier with two stacked diodes a side before the pair; far off balance its weaker side carries less than a
/// diode's leakage.
#[test]
fn val_differential_pair_pre_amplified() {
    let (pair, diode, tail) = (Pair { m1: flat(4e-6), m2: flat(4e-6) }, fet(4e-6), 1e-9);
    let dial = Dial::PreAmplified(diode);
    compare(
        NATIVE,
        "Vdd vdd 0 3\nVp p 0 1.5\nVn n 0 1.5\nIt t 0 1n\nM1 a p t 0 fn w=4u l=2u\nM2 b n t 0 fn w=4u l=2u\n\
         M3 a1 a1 vdd vdd mp w=4u l=2u\nM4 a a a1 vdd mp w=4u l=2u\nM5 b1 b1 vdd vdd mp w=4u l=2u\n\
         M6 b b b1 vdd mp w=4u l=2u\nIu vdd s 1n\nM7 c a s vdd fp w=4u l=2u\nM8 d b s vdd fp w=4u l=2u\n\
         Vc c 0 0\nVd d 0 0\n.dc Vp 1.2 1.8 0.01",
        "i(vc)",
        1.0,
        tail,
        |p| 0.5 * (tail + dial.solved(&pair, tail, p, 1.5).unwrap()),
        |p| 0.5 * (tail + dial.closed(&pair, tail, p, 1.5)),
        |_| 0.5 * dial.error(&pair, tail) * tail,
    );
}

fn ota() -> Ota {
    let m = fet(4e-6);
    Ota { tail: m, m1: m, m2: m, m3: m, m4: m, polarity: Polarity::P, supply: VDD }
}

#[test]
fn val_ota() {
    let (ota, gate) = (ota(), 0.25);
    let scale = ota.amplitude(gate);
    compare(
        BOTH,
        "Vdd vdd 0 1.8\nVg vdd g 0.25\nVp p 0 0.5\nVn n 0 0.5\nMt t g vdd vdd mp w=4u l=2u\nM1 a p t vdd mp w=4u l=2u\n\
         M2 out n t vdd mp w=4u l=2u\nM3 a a 0 0 mn w=4u l=2u\nM4 out a 0 0 mn w=4u l=2u\nVout out 0 0.6\n\
         .dc Vp 0.2 0.8 0.01",
        "i(vout)",
        1.0,
        scale,
        |p| ota.solved(gate, p, 0.5, 0.6).unwrap().current,
        |p| ota.closed(gate, p, 0.5),
        |p| ota.error(gate, p, 0.5, 0.6) * scale,
    );
}

/// The follower's tanh: a step of several 1/rho slews, and takes longer to fall to 1/e by what `stretch` says.
#[test]
fn val_follower_stretch() {
    let lambda = 1.0 / (1e7 * 20e-6);
    let m = Ekv { spec: 0.5e-6 * 40.0 / 20.0, lambda, ..fet(2e-6) };
    let ota = Ota { tail: m, m1: m, m2: m, m3: m, m4: m, polarity: Polarity::P, supply: VDD };
    let follower = Follower { ota, c: 1e-12 };
    let gate = 0.2;
    for engine in [EngineName::Native, EngineName::Ngspice] {
        let mut small = f64::NAN;
        for step in [0.01, 0.1, 0.3] {
            let top = 0.5 + step;
            let body = format!(
                "Vdd vdd 0 1.8\nVg vdd g 0.2\nVp p 0 PWL(0 0.5 1n {top})\nMt t g vdd vdd mp w=40u l=20u\n\
                 M1 a p t vdd mp w=40u l=20u\nM2 out out t vdd mp w=40u l=20u\nM3 a a 0 0 mn w=40u l=20u\n\
                 M4 out a 0 0 mn w=40u l=20u\nC1 out 0 1p\n.ic v(out)=0.5\n.tran 0.2u 2m"
            );
            let simulation = run(&body, engine);
            let out = &simulation.vector("v(out)").unwrap().values;
            let end = out.last().unwrap();
            let start = end - 0.5;
            let level = end - start / std::f64::consts::E;
            let k = 1 + out.iter().skip(1).position(|v| *v >= level).unwrap();
            let (t, fraction) = (simulation.axis(), (level - out[k - 1]) / (out[k] - out[k - 1]));
            let took = t[k - 1] + fraction * (t[k] - t[k - 1]);
            let lag = follower.time_constant(gate);
            if step == 0.01 {
                // Inversion takes from the tail and from the slope: the closed lag is short by them.
                assert!((took / lag - 1.0).abs() < 0.1, "{engine:?}: {took:e} s, closed {lag:e} s");
                small = took;
            }
            let off = (took / small / (follower.stretch(step) / follower.stretch(0.01)) - 1.0).abs();
            assert!(
                off < 0.05,
                "{engine:?} {step} V: {took:e} s against {small:e} s, stretch {}",
                follower.stretch(step)
            );
        }
    }
    assert!(follower.stretch(0.01) < 1.01 && follower.stretch(0.3) > 1.5);
}
