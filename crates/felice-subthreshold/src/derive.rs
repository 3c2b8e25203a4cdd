//! Device card to model parameters: one entry, [`derive`], and what it returns.

use serde::Serialize;

use crate::DeviceError;
use crate::blocks::Ota;
use crate::card::Card;
use crate::circuits::{boomerang, cycle, wererabbit};
use crate::ekv::Ekv;
use crate::process;
use crate::real::Real;
use crate::silicon::Silicon;
use crate::stability;
use crate::warnings;

/// Models with a derivation.
pub const MODELS: [&str; 6] =
    ["boomerang", "fhnrs", "wererabbit", "boomerang-branches", "fhnrs-saturating", "wererabbit-branches"];

/// How far a derivation goes.
///
/// What each step brings, against the transistor netlists under `netlists/` (native engine, 40 τ; per branch from the
/// third row on, each row with the corrections above it):
///
/// | | Boomerang: period, amplitude, NRMSE | WereRabbit: period, amplitude, NRMSE |
/// |---|---|---|
/// | one closed set for both branches | +0.87 %, −2.5 %, 0.011 | +0.95 %, −7.0 %, 0.106 |
/// | one set, solved about the focus | +0.01 %, +4.7 %, 0.013 | 0.00 %, +0.7 %, 0.001 |
/// | closed, per branch | +0.75 %, −7.0 %, 0.011 | +0.95 %, −7.0 %, 0.106 |
/// | gain: mirrors at their own drain voltages | +0.75 %, −6.4 %, 0.010 | +0.99 %, −7.0 %, 0.110 |
/// | ρ, σ: comparators solved | +1.06 %, −6.4 %, 0.010 | +1.01 %, −8.5 %, 0.111 |
/// | α: the exponential's value at the focus | +0.95 %, −12.0 %, 0.026 | +1.48 %, +3.4 %, 0.246 |
/// | β: inversion, and what drains follow | −0.09 %, −4.4 %, 0.012 | −0.16 %, −8.6 %, 0.042 |
/// | γ: every output conductance at the node | 0.00 %, 0.0 %, 0.001 | 0.00 %, −0.9 %, 0.003 |
/// | δ: offsets of comparators under load | 0.00 %, +0.1 %, 0.001 | 0.00 %, −0.2 %, 0.001 |
/// | ρ, σ, δ: period and decay over turns of the orbit | | 0.00 %, 0.0 %, 0.0003 |
///
/// α and β belong together: the closed β is that of zero current, and α without it misses at the focus.
///
/// | FHNRS: period, NRMSE | resistors | a follower as slow element |
/// |---|---|---|
/// | closed, without saturation | −0.16 %, 0.007 | +63 % |
/// | closed, with the follower's saturation | | −0.28 %, 0.020 |
/// | OTAs solved at the reference node | +0.09 %, 0.005 | +0.24 %, 0.009 |
/// | and over the cycle, the follower's own offset in the slow state's | 0.00 %, 0.0002 | −0.01 %, 0.002 |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Formulas of deep subthreshold: what a designer writes on paper.
    Closed,
    /// Every block solved, the model's currents and slopes matched to the circuit's where it rests.
    Solved,
}

/// One derived number, with where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DerivedParameter {
    /// ASCII name: `alpha`.
    pub name: String,
    /// The papers' symbol: `α`.
    pub symbol: String,
    /// Value in `unit`.
    pub value: f64,
    /// SI unit, or `1`.
    pub unit: String,
    /// The formula, in the card's and circuit's names.
    pub formula: String,
    /// The transistors (or circuit quantities) that set it.
    pub devices: Vec<String>,
}

/// A model's parameters as a card's devices make them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Derived {
    /// The model, as asked for.
    pub model: String,
    /// Closed or solved.
    pub form: Form,
    /// Every parameter that silicon sets, in the model's order; those of numerics (`rtol`) are not among them.
    pub parameters: Vec<DerivedParameter>,
    /// Seconds in one unit of the model's time.
    pub time_unit_s: f64,
    /// What a case's normalisation may name: `v_unit`, `v_ref`, `i_unit`; where solved, the focus.
    pub quantities: Vec<DerivedParameter>,
    /// What a designer should know before trusting the numbers.
    pub warnings: Vec<String>,
}

