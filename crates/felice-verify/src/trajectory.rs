//! The model's side: its trajectory on the case's grid, in the units of the circuit's signals.

use felice_neurons::{AnyNeuron, NeuronError, Run, Sampling};

use crate::case::{Binding, Case};
use crate::compare::{Channel, Waves};
use crate::error::VerifyError;
use crate::grid;
use crate::parameters::mismatch;

/// How far the circuit's first sample may be from the case's initial state, over the channel's range.
const START: f64 = 0.01;

/// The same, over the value itself, for a channel that stands still.
const STILL: f64 = 1e-9;

/// The state at 0, in the model's units and order.
pub(crate) type Start = Vec<f64>;

/// Where the circuit is at its first sample, once that is what the case says: both sides start at the same state.
pub(crate) fn start(case: &Case, circuit: &Waves) -> Result<Start, VerifyError> {
    let mut start = case.initial.clone();
    for (value, (state, _)) in start.iter_mut().zip(&case.states) {
        let Some(channel) = circuit.channels.iter().find(|c| c.state == *state) else { continue };
        let stated = channel.offset + channel.scale * *value;
        let found = channel.values[0];
        if (found - stated).abs() > START * grid::range(&channel.values) + STILL * stated.abs() {
            return Err(mismatch(
                case,
                format!("{} starts at {found:.6} {}, the case says {stated:.6}", channel.signal, channel.unit),
                "make the netlist's .ic and the case's [initial] agree",
            ));
        }
        *value = (found - channel.offset) / channel.scale;
    }
    Ok(start)
}

/// How exactly and how long a trajectory is computed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Relative and absolute tolerance.
    pub(crate) tolerance: f64,
    /// Steps after which the run is given up: a neuron chattering on its diagonal would take for ever.
    pub(crate) max_steps: u64,
}

/// The trajectory, and what makes it doubtful.
pub(crate) fn waves(
    case: &Case,
    neuron: &AnyNeuron,
    like: &Waves,
    start: &Start,
    effort: Effort,
) -> Result<(Waves, Option<String>), NeuronError> {
    let rails = match case.rails {
        None => Vec::new(),
        Some((lo, hi)) => {
            let bound = |(_, binding): &(String, Binding)| matches!(binding, Binding::Signal { .. });
            let free = [f64::NEG_INFINITY, f64::INFINITY];
            case.states.iter().map(|s| if bound(s) { [lo, hi] } else { free }).collect()
        }
    };
    let run = Run {
        sampling: Sampling::Uniform(case.samples),
        initial: Some(start.clone()),
        rtol: effort.tolerance,
        atol: effort.tolerance,
        max_steps: effort.max_steps,
        rails,
        ..Run::to(case.span)
    };
    let trajectory = neuron.simulate(&run)?;
    let warning =
        (!trajectory.conditioning.is_good()).then(|| format!("the model's run is {}", trajectory.conditioning));
    let channels = like.channels.iter().map(|c| {
        let state = trajectory.sampled.get(&c.state).map(|s| s.values.as_slice()).unwrap_or_default();
        Channel { values: state.iter().map(|y| c.offset + c.scale * y).collect(), ..c.clone() }
    });
    Ok((Waves { tau: like.tau.clone(), channels: channels.collect() }, warning))
}
