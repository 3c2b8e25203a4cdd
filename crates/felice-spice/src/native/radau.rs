//! Radau5 (Hairer & Wanner 1996, section IV.8) from the crate `differential-equations`: an independent check of ours.
//!
//! That crate wants the state's size at compile time, so circuits are padded to the next of a few sizes with unknowns that
//! stay 0. Tolerances are given for each unknown. Its solver rescales its tolerances whenever it is initialised, so every
//! start makes a new one.

use std::cell::RefCell;

use differential_equations::dae::{AlgebraicNumericalMethod, DAE};
use differential_equations::error::Error;
use differential_equations::interpolate::Interpolation;
use differential_equations::linalg::Matrix;
use differential_equations::methods::ImplicitRungeKutta;
use differential_equations::status::Status;

use super::dae::{Counts, Dae, Integrator, StepError, Tolerance};

/// Largest circuit.
pub const LARGEST: usize = 64;

/// The integrator for equations of this size; None where they are more than [`LARGEST`].
pub fn radau5(order: usize, tolerance: Tolerance) -> Option<Box<dyn Integrator>> {
    Some(match order {
        0..=4 => padded::<4>(order, tolerance),
        5..=8 => padded::<8>(order, tolerance),
        9..=16 => padded::<16>(order, tolerance),
        17..=32 => padded::<32>(order, tolerance),
        33..=LARGEST => padded::<LARGEST>(order, tolerance),
        _ => return None,
    })
}

fn padded<const N: usize>(order: usize, tolerance: Tolerance) -> Box<dyn Integrator> {
    Box::new(Radau { order, fresh: fresh::<N>, solver: fresh(&tolerance, 0.0), tolerance, state: Progress::new() })
}

/// A solver of the crate; its type has no public name.
fn fresh<const N: usize>(
    tolerance: &Tolerance,
    h: f64,
) -> impl AlgebraicNumericalMethod<f64, [f64; N]> + Interpolation<f64, [f64; N]> + use<N> {
    let mut floor = tolerance.floor.clone();
    floor.resize(N, 1.0);
    ImplicitRungeKutta::radau5().rtol(vec![tolerance.relative.max(1e-14); N]).atol(floor).h0(h).max_steps(usize::MAX)
}

struct Radau<S, const N: usize> {
    order: usize,
    fresh: fn(&Tolerance, f64) -> S,
    solver: S,
    tolerance: Tolerance,
    state: Progress<N>,
}

struct Progress<const N: usize> {
    t: f64,
    h: f64,
    y: [f64; N],
    started: bool,
    last: (f64, f64),
    /// The dense output at 0, 1/3, 2/3 and 1 of the last step: it is a cubic.
    nodes: [[f64; N]; 4],
    counts: Counts,
}

impl<const N: usize> Progress<N> {
    fn new() -> Self {
        Progress {
            t: 0.0,
            h: 0.0,
            y: [0.0; N],
            started: false,
            last: (0.0, 0.0),
            nodes: [[0.0; N]; 4],
            counts: Counts::default(),
        }
    }
}

/// Our equations as the crate wants to see them.
struct Adapter<'a>(RefCell<Inner<'a>>);

struct Inner<'a> {
    dae: &'a mut dyn Dae,
    f: Vec<f64>,
    f_t: Vec<f64>,
    jacobian: Vec<f64>,
}

impl<'a> Adapter<'a> {
    fn new(dae: &'a mut dyn Dae) -> Self {
        let (n, entries) = (dae.pattern().n, dae.pattern().len());
        let (f, f_t, jacobian) = (vec![0.0; n], vec![0.0; n], vec![0.0; entries]);
        Adapter(RefCell::new(Inner { dae, f, f_t, jacobian }))
    }
}

impl<const N: usize> DAE<f64, [f64; N]> for Adapter<'_> {
    fn diff(&self, t: f64, y: &[f64; N], f: &mut [f64; N]) {
        let inner = &mut *self.0.borrow_mut();
        let n = inner.dae.pattern().n;
        inner.dae.rhs(t, &y[..n], &mut inner.f);
        f[..n].copy_from_slice(&inner.f);
        for i in n..N {
            f[i] = -y[i];
        }
    }

    fn mass(&self, m: &mut Matrix<f64>) {
        let inner = self.0.borrow();
        let pattern = inner.dae.pattern();
        for i in 0..pattern.n {
            for k in pattern.row(i) {
                m[(i, pattern.column[k])] = inner.dae.mass()[k];
            }
        }
        for i in pattern.n..N {
            m[(i, i)] = 1.0;
        }
    }

    fn jacobian(&self, t: f64, y: &[f64; N], j: &mut Matrix<f64>) {
        let inner = &mut *self.0.borrow_mut();
        let n = inner.dae.pattern().n;
        inner.dae.linearize(t, &y[..n], &mut inner.f, &mut inner.jacobian, &mut inner.f_t);
        j.data.fill(0.0);
        let pattern = inner.dae.pattern();
        for i in 0..n {
            for k in pattern.row(i) {
                j[(i, pattern.column[k])] = inner.jacobian[k];
            }
        }
        for i in n..N {
            j[(i, i)] = -1.0;
        }
    }
}

