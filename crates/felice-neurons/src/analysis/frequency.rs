//! The f–I curve: how fast a neuron fires at a constant current.

use crate::any::AnyNeuron;
use crate::error::NeuronError;
use crate::integrate::{Run, Sampling, Stimulus, Trigger};

/// How a neuron fires at one current.
#[derive(Clone, Debug, PartialEq)]
pub struct Firing {
    /// The current.
    pub current: f64,
    /// Spikes per unit of time: one over the mean inter-spike interval after the transient; 0 below two spikes.
    pub frequency: f64,
    /// Smallest and largest inter-spike interval; equal where it fires regularly, far apart where it bursts.
    pub intervals: Option<(f64, f64)>,
}

impl AnyNeuron {
    /// Firing at each of these currents, injected into `state` from time 0 of `run` on.
    ///
    /// Spikes are occurrences of `spike` (upward crossings of a threshold, usually) after `transient`. `run` says how long
    /// and how exactly; its samples are not used, its stimuli stay.
    ///
    /// # Errors
    /// Whatever [`simulate`](Self::simulate) refuses; [`NeuronError::Run`] for a transient not within the run.
    pub fn f_i_curve(
        &self,
        state: &str,
        currents: &[f64],
        spike: &Trigger,
        transient: f64,
        run: &Run,
    ) -> Result<Vec<Firing>, NeuronError> {
        if !(0.0..run.t_end).contains(&transient) {
            return Err(NeuronError::Run { what: "transient", value: transient.to_string(), range: "within the run" });
        }
        let at = |&current: &f64| {
            let step = Stimulus::Step { state: state.to_owned(), at: 0.0, amplitude: current };
            let stimuli = run.stimuli.iter().cloned().chain([step]).collect();
            let events = vec![spike.clone().into()];
            let t = self.simulate(&Run { stimuli, events, sampling: Sampling::At(Vec::new()), ..run.clone() })?;
            let times: Vec<f64> = t.times_of(0).into_iter().filter(|t| *t >= transient).collect();
            let intervals: Vec<f64> = times.windows(2).map(|w| w[1] - w[0]).collect();
            let least = intervals.iter().copied().reduce(f64::min);
            let most = intervals.iter().copied().reduce(f64::max);
            let mean = intervals.iter().sum::<f64>() / intervals.len() as f64;
            let frequency = if intervals.is_empty() { 0.0 } else { 1.0 / mean };
            Ok(Firing { current, frequency, intervals: least.zip(most) })
        };
        currents.iter().map(at).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Direction;

    #[test]
    fn fhnrs_fires_between_two_currents() {
        let n = AnyNeuron::new("fhnrs").unwrap();
        let spike = Trigger::Crossing { state: "v".into(), level: 0.0, direction: Direction::Rising };
        let run = Run { initial: Some(vec![2.0, 0.0, 0.0]), ..Run::to(600.0) };
        let curve = n.f_i_curve("v", &[-3.0, 0.0, 3.0], &spike, 100.0, &run).unwrap();
        assert_eq!((curve[0].frequency, curve[2].frequency, curve[0].intervals), (0.0, 0.0, None));
        assert!((1.0 / curve[1].frequency - 50.42397579749469).abs() < 1e-6, "{curve:?}");
        let (least, most) = curve[1].intervals.unwrap();
        assert!(most - least < 1e-6);
    }

    #[test]
    fn four_elements_burst() {
        let n = AnyNeuron::new("ribar-sepulchre").unwrap();
        let spike = Trigger::SpikeCondition;
        let curve = n.f_i_curve("v", &[0.0], &spike, 4000.0, &Run::to(20_000.0)).unwrap();
        let (least, most) = curve[0].intervals.unwrap();
        assert!(most > 5.0 * least, "inter-spike intervals from {least} to {most}");
    }
}
