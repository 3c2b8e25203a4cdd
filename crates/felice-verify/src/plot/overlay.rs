//! A circuit over its model, and their difference: the groups `model` and `circuit` of a case in `results.h5`.

use super::contents::{Array, Group};
use super::label::Quantity;
use super::lines::spread;
use super::{PlotError, Sketch, Source};
use crate::figure::{Ink, Panel, Series, Style};
use crate::oscillation::{self, Motion};

/// A panel that is not wide shows this many periods from the start; the difference is shown over all of the time.
const PERIODS: f64 = 6.0;
/// Panels of an overview.
const MOST_CASES: usize = 24;
const DIFFERENCES: [Ink; 4] = [Ink::Third, Ink::Fourth, Ink::Fifth, Ink::Sixth];

/// A group with both sides of a comparison.
pub(super) fn is_case(group: &Group) -> bool {
    ["model", "circuit"].iter().all(|side| group.group(side).is_some_and(|g| g.drawable().any(Array::over_time)))
}

/// Whether a group is a case or holds nothing but cases.
pub(super) fn shows(group: &Group) -> bool {
    is_case(group) || (group.drawable().next().is_none() && group.groups.iter().any(is_case))
}

/// One signal of both sides, in the unit that suits it.
struct Pair {
    quantity: Quantity,
    signal: String,
    unit: String,
    /// Times in seconds.
    t: Vec<f64>,
    model: Vec<f64>,
    circuit: Vec<f64>,
    motion: Motion,
    period: Option<f64>,
}

