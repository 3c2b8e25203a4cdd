//! Small values on the command line: `k=v`, `a,b,c`, `LO,HI`.

/// A parameter assignment `name=value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// Left of the `=`.
    pub name: String,
    /// Right of it.
    pub value: f64,
}

/// Parses `name=value` with a number that is finite, or `inf` (whoever is given it says whether that will do).
pub fn assignment(text: &str) -> Result<Assignment, String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("`{text}` is no NAME=VALUE, such as alpha=0.0129"))?;
    let name = name.trim();
    if name.is_empty() {
        return Err(format!("`{text}` has no parameter name before the `=`"));
    }
    Ok(Assignment { name: name.to_owned(), value: extended(value)? })
}

/// Parses a finite number or `inf`.
fn extended(text: &str) -> Result<f64, String> {
    match text.trim() {
        "inf" | "+inf" => Ok(f64::INFINITY),
        _ => finite(text),
    }
}

/// Parses a finite number.
pub fn finite(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(x) if x.is_finite() => Ok(x),
        Ok(_) => Err(format!("`{text}` is not finite; give an ordinary number")),
        Err(_) => Err(format!("`{text}` is not a number")),
    }
}

/// Parses a finite number above zero.
pub fn positive(text: &str) -> Result<f64, String> {
    match finite(text)? {
        x if x > 0.0 => Ok(x),
        x => Err(format!("{x} is not above zero")),
    }
}

/// A comma-separated list of finite numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers(pub Vec<f64>);

/// Parses `a,b,c`.
pub fn numbers(text: &str) -> Result<Numbers, String> {
    text.split(',').map(finite).collect::<Result<_, _>>().map(Numbers)
}

/// Parses `LO,HI` with LO < HI.
pub fn interval(text: &str) -> Result<(f64, f64), String> {
    match numbers(text)?.0[..] {
        [lo, hi] if lo < hi => Ok((lo, hi)),
        [lo, hi] => Err(format!("the lower end {lo} is not below the upper end {hi}")),
        _ => Err(format!("`{text}` is no LO,HI")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_parse_or_say_why() {
        assert_eq!(assignment("alpha=1e-2").unwrap(), Assignment { name: "alpha".into(), value: 0.01 });
        assert!(assignment("alpha").unwrap_err().contains("NAME=VALUE"));
        assert_eq!(assignment("tau_syn=inf").unwrap().value, f64::INFINITY);
        assert!(assignment("alpha=nan").unwrap_err().contains("finite"));
        assert_eq!(numbers("1, -2").unwrap(), Numbers(vec![1.0, -2.0]));
        assert!(interval("2,1").unwrap_err().contains("not below"));
        assert!(positive("0").unwrap_err().contains("above zero"));
    }
}
