//! Whether what ngspice gave solves the circuit: its operating points, held against our own equations.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use super::deck;
use super::raw::Plot;
use crate::analysis::{Analysis, Sweep, Tran};
use crate::circuit::{Circuit, Saves};
use crate::engine::EngineName;
use crate::error::SpiceError;
use crate::native::audit::{Audit, knows};

/// True where a result does not hold every node at the operating point: then ngspice is asked for that apart.
pub(super) fn apart(circuit: &Circuit, analysis: &Analysis) -> bool {
    let limited = circuit.saves != Saves::All;
    knows(circuit)
        && match analysis {
            // All of an operating point is saved, whatever is asked for.
            Analysis::Op => false,
            Analysis::Dc(_) => limited,
            // Without an operating point ngspice itself refuses what is singular.
            Analysis::Tran(t) => !t.uic && (limited || t.start > 0.0),
        }
}

/// The analysis cut down to its first point.
pub(super) fn first_of(analysis: &Analysis, step: Option<f64>) -> Analysis {
    let mut first = analysis.clone();
    match &mut first {
        Analysis::Op => {}
        Analysis::Dc(sweeps) => sweeps.iter_mut().for_each(|s| s.stop = s.start),
        Analysis::Tran(t) => {
            let step = step.unwrap_or(t.step).min(t.stop);
            *t = Tran { step, stop: step, start: 0.0, max_step: Some(step), uic: false };
        }
    }
    first
}

/// What is looked at of a plot: all of a sweep, the first point of a transient.
pub(super) fn evidence(plot: &Plot, analysis: &Analysis) -> Plot {
    let points = if matches!(analysis, Analysis::Tran(_)) { 1 } else { usize::MAX };
    let cut = |values: &Vec<f64>| values[..values.len().min(points)].to_vec();
    Plot { name: plot.name.clone(), columns: plot.columns.iter().map(|(n, v)| (n.clone(), cut(v))).collect() }
}

/// Refuses points that do not solve the circuit, within `tolerances` (reltol, vntol) where they are wide; the share of the
/// room for errors that they take, where the circuit's equations are ours.
///
/// # Errors
/// [`SpiceError::Singular`], [`SpiceError::NotFinite`] or [`SpiceError::NoSolution`], in ngspice's name.
pub(super) fn judge(
    circuit: &Arc<Circuit>,
    analysis: &Analysis,
    points: &Plot,
    tolerances: (f64, f64),
) -> Result<Option<f64>, SpiceError> {
    let Some(mut audit) = Audit::new(circuit.clone(), EngineName::Ngspice, tolerances)? else { return Ok(None) };
    let places = places(points, Some(circuit));
    let at = |k: usize| {
        let (places, columns) = (&places, &points.columns);
        move |name: &str| columns[*places.get(name)?].1.get(k).copied()
    };
    match analysis {
        Analysis::Op => audit.operating_point(&at(0)),
        Analysis::Tran(tran) if tran.uic => return Ok(None),
        Analysis::Tran(tran) => audit.start(tran, &at(0)),
        Analysis::Dc(sweeps) => {
            let values: Vec<Vec<f64>> = sweeps.iter().map(Sweep::values).collect();
            let rows = points.columns.first().map_or(0, |c| c.1.len());
            (0..rows).try_for_each(|row| {
                let mut rest = row;
                let mut here = Vec::with_capacity(values.len());
                for v in &values {
                    here.push(v[rest % v.len()]);
                    rest /= v.len();
                }
                audit.swept(sweeps, &here, &at(row))
            })
        }
    }?;
    Ok(Some(audit.taken))
}

/// Columns by the names that the circuit has for them.
pub(super) fn places(plot: &Plot, circuit: Option<&Circuit>) -> HashMap<String, usize> {
    let mut places: HashMap<String, usize> = plot.columns.iter().enumerate().map(|(i, c)| (c.0.clone(), i)).collect();
    for (name, written) in circuit.map(deck::renamed).unwrap_or_default() {
        if let Some(place) = places.remove(&format!("i({written})")) {
            places.insert(format!("i({name})"), place);
        }
    }
    places
}
