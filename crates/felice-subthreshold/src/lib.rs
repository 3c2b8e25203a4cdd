//! Subthreshold MOS device physics and the derivation of neuron parameters from it.
