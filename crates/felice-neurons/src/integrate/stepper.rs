//! One stretch of a run between two changes: `ode_solvers` steps, [`Record`] samples, watches and stops it.

use std::cell::RefCell;

use nalgebra::allocator::Allocator;
use nalgebra::{Const, DefaultAllocator, Dim, Dyn, OVector};
use ode_solvers::dop_shared::IntegrationError;
use ode_solvers::{Dop853, Dopri5, OutputType, System};

use super::conditioning::Tangent;
use super::dense::{Interpolant, Stages};
use super::equations::Equations;
use super::run::{Method, Precision, Run};
use super::trajectory::{Occurrence, Work};
use super::watch::{Watch, Watched, roots};
use crate::error::Reason;
use crate::newton;

/// Accepted steps after which the solver is started afresh: it keeps a line for each (Dopri5), and counts in 32 bits.
const CHUNK: u64 = 1 << 16;
/// Accepted steps between two looks at the pace, and looks in a row that must be bad.
const PACE: (u64, u32) = (20_000, 5);
/// No run may need more steps than this.
const MOST_STEPS: f64 = 1e9;

/// Step control of DOP853: safety, β, least and most factor. With the library's β = 0 a run at rest hunts along the edge
/// of stability, 2e-9 off at a tolerance of 1e-12; with .08 it is 2e-10 off, for a fifth more evaluations.
pub(crate) const DOP853_CONTROL: (f64, f64, f64, f64) = (0.9, 0.08, 0.333, 6.0);
/// Step control of Dopri5: the library's.
pub(crate) const DOPRI5_CONTROL: (f64, f64, f64, f64) = (0.9, 0.04, 0.2, 10.0);

/// Why a stretch ended before its time.
#[derive(Debug)]
pub(crate) enum Stop {
    /// To start afresh from here.
    Chunk,
    /// One of our own watches: a rail reached, a held state released, a state come to rest.
    Own(Watched),
    /// Onto the set where states rest at zero, or off it.
    Diagonal,
    /// A user's event.
    Event(usize),
    /// No way to go on.
    Failed(Reason),
}

/// Everything a run has and has seen.
pub(crate) struct Record<'a> {
    pub run: &'a Run,
    pub eq: Equations<'a>,
    /// Start of the stretch, its length, and the time reached.
    pub base: f64,
    length: f64,
    pub t: f64,
    /// Local time at which the step under way began.
    x: f64,
    /// State and derivative at `t`.
    pub y: Vec<f64>,
    pub dy: Vec<f64>,
    pub last_step: f64,
    pub watches: Vec<Watch>,
    pub counts: Vec<usize>,
    pub occurrences: Vec<Occurrence>,
    pub times: Vec<f64>,
    pub columns: Vec<Vec<f64>>,
    pub tangent: Tangent,
    /// The state is on the set where states rest at zero.
    pub on_diagonal: bool,
    pub work: Work,
    stop: Option<Stop>,
    calls: u64,
    /// Evaluations before the first step of the stretch.
    first_calls: u64,
    /// Local time of the last evaluation.
    stage_x: f64,
    accepted_here: u64,
    pace: (f64, u64, u32),
    bound: f64,
    stages: Stages,
    dense: Interpolant,
    jacobian: Vec<f64>,
    /// State and derivative at the end of the step just accepted.
    end: (Vec<f64>, Vec<f64>),
    scratch: (Vec<f64>, Vec<f64>),
}

impl<'a> Record<'a> {
    pub fn new(run: &'a Run, eq: Equations<'a>, y: Vec<f64>) -> Self {
        let n = y.len();
        let times = run.times();
        let bound = y.iter().fold(eq.model.bound(), |b, y| b.max(2.0 * y.abs()));
        Record {
            run,
            eq,
            base: 0.0,
            length: 0.0,
            t: 0.0,
            x: 0.0,
            dy: vec![0.0; n],
            last_step: 0.0,
            watches: Vec::new(),
            counts: vec![0; run.events.len()],
            occurrences: Vec::new(),
            columns: vec![Vec::with_capacity(times.len()); n],
            times,
            tangent: Tangent::new(n, run.precision),
            on_diagonal: false,
            work: Work::default(),
            stop: None,
            calls: 0,
            first_calls: 1,
            stage_x: 0.0,
            accepted_here: 0,
            pace: (0.0, 0, 0),
            bound,
            stages: Stages::new(n),
            dense: Interpolant::new(n, run.method),
            jacobian: vec![0.0; n * n],
            end: (vec![0.0; n], vec![0.0; n]),
            scratch: (vec![0.0; n], vec![0.0; n]),
            y,
        }
    }

