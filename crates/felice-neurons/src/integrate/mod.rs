//! Trajectories: what to run ([`Run`]), what comes out ([`Trajectory`]), and the way between.
//!
//! `ode_solvers` makes the steps ([`stepper`]), [`record`] takes them; from the stages evaluated [`dense`] gets each
//! step's dense output, at no further evaluation; [`watch`] finds roots of event functions in it; [`simulate`] goes from
//! one change (of a stimulus, of a rail) to the next.

mod conditioning;
mod dense;
mod equations;
mod record;
mod run;
mod simulate;
mod stepper;
mod stimulus;
#[cfg(test)]
mod tests;
mod trajectory;
mod watch;

pub use run::{Direction, Event, Method, Precision, Run, Sampling, Trigger};
pub(crate) use stimulus::Stimuli;
pub use stimulus::Stimulus;
pub use trajectory::{Conditioning, Lost, Occurrence, Trajectory, Why, Work};
pub(crate) use watch::{Watch, Watched, roots};
