//! Which columns a table gets from the attributes of its rows.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// What all values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell {
    Text,
    Flag,
    /// Whole numbers that a floating-point number holds exactly.
    Whole,
    /// Whole numbers, some of them larger.
    Large,
    Number,
    Texts,
    /// Several kinds of values: each is written as JSON.
    Json,
}

/// The columns of attributes, in the order in which they first appear.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Fields of the format, which are no attributes.
    fields: &'static [&'static str],
    pub(super) columns: Vec<(String, Cell)>,
    /// Whether some attributes have no column of their own, and share one.
    pub(super) rest: bool,
}

/// Columns beyond these are too many for a table: rows that all have other attributes would make one each.
const MOST: usize = 256;

/// The fields that items have.
pub(super) const ITEM: &[&str] = &["id", "text", "image", "label", "split", "features"];
/// The fields that relations have.
pub(super) const RELATION: &[&str] = &["id", "description", "descriptions", "symmetric", "family", "split"];

/// Name of the column that holds all other attributes, as one JSON object. Also the ending of columns of JSON in CSV.
pub(in crate::format) const REST: &str = ":json";

impl Plan {
    /// Looks at all attributes. `fits`: whether a name can be that of a column.
    pub(super) fn new<'a>(
        fields: &'static [&'static str],
        rows: impl Iterator<Item = &'a Map<String, Value>>,
        fits: impl Fn(&str) -> bool,
    ) -> Self {
        let mut plan = Self { fields, ..Self::default() };
        let mut known: HashMap<&'a str, Option<usize>> = HashMap::new();
        for (name, value) in rows.flatten() {
            let index = *known.entry(name).or_insert_with(|| {
                if plan.columns.len() == MOST || !fits(name) {
                    plan.rest = true;
                    return None;
                }
                plan.columns.push((name.clone(), Cell::of(value)));
                Some(plan.columns.len() - 1)
            });
            if let Some(index) = index {
                let cell = &mut plan.columns[index].1;
                *cell = cell.with(value);
            }
        }
        plan
    }

    /// The attributes of a row that have no column.
    pub(super) fn rest(&self, row: &Map<String, Value>) -> Option<Value> {
        let has = |name: &String| {
            self.fields.contains(&name.as_str()) || self.columns.iter().any(|(column, _)| column == name)
        };
        let rest = || row.iter().filter(|(name, _)| !has(name));
        let object = || Value::Object(rest().map(|(name, value)| (name.clone(), value.clone())).collect());
        (self.rest && rest().next().is_some()).then(object)
    }
}

impl Cell {
    fn of(value: &Value) -> Self {
        match value {
            Value::String(_) => Self::Text,
            Value::Bool(_) => Self::Flag,
            Value::Number(number) if number.as_i64().is_some_and(|n| n.unsigned_abs() <= 1 << 53) => Self::Whole,
            Value::Number(number) if number.is_i64() => Self::Large,
            Value::Number(number) if number.is_f64() => Self::Number,
            Value::Array(values) if values.iter().all(Value::is_string) => Self::Texts,
            _ => Self::Json,
        }
    }

    /// The kind that holds both what the column has and a value. Whole numbers may stand among others: 240 is 240.0.
    fn with(self, value: &Value) -> Self {
        match (self, Self::of(value)) {
            (mine, other) if mine == other => mine,
            (Self::Whole, Self::Large) | (Self::Large, Self::Whole) => Self::Large,
            (Self::Whole, Self::Number) | (Self::Number, Self::Whole) => Self::Number,
            _ => Self::Json,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_hold_what_all_rows_have() {
        let rows: Vec<Map<String, Value>> = [
            json!({"price": 240, "name": "a", "big": 1, "mixed": 1, "tags": ["a"], "bad ": 1, "null": null}),
            json!({"price": 19.5, "big": 9_007_199_254_740_993_i64, "mixed": "x", "tags": [], "flag": true}),
        ]
        .map(|row| row.as_object().unwrap().clone())
        .into();
        let plan = Plan::new(ITEM, rows.iter(), |name| name.trim() == name);
        let kinds: Vec<(&str, Cell)> = plan.columns.iter().map(|(name, cell)| (name.as_str(), *cell)).collect();
        let expected = [
            ("price", Cell::Number),
            ("name", Cell::Text),
            ("big", Cell::Large),
            ("mixed", Cell::Json),
            ("tags", Cell::Texts),
            ("null", Cell::Json),
            ("flag", Cell::Flag),
        ];
        assert_eq!(kinds, expected);
        assert_eq!(plan.rest(&rows[0]), Some(json!({"bad ": 1})));
        assert_eq!(plan.rest(&rows[1]), None);
    }
}
