//! Numbers with engineering suffixes: `1k`, `2.5u`, `3meg`, `100pF`, `1mil`.

/// A number at the start of `text`: its value and length in bytes, suffix and unit letters included. `None` where there
/// is none, where it is not finite, or where something like `1k5` follows.
pub(crate) fn number(text: &str) -> Option<(f64, usize)> {
    let bytes = text.as_bytes();
    let digits = |mut i: usize| {
        while bytes.get(i).is_some_and(u8::is_ascii_digit) {
            i += 1;
        }
        i
    };
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let whole = digits(sign);
    let fraction = if bytes.get(whole) == Some(&b'.') { digits(whole + 1) } else { whole };
    let has_digits = whole > sign || fraction > whole + 1;
    if !has_digits {
        return None;
    }
    let mut end = fraction;
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let signed = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(signed);
        if exponent > signed {
            end = exponent;
        }
    }
    let mantissa: f64 = text.get(..end)?.parse().ok()?;
    let letters = bytes[end..].iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let value = scaled(mantissa, text.get(end..end + letters)?);
    let glued = bytes.get(end + letters).is_some_and(|b| b.is_ascii_digit() || matches!(b, b'_' | b'.'));
    (value.is_finite() && !glued).then_some((value, end + letters))
}

/// The whole of `text` as a number.
pub(crate) fn whole_number(text: &str) -> Option<f64> {
    number(text).and_then(|(value, length)| (length == text.len()).then_some(value))
}

/// Applies a suffix. Dividing by an exact power of ten rounds once, so that `100p` is the double nearest 1e-10.
fn scaled(x: f64, suffix: &str) -> f64 {
    let starts = |s: &str| suffix.len() >= s.len() && suffix.as_bytes()[..s.len()].eq_ignore_ascii_case(s.as_bytes());
    if starts("meg") {
        return x * 1e6;
    }
    if starts("mil") {
        return x * 25.4e-6;
    }
    match suffix.bytes().next().map(|b| b.to_ascii_lowercase()) {
        Some(b't') => x * 1e12,
        Some(b'g') => x * 1e9,
        Some(b'k') => x * 1e3,
        Some(b'm') => x / 1e3,
        Some(b'u') => x / 1e6,
        Some(b'n') => x / 1e9,
        Some(b'p') => x / 1e12,
        Some(b'f') => x / 1e15,
        Some(b'a') => x / 1e18,
        _ => x,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_and_units() {
        let cases = [
            ("1", 1.0),
            ("-.5", -0.5),
            ("1.e3", 1e3),
            ("1e-3k", 1.0),
            ("100pF", 1e-10),
            ("3meg", 3e6),
            ("3M", 3e-3),
            ("2mil", 50.8e-6),
            ("1mA", 1e-3),
            ("10ohm", 10.0),
            ("5a", 5e-18),
            ("1e", 1.0),
            ("2V", 2.0),
        ];
        for (text, value) in cases {
            assert_eq!(whole_number(text), Some(value), "{text}");
        }
    }

    #[test]
    fn not_numbers() {
        for text in ["", ".", "-", "e3", "k", "1k5", "1e999", "nan", "inf", "1.2.3", "0x10", "1_000"] {
            assert_eq!(whole_number(text), None, "{text}");
        }
    }
}
