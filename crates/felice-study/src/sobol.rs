//! Sobol' points in any order (Sobol' 1967, with the direction numbers of Joe & Kuo 2008, `new-joe-kuo-6.21201`).

/// Most quantities that one Sobol' axis can draw.
pub const DIMENSIONS: usize = 21;
const BITS: usize = 52;

/// Degree s, coefficients a, and m₁ … mₛ of the primitive polynomial of each dimension after the first.
const TABLE: [(u32, u64, [u64; 7]); DIMENSIONS - 1] = [
    (1, 0, [1, 0, 0, 0, 0, 0, 0]),
    (2, 1, [1, 3, 0, 0, 0, 0, 0]),
    (3, 1, [1, 3, 1, 0, 0, 0, 0]),
    (3, 2, [1, 1, 1, 0, 0, 0, 0]),
    (4, 1, [1, 1, 3, 3, 0, 0, 0]),
    (4, 4, [1, 3, 5, 13, 0, 0, 0]),
    (5, 2, [1, 1, 5, 5, 17, 0, 0]),
    (5, 4, [1, 1, 5, 5, 5, 0, 0]),
    (5, 7, [1, 1, 7, 11, 19, 0, 0]),
    (5, 11, [1, 1, 5, 1, 1, 0, 0]),
    (5, 13, [1, 1, 1, 3, 11, 0, 0]),
    (5, 14, [1, 3, 5, 5, 31, 0, 0]),
    (6, 1, [1, 3, 3, 9, 7, 49, 0]),
    (6, 13, [1, 1, 1, 15, 21, 21, 0]),
    (6, 16, [1, 3, 1, 13, 27, 49, 0]),
    (6, 19, [1, 1, 1, 15, 7, 5, 0]),
    (6, 22, [1, 3, 1, 15, 13, 25, 0]),
    (6, 25, [1, 1, 5, 5, 19, 61, 0]),
    (7, 1, [1, 3, 7, 11, 23, 15, 103]),
    (7, 4, [1, 3, 7, 13, 13, 15, 69]),
];

/// The direction numbers of one dimension, as 64-bit fractions.
#[derive(Clone, Debug, PartialEq)]
pub struct Direction([u64; BITS]);

impl Direction {
    /// Of dimension `d`, from 0; none from [`DIMENSIONS`] on.
    pub fn new(d: usize) -> Option<Self> {
        let mut v = [0_u64; BITS];
        if d == 0 {
            (0..BITS).for_each(|i| v[i] = 1 << (63 - i));
            return Some(Direction(v));
        }
        let (s, a, m) = TABLE.get(d - 1)?;
        let s = *s as usize;
        for i in 0..BITS {
            v[i] = if i < s {
                m[i] << (63 - i)
            } else {
                let polynomial = (1..s).filter(|k| a >> (s - 1 - k) & 1 == 1).fold(0, |sum, k| sum ^ v[i - k]);
                v[i - s] ^ v[i - s] >> s ^ polynomial
            };
        }
        Some(Direction(v))
    }

    /// Coordinate of point `i` as a 64-bit fraction. In Gray code order, as the usual generators give them.
    pub fn at(&self, i: u64) -> u64 {
        let gray = i ^ i >> 1;
        (0..BITS).filter(|k| gray >> k & 1 == 1).fold(0, |sum, k| sum ^ self.0[k])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_points_are_those_of_the_book() {
        let unit = |x: u64| x as f64 / 2_f64.powi(64);
        let two = [Direction::new(0).unwrap(), Direction::new(1).unwrap()];
        let points: Vec<[f64; 2]> = (0..4).map(|i| [unit(two[0].at(i)), unit(two[1].at(i))]).collect();
        assert_eq!(points, [[0.0, 0.0], [0.5, 0.5], [0.75, 0.25], [0.25, 0.75]]);
        assert!(Direction::new(DIMENSIONS).is_none());
    }

    #[test]
    fn every_dyadic_interval_holds_one_point() {
        for d in 0..DIMENSIONS {
            let v = Direction::new(d).unwrap();
            let mut seen = [false; 256];
            (0..256).for_each(|i| seen[(v.at(i) >> 56) as usize] = true);
            assert!(seen.iter().all(|s| *s), "dimension {d}");
        }
    }
}
