//! B sources that are EKV transistors: found by the structure of their expression, believed only after a numerical check.

use std::collections::BTreeMap;

use super::ekv::{EKV_OUTPUTS, EkvBatch, EkvDevice};
use super::graph::{Graph, Node, NodeRef};
use super::layout::Slot;
use crate::expr::{Binary, Expr, Unary};

/// A B source proven to be a transistor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recognised {
    /// Its parameters.
    pub device: EkvDevice,
    /// Slots of d, g, s, b.
    pub terminals: [Slot; 4],
    /// True where the source's positive terminal is the drain.
    pub drain_first: bool,
}

/// `constant + Σ factor · slot`
#[derive(Clone, Debug, Default, PartialEq)]
struct Affine {
    constant: f64,
    factors: BTreeMap<Slot, f64>,
}

/// The transistor that `I = expr` from slot p to slot n is, if it is one. `node` is the expression in the graph; `slot_of`
/// gives the slot of a node of the circuit; `is_supply` tells slots that sources hold.
pub fn recognise(
    graph: &Graph,
    node: NodeRef,
    expr: &Expr,
    (p, n): (Slot, Slot),
    slot_of: &dyn Fn(usize) -> Slot,
    is_supply: &dyn Fn(Slot) -> bool,
) -> Option<Recognised> {
    let (amount, factors) = product(graph, node);
    let (mut amount, mut difference, mut lambda) = (amount, None, 0.0);
    let mut early = None;
    for f in factors {
        if let Some((c, forward, reverse)) = difference_of_squares(graph, f) {
            amount *= c;
            if difference.replace((forward, reverse)).is_some() {
                return None;
            }
        } else if let Some((l, voltage)) = early_factor(graph, f) {
            lambda = l;
            if early.replace(voltage).is_some() {
                return None;
            }
        } else {
            return None;
        }
    }
    let (forward, reverse) = difference?;
    let (factor, a, b) = opposite_pair(&subtract(&forward, &reverse))?;
    if let Some(voltage) = early {
        let (factor, x, y) = opposite_pair(&voltage)?;
        if (x, y) != (a, b) {
            return None;
        }
        lambda *= factor.abs();
    }
    // Where gate and drain are one node, and source and bulk too, either end may be the source (a diode of either kind):
    // take the n kind with its drain first, the p kind with its source first, and of these two the one whose source a
    // supply holds, or the p kind, whose well can be its own.
    let mut readings = [(factor, a, b), (-factor, b, a)];
    readings
        .sort_by_key(|&(channel, source, drain)| ((channel < 0.0) != (drain == p), !is_supply(source), channel < 0.0));
    readings.into_iter().find_map(|(channel, source, drain)| {
        let drain_first = match (p, n) {
            ends if ends == (drain, source) => true,
            ends if ends == (source, drain) => false,
            _ => return None,
        };
        let mut common = forward.clone();
        *common.factors.entry(source).or_insert(0.0) -= channel;
        common.factors.retain(|_, f| f.abs() > 1e-14 * channel.abs());
        let [(g, gate), (b, bulk)] = gate_and_bulk(&common, source, is_supply)?;
        let scale = if drain_first { amount } else { -amount };
        let device = EkvDevice { gate, channel, bulk, offset: common.constant, scale, lambda };
        let found = Recognised { device, terminals: [drain, g, source, b], drain_first };
        agrees(&found, expr, slot_of).then_some(found)
    })
}

/// A node as a number times other nodes.
fn product(graph: &Graph, node: NodeRef) -> (f64, Vec<NodeRef>) {
    let (mut number, mut factors, mut open) = (1.0, Vec::new(), vec![node]);
    while let Some(n) = open.pop() {
        if let Some(c) = graph.constant(n) {
            number *= c;
            continue;
        }
        match graph.nodes()[n as usize] {
            Node::Binary(Binary::Mul, a, b) => open.extend([b, a]),
            Node::Binary(Binary::Div, a, b) if graph.constant(b).is_some() => {
                number /= graph.constant(b).unwrap_or(1.0);
                open.push(a);
            }
            Node::Unary(Unary::Neg, a) => {
                number = -number;
                open.push(a);
            }
            _ => factors.push(n),
        }
    }
    (number, factors)
}

/// `c (ln²(1 + e^x) − ln²(1 + e^y))` as (c, x, y).
fn difference_of_squares(graph: &Graph, node: NodeRef) -> Option<(f64, Affine, Affine)> {
    let Node::Binary(operator @ (Binary::Sub | Binary::Add), a, b) = graph.nodes()[node as usize] else { return None };
    let square = |n: NodeRef| {
        let (c, factors) = product(graph, n);
        let [f, g] = factors.as_slice() else { return None };
        match graph.nodes()[*f as usize] {
            Node::Softplus(x, _) if f == g => Some((c, affine(graph, x)?)),
            _ => None,
        }
    };
    let ((c, x), (d, y)) = (square(a)?, square(b)?);
    let d = if operator == Binary::Sub { -d } else { d };
    // The two amplitudes must be opposite: up to the rounding of their own arithmetic.
    ((c + d).abs() <= 1e-14 * c.abs()).then_some((c, x, y))
}

