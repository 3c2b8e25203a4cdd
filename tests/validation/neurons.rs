//! Models against felice's own values: field, spike condition, I–V curves, initial states. Provenance: data/reference/.

use std::sync::LazyLock;

use felice_neurons::{AnyNeuron, Fhnrs, Row};
use serde_json::Value;

use crate::quantiles::Quantiles;

/// The reduced reference run.
pub static REFERENCE: LazyLock<Value> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/reference/felice.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
});

/// A JSON list of numbers.
pub fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

/// A neuron with a reference's parameters. felice keeps FHNRS's tau_fast without using it: 0 here.
pub fn neuron(model: &str, params: &Value) -> AnyNeuron {
    let mut neuron = AnyNeuron::new(model).unwrap();
    for (name, value) in params.as_object().unwrap() {
        neuron.set(name, if name == "tau_fast" { 0.0 } else { value.as_f64().unwrap() }).unwrap();
    }
    neuron
}

/// Σ|terms| of each component of the field, an exponential's term times (1 + |βx|).
fn scale(n: &AnyNeuron, y: &[f64]) -> Vec<f64> {
    let p = |name| n.get(name).unwrap();
    let branch = |x: f64, bracket: f64| {
        let b = p("beta") * x;
        p("alpha") * b.exp() * (1.0 + b.abs()) * (1.0 + p("gamma") * bracket.abs())
    };
    match &*n.info().name {
        "wererabbit" => {
            let z = (p("rho") * (y[0] - y[1])).tanh().abs();
            [(y[1], 0.5 - y[0]), (y[0], 0.5 - y[1])].map(|(x, c)| z * (1.0 + branch(x, c)) + p("sigma")).to_vec()
        }
        "boomerang" => {
            let z = (p("rho") * (y[0] - y[1])).tanh().abs();
            [(y[1], 0.3 - y[0]), (y[0], 0.3 - y[1])].map(|(x, c)| 1.0 + branch(x, c) + p("sigma") * z).to_vec()
        }
        _ => {
            let passive = p("g_max") * (y[0].abs() + p("e_rev").abs());
            let fast = p("a_fast") * (y[0] - p("v_off_fast")).tanh();
            let slow = p("a_slow") * (y[1] - p("v_off_slow")).tanh();
            let dv = (y[2].abs() + passive + fast.abs() + slow.abs()) / p("c");
            vec![dv, (y[0].abs() + y[1].abs()) / p("tau_slow"), y[2].abs() / p("tau_syn")]
        }
    }
}

/// Spike condition's scale: |terms|, derivatives with their own.
fn spike_scale(n: &AnyNeuron, y: &[f64]) -> f64 {
    let p = |name| n.get(name).unwrap();
    match &*n.info().name {
        "wererabbit" => p("atol") + p("rtol") * y[0].abs() + scale(n, y)[0],
        "boomerang" => p("atol") + p("rtol") * y[0].hypot(y[1]) + scale(n, y)[0].hypot(scale(n, y)[1]),
        _ => y[0].abs() + p("v_thr").abs(),
    }
}

/// A state at which felice has told the field and the spike condition.
pub struct Told {
    pub neuron: AnyNeuron,
    pub y: Vec<f64>,
    field: Vec<f64>,
    condition: f64,
}

/// Every reference state of a model.
pub fn told(model: &str, single: bool) -> Vec<Told> {
    let reference = &REFERENCE[model];
    let all = |v: &Value| if single { vec![v.clone()] } else { v.as_array().unwrap().clone() };
    let data = &reference[if single { "vector_field_f32" } else { "vector_field" }];
    let (states, fields, conditions) = (all(&data["states"]), all(&data["out"]), all(&data["spike_condition"]));
    let mut told = Vec::new();
    for (i, states) in states.iter().enumerate() {
        let n = neuron(model, &reference["params"][i]);
        told.extend(states.as_array().unwrap().iter().enumerate().map(|(j, y)| Told {
            neuron: n.clone(),
            y: numbers(y),
            field: numbers(&fields[i][j]),
            condition: conditions[i][j].as_f64().unwrap(),
        }));
    }
    told
}

