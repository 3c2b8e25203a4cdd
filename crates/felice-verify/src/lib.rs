//! Does the circuit do what the equations say? Comparison, uncertainty, report.

mod case;
mod compare;
mod error;
mod grid;
mod metric;
mod oscillation;

pub use case::{Binding, Case, ENGINES, Level, Source};
pub use compare::{Channel, Comparison, Landmarks, Waves};
pub use error::VerifyError;
pub use metric::{Limit, METRICS, Metric, MetricName, RESOLVED, Status};
pub use oscillation::{Estimate, Motion, Oscillation, analyse};
