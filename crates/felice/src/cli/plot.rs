//! `felice plot`: a figure of what a file's data are.

use super::failure::Failure;
use super::parse;
use felice_store::Reader;
use felice_verify::{Plot as Request, PlotError, PlotKind, plot};
use std::path::PathBuf;

/// Draws what the data of a felice file are, as SVG or PNG, ready for a journal's column.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  felice plot results.h5 --group boomerang-ekv --output overlay.svg
  felice plot study.h5 --what period,amplitude --width-mm 178 --output heat.png
  felice plot study.h5 --what spikes --at tau_slow=20 --output raster.png
  felice plot study.h5 --what period --over card_nfet_kappa --output scatter.svg
Without --kind the picture suits the data: signals over time, circuit over model, spike rasters, heat maps over two
axes, histograms over samples.")]
pub struct Plot {
    /// The file.
    file: PathBuf,
    /// The group to draw; the root, or the only one with something to draw, where left out.
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Datasets of the group to draw, or `spikes`.
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    what: Vec<String>,
    /// The quantity along the abscissa.
    #[arg(long, value_name = "NAME")]
    over: Option<String>,
    /// Hold an axis at its point nearest to a value; may be repeated.
    #[arg(long, value_name = "AXIS=VALUE", value_parser = parse::assignment, allow_hyphen_values = true)]
    at: Vec<parse::Assignment>,
    /// lines, phase, overlay, raster, heatmap, histogram or scatter.
    #[arg(long, value_name = "KIND")]
    kind: Option<PlotKind>,
    /// Picture to write: .svg or .png.
    #[arg(long, value_name = "X.svg|X.png", value_parser = target)]
    output: Target,
    /// Width: 85 is one column of most journals, 178 is two.
    #[arg(long, value_name = "MM", default_value_t = 85.0, value_parser = parse::positive)]
    width_mm: f64,
    /// Height; what suits the picture where left out.
    #[arg(long, value_name = "MM", value_parser = parse::positive)]
    height_mm: Option<f64>,
    /// Pixels an inch of a PNG.
    #[arg(long, value_name = "N", default_value_t = 600.0, value_parser = parse::positive)]
    dpi: f64,
}

/// A picture to write.
#[derive(Clone, Debug)]
struct Target {
    path: PathBuf,
    png: bool,
}

fn target(text: &str) -> Result<Target, String> {
    let path = PathBuf::from(text);
    match path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).as_deref() {
        Some("svg") => Ok(Target { path, png: false }),
        Some("png") => Ok(Target { path, png: true }),
        _ => Err(format!("`{text}` must end in .svg or .png")),
    }
}

/// Runs it.
pub fn run(args: &Plot, quiet: bool) -> Result<(), Failure> {
    felice_store::check_target(&args.output.path).map_err(Failure::file)?;
    let reader = Reader::open(&args.file).map_err(Failure::file)?;
    let request = Request {
        group: args.group.clone(),
        what: args.what.clone(),
        over: args.over.clone(),
        at: args.at.iter().map(|a| (a.name.clone(), a.value)).collect(),
        kind: args.kind,
        width_mm: args.width_mm,
        height_mm: args.height_mm,
    };
    let drawing = plot(&reader, &request).map_err(failure)?;
    let picture = if args.output.png { drawing.png(args.dpi).map_err(failure)? } else { drawing.svg().into_bytes() };
    felice_store::write_plain(&args.output.path, picture).map_err(Failure::file)?;
    if !quiet {
        drawing.remarks.iter().for_each(|r| eprintln!("{r}"));
    }
    Ok(())
}

fn failure(error: PlotError) -> Failure {
    match error {
        PlotError::Store(e) => Failure::file(e),
        other => Failure::input(other),
    }
}
