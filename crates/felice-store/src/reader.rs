//! Reading finished files.

use std::path::{Path, PathBuf};

use felice_base::{Sampled, Signal, Unit};
use hdf5::types::{FloatSize, IntSize, TypeDescriptor, VarLenAscii, VarLenUnicode};
use hdf5::{Container, Dataset, Location};
use sha2::{Digest, Sha256};

use crate::attribute::AttributeValue;
use crate::digest::{Contents, hash_texts, hash_values};
use crate::error::StoreError;
use crate::number::Number;
use crate::scales;
use crate::seal::{self, Seal};

/// An open file. The seal is checked before the HDF5 library sees a byte.
pub struct Reader {
    pub(crate) path: PathBuf,
    pub(crate) file: hdf5::File,
    pub(crate) seal: Seal,
}

impl Reader {
    /// Opens a file that felice finished.
    ///
    /// # Errors
    /// [`StoreError::Read`], [`StoreError::Foreign`] where it is not sealed by felice, [`StoreError::Damaged`] where its
    /// bytes have changed.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if seal::check(path)? == Seal::Absent {
            let why =
                "it is HDF5 without felice's seal: still being written, interrupted, made or enlarged by another \
                       tool; look into it with h5dump"
                    .into();
            return Err(StoreError::Foreign { path: path.to_owned(), why });
        }
        let reader = Self::open_hdf5(path, Seal::Intact)?;
        match reader.attribute("/", "format")? {
            Some(AttributeValue::Text(format)) if format == "felice" => Ok(reader),
            _ => {
                let why = "its root attribute `format` is not \"felice\"".into();
                Err(StoreError::Foreign { path: path.to_owned(), why })
            }
        }
    }

    /// Opens an HDF5 file whether it is sealed or not. The HDF5 library has crashed on damaged files that nothing vouches
    /// for: where that matters, call this in a process of its own.
    ///
    /// # Errors
    /// As [`Reader::open`], but no seal is no error.
    pub fn open_unsealed(path: &Path) -> Result<Self, StoreError> {
        let seal = seal::check(path)?;
        Self::open_hdf5(path, seal)
    }

    /// Opens a file again whose seal this process has checked already.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub fn open_checked(path: &Path) -> Result<Self, StoreError> {
        Self::open_hdf5(path, Seal::Intact)
    }

    fn open_hdf5(path: &Path, seal: Seal) -> Result<Self, StoreError> {
        // A sealed file no longer changes, so it needs no lock; some network file systems have none.
        let file = hdf5::File::with_options()
            .with_fapl(|p| p.file_locking(false))
            .open(path)
            .map_err(|e| StoreError::read_hdf5(path, &e))?;
        Ok(Reader { path: path.to_owned(), file, seal })
    }

    /// An attribute of a group or dataset; none where it is not there or of a type that felice does not write.
    ///
    /// # Errors
    /// [`StoreError::Missing`] for the object, [`StoreError::Read`].
    pub fn attribute(&self, object: &str, name: &str) -> Result<Option<AttributeValue>, StoreError> {
        attribute(&*self.object(object)?, name).map_err(|e| self.failed(&e))
    }

    /// Names of the groups in a group, in the order they were written.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Read`].
    pub fn groups(&self, group: &str) -> Result<Vec<String>, StoreError> {
        let group = self.group(group)?;
        let names = members(&group).map_err(|e| self.failed(&e))?;
        Ok(names.into_iter().filter(|n| group.group(n).is_ok()).collect())
    }

    /// Names of the datasets in a group, in the order they were written.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Read`].
    pub fn datasets(&self, group: &str) -> Result<Vec<String>, StoreError> {
        let group = self.group(group)?;
        let names = members(&group).map_err(|e| self.failed(&e))?;
        Ok(names.into_iter().filter(|n| group.dataset(n).is_ok()).collect())
    }

    /// Shape of a dataset.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub fn shape(&self, dataset: &str) -> Result<Vec<usize>, StoreError> {
        Ok(self.dataset(dataset)?.shape())
    }

    /// All numbers of a dataset, row-major.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Read`].
    pub fn numbers(&self, dataset: &str) -> Result<Vec<f64>, StoreError> {
        self.dataset(dataset)?.read_raw::<f64>().map_err(|e| self.failed(&e))
    }

    /// The numbers of a part of a dataset, row-major: `at` holds an index for each dimension that is held, `None` for each
    /// that is read whole.
    ///
    /// # Errors
    /// [`StoreError::Missing`] for the dataset or an index outside it, [`StoreError::Read`].
    pub fn numbers_at(&self, dataset: &str, at: &[Option<usize>]) -> Result<Vec<f64>, StoreError> {
        let data = self.dataset(dataset)?;
        let shape = data.shape();
        if at.iter().all(Option::is_none) && at.len() == shape.len() {
            return self.numbers(dataset);
        }
        let inside = |(a, n): (&Option<usize>, &usize)| a.is_none_or(|a| a < *n);
        if at.len() != shape.len() || !at.iter().zip(&shape).all(inside) {
            return Err(self.missing("part", &format!("{dataset}{at:?}")));
        }
        let whole = hdf5::SliceOrIndex::Unlimited { start: 0, step: 1, block: 1 };
        let region: Vec<_> = at.iter().map(|a| a.map_or(whole, hdf5::SliceOrIndex::Index)).collect();
        let part = data.read_slice::<f64, _, ndarray::IxDyn>(hdf5::Hyperslab::new(region));
        part.map(|p| p.into_iter().collect()).map_err(|e| self.failed(&e))
    }

    /// Some rows (points of its first dimension) of a dataset, row-major.
    ///
    /// # Errors
    /// [`StoreError::Missing`] for the dataset or rows outside it, [`StoreError::Read`].
    pub fn rows_of<T: Number>(&self, dataset: &str, rows: std::ops::Range<usize>) -> Result<Vec<T>, StoreError> {
        let data = self.dataset(dataset)?;
        let shape = data.shape();
        if shape.is_empty() || rows.end > shape[0] {
            return Err(self.missing("rows", &format!("{dataset}{rows:?}")));
        }
        if rows == (0..shape[0]) || rows.is_empty() {
            let all = if rows.is_empty() { Ok(Vec::new()) } else { data.read_raw::<T>() };
            return all.map_err(|e| self.failed(&e));
        }
        let mut region = vec![hdf5::SliceOrIndex::Unlimited { start: 0, step: 1, block: 1 }; shape.len()];
        region[0] = rows.into();
        let part = data.read_slice::<T, _, ndarray::IxDyn>(hdf5::Hyperslab::new(region));
        part.map(|p| p.into_iter().collect()).map_err(|e| self.failed(&e))
    }

    /// All texts of a dataset.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Read`].
    pub fn texts(&self, dataset: &str) -> Result<Vec<String>, StoreError> {
        texts(&*self.dataset(dataset)?).map_err(|e| self.failed(&e))
    }

    /// The axis called `axis` in a group and the signals along it.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Read`].
    pub fn sampled(&self, group: &str, axis: &str) -> Result<Sampled, StoreError> {
        let g = self.group(group)?;
        let join = |name: &str| format!("{}/{name}", group.trim_end_matches('/'));
        let scale = self.dataset(&join(axis))?;
        let mut signals = Vec::new();
        for name in self.datasets(group)? {
            let data = g.dataset(&name).map_err(|e| self.failed(&e))?;
            if data.ndim() == 1 && scales::is_attached(&data, &scale, 0) {
                signals.push(self.signal(&join(&name))?);
            }
        }
        Sampled::new(self.signal(&join(axis))?, signals)
            .map_err(|e| StoreError::Damaged { path: self.path.clone(), why: e.to_string() })
    }

    /// One dataset as a signal.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Read`].
    pub fn signal(&self, dataset: &str) -> Result<Signal, StoreError> {
        let text = |name| {
            Ok::<_, StoreError>(match self.attribute(dataset, name)? {
                Some(AttributeValue::Text(text)) => text,
                _ => String::new(),
            })
        };
        let link = dataset.rsplit('/').next().unwrap_or_default();
        let name = text("name")?;
        let name = if name.is_empty() { link.to_owned() } else { name };
        Ok(Signal::new(name, Unit::new(text("units")?), text("long_name")?, self.numbers(dataset)?))
    }

    /// Recomputes the hash over all data, as in the root attribute `content_sha256`.
    ///
    /// # Errors
    /// [`StoreError::Read`].
    pub fn content_sha256(&self) -> Result<String, StoreError> {
        let mut contents = Contents::default();
        collect(&self.file, "", &mut contents, 0).map_err(|e| self.failed(&e))?;
        Ok(contents.sha256_hex())
    }

    fn object(&self, name: &str) -> Result<Box<Location>, StoreError> {
        if name.is_empty() || name == "/" {
            return Ok(Box::new(Location::clone(&self.file)));
        }
        if let Ok(group) = self.file.group(name) {
            return Ok(Box::new(Location::clone(&group)));
        }
        Ok(Box::new(Location::clone(&*self.dataset(name)?)))
    }

    fn group(&self, name: &str) -> Result<hdf5::Group, StoreError> {
        let name = if name.is_empty() { "/" } else { name };
        self.file.group(name).map_err(|_| self.missing("group", name))
    }

    pub(crate) fn dataset(&self, name: &str) -> Result<Dataset, StoreError> {
        self.file.dataset(name).map_err(|_| self.missing("dataset", name))
    }

    fn missing(&self, what: &'static str, name: &str) -> StoreError {
        StoreError::Missing { path: self.path.clone(), what, name: name.to_owned() }
    }

    pub(crate) fn failed(&self, error: &hdf5::Error) -> StoreError {
        StoreError::read_hdf5(&self.path, error)
    }
}

