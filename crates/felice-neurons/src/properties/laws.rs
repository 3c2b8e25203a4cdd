//! What our own models satisfy beside, one function a law; each takes a [`Case`] of four states (MODELS: Laws).

use proptest::{prop_assert, prop_assert_eq, prop_assume};

use super::{Case, Verdict};
use crate::any::AnyNeuron;
use crate::dual::Dual;
use crate::integrate::{Run, Sampling};
use crate::math::{exp, tanh};
use crate::models::{Boomerang, Fhnrs, RibarSepulchre, WereRabbit, ribar_sepulchre::Element};
use crate::neuron::{Neuron, Row};
use crate::real::Real;

const EPS: f64 = f64::EPSILON;

/// ∂F_row/∂y_column of a planar model.
fn slope<M: Neuron<State<Dual> = [Dual; 2]>>(
    p: &M::Parameters<f64>,
    [u, v]: [f64; 2],
    row: usize,
    column: usize,
) -> f64 {
    let p = M::Parameters::<Dual>::from_fn(|i| Dual::num(p.get(i)));
    let seed = |value, k| Dual { value, slope: if k == column { 1.0 } else { 0.0 } };
    M::field(&p, [seed(u, 0), seed(v, 1)])[row].slope
}

fn divergence<M: Neuron<State<Dual> = [Dual; 2]>>(p: &M::Parameters<f64>, y: [f64; 2]) -> f64 {
    slope::<M>(p, y, 0, 0) + slope::<M>(p, y, 1, 1)
}

/// WereRabbit: F(v, u) is F(u, v) swapped, to the last bit.
pub fn wererabbit_mirror(case: &Case) -> Verdict {
    let p = case.parameters::<WereRabbit, f64>();
    for k in 0..case.states.len() {
        let [u, v] = case.state::<WereRabbit, f64>(k);
        let ([a, b], [c, d]) = (WereRabbit::field(&p, [u, v]), WereRabbit::field(&p, [v, u]));
        let scale = 1.0 + a.abs() + b.abs();
        prop_assert!(
            (a - d).abs() <= 8.0 * EPS * scale && (b - c).abs() <= 8.0 * EPS * scale,
            "{:?} {:?}",
            [a, b],
            [c, d]
        );
    }
    Ok(())
}

/// WereRabbit: who starts on the diagonal stays on it.
pub fn wererabbit_diagonal(case: &Case) -> Verdict {
    let p = case.parameters::<WereRabbit, f64>();
    for state in &case.states {
        let u = state[0];
        let [du, dv] = WereRabbit::field(&p, [u, u]);
        prop_assert_eq!(du, dv);
        prop_assert_eq!(du, -p.sigma * u.sign());
    }
    Ok(())
}

/// WereRabbit, Dulac: div(F/z) = αγ(e^{βv} − e^{βu}), of one sign a half-plane, so no limit cycle off the diagonal.
pub fn wererabbit_dulac(case: &Case) -> Verdict {
    let p = case.parameters::<WereRabbit, f64>();
    for k in 0..case.states.len() {
        let [u, v] = case.state::<WereRabbit, f64>(k);
        let (z, z_u) = (tanh(p.rho * (u - v)), p.rho * (1.0 - tanh(p.rho * (u - v)).powi(2)));
        prop_assume!(z.abs() > 1e-3);
        let [du, dv] = WereRabbit::field(&p, [u, v]);
        let divergence = divergence::<WereRabbit>(&p, [u, v]) / z - (du * z_u - dv * z_u) / (z * z);
        let (eu, ev) = (exp(p.beta * u), exp(p.beta * v));
        let exact = p.alpha * p.gamma * (ev - eu);
        let scale = (1.0 + p.alpha * p.beta * (eu + ev) * (1.0 + p.gamma)) * p.rho / (z * z);
        prop_assert!((divergence - exact).abs() <= 1e3 * EPS * scale, "{divergence} is not {exact} at {:?}", [u, v]);
    }
    Ok(())
}

