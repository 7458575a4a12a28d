//! Writing datasets.

mod csv;
mod folder;
mod parquet;
mod picture;
mod plan;
mod row;
mod webdataset;

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Map, Value};

pub(crate) use self::folder::convert;
pub(super) use self::plan::REST;
use crate::whole::{Wrong, write_file};
use crate::{Dataset, Error, Result};

type Row = Map<String, Value>;

/// Writes the tables as JSON lines; pictures and arrays are the caller's.
pub(crate) fn write(dataset: &Dataset, dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir).map_err(|e| Error::io(dir, e))?;
    for table in ["items", "relations", "edges"] {
        for ending in ["jsonl.zst", "csv", "parquet"] {
            let other = dir.join(format!("{table}.{ending}"));
            if other.exists() {
                let message =
                    format!("{}: remove it first; {table}.jsonl beside it would be ambiguous", other.display());
                return Err(Error::input(message));
            }
        }
    }
    // Made before anything is written: a folder that could not be read back is left as it was.
    let items = dataset.items.iter().map(row::item).collect::<Result<Vec<_>>>()?;
    let relations = dataset.relations.iter().map(row::relation).collect::<Result<Vec<_>>>()?;
    let info = toml::to_string_pretty(&dataset.info).map_err(|e| Error::input(format!("dataset.toml: {e}")))?;
    lines(&dir.join("items.jsonl"), items.into_iter().map(Ok))?;
    lines(&dir.join("relations.jsonl"), relations.into_iter().map(Ok))?;
    lines(&dir.join("edges.jsonl"), dataset.edges.iter().map(|e| row::edge(dataset, e)))?;
    write_file(&dir.join(super::info::FILE), |file| Ok(file.write_all(info.as_bytes())?))
}

/// Writes one object a line.
fn lines(path: &Path, rows: impl Iterator<Item = Result<Row>>) -> Result<()> {
    write_file(path, |file| write_lines(file, rows))
}

fn write_lines(file: &mut impl Write, rows: impl Iterator<Item = Result<Row>>) -> Result<(), Wrong> {
    for row in rows {
        serde_json::to_writer(&mut *file, &row?).map_err(io::Error::from)?;
        file.write_all(b"\n")?;
    }
    Ok(())
}
