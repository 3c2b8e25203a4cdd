//! WereRabbit with each branch its own: four comparators, two exponentials and two sinks are different transistors.
//!
//! ```text
//! z_u = tanh(ρ_u(u−v−δ_u)),  z_v = tanh(ρ_v(u−v−δ_v))
//! du/dτ = z_u( gain_u − α_u e^{β_u v} (1 + γ_u(0.5−u))) − σ_u
//! dv/dτ = z_v(−gain_v + α_v e^{β_v u} (1 + γ_v(0.5−v))) − σ_v
//! where |z_u| ≤ 1e-8:  du ← du·sign(u);  where |z_v| ≤ 1e-8:  dv ← dv·sign(v)
//! ```
//!
//! With equal branches, gain = 1 and δ = 0 it is [`WereRabbit`], to the last bits. Crate `felice-subthreshold` derives
//! the fourteen numbers from a circuit's transistors about the focus where it rests; about the mirror focus (u and v
//! swapped) the branches' numbers are swapped.

use std::borrow::Cow;

use super::wererabbit::{DIAGONAL, WereRabbit};
use crate::neuron::{Info, Neuron, parameters};
use crate::real::Real;

parameters! {
    /// A WereRabbit with its own parameters in each branch.
    pub struct WereRabbitBranches, TABLE {
        gain_u "b_u" = 1.0, "1", Positive: "tail of the constant comparator into u over the unit of current", "1: the published model";
        alpha_u "α_u" = 0.0129, "1", Positive: "leakage current of u's exponential over the unit of current", "as WereRabbit";
        beta_u "β_u" = 15.6, "1/V", Positive: "slope of u's exponential in v", "as WereRabbit";
        gamma_u "γ_u" = 0.26, "1/V", Finite: "slope of u's exponential current with u", "as WereRabbit";
        rho_u "ρ_u" = 5.0, "1/V", Positive: "steepness of the comparators into u", "as WereRabbit";
        sigma_u "σ_u" = 0.6, "1", NonNegative: "sink out of u over the unit of current", "as WereRabbit";
        delta_u "δ_u" = 0.0, "V", Finite: "offset of the comparators into u", "0: the published model";
        gain_v "b_v" = 1.0, "1", Positive: "tail of the constant comparator into v over the unit of current", "1: the published model";
        alpha_v "α_v" = 0.0129, "1", Positive: "leakage current of v's exponential over the unit of current", "as WereRabbit";
        beta_v "β_v" = 15.6, "1/V", Positive: "slope of v's exponential in u", "as WereRabbit";
        gamma_v "γ_v" = 0.26, "1/V", Finite: "slope of v's exponential current with v", "as WereRabbit";
        rho_v "ρ_v" = 5.0, "1/V", Positive: "steepness of the comparators into v", "as WereRabbit";
        sigma_v "σ_v" = 0.6, "1", NonNegative: "sink out of v over the unit of current", "as WereRabbit";
        delta_v "δ_v" = 0.0, "V", Finite: "offset of the comparators into v", "0: the published model";
        rtol "rtol" = 1e-3, "1", NonNegative: "relative tolerance of the spike condition", "as WereRabbit";
        atol "atol" = 1e-3, "1", NonNegative: "absolute tolerance of the spike condition", "as WereRabbit";
    }
}

impl Neuron for WereRabbitBranches {
    type State<R: Real> = [R; 2];
    type Parameters<R: Real> = WereRabbitBranches<R>;

    const INFO: Info = Info {
        name: Cow::Borrowed("wererabbit-branches"),
        about: Cow::Borrowed("WereRabbit with each branch its own parameters, as transistors make them"),
        parameters: Cow::Borrowed(TABLE),
        states: Cow::Borrowed(super::NODES),
        options: Cow::Borrowed(&[]),
        source: Cow::Borrowed("felice_models 27 Feb 2026 (code's signs), one set of parameters a branch"),
        time: Cow::Borrowed("τ = t Ibias/C"),
        spike: Cow::Borrowed("atol + rtol·|u| − |du/dτ|"),
    };

    #[inline(always)]
    fn field<R: Real>(p: &WereRabbitBranches<R>, [u, v]: [R; 2]) -> [R; 2] {
        let (one, half, x) = (R::num(1.0), R::num(0.5), u - v);
        let ([ev, eu], [zu, zv]) =
            R::exp_tanh([p.beta_u * v, p.beta_v * u], [p.rho_u * (x - p.delta_u), p.rho_v * (x - p.delta_v)]);
        let (cu, cv) = (p.gamma_u.mul_add(half - u, one), p.gamma_v.mul_add(half - v, one));
        let du = zu.mul_add((-(p.alpha_u * ev)).mul_add(cu, p.gain_u), -p.sigma_u);
        let dv = zv.mul_add((p.alpha_v * eu).mul_add(cv, -p.gain_v), -p.sigma_v);
        let diagonal = R::num(DIAGONAL);
        [R::select(zu.abs().le(diagonal), du * u.sign(), du), R::select(zv.abs().le(diagonal), dv * v.sign(), dv)]
    }

    #[inline(always)]
    fn spike_condition<R: Real>(p: &WereRabbitBranches<R>, [u, _]: [R; 2], [du, _]: [R; 2]) -> R {
        p.atol + p.rtol * u.abs() - du.abs()
    }

    fn rests_at_zero(p: &WereRabbitBranches, [u, v]: [f64; 2]) -> bool {
        let z = [p.rho_u * (u - v - p.delta_u), p.rho_v * (u - v - p.delta_v)];
        // So small an argument is its own tanh.
        z.iter().all(|x| x.abs() <= DIAGONAL)
    }

    /// Volts: beyond every excursion.
    const BOUND: f64 = 1e4;

    fn bound(p: &WereRabbitBranches) -> f64 {
        super::bound(Self::BOUND, p.sigma_u < p.gain_u && p.sigma_v < p.gain_v)
    }
}

impl From<WereRabbit> for WereRabbitBranches {
    /// Both branches as the published model has them.
    fn from(p: WereRabbit) -> Self {
        let one = WereRabbitBranches { rtol: p.rtol, atol: p.atol, ..WereRabbitBranches::default() };
        let u = WereRabbitBranches {
            alpha_u: p.alpha,
            beta_u: p.beta,
            gamma_u: p.gamma,
            rho_u: p.rho,
            sigma_u: p.sigma,
            ..one
        };
        WereRabbitBranches { alpha_v: p.alpha, beta_v: p.beta, gamma_v: p.gamma, rho_v: p.rho, sigma_v: p.sigma, ..u }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_branches_are_the_published_model() {
        let published = WereRabbit { alpha: 0.002, gamma: 0.1, rho: 8.0, ..WereRabbit::default() };
        for y in [[0.3, 0.2], [0.45, 0.41], [-0.1, 0.5], [0.2, 0.2]] {
            assert_eq!(WereRabbitBranches::field(&published.into(), y), WereRabbit::field(&published, y));
        }
    }
}