impl Source<'_> {
    pub(super) fn overlay(&self, group: &Group) -> Result<Sketch, PlotError> {
        if is_case(group) {
            return self.case(group);
        }
        let cases: Vec<&Group> = group.groups.iter().filter(|g| is_case(g)).collect();
        match cases[..] {
            [] => Err(self.nothing(
                format!("group `{}` holds no circuit beside a model", super::name(group)),
                "an overlay is of a file that `felice verify --output` wrote",
            )),
            [only] => self.case(only),
            _ => self.overview(&cases),
        }
    }

    /// Every case's first signal over its first periods.
    fn overview(&self, cases: &[&Group]) -> Result<Sketch, PlotError> {
        let columns = if self.request.width_mm >= 150.0 { 2 } else { 1 };
        let mut panels = Vec::new();
        for case in cases.iter().take(MOST_CASES) {
            let Some(pair) = self.pairs(case)?.into_iter().next() else { continue };
            panels.push(Panel { title: case.path.clone(), ..self.panel(&pair, true, columns) });
        }
        let remarks = match cases.len() {
            n if n > MOST_CASES => vec![format!("the first {MOST_CASES} of {n} cases; choose one with --group")],
            _ => Vec::new(),
        };
        let height_mm = 30.0 * panels.len().div_ceil(columns) as f64 + 6.0;
        let label = format!("circuit over model, {} cases, first signal and periods of each", panels.len());
        Ok(Sketch { panels, columns, height_mm, label, remarks })
    }

    fn case(&self, case: &Group) -> Result<Sketch, PlotError> {
        let pairs = self.pairs(case)?;
        let wide = self.request.width_mm >= 150.0;
        let long = pairs.iter().any(|p| p.beginning() < 0.7 * p.end());
        let columns = if wide && long { 2 } else { 1 };
        let mut panels = Vec::new();
        for pair in &pairs {
            panels.push(self.panel(pair, true, columns));
            if columns == 2 {
                panels.push(self.panel(pair, false, columns));
            }
        }
        for panel in panels.iter_mut().take((pairs.len() * columns).saturating_sub(columns)) {
            panel.x_label.clear();
        }
        if columns == 2 {
            panels.extend(
                self.differences(&pairs, columns, true)
                    .into_iter()
                    .zip(self.differences(&pairs, columns, false))
                    .flat_map(|(a, b)| [a, b]),
            );
        } else {
            panels.extend(self.differences(&pairs, columns, false));
        }
        let what = if columns == 1 && long {
            "first periods of circuit and model, their difference over all of the time"
        } else {
            "circuit and model, and their difference"
        };
        let height_mm = 12.0 + 26.0 * pairs.len() as f64 + 28.0;
        Ok(Sketch { panels, columns, height_mm, label: format!("{}: {what}", case.path), remarks: Vec::new() })
    }

    /// The signals asked for, else those in the circuit's own units.
    fn pairs(&self, case: &Group) -> Result<Vec<Pair>, PlotError> {
        let (Some(model), Some(circuit)) = (case.group("model"), case.group("circuit")) else { return Ok(Vec::new()) };
        let all: Vec<&Array> = circuit.drawable().filter(|a| a.over_time() && a.axes.len() == 1).collect();
        let chosen: Vec<&Array> = if self.request.what.is_empty() {
            super::physical(all)
        } else {
            let names = || all.iter().map(|a| a.name.as_str()).collect::<Vec<_>>().join(", ");
            let find = |n: &String| {
                let remedy = || format!("there are: {}", names());
                circuit
                    .array(n)
                    .filter(|a| a.is_drawable())
                    .ok_or_else(|| self.nothing(format!("case `{}` has no signal `{n}`", case.path), remedy()))
            };
            self.request.what.iter().map(find).collect::<Result<_, _>>()?
        };
        let mut pairs = Vec::new();
        for array in chosen {
            let Some(other) = model.array(&array.name) else { continue };
            let (m, c) = (self.reader.numbers(&other.path)?, self.reader.numbers(&array.path)?);
            let t = self.reader.numbers(&array.axes[0].path)?;
            if m.len() != c.len() || t.len() != c.len() {
                return Err(self.nothing(
                    format!("circuit and model of `{}` are not on one grid", case.path),
                    "draw each side by itself with --group",
                ));
            }
            let motion = oscillation::analyse(&t, &m);
            let signal = array.about.strip_suffix(" of the circuit").unwrap_or(&array.name).to_owned();
            let size = m.iter().chain(&c).filter(|v| v.is_finite()).fold(0.0_f64, |s, v| s.max(v.abs()));
            let quantity = Quantity::new(&array.name, &signal, &array.unit, size);
            pairs.push(Pair {
                quantity,
                signal,
                unit: array.unit.clone(),
                t,
                model: m,
                circuit: c,
                motion: motion.motion,
                period: motion.period.map(|p| p.value),
            });
        }
        if pairs.is_empty() {
            return Err(self.nothing(
                format!("case `{}` has no signal on both sides", case.path),
                "`felice inspect` lists what is there",
            ));
        }
        Ok(pairs)
    }

    fn panel(&self, pair: &Pair, beginning: bool, columns: usize) -> Panel {
        let (letter, _) = self.sizes();
        let time = pair.time();
        let end = if beginning { pair.beginning() } else { pair.end() } * time.factor;
        let f = pair.quantity.factor;
        Panel {
            x_label: time.label(self.room(columns), letter),
            y_label: pair.quantity.label(self.room(columns), letter),
            series: vec![
                curve("model", &pair.t, time.factor, pair.model.iter().map(|v| v * f), Ink::Model, Style::Under(2.8)),
                curve(
                    "circuit",
                    &pair.t,
                    time.factor,
                    pair.circuit.iter().map(|v| v * f),
                    Ink::Circuit,
                    Style::Line(0.9),
                ),
            ],
            x_range: Some(0.0..end.max(f64::MIN_POSITIVE)),
            ..Panel::default()
        }
    }

    /// Differences over the first periods or all of the time, those of one unit in one panel.
    fn differences(&self, pairs: &[Pair], columns: usize, beginning: bool) -> Vec<Panel> {
        let (letter, _) = self.sizes();
        let mut panels = Vec::new();
        for unit in pairs.iter().map(|p| &p.unit).fold(Vec::new(), |mut seen: Vec<&String>, u| {
            if !seen.contains(&u) {
                seen.push(u);
            }
            seen
        }) {
            let of: Vec<&Pair> = pairs.iter().filter(|p| p.unit == *unit).collect();
            let differences: Vec<Vec<f64>> =
                of.iter().map(|p| p.circuit.iter().zip(&p.model).map(|(c, m)| c - m).collect()).collect();
            let worst = differences.iter().flatten().filter(|v| v.is_finite()).fold(0.0_f64, |m, v| m.max(v.abs()));
            let quantity = Quantity::new("difference", "difference", unit, worst);
            let mut series = Vec::new();
            for ((pair, difference), ink) in of.iter().zip(&differences).zip(DIFFERENCES.iter().cycle()) {
                let time = pair.time();
                let name = if of.len() > 1 { format!("Δ{}", pair.signal) } else { String::new() };
                series.push(curve(
                    &name,
                    &pair.t,
                    time.factor,
                    difference.iter().map(|v| v * quantity.factor),
                    *ink,
                    Style::Line(0.8),
                ));
            }
            let time = of[0].time();
            panels.push(Panel {
                x_label: time.label(self.room(columns), letter),
                y_label: quantity.label(self.room(2), letter),
                series,
                x_range: Some(
                    0.0..(if beginning { of[0].beginning() } else { of[0].end() } * time.factor).max(f64::MIN_POSITIVE),
                ),
                tall: Some(0.9),
                ..Panel::default()
            });
        }
        panels
    }

    /// The phase plane of a case, or of the one case in a group.
    pub(super) fn phase_of_cases(&self, group: &Group) -> Result<Sketch, PlotError> {
        if is_case(group) {
            return self.case_phase(group);
        }
        let cases: Vec<&Group> = group.groups.iter().filter(|g| is_case(g)).collect();
        let names: Vec<&str> = cases.iter().map(|c| c.path.as_str()).collect();
        match cases[..] {
            [only] => self.case_phase(only),
            _ => Err(self.nothing("there are several cases", format!("choose one with --group: {}", names.join(", ")))),
        }
    }

    /// Circuit and model in the plane of their first two signals.
    fn case_phase(&self, case: &Group) -> Result<Sketch, PlotError> {
        let pairs = self.pairs(case)?;
        let [x, y, ..] = &pairs[..] else {
            return Err(self.nothing(format!("case `{}` has one signal", case.path), "a phase plane needs two"));
        };
        let (letter, _) = self.sizes();
        let orbit = |name: &str, a: &[f64], b: &[f64], ink, style| Series {
            name: name.into(),
            points: a.iter().zip(b).map(|(a, b)| (a * x.quantity.factor, b * y.quantity.factor)).collect(),
            ink,
            style,
        };
        let series = vec![
            orbit("model", &x.model, &y.model, Ink::Model, Style::Under(2.4)),
            orbit("circuit", &x.circuit, &y.circuit, Ink::Circuit, Style::Line(0.8)),
            orbit("start", &x.circuit[..1], &y.circuit[..1], Ink::Circuit, Style::Dots(2.4)),
        ];
        let panel = Panel {
            x_label: x.quantity.label(self.room(1), letter),
            y_label: y.quantity.label(self.room(1), letter),
            series,
            square: x.quantity.unit == y.quantity.unit && x.motion != Motion::LimitCycle,
            ..Panel::default()
        };
        let label = format!("{}: circuit and model in the phase plane", case.path);
        Ok(Sketch {
            panels: vec![panel],
            columns: 1,
            height_mm: 0.95 * self.request.width_mm,
            label,
            remarks: Vec::new(),
        })
    }
}

impl Pair {
    fn time(&self) -> Quantity {
        Quantity::new("t", "time", "s", self.end())
    }

    fn end(&self) -> f64 {
        spread(&self.t).end
    }

    fn beginning(&self) -> f64 {
        self.period.map_or(self.end(), |p| (PERIODS * p).min(self.end()))
    }
}

fn curve(name: &str, t: &[f64], factor: f64, y: impl Iterator<Item = f64>, ink: Ink, style: Style) -> Series {
    Series { name: name.into(), points: t.iter().map(|t| t * factor).zip(y).collect(), ink, style }
}
