//! Transients: pieces of constant sources, each backward Euler at three step sizes, extrapolated.
//!
//! Within a call of spice21 nothing changes but the nodes' voltages, so a piece begins with a call of its own. Its operating
//! point holds every free node where the piece before ended. Where a voltage source jumps, its nodes are held at their old
//! voltages too, behind 1 S, and let go: the first backward Euler step then carries the jump through the capacitors.

use std::time::Instant;

use spice21::analysis::{TranOptions, tran};
use spice21::circuit::{Ckt, NodeRef};

use super::contain::contained;
use super::dc::{self, free_nodes};
use super::stairs::{piece_ends, refusal_of_stimulus};
use super::translate::{Pin, Run as Added, node_name, translate};
use super::{Columns, Run, Spice21, State, options};
use crate::analysis::Tran;
use crate::circuit::{Circuit, Device, Element, GROUND, NodeId, Origin};
use crate::engine::{Accuracy, EngineName, Settings};
use crate::error::SpiceError;
use crate::stimulus::Stimulus;

/// Steps of one call: spice21 cannot be stopped within a call and keeps every step.
const STEPS_A_CALL: usize = 4_000;
/// Most steps of one transient at the finest step size.
const MAX_STEPS: f64 = 5e7;
/// The coarsest run's step, in steps of the finest.
const COARSEST: usize = 4;
/// Points after a jump that do not count when the order is measured.
const SETTLING_POINTS: usize = 16;
/// Points after which a source behind 1 S has reached its new value to the last digit.
const SOFT_POINTS: usize = 4;
/// How far (V) the first point of a piece may be from where the piece before ended.
const CONTINUITY: f64 = 1e-9;
/// Bound on the last Newton update (V): the residual, at a femtoampere, decides.
const LAST_UPDATE: f64 = 1e-3;

/// Why spice21 cannot run this transient; `None` where it can.
pub(super) fn refusal(circuit: &Circuit, tran: &Tran) -> Option<String> {
    if tran.uic {
        return Some("`uic`: it always starts from an operating point (use .ic)".into());
    }
    circuit.elements.iter().find_map(|e| {
        let what = refusal_of_stimulus(stimulus(&e.device)?, tran.stop)?;
        Some(format!("`{}` {what}; it has constant sources only ({})", e.name, circuit.place(e.origin)))
    })
}

fn stimulus(device: &Device) -> Option<&Stimulus> {
    match device {
        Device::VoltageSource { stimulus, .. } | Device::CurrentSource { stimulus, .. } => Some(stimulus),
        _ => None,
    }
}

/// Value of every independent source at `time`, by element; 0 of everything else.
fn sources(circuit: &Circuit, time: f64) -> Vec<f64> {
    circuit.elements.iter().map(|e| stimulus(&e.device).map_or(0.0, |s| s.at(time))).collect()
}

pub(super) fn transient(circuit: &Circuit, tran: &Tran, settings: &Settings) -> Result<Run, SpiceError> {
    let steps = match settings.accuracy {
        Accuracy::Normal => 3_000.0,
        Accuracy::Tight => 6_000.0,
        Accuracy::Reference => 30_000.0,
    };
    let step = [tran.max_step, settings.max_step].into_iter().flatten().fold(tran.stop / steps, f64::min);
    if tran.stop / step > MAX_STEPS {
        return Err(SpiceError::Request {
            what: format!("{:.1e} steps of {step:.1e} s", tran.stop / step),
            expected: format!("at most {MAX_STEPS:.0e} steps of this engine of order 1"),
        });
    }
    let start = initial(circuit)?;
    let ends = piece_ends(circuit.elements.iter().filter_map(|e| stimulus(&e.device)), tran.stop);
    let run = Transient { circuit, ends, step, start, deadline: Deadline { started: Instant::now(), settings } };
    let [fine, middle, coarse] = [run.trace(1)?, run.trace(2)?, run.trace(COARSEST)?];
    let order = measured_order(&fine, &middle, &coarse);
    let states = extrapolated(&fine, &middle, &coarse);
    let keep = coarse.times.iter().position(|t| *t >= tran.start).unwrap_or(0);
    let order_words = order.map_or("not measurable: nothing moves".into(), |o| format!("{o:.4}"));
    let log = format!(
        "backward Euler with steps of {:.4e}, {:.4e} and {:.4e} s, extrapolated (Richardson) from all three; \
         measured order {order_words}\n",
        step,
        2.0 * step,
        4.0 * step
    );
    Ok(Run {
        axis: coarse.times[keep..].to_vec(),
        states: states[keep..].to_vec(),
        options: vec![
            ("iabstol".into(), "1e-15".into()),
            ("max_step".into(), format!("{step:e}")),
            ("measured_order".into(), order.map_or("none".into(), |o| format!("{o:.4}"))),
            ("method".into(), "backward Euler, Richardson".into()),
        ],
        log,
        steps: (fine.steps + middle.steps + coarse.steps) as u64,
    })
}

