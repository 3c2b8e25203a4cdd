//! What is measured of a circuit against its model, and what may be asked of it.

use std::fmt;

use felice_base::Unit;

use crate::numbers::written;

/// A measure of how far a circuit is from its equations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MetricName {
    /// Root of the mean square difference, over time and the states that are voltages.
    Rms,
    /// Largest difference of any state that is a voltage at any time.
    MaxError,
    /// Root of the mean, over states, of (RMS difference / the model's range)².
    Nrmse,
    /// Circuit's period over the model's: slope of its crossing times against the model's, crossing by crossing.
    PeriodRatio,
    /// Circuit's amplitude over the model's (see [`crate::Oscillation::amplitude`]).
    AmplitudeRatio,
    /// Circuit's decay rate, per τ.
    DecayRate,
    /// Circuit's decay rate over the model's.
    DecayRateRatio,
    /// Circuit's period in seconds.
    Period,
    /// 1 where circuit and model rest at the same fixed point of the model, 0 where not.
    FixedPoint,
    /// Distance between the points where they rest.
    FixedPointDistance,
    /// Largest difference between the times of matching spikes, in τ.
    SpikeTimeError,
    /// Largest departure of an extracted parameter from its designed value, over the tolerance designed for it.
    DesignError,
}

/// Every metric, in the order of tables.
pub const METRICS: [MetricName; 12] = [
    MetricName::Rms,
    MetricName::MaxError,
    MetricName::Nrmse,
    MetricName::PeriodRatio,
    MetricName::AmplitudeRatio,
    MetricName::DecayRateRatio,
    MetricName::FixedPoint,
    MetricName::FixedPointDistance,
    MetricName::SpikeTimeError,
    MetricName::DesignError,
    MetricName::Period,
    MetricName::DecayRate,
];

impl MetricName {
    /// Name in case files and results: `period_ratio`.
    pub fn name(self) -> &'static str {
        self.described().0
    }

    /// In words.
    pub fn long_name(self) -> &'static str {
        self.described().1
    }

    /// Unit of its value.
    pub fn unit(self) -> Unit {
        match self {
            MetricName::Rms | MetricName::MaxError | MetricName::FixedPointDistance => Unit::VOLT,
            MetricName::Period => Unit::SECOND,
            _ => Unit::ONE,
        }
    }

    fn described(self) -> (&'static str, &'static str) {
        match self {
            MetricName::Rms => ("rms", "RMS difference of circuit and model"),
            MetricName::MaxError => ("max_error", "largest difference of circuit and model"),
            MetricName::Nrmse => ("nrmse", "RMS difference over the model's range"),
            MetricName::PeriodRatio => ("period_ratio", "period, circuit over model"),
            MetricName::AmplitudeRatio => ("amplitude_ratio", "amplitude, circuit over model"),
            MetricName::DecayRate => ("decay_rate", "decay rate of the circuit per tau"),
            MetricName::DecayRateRatio => ("decay_rate_ratio", "decay rate, circuit over model"),
            MetricName::Period => ("period", "period of the circuit"),
            MetricName::FixedPoint => ("fixed_point", "1 where both rest at the same fixed point of the model"),
            MetricName::FixedPointDistance => ("fixed_point_distance", "distance between the points of rest"),
            MetricName::DesignError => ("design_error", "departure of a parameter from its design, over its tolerance"),
            MetricName::SpikeTimeError => ("spike_time_error", "largest difference of spike times, in tau"),
        }
    }
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a metric must stay within.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// Smallest value allowed, −∞ where none is given.
    pub min: f64,
    /// Largest value allowed, +∞ where none is given.
    pub max: f64,
    /// Why it is what it is.
    pub why: String,
}

impl Limit {
    /// How far from its ideal a value may go: half the width of a band, the size of a single bound.
    pub fn tolerance(&self) -> f64 {
        match (self.min.is_finite(), self.max.is_finite()) {
            (true, true) => 0.5 * (self.max - self.min),
            (true, false) => self.min.abs(),
            _ => self.max.abs(),
        }
    }

