//! Groups, axes and datasets of a file being written.

use std::borrow::Cow;
use std::marker::PhantomData;

use felice_base::{Sampled, Signal, Unit};
use hdf5::plist::dataset_create;
use hdf5::plist::group_create::{AttrCreationOrder, LinkCreationOrder};
use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, H5Type};
use sha2::{Digest, Sha256};

use crate::attribute::{AttributeValue, var_len, without_nul, write_attribute};
use crate::by_rows::Rows;
use crate::digest::{hash_texts, hash_values};
use crate::error::StoreError;
use crate::layout::{Layout, layout};
use crate::number::Number;
use crate::scales;
use crate::writer::FileWriter;

/// Compression level: past 4 files of trajectories hardly shrink and writing slows.
const DEFLATE: u8 = 4;

/// A group of a file being written.
pub struct Group<'f> {
    pub(crate) writer: &'f FileWriter,
    pub(crate) group: hdf5::Group,
    pub(crate) path: String,
}

/// An axis of a group: a dimension scale that arrays attach to.
pub struct Axis<'f> {
    pub(crate) dataset: Dataset,
    pub(crate) name: String,
    pub(crate) len: usize,
    pub(crate) writer: &'f FileWriter,
}

impl Axis<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True where it has no point.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<'f> Group<'f> {
    pub(crate) fn root(writer: &'f FileWriter, file: &hdf5::File) -> Self {
        // A handle of its own: a clone of the file's would keep the file open past `FileWriter::finish`.
        let group = file.group("/").unwrap_or_else(|_| hdf5::Group::clone(file));
        Group { writer, group, path: String::new() }
    }

