//! Boomerang and WereRabbit from a process alone: the formulas of the published physical scale, unit W/L.
//!
//! ```text
//! alpha = I0/Ibias    beta = kappa/Ut    gamma = 1/VA    rho = kappa_p/(2 Ut)    tau = t Ibias/C
//! ```

use crate::DeviceError;
use crate::card::Polarity;
use crate::derive::{Circuit, Derived, parameter};

/// The five parameters of a model in `u` and `v`; `reference` is the voltage of its gamma terms.
pub(crate) fn two_potentials(circuit: &Circuit<'_>, reference: f64) -> Result<Derived, DeviceError> {
    let (ibias, c) = (circuit.value("Ibias")?, circuit.value("C")?);
    let n = circuit.fet("nfet", Polarity::N)?;
    let mut warnings = Vec::new();
    let pair = if circuit.card.fets.contains_key("pfet") {
        circuit.fet("pfet", Polarity::P)?
    } else {
        warnings.push("no [pfet]: rho takes the nFET's kappa".to_owned());
        n
    };
    if n.lambda == 0.0 {
        warnings.push("no VA (nor VE and a length): gamma = 0, a transistor without output conductance".to_owned());
    }
    let sigma = circuit.card.circuit_value("sigma").unwrap_or_else(|| {
        warnings.push("no sigma: 0.6, the models' default".to_owned());
        0.6
    });
    let alpha = n.i0() / ibias;
    if (alpha / 0.00129 - 1.0).abs() < 1e-6 {
        warnings.push(
            "alpha = 0.00129 is what I0 = 0.129 pA and Ibias = 100 pA give; felice's API default 0.0129 is ten times that".to_owned(),
        );
    }
    let parameters = vec![
        parameter(("alpha", "α", "1"), alpha, "I0/Ibias", &["nfet"]),
        parameter(("beta", "β", "1/V"), n.kappa / n.ut, "kappa/Ut", &["nfet"]),
        parameter(("gamma", "γ", "1/V"), n.lambda, format!("1/VA at {reference} V"), &["nfet"]),
        parameter(("rho", "ρ", "1/V"), 0.5 * pair.kappa / pair.ut, "kappa_p/(2 Ut)", &["pfet"]),
        parameter(("sigma", "σ", "1"), sigma, "as given", &[]),
    ];
    let quantities = vec![
        parameter(("i_unit", "Ib", "A"), ibias, "Ibias", &[]),
        parameter(("v_unit", "V", "V"), 1.0, "volts are the model's unit", &[]),
    ];
    Ok(Derived { model: circuit.model.to_owned(), parameters, time_unit_s: c / ibias, quantities, warnings })
}
