//! Runs with known answers: an oscillator, a leak, and every way a run can be refused or cut short.

use std::borrow::Cow;
use std::f64::consts::{FRAC_PI_6, PI};

use crate::{
    AnyNeuron, Direction, Event, Info, Method, Neuron, NeuronError, Precision, Real, Reason, Run, Sampling, State,
    Stimulus, Trajectory, Trigger,
};

/// du/dt = v, dv/dt = −u.
#[derive(Clone, Copy)]
struct Oscillator;

/// du/dt = −u.
#[derive(Clone, Copy)]
struct Leak;

const UV: &[State] = &[State::new("u", ""), State::new("v", "")];

const fn info(name: &'static str, states: &'static [State]) -> Info {
    Info {
        name: Cow::Borrowed(name),
        about: Cow::Borrowed(""),
        source: Cow::Borrowed(""),
        time: Cow::Borrowed(""),
        states: Cow::Borrowed(states),
        parameters: Cow::Borrowed(&[]),
        options: Cow::Borrowed(&[]),
        spike: Cow::Borrowed("u − 0.5"),
    }
}

impl Neuron for Oscillator {
    type State<R: Real> = [R; 2];
    type Parameters<R: Real> = [R; 0];
    const INFO: Info = info("oscillator", UV);
    fn field<R: Real>(_: &[R; 0], [u, v]: [R; 2]) -> [R; 2] {
        [v, -u]
    }
    fn spike_condition<R: Real>(_: &[R; 0], [u, _]: [R; 2], _: [R; 2]) -> R {
        u - R::num(0.5)
    }
}

impl Neuron for Leak {
    type State<R: Real> = [R; 1];
    type Parameters<R: Real> = [R; 0];
    const INFO: Info = info("leak", UV.split_at(1).0);
    fn field<R: Real>(_: &[R; 0], [u]: [R; 1]) -> [R; 1] {
        [-u]
    }
    fn spike_condition<R: Real>(_: &[R; 0], [u]: [R; 1], _: [R; 1]) -> R {
        u
    }
}

fn oscillator() -> AnyNeuron {
    AnyNeuron::of::<Oscillator>([])
}

fn leak() -> AnyNeuron {
    AnyNeuron::of::<Leak>([])
}

fn exact(t_end: f64, initial: &[f64]) -> Run {
    Run { initial: Some(initial.to_vec()), rtol: 1e-12, atol: 1e-12, ..Run::to(t_end) }
}

/// Largest difference of state `i` from f(t), over the samples.
fn error(t: &Trajectory, i: usize, f: impl Fn(f64) -> f64) -> f64 {
    let samples = t.sampled.axis().values.iter().zip(&t.sampled.signals()[i].values);
    samples.map(|(t, y)| (y - f(*t)).abs()).fold(0.0, f64::max)
}

fn crossing(state: &str, level: f64, direction: Direction) -> Trigger {
    Trigger::Crossing { state: state.into(), level, direction }
}

#[test]
fn dense_output_is_as_good_as_the_steps() {
    for (method, limit) in [(Method::Dop853, 2e-11), (Method::Dopri5, 2e-9)] {
        let run = Run { method, ..exact(10.0, &[0.0, 1.0]) };
        let t = oscillator().simulate(&run).unwrap();
        assert!(
            error(&t, 0, f64::sin) < limit && error(&t, 1, f64::cos) < limit,
            "{method:?} {}",
            error(&t, 0, f64::sin)
        );
        assert_eq!((t.sampled.len(), t.t_final), (1001, 10.0));
    }
}

#[test]
fn events_are_roots_whatever_the_samples() {
    let events: Vec<Event> = vec![
        crossing("u", 0.0, Direction::Either).into(),
        crossing("u", 0.0, Direction::Falling).into(),
        Trigger::SpikeCondition.into(),
    ];
    let run = Run { events, ..exact(20.0, &[0.0, 1.0]) };
    let one = oscillator().simulate(&run).unwrap();
    let two = oscillator().simulate(&Run { sampling: Sampling::At(vec![3.0]), ..run }).unwrap();
    assert_eq!(one.occurrences, two.occurrences);
    // The start, exactly at zero, is no crossing.
    let near = |event, expected: &[f64]| {
        let times = one.times_of(event);
        assert_eq!(times.len(), expected.len(), "{times:?}");
        assert!(times.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-10), "{times:?}");
    };
    near(0, &[PI, 2.0 * PI, 3.0 * PI, 4.0 * PI, 5.0 * PI, 6.0 * PI]);
    near(1, &[PI, 3.0 * PI, 5.0 * PI]);
    near(2, &[FRAC_PI_6, FRAC_PI_6 + 2.0 * PI, FRAC_PI_6 + 4.0 * PI, FRAC_PI_6 + 6.0 * PI]);
}

