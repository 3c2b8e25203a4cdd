//! Device card to model parameters: one entry, [`derive`], and what it returns.

use serde::Serialize;

use crate::DeviceError;
use crate::card::Card;
use crate::circuits::{boomerang, wererabbit};
use crate::ekv::Ekv;
use crate::process;
use crate::real::Real;
use crate::silicon::Silicon;
use crate::warnings;

/// Models with a derivation.
pub const MODELS: [&str; 6] =
    ["boomerang", "fhnrs", "wererabbit", "boomerang-branches", "fhnrs-saturating", "wererabbit-branches"];

/// How far a derivation goes.
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
    let published = matches!(model, "boomerang" | "fhnrs" | "wererabbit");
    derive_as(card, model, if published { Form::Closed } else { Form::Solved })
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
    let origin = &boomerang::ORIGIN;
    let (parameters, ib, focus) = match (silicon.model, form) {
        ("boomerang", Form::Closed) => (closed.mean().parameters(origin), closed.ib, None),
        ("boomerang", Form::Solved) => {
            let (symmetric, focus) = boomerang::Solved::new(&devices, &op)?.symmetric()?;
            (symmetric.parameters(origin), symmetric.ib, Some(focus))
        }
        (_, Form::Closed) => (closed.parameters(origin), closed.ib, None),
        (_, Form::Solved) => {
            let (branches, focus) = boomerang::Solved::new(&devices, &op)?.matched()?;
            (branches.parameters(origin), branches.ib, Some(focus))
        }
    };
    Ok(two_potentials(silicon, form, parameters, ib, focus, warnings, &op))
}

fn wererabbit(silicon: &Silicon<'_>, form: Form) -> Result<Derived, DeviceError> {
    let (devices, op) = silicon.wererabbit()?;
    let closed = devices.closed(&op).dialled(op.dial);
    let origin = &wererabbit::ORIGIN;
    let (parameters, ib, focus) = match (silicon.model, form) {
        ("wererabbit", Form::Closed) => (closed.mean().parameters(origin), closed.ib, None),
        ("wererabbit", Form::Solved) => {
            let (symmetric, focus) = wererabbit::Solved::new(&devices, &op)?.symmetric()?;
            (symmetric.parameters(origin), symmetric.ib, Some(focus))
        }
        (_, Form::Closed) => (closed.parameters(origin), closed.ib, None),
        (_, Form::Solved) => {
            let (branches, focus) = wererabbit::Solved::new(&devices, &op)?.matched()?;
            (branches.parameters(origin), branches.ib, Some(focus))
        }
    };
    Ok(two_potentials(silicon, form, parameters, ib, focus, Vec::new(), &op))
}

/// A derivation of a model in u and v.
fn two_potentials(
    silicon: &Silicon<'_>,
    form: Form,
    parameters: Vec<DerivedParameter>,
    ib: f64,
    focus: Option<[f64; 2]>,
    warnings: Vec<String>,
    op: &Operating,
) -> Derived {
    let mut quantities = vec![
        parameter(("i_unit", "Ib", "A"), ib, "geometric mean of both branches' constant currents", &["bn", "bp"]),
        parameter(("v_unit", "V", "V"), 1.0, "volts are the model's unit", &[]),
    ];
    for (value, name) in focus.into_iter().flatten().zip(["focus_u", "focus_v"]) {
        quantities.push(parameter((name, name, "V"), value, "where the solved circuit rests", &[]));
    }
    Derived { model: silicon.model.to_owned(), form, parameters, time_unit_s: op.c / ib, quantities, warnings }
}

fn fhnrs(silicon: &Silicon<'_>, form: Form) -> Result<Derived, DeviceError> {
    let saturating = silicon.model == "fhnrs-saturating";
    let (p, op, reference, mut warnings) = if silicon.has_devices() {
        let (circuit, op, elements) = silicon.fhnrs()?;
        let p = match form {
            Form::Closed => circuit.closed(&op, &elements),
            Form::Solved => circuit.solved(&op, &elements)?,
        };
        (p, op, elements.reference, Vec::new())
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
