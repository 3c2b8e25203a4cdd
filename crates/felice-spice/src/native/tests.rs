//! The engine on small circuits whose answer is known, and on those that have none.

use std::sync::Arc;
use std::time::Duration;

use super::{Compiled, Method, Native, Options, Waves};
use crate::analysis::{Analysis, Tran};
use crate::circuit::Saves;
use crate::engine::{Accuracy, Engine, Settings};
use crate::error::SpiceError;
use crate::job::Job;
use crate::netlist::Netlist;

fn settings() -> Settings {
    let time_limit = Duration::from_secs(20);
    Settings { accuracy: Accuracy::Reference, cache: false, time_limit, ..Settings::default() }
}

fn run(lines: &str) -> Result<crate::Simulation, SpiceError> {
    Native::new().run(&Job::new(Netlist::from_text(format!("test\n{lines}\n.end\n"))), &settings())
}

fn last(lines: &str, vector: &str) -> f64 {
    *run(lines).unwrap().vector(vector).unwrap().values.last().unwrap()
}

#[test]
fn resistors_and_every_controlled_source() {
    let circuit = "V1 a 0 2\nR1 a b 1k\nR2 b 0 3k\nE1 c 0 b 0 4\nR3 c d 1k\nVd d 0 0\nF1 0 e Vd 2\nR4 e 0 1k\n\
                   H1 f 0 Vd 500\nR5 f 0 1k\nG1 0 g f 0 1m\nR6 g 0 2k\nB1 h 0 V=V(g)^2+I(Vd)*1k\nR7 h 0 1k\n.op";
    for (vector, expected) in [
        ("v(b)", 1.5),
        ("v(c)", 6.0),
        ("i(vd)", 6e-3),
        ("v(e)", 12.0),
        ("v(f)", 3.0),
        ("v(g)", 6.0),
        ("v(h)", 42.0),
        ("i(v1)", -0.5e-3),
        ("i(e1)", -6e-3),
        ("i(h1)", -3e-3),
        ("i(b1)", -42e-3),
    ] {
        let value = last(circuit, vector);
        assert!((value - expected).abs() < 1e-12 * expected.abs(), "{vector}: {value}");
    }
}

#[test]
fn an_rc_circuit_is_its_exponential_with_every_method() {
    let text = "t\nV1 in 0 PWL(0 0 1u 0 1.1u 1)\nR1 in out 1k\nC1 out 0 1n\n.tran 0.1u 8u\n.end\n";
    let circuit = Netlist::from_text(text).circuit().unwrap();
    // Ramp of slope 1/T from 0: v = (t − τ(1 − e^{−t/τ}))/T, then towards 1.
    let (tau, ramp) = (1e-6, 0.1e-6);
    let after_ramp = (ramp - tau * (1.0 - f64::exp(-ramp / tau))) / ramp;
    for method in [Method::Rodas4, Method::Rodas5P, Method::Radau5] {
        let mut compiled = Compiled::new(circuit.clone(), Options { method, ..Options::default() }).unwrap();
        let Analysis::Tran(tran) = &circuit.analyses[0] else { panic!("no transient") };
        let waves = compiled.transient(tran, &settings(), &Saves::All).unwrap();
        let v = waves.vectors.get("v(out)").unwrap();
        let mut worst = 0.0f64;
        for (t, v) in waves.vectors.axis().values.iter().zip(&v.values).filter(|(t, _)| **t > 1.1e-6) {
            let exact = 1.0 - (1.0 - after_ramp) * (-(t - 1.1e-6) / tau).exp();
            worst = worst.max((v - exact).abs());
        }
        let limit = if method == Method::Radau5 { 1e-7 } else { 1e-9 };
        assert!(worst < limit, "{method:?}: {worst:e}");
    }
}

#[test]
fn initial_conditions_are_held_and_then_let_go() {
    let circuit = "V1 vdd 0 1\nR1 vdd a 1k\nC1 a 0 1n\n.ic v(a)=0.25\n.tran 0.1u 1u";
    let result = run(circuit).unwrap();
    let v = result.vector("v(a)").unwrap();
    assert_eq!(v.values[0], 0.25);
    let exact = 1.0 - 0.75 * (-1.0f64).exp();
    assert!((v.values.last().unwrap() - exact).abs() < 1e-9);
    // Nothing leaks at a node that only a picoampere leaves.
    let hold = last("C1 a 0 1p\nI1 a 0 0\nR1 a 0 1e18\n.ic v(a)=0.5\n.tran 1m 1", "v(a)");
    assert!((hold - 0.5 * (-1e-6f64).exp()).abs() < 1e-12, "{hold}");
}

