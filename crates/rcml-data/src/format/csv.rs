//! Comma-separated values with a header line.

use std::path::Path;

use rayon::prelude::*;
use serde_json::{Map, Number, Value};

use super::record::{describe, excerpt};
use super::table::Row;
use crate::Problem;
use crate::lines::BOM;
use crate::separated::{Broken, Record, Records, is_utf16};

/// Rows parsed at a time.
const CHUNK: usize = 1 << 16;

/// The columns of a file, and how their cells become fields.
pub(super) struct Header {
    columns: Vec<(String, Cell)>,
}

#[derive(Clone, Copy)]
enum Cell {
    Text,
    Number,
    Flag,
    /// Phrasings, separated by `|`.
    Phrasings,
    /// A row of a feature array; the column is called `features.NAME`.
    Feature,
    /// A value as JSON; the column is called `NAME:json`.
    Json,
    /// An object whose members are fields; the column is called `:json`.
    Fields,
}

const FEATURE: &str = "features.";
const JSON: &str = super::write::REST;

impl Header {
    /// The header, or everything that is wrong with it.
    fn new(record: &Record, table: &'static str, loose: bool) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut columns: Vec<(String, Cell)> = Vec::new();
        for (cell, number) in record.iter().zip(1..) {
            let header = String::from_utf8_lossy(cell).trim().to_string();
            let (name, is_json) = match header.strip_suffix(JSON) {
                Some(name) => (name.to_string(), true),
                None => (header, false),
            };
            if name.is_empty() && !is_json {
                problems.push(format!("column {number} of the header has no name"));
            } else if columns.iter().any(|(other, _)| *other == name) {
                problems.push(format!("column `{name}` stands twice in the header"));
            }
            let kind = match (table, name.as_str()) {
                (_, "") if is_json => Cell::Fields,
                _ if is_json => Cell::Json,
                ("edges", "weight") => Cell::Number,
                ("relations", "symmetric") => Cell::Flag,
                ("relations", "descriptions") => Cell::Phrasings,
                ("items", name) if name.starts_with(FEATURE) => Cell::Feature,
                _ => Cell::Text,
            };
            columns.push((name, kind));
        }
        let has = |name: &str| columns.iter().any(|(column, _)| column == name);
        let needed: &[&str] = match table {
            _ if loose => &[],
            "edges" => &["relation", "source", "target"],
            _ => &["id"],
        };
        let mut missing: Vec<String> =
            needed.iter().filter(|name| !has(name)).map(|name| format!("the column `{name}`")).collect();
        if table == "relations" && !has("description") && !has("descriptions") {
            missing.push("the column `description` (or `descriptions`)".into());
        }
        let found: Vec<String> = columns.iter().map(|(name, _)| excerpt(name)).collect();
        let found = found.join(", ");
        problems.extend(missing.into_iter().map(|column| format!("the header lacks {column}, found {found}")));
        if problems.is_empty() { Ok(Self { columns }) } else { Err(problems) }
    }

    /// Whether there is a column of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|(column, _)| column == name)
    }

    /// The fields of a row; an empty cell is a missing field.
    pub(super) fn fields(&self, cells: &Record) -> Result<Map<String, Value>, String> {
        if cells.len() != self.columns.len() {
            return Err(format!("found {} cells, expected {} as in the header", cells.len(), self.columns.len()));
        }
        let mut fields = Map::new();
        for ((name, kind), cell) in self.columns.iter().zip(cells.iter()) {
            let text = std::str::from_utf8(cell).map_err(|_| format!("column `{name}` is not UTF-8"))?;
            if text.is_empty() {
                continue;
            }
            // A cell that does not read as its kind stays text, and is then reported as a field of the wrong type.
            let as_text = || Value::from(text);
            match kind {
                Cell::Text => _ = fields.insert(name.clone(), as_text()),
                Cell::Json | Cell::Fields => {
                    let value = serde_json::from_str(text);
                    match (kind, value.map_err(|e| format!("column `{name}{JSON}`: broken JSON: {e}"))?) {
                        (Cell::Fields, Value::Object(more)) => fields.extend(more),
                        (Cell::Fields, other) => {
                            return Err(format!("column `{JSON}`: expected an object, found {}", describe(&other)));
                        }
                        (_, value) => _ = fields.insert(name.clone(), value),
                    }
                }
                Cell::Number => {
                    let number = text.trim().parse().ok().and_then(Number::from_f64);
                    fields.insert(name.clone(), number.map_or_else(as_text, Value::Number));
                }
                Cell::Flag => {
                    let flag = match text.trim().to_ascii_lowercase().as_str() {
                        "true" | "yes" | "1" => Value::Bool(true),
                        "false" | "no" | "0" => Value::Bool(false),
                        _ => as_text(),
                    };
                    fields.insert(name.clone(), flag);
                }
                Cell::Phrasings => {
                    let phrasings = text.split('|').map(str::trim).map(Value::from).collect();
                    fields.insert(name.clone(), Value::Array(phrasings));
                }
                Cell::Feature => {
                    let row = text.trim().parse::<u64>().map_or_else(|_| as_text(), Value::from);
                    let features = fields.entry("features").or_insert_with(|| Value::Object(Map::new()));
                    if let Value::Object(features) = features {
                        features.insert(name[FEATURE.len()..].to_string(), row);
                    }
                }
            }
        }
        Ok(fields)
    }
}

/// Parses the rows in parallel and hands the results on in order.
pub(super) fn each<T: Send>(
    bytes: &[u8],
    (path, table, loose): (&Path, &'static str, bool),
    problems: &mut Vec<Problem>,
    parse: impl Fn(Row<'_>) -> T + Sync,
    sink: &mut impl FnMut(usize, T, &mut Vec<Problem>),
) {
    if is_utf16(bytes) {
        problems.push(Problem::at(path, 1, "is UTF-16 text: expected UTF-8"));
        return;
    }
    let mut read = || -> Result<(), Broken> {
        let mut records = Records::new(bytes, separator(bytes.strip_prefix(BOM).unwrap_or(bytes)))?;
        let Some(first) = records.next()? else {
            problems.push(Problem::at(path, 1, "is empty: expected a header line"));
            return Ok(());
        };
        let header = match Header::new(&first, table, loose) {
            Ok(header) => header,
            Err(found) => {
                problems.extend(found.into_iter().map(|message| Problem::at(path, first.line, message)));
                return Ok(());
            }
        };
        loop {
            let (mut rows, mut end) = (Vec::new(), None);
            while rows.len() < CHUNK && end.is_none() {
                match records.next() {
                    Ok(Some(record)) => rows.push(record),
                    Ok(None) => end = Some(Ok(())),
                    Err(broken) => end = Some(Err(broken)),
                }
            }
            let parsed: Vec<(usize, T)> =
                rows.par_iter().map(|cells| (cells.line, parse(Row::Cells(&header, cells)))).collect();
            parsed.into_iter().for_each(|(line, result)| sink(line, result, problems));
            if let Some(end) = end {
                return end;
            }
        }
    };
    if let Err(broken) = read() {
        let (line, message) = broken.told();
        problems.push(Problem::at(path, line, message));
    }
}

/// A comma, unless the header has none, but semicolons, tabs or bars: spreadsheets write such files in many countries.
fn separator(bytes: &[u8]) -> u8 {
    let header = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).find(|line| !line.is_empty()).unwrap_or_default();
    let has = |separator: &u8| header.contains(separator);
    [b',', b';', b'\t', b'|'].into_iter().find(has).unwrap_or(b',')
}
