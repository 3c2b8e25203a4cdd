//! Coefficients of the integrators, exact to the last digit published.

/// Tsit5: C. Tsitouras, "Runge–Kutta pairs of order 5(4) satisfying only the first column simplifying assumption",
/// Computers & Mathematics with Applications 62 (2011) 770–775, table 1.
pub(crate) mod tsit5 {
    /// a₂₁ … a₇₆; the last row is the step's end, whose field is the next step's first stage.
    pub const A: [[f64; 6]; 6] = [
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
    ];

    /// Difference of the two orders' weights (its sign does not matter): the estimate of the error.
    pub const ERROR: [f64; 7] = [
        -0.001_780_011_052_225_777,
        -0.000_816_434_459_656_746_9,
        0.007_880_878_010_261_995,
        -0.144_711_007_173_262_9,
        0.582_357_165_452_555_2,
        -0.458_082_105_929_187,
        1.0 / 66.0,
    ];
}

/// The classical fourth-order method (W. Kutta, Zeitschrift für Mathematik und Physik 46 (1901)).
pub(crate) mod rk4 {
    /// a₂₁ … a₄₃, and the weights as the last row.
    pub const ROWS: [[f64; 6]; 4] = [
        [0.5, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.5, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
        [1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0, 0.0, 0.0],
    ];
}
