//! `felice phase`: nullclines, field, fixed points and trajectories in one picture; bifurcation diagrams.

use super::failure::Failure;
use super::model::ModelArgs;
use super::parse::{self, Numbers};
use felice_neurons::{
    AnyNeuron, BifurcationKind, FixedPoint, NeuronError, Nullcline, Plane, Run, Sampling, Stability, Sweep,
};
use felice_verify::figure::{Ink, Panel, Series, Style, Theme, draw};
use serde_json::json;
use std::path::PathBuf;

/// Draws a model's phase plane (its first two states): nullclines, field, fixed points by type, trajectories.
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
    /// Start of a trajectory; may be repeated.
    #[arg(long, value_name = "a,b[,c]", value_parser = parse::numbers, allow_hyphen_values = true)]
    initial: Vec<Numbers>,
    /// How long the trajectories are.
    #[arg(long, value_name = "T", default_value_t = 60.0, value_parser = parse::positive)]
    t_end: f64,
    /// A bifurcation diagram over a parameter instead.
    #[arg(long, value_name = "PARAM=LO:HI", value_parser = range, allow_hyphen_values = true)]
    bifurcation: Option<Range>,
    /// The fixed points (or bifurcations) as JSON on standard output.
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
    Ok(Range { parameter: parameter.to_owned(), from: parse::finite(from)?, to: parse::finite(to)? })
}

