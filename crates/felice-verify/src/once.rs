//! One simulation against its model, without the second, tightened run: for studies of many circuits, whose numerical
//! errors the case's own verification bounds.

use felice_neurons::AnyNeuron;
use felice_spice::Simulation;

use crate::case::{Binding, Case};
use crate::compare::{Channel, Comparison, Waves};
use crate::error::VerifyError;
use crate::metric::MetricName;
use crate::parameters::Prepared;
use crate::trajectory::{self, Effort};
use crate::verify::{landmarks, waves};

/// How exactly the model is computed.
const EFFORT: Effort = Effort { tolerance: 1e-9, max_steps: 2_000_000 };

/// A metric and its value, or why it could not be measured.
pub type Found = (MetricName, Result<f64, String>);

/// Every metric of a simulation of the case's circuit (its waveforms at any points that resolve them) against the model
/// with these parameters, both starting where the circuit does. A metric that cannot be measured says why.
///
/// # Errors
/// [`VerifyError`] where the simulation lacks a signal or is too short, or the model cannot be run.
pub fn compare_once(case: &Case, prepared: &Prepared, simulation: &Simulation) -> Result<Vec<Found>, VerifyError> {
    let circuit = waves(case, prepared, simulation)?;
    let mut start = case.initial.clone();
    for (value, (state, binding)) in start.iter_mut().zip(&case.states) {
        match (binding, circuit.channels.iter().find(|c| c.state == *state)) {
            (Binding::Constant(x), _) => *value = *x,
            (_, Some(Channel { values, offset, scale, .. })) => {
                *value = (values.first().copied().unwrap_or(f64::NAN) - offset) / scale;
            }
            _ => {}
        }
    }
    let model = model(case, &prepared.neuron, &circuit, &start)?;
    let comparison = Comparison::new(&model, &circuit, &landmarks(prepared, &circuit));
    Ok(comparison.values.into_iter().map(|(name, found)| (name, found.map(|e| e.value))).collect())
}

fn model(case: &Case, neuron: &AnyNeuron, circuit: &Waves, start: &Vec<f64>) -> Result<Waves, VerifyError> {
    trajectory::waves(case, neuron, circuit, start, EFFORT)
        .map(|(waves, _)| waves)
        .map_err(|source| VerifyError::Neuron { case: case.name.clone(), source })
}
