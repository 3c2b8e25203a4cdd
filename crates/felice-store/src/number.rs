//! The numbers a dataset can hold.

use hdf5::H5Type;

mod sealed {
    pub trait Sealed {}
}

/// A number that a dataset can hold: `f64`, `f32`, `u64`, `i64`, `u8`.
pub trait Number: H5Type + Copy + sealed::Sealed {
    /// The type as numpy spells it, little endian; part of the content hash.
    const TYPE: &'static str;

    /// Appends the number's little-endian bytes.
    fn append_le(self, bytes: &mut Vec<u8>);
}

macro_rules! number {
    ($($type:ty, $name:literal);*) => {$(
        impl sealed::Sealed for $type {}
        impl Number for $type {
            const TYPE: &'static str = $name;
            fn append_le(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

number!(f64, "<f8"; f32, "<f4"; u64, "<u8"; i64, "<i8"; u8, "|u1");
