//! Does the circuit do what the equations say? Comparison, uncertainty, report.

mod case;
mod compare;
mod diagnosis;
mod error;
pub mod extraction;
pub mod figure;
mod fit;
mod grid;
mod junit;
mod metric;
mod numbers;
mod once;
mod oscillation;
mod parameters;
mod pictures;
mod plot;
mod report;
mod results;
#[cfg(test)]
mod specimen;
mod table;
mod trajectory;
mod verdict;
mod verify;

pub use case::{Binding, Case, ENGINES, Level, Source};
pub use compare::{Channel, Comparison, Landmarks, Waves};
pub use error::VerifyError;
pub use fit::{Agreement, Fit, FitOptions, FittedParameter, TIME_UNIT, fit_case, write_fit};
pub use grid::rising;
pub use junit::write_junit;
pub use metric::{Limit, METRICS, Metric, MetricName, RESOLVED, Status};
pub use once::{Found, compare_once};
pub use oscillation::{Estimate, Motion, Oscillation, analyse};
pub use parameters::{Prepared, UsedParameter};
pub use pictures::pictures;
pub use plot::{Drawing, Plot, PlotError, PlotKind, plot};
pub use report::write_report;
pub use results::write_results;
pub use table::table;
pub use verdict::{CircuitRun, Outcome, Verdict, Verdicts};
pub use verify::{Progress, VerifyOptions, verify, verify_case};
