//! Tables of numbers in CSV: reading with places, writing with every digit that a value has.

use super::failure::Failure;
use felice_base::{Located, Place, Sampled};
use std::fmt::Write;

/// A number with as many digits as make it round-trip: 17 significant for f64.
pub fn number(value: f64) -> String {
    format!("{value:.16e}")
}

/// The same for an f32: 9 significant digits.
pub fn number_f32(value: f32) -> String {
    format!("{value:.8e}")
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
        out.push_str(&number(*t));
        for s in sampled.signals() {
            // Writing to a String cannot fail.
            let _ = write!(out, ",{:.16e}", s.values[i]);
        }
        out.push('\n');
    }
    out
}

/// A CSV field, quoted where it must be (`v(a,b)`).
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
}

/// Reads a CSV of numbers whose header holds exactly `columns`, in any order; one `Vec` a row, in the order of `columns`.
///
/// # Errors
/// A located message for a missing, unknown or repeated column, a short or long row, a field that is no finite number.
pub fn read_numbers(file: &str, text: &str, columns: &[&str]) -> Result<Vec<Vec<f64>>, Failure> {
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
        return Err(failed(
            header_line,
            1,
            &record.iter().collect::<Vec<_>>().join(","),
            format!("also the column `{}`", columns[k]),
        ));
    }

    let mut rows = Vec::new();
    while reader.read_record(&mut record).map_err(csv_error)? {
        let line = line_of(&record);
        if record.len() != columns.len() {
            let found = record.iter().collect::<Vec<_>>().join(",");
            return Err(failed(line, 1, &found, format!("{} numbers ({expected})", columns.len())));
        }
        let mut row = Vec::with_capacity(columns.len());
        for &i in &order {
            let field = &record[i];
            match field.parse::<f64>() {
                Ok(x) if x.is_finite() => row.push(x),
                _ => return Err(failed(line, i + 1, field, "a finite number".into())),
            }
        }
        rows.push(row);
    }
    Ok(rows)
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
            assert_eq!(number(x).parse::<f64>().unwrap().to_bits(), x.to_bits());
            assert_eq!(number_f32(x as f32).parse::<f32>().unwrap().to_bits(), (x as f32).to_bits());
        }
    }
}
