//! An open Parquet file: mapped into memory, its rows read group by group.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_typed_column_reader};
use parquet::data_type::ByteArrayType;
use parquet::errors::Result as ParquetResult;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use serde_json::{Map, Value};

use super::schema::Columns;
use crate::format::mapped::map;
use crate::format::write::REST;

/// A Parquet file and how its columns are read.
pub(in crate::format) struct ParquetFile {
    reader: SerializedFileReader<Bytes>,
    columns: Columns,
    /// `items`, `relations` or `edges`: an attribute of an item may be called as a field of another table is.
    table: &'static str,
    /// Names of the classes of a column `label`, where the file carries them.
    classes: Option<Vec<String>>,
    /// First row of each group, and the number of rows at the end.
    starts: Vec<usize>,
}

/// Rows in a row: their fields, and whether each has a picture in this file.
pub(in crate::format) type Rows = Vec<(Map<String, Value>, bool)>;

impl ParquetFile {
    /// Opens a file of a table and reads its footer.
    ///
    /// # Errors
    /// What is wrong with the file, without its path.
    pub(in crate::format) fn open(path: &Path, table: &'static str, loose: bool) -> Result<Self, String> {
        let file = File::open(path).map_err(|e| format!("cannot be opened: {e}"))?;
        let length = file.metadata().map_err(|e| e.to_string())?.len();
        if length == 0 {
            return Err("is empty: expected a Parquet file".into());
        }
        let bytes = Bytes::from_owner(map(&file).map_err(|e| format!("cannot be read: {e}"))?);
        if !bytes.starts_with(b"PAR1") {
            return Err("is no Parquet file: it does not start with PAR1".into());
        }
        if length < 12 || !bytes.ends_with(b"PAR1") {
            return Err(format!("is cut short: {length} bytes, and no PAR1 at their end, where a Parquet file has it"));
        }
        guarded(|| {
            let reader =
                SerializedFileReader::new(bytes).map_err(|e| format!("has a damaged footer: {}", words(&e)))?;
            let metadata = reader.metadata();
            let columns = Columns::new(metadata.file_metadata().schema_descr(), table == "items", loose)?;
            let mut starts = vec![0usize];
            for group in metadata.row_groups() {
                let rows = usize::try_from(group.num_rows()).map_err(|_| "has a group of negative rows".to_string())?;
                starts.push(starts[starts.len() - 1].saturating_add(rows));
            }
            let classes = metadata.file_metadata().key_value_metadata().and_then(|pairs| {
                let pair = pairs.iter().find(|pair| pair.key == "huggingface")?;
                classes(pair.value.as_deref()?)
            });
            Ok(Self { reader, columns, table, classes, starts })
        })
    }

    pub(in crate::format) fn groups(&self) -> usize {
        self.starts.len() - 1
    }

    /// The first row of a group, counted from 0.
    pub(in crate::format) fn start(&self, group: usize) -> usize {
        self.starts[group]
    }

    /// Whether the file has a column of pictures.
    pub(in crate::format) fn has_pictures(&self) -> bool {
        self.columns.pictures.is_some()
    }

    /// Whether the file has a column of this name.
    pub(in crate::format) fn has_column(&self, name: &str) -> bool {
        let pictures = self.columns.pictures.as_ref().map(|pictures| pictures.name.as_str());
        pictures == Some(name) || self.columns.projection.get_fields().iter().any(|field| field.name() == name)
    }

    /// The group of a row, and the row within it.
    pub(super) fn find(&self, row: usize) -> Option<(usize, usize)> {
        let group = self.starts.partition_point(|start| *start <= row).checked_sub(1)?;
        (group < self.groups()).then(|| (group, row - self.starts[group]))
    }

    /// The rows of a group, and what ended them early.
    pub(in crate::format) fn rows(&self, group: usize) -> (Rows, Option<String>) {
        let count = self.starts[group + 1] - self.starts[group];
        let mut rows = Vec::new();
        let done = guarded(|| {
            let present = self.present(group, count)?;
            let reader = self.reader.get_row_group(group).map_err(|e| words(&e))?;
            let projection = Some(self.columns.projection.clone());
            let mut found = RowIter::from_row_group(projection, &*reader).map_err(|e| words(&e))?;
            for number in 0..count {
                let has_picture = present.at(number);
                let row = found.next().ok_or("ends before its last row")?.map_err(|e| words(&e))?;
                let meanings = &self.columns.meanings;
                let fields = row.into_columns().into_iter().zip(meanings);
                let fields = fields.filter_map(|((name, field), meaning)| Some((name, meaning.value(field)?)));
                rows.push((self.finished(fields.collect()), has_picture));
            }
            Ok(())
        });
        (rows, done.err())
    }

