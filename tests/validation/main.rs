//! Outside truths: felice's own values, ngspice, analytic solutions. One module a subject; `val_*` tests.
mod neurons;
mod neurons_trajectories;
mod quantiles;
mod study;
mod subthreshold;
