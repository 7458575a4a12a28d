//! Writing datasets.

mod csv;
mod folder;
mod parquet;
mod picture;
mod plan;
mod row;
mod webdataset;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::{Map, Value};

pub(crate) use self::folder::convert;
pub(super) use self::plan::REST;
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
    replace(&dir.join(super::info::FILE), |file| Ok(file.write_all(info.as_bytes())?))
}

/// Writes one object a line.
fn lines(path: &Path, rows: impl Iterator<Item = Result<Row>>) -> Result<()> {
    replace(path, |file| write_lines(file, rows))
}

fn write_lines(file: &mut impl Write, rows: impl Iterator<Item = Result<Row>>) -> Result<(), Wrong> {
    for row in rows {
        serde_json::to_writer(&mut *file, &row?).map_err(io::Error::from)?;
        file.write_all(b"\n")?;
    }
    Ok(())
}

/// Why a file could not be written: the file system, or what was to be written.
enum Wrong {
    Io(io::Error),
    Data(Error),
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Self {
        Self::Data(error)
    }
}

/// Writes to a temporary name and renames, so that a reader never sees half a file.
fn replace(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> Result<(), Wrong>) -> Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let write = || -> Result<(), Wrong> {
        let mut file = BufWriter::new(File::create(&temporary)?);
        fill(&mut file)?;
        file.flush()?;
        drop(file);
        Ok(std::fs::rename(&temporary, path)?)
    };
    write().map_err(|wrong| {
        // Best effort: the first failure is the one to report.
        let _ = std::fs::remove_file(&temporary);
        match wrong {
            Wrong::Io(e) => Error::io(path, e),
            Wrong::Data(e) => e,
        }
    })
}
