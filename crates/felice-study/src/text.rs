//! Walking through a TOML text so that every error says where.

use std::ops::Range as Span;

use felice_base::{Located, Place};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A text and what its file is called.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    pub text: &'a str,
    pub file: &'a str,
}

impl<'a> Text<'a> {
    /// An error at a place in this text.
    pub fn error(&self, span: Span<usize>, expected: impl Into<String>) -> Located {
        let start = span.start.min(self.text.len());
        let found = self.text.get(start..span.end.min(self.text.len())).unwrap_or_default();
        Located::new(Place::at_byte(self.file, self.text, start), found, expected)
    }

    /// The document's tables.
    pub fn parse(&self) -> Result<Spanned<DeTable<'a>>, Located> {
        DeTable::parse(self.text).map_err(|e| {
            let expected = format!("TOML: {}", e.message().replace('\n', " "));
            self.error(e.span().unwrap_or(0..0), expected)
        })
    }
}

/// A table within a text.
#[derive(Clone, Copy)]
pub struct Table<'t> {
    pub text: Text<'t>,
    table: &'t DeTable<'t>,
    span: (usize, usize),
}

/// A value within a text.
#[derive(Clone, Copy)]
pub struct Value<'t> {
    pub text: Text<'t>,
    value: &'t Spanned<DeValue<'t>>,
}

/// A key within a text.
#[derive(Clone, Copy)]
pub struct Key<'t> {
    pub text: Text<'t>,
    key: &'t Spanned<std::borrow::Cow<'t, str>>,
}

impl<'t> Key<'t> {
    pub fn name(&self) -> &'t str {
        self.key.get_ref()
    }

    pub fn error(&self, expected: impl Into<String>) -> Located {
        self.text.error(self.key.span(), expected)
    }
}

impl<'t> Table<'t> {
    pub fn root(text: Text<'t>, table: &'t Spanned<DeTable<'t>>) -> Self {
        Table { text, table: table.get_ref(), span: (0, 0) }
    }

    /// Its entries.
    pub fn entries(&self) -> impl Iterator<Item = (Key<'t>, Value<'t>)> {
        let text = self.text;
        self.table.iter().map(move |(key, value)| (Key { text, key }, Value { text, value }))
    }

    /// Fails at the first key that is none of these.
    pub fn only(&self, known: &[&str]) -> Result<(), Located> {
        match self.entries().find(|(key, _)| !known.contains(&key.name())) {
            Some((key, _)) => Err(key.error(format!("one of {}", listed(known)))),
            None => Ok(()),
        }
    }

    /// The value of a key.
    pub fn get(&self, name: &str) -> Option<Value<'t>> {
        self.entries().find(|(key, _)| key.name() == name).map(|(_, value)| value)
    }

    /// The value of a key that must be there.
    pub fn need(&self, name: &str, what: &str) -> Result<Value<'t>, Located> {
        self.get(name).ok_or_else(|| self.error(format!("`{name}`, {what}")))
    }

    /// An error about the whole table.
    pub fn error(&self, expected: impl Into<String>) -> Located {
        self.text.error(self.span.0..self.span.1, expected)
    }

    /// The value of a key read by `read`, or what stands for it.
    pub fn or<T>(
        &self,
        name: &str,
        default: T,
        read: impl FnOnce(Value<'t>) -> Result<T, Located>,
    ) -> Result<T, Located> {
        self.get(name).map_or(Ok(default), read)
    }
}

impl<'t> Value<'t> {
    /// An error at this value.
    pub fn error(&self, expected: impl Into<String>) -> Located {
        self.text.error(self.value.span(), expected)
    }

    pub fn table(&self) -> Result<Table<'t>, Located> {
        let span = self.value.span();
        let table = self.value.get_ref().as_table().ok_or_else(|| self.error("a table"))?;
        Ok(Table { text: self.text, table, span: (span.start, span.end) })
    }

    pub fn string(&self) -> Result<String, Located> {
        self.value.get_ref().as_str().map(str::to_owned).ok_or_else(|| self.error("a string"))
    }

    pub fn boolean(&self) -> Result<bool, Located> {
        match self.value.get_ref() {
            DeValue::Boolean(b) => Ok(*b),
            _ => Err(self.error("true or false")),
        }
    }

    /// A finite number.
    pub fn number(&self) -> Result<f64, Located> {
        let number = match self.value.get_ref() {
            DeValue::Float(f) => f.as_str().replace('_', "").parse::<f64>().ok(),
            DeValue::Integer(_) => self.integer().ok().map(|i| i as f64),
            _ => None,
        };
        number.filter(|n| n.is_finite()).ok_or_else(|| self.error("a finite number"))
    }

    pub fn integer(&self) -> Result<i64, Located> {
        let DeValue::Integer(i) = self.value.get_ref() else { return Err(self.error("a whole number")) };
        i64::from_str_radix(&i.as_str().replace('_', ""), i.radix())
            .map_err(|_| self.error("a whole number within 64 bits"))
    }

    /// A whole number of at least `least`.
    pub fn count(&self, least: u64) -> Result<u64, Located> {
        let expected = format!("a whole number of at least {least}");
        let n = self.integer().map_err(|_| self.error(expected.as_str()))?;
        u64::try_from(n).ok().filter(|n| *n >= least).ok_or_else(|| self.error(expected))
    }

    pub fn list(&self) -> Result<Vec<Value<'t>>, Located> {
        let text = self.text;
        let array = self.value.get_ref().as_array().ok_or_else(|| self.error("a list in [ ]"))?;
        Ok(array.iter().map(|value| Value { text, value }).collect())
    }

    pub fn numbers(&self) -> Result<Vec<f64>, Located> {
        self.list()?.iter().map(Value::number).collect()
    }

    pub fn strings(&self) -> Result<Vec<String>, Located> {
        self.list()?.iter().map(Value::string).collect()
    }

    /// One of these words.
    pub fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, Located> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let found = self.string()?;
        let known = words.iter().find(|(name, _)| *name == found);
        known.map(|(_, value)| *value).ok_or_else(|| self.error(format!("one of {}", listed(&names))))
    }
}

/// Names in backquotes, joined by commas.
pub fn listed<S: AsRef<str>>(names: &[S]) -> String {
    names.iter().map(|n| format!("`{}`", n.as_ref())).collect::<Vec<_>>().join(", ")
}
