//! Model cards: EKV transistors, diodes, BSIM4 as it was written.

use std::collections::BTreeMap;

/// n or p channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Polarity {
    /// nFET
    N,
    /// pFET
    P,
}

/// `.model NAME nekv|pekv (is= vt0= kappa= ve= ut=)`: the EKV MOSFET, bulk-referenced (Enz, Krummenacher, Vittoz 1995,
/// doi:10.1007/BF01239381, in the form of the project's device notes):
///
/// ```text
/// I    = Is (W/L) m [F(s) - F(d)] (1 + |Vds| / (VE L))
/// F(x) = ln²(1 + exp((κ (Vgb - Vt0) - Vxb) / (2 Ut)))
/// ```
///
/// from drain to source for `nekv`. `pekv` is its mirror image: the same with every voltage and the current negated,
/// `vt0` given as a positive magnitude and `delvto` added to it (`pekv: Vt0 = vt0 - delvto`, so that a positive `delvto`
/// makes the signed threshold of either kind more positive, as in BSIM4).
#[derive(Clone, Debug, PartialEq)]
pub struct EkvModel {
    /// Its name.
    pub name: String,
    /// n or p.
    pub polarity: Polarity,
    /// Specific current of a square device in amperes.
    pub is: f64,
    /// Threshold in volts (magnitude for p).
    pub vt0: f64,
    /// Gate coupling κ, 0 < κ ≤ 1.
    pub kappa: f64,
    /// Early voltage a metre of channel, V/m; infinite where not given.
    pub ve: f64,
    /// kT/q in volts, given or from the circuit's temperature.
    pub ut: f64,
}

/// `.model NAME d (...)`: the junction diode, its parameters at the nominal temperature.
#[derive(Clone, Debug, PartialEq)]
pub struct DiodeModel {
    /// Its name.
    pub name: String,
    /// Saturation current in amperes (1e-14).
    pub is: f64,
    /// Emission coefficient (1).
    pub n: f64,
    /// Series resistance in ohms (0).
    pub rs: f64,
    /// Zero-bias junction capacitance in farads (0).
    pub cjo: f64,
    /// Junction potential in volts (1).
    pub vj: f64,
    /// Grading coefficient (.5).
    pub m: f64,
    /// Forward-bias depletion coefficient (.5).
    pub fc: f64,
    /// Transit time in seconds (0).
    pub tt: f64,
    /// Reverse breakdown voltage in volts; infinite where not given.
    pub bv: f64,
    /// Current at breakdown in amperes (1e-3), of one device whatever its area.
    pub ibv: f64,
    /// Emission coefficient in breakdown (n).
    pub nbv: f64,
    /// Knee current of high injection in amperes; infinite where not given.
    pub ikf: f64,
    /// Activation energy in eV (1.11).
    pub eg: f64,
    /// Exponent of the saturation current's temperature dependence (3).
    pub xti: f64,
    /// Temperature in kelvin at which the parameters hold; the circuit's nominal one where not given.
    pub tnom: Option<f64>,
}

/// `.model NAME nmos|pmos (level=14|54 ...)`: a BSIM4 card as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Bsim4Model {
    /// Its name.
    pub name: String,
    /// n or p.
    pub polarity: Polarity,
    /// `version=`, as written (`4.8.1` is not a number).
    pub version: Option<String>,
    /// Every parameter given but `level` and `version`.
    pub parameters: BTreeMap<String, f64>,
}
