//! From a circuit's waveform to the parameters of its model: least squares on the trajectory, and how sure each is.
//!
//! * **Residuals**: model minus circuit in every bound state, over that signal's range, on the case's grid.
//! * **Minimum**: Levenberg–Marquardt from the derived, extracted or given parameters. The horizon grows from one and a half
//!   periods, doubling, each fit starting from the one before: over many periods at once the sum of squares has a minimum
//!   for every cycle slipped. Until the last horizon a weak pull towards the start keeps undetermined directions still.
//! * **Sensitivities**: central differences of trajectories at 1e-11.
//! * **Confidence**: what a model misses is not white noise, so the textbook covariance promises far too much. The waveform
//!   is cut into stretches that carry equal information (equal sums of leverage); the standard error is that of the
//!   jackknife which leaves out one stretch at a time (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993,
//!   chapter 11), the largest over three numbers of stretches, to which the change of the parameters is added that the
//!   simulator's own error makes. It says how far the values move with the part of the waveform that is looked at; what
//!   is wrong in the same way everywhere it cannot see.

mod confidence;
#[cfg(test)]
mod coverage;
mod minimum;
mod problem;
mod write;

use felice_store::Input;

use crate::case::Case;
use crate::compare::{Comparison, Landmarks, Waves};
use crate::error::VerifyError;
use crate::parameters::{Prepared, mismatch};
use crate::trajectory;
use crate::verdict::CircuitRun;
use crate::verify::{Circuit, VerifyOptions, engine_of};
use problem::{Data, Unknown};

pub use write::write_fit;

/// The name under which the seconds in one τ can be fitted.
pub const TIME_UNIT: &str = "time_unit";
/// Parameters that no waveform depends on, that only shift what others say, or that change what states there are.
const NOT_BY_ITSELF: [&str; 7] = ["rtol", "atol", "v_thr", "tau_syn", "tau_fast", "c", "delta"];
/// Points of the waveform that are fitted.
const MOST_POINTS: usize = 20_000;

/// What the caller decides.
#[derive(Clone, Debug, Default)]
pub struct FitOptions {
    /// Parameters to fit, by name; where empty those of the case's `[fit]`, else all that the waveform can tell.
    pub free: Vec<String>,
    /// Values to start from instead of the case's own.
    pub start: Vec<(String, f64)>,
    /// Engine and its settings.
    pub run: VerifyOptions,
}

/// One fitted parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedParameter {
    /// ASCII name: `alpha`.
    pub name: String,
    /// The papers' symbol.
    pub symbol: String,
    /// Unit, or `1`.
    pub unit: String,
    /// Where the fit began.
    pub start: f64,
    /// The value.
    pub value: f64,
    /// Its standard error; infinite where the waveform does not tell it.
    pub standard_error: f64,
    /// The part of it that is the simulator's numerical error.
    pub numerical: f64,
    /// Ends of the 95 % confidence interval.
    pub interval: (f64, f64),
}

/// How well a model follows a circuit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// RMS difference over the model's range.
    pub nrmse: f64,
    /// RMS difference in volts.
    pub rms: f64,
    /// Period, circuit over model; NaN where one does not oscillate.
    pub period_ratio: f64,
    /// Amplitude, circuit over model; NaN where one does not oscillate.
    pub amplitude_ratio: f64,
}

/// A fitted case.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The case.
    pub case: Case,
    /// The parameters fitted, in the model's order.
    pub parameters: Vec<FittedParameter>,
    /// The parameters held: name and value.
    pub held: Vec<(String, f64)>,
    /// Correlations of the fitted parameters, row by row.
    pub correlation: Vec<f64>,
    /// Ratio of the largest to the smallest singular value of the column-scaled sensitivities.
    pub condition: f64,
    /// With the parameters that the fit began from; `None` where the model did not run with them.
    pub before: Option<Agreement>,
    /// With the fitted parameters.
    pub after: Agreement,
    /// What to know before believing it.
    pub warnings: Vec<String>,
    /// Trajectories computed.
    pub evaluations: usize,
    /// Points of the waveform in the fit, all states together.
    pub points: usize,
    /// The model with the fitted parameters, in the circuit's units.
    pub model: Waves,
    /// The circuit.
    pub circuit: Waves,
    /// Seconds in one τ.
    pub time_unit: f64,
    /// What ran.
    pub circuit_run: CircuitRun,
    /// Every file read.
    pub inputs: Vec<Input>,
}