/// Groups nest no deeper in our files; a cycle of links in a foreign one ends here.
pub(crate) const DEEPEST: usize = 32;

fn collect(group: &hdf5::Group, path: &str, contents: &mut Contents, depth: usize) -> Result<(), hdf5::Error> {
    if depth > DEEPEST {
        return Err("groups nest deeper than 32 levels".into());
    }
    for name in members(group)? {
        let path = format!("{path}/{name}");
        if let Ok(inner) = group.group(&name) {
            collect(&inner, &path, contents, depth + 1)?;
        } else if let Ok(data) = group.dataset(&name) {
            let kind = kind(&data);
            contents.record(&path, kind, &data.shape(), &hash(&data, kind)?);
        }
    }
    Ok(())
}

fn hash(data: &Dataset, kind: &str) -> Result<Vec<u8>, hdf5::Error> {
    fn numbers<T: Number>(hasher: &mut Sha256, data: &Dataset) -> Result<(), hdf5::Error> {
        // Rows that fill a few megabytes at a time keep memory flat whatever the dataset's size.
        let shape = data.shape();
        let row: usize = shape.iter().skip(1).product();
        let step = data.chunk().and_then(|c| c.first().copied()).unwrap_or(1).max((4 << 20) / (8 * row.max(1))).max(1);
        if shape.len() < 2 && data.size() <= 1 << 19 || data.size() == 0 {
            hash_values(hasher, &data.read_raw::<T>()?);
            return Ok(());
        }
        for start in (0..shape[0]).step_by(step) {
            let mut region = vec![hdf5::SliceOrIndex::Unlimited { start: 0, step: 1, block: 1 }; shape.len()];
            region[0] = (start..shape[0].min(start + step)).into();
            let part = data.read_slice::<T, _, ndarray::IxDyn>(hdf5::Hyperslab::new(region))?;
            hash_values(hasher, part.as_slice().unwrap_or_default());
        }
        Ok(())
    }
    let mut hasher = Sha256::new();
    match kind {
        "<f8" => numbers::<f64>(&mut hasher, data)?,
        "<f4" => numbers::<f32>(&mut hasher, data)?,
        "<u8" => numbers::<u64>(&mut hasher, data)?,
        "<i8" => numbers::<i64>(&mut hasher, data)?,
        "|u1" => numbers::<u8>(&mut hasher, data)?,
        "str" => hash_texts(&mut hasher, texts(data)?.iter().map(String::as_str)),
        _ => return Err(format!("`{}` is of a type that felice does not write", data.name()).into()),
    }
    Ok(hasher.finalize().to_vec())
}

