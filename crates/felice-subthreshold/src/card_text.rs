//! Cards from and to TOML text, every error with its line and column.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range as Span;

use felice_base::{Located, Place};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::card::{
    CIRCUIT_KEYS, CONDITION_KEYS, CORNER_KEYS, Card, DeviceCard, FET_KEYS, FetCard, GEOMETRY_KEYS, Key, Polarity,
};
use crate::card::{Q_OVER_K, Quantity};
use crate::corners;
use crate::units;

type Quantities = BTreeMap<String, Quantity>;

/// The text being read and what its file is called.
struct Text<'a> {
    text: &'a str,
    file: &'a str,
}

pub(crate) fn read(text: &str, file: &str) -> Result<Card, Located> {
    let source = Text { text, file };
    let root = DeTable::parse(text).map_err(|e| {
        let span = e.span().unwrap_or(0..0);
        source.error(span, format!("TOML: {}", e.message().replace('\n', " ")))
    })?;
    let mut card = Card { file: file.to_owned(), ..Card::default() };
    card.lines.insert(String::new(), Place::at_byte(file, text, text.trim_end().len()).line);
    for (key, value) in root.get_ref() {
        card.lines.insert(key.get_ref().to_string(), Place::at_byte(file, text, key.span().start).line);
        match key.get_ref().as_ref() {
            "name" => card.name = source.string(value)?,
            "note" => card.note = source.string(value)?,
            "conditions" => card.conditions = source.quantities(source.table(value)?, &[CONDITION_KEYS], &[])?,
            "circuit" => card.circuit = source.quantities(source.table(value)?, &[CIRCUIT_KEYS], &[])?,
            "corners" => card.corners = source.quantities(source.table(value)?, &[CORNER_KEYS], &[])?,
            "nfet" => drop(card.fets.insert("nfet".into(), source.fet(value, Some(Polarity::N))?)),
            "pfet" => drop(card.fets.insert("pfet".into(), source.fet(value, Some(Polarity::P))?)),
            "fets" => {
                for (name, fet) in source.table(value)? {
                    card.fets.insert(name.get_ref().to_string(), source.fet(fet, None)?);
                }
            }
            "devices" => {
                for (name, device) in source.table(value)? {
                    card.devices.insert(name.get_ref().to_string(), source.device(device)?);
                }
            }
            _ => {
                let known = "`name`, `note`, `[conditions]`, `[nfet]`, `[pfet]`, `[fets.NAME]`, `[circuit]`, `[corners]` or `[devices]`";
                return Err(source.error(key.span(), known));
            }
        }
    }
    source.consistent(&mut card)?;
    Ok(card)
}

