//! A transient: stretches between corners, each smooth, each integrated by an [`Integrator`] and read by its dense output.

use std::time::Instant;

use super::consistent::Consistency;
use super::dae::{Integrator, StepError};
use super::layout::Kind;
use super::newton::NewtonError;
use super::system::System;
use super::waveform::{Corners, Piece};
use crate::stimulus::Stimulus;

/// When values are saved.
#[derive(Clone, Debug, PartialEq)]
pub enum Points {
    /// This many, equally spaced from `start` to `stop`.
    Equal(usize),
    /// Every step's end, and as many in between that they are no farther apart than this.
    Own(f64),
}

/// What a transient is to do.
#[derive(Clone, Debug)]
pub struct Span {
    /// First time saved, s.
    pub start: f64,
    /// Last time, s.
    pub stop: f64,
    /// Largest step, s; infinite where the error alone decides.
    pub longest: f64,
    /// What is saved.
    pub points: Points,
    /// The state at time 0 is an operating point, saved as it is; else it is saved as it becomes right after.
    pub from_rest: bool,
    /// Points that may be saved.
    pub most: usize,
}

/// Takes what is saved: the system after an evaluation (see [`System::registers`]), its time, y and y'.
pub type Sink<'a> = dyn FnMut(&mut System, f64, &[f64], &[f64]) + 'a;

/// Why a transient ended early.
#[derive(Clone, Debug, PartialEq)]
pub enum TransientError {
    /// The integrator could not go on.
    Step(StepError),
    /// No state satisfies the algebraic equations at this time.
    Inconsistent {
        /// When, s.
        t: f64,
        /// What Newton's method met.
        cause: NewtonError,
    },
    /// The wall-clock limit.
    TimeLimit,
    /// More points than may be saved.
    TooMuch,
}

impl TransientError {
    /// The same in the time of which `origin` is where it counted from.
    fn after(self, origin: f64) -> Self {
        match self {
            TransientError::Step(e) => TransientError::Step(e.after(origin)),
            TransientError::Inconsistent { t, cause } => TransientError::Inconsistent { t: origin + t, cause },
            other => other,
        }
    }
}

/// Changes of comparisons that may follow each other within [`CHATTER_SPAN`] of the whole time before they are held off.
const CHATTER_COUNT: usize = 40;
const CHATTER_SPAN: f64 = 1e-7;
/// How long comparisons that chatter are held off, as a share of the whole time; they go on chattering where the next
/// change follows within this time.
const HOLD_OFF: f64 = 5e-5;

/// Work of a transient beside the integrator's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// Changes of comparisons.
    pub comparisons: u64,
    /// Stretches between corners.
    pub stretches: u64,
}

/// Integrates from the state `y` at time 0, which is replaced by the last one.
///
/// # Errors
/// See [`TransientError`].
pub fn transient(
    system: &mut System,
    integrator: &mut dyn Integrator,
    span: &Span,
    y: &mut [f64],
    sink: &mut Sink,
) -> Result<Events, TransientError> {
    let mut run = Run {
        slope: vec![0.0; y.len()],
        writer: Writer::new(span, y.len()),
        consistency: Consistency::new(system),
        events: Events::default(),
        recent: Vec::new(),
        held_off_to: 0.0,
        system,
        integrator,
        span,
        sink,
    };
    let result = run.stretches(y);
    let events = run.events;
    system.frozen = false;
    let origin = system.origin;
    result.map(|()| events).map_err(|e| e.after(origin))
}

struct Run<'a, 'b> {
    system: &'a mut System,
    integrator: &'a mut dyn Integrator,
    span: &'a Span,
    sink: &'a mut Sink<'b>,
    writer: Writer,
    consistency: Consistency,
    slope: Vec<f64>,
    events: Events,
    /// Times of the last changes of comparisons.
    recent: Vec<f64>,
    held_off_to: f64,
}

