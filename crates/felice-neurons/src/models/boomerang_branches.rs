//! Boomerang with each branch its own: two exponentials, two comparators and two biases are different transistors.
//!
//! ```text
//! du/dτ =  gain_u − α_u e^{β_u v} (1 − γ_u(0.3−u)) + σ_u tanh(ρ_u(v−u−δ_u))
//! dv/dτ = −gain_v + α_v e^{β_v u} (1 + γ_v(0.3−v)) + σ_v tanh(ρ_v(v−u−δ_v))
//! ```
//!
//! With equal branches, gain = 1 and δ = 0 it is [`Boomerang`], to the last bits. Crate `felice-subthreshold` derives
//! the fourteen numbers from a circuit's transistors about the focus where it rests.

use std::borrow::Cow;

use super::boomerang::{Boomerang, rest};
use crate::error::NeuronError;
use crate::neuron::{Info, Neuron, parameters};
use crate::newton;
use crate::real::Real;

parameters! {
    /// A Boomerang with its own parameters in each branch.
    pub struct BoomerangBranches, TABLE {
        gain_u "b_u" = 1.0, "1", Positive: "source into u over the unit of current", "1: the published model";
        alpha_u "α_u" = 0.0129, "1", Positive: "leakage current of u's sink over the unit of current", "as Boomerang";
        beta_u "β_u" = 15.6, "1/V", Positive: "exponential slope of u's sink", "as Boomerang";
        gamma_u "γ_u" = 0.26, "1/V", Finite: "slope of u's current with u", "as Boomerang";
        rho_u "ρ_u" = 30.0, "1/V", Positive: "steepness of the comparator into u", "as Boomerang";
        sigma_u "σ_u" = 0.6, "1", NonNegative: "tail of the comparator into u over the unit of current", "as Boomerang";
        delta_u "δ_u" = 0.0, "V", Finite: "offset of the comparator into u", "0: the published model";
        gain_v "b_v" = 1.0, "1", Positive: "sink out of v over the unit of current", "1: the published model";
        alpha_v "α_v" = 0.0129, "1", Positive: "leakage current of v's source over the unit of current", "as Boomerang";
        beta_v "β_v" = 15.6, "1/V", Positive: "exponential slope of v's source", "as Boomerang";
        gamma_v "γ_v" = 0.26, "1/V", Finite: "slope of v's current with v", "as Boomerang";
        rho_v "ρ_v" = 30.0, "1/V", Positive: "steepness of the comparator into v", "as Boomerang";
        sigma_v "σ_v" = 0.6, "1", NonNegative: "tail of the comparator into v over the unit of current", "as Boomerang";
        delta_v "δ_v" = 0.0, "V", Finite: "offset of the comparator into v", "0: the published model";
        rtol "rtol" = 1e-4, "1", NonNegative: "relative tolerance of the spike condition", "as Boomerang";
        atol "atol" = 1e-6, "1", NonNegative: "absolute tolerance of the spike condition", "as Boomerang";
    }
}

impl Neuron for BoomerangBranches {
    type State<R: Real> = [R; 2];
    type Parameters<R: Real> = BoomerangBranches<R>;

    const INFO: Info = Info {
        name: Cow::Borrowed("boomerang-branches"),
        about: Cow::Borrowed("Boomerang with each branch its own parameters, as transistors make them"),
        parameters: Cow::Borrowed(TABLE),
        states: Cow::Borrowed(super::NODES),
        options: Cow::Borrowed(&[]),
        source: Cow::Borrowed("felice_models 27 Feb 2026 (code's signs), one set of parameters a branch"),
        time: Cow::Borrowed("τ = t Ibias/C"),
        spike: Cow::Borrowed("atol + rtol·rms(u,v) − rms(du/dτ,dv/dτ)"),
    };

    #[inline(always)]
    fn field<R: Real>(p: &BoomerangBranches<R>, [u, v]: [R; 2]) -> [R; 2] {
        let (one, c, x) = (R::num(1.0), R::num(0.3), v - u);
        let ([ev, eu], [zu, zv]) =
            R::exp_tanh([p.beta_u * v, p.beta_v * u], [p.rho_u * (x - p.delta_u), p.rho_v * (x - p.delta_v)]);
        let (cu, cv) = (p.gamma_u.mul_add(u - c, one), p.gamma_v.mul_add(c - v, one));
        let du = p.sigma_u.mul_add(zu, (-(p.alpha_u * ev)).mul_add(cu, p.gain_u));
        let dv = p.sigma_v.mul_add(zv, (p.alpha_v * eu).mul_add(cv, -p.gain_v));
        [du, dv]
    }

    #[inline(always)]
    fn spike_condition<R: Real>(p: &BoomerangBranches<R>, y: [R; 2], dy: [R; 2]) -> R {
        rest([p.rtol, p.atol], y, dy)
    }

    fn initial_state(p: &BoomerangBranches) -> Result<[f64; 2], NeuronError> {
        newton::fixed_point::<BoomerangBranches>(p, [0.3, 0.3])
    }

    /// Volts: beyond every excursion.
    const BOUND: f64 = 1e4;

    fn bound(p: &BoomerangBranches) -> f64 {
        super::bound(Self::BOUND, p.sigma_u < p.gain_u && p.sigma_v < p.gain_v)
    }
}

impl From<Boomerang> for BoomerangBranches {
    /// Both branches as the published model has them.
    fn from(p: Boomerang) -> Self {
        let one = BoomerangBranches { rtol: p.rtol, atol: p.atol, ..BoomerangBranches::default() };
        let u = BoomerangBranches {
            alpha_u: p.alpha,
            beta_u: p.beta,
            gamma_u: p.gamma,
            rho_u: p.rho,
            sigma_u: p.sigma,
            ..one
        };
        BoomerangBranches { alpha_v: p.alpha, beta_v: p.beta, gamma_v: p.gamma, rho_v: p.rho, sigma_v: p.sigma, ..u }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_branches_are_the_published_model() {
        let published = Boomerang { alpha: 0.002, gamma: 0.1, rho: 8.0, ..Boomerang::default() };
        for y in [[0.3, 0.2], [0.45, 0.41], [-0.1, 0.5]] {
            assert_eq!(BoomerangBranches::field(&published.into(), y), Boomerang::field(&published, y));
        }
    }
}
