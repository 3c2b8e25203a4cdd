//! What a sweep will do, before it does anything: columns, sizes, work units.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

use felice_base::Signal;

use crate::axis::Points;
use crate::error::{StudyError, bytes};
use crate::skeleton;
use crate::study::Study;
use crate::subject::{Block, Column, Kind, Subject};

/// A share of a study's points: number `index` of `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    pub index: u64,
    /// How many there are.
    pub count: u64,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("found `{text}`, expected a shard such as 0/8, counting from 0 to 7/8");
        let (index, count) = text.split_once('/').ok_or_else(wrong)?;
        let (index, count) = (index.parse().map_err(|_| wrong())?, count.parse().map_err(|_| wrong())?);
        if index < count { Ok(Shard { index, count }) } else { Err(wrong()) }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl Shard {
    /// Its points, of `total`: all shards together are all points, each once, and no two differ by more than one point.
    pub fn range(self, total: u64) -> Range<u64> {
        let at = |i: u64| (u128::from(total) * u128::from(i) / u128::from(self.count)) as u64;
        at(self.index)..at(self.index + 1)
    }
}

/// A sweep worked out.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Outputs of fixed size: those of the subject, `status`, and with spikes `row_size`.
    pub columns: Vec<Column>,
    /// The points to run.
    pub range: Range<u64>,
    /// Whose share they are, if not all.
    pub shard: Option<Shard>,
    /// Points of a work unit.
    pub unit: u64,
    /// Whether there are spike times.
    pub spikes: bool,
    /// Their unit.
    pub spike_unit: &'static str,
    /// The axis of samples.
    pub samples: Option<Signal>,
}

/// What a sweep will take.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// Points to run.
    pub points: u64,
    /// Work units.
    pub units: u64,
    /// Bytes of the finished file.
    pub file: u64,
    /// Bytes on the disk while it is written.
    pub working: u64,
    /// Time on the threads given.
    pub time: Duration,
    /// Threads given.
    pub threads: usize,
}

/// Bytes that a unit's results aim at.
const UNIT_BYTES: u64 = 4 << 20;
/// Bytes of a unit's results at most.
const MOST_UNIT_BYTES: u64 = 256 << 20;
/// Time that a unit aims at.
const UNIT_TIME: f64 = 1.0;
/// Time given to finding out how long a point takes.
const PROBE_TIME: Duration = Duration::from_millis(50);
/// Points that a vector machine runs in the time of one, or nearly so.
const LANES: u64 = 16;
/// Bytes that a dataset's headers take.
const HEADER: u64 = 3000;
/// Time to begin and to end a sweep.
const ENDS: f64 = 0.1;
/// Bytes a second that are written, read again, hashed and synced.
const RATE: f64 = 400e6;

impl Plan {
    /// The plan for a study or one shard of it, its units so large that they take about a second.
    ///
    /// # Errors
    /// [`StudyError::Request`] where there are more shards than points.
    pub fn new(study: &Study, subject: &dyn Subject, shard: Option<Shard>, cost: &Cost) -> Result<Self, StudyError> {
        let total = study.points();
        let range = shard.map_or(0..total, |s| s.range(total));
        if range.is_empty() {
            let what = format!("{total} points cannot be shared among {} shards", shard.map_or(1, |s| s.count));
            return Err(StudyError::request(what, format!("take at most {total}")));
        }
        let mut columns = subject.columns();
        let flag = |name: &str, long_name: &str, kind| Column {
            name: name.into(),
            unit: "1".into(),
            long_name: long_name.into(),
            kind,
            width: 1,
        };
        columns.push(flag("status", "how the point went", Kind::U8));
        if subject.spikes() {
            columns.push(flag("row_size", "number of spikes of the point", Kind::U64));
        }
        let mut plan = Plan {
            columns,
            range,
            shard,
            unit: 1,
            spikes: subject.spikes(),
            spike_unit: subject.time_unit(),
            samples: subject.sample_axis(),
        };
        let by_size = UNIT_BYTES / (plan.point_bytes() + cost.spike_bytes()).max(1);
        let by_time = (UNIT_TIME / cost.seconds.max(1e-9)) as u64;
        // Enough units to keep many threads busy, not so many that a unit is less than the lanes of a vector machine.
        let by_share = (plan.points() / 32).max(64);
        let own = by_size.min(by_time).min(by_share).clamp(1, 4096);
        // A unit is held in memory, whatever the study says.
        let most = (MOST_UNIT_BYTES / plan.point_bytes().max(64)).max(1);
        plan.unit = study.unit.unwrap_or(own).min(most);
        Ok(plan)
    }