/// Fits a case's model to its circuit.
///
/// # Errors
/// [`VerifyError`]: what is wrong with the case, its netlist, its engine, or with the parameters asked for.
pub fn fit_case(case: &Case, options: &FitOptions) -> Result<Fit, VerifyError> {
    let mut prepared = Prepared::new(case, engine_of(case, &options.run)?, &options.run.settings)?;
    let mut time_unit = prepared.time_unit;
    for (name, value) in &options.start {
        if name == TIME_UNIT {
            if !(*value > 0.0 && value.is_finite()) {
                return Err(mismatch(case, format!("time_unit cannot be {value} s"), "give a number above 0"));
            }
            time_unit = *value;
        } else {
            prepared
                .neuron
                .set(name, *value)
                .map_err(|source| VerifyError::Neuron { case: case.name.clone(), source })?;
        }
    }
    let circuit = Circuit::simulate(case, &prepared, &options.run)?;
    let start = trajectory::start(case, &circuit.fine)?;
    let data = Data::new(case, &prepared.neuron, &circuit.fine, start, prepared.time_unit, MOST_POINTS);
    let unknowns = unknowns(case, &prepared, options, time_unit)?;
    let mut warnings = prepared.warnings.clone();
    let given = !options.free.is_empty() || !case.fit_free.is_empty();
    let unknowns = felt(case, &data, unknowns, given, &mut warnings)?;
    let begin: Vec<f64> = unknowns.iter().map(|u| u.start).collect();
    let solved = minimum::solve(case, &data, &unknowns)?;
    let numerical = data.like(&circuit.coarse);
    let known = confidence::assess(&data, &unknowns, &solved, &numerical);
    warnings.extend(known.warnings.iter().cloned());
    let shown = |values: &[f64]| data.waves(&unknowns, values, case, &circuit.fine);
    let model = shown(&solved.values).ok_or_else(|| {
        mismatch(case, "the fitted model does not run over all of the time".into(), "fit fewer parameters with --free")
    })?;
    let after = agreement(&model, &circuit.fine);
    let before = shown(&begin).map(|m| agreement(&m, &circuit.fine));
    warnings.extend(doubts(&after));
    let parameters = unknowns
        .iter()
        .enumerate()
        .map(|(i, u)| FittedParameter {
            name: u.name.clone(),
            symbol: u.symbol.clone(),
            unit: u.unit.clone(),
            start: u.start,
            value: solved.values[i],
            standard_error: known.standard_errors[i],
            numerical: known.numerical[i],
            interval: known.intervals[i],
        })
        .collect();
    let held = prepared.neuron.parameters().filter(|(n, _)| !unknowns.iter().any(|u| u.name == *n));
    let mut inputs = vec![Input::of(case.file.display().to_string(), &case.text)];
    inputs.push(Input::of(case.netlist.display().to_string(), &circuit.run.netlist));
    inputs.extend(prepared.inputs.iter().cloned());
    Ok(Fit {
        parameters,
        held: held.map(|(n, v)| (n.to_owned(), v)).collect(),
        correlation: known.correlation,
        condition: known.condition,
        before,
        after,
        warnings,
        evaluations: data.evaluations(),
        points: data.len(),
        time_unit: data.time_unit(&unknowns, &solved.values),
        model,
        circuit: circuit.fine,
        circuit_run: circuit.run,
        inputs,
        case: case.clone(),
    })
}

