//! Sparse LU: pivots chosen once by Markowitz's rule on actual values, then refactored on a fixed pattern.
//!
//! Markowitz, Management Science 3 (1957) 255; threshold pivoting as in Kundert's Sparse 1.3 (Berkeley, 1988).

use std::collections::BTreeSet;

use super::linear::Singular;
use super::pattern::Pattern;

/// A pivot must be at least this part of the largest entry of its row.
const THRESHOLD: f64 = 1e-3;
/// A refactored pivot below this part of its row's largest entry calls for new pivots.
const WORN: f64 = 1e-6;

/// From this order on only the shortest rows are looked at for a pivot, so that finding all takes linear time.
const LARGE: usize = 300;
/// Rows with an admissible pivot that are looked at then.
const CANDIDATES: usize = 12;

/// Factors matrices of one pattern; the elimination order and fill are found at the first one.
#[derive(Clone, Debug)]
pub struct SparseLu {
    n: usize,
    row_start: Vec<usize>,
    column: Vec<usize>,
    plan: Option<Plan>,
    work: Vec<f64>,
}

/// Elimination order, fill pattern and the values of L and U.
#[derive(Clone, Debug)]
struct Plan {
    /// Original row at each place, and original column at each place.
    row: Vec<usize>,
    col: Vec<usize>,
    /// Place of each entry of the original matrix, in elimination order of its column.
    entry_place: Vec<u32>,
    /// Rows of L (columns ascending, without the unit diagonal) and of U (without the pivot), as one list each.
    l_start: Vec<usize>,
    l_col: Vec<u32>,
    l_val: Vec<f64>,
    u_start: Vec<usize>,
    u_col: Vec<u32>,
    u_val: Vec<f64>,
    /// 1 / pivot.
    inverse: Vec<f64>,
    /// The entries of L and U again, column by column.
    l_columns: Vec<Entry>,
    u_columns: Vec<Entry>,
    u_column_start: Vec<usize>,
}

/// An entry of L or U as solving meets it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Row.
    to: u32,
    /// Column.
    from: u32,
    /// Index of its value.
    value: u32,
}

/// Entries of a matrix stored by rows, in the order of columns, and where each column starts.
fn by_column(start: &[usize], column: &[u32]) -> (Vec<Entry>, Vec<usize>) {
    let n = start.len() - 1;
    let mut entries: Vec<Entry> = (0..n)
        .flat_map(|i| (start[i]..start[i + 1]).map(move |k| (i, k)))
        .map(|(i, k)| Entry { to: i as u32, from: column[k], value: k as u32 })
        .collect();
    entries.sort_by_key(|e| (e.from, e.to));
    let column_start = (0..=n).map(|c| entries.partition_point(|e| (e.from as usize) < c)).collect();
    (entries, column_start)
}

impl SparseLu {
    /// A solver for matrices of this pattern.
    pub fn new(pattern: &Pattern) -> Self {
        SparseLu {
            n: pattern.n,
            row_start: pattern.row_start.clone(),
            column: pattern.column.clone(),
            plan: None,
            work: vec![0.0; pattern.n],
        }
    }

    /// Factors; finds new pivots where there are none yet or the old ones have become too small.
    ///
    /// # Errors
    /// [`Singular`] names the unknown without a pivot.
    pub fn factor(&mut self, values: &[f64]) -> Result<(), Singular> {
        if let Some(plan) = &mut self.plan {
            if plan.refactor(&self.row_start, values, &mut self.work) {
                return Ok(());
            }
            self.plan = None;
        }
        let mut plan = Plan::find(self.n, &self.row_start, &self.column, values)?;
        self.work.fill(0.0);
        let fresh = plan.refactor(&self.row_start, values, &mut self.work);
        let unknown = plan.col.last().copied().unwrap_or(0);
        self.plan = Some(plan);
        // Pivots chosen on these very values cannot be worn unless the matrix is singular to working precision.
        if fresh { Ok(()) } else { Err(Singular { unknown }) }
    }

    /// Solves in place with the last factorization.
    pub fn solve(&mut self, b: &mut [f64]) {
        let Some(plan) = &self.plan else { return };
        let x = &mut self.work[..];
        for (x, &row) in x.iter_mut().zip(&plan.row) {
            *x = b[row];
        }
        // Column by column, so that no sum has to wait for the one before it.
        for l in &plan.l_columns {
            x[l.to as usize] -= plan.l_val[l.value as usize] * x[l.from as usize];
        }
        let mut end = plan.u_columns.len();
        for i in (0..x.len()).rev() {
            let start = plan.u_column_start[i];
            let value = x[i] * plan.inverse[i];
            x[i] = value;
            for u in &plan.u_columns[start..end] {
                x[u.to as usize] -= plan.u_val[u.value as usize] * value;
            }
            end = start;
            b[plan.col[i]] = value;
        }
    }
}

