//! Operating points and DC sweeps.
//!
//! spice21 starts every operating point at 0 V everywhere and has neither gmin nor source stepping. Where it fails, Newton's
//! method is started from a guess (the sweep's point before, or `.nodeset`): as a backward Euler step so long that no
//! capacitor counts, from a state held at the guess. Where that fails too, the circuit is let settle: a long transient of
//! large steps with a capacitor at every node.

use spice21::analysis::{TranOptions, dcop, tran};
use spice21::circuit::{Ckt, NodeRef};

use super::contain::contained;
use super::translate::{Pin, Run as Added, node_name, translate};
use super::{Columns, Run, Spice21, State, options};
use crate::analysis::Sweep;
use crate::circuit::{Circuit, Device, NodeId};
use crate::engine::{EngineName, Settings};
use crate::error::SpiceError;

/// Residual current (A) below which Newton's method may stop.
const TIGHTEST: f64 = 1e-18;
/// The same where rounding in the circuit's own currents does not let it come so far.
const LOOSER: [f64; 2] = [1e-15, 1e-12];
/// A step (s) after which no charge counts.
const ENDLESS: f64 = 1e12;
/// How far (V) a second endless step may still move a node.
const STANDS: f64 = 1e-9;

/// Steps of a settling run.
const SETTLING_STEPS: usize = 200;

pub(super) fn operating_point(circuit: &Circuit) -> Result<Run, SpiceError> {
    let value = |i: usize| at_rest(circuit, i);
    let (state, how, iabstol) = solve(circuit, &value, None)?;
    Ok(Run { axis: vec![0.0], states: vec![state], options: in_force(iabstol), log: how, steps: 1 })
}

pub(super) fn sweep(circuit: &Circuit, sweeps: &[Sweep], settings: &Settings) -> Result<Run, SpiceError> {
    let started = std::time::Instant::now();
    let source = |s: &Sweep| circuit.element(&s.source).map_or(usize::MAX, |id| id.index());
    let (mut axis, mut states) = (Vec::new(), Vec::<State>::new());
    let outer = sweeps.get(1).map_or(vec![None], |o| o.values().into_iter().map(|v| Some((source(o), v))).collect());
    let Some(inner) = sweeps.first() else { return Err(Spice21::failed("no source to sweep")) };
    let points = inner.values();
    let (mut otherwise, mut loosest) = (0, 0.0_f64);
    for outer in outer {
        for x in &points {
            let swept = source(inner);
            let value = |i: usize| match (i == swept, outer) {
                (true, _) => *x,
                (false, Some((o, v))) if i == o => v,
                _ => at_rest(circuit, i),
            };
            // The neighbour: the point before, or, where a row begins, the beginning of the row before.
            let neighbour =
                if states.len() % points.len() == 0 { states.len().checked_sub(points.len()) } else { None };
            let guess = neighbour.map_or(states.last(), |i| states.get(i));
            let (state, how, iabstol) = solve(circuit, &value, guess)?;
            otherwise += usize::from(!how.is_empty());
            loosest = loosest.max(iabstol);
            axis.push(*x);
            states.push(state);
            if started.elapsed() > settings.time_limit {
                return Err(SpiceError::TimeLimit {
                    engine: EngineName::Spice21,
                    limit: settings.time_limit,
                    log: format!("{} points of the sweep were done", states.len()),
                });
            }
        }
    }
    let log = match otherwise {
        0 => String::new(),
        n => format!("{n} of {} points were reached from a guess, not from 0 V\n", states.len()),
    };
    Ok(Run { steps: states.len() as u64, axis, states, options: in_force(loosest), log })
}

fn in_force(iabstol: f64) -> Vec<(String, String)> {
    vec![("iabstol".into(), format!("{iabstol:e}")), ("reltol".into(), "1e-6".into())]
}

/// DC value of an independent source.
fn at_rest(circuit: &Circuit, i: usize) -> f64 {
    match circuit.elements.get(i).map(|e| &e.device) {
        Some(Device::VoltageSource { stimulus, .. } | Device::CurrentSource { stimulus, .. }) => stimulus.dc,
        _ => 0.0,
    }
}

