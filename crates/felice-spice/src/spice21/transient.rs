//! Transients: pieces of constant sources, each backward Euler at three step sizes, extrapolated.

use std::time::Instant;

use spice21::analysis::{TranOptions, tran};
use spice21::circuit::{Ckt, NodeRef};

use super::contain::contained;
use super::dc::free_nodes;
use super::translate::{Pin, Run as Added, node_name, translate};
use super::{Columns, Run, Spice21, State, options};
use crate::analysis::Tran;
use crate::circuit::{Circuit, Device, NodeId};
use crate::engine::{Accuracy, EngineName, Settings};
use crate::error::SpiceError;
use crate::stimulus::{Stimulus, Wave};

/// Steps of one call: spice21 cannot be stopped within a call and keeps every step.
const STEPS_A_CALL: usize = 4_000;
/// Most steps of one transient at the finest step size.
const MAX_STEPS: f64 = 5e7;
/// Steps of the coarsest run after a jump that do not count when the order is measured.
const SETTLING_STEPS: usize = 16;
/// How far (V) the first point of a piece may be from where the piece before ended.
const CONTINUITY: f64 = 1e-9;

/// Why spice21 cannot run this transient; `None` where it can.
pub(super) fn refusal(circuit: &Circuit, tran: &Tran) -> Option<String> {
    if tran.uic {
        return Some("`uic`: it always starts from an operating point (use .ic)".into());
    }
    for e in &circuit.elements {
        if let Device::VoltageSource { stimulus, .. } | Device::CurrentSource { stimulus, .. } = &e.device
            && let Some(what) = not_piecewise_constant(stimulus, tran.stop)
        {
            return Some(format!("`{}` {what}; it has constant sources only ({})", e.name, circuit.place(e.origin)));
        }
    }
    None
}

/// What makes a stimulus other than constant piece by piece, up to ramps of a millionth of the transient.
fn not_piecewise_constant(stimulus: &Stimulus, stop: f64) -> Option<String> {
    let shortest = stop * 1e-6;
    match stimulus.wave.as_ref()? {
        Wave::Pulse { low, high, rise, fall, .. } if low != high && (*rise > shortest || *fall > shortest) => {
            Some(format!("ramps for {:.3e} s", rise.max(*fall)))
        }
        Wave::Pwl { points } => {
            let ramp = points.windows(2).find(|w| w[0].1 != w[1].1 && w[1].0 - w[0].0 > shortest);
            ramp.map(|w| format!("ramps from {:.3e} s to {:.3e} s", w[0].0, w[1].0))
        }
        Wave::Sin { amplitude, .. } if *amplitude != 0.0 => Some("is a sine".into()),
        Wave::Exp { low, high, .. } if low != high => Some("is an exponential".into()),
        _ => None,
    }
}

/// Ends of the pieces within which every source is constant.
fn pieces(circuit: &Circuit, stop: f64) -> Vec<f64> {
    let mut ends: Vec<f64> = Vec::new();
    for e in &circuit.elements {
        if let Device::VoltageSource { stimulus, .. } | Device::CurrentSource { stimulus, .. } = &e.device {
            let corners = stimulus.corners(0.0, stop, 1_000_000);
            ends.extend(corners.into_iter().filter(|t| *t < stop * (1.0 - 1e-6)));
        }
    }
    ends.push(stop);
    ends.sort_by(f64::total_cmp);
    // Both ends of a short ramp are one jump.
    ends.dedup_by(|later, earlier| *later - *earlier <= stop * 2e-6);
    ends
}

pub(super) fn transient(circuit: &Circuit, tran: &Tran, settings: &Settings) -> Result<Run, SpiceError> {
    let steps = match settings.accuracy {
        Accuracy::Normal => 10_000.0,
        Accuracy::Tight => 20_000.0,
        Accuracy::Reference => 60_000.0,
    };
    let step = [tran.max_step, settings.max_step].into_iter().flatten().fold(tran.stop / steps, f64::min);
    if tran.stop / step > MAX_STEPS {
        return Err(SpiceError::Request {
            what: format!("{:.1e} steps of {step:.1e} s", tran.stop / step),
            expected: format!("at most {MAX_STEPS:.0e} steps of this engine of order 1"),
        });
    }
    let deadline = Deadline { started: Instant::now(), settings };
    let fine = Grid { step, halvings: 1 }.run(circuit, tran, &deadline)?;
    let middle = Grid { step, halvings: 2 }.run(circuit, tran, &deadline)?;
    let coarse = Grid { step, halvings: 4 }.run(circuit, tran, &deadline)?;
    let order = measured_order(&fine, &middle, &coarse);
    let states = extrapolated(&fine, &middle);
    let keep = middle.times.iter().position(|t| *t >= tran.start).unwrap_or(0);
    let log = format!(
        "backward Euler with steps of {:.4e}, {:.4e} and {:.4e} s, extrapolated (Richardson) from the first two; \
         measured order {order:.4}\n",
        step,
        2.0 * step,
        4.0 * step
    );
    Ok(Run {
        axis: middle.times[keep..].to_vec(),
        states: states[keep..].to_vec(),
        options: vec![
            ("iabstol".into(), "1e-15".into()),
            ("measured_order".into(), format!("{order:.4}")),
            ("method".into(), "backward Euler, Richardson".into()),
            ("reltol".into(), "1e-6".into()),
            ("step".into(), format!("{step:e}")),
        ],
        log,
        steps: (fine.times.len() + middle.times.len() + coarse.times.len()) as u64,
    })
}

