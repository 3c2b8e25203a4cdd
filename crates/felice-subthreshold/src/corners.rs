//! Named corners: process (TT FF SS FS SF), supply and temperature, as changes to a card.
//!
//! `FS` is fast nFET, slow pFET. A fast transistor has `Vt0 - dVt0` and `Is (1 + dIs)`. The reference currents hold:
//! what moves is what a mirror cannot cancel, the exponentials first.

use serde::Serialize;

use crate::DeviceError;
use crate::card::{Card, Quantity, Shift};
use crate::derive::{Derived, Form, derive_as, derive_nearest};

/// A corner's name and each channel's speed: +1 fast, 0 typical, -1 slow.
pub const PROCESS: [(&str, f64, f64); 5] =
    [("TT", 0.0, 0.0), ("FF", 1.0, 1.0), ("SS", -1.0, -1.0), ("FS", 1.0, -1.0), ("SF", -1.0, 1.0)];

/// What the corners of a card span. Keys of `[corners]`; a default stands in for one that is absent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Span {
    /// Threshold shift of a fast or slow transistor (V).
    pub dvt0: f64,
    /// Relative shift of Is.
    pub dis: f64,
    /// Relative supply tolerance.
    pub dvdd: f64,
    /// Lowest and highest temperature (K).
    pub temperature: [f64; 2],
}

impl Span {
    /// A card's span; 30 mV, 10 %, 10 %, -40 to 125 °C where it does not say.
    pub fn of(card: &Card) -> Self {
        let value = |key: &str, default: f64| card.corners.get(key).map_or(default, |q| q.value);
        Span {
            dvt0: value("dVt0", 0.03),
            dis: value("dIs", 0.1),
            dvdd: value("dVDD", 0.1),
            temperature: [value("Tmin", 233.15), value("Tmax", 398.15)],
        }
    }
}

/// A model's parameters at one corner.
#[derive(Clone, Debug, PartialEq)]
pub struct Corner {
    /// `TT`, `FF`, `SS`, `FS` or `SF`.
    pub process: &'static str,
    /// Supply (V); `None` where the card has none.
    pub supply: Option<f64>,
    /// Temperature (K).
    pub temperature: f64,
    /// The parameters there, or why the circuit has none.
    pub derived: Result<Derived, DeviceError>,
}

/// The card at a corner: `fast` of nFET and pFET in units of the span, supply and temperature as given.
pub(crate) fn shifted(card: &Card, span: &Span, fast: [f64; 2], supply: Option<f64>, temperature: f64) -> Card {
    let mut corner = card.clone();
    let nominal = card.nominal_thermal_voltage().unwrap_or(temperature / crate::card::Q_OVER_K);
    let source = "corner";
    corner.conditions.remove("Ut");
    let tnom = nominal * crate::card::Q_OVER_K;
    corner.conditions.insert("Tnom".into(), Quantity::new(tnom, "K", source));
    corner.conditions.insert("T".into(), Quantity::new(temperature, "K", source));
    if let Some(vdd) = supply {
        corner.conditions.insert("VDD".into(), Quantity::new(vdd, "V", source));
    }
    corner.shift = fast.map(|speed| Shift { dvt: -speed * span.dvt0, dbeta: speed * span.dis });
    corner
}

/// Derives a model at every process corner, at low, nominal and high supply and temperature.
///
/// # Errors
/// As [`derive_as`] at the typical corner; what another corner cannot do is in its [`Corner::derived`], with the corner
/// named.
pub fn corners(card: &Card, model: &str, form: Form) -> Result<Vec<Corner>, DeviceError> {
    derive_as(card, model, form)?;
    let span = Span::of(card);
    let vdd = card.conditions.get("VDD").map(|q| q.value);
    let supplies: Vec<Option<f64>> =
        vdd.map_or_else(|| vec![None], |v| [v, v * (1.0 - span.dvdd), v * (1.0 + span.dvdd)].map(Some).to_vec());
    let nominal = card.temperature().unwrap_or(300.15);
    let mut all = Vec::new();
    for (process, n, p) in PROCESS {
        for supply in &supplies {
            for temperature in [nominal, span.temperature[0], span.temperature[1]] {
                let mut corner = shifted(card, &span, [n, p], *supply, temperature);
                let volts = supply.map_or_else(String::new, |v| format!(" {v:.3} V"));
                corner.file = format!("{} at {process}{volts} {:.1} degC", card.file, temperature - 273.15);
                // Where a corner's circuit cannot be solved its closed form still says something.
                let derived = match form {
                    Form::Closed => derive_as(&corner, model, form),
                    Form::Solved => derive_nearest(&corner, model),
                };
                all.push(Corner { process, supply: *supply, temperature, derived });
            }
        }
    }
    Ok(all)
}
