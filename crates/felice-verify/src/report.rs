//! The report: one page that holds everything it shows.

use std::fmt::Write;
use std::path::Path;

use felice_store::{Provenance, StoreError, write_plain};

use crate::figure::Theme;
use crate::junit::escape;
use crate::metric::{Limit, Metric, Status};
use crate::numbers::{quantity, short};
use crate::pictures;
use crate::table::{explain, with_uncertainty};
use crate::verdict::{Outcome, Verdict, Verdicts};

/// Writes the verdicts as one self-contained HTML page: no script, nothing loaded from elsewhere.
///
/// # Errors
/// [`StoreError`]; nothing is left under the final name.
pub fn write_report(path: &Path, verdicts: &Verdicts, provenance: &Provenance) -> Result<(), StoreError> {
    write_plain(path, page(verdicts, provenance))
}

fn page(verdicts: &Verdicts, provenance: &Provenance) -> String {
    let mut body = String::new();
    let headline = match verdicts.count("passed") {
        n if n == verdicts.cases.len() => "Every circuit does what its equations say".to_owned(),
        n => format!("{} of {} circuits do what their equations say", n, verdicts.cases.len()),
    };
    // Writing to a String cannot fail, here and below.
    let _ = write!(
        body,
        "<h1>{headline}</h1>\n<p class=\"soft\">{} · {} · {}</p>\n<p class=\"soft\">Each circuit was simulated beside its \
         model from the same state, twice: once more with half the step and tighter tolerances. What changed between \
         the two is in every uncertainty; a value whose numerical error is not under a third of its limit counts as \
         unresolved.</p>\n{}",
        verdicts.summary(),
        escape(&provenance.creator),
        provenance.created_rfc3339(),
        summary(verdicts),
    );
    for outcome in &verdicts.cases {
        body.push_str(&section(outcome));
    }
    let _ = write!(body, "<footer><code>{}</code></footer>", escape(&provenance.command_line));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>felice verify: {}</title>\n<style>\n{}</style>\n\
         </head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n",
        verdicts.summary(),
        include_str!("report.css"),
    )
}

/// One row a case: the verdict and the metric that is nearest to, or furthest outside, its limit.
fn summary(verdicts: &Verdicts) -> String {
    let mut rows = String::new();
    for outcome in &verdicts.cases {
        let (model, engine, tightest) = match outcome {
            Outcome::Compared(v) => {
                let run = &v.circuit_run;
                (v.case.model.as_str(), format!("{} {}", run.engine, run.version), tightest(v))
            }
            Outcome::Broken { .. } => ("", String::new(), None),
        };
        let (name, value, gauge) = tightest.map_or_else(
            || ("–".into(), String::new(), String::new()),
            |m| (m.name.name().replace('_', " "), with_uncertainty(m), gauge(m)),
        );
        let _ = writeln!(
            rows,
            "<tr><td><a href=\"#{id}\">{}</a></td><td>{}</td><td class=\"soft once\">{}</td><td>{}</td><td class=\"once\">{name}</td>\
             <td class=\"number\">{value}</td><td>{gauge}</td></tr>",
            escape(outcome.title()),
            escape(model),
            escape(&engine),
            badge(outcome.word()),
            id = escape(outcome.name()),
        );
    }
    format!(
        "<h3>Verdicts</h3>\n<table>\n<thead><tr><th>Circuit</th><th>Model</th><th>Engine</th><th>Verdict</th>\
         <th>Tightest metric</th><th class=\"number\">Value</th><th>In its limits</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n"
    )
}

fn tightest(v: &Verdict) -> Option<&Metric> {
    let asked = v.metrics.iter().filter(|m| m.limit.is_some());
    asked.max_by(|a, b| strain(a).total_cmp(&strain(b)))
}

/// 0 at the middle of the limits, 1 at their edge, more outside; infinite where it could not be measured.
fn strain(m: &Metric) -> f64 {
    let Some(limit) = &m.limit else { return 0.0 };
    let (zero, tolerance) = centre(limit);
    let strain = (m.value - zero).abs() / tolerance;
    if strain.is_nan() { f64::INFINITY } else { strain }
}

/// Middle and half width of what is allowed; a single bound is seen from 0.
fn centre(limit: &Limit) -> (f64, f64) {
    match (limit.min.is_finite(), limit.max.is_finite()) {
        (true, true) => (0.5 * (limit.min + limit.max), limit.tolerance()),
        (true, false) => (2.0 * limit.min, limit.tolerance()),
        _ => (0.0, limit.tolerance()),
    }
}

