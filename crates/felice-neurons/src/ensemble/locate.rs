//! One lane's step, looked at closely: where an event function rises through zero in it.

use std::marker::PhantomData;

use super::steps::Rows;
use super::tableau::Tableau;
use crate::integrate::{Watch, Watched, roots};
use crate::model::Model;
use crate::simd::Width;

/// Corrections, at most, of a root found in the dense output; each squares its error.
const CORRECTIONS: usize = 4;

/// A step of one neuron. Its dense output shows where to look; a step of that length from the same start, as exact as any
/// step, says where the event is.
pub(crate) struct Locate<L> {
    tableau: &'static Tableau,
    h: f64,
    /// Local time at the start.
    x: f64,
    y: Vec<f64>,
    end: Vec<f64>,
    /// Stages, then those of a shorter step.
    k: Vec<f64>,
    short: Vec<f64>,
    /// The dense output of each state: coefficients of θ … θ⁴.
    extension: Vec<[f64; 4]>,
    level: Vec<f64>,
    slope: Vec<f64>,
    precision: PhantomData<L>,
}

impl<L: Width> Locate<L> {
    pub fn new(dim: usize, tableau: &'static Tableau) -> Self {
        let row = || vec![0.0; dim];
        let stages = || vec![0.0; 7 * dim];
        let (k, short) = (stages(), stages());
        Locate {
            tableau,
            h: 0.0,
            x: 0.0,
            y: row(),
            end: row(),
            k,
            short,
            extension: vec![[0.0; 4]; dim],
            level: row(),
            slope: row(),
            precision: PhantomData,
        }
    }

    /// Takes the step that a lane has just made and not yet committed.
    pub fn take(&mut self, rows: &mut Rows<L>, lane: usize) {
        let (w, last) = (rows.width, self.tableau.rows.len());
        self.h = rows.h.rows()[lane].to_f64();
        self.x = rows.x.rows()[lane].to_f64();
        let column = |from: &[L], to: &mut [f64]| {
            to.iter_mut().enumerate().for_each(|(i, x)| *x = from[i * w + lane].to_f64());
        };
        column(rows.y.rows(), &mut self.y);
        column(rows.end.rows(), &mut self.end);
        column(rows.k.rows(), &mut self.k[..(last + 1) * rows.dim]);
        column(rows.level.rows(), &mut self.level);
        column(rows.slope.rows(), &mut self.slope);
        for (i, to) in self.extension.iter_mut().enumerate() {
            *to = match self.tableau.dense {
                Some(table) => {
                    let sum = |q: usize| (0..7).map(|j| table[j][q] * self.k[j * rows.dim + i]).sum::<f64>();
                    [0, 1, 2, 3].map(|q| self.h * sum(q))
                }
                None => {
                    let (s0, s1) = (self.h * self.k[i], self.h * self.k[last * rows.dim + i]);
                    let d = self.end[i] - self.y[i];
                    [s0, 3.0 * d - 2.0 * s0 - s1, s0 + s1 - 2.0 * d, 0.0]
                }
            };
        }
    }

    /// State and derivative of the dense output at θ; exactly those of the step at its ends.
    pub fn dense(&self, theta: f64, y: &mut [f64], dy: &mut [f64]) {
        let (n, last) = (self.y.len(), self.tableau.rows.len());
        if theta == 1.0 {
            y.copy_from_slice(&self.end);
            dy.copy_from_slice(&self.k[last * n..][..n]);
            return;
        }
        for (i, [a, b, c, d]) in self.extension.iter().enumerate() {
            y[i] = self.y[i] + theta * (a + theta * (b + theta * (c + theta * d)));
            dy[i] = (a + theta * (2.0 * b + theta * (3.0 * c + theta * 4.0 * d))) / self.h;
        }
    }

    fn field(&self, model: &dyn Model, x: f64, y: &[f64], dy: &mut [f64]) {
        model.field(y, dy);
        dy.iter_mut().enumerate().for_each(|(i, d)| *d += self.level[i] + self.slope[i] * x);
    }