#[test]
fn an_event_may_end_the_run() {
    let stop = Event { trigger: crossing("u", 0.0, Direction::Falling), stop_after: Some(2) };
    let t = oscillator().simulate(&Run { events: vec![stop], ..exact(20.0, &[0.0, 1.0]) }).unwrap();
    assert_eq!((t.stopped_by, t.occurrences.len()), (Some(0), 2));
    assert!((t.t_final - 3.0 * PI).abs() < 1e-10 && (t.final_state[1] + 1.0).abs() < 1e-10);
    assert!(t.sampled.axis().values.iter().all(|time| *time <= t.t_final));
    assert_eq!(t.sampled.len(), (t.t_final / 0.02) as usize + 1);
}

#[test]
fn a_rail_holds_and_lets_go() {
    // u = sin t reaches .5 at π/6; v = cos π/6 − (t − π/6)/2 is zero √3 later; u = .5 cos from there.
    let t = oscillator().simulate(&Run { rails: vec![[-2.0, 0.5], [-2.0, 2.0]], ..exact(4.0, &[0.0, 1.0]) }).unwrap();
    let release = FRAC_PI_6 + 3.0_f64.sqrt();
    let u = |t: f64| {
        if t < FRAC_PI_6 {
            t.sin()
        } else if t < release {
            0.5
        } else {
            0.5 * (t - release).cos()
        }
    };
    assert!(error(&t, 0, u) < 1e-10, "{:e}", error(&t, 0, u));
    assert!(t.sampled.signals()[0].values.iter().all(|u| *u <= 0.5));
    assert!(t.sampled.signals()[0].values.contains(&0.5));
}

#[test]
fn a_start_on_a_rail_moves_inward_or_stays() {
    let inward = leak().simulate(&Run { rails: vec![[-1.0, 1.0]], ..exact(3.0, &[1.0]) }).unwrap();
    assert!(error(&inward, 0, |t| (-t).exp()) < 1e-11);
    let push = Stimulus::Step { state: "u".into(), at: 0.0, amplitude: 3.0 };
    let held = leak().simulate(&Run { rails: vec![[-1.0, 1.0]], stimuli: vec![push], ..exact(3.0, &[1.0]) }).unwrap();
    assert!(error(&held, 0, |_| 1.0) == 0.0);
}

#[test]
fn currents_flow_when_they_should() {
    let on = |t: f64, from: f64| if t > from { 1.0 - (from - t).exp() } else { 0.0 };
    let pulse = Stimulus::Pulse { state: "u".into(), from: 1.0, to: 1.001, amplitude: 1000.0 };
    let t = leak().simulate(&Run { stimuli: vec![pulse], ..exact(5.0, &[0.0]) }).unwrap();
    assert!(error(&t, 0, |t| 1000.0 * (on(t, 1.0) - on(t, 1.001))) < 1e-9);
    let ramp = Stimulus::Ramp { state: "u".into(), from: 1.0, to: 3.0, amplitude: 4.0 };
    let t = leak().simulate(&Run { stimuli: vec![ramp], ..exact(5.0, &[0.0]) }).unwrap();
    let rise = |t: f64, from: f64| if t > from { 2.0 * (t - from - 1.0 + (from - t).exp()) } else { 0.0 };
    let off = error(&t, 0, |t| rise(t, 1.0) - rise(t, 3.0));
    assert!(off < 1e-10, "{off:e}");
}

#[test]
fn spikes_kick_and_are_never_stepped_over() {
    let times: Vec<f64> = (0..50).map(|i| 0.37 * f64::from(i)).collect();
    let train = Stimulus::SpikeTrain { state: "i_app".into(), times: times.clone(), weight: 0.5 };
    let run = Run { stimuli: vec![train], ..exact(20.0, &[0.0, 0.0, 0.0]) };
    let t = AnyNeuron::new("fhnrs").unwrap().simulate(&run).unwrap();
    let i_app = |t: f64| times.iter().filter(|s| **s <= t).map(|s| 0.5 * (s - t).exp()).sum::<f64>();
    assert!(error(&t, 2, i_app) < 1e-10, "{:e}", error(&t, 2, i_app));
    assert_eq!(t.sampled.signals()[2].values[0], 0.5);
}

#[test]
fn a_jump_across_a_threshold_is_an_event() {
    let kick = Stimulus::SpikeTrain { state: "u".into(), times: vec![1.0], weight: 2.0 };
    let events = vec![crossing("u", 1.0, Direction::Rising).into(), crossing("u", 1.0, Direction::Falling).into()];
    let t = leak().simulate(&Run { stimuli: vec![kick], events, ..exact(5.0, &[0.0]) }).unwrap();
    assert_eq!(t.times_of(0), [1.0]);
    assert!((t.times_of(1)[0] - 1.0 - 2.0_f64.ln()).abs() < 1e-11);
}

