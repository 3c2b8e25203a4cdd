//! Laws of extraction: currents made from the equations give back the equations' parameters.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use felice_subthreshold::extract::neuron::{Extracted, Method, NeuronSweep, extract};
use felice_subthreshold::extract::{Clamped, ExtractError};
use proptest::prelude::*;

/// One equation's parameters: gain, α at the reference, β, γ, ρ, σ, δ.
#[derive(Clone, Copy, Debug)]
struct Side {
    one: f64,
    at_reference: f64,
    beta: f64,
    gamma: f64,
    rho: f64,
    sigma: f64,
    delta: f64,
}

type Terms = fn(f64, f64, f64, [Side; 2]) -> [f64; 8];

/// one, exponential, coupling of u; of v; node currents.
fn boomerang(reference: f64, u: f64, v: f64, [a, b]: [Side; 2]) -> [f64; 8] {
    let eu = a.at_reference * (a.beta * (v - reference)).exp() * (1.0 - a.gamma * (reference - u));
    let ev = b.at_reference * (b.beta * (u - reference)).exp() * (1.0 + b.gamma * (reference - v));
    let (cu, cv) = (a.sigma * (a.rho * (v - u - a.delta)).tanh(), b.sigma * (b.rho * (v - u - b.delta)).tanh());
    [a.one, eu, cu, b.one, ev, cv, a.one - eu + cu, -b.one + ev + cv]
}

/// one, exponential (both steered), sigma of u; of v; node currents.
fn wererabbit(reference: f64, u: f64, v: f64, [a, b]: [Side; 2]) -> [f64; 8] {
    let (zu, zv) = ((a.rho * (u - v - a.delta)).tanh(), (b.rho * (u - v - b.delta)).tanh());
    let eu = zu * a.at_reference * (a.beta * (v - reference)).exp() * (1.0 + a.gamma * (reference - u));
    let ev = zv * b.at_reference * (b.beta * (u - reference)).exp() * (1.0 + b.gamma * (reference - v));
    let (ou, ov) = (a.one * zu, b.one * zv);
    [ou, eu, a.sigma, ov, ev, b.sigma, ou - eu - a.sigma, -ov + ev - b.sigma]
}

fn clamp(terms: Terms, reference: f64, sides: [Side; 2], unit: f64, names: [&str; 6]) -> Clamped {
    let axis: Vec<f64> = (0..41).map(|i| reference - 0.3 + 0.01 * i as f64).collect();
    let points: Vec<(f64, f64)> = axis.iter().flat_map(|&u| axis.iter().map(move |&v| (u, v))).collect();
    let mut columns = vec![
        ("u".to_owned(), points.iter().map(|p| p.0).collect::<Vec<f64>>()),
        ("v".to_owned(), points.iter().map(|p| p.1).collect()),
    ];
    for (k, name) in names.into_iter().chain(["i_u", "i_v"]).enumerate() {
        columns.push((name.into(), points.iter().map(|p| unit * terms(reference, p.0, p.1, sides)[k]).collect()));
    }
    Clamped::new(columns, 41).unwrap()
}

const EQUAL: [[f64; 2]; 2] = [[1e-10, 0.0], [0.0, 1e-10]];
const BOOMERANG: [&str; 6] = ["one_u", "exponential_u", "coupling_u", "one_v", "exponential_v", "coupling_v"];
const WERERABBIT: [&str; 6] = ["one_u", "exponential_u", "sigma_u", "one_v", "exponential_v", "sigma_v"];

fn run(
    model: &str,
    clamped: &Clamped,
    reference: f64,
    near: [f64; 2],
    method: Method,
) -> Result<Extracted, ExtractError> {
    let window = [0.06, 0.06];
    extract(model, &NeuronSweep { clamped, reference, window, near, capacitance: EQUAL, method })
}

