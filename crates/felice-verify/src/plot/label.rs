//! What stands beside an axis: long name and unit, as far as there is room.

use crate::figure::{raised, text};
use crate::numbers::prefix;

/// A quantity with the factor and unit that make its numbers readable.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quantity {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) unit: String,
    /// What the file's numbers are multiplied with.
    pub(super) factor: f64,
}

impl Quantity {
    /// A quantity of this name, long name and unit whose largest value is `size`.
    pub(super) fn new(name: &str, about: &str, unit: &str, size: f64) -> Self {
        let (factor, unit) = match unit {
            "s" | "V" | "A" | "F" | "Hz" | "W" if size > 0.0 => {
                let (factor, prefix) = prefix(size);
                (factor, format!("{prefix}{unit}"))
            }
            _ if size > 0.0 && !(1e-3..1e5).contains(&size) => {
                let power = 3 * (size.log10() / 3.0).floor() as i32;
                let unit = if unit == "1" { String::new() } else { format!(" {unit}") };
                (10_f64.powi(-power), format!("10{}{unit}", raised(power)))
            }
            _ => (1.0, if unit == "1" { String::new() } else { unit.to_owned() }),
        };
        Quantity { name: name.to_owned(), about: about.to_owned(), unit, factor }
    }

    /// A quantity along a logarithmic axis from `low` to `high`: its ticks may say powers of ten.
    pub(super) fn logarithmic(name: &str, about: &str, unit: &str, (low, high): (f64, f64)) -> Self {
        if unit == "1" { Self::unscaled(name, about, unit) } else { Self::new(name, about, unit, (low * high).sqrt()) }
    }

    /// A quantity in the file's own numbers.
    pub(super) fn unscaled(name: &str, about: &str, unit: &str) -> Self {
        let unit = if unit == "1" { String::new() } else { unit.to_owned() };
        Quantity { name: name.to_owned(), about: about.to_owned(), unit, factor: 1.0 }
    }

    /// The longest of long name, its part before a comma or colon, and name that has room in so many pixels.
    pub(super) fn label(&self, room: f64, letter: f64) -> String {
        let unit = if self.unit.is_empty() { String::new() } else { format!(" ({})", self.unit) };
        let short = self.about.split([',', ':', '(']).next().unwrap_or_default().trim();
        let candidates = [self.about.as_str(), short].map(|t| format!("{t}{unit}"));
        let fits = |t: &&String| !t.starts_with(' ') && !t.is_empty() && text::width(t, letter) <= room;
        candidates.iter().find(fits).cloned().unwrap_or_else(|| format!("{}{unit}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_fit_their_room() {
        let q = Quantity::new("alpha", "α leakage current over bias current, In0/Ibias", "1", 0.02);
        assert_eq!(q.label(1e3, 9.0), "α leakage current over bias current, In0/Ibias");
        assert_eq!(q.label(170.0, 9.0), "α leakage current over bias current");
        assert_eq!(q.label(50.0, 9.0), "alpha");
        let v = Quantity::new("v(u)", "voltage of u", "V", 0.3);
        assert_eq!((v.label(1e3, 9.0).as_str(), v.factor), ("voltage of u (mV)", 1e3));
        assert_eq!(Quantity::new("n", "", "1", 2.5e7).label(1e3, 9.0), "n (10⁶)");
    }
}
