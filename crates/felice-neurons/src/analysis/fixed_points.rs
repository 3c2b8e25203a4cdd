//! Fixed points: all of a box, with their eigenvalues and what they attract.

use std::f64::consts::{PI, TAU};

use super::halton;
use crate::any::AnyNeuron;
use crate::error::NeuronError;
use crate::integrate::{Event, Run, Sampling, Trigger};
use crate::linear::{Eigenvalue, eigenvalues};
use crate::model::Model;
use crate::newton;

/// A state where nothing changes.
#[derive(Clone, Debug, PartialEq)]
pub struct FixedPoint {
    /// The state.
    pub state: Vec<f64>,
    /// Eigenvalues of the Jacobian there, largest real part first; states that nothing moves have none.
    pub eigenvalues: Vec<Eigenvalue>,
    /// What they make of it, an input's own (`i_app`) aside.
    pub stability: Stability,
    /// Share of a sprinkle of starts in the box that settle here; a hint, not a measure.
    pub basin: f64,
}

/// What a fixed point is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stability {
    /// Attracts, without turning.
    StableNode,
    /// Attracts in a spiral.
    StableFocus,
    /// Repels, without turning.
    UnstableNode,
    /// Repels in a spiral.
    UnstableFocus,
    /// Attracts along some directions, repels along others.
    Saddle,
    /// An eigenvalue's real part is zero to rounding: higher orders decide.
    Neutral,
}

impl Stability {
    /// Of a model's fixed point, without the eigenvalues of its inputs: each depends on itself alone, so that its place on
    /// the diagonal is one.
    pub(crate) fn at(model: &dyn Model, y: &[f64], eigenvalues: &[Eigenvalue]) -> Stability {
        let n = y.len();
        let mut j = vec![0.0; n * n];
        model.jacobian(y, &mut j);
        let mut own = eigenvalues.to_vec();
        for i in (0..n).filter(|i| model.info().states[*i].input) {
            let rate = j[i * n + i];
            let off = |l: &Eigenvalue| (l.re - rate).hypot(l.im);
            let nearest = (0..own.len()).min_by(|a, b| off(&own[*a]).total_cmp(&off(&own[*b])));
            // A constant input has none.
            if let (Some(k), true) = (nearest, rate != 0.0 && own.len() > 1) {
                own.remove(k);
            }
        }
        Stability::of(&own)
    }

    fn of(eigenvalues: &[Eigenvalue]) -> Stability {
        let size = eigenvalues.iter().map(|l| l.re.hypot(l.im)).fold(0.0, f64::max);
        if eigenvalues.iter().any(|l| l.re.is_nan() || l.re.abs() <= 1e-9 * size) {
            return Stability::Neutral;
        }
        let turns = eigenvalues.iter().any(|l| l.im != 0.0);
        match (eigenvalues.iter().any(|l| l.re > 0.0), eigenvalues.iter().any(|l| l.re < 0.0)) {
            (true, true) => Stability::Saddle,
            (true, false) if turns => Stability::UnstableFocus,
            (true, false) => Stability::UnstableNode,
            (false, _) if turns => Stability::StableFocus,
            (false, _) => Stability::StableNode,
        }
    }
}

/// Starts of Newton's iteration, first and where the count of what was found does not add up.
const STARTS: [usize; 3] = [256, 2048, 16_384];
/// Starts sprinkled to see what is attracted where.
const SPRINKLED: usize = 32;

impl AnyNeuron {
    /// Every fixed point within the box from `lo` to `hi` (one number a state), sorted by state.
    ///
    /// Newton's iteration from many starts; with two states the turns the field makes around the box's edge say whether
    /// all have been found, and more starts are tried where not. A state that nothing moves (`i_app` with `tau_syn` =
    /// inf) is held at its initial value. The foot of WereRabbit's diagonal, where the field jumps, is not listed.
    ///
    /// # Errors
    /// [`NeuronError::Width`], or [`NeuronError::Region`] where `lo` is not below `hi`.
    pub fn fixed_points(&self, lo: &[f64], hi: &[f64]) -> Result<Vec<FixedPoint>, NeuronError> {
        let mut points = self.fixed_points_bare(lo, hi)?;
        self.sprinkle(&mut points, lo, hi);
        Ok(points)
    }

