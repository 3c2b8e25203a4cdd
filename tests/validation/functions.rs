//! `exp` and `tanh` against mpmath: errors in units of the last place. Provenance: data/reference/functions.py.

use felice_neurons::math::{exp, tanh};

use crate::quantiles::Quantiles;

/// Distance from |x| to the next larger f64.
fn ulp(x: f64) -> f64 {
    f64::from_bits(x.abs().to_bits() + 1) - x.abs()
}

#[test]
fn val_exp_and_tanh_in_double_precision() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/reference/functions.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let (mut of_exp, mut of_tanh) = (Vec::new(), Vec::new());
    for line in text.lines().skip(1) {
        let row: Vec<f64> = line.split(',').map(|x| x.parse().unwrap()).collect();
        let [x, e, e_rest, t, t_rest] = row[..] else { panic!("{line}") };
        // Nearest numbers subtract exactly; what the truth lacks is far below them.
        of_exp.push(((exp(x) - e) - e_rest) / ulp(e));
        of_tanh.push(((tanh(x) - t) - t_rest) / ulp(t));
    }
    Quantiles::of("exp f64 / ulp", of_exp).gate(0.5, 1.0, 1.0);
    Quantiles::of("tanh f64 / ulp", of_tanh).gate(0.5, 1.5, 2.0);
}

/// Every 9973rd f32, by its bits; double precision is truth enough.
#[test]
fn val_exp_and_tanh_in_single_precision() {
    let (mut of_exp, mut of_tanh) = (Vec::new(), Vec::new());
    for bits in (0..u32::MAX).step_by(9973) {
        let x = f32::from_bits(bits);
        if !x.is_finite() {
            continue;
        }
        let wide = f64::from(x);
        let error = |ours: f32, truth: f64| (f64::from(ours) - truth) / f64::from(single_ulp(truth as f32));
        if x.abs() < 87.0 {
            of_exp.push(error(exp(x), wide.exp()));
        }
        // Below it tanh x is x, subnormal or nearly.
        if x.abs() > 1e-30 {
            of_tanh.push(error(tanh(x), wide.tanh()));
        }
    }
    Quantiles::of("exp f32 / ulp", of_exp).gate(0.5, 1.0, 1.0);
    Quantiles::of("tanh f32 / ulp", of_tanh).gate(0.5, 1.5, 2.0);
}

fn single_ulp(x: f32) -> f32 {
    f32::from_bits(x.abs().to_bits() + 1) - x.abs()
}
