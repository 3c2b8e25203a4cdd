//! `felice merge`: shards into the file that one machine alone would have written.

use std::path::Path;

use felice_store::Reader;

use crate::run::{done, file, refused};
use crate::sweep::{SPIKING, content};

fn shards(at: &Path, study: &str, n: usize) -> Vec<String> {
    file(at, "s.toml", study);
    let name = |i| format!("part-{i}.h5");
    for i in 0..n {
        done(at, &["sweep", "s.toml", "--output", &name(i), "--shard", &format!("{i}/{n}")]);
    }
    (0..n).map(name).collect()
}

fn merge<'a>(parts: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["merge"];
    args.extend(parts.iter().map(String::as_str));
    args.extend(more);
    args
}

/// Every number and text of a file, dataset by dataset, as bits.
fn all(at: &Path, name: &str) -> Vec<(String, Vec<usize>, Vec<u64>)> {
    let reader = Reader::open(&at.join(name)).unwrap();
    let mut found = Vec::new();
    for group in ["", "spikes", "failures"] {
        for set in reader.datasets(group).unwrap_or_default() {
            let path = format!("{group}/{set}");
            if let Ok(numbers) = reader.numbers(&path) {
                found.push((path.clone(), reader.shape(&path).unwrap(), numbers.iter().map(|x| x.to_bits()).collect()));
            }
        }
    }
    found.sort();
    found
}

const FAILING: &str = r#"
title = "some fail"
[model]
name = "wererabbit"
initial = { u = 0.35, v = 0.12 }
t_end = 5.0
[[axis]]
quantity = "initial.u"
values = [0.35, 40.0, 0.36, 50.0, 0.37]
[[axis]]
quantity = "sigma"
from = 0.5
to = 0.7
count = 3
"#;

#[test]
fn regress_merged_shards_are_the_unsharded_run() {
    for (study, n) in [(SPIKING.replace("count = 40", "count = 7"), 9), (FAILING.to_owned(), 4)] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let mut parts = shards(at, &study, n);
        parts.reverse();
        done(at, &["sweep", "s.toml", "--output", "whole.h5"]);
        done(at, &merge(&parts, &["--output", "merged.h5"]));
        done(at, &merge(&parts, &["--output", "virtual.h5", "--virtual"]));
        let whole = all(at, "whole.h5");
        assert!(whole.len() > 8);
        for name in ["merged.h5", "virtual.h5"] {
            assert!(all(at, name) == whole, "{name}");
            assert_eq!(content(at, name), content(at, "whole.h5"), "{name}");
            assert!(at.join(name.replace(".h5", ".datasheet.md")).exists());
        }
        // A virtual file without one of its shards is found out, and so is one with another's numbers in it.
        std::fs::remove_file(at.join(&parts[0])).unwrap();
        refused(at, &["inspect", "virtual.h5", "--verify"], 4, &["virtual.h5", "shard"]);
        content(at, "merged.h5");
    }
}

#[test]
fn regress_shards_that_do_not_belong_together_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let parts = shards(at, FAILING, 3);
    file(at, "other.toml", FAILING.replace("to = 0.7", "to = 0.71"));
    done(at, &["sweep", "other.toml", "--output", "other.h5", "--shard", "1/3"]);
    done(at, &["sweep", "s.toml", "--output", "quarter.h5", "--shard", "1/4"]);
    done(at, &["sweep", "s.toml", "--output", "whole.h5"]);
    done(at, &["simulate", "wererabbit", "--t-end", "1", "--output", "run.h5"]);
    file(at, "out.h5", "not to be touched");
    let with = |third: &str| {
        let mut parts = parts.clone();
        parts[1] = third.to_owned();
        parts
    };
    let out = ["--output", "out.h5"];
    refused(at, &merge(&with("other.h5"), &out), 2, &["other.h5", "study's hash", "part-0.h5"]);
    refused(at, &merge(&with("quarter.h5"), &out), 2, &["quarter.h5", "number of shards is 4"]);
    refused(at, &merge(&with("whole.h5"), &out), 2, &["whole.h5", "is no shard"]);
    refused(at, &merge(&with("run.h5"), &out), 2, &["run.h5", "no dataset of a study"]);
    refused(at, &merge(&with("part-0.h5"), &out), 2, &["shard 0 and so is `part-0.h5`"]);
    refused(at, &merge(&parts[..2], &out), 2, &["1 of them are missing: 2"]);
    refused(at, &merge(&with("gone.h5"), &out), 4, &["gone.h5"]);
    refused(at, &merge(&with("s.toml"), &out), 4, &["s.toml", "does not begin like an HDF5 file"]);
    refused(at, &merge(&parts, &["--output", "part-1.h5"]), 2, &["a shard and the output at once"]);
    refused(at, &merge(&parts, &["--output", "no/out.h5"]), 4, &["no"]);
    let whole = std::fs::read(at.join("part-1.h5")).unwrap();
    for (i, byte) in [200, whole.len() / 2, whole.len() - 200].into_iter().enumerate() {
        let mut bytes = whole.clone();
        bytes[byte] ^= 1 << i;
        file(at, "bad.h5", &bytes);
        refused(at, &merge(&with("bad.h5"), &out), 4, &["bad.h5", "is damaged"]);
        file(at, "bad.h5", &whole[..byte]);
        refused(at, &merge(&with("bad.h5"), &out), 4, &["bad.h5"]);
    }
    assert_eq!(std::fs::read_to_string(at.join("out.h5")).unwrap(), "not to be touched");
    assert!(!at.join("out.h5.partial").exists());
}