#[test]
fn uic_starts_from_charges_and_currents() {
    let lc = "C1 a 0 1n IC=1\nL1 a 0 1m IC=0.5m\n.tran 0.1u 5u uic";
    let w = 1e6f64;
    // v = cos wt − i0 sqrt(L/C) sin wt
    let exact = (w * 5e-6).cos() - 0.5e-3 * 1e3 * (w * 5e-6).sin();
    assert!((last(lc, "v(a)") - exact).abs() < 1e-8);
    // A capacitor charged to 0.3 V below a source of 1 V puts its other end at 0.7 V.
    let series = run("V1 in 0 1\nC1 in a 1n IC=0.3\nR1 a 0 1k\n.tran 1n 1u uic").unwrap();
    assert!((series.vector("v(a)").unwrap().values[0] - 0.7).abs() < 1e-12);
}

#[test]
fn islands_of_capacitors_share_their_charge() {
    // A step of 1 V divides over the capacitors in series, then leaks away through R.
    let c = "V1 in 0 PULSE(0 1 1u 1n 1n 1 2)\nC1 in a 1n\nC2 a b 1n\nC3 b 0 1n\nR1 a 0 1e9\nR2 b 0 1e9\n.tran 0.1u 2u";
    let (a, b) = (last(c, "v(a)"), last(c, "v(b)"));
    assert!((a - 2.0 / 3.0).abs() < 1e-6 && (b - 1.0 / 3.0).abs() < 1e-6, "{a} {b}");
}

#[test]
fn series_inductors_carry_one_current() {
    let c = "V1 a 0 PULSE(0 1 0 1n 1n 1 2)\nL1 a b 1m\nL2 b c 2m\nR1 c 0 1k\n.tran 0.1u 3u";
    // τ = 3 µs; b divides the inductors' voltage 2 : 1. The ramp of 1 ns delays by half of it.
    let exact = 1.0 - (-(3e-6 - 0.5e-9) / 3e-6f64).exp();
    let (b, c) = (last(c, "v(b)"), last(c, "v(c)"));
    assert!((c - exact).abs() < 1e-7, "{c} {exact}");
    assert!((b - (c + (1.0 - c) * 2.0 / 3.0)).abs() < 1e-9, "{b}");
}

#[test]
fn comparisons_change_when_they_do() {
    // A comparator without delay behind an RC: the crossing of 0.5 is at τ ln 2.
    let c =
        "V1 in 0 1\nR1 in a 1k\nC1 a 0 1n\n.ic v(a)=0\nB1 q 0 V=V(a)>0.5 ? 1 : 0\nR2 q r 1k\nC2 r 0 1n\n.tran 0.1u 3u";
    let tau = 1e-6;
    let exact = 1.0 - (-(3e-6 - tau * 2.0f64.ln()) / tau).exp();
    assert!((last(c, "v(r)") - exact).abs() < 1e-8);
    // A pulse much shorter than any step, by a condition on time alone.
    let pulse = "B1 0 a I=(time>1m && time<1.00001m) ? 1u : 0\nC1 a 0 1p\nR1 a 0 1e15\n.tran 10u 5m";
    assert!((last(pulse, "v(a)") - 1e-8 * 1e-6 / 1e-12).abs() < 1e-7);
}

#[test]
fn a_comparator_that_chatters_neither_hangs_nor_fails() {
    let c = "B1 s 0 V=V(c)>0.5 ? 0 : 1\nR1 s c 1k\nC1 c 0 1n\n.ic v(c)=0\n.tran 0.1u 20u";
    assert!((last(c, "v(c)") - 0.5).abs() < 1e-3);
}

