//! FHNRS's amplitudes, slopes and offsets matched over its limit cycle.
//!
//! About the reference node an OTA has one slope and one amplitude, and a tanh through both. Inversion and the common
//! mode bend the real curve a percent or two off it in between, which is where the cycle turns from slow to fast. Least
//! squares let those numbers move a little, so that the currents into both nodes come closer along the cycle that the
//! equations themselves run through, sampled evenly in time. The currents are the solved circuit's; no transient of the
//! circuit is run.

use crate::circuits::fhnrs::Parameters;
use crate::extract::least_squares::{Unknown, fit_whole};

/// Points along the cycle.
const POINTS: usize = 64;
/// Longest step in units of C v_unit/(largest slope): fourth order, and the cycle only chooses where to look.
const STEP: f64 = 0.1;
/// Steps after which there is no cycle.
const MOST_STEPS: usize = 200_000;
/// What an unknown that moves by its own scale costs, in units of Iref at one point.
const MISFIT: f64 = 1e-3;

/// The plain equations of a set of parameters, `fhnrs` or `fhnrs-saturating`, time in units of `time_unit`.
pub(crate) fn field(p: &Parameters, x: f64, y: f64) -> [f64; 2] {
    let saturated = |z: f64, s: f64| if s == 0.0 { z } else { (s * z).tanh() / s };
    let fast = p.a_fast * (x - p.v_off_fast).tanh() + p.a_slow * (y - p.v_off_slow).tanh();
    [-p.g_max * saturated(x - p.e_rev, p.sat_passive) - fast, saturated(x - y, p.sat_slow) / p.tau_slow]
}

/// Points of the limit cycle, evenly spaced in time; `None` where the equations rest.
fn cycle(p: &Parameters) -> Option<Vec<[f64; 2]>> {
    let step = STEP / (p.g_max + p.a_fast.abs()).max(1.0);
    let (mut y, mut trace, mut turns) = ([1.0, 0.0], Vec::new(), 0);
    for _ in 0..MOST_STEPS {
        let at = |k: [f64; 2], h: f64| field(p, y[0] + h * k[0], y[1] + h * k[1]);
        let k1 = field(p, y[0], y[1]);
        let k2 = at(k1, 0.5 * step);
        let k3 = at(k2, 0.5 * step);
        let k4 = at(k3, step);
        let next = [0, 1].map(|i| y[i] + step / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]));
        if !next.iter().all(|x| x.is_finite()) {
            return None;
        }
        // The first turn is the way to the cycle.
        if y[0] < p.e_rev && next[0] >= p.e_rev {
            turns += 1;
            if turns == 3 {
                break;
            }
        }
        y = next;
        if turns == 2 {
            trace.push(y);
        }
    }
    (turns == 3 && trace.len() > POINTS).then(|| (0..POINTS).map(|k| trace[k * trace.len() / POINTS]).collect())
}

/// Lowest and highest v of the limit cycle; `None` where the equations rest.
pub(crate) fn extremes(p: &Parameters) -> Option<[f64; 2]> {
    let points = cycle(p)?;
    Some(points.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], y| [low.min(y[0]), high.max(y[0])]))
}

/// The place `by` (each of order 1) at which the parameters come closest to the circuit along the cycle; `None` where
/// the equations rest or a current is not to be had. `parameters` makes them from a place; `wanted` gives the circuit's
/// currents into both nodes at the states of the first ones, `found` a model's there, both over Iref.
pub(crate) fn over_cycle(
    unknowns: usize,
    parameters: impl Fn(&[f64]) -> Parameters,
    wanted: impl Fn([f64; 2]) -> Option<[f64; 2]>,
    found: impl Fn(&Parameters, [f64; 2]) -> [f64; 2],
) -> Option<Vec<f64>> {
    let points = cycle(&parameters(&vec![0.0; unknowns]))?;
    let wanted: Vec<[f64; 2]> = points.iter().map(|y| wanted(*y)).collect::<Option<_>>()?;
    let misses = |by: &[f64]| -> Vec<f64> {
        let p = parameters(by);
        let off = points.iter().zip(&wanted).flat_map(|(y, w)| {
            let f = found(&p, *y);
            [f[0] - w[0], f[1] - w[1]]
        });
        off.chain(by.iter().map(|x| MISFIT * x)).collect()
    };
    let names: Vec<Unknown> = (0..unknowns).map(|i| Unknown::new(format!("{i}"), 0.0, 1.0)).collect();
    fit_whole("FHNRS over its cycle", &names, misses).ok().map(|f| f.values)
}