#[test]
fn settling_is_a_distance_from_a_stable_fixed_point() {
    let neuron = AnyNeuron::new("wererabbit").unwrap();
    let settled = Event { trigger: Trigger::Settled { distance: 1e-3 }, stop_after: Some(1) };
    let run = Run { events: vec![settled], ..exact(200.0, &[0.3, 0.1]) };
    let t = neuron.simulate(&run).unwrap();
    assert_eq!(t.stopped_by, Some(0));
    let gone = (t.final_state[0] - 0.313383852651582).hypot(t.final_state[1] - 0.144353448375601);
    assert!((gone - 1e-3).abs() < 1e-9, "{gone}");
    // Who starts there has settled at once; a saddle is no place to settle at.
    let there = Run { initial: Some(t.final_state), ..run.clone() };
    assert!(neuron.simulate(&there).unwrap().t_final < 1e-9);
    let saddle = AnyNeuron::new("boomerang").unwrap().simulate(&Run { initial: None, t_end: 1.0, ..run }).unwrap();
    assert_eq!(saddle.stopped_by, None);
    // A constant applied current has no equation to settle by.
    let mut fhnrs = AnyNeuron::new("fhnrs").unwrap();
    for (name, value) in [("tau_syn", f64::INFINITY), ("a_fast", 0.5)] {
        fhnrs.set(name, value).unwrap();
    }
    let event = Event { trigger: Trigger::Settled { distance: 1e-3 }, stop_after: Some(1) };
    let t = fhnrs.simulate(&Run { events: vec![event], ..exact(2000.0, &[2.0, 0.0, 1.0]) }).unwrap();
    assert_eq!((t.stopped_by, t.final_state[2]), (Some(0), 1.0));
}

