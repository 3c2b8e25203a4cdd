//! Pseudo-arclength continuation: along a branch of fixed points, through its folds.

use nalgebra::{DMatrix, DVector};

use super::bifurcation::{Bifurcation, BifurcationKind, Branch, BranchPoint, Sweep};
use super::fixed_points::Stability;
use crate::any::AnyNeuron;
use crate::error::NeuronError;
use crate::linear::{Eigenvalue, eigenvalues};
use crate::model::Model;

/// Longest and shortest step along a branch, in units of the box and of the parameter's range, and most steps.
const STEP: (f64, f64) = (0.01, 1e-7);
const MOST_STEPS: usize = 20_000;

/// A way along branches: the model, its parameter, and the scales that make lengths of states and parameter.
pub(crate) struct Path<'a> {
    model: Box<dyn Model>,
    index: usize,
    sweep: &'a Sweep,
    /// Extent of each state, then of the parameter.
    scale: Vec<f64>,
}

/// A point on a branch: state and parameter, scaled, with the direction of the branch and what tells bifurcations.
#[derive(Clone)]
struct Spot {
    z: DVector<f64>,
    tangent: DVector<f64>,
    /// Determinant of the Jacobian bordered by the tangent: zero where branches cross.
    border: f64,
    eigenvalues: Vec<Eigenvalue>,
}

impl Spot {
    fn unstable(&self) -> usize {
        self.eigenvalues.iter().filter(|l| l.re > 0.0).count()
    }
}

impl<'a> Path<'a> {
    pub fn new(neuron: &AnyNeuron, sweep: &'a Sweep) -> Result<Self, NeuronError> {
        let mut scale: Vec<f64> = sweep.lo.iter().zip(&sweep.hi).map(|(l, h)| h - l).collect();
        scale.push(sweep.to - sweep.from);
        Ok(Path { model: neuron.model.boxed(), index: neuron.index(&sweep.parameter)?, sweep, scale })
    }

    fn n(&self) -> usize {
        self.scale.len() - 1
    }

    /// State and parameter of a scaled point.
    fn unscaled(&self, z: &DVector<f64>) -> (Vec<f64>, f64) {
        let n = self.n();
        let state = (0..n).map(|i| self.sweep.lo[i] + z[i] * self.scale[i]).collect();
        (state, self.sweep.from + z[n] * self.scale[n])
    }

    fn scaled(&self, state: &[f64], parameter: f64) -> DVector<f64> {
        let n = self.n();
        let of = |i: usize| if i == n { parameter - self.sweep.from } else { state[i] - self.sweep.lo[i] };
        DVector::from_fn(n + 1, |i, _| of(i) / self.scale[i])
    }

    /// Field, and its derivatives by the scaled state and parameter (n rows, n + 1 columns); a state that nothing moves
    /// is told to stay. Also the eigenvalues of the others.
    fn linear(&mut self, z: &DVector<f64>, with_eigenvalues: bool) -> (DVector<f64>, DMatrix<f64>, Vec<Eigenvalue>) {
        let n = self.n();
        let (y, p) = self.unscaled(z);
        let (mut f, mut j, mut other) = (vec![0.0; n], vec![0.0; n * n], vec![0.0; n]);
        let mut d = DMatrix::zeros(n, n + 1);
        let h = 1e-6 * self.scale[n];
        for (side, sign) in [(h, 1.0), (-h, -1.0)] {
            self.model.set_parameter(self.index, p + side);
            self.model.field(&y, &mut other);
            for i in 0..n {
                d[(i, n)] += sign * other[i] / (2.0 * h) * self.scale[n];
            }
        }
        self.model.set_parameter(self.index, p);
        self.model.field(&y, &mut f);
        self.model.jacobian(&y, &mut j);
        let mut moving = Vec::new();
        for row in 0..n {
            if f[row] == 0.0 && j[row * n..][..n].iter().all(|x| *x == 0.0) {
                d[(row, row)] = 1.0;
                d[(row, n)] = 0.0;
            } else {
                moving.push(row);
                (0..n).for_each(|c| d[(row, c)] = j[row * n + c] * self.scale[c]);
            }
        }
        let m = moving.len();
        let eigenvalues = if with_eigenvalues && m > 0 {
            eigenvalues(&DMatrix::from_fn(m, m, |r, c| j[moving[r] * n + moving[c]]))
        } else {
            Vec::new()
        };
        (DVector::from_vec(f), d, eigenvalues)
    }

