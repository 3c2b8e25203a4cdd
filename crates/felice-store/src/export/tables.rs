//! What tables a file holds.

use std::collections::HashSet;

use crate::attribute::AttributeValue;
use crate::error::StoreError;
use crate::inspect::{Entry, Kind};
use crate::reader::Reader;

/// Datasets of one group along the same axes, or its scalars.
#[derive(Clone, Debug)]
pub struct Table {
    /// The group, `/` for the root.
    pub group: String,
    /// Names of the axes; of scalars none.
    pub axes: Vec<String>,
    /// Rows.
    pub rows: usize,
    pub(super) columns: Vec<Column>,
    pub(super) scalars: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) unit: String,
    pub(super) about: String,
    pub(super) kind: &'static str,
    pub(super) from: From,
}

/// Where a column's values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// The dataset itself, value by value.
    Data,
    /// One value of it.
    Point(usize),
    /// A dataset along one axis of the table: its point changes every `inner` rows and starts again after `len`.
    Axis { inner: usize, len: usize },
    /// An axis without a dataset: the number of the point.
    Index { inner: usize, len: usize },
    /// A dataset along the rows that `row_size` counts: repeated for every ragged value of the row.
    Ragged,
}

impl Table {
    /// The names of its columns.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|c| c.name.as_str())
    }

    /// What its file is called in a folder: `boomerang-ekv.circuit.t.csv`.
    pub(super) fn file(&self) -> String {
        let group = if self.group == "/" { "root".to_owned() } else { self.group.replace('/', ".") };
        let along = if self.scalars { "scalars".to_owned() } else { self.axes.join("-") };
        let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.()".contains(c) { c } else { '_' };
        format!("{group}.{along}").chars().map(safe).collect()
    }
}

/// The tables of a group and, with `deep`, of those below it, in the order of the file.
///
/// # Errors
/// [`StoreError::Missing`] for the group.
pub fn tables(reader: &Reader, group: Option<&str>, deep: bool) -> Result<Vec<Table>, StoreError> {
    let inspection = reader.inspect()?;
    let path = group.unwrap_or("").trim_matches('/');
    let mut above = Vec::new();
    let mut entries = &inspection.entries;
    let mut walked = String::new();
    for name in path.split('/').filter(|p| !p.is_empty()) {
        above.extend(entries.iter().filter(is_axis).map(|e| (join(&walked, &e.name), e)));
        let found = entries.iter().find(|e| e.name == name);
        let Some(Kind::Group(inner)) = found.map(|e| &e.kind) else {
            return Err(StoreError::Missing { path: inspection.path.clone(), what: "group", name: path.to_owned() });
        };
        entries = inner;
        walked = join(&walked, name);
    }
    let mut all = Vec::new();
    collect(reader, &walked, entries, &mut above, deep, &mut all);
    Ok(together(all))
}

/// One table where several groups beside each other hold the same few numbers, as metrics do.
fn together(all: Vec<Table>) -> Vec<Table> {
    let parent = |t: &Table| t.group.rsplit_once('/').filter(|_| t.scalars).map(|(parent, _)| parent.to_owned());
    let alike = |a: &Table, b: &Table| parent(a).is_some() && parent(a) == parent(b) && a.columns().eq(b.columns());
    let mut joined: Vec<Table> = Vec::new();
    for (i, table) in all.iter().enumerate() {
        let mut same = all.iter().enumerate().filter(|(_, other)| alike(table, other));
        match (same.next(), same.next()) {
            (Some((first, _)), Some(_)) if first == i => {
                let members = all.iter().filter(|other| alike(table, other));
                let columns: Vec<Column> = members.flat_map(named_by_group).collect();
                let group = parent(table).unwrap_or_default();
                joined.push(Table { group, rows: columns.len(), columns, ..table.clone() });
            }
            (Some(_), Some(_)) => {}
            _ => joined.push(table.clone()),
        }
    }
    joined
}

/// The columns of a group's numbers, called `GROUP/NAME`.
fn named_by_group(table: &Table) -> impl Iterator<Item = Column> {
    let group = table.group.rsplit('/').next().unwrap_or_default();
    table.columns.iter().map(move |c| Column { name: format!("{group}/{}", c.name), ..c.clone() })
}

