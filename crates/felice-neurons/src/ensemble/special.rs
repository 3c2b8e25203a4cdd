//! Neurons that reach a rail, rest at zero, or are watched for settling: each integrated by itself, by the way of single
//! trajectories, which knows of such things.

use super::plan::{Cause, End, Neurons, Outcome, Plan};
use super::steps::Control;
use super::summary::{Oscillation, fixed_point};
use crate::any::AnyNeuron;
use crate::error::{NeuronError, Reason};
use crate::integrate::{Event, Precision, Run, Sampling, Stimulus, Trajectory, Trigger};
use crate::simd::Width;

/// Samples from which extremes and periods are read.
const SAMPLES: usize = 2001;
/// Tolerance where the ensemble has none of its own.
const TOLERANCE: f64 = 1e-9;

/// What a single run needs beside the plan.
pub(crate) struct Single<'a> {
    pub triggers: &'a [Trigger],
    pub stimuli: &'a [Vec<Stimulus>],
    /// Index of the block's first neuron.
    pub first: usize,
}

/// Integrates neuron `i` of the block and replaces what the block has of it.
pub(crate) fn run<L: Width>(plan: &Plan, neurons: Neurons, single: &Single, i: usize, out: &mut Outcome<L>) {
    let neuron = AnyNeuron::from_model(neurons.one(i));
    // Every sample asked for, and enough between them.
    let per = if plan.summary { (SAMPLES / plan.samples.max(1)).max(1) } else { 1 };
    let (rtol, atol) = match plan.control {
        Control::Adaptive(rtol, atol) => (rtol, atol),
        Control::Fixed(_) => (TOLERANCE, TOLERANCE),
    };
    let stimuli = single.stimuli.get(if single.stimuli.len() == 1 { 0 } else { single.first + i });
    let request = Run {
        sampling: Sampling::Uniform(per * plan.samples.max(1) + 1),
        initial: Some(neurons.state(i).to_vec()),
        rtol,
        atol,
        rails: plan.rails.clone(),
        precision: if L::NAME == "f32" { Precision::F32 } else { Precision::F64 },
        events: single.triggers.iter().cloned().map(Event::from).collect(),
        stimuli: stimuli.cloned().unwrap_or_default(),
        max_steps: plan.max_steps,
        ..Run::to(plan.t_end)
    };
    match neuron.simulate(&request) {
        Ok(trajectory) => {
            out.ends[i] = End::Arrived;
            take(plan, neurons, &trajectory, per, i, out);
            if plan.summary {
                let last = &trajectory.final_state;
                let point = fixed_point(&*neuron.model, last, &vec![0.0; neurons.dim], plan.settled);
                summarise(&trajectory, point.as_deref(), i, out);
            }
        }
        Err(NeuronError::Interrupted(interrupted)) => {
            let cause = match interrupted.reason {
                Reason::Runaway { .. } => Cause::Runaway,
                Reason::Steps { .. } | Reason::TooLong { .. } => Cause::Steps,
                Reason::NotFinite { .. } => Cause::NotFinite,
                Reason::Stiff { .. } => Cause::Stiff,
            };
            out.ends[i] = End::Failed(interrupted.t, cause);
            take(plan, neurons, &interrupted.partial, per, i, out);
        }
        // What all neurons share has been checked; this one's own numbers are none.
        Err(_) => out.ends[i] = End::Failed(0.0, Cause::NotFinite),
    }
}

fn take<L: Width>(plan: &Plan, neurons: Neurons, t: &Trajectory, per: usize, i: usize, out: &mut Outcome<L>) {
    let dim = neurons.dim;
    for (k, y) in t.final_state.iter().enumerate() {
        out.states[i * dim + k] = L::from_f64(*y);
    }
    for sample in 0..plan.samples {
        for (k, signal) in t.sampled.signals().iter().enumerate() {
            let y = signal.values.get((sample + 1) * per).copied().unwrap_or(f64::NAN);
            out.samples[(i * plan.samples + sample) * dim + k] = L::from_f64(y);
        }
    }
    for (event, times) in out.events.iter_mut().enumerate() {
        times[i] = t.times_of(event);
    }
}

fn summarise<L: Width>(t: &Trajectory, point: Option<&[f64]>, i: usize, out: &mut Outcome<L>) {
    let bound = |y: &[f64], start: f64, pick: fn(f64, f64) -> f64| L::from_f64(y.iter().copied().fold(start, pick));
    let signals = t.sampled.signals();
    let least: Vec<L> = signals.iter().map(|s| bound(&s.values, f64::INFINITY, f64::min)).collect();
    let most: Vec<L> = signals.iter().map(|s| bound(&s.values, f64::NEG_INFINITY, f64::max)).collect();
    let mut oscillation = Oscillation::new(0.0);
    let (times, y) = (&t.sampled.axis().values, &signals[0].values);
    for k in 1..y.len().saturating_sub(1) {
        let (rise, fall) = (y[k] - y[k - 1], y[k] - y[k + 1]);
        // The parabola through the three.
        let shift = 0.5 * (rise - fall) / (rise + fall) * (times[k + 1] - times[k]);
        if rise > 0.0 && fall >= 0.0 {
            oscillation.top(times[k] + shift, y[k]);
        } else if rise < 0.0 && fall <= 0.0 {
            oscillation.bottom(y[k]);
        }
    }
    out.summary.put(i, &least, &most, &oscillation, point);
}