    /// Newton's iteration onto the branch, in the plane through `guess` perpendicular to `normal`.
    fn correct(&mut self, guess: &DVector<f64>, normal: &DVector<f64>) -> Option<DVector<f64>> {
        let n = self.n();
        let mut z = guess.clone();
        let mut last = f64::INFINITY;
        for _ in 0..20 {
            let (f, d, _) = self.linear(&z, false);
            let off = normal.dot(&(&z - guess));
            let step =
                bordered(&d, normal).lu().solve(&DVector::from_fn(n + 1, |i, _| if i == n { off } else { f[i] }))?;
            z -= &step;
            let size = step.norm();
            if !size.is_finite() || size > 0.5 {
                return None;
            }
            if size < 1e-9 && size >= 0.5 * last || size < 1e-15 {
                return Some(z);
            }
            last = size;
        }
        (last < 1e-9).then_some(z)
    }

    /// All there is to know of a point on the branch; the direction is the one closest to `along`.
    fn look(&mut self, z: DVector<f64>, along: &DVector<f64>) -> Option<Spot> {
        let n = self.n();
        let (_, d, eigenvalues) = self.linear(&z, true);
        let mut last = DVector::zeros(n + 1);
        last[n] = 1.0;
        let tangent = bordered(&d, along).lu().solve(&last)?.normalize();
        let border = bordered(&d, &tangent).determinant();
        Some(Spot { z, tangent, border, eigenvalues })
    }

    /// A step of length `length` from a spot.
    fn step(&mut self, from: &Spot, length: f64) -> Option<Spot> {
        let guess = &from.z + &from.tangent * length;
        let z = self.correct(&guess, &from.tangent)?;
        let to = self.look(z, &from.tangent)?;
        // A sharp turn or a long way back means another branch.
        let fair = (&to.z - &from.z).norm() < 2.0 * length && to.tangent.dot(&from.tangent) > 0.7;
        fair.then_some(to)
    }

    /// The branch through a fixed point, both ways; notes the bifurcations on it.
    pub fn trace(&mut self, state: &[f64], parameter: f64, bifurcations: &mut Vec<Bifurcation>) -> Branch {
        let z = self.scaled(state, parameter);
        let n = self.n();
        let mut parts: Vec<Vec<BranchPoint>> = Vec::new();
        for sign in [-1.0, 1.0] {
            let mut along = DVector::zeros(n + 1);
            along[n] = sign;
            let mut points = Vec::new();
            if let Some(start) = self.look(z.clone(), &along) {
                points = self.follow(start, bifurcations);
            }
            parts.push(points);
        }
        let forward = parts.pop().unwrap_or_default();
        let mut points: Vec<BranchPoint> = parts.pop().unwrap_or_default().into_iter().skip(1).rev().collect();
        points.extend(forward);
        Branch { points }
    }

    fn follow(&mut self, start: Spot, bifurcations: &mut Vec<Bifurcation>) -> Vec<BranchPoint> {
        let n = self.n();
        let (first, mut here, mut length) = (start.z.clone(), start, 0.1 * STEP.0);
        let mut points = vec![self.point(&here)];
        for k in 0..MOST_STEPS {
            let Some(next) = self.step(&here, length) else {
                length *= 0.5;
                if length < STEP.1 {
                    break;
                }
                continue;
            };
            self.bifurcations_between(&here, &next, length, bifurcations);
            let outside = next.z.iter().take(n).any(|x| !(-1e-9..=1.0 + 1e-9).contains(x));
            let past = next.z[n].clamp(0.0, 1.0);
            if past != next.z[n] {
                // The branch ends exactly at the end of the parameter's range.
                let mut guess = next.z.clone();
                guess[n] = past;
                let mut normal = DVector::zeros(n + 1);
                normal[n] = 1.0;
                let end = self.correct(&guess, &normal).and_then(|z| self.look(z, &next.tangent));
                points.extend(end.map(|spot| self.point(&spot)));
                break;
            }
            if outside {
                break;
            }
            points.push(self.point(&next));
            if k > 10 && (&next.z - &first).norm() < length {
                break;
            }
            here = next;
            length = (1.3 * length).min(STEP.0);
        }
        points
    }