/// WereRabbit: one fixed point a half-plane for σ < 1, the mirror of the other, with trace zαγ(e^{βv} − e^{βu}).
pub fn wererabbit_fixed_points(case: &Case) -> Verdict {
    let p = case.parameters::<WereRabbit, f64>();
    prop_assume!(p.sigma < 0.98);
    let n = AnyNeuron::of::<WereRabbit>(p);
    let points =
        n.fixed_points_bare(&[-1.0, -1.0], &[1.5, 1.5]).map_err(|e| super::TestCaseError::fail(e.to_string()))?;
    prop_assert_eq!(points.len(), 2);
    let (a, b) = (&points[0], &points[1]);
    prop_assert!((a.state[0] - b.state[1]).abs() < 1e-9 && (a.state[1] - b.state[0]).abs() < 1e-9, "{:?} {:?}", a, b);
    for point in &points {
        let [u, v] = [point.state[0], point.state[1]];
        let z = tanh(p.rho * (u - v));
        let exact = z * p.alpha * p.gamma * (exp(p.beta * v) - exp(p.beta * u));
        let trace = divergence::<WereRabbit>(&p, [u, v]);
        prop_assert!((trace - exact).abs() < 1e-8 * (1.0 + p.beta), "{trace} is not {exact}");
    }
    Ok(())
}

/// WereRabbit: no fixed point for σ > 1.
pub fn wererabbit_no_fixed_point(case: &Case) -> Verdict {
    let p =
        WereRabbit { sigma: 1.0 + case.parameters::<WereRabbit, f64>().sigma, ..case.parameters::<WereRabbit, f64>() };
    for k in 0..case.states.len() {
        let [u, v] = case.state::<WereRabbit, f64>(k);
        let [du, dv] = WereRabbit::field(&p, [u, v]);
        prop_assume!(u != v);
        // The one that is higher falls, or the one that is lower does.
        prop_assert!(du < 0.0 || dv < 0.0, "{:?} at {:?}", [du, dv], [u, v]);
    }
    let n = AnyNeuron::of::<WereRabbit>(p);
    let points =
        n.fixed_points_bare(&[-1.0, -1.0], &[1.5, 1.5]).map_err(|e| super::TestCaseError::fail(e.to_string()))?;
    prop_assert_eq!(points.len(), 0, "{:?}", points);
    Ok(())
}

/// Boomerang: div F = −αγ(e^{βu} + e^{βv}) everywhere, so no periodic orbit for γ > 0.
pub fn boomerang_divergence(case: &Case) -> Verdict {
    let p = case.parameters::<Boomerang, f64>();
    for k in 0..case.states.len() {
        let [u, v] = case.state::<Boomerang, f64>(k);
        let exact = -p.alpha * p.gamma * (exp(p.beta * u) + exp(p.beta * v));
        let off = divergence::<Boomerang>(&p, [u, v]) - exact;
        prop_assert!(
            off.abs() <= 16.0 * EPS * (p.rho * p.sigma + exact.abs() * (1.0 + p.beta)),
            "off by {off} at {:?}",
            [u, v]
        );
    }
    Ok(())
}

/// H, conserved where γ = 0: u + v − (α/β)(e^{βu} + e^{βv}) + (σ/ρ)·{ln|sinh ρ(u−v)| WereRabbit, ln cosh ρ(v−u) Boomerang}.
pub fn energy<M: Neuron>(p: &M::Parameters<f64>, [u, v]: [f64; 2]) -> f64 {
    let [alpha, beta, rho, sigma] = [p.get(0), p.get(1), p.get(3), p.get(4)];
    let x = (rho * (u - v)).abs();
    // ln(2 sinh x) and ln(2 cosh x), without overflow.
    let mirror = if &*M::INFO.name == "wererabbit" {
        (-2.0 * x).exp().mul_add(-1.0, 1.0).ln()
    } else {
        (-2.0 * x).exp().ln_1p()
    };
    u + v - alpha / beta * ((beta * u).exp() + (beta * v).exp()) + sigma / rho * (x + mirror)
}

