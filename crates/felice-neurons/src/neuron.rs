//! [`Neuron`]: what a model must say of itself, once, for every number type.

use std::borrow::Cow;
use std::fmt;

use crate::error::NeuronError;
use crate::real::Real;

/// A fixed number of values in a fixed order: the states or the parameters of one neuron (or one pack of neurons).
pub trait Row<R>: Copy + fmt::Debug + Send + Sync + 'static {
    /// How many.
    const LEN: usize;
    /// Value `i` from `f(i)`.
    fn from_fn(f: impl FnMut(usize) -> R) -> Self;
    /// Value `i`; `i < LEN`.
    fn get(&self, i: usize) -> R;
    /// Replaces value `i`; `i < LEN`.
    fn set(&mut self, i: usize, value: R);
}

impl<R: Copy + fmt::Debug + Send + Sync + 'static, const N: usize> Row<R> for [R; N] {
    const LEN: usize = N;
    #[inline(always)]
    fn from_fn(mut f: impl FnMut(usize) -> R) -> Self {
        if N == 0 {
            return std::array::from_fn(f);
        }
        // The library's loop is not always inlined, and compiled without the vectors' instructions then.
        let (mut all, mut i) = ([f(0); N], 1);
        while i < N {
            all[i] = f(i);
            i += 1;
        }
        all
    }
    #[inline(always)]
    fn get(&self, i: usize) -> R {
        self[i]
    }
    #[inline(always)]
    fn set(&mut self, i: usize, value: R) {
        self[i] = value;
    }
}

/// A neuron model: its equations and what they are called. Implement it for a type of your own and everything in this
/// crate (trajectories, events, analysis, ensembles, property tests) works on it.
pub trait Neuron: Copy + Send + Sync + 'static {
    /// The states of one neuron, usually `[R; 2]` or the like, in the order of [`Info::states`].
    type State<R: Real>: Row<R>;
    /// The parameters of one neuron, in the order of [`Info::parameters`]: an array, or a struct that implements [`Row`].
    type Parameters<R: Real>: Row<R>;

    /// Names, units, ranges, sources.
    const INFO: Info;

    /// The vector field: d(state)/dt. Write it `#[inline(always)]`, with every `exp` and `tanh` through one
    /// [`Real::exp_tanh`].
    fn field<R: Real>(p: &Self::Parameters<R>, y: Self::State<R>) -> Self::State<R>;

    /// What a field takes of its parameters, worked out once for all of a neuron's steps (reciprocals, products); only
    /// [`prepared_field`](Self::prepared_field) knows what these numbers mean. Override both or neither.
    #[inline(always)]
    fn prepare<R: Real>(p: &Self::Parameters<R>) -> Self::Parameters<R> {
        *p
    }

    /// The field of a neuron whose parameters are [`prepare`](Self::prepare)d: the bits of [`field`](Self::field).
    #[inline(always)]
    fn prepared_field<R: Real>(prepared: &Self::Parameters<R>, y: Self::State<R>) -> Self::State<R> {
        Self::field(prepared, y)
    }

    /// The spike condition, positive = spike, from the state and its derivative.
    fn spike_condition<R: Real>(p: &Self::Parameters<R>, y: Self::State<R>, dy: Self::State<R>) -> R;

    /// Where a trajectory starts unless told otherwise: zero.
    ///
    /// # Errors
    /// [`NeuronError::NoFixedPoint`] where the start is a fixed point and there is none.
    fn initial_state(p: &Self::Parameters<f64>) -> Result<Self::State<f64>, NeuronError> {
        let _ = p;
        Ok(Self::State::from_fn(|_| 0.0))
    }

    /// How much an injected current adds to the derivative of state `i`, per unit of current.
    fn input_gain(p: &Self::Parameters<f64>, i: usize) -> f64 {
        let _ = (p, i);
        1.0
    }

    /// True on the set where each derivative is −state's sign times something (WereRabbit's diagonal): a state that
    /// reaches zero rests there, and roundoff decides when a trajectory leaves the set.
    fn rests_at_zero(p: &Self::Parameters<f64>, y: Self::State<f64>) -> bool {
        let _ = (p, y);
        false
    }

    /// A state further from zero than this has run away.
    const BOUND: f64 = 1e6;

    /// How many `exp` and `tanh` the field takes: so many vectors of neurons go through it side by side that the
    /// pipelines are full. Only an ensemble's speed depends on it.
    const CHAINS: usize = 3;

    /// The same for a neuron of these parameters: less than [`BOUND`](Self::BOUND) where nothing brings it back.
    fn bound(p: &Self::Parameters<f64>) -> f64 {
        let _ = p;
        Self::BOUND
    }
}

/// What a model is called and what its states and parameters mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// The name on the command line and in files.
    pub name: Cow<'static, str>,
    /// One sentence.
    pub about: Cow<'static, str>,
    /// The paper, document or code the equations are from.
    pub source: Cow<'static, str>,
    /// Unit of time, and what it is physically.
    pub time: Cow<'static, str>,
    /// The states, in order.
    pub states: Cow<'static, [State]>,
    /// The parameters, in order.
    pub parameters: Cow<'static, [Parameter]>,
    /// Options that change the equations, off by default.
    pub options: Cow<'static, [Choice]>,
    /// What the spike condition is.
    pub spike: Cow<'static, str>,
}

