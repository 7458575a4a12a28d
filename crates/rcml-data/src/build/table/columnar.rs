//! Rows of a Parquet file, by its row groups.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::{Column, positions};
use crate::{Error, Problem, Result};

/// Rows parsed at a time.
const CHUNK: usize = 1 << 16;

pub(super) fn each<T: Send>(
    path: &Path,
    columns: &[Column],
    parse: &(impl Fn(&mut [Value]) -> T + Sync),
    sink: &mut impl FnMut(usize, Result<T, String>) -> Result<()>,
) -> Result<()> {
    let broken = |e| broken(path, &e);
    let reader = open(path)?;
    let schema = reader.metadata().file_metadata().schema();
    positions(path, columns, &names(schema))?;
    let kept: Vec<Arc<Type>> =
        schema.get_fields().iter().filter(|field| columns.iter().any(|c| c.name == field.name())).cloned().collect();
    let projection = Type::group_type_builder(schema.name()).with_fields(kept).build().map_err(broken)?;
    let mut rows = reader.get_row_iter(Some(projection)).map_err(broken)?;
    let mut number = 0;
    loop {
        let chunk: Vec<_> = rows.by_ref().take(CHUNK).collect::<Result<_, _>>().map_err(broken)?;
        if chunk.is_empty() {
            return Ok(());
        }
        let parsed: Vec<T> = chunk
            .into_par_iter()
            .map(|row| {
                let mut cells = vec![Value::Null; columns.len()];
                for (name, field) in row.into_columns() {
                    let value = value(&field);
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

fn open(path: &Path) -> Result<SerializedFileReader<File>> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    SerializedFileReader::new(file).map_err(|e| broken(path, &e))
}

fn names(schema: &Type) -> Vec<String> {
    schema.get_fields().iter().map(|field| field.name().to_owned()).collect()
}

fn broken(path: &Path, e: &parquet::errors::ParquetError) -> Error {
    Error::problems(vec![Problem::of(path, format!("no readable Parquet: {e}"))])
}

/// A field as JSON has it; bytes that are text become text, moments become milliseconds.
fn value(field: &Field) -> Value {
    match field {
        Field::Bool(value) => json!(value),
        Field::Byte(value) => json!(value),
        Field::Short(value) => json!(value),
        Field::Int(value) => json!(value),
        Field::Long(value) => json!(value),
        Field::UByte(value) => json!(value),
        Field::UShort(value) => json!(value),
        Field::UInt(value) => json!(value),
        Field::ULong(value) => json!(value),
        Field::Float(value) => json!(value),
        Field::Double(value) => json!(value),
        Field::Str(value) => json!(value),
        Field::Bytes(value) => value.as_utf8().map_or(Value::Null, Value::from),
        Field::Date(days) => json!(i64::from(*days) * 86_400),
        Field::TimestampMillis(value) => json!(value.div_euclid(1_000)),
        Field::TimestampMicros(value) => json!(value.div_euclid(1_000_000)),
        Field::Group(row) => {
            let fields = row.get_column_iter().map(|(name, field)| (name.clone(), value(field)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Field::ListInternal(list) => list.elements().iter().map(value).collect(),
        _ => Value::Null,
    }
}
