//! The native engine under the kit.

use proptest::strategy::Strategy;

use super::circuits::{Kind, circuits};
use super::{Verdict, laws, run};
use crate::{Accuracy, EngineChoice, EngineName, Job, Netlist, Settings};

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|x| x.parse().ok()).unwrap_or(default)
}

/// As many circuits as `FELICE_PROPTEST_CASES` says, 400 else.
fn holds(strategy: &impl Strategy<Value = String>, law: fn(String) -> Verdict) {
    let cases = u32::try_from(setting("FELICE_PROPTEST_CASES", 400)).unwrap_or(u32::MAX);
    run(cases, setting("FELICE_PROPTEST_SEED", 0), strategy, law).unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn prop_kirchhoff_at_every_node_and_step() {
    holds(&circuits(Kind::Any), laws::kirchhoff);
}

#[test]
fn prop_passive_circuits_never_gain_energy() {
    holds(&circuits(Kind::Passive), laws::passivity);
}

#[test]
fn prop_impedance_scaling() {
    holds(&circuits(Kind::Any), laws::impedance_scaling);
}

#[test]
fn prop_time_scaling() {
    holds(&circuits(Kind::Any), laws::time_scaling);
}

#[test]
fn prop_superposition() {
    holds(&circuits(Kind::Linear), laws::superposition);
}

#[test]
fn prop_integration_methods_agree() {
    holds(&circuits(Kind::Any), laws::methods_agree);
}

#[test]
fn prop_an_ota_is_odd() {
    let ota = [-2.5..-2.0f64, 0.0..1.0, 0.0..1.0, 0.0..1.0].prop_map(|[tail, kappa, is, vt]| {
        // Far from leakage (kappa vt0 >> Ut) and from strong inversion.
        let (kappa, is, vt) = (0.6 + 0.2 * kappa, 1e-7 * 10f64.powf(is), 0.6 + 0.1 * vt);
        format!(
            "ota\n.model mn nekv(is={is:e} vt0={vt} kappa={kappa})\n.model mp pekv(is={:e} vt0={vt} kappa={kappa})\n\
             vdd vdd 0 3\nib vbp 0 {:e}\nvc c 0 1\nvd p c 0\ne1 n c p c -1\nvout out 0 1\n\
             mb vbp vbp vdd vdd mp w=4u l=4u\nmt t vbp vdd vdd mp w=4u l=4u\n\
             m1 a p t vdd mp w=4u l=4u\nm2 out n t vdd mp w=4u l=4u\nm3 a a 0 0 mn w=4u l=4u\nm4 out a 0 0 mn w=4u l=4u\n\
             .dc vd -0.1 0.1 0.005\n.end\n",
            0.4 * is,
            0.4 * is * 10f64.powf(tail)
        )
    });
    holds(&ota, laws::ota_antisymmetry);
}

/// ngspice comes to the same voltages (FELICE_HEAVY=1).
#[test]
fn prop_ngspice_agrees_when_heavy() {
    if std::env::var_os("FELICE_HEAVY").is_none() {
        return;
    }
    let cases = u32::try_from(setting("FELICE_PROPTEST_CASES", 100).min(300)).unwrap_or(u32::MAX);
    let agree = |text: String| {
        let job = Job::new(Netlist::from_text(text));
        let settings = Settings { accuracy: Accuracy::Tight, samples: Some(101), cache: false, ..Settings::default() };
        let of = |engine| crate::simulate(&job, EngineChoice::Only(engine), &settings).map_err(super::fail);
        let (a, b) = (of(EngineName::Native)?, of(EngineName::Ngspice)?);
        for s in a.vectors.signals().iter().filter(|s| s.name.starts_with("v(")) {
            let other = b.vector(&s.name).ok_or_else(|| super::fail(format!("{} is missing", s.name)))?;
            let error = s.values.iter().zip(&other.values).fold(0.0f64, |m, (x, y)| m.max((x - y).abs()));
            if super::exceeds(error, 2e-4) {
                return Err(super::fail(format!("{} differs by {error} V", s.name)));
            }
        }
        Ok(())
    };
    run(cases, setting("FELICE_PROPTEST_SEED", 0), &circuits(Kind::Any), agree).unwrap_or_else(|why| panic!("{why}"));
}
