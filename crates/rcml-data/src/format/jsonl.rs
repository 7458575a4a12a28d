//! One JSON object a line.

use std::io::{self, Read};

use rayon::prelude::*;
use serde_json::{Map, Value};

use super::record::{describe, excerpt};
use super::table::Row;

/// Bytes parsed at a time: many lines for every thread, small beside the dataset they turn into.
const CHUNK: usize = 8 << 20;

pub(super) const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Reads in chunks that end at line ends; blank lines count but are not parsed.
pub(super) fn each<T: Send>(
    mut file: impl Read,
    parse: impl Fn(Row<'_>) -> T + Sync,
    mut sink: impl FnMut(usize, T),
) -> io::Result<()> {
    let mut buffer = Vec::new();
    let (mut next_line, mut wanted) = (1, CHUNK);
    loop {
        let had = buffer.len();
        let outcome = file.by_ref().take((wanted - had) as u64).read_to_end(&mut buffer);
        // What was read before a failure (a damaged archive) is parsed all the same.
        let end = !matches!(outcome, Ok(n) if had + n == wanted);
        if next_line == 1 && buffer.starts_with(BOM) {
            buffer.drain(..BOM.len());
        }
        let whole = match buffer.iter().rposition(|&byte| byte == b'\n') {
            Some(newline) => newline + 1,
            None if end => buffer.len(),
            None => {
                wanted += CHUNK;
                continue;
            }
        };
        let whole = if end && outcome.is_ok() { buffer.len() } else { whole };
        let lines: Vec<&[u8]> = buffer[..whole].split_inclusive(|&byte| byte == b'\n').collect();
        let parsed: Vec<Option<T>> = lines
            .par_iter()
            .map(|line| line.trim_ascii())
            .map(|line| (!line.is_empty()).then(|| parse(Row::Json(line))))
            .collect();
        for (result, line) in parsed.into_iter().zip(next_line..) {
            if let Some(result) = result {
                sink(line, result);
            }
        }
        next_line += lines.len();
        buffer.drain(..whole);
        if end {
            return outcome.map(|_| ());
        }
        wanted = buffer.len() + CHUNK;
    }
}

/// The fields of a line, or what is wrong with it.
pub(super) fn fields(line: &[u8]) -> Result<Map<String, Value>, String> {
    let text = std::str::from_utf8(line).map_err(|e| {
        let at = e.valid_up_to();
        format!("column {}: found the byte 0x{:02X}, expected UTF-8", at + 1, line[at])
    })?;
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(other) => Err(format!("expected an object {{...}}, found {}", describe(&other))),
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
