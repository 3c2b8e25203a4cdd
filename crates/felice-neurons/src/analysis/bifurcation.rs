//! Bifurcation diagrams in one parameter: branches of fixed points, followed by arc length through their folds, and where
//! they fold, meet, or begin to oscillate.

use super::continuation::Path;
use super::fixed_points::Stability;
use crate::any::AnyNeuron;
use crate::error::NeuronError;

/// What to sweep, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// The parameter.
    pub parameter: String,
    /// From.
    pub from: f64,
    /// To.
    pub to: f64,
    /// Lower corner of the box of states.
    pub lo: Vec<f64>,
    /// Upper corner.
    pub hi: Vec<f64>,
    /// Length of the trajectories that look for limit cycles; `None`: none are looked for.
    pub horizon: Option<f64>,
}

/// A bifurcation diagram.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagram {
    /// The parameter.
    pub parameter: String,
    /// Branches of fixed points.
    pub branches: Vec<Branch>,
    /// Where they change, by rising parameter.
    pub bifurcations: Vec<Bifurcation>,
    /// Limit cycles at equidistant values of the parameter, where there were any.
    pub cycles: Vec<CycleExtent>,
}

/// One branch of fixed points, in order along it.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    /// Its points.
    pub points: Vec<BranchPoint>,
}

/// One point of a branch.
#[derive(Clone, Debug, PartialEq)]
pub struct BranchPoint {
    /// The parameter there.
    pub parameter: f64,
    /// The fixed point.
    pub state: Vec<f64>,
    /// What it is.
    pub stability: Stability,
}

/// A place where the picture changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Bifurcation {
    /// How.
    pub kind: BifurcationKind,
    /// At this value of the parameter.
    pub parameter: f64,
    /// At this fixed point.
    pub state: Vec<f64>,
}

/// How the picture changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BifurcationKind {
    /// Two fixed points meet and vanish (saddle-node).
    Fold,
    /// Branches cross (pitchfork, transcritical).
    BranchPoint,
    /// A spiral turns from attracting to repelling; a limit cycle is born.
    Hopf {
        /// Angular frequency at birth.
        frequency: f64,
    },
}

/// Extent of a limit cycle.
#[derive(Clone, Debug, PartialEq)]
pub struct CycleExtent {
    /// The parameter.
    pub parameter: f64,
    /// Period.
    pub period: f64,
    /// Smallest value of each state.
    pub lo: Vec<f64>,
    /// Largest value of each state.
    pub hi: Vec<f64>,
}

/// Values of the parameter at which branches are looked for.
const SEEDS: usize = 9;
/// And limit cycles.
const CYCLES: usize = 41;

