//! The differential-algebraic equation that integrators solve, and the thin trait that every integrator implements.

use super::pattern::Pattern;

/// `M y' = f(t, y)` with a constant mass matrix M that may be singular (index 1), smooth in t and y.
pub trait Dae {
    /// Where M and ∂f/∂y can be non-zero.
    fn pattern(&self) -> &Pattern;

    /// M on the pattern.
    fn mass(&self) -> &[f64];

    /// True where f depends on t in the current stretch of time.
    fn driven(&self) -> bool;

    /// f(t, y).
    fn rhs(&mut self, t: f64, y: &[f64], f: &mut [f64]);

    /// f, its exact Jacobian ∂f/∂y on the pattern, and ∂f/∂t.
    fn linearize(&mut self, t: f64, y: &[f64], f: &mut [f64], jacobian: &mut [f64], f_t: &mut [f64]);
}

/// Tolerances on the local error of each unknown: `floor[i] + relative · max |y_i|`; an infinite floor leaves i out.
#[derive(Clone, Debug)]
pub struct Tolerance {
    /// Share of the unknown's magnitude.
    pub relative: f64,
    /// In the unknown's unit.
    pub floor: Vec<f64>,
}

/// Why an integrator cannot go on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StepError {
    /// The step fell below what time can resolve; `worst` is the unknown with the largest error.
    TooSmall {
        /// Time reached.
        t: f64,
        /// Step refused.
        h: f64,
        /// Index of the unknown.
        worst: usize,
    },
    /// The iteration matrix stayed singular.
    Singular {
        /// Time reached.
        t: f64,
        /// Index of an unknown without a pivot.
        unknown: usize,
    },
    /// f or its Jacobian is not finite, however small the step.
    NotFinite {
        /// Time reached.
        t: f64,
    },
}

impl StepError {
    /// The same in the time of which `origin` is where it counted from.
    pub fn after(self, origin: f64) -> Self {
        match self {
            StepError::TooSmall { t, h, worst } => StepError::TooSmall { t: origin + t, h, worst },
            StepError::Singular { t, unknown } => StepError::Singular { t: origin + t, unknown },
            StepError::NotFinite { t } => StepError::NotFinite { t: origin + t },
        }
    }
}

/// Work of an integrator since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accepted steps.
    pub steps: u64,
    /// Rejected steps.
    pub rejected: u64,
    /// Evaluations of f.
    pub evaluations: u64,
    /// Evaluations of the Jacobian.
    pub jacobians: u64,
    /// Factorizations.
    pub factorizations: u64,
}

/// A one-step method with error control and dense output.
pub trait Integrator {
    /// Its name, for reports.
    fn name(&self) -> &'static str;

    /// Begins at (t, y), which must satisfy the algebraic equations, with a first step of `h`.
    fn start(&mut self, t: f64, y: &[f64], h: f64);

    /// Takes one accepted step, no longer than `longest` and never beyond `end`.
    ///
    /// # Errors
    /// See [`StepError`].
    fn step(&mut self, dae: &mut dyn Dae, end: f64, longest: f64) -> Result<(), StepError>;

    /// The last accepted step: its two ends.
    fn interval(&self) -> (f64, f64);

    /// y at the end of the last accepted step.
    fn state(&self) -> &[f64];

    /// y and y' at a time within the last accepted step.
    fn interpolate(&self, t: f64, y: &mut [f64], slope: &mut [f64]);

    /// Work done.
    fn counts(&self) -> Counts;
}
