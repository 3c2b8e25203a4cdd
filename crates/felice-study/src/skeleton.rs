//! The file's layout: every axis, column and coordinate gets its place before anything is run.

use felice_base::Unit;
use felice_store::{Axis as FileAxis, Claim, Draft, FileWriter, Group, Places, Provenance, StoreError};

use crate::axis::{Axis, Points};
use crate::metadata;
use crate::plan::Plan;
use crate::study::Study;
use crate::subject::{Column, Kind, status};

/// Where a coordinate's numbers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// 0, 1, 2 .. from the first point of the sweep.
    Point,
    /// The axis' point numbers.
    Index(usize),
    /// Quantity `q` of the axis.
    Quantity(usize, usize),
    /// The axis of samples.
    Sample,
}

/// A coordinate: an array that the study alone determines.
#[derive(Clone, Debug)]
pub struct Coordinate {
    /// Name of the dataset; with its group where it is not in the root.
    pub path: String,
    /// Where its numbers come from.
    pub source: Source,
    /// One number a point of the sweep (true), or one a point of its axis.
    pub per_point: bool,
    /// Number of numbers.
    pub len: u64,
}

/// Every coordinate, in the order in which its place is reserved (behind those of the columns).
pub fn coordinates(study: &Study, plan: &Plan) -> Vec<Coordinate> {
    let mut all = Vec::new();
    if let Some(samples) = &plan.samples {
        all.push(coordinate(&samples.name, Source::Sample, false, samples.values.len() as u64));
    }
    match plan.shard {
        None if study.axes.is_empty() => all.push(coordinate("point", Source::Point, true, 1)),
        None => {
            for (i, axis) in study.axes.iter().enumerate() {
                match &axis.points {
                    Points::Values(..) => all.push(coordinate(&axis.name, Source::Quantity(i, 0), false, axis.len)),
                    Points::Cases(..) => {}
                    _ => all.push(coordinate(&axis.name, Source::Index(i), false, axis.len)),
                }
                if !matches!(axis.points, Points::Values(..)) {
                    let quantities = axis.quantities().into_iter().enumerate();
                    all.extend(quantities.map(|(q, x)| coordinate(&x.name, Source::Quantity(i, q), false, axis.len)));
                }
            }
        }
        Some(_) => all.extend(per_point("", study, plan)),
    }
    if plan.spikes {
        all.extend(per_point("spikes/", study, plan));
    }
    all
}

fn coordinate(path: &str, source: Source, per_point: bool, len: u64) -> Coordinate {
    Coordinate { path: path.to_owned(), source, per_point, len }
}

/// Points as one dimension, every quantity a coordinate along it.
fn per_point(prefix: &str, study: &Study, plan: &Plan) -> Vec<Coordinate> {
    let n = plan.points();
    let named = |name: &str, source| coordinate(&format!("{prefix}{name}"), source, true, n);
    let mut all = vec![named("point", Source::Point)];
    for (i, axis) in study.axes.iter().enumerate() {
        match &axis.points {
            Points::Values(..) => all.push(named(&axis.name, Source::Quantity(i, 0))),
            _ => {
                all.push(named(&axis.name, Source::Index(i)));
                let quantities = axis.quantities().into_iter().enumerate();
                all.extend(quantities.map(|(q, x)| named(&x.name, Source::Quantity(i, q))));
            }
        }
    }
    all
}

/// Builds the file up to its reserved places. Arrays: the plan's columns, then its coordinates.
///
/// # Errors
/// [`StoreError`].
pub fn build(claim: Claim, study: &Study, plan: &Plan, provenance: &Provenance) -> Result<Draft, StoreError> {
    build_with(claim, study, plan, provenance, &|group, _, column, axes| reserve(group, column, axes).map(Some))
}

/// How a column (with its number in the plan) gets its place over these axes; none where it needs no filling.
pub type Place<'p> = &'p dyn Fn(&Group<'_>, usize, &Column, &[&FileAxis<'_>]) -> Result<Option<Places>, StoreError>;

