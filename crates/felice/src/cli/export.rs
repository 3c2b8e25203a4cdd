//! `felice export`: a file's data as CSV.

use super::failure::Failure;
use felice_store::{Reader, StoreError, Table, export_folder, export_table, tables};
use std::path::PathBuf;

/// Writes a file's data as CSV with every digit: one group's table, or everything into a folder.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  felice export results.h5 --output results/            every table, text and attribute
  felice export results.h5 --group boomerang-ekv/circuit --output circuit.csv
  felice export study.h5 --group spikes --what spike_time --output spikes.csv
A folder also gets columns.csv (each column's unit and meaning) and attributes.csv (provenance).")]
pub struct Export {
    /// The file.
    file: PathBuf,
    /// The group; the root where left out.
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// For one CSV of a group with several tables: the one with this dataset.
    #[arg(long, value_name = "NAME")]
    what: Option<String>,
    /// CSV file, or folder to make.
    #[arg(long, value_name = "X.csv|FOLDER")]
    output: PathBuf,
}

/// Runs it.
pub fn run(args: &Export, quiet: bool) -> Result<(), Failure> {
    let one = args.output.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
    let looks_like = args
        .output
        .extension()
        .is_some_and(|e| ["h5", "hdf5", "parquet", "xlsx", "json"].iter().any(|x| e.eq_ignore_ascii_case(x)));
    if looks_like {
        return Err(Failure::input(format!("`{}` must end in .csv or name a folder", args.output.display())));
    }
    if !one && args.what.is_some() {
        return Err(Failure::input("--what chooses one table: give --output the name of a .csv file"));
    }
    let target = if one { felice_store::check_target(&args.output) } else { felice_store::check_folder(&args.output) };
    target.map_err(Failure::file)?;
    let reader = Reader::open(&args.file).map_err(Failure::file)?;
    let group = args.group.as_deref();
    if one {
        let table = chosen(args, tables(&reader, group, false).map_err(failure)?)?;
        export_table(&reader, &table, &args.output).map_err(failure)?;
        if !quiet {
            eprintln!("{} rows of {}", table.rows, table.columns().collect::<Vec<_>>().join(", "));
        }
    } else {
        let files = export_folder(&reader, group, &args.output).map_err(failure)?;
        if !quiet {
            eprintln!("{files} files in {}", args.output.display());
        }
    }
    Ok(())
}

fn chosen(args: &Export, mut all: Vec<Table>) -> Result<Table, Failure> {
    let (file, group) = (args.file.display(), args.group.as_deref().unwrap_or("/"));
    let names = |t: &Table| t.columns().collect::<Vec<_>>().join(", ");
    let listed = |all: &[Table]| all.iter().map(|t| format!("\n  {}", names(t))).collect::<String>();
    if let Some(what) = &args.what {
        let found = all
            .iter()
            .position(|t| t.columns().last() == Some(what) || t.columns().skip(t.axes.len()).any(|c| c == what));
        let found = found.or_else(|| all.iter().position(|t| t.columns().any(|c| c == what)));
        let Some(found) = found else {
            return Err(Failure::input(format!(
                "`{file}`: group `{group}` holds no dataset `{what}`; its tables:{}",
                listed(&all)
            )));
        };
        return Ok(all.remove(found));
    }
    match all.len() {
        1 => Ok(all.remove(0)),
        0 => Err(Failure::input(format!(
            "`{file}`: group `{group}` holds no numbers; `felice inspect` lists what is there"
        ))),
        _ => Err(Failure::input(format!(
            "`{file}`: group `{group}` holds {} tables; choose one by a dataset of it with --what, or name a folder:{}",
            all.len(),
            listed(&all)
        ))),
    }
}

/// A group that is not there was asked for by name: bad input, not a bad file.
fn failure(error: StoreError) -> Failure {
    match error {
        StoreError::Missing { .. } => Failure::input(error),
        other => Failure::file(other),
    }
}
