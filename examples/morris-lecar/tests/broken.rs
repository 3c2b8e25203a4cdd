//! Two broken neurons, and how the kit says what is wrong with them: the law, what it saw, and the smallest case that
//! still shows it.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::cell::Cell;

use felice_neurons::properties::{conformance, try_law};
use felice_neurons::{Info, Lane, Neuron, Real};
use morris_lecar::MorrisLecar;

/// Someone has tabulated the calcium gate, at every 128th of its width, and takes the nearest entry: no method converges
/// across the steps.
#[derive(Clone, Copy)]
struct Tabulated;

impl Neuron for Tabulated {
    type State<R: Real> = [R; 2];
    type Parameters<R: Real> = [R; 13];
    const INFO: Info = MorrisLecar::INFO;

    #[inline(always)]
    fn field<R: Real>(p: &[R; 13], y: [R; 2]) -> [R; 2] {
        let [_, dw] = MorrisLecar::field(p, y);
        let [c, i, g_l, v_l, g_ca, v_ca, g_k, v_k, v_1, v_2, ..] = *p;
        let [v, w] = y;
        let (half, entries, rounder) = (R::num(0.5), R::num(128.0), R::splat(R::Lane::ROUNDER));
        let entry = ((v - v_1) / v_2 * entries + rounder) - rounder;
        let ([], [m]) = R::exp_tanh([], [entry / entries]);
        let current = i - g_l * (v - v_l) - g_ca * half.mul_add(m, half) * (v - v_ca) - g_k * w * (v - v_k);
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
fn a_table_breaks_the_solvers_order() {
    let said = try_law::<Tabulated>(1000, 0, conformance::solver_order::<Tabulated>).unwrap_err();
    println!("{said}");
    assert!(said.contains("errors [") && said.contains("smallest case: c = "), "{said}");
    // What does not matter has been shrunk away: the other three states.
    assert!(said.matches("[0.0, 0.0]").count() >= 3, "{said}");
    // It is good enough for everything else.
    try_law::<Tabulated>(200, 0, conformance::finite_field::<Tabulated>).unwrap();
    try_law::<Tabulated>(200, 0, conformance::batch_independence::<Tabulated>).unwrap();
}

#[test]
fn a_memory_couples_the_neurons_of_a_batch() {
    let said = try_law::<Leaky>(1000, 0, conformance::batch_independence::<Leaky>).unwrap_err();
    println!("{said}");
    assert!(said.contains("in the batch, and alone") && said.contains("smallest case: c = "), "{said}");
}
