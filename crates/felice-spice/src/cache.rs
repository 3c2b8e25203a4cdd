//! Results kept from earlier runs.
//!
//! A result is named by the SHA-256 of the flattened netlist, the analysis, the engine, its version, the settings and the
//! program that asks (a rebuilt felice trusts nothing it has not computed itself). A file is written under another name and
//! renamed, and carries the SHA-256 of its contents: what another process has not finished, or a kill has cut, is not there.
//!
//! Who simulates holds a lock of that name, so that of several processes or threads one runs and the others wait for its
//! result. The kernel holds the lock: it goes with its process, however that ends.

mod format;

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use crate::analysis::Analysis;
use crate::engine::{EngineName, Settings};
use crate::job::Job;
use crate::simulation::Simulation;
use crate::writer;
use format::{Reader, put_simulation};

/// Changes with the layout of a cached file.
const FORMAT: &str = "felice-simulation-2";
/// Larger results are not kept.
const MAX_RESULT: usize = 64 << 20;
/// Beyond this the oldest results go.
const MAX_TOTAL: u64 = 1 << 30;
/// Bytes that this process has stored since it last looked through the folder.
static STORED: AtomicU64 = AtomicU64::new(0);

/// The environment variable that names the folder of cached results.
pub const CACHE_VARIABLE: &str = "FELICE_CACHE";

/// `$FELICE_CACHE`, else `$XDG_CACHE_HOME/felice`, else `~/.cache/felice`.
pub fn folder() -> Option<PathBuf> {
    let named = |variable: &str| std::env::var_os(variable).filter(|v| !v.is_empty()).map(PathBuf::from);
    named(CACHE_VARIABLE)
        .or_else(|| named("XDG_CACHE_HOME").map(|p| p.join("felice")))
        .or_else(|| named("HOME").map(|p| p.join(".cache/felice")))
}

/// The name of a job's result, and the analysis it is of; `None` where the netlist is not understood and so cannot be named.
pub(crate) fn key(job: &Job, engine: EngineName, version: &str, settings: &Settings) -> Option<(String, Analysis)> {
    let circuit = job.circuit().ok()?;
    let analysis = circuit.analyses.first()?.clone();
    let mut text = format!("{FORMAT}\n{engine} {version}\n{} {}\n", env!("CARGO_PKG_VERSION"), program());
    let Settings { accuracy, reltol, vntol, abstol, max_step, samples, time_limit: _, cache: _ } = settings;
    let _ = writeln!(text, "{accuracy:?} {reltol:?} {vntol:?} {abstol:?} {max_step:?} {samples:?}");
    text += &writer::canonical(&circuit, &analysis)?;
    Some((hex(&Sha256::digest(text.as_bytes())), analysis))
}

