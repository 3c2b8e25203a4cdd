//! Neurons that each have a step of their own: a lane whose neuron is done takes the next one of the block.

use super::begin::{Beginnings, USUAL};
use super::clocks::{Clocks, Limits, Tick, stuck, tick};
use super::locate::Locate;
use super::plan::{Cause, End, Neurons, Outcome, Plan};
use super::steps::{Control, Rows, Steps, steps};
use super::summary::{Oscillation, fixed_point};
use super::vector_field::{VectorField, width};
use crate::integrate::Watched;
use crate::model::Model;
use crate::simd::{Instructions, Width};

/// A lane's neuron.
struct Lane {
    model: Box<dyn Model>,
    neuron: Option<usize>,
    /// Samples passed, and changes of the stimuli.
    sample: usize,
    changes: Vec<f64>,
    change: usize,
    oscillation: Oscillation,
}

/// A block under way.
pub(crate) struct Stepping<'a, L> {
    plan: &'a Plan,
    neurons: Neurons<'a>,
    field: Box<dyn VectorField<L>>,
    steps: Box<dyn Steps<L>>,
    rows: Rows<L>,
    lanes: Vec<Lane>,
    /// Lanes that have a neuron: one bit a lane.
    busy: u64,
    clocks: Clocks,
    tick: Box<dyn Tick<L>>,
    beginnings: Beginnings<L>,
    locate: Locate<L>,
    next: usize,
    column: Vec<f64>,
    out: Outcome<L>,
}

impl<'a, L: Width> Stepping<'a, L> {
    pub fn new(plan: &'a Plan, neurons: Neurons<'a>, instructions: Instructions) -> Self {
        let width = width::<L>(instructions);
        let field = || L::vector_field(neurons.model, instructions);
        let lane = || Lane {
            model: neurons.model.boxed(),
            neuron: None,
            sample: 0,
            changes: Vec::new(),
            change: 0,
            oscillation: Oscillation::new(0.0),
        };
        let mut rows = Rows::new(neurons.dim, width);
        rows.driven = !neurons.stimuli.is_empty();
        Stepping {
            plan,
            neurons,
            field: field(),
            steps: steps(instructions, plan.tableau),
            rows,
            lanes: (0..width).map(|_| lane()).collect(),
            busy: 0,
            clocks: Clocks::new(width),
            tick: tick(instructions),
            beginnings: Beginnings::new(neurons.dim, field(), instructions),
            locate: Locate::new(neurons.dim, plan.tableau),
            next: 0,
            column: Vec::new(),
            out: Outcome::new(neurons.len(), neurons.dim, plan),
        }
    }

    /// Every neuron to its end.
    pub fn run(mut self) -> Outcome<L> {
        (0..self.lanes.len()).for_each(|lane| self.fill(lane));
        let limits = Limits { control: self.plan.control, max_steps: self.plan.max_steps };
        while self.busy != 0 {
            self.field.stages(&mut self.rows, self.plan.tableau, self.plan.control);
            self.look();
            let [accepted, within] = self.steps.settle(&mut self.rows);
            let ordinary = if self.plan.rails.is_empty() { within & self.ordinary(accepted) } else { 0 };
            let done = match ordinary {
                0 => 0,
                _ => self.tick.cruise(&mut self.clocks, &mut self.rows, [accepted, ordinary], limits),
            };
            self.out.accepted += u64::from((done & accepted).count_ones());
            self.out.rejected += u64::from((done & !accepted).count_ones());
            let mut rest = self.busy & !done;
            while rest != 0 {
                let lane = rest.trailing_zeros() as usize;
                rest &= rest - 1;
                self.after(lane, accepted >> lane & 1 == 1);
            }
        }
        self.out
    }

    /// The lanes at work; not those whose step was not good and whose states may rest at zero.
    fn ordinary(&mut self, accepted: u64) -> u64 {
        let (mut rejected, mut resting) = (self.busy & !accepted, 0);
        while rejected != 0 {
            let lane = rejected.trailing_zeros() as usize;
            rejected &= rejected - 1;
            self.rows.column(lane, &mut self.column);
            resting |= u64::from(self.lanes[lane].model.rests_at_zero(&self.column)) << lane;
        }
        self.busy & !resting
    }

