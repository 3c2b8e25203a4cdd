//! `.meas` lines, the common forms.

use super::commands::Reader;
use super::fields::{Fields, Kind};
use super::wrong::Result;
use crate::analysis::{Crossing, Edge, Measure, MeasureKind, Reduction};

/// Reads what follows `.meas`.
pub(super) fn read(reader: &Reader<'_, '_>, fields: &mut Fields<'_>) -> Result<Measure> {
    let line = fields.line;
    let (analysis, at) = fields.word("the analysis (tran, dc, op)")?;
    if !matches!(analysis, "tran" | "dc" | "op") {
        return Err(line.unknown(at.start, at.end, "tran, dc or op"));
    }
    let (name, _) = fields.word("the measurement's name")?;
    let (form, at) = fields.word("MIN, MAX, PP, AVG, RMS, INTEG, FIND, WHEN or TRIG")?;
    let what = match form {
        "min" => reduce(reader, fields, Reduction::Min)?,
        "max" => reduce(reader, fields, Reduction::Max)?,
        "pp" => reduce(reader, fields, Reduction::PeakToPeak)?,
        "avg" => reduce(reader, fields, Reduction::Average)?,
        "rms" => reduce(reader, fields, Reduction::Rms)?,
        "integ" | "integral" => reduce(reader, fields, Reduction::Integral)?,
        "find" => find(reader, fields)?,
        "when" => MeasureKind::When(crossing(reader, fields)?),
        "trig" => {
            let trigger = crossing(reader, fields)?;
            let (word, at) = fields.word("TARG")?;
            if word != "targ" {
                return Err(line.wrong(at.start, at.end, "TARG"));
            }
            MeasureKind::Delay { trigger, target: crossing(reader, fields)? }
        }
        _ => return Err(line.unknown(at.start, at.end, "MIN, MAX, PP, AVG, RMS, INTEG, FIND, WHEN or TRIG")),
    };
    fields.finish()?;
    Ok(Measure { name: name.to_owned(), analysis: analysis.to_owned(), what })
}

fn number(reader: &Reader<'_, '_>, fields: &mut Fields<'_>) -> Result<f64> {
    let (start, end) = super::definitions::value(fields)?;
    reader.work.scopes.number(0, reader.index, start, end)
}

fn reduce(reader: &Reader<'_, '_>, fields: &mut Fields<'_>, how: Reduction) -> Result<MeasureKind> {
    let vector = reader.vector(fields)?;
    let (mut from, mut to) = (None, None);
    while let Some((key, at)) = fields.take_name_equals()? {
        match key {
            "from" => from = Some(number(reader, fields)?),
            "to" => to = Some(number(reader, fields)?),
            _ => return Err(reader.line.unknown(at.start, at.end, "from= or to=")),
        }
    }
    Ok(MeasureKind::Reduce { how, vector, from, to })
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

/// `v(a)=1 [RISE=n|FALL=n|CROSS=n|LAST] [TD=t]`, or `v(a) VAL=1 ...`.
fn crossing(reader: &Reader<'_, '_>, fields: &mut Fields<'_>) -> Result<Crossing> {
    let line = reader.line;
    let vector = reader.vector(fields)?;
    let mut c = Crossing { vector, value: f64::NAN, edge: Edge::Cross, count: 1, after: 0.0 };
    if fields.take_if(Kind::Equals)? {
        c.value = number(reader, fields)?;
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
