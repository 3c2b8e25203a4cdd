//! Reserving the places of large arrays in a file that is being written.

use std::fs::File;

use felice_base::Unit;
use hdf5::Dataset;
use hdf5::dataset::ChunkInfo;
use hdf5::plist::dataset_create::{AllocTime, AttrCreationOrder, FillTime};

use crate::error::StoreError;
use crate::group::{Axis, Group};
use crate::layout::{Layout, layout};
use crate::number::Number;
use crate::places::Places;

/// The library writes a chunk when it gives a checksummed chunk its place; what it wrote is dropped again after so many
/// bytes, before the disk sees it and while the memory is still in the processor's caches.
const STEP: u64 = 8 << 20;
/// In so many steps at most: after each the library looks for the last chunk, which takes it the longer the more there are.
const STEPS: u64 = 100;

impl<'f> Group<'f> {
    /// Reserves the places of an array over these axes, to be written through a [`Draft`](crate::Draft).
    ///
    /// # Errors
    /// [`StoreError::Shape`] where the name is taken, an axis is empty or there is none, else [`StoreError::Write`].
    pub fn reserve<T: Number>(
        &self,
        name: &str,
        unit: &Unit,
        long_name: &str,
        axes: &[&Axis<'f>],
    ) -> Result<Places, StoreError> {
        let shape: Vec<usize> = axes.iter().map(|a| a.len()).collect();
        let (dataset, places) = self.reserve_places::<T>(name, unit, long_name, &shape)?;
        self.attach(&dataset, axes)?;
        Ok(places)
    }

    /// Reserves the places of an axis of `len` points.
    ///
    /// # Errors
    /// As [`Group::reserve`].
    pub fn reserve_axis<T: Number>(
        &self,
        name: &str,
        unit: &Unit,
        long_name: &str,
        len: usize,
    ) -> Result<(Axis<'f>, Places), StoreError> {
        let (dataset, places) = self.reserve_places::<T>(name, unit, long_name, &[len])?;
        Ok((self.make_axis(dataset, name, len)?, places))
    }

    fn reserve_places<T: Number>(
        &self,
        name: &str,
        unit: &Unit,
        long_name: &str,
        shape: &[usize],
    ) -> Result<(Dataset, Places), StoreError> {
        let link = self.link(name)?;
        if shape.is_empty() || shape.contains(&0) {
            return Err(self.shape_error(name, format!("places cannot be reserved for the shape {shape:?}")));
        }
        let chunk = match layout(shape, size_of::<T>()) {
            Layout::Compact => shape.to_vec(),
            Layout::Chunked(chunk) => chunk,
        };
        let path = format!("{}/{link}", self.path);
        let (kind, item) = (T::TYPE.to_owned(), size_of::<T>());
        let mut places = Places { path, kind, item, shape: shape.to_vec(), chunk, first: 0 };
        let dataset = self.create_reserved::<T>(&link, &mut places).map_err(|e| self.failed(&e))?;
        self.describe(&dataset, name, unit, long_name)?;
        self.writer.contents.borrow_mut().begin(&places.path);
        Ok((dataset, places))
    }

    /// The array grows along its first dimension, step by step.
    fn create_reserved<T: Number>(&self, link: &str, places: &mut Places) -> Result<Dataset, hdf5::Error> {
        let (shape, chunk) = (places.shape.clone(), places.chunk.clone());
        let slice = places.stored() * (places.chunks() / shape[0].div_ceil(chunk[0]) as u64);
        let thickness = chunk[0];
        let step = STEP.max((places.end() - places.first) / STEPS);
        let rows = |steps: usize| (steps * thickness * ((step / slice).max(1) as usize)).min(shape[0]);
        let extents: Vec<hdf5::Extent> = (0..shape.len())
            .map(|d| hdf5::Extent::new(if d == 0 { rows(1) } else { shape[d] }, Some(shape[d])))
            .collect();
        let dataset = self
            .group
            .new_dataset_builder()
            .with_dcpl(|p| {
                p.attr_creation_order(AttrCreationOrder::Indexed)
                    .alloc_time(Some(AllocTime::Early))
                    .fill_time(FillTime::Never)
                    .fletcher32()
            })
            .empty::<T>()
            .shape(extents)
            .chunk(chunk)
            .create(link)?;
        places.first = chunk_info(&dataset, 0)?.addr;
        let mut steps = 1;
        loop {
            // Places only ever follow one another; if the last of n chunks lies n - 1 chunks behind the first, there is
            // nothing else between them.
            let chunks = dataset.num_chunks().unwrap_or(0);
            let last = chunk_info(&dataset, chunks.saturating_sub(1))?;
            if last.addr != places.address(chunks as u64 - 1) || last.size != places.stored() {
                return Err("the library scattered an array's chunks".into());
            }
            if let Some(file) = self.writer.partial_file() {
                punch(file, places.first, chunks as u64 * places.stored());
            }
            if rows(steps) == shape[0] {
                return Ok(dataset);
            }
            steps += 1;
            let mut larger = shape.clone();
            larger[0] = rows(steps);
            dataset.resize(larger)?;
        }
    }
}

fn chunk_info(dataset: &Dataset, index: usize) -> Result<ChunkInfo, hdf5::Error> {
    dataset.chunk_info(index).ok_or_else(|| "the library gives no chunk addresses (HDF5 >= 1.10.5 does)".into())
}

/// Turns a range of zeros into a hole. Where the file system cannot, the zeros stay.
#[cfg(target_os = "linux")]
fn punch(file: &File, from: u64, length: u64) {
    use rustix::fs::{FallocateFlags, fallocate};
    let _ = fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, from, length);
}

#[cfg(not(target_os = "linux"))]
fn punch(_: &File, _: u64, _: u64) {}