    /// Events, extremes and turns in the steps that are about to be committed.
    fn look(&mut self) {
        let extremes = self.plan.summary || !self.plan.rails.is_empty();
        if self.plan.watched.is_empty() && !extremes {
            return;
        }
        let (good, mut found) = (self.busy & self.steps.good(&self.rows), Vec::new());
        for (event, watched) in &self.plan.watched {
            let mut bits = good & self.steps.look(&*self.field, &mut self.rows, watched);
            while bits != 0 {
                let lane = bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let (l, t) = (&self.lanes[lane], self.clocks.t[lane]);
                self.locate.take(&mut self.rows, lane);
                self.locate.rising(&*l.model, watched, t, &mut found);
                if let Some(neuron) = l.neuron {
                    self.out.events[*event][neuron].extend(found.drain(..).map(|x| t + x));
                }
            }
        }
        if extremes {
            self.turns(good);
        }
    }

    fn turns(&mut self, good: u64) {
        let (tops, bottoms) = self.steps.turns(&mut self.rows);
        if !self.plan.summary {
            return;
        }
        let mut bits = good & (tops | bottoms);
        while bits != 0 {
            let lane = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            let (theta, value) = (self.rows.turn.rows()[lane].to_f64(), self.rows.value.rows()[lane].to_f64());
            let l = &mut self.lanes[lane];
            if tops >> lane & 1 == 1 {
                self.locate.take(&mut self.rows, lane);
                l.oscillation.top(self.clocks.t[lane] + self.locate.turn(theta), value);
            } else {
                l.oscillation.bottom(value);
            }
        }
    }

    /// What becomes of a lane after an attempt at a step.
    fn after(&mut self, lane: usize, accepted: bool) {
        let (control, h) = (self.plan.control, self.rows.h.rows()[lane].to_f64());
        let Some(neuron) = self.lanes[lane].neuron else { return };
        self.clocks.steps[lane] += 1.0;
        if accepted {
            self.out.accepted += 1;
            if self.clocks.lands(lane) {
                self.clocks.t[lane] = self.clocks.stop[lane];
                self.land(lane, neuron);
            } else {
                self.clocks.t[lane] += h;
            }
        } else {
            self.out.rejected += 1;
        }
        let end = self.end(lane, accepted);
        match end {
            Some(end) => {
                self.finish(lane, neuron, end);
                self.fill(lane);
            }
            None => self.clocks.aim(&mut self.rows, lane, accepted, control),
        }
    }

    /// At a stop: what the stimuli change there, then the sample.
    fn land(&mut self, lane: usize, neuron: usize) {
        let (plan, t) = (self.plan, self.clocks.t[lane]);
        if self.lanes[lane].changes.get(self.lanes[lane].change) == Some(&t) {
            self.lanes[lane].change += 1;
            self.change(lane, neuron, true);
        } else if t >= plan.t_end && !self.neurons.stimuli.is_empty() {
            self.change(lane, neuron, true);
        }
        let l = &mut self.lanes[lane];
        if t >= plan.stop(l.sample) {
            let (dim, w) = (self.rows.dim, self.rows.width);
            if plan.samples > 0 {
                let at = (neuron * plan.samples + l.sample) * dim;
                let y = self.rows.y.rows();
                (0..dim).for_each(|i| self.out.samples[at + i] = y[i * w + lane]);
            }
            l.sample += 1;
        }
        self.clocks.stop[lane] = l.stop(plan);
    }

