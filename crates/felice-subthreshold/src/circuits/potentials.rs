//! Circuits of two potentials u and v, each with a branch of its own: from solved currents to fourteen numbers.
//!
//! A branch has a constant current, an exponential one and a comparator. About the focus where the circuit rests, the
//! branch model takes over every current and every slope of the solved circuit:
//!
//! ```text
//! Boomerang   f_u =  b - E + Z,  f_v = -b + E + Z     E = alpha e^(beta other) (1 -+ gamma (0.3 - own)),
//!                                                     Z = sigma tanh(rho (v - u - delta))
//! WereRabbit  f = +-z (b - E) - S                     E = alpha e^(beta other) (1 + gamma (0.5 - own)),
//!                                                     z = tanh(rho (u - v - delta))
//!
//! sigma (b)  half the distance between both saturations of the comparator
//! rho        its slope at the focus over sigma (1 - z^2)
//! delta      what makes its value right at the focus
//! alpha      what makes E right at the focus
//! beta, gamma    what makes both slopes of f right at the focus: inversion takes from beta; output
//!                conductances of sources and comparators add to gamma
//! ```

use crate::DeviceError;
use crate::derive::{DerivedParameter, parameter};
use crate::real::{Dual, Real};

/// A number with its derivatives by u and v.
pub(crate) type Slope = Dual<2>;

/// One branch's parameters, in the order of the branch models.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Branch<R = f64> {
    pub(crate) gain: R,
    pub(crate) alpha: R,
    pub(crate) beta: R,
    pub(crate) gamma: R,
    pub(crate) rho: R,
    pub(crate) sigma: R,
    pub(crate) delta: R,
}

/// Both branches; currents over `ib`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Branches<R = f64> {
    pub(crate) u: Branch<R>,
    pub(crate) v: Branch<R>,
    /// Unit of current (A).
    pub(crate) ib: R,
}

/// The five parameters of the published model and the unit of current.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Symmetric<R = f64> {
    pub(crate) alpha: R,
    pub(crate) beta: R,
    pub(crate) gamma: R,
    pub(crate) rho: R,
    pub(crate) sigma: R,
    pub(crate) ib: R,
}

impl<R: Real> Branch<R> {
    /// In the order of the branch models' parameters.
    pub(crate) fn array(&self) -> [R; 7] {
        [self.gain, self.alpha, self.beta, self.gamma, self.rho, self.sigma, self.delta]
    }

    /// The branch with its currents over `unit`.
    pub(crate) fn over(self, unit: R) -> Self {
        Branch { gain: self.gain / unit, alpha: self.alpha / unit, sigma: self.sigma / unit, ..self }
    }
}

impl<R: Real> Branches<R> {
    /// Branches in amperes to branches over the geometric mean of both gains.
    pub(crate) fn normalised(u: Branch<R>, v: Branch<R>) -> Self {
        let ib = (u.gain * v.gain).sqrt();
        Branches { u: u.over(ib), v: v.over(ib), ib }
    }

    /// The branches with comparators whose slope is `factor` times a plain pair's.
    pub(crate) fn dialled(mut self, factor: f64) -> Self {
        self.u.rho = self.u.rho * factor;
        self.v.rho = self.v.rho * factor;
        self
    }

    /// One set of parameters for both branches by means: geometric for alpha, arithmetic for the rest.
    pub(crate) fn mean(&self) -> Symmetric<R> {
        let mean = |a: R, b: R| (a + b) * 0.5;
        Symmetric {
            alpha: (self.u.alpha * self.v.alpha).sqrt(),
            beta: mean(self.u.beta, self.v.beta),
            gamma: mean(self.u.gamma, self.v.gamma),
            rho: mean(self.u.rho, self.v.rho),
            sigma: mean(self.u.sigma, self.v.sigma),
            ib: self.ib,
        }
    }
}

