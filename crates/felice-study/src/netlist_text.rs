//! A netlist and everything it includes as one text, which a dataset can keep and an engine can run anywhere.

use std::path::{Component, Path, PathBuf};

use felice_base::{Located, Place};
use felice_spice::SpiceError;

use crate::error::StudyError;

/// Includes within includes.
const DEEPEST: usize = 32;
/// Lines of a netlist with all its includes.
const MOST_LINES: usize = 2_000_000;

/// One text, and where each of its lines was written.
#[derive(Clone, Debug)]
pub struct NetlistText {
    /// The text.
    pub text: String,
    /// File (an index into `files`) and line of each line.
    origins: Vec<(usize, usize)>,
    files: Vec<String>,
}

/// Gives the text of a file by the name it would have beside the study.
pub type Open<'o> = &'o mut dyn FnMut(&str) -> Result<String, StudyError>;

impl NetlistText {
    /// Reads a netlist called `name` and what it includes.
    ///
    /// # Errors
    /// [`StudyError`]: what `open` says; [`StudyError::Study`] where an include cannot be read as one.
    pub fn read(name: &str, open: Open<'_>) -> Result<Self, StudyError> {
        let mut all = NetlistText { text: String::new(), origins: Vec::new(), files: Vec::new() };
        all.file(name, None, open, &mut Vec::new())?;
        Ok(all)
    }

    fn file(
        &mut self,
        name: &str,
        section: Option<&str>,
        open: Open<'_>,
        chain: &mut Vec<String>,
    ) -> Result<(), StudyError> {
        let text = open(name)?;
        let file = self.files.len();
        self.files.push(name.to_owned());
        chain.push(name.to_owned());
        let mut active = section.is_none();
        for (i, line) in text.strip_prefix('\u{feff}').unwrap_or(&text).lines().enumerate() {
            if self.origins.len() > MOST_LINES {
                return Err(self.wrong(file, i, line, format!("at most {MOST_LINES} lines with all includes")).into());
            }
            // The first line of a netlist is its title, whatever it says.
            let (word, rest) = if i == 0 && chain.len() == 1 { (String::new(), "") } else { first_word(line) };
            match (word.as_str(), section) {
                (".lib", Some(wanted)) if !rest.trim().contains(char::is_whitespace) => {
                    active = rest.trim().eq_ignore_ascii_case(wanted);
                    continue;
                }
                (".endl", Some(_)) => {
                    active = false;
                    continue;
                }
                _ if !active => continue,
                // What an included file says after its end is not part of it; nor does it end the netlist.
                (".end", _) if chain.len() > 1 => break,
                (".include" | ".inc" | ".lib", _) => {
                    let Some((inner, after)) = operand(rest) else {
                        return Err(self.wrong(file, i, line, "a file name after it").into());
                    };
                    let wanted = after.trim().to_ascii_lowercase();
                    let wanted = (word == ".lib").then_some(wanted.as_str());
                    let inner = beside(name, inner);
                    let circle = chain.contains(&inner) && wanted.is_none();
                    if circle || chain.len() > DEEPEST {
                        return Err(self.wrong(file, i, line, "an include that does not lead back to itself").into());
                    }
                    self.file(&inner, wanted, open, chain)?;
                    continue;
                }
                _ => {}
            }
            self.text.push_str(line);
            self.text.push('\n');
            self.origins.push((file, i + 1));
        }
        chain.pop();
        Ok(())
    }

    fn wrong(&self, file: usize, line: usize, found: &str, expected: impl Into<String>) -> Located {
        let name = self.files.get(file).cloned().unwrap_or_default();
        Located::new(Place { file: name, line: line + 1, column: 1 }, found.trim(), expected)
    }

    /// An error in this text as one in the file that was read.
    pub fn locate(&self, error: SpiceError) -> StudyError {
        let moved = |mut at: Located| {
            if let Some((file, line)) = self.origins.get(at.place.line.saturating_sub(1)) {
                at.place.file = self.files[*file].clone();
                at.place.line = *line;
            }
            at
        };
        match error {
            SpiceError::Netlist(at) => SpiceError::Netlist(moved(at)).into(),
            SpiceError::NotUnderstood(at) => SpiceError::NotUnderstood(moved(at)).into(),
            other => other.into(),
        }
    }