impl<S, const N: usize> Integrator for Radau<S, N>
where
    S: AlgebraicNumericalMethod<f64, [f64; N]> + Interpolation<f64, [f64; N]>,
{
    fn name(&self) -> &'static str {
        "Radau5"
    }

    fn start(&mut self, t: f64, y: &[f64], h: f64) {
        self.state.y = [0.0; N];
        self.state.y[..self.order].copy_from_slice(y);
        (self.state.t, self.state.h, self.state.started) = (t, h, false);
        self.state.last = (t, t);
    }

    fn step(&mut self, dae: &mut dyn Dae, end: f64, longest: f64) -> Result<(), StepError> {
        let adapter = Adapter::new(dae);
        let state = &mut self.state;
        let smallest = 4.0 * f64::EPSILON * state.t.abs().max(end.abs());
        if !state.started {
            let h = state.h.min(longest).min(end - state.t).max(smallest);
            self.solver = (self.fresh)(&self.tolerance, h);
            self.solver.init(&adapter, state.t, end, &state.y).map_err(|e| failure(e, state.t))?;
            state.started = true;
        }
        loop {
            let left = end - self.solver.t();
            if self.solver.h() > longest.min(left) || left - self.solver.h() < 1e-9 * left {
                self.solver.set_h(longest.min(left));
            }
            let evals = self.solver.step(&adapter).map_err(|e| failure(e, state.t))?;
            state.counts.evaluations += evals.function as u64;
            state.counts.jacobians += evals.jacobian as u64;
            state.counts.factorizations += evals.decompositions as u64;
            if !matches!(self.solver.status(), Status::RejectedStep) {
                break;
            }
            state.counts.rejected += 1;
            self.solver.set_status(Status::Solving);
            if self.solver.h().is_nan() || self.solver.h() <= smallest {
                return Err(StepError::TooSmall { t: state.t, h: self.solver.h(), worst: 0 });
            }
        }
        state.counts.steps += 1;
        let (from, to) = (self.solver.t_prev(), self.solver.t());
        for (k, node) in state.nodes.iter_mut().enumerate() {
            let t = if k == 3 { to } else { from + (to - from) * k as f64 / 3.0 };
            *node = self.solver.interpolate(t).map_err(|e| failure(e, state.t))?;
        }
        let to = if end - to <= smallest { end } else { to };
        state.last = (from, to);
        (state.t, state.y) = (to, *self.solver.y());
        Ok(())
    }

    fn interval(&self) -> (f64, f64) {
        self.state.last
    }

    fn state(&self) -> &[f64] {
        &self.state.y[..self.order]
    }

    fn interpolate(&self, t: f64, y: &mut [f64], slope: &mut [f64]) {
        let (from, to) = self.state.last;
        let x = 3.0 * ((t - from) / (to - from)).clamp(0.0, 1.0);
        let per_time = 3.0 / (to - from);
        let [a, b, c, d] = &self.state.nodes;
        for i in 0..self.order {
            // Newton's form of the cubic through four equidistant values.
            let (d1, d2) = (b[i] - a[i], c[i] - 2.0 * b[i] + a[i]);
            let d3 = d[i] - 3.0 * c[i] + 3.0 * b[i] - a[i];
            y[i] = a[i] + x * (d1 + (x - 1.0) / 2.0 * (d2 + (x - 2.0) / 3.0 * d3));
            let curved = d2 * (x - 0.5) + d3 * (3.0 * x * x - 6.0 * x + 2.0) / 6.0;
            slope[i] = (d1 + curved) * per_time;
        }
    }

    fn counts(&self) -> Counts {
        self.state.counts
    }
}

fn failure<const N: usize>(e: Error<f64, [f64; N]>, t: f64) -> StepError {
    match e {
        Error::LinearAlgebra { t, .. } => StepError::Singular { t, unknown: 0 },
        Error::StepSize { t, .. } => StepError::TooSmall { t, h: 0.0, worst: 0 },
        _ => StepError::NotFinite { t },
    }
}