impl Plan {
    /// Chooses the pivots by eliminating once on sparse rows.
    fn find(n: usize, row_start: &[usize], column: &[usize], values: &[f64]) -> Result<Plan, Singular> {
        let mut elimination = Elimination::new(n, row_start, column, values);
        let mut l_rows: Vec<Vec<usize>> = vec![Vec::new(); n];
        let (mut row, mut col) = (Vec::with_capacity(n), Vec::with_capacity(n));
        let mut u_rows: Vec<Vec<usize>> = Vec::with_capacity(n);
        for _ in 0..n {
            let (pivot_row, pivot_col) = elimination.choose()?;
            let (pattern, touched) = elimination.eliminate(pivot_row, pivot_col);
            for i in touched {
                l_rows[i].push(row.len());
            }
            row.push(pivot_row);
            col.push(pivot_col);
            u_rows.push(pattern);
        }
        Ok(Plan::assemble(n, row, col, &l_rows, &u_rows, column))
    }

    fn assemble(
        n: usize,
        row: Vec<usize>,
        col: Vec<usize>,
        l_rows: &[Vec<usize>],
        u_rows: &[Vec<usize>],
        column: &[usize],
    ) -> Plan {
        let mut place_of_col = vec![0u32; n];
        for (place, &c) in col.iter().enumerate() {
            place_of_col[c] = place as u32;
        }
        let (mut l_start, mut u_start) = (vec![0], vec![0]);
        let (mut l_col, mut u_col): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
        for (place, &r) in row.iter().enumerate() {
            l_col.extend(l_rows[r].iter().map(|&k| k as u32));
            l_start.push(l_col.len());
            let begin = u_col.len();
            u_col.extend(u_rows[place].iter().map(|&c| place_of_col[c]));
            u_col[begin..].sort_unstable();
            u_start.push(u_col.len());
        }
        let entry_place = column.iter().map(|&c| place_of_col[c]).collect();
        let (l_val, u_val) = (vec![0.0; l_col.len()], vec![0.0; u_col.len()]);
        let (l_columns, _) = by_column(&l_start, &l_col);
        let (u_columns, u_column_start) = by_column(&u_start, &u_col);
        let inverse = vec![0.0; n];
        Plan {
            row,
            col,
            entry_place,
            l_start,
            l_col,
            l_val,
            u_start,
            u_col,
            u_val,
            inverse,
            l_columns,
            u_columns,
            u_column_start,
        }
    }

    /// Row by row on the fixed pattern; false where a pivot is zero, worn, or not finite. `w` is all zero between rows.
    fn refactor(&mut self, row_start: &[usize], values: &[f64], w: &mut [f64]) -> bool {
        w.fill(0.0);
        for i in 0..self.row.len() {
            let r = self.row[i];
            for k in row_start[r]..row_start[r + 1] {
                w[self.entry_place[k] as usize] = values[k];
            }
            for k in self.l_start[i]..self.l_start[i + 1] {
                let c = self.l_col[k] as usize;
                let l = w[c] * self.inverse[c];
                self.l_val[k] = l;
                w[c] = 0.0;
                for m in self.u_start[c]..self.u_start[c + 1] {
                    w[self.u_col[m] as usize] -= l * self.u_val[m];
                }
            }
            let pivot = w[i];
            w[i] = 0.0;
            let mut largest = pivot.abs();
            for m in self.u_start[i]..self.u_start[i + 1] {
                let v = std::mem::take(&mut w[self.u_col[m] as usize]);
                self.u_val[m] = v;
                largest = largest.max(v.abs());
            }
            if !(pivot.abs() >= WORN * largest && pivot != 0.0 && pivot.is_finite() && largest.is_finite()) {
                return false;
            }
            self.inverse[i] = 1.0 / pivot;
        }
        true
    }
}

/// An entry that may become a pivot.
#[derive(Clone, Copy)]
struct Pivot {
    /// Markowitz's count: what its elimination may fill.
    count: usize,
    /// Its size, relative to its row's largest.
    relative: f64,
    row: usize,
    column: usize,
}

/// The rows still to be eliminated, as sorted lists of (column, value).
struct Elimination {
    rows: Vec<Vec<(usize, f64)>>,
    /// Rows still active that hold each column (may name rows that lost it; checked when used).
    holders: Vec<Vec<usize>>,
    col_count: Vec<usize>,
    row_done: Vec<bool>,
    col_done: Vec<bool>,
    /// (length, row) of every row still active, in a large matrix.
    by_length: BTreeSet<(usize, usize)>,
    /// Largest entry of each original row: what rounding errors are measured against.
    original: Vec<f64>,
}

impl Elimination {
    fn new(n: usize, row_start: &[usize], column: &[usize], values: &[f64]) -> Self {
        let mut rows = Vec::with_capacity(n);
        let mut holders = vec![Vec::new(); n];
        let mut col_count = vec![0; n];
        for i in 0..n {
            let row: Vec<(usize, f64)> = (row_start[i]..row_start[i + 1]).map(|k| (column[k], values[k])).collect();
            for &(c, _) in &row {
                holders[c].push(i);
                col_count[c] += 1;
            }
            rows.push(row);
        }
        let original = rows.iter().map(|r| r.iter().fold(0.0f64, |m, e| m.max(e.1.abs()))).collect();
        let by_length = match n < LARGE {
            true => BTreeSet::new(),
            false => rows.iter().enumerate().map(|(i, r)| (r.len(), i)).collect(),
        };
        let (row_done, col_done) = (vec![false; n], vec![false; n]);
        Elimination { rows, holders, col_count, row_done, col_done, by_length, original }
    }