/// The state at time 0: the operating point with the `.ic` nodes held.
fn initial(circuit: &Circuit) -> Result<State, SpiceError> {
    let mut held = circuit.clone();
    let free = free_nodes(circuit, &|_| true);
    for (node, volts) in circuit.initial.iter().filter(|(n, _)| free.contains(n)) {
        let device = Device::VoltageSource { p: *node, n: GROUND, stimulus: Stimulus::constant(*volts) };
        held.elements.push(Element { name: format!("vic{}", node.0), origin: Origin::default(), device });
    }
    let values = sources(&held, 0.0);
    let (mut state, _, _) = dc::solve(&held, &|i| values[i], None)?;
    state.amperes.truncate(circuit.elements.len());
    Ok(state)
}

/// log2 of the ratio of the differences between runs at 4h, 2h and h, all node voltages together. The first points after a
/// jump do not count: internal nodes that follow at once, within a step, tell nothing about the order.
fn measured_order(fine: &Trace, middle: &Trace, coarse: &Trace) -> Option<f64> {
    let (mut outer, mut inner) = (0.0, 0.0);
    let settled = |i: usize| coarse.starts.iter().rev().find(|s| **s <= i).is_none_or(|s| i - s > SETTLING_POINTS);
    let states = coarse.states.iter().zip(&middle.states).zip(&fine.states).enumerate();
    for (_, ((c, m), f)) in states.filter(|(i, _)| settled(*i)) {
        for ((c, m), f) in c.volts.iter().zip(&m.volts).zip(&f.volts) {
            outer += (c - m).powi(2);
            inner += (m - f).powi(2);
        }
    }
    let order = 0.5 * (outer / inner).log2();
    order.is_finite().then_some(order)
}

/// `(8 y(h) - 6 y(2h) + y(4h))/3`: the errors of orders 1 and 2 are gone.
fn extrapolated(fine: &Trace, middle: &Trace, coarse: &Trace) -> Vec<State> {
    let mix = |f: &[f64], m: &[f64], c: &[f64]| {
        f.iter().zip(m).zip(c).map(|((f, m), c)| f + (5.0 * (f - m) - (m - c)) / 3.0).collect()
    };
    let triples = fine.states.iter().zip(&middle.states).zip(&coarse.states);
    let state = |((f, m), c): ((&State, &State), &State)| State {
        volts: mix(&f.volts, &m.volts, &c.volts),
        amperes: mix(&f.amperes, &m.amperes, &c.amperes),
    };
    triples.map(state).collect()
}

struct Deadline<'s> {
    started: Instant,
    settings: &'s Settings,
}

impl Deadline<'_> {
    fn check(&self, time: f64) -> Result<(), SpiceError> {
        if self.started.elapsed() <= self.settings.time_limit {
            return Ok(());
        }
        Err(SpiceError::TimeLimit {
            engine: EngineName::Spice21,
            limit: self.settings.time_limit,
            log: format!("the transient had reached {time:.6e} s"),
        })
    }
}

/// A run at one step size, at the points of the coarsest.
struct Trace {
    times: Vec<f64>,
    states: Vec<State>,
    /// Where pieces begin.
    starts: Vec<usize>,
    /// Steps taken.
    steps: usize,
}

/// What the three runs share.
struct Transient<'c> {
    circuit: &'c Circuit,
    /// Ends of the pieces within which every source is constant.
    ends: Vec<f64>,
    step: f64,
    start: State,
    deadline: Deadline<'c>,
}

impl Transient<'_> {
    /// A run at `multiple` times the step, or a bit less, such that each piece holds a whole number of the coarsest.
    fn trace(&self, multiple: usize) -> Result<Trace, SpiceError> {
        let mut trace = Trace { times: vec![0.0], states: vec![self.start.clone()], starts: Vec::new(), steps: 0 };
        let mut before = sources(self.circuit, 0.0);
        let mut start = 0.0;
        for end in &self.ends {
            let points = ((end - start) / self.step / COARSEST as f64 - 1e-9).ceil().max(1.0) as usize;
            let count = COARSEST * points / multiple;
            let piece = Piece {
                circuit: self.circuit,
                values: sources(self.circuit, 0.5 * (start + end)),
                start,
                step: (end - start) / count as f64,
            };
            trace.starts.push(trace.states.len() - 1);
            self.piece(&piece, &before, &mut trace, count, COARSEST / multiple)?;
            before = piece.values;
            start = *end;
        }
        Ok(trace)
    }

    /// `count` steps from the end of the trace, of which every `keep`-th is kept.
    fn piece(
        &self,
        piece: &Piece<'_>,
        before: &[f64],
        trace: &mut Trace,
        count: usize,
        keep: usize,
    ) -> Result<(), SpiceError> {
        let jumps = |i: usize| {
            matches!(self.circuit.elements[i].device, Device::VoltageSource { .. }) && before[i] != piece.values[i]
        };
        let jumping: Vec<usize> = (0..before.len()).filter(|i| jumps(*i)).collect();
        let mut done = 0;
        while done < count {
            self.deadline.check(piece.start + piece.step * done as f64)?;
            let soft = if done == 0 { jumping.as_slice() } else { &[] };
            let chunk = if soft.is_empty() { self.chunk() } else { SOFT_POINTS * keep };
            let chunk = chunk.min(count - done);
            let Some(last) = trace.states.last() else { break };
            let states = piece.steps(last, before, soft, done, chunk)?;
            for (i, state) in states.into_iter().enumerate().skip(1).filter(|(i, _)| i % keep == 0) {
                trace.times.push(piece.start + piece.step * (done + i) as f64);
                trace.states.push(state);
            }
            done += chunk;
        }
        trace.steps += count;
        Ok(())
    }

    /// Steps of one call: fewer of a large circuit, whose steps take longer.
    fn chunk(&self) -> usize {
        let few = STEPS_A_CALL * 32 / self.circuit.elements.len().max(32);
        few.next_multiple_of(COARSEST)
    }
}

