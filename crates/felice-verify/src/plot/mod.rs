//! A figure of what a file's data are: trajectories, rasters, heat maps, distributions, circuits over their models.

mod contents;
mod distribution;
mod heatmap;
mod label;
mod lines;
mod overlay;
mod raster;
mod slice;

use std::path::PathBuf;
use std::str::FromStr;

use felice_store::{Reader, StoreError};

use crate::figure::{self, Panel, Sheet};
use contents::{Array, Group, Points};

/// What to draw and how large.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// The group to draw; where `None` the root, or the one group below it that holds something to draw.
    pub group: Option<String>,
    /// Names of the datasets to draw; where empty those that the group is about.
    pub what: Vec<String>,
    /// The quantity along the abscissa of a scatter plot or of lines.
    pub over: Option<String>,
    /// Axes held at one of their points: (name, value).
    pub at: Vec<(String, f64)>,
    /// The kind of picture; where `None` the one that suits the data.
    pub kind: Option<PlotKind>,
    /// Width in millimetres: 85 for one column of a journal, 178 for two.
    pub width_mm: f64,
    /// Height in millimetres; what suits the kind where `None`.
    pub height_mm: Option<f64>,
}

impl Default for Plot {
    /// Everything by itself, one column wide.
    fn default() -> Self {
        Plot { group: None, what: Vec::new(), over: None, at: Vec::new(), kind: None, width_mm: 85.0, height_mm: None }
    }
}

/// Kinds of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlotKind {
    /// Signals over time or another axis.
    Lines,
    /// Two signals against each other.
    Phase,
    /// A circuit over its model, and their difference.
    Overlay,
    /// Spikes of many neurons or points.
    Raster,
    /// A number over two axes.
    Heatmap,
    /// How often values occur.
    Histogram,
    /// A number over another.
    Scatter,
}

/// Every kind with its name on the command line.
const KINDS: [(PlotKind, &str); 7] = [
    (PlotKind::Lines, "lines"),
    (PlotKind::Phase, "phase"),
    (PlotKind::Overlay, "overlay"),
    (PlotKind::Raster, "raster"),
    (PlotKind::Heatmap, "heatmap"),
    (PlotKind::Histogram, "histogram"),
    (PlotKind::Scatter, "scatter"),
];

impl FromStr for PlotKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || KINDS.map(|k| k.1).join(", ");
        KINDS.iter().find(|k| k.1 == text).map(|k| k.0).ok_or_else(|| format!("found `{text}`, expected {}", names()))
    }
}

/// Why there is no figure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// The file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file does not hold what was asked for.
    #[error("`{}`: {what}; {remedy}", path.display())]
    Nothing {
        /// The file.
        path: PathBuf,
        /// What is not there, or cannot be drawn.
        what: String,
        /// What there is instead.
        remedy: String,
    },
    /// The size cannot be.
    #[error("a figure {width_mm} mm wide and {height_mm} mm high: each must be from 10 to 2000 mm")]
    Size {
        /// As asked.
        width_mm: f64,
        /// As asked.
        height_mm: f64,
    },
    /// The picture does not fit.
    #[error("{0}")]
    Picture(String),
}

/// A figure ready to be written.
#[derive(Clone, Debug)]
pub struct Drawing {
    panels: Vec<Panel>,
    sheet: Sheet,
    /// What it shows, for the user: the choices made, what was left out.
    pub remarks: Vec<String>,
}

impl Drawing {
    /// As SVG.
    pub fn svg(&self) -> String {
        figure::svg(&self.panels, &self.sheet)
    }

    /// As PNG with `dpi` pixels an inch.
    ///
    /// # Errors
    /// [`PlotError::Picture`] where it would not fit into memory.
    pub fn png(&self, dpi: f64) -> Result<Vec<u8>, PlotError> {
        figure::png(&self.panels, &self.sheet, dpi).map_err(PlotError::Picture)
    }
}

