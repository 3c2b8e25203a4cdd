//! Running `felice` in a folder of its own.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What a run gave.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// What a process gives in the end.
    pub fn of(child: Child) -> Self {
        let output = child.wait_with_output().expect("it ends");
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs `felice` with these arguments in `folder`.
pub fn felice(folder: &Path, args: &[&str]) -> Ran {
    felice_with(folder, args, &[])
}

/// The same with changes to its environment.
pub fn felice_with(folder: &Path, args: &[&str], environment: &[(&str, &str)]) -> Ran {
    Ran::of(begin(folder, args, environment))
}

/// A process whose exit code and words are looked at later.
pub fn begin(folder: &Path, args: &[&str], environment: &[(&str, &str)]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_felice"))
        .args(args)
        .current_dir(folder)
        .env("FELICE_CACHE", folder.join("cache"))
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs")
}

/// Sends a process a signal, `-INT` or the like.
pub fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(sent.expect("kill is everywhere").success(), "the process has ended by itself");
}

/// Runs it and expects this exit code, every one of these words on stderr, and no panic.
pub fn refused(folder: &Path, args: &[&str], code: i32, words: &[&str]) -> Ran {
    let ran = felice(folder, args);
    assert_eq!(ran.code, Some(code), "felice {args:?}\nstdout: {}\nstderr: {}", ran.stdout, ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "felice {args:?}: {}", ran.stderr);
    for word in words {
        assert!(ran.stderr.contains(word), "felice {args:?}: no `{word}` in: {}", ran.stderr);
    }
    ran
}

/// Runs it and expects success.
pub fn done(folder: &Path, args: &[&str]) -> Ran {
    refused(folder, args, 0, &[])
}

/// Writes a file into the folder.
pub fn file(folder: &Path, name: &str, contents: impl AsRef<[u8]>) {
    std::fs::write(folder.join(name), contents).expect("a temporary folder can be written");
}

/// A folder holding one executable called `ngspice`, a shell script: what a broken simulator looks like.
pub fn broken_ngspice(folder: &Path, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin).expect("a temporary folder can be written");
    let path = bin.join("ngspice");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a temporary folder can be written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("our own file");
    format!("{}:/usr/bin:/bin", bin.display())
}

/// A file of this project.
pub fn shipped(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path).display().to_string()
}
