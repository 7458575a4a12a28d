//! Tables as Parquet, with the pictures in them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int64Type};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, Type, TypePtr};
use serde_json::{Map, Value};

use super::Row;
use super::plan::{Cell, ITEM, Plan, RELATION, REST};
use super::row;
use crate::whole::Wrong;
use crate::{Dataset, Result};

/// Rows that are written at once, and read at once.
const GROUP: usize = 100_000;
/// Bytes of pictures that are written at once: they are held in memory until then.
const GROUP_BYTES: usize = 64 << 20;

/// A column and how it is filled from a row.
struct Column {
    name: String,
    kind: Kind,
}

enum Kind {
    Text {
        required: bool,
    },
    Flag,
    Whole,
    Single,
    Double,
    Texts,
    Json,
    /// Rows of feature modalities.
    Features(Vec<String>),
    /// Hugging Face's `{bytes, path}`.
    Picture,
    /// Attributes without a column.
    Rest,
}

/// Whether a name comes back from a schema as it is.
fn fits(name: &str) -> bool {
    !name.is_empty() && name != REST && !name.starts_with("features.") && !name.starts_with("__index_level_")
}

fn column(name: &str, kind: Kind) -> Column {
    Column { name: name.into(), kind }
}

fn text(name: &str) -> Column {
    column(name, Kind::Text { required: false })
}

fn required(name: &str) -> Column {
    column(name, Kind::Text { required: true })
}

fn attributes<'a>(
    fields: &'static [&'static str],
    rows: impl Iterator<Item = &'a Map<String, Value>>,
) -> (Plan, Vec<Column>) {
    let plan = Plan::new(fields, rows, fits);
    let of = |(name, cell): &(String, Cell)| {
        let kind = match cell {
            Cell::Text => Kind::Text { required: false },
            Cell::Flag => Kind::Flag,
            Cell::Whole | Cell::Large => Kind::Whole,
            Cell::Number => Kind::Double,
            Cell::Texts => Kind::Texts,
            Cell::Json => Kind::Json,
        };
        column(name, kind)
    };
    let mut columns: Vec<Column> = plan.columns.iter().map(of).collect();
    if plan.rest {
        columns.push(column(REST, Kind::Rest));
    }
    (plan, columns)
}

/// Writes the items with their pictures: `picture` gives the bytes of the item with an index.
pub(super) fn items(
    file: &mut BufWriter<File>,
    dataset: &Dataset,
    rows: impl Iterator<Item = Result<Row>>,
    mut picture: impl FnMut(usize) -> Result<Option<Vec<u8>>>,
) -> Result<(), Wrong> {
    let items = &dataset.items;
    let (plan, more) = attributes(ITEM, items.iter().map(|item| &item.attributes));
    let mut columns = vec![required("id")];
    let some = |has: &dyn Fn(&crate::Item) -> bool| items.iter().any(has);
    columns.extend(some(&|item| item.text.is_some()).then(|| text("text")));
    columns.extend(some(&|item| item.image.is_some()).then(|| column("image", Kind::Picture)));
    columns.extend(some(&|item| item.label.is_some()).then(|| text("label")));
    columns.extend(some(&|item| item.split.is_some()).then(|| text("split")));
    let used = |name: &&String| items.iter().any(|item| item.features.contains_key(*name));
    let features: Vec<String> = dataset.info.modalities.keys().filter(used).cloned().collect();
    columns.extend((!features.is_empty()).then(|| column("features", Kind::Features(features))));
    columns.extend(more);
    let mut table = Table::new(file, columns, plan)?;
    for (index, row) in rows.enumerate() {
        table.row(row?, picture(index)?)?;
    }
    table.finish()
}

/// Writes the relations.
pub(super) fn relations(file: &mut BufWriter<File>, dataset: &Dataset) -> Result<(), Wrong> {
    let (plan, more) = attributes(RELATION, dataset.relations.iter().map(|relation| &relation.attributes));
    let mut columns = vec![required("id"), column("descriptions", Kind::Texts), column("symmetric", Kind::Flag)];
    columns.extend([text("family"), text("split")]);
    columns.extend(more);
    let mut table = Table::new(file, columns, plan)?;
    for relation in &dataset.relations {
        let mut row = row::relation(relation)?;
        if let Some(description) = row.shift_remove("description") {
            row.insert("descriptions".into(), Value::Array(vec![description]));
        }
        row.insert("symmetric".into(), relation.symmetric.into());
        table.row(row, None)?;
    }
    table.finish()
}

/// Writes the edges.
pub(super) fn edges(file: &mut BufWriter<File>, dataset: &Dataset) -> Result<(), Wrong> {
    let mut columns: Vec<Column> = ["relation", "source", "target"].map(required).into();
    columns.extend(dataset.edges.iter().any(|edge| edge.weight != 1.0).then(|| column("weight", Kind::Single)));
    columns.extend(dataset.edges.iter().any(|edge| edge.split.is_some()).then(|| text("split")));
    let mut table = Table::new(file, columns, Plan::default())?;
    for edge in &dataset.edges {
        table.row(row::edge(dataset, edge)?, None)?;
    }
    table.finish()
}