#[test]
fn single_precision_is_near_double() {
    let neuron = AnyNeuron::new("fhnrs").unwrap();
    let run = Run { precision: Precision::F32, initial: Some(vec![2.0, 0.0, 1.0]), ..Run::to(40.0) };
    let single = neuron.simulate(&run).unwrap();
    let double = neuron.simulate(&Run { precision: Precision::F64, ..run }).unwrap();
    let of = |t: &Trajectory| t.sampled.signals()[0].values.clone();
    let error = of(&single).iter().zip(of(&double)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(error > 0.0 && error < 1e-4, "{error}");
    assert!(of(&single).iter().all(|y| f64::from(*y as f32) == *y));
}

/// The reason a run is cut short, after a look at what it had computed.
fn interrupted(neuron: &AnyNeuron, run: &Run) -> Reason {
    match neuron.simulate(run) {
        Err(NeuronError::Interrupted(i)) => {
            assert!(i.t <= run.t_end && i.partial.t_final == i.t && !i.partial.sampled.is_empty());
            assert_eq!(i.partial.final_state.len(), neuron.dimension());
            assert!(i.to_string().contains(" at t = ") && i.to_string().len() < 300, "{i}");
            i.reason
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_run_that_cannot_go_on_says_why() {
    let mut rabbit = AnyNeuron::new("wererabbit").unwrap();
    let high = Run { initial: Some(vec![40.0, 0.0]), ..Run::to(50.0) };
    assert!(matches!(interrupted(&rabbit, &high), Reason::Stiff { .. }));
    let higher = Run { initial: Some(vec![400.0, -1e300]), ..high.clone() };
    assert!(matches!(interrupted(&rabbit, &higher), Reason::NotFinite { .. }));
    let few = Run { max_steps: 20, initial: Some(vec![0.3, 0.1]), ..Run::to(50.0) };
    assert_eq!(interrupted(&rabbit, &few), Reason::Steps { steps: 20 });
    let mut fhnrs = AnyNeuron::new("fhnrs").unwrap();
    assert!(matches!(
        interrupted(&fhnrs, &Run { initial: Some(vec![2.0, 0.0, 0.0]), ..Run::to(1e12) }),
        Reason::TooLong { .. }
    ));
    fhnrs.set("g_max", -1.0).unwrap();
    let away = Run { initial: Some(vec![5.0, 0.0, 0.0]), ..Run::to(1e3) };
    assert!(matches!(interrupted(&fhnrs, &away), Reason::Runaway { .. }));
    rabbit.set("sigma", 1.5).unwrap();
    let run = Run { initial: Some(vec![0.3, 0.1]), ..Run::to(1e3) };
    assert!(matches!(interrupted(&rabbit, &run), Reason::Runaway { .. }));
    // Rails hold what would run away; where both potentials meet, the diagonal leads to its foot.
    let railed = rabbit.simulate(&Run { rails: vec![[-1.0, 1.0]], ..run }).unwrap();
    assert_eq!(railed.final_state, [0.0, 0.0]);
    assert!(railed.sampled.signals().iter().all(|s| s.values.iter().all(|y| (-1.0..=1.0).contains(y))));
}

/// u = v: there du/dτ = dv/dτ = −σ sign u, so that the way to the foot at 0 is a straight line.
#[test]
fn the_diagonal_leads_to_its_foot_whatever_the_tolerance() {
    // The first start once left the diagonal: the first step ended exactly at the foot.
    let starts = [(-0.049_808_073_808_721_85, 0.503_668_202_416_995_4), (1.7, 0.25), (-0.3, 0.875), (2e-4, 0.5)];
    for (start, sigma) in starts {
        let mut rabbit = AnyNeuron::new("wererabbit").unwrap();
        rabbit.set("sigma", sigma).unwrap();
        for tolerance in [1e-3, 1e-6, 1e-9, 1e-12] {
            for method in [Method::Dopri5, Method::Dop853] {
                for (precision, bound) in [(Precision::F64, 1e-14), (Precision::F32, 2e-7)] {
                    let run = Run { method, precision, ..exact(2.0 * f64::abs(start) / sigma, &[start, start]) };
                    let t = rabbit.simulate(&Run { rtol: tolerance, atol: tolerance, ..run }).unwrap();
                    let way = |t: f64| start.signum() * (start.abs() - sigma * t).max(0.0);
                    let off = error(&t, 0, way).max(error(&t, 1, way));
                    assert!(off <= bound && t.final_state == [0.0, 0.0], "{start} {tolerance} {method:?}: {off}");
                }
            }
        }
    }
}

#[test]
fn a_long_excursion_is_no_runaway() {
    let mut rabbit = AnyNeuron::new("wererabbit").unwrap();
    rabbit.set("sigma", 0.85).unwrap();
    let t = rabbit.simulate(&exact(200.0, &[-0.156, -0.1561])).unwrap();
    let lowest = t.sampled.signals().iter().flat_map(|s| s.values.iter().copied()).fold(0.0, f64::min);
    assert!(lowest < -10.0 && t.final_state.iter().all(|y| y.abs() < 2.0), "{lowest} {:?}", t.final_state);
}

#[test]
fn bad_runs_are_refused() {
    let neuron = AnyNeuron::new("fhnrs").unwrap();
    let good = Run::to(1.0);
    let nan = f64::NAN;
    let level = |level| vec![Event::from(crossing("v", level, Direction::Rising))];
    let refused: Vec<(&str, Run)> = vec![
        ("t_end is 0", Run { t_end: 0.0, ..good.clone() }),
        ("t_end is NaN", Run { t_end: nan, ..good.clone() }),
        ("t_end is inf", Run { t_end: f64::INFINITY, ..good.clone() }),
        ("rtol is -1", Run { rtol: -1.0, ..good.clone() }),
        ("atol is NaN", Run { atol: nan, ..good.clone() }),
        ("max_step is 0", Run { max_step: 0.0, ..good.clone() }),
        ("1e9 steps", Run { max_step: 1e-12, ..good.clone() }),
        ("first_step is -1", Run { first_step: Some(-1.0), ..good.clone() }),
        ("max_steps is 0", Run { max_steps: 0, ..good.clone() }),
        ("samples is 1", Run { sampling: Sampling::Uniform(1), ..good.clone() }),
        ("few enough", Run { sampling: Sampling::Uniform(usize::MAX), ..good.clone() }),
        ("sample time is 2", Run { sampling: Sampling::At(vec![0.5, 2.0]), ..good.clone() }),
        ("sample time is NaN", Run { sampling: Sampling::At(vec![nan]), ..good.clone() }),
        ("later than", Run { sampling: Sampling::At(vec![0.5, 0.5]), ..good.clone() }),
        ("initial state: 2 numbers where 3", Run { initial: Some(vec![0.0; 2]), ..good.clone() }),
        ("`v_slow` starts at NaN", Run { initial: Some(vec![0.0, nan, 0.0]), ..good.clone() }),
        ("lo < hi", Run { rails: vec![[1.0, 1.0]], ..good.clone() }),
        ("lo < hi", Run { rails: vec![[nan, 1.0]], ..good.clone() }),
        ("rails: 2 numbers where 3", Run { rails: vec![[0.0, 1.0]; 2], ..good.clone() }),
        ("outside its rails [1, 2]", Run { rails: vec![[1.0, 2.0]], ..good.clone() }),
        ("event level is inf", Run { events: level(f64::INFINITY), ..good.clone() }),
        ("no state `u`", Run { events: vec![crossing("u", 0.0, Direction::Rising).into()], ..good.clone() }),
        ("settled distance is 0", Run { events: vec![Trigger::Settled { distance: 0.0 }.into()], ..good.clone() }),
    ];
    for (message, run) in refused {
        let error = neuron.simulate(&run).unwrap_err().to_string();
        assert!(error.contains(message), "`{error}` does not say `{message}`");
    }
}
