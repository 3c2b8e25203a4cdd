//! Laws that every transistor and block obeys, whatever its parameters.
#![cfg(test)]

mod cards;
mod slopes;

use felice_subthreshold::blocks::{Cascode, Dial, Exponential, Follower, Mirror, Ota, Output, Pair};
use felice_subthreshold::real::{Dual, Real};
use felice_subthreshold::{Card, Ekv, Polarity};
use proptest::prelude::*;

/// A transistor of a plausible process: the leakage from 1e-17 to 1e-12 A.
fn fet() -> impl Strategy<Value = Ekv> {
    (0.35..0.9, 1e-17_f64.ln()..1e-12_f64.ln(), 1e-7_f64.ln()..1e-5_f64.ln(), 0.0..0.3, 0.02..0.035)
        .prop_map(|(kappa, i0, is, lambda, ut)| Ekv { spec: is.exp(), kappa, vt0: ut / kappa * (is - i0), lambda, ut })
}

/// The same kind of transistor, `ratio` times as wide, its threshold moved by `dvt`.
fn like(fet: Ekv, ratio: f64, dvt: f64) -> Ekv {
    Ekv { spec: fet.spec * ratio, vt0: fet.vt0 + dvt, ..fet }
}

fn terminals() -> impl Strategy<Value = [f64; 3]> {
    [0.0..1.5, 0.0..1.5, 0.0..1.5]
}

/// A gate voltage that puts `inversion` on a saturated transistor.
fn gate(fet: &Ekv, inversion: f64) -> f64 {
    fet.gate_for(fet.spec * inversion, 0.0)
}

fn cases() -> ProptestConfig {
    let cases = std::env::var("FELICE_PROPTEST_CASES").ok().and_then(|c| c.parse().ok()).unwrap_or(1000);
    ProptestConfig { cases, failure_persistence: None, max_global_rejects: 100 * cases, ..ProptestConfig::default() }
}