fn assert_branches(extracted: &Extracted, sides: [Side; 2], reference: f64, unit: f64) {
    // Everything is relative to the unit current that the extraction chose.
    let scale = unit / extracted.value("i_unit").unwrap();
    assert!((extracted.time_unit_s * extracted.value("i_unit").unwrap() / 1e-10 - 1.0).abs() < 1e-12);
    for (side, name) in sides.iter().zip(["u", "v"]) {
        let value = |p: &str| extracted.value(&format!("{p}_{name}")).unwrap();
        let near = |p: &str, expected: f64| {
            let got = value(p);
            assert!((got / expected - 1.0).abs() < 1e-5, "{p}_{name}: {got} instead of {expected}\n{extracted:?}");
        };
        near("gain", side.one * scale);
        near("alpha", side.at_reference * (-side.beta * reference).exp() * scale);
        near("beta", side.beta);
        near("gamma", side.gamma);
        near("rho", side.rho);
        near("sigma", side.sigma * scale);
        let delta = value("delta");
        assert!((delta - side.delta).abs() < 1e-8, "delta_{name}: {delta} instead of {}", side.delta);
    }
}

fn side() -> impl Strategy<Value = Side> {
    (0.9..1.1, 0.8..1.25, 15.0..32.0, 0.02..0.3, 6.0..17.0, 0.2..0.6, -3e-3..3e-3).prop_map(
        |(one, at_reference, beta, gamma, rho, sigma, delta)| Side {
            one,
            at_reference,
            beta,
            gamma,
            rho,
            sigma,
            delta,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn prop_boomerang_branches_come_back(a in side(), b in side(), unit in 1e-12..1e-8) {
        let clamped = clamp(boomerang, 0.3, [a, b], unit, BOOMERANG);
        for method in [Method::Devices, Method::Field] {
            let extracted = run("boomerang-branches", &clamped, 0.3, [0.3, 0.3], method).unwrap();
            assert_branches(&extracted, [a, b], 0.3, unit);
        }
    }

    #[test]
    fn prop_boomerang_symmetric_comes_back(a in side(), unit in 1e-12..1e-8) {
        let a = Side { one: 1.0, delta: 0.0, ..a };
        let clamped = clamp(boomerang, 0.3, [a, a], unit, BOOMERANG);
        let extracted = run("boomerang", &clamped, 0.3, [0.3, 0.3], Method::Devices).unwrap();
        let alpha = a.at_reference * (-a.beta * 0.3).exp();
        for (name, expected) in
            [("alpha", alpha), ("beta", a.beta), ("gamma", a.gamma), ("rho", a.rho), ("sigma", a.sigma), ("i_unit", unit)]
        {
            let got = extracted.value(name).unwrap();
            prop_assert!((got / expected - 1.0).abs() < 1e-6, "{}: {} instead of {}", name, got, expected);
        }
        prop_assert!(extracted.fits.iter().all(|f| f.max < 1e-6));
    }
}

const RABBIT: Side =
    Side { one: 1.0, at_reference: 90.0, beta: 28.8, gamma: 0.12, rho: 15.1, sigma: 0.595, delta: 0.0 };

#[test]
fn wererabbit_comes_back_in_every_way() {
    let unit = 1.3e-10;
    let skewed = Side { delta: 4e-4, ..RABBIT };
    let other = Side { one: 1.02, at_reference: 88.0, beta: 28.5, gamma: 0.05, rho: 14.9, sigma: 0.6, delta: -1e-3 };
    let clamped = clamp(wererabbit, 0.5, [skewed, other], unit, WERERABBIT);
    for method in [Method::Devices, Method::Field] {
        let extracted = run("wererabbit-branches", &clamped, 0.5, [0.37, 0.31], method).unwrap();
        assert_branches(&extracted, [skewed, other], 0.5, unit);
    }
    let clamped = clamp(wererabbit, 0.5, [RABBIT, RABBIT], unit, WERERABBIT);
    let extracted = run("wererabbit", &clamped, 0.5, [0.37, 0.31], Method::Devices).unwrap();
    for (name, expected) in [("i_unit", unit), ("gamma", RABBIT.gamma), ("sigma", RABBIT.sigma), ("rho", RABBIT.rho)] {
        let got = extracted.value(name).unwrap();
        assert!((got / expected - 1.0).abs() < 1e-6, "{name}: {got} instead of {expected}");
    }
    let rest = [extracted.value("rest_u").unwrap(), extracted.value("rest_v").unwrap()];
    assert!(rest[0] > rest[1], "the focus on the side of the initial state: {rest:?}");
}

#[test]
fn fhnrs_comes_back() {
    let axis: Vec<f64> = (0..41).map(|i| 0.3 + 0.01 * i as f64).collect();
    let points: Vec<(f64, f64)> = axis.iter().flat_map(|&v| axis.iter().map(move |&w| (v, w))).collect();
    let column = |f: &dyn Fn(f64, f64) -> f64| points.iter().map(|p| f(p.0 - 0.5, p.1 - 0.5)).collect::<Vec<f64>>();
    let clamped = Clamped::new(
        vec![
            ("v".into(), points.iter().map(|p| p.0).collect()),
            ("w".into(), points.iter().map(|p| p.1).collect()),
            ("fast".into(), column(&|v, _| 2e-9 * (14.6 * (v - 1e-4)).tanh())),
            ("slow".into(), column(&|_, w| 2.02e-9 * (14.6 * (w + 2e-4)).tanh())),
            ("passive".into(), column(&|v, _| (v - 1e-3) / 68e6)),
            ("lag".into(), column(&|v, w| (v - w) / 3.4e9)),
        ],
        41,
    )
    .unwrap();
    let extracted = extract(
        "fhnrs",
        &NeuronSweep {
            clamped: &clamped,
            reference: 0.5,
            window: [0.15, 0.15],
            near: [0.5, 0.5],
            capacitance: [[2.03e-12, -2e-14], [0.0, 2.01e-12]],
            method: Method::Devices,
        },
    )
    .unwrap();
    let v_unit = 1.0 / 14.6;
    let time_unit = 2.03e-12 * v_unit / 1e-9;
    for (name, expected) in [
        ("g_max", v_unit / 68e6 / 1e-9),
        ("e_rev", 1e-3 / v_unit),
        ("a_fast", -2.0),
        ("a_slow", 2.02),
        ("v_off_fast", 1e-4 / v_unit),
        ("v_off_slow", -2e-4 / v_unit),
        ("tau_slow", 3.4e9 * 2.01e-12 / time_unit),
        ("v_unit", v_unit),
    ] {
        let got = extracted.value(name).unwrap();
        assert!((got / expected - 1.0).abs() < 1e-6, "{name}: {got} instead of {expected}");
    }
    assert!((extracted.time_unit_s / time_unit - 1.0).abs() < 1e-7);
}

#[test]
fn fhnrs_with_a_follower_comes_back() {
    let axis: Vec<f64> = (0..41).map(|i| 0.3 + 0.01 * i as f64).collect();
    let points: Vec<(f64, f64)> = axis.iter().flat_map(|&v| axis.iter().map(move |&w| (v, w))).collect();
    let column = |f: &dyn Fn(f64, f64) -> f64| points.iter().map(|p| f(p.0 - 0.5, p.1 - 0.5)).collect::<Vec<f64>>();
    let fast = |v: f64| 2e-9 * (14.6 * (v - 1e-4)).tanh();
    let slow = |w: f64| 2.02e-9 * (14.6 * (w + 2e-4)).tanh();
    let passive = |v: f64| (v - 1e-3) / 68e6;
    let lag = |v: f64, w: f64| 1.1e-9 * (14.0 * (v - w - 3e-3)).tanh();
    let axes = [("v", points.iter().map(|p| p.0).collect::<Vec<_>>()), ("w", points.iter().map(|p| p.1).collect())];
    let terms = [
        ("fast", column(&|v, _| fast(v))),
        ("slow", column(&|_, w| slow(w))),
        ("passive", column(&|v, _| passive(v))),
        // What no term has, as an output conductance: the field method puts it into g_max.
        ("i_v", column(&|v, w| fast(v) - slow(w) - passive(v) - 1e-9 * v)),
        ("lag", column(&lag)),
    ];
    let run = |columns: Vec<(&str, Vec<f64>)>, method| {
        let named = columns.into_iter().map(|(n, c)| (n.to_owned(), c)).collect();
        let clamped = Clamped::new(named, 41).unwrap();
        let capacitance = [[2e-12, 0.0], [0.0, 4e-12]];
        let (reference, window, near) = (0.5, [0.15, 0.15], [0.5, 0.5]);
        extract("fhnrs-saturating", &NeuronSweep { clamped: &clamped, reference, window, near, capacitance, method })
            .unwrap()
    };
    let check = |extracted: &Extracted, expected: &[(&str, f64)]| {
        for (name, value) in expected {
            let got = extracted.value(name).unwrap();
            assert!((got / value - 1.0).abs() < 1e-6, "{name}: {got} instead of {value}");
        }
    };
    let (v_unit, time_unit) = (1.0 / 14.6, 2e-12 / 14.6 / 1e-9);
    for (method, more) in [(Method::Devices, 0.0), (Method::Field, 1e-9)] {
        let extracted = run(axes.iter().chain(&terms).cloned().collect(), method);
        let g = 1.0 / 68e6 + more;
        check(
            &extracted,
            &[
                ("g_max", g * v_unit / 1e-9),
                ("e_rev", 1e-3 / 68e6 / g / v_unit),
                ("a_slow", 2.02),
                ("v_off_fast", 1e-4 / v_unit),
                ("v_off_slow", (3e-3 - 2e-4) / v_unit),
                ("tau_slow", 4e-12 / (1.1e-9 * 14.0) / time_unit),
                ("sat_slow", 14.0 * v_unit),
                ("w_ref", 0.497),
            ],
        );
        assert!((extracted.time_unit_s / time_unit - 1.0).abs() < 1e-6);
    }
    let alone = run(axes.iter().chain(&terms[4..]).cloned().collect(), Method::Devices);
    check(&alone, &[("tau_slow", 1.0), ("sat_slow", 1.0), ("v_unit", 1.0 / 14.0), ("w_ref", 0.497)]);
    assert!((alone.time_unit_s / (4e-12 / (1.1e-9 * 14.0)) - 1.0).abs() < 1e-6);
    assert_eq!(["g_max", "a_fast", "a_slow"].map(|name| alone.value(name).unwrap()), [0.0; 3]);
}

#[test]
fn a_wrong_sign_a_missing_column_and_a_flat_window_say_so() {
    let flat = Side { one: 1.0, at_reference: 1.0, beta: 29.0, gamma: 0.2, rho: 15.0, sigma: 0.6, delta: 0.0 };
    let mut names = BOOMERANG;
    names[2] = "something";
    let error = run("boomerang", &clamp(boomerang, 0.3, [flat; 2], 1e-10, names), 0.3, [0.3; 2], Method::Devices);
    assert!(matches!(&error, Err(ExtractError::Missing { vector, .. }) if vector == "coupling_u"), "{error:?}");

    let turned = Side { sigma: -0.6, ..flat };
    let error = run("boomerang", &clamp(boomerang, 0.3, [turned; 2], 1e-10, BOOMERANG), 0.3, [0.3; 2], Method::Devices);
    assert!(error.unwrap_err().to_string().contains("turn its sign round"));

    let clamped = clamp(boomerang, 0.3, [flat; 2], 1e-10, BOOMERANG);
    let narrow = NeuronSweep {
        clamped: &clamped,
        reference: 0.3,
        window: [0.06, 0.004],
        near: [0.3; 2],
        capacitance: EQUAL,
        method: Method::Devices,
    };
    // Only v = 0.3 is left: of u's branch beta moves nothing, of v's branch gamma nothing.
    let error = extract("boomerang-branches", &narrow).unwrap_err();
    assert!(matches!(&error, ExtractError::NotIdentifiable { unknowns, .. } if unknowns == "beta"), "{error}");
    let unknown = extract("hodgkin-huxley", &narrow).unwrap_err().to_string();
    assert!(unknown.contains("boomerang-branches"), "{unknown}");
}
