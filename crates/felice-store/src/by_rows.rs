//! Arrays written row after row.

use std::marker::PhantomData;

use hdf5::Dataset;
use sha2::{Digest, Sha256};

use crate::digest::hash_values;
use crate::error::StoreError;
use crate::number::Number;
use crate::writer::FileWriter;

/// An array whose rows are written in order, for data that do not fit into memory at once.
pub struct Rows<'f, T: Number> {
    pub(crate) writer: &'f FileWriter,
    pub(crate) dataset: Dataset,
    pub(crate) path: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) next: usize,
    pub(crate) hasher: Sha256,
    pub(crate) kind: PhantomData<T>,
}

impl<T: Number> Rows<'_, T> {
    /// Number of rows that a chunk holds: writing a multiple of it at a time compresses each chunk once.
    pub fn chunk_rows(&self) -> usize {
        self.dataset.chunk().and_then(|c| c.first().copied()).unwrap_or(self.shape[0]).max(1)
    }

    /// Writes the next rows.
    ///
    /// # Errors
    /// [`StoreError::Shape`] where the values are no whole number of rows or more than are left, else
    /// [`StoreError::Write`].
    pub fn append(&mut self, values: &[T]) -> Result<(), StoreError> {
        let row: usize = self.shape[1..].iter().product();
        let rows = values.len().checked_div(row).unwrap_or(0);
        if rows * row != values.len() || self.next + rows > self.shape[0] {
            let why = format!("{} values after row {} of the shape {:?}", values.len(), self.next, self.shape);
            return Err(StoreError::Shape { path: self.writer.target.clone(), name: self.path.clone(), why });
        }
        if rows == 0 {
            return Ok(());
        }
        let mut shape = self.shape.clone();
        shape[0] = rows;
        let view = ndarray::ArrayViewD::from_shape(shape, values)
            .map_err(|e| StoreError::write_hdf5(&self.writer.target, &hdf5::Error::from(e)))?;
        let mut region = vec![hdf5::SliceOrIndex::Unlimited { start: 0, step: 1, block: 1 }; self.shape.len()];
        region[0] = (self.next..self.next + rows).into();
        self.dataset
            .write_slice(view, hdf5::Hyperslab::new(region))
            .map_err(|e| StoreError::write_hdf5(&self.writer.target, &e))?;
        hash_values(&mut self.hasher, values);
        self.next += rows;
        Ok(())
    }

    /// Ends the array.
    ///
    /// # Errors
    /// [`StoreError::Shape`] where rows are missing.
    pub fn finish(self) -> Result<(), StoreError> {
        if self.next != self.shape[0] && !self.shape.contains(&0) {
            let why = format!("{} rows written of {}", self.next, self.shape[0]);
            return Err(StoreError::Shape { path: self.writer.target.clone(), name: self.path.clone(), why });
        }
        self.writer.contents.borrow_mut().record(&self.path, T::TYPE, &self.shape, &self.hasher.finalize());
        Ok(())
    }
}
