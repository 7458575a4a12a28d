//! The table of items.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use rayon::prelude::*;
use serde_json::Value;

use super::nearest;
use super::path::is_file;
use super::record::Record;
use super::table::Table;
use crate::{Item, Problem};

/// Rows of each declared feature modality; `None` where its file cannot be read (which is reported with it).
pub(super) type Arrays = BTreeMap<String, Option<usize>>;

/// Reads all items, and returns the line of each. `arrays` is `None` where `dataset.toml` could not be read.
pub(super) fn read(
    table: &Table,
    dir: &Path,
    arrays: Option<&Arrays>,
    items: &mut Vec<Item>,
    problems: &mut Vec<Problem>,
) -> Vec<usize> {
    let mut lines = Vec::new();
    let mut first: HashMap<String, usize> = HashMap::new();
    table.each(
        problems,
        |row| row.fields().map(|fields| item(Record::new(fields), dir, arrays)),
        |line, parsed, problems| {
            let mut say = |message: String| problems.push(Problem::at(&table.path, line, message));
            match parsed {
                Err(message) => say(message),
                Ok((item, found)) => {
                    found.into_iter().for_each(&mut say);
                    if !item.id.is_empty() {
                        match first.get(&item.id) {
                            Some(first) => say(format!("id {:?} is taken: line {first} has it first", item.id)),
                            None => _ = first.insert(item.id.clone(), line),
                        }
                    }
                    items.push(item);
                    lines.push(line);
                }
            }
        },
    );
    if items.is_empty() && problems.is_empty() {
        problems.push(Problem::of(&table.path, "has no items"));
    }
    lines
}

fn item(mut record: Record, dir: &Path, arrays: Option<&Arrays>) -> (Item, Vec<String>) {
    let id = record.required("id").unwrap_or_default();
    let before = record.problems.len();
    let text = record.string("text");
    let image = record.string("image");
    if let Some(Err(message)) = image.as_deref().map(|image| is_file(dir, image)) {
        record.problem(format!("field `image`: {message}"));
    }
    let features = features(&mut record, arrays);
    // A modality that is there but wrong has been reported; that there is none would only repeat it.
    if record.problems.len() == before && image.is_none() && features.is_empty() {
        match text.as_deref().map(str::trim) {
            None => record.problem("no modality: expected at least one of `text`, `image`, `features`"),
            Some("") => record.problem("field `text` is empty, and there is no `image` and no `features`"),
            Some(_) => {}
        }
    }
    let label = match record.take("label") {
        None => None,
        Some(Value::String(label)) => Some(label),
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        Some(other) => {
            record.mistyped("label", "a string or a whole number", &other);
            None
        }
    };
    let split = record.split();
    let problems = std::mem::take(&mut record.problems);
    let text = text.filter(|text| !text.trim().is_empty());
    (Item { id, text, image, label, split, features, attributes: record.rest() }, problems)
}

fn features(record: &mut Record, arrays: Option<&Arrays>) -> BTreeMap<String, usize> {
    let mut features = BTreeMap::new();
    let rows = match record.take("features") {
        None => return features,
        Some(Value::Object(rows)) => rows,
        Some(other) => {
            record.mistyped("features", "an object of names and row numbers", &other);
            return features;
        }
    };
    for (name, value) in rows {
        let field = format!("features.{name}");
        let row = match value.as_u64() {
            _ if value.is_null() => continue,
            Some(row) => row as usize,
            None => {
                record.mistyped(&field, "a row number (0, 1, ...)", &value);
                continue;
            }
        };
        match arrays.map(|arrays| (arrays, arrays.get(&name))) {
            Some((arrays, None)) => {
                let hint = nearest::hint(&name, arrays.par_iter().map(|(name, _)| name.as_str()));
                record.problem(format!("field `{field}`: dataset.toml has no [modalities.{name}]{hint}"));
            }
            Some((_, Some(Some(rows)))) if row >= *rows => {
                record.problem(format!(
                    "field `{field}`: found row {row}, but the array has {rows} rows (counted from 0)"
                ));
            }
            _ => _ = features.insert(name, row),
        }
    }
    features
}
