//! What the columns of a table that was made for something else were taken for.

use std::fmt;

/// Which columns were taken for which fields, and what became of the others. Empty where the format's own names stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TakenColumns {
    /// (field, column), each pair once.
    pairs: Vec<(&'static str, String)>,
    /// Columns that are attributes.
    attributes: Vec<String>,
    /// The first of the ids that were made because no column has any.
    made_id: Option<String>,
    /// Columns that could have been ids, and why they are none.
    no_ids: Vec<String>,
}

/// The fields in the order of telling.
const FIELDS: [&str; 3] = ["id", "text", "image"];
/// Attributes that are named before the rest is counted.
const NAMED: usize = 12;

impl TakenColumns {
    /// Notes that a field was read from a column.
    pub(crate) fn take(&mut self, field: &'static str, column: &str) {
        if !self.pairs.iter().any(|(of, known)| *of == field && known == column) {
            self.pairs.push((field, column.to_owned()));
        }
    }

    /// Notes a column that is an attribute.
    pub(crate) fn keep(&mut self, column: &str) {
        let is_known = self.attributes.iter().chain(self.pairs.iter().map(|(_, of)| of)).any(|known| known == column);
        if !is_known {
            self.attributes.push(column.to_owned());
        }
    }

    /// The column that a field was taken from, where it is one for all rows.
    pub(crate) fn of(&self, field: &str) -> Option<&str> {
        let mut columns = self.pairs.iter().filter(|(of, _)| *of == field).map(|(_, column)| column.as_str());
        columns.next().filter(|_| columns.next().is_none())
    }

    /// Notes that ids were made, as this one.
    pub(crate) fn make_ids(&mut self, first: &str) {
        self.made_id = Some(first.to_owned());
    }

    /// Notes why a column is no id.
    pub(crate) fn refuse_id(&mut self, why: String) {
        self.no_ids.push(why);
    }

    /// Whether every field was read from the column of its own name.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty() && self.no_ids.is_empty() && self.made_id.is_none()
    }
}

/// "object_number as id, title and description as text, photo as image; other columns are attributes: artist, year"
impl fmt::Display for TakenColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return Ok(());
        }
        let mut told = Vec::new();
        for field in FIELDS {
            let columns: Vec<&str> =
                self.pairs.iter().filter(|(of, _)| *of == field).map(|(_, column)| column.as_str()).collect();
            match (&self.made_id, columns.as_slice()) {
                (Some(id), []) if field == "id" => {
                    told.push(format!("no column as id (the first item is called {id})"))
                }
                (_, []) => {}
                (_, columns) => told.push(format!("{} as {field}", columns.join(" and "))),
            }
        }
        write!(f, "{}", told.join(", "))?;
        if !self.attributes.is_empty() {
            let named = &self.attributes[..self.attributes.len().min(NAMED)];
            write!(f, "; other columns are attributes: {}", named.join(", "))?;
            let more = self.attributes.len() - named.len();
            if more > 0 {
                write!(f, " and {more} more")?;
            }
        }
        self.no_ids.iter().try_for_each(|why| write!(f, "; {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_fields_then_attributes() {
        let mut columns = TakenColumns::default();
        assert!(columns.is_empty() && columns.to_string().is_empty());
        for (field, column) in [("text", "title"), ("text", "description"), ("id", "sku"), ("text", "title")] {
            columns.take(field, column);
        }
        ["title", "year", "year", "maker"].iter().for_each(|column| columns.keep(column));
        let expected = "sku as id, title and description as text; other columns are attributes: year, maker";
        assert_eq!(columns.to_string(), expected);
        (0..20).for_each(|number| columns.keep(&number.to_string()));
        assert!(columns.to_string().ends_with("8, 9 and 10 more"), "{columns}");
    }
}
