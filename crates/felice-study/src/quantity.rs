//! What an axis can vary.

/// A quantity of a study's model or circuit.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// As written in the study: `alpha`, `initial.u`, `card.circuit.Ibias`.
    pub key: String,
    /// As called in the file: `alpha`, `initial_u`, `card_circuit_Ibias`.
    pub name: String,
    /// Unit.
    pub unit: String,
    /// What it is.
    pub long_name: String,
    /// What it may be.
    pub holds: Holds,
    /// What it sets.
    pub target: Target,
}

/// What a quantity sets.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A parameter of the model, or of the netlist.
    Parameter(String),
    /// The initial value of a state, or of a node.
    Initial(String),
    /// A number of the stimulus with this index.
    Stimulus(usize, StimulusField),
    /// A quantity of the device card: table and key.
    Card(String, String),
    /// The temperature.
    Temperature,
    /// The threshold of every transistor of a channel.
    Threshold(Channel),
    /// The current factor of every transistor of a channel.
    Current(Channel),
}

/// n or p.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// nFETs.
    N,
    /// pFETs.
    P,
}

/// A number of a stimulus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StimulusField {
    /// Current or weight.
    Amplitude,
    /// When it begins.
    From,
    /// When it ends.
    To,
}

/// The values that a quantity may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Holds {
    /// A parameter of a neuron.
    Neuron(felice_neurons::Range),
    /// A quantity of a card.
    Card(felice_subthreshold::card::Range),
}

impl Holds {
    /// Any finite number.
    pub const FINITE: Holds = Holds::Neuron(felice_neurons::Range::Finite);
    /// Any finite number above 0.
    pub const POSITIVE: Holds = Holds::Neuron(felice_neurons::Range::Positive);
    /// Any finite number from 0 on.
    pub const NOT_NEGATIVE: Holds = Holds::Neuron(felice_neurons::Range::NonNegative);

    /// True where it may be `x`.
    pub fn contains(self, x: f64) -> bool {
        match self {
            Holds::Neuron(range) => range.contains(x),
            Holds::Card(range) => range.holds(x),
        }
    }

    /// What it may be, in words.
    pub fn words(self) -> String {
        match self {
            Holds::Neuron(range) => range.to_string(),
            Holds::Card(range) => range.words().to_owned(),
        }
    }
}

impl Quantity {
    /// A quantity called as it is written, with dots and brackets replaced where a file's reader would stumble.
    pub fn new(key: &str, unit: &str, long_name: impl Into<String>, holds: Holds, target: Target) -> Self {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
        let name: String = key.chars().map(plain).collect();
        let (key, unit) = (key.to_owned(), unit.to_owned());
        Quantity { key, name, unit, long_name: long_name.into(), holds, target }
    }

    /// For tests: any number, under this name.
    #[cfg(test)]
    pub fn plain(name: &str) -> Self {
        Quantity::new(name, "1", name, Holds::FINITE, Target::Parameter(name.into()))
    }
}