    fn point(&self, spot: &Spot) -> BranchPoint {
        let (state, parameter) = self.unscaled(&spot.z);
        BranchPoint { parameter, stability: Stability::at(&*self.model, &state, &spot.eigenvalues), state }
    }

    /// What changes between two spots, located.
    fn bifurcations_between(&mut self, a: &Spot, b: &Spot, length: f64, found: &mut Vec<Bifurcation>) {
        let n = self.n();
        if a.tangent[n].signum() != b.tangent[n].signum() {
            let spot = self.locate(a, length, |s| s.tangent[n].signum() == a.tangent[n].signum());
            self.note(spot, BifurcationKind::Fold, found);
        }
        if a.border.signum() != b.border.signum() {
            let spot = self.locate(a, length, |s| s.border.signum() == a.border.signum());
            self.note(spot, BifurcationKind::BranchPoint, found);
        }
        if a.unstable().abs_diff(b.unstable()) >= 2 {
            let spot = self.locate(a, length, |s| s.unstable() == a.unstable());
            let on_axis =
                spot.eigenvalues.iter().filter(|l| l.im > 0.0).min_by(|x, y| x.re.abs().total_cmp(&y.re.abs()));
            if let Some(pair) = on_axis {
                let frequency = pair.im;
                self.note(spot, BifurcationKind::Hopf { frequency }, found);
            }
        }
    }

    /// The last spot along the step from `a` of which `before` still holds, by bisection.
    fn locate(&mut self, a: &Spot, length: f64, before: impl Fn(&Spot) -> bool) -> Spot {
        let (mut lo, mut hi, mut last) = (0.0, length, a.clone());
        for _ in 0..50 {
            let middle = 0.5 * (lo + hi);
            match self.step(a, middle) {
                Some(spot) if before(&spot) => (lo, last) = (middle, spot),
                _ => hi = middle,
            }
        }
        last
    }

    fn note(&self, spot: Spot, kind: BifurcationKind, found: &mut Vec<Bifurcation>) {
        let same_kind = |k: &BifurcationKind| std::mem::discriminant(k) == std::mem::discriminant(&kind);
        let known =
            found.iter().any(|b| same_kind(&b.kind) && (self.scaled(&b.state, b.parameter) - &spot.z).norm() < 1e-5);
        let inside = (-1e-9..=1.0 + 1e-9).contains(&spot.z[self.n()]);
        if !known && inside {
            let (state, parameter) = self.unscaled(&spot.z);
            found.push(Bifurcation { kind, parameter, state });
        }
    }

    /// Is a fixed point on a branch that has been traced?
    pub fn known(&mut self, branches: &[Branch], state: &[f64], parameter: f64) -> bool {
        let n = self.n();
        let target = self.scaled(state, parameter);
        let mut normal = DVector::zeros(n + 1);
        normal[n] = 1.0;
        let pairs = branches.iter().flat_map(|b| b.points.windows(2));
        for pair in pairs {
            let (a, b) = (&pair[0], &pair[1]);
            if (a.parameter - parameter) * (b.parameter - parameter) > 0.0 || a.parameter == b.parameter {
                continue;
            }
            let x = (parameter - a.parameter) / (b.parameter - a.parameter);
            let between: Vec<f64> = a.state.iter().zip(&b.state).map(|(a, b)| a + x * (b - a)).collect();
            let guess = self.scaled(&between, parameter);
            if (&guess - &target).norm() > 0.05 {
                continue;
            }
            if self.correct(&guess, &normal).is_some_and(|z| (z - &target).norm() < 1e-6) {
                return true;
            }
        }
        false
    }
}

/// A matrix of n rows and n + 1 columns with one more row.
fn bordered(d: &DMatrix<f64>, row: &DVector<f64>) -> DMatrix<f64> {
    let n = d.nrows();
    DMatrix::from_fn(n + 1, n + 1, |r, c| if r == n { row[c] } else { d[(r, c)] })
}