/// The solved value lies within the block's own bound of the closed one.
fn bounded(solved: f64, closed: f64, scale: f64, bound: f64) -> Result<(), TestCaseError> {
    let error = (solved - closed).abs() / scale;
    prop_assert!(error <= bound + 1e-9, "off by {error:.3e}, bound {bound:.3e}");
    Ok(())
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn prop_source_and_drain_swap(f in fet(), [g, a, b] in terminals()) {
        prop_assert_eq!(f.current(g, a, b), -f.current(g, b, a));
    }

    #[test]
    fn prop_monotone_in_each_terminal(f in fet(), [g, s, d] in terminals(), step in 1e-4..0.5) {
        let i = f.current(g, s, d);
        let tiny = 1e-12 * i.abs();
        prop_assert!(f.current(g, s, d + step) >= i - tiny);
        prop_assert!(f.current(g, s + step, d) <= i + tiny);
        let (up, down) = if d >= s { (f.current(g + step, s, d), i) } else { (i, f.current(g + step, s, d)) };
        prop_assert!(up >= down - tiny);
    }

    #[test]
    fn prop_conductances_are_the_dual_numbers(f in fet(), [g, s, d] in terminals()) {
        let lifted: Ekv<Dual<3>> = f.lift();
        let i = lifted.current(Dual::variable(g, 0), Dual::variable(s, 1), Dual::variable(d, 2));
        let c = f.conductances(g, s, d);
        let scale = c.gm.abs() + c.gds.abs() + c.gms.abs();
        for (ours, theirs) in [(c.gm, i.slope[0]), (-c.gms, i.slope[1]), (c.gds, i.slope[2])] {
            prop_assert!((ours - theirs).abs() <= 1e-10 * scale, "{ours} {theirs}");
        }
    }

    /// Moving every terminal together changes nothing but through the gate's lever: gms = gm/kappa + gds.
    #[test]
    fn prop_conductances_balance(f in fet(), [g, s, d] in terminals()) {
        let c = f.conductances(g, s, d);
        prop_assert!((c.gms - c.gds - c.gm / f.kappa).abs() <= 1e-9 * (c.gms.abs() + c.gds.abs()));
    }

    #[test]
    fn prop_gm_over_i_reaches_kappa_over_ut(f in fet(), inversion in 1e-9..1e-6) {
        let vg = gate(&f, inversion);
        let ratio = f.conductances(vg, 0.0, 1.0).gm / f.current(vg, 0.0, 1.0) * f.ut / f.kappa;
        prop_assert!(ratio < 1.0 && 1.0 - ratio < inversion.sqrt() + 1e-9, "{ratio}");
    }

    #[test]
    fn prop_current_scales_with_width(f in fet(), [g, s, d] in terminals(), ratio in 0.1..100.0) {
        let (one, many) = (f.current(g, s, d), like(f, ratio, 0.0).current(g, s, d));
        // Forward and reverse currents nearly cancel near Vds = 0.
        let scale = ratio * (f.half(g, s) + f.half(g, d)) * (1.0 + 1.5 * f.lambda);
        prop_assert!((many - ratio * one).abs() <= 1e-13 * scale);
    }

    #[test]
    fn prop_inverses(f in fet(), inversion in 1e-8..10.0, v in 0.0..1.0) {
        let i = f.spec * inversion;
        prop_assert!((f.half(f.gate_for(i, v), v) / i - 1.0).abs() < 1e-9);
        prop_assert!((f.half(v, f.source_for(i, v)) / i - 1.0).abs() < 1e-9);
    }

    #[test]
    fn prop_mirror_within_its_bound(f in fet(), ratio in 0.2..5.0, inversion in 1e-6..0.1, vout in 0.1..1.5) {
        let mirror = Mirror { input: f, output: like(f, ratio, 0.0) };
        let iin = f.spec * inversion;
        prop_assume!(mirror.error(iin, vout).is_finite());
        bounded(mirror.solved(iin, vout).unwrap(), mirror.closed(iin), mirror.closed(iin), mirror.error(iin, vout))?;
    }

    #[test]
    fn prop_cascode_within_its_bound(
        f in fet(), ratio in 0.2..5.0, inversion in 1e-6..0.1, room in 6.0..15.0, vout in 0.8..1.5,
    ) {
        let cascode = Cascode { mirror: Mirror { input: f, output: like(f, ratio, 0.0) }, shield: like(f, ratio, 0.0) };
        let iin = f.spec * inversion;
        let bias = cascode.shield.gate_for(iin * ratio, room * f.ut);
        prop_assume!(cascode.shielded(iin, bias) + 6.0 * f.ut < vout);
        prop_assume!(cascode.error(iin, bias, vout).is_finite());
        let closed = cascode.closed(iin, bias);
        bounded(cascode.solved(iin, bias, vout).unwrap(), closed, closed, cascode.error(iin, bias, vout))?;
    }

    /// A shield divides the output conductance by its intrinsic gain.
    #[test]
    fn prop_cascode_conductance(f in fet(), inversion in 1e-6..1e-4) {
        let f = Ekv { lambda: 0.02 + 0.5 * f.lambda, ..f };
        let cascode = Cascode { mirror: Mirror { input: f, output: f }, shield: f };
        let iin = f.spec * inversion;
        let bias = f.gate_for(iin, 10.0 * f.ut);
        let at = |v| cascode.solved(iin, bias, v).unwrap();
        let measured = (at(1.3) - at(1.1)) / 0.2;
        let predicted = cascode.conductance(at(1.2));
        prop_assert!((measured / predicted).ln().abs() < 0.5, "{measured:e} {predicted:e}");
    }

    #[test]
    fn prop_output_within_its_bound(f in fet(), inversion in 1e-8..0.1, vds in 0.1..1.5) {
        let output = Output { fet: f, gate: gate(&f, inversion) };
        bounded(output.solved(vds), output.closed(), output.closed(), output.error(vds))?;
    }

    #[test]
    fn prop_pairs_within_their_bounds(
        f in fet(), d in fet(), inversion in 1e-7..0.1, common in 0.6..1.2, difference in -0.4..0.4,
    ) {
        let pair = Pair { m1: f, m2: f };
        let diode = Ekv { kappa: f.kappa, ut: f.ut, ..d };
        let tail = f.spec * inversion;
        let (p, n) = (common + 0.5 * difference, common - 0.5 * difference);
        bounded(pair.solved(tail, p, n).unwrap(), pair.closed(tail, p, n), tail, pair.error(tail))?;
        for dial in [Dial::Plain, Dial::Degenerated(diode), Dial::PreAmplified(diode)] {
            let (solved, closed) = (dial.solved(&pair, tail, p, n).unwrap(), dial.closed(&pair, tail, p, n));
            bounded(solved, closed, tail, dial.error(&pair, tail))?;
        }
    }

    /// Mismatch is an input offset: the solved pair balances there.
    #[test]
    fn prop_pair_offset(f in fet(), ratio in 0.8..1.25, dvt in -0.01..0.01, inversion in 1e-8..1e-5) {
        let pair = Pair { m1: f, m2: like(f, ratio, dvt) };
        let tail = f.spec * inversion;
        let left = pair.solved(tail, 0.8 + pair.offset(), 0.8).unwrap() / tail;
        prop_assert!(left.abs() < 1e-2 * (ratio.ln().abs() + dvt.abs() / f.ut) + 1e-9, "{left}");
    }

    #[test]
    fn prop_exponential_within_its_bound(
        f in fet(), inversion in 1e-6..0.1, vds in 0.1..1.4, ratio in 0.3..3.0,
    ) {
        let direct = Exponential { input: f, mirror: None, supply: 1.8 };
        let v = gate(&f, inversion);
        bounded(direct.solved(v, vds).unwrap(), direct.closed(v), direct.closed(v), direct.error(v, vds))?;
        let turned = Exponential { mirror: Some(Mirror { input: f, output: like(f, ratio, 0.0) }), ..direct };
        prop_assume!(turned.error(v, vds).is_finite() && v < 1.2);
        bounded(turned.solved(v, vds).unwrap(), turned.closed(v), turned.closed(v), turned.error(v, vds))?;
    }
}

