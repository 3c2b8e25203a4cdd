use std::fmt::Write as _;

use crate::analysis::{Analysis, Edge, Event, MeasureKind};
use crate::circuit::{Circuit, Device, GROUND, OptionValue, Saves};
use crate::error::SpiceError;
use crate::netlist::Netlist;
use crate::stimulus::Wave;

fn parse(text: &str) -> Result<Circuit, SpiceError> {
    super::parse(&Netlist::from_text(text), &super::Changes::default())
}

fn good(body: &str) -> Circuit {
    match parse(&format!("title\n{body}")) {
        Ok(c) => c,
        Err(e) => panic!("{e}"),
    }
}

/// Value of a B source's expression at the given node voltages.
fn value(text: &str) -> f64 {
    let c =
        good(&format!(".param ut=.025 k=3\n.func f(x,y) {{x*y+1}}\nvx x 0 -2\nr0 x 0 1k\nbq q 0 v={text}\n.temp 27\n"));
    let e = c.element("bq").map(|i| &c.elements[i.index()]).unwrap();
    let Device::BehaviouralVoltage { volts, .. } = &e.device else { panic!("not a voltage") };
    let x = c.nodes.find("x");
    volts.value(0.5, |p, n| if Some(p) == x && n == GROUND { -2.0 } else { f64::NAN }, |_| 0.002)
}

#[test]
fn expressions_mean_what_ngspice_39_makes_of_them() {
    // Right-hand sides printed by `ngspice -b` (39) for the same expressions with v(x) = -2, i(vx) = 2 mA.
    let cases = [
        ("v(x)^3", 8.0),
        ("v(x)**3", 8.0),
        ("pow(v(x),3)", 8.0),
        ("pwr(v(x),3)", -8.0),
        ("log(100)", 4.605170185988092),
        ("log10(100)", 2.0),
        ("-2^2", -4.0),
        ("2^3^2", 64.0),
        ("2^-1*3", 1.5),
        ("u(0)", 0.5),
        ("uramp(3)", 3.0),
        ("ternary_fcn(v(x)>0,1,2)", 2.0),
        ("v(x)>0?1:2", 2.0),
        ("1 ? 2 : 3", 2.0),
        ("i(vx)", 0.002),
        ("pi+e", 5.859874482048838),
        ("temper", 27.0),
        ("1k+1meg+1mil", 1001000.0000254),
        ("5-3-1", 1.0),
        ("8/4/2", 1.0),
        ("v(x) == -2", 1.0),
        ("v(x) <> -2", 0.0),
        ("!v(x)", 0.0),
        ("1 || 0 && 0", 1.0),
        ("min(1,2)+max(3,4)", 5.0),
        ("8/ut", 320.0),
        ("8/{-ut}", -320.0),
        ("8/({2*ut})", 160.0),
        ("'8/2*ut'", 0.1),
        ("{k*2}", 6.0),
        ("f(v(x),k)", -5.0),
        ("1.5e3u", 1.5e-3),
        ("ceil(1.2)+floor(1.7)", 3.0),
        ("time*2", 1.0),
        ("v(0,x)", f64::NAN),
    ];
    for (text, expected) in cases {
        let found = value(text);
        let same = (found - expected).abs() <= 1e-14 * expected.abs() || (found.is_nan() && expected.is_nan());
        assert!(same, "{text}: {found}, ngspice {expected}");
    }
}

