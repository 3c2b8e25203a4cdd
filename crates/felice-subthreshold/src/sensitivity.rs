//! Which transistor's W, L or Vt0 moves which parameter, and how much.

use serde::Serialize;

use crate::DeviceError;
use crate::card::Card;
use crate::derive::Form;
use crate::ekv::Ekv;
use crate::evaluate::Evaluator;
use crate::real::Dual;

/// The effect of one transistor's dimension or threshold on one parameter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sensitivity {
    /// The transistor's name in the netlist.
    pub device: String,
    /// `W`, `L` or `Vt0`.
    pub quantity: &'static str,
    /// The parameter.
    pub parameter: String,
    /// Change of the parameter, in its unit, for 1 % more width or length or 1 mV more threshold.
    pub effect: f64,
    /// The same over the parameter's nominal value; `None` for an offset, whose nominal is zero.
    pub relative: Option<f64>,
}

/// Every effect that is not zero, largest relative effect first (offsets, which have none, last).
///
/// # Errors
/// As [`crate::derive_as`].
pub fn sensitivities(card: &Card, model: &str, form: Form) -> Result<Vec<Sensitivity>, DeviceError> {
    let evaluator = Evaluator::new(card, model, form)?;
    let mut table = Vec::new();
    for (k, transistor) in evaluator.transistors.iter().enumerate() {
        let row = evaluator.row(|i| {
            let fet = evaluator.transistors[i].ekv.lift::<Dual<3>>();
            if i != k {
                return fet;
            }
            // One per cent of W, one per cent of L, one millivolt.
            let (w, l, v) =
                (Dual::variable(0.0, 0) * 0.01, Dual::variable(0.0, 1) * 0.01, Dual::variable(0.0, 2) * 1e-3);
            Ekv { spec: fet.spec * (w - l + 1.0), lambda: fet.lambda * (-l + 1.0), vt0: fet.vt0 + v, ..fet }
        });
        for (column, value) in evaluator.columns.iter().zip(row) {
            for (quantity, effect) in ["W", "L", "Vt0"].into_iter().zip(value.slope) {
                // Below a part in 1e12 it is roundoff of cancelling terms.
                if effect.abs() > 1e-14 * column.nominal.abs().max(1e-9) {
                    table.push(Sensitivity {
                        device: transistor.role.name.to_owned(),
                        quantity,
                        parameter: column.name.clone(),
                        effect,
                        relative: (!column.is_offset()).then(|| effect / column.nominal),
                    });
                }
            }
        }
    }
    table.sort_by(|a, b| b.relative.unwrap_or(0.0).abs().total_cmp(&a.relative.unwrap_or(0.0).abs()));
    Ok(table)
}