/// Solves for the operating point: the state, how it was reached where not directly, and the residual current allowed.
pub(super) fn solve(
    circuit: &Circuit,
    value: &dyn Fn(usize) -> f64,
    guess: Option<&State>,
) -> Result<(State, String, f64), SpiceError> {
    let (direct_words, start) = match direct(circuit, value, TIGHTEST) {
        Ok(state) => return Ok((state, String::new(), TIGHTEST)),
        Err(SpiceError::Failed { problem, .. }) => {
            (problem, guess.map_or_else(|| first_guess(circuit), |s| s.volts.clone()))
        }
        Err(other) => return Err(other),
    };
    let given = guess.is_some() || !circuit.nodeset.is_empty();
    if given && let Ok(state) = from_guess(circuit, value, &start) {
        return Ok((state, format!("from 0 V: {direct_words}; reached from a guess\n"), LOOSER[0]));
    }
    for iabstol in LOOSER {
        match direct(circuit, value, iabstol) {
            Ok(state) => return Ok((state, String::new(), iabstol)),
            Err(SpiceError::Failed { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    let settled = settle(circuit, value, &start);
    settled.map(|s| (s, format!("from 0 V: {direct_words}; reached by settling\n"), LOOSER[0])).map_err(|e| {
        Spice21::failed(format!(
            "no operating point: {direct_words}; settling from a guess failed too: {e}. Give .nodeset near it"
        ))
    })
}

fn direct(circuit: &Circuit, value: &dyn Fn(usize) -> f64, iabstol: f64) -> Result<State, SpiceError> {
    let added = Added { source: value, cured: &[], soft: &[], settling: None };
    let proto = translate(circuit, &added);
    let result = contained(|| {
        let ckt = Ckt::from_proto(proto).map_err(|e| e.to_string())?;
        dcop(ckt, Some(options(iabstol))).map_err(|e| e.to_string())
    });
    let result = result.map_err(Spice21::failed)?;
    Columns::new(circuit, &result.names).state(circuit, &result.values, 0.0)
}

fn first_guess(circuit: &Circuit) -> Vec<f64> {
    let mut volts = vec![0.0; circuit.nodes.len()];
    for (node, v) in circuit.nodeset.iter().chain(&circuit.initial) {
        volts[node.index()] = *v;
    }
    volts
}

/// Newton's method from a guess: two endless steps, the second of which must move nothing.
fn from_guess(circuit: &Circuit, value: &dyn Fn(usize) -> f64, start: &[f64]) -> Result<State, SpiceError> {
    let (state, moved) = march(circuit, value, start, None, (ENDLESS, 2))?;
    if moved > STANDS {
        return Err(Spice21::failed(format!("from the guess it still moved by {moved:.1e} V")));
    }
    Ok(state)
}

/// Backward Euler with steps far beyond every time constant, first small, then large: what is left is the rest point.
fn settle(circuit: &Circuit, value: &dyn Fn(usize) -> f64, start: &[f64]) -> Result<State, SpiceError> {
    const FARADS: f64 = 1e-12;
    let mut volts = start.to_vec();
    for seconds in [1e-5, 1e-3, 0.1, 10.0, 1e6] {
        let (state, moved) =
            march(circuit, value, &volts, Some(FARADS), (seconds / SETTLING_STEPS as f64, SETTLING_STEPS))?;
        if seconds > 1e3 && moved < STANDS {
            return Ok(state);
        }
        volts = state.volts;
    }
    Err(Spice21::failed("it never comes to rest"))
}

/// So many steps of so many seconds from a state held at `start`: the last state, and how far the last step moved it (V).
fn march(
    circuit: &Circuit,
    value: &dyn Fn(usize) -> f64,
    start: &[f64],
    settling: Option<f64>,
    (step, count): (f64, usize),
) -> Result<(State, f64), SpiceError> {
    let pins: Vec<Pin> = free_nodes(circuit, &|_| true).into_iter().map(|n| (n, start[n.index()])).collect();
    let cured: Vec<NodeId> = pins.iter().map(|p| p.0).collect();
    let added = Added { source: value, cured: &cured, soft: &[], settling };
    let args = TranOptions {
        tstep: step,
        tstop: step * (count as f64 + 0.5),
        ic: pins.iter().map(|(n, v)| (NodeRef::Name(node_name(*n)), *v)).collect(),
    };
    let proto = translate(circuit, &added);
    let result = contained(|| {
        let ckt = Ckt::from_proto(proto).map_err(|e| e.to_string())?;
        tran(ckt, Some(options(LOOSER[0])), Some(args)).map_err(|e| e.to_string())
    });
    let result = result.map_err(Spice21::failed)?;
    let columns = Columns::new(circuit, &result.signals);
    let [.., before, end] = result.data.as_slice() else { return Err(Spice21::failed("no points")) };
    let (before, end) = (columns.state(circuit, before, 0.0)?, columns.state(circuit, end, 0.0)?);
    let moved = end.volts.iter().zip(&before.volts).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    Ok((end, moved))
}

/// Nodes that no chain of voltage sources (those that `hard` says so of, by element) ties to ground: those whose voltage the
/// circuit decides.
pub(super) fn free_nodes(circuit: &Circuit, hard: &dyn Fn(usize) -> bool) -> Vec<NodeId> {
    let mut tied = vec![false; circuit.nodes.len()];
    tied[0] = true;
    loop {
        let mut changed = false;
        for (i, e) in circuit.elements.iter().enumerate() {
            if let Device::VoltageSource { p, n, .. } = e.device
                && tied[p.index()] != tied[n.index()]
                && hard(i)
            {
                tied[p.index()] = true;
                tied[n.index()] = true;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    circuit.nodes.ids().filter(|n| !tied[n.index()]).collect()
}
