//! The fixed sparsity pattern that mass matrix, Jacobian and iteration matrix share.

/// Positions of the entries that can be non-zero, row by row; a matrix is a slice of values in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pattern {
    /// Order of the matrix.
    pub n: usize,
    /// `row_start[i]..row_start[i + 1]` are the entries of row i.
    pub row_start: Vec<usize>,
    /// Column of each entry, ascending within a row.
    pub column: Vec<usize>,
}

impl Pattern {
    /// The pattern holding the given positions and the whole diagonal.
    pub fn new(n: usize, positions: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut rows: Vec<Vec<usize>> = (0..n).map(|i| vec![i]).collect();
        for (i, j) in positions {
            rows[i].push(j);
        }
        let mut row_start = vec![0];
        let mut column = Vec::new();
        for row in &mut rows {
            row.sort_unstable();
            row.dedup();
            column.extend_from_slice(row);
            row_start.push(column.len());
        }
        Pattern { n, row_start, column }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.column.len()
    }

    /// Index of entry (i, j), where the pattern holds it.
    pub fn position(&self, i: usize, j: usize) -> Option<usize> {
        let (start, end) = (self.row_start[i], self.row_start[i + 1]);
        self.column[start..end].binary_search(&j).ok().map(|k| start + k)
    }

    /// Entry indices of row i.
    pub fn row(&self, i: usize) -> std::ops::Range<usize> {
        self.row_start[i]..self.row_start[i + 1]
    }

    /// `out += matrix · x`.
    pub fn multiply_add(&self, values: &[f64], x: &[f64], out: &mut [f64]) {
        for i in 0..self.n {
            let mut sum = 0.0;
            for k in self.row(i) {
                sum += values[k] * x[self.column[k]];
            }
            out[i] += sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_sorted_unique_and_hold_the_diagonal() {
        let p = Pattern::new(3, [(0, 2), (2, 0), (0, 2)]);
        assert_eq!(p.len(), 5);
        assert_eq!(p.position(0, 2), Some(1));
        assert_eq!(p.position(1, 1), Some(2));
        assert_eq!(p.position(1, 0), None);
        let mut out = vec![0.0; 3];
        p.multiply_add(&[1.0, 2.0, 3.0, 4.0, 5.0], &[1.0, 1.0, 1.0], &mut out);
        assert_eq!(out, [3.0, 3.0, 9.0]);
    }
}