#[test]
fn parameters_in_any_order_and_by_instance() {
    let c = good(
        ".param fwd={later*2}\n.param later=5 p3={pow(-2,3)} p4={pwr(-2,3)} p5={-2^3}\n\
         v1 x 0 1\nr1 x a {fwd}\nra a 0 {p3+p4+p5+100}\n\
         x1 x o1 outer k=5\nx2 x o2 outer\n\
         .subckt inner a b\nr1 a b {k}\nr2 b 0 1\n.ends\n\
         .subckt outer a b k=3\n.param q={k*2}\nx1 a b inner\nb2 c 0 v={q}\nb3 c3 0 v=v(c)+v(x1.zz)+i(v0)\n\
         b4 x1.zz 0 v=7\nv0 b5 0 1\nr5 b5 0 1\n.ends\n",
    );
    let ohms = |name: &str| match c.elements[c.element(name).unwrap().index()].device {
        Device::Resistor { ohms, .. } => ohms,
        _ => panic!("{name}"),
    };
    assert_eq!(ohms("r1"), 10.0);
    assert_eq!(ohms("ra"), 92.0);
    assert_eq!(ohms("r.x1.x1.r1"), 5.0);
    assert_eq!(ohms("r.x2.x1.r1"), 3.0);
    let c3 = &c.elements[c.element("b.x1.b3").unwrap().index()];
    let Device::BehaviouralVoltage { volts, p, .. } = &c3.device else { panic!() };
    assert_eq!(c.nodes.name(*p), "x1.c3");
    let seen = volts.value(
        0.0,
        |p, _| match c.nodes.name(p) {
            "x1.c" => 10.0,
            "x1.x1.zz" => 7.0,
            _ => f64::NAN,
        },
        |id| if c.elements[id.index()].name == "v.x1.v0" { -1.0 } else { f64::NAN },
    );
    assert_eq!(seen, 16.0);
}

#[test]
fn lines_continue_and_comments_vanish() {
    let c = good("* comment\nR1 A 0 ; r\n+ 1K $ value\n\n* between\n+ m=2\nv1 a 0\t1 // volts\n.END\nnonsense here");
    assert_eq!(c.elements.len(), 2);
    let Device::Resistor { ohms, .. } = c.elements[0].device else { panic!() };
    assert_eq!(ohms, 500.0);
    assert_eq!(c.elements[1].origin.line, 8);
}

#[test]
fn sources_take_missing_times_from_the_transient() {
    let c = good(
        "v1 a 0 pulse(0 1 1n 0 0 2n 5n 1)\nv2 b 0 dc 2 ac 1 sin(0 1 1g)\nv3 c 0 exp(0 1)\ni4 0 d pwl(0 0 1n 1)\nrd d 0 1\n.tran .1n 20n\n",
    );
    let stimulus = |i: usize| match &c.elements[i].device {
        Device::VoltageSource { stimulus, .. } | Device::CurrentSource { stimulus, .. } => stimulus.clone(),
        _ => panic!(),
    };
    let Some(Wave::Pulse { rise, fall, width, period, cycles, .. }) = stimulus(0).wave else { panic!() };
    assert_eq!((rise, fall, width, period, cycles), (1e-10, 1e-10, 2e-9, 5e-9, Some(1)));
    assert_eq!(stimulus(1).dc, 2.0);
    assert_eq!(stimulus(1).at(0.0), 0.0);
    let Some(Wave::Exp { rise_delay, fall_delay, .. }) = stimulus(2).wave else { panic!() };
    assert_eq!((rise_delay, fall_delay), (1e-10, 2e-10));
    assert_eq!(stimulus(3).at(0.5e-9), 0.5);
}

#[test]
fn models_and_mosfets() {
    let c = good(
        ".temp 26.85\n.model nch nekv (is=1u vt0=.5 kappa=.7 ve=5e6)\n.model dd d is=1f n=1.1\n\
         .model nb nmos (level=14 version=4.8.1 rdsw=0)\nv1 d 0 1\nm1 d d 0 0 nch w=2u l=1u delvto=1m\n\
         m2 d d 0 0 nb w=1u l=1u ad=1p\nmx d d 0 0 nch w={2*1u} l='1u' m=3\n",
    );
    assert_eq!(c.ekv_models.len(), 1);
    assert!((c.ekv_models[0].ut - 0.025852).abs() < 1e-6);
    let Device::Ekv { size, .. } = &c.elements[1].device else { panic!() };
    assert_eq!((size.w, size.l, size.delvto), (2e-6, 1e-6, 1e-3));
    let Device::Bsim4 { size, .. } = &c.elements[2].device else { panic!() };
    assert_eq!(size.extra["ad"], 1e-12);
    assert_eq!(c.bsim4_models[0].parameters["rdsw"], 0.0);
    let hot = good(".temp 50\n.options tnom=30\n.model dd d tnom=40 eg=1.2\nv1 a 0 1\nd1 a 0 dd 2 m=3\n");
    assert_eq!((hot.temperature, hot.nominal_temperature()), (323.15, 303.15));
    assert_eq!((hot.diode_models[0].tnom, hot.diode_models[0].eg), (Some(313.15), 1.2));
    assert!(matches!(hot.elements[1].device, Device::Diode { area, m, .. } if (area, m) == (2.0, 3.0)));
}

