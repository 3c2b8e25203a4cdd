//! [`AnyNeuron::simulate`]: from change to change.

use std::cell::RefCell;

use felice_base::{Sampled, Signal, Unit};

use super::equations::{Equations, Pin};
use super::record::{Record, Stop};
use super::run::{Precision, Run};
use super::stepper::advance;
use super::stimulus::{Drive, Stimuli};
use super::trajectory::Trajectory;
use super::watch::{Watch, Watched};
use crate::any::AnyNeuron;
use crate::error::{Interrupted, NeuronError, Reason};

/// Restarts in a row at one time (a rail reached, a state released) before the run is given up.
const RESTARTS: u32 = 100;

impl AnyNeuron {
    /// Integrates a trajectory.
    ///
    /// # Errors
    /// What [`Run`]'s fields say they may not be; [`NeuronError::Interrupted`] where the run cannot go on, with all that
    /// was computed up to there.
    pub fn simulate(&self, run: &Run) -> Result<Trajectory, NeuronError> {
        let start = run.check(self)?;
        if run.precision == Precision::F32 {
            self.check_f32(&start)?;
        }
        let stimuli = Stimuli::new(self.info(), &run.stimuli)?;
        let eq = Equations::new(&*self.model, run.precision, start.len());
        let mut course = Course { neuron: self, stimuli, cell: RefCell::new(Record::new(run, eq, start)) };
        let outcome = course.run();
        let record = course.cell.into_inner();
        let t = record.t;
        let stopped_by = if let Ok(Some(event)) = outcome { Some(event) } else { None };
        let trajectory = finish(self, record, stopped_by)?;
        match outcome {
            Ok(_) => Ok(trajectory),
            Err(reason) => Err(NeuronError::Interrupted(Box::new(Interrupted {
                model: self.info().name.clone(),
                states: self.info().states.iter().map(|s| s.name.clone()).collect(),
                t,
                reason,
                partial: trajectory,
            }))),
        }
    }

    /// Are the parameters in their ranges in single precision too?
    ///
    /// # Errors
    /// [`NeuronError::Parameter`] for the first that is not.
    pub fn check_single(&self) -> Result<(), NeuronError> {
        for (p, (_, value)) in self.info().parameters.iter().zip(self.parameters()) {
            if !p.range.contains(f64::from(value as f32)) {
                return Err(NeuronError::Parameter {
                    model: self.info().name.clone(),
                    parameter: format!("{} (in single precision)", p.name).into(),
                    value: f64::from(value as f32),
                    range: p.range,
                });
            }
        }
        Ok(())
    }

    /// Parameters and start must exist in single precision too.
    fn check_f32(&self, start: &[f64]) -> Result<(), NeuronError> {
        self.check_single()?;
        match start.iter().position(|y| !(*y as f32).is_finite()) {
            Some(i) => {
                Err(NeuronError::State { state: self.info().states[i].name.clone(), value: f64::from(start[i] as f32) })
            }
            None => Ok(()),
        }
    }
}

/// A run under way.
struct Course<'a> {
    neuron: &'a AnyNeuron,
    stimuli: Stimuli,
    cell: RefCell<Record<'a>>,
}

