//! [`Number`]: the precisions in which a model chosen by name is evaluated.

use crate::model::Model;
use crate::real::Lane;

/// f32 or f64: what a batch or an evaluation is computed in.
pub trait Number: Lane + nalgebra::Scalar + sealed::Evaluate {}

impl Number for f32 {}
impl Number for f64 {}

pub(crate) mod sealed {
    use super::Model;

    /// A model's functions in this precision.
    pub trait Evaluate: Sized {
        fn field(model: &dyn Model, y: &[Self], dy: &mut [Self]);
        fn spike_condition(model: &dyn Model, y: &[Self], dy: &[Self]) -> Self;
        fn overflowed(model: &dyn Model, y: &[Self], over: &mut [bool]);
    }

    impl Evaluate for f64 {
        fn field(model: &dyn Model, y: &[f64], dy: &mut [f64]) {
            model.field(y, dy);
        }
        fn spike_condition(model: &dyn Model, y: &[f64], dy: &[f64]) -> f64 {
            model.spike_condition(y, dy)
        }
        fn overflowed(model: &dyn Model, y: &[f64], over: &mut [bool]) {
            model.overflowed(y, over);
        }
    }

    impl Evaluate for f32 {
        fn field(model: &dyn Model, y: &[f32], dy: &mut [f32]) {
            model.field_f32(y, dy);
        }
        fn spike_condition(model: &dyn Model, y: &[f32], dy: &[f32]) -> f32 {
            model.spike_condition_f32(y, dy)
        }
        fn overflowed(model: &dyn Model, y: &[f32], over: &mut [bool]) {
            model.overflowed_f32(y, over);
        }
    }
}