/// Where a value lies in its limits: the band is what is allowed, the line the uncertainty.
fn gauge(m: &Metric) -> String {
    let Some(limit) = &m.limit else { return String::new() };
    if m.value.is_nan() || limit.tolerance() <= 0.0 {
        return String::new();
    }
    let (zero, tolerance) = centre(limit);
    // A bound from above begins at the left; a band lies in the middle.
    let one_sided = !limit.min.is_finite();
    let position = |x: f64| {
        let at = (x - zero) / tolerance;
        let percent = if one_sided { 66.7 * at } else { 50.0 + 33.3 * at };
        percent.clamp(0.0, 100.0)
    };
    let (left, right) = if one_sided { (0.0, 66.7) } else { (16.7, 83.3) };
    let (low, high) = (position(m.value - m.uncertainty()), position(m.value + m.uncertainty()));
    format!(
        "<div class=\"gauge\"><i class=\"track\"></i><i class=\"band\" style=\"left:{left}%;width:{:.1}%\"></i>\
         <i class=\"bar\" style=\"left:{low:.1}%;width:{:.1}%\"></i><i class=\"dot {}\" style=\"left:{:.1}%\"></i></div>",
        right - left,
        high - low,
        m.status(),
        position(m.value),
    )
}

fn badge(word: &str) -> String {
    format!("<span class=\"verdict {word}\">{word}</span>")
}

fn section(outcome: &Outcome) -> String {
    let head = format!(
        "<section class=\"case\" id=\"{}\">\n<div class=\"head\"><h2>{}</h2>{}</div>\n",
        escape(outcome.name()),
        escape(outcome.title()),
        badge(outcome.word())
    );
    let body = match outcome {
        Outcome::Compared(v) => compared(v),
        Outcome::Broken { error, file, .. } => format!(
            "<p class=\"soft\"><code>{}</code></p>\n<ul class=\"findings\"><li class=\"bad\">{}</li></ul>\n",
            escape(&file.display().to_string()),
            escape(&error.to_string())
        ),
    };
    format!("{head}{body}</section>\n")
}

fn compared(v: &Verdict) -> String {
    let phase = pictures::phase_plane(v, Theme::Page);
    let phase = phase.map_or_else(String::new, |svg| figure(&svg, "The first two states against each other."));
    let unit = v.landmarks.time_unit;
    format!(
        "<p class=\"soft\">{model} · {engine} {version} · one τ is {} · model: {}, circuit: {}</p>\n{}\
         {}{}\n<div class=\"side\"><div>{phase}</div><div><h3>Metrics</h3>{}</div></div>\n{}{}",
        quantity(unit, 0.0, "s"),
        v.comparison.model.motion.word(),
        v.comparison.circuit.motion.word(),
        findings(v),
        figure(
            &pictures::overlay(v, Theme::Page),
            "Circuit (line) over model (band); first periods and all of the time."
        ),
        figure(&pictures::residual(v, Theme::Page), "Circuit minus model."),
        metrics(v),
        parameters(v),
        provenance(v),
        model = escape(&v.case.model),
        engine = escape(&v.circuit_run.engine),
        version = escape(&v.circuit_run.version),
    )
}

fn figure(svg: &str, caption: &str) -> String {
    format!("<figure>{svg}<figcaption>{caption}</figcaption></figure>\n")
}

/// What is wrong and by how much, then what to look at.
fn findings(v: &Verdict) -> String {
    let wrong = v.metrics.iter().filter(|m| matches!(m.status(), Status::Failed | Status::Unresolved));
    let mut items: Vec<String> = wrong
        .map(|m| {
            let text = format!(
                "{} is {}, asked is {}: {}",
                m.name,
                with_uncertainty(m),
                m.asked(),
                explain(m).unwrap_or_default()
            );
            format!("<li class=\"bad\">{}</li>", escape(&text))
        })
        .collect();
    items.extend(v.diagnosis.iter().map(|d| format!("<li>{}</li>", escape(d))));
    if items.is_empty() { String::new() } else { format!("<ul class=\"findings\">\n{}\n</ul>\n", items.join("\n")) }
}