/// Size and time of the running program: another build, another cache.
fn program() -> String {
    let about = std::env::current_exe().and_then(std::fs::metadata);
    about.map_or(String::new(), |m| {
        let time = m.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        format!("{} {}", m.len(), time.map_or(0, |t| t.as_nanos()))
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

/// A kept result; anything but a whole one is none.
pub(crate) fn load(key: &str, analysis: &Analysis) -> Option<Simulation> {
    load_from(&folder()?, key, analysis)
}

/// Keeps a result. A cache that cannot be written is no cache: nothing is said.
pub(crate) fn store(key: &str, result: &Simulation) {
    if let Some(folder) = folder() {
        let _ = store_in(&folder, key, result);
    }
}

/// The right to simulate what `key` names; ends when dropped.
pub(crate) struct Turn {
    file: File,
    path: PathBuf,
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Who waits for this very file finds it gone and looks again.
        let _ = std::fs::remove_file(&self.path);
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// Waits until nobody else simulates what `key` names, at most for `patience`: after that, or where the cache cannot be
/// written, `None`, and the caller simulates without.
pub(crate) fn turn(key: &str, patience: Duration) -> Option<Turn> {
    turn_in(&folder()?, key, patience)
}

fn turn_in(folder: &Path, key: &str, patience: Duration) -> Option<Turn> {
    let started = Instant::now();
    let path = folder.join(format!("{key}.lock"));
    let mut pause = Duration::from_millis(1);
    std::fs::create_dir_all(folder).ok()?;
    loop {
        let file = File::options().create(true).truncate(false).write(true).open(&path).ok()?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) if still_there(&file, &path) => return Some(Turn { file, path }),
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {
                if started.elapsed() > patience {
                    return None;
                }
                std::thread::sleep(pause);
                pause = (2 * pause).min(Duration::from_millis(50));
            }
            Err(_) => return None,
        }
    }
}

/// False where another one removed the file between our opening and locking it.
fn still_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(ours), Ok(named)) => (ours.dev(), ours.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

fn load_from(folder: &Path, key: &str, analysis: &Analysis) -> Option<Simulation> {
    let bytes = std::fs::read(folder.join(format!("{key}.sim"))).ok()?;
    let (body, digest) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
    if Sha256::digest(body).as_slice() != digest {
        return None;
    }
    Reader { bytes: body }.simulation(analysis)
}

fn store_in(folder: &Path, key: &str, result: &Simulation) -> std::io::Result<()> {
    let mut body = Vec::new();
    put_simulation(&mut body, result);
    if body.len() > MAX_RESULT {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    let digest = Sha256::digest(&body);
    file.write_all(&body)?;
    file.write_all(&digest)?;
    file.persist(folder.join(format!("{key}.sim"))).map_err(|e| e.error)?;
    // Looking through a folder of thousands takes as long as a simulation: only where the folder may have grown.
    let new = STORED.fetch_add(body.len() as u64, Ordering::Relaxed) + body.len() as u64;
    if new < MAX_TOTAL / 16 && !key.starts_with("00") {
        return Ok(());
    }
    STORED.store(0, Ordering::Relaxed);
    prune(folder)
}

/// Removes the oldest results (and what a kill left behind an hour ago) while the folder is too large.
fn prune(folder: &Path) -> std::io::Result<()> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(about) = entry.metadata() else { continue };
        let age = about.modified().ok().and_then(|t| t.elapsed().ok()).unwrap_or_default();
        let left_behind =
            || name.ends_with(".lock") && turn_in(folder, name.trim_end_matches(".lock"), Duration::ZERO).is_some();
        if age.as_secs() > 3600 && (name.starts_with(".new-") || left_behind()) {
            let _ = std::fs::remove_file(entry.path());
        } else if name.ends_with(".sim") {
            files.push((age, about.len(), entry.path()));
        }
    }
    files.sort();
    let mut total = 0;
    for (_, length, path) in files {
        total += length;
        if total > MAX_TOTAL {
            let _ = std::fs::remove_file(path);
        }
    }
    Ok(())
}
#[cfg(test)]
mod tests {
    use felice_base::{Sampled, Signal, Unit};

    use super::*;
    use crate::simulation::{Measured, Work, long_name_of, unit_of};

    fn result(values: Vec<f64>) -> Simulation {
        let axis = Signal::new("time", Unit::SECOND, "time", vec![0.0, 1.0]);
        let signal = Signal::new("v(a)", unit_of("v(a)"), long_name_of("v(a)"), values);
        Simulation {
            analysis: Analysis::Op,
            vectors: Sampled::new(axis, vec![signal]).unwrap(),
            engine: EngineName::Ngspice,
            version: "39".into(),
            reason: String::new(),
            options: vec![("reltol".into(), "1e-9".into())],
            measures: vec![
                Measured { name: "a".into(), value: Some(1.5), unit: Unit::VOLT },
                Measured { name: "b".into(), value: None, unit: Unit::new("V s") },
            ],
            log: "κ".into(),
            work: Work { steps: 7, ..Work::default() },
            cached: true,
        }
    }

    #[test]
    fn what_is_kept_comes_back_and_what_is_cut_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let kept = result(vec![0.1, -2e-300]);
        store_in(folder.path(), "k", &kept).unwrap();
        assert_eq!(load_from(folder.path(), "k", &Analysis::Op), Some(kept));
        let file = folder.path().join("k.sim");
        let whole = std::fs::read(&file).unwrap();
        for end in (0..whole.len()).step_by(7) {
            std::fs::write(&file, &whole[..end]).unwrap();
            assert_eq!(load_from(folder.path(), "k", &Analysis::Op), None, "cut at {end}");
        }
        let mut flipped = whole.clone();
        flipped[60] ^= 1;
        std::fs::write(&file, &flipped).unwrap();
        assert_eq!(load_from(folder.path(), "k", &Analysis::Op), None);
    }

    #[test]
    fn many_writers_leave_one_whole_result() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for i in 0..8 {
                let folder = folder.path();
                scope.spawn(move || {
                    for j in 0..20 {
                        store_in(folder, "k", &result(vec![f64::from(i), f64::from(j)])).unwrap();
                        assert!(load_from(folder, "k", &Analysis::Op).is_some());
                    }
                });
            }
        });
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn turns_come_one_after_the_other_and_leave_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let inside = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..30 {
                        let turn = turn_in(folder.path(), "k", Duration::from_secs(60)).unwrap();
                        assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        drop(turn);
                    }
                });
            }
        });
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let _mine = turn_in(folder.path(), "k", Duration::ZERO).unwrap();
        assert!(turn_in(folder.path(), "k", Duration::from_millis(5)).is_none());
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(turn_in(&file, "k", Duration::ZERO).is_none(), "a folder that cannot be");
    }

    #[test]
    fn the_key_follows_everything_that_changes_a_result() {
        let job = |text: &str| Job::new(crate::Netlist::from_text(text));
        let base = "t\nv1 a 0 1\nr1 a b {r}\nr2 b 0 1k\n.param r=1k\n.tran 1n 1u\n";
        let of = |job: &Job, settings: &Settings| key(job, EngineName::Ngspice, "39", settings).unwrap().0;
        let settings = Settings::default();
        let first = of(&job(base), &settings);
        assert_eq!(first, of(&job(&base.replace("t\n", "another title\n* and a comment\n")), &settings));
        let others = [
            of(&job(&base.replace("1k", "2k")), &settings),
            of(&job(base).with_parameter("r", 5.0), &settings),
            of(&job(base).with_initial("b", 0.5), &settings),
            of(&job(base).with_saves(["i(v1)"]), &settings),
            of(&job(base).with_analysis(Analysis::Op), &settings),
            of(&job(base), &Settings { samples: Some(9), ..settings.clone() }),
            of(&job(base), &Settings { reltol: Some(1e-3), ..settings.clone() }),
            key(&job(base), EngineName::Native, "39", &settings).unwrap().0,
            key(&job(base), EngineName::Ngspice, "40", &settings).unwrap().0,
        ];
        for (i, other) in others.iter().enumerate() {
            assert_ne!(&first, other, "{i}");
        }
    }
}