/// A table that is being written.
struct Table<'a> {
    writer: SerializedFileWriter<&'a mut BufWriter<File>>,
    columns: Vec<Column>,
    plan: Plan,
    rows: Vec<(Row, Option<Vec<u8>>)>,
    bytes: usize,
}

impl From<ParquetError> for Wrong {
    fn from(error: ParquetError) -> Self {
        Self::Io(std::io::Error::other(error.to_string()))
    }
}

impl<'a> Table<'a> {
    fn new(file: &'a mut BufWriter<File>, columns: Vec<Column>, plan: Plan) -> Result<Self, Wrong> {
        let fields: ParquetResult<Vec<TypePtr>> = columns.iter().map(|column| column.schema().map(Arc::new)).collect();
        let schema = Type::group_type_builder("schema").with_fields(fields?).build()?;
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(concat!("rcml ", env!("CARGO_PKG_VERSION")).into());
        if columns.iter().any(|column| matches!(column.kind, Kind::Picture)) {
            let bytes = ColumnPath::new(vec!["image".into(), "bytes".into()]);
            properties = properties
                // Pictures are compressed already, all differ, and their first bytes say nothing.
                .set_column_compression(bytes.clone(), Compression::UNCOMPRESSED)
                .set_column_dictionary_enabled(bytes, false)
                // So that `datasets` shows pictures rather than bytes.
                .set_key_value_metadata(Some(vec![KeyValue::new(
                    "huggingface".into(),
                    r#"{"info": {"features": {"image": {"_type": "Image"}}}}"#.to_string(),
                )]));
        }
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties.build()))?;
        Ok(Self { writer, columns, plan, rows: Vec::new(), bytes: 0 })
    }

    fn row(&mut self, row: Row, picture: Option<Vec<u8>>) -> Result<(), Wrong> {
        self.bytes += picture.as_ref().map_or(0, Vec::len);
        self.rows.push((row, picture));
        if self.rows.len() == GROUP || self.bytes >= GROUP_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Wrong> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let mut group = self.writer.next_row_group()?;
        for column in &self.columns {
            column.write(&mut group, &rows, &self.plan)?;
        }
        group.close()?;
        Ok(())
    }

    fn finish(mut self) -> Result<(), Wrong> {
        if !self.rows.is_empty() {
            self.flush()?;
        }
        self.writer.finish()?;
        self.writer.inner_mut().flush()?;
        Ok(())
    }
}

fn leaf(name: &str, of: PhysicalType, logical: Option<LogicalType>, repetition: Repetition) -> ParquetResult<Type> {
    Type::primitive_type_builder(name, of).with_logical_type(logical).with_repetition(repetition).build()
}

fn group(name: &str, logical: Option<LogicalType>, repetition: Repetition, fields: Vec<Type>) -> ParquetResult<Type> {
    let fields = fields.into_iter().map(Arc::new).collect();
    Type::group_type_builder(name).with_logical_type(logical).with_repetition(repetition).with_fields(fields).build()
}

impl Column {
    fn schema(&self) -> ParquetResult<Type> {
        const OPTIONAL: Repetition = Repetition::OPTIONAL;
        let name = self.name.as_str();
        let string = || Some(LogicalType::String);
        match &self.kind {
            Kind::Text { required } => {
                leaf(name, PhysicalType::BYTE_ARRAY, string(), if *required { Repetition::REQUIRED } else { OPTIONAL })
            }
            Kind::Flag => leaf(name, PhysicalType::BOOLEAN, None, OPTIONAL),
            Kind::Whole => leaf(name, PhysicalType::INT64, None, OPTIONAL),
            Kind::Single => leaf(name, PhysicalType::FLOAT, None, OPTIONAL),
            Kind::Double => leaf(name, PhysicalType::DOUBLE, None, OPTIONAL),
            Kind::Json | Kind::Rest => leaf(name, PhysicalType::BYTE_ARRAY, Some(LogicalType::Json), OPTIONAL),
            Kind::Texts => {
                let element = leaf("element", PhysicalType::BYTE_ARRAY, string(), OPTIONAL)?;
                let list = group("list", None, Repetition::REPEATED, vec![element])?;
                group(name, Some(LogicalType::List), OPTIONAL, vec![list])
            }
            Kind::Features(modalities) => {
                let row = |name: &String| leaf(name, PhysicalType::INT64, None, OPTIONAL);
                group(name, None, OPTIONAL, modalities.iter().map(row).collect::<ParquetResult<_>>()?)
            }
            Kind::Picture => {
                let bytes = leaf("bytes", PhysicalType::BYTE_ARRAY, None, OPTIONAL)?;
                let path = leaf("path", PhysicalType::BYTE_ARRAY, string(), OPTIONAL)?;
                group(name, None, OPTIONAL, vec![bytes, path])
            }
        }
    }

