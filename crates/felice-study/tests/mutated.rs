//! Study files with words put in, taken out and exchanged: read, or refused with a place.
#![allow(clippy::unwrap_used)] // Helpers of tests, outside the test functions that clippy knows.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{FAILING, STUDY};
use felice_study::{Study, StudyError};
use proptest::prelude::*;

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/studies")
}

fn studies() -> Vec<String> {
    let mut paths: Vec<PathBuf> = fs::read_dir(shipped()).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "toml"));
    paths.sort();
    let mut texts: Vec<String> = paths.iter().map(|p| fs::read_to_string(p).unwrap()).collect();
    texts.push(STUDY.into());
    texts.push(FAILING.into());
    texts
}

const WORDS: [&str; 24] = [
    "nan",
    "inf",
    "-1",
    "0",
    "1e400",
    "-0.0",
    "9223372036854775807",
    "99999999999999999999",
    "\"\"",
    "[]",
    "{}",
    "true",
    "\"u\"",
    "[[axis]]",
    "quantity",
    "\n",
    "=",
    "{ from = 1, to = 1 }",
    "[1, 1]",
    "1979-05-27",
    "\u{0}",
    "κ",
    "\"../studies\"",
    "\"initial.v\"",
];

/// A text with words put in, taken out and exchanged.
fn mutated() -> impl Strategy<Value = String> {
    let studies = studies();
    let change = (any::<prop::sample::Index>(), 0..WORDS.len(), 0..4_u8, any::<prop::sample::Index>());
    (0..studies.len(), prop::collection::vec(change, 1..6)).prop_map(move |(which, changes)| {
        let mut text = studies[which].clone();
        for (place, word, kind, other) in changes {
            let words: Vec<(usize, usize)> = spans(&text);
            let (start, end) = words[place.index(words.len())];
            let (a, b) = words[other.index(words.len())];
            let new = match kind {
                0 => WORDS[word].to_owned(),
                1 => String::new(),
                2 => text[a..b].to_owned(),
                _ => format!("{}{}", &text[start..end], WORDS[word]),
            };
            text.replace_range(start..end, &new);
            if text.is_empty() {
                text.push('\n');
            }
        }
        text
    })
}

/// Words, numbers and signs of a text; all of it where it has none.
fn spans(text: &str) -> Vec<(usize, usize)> {
    let kind = |c: char| {
        if c.is_alphanumeric() || matches!(c, '_' | '.' | '-') {
            1
        } else if c.is_whitespace() {
            0
        } else {
            2
        }
    };
    let mut spans = Vec::new();
    let mut open: Option<(usize, u8)> = None;
    for (i, c) in text.char_indices() {
        let k = kind(c);
        if open.is_none_or(|(_, before)| before != k || k == 2) {
            spans.extend(open.filter(|(_, k)| *k != 0).map(|(start, _)| (start, i)));
            open = Some((i, k));
        }
    }
    spans.extend(open.filter(|(_, k)| *k != 0).map(|(start, _)| (start, text.len())));
    if spans.is_empty() { vec![(0, text.len())] } else { spans }
}

fn cases() -> u32 {
    std::env::var("FELICE_PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn prop_mutated_studies_are_read_or_refused_with_a_place(text in mutated()) {
        let open = |name: &str| felice_store::read_plain(&shipped().join(name));
        match Study::parse(&text, "s.toml", &open) {
            Ok(study) => {
                let n = study.points();
                prop_assert!((1..=1_000_000_000_000).contains(&n), "{n} points");
                for i in [0, n / 2, n - 1] {
                    prop_assert_eq!(study.unit_points(i, 1).count, 1);
                    let words = study.describe_point(i);
                    prop_assert_eq!(study.axes.is_empty(), words.is_empty());
                }
            }
            Err(StudyError::Study(at)) => {
                prop_assert!(at.place.line >= 1 && at.place.line <= text.lines().count().max(1) + 1);
                prop_assert!(at.place.file.starts_with("s.toml") || at.place.file.contains('.'), "{at}");
                prop_assert!(!at.expected.is_empty());
            }
            Err(other) => prop_assert!(!other.to_string().is_empty()),
        }
    }
}
