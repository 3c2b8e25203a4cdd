//! What there is to draw in a file: its groups, and in each the arrays with their axes.

use felice_store::{AttributeValue, Entry, Inspection, Kind, Reader, StoreError};

/// A dataset as far as a figure needs to know it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    /// Its place in the file: `boomerang-ekv/circuit/v_u`.
    pub(super) path: String,
    /// Its name in its group.
    pub(super) name: String,
    /// Its unit, `1` of a number.
    pub(super) unit: String,
    /// What it is.
    pub(super) about: String,
    /// Its axes, one a dimension.
    pub(super) axes: Vec<Axis>,
    /// Whether it is numbers, and no flags.
    pub(super) numeric: bool,
    /// Whether it is an axis itself.
    pub(super) is_axis: bool,
    /// Of counts in CF's contiguous ragged form: the axis that they cut into rows.
    pub(super) counts: Option<String>,
}

/// An axis of an array.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    /// Its name, `dim0` where the file has none.
    pub(super) name: String,
    /// Its dataset; empty where the file has none.
    pub(super) path: String,
    /// Number of points.
    pub(super) len: usize,
    /// What its points are.
    pub(super) points: Points,
}

/// What the points of an axis are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Points {
    /// Times.
    Time,
    /// Values of a quantity.
    Values,
    /// Numbers of samples, neurons, points: their order means nothing.
    Indices,
    /// Names.
    Names,
}

/// A group.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Group {
    /// Its place in the file, empty of the root.
    pub(super) path: String,
    /// The groups in it.
    pub(super) groups: Vec<Group>,
    /// The datasets in it.
    pub(super) arrays: Vec<Array>,
}

impl Group {
    /// The root of a file.
    pub(super) fn root(inspection: &Inspection) -> Self {
        Self::read("", &inspection.entries, &mut Vec::new())
    }

    fn read<'e>(path: &str, entries: &'e [Entry], above: &mut Vec<(String, &'e Entry)>) -> Self {
        let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
        let outside = above.len();
        let is_axis = |e: &&Entry| matches!(e.kind, Kind::Dataset { is_axis: true, .. });
        above.extend(entries.iter().filter(is_axis).map(|e| (join(&e.name), e)));
        let mut group = Group { path: path.to_owned(), ..Group::default() };
        for entry in entries {
            match &entry.kind {
                Kind::Group(inner) => group.groups.push(Self::read(&join(&entry.name), inner, above)),
                Kind::Dataset { kind, shape, axes, is_axis, .. } => {
                    let of = |(name, len): (&String, &usize)| axis(name, *len, above);
                    let mut axes: Vec<Axis> = axes.iter().zip(shape).map(of).collect();
                    if *is_axis && shape.len() == 1 {
                        axes = vec![axis(&entry.name, shape[0], above)];
                    }
                    group.arrays.push(Array {
                        path: join(&entry.name),
                        name: text(entry, "name").unwrap_or(&entry.name).to_owned(),
                        unit: text(entry, "units").unwrap_or("1").to_owned(),
                        about: text(entry, "long_name").unwrap_or_default().to_owned(),
                        axes,
                        numeric: *kind != "str" && *kind != "?" && text(entry, "flag_meanings").is_none(),
                        is_axis: *is_axis,
                        counts: text(entry, "sample_dimension").map(str::to_owned),
                    });
                }
                Kind::Other => {}
            }
        }
        above.truncate(outside);
        group
    }

    /// The group at a path below this one.
    pub(super) fn at(&self, path: &str) -> Option<&Group> {
        path.split('/').filter(|p| !p.is_empty()).try_fold(self, |group, name| group.group(name))
    }

    /// The group of that name in this one.
    pub(super) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|g| g.path.rsplit('/').next() == Some(name))
    }

    /// A dataset by name.
    pub(super) fn array(&self, name: &str) -> Option<&Array> {
        self.arrays.iter().find(|a| a.name == name || a.path.rsplit('/').next() == Some(name))
    }

    /// Numbers along one axis at least, in the order of the file.
    pub(super) fn drawable(&self) -> impl Iterator<Item = &Array> {
        self.arrays.iter().filter(|a| a.is_drawable())
    }

    /// This group and all below it.
    pub(super) fn all(&self) -> Vec<&Group> {
        let mut all = vec![self];
        all.extend(self.groups.iter().flat_map(Group::all));
        all
    }

    /// Times in CF's contiguous ragged form: how many each row has, and the times.
    pub(super) fn ragged(&self) -> Option<(&Array, &Array)> {
        let counts = self.arrays.iter().find(|a| a.counts.is_some() && a.axes.len() == 1)?;
        let along = |a: &&Array| {
            a.numeric && !a.is_axis && a.axes.len() == 1 && Some(&a.axes[0].name) == counts.counts.as_ref()
        };
        Some((counts, self.arrays.iter().find(along)?))
    }

    /// This group, or the one in it that holds spikes.
    pub(super) fn spikes(&self) -> Option<&Group> {
        if self.ragged().is_some() {
            return Some(self);
        }
        let inside = |name: &str| self.group(name).filter(|g| g.ragged().is_some());
        let events = || self.group("events").unwrap_or(self);
        let events =
            || events().group("spike_condition").into_iter().chain(&events().groups).find(|g| g.ragged().is_some());
        inside("spikes").or_else(events)
    }
}

impl Array {
    /// Numbers along one axis at least that are no axis themselves.
    pub(super) fn is_drawable(&self) -> bool {
        let values = !self.axes.is_empty() && self.axes.iter().all(|a| a.len > 0);
        let time_again = self.name == "tau" && self.about.starts_with("time");
        self.numeric && !self.is_axis && values && !time_again
    }

    /// Whether one of its axes is time.
    pub(super) fn over_time(&self) -> bool {
        self.axes.iter().any(|a| a.points == Points::Time)
    }
}

fn text<'e>(entry: &'e Entry, name: &str) -> Option<&'e str> {
    entry.attributes.iter().find(|(n, _)| n == name).and_then(|(_, v)| match v {
        AttributeValue::Text(text) => Some(text.as_str()),
        _ => None,
    })
}

/// `above`: the axes of the groups around, nearest last.
fn axis(name: &str, len: usize, above: &[(String, &Entry)]) -> Axis {
    let found = above
        .iter()
        .rev()
        .find(|(_, e)| e.name == name && matches!(&e.kind, Kind::Dataset { shape, .. } if shape.as_slice() == [len]));
    let Some((path, entry)) = found else {
        return Axis { name: name.to_owned(), path: String::new(), len, points: Points::Indices };
    };
    let kind = if let Kind::Dataset { kind, .. } = &entry.kind { kind } else { "?" };
    let time = matches!(name, "t" | "time") || text(entry, "long_name").is_some_and(|n| n.starts_with("time"));
    let points = match kind {
        "str" => Points::Names,
        "<f8" | "<f4" if time && !name.contains("spike") => Points::Time,
        "<f8" | "<f4" => Points::Values,
        _ => Points::Indices,
    };
    // A netCDF dimension without a variable has no numbers of its own.
    let path = if kind == "|u1" { String::new() } else { path.clone() };
    Axis { name: name.to_owned(), path, len, points }
}

/// The points of an axis as numbers; of names and indices without a dataset 0, 1, 2 ..
pub(super) fn points(reader: &Reader, axis: &Axis) -> Result<Vec<f64>, StoreError> {
    match axis.points {
        Points::Names => Ok((0..axis.len).map(|i| i as f64).collect()),
        _ if axis.path.is_empty() => Ok((0..axis.len).map(|i| i as f64).collect()),
        _ => reader.numbers(&axis.path),
    }
}
