//! Models from a process alone: the formulas of the published physical scale, unit W/L, no circuit.
//!
//! ```text
//! Boomerang, WereRabbit   alpha = I0 (W/L)/Ibias   beta = kappa/Ut   gamma = 1/VA   rho = kappa_p/(2 Ut)   tau = t Ibias/C
//! FHNRS                   v_unit = 2 Ut/kappa, time unit = C v_unit/Iref, tails of 2 Iref
//! ```

use crate::DeviceError;
use crate::card::Polarity;
use crate::circuits::fhnrs::Parameters;
use crate::derive::{Derived, Form, Operating, parameter};
use crate::ekv::Ekv;
use crate::silicon::Silicon;

/// The pFET, or the nFET where the card has none, with a warning what that decides.
fn pair(silicon: &Silicon<'_>, what: &str, warnings: &mut Vec<String>) -> Result<Ekv, DeviceError> {
    if silicon.card.fets.contains_key("pfet") {
        return silicon.process(Polarity::P);
    }
    warnings.push(format!("no [pfet]: {what} takes the nFET's kappa"));
    silicon.process(Polarity::N)
}

/// The five parameters of a model in `u` and `v`.
pub(crate) fn two_potentials(silicon: &Silicon<'_>) -> Result<Derived, DeviceError> {
    let (ibias, c) = (silicon.value("Ibias")?, silicon.value("C")?);
    let n = silicon.process(Polarity::N)?;
    let mut warnings = Vec::new();
    let pair = pair(silicon, "rho", &mut warnings)?;
    if n.lambda == 0.0 {
        warnings.push("no VA (nor VE and a length): gamma = 0, a transistor without output conductance".to_owned());
    }
    let sigma = silicon.card.circuit_value("sigma").or_else(|| Some(silicon.card.circuit_value("Itail")? / ibias));
    let sigma = sigma.unwrap_or_else(|| {
        warnings.push("no sigma: 0.6, the models' default".to_owned());
        0.6
    });
    let value = |key: &str| silicon.card.circuit_value(key);
    let (rho, from) = match value("rho") {
        Some(rho) => (rho, "as measured"),
        None if silicon.dial()? == 1.0 => (0.5 * pair.kappa / pair.ut, "kappa_p/(2 Ut)"),
        None => (0.5 * pair.kappa / pair.ut * silicon.dial()?, "kappa_p/(2 Ut), times what Ndeg and Npre make of it"),
    };
    let alpha = n.i0() / ibias;
    if (alpha / 0.00129 - 1.0).abs() < 1e-6 {
        let ruling = "alpha = 0.00129 is what I0 = 0.129 pA and Ibias = 100 pA give; felice's API default 0.0129 is ten \
                      times that";
        warnings.push(ruling.to_owned());
    }
    let has = |key: &str| silicon.card.fets.get("nfet").is_some_and(|f| f.quantities.contains_key(key));
    let gamma = if has("VE") && silicon.card.circuit.contains_key("L") {
        "1/(VE L)"
    } else {
        "1/VA at the model's reference voltage"
    };
    let shaped = silicon.card.circuit.contains_key("W");
    let parameters = vec![
        parameter(("alpha", "α", "1"), alpha, if shaped { "I0 (W/L)/Ibias" } else { "I0/Ibias" }, &["nfet"]),
        parameter(("beta", "β", "1/V"), n.kappa / n.ut, "kappa/Ut", &["nfet"]),
        parameter(("gamma", "γ", "1/V"), n.lambda, gamma, &["nfet"]),
        parameter(("rho", "ρ", "1/V"), rho, from, &["pfet"]),
        parameter(("sigma", "σ", "1"), sigma, "as given, or Itail/Ibias", &[]),
    ];
    let quantities = vec![
        parameter(("i_unit", "Ib", "A"), ibias, "Ibias", &[]),
        parameter(("v_unit", "V", "V"), 1.0, "volts are the model's unit", &[]),
    ];
    let model = silicon.model.to_owned();
    Ok(Derived { model, form: Form::Closed, parameters, time_unit_s: c / ibias, quantities, warnings })
}

/// FHNRS with ideal OTAs; what the card does not say is what the model's defaults take.
pub(crate) fn fhnrs(silicon: &Silicon<'_>) -> Result<(Parameters, Operating, f64, Vec<String>), DeviceError> {
    let (iref, c) = (silicon.value("Ibias")?, silicon.value("C")?);
    let mut warnings = Vec::new();
    let pair = pair(silicon, "v_unit", &mut warnings)?;
    let value = |key: &str| silicon.card.circuit_value(key);
    let v_unit = value("rho").map_or(2.0 * pair.ut / pair.kappa, |rho| 1.0 / rho);
    let time_unit = c * v_unit / iref;
    let g_max = value("R").map_or_else(
        || {
            warnings.push(format!("no R: g_max = 1 takes {:.4e} ohm", v_unit / iref));
            1.0
        },
        |r| v_unit / (r * iref),
    );
    let tau_slow = value("Rslow").zip(value("Cslow")).map_or_else(
        || {
            warnings.push(format!("no Rslow, Cslow: tau_slow = 50 takes a lag of {:.4e} s", 50.0 * time_unit));
            50.0
        },
        |(r, cs)| r * cs / time_unit,
    );
    let (tail, offset) = (value("Itail").map_or(2.0, |i| i / iref), value("offset").unwrap_or(0.0) / v_unit);
    let p = Parameters {
        g_max,
        e_rev: 0.0,
        sat_passive: 0.0,
        a_fast: -tail,
        v_off_fast: offset,
        a_slow: tail,
        v_off_slow: -offset,
        tau_slow,
        sat_slow: 0.0,
        v_unit,
        time_unit,
        lag: 0.0,
    };
    let op = Operating { supply: 0.0, ibias: iref, c, sigma: 0.0, dial: 1.0 };
    Ok((p, op, value("Vref").unwrap_or(0.0), warnings))
}