    /// How far outside a value lies; 0 inside. A value that is no number lies infinitely far outside.
    pub fn excess(&self, value: f64) -> f64 {
        if value.is_nan() { f64::INFINITY } else { (self.min - value).max(value - self.max).max(0.0) }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min.is_finite(), self.max.is_finite()) {
            (true, true) => write!(f, "{} … {}", written(self.min), written(self.max)),
            (true, false) => write!(f, "≥ {}", written(self.min)),
            _ => write!(f, "≤ {}", written(self.max)),
        }
    }
}

/// A measured metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Which.
    pub name: MetricName,
    /// Its value; NaN where it could not be measured.
    pub value: f64,
    /// Standard error of the fit that gave it.
    pub statistical: f64,
    /// Change when the model's integrator is tightened.
    pub numerical_model: f64,
    /// Change when the circuit's simulator is tightened.
    pub numerical_circuit: f64,
    /// What it must stay within; `None` where the case asks nothing.
    pub limit: Option<Limit>,
    /// Why it could not be measured.
    pub missing: Option<String>,
}

/// What became of a metric or a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Within its limits, with numerical errors well under them.
    Passed,
    /// Outside its limits.
    Failed,
    /// Not known: its own numerical error is not well under the limit.
    Unresolved,
    /// Measured, nothing asked.
    Reported,
}

impl Status {
    /// One word, as it stands in files.
    pub fn word(self) -> &'static str {
        match self {
            Status::Passed => "passed",
            Status::Failed => "failed",
            Status::Unresolved => "unresolved",
            Status::Reported => "reported",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A numerical error up to this part of a limit's tolerance is well under it.
pub const RESOLVED: f64 = 1.0 / 3.0;

impl Metric {
    /// Change under tightening of both sides.
    pub fn numerical(&self) -> f64 {
        self.numerical_model + self.numerical_circuit
    }

    /// Fit and numerical errors together.
    pub fn uncertainty(&self) -> f64 {
        self.statistical.hypot(self.numerical())
    }

    /// What is asked of it, with its unit; empty where nothing is.
    pub fn asked(&self) -> String {
        let unit = self.name.unit();
        match &self.limit {
            None => String::new(),
            Some(limit) if unit == Unit::ONE => limit.to_string(),
            Some(limit) => format!("{limit} {unit}"),
        }
    }

    /// Whether it holds. A value further outside its limit than three times its own numerical error is wrong however
    /// large that error is.
    pub fn status(&self) -> Status {
        let Some(limit) = &self.limit else { return Status::Reported };
        let excess = limit.excess(self.value);
        let small = self.numerical() < RESOLVED * limit.tolerance() || self.numerical() == 0.0;
        let plainly_outside = excess > 3.0 * self.numerical();
        match () {
            () if self.value.is_nan() => Status::Failed,
            () if !small && !plainly_outside => Status::Unresolved,
            () if excess > 0.0 => Status::Failed,
            () => Status::Passed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(value: f64, numerical: f64, min: f64, max: f64) -> Status {
        Metric {
            name: MetricName::Nrmse,
            value,
            statistical: 0.0,
            numerical_model: 0.5 * numerical,
            numerical_circuit: 0.5 * numerical,
            limit: Some(Limit { min, max, why: String::new() }),
            missing: None,
        }
        .status()
    }

    #[test]
    fn wrong_and_unresolved_are_told_apart() {
        let none = f64::NEG_INFINITY;
        assert_eq!(metric(0.9e-5, 1e-6, none, 1e-5), Status::Passed);
        assert_eq!(metric(1.1e-5, 1e-6, none, 1e-5), Status::Failed);
        assert_eq!(metric(0.2e-5, 4e-6, none, 1e-5), Status::Unresolved, "inside, but nobody knows");
        assert_eq!(metric(1.5e-5, 4e-6, none, 1e-5), Status::Unresolved);
        assert_eq!(metric(0.1, 4e-6, none, 1e-5), Status::Failed, "far outside whatever the error");
        assert_eq!(metric(1.01, 4e-3, 0.985, 1.015), Status::Passed);
        assert_eq!(metric(1.01, 6e-3, 0.985, 1.015), Status::Unresolved);
        assert_eq!(metric(f64::NAN, 0.0, none, 1.0), Status::Failed);
        assert_eq!(metric(0.5, f64::NAN, none, 1.0), Status::Unresolved);
        assert_eq!(metric(1.0, 0.0, 1.0, 1.0), Status::Passed, "an exact demand, exactly met");
    }
}