pub(crate) fn members(group: &hdf5::Group) -> Result<Vec<String>, hdf5::Error> {
    use hdf5::{IndexType, IterationOrder};
    group
        .member_names_by(IndexType::CreationOrder, IterationOrder::Increasing)
        .or_else(|_| group.member_names_by(IndexType::Name, IterationOrder::Increasing))
}

/// A dataset's or attribute's type as numpy spells it, `?` where felice does not write it.
pub(crate) fn kind(of: &Container) -> &'static str {
    match of.dtype().and_then(|t| t.to_descriptor()) {
        Ok(TypeDescriptor::Float(FloatSize::U8)) => "<f8",
        Ok(TypeDescriptor::Float(FloatSize::U4)) => "<f4",
        Ok(TypeDescriptor::Unsigned(IntSize::U8)) => "<u8",
        Ok(TypeDescriptor::Integer(IntSize::U8)) => "<i8",
        Ok(TypeDescriptor::Unsigned(IntSize::U1)) => "|u1",
        Ok(TypeDescriptor::VarLenUnicode | TypeDescriptor::VarLenAscii) => "str",
        _ => "?",
    }
}

fn texts(of: &Container) -> Result<Vec<String>, hdf5::Error> {
    if let Ok(TypeDescriptor::VarLenAscii) = of.dtype().and_then(|t| t.to_descriptor()) {
        return Ok(of.read_raw::<VarLenAscii>()?.iter().map(|t| t.as_str().to_owned()).collect());
    }
    // Bytes that are not UTF-8 (a foreign file) must not become a `str`.
    let stored = of.read_raw::<VarLenUnicode>()?;
    Ok(stored.iter().map(|t| String::from_utf8_lossy(t.as_bytes()).into_owned()).collect())
}

pub(crate) fn attribute(at: &Location, name: &str) -> Result<Option<AttributeValue>, hdf5::Error> {
    if !at.attr_names()?.iter().any(|n| n == name) {
        return Ok(None);
    }
    let attribute = at.attr(name)?;
    let scalar = attribute.is_scalar();
    Ok(match kind(&attribute) {
        "str" => {
            let mut all = texts(&attribute)?;
            match all.pop() {
                Some(text) if scalar => Some(AttributeValue::Text(text)),
                last => {
                    all.extend(last);
                    Some(AttributeValue::Texts(all))
                }
            }
        }
        "<u8" | "|u1" if scalar => Some(AttributeValue::Integer(attribute.read_scalar()?)),
        "<f8" | "<f4" | "<i8" if scalar => Some(AttributeValue::Float(attribute.read_scalar()?)),
        "<f8" | "<f4" | "<i8" | "<u8" | "|u1" => Some(AttributeValue::Floats(attribute.read_raw()?)),
        _ => None,
    })
}
