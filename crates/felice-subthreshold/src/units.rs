//! Units at the border: `pA`, `mV`, `V/um`, `mV*um`, `%*um` into SI, with their dimension checked.

/// Exponents of volt, ampere, second, metre and kelvin.
type Dimension = [i8; 5];

/// A parsed unit: what one of it is in SI, and its dimension.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    factor: f64,
    dimension: Dimension,
}

impl Scale {
    /// SI value of `value` in this unit, or `None` where `si` is a unit of another dimension.
    pub(crate) fn to_si(self, value: f64, si: &str) -> Option<f64> {
        let wanted = parse(si)?;
        (wanted.dimension == self.dimension).then(|| value * self.factor / wanted.factor)
    }
}

const BASES: [(&str, f64, Dimension); 13] = [
    ("V", 1.0, [1, 0, 0, 0, 0]),
    ("A", 1.0, [0, 1, 0, 0, 0]),
    ("s", 1.0, [0, 0, 1, 0, 0]),
    ("m", 1.0, [0, 0, 0, 1, 0]),
    ("K", 1.0, [0, 0, 0, 0, 1]),
    ("F", 1.0, [-1, 1, 1, 0, 0]),
    ("S", 1.0, [-1, 1, 0, 0, 0]),
    ("ohm", 1.0, [1, -1, 0, 0, 0]),
    ("Ω", 1.0, [1, -1, 0, 0, 0]),
    ("Ohm", 1.0, [1, -1, 0, 0, 0]),
    ("Hz", 1.0, [0, 0, -1, 0, 0]),
    ("%", 0.01, [0; 5]),
    ("1", 1.0, [0; 5]),
];

const PREFIXES: [(&str, f64); 13] = [
    ("a", 1e-18),
    ("f", 1e-15),
    ("p", 1e-12),
    ("n", 1e-9),
    ("u", 1e-6),
    ("µ", 1e-6),
    ("μ", 1e-6),
    ("m", 1e-3),
    ("c", 1e-2),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
];

/// Reads a unit: factors joined by `*`, `·` or `/`, each a prefix and a base with an optional `^2`;
/// at most 64 bytes.
pub(crate) fn parse(text: &str) -> Option<Scale> {
    if text.len() > 64 {
        return None;
    }
    let mut scale = Scale { factor: 1.0, dimension: [0; 5] };
    let mut divide = false;
    let mut rest = text.trim();
    loop {
        let end = rest.find(['*', '·', '/']).unwrap_or(rest.len());
        scale = times(scale, factor(rest[..end].trim())?, divide)?;
        let mut operator = rest[end..].chars();
        match operator.next() {
            None => return Some(scale),
            Some(c) => divide = c == '/',
        }
        rest = operator.as_str();
    }
}

/// A number with a unit, such as `0.22um` or `1 ms`, in the SI unit `si`; a bare number is in `si` already.
///
/// # Errors
/// In words what would have been right.
pub fn parse_value(text: &str, si: &str) -> Result<f64, String> {
    let text = text.trim();
    let ends = text.char_indices().map(|(i, _)| i).chain([text.len()]).rev();
    // The longest number at the beginning: `1e-3` is one, `1e` is 1 and a unit that there is not.
    let number = ends.filter(|&i| i > 0).find_map(|i| Some((text[..i].trim().parse::<f64>().ok()?, text[i..].trim())));
    let Some((number, unit)) = number.filter(|(n, _)| n.is_finite()) else {
        return Err(format!("`{text}` is no finite number, with or without a unit of {si}"));
    };
    if unit.is_empty() {
        return Ok(number);
    }
    let value = parse(unit).and_then(|u| u.to_si(number, si)).filter(|v| v.is_finite());
    value.ok_or_else(|| format!("`{unit}` in `{text}` is no unit of {si}"))
}

fn times(a: Scale, b: Scale, divide: bool) -> Option<Scale> {
    let mut dimension = a.dimension;
    for (x, y) in dimension.iter_mut().zip(b.dimension) {
        *x = if divide { x.checked_sub(y)? } else { x.checked_add(y)? };
    }
    Some(Scale { factor: if divide { a.factor / b.factor } else { a.factor * b.factor }, dimension })
}

fn factor(text: &str) -> Option<Scale> {
    if let Some(base) = text.strip_suffix("^2").or_else(|| text.strip_suffix('²')) {
        let one = factor(base)?;
        return times(one, one, false);
    }
    let base = |t: &str| BASES.iter().find(|(name, ..)| *name == t);
    if let Some(&(_, factor, dimension)) = base(text) {
        return Some(Scale { factor, dimension });
    }
    PREFIXES.iter().find_map(|(prefix, scale)| {
        let (_, factor, dimension) = base(text.strip_prefix(prefix)?)?;
        (*dimension != [0; 5]).then_some(Scale { factor: scale * factor, dimension: *dimension })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn si(value: f64, unit: &str, to: &str) -> Option<f64> {
        parse(unit)?.to_si(value, to)
    }

    #[test]
    fn units_reach_si() {
        let near = |a: Option<f64>, b: f64| assert!((a.unwrap() / b - 1.0).abs() < 1e-15, "{a:?} is not {b}");
        near(si(0.129, "pA", "A"), 0.129e-12);
        near(si(25.0, "mV", "V"), 0.025);
        near(si(10.0, "V/um", "V/m"), 1e7);
        near(si(3.36, "mV·µm", "V*m"), 3.36e-9);
        near(si(1.0, "%*um", "m"), 1e-8);
        near(si(8.0, "fF/um^2", "F/m^2"), 8e-3);
        near(si(128.0, "Mohm", "V/A"), 128e6);
        near(si(2.0, "m", "m"), 2.0);
        near(si(2.0, "mm", "m"), 2e-3);
    }

    #[test]
    fn values_with_units() {
        assert_eq!(parse_value("1e-3", "s"), Ok(1e-3));
        assert_eq!(parse_value(" 2 ms", "s"), Ok(2e-3));
        assert_eq!(parse_value("-1.5", "1"), Ok(-1.5));
        assert!((parse_value("0.22um", "m").unwrap() - 0.22e-6).abs() < 1e-20);
        assert_eq!(parse_value("7.8/V", "1/V").ok(), None);
        for nonsense in ["", "x", "nan", "1e999", "1 V", "1e", "--1", "µ", "1 µ"] {
            assert!(parse_value(nonsense, "s").is_err(), "{nonsense}");
        }
    }

    #[test]
    fn other_dimensions_and_nonsense_are_refused() {
        assert_eq!(si(1.0, "pF", "A"), None);
        for nonsense in ["", "volt", "k", "m%", "V//m", "V*", "^2", "xV"] {
            assert_eq!(parse(nonsense), None, "{nonsense}");
        }
    }
}
