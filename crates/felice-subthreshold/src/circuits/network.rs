//! A circuit linearised where it rests, its inner nodes and their capacitances included: C dx/dt = −G x.
//!
//! The models know the state nodes alone; every inner node follows its input late. Eliminating the inner nodes i to
//! first order in their capacitances leaves, for the state nodes s,
//!
//! ```text
//! (C + T) dy/dt = J y,   J = −(G_ss − G_si G_ii⁻¹ G_is)
//! T = C_ss − G_si G_ii⁻¹ C_is − C_si G_ii⁻¹ G_is + G_si G_ii⁻¹ C_ii G_ii⁻¹ G_is
//! ```
//!
//! An inner node of conductance g and capacitance c that drives a transconductance gm is c/g late and adds −gm c/g to
//! T. The decay rate, half the trace of (C + T)⁻¹ J, is C tr J less tr(T J), over 2 C²: decay turns to growth at
//!
//! ```text
//! C = tr(T J)/tr J                                  first order: the closed form
//! ```
//!
//! and exactly where an eigenvalue of C dx/dt = −G x crosses into the right half-plane.

use nalgebra::{DMatrix, LU};

use crate::card::Polarity;
use crate::charge::uptake;
use crate::circuits::Transistor;

/// A transistor's place: its name and the nodes of its drain, gate and source.
pub(crate) type Place = (&'static str, [&'static str; 3]);

