//! What a study runs, seen from the runner: points go in, a block of rows comes out.

use std::collections::BTreeMap;

use felice_base::Signal;

use crate::error::StudyError;
use crate::quantity::Quantity;
use crate::study::Study;

/// A neuron model or a circuit, ready to run.
pub trait Subject: Sync {
    /// What each point gives, of fixed size.
    fn columns(&self) -> Vec<Column>;

    /// The axis of samples; none without samples.
    fn sample_axis(&self) -> Option<Signal>;

    /// Whether points give spike times.
    fn spikes(&self) -> bool;

    /// The unit of spike times.
    fn time_unit(&self) -> &'static str {
        "1"
    }

    /// Whether everything is there that running needs.
    ///
    /// # Errors
    /// What is missing.
    fn ready(&self) -> Result<(), StudyError> {
        Ok(())
    }

    /// Runs these rows of a unit. What goes wrong with a row goes into the block.
    fn run(&self, points: &UnitPoints, rows: &[usize], block: &mut Block);

    /// Points that are best run together: alone, each would cost more.
    fn together(&self) -> usize {
        1
    }

    /// Simulations that engines have run so far, and those that a cache had.
    fn simulations(&self) -> Simulations {
        Simulations::default()
    }

    /// Engines and versions that run, for the file's provenance.
    fn engines(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// Simulations of circuits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Simulations {
    /// Run by an engine.
    pub run: u64,
    /// Found in the cache.
    pub cached: u64,
}

/// One number a point, or one row of samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name of the dataset.
    pub name: String,
    /// Unit.
    pub unit: String,
    /// What it is.
    pub long_name: String,
    /// Type.
    pub kind: Kind,
    /// Numbers a point: 1, or the number of samples.
    pub width: usize,
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Double.
    F64,
    /// Single.
    F32,
    /// Count.
    U64,
    /// Flag.
    U8,
}

impl Kind {
    /// Bytes of one number.
    pub fn bytes(self) -> usize {
        match self {
            Kind::F64 | Kind::U64 => 8,
            Kind::F32 => 4,
            Kind::U8 => 1,
        }
    }

    /// As numpy spells it.
    pub fn numpy(self) -> &'static str {
        match self {
            Kind::F64 => "<f8",
            Kind::F32 => "<f4",
            Kind::U64 => "<u8",
            Kind::U8 => "|u1",
        }
    }
}

/// The points of a work unit: `values[quantity][row]`, NaN where a quantity is left alone.
#[derive(Clone, Debug, Default)]
pub struct UnitPoints {
    /// Index of the first point.
    pub first: u64,
    /// Number of points.
    pub count: usize,
    /// Values of every quantity that varies.
    pub values: Vec<Vec<f64>>,
    /// Numbers of the copies, where a study has mismatched copies.
    pub copies: Option<Vec<u64>>,
}

impl Study {
    /// Every quantity that varies, axis by axis: the order of `UnitPoints::values`.
    pub fn quantities(&self) -> Vec<&Quantity> {
        self.axes.iter().flat_map(|a| a.quantities()).collect()
    }

    /// The points `first ..` of a unit.
    pub fn unit_points(&self, first: u64, count: usize) -> UnitPoints {
        let mut points = UnitPoints { first, count, ..UnitPoints::default() };
        let mut stride = self.points();
        for axis in &self.axes {
            stride /= axis.len;
            let at = |row: usize| (first + row as u64) / stride % axis.len;
            for q in 0..axis.quantities().len() {
                let mut last = (u64::MAX, f64::NAN);
                let value = |row| {
                    let i = at(row);
                    if i != last.0 {
                        last = (i, axis.value(q, i));
                    }
                    last.1
                };
                points.values.push((0..count).map(value).collect());
            }
            if matches!(axis.points, crate::axis::Points::Copies) {
                points.copies = Some((0..count).map(at).collect());
            }
        }
        points
    }
}

/// The status of a point, as stored.
pub mod status {
    /// As asked for.
    pub const GOOD: u8 = 0;
    /// No result; the reason is in `/failures`.
    pub const FAILED: u8 = 1;
    /// A result whose digits roundoff decides.
    pub const ILL_CONDITIONED: u8 = 2;
    /// Their names, in order.
    pub const MEANINGS: &str = "good failed ill_conditioned";
}