type Above<'e> = Vec<(String, &'e Entry)>;

fn is_axis(e: &&Entry) -> bool {
    matches!(e.kind, Kind::Dataset { is_axis: true, .. })
}

pub(super) fn join(group: &str, name: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{group}/{name}") }
}

fn collect<'e>(
    reader: &Reader,
    group: &str,
    entries: &'e [Entry],
    above: &mut Above<'e>,
    deep: bool,
    all: &mut Vec<Table>,
) {
    let outside = above.len();
    above.extend(entries.iter().filter(is_axis).map(|e| (join(group, &e.name), e)));
    let scalars = scalars(reader, group, entries);
    let told: Vec<String> = scalars.iter().flat_map(|t| &t.columns).map(|c| c.path.clone()).collect();
    all.extend(scalars);
    let mut seen: Vec<Vec<(String, usize)>> = Vec::new();
    for entry in entries {
        let along = along(entry);
        let with_scalars = |e: &Entry| told.contains(&join(group, &e.name));
        let ends = is_axis(&entry) && entries.iter().any(|e| with_scalars(e) && self::along(e) == along);
        if along.is_empty() || seen.contains(&along) || ends || with_scalars(entry) {
            continue;
        }
        let table = table(group, entries, above, &along);
        seen.push(along);
        // An axis whose points are given with every array along it needs no table of its own.
        all.extend(table);
    }
    for entry in entries.iter().filter(|_| deep) {
        if let Kind::Group(inner) = &entry.kind {
            collect(reader, &join(group, &entry.name), inner, above, deep, all);
        }
    }
    above.truncate(outside);
}

/// The axes of a dataset with their lengths; its own name where it is an axis.
fn along(entry: &Entry) -> Vec<(String, usize)> {
    match &entry.kind {
        Kind::Dataset { is_axis: true, shape, .. } => shape.iter().map(|n| (entry.name.clone(), *n)).collect(),
        Kind::Dataset { shape, axes, .. } => {
            let name = |(d, a): (usize, &String)| if a.is_empty() { format!("dim_{d}") } else { a.clone() };
            axes.iter().enumerate().map(name).zip(shape.iter().copied()).collect()
        }
        _ => Vec::new(),
    }
}

fn text<'e>(entry: &'e Entry, name: &str) -> &'e str {
    let found = entry.attributes.iter().find(|(n, _)| n == name);
    match found.map(|f| &f.1) {
        Some(AttributeValue::Text(text)) => text,
        _ => "",
    }
}

fn column(path: String, entry: &Entry, from: From) -> Column {
    let kind = if let Kind::Dataset { kind, .. } = &entry.kind { kind } else { "?" };
    let own = text(entry, "name");
    Column {
        name: if own.is_empty() { entry.name.clone() } else { own.to_owned() },
        path,
        unit: text(entry, "units").to_owned(),
        about: text(entry, "long_name").to_owned(),
        kind,
        from,
    }
}

/// Single numbers, and with them pairs along two labels (`limit(min)`, `limit(max)`).
fn scalars(reader: &Reader, group: &str, entries: &[Entry]) -> Option<Table> {
    let numbers =
        |e: &&Entry| matches!(&e.kind, Kind::Dataset { kind, is_axis: false, .. } if *kind != "str" && *kind != "?");
    let whole = |e: &Entry| matches!(&e.kind, Kind::Dataset { shape, .. } if shape.is_empty());
    let labels = |e: &Entry| {
        let [(name, 2)] = &along(e)[..] else { return None };
        let axis = entries.iter().find(|a| is_axis(a) && a.name == *name)?;
        matches!(axis.kind, Kind::Dataset { kind: "str", .. }).then(|| reader.texts(&join(group, name)).ok())?
    };
    let mut columns = Vec::new();
    for e in entries.iter().filter(numbers) {
        let path = join(group, &e.name);
        if whole(e) {
            columns.push(column(path, e, From::Data));
        } else if let Some(labels) = labels(e) {
            let one = |(i, label): (usize, &String)| {
                let c = column(path.clone(), e, From::Point(i));
                Column { name: format!("{}({label})", c.name), ..c }
            };
            columns.extend(labels.iter().enumerate().map(one));
        }
    }
    let group = if group.is_empty() { "/" } else { group }.to_owned();
    // Without a single number a pair is an array like any other.
    let any = columns.iter().any(|c| c.from == From::Data);
    any.then(|| Table { group, axes: Vec::new(), rows: columns.len(), columns, scalars: true })
}

