//! Every command against files and arguments that make no sense: an exit code of the interface, a message, no panic, and
//! no file under the final name nor beside it.

use crate::run::{Ran, done, felice, file, shipped};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

/// Command lines that read a file (IN) and may write (OUT with this ending).
const READERS: [&[&str]; 20] = [
    &["derive", "IN", "--model", "fhnrs"],
    &["extract", "IN", "--output", "OUT.toml"],
    &["spice", "IN", "--output", "OUT.h5"],
    &["spice", "IN", "--engine", "ngspice", "--output", "OUT.csv"],
    &["verify", "IN", "--output", "OUT.h5", "--report", "OUT.html", "--junit", "OUT.xml"],
    &["fit", "IN", "--output", "OUT.h5"],
    &["sweep", "IN", "--output", "OUT.h5"],
    &["sweep", "IN", "--dry-run", "--output", "OUT.h5"],
    &["field", "wererabbit", "--states", "IN", "--output", "OUT.csv"],
    &["inspect", "IN"],
    &["inspect", "IN", "--verify", "--json"],
    &["plot", "IN", "--output", "OUT.svg"],
    &["plot", "IN", "--group", "a/b", "--output", "OUT.png"],
    &["export", "IN", "--output", "OUT.csv"],
    &["export", "IN", "--output", "OUT"],
    &["export", "IN", "--group", "a", "--output", "OUT"],
    &["bench", "IN"],
    &["merge", "IN", "--output", "OUT.h5"],
    &["merge", "IN", "good-0.h5", "--virtual", "--output", "OUT.h5"],
    &["simulate", "fhnrs", "--t-end", "1", "--each", "IN", "--output", "OUT.h5"],
];

/// Command lines that would work but for where they write.
const WRITERS: [&[&str]; 17] = [
    &["simulate", "fhnrs", "--t-end", "1", "--output", "OUT.h5"],
    &["simulate", "fhnrs", "--t-end", "1", "--output", "OUT.csv"],
    &["field", "wererabbit", "--states", "good.csv", "--output", "OUT.csv"],
    &["phase", "wererabbit", "--output", "OUT.svg"],
    &["spice", "good.cir", "--output", "OUT.h5"],
    &["spice", "good.cir", "--output", "OUT.csv"],
    &["sweep", "good.toml", "--output", "OUT.h5"],
    &["plot", "good.h5", "--output", "OUT.svg"],
    &["plot", "good.h5", "--output", "OUT.png"],
    &["export", "good.h5", "--what", "v", "--output", "OUT.csv"],
    &["verify", "CASE", "--output", "OUT.h5"],
    &["verify", "CASE", "--report", "OUT.html"],
    &["fit", "CASE", "--output", "OUT.h5"],
    &["merge", "good-1.h5", "good-0.h5", "--output", "OUT.h5"],
    &["merge", "good-1.h5", "good-0.h5", "--virtual", "--output", "OUT.h5"],
    &["simulate", "fhnrs", "--t-end", "1", "--neurons", "3", "--samples", "3", "--output", "OUT.h5"],
    &["derive", "CARD", "--model", "boomerang", "--output", "OUT.h5"],
];