/// `1 + λ |v|` as (λ, v).
fn early_factor(graph: &Graph, node: NodeRef) -> Option<(f64, Affine)> {
    let Node::Binary(Binary::Add, a, b) = graph.nodes()[node as usize] else { return None };
    let rest = match (graph.constant(a), graph.constant(b)) {
        (Some(1.0), _) => b,
        (_, Some(1.0)) => a,
        _ => return None,
    };
    let (lambda, factors) = product(graph, rest);
    let [size] = factors.as_slice() else { return None };
    match graph.nodes()[*size as usize] {
        Node::Unary(Unary::Abs, v) => Some((lambda, affine(graph, v)?)),
        _ => None,
    }
}

/// A node as a sum of slots and a number.
fn affine(graph: &Graph, node: NodeRef) -> Option<Affine> {
    let mut sum = Affine::default();
    let mut open = vec![(node, 1.0)];
    while let Some((n, weight)) = open.pop() {
        if let Some(c) = graph.constant(n) {
            sum.constant += weight * c;
            continue;
        }
        match graph.nodes()[n as usize] {
            Node::Slot(slot) if slot < graph.time() => *sum.factors.entry(slot).or_insert(0.0) += weight,
            Node::Unary(Unary::Neg, a) => open.push((a, -weight)),
            Node::Binary(Binary::Add, a, b) => open.extend([(a, weight), (b, weight)]),
            Node::Binary(Binary::Sub, a, b) => open.extend([(a, weight), (b, -weight)]),
            Node::Binary(Binary::Mul, a, b) => match (graph.constant(a), graph.constant(b)) {
                (Some(c), _) => open.push((b, weight * c)),
                (_, Some(c)) => open.push((a, weight * c)),
                _ => return None,
            },
            Node::Binary(Binary::Div, a, b) => open.push((a, weight / graph.constant(b)?)),
            _ => return None,
        }
    }
    Some(sum)
}

fn subtract(a: &Affine, b: &Affine) -> Affine {
    let mut out = a.clone();
    out.constant -= b.constant;
    for (slot, f) in &b.factors {
        *out.factors.entry(*slot).or_insert(0.0) -= f;
    }
    let largest = a.factors.values().chain(b.factors.values()).fold(0.0f64, |m, f| m.max(f.abs()));
    out.factors.retain(|_, f| f.abs() > 1e-13 * largest);
    out
}

/// `f (a − b)` as (f, a, b).
fn opposite_pair(v: &Affine) -> Option<(f64, Slot, Slot)> {
    let mut pairs = v.factors.iter();
    let ((a, fa), (b, fb)) = (pairs.next()?, pairs.next()?);
    let fits = pairs.next().is_none() && (fa + fb).abs() <= 1e-12 * fa.abs() && v.constant.abs() <= 1e-12 * fa.abs();
    fits.then_some((*fa, *a, *b))
}

/// Which of the remaining slots is the gate: the one that no source holds. Only shifts of the threshold depend on it.
fn gate_and_bulk(common: &Affine, source: Slot, is_supply: &dyn Fn(Slot) -> bool) -> Option<[(Slot, f64); 2]> {
    let left: Vec<(Slot, f64)> = common.factors.iter().map(|(s, f)| (*s, *f)).collect();
    match left.as_slice() {
        [] => Some([(source, 0.0), (source, 0.0)]),
        [gate] => Some([*gate, (source, 0.0)]),
        [a, b] => {
            let a_is_bulk = (is_supply(a.0) && !is_supply(b.0)) || (a.0 == source && b.0 != source && !is_supply(b.0));
            Some(if a_is_bulk { [*b, *a] } else { [*a, *b] })
        }
        _ => None,
    }
}

/// The numerical check: the expression as written against the compiled device, at points from off to strong inversion.
fn agrees(found: &Recognised, expr: &Expr, slot_of: &dyn Fn(usize) -> Slot) -> bool {
    let mut batch = EkvBatch::default();
    batch.push(found.device, [0, 1, 2, 3]);
    let sign = if found.drain_first { 1.0 } else { -1.0 };
    // Equidistributed points (powers of the plastic number's inverse), the same at every run.
    let voltage =
        |point: u32, k: u32| -0.4 + 2.8 * (f64::from(point) * [0.8567, 0.7339, 0.6287, 0.5386][k as usize]).fract();
    (1..=24).all(|point| {
        // Terminals that share a slot share its voltage.
        let by_slot: BTreeMap<Slot, f64> =
            (0..4).rev().map(|k| (found.terminals[k as usize], voltage(point, k))).collect();
        let at = |slot: Slot| by_slot.get(&slot).copied().unwrap_or(0.0);
        let mut values = vec![0.0; 4 + EKV_OUTPUTS];
        for k in 0..4 {
            values[k] = at(found.terminals[k]);
        }
        batch.currents(&mut values, 4);
        let written = expr.value(0.0, |p, n| at(slot_of(p.index())) - at(slot_of(n.index())), |_| 0.0);
        let d = &found.device;
        let argument = |v: f64| d.gate * values[1] + d.bulk * values[3] + d.channel * v + d.offset;
        let ln = |x: f64| if x > 30.0 { x } else { x.exp().ln_1p() };
        let (forward, reverse) = (ln(argument(values[2])), ln(argument(values[0])));
        let amplitude = d.scale.abs() * (1.0 + d.lambda * (values[0] - values[2]).abs());
        // As written, ln(1 + e^x) rounds 1 + e^x: an absolute error of one ulp of 1.
        let noise = amplitude * (forward + reverse + 1e-15) * 1e-14;
        let rounding = amplitude * (forward * forward + reverse * reverse) * 1e-10;
        (written - sign * values[4]).abs() <= noise + rounding
    })
}
