//! The lanes' clocks: where each neuron is on its way, and how far its next step goes.

use super::steps::{Control, Rows};
use crate::real::Lane;

/// One of each a lane.
pub(crate) struct Clocks {
    /// Time.
    pub t: Vec<f64>,
    /// Where the neuron arrives exactly: at a sample, at a change of its stimuli, or at the end.
    pub stop: Vec<f64>,
    /// The step wanted before it was cut to land on the stop.
    pub wanted: Vec<f64>,
    /// Steps attempted.
    pub steps: Vec<u64>,
    /// This step ends at the stop.
    pub lands: Vec<bool>,
}

/// What a lane's steps are held against.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub control: Control,
    pub max_steps: u64,
}

/// True where no step of this length moves the clock.
#[inline(always)]
pub(crate) fn stuck(step: f64, t: f64) -> bool {
    step.is_nan() | (step <= 1e-14 * t.max(1e-3))
}

impl Clocks {
    pub fn new(lanes: usize) -> Self {
        let zeros = || vec![0.0; lanes];
        let (steps, lands) = (vec![0; lanes], vec![false; lanes]);
        Clocks { t: zeros(), stop: zeros(), wanted: zeros(), steps, lands }
    }

    /// The next step, cut where it would pass the stop.
    #[inline(always)]
    pub fn aim<L: Lane>(&mut self, rows: &mut Rows<L>, lane: usize, accepted: bool, control: Control) {
        let h = match control {
            Control::Fixed(h) => h,
            Control::Adaptive(..) => rows.wanted.rows()[lane].to_f64(),
        };
        // An accepted step that was cut to land says nothing about the length the error allows.
        let wanted = if self.lands[lane] && accepted { h.max(self.wanted[lane]) } else { h };
        let left = self.stop[lane] - self.t[lane];
        let lands = wanted * 1.001 >= left;
        self.lands[lane] = lands;
        self.wanted[lane] = if lands { wanted.min(5.0 * left.max(1e-3)) } else { wanted };
        rows.h.rows()[lane] = L::from_f64(if lands { left } else { wanted });
    }

    /// What becomes of `lanes` after an attempt at a step, where that is nothing out of the ordinary: on to the next
    /// step. The lanes that are through: one bit a lane. The others are as they were. `inside`: lanes whose states are
    /// within their bounds.
    #[inline(always)]
    pub fn cruise<L: Lane>(&mut self, rows: &mut Rows<L>, [accepted, inside, lanes]: [u64; 3], limits: Limits) -> u64 {
        let w = rows.width;
        let (h, wanted) = (&mut rows.h.rows()[..w], &rows.wanted.rows()[..w]);
        let (t, stop, kept) = (&mut self.t[..w], &self.stop[..w], &mut self.wanted[..w]);
        let (steps, lands) = (&mut self.steps[..w], &mut self.lands[..w]);
        let fixed = match limits.control {
            Control::Fixed(h) => Some(h),
            Control::Adaptive(..) => None,
        };
        let (mut done, mut lane) = (0, 0);
        // No branches: the compiler makes vectors of this.
        while lane < w {
            let good = accepted >> lane & 1 != 0;
            let now = t[lane] + if good { h[lane].to_f64() } else { 0.0 };
            let next = match fixed {
                Some(h) => h,
                None => wanted[lane].to_f64(),
            };
            let ordinary = !(good & lands[lane]) & !stuck(next, now) & (steps[lane] + 1 < limits.max_steps);
            let through = ordinary & ((inside & lanes) >> lane & 1 != 0);
            let left = stop[lane] - now;
            let arrives = next * 1.001 >= left;
            let cut = if arrives { left } else { next };
            let keep = if arrives { next.min(5.0 * left.max(1e-3)) } else { next };
            t[lane] = if through { now } else { t[lane] };
            steps[lane] += u64::from(through);
            lands[lane] = if through { arrives } else { lands[lane] };
            kept[lane] = if through { keep } else { kept[lane] };
            h[lane] = if through { L::from_f64(cut) } else { h[lane] };
            done |= u64::from(through) << lane;
            lane += 1;
        }
        done
    }
}
