//! Running another program with a time limit, and leaving nothing of it behind.
//!
//! The program leads a process group of its own. The group is ended when the program ends or its time is up, by
//! [`abandon`], and (on Linux) the program itself when the thread that started it dies, so that not even a killed felice
//! leaves a simulator running. As many run at a time as there are cores; the others wait, which is not counted as theirs.
//!
//! Folders are locked as long as their process lives: what a killed one left behind, the next one removes.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};

/// Of what a program says, this much of the beginning and as much of the end is kept.
const KEPT: usize = 128 * 1024;

/// How long a pipe may stay open once its program has ended.
const PATIENCE: Duration = Duration::from_secs(2);

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

/// What runs, and where: what [`abandon`] has to end and remove.
struct Register {
    groups: Vec<Pid>,
    folders: Vec<PathBuf>,
    abandoned: bool,
}

static REGISTER: Mutex<Register> = Mutex::new(Register { groups: Vec::new(), folders: Vec::new(), abandoned: false });

fn register() -> MutexGuard<'static, Register> {
    REGISTER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends every simulator that this process has started and removes their folders; none starts any more. For a program that
/// is told to end (SIGINT, SIGTERM), before it does.
pub fn abandon() {
    let mut register = register();
    register.abandoned = true;
    for group in register.groups.drain(..) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    for folder in register.folders.drain(..) {
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// A folder for one run, removed when dropped.
pub(crate) struct PrivateFolder {
    folder: tempfile::TempDir,
    /// Locked: its owner lives.
    _owned: Option<File>,
}

const FOLDER_PREFIX: &str = "felice-ngspice-";

impl PrivateFolder {
    pub(crate) fn new() -> io::Result<Self> {
        static SWEPT: Once = Once::new();
        SWEPT.call_once(|| remove_left_behind(&std::env::temp_dir()));
        let mut register = register();
        if register.abandoned {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let folder = tempfile::Builder::new().prefix(FOLDER_PREFIX).tempdir()?;
        let owned = File::open(folder.path()).ok();
        if let Some(owned) = &owned {
            let _ = flock(owned, FlockOperation::NonBlockingLockExclusive);
        }
        register.folders.push(folder.path().to_owned());
        Ok(PrivateFolder { folder, _owned: owned })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        register().folders.retain(|f| f != self.folder.path());
    }
}

/// Removes the folders of processes that were killed: those that nobody has locked, once they are a minute old.
fn remove_left_behind(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|e| e.file_name().to_string_lossy().starts_with(FOLDER_PREFIX)) {
        let age = entry.metadata().and_then(|m| m.modified()).ok().and_then(|t| t.elapsed().ok());
        let old = age.is_some_and(|a| a > Duration::from_secs(60));
        let free = |f: File| flock(&f, FlockOperation::NonBlockingLockExclusive).is_ok();
        if old && entry.file_type().is_ok_and(|t| t.is_dir()) && File::open(entry.path()).is_ok_and(free) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// A place among the programs that may run at a time; free again when dropped.
struct Place;

static RUNNING: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

impl Place {
    fn take() -> Self {
        let most = std::thread::available_parallelism().map_or(1, usize::from);
        let running = RUNNING.0.lock().unwrap_or_else(PoisonError::into_inner);
        let running = RUNNING.1.wait_while(running, |n| *n >= most);
        *running.unwrap_or_else(PoisonError::into_inner) += 1;
        Place
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *RUNNING.0.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        RUNNING.1.notify_one();
    }
}

/// Runs `program arguments` in `folder`, with nothing on its standard input, for at most `limit`.
pub(crate) fn run(program: &Path, arguments: &[&str], folder: &Path, limit: Duration) -> io::Result<Outcome> {
    let _place = Place::take();
    let mut child = start(program, arguments, folder)?;
    let stdout = child.stdout.take().map(Reader::new);
    let stderr = child.stderr.take().map(Reader::new);
    let finished = wait(&child, limit);
    // The leader has not been reaped, so its number still names this group and no other.
    if let Some(pid) = Pid::from_raw(child.id() as i32) {
        let _ = kill_process_group(pid, Signal::KILL);
        register().groups.retain(|g| *g != pid);
    }
    let status = child.wait()?;
    end_escaped(folder);
    let ended = finished?.then(|| status.to_string());
    Ok(Outcome { stdout: text(stdout), stderr: text(stderr), ended })
}

/// Ends what left the group: whatever still works in the private folder. (Where there is a `/proc` to see it.)
fn end_escaped(folder: &Path) {
    let (Ok(folder), Ok(processes)) = (folder.canonicalize(), std::fs::read_dir("/proc")) else { return };
    for process in processes.flatten() {
        let number = process.file_name().to_string_lossy().parse().ok().and_then(Pid::from_raw);
        if let Some(pid) = number
            && std::fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == folder)
        {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// Starts the program; tries again where the fault is the system's momentary one.
fn start(program: &Path, arguments: &[&str], folder: &Path) -> io::Result<Child> {
    let mut attempt = 1;
    loop {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).env("HOME", folder).env("LC_ALL", "C");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        isolate(&mut command);
        match spawn(&mut command) {
            Err(e) if attempt < ATTEMPTS && momentary(&e) => {
                std::thread::sleep(Duration::from_millis(50 << attempt));
                attempt += 1;
            }
            other => return other,
        }
    }
}

/// Starts and registers it in one go: [`abandon`] misses nobody.
fn spawn(command: &mut Command) -> io::Result<Child> {
    let mut register = register();
    if register.abandoned {
        return Err(io::Error::other("felice was told to end"));
    }
    let child = command.spawn()?;
    register.groups.extend(Pid::from_raw(child.id() as i32));
    Ok(child)
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
struct Reader {
    thread: JoinHandle<()>,
    said: Arc<Mutex<Said>>,
}

/// Beginning and end of what a program says.
#[derive(Default)]
struct Said {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: usize,
}

impl Said {
    fn add(&mut self, chunk: &[u8]) {
        let fits = chunk.len().min(KEPT.saturating_sub(self.head.len()));
        self.head.extend_from_slice(&chunk[..fits]);
        self.tail.extend(&chunk[fits..]);
        let over = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..over);
        self.dropped += over;
    }

    fn bytes(&self) -> Vec<u8> {
        let mut all = self.head.clone();
        if self.dropped > 0 {
            all.extend_from_slice(format!("\n[... {} bytes left out ...]\n", self.dropped).as_bytes());
        }
        all.extend(&self.tail);
        all
    }
}

impl Reader {
    fn new(mut pipe: impl Read + Send + 'static) -> Self {
        let said = Arc::new(Mutex::new(Said::default()));
        let heard = Arc::clone(&said);
        let thread = std::thread::spawn(move || {
            let mut chunk = [0u8; 8192];
            while let Ok(n @ 1..) = pipe.read(&mut chunk) {
                heard.lock().unwrap_or_else(PoisonError::into_inner).add(&chunk[..n]);
            }
        });
        Reader { thread, said }
    }
}

/// What was said. The program has ended; one of its kind that still holds the pipe open is not waited for.
fn text(reader: Option<Reader>) -> String {
    let Some(reader) = reader else { return String::new() };
    let started = Instant::now();
    while !reader.thread.is_finished() && started.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_micros(200));
    }
    let bytes = reader.said.lock().unwrap_or_else(PoisonError::into_inner).bytes();
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
    fn a_child_that_leaves_the_group_is_ended_and_not_waited_for() {
        let mark = tempfile::tempdir().unwrap();
        let child = mark.path().join("child");
        let started = Instant::now();
        let said = shell(
            &format!(
                "setsid sh -c 'echo $$ > {0}; exec sleep 1000' & while ! [ -s {0} ]; do sleep .01; done; echo done",
                child.display()
            ),
            Duration::from_secs(60),
        );
        assert_eq!(said.stdout, "done\n");
        assert!(started.elapsed() < Duration::from_secs(50));
        let pid = std::fs::read_to_string(&child).unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        assert!(stat.is_empty() || stat.contains(") Z ") || stat.contains(") X "), "{stat}");
    }

    #[test]
    fn what_killed_processes_left_is_removed_and_what_live_ones_use_is_not() {
        let place = tempfile::tempdir().unwrap();
        let make = |name: &str, age: u64| {
            let path = place.path().join(name);
            std::fs::create_dir(&path).unwrap();
            let time = std::time::SystemTime::now() - Duration::from_secs(age);
            File::open(&path).unwrap().set_modified(time).unwrap();
            path
        };
        let (dead, young) = (make("felice-ngspice-dead", 3600), make("felice-ngspice-young", 0));
        let (alive, foreign) = (make("felice-ngspice-alive", 3600), make("something", 3600));
        let owner = File::open(&alive).unwrap();
        flock(&owner, FlockOperation::NonBlockingLockExclusive).unwrap();
        remove_left_behind(place.path());
        assert!(!dead.exists() && young.exists() && alive.exists() && foreign.exists());
    }

    #[test]
    fn what_it_says_is_bounded() {
        let outcome = shell("head -c 3000000 /dev/zero | tr '\\0' x; echo end", Duration::from_secs(20));
        assert!(outcome.stdout.len() < 3 * KEPT && outcome.stdout.ends_with("xend\n"));
        assert!(outcome.stdout.contains("bytes left out"));
    }
}
