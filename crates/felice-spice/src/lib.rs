//! Netlists, simulation engines, waveforms.
