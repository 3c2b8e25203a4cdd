//! Boomerang from its sixteen transistors (`netlists/boomerang/ekv.cir`).
//!
//! ```text
//! tau   = t Ib/C
//! alpha = sqrt(alpha_u alpha_v)            alpha_u = I0 (W/L)_nu (1 + 0.3/VA_nu)/Ib
//!                                          alpha_v = I0 (W/L)_nx M (1 + (VDD - 0.3)/VA_pv)/Ib, M the mirror px:pv
//! beta  = kappa_n/Ut
//! gamma = (1/(VA_nu + 0.3) + 1/(VA_pv + VDD - 0.3))/2          VA = VE L
//! rho   = kappa_p/(2 Ut)                   sigma = I_tail/Ib
//! Ib    = sqrt(I_p1 I_nv)                  each a mirror of Ibias at its own drain voltage
//! ```
//!
//! 0.3 V is the reference voltage of the model's gamma terms. Deep subthreshold, saturated: Vittoz and Fellrath,
//! IEEE JSSC 12 (1977); Early voltage proportional to the channel length.

use crate::DeviceError;
use crate::card::{Card, Polarity};
use crate::derive::{Circuit, Derived, diode, early, parameter};

/// Reference voltage (V) of the model's gamma terms.
pub const REFERENCE: f64 = 0.3;

pub(crate) fn derive(card: &Card) -> Result<Derived, DeviceError> {
    let circuit = Circuit::new(card, "boomerang")?;
    if circuit.has_devices() { from_devices(&circuit) } else { crate::process::two_potentials(&circuit, REFERENCE) }
}

fn from_devices(circuit: &Circuit<'_>) -> Result<Derived, DeviceError> {
    let (vdd, ibias, c) = (circuit.supply()?, circuit.value("Ibias")?, circuit.value("C")?);
    let n = |name: &str| circuit.fet(name, Polarity::N);
    let p = |name: &str| circuit.fet(name, Polarity::P);
    let (bn, nv, nu, nx) = (n("bn")?, n("nv")?, n("nu")?, n("nx")?);
    let (bp, p1, px, pv) = (p("bp")?, p("p1")?, p("px")?, p("pv")?);
    let (tail_a, tail_b, pair) = (p("otaa.mt")?, p("otab.mt")?, p("otaa.m1")?);

    // A mirror multiplies by its ratio and by its Early factors.
    let (vbn, vbp) = (diode(&bn, ibias), diode(&bp, ibias));
    let i_p1 = ibias * p1.i0() / bp.i0() * early(&p1, vdd - REFERENCE) / early(&bp, vbp);
    let i_nv = ibias * nv.i0() / bn.i0() * early(&nv, REFERENCE) / early(&bn, vbn);
    let ib = (i_p1 * i_nv).sqrt();

    let alpha_u = nu.i0() * early(&nu, REFERENCE) / ib;
    let vx = diode(&px, nx.i0() * (nx.kappa * REFERENCE / nx.ut).exp());
    let mirror = pv.i0() / px.i0() * early(&pv, vdd - REFERENCE) / early(&px, vx);
    let alpha_v = nx.i0() * early(&nx, vdd - vx) * mirror / ib;
    let gamma_u = nu.lambda / early(&nu, REFERENCE);
    let gamma_v = pv.lambda / early(&pv, vdd - REFERENCE);

    // The tails' drains follow the lower input by kappa, down to where half the tail fills each side.
    let tail = 0.5 * (tail_a.i0() + tail_b.i0()) / bp.i0() * ibias;
    let drain = pair.kappa * (vdd - REFERENCE) - pair.ut * (0.5 * tail / pair.i0()).ln();
    let sigma = tail * early(&tail_a, drain) / early(&bp, vbp) / ib;

    let parameters = vec![
        parameter(
            ("alpha", "α", "1"),
            (alpha_u * alpha_v).sqrt(),
            "sqrt(alpha_u alpha_v), alpha_u = I0 (W/L)_nu (1 + 0.3 V/VA_nu)/Ib, alpha_v the same through nx and the mirror px:pv",
            &["nu", "nx", "px", "pv"],
        ),
        parameter(("beta", "β", "1/V"), 0.5 * (nu.kappa / nu.ut + nx.kappa / nx.ut), "kappa_n/Ut", &["nu", "nx"]),
        parameter(
            ("gamma", "γ", "1/V"),
            0.5 * (gamma_u + gamma_v),
            "(1/(VA_nu + 0.3 V) + 1/(VA_pv + VDD - 0.3 V))/2, VA = VE L",
            &["nu", "pv"],
        ),
        parameter(
            ("rho", "ρ", "1/V"),
            0.5 * pair.kappa / pair.ut,
            "kappa_p/(2 Ut)",
            &["otaa.m1", "otaa.m2", "otab.m1", "otab.m2"],
        ),
        parameter(("sigma", "σ", "1"), sigma, "I_tail/Ib", &["otaa.mt", "otab.mt", "bp"]),
    ];
    let quantities = vec![
        parameter(("i_unit", "Ib", "A"), ib, "sqrt(I_p1 I_nv)", &["bp", "p1", "bn", "nv"]),
        parameter(("v_unit", "V", "V"), 1.0, "volts are the model's unit", &[]),
    ];
    let mut warnings = Vec::new();
    if (alpha_u / alpha_v).ln().abs() > 0.03 {
        warnings.push(format!(
            "the branches differ: alpha_u = {alpha_u:.6}, alpha_v = {alpha_v:.6}; one alpha for both is then a few percent \
             off in each: trim the width of pv by {:.3}, or use per-branch parameters",
            alpha_u / alpha_v
        ));
    }
    Ok(Derived { model: "boomerang".into(), parameters, time_unit_s: c / ib, quantities, warnings })
}
