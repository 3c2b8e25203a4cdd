//! What follows the nodes of a V or I line: `DC`, `AC`, `PULSE`, `PWL`, `SIN`, `EXP`.

use super::definitions;
use super::fields::{Field, Fields, Kind};
use super::number::whole_number;
use super::scope::Scopes;
use super::wrong::Result;
use crate::stimulus::{Stimulus, Wave};

/// Printing step and end of the transient, from which ngspice takes a waveform's missing times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub step: f64,
    pub stop: f64,
}

/// A positional value: a number, or an expression in braces or quotes.
pub(super) fn positional(
    fields: &mut Fields<'_>,
    scopes: &Scopes<'_>,
    scope: usize,
    index: usize,
    expected: &str,
) -> Result<f64> {
    let line = fields.line;
    match fields.take()? {
        None => Err(fields.missing(expected)),
        Some(f) if f.kind == Kind::Group => scopes.number(scope, index, f.start, f.end),
        Some(f) if f.kind == Kind::Word => whole_number(f.text(line))
            .ok_or_else(|| line.wrong(f.start, f.end, format!("{expected}: a number, or an expression in braces"))),
        Some(f) => Err(line.wrong(f.start, f.end, expected)),
    }
}

fn is_value(field: Option<Field>, fields: &Fields<'_>) -> bool {
    match field {
        Some(f) if f.kind == Kind::Group => true,
        Some(f) if f.kind == Kind::Word => whole_number(f.text(fields.line)).is_some(),
        _ => false,
    }
}

/// Reads the rest of a V or I line.
pub(super) fn stimulus(
    fields: &mut Fields<'_>,
    scopes: &Scopes<'_>,
    scope: usize,
    index: usize,
    times: Times,
) -> Result<Stimulus> {
    let mut dc = None;
    let mut wave = None;
    while let Some(f) = fields.peek()? {
        let line = fields.line;
        if is_value(Some(f), fields) && dc.is_none() && wave.is_none() {
            dc = Some(positional(fields, scopes, scope, index, "a DC value")?);
            continue;
        }
        fields.take()?;
        match f.text(line) {
            "dc" => {
                fields.take_if(Kind::Equals)?;
                dc = Some(positional(fields, scopes, scope, index, "a DC value")?);
            }
            // No AC analysis here: magnitude and phase are read and change nothing.
            "ac" => {
                fields.take_if(Kind::Equals)?;
                for _ in 0..2 {
                    if is_value(fields.peek()?, fields) {
                        positional(fields, scopes, scope, index, "an AC value")?;
                    }
                }
            }
            "pulse" | "pwl" | "sin" | "exp" if wave.is_none() => {
                let values = list(fields, scopes, scope, index)?;
                let shape = waveform(f.text(line), &values, times);
                wave = Some(shape.map_err(|expected| line.wrong(f.start, line.text.len(), expected))?);
            }
            "r" | "td" | "sffm" | "am" | "trnoise" | "trrandom" | "external" | "distof1" | "distof2" | "port"
            | "portnum" | "z0" => {
                return Err(line.unknown(f.start, line.text.len(), "DC, AC, PULSE, PWL, SIN or EXP"));
            }
            _ => return Err(line.wrong(f.start, line.text.len(), "a value, DC, AC, PULSE, PWL, SIN or EXP")),
        }
    }
    // Without a DC value the source stands in DC analyses where its waveform starts.
    let dc = dc.unwrap_or_else(|| wave.as_ref().map_or(0.0, |w: &Wave| w.at(0.0)));
    Ok(Stimulus { dc, wave })
}

/// The numbers of `PULSE(...)`; parentheses are optional.
fn list(fields: &mut Fields<'_>, scopes: &Scopes<'_>, scope: usize, index: usize) -> Result<Vec<f64>> {
    let open = fields.peek()?.filter(|f| f.kind == Kind::Open);
    fields.take_if(Kind::Open)?;
    let mut values = Vec::new();
    loop {
        if fields.take_if(Kind::Close)? {
            match open {
                Some(_) => return Ok(values),
                None => return Err(fields.line.wrong(fields.at - 1, fields.at, "no `)`: none was opened")),
            }
        }
        match fields.peek()? {
            Some(f) if open.is_some() && f.kind == Kind::Word => {
                // Within parentheses ngspice knows parameters by name.
                let (start, end) = definitions::value(fields)?;
                values.push(scopes.number(scope, index, start, end)?);
            }
            Some(_) => values.push(positional(fields, scopes, scope, index, "a number")?),
            None => match open {
                None => return Ok(values),
                Some(f) => return Err(fields.line.wrong(f.start, fields.line.text.len(), "a closing `)`")),
            },
        }
    }
}

/// A waveform from its numbers; missing times as ngspice fills them in.
fn waveform(name: &str, x: &[f64], times: Times) -> std::result::Result<Wave, &'static str> {
    let get = |i: usize, default: f64| x.get(i).copied().unwrap_or(default);
    let or_nonzero = |i: usize, default: f64| x.get(i).copied().filter(|v| *v != 0.0).unwrap_or(default);
    let wave = match name {
        "pulse" if (2..=8).contains(&x.len()) => {
            let cycles = get(7, 0.0);
            if !(0.0..9e15).contains(&cycles) || cycles.fract() != 0.0 {
                return Err("a whole number of cycles");
            }
            Wave::Pulse {
                low: x[0],
                high: x[1],
                delay: get(2, 0.0),
                rise: or_nonzero(3, times.step),
                fall: or_nonzero(4, times.step),
                width: or_nonzero(5, times.stop),
                period: or_nonzero(6, times.stop),
                cycles: (cycles > 0.0).then_some(cycles as u64),
            }
        }
        "pwl" if x.len() >= 2 && x.len().is_multiple_of(2) => {
            let points: Vec<(f64, f64)> = x.chunks_exact(2).map(|p| (p[0], p[1])).collect();
            if points.windows(2).any(|w| w[1].0 <= w[0].0) {
                return Err("times that increase");
            }
            Wave::Pwl { points }
        }
        "sin" if (2..=6).contains(&x.len()) => Wave::Sin {
            offset: x[0],
            amplitude: x[1],
            frequency: or_nonzero(2, 1.0 / times.stop),
            delay: get(3, 0.0),
            damping: get(4, 0.0),
            phase: get(5, 0.0),
        },
        "exp" if (2..=6).contains(&x.len()) => {
            let rise_delay = or_nonzero(2, times.step);
            Wave::Exp {
                low: x[0],
                high: x[1],
                rise_delay,
                rise_tau: or_nonzero(3, times.step),
                fall_delay: or_nonzero(4, rise_delay + times.step),
                fall_tau: or_nonzero(5, times.step),
            }
        }
        "pulse" => return Err("PULSE(low high [delay rise fall width period cycles])"),
        "pwl" => return Err("PWL(t1 v1 t2 v2 ...)"),
        "sin" => return Err("SIN(offset amplitude [frequency delay damping phase])"),
        _ => return Err("EXP(low high [delay tau delay tau])"),
    };
    match &wave {
        Wave::Pulse { rise, fall, width, period, .. }
            if !(*rise > 0.0 && *fall > 0.0 && *width >= 0.0 && *period > 0.0) =>
        {
            Err("times of a PULSE that are not negative")
        }
        Wave::Exp { rise_tau, fall_tau, .. } if !(*rise_tau > 0.0 && *fall_tau > 0.0) => {
            Err("time constants that are positive")
        }
        _ => Ok(wave),
    }
}
