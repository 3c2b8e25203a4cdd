//! WereRabbit (felice, University of Groningen: API page and notes of 27 Feb 2026; signs as in its code).
//!
//! ```text
//! z = tanh(ρ(u−v))
//! du/dτ = z( 1 − α e^{βv} (1 + γ(0.5−u))) − σ
//! dv/dτ = z(−1 + α e^{βu} (1 + γ(0.5−v))) − σ
//! where |z| ≤ 1e-8:  du ← du·sign(u),  dv ← dv·sign(v)        sign(0) = 0: the diagonal's foot at 0 is at rest
//! spike condition = atol + rtol·|u| − |du|
//! ```
//!
//! The condition on z is each neuron's own (felice takes it only when a whole batch is on the diagonal). The documented
//! `dv = −z − zα…` has no fixed point; the code's sign, above, has one a half-plane for σ < 1.
//! Physically τ = t·Ibias/C, α = In0/Ibias, β = κ/Ut: In0 .129 pA, κ .39, Ut 25 mV, C .1 pF, Ibias 100 pA (unit 1 ms).

use std::borrow::Cow;

use crate::neuron::{Info, Neuron, parameters};
use crate::real::Real;

parameters! {
    /// A WereRabbit neuron: its parameters.
    pub struct WereRabbit, TABLE {
        alpha "α" = 0.0129, "1", Positive: "leakage current over bias current, In0/Ibias", "felice API (its circuit table gives .00129)";
        beta "β" = 15.6, "1/V", Positive: "exponential slope, κ/Ut", "felice API: .39/25 mV";
        gamma "γ" = 0.26, "1/V", NonNegative: "slope of the current with its own node's voltage (Early effect)", "felice API: 26e-2";
        rho "ρ" = 5.0, "1/V", Positive: "steepness of the comparator", "felice API";
        sigma "σ" = 0.6, "1", NonNegative: "distance current over bias current", "felice API";
        rtol "rtol" = 1e-3, "1", NonNegative: "relative tolerance of the spike condition", "felice API";
        atol "atol" = 1e-3, "1", NonNegative: "absolute tolerance of the spike condition", "felice API";
    }
}

/// |z| up to here counts as the diagonal.
pub(super) const DIAGONAL: f64 = 1e-8;

impl Neuron for WereRabbit {
    type State<R: Real> = [R; 2];
    type Parameters<R: Real> = WereRabbit<R>;

    const INFO: Info = Info {
        name: Cow::Borrowed("wererabbit"),
        about: Cow::Borrowed(
            "Two exponential branches steered by a comparator; one damped focus a half-plane for σ < 1",
        ),
        source: Cow::Borrowed("felice, University of Groningen, felice_models 27 Feb 2026 (code's signs)"),
        time: Cow::Borrowed("τ = t Ibias/C; 1 ms for felice's circuit table"),
        states: Cow::Borrowed(super::NODES),
        parameters: Cow::Borrowed(TABLE),
        options: Cow::Borrowed(&[]),
        spike: Cow::Borrowed("atol + rtol·|u| − |du/dτ|"),
    };

    #[inline(always)]
    fn field<R: Real>(p: &WereRabbit<R>, [u, v]: [R; 2]) -> [R; 2] {
        let (one, half) = (R::num(1.0), R::num(0.5));
        let ([ev, eu], [z]) = R::exp_tanh([p.beta * v, p.beta * u], [p.rho * (u - v)]);
        let (cu, cv) = (p.gamma.mul_add(half - u, one), p.gamma.mul_add(half - v, one));
        let du = z.mul_add((-(p.alpha * ev)).mul_add(cu, one), -p.sigma);
        let dv = z.mul_add((p.alpha * eu).mul_add(cv, -one), -p.sigma);
        let diagonal = z.abs().le(R::num(DIAGONAL));
        if !R::any(diagonal) {
            return [du, dv];
        }
        [R::select(diagonal, du * u.sign(), du), R::select(diagonal, dv * v.sign(), dv)]
    }

    #[inline(always)]
    fn spike_condition<R: Real>(p: &WereRabbit<R>, [u, _]: [R; 2], [du, _]: [R; 2]) -> R {
        p.atol + p.rtol * u.abs() - du.abs()
    }

    fn rests_at_zero(p: &WereRabbit, [u, v]: [f64; 2]) -> bool {
        // So small an argument is its own tanh.
        (p.rho * (u - v)).abs() <= DIAGONAL
    }

    /// Volts: beyond every excursion.
    const BOUND: f64 = 1e4;

    fn bound(p: &WereRabbit) -> f64 {
        super::bound(Self::BOUND, p.sigma < 1.0)
    }
}