impl Derived {
    /// A parameter's value, or a quantity's, by its ASCII name.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.parameters.iter().chain(&self.quantities).find(|p| p.name == name).map(|p| p.value)
    }
}

/// Derives a model's parameters from a card: in closed form for the published models, solved for those that have
/// more parameters than a closed form is worth (`-branches`, `-saturating`).
///
/// Without `[devices]` the process alone speaks: unit W/L, no geometry. With them every transistor of the
/// circuit (`netlists/MODEL/ekv.cir`) counts, with its Early voltage at the model's reference voltage.
///
/// # Errors
/// [`DeviceError`] where the card lacks what the circuit needs, or the circuit has no meaningful operating point.
pub fn derive(card: &Card, model: &str) -> Result<Derived, DeviceError> {
    derive_as(card, model, if is_published(model) { Form::Closed } else { Form::Solved })
}

/// [`derive()`] in the form that comes nearest to the circuit, what a comparison with it wants: solved where the card
/// names its transistors. Where a published model's circuit cannot be solved, the closed form and a warning.
///
/// # Errors
/// As [`derive()`].
pub fn derive_nearest(card: &Card, model: &str) -> Result<Derived, DeviceError> {
    if is_published(model) && card.devices.is_empty() {
        return derive_as(card, model, Form::Closed);
    }
    match derive_as(card, model, Form::Solved) {
        // What is impossible in closed form too comes back from there.
        Err(why @ (DeviceError::NotConverged { .. } | DeviceError::Impossible { .. })) if is_published(model) => {
            let mut derived = derive_as(card, model, Form::Closed)?;
            derived.warnings.push(format!("closed form: the circuit could not be solved ({why})"));
            Ok(derived)
        }
        result => result,
    }
}

fn is_published(model: &str) -> bool {
    matches!(model, "boomerang" | "fhnrs" | "wererabbit")
}

/// [`derive()`] in a form of one's choice; [`Derived::form`] says in which it came out (a card with `Ndeg` or `Npre` has
/// no solved form).
///
/// # Errors
/// As [`derive()`].
pub fn derive_as(card: &Card, model: &str, form: Form) -> Result<Derived, DeviceError> {
    let unknown = || DeviceError::UnknownModel { model: model.to_owned(), known: MODELS.join(", ") };
    let name = MODELS.into_iter().find(|m| *m == model).ok_or_else(unknown)?;
    let silicon = Silicon::new(card, name)?;
    let dialled = silicon.has_devices() && !name.starts_with("fhnrs") && silicon.dial()? != 1.0;
    let asked = form;
    let form = if dialled { Form::Closed } else { form };
    let mut derived = match name {
        "boomerang" | "wererabbit" if !silicon.has_devices() => process::two_potentials(&silicon)?,
        "boomerang" | "boomerang-branches" => boomerang(&silicon, form)?,
        "wererabbit" | "wererabbit-branches" => wererabbit(&silicon, form)?,
        _ => fhnrs(&silicon, form)?,
    };
    if let Some(bad) = derived.parameters.iter().find(|p| !p.value.is_finite()) {
        return Err(DeviceError::Impossible {
            card: card.file.clone(),
            what: format!("{} = {} is not finite for {model}", bad.name, bad.formula),
            remedy: "look at the quantities in that formula: one is out of all proportion".into(),
        });
    }
    if form != asked {
        let why = "the card has Ndeg or Npre, and the solved form knows plain pairs alone: these are closed forms";
        derived.warnings.push(why.to_owned());
    }
    let more = [silicon.assumptions(), warnings::of_card(&silicon, &derived)?, warnings::of_range(&derived, card)];
    derived.warnings.extend(more.into_iter().flatten());
    Ok(derived)
}

