//! Memory for rows of vectors.

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
