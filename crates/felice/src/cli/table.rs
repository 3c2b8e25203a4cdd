//! Tables of numbers in CSV: reading with places, writing with every digit that a value has.

use super::failure::Failure;
use felice_base::{Located, Place, Sampled};
use std::fmt::Write;

/// Appends a number with as many digits as make it round-trip: 17 significant for f64, 9 for f32.
pub fn push_number<R: Digits>(out: &mut String, value: R) {
    value.push(out);
}

/// A precision and its digits.
pub trait Digits {
    /// Appends the number.
    fn push(&self, out: &mut String);
}

// Writing to a String cannot fail.
impl Digits for f64 {
    fn push(&self, out: &mut String) {
        let _ = write!(out, "{self:.16e}");
    }
}

impl Digits for f32 {
    fn push(&self, out: &mut String) {
        let _ = write!(out, "{self:.8e}");
    }
}

/// Sampled signals as CSV text: the axis first, then every signal.
pub fn sampled_to_csv(sampled: &Sampled) -> String {
    let mut out = quoted(&sampled.axis().name);
    for s in sampled.signals() {
        out.push(',');
        out.push_str(&quoted(&s.name));
    }
    out.push('\n');
    for (i, t) in sampled.axis().values.iter().enumerate() {
        push_number(&mut out, *t);
        for s in sampled.signals() {
            out.push(',');
            push_number(&mut out, s.values[i]);
        }
        out.push('\n');
    }
    out
}

/// A CSV field, quoted where it must be (`v(a,b)`).
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
}

/// Reads a CSV of numbers whose header holds exactly `columns`, in any order; `each` gets every row, in the order of
/// `columns`, and may refuse one of its numbers by index.
///
/// # Errors
/// A located message for a missing, unknown or repeated column, a short or long row, a field that is no finite number,
/// and what `each` refuses.
pub fn read_rows(
    file: &str,
    text: &str,
    columns: &[&str],
    mut each: impl FnMut(&[f64]) -> Result<(), Refused>,
) -> Result<(), Failure> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let mut record = csv::StringRecord::new();
    let expected = columns.join(",");
    let line_of = |record: &csv::StringRecord| record.position().map_or(1, |p| p.line() as usize);
    let failed = |line: usize, column: usize, found: &str, expected: String| {
        let place = Place { file: file.to_owned(), line, column };
        Failure::input(Located::new(place, found, expected))
    };
    let csv_error = |e: csv::Error| {
        let line = e.position().map_or(1, |p| p.line() as usize);
        failed(line, 1, &e.to_string(), "comma-separated numbers".into())
    };

    if !reader.read_record(&mut record).map_err(csv_error)? {
        return Err(failed(1, 1, "", format!("a header `{expected}`")));
    }
    let header_line = line_of(&record);
    let mut order = vec![usize::MAX; columns.len()];
    for (i, name) in record.iter().enumerate() {
        match columns.iter().position(|c| *c == name) {
            Some(k) if order[k] == usize::MAX => order[k] = i,
            Some(_) => return Err(failed(header_line, i + 1, name, format!("every column of `{expected}` once"))),
            None => return Err(failed(header_line, i + 1, name, format!("a header of the columns `{expected}`"))),
        }
    }
    if let Some(k) = order.iter().position(|&i| i == usize::MAX) {
        let header = record.iter().collect::<Vec<_>>().join(",");
        return Err(failed(header_line, 1, &header, format!("also the column `{}`", columns[k])));
    }

    let mut row = vec![0.0; columns.len()];
    while reader.read_record(&mut record).map_err(csv_error)? {
        let line = line_of(&record);
        if record.len() != columns.len() {
            let found = record.iter().collect::<Vec<_>>().join(",");
            return Err(failed(line, 1, &found, format!("{} numbers ({expected})", columns.len())));
        }
        for (x, &i) in row.iter_mut().zip(&order) {
            match record[i].parse::<f64>() {
                Ok(number) if number.is_finite() => *x = number,
                _ => return Err(failed(line, i + 1, &record[i], "a finite number".into())),
            }
        }
        each(&row).map_err(|Refused { index, expected }| {
            let i = order[index];
            failed(line, i + 1, &record[i], expected)
        })?;
    }
    Ok(())
}

/// Every row of such a CSV, one `Vec` each.
///
/// # Errors
/// As [`read_rows`].
pub fn read_numbers(file: &str, text: &str, columns: &[&str]) -> Result<Vec<Vec<f64>>, Failure> {
    let mut rows = Vec::new();
    read_rows(file, text, columns, |row| {
        rows.push(row.to_vec());
        Ok(())
    })?;
    Ok(rows)
}

/// A number of a row that will not do: which, and what was expected.
pub struct Refused {
    /// Index in the order of the columns asked for.
    pub index: usize,
    /// What would do.
    pub expected: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_may_stand_in_any_order() {
        let rows = read_numbers("in.csv", "v,u\n1,2\n3,4e0\n", &["u", "v"]).unwrap();
        assert_eq!(rows, vec![vec![2.0, 1.0], vec![4.0, 3.0]]);
    }

    #[test]
    fn bad_fields_are_located() {
        for (text, place) in [
            ("u,v\n1,x\n", "in.csv:2:2"),
            ("u,v\n1,NaN\n", "in.csv:2:2"),
            ("u,v\n1,2\n1\n", "in.csv:3:1"),
            ("u,w\n", "in.csv:1:2"),
            ("u\n", "in.csv:1:1"),
            ("u,v,u\n", "in.csv:1:3"),
            ("", "in.csv:1:1"),
        ] {
            let message = read_numbers("in.csv", text, &["u", "v"]).unwrap_err().to_string();
            assert!(message.starts_with(place), "{text:?}: {message}");
        }
    }

    #[test]
    fn numbers_round_trip() {
        for x in [0.1, 1.0 / 3.0, f64::MIN_POSITIVE, 5e-324, f64::MAX, -0.0] {
            let (mut double, mut single) = (String::new(), String::new());
            push_number(&mut double, x);
            push_number(&mut single, x as f32);
            assert_eq!(double.parse::<f64>().unwrap().to_bits(), x.to_bits());
            assert_eq!(single.parse::<f32>().unwrap().to_bits(), (x as f32).to_bits());
        }
    }
}