#[test]
fn what_cannot_be_solved_is_named() {
    let error = |lines: &str| run(lines).unwrap_err();
    let e = error("V1 a 0 0\nR1 a 0 1\nB1 b 0 V=1/V(a)\nR2 b 0 1\n.op");
    assert!(matches!(&e, SpiceError::NotFinite { what, place: Some(p), .. } if what == "b1" && p.line == 4), "{e}");
    let e = error("V1 a 0 PWL(0 1 1 -1)\nR1 a 0 1\nB1 b 0 V=V(a)<0 ? ln(V(a)) : 1\nR2 b c 1\nC2 c 0 1m\n.tran 0.01 1");
    assert!(matches!(&e, SpiceError::NotFinite { what, time, .. } if what == "b1" && (time - 0.5).abs() < 1e-6), "{e}");
    let e = error("C1 a 0 1\nB1 0 a I=V(a)^2\n.ic v(a)=1\n.tran 0.01 2");
    assert!(
        matches!(&e, SpiceError::StepTooSmall { time, at, .. } if (time - 1.0).abs() < 1e-3 && at == "v(a), at c1 b1"),
        "{e}"
    );
    let e = error("I1 0 a 1m\nD1 0 a dm\n.model dm d\n.op");
    assert!(
        matches!(&e, SpiceError::NoConvergence { node, tried, .. } if node.starts_with("v(a)") && tried.contains("gmin")),
        "{e}"
    );
    let e = error("B1 a 0 V=V(a)+1\nR1 a 0 1\n.op");
    assert!(matches!(&e, SpiceError::Singular { nodes, .. } if nodes == &["v(a)"]), "{e}");
}

#[test]
fn what_overflows_is_named() {
    let not_finite = |lines: &str| match run(lines).unwrap_err() {
        SpiceError::NotFinite { what, place, .. } => (what, place.map(|p| p.line)),
        e => panic!("{e}"),
    };
    let b1 = |line| ("b1".to_owned(), Some(line));
    // A value; a value that enters no equation; a slope; a value whose slope and step overflow first.
    assert_eq!(not_finite("V1 a 0 0\nR1 a b 1\nB1 0 b I=1/V(a)\n.op"), b1(4));
    assert_eq!(not_finite("V1 a 0 0\nB1 a 0 I=1/V(a)\n.op"), b1(3));
    assert_eq!(not_finite("R1 a 0 1\nB1 0 b I=sqrt(V(a))\nR2 b 0 1\n.op"), b1(3));
    let late = "V1 a 0 PULSE(0 10 1u 1u 1u 5u)\nB1 b 0 V=exp(100*V(a))\nR1 b d 1\nC1 d 0 1n\n.tran 1u 10u";
    let (what, line) = not_finite(late);
    assert!((what == "b1" || what.contains("at b1")) && line == Some(3), "{what} {line:?}");
    // Nothing but the voltage itself.
    let grows = "G1 0 a a 0 1\nC1 a 0 1n\nR1 a 0 1meg\n.ic v(a)=2\n.tran 1u 10u";
    assert_eq!(not_finite(grows), ("v(a), at g1 c1 r1".to_owned(), Some(2)));
}

#[test]
fn the_time_limit_holds() {
    let circuit = Netlist::from_text("t\nV1 a 0 SIN(0 1 1g)\nR1 a b 1k\nC1 b 0 1p\n.tran 1n 1\n.end\n");
    let quick = Settings { time_limit: Duration::from_millis(50), samples: Some(10), ..settings() };
    let result = Native::new().run(&Job::new(circuit), &quick);
    assert!(matches!(result, Err(SpiceError::TimeLimit { .. })));
}

fn inverter_pair(supply: f64, devices: &str) -> Waves {
    let text =
        format!("t\nVdd vdd 0 {supply}\nVin in 0 PWL(0 0 1m {supply})\n{devices}\nC1 out 0 1f\n.tran 1u 1m\n.end\n");
    let circuit = Netlist::from_text(text).circuit().unwrap();
    let Analysis::Tran(tran) = circuit.analyses[0].clone() else { panic!("no transient") };
    let sampled = Settings { samples: Some(101), ..settings() };
    Compiled::new(circuit, Options::default()).unwrap().transient(&tran, &sampled, &Saves::All).unwrap()
}