fn table(group: &str, entries: &[Entry], above: &Above<'_>, axes: &[(String, usize)]) -> Option<Table> {
    let rows: usize = axes.iter().map(|a| a.1).product();
    let readable = |e: &&Entry| matches!(&e.kind, Kind::Dataset { kind, .. } if *kind != "?");
    let data: Vec<&Entry> = entries.iter().filter(readable).filter(|e| !is_axis(e) && along(e) == axes).collect();
    let mut columns = Vec::new();
    if let Some(ragged) = ragged(group, entries, axes) {
        columns.extend(ragged);
    } else {
        for (d, (name, len)) in axes.iter().enumerate() {
            let inner: usize = axes[d + 1..].iter().map(|a| a.1).product();
            let scale =
                above.iter().rev().find(|(_, e)| e.name == *name && along(e).first().is_some_and(|a| a.1 == *len));
            match scale.filter(|s| !bare(s.1)) {
                Some((path, entry)) => columns.push(column(path.clone(), entry, From::Axis { inner, len: *len })),
                None => columns.push(Column {
                    name: name.clone(),
                    path: String::new(),
                    unit: "1".into(),
                    about: "number of the point".into(),
                    kind: "<u8",
                    from: From::Index { inner, len: *len },
                }),
            }
            columns.extend(coordinates(group, entries, &data, name, From::Axis { inner, len: *len }, axes.len() > 1));
        }
    }
    let own = entries.iter().any(|e| is_axis(&e) && along(e) == axes);
    let used = entries.iter().any(|e| !is_axis(&e) && along(e).contains(&axes[0]));
    if data.is_empty() && (!own || used) {
        return None;
    }
    columns.extend(data.iter().map(|e| column(join(group, &e.name), e, From::Data)));
    let group = if group.is_empty() { "/" } else { group }.to_owned();
    Some(Table { group, axes: axes.iter().map(|a| a.0.clone()).collect(), rows, columns, scalars: false })
}

/// A netCDF dimension without a variable: its numbers mean nothing.
fn bare(entry: &Entry) -> bool {
    matches!(entry.kind, Kind::Dataset { kind: "|u1", is_axis: true, .. }) && text(entry, "units").is_empty()
}

/// What the arrays' attribute `coordinates` names along this one of several axes.
fn coordinates(group: &str, entries: &[Entry], data: &[&Entry], axis: &str, from: From, several: bool) -> Vec<Column> {
    let named: HashSet<&str> = data.iter().flat_map(|e| text(e, "coordinates").split_whitespace()).collect();
    let on_it = |e: &&Entry| {
        named.contains(e.name.as_str()) && along(e).first().is_some_and(|a| a.0 == axis) && along(e).len() == 1
    };
    let all = entries.iter().filter(|_| several).filter(on_it);
    all.map(|e| column(join(group, &e.name), e, from)).collect()
}

/// Of values in CF's contiguous ragged form: what is known of the row that each belongs to.
fn ragged(group: &str, entries: &[Entry], axes: &[(String, usize)]) -> Option<Vec<Column>> {
    let counts = entries.iter().find(|e| text(e, "sample_dimension") == axes[0].0 && axes.len() == 1)?;
    let rows = along(counts);
    let of_row = |e: &&Entry| e.name != counts.name && along(e) == rows;
    let mut all = vec![column(join(group, &counts.name), counts, From::Ragged)];
    all.extend(entries.iter().filter(of_row).map(|e| column(join(group, &e.name), e, From::Ragged)));
    Some(all)
}
