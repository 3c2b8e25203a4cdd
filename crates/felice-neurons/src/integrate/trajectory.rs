//! [`Trajectory`]: what a run gives.

use std::fmt;

use felice_base::Sampled;

/// One integrated trajectory.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory {
    /// The states along the axis `t`, at the times asked for, as far as the run went.
    pub sampled: Sampled,
    /// Every occurrence of every event, in order of time.
    pub occurrences: Vec<Occurrence>,
    /// Time reached.
    pub t_final: f64,
    /// State there.
    pub final_state: Vec<f64>,
    /// The event (index in [`Run::events`](crate::Run::events)) that ended the run before its time, if one did.
    pub stopped_by: Option<usize>,
    /// Work done.
    pub work: Work,
    /// Whether the digits mean anything.
    pub conditioning: Conditioning,
}

impl Trajectory {
    /// Times of the occurrences of event `event`.
    pub fn times_of(&self, event: usize) -> Vec<f64> {
        self.occurrences.iter().filter(|o| o.event == event).map(|o| o.t).collect()
    }
}

/// An event that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Occurrence {
    /// Index in [`Run::events`](crate::Run::events).
    pub event: usize,
    /// When, to 1e-10 of the unit of time or better.
    pub t: f64,
    /// The state then.
    pub state: Vec<f64>,
}

/// Work done by a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Evaluations of the field by the integrator.
    pub evaluations: u64,
    /// Evaluations of the field to locate events.
    pub event_evaluations: u64,
    /// Steps accepted.
    pub accepted: u64,
    /// Steps rejected.
    pub rejected: u64,
}

/// How much a trajectory amplifies a perturbation, and whether roundoff has decided where it went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditioning {
    /// Largest growth of a small perturbation between any two times of the run.
    pub growth: f64,
    /// When the run stopped being a reference, and why; `None`: it is one.
    pub lost: Option<Lost>,
}

/// When and why a trajectory's digits stopped meaning anything.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lost {
    /// From this time on.
    pub t: f64,
    /// Why.
    pub why: Why,
}

/// Why a trajectory is ill-conditioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Perturbations, roundoff among them, grow by more than 1/√eps.
    Growth,
    /// The potentials merged onto the diagonal; roundoff decides when they leave it.
    Diagonal,
}

impl Conditioning {
    /// True where the digits mean something.
    pub fn is_good(&self) -> bool {
        self.lost.is_none()
    }
}

impl fmt::Display for Conditioning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.lost {
            None => write!(f, "well-conditioned: perturbations grow at most {:.3e} times", self.growth),
            Some(Lost { t, why: Why::Growth }) => {
                write!(f, "ill-conditioned: from t = {t:.6} on roundoff, grown {:.3e} times, decides", self.growth)
            }
            Some(Lost { t, why: Why::Diagonal }) => {
                write!(f, "ill-conditioned: from t = {t:.6} the state is on the diagonal, which only roundoff leaves")
            }
        }
    }
}
