//! HDF5 files that are whole or absent, with dimension scales, units and provenance.