impl Run<'_, '_> {
    fn stretches(&mut self, y: &mut [f64]) -> Result<(), TransientError> {
        let shape = self.system.shape.clone();
        let stop = self.span.stop;
        let mut corners = Corners::new(stop);
        let mut t = 0.0;
        let mut before: Vec<f64> = self.system.source_values().collect();
        while t < stop {
            let end = corners.after(t, shape.layout.sources.iter().map(|s| &s.1), &shape.time_corners);
            let middle = 0.5 * (t + end);
            let around = |s: &(_, Stimulus)| Piece::around(&s.1, middle);
            let pieces: Vec<Piece> = shape.layout.sources.iter().map(around).collect();
            self.system.set_pieces(pieces.clone(), t);
            self.writer.stretch(t, end);
            if t == 0.0 {
                // The operating point belongs to the sources as they are at time 0.
                before = self.system.source_values().collect();
            }
            if self.span.from_rest && t == 0.0 {
                // Nothing moves at the operating point; what moves from here on sets in afterwards.
                let constant = self.system.source_values().map(Piece::Constant).collect();
                self.system.set_pieces(constant, t);
                self.writer.first(self.system, y, &self.slope, self.sink);
                self.system.set_pieces(pieces, t);
            }
            // From here on time counts from the stretch's beginning.
            let length = end - t;
            self.begin(0.0, length, y, &before)?;
            self.writer.first(self.system, y, &self.slope, self.sink);
            self.stretch(length, y)?;
            self.system.update_sources(length);
            before = self.system.source_values().collect();
            t = end;
            self.events.stretches += 1;
        }
        Ok(())
    }

    /// Makes the state consistent with what holds from t on, and starts the integrator there.
    fn begin(&mut self, t: f64, end: f64, y: &mut [f64], before: &[f64]) -> Result<(), TransientError> {
        let just_after = t + 1e-9 * (end - t);
        self.system.frozen = false;
        self.system.renew_modes(just_after, y);
        self.system.frozen = true;
        // Comparisons may depend on what jumps with them: a few rounds settle those that can be settled.
        for round in 0..8 {
            let anchor = y.to_vec();
            match self.consistency.restore(self.system, t, y, before) {
                Ok(()) => {}
                // An index above 1: the state is taken as it is, the method is stable enough to find its way.
                Err(NewtonError::Singular { .. }) => {
                    y.copy_from_slice(&anchor);
                    break;
                }
                Err(cause) => return Err(TransientError::Inconsistent { t, cause }),
            }
            if self.system.shape.modes.is_empty() || !self.system.renew_modes(just_after, y) {
                break;
            }
            if round < 7 {
                y.copy_from_slice(&anchor);
            }
        }
        self.consistency.slope(self.system, t, y, &mut self.slope);
        let h = self.first_step(y, end - t);
        self.integrator.start(t, y, h);
        Ok(())
    }

    /// A step over which nothing changes by much.
    fn first_step(&self, y: &[f64], length: f64) -> f64 {
        let mut h = 1e-2 * length;
        for (i, (y, slope)) in y.iter().zip(&self.slope).enumerate() {
            let size = match self.system.shape.layout.unknowns[i].1 {
                Kind::Voltage => y.abs().max(1e-2),
                Kind::InductorCurrent if *y != 0.0 => y.abs(),
                _ => continue,
            };
            if slope.is_finite() && *slope != 0.0 {
                h = h.min(0.01 * size / slope.abs());
            }
        }
        h.max(1e-9 * length).min(self.span.longest)
    }

    fn stretch(&mut self, end: f64, y: &mut [f64]) -> Result<(), TransientError> {
        let mut longest = self.system.pieces().iter().map(Piece::longest_step).fold(self.span.longest, f64::min);
        if self.system.shape.time_dependent {
            longest = longest.min(self.span.stop / 50.0);
        }
        // Looking at the clock must cost nothing, and a step of a large circuit takes long.
        let (mut steps, stride) = (0u32, if y.len() < 100 { 64 } else { 1 });
        loop {
            let (reached, held_off_to) = (self.integrator.interval().1, self.held_off_to - self.system.origin);
            let until = if reached < held_off_to { end.min(held_off_to) } else { end };
            self.integrator.step(self.system, until, longest).map_err(TransientError::Step)?;
            let (from, to) = self.integrator.interval();
            let watch = !self.system.shape.modes.is_empty() && to >= held_off_to;
            if watch && self.system.modes_changed(to, self.integrator.state()) {
                self.change_of_mode(from, to, end, y)?;
                if self.integrator.interval().1 >= end {
                    return Ok(());
                }
            } else {
                self.writer.step(self.system, self.integrator, to, self.sink);
                if to >= end {
                    y.copy_from_slice(self.integrator.state());
                    return Ok(());
                }
            }
            steps = steps.wrapping_add(1);
            if steps.is_multiple_of(stride) && Instant::now() > self.system.deadline {
                return Err(TransientError::TimeLimit);
            }
            if self.writer.saved > self.span.most {
                return Err(TransientError::TooMuch);
            }
        }
    }