/// Holds fields and spike conditions against felice's, in units of eps·scale.
pub fn gate_fields(subject: &str, told: &[Told], ours: &[(Vec<f64>, f64)], eps: f64) {
    assert_eq!(told.len(), ours.len());
    let (mut field, mut spike) = (Vec::new(), Vec::new());
    for (t, (dy, s)) in told.iter().zip(ours) {
        let scales = scale(&t.neuron, &t.y);
        field.extend(dy.iter().zip(&t.field).zip(scales).map(|((a, b), s)| (a - b) / (eps * s.max(1e-300))));
        spike.push((s - t.condition) / (eps * spike_scale(&t.neuron, &t.y)));
    }
    Quantiles::of(format!("{subject} field / (eps scale)"), field).gate(0.25, 1.5, 8.0);
    Quantiles::of(format!("{subject} spike condition / (eps scale)"), spike).gate(0.25, 1.5, 8.0);
}

#[test]
fn val_field_and_spike_condition() {
    for model in ["wererabbit", "boomerang", "fhnrs"] {
        let double = |t: &Told| {
            let mut dy = vec![0.0; t.y.len()];
            t.neuron.field(&t.y, &mut dy).unwrap();
            (dy, t.neuron.spike_condition(&t.y).unwrap())
        };
        let all = told(model, false);
        gate_fields(&format!("{model} f64"), &all, &all.iter().map(double).collect::<Vec<_>>(), f64::EPSILON);
        let single = |t: &Told| {
            let y: Vec<f32> = t.y.iter().map(|&x| x as f32).collect();
            let mut dy = vec![0.0; y.len()];
            t.neuron.field_f32(&y, &mut dy).unwrap();
            (dy.into_iter().map(f64::from).collect(), f64::from(t.neuron.spike_condition_f32(&y).unwrap()))
        };
        let all = told(model, true);
        gate_fields(&format!("{model} f32"), &all, &all.iter().map(single).collect::<Vec<_>>(), f32::EPSILON.into());
    }
}

#[test]
fn val_iv_curves() {
    let iv = &REFERENCE["fhnrs"]["iv"];
    let v = numbers(&iv["v"]);
    let mut errors = Vec::new();
    for (k, index) in iv["param_index"].as_array().unwrap().iter().enumerate() {
        let n = neuron("fhnrs", &REFERENCE["fhnrs"]["params"][index.as_u64().unwrap() as usize]);
        let values: Vec<f64> = n.parameters().map(|(_, value)| value).collect();
        let p = Fhnrs::<f64>::from_fn(|i| values[i]);
        for (r, v_rest) in numbers(&iv["Vrest"]).into_iter().enumerate() {
            for (i, &v) in v.iter().enumerate() {
                errors.push(p.iv_inst(v, v_rest) - iv["IV_inst"][k][r][i].as_f64().unwrap());
                errors.push(p.iv_fast(v, v_rest) - iv["IV_fast"][k][r][i].as_f64().unwrap());
            }
        }
        errors.extend(v.iter().enumerate().map(|(i, &v)| p.iv_slow(v) - iv["IV_slow"][k][0][i].as_f64().unwrap()));
    }
    Quantiles::of("fhnrs I-V curves", errors).gate(5e-16, 2e-15, 2e-15);
}

#[test]
fn val_boomerang_starts_at_its_fixed_point() {
    let mut errors = Vec::new();
    for f in REFERENCE["boomerang"]["fixed_points_init"].as_array().unwrap() {
        let n = neuron("boomerang", &f["params"]);
        let y = n.initial_state().unwrap();
        errors.extend(y.iter().zip(numbers(&f["exact"])).map(|(a, b)| a - b));
    }
    Quantiles::of("boomerang initial fixed points", errors).gate(1e-15, 1e-14, 1e-14);
}

#[test]
fn val_a_batch_on_the_diagonal_does_not_couple_its_neurons() {
    let mixed = &REFERENCE["wererabbit"]["mixed_batch"];
    let n = AnyNeuron::new("wererabbit").unwrap();
    for (states, out) in [("mixed_states", "mixed_out_single"), ("all_close_states", "all_close_out_single")] {
        for (y, out) in mixed[states].as_array().unwrap().iter().zip(mixed[out].as_array().unwrap()) {
            let mut dy = [0.0; 2];
            n.field(&numbers(y), &mut dy).unwrap();
            for (a, b) in dy.iter().zip(numbers(out)) {
                assert!((a - b).abs() <= 8.0 * f64::EPSILON * (1.0 + b.abs()), "{y}: {dy:?}");
            }
        }
    }
}
