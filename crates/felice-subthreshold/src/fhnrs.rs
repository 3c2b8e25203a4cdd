//! FHNRS (Ribar and Sepulchre 2019, doi 10.1109/TCSI.2019.2907113) from its OTAs (`netlists/fhnrs/ekv.cir`).
//!
//! ```text
//! v_unit   = 2 Ut/kappa_p                  an OTA's tanh has argument 1 at one v_unit
//! i_unit   = Iref                          time unit = C v_unit/Iref, so that c = 1
//! a_fast   = -I_tail,f/Iref                a_slow = I_tail,s/Iref
//! g_max    = v_unit (1/R + g_o)/Iref       g_o the output conductance of both OTAs, I_tail lambda
//! e_rev    = g_o (V_a - Vref)/(1/R + g_o)/v_unit       V_a the mirror's diode: a balanced OTA's output wants to be there
//! tau_slow = Rslow Cslow/(time unit)
//! ```

use crate::DeviceError;
use crate::card::{Card, Polarity};
use crate::derive::{Circuit, Derived, diode, early, parameter};

pub(crate) fn derive(card: &Card) -> Result<Derived, DeviceError> {
    let circuit = Circuit::new(card, "fhnrs")?;
    let mut warnings = Vec::new();
    let (iref, c) = (circuit.value("Ibias")?, circuit.value("C")?);
    let pair = match (circuit.has_devices(), circuit.card.fets.contains_key("pfet")) {
        (true, _) => circuit.fet("otaf.m1", Polarity::P)?,
        (false, true) => circuit.fet("pfet", Polarity::P)?,
        (false, false) => {
            warnings.push("no [pfet]: v_unit takes the nFET's kappa".to_owned());
            circuit.fet("nfet", Polarity::N)?
        }
    };
    let v_unit = 2.0 * pair.ut / pair.kappa;
    let time_unit = c * v_unit / iref;
    let otas = if circuit.has_devices() { Otas::of(&circuit, iref)? } else { Otas::ideal(&circuit) };

    let g_r = circuit.card.circuit_value("R").map_or_else(
        || {
            warnings.push(format!("no R: g_max = 1 takes {:.4e} ohm", v_unit / iref));
            iref / v_unit
        },
        |r| 1.0 / r,
    );
    let g = g_r + otas.conductance;
    let tau_slow = match (circuit.card.circuit_value("Rslow"), circuit.card.circuit_value("Cslow")) {
        (Some(r), Some(cs)) => r * cs / time_unit,
        _ => {
            warnings.push(format!("no Rslow, Cslow: tau_slow = 50 takes a lag of {:.4e} s", 50.0 * time_unit));
            50.0
        }
    };
    let e_rev = otas.conductance * (otas.balance - otas.reference) / g / v_unit;
    let parameters = vec![
        parameter(("c", "C", "1"), 1.0, "time is counted in C v_unit/Iref", &["C"]),
        parameter(
            ("g_max", "g_max", "1"),
            g * v_unit / iref,
            "v_unit (1/R + g_o)/Iref, g_o = sum of I_tail lambda",
            &["R", "otaf.m2", "otaf.m4", "otas.m2", "otas.m4"],
        ),
        parameter(("e_rev", "E_rev", "1"), e_rev, "g_o (V_a - Vref)/((1/R + g_o) v_unit)", &["otaf.m3", "otas.m3"]),
        parameter(("a_fast", "α_f", "1"), -otas.fast, "-I_tail,f/Iref", &["otaf.mt", "bp"]),
        parameter(("v_off_fast", "δ_f", "1"), 0.0, "a matched pair has no offset", &["otaf.m1", "otaf.m2"]),
        parameter(("tau_fast", "τ_f", "1"), 0.0, "the fast element has no capacitor", &[]),
        parameter(("a_slow", "α_s", "1"), otas.slow, "I_tail,s/Iref", &["otas.mt", "bp"]),
        parameter(("v_off_slow", "δ_s", "1"), 0.0, "a matched pair has no offset", &["otas.m1", "otas.m2"]),
        parameter(("tau_slow", "τ_s", "1"), tau_slow, "Rslow Cslow Iref/(C v_unit)", &["Rslow", "Cslow"]),
    ];
    let quantities = vec![
        parameter(("v_unit", "V", "V"), v_unit, "2 Ut/kappa_p", &["otaf.m1", "otaf.m2"]),
        parameter(("v_ref", "Vref", "V"), otas.reference, "Vref", &["Vref"]),
        parameter(("i_unit", "Iref", "A"), iref, "Ibias", &["bp"]),
    ];
    let p = -g * v_unit / iref + otas.fast;
    if p <= 1.0 / tau_slow || otas.slow <= p {
        warnings.push(format!(
            "rests instead of oscillating: needs 1/tau_slow < -g_max - a_fast = {p:.4} < a_slow = {:.4}",
            otas.slow
        ));
    }
    Ok(Derived { model: "fhnrs".into(), parameters, time_unit_s: time_unit, quantities, warnings })
}

/// What the two OTAs put into the equation.
struct Otas {
    /// Tail currents over Iref.
    fast: f64,
    slow: f64,
    /// Output conductance of both (S).
    conductance: f64,
    /// Output voltage of balance: the mirror's diode (V).
    balance: f64,
    /// Reference node (V).
    reference: f64,
}

impl Otas {
    /// Tails of twice Iref and no output conductance: a process without a circuit.
    fn ideal(circuit: &Circuit<'_>) -> Self {
        let reference = circuit.card.circuit_value("Vref").unwrap_or(0.0);
        Otas { fast: 2.0, slow: 2.0, conductance: 0.0, balance: reference, reference }
    }

    fn of(circuit: &Circuit<'_>, iref: f64) -> Result<Self, DeviceError> {
        let (vdd, reference) = (circuit.supply()?, circuit.value("Vref")?);
        let bp = circuit.fet("bp", Polarity::P)?;
        let vbp = diode(&bp, iref);
        let tail_and_conductance = |ota: &str| -> Result<(f64, f64, f64), DeviceError> {
            let p = |m: &str| circuit.fet(&format!("{ota}.{m}"), Polarity::P);
            let n = |m: &str| circuit.fet(&format!("{ota}.{m}"), Polarity::N);
            let (tail, m1, m2, m3, m4) = (p("mt")?, p("m1")?, p("m2")?, n("m3")?, n("m4")?);
            let current = iref * tail.i0() / bp.i0();
            let drain = m1.kappa * (vdd - reference) - m1.ut * (0.5 * current / m1.i0()).ln();
            let current = current * early(&tail, drain) / early(&bp, vbp);
            let balance = diode(&m3, 0.5 * current);
            let upper = m2.lambda / early(&m2, vdd - drain - reference);
            let lower = m4.lambda / early(&m4, reference);
            Ok((current, 0.5 * current * (upper + lower), balance))
        };
        let (fast, g_fast, a_fast) = tail_and_conductance("otaf")?;
        let (slow, g_slow, a_slow) = tail_and_conductance("otas")?;
        Ok(Otas {
            fast: fast / iref,
            slow: slow / iref,
            conductance: g_fast + g_slow,
            balance: 0.5 * (a_fast + a_slow),
            reference,
        })
    }
}
