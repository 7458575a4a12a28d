//! Pictures in a column of a Parquet file.

use std::borrow::Cow;
use std::fmt;
use std::sync::Mutex;

use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::ByteArrayType;

use super::file::{ParquetFile, SharedFile, guarded, words};
use crate::image::PictureFile;

/// Readers that are kept between pictures.
const KEPT: usize = 32;

/// The pictures of a file by row. A reader that stands before the wanted row of a group goes on from there, so that
/// pictures which are asked for in order are each read once; another order costs a walk over the headers of the pages.
pub(in crate::format) struct ParquetPictures {
    file: SharedFile,
    readers: Mutex<Vec<Reader>>,
}

struct Reader {
    group: usize,
    /// The row of the group that is read next.
    next: usize,
    column: ColumnReaderImpl<ByteArrayType>,
}

impl ParquetPictures {
    pub(in crate::format) fn new(file: SharedFile) -> Self {
        Self { file, readers: Mutex::new(Vec::new()) }
    }

    fn take(&self, group: usize, row: usize) -> Result<Reader, String> {
        // A reader is taken out while it is used: a panic in it cannot leave a broken one behind.
        if let Ok(mut readers) = self.readers.lock() {
            let near = readers.iter().enumerate().filter(|(_, reader)| reader.group == group && reader.next <= row);
            if let Some(index) = near.max_by_key(|(_, reader)| reader.next).map(|(index, _)| index) {
                return Ok(readers.remove(index));
            }
        }
        Ok(Reader { group, next: 0, column: self.file.picture_column(group)? })
    }

    fn keep(&self, reader: Reader) {
        if let Ok(mut readers) = self.readers.lock() {
            if readers.len() == KEPT {
                readers.remove(0);
            }
            readers.push(reader);
        }
    }
}

impl PictureFile for ParquetPictures {
    fn read(&self, at: u64) -> Result<Cow<'_, [u8]>, String> {
        let (group, row) = self.file.find(at as usize).ok_or_else(|| format!("there is no row {at}"))?;
        guarded(|| {
            let mut reader = self.take(group, row)?;
            let to_skip = row - reader.next;
            if reader.column.skip_records(to_skip).map_err(|e| words(&e))? < to_skip {
                return Err("the file ends before this picture".into());
            }
            let (mut levels, mut values) = (Vec::new(), Vec::new());
            reader.column.read_records(1, Some(&mut levels), None, &mut values).map_err(|e| words(&e))?;
            reader.next = row + 1;
            self.keep(reader);
            match values.as_slice() {
                [picture] => Ok(Cow::Owned(picture.data().to_vec())),
                _ => Err("the row has no picture".into()),
            }
        })
    }
}

impl fmt::Debug for ParquetPictures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ParquetPictures").field(&self.file).finish()
    }
}

/// That the readers may be kept for other threads.
const _: fn() = || {
    fn sendable<T: Send + Sync>() {}
    sendable::<ParquetPictures>();
    sendable::<ParquetFile>();
};