    /// Brings a row into the form of the format: the path of a picture, the name of a class, texts and flags that other
    /// tools keep as numbers, columns that stand for members.
    fn finished(&self, mut fields: Map<String, Value>) -> Map<String, Value> {
        if let Some(pictures) = &self.columns.pictures
            && let Some(Value::Object(mut picture)) = fields.shift_remove(&pictures.name)
            && let Some(path) = picture.remove("path").filter(|path| !path.is_null())
        {
            fields.insert("image".into(), path);
        }
        if let Some(Value::Object(more)) = fields.shift_remove(REST) {
            fields.extend(more);
        }
        // Fields that are texts, where other tools keep numbers.
        let texts: &[&str] = match self.table {
            "items" => &["id", "label"],
            "relations" => &["id"],
            _ => &["relation", "source", "target"],
        };
        for &name in texts {
            if let Some(number) = fields.get_mut(name).filter(|value| value.is_number()) {
                *number = whole(number).map_or_else(|| number.clone(), |n| Value::from(n.to_string()));
            }
        }
        if self.table == "relations"
            && let Some(flag) = fields.get_mut("symmetric").filter(|value| value.is_number())
        {
            *flag = Value::Bool(flag.as_f64() != Some(0.0));
        }
        if self.table != "items" {
            return fields;
        }
        let flat: Vec<String> = fields.keys().filter(|name| name.starts_with(FEATURE)).cloned().collect();
        for name in flat {
            let row = fields.shift_remove(&name).unwrap_or(Value::Null);
            let features = fields.entry("features").or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(features) = features {
                features.insert(name[FEATURE.len()..].to_string(), row);
            }
        }
        if let Some(Value::Object(features)) = fields.get_mut("features") {
            // A column of whole numbers with holes is one of floating-point numbers in pandas.
            for row in features.values_mut() {
                *row = whole(row).and_then(|n| u64::try_from(n).ok()).map_or_else(|| row.clone(), Value::from);
            }
        }
        if let (Some(classes), Some(label)) = (&self.classes, fields.get_mut("label"))
            && let Some(name) = label.as_str().and_then(|class| classes.get(class.parse::<usize>().ok()?))
        {
            *label = Value::from(name.as_str());
        }
        fields
    }

    /// Which rows of a group have a picture. The pictures themselves are not read where the file has counted them.
    fn present(&self, group: usize, count: usize) -> Result<Present, String> {
        let Some(pictures) = &self.columns.pictures else { return Ok(Present::None) };
        let chunk = self.reader.metadata().row_group(group).columns().get(pictures.leaf);
        let missing = chunk.and_then(|chunk| chunk.statistics()).and_then(|statistics| statistics.null_count_opt());
        // Rows without another column exist by their pictures alone: a damaged count of them must not be believed.
        match missing.filter(|_| !self.columns.meanings.is_empty()) {
            Some(0) => return Ok(Present::All),
            Some(all) if all == count as u64 => return Ok(Present::None),
            _ => {}
        }
        let mut column = self.picture_column(group)?;
        let most = self.reader.metadata().file_metadata().schema_descr().column(pictures.leaf).max_def_level();
        let mut present = Vec::new();
        while present.len() < count {
            let (mut levels, mut values) = (Vec::new(), Vec::new());
            // Few at a time: the pictures are in memory meanwhile.
            let wanted = 16.min(count - present.len());
            let read = column.read_records(wanted, Some(&mut levels), None, &mut values).map_err(|e| words(&e))?;
            match (read.0, most) {
                (0, _) => return Err("ends before its last picture".into()),
                (read, 0) => present.resize(present.len() + read, true),
                _ => present.extend(levels.iter().map(|level| *level == most)),
            }
        }
        Ok(Present::Some(present))
    }

    /// Reads the bytes of pictures of a group, from its first row on.
    pub(super) fn picture_column(&self, group: usize) -> Result<ColumnReaderImpl<ByteArrayType>, String> {
        let leaf = self.columns.pictures.as_ref().map(|pictures| pictures.leaf).ok_or("has no column of pictures")?;
        let column = || -> ParquetResult<ColumnReader> { self.reader.get_row_group(group)?.get_column_reader(leaf) };
        match column().map_err(|e| words(&e))? {
            column @ ColumnReader::ByteArrayColumnReader(_) => Ok(get_typed_column_reader(column)),
            _ => Err("has pictures of another type than bytes".into()),
        }
    }
}

/// Which rows of a group have a picture.
enum Present {
    None,
    All,
    Some(Vec<bool>),
}

impl Present {
    fn at(&self, row: usize) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Some(present) => present.get(row).copied().unwrap_or(false),
        }
    }
}

const FEATURE: &str = "features.";

/// A number without a fraction.
fn whole(value: &Value) -> Option<i128> {
    let as_float = || value.as_f64().filter(|n| n.fract() == 0.0 && n.abs() <= 9e15).map(|n| n as i128);
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from)).or_else(as_float)
}

/// The classes of the column `label`, from what `datasets` notes in its files.
fn classes(note: &str) -> Option<Vec<String>> {
    let note: Value = serde_json::from_str(note).ok()?;
    let label = note.get("info")?.get("features")?.get("label")?;
    (label.get("_type")? == "ClassLabel").then_some(())?;
    label.get("names")?.as_array()?.iter().map(|name| name.as_str().map(String::from)).collect()
}

/// The Parquet reader trusts what a damaged file says about itself, and may panic on it.
pub(crate) fn guarded<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("is damaged: the Parquet reader failed on it".into()))
}

/// The message of an error, on one line.
pub(super) fn words(error: &parquet::errors::ParquetError) -> String {
    error.to_string().replace('\n', " ")
}

impl std::fmt::Debug for ParquetFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetFile")
            .field("columns", &self.columns)
            .field("starts", &self.starts)
            .finish_non_exhaustive()
    }
}

/// A file that is shared by the tables and the pictures.
pub(in crate::format) type SharedFile = Arc<ParquetFile>;
