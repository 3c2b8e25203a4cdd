//! Reading `[[axis]]` tables.

use felice_base::Located;
use felice_subthreshold::corners::PROCESS;

use crate::axis::{Axis, Case, Distribution, Draw, Ladder, Points, Variable};
use crate::quantity::Quantity;
use crate::sobol;
use crate::text::{Table, Value};

/// Most points of a study.
pub const MOST_POINTS: u64 = 1_000_000_000_000;
/// A normal variable lies beyond so many standard deviations less often than a 53-bit number can tell.
const FURTHEST: f64 = 8.3;

/// Looks a quantity up by the name in the study; the error says what there is.
pub type Lookup<'l> = &'l dyn Fn(&str) -> Result<Quantity, String>;

const KEYS: [&str; 12] =
    ["name", "quantity", "values", "from", "to", "count", "scale", "draw", "quantities", "cases", "copies", "corners"];

/// What a subject has beside quantities.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silicon {
    /// Devices that mismatch can move.
    pub copies: bool,
    /// Threshold shift (V) and relative current of a fast or slow transistor.
    pub corner: Option<(f64, f64)>,
}

/// Reads the axes of a study.
pub fn read(tables: &[Value<'_>], lookup: Lookup<'_>, seed: u64, silicon: Silicon) -> Result<Vec<Axis>, Located> {
    let mut axes: Vec<Axis> = Vec::new();
    let mut product: u64 = 1;
    for value in tables {
        let table = value.table()?;
        table.only(&KEYS)?;
        let axis = axis(table, lookup, seed, silicon)?;
        product = product.saturating_mul(axis.len);
        if product > MOST_POINTS {
            let so_far: Vec<String> = axes.iter().chain([&axis]).map(|a| a.len.to_string()).collect();
            let why = format!("axes whose product is at most 1e12 points; {} are too many", so_far.join(" x "));
            return Err(table.error(why));
        }
        for name in names(&axis) {
            if axes.iter().flat_map(names).any(|other| other == name) {
                return Err(table.error(format!("an axis of its own: `{name}` is already one")));
            }
        }
        axes.push(axis);
    }
    Ok(axes)
}

/// Everything that the axis will be called in the file.
pub fn names(axis: &Axis) -> Vec<String> {
    let mut names: Vec<String> = axis.quantities().iter().map(|q| q.name.clone()).collect();
    if !names.contains(&axis.name) {
        names.push(axis.name.clone());
    }
    names
}

fn axis(table: Table<'_>, lookup: Lookup<'_>, seed: u64, silicon: Silicon) -> Result<Axis, Located> {
    let kinds = ["quantity", "draw", "cases", "copies", "corners"];
    let given: Vec<&str> = kinds.into_iter().filter(|k| table.get(k).is_some()).collect();
    let name = table.get("name").map(|v| plain_name(&v)).transpose()?;
    match given[..] {
        ["quantity"] => ladder_axis(table, lookup, name),
        ["draw"] => drawn_axis(table, lookup, seed, name.unwrap_or_else(|| "sample".into())),
        ["cases"] => cases_axis(table, lookup, name.unwrap_or_else(|| "case".into())),
        ["copies"] if silicon.copies => {
            exactly(table, &["name", "copies"])?;
            let len = table.need("copies", "a number of copies")?.count(1)?;
            Ok(Axis { name: name.unwrap_or_else(|| "copy".into()), len, points: Points::Copies })
        }
        ["copies"] => Err(table.error(
            "no `copies`: mismatch is of a [circuit] with [circuit.mismatch], or a [model] whose card has [devices] and an A_VT",
        )),
        ["corners"] => corners_axis(table, lookup, silicon, name.unwrap_or_else(|| "corner".into())),
        [] => Err(table.error("an axis with `quantity`, `draw`, `cases`, `corners` or `copies`")),
        _ => Err(table.error(format!("an axis with one of {}, not several", given.join(", ")))),
    }
}

/// Process corners by name, as cases that move every nFET and pFET.
fn corners_axis(table: Table<'_>, lookup: Lookup<'_>, silicon: Silicon, name: String) -> Result<Axis, Located> {
    exactly(table, &["name", "corners"])?;
    let list = table.need("corners", "their names")?;
    let Some((dvt, dbeta)) = silicon.corner else {
        return Err(list.error("a circuit with transistors, or a card with [devices]"));
    };
    let keys = ["nfet.dvt", "nfet.dbeta", "pfet.dvt", "pfet.dbeta"];
    let quantities = keys.iter().map(|key| lookup(key)).collect::<Result<Vec<_>, _>>().map_err(|e| list.error(e))?;
    let mut cases: Vec<Case> = Vec::new();
    for value in list.list()? {
        let word = value.string()?;
        let known = PROCESS.iter().find(|(name, ..)| *name == word).filter(|_| cases.iter().all(|c| c.name != word));
        let Some((_, n, p)) = known else { return Err(value.error("TT, FF, SS, FS or SF, each once")) };
        cases.push(Case { name: word, values: vec![-n * dvt, n * dbeta, -p * dvt, p * dbeta] });
    }
    if cases.is_empty() {
        return Err(list.error("TT, FF, SS, FS, SF or some of them"));
    }
    Ok(Axis { name, len: cases.len() as u64, points: Points::Cases(quantities, cases) })
}

fn exactly(table: Table<'_>, known: &[&str]) -> Result<(), Located> {
    table.only(known)
}

fn plain_name(value: &Value<'_>) -> Result<String, Located> {
    let name = value.string()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let good = !name.is_empty() && name.len() <= 60 && name.chars().all(plain);
    if good { Ok(name) } else { Err(value.error("a name of letters, digits and `_`, at most 60")) }
}

fn ladder_axis(table: Table<'_>, lookup: Lookup<'_>, name: Option<String>) -> Result<Axis, Located> {
    exactly(table, &["name", "quantity", "values", "from", "to", "count", "scale"])?;
    let key = table.need("quantity", "what it varies")?;
    let quantity = lookup(&key.string()?).map_err(|expected| key.error(expected))?;
    let ladder = match table.get("values") {
        Some(values) => {
            if let Some(extra) = ["from", "to", "count", "scale"].iter().find_map(|k| table.get(k)) {
                return Err(extra.error("either `values`, or `from`, `to` and `count`"));
            }
            let list = values.numbers()?;
            if list.is_empty() {
                return Err(values.error("at least one value"));
            }
            for (value, x) in values.list()?.iter().zip(&list) {
                held(value, &quantity, *x)?;
            }
            let mut seen = std::collections::HashSet::new();
            // Adding 0 makes one zero of two.
            if let Some(i) = (0..list.len()).find(|i| !seen.insert((list[*i] + 0.0).to_bits())) {
                return Err(values.error(format!("each value once; {} stands twice", list[i])));
            }
            Ladder::List(list)
        }
        None => ladder(table, &quantity)?,
    };
    let name = name.unwrap_or_else(|| quantity.name.clone());
    Ok(Axis { name, len: ladder.count(), points: Points::Values(quantity, ladder) })
}

fn ladder(table: Table<'_>, quantity: &Quantity) -> Result<Ladder, Located> {
    let (from, to, log) = ends(table, quantity)?;
    let count = table.need("count", "the number of values, both ends included")?;
    let n = count.count(2)?;
    Ok(if log { Ladder::Logarithmic(from, to, n) } else { Ladder::Linear(from, to, n) })
}

/// `from`, `to`, and whether `scale = "log"`.
fn ends(table: Table<'_>, quantity: &Quantity) -> Result<(f64, f64, bool), Located> {
    let log = table.or("scale", false, |v| v.word(&[("linear", false), ("log", true)]))?;
    let mut ends = [0.0; 2];
    for (end, name) in ends.iter_mut().zip(["from", "to"]) {
        let value = table.need(name, "the range's ends (or `values`, a list)")?;
        *end = value.number()?;
        held(&value, quantity, *end)?;
        if log && *end <= 0.0 {
            return Err(value.error("a value above 0 on a logarithmic scale"));
        }
    }
    if ends[0] == ends[1] {
        return Err(table.error(format!("a range: `from` and `to` are both {}", ends[0])));
    }
    Ok((ends[0], ends[1], log))
}

fn held(value: &Value<'_>, quantity: &Quantity, x: f64) -> Result<(), Located> {
    if quantity.holds.contains(x) {
        return Ok(());
    }
    Err(value.error(format!("{} ({}): {}", quantity.key, quantity.long_name, quantity.holds.words())))
}

fn drawn_axis(table: Table<'_>, lookup: Lookup<'_>, seed: u64, name: String) -> Result<Axis, Located> {
    exactly(table, &["name", "draw", "count", "quantities"])?;
    let draw = table.need("draw", "how")?.word(&[
        ("random", Draw::Random),
        ("latin-hypercube", Draw::LatinHypercube),
        ("sobol", Draw::Sobol),
    ])?;
    let len = table.need("count", "the number of points")?.count(1)?;
    let value = table.need("quantities", "a table of what is drawn")?;
    let mut variables = Vec::new();
    let table = value.table()?;
    let mut entries: Vec<_> = table.entries().collect();
    // By name: the order decides who gets which Sobol' dimension, and a TOML table has none.
    entries.sort_by_key(|(key, _)| key.name());
    for (key, value) in entries {
        let quantity = lookup(key.name()).map_err(|expected| key.error(expected))?;
        let distribution = distribution(value.table()?, &quantity)?;
        variables.push(Variable::new(quantity, distribution, draw, &name, seed, variables.len()));
    }
    if variables.is_empty() {
        return Err(value.error("at least one quantity"));
    }
    if draw == Draw::Sobol && variables.len() > sobol::DIMENSIONS {
        return Err(value.error(format!("at most {} quantities in a Sobol axis", sobol::DIMENSIONS)));
    }
    Ok(Axis { name, len, points: Points::Drawn(draw, variables) })
}

fn distribution(table: Table<'_>, quantity: &Quantity) -> Result<Distribution, Located> {
    if table.get("from").is_some() || table.get("to").is_some() {
        exactly(table, &["from", "to", "scale"])?;
        let (from, to, log) = ends(table, quantity)?;
        return Ok(if log { Distribution::LogUniform(from, to) } else { Distribution::Uniform(from, to) });
    }
    exactly(table, &["mean", "sd", "within"])?;
    let mean = table.need("mean", "or `from` and `to`")?.number()?;
    let sd = table.need("sd", "the standard deviation")?;
    let deviation = sd.number()?;
    if deviation <= 0.0 {
        return Err(sd.error("a standard deviation above 0"));
    }
    let within = match table.get("within") {
        None => (f64::NEG_INFINITY, f64::INFINITY),
        Some(value) => match value.numbers()?[..] {
            [lo, hi] if lo < hi => (lo, hi),
            _ => return Err(value.error("[low, high] with low < high")),
        },
    };
    let distribution = Distribution::normal(mean, deviation, within);
    let reach = (within.0.max(mean - FURTHEST * deviation), within.1.min(mean + FURTHEST * deviation));
    if reach.0 >= reach.1 {
        return Err(table.error("`within` where the normal distribution has some probability"));
    }
    for end in [reach.0, reach.1] {
        if !quantity.holds.contains(end) {
            let need = quantity.holds.words();
            return Err(table.error(format!("{}: {need}; it reaches {end}: add `within = [low, high]`", quantity.key)));
        }
    }
    Ok(distribution)
}

fn cases_axis(table: Table<'_>, lookup: Lookup<'_>, name: String) -> Result<Axis, Located> {
    exactly(table, &["name", "cases"])?;
    let list = table.need("cases", "a list of cases")?;
    let mut quantities: Vec<Quantity> = Vec::new();
    let mut cases: Vec<Case> = Vec::new();
    for value in list.list()? {
        let row = value.table()?;
        let label = row.need("name", "the case's name")?;
        let mut case = Case { name: label.string()?, values: vec![f64::NAN; quantities.len()] };
        if case.name.is_empty() || cases.iter().any(|c| c.name == case.name) {
            return Err(label.error("a name that no other case has"));
        }
        for (key, value) in row.entries().filter(|(key, _)| key.name() != "name") {
            let quantity = lookup(key.name()).map_err(|expected| key.error(expected))?;
            let x = value.number()?;
            held(&value, &quantity, x)?;
            match quantities.iter().position(|q| q.key == quantity.key) {
                Some(at) => case.values[at] = x,
                None => {
                    quantities.push(quantity);
                    case.values.push(x);
                    cases.iter_mut().for_each(|c| c.values.push(f64::NAN));
                }
            }
        }
        cases.push(case);
    }
    if cases.is_empty() || quantities.is_empty() {
        return Err(list.error("cases such as { name = \"fast\", sigma = 0.7 }"));
    }
    Ok(Axis { name, len: cases.len() as u64, points: Points::Cases(quantities, cases) })
}
