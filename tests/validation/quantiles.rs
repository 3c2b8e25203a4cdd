//! The distribution of an error, printed and kept: a reader sees all of it, not one pass or fail.

use std::fs::OpenOptions;
use std::io::Write;

/// q50, q99 and the maximum of some errors.
pub struct Quantiles {
    subject: String,
    n: usize,
    q: [f64; 3],
}

impl Quantiles {
    /// Of these errors (their magnitudes); prints them and appends a line to `validation.csv` in the build's scratch folder.
    pub fn of(subject: impl Into<String>, errors: impl IntoIterator<Item = f64>) -> Self {
        let mut e: Vec<f64> = errors.into_iter().map(f64::abs).collect();
        // A NaN counts as an infinite error, so that no gate lets it pass.
        e.iter_mut().filter(|x| x.is_nan()).for_each(|x| *x = f64::INFINITY);
        e.sort_by(f64::total_cmp);
        assert!(!e.is_empty(), "nothing was compared");
        let at = |f: f64| e[((e.len() - 1) as f64 * f).round() as usize];
        let it = Quantiles { subject: subject.into(), n: e.len(), q: [at(0.5), at(0.99), at(1.0)] };
        let line = format!("{},{},{:.3e},{:.3e},{:.3e}", it.subject, it.n, it.q[0], it.q[1], it.q[2]);
        println!("subject,n,q50,q99,max: {line}");
        let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/validation.csv");
        let written = OpenOptions::new().create(true).append(true).open(path).and_then(|mut f| writeln!(f, "{line}"));
        written.unwrap_or_else(|e| panic!("{path}: {e}"));
        it
    }

    /// Fails where a quantile is above its gate.
    pub fn gate(&self, q50: f64, q99: f64, max: f64) {
        for (name, value, limit) in [("q50", self.q[0], q50), ("q99", self.q[1], q99), ("max", self.q[2], max)] {
            assert!(value <= limit, "{}: {name} of {} errors is {value:.3e}, gate {limit:.3e}", self.subject, self.n);
        }
    }
}
