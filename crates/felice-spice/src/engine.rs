//! The narrow trait behind which every engine stands, and the settings it is given.

use std::fmt;
use std::time::Duration;

use crate::error::SpiceError;
pub use crate::job::Job;
use crate::simulation::Simulation;

/// The engines there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EngineName {
    /// Ours, embedded.
    Native,
    /// The spawned `ngspice -b`.
    Ngspice,
    /// The crate spice21: default-card BSIM4, an independent second implementation.
    Spice21,
}

impl fmt::Display for EngineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EngineName::Native => "native",
            EngineName::Ngspice => "ngspice",
            EngineName::Spice21 => "spice21",
        })
    }
}

/// How exact a result should be; what an engine makes of it is reported in [`Simulation::options`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Accuracy {
    /// About 1e-4 V rms over a ring-down.
    Normal,
    /// About 1e-5 V: for comparisons against a model.
    #[default]
    Tight,
    /// As exact as the engine goes in reasonable time (1e-6 V and below): for comparisons between engines.
    Reference,
}

impl Accuracy {
    /// Largest step of a transient, as a share of its length, for engines of fixed low order (ngspice's trapezoidal rule).
    pub fn steps_of_trapezoidal(self) -> f64 {
        match self {
            Accuracy::Normal => 4_000.0,
            Accuracy::Tight => 20_000.0,
            Accuracy::Reference => 100_000.0,
        }
    }

    /// Relative tolerance on the local error for engines with error control.
    pub fn reltol(self) -> f64 {
        match self {
            Accuracy::Normal => 1e-6,
            Accuracy::Tight => 1e-8,
            Accuracy::Reference => 1e-10,
        }
    }

    /// Absolute tolerance on voltages (V) for engines with error control.
    pub fn vntol(self) -> f64 {
        match self {
            Accuracy::Normal => 1e-7,
            Accuracy::Tight => 1e-9,
            Accuracy::Reference => 1e-11,
        }
    }
}

/// The one place for an engine's settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How exact.
    pub accuracy: Accuracy,
    /// Relative tolerance instead of the one that `accuracy` means.
    pub reltol: Option<f64>,
    /// Absolute tolerance on voltages (V) instead.
    pub vntol: Option<f64>,
    /// Absolute tolerance on currents (A) instead.
    pub abstol: Option<f64>,
    /// Largest step of a transient (s), below what the netlist and `accuracy` allow.
    pub max_step: Option<f64>,
    /// This many equally spaced points of a transient, both ends included, instead of the engine's own.
    pub samples: Option<usize>,
    /// Wall-clock limit of one run.
    pub time_limit: Duration,
    /// Look into and write the cache.
    pub cache: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            accuracy: Accuracy::default(),
            reltol: None,
            vntol: None,
            abstol: None,
            max_step: None,
            samples: None,
            time_limit: Duration::from_secs(120),
            cache: true,
        }
    }
}

impl Settings {
    /// Relative tolerance in force.
    pub fn reltol(&self) -> f64 {
        self.reltol.unwrap_or(self.accuracy.reltol())
    }

    /// Absolute voltage tolerance (V) in force.
    pub fn vntol(&self) -> f64 {
        self.vntol.unwrap_or(self.accuracy.vntol())
    }

    /// Absolute current tolerance (A) in force.
    pub fn abstol(&self) -> f64 {
        self.abstol.unwrap_or(1e-20)
    }
}

/// An engine.
pub trait Engine: Send + Sync {
    /// Which one.
    fn name(&self) -> EngineName;

    /// Its version, as recorded in results.
    ///
    /// # Errors
    /// [`SpiceError::Missing`] where it is not installed.
    fn version(&self) -> Result<String, SpiceError>;

    /// Whether it can run this job.
    ///
    /// # Errors
    /// [`SpiceError::Refused`] with the reason, or what is wrong with the netlist.
    fn accepts(&self, job: &Job) -> Result<(), SpiceError>;

    /// Runs it.
    ///
    /// # Errors
    /// Any [`SpiceError`]; never a result with a hole, a NaN, or fewer vectors than asked for.
    fn run(&self, job: &Job, settings: &Settings) -> Result<Simulation, SpiceError>;
}
