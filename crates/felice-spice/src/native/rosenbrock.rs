//! Rosenbrock methods for `M y' = f(t, y)`: one Jacobian and one factorization a step, no Newton iteration to fail.

use super::dae::{Counts, Dae, Integrator, StepError, Tolerance};
use super::linear::Lu;
use super::tableau::{MAX_STAGES, Tableau};

/// Bounds on the change of the step from one to the next.
const SHRINK: f64 = 0.15;
const GROW: f64 = 6.0;
/// Share of the error allowed that the next step aims at.
const SAFETY: f64 = 0.9;

/// Vectors are worked on in blocks of this many numbers.
const BLOCK: usize = 4;

/// A Rosenbrock integrator; all memory is taken when it is made.
pub struct Rosenbrock {
    tableau: &'static Tableau,
    /// Number of unknowns; vectors are padded to whole blocks.
    n: usize,
    /// f depends on time in this stretch.
    driven: bool,
    tolerance: Tolerance,
    lu: Lu,
    /// Entries of M that are not zero: (row, column, value).
    mass: Vec<(u32, u32, f64)>,
    /// Rows of M with an entry.
    dynamic: Vec<bool>,
    /// Largest magnitude each unknown has had.
    magnitude: Vec<f64>,
    t: f64,
    h: f64,
    last: (f64, f64),
    old: Vec<f64>,
    y: Vec<f64>,
    trial: Vec<f64>,
    f: Vec<f64>,
    f_t: Vec<f64>,
    stage_f: Vec<f64>,
    mix: Vec<f64>,
    jacobian: Vec<f64>,
    matrix: Vec<f64>,
    /// The stages, one after the other.
    u: Vec<f64>,
    dense: [Vec<f64>; 3],
    /// The unknown with the largest error in the last step tried.
    worst: usize,
    /// Step and error of the last accepted step, for the predictive controller.
    memory: Option<(f64, f64)>,
    counts: Counts,
}

impl Rosenbrock {
    /// An integrator for equations of this shape.
    pub fn new(tableau: &'static Tableau, dae: &dyn Dae, tolerance: Tolerance) -> Self {
        let pattern = dae.pattern();
        let n = pattern.n;
        let entries = (0..n).flat_map(|i| pattern.row(i).map(move |k| (i, k)));
        let mass: Vec<(u32, u32, f64)> = entries
            .map(|(i, k)| (i as u32, pattern.column[k] as u32, dae.mass()[k]))
            .filter(|entry| entry.2 != 0.0)
            .collect();
        let padded = n.div_ceil(BLOCK) * BLOCK;
        let zeros = || vec![0.0; padded];
        let mut dynamic = vec![false; n];
        mass.iter().for_each(|m| dynamic[m.0 as usize] = true);
        Rosenbrock {
            dynamic,
            tableau,
            n,
            driven: true,
            tolerance,
            lu: Lu::new(pattern),
            mass,
            magnitude: zeros(),
            t: 0.0,
            h: 0.0,
            last: (0.0, 0.0),
            old: zeros(),
            y: zeros(),
            trial: zeros(),
            f: zeros(),
            f_t: zeros(),
            stage_f: zeros(),
            mix: zeros(),
            jacobian: vec![0.0; pattern.len()],
            matrix: vec![0.0; pattern.len()],
            u: vec![0.0; tableau.stages * padded],
            dense: [zeros(), zeros(), zeros()],
            worst: 0,
            memory: None,
            counts: Counts::default(),
        }
    }

    /// The error of the step: of its last stage, and where sources move, of the dense output half-way.
    fn error(&mut self, dae: &mut dyn Dae, h: f64) -> (f64, usize) {
        let end = self.weigh(&self.u[(self.tableau.stages - 1) * self.y.len()..]);
        if end.0 > 1.0 || !self.driven {
            return end;
        }
        self.set_dense();
        let middle = self.error_half_way(dae, h);
        if middle.0 > end.0 { middle } else { end }
    }

    /// By how much the dense output half-way misses the algebraic equations. An unknown that follows a source through
    /// algebraic equations alone is exact at the step's end, so that its last stage says nothing about what lies between.
    fn error_half_way(&mut self, dae: &mut dyn Dae, h: f64) -> (f64, usize) {
        for i in 0..self.n {
            self.mix[i] = dense_value(0.5, self.y[i], self.trial[i], [0, 1, 2].map(|k| self.dense[k][i]));
        }
        dae.rhs(self.t + 0.5 * h, &self.mix[..self.n], &mut self.stage_f[..self.n]);
        self.counts.evaluations += 1;
        for (f, dynamic) in self.stage_f.iter_mut().zip(&self.dynamic) {
            if *dynamic {
                *f = 0.0;
            }
        }
        self.lu.solve(&mut self.stage_f[..self.n]);
        self.weigh(&self.stage_f)
    }

