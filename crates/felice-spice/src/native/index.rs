//! Which equations are algebraic: combinations of rows of the mass matrix that vanish.
//!
//! A set of nodes joined only by capacitors has as many dynamic equations as nodes, less one: the sum of its Kirchhoff
//! equations holds no time derivative. Those combinations are found once, by elimination on the constant mass matrix.

use std::collections::BTreeMap;

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

/// The combinations for a mass matrix given as (row, column, value), values summed.
pub fn algebraic_combinations(mass: &BTreeMap<(usize, usize), f64>) -> Vec<Combination> {
    let mut rows: BTreeMap<usize, Row> = BTreeMap::new();
    for (&(i, j), &v) in mass.iter().filter(|e| *e.1 != 0.0) {
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
    let mut combinations = Vec::new();
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

    #[test]
    fn two_islands_have_two() {
        assert_eq!(algebraic_combinations(&capacitors(&[(0, 1, 1e-12), (2, 3, 1e-15), (4, 9, 1.0)])).len(), 2);
    }
}
