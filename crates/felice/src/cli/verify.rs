//! `felice verify`: circuits against equations.

use super::failure::Failure;
use super::spice::EngineArgs;
use felice_spice::EngineChoice;
use felice_verify::{Outcome, Progress, Verdicts, VerifyOptions};
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Runs model and circuit of each case from one state over one time and judges every metric against its limit.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  felice verify                                     every case under netlists/
  felice verify netlists/boomerang/ekv.toml --output results.h5 --report report.html --junit verify.xml")]
pub struct Verify {
    /// Case files; every case under netlists/ where left out.
    cases: Vec<PathBuf>,
    #[command(flatten)]
    engine: EngineArgs,
    /// HDF5 file with both sides, metrics, parameters and provenance of every case.
    #[arg(long, value_name = "results.h5")]
    output: Option<PathBuf>,
    /// One self-contained HTML page.
    #[arg(long, value_name = "report.html")]
    report: Option<PathBuf>,
    /// JUnit XML for a CI server.
    #[arg(long, value_name = "X.xml")]
    junit: Option<PathBuf>,
    /// Folder for each case's pictures: overlay, residual and phase plane as SVG.
    #[arg(long, value_name = "FOLDER")]
    figures: Option<PathBuf>,
    /// The verdicts as JSON, for a program, instead of the table.
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub fn run(args: &Verify, quiet: bool) -> Result<(), Failure> {
    let cases = if args.cases.is_empty() { shipped()? } else { args.cases.clone() };
    let options = VerifyOptions {
        engine: (args.engine.engine != EngineChoice::Auto).then_some(args.engine.engine),
        settings: args.engine.settings(),
    };
    for path in [&args.output, &args.report, &args.junit].into_iter().flatten() {
        felice_store::check_target(path).map_err(Failure::file)?;
    }
    let bar = super::progress::bar(quiet, cases.len() as u64, "{pos}/{len} {elapsed} {msg}");
    let progress = |p: Progress<'_>| match p {
        Progress::Started(name) => bar.set_message(name.to_owned()),
        Progress::Finished(..) => bar.inc(1),
    };
    let verdicts = felice_verify::verify(&cases, &options, &progress).map_err(|e| by_code(e.exit_code(), &e))?;
    bar.finish_and_clear();
    write(args, &verdicts)?;
    if args.json {
        println!("{:#}", to_json(&verdicts));
    } else {
        print!("{}", felice_verify::table(&verdicts, std::io::stdout().is_terminal()));
    }
    for outcome in &verdicts.cases {
        if let Outcome::Broken { error, .. } = outcome {
            eprintln!("felice: {error}");
        }
    }
    match verdicts.exit_code() {
        0 => Ok(()),
        code => Err(by_code(code, &verdicts.summary())),
    }
}

/// The failure that an exit code stands for.
pub fn by_code(code: u8, message: &dyn std::fmt::Display) -> Failure {
    let message = message.to_string();
    match code {
        1 => Failure::Limits(message),
        3 => Failure::Engine(message),
        4 => Failure::File(message),
        _ => Failure::Input(message),
    }
}

fn write(args: &Verify, verdicts: &Verdicts) -> Result<(), Failure> {
    let provenance = super::provenance();
    if let Some(path) = &args.output {
        felice_verify::write_results(path, verdicts, &provenance).map_err(Failure::file)?;
    }
    if let Some(path) = &args.report {
        felice_verify::write_report(path, verdicts, &provenance).map_err(Failure::file)?;
    }
    if let Some(folder) = &args.figures {
        for verdict in verdicts.compared() {
            for (name, svg) in felice_verify::pictures(verdict) {
                let path = folder.join(format!("{}-{name}.svg", verdict.case.name));
                felice_store::write_plain(&path, svg).map_err(Failure::file)?;
            }
        }
    }
    if let Some(path) = &args.junit {
        felice_verify::write_junit(path, verdicts).map_err(Failure::file)?;
    }
    Ok(())
}

/// Case files under `netlists/` of this folder or the nearest one above, sorted.
fn shipped() -> Result<Vec<PathBuf>, Failure> {
    let here = std::env::current_dir().map_err(Failure::file)?;
    let root =
        here.ancestors().map(|d| d.join("netlists")).find(|d| d.is_dir()).ok_or_else(|| {
            Failure::input("there is no folder netlists/ here or above; name the case files to verify")
        })?;
    // Short names in messages and files: relative to where the user stands.
    let root = root.strip_prefix(&here).map(Path::to_owned).unwrap_or(root);
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|e| Failure::file(format!("{}: {e}", folder.display())))?;
        for entry in entries {
            let path = entry.map_err(|e| Failure::file(format!("{}: {e}", folder.display())))?.path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "toml") {
                found.push(path);
            }
        }
    }
    found.sort();
    found.retain(|case| runs_here(case));
    if found.is_empty() {
        return Err(Failure::input(format!("there is no case (*.toml) under {}", root.display())));
    }
    Ok(found)
}

/// False, and said so, for a shipped case on an engine that this build was made without.
fn runs_here(case: &Path) -> bool {
    let absent = !cfg!(feature = "spice21") && felice_verify::Case::read(case).is_ok_and(|c| c.engine == "spice21");
    if absent {
        eprintln!("felice: {} is left out: this build has no spice21", case.display());
    }
    !absent
}

fn to_json(verdicts: &Verdicts) -> Value {
    let case = |outcome: &Outcome| match outcome {
        Outcome::Broken { name, error, .. } => json!({"case": name, "status": "broken", "error": error.to_string()}),
        Outcome::Compared(v) => json!({
            "case": v.case.name,
            "status": outcome.word(),
            "engine": v.circuit_run.engine,
            "metrics": v.metrics.iter().map(|m| (m.name.name().to_owned(), json!({
                "value": m.value,
                "uncertainty": m.uncertainty(),
                "unit": m.name.unit().symbol(),
                "min": m.limit.as_ref().map(|l| l.min).filter(|x| x.is_finite()),
                "max": m.limit.as_ref().map(|l| l.max).filter(|x| x.is_finite()),
                "status": m.status().word(),
            }))).collect::<serde_json::Map<_, _>>(),
        }),
    };
    json!({"summary": verdicts.summary(), "cases": verdicts.cases.iter().map(case).collect::<Vec<_>>()})
}