/// γ = 0: H does not change along the field.
pub fn energy_is_conserved<M: Neuron<State<f64> = [f64; 2]>>(case: &Case) -> Verdict {
    let mut p = case.parameters::<M, f64>();
    p.set(2, 0.0);
    let [alpha, beta, rho, sigma] = [p.get(0), p.get(1), p.get(3), p.get(4)];
    for k in 0..case.states.len() {
        let [u, v] = case.state::<M, f64>(k);
        let z = tanh(rho * (u - v));
        prop_assume!(z.abs() > 1e-3);
        let twist = if &*M::INFO.name == "wererabbit" { sigma / z } else { sigma * z };
        let (hu, hv) = (1.0 - alpha * exp(beta * u) + twist, 1.0 - alpha * exp(beta * v) - twist);
        let [du, dv] = M::field(&p, [u, v]);
        let scale = (1.0 + alpha * (exp(beta * u) + exp(beta * v)) + twist.abs()).powi(2) * (1.0 + beta);
        prop_assert!(
            (hu * du + hv * dv).abs() <= 64.0 * EPS * scale,
            "dH/dt = {:e} at {:?}",
            hu * du + hv * dv,
            [u, v]
        );
    }
    Ok(())
}

/// FHNRS at a fixed point: with p = −g_max − a_fast sech²(v*−v_off_fast), q = a_slow sech²(v*−v_off_slow), trace p/C −
/// 1/tau_slow and det (q−p)/(C·tau_slow); it oscillates when the point is unique, p > C/tau_slow and q > p.
pub fn fhnrs_trace_and_det(case: &Case) -> Verdict {
    let x = case.parameters::<Fhnrs, f64>();
    let n = AnyNeuron::of::<Fhnrs>(x);
    let points = n
        .fixed_points_bare(&[-12.0, -12.0, -1.0], &[12.0, 12.0, 1.0])
        .map_err(|e| super::TestCaseError::fail(e.to_string()))?;
    prop_assert!(!points.is_empty(), "no fixed point");
    for point in &points {
        let v = point.state[0];
        let sech2 = |v: f64| 1.0 - tanh(v).powi(2);
        let (p, q) = (-x.g_max - x.a_fast * sech2(v - x.v_off_fast), x.a_slow * sech2(v - x.v_off_slow));
        let (trace, det) = (p / x.c - 1.0 / x.tau_slow, (q - p) / (x.c * x.tau_slow));
        // The current's own eigenvalue, −1/tau_syn, aside.
        let sum = point.eigenvalues.iter().map(|l| l.re).sum::<f64>() + 1.0 / x.tau_syn;
        prop_assert!((sum - trace).abs() < 1e-9 * (1.0 + trace.abs()), "trace {sum} is not {trace}");
        let product =
            point.eigenvalues.iter().fold((1.0, 0.0), |(re, im), l| (re * l.re - im * l.im, re * l.im + im * l.re));
        prop_assert!(
            (product.0 * -x.tau_syn - det).abs() < 1e-8 * (1.0 + det.abs()),
            "det {} is not {det}",
            product.0 * -x.tau_syn
        );
        let margin = 0.02;
        let cycles = p > x.c / x.tau_slow + margin && q > p + margin;
        if points.len() == 1 && cycles {
            let start = [v + 0.1, v, 0.0];
            let cycle = n.limit_cycle(&start, 40.0 * x.tau_slow);
            prop_assert!(cycle.is_ok(), "does not oscillate: {:?}", cycle.err());
        }
    }
    Ok(())
}

