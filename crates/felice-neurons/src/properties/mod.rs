//! The property kit: what every neuron must satisfy, tried on thousands of random parameters and states.
//!
//! Put `neuron_conformance!(MyNeuron);` into a test module of your own model (any type that implements
//! [`Neuron`](crate::Neuron)): each law of [`conformance`] becomes a test, and the first two of [`crowds`]. A law that
//! fails is shown with the smallest parameters and states that break it. [`laws`] holds what our own models satisfy beside.
//!
//! `FELICE_PROPTEST_CASES` sets how many cases are tried (1000), `FELICE_PROPTEST_SEED` which (0).

pub mod conformance;
pub mod crowds;
pub mod laws;
#[cfg(test)]
mod tests;

use std::fmt;

use proptest::collection::vec;
use proptest::strategy::{BoxedStrategy, Just, Strategy};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::neuron::{Info, Neuron, Parameter, Range, Row};
use crate::real::Real;

/// How a law says that it is broken.
pub type Verdict = Result<(), TestCaseError>;

/// One case: a neuron's parameters, and some states to try it at.
#[derive(Clone, PartialEq)]
pub struct Case {
    /// Name and value of each parameter.
    pub parameters: Vec<(String, f64)>,
    /// The states, each as long as a neuron's.
    pub states: Vec<Vec<f64>>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters: Vec<String> = self.parameters.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        write!(f, "{}; states {:?}", parameters.join(", "), self.states)
    }
}

impl Case {
    /// The parameters, as the model wants them, in any number type.
    pub fn parameters<M: Neuron, R: Real>(&self) -> M::Parameters<R> {
        M::Parameters::from_fn(|i| R::num(self.parameters[i].1))
    }

    /// State `k`, as the model wants it.
    pub fn state<M: Neuron, R: Real>(&self, k: usize) -> M::State<R> {
        M::State::from_fn(|i| R::num(self.states[k][i]))
    }
}

/// Where a parameter is tried: its meaningful range for our own models, around its default for others.
pub fn usual(p: &Parameter) -> (f64, f64) {
    let root = p.name.trim_end_matches("_u").trim_end_matches("_v");
    match (root, &*p.symbol) {
        ("alpha", "α" | "α_u" | "α_v") => (4e-4, 0.03),
        ("beta", "β" | "β_u" | "β_v") => (10.0, 20.0),
        ("gamma", "γ" | "γ_u" | "γ_v") => (0.0, 0.6),
        ("rho", "ρ" | "ρ_u" | "ρ_v") => (2.0, 40.0),
        ("sigma", "σ" | "σ_u" | "σ_v") => (0.1, 0.9),
        ("tau_fast", _) => (0.0, 0.0),
        ("a_fast", _) => (-3.0, -1.0),
        ("a_slow", _) => (0.8, 3.0),
        ("tau_slow", _) => (20.0, 100.0),
        ("tau_syn", "tau_syn") => (1.0, 10.0),
        _ if p.default == 0.0 && p.range == Range::Finite => (-0.5, 0.5),
        _ if p.default == 0.0 => (0.0, 0.5),
        _ => (p.default.min(0.5 * p.default).max(1.5 * p.default.min(0.0)), (0.5 * p.default).max(1.5 * p.default)),
    }
}

/// One number within a range.
fn number((lo, hi): (f64, f64)) -> BoxedStrategy<f64> {
    if lo < hi { (lo..=hi).boxed() } else { Just(lo).boxed() }
}

/// Parameters within their usual ranges, and `states` states within theirs.
pub fn cases(info: &Info, states: usize) -> BoxedStrategy<Case> {
    cases_in(info, states, |_| None)
}

/// The same, with other ranges for some parameters.
pub fn cases_in(info: &Info, states: usize, range: impl Fn(&str) -> Option<(f64, f64)>) -> BoxedStrategy<Case> {
    let names: Vec<String> = info.parameters.iter().map(|p| p.name.to_string()).collect();
    let parameters: Vec<_> =
        info.parameters.iter().map(|p| number(range(&p.name).unwrap_or_else(|| usual(p)))).collect();
    let state: Vec<_> = info.states.iter().map(|s| number((s.usual[0], s.usual[1]))).collect();
    (parameters, vec(state, states))
        .prop_map(move |(values, states)| Case { parameters: names.iter().cloned().zip(values).collect(), states })
        .boxed()
}

/// Tries a law on random cases; `Err` shows the smallest case that breaks it.
///
/// # Errors
/// The law's own words and the case, shrunk.
pub fn run<T: fmt::Debug>(
    cases: u32,
    seed: u64,
    strategy: &impl Strategy<Value = T>,
    law: impl Fn(T) -> Verdict,
) -> Result<(), String> {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2000, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    runner.run(strategy, law).map_err(|error| match error {
        TestError::Fail(why, case) => format!("{why}\nsmallest case: {case:?}"),
        TestError::Abort(why) => format!("no verdict: {why}"),
    })
}

/// A law, by name.
pub type Law<M> = (&'static str, fn(&Case) -> Verdict, std::marker::PhantomData<M>);

/// Tries one law of a model on its usual parameters and states.
///
/// # Errors
/// As [`run`].
pub fn try_law<M: Neuron>(cases: u32, seed: u64, law: fn(&Case) -> Verdict) -> Result<(), String> {
    run(cases, seed, &self::cases(&M::INFO, 4), |case| law(&case))
}

/// Every law that every neuron must satisfy, as one test each, for a type that implements
/// [`Neuron`](crate::Neuron).
///
/// ```
/// mod boomerang {
///     felice_neurons::neuron_conformance!(felice_neurons::Boomerang);
/// }
/// ```
#[macro_export]
macro_rules! neuron_conformance {
    ($neuron:ty) => {
        $crate::neuron_conformance!(@tests $neuron: conformance: finite_field, batch_independence, single_near_double, time_scaling, rails_hold, solver_order, determinism);
        $crate::neuron_conformance!(@tests $neuron: crowds: ensemble_independence, ensemble_is_the_trajectory);
    };
    (@tests $neuron:ty: $laws:ident: $($law:ident),*) => {
        $(
            #[test]
            fn $law() {
                let number = |name: &str, default: u64| std::env::var(name).ok().and_then(|x| x.parse().ok()).unwrap_or(default);
                let (cases, seed) = (number("FELICE_PROPTEST_CASES", 1000), number("FELICE_PROPTEST_SEED", 0));
                let cases = u32::try_from(cases).unwrap_or(u32::MAX);
                let law = $crate::properties::$laws::$law::<$neuron>;
                if let Err(why) = $crate::properties::try_law::<$neuron>(cases, seed, law) {
                    panic!("{}: {}: {why}", <$neuron as $crate::Neuron>::INFO.name, stringify!($law));
                }
            }
        )*
    };
}
