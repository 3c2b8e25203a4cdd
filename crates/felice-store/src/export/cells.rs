//! A table's cells, read block by block.

use super::tables::{Column, From, Table};
use crate::error::StoreError;
use crate::reader::Reader;

/// Numbers read at a time.
const BLOCK: usize = 1 << 18;

pub(super) fn scalar(reader: &Reader, c: &Column) -> Result<String, StoreError> {
    let at = if let From::Point(i) = c.from { i } else { 0 };
    let x = reader.numbers(&c.path)?.get(at).copied();
    Ok(match c.kind {
        "<u8" | "|u1" | "<i8" => format!("{}", x.unwrap_or(f64::NAN)),
        _ => x.map_or_else(String::new, double),
    })
}

/// 17 significant digits.
fn double(x: f64) -> String {
    format!("{x:.16e}")
}

/// A column being written.
pub(super) struct Cells {
    column: Column,
    /// Of `Axis` and `Ragged` all cells, else those of the block that begins at `first`.
    block: Vec<String>,
    first: usize,
    /// Values of one point of the first dimension.
    row: usize,
    points: usize,
    /// Of `Ragged` the row of each value begins here.
    begins: Vec<usize>,
}

impl Cells {
    pub(super) fn new(reader: &Reader, table: &Table, column: &Column) -> Result<Self, StoreError> {
        let mut cells = Cells {
            column: column.clone(),
            block: Vec::new(),
            first: 0,
            row: 1,
            points: table.rows,
            begins: Vec::new(),
        };
        match column.from {
            From::Data | From::Point(_) => {
                let shape = reader.shape(&column.path)?;
                cells.row = shape.iter().skip(1).product::<usize>().max(1);
                cells.points = shape.first().copied().unwrap_or(0);
            }
            From::Axis { len, .. } => cells.block = read(reader, column, 0..len)?,
            From::Index { .. } => {}
            From::Ragged => {
                let counts = table.columns.iter().find(|c| c.from == From::Ragged).map_or("", |c| c.path.as_str());
                let counts: Vec<u64> =
                    reader.rows_of(counts, 0..reader.shape(counts)?.first().copied().unwrap_or(0))?;
                cells.block = read(reader, column, 0..counts.len())?;
                let mut sum = 0_usize;
                for n in counts {
                    cells.begins.push(sum);
                    sum = sum.saturating_add(usize::try_from(n).unwrap_or(usize::MAX));
                }
            }
        }
        Ok(cells)
    }

    pub(super) fn cell(&mut self, reader: &Reader, row: usize) -> Result<String, StoreError> {
        let i = match self.column.from {
            From::Index { inner, len } => return Ok((row / inner.max(1) % len.max(1)).to_string()),
            From::Axis { inner, len } => row / inner.max(1) % len.max(1),
            From::Ragged => self.begins.partition_point(|b| *b <= row).saturating_sub(1),
            From::Data | From::Point(_) => {
                if row < self.first || row >= self.first + self.block.len() {
                    let step = (BLOCK / self.row).max(1);
                    let from = row / self.row;
                    self.block = read(reader, &self.column, from..(from + step).min(self.points))?;
                    self.first = from * self.row;
                }
                row - self.first
            }
        };
        Ok(self.block.get(i).cloned().unwrap_or_default())
    }
}

/// Cells of some points of a dataset's first dimension.
fn read(reader: &Reader, column: &Column, rows: std::ops::Range<usize>) -> Result<Vec<String>, StoreError> {
    fn all<T: crate::number::Number>(
        reader: &Reader,
        path: &str,
        rows: std::ops::Range<usize>,
        say: fn(&T) -> String,
    ) -> Result<Vec<String>, StoreError> {
        Ok(reader.rows_of::<T>(path, rows)?.iter().map(say).collect())
    }
    let path = &column.path;
    match column.kind {
        "<f4" => all::<f32>(reader, path, rows, |x| format!("{x:.8e}")),
        "<u8" => all::<u64>(reader, path, rows, u64::to_string),
        "<i8" => all::<i64>(reader, path, rows, i64::to_string),
        "|u1" => all::<u8>(reader, path, rows, u8::to_string),
        "str" => reader.texts(path).map(|t| t.into_iter().skip(rows.start).take(rows.len()).collect()),
        _ => all::<f64>(reader, path, rows, |x| double(*x)),
    }
}
