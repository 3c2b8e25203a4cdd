//! Places in a source text (netlist, card, case, study, CSV) and errors that point at them.

use std::fmt;

/// A place in a text file: lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// File as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

impl Place {
    /// The place of byte `offset` in `text` (clamped to the text, and to a character boundary).
    pub fn at_byte(file: impl Into<String>, text: &str, offset: usize) -> Self {
        let mut end = offset.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &text[..end];
        let start = before.rfind('\n').map_or(0, |i| i + 1);
        Place { file: file.into(), line: before.matches('\n').count() + 1, column: before[start..].chars().count() + 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// What is wrong at a place: the offending text and what was expected instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: found `{found}`, expected {expected}")]
pub struct Located {
    /// Where.
    pub place: Place,
    /// The offending text, shortened where it is long.
    pub found: String,
    /// What would have been right.
    pub expected: String,
}

impl Located {
    /// An error at a place; `found` is cut to 60 characters and kept on one line.
    pub fn new(place: Place, found: &str, expected: impl Into<String>) -> Self {
        let mut short: String = found.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
        if found.chars().nth(60).is_some() {
            short.push('…');
        }
        Located { place, found: short, expected: expected.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let text = "κ = 1\nα = x";
        let place = Place::at_byte("card.toml", text, text.find('x').unwrap());
        assert_eq!(place.to_string(), "card.toml:2:5");
        assert_eq!(Place::at_byte("f", text, 10_000).line, 2);
        assert_eq!(Place::at_byte("f", text, 1).column, 1);
    }

    #[test]
    fn long_findings_are_cut() {
        let e = Located::new(Place::at_byte("f", "", 0), &"x".repeat(100), "y");
        assert_eq!(e.found.chars().count(), 61);
    }
}