/// The same inverter as compiled devices, as B sources recognised, and as B sources interpreted.
#[test]
fn a_transistor_written_as_a_b_source_is_the_same_transistor() {
    let models = ".model mn nekv(is=1u vt0=0.4 kappa=0.7 ve=10meg ut=0.025)\n.model mp pekv(is=0.4u vt0=0.42 kappa=0.66 ve=8meg ut=0.025)";
    let compiled = inverter_pair(0.8, &format!("{models}\nM1 out in 0 0 mn w=2u l=1u\nM2 out in vdd vdd mp w=4u l=2u"));
    let f = |x: &str| format!("ln(1+exp(({x})/0.05))^2");
    let n = format!("B1 out 0 I=2u*({}-{})*(1+abs(V(out))/10)", f("0.7*(V(in)-0.4)"), f("0.7*(V(in)-0.4)-V(out)"));
    let p = format!(
        "B2 vdd out I=0.8u*({}-{})*(1+abs(V(vdd,out))/16)",
        f("0.66*(V(vdd,in)-0.42)-V(vdd,vdd)"),
        f("0.66*(V(vdd,in)-0.42)-V(vdd,out)")
    );
    let written = format!("{n}\n{p}");
    let recognised = inverter_pair(0.8, &written);
    // A factor on one of the two logarithms makes it something else.
    let other =
        inverter_pair(0.8, &written.replace("-ln(1+exp((0.7", "-1.0*ln(1+exp((0.7").replace("-1.0*", "-0.999*"));
    let out = |w: &Waves| w.vectors.get("v(out)").unwrap().values.clone();
    for (a, b) in out(&compiled).iter().zip(out(&recognised)) {
        assert!((a - b).abs() < 1e-9, "{a} {b}");
    }
    assert!(out(&compiled).iter().zip(out(&other)).any(|(a, b)| (a - b).abs() > 1e-6));
}

#[test]
fn only_what_is_proven_is_compiled() {
    let count = |expression: &str| {
        let text = format!("t\nV1 d 0 1\nV2 g 0 1\nB1 d 0 I={expression}\n.op\n.end\n");
        Compiled::new(Netlist::from_text(text).circuit().unwrap(), Options::default()).unwrap().recognised()
    };
    let f = |x: &str| format!("ln(1+exp(({x})/0.05))^2");
    let (s, d) = (f("0.7*(V(g)-0.4)"), f("0.7*(V(g)-0.4)-V(d)"));
    assert_eq!(count(&format!("1u*({s}-{d})*(1+abs(V(d))/10)")), 1);
    assert_eq!(count(&format!("1u*({s}-{d})")), 1);
    assert_eq!(count(&format!("1u*{s}*(1+abs(V(d))/10)-1u*{d}*(1+abs(V(d))/10)")), 0);
    assert_eq!(count(&format!("1u*({s}-{d})*(1+abs(V(g))/10)")), 0);
    assert_eq!(count(&format!("1u*({s}-2*{d})*(1+abs(V(d))/10)")), 0);
    assert_eq!(count(&format!("1u*({s}-{d})*(1+V(d)/10)")), 0);
    assert_eq!(count(&format!("1u*({s}-{d})*(2+abs(V(d))/10)")), 0);
    assert_eq!(count(&format!("1u*({s}-{})", f("0.7*(V(g)-0.4)-0.9*V(g)"))), 0);
}

/// A ring of inverters big enough for the sparse factorization to matter runs, and starts as it was told to.
#[test]
fn a_ring_of_two_hundred_inverters() {
    let mut text = String::from(
        "ring\n.model mn nekv(is=1u vt0=0.4 kappa=0.7 ve=10meg)\n.model mp pekv(is=0.5u vt0=0.4 kappa=0.7 ve=10meg)\nVdd vdd 0 0.4\n",
    );
    let n = 201;
    for i in 0..n {
        let (a, b) = (i, (i + 1) % n);
        text += &format!("Mp{i} n{b} n{a} vdd vdd mp w=2u l=1u\nMn{i} n{b} n{a} 0 0 mn w=1u l=1u\nC{i} n{b} 0 1f\n");
        text += &format!(".ic v(n{i})={}\n", if i % 2 == 0 { 0.0 } else { 0.4 });
    }
    text += ".tran 1n 40n\n.end\n";
    let circuit = Netlist::from_text(text).circuit().unwrap();
    let mut compiled = Compiled::new(circuit, Options::default()).unwrap();
    assert_eq!(compiled.order(), n);
    let tran = Tran { step: 1e-9, stop: 40e-9, start: 0.0, max_step: None, uic: false };
    let normal = Settings { accuracy: Accuracy::Normal, samples: Some(50), ..settings() };
    let waves = compiled.transient(&tran, &normal, &Saves::All).unwrap();
    // The two neighbours that start equal (n0 and n200) begin the wave that runs round the ring.
    let moved = |name: &str| {
        let v = &waves.vectors.get(name).unwrap().values;
        (v[0] - v[49]).abs()
    };
    assert!(moved("v(n1)") > 0.2, "{}", moved("v(n1)"));
    assert!(moved("v(n150)") < 1e-2, "{}", moved("v(n150)"));
}

