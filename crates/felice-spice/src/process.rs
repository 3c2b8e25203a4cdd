//! Running another program with a time limit, and leaving nothing of it behind.
//!
//! The program leads a process group of its own. The group is ended when the program ends or its time is up, and (on
//! Linux) when the thread that started it dies, so that not even a killed felice leaves a simulator running.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// Of what a program says, this much of the beginning and as much of the end is kept.
const KEPT: usize = 128 * 1024;

/// Starting is tried this often where the system was short of something.
const ATTEMPTS: u32 = 4;

/// What became of a program.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// How it ended, in words; `None` where it ran out of time.
    pub ended: Option<String>,
}

/// Runs `program arguments` in `folder`, with nothing on its standard input, for at most `limit`.
pub(crate) fn run(program: &Path, arguments: &[&str], folder: &Path, limit: Duration) -> io::Result<Outcome> {
    let mut child = start(program, arguments, folder)?;
    let stdout = child.stdout.take().map(collect);
    let stderr = child.stderr.take().map(collect);
    let finished = wait(&child, limit);
    // The leader has not been reaped, so its number still names this group and no other.
    if let Some(pid) = Pid::from_raw(child.id() as i32) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
    let status = child.wait()?;
    let ended = finished?.then(|| status.to_string());
    Ok(Outcome { stdout: text(stdout), stderr: text(stderr), ended })
}

/// Starts the program; tries again where the fault is the system's momentary one.
fn start(program: &Path, arguments: &[&str], folder: &Path) -> io::Result<Child> {
    let mut attempt = 1;
    loop {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).env("HOME", folder).env("LC_ALL", "C");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        isolate(&mut command);
        match command.spawn() {
            Err(e) if attempt < ATTEMPTS && momentary(&e) => {
                std::thread::sleep(Duration::from_millis(50 << attempt));
                attempt += 1;
            }
            other => return other,
        }
    }
}

fn momentary(e: &io::Error) -> bool {
    use io::ErrorKind::{ExecutableFileBusy, Interrupted, OutOfMemory, WouldBlock};
    matches!(e.kind(), ExecutableFileBusy | Interrupted | OutOfMemory | WouldBlock)
}

#[allow(unsafe_code)]
fn isolate(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
    #[cfg(target_os = "linux")]
    // SAFETY: the closure runs between fork and exec, where only async-signal-safe work is allowed. It makes one system
    // call (prctl) through rustix, which allocates nothing and takes no lock, and touches no memory of ours.
    unsafe {
        command.pre_exec(|| Ok(rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?));
    }
}

/// Waits until the program has ended (true) or the limit is over (false), without reaping it.
fn wait(child: &Child, limit: Duration) -> io::Result<bool> {
    let Some(pid) = Pid::from_raw(child.id() as i32) else { return Ok(true) };
    let started = Instant::now();
    let mut pause = Duration::from_micros(200);
    loop {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        if waitid(WaitId::Pid(pid), options)?.is_some() {
            return Ok(true);
        }
        let left = limit.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Ok(false);
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(5));
    }
}

/// Reads a pipe to its end on a thread of its own, so that neither side waits for the other.
fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut head = Vec::new();
        let mut tail: VecDeque<u8> = VecDeque::new();
        let mut dropped = 0usize;
        let mut chunk = [0u8; 8192];
        while let Ok(n @ 1..) = pipe.read(&mut chunk) {
            let fits = n.min(KEPT.saturating_sub(head.len()));
            head.extend_from_slice(&chunk[..fits]);
            tail.extend(&chunk[fits..n]);
            let over = tail.len().saturating_sub(KEPT);
            tail.drain(..over);
            dropped += over;
        }
        if dropped > 0 {
            head.extend_from_slice(format!("\n[... {dropped} bytes left out ...]\n").as_bytes());
        }
        head.extend(tail);
        head
    })
}

fn text(reader: Option<JoinHandle<Vec<u8>>>) -> String {
    let bytes = reader.and_then(|r| r.join().ok()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Outcome {
        let folder = tempfile::tempdir().unwrap();
        run(Path::new("/bin/sh"), &["-c", script], folder.path(), limit).unwrap()
    }

    #[test]
    fn says_how_it_ended() {
        let fine = shell("echo out; echo err >&2", Duration::from_secs(10));
        assert_eq!((fine.stdout.as_str(), fine.stderr.as_str()), ("out\n", "err\n"));
        assert_eq!(fine.ended.as_deref(), Some("exit status: 0"));
        let killed = shell("kill -9 $$", Duration::from_secs(10));
        assert!(killed.ended.unwrap().contains("signal: 9"));
    }

    #[test]
    fn a_hung_program_and_its_children_are_ended() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("child");
        let script = format!("sh -c 'echo $$ > {0}; exec sleep 1000' & echo started; sleep 1000", mark.display());
        let outcome = run(Path::new("/bin/sh"), &["-c", &script], folder.path(), Duration::from_millis(500)).unwrap();
        assert!(outcome.ended.is_none());
        assert_eq!(outcome.stdout, "started\n");
        let child: i32 = std::fs::read_to_string(&mark).unwrap().trim().parse().unwrap();
        // Killed, but the kernel may take a moment; then a zombie at most.
        let state = || std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        let gone = || state().is_empty() || state().contains(") Z ");
        let patience = Instant::now();
        while !gone() && patience.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(gone(), "{}", state());
    }

    #[test]
    fn what_it_says_is_bounded() {
        let outcome = shell("head -c 3000000 /dev/zero | tr '\\0' x; echo end", Duration::from_secs(20));
        assert!(outcome.stdout.len() < 3 * KEPT && outcome.stdout.ends_with("xend\n"));
        assert!(outcome.stdout.contains("bytes left out"));
    }
}