/// Runs it.
pub fn run(args: &Phase) -> Result<(), Failure> {
    let neuron = args.model.neuron()?;
    let name = neuron.info().name.clone();
    let bounds = args.region.unwrap_or(if name.starts_with("fhnrs") || name.starts_with("ribar") {
        (-4.0, 4.0)
    } else {
        (-0.2, 0.6)
    });
    let (panel, said) = match &args.bifurcation {
        Some(range) => diagram(&neuron, range, bounds),
        None => plane(args, &neuron, bounds),
    }
    .map_err(Failure::input)?;
    let label = format!("{name}: {}", if args.bifurcation.is_some() { "bifurcation diagram" } else { "phase plane" });
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

fn plane(args: &Phase, neuron: &AnyNeuron, (lo, hi): (f64, f64)) -> Result<(Panel, serde_json::Value), NeuronError> {
    let n = neuron.dimension();
    let states = &neuron.info().states;
    let at = Plane::first_two(neuron, [lo; 2], [hi; 2]);
    let mut drawn = field(neuron, (lo, hi))?;
    for (nullcline, ink) in neuron.nullclines(&at)?.iter().zip([Ink::Model, Ink::Circuit]) {
        drawn.extend(lines(nullcline, &format!("d{}/dt = 0", states[nullcline.state].name), ink));
    }
    for start in &args.initial {
        let run = Run { initial: Some(start.0.clone()), sampling: Sampling::Uniform(8001), ..Run::to(args.t_end) };
        let sampled = neuron.simulate(&run)?.sampled;
        let [x, y] = [0, 1].map(|i| &sampled.signals()[i].values);
        let points = x.iter().copied().zip(y.iter().copied()).collect();
        drawn.push(series("trajectory", points, Ink::Third, Style::Line(1.0)));
    }
    let points = neuron.fixed_points(&vec![lo; n], &vec![hi; n])?;
    for (wanted, name) in [(true, "stable fixed point"), (false, "unstable fixed point")] {
        let of = |p: &&FixedPoint| stable(p.stability) == wanted;
        let places: Vec<_> = points.iter().filter(of).map(|p| (p.state[0], p.state[1])).collect();
        if !places.is_empty() {
            drawn.push(series(name, places, Ink::Text, if wanted { Style::Dots(4.0) } else { Style::Rings(4.0) }));
        }
    }
    let said = json!({"fixed_points": points.iter().map(|p| json!({
        "state": p.state, "type": format!("{:?}", p.stability), "basin": p.basin,
        "eigenvalues": p.eigenvalues.iter().map(|l| json!({"re": l.re, "im": l.im})).collect::<Vec<_>>(),
    })).collect::<Vec<_>>()});
    let panel = Panel {
        x_label: states[0].name.to_string(),
        y_label: states[1].name.to_string(),
        series: drawn,
        x_range: Some(lo..hi),
        y_range: Some(lo..hi),
        square: true,
        ..Panel::default()
    };
    Ok((panel, said))
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

/// Directions of the field on a grid: a short line each, from a dot.
fn field(neuron: &AnyNeuron, (lo, hi): (f64, f64)) -> Result<Vec<Series>, NeuronError> {
    const GRID: usize = 22;
    let cell = (hi - lo) / GRID as f64;
    let (mut feet, mut all) = (Vec::new(), Vec::new());
    let mut y = vec![0.0; neuron.dimension()];
    let mut dy = y.clone();
    for k in 0..GRID * GRID {
        (y[0], y[1]) = (lo + (0.5 + (k % GRID) as f64) * cell, lo + (0.5 + (k / GRID) as f64) * cell);
        neuron.field(&y, &mut dy)?;
        let size = dy[0].hypot(dy[1]);
        if size > 0.0 && size.is_finite() {
            let tip = (y[0] + 0.7 * cell * dy[0] / size, y[1] + 0.7 * cell * dy[1] / size);
            feet.push((y[0], y[1]));
            all.push(series("", vec![(y[0], y[1]), tip], Ink::Grid, Style::Line(1.0)));
        }
    }
    all.push(series("", feet, Ink::Grid, Style::Dots(1.2)));
    Ok(all)
}

fn diagram(neuron: &AnyNeuron, range: &Range, (lo, hi): (f64, f64)) -> Result<(Panel, serde_json::Value), NeuronError> {
    let n = neuron.dimension();
    let sweep = Sweep {
        parameter: range.parameter.clone(),
        from: range.from,
        to: range.to,
        lo: vec![lo; n],
        hi: vec![hi; n],
        horizon: Some(400.0),
    };
    let found = neuron.bifurcations(&sweep)?;
    let mut drawn = Vec::new();
    let mut named = [false; 2];
    for branch in &found.branches {
        for run in branch.points.chunk_by(|a, b| stable(a.stability) == stable(b.stability)) {
            let is_stable = stable(run[0].stability);
            let name = if named[usize::from(is_stable)] {
                ""
            } else if is_stable {
                "stable"
            } else {
                "unstable"
            };
            named[usize::from(is_stable)] = true;
            let points = run.iter().map(|p| (p.parameter, p.state[0])).collect();
            let style = if is_stable { Style::Line(1.8) } else { Style::Dashed(1.4) };
            drawn.push(series(name, points, Ink::Model, style));
        }
    }
    let extremes: Vec<_> = found.cycles.iter().flat_map(|c| [(c.parameter, c.lo[0]), (c.parameter, c.hi[0])]).collect();
    if !extremes.is_empty() {
        drawn.push(series("limit cycle, extremes", extremes, Ink::Circuit, Style::Dots(1.8)));
    }
    let points: Vec<_> = found.bifurcations.iter().map(|b| (b.parameter, b.state[0])).collect();
    if !points.is_empty() {
        drawn.push(series("bifurcation", points, Ink::Text, Style::Rings(4.5)));
    }
    let kind = |k: BifurcationKind| match k {
        BifurcationKind::Fold => json!("fold"),
        BifurcationKind::BranchPoint => json!("branch point"),
        BifurcationKind::Hopf { frequency } => json!({"hopf": {"angular_frequency": frequency}}),
    };
    let said = json!({"parameter": found.parameter, "bifurcations": found.bifurcations.iter().map(|b| {
        json!({"kind": kind(b.kind), "parameter": b.parameter, "state": b.state})
    }).collect::<Vec<_>>()});
    let panel = Panel {
        x_label: range.parameter.clone(),
        y_label: neuron.info().states[0].name.to_string(),
        series: drawn,
        ..Panel::default()
    };
    Ok((panel, said))
}
