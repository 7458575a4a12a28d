//! Tables of other people: CSV, JSON lines and Parquet, of which only the columns that are asked for are read.

mod cell;
mod columnar;
mod lines;
mod names;
mod project;
mod separated;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

pub(crate) use self::cell::{number, seconds, text, texts};
pub(crate) use self::lines::{each_line, first_line};
pub(crate) use self::names::{Names, columns};
use crate::{Error, Problem, Result};

/// Seconds since 1970 (UTC) of a date such as 2024-02-29 or 2024-02-29T12:30:00Z, or of a number of seconds.
pub fn read_moment(text: &str) -> Option<i64> {
    seconds(&Value::from(text))
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its name; in JSON, of a field at the top of each object.
    pub(crate) name: String,
    /// Whether a table without it is refused.
    pub(crate) required: bool,
}

impl Column {
    /// A column that must be there.
    pub(crate) fn required(name: impl Into<String>) -> Self {
        Self { name: name.into(), required: true }
    }

    /// A column that may be missing; its cells are then `null`.
    pub(crate) fn optional(name: impl Into<String>) -> Self {
        Self { name: name.into(), required: false }
    }
}

/// Hands the rows of a table on in order: the line (the row's number in Parquet), and what `parse` made of the cells, one
/// per column. A missing cell is `null`. `parse` runs in parallel; the file is never in memory as a whole.
///
/// # Errors
/// A file that cannot be read, an ending that says nothing, a required column that is missing, a row that is no row. The
/// first error of `sink` ends the reading.
pub(crate) fn each_row<T: Send>(
    path: &Path,
    columns: &[Column],
    parse: impl Fn(&mut [Value]) -> T + Sync,
    mut sink: impl FnMut(usize, Result<T, String>) -> Result<()>,
) -> Result<()> {
    match kind(path)? {
        Kind::Csv => separated::each(path, columns, &parse, &mut sink),
        Kind::Parquet => columnar::each(path, columns, &parse, &mut sink),
        Kind::Jsonl => {
            let seen: Vec<AtomicBool> = columns.iter().map(|_| AtomicBool::new(false)).collect();
            let mut lines = 0;
            let parse = |line: &[u8]| {
                let mut cells = project::cells(line, columns, &seen)?;
                Ok(parse(&mut cells))
            };
            each_line(path, parse, |line, row| {
                lines += 1;
                sink(line, row)
            })?;
            // An object may leave a field out. That none of them has it is known at the end alone.
            if lines > 0 && columns.iter().zip(&seen).any(|(c, seen)| c.required && !seen.load(Ordering::Relaxed)) {
                let there = names::header(path)?;
                let absent = columns.iter().zip(&seen).filter(|(_, seen)| !seen.load(Ordering::Relaxed));
                let absent: Vec<Column> = absent.map(|(column, _)| column.clone()).collect();
                positions(path, &absent, &there)?;
            }
            Ok(())
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Csv,
    Jsonl,
    Parquet,
}

fn kind(path: &Path) -> Result<Kind> {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let plain = [".gz", ".zst"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    let ends = |endings: &[&str]| endings.iter().any(|ending| plain.ends_with(ending));
    if ends(&[".csv", ".tsv"]) {
        Ok(Kind::Csv)
    } else if ends(&[".jsonl", ".json", ".ndjson"]) {
        Ok(Kind::Jsonl)
    } else if plain.ends_with(".parquet") {
        Ok(Kind::Parquet)
    } else {
        let message = "the ending does not say what it is: expected .csv, .tsv, .jsonl, .json or .ndjson (each also with \
                       .gz or .zst), or .parquet";
        Err(Error::problems(vec![Problem::of(path, message)]))
    }
}

/// Where each wanted column stands among the columns that there are.
fn positions(path: &Path, columns: &[Column], found: &[String]) -> Result<Vec<Option<usize>>> {
    let mut missing = Vec::new();
    let mut positions = Vec::new();
    for column in columns {
        let at = found.iter().position(|name| *name == column.name);
        if at.is_none() && column.required {
            let there = found.join(", ");
            missing.push(Problem::of(path, format!("has no column {:?}; its columns are {there}", column.name)));
        }
        positions.push(at);
    }
    if missing.is_empty() { Ok(positions) } else { Err(Error::problems(missing)) }
}

/// Rows that could not be used. A log of millions of lines has a few; they are an error unless the user says otherwise.
#[derive(Debug)]
pub(crate) struct BadRows {
    skip: bool,
    problems: Vec<Problem>,
    /// How many there were.
    pub(crate) count: u64,
}

/// Problems that are kept: a file of another shape has one in every line.
const KEPT: usize = 100;

impl BadRows {
    /// Rows are skipped and counted where `skip` says so.
    pub(crate) fn new(skip: bool) -> Self {
        Self { skip, problems: Vec::new(), count: 0 }
    }

    /// Notes a row.
    pub(crate) fn add(&mut self, path: &Path, line: usize, message: impl Into<String>) {
        self.count += 1;
        if self.problems.len() < KEPT {
            self.problems.push(Problem::at(path, line, message));
        }
    }

    /// The end of reading.
    ///
    /// # Errors
    /// The rows, unless they are skipped.
    pub(crate) fn finish(mut self) -> Result<u64> {
        if self.skip || self.count == 0 {
            return Ok(self.count);
        }
        let more = self.count - self.problems.len() as u64;
        if more > 0
            && let Some(last) = self.problems.last_mut()
        {
            last.message.push_str(&format!("\n... and {more} more rows like these"));
        }
        Err(Error::problems(self.problems))
    }
}

/// Reads a list of paths, each of which must be there: a folder stands for the files in it, in the order of their names.
///
/// # Errors
/// A path that does not exist, an empty folder.
pub(crate) fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let metadata = std::fs::metadata(path).map_err(|e| Error::io(path, e))?;
        if !metadata.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut inside = Vec::new();
        for entry in std::fs::read_dir(path).map_err(|e| Error::io(path, e))? {
            let entry = entry.map_err(|e| Error::io(path, e))?.path();
            if entry.is_file() {
                inside.push(entry);
            }
        }
        if inside.is_empty() {
            return Err(Error::input(format!("{}: the folder has no files to read", path.display())));
        }
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
