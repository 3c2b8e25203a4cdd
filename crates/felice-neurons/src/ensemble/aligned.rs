//! Memory for rows of vectors.

use std::ops::{Index, IndexMut};

use crate::real::Lane;

/// Numbers whose first is at the start of a cache line.
pub struct Aligned<L>(Vec<L>, usize, usize);

impl<L: Lane> Aligned<L> {
    pub fn new(len: usize) -> Self {
        let memory = vec![L::num(0.0); len + 16];
        let offset = memory.as_ptr().align_offset(64).min(16);
        Aligned(memory, offset, len)
    }

    pub fn get(&self) -> &[L] {
        &self.0[self.1..self.1 + self.2]
    }

    pub fn rows(&mut self) -> &mut [L] {
        &mut self.0[self.1..self.1 + self.2]
    }
}

impl<L: Lane> Index<usize> for Aligned<L> {
    type Output = L;
    fn index(&self, i: usize) -> &L {
        &self.get()[i]
    }
}

impl<L: Lane> IndexMut<usize> for Aligned<L> {
    fn index_mut(&mut self, i: usize) -> &mut L {
        &mut self.rows()[i]
    }
}
