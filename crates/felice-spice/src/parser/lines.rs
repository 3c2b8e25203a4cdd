//! From files to logical lines: includes and library sections read in, comments gone, continuations joined; every
//! character still knows its file, line and column.

use std::path::{Path, PathBuf};

use super::wrong::{Result, Wrong};
use crate::circuit::Origin;
use crate::netlist::Netlist;

/// Includes within includes.
const MAX_INCLUDE_DEPTH: usize = 32;
/// Physical lines of a netlist with all its includes.
const MAX_LINES: usize = 20_000_000;
/// Size of one file.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// A netlist as logical lines.
pub(super) struct Deck {
    pub title: String,
    /// Files read, the netlist first.
    pub files: Vec<String>,
    pub lines: Vec<Line>,
}

/// A logical line, lower case, without comments.
#[derive(Clone)]
pub(super) struct Line {
    pub text: String,
    /// True inside `.control ... .endc`.
    pub control: bool,
    pieces: Vec<Piece>,
}

/// A stretch of a logical line that was written on one physical line.
#[derive(Clone)]
struct Piece {
    start: usize,
    origin: Origin,
}

impl Line {
    /// Where byte `offset` of the line was written.
    pub fn origin(&self, offset: usize) -> Origin {
        let after = self.pieces.partition_point(|p| p.start <= offset);
        let Some(piece) = self.pieces.get(after.saturating_sub(1)) else {
            return Origin::default();
        };
        let within = self.text.get(piece.start..offset).unwrap_or("");
        Origin { column: piece.origin.column + within.chars().count() as u32, ..piece.origin }
    }

    /// The text of a range; never panics.
    pub fn slice(&self, start: usize, end: usize) -> &str {
        self.text.get(start..end.min(self.text.len())).unwrap_or("")
    }

    /// An error about a range of the line.
    pub fn wrong(&self, start: usize, end: usize, expected: impl Into<String>) -> Box<Wrong> {
        Wrong::netlist(self.origin(start), self.slice(start, end), expected)
    }

    /// Something this parser does not know.
    pub fn unknown(&self, start: usize, end: usize, expected: impl Into<String>) -> Box<Wrong> {
        Wrong::not_understood(self.origin(start), self.slice(start, end), expected)
    }
}

/// Reads a netlist and all it includes.
pub(super) fn read(netlist: &Netlist) -> (Vec<String>, Result<Deck>) {
    let name = netlist.path().map_or("netlist".into(), |p| p.display().to_string());
    let folder = netlist.path().and_then(Path::parent).map(Path::to_owned).unwrap_or_default();
    let mut reader = Reader { files: vec![name], chain: Vec::new(), lines: Vec::new(), count: 0, control: false };
    if let Some(path) = netlist.path().and_then(|p| p.canonicalize().ok()) {
        reader.chain.push(path);
    }
    let text = netlist.text().strip_prefix('\u{feff}').unwrap_or(netlist.text());
    let (title, rest) = text.split_once('\n').unwrap_or((text, ""));
    let result = reader.body(rest, 0, 2, &folder, None);
    let files = reader.files.clone();
    let deck = Deck { title: title.trim().to_owned(), files: reader.files, lines: reader.lines };
    (files, result.map(|()| deck))
}

struct Reader {
    files: Vec<String>,
    /// Canonical paths of the files being read now, outermost first.
    chain: Vec<PathBuf>,
    lines: Vec<Line>,
    count: usize,
    control: bool,
}

/// A physical line: its text without comment, and where it starts.
struct Physical<'a> {
    text: &'a str,
    origin: Origin,
}

impl Reader {
    /// Reads a file's text; `section` restricts it to `.lib section ... .endl`.
    fn body(&mut self, text: &str, file: u32, first: u32, folder: &Path, section: Option<&str>) -> Result<()> {
        let mut open: Option<Line> = None;
        let mut active = section.is_none();
        let mut found = section.is_none();
        for (index, raw) in text.lines().enumerate() {
            self.count += 1;
            let origin = Origin { file, line: first + index as u32, column: 1 };
            if self.count > MAX_LINES {
                return Err(Wrong::netlist(origin, raw, format!("at most {MAX_LINES} lines with all includes")));
            }
            let physical = strip(raw, origin);
            if physical.text.is_empty() {
                continue;
            }
            if let Some(rest) = physical.text.strip_prefix('+') {
                let at = Origin { column: physical.origin.column + 1, ..physical.origin };
                match &mut open {
                    Some(line) => line.join(rest, at),
                    None if !active => {}
                    None => {
                        return Err(Wrong::netlist(physical.origin, physical.text, "a line to continue before it"));
                    }
                }
                continue;
            }
            self.close(&mut open, folder)?;
            let word = first_word(physical.text);
            if let (Some(wanted), ".lib" | ".endl") = (section, word.as_str()) {
                let name = nth_word(physical.text, 1);
                match (word.as_str(), name) {
                    (".endl", _) => active = false,
                    (_, Some(n)) if nth_word(physical.text, 2).is_none() => {
                        active = n.eq_ignore_ascii_case(wanted);
                        found |= active;
                    }
                    _ => open = active.then(|| Line::new(&physical, self.control)),
                }
                continue;
            }
            if !active {
                continue;
            }
            match word.as_str() {
                ".end" => break,
                ".control" => self.control = true,
                _ => {}
            }
            open = Some(Line::new(&physical, self.control));
            self.control &= word != ".endc";
        }
        self.close(&mut open, folder)?;
        if !found {
            let origin = Origin { file, line: 1, column: 1 };
            let wanted = section.unwrap_or("");
            return Err(Wrong::netlist(origin, wanted, format!("a section `.lib {wanted}` in this file")));
        }
        Ok(())
    }

