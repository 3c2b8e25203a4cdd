//! Which equations are algebraic: combinations of rows of the mass matrix that vanish.
//!
//! A set of nodes joined only by capacitors has as many dynamic equations as nodes, less one: the sum of its Kirchhoff
//! equations holds no time derivative. Those combinations are found once, by elimination on the constant mass matrix.

use std::collections::{BTreeMap, BTreeSet};

/// An equation replaced by a combination of equations in which no derivative is left.
#[derive(Clone, Debug, PartialEq)]
pub struct Combination {
    /// The row replaced.
    pub row: usize,
    /// Other rows, which stay as they are, and their factors; the row itself has the factor 1.
    pub others: Vec<(usize, f64)>,
}

/// A derivative below this part of its row's largest is rounding.
const ROUNDING: f64 = 1e-13;

struct Row {
    index: usize,
    entries: BTreeMap<usize, f64>,
    largest: f64,
    others: BTreeMap<usize, f64>,
}

/// From this many equations on, a set of nodes joined by capacitors alone is not eliminated but looked at as a whole.
const LARGE: usize = 32;

/// The combinations for a mass matrix given as (row, column, value), values summed.
pub fn algebraic_combinations(mass: &BTreeMap<(usize, usize), f64>) -> Vec<Combination> {
    let (mut combinations, settled) = large_islands(mass);
    let mut rows: BTreeMap<usize, Row> = BTreeMap::new();
    for (&(i, j), &v) in mass.iter().filter(|e| *e.1 != 0.0 && !settled.contains(&e.0.0)) {
        let row = rows.entry(i).or_insert_with(|| Row {
            index: i,
            entries: BTreeMap::new(),
            largest: 0.0,
            others: BTreeMap::new(),
        });
        row.entries.insert(j, v);
        row.largest = row.largest.max(v.abs());
    }
    let mut holders: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for row in rows.values() {
        row.entries.keys().for_each(|j| holders.entry(*j).or_default().push(row.index));
    }
    // Rows of one entry first: each is a dynamic equation of its own and the only one to meet most of the columns.
    let mut order: Vec<usize> = rows.keys().copied().collect();
    order.sort_by_key(|i| rows[i].entries.len());
    for index in order {
        let Some(pivot) = rows.remove(&index) else { continue };
        let column = pivot.entries.iter().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())).map(|e| (*e.0, *e.1));
        let Some((column, value)) = column else {
            combinations.push(Combination { row: index, others: pivot.others.into_iter().collect() });
            continue;
        };
        for holder in holders.remove(&column).unwrap_or_default() {
            let Some(row) = rows.get_mut(&holder) else { continue };
            let Some(v) = row.entries.remove(&column) else { continue };
            let factor = -v / value;
            for (&j, &p) in pivot.entries.iter().filter(|e| *e.0 != column) {
                let sum = row.entries.get(&j).copied().unwrap_or(0.0) + factor * p;
                if sum.abs() <= ROUNDING * row.largest.max((factor * p).abs()) {
                    row.entries.remove(&j);
                } else if row.entries.insert(j, sum).is_none() {
                    holders.entry(j).or_default().push(holder);
                }
            }
            *row.others.entry(index).or_insert(0.0) += factor;
            for (&k, &f) in &pivot.others {
                *row.others.entry(k).or_insert(0.0) += factor * f;
            }
        }
    }
    combinations
}

/// Large sets of nodes joined by positive capacitors alone: each has one combination, the sum of its equations, or none
/// where some capacitor leads out of it (the matrix is then irreducibly diagonally dominant). Returned with all their rows.
fn large_islands(mass: &BTreeMap<(usize, usize), f64>) -> (Vec<Combination>, BTreeSet<usize>) {
    let (mut combinations, mut settled) = (Vec::new(), BTreeSet::new());
    let mut neighbours: BTreeMap<usize, Vec<(usize, f64)>> = BTreeMap::new();
    for (&(i, j), &v) in mass.iter().filter(|e| *e.1 != 0.0) {
        neighbours.entry(i).or_default().push((j, v));
    }
    let mut seen = BTreeSet::new();
    for &root in neighbours.keys() {
        let (mut island, mut front) = (Vec::new(), vec![root]);
        while let Some(i) = front.pop() {
            if seen.insert(i) {
                island.push(i);
                front.extend(neighbours.get(&i).into_iter().flatten().map(|e| e.0));
            }
        }
        if island.len() < LARGE {
            continue;
        }
        let value = |i: usize, j: usize| mass.get(&(i, j)).copied().unwrap_or(0.0);
        let mut leads_out = false;
        let capacitors = island.iter().all(|&i| {
            let row = neighbours.get(&i).map_or(&[][..], |r| r);
            let own = value(i, i);
            let others: f64 = row.iter().filter(|e| e.0 != i).map(|e| e.1).sum();
            leads_out |= own + others > 1e-9 * own;
            // Neither a hair's breadth of dominance nor a lack of it can be told from rounding: those are eliminated.
            own > 0.0
                && own + others > -ROUNDING * own
                && !(ROUNDING * own..1e-9 * own).contains(&(own + others))
                && row.iter().all(|&(j, v)| j == i || (v < 0.0 && v == value(j, i)))
        });
        if capacitors {
            settled.extend(island.iter().copied());
            if let (false, Some((&row, others))) = (leads_out, island.split_first()) {
                combinations.push(Combination { row, others: others.iter().map(|&i| (i, 1.0)).collect() });
            }
        }
    }
    (combinations, settled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capacitors(list: &[(usize, usize, f64)]) -> BTreeMap<(usize, usize), f64> {
        let mut mass = BTreeMap::new();
        for &(p, n, c) in list {
            for (i, j, v) in [(p, p, c), (p, n, -c), (n, p, -c), (n, n, c)] {
                // Node 9 is ground.
                if i != 9 && j != 9 {
                    *mass.entry((i, j)).or_insert(0.0) += v;
                }
            }
        }
        mass
    }

    #[test]
    fn an_island_of_capacitors_has_one_algebraic_equation_their_sum() {
        let found = algebraic_combinations(&capacitors(&[(0, 1, 1e-12), (1, 2, 3.3e-13), (2, 0, 7e-15)]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].others.len(), 2);
        assert!(found[0].others.iter().all(|o| (o.1 - 1.0).abs() < 1e-12));
    }

    #[test]
    fn a_grounded_set_has_none() {
        assert!(algebraic_combinations(&capacitors(&[(0, 1, 1e-12), (1, 2, 3.3e-13), (2, 9, 7e-15)])).is_empty());
        assert!(algebraic_combinations(&capacitors(&[(0, 9, 1e-12), (1, 9, 1e-15)])).is_empty());
    }

    /// Chains long enough not to be eliminated: floating, and grounded at one end.
    #[test]
    fn long_chains() {
        let mut chain: Vec<_> = (10..4000).map(|i| (i, i + 1, 1e-12 * (1.0 + (i % 7) as f64))).collect();
        let found = algebraic_combinations(&capacitors(&chain));
        assert_eq!((found.len(), found[0].others.len()), (1, 3990));
        assert!(found[0].others.iter().all(|o| o.1 == 1.0));
        chain.push((4000, 9, 1e-15));
        assert!(algebraic_combinations(&capacitors(&chain)).is_empty());
    }

    #[test]
    fn two_islands_have_two() {
        assert_eq!(algebraic_combinations(&capacitors(&[(0, 1, 1e-12), (2, 3, 1e-15), (4, 9, 1.0)])).len(), 2);
    }
}
