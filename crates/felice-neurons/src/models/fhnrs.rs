//! FHNRS: FitzHugh–Nagumo as a circuit of two tanh elements, after L. Ribar and R. Sepulchre, "Neuromodulation of
//! neuromorphic circuits", IEEE TCAS-I 66 (2019), doi 10.1109/TCSI.2019.2907113; parameters as felice's.
//!
//! ```text
//! I_passive = g_max (v − E_rev)
//! I_fast    = a_fast tanh(v − v_off_fast)
//! I_slow    = a_slow tanh(v_slow − v_off_slow)
//! C dv/dt      = i_app − I_passive − I_fast − I_slow
//! dv_slow/dt   = (v − v_slow)/tau_slow
//! di_app/dt    = −i_app/tau_syn
//! spike condition = v − v_thr
//! ```
//!
//! tau_fast > 0 gives the fast element a lag of its own ([`FhnrsLagged`]): a fourth state with
//! dv_fast/dt = (v − v_fast)/tau_fast, and I_fast = a_fast tanh(v_fast − v_off_fast). tau_fast = 0 is felice's neuron.

use std::borrow::Cow;

use crate::neuron::{Info, Neuron, State, parameters};
use crate::real::Real;

parameters! {
    /// An FHNRS neuron: its parameters. `tau_fast` = 0 belongs to [`Fhnrs`], `tau_fast` > 0 to [`FhnrsLagged`].
    pub struct Fhnrs, TABLE {
        c "C" = 1.0, "1", Positive: "membrane capacitance", "felice API";
        g_max "g_max" = 1.0, "1", Finite: "passive conductance", "felice API";
        e_rev "E_rev" = 0.0, "1", Finite: "reversal potential of the passive conductance", "felice API";
        a_fast "a_fast" = -2.0, "1", Finite: "gain of the fast element (negative: regenerative)", "felice API";
        v_off_fast "v_off_fast" = 0.0, "1", Finite: "offset of the fast element", "felice API";
        tau_fast "tau_fast" = 0.0, "τ", NonNegative: "lag of the fast element; 0: none", "felice API";
        a_slow "a_slow" = 2.0, "1", Finite: "gain of the slow element (positive: restorative)", "felice API";
        v_off_slow "v_off_slow" = 0.0, "1", Finite: "offset of the slow element", "felice API";
        tau_slow "tau_slow" = 50.0, "τ", Positive: "lag of the slow element", "felice API";
        v_thr "v_thr" = 2.0, "1", Finite: "spike threshold", "felice API";
        tau_syn "tau_syn" = 1.0, "τ", PositiveOrInfinite: "time constant of the applied current; inf: constant", "felice API";
    }
}

/// dv/dt from the currents of the elements, each a ([`gain`], tanh): the membrane of every Ribar–Sepulchre circuit. All is
/// divided by C before the tanhs are known, and once for all of a neuron's steps.
#[inline(always)]
pub(crate) fn membrane<R: Real, const N: usize>(per_c: R, i_app: R, i_passive: R, elements: [(R, R); N]) -> R {
    let (mut sum, mut k) = ((i_app - i_passive) * per_c, 0);
    // No iterator: one that is not inlined is compiled without the vectors' instructions.
    while k < N {
        sum = elements[k].0.mul_add(elements[k].1, sum);
        k += 1;
    }
    sum
}

/// −a/C: what an element's tanh adds to dv/dt.
#[inline(always)]
pub(crate) fn gain<R: Real>(a: R, per_c: R) -> R {
    -(a * per_c)
}

/// dx/dt of a first-order lag: x follows its input.
#[inline(always)]
pub(crate) fn lag<R: Real>(input: R, x: R, tau: R) -> R {
    (input - x) * (R::num(1.0) / tau)
}

const INFO: Info = Info {
    name: Cow::Borrowed("fhnrs"),
    about: Cow::Borrowed("FitzHugh–Nagumo spiking from a fast negative and a slow positive tanh conductance"),
    source: Cow::Borrowed("Ribar & Sepulchre 2019, doi 10.1109/TCSI.2019.2907113; felice_models 27 Feb 2026"),
    time: Cow::Borrowed("units of C/g_max for the defaults"),
    states: Cow::Borrowed(STATES.split_at(3).0),
    parameters: Cow::Borrowed(TABLE),
    options: Cow::Borrowed(&[]),
    spike: Cow::Borrowed("v − v_thr"),
};

const STATES: &[State] = &[
    State::new("v", "membrane voltage").within(-4.0, 4.0),
    State::new("v_slow", "voltage seen by the slow element").within(-4.0, 4.0),
    State::new("i_app", "applied current").within(-3.0, 3.0).as_input(),
    State::new("v_fast", "voltage seen by the fast element").within(-4.0, 4.0),
];

