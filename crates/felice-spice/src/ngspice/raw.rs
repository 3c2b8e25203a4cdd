//! ngspice's binary raw file.

/// A plot: one column a vector, the scale (time, sweep) first where there is one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plot {
    /// `Transient Analysis`, `DC transfer characteristic`, `Operating Point`.
    pub name: String,
    /// (name, values), names lower case.
    pub columns: Vec<(String, Vec<f64>)>,
}

/// Reads the first plot of a raw file. The header is not believed: the file must hold what it promises.
pub(super) fn read(bytes: &[u8]) -> Result<Plot, String> {
    const MARK: &[u8] = b"\nBinary:\n";
    let header_end =
        bytes.windows(MARK.len()).position(|w| w == MARK).ok_or("the raw file has no binary part: it is cut short")?;
    let header = String::from_utf8_lossy(&bytes[..header_end]);
    let body = &bytes[header_end + MARK.len()..];
    let field = |key: &str| header.lines().find_map(|l| l.strip_prefix(key)).map(str::trim);
    let count = |key: &str| -> Result<usize, String> {
        field(key).and_then(|v| v.parse().ok()).ok_or(format!("the raw file does not say `{key}`"))
    };
    let (vectors, points) = (count("No. Variables:")?, count("No. Points:")?);
    if field("Flags:").is_some_and(|f| f.contains("complex")) {
        return Err("the raw file holds complex numbers; expected a transient, a DC sweep or an operating point".into());
    }
    let names: Vec<String> = header
        .lines()
        .skip_while(|l| !l.starts_with("Variables:"))
        .skip(1)
        .filter_map(|l| l.split_whitespace().nth(1).map(str::to_ascii_lowercase))
        .collect();
    if names.len() != vectors || vectors == 0 {
        return Err(format!("the raw file names {} vectors and promises {vectors}", names.len()));
    }
    let promised = vectors.checked_mul(points).and_then(|n| n.checked_mul(8)).ok_or("absurd sizes in the raw file")?;
    if points == 0 || body.len() < promised {
        let there = body.len() / 8 / vectors;
        return Err(format!("the raw file holds {there} of {points} points: it is cut short"));
    }
    let mut columns: Vec<(String, Vec<f64>)> =
        names.into_iter().map(|name| (name, Vec::with_capacity(points))).collect();
    for row in body[..promised].chunks_exact(8 * vectors) {
        for ((_, column), value) in columns.iter_mut().zip(row.chunks_exact(8)) {
            let mut eight = [0u8; 8];
            eight.copy_from_slice(value);
            column.push(f64::from_le_bytes(eight));
        }
    }
    Ok(Plot { name: field("Plotname:").unwrap_or("").to_owned(), columns })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(points: usize, rows: &[[f64; 2]]) -> Vec<u8> {
        let mut bytes = format!(
            "Title: t\nPlotname: Transient Analysis\nFlags: real\nNo. Variables: 2\nNo. Points: {points}\nVariables:\n\t0\ttime\ttime\n\t1\tV(A)\tvoltage\nBinary:\n"
        )
        .into_bytes();
        rows.iter().flatten().for_each(|x| bytes.extend(x.to_le_bytes()));
        bytes
    }

    #[test]
    fn reads_columns() {
        let plot = read(&file(2, &[[0.0, 1.0], [1.0, 2.0]])).unwrap();
        assert_eq!(plot.columns, [("time".into(), vec![0.0, 1.0]), ("v(a)".into(), vec![1.0, 2.0])]);
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        let whole = file(2, &[[0.0, 1.0], [1.0, 2.0]]);
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_err(), "{end}");
        }
        assert!(read(&file(0, &[])).is_err());
        assert!(read(&file(usize::MAX, &[])).is_err());
    }
}