    /// A new group in this one.
    ///
    /// # Errors
    /// [`StoreError::Shape`] where the name is taken or empty, else [`StoreError::Write`].
    pub fn group(&self, name: &str) -> Result<Group<'f>, StoreError> {
        let link = self.link(name)?;
        let group = self
            .group
            .create_group_builder()
            .with_gcpl(|p| {
                p.obj_track_times(false)
                    .link_creation_order(LinkCreationOrder::Indexed)
                    .attr_creation_order(AttrCreationOrder::Indexed)
            })
            .create(&*link)
            .map_err(|e| self.failed(&e))?;
        Ok(Group { writer: self.writer, group, path: format!("{}/{link}", self.path) })
    }

    /// Writes an attribute of this group.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn attribute(&self, name: &str, value: impl Into<AttributeValue>) -> Result<(), StoreError> {
        write_attribute(&self.group, name, &value.into()).map_err(|e| self.failed(&e))
    }

    /// Writes an axis: a dataset that is a dimension scale.
    ///
    /// # Errors
    /// [`StoreError::Shape`] where the name is taken or empty, else [`StoreError::Write`].
    pub fn axis<T: Number>(
        &self,
        name: &str,
        unit: &Unit,
        long_name: &str,
        values: &[T],
    ) -> Result<Axis<'f>, StoreError> {
        let link = self.link(name)?;
        let dataset = self.numeric::<T>(&link, name, unit, long_name, &[values.len()])?;
        self.fill(&dataset, &link, &[values.len()], values)?;
        self.make_axis(dataset, &link, values.len())
    }

    /// Writes an axis of labels.
    ///
    /// # Errors
    /// As [`Group::axis`].
    pub fn label_axis<S: AsRef<str>>(&self, name: &str, long_name: &str, labels: &[S]) -> Result<Axis<'f>, StoreError> {
        let link = self.link(name)?;
        let dataset = self.strings(&link, long_name, labels, Some(labels.len()))?;
        self.make_axis(dataset, &link, labels.len())
    }

    /// Writes an array, row-major, over these axes; without axes a scalar.
    ///
    /// # Errors
    /// [`StoreError::Shape`] where the number of values is not the product of the axes' lengths or the name is taken,
    /// else [`StoreError::Write`].
    pub fn array<T: Number>(
        &self,
        name: &str,
        unit: &Unit,
        long_name: &str,
        axes: &[&Axis<'f>],
        values: &[T],
    ) -> Result<(), StoreError> {
        let shape: Vec<usize> = axes.iter().map(|a| a.len).collect();
        if shape.iter().product::<usize>() != values.len() {
            return Err(self.shape_error(name, format!("{} values for the shape {shape:?}", values.len())));
        }
        let link = self.link(name)?;
        let dataset = self.numeric::<T>(&link, name, unit, long_name, &shape)?;
        self.fill(&dataset, &link, &shape, values)?;
        self.attach(&dataset, axes)
    }

    /// Writes one number.
    ///
    /// # Errors
    /// As [`Group::array`].
    pub fn scalar<T: Number>(&self, name: &str, unit: &Unit, long_name: &str, value: T) -> Result<(), StoreError> {
        self.array(name, unit, long_name, &[], &[value])
    }

    /// Begins an array whose rows (along its first axis) are written one after another.
    ///
    /// # Errors
    /// [`StoreError::Shape`] where there is no axis or the name is taken, else [`StoreError::Write`].
    pub fn rows<T: Number>(
        &self,
        name: &str,
        unit: &Unit,
        long_name: &str,
        axes: &[&Axis<'f>],
    ) -> Result<Rows<'f, T>, StoreError> {
        let shape: Vec<usize> = axes.iter().map(|a| a.len).collect();
        if shape.is_empty() {
            return Err(self.shape_error(name, "an array written by rows needs an axis".into()));
        }
        let link = self.link(name)?;
        let dataset = self.numeric::<T>(&link, name, unit, long_name, &shape)?;
        self.attach(&dataset, axes)?;
        let path = format!("{}/{link}", self.path);
        self.writer.contents.borrow_mut().begin(&path);
        Ok(Rows { writer: self.writer, dataset, path, shape, next: 0, hasher: Sha256::new(), kind: PhantomData })
    }

    /// Writes a text (netlist, log).
    ///
    /// # Errors
    /// [`StoreError::Shape`] where the name is taken or empty, else [`StoreError::Write`].
    pub fn text(&self, name: &str, long_name: &str, text: &str) -> Result<(), StoreError> {
        self.strings(&self.link(name)?, long_name, &[text], None).map(drop)
    }

    /// Writes one text for each point of an axis.
    ///
    /// # Errors
    /// As [`Group::array`].
    pub fn texts<S: AsRef<str>>(
        &self,
        name: &str,
        long_name: &str,
        axis: &Axis<'f>,
        texts: &[S],
    ) -> Result<(), StoreError> {
        if axis.len != texts.len() {
            return Err(self.shape_error(name, format!("{} texts for {} points", texts.len(), axis.len)));
        }
        let dataset = self.strings(&self.link(name)?, long_name, texts, Some(texts.len()))?;
        self.attach(&dataset, &[axis])
    }

    /// Writes an axis and its signals.
    ///
    /// # Errors
    /// As [`Group::array`].
    pub fn sampled(&self, sampled: &Sampled) -> Result<Axis<'f>, StoreError> {
        let Signal { name, unit, long_name, values } = sampled.axis();
        let axis = self.axis(name, unit, long_name, values)?;
        self.signals(&axis, sampled.signals())?;
        Ok(axis)
    }

    /// Writes an axis and its signals in single precision.
    ///
    /// # Errors
    /// As [`Group::array`].
    #[allow(clippy::cast_possible_truncation)] // What the caller asks for.
    pub fn sampled_f32(&self, sampled: &Sampled) -> Result<Axis<'f>, StoreError> {
        let narrow = |values: &[f64]| values.iter().map(|v| *v as f32).collect::<Vec<_>>();
        let Signal { name, unit, long_name, values } = sampled.axis();
        let axis = self.axis(name, unit, long_name, values)?;
        for s in sampled.signals() {
            self.array(&s.name, &s.unit, &s.long_name, &[&axis], &narrow(&s.values))?;
        }
        Ok(axis)
    }

    /// Writes signals along an axis that is there already.
    ///
    /// # Errors
    /// As [`Group::array`].
    pub fn signals(&self, axis: &Axis<'f>, signals: &[Signal]) -> Result<(), StoreError> {
        signals.iter().try_for_each(|s| self.array(&s.name, &s.unit, &s.long_name, &[axis], &s.values))
    }

    fn numeric<T: Number>(
        &self,
        link: &str,
        name: &str,
        unit: &Unit,
        long_name: &str,
        shape: &[usize],
    ) -> Result<Dataset, StoreError> {
        let dataset = self.create::<T>(link, shape, Some(layout(shape, size_of::<T>())))?;
        self.describe(&dataset, name, unit, long_name)?;
        Ok(dataset)
    }

    /// What every numeric dataset carries; its own name where it could not be linked under it.
    pub(crate) fn describe(
        &self,
        dataset: &Dataset,
        name: &str,
        unit: &Unit,
        long_name: &str,
    ) -> Result<(), StoreError> {
        let write = |key, text: &str| write_attribute(dataset, key, &text.into()).map_err(|e| self.failed(&e));
        write("units", unit.symbol())?;
        write("long_name", long_name)?;
        if link_of(name) == name { Ok(()) } else { write("name", name) }
    }

    fn create<T: H5Type>(&self, link: &str, shape: &[usize], layout: Option<Layout>) -> Result<Dataset, StoreError> {
        let builder = self.group.new_dataset_builder().with_dcpl(|p| {
            p.attr_creation_order(AttrCreationOrder::Indexed);
            match &layout {
                Some(Layout::Compact) => p.layout(dataset_create::Layout::Compact),
                Some(Layout::Chunked(_)) => p.shuffle().deflate(DEFLATE).fletcher32(),
                None => p,
            }
        });
        let builder = builder.empty::<T>();
        // The chunk must be told to the builder itself: one set in its property list is replaced by a guess.
        let created = match layout {
            Some(Layout::Chunked(chunk)) => builder.shape(shape).chunk(chunk).create(link),
            _ if shape.is_empty() => builder.create(link),
            _ => builder.shape(shape).create(link),
        };
        created.map_err(|e| self.failed(&e))
    }

    fn fill<T: Number>(&self, dataset: &Dataset, link: &str, shape: &[usize], values: &[T]) -> Result<(), StoreError> {
        if !values.is_empty() {
            dataset.write_raw(values).map_err(|e| self.failed(&e))?;
        }
        let mut hasher = Sha256::new();
        hash_values(&mut hasher, values);
        self.record(link, T::TYPE, shape, &hasher.finalize());
        Ok(())
    }

    fn strings<S: AsRef<str>>(
        &self,
        link: &str,
        long_name: &str,
        texts: &[S],
        len: Option<usize>,
    ) -> Result<Dataset, StoreError> {
        let shape: Vec<usize> = len.into_iter().collect();
        let dataset = self.create::<VarLenUnicode>(link, &shape, None)?;
        let texts: Vec<Cow<'_, str>> = texts.iter().map(|t| without_nul(t.as_ref())).collect();
        let stored: Vec<VarLenUnicode> =
            texts.iter().map(|t| var_len(t)).collect::<Result<_, _>>().map_err(|e| self.failed(&e))?;
        if !stored.is_empty() {
            dataset.write_raw(&stored).map_err(|e| self.failed(&e))?;
        }
        write_attribute(&dataset, "long_name", &long_name.into()).map_err(|e| self.failed(&e))?;
        let mut hasher = Sha256::new();
        hash_texts(&mut hasher, texts.iter().map(AsRef::as_ref));
        self.record(link, "str", &shape, &hasher.finalize());
        Ok(dataset)
    }

    pub(crate) fn make_axis(&self, dataset: Dataset, link: &str, len: usize) -> Result<Axis<'f>, StoreError> {
        scales::set_scale(&dataset, link).map_err(|e| self.failed(&e))?;
        Ok(Axis { dataset, name: link.to_owned(), len, writer: self.writer })
    }

    pub(crate) fn attach(&self, dataset: &Dataset, axes: &[&Axis<'f>]) -> Result<(), StoreError> {
        for (dim, axis) in axes.iter().enumerate() {
            if !std::ptr::eq(axis.writer, self.writer) {
                return Err(self.shape_error(&axis.name, "the axis belongs to another file".into()));
            }
            scales::attach(dataset, &axis.dataset, dim).map_err(|e| self.failed(&e))?;
        }
        Ok(())
    }

    fn record(&self, link: &str, kind: &str, shape: &[usize], sha256: &[u8]) {
        self.writer.contents.borrow_mut().record(&format!("{}/{link}", self.path), kind, shape, sha256);
    }

    /// The name under which something new is linked: HDF5 keeps `/` and `.` to itself.
    pub(crate) fn link<'a>(&self, name: &'a str) -> Result<Cow<'a, str>, StoreError> {
        if name.is_empty() || name.contains('\0') {
            return Err(self.shape_error(name, "a name is not empty and holds no NUL byte".into()));
        }
        let link = link_of(name);
        if self.group.link_exists(&link) {
            return Err(self.shape_error(name, format!("`{}` already holds one of that name", self.path)));
        }
        Ok(link)
    }

    pub(crate) fn shape_error(&self, name: &str, why: String) -> StoreError {
        StoreError::Shape { path: self.writer.target.clone(), name: name.to_owned(), why }
    }

    pub(crate) fn failed(&self, error: &hdf5::Error) -> StoreError {
        StoreError::write_hdf5(&self.writer.target, error)
    }
}

fn link_of(name: &str) -> Cow<'_, str> {
    match name {
        "." => Cow::Borrowed("%2E"),
        _ if name.contains('/') => Cow::Owned(name.replace('%', "%25").replace('/', "%2F")),
        _ => Cow::Borrowed(name),
    }
}
