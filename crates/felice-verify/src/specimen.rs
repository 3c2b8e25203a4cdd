//! Verdicts on made-up waveforms, for the tests of what is written about verdicts.

use std::path::Path;

use felice_base::Unit;
use felice_store::Input;

use crate::case::Case;
use crate::compare::{Channel, Comparison, Landmarks, Waves};
use crate::error::VerifyError;
use crate::grid;
use crate::metric::{METRICS, Metric, Status};
use crate::parameters::UsedParameter;
use crate::verdict::{CircuitRun, Outcome, Verdict, Verdicts};

const CASE: &str = r#"
title = "Boomerang, made up <&>"
model = "boomerang"
netlist = "made-up.cir"
[parameters]
source = "given"
[states]
u = { signal = "v(u)" }
v = { signal = "v(v)" }
[time]
span = 40.0
unit = 1e-3
samples = 8001
[initial]
u = 0.4
v = 0.2
[limits]
period_ratio = { min = 0.985, max = 1.015, why = "trims" }
nrmse = { max = 0.06, why = "phase" }
max_error = { max = 0.05, why = "a twentieth of a volt" }
"#;

fn waves(decay: f64, period: f64) -> Waves {
    let tau = grid::uniform(40.0, 8001);
    let w = std::f64::consts::TAU / period;
    let channel = |state: &str, rest: f64, phase: f64| Channel {
        state: state.into(),
        signal: format!("v({state})"),
        unit: Unit::VOLT,
        offset: 0.0,
        scale: 1.0,
        values: tau.iter().map(|t| rest + 0.12 * (-decay * t).exp() * (w * t + phase).cos()).collect(),
    };
    Waves { channels: vec![channel("u", 0.3, 0.0), channel("v", 0.22, 1.7)], tau }
}

/// A circuit whose period is `stretch` times the model's.
pub(crate) fn verdict(name: &str, stretch: f64) -> Verdict {
    let mut case = Case::from_toml(CASE, Path::new("made-up.toml")).unwrap();
    case.name = name.into();
    let (model, circuit) = (waves(0.26, 0.52), waves(0.27, 0.52 * stretch));
    let landmarks =
        Landmarks { fixed_points: vec![vec![0.3, 0.22], vec![0.22, 0.3]], threshold: None, time_unit: 1e-3 };
    let comparison = Comparison::new(&model, &circuit, &landmarks);
    let metrics: Vec<Metric> = METRICS
        .iter()
        .filter_map(|name| {
            let measured = comparison.values.iter().find(|v| v.0 == *name)?.1.clone().ok()?;
            Some(Metric {
                name: *name,
                value: measured.value,
                statistical: measured.error,
                numerical_model: 1e-7,
                numerical_circuit: 1e-6,
                limit: case.limits.get(name).cloned(),
                missing: None,
            })
        })
        .collect();
    let failed = metrics.iter().any(|m| m.status() == Status::Failed);
    Verdict {
        status: if failed { Status::Failed } else { Status::Passed },
        diagnosis: if failed { vec!["alpha 18 % lower would explain most of it: look at MNU".into()] } else { vec![] },
        metrics,
        comparison,
        landmarks,
        parameters: vec![UsedParameter {
            name: "alpha".into(),
            symbol: "α".into(),
            value: 0.00129,
            unit: "1".into(),
            source: "I0 (W/L)/Ib".into(),
            devices: vec!["MNU".into()],
        }],
        circuit_run: CircuitRun {
            engine: "ngspice".into(),
            version: "39".into(),
            reason: "asked for".into(),
            options: vec![("reltol".into(), "1e-9".into())],
            log: "no complaints".into(),
            netlist: "* made up\n.end\n".into(),
            steps: 1000,
        },
        inputs: vec![Input::of("made-up.toml", CASE)],
        card: None,
        model,
        circuit,
        case,
    }
}

/// One passed, one failed, one broken.
pub(crate) fn verdicts() -> Verdicts {
    let good = Outcome::Compared(Box::new(verdict("good", 1.001)));
    let slow = Outcome::Compared(Box::new(verdict("slow", 1.04)));
    let broken = Outcome::Broken {
        name: "broken".into(),
        title: "Broken".into(),
        file: "broken.toml".into(),
        error: VerifyError::NoCase { why: "made up".into() },
    };
    Verdicts { cases: vec![good, slow, broken] }
}
