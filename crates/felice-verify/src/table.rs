//! Verdicts for a terminal.

use std::fmt::Write;

use crate::metric::{Metric, Status};
use crate::numbers::{error, percent, quantity, short};
use crate::verdict::{Outcome, Verdict, Verdicts};

/// The verdicts as a table: a line a case and a line a metric that is asked for, then what to look at. With `color`
/// the words carry ANSI colours, which never say more than the word does.
pub fn table(verdicts: &Verdicts, color: bool) -> String {
    let paint = |status: &str| match (color, status) {
        (false, _) => status.to_owned(),
        (true, "passed") => format!("\x1b[32m{status}\x1b[0m"),
        (true, "unresolved") => format!("\x1b[33m{status}\x1b[0m"),
        (true, _) => format!("\x1b[31m{status}\x1b[0m"),
    };
    let mut text = String::new();
    for outcome in &verdicts.cases {
        let name = outcome.name();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}  {}  {}", outcome.title(), paint(outcome.word()));
        match outcome {
            Outcome::Compared(v) => rows(&mut text, v, &paint),
            Outcome::Broken { error, .. } => {
                let _ = writeln!(text, "    {error}");
            }
        }
    }
    let _ = writeln!(text, "{}", verdicts.summary());
    text
}

fn rows(text: &mut String, verdict: &Verdict, paint: &dyn Fn(&str) -> String) {
    let asked: Vec<&Metric> = verdict.metrics.iter().filter(|m| m.limit.is_some()).collect();
    let width = asked.iter().map(|m| m.name.name().len()).max().unwrap_or(0);
    for m in asked {
        let status = m.status();
        let _ = writeln!(
            text,
            "    {:width$}  {:>20}  {:<18}  {}",
            m.name.name(),
            with_uncertainty(m),
            m.asked(),
            paint(status.word()),
        );
        if let (Status::Failed | Status::Unresolved, Some(why)) = (status, explain(m)) {
            let _ = writeln!(text, "    {:width$}    {why}", "");
        }
    }
    for line in &verdict.diagnosis {
        let _ = writeln!(text, "    → {line}");
    }
}

/// Value, uncertainty and unit.
pub(crate) fn with_uncertainty(m: &Metric) -> String {
    quantity(m.value, m.uncertainty(), m.name.unit().symbol())
}

/// By how much a metric misses, in words.
pub(crate) fn explain(m: &Metric) -> Option<String> {
    if let Some(why) = &m.missing {
        return Some(format!("not measured: {why}"));
    }
    let limit = m.limit.as_ref()?;
    match m.status() {
        Status::Failed => {
            let excess = limit.excess(m.value);
            let times = excess / limit.tolerance();
            let much =
                if times.is_finite() { format!(" ({} of the tolerance)", percent(times)) } else { String::new() };
            Some(format!("outside its limit by {}{much}", quantity(excess, 0.0, m.name.unit().symbol())))
        }
        Status::Unresolved => Some(format!(
            "not resolved: the numerical error, {} (model) + {} (circuit), is not under a third of the tolerance {}; \
             tighten the solver or the SPICE step",
            error(m.numerical_model),
            error(m.numerical_circuit),
            short(limit.tolerance()),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::specimen;

    #[test]
    fn the_table_says_which_metric_and_by_how_much() {
        let text = table(&specimen::verdicts(), false);
        for part in [
            "good  Boomerang, made up <&>  passed",
            "slow  Boomerang, made up <&>  failed",
            "0.985 … 1.015",
            "outside its limit by 0.025 (167 % of the tolerance)",
            "→ alpha 18 % lower",
            "no case to verify",
            "1 passed, 1 failed, 1 broken",
        ] {
            assert!(text.contains(part), "`{part}` is not in\n{text}");
        }
        assert!(!text.contains('\x1b') && table(&specimen::verdicts(), true).contains("\x1b[31mfailed\x1b[0m"));
    }
}
