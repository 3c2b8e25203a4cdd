//! The residual plots of an extraction: how far each device and block departs from its closed form.

use super::transistor::NetlistExtraction;
use crate::figure::{Ink, Panel, Series, Style, Theme, draw};

/// Shown departures: two times what "holds to 1 %" means, twice over.
const SHOWN: f64 = 4.0;

impl NetlistExtraction {
    /// Residuals as one SVG file: a panel a transistor (percent of the fitted exponential over the gate voltage) and a
    /// block (percent of the tail or current over its abscissa), with the 1 % lines and the ends of the range that keeps
    /// within them.
    pub fn residual_plot(&self) -> String {
        let mut panels = Vec::new();
        for (terminals, result) in &self.transistors {
            let Ok(t) = result else { continue };
            let points = t.residuals.iter().map(|[gate, _, _, residual]| (*gate, 100.0 * residual)).collect();
            let label = format!("{}: Vgs (V)", terminals.name);
            panels.push(panel(label, "I/exponential − 1 (%)", points, t.exponential));
        }
        for (name, result) in &self.blocks {
            let Ok(b) = result else { continue };
            let points = b.residuals.iter().map(|[x, _, residual]| (*x, 100.0 * residual)).collect();
            panels.push(panel(format!("{name} (V)"), "fit − measured (%)", points, b.holds));
        }
        let columns = if panels.len() > 1 { 2 } else { 1 };
        let height = 22.0 + 220.0 * panels.len().div_ceil(columns) as f64;
        let label = format!("{}: residuals of the extraction", self.card.name);
        draw(&panels, columns, (520.0 * columns as f64, height), Theme::Standalone, &label)
    }
}

fn panel(x_label: String, y_label: &str, points: Vec<(f64, f64)>, holds: [f64; 2]) -> Panel {
    let shown: Vec<(f64, f64)> = points.into_iter().filter(|p| p.1.abs() <= SHOWN).collect();
    let ends = shown.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(p.0), h.max(p.0)));
    let line = |name: &str, points: Vec<(f64, f64)>| Series {
        name: name.into(),
        points,
        ink: Ink::Text,
        style: Style::Dashed(0.8),
    };
    let mut series =
        vec![Series { name: "residual".into(), points: shown, ink: Ink::Circuit, style: Style::Dots(1.4) }];
    for (name, y) in [("1 %", 1.0), ("", -1.0)] {
        series.push(line(name, vec![(ends.0, y), (ends.1, y)]));
    }
    let edge = |x: f64| vec![(x, -1.0), (x, 1.0)];
    for (name, x) in [("holds", holds[0]), ("", holds[1])] {
        series.push(Series { name: name.into(), points: edge(x), ink: Ink::Third, style: Style::Line(1.4) });
    }
    Panel { x_label, y_label: y_label.into(), series, ..Panel::default() }
}
