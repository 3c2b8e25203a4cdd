//! Stimuli: currents injected into a state's equation, and spikes that kick a state.

use crate::error::NeuronError;
use crate::neuron::Info;

/// Something done to a neuron from outside. Stimuli add up; two of one kind on one state at one time conflict.
///
/// A current I adds `input_gain · I` to the derivative of its state (1/C for the membrane of fhnrs, 1 elsewhere). Times
/// are in the model's unit of time. The integration goes from change to change and never steps over one.
#[derive(Clone, Debug, PartialEq)]
pub enum Stimulus {
    /// A current that is on from `at`.
    Step {
        /// State whose equation it enters.
        state: String,
        /// When it goes on.
        at: f64,
        /// The current.
        amplitude: f64,
    },
    /// A current that is on between two times.
    Pulse {
        /// State whose equation it enters.
        state: String,
        /// When it goes on.
        from: f64,
        /// When it goes off.
        to: f64,
        /// The current.
        amplitude: f64,
    },
    /// A current that rises from zero to `amplitude` between two times and stays there.
    Ramp {
        /// State whose equation it enters.
        state: String,
        /// When it leaves zero.
        from: f64,
        /// When it arrives.
        to: f64,
        /// Where it arrives.
        amplitude: f64,
    },
    /// Spikes, each adding `weight` to a state (usually `i_app`) at once; a sample at a spike's time is after it.
    SpikeTrain {
        /// State that is kicked.
        state: String,
        /// When, rising.
        times: Vec<f64>,
        /// By how much.
        weight: f64,
    },
}

/// What the stimuli do to one state between two changes: a current a + b (t − start).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Drive {
    pub state: usize,
    pub level: f64,
    pub slope: f64,
}

fn problem(index: usize, what: String) -> NeuronError {
    NeuronError::Stimulus { index, what }
}

/// Stimuli whose states have been looked up and whose times and sizes make sense.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stimuli(Vec<(usize, Stimulus)>);

impl Stimuli {
    /// # Errors
    /// [`NeuronError::Stimulus`], saying which and why; [`NeuronError::UnknownState`].
    pub fn new(info: &Info, stimuli: &[Stimulus]) -> Result<Self, NeuronError> {
        let mut checked: Vec<(usize, Stimulus)> = Vec::new();
        for (index, s) in stimuli.iter().enumerate() {
            let state = info.state(s.state())?;
            s.check(index)?;
            if let Some(other) = checked.iter().position(|(i, t)| *i == state && s.conflicts(t)) {
                return Err(problem(
                    index,
                    format!("conflicts with stimulus {other}: both act on `{}` at one time; merge them", s.state()),
                ));
            }
            checked.push((state, s.clone()));
        }
        Ok(Stimuli(checked))
    }

    /// Every time within (0, t_end) at which something changes, rising, each once.
    pub fn changes(&self, t_end: f64) -> Vec<f64> {
        let mut times: Vec<f64> =
            self.0.iter().flat_map(|(_, s)| s.changes()).filter(|t| *t > 0.0 && *t < t_end).collect();
        times.sort_by(f64::total_cmp);
        times.dedup();
        times
    }

    /// The currents that flow from `start` to the next change.
    pub fn drives(&self, start: f64) -> Vec<Drive> {
        self.0
            .iter()
            .filter_map(|(state, s)| s.current(start).map(|(level, slope)| Drive { state: *state, level, slope }))
            .collect()
    }

    /// What spikes at exactly `t` add to which state.
    pub fn kicks(&self, t: f64) -> impl Iterator<Item = (usize, f64)> {
        self.0.iter().filter_map(move |(state, s)| match s {
            Stimulus::SpikeTrain { times, weight, .. } if times.binary_search_by(|x| x.total_cmp(&t)).is_ok() => {
                Some((*state, *weight))
            }
            _ => None,
        })
    }
}

impl Stimulus {
    fn state(&self) -> &str {
        match self {
            Stimulus::Step { state, .. }
            | Stimulus::Pulse { state, .. }
            | Stimulus::Ramp { state, .. }
            | Stimulus::SpikeTrain { state, .. } => state,
        }
    }

    fn changes(&self) -> Vec<f64> {
        match self {
            Stimulus::Step { at, .. } => vec![*at],
            Stimulus::Pulse { from, to, .. } | Stimulus::Ramp { from, to, .. } => vec![*from, *to],
            Stimulus::SpikeTrain { times, .. } => times.clone(),
        }
    }

