//! `felice simulate`: one trajectory of one model.

use super::ensemble::{self, ManyArgs};
use super::failure::Failure;
use super::model::{ModelArgs, Precision};
use super::output::{self, Format};
use super::parse::{self, Numbers};
use super::stimulus;
use felice_base::{Signal, Unit};
use felice_neurons::{AnyNeuron, Direction, Event, Method, NeuronError, Run, Sampling, Stimulus, Trajectory, Trigger};
use felice_store::{FileWriter, StoreError};
use felice_verify::figure::{Ink, Panel, Series, Style, Theme, draw};
use std::path::PathBuf;

/// One trajectory of a model, sampled at equal distances, both ends included.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  felice simulate wererabbit --t-end 50 --initial 0.45,0.25 --output wererabbit.h5 --plot wererabbit.svg
  felice simulate fhnrs --t-end 200 --initial 2,0,0 --samples 2001 --crossing v=2 --output fhnrs.csv
  felice simulate wererabbit --t-end 50 --neurons 1000 --vary sigma=0.5..0.7 --samples 101 --output many.h5
  felice simulate fhnrs --t-end 200 --stimulus spikes:i_app@10,20,30=1.5 --output kicked.csv")]
pub struct Simulate {
    #[command(flatten)]
    pub(super) model: ModelArgs,
    #[command(flatten)]
    pub(super) many: ManyArgs,
    /// End of the trajectory, in the model's unit of time; it starts at 0.
    #[arg(long, value_name = "T", value_parser = parse::positive, allow_hyphen_values = true)]
    pub(super) t_end: f64,
    /// Number of samples, both ends included.
    #[arg(long, value_name = "N", default_value_t = 1001)]
    pub(super) samples: usize,
    /// The state at 0; the model's own initial state where left out.
    #[arg(long, value_name = "a,b[,c]", value_parser = parse::numbers, allow_hyphen_values = true)]
    pub(super) initial: Option<Numbers>,
    /// Relative tolerance of a step.
    #[arg(long, default_value_t = 1e-9, value_parser = parse::positive, allow_hyphen_values = true)]
    pub(super) rtol: f64,
    /// Absolute tolerance of a step.
    #[arg(long, default_value_t = 1e-9, value_parser = parse::positive, allow_hyphen_values = true)]
    pub(super) atol: f64,
    /// Limits that no state ever leaves.
    #[arg(long, value_name = "LO,HI", value_parser = parse::interval, allow_hyphen_values = true)]
    pub(super) rails: Option<(f64, f64)>,
    /// Precision of the evaluation.
    #[arg(long, value_enum, default_value_t = Precision::F64)]
    pub(super) precision: Precision,
    /// The integrator.
    #[arg(long, value_enum, default_value_t = Integrator::Dop853)]
    pub(super) method: Integrator,
    /// Steps after which the run is given up.
    #[arg(long, default_value_t = 10_000_000)]
    pub(super) max_steps: u64,
    /// Report when a state crosses a level upward; may be repeated.
    #[arg(long, value_name = "STATE=LEVEL", value_parser = parse::assignment, allow_hyphen_values = true)]
    crossing: Vec<parse::Assignment>,
    /// Report when a state crosses a level downward; may be repeated.
    #[arg(long, value_name = "STATE=LEVEL", value_parser = parse::assignment, allow_hyphen_values = true)]
    falling: Vec<parse::Assignment>,
    /// Report when the state comes this near to a stable fixed point.
    #[arg(long, value_name = "DISTANCE", value_parser = parse::positive)]
    settled: Option<f64>,
    /// End the run at the first event.
    #[arg(long)]
    pub(super) stop_at_event: bool,
    /// What is done to the neuron: step:STATE@T=A, pulse:STATE@T1..T2=A, ramp:STATE@T1..T2=A, spikes:STATE@T1,T2,..=W.
    #[arg(long = "stimulus", value_name = "SPEC", value_parser = stimulus::parse, allow_hyphen_values = true)]
    pub(super) stimuli: Vec<Stimulus>,
    /// Where the run cannot go on (runaway, stiffness, too many steps), write what was computed up to there all the same;
    /// the file says so and the exit code stays 2.
    #[arg(long)]
    keep_partial: bool,
    /// File to write: .h5 or .csv.
    #[arg(long, value_name = "X.h5|X.csv", value_parser = output::parse)]
    pub(super) output: output::Target,
    /// A picture of the states against time.
    #[arg(long, value_name = "X.svg")]
    pub(super) plot: Option<PathBuf>,
}

/// Integrators of single trajectories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Integrator {
    /// Dormand–Prince 8(5,3).
    Dop853,
    /// Dormand–Prince 5(4).
    Dopri5,
}

/// Runs it.
pub fn run(args: &Simulate, quiet: bool) -> Result<(), Failure> {
    if args.many.asked() {
        return ensemble::run(args, quiet);
    }
    args.many.check_unasked()?;
    let neuron = args.model.neuron()?;
    let events = events(args);
    let outcome = neuron.simulate(&request(args, &events));
    let (trajectory, interrupted) = match &outcome {
        Ok(trajectory) => (trajectory, None),
        Err(NeuronError::Interrupted(i)) if args.keep_partial => (&i.partial, Some(i.to_string())),
        Err(error) => return Err(Failure::input(error)),
    };
    match args.output.format {
        Format::Csv => felice_store::write_plain(&args.output.path, super::table::sampled_to_csv(&trajectory.sampled)),
        Format::Hdf5 => write_hdf5(args, &neuron, &events, trajectory, interrupted.as_deref()),
    }
    .map_err(Failure::file)?;
    if let Some(path) = &args.plot {
        felice_store::write_plain(path, picture(&neuron, trajectory)).map_err(Failure::file)?;
    }
    if !trajectory.conditioning.is_good() {
        eprintln!("felice: warning: {}", trajectory.conditioning);
    }
    if !quiet {
        remarks(&neuron, &events, trajectory);
    }
    interrupted.map_or(Ok(()), |why| Err(Failure::input(why)))
}

