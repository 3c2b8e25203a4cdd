//! Sweeps that are killed at random instants and whose writes fail: nothing is lost but the units in flight, and the file
//! that is continued holds the data of one that was left alone.
//!
//! Few kills and failures as part of every test run; 200 and 50 with `FELICE_HEAVY=1`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use felice_store::Journal;

use crate::run::{begin, done, felice_with, file};
use crate::sweep::{SPIKING, content, found};

fn heavy() -> bool {
    std::env::var_os("FELICE_HEAVY").is_some()
}

/// Steele, Lea & Flood's splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// 0 .. n
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Points of the units that the journal of `x.h5` says are done; none where there is no journal yet.
fn journaled(folder: &Path) -> Option<u64> {
    let (_, journal) = Journal::open(&folder.join("x.h5.journal")).ok()?;
    let number = |r: &Vec<u8>| u64::from_le_bytes(r[..8].try_into().unwrap());
    let units: std::collections::BTreeSet<u64> =
        journal.records.iter().map(number).filter(|n| *n != u64::MAX).collect();
    Some(8 * units.len() as u64)
}

fn reference(folder: &Path) -> (String, Duration) {
    file(folder, "s.toml", SPIKING);
    let begin = Instant::now();
    done(folder, &["sweep", "s.toml", "--output", "whole.h5"]);
    (content(folder, "whole.h5"), begin.elapsed())
}

const SWEEP: [&str; 5] = ["sweep", "s.toml", "--output", "x.h5", "--resume"];

/// Continues `x.h5` to its end, checks it against the reference, and removes it. `kept`: points that must not be lost.
fn conclude(folder: &Path, reference: &str, kept: Option<u64>) {
    let last = felice_with(folder, &SWEEP, &[]);
    assert_eq!(last.code, Some(0), "{}", last.stderr);
    if let (Some(kept), Some(found)) = (kept, found(&last.stderr)) {
        assert!(found >= kept, "{kept} points were journaled, {found} found");
    }
    assert_eq!(content(folder, "x.h5"), reference);
    for left in [".partial", ".journal", ".heap"] {
        assert!(!folder.join(format!("x.h5{left}")).exists(), "{left} is left");
    }
    std::fs::remove_file(folder.join("x.h5")).unwrap();
}

#[test]
fn regress_kills_at_random_instants_lose_nothing_but_units_in_flight() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (reference, length) = reference(at);
    let (mut rng, mut landed, mut midway) = (Random(1), 0, 0);
    let wanted = if heavy() { 200 } else { 8 };
    while landed < wanted {
        let mut child = begin(at, &SWEEP, &[]);
        std::thread::sleep(length.mul_f64(rng.between(0.0, 0.9)));
        let before = journaled(at);
        let finished = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        if finished || at.join("x.h5").exists() {
            conclude(at, &reference, None);
            continue;
        }
        landed += 1;
        midway += u32::from(before.is_some_and(|n| n > 0));
        let kept = journaled(at);
        assert!(kept >= before, "the journal lost {before:?} to {kept:?}");
        // Some are continued to the end at once, others are killed again on the way.
        if landed == wanted || rng.below(3) == 0 {
            conclude(at, &reference, kept);
        }
    }
    assert!(midway >= wanted / 8, "{midway} of {wanted} kills hit a sweep with units done");
}

/// A library that, loaded before all others, lets one call on a felice file fail: `FELICE_FAIL=CALL:N:ERRNO[:stay]`.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
static int ours(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    return strstr(path, "x.h5") != NULL;
}
static int fails(const char *call, int fd) {
    static long seen;
    const char *plan = getenv("FELICE_FAIL");
    if (!plan || fd < 3) return 0;
    size_t n = strlen(call);
    if (strncmp(plan, call, n) || plan[n] != ':' || !ours(fd)) return 0;
    char *rest;
    long at = strtol(plan + n + 1, &rest, 10), code = strtol(rest + 1, &rest, 10);
    long now = __sync_add_and_fetch(&seen, 1);
    if (now != at && !(now > at && strstr(rest, "stay"))) return 0;
    errno = (int)code;
    return 1;
}
#define NEXT(name) static typeof(name) *next; if (!next) next = dlsym(RTLD_NEXT, #name)
ssize_t write(int fd, const void *b, size_t n) { NEXT(write); return fails("write", fd) ? -1 : next(fd, b, n); }
ssize_t pwrite(int fd, const void *b, size_t n, off_t o) { NEXT(pwrite); return fails("write", fd) ? -1 : next(fd, b, n, o); }
ssize_t pwrite64(int fd, const void *b, size_t n, off_t o) { NEXT(pwrite64); return fails("write", fd) ? -1 : next(fd, b, n, o); }
int fsync(int fd) { NEXT(fsync); return fails("sync", fd) ? -1 : next(fd); }
int fdatasync(int fd) { NEXT(fdatasync); return fails("sync", fd) ? -1 : next(fd); }
int ftruncate(int fd, off_t n) { NEXT(ftruncate); return fails("truncate", fd) ? -1 : next(fd, n); }
int ftruncate64(int fd, off_t n) { NEXT(ftruncate64); return fails("truncate", fd) ? -1 : next(fd, n); }
"#;