    fn set_dense(&mut self) {
        for (k, q) in self.dense.iter_mut().take(self.tableau.dense.len()).enumerate() {
            combine(q, &self.tableau.dense[k], &self.u);
        }
    }

    /// Largest weighted error, and the unknown that has it. NaN counts as infinite.
    fn weigh(&self, estimate: &[f64]) -> (f64, usize) {
        let mut worst = (0.0, 0);
        for i in 0..self.n {
            let size = self.magnitude[i].max(self.trial[i].abs());
            let error = estimate[i].abs() / (self.tolerance.floor[i] + self.tolerance.relative * size);
            if error.is_nan() || error > worst.0 {
                worst = (if error.is_nan() { f64::INFINITY } else { error }, i);
                if worst.0 == f64::INFINITY {
                    break;
                }
            }
        }
        worst
    }

    /// Computes every stage with step h, and the new y in `trial`.
    fn stages(&mut self, dae: &mut dyn Dae, h: f64) {
        let tableau = self.tableau;
        let n = self.n;
        let padded = self.y.len();
        for i in 0..tableau.stages {
            let (done, rest) = self.u.split_at_mut(i * padded);
            let u = &mut rest[..padded];
            if i == 0 {
                u.copy_from_slice(&self.f);
            } else {
                combine_twice(&mut self.trial, &mut self.mix, &self.y, &tableau.a[i], &tableau.c[i], done);
                dae.rhs(self.t + tableau.alpha[i] * h, &self.trial[..n], &mut u[..n]);
                self.counts.evaluations += 1;
                let rate = 1.0 / h;
                for &(r, c, m) in &self.mass {
                    u[r as usize] += m * rate * self.mix[c as usize];
                }
            }
            if tableau.d[i] != 0.0 && self.driven {
                let weight = h * tableau.d[i];
                for (u, f_t) in u.iter_mut().zip(&self.f_t) {
                    *u += weight * f_t;
                }
            }
            self.lu.solve(&mut u[..n]);
        }
        for (y, u) in self.trial.iter_mut().zip(&self.u[(tableau.stages - 1) * padded..]) {
            *y += u;
        }
    }

    fn factor(&mut self, dae: &dyn Dae, h: f64) -> Result<(), usize> {
        let scale = 1.0 / (h * self.tableau.gamma);
        for ((w, j), m) in self.matrix.iter_mut().zip(&self.jacobian).zip(dae.mass()) {
            *w = m * scale - j;
        }
        self.counts.factorizations += 1;
        self.lu.factor(&self.matrix).map_err(|s| s.unknown)
    }

    fn accept(&mut self, h: f64, end: f64) {
        self.set_dense();
        std::mem::swap(&mut self.old, &mut self.y);
        std::mem::swap(&mut self.y, &mut self.trial);
        for (m, y) in self.magnitude.iter_mut().zip(&self.y) {
            *m = m.max(y.abs());
        }
        let t = if end - (self.t + h) <= 1e-3 * h { end } else { self.t + h };
        self.last = (self.t, t);
        self.t = t;
        self.counts.steps += 1;
    }

    /// The next step after one of size h with this error (Gustafsson's predictive controller, as in RODAS).
    fn next(&mut self, h: f64, error: f64, after_rejection: bool) -> f64 {
        let power = 1.0 / f64::from(self.tableau.order);
        let error = error.max(1e-12);
        let mut factor = SAFETY * error.powf(-power);
        if let Some((h_before, error_before)) = self.memory {
            let predicted = SAFETY * (h / h_before) * (error_before / (error * error)).powf(power);
            factor = factor.min(predicted);
        }
        self.memory = Some((h, error.max(1e-2)));
        let most = if after_rejection { 1.0 } else { GROW };
        h * factor.clamp(SHRINK, most)
    }
}

/// The dense output at the share x of the step.
fn dense_value(x: f64, y0: f64, y1: f64, [q1, q2, q3]: [f64; 3]) -> f64 {
    (1.0 - x) * y0 + x * (y1 + (1.0 - x) * (q1 + x * (q2 + x * q3)))
}

/// `first = start + Σ a_j vectors_j`, `second = Σ c_j vectors_j`; vectors one after the other, each as long as `first`.
fn combine_twice(
    first: &mut [f64],
    second: &mut [f64],
    start: &[f64],
    a: &[f64; MAX_STAGES],
    c: &[f64; MAX_STAGES],
    vectors: &[f64],
) {
    let padded = start.len();
    for block in (0..padded).step_by(BLOCK) {
        let mut sums = [[0.0; BLOCK]; 2];
        sums[0].copy_from_slice(&start[block..block + BLOCK]);
        for (j, vector) in vectors.chunks_exact(padded).enumerate() {
            let v = &vector[block..block + BLOCK];
            for k in 0..BLOCK {
                sums[0][k] += a[j] * v[k];
                sums[1][k] += c[j] * v[k];
            }
        }
        first[block..block + BLOCK].copy_from_slice(&sums[0]);
        second[block..block + BLOCK].copy_from_slice(&sums[1]);
    }
}