/// Arguments that are no sense: exit code 2 each.
const ARGUMENTS: [&str; 75] = [
    "",
    "nonsense",
    "--nonsense",
    "simulate",
    "simulate fhnrs",
    "simulate nonsense --t-end 1 --output OUT.h5",
    "simulate fhnrs --t-end nan --output OUT.h5",
    "simulate fhnrs --t-end inf --output OUT.h5",
    "simulate fhnrs --t-end -1 --output OUT.h5",
    "simulate fhnrs --t-end 0 --output OUT.h5",
    "simulate fhnrs --t-end 1e999 --output OUT.h5",
    "simulate fhnrs --t-end 1 --output OUT.txt",
    "simulate fhnrs --t-end 1 --output OUT",
    "simulate fhnrs --t-end 1 --samples 0 --output OUT.h5",
    "simulate fhnrs --t-end 1 --samples 1 --output OUT.h5",
    "simulate fhnrs --t-end 1 --samples 18446744073709551615 --output OUT.h5",
    "simulate fhnrs --t-end 1 --samples 99999999999999999999 --output OUT.h5",
    "simulate fhnrs --t-end 1 --samples -1 --output OUT.h5",
    "simulate fhnrs --t-end 1 --initial nan,0,0 --output OUT.h5",
    "simulate fhnrs --t-end 1 --initial 1 --output OUT.h5",
    "simulate fhnrs --t-end 1 --initial 1,2,3,4 --output OUT.h5",
    "simulate fhnrs --t-end 1 --initial 1e308,1e308,1e308 --output OUT.h5",
    "simulate fhnrs --t-end 1 --rails 1,0 --output OUT.h5",
    "simulate fhnrs --t-end 1 --rails nan,1 --output OUT.h5",
    "simulate fhnrs --t-end 1 --rtol 0 --output OUT.h5",
    "simulate fhnrs --t-end 1 --rtol inf --output OUT.h5",
    "simulate fhnrs --t-end 1 --param a_fast --output OUT.h5",
    "simulate fhnrs --t-end 1 --param =1 --output OUT.h5",
    "simulate fhnrs --t-end 1 --param a_fast=nan --output OUT.h5",
    "simulate fhnrs --t-end 1 --param nope=1 --output OUT.h5",
    "simulate fhnrs --t-end 1 --option nope --output OUT.h5",
    "simulate fhnrs --t-end 1 --max-steps 0 --output OUT.h5",
    "simulate fhnrs --t-end 1 --crossing nope=1 --output OUT.h5",
    "simulate fhnrs --t-end 1 --stimulus nope --output OUT.h5",
    "phase fhnrs --box nan,1 --output OUT.svg",
    "phase fhnrs --box 1,1 --output OUT.svg",
    "phase fhnrs --initial 1 --output OUT.svg",
    "phase fhnrs --bifurcation nope=0:1 --output OUT.svg",
    "phase fhnrs --bifurcation a_slow=0 --output OUT.svg",
    "spice good.cir --samples 1 --output OUT.h5",
    "spice good.cir --max-step nan --output OUT.h5",
    "spice good.cir --max-step 0 --output OUT.h5",
    "spice good.cir --reltol -1 --output OUT.h5",
    "spice good.cir --engine nope --output OUT.h5",
    "spice good.cir --param nope=1 --output OUT.h5",
    "plot good.h5 --output OUT.pdf",
    "plot good.h5 --kind nope --output OUT.svg",
    "plot good.h5 --width-mm 0 --output OUT.svg",
    "plot good.h5 --width-mm nan --output OUT.svg",
    "plot good.h5 --height-mm 1e9 --output OUT.svg",
    "plot good.h5 --dpi 1e300 --output OUT.png",
    "plot good.h5 --dpi 1e-300 --output OUT.png",
    "plot good.h5 --at t --output OUT.png",
    "export good.h5 --output OUT.parquet",
    "sweep good.toml --shard 3/3 --output OUT.h5",
    "merge",
    "merge --output OUT.h5",
    "merge good.h5 --output OUT.h5",
    "merge good-0.h5 --output OUT.h5",
    "merge good-0.h5 good-0.h5 --output OUT.h5",
    "merge good-0.h5 good-1.h5 --output good-1.h5",
    "merge good-0.h5 good-1.h5 --threads -1 --output OUT.h5",
    "simulate fhnrs --t-end 1 --neurons -1 --output OUT.h5",
    "simulate fhnrs --t-end 1 --neurons nan --output OUT.h5",
    "simulate fhnrs --t-end 1 --neurons 1e3 --output OUT.h5",
    "simulate fhnrs --t-end 1 --neurons 3 --output OUT.csv",
    "simulate fhnrs --t-end 1 --neurons 3 --vary --output OUT.h5",
    "simulate fhnrs --t-end 1 --neurons 3 --vary c --output OUT.h5",
    "simulate fhnrs --t-end 1 --neurons 3 --vary c=1 --output OUT.h5",
    "simulate fhnrs --t-end 1 --neurons 3 --vary c=nan..1 --output OUT.h5",
    "simulate fhnrs --t-end 1 --neurons 3 --vary nope=0..1 --output OUT.h5",
    "simulate fhnrs --t-end 1 --neurons 3 --steps 0 --output OUT.h5",
    "simulate fhnrs --t-end 1 --neurons 18446744073709551615 --output OUT.h5",
    "models nope",
    "derive good.csv --model nope",
];

const STUDY: &str =
    "title = \"t\"\n[model]\nname = \"fhnrs\"\nt_end = 2.0\n[[axis]]\nquantity = \"a_slow\"\nvalues = [1.0, 2.0]\n";
const RC: &str = "RC\nv1 in 0 1\nr1 in out 1k\nc1 out 0 1u\n.ic v(out)=0\n.tran 10u 1m 0 1u\n.end\n";

fn good(folder: &Path) {
    file(folder, "good.toml", STUDY);
    file(folder, "good.cir", RC);
    file(folder, "good.csv", "u,v\n0.1,0.2\n");
    done(folder, &["simulate", "fhnrs", "--t-end", "1", "--output", "good.h5"]);
    for shard in ["0", "1"] {
        let (output, shard) = (format!("good-{shard}.h5"), format!("{shard}/2"));
        done(folder, &["sweep", "good.toml", "--shard", &shard, "--output", &output]);
    }
}

fn run(folder: &Path, args: &[&str], input: &str, output: &str) -> (Vec<String>, Ran) {
    let case = shipped("netlists/boomerang/behavioural.toml");
    let card = shipped("data/devices/ekv-boomerang.toml");
    let fill = |a: &&str| a.replace("CASE", &case).replace("CARD", &card).replace("IN", input).replace("OUT", output);
    let args: Vec<String> = args.iter().map(fill).collect();
    let ran = felice(folder, &args.iter().map(String::as_str).collect::<Vec<_>>());
    (args, ran)
}