/// What is asked, each with its reason, then what is measured beside.
fn metrics(v: &Verdict) -> String {
    let mut rows = String::new();
    let (asked, beside): (Vec<&Metric>, Vec<&Metric>) = v.metrics.iter().partition(|m| m.limit.is_some());
    let name =
        |m: &Metric| format!("<td title=\"{}\">{}</td>", escape(m.name.long_name()), m.name.name().replace('_', " "));
    let value = |m: &Metric| format!("<td class=\"number\">{}</td>", escape(&with_uncertainty(m)));
    for m in asked {
        let why = m.limit.as_ref().map_or("", |l| l.why.as_str());
        let _ = write!(
            rows,
            "<tr class=\"asked\">{}{}<td>{}{}</td><td>{}</td></tr>\n<tr><td colspan=\"4\" class=\"why\">{}</td></tr>\n",
            name(m),
            value(m),
            escape(&m.asked()),
            gauge(m),
            badge(m.status().word()),
            escape(why),
        );
    }
    for m in beside {
        let _ = writeln!(rows, "<tr class=\"beside\">{}{}<td></td><td></td></tr>", name(m), value(m));
    }
    format!(
        "<table><thead><tr><th>Metric</th><th class=\"number\">Value</th><th>Limit</th><th></th></tr></thead>\n\
         <tbody>{rows}</tbody></table>\n"
    )
}

fn parameters(v: &Verdict) -> String {
    let mut rows = String::new();
    for p in &v.parameters {
        let unit = if p.unit == "1" { "" } else { &p.unit };
        let _ = writeln!(
            rows,
            "<tr><td>{} <span class=\"soft\">{}</span></td><td class=\"number\">{} {}</td><td>{}</td><td class=\"soft\">{}</td></tr>",
            escape(&p.symbol),
            escape(&p.name),
            short(p.value),
            escape(unit),
            escape(&p.source),
            escape(&p.devices.join(", ")),
        );
    }
    format!(
        "<details open><summary>Parameters of the model</summary><table><thead><tr><th>Parameter</th><th class=\"number\">Value\
         </th><th>From</th><th>Devices</th></tr></thead><tbody>{rows}</tbody></table></details>\n"
    )
}

fn provenance(v: &Verdict) -> String {
    let run = &v.circuit_run;
    let mut list = String::new();
    let mut item = |name: &str, value: &str| {
        let _ = writeln!(list, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
    };
    item("engine", &format!("{} {}", run.engine, run.version));
    item("chosen because", &run.reason);
    item("accepted steps", &run.steps.to_string());
    run.options.iter().for_each(|(name, value)| item(name, value));
    v.inputs.iter().for_each(|i| item(&i.name, &format!("SHA-256 {}", i.sha256)));
    let text =
        |title: &str, text: &str| format!("<details><summary>{title}</summary><pre>{}</pre></details>", escape(text));
    let card = v.card.as_ref().map_or_else(String::new, |(_, card)| text("Device card", card));
    format!(
        "<details><summary>Provenance</summary><dl>{list}</dl></details>\n{}{}{card}{}",
        text("Netlist", &run.netlist),
        text("Case file", &v.case.text),
        text("Engine's log", &run.log)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::specimen;

    #[test]
    fn the_page_holds_everything_and_loads_nothing() {
        let html = page(&specimen::verdicts(), &Provenance::new("felice", "0.1.0", "unknown"));
        for part in
            ["1 of 3 circuits", "id=\"slow\"", "outside its limit by 0.025", "var(--model)", "I0 (W/L)/Ib", "SHA-256"]
        {
            assert!(html.contains(part), "`{part}` is missing");
        }
        assert_eq!(html.matches("<svg").count(), 6, "three pictures a compared case");
        assert_eq!(html.matches("made up <&>").count(), 0, "text is escaped");
        for load in ["<script", "<link", "src=", "@import", "url(", "https://"] {
            assert!(!html.contains(load), "`{load}` would load something");
        }
        assert!(html.len() < 1_500_000, "{} bytes", html.len());
        if let Some(folder) = std::env::var_os("FELICE_TEST_KEEP") {
            std::fs::write(Path::new(&folder).join("report.html"), &html).unwrap();
        }
    }

    #[test]
    fn the_tightest_metric_is_the_one_nearest_its_limit() {
        let slow = specimen::verdict("slow", 1.04);
        assert_eq!(tightest(&slow).unwrap().name.name(), "period_ratio", "{:?}", slow.metrics);
        let good = specimen::verdict("good", 1.001);
        assert!(good.metrics.iter().all(|m| strain(m) <= strain(tightest(&good).unwrap()) || m.limit.is_none()));
    }
}
