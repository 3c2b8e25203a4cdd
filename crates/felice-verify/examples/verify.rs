//! The main job without the command line: `verify OUT_FOLDER CASE.toml ..`.

use std::path::{Path, PathBuf};

use felice_store::Provenance;
use felice_verify::{VerifyOptions, table, verify, write_junit, write_report, write_results};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let folder = words.next().ok_or("usage: verify OUT_FOLDER CASE.toml ..")?;
    let cases: Vec<PathBuf> = words.map(PathBuf::from).collect();
    let begun = std::time::Instant::now();
    let verdicts = verify(&cases, &VerifyOptions::default(), &|progress| {
        eprintln!("{:6.2} s {progress:?}", begun.elapsed().as_secs_f64());
    })?;
    let provenance = Provenance::new("felice", env!("CARGO_PKG_VERSION"), "example");
    let out = |name: &str| Path::new(&folder).join(name);
    write_results(&out("results.h5"), &verdicts, &provenance)?;
    write_report(&out("report.html"), &verdicts, &provenance)?;
    write_junit(&out("junit.xml"), &verdicts)?;
    print!("{}", table(&verdicts, false));
    Ok(())
}