/// The same with columns placed by `place`.
///
/// # Errors
/// [`StoreError`].
pub fn build_with(
    claim: Claim,
    study: &Study,
    plan: &Plan,
    provenance: &Provenance,
    place: Place<'_>,
) -> Result<Draft, StoreError> {
    let chunks = plan.columns.iter().map(|c| 2 + plan.points() * (c.kind.bytes() * c.width) as u64 / (400 << 10)).sum();
    let file = FileWriter::begin_draft(claim, provenance, chunks)?;
    metadata::write(&file, study, plan)?;
    let mut builder = Builder { study, plan, coordinates: coordinates(study, plan), reserved: Vec::new() };
    let root = file.root();
    let dims = builder.root_dimensions(&root)?;
    let samples = plan.samples.as_ref().map(|s| {
        let (axis, places) = root.reserve_axis::<f64>(&s.name, &s.unit, &s.long_name, s.values.len())?;
        builder.reserved.push((s.name.clone(), places));
        Ok(axis)
    });
    let samples = samples.transpose()?;
    let mut arrays = Vec::new();
    for (i, column) in plan.columns.iter().enumerate().filter(|(_, c)| c.name != "row_size") {
        let mut axes: Vec<&FileAxis<'_>> = dims.iter().collect();
        if column.width > 1 {
            axes.extend(&samples);
        }
        arrays.extend(place(&root, i, column, &axes)?);
        let along = builder.coordinates_along("");
        if !along.is_empty() {
            root.annotate(&column.name, "coordinates", along)?;
        }
    }
    root.flags("status", status::MEANINGS)?;
    if plan.spikes {
        let spikes = file.root().group("spikes")?;
        let point = builder.point_dimension(&spikes, "spikes/")?;
        if let Some((i, column)) = plan.columns.iter().enumerate().find(|(_, c)| c.name == "row_size") {
            arrays.extend(place(&spikes, i, column, &[&point])?);
            spikes.annotate("row_size", "sample_dimension", "spike")?;
            let along = builder.coordinates_along("spikes/");
            if !along.is_empty() {
                spikes.annotate("row_size", "coordinates", along)?;
            }
        }
    }
    arrays.extend(builder.in_order());
    file.into_draft(arrays)
}

struct Builder<'a> {
    study: &'a Study,
    plan: &'a Plan,
    coordinates: Vec<Coordinate>,
    reserved: Vec<(String, Places)>,
}