/// FHNRS: the applied current decays exactly exponentially, whatever else happens.
pub fn fhnrs_current_decays(case: &Case) -> Verdict {
    let p = case.parameters::<Fhnrs, f64>();
    let run = Run {
        initial: Some(case.states[0].clone()),
        rtol: 1e-10,
        atol: 1e-12,
        sampling: Sampling::Uniform(11),
        ..Run::to(5.0 * p.tau_syn)
    };
    let t = AnyNeuron::of::<Fhnrs>(p).simulate(&run).map_err(|e| super::TestCaseError::fail(e.to_string()))?;
    let samples = t.sampled.axis().values.iter().zip(&t.sampled.signals()[2].values);
    for (time, i) in samples {
        let exact = case.states[0][2] * (-time / p.tau_syn).exp();
        prop_assert!((i - exact).abs() < 1e-9 * (1.0 + exact.abs()), "i_app({time}) = {i}, not {exact}");
    }
    Ok(())
}

/// FHNRS: C and every time constant times λ is time times λ.
pub fn fhnrs_time_scale(case: &Case) -> Verdict {
    let p = case.parameters::<Fhnrs, f64>();
    let lambda = 1.0 + case.states[1][0].abs();
    let slow = Fhnrs { c: p.c * lambda, tau_slow: p.tau_slow * lambda, tau_syn: p.tau_syn * lambda, ..p };
    for k in 0..case.states.len() {
        let y = case.state::<Fhnrs, f64>(k);
        let (a, b) = (Fhnrs::field(&p, y), Fhnrs::field(&slow, y));
        let scale = (y[2].abs() + p.g_max * (y[0].abs() + p.e_rev.abs()) + p.a_fast.abs() + p.a_slow) / p.c;
        for i in 0..3 {
            let limit = 16.0 * EPS * if i == 0 { scale } else { y[0].abs() + y[1].abs() + y[2].abs() };
            prop_assert!((a[i] - lambda * b[i]).abs() <= limit, "{:?} and {:?} times {lambda}", a, b);
        }
    }
    Ok(())
}

/// FHNRS: C and every current times λ changes no voltage.
pub fn fhnrs_current_scale(case: &Case) -> Verdict {
    let p = case.parameters::<Fhnrs, f64>();
    let lambda = 1.0 + case.states[1][0].abs();
    let big =
        Fhnrs { c: p.c * lambda, g_max: p.g_max * lambda, a_fast: p.a_fast * lambda, a_slow: p.a_slow * lambda, ..p };
    for k in 0..case.states.len() {
        let [v, v_slow, i] = case.state::<Fhnrs, f64>(k);
        let (a, b) = (Fhnrs::field(&p, [v, v_slow, i]), Fhnrs::field(&big, [v, v_slow, lambda * i]));
        let scale = (i.abs() + p.g_max * (v.abs() + p.e_rev.abs()) + p.a_fast.abs() + p.a_slow) / p.c;
        prop_assert!((a[0] - b[0]).abs() <= 16.0 * EPS * scale && a[1] == b[1], "{:?} and {:?}", a, b);
    }
    Ok(())
}

/// FHNRS is the Ribar–Sepulchre neuron of its two elements, to the last bit.
pub fn fhnrs_is_two_elements(case: &Case) -> Verdict {
    let p = case.parameters::<Fhnrs, f64>();
    let elements = vec![
        Element { a: p.a_fast, v_off: p.v_off_fast, tau: 0.0 },
        Element { a: p.a_slow, v_off: p.v_off_slow, tau: p.tau_slow },
    ];
    let family = RibarSepulchre {
        c: p.c,
        g_max: p.g_max,
        e_rev: p.e_rev,
        v_thr: p.v_thr,
        tau_syn: p.tau_syn,
        i_app: 0.0,
        elements,
    };
    for k in 0..case.states.len() {
        let y = case.state::<Fhnrs, f64>(k);
        let mut dy = [0.0; 3];
        family.field(&y, &mut dy);
        prop_assert_eq!(dy.map(f64::to_bits), Fhnrs::field(&p, y).map(f64::to_bits));
    }
    Ok(())
}