fn request(args: &Simulate, events: &[(String, Event)]) -> Run {
    Run {
        sampling: Sampling::Uniform(args.samples),
        initial: args.initial.as_ref().map(|n| n.0.clone()),
        rtol: args.rtol,
        atol: args.atol,
        method: match args.method {
            Integrator::Dop853 => Method::Dop853,
            Integrator::Dopri5 => Method::Dopri5,
        },
        rails: args.rails.iter().map(|&(lo, hi)| [lo, hi]).collect(),
        precision: match args.precision {
            Precision::F64 => felice_neurons::Precision::F64,
            Precision::F32 => felice_neurons::Precision::F32,
        },
        events: events.iter().map(|(_, e)| e.clone()).collect(),
        stimuli: args.stimuli.clone(),
        max_steps: args.max_steps,
        ..Run::to(args.t_end)
    }
}

/// The events asked for, by the name that they have in the file; the spike condition is always there.
pub(super) fn events(args: &Simulate) -> Vec<(String, Event)> {
    let stop_after = args.stop_at_event.then_some(1);
    let mut events = vec![("spike_condition".to_owned(), Event::from(Trigger::SpikeCondition))];
    for (crossings, direction, word) in
        [(&args.crossing, Direction::Rising, "above"), (&args.falling, Direction::Falling, "below")]
    {
        for c in crossings {
            let trigger = Trigger::Crossing { state: c.name.clone(), level: c.value, direction };
            events.push((format!("{}_{word}_{}", c.name, c.value), Event { trigger, stop_after }));
        }
    }
    if let Some(distance) = args.settled {
        events.push(("settled".to_owned(), Event { trigger: Trigger::Settled { distance }, stop_after }));
    }
    events
}

/// States along `t` in the root, events and parameters in groups.
fn write_hdf5(
    args: &Simulate,
    neuron: &AnyNeuron,
    events: &[(String, Event)],
    trajectory: &Trajectory,
    interrupted: Option<&str>,
) -> Result<(), StoreError> {
    let file = FileWriter::create(&args.output.path, &super::provenance())?;
    let root = file.root();
    root.attribute("model", neuron.info().name.as_ref())?;
    root.attribute("option", neuron.option().unwrap_or(""))?;
    root.attribute("conditioning", trajectory.conditioning.to_string())?;
    root.attribute("well_conditioned", u64::from(trajectory.conditioning.is_good()))?;
    root.attribute("t_final", trajectory.t_final)?;
    root.attribute("interrupted", interrupted.unwrap_or(""))?;
    root.attribute("precision", if args.precision == Precision::F32 { "f32" } else { "f64" })?;
    root.attribute("rtol", args.rtol)?;
    root.attribute("atol", args.atol)?;
    let work = trajectory.work;
    for (name, count) in [
        ("evaluations", work.evaluations),
        ("event_evaluations", work.event_evaluations),
        ("accepted_steps", work.accepted),
        ("rejected_steps", work.rejected),
    ] {
        root.attribute(name, count)?;
    }
    match args.precision {
        Precision::F64 => root.sampled(&trajectory.sampled)?,
        Precision::F32 => root.sampled_f32(&trajectory.sampled)?,
    };
    let parameters = root.group("parameters")?;
    for ((name, value), p) in neuron.parameters().zip(neuron.info().parameters.iter()) {
        parameters.scalar(name, &Unit::new(p.unit.to_string()), &p.meaning, value)?;
    }
    let group = root.group("events")?;
    for (i, (name, _)) in events.iter().enumerate() {
        let long_name = format!("times at which {name} became true");
        group.axis(name, &Unit::ONE, &long_name, &trajectory.times_of(i))?;
    }
    file.finish().map(drop)
}

/// The states against time, one panel a state.
fn picture(neuron: &AnyNeuron, trajectory: &Trajectory) -> String {
    let t = &trajectory.sampled.axis().values;
    let panel = |s: &Signal| Panel {
        x_label: "τ".into(),
        y_label: s.name.clone(),
        series: vec![Series {
            name: String::new(),
            points: t.iter().copied().zip(s.values.iter().copied()).collect(),
            ink: Ink::Model,
            style: Style::Line(1.2),
        }],
        ..Panel::default()
    };
    let panels: Vec<Panel> = trajectory.sampled.signals().iter().map(panel).collect();
    let label = format!("{}: states against time", neuron.info().name);
    draw(&panels, 1, (820.0, 20.0 + 170.0 * panels.len() as f64), Theme::Standalone, &label)
}

fn remarks(neuron: &AnyNeuron, events: &[(String, Event)], trajectory: &Trajectory) {
    let work = trajectory.work;
    eprintln!(
        "{}: t = 0 .. {:?}, {} evaluations, {} steps, {} rejected",
        neuron.info().name,
        trajectory.t_final,
        work.evaluations,
        work.accepted,
        work.rejected
    );
    for (i, (name, _)) in events.iter().enumerate() {
        let times = trajectory.times_of(i);
        if let Some(first) = times.first() {
            eprintln!("  {name}: {} times, first at t = {first:.10}", times.len());
        }
    }
}
