//! Numbers as people read them: four digits, SI prefixes, uncertainties with one digit.

/// Four significant digits.
pub(crate) fn short(x: f64) -> String {
    let size = x.abs();
    match () {
        () if !x.is_finite() => "–".into(),
        () if x == 0.0 => "0".into(),
        () if !(1e-3..1e5).contains(&size) => scientific(x, 3),
        () => fixed(x, (3 - exponent(size)).clamp(0, 6)),
    }
}

/// As few digits as give the number back: what somebody wrote.
pub(crate) fn written(x: f64) -> String {
    if x == 0.0 || (1e-3..1e5).contains(&x.abs()) { format!("{x}") } else { format!("{x:e}") }
}

/// `520.5 ± 0.2 µs`, `0.998412 ± 2e-6`: a value to the digit of its uncertainty, six digits at most, in a unit with the
/// prefix that suits it.
pub(crate) fn quantity(value: f64, uncertainty: f64, unit: &str) -> String {
    if value.is_nan() {
        return "not measured".into();
    }
    let (factor, prefix) =
        if matches!(unit, "V" | "s" | "A") { prefix(value.abs().max(uncertainty)) } else { (1.0, "") };
    let unit = if unit == "1" { String::new() } else { format!(" {prefix}{unit}") };
    let (v, u) = (value * factor, uncertainty * factor);
    match u {
        u if u > 0.0 && u.is_finite() => {
            let digits = if v == 0.0 { 6 } else { 5 - exponent(v.abs()) };
            let v = if v != 0.0 && v.abs() < 1e-3 {
                scientific(v, 2)
            } else {
                fixed(v, (-exponent(u)).clamp(0, digits.max(0)))
            };
            let u = if (1e-3..1e5).contains(&u) { fixed(u, (-exponent(u)).max(0)) } else { format!("{u:.0e}") };
            format!("{v} ± {u}{unit}")
        }
        u if u.is_nan() => format!("{} ± ?{unit}", short(v)),
        _ => format!("{}{unit}", short(v)),
    }
}

/// Errors are worth one digit.
pub(crate) fn error(u: f64) -> String {
    if u.is_finite() { format!("{u:.0e}") } else { "?".into() }
}

/// `4.2 %`, `120 %`.
pub(crate) fn percent(x: f64) -> String {
    let p = 100.0 * x;
    if p.abs() < 10.0 { format!("{p:.1} %") } else { format!("{p:.0} %") }
}

/// Factor and SI prefix that make a size readable.
pub(crate) fn prefix(size: f64) -> (f64, &'static str) {
    match size {
        s if s >= 1.0 || s == 0.0 => (1.0, ""),
        s if s >= 1e-3 => (1e3, "m"),
        s if s >= 1e-6 => (1e6, "µ"),
        s if s >= 1e-9 => (1e9, "n"),
        _ => (1e12, "p"),
    }
}

fn exponent(size: f64) -> i32 {
    if size > 0.0 && size.is_finite() { size.log10().floor() as i32 } else { 0 }
}

fn fixed(x: f64, decimals: i32) -> String {
    let text = format!("{x:.*}", decimals.max(0) as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn scientific(x: f64, decimals: usize) -> String {
    let text = format!("{x:.decimals$e}");
    match text.split_once('e') {
        Some((digits, power)) if digits.contains('.') => {
            format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (x, text) in [
            (1e-5, "1e-5"),
            (1.2346e-7, "1.235e-7"),
            (0.98765, "0.9877"),
            (1.015, "1.015"),
            (50.42397, "50.42"),
            (0.0, "0"),
            (1.0, "1"),
            (f64::NAN, "–"),
            (123456.0, "1.235e5"),
            (40.0, "40"),
        ] {
            assert_eq!(short(x), text);
        }
        assert_eq!((written(0.999999), written(5e-5), written(40.0)), ("0.999999".into(), "5e-5".into(), "40".into()));
    }

    #[test]
    fn quantities_have_the_digits_they_deserve() {
        for (value, uncertainty, unit, text) in [
            (5.2047e-4, 2e-7, "s", "520.5 ± 0.2 µs"),
            (0.99841234, 2e-6, "1", "0.998412 ± 2e-6"),
            (4.8e-8, 2e-7, "V", "48 ± 200 nV"),
            (0.1062, 3e-4, "1", "0.1062 ± 3e-4"),
            (1.0, 3e-8, "1", "1 ± 3e-8"),
            (6.7e-7, 3e-6, "1", "6.7e-7 ± 3e-6"),
            (1.04, 0.0, "1", "1.04"),
            (0.0, 0.0, "V", "0 V"),
            (f64::NAN, 0.0, "V", "not measured"),
        ] {
            assert_eq!(quantity(value, uncertainty, unit), text);
        }
    }
}
