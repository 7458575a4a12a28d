//! The wanted fields of a JSON object; what else it holds is skipped unread.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::Column;

/// The cells of a line, in the order of the columns. Notes which columns it has.
pub(super) fn cells(line: &[u8], columns: &[Column], seen: &[AtomicBool]) -> Result<Vec<Value>, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    let cells = Projection { columns, seen }.deserialize(&mut deserializer).and_then(|cells| {
        deserializer.end()?;
        Ok(cells)
    });
    cells.map_err(|e| {
        let message = e.to_string();
        let what = message.split(" at line ").next().unwrap_or(&message);
        format!("no JSON object: {what} (column {})", e.column())
    })
}

struct Projection<'a> {
    columns: &'a [Column],
    seen: &'a [AtomicBool],
}

impl Projection<'_> {
    /// Most columns have been seen long ago: a look costs less than a write that all threads wait for.
    fn note(&self, column: usize) {
        if !self.seen[column].load(Ordering::Relaxed) {
            self.seen[column].store(true, Ordering::Relaxed);
        }
    }
}

impl<'de> DeserializeSeed<'de> for Projection<'_> {
    type Value = Vec<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Value>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Projection<'_> {
    type Value = Vec<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object {...}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Value>, A::Error> {
        let mut cells = vec![Value::Null; self.columns.len()];
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            // A column may be asked for twice (an id that serves as text).
            let mut wanted = self.columns.iter().enumerate().filter(|(_, column)| column.name == key).map(|(i, _)| i);
            match wanted.next() {
                None => _ = map.next_value::<IgnoredAny>()?,
                Some(first) => {
                    cells[first] = map.next_value()?;
                    self.note(first);
                    let value = cells[first].clone();
                    wanted.for_each(|other| {
                        cells[other] = value.clone();
                        self.note(other);
                    });
                }
            }
        }
        Ok(cells)
    }
}