fn boomerang(silicon: &Silicon<'_>, form: Form) -> Result<Derived, DeviceError> {
    let (devices, op) = silicon.boomerang()?;
    let closed = devices.closed(&op).dialled(op.dial);
    let mut warnings = Vec::new();
    let ratio = closed.u.alpha / closed.v.alpha;
    if silicon.model == "boomerang" && ratio.ln().abs() > 0.03 {
        warnings.push(format!(
            "the branches differ: alpha_u/alpha_v = {ratio:.4}; one alpha for both is then a few percent off in each: \
             make pv that much wider, or use model boomerang-branches"
        ));
    }
    let solved = || -> Result<_, DeviceError> {
        let solved = boomerang::Solved::new(&devices, &op)?;
        match stability::parasitics(silicon)? {
            Some((transistors, at_inner)) => solved.lagging(&transistors, at_inner, op.c),
            None => Ok(solved),
        }
    };
    let origin = &boomerang::ORIGIN;
    let (parameters, ib, focus) = match (silicon.model, form) {
        ("boomerang", Form::Closed) => (closed.mean().parameters(origin), closed.ib, None),
        ("boomerang", Form::Solved) => {
            let (symmetric, focus, own) = solved()?.symmetric()?;
            warnings.extend(warnings::apart(focus, own, symmetric.beta));
            (symmetric.parameters(origin), symmetric.ib, Some(focus))
        }
        (_, Form::Closed) => (closed.parameters(origin), closed.ib, None),
        (_, Form::Solved) => {
            let (branches, focus) = solved()?.matched()?;
            (branches.parameters(origin), branches.ib, Some(focus))
        }
    };
    let [a, b] = devices.otas(op.supply);
    let tails = [("otaa", a), ("otab", b)].map(|(name, ota)| (name, ota, op.ibias * ota.tail.i0() / devices.bp.i0()));
    warnings.extend(cramped(&tails, focus));
    two_potentials(silicon, form, parameters, ib, focus, warnings, &op)
}

/// Comparators without room where the circuit rests.
fn cramped(tails: &[(&str, Ota, f64)], focus: Option<[f64; 2]>) -> Vec<String> {
    let Some([u, v]) = focus else { return Vec::new() };
    tails.iter().filter_map(|(name, ota, tail)| warnings::cramped(name, ota, *tail, u.min(v))).collect()
}

fn wererabbit(silicon: &Silicon<'_>, form: Form) -> Result<Derived, DeviceError> {
    let (devices, op) = silicon.wererabbit()?;
    let closed = devices.closed(&op).dialled(op.dial);
    let solved = || -> Result<_, DeviceError> {
        let solved = wererabbit::Solved::new(&devices, &op)?;
        match stability::parasitics(silicon)? {
            Some((transistors, at_inner)) => solved.lagging(&transistors, at_inner, op.c),
            None => Ok(solved),
        }
    };
    let origin = &wererabbit::ORIGIN;
    let (parameters, ib, focus) = match (silicon.model, form) {
        ("wererabbit", Form::Closed) => (closed.mean().parameters(origin), closed.ib, None),
        ("wererabbit", Form::Solved) => {
            let (symmetric, focus) = solved()?.symmetric()?;
            (symmetric.parameters(origin), symmetric.ib, Some(focus))
        }
        (_, Form::Closed) => (closed.parameters(origin), closed.ib, None),
        (_, Form::Solved) => {
            let (branches, focus) = solved()?.matched()?;
            (branches.parameters(origin), branches.ib, Some(focus))
        }
    };
    let [a, _, b, _] = devices.otas(op.supply);
    let tails = [("ota1", a), ("ota3", b)].map(|(name, ota)| (name, ota, op.ibias * ota.tail.i0() / devices.bp.i0()));
    let mut warnings = cramped(&tails, focus);
    warnings.extend(focus.and_then(|focus| warnings::near_diagonal(focus, closed.u.rho, closed.u.beta)));
    two_potentials(silicon, form, parameters, ib, focus, warnings, &op)
}

