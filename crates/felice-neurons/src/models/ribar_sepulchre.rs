//! The Ribar–Sepulchre family (IEEE TCAS-I 66 (2019), doi 10.1109/TCSI.2019.2907113): any number of tanh elements, each
//! with its lag, on one membrane.
//!
//! ```text
//! C dv/dt    = i_app − g_max (v − E_rev) − Σ_x a_x tanh(v_x − v_off_x)
//! dv_x/dt    = (v − v_x)/tau_x          (tau_x = 0: v_x = v, no state)
//! di_app/dt  = −i_app/tau_syn           (tau_syn = inf: constant)
//! spike condition = v − v_thr
//! ```
//!
//! Two elements spike — FHNRS is (a_fast, v_off_fast, 0), (a_slow, v_off_slow, tau_slow), equal to the last bit — and
//! four burst. States: v, then v_x of every element with a lag, then i_app.

use std::borrow::Cow;

use crate::models::fhnrs::{gain, lag};
use crate::neuron::{Info, Parameter, Range, State};
use crate::real::Real;

/// One element: a current a tanh(v_x − v_off) of a voltage v_x that follows v with the lag tau.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Element {
    /// Gain; negative is regenerative.
    pub a: f64,
    /// Offset.
    pub v_off: f64,
    /// Lag; 0: none.
    pub tau: f64,
}

/// A neuron of the family.
#[derive(Clone, Debug, PartialEq)]
pub struct RibarSepulchre {
    /// Membrane capacitance.
    pub c: f64,
    /// Passive conductance.
    pub g_max: f64,
    /// Its reversal potential.
    pub e_rev: f64,
    /// Spike threshold.
    pub v_thr: f64,
    /// Time constant of the applied current; infinity: constant.
    pub tau_syn: f64,
    /// Applied current at the start.
    pub i_app: f64,
    /// The elements.
    pub elements: Vec<Element>,
}

impl Default for RibarSepulchre {
    /// The authors' burster: four elements, i_app = −2.
    fn default() -> Self {
        let elements = [(-2.0, 0.0, 0.0), (2.0, 0.0, 50.0), (-1.5, -1.5, 50.0), (1.5, -1.5, 2500.0)];
        RibarSepulchre {
            c: 1.0,
            g_max: 1.0,
            e_rev: 0.0,
            v_thr: 0.0,
            tau_syn: f64::INFINITY,
            i_app: -2.0,
            elements: elements.map(|(a, v_off, tau)| Element { a, v_off, tau }).to_vec(),
        }
    }
}

const SHARED: [(&str, &str, &str, Range, &str); 6] = [
    ("c", "C", "1", Range::Positive, "membrane capacitance"),
    ("g_max", "g_max", "1", Range::Finite, "passive conductance"),
    ("e_rev", "E_rev", "1", Range::Finite, "reversal potential of the passive conductance"),
    ("v_thr", "v_thr", "1", Range::Finite, "spike threshold"),
    ("tau_syn", "tau_syn", "τ", Range::PositiveOrInfinite, "time constant of the applied current; inf: constant"),
    ("i_app", "i_app", "1", Range::Finite, "applied current at the start"),
];

const OF_ELEMENT: [(&str, &str, &str, Range, &str); 3] = [
    ("a", "a", "1", Range::Finite, "gain; negative: regenerative"),
    ("v_off", "δ", "1", Range::Finite, "offset"),
    ("tau", "τ", "τ", Range::NonNegative, "lag; 0: none"),
];

impl RibarSepulchre {
    /// States in use: v, the lagged elements, i_app.
    pub fn dimension(&self) -> usize {
        2 + self.elements.iter().filter(|e| e.tau > 0.0).count()
    }

