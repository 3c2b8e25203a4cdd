//! Nullclines: where one state's derivative is zero, in a plane of two states.

use std::collections::HashMap;

use crate::any::AnyNeuron;
use crate::error::NeuronError;

/// A plane of two states, the others held.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    /// Index of the state along x.
    pub x: usize,
    /// Index of the state along y.
    pub y: usize,
    /// Lower corner (x, y).
    pub lo: [f64; 2],
    /// Upper corner (x, y).
    pub hi: [f64; 2],
    /// The whole state; its numbers at `x` and `y` do not matter.
    pub held: Vec<f64>,
    /// Cells along each axis in which a curve is looked for; 200 draws well.
    pub cells: usize,
}

/// Where the derivative of one state is zero, as polylines of points (x, y).
#[derive(Clone, Debug, PartialEq)]
pub struct Nullcline {
    /// Index of the state.
    pub state: usize,
    /// Its pieces; a closed piece ends where it begins.
    pub lines: Vec<Vec<[f64; 2]>>,
}

impl Plane {
    /// The plane of the first two states, the others at zero.
    pub fn first_two(neuron: &AnyNeuron, lo: [f64; 2], hi: [f64; 2]) -> Self {
        Plane { x: 0, y: 1, lo, hi, held: vec![0.0; neuron.dimension()], cells: 200 }
    }

    fn state(&self, at: [f64; 2]) -> Vec<f64> {
        let mut y = self.held.clone();
        (y[self.x], y[self.y]) = (at[0], at[1]);
        y
    }
}

/// Cells along an axis, at most.
const MOST_CELLS: usize = 4000;

impl AnyNeuron {
    /// The nullclines of a plane's two states. Every point of a line is a root along a cell's edge, exact to 1e-12 of it.
    ///
    /// # Errors
    /// [`NeuronError::Region`], [`NeuronError::Width`], or [`NeuronError::Run`] for the number of cells.
    pub fn nullclines(&self, plane: &Plane) -> Result<[Nullcline; 2], NeuronError> {
        self.check()?;
        self.check_width("held state", plane.held.len())?;
        let n = self.dimension();
        if plane.x >= n || plane.y >= n || plane.x == plane.y {
            return Err(NeuronError::Run {
                what: "plane",
                value: format!("{} and {}", plane.x, plane.y),
                range: "two different states",
            });
        }
        for (k, i) in [plane.x, plane.y].into_iter().enumerate() {
            let (lo, hi) = (plane.lo[k], plane.hi[k]);
            if !(lo.is_finite() && hi.is_finite() && lo < hi) {
                return Err(NeuronError::Region { state: self.info().states[i].name.clone(), lo, hi });
            }
        }
        if !(1..=MOST_CELLS).contains(&plane.cells) {
            return Err(NeuronError::Run {
                what: "cells",
                value: plane.cells.to_string(),
                range: "between 1 and 4000",
            });
        }
        Ok([plane.x, plane.y].map(|state| Nullcline { state, lines: self.zero_lines(plane, state) }))
    }

    fn zero_lines(&self, plane: &Plane, state: usize) -> Vec<Vec<[f64; 2]>> {
        let n = plane.cells;
        let mut dy = vec![0.0; self.dimension()];
        // A field that is turned about on the diagonal alone is looked at beside it: a jump is no zero.
        let beside = 1e-6 * (plane.hi[1] - plane.lo[1]);
        let mut value = |at: [f64; 2]| {
            let mut y = plane.state(at);
            if self.model.rests_at_zero(&y) {
                y[plane.y] += beside;
            }
            self.model.field(&y, &mut dy);
            dy[state]
        };
        let at = |i: usize, j: usize| {
            let along = |k: usize, m: usize| plane.lo[k] + (plane.hi[k] - plane.lo[k]) * m as f64 / n as f64;
            [along(0, i), along(1, j)]
        };
        let values: Vec<f64> =
            (0..=n).flat_map(|j| (0..=n).map(move |i| (i, j))).map(|(i, j)| value(at(i, j))).collect();
        let above = |i: usize, j: usize| values[j * (n + 1) + i] > 0.0;
        // A crossed edge is named by its lower end and its direction; a cell joins the crossings of its edges in pairs.
        let mut joined: Vec<[Edge; 2]> = Vec::new();
        for j in 0..n {
            for i in 0..n {
                let edges = [(i, j, false), (i + 1, j, true), (i, j + 1, false), (i, j, true)];
                let crossed = |&(i, j, up): &Edge| above(i, j) != if up { above(i, j + 1) } else { above(i + 1, j) };
                let cut: Vec<Edge> = edges.into_iter().filter(crossed).collect();
                match cut[..] {
                    [a, b] => joined.push([a, b]),
                    // A saddle of the surface: its middle decides which corners belong together.
                    [a, b, c, d] => {
                        let [lo, hi] = [at(i, j), at(i + 1, j + 1)];
                        let middle = value([0.5 * (lo[0] + hi[0]), 0.5 * (lo[1] + hi[1])]) > 0.0;
                        joined.extend(if middle == above(i, j) { [[a, b], [c, d]] } else { [[a, d], [b, c]] });
                    }
                    _ => {}
                }
            }
        }
        let mut crossing =
            |(i, j, up): Edge| between(&mut value, at(i, j), if up { at(i, j + 1) } else { at(i + 1, j) });
        chains(&joined).into_iter().map(|chain| chain.into_iter().map(&mut crossing).collect()).collect()
    }
}

