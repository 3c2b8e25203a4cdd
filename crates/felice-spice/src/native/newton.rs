//! Damped Newton iteration for operating points and for consistent states at corners.
//!
//! Steps are judged by the natural monotonicity test (Deuflhard, "Newton Methods for Nonlinear Problems", 2004, section
//! 3.3): it does not care how equations are scaled, and here they range from picoamperes to volts.

use std::time::Instant;

use super::layout::Kind;
use super::linear::Lu;
use super::pattern::Pattern;

/// Equations `r(y) = 0` with their Jacobian on a pattern.
pub trait Equations {
    /// What each unknown is.
    fn kind(&self, unknown: usize) -> Kind;
    /// r(y).
    fn residual(&mut self, y: &[f64], r: &mut [f64]);
    /// r(y) and ∂r/∂y.
    fn linearize(&mut self, y: &[f64], r: &mut [f64], jacobian: &mut [f64]);
}

/// Why Newton's method gave up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NewtonError {
    /// No pivot for this unknown.
    Singular {
        /// Index of the unknown.
        unknown: usize,
    },
    /// Too many iterations or too short steps.
    NotConverged {
        /// The unknown that still moved most.
        unknown: usize,
        /// The largest residual.
        residual: f64,
    },
    /// The equations are not finite at the first guess.
    NotFinite,
    /// The run's wall-clock limit.
    TimeLimit,
}

/// Memory for iterations on equations of one pattern.
#[derive(Clone)]
pub struct Newton {
    lu: Lu,
    jacobian: Vec<f64>,
    residual: Vec<f64>,
    step: Vec<f64>,
    trial: Vec<f64>,
    bar: Vec<f64>,
    size: Vec<f64>,
    /// When to give up.
    deadline: Instant,
    /// Iterations since it was made.
    pub iterations: u64,
}

/// Branch currents are found to the share of themselves that others are, but of this, A, where they are smaller.
const SMALL_CURRENT: f64 = 1e-12;

/// A step that moves no voltage by more than this is never shortened before it is tried, V.
const BOLD: f64 = 0.4;

impl Newton {
    /// Memory for equations of this pattern, to be solved before `deadline`.
    pub fn new(pattern: &Pattern, deadline: Instant) -> Self {
        let zeros = || vec![0.0; pattern.n];
        Newton {
            lu: Lu::new(pattern),
            jacobian: vec![0.0; pattern.len()],
            residual: zeros(),
            step: zeros(),
            trial: zeros(),
            bar: zeros(),
            size: zeros(),
            deadline,
            iterations: 0,
        }
    }

    /// Solves from the guess in `y`, which is replaced by the solution; on an error it is left where the iteration stood.
    ///
    /// # Errors
    /// See [`NewtonError`].
    pub fn solve(&mut self, equations: &mut dyn Equations, y: &mut [f64], most: usize) -> Result<(), NewtonError> {
        let mut before = f64::INFINITY;
        let mut damping = 1.0f64;
        for _ in 0..most {
            equations.linearize(y, &mut self.residual, &mut self.jacobian);
            self.iterations += 1;
            if Instant::now() > self.deadline {
                return Err(NewtonError::TimeLimit);
            }
            if !self.residual.iter().chain(&self.jacobian).all(|v| v.is_finite()) {
                return Err(NewtonError::NotFinite);
            }
            self.lu.factor(&self.jacobian).map_err(|s| NewtonError::Singular { unknown: s.unknown })?;
            for (s, r) in self.step.iter_mut().zip(&self.residual) {
                *s = -r;
            }
            self.lu.solve(&mut self.step);
            self.measure(equations, y);
            let length = norm(&self.step, &self.size);
            if !length.is_finite() {
                return Err(self.stuck());
            }
            // Quadratic convergence ends in rounding errors: stop where a tiny step is no smaller than the one before.
            let finished = length <= 1e-15 || (length < 1e-9 && length > 0.3 * before);
            if finished {
                add(y, &self.step, 1.0);
                return Ok(());
            }
            damping = self.advance(equations, y, length, damping).ok_or_else(|| self.stuck())?;
            before = if damping == 1.0 { length } else { f64::INFINITY };
        }
        Err(self.stuck())
    }

    /// What a step of each unknown is measured in: volts, or the magnitude of a current; charges are not looked at.
    fn measure(&mut self, equations: &dyn Equations, y: &[f64]) {
        for i in 0..y.len() {
            self.size[i] = match equations.kind(i) {
                Kind::Voltage => y[i].abs().max(1.0),
                Kind::InductorCurrent | Kind::BranchCurrent => {
                    y[i].abs().max((y[i] + self.step[i]).abs()).max(SMALL_CURRENT)
                }
                Kind::Charge => f64::INFINITY,
            };
        }
    }

    /// Takes as much of the step as brings the solution nearer; the share taken, or None where none does.
    fn advance(&mut self, equations: &mut dyn Equations, y: &mut [f64], length: f64, last: f64) -> Option<f64> {
        let volts = (0..y.len()).filter(|&i| equations.kind(i) == Kind::Voltage);
        let largest = volts.map(|i| self.step[i].abs()).fold(0.0, f64::max);
        let cautious = (BOLD / largest).min(1.0);
        let mut share = 1.0;
        loop {
            for ((t, y), s) in self.trial.iter_mut().zip(y.iter()).zip(&self.step) {
                *t = y + share * s;
            }
            equations.residual(&self.trial, &mut self.bar);
            self.bar.iter_mut().for_each(|b| *b = -*b);
            let finite = self.bar.iter().all(|b| b.is_finite());
            if finite {
                self.lu.solve(&mut self.bar);
            }
            let bar = if finite { norm(&self.bar, &self.size) } else { f64::INFINITY };
            let nearer = bar <= (1.0 - 0.25 * share) * length;
            // A cautious step is taken as soon as it is finite: where currents are exponential, the way to the solution
            // first leads away from it.
            let cautious_enough = share <= cautious && finite && share > 0.1 * cautious && cautious < 1.0;
            if nearer || cautious_enough || (length < 1e-7 && finite && share == 1.0) {
                y.copy_from_slice(&self.trial);
                return Some(share);
            }
            share = if share > cautious { cautious.min((2.0 * last).max(0.25 * share)) } else { 0.5 * share };
            if share < 1e-6 {
                return None;
            }
        }
    }

    fn stuck(&self) -> NewtonError {
        let ratio = |i: &usize| (self.step[*i] / self.size[*i]).abs();
        let worst = (0..self.step.len()).max_by(|a, b| ratio(a).total_cmp(&ratio(b))).unwrap_or(0);
        let residual = self.residual.iter().fold(0.0f64, |m, r| m.max(r.abs()));
        NewtonError::NotConverged { unknown: worst, residual }
    }

    /// Solves once more with the last Jacobian, in place.
    pub fn solve_linear(&mut self, b: &mut [f64]) {
        self.lu.solve(b);
    }
}

fn norm(v: &[f64], size: &[f64]) -> f64 {
    let mut largest = 0.0f64;
    for (v, s) in v.iter().zip(size) {
        let ratio = (v / s).abs();
        if ratio.is_nan() {
            return f64::INFINITY;
        }
        largest = largest.max(ratio);
    }
    largest
}

fn add(y: &mut [f64], step: &[f64], share: f64) {
    for (y, s) in y.iter_mut().zip(step) {
        *y += share * s;
    }
}
