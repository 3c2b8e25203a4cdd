//! The right-hand side that is integrated: the model's field, plus what stimuli inject, minus what rails forbid.

use super::run::Precision;
use super::stimulus::Drive;
use crate::model::Model;

/// Why a state is held where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pin {
    /// Its lower rail.
    Low,
    /// Its upper rail.
    High,
    /// Zero, on a set where a state rests at zero.
    Rest,
}

/// How far to both sides of zero a resting state is tried; a number in single precision too.
const NUDGE: f64 = 1e-30;

pub(crate) struct Equations<'a> {
    pub model: &'a dyn Model,
    pub precision: Precision,
    /// Injected currents, already times the state's gain; their slopes count from the segment's start.
    pub drives: Vec<Drive>,
    pub pins: Vec<Option<Pin>>,
    /// The sign of each state that is on its way to rest at zero, 0 for any other. Until the event there is found, the
    /// field goes on smoothly beyond zero: a step that saw its jump would interpolate badly.
    pub sides: Vec<f64>,
    beside: Vec<f64>,
    single: (Vec<f32>, Vec<f32>),
}

impl<'a> Equations<'a> {
    pub fn new(model: &'a dyn Model, precision: Precision, n: usize) -> Self {
        Equations {
            model,
            precision,
            drives: Vec::new(),
            pins: vec![None; n],
            sides: vec![0.0; n],
            beside: vec![0.0; n],
            single: (vec![0.0; n], vec![0.0; n]),
        }
    }

    /// d(state)/dt at local time x, rails or not.
    #[inline]
    pub fn free(&mut self, x: f64, y: &[f64], dy: &mut [f64]) {
        if self.sides.iter().any(|s| *s != 0.0) && self.model.rests_at_zero(y) {
            let mut beside = std::mem::take(&mut self.beside);
            for ((b, y), side) in beside.iter_mut().zip(y).zip(&self.sides) {
                *b = if *side == 0.0 { *y } else { side * (side * y).max(NUDGE) };
            }
            self.model_field(&beside, dy);
            self.beside = beside;
        } else {
            self.model_field(y, dy);
        }
        for d in &self.drives {
            dy[d.state] += d.level + d.slope * x;
        }
    }

    #[inline]
    fn model_field(&mut self, y: &[f64], dy: &mut [f64]) {
        match self.precision {
            Precision::F64 => self.model.field(y, dy),
            Precision::F32 => {
                let (single, slope) = (&mut self.single.0, &mut self.single.1);
                single.iter_mut().zip(y).for_each(|(s, y)| *s = *y as f32);
                self.model.field_f32(single, slope);
                dy.iter_mut().zip(slope).for_each(|(d, s)| *d = f64::from(*s));
            }
        }
    }

    /// d(state)/dt at local time x; zero where a state is held.
    #[inline]
    pub fn held(&mut self, x: f64, y: &[f64], dy: &mut [f64]) {
        self.free(x, y, dy);
        for (d, pin) in dy.iter_mut().zip(&self.pins) {
            if pin.is_some() {
                *d = 0.0;
            }
        }
    }

    /// How fast the held state `i` would leave; negative while it is held rightly.
    pub fn leaving(&mut self, i: usize, x: f64, y: &[f64], scratch: &mut [f64]) -> f64 {
        match self.pins[i] {
            Some(Pin::Low) => {
                self.free(x, y, scratch);
                scratch[i]
            }
            Some(Pin::High) => {
                self.free(x, y, scratch);
                -scratch[i]
            }
            Some(Pin::Rest) if self.model.rests_at_zero(y) => {
                let mut side = |nudge: f64| {
                    let mut y = y.to_vec();
                    y[i] = nudge;
                    self.free(x, &y, scratch);
                    scratch[i] * nudge.signum()
                };
                side(NUDGE).max(side(-NUDGE))
            }
            _ => 1.0,
        }
    }
}
