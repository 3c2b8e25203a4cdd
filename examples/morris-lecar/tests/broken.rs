//! Two broken neurons, and how the kit says what is wrong with them: the law, what it saw, and the smallest case that
//! still shows it.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::cell::Cell;

use felice_neurons::properties::{conformance, try_law};
use felice_neurons::{Info, Neuron, Real};
use morris_lecar::MorrisLecar;

/// Someone has made the calcium gate a switch: open above V₁, shut below. No method converges across the jump.
#[derive(Clone, Copy)]
struct Switched;

impl Neuron for Switched {
    type State<R: Real> = [R; 2];
    type Parameters<R: Real> = [R; 13];
    const INFO: Info = MorrisLecar::INFO;

    #[inline(always)]
    fn field<R: Real>(p: &[R; 13], y: [R; 2]) -> [R; 2] {
        let [_, dw] = MorrisLecar::field(p, y);
        let [c, i, g_l, v_l, g_ca, v_ca, g_k, v_k, v_1, ..] = *p;
        let [v, w] = y;
        let open = R::select(v_1.lt(v), R::num(1.0), R::num(0.0));
        let current = i - g_l * (v - v_l) - g_ca * open * (v - v_ca) - g_k * w * (v - v_k);
        [current / c, dw]
    }

    fn spike_condition<R: Real>(p: &[R; 13], y: [R; 2], dy: [R; 2]) -> R {
        MorrisLecar::spike_condition(p, y, dy)
    }
}

thread_local! {
    static LAST: Cell<f64> = const { Cell::new(0.0) };
}

/// Someone has kept the last neuron's voltage in a variable and lets it leak into the next one.
#[derive(Clone, Copy)]
struct Leaky;

impl Neuron for Leaky {
    type State<R: Real> = [R; 2];
    type Parameters<R: Real> = [R; 13];
    const INFO: Info = MorrisLecar::INFO;

    fn field<R: Real>(p: &[R; 13], y: [R; 2]) -> [R; 2] {
        let [dv, dw] = MorrisLecar::field(p, y);
        let leak = LAST.replace(1e-3 + LAST.get());
        [dv + R::num(leak), dw]
    }

    fn spike_condition<R: Real>(p: &[R; 13], y: [R; 2], dy: [R; 2]) -> R {
        MorrisLecar::spike_condition(p, y, dy)
    }
}

#[test]
fn a_switch_breaks_the_solvers_order() {
    let said = try_law::<Switched>(1000, 0, conformance::solver_order::<Switched>).unwrap_err();
    println!("{said}");
    assert!(said.contains("errors [") && said.contains("smallest case: c = "), "{said}");
    // What does not matter has been shrunk away: the other three states are the corner of their range.
    assert!(said.matches("[-80.0, 0.0]").count() >= 3, "{said}");
    // It is smooth enough for everything else.
    try_law::<Switched>(200, 0, conformance::finite_field::<Switched>).unwrap();
    try_law::<Switched>(200, 0, conformance::batch_independence::<Switched>).unwrap();
}

#[test]
fn a_memory_couples_the_neurons_of_a_batch() {
    let said = try_law::<Leaky>(1000, 0, conformance::batch_independence::<Leaky>).unwrap_err();
    println!("{said}");
    assert!(said.contains("in the batch, and alone") && said.contains("smallest case: c = "), "{said}");
}
