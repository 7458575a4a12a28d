//! One table for people and programs.

use std::fmt;

use serde_json::{Map, Value};

/// Rows of text under named columns. Displayed, it is Markdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(columns: &[&str]) -> Self {
        Self { columns: columns.iter().map(ToString::to_string).collect(), rows: Vec::new() }
    }

    /// Adds a row; cells that are missing are empty.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let mut row: Vec<String> = cells.into_iter().map(Into::into).collect();
        row.resize(self.columns.len(), String::new());
        self.rows.push(row);
    }

    /// The rows as objects.
    pub fn to_json(&self) -> Value {
        let object = |row: &Vec<String>| {
            let fields = self.columns.iter().zip(row).map(|(name, cell)| (name.clone(), cell.clone().into()));
            Value::Object(Map::from_iter(fields))
        };
        Value::Array(self.rows.iter().map(object).collect())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} |", self.columns.join(" | "))?;
        writeln!(f, "|{}", "---|".repeat(self.columns.len()))?;
        self.rows.iter().try_for_each(|row| writeln!(f, "| {} |", row.join(" | ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_row_is_filled_up() {
        let mut table = Table::new(&["a", "b"]);
        table.row(["1"]);
        assert_eq!(table.to_string(), "| a | b |\n|---|---|\n| 1 |  |\n");
        assert_eq!(table.to_json(), serde_json::json!([{"a": "1", "b": ""}]));
    }
}
