//! Does the circuit do what the equations say? Comparison, uncertainty, report.
