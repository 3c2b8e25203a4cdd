//! Attributes, and texts as HDF5 takes them.

use std::borrow::Cow;
use std::str::FromStr;

use hdf5::types::VarLenUnicode;
use hdf5::{H5Type, Location};

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    /// A text (UTF-8, of variable length).
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// An integer.
    Integer(u64),
    /// A number.
    Float(f64),
    /// Several numbers.
    Floats(Vec<f64>),
}

macro_rules! value_from {
    ($($from:ty => $variant:ident($convert:expr)),*) => {$(
        impl From<$from> for AttributeValue {
            fn from(value: $from) -> Self {
                AttributeValue::$variant(($convert)(value))
            }
        }
    )*};
}
value_from!(&str => Text(str::to_owned), String => Text(|s| s), Vec<String> => Texts(|s| s), u64 => Integer(|n| n),
    f64 => Float(|x| x), Vec<f64> => Floats(|x| x));

/// HDF5's texts end at a NUL byte: a stray one in a log becomes U+FFFD.
pub(crate) fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

pub(crate) fn var_len(text: &str) -> Result<VarLenUnicode, hdf5::Error> {
    VarLenUnicode::from_str(&without_nul(text)).map_err(|e| hdf5::Error::from(e.to_string()))
}

pub(crate) fn write_attribute(at: &Location, name: &str, value: &AttributeValue) -> Result<(), hdf5::Error> {
    fn scalar<T: H5Type>(at: &Location, name: &str, value: &T) -> Result<(), hdf5::Error> {
        at.new_attr::<T>().create(name)?.write_scalar(value)
    }
    fn several<T: H5Type>(at: &Location, name: &str, values: &[T]) -> Result<(), hdf5::Error> {
        let attribute = at.new_attr::<T>().shape(values.len()).create(name)?;
        if values.is_empty() { Ok(()) } else { attribute.write_raw(values) }
    }
    match value {
        AttributeValue::Text(text) => scalar(at, name, &var_len(text)?),
        AttributeValue::Integer(n) => scalar(at, name, n),
        AttributeValue::Float(x) => scalar(at, name, x),
        AttributeValue::Floats(values) => several(at, name, values),
        AttributeValue::Texts(texts) => {
            let texts: Vec<_> = texts.iter().map(|t| var_len(t)).collect::<Result<_, _>>()?;
            several(at, name, &texts)
        }
    }
}
