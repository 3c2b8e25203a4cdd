//! Operating points and DC sweeps.
//!
//! spice21 starts every operating point at 0 V everywhere and has neither gmin nor source stepping. Where it fails, the
//! circuit is let settle instead: a long transient of large backward Euler steps with a capacitor at every node, from a
//! guess.

use spice21::analysis::{TranOptions, dcop, tran};
use spice21::circuit::{Ckt, NodeRef};

use super::contain::contained;
use super::translate::{Pin, Run as Added, node_name, translate};
use super::{Columns, Run, Spice21, State, options};
use crate::analysis::Sweep;
use crate::circuit::{Circuit, Device, NodeId};
use crate::engine::{EngineName, Settings};
use crate::error::SpiceError;

/// Residual current (A) below which Newton's method may stop, tried in turn.
const TOLERANCES: [f64; 3] = [1e-18, 1e-15, 1e-12];

/// Steps of a settling run, and the time constants (s, at 1 S) they go through.
const SETTLING_STEPS: usize = 200;

pub(super) fn operating_point(circuit: &Circuit) -> Result<Run, SpiceError> {
    let value = |i: usize| at_rest(circuit, i);
    let (state, how) = solve(circuit, &value, None)?;
    let options = vec![("iabstol".into(), "1e-18".into()), ("reltol".into(), "1e-6".into())];
    Ok(Run { axis: vec![0.0], states: vec![state], options, log: how, steps: 1 })
}

pub(super) fn sweep(circuit: &Circuit, sweeps: &[Sweep], settings: &Settings) -> Result<Run, SpiceError> {
    let started = std::time::Instant::now();
    let source = |s: &Sweep| circuit.element(&s.source).map_or(usize::MAX, |id| id.index());
    let (mut axis, mut states) = (Vec::new(), Vec::<State>::new());
    let outer = sweeps.get(1).map_or(vec![None], |o| o.values().into_iter().map(|v| Some((source(o), v))).collect());
    let Some(inner) = sweeps.first() else { return Err(Spice21::failed("no source to sweep")) };
    let mut settled = 0;
    for outer in outer {
        for x in inner.values() {
            let swept = source(inner);
            let value = |i: usize| match (i == swept, outer) {
                (true, _) => x,
                (false, Some((o, v))) if i == o => v,
                _ => at_rest(circuit, i),
            };
            let (state, how) = solve(circuit, &value, states.last())?;
            settled += usize::from(!how.is_empty());
            axis.push(x);
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
    let log = if settled > 0 { format!("{settled} points were reached by settling\n") } else { String::new() };
    let options = vec![("iabstol".into(), "1e-18".into()), ("reltol".into(), "1e-6".into())];
    Ok(Run { steps: states.len() as u64, axis, states, options, log })
}

/// DC value of an independent source.
fn at_rest(circuit: &Circuit, i: usize) -> f64 {
    match circuit.elements.get(i).map(|e| &e.device) {
        Some(Device::VoltageSource { stimulus, .. } | Device::CurrentSource { stimulus, .. }) => stimulus.dc,
        _ => 0.0,
    }
}

/// Solves for the operating point; the second part says so where it took settling.
fn solve(
    circuit: &Circuit,
    value: &dyn Fn(usize) -> f64,
    guess: Option<&State>,
) -> Result<(State, String), SpiceError> {
    let mut words = String::new();
    for iabstol in TOLERANCES {
        match direct(circuit, value, iabstol) {
            Ok(state) => return Ok((state, String::new())),
            Err(SpiceError::Failed { problem, .. }) => words = problem,
            Err(other) => return Err(other),
        }
    }
    let start = guess.map_or_else(|| first_guess(circuit), |s| s.volts.clone());
    settle(circuit, value, &start).map(|s| (s, format!("no operating point ({words}); reached by settling\n"))).map_err(
        |e| {
            Spice21::failed(format!(
                "no operating point: {words}; settling from a guess failed too: {e}. Give .nodeset near it"
            ))
        },
    )
}

fn direct(circuit: &Circuit, value: &dyn Fn(usize) -> f64, iabstol: f64) -> Result<State, SpiceError> {
    let added = Added { source: value, cured: &[], settling: None };
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

/// Backward Euler with steps far beyond every time constant, first small, then large: what is left is the rest point.
fn settle(circuit: &Circuit, value: &dyn Fn(usize) -> f64, start: &[f64]) -> Result<State, SpiceError> {
    let mut volts = start.to_vec();
    let mut last = None;
    for seconds_per_farad in [1e6, 1e8, 1e10, 1e13] {
        let pins: Vec<Pin> = free_nodes(circuit).into_iter().map(|n| (n, volts[n.index()])).collect();
        let cured: Vec<NodeId> = pins.iter().map(|p| p.0).collect();
        let c = 1e-12;
        let step = seconds_per_farad * c / SETTLING_STEPS as f64 * 10.0;
        let added = Added { source: value, cured: &cured, settling: Some(c) };
        let args = TranOptions {
            tstep: step,
            tstop: step * (SETTLING_STEPS as f64 + 0.5),
            ic: pins.iter().map(|(n, v)| (NodeRef::Name(node_name(*n)), *v)).collect(),
        };
        let proto = translate(circuit, &added);
        let result = contained(|| {
            let ckt = Ckt::from_proto(proto).map_err(|e| e.to_string())?;
            tran(ckt, Some(options(1e-15)), Some(args)).map_err(|e| e.to_string())
        });
        let result = result.map_err(Spice21::failed)?;
        let columns = Columns::new(circuit, &result.signals);
        let at = |i: usize| result.data.get(i).map(|x| columns.state(circuit, x, 0.0)).transpose();
        let end = at(result.data.len().saturating_sub(1))?.ok_or_else(|| Spice21::failed("no points"))?;
        let before = at(result.data.len().saturating_sub(2))?.ok_or_else(|| Spice21::failed("no points"))?;
        let moved = end.volts.iter().zip(&before.volts).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        volts.clone_from(&end.volts);
        last = Some((end, moved));
    }
    match last {
        Some((state, moved)) if moved < 1e-9 => Ok(state),
        Some((_, moved)) => Err(Spice21::failed(format!("it still moved by {moved:.1e} V a step"))),
        None => Err(Spice21::failed("no points")),
    }
}

/// Nodes that no chain of voltage sources ties to ground: those whose voltage the circuit decides.
pub(super) fn free_nodes(circuit: &Circuit) -> Vec<NodeId> {
    let mut tied = vec![false; circuit.nodes.len()];
    tied[0] = true;
    loop {
        let mut changed = false;
        for e in &circuit.elements {
            if let Device::VoltageSource { p, n, .. } = e.device
                && tied[p.index()] != tied[n.index()]
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
