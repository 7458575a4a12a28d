//! Parquet tables, read through the record interface of the `parquet` crate: its Arrow interface would bring the whole of
//! Arrow into the build.

mod file;
mod pictures;
mod schema;
mod value;

pub(crate) use file::guarded;
pub(super) use file::{ParquetFile, SharedFile};
pub(super) use pictures::ParquetPictures;
pub(crate) use schema::holds_bytes;
pub(crate) use value::Meaning;
