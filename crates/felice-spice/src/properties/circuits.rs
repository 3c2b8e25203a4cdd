//! Random small valid circuits, as netlists.
//!
//! Every node has a resistor and a capacitor to ground, so that each circuit has an operating point and index 1; what else
//! connects the nodes is random. Feedback is kept below 1, so that none grows without bound.

use proptest::collection::vec;
use proptest::prelude::{Just, any};
use proptest::strategy::{BoxedStrategy, Strategy};
use std::fmt::Write as _;

/// What random circuits may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// R, L, C and sources of every waveform and every linear control.
    Linear,
    /// Everything: also diodes, transistors, B sources.
    Any,
    /// R, L, C, diodes and transistors that start charged, and no source.
    Passive,
}

/// End of every transient, s.
pub const STOP: f64 = 20e-6;

/// A part: what it is, the nodes it may use, numbers between 0 and 1 for its values.
type Part = (u8, [u8; 4], [f64; 3]);

/// Netlists of up to five nodes and ten parts beyond the resistors and capacitors to ground.
pub fn circuits(kind: Kind) -> BoxedStrategy<String> {
    let kinds: &'static [u8] = match kind {
        Kind::Linear => b"rclivgefh",
        Kind::Any => b"rclivgefhdmpb",
        Kind::Passive => b"rcldmp",
    };
    let part = (proptest::sample::select(kinds), any::<[u8; 4]>(), [0.0..1.0f64, 0.0..1.0, 0.0..1.0]);
    let to_ground = vec((0.0..1.0f64, 0.0..1.0f64), 2..=5);
    (Just(kind), to_ground, vec(part, 1..=10)).prop_map(|(kind, nodes, parts)| netlist(kind, &nodes, &parts)).boxed()
}

/// From `low` to `high`, evenly in its logarithm.
fn between(low: f64, high: f64, x: f64) -> f64 {
    low * (high / low).powf(x)
}

fn netlist(kind: Kind, nodes: &[(f64, f64)], parts: &[Part]) -> String {
    let mut out = String::from("a random circuit\n.model dd d(is=1e-14 n=1.2)\n");
    out += ".model mn nekv(is=1u vt0=0.4 kappa=0.7 ve=8meg)\n.model mp pekv(is=0.5u vt0=0.4 kappa=0.66 ve=8meg)\n";
    for (i, (r, c)) in nodes.iter().enumerate() {
        let (r, c) = (between(1e3, 1e5, *r), between(1e-11, 1e-9, *c));
        let initial = if kind == Kind::Passive {
            format!(" ic={:.3}", [0.3, -0.4, 0.2, 0.4, -0.1][i % 5])
        } else {
            String::new()
        };
        let _ = writeln!(out, "rg{i} n{i} 0 {r:.4e}\ncg{i} n{i} 0 {c:.4e}{initial}");
    }
    // An ammeter that F and H sources may look at.
    let _ = writeln!(out, "ra n0 a 1e4\nva a 0 0");
    for (k, part) in parts.iter().enumerate() {
        element(&mut out, k, nodes.len(), part);
    }
    let uic = if kind == Kind::Passive { " uic" } else { "" };
    let _ = writeln!(out, ".tran {:e} {STOP:e}{uic}\n.end", STOP / 100.0);
    out
}

fn element(out: &mut String, k: usize, nodes: usize, (kind, picks, [x, y, z]): &Part) {
    let node = |i: usize| format!("n{}", usize::from(picks[i]) % nodes);
    // Two different nodes; ground is one of the choices.
    let a = node(0);
    let b = match usize::from(picks[1]) % nodes {
        i if format!("n{i}") == a => "0".to_owned(),
        i => format!("n{i}"),
    };
    let (c, d) = (node(2), node(3));
    let _ = match kind {
        b'r' => writeln!(out, "r{k} {a} {b} {:.4e}", between(1e3, 1e5, *x)),
        b'c' => writeln!(out, "c{k} {a} {b} {:.4e}", between(1e-11, 1e-9, *x)),
        // A resistor in series: loops of inductors have no operating point.
        b'l' => writeln!(
            out,
            "l{k} {a} s{k} {:.4e}\nrs{k} s{k} {b} {:.4e}",
            between(1e-5, 1e-2, *x),
            between(10.0, 1e4, *y)
        ),
        b'i' => writeln!(out, "i{k} 0 {a} {}", waveform(*x, *y, 2e-5 * z)),
        b'v' => writeln!(
            out,
            "v{k} s{k} 0 {}\nrs{k} s{k} {a} {:.4e}",
            waveform(*x, *y, 2.0 * z - 1.0),
            between(1e3, 1e5, *y)
        ),
        b'g' => writeln!(out, "g{k} {a} {b} {c} {d} {:.4e}", 4e-6 * (x - 0.5)),
        b'e' => {
            writeln!(out, "e{k} s{k} 0 {c} {d} {:.4}\nrs{k} s{k} {a} {:.4e}", 0.6 * (x - 0.5), between(1e4, 1e5, *y))
        }
        b'f' => writeln!(out, "f{k} {a} {b} va {:.4}", 0.4 * (x - 0.5)),
        b'h' => writeln!(out, "h{k} s{k} 0 va {:.4e}\nrs{k} s{k} {a} {:.4e}", 2e3 * (x - 0.5), between(1e4, 1e5, *y)),
        b'd' => writeln!(out, "d{k} {a} {b} dd area={:.3}", between(0.1, 10.0, *x)),
        b'm' => {
            writeln!(out, "m{k} {a} {c} {b} 0 mn w={:.3e} l={:.3e}", between(1e-6, 1e-5, *x), between(1e-6, 4e-6, *y))
        }
        b'p' => writeln!(
            out,
            "m{k} {a} {c} {b} {d} mp w={:.3e} l=1u delvto={:.3}",
            between(1e-6, 1e-5, *x),
            0.02 * (y - 0.5)
        ),
        _ => writeln!(
            out,
            "b{k} {a} {b} i={:.3e}*tanh({:.3}*v({c},{d}))+{:.3e}*sin(v({c}))",
            2e-6 * (x - 0.5),
            4.0 * y,
            1e-6 * z
        ),
    };
}

/// A constant, sine, pulse, staircase or exponential of about this size.
fn waveform(x: f64, y: f64, size: f64) -> String {
    let t = |share: f64| share * STOP;
    match (x * 5.0) as u8 {
        0 => format!("{size:.4e}"),
        1 => format!("sin({:.4e} {size:.4e} {:.4e} {:.3e})", 0.3 * size, between(1e5, 1e6, y), t(0.2 * y)),
        2 => {
            let (delay, edge, width) = (t(0.1 + 0.2 * y), t(0.01 + 0.1 * y), t(0.2));
            format!("pulse(0 {size:.4e} {delay:.3e} {edge:.3e} {edge:.3e} {width:.3e} {:.3e})", t(0.6))
        }
        3 => format!("pwl(0 0 {:.3e} {size:.4e} {:.3e} {:.4e} {:.3e} 0)", t(0.1 + 0.1 * y), t(0.5), -size, t(0.7)),
        _ => format!("exp(0 {size:.4e} {:.3e} {:.3e} {:.3e} {:.3e})", t(0.1), t(0.05 + 0.1 * y), t(0.5), t(0.2)),
    }
}
