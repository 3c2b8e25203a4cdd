//! Transistors of a circuit by name: the struct, its table and its conversions, declared once.

use crate::card::Polarity;
use crate::ekv::Ekv;

/// A transistor's name in the netlist and its channel type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Role {
    pub(crate) name: &'static str,
    pub(crate) polarity: Polarity,
}

/// One transistor of a card: electrical values and what mismatch needs of its geometry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Transistor {
    pub(crate) role: Role,
    pub(crate) ekv: Ekv,
    /// Width and length (m); `None` where the card has no devices.
    pub(crate) geometry: Option<(f64, f64)>,
    /// Pelgrom coefficients: threshold (V m) and relative current factor (m).
    pub(crate) mismatch: (f64, f64),
    /// Gate oxide (F/m^2), overlap and junction (F/m) capacitances; 0 where the card has none.
    pub(crate) capacitance: (f64, f64, f64),
}

impl Transistor {
    /// Gate oxide capacitance (F), and what the overlap of the gate over drain and source, and the junctions of drain and
    /// source to the bulk, have each; 0 without geometry.
    pub(crate) fn capacitances(&self) -> [f64; 3] {
        let (w, l) = self.geometry.unwrap_or((0.0, 0.0));
        let (cox, cov, cj) = self.capacitance;
        [cox * w * l, cov * w, cj * w]
    }
}

/// Declares a circuit's transistors: a struct with one [`Ekv`] a field, `ROLES` in the same order, `from_fn`.
macro_rules! transistors {
    ($(#[$meta:meta])* $name:ident { $( $field:ident $label:literal $polarity:ident, )* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $name<R = f64> {
            $( pub(crate) $field: $crate::ekv::Ekv<R>, )*
        }

        impl<R> $name<R> {
            /// Every transistor's name in the netlist, in the order of the fields.
            pub(crate) const ROLES: &'static [$crate::circuits::Role] = &[
                $( $crate::circuits::Role { name: $label, polarity: $crate::card::Polarity::$polarity }, )*
            ];

            /// Transistor number `i` from `f(i)`.
            pub(crate) fn from_fn<E>(mut f: impl FnMut(usize) -> Result<$crate::ekv::Ekv<R>, E>) -> Result<Self, E> {
                let mut i = 0..;
                let mut next = || f(i.next().unwrap_or_default());
                Ok($name { $( $field: next()?, )* })
            }
        }
    };
}
pub(crate) use transistors;