impl AnyNeuron {
    /// The bifurcation diagram of one parameter.
    ///
    /// Branches start from the fixed points at nine values of the parameter and are followed both ways by pseudo-arclength
    /// continuation; bifurcations are located by bisection along the branch, to 1e-9 of the parameter's range.
    ///
    /// # Errors
    /// [`NeuronError::UnknownParameter`], [`NeuronError::Parameter`] where an end is out of range, [`NeuronError::Region`].
    pub fn bifurcations(&self, sweep: &Sweep) -> Result<Diagram, NeuronError> {
        let (mut first, mut last) = (self.clone(), self.clone());
        first.set(&sweep.parameter, sweep.from)?;
        last.set(&sweep.parameter, sweep.to)?;
        self.check_box(&sweep.lo, &sweep.hi)?;
        let range = sweep.to - sweep.from;
        if !(range > 0.0 && range.is_finite()) {
            let state = sweep.parameter.clone().into();
            return Err(NeuronError::Region { state, lo: sweep.from, hi: sweep.to });
        }
        let mut diagram = Diagram {
            parameter: sweep.parameter.clone(),
            branches: Vec::new(),
            bifurcations: Vec::new(),
            cycles: Vec::new(),
        };
        for k in 0..SEEDS {
            let value = sweep.from + range * k as f64 / (SEEDS - 1) as f64;
            let mut neuron = self.clone();
            neuron.set(&sweep.parameter, value)?;
            let mut path = Path::new(&neuron, sweep)?;
            for point in neuron.fixed_points_bare(&sweep.lo, &sweep.hi)? {
                if !path.known(&diagram.branches, &point.state, value) {
                    let branch = path.trace(&point.state, value, &mut diagram.bifurcations);
                    diagram.branches.push(branch);
                }
            }
        }
        // Where a branch turns round on another (a pitchfork) nothing meets and vanishes.
        let crossings: Vec<Bifurcation> =
            diagram.bifurcations.iter().filter(|b| b.kind == BifurcationKind::BranchPoint).cloned().collect();
        diagram.bifurcations.retain(|b| {
            let here = |c: &Bifurcation| {
                let close = |a: f64, b: f64, extent: f64| (a - b).abs() <= 1e-4 * extent;
                let extents = sweep.lo.iter().zip(&sweep.hi).map(|(l, h)| h - l);
                close(b.parameter, c.parameter, range)
                    && extents.zip(b.state.iter().zip(&c.state)).all(|(e, (x, y))| close(*x, *y, e))
            };
            b.kind != BifurcationKind::Fold || !crossings.iter().any(here)
        });
        diagram.bifurcations.sort_by(|a, b| a.parameter.total_cmp(&b.parameter));
        if let Some(horizon) = sweep.horizon {
            diagram.cycles = self.cycles_along(sweep, &diagram.branches, horizon)?;
        }
        Ok(diagram)
    }

