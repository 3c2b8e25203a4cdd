//! Boomerang (felice, University of Groningen: API page and notes of 27 Feb 2026; signs as in its code).
//!
//! ```text
//! z = tanh(ρ(v−u))
//! du/dτ =  1 − α e^{βv} (1 − γ(0.3−u)) + σ z        (the notes print −σ z: option `notes-sign`, another neuron)
//! dv/dτ = −1 + α e^{βu} (1 + γ(0.3−v)) + σ z
//! spike condition = atol + rtol·rms(u,v) − rms(du,dv)
//! initial state = fixed point by Newton from (0.3, 0.3)
//! ```
//!
//! With +σ the divergence is −αγ(e^{βu} + e^{βv}) < 0 everywhere, so there is no periodic orbit for γ > 0; with the
//! notes' sign there is one. Physically as WereRabbit.

use std::borrow::Cow;

use crate::error::NeuronError;
use crate::neuron::{Choice, Info, Neuron, parameters};
use crate::newton;
use crate::real::Real;

parameters! {
    /// A Boomerang neuron: its parameters.
    pub struct Boomerang, TABLE {
        alpha "α" = 0.0129, "1", Positive: "leakage current over bias current, In0/Ibias", "felice API (its circuit table gives .00129)";
        beta "β" = 15.6, "1/V", Positive: "exponential slope, κ/Ut", "felice API: .39/25 mV";
        gamma "γ" = 0.26, "1/V", NonNegative: "slope of the current with its own node's voltage (Early effect)", "felice API: 26e-2";
        rho "ρ" = 30.0, "1/V", Positive: "steepness of the comparator", "felice API (notes 5, script 10)";
        sigma "σ" = 0.6, "1", NonNegative: "distance current over bias current", "felice API";
        rtol "rtol" = 1e-4, "1", NonNegative: "relative tolerance of the spike condition", "felice API";
        atol "atol" = 1e-6, "1", NonNegative: "absolute tolerance of the spike condition", "felice API";
    }
}

/// Both signs of σz in du: +1 as in felice's code, −1 as in its notes.
#[inline(always)]
fn field<R: Real>(p: &Boomerang<R>, [u, v]: [R; 2], sign: R) -> [R; 2] {
    let (one, c) = (R::num(1.0), R::num(0.3));
    let ([ev, eu], [z]) = R::exp_tanh([p.beta * v, p.beta * u], [p.rho * (v - u)]);
    let (cu, cv) = (p.gamma.mul_add(u - c, one), p.gamma.mul_add(c - v, one));
    let du = (sign * p.sigma).mul_add(z, (-(p.alpha * ev)).mul_add(cu, one));
    let dv = p.sigma.mul_add(z, (p.alpha * eu).mul_add(cv, -one));
    [du, dv]
}

/// atol + rtol·rms(u,v) − rms(du,dv)
#[inline(always)]
pub(super) fn rest<R: Real>([rtol, atol]: [R; 2], [u, v]: [R; 2], [du, dv]: [R; 2]) -> R {
    let half = R::num(0.5);
    atol + rtol * ((u * u + v * v) * half).sqrt() - ((du * du + dv * dv) * half).sqrt()
}

const INFO: Info = Info {
    name: Cow::Borrowed("boomerang"),
    about: Cow::Borrowed("Two exponential branches pushed apart by a comparator; a saddle between two damped foci"),
    source: Cow::Borrowed("felice, University of Groningen, felice_models 27 Feb 2026 (code's signs)"),
    time: Cow::Borrowed("τ = t Ibias/C; 1 ms for felice's circuit table"),
    states: Cow::Borrowed(super::NODES),
    parameters: Cow::Borrowed(TABLE),
    options: Cow::Borrowed(&[Choice {
        name: Cow::Borrowed("notes-sign"),
        meaning: Cow::Borrowed("−σz instead of +σz in du, as felice's notes print it: a neuron with a limit cycle"),
    }]),
    spike: Cow::Borrowed("atol + rtol·rms(u,v) − rms(du/dτ,dv/dτ)"),
};

impl Neuron for Boomerang {
    type State<R: Real> = [R; 2];
    type Parameters<R: Real> = Boomerang<R>;
    const INFO: Info = INFO;
    /// Volts: beyond every excursion.
    const BOUND: f64 = 1e4;

    fn bound(p: &Boomerang) -> f64 {
        super::bound(Self::BOUND, p.sigma < 1.0)
    }

    #[inline(always)]
    fn field<R: Real>(p: &Boomerang<R>, y: [R; 2]) -> [R; 2] {
        field(p, y, R::num(1.0))
    }

    #[inline(always)]
    fn spike_condition<R: Real>(p: &Boomerang<R>, y: [R; 2], dy: [R; 2]) -> R {
        rest([p.rtol, p.atol], y, dy)
    }

    fn initial_state(p: &Boomerang) -> Result<[f64; 2], NeuronError> {
        newton::fixed_point::<Boomerang>(p, [0.3, 0.3])
    }
}

/// Boomerang as felice's notes print it: −σz in du.
#[derive(Clone, Copy, Debug)]
pub struct BoomerangNotesSign;

impl Neuron for BoomerangNotesSign {
    type State<R: Real> = [R; 2];
    type Parameters<R: Real> = Boomerang<R>;
    const INFO: Info = INFO;
    const BOUND: f64 = Boomerang::BOUND;

    fn bound(p: &Boomerang) -> f64 {
        Boomerang::bound(p)
    }

    #[inline(always)]
    fn field<R: Real>(p: &Boomerang<R>, y: [R; 2]) -> [R; 2] {
        field(p, y, R::num(-1.0))
    }

    #[inline(always)]
    fn spike_condition<R: Real>(p: &Boomerang<R>, y: [R; 2], dy: [R; 2]) -> R {
        Boomerang::spike_condition(p, y, dy)
    }

    fn initial_state(p: &Boomerang) -> Result<[f64; 2], NeuronError> {
        newton::fixed_point::<BoomerangNotesSign>(p, [0.3, 0.3])
    }
}
