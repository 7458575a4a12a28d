//! Rows of a Parquet file, by its row groups.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::Type;
use rayon::prelude::*;
use serde_json::Value;

use super::{Column, positions};
use crate::format::parquet::{Meaning, guarded, holds_bytes};
use crate::{Error, Problem, Result};

/// Rows parsed at a time.
const CHUNK: usize = 1 << 16;

pub(super) fn each<T: Send>(
    path: &Path,
    columns: &[Column],
    parse: &(impl Fn(&mut [Value]) -> T + Sync),
    sink: &mut impl FnMut(usize, Result<T, String>) -> Result<()>,
) -> Result<()> {
    let broken = |e: &dyn std::fmt::Display| broken(path, e);
    let reader = open(path)?;
    let schema = reader.metadata().file_metadata().schema();
    positions(path, columns, &names(schema))?;
    let kept: Vec<Arc<Type>> =
        schema.get_fields().iter().filter(|field| columns.iter().any(|c| c.name == field.name())).cloned().collect();
    // A date is the same text here as in a dataset's own tables.
    let meanings: Vec<Meaning> = kept.iter().map(|field| Meaning::of(field)).collect();
    let projection = Type::group_type_builder(schema.name()).with_fields(kept).build().map_err(|e| broken(&e))?;
    let mut rows = reader.get_row_iter(Some(projection)).map_err(|e| broken(&e))?;
    let mut number = 0;
    loop {
        let read = || rows.by_ref().take(CHUNK).collect::<Result<Vec<_>, _>>().map_err(|e| e.to_string());
        let chunk = guarded(read).map_err(|e| broken(&e))?;
        if chunk.is_empty() {
            return Ok(());
        }
        let parsed: Vec<T> = chunk
            .into_par_iter()
            .map(|row| {
                let mut cells = vec![Value::Null; columns.len()];
                for ((name, field), meaning) in row.into_columns().into_iter().zip(&meanings) {
                    let value = meaning.value(field).unwrap_or(Value::Null);
                    let wanted = cells.iter_mut().zip(columns).filter(|(_, column)| column.name == name);
                    wanted.for_each(|(cell, _)| *cell = value.clone());
                }
                parse(&mut cells)
            })
            .collect();
        for row in parsed {
            number += 1;
            sink(number, Ok(row))?;
        }
    }
}

/// The names of the columns.
pub(super) fn header(path: &Path) -> Result<Vec<String>> {
    Ok(names(open(path)?.metadata().file_metadata().schema()))
}

/// The names of the columns that hold no bytes.
pub(super) fn without_pictures(path: &Path) -> Result<Vec<String>> {
    let reader = open(path)?;
    let fields = reader.metadata().file_metadata().schema().get_fields();
    Ok(fields.iter().filter(|field| !holds_bytes(field)).map(|field| field.name().to_owned()).collect())
}

fn open(path: &Path) -> Result<SerializedFileReader<File>> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    SerializedFileReader::new(file).map_err(|e| broken(path, &e))
}

fn names(schema: &Type) -> Vec<String> {
    schema.get_fields().iter().map(|field| field.name().to_owned()).collect()
}

fn broken(path: &Path, e: &dyn std::fmt::Display) -> Error {
    Error::problems(vec![Problem::of(path, format!("no readable Parquet: {e}"))])
}
