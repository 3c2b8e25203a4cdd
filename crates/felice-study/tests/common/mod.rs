//! Studies of the tests, and running them.
#![allow(clippy::unwrap_used, clippy::panic, dead_code)] // Helpers of tests; each test file uses some of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use felice_store::Provenance;
use felice_study::{Options, Outcome, Study, StudyError, sweep};

/// 6 x 40 spiking neurons with samples.
pub const STUDY: &str = r#"
title = "test"
seed = 5
precision = "f32"
unit = 7
[model]
name = "fhnrs"
initial = { v = 2.0, v_slow = 0.0, i_app = 0.0 }
t_end = 120.0
rtol = 1e-6
[[axis]]
quantity = "tau_slow"
from = 10.0
to = 80.0
count = 6
[[axis]]
draw = "latin-hypercube"
count = 40
[axis.quantities]
a_slow = { mean = 2.0, sd = 0.1 }
"initial.v" = { from = -2.0, to = 2.0 }
[outputs]
samples = 101
spikes = true
"#;

/// Two points of four fail.
pub const FAILING: &str = r#"
title = "test"
[model]
name = "wererabbit"
initial = { u = 0.35, v = 0.12 }
t_end = 5.0
[[axis]]
quantity = "initial.u"
values = [0.35, 40.0, 0.36, 50.0]
"#;

pub fn study(text: &str) -> Study {
    Study::parse(text, "test.toml", &|name| panic!("{name} is not named")).unwrap()
}

pub static GO: AtomicBool = AtomicBool::new(false);

pub fn options<'o>() -> Options<'o> {
    let mut provenance = Provenance::new("felice", "0.1.0", "test");
    provenance.created = SystemTime::UNIX_EPOCH;
    provenance.command_line = "test".into();
    Options { threads: 2, shard: None, resume: false, stop: &GO, provenance }
}

pub fn run(text: &str, target: &Path, options: &Options<'_>) -> Result<Outcome, StudyError> {
    sweep(&study(text), target, options, &mut |_| ())
}

pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    (folder, path)
}
