//! Where a file came from: the attributes that every root carries.

use std::path::Path;
use std::time::SystemTime;

use crate::digest::sha256_hex;
use crate::error::StoreError;

/// One input file and the hash of the bytes that were read from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The file as the user named it.
    pub name: String,
    /// SHA-256, 64 hexadecimal digits.
    pub sha256: String,
}

impl Input {
    /// An input whose bytes are already in memory.
    pub fn of(name: impl Into<String>, bytes: impl AsRef<[u8]>) -> Self {
        Input { name: name.into(), sha256: sha256_hex(bytes) }
    }

    /// An input read from disk for its hash.
    ///
    /// # Errors
    /// [`StoreError::Read`] where it cannot be read.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let bytes = std::fs::read(path).map_err(|e| StoreError::read_io(path, &e))?;
        Ok(Input::of(path.display().to_string(), bytes))
    }
}

/// Who made a file, how, and from what. `created` alone differs between two runs of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// Name, version and commit of the program, three words.
    pub creator: String,
    /// The command as typed.
    pub command_line: String,
    /// When.
    pub created: SystemTime,
    /// Seed of all random numbers, 0 where none were drawn.
    pub seed: u64,
    /// Names and versions of the simulators that ran, empty where none did.
    pub engines: Vec<(String, String)>,
    /// Every input file.
    pub inputs: Vec<Input>,
}

impl Provenance {
    /// Provenance of something made now by this program, from the process' own command line.
    pub fn new(name: &str, version: &str, commit: &str) -> Self {
        Provenance {
            creator: format!("{name} {version} {commit}"),
            command_line: command_line(),
            created: SystemTime::now(),
            seed: 0,
            engines: Vec::new(),
            inputs: Vec::new(),
        }
    }

    /// Adds an input file, once.
    pub fn add_input(&mut self, input: Input) {
        if !self.inputs.contains(&input) {
            self.inputs.push(input);
        }
    }

    /// Adds a simulator, once.
    pub fn add_engine(&mut self, name: &str, version: &str) {
        let engine = (name.to_owned(), version.to_owned());
        if !self.engines.contains(&engine) {
            self.engines.push(engine);
        }
    }

    /// `created` in RFC 3339, UTC, whole seconds.
    pub fn created_rfc3339(&self) -> String {
        humantime::format_rfc3339_seconds(self.created).to_string()
    }

    /// The inputs as `sha256sum` prints them, in order of name.
    pub fn input_lines(&self) -> Vec<String> {
        let mut lines: Vec<(&str, String)> =
            self.inputs.iter().map(|i| (i.name.as_str(), format!("{}  {}", i.sha256, i.name))).collect();
        lines.sort();
        lines.into_iter().map(|(_, line)| line).collect()
    }
}

/// The process' command line, quoted so that a shell reads it back; the program without its folder, which differs from
/// machine to machine.
fn command_line() -> String {
    let mut words: Vec<String> = std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect();
    if let Some(program) = words.first_mut() {
        *program = program.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    }
    words.iter().map(|w| quote(w)).collect::<Vec<_>>().join(" ")
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quote("--param"), "--param");
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
    }

    #[test]
    fn inputs_and_engines_stand_once_and_sorted() {
        let mut p = Provenance::new("felice", "0.1.0", "unknown");
        p.add_input(Input::of("b.toml", "x"));
        p.add_input(Input::of("a.cir", "y"));
        p.add_input(Input::of("b.toml", "x"));
        p.add_engine("ngspice", "39");
        p.add_engine("ngspice", "39");
        assert_eq!(p.engines.len(), 1);
        let lines = p.input_lines();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with("  a.cir"));
        assert_eq!(&lines[1][..8], "2d711642", "SHA-256 of \"x\" as sha256sum prints it");
    }
}