fn shim(folder: &Path) -> PathBuf {
    file(folder, "shim.c", SHIM);
    let library = folder.join("shim.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-D_FILE_OFFSET_BITS=32", "-o"])
        .args([&library, &folder.join("shim.c")])
        .arg("-ldl")
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    library
}

#[test]
fn regress_writes_and_syncs_that_fail_lose_nothing_but_units_in_flight() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (reference, _) = reference(at);
    let library = shim(at).display().to_string();
    let mut rng = Random(2);
    let (mut failed, mut tried) = (0, 0);
    let wanted = if heavy() { 50 } else { 6 };
    while failed < wanted {
        tried += 1;
        assert!(tried < 4 * wanted + 20, "the injected failures do not happen: {failed} of {tried}");
        // No space (28), input/output error (5), quota (122), file too large (27).
        let code = [28, 5, 122, 27][rng.below(4)];
        let (call, most) = [("write", 900), ("sync", 12), ("truncate", 4)][if tried % 4 == 3 { 2 } else { tried % 2 }];
        let stay = if rng.below(2) == 0 { ":stay" } else { "" };
        let plan = format!("{call}:{}:{code}{stay}", 1 + rng.below(most));
        let ran = felice_with(at, &SWEEP, &[("LD_PRELOAD", &library), ("FELICE_FAIL", &plan)]);
        if ran.code == Some(0) {
            conclude(at, &reference, None);
            continue;
        }
        assert_eq!(ran.code, Some(4), "{plan}: {}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{plan}: {}", ran.stderr);
        assert!(ran.stderr.contains("x.h5"), "{plan}: {}", ran.stderr);
        assert!(!at.join("x.h5").exists(), "{plan}");
        failed += 1;
        if failed == wanted || rng.below(2) == 0 {
            conclude(at, &reference, journaled(at));
        }
    }
}

/// A disk that fills up while a sweep runs: a tmpfs of 12 MB, which somebody else fills.
#[test]
fn regress_a_disk_that_fills_up_loses_nothing_heavy_and_as_root_only() {
    if !heavy() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (reference, length) = reference(at);
    let disk = at.join("disk");
    std::fs::create_dir(&disk).unwrap();
    let mount = |size: &str| Command::new("mount").args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(&disk).status();
    if !mount("size=12m").is_ok_and(|s| s.success()) {
        eprintln!("no right to mount a tmpfs: the full disk is not tried");
        return;
    }
    let target = "disk/x.h5";
    let sweep = ["sweep", "s.toml", "--output", target, "--resume"];
    let (mut rng, mut full) = (Random(3), 0);
    for _ in 0..10 {
        let child = begin(at, &sweep, &[]);
        std::thread::sleep(length.mul_f64(rng.between(0.1, 0.7)));
        let _ = std::fs::write(disk.join("balloon"), vec![1; 12 << 20]);
        let ended = child.wait_with_output().unwrap();
        std::fs::remove_file(disk.join("balloon")).unwrap();
        if ended.status.success() {
            std::fs::remove_file(disk.join("x.h5")).unwrap();
            continue;
        }
        let words = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(4), "{words}");
        full += u32::from(words.contains("no space left") || words.contains("needs about"));
        assert!(!disk.join("x.h5").exists());
        done(at, &sweep);
        assert_eq!(content(at, target), reference);
        std::fs::remove_file(disk.join("x.h5")).unwrap();
    }
    Command::new("umount").arg(&disk).status().unwrap();
    assert!(full > 2, "the disk was full {full} times of 10");
}

#[test]
fn regress_damaged_beginnings_are_found_and_never_crash() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (reference, length) = reference(at);
    let mut rng = Random(4);
    for trial in 0..if heavy() { 60 } else { 6 } {
        let mut child = begin(at, &SWEEP, &[]);
        std::thread::sleep(length.mul_f64(0.6));
        child.kill().unwrap();
        child.wait().unwrap();
        if at.join("x.h5").exists() {
            std::fs::remove_file(at.join("x.h5")).unwrap();
            continue;
        }
        let which = at.join(["x.h5.partial", "x.h5.journal", "x.h5.heap"][trial % 3]);
        let Ok(mut bytes) = std::fs::read(&which) else { continue };
        if bytes.is_empty() {
            continue;
        }
        if rng.below(3) == 0 {
            bytes.truncate(rng.below(bytes.len()));
        } else {
            for _ in 0..1 + rng.below(19) {
                let i = rng.below(bytes.len());
                bytes[i] ^= 1 << rng.below(8);
            }
        }
        std::fs::write(&which, bytes).unwrap();
        let ran = felice_with(at, &SWEEP, &[]);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        match ran.code {
            // Units whose bytes are not those that were journaled are run again.
            Some(0) => assert_eq!(content(at, "x.h5"), reference, "{}: damage went unnoticed", which.display()),
            Some(4) => assert!(ran.stderr.contains("x.h5"), "{}", ran.stderr),
            other => panic!("{}: exit {other:?}: {}", which.display(), ran.stderr),
        }
        for name in ["x.h5", "x.h5.partial", "x.h5.journal", "x.h5.heap"] {
            let _ = std::fs::remove_file(at.join(name));
        }
    }
}
