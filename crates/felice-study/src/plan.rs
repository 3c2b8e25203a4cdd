//! What a sweep will do, before it does anything: columns, sizes, work units.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use felice_base::Signal;

use crate::cost::Cost;
use crate::error::StudyError;
use crate::skeleton;
use crate::study::Study;
use crate::subject::{Column, Kind, Subject};

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

/// Bytes that a unit's results aim at.
const UNIT_BYTES: u64 = 4 << 20;
/// Bytes of a unit's results at most.
const MOST_UNIT_BYTES: u64 = 256 << 20;
/// Time that a unit aims at.
const UNIT_TIME: f64 = 1.0;
/// So many times less a point may cost among all that should run together than among the few that were tried.
const GAIN: f64 = 8.0;
/// Bytes that a dataset's headers take.
const HEADER: u64 = 3000;

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
        // What is known of a few points says too much of many: they are believed to cost less.
        let gain = if cost.together < subject.together() as u64 { GAIN } else { 1.0 };
        let by_time = (gain * UNIT_TIME / cost.seconds.max(1e-9)) as u64;
        // Enough units to keep many threads busy, not so many that points run alone which cost less together.
        let together = (subject.together() as u64).min((plan.points() / 8).max(64));
        let by_share = (plan.points() / 32).max(together);
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
    pub(crate) fn headers(&self, study: &Study) -> u64 {
        let datasets = self.columns.len() + skeleton::coordinates(study, self).len() + if self.spikes { 6 } else { 4 };
        let texts = study.text.len() + study.inputs.iter().map(|i| i.text.len()).sum::<usize>();
        (datasets as u64 * HEADER + 1).next_multiple_of(1 << 16) + texts as u64
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
