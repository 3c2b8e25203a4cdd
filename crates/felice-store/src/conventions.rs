//! What the conventions of climate and forecast metadata (CF 1.11) and netCDF-4 ask for beyond units and scales.

use sha2::{Digest, Sha256};

use crate::attribute::{AttributeValue, write_attribute};
use crate::digest::hash_values;
use crate::error::StoreError;
use crate::group::{Axis, Group};
use crate::number::Number;
use crate::scales;

impl<'f> Group<'f> {
    /// A group that this group already holds.
    ///
    /// # Errors
    /// [`StoreError::Shape`] where it does not.
    pub fn existing_group(&self, name: &str) -> Result<Group<'f>, StoreError> {
        let group = self.group.group(name).map_err(|_| self.shape_error(name, "there is no such group".into()))?;
        Ok(Group { writer: self.writer, group, path: format!("{}/{name}", self.path) })
    }

    /// Writes an attribute of a dataset of this group.
    ///
    /// # Errors
    /// [`StoreError::Shape`] where there is no such dataset, else [`StoreError::Write`].
    pub fn annotate(&self, dataset: &str, name: &str, value: impl Into<AttributeValue>) -> Result<(), StoreError> {
        let data = self.existing(dataset)?;
        write_attribute(&data, name, &value.into()).map_err(|e| self.failed(&e))
    }

    /// Says what the values 0, 1, 2 .. of a dataset of flags mean (CF 3.5): names without spaces, joined by spaces.
    ///
    /// # Errors
    /// As [`Group::annotate`].
    pub fn flags(&self, dataset: &str, meanings: &str) -> Result<(), StoreError> {
        let data = self.existing(dataset)?;
        let values: Vec<u8> = (0..).take(meanings.split(' ').count()).collect();
        let write = || data.new_attr::<u8>().shape(values.len()).create("flag_values")?.write_raw(&values);
        write().map_err(|e| self.failed(&e))?;
        self.annotate(dataset, "flag_meanings", meanings)
    }

    /// An axis that is a length and no more: what netCDF-4 calls a dimension without a variable. Takes no space.
    ///
    /// # Errors
    /// [`StoreError::Shape`] where the name is taken or empty, else [`StoreError::Write`].
    pub fn bare_axis(&self, name: &str, len: usize) -> Result<Axis<'f>, StoreError> {
        let link = self.link(name)?;
        let created = self.group.new_dataset_builder().empty::<u8>().shape([len]).create(&*link);
        let dataset = created.map_err(|e| self.failed(&e))?;
        // The netCDF library knows such a scale by this name (netCDF-4 format specification, "Dimensions without variables").
        let mark = format!("This is a netCDF dimension but not a netCDF variable. {len:>10}");
        scales::set_scale(&dataset, &mark).map_err(|e| self.failed(&e))?;
        let mut hasher = Sha256::new();
        for start in (0..len).step_by(1 << 20) {
            hash_values(&mut hasher, &vec![0_u8; (len - start).min(1 << 20)]);
        }
        let path = format!("{}/{link}", self.path);
        self.writer.contents.borrow_mut().record(&path, u8::TYPE, &[len], &hasher.finalize());
        Ok(Axis { dataset, name: link.into_owned(), len, writer: self.writer })
    }

    fn existing(&self, dataset: &str) -> Result<hdf5::Dataset, StoreError> {
        self.group.dataset(dataset).map_err(|_| self.shape_error(dataset, "there is no such dataset".into()))
    }
}
