//! Small dense matrices: linear systems and eigenvalues.

use nalgebra::DMatrix;
use nalgebra::linalg::Schur;

/// An eigenvalue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Eigenvalue {
    /// Real part: rate of growth.
    pub re: f64,
    /// Imaginary part: angular frequency.
    pub im: f64,
}

/// Solves `m x = b` in place (row by row, partial pivoting); false where `m` is singular or not finite.
pub(crate) fn eliminate(m: &mut [f64], b: &mut [f64]) -> bool {
    let n = b.len();
    for k in 0..n {
        let pivot = (k..n).max_by(|&i, &j| m[i * n + k].abs().total_cmp(&m[j * n + k].abs())).unwrap_or(k);
        if m[pivot * n + k] == 0.0 || !m[pivot * n + k].is_finite() {
            return false;
        }
        if pivot != k {
            (0..n).for_each(|c| m.swap(k * n + c, pivot * n + c));
            b.swap(k, pivot);
        }
        for row in k + 1..n {
            let factor = m[row * n + k] / m[k * n + k];
            (k..n).for_each(|c| m[row * n + c] -= factor * m[k * n + c]);
            b[row] -= factor * b[k];
        }
    }
    for k in (0..n).rev() {
        let known: f64 = (k + 1..n).map(|c| m[k * n + c] * b[c]).sum();
        b[k] = (b[k] - known) / m[k * n + k];
    }
    true
}

pub(crate) fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// Iterations of the QR algorithm; thirty for each eigenvalue are many.
const ITERATIONS: usize = 1000;

/// Eigenvalues of a matrix, largest real part first. NaN where they cannot be had (a matrix that is not finite).
pub(crate) fn eigenvalues(m: &DMatrix<f64>) -> Vec<Eigenvalue> {
    let n = m.nrows();
    let real = |re| Eigenvalue { re, im: 0.0 };
    if !m.iter().all(|x| x.is_finite()) {
        return vec![real(f64::NAN); n];
    }
    let mut all = match n {
        1 => vec![real(m[(0, 0)])],
        2 => {
            // Mean and half the difference of the diagonal; the discriminant without cancellation of their squares.
            let (mean, half) = (0.5 * m[(0, 0)] + 0.5 * m[(1, 1)], 0.5 * m[(0, 0)] - 0.5 * m[(1, 1)]);
            let discriminant = half * half + m[(0, 1)] * m[(1, 0)];
            let root = discriminant.abs().sqrt();
            if discriminant < 0.0 {
                vec![Eigenvalue { re: mean, im: root }, Eigenvalue { re: mean, im: -root }]
            } else {
                vec![real(mean + root), real(mean - root)]
            }
        }
        // The library's own `complex_eigenvalues` may iterate for ever.
        _ => match Schur::try_new(m.clone(), f64::EPSILON, ITERATIONS) {
            Some(schur) => schur.complex_eigenvalues().iter().map(|l| Eigenvalue { re: l.re, im: l.im }).collect(),
            None => vec![real(f64::NAN); n],
        },
    };
    all.sort_by(|a, b| b.re.total_cmp(&a.re).then(b.im.total_cmp(&a.im)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvalues_of_known_matrices() {
        let of = |n, rows: &[f64]| {
            eigenvalues(&DMatrix::from_row_slice(n, n, rows)).into_iter().map(|l| (l.re, l.im)).collect::<Vec<_>>()
        };
        assert_eq!(of(2, &[-1.0, 4.0, -4.0, -1.0]), [(-1.0, 4.0), (-1.0, -4.0)]);
        assert_eq!(of(2, &[1.0, 2.0, 2.0, 1.0]), [(3.0, 0.0), (-1.0, 0.0)]);
        let three = of(3, &[2.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0]);
        assert!(
            (three[0].0 - 2.0).abs() < 1e-12 && (three[1].1 - 1.0).abs() < 1e-12 && three[2].0.abs() < 1e-12,
            "{three:?}"
        );
        assert!(of(3, &[f64::NAN; 9])[0].0.is_nan());
    }
}
