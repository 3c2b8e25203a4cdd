//! What can go wrong between a sweep and a parameter.

/// Errors of extraction. Each says what, where, and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// A vector that a fit needs and the sweep does not hold.
    #[error("{what}: the sweep has no `{vector}`; it has {known}; save it, or name another")]
    Missing {
        /// What was being extracted.
        what: String,
        /// The vector.
        vector: String,
        /// The vectors there are.
        known: String,
    },
    /// Numbers that cannot be a sweep.
    #[error("{what}: {problem}; {remedy}")]
    Sweep {
        /// What was being extracted.
        what: String,
        /// What is wrong with the data.
        problem: String,
        /// What to change.
        remedy: String,
    },
    /// A sweep without an exponential stretch.
    #[error(
        "{what}: the sweep never reaches subthreshold: nowhere is the current exponential in the gate voltage \
         ({problem}); start the gate sweep lower, some 300 mV below threshold"
    )]
    NotSubthreshold {
        /// What was being extracted.
        what: String,
        /// What was seen instead.
        problem: String,
    },
    /// Too few points for the unknowns.
    #[error("{what}: {points} points cannot give {unknowns} unknowns; sweep finer or over a wider range")]
    TooFewPoints {
        /// What was being extracted.
        what: String,
        /// Points within the range.
        points: usize,
        /// Unknowns.
        unknowns: usize,
    },
    /// A fit that did not settle.
    #[error("{what}: the fit did not converge after {evaluations} evaluations ({reason}); {remedy}")]
    NotConverged {
        /// What was being extracted.
        what: String,
        /// Evaluations of the residuals.
        evaluations: usize,
        /// Why it stopped.
        reason: String,
        /// What to try.
        remedy: String,
    },
    /// Unknowns that this sweep cannot tell apart.
    #[error("{what}: not identifiable from this sweep: {unknowns}; sweep a voltage that moves it alone")]
    NotIdentifiable {
        /// What was being extracted.
        what: String,
        /// The unknowns, the worst first.
        unknowns: String,
    },
    /// A clamped field without a rest point.
    #[error(
        "{what}: both node currents vanish nowhere in the clamped range {range}; clamp a range that holds the rest point"
    )]
    NoRest {
        /// What was being extracted.
        what: String,
        /// The range swept.
        range: String,
    },
    /// A value that no device of this kind has.
    #[error(
        "{what}: {quantity} = {value:.4e} comes out, which {why}; check the terminals and the signs of the currents"
    )]
    Impossible {
        /// What was being extracted.
        what: String,
        /// The quantity.
        quantity: String,
        /// Its value.
        value: f64,
        /// Why it cannot be.
        why: String,
    },
}
