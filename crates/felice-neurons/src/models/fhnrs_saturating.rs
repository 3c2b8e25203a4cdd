//! FHNRS whose passive and slow elements are amplifiers that saturate, as a follower and a wide-range OTA do.
//!
//! ```text
//! S(x; s) = tanh(s x)/s,   S(x; 0) = x
//! I_passive  = g_max S(v − E_rev; sat_passive)
//! C dv/dt    = i_app − I_passive − a_fast tanh(v − v_off_fast) − a_slow tanh(v_slow − v_off_slow)
//! dv_slow/dt = S(v − v_slow; sat_slow)/tau_slow
//! di_app/dt  = −i_app/tau_syn
//! spike condition = v − v_thr
//! ```
//!
//! sat = 0 is [`Fhnrs`], to the last bits. A plain follower has sat_slow = 1 (its tanh has the other OTAs' argument):
//! the slow voltage then slews instead of relaxing and the period stretches by more than half.

use std::borrow::Cow;

use super::fhnrs::{Fhnrs, gain, lag, membrane};
use crate::neuron::{Info, Neuron, State, parameters};
use crate::real::Real;

parameters! {
    /// An FHNRS with saturating passive and slow elements.
    pub struct FhnrsSaturating, TABLE {
        c "C" = 1.0, "1", Positive: "membrane capacitance", "as FHNRS";
        g_max "g_max" = 1.0, "1", Finite: "passive conductance at E_rev", "as FHNRS";
        e_rev "E_rev" = 0.0, "1", Finite: "reversal potential of the passive conductance", "as FHNRS";
        sat_passive "s_p" = 0.0, "1", NonNegative: "1/(range of the passive element); 0: a resistor", "0: FHNRS";
        a_fast "a_fast" = -2.0, "1", Finite: "gain of the fast element (negative: regenerative)", "as FHNRS";
        v_off_fast "v_off_fast" = 0.0, "1", Finite: "offset of the fast element", "as FHNRS";
        a_slow "a_slow" = 2.0, "1", Finite: "gain of the slow element (positive: restorative)", "as FHNRS";
        v_off_slow "v_off_slow" = 0.0, "1", Finite: "offset of the slow element", "as FHNRS";
        tau_slow "tau_slow" = 50.0, "τ", Positive: "lag of the slow element for small differences", "as FHNRS";
        sat_slow "s_s" = 0.0, "1", NonNegative: "1/(range of the slow element's follower); 0: a resistor", "0: FHNRS";
        v_thr "v_thr" = 2.0, "1", Finite: "spike threshold", "as FHNRS";
        tau_syn "tau_syn" = 1.0, "τ", PositiveOrInfinite: "time constant of the applied current; inf: constant", "as FHNRS";
    }
}

/// `tanh(s x)/s` from its tanh; x itself where s is 0.
#[inline(always)]
fn saturated<R: Real>(x: R, s: R, tanh: R) -> R {
    R::select(s.le(R::num(0.0)), x, tanh / s)
}

impl Neuron for FhnrsSaturating {
    type State<R: Real> = [R; 3];
    type Parameters<R: Real> = FhnrsSaturating<R>;

    const INFO: Info = Info {
        name: Cow::Borrowed("fhnrs-saturating"),
        about: Cow::Borrowed("FHNRS with passive and slow elements that saturate, as amplifiers do"),
        source: Cow::Borrowed(
            "Ribar & Sepulchre 2019, doi 10.1109/TCSI.2019.2907113, eq. 9 with tanh transconductors throughout",
        ),
        time: Cow::Borrowed("units of C/g_max for the defaults"),
        states: Cow::Borrowed(&[
            State::new("v", "membrane voltage").within(-4.0, 4.0),
            State::new("v_slow", "voltage seen by the slow element").within(-4.0, 4.0),
            State::new("i_app", "applied current").within(-3.0, 3.0).as_input(),
        ]),
        parameters: Cow::Borrowed(TABLE),
        options: Cow::Borrowed(&[]),
        spike: Cow::Borrowed("v − v_thr"),
    };

    #[inline(always)]
    fn field<R: Real>(p: &FhnrsSaturating<R>, [v, v_slow, i_app]: [R; 3]) -> [R; 3] {
        let (over, behind) = (v - p.e_rev, v - v_slow);
        let ([], [fast, slow, passive, follow]) =
            R::exp_tanh([], [v - p.v_off_fast, v_slow - p.v_off_slow, p.sat_passive * over, p.sat_slow * behind]);
        let i_passive = p.g_max * saturated(over, p.sat_passive, passive);
        let per_c = R::num(1.0) / p.c;
        let elements = [(gain(p.a_fast, per_c), fast), (gain(p.a_slow, per_c), slow)];
        let dv = membrane(per_c, i_app, i_passive, elements);
        let zero = R::num(0.0);
        [dv, lag(saturated(behind, p.sat_slow, follow), zero, p.tau_slow), lag(zero, i_app, p.tau_syn)]
    }

    #[inline(always)]
    fn spike_condition<R: Real>(p: &FhnrsSaturating<R>, [v, ..]: [R; 3], _: [R; 3]) -> R {
        v - p.v_thr
    }

    fn input_gain(p: &FhnrsSaturating, i: usize) -> f64 {
        if i == 0 { 1.0 / p.c } else { 1.0 }
    }
}

impl From<Fhnrs> for FhnrsSaturating {
    /// A neuron without saturation. `tau_fast` has no counterpart.
    fn from(p: Fhnrs) -> Self {
        let Fhnrs { c, g_max, e_rev, a_fast, v_off_fast, a_slow, v_off_slow, tau_slow, v_thr, tau_syn, .. } = p;
        let (sat_passive, sat_slow) = (0.0, 0.0);
        FhnrsSaturating {
            c,
            g_max,
            e_rev,
            sat_passive,
            a_fast,
            v_off_fast,
            a_slow,
            v_off_slow,
            tau_slow,
            sat_slow,
            v_thr,
            tau_syn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_saturation_it_is_the_published_model() {
        let published = Fhnrs { g_max: 1.1, v_off_slow: 0.2, ..Fhnrs::default() };
        for y in [[0.3, 0.2, 0.0], [2.0, -1.5, 0.4]] {
            assert_eq!(FhnrsSaturating::field(&published.into(), y), Fhnrs::field(&published, y));
        }
    }

    #[test]
    fn a_follower_slews() {
        let p = FhnrsSaturating { sat_slow: 1.0, ..FhnrsSaturating::default() };
        let [_, slew, _] = FhnrsSaturating::field(&p, [30.0, 0.0, 0.0]);
        assert!((slew - 1.0 / 50.0).abs() < 1e-15);
    }
}