    /// A logical line is complete: an include is read, anything else kept.
    fn close(&mut self, open: &mut Option<Line>, folder: &Path) -> Result<()> {
        let Some(mut line) = open.take() else { return Ok(()) };
        match first_word(&line.text).as_str() {
            ".include" | ".inc" => {
                let (start, end) = operand(&line)?;
                self.include(&line, start, end, folder, None)
            }
            ".lib" => {
                let (start, end) = operand(&line)?;
                let rest = line.slice(end, line.text.len()).trim_start_matches(['"', '\'']).trim().to_ascii_lowercase();
                if rest.is_empty() {
                    return Err(line.wrong(start, end, "`.lib FILE SECTION`"));
                }
                self.include(&line, start, end, folder, Some(&rest))
            }
            _ => {
                line.text.make_ascii_lowercase();
                self.lines.push(line);
                Ok(())
            }
        }
    }

    fn include(&mut self, line: &Line, start: usize, end: usize, folder: &Path, section: Option<&str>) -> Result<()> {
        let name = line.slice(start, end);
        let path = folder.join(name);
        let missing = |why: &str| line.wrong(start, end, format!("a file to include; {}: {why}", path.display()));
        let canonical = path.canonicalize().map_err(|e| missing(&e.to_string()))?;
        if section.is_none() && self.chain.contains(&canonical) {
            return Err(line.wrong(start, end, "an include that does not lead back to this file"));
        }
        if self.chain.len() >= MAX_INCLUDE_DEPTH {
            return Err(line.wrong(start, end, format!("includes nested at most {MAX_INCLUDE_DEPTH} deep")));
        }
        let text = read_regular(&canonical).map_err(|e| missing(&e.to_string()))?;
        self.files.push(path.display().to_string());
        let file = (self.files.len() - 1) as u32;
        let inner = path.parent().map(Path::to_owned).unwrap_or_default();
        self.chain.push(canonical);
        self.body(&text, file, 1, &inner, section)?;
        self.chain.pop();
        Ok(())
    }
}

/// Reads a regular file of bearable size; a device or a pipe would never end.
pub(crate) fn read_regular(path: &Path) -> std::io::Result<String> {
    let about = std::fs::metadata(path)?;
    if !about.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    if about.len() > MAX_FILE_BYTES {
        return Err(std::io::Error::other("larger than 1 GiB"));
    }
    Ok(String::from_utf8_lossy(&std::fs::read(path)?).into_owned())
}

impl Line {
    fn new(physical: &Physical<'_>, control: bool) -> Self {
        let pieces = vec![Piece { start: 0, origin: physical.origin }];
        Line { text: physical.text.to_owned(), control, pieces }
    }

    fn join(&mut self, text: &str, origin: Origin) {
        self.text.push(' ');
        self.pieces.push(Piece { start: self.text.len(), origin });
        self.text.push_str(text);
    }
}

/// Takes comment and blanks off a physical line.
fn strip(raw: &str, origin: Origin) -> Physical<'_> {
    let raw = raw.trim_end_matches('\r');
    let trimmed = raw.trim_start();
    let indent = raw.len() - trimmed.len();
    let column = 1 + raw[..indent].chars().count() as u32;
    let text = if trimmed.starts_with('*') { "" } else { &trimmed[..comment_start(trimmed)] };
    Physical { text: text.trim_end(), origin: Origin { column, ..origin } }
}

/// Where an inline comment starts: `;`, `//`, or a `$` that stands alone. Not within double quotes.
fn comment_start(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut quoted = false;
    for (i, c) in bytes.iter().enumerate() {
        let blank = |j: usize| bytes.get(j).is_none_or(u8::is_ascii_whitespace);
        match c {
            b'"' => quoted = !quoted,
            b';' if !quoted => return i,
            b'/' if !quoted && bytes.get(i + 1) == Some(&b'/') => return i,
            b'$' if !quoted && (i == 0 || blank(i - 1)) && blank(i + 1) => return i,
            _ => {}
        }
    }
    text.len()
}

fn first_word(text: &str) -> String {
    nth_word(text, 0).unwrap_or("").to_ascii_lowercase()
}

fn nth_word(text: &str, n: usize) -> Option<&str> {
    text.split_whitespace().nth(n)
}

/// Range of the second word, or of what stands in quotes.
fn operand(line: &Line) -> Result<(usize, usize)> {
    let text = &line.text;
    let keyword = text.find(char::is_whitespace).unwrap_or(text.len());
    let start = keyword + text[keyword..].len() - text[keyword..].trim_start().len();
    let rest = &text[start..];
    let (start, length) = match rest.chars().next() {
        Some(q @ ('"' | '\'')) => (start + 1, rest[1..].find(q)),
        Some(_) => (start, Some(rest.find(char::is_whitespace).unwrap_or(rest.len()))),
        None => return Err(line.wrong(0, text.len(), "a file name after it")),
    };
    match length {
        Some(n) if n > 0 => Ok((start, start + n)),
        _ => Err(line.wrong(start.saturating_sub(1), text.len(), "a file name, its quotes closed")),
    }
}