    /// A comparison changed within the last step: goes back to when it did and starts anew from there.
    fn change_of_mode(&mut self, from: f64, to: f64, end: f64, y: &mut [f64]) -> Result<(), TransientError> {
        // While comparisons are held off they may have been wrong all along: then they change now.
        let origin = self.system.origin;
        let (mut low, mut high) = (if from < self.held_off_to - origin { to } else { from }, to);
        let mut unused = vec![0.0; y.len()];
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            self.integrator.interpolate(middle, y, &mut unused);
            if self.system.modes_changed(middle, y) {
                high = middle;
            } else {
                low = middle;
            }
        }
        self.writer.step(self.system, self.integrator, high, self.sink);
        self.integrator.interpolate(high, y, &mut unused);
        self.events.comparisons += 1;
        let now = origin + high;
        self.recent.push(now);
        self.recent.retain(|t| *t > now - CHATTER_SPAN * self.span.stop);
        let hold_off = HOLD_OFF * self.span.stop;
        let goes_on = self.held_off_to > 0.0 && now <= self.held_off_to + hold_off;
        if self.recent.len() > CHATTER_COUNT || goes_on {
            self.held_off_to = now + hold_off;
            self.recent.clear();
        }
        self.system.update_sources(high);
        let before: Vec<f64> = self.system.source_values().collect();
        if high < end {
            self.begin(high, end, y, &before)?;
        } else {
            self.system.renew_modes(high, y);
            self.integrator.start(end, y, 0.0);
        }
        Ok(())
    }
}

/// Saves points as the integration passes them. Steps count from the stretch's beginning, points from time 0.
struct Writer {
    start: f64,
    stop: f64,
    points: Points,
    next: usize,
    started: bool,
    /// Where the stretch begins and ends.
    stretch: (f64, f64),
    /// How far own points have been written in this stretch.
    done: f64,
    /// Time of the last point saved.
    last: f64,
    saved: usize,
    y: Vec<f64>,
    slope: Vec<f64>,
}

impl Writer {
    fn new(span: &Span, order: usize) -> Self {
        Writer {
            start: span.start,
            stop: span.stop,
            points: span.points.clone(),
            next: 0,
            started: false,
            stretch: (0.0, 0.0),
            done: 0.0,
            last: f64::NEG_INFINITY,
            saved: 0,
            y: vec![0.0; order],
            slope: vec![0.0; order],
        }
    }

    fn stretch(&mut self, from: f64, to: f64) {
        (self.stretch, self.done) = ((from, to), 0.0);
    }

    /// The time from 0 on of one that counts from the stretch's beginning.
    fn since_0(&self, t: f64) -> f64 {
        let (from, to) = self.stretch;
        if t >= to - from { to } else { from + t }
    }

    fn time_of(&self, sample: usize, count: usize) -> f64 {
        if sample + 1 == count {
            self.stop
        } else {
            self.start + (self.stop - self.start) * sample as f64 / (count - 1) as f64
        }
    }

    /// The state at the stretch's beginning, where nothing has been saved yet and that is to be.
    fn first(&mut self, system: &mut System, y: &[f64], slope: &[f64], sink: &mut Sink) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let t = self.stretch.0;
        if self.start <= t {
            system.observe(0.0, y);
            sink(system, t, y, slope);
            self.saved += 1;
            self.next = 1;
            self.last = t;
        }
    }

    /// Everything due up to `to` within the integrator's last step.
    fn step(&mut self, system: &mut System, integrator: &dyn Integrator, to: f64, sink: &mut Sink) {
        match self.points {
            Points::Equal(count) => {
                while self.next < count {
                    let t = self.time_of(self.next, count);
                    if t > self.since_0(to) {
                        break;
                    }
                    self.save(system, integrator, (t - self.stretch.0).min(to), t, sink);
                    self.next += 1;
                }
            }
            Points::Own(spacing) => {
                let from = integrator.interval().0.max(self.done);
                let parts = ((to - from) / spacing).ceil().max(1.0);
                for k in 1..=parts as usize {
                    let at = if k as f64 == parts { to } else { from + (to - from) * k as f64 / parts };
                    let t = self.since_0(at);
                    // Steps may be shorter than what time from 0 on can tell.
                    if t >= self.start && t > self.last {
                        self.save(system, integrator, at, t, sink);
                    }
                }
                self.done = to;
            }
        }
    }

    fn save(&mut self, system: &mut System, integrator: &dyn Integrator, at: f64, t: f64, sink: &mut Sink) {
        integrator.interpolate(at, &mut self.y, &mut self.slope);
        system.observe(at, &self.y);
        sink(system, t, &self.y, &self.slope);
        self.saved += 1;
        self.last = t;
    }
}
