//! Our models under the kit.

use super::{Case, Verdict, cases_in, run, try_law};
use crate::models::{Boomerang, Fhnrs, WereRabbit};
use crate::neuron::Neuron;

mod wererabbit {
    crate::neuron_conformance!(crate::WereRabbit);
}
mod boomerang {
    crate::neuron_conformance!(crate::Boomerang);
}
mod boomerang_notes_sign {
    crate::neuron_conformance!(crate::BoomerangNotesSign);
}
mod fhnrs {
    crate::neuron_conformance!(crate::Fhnrs);
}
mod wererabbit_branches {
    crate::neuron_conformance!(crate::models::WereRabbitBranches);
}
mod boomerang_branches {
    crate::neuron_conformance!(crate::models::BoomerangBranches);
}
mod fhnrs_saturating {
    crate::neuron_conformance!(crate::models::FhnrsSaturating);
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|x| x.parse().ok()).unwrap_or(default)
}

/// 1000 cases, or as many as `FELICE_PROPTEST_CASES` says.
fn holds<M: Neuron>(law: fn(&Case) -> Verdict) {
    let cases = u32::try_from(setting("FELICE_PROPTEST_CASES", 1000)).unwrap_or(u32::MAX);
    try_law::<M>(cases, setting("FELICE_PROPTEST_SEED", 0), law).unwrap_or_else(|why| panic!("{why}"));
}

macro_rules! laws {
    ($($name:ident: $neuron:ty => $law:path;)*) => {
        $( #[test] fn $name() { holds::<$neuron>($law); } )*
    };
}

laws! {
    prop_wererabbit_mirror: WereRabbit => super::laws::wererabbit_mirror;
    prop_wererabbit_diagonal: WereRabbit => super::laws::wererabbit_diagonal;
    prop_wererabbit_dulac: WereRabbit => super::laws::wererabbit_dulac;
    prop_wererabbit_fixed_points: WereRabbit => super::laws::wererabbit_fixed_points;
    prop_wererabbit_no_fixed_point: WereRabbit => super::laws::wererabbit_no_fixed_point;
    prop_wererabbit_energy: WereRabbit => super::laws::energy_is_conserved::<WereRabbit>;
    prop_boomerang_energy: Boomerang => super::laws::energy_is_conserved::<Boomerang>;
    prop_boomerang_divergence: Boomerang => super::laws::boomerang_divergence;
    prop_fhnrs_trace_and_det: Fhnrs => super::laws::fhnrs_trace_and_det;
    prop_fhnrs_current_decays: Fhnrs => super::laws::fhnrs_current_decays;
    prop_fhnrs_time_scale: Fhnrs => super::laws::fhnrs_time_scale;
    prop_fhnrs_current_scale: Fhnrs => super::laws::fhnrs_current_scale;
    prop_fhnrs_is_two_elements: Fhnrs => super::laws::fhnrs_is_two_elements;
    prop_wererabbit_mirrors_in_an_ensemble: WereRabbit => super::crowds::wererabbit_mirrors;
    prop_boomerang_energy_in_an_ensemble: Boomerang => super::crowds::ensemble_conserves_energy::<Boomerang>;
    prop_fhnrs_in_time_in_an_ensemble: Fhnrs => super::crowds::fhnrs_in_time;
}

/// The lagged FHNRS needs a lag.
#[test]
fn prop_fhnrs_lagged() {
    use super::{conformance as c, crowds};
    type M = crate::FhnrsLagged;
    let strategy = cases_in(&M::INFO, 4, |name| (name == "tau_fast").then_some((0.1, 2.0)));
    let laws: [fn(&Case) -> Verdict; 9] = [
        c::finite_field::<M>,
        c::batch_independence::<M>,
        c::single_near_double::<M>,
        c::time_scaling::<M>,
        c::rails_hold::<M>,
        c::solver_order::<M>,
        c::determinism::<M>,
        crowds::ensemble_independence::<M>,
        crowds::ensemble_is_the_trajectory::<M>,
    ];
    let cases = u32::try_from(setting("FELICE_PROPTEST_CASES", 1000)).unwrap_or(u32::MAX);
    for law in laws {
        run(cases, setting("FELICE_PROPTEST_SEED", 0), &strategy, |case| law(&case))
            .unwrap_or_else(|why| panic!("{why}"));
    }
}
