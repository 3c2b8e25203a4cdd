//! How long a million mismatched circuits take. `cargo bench -p felice --bench spread`

// A bench that cannot go on has nothing to say.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Instant;

use felice_subthreshold::{Card, Form, Sampling, monte_carlo};

fn main() {
    for (card, model) in [
        ("ekv-boomerang", "boomerang"),
        ("ekv-boomerang", "boomerang-branches"),
        ("ekv-wererabbit", "wererabbit-branches"),
        ("ekv-fhnrs-follower", "fhnrs-saturating"),
    ] {
        let path = format!("{}/../../data/devices/{card}.toml", env!("CARGO_MANIFEST_DIR"));
        let card = Card::from_toml(&std::fs::read_to_string(&path).unwrap(), card).unwrap();
        let run = |threads: usize| {
            let start = Instant::now();
            let sampling = Sampling { threads, ..Sampling::of(1_000_000, 1) };
            let spread = monte_carlo(&card, model, Form::Closed, &sampling).unwrap();
            (start.elapsed().as_secs_f64(), spread)
        };
        let ((one, a), (two, b)) = (run(1), run(2));
        assert!(a == b, "threads change the samples");
        println!("{model:<22} 1e6 parameter sets: {one:.2} s on 1 thread, {two:.2} s on 2, identical");
    }
}
