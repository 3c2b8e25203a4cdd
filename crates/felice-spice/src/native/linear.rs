//! Linear solves: dense LU for small circuits, sparse LU with one symbolic analysis for large ones.

use super::pattern::Pattern;
use super::sparse_lu::SparseLu;

/// From this order on the sparse factorization is the faster one (measured in `benches/engines.rs`).
pub const SPARSE_FROM: usize = 4;

/// The matrix has no inverse: the unknown whose column gave no pivot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Singular {
    /// Index of the unknown.
    pub unknown: usize,
}

/// A factorization of one matrix after the other, all of one [`Pattern`]; no allocation after the first.
#[derive(Clone, Debug)]
pub enum Lu {
    /// Dense, partial pivoting.
    Dense(DenseLu),
    /// Sparse, pivots chosen once and checked at each factorization.
    Sparse(Box<SparseLu>),
}

impl Lu {
    /// The solver that suits the order of the matrix.
    pub fn new(pattern: &Pattern) -> Self {
        if pattern.n < SPARSE_FROM {
            Lu::Dense(DenseLu::new(pattern))
        } else {
            Lu::Sparse(Box::new(SparseLu::new(pattern)))
        }
    }

    /// Factors the matrix with these values.
    ///
    /// # Errors
    /// [`Singular`] names the unknown without a pivot.
    pub fn factor(&mut self, values: &[f64]) -> Result<(), Singular> {
        match self {
            Lu::Dense(lu) => lu.factor(values),
            Lu::Sparse(lu) => lu.factor(values),
        }
    }

    /// Solves in place with the last factorization.
    pub fn solve(&mut self, b: &mut [f64]) {
        match self {
            Lu::Dense(lu) => lu.solve(b),
            Lu::Sparse(lu) => lu.solve(b),
        }
    }
}

/// Dense LU with partial pivoting, rows scaled by their largest entry for the choice of the pivot.
#[derive(Clone, Debug)]
pub struct DenseLu {
    n: usize,
    /// Where each pattern entry lies in `a`.
    place: Vec<usize>,
    a: Vec<f64>,
    /// Row of the original matrix that stands at each place.
    order: Vec<usize>,
    scale: Vec<f64>,
    work: Vec<f64>,
}

impl DenseLu {
    /// A solver for matrices of this pattern.
    pub fn new(pattern: &Pattern) -> Self {
        let n = pattern.n;
        let place = (0..n).flat_map(|i| pattern.row(i).map(move |k| (i, k))).map(|(i, k)| i * n + pattern.column[k]);
        DenseLu {
            n,
            place: place.collect(),
            a: vec![0.0; n * n],
            order: vec![0; n],
            scale: vec![0.0; n],
            work: vec![0.0; n],
        }
    }

    fn factor(&mut self, values: &[f64]) -> Result<(), Singular> {
        let n = self.n;
        self.a.fill(0.0);
        for (&p, &v) in self.place.iter().zip(values) {
            self.a[p] = v;
        }
        for (i, row) in self.a.chunks_exact(n.max(1)).enumerate() {
            let largest = row.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            self.scale[i] = if largest > 0.0 { 1.0 / largest } else { 0.0 };
            self.order[i] = i;
        }
        for k in 0..n {
            self.bring_pivot_up(k)?;
            let (top, below) = self.a.split_at_mut((k + 1) * n);
            let pivot_row = &top[k * n..];
            let inverse = 1.0 / pivot_row[k];
            for row in below.chunks_exact_mut(n) {
                if row[k] != 0.0 {
                    let l = row[k] * inverse;
                    row[k] = l;
                    for (r, p) in row[k + 1..].iter_mut().zip(&pivot_row[k + 1..]) {
                        *r -= l * p;
                    }
                }
            }
        }
        for k in 0..n {
            self.a[k * n + k] = 1.0 / self.a[k * n + k];
        }
        Ok(())
    }

