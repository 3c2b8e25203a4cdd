//! The integrators against theory: order of convergence, work, energy where the equations conserve it.

use felice_neurons::{AnyNeuron, Method, Run, Sampling, Work};

use crate::quantiles::Quantiles;

const BOTH: [(Method, f64); 2] = [(Method::Dopri5, 5.0), (Method::Dop853, 8.0)];

fn exact(initial: &[f64], t_end: f64) -> Run {
    Run { initial: Some(initial.to_vec()), rtol: 1e-14, atol: 1e-15, ..Run::to(t_end) }
}

/// Samples of all states, one after the other; none where the steps are so long that the run breaks off.
fn samples(neuron: &AnyNeuron, run: &Run) -> Option<Vec<f64>> {
    let t = neuron.simulate(run).ok()?;
    Some(t.sampled.signals().iter().flat_map(|s| s.values.clone()).collect())
}

/// The slope of ln(error) over ln(step), least squares, over the steps whose errors are those of the method alone.
fn order(neuron: &AnyNeuron, initial: &[f64], t_end: f64, method: Method, sampling: &Sampling) -> f64 {
    let truth = samples(neuron, &Run { sampling: sampling.clone(), ..exact(initial, t_end) }).unwrap();
    let mut points = Vec::new();
    for steps in [10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024] {
        let h = t_end / f64::from(steps);
        let fixed = Run { method, rtol: 1e9, atol: 1e9, first_step: Some(h), max_step: h, ..exact(initial, t_end) };
        let Some(ours) = samples(neuron, &Run { sampling: sampling.clone(), ..fixed }) else { continue };
        let error = ours.iter().zip(&truth).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        if (2e-12..2e-7).contains(&error) {
            points.push((h.ln(), error.ln()));
        }
    }
    assert!(points.len() >= 4, "{method:?}: {points:?}");
    let n = points.len() as f64;
    let (mx, my) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>() / points.iter().map(|p| (p.0 - mx).powi(2)).sum::<f64>()
}

#[test]
fn val_every_integrator_has_the_order_of_its_name() {
    // Near its focus, where neither symmetry nor stiffness hides the leading error.
    let (rabbit, start) = (AnyNeuron::new("wererabbit").unwrap(), [0.32, 0.14]);
    for (method, theory) in BOTH {
        let at_the_end = order(&rabbit, &start, 1.5, method, &Sampling::At(vec![1.5]));
        println!("{method:?}: order {at_the_end:.3}");
        assert!((at_the_end - theory).abs() < 0.2, "{method:?}: {at_the_end}");
        // Between the steps a polynomial of one degree less.
        let between = order(&rabbit, &start, 1.5, method, &Sampling::Uniform(41));
        println!("{method:?}, dense output: order {between:.3}");
        assert!(between > theory - 1.2, "{method:?}, dense output: {between}");
    }
}

/// H of both planar models, conserved at γ = 0 (see `felice_neurons::properties::laws::energy`).
fn energy(n: &AnyNeuron, u: f64, v: f64) -> f64 {
    let p = |name| n.get(name).unwrap();
    let (a, b, rho, sigma) = (p("alpha"), p("beta"), p("rho"), p("sigma"));
    let x = rho * (u - v);
    let mirror = if &*n.info().name == "wererabbit" { x.sinh().abs().ln() } else { x.cosh().ln() };
    u + v - a / b * ((b * u).exp() + (b * v).exp()) + sigma / rho * mirror
}

#[test]
fn val_energy_does_not_drift_in_a_hundred_periods() {
    let mut drifts = Vec::new();
    for (model, start) in [("wererabbit", [0.3, 0.12]), ("wererabbit", [0.13, 0.28]), ("boomerang", [0.22, 0.33])] {
        let n = AnyNeuron::new(model).unwrap().with("gamma", 0.0).unwrap();
        let focus = n.fixed_points(&[-0.2; 2], &[0.7; 2]).unwrap();
        let period = std::f64::consts::TAU / focus[0].eigenvalues[0].im.abs();
        for (method, tolerance) in [(Method::Dop853, 1e-12), (Method::Dopri5, 1e-12)] {
            let run = Run {
                initial: Some(start.to_vec()),
                method,
                rtol: tolerance,
                atol: tolerance,
                ..Run::to(100.0 * period)
            };
            let t = n.simulate(&run).unwrap();
            let [u, v] = [0, 1].map(|i| &t.sampled.signals()[i].values);
            let first = energy(&n, start[0], start[1]);
            let drift = u.iter().zip(v).map(|(u, v)| (energy(&n, *u, *v) - first).abs()).fold(0.0, f64::max);
            println!("{model} {start:?} {method:?} at {tolerance:e}: {drift:.2e}");
            drifts.push(drift);
        }
    }
    Quantiles::of("energy drift over 100 periods, gamma = 0", drifts).gate(1e-10, 1e-9, 1e-9);
}

/// A slower algorithm fails here although its answers are right: evaluations, for events, accepted, rejected.
#[test]
fn regress_work() {
    let counts = |w: Work| [w.evaluations, w.event_evaluations, w.accepted, w.rejected];
    let cases: [(&str, &[f64], f64); 4] = [
        ("wererabbit", &[0.3, 0.1], 50.0),
        ("boomerang", &[0.2, 0.4], 140.0),
        ("fhnrs", &[2.0, 0.0, 0.0], 300.0),
        ("ribar-sepulchre", &[0.0, 0.0, 0.0, 0.0, -2.0], 3000.0),
    ];
    let mut ours = Vec::new();
    for (model, start, t_end) in cases {
        for (method, tolerance) in [(Method::Dop853, 1e-9), (Method::Dop853, 1e-12), (Method::Dopri5, 1e-6)] {
            let run = Run { method, rtol: tolerance, atol: tolerance, ..exact(start, t_end) };
            ours.push(counts(AnyNeuron::new(model).unwrap().simulate(&run).unwrap().work));
        }
    }
    let known: [[u64; 4]; 12] = [
        [9085, 0, 604, 2],
        [21378, 0, 1425, 0],
        [2985, 0, 482, 15],
        [17022, 0, 1117, 24],
        [37521, 0, 2488, 18],
        [7293, 0, 1157, 58],
        [8304, 0, 527, 36],
        [17966, 0, 1177, 28],
        [2961, 0, 424, 69],
        [25158, 0, 1677, 0],
        [79788, 0, 5319, 0],
        [5847, 0, 972, 2],
    ];
    assert_eq!(ours, known);
}