    /// The admissible entry with the least Markowitz count; ties go to the larger relative pivot, then the lower index.
    fn choose(&self) -> Result<(usize, usize), Singular> {
        let mut best: Option<Pivot> = None;
        if self.by_length.is_empty() {
            for i in (0..self.rows.len()).filter(|i| !self.row_done[*i]) {
                // No entry of this row can beat a count that is already lower than its own best.
                if best.is_none_or(|b| b.count != 0 || self.rows[i].len() <= 1) {
                    self.look_at(i, &mut best);
                }
            }
        }
        let mut seen = 0;
        for &(length, i) in &self.by_length {
            if seen >= CANDIDATES || best.is_some_and(|b| b.count == 0 && length > 1) {
                break;
            }
            seen += usize::from(self.look_at(i, &mut best));
        }
        best.map(|b| (b.row, b.column)).ok_or_else(|| Singular { unknown: self.unknown_without_pivot() })
    }

    /// Takes what is better than the best so far from a row; false where no entry of it may be a pivot.
    fn look_at(&self, i: usize, best: &mut Option<Pivot>) -> bool {
        let row = &self.rows[i];
        let largest = row.iter().fold(0.0f64, |m, e| m.max(e.1.abs()));
        if !(largest > 1e-15 * self.original[i] && largest.is_finite()) {
            return false;
        }
        for &(column, v) in row.iter().filter(|e| e.1.abs() >= THRESHOLD * largest) {
            let count = row.len().saturating_sub(1) * (self.col_count[column] - 1);
            let relative = v.abs() / largest;
            if best.is_none_or(|b| count < b.count || (count == b.count && relative > b.relative)) {
                *best = Some(Pivot { count, relative, row: i, column });
            }
        }
        true
    }

    fn unknown_without_pivot(&self) -> usize {
        let open = |c: &usize| !self.col_done[*c];
        let all = 0..self.col_done.len();
        let mut strength = vec![0.0f64; self.col_done.len()];
        for row in self.rows.iter().enumerate().filter(|(i, _)| !self.row_done[*i]).map(|(_, r)| r) {
            row.iter().for_each(|&(c, v)| strength[c] = strength[c].max(v.abs()));
        }
        all.filter(open).min_by(|a, b| strength[*a].total_cmp(&strength[*b])).unwrap_or(0)
    }

    /// Eliminates; returns the pivot row's remaining columns and the rows that were changed.
    fn eliminate(&mut self, pivot_row: usize, pivot_col: usize) -> (Vec<usize>, Vec<usize>) {
        let pivot = std::mem::take(&mut self.rows[pivot_row]);
        self.by_length.remove(&(pivot.len(), pivot_row));
        self.row_done[pivot_row] = true;
        self.col_done[pivot_col] = true;
        let pivot_value = pivot.iter().find(|e| e.0 == pivot_col).map_or(1.0, |e| e.1);
        let rest: Vec<(usize, f64)> = pivot.into_iter().filter(|e| e.0 != pivot_col).collect();
        rest.iter().for_each(|e| self.col_count[e.0] -= 1);
        let mut touched = Vec::new();
        for i in std::mem::take(&mut self.holders[pivot_col]) {
            if self.row_done[i] {
                continue;
            }
            let Ok(at) = self.rows[i].binary_search_by_key(&pivot_col, |e| e.0) else { continue };
            let before = self.rows[i].len();
            let factor = self.rows[i].remove(at).1 / pivot_value;
            self.add_row(i, &rest, -factor);
            if self.by_length.remove(&(before, i)) {
                self.by_length.insert((self.rows[i].len(), i));
            }
            touched.push(i);
        }
        touched.sort_unstable();
        touched.dedup();
        (rest.iter().map(|e| e.0).collect(), touched)
    }

    /// `row i += factor · other`, keeping exact zeros in the pattern: later matrices may fill them.
    fn add_row(&mut self, i: usize, other: &[(usize, f64)], factor: f64) {
        let old = std::mem::take(&mut self.rows[i]);
        let mut merged = Vec::with_capacity(old.len() + other.len());
        let (mut a, mut b) = (old.into_iter().peekable(), other.iter().peekable());
        loop {
            match (a.peek(), b.peek()) {
                (Some(x), Some(y)) if x.0 == y.0 => {
                    merged.push((x.0, x.1 + factor * y.1));
                    a.next();
                    b.next();
                }
                (Some(x), Some(y)) if x.0 < y.0 => {
                    merged.push(*x);
                    a.next();
                }
                (Some(x), None) => {
                    merged.push(*x);
                    a.next();
                }
                (_, Some(y)) => {
                    merged.push((y.0, factor * y.1));
                    self.holders[y.0].push(i);
                    self.col_count[y.0] += 1;
                    b.next();
                }
                (None, None) => break,
            }
        }
        self.rows[i] = merged;
    }
}
