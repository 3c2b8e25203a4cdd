//! Capacitance of clamped nodes from triangular ramps (quasi-static C-V): on the way up a clamp carries the circuit's
//! current less C dV/dt, on the way down the same current and C dV/dt; half the difference is C.
//!
//! With node j ramped and both clamps' currents read, C is a matrix: C dV/dt = I(V). Its diagonal holds the nodes' own
//! and parasitic capacitances. Off the diagonal stand coupling through gates and, larger, the lag of the circuit's inner
//! nodes: a mirror that follows its gate τ late and has the transconductance g acts as the transcapacitance −g τ.

use super::ExtractError;

/// A capacitance of one node, or from one to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capacitance {
    /// Mean over the ramp (F).
    pub mean: f64,
    /// Standard deviation over the ramp (F): how far it depends on the voltage.
    pub spread: f64,
}

/// Capacitance from one triangle: `time` (s), the node's `voltage` (V), and `into_source` (A), the current that
/// leaves the circuit at that node, in SPICE's sign of a voltage source's current. The outer tenths of the ramp are
/// left out: there the circuit's inner nodes have not settled to the new slope. Negative where another node's current
/// was read and follows late.
///
/// # Errors
/// [`ExtractError::Sweep`] where the voltage is no triangle or a value is not finite.
pub fn of_triangle(
    node: &str,
    time: &[f64],
    voltage: &[f64],
    into_source: &[f64],
) -> Result<Capacitance, ExtractError> {
    let what = format!("capacitance of {node}");
    let wrong = |problem: String| ExtractError::Sweep {
        what: what.clone(),
        problem,
        remedy: "ramp the clamped node up and down at one speed".into(),
    };
    let n = time.len();
    if n < 20 || voltage.len() != n || into_source.len() != n {
        return Err(wrong(format!("{n} points are too few")));
    }
    if time.iter().chain(voltage).chain(into_source).any(|x| !x.is_finite()) {
        return Err(wrong("a value is not a number".into()));
    }
    let top = (0..n).max_by(|a, b| voltage[*a].total_cmp(&voltage[*b])).unwrap_or(0);
    let (lo, hi) = (voltage[0].max(voltage[n - 1]), voltage[top]);
    if top == 0 || top + 1 == n || hi <= lo {
        return Err(wrong(format!(
            "from {:.3} V over {hi:.3} V to {:.3} V is no triangle",
            voltage[0],
            voltage[n - 1]
        )));
    }
    let slope = |a: usize, b: usize| (voltage[b] - voltage[a]) / (time[b] - time[a]);
    let (up, down) = (slope(0, top), slope(top, n - 1));
    let falling: Vec<(f64, f64)> = (top..n).rev().map(|i| (voltage[i], into_source[i])).collect();
    let samples: Vec<f64> = (0..top)
        .filter(|&i| (voltage[i] - lo) / (hi - lo) > 0.1 && (voltage[i] - lo) / (hi - lo) < 0.9)
        .filter_map(|i| Some((interpolate(&falling, voltage[i])? - into_source[i]) / (up - down)))
        .collect();
    let count = samples.len() as f64;
    let mean = samples.iter().sum::<f64>() / count;
    if !mean.is_finite() {
        return Err(wrong("no point lies between the ramp's outer tenths".into()));
    }
    let spread = (samples.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / count).sqrt();
    Ok(Capacitance { mean, spread })
}

/// Linear interpolation in points of rising abscissa.
fn interpolate(points: &[(f64, f64)], x: f64) -> Option<f64> {
    let k = points.partition_point(|p| p.0 < x);
    let (a, b) = (points.get(k.checked_sub(1)?)?, points.get(k)?);
    Some(a.1 + (b.1 - a.1) * (x - a.0) / (b.0 - a.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triangle(c: f64, g: f64) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let t: Vec<f64> = (0..=400).map(|i| i as f64 * 1e-5).collect();
        let v: Vec<f64> = t.iter().map(|t| 0.2 + 0.3 * (1.0 - (t / 2e-3 - 1.0).abs())).collect();
        let i = t.iter().zip(&v).map(|(t, v)| -g * v * v - c * if *t < 2e-3 { 150.0 } else { -150.0 }).collect();
        (t, v, i)
    }

    #[test]
    fn a_capacitor_beside_a_nonlinear_conductor() {
        let (t, v, i) = triangle(2e-12, 3e-9);
        let c = of_triangle("v", &t, &v, &i).unwrap();
        assert!((c.mean / 2e-12 - 1.0).abs() < 1e-9, "{c:?}");
        assert!(c.spread < 1e-20);
    }

    #[test]
    fn what_is_no_triangle_is_refused() {
        let (t, v, i) = triangle(2e-12, 0.0);
        assert!(of_triangle("v", &t[..10], &v[..10], &i[..10]).is_err());
        assert!(of_triangle("v", &t[..150], &v[..150], &i[..150]).is_err());
        let error = of_triangle("v", &t, &v, &vec![f64::NAN; t.len()]).unwrap_err().to_string();
        assert!(error.contains("capacitance of v"), "{error}");
    }
}
