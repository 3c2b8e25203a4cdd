//! The three pictures of a verdict: overlay, residual, phase plane.

use felice_base::Unit;

use crate::compare::{Channel, Waves};
use crate::figure::{Ink, Panel, Series, Style, Theme, draw};
use crate::metric::MetricName;
use crate::numbers::prefix;
use crate::oscillation::Motion;
use crate::verdict::Verdict;

/// Inks of the residual's states, in their order.
const STATES: [Ink; 4] = [Ink::Third, Ink::Fourth, Ink::Model, Ink::Circuit];
/// The overlay's left column shows this many periods from the start.
const PERIODS_SHOWN: f64 = 6.0;

/// The pictures of a verdict as SVG files of their own: (name, text).
pub fn pictures(verdict: &Verdict) -> Vec<(&'static str, String)> {
    let mut all =
        vec![("overlay", overlay(verdict, Theme::Standalone)), ("residual", residual(verdict, Theme::Standalone))];
    all.extend(phase_plane(verdict, Theme::Standalone).map(|svg| ("phase", svg)));
    all
}

/// The residual shows its limit where that is nearer than this many times the largest difference.
const LIMIT_SHOWN: f64 = 4.0;

/// Circuit over model: one row a state, the first periods on the left, all of the time on the right.
pub(crate) fn overlay(v: &Verdict, theme: Theme) -> String {
    let end = v.model.tau.last().copied().unwrap_or(1.0);
    let period = v.comparison.model.period.or(v.comparison.circuit.period).map_or(end, |p| p.value);
    let beginning = (PERIODS_SHOWN * period).min(end);
    let columns = if beginning < 0.7 * end { vec![0.0..beginning, 0.0..end] } else { vec![0.0..end] };
    let mut panels = Vec::new();
    for (m, c) in v.model.channels.iter().zip(&v.circuit.channels) {
        for x in &columns {
            let lines = [
                series("model", &v.model.tau, &m.values, Ink::Model, Style::Under(3.6)),
                series("circuit", &v.circuit.tau, &c.values, Ink::Circuit, Style::Line(1.1)),
            ];
            panels.push(Panel {
                x_label: "τ".into(),
                y_label: format!("{} ({})", m.signal, m.unit),
                series: lines.into(),
                x_range: Some(x.clone()),
                ..Panel::default()
            });
        }
    }
    let height = 22.0 + 176.0 * v.model.channels.len() as f64;
    let label = format!("{}: signals of circuit and model over time", v.case.title);
    draw(&panels, columns.len(), (1040.0, height), theme, &label)
}

/// Circuit minus model of every state over all of the time.
pub(crate) fn residual(v: &Verdict, theme: Theme) -> String {
    let worst = differences(&v.model, &v.circuit).iter().flatten().fold(0.0_f64, |m, d| m.max(d.abs()));
    let volts = v.model.channels.iter().all(|c| c.unit == Unit::VOLT);
    let (factor, unit) = prefix(worst);
    let unit = if volts { format!("{unit}V") } else { format!("{unit}units") };
    let mut lines: Vec<Series> = differences(&v.model, &v.circuit)
        .iter()
        .zip(&v.model.channels)
        .zip(STATES.iter().cycle())
        .map(|((d, c), ink)| {
            let scaled: Vec<f64> = d.iter().map(|x| x * factor).collect();
            series(&format!("{}: circuit − model", c.signal), &v.model.tau, &scaled, *ink, Style::Line(1.0))
        })
        .collect();
    let end = v.model.tau.last().copied().unwrap_or(1.0);
    // A limit far away would press the curves flat; the table and its gauges show it.
    let asked = v.metric(MetricName::MaxError).and_then(|m| m.limit.as_ref()).map(|l| l.max);
    let near = asked.filter(|b| *b < LIMIT_SHOWN * worst).map(|b| b * factor);
    for bound in near.into_iter().flat_map(|b| [b, -b]) {
        let name = if bound > 0.0 { "limit" } else { "" };
        lines.push(Series {
            name: name.into(),
            points: vec![(0.0, bound), (end, bound)],
            ink: Ink::Text,
            style: Style::Dashed(0.8),
        });
    }
    let panel = Panel {
        x_label: "τ".into(),
        y_label: format!("difference ({unit})"),
        series: lines,
        x_range: Some(0.0..end),
        ..Panel::default()
    };
    let label = format!("{}: difference of circuit and model over time", v.case.title);
    draw(&[panel], 1, (1040.0, 210.0), theme, &label)
}

/// The first two states against each other; `None` of a circuit with one.
pub(crate) fn phase_plane(v: &Verdict, theme: Theme) -> Option<String> {
    let [mx, my, ..] = v.model.channels.as_slice() else { return None };
    let [cx, cy, ..] = v.circuit.channels.as_slice() else { return None };
    let start = vec![(cx.values[0], cy.values[0])];
    let points: Vec<(f64, f64)> =
        v.landmarks.fixed_points.iter().filter_map(|p| Some((*p.first()?, *p.get(1)?))).collect();
    let mut all = vec![
        orbit("model", mx, my, Ink::Model, Style::Under(3.0)),
        orbit("circuit", cx, cy, Ink::Circuit, Style::Line(1.0)),
        Series { name: "start".into(), points: start, ink: Ink::Circuit, style: Style::Dots(3.5) },
    ];
    let (x, y) = (extent(&[mx, cx]), extent(&[my, cy]));
    let near = |p: &&(f64, f64)| x.contains(&p.0) && y.contains(&p.1);
    let seen: Vec<(f64, f64)> = points.iter().filter(near).copied().collect();
    if !seen.is_empty() {
        all.push(Series { name: "fixed points".into(), points: seen, ink: Ink::Text, style: Style::Rings(4.0) });
    }
    let panel = Panel {
        x_label: format!("{} ({})", mx.signal, mx.unit),
        y_label: format!("{} ({})", my.signal, my.unit),
        series: all,
        square: mx.unit == my.unit && v.comparison.model.motion != Motion::LimitCycle,
        ..Panel::default()
    };
    let label = format!("{}: phase plane of circuit and model", v.case.title);
    Some(draw(&[panel], 1, (460.0, 420.0), theme, &label))
}

fn series(name: &str, t: &[f64], x: &[f64], ink: Ink, style: Style) -> Series {
    Series { name: name.into(), points: t.iter().copied().zip(x.iter().copied()).collect(), ink, style }
}

fn orbit(name: &str, x: &Channel, y: &Channel, ink: Ink, style: Style) -> Series {
    series(name, &x.values, &y.values, ink, style)
}

fn differences(model: &Waves, circuit: &Waves) -> Vec<Vec<f64>> {
    let pairs = model.channels.iter().zip(&circuit.channels);
    pairs.map(|(m, c)| c.values.iter().zip(&m.values).map(|(c, m)| c - m).collect()).collect()
}

/// The channels' range and a half more on each side.
fn extent(channels: &[&Channel]) -> std::ops::Range<f64> {
    let all = || channels.iter().flat_map(|c| c.values.iter().copied());
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    low - 0.5 * (high - low)..high + 0.5 * (high - low)
}