    /// Is this the neuron's end, and which?
    fn end(&mut self, lane: usize, accepted: bool) -> Option<End> {
        let (plan, w, dim) = (self.plan, self.rows.width, self.rows.dim);
        let (t, bound) = (self.clocks.t[lane], self.rows.bound.rows()[lane].to_f64());
        if accepted {
            let rows = self.rows.y.rows();
            let y = (0..dim).map(|i| rows[i * w + lane].to_f64());
            // Most states are within the bound, and no NaN is.
            if !y.clone().all(|y| y.abs() <= bound) {
                let cause = if y.clone().any(|y| !y.is_finite()) { Cause::NotFinite } else { Cause::Runaway };
                return Some(End::Failed(t, cause));
            }
            if t >= plan.t_end && plan.rails.is_empty() {
                return Some(End::Arrived);
            }
            let (least, most) = (self.rows.least.rows(), self.rows.most.rows());
            let beyond = |(i, [lo, hi]): (usize, &[f64; 2])| {
                least[i * w + lane].to_f64() < *lo || most[i * w + lane].to_f64() > *hi
            };
            if plan.rails.iter().enumerate().any(beyond) {
                return Some(End::Special);
            }
            if t >= plan.t_end {
                return Some(End::Arrived);
            }
        } else {
            self.rows.column(lane, &mut self.column);
            if self.lanes[lane].model.rests_at_zero(&self.column) {
                return Some(End::Special);
            }
        }
        let next = match plan.control {
            Control::Fixed(h) => h,
            Control::Adaptive(..) => self.rows.wanted.rows()[lane].to_f64(),
        };
        if stuck(next, t) {
            return Some(End::Failed(t, Cause::Stiff));
        }
        (self.clocks.steps[lane] >= plan.max_steps as f64).then_some(End::Failed(t, Cause::Steps))
    }

    fn finish(&mut self, lane: usize, neuron: usize, end: End) {
        let (dim, w) = (self.rows.dim, self.rows.width);
        let y = self.rows.y.rows();
        (0..dim).for_each(|i| self.out.states[neuron * dim + i] = y[i * w + lane]);
        self.out.ends[neuron] = end;
        if !self.plan.summary {
            return;
        }
        let column = |rows: &[L]| (0..dim).map(|i| rows[i * w + lane]).collect::<Vec<L>>();
        let wide = |rows: &[L]| column(rows).into_iter().map(L::to_f64).collect::<Vec<f64>>();
        let (y, level, slope) = (wide(y), wide(self.rows.level.rows()), wide(self.rows.slope.rows()));
        let steady = slope.iter().all(|s| *s == 0.0);
        let l = &mut self.lanes[lane];
        let point =
            if end == End::Arrived && steady { fixed_point(&*l.model, &y, &level, self.plan.settled) } else { None };
        let (least, most) = (column(self.rows.least.rows()), column(self.rows.most.rows()));
        self.out.summary.put(neuron, &least, &most, &l.oscillation, point.as_deref());
    }

    /// Puts the next neuron that can go anywhere into a lane; leaves it idle where there is none.
    fn fill(&mut self, lane: usize) {
        self.idle(lane);
        while self.next < self.neurons.len() {
            let neuron = self.next;
            self.next += 1;
            match self.start(lane, neuron) {
                None => return,
                Some(end) => {
                    self.finish(lane, neuron, end);
                    self.idle(lane);
                }
            }
        }
    }

    fn idle(&mut self, lane: usize) {
        self.lanes[lane].neuron = None;
        self.busy &= !(1 << lane);
        self.rows.h.rows()[lane] = L::num(0.0);
    }

