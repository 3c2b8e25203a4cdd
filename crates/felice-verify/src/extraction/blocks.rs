//! Blocks of a netlist, found by how its transistors are joined, and their currents and voltages from a sweep.
//!
//! A mirror is a diode-connected transistor and another with its gate and source; a pair two transistors with one source
//! node that no rail is, and gates of their own; an OTA a pair whose drains a mirror joins.

use felice_subthreshold::Polarity;
use felice_subthreshold::extract::ExtractError;
use felice_subthreshold::extract::block::{Block, Kind, extract_mirror, extract_pair};

use super::transistor::Terminals;

/// A block and its transistors by their numbers: input or diode first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) kind: Kind,
    /// Pair: both; mirror: diode and output; OTA: pair (mirror's side first), diode and output.
    pub(super) members: [usize; 4],
}

impl Found {
    pub(super) fn members(&self) -> &[usize] {
        if self.kind == Kind::Ota { &self.members } else { &self.members[..2] }
    }
}

/// Every block; a pair and a mirror that are an OTA are not named again by themselves. `rail` tells nodes that are
/// ground or held by a source.
pub(super) fn find(all: &[Terminals], rail: impl Fn(&str) -> bool) -> Vec<Found> {
    let mut mirrors = Vec::new();
    let mut pairs = Vec::new();
    for (i, a) in all.iter().enumerate() {
        for (j, b) in all.iter().enumerate() {
            let alike = i != j && a.polarity == b.polarity && a.source() == b.source();
            if alike && a.diode() && b.gate() == a.gate() && !b.diode() {
                mirrors.push((i, j));
            }
            let differential = a.gate() != b.gate() && !a.diode() && !b.diode() && !rail(a.source());
            if i < j && alike && differential && [a, b].iter().all(|t| t.gate() != t.source()) {
                pairs.push((i, j));
            }
        }
    }
    let mut found = Vec::new();
    for &(i, j) in &pairs {
        let joined = |x: usize, y: usize| {
            let ends = |m: &&(usize, usize)| all[m.0].drain() == all[x].drain() && all[m.1].drain() == all[y].drain();
            mirrors.iter().find(ends).copied()
        };
        found.push(match (joined(i, j), joined(j, i)) {
            (Some((d, o)), _) => Found { kind: Kind::Ota, members: [i, j, d, o] },
            (None, Some((d, o))) => Found { kind: Kind::Ota, members: [j, i, d, o] },
            (None, None) => Found { kind: Kind::Pair, members: [i, j, 0, 0] },
        });
    }
    for (i, j) in mirrors {
        if !found.iter().any(|f| f.kind == Kind::Ota && f.members[2..] == [i, j]) {
            found.push(Found { kind: Kind::Mirror, members: [i, j, 0, 0] });
        }
    }
    found
}

/// A transistor's columns: drain, gate, source and bulk voltage, and the current that it conducts (A, positive).
pub(super) struct Columns {
    pub(super) drain: Vec<f64>,
    pub(super) gate: Vec<f64>,
    pub(super) source: Vec<f64>,
    pub(super) bulk: Vec<f64>,
    pub(super) current: Vec<f64>,
}

/// What a block's sweep says.
pub(super) fn extract(found: &Found, all: &[Terminals], columns: &[Columns], ut: f64) -> Result<Block, ExtractError> {
    let names: Vec<&str> = found.members().iter().map(|i| all[*i].name.as_str()).collect();
    let name = names.join(", ");
    let [a, b, _, d] = found.members.map(|i| &columns[i]);
    let sign = if all[found.members[0]].polarity == Polarity::N { 1.0 } else { -1.0 };
    let difference = |x: &[f64], y: &[f64]| -> Vec<f64> { x.iter().zip(y).map(|(x, y)| x - y).collect() };
    let inner = [a, b].iter().flat_map(|c| &c.current).fold(0.0f64, |m, i| m.max(i.abs()));
    match found.kind {
        Kind::Mirror => {
            let voltage: Vec<f64> = difference(&b.drain, &b.source).iter().map(|v| sign * v).collect();
            extract_mirror(&name, &a.current, &b.current, &voltage, ut)
        }
        Kind::Pair => {
            let input: Vec<f64> = difference(&a.gate, &b.gate).iter().map(|v| sign * v).collect();
            extract_pair(&name, Kind::Pair, &input, &difference(&a.current, &b.current), inner)
        }
        Kind::Ota => {
            // Into the output node: the mirror's current less that of the output's side, the other way round for pFETs.
            let current: Vec<f64> = difference(&d.current, &b.current).iter().map(|i| sign * i).collect();
            extract_pair(&name, Kind::Ota, &difference(&a.gate, &b.gate), &current, inner)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(name: &str, polarity: Polarity, [d, g, s, b]: [&str; 4]) -> Terminals {
        Terminals {
            name: name.into(),
            polarity,
            w: 1e-6,
            l: 1e-6,
            nodes: [d, g, s, b].map(str::to_owned),
            reversed: false,
        }
    }

    #[test]
    fn an_ota_is_found_as_one_block() {
        let (n, p) = (Polarity::N, Polarity::P);
        let all = [
            t("mt", p, ["t", "vb", "vdd", "vdd"]),
            t("mb", p, ["vb", "vb", "vdd", "vdd"]),
            t("m1", p, ["a", "p", "t", "vdd"]),
            t("m2", p, ["o", "n", "t", "vdd"]),
            t("m3", n, ["a", "a", "0", "0"]),
            t("m4", n, ["o", "a", "0", "0"]),
        ];
        let found = find(&all, |n| ["0", "vdd", "p", "n", "o"].contains(&n));
        assert_eq!(found[0], Found { kind: Kind::Ota, members: [2, 3, 4, 5] });
        assert_eq!(found[1], Found { kind: Kind::Mirror, members: [1, 0, 0, 0] });
        assert_eq!(found.len(), 2);
    }
}
