//! Charges of the EKV transistor and the capacitances that they make.
//!
//! Enz, Krummenacher, Vittoz 1995, section 5, in the form of Bucher, Lallement, Enz, Theodoloz, Krummenacher, The EPFL-EKV
//! MOSFET model equations for simulation, version 2.6 (EPFL, 1997), eqs. 69-80, with a constant slope factor `n = 1/kappa`:
//!
//! ```text
//! x_f = sqrt(1/4 + i_f),   x_r = sqrt(1/4 + i_r),   i = F of the current,   all charges over Cox W L Ut:
//! q_D = -n (4/15 (3 x_r^3 + 6 x_r^2 x_f + 4 x_r x_f^2 + 2 x_f^3)/(x_f + x_r)^2 - 1/2),   q_S with f and r exchanged
//! q_G = -kappa (q_S + q_D) + (n - 1) (Vp/Ut),                  Vp = kappa (Vg - Vt0)
//! q_B = -(q_G + q_S + q_D)
//! ```
//!
//! The gate's charge counts from the one at threshold; only differences mean anything. In weak inversion what is left is
//! the oxide in series with the depletion layer, `Cgb = (1 - kappa) Cox W L` (Tsividis, Operation and Modeling of the MOS
//! Transistor, 3rd ed., section 8.3); in strong inversion, saturated, `Cgs = 2/3 Cox W L`.

use crate::ekv::Ekv;
use crate::real::{Dual, Real};

/// Charges (C) at the terminals, bulk-referenced, positive for a working device, nFET or pFET.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Charges<R = f64> {
    /// Gate.
    pub gate: R,
    /// Drain's share of the channel.
    pub drain: R,
    /// Source's share of the channel.
    pub source: R,
    /// Depletion layer.
    pub bulk: R,
}

/// Small-signal capacitances (F): `gs = -dQg/dVs`, `gd = -dQg/dVd`, `gb` what is left of `dQg/dVg`, and the bulk's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capacitances {
    /// Gate to source.
    pub gs: f64,
    /// Gate to drain.
    pub gd: f64,
    /// Gate to bulk.
    pub gb: f64,
    /// Source to bulk, `-dQb/dVs`.
    pub sb: f64,
    /// Drain to bulk, `-dQb/dVd`.
    pub db: f64,
}

/// Charges (C) at gate, source and drain voltages (V); `oxide` is `Cox W L` (F).
pub fn charges<R: Real>(fet: &Ekv<R>, oxide: f64, vg: R, vs: R, vd: R) -> Charges<R> {
    let x = |v: R| (fet.half(vg, v) / fet.spec + 0.25).sqrt();
    let (f, r) = (x(vs), x(vd));
    let unit = fet.ut * oxide;
    let slope = fet.kappa.recip();
    let share = |near: R, far: R| {
        let cubic = near * near * near * 3.0 + near * near * far * 6.0 + near * far * far * 4.0 + far * far * far * 2.0;
        -(cubic / ((f + r) * (f + r)) * (4.0 / 15.0) - 0.5) * slope * unit
    };
    let (source, drain) = (share(f, r), share(r, f));
    let pinch = fet.kappa * (vg - fet.vt0);
    let gate = (slope - 1.0) * pinch * oxide - fet.kappa * (source + drain);
    Charges { gate, drain, source, bulk: -(gate + source + drain) }
}

/// What each of gate, source and drain (rows) takes up with each of their voltages (F): exact derivatives of [`charges`].
pub(crate) fn uptake(fet: &Ekv, oxide: f64, vg: f64, vs: f64, vd: f64) -> [[f64; 3]; 3] {
    let lifted: Ekv<Dual<3>> = fet.lift();
    let q = charges(&lifted, oxide, Dual::variable(vg, 0), Dual::variable(vs, 1), Dual::variable(vd, 2));
    [q.gate.slope, q.source.slope, q.drain.slope]
}

/// Capacitances (F), exact derivatives of [`charges`].
pub fn capacitances(fet: &Ekv, oxide: f64, vg: f64, vs: f64, vd: f64) -> Capacitances {
    let [gate, source, drain] = uptake(fet, oxide, vg, vs, vd);
    let [gs, gd] = [-gate[1], -gate[2]];
    let of_bulk = |k: usize| gate[k] + source[k] + drain[k];
    Capacitances { gs, gd, gb: gate[0] - gs - gd, sb: of_bulk(1), db: of_bulk(2) }
}
