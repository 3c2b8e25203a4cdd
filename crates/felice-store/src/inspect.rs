//! What is in a file, whether it is complete, and where it came from.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::attribute::AttributeValue;
use crate::error::StoreError;
use crate::reader::{self, DEEPEST, Reader};
use crate::scales;
use crate::seal::Seal;

/// A file's contents without its data. Its `Display` is a tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Whether its bytes are proven to be those that felice wrote.
    pub seal: Seal,
    /// Whether its last attribute, `complete = 1`, is there.
    pub complete: bool,
    /// Attributes of the root: provenance.
    pub attributes: Vec<(String, AttributeValue)>,
    /// Groups and datasets of the root, in the order written.
    pub entries: Vec<Entry>,
}

/// A group or dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name within its group.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its attributes, without those of the dimension scales.
    pub attributes: Vec<(String, AttributeValue)>,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A group and what it holds.
    Group(Vec<Entry>),
    /// A dataset.
    Dataset {
        /// Its type as numpy spells it; `str` for text.
        kind: &'static str,
        /// Its shape.
        shape: Vec<usize>,
        /// The name of each dimension's axis, empty where it has none.
        axes: Vec<String>,
        /// True where it is an axis itself.
        is_axis: bool,
        /// Bytes in the file, after compression.
        stored: u64,
    },
    /// A link that leads nowhere or to something that felice does not write.
    Other,
}

/// Looks into a file that felice finished. Every byte is checked against the file's seal first.
///
/// # Errors
/// [`StoreError::Read`], [`StoreError::Foreign`], [`StoreError::Damaged`].
pub fn inspect(path: &Path) -> Result<Inspection, StoreError> {
    Reader::open(path)?.inspect()
}

impl Reader {
    /// Looks into the open file.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub fn inspect(&self) -> Result<Inspection, StoreError> {
        let bytes = std::fs::metadata(&self.path).map_err(|e| StoreError::read_io(&self.path, &e))?.len();
        let attributes = attributes(&self.file).map_err(|e| self.failed(&e))?;
        let complete = attributes.iter().any(|(n, v)| n == "complete" && *v == AttributeValue::Integer(1));
        let mut above = Vec::new();
        let entries = entries(&self.file, &mut above).map_err(|e| self.failed(&e))?;
        Ok(Inspection { path: self.path.clone(), bytes, seal: self.seal, complete, attributes, entries })
    }
}

impl Inspection {
    /// A root attribute.
    pub fn attribute(&self, name: &str) -> Option<&AttributeValue> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }
}

fn attributes(of: &hdf5::Location) -> Result<Vec<(String, AttributeValue)>, hdf5::Error> {
    const OF_SCALES: [&str; 5] = ["CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "DIMENSION_LABELS"];
    use hdf5::{IndexType, IterationOrder};
    let names = of
        .attr_names_by(IndexType::CreationOrder, IterationOrder::Increasing)
        .or_else(|_| of.attr_names_by(IndexType::Name, IterationOrder::Increasing))?;
    let mut found = Vec::new();
    for name in names.into_iter().filter(|n| !OF_SCALES.contains(&n.as_str())) {
        if let Some(value) = reader::attribute(of, &name)? {
            found.push((name, value));
        }
    }
    Ok(found)
}

/// `above`: the axes of the groups around this one, nearest last.
fn entries(group: &hdf5::Group, above: &mut Vec<(String, hdf5::Dataset)>) -> Result<Vec<Entry>, hdf5::Error> {
    let names = reader::members(group)?;
    let outside = above.len();
    above.extend(names.iter().filter_map(|n| {
        let data = group.dataset(n).ok()?;
        scales::is_scale(&data).then(|| (n.clone(), data))
    }));
    let mut found = Vec::new();
    for name in names {
        let (kind, attributes) = if let Ok(data) = group.dataset(&name) {
            (describe(&data, above), attributes(&data)?)
        } else if let Ok(inner) = group.group(&name).and_then(|g| match depth(&g) {
            d if d <= DEEPEST => Ok(g),
            _ => Err("groups nest too deep".into()),
        }) {
            (Kind::Group(entries(&inner, above)?), attributes(&inner)?)
        } else {
            (Kind::Other, Vec::new())
        };
        found.push(Entry { name, kind, attributes });
    }
    above.truncate(outside);
    Ok(found)
}

fn depth(group: &hdf5::Group) -> usize {
    group.name().matches('/').count()
}

fn describe(data: &hdf5::Dataset, axes: &[(String, hdf5::Dataset)]) -> Kind {
    let shape = data.shape();
    let axis_of = |dim: usize| {
        let attached =
            axes.iter().rev().find(|(_, a)| scales::count(data, dim) > 0 && scales::is_attached(data, a, dim));
        attached.map_or_else(String::new, |(name, _)| name.clone())
    };
    Kind::Dataset {
        kind: reader::kind(data),
        axes: (0..shape.len()).map(axis_of).collect(),
        is_axis: scales::is_scale(data),
        stored: data.storage_size(),
        shape,
    }
}

impl fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AttributeValue::Text(text) => f.write_str(text),
            AttributeValue::Texts(texts) => f.write_str(&texts.join("\n")),
            AttributeValue::Integer(n) => write!(f, "{n}"),
            AttributeValue::Float(x) => write!(f, "{x}"),
            AttributeValue::Floats(all) => {
                f.write_str(&all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.complete { "complete" } else { "INCOMPLETE" };
        let seal = match self.seal {
            Seal::Intact => "every byte as written",
            Seal::Absent => "no seal: nothing vouches for its bytes",
        };
        writeln!(f, "{}: {state}, {} bytes, {seal}", self.path.display(), self.bytes)?;
        let width = self.attributes.iter().map(|(n, _)| n.len()).max().unwrap_or(0);
        for (name, value) in &self.attributes {
            let value = value.to_string().replace('\n', &format!("\n{:width$}", "", width = width + 4));
            writeln!(f, "  {name:width$}  {value}")?;
        }
        writeln!(f, "/")?;
        tree(f, &self.entries, "")
    }
}

fn tree(f: &mut fmt::Formatter<'_>, entries: &[Entry], indent: &str) -> fmt::Result {
    for (i, entry) in entries.iter().enumerate() {
        let last = i + 1 == entries.len();
        let (branch, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        write!(f, "{indent}{branch}{}", entry.name)?;
        if let Kind::Group(_) = entry.kind {
            f.write_str("/")?;
        }
        if let Kind::Dataset { kind, shape, axes, is_axis, .. } = &entry.kind {
            let dims: Vec<String> = shape.iter().zip(axes).map(|(n, a)| dimension(*n, a)).collect();
            let axis = if *is_axis { " axis" } else { "" };
            write!(f, "({}) {kind}{axis}", dims.join(", "))?;
        }
        for (name, value) in &entry.attributes {
            let value = value.to_string().replace('\n', " ");
            match name.as_str() {
                "units" => write!(f, " [{value}]")?,
                "long_name" => write!(f, "  {value}")?,
                _ => write!(f, "  {name}={value}")?,
            }
        }
        writeln!(f)?;
        if let Kind::Group(inner) = &entry.kind {
            tree(f, inner, &format!("{indent}{below}"))?;
        }
    }
    Ok(())
}

fn dimension(length: usize, axis: &str) -> String {
    if axis.is_empty() { length.to_string() } else { format!("{axis}={length}") }
}
