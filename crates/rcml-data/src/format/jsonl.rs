//! A line that is a JSON object.

use serde_json::{Map, Value};

use super::record::{describe, excerpt};

/// The fields of a line, or what is wrong with it.
pub(super) fn fields(line: &[u8]) -> Result<Map<String, Value>, String> {
    let text = std::str::from_utf8(line).map_err(|e| {
        let at = e.valid_up_to();
        format!("column {}: found the byte 0x{:02X}, expected UTF-8", at + 1, line[at])
    })?;
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(other) => Err(format!("expected an object {{...}}, found {}", describe(&other))),
        Err(_) if matches!(text.trim(), "{" | "[" | "[{") => {
            Err(format!("expected a whole object on one line, found {}", excerpt(text.trim())))
        }
        Err(e) => {
            let column = e.column();
            let message = e.to_string();
            let what = message.split(" at line ").next().unwrap_or(&message);
            let before = text.get(..column.min(text.len())).unwrap_or(text);
            let tail: String = before.chars().rev().take(30).collect::<Vec<_>>().into_iter().rev().collect();
            Err(format!("broken JSON at column {column}: {what}, found ...{}", excerpt(&tail)))
        }
    }
}