    /// State and derivative after a step of θ h.
    fn exact(&mut self, model: &dyn Model, theta: f64, y: &mut [f64], dy: &mut [f64]) {
        let (n, h) = (self.y.len(), theta * self.h);
        let mut k = std::mem::take(&mut self.short);
        k[..n].copy_from_slice(&self.k[..n]);
        for (row, a) in self.tableau.rows.iter().enumerate() {
            for i in 0..n {
                let sum: f64 = (0..=row).map(|j| a[j] * k[j * n + i]).sum();
                y[i] = h.mul_add(sum, self.y[i]);
            }
            self.field(model, self.x + self.tableau.c[row] * h, y, dy);
            k[(row + 1) * n..][..n].copy_from_slice(dy);
        }
        self.short = k;
    }

    /// Every local time in the step at which the event function rises through zero, into `found`.
    pub fn rising(&mut self, model: &dyn Model, watched: &Watched, t: f64, found: &mut Vec<f64>) {
        let n = self.y.len();
        let (mut y, mut dy) = (vec![0.0; n], vec![0.0; n]);
        let value = |y: &[f64], dy: &[f64]| match watched {
            Watched::Level { state, level, sign } => sign * (y[*state] - level),
            _ => model.spike_condition(y, dy),
        };
        let mut watch = Watch::new(watched.clone(), None);
        watch.last = value(&self.y, &self.k[..n]);
        let g = |theta: f64| {
            self.dense(theta, &mut y, &mut dy);
            value(&y, &dy)
        };
        let (thetas, _) = roots(&watch, g, self.h / t.max(1.0));
        for theta in thetas {
            let theta = if L::NAME == "f64" { self.correct(model, &value, theta, t) } else { theta };
            found.push(theta * self.h);
        }
    }

    /// A root of the dense output made as exact as the step itself, by Newton's iteration.
    fn correct(&mut self, model: &dyn Model, value: &impl Fn(&[f64], &[f64]) -> f64, root: f64, t: f64) -> f64 {
        const NUDGE: f64 = 1e-4;
        let n = self.y.len();
        let (mut y, mut dy) = (vec![0.0; n], vec![0.0; n]);
        let mut near = |theta: f64| {
            self.dense(theta, &mut y, &mut dy);
            value(&y, &dy)
        };
        // On the rising side only: a spike condition may have its peak right behind the root.
        let steepness = (near(root) - near(root - NUDGE)) / NUDGE;
        let mut theta = root;
        for _ in 0..CORRECTIONS {
            self.exact(model, theta, &mut y, &mut dy);
            let step = value(&y, &dy) / steepness;
            let next = theta - step;
            // Far from where the dense output has it there is no root: leave it.
            if (next - root).abs() > 0.05 || next.is_nan() {
                return root;
            }
            theta = next.clamp(0.0, 1.0);
            // The next correction would be about the square of this one.
            if (step * self.h).abs() <= 1e-7 * t.max(1.0) {
                break;
            }
        }
        theta
    }

    /// The local time at which the first state turns, near θ.
    pub fn turn(&self, theta: f64) -> f64 {
        let n = self.y.len();
        let (mut y, mut dy) = (vec![0.0; n], vec![0.0; n]);
        let mut slope = |theta: f64| {
            self.dense(theta, &mut y, &mut dy);
            dy[0]
        };
        let (mut a, mut b) = (theta, if theta < 0.5 { theta + 0.01 } else { theta - 0.01 });
        let (mut fa, mut fb) = (slope(a), slope(b));
        for _ in 0..6 {
            let next = b - fb * (b - a) / (fb - fa);
            if !(0.0..=1.0).contains(&next) {
                break;
            }
            (a, fa) = (b, fb);
            (b, fb) = (next, slope(next));
            if (b - a).abs() < 1e-12 || fb == 0.0 {
                break;
            }
        }
        b * self.h
    }
}
