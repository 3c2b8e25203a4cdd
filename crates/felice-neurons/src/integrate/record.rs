//! All that a run has and has seen: [`Record`] samples, watches, judges, and says when to stop.

use super::conditioning::Tangent;
use super::dense::{Interpolant, Stages};
use super::equations::Equations;
use super::run::{Method, Precision, Run};
use super::trajectory::{Occurrence, Work};
use super::watch::{Watch, Watched, roots};
use crate::error::Reason;
use crate::linear::eigenvalues;
use crate::newton;

/// Accepted steps after which the solver is started afresh: it keeps a line for each (Dopri5), and counts in 32 bits.
const CHUNK: u64 = 1 << 16;
/// Accepted steps between two looks at the pace, and looks in a row that must be bad.
const PACE: (u64, u32) = (20_000, 5);
/// No run may need more steps than this.
const MOST_STEPS: f64 = 1e9;

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

/// How a stretch is to be integrated.
pub(crate) struct Terms {
    pub method: Method,
    pub length: f64,
    /// First step; 0: the solver's guess.
    pub first: f64,
    pub h_max: f64,
    pub steps: u32,
    pub rtol: f64,
    pub atol: f64,
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
    last_step: f64,
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
    pub fn accepted(&mut self, x1: f64) -> bool {
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
        let mut stopped = None;
        for (theta, k) in found {
            // What happens at the very moment of the stop has happened too.
            if stopped.is_some_and(|(last, _)| theta > last) {
                break;
            }
            let t = self.base + (x0 + theta * h).min(self.length);
            let mut y = vec![0.0; self.y.len()];
            self.dense.at(theta, &mut y);
            let stop = match (self.watches[k].event, &self.watches[k].watched) {
                (Some(event), _) => self.happened(event, t, &y).then_some(Stop::Event(event)),
                (None, Watched::Rest { .. }) if !self.eq.model.rests_at_zero(&y) => None,
                (None, watched) => Some(Stop::Own(watched.clone())),
            };
            let ends = matches!(stop, Some(Stop::Event(_))) && !matches!(self.stop, Some(Stop::Event(_)));
            if stop.is_some() && (stopped.is_none() || ends) {
                self.stop = stop;
                stopped = Some((theta, t));
            }
        }
        stopped.map(|(_, t)| t)
    }

    /// Gives a settling watch its fixed point as soon as there is one near, and another where it has chosen wrongly.
    fn aim(&mut self, k: usize) {
        let Watched::Settled { distance, target } = &mut self.watches[k].watched else { return };
        let far = |t: &Vec<f64>| t.iter().zip(&self.end.0).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
        let here = target.as_ref().is_some_and(|t| far(t) <= 2.0 * *distance);
        if here || self.eq.drives.iter().any(|d| d.slope != 0.0) {
            return;
        }
        let (model, first) = (self.eq.model, target.is_none());
        let point = newton::point_near(&self.end.0, None, 20.0 * *distance, |y, dy, j| {
            self.eq.held(0.0, y, dy);
            model.jacobian(y, j);
        });
        *target = point.filter(|(_, j)| eigenvalues(j).iter().all(|l| l.re < 0.0)).map(|(y, _)| y);
        let last = self.value_now(k);
        // Who starts within the distance has settled at once.
        self.watches[k].last = if first { last.min(-f64::MIN_POSITIVE) } else { last };
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

    /// A stretch from here to `to` begins.
    pub fn begin(&mut self, to: f64) -> Terms {
        let run = self.run;
        (self.base, self.length, self.x) = (self.t, to - self.t, 0.0);
        (self.calls, self.accepted_here, self.stop) = (0, 0, None);
        self.eq.held(0.0, &self.y, &mut self.dy);
        self.eq.model.jacobian(&self.y, &mut self.jacobian);
        self.tangent.start(&self.jacobian);
        let guess = if self.last_step > 0.0 { self.last_step } else { run.first_step.unwrap_or(0.0) };
        let h_max = run.max_step.min(self.length);
        let first = guess.min(h_max);
        // The library's guess at a first step takes two evaluations.
        self.first_calls = if first == 0.0 { 3 } else { 1 };
        let left = run.max_steps.saturating_sub(self.work.accepted + self.work.rejected);
        let least = if run.precision == Precision::F32 { 1e-6 } else { 0.0 };
        Terms {
            method: run.method,
            length: self.length,
            first,
            h_max,
            steps: u32::try_from(left).unwrap_or(u32::MAX),
            rtol: run.rtol.max(least),
            atol: run.atol.max(least),
        }
    }

    /// The right-hand side, for the solver.
    pub fn evaluate(&mut self, x: f64, y: &[f64], dy: &mut [f64]) {
        self.calls += 1;
        let x = self.stage_time(x);
        self.eq.held(x, y, dy);
        self.stages.push(y, dy);
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

    /// The solver has returned; `None`: the stretch's end is reached.
    pub fn end(&mut self, to: f64, good: bool) -> Option<Stop> {
        let (stages, each) = match self.run.method {
            Method::Dop853 => (11, 15),
            Method::Dopri5 => (6, 6),
        };
        // What is neither the start nor an accepted step was evaluated for rejected ones.
        let tries = self.calls.saturating_sub(self.first_calls + each * self.accepted_here);
        self.work.rejected += tries / stages;
        self.work.evaluations += self.calls;
        match self.stop.take() {
            Some(stop) => Some(stop),
            None if good => {
                self.t = to;
                None
            }
            None => Some(Stop::Failed(self.failure())),
        }
    }

    /// Why the solver gave up: steps used up, a derivative that is none, or a step down to nothing.
    fn failure(&mut self) -> Reason {
        let steps = self.run.max_steps;
        if self.work.accepted + self.work.rejected >= steps {
            return Reason::Steps { steps };
        }
        self.eq.held(self.x, &self.y, &mut self.dy);
        match self.dy.iter().position(|d| !d.is_finite()) {
            Some(i) => Reason::NotFinite { state: self.eq.model.info().states[i].name.clone(), value: self.dy[i] },
            None => Reason::Stiff { step: self.last_step },
        }
    }
}