    /// Level and slope from `t` on; `None` where no current flows.
    fn current(&self, t: f64) -> Option<(f64, f64)> {
        match *self {
            Stimulus::Step { at, amplitude, .. } if t >= at => Some((amplitude, 0.0)),
            Stimulus::Pulse { from, to, amplitude, .. } if t >= from && t < to => Some((amplitude, 0.0)),
            Stimulus::Ramp { from, to, amplitude, .. } if t >= from && t < to => {
                let slope = amplitude / (to - from);
                Some((slope * (t - from), slope))
            }
            Stimulus::Ramp { to, amplitude, .. } if t >= to => Some((amplitude, 0.0)),
            _ => None,
        }
    }

    fn check(&self, index: usize) -> Result<(), NeuronError> {
        let size = match self {
            Stimulus::Step { amplitude, .. } | Stimulus::Pulse { amplitude, .. } | Stimulus::Ramp { amplitude, .. } => {
                amplitude
            }
            Stimulus::SpikeTrain { weight, .. } => weight,
        };
        if !size.is_finite() {
            return Err(problem(index, format!("its size is {size}; it must be a finite number")));
        }
        if let Some(t) = self.changes().iter().find(|t| !t.is_finite()) {
            return Err(problem(index, format!("one of its times is {t}; times must be finite numbers")));
        }
        match self {
            Stimulus::Pulse { from, to, .. } | Stimulus::Ramp { from, to, .. } if from >= to => {
                Err(problem(index, format!("it goes from {from} to {to}; the end must be after the start")))
            }
            Stimulus::SpikeTrain { times, .. } => match times.windows(2).find(|w| w[0] >= w[1]) {
                Some(w) => Err(problem(index, format!("spike times must rise, but {} follows {}", w[1], w[0]))),
                None if times.first().is_some_and(|t| *t < 0.0) => {
                    Err(problem(index, format!("a spike at {} is before the start at 0", times[0])))
                }
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Two of one kind that act on one state at one time.
    fn conflicts(&self, other: &Stimulus) -> bool {
        match (self, other) {
            (Stimulus::Step { at: a, .. }, Stimulus::Step { at: b, .. }) => a == b,
            (Stimulus::Pulse { from: a, to: b, .. }, Stimulus::Pulse { from: c, to: d, .. })
            | (Stimulus::Ramp { from: a, to: b, .. }, Stimulus::Ramp { from: c, to: d, .. }) => a < d && c < b,
            (Stimulus::SpikeTrain { times: a, .. }, Stimulus::SpikeTrain { times: b, .. }) => {
                a.iter().any(|t| b.binary_search_by(|x| x.total_cmp(t)).is_ok())
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AnyNeuron;

    fn pulse(from: f64, to: f64) -> Stimulus {
        Stimulus::Pulse { state: "v".into(), from, to, amplitude: 1.0 }
    }

    fn train(times: &[f64]) -> Stimulus {
        Stimulus::SpikeTrain { state: "i_app".into(), times: times.to_vec(), weight: 1.0 }
    }

    #[test]
    fn nonsense_is_refused() {
        let info = AnyNeuron::new("fhnrs").unwrap().info().clone();
        let refused = |s: &[Stimulus]| Stimuli::new(&info, s).unwrap_err().to_string();
        assert!(refused(&[pulse(2.0, 2.0)]).contains("after the start"));
        assert!(refused(&[pulse(0.0, f64::NAN)]).contains("finite"));
        assert!(
            refused(&[pulse(0.0, 2.0), pulse(5.0, 6.0), pulse(1.0, 3.0)])
                .contains("stimulus 2 conflicts with stimulus 0")
        );
        assert!(refused(&[train(&[1.0, 1.0])]).contains("rise"));
        assert!(refused(&[train(&[1.0, 2.0]), train(&[2.0, 3.0])]).contains("conflicts"));
        let elsewhere = Stimulus::Step { state: "u".into(), at: 0.0, amplitude: 1.0 };
        assert!(refused(&[elsewhere]).contains("`u`"));
    }

    #[test]
    fn currents_add_and_change_where_they_should() {
        let info = AnyNeuron::new("fhnrs").unwrap().info().clone();
        let ramp = Stimulus::Ramp { state: "v".into(), from: 1.0, to: 3.0, amplitude: 4.0 };
        let s = Stimuli::new(&info, &[pulse(0.0, 2.0), ramp, train(&[2.0, 9.0])]).unwrap();
        assert_eq!(s.changes(5.0), [1.0, 2.0, 3.0]);
        let drive = |level, slope| Drive { state: 0, level, slope };
        assert_eq!(s.drives(0.0), [drive(1.0, 0.0)]);
        assert_eq!(s.drives(1.0), [drive(1.0, 0.0), drive(0.0, 2.0)]);
        assert_eq!(s.drives(2.0), [drive(2.0, 2.0)]);
        assert_eq!(s.drives(3.0), [drive(4.0, 0.0)]);
        assert_eq!(s.kicks(2.0).collect::<Vec<_>>(), [(2, 1.0)]);
    }
}
