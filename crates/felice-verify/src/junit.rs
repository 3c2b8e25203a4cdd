//! Verdicts for a continuous integration server: JUnit XML, a test suite a case, a test a metric asked for.

use std::fmt::Write;
use std::path::Path;

use felice_store::{StoreError, write_plain};

use crate::metric::{Metric, Status};
use crate::table::{explain, with_uncertainty};
use crate::verdict::{Outcome, Verdicts};

/// Writes the verdicts as JUnit XML: limits not met are `failure`, unresolved and broken cases `error`.
///
/// # Errors
/// [`StoreError`]; nothing is left under the final name.
pub fn write_junit(path: &Path, verdicts: &Verdicts) -> Result<(), StoreError> {
    write_plain(path, junit(verdicts))
}

fn junit(verdicts: &Verdicts) -> String {
    let mut suites = String::new();
    let mut total = (0, 0, 0);
    for outcome in &verdicts.cases {
        let (tests, count) = tests(outcome);
        total = (total.0 + count.0, total.1 + count.1, total.2 + count.2);
        // Writing to a String cannot fail.
        let _ = write!(
            suites,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\">\n{tests}  </testsuite>\n",
            escape(outcome.name()),
            count.0,
            count.1,
            count.2,
        );
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"felice verify\" tests=\"{}\" failures=\"{}\" \
         errors=\"{}\">\n{suites}</testsuites>\n",
        total.0, total.1, total.2
    )
}

/// The tests of one case, and how many there are, fail, and err.
fn tests(outcome: &Outcome) -> (String, (usize, usize, usize)) {
    let class = format!("felice.verify.{}", escape(outcome.name()));
    let verdict = match outcome {
        Outcome::Compared(verdict) => verdict,
        Outcome::Broken { error, .. } => {
            let text = escape(&error.to_string());
            let test = format!(
                "    <testcase classname=\"{class}\" name=\"run\">\n      <error message=\"{text}\"/>\n    </testcase>\n"
            );
            return (test, (1, 0, 1));
        }
    };
    let mut text = String::new();
    let mut count = (0, 0, 0);
    for m in verdict.metrics.iter().filter(|m| m.limit.is_some()) {
        count.0 += 1;
        let _ = write!(text, "    <testcase classname=\"{class}\" name=\"{}\"", m.name);
        let kind = match m.status() {
            Status::Failed => "failure",
            Status::Unresolved => "error",
            _ => {
                text.push_str("/>\n");
                continue;
            }
        };
        count.1 += usize::from(kind == "failure");
        count.2 += usize::from(kind == "error");
        let _ = write!(text, ">\n      <{kind} message=\"{}\"/>\n    </testcase>\n", escape(&message(m)));
    }
    (text, count)
}

fn message(m: &Metric) -> String {
    format!("{} = {}, limit {}: {}", m.name, with_uncertainty(m), m.asked(), explain(m).unwrap_or_default())
}

/// Text for XML and HTML; characters that XML cannot hold become U+FFFD.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || c == '\u{fffe}' || c == '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::specimen;

    #[test]
    fn failures_and_errors_are_counted_and_say_by_how_much() {
        let xml = junit(&specimen::verdicts());
        assert!(xml.contains("<testsuites name=\"felice verify\" tests=\"7\" failures=\"3\" errors=\"1\">"), "{xml}");
        assert!(xml.contains("<testcase classname=\"felice.verify.good\" name=\"nrmse\"/>"), "{xml}");
        assert!(xml.contains("period_ratio = 1.04"), "{xml}");
        assert!(xml.contains("outside its limit by 0.025 (167 % of the tolerance)"), "{xml}");
        assert!(xml.contains("<error message=\"no case to verify"), "{xml}");
    }

    #[test]
    fn text_is_safe_for_xml() {
        assert_eq!(escape("<a href='x'>\u{1} & \"\n"), "&lt;a href=&#39;x&#39;&gt;\u{fffd} &amp; &quot;\n");
    }
}
