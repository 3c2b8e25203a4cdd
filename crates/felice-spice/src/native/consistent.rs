//! States that satisfy the algebraic equations: after a corner, a jump or a comparison has changed them.
//!
//! Charges and fluxes stay as they are (a jump of a source moves them through the capacitors it drives), everything else
//! follows.

use super::dae::Dae;
use super::layout::Kind;
use super::newton::{Equations, Newton, NewtonError};
use super::system::System;

/// `M (y − anchor) = jump` where M has a row, `f = 0` elsewhere.
struct Held<'a> {
    system: &'a mut System,
    t: f64,
    /// `M anchor + jump`
    charge: &'a [f64],
    f_t: &'a mut [f64],
}

impl Held<'_> {
    fn amend(&self, y: &[f64], r: &mut [f64]) {
        let shape = &self.system.shape;
        for i in (0..y.len()).filter(|&i| !shape.algebraic[i]) {
            let stored: f64 = shape.pattern.row(i).map(|k| shape.mass[k] * y[shape.pattern.column[k]]).sum();
            r[i] = stored - self.charge[i];
        }
    }
}

impl Equations for Held<'_> {
    fn kind(&self, unknown: usize) -> Kind {
        self.system.shape.layout.unknowns[unknown].1
    }

    fn residual(&mut self, y: &[f64], r: &mut [f64]) {
        self.system.rhs(self.t, y, r);
        self.amend(y, r);
    }

    fn linearize(&mut self, y: &[f64], r: &mut [f64], jacobian: &mut [f64]) {
        self.system.linearize(self.t, y, r, jacobian, self.f_t);
        let shape = &self.system.shape;
        for i in (0..y.len()).filter(|&i| !shape.algebraic[i]) {
            for k in shape.pattern.row(i) {
                jacobian[k] = shape.mass[k];
            }
        }
        self.amend(y, r);
    }
}

/// Memory for finding consistent states of one system.
pub struct Consistency {
    /// The iteration.
    pub newton: Newton,
    charge: Vec<f64>,
    f_t: Vec<f64>,
    f: Vec<f64>,
    jacobian: Vec<f64>,
}

impl Consistency {
    /// For systems of this shape.
    pub fn new(system: &System) -> Self {
        let zeros = || vec![0.0; system.order()];
        Consistency {
            newton: Newton::new(&system.shape.pattern, system.deadline),
            charge: zeros(),
            f_t: zeros(),
            f: zeros(),
            jacobian: vec![0.0; system.shape.pattern.len()],
        }
    }

    /// Makes `y` consistent at time t, sources as they are set now; `before` are the sources' values that `y` belongs to.
    ///
    /// # Errors
    /// [`NewtonError::Singular`] where the circuit's index is above 1.
    pub fn restore(&mut self, system: &mut System, t: f64, y: &mut [f64], before: &[f64]) -> Result<(), NewtonError> {
        self.charge.fill(0.0);
        let shape = system.shape.clone();
        shape.pattern.multiply_add(&shape.mass, y, &mut self.charge);
        for s in &shape.slope {
            let jump = system.source_value(s.from) - before[s.from as usize];
            self.charge[s.to as usize] += s.factor * jump;
        }
        let mut held = Held { system, t, charge: &self.charge, f_t: &mut self.f_t };
        self.newton.solve(&mut held, y, 60)
    }

    /// Finds the state whose charges and fluxes (by Kirchhoff and branch equation) are given.
    ///
    /// # Errors
    /// As [`Consistency::restore`].
    pub fn restore_charge(
        &mut self,
        system: &mut System,
        t: f64,
        y: &mut [f64],
        charge: &[f64],
    ) -> Result<(), NewtonError> {
        self.charge.copy_from_slice(charge);
        let shape = system.shape.clone();
        for s in &shape.slope {
            self.charge[s.to as usize] += s.factor * system.source_value(s.from);
        }
        let mut held = Held { system, t, charge: &self.charge, f_t: &mut self.f_t };
        self.newton.solve(&mut held, y, 60)
    }

    /// y' at a consistent (t, y), by the factorization that [`Consistency::restore`] left.
    pub fn slope(&mut self, system: &mut System, t: f64, y: &[f64], slope: &mut [f64]) {
        system.linearize(t, y, &mut self.f, &mut self.jacobian, &mut self.f_t);
        for i in 0..y.len() {
            slope[i] = if system.shape.algebraic[i] { -self.f_t[i] } else { self.f[i] };
        }
        self.newton.solve_linear(slope);
    }
}