/// A derivation of a model in u and v.
fn two_potentials(
    silicon: &Silicon<'_>,
    form: Form,
    parameters: Vec<DerivedParameter>,
    ib: f64,
    focus: Option<[f64; 2]>,
    mut remarks: Vec<String>,
    op: &Operating,
) -> Result<Derived, DeviceError> {
    let mut quantities = vec![
        parameter(("i_unit", "Ib", "A"), ib, "geometric mean of both branches' constant currents", &["bn", "bp"]),
        parameter(("v_unit", "V", "V"), 1.0, "volts are the model's unit", &[]),
    ];
    remarks.extend(focus.and_then(|focus| warnings::low_rest(focus, silicon.ut)));
    quantities.push(parameter(("floor", "4 Ut", "V"), 4.0 * silicon.ut, "below it transistors leave saturation", &[]));
    for (value, name) in focus.into_iter().flatten().zip(["focus_u", "focus_v"]) {
        quantities.push(parameter((name, name, "V"), value, "where the solved circuit rests", &[]));
    }
    match stability::of_silicon(silicon) {
        Ok(Some(stability)) => {
            quantities.extend(stability.quantities());
            remarks.extend(stability.warning(op.c, form == Form::Solved));
        }
        Ok(None) => {}
        Err(why) => remarks.push(format!("what the parasitics of inner nodes do is not known: {why}")),
    }
    Ok(Derived {
        model: silicon.model.to_owned(),
        form,
        parameters,
        time_unit_s: op.c / ib,
        quantities,
        warnings: remarks,
    })
}

fn fhnrs(silicon: &Silicon<'_>, form: Form) -> Result<Derived, DeviceError> {
    let saturating = silicon.model == "fhnrs-saturating";
    let (p, op, reference, mut warnings) = if silicon.has_devices() {
        let (circuit, op, elements) = silicon.fhnrs()?;
        let p = match form {
            Form::Closed => circuit.closed(&op, &elements),
            Form::Solved => circuit.solved(&op, &elements)?,
        };
        let tails = circuit.named_otas(op.supply);
        let tail = |o: &Ota| op.ibias * o.tail.i0() / circuit.core.bp.i0();
        let starved = tails.iter().filter_map(|(name, o)| warnings::starved(name, o, tail(o)));
        let cramped = tails.iter().filter_map(|(name, o)| warnings::cramped(name, o, tail(o), elements.reference));
        let reach = cycle::extremes(&p).map(|reach| reach.map(|x| elements.reference + p.v_unit * x));
        let low = reach.and_then(|reach| warnings::low_cycle(reach, silicon.ut, op.supply));
        (p, op, elements.reference, starved.chain(cramped).chain(low).collect())
    } else {
        process::fhnrs(silicon)?
    };
    warnings.extend(p.warnings(saturating));
    let quantities = vec![
        parameter(
            ("v_unit", "V", "V"),
            p.v_unit,
            "2 Ut/kappa_p; solved: from both OTAs' slopes",
            &["otaf.m1", "otaf.m2"],
        ),
        parameter(("v_ref", "Vref", "V"), reference, "Vref", &["Vref"]),
        parameter(
            ("v_ref_slow", "Vref_s", "V"),
            reference + p.lag,
            "Vref and what a follower rests above its input",
            &["otaw.mt"],
        ),
        parameter(("i_unit", "Iref", "A"), op.ibias, "Ibias", &["bp"]),
    ];
    let parameters = p.describe(saturating);
    Ok(Derived { model: silicon.model.to_owned(), form, parameters, time_unit_s: p.time_unit, quantities, warnings })
}

/// Supply and biases of a circuit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operating {
    /// Supply (V).
    pub(crate) supply: f64,
    /// Bias current (A).
    pub(crate) ibias: f64,
    /// A state's capacitance (F).
    pub(crate) c: f64,
    /// Nominal sigma: weighs the offsets of WereRabbit's comparators.
    pub(crate) sigma: f64,
    /// Slope of the comparators over that of a plain pair.
    pub(crate) dial: f64,
}

/// A derived parameter in one line.
pub(crate) fn parameter(
    (name, symbol, unit): (&str, &str, &str),
    value: f64,
    formula: impl Into<String>,
    devices: &[&str],
) -> DerivedParameter {
    DerivedParameter {
        name: name.to_owned(),
        symbol: symbol.to_owned(),
        value,
        unit: unit.to_owned(),
        formula: formula.into(),
        devices: devices.iter().map(|d| (*d).to_owned()).collect(),
    }
}

/// Early factor `1 + lambda vds` in the closed forms.
pub(crate) fn early<R: Real>(fet: &Ekv<R>, vds: R) -> R {
    fet.lambda * vds + 1.0
}

/// Gate voltage (V) of a diode-connected transistor carrying `current`, deep subthreshold, no Early effect.
pub(crate) fn diode<R: Real>(fet: &Ekv<R>, current: R) -> R {
    fet.ut / fet.kappa * (current / fet.i0()).ln()
}
