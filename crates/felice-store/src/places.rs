//! Where the bytes of a large array lie in its file, so that they can be written past the HDF5 library.

use crate::fletcher;

/// An array whose chunks were all given their places when it was created: one after another, in row order, each with
/// its Fletcher32 checksum behind it. Numbers are little endian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Path of the dataset.
    pub path: String,
    /// Type as numpy spells it.
    pub kind: String,
    /// Bytes of one number.
    pub item: usize,
    /// Shape of the dataset.
    pub shape: Vec<usize>,
    /// Shape of a chunk: 1 in the slowest dimensions, whole in the fastest, so that a chunk is a run of the row order.
    pub chunk: Vec<usize>,
    /// Address of the first chunk.
    pub first: u64,
}

/// A run of numbers that lie together in one chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Address of its first byte.
    pub address: u64,
    /// Index of its first number, in row order.
    pub start: u64,
    /// How many numbers.
    pub count: u64,
}

impl Places {
    /// Numbers in the array.
    pub fn len(&self) -> u64 {
        self.shape.iter().map(|n| *n as u64).product()
    }

    /// True where it holds no number.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of chunks.
    pub fn chunks(&self) -> u64 {
        self.shape.iter().zip(&self.chunk).map(|(n, c)| n.div_ceil(*c) as u64).product()
    }

    /// Bytes of a chunk's data.
    pub fn chunk_bytes(&self) -> usize {
        self.chunk.iter().product::<usize>() * self.item
    }

    /// Bytes of a chunk in the file, checksum included.
    pub fn stored(&self) -> u64 {
        (self.chunk_bytes() + fletcher::LENGTH) as u64
    }

    /// Address of a chunk.
    pub fn address(&self, chunk: u64) -> u64 {
        self.first + chunk * self.stored()
    }

    /// Address behind the last chunk.
    pub fn end(&self) -> u64 {
        self.address(self.chunks())
    }

    /// The runs that `count` numbers from `start` on fall into.
    pub fn runs(&self, start: u64, count: u64) -> impl Iterator<Item = Run> {
        let (outer, split, block) = self.split();
        let per_chunk = split.1 * block;
        let chunks_each = split.0.div_ceil(split.1);
        let end = (start + count).min(outer * split.0 * block);
        let mut at = start;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let (slow, rest) = (at / (split.0 * block), at % (split.0 * block));
            let (nth, inside) = (rest / per_chunk, rest % per_chunk);
            let chunk_end = slow * split.0 * block + ((nth + 1) * per_chunk).min(split.0 * block);
            let count = chunk_end.min(end) - at;
            let address = self.address(slow * chunks_each + nth) + inside * self.item as u64;
            let run = Run { address, start: at, count };
            at += count;
            Some(run)
        })
    }

    /// The array as (product of the dimensions that chunks have 1 of; length and chunk of the dimension that is cut;
    /// product of the whole ones).
    fn split(&self) -> (u64, (u64, u64), u64) {
        let cut = self.shape.iter().zip(&self.chunk).rposition(|(n, c)| n != c).unwrap_or(0);
        let product = |dims: &[usize]| dims.iter().map(|n| *n as u64).product::<u64>();
        let (n, c) = (self.shape.get(cut).copied().unwrap_or(1), self.chunk.get(cut).copied().unwrap_or(1));
        (product(&self.shape[..cut]), (n as u64, c as u64), product(self.shape.get(cut + 1..).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(shape: &[usize], chunk: &[usize]) -> Places {
        let (shape, chunk) = (shape.to_vec(), chunk.to_vec());
        Places { path: "/u".into(), kind: "<f8".into(), item: 8, shape, chunk, first: 1000 }
    }

    #[test]
    fn runs_end_with_their_chunk() {
        // Three columns in chunks of four rows: the last chunk holds two rows and room for two.
        let p = places(&[10, 3], &[4, 3]);
        assert_eq!((p.chunks(), p.stored(), p.end()), (3, 100, 1300));
        let runs: Vec<Run> = p.runs(9, 30).collect();
        let expected = [(1072, 9, 3), (1100, 12, 12), (1200, 24, 6)];
        assert_eq!(runs, expected.map(|(address, start, count)| Run { address, start, count }));
    }

    #[test]
    fn a_cut_in_a_middle_dimension_leaves_room_in_each_slice() {
        let p = places(&[2, 5, 3], &[1, 2, 3]);
        assert_eq!(p.chunks(), 6);
        let runs: Vec<Run> = p.runs(0, 30).collect();
        assert_eq!(runs.iter().map(|r| r.count).collect::<Vec<_>>(), [6, 6, 3, 6, 6, 3]);
        assert_eq!(runs.iter().map(|r| (r.address - 1000) / 52).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn one_chunk_and_scalars() {
        assert_eq!(places(&[4, 4], &[4, 4]).runs(0, 16).count(), 1);
        assert_eq!(places(&[1], &[1]).runs(0, 1).next(), Some(Run { address: 1000, start: 0, count: 1 }));
        assert_eq!(places(&[3], &[3]).runs(3, 1).next(), None);
    }
}
