//! `felice phase`: nullclines, field, fixed points and trajectories in one picture; bifurcation diagrams.

use super::failure::Failure;
use super::model::ModelArgs;
use super::parse::{self, Numbers};
use felice_neurons::{
    AnyNeuron, BifurcationKind, Eigenvalue, FixedPoint, LimitCycle, NeuronError, Nullcline, Plane, Run, Sampling,
    Stability, Sweep, Trajectory,
};
use felice_verify::figure::{Ink, Panel, Series, Style, Theme, draw};
use serde_json::json;
use std::path::PathBuf;

/// Draws a model's phase plane (its first two states): nullclines, field, fixed points by type, limit cycles, trajectories.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  felice phase wererabbit --output wererabbit.svg --initial 0.45,0.25
  felice phase fhnrs --bifurcation a_slow=0.5:3 --output fhnrs.svg")]
pub struct Phase {
    #[command(flatten)]
    model: ModelArgs,
    /// SVG to write.
    #[arg(long, value_name = "X.svg")]
    output: PathBuf,
    /// Part of the plane shown: both axes from LO to HI.
    #[arg(long = "box", value_name = "LO,HI", value_parser = parse::interval, allow_hyphen_values = true)]
    region: Option<(f64, f64)>,
    /// The second axis, where it differs from the first.
    #[arg(long = "box-y", value_name = "LO,HI", value_parser = parse::interval, allow_hyphen_values = true)]
    region_y: Option<(f64, f64)>,
    /// Start of a trajectory; may be repeated.
    #[arg(long, value_name = "a,b[,c]", value_parser = parse::numbers, allow_hyphen_values = true)]
    initial: Vec<Numbers>,
    /// How long the trajectories are; those that look for limit cycles are at least 400.
    #[arg(long, value_name = "T", default_value_t = 60.0, value_parser = parse::positive)]
    t_end: f64,
    /// A bifurcation diagram over a parameter instead.
    #[arg(long, value_name = "PARAM=LO:HI", value_parser = range, allow_hyphen_values = true)]
    bifurcation: Option<Range>,
    /// The fixed points (or bifurcations and limit cycles) as JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// A parameter and where it goes from and to.
#[derive(Clone, Debug)]
struct Range {
    parameter: String,
    from: f64,
    to: f64,
}

fn range(text: &str) -> Result<Range, String> {
    let form = || format!("`{text}` is no PARAM=LO:HI");
    let (parameter, ends) = text.split_once('=').ok_or_else(form)?;
    let (from, to) = ends.split_once(':').ok_or_else(form)?;
    let (from, to) = (parse::finite(from)?, parse::finite(to)?);
    if from >= to {
        return Err(format!("`{text}`: the lower end {from} is not below the upper end {to}"));
    }
    Ok(Range { parameter: parameter.trim().to_owned(), from, to })
}

/// Runs it.
pub fn run(args: &Phase) -> Result<(), Failure> {
    let neuron = args.model.neuron()?;
    let (panel, said) = match &args.bifurcation {
        Some(range) => diagram(args, &neuron, range),
        None => plane(args, &neuron),
    }
    .map_err(Failure::input)?;
    let what = if args.bifurcation.is_some() { "bifurcation diagram" } else { "phase plane" };
    let label = format!("{}: {what}", neuron.info().name);
    felice_store::write_plain(&args.output, draw(&[panel], 1, (620.0, 620.0), Theme::Standalone, &label))
        .map_err(Failure::file)?;
    if args.json {
        println!("{said:#}");
    }
    Ok(())
}

fn series(name: &str, points: Vec<(f64, f64)>, ink: Ink, style: Style) -> Series {
    Series { name: name.to_owned(), points, ink, style }
}

/// Corners of where fixed points are looked for: the usual range of each state, and all that is to be shown.
fn search_box(args: &Phase, neuron: &AnyNeuron) -> (Vec<f64>, Vec<f64>) {
    let shown = [args.region, args.region_y.or(args.region)];
    let states = neuron.info().states.iter().enumerate();
    states.map(|(i, s)| shown.get(i).copied().flatten().map_or((s.usual[0], s.usual[1]), |(lo, hi)| (lo, hi))).unzip()
}

/// What is shown: as asked; else the usual range, and of an element's slow voltage what lies around its fixed points.
fn window(args: &Phase, neuron: &AnyNeuron, points: &[FixedPoint]) -> [(f64, f64); 2] {
    let usual = |i: usize| (neuron.info().states[i].usual[0], neuron.info().states[i].usual[1]);
    let y = if args.region.is_none() && &*neuron.info().states[1].name == "v_slow" {
        let ends = points.iter().map(|p| p.state[1]).fold((0.0_f64, 0.0_f64), |(l, h), y| (l.min(y), h.max(y)));
        (ends.0 - 1.0, ends.1 + 1.0)
    } else {
        usual(1)
    };
    [args.region.unwrap_or_else(|| usual(0)), args.region_y.or(args.region).unwrap_or(y)]
}

fn plane(args: &Phase, neuron: &AnyNeuron) -> Result<(Panel, serde_json::Value), NeuronError> {
    let states = &neuron.info().states;
    if states.len() < 2 {
        return Err(NeuronError::Width { what: "states of a phase plane", expected: 2, got: states.len() });
    }
    let (lo, hi) = search_box(args, neuron);
    let points = neuron.fixed_points(&lo, &hi)?;
    let [x, y] = window(args, neuron, &points);
    let at = Plane::first_two(neuron, [x.0, y.0], [x.1, y.1]);
    let mut drawn = field(neuron, x, y)?;
    for (nullcline, ink) in neuron.nullclines(&at)?.iter().zip([Ink::Model, Ink::Circuit]) {
        drawn.extend(lines(nullcline, &format!("d{}/dt = 0", states[nullcline.state].name), ink));
    }
    for start in &args.initial {
        let sampled = course(neuron, &start.0, args.t_end, [x, y])?.sampled;
        let [x, y] = [0, 1].map(|i| &sampled.signals()[i].values);
        let points = x.iter().copied().zip(y.iter().copied()).collect();
        drawn.push(series("trajectory", points, Ink::Third, Style::Line(1.0)));
    }
    let cycles = cycles(args, neuron, &points, [x, y]);
    for (i, cycle) in cycles.iter().enumerate() {
        let orbit = course(neuron, &cycle.state, cycle.period, [x, y])?.sampled;
        let [x, y] = [0, 1].map(|i| &orbit.signals()[i].values);
        let points = x.iter().copied().zip(y.iter().copied()).collect();
        drawn.push(series(if i == 0 { "limit cycle" } else { "" }, points, Ink::Fourth, Style::Line(2.2)));
    }
    drawn.extend(marks(&points));
    let eigenvalues =
        |all: &[Eigenvalue]| all.iter().map(|l| json!({"re": l.re, "im": l.im})).collect::<Vec<serde_json::Value>>();
    let said = json!({
        "fixed_points": points.iter().map(|p| json!({
            "state": p.state, "type": format!("{:?}", p.stability), "basin": p.basin,
            "eigenvalues": eigenvalues(&p.eigenvalues),
        })).collect::<Vec<_>>(),
        "limit_cycles": cycles.iter().map(|c| json!({
            "state": c.state, "period": c.period, "amplitude": c.amplitude, "stable": c.is_stable(),
            "floquet_multipliers": eigenvalues(&c.multipliers),
        })).collect::<Vec<_>>(),
    });
    let mut panel = Panel {
        x_label: states[0].name.to_string(),
        y_label: states[1].name.to_string(),
        series: drawn,
        x_range: Some(x.0..x.1),
        y_range: Some(y.0..y.1),
        ..Panel::default()
    };
    panel.square = x == y;
    Ok((panel, said))
}

/// A trajectory, sampled so closely that no stretch of it in the window is longer than a fiftieth of it; one that cannot
/// go on as far as it went, with a remark.
fn course(neuron: &AnyNeuron, start: &[f64], t_end: f64, window: [(f64, f64); 2]) -> Result<Trajectory, NeuronError> {
    let mut samples = 8001;
    loop {
        let run = Run { initial: Some(start.to_vec()), sampling: Sampling::Uniform(samples), ..Run::to(t_end) };
        let trajectory = match neuron.simulate(&run) {
            Err(NeuronError::Interrupted(i)) => {
                eprintln!("felice: warning: {i}");
                i.partial
            }
            other => other?,
        };
        let sides = window.map(|(lo, hi)| hi - lo);
        let place = |k: usize| [0, 1].map(|i| trajectory.sampled.signals()[i].values[k]);
        let seen = |y: [f64; 2]| (0..2).all(|i| (window[i].0..=window[i].1).contains(&y[i]));
        let coarse = (1..trajectory.sampled.len())
            .map(|k| (place(k - 1), place(k)))
            .any(|(a, b)| (seen(a) || seen(b)) && (0..2).any(|i| (a[i] - b[i]).abs() > 0.02 * sides[i]));
        if !coarse || samples > 1_000_000 {
            if !trajectory.conditioning.is_good() {
                eprintln!("felice: warning: {}", trajectory.conditioning);
            }
            return Ok(trajectory);
        }
        samples = 4 * (samples - 1) + 1;
    }
}

/// The limit cycles that trajectories from beside unstable fixed points, and from the starts asked for, come to.
fn cycles(args: &Phase, neuron: &AnyNeuron, points: &[FixedPoint], window: [(f64, f64); 2]) -> Vec<LimitCycle> {
    let horizon = args.t_end.max(400.0);
    let beside = points.iter().filter(|p| !stable(p.stability)).map(|p| {
        let mut y = p.state.clone();
        y[0] += 1e-2 * (window[0].1 - window[0].0);
        y
    });
    let mut found: Vec<LimitCycle> = Vec::new();
    for start in args.initial.iter().map(|n| n.0.clone()).chain(beside) {
        let Ok(cycle) = neuron.limit_cycle(&start, horizon) else { continue };
        let same = |c: &LimitCycle| {
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 * (a.abs() + b.abs());
            near(c.period, cycle.period)
                && c.amplitude.iter().zip(&cycle.amplitude).all(|(a, b)| near(*a, *b) || *a < 1e-9)
        };
        if !found.iter().any(same) {
            found.push(cycle);
        }
    }
    found
}

/// Fixed points by type: what attracts is filled, what repels is open, a saddle is filled and rimmed; nodes in another
/// colour than foci.
fn marks(points: &[FixedPoint]) -> Vec<Series> {
    const TYPES: [(Stability, &str, Ink, Style); 6] = [
        (Stability::StableFocus, "stable focus", Ink::Text, Style::Dots(4.0)),
        (Stability::StableNode, "stable node", Ink::Fourth, Style::Dots(4.0)),
        (Stability::UnstableFocus, "unstable focus", Ink::Text, Style::Rings(4.0)),
        (Stability::UnstableNode, "unstable node", Ink::Fourth, Style::Rings(4.0)),
        (Stability::Saddle, "saddle", Ink::Circuit, Style::Dots(4.0)),
        (Stability::Neutral, "neutral fixed point", Ink::Third, Style::Rings(4.0)),
    ];
    let mut drawn = Vec::new();
    for (stability, name, ink, style) in TYPES {
        let places: Vec<_> =
            points.iter().filter(|p| p.stability == stability).map(|p| (p.state[0], p.state[1])).collect();
        if places.is_empty() {
            continue;
        }
        if stability == Stability::Saddle {
            drawn.push(series("", places.clone(), Ink::Text, Style::Rings(4.6)));
        }
        drawn.push(series(name, places, ink, style));
    }
    drawn
}

fn stable(s: Stability) -> bool {
    matches!(s, Stability::StableNode | Stability::StableFocus)
}

fn lines(nullcline: &Nullcline, name: &str, ink: Ink) -> Vec<Series> {
    let line = |(i, line): (usize, &Vec<[f64; 2]>)| {
        let points = line.iter().map(|p| (p[0], p[1])).collect();
        series(if i == 0 { name } else { "" }, points, ink, Style::Line(1.8))
    };
    nullcline.lines.iter().enumerate().map(line).collect()
}

/// Directions of the field on a grid: an arrow about the middle of each cell, as it would be drawn on paper.
fn field(neuron: &AnyNeuron, x: (f64, f64), y: (f64, f64)) -> Result<Vec<Series>, NeuronError> {
    const GRID: usize = 22;
    let cell = [(x.1 - x.0) / GRID as f64, (y.1 - y.0) / GRID as f64];
    let mut drawn = Vec::new();
    let mut state = vec![0.0; neuron.dimension()];
    let mut slope = state.clone();
    for k in 0..GRID * GRID {
        // A little beside the diagonal, where a field may jump.
        let foot = [x.0 + (0.5 + (k % GRID) as f64) * cell[0], y.0 + (0.500_01 + (k / GRID) as f64) * cell[1]];
        state[..2].copy_from_slice(&foot);
        neuron.field(&state, &mut slope)?;
        let (dx, dy) = (slope[0] / cell[0], slope[1] / cell[1]);
        let size = dx.hypot(dy);
        if size > 0.0 && size.is_finite() {
            let (c, s) = (dx / size, dy / size);
            // Along and across the arrow, in cells, from its middle.
            let at = |a: f64, b: f64| (foot[0] + cell[0] * (a * c - b * s), foot[1] + cell[1] * (a * s + b * c));
            drawn.push(series("", vec![at(-0.34, 0.0), at(0.34, 0.0)], Ink::Grid, Style::Line(1.0)));
            let head = vec![at(0.16, 0.11), at(0.34, 0.0), at(0.16, -0.11)];
            drawn.push(series("", head, Ink::Grid, Style::Line(1.0)));
        }
    }
    Ok(drawn)
}

fn diagram(args: &Phase, neuron: &AnyNeuron, range: &Range) -> Result<(Panel, serde_json::Value), NeuronError> {
    let (lo, hi) = search_box(args, neuron);
    let sweep = Sweep {
        parameter: range.parameter.clone(),
        from: range.from,
        to: range.to,
        lo,
        hi,
        horizon: Some(args.t_end.max(400.0)),
    };
    let found = neuron.bifurcations(&sweep)?;
    let mut drawn = Vec::new();
    let mut named = [false; 2];
    for branch in &found.branches {
        // Each piece goes on to where the next begins.
        let mut pieces: Vec<(bool, Vec<(f64, f64)>)> = Vec::new();
        for p in &branch.points {
            let (is_stable, place) = (stable(p.stability), (p.parameter, p.state[0]));
            match pieces.last_mut() {
                Some((s, points)) if *s == is_stable => points.push(place),
                Some((_, points)) => {
                    points.push(place);
                    pieces.push((is_stable, vec![place]));
                }
                None => pieces.push((is_stable, vec![place])),
            }
        }
        for (is_stable, points) in pieces {
            let (name, style) = if is_stable { ("stable", Style::Line(1.8)) } else { ("unstable", Style::Dashed(1.4)) };
            let name = if std::mem::replace(&mut named[usize::from(is_stable)], true) { "" } else { name };
            drawn.push(series(name, points, Ink::Model, style));
        }
    }
    let extremes: Vec<_> = found.cycles.iter().flat_map(|c| [(c.parameter, c.lo[0]), (c.parameter, c.hi[0])]).collect();
    if !extremes.is_empty() {
        drawn.push(series("limit cycle, extremes", extremes, Ink::Circuit, Style::Dots(1.8)));
    }
    let word = |k: BifurcationKind| match k {
        BifurcationKind::Fold => "fold",
        BifurcationKind::BranchPoint => "branch point",
        BifurcationKind::Hopf { .. } => "Hopf",
    };
    for (name, ink) in [("fold", Ink::Text), ("branch point", Ink::Third), ("Hopf", Ink::Fourth)] {
        let of_kind = found.bifurcations.iter().filter(|b| word(b.kind) == name);
        let places: Vec<_> = of_kind.map(|b| (b.parameter, b.state[0])).collect();
        if !places.is_empty() {
            drawn.push(series(name, places, ink, Style::Rings(4.5)));
        }
    }
    let kind = |k: BifurcationKind| match k {
        BifurcationKind::Hopf { frequency } => json!({"hopf": {"angular_frequency": frequency}}),
        other => json!(word(other)),
    };
    let said = json!({
        "parameter": found.parameter,
        "bifurcations": found.bifurcations.iter().map(|b| {
            json!({"kind": kind(b.kind), "parameter": b.parameter, "state": b.state})
        }).collect::<Vec<_>>(),
        "limit_cycles": found.cycles.iter().map(|c| {
            json!({"parameter": c.parameter, "period": c.period, "minimum": c.lo, "maximum": c.hi})
        }).collect::<Vec<_>>(),
    });
    let panel = Panel {
        x_label: range.parameter.clone(),
        y_label: neuron.info().states[0].name.to_string(),
        series: drawn,
        x_range: Some(range.from..range.to),
        ..Panel::default()
    };
    Ok((panel, said))
}