impl Builder<'_> {
    fn root_dimensions<'f>(&mut self, root: &Group<'f>) -> Result<Vec<FileAxis<'f>>, StoreError> {
        if self.plan.shard.is_some() || self.study.axes.is_empty() {
            return Ok(vec![self.point_dimension(root, "")?]);
        }
        self.study.axes.iter().map(|axis| self.axis_dimension(root, axis)).collect()
    }

    /// One axis as a dimension, what else it sets as coordinates along it.
    fn axis_dimension<'f>(&mut self, root: &Group<'f>, axis: &Axis) -> Result<FileAxis<'f>, StoreError> {
        let len = axis.len as usize;
        let scale = match &axis.points {
            Points::Values(q, _) => {
                let (scale, places) =
                    root.reserve_axis::<f64>(&axis.name, &Unit::new(q.unit.clone()), &q.long_name, len)?;
                self.reserved.push((axis.name.clone(), places));
                return Ok(scale);
            }
            Points::Cases(_, cases) => {
                let names: Vec<&str> = cases.iter().map(|c| c.name.as_str()).collect();
                root.label_axis(&axis.name, "case", &names)?
            }
            Points::Drawn(..) | Points::Copies => {
                let (scale, places) = root.reserve_axis::<u64>(&axis.name, &Unit::ONE, &axis.describe(), len)?;
                self.reserved.push((axis.name.clone(), places));
                scale
            }
        };
        for q in axis.quantities() {
            let places = root.reserve::<f64>(&q.name, &Unit::new(q.unit.clone()), &q.long_name, &[&scale])?;
            self.reserved.push((q.name.clone(), places));
        }
        Ok(scale)
    }

    /// Points as one dimension, every quantity a coordinate along it.
    fn point_dimension<'f>(&mut self, group: &Group<'f>, prefix: &str) -> Result<FileAxis<'f>, StoreError> {
        let n = self.plan.points() as usize;
        let about = "index of the point in the study, the last axis fastest";
        let (point, places) = group.reserve_axis::<u64>("point", &Unit::ONE, about, n)?;
        self.reserved.push((format!("{prefix}point"), places));
        for axis in &self.study.axes {
            if !matches!(axis.points, Points::Values(..)) {
                let places = group.reserve::<u64>(&axis.name, &Unit::ONE, &axis.describe(), &[&point])?;
                self.reserved.push((format!("{prefix}{}", axis.name), places));
            }
            for (q, quantity) in axis.quantities().into_iter().enumerate() {
                let ladder = q == 0 && matches!(axis.points, Points::Values(..));
                let name = if ladder { &axis.name } else { &quantity.name };
                let unit = Unit::new(quantity.unit.clone());
                let places = group.reserve::<f64>(name, &unit, &quantity.long_name, &[&point])?;
                self.reserved.push((format!("{prefix}{name}"), places));
            }
        }
        Ok(point)
    }

    /// The coordinates of a group's arrays that are not dimensions (CF 5).
    fn coordinates_along(&self, prefix: &str) -> String {
        let by_axis = self.plan.shard.is_none() && prefix.is_empty();
        let dimension = |c: &&Coordinate| match c.source {
            Source::Point | Source::Sample => true,
            Source::Index(_) => by_axis,
            Source::Quantity(axis, _) => by_axis && matches!(self.study.axes[axis].points, Points::Values(..)),
        };
        let here =
            self.coordinates.iter().filter(|c| c.path.starts_with(prefix) && !c.path[prefix.len()..].contains('/'));
        here.filter(|c| !dimension(c)).map(|c| c.path[prefix.len()..].to_owned()).collect::<Vec<_>>().join(" ")
    }

    /// The reserved coordinates in the order of [`coordinates`].
    fn in_order(&self) -> Vec<Places> {
        let place = |c: &Coordinate| self.reserved.iter().find(|(path, _)| *path == c.path).map(|(_, p)| p.clone());
        self.coordinates.iter().filter_map(place).collect()
    }
}

fn reserve(group: &Group<'_>, column: &Column, axes: &[&FileAxis<'_>]) -> Result<Places, StoreError> {
    let (name, unit, about) = (&column.name, Unit::new(column.unit.clone()), &column.long_name);
    match column.kind {
        Kind::F64 => group.reserve::<f64>(name, &unit, about, axes),
        Kind::F32 => group.reserve::<f32>(name, &unit, about, axes),
        Kind::U64 => group.reserve::<u64>(name, &unit, about, axes),
        Kind::U8 => group.reserve::<u8>(name, &unit, about, axes),
    }
}

/// Computes `count` numbers of a coordinate from number `from` on, as little-endian bytes.
pub fn fill(study: &Study, plan: &Plan, coordinate: &Coordinate, from: u64, count: usize) -> Vec<u8> {
    let first = if coordinate.per_point { plan.range.start } else { 0 };
    let at = |axis: usize, i: u64| {
        if !coordinate.per_point {
            return i;
        }
        let after: u64 = study.axes[axis + 1..].iter().map(|a| a.len).product();
        (first + i) / after % study.axes[axis].len
    };
    let mut bytes = Vec::with_capacity(8 * count);
    for i in from..from + count as u64 {
        match coordinate.source {
            Source::Sample => {
                let value = plan.samples.as_ref().and_then(|s| s.values.get(i as usize));
                bytes.extend_from_slice(&value.copied().unwrap_or(f64::NAN).to_le_bytes());
            }
            Source::Point => bytes.extend_from_slice(&(first + i).to_le_bytes()),
            Source::Index(axis) => bytes.extend_from_slice(&at(axis, i).to_le_bytes()),
            Source::Quantity(axis, q) => {
                bytes.extend_from_slice(&study.axes[axis].value(q, at(axis, i)).to_le_bytes());
            }
        }
    }
    bytes
}
