//! A product, whatever the release.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::price;
use crate::build::markup::plain;

/// Kind of a link ("also-bought") -> ids that it leads to.
pub(super) type Links = BTreeMap<&'static str, Vec<String>>;

/// A product in one shape.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Product {
    pub(super) id: String,
    pub(super) title: Option<String>,
    /// From the general to the particular.
    pub(super) categories: Vec<String>,
    pub(super) attributes: Map<String, Value>,
    /// Address of the main picture, as large as there is.
    pub(super) picture: Option<String>,
    pub(super) links: Links,
}

/// The attributes that both releases give a product: where it stands and what it costs.
pub(super) fn attributes(
    fields: &Map<String, Value>,
    main: Option<String>,
    categories: &[String],
) -> Map<String, Value> {
    let mut attributes = Map::new();
    add(&mut attributes, "main_category", main);
    add(&mut attributes, "categories", (!categories.is_empty()).then_some(categories));
    add(&mut attributes, "price", fields.get("price").and_then(price::read));
    attributes
}

/// Sets an attribute, where there is a value.
pub(super) fn add(attributes: &mut Map<String, Value>, name: &str, value: Option<impl Serialize>) {
    if let Some(value) = value {
        attributes.insert(name.into(), json!(value));
    }
}

/// The fields of a line.
pub(super) fn fields(line: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(line) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("expected an object {...}, found something else".into()),
        Err(e) => Err(format!("broken JSON at column {}: {e}", e.column())),
    }
}

/// The id in a field; without one the line is no product. Reviews have ids of products too, but also a `reviewer`.
pub(super) fn id(fields: &Map<String, Value>, name: &str, reviewer: &str) -> Result<String, String> {
    if fields.contains_key(reviewer) {
        return Err(format!("field `{reviewer}`: found a review, expected a product"));
    }
    let found = fields.get(name).and_then(Value::as_str).map(str::trim).filter(|id| !id.is_empty());
    found.map(String::from).ok_or_else(|| match fields.get(name) {
        Some(other) => format!("field `{name}`: found {other}, expected an id"),
        None => format!("field `{name}` is missing: no product of this release"),
    })
}

/// A text without markup; empty and missing ones are none.
pub(super) fn text(fields: &Map<String, Value>, name: &str) -> Option<String> {
    fields.get(name).and_then(Value::as_str).and_then(plain)
}

/// The texts of an array (or a single one) without markup, empty ones left out.
pub(super) fn texts(fields: &Map<String, Value>, name: &str) -> Vec<String> {
    match fields.get(name) {
        Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).filter_map(plain).collect(),
        Some(Value::String(one)) => plain(one).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The ids of an array.
pub(super) fn ids(fields: &Map<String, Value>, name: &str) -> Vec<String> {
    let Some(Value::Array(values)) = fields.get(name) else { return Vec::new() };
    values.iter().filter_map(Value::as_str).map(str::trim).filter(|id| !id.is_empty()).map(String::from).collect()
}

/// The first address of an array (or a single one).
pub(super) fn address(value: Option<&Value>) -> Option<String> {
    let text = match value? {
        Value::Array(values) => values.iter().find_map(Value::as_str)?,
        Value::String(text) => text,
        _ => return None,
    };
    let is_address = text.starts_with("http://") || text.starts_with("https://");
    is_address.then(|| text.to_owned())
}
