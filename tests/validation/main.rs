//! Outside truths: felice's own values, ngspice, analytic solutions. One module a subject; `val_*` tests.
mod neurons;
mod quantiles;
mod subthreshold;
