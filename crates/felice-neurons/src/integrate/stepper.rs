//! One stretch of a run between two changes, integrated by `ode_solvers`.

use std::cell::RefCell;

use nalgebra::allocator::Allocator;
use nalgebra::{Const, DefaultAllocator, Dim, Dyn, OVector};
use ode_solvers::{Dop853, Dopri5, OutputType, System};

use super::record::{Record, Stop};
use super::run::Method;

/// Step control of DOP853: safety, β, least and most factor. With the library's β = 0 a run at rest hunts along the edge
/// of stability, 2e-9 off at a tolerance of 1e-12; with .08 it is 2e-10 off, for a fifth more evaluations.
pub(crate) const DOP853_CONTROL: (f64, f64, f64, f64) = (0.9, 0.08, 0.333, 6.0);
/// Step control of Dopri5: the library's.
pub(crate) const DOPRI5_CONTROL: (f64, f64, f64, f64) = (0.9, 0.04, 0.2, 10.0);

/// The system `ode_solvers` integrates; local time starts at 0 with each stretch.
struct Tap<'r, 'a>(&'r RefCell<Record<'a>>);

impl<D: Dim> System<f64, OVector<f64, D>> for Tap<'_, '_>
where
    DefaultAllocator: Allocator<D>,
{
    fn system(&self, x: f64, y: &OVector<f64, D>, dy: &mut OVector<f64, D>) {
        self.0.borrow_mut().evaluate(x, y.as_slice(), dy.as_mut_slice());
    }

    fn solout(&mut self, x: f64, _: &OVector<f64, D>, _: &OVector<f64, D>) -> bool {
        self.0.borrow_mut().accepted(x)
    }
}

/// Integrates from where `record` is to `to`; `None`: arrived.
pub(crate) fn advance(record: &RefCell<Record>, to: f64) -> Option<Stop> {
    let states = record.borrow().y.len();
    match states {
        1 => advance_in(record, to, Const::<1>),
        2 => advance_in(record, to, Const::<2>),
        3 => advance_in(record, to, Const::<3>),
        4 => advance_in(record, to, Const::<4>),
        n => advance_in(record, to, Dyn(n)),
    }
}

fn advance_in<D: Dim>(record: &RefCell<Record>, to: f64, dimension: D) -> Option<Stop>
where
    DefaultAllocator: Allocator<D>,
{
    let t = record.borrow_mut().begin(to);
    let y = OVector::<f64, D>::from_column_slice_generic(dimension, Const::<1>, &record.borrow().y);
    // Stiffness is judged by our own measure (n_stiff out of reach): the library's stops runs that rest at a focus. Its
    // samples are not used (dx out of reach).
    let (never, huge) = (u32::MAX, f64::MAX);
    let outcome = match t.method {
        Method::Dop853 => {
            let (safety, beta, least, most) = DOP853_CONTROL;
            let (tap, out) = (Tap(record), OutputType::Dense);
            Dop853::from_param(
                tap, 0.0, t.length, huge, y, t.rtol, t.atol, safety, beta, least, most, t.h_max, t.first, t.steps,
                never, out,
            )
            .integrate()
        }
        Method::Dopri5 => {
            let (safety, beta, least, most) = DOPRI5_CONTROL;
            let (tap, out) = (Tap(record), OutputType::Sparse);
            Dopri5::from_param(
                tap, 0.0, t.length, huge, y, t.rtol, t.atol, safety, beta, least, most, t.h_max, t.first, t.steps,
                never, out,
            )
            .integrate()
        }
    };
    record.borrow_mut().end(to, outcome.is_ok())
}