    /// A state as it is reported: within the rails, in the run's precision.
    fn put(run: &Run, i: usize, y: f64) -> f64 {
        let [lo, hi] = run.rail(i);
        let y = y.clamp(lo, hi);
        if run.precision == Precision::F32 { f64::from(y as f32) } else { y }
    }

    /// The present state as it is reported.
    pub fn reported(&self) -> Vec<f64> {
        self.y.iter().enumerate().map(|(i, &y)| Self::put(self.run, i, y)).collect()
    }

    /// Appends one sample.
    fn sample(&mut self, state: impl Fn(usize) -> f64) {
        for (i, column) in self.columns.iter_mut().enumerate() {
            column.push(Self::put(self.run, i, state(i)));
        }
    }

    /// The next sample time, if it is not after `t` (with `inclusive` false: before `t`).
    fn due(&self, t: f64, inclusive: bool) -> Option<f64> {
        let next = *self.times.get(self.columns[0].len())?;
        (next < t || inclusive && next == t).then_some(next)
    }

    /// Samples before `until`, within the step of length `h` from local time `x0`.
    fn fill(&mut self, until: f64, x0: f64, h: f64) {
        while let Some(t) = self.due(until, false) {
            let mut y = std::mem::take(&mut self.scratch.0);
            self.dense.at(((t - self.base - x0) / h).clamp(0.0, 1.0), &mut y);
            self.sample(|i| y[i]);
            self.scratch.0 = y;
        }
    }

    /// Samples up to and including the present time.
    pub fn fill_to_now(&mut self) {
        while self.due(self.t, true).is_some() {
            let y = std::mem::take(&mut self.y);
            self.sample(|i| y[i]);
            self.y = y;
        }
    }

    /// g of watch `k` at the present state.
    pub fn value_now(&mut self, k: usize) -> f64 {
        let x = self.t - self.base;
        let watched = &self.watches[k].watched;
        watched.value(&mut self.eq, x, &self.y, &mut self.scratch.1, &mut self.work.event_evaluations)
    }

    /// Notes an occurrence of a user's event; true where it ends the run.
    pub fn happened(&mut self, event: usize, t: f64, y: &[f64]) -> bool {
        let state = y.iter().enumerate().map(|(i, &y)| Self::put(self.run, i, y)).collect();
        self.occurrences.push(Occurrence { event, t, state });
        self.counts[event] += 1;
        self.run.events[event].stop_after == Some(self.counts[event])
    }

    /// A step to local time `x1` has been accepted: true to stop here.
    fn accepted(&mut self, x1: f64) -> bool {
        let x0 = std::mem::replace(&mut self.x, x1);
        let (h, t1) = (x1 - x0, self.base + x1);
        self.work.accepted += 1;
        self.accepted_here += 1;
        // The last step of a stretch is cut short; the next stretch need not start with so small a one.
        if x1 < self.length || h > self.last_step {
            self.last_step = h;
        }
        let (y1, f1) = self.stages.end(self.run.method);
        self.end.0.copy_from_slice(y1);
        self.end.1.copy_from_slice(f1);
        if self.due(t1, false).is_some() || !self.watches.is_empty() {
            self.dense.fit(h, &self.y, &self.dy, &self.stages, self.run.method);
        }
        self.carry_perturbation(t1, h);
        match self.look(x0, h) {
            Some(t) => {
                self.fill(t, x0, h);
                self.dense.at(((t - self.base - x0) / h).clamp(0.0, 1.0), &mut self.y);
                self.t = t;
            }
            None => {
                self.fill(t1, x0, h);
                std::mem::swap(&mut self.y, &mut self.end.0);
                std::mem::swap(&mut self.dy, &mut self.end.1);
                self.t = t1;
                self.judge();
            }
        }
        self.stop.is_some()
    }

    /// The derivative is a perturbation too (a shift in time), unless it is down to the integration's own errors, or
    /// something else changes with time.
    fn carry_perturbation(&mut self, t1: f64, h: f64) {
        self.eq.model.jacobian(&self.end.0, &mut self.jacobian);
        let size = |x: &[f64]| x.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
        let told = h * size(&self.dy) > 1e3 * (self.run.atol + self.run.rtol * size(&self.y));
        let steady = self.eq.drives.iter().all(|d| d.slope == 0.0);
        let along = (told && steady).then_some((&*self.dy, &*self.end.1));
        self.tangent.step(t1, h, &self.jacobian, along);
    }

