//! The fields of a row, taken out one by one with their types checked.

use serde_json::{Map, Value};

use super::loose::Taken;
use crate::Split;

/// The fields of a row and what was found wrong with them. `null` counts as missing.
pub(super) struct Record {
    fields: Map<String, Value>,
    pub(super) problems: Vec<String>,
    /// The columns of a table with other names that fields were taken from.
    pub(super) taken: Taken,
}

impl Record {
    pub(super) fn new(fields: Map<String, Value>) -> Self {
        Self { fields, problems: Vec::new(), taken: Taken::new() }
    }

    pub(super) fn problem(&mut self, message: impl Into<String>) {
        self.problems.push(message.into());
    }

    /// Names of the fields that are left.
    pub(super) fn names(&self) -> Vec<&str> {
        self.fields.keys().map(String::as_str).collect()
    }

    /// Takes a field out.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        // Not `remove`, which would change the order of the attributes that stay.
        self.fields.shift_remove(name).filter(|value| !value.is_null())
    }

    /// A field in words, with the column that it was taken from.
    pub(super) fn field(&self, name: &str) -> String {
        told(self.taken.iter().find(|(field, _)| *field == name).map(|(_, column)| column.as_str()), name)
    }

    pub(super) fn mistyped(&mut self, name: &str, expected: &str, found: &Value) {
        self.problem(format!("{}: expected {expected}, found {}", self.field(name), describe(found)));
    }

    pub(super) fn string(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            other => {
                self.mistyped(name, "a string", &other);
                None
            }
        }
    }

    /// A string that must be there and not be empty.
    pub(super) fn required(&mut self, name: &str) -> Option<String> {
        let known = self.problems.len();
        let text = self.string(name);
        match &text {
            Some(text) if text.is_empty() => self.problem(format!("field `{name}` is empty: expected a string")),
            None if self.problems.len() == known => self.problem(format!("field `{name}` is missing")),
            _ => return text,
        }
        None
    }

    pub(super) fn flag(&mut self, name: &str) -> bool {
        match self.take(name) {
            None => false,
            Some(Value::Bool(flag)) => flag,
            Some(other) => {
                self.mistyped(name, "true or false", &other);
                false
            }
        }
    }

    pub(super) fn split(&mut self) -> Option<Split> {
        let name = self.string("split")?;
        let split = split(&name);
        if split.is_none() {
            self.problem(format!("field `split`: found {}, expected {SPLITS}", excerpt(&name)));
        }
        split
    }

    /// What is left: fields that the format does not know.
    pub(super) fn rest(self) -> Map<String, Value> {
        self.fields
    }
}

pub(super) const SPLITS: &str = "train, validation (or valid, val, dev) or test";

pub(super) fn split(name: &str) -> Option<Split> {
    match name {
        "train" => Some(Split::Train),
        "validation" | "valid" | "val" | "dev" => Some(Split::Validation),
        "test" => Some(Split::Test),
        _ => None,
    }
}

/// A field in words: by the name that its column has, where that is another one.
pub(super) fn told(column: Option<&str>, field: &str) -> String {
    match column {
        Some(column) => format!("column `{column}`, taken as `{field}`"),
        None => format!("field `{field}`"),
    }
}

/// A value in words: its type, and itself where it is short.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(flag) => format!("the boolean {flag}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the string {}", excerpt(text)),
        Value::Array(values) => format!("an array of {}", values.len()),
        Value::Object(_) => "an object".into(),
    }
}

/// Text between quotes, cut where it is long.
pub(super) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}
