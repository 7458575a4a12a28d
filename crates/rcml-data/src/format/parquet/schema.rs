//! The columns of a Parquet table: which hold fields, which one holds pictures.

use std::sync::Arc;

use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as PhysicalType};
use parquet::schema::types::{SchemaDescriptor, Type, TypePtr};

use super::value::Meaning;
use crate::column_names::{PICTURES, alike};

/// How a file's columns are read.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    /// The columns that become fields: all but the bytes of pictures.
    pub(super) projection: Type,
    /// What the columns of the projection mean, in their order.
    pub(super) meanings: Vec<Meaning>,
    pub(super) pictures: Option<PictureColumn>,
}

/// The column that holds pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PictureColumn {
    pub(super) name: String,
    /// Index of the leaf column with the bytes.
    pub(super) leaf: usize,
}

/// What a column of pictures is called after its format, in tables that were not made for this one.
const FORMATS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

impl Columns {
    /// `pictures`: whether the table may hold pictures. `loose`: under names other than `image` as well.
    pub(super) fn new(schema: &SchemaDescriptor, pictures: bool, loose: bool) -> Result<Self, String> {
        let root = schema.root_schema();
        let pictures = if pictures { find_pictures(schema, loose) } else { None };
        let mut fields = Vec::new();
        for column in root.get_fields() {
            supported(column, column.name())?;
            // pandas keeps its row numbers here.
            if column.name().starts_with("__index_level_") {
                continue;
            }
            match &pictures {
                Some(pictures) if pictures.name == column.name() => fields.extend(without_bytes(column)?),
                _ => fields.push(column.clone()),
            }
        }
        let meanings = fields.iter().map(|column| Meaning::of(column)).collect();
        let projection =
            Type::group_type_builder(root.name()).with_fields(fields).build().map_err(|e| e.to_string())?;
        Ok(Self { projection, meanings, pictures })
    }
}

/// Hugging Face's `{bytes, path}`, or a column of bytes.
fn find_pictures(schema: &SchemaDescriptor, loose: bool) -> Option<PictureColumn> {
    let columns = schema.root_schema().get_fields();
    let named = |name: &str| columns.iter().find(|column| column.name() == name).filter(|column| holds_bytes(column));
    let column = named("image").or_else(|| {
        let taken = columns.iter().any(|column| column.name() == "image");
        if !loose || taken {
            return None;
        }
        let other =
            |name: &str| columns.iter().find(|column| alike(column.name(), name)).filter(|column| holds_bytes(column));
        let structs = || columns.iter().filter(|column| column.is_group() && holds_bytes(column));
        PICTURES.into_iter().chain(FORMATS).find_map(other).or_else(|| structs().next())
    })?;
    let name = column.name().to_string();
    let is_leaf = |parts: &[String]| match parts {
        [only] => *only == name,
        [first, second] => *first == name && second == "bytes",
        _ => false,
    };
    let leaf = schema.columns().iter().position(|leaf| is_leaf(leaf.path().parts()))?;
    Some(PictureColumn { name, leaf })
}

/// Whether a column is of bytes that are no text, or of groups with such.
pub(crate) fn holds_bytes(column: &Type) -> bool {
    let plain = |column: &Type| {
        column.is_primitive()
            && column.get_physical_type() == PhysicalType::BYTE_ARRAY
            && column.get_basic_info().converted_type() == ConvertedType::NONE
            && column.get_basic_info().logical_type_ref() != Some(&LogicalType::String)
            && column.get_basic_info().repetition() != Repetition::REPEATED
    };
    if column.is_primitive() {
        return plain(column);
    }
    let bytes = column.get_fields().iter().find(|field| field.name() == "bytes");
    column.get_basic_info().repetition() != Repetition::REPEATED
        && column.get_basic_info().converted_type() == ConvertedType::NONE
        && bytes.is_some_and(|bytes| plain(bytes))
}

/// The column without the bytes; nothing where nothing else is in it.
fn without_bytes(column: &TypePtr) -> Result<Option<TypePtr>, String> {
    if column.is_primitive() {
        return Ok(None);
    }
    let others: Vec<TypePtr> = column.get_fields().iter().filter(|field| field.name() != "bytes").cloned().collect();
    if others.is_empty() {
        return Ok(None);
    }
    let info = column.get_basic_info();
    let group = Type::group_type_builder(column.name()).with_repetition(info.repetition()).with_fields(others);
    group.build().map(|group| Some(Arc::new(group))).map_err(|e| e.to_string())
}

/// Rejects what the record reader would panic on.
fn supported(field: &Type, path: &str) -> Result<(), String> {
    let info = field.get_basic_info();
    let wrong = |what: &str| Err(format!("column `{path}` {what}"));
    if !info.has_repetition() {
        return wrong("does not say whether it can be missing");
    }
    if field.is_primitive() {
        return match info.converted_type() {
            ConvertedType::INTERVAL => wrong("has the Parquet type INTERVAL, which is not read"),
            ConvertedType::DECIMAL if field.get_scale() < 0 || field.get_precision() < field.get_scale() => {
                wrong("is a decimal of impossible scale")
            }
            _ => Ok(()),
        };
    }
    let children = field.get_fields();
    let repeated = |child: &Type| {
        child.get_basic_info().has_repetition() && child.get_basic_info().repetition() == Repetition::REPEATED
    };
    match info.converted_type() {
        _ if children.is_empty() => return wrong("is a group without fields"),
        ConvertedType::LIST if children.len() != 1 || !repeated(&children[0]) => {
            return wrong("is no list as Parquet writes it");
        }
        ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE
            if children.len() != 1
                || children[0].is_primitive()
                || !repeated(&children[0])
                || !matches!(children[0].get_fields().len(), 1 | 2) =>
        {
            return wrong("is no map as Parquet writes it");
        }
        _ => {}
    }
    children.iter().try_for_each(|child| supported(child, &format!("{path}.{}", child.name())))
}