/// `out = Σ weights_j vectors_j`
fn combine(out: &mut [f64], weights: &[f64; MAX_STAGES], vectors: &[f64]) {
    let padded = out.len();
    for block in (0..padded).step_by(BLOCK) {
        let mut sum = [0.0; BLOCK];
        for (j, vector) in vectors.chunks_exact(padded).enumerate() {
            let v = &vector[block..block + BLOCK];
            for k in 0..BLOCK {
                sum[k] += weights[j] * v[k];
            }
        }
        out[block..block + BLOCK].copy_from_slice(&sum);
    }
}

impl Integrator for Rosenbrock {
    fn name(&self) -> &'static str {
        self.tableau.name
    }

    fn start(&mut self, t: f64, y: &[f64], h: f64) {
        self.t = t;
        self.h = h;
        self.last = (t, t);
        self.y[..self.n].copy_from_slice(y);
        for (m, y) in self.magnitude.iter_mut().zip(y) {
            *m = m.max(y.abs());
        }
        self.memory = None;
    }

    fn step(&mut self, dae: &mut dyn Dae, end: f64, longest: f64) -> Result<(), StepError> {
        self.driven = dae.driven();
        let n = self.n;
        dae.linearize(self.t, &self.y[..n], &mut self.f[..n], &mut self.jacobian, &mut self.f_t[..n]);
        self.counts.jacobians += 1;
        self.counts.evaluations += 1;
        if !self.f.iter().chain(&self.jacobian).chain(&self.f_t).all(|v| v.is_finite()) {
            return Err(StepError::NotFinite { t: self.t });
        }
        // What time can resolve; near 0 that is far less than anything that happens.
        let smallest = (4.0 * f64::EPSILON * self.t.abs()).max(1e-30 * end.abs());
        let mut wanted = self.h.min(longest);
        let mut rejected = false;
        if wanted <= smallest && end - self.t > smallest {
            return Err(StepError::TooSmall { t: self.t, h: wanted, worst: self.worst });
        }
        loop {
            // Two equal steps rather than a long one and a sliver.
            let left = end - self.t;
            let h = if wanted >= left * (1.0 - 1e-9) { left } else { wanted.min(0.5 * left.max(wanted)) };
            let outcome = match self.factor(dae, h) {
                Ok(()) => {
                    self.stages(dae, h);
                    let (error, worst) = self.error(dae, h);
                    self.worst = worst;
                    if error <= 1.0 {
                        self.accept(h, end);
                        self.h = self.next(h, error, rejected);
                        return Ok(());
                    }
                    let factor = SAFETY * error.powf(-1.0 / f64::from(self.tableau.order));
                    wanted = h * factor.clamp(if error.is_finite() { SHRINK } else { 0.25 }, 0.9);
                    Ok(error)
                }
                Err(unknown) => {
                    wanted = 0.5 * h;
                    Err(unknown)
                }
            };
            self.counts.rejected += 1;
            rejected = true;
            if wanted <= smallest {
                return Err(match outcome {
                    Ok(f64::INFINITY) => StepError::NotFinite { t: self.t },
                    Ok(_) => StepError::TooSmall { t: self.t, h: wanted, worst: self.worst },
                    Err(unknown) => StepError::Singular { t: self.t, unknown },
                });
            }
        }
    }

    fn interval(&self) -> (f64, f64) {
        self.last
    }

    fn state(&self) -> &[f64] {
        &self.y[..self.n]
    }

    fn interpolate(&self, t: f64, y: &mut [f64], slope: &mut [f64]) {
        let h = self.last.1 - self.last.0;
        let x = ((t - self.last.0) / h).clamp(0.0, 1.0);
        for i in 0..self.n {
            let (y0, y1) = (self.old[i], self.y[i]);
            let [q1, q2, q3] = [0, 1, 2].map(|k| self.dense[k][i]);
            let inner = q1 + x * (q2 + x * q3);
            y[i] = dense_value(x, y0, y1, [q1, q2, q3]);
            let inner_slope = q2 + 2.0 * x * q3;
            slope[i] = (y1 - y0 + (1.0 - 2.0 * x) * inner + x * (1.0 - x) * inner_slope) / h;
        }
    }

    fn counts(&self) -> Counts {
        self.counts
    }
}