/// Draws a file.
///
/// # Errors
/// [`PlotError`]: the file cannot be read, or holds nothing of what was asked for.
pub fn plot(reader: &Reader, request: &Plot) -> Result<Drawing, PlotError> {
    let height = request.height_mm.unwrap_or(50.0);
    let sane = |mm: f64| (10.0..=2000.0).contains(&mm);
    if !sane(request.width_mm) || !sane(height) {
        return Err(PlotError::Size { width_mm: request.width_mm, height_mm: height });
    }
    let inspection = reader.inspect()?;
    let root = Group::root(&inspection);
    let about = Source { reader, path: inspection.path.clone(), root: &root, request };
    let group = about.group()?;
    about.draw(group)
}

/// A file being drawn.
struct Source<'a> {
    reader: &'a Reader,
    path: PathBuf,
    root: &'a Group,
    request: &'a Plot,
}

/// Panels, how many in a row, the height that suits them in millimetres, and remarks.
struct Sketch {
    panels: Vec<Panel>,
    columns: usize,
    height_mm: f64,
    label: String,
    remarks: Vec<String>,
}

impl Source<'_> {
    fn nothing(&self, what: impl Into<String>, remedy: impl Into<String>) -> PlotError {
        PlotError::Nothing { path: self.path.clone(), what: what.into(), remedy: remedy.into() }
    }

    /// Pixels of a letter and of the figure's width.
    fn sizes(&self) -> (f64, f64) {
        let sheet = Sheet::print(self.request.width_mm, 50.0, 1, "");
        (sheet.text, sheet.width)
    }

    /// Room for the label of an abscissa, where panels stand `columns` wide.
    fn room(&self, columns: usize) -> f64 {
        let (letter, width) = self.sizes();
        width / columns as f64 - 5.0 * letter
    }

    fn group(&self) -> Result<&Group, PlotError> {
        let drawable = || {
            let all: Vec<&Group> = self.root.all().into_iter().filter(|g| shows(g)).collect();
            let outer = |g: &&&Group| {
                !all.iter().any(|o| g.path != o.path && overlay::is_case(o) && g.path.starts_with(&o.path))
            };
            all.iter().filter(outer).copied().collect::<Vec<_>>()
        };
        let listed = || {
            let names: Vec<String> = drawable().iter().map(|g| format!("`{}`", name(g))).collect();
            if names.is_empty() {
                "no group of it holds any numbers along an axis".into()
            } else {
                format!("groups with something to draw: {}", names.join(", "))
            }
        };
        match &self.request.group {
            Some(path) => {
                self.root.at(path).ok_or_else(|| self.nothing(format!("there is no group `{path}`"), listed()))
            }
            None if shows(self.root) || !self.request.what.is_empty() => Ok(self.root),
            None => {
                match drawable()[..] {
                    [only] => Ok(only),
                    _ => Err(self
                        .nothing("the root holds nothing to draw", format!("{}; choose one with --group", listed()))),
                }
            }
        }
    }

    fn draw(&self, group: &Group) -> Result<Drawing, PlotError> {
        let sketch = self.sketch(group)?;
        let height = self.request.height_mm.unwrap_or(sketch.height_mm);
        if !(10.0..=2000.0).contains(&height) {
            return Err(PlotError::Size { width_mm: self.request.width_mm, height_mm: height });
        }
        let file = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let label = format!("{file}: {}", sketch.label);
        let mut remarks = vec![sketch.label];
        remarks.extend(sketch.remarks);
        let sheet = Sheet::print(self.request.width_mm, height, sketch.columns, label);
        Ok(Drawing { panels: sketch.panels, sheet, remarks })
    }

    fn sketch(&self, group: &Group) -> Result<Sketch, PlotError> {
        let spikes_asked = self.request.what == ["spikes"] || self.request.kind == Some(PlotKind::Raster);
        let spikes = group.spikes();
        match self.request.kind {
            Some(PlotKind::Overlay) => return self.overlay(group),
            Some(PlotKind::Phase) if overlay::shows(group) => return self.phase_of_cases(group),
            None if self.request.what.is_empty() && overlay::shows(group) => return self.overlay(group),
            _ => {}
        }
        if let Some(spikes) = spikes.filter(|s| spikes_asked || (self.request.kind.is_none() && s.path == group.path)) {
            return self.raster(spikes);
        }
        if spikes_asked || (self.request.kind.is_none() && self.request.what.is_empty() && raster::is_events(group)) {
            return self.events(group);
        }
        let what = self.chosen(group)?;
        match self.request.kind.unwrap_or_else(|| self.kind_of(&what)) {
            PlotKind::Lines => self.lines(group, &what),
            PlotKind::Phase => self.phase(group, &what),
            PlotKind::Heatmap => self.heatmap(group, &what),
            PlotKind::Histogram => self.histogram(&what),
            PlotKind::Scatter => self.scatter(group, &what),
            PlotKind::Overlay => self.overlay(group),
            PlotKind::Raster => self.events(group),
        }
    }

    /// The arrays asked for, else those that the group is about.
    fn chosen<'g>(&self, group: &'g Group) -> Result<Vec<&'g Array>, PlotError> {
        let names = || group.drawable().map(|a| a.name.as_str()).collect::<Vec<_>>().join(", ");
        let found: Result<Vec<&Array>, PlotError> = self
            .request
            .what
            .iter()
            .map(|name| {
                let array = group.array(name).filter(|a| a.is_drawable() || (a.numeric && !a.axes.is_empty()));
                let what = match group.array(name) {
                    None => format!("group `{}` holds no dataset `{name}`", self::name(group)),
                    Some(_) => format!("`{name}` is not numbers along an axis"),
                };
                let remedy = match names() {
                    all if all.is_empty() => "that group holds none; `felice inspect` lists what is there".to_owned(),
                    all => format!("what can be drawn there: {all}"),
                };
                array.ok_or_else(|| self.nothing(what, remedy))
            })
            .collect();
        let found = found?;
        if !found.is_empty() {
            return Ok(found);
        }
        let all: Vec<&Array> = group.drawable().collect();
        let over_time: Vec<&Array> = all.iter().copied().filter(|a| a.over_time()).collect();
        // A study's group holds many numbers a point: the first that a reader would ask for.
        let main = ["period", "nrmse", "rms", "amplitude", "spike_count", "spike_rate"];
        let first = main.iter().find_map(|n| all.iter().copied().find(|a| a.name == *n)).or(all.first().copied());
        match (self.request.kind, over_time.is_empty()) {
            (None | Some(PlotKind::Lines | PlotKind::Phase), false) if over_time.iter().all(|a| a.axes.len() == 1) => {
                Ok(physical(over_time))
            }
            (Some(PlotKind::Lines), false) => Ok(over_time),
            (_, false) if all.len() == over_time.len() => Ok(over_time),
            _ => first.map(|a| vec![a]).ok_or_else(|| {
                let remedy = "name another group with --group; `felice inspect` lists what is there";
                self.nothing(format!("group `{}` holds nothing to draw", name(group)), remedy)
            }),
        }
    }

    /// What suits the first array once axes held at a point are gone.
    fn kind_of(&self, what: &[&Array]) -> PlotKind {
        let Some(first) = what.first() else { return PlotKind::Lines };
        let left: Vec<_> = first.axes.iter().filter(|a| !self.request.at.iter().any(|(n, _)| *n == a.name)).collect();
        let long = |p: Points| left.iter().filter(|a| a.points == p && a.len > 1).count();
        match () {
            () if self
                .request
                .over
                .as_ref()
                .is_some_and(|o| !left.iter().any(|a| a.name == *o && a.points != Points::Indices)) =>
            {
                PlotKind::Scatter
            }
            () if long(Points::Time) > 0 => PlotKind::Lines,
            () if long(Points::Indices) > 0 && long(Points::Values) + long(Points::Names) < 2 => PlotKind::Histogram,
            () if long(Points::Values) + long(Points::Names) > 1 => PlotKind::Heatmap,
            () => PlotKind::Lines,
        }
    }
}

/// Whether a group shows something by itself.
fn shows(group: &Group) -> bool {
    group.drawable().next().is_some() || overlay::shows(group) || raster::is_events(group)
}

/// Of a state that is there both in volts and dimensionless, the volts.
fn physical(arrays: Vec<&Array>) -> Vec<&Array> {
    let units: Vec<&Array> = arrays.iter().copied().filter(|a| a.unit != "1").collect();
    if units.is_empty() { arrays } else { units }
}

fn name(group: &Group) -> &str {
    if group.path.is_empty() { "/" } else { &group.path }
}
