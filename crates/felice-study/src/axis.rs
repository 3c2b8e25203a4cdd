//! What varies: axes, each a list of points, whose product are the study's points.

use std::fmt;

use crate::quantity::Quantity;
use crate::random::{self, Key, normal_cdf, normal_quantile, open_unit};
use crate::sobol::Direction;

/// One dimension of a study.
#[derive(Clone, Debug)]
pub struct Axis {
    /// The dimension's name in the file.
    pub name: String,
    /// Number of its points.
    pub len: u64,
    /// What its points are.
    pub points: Points,
}

/// The points of an axis.
#[derive(Clone, Debug)]
pub enum Points {
    /// One quantity takes each of these values.
    Values(Quantity, Ladder),
    /// Quantities drawn together.
    Drawn(Draw, Vec<Variable>),
    /// Named cases, each setting several quantities: `values[case][quantity]`, NaN where a case leaves one alone.
    Cases(Vec<Quantity>, Vec<Case>),
    /// Copies of a circuit whose devices differ by mismatch; the point's index is the copy's number.
    Copies,
}

/// Values of one quantity.
#[derive(Clone, Debug, PartialEq)]
pub enum Ladder {
    /// These.
    List(Vec<f64>),
    /// Equally spaced, both ends included.
    Linear(f64, f64, u64),
    /// Equally spaced logarithms, both ends included.
    Logarithmic(f64, f64, u64),
}

/// A named case.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// A value for each quantity of the axis; NaN leaves it alone.
    pub values: Vec<f64>,
}

/// How points are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// Independently.
    Random,
    /// One point in each of n equal slices of every quantity (McKay, Beckman & Conover 1979).
    LatinHypercube,
    /// Sobol's sequence with a random digital shift.
    Sobol,
}

impl fmt::Display for Draw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Draw::Random => "random",
            Draw::LatinHypercube => "Latin hypercube",
            Draw::Sobol => "Sobol",
        })
    }
}

/// A quantity with its distribution.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Which.
    pub quantity: Quantity,
    /// How it is distributed.
    pub distribution: Distribution,
    /// What its random numbers are keyed by.
    pub key: Key,
    /// Its Sobol' direction numbers, where it needs them.
    pub direction: Option<Direction>,
}

/// A distribution, as the map from a uniform number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// Uniform between two values.
    Uniform(f64, f64),
    /// Its logarithm uniform between those of two positive values.
    LogUniform(f64, f64),
    /// Normal, cut to the share of probability between two bounds.
    Normal {
        /// Mean before the cut.
        mean: f64,
        /// Standard deviation before the cut.
        sd: f64,
        /// Probability below the lower and below the upper bound.
        between: (f64, f64),
        /// The bounds.
        within: (f64, f64),
    },
}

impl Ladder {
    /// Number of values.
    pub fn count(&self) -> u64 {
        match self {
            Ladder::List(values) => values.len() as u64,
            Ladder::Linear(_, _, n) | Ladder::Logarithmic(_, _, n) => *n,
        }
    }

    /// Value `i`; the ends exactly as given.
    pub fn at(&self, i: u64) -> f64 {
        let between = |from: f64, to: f64, n: u64| from + (to - from) * (i as f64 / (n - 1) as f64);
        match *self {
            Ladder::List(ref values) => values.get(i as usize).copied().unwrap_or(f64::NAN),
            Ladder::Linear(from, _, _) | Ladder::Logarithmic(from, _, _) if i == 0 => from,
            Ladder::Linear(_, to, n) | Ladder::Logarithmic(_, to, n) if i + 1 == n => to,
            Ladder::Linear(from, to, n) => between(from, to, n),
            Ladder::Logarithmic(from, to, n) => between(from.ln(), to.ln(), n).exp(),
        }
    }
}

impl Distribution {
    /// A normal distribution cut to `within`.
    pub fn normal(mean: f64, sd: f64, within: (f64, f64)) -> Self {
        let below = |x: f64| match x {
            f64::NEG_INFINITY => 0.0,
            f64::INFINITY => 1.0,
            _ => normal_cdf((x - mean) / sd),
        };
        Distribution::Normal { mean, sd, between: (below(within.0), below(within.1)), within }
    }

    /// The value at a uniform number in (0, 1).
    pub fn at(&self, u: f64) -> f64 {
        match *self {
            Distribution::Uniform(from, to) => (from + (to - from) * u).clamp(from.min(to), from.max(to)),
            Distribution::LogUniform(from, to) => {
                (from.ln() + (to / from).ln() * u).exp().clamp(from.min(to), from.max(to))
            }
            Distribution::Normal { mean, sd, between: (lo, hi), within } => {
                let p = (lo + (hi - lo) * u).clamp(f64::MIN_POSITIVE, 1.0 - f64::EPSILON / 2.0);
                (mean + sd * normal_quantile(p)).clamp(within.0, within.1)
            }
        }
    }

    /// Smallest and largest value.
    pub fn support(&self) -> (f64, f64) {
        match *self {
            Distribution::Uniform(a, b) | Distribution::LogUniform(a, b) => (a.min(b), a.max(b)),
            Distribution::Normal { within, .. } => within,
        }
    }
}

impl Variable {
    /// A variable of an axis of this name, in a study of this seed. `nth`: its place among the axis' variables.
    pub fn new(quantity: Quantity, distribution: Distribution, draw: Draw, axis: &str, seed: u64, nth: usize) -> Self {
        let key = Key::new(seed, &["axis", axis, &quantity.key]);
        let direction = if draw == Draw::Sobol { Direction::new(nth) } else { None };
        Variable { quantity, distribution, key, direction }
    }

