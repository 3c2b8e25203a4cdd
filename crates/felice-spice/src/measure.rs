//! `.meas` on a result.

use crate::analysis::{Crossing, Edge, Event, Measure, MeasureKind, Reduction};
use crate::simulation::{Measured, Simulation};

/// Results of the measurements that belong to this analysis.
pub(crate) fn evaluate(measures: &[Measure], result: &Simulation) -> Vec<Measured> {
    let mine = measures.iter().filter(|m| m.analysis == result.analysis.kind());
    let measured = |m: &Measure| Measured {
        name: m.name.clone(),
        value: value(&m.what, result).filter(|v| v.is_finite()),
        unit: m.what.unit(&result.vectors.axis().unit),
    };
    mine.map(measured).collect()
}

fn value(what: &MeasureKind, result: &Simulation) -> Option<f64> {
    let x = result.axis();
    match what {
        MeasureKind::Reduce { how, vector, from, to } => {
            let y = difference(result, vector)?;
            reduce(*how, &between(x, &y, *from, *to)?)
        }
        MeasureKind::ExtremeAt { largest, vector, from, to } => {
            let points = between(x, &difference(result, vector)?, *from, *to)?;
            let before = |a: &(f64, f64), b: &(f64, f64)| if *largest { a.1 >= b.1 } else { a.1 <= b.1 };
            points.into_iter().reduce(|a, b| if before(&a, &b) { a } else { b }).map(|p| p.0)
        }
        MeasureKind::FindAt { vector, at } => at_point(x, &difference(result, vector)?, *at),
        MeasureKind::FindWhen { vector, when } => {
            let t = passage(result, when)?;
            at_point(x, &difference(result, vector)?, t)
        }
        MeasureKind::When(when) => passage(result, when),
        MeasureKind::Delay { trigger, target } => Some(event(result, target)? - event(result, trigger)?),
    }
}

/// A vector's values; `v(a,b)` from `v(a)` and `v(b)` where it was not saved itself.
fn difference(result: &Simulation, name: &str) -> Option<Vec<f64>> {
    if let Some(signal) = result.vector(name) {
        return Some(signal.values.clone());
    }
    let (a, b) = name.strip_prefix("v(")?.strip_suffix(')')?.split_once(',')?;
    let zero = || vec![0.0; result.axis().len()];
    let of = |node: &str| match node {
        "0" | "gnd" => Some(zero()),
        _ => result.vector(&format!("v({node})")).map(|s| s.values.clone()),
    };
    Some(of(a)?.iter().zip(of(b)?).map(|(p, n)| p - n).collect())
}

fn at_point(x: &[f64], y: &[f64], t: f64) -> Option<f64> {
    let inside = x.first().is_some_and(|a| *a <= t) && x.last().is_some_and(|b| t <= *b);
    if !inside {
        return None;
    }
    crate::resample::interpolate(x, y, &[t]).first().copied()
}

/// The points from `from` to `to`, both included.
fn between(x: &[f64], y: &[f64], from: Option<f64>, to: Option<f64>) -> Option<Vec<(f64, f64)>> {
    // A sweep may run downwards.
    let (low, high) = (x.first()?.min(*x.last()?), x.first()?.max(*x.last()?));
    if low != x[0] {
        let backwards = |list: &[f64]| list.iter().rev().copied().collect::<Vec<f64>>();
        return between(&backwards(x), &backwards(y), from, to);
    }
    let (from, to) = (from.map_or(low, |f| f.max(low)), to.map_or(high, |t| t.min(high)));
    if from > to {
        return None;
    }
    let mut points = vec![(from, at_point(x, y, from)?)];
    points.extend(x.iter().copied().zip(y.iter().copied()).filter(|(t, _)| *t > from && *t < to));
    if to > from {
        points.push((to, at_point(x, y, to)?));
    }
    Some(points)
}

fn reduce(how: Reduction, points: &[(f64, f64)]) -> Option<f64> {
    let extreme = |f: fn(f64, f64) -> f64| points.iter().map(|p| p.1).reduce(f);
    // Straight lines between points: a square integrates exactly as (a² + ab + b²)/3.
    let integral =
        |f: fn(f64, f64) -> f64| points.windows(2).map(|w| (w[1].0 - w[0].0) * f(w[0].1, w[1].1)).sum::<f64>();
    let span = points.last()?.0 - points.first()?.0;
    match how {
        Reduction::Min => extreme(f64::min),
        Reduction::Max => extreme(f64::max),
        Reduction::PeakToPeak => Some(extreme(f64::max)? - extreme(f64::min)?),
        Reduction::Integral => Some(integral(|a, b| 0.5 * (a + b))),
        Reduction::Average => (span > 0.0).then(|| integral(|a, b| 0.5 * (a + b)) / span),
        Reduction::Rms => (span > 0.0).then(|| (integral(|a, b| (a * a + a * b + b * b) / 3.0) / span).sqrt()),
    }
}

fn event(result: &Simulation, event: &Event) -> Option<f64> {
    match event {
        Event::At(x) => Some(*x),
        Event::Crossing(c) => passage(result, c),
    }
}

/// The axis value of a crossing, between points by a straight line.
fn passage(result: &Simulation, when: &Crossing) -> Option<f64> {
    let x = result.axis();
    let y = difference(result, &when.vector)?;
    let mut last = None;
    let mut seen = 0;
    for i in 1..x.len() {
        let (a, b) = (y[i - 1] - when.value, y[i] - when.value);
        let rises = a < 0.0 && b >= 0.0;
        let falls = a > 0.0 && b <= 0.0;
        let counts = match when.edge {
            Edge::Rise => rises,
            Edge::Fall => falls,
            Edge::Cross => rises || falls,
        };
        if !counts {
            continue;
        }
        let t = x[i - 1] + (x[i] - x[i - 1]) * a / (a - b);
        if t < when.after {
            continue;
        }
        seen += 1;
        last = Some(t);
        if seen == when.count {
            return last;
        }
    }
    if when.count == 0 { last } else { None }
}