/// Where a value comes from: formula and transistors of the seven parameters of each branch.
pub(crate) type Origin = [(&'static str, [&'static [&'static str]; 2]); 7];

/// Names and symbols of the seven.
const SEVEN: [(&str, &str, &str); 7] = [
    ("gain", "b", "1"),
    ("alpha", "α", "1"),
    ("beta", "β", "1/V"),
    ("gamma", "γ", "1/V"),
    ("rho", "ρ", "1/V"),
    ("sigma", "σ", "1"),
    ("delta", "δ", "V"),
];

impl Branches {
    /// The fourteen parameters of a branch model.
    pub(crate) fn parameters(&self, origin: &Origin) -> Vec<DerivedParameter> {
        let branches = [("u", self.u.array()), ("v", self.v.array())];
        let mut parameters = Vec::with_capacity(14);
        for (i, (branch, values)) in branches.into_iter().enumerate() {
            for (((name, symbol, unit), value), (formula, devices)) in SEVEN.into_iter().zip(values).zip(origin) {
                let (name, symbol) = (format!("{name}_{branch}"), format!("{symbol}_{branch}"));
                parameters.push(parameter((&name, &symbol, unit), value, *formula, devices[i]));
            }
        }
        parameters
    }
}

impl Symmetric {
    /// The five parameters of the published model.
    pub(crate) fn parameters(&self, origin: &Origin) -> Vec<DerivedParameter> {
        let values = [self.alpha, self.beta, self.gamma, self.rho, self.sigma];
        let five = SEVEN.iter().zip(origin).skip(1);
        five.zip(values)
            .map(|((names, (formula, [u, v])), value)| {
                let mut devices = u.to_vec();
                devices.extend(v.iter().filter(|d| !u.contains(d)));
                parameter(*names, value, format!("{formula}; mean of both branches"), &devices)
            })
            .collect()
    }
}

/// A circuit's branch currents (A) at clamped u and v, each with its slopes.
pub(crate) trait Currents {
    /// Constant, exponential and comparator current of each branch, `[u, v]`. In WereRabbit the exponential is the
    /// current of the comparator that it feeds.
    fn at(&self, u: Slope, v: Slope) -> Result<[Parts; 2], DeviceError>;
    /// Currents into u and v: what a branch's parts add up to.
    fn field(&self, parts: &[Parts; 2]) -> [Slope; 2];
    /// Saturation current of each branch's comparator about (u, v): half the distance between both ends.
    fn amplitudes(&self, u: f64, v: f64) -> Result<[f64; 2], DeviceError>;
    /// Where to look for a focus, best guess first.
    fn starts(&self) -> Vec<[f64; 2]>;
}

/// One branch's currents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    pub(crate) constant: Slope,
    pub(crate) exponential: Slope,
    pub(crate) comparator: Slope,
}

/// What the lag of inner nodes makes of both node currents, to first order (module `network`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lag(pub(crate) [[f64; 2]; 2]);

impl Lag {
    /// Inner nodes that follow at once.
    pub(crate) const NONE: Lag = Lag([[1.0, 0.0], [0.0, 1.0]]);

    pub(crate) fn of(&self, [f, g]: [Slope; 2]) -> [Slope; 2] {
        self.0.map(|[a, b]| f * a + g * b)
    }
}

/// The focus where a circuit rests: both currents zero, and small departures die out or at least turn.
pub(crate) fn focus(circuit: &impl Currents, name: &str) -> Result<[f64; 2], DeviceError> {
    let mut last = None;
    for start in circuit.starts() {
        match newton(circuit, start, name) {
            Ok((y, [[a, b], [c, d]])) => {
                let saddle = a * d - b * c <= 0.0;
                if !saddle {
                    return Ok(y);
                }
            }
            Err(e) => last = Some(e),
        }
    }
    Err(last.unwrap_or_else(|| DeviceError::NotConverged {
        block: format!("{name}: only saddles, no focus"),
        iterations: 0,
        residual: 0.0,
        remedy: "check the biases: the comparators must reach the exponentials' currents".into(),
    }))
}

/// Damped Newton on the two node currents; the root and its Jacobian (A/V).
fn newton(circuit: &impl Currents, start: [f64; 2], name: &str) -> Result<([f64; 2], [[f64; 2]; 2]), DeviceError> {
    const ITERATIONS: usize = 100;
    let [mut u, mut v] = start;
    let mut residual = f64::INFINITY;
    for _ in 0..ITERATIONS {
        let parts = circuit.at(Dual::variable(u, 0), Dual::variable(v, 1))?;
        let [fu, fv] = circuit.field(&parts);
        let ([a, b], [c, d]) = (fu.slope, fv.slope);
        let det = a * d - b * c;
        let (du, dv) = ((b * fv.value - d * fu.value) / det, (c * fu.value - a * fv.value) / det);
        residual = fu.value.abs().max(fv.value.abs()) / parts[0].constant.value.abs().max(f64::MIN_POSITIVE);
        let longest = du.abs().max(dv.abs());
        if !longest.is_finite() {
            break;
        }
        // A twentieth of a volt is two to three e-folds of the exponentials.
        let cut = if longest > 0.05 { 0.05 / longest } else { 1.0 };
        (u, v) = (u + cut * du, v + cut * dv);
        if longest < 1e-11 {
            return Ok(([u, v], [[a, b], [c, d]]));
        }
    }
    let remedy = "check biases and supply: the states must rest where every transistor is saturated".into();
    Err(DeviceError::NotConverged { block: format!("{name}: focus"), iterations: ITERATIONS, residual, remedy })
}

/// Trace (1/V) and determinant (1/V^2) of a circuit's two node currents at (u, v), currents over `ib`.
pub(crate) fn linear(circuit: &impl Currents, [u, v]: [f64; 2], ib: f64) -> Result<(f64, f64), DeviceError> {
    let parts = circuit.at(Dual::variable(u, 0), Dual::variable(v, 1))?;
    let [[a, b], [c, d]] = circuit.field(&parts).map(|f| f.slope.map(|s| s / ib));
    Ok((a + d, a * d - b * c))
}

/// The beta near `start` at which `determinant` is `wanted`: secants, the start itself where they lead nowhere.
pub(crate) fn with_determinant(start: f64, wanted: f64, determinant: impl Fn(f64) -> f64) -> f64 {
    let (mut x0, mut x1) = (start, start * 1.01);
    let (mut f0, mut f1) = (determinant(x0) - wanted, determinant(x1) - wanted);
    for _ in 0..50 {
        let next = x1 - f1 * (x1 - x0) / (f1 - f0);
        if !(next > 0.5 * start && next < 2.0 * start) {
            return start;
        }
        (x0, f0) = (x1, f1);
        (x1, f1) = (next, determinant(next) - wanted);
        if (x1 - x0).abs() <= 1e-13 * x1 || f1 == f0 {
            return x1;
        }
    }
    start
}