    pub(crate) fn check_box(&self, lo: &[f64], hi: &[f64]) -> Result<(), NeuronError> {
        self.check()?;
        self.check_width("lower corner", lo.len())?;
        self.check_width("upper corner", hi.len())?;
        for (i, (l, h)) in lo.iter().zip(hi).enumerate() {
            if !(l.is_finite() && h.is_finite() && l < h) {
                return Err(NeuronError::Region { state: self.info().states[i].name.clone(), lo: *l, hi: *h });
            }
        }
        Ok(())
    }

    /// Field and Jacobian, row by row.
    pub(crate) fn linear(&self, y: &[f64], dy: &mut [f64], j: &mut [f64]) {
        self.model.field(y, dy);
        self.model.jacobian(y, j);
    }

    /// The fixed points, without what they attract.
    pub(crate) fn fixed_points_bare(&self, lo: &[f64], hi: &[f64]) -> Result<Vec<FixedPoint>, NeuronError> {
        self.check_box(lo, hi)?;
        let held = self.initial_state().unwrap_or_else(|_| vec![0.0; lo.len()]);
        let mut found: Vec<FixedPoint> = Vec::new();
        let mut tried = 0;
        for starts in STARTS {
            for k in tried..starts {
                let start: Vec<f64> =
                    halton(k, lo.len()).iter().zip(lo.iter().zip(hi)).map(|(x, (l, h))| l + x * (h - l)).collect();
                self.add_point(&mut found, &start, &held, lo, hi);
            }
            tried = starts;
            if self.adds_up(&found, lo, hi) {
                break;
            }
        }
        found.sort_by(|a, b| a.state.partial_cmp(&b.state).unwrap_or(std::cmp::Ordering::Equal));
        Ok(found)
    }

    /// Newton's iteration from a start; its end is kept if it is in the box, at rest, and new.
    fn add_point(&self, found: &mut Vec<FixedPoint>, start: &[f64], held: &[f64], lo: &[f64], hi: &[f64]) {
        let reach = 2.0 * lo.iter().zip(hi).map(|(l, h)| (h - l) * (h - l)).sum::<f64>().sqrt();
        let Some((state, j)) = newton::point_near(start, Some(held), reach, |y, dy, j| self.linear(y, dy, j)) else {
            return;
        };
        let slack = |i: usize| 1e-9 * (hi[i] - lo[i]);
        let inside = (0..state.len()).all(|i| state[i] >= lo[i] - slack(i) && state[i] <= hi[i] + slack(i));
        let near = |p: &FixedPoint| (0..state.len()).all(|i| (p.state[i] - state[i]).abs() <= 1e-6 * (hi[i] - lo[i]));
        if inside && !self.model.rests_at_zero(&state) && !found.iter().any(near) {
            let eigenvalues = eigenvalues(&j);
            found.push(FixedPoint {
                stability: Stability::at(&*self.model, &state, &eigenvalues),
                state,
                eigenvalues,
                basin: 0.0,
            });
        }
    }

    /// Poincaré's index: the field turns as often around the edge as there are more nodes and foci than saddles within.
    fn adds_up(&self, found: &[FixedPoint], lo: &[f64], hi: &[f64]) -> bool {
        const SIDE: usize = 64;
        if lo.len() != 2 {
            return true;
        }
        let corners = [[lo[0], lo[1]], [hi[0], lo[1]], [hi[0], hi[1]], [lo[0], hi[1]], [lo[0], lo[1]]];
        let mut turned = 0.0;
        for side in corners.windows(2) {
            let at = |x: f64| [0, 1].map(|i| side[0][i] + x * (side[1][i] - side[0][i]));
            for k in 0..SIDE {
                turned += self.turn(&at, k as f64 / SIDE as f64, (k + 1) as f64 / SIDE as f64, 48);
            }
        }
        let index: f64 = found.iter().map(|p| if p.stability == Stability::Saddle { -1.0 } else { 1.0 }).sum();
        (turned / TAU).round() == index
    }

    /// By which angle the field turns along an edge from `a` to `b`, halved until each part turns by less than a radian.
    fn turn(&self, at: &impl Fn(f64) -> [f64; 2], a: f64, b: f64, depth: usize) -> f64 {
        let angle = |x: f64| {
            let (y, mut dy) = (at(x), [0.0; 2]);
            self.model.field(&y, &mut dy);
            // Where states rest at zero a field is turned about below zero: not there beside.
            let flip = if self.model.rests_at_zero(&y) && y[0] < 0.0 { -1.0 } else { 1.0 };
            (flip * dy[1]).atan2(flip * dy[0])
        };
        let turned = (angle(b) - angle(a) + 3.0 * PI).rem_euclid(TAU) - PI;
        if turned.abs() < 1.0 || depth == 0 {
            return turned;
        }
        let middle = 0.5 * (a + b);
        self.turn(at, a, middle, depth - 1) + self.turn(at, middle, b, depth - 1)
    }

