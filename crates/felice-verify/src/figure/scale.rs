//! An axis: from values to a place between 0 and 1, and where its ticks are and what they say.

use std::ops::Range;

/// How values go along an axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Scale {
    /// Evenly.
    #[default]
    Linear,
    /// Evenly; ticks are at whole numbers.
    Whole,
    /// By their logarithm.
    Log,
    /// The values 0, 1, 2 .. have these names.
    Names(Vec<String>),
}

/// An axis with its ends.
#[derive(Clone, Debug)]
pub(super) struct Axis<'s> {
    pub(super) range: Range<f64>,
    pub(super) scale: &'s Scale,
}

impl Axis<'_> {
    /// 0 at the lower end, 1 at the upper.
    pub(super) fn place(&self, value: f64) -> f64 {
        let Range { start, end } = self.range;
        match self.scale {
            Scale::Log => (value.max(f64::MIN_POSITIVE) / start).ln() / (end / start).ln(),
            // Halves: the difference of the ends may overflow.
            _ => (0.5 * value - 0.5 * start) / (0.5 * end - 0.5 * start),
        }
    }

    /// Ticks and what they say, at most about `most`.
    pub(super) fn ticks(&self, most: usize) -> Vec<(f64, String)> {
        let Range { start, end } = self.range;
        match self.scale {
            Scale::Linear => at_least_two(|n| linear(start, end, n), most),
            Scale::Whole => at_least_two(|n| stepped(start, end, n, 1.0), most),
            Scale::Log => at_least_two(|n| logarithmic(start, end, n), most),
            Scale::Names(names) => {
                let every = names.len().div_ceil(most.max(1)).max(1);
                let all = names.iter().enumerate().step_by(every);
                all.map(|(i, n)| (i as f64, n.clone())).filter(|(v, _)| *v >= start && *v <= end).collect()
            }
        }
    }
}

/// One tick says nothing of the scale: a few more are allowed then.
fn at_least_two(ticks: impl Fn(usize) -> Vec<(f64, String)>, most: usize) -> Vec<(f64, String)> {
    (most..most + 4).map(&ticks).find(|t| t.len() > 1).unwrap_or_else(|| ticks(most))
}

/// Multiples of 1, 2 or 5 × a power of ten.
fn linear(start: f64, end: f64, most: usize) -> Vec<(f64, String)> {
    stepped(start, end, most, 0.0)
}

/// The same, at least `least` apart.
fn stepped(start: f64, end: f64, most: usize, least: f64) -> Vec<(f64, String)> {
    let rough = ((end - start) / most.max(1) as f64).max(least);
    if !(rough > 0.0 && rough.is_finite()) {
        return Vec::new();
    }
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= rough * (1.0 - 1e-9));
    let step = step.unwrap_or(rough);
    let (first, last) = ((start / step - 1e-9).ceil(), (end / step + 1e-9).floor());
    // Past 2^53 neighbouring multiples cannot be told apart.
    if !(first.abs() < 1e15 && last.abs() < 1e15) {
        return Vec::new();
    }
    let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
    (first as i64..=last as i64).map(|i| i as f64 * step).map(|v| (v, plain(v, decimals))).collect()
}

/// Powers of ten; of less than two decades also their multiples by 2 and 5.
fn logarithmic(start: f64, end: f64, most: usize) -> Vec<(f64, String)> {
    let (low, high) = (start.log10(), end.log10());
    if !(high - low > 0.0 && (high - low).is_finite()) {
        return Vec::new();
    }
    let every = ((high - low) / most.max(1) as f64).ceil().max(1.0) as usize;
    let powers = (low - 1e-9).floor() as i32..=(high + 1e-9).ceil() as i32;
    let mantissas: &[f64] = match high - low {
        decades if decades < 1.0 => &[1.0, 2.0, 3.0, 5.0, 7.0],
        decades if decades < 2.0 => &[1.0, 2.0, 5.0],
        _ => &[1.0],
    };
    // Every third power is 10⁻³, 1, 10³, whatever the ends.
    let every = if mantissas.len() > 1 { 1 } else { every as i32 };
    let values: Vec<f64> = powers
        .filter(|p| p.rem_euclid(every) == 0)
        .flat_map(|p| mantissas.iter().map(move |m| m * 10_f64.powi(p)))
        .filter(|v| *v >= start * (1.0 - 1e-9) && *v <= end * (1.0 + 1e-9))
        .collect();
    let crowded = values.len() > most.max(2);
    let small = values.iter().any(|v| !(0.99e-2..1.01e4).contains(v));
    let keep = |v: &f64| !crowded || (v.log10() - v.log10().round()).abs() < 1e-6;
    let kept: Vec<f64> = values.iter().copied().filter(keep).collect();
    let kept = if kept.len() < 2 { values } else { kept };
    // Less than a factor of two: as good as even.
    if kept.len() < 2 {
        return linear(start, end, most);
    }
    kept.into_iter().map(|v| (v, if small { power_of_ten(v) } else { plain(v, 4) })).collect()
}

/// A number with at most this many decimals, a real minus sign, no zeros at its end.
fn plain(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.replace('-', "−") }
}

/// `10⁻³`, `2·10⁻³`.
fn power_of_ten(value: f64) -> String {
    let power = (value.log10() + 1e-9).floor() as i32;
    let mantissa = (value / 10_f64.powi(power)).round();
    let raised = raised(power);
    if mantissa == 1.0 { format!("10{raised}") } else { format!("{mantissa}·10{raised}") }
}

/// A whole number in raised digits.
pub(crate) fn raised(n: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    n.to_string().chars().map(|c| c.to_digit(10).map_or('⁻', |d| DIGITS[d as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(ticks: Vec<(f64, String)>) -> String {
        ticks.into_iter().map(|t| t.1).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(said(linear(-0.31, 0.52, 5)), "−0.2 0 0.2 0.4");
        assert_eq!(said(linear(0.0, 50.0, 6)), "0 10 20 30 40 50");
        assert_eq!(said(linear(1.0000001, 1.0000004, 3)), "1.0000001 1.0000002 1.0000003 1.0000004");
        let counts = |end: f64| Axis { range: 0.0..end, scale: &Scale::Whole }.ticks(6);
        assert_eq!(
            (said(counts(2.12)), said(counts(1.06)), said(counts(6.4))),
            ("0 1 2".into(), "0 1".into(), "0 2 4 6".into())
        );
        assert_eq!(said(logarithmic(1e-3, 2e-2, 6)), "10⁻³ 2·10⁻³ 5·10⁻³ 10⁻² 2·10⁻²");
        assert_eq!(said(logarithmic(0.1, 1000.0, 6)), "0.1 1 10 100 1000");
        assert_eq!(said(logarithmic(1e-12, 1e6, 4)), "10⁻¹⁰ 10⁻⁵ 10⁰ 10⁵");
    }

    #[test]
    fn no_range_is_too_odd() {
        for (a, b) in [(0.0, 0.0), (f64::NAN, 1.0), (-1e308, 1e308), (1e300, 1.0000000000000002e300), (0.0, 5e-324)] {
            assert!(linear(a, b, 5).len() < 30, "{a} {b}");
            assert!(logarithmic(a, b, 5).len() < 30, "{a} {b}");
        }
    }
}
