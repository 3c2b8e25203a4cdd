//! The datasheet beside a file: what it is, how it was made, how to load and cite it.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use felice_store::{StoreError, write_plain};

use crate::error::bytes;
use crate::plan::Plan;
use crate::study::{Policy, Study, SubjectSpec};
use crate::sweep::Outcome;

/// `X.datasheet.md` for `X.h5`.
pub fn path_of(target: &Path) -> PathBuf {
    let mut name = OsString::from(target.file_stem().unwrap_or_default());
    name.push(".datasheet.md");
    target.with_file_name(name)
}

/// Writes it.
///
/// # Errors
/// [`StoreError::Write`].
pub fn write(study: &Study, plan: &Plan, outcome: &Outcome) -> Result<(), StoreError> {
    write_plain(&outcome.datasheet, text(study, plan, outcome))
}

fn text(study: &Study, plan: &Plan, outcome: &Outcome) -> String {
    let file = outcome.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let about = &study.about;
    let mut out = String::new();
    // Writing to a String cannot fail.
    let mut line = |text: String| {
        let _ = writeln!(out, "{text}");
    };
    line(format!("# {}\n", about.title));
    line(about.description.clone().unwrap_or_else(|| "No description was given.".into()));
    line("\n## What\n".into());
    line(format!(
        "* Data: `{file}`, {}, HDF5; content hash (SHA-256) `{}`.",
        bytes(outcome.bytes),
        outcome.content_sha256
    ));
    match &study.subject {
        SubjectSpec::Model(spec) => {
            let info = spec.neuron.info();
            line(format!("* Model: {}, {}. Source: {}.", info.name, info.about, info.source));
            line(format!("* Unit of time: {}.", info.time));
        }
        SubjectSpec::Circuit(spec) => {
            let (n, file) = (spec.nominal.elements.len(), &spec.name);
            line(format!(
                "* Circuit: {file}, {n} elements, {} transistors: {}.",
                spec.transistors.len(),
                spec.nominal.title
            ));
            line(format!("* Engine: {} ({}).", spec.engine, spec.reason));
            if let Some(case) = &spec.case {
                line(format!("* Compared with the model {} as the case `{}` says.", case.case.model, case.case.name));
            }
        }
    }
    if let Some(shard) = plan.shard {
        line(format!("* **A part only**: shard {shard}, points {} to {}.", plan.range.start, plan.range.end - 1));
    }
    line(format!("* Points: {}; failed: {}; spikes: {}.", outcome.points, outcome.failed, outcome.spikes));
    line("\n## What varies\n".into());
    if study.axes.is_empty() {
        line("Nothing: one point.".into());
    }
    for axis in &study.axes {
        line(format!("* `{}`: {}.", axis.name, axis.describe()));
    }
    match &study.subject {
        SubjectSpec::Model(spec) => line(held(study, &spec.neuron)),
        // Its text is in the file.
        SubjectSpec::Circuit(_) => {}
    }
    line("\n## What comes out\n".into());
    for column in &plan.columns {
        line(format!("* `{}` [{}]: {}.", column.name, column.unit, column.long_name));
    }
    if plan.spikes {
        line(
            "* `spikes/spike_time`: all spike times, point after point (CF contiguous ragged, `spikes/row_size`)."
                .into(),
        );
    }
    line("\n## How\n".into());
    let policy = match study.failures {
        Policy::Stop => "stops the study".to_owned(),
        Policy::Record => "is recorded in `failures` and has NaN for results".to_owned(),
        Policy::Retry(n) => format!("is tried {n} times more, then recorded in `failures`"),
    };
    line(format!("* Seed {}; a point that fails {policy}.", study.seed));
    line("* The study's text and every file it names are in the group `study` of the file; `felice sweep` runs it again to the same data, byte for byte, on any number of threads or shards.".into());
    line(format!(
        "* Made by felice {}; which build, when and by which command the file's root says.",
        env!("CARGO_PKG_VERSION")
    ));
    if outcome.failed > 0 {
        line(
            "* Why points failed: `failures/reason`, one a failed point; `status` tells them from the good ones."
                .into(),
        );
    }
    line("\n## How to load\n".into());
    line(format!("```python\nimport xarray\ndata = xarray.open_dataset(\"{file}\", engine=\"h5netcdf\")"));
    if plan.spikes {
        line(format!("spikes = xarray.open_dataset(\"{file}\", group=\"spikes\", engine=\"h5netcdf\")"));
        line("import numpy  # the spike times of each point\ntrains = numpy.split(spikes.spike_time.values, spikes.row_size.values.cumsum()[:-1])".into());
    }
    line("```\n".into());
    line(format!(
        "Is it whole? `felice inspect {file} --verify`. As CSV: `felice export {file} --output FOLDER`. A picture: `felice plot {file} --output X.svg`."
    ));
    line("\n## Citation\n".into());
    line(format!("{} *{}* [data set].", authors(study), about.title));
    line(format!(
        "Licence: {}.",
        about.licence.as_deref().unwrap_or("none was given; nobody may use these data without asking")
    ));
    about.references.iter().for_each(|r| line(format!("See also: {r}")));
    out
}

/// The parameters that no axis sets.
fn held(study: &Study, neuron: &felice_neurons::AnyNeuron) -> String {
    let varied = |name: &str| study.axes.iter().flat_map(|a| a.quantities()).any(|q| q.key == name);
    let all: Vec<String> = neuron.parameters().filter(|(n, _)| !varied(n)).map(|(n, v)| format!("{n} = {v}")).collect();
    format!("\nHeld, where no axis derives them anew: {}.", all.join(", "))
}

fn authors(study: &Study) -> String {
    let names: Vec<&str> = study.about.authors.iter().map(|a| a.name.as_str()).collect();
    if names.is_empty() { "(no authors were given).".into() } else { format!("{}.", names.join("; ")) }
}