    /// The vector field, any number type. `y` and `dy` hold [`dimension`](Self::dimension) numbers.
    #[inline(always)]
    pub fn field<R: Real>(&self, y: &[R], dy: &mut [R]) {
        let (v, i_app) = (y[0], y[y.len() - 1]);
        let mut lagged = 0;
        let current = self.elements.iter().map(|e| {
            let mut seen = v;
            if e.tau > 0.0 {
                lagged += 1;
                seen = y[lagged];
                dy[lagged] = lag(v, seen, R::num(e.tau));
            }
            (R::num(e.a), crate::math::tanh(seen - R::num(e.v_off)))
        });
        let i_passive = R::num(self.g_max) * (v - R::num(self.e_rev));
        let per_c = R::num(1.0) / R::num(self.c);
        dy[0] = current.fold((i_app - i_passive) * per_c, |sum, (a, tanh)| gain(a, per_c).mul_add(tanh, sum));
        dy[y.len() - 1] = lag(R::num(0.0), i_app, R::num(self.tau_syn));
    }

    /// Parameter `i`, in the order of [`info`](Self::info).
    pub(crate) fn parameter(&self, i: usize) -> f64 {
        match (i, self.elements.get(i.wrapping_sub(SHARED.len()) / OF_ELEMENT.len())) {
            (0, _) => self.c,
            (1, _) => self.g_max,
            (2, _) => self.e_rev,
            (3, _) => self.v_thr,
            (4, _) => self.tau_syn,
            (5, _) => self.i_app,
            (_, Some(e)) => [e.a, e.v_off, e.tau][(i - SHARED.len()) % OF_ELEMENT.len()],
            (_, None) => f64::NAN,
        }
    }

    /// Replaces parameter `i`.
    pub(crate) fn set_parameter(&mut self, i: usize, value: f64) {
        let shared =
            [&mut self.c, &mut self.g_max, &mut self.e_rev, &mut self.v_thr, &mut self.tau_syn, &mut self.i_app];
        match i.checked_sub(SHARED.len()) {
            None => *shared[i] = value,
            Some(j) => {
                if let Some(e) = self.elements.get_mut(j / OF_ELEMENT.len()) {
                    *[&mut e.a, &mut e.v_off, &mut e.tau][j % OF_ELEMENT.len()] = value;
                }
            }
        }
    }

    /// Names and meanings, for the elements there are; element 1 has the parameters `a_1`, `v_off_1`, `tau_1`.
    pub fn info(&self) -> Info {
        let default = RibarSepulchre::default();
        let paper = Cow::Borrowed("Ribar & Sepulchre 2019");
        let mut states = vec![State::new("v", "membrane voltage").within(-4.0, 4.0)];
        let mut parameters: Vec<Parameter> = SHARED
            .iter()
            .enumerate()
            .map(|(i, &(name, symbol, unit, range, meaning))| Parameter {
                name: name.into(),
                symbol: symbol.into(),
                default: default.parameter(i),
                unit: unit.into(),
                range,
                meaning: meaning.into(),
                source: paper.clone(),
            })
            .collect();
        for (k, element) in (1..).zip(&self.elements) {
            if element.tau > 0.0 {
                let meaning = format!("voltage seen by element {k}").into();
                states.push(State {
                    name: format!("v_{k}").into(),
                    unit: "1".into(),
                    meaning,
                    usual: [-4.0, 4.0],
                    input: false,
                });
            }
            for (name, symbol, unit, range, meaning) in OF_ELEMENT {
                let i = default.parameter(parameters.len());
                parameters.push(Parameter {
                    name: format!("{name}_{k}").into(),
                    symbol: format!("{symbol}_{k}").into(),
                    default: if i.is_nan() { self.parameter(parameters.len()) } else { i },
                    unit: unit.into(),
                    range,
                    meaning: format!("element {k}: {meaning}").into(),
                    source: paper.clone(),
                });
            }
        }
        states.push(State::new("i_app", "applied current").within(-3.0, 3.0).as_input());
        Info {
            name: "ribar-sepulchre".into(),
            about: "Any number of tanh conductances with lags on one membrane; four burst".into(),
            source: "Ribar & Sepulchre 2019, doi 10.1109/TCSI.2019.2907113".into(),
            time: "units of C/g_max for the defaults".into(),
            states: states.into(),
            parameters: parameters.into(),
            options: Cow::Borrowed(&[]),
            spike: "v − v_thr".into(),
        }
    }
}
