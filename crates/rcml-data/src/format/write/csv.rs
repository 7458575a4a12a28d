//! Tables as comma-separated values.
//!
//! A cell is text, so a column whose values are not all texts is written as JSON and called `NAME:json`.

use std::io::Write;

use serde_json::{Map, Value};

use super::Row;
use super::plan::{Cell, ITEM, Plan, RELATION, REST};
use super::row;
use crate::whole::Wrong;
use crate::{Dataset, Result};

/// A column: its name in the file and how it is filled from a row.
struct Column {
    header: String,
    field: String,
    fill: Fill,
}

#[derive(Clone, Copy)]
enum Fill {
    /// The text itself.
    Text,
    Json,
    /// Texts between `|`.
    Phrasings,
    /// The row of a feature modality.
    Feature,
    /// Attributes without a column.
    Rest,
}

fn column(field: &str, fill: Fill) -> Column {
    let header = match fill {
        Fill::Json => format!("{field}{REST}"),
        Fill::Feature => format!("features.{field}"),
        Fill::Rest => REST.into(),
        Fill::Text | Fill::Phrasings => field.into(),
    };
    Column { header, field: field.into(), fill }
}

/// Whether a name comes back from a header as it is.
fn fits(name: &str) -> bool {
    !name.is_empty() && name.trim() == name && !name.starts_with("features.") && !name.ends_with(REST)
}

/// A column of texts; one that is empty would count as missing, and then all are JSON.
fn text<'a>(field: &str, mut texts: impl Iterator<Item = Option<&'a String>>) -> Column {
    let some_empty = texts.any(|text| text.is_some_and(String::is_empty));
    column(field, if some_empty { Fill::Json } else { Fill::Text })
}

fn attributes<'a>(
    fields: &'static [&'static str],
    rows: impl Iterator<Item = &'a Map<String, Value>> + Clone,
) -> (Plan, Vec<Column>) {
    let plan = Plan::new(fields, rows.clone(), fits);
    let mut columns: Vec<Column> = Vec::new();
    for (name, cell) in &plan.columns {
        columns.push(match cell {
            Cell::Text => text(
                name,
                rows.clone().filter_map(|row| row.get(name)).map(|value| match value {
                    Value::String(text) => Some(text),
                    _ => None,
                }),
            ),
            _ => column(name, Fill::Json),
        });
    }
    if plan.rest {
        columns.push(column("", Fill::Rest));
    }
    (plan, columns)
}

/// Writes the items; `rows` are theirs.
pub(super) fn items(
    file: &mut impl Write,
    dataset: &Dataset,
    rows: impl Iterator<Item = Result<Row>>,
) -> Result<(), Wrong> {
    let items = &dataset.items;
    let (plan, more) = attributes(ITEM, items.iter().map(|item| &item.attributes));
    let mut columns = vec![column("id", Fill::Text)];
    let some = |has: &dyn Fn(&crate::Item) -> bool| items.iter().any(has);
    columns.extend(some(&|item| item.text.is_some()).then(|| column("text", Fill::Text)));
    columns.extend(some(&|item| item.image.is_some()).then(|| column("image", Fill::Text)));
    columns.extend(
        some(&|item| item.label.is_some()).then(|| text("label", items.iter().map(|item| item.label.as_ref()))),
    );
    columns.extend(some(&|item| item.split.is_some()).then(|| column("split", Fill::Text)));
    let used =
        || dataset.info.modalities.keys().filter(|name| items.iter().any(|item| item.features.contains_key(*name)));
    if used().all(|name| name.trim() == name && !name.ends_with(REST)) {
        columns.extend(used().map(|name| column(name, Fill::Feature)));
    } else {
        columns.push(column("features", Fill::Json));
    }
    columns.extend(more);
    table(file, &columns, &plan, rows)
}

/// Writes the relations.
pub(super) fn relations(file: &mut impl Write, dataset: &Dataset) -> Result<(), Wrong> {
    let relations = &dataset.relations;
    let (plan, more) = attributes(RELATION, relations.iter().map(|relation| &relation.attributes));
    let plain = |text: &String| !text.contains('|') && text.trim() == text;
    let one = relations.iter().all(|relation| relation.descriptions.len() == 1);
    let descriptions = if one {
        column("description", Fill::Text)
    } else if relations.iter().flat_map(|relation| &relation.descriptions).all(plain) {
        column("descriptions", Fill::Phrasings)
    } else {
        column("descriptions", Fill::Json)
    };
    let mut columns = vec![column("id", Fill::Text), descriptions];
    columns.extend(relations.iter().any(|relation| relation.symmetric).then(|| column("symmetric", Fill::Text)));
    if relations.iter().any(|relation| relation.family.is_some()) {
        columns.push(text("family", relations.iter().map(|relation| relation.family.as_ref())));
    }
    columns.extend(relations.iter().any(|relation| relation.split.is_some()).then(|| column("split", Fill::Text)));
    columns.extend(more);
    let rows = relations.iter().map(|relation| {
        let mut row = row::relation(relation)?;
        if !one && let Some(description) = row.shift_remove("description") {
            row.insert("descriptions".into(), Value::Array(vec![description]));
        }
        Ok(row)
    });
    table(file, &columns, &plan, rows)
}

/// Writes the edges.
pub(super) fn edges(file: &mut impl Write, dataset: &Dataset) -> Result<(), Wrong> {
    let mut columns: Vec<Column> = ["relation", "source", "target"].map(|name| column(name, Fill::Text)).into();
    columns.extend(dataset.edges.iter().any(|edge| edge.weight != 1.0).then(|| column("weight", Fill::Text)));
    columns.extend(dataset.edges.iter().any(|edge| edge.split.is_some()).then(|| column("split", Fill::Text)));
    let rows = dataset.edges.iter().map(|edge| row::edge(dataset, edge));
    table(file, &columns, &Plan::default(), rows)
}

fn table(
    file: &mut impl Write,
    columns: &[Column],
    plan: &Plan,
    rows: impl Iterator<Item = Result<Row>>,
) -> Result<(), Wrong> {
    let mut writer = csv::Writer::from_writer(file);
    let wrong = |e: csv::Error| Wrong::Io(e.into());
    writer.write_record(columns.iter().map(|column| column.header.as_str())).map_err(wrong)?;
    for row in rows {
        let mut row = row?;
        let cells: Vec<String> = columns.iter().map(|column| cell(column, &mut row, plan)).collect();
        writer.write_record(&cells).map_err(wrong)?;
    }
    writer.flush()?;
    Ok(())
}

fn cell(column: &Column, row: &mut Row, plan: &Plan) -> String {
    let value = match column.fill {
        Fill::Rest => plan.rest(row),
        Fill::Feature => row.get("features").and_then(|features| features.get(&column.field)).cloned(),
        _ => row.get(&column.field).cloned(),
    };
    match (column.fill, value) {
        (_, None) => String::new(),
        (Fill::Json | Fill::Rest, Some(value)) => value.to_string(),
        (Fill::Phrasings, Some(Value::Array(texts))) => {
            texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("|")
        }
        (_, Some(Value::String(text))) => text,
        (_, Some(value)) => value.to_string(),
    }
}