    fn write<W: Write + Send>(
        &self,
        group: &mut SerializedRowGroupWriter<'_, W>,
        rows: &[(Row, Option<Vec<u8>>)],
        plan: &Plan,
    ) -> ParquetResult<()> {
        let values = || rows.iter().map(|(row, _)| row.get(&self.name));
        match &self.kind {
            Kind::Text { required: true } => {
                let values: Vec<ByteArray> =
                    values().map(|value| bytes(value.and_then(Value::as_str).unwrap_or(""))).collect();
                write::<ByteArrayType>(group, &values, None, None)
            }
            Kind::Text { .. } => flat::<ByteArrayType>(group, values().map(|value| value?.as_str().map(bytes)), 1),
            Kind::Flag => flat::<BoolType>(group, values().map(|value| value?.as_bool()), 1),
            Kind::Whole => flat::<Int64Type>(group, values().map(|value| value?.as_i64()), 1),
            Kind::Single => {
                flat::<FloatType>(group, values().map(|value| value?.as_f64().map(|value| value as f32)), 1)
            }
            Kind::Double => flat::<DoubleType>(group, values().map(|value| value?.as_f64()), 1),
            Kind::Json => {
                flat::<ByteArrayType>(group, values().map(|value| value.map(|value| bytes(&value.to_string()))), 1)
            }
            Kind::Rest => {
                let rest = rows.iter().map(|(row, _)| plan.rest(row).map(|rest| bytes(&rest.to_string())));
                flat::<ByteArrayType>(group, rest, 1)
            }
            Kind::Texts => texts(group, values()),
            Kind::Features(modalities) => modalities.iter().try_for_each(|name| {
                let rows = values().map(|features| features?.get(name)?.as_i64());
                // An item with other features has the group, but not this member.
                let levels = values().map(|features| i16::from(features.is_some()));
                nested::<Int64Type>(group, rows, levels)
            }),
            Kind::Picture => {
                let has = || rows.iter().map(|(_, picture)| i16::from(picture.is_some()));
                let pictures =
                    rows.iter().map(|(_, picture)| picture.as_ref().map(|picture| ByteArray::from(picture.clone())));
                nested::<ByteArrayType>(group, pictures, has())?;
                let path = |value: Option<&Value>| value?.as_str().map(bytes);
                nested::<ByteArrayType>(group, values().map(path), has())
            }
        }
    }
}

fn bytes(text: &str) -> ByteArray {
    ByteArray::from(text.as_bytes().to_vec())
}

/// Writes a leaf column.
fn write<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, impl Write + Send>,
    values: &[T::T],
    definitions: Option<&[i16]>,
    repetitions: Option<&[i16]>,
) -> ParquetResult<()> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General("the schema has fewer columns than are written".into()));
    };
    column.typed::<T>().write_batch(values, definitions, repetitions)?;
    column.close()
}

/// Writes an optional column: what is there has the definition level `level`, what is missing the one below.
fn flat<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, impl Write + Send>,
    values: impl Iterator<Item = Option<T::T>>,
    level: i16,
) -> ParquetResult<()> {
    let values: Vec<Option<T::T>> = values.collect();
    let levels: Vec<i16> = values.iter().map(|value| level - i16::from(value.is_none())).collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    write::<T>(group, &values, Some(&levels), None)
}

/// Writes an optional member of an optional group; `outer` is 1 where the group is there.
fn nested<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, impl Write + Send>,
    values: impl Iterator<Item = Option<T::T>>,
    outer: impl Iterator<Item = i16>,
) -> ParquetResult<()> {
    let values: Vec<Option<T::T>> = values.collect();
    let levels: Vec<i16> =
        values.iter().zip(outer).map(|(value, outer)| if value.is_some() { 2 } else { outer }).collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    write::<T>(group, &values, Some(&levels), None)
}

/// Writes lists of texts: 0 no list, 1 an empty one, 3 a text.
fn texts<'v>(
    group: &mut SerializedRowGroupWriter<'_, impl Write + Send>,
    lists: impl Iterator<Item = Option<&'v Value>>,
) -> ParquetResult<()> {
    let (mut values, mut definitions, mut repetitions) = (Vec::new(), Vec::new(), Vec::new());
    for list in lists {
        match list.and_then(Value::as_array) {
            None => definitions.push(0),
            Some(texts) if texts.is_empty() => definitions.push(1),
            Some(texts) => {
                for (i, text) in texts.iter().enumerate() {
                    values.push(bytes(text.as_str().unwrap_or("")));
                    definitions.push(3);
                    repetitions.push(i16::from(i > 0));
                }
                continue;
            }
        }
        repetitions.push(0);
    }
    write::<ByteArrayType>(group, &values, Some(&definitions), Some(&repetitions))
}