/// 1/C instead of C, both elements' [`gain`]s, the reciprocals of the time constants.
#[inline(always)]
fn prepare<R: Real>(p: &Fhnrs<R>) -> Fhnrs<R> {
    let one = R::num(1.0);
    let c = one / p.c;
    Fhnrs {
        c,
        a_fast: gain(p.a_fast, c),
        a_slow: gain(p.a_slow, c),
        tau_fast: one / p.tau_fast,
        tau_slow: one / p.tau_slow,
        tau_syn: one / p.tau_syn,
        ..*p
    }
}

/// dv/dt, the parameters [`prepare`]d.
#[inline(always)]
fn dv<R: Real>(p: &Fhnrs<R>, v: R, i_app: R, [fast, slow]: [R; 2]) -> R {
    membrane(p.c, i_app, p.g_max * (v - p.e_rev), [(p.a_fast, fast), (p.a_slow, slow)])
}

impl Neuron for Fhnrs {
    type State<R: Real> = [R; 3];
    type Parameters<R: Real> = Fhnrs<R>;
    const INFO: Info = INFO;
    const CHAINS: usize = 2;

    #[inline(always)]
    fn field<R: Real>(p: &Fhnrs<R>, y: [R; 3]) -> [R; 3] {
        Fhnrs::prepared_field(&prepare(p), y)
    }

    #[inline(always)]
    fn prepare<R: Real>(p: &Fhnrs<R>) -> Fhnrs<R> {
        prepare(p)
    }

    #[inline(always)]
    fn prepared_field<R: Real>(p: &Fhnrs<R>, [v, v_slow, i_app]: [R; 3]) -> [R; 3] {
        let ([], tanh) = R::exp_tanh([], [v - p.v_off_fast, v_slow - p.v_off_slow]);
        [dv(p, v, i_app, tanh), (v - v_slow) * p.tau_slow, (R::num(0.0) - i_app) * p.tau_syn]
    }

    #[inline(always)]
    fn spike_condition<R: Real>(p: &Fhnrs<R>, [v, ..]: [R; 3], _: [R; 3]) -> R {
        v - p.v_thr
    }

    fn input_gain(p: &Fhnrs, i: usize) -> f64 {
        if i == 0 { 1.0 / p.c } else { 1.0 }
    }
}

/// FHNRS whose fast element has its own lag (tau_fast > 0); parameters are [`Fhnrs`]'.
#[derive(Clone, Copy, Debug)]
pub struct FhnrsLagged;

impl Neuron for FhnrsLagged {
    type State<R: Real> = [R; 4];
    type Parameters<R: Real> = Fhnrs<R>;
    const INFO: Info = Info { states: Cow::Borrowed(STATES), ..INFO };
    const CHAINS: usize = 2;

    #[inline(always)]
    fn field<R: Real>(p: &Fhnrs<R>, y: [R; 4]) -> [R; 4] {
        FhnrsLagged::prepared_field(&prepare(p), y)
    }

    #[inline(always)]
    fn prepare<R: Real>(p: &Fhnrs<R>) -> Fhnrs<R> {
        prepare(p)
    }

    #[inline(always)]
    fn prepared_field<R: Real>(p: &Fhnrs<R>, [v, v_slow, i_app, v_fast]: [R; 4]) -> [R; 4] {
        let ([], tanh) = R::exp_tanh([], [v_fast - p.v_off_fast, v_slow - p.v_off_slow]);
        let dv_slow = (v - v_slow) * p.tau_slow;
        [dv(p, v, i_app, tanh), dv_slow, (R::num(0.0) - i_app) * p.tau_syn, (v - v_fast) * p.tau_fast]
    }

    #[inline(always)]
    fn spike_condition<R: Real>(p: &Fhnrs<R>, [v, ..]: [R; 4], _: [R; 4]) -> R {
        v - p.v_thr
    }

    fn input_gain(p: &Fhnrs, i: usize) -> f64 {
        Fhnrs::input_gain(p, i)
    }
}

/// Steady currents against voltage, the elements frozen at `v_rest` or following `v` (Ribar & Sepulchre's I–V curves).
impl<R: Real> Fhnrs<R> {
    #[inline(always)]
    fn iv(&self, v: R, v_fast: R, v_slow: R) -> R {
        let ([], [fast, slow]) = R::exp_tanh([], [v_fast - self.v_off_fast, v_slow - self.v_off_slow]);
        self.g_max * (v - self.e_rev) + self.a_fast * fast + self.a_slow * slow
    }

    /// Instantaneous: both elements still at `v_rest`.
    pub fn iv_inst(&self, v: R, v_rest: R) -> R {
        self.iv(v, v_rest, v_rest)
    }

    /// Fast: the fast element has followed, the slow one is still at `v_rest`.
    pub fn iv_fast(&self, v: R, v_rest: R) -> R {
        self.iv(v, v, v_rest)
    }

    /// Slow: both have followed.
    pub fn iv_slow(&self, v: R) -> R {
        self.iv(v, v, v)
    }
}