proptest! {
    #![proptest_config(cases())]

    /// A mirror's gate is found at any drive, from leakage to strong inversion: the currents always cross between the rails.
    #[test]
    fn prop_exponential_is_always_solved(f in fet(), d in fet(), v in 0.0..1.8, supply in 0.5..3.0) {
        let diode = Ekv { ut: f.ut, ..d };
        let e = Exponential { input: f, mirror: None, supply };
        let gate = e.diode_gate(&diode, v).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let (a, b) = (f.current(v, 0.0, supply - gate), diode.current(gate, 0.0, gate));
        prop_assert!((a - b).abs() <= 1e-6 * (a + b) + 1e-12 * f.half(v, 0.0), "{gate} {a:e} {b:e}");
    }
}

/// An OTA of long, slightly inverted devices at some tail current, with both polarities.
fn ota() -> impl Strategy<Value = (Ota, f64)> {
    (fet(), 1e-6..0.1, prop::bool::ANY).prop_map(|(f, inversion, p)| {
        let f = Ekv { lambda: 0.1 * f.lambda, ..f };
        let polarity = if p { Polarity::P } else { Polarity::N };
        (Ota { tail: f, m1: f, m2: f, m3: f, m4: f, polarity, supply: 2.5 }, gate(&f, inversion))
    })
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn prop_ota_within_its_bound(
        (ota, gate) in ota(), input in 0.0..2.5, difference in -0.3..0.3, out in 0.0..2.5,
    ) {
        let (p, n) = (input, input + difference);
        let bound = ota.error(gate, p, n, out);
        prop_assume!(bound < 1.0);
        let solved = ota.solved(gate, p, n, out).unwrap().current;
        bounded(solved, ota.closed(gate, p, n), ota.amplitude(gate), bound)?;
    }

    #[test]
    fn prop_follower_within_its_bound((ota, gate) in ota(), v in 0.0..2.5, difference in -0.3..0.3) {
        let (follower, w) = (Follower { ota, c: 1e-12 }, v - difference);
        let bound = follower.error(gate, v, w);
        prop_assume!(bound < 1.0);
        let (solved, closed) = (follower.solved(gate, v, w).unwrap(), follower.closed(gate, v, w));
        bounded(solved, closed, follower.slew_rate(gate), bound)?;
    }

    /// Without Early effect an OTA is odd in its input, but for what saturation leaves.
    #[test]
    fn prop_ota_is_odd((ota, gate) in ota(), difference in -0.3..0.3) {
        let flat = |m: Ekv| Ekv { lambda: 0.0, ..m };
        let ota = Ota { tail: flat(ota.tail), m1: flat(ota.m1), m2: flat(ota.m2), m3: flat(ota.m3), m4: flat(ota.m4), ..ota };
        let (input, out) = if ota.polarity == Polarity::P { (0.7, 1.0) } else { (1.8, 1.5) };
        let bound = ota.error(gate, input, input + difference, out) + ota.error(gate, input + difference, input, out);
        prop_assume!(bound < 1.0);
        let forth = ota.solved(gate, input, input + difference, out).unwrap();
        let back = ota.solved(gate, input + difference, input, out).unwrap();
        let left = (forth.current + back.current).abs() / ota.amplitude(gate);
        prop_assert!(left <= bound, "{left:e} {bound:e}");
        // What is left of evenness is what tail and mirror lack to saturation.
        let inward = if ota.polarity == Polarity::P { 2.5 - out } else { out };
        let room = [forth, back]
            .iter()
            .flat_map(|o| [o.source, o.diode, inward - o.source, 2.5 - o.diode - o.source, 2.5 - inward])
            .fold(f64::INFINITY, f64::min)
            / ota.m1.ut;
        prop_assert!(left <= 3.0 * (-room).exp() + 1e-6, "{left:e} {room}");
    }

    /// Kirchhoff inside: what the pair takes from the tail is what the tail gives.
    #[test]
    fn prop_ota_conserves_current((ota, gate) in ota(), input in 0.3..1.2, difference in -0.2..0.2, out in 0.3..1.2) {
        let (p, n, o) = match ota.polarity {
            Polarity::P => (input, input + difference, out),
            Polarity::N => (2.5 - input, 2.5 - input - difference, 2.5 - out),
        };
        let Ok(point) = ota.solved(gate, p, n, o) else { return Err(TestCaseError::reject("no room")) };
        let inward = |v: f64| if ota.polarity == Polarity::P { 2.5 - v } else { v };
        let i1 = ota.m1.current(inward(p), point.source, 2.5 - point.diode);
        let i2 = ota.m2.current(inward(n), point.source, inward(o));
        let i3 = ota.m3.current(point.diode, 0.0, point.diode);
        let it = ota.tail.current(gate, 0.0, point.source);
        prop_assert!((i1 + i2 - it).abs() <= 1e-8 * it, "{i1:e} {i2:e} {it:e}");
        prop_assert!((i1 - i3).abs() <= 1e-8 * (i1 + i3), "{i1:e} {i3:e}");
    }

    /// The step response solves its own equation: its slope is the follower's current over C.
    #[test]
    fn prop_follower_step((ota, gate) in ota(), step in 1e-3..0.5_f64, down in prop::bool::ANY, t in 0.01..5.0_f64) {
        let step = if down { -step } else { step };
        let follower = Follower { ota, c: 1e-12 };
        let tau = follower.time_constant(gate);
        let (t, h) = (t * tau, 1e-4 * tau);
        let at = |t| follower.step_response(gate, step, t);
        prop_assert!((at(0.0) / step - 1.0).abs() < 1e-9);
        let slope = (at(t + h) - at(t - h)) / (2.0 * h);
        let expected = -follower.closed(gate, at(t) + ota.offset(), 0.0);
        prop_assert!((slope - expected).abs() < 1e-5 * follower.slew_rate(gate), "{slope:e} {expected:e}");
        let late = at(follower.stretch(step) * tau);
        prop_assert!((late * std::f64::consts::E / step - 1.0).abs() < 1e-6);
    }

    /// Every SI value survives its way through text, whatever unit it was written in.
    #[test]
    fn prop_units_round_trip(exponent in -18..-6_i32, mantissa in 1.0..10.0_f64, unit in 0..4usize) {
        let (name, factor) = [("A", 1.0), ("nA", 1e-9), ("pA", 1e-12), ("fA", 1e-15)][unit];
        let si = mantissa * 10f64.powi(exponent);
        let text = format!(
            "[conditions]\nUt = {{ value = 25, unit = \"mV\" }}\n[nfet]\nI0 = {{ value = {:e}, unit = \"{name}\" }}\n",
            si / factor
        );
        let card = Card::from_toml(&text, "c").unwrap();
        let again = Card::from_toml(&card.to_toml(), "c").unwrap();
        let value = |c: &Card| c.fets["nfet"].quantities["I0"].value;
        prop_assert!((value(&card) / si - 1.0).abs() < 1e-14);
        prop_assert_eq!(value(&card), value(&again));
    }
}

/// Dual numbers against central differences, for every function that the formulas use.
#[test]
fn dual_functions_have_their_slopes() {
    type Pair = (&'static str, fn(f64) -> f64, fn(Dual<1>) -> Dual<1>);
    let functions: [Pair; 7] = [
        ("exp", f64::exp, Real::exp),
        ("ln", f64::ln, Real::ln),
        ("sqrt", f64::sqrt, Real::sqrt),
        ("tanh", f64::tanh, Real::tanh),
        ("softplus", |x| x.exp().ln_1p(), Real::softplus),
        ("abs", f64::abs, Real::abs),
        ("recip", f64::recip, Real::recip),
    ];
    for (name, plain, dual) in functions {
        for x in [0.3, 1.7] {
            let d = dual(Dual::variable(x, 0));
            let slope = (plain(x + 1e-6) - plain(x - 1e-6)) / 2e-6;
            assert!((d.value - plain(x)).abs() < 1e-14 && (d.slope[0] - slope).abs() < 1e-8, "{name} at {x}");
        }
    }
}
