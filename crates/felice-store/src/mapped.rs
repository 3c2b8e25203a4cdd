//! Virtual datasets: arrays whose numbers stay in other files (HDF5 >= 1.10).

use felice_base::Unit;
use hdf5::plist::dataset_create::AttrCreationOrder;
use hdf5::{Hyperslab, Selection, SliceOrIndex};

use crate::error::StoreError;
use crate::group::{Axis, Group};
use crate::number::Number;

/// All numbers of a dataset in another file, shown within a virtual one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file; where it is relative, to the folder of the virtual file.
    pub file: String,
    /// Path of its dataset, whose first dimension are points.
    pub dataset: String,
    /// Number of its points.
    pub points: usize,
}

impl<'f> Group<'f> {
    /// Writes an array over these axes whose numbers are those of `sources`, one after another in row order: the points
    /// of the sources are those of the first `point_axes` axes together, the other axes are whole in every source.
    /// `sha256`: hash of all numbers as little-endian bytes in row order.
    ///
    /// # Errors
    /// [`StoreError::Shape`] where the sources do not fill the array or the name is taken, else [`StoreError::Write`].
    pub fn mapped<T: Number>(
        &self,
        name: &str,
        (unit, long_name): (&Unit, &str),
        (axes, point_axes): (&[&Axis<'f>], usize),
        sources: &[Source],
        sha256: &[u8],
    ) -> Result<(), StoreError> {
        let link = self.link(name)?;
        let shape: Vec<usize> = axes.iter().map(|a| a.len()).collect();
        let (outer, inner) = shape.split_at(point_axes.min(shape.len()));
        let points: usize = sources.iter().map(|s| s.points).sum();
        if points != outer.iter().product::<usize>() || points == 0 {
            return Err(self.shape_error(name, format!("{points} points of sources for the shape {shape:?}")));
        }
        let builder = self.group.new_dataset_builder().with_dcpl(|p| {
            p.attr_creation_order(AttrCreationOrder::Indexed);
            let mut begin = 0;
            for source in sources {
                let extents: Vec<usize> = [source.points].iter().chain(inner).copied().collect();
                let mut from = 0;
                for region in boxes(outer, begin, begin + source.points) {
                    let count: usize = region.iter().map(|r| r.end - r.start).product();
                    let here = select(std::iter::once(from..from + count), inner);
                    let there = select(region.into_iter(), inner);
                    p.virtual_map(&source.file, &source.dataset, extents.clone(), here, shape.clone(), there);
                    from += count;
                }
                begin += source.points;
            }
            p
        });
        let dataset = builder.empty::<T>().shape(shape.clone()).create(&*link).map_err(|e| self.failed(&e))?;
        self.describe(&dataset, name, unit, long_name)?;
        self.attach(&dataset, axes)?;
        let path = format!("{}/{link}", self.path);
        self.writer.contents.borrow_mut().record(&path, T::TYPE, &shape, sha256);
        Ok(())
    }
}

/// These ranges, and all of the inner dimensions.
fn select(ranges: impl Iterator<Item = std::ops::Range<usize>>, inner: &[usize]) -> Selection {
    let whole = inner.iter().map(|n| SliceOrIndex::from(0..*n));
    Selection::from(Hyperslab::new(ranges.map(SliceOrIndex::from).chain(whole).collect::<Vec<_>>()))
}

/// The numbers `begin .. end` of an array in row order, as the fewest boxes that follow one another in that order.
fn boxes(shape: &[usize], begin: usize, end: usize) -> Vec<Vec<std::ops::Range<usize>>> {
    if begin >= end {
        return Vec::new();
    }
    let Some((_, inner)) = shape.split_first() else { return vec![Vec::new()] };
    let row: usize = inner.iter().product();
    if row == 0 {
        return Vec::new();
    }
    let (first, skip) = (begin / row, begin % row);
    let (last, rest) = (end / row, end % row);
    let within = |at: usize, from: usize, to: usize| {
        boxes(inner, from, to).into_iter().map(move |b| std::iter::once(at..at + 1).chain(b).collect())
    };
    if first == last {
        return within(first, skip, rest).collect();
    }
    let mut all = Vec::new();
    let whole = first + usize::from(skip > 0);
    if skip > 0 {
        all.extend(within(first, skip, row));
    }
    if whole < last {
        all.push(std::iter::once(whole..last).chain(inner.iter().map(|n| 0..*n)).collect());
    }
    all.extend(within(last, 0, rest));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_cover_a_run_once_and_in_order() {
        for shape in [vec![24], vec![4, 6], vec![2, 3, 4], vec![1, 24], vec![24, 1], vec![2, 1, 3, 4]] {
            for begin in 0..24 {
                for end in begin..=24 {
                    let mut seen = Vec::new();
                    for b in boxes(&shape, begin, end) {
                        assert_eq!(b.len(), shape.len());
                        let mut at = vec![0];
                        for (range, n) in b.iter().zip(&shape) {
                            at = at.iter().flat_map(|i| range.clone().map(move |j| i * n + j)).collect();
                        }
                        seen.extend(at);
                    }
                    assert_eq!(seen, (begin..end).collect::<Vec<_>>(), "{shape:?} {begin}..{end}");
                }
            }
        }
        assert_eq!(boxes(&[4, 6], 0, 24).len(), 1);
    }
}
