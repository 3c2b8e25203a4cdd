//! `.meas` lines, the common forms.

use super::commands::Reader;
use super::fields::{Fields, Kind};
use super::wrong::Result;
use crate::analysis::{Crossing, Edge, Event, Measure, MeasureKind, Reduction};

const FORMS: &str = "MIN, MAX, PP, AVG, RMS, INTEG, MIN_AT, MAX_AT, FIND, WHEN or TRIG";

/// Reads what follows `.meas`.
pub(super) fn read(reader: &Reader<'_, '_>, fields: &mut Fields<'_>) -> Result<Measure> {
    let line = fields.line;
    let (analysis, at) = fields.word("the analysis (tran, dc, op)")?;
    if !matches!(analysis, "tran" | "dc" | "op") {
        return Err(line.unknown(at.start, at.end, "tran, dc or op"));
    }
    let (name, _) = fields.word("the measurement's name")?;
    let (form, at) = fields.word(FORMS)?;
    let what = match form {
        "min" => reduce(reader, fields, Reduction::Min)?,
        "max" => reduce(reader, fields, Reduction::Max)?,
        "pp" => reduce(reader, fields, Reduction::PeakToPeak)?,
        "avg" => reduce(reader, fields, Reduction::Average)?,
        "rms" => reduce(reader, fields, Reduction::Rms)?,
        "integ" | "integral" => reduce(reader, fields, Reduction::Integral)?,
        "min_at" => extreme_at(reader, fields, false)?,
        "max_at" => extreme_at(reader, fields, true)?,
        "find" => find(reader, fields)?,
        "when" => MeasureKind::When(crossing(reader, fields)?),
        "trig" => {
            let trigger = event(reader, fields)?;
            let (word, at) = fields.word("TARG")?;
            if word != "targ" {
                return Err(line.wrong(at.start, at.end, "TARG"));
            }
            MeasureKind::Delay { trigger, target: event(reader, fields)? }
        }
        _ => return Err(line.unknown(at.start, at.end, FORMS)),
    };
    fields.finish()?;
    Ok(Measure { name: name.to_owned(), analysis: analysis.to_owned(), what })
}

fn number(reader: &Reader<'_, '_>, fields: &mut Fields<'_>) -> Result<f64> {
    let (start, end) = super::definitions::value(fields)?;
    reader.work.scopes.number(0, reader.index, start, end)
}

fn reduce(reader: &Reader<'_, '_>, fields: &mut Fields<'_>, how: Reduction) -> Result<MeasureKind> {
    let (vector, from, to) = range(reader, fields)?;
    Ok(MeasureKind::Reduce { how, vector, from, to })
}

fn extreme_at(reader: &Reader<'_, '_>, fields: &mut Fields<'_>, largest: bool) -> Result<MeasureKind> {
    let (vector, from, to) = range(reader, fields)?;
    Ok(MeasureKind::ExtremeAt { largest, vector, from, to })
}

/// `vector [FROM=x] [TO=x]`
fn range(reader: &Reader<'_, '_>, fields: &mut Fields<'_>) -> Result<(String, Option<f64>, Option<f64>)> {
    let vector = reader.vector(fields)?;
    let (mut from, mut to) = (None, None);
    while let Some((key, at)) = fields.take_name_equals()? {
        match key {
            "from" => from = Some(number(reader, fields)?),
            "to" => to = Some(number(reader, fields)?),
            _ => return Err(reader.line.unknown(at.start, at.end, "from= or to=")),
        }
    }
    Ok((vector, from, to))
}

fn find(reader: &Reader<'_, '_>, fields: &mut Fields<'_>) -> Result<MeasureKind> {
    let vector = reader.vector(fields)?;
    if let Some((key, at)) = fields.take_name_equals()? {
        return match key {
            "at" => Ok(MeasureKind::FindAt { vector, at: number(reader, fields)? }),
            _ => Err(reader.line.wrong(at.start, at.end, "AT= or WHEN")),
        };
    }
    let (word, at) = fields.word("AT= or WHEN")?;
    match word {
        "when" => Ok(MeasureKind::FindWhen { vector, when: crossing(reader, fields)? }),
        _ => Err(reader.line.wrong(at.start, at.end, "AT= or WHEN")),
    }
}

/// `AT=x`, or a crossing.
fn event(reader: &Reader<'_, '_>, fields: &mut Fields<'_>) -> Result<Event> {
    let mut ahead = *fields;
    match ahead.take_name_equals()? {
        Some(("at", _)) => {
            *fields = ahead;
            Ok(Event::At(number(reader, fields)?))
        }
        _ => Ok(Event::Crossing(crossing(reader, fields)?)),
    }
}

/// `v(a)=1` or `v(a)=v(b) [RISE=n|FALL=n|CROSS=n|LAST] [TD=t]`, or `v(a) VAL=1 ...`.
fn crossing(reader: &Reader<'_, '_>, fields: &mut Fields<'_>) -> Result<Crossing> {
    let line = reader.line;
    let vector = reader.vector(fields)?;
    let mut c = Crossing { vector, value: f64::NAN, edge: Edge::Cross, count: 1, after: 0.0 };
    if fields.take_if(Kind::Equals)? {
        let mut ahead = *fields;
        let other = matches!(ahead.word(""), Ok(("v", _))) && ahead.take_if(Kind::Open)?;
        match other {
            false => c.value = number(reader, fields)?,
            true => (c.vector, c.value) = (alike(reader, fields, &c.vector)?, 0.0),
        }
    }
    while let Some((key, at)) = fields.take_name_equals()? {
        match key {
            "val" => c.value = number(reader, fields)?,
            "td" => c.after = number(reader, fields)?,
            "rise" | "fall" | "cross" => {
                c.edge = match key {
                    "rise" => Edge::Rise,
                    "fall" => Edge::Fall,
                    _ => Edge::Cross,
                };
                let last = fields.peek()?.is_some_and(|f| f.text(line) == "last");
                c.count = if last {
                    fields.take()?;
                    0
                } else {
                    let n = number(reader, fields)?;
                    if !(n >= 1.0 && n.fract() == 0.0 && n < 1e9) {
                        return Err(line.wrong(at.start, fields.at, "a count from 1, or LAST"));
                    }
                    n as usize
                };
            }
            _ => return Err(line.unknown(at.start, at.end, "VAL=, RISE=, FALL=, CROSS= or TD=")),
        }
    }
    match c.value.is_nan() {
        true => Err(line.wrong(0, line.text.len(), "the value to be passed (`v(a)=1` or VAL=)")),
        false => Ok(c),
    }
}

/// The vector that is 0 where two voltages are the same.
fn alike(reader: &Reader<'_, '_>, fields: &mut Fields<'_>, vector: &str) -> Result<String> {
    let start = fields.at;
    let other = reader.vector(fields)?;
    let node = |v: &str| v.strip_prefix("v(")?.strip_suffix(')').filter(|n| !n.contains(',')).map(str::to_owned);
    match (node(vector), node(&other)) {
        (Some(a), Some(b)) => Ok(format!("v({a},{b})")),
        _ => Err(reader.line.unknown(start, fields.at, "two node voltages, or a number")),
    }
}