/// A time within which every source is constant.
struct Piece<'c> {
    circuit: &'c Circuit,
    /// Of the sources, by element.
    values: Vec<f64>,
    start: f64,
    step: f64,
}

impl Piece<'_> {
    /// `count` steps from the state `last`, which is the first of the states returned. `soft` sources have jumped from
    /// their values `before`.
    fn steps(
        &self,
        last: &State,
        before: &[f64],
        soft: &[usize],
        done: usize,
        count: usize,
    ) -> Result<Vec<State>, SpiceError> {
        let free = free_nodes(self.circuit, &|i| !soft.contains(&i));
        let wanted: Vec<Pin> = free.into_iter().map(|n| (n, last.volts[n.index()])).collect();
        let pins = self.held(before, soft, &wanted, done)?;
        self.call(soft, &pins, count, done)
    }

    /// Pins that bring the nodes exactly where they are wanted: spice21 holds them through 1 S, across which the circuit's
    /// own current, and a source that pulls elsewhere through as much, drop some voltage.
    fn held(&self, before: &[f64], soft: &[usize], wanted: &[Pin], done: usize) -> Result<Vec<Pin>, SpiceError> {
        let mut pins = wanted.to_vec();
        for i in soft {
            let Device::VoltageSource { p, n, .. } = self.circuit.elements[*i].device else { continue };
            let pull = before[*i] - self.values[*i];
            pins.iter_mut().filter(|pin| pin.0 == p).for_each(|pin| pin.1 += pull);
            pins.iter_mut().filter(|pin| pin.0 == n).for_each(|pin| pin.1 -= pull);
        }
        for _ in 0..20 {
            let Some(first) = self.call(soft, &pins, 0, done)?.into_iter().next() else { break };
            let mut worst: f64 = 0.0;
            for (pin, (node, volts)) in pins.iter_mut().zip(wanted) {
                let off = volts - first.volts[node.index()];
                pin.1 += off;
                worst = worst.max(off.abs());
            }
            if worst < CONTINUITY {
                return Ok(pins);
            }
        }
        Err(Spice21::failed("its initial conditions do not hold the nodes: currents of amperes there?"))
    }

    /// One call: the operating point with the pins held, then `count` steps without them.
    fn call(&self, soft: &[usize], pins: &[Pin], count: usize, done: usize) -> Result<Vec<State>, SpiceError> {
        let now = self.start + self.step * done as f64;
        let cured: Vec<NodeId> = pins.iter().map(|p| p.0).collect();
        let source = |i: usize| self.values[i];
        let proto = translate(self.circuit, &Added { source: &source, cured: &cured, soft, settling: None });
        // Its loop leaves tstop out.
        let args = TranOptions {
            tstep: self.step,
            tstop: self.step * (count as f64 + 0.5),
            ic: pins.iter().map(|(n, v)| (NodeRef::Name(node_name(*n)), *v)).collect(),
        };
        let loose = spice21::analysis::Options { reltol: LAST_UPDATE, ..options(1e-15) };
        let result = contained(|| {
            let ckt = Ckt::from_proto(proto).map_err(|e| e.to_string())?;
            tran(ckt, Some(loose), Some(args)).map_err(|e| e.to_string())
        });
        let result = result.map_err(|e| Spice21::failed(format!("near t = {now:.6e} s: {e}")))?;
        let columns = Columns::new(self.circuit, &result.signals);
        if result.data.len() != count + 1 {
            return Err(Spice21::failed(format!("it gave {} of {} points", result.data.len(), count + 1)));
        }
        let at = |(i, x): (usize, &Vec<f64>)| columns.state(self.circuit, x, now + self.step * i as f64);
        result.data.iter().enumerate().map(at).collect()
    }
}
