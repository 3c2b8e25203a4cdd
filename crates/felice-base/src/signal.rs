//! Sampled signals: the one way to say "these numbers, in this unit, along this axis".

use std::borrow::Cow;
use std::fmt;

/// A unit in SI spelling (`V`, `s`, `A`, `Hz`), or `1` for a dimensionless quantity.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unit(Cow<'static, str>);

impl Unit {
    /// Dimensionless.
    pub const ONE: Unit = Unit(Cow::Borrowed("1"));
    /// Volt.
    pub const VOLT: Unit = Unit(Cow::Borrowed("V"));
    /// Ampere.
    pub const AMPERE: Unit = Unit(Cow::Borrowed("A"));
    /// Second.
    pub const SECOND: Unit = Unit(Cow::Borrowed("s"));

    /// Any other unit, as it should stand in a file's `units` attribute.
    pub fn new(symbol: impl Into<Cow<'static, str>>) -> Self {
        Unit(symbol.into())
    }

    /// The symbol, as written into files.
    pub fn symbol(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One named column of numbers with a unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// Short name: a state (`u`), a SPICE vector (`v(u)`), a parameter.
    pub name: String,
    /// Unit of every value.
    pub unit: Unit,
    /// What it is, in words; goes into a file's `long_name`.
    pub long_name: String,
    /// The numbers, one a sample.
    pub values: Vec<f64>,
}

impl Signal {
    /// A signal from its parts.
    pub fn new(name: impl Into<String>, unit: Unit, long_name: impl Into<String>, values: Vec<f64>) -> Self {
        Signal { name: name.into(), unit, long_name: long_name.into(), values }
    }
}

/// Signals sampled together along one axis (usually time). Every signal is as long as the axis, names are unique.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampled {
    axis: Signal,
    signals: Vec<Signal>,
}

/// Signals that do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A signal's length differs from the axis'.
    #[error(
        "signal `{name}` has {len} samples but the axis `{axis}` has {axis_len}; give every signal one value a sample"
    )]
    Length {
        /// The signal.
        name: String,
        /// Its length.
        len: usize,
        /// The axis.
        axis: String,
        /// The axis' length.
        axis_len: usize,
    },
    /// Two signals of one name.
    #[error("two signals are called `{name}`; names must be unique")]
    Duplicate {
        /// The name.
        name: String,
    },
}

impl Sampled {
    /// Puts an axis and its signals together.
    ///
    /// # Errors
    /// [`ShapeError`] where a length differs from the axis' or a name stands twice.
    pub fn new(axis: Signal, signals: Vec<Signal>) -> Result<Self, ShapeError> {
        for (i, s) in signals.iter().enumerate() {
            if s.values.len() != axis.values.len() {
                return Err(ShapeError::Length {
                    name: s.name.clone(),
                    len: s.values.len(),
                    axis: axis.name.clone(),
                    axis_len: axis.values.len(),
                });
            }
            if s.name == axis.name || signals[..i].iter().any(|t| t.name == s.name) {
                return Err(ShapeError::Duplicate { name: s.name.clone() });
            }
        }
        Ok(Sampled { axis, signals })
    }

    /// The axis.
    pub fn axis(&self) -> &Signal {
        &self.axis
    }

    /// Every signal, in order.
    pub fn signals(&self) -> &[Signal] {
        &self.signals
    }

    /// The signal of that name.
    pub fn get(&self, name: &str) -> Option<&Signal> {
        self.signals.iter().find(|s| s.name == name)
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.axis.values.len()
    }

    /// True where there is no sample.
    pub fn is_empty(&self) -> bool {
        self.axis.values.is_empty()
    }

    /// Axis and signals, taken apart.
    pub fn into_parts(self) -> (Signal, Vec<Signal>) {
        (self.axis, self.signals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, values: &[f64]) -> Signal {
        Signal::new(name, Unit::VOLT, name, values.to_vec())
    }

    #[test]
    fn lengths_and_names_are_checked() {
        let t = Signal::new("t", Unit::SECOND, "time", vec![0.0, 1.0]);
        assert!(Sampled::new(t.clone(), vec![column("u", &[0.0, 1.0])]).is_ok());
        assert!(matches!(Sampled::new(t.clone(), vec![column("u", &[0.0])]), Err(ShapeError::Length { .. })));
        let twice = vec![column("u", &[0.0, 1.0]), column("u", &[0.0, 1.0])];
        assert!(matches!(Sampled::new(t, twice), Err(ShapeError::Duplicate { .. })));
    }
}
