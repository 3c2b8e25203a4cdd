//! `felice derive`: device card to model parameters, their spread, their corners, and back.

mod file;
mod json;
mod text;

use super::failure::{Failure, read_text};
use super::parse;
use felice_subthreshold::corners::{Corner, corners};
use felice_subthreshold::design::{Design, Limits, design};
use felice_subthreshold::{
    Card, Derived, DeviceError, Form, MOST_SAMPLES, Mismatch, Sampling, Sensitivity, Spread, Uncertainty, derive_as,
    derive_nearest, monte_carlo_samples, parse_value, sensitivities, uncertainties,
};
use std::path::PathBuf;

/// Model parameters from a device card: values, units, formulas, the devices they come from; spread and corners; and
/// the card for wanted parameters.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  felice derive data/devices/felice.toml --model wererabbit --json
  felice derive data/devices/ekv-boomerang.toml --model boomerang --corners --monte-carlo 1e5 --seed 1 --sensitivity
  felice derive data/devices/ekv-boomerang.toml --model boomerang --target alpha=0.0015,gamma=0.1,time_unit=2ms --card-output new.toml

With --target the spread, the corners and the sensitivities are those of the proposed card.
A card may state standard errors: I0 = { value = 0.13, error = 0.01, unit = \"pA\" }; parameters then carry them.")]
pub struct Derive {
    /// The device card.
    card: PathBuf,
    /// Model: boomerang, fhnrs, wererabbit; also boomerang-branches, wererabbit-branches, fhnrs-saturating.
    #[arg(long)]
    model: String,
    /// Each branch its own parameters (FHNRS: saturation of slow and passive element too).
    #[arg(long)]
    per_branch: bool,
    /// closed: deep-subthreshold formulas; solved: every block solved where the circuit rests. Left out: solved, as
    /// `felice verify` takes it, where the card names the transistors; the other form stands beside it.
    #[arg(long, value_enum, value_name = "FORM")]
    form: Option<FormArgument>,
    /// The parameters at TT FF SS FS SF, low and high supply, and the card's temperatures (-40 and 125 degC).
    #[arg(long)]
    corners: bool,
    /// Samples N mismatched circuits (Pelgrom, from the card's A_VT, A_beta, W, L).
    #[arg(long, value_name = "N", value_parser = samples, allow_hyphen_values = true)]
    monte_carlo: Option<usize>,
    /// Seed of the samples.
    #[arg(long, default_value_t = 1, requires = "monte_carlo")]
    seed: u64,
    /// What of a transistor is mismatched.
    #[arg(long, value_enum, default_value_t = MismatchArgument::Both, requires = "monte_carlo")]
    mismatch: MismatchArgument,
    /// Threads of the sampling; 0 for as many as the machine has. The samples are the same.
    #[arg(long, default_value_t = 0, requires = "monte_carlo")]
    threads: usize,
    /// Which device's W, L or Vt0 moves which parameter most.
    #[arg(long)]
    sensitivity: bool,
    /// Proposes W, L, Ibias, C for these parameters: alpha=0.002,rho=5,time_unit=1ms (also i_unit; per branch alpha_u).
    #[arg(long, value_name = "NAME=VALUE,..", value_delimiter = ',', allow_hyphen_values = true)]
    target: Vec<String>,
    /// What a proposal may use: W, L, C, R or Ibias, such as W=0.22um..50um; may be repeated.
    #[arg(long, value_name = "NAME=LO..HI", requires = "target", allow_hyphen_values = true)]
    limit: Vec<String>,
    /// How far off rho and beta may be, which have no continuous handle; relative.
    #[arg(long, default_value_t = 0.05, value_parser = parse::positive, requires = "target", allow_hyphen_values = true)]
    tolerance: f64,
    /// Writes the proposed card as TOML.
    #[arg(long, value_name = "CARD.toml", requires = "target")]
    card_output: Option<PathBuf>,
    /// HDF5 file with everything asked for.
    #[arg(long, value_name = "X.h5")]
    output: Option<PathBuf>,
    /// Also writes every sampled parameter set into the HDF5 file.
    #[arg(long, requires = "output", requires = "monte_carlo")]
    keep_samples: bool,
    /// As JSON, for a program.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FormArgument {
    Closed,
    Solved,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum MismatchArgument {
    /// Threshold and current factor.
    Both,
    /// Threshold alone (A_VT).
    Threshold,
    /// Current factor alone (A_beta).
    Factor,
    /// None: every circuit is the nominal one.
    Off,
}

/// Everything that one call derives.
pub(super) struct Answer {
    /// The card's file, as named.
    file: String,
    card: Card,
    derived: Derived,
    /// The other form of the same parameters, where there is one.
    other: Option<Derived>,
    uncertainties: Vec<Uncertainty>,
    design: Option<(Design, Limits)>,
    corners: Option<Vec<Corner>>,
    spread: Option<Spread>,
    /// One column a parameter of the spread; empty unless they are kept.
    samples: Vec<Vec<f64>>,
    sensitivity: Option<Vec<Sensitivity>>,
    warnings: Vec<String>,
}

/// Runs it.
pub fn run(args: &Derive, quiet: bool) -> Result<(), Failure> {
    for path in args.output.iter().chain(&args.card_output) {
        felice_store::check_target(path).map_err(Failure::file)?;
    }
    let file = args.card.display().to_string();
    let source = read_text(&args.card)?;
    let answer = answer(args, &source, &file)?;
    if let Some(path) = &args.output {
        file::write(path, &answer, args.monte_carlo.map(|_| args.seed), &file, &source).map_err(Failure::file)?;
    }
    if let (Some(path), Some((design, _))) = (&args.card_output, &answer.design) {
        felice_store::write_plain(path, design.card.to_toml()).map_err(Failure::file)?;
    }
    if args.json {
        println!("{:#}", json::answer(&answer));
    } else {
        print!("{}", text::answer(&answer));
    }
    for warning in &answer.warnings {
        eprintln!("felice: warning: {warning}");
    }
    if !quiet && answer.uncertainties.is_empty() {
        eprintln!("the card states no standard errors: parameters are as exact as its quantities");
    }
    Ok(())
}

fn answer(args: &Derive, source: &str, file: &str) -> Result<Answer, Failure> {
    let (targets, limits) = (targets(&args.target)?, limits(args)?);
    let card = Card::from_toml(source, file).map_err(Failure::input)?;
    let model = model(args)?;
    let derived = match args.form {
        None => derive_nearest(&card, &model),
        Some(FormArgument::Closed) => derive_as(&card, &model, Form::Closed),
        Some(FormArgument::Solved) => derive_as(&card, &model, Form::Solved),
    };
    let derived = derived.map_err(Failure::input)?;
    let form = derived.form;
    let mut warnings = derived.warnings.clone();
    warnings.extend(out_of_range(&derived));
    let other = other_form(&card, &derived, &mut warnings);
    let uncertainties = uncertainties(&card, &model, form).map_err(Failure::input)?;
    let design = if targets.is_empty() {
        None
    } else {
        let targets: Vec<(&str, f64)> = targets.iter().map(|(n, v)| (n.as_str(), *v)).collect();
        let design = match design(&card, &model, form, &targets, &limits) {
            // What the formulas propose is near; the solved form is asked for by name where nothing else will do.
            Err(why @ DeviceError::NotConverged { .. }) if args.form.is_none() && form == Form::Solved => {
                warnings.push(format!("the proposal is in closed form: {why}"));
                design(&card, &model, Form::Closed, &targets, &limits)
            }
            found => found,
        };
        let design = design.map_err(Failure::input)?;
        warnings.extend(
            design
                .derived
                .warnings
                .iter()
                .filter(|w| !derived.warnings.contains(w))
                .map(|w| format!("the proposed card: {w}")),
        );
        Some((design, limits))
    };
    let (subject, form) = design.as_ref().map_or((&card, form), |(d, _)| (&d.card, d.derived.form));
    let corners = args.corners.then(|| corners(subject, &model, form)).transpose().map_err(Failure::input)?;
    let sampled = args.monte_carlo.map(|samples| {
        let sampling = Sampling { samples, seed: args.seed, threads: args.threads, mismatch: args.mismatch.into() };
        monte_carlo_samples(subject, &model, form, &sampling)
    });
    let (spread, samples) = sampled.transpose().map_err(Failure::input)?.unzip();
    if let Some(spread) = &spread {
        warnings.extend(spread.parameters.iter().filter_map(felice_subthreshold::ParameterSpread::disagreement));
    }
    let sensitivity =
        args.sensitivity.then(|| sensitivities(subject, &model, form)).transpose().map_err(Failure::input)?;
    let samples = samples.filter(|_| args.keep_samples).unwrap_or_default();
    Ok(Answer {
        file: file.to_owned(),
        card,
        derived,
        other,
        uncertainties,
        design,
        corners,
        spread,
        samples,
        sensitivity,
        warnings,
    })
}

/// The model asked for, extended where every branch is to have its own parameters.
fn model(args: &Derive) -> Result<String, Failure> {
    Ok(match (args.per_branch, args.model.as_str()) {
        (true, "boomerang" | "wererabbit") => format!("{}-branches", args.model),
        (true, "fhnrs") => "fhnrs-saturating".into(),
        _ => args.model.clone(),
    })
}

/// The same parameters in the other form: what deep subthreshold leaves out, or what the solving brought.
fn other_form(card: &Card, derived: &Derived, warnings: &mut Vec<String>) -> Option<Derived> {
    if card.devices.is_empty() {
        return None;
    }
    let form = if derived.form == Form::Closed { Form::Solved } else { Form::Closed };
    match derive_as(card, &derived.model, form) {
        Ok(other) => Some(other).filter(|o| o.form != derived.form),
        Err(e) => {
            warnings.push(format!("no {} form to compare with: {e}", text::form(form)));
            None
        }
    }
}

/// Parameters that a neuron of the model cannot have at all.
fn out_of_range(derived: &Derived) -> Vec<String> {
    let Ok(mut neuron) = felice_neurons::AnyNeuron::new(&derived.model) else { return Vec::new() };
    let words = |p: &felice_subthreshold::DerivedParameter| {
        let error = neuron.set(&p.name, p.value).err()?;
        Some(format!("the model does not take what the card gives: {error}"))
    };
    derived.parameters.iter().filter_map(words).collect()
}

impl From<MismatchArgument> for Mismatch {
    fn from(m: MismatchArgument) -> Self {
        match m {
            MismatchArgument::Both => Mismatch::Both,
            MismatchArgument::Threshold => Mismatch::Threshold,
            MismatchArgument::Factor => Mismatch::Factor,
            MismatchArgument::Off => Mismatch::Off,
        }
    }
}

/// Parses a number of samples; `1e6` is one.
fn samples(text: &str) -> Result<usize, String> {
    let number = parse::finite(text)?;
    if number.fract() != 0.0 || number < 1.0 || number > MOST_SAMPLES as f64 {
        return Err(format!("`{text}` is no whole number from 1 to {MOST_SAMPLES}"));
    }
    Ok(number as usize)
}

/// Parses the targets: a parameter each, once.
fn targets(texts: &[String]) -> Result<Vec<(String, f64)>, Failure> {
    let mut targets: Vec<(String, f64)> = Vec::new();
    for text in texts {
        let bad = |why: String| Failure::input(format!("--target {text}: {why}"));
        let (name, value) =
            text.split_once('=').ok_or_else(|| bad("no NAME=VALUE, such as alpha=0.002 or time_unit=1ms".into()))?;
        let name = name.trim();
        if name.is_empty() {
            return Err(bad("no parameter name before the `=`".into()));
        }
        let value = parse_value(value, unit_of(name)).map_err(bad)?;
        if targets.iter().any(|(n, _)| n == name) {
            return Err(bad(format!("`{name}` has a target already")));
        }
        targets.push((name.to_owned(), value));
    }
    Ok(targets)
}

/// SI unit of a target.
fn unit_of(name: &str) -> &'static str {
    match name.strip_suffix("_u").or_else(|| name.strip_suffix("_v")).unwrap_or(name) {
        "beta" | "gamma" | "rho" => "1/V",
        "delta" => "V",
        "time_unit" => "s",
        "i_unit" => "A",
        _ => "1",
    }
}

fn limits(args: &Derive) -> Result<Limits, Failure> {
    let mut limits = Limits { tolerance: args.tolerance, ..Limits::default() };
    for text in &args.limit {
        let bad = |why: String| Failure::input(format!("--limit {text}: {why}"));
        let shape = || bad("no NAME=LO..HI, such as W=0.22um..50um; names: W, L, C, R, Ibias".into());
        let (name, range) = text.split_once('=').ok_or_else(shape)?;
        let (low, high) = range.split_once("..").ok_or_else(shape)?;
        let (slot, unit) = match name.trim() {
            "W" => (&mut limits.w, "m"),
            "L" => (&mut limits.l, "m"),
            "C" => (&mut limits.c, "F"),
            "R" => (&mut limits.r, "ohm"),
            "Ibias" => (&mut limits.i, "A"),
            _ => return Err(shape()),
        };
        let (low, high) = (parse_value(low, unit).map_err(bad)?, parse_value(high, unit).map_err(bad)?);
        if !(low > 0.0 && low <= high) {
            return Err(bad(format!("{low:e} to {high:e} {unit} is no range above zero")));
        }
        *slot = [low, high];
    }
    Ok(limits)
}
