//! The EKV transistor against ngspice: currents and conductances of netlists/lib/ekv.lib (data/reference/ekv.py).

use felice_subthreshold::{Ekv, capacitances, charges};
use serde_json::Value;

fn devices() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/reference/ekv.json");
    let json: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    json["devices"].as_array().unwrap().clone()
}

fn number(v: &Value, key: &str) -> f64 {
    v[key].as_f64().unwrap()
}

/// 144 bias points of 12 transistors, n and p, weak to strong inversion, forward and reverse.
#[test]
fn val_current_and_conductances_are_those_of_ngspice() {
    let mut points = 0;
    for d in devices() {
        let of = |key| number(&d, key);
        let fet = Ekv {
            spec: of("spec") * of("w") / of("l"),
            kappa: of("kappa"),
            vt0: of("vt0") + of("dvt"),
            lambda: 1.0 / (of("ve") * of("l")),
            ut: of("ut"),
        };
        for p in d["points"].as_array().unwrap() {
            let (vg, vs, vd) = (number(p, "vg"), number(p, "vs"), number(p, "vd"));
            // ngspice's ln(1 + e^x) loses what is below an ulp of 1; ours does not.
            let loss = 1e-15 * fet.spec * (fet.end(vg, vs) + fet.end(vg, vd)).min(1.0);
            let near = |ours: f64, theirs: f64, scale: f64, what: &str| {
                let allowed = 1e-12 * scale + loss / fet.ut;
                assert!((ours - theirs).abs() <= allowed, "{what} at {vg} {vs} {vd}: {ours:e} {theirs:e}");
            };
            let c = fet.conductances(vg, vs, vd);
            near(fet.current(vg, vs, vd), number(p, "current"), fet.half(vg, vs) + fet.half(vg, vd), "I");
            let all = c.gm.abs() + c.gms.abs() + c.gds.abs();
            near(c.gm, number(p, "gm"), all, "gm");
            near(c.gms, number(p, "gms"), all, "gms");
            near(c.gds, number(p, "gds"), all, "gds");
            points += 1;
        }
    }
    assert_eq!(points, 144);
}

/// The capacitances of the EKV 2.6 model (Bucher et al., EPFL 1997, eqs. 85-88), whose charges ours are: equal in weak
/// and in strong inversion, within 7 % of Cox in between, where ours follow the current's interpolation.
#[test]
fn val_capacitances_are_those_of_ekv_2_6() {
    let fet = Ekv { spec: 1e-6, kappa: 0.7, vt0: 0.45, lambda: 0.0, ut: 0.0258 };
    let mut worst: f64 = 0.0;
    for vg in (0..60).map(|i| 0.05 * f64::from(i)) {
        for (vs, vd) in [(0.0, 1.0), (0.0, 0.0), (0.2, 0.05), (0.3, 2.0)] {
            let ours = capacitances(&fet, 1.0, vg, vs, vd);
            let [xf, xr] = [vs, vd].map(|v| (0.25 + fet.half(vg, v) / fet.spec).sqrt());
            let share = |a: f64, b: f64| 2.0 / 3.0 * (1.0 - (b * b + b + 0.5 * a) / ((a + b) * (a + b)));
            let (cgs, cgd) = (share(xf, xr), share(xr, xf));
            let cgb = (1.0 - fet.kappa) * (1.0 - cgs - cgd);
            let [gs, gd, gb] = [ours.gs - cgs, ours.gd - cgd, ours.gb - cgb].map(f64::abs);
            worst = worst.max(gs).max(gd).max(gb);
            let inversion = (fet.half(vg, vs) / fet.spec).max(fet.half(vg, vd) / fet.spec);
            if inversion < 1e-4 {
                assert!(gs.max(gd).max(gb) < 0.01, "weak, {vg} {vs} {vd}: {ours:?} {cgs} {cgd} {cgb}");
            }
        }
    }
    assert!(worst < 0.07, "{worst}");
    // Saturated in strong inversion: two thirds of the oxide to the source, none to the drain.
    let strong = capacitances(&Ekv { ut: 1e-3, ..fet }, 1.0, 1.5, 0.0, 2.0);
    assert!((strong.gs - 2.0 / 3.0).abs() < 0.01 && strong.gd.abs() < 0.01, "{strong:?}");
    // Off: oxide and depletion layer in series to the bulk, nothing else.
    let off = capacitances(&fet, 1.0, 0.0, 0.0, 0.5);
    assert!((off.gb - 0.3).abs() < 1e-3 && off.gs.abs() < 1e-3, "{off:?}");
    let q = charges(&fet, 1.0, 1.2, 0.1, 0.9);
    assert!((q.gate + q.bulk + q.source + q.drain).abs() < 1e-15);
}