/// log2 of the ratio of the differences between runs at 4h, 2h and h, all node voltages together. The first steps after a
/// jump do not count: internal nodes that follow at once, within a step, tell nothing about the order.
fn measured_order(fine: &Trace, middle: &Trace, coarse: &Trace) -> f64 {
    let (mut outer, mut inner) = (0.0, 0.0);
    let settled = |i: usize| coarse.starts.iter().rev().find(|s| **s <= i).is_none_or(|s| i - s > SETTLING_STEPS);
    for (i, c) in coarse.states.iter().enumerate().filter(|(i, _)| settled(*i)) {
        let (Some(m), Some(f)) = (middle.states.get(2 * i), fine.states.get(4 * i)) else { break };
        for ((c, m), f) in c.volts.iter().zip(&m.volts).zip(&f.volts) {
            outer += (c - m).powi(2);
            inner += (m - f).powi(2);
        }
    }
    0.5 * (outer / inner).log2()
}

/// `2 y(h) - y(2h)`: the error of order 1 is gone.
fn extrapolated(fine: &Trace, middle: &Trace) -> Vec<State> {
    let mix = |f: &[f64], m: &[f64]| f.iter().zip(m).map(|(f, m)| 2.0 * f - m).collect();
    let pairs = middle.states.iter().zip(fine.states.iter().step_by(2));
    pairs.map(|(m, f)| State { volts: mix(&f.volts, &m.volts), amperes: mix(&f.amperes, &m.amperes) }).collect()
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

/// A run at one step size.
struct Trace {
    times: Vec<f64>,
    states: Vec<State>,
    /// Where pieces begin.
    starts: Vec<usize>,
}

/// Step sizes: `step` or a bit less, such that each piece holds a whole multiple of four steps; times `halvings`.
struct Grid {
    step: f64,
    halvings: usize,
}

impl Grid {
    fn run(&self, circuit: &Circuit, tran: &Tran, deadline: &Deadline<'_>) -> Result<Trace, SpiceError> {
        let mut trace = Trace { times: Vec::new(), states: Vec::new(), starts: Vec::new() };
        let mut start = 0.0;
        for end in pieces(circuit, tran.stop) {
            let quads = ((end - start) / self.step / 4.0 - 1e-9).ceil().max(1.0) as usize;
            let count = 4 * quads / self.halvings;
            let step = (end - start) / count as f64;
            trace.starts.push(trace.states.len().saturating_sub(1));
            self.piece(circuit, &mut trace, start, step, count, deadline)?;
            start = end;
        }
        Ok(trace)
    }

    /// `count` steps from the end of the trace, or from the operating point.
    fn piece(
        &self,
        circuit: &Circuit,
        trace: &mut Trace,
        start: f64,
        step: f64,
        count: usize,
        deadline: &Deadline<'_>,
    ) -> Result<(), SpiceError> {
        let middle = start + 0.5 * step * count as f64;
        let value = |i: usize| match circuit.elements.get(i).map(|e| &e.device) {
            Some(Device::VoltageSource { stimulus, .. } | Device::CurrentSource { stimulus, .. }) => {
                stimulus.at(middle)
            }
            _ => 0.0,
        };
        let free = free_nodes(circuit);
        let mut done = 0;
        while done < count {
            let now = start + step * done as f64;
            deadline.check(now)?;
            let chunk = STEPS_A_CALL.min(count - done);
            let pins: Vec<Pin> = match trace.states.last() {
                Some(last) => free.iter().map(|n| (*n, last.volts[n.index()])).collect(),
                None => circuit.initial.iter().copied().filter(|(n, _)| free.contains(n)).collect(),
            };
            let pins = held(circuit, &value, pins)?;
            let states = call(circuit, &value, &pins, step, chunk, now)?;
            let first = trace.states.is_empty();
            for (i, state) in states.into_iter().enumerate().skip(usize::from(!first)) {
                trace.times.push(start + step * (done + i) as f64);
                trace.states.push(state);
            }
            done += chunk;
        }
        Ok(())
    }
}

/// Initial conditions that bring the nodes exactly where they are wanted: spice21 holds them through 1 S, across which the
/// circuit's own current drops some voltage.
fn held(circuit: &Circuit, value: &dyn Fn(usize) -> f64, wanted: Vec<Pin>) -> Result<Vec<Pin>, SpiceError> {
    let mut pins = wanted.clone();
    for _ in 0..8 {
        let Some(first) = call(circuit, value, &pins, 1.0, 0, 0.0)?.into_iter().next() else { break };
        let mut worst: f64 = 0.0;
        for (pin, (node, volts)) in pins.iter_mut().zip(&wanted) {
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
fn call(
    circuit: &Circuit,
    value: &dyn Fn(usize) -> f64,
    pins: &[Pin],
    step: f64,
    count: usize,
    start: f64,
) -> Result<Vec<State>, SpiceError> {
    let cured: Vec<NodeId> = pins.iter().map(|p| p.0).collect();
    let proto = translate(circuit, &Added { source: value, cured: &cured, settling: None });
    // Its loop leaves tstop out.
    let args = TranOptions {
        tstep: step,
        tstop: step * (count as f64 + 0.5),
        ic: pins.iter().map(|(n, v)| (NodeRef::Name(node_name(*n)), *v)).collect(),
    };
    let result = contained(|| {
        let ckt = Ckt::from_proto(proto).map_err(|e| e.to_string())?;
        tran(ckt, Some(options(1e-15)), Some(args)).map_err(|e| e.to_string())
    });
    let result = result.map_err(|e| Spice21::failed(format!("near t = {start:.6e} s: {e}")))?;
    let columns = Columns::new(circuit, &result.signals);
    if result.data.len() != count + 1 {
        return Err(Spice21::failed(format!("it gave {} of {} points", result.data.len(), count + 1)));
    }
    result.data.iter().enumerate().map(|(i, x)| columns.state(circuit, x, start + step * i as f64)).collect()
}
