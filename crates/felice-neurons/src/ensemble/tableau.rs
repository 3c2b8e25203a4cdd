//! Coefficients of the integrators, exact to the last digit published.

/// An explicit Runge–Kutta method whose last row is the step's end, where the next step's first stage is evaluated.
#[derive(Debug)]
pub struct Tableau {
    /// a₂₁ …, the weights last.
    pub rows: &'static [[f64; 6]],
    /// Where each row's stage is, as a share of the step.
    pub c: &'static [f64],
    /// Difference of the two orders' weights (its sign does not matter): the estimate of the error.
    pub error: [f64; 7],
    /// The continuous extension, one stage a row: coefficients of θ, θ², θ³, θ⁴. Without one it is Hermite's cubic.
    pub dense: Option<&'static [[f64; 4]; 7]>,
}

/// Tsit5: C. Tsitouras, "Runge–Kutta pairs of order 5(4) satisfying only the first column simplifying assumption",
/// Computers & Mathematics with Applications 62 (2011) 770–775, table 1 and the interpolant of section 4.
pub(crate) static TSIT5: Tableau = Tableau {
    rows: &[
        [0.161, 0.0, 0.0, 0.0, 0.0, 0.0],
        [-0.008_480_655_492_356_989, 0.335_480_655_492_357, 0.0, 0.0, 0.0, 0.0],
        [2.897_153_057_105_493_5, -6.359_448_489_975_075, 4.362_295_432_869_581_5, 0.0, 0.0, 0.0],
        [5.325_864_828_439_257, -11.748_883_564_062_828, 7.495_539_342_889_836_5, -0.092_495_066_361_755_25, 0.0, 0.0],
        [
            5.861_455_442_946_42,
            -12.920_969_317_847_11,
            8.159_367_898_576_159,
            -0.071_584_973_281_401,
            -0.028_269_050_394_068_383,
            0.0,
        ],
        [
            0.096_460_766_818_065_23,
            0.01,
            0.479_889_650_414_499_6,
            1.379_008_574_103_742,
            -3.290_069_515_436_081,
            2.324_710_524_099_774,
        ],
    ],
    c: &[0.161, 0.327, 0.9, 0.980_025_540_904_509_7, 1.0, 1.0],
    error: [
        -0.001_780_011_052_225_777,
        -0.000_816_434_459_656_746_9,
        0.007_880_878_010_261_995,
        -0.144_711_007_173_262_9,
        0.582_357_165_452_555_2,
        -0.458_082_105_929_187,
        1.0 / 66.0,
    ],
    dense: Some(&[
        [1.0, -2.763_706_197_274_826, 2.913_255_461_821_912_6, -1.053_088_497_729_021_6],
        [0.0, 0.131_7, -0.223_4, 0.101_7],
        [0.0, 3.930_296_236_894_751_6, -5.941_033_872_131_505, 2.490_627_285_651_253],
        [0.0, -12.411_077_166_933_676, 30.338_188_630_282_32, -16.548_102_889_244_902],
        [0.0, 37.509_313_416_511_04, -88.178_904_894_766_4, 47.379_521_962_819_28],
        [0.0, -27.896_526_289_197_286, 65.091_894_674_793_66, -34.870_657_861_496_61],
        [0.0, 1.5, -4.0, 2.5],
    ]),
};

/// The classical fourth-order method (W. Kutta, Zeitschrift für Mathematik und Physik 46 (1901)).
pub(crate) static RK4: Tableau = Tableau {
    rows: &[
        [0.5, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.5, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
        [1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0, 0.0, 0.0],
    ],
    c: &[0.5, 0.5, 1.0, 1.0],
    error: [0.0; 7],
    dense: None,
};

/// Euler's method.
pub(crate) static EULER: Tableau =
    Tableau { rows: &[[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]], c: &[1.0], error: [0.0; 7], dense: None };

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows sum to their stage's place; the continuous extension ends in the weights and has order 4.
    #[test]
    fn order_conditions() {
        for t in [&TSIT5, &RK4, &EULER] {
            for (row, c) in t.rows.iter().zip(t.c) {
                assert!((row.iter().sum::<f64>() - c).abs() < 1e-14);
            }
            assert!(t.error.iter().sum::<f64>().abs() < 1e-15);
        }
        let (dense, weights) = (TSIT5.dense.unwrap(), TSIT5.rows[5]);
        for (j, b) in dense.iter().enumerate() {
            assert!((b.iter().sum::<f64>() - weights.get(j).unwrap_or(&0.0)).abs() < 1e-13, "stage {j}");
        }
        let c = |j: usize| if j == 0 { 0.0 } else { TSIT5.c[j - 1] };
        for theta in [0.2_f64, 0.7, 1.0] {
            let b = |j: usize| (0..4).map(|q| dense[j][q] * theta.powi(q as i32 + 1)).sum::<f64>();
            for p in 0..4 {
                let moment: f64 = (0..7).map(|j| b(j) * c(j).powi(p)).sum();
                assert!((moment - theta.powi(p + 1) / f64::from(p + 1)).abs() < 1e-13, "order {p} at {theta}");
            }
        }
    }
}
