//! A logical line as fields: words, `=`, parentheses, and what stands in braces or quotes.

use super::lines::Line;
use super::wrong::Result;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A run of characters without blanks, commas, parentheses, quotes, braces, `=`.
    Word,
    /// `{...}` or `'...'`: an expression; the range is what stands inside.
    Group,
    /// `"..."`: the range is what stands inside.
    Text,
    Equals,
    Open,
    Close,
}

/// A field: its kind and byte range in the line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

impl Field {
    pub fn text<'a>(&self, line: &'a Line) -> &'a str {
        line.slice(self.start, self.end)
    }
}

/// The next field at or after `from`, with the offset behind it; `None` at the end of the line.
pub(super) fn next(line: &Line, from: usize) -> Result<Option<(Field, usize)>> {
    let bytes = line.text.as_bytes();
    let mut i = from;
    while bytes.get(i).is_some_and(|b| b.is_ascii_whitespace() || *b == b',') {
        i += 1;
    }
    let Some(first) = bytes.get(i) else { return Ok(None) };
    let single = |kind| Ok(Some((Field { kind, start: i, end: i + 1 }, i + 1)));
    match first {
        b'=' => single(Kind::Equals),
        b'(' => single(Kind::Open),
        b')' => single(Kind::Close),
        b'{' => {
            let end = closing_brace(bytes, i).ok_or_else(|| line.wrong(i, bytes.len(), "a closing `}`"))?;
            Ok(Some((Field { kind: Kind::Group, start: i + 1, end }, end + 1)))
        }
        quote @ (b'\'' | b'"') => {
            let length = bytes[i + 1..].iter().position(|b| b == quote);
            let end = i + 1 + length.ok_or_else(|| line.wrong(i, bytes.len(), "a closing quote"))?;
            let kind = if *quote == b'"' { Kind::Text } else { Kind::Group };
            Ok(Some((Field { kind, start: i + 1, end }, end + 1)))
        }
        _ => {
            let stops =
                |b: &u8| b.is_ascii_whitespace() || matches!(b, b',' | b'=' | b'(' | b')' | b'{' | b'\'' | b'"');
            let end = bytes[i..].iter().position(stops).map_or(bytes.len(), |n| i + n);
            Ok(Some((Field { kind: Kind::Word, start: i, end }, end)))
        }
    }
}

fn closing_brace(bytes: &[u8], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (i, b) in bytes.iter().enumerate().skip(open) {
        match b {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(i);
                }
            }
            _ => {}
        }
    }
    None
}

/// Reads a line's fields one after the other.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub line: &'a Line,
    pub at: usize,
}

impl<'a> Fields<'a> {
    pub fn new(line: &'a Line) -> Self {
        Fields { line, at: 0 }
    }

    /// The next field.
    pub fn take(&mut self) -> Result<Option<Field>> {
        Ok(next(self.line, self.at)?.map(|(field, after)| {
            self.at = after;
            field
        }))
    }

    /// The next field, left where it is.
    pub fn peek(&self) -> Result<Option<Field>> {
        Ok(next(self.line, self.at)?.map(|(field, _)| field))
    }

    /// The next field must be a word.
    pub fn word(&mut self, expected: &str) -> Result<(&'a str, Field)> {
        match self.take()? {
            Some(f) if f.kind == Kind::Word => Ok((f.text(self.line), f)),
            Some(f) => Err(self.line.wrong(f.start, f.end, expected)),
            None => Err(self.missing(expected)),
        }
    }

    /// Takes the next field where it is of that kind.
    pub fn take_if(&mut self, kind: Kind) -> Result<bool> {
        match next(self.line, self.at)? {
            Some((f, after)) if f.kind == kind => {
                self.at = after;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// A `name =` that comes next is taken and its name returned.
    pub fn take_name_equals(&mut self) -> Result<Option<(&'a str, Field)>> {
        let Some((name, after)) = next(self.line, self.at)? else { return Ok(None) };
        if name.kind != Kind::Word {
            return Ok(None);
        }
        match next(self.line, after)? {
            Some((f, behind)) if f.kind == Kind::Equals => {
                self.at = behind;
                Ok(Some((name.text(self.line), name)))
            }
            _ => Ok(None),
        }
    }

    /// Nothing may follow.
    pub fn finish(&self) -> Result<()> {
        match self.peek()? {
            Some(f) => Err(self.line.wrong(f.start, self.line.text.len(), "the end of the line")),
            None => Ok(()),
        }
    }

    /// An error for a line that ends too early.
    pub fn missing(&self, expected: &str) -> Box<super::wrong::Wrong> {
        self.line.wrong(0, self.line.text.len(), format!("{expected} at the end of this line"))
    }
}