    /// Limit cycles at equidistant values, each looked for from the last one's state, or from beside an unstable point.
    fn cycles_along(&self, sweep: &Sweep, branches: &[Branch], horizon: f64) -> Result<Vec<CycleExtent>, NeuronError> {
        let mut found = Vec::new();
        let mut start: Option<Vec<f64>> = None;
        let extent: Vec<f64> = sweep.lo.iter().zip(&sweep.hi).map(|(l, h)| h - l).collect();
        for k in 0..CYCLES {
            let parameter = sweep.from + (sweep.to - sweep.from) * k as f64 / (CYCLES - 1) as f64;
            let mut neuron = self.clone();
            neuron.set(&sweep.parameter, parameter)?;
            let unstable = branches.iter().flat_map(|b| &b.points).filter(|p| {
                matches!(p.stability, Stability::UnstableFocus | Stability::UnstableNode | Stability::Saddle)
            });
            let nearest =
                unstable.min_by(|a, b| (a.parameter - parameter).abs().total_cmp(&(b.parameter - parameter).abs()));
            let beside = nearest.map(|p| p.state.iter().zip(&extent).map(|(y, e)| y + 1e-3 * e).collect::<Vec<f64>>());
            let cycle = [start.take(), beside].into_iter().flatten().find_map(|s| neuron.limit_cycle(&s, horizon).ok());
            if let Some(cycle) = cycle {
                let over = |f: fn(f64, f64) -> f64, from: f64| {
                    cycle.orbit.signals().iter().map(|s| s.values.iter().copied().fold(from, f)).collect()
                };
                let (lo, hi) = (over(f64::min, f64::INFINITY), over(f64::max, f64::NEG_INFINITY));
                found.push(CycleExtent { parameter, period: cycle.period, lo, hi });
                start = Some(cycle.state);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(parameter: &str, from: f64, to: f64, lo: &[f64], hi: &[f64]) -> Sweep {
        Sweep { parameter: parameter.into(), from, to, lo: lo.to_vec(), hi: hi.to_vec(), horizon: None }
    }

    #[test]
    fn fhnrs_begins_and_ends_to_cycle_at_hopf_points() {
        // With C = 1, g_max = 1, a_fast = −2, a_slow = 2 and v_slow = v: E_rev = v, and the trace −1 + 2 sech² v − 1/50 is
        // zero at cosh² v = 2/1.02.
        let n = AnyNeuron::new("fhnrs").unwrap();
        let s = Sweep { horizon: Some(300.0), ..sweep("e_rev", -2.0, 2.0, &[-4.0, -4.0, -1.0], &[4.0, 4.0, 1.0]) };
        let diagram = n.bifurcations(&s).unwrap();
        let exact = (2.0_f64 / 1.02).sqrt().acosh();
        assert_eq!((diagram.branches.len(), diagram.bifurcations.len()), (1, 2), "{:?}", diagram.bifurcations);
        for (b, sign) in diagram.bifurcations.iter().zip([-1.0, 1.0]) {
            let BifurcationKind::Hopf { frequency } = b.kind else { panic!("{b:?}") };
            assert!((b.parameter - sign * exact).abs() < 1e-9 && (b.state[0] - sign * exact).abs() < 1e-9, "{b:?}");
            // det = (q − p)/50 with p = 1/50 and q = 2 sech² v = 1.02.
            assert!((frequency - ((1.02 - 0.02) / 50.0_f64).sqrt()).abs() < 1e-9);
        }
        let inside = |c: &CycleExtent| c.parameter.abs() < exact + 0.1;
        assert!(diagram.cycles.len() > 10 && diagram.cycles.iter().all(inside), "{:?}", diagram.cycles.len());
    }

    #[test]
    fn a_cubic_folds_twice() {
        // Without the slow element: E_rev = v − 2 tanh v folds where 2 sech² v = 1.
        let mut n = AnyNeuron::new("fhnrs").unwrap();
        n.set("a_slow", 0.0).unwrap();
        let diagram = n.bifurcations(&sweep("e_rev", -2.0, 2.0, &[-5.0, -5.0, -1.0], &[5.0, 5.0, 1.0])).unwrap();
        let v = 2.0_f64.sqrt().acosh();
        let fold = 2.0 * v.tanh() - v;
        assert_eq!((diagram.branches.len(), diagram.bifurcations.len()), (1, 2), "{:?}", diagram.bifurcations);
        for (b, sign) in diagram.bifurcations.iter().zip([-1.0, 1.0]) {
            assert!(b.kind == BifurcationKind::Fold && (b.parameter - sign * fold).abs() < 1e-9, "{b:?} {fold}");
        }
    }

    #[test]
    fn a_pitchfork_is_a_branch_point() {
        // 0 = −v + 2 tanh v − a_slow tanh v: two more fixed points for a_slow < 1, with Hopf points of their own.
        let n = AnyNeuron::new("fhnrs").unwrap();
        let found = n.bifurcations(&sweep("a_slow", 0.5, 3.0, &[-4.0; 3], &[4.0; 3])).unwrap().bifurcations;
        let [.., last] = &found[..] else { panic!("{found:?}") };
        assert!(last.kind == BifurcationKind::BranchPoint && (last.parameter - 1.0).abs() < 1e-7, "{found:?}");
        assert!(found.len() == 3 && found.iter().all(|b| b.kind != BifurcationKind::Fold), "{found:?}");
    }

    #[test]
    fn boomerangs_saddle_is_born_as_sigma_grows() {
        let n = AnyNeuron::new("boomerang").unwrap();
        let diagram = n.bifurcations(&sweep("sigma", 0.0, 0.9, &[-0.5, -0.5], &[1.0, 1.0])).unwrap();
        // Three fixed points at the default .6; the symmetry is broken by γ, so two of them meet in a fold.
        let folds: Vec<&Bifurcation> =
            diagram.bifurcations.iter().filter(|b| b.kind == BifurcationKind::Fold).collect();
        assert!(!folds.is_empty(), "{:?}", diagram.bifurcations);
        for fold in folds {
            let mut there = n.clone();
            there.set("sigma", fold.parameter).unwrap();
            let j = there.jacobian(&fold.state).unwrap();
            let mut dy = [0.0; 2];
            there.field(&fold.state, &mut dy).unwrap();
            assert!(j.determinant().abs() < 1e-4 && dy[0].abs() < 1e-9 && dy[1].abs() < 1e-9, "{fold:?}");
        }
    }
}
