//! Hashes of inputs and of all data in a file.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::number::Number;

/// SHA-256 as 64 hexadecimal digits, as `sha256sum` prints it.
pub fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(bytes))
}

/// A SHA-256 that is fed piece by piece.
#[derive(Clone, Debug, Default)]
pub struct Digest(Sha256);

impl Digest {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        sha2::Digest::update(&mut self.0, bytes);
    }

    /// The 32 bytes of the hash.
    pub fn finish(self) -> Vec<u8> {
        self.0.finalize().to_vec()
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

pub(crate) fn hash_values<T: Number>(hasher: &mut Sha256, values: &[T]) {
    let mut bytes = Vec::with_capacity(8 * 8192);
    for block in values.chunks(8192) {
        bytes.clear();
        block.iter().for_each(|v| v.append_le(&mut bytes));
        hasher.update(&bytes);
    }
}

pub(crate) fn hash_texts<'a>(hasher: &mut Sha256, texts: impl Iterator<Item = &'a str>) {
    texts.for_each(|t| {
        hasher.update(t);
        hasher.update([0]);
    });
}

/// The hash over all datasets of a file: SHA-256 over one line a dataset, in the byte order of their paths,
///
/// ```text
/// PATH TAB TYPE TAB SHAPE TAB SHA256-OF-DATA LF
/// ```
///
/// TYPE as numpy spells it (`<f8`, `<f4`, `<u8`, `<i8`, `|u1`, `str`), SHAPE as numbers joined by `,`, data little
/// endian in row order, strings in UTF-8 with a NUL byte after each.
#[derive(Debug, Default)]
pub(crate) struct Contents(BTreeMap<String, String>);

impl Contents {
    pub(crate) fn record(&mut self, path: &str, kind: &str, shape: &[usize], data_sha256: &[u8]) {
        let shape: Vec<String> = shape.iter().map(ToString::to_string).collect();
        let line = format!("{path}\t{kind}\t{}\t{}\n", shape.join(","), hex(data_sha256));
        self.0.insert(path.to_owned(), line);
    }

    /// Notes a dataset whose data are still to come.
    pub(crate) fn begin(&mut self, path: &str) {
        self.0.insert(path.to_owned(), String::new());
    }

    /// A dataset that was begun and never recorded.
    pub(crate) fn unfinished(&self) -> Option<&str> {
        self.0.iter().find(|(_, line)| line.is_empty()).map(|(path, _)| path.as_str())
    }

    pub(crate) fn sha256_hex(&self) -> String {
        let mut hasher = Sha256::new();
        self.0.values().for_each(|line| hasher.update(line));
        hex(&hasher.finalize())
    }

    /// Every path with its line, empty while its data are still to come.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(path, line)| (path.as_str(), line.as_str()))
    }

    pub(crate) fn from_lines(lines: impl IntoIterator<Item = (String, String)>) -> Self {
        Contents(lines.into_iter().collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