impl Text<'_> {
    fn error(&self, span: Span<usize>, expected: impl Into<String>) -> Located {
        let start = span.start.min(self.text.len());
        let found = self.text.get(start..span.end.min(self.text.len())).unwrap_or("");
        Located::new(Place::at_byte(self.file, self.text, start), found, expected)
    }

    /// An error at a quantity's place, after its span is gone.
    fn error_at(&self, quantity: &Quantity, expected: impl Into<String>) -> Located {
        let place = quantity.place.clone().unwrap_or_else(|| Place::at_byte(self.file, self.text, 0));
        Located::new(place, &format!("{} {}", quantity.value, quantity.unit), expected)
    }

    fn string(&self, value: &Spanned<DeValue<'_>>) -> Result<String, Located> {
        let text = value.get_ref().as_str().ok_or_else(|| self.error(value.span(), "a string"))?;
        Ok(text.to_owned())
    }

    fn table<'v, 'i>(&self, value: &'v Spanned<DeValue<'i>>) -> Result<&'v DeTable<'i>, Located> {
        value.get_ref().as_table().ok_or_else(|| self.error(value.span(), "a table"))
    }

    /// The quantities of a table; `others` are keys of it that somebody else reads.
    fn quantities(&self, table: &DeTable<'_>, keys: &[&[Key]], others: &[&str]) -> Result<Quantities, Located> {
        let mut quantities = Quantities::new();
        for (name, value) in table {
            let text = name.get_ref().as_ref();
            if others.contains(&text) {
                continue;
            }
            let Some(key) = keys.iter().copied().flatten().find(|k| k.name == text) else {
                let known: Vec<_> = keys.iter().copied().flatten().map(|k| format!("`{}`", k.name)).collect();
                return Err(self.error(name.span(), format!("one of {}", known.join(", "))));
            };
            quantities.insert(text.to_owned(), self.quantity(value, key)?);
        }
        Ok(quantities)
    }

    fn quantity(&self, value: &Spanned<DeValue<'_>>, key: &Key) -> Result<Quantity, Located> {
        let shape = || format!("{} as {{ value = .., unit = \"{}\", source = \"..\" }}", key.name, key.unit);
        let table = value.get_ref().as_table().ok_or_else(|| self.error(value.span(), shape()))?;
        let (mut number, mut unit, mut error, mut origin) = (None, None, None, String::new());
        for (name, field) in table {
            match name.get_ref().as_ref() {
                "value" => number = Some((self.number(field)?, field.span())),
                "unit" => unit = Some((self.string(field)?, field.span())),
                "error" => error = Some((self.number(field)?, field.span())),
                "source" => origin = self.string(field)?,
                _ => return Err(self.error(name.span(), "`value`, `unit`, `error` or `source`")),
            }
        }
        let (number, span) = number.ok_or_else(|| self.error(value.span(), format!("a `value` in {}", shape())))?;
        let (unit, unit_span) = unit
            .ok_or_else(|| self.error(value.span(), format!("a `unit` (no quantity is without one) in {}", shape())))?;
        let celsius = key.unit == "K" && matches!(unit.as_str(), "degC" | "°C");
        let scale = |x: f64| if celsius { Some(x) } else { units::parse(&unit)?.to_si(x, key.unit) };
        let si = scale(number).map(|x| if celsius { x + 273.15 } else { x });
        let si = si.ok_or_else(|| self.error(unit_span, format!("a unit of {} ({})", key.name, key.unit)))?;
        if !key.range.holds(si) {
            return Err(self.error(span, format!("{} ({}): {}", key.name, key.meaning, key.range.words())));
        }
        let error = match error {
            Some((error, span)) if error < 0.0 => {
                return Err(self.error(span, "a standard error: 0 or a number above 0, in the value's unit"));
            }
            error => error.and_then(|(error, _)| scale(error)),
        };
        let place = Some(Place::at_byte(self.file, self.text, value.span().start));
        Ok(Quantity { value: si, error, unit: key.unit, source: origin, place })
    }

    fn number(&self, value: &Spanned<DeValue<'_>>) -> Result<f64, Located> {
        let number = match value.get_ref() {
            DeValue::Float(f) => f.as_str().parse::<f64>().ok(),
            DeValue::Integer(i) => i64::from_str_radix(i.as_str(), i.radix()).ok().map(|i| i as f64),
            _ => None,
        };
        number.filter(|n| n.is_finite()).ok_or_else(|| self.error(value.span(), "a finite number"))
    }

    fn fet(&self, value: &Spanned<DeValue<'_>>, polarity: Option<Polarity>) -> Result<FetCard, Located> {
        let table = self.table(value)?;
        let polarity = match (polarity, table.iter().find(|(k, _)| k.get_ref() == "polarity")) {
            (Some(p), None) => p,
            (None, Some((_, p))) => match self.string(p)?.as_str() {
                "n" => Polarity::N,
                "p" => Polarity::P,
                _ => return Err(self.error(p.span(), "polarity \"n\" or \"p\"")),
            },
            (Some(_), Some((k, _))) => return Err(self.error(k.span(), "no polarity: the table's name says it")),
            (None, None) => return Err(self.error(value.span(), "a kind of transistor with polarity = \"n\" or \"p\"")),
        };
        Ok(FetCard { polarity, quantities: self.quantities(table, &[FET_KEYS], &["polarity"])? })
    }

    fn device(&self, value: &Spanned<DeValue<'_>>) -> Result<DeviceCard, Located> {
        let table = self.table(value)?;
        let fet = match table.iter().find(|(k, _)| k.get_ref() == "fet") {
            Some((_, name)) => Some(self.string(name)?),
            None => None,
        };
        let quantities = self.quantities(table, &[GEOMETRY_KEYS, FET_KEYS], &["fet"])?;
        for key in GEOMETRY_KEYS {
            if !quantities.contains_key(key.name) {
                return Err(self.error(value.span(), format!("a device with `{}` ({})", key.name, key.meaning)));
            }
        }
        Ok(DeviceCard { fet, quantities })
    }

    /// What no single key can say: contradictions between them.
    fn consistent(&self, card: &mut Card) -> Result<(), Located> {
        if let (Some(ut), Some(t)) = (card.conditions.get("Ut"), card.conditions.get("T"))
            && (ut.value * Q_OVER_K / t.value - 1.0).abs() > 1e-3
        {
            return Err(self.error_at(ut, format!("kT/q = {} V at T, or only one of Ut and T", t.value / Q_OVER_K)));
        }
        let [low, high] = corners::Span::of(card).temperature;
        if let Some(q) = card.corners.get("Tmin").or_else(|| card.corners.get("Tmax")).filter(|_| low >= high) {
            return Err(self.error_at(q, format!("Tmin below Tmax; they are {low} and {high} K")));
        }
        let nominal = card.nominal_thermal_voltage();
        for fet in card.fets.values_mut() {
            if let Some(ut) = nominal {
                self.complete(&mut fet.quantities, ut)?;
            }
        }
        for device in card.devices.values() {
            let Some(length) = device.quantities.get("L") else { continue };
            if let Some(kind) = device.fet.as_ref().filter(|f| !card.fets.contains_key(*f)) {
                return Err(self.error_at(length, format!("a device of a kind that exists: there is no [fets.{kind}]")));
            }
            // Whether it is an nFET or a pFET, the circuit says; too short for both it is in any.
            let kinds: Vec<&str> = device.fet.as_deref().map_or_else(|| vec!["nfet", "pfet"], |f| vec![f]);
            let shortest = |kind: &&str| card.fets.get(*kind)?.quantities.get("Lmin").map(|q| q.value);
            let minimum = kinds.iter().map(|k| shortest(k).unwrap_or(0.0)).fold(f64::INFINITY, f64::min);
            if length.value < minimum * (1.0 - 1e-9) {
                return Err(self.error_at(length, format!("L of at least Lmin = {minimum} m of {}", kinds.join(", "))));
            }
        }
        Ok(())
    }

    /// Any two of I0, Is, Vt0 give the third; all three must agree to 1 %.
    fn complete(&self, quantities: &mut Quantities, ut: f64) -> Result<(), Located> {
        let get = |k: &str| quantities.get(k).cloned();
        let Some(kappa) = get("kappa") else { return Ok(()) };
        // A current's logarithm is off by that of the other current and by kappa Vt0/Ut.
        let error = |current: &Quantity, vt0: &Quantity| -> Option<f64> {
            let errors = [current, vt0, &kappa].map(|q| q.error);
            errors.iter().any(Option::is_some).then(|| {
                let [current_error, vt0_error, kappa_error] = errors.map(Option::unwrap_or_default);
                let exponent = (kappa.value * vt0_error / ut).hypot(kappa_error * vt0.value / ut);
                (current_error / current.value).hypot(exponent)
            })
        };
        let derived = |value: f64, relative: Option<f64>, unit, from: &Quantity, what: &str| Quantity {
            value,
            error: relative.map(|r| r * value.abs()),
            unit,
            source: format!("{what} ({})", from.source),
            place: from.place.clone(),
        };
        match (get("I0"), get("Is"), get("Vt0")) {
            (Some(i0), Some(is), None) => {
                let vt0 = ut / kappa.value * (is.value / i0.value).ln();
                quantities.insert("Vt0".into(), derived(vt0, None, "V", &is, "from I0 and Is"));
            }
            (None, Some(is), Some(vt0)) => {
                let i0 = is.value * (-kappa.value * vt0.value / ut).exp();
                quantities.insert("I0".into(), derived(i0, error(&is, &vt0), "A", &vt0, "Is exp(-kappa Vt0/Ut)"));
            }
            (Some(i0), None, Some(vt0)) => {
                let is = i0.value * (kappa.value * vt0.value / ut).exp();
                quantities.insert("Is".into(), derived(is, error(&i0, &vt0), "A", &vt0, "I0 exp(kappa Vt0/Ut)"));
            }
            (Some(i0), Some(is), Some(vt0)) => {
                let expected = is.value * (-kappa.value * vt0.value / ut).exp();
                if (expected / i0.value - 1.0).abs() > 0.01 {
                    return Err(self.error_at(
                        &i0,
                        format!("I0 = Is exp(-kappa Vt0/Ut) = {expected:.6e} A to 1 %, or two of the three"),
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

pub(crate) fn write(card: &Card) -> String {
    let mut out = format!("name = {}\nnote = {}\n", quoted(&card.name), quoted(&card.note));
    let section = |out: &mut String, header: &str, polarity: Option<Polarity>, quantities: &Quantities| {
        out.push_str(header);
        match polarity {
            Some(Polarity::N) => out.push_str("polarity = \"n\"\n"),
            Some(Polarity::P) => out.push_str("polarity = \"p\"\n"),
            None => {}
        }
        for (key, q) in quantities {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{key} = {}", inline(q));
        }
    };
    section(&mut out, "\n[conditions]\n", None, &card.conditions);
    for (name, fet) in &card.fets {
        match name.as_str() {
            "nfet" | "pfet" => section(&mut out, &format!("\n[{name}]\n"), None, &fet.quantities),
            _ => section(&mut out, &format!("\n[fets.{}]\n", quoted(name)), Some(fet.polarity), &fet.quantities),
        }
    }
    section(&mut out, "\n[circuit]\n", None, &card.circuit);
    section(&mut out, "\n[corners]\n", None, &card.corners);
    if !card.devices.is_empty() {
        out.push_str("\n[devices]\n");
    }
    for (name, device) in &card.devices {
        let fet = device.fet.iter().map(|f| format!("fet = {}", quoted(f)));
        let fields: Vec<_> = fet.chain(device.quantities.iter().map(|(k, q)| format!("{k} = {}", inline(q)))).collect();
        let _ = writeln!(out, "{} = {{ {} }}", quoted(name), fields.join(", "));
    }
    out
}

fn inline(q: &Quantity) -> String {
    let error = q.error.map_or_else(String::new, |e| format!(", error = {e:e}"));
    format!("{{ value = {:e}{error}, unit = \"{}\", source = {} }}", q.value, q.unit, quoted(&q.source))
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
