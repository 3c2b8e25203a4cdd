//! Turning the handles until every target is met.

use super::Turned;
use crate::DeviceError;
use crate::card::Card;
use crate::derive::{Form, derive_as};

const ROUNDS: usize = 300;
/// Logarithm of a parameter over its target at which it is met.
const MET: f64 = 1e-10;

/// Why turning ended early.
pub(crate) enum Stop {
    /// A handle at rest outside its limits.
    Beyond(Beyond),
    /// Anything else.
    Error(DeviceError),
}

impl From<DeviceError> for Stop {
    fn from(e: DeviceError) -> Self {
        Stop::Error(e)
    }
}

/// A handle outside its limits.
pub(crate) struct Beyond {
    parameter: String,
    key: &'static str,
    words: String,
    value: f64,
    unit: &'static str,
    range: [f64; 2],
}

impl Beyond {
    fn of(t: &Turned, value: f64, unit: &'static str) -> Self {
        let (parameter, key, words) = (t.parameter.clone(), t.handle.key, t.handle.words());
        Beyond { parameter, key, words, value, unit, range: t.range }
    }

    /// Quantity outside its limits.
    pub(crate) fn key(&self) -> &'static str {
        self.key
    }

    /// What the bias must be multiplied by for the quantity to come to its limit, a little more for the other branch;
    /// `None` where no bias helps: `alpha = I0 (W/L)/Ibias` and `time_unit = C/Ibias` have one.
    pub(crate) fn factor(&self) -> Option<f64> {
        let [low, high] = self.range;
        let off = if self.value < low { low / self.value * 1.02 } else { high / self.value / 1.02 };
        let helps = (self.key == "W" && self.parameter.starts_with("alpha")) || self.key == "C";
        helps.then_some(off)
    }

    /// The refusal, with what the bias would have to be where that is the way out.
    pub(crate) fn error(&self, card: &Card, bias: Option<f64>, limits: [f64; 2]) -> DeviceError {
        let Beyond { words, value, range: [low, high], parameter, unit, .. } = self;
        let other = bias.map_or_else(String::new, |bias| {
            format!(", or Ibias = {bias:.3e} A (limits {:.3e} to {:.3e})", limits[0], limits[1])
        });
        DeviceError::Impossible {
            card: card.file.clone(),
            what: format!("{parameter} takes {words} = {value:.4e} {unit}, outside {low:.3e} to {high:.3e}{other}"),
            remedy: format!("give {parameter} a nearer target, or widen the limits"),
        }
    }
}

/// Turns every handle in proportion to what is missing until all targets are met.
pub(crate) fn turn(card: &mut Card, observed: &str, turned: &[Turned]) -> Result<(), Stop> {
    if turned.is_empty() {
        return Ok(());
    }
    let mut worst = (f64::INFINITY, "");
    for _ in 0..ROUNDS {
        let derived = derive_as(card, observed, Form::Closed)?;
        worst = (0.0, "");
        for t @ Turned { parameter, target, handle, .. } in turned {
            let value = handle.read(&derived);
            let missing = target / value.unwrap_or(f64::NAN);
            if !(missing.is_finite() && missing > 0.0) {
                return Err(Stop::Error(DeviceError::Impossible {
                    card: card.file.clone(),
                    what: format!("{parameter} = {target} where the circuit gives {}", value.unwrap_or(f64::NAN)),
                    remedy: "a target must be finite and of the parameter's sign".into(),
                }));
            }
            if missing.ln().abs() > worst.0 {
                worst = (missing.ln().abs(), parameter);
            }
            // Less than all of it: gamma's length also carries alpha's W/L, and a Vds beside VE L bends the power.
            scale(card, t, missing.powf(0.7 / handle.power))?;
        }
        if worst.0 < MET {
            return settled(card, turned);
        }
    }
    Err(Stop::Error(DeviceError::NotConverged {
        block: format!("design of {observed}: {}", worst.1),
        iterations: ROUNDS,
        residual: worst.0,
        remedy: "targets fight each other; ask for fewer, or nearer to what the circuit gives".into(),
    }))
}

/// Multiplies a handle's quantity by `factor`.
fn scale(card: &mut Card, turned: &Turned, factor: f64) -> Result<(), Stop> {
    let file = card.file.clone();
    let Some(quantity) = turned.handle.find(card) else {
        return Err(Stop::Error(DeviceError::Impossible {
            card: file,
            what: format!("{} is set by `{}`, which the card does not have", turned.parameter, turned.handle.words()),
            remedy: "write it, or leave the target out".into(),
        }));
    };
    let wanted = quantity.value * factor;
    // On the way a handle may pass its limits, while another one is still coming; running away it may not. A length
    // that runs away takes the widths beside it along: it is the one to name.
    let ([low, high], slack) = (turned.range, if turned.handle.key == "L" { 1e-3 } else { 1e-9 });
    if !(wanted > low * slack && wanted < high / slack && wanted.is_finite() && wanted > 0.0) {
        return Err(Stop::Beyond(Beyond::of(turned, wanted, quantity.unit)));
    }
    quantity.value = wanted;
    quantity.error = None;
    "inverse design".clone_into(&mut quantity.source);
    Ok(())
}

/// Every handle at rest within its limits, or the first that is not.
fn settled(card: &mut Card, turned: &[Turned]) -> Result<(), Stop> {
    for t in turned {
        let [low, high] = t.range;
        let Some(quantity) = t.handle.find(card) else { continue };
        if !(quantity.value >= low * (1.0 - 1e-9) && quantity.value <= high * (1.0 + 1e-9)) {
            return Err(Stop::Beyond(Beyond::of(t, quantity.value, quantity.unit)));
        }
    }
    Ok(())
}
