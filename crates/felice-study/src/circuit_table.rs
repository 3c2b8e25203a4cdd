//! Reading the parts of `[circuit]` one by one.

use std::time::Duration;

use felice_base::Located;
use felice_spice::{Accuracy, Analysis, Circuit, EngineChoice, EngineName, Job, Settings, Tran};
use felice_subthreshold::Card;
use felice_verify::{Case, Prepared, Source};

use crate::circuit::CaseSpec;
use crate::error::StudyError;
use crate::model::Input;
use crate::netlist_text::beside;
use crate::text::{Table, Value};

/// Threshold shift (V) and relative current of a fast or slow transistor where the study does not say.
pub(crate) const CORNER: (f64, f64) = (0.03, 0.1);

/// The case, and the netlist's name as it has it.
pub(crate) fn case(place: Value<'_>, input: Input<'_>) -> Result<(CaseSpec, String), StudyError> {
    let name = place.string()?;
    let text = input(place, &name)?;
    let case = Case::from_toml(&text, std::path::Path::new(&name)).map_err(|e| place.error(e.to_string()))?;
    let folder = std::path::Path::new(&name).parent().unwrap_or(std::path::Path::new(""));
    let within = |p: &std::path::Path| p.strip_prefix(folder).unwrap_or(p).display().to_string();
    let card = match &case.parameters {
        Source::Given => None,
        Source::Derive(path, _) => {
            let name = beside(&name, &within(path));
            let text = input(place, &name)?;
            Some(Card::from_toml(&text, &name).map_err(|e| place.error(e.to_string()))?)
        }
        Source::Extract(_) => {
            let expected = "a case whose parameters are given or derived: extraction is for `felice verify`";
            return Err(place.error(expected).into());
        }
    };
    let prepared = Prepared::with_card(&case, card.as_ref()).map_err(|e| place.error(e.to_string()))?;
    let netlist = within(&case.netlist);
    Ok((CaseSpec { case, card, prepared }, netlist))
}

/// The engine that will run, and why.
pub(crate) fn engine(table: Table<'_>, asked: &str, job: &Job) -> Result<(EngineName, String), StudyError> {
    let place = table.get("engine");
    let wrong = |e: String| place.map_or_else(|| table.error(e.clone()), |p| p.error(e.clone()));
    let choice: EngineChoice = asked.parse().map_err(|e: felice_spice::SpiceError| wrong(e.to_string()))?;
    let accepts = |name| felice_spice::engine(name).and_then(|e| e.accepts(job));
    match choice {
        EngineChoice::Only(name) => {
            accepts(name).map_err(|e| wrong(e.to_string()))?;
            Ok((name, "asked for".into()))
        }
        EngineChoice::Auto => match accepts(EngineName::Native) {
            Ok(()) => Ok((EngineName::Native, "native understands the whole circuit".into())),
            Err(e) => Ok((EngineName::Ngspice, format!("native cannot run it: {e}"))),
        },
    }
}

pub(crate) fn settings(table: Table<'_>) -> Result<Settings, Located> {
    let positive = |name: &str| {
        let read = |v: Value<'_>| match v.number()? {
            x if x > 0.0 => Ok(x),
            _ => Err(v.error("a number above 0")),
        };
        table.get(name).map(read).transpose()
    };
    let words = [("normal", Accuracy::Normal), ("tight", Accuracy::Tight), ("reference", Accuracy::Reference)];
    let limit = positive("time_limit")?;
    Ok(Settings {
        accuracy: table.or("accuracy", Accuracy::Tight, |v| v.word(&words))?,
        reltol: positive("reltol")?,
        max_step: positive("max_step")?,
        cache: table.or("cache", true, |v| v.boolean())?,
        time_limit: limit.and_then(|s| Duration::try_from_secs_f64(s).ok()).unwrap_or(Settings::default().time_limit),
        ..Settings::default()
    })
}

pub(crate) fn tran(table: Table<'_>, circuit: &Circuit, name: &str) -> Result<Tran, Located> {
    let own = circuit.analyses.iter().find_map(|a| if let Analysis::Tran(t) = a { Some(t.clone()) } else { None });
    let end = table.get("t_end").map(|v| v.number().map(|x| (v, x))).transpose()?;
    match (own, end) {
        (own, Some((value, t))) => {
            if t <= 0.0 {
                return Err(value.error("the end of the transient in seconds, above 0"));
            }
            let fresh = Tran { step: t / 1000.0, stop: t, start: 0.0, max_step: None, uic: false };
            Ok(own.map_or(fresh, |own| Tran { stop: t, start: 0.0, ..own }))
        }
        (Some(own), None) => Ok(own),
        (None, None) => Err(table.error(format!("`t_end` in seconds: {name} has no `.tran` line"))),
    }
}

pub(crate) fn mismatch(value: &Value<'_>) -> Result<(f64, f64), Located> {
    let table = value.table()?;
    table.only(&["a_vt", "a_beta"])?;
    let coefficient = |name: &str| {
        table.or(name, 0.0, |v| match v.number()? {
            x if x >= 0.0 => Ok(x),
            _ => Err(v.error("0 or a number above 0")),
        })
    };
    match (coefficient("a_vt")?, coefficient("a_beta")?) {
        (0.0, 0.0) => Err(value.error("Pelgrom's coefficients: `a_vt` in V m (3.3e-9 is 3.3 mV um), `a_beta` in m")),
        pair => Ok(pair),
    }
}

pub(crate) fn corners(value: &Value<'_>) -> Result<(f64, f64), Located> {
    let table = value.table()?;
    table.only(&["dvt", "dbeta"])?;
    let number = |name: &str, default| {
        table.or(name, default, |v| match v.number()? {
            x if x >= 0.0 => Ok(x),
            _ => Err(v.error("0 or a number above 0")),
        })
    };
    Ok((number("dvt", CORNER.0)?, number("dbeta", CORNER.1)?))
}