    /// A neuron at time 0; why it cannot go on from there, if it cannot.
    fn start(&mut self, lane: usize, neuron: usize) -> Option<End> {
        let (dim, w, plan) = (self.rows.dim, self.rows.width, self.plan);
        let (p, y) = (self.neurons.parameters(neuron), self.neurons.state(neuron));
        let mut first = L::from_f64(plan.t_end.min(USUAL));
        self.field.put(lane, p);
        let stimuli = self.neurons.stimuli(neuron);
        let l = &mut self.lanes[lane];
        l.model.set_parameters(p);
        (l.neuron, l.sample, l.change) = (Some(neuron), 0, 0);
        l.changes = stimuli.map_or(Vec::new(), |s| s.changes(plan.t_end));
        self.busy |= 1 << lane;
        self.clocks.reset(lane, l.stop(plan));
        let bound = y.iter().fold(l.model.bound(), |b, y| b.max(2.0 * y.abs()));
        self.rows.bound.rows()[lane] = L::from_f64(bound);
        let noise = match plan.control {
            Control::Fixed(_) => 0.0,
            Control::Adaptive(rtol, atol) => 10.0 * (rtol + atol),
        };
        l.oscillation = Oscillation::new(noise);
        (0..dim).for_each(|i| self.rows.y.rows()[i * w + lane] = L::from_f64(y[i]));
        for rows in [&mut self.rows.least, &mut self.rows.most] {
            (0..dim).for_each(|i| rows.rows()[i * w + lane] = L::from_f64(y[i]));
        }
        match stimuli {
            Some(_) => self.change(lane, neuron, false),
            None => {
                let place = self.beginnings.place(&*self.steps, plan, self.neurons, neuron);
                for i in 0..dim {
                    self.rows.k.rows()[i * w + lane] = self.beginnings.slope(place, i);
                }
                first = self.beginnings.step(place);
            }
        }
        let finite =
            (0..dim).all(|i| self.rows.k.rows()[i * w + lane].finite() && self.rows.y.rows()[i * w + lane].finite());
        if !finite || p.iter().any(|x| x.is_nan()) {
            return Some(End::Failed(0.0, Cause::NotFinite));
        }
        if self.lanes[lane].model.rests_at_zero(y) {
            return Some(End::Special);
        }
        self.rows.wanted.rows()[lane] = first;
        self.rows.memory.rows()[lane] = L::num(1.0);
        self.clocks.aim(&mut self.rows, lane, false, plan.control);
        None
    }

    /// What stimuli do now: kicks, currents going on and off. An event that a jump makes happen is noted.
    fn change(&mut self, lane: usize, neuron: usize, running: bool) {
        let (dim, w) = (self.rows.dim, self.rows.width);
        let column = |rows: &[L]| (0..dim).map(|i| rows[i * w + lane]).collect::<Vec<L>>();
        let (mut y, mut dy) = (column(self.rows.y.rows()), column(self.rows.k.rows()));
        let (l, t, watched) = (&self.lanes[lane], self.clocks.t[lane], &self.plan.watched);
        let heights = |y: &[L], dy: &[L]| -> Vec<f64> {
            let height = |watched: &Watched| match watched {
                Watched::Level { state, level, sign } => sign * (y[*state].to_f64() - level),
                _ => L::spike_condition(&*l.model, y, dy).to_f64(),
            };
            watched.iter().map(|(_, w)| height(w)).collect()
        };
        let before = if running { heights(&y, &dy) } else { Vec::new() };
        let (mut level, mut slope) = (vec![0.0; dim], vec![0.0; dim]);
        if let Some(stimuli) = self.neurons.stimuli(neuron) {
            for (state, weight) in stimuli.kicks(t) {
                y[state] = L::from_f64(y[state].to_f64() + weight);
            }
            for d in stimuli.drives(t) {
                let gain = l.model.input_gain(d.state);
                level[d.state] += gain * d.level;
                slope[d.state] += gain * d.slope;
            }
        }
        L::field(&*l.model, &y, &mut dy);
        for i in 0..dim {
            let at = i * w + lane;
            dy[i] = dy[i] + L::from_f64(level[i]);
            self.rows.level.rows()[at] = L::from_f64(level[i]);
            self.rows.slope.rows()[at] = L::from_f64(slope[i]);
            self.rows.y.rows()[at] = y[i];
            self.rows.k.rows()[at] = dy[i];
            let (least, most) = (&mut self.rows.least.rows()[at], &mut self.rows.most.rows()[at]);
            *least = if y[i] < *least { y[i] } else { *least };
            *most = if y[i] > *most { y[i] } else { *most };
        }
        self.rows.x.rows()[lane] = L::num(0.0);
        for ((before, now), (event, _)) in before.iter().zip(heights(&y, &dy)).zip(watched) {
            if *before < 0.0 && now >= 0.0 {
                self.out.events[*event][neuron].push(t);
            }
        }
    }
}

impl Lane {
    /// Where the neuron arrives next: at a sample, at a change of its stimuli, or at the end.
    fn stop(&self, plan: &Plan) -> f64 {
        let stop = plan.stop(self.sample);
        self.changes.get(self.change).map_or(stop, |c| c.min(stop))
    }
}
