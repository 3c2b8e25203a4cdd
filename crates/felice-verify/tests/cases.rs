//! Case files: what is read from a good one, and where a bad one is wrong.

#![allow(clippy::unwrap_used)] // Helpers of tests, outside the test functions that clippy knows.

use std::path::Path;

use felice_verify::{Binding, Case, Level, MetricName, Source, VerifyError};
use proptest::prelude::*;

const GOOD: &str = r#"title = "Boomerang, 16 transistors"
model = "boomerang"
netlist = "ekv.cir"
engine = "ngspice"

[parameters]
source = "derive"
card = "../cards/ekv.toml"
values = { rho = 7.8 }

[states]
u = { signal = "V(U)", offset = "v_ref", scale = 2 }
v = { constant = 0.25 }

[time]
span = 40
unit = "derived"
samples = 4001

[initial]
u = 0.1
v = 0

[rails]
lo = 0.0
hi = 1.8

[limits]
rms = { max = 1e-5, why = "because" }
period_ratio = { min = 0.98, max = 1.02, why = "trims" }
"#;

fn read(text: &str) -> Result<Case, VerifyError> {
    Case::from_toml(text, Path::new("netlists/boomerang/ekv.toml"))
}

#[test]
fn a_good_case_is_read_whole() {
    let case = read(GOOD).unwrap();
    assert_eq!(
        (case.name.as_str(), case.model.as_str(), case.engine.as_str()),
        ("boomerang-ekv", "boomerang", "ngspice")
    );
    assert_eq!(case.netlist, Path::new("netlists/boomerang/ekv.cir"));
    assert!(
        matches!(&case.parameters, Source::Derive(card, None) if card == Path::new("netlists/boomerang/../cards/ekv.toml"))
    );
    assert_eq!(case.overrides, [("rho".to_owned(), 7.8)]);
    let signal =
        Binding::Signal { signal: "v(u)".into(), offset: Level::Derived("v_ref".into()), scale: Level::Value(2.0) };
    assert_eq!(case.states, [("u".to_owned(), signal), ("v".to_owned(), Binding::Constant(0.25))]);
    assert_eq!((case.span, case.time_unit, case.samples), (40.0, None, 4001));
    assert_eq!((case.initial.as_slice(), case.rails), (&[0.1, 0.0][..], Some((0.0, 1.8))));
    assert_eq!(case.limits[&MetricName::Rms].max, 1e-5);
    assert_eq!(case.limits[&MetricName::PeriodRatio].min, 0.98);
}

#[test]
fn what_is_wrong_is_pointed_at() {
    for (from, to, place, says) in [
        ("\"boomerang\"", "\"bomerang\"", "2:9", "a model: boomerang"),
        ("engine =", "engines =", "4:1", "one of"),
        ("\"ngspice\"", "\"hspice\"", "4:10", "auto, native, ngspice, spice21"),
        ("source = \"derive\"", "source = \"guess\"", "7:10", "given, derive, extract"),
        ("card = \"../cards/ekv.toml\"\n", "", "7:10", "`card = \"..\"` beside"),
        ("rho = 7.8", "roh = 7.8", "9:12", "a parameter of boomerang: alpha"),
        ("rho = 7.8", "rho = -7.8", "9:18", "must be finite"),
        ("rho = 7.8", "rho = nan", "9:18", "must be finite"),
        ("u = { signal", "w = { signal", "12:1", "a state of the model: u, v"),
        ("v = { constant = 0.25 }\n", "", "11:1", "`v = { signal"),
        ("constant = 0.25", "constant = 0.25, scale = 1", "13:5", "or { constant"),
        ("scale = 2", "scale = 0", "12:5", "scale not 0"),
        ("scale = 2", "skale = 2", "12:", "one of"),
        ("span = 40", "span = -40", "16:8", "above 0"),
        ("span = 40", "span = nan", "16:8", "above 0"),
        ("span = 40", "span = \"long\"", "16:8", "f"),
        ("\"derived\"", "\"ms\"", "17:8", "or \"derived\""),
        ("samples = 4001", "samples = 1", "18:11", "16 to"),
        ("samples = 4001", "samples = 99999999999", "18:11", "16 to"),
        ("u = 0.1", "u = inf", "21:5", "a finite number"),
        ("v = 0\n", "", "20:1", "`v = 0.0` in it"),
        ("hi = 1.8", "hi = -1", "24:1", "lo below hi"),
        ("rms =", "rsm =", "29:1", "a metric: rms"),
        ("max = 1e-5", "max = nan", "29:7", "in order"),
        ("max = 1.02", "max = 0.9", "30:16", "in order"),
        ("max = 1e-5, ", "", "29:7", "min, max or both"),
        (", why = \"because\"", "", "29:7", "why"),
        ("title =", "title", "1:7", "`=`"),
    ] {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "`{from}` stands in the good case");
        let message = read(&text).unwrap_err().to_string();
        let start = format!("netlists/boomerang/ekv.toml:{place}");
        assert!(message.starts_with(&start), "`{to}`: {message}");
        assert!(message.contains(says), "`{to}` should say `{says}`: {message}");
    }
}

#[test]
fn files_that_cannot_be_read_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let gone = Case::read(&folder.path().join("gone.toml")).unwrap_err();
    assert_eq!(gone.exit_code(), 4);
    assert!(gone.to_string().contains("gone.toml") && gone.to_string().contains("check the name"), "{gone}");
    let binary = folder.path().join("binary.toml");
    std::fs::write(&binary, b"title = \"a\"\nmodel = \"\xff\xfe\"").unwrap();
    let message = Case::read(&binary).unwrap_err().to_string();
    assert!(message.contains("binary.toml:2:10") && message.contains("UTF-8"), "{message}");
    assert!(Case::read(folder.path()).is_err());
}

proptest! {
    #[test]
    fn prop_no_text_panics(text in "\\PC*") {
        let _ = read(&text);
    }

    #[test]
    fn prop_no_change_of_a_good_case_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = GOOD.as_bytes().to_vec();
        let i = at.index(bytes.len());
        bytes[i] = byte;
        if cut {
            bytes.truncate(i);
        }
        let _ = read(&String::from_utf8_lossy(&bytes));
    }
}
