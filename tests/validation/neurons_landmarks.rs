//! Landmarks: fixed points, eigenvalues, periods and spike times as they are published, to the printed digits.

use std::f64::consts::TAU;

use felice_neurons::{AnyNeuron, Direction, Event, FixedPoint, Run, Stability, Trigger};

fn neuron(model: &str, parameters: &[(&str, f64)]) -> AnyNeuron {
    parameters.iter().fold(AnyNeuron::new(model).unwrap(), |n, (name, value)| n.with(name, *value).unwrap())
}

/// Half a unit of the last printed digit, and a rounding.
#[track_caller]
fn printed(ours: f64, theirs: f64, decimals: i32) {
    let limit = 0.5 * 10.0_f64.powi(-decimals) + 4.0 * f64::EPSILON * theirs.abs();
    assert!((ours - theirs).abs() <= limit, "{ours:.17} is not {theirs} to {decimals} decimals");
}

#[track_caller]
fn focus(point: &FixedPoint, state: [f64; 2], [re, im]: [f64; 2], decimals: i32) {
    printed(point.state[0], state[0], 15);
    printed(point.state[1], state[1], 15);
    printed(point.eigenvalues[0].re, re, decimals);
    printed(point.eigenvalues[0].im, im, decimals);
    assert_eq!(point.stability, Stability::StableFocus);
}

#[test]
fn val_wererabbit_foci() {
    for (alpha, [u, v], eigenvalue, period) in [
        (0.0129, [0.313383852651582, 0.144353448375601], [-0.142354383, 8.729677923], 0.719749956726),
        (0.00129, [0.463319312284779, 0.294324566956655], [-0.147606295, 8.726841457], 0.719983895436),
    ] {
        let points = neuron("wererabbit", &[("alpha", alpha)]).fixed_points(&[-1.0; 2], &[1.5; 2]).unwrap();
        let [mirror, point] = &points[..] else { panic!("{points:?}") };
        focus(point, [u, v], eigenvalue, 9);
        focus(mirror, [v, u], eigenvalue, 9);
        printed(TAU / point.eigenvalues[0].im, period, 12);
    }
}

#[test]
fn val_boomerang_saddle_and_foci() {
    let n = neuron("boomerang", &[]);
    let points = n.fixed_points(&[-0.5; 2], &[1.0; 2]).unwrap();
    let [left, saddle, right] = &points[..] else { panic!("{points:?}") };
    focus(left, [0.221230282548571, 0.310103258853746], [-0.2645, 12.1054], 4);
    focus(right, [0.307437171493057, 0.221085754713316], [-0.2557, 12.0544], 4);
    printed(TAU / left.eigenvalues[0].im, 0.519039, 6);
    printed(TAU / right.eigenvalues[0].im, 0.521237, 6);
    assert_eq!(saddle.stability, Stability::Saddle);
    for (i, theirs) in [0.279142735821966, 0.278604195687376].into_iter().enumerate() {
        printed(saddle.state[i], theirs, 15);
        printed(n.initial_state().unwrap()[i], theirs, 15);
    }
    printed(saddle.eigenvalues[0].re, 17.5747, 4);
    printed(saddle.eigenvalues[1].re, -18.0947, 4);

    let script = neuron("boomerang", &[("alpha", 0.00129), ("rho", 10.0)]);
    let points = script.fixed_points(&[-0.5; 2], &[1.0; 2]).unwrap();
    let [point] = &points[..] else { panic!("{points:?}") };
    focus(point, [0.434893772370701, 0.417124580545648], [-0.260574, 7.723698], 6);
    printed(TAU / point.eigenvalues[0].im, 0.813494, 6);
}

#[test]
fn val_fhnrs_rest_cycle_and_spikes() {
    let n = neuron("fhnrs", &[]);
    let points = n.fixed_points(&[-4.0; 3], &[4.0; 3]).unwrap();
    let [rest] = &points[..] else { panic!("{points:?}") };
    assert!(rest.state.iter().all(|x| x.abs() < 1e-15) && rest.stability == Stability::UnstableNode, "{rest:?}");
    let growing: Vec<f64> = rest.eigenvalues.iter().filter(|l| l.re > 0.0).map(|l| l.re).collect();
    printed(growing[0], 0.959148, 6);
    printed(growing[1], 0.020852, 6);

    // Printed to 14 decimals: what it is good to is a rounding of its own spike times, near 300.
    printed(n.limit_cycle(&[2.0, 0.0, 0.0], 300.0).unwrap().period, 50.42397579749469, 12);
    let fast = neuron("fhnrs", &[("tau_slow", 20.0), ("c", 0.5)]);
    printed(fast.limit_cycle(&[2.0, 0.0, 0.0], 300.0).unwrap().period, 21.261503599256, 12);

    // (The third is printed as 42.80415886 where it is published; its own data say 42.804158833.)
    for (i_app, time) in [(0.0, 44.32670201), (1.0, 43.55330803), (2.0, 42.80415883)] {
        let trigger = Trigger::Crossing { state: "v".into(), level: 2.0, direction: Direction::Rising };
        let events = vec![Event { trigger, stop_after: Some(1) }, Trigger::SpikeCondition.into()];
        let run = Run { initial: Some(vec![2.0, 0.0, i_app]), events, rtol: 1e-12, atol: 1e-12, ..Run::to(60.0) };
        let t = n.simulate(&run).unwrap();
        // The spike condition is v − 2: the start, exactly at the threshold, is no crossing.
        assert_eq!((t.times_of(0).len(), t.times_of(1).len()), (1, 1));
        printed(t.times_of(0)[0], time, 8);
        printed(t.times_of(1)[0], time, 8);
    }
}