#[test]
fn copies_differ_only_where_they_are_told_to() {
    let text = "t\n.model mn nekv(is=1u vt0=0.4 kappa=0.7 ve=10meg ut=0.025)\nVdd vdd 0 1\nI1 vdd g 1n\nM1 g g 0 0 mn w=1u l=1u\n\
                M2 vdd g 0 0 mn w=1u l=1u\n.op\n.end\n";
    let circuit: Arc<_> = Netlist::from_text(text).circuit().unwrap();
    let nominal = Compiled::new(circuit, Options::default()).unwrap();
    let current = |c: &mut Compiled| {
        c.operating_point(&settings(), &Saves::All).unwrap().vectors.get("i(vdd)").unwrap().values[0]
    };
    let before = current(&mut nominal.clone());
    let mut shifted = nominal.clone();
    assert_eq!(shifted.transistors(), ["m1", "m2"]);
    shifted.shift_threshold(1, 0.01);
    // Weak inversion: e^(−κ ΔVt/Ut) on the mirrored nanoampere.
    let ratio = (current(&mut shifted) + 1e-9) / (before + 1e-9);
    assert!((ratio - (-0.7f64 * 0.01 / 0.025).exp()).abs() < 1e-2, "{ratio}");
    assert_eq!(current(&mut nominal.clone()), before);
}

/// Edges of a nanosecond after seconds, at nodes slow and as fast as a picosecond: what the time cannot tell apart counts from
/// the edge.
#[test]
fn val_short_edges_late() {
    for (stop, edge, farads) in [(1.0, 1e-9, 1e-9), (10.0, 1e-9, 1e-15), (1.0, 1e-12, 1e-12), (100.0, 1e-9, 1e-12)] {
        let (delay, width) = (0.3 * stop, 0.1 * stop);
        let text = format!(
            "edges\nV1 a 0 PULSE(0 1 {delay} {edge:e} {edge:e} {width} {delay})\nR1 a b 1k\nC1 b 0 {farads:e}\n\
             R2 b c 1meg\nC2 c 0 {:e}\n.tran {:e} {stop}\n.end\n",
            0.1 * stop / 1e6,
            1e-3 * stop
        );
        for accuracy in [Accuracy::Normal, Accuracy::Tight, Accuracy::Reference] {
            let own = Settings { accuracy, ..settings() };
            let result = Native::new().run(&Job::new(Netlist::from_text(text.clone())), &own);
            let result = result.unwrap_or_else(|e| panic!("{stop} s, {edge:e} s, {farads:e} F, {accuracy:?}: {e}"));
            assert!(result.axis().windows(2).all(|w| w[1] > w[0]));
            let (slow, tau) = (result.vector("v(c)").unwrap(), 0.1001 * stop);
            let decay = |t: f64| (-t / tau).exp();
            for (t, v) in result.axis().iter().zip(&slow.values) {
                // Where the second pulse begins the first has ended.
                let pulse = |t: f64| match t {
                    t if t < 0.0 => 0.0,
                    t if t < width => 1.0 - decay(t),
                    t => (1.0 - decay(width)) * decay(t - width),
                };
                let exact: f64 = (1..4).map(|k| pulse(t - f64::from(k) * delay)).sum();
                let limit = if accuracy == Accuracy::Normal { 1e-4 } else { 1e-5 };
                assert!((v - exact).abs() < limit, "{stop} s, {edge:e} s, {accuracy:?}: {v} and {exact} at {t}");
            }
        }
    }
}