    /// The value at point `i` of `n`.
    fn at(&self, draw: Draw, i: u64, n: u64) -> f64 {
        let u = match (draw, &self.direction) {
            (Draw::Sobol, Some(direction)) => open_unit(direction.at(i) ^ random_bits(&self.key)),
            (Draw::LatinHypercube, _) => (self.key.shuffled(i, n) as f64 + self.key.uniform(i)) / n as f64,
            _ => self.key.uniform(i),
        };
        self.distribution.at(u)
    }
}

/// The digital shift of a variable: one number for all its points, on a stream that no point has.
fn random_bits(key: &Key) -> u64 {
    use random::RngCore as _;
    key.stream(u64::MAX).next_u64()
}

impl Axis {
    /// The quantities that it sets.
    pub fn quantities(&self) -> Vec<&Quantity> {
        match &self.points {
            Points::Values(quantity, _) => vec![quantity],
            Points::Drawn(_, variables) => variables.iter().map(|v| &v.quantity).collect(),
            Points::Cases(quantities, _) => quantities.iter().collect(),
            Points::Copies => Vec::new(),
        }
    }

    /// The value of its quantity number `q` at point `i`; NaN leaves the quantity alone.
    pub fn value(&self, q: usize, i: u64) -> f64 {
        match &self.points {
            Points::Values(_, ladder) => ladder.at(i),
            Points::Drawn(draw, variables) => variables.get(q).map_or(f64::NAN, |v| v.at(*draw, i, self.len)),
            Points::Cases(_, cases) => cases.get(i as usize).and_then(|c| c.values.get(q)).copied().unwrap_or(f64::NAN),
            Points::Copies => f64::NAN,
        }
    }

    /// One line for a person.
    pub fn describe(&self) -> String {
        let names = || self.quantities().iter().map(|q| q.key.clone()).collect::<Vec<_>>().join(", ");
        match &self.points {
            Points::Values(q, ladder) => {
                let (first, last) = (ladder.at(0), ladder.at(ladder.count() - 1));
                let how = match ladder {
                    Ladder::List(_) => "values",
                    Ladder::Linear(..) => "equally spaced values",
                    Ladder::Logarithmic(..) => "logarithmically spaced values",
                };
                let unit = if q.unit == "1" { String::new() } else { format!(" {}", q.unit) };
                format!("{} {how} of {}, {first} to {last}{unit}", self.len, q.key)
            }
            Points::Drawn(draw, _) => format!("{} {draw} points in {}", self.len, names()),
            Points::Cases(_, cases) => {
                let cases: Vec<&str> = cases.iter().map(|c| c.name.as_str()).collect();
                format!("cases {} of {}", cases.join(", "), names())
            }
            Points::Copies => format!("{} mismatched copies", self.len),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(draw: Draw, n: u64) -> Axis {
        let variable = |name: &str, nth| {
            let quantity = Quantity::plain(name);
            Variable::new(quantity, Distribution::Uniform(0.0, 1.0), draw, "sample", 3, nth)
        };
        let points = Points::Drawn(draw, vec![variable("a", 0), variable("b", 1)]);
        Axis { name: "sample".into(), len: n, points }
    }

    #[test]
    fn ladders_keep_their_ends() {
        let log = Ladder::Logarithmic(1e-3, 1e-1, 5);
        let values: Vec<f64> = (0..5).map(|i| log.at(i)).collect();
        assert_eq!((values[0], values[4]), (1e-3, 1e-1));
        assert!((values[2] - 1e-2).abs() < 1e-16);
        assert_eq!(Ladder::Linear(2.0, -2.0, 3).at(1), 0.0);
    }

    #[test]
    fn each_slice_of_a_latin_hypercube_and_of_sobol_holds_one_point() {
        for draw in [Draw::LatinHypercube, Draw::Sobol] {
            let axis = drawn(draw, 64);
            for q in 0..2 {
                let mut slices = [0; 64];
                (0..64).for_each(|i| slices[(axis.value(q, i) * 64.0) as usize] += 1);
                assert_eq!(slices, [1; 64], "{draw}");
            }
        }
    }

    #[test]
    fn quantities_are_drawn_independently_of_each_other() {
        for draw in [Draw::Random, Draw::LatinHypercube, Draw::Sobol] {
            let axis = drawn(draw, 4096);
            let product = |i| (axis.value(0, i) - 0.5) * (axis.value(1, i) - 0.5) * 12.0;
            let correlation = (0..4096).map(product).sum::<f64>() / 4096.0;
            assert!(correlation.abs() < 4.0 / 64.0, "{draw}: {correlation}");
        }
    }

    #[test]
    fn a_cut_normal_stays_within_its_bounds_and_keeps_its_shape() {
        let d = Distribution::normal(1.0, 0.5, (0.0, f64::INFINITY));
        let values: Vec<f64> = (0..10_000).map(|i| d.at((f64::from(i) + 0.5) / 1e4)).collect();
        assert!(values.iter().all(|v| *v >= 0.0) && values.is_sorted());
        // Mean of a normal cut at two standard deviations below: mean + sd phi(2)/Phi(2).
        let mean = values.iter().sum::<f64>() / 1e4;
        assert!((mean - (1.0 + 0.5 * 0.053_990_966_5 / 0.977_249_868_1)).abs() < 1e-4, "{mean}");
    }
}