/// The parameters to fit: the caller's, else the case's, else all but those that cannot be told.
fn unknowns(
    case: &Case,
    prepared: &Prepared,
    options: &FitOptions,
    time_unit: f64,
) -> Result<Vec<Unknown>, VerifyError> {
    let neuron = &prepared.neuron;
    let asked = if options.free.is_empty() { &case.fit_free } else { &options.free };
    let excluded = |name: &str| {
        NOT_BY_ITSELF.iter().any(|n| name == *n || name.strip_prefix(n).is_some_and(|r| r.starts_with('_')))
    };
    if let Some(bad) = asked.iter().find(|n| *n != TIME_UNIT && neuron.get(n).is_err()) {
        let known: Vec<&str> = neuron.parameters().map(|p| p.0).collect();
        return Err(mismatch(
            case,
            format!("the model has no parameter `{bad}` to fit"),
            &format!("there are: {}, {TIME_UNIT}", known.join(", ")),
        ));
    }
    if let Some(twice) = asked.iter().enumerate().find(|(i, n)| asked[..*i].contains(n)) {
        return Err(mismatch(case, format!("`{}` is to be fitted twice", twice.1), "name each parameter once"));
    }
    let mut all: Vec<Unknown> = neuron
        .info()
        .parameters
        .iter()
        .zip(neuron.parameters())
        .filter(|(info, (name, value))| {
            if asked.is_empty() {
                !excluded(name) && value.is_finite() && !(info.name.starts_with("sat_") && *value == 0.0)
            } else {
                asked.iter().any(|a| a == name)
            }
        })
        .map(|(info, (_, value))| Unknown::new(info, value))
        .collect();
    if asked.iter().any(|a| a == TIME_UNIT) || (asked.is_empty() && options.start.iter().any(|s| s.0 == TIME_UNIT)) {
        all.push(Unknown::time_unit(time_unit));
    }
    if let Some(bad) = all.iter().find(|u| !u.start.is_finite()) {
        return Err(mismatch(
            case,
            format!("`{}` starts at {}", bad.name, bad.start),
            "start from a finite value with --start",
        ));
    }
    Ok(all)
}

/// Leaves out what the waveform does not depend on at all; where the caller named it, that is an error.
fn felt(
    case: &Case,
    data: &Data,
    unknowns: Vec<Unknown>,
    asked: bool,
    warnings: &mut Vec<String>,
) -> Result<Vec<Unknown>, VerifyError> {
    let dead = data.without_effect(&unknowns);
    if asked && !dead.is_empty() {
        let names: Vec<&str> = dead.iter().map(|i| unknowns[*i].name.as_str()).collect();
        return Err(mismatch(
            case,
            format!("the waveform does not depend on {}", names.join(", ")),
            "leave it out of --free",
        ));
    }
    let (mut kept, mut left) = (Vec::new(), Vec::new());
    for (i, u) in unknowns.into_iter().enumerate() {
        if dead.contains(&i) { left.push(u.name) } else { kept.push(u) }
    }
    if !left.is_empty() {
        warnings.push(format!("the waveform does not depend on {}: held", left.join(", ")));
    }
    if kept.is_empty() {
        return Err(mismatch(case, "there is no parameter to fit".into(), "name some with --free"));
    }
    if data.len() <= 2 * kept.len() {
        return Err(mismatch(
            case,
            format!("{} points cannot tell {} parameters", data.len(), kept.len()),
            "raise `samples` in [time]",
        ));
    }
    Ok(kept)
}

fn agreement(model: &Waves, circuit: &Waves) -> Agreement {
    use crate::metric::MetricName;
    let seen = Comparison::new(model, circuit, &Landmarks::default());
    let value = |name| {
        let found = seen.values.iter().find(|v| v.0 == name);
        found.and_then(|v| v.1.as_ref().ok()).map_or(f64::NAN, |e| e.value)
    };
    Agreement {
        nrmse: value(MetricName::Nrmse),
        rms: value(MetricName::Rms),
        period_ratio: value(MetricName::PeriodRatio),
        amplitude_ratio: value(MetricName::AmplitudeRatio),
    }
}

/// What the size of the remaining difference says.
fn doubts(after: &Agreement) -> Option<String> {
    (after.nrmse > 0.1).then(|| {
        format!(
            "the fitted model still misses the circuit by {:.0} % of its range: the parameters describe something else than this waveform",
            100.0 * after.nrmse
        )
    })
}