#[test]
fn commands() {
    let c = good(
        "v1 a 0 1\nr1 a b 1\nc1 b 0 1\n.ic v(b)={1/4}\n.nodeset V(a)=1\n.options reltol=1e-6 method=gear noacct\n.tran 1n 1u 0 1n uic\n\
         .dc v1 0 1 .1\n.save v(b) v(a,b) i(v1)\n.meas tran tp trig v(b)=.5 rise=1 targ v(b) val=.6 fall=last\n\
         .control\nset num_threads=1\nrun\nop\nprint v(b)\n.endc\n",
    );
    assert_eq!(c.initial, [(c.nodes.find("b").unwrap(), 0.25)]);
    assert_eq!(c.options["method"], OptionValue::Word("gear".into()));
    let kinds: Vec<_> = c.analyses.iter().map(Analysis::kind).collect();
    assert_eq!(kinds, ["tran", "dc", "op"]);
    assert_eq!(c.saves, Saves::Only(vec!["v(b)".into(), "v(a,b)".into(), "i(v1)".into()]));
    let MeasureKind::Delay { trigger: Event::Crossing(trigger), target: Event::Crossing(target) } = &c.measures[0].what
    else {
        panic!()
    };
    assert_eq!((trigger.edge, target.edge, target.count), (Edge::Rise, Edge::Fall, 0));
}

/// Every wrong netlist is refused at its place.
#[test]
fn an_initial_voltage_may_say_what_a_source_says() {
    let text = "t\n.param v={1.8/3}\nv1 a 0 {v}\nv2 b a sin(1 1 1k)\nr1 b c 1\nc1 c 0 1\n.ic v(a)=0.6 v(b)={v+1} v(c)=7\n.tran 1 2\n";
    let netlist = Netlist::from_text(text);
    assert_eq!(netlist.circuit().unwrap().initial.len(), 3);
    // What a caller adds is held against the sources too.
    let e = crate::Job::new(netlist).with_initial("B", 1.5).circuit().unwrap_err().to_string();
    assert!(e.contains("1.5 V at `b`") && e.contains("1.6 V, which `v2` gives"), "{e}");
}