/// The results of a unit.
#[derive(Debug)]
pub struct Block {
    /// One an output column, row after row.
    pub columns: Vec<Data>,
    widths: Vec<usize>,
    /// How each row went.
    pub status: Vec<u8>,
    /// Spike times of each row.
    pub spikes: Vec<Vec<f64>>,
    /// Why rows failed.
    pub failures: BTreeMap<usize, String>,
}

/// Numbers of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Doubles.
    F64(Vec<f64>),
    /// Singles.
    F32(Vec<f32>),
    /// Counts.
    U64(Vec<u64>),
    /// Flags.
    U8(Vec<u8>),
}

impl Data {
    /// As many as `len` numbers that say nothing: NaN, or 0.
    pub fn blank(kind: Kind, len: usize) -> Self {
        match kind {
            Kind::F64 => Data::F64(vec![f64::NAN; len]),
            Kind::F32 => Data::F32(vec![f32::NAN; len]),
            Kind::U64 => Data::U64(vec![0; len]),
            Kind::U8 => Data::U8(vec![0; len]),
        }
    }

    /// As [`Data::blank`], in the memory that is there.
    fn blank_again(&mut self, len: usize) {
        fn blank<T: Copy>(all: &mut Vec<T>, len: usize, nothing: T) {
            all.clear();
            all.resize(len, nothing);
        }
        match self {
            Data::F64(all) => blank(all, len, f64::NAN),
            Data::F32(all) => blank(all, len, f32::NAN),
            Data::U64(all) => blank(all, len, 0),
            Data::U8(all) => blank(all, len, 0),
        }
    }

    /// Replaces as many numbers from number `at` on as there are, `len` at most, converted to this type.
    fn put(&mut self, at: usize, len: usize, numbers: impl Iterator<Item = f64>) {
        fn fill<T>(places: &mut [T], numbers: impl Iterator<Item = f64>, of: impl Fn(f64) -> T) {
            let mut places = places.iter_mut();
            numbers.for_each(|x| {
                if let Some(place) = places.next() {
                    *place = of(x);
                }
            });
        }
        let range = at..at + len;
        match self {
            Data::F64(all) => fill(&mut all[range], numbers, |x| x),
            Data::F32(all) => fill(&mut all[range], numbers, |x| x as f32),
            Data::U64(all) => fill(&mut all[range], numbers, |x| x as u64),
            Data::U8(all) => fill(&mut all[range], numbers, |x| x as u8),
        }
    }

    /// Their bytes as they stand in memory, which is how a little-endian machine stores them.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Data::F64(all) => bytemuck::cast_slice(all),
            Data::F32(all) => bytemuck::cast_slice(all),
            Data::U64(all) => bytemuck::cast_slice(all),
            Data::U8(all) => all,
        }
    }
}

// Arrays are written as they stand in memory, and the file says little endian.
#[cfg(target_endian = "big")]
compile_error!("felice-study writes arrays as they stand in memory: it needs a little-endian machine");

impl Block {
    /// A block of `count` rows, nothing known of any.
    pub fn new(columns: &[Column], count: usize) -> Self {
        Block {
            columns: columns.iter().map(|c| Data::blank(c.kind, c.width * count)).collect(),
            widths: columns.iter().map(|c| c.width).collect(),
            status: vec![status::GOOD; count],
            spikes: vec![Vec::new(); count],
            failures: BTreeMap::new(),
        }
    }

    /// The same for other rows, in the memory that is there.
    pub fn renew(&mut self, count: usize) {
        self.columns.iter_mut().zip(&self.widths).for_each(|(c, width)| c.blank_again(width * count));
        self.status.clear();
        self.status.resize(count, status::GOOD);
        self.spikes.clear();
        self.spikes.resize(count, Vec::new());
        self.failures.clear();
    }

    /// Puts numbers into a row of a column.
    pub fn put(&mut self, column: usize, row: usize, numbers: impl IntoIterator<Item = f64>) {
        let width = self.widths[column];
        self.columns[column].put(row * width, width, numbers.into_iter());
    }

    /// Marks a row as failed.
    pub fn fail(&mut self, row: usize, reason: impl Into<String>) {
        self.status[row] = status::FAILED;
        self.spikes[row].clear();
        self.failures.insert(row, reason.into());
    }

    /// Takes a row's failure back, before it is tried again.
    pub fn forgive(&mut self, row: usize) {
        self.status[row] = status::GOOD;
        self.failures.remove(&row);
    }
}
