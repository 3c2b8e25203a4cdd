//! WereRabbit from its twenty-six transistors (`netlists/wererabbit/ekv.cir`).
//!
//! ```text
//! tau   = t Ib/C                           Ib the mean tail current of OTA 1 and 3
//! alpha = I0 (W/L)_n2 M (1 + V_t/VA_t)/Ib  M the mirror p2:tail 2, V_t the tail's drain below VDD at u = v = 0.5 V
//! beta  = kappa_n/Ut
//! gamma = kappa_p/(VA_t + V_t)             the tail's drain follows the lower input by kappa_p
//! rho   = kappa_p/(2 Ut)                   sigma = I_nu/Ib
//! ```
//!
//! 0.5 V is the reference voltage of the model's gamma terms. The pair's common source follows min(u, v), so that
//! the silicon has gamma (0.5 - min(u, v)) in both branches where the equation has u in one and v in the other:
//! the symmetric equation rests a few millivolts from the circuit.

use crate::DeviceError;
use crate::card::{Card, Polarity};
use crate::derive::{Circuit, Derived, diode, early, parameter};

/// Reference voltage (V) of the model's gamma terms.
pub const REFERENCE: f64 = 0.5;

pub(crate) fn derive(card: &Card) -> Result<Derived, DeviceError> {
    let circuit = Circuit::new(card, "wererabbit")?;
    if circuit.has_devices() { from_devices(&circuit) } else { crate::process::two_potentials(&circuit, REFERENCE) }
}

fn from_devices(circuit: &Circuit<'_>) -> Result<Derived, DeviceError> {
    let (vdd, ibias, c) = (circuit.supply()?, circuit.value("Ibias")?, circuit.value("C")?);
    let n = |name: &str| circuit.fet(name, Polarity::N);
    let p = |name: &str| circuit.fet(name, Polarity::P);
    let (bn, bp, pair) = (n("bn")?, p("bp")?, p("ota1.m1")?);
    // Voltage from the supply down to the common source of a pair that shares `tail` at u = v = reference.
    let drain = |tail: f64| pair.kappa * (vdd - REFERENCE) - pair.ut * (0.5 * tail / pair.i0()).ln();
    let (vbn, vbp) = (diode(&bn, ibias), diode(&bp, ibias));
    let biased = |name: &str| -> Result<f64, DeviceError> {
        let tail = p(name)?;
        Ok(ibias * tail.i0() / bp.i0() * early(&tail, drain(ibias)) / early(&bp, vbp))
    };
    let ib = (biased("ota1.mt")? * biased("ota3.mt")?).sqrt();
    let sunk = |name: &str| -> Result<f64, DeviceError> {
        let sink = n(name)?;
        Ok(ibias * sink.i0() / bn.i0() * early(&sink, REFERENCE) / early(&bn, vbn))
    };
    let sigma = 0.5 * (sunk("nu")? + sunk("nv")?) / ib;

    // One exponential: nFET at the reference voltage into a pFET diode, mirrored into a tail.
    let exponential = |n_name: &str, p_name: &str, tail_name: &str| -> Result<(f64, f64, f64), DeviceError> {
        let (nx, px, tail) = (n(n_name)?, p(p_name)?, p(tail_name)?);
        let current = nx.i0() * (nx.kappa * REFERENCE / nx.ut).exp();
        let vx = diode(&px, current);
        let v_t = drain(current * tail.i0() / px.i0());
        let gain = tail.i0() / px.i0() * early(&tail, v_t) / early(&px, vx);
        let alpha = nx.i0() * early(&nx, vdd - vx) * gain / ib;
        Ok((alpha, pair.kappa * tail.lambda / early(&tail, v_t), nx.kappa / nx.ut))
    };
    let (alpha_u, gamma_u, beta_u) = exponential("n2", "p2", "ota2.mt")?;
    let (alpha_v, gamma_v, beta_v) = exponential("n4", "p4", "ota4.mt")?;

    let parameters = vec![
        parameter(
            ("alpha", "α", "1"),
            (alpha_u * alpha_v).sqrt(),
            "I0 (W/L)_n2 M (1 + V_t/VA_t)/Ib, geometric mean of the two branches",
            &["n2", "p2", "ota2.mt", "n4", "p4", "ota4.mt"],
        ),
        parameter(("beta", "β", "1/V"), 0.5 * (beta_u + beta_v), "kappa_n/Ut", &["n2", "n4"]),
        parameter(
            ("gamma", "γ", "1/V"),
            0.5 * (gamma_u + gamma_v),
            "kappa_p/(VA_t + V_t), VA = VE L",
            &["ota2.mt", "ota4.mt"],
        ),
        parameter(
            ("rho", "ρ", "1/V"),
            0.5 * pair.kappa / pair.ut,
            "kappa_p/(2 Ut)",
            &["ota1.m1", "ota1.m2", "ota2.m1", "ota2.m2"],
        ),
        parameter(("sigma", "σ", "1"), sigma, "I_nu/Ib", &["nu", "nv", "bn"]),
    ];
    let quantities = vec![
        parameter(("i_unit", "Ib", "A"), ib, "sqrt(I_tail1 I_tail3)", &["bp", "ota1.mt", "ota3.mt"]),
        parameter(("v_unit", "V", "V"), 1.0, "volts are the model's unit", &[]),
    ];
    Ok(Derived { model: "wererabbit".into(), parameters, time_unit_s: c / ib, quantities, warnings: Vec::new() })
}
