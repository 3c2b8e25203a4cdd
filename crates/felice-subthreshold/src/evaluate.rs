//! A model's parameters as a function of its transistors: what spread, corners and design turn round and round.

use crate::DeviceError;
use crate::card::Card;
use crate::circuits::boomerang::Boomerang;
use crate::circuits::fhnrs::{self, Amplifier, Elements, Fhnrs};
use crate::circuits::wererabbit::WereRabbit;
use crate::circuits::{Transistor, potentials::Branches};
use crate::derive::{Derived, Form, MODELS, Operating, derive_as};
use crate::ekv::Ekv;
use crate::real::Real;
use crate::silicon::Silicon;

/// Most parameters that any model has, the time unit among them.
pub(crate) const MOST: usize = 16;

/// Parameters of one realisation of a circuit.
pub(crate) type Row<R> = [R; MOST];

/// A model's parameter in a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) unit: String,
    /// Value as derived.
    pub(crate) nominal: f64,
    /// Closed form of the same.
    closed: f64,
    /// An offset moves by addition, everything else in proportion.
    additive: bool,
}

impl Column {
    /// True for a parameter that is zero in a perfect circuit.
    pub(crate) fn is_offset(&self) -> bool {
        self.additive
    }
}

/// A circuit ready to be evaluated with other transistors.
pub(crate) struct Evaluator {
    model: &'static str,
    pub(crate) transistors: Vec<Transistor>,
    pub(crate) columns: Vec<Column>,
    op: Operating,
    elements: Option<Elements>,
    /// Numbers of the follower's and the passive OTA's first transistors.
    amplifiers: [Option<usize>; 2],
}

impl Evaluator {
    /// # Errors
    /// As [`derive_as`], and where the card names no devices: a process alone has no mismatch.
    pub(crate) fn new(card: &Card, model: &str, form: Form) -> Result<Self, DeviceError> {
        let derived = derive_as(card, model, form)?;
        let closed = derive_as(card, model, Form::Closed)?;
        let name = MODELS.into_iter().find(|m| *m == model).unwrap_or("boomerang");
        let silicon = Silicon::new(card, name)?;
        if !silicon.has_devices() {
            return Err(silicon.missing(
                "[devices]",
                "mismatch and sensitivities are those of transistors: name the circuit's, or a `default`, with W and L",
            ));
        }
        let (op, elements, amplifiers) = match name {
            "boomerang" | "boomerang-branches" => (silicon.boomerang()?.1, None, [None; 2]),
            "wererabbit" | "wererabbit-branches" => (silicon.wererabbit()?.1, None, [None; 2]),
            _ => {
                let (circuit, op, elements) = silicon.fhnrs()?;
                let core = Fhnrs::<f64>::ROLES.len();
                let passive = core + if circuit.follower.is_some() { Amplifier::<f64>::ROLES.len() } else { 0 };
                (op, Some(elements), [circuit.follower.map(|_| core), circuit.passive.map(|_| passive)])
            }
        };
        let transistors = silicon.transistors()?;
        let columns = columns(&derived, &closed);
        Ok(Evaluator { model: name, transistors, columns, op, elements, amplifiers })
    }

    /// The model's name.
    pub(crate) fn model(&self) -> &'static str {
        self.model
    }

    /// The closed-form parameters with transistor `i` replaced by `fet(i)`.
    fn closed<R: Real>(&self, fet: impl Fn(usize) -> Ekv<R>) -> Row<R> {
        let fet = |i: usize| Ok::<_, std::convert::Infallible>(fet(i));
        let mut row = [R::constant(0.0); MOST];
        let time = match self.model {
            "boomerang" | "boomerang-branches" => {
                let Ok(devices) = Boomerang::from_fn(fet);
                self.potentials(&devices.closed(&self.op).dialled(self.op.dial), &mut row)
            }
            "wererabbit" | "wererabbit-branches" => {
                let Ok(devices) = WereRabbit::from_fn(fet);
                self.potentials(&devices.closed(&self.op).dialled(self.op.dial), &mut row)
            }
            _ => {
                let Ok(core) = Fhnrs::from_fn(fet);
                let [follower, passive] = self.amplifiers.map(|first| {
                    first.map(|first| {
                        let Ok(amplifier) = Amplifier::from_fn(|i| fet(first + i));
                        amplifier
                    })
                });
                let circuit = fhnrs::Circuit { core, follower, passive };
                // Present for every FHNRS by construction.
                let elements =
                    self.elements.unwrap_or(Elements { reference: 0.0, conductance: 0.0, r_slow: 0.0, c_slow: 0.0 });
                let p = circuit.closed(&self.op, &elements);
                let saturating = self.model == "fhnrs-saturating";
                let kept =
                    fhnrs::NAMES.iter().zip(p.array()).filter(|((n, _), _)| saturating || !n.starts_with("sat_"));
                for (slot, (_, value)) in row.iter_mut().zip(kept) {
                    *slot = value;
                }
                p.time_unit
            }
        };
        if let Some(last) = self.columns.len().checked_sub(1).and_then(|i| row.get_mut(i)) {
            *last = time;
        }
        row
    }

    /// Fills in the parameters of a circuit of two potentials; its time unit.
    fn potentials<R: Real>(&self, branches: &Branches<R>, row: &mut Row<R>) -> R {
        if self.model.ends_with("-branches") {
            let both = branches.u.array().into_iter().chain(branches.v.array());
            row.iter_mut().zip(both).for_each(|(slot, value)| *slot = value);
        } else {
            let m = branches.mean();
            let five = [m.alpha, m.beta, m.gamma, m.rho, m.sigma];
            row.iter_mut().zip(five).for_each(|(slot, value)| *slot = value);
        }
        branches.ib.recip() * self.op.c
    }

    /// The parameters with transistor `i` replaced by `fet(i)`: the derived values, moved as the closed form moves.
    pub(crate) fn row<R: Real>(&self, fet: impl Fn(usize) -> Ekv<R>) -> Row<R> {
        let mut row = self.closed(fet);
        for (slot, column) in row.iter_mut().zip(&self.columns) {
            *slot = if column.additive {
                *slot - column.closed + column.nominal
            } else {
                *slot * (column.nominal / column.closed)
            };
        }
        row
    }
}

/// The columns: the model's parameters that transistors move, and the time unit.
fn columns(derived: &Derived, closed: &Derived) -> Vec<Column> {
    let still = ["c", "tau_fast"];
    let mut columns: Vec<Column> = derived
        .parameters
        .iter()
        .filter(|p| !still.contains(&p.name.as_str()))
        .map(|p| {
            let closed = closed.value(&p.name).unwrap_or(p.value);
            let additive =
                closed == 0.0 || p.value == 0.0 || ["delta", "v_off", "e_rev"].iter().any(|o| p.name.starts_with(o));
            Column { name: p.name.clone(), unit: p.unit.clone(), nominal: p.value, closed, additive }
        })
        .collect();
    columns.push(Column {
        name: "time_unit".into(),
        unit: "s".into(),
        nominal: derived.time_unit_s,
        closed: closed.time_unit_s,
        additive: false,
    });
    columns
}