/// Column and row of a grid point; the edge from it goes up (true) or right.
type Edge = (usize, usize, bool);

/// The root of `f` between two points of which one is above zero, by bisection.
fn between(f: &mut impl FnMut([f64; 2]) -> f64, a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    let along = |x: f64| [a[0] + x * (b[0] - a[0]), a[1] + x * (b[1] - a[1])];
    let first = f(a) > 0.0;
    let (mut lo, mut hi) = (0.0, 1.0);
    for _ in 0..40 {
        let x = 0.5 * (lo + hi);
        if (f(along(x)) > 0.0) == first { lo = x } else { hi = x }
    }
    along(0.5 * (lo + hi))
}

/// Joins pairs into chains: open ones from their ends, then the closed ones.
fn chains(joined: &[[Edge; 2]]) -> Vec<Vec<Edge>> {
    let mut at: HashMap<Edge, Vec<usize>> = HashMap::new();
    for (k, pair) in joined.iter().enumerate() {
        pair.iter().for_each(|e| at.entry(*e).or_default().push(k));
    }
    let loose = |k: &usize| joined[*k].into_iter().find(|e| at[e].len() == 1);
    let (open, rest): (Vec<usize>, Vec<usize>) = (0..joined.len()).partition(|k| loose(k).is_some());
    let mut used = vec![false; joined.len()];
    let mut lines = Vec::new();
    for k in open.into_iter().chain(rest) {
        if used[k] {
            continue;
        }
        let mut end = loose(&k).unwrap_or(joined[k][0]);
        let (mut chain, mut next) = (vec![end], Some(k));
        while let Some(k) = next {
            used[k] = true;
            end = if joined[k][0] == end { joined[k][1] } else { joined[k][0] };
            chain.push(end);
            next = at[&end].iter().copied().find(|k| !used[*k]);
        }
        lines.push(chain);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fhnrs_has_a_cubic_and_a_straight_nullcline() {
        let n = AnyNeuron::new("fhnrs").unwrap();
        let [v, slow] = n.nullclines(&Plane::first_two(&n, [-3.0, -3.0], [3.0, 3.0])).unwrap();
        assert_eq!((v.state, slow.state, slow.lines.len()), (0, 1, 1));
        assert!(slow.lines[0].iter().all(|[x, y]| (x - y).abs() < 1e-12));
        // 0 = −v + 2 tanh v − 2 tanh v_slow.
        assert!(v.lines.iter().flatten().all(|[x, y]| (-x + 2.0 * x.tanh() - 2.0 * y.tanh()).abs() < 1e-12));
        let length: usize = v.lines.iter().map(Vec::len).sum();
        assert!(length > 200, "{length}");
    }

    #[test]
    fn the_diagonals_foot_is_no_nullcline() {
        let n = AnyNeuron::new("wererabbit").unwrap();
        for nullcline in n.nullclines(&Plane::first_two(&n, [-0.2, -0.2], [0.6, 0.6])).unwrap() {
            let mut dy = [0.0; 2];
            for point in nullcline.lines.iter().flatten() {
                n.field(point, &mut dy).unwrap();
                assert!(dy[nullcline.state].abs() < 1e-9, "{point:?}: {dy:?}");
            }
        }
    }

    #[test]
    fn a_circle_is_one_closed_line() {
        let n = 40;
        let inside = |i: usize, j: usize| (i as f64 - 20.3).hypot(j as f64 - 19.8) < 12.0;
        let mut joined = Vec::new();
        for j in 0..n {
            for i in 0..n {
                let edges = [(i, j, false), (i + 1, j, true), (i, j + 1, false), (i, j, true)];
                let cut = edges
                    .into_iter()
                    .filter(|&(i, j, up)| inside(i, j) != if up { inside(i, j + 1) } else { inside(i + 1, j) });
                if let [a, b] = cut.collect::<Vec<_>>()[..] {
                    joined.push([a, b]);
                }
            }
        }
        let lines = chains(&joined);
        assert_eq!((lines.len(), lines[0].first()), (1, lines[0].last()));
        assert_eq!(lines[0].len(), joined.len() + 1);
    }
}