impl Course<'_> {
    /// To the end, or to the event that stops the run.
    fn run(&mut self) -> Result<Option<usize>, Reason> {
        let t_end = self.cell.borrow().run.t_end;
        let mut changes = self.stimuli.changes(t_end);
        changes.push(t_end);
        self.start();
        if let Some(event) = self.change(0.0) {
            return Ok(Some(event));
        }
        for to in changes {
            if let Some(event) = self.go(to)? {
                return Ok(Some(event));
            }
            if let Some(event) = self.change(to) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// Watches for the user's events and for the rails.
    fn start(&mut self) {
        let info = self.neuron.info();
        let mut record = self.cell.borrow_mut();
        let run = record.run;
        for (index, event) in run.events.iter().enumerate() {
            // Every name has been looked up by Run::check.
            record.watches.extend(Watch::of(&event.trigger, index, |name| info.state(name).unwrap_or(0)));
        }
        for state in 0..record.y.len() {
            let [lo, hi] = run.rail(state);
            for (level, sign) in [(lo, -1.0), (hi, 1.0)] {
                if level.is_finite() {
                    record.watches.push(Watch::new(Watched::Rail { state, level, sign }, None));
                }
            }
        }
    }

    /// What stimuli do at `t`: kicks, currents going on and off. An event that the jump makes happen may end the run.
    fn change(&mut self, t: f64) -> Option<usize> {
        let mut guard = self.cell.borrow_mut();
        let record = &mut *guard;
        for (state, weight) in self.stimuli.kicks(t) {
            let [lo, hi] = record.run.rail(state);
            record.y[state] = (record.y[state] + weight).clamp(lo, hi);
        }
        self.rebase(record);
        self.hold(record, None);
        let mut ended = None;
        for k in 0..record.watches.len() {
            if let Watched::Settled { target, .. } = &mut record.watches[k].watched {
                *target = None;
            }
            let (before, now) = (record.watches[k].last, record.value_now(k));
            record.watches[k].last = now;
            // At the very start there is no before (NaN): a start at or above a threshold is not a crossing.
            if let (Some(event), true) = (record.watches[k].event, record.watches[k].rises(before, now)) {
                let y = record.y.clone();
                if record.happened(event, t, &y) && ended.is_none() {
                    ended = Some(event);
                }
            }
        }
        ended
    }

    /// Local time starts again at zero here, with the currents that flow from here on.
    fn rebase(&self, record: &mut Record) {
        record.base = record.t;
        let gained = |d: Drive| {
            let gain = self.neuron.input_gain(d.state);
            Drive { level: gain * d.level, slope: gain * d.slope, ..d }
        };
        record.eq.drives = self.stimuli.drives(record.t).into_iter().map(gained).collect();
    }

    /// Decides which states are held at a rail or at rest; `reached` has just come to where it is.
    fn hold(&self, record: &mut Record, reached: Option<usize>) {
        let x = record.t - record.base;
        let n = record.y.len();
        let mut dy = vec![0.0; n];
        record.eq.sides.fill(0.0);
        record.eq.free(x, &record.y, &mut dy);
        for i in 0..n {
            let [lo, hi] = record.run.rail(i);
            let (y, f) = (record.y[i], dy[i]);
            let pressed = |outward: f64| outward > 0.0 || outward == 0.0 && reached == Some(i);
            record.eq.pins[i] = if y == hi && pressed(f) {
                Some(Pin::High)
            } else if y == lo && pressed(-f) {
                Some(Pin::Low)
            } else if y == 0.0 && self.rests(record, i, x) {
                Some(Pin::Rest)
            } else {
                None
            };
        }
        record.watches.retain(|w| !matches!(w.watched, Watched::Release { .. } | Watched::Rest { .. }));
        record.on_diagonal = record.eq.model.rests_at_zero(&record.y);
        if record.on_diagonal && !self.decided(record) {
            record.tangent.on_diagonal(record.t);
        }
        for state in 0..n {
            if record.eq.pins[state].is_some() {
                record.watches.push(Watch::new(Watched::Release { state }, None));
            } else if record.on_diagonal && record.y[state] != 0.0 {
                let sign = record.y[state].signum();
                record.eq.sides[state] = sign;
                record.watches.push(Watch::new(Watched::Rest { state, sign }, None));
            }
        }
        for k in 0..record.watches.len() {
            if record.watches[k].event.is_none() {
                record.watches[k].last = record.value_now(k);
            }
        }
    }

    /// On the diagonal: does something other than roundoff decide what comes next? All states rest at its foot, or
    /// the currents push them apart.
    fn decided(&self, record: &Record) -> bool {
        let mut pushes = vec![(0.0, 0.0); record.y.len()];
        for d in &record.eq.drives {
            pushes[d.state].0 += d.level;
            pushes[d.state].1 += d.slope;
        }
        record.eq.pins.iter().all(|pin| *pin == Some(Pin::Rest)) || pushes.iter().any(|p| *p != pushes[0])
    }

    fn rests(&self, record: &mut Record, i: usize, x: f64) -> bool {
        let mut scratch = vec![0.0; record.y.len()];
        record.eq.pins[i] = Some(Pin::Rest);
        let y = record.y.clone();
        let rests = record.eq.leaving(i, x, &y, &mut scratch) < 0.0;
        record.eq.pins[i] = None;
        rests
    }

    /// Integrates to `to`, however often it has to start afresh.
    fn go(&mut self, to: f64) -> Result<Option<usize>, Reason> {
        let mut restarts = 0;
        loop {
            let before = self.cell.borrow().t;
            let stop = advance(&self.cell, to);
            let mut guard = self.cell.borrow_mut();
            let record = &mut *guard;
            restarts = if record.t > before { 0 } else { restarts + 1 };
            if restarts > RESTARTS {
                return Err(Reason::Stiff { step: 0.0 });
            }
            match stop {
                None => return Ok(None),
                Some(Stop::Event(event)) => return Ok(Some(event)),
                Some(Stop::Failed(reason)) => return Err(reason),
                Some(Stop::Chunk) => self.rebase(record),
                Some(Stop::Own(Watched::Rail { state, level, .. })) => {
                    record.y[state] = level;
                    self.afresh(record, Some(state));
                }
                Some(Stop::Own(Watched::Rest { state, .. })) => {
                    record.y[state] = 0.0;
                    self.afresh(record, Some(state));
                }
                Some(Stop::Own(_) | Stop::Diagonal) => self.afresh(record, None),
            }
            if record.t >= to {
                return Ok(None);
            }
        }
    }

    /// After a stop within a step: what is held now, and where every event function stands.
    fn afresh(&self, record: &mut Record, reached: Option<usize>) {
        self.rebase(record);
        self.hold(record, reached);
        for k in 0..record.watches.len() {
            record.watches[k].last = record.value_now(k);
        }
    }
}

/// Puts the columns together.
fn finish(neuron: &AnyNeuron, mut record: Record, stopped_by: Option<usize>) -> Result<Trajectory, NeuronError> {
    record.fill_to_now();
    let info = neuron.info();
    let final_state = record.reported();
    let mut times = record.times;
    times.truncate(record.columns[0].len());
    let axis = Signal::new("t", Unit::ONE, format!("time, {}", info.time), times);
    let signals = info.states.iter().zip(record.columns);
    let signals = signals.map(|(s, c)| Signal::new(&*s.name, Unit::new(s.unit.to_string()), &*s.meaning, c)).collect();
    Ok(Trajectory {
        sampled: Sampled::new(axis, signals)?,
        occurrences: record.occurrences,
        t_final: record.t,
        final_state,
        stopped_by,
        work: record.work,
        conditioning: record.tangent.conditioning(),
    })
}