    fn bring_pivot_up(&mut self, k: usize) -> Result<(), Singular> {
        let n = self.n;
        let (mut best, mut at) = (0.0, k);
        for i in k..n {
            let size = self.a[i * n + k].abs() * self.scale[i];
            if size > best {
                (best, at) = (size, i);
            }
        }
        // NaN compares false above, so a matrix that is not finite ends here too; 1e-15 of a row is its rounding error.
        if best.is_nan() || best < 1e-15 || !best.is_finite() {
            return Err(Singular { unknown: k });
        }
        if at != k {
            for j in 0..n {
                self.a.swap(k * n + j, at * n + j);
            }
            self.order.swap(k, at);
            self.scale.swap(k, at);
        }
        Ok(())
    }

    fn solve(&mut self, b: &mut [f64]) {
        let n = self.n;
        for (w, &i) in self.work.iter_mut().zip(&self.order) {
            *w = b[i];
        }
        let x = &mut self.work[..n];
        for i in 1..n {
            let row = &self.a[i * n..i * n + i];
            let sum: f64 = row.iter().zip(&x[..i]).map(|(a, b)| a * b).sum();
            x[i] -= sum;
        }
        for i in (0..n).rev() {
            let row = &self.a[i * n + i + 1..(i + 1) * n];
            let sum: f64 = row.iter().zip(&x[i + 1..]).map(|(a, b)| a * b).sum();
            x[i] = (x[i] - sum) * self.a[i * n + i];
        }
        b[..n].copy_from_slice(x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reproducible sparse test matrix with a zero on the diagonal here and there.
    pub(crate) fn test_matrix(n: usize, seed: u64) -> (Pattern, Vec<f64>) {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as f64 / (1u64 << 31) as f64 - 0.5
        };
        let mut positions = Vec::new();
        for i in 0..n {
            for _ in 0..3 {
                positions.push((i, ((next() + 0.5) * n as f64) as usize % n));
            }
            positions.push((i, (i + 1) % n));
        }
        let pattern = Pattern::new(n, positions);
        let mut values: Vec<f64> = (0..pattern.len()).map(|_| next() * 10f64.powf(6.0 * next())).collect();
        for i in (0..n).step_by(3) {
            values[pattern.position(i, i).unwrap()] = 0.0;
        }
        (pattern, values)
    }

    #[test]
    fn both_factorizations_solve_what_they_were_given() {
        for n in [1, 2, 5, 13, 40, 120] {
            let (pattern, values) = test_matrix(n, 7 + n as u64);
            let x: Vec<f64> = (0..n).map(|i| 1.0 + i as f64).collect();
            let mut b = vec![0.0; n];
            pattern.multiply_add(&values, &x, &mut b);
            for mut lu in [Lu::Dense(DenseLu::new(&pattern)), Lu::Sparse(Box::new(SparseLu::new(&pattern)))] {
                if n == 1 {
                    continue;
                }
                lu.factor(&values).unwrap();
                let mut y = b.clone();
                lu.solve(&mut y);
                let mut residual = b.clone();
                let mut back = vec![0.0; n];
                pattern.multiply_add(&values, &y, &mut back);
                for i in 0..n {
                    residual[i] -= back[i];
                    let scale: f64 = pattern.row(i).map(|k| (values[k] * y[pattern.column[k]]).abs()).sum();
                    assert!(residual[i].abs() <= 1e-9 * scale, "n {n} row {i}: {} of {scale}", residual[i]);
                }
            }
        }
    }

    #[test]
    fn a_singular_matrix_names_its_unknown() {
        let pattern = Pattern::new(3, [(0, 1), (1, 0)]);
        // Unknown 2 stands in no equation.
        let values = [1.0, 2.0, 3.0, 4.0, 0.0];
        assert_eq!(DenseLu::new(&pattern).factor(&values), Err(Singular { unknown: 2 }));
        assert_eq!(SparseLu::new(&pattern).factor(&values), Err(Singular { unknown: 2 }));
        let nan = [1.0, f64::NAN, 3.0, 4.0, 1.0];
        assert!(DenseLu::new(&pattern).factor(&nan).is_err());
        assert!(SparseLu::new(&pattern).factor(&nan).is_err());
    }
}
