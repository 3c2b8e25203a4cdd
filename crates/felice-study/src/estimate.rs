//! What a sweep will take.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::axis::{Axis, Points};
use crate::cost::Cost;
use crate::error::{StudyError, bytes};
use crate::plan::Plan;
use crate::study::Study;

/// Time to begin and to end a sweep, without its syncs.
const ENDS: f64 = 0.05;
/// Syncs of files and folders that a sweep waits for in any case.
const SYNCS: f64 = 10.0;
/// Bytes a second that one thread hands to the system and reads back.
const MOVED: f64 = 1e9;
/// Bytes that are written to find out how fast a disk is.
const TRIED: usize = 16 << 20;

/// A disk.
#[derive(Clone, Copy, Debug)]
pub struct Disk {
    /// Seconds that a sync of next to nothing takes.
    pub sync: f64,
    /// Bytes a second that it takes.
    pub rate: f64,
}

impl Disk {
    /// One of which nothing is known.
    pub const UNKNOWN: Self = Disk { sync: 0.005, rate: 400e6 };

    /// The one under a path, tried; with as many bytes as are to be written if those are few.
    pub fn of(path: &Path, bytes: u64) -> Self {
        let sync = felice_store::write_time(path, 4096).map_or(Self::UNKNOWN.sync, |t| t.as_secs_f64());
        if bytes < TRIED as u64 {
            return Disk { sync, ..Self::UNKNOWN };
        }
        let rate = felice_store::write_time(path, TRIED).map(|t| TRIED as f64 / t.as_secs_f64().max(1e-9));
        Disk { sync, rate: rate.unwrap_or(Self::UNKNOWN.rate) }
    }
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

impl Plan {
    /// What it will take on such a disk.
    pub fn estimate(&self, study: &Study, cost: &Cost, threads: usize, disk: Disk) -> Estimate {
        // Products beyond 64 bits fit no disk: they saturate.
        let points = self.points();
        let times = |n: u64, bytes: u64| n.saturating_mul(bytes);
        let along = |a: &Axis| match (self.shard, &a.points) {
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
        Estimate {
            points,
            units: self.units(),
            file,
            working: file
                .saturating_add(spikes)
                .saturating_add(times(self.units(), 64 + 4 * self.columns.len() as u64)),
            time: Duration::try_from_secs_f64(self.seconds(cost, threads, file, disk)).unwrap_or(Duration::MAX),
            threads,
        }
    }

    /// Threads take units until none is left: the last of them leave some threads idle. Meanwhile the disk writes.
    fn seconds(&self, cost: &Cost, threads: usize, file: u64, disk: Disk) -> f64 {
        let busy = (threads as u64).clamp(1, self.units().max(1));
        let longest = self.units().div_ceil(busy).saturating_mul(self.unit).min(self.points());
        let thread = longest as f64 * cost.seconds + file as f64 / (MOVED * busy as f64);
        ENDS + SYNCS * disk.sync + thread.max(file as f64 / disk.rate)
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

    fn plan(points: u64, unit: u64) -> Plan {
        let (columns, range) = (Vec::new(), 10..10 + points);
        Plan { columns, range, shard: None, unit, spikes: false, spike_unit: "1", samples: None }
    }

    #[test]
    fn the_last_units_leave_threads_idle() {
        let cost = Cost { seconds: 0.5, spikes: 0.0, together: 1 };
        let disk = Disk { sync: 0.01, rate: 1e9 };
        let seconds = |points, unit, threads| plan(points, unit).seconds(&cost, threads, 0, disk) - ENDS - 0.1;
        for (points, unit, threads, expected) in [
            (192, 64, 1, 96.0),
            (192, 64, 2, 64.0),
            (192, 64, 3, 32.0),
            (192, 64, 100, 32.0),
            (10, 64, 8, 5.0),
            (1_000_000, 1000, 2, 250_000.0),
        ] {
            assert!((seconds(points, unit, threads) - expected).abs() < 1e-9, "{points} by {unit} on {threads}");
        }
    }

    #[test]
    fn a_file_costs_its_copies_or_its_disk() {
        let cost = Cost { seconds: 1e-3, spikes: 0.0, together: 1 };
        let seconds =
            |threads, file, rate| plan(4000, 100).seconds(&cost, threads, file, Disk { sync: 0.0, rate }) - ENDS;
        assert!((seconds(2, 8_000_000_000, 1e12) - (2.0 + 4.0)).abs() < 1e-9, "threads share the copying");
        assert!((seconds(4, 8_000_000_000, 1e12) - (1.0 + 2.0)).abs() < 1e-9);
        for threads in [2, 4] {
            assert!((seconds(threads, 8_000_000_000, 1e8) - 80.0).abs() < 1e-9, "a slow disk is slow for all");
        }
    }
}