    /// The text at another temperature (K): its own `.temp` lines make way for one.
    pub fn at_temperature(&self, kelvin: f64) -> String {
        let mut out = String::with_capacity(self.text.len() + 32);
        let mut told = false;
        let tell = |out: &mut String| out.push_str(&format!(".temp {:e}\n", kelvin - 273.15));
        for (i, line) in self.text.lines().enumerate() {
            let (word, _) = if i == 0 { (String::new(), "") } else { first_word(line) };
            match word.as_str() {
                ".temp" => continue,
                ".end" if !told => {
                    tell(&mut out);
                    told = true;
                }
                _ => {}
            }
            out.push_str(line);
            out.push('\n');
        }
        if !told {
            tell(&mut out);
        }
        out
    }
}

/// The first word in lower case, and what follows it.
fn first_word(line: &str) -> (String, &str) {
    let line = line.trim();
    let end = line.find(char::is_whitespace).unwrap_or(line.len());
    (line[..end].to_ascii_lowercase(), &line[end..])
}

/// A file name, in quotes or not, and what follows it.
fn operand(rest: &str) -> Option<(&str, &str)> {
    let rest = rest.trim();
    let quote = rest.chars().next()?;
    if matches!(quote, '"' | '\'') {
        let end = rest[1..].find(quote)? + 1;
        return (end > 1).then(|| (&rest[1..end], &rest[end + 1..]));
    }
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    Some((&rest[..end], &rest[end..]))
}

/// The name of a file that `from` names, without detours.
pub fn beside(from: &str, name: &str) -> String {
    let joined = Path::new(from).parent().unwrap_or(Path::new("")).join(name);
    let mut plain: Vec<Component<'_>> = Vec::new();
    for part in joined.components() {
        match (part, plain.last()) {
            (Component::CurDir, _) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => drop(plain.pop()),
            _ => plain.push(part),
        }
    }
    plain.iter().collect::<PathBuf>().display().to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<NetlistText, StudyError> {
        let files: BTreeMap<&str, &str> = files.iter().copied().collect();
        NetlistText::read(files.keys().next().unwrap(), &mut |name| {
            let missing = || StudyError::request(format!("no file {name}"), "name one");
            files.get(name).map(|t| (*t).to_owned()).ok_or_else(missing)
        })
    }

    #[test]
    fn includes_are_written_in_and_errors_keep_their_place() {
        let main = ".include is the title\n.include \"lib/r.lib\"\n.lib lib/s.lib fast\n.temp 50\n.end\n";
        let sections = "* sections\n.lib slow\nr3 a 0 1\n.endl\n.lib fast\nr3 a 0 bad\n.endl\n";
        let all = read(&[("a.cir", main), ("lib/r.lib", "r1 a 0 1k\n.end\nr2\n"), ("lib/s.lib", sections)]).unwrap();
        assert_eq!(all.text, ".include is the title\nr1 a 0 1k\nr3 a 0 bad\n.temp 50\n.end\n");
        let found = Located::new(Place { file: "netlist".into(), line: 3, column: 8 }, "bad", "a number");
        assert!(all.locate(SpiceError::Netlist(found)).to_string().starts_with("lib/s.lib:6:8: found `bad`"));
        let hot = all.at_temperature(373.15);
        assert!(hot.ends_with("r3 a 0 bad\n.temp 1e2\n.end\n"), "{hot}");
    }

    #[test]
    fn circles_and_missing_files_are_errors() {
        let circle = read(&[("a.cir", "t\n.include a.cir\n")]).unwrap_err().to_string();
        assert!(circle.contains("a.cir:2:1") && circle.contains("back to itself"), "{circle}");
        assert!(read(&[("a.cir", "t\n.include\n")]).unwrap_err().to_string().contains("a file name after it"));
        assert!(read(&[("a.cir", "t\n.include no.lib\n")]).unwrap_err().to_string().contains("no file no.lib"));
        assert_eq!(beside("../netlists/w/ekv.cir", "../lib/ekv.lib"), "../netlists/lib/ekv.lib");
    }
}