    /// Events within the step just accepted; the time at which one of them stops the stretch.
    fn look(&mut self, x0: f64, h: f64) -> Option<f64> {
        let mut found: Vec<(f64, usize)> = Vec::new();
        for k in 0..self.watches.len() {
            self.aim(k);
            let (dense, eq, (y, dy)) = (&self.dense, &mut self.eq, (&mut self.scratch.0, &mut self.scratch.1));
            let (watched, count) = (&self.watches[k].watched, &mut self.work.event_evaluations);
            let g = |theta: f64| {
                dense.at(theta, y);
                watched.value(eq, x0 + theta * h, y, dy, count)
            };
            let (thetas, last) = roots(&self.watches[k], g, h / self.t.max(1.0));
            self.watches[k].last = last;
            found.extend(thetas.into_iter().map(|theta| (theta, k)));
        }
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (theta, k) in found {
            let t = self.base + (x0 + theta * h).min(self.length);
            let mut y = vec![0.0; self.y.len()];
            self.dense.at(theta, &mut y);
            let stop = match (self.watches[k].event, &self.watches[k].watched) {
                (Some(event), _) => self.happened(event, t, &y).then_some(Stop::Event(event)),
                (None, Watched::Rest { .. }) if !self.eq.model.rests_at_zero(&y) => None,
                (None, watched) => Some(Stop::Own(watched.clone())),
            };
            if stop.is_some() {
                self.stop = stop;
                return Some(t);
            }
        }
        None
    }

    /// Gives a settling watch its fixed point as soon as there is one near.
    fn aim(&mut self, k: usize) {
        let Watched::Settled { distance, target } = &mut self.watches[k].watched else { return };
        if target.is_some() || self.eq.drives.iter().any(|d| d.slope != 0.0) {
            return;
        }
        let reach = 20.0 * *distance;
        let Equations { model, .. } = self.eq;
        *target = newton::stable_point_near(&self.end.0, reach, |y, dy, j| {
            self.eq.held(0.0, y, dy);
            model.jacobian(y, j);
        });
        if target.is_some() {
            // Who starts within the distance has settled at once.
            self.watches[k].last = self.value_now(k).min(-f64::MIN_POSITIVE);
        }
    }

    /// Is there a reason not to go on from here?
    fn judge(&mut self) {
        if let Some(i) = self.y.iter().position(|y| y.abs() > self.bound) {
            let state = self.eq.model.info().states[i].name.clone();
            self.stop = Some(Stop::Failed(Reason::Runaway { state, bound: self.bound }));
        } else if self.eq.model.rests_at_zero(&self.y) != self.on_diagonal {
            self.stop = Some(Stop::Diagonal);
        } else if self.accepted_here >= CHUNK {
            self.stop = Some(Stop::Chunk);
        }
        if self.work.accepted - self.pace.1 >= PACE.0 {
            let needed = (self.run.t_end - self.t) / (self.t - self.pace.0) * PACE.0 as f64;
            let bad = if needed > MOST_STEPS { self.pace.2 + 1 } else { 0 };
            self.pace = (self.t, self.work.accepted, bad);
            if bad >= PACE.1 {
                self.stop = Some(Stop::Failed(self.crawling(needed)));
            }
        }
    }

    /// Steps below a millionth of the unit of time: the equations are too fast; else the run is too long.
    fn crawling(&self, needed: f64) -> Reason {
        if self.last_step < 1e-6 { Reason::Stiff { step: self.last_step } } else { Reason::TooLong { needed } }
    }

    /// The time of an evaluation. ode_solvers 0.6.2 evaluates stage 12 of DOP853 at the step's start (its c₁₂ is 0 where
    /// it should be 1), which matters to a current that rises; stage 11, before it, is at 6/7 of the step.
    fn stage_time(&mut self, x: f64) -> f64 {
        let start = self.x;
        if self.run.method == Method::Dop853 && x == start && self.calls > self.first_calls {
            return start + (self.stage_x - start) * 7.0 / 6.0;
        }
        self.stage_x = x;
        x
    }

    /// Rejections, from the evaluations the method makes.
    fn count_rejected(&mut self) {
        let (stages, each) = match self.run.method {
            Method::Dop853 => (11, 15),
            Method::Dopri5 => (6, 6),
        };
        let tries = self.calls.saturating_sub(self.first_calls + each * self.accepted_here);
        self.work.rejected += tries / stages;
        self.work.evaluations += self.calls;
    }
}

/// The system `ode_solvers` integrates; local time starts at 0 with each stretch.
struct Tap<'r, 'a>(&'r RefCell<Record<'a>>);

