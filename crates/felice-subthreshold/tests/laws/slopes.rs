//! Slopes: solved blocks over dual numbers against differences of themselves; charges and what they add up to.

use super::{cases, fet, gate, like, ota, terminals};
use felice_subthreshold::blocks::{Dial, Exponential, Mirror, Pair};
use felice_subthreshold::real::{Dual, Real};
use felice_subthreshold::{Ekv, Polarity, capacitances, charges};
use proptest::prelude::*;

/// The dual's slope is what a small step gives: to 1e-4 of the slope, or the roundoff of the difference.
fn slope_holds(value: Dual<1>, up: f64, down: f64, step: f64, what: &str) -> Result<(), TestCaseError> {
    let difference = (up - down) / (2.0 * step);
    let allowed = 1e-4 * value.slope[0].abs() + 1e-8 * value.value.abs() / step;
    prop_assert!((value.slope[0] - difference).abs() <= allowed, "{what}: {:e} {difference:e}", value.slope[0]);
    Ok(())
}

const STEP: f64 = 1e-5;

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn prop_solved_slopes_are_exact(
        f in fet(), ratio in 0.5..2.0, inversion in 1e-6..1e-2, common in 0.7..1.1, difference in -0.15..0.15,
    ) {
        let tail = f.spec * inversion;
        let (pair, constant) = (Pair { m1: f, m2: like(f, ratio, 0.0) }, |x: f64| Dual::<1>::constant(x));
        let (p, n) = (common + 0.5 * difference, common - 0.5 * difference);
        let lifted = Pair { m1: pair.m1.lift(), m2: pair.m2.lift() };
        let plain = |p: f64| pair.solved(tail, p, n).unwrap();
        let dual = lifted.solved(constant(tail), Dual::variable(p, 0), constant(n)).unwrap();
        slope_holds(Dual { value: tail, ..dual }, plain(p + STEP), plain(p - STEP), STEP, "pair")?;
        // By a threshold: what the first-order propagation of mismatch takes.
        let moved = |dvt: f64| Pair { m1: like(f, 1.0, dvt), ..pair }.solved(tail, p, n).unwrap();
        let m1 = Ekv { vt0: Dual::variable(f.vt0, 0), ..f.lift() };
        let dual = Pair { m1, ..lifted }.solved(constant(tail), constant(p), constant(n)).unwrap();
        slope_holds(Dual { value: tail, ..dual }, moved(STEP), moved(-STEP), STEP, "pair by Vt0")?;
        let diode = like(f, 1.0, 0.0);
        let dial = Dial::Degenerated(diode);
        let plain = |p: f64| dial.solved(&Pair { m1: f, m2: f }, tail, p, n).unwrap();
        let dual = Dial::Degenerated(diode.lift())
            .solved(&Pair { m1: f.lift(), m2: f.lift() }, constant(tail), Dual::variable(p, 0), constant(n))
            .unwrap();
        slope_holds(Dual { value: tail, ..dual }, plain(p + STEP), plain(p - STEP), STEP, "degenerated pair")?;
    }

    #[test]
    fn prop_mirrors_and_exponentials_have_exact_slopes(
        f in fet(), ratio in 0.5..2.0, inversion in 1e-6..1e-2, vds in 0.2..1.2,
    ) {
        let v = gate(&f, inversion);
        prop_assume!(v > 0.1);
        let mirror = Mirror { input: f, output: like(f, ratio, 0.0) };
        let e = Exponential { input: f, mirror: Some(mirror), supply: 3.0 };
        let dual = e.map(Dual::<1>::constant).solved(Dual::variable(v, 0), Dual::constant(vds)).unwrap();
        let plain = |v: f64| e.solved(v, vds).unwrap();
        slope_holds(dual, plain(v + STEP), plain(v - STEP), STEP, "exponential")?;
        let input = f.spec * inversion;
        let dual = mirror.map(Dual::<1>::constant).solved(Dual::variable(input, 0), Dual::constant(vds)).unwrap();
        let plain = |i: f64| mirror.solved(i, vds).unwrap();
        let h = 1e-4 * input;
        slope_holds(dual, plain(input + h), plain(input - h), h, "mirror")?;
    }

    #[test]
    fn prop_ota_slopes_are_exact((ota, gate) in ota(), input in 0.4..1.0, difference in -0.1..0.1, out in 0.4..1.0) {
        let turn = |v: f64| if ota.polarity == Polarity::P { v } else { 2.5 - v };
        let (p, n, o) = (turn(input + difference), turn(input), turn(out));
        let Ok(_) = ota.solved(gate, p, n, o) else { return Err(TestCaseError::reject("no room")) };
        let lifted = ota.map(Dual::<1>::constant);
        let c = |x: f64| Dual::<1>::constant(x);
        let scale = ota.amplitude(gate);
        let by_p = lifted.solved(c(gate), Dual::variable(p, 0), c(n), c(o)).unwrap().current;
        let plain = |p: f64| ota.solved(gate, p, n, o).map_or(f64::NAN, |x| x.current);
        slope_holds(Dual { value: scale, ..by_p }, plain(p + STEP), plain(p - STEP), STEP, "by p")?;
        let by_out = lifted.solved(c(gate), c(p), c(n), Dual::variable(o, 0)).unwrap().current;
        let plain = |o: f64| ota.solved(gate, p, n, o).map_or(f64::NAN, |x| x.current);
        slope_holds(Dual { value: scale, ..by_out }, plain(o + STEP), plain(o - STEP), STEP, "by out")?;
    }

    /// All charges of a transistor add up to nothing, source and drain change places, no capacitance is negative.
    #[test]
    fn prop_charges(f in fet(), [g, s, d] in terminals(), oxide in 1e-16..1e-12) {
        let q = charges(&f, oxide, g, s, d);
        let scale = q.gate.abs() + q.drain.abs() + q.source.abs() + q.bulk.abs();
        prop_assert!((q.gate + q.drain + q.source + q.bulk).abs() <= 1e-15 * scale);
        let swapped = charges(&f, oxide, g, d, s);
        prop_assert!((q.drain - swapped.source).abs() <= 1e-14 * scale);
        let c = capacitances(&f, oxide, g, s, d);
        for x in [c.gs, c.gd, c.gb, c.sb, c.db] {
            prop_assert!(x >= -1e-9 * oxide && x <= oxide / f.kappa, "{c:?}");
        }
        // A gate carries no more than its oxide.
        prop_assert!(c.gs + c.gd + c.gb <= oxide * (1.0 + 1e-9));
    }

    /// Twice as wide and twice as long: the same current, half the output conductance beside it.
    #[test]
    fn prop_scaling_with_the_shape(f in fet(), [g, s, d] in terminals(), grow in 0.2..5.0) {
        let (small, large) = (f, Ekv { lambda: f.lambda / grow, ..f });
        let early = |m: &Ekv| 1.0 + m.lambda * (d - s).abs();
        let (a, b) = (small.current(g, s, d) / early(&small), large.current(g, s, d) / early(&large));
        prop_assert!((a - b).abs() <= 1e-12 * (f.half(g, s) + f.half(g, d)));
    }
}
