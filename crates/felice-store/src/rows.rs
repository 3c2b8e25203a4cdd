//! Rows of a finished file's datasets as bytes: for merging files larger than the memory.

use hdf5::{Dataset, Hyperslab, SliceOrIndex};

use crate::error::StoreError;
use crate::number::Number;
use crate::reader::{Reader, kind};

impl Reader {
    /// Numbers of rows `first ..` of a dataset (along its first dimension) as little-endian bytes, row-major.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; [`StoreError::Read`], also where there are fewer rows or no numbers.
    pub fn rows_le(&self, dataset: &str, first: usize, count: usize) -> Result<Vec<u8>, StoreError> {
        let data = self.dataset(dataset)?;
        let read = match kind(&data) {
            "<f8" => bytes::<f64>(&data, first, count),
            "<f4" => bytes::<f32>(&data, first, count),
            "<u8" => bytes::<u64>(&data, first, count),
            "<i8" => bytes::<i64>(&data, first, count),
            "|u1" => bytes::<u8>(&data, first, count),
            other => Err(format!("`{dataset}` holds no numbers (type {other})").into()),
        };
        read.map_err(|e| self.failed(&e))
    }

    /// A dataset's type as numpy spells it; `?` where felice does not write it.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub fn kind(&self, dataset: &str) -> Result<&'static str, StoreError> {
        Ok(kind(&*self.dataset(dataset)?))
    }
}

fn bytes<T: Number>(data: &Dataset, first: usize, count: usize) -> Result<Vec<u8>, hdf5::Error> {
    let rank = data.ndim();
    if rank == 0 || first.checked_add(count).is_none_or(|end| end > data.shape()[0]) {
        return Err(format!("rows {first} to {} of the shape {:?}", first.saturating_add(count), data.shape()).into());
    }
    if count == 0 {
        return Ok(Vec::new());
    }
    let mut region = vec![SliceOrIndex::Unlimited { start: 0, step: 1, block: 1 }; rank];
    region[0] = (first..first + count).into();
    let rows = data.read_slice::<T, _, ndarray::IxDyn>(Hyperslab::new(region))?;
    let mut bytes = Vec::with_capacity(rows.len() * size_of::<T>());
    match rows.as_slice() {
        Some(rows) => rows.iter().for_each(|x| x.append_le(&mut bytes)),
        None => rows.iter().for_each(|x| x.append_le(&mut bytes)),
    }
    Ok(bytes)
}