    /// Which of the points trajectories from here and there settle at.
    fn sprinkle(&self, points: &mut [FixedPoint], lo: &[f64], hi: &[f64]) {
        let attracts = |p: &FixedPoint| matches!(p.stability, Stability::StableNode | Stability::StableFocus);
        let stable: Vec<&FixedPoint> = points.iter().filter(|p| attracts(p)).collect();
        let slowest = stable.iter().filter_map(|p| p.eigenvalues.first()).map(|l| -l.re).fold(f64::INFINITY, f64::min);
        if stable.is_empty() {
            return;
        }
        let extent = (0..lo.len()).map(|i| hi[i] - lo[i]).fold(0.0, f64::max);
        let settled = Event { trigger: Trigger::Settled { distance: 1e-2 * extent }, stop_after: Some(1) };
        let run = Run {
            events: vec![settled],
            sampling: Sampling::At(Vec::new()),
            rtol: 1e-5,
            atol: 1e-5 * extent,
            max_steps: 1000,
            ..Run::to(20.0 / slowest)
        };
        let mut ends = vec![0_usize; points.len()];
        for k in 0..SPRINKLED {
            let start: Vec<f64> =
                halton(k, lo.len()).iter().zip(lo.iter().zip(hi)).map(|(x, (l, h))| l + x * (h - l)).collect();
            let Ok(t) = self.simulate(&Run { initial: Some(start), ..run.clone() }) else { continue };
            let far = |p: &FixedPoint| p.state.iter().zip(&t.final_state).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
            let nearest = (0..points.len())
                .filter(|i| attracts(&points[*i]))
                .min_by(|a, b| far(&points[*a]).total_cmp(&far(&points[*b])));
            if let (Some(_), Some(nearest)) = (t.stopped_by, nearest) {
                ends[nearest] += 1;
            }
        }
        for (point, n) in points.iter_mut().zip(ends) {
            point.basin = n as f64 / SPRINKLED as f64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boomerang_has_a_saddle_between_two_foci() {
        let n = AnyNeuron::new("boomerang").unwrap();
        let points = n.fixed_points(&[0.0, 0.0], &[0.5, 0.5]).unwrap();
        let kinds: Vec<Stability> = points.iter().map(|p| p.stability).collect();
        assert_eq!(kinds, [Stability::StableFocus, Stability::Saddle, Stability::StableFocus]);
        let basins: Vec<f64> = points.iter().map(|p| p.basin).collect();
        assert!(basins[0] > 0.2 && basins[1] == 0.0 && basins[2] > 0.2, "{basins:?}");
    }

    #[test]
    fn wererabbit_has_one_a_half_plane() {
        let mut n = AnyNeuron::new("wererabbit").unwrap();
        assert_eq!(n.fixed_points(&[-1.0, -1.0], &[1.0, 1.0]).unwrap().len(), 2);
        n.set("sigma", 1.1).unwrap();
        assert_eq!(n.fixed_points(&[-1.0, -1.0], &[1.0, 1.0]).unwrap().len(), 0);
    }

    #[test]
    fn a_held_current_moves_the_fixed_point_of_the_family() {
        let n = AnyNeuron::ribar_sepulchre(&[crate::Element { a: 0.5, v_off: 0.0, tau: 0.0 }]).unwrap();
        let points = n.fixed_points(&[-5.0, -5.0], &[5.0, 5.0]).unwrap();
        let [v, i_app] = points[0].state[..] else { panic!() };
        assert!(points.len() == 1 && i_app == -2.0 && (v + 0.5 * v.tanh() + 2.0).abs() < 1e-12);
        assert_eq!((points[0].eigenvalues.len(), points[0].stability), (1, Stability::StableNode));
    }

    #[test]
    fn a_box_must_be_a_box() {
        let n = AnyNeuron::new("boomerang").unwrap();
        assert!(n.fixed_points(&[0.0, 1.0], &[1.0, 1.0]).unwrap_err().to_string().contains("`v`"));
        assert!(n.fixed_points(&[0.0], &[1.0, 1.0]).is_err());
        assert!(n.fixed_points(&[f64::NAN, 0.0], &[1.0, 1.0]).is_err());
    }
}
