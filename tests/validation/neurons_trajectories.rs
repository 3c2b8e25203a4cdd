//! Trajectories, spike times and conditioning against felice's own, as good as an 80-bit integrator has checked them.

use felice_neurons::{AnyNeuron, Direction, Event, NeuronError, Run, Sampling, Trajectory, Trigger};
use serde_json::Value;

use crate::neurons::{REFERENCE, neuron, numbers};
use crate::quantiles::Quantiles;

/// A reference trajectory and ours beside it, at its sample times.
pub struct Pair {
    name: String,
    pub reference: Value,
    pub neuron: AnyNeuron,
    run: Run,
}

/// Every reference trajectory of a model.
pub fn pairs(model: &'static str) -> impl Iterator<Item = Pair> {
    REFERENCE[model]["trajectories"].as_array().unwrap().iter().map(move |t| {
        let (t1, n) = (t["t1"].as_f64().unwrap(), t["n_samples"].as_f64().unwrap());
        let times = numbers(&t["index"]).iter().map(|i| i * t1 / (n - 1.0)).collect();
        Pair {
            name: format!("{model} {}", t["name"].as_str().unwrap()),
            reference: t.clone(),
            neuron: neuron(model, &t["params"]),
            run: Run {
                initial: Some(numbers(&t["y0"])),
                sampling: Sampling::At(times),
                rtol: 1e-12,
                atol: 1e-12,
                ..Run::to(t1)
            },
        }
    })
}

