//! Morris–Lecar (C. Morris and H. Lecar, "Voltage oscillations in the barnacle giant muscle fiber", Biophysical Journal 35
//! (1981) 193–213), as a neuron of someone else's: a type that implements [`Neuron`], and with it trajectories, events,
//! fixed points, bifurcations and the property kit. Parameters as in J. Rinzel and B. Ermentrout, "Analysis of neural
//! excitability and oscillations" (Methods in Neuronal Modeling, 2nd ed., 1998, table 7.1, Hopf case).
//!
//! ```text
//! C dV/dt = I − g_L (V − V_L) − g_Ca m∞ (V − V_Ca) − g_K w (V − V_K)
//!   dw/dt = φ (w∞ − w) cosh((V − V₃)/2V₄)
//! m∞ = (1 + tanh((V − V₁)/V₂))/2,   w∞ = (1 + tanh((V − V₃)/V₄))/2
//! spike condition = V
//! ```

use std::borrow::Cow;

use felice_neurons::{Info, Neuron, Parameter, Range, Real, State};

/// The model; its parameters are an array in the order of [`PARAMETERS`].
#[derive(Clone, Copy, Debug)]
pub struct MorrisLecar;

const SOURCE: &str = "Rinzel & Ermentrout 1998, Hopf case";

/// Every parameter: name, symbol, default, unit, range, meaning, source.
pub const PARAMETERS: &[Parameter] = &[
    Parameter::new("c", "C", 20.0, "uF/cm^2", Range::Positive, "membrane capacitance", SOURCE),
    Parameter::new("i", "I", 90.0, "uA/cm^2", Range::Finite, "injected current", SOURCE),
    Parameter::new("g_l", "g_L", 2.0, "mS/cm^2", Range::NonNegative, "leak conductance", SOURCE),
    Parameter::new("v_l", "V_L", -60.0, "mV", Range::Finite, "leak reversal potential", SOURCE),
    Parameter::new("g_ca", "g_Ca", 4.4, "mS/cm^2", Range::NonNegative, "calcium conductance", SOURCE),
    Parameter::new("v_ca", "V_Ca", 120.0, "mV", Range::Finite, "calcium reversal potential", SOURCE),
    Parameter::new("g_k", "g_K", 8.0, "mS/cm^2", Range::NonNegative, "potassium conductance", SOURCE),
    Parameter::new("v_k", "V_K", -84.0, "mV", Range::Finite, "potassium reversal potential", SOURCE),
    Parameter::new("v_1", "V₁", -1.2, "mV", Range::Finite, "calcium activation, middle", SOURCE),
    Parameter::new("v_2", "V₂", 18.0, "mV", Range::Positive, "calcium activation, width", SOURCE),
    Parameter::new("v_3", "V₃", 2.0, "mV", Range::Finite, "potassium activation, middle", SOURCE),
    Parameter::new("v_4", "V₄", 30.0, "mV", Range::Positive, "potassium activation, width", SOURCE),
    Parameter::new("phi", "φ", 0.04, "1/ms", Range::Positive, "rate of the potassium gate", SOURCE),
];

/// The defaults of [`PARAMETERS`].
pub fn defaults() -> [f64; 13] {
    std::array::from_fn(|i| PARAMETERS[i].default)
}

impl Neuron for MorrisLecar {
    type State<R: Real> = [R; 2];
    type Parameters<R: Real> = [R; 13];

    const INFO: Info = Info {
        name: Cow::Borrowed("morris-lecar"),
        about: Cow::Borrowed("Calcium spikes of a barnacle muscle fibre"),
        source: Cow::Borrowed("Morris & Lecar 1981, Biophysical Journal 35, 193–213"),
        time: Cow::Borrowed("ms"),
        states: Cow::Borrowed(&[
            State::in_unit("V", "mV", "membrane voltage").within(-80.0, 80.0),
            State::new("w", "open share of the potassium channels").within(0.0, 1.0),
        ]),
        parameters: Cow::Borrowed(PARAMETERS),
        options: Cow::Borrowed(&[]),
        spike: Cow::Borrowed("V"),
    };

    #[inline(always)]
    fn field<R: Real>(
        &[c, i, g_l, v_l, g_ca, v_ca, g_k, v_k, v_1, v_2, v_3, v_4, phi]: &[R; 13],
        [v, w]: [R; 2],
    ) -> [R; 2] {
        let half = R::num(0.5);
        // Every exp and tanh in one call; cosh x = (eˣ + 1/eˣ)/2.
        let ([e], [m, n]) = R::exp_tanh([half * (v - v_3) / v_4], [(v - v_1) / v_2, (v - v_3) / v_4]);
        let (m_inf, w_inf) = (half.mul_add(m, half), half.mul_add(n, half));
        let current = i - g_l * (v - v_l) - g_ca * m_inf * (v - v_ca) - g_k * w * (v - v_k);
        [current / c, phi * (w_inf - w) * half * (e + R::num(1.0) / e)]
    }

    #[inline(always)]
    fn spike_condition<R: Real>(_: &[R; 13], [v, _]: [R; 2], _: [R; 2]) -> R {
        v
    }

    fn input_gain(p: &[f64; 13], i: usize) -> f64 {
        if i == 0 { 1.0 / p[0] } else { 1.0 }
    }
}