impl<D: Dim> System<f64, OVector<f64, D>> for Tap<'_, '_>
where
    DefaultAllocator: Allocator<D>,
{
    fn system(&self, x: f64, y: &OVector<f64, D>, dy: &mut OVector<f64, D>) {
        let mut record = self.0.borrow_mut();
        record.calls += 1;
        let x = record.stage_time(x);
        record.eq.held(x, y.as_slice(), dy.as_mut_slice());
        record.stages.push(y.as_slice(), dy.as_slice());
    }

    fn solout(&mut self, x: f64, _: &OVector<f64, D>, _: &OVector<f64, D>) -> bool {
        self.0.borrow_mut().accepted(x)
    }
}

/// Integrates from `record.t` to `to`; `None`: arrived.
pub(crate) fn advance(record: &RefCell<Record>, to: f64) -> Option<Stop> {
    let states = record.borrow().y.len();
    match states {
        1 => advance_in(record, to, Const::<1>),
        2 => advance_in(record, to, Const::<2>),
        3 => advance_in(record, to, Const::<3>),
        4 => advance_in(record, to, Const::<4>),
        n => advance_in(record, to, Dyn(n)),
    }
}

fn advance_in<D: Dim>(cell: &RefCell<Record>, to: f64, dimension: D) -> Option<Stop>
where
    DefaultAllocator: Allocator<D>,
{
    let mut record = cell.borrow_mut();
    let (run, length) = (record.run, to - record.t);
    (record.base, record.length, record.x) = (record.t, length, 0.0);
    (record.calls, record.accepted_here, record.stop) = (0, 0, None);
    let Record { eq, y, dy, jacobian, tangent, .. } = &mut *record;
    eq.held(0.0, y, dy);
    eq.model.jacobian(y, jacobian);
    tangent.start(jacobian);
    let guess = if record.last_step > 0.0 { record.last_step } else { run.first_step.unwrap_or(0.0) };
    let h_max = run.max_step.min(length);
    let first = guess.min(h_max);
    // The library's guess at a first step takes two evaluations.
    record.first_calls = if first == 0.0 { 3 } else { 1 };
    let left = run.max_steps.saturating_sub(record.work.accepted + record.work.rejected);
    let steps = u32::try_from(left).unwrap_or(u32::MAX);
    let start = OVector::<f64, D>::from_column_slice_generic(dimension, Const::<1>, &record.y);
    let (rtol, atol) = match run.precision {
        Precision::F64 => (run.rtol, run.atol),
        Precision::F32 => (run.rtol.max(1e-6), run.atol.max(1e-6)),
    };
    drop(record);
    // Stiffness is judged by our own measure (n_stiff out of reach): the library's stops runs that rest at a focus.
    let (never, huge) = (u32::MAX, f64::MAX);
    let outcome = match run.method {
        Method::Dop853 => {
            let (safety, beta, least, most) = DOP853_CONTROL;
            let (tap, out) = (Tap(cell), OutputType::Dense);
            Dop853::from_param(
                tap, 0.0, length, huge, start, rtol, atol, safety, beta, least, most, h_max, first, steps, never, out,
            )
            .integrate()
        }
        Method::Dopri5 => {
            let (safety, beta, least, most) = DOPRI5_CONTROL;
            let (tap, out) = (Tap(cell), OutputType::Sparse);
            Dopri5::from_param(
                tap, 0.0, length, huge, start, rtol, atol, safety, beta, least, most, h_max, first, steps, never, out,
            )
            .integrate()
        }
    };
    let mut record = cell.borrow_mut();
    record.count_rejected();
    match (record.stop.take(), outcome) {
        (Some(stop), _) => Some(stop),
        (None, Ok(_)) => {
            record.t = to;
            None
        }
        (None, Err(error)) => Some(Stop::Failed(failure(&mut record, &error))),
    }
}

/// What the library's error means.
fn failure(record: &mut Record, error: &IntegrationError) -> Reason {
    let x = record.t - record.base;
    let Record { eq, y, dy, .. } = &mut *record;
    eq.held(x, y, dy);
    let steps = record.run.max_steps;
    match error {
        IntegrationError::MaxNumStepReached { .. } if record.work.accepted + record.work.rejected >= steps => {
            Reason::Steps { steps }
        }
        _ => match record.dy.iter().position(|d| !d.is_finite()) {
            Some(i) => Reason::NotFinite { state: record.eq.model.info().states[i].name.clone(), value: record.dy[i] },
            None => Reason::Stiff { step: record.last_step },
        },
    }
}
