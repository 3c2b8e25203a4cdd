//! Draws of studies against SciPy's (`data/reference/draws.py`).

use felice_study::random::normal_quantile;
use felice_study::sobol::{DIMENSIONS, Direction};
use serde_json::Value;

use crate::quantiles::Quantiles;

fn reference() -> Value {
    serde_json::from_str(include_str!("../../data/reference/draws.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

#[test]
fn val_sobol_points_are_those_of_joe_and_kuo() {
    let points: Vec<Vec<f64>> = reference()["sobol"].as_array().unwrap().iter().map(numbers).collect();
    let directions: Vec<Direction> = (0..DIMENSIONS).map(|d| Direction::new(d).unwrap()).collect();
    let error = |i: usize, d: usize| directions[d].at(i as u64) as f64 / 2_f64.powi(64) - points[i][d];
    let errors = (0..points.len()).flat_map(|i| (0..DIMENSIONS).map(move |d| (i, d))).map(|(i, d)| error(i, d));
    Quantiles::of("Sobol points, 21 dimensions", errors).gate(0.0, 0.0, 0.0);
}

#[test]
fn val_normal_quantiles() {
    let all = reference();
    let pairs: Vec<(f64, f64)> = numbers(&all["p"]).into_iter().zip(numbers(&all["quantile"])).collect();
    let errors = pairs.iter().map(|(p, q)| if *q == 0.0 { normal_quantile(*p) } else { normal_quantile(*p) / q - 1.0 });
    Quantiles::of("normal quantile, relative", errors).gate(2e-16, 2e-15, 2e-15);
}