/// The five transistors of an OTA by their names, its inputs, output and tail gate: their places, inner nodes `t`, `a`.
pub(crate) const fn ota(
    [mt, m1, m2, m3, m4]: [&'static str; 5],
    [t, a]: [&'static str; 2],
    [p, n, out, gate]: [&'static str; 4],
) -> [Place; 5] {
    [(mt, [t, gate, "vdd"]), (m1, [a, p, t]), (m2, [out, n, t]), (m3, [a, a, "gnd"]), (m4, [out, a, "gnd"])]
}

/// Conductances (S) and parasitic capacitances (F) of a circuit about its rest point; state nodes first.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    /// Names of the nodes, the two state nodes first.
    pub(crate) names: Vec<&'static str>,
    g: DMatrix<f64>,
    c: DMatrix<f64>,
}

/// Number of state nodes.
const STATES: usize = 2;

impl Network {
    /// From every node's voltage (V), those that move first (`moving` of them, the state nodes at the head), the
    /// transistors and their places, and a capacitance to ground at every inner node (F).
    pub(crate) fn new(
        nodes: &[(&'static str, f64)],
        moving: usize,
        transistors: &[Transistor],
        places: &[Place],
        at_inner: f64,
        supply: f64,
    ) -> Self {
        let (mut g, mut c) = (DMatrix::zeros(moving, moving), DMatrix::zeros(moving, moving));
        let index = |name: &str| nodes.iter().position(|n| n.0 == name);
        for transistor in transistors {
            let Some((_, terminals)) = places.iter().find(|p| p.0 == transistor.role.name) else { continue };
            let Some([d, gate, s]) = terminals.map(index).into_iter().collect::<Option<Vec<_>>>().and_then(three)
            else {
                continue;
            };
            let from_bulk = |i: usize| match transistor.role.polarity {
                Polarity::N => nodes[i].1,
                Polarity::P => supply - nodes[i].1,
            };
            let k = transistor.ekv.conductances(from_bulk(gate), from_bulk(s), from_bulk(d));
            // The current out of the drain's node, by each terminal's voltage; the same for both polarities.
            for (terminal, slope) in [(gate, k.gm), (d, k.gds), (s, -k.gms)] {
                add(&mut g, d, terminal, slope);
                add(&mut g, s, terminal, -slope);
            }
            let [oxide, overlap, junction] = transistor.capacitances();
            // Charges turn round with the voltages, so that a pFET's are an nFET's.
            let taken = uptake(&transistor.ekv, oxide, from_bulk(gate), from_bulk(s), from_bulk(d));
            for (row, terminal) in taken.iter().zip([gate, s, d]) {
                for (value, by) in row.iter().zip([gate, s, d]) {
                    add(&mut c, terminal, by, *value);
                }
            }
            for (a, b) in [(gate, d), (gate, s)] {
                for (i, j, sign) in [(a, a, 1.0), (b, b, 1.0), (a, b, -1.0), (b, a, -1.0)] {
                    add(&mut c, i, j, sign * overlap);
                }
            }
            add(&mut c, d, d, junction);
            add(&mut c, s, s, junction);
        }
        (STATES..moving).for_each(|i| c[(i, i)] += at_inner);
        Network { names: nodes[..moving].iter().map(|n| n.0).collect(), g, c }
    }

    /// Delay (s) of inner node `k` by itself: its capacitance over its conductance.
    pub(crate) fn delay(&self, k: usize) -> f64 {
        self.c[(k, k)] / self.g[(k, k)]
    }

    /// J (S) and T (F) of the state nodes; `None` where an inner node is left floating.
    pub(crate) fn reduced(&self, c: &DMatrix<f64>) -> Option<(DMatrix<f64>, DMatrix<f64>)> {
        let inner = self.names.len() - STATES;
        let part = |m: &DMatrix<f64>, row: usize, column: usize, rows: usize, columns: usize| {
            m.view((row, column), (rows, columns)).clone_owned()
        };
        let (g_ss, g_si) = (part(&self.g, 0, 0, STATES, STATES), part(&self.g, 0, STATES, STATES, inner));
        let (g_is, g_ii) = (part(&self.g, STATES, 0, inner, STATES), part(&self.g, STATES, STATES, inner, inner));
        let (c_ss, c_si) = (part(c, 0, 0, STATES, STATES), part(c, 0, STATES, STATES, inner));
        let (c_is, c_ii) = (part(c, STATES, 0, inner, STATES), part(c, STATES, STATES, inner, inner));
        let lu = LU::new(g_ii);
        let follow = lu.solve(&g_is)?;
        let drive = lu.solve(&(&c_is - &c_ii * &follow))?;
        let j = -(g_ss - &g_si * &follow);
        let t = c_ss - &g_si * drive - c_si * follow;
        Some((j, t))
    }

    /// What the lag of the inner nodes makes of node currents to first order, C (C + T)⁻¹ at a state capacitance (F): the
    /// equations with currents so mixed move as (C + T) dy/dt = J y does about the rest point.
    pub(crate) fn lagged(&self, state: f64) -> Option<[[f64; 2]; 2]> {
        let (_, t) = self.reduced(&self.c)?;
        let inverse = (DMatrix::identity(STATES, STATES) * state + t).try_inverse()? * state;
        Some([[inverse[(0, 0)], inverse[(0, 1)]], [inverse[(1, 0)], inverse[(1, 1)]]])
    }

    /// Critical capacitance (F) to first order: tr(T J)/tr J; negative where the circuit grows without parasitics.
    pub(crate) fn first_order(&self) -> Option<f64> {
        self.critical_by(&self.c)
    }

    /// What node `k`'s own capacitance contributes to it (F).
    pub(crate) fn share(&self, k: usize) -> Option<f64> {
        let mut alone = DMatrix::zeros(self.names.len(), self.names.len());
        alone[(k, k)] = self.c[(k, k)];
        self.critical_by(&alone)
    }

    fn critical_by(&self, c: &DMatrix<f64>) -> Option<f64> {
        let (j, t) = self.reduced(c)?;
        let value = (&t * &j).trace() / j.trace();
        value.is_finite().then_some(value)
    }

    /// Decay (negative) or growth rate (1/s) and angular frequency (rad/s) of the slowest mode at a state capacitance.
    pub(crate) fn mode(&self, state: f64) -> Option<(f64, f64)> {
        let mut c = self.c.clone();
        (0..STATES).for_each(|i| c[(i, i)] += state);
        // A node without capacitance follows at once: it is eliminated, not integrated.
        let (kept, still): (Vec<usize>, Vec<usize>) =
            (0..self.names.len()).partition(|&i| c.row(i).iter().any(|x| *x != 0.0));
        let pick = |m: &DMatrix<f64>, rows: &[usize], columns: &[usize]| {
            DMatrix::from_fn(rows.len(), columns.len(), |i, j| m[(rows[i], columns[j])])
        };
        let mut g = pick(&self.g, &kept, &kept);
        if !still.is_empty() {
            let follow = LU::new(pick(&self.g, &still, &still)).solve(&pick(&self.g, &still, &kept))?;
            g -= pick(&self.g, &kept, &still) * follow;
        }
        let rates = LU::new(pick(&c, &kept, &kept)).solve(&(-g))?;
        let eigenvalues = rates.complex_eigenvalues();
        let slowest = eigenvalues.iter().max_by(|a, b| a.re.total_cmp(&b.re))?;
        (slowest.re.is_finite() && slowest.im.is_finite()).then_some((slowest.re, slowest.im.abs()))
    }

    /// State capacitance (F) at which the slowest mode neither decays nor grows: largest one below which it grows.
    /// 0 where it decays at any, `None` where it grows at any.
    pub(crate) fn critical(&self) -> Option<f64> {
        let grows = |c: f64| self.mode(c).is_none_or(|m| m.0 > 0.0);
        // Where the first order says that the lags damp, the search begins at the largest parasitic capacitance.
        let largest = self.c.iter().fold(0.0f64, |m, c| m.max(*c));
        let start = self.first_order().filter(|c| *c > 0.0).unwrap_or(largest);
        let (mut low, mut high) = (start, start);
        for _ in 0..40 {
            if !grows(high) {
                break;
            }
            high *= 2.0;
        }
        for _ in 0..40 {
            if grows(low) {
                break;
            }
            low *= 0.5;
        }
        if grows(high) {
            return None;
        }
        if !grows(low) {
            return Some(0.0);
        }
        while high / low > 1.0 + 1e-9 {
            let middle = (low * high).sqrt();
            if grows(middle) { low = middle } else { high = middle }
        }
        Some(high)
    }
}

fn three(v: Vec<usize>) -> Option<[usize; 3]> {
    v.try_into().ok()
}

fn add(m: &mut DMatrix<f64>, row: usize, column: usize, value: f64) {
    if row < m.nrows() && column < m.ncols() {
        m[(row, column)] += value;
    }
}