impl Info {
    /// The index of a state.
    ///
    /// # Errors
    /// [`NeuronError::UnknownState`].
    pub fn state(&self, name: &str) -> Result<usize, NeuronError> {
        self.states.iter().position(|s| s.name == name).ok_or_else(|| NeuronError::UnknownState {
            model: self.name.clone(),
            name: name.to_owned(),
            known: self.states.iter().map(|s| &*s.name).collect::<Vec<_>>().join(", "),
        })
    }
}

/// One state variable.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// ASCII name, a column's header.
    pub name: Cow<'static, str>,
    /// Unit; `1` for a dimensionless state.
    pub unit: Cow<'static, str>,
    /// What it is.
    pub meaning: Cow<'static, str>,
    /// Where it usually is: what is drawn, and what property tests try.
    pub usual: [f64; 2],
    /// An input: it decays by itself and drives the others. What a fixed point is, is judged without it.
    pub input: bool,
}

impl State {
    /// A dimensionless state, usually between −1 and 1.
    pub const fn new(name: &'static str, meaning: &'static str) -> State {
        State::in_unit(name, "1", meaning)
    }

    /// A state with a unit, usually between −1 and 1.
    pub const fn in_unit(name: &'static str, unit: &'static str, meaning: &'static str) -> State {
        let (name, unit, meaning) = (Cow::Borrowed(name), Cow::Borrowed(unit), Cow::Borrowed(meaning));
        State { name, unit, meaning, usual: [-1.0, 1.0], input: false }
    }

    /// The same, usually between `lo` and `hi`.
    pub const fn within(mut self, lo: f64, hi: f64) -> State {
        self.usual = [lo, hi];
        self
    }

    /// The same, as an input.
    pub const fn as_input(mut self) -> State {
        self.input = true;
        self
    }
}

/// One parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// ASCII name, as on the command line.
    pub name: Cow<'static, str>,
    /// The papers' symbol.
    pub symbol: Cow<'static, str>,
    /// Value unless set.
    pub default: f64,
    /// Unit; `1` for a dimensionless parameter, `τ` for one in units of the model's time.
    pub unit: Cow<'static, str>,
    /// What it may be.
    pub range: Range,
    /// What it is.
    pub meaning: Cow<'static, str>,
    /// Where the default comes from.
    pub source: Cow<'static, str>,
}

impl Parameter {
    /// A parameter whose every word is known at compile time.
    pub const fn new(
        name: &'static str,
        symbol: &'static str,
        default: f64,
        unit: &'static str,
        range: Range,
        meaning: &'static str,
        source: &'static str,
    ) -> Parameter {
        Parameter {
            name: Cow::Borrowed(name),
            symbol: Cow::Borrowed(symbol),
            default,
            unit: Cow::Borrowed(unit),
            range,
            meaning: Cow::Borrowed(meaning),
            source: Cow::Borrowed(source),
        }
    }
}

/// An option that changes a model's equations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its name.
    pub name: Cow<'static, str>,
    /// What it changes.
    pub meaning: Cow<'static, str>,
}

/// The values a parameter may take; never NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Range {
    /// Any finite number.
    Finite,
    /// Finite, > 0.
    Positive,
    /// Finite, ≥ 0.
    NonNegative,
    /// > 0, infinity allowed.
    PositiveOrInfinite,
}

impl Range {
    /// True where the range holds the value.
    pub fn contains(self, x: f64) -> bool {
        match self {
            Range::Finite => x.is_finite(),
            Range::Positive => x.is_finite() && x > 0.0,
            Range::NonNegative => x.is_finite() && x >= 0.0,
            Range::PositiveOrInfinite => x > 0.0,
        }
    }
}

impl Range {
    /// The lower bound, if there is one; whether it is allowed itself, [`contains`](Self::contains) says.
    pub fn minimum(self) -> Option<f64> {
        (self != Range::Finite).then_some(0.0)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Range::Finite => "a finite number",
            Range::Positive => "finite and > 0",
            Range::NonNegative => "finite and >= 0",
            Range::PositiveOrInfinite => "> 0 (inf allowed)",
        })
    }
}

/// Declares a parameter struct once: its fields, their documentation, [`Default`], [`Row`] and the table for
/// [`Info::parameters`].
macro_rules! parameters {
    (
        $(#[$meta:meta])*
        pub struct $name:ident, $table:ident {
            $( $field:ident $symbol:literal = $default:expr, $unit:literal, $range:ident: $meaning:literal, $source:literal; )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name<R = f64> {
            $( #[doc = concat!($symbol, " = ", stringify!($default), ": ", $meaning, ". Unit ", $unit, "; ", $source, ".")] pub $field: R, )*
        }

        /// The parameters' table.
        pub(crate) const $table: &[$crate::neuron::Parameter] = &[ $( $crate::neuron::Parameter::new(
            stringify!($field), $symbol, $default, $unit, $crate::neuron::Range::$range, $meaning, $source,
        ), )* ];

        impl Default for $name {
            fn default() -> Self {
                $name { $( $field: $default, )* }
            }
        }

        impl<R: $crate::real::Real> $crate::neuron::Row<R> for $name<R> {
            const LEN: usize = $table.len();
            #[inline(always)]
            fn from_fn(mut f: impl FnMut(usize) -> R) -> Self {
                let mut i = 0..$table.len();
                let mut next = || f(i.next().unwrap_or_default());
                $name { $( $field: next(), )* }
            }
            #[inline(always)]
            fn get(&self, i: usize) -> R {
                [ $( self.$field, )* ][i]
            }
            #[inline(always)]
            fn set(&mut self, i: usize, value: R) {
                *[ $( &mut self.$field, )* ][i] = value;
            }
        }
    };
}
pub(crate) use parameters;
