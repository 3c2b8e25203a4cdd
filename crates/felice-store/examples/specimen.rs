//! Writes a small file with one of everything, for a look with other tools: `specimen OUT.h5`.

use std::path::Path;

use felice_base::{Sampled, Signal, Unit};
use felice_store::{FileWriter, Provenance, inspect};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: specimen OUT.h5")?;
    let t: Vec<f64> = (0..20_000).map(|i| f64::from(i) * 1e-3).collect();
    let u = t.iter().map(|t| (-0.26 * t).exp() * (12.1 * t).cos()).collect();
    let ring = Sampled::new(
        Signal::new("t", Unit::SECOND, "time", t),
        vec![Signal::new("v(u)", Unit::VOLT, "a ring-down", u)],
    )?;

    let file = FileWriter::create(Path::new(&path), &Provenance::new("felice", "0.1.0", "unknown"))?;
    file.root().group("ring")?.sampled(&ring)?;
    let grid = file.root().group("grid")?;
    let sigma = grid.axis("sigma", &Unit::ONE, "tail current ratio", &[0.4, 0.5, 0.6])?;
    let end = grid.label_axis("end", "end of a range", &["min", "max"])?;
    grid.array("period", &Unit::SECOND, "period", &[&sigma, &end], &[1.0, 1.1, 2.0, 2.1, 3.0, 3.1])?;
    grid.texts("note", "what it means", &end, &["kleinste Σ", "größte Σ"])?;
    grid.scalar("count", &Unit::ONE, "number of runs", 6_u64)?;
    grid.text("netlist", "as simulated", "* title\n.end\n")?;
    file.finish()?;
    print!("{}", inspect(Path::new(&path))?);
    Ok(())
}