/// Ended by itself, with a code of the interface and a message of one's own.
fn refused(args: &[String], ran: &Ran, codes: &[i32]) {
    let told = format!("felice {args:?}: {:?}\nstdout: {}\nstderr: {}", ran.code, ran.stdout, ran.stderr);
    assert!(ran.code.is_some_and(|c| codes.contains(&c)), "{told}");
    assert!(!ran.stderr.contains("panicked") && !ran.stderr.contains("RUST_BACKTRACE"), "{told}");
    assert!(ran.stderr.trim().len() > 10, "no message: {told}");
}

fn nothing_written(folder: &Path, args: &[String]) {
    let left: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|n| n.starts_with("out"))
        .collect();
    assert!(left.is_empty(), "felice {args:?} left {left:?}");
}

#[test]
fn no_file_is_too_odd_to_be_refused() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    good(folder);
    file(folder, "empty", "");
    // The same bytes every time, from a generator that anyone can repeat (Park and Miller).
    let mut state = 42_u64;
    let mut next = || {
        state = state * 48271 % 0x7fff_ffff;
        (state >> 8) as u8
    };
    let bytes: Vec<u8> = (0..5000).map(|_| next()).collect();
    file(folder, "random", &bytes);
    file(folder, "hdf", [b"\x89HDF\r\n\x1a\n".as_slice(), &bytes].concat());
    file(folder, "long", "a = 1 ".repeat(20_000));
    file(folder, "deep", "[".repeat(20_000));
    std::fs::create_dir(folder.join("folder")).unwrap();
    done(folder, &["simulate", "fhnrs", "--t-end", "1", "--output", "cut.h5"]);
    let whole = std::fs::read(folder.join("cut.h5")).unwrap();
    file(folder, "cut.h5", &whole[..whole.len() / 2]);
    for args in READERS {
        for input in ["empty", "random", "hdf", "long", "deep", "folder", "missing", "cut.h5", "/dev/null", ""] {
            let (args, ran) = run(folder, args, input, "out");
            refused(&args, &ran, &[2, 3, 4]);
            nothing_written(folder, &args);
        }
    }
}

#[test]
fn no_target_is_too_odd_to_be_refused() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    good(folder);
    for args in WRITERS {
        let ending = args.last().and_then(|a| a.strip_prefix("OUT")).unwrap_or_default();
        let (told, ran) = run(folder, args, "", "no/such/out");
        refused(&told, &ran, &[4]);
        std::fs::create_dir(folder.join(format!("taken{ending}"))).ok();
        let (told, ran) = run(folder, args, "", "taken");
        refused(&told, &ran, &[4]);
        assert_eq!(std::fs::read_dir(folder.join(format!("taken{ending}"))).unwrap().count(), 0, "{told:?}");
        let (told, ran) = run(folder, args, "", "good.csv/out");
        refused(&told, &ran, &[4]);
        nothing_written(folder, &told);
        #[cfg(target_os = "linux")]
        if ending != ".h5" {
            std::os::unix::fs::symlink("/dev/full", folder.join(format!("full{ending}"))).ok();
            let (told, ran) = run(folder, args, "", "full");
            refused(&told, &ran, &[4]);
        }
    }
    assert_eq!(std::fs::read(folder.join("good.csv")).unwrap(), b"u,v\n0.1,0.2\n", "an input was changed");
}

#[test]
fn no_argument_is_too_odd_to_be_refused() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    good(folder);
    for line in ARGUMENTS {
        let words: Vec<&str> = line.split(' ').filter(|w| !w.is_empty()).collect();
        let (args, ran) = run(folder, &words, "", "out");
        refused(&args, &ran, &[2]);
        nothing_written(folder, &args);
    }
}

#[test]
fn every_command_has_help_with_an_example() {
    let dir = tempfile::tempdir().unwrap();
    let help = done(dir.path(), &["--help"]).stdout;
    let commands = help.lines().skip_while(|l| !l.starts_with("Commands:")).skip(1);
    let names: Vec<&str> = commands.map_while(|l| l.strip_prefix("  ")?.split_whitespace().next()).collect();
    assert!(names.len() > 14, "{names:?}");
    for name in names.into_iter().filter(|n| *n != "help") {
        let help = done(dir.path(), &[name, "--help"]).stdout;
        assert!(help.contains("Example") && help.contains(&format!("felice {name}")), "{name}: {help}");
        assert!(help.contains("--quiet"), "{name}: {help}");
    }
}

/// `felice models | head -1`, and standard output on a full disk.
#[test]
#[cfg(target_os = "linux")]
fn a_reader_that_goes_away_is_no_failure_and_a_full_disk_is_one() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_felice"))
        .args(["spice", &shipped("netlists/boomerang/behavioural.cir"), "--samples", "20001", "--no-cache"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 16];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(!said.contains("panicked"), "{said}");

    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_felice")).arg("models").stdout(full).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("standard output"), "{said}");
}
