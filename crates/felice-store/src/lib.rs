//! Files that are whole or absent: HDF5 with dimension scales, units and provenance ([`FileWriter`], [`inspect`]), and a
//! plain twin for CSV, SVG, HTML and XML ([`PlainWriter`]).
//!
//! Every file that felice writes goes through this crate, which knows neither model nor engine. The rules of a file:
//!
//! * It is written to `NAME.partial`, closed, [sealed](Seal), synced and renamed: a file with its final name is whole.
//! * Every numeric dataset has `units` and `long_name`; every axis is a dimension scale, so
//!   `xarray.open_dataset(file, group=.., engine="h5netcdf")` opens every group without phony dimensions.
//! * The root says who made it from what ([`Provenance`]), holds the hash of all data (`content_sha256`) and, written
//!   last, `complete = 1`. Two runs of one command differ in `created` alone.
//!
//! ```
//! use felice_base::{Sampled, Signal, Unit};
//! use felice_store::{FileWriter, Provenance, inspect};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("ramp.h5");
//! let ramp = Sampled::new(
//!     Signal::new("t", Unit::SECOND, "time", vec![0.0, 0.5, 1.0]),
//!     vec![Signal::new("v", Unit::VOLT, "a ramp", vec![0.0, 0.1, 0.2])],
//! )?;
//!
//! let file = FileWriter::create(&path, &Provenance::new("felice", "0.1.0", "unknown"))?;
//! file.root().group("ramp")?.sampled(&ramp)?;
//! file.finish()?;
//!
//! let seen = inspect(&path)?;
//! assert!(seen.complete);
//! assert!(seen.to_string().contains("a ramp"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod abandon;
mod attribute;
mod by_rows;
mod codec;
mod complete;
mod conventions;
mod digest;
mod disk;
mod draft;
mod error;
mod export;
mod fletcher;
mod folder;
mod group;
mod heap;
mod inspect;
mod journal;
mod layout;
mod mapped;
mod number;
mod places;
mod plain;
mod provenance;
mod reader;
mod reserve;
mod rows;
#[allow(unsafe_code)]
mod scales;
mod seal;
mod writer;

pub use abandon::abandon;
pub use attribute::AttributeValue;
pub use by_rows::Rows;
pub use digest::{Digest, sha256_hex};
pub use disk::{free_space, write_time};
pub use draft::{Draft, Skeleton};
pub use error::StoreError;
pub use export::{Table, export_folder, export_table, tables};
pub use folder::{check_folder, write_folder};
pub use group::{Axis, Group};
pub use heap::Heap;
pub use inspect::{Entry, Inspection, Kind, inspect};
pub use journal::{Found, Journal};
pub use mapped::Source;
pub use number::Number;
pub use places::{Places, Run};
pub use plain::{PlainWriter, check_target, read_plain, write_plain};
pub use provenance::{Input, Provenance};
pub use reader::Reader;
pub use seal::Seal;
pub use writer::{Claim, FileWriter, Written};

/// Version of the layout of felice's HDF5 files, in the root attribute `format_version`.
pub const FORMAT_VERSION: u64 = 1;

/// The HDF5 library this program is linked to, as (major, minor, release).
pub fn hdf5_version() -> (u8, u8, u8) {
    hdf5::library_version()
}