#[test]
fn wrong_netlists_are_refused_where_they_are_wrong() {
    let cases = [
        ("r1 a 0", "netlist:2:1", "a resistance"),
        ("r1 a 0 1k5", "netlist:2:8", "a number"),
        ("r1 a 0 rv", "netlist:2:8", "a number"),
        ("r1 a 0 0", "netlist:2:1", "not 0"),
        ("r1 a 0 {x}", "netlist:2:9", "a parameter that is defined"),
        ("r1 a 0 {1/0}", "netlist:2:10", "finite"),
        ("r1 a 0 {1", "netlist:2:8", "closing `}`"),
        ("r1 a 0 nan", "netlist:2:8", "a number"),
        ("r1 a 0 1 2", "netlist:2:10", "name=value"),
        ("+ 1", "netlist:2:1", "a line to continue"),
        ("v1 a 0 1\nV1 a 0 2", "netlist:3:1", "not used before (first in netlist, line 2)"),
        ("v1 a 0 1\nv2 a 0 2", "netlist:3:1", "no loop of voltage sources"),
        ("v1 a a 1", "netlist:2:1", "no loop of voltage sources"),
        ("v1 a 0 1\nl1 a 0 1", "netlist:3:1", "no loop of voltage sources and inductors"),
        ("v1 a 0 1\nc1 a b 1p", "netlist:3:6", "this one floats"),
        ("v1 a 0 1\nb1 a 0 i=v(zz)", "netlist:3:12", "some element is connected"),
        ("m1 d g 0 0 nch w=1u l=1u", "netlist:2:12", "the name of a `.model`"),
        ("v1 d 0 1\n.model nch nekv is=1\nm1 d d 0 0 nch w=1u l=1u", "netlist:3:12", "all of is=, vt0= and kappa="),
        ("x1 a b sub", "netlist:2:8", "a subcircuit defined here"),
        (".subckt s a\nx1 a s\n.ends\nx1 a s", "netlist:3:6", "does not contain itself"),
        (".subckt s a\nr1 a 0 1\n.ends\nx1 a b s", "netlist:5:1", "1 nodes"),
        (".subckt s a\nr1 a 0 1\n.ends\nx1 a s q=1", "netlist:5:8", "a parameter of subcircuit"),
        (".subckt s a\nr1 a 0 1", "netlist:2:1", "an `.ends`"),
        (".ends", "netlist:2:1", "a `.subckt` before"),
        (".param a={b} b={a}\nr1 x 0 1", "netlist:2:8", "does not depend on itself"),
        (".param a = 2 * 3\nr1 x 0 1", "netlist:2:14", "stands in braces"),
        (".param a=1 a=2", "netlist:2:12", "not set before"),
        (".include nowhere.inc", "netlist:2:10", "a file to include"),
        (".include .", "netlist:2:10", "not a regular file"),
        (".ic v(q)=1\nr1 a 0 1", "netlist:2:7", "a node of this circuit"),
        ("v1 a 0 pulse(1 2 0 1 1 1)\nr1 a 0 1\n.ic v(a)=2", "netlist:4:5", "1 V, which `v1` gives"),
        ("v1 a b 1\nr1 a 0 1\nr2 b 0 1\n.ic v(b)=1\n+ v(a)=1", "netlist:6:3", "2 V, which `v1` gives"),
        (".tran 1n\nr1 a 0 1", "netlist:2:1", "STEP STOP"),
        (".tran -1n 1u\nr1 a 0 1", "netlist:2:1", "positive STEP"),
        (".dc vq 0 1 .1\nr1 a 0 1", "netlist:2:5", "a V or I source"),
        ("v1 a 0 1\n.dc v1 0 1 -.1", "netlist:3:5", "leads from start to stop"),
        ("v1 a 0 pwl(0 0 1 1 1 2)", "netlist:2:8", "times that increase"),
        ("v1 a 0 pulse(0 1", "netlist:2:13", "closing `)`"),
        ("v1 x 0 1\nb1 b 0 v=8/{2*3}", "netlist:3:12", "parentheses around it"),
        ("b1 b 0 v=1+", "netlist:2:12", "a number, a name"),
        ("b1 b 0 v=sqrt(1,2)", "netlist:2:10", "one argument"),
        ("r2 b 0 1\nb1 b 0 v=i(r2)", "netlist:3:1", "not of `r2`"),
        ("f1 a 0 vq 2\nr1 a 0 1", "netlist:2:8", "a voltage source"),
        ("r1 a 0 1\n.control\nrun", "netlist:3:1", "`.endc`"),
    ];
    for (body, place, expected) in cases {
        match parse(&format!("title\n{body}\n")) {
            Err(SpiceError::Netlist(e)) => {
                assert_eq!(e.place.to_string(), place, "{body}: {e}");
                assert!(e.expected.contains(expected), "{body}: {e}");
            }
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn what_only_ngspice_knows_is_named() {
    let cases = [
        "q1 a b 0 nx",
        "r1 a 0 1 tc1=1",
        ".ac dec 10 1 1k",
        "b1 a 0 v=limit(1,2,3)",
        "b1 a 0 v=hertz",
        "k1 l1 l2 .9",
        ".model r r\nj1 a 0 0 jj",
        "v1 a 0 sffm(0 1 1)",
        ".control\nalter r1 2\n.endc",
        ".options bypass=1",
        "v1 a 0 1\n.model nn nmos level=1\nm1 a a 0 0 nn w=1u l=1u",
        ".if 1",
        ".temp 1 2",
    ];
    for body in cases {
        let result = parse(&format!("title\n{body}\n"));
        assert!(matches!(result, Err(SpiceError::NotUnderstood(_))), "{body}: {result:?}");
    }
}

#[test]
fn deep_and_wide_things_end() {
    let deep = format!("b1 b 0 v={}1{}", "(".repeat(100_000), ")".repeat(100_000));
    let powers = format!("b1 b 0 v=2{}", "^-2".repeat(100_000));
    let signs = format!("b1 b 0 v={}1", "-".repeat(100_000));
    let ternaries = format!("b1 b 0 v={}1", "1?".repeat(100_000));
    let calls = (0..40).fold(".func f0(x) {x+1}\n".to_owned(), |mut s, i| {
        let _ = writeln!(s, ".func f{}(x) {{f{i}(x)+f{i}(x)}}", i + 1);
        s
    }) + "b1 b 0 v=f40(time)";
    let laughs = (0..40).fold("r1 a 0 1\nx1 a s40\n.subckt s0 a\nr1 a 0 1\n.ends\n".to_owned(), |mut s, i| {
        let _ = write!(s, ".subckt s{} a\nx1 a s{i}\nx2 a s{i}\n.ends\n", i + 1);
        s
    });
    let nested = "x1 a s\n".to_owned() + &".subckt s a\n".repeat(1000);
    for (name, body) in [
        ("deep", deep),
        ("powers", powers),
        ("ternaries", ternaries),
        ("calls", calls),
        ("laughs", laughs),
        ("nested", nested),
    ] {
        assert!(matches!(parse(&format!("t\n{body}\n")), Err(SpiceError::Netlist(_))), "{name}");
    }
    assert!(parse(&format!("t\n{signs}\n")).is_ok());
    let long: String = "+v(a)".repeat(20_000);
    let c = good(&format!("v1 a 0 1\nb1 b 0 v=1{long}\n"));
    assert_eq!(c.elements.len(), 2);
}

#[test]
fn includes_libraries_and_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    write("main.cir", "title\n.include 'sub/a.inc'\n.lib \"lib.inc\" TT\nr1 a 0 {r}\n");
    write("sub/a.inc", "v1 a 0 1\n.include b.inc\n");
    write("sub/b.inc", "r2 a 0 2\n");
    write("lib.inc", ".lib ff\n.param r=1\n.endl\n.lib tt\n.param r=7\n.endl tt\n");
    let c = Netlist::read(folder.path().join("main.cir")).unwrap().circuit().unwrap();
    assert_eq!(c.elements.len(), 3);
    let Device::Resistor { ohms, .. } = c.elements[2].device else { panic!() };
    assert_eq!(ohms, 7.0);
    assert!(c.place(c.elements[1].origin).file.ends_with("b.inc"));
    write("sub/b.inc", "r2 a 0 2\n.include a.inc\n");
    let e = Netlist::read(folder.path().join("main.cir")).unwrap().circuit().unwrap_err();
    assert!(e.to_string().contains("b.inc:2:10") && e.to_string().contains("lead back"), "{e}");
    write("sub/b.inc", "r2 a 0 2\n");
    write("main.cir", "title\n.lib lib.inc zz\n");
    let e = Netlist::read(folder.path().join("main.cir")).unwrap().circuit().unwrap_err();
    assert!(e.to_string().contains("zz"), "{e}");
}

#[test]
fn changed_parameters_are_the_netlists_own() {
    let n = Netlist::from_text("t\n.param r=1 s={2*r}\nr1 a 0 {s}\n");
    let change = |name: &str| super::Changes { parameters: vec![(name.into(), 5.0)], tran: None };
    let c = super::parse(&n, &change("r")).unwrap();
    let Device::Resistor { ohms, .. } = c.elements[0].device else { panic!() };
    assert_eq!(ohms, 10.0);
    assert!(matches!(super::parse(&n, &change("q")), Err(SpiceError::Request { .. })));
}

#[test]
fn a_hundred_thousand_elements() {
    let mut text = String::from("t\nv1 n0 0 1\n.subckt s a b\nr1 a b 1k\nc1 b 0 1p\n.ends\n");
    for i in 0..50_000 {
        let _ = writeln!(text, "x{i} n{i} n{} s", i + 1);
    }
    assert_eq!(parse(&text).unwrap().elements.len(), 100_001);
}
