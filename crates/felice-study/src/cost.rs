//! What a point costs, found by running a few.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use felice_store::Digest;

use crate::runner::alone;
use crate::study::Study;
use crate::subject::{Block, Data, Subject};

/// For finding out how large the units of a sweep should be, at a small part of its own cost.
pub const BRIEF: Effort = Effort { time: Duration::from_millis(50), share: 32 };
/// For an estimate that somebody reads: of points that differ much in what they cost, enough are to be seen.
pub const THOROUGH: Effort = Effort { time: Duration::from_millis(500), share: 1 };
/// Points that a vector machine runs in the time of one, or nearly so.
const LANES: u64 = 16;
/// So many times as many points in the next round: a thousand together may cost no more than a few of them.
const GROWTH: u64 = 4;
/// So many times the time given may be taken until all points run together that should.
const PATIENCE: u32 = 6;
/// Tries at most.
const MOST_ROUNDS: u64 = 4096;

/// How much is spent on finding out.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    time: Duration,
    /// One of so many points at most are run together.
    share: u64,
}

/// What a point costs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Seconds of one thread, while as many others run as the sweep will have; its hashing included.
    pub seconds: f64,
    /// Spikes.
    pub spikes: f64,
    /// So many points were run together; more may cost less each.
    pub together: u64,
}

/// Some points that were run together.
#[derive(Clone, Copy, Debug)]
struct Round {
    points: u64,
    seconds: f64,
    spikes: u64,
    /// A cache had some of them: their time says nothing of the others'.
    cached: bool,
}

impl Cost {
    /// Measured on points spread over the study (one round a thread at least), on as many threads as
    /// the sweep will have: they share the memory, and the machine with other programs.
    pub fn measure(study: &Study, subject: &dyn Subject, threads: usize, effort: Effort) -> Self {
        let total = study.points();
        let Effort { time, share } = effort;
        let most = (subject.together() as u64).min((total / share).max(LANES)).min(total);
        let (next, rounds, begin) = (AtomicU64::new(0), Mutex::new(Vec::new()), Instant::now());
        let work = || {
            let _alone = alone();
            let mut size = most.min(LANES);
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= MOST_ROUNDS.min(total) {
                    return;
                }
                // The golden ratio spreads points evenly whatever their number.
                let share = (n as f64 * 0.618_033_988_749_895).fract();
                let round = round(study, subject, (share * (total - size + 1) as f64) as u64, size);
                rounds.lock().unwrap_or_else(PoisonError::into_inner).push(round);
                let enough = if size < most { PATIENCE * time } else { time };
                if begin.elapsed() > enough {
                    return;
                }
                size = (GROWTH * size).min(most);
            }
        };
        std::thread::scope(|scope| (0..threads.max(1)).for_each(|_| drop(scope.spawn(work))));
        Self::of(&rounds.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// From the rounds of the most points, since fewer together cost more each.
    fn of(rounds: &[Round]) -> Self {
        let each = |x: f64, n: u64| x / n.max(1) as f64;
        let most = rounds.iter().map(|r| r.points).max().unwrap_or(0);
        let large = || rounds.iter().filter(|r| 2 * r.points >= most);
        let fresh = large().any(|r| !r.cached);
        let (seconds, timed) =
            large().filter(|r| !(fresh && r.cached)).fold((0.0, 0), |(s, n), r| (s + r.seconds, n + r.points));
        let (spikes, tried) = rounds.iter().fold((0, 0), |(s, n), r| (s + r.spikes, n + r.points));
        Cost { seconds: each(seconds, timed), spikes: each(spikes as f64, tried), together: most }
    }

    /// Bytes of a point's spikes.
    pub fn spike_bytes(&self) -> u64 {
        (self.spikes * 8.0) as u64
    }
}

fn round(study: &Study, subject: &dyn Subject, first: u64, size: u64) -> Round {
    let points = study.unit_points(first, size as usize);
    let rows: Vec<usize> = (0..points.count).collect();
    let mut block = Block::new(&subject.columns(), points.count);
    let (before, begin) = (subject.simulations(), Instant::now());
    subject.run(&points, &rows, &mut block);
    hash(&block);
    Round {
        points: size,
        seconds: begin.elapsed().as_secs_f64(),
        spikes: block.spikes.iter().map(|s| s.len() as u64).sum(),
        cached: subject.simulations().cached > before.cached,
    }
}

/// What becomes of a unit's bytes: they are journaled, hashed for their dataset and hashed for the file's seal.
fn hash(block: &Block) {
    for bytes in block.columns.iter().map(Data::bytes) {
        std::hint::black_box(crc32fast::hash(bytes));
        for _ in 0..2 {
            let mut digest = Digest::default();
            digest.update(bytes);
            std::hint::black_box(digest.finish());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_costs_what_it_costs_among_many() {
        let round = |points, seconds, cached| Round { points, seconds, spikes: 3 * points, cached };
        let cost = |rounds: &[Round]| Cost::of(rounds).seconds;
        let ramp = [round(16, 1.0, false), round(400, 2.0, false), round(600, 8.0, false)];
        assert_eq!(cost(&ramp), 10.0 / 1000.0, "the first, of few points, says nothing");
        assert_eq!(Cost::of(&ramp).spikes, 3.0);
        let mixed = [round(1, 1.0, false), round(1, 0.001, true), round(1, 3.0, false)];
        assert_eq!(cost(&mixed), 2.0, "what the cache had says nothing of what it has not");
        assert_eq!(cost(&[round(1, 0.25, true)]), 0.25);
        assert_eq!(cost(&[]), 0.0);
    }
}
