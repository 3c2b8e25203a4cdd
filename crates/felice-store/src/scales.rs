//! The dimension scales of HDF5's high-level library (H5DS), which the `hdf5` crate does not wrap.
//!
//! This is the crate's only unsafe code. What makes it sound: every identifier passed is taken from a live `Dataset`
//! borrowed for the whole call, so it is open and of the right kind; the string is NUL-terminated and outlives the call,
//! and H5DS copies it; every call runs under the `hdf5` crate's global lock (`hdf5::sync::sync`), which the library
//! needs because it is not thread-safe; no pointer is kept by either side after a call. The signatures are those of
//! `H5DSpublic.h`, unchanged since 1.8 (`hid_t` is the sys crate's own, so its width follows the linked library).

use std::ffi::{CString, c_char, c_int, c_uint};

use hdf5::Dataset;
use hdf5_sys::h5::{herr_t, htri_t};
use hdf5_sys::h5i::hid_t;

unsafe extern "C" {
    fn H5DSset_scale(dsid: hid_t, dimname: *const c_char) -> herr_t;
    fn H5DSattach_scale(did: hid_t, dsid: hid_t, idx: c_uint) -> herr_t;
    fn H5DSis_scale(did: hid_t) -> htri_t;
    fn H5DSis_attached(did: hid_t, dsid: hid_t, idx: c_uint) -> htri_t;
    fn H5DSget_num_scales(did: hid_t, dim: c_uint) -> c_int;
}

/// Makes a dataset a dimension scale called `name`.
pub(crate) fn set_scale(scale: &Dataset, name: &str) -> Result<(), hdf5::Error> {
    let name = CString::new(name).map_err(|_| hdf5::Error::from("a scale's name holds a NUL byte"))?;
    // SAFETY: `scale` is an open dataset, `name` lives until after the call; see the module's argument.
    hdf5::sync::sync(|| hdf5::h5check(unsafe { H5DSset_scale(scale.id(), name.as_ptr()) })).map(drop)
}

/// Attaches a scale to dimension `dim` of a dataset.
pub(crate) fn attach(data: &Dataset, scale: &Dataset, dim: usize) -> Result<(), hdf5::Error> {
    let dim = c_uint::try_from(dim).map_err(|_| hdf5::Error::from("a dataset has too many dimensions"))?;
    // SAFETY: both are open datasets; H5DS checks that `dim` exists; see the module's argument.
    hdf5::sync::sync(|| hdf5::h5check(unsafe { H5DSattach_scale(data.id(), scale.id(), dim) })).map(drop)
}

/// True where the dataset is a dimension scale.
pub(crate) fn is_scale(data: &Dataset) -> bool {
    // SAFETY: `data` is an open dataset; see the module's argument.
    hdf5::sync::sync(|| unsafe { H5DSis_scale(data.id()) }) > 0
}

/// True where that scale is attached to that dimension.
pub(crate) fn is_attached(data: &Dataset, scale: &Dataset, dim: usize) -> bool {
    let Ok(dim) = c_uint::try_from(dim) else { return false };
    // SAFETY: both are open datasets; H5DS checks that `dim` exists; see the module's argument.
    hdf5::sync::sync(|| unsafe { H5DSis_attached(data.id(), scale.id(), dim) }) > 0
}

/// How many scales a dimension has; 0 where it has none or does not exist.
pub(crate) fn count(data: &Dataset, dim: usize) -> usize {
    let Ok(dim) = c_uint::try_from(dim) else { return 0 };
    // SAFETY: `data` is an open dataset; H5DS checks that `dim` exists; see the module's argument.
    let n = hdf5::sync::sync(|| unsafe { H5DSget_num_scales(data.id(), dim) });
    usize::try_from(n).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_attaches_once_and_where_asked() {
        let folder = tempfile::tempdir().unwrap();
        let file = hdf5::File::create(folder.path().join("x.h5")).unwrap();
        let make = |name: &str, shape: Vec<usize>| file.new_dataset::<f64>().shape(shape).create(name).unwrap();
        let (t, n, y) = (make("t", vec![3]), make("n", vec![2]), make("y", vec![3, 2]));
        assert!(!is_scale(&t));
        set_scale(&t, "t").unwrap();
        set_scale(&n, "n").unwrap();
        attach(&y, &t, 0).unwrap();
        attach(&y, &n, 1).unwrap();
        assert!(is_scale(&t) && !is_scale(&y));
        assert!(is_attached(&y, &t, 0) && is_attached(&y, &n, 1));
        assert!(!is_attached(&y, &t, 1) && !is_attached(&y, &n, 0));
        assert_eq!((count(&y, 0), count(&y, 1), count(&y, 2)), (1, 1, 0));
    }

    #[test]
    fn misuse_is_an_error_not_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        let file = hdf5::File::create(folder.path().join("x.h5")).unwrap();
        let t = file.new_dataset::<f64>().shape([3]).create("t").unwrap();
        let y = file.new_dataset::<f64>().shape([3]).create("y").unwrap();
        assert!(set_scale(&t, "a\0b").is_err());
        set_scale(&t, "t").unwrap();
        assert!(attach(&y, &t, 1).is_err(), "y has one dimension");
        assert!(attach(&t, &t, 0).is_err(), "a scale has no scales");
        drop(file);
    }
}
