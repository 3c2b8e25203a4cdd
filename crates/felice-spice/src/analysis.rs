//! Analyses a netlist or a caller asks for: operating point, DC sweep, transient, and measurements on their results.

use felice_base::Unit;

use crate::simulation::unit_of;

/// One analysis.
#[derive(Clone, Debug, PartialEq)]
pub enum Analysis {
    /// `.op`
    Op,
    /// `.dc`
    Dc(Vec<Sweep>),
    /// `.tran`
    Tran(Tran),
}

impl Analysis {
    /// `op`, `dc` or `tran`.
    pub fn kind(&self) -> &'static str {
        match self {
            Analysis::Op => "op",
            Analysis::Dc(_) => "dc",
            Analysis::Tran(_) => "tran",
        }
    }
}

/// One source of a DC sweep; with two, the first is the inner (fast) one, as in SPICE.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// Name of an independent source (V or I), lower case.
    pub source: String,
    /// First value.
    pub start: f64,
    /// Last value.
    pub stop: f64,
    /// Step, not 0, of the sign that leads from start to stop.
    pub step: f64,
}

impl Sweep {
    /// The values swept, both ends included (the last within half a step's rounding).
    pub fn values(&self) -> Vec<f64> {
        let count = ((self.stop - self.start) / self.step * (1.0 + 1e-12) + 1e-9).floor().max(0.0);
        (0..=count as usize).map(|i| self.start + i as f64 * self.step).collect()
    }
}

/// A transient, times in seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Tran {
    /// Printing step of the netlist: a hint for a first step, the spacing of ngspice's interpolated output.
    pub step: f64,
    /// End.
    pub stop: f64,
    /// Nothing before is saved.
    pub start: f64,
    /// Largest step an engine may take.
    pub max_step: Option<f64>,
    /// Start from `.ic` and `ic=` alone, without an operating point.
    pub uic: bool,
}

/// A `.meas` line: a number computed from a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// Its name, lower case.
    pub name: String,
    /// The analysis it belongs to: `tran`, `dc` or `op`.
    pub analysis: String,
    /// What is computed.
    pub what: MeasureKind,
}

/// Forms of `.meas`. Vectors are SPICE names (`v(u)`, `v(a,b)`, `i(vdd)`).
#[derive(Clone, Debug, PartialEq)]
pub enum MeasureKind {
    /// `MIN|MAX|PP|AVG|RMS|INTEG vector [from= to=]`
    Reduce {
        /// How.
        how: Reduction,
        /// Of what.
        vector: String,
        /// First axis value looked at.
        from: Option<f64>,
        /// Last axis value looked at.
        to: Option<f64>,
    },
    /// `MIN_AT|MAX_AT vector [from= to=]`: the axis value of the extreme.
    ExtremeAt {
        /// The largest, not the smallest.
        largest: bool,
        /// Of what.
        vector: String,
        /// First axis value looked at.
        from: Option<f64>,
        /// Last axis value looked at.
        to: Option<f64>,
    },
    /// `FIND vector AT=x`
    FindAt {
        /// Of what.
        vector: String,
        /// Axis value.
        at: f64,
    },
    /// `FIND vector WHEN ...`
    FindWhen {
        /// Of what.
        vector: String,
        /// When.
        when: Crossing,
    },
    /// `WHEN vector=value ...`: the axis value of the crossing.
    When(Crossing),
    /// `TRIG ... TARG ...`: axis distance between two events.
    Delay {
        /// From.
        trigger: Event,
        /// To.
        target: Event,
    },
}

/// What begins or ends a delay.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// `AT=x`
    At(f64),
    /// A crossing.
    Crossing(Crossing),
}

impl Event {
    fn vector(&self) -> Option<&String> {
        match self {
            Event::At(_) => None,
            Event::Crossing(c) => Some(&c.vector),
        }
    }
}

impl MeasureKind {
    /// The vectors it looks at.
    pub fn vectors(&self) -> impl Iterator<Item = &str> {
        let (a, b) = match self {
            MeasureKind::Reduce { vector, .. }
            | MeasureKind::ExtremeAt { vector, .. }
            | MeasureKind::FindAt { vector, .. } => (Some(vector), None),
            MeasureKind::FindWhen { vector, when } => (Some(vector), Some(&when.vector)),
            MeasureKind::When(when) => (Some(&when.vector), None),
            MeasureKind::Delay { trigger, target } => (trigger.vector(), target.vector()),
        };
        a.into_iter().chain(b).map(String::as_str)
    }

    /// The unit of what is measured along an axis of this unit.
    pub fn unit(&self, axis: &Unit) -> Unit {
        match self {
            MeasureKind::Reduce { how: Reduction::Integral, vector, .. } => {
                Unit::new(format!("{} {}", unit_of(vector).symbol(), axis.symbol()))
            }
            MeasureKind::Reduce { vector, .. }
            | MeasureKind::FindAt { vector, .. }
            | MeasureKind::FindWhen { vector, .. } => unit_of(vector),
            MeasureKind::ExtremeAt { .. } | MeasureKind::When(_) | MeasureKind::Delay { .. } => axis.clone(),
        }
    }
}

/// How a range of a vector is reduced to a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Smallest.
    Min,
    /// Largest.
    Max,
    /// Largest minus smallest.
    PeakToPeak,
    /// Mean over the axis.
    Average,
    /// Root of the mean square over the axis.
    Rms,
    /// Integral over the axis.
    Integral,
}

/// A vector passing a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Crossing {
    /// Which vector.
    pub vector: String,
    /// The value passed.
    pub value: f64,
    /// In which direction.
    pub edge: Edge,
    /// Which passage, from 1; 0 for the last.
    pub count: usize,
    /// Passages before this axis value do not count.
    pub after: f64,
}

/// Direction of a crossing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Upwards.
    Rise,
    /// Downwards.
    Fall,
    /// Either.
    Cross,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_include_both_ends() {
        let s = Sweep { source: "v1".into(), start: 0.0, stop: 1.0, step: 0.1 };
        assert_eq!(s.values().len(), 11);
        let down = Sweep { source: "v1".into(), start: 1.0, stop: 0.0, step: -0.25 };
        assert_eq!(down.values(), [1.0, 0.75, 0.5, 0.25, 0.0]);
        let short = Sweep { source: "v1".into(), start: 0.0, stop: 1.0, step: 0.3 };
        assert_eq!(short.values().len(), 4);
    }
}