    /// Number of points.
    pub fn points(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// Number of units.
    pub fn units(&self) -> u64 {
        self.points().div_ceil(self.unit)
    }

    /// The points of a unit: index of the first, and how many.
    pub fn unit_range(&self, unit: u64) -> (u64, usize) {
        let first = self.range.start + unit * self.unit;
        (first, (self.range.end - first).min(self.unit) as usize)
    }

    /// Bytes that a point takes in the file, without its spikes.
    pub fn point_bytes(&self) -> u64 {
        self.columns.iter().map(|c| (c.kind.bytes() * c.width) as u64).sum()
    }

    /// Bytes of the file that say what the others are.
    fn headers(&self, study: &Study) -> u64 {
        let datasets = self.columns.len() + skeleton::coordinates(study, self).len() + if self.spikes { 6 } else { 4 };
        let texts = study.text.len() + study.inputs.iter().map(|i| i.text.len()).sum::<usize>();
        (datasets as u64 * HEADER + 1).next_multiple_of(1 << 16) + texts as u64
    }

    /// What it will take.
    pub fn estimate(&self, study: &Study, cost: &Cost, threads: usize) -> Estimate {
        // Products beyond 64 bits fit no disk: they saturate.
        let points = self.points();
        let times = |n: u64, bytes: u64| n.saturating_mul(bytes);
        let along = |a: &crate::axis::Axis| match (self.shard, &a.points) {
            (Some(_), _) => times(points, 8 * (1 + a.quantities().len() as u64)),
            (None, Points::Values(..)) => times(a.len, 8),
            (None, _) => times(a.len, 8 * (1 + a.quantities().len() as u64)),
        };
        let coordinates = study.axes.iter().map(along).fold(0, u64::saturating_add);
        let per_spike_row = if self.spikes { times(points, 8 * (1 + study.quantities().len() as u64)) } else { 0 };
        let spikes = (cost.spikes * 8.0 * points as f64) as u64;
        let fixed = times(points, self.point_bytes()).saturating_add(coordinates).saturating_add(per_spike_row);
        let own = self.headers(study).saturating_add(fixed).saturating_add(fixed / 500);
        let file = own.saturating_add(spikes);
        let busy = (threads as u64).clamp(1, self.units().max(1));
        let time = ENDS + points as f64 * cost.seconds / busy as f64 + file as f64 / RATE;
        Estimate {
            points,
            units: self.units(),
            file,
            working: file
                .saturating_add(spikes)
                .saturating_add(times(self.units(), 64 + 4 * self.columns.len() as u64)),
            time: Duration::try_from_secs_f64(time).unwrap_or(Duration::MAX),
            threads,
        }
    }
}

/// Points whose time is known.
#[derive(Clone, Copy, Default)]
struct Timed {
    seconds: f64,
    points: u64,
}

impl Timed {
    fn add(&mut self, time: Duration, points: u64) {
        self.seconds += time.as_secs_f64();
        self.points += points;
    }
}

/// What a point costs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Seconds on one thread.
    pub seconds: f64,
    /// Spikes.
    pub spikes: f64,
}

impl Cost {
    /// Measured on points spread over the study, for about 50 ms (one point at least).
    pub fn measure(study: &Study, subject: &dyn Subject) -> Self {
        let (total, columns) = (study.points(), subject.columns());
        let most = (subject.together() as u64).min(total);
        let (mut size, mut last) = (most.min(LANES), 0);
        let (mut tried, mut spikes) = (0, 0);
        // Points that were computed, and points that a cache had: those say nothing of the others.
        let (mut fresh, mut kept) = (Timed::default(), Timed::default());
        let begin = Instant::now();
        for round in 0..256.min(total) {
            // The golden ratio spreads points evenly whatever their number.
            let share = (round as f64 * 0.618_033_988_749_895).fract();
            let points = study.unit_points((share * (total - size + 1) as f64) as u64, size as usize);
            let rows: Vec<usize> = (0..points.count).collect();
            let mut block = Block::new(&columns, points.count);
            let (before, now) = (subject.simulations(), Instant::now());
            subject.run(&points, &rows, &mut block);
            if size != last {
                (fresh, kept, last) = (Timed::default(), Timed::default(), size);
            }
            let cached = subject.simulations().cached > before.cached;
            (if cached { &mut kept } else { &mut fresh }).add(now.elapsed(), size);
            spikes += block.spikes.iter().map(Vec::len).sum::<usize>();
            tried += size;
            size = (2 * size).min(most);
            if begin.elapsed() > PROBE_TIME {
                break;
            }
        }
        let timed = if fresh.points > 0 { fresh } else { kept };
        let each = |x: f64, n: u64| x / n.max(1) as f64;
        Cost { seconds: each(timed.seconds, timed.points), spikes: each(spikes as f64, tried) }
    }

    fn spike_bytes(&self) -> u64 {
        (self.spikes * 8.0) as u64
    }
}

impl Estimate {
    /// Fails where the disk of `target` has no room for it.
    ///
    /// # Errors
    /// [`StudyError::NoSpace`].
    pub fn check_space(&self, target: &Path) -> Result<(), StudyError> {
        match felice_store::free_space(target) {
            Some(available) if available < self.working => {
                Err(StudyError::NoSpace { path: target.to_owned(), needed: self.working, available })
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "points   {} in {} units", self.points, self.units)?;
        writeln!(f, "file     about {}", bytes(self.file))?;
        write!(f, "time     about {} on {} threads", clock(self.time), self.threads)
    }
}

/// A duration for a person.
pub fn clock(time: Duration) -> String {
    let s = time.as_secs_f64();
    match s {
        _ if s < 120.0 => format!("{s:.1} s"),
        _ if s < 7200.0 => format!("{:.0} min", s / 60.0),
        _ if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        _ => format!("{:.1} days", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_cover_every_point_once() {
        for (total, count) in [(10, 3), (7, 7), (1_000_000_000_000, 1000), (5, 1)] {
            let mut next = 0;
            for index in 0..count {
                let range = Shard { index, count }.range(total);
                assert_eq!(range.start, next);
                next = range.end;
            }
            assert_eq!(next, total);
        }
        assert_eq!("2/8".parse(), Ok(Shard { index: 2, count: 8 }));
        for wrong in ["8/8", "1", "a/b", "-1/2", "0/0", ""] {
            assert!(wrong.parse::<Shard>().unwrap_err().contains("counting from 0"), "{wrong}");
        }
    }
}