impl Pair {
    fn simulate(&self) -> Trajectory {
        self.neuron.simulate(&self.run).unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    pub fn well_conditioned(&self) -> bool {
        self.reference["well_conditioned"].as_bool().unwrap()
    }

    /// The state starts on the diagonal u = v.
    fn on_the_diagonal(&self) -> bool {
        let y0 = numbers(&self.reference["y0"]);
        &*self.neuron.info().name == "wererabbit" && y0[0] == y0[1]
    }
}

#[test]
fn val_trajectories() {
    let (mut errors, mut conservative) = (Vec::new(), Vec::new());
    for pair in ["wererabbit", "boomerang", "fhnrs"].into_iter().flat_map(pairs).filter(Pair::well_conditioned) {
        let trajectory = pair.simulate();
        let amplification = pair.reference["amplification"].as_f64().unwrap_or(1.0);
        let gamma = pair.neuron.get("gamma").unwrap_or(1.0);
        for (k, y) in pair.reference["y"].as_array().unwrap().iter().enumerate() {
            let ours = trajectory.sampled.signals().iter().map(|s| s.values[k]);
            let error = ours.zip(numbers(y)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / amplification;
            if gamma == 0.0 { conservative.push(error) } else { errors.push(error) }
        }
    }
    Quantiles::of("trajectories at 1e-12 / amplification", errors).gate(1e-13, 1e-11, 2e-9);
    Quantiles::of("trajectories at 1e-12 / amplification, gamma = 0", conservative).gate(1e-12, 1e-10, 1e-7);
}

#[test]
fn val_ill_conditioned_runs_are_recognised() {
    let mut ratios = Vec::new();
    for pair in ["wererabbit", "boomerang", "fhnrs"].into_iter().flat_map(pairs) {
        let trajectory = pair.simulate();
        let good = pair.well_conditioned();
        assert_eq!(trajectory.conditioning.is_good(), good, "{}: {}", pair.name, trajectory.conditioning);
        // The rest at the diagonal's foot has none.
        if let (true, Some(amplification)) = (good, pair.reference["amplification"].as_f64()) {
            ratios.push((trajectory.conditioning.growth / amplification).log2());
        }
    }
    Quantiles::of("log2(growth of a perturbation / reference amplification)", ratios).gate(1.0, 2.0, 2.0);
    let saddle = AnyNeuron::new("boomerang").unwrap().simulate(&Run::to(10.0)).unwrap();
    assert!(!saddle.conditioning.is_good(), "{}", saddle.conditioning);
    let short = AnyNeuron::new("boomerang").unwrap().simulate(&Run::to(0.5)).unwrap();
    assert!(short.conditioning.is_good(), "{}", short.conditioning);
}

fn rising(state: &str, level: f64) -> Event {
    Trigger::Crossing { state: state.into(), level, direction: Direction::Rising }.into()
}

#[test]
fn val_fhnrs_spike_times() {
    let (mut times, mut intervals) = (Vec::new(), Vec::new());
    for mut pair in pairs("fhnrs") {
        let levels = numbers(&pair.reference["thresholds"]);
        pair.run.events = levels.iter().map(|&level| rising("v", level)).collect();
        let trajectory = pair.simulate();
        let reference = pair.reference["spike_times"].as_object().unwrap();
        for (k, level) in levels.iter().enumerate() {
            let expected = numbers(&reference[&format!("vthr={level}")]);
            let ours = trajectory.times_of(k);
            assert_eq!(ours.len(), expected.len(), "{}: spikes through {level}", pair.name);
            times.extend(ours.iter().zip(expected).map(|(a, b)| a - b));
        }
        let zero = levels.iter().position(|l| *l == 0.0).unwrap();
        let ours = trajectory.times_of(zero);
        let expected = pair.reference["last_intervals_v0"]
            .as_array()
            .map_or(Vec::new(), |_| numbers(&pair.reference["last_intervals_v0"]));
        let ours: Vec<f64> = ours.windows(2).map(|w| w[1] - w[0]).collect();
        intervals.extend(ours.iter().rev().zip(expected.iter().rev()).map(|(a, b)| a - b));
    }
    Quantiles::of("fhnrs spike times", times).gate(2e-11, 1e-9, 1e-9);
    Quantiles::of("fhnrs inter-spike intervals", intervals).gate(2e-11, 1e-9, 1e-9);
}

#[test]
fn val_spike_condition_crossings() {
    let mut errors = Vec::new();
    for mut pair in pairs("wererabbit").filter(Pair::well_conditioned).filter(|p| !p.on_the_diagonal()) {
        let expected = numbers(&pair.reference["spike_condition_up_crossings"]);
        pair.run.events = vec![Event { trigger: Trigger::SpikeCondition, stop_after: Some(expected.len()) }];
        let ours = pair.simulate().times_of(0);
        assert_eq!(ours.len(), expected.len(), "{}", pair.name);
        errors.extend(ours.iter().zip(expected).map(|(a, b)| a - b));
    }
    Quantiles::of("wererabbit spike condition crossings", std::mem::take(&mut errors)).gate(5e-11, 1e-9, 2e-9);
    for mut pair in pairs("boomerang") {
        let Some(expected) = pair.reference["first_spike_condition_up_crossing"].as_f64() else { continue };
        pair.run.events = vec![Event { trigger: Trigger::SpikeCondition, stop_after: Some(1) }];
        errors.push(pair.simulate().times_of(0)[0] - expected);
    }
    // Settling at 3e-5 from a focus that is left at a rate of .26: the time is worth 1e-5 of the state's error.
    Quantiles::of("boomerang first spike condition crossings", errors).gate(5e-8, 1e-7, 1e-7);
}

#[test]
fn val_the_diagonal_ends_at_rest() {
    for (start, t) in [([0.2, 0.2], 0.2 / 0.6), ([-0.2, -0.2], 0.2 / 0.6), ([0.0, 0.0], 0.0)] {
        let run = Run { initial: Some(start.to_vec()), ..Run::to(2.0) };
        let trajectory = AnyNeuron::new("wererabbit").unwrap().simulate(&run).unwrap();
        assert_eq!(trajectory.final_state, [0.0, 0.0]);
        let before = trajectory.sampled.axis().values.iter().zip(&trajectory.sampled.signals()[0].values);
        for (time, u) in before {
            let expected = start[0] - start[0].signum() * 0.6 * time.min(t);
            assert!((u - expected).abs() < 1e-9 || start[0] == 0.0, "u({time}) = {u}");
        }
    }
}

#[test]
fn val_a_runaway_is_an_error_that_keeps_what_was_computed() {
    let mut neuron = AnyNeuron::new("wererabbit").unwrap();
    neuron.set("sigma", 1.2).unwrap();
    let error = neuron.simulate(&Run { initial: Some(vec![0.3, 0.1]), ..Run::to(100.0) }).unwrap_err();
    let NeuronError::Interrupted(interrupted) = error else { panic!("{error}") };
    assert!(interrupted.partial.sampled.len() > 10 && interrupted.t > 1.0, "{interrupted}");
    assert!(interrupted.to_string().contains("runs away"), "{interrupted}");
}
