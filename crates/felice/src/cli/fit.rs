//! `felice fit`: a circuit's waveform to its model's parameters, with confidence.

use super::failure::Failure;
use super::parse;
use super::spice::EngineArgs;
use super::verify::by_code;
use felice_spice::EngineChoice;
use felice_verify::{Agreement, Case, Fit as Fitted, FitOptions, VerifyOptions, fit_case, write_fit};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Fits a model's parameters to the waveform of its circuit: values, 95 % confidence, correlations, warnings.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  felice fit netlists/wererabbit/ekv.toml
  felice fit netlists/boomerang/ekv.toml --free alpha,beta,gamma --json
  felice fit netlists/boomerang/ekv.toml --start alpha=0.02 --output fit.h5
The fit begins with the parameters that the case derives, extracts or gives. With --output, `felice plot fit.h5` draws
the circuit over the fitted model.")]
pub struct Fit {
    /// The case file.
    case: PathBuf,
    /// Parameters to fit (time_unit: the seconds in one τ); those of the case's [fit], else all that can be told, where
    /// left out.
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    free: Vec<String>,
    /// Where a parameter starts instead; of one that is not fitted, its value. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse::assignment, allow_hyphen_values = true)]
    start: Vec<parse::Assignment>,
    #[command(flatten)]
    engine: EngineArgs,
    /// HDF5 file to write: both waveforms, parameters, correlations, provenance.
    #[arg(long, value_name = "X.h5")]
    output: Option<PathBuf>,
    /// As JSON, for a program.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: &Fit) -> Result<(), Failure> {
    if let Some(path) = &args.output {
        felice_store::check_target(path).map_err(Failure::file)?;
    }
    let case = Case::read(&args.case).map_err(|e| by_code(e.exit_code(), &e))?;
    let options = FitOptions {
        free: args.free.clone(),
        start: args.start.iter().map(|a| (a.name.clone(), a.value)).collect(),
        run: VerifyOptions {
            engine: (args.engine.engine != EngineChoice::Auto).then_some(args.engine.engine),
            settings: args.engine.settings(),
        },
    };
    let fit = fit_case(&case, &options).map_err(|e| by_code(e.exit_code(), &e))?;
    if let Some(path) = &args.output {
        write_fit(path, &fit, &super::provenance()).map_err(Failure::file)?;
    }
    if args.json {
        println!("{:#}", to_json(&fit));
        return Ok(());
    }
    print(&fit);
    for warning in &fit.warnings {
        eprintln!("felice: warning: {warning}");
    }
    Ok(())
}

fn print(fit: &Fitted) {
    println!("{}  {}, {} fitted to {} points", fit.case.name, fit.case.title, fit.case.model, fit.points);
    println!("  {:<12} {:<8} {:>14} {:>16} {:>10}  95 % interval", "parameter", "symbol", "start", "fitted", "± s.e.");
    for p in &fit.parameters {
        let unit = if p.unit == "1" { "" } else { &p.unit };
        println!(
            "  {:<12} {:<8} {:>14.6e} {:>16.9e} {:>10.1e}  {:.9e} … {:.9e} {unit}",
            p.name, p.symbol, p.start, p.value, p.standard_error, p.interval.0, p.interval.1
        );
    }
    let row = |name: &str, a: &Agreement| {
        println!(
            "  {name:<22} nrmse {:.4e}  rms {:.3e} V  period ratio {:.6}  amplitude ratio {:.6}",
            a.nrmse, a.rms, a.period_ratio, a.amplitude_ratio
        );
    };
    if let Some(before) = &fit.before {
        row("with the start", before);
    }
    row("fitted", &fit.after);
    let width = fit.parameters.iter().map(|p| p.name.len() + 2).fold(9, usize::max);
    let heads = fit.parameters.iter().map(|p| format!("{:>width$}", p.name));
    println!("  {:<22} {}", "correlations", heads.collect::<String>());
    for (p, row) in fit.parameters.iter().zip(fit.correlation.chunks(fit.parameters.len())) {
        println!("  {:<22} {}", p.name, row.iter().map(|r| format!("{r:>width$.4}")).collect::<String>());
    }
    println!("  condition of the sensitivities {:.2e}, {} trajectories", fit.condition, fit.evaluations);
}

fn to_json(fit: &Fitted) -> Value {
    let agreement = |a: &Agreement| {
        json!({
            "nrmse": a.nrmse, "rms": a.rms, "period_ratio": a.period_ratio, "amplitude_ratio": a.amplitude_ratio,
        })
    };
    let parameter = |p: &felice_verify::FittedParameter| {
        let value = json!({
            "symbol": p.symbol, "unit": p.unit, "start": p.start, "value": p.value,
            "standard_error": p.standard_error, "numerical": p.numerical,
            "lower": p.interval.0, "upper": p.interval.1,
        });
        (p.name.clone(), value)
    };
    let names: Vec<&str> = fit.parameters.iter().map(|p| p.name.as_str()).collect();
    json!({
        "case": fit.case.name,
        "model": fit.case.model,
        "engine": fit.circuit_run.engine,
        "parameters": fit.parameters.iter().map(parameter).collect::<serde_json::Map<_, _>>(),
        "held": fit.held.iter().map(|(n, v)| (n.clone(), json!(v))).collect::<serde_json::Map<_, _>>(),
        "time_unit": {"value": fit.time_unit, "unit": "s"},
        "correlation": {
            "names": names,
            "matrix": fit.correlation.chunks(names.len().max(1)).map(<[f64]>::to_vec).collect::<Vec<_>>(),
        },
        "condition": fit.condition,
        "before": fit.before.as_ref().map(agreement),
        "after": agreement(&fit.after),
        "points": fit.points,
        "evaluations": fit.evaluations,
        "warnings": fit.warnings,
    })
}
