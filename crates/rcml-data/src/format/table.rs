//! The file of a table, and its rows in order, parsed in parallel.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::csv::{self, Header};
use super::jsonl;
use crate::Problem;

/// The file that holds a table.
pub(super) struct Table {
    /// As the user can open it.
    pub(super) path: PathBuf,
    /// `items`, `relations` or `edges`.
    pub(super) name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Jsonl,
    JsonlZst,
    Csv,
    Parquet,
}

const ENDINGS: [(&str, Kind); 4] =
    [("jsonl", Kind::Jsonl), ("jsonl.zst", Kind::JsonlZst), ("csv", Kind::Csv), ("parquet", Kind::Parquet)];

/// A row as it stands in the file.
pub(super) enum Row<'a> {
    Json(&'a [u8]),
    Cells(&'a Header, &'a ::csv::ByteRecord),
}

impl Row<'_> {
    /// The fields, or what is wrong with the row as a whole.
    pub(super) fn fields(&self) -> Result<Map<String, Value>, String> {
        match self {
            Row::Json(line) => jsonl::fields(line),
            Row::Cells(header, cells) => header.fields(cells),
        }
    }
}

/// Finds the file of a table by its ending. Two files for one table, or one that cannot be read yet, is a problem.
pub(super) fn find(dir: &Path, name: &'static str, problems: &mut Vec<Problem>) -> Option<Table> {
    let path = |ending: &str| dir.join(format!("{name}.{ending}"));
    let mut found = ENDINGS.iter().map(|&(ending, kind)| (path(ending), kind)).filter(|(path, _)| path.exists());
    let (path, kind) = found.next()?;
    if let Some((second, _)) = found.next() {
        let second = second.file_name().unwrap_or_default().to_string_lossy().into_owned();
        problems.push(Problem::of(path, format!("there is {second} as well: expected one file of {name}")));
        return None;
    }
    if kind == Kind::Parquet {
        let message = format!("parquet is not read yet: expected {name}.jsonl, {name}.jsonl.zst or {name}.csv");
        problems.push(Problem::of(path, message));
        return None;
    }
    Some(Table { path, name, kind })
}

impl Table {
    /// Parses the rows in parallel and hands the results to `sink` with their lines, in the order of the file.
    pub(super) fn each<T: Send>(
        &self,
        problems: &mut Vec<Problem>,
        parse: impl Fn(Row<'_>) -> T + Sync,
        mut sink: impl FnMut(usize, T, &mut Vec<Problem>),
    ) {
        let mut line = 0;
        let mut counted = |at, result, problems: &mut Vec<Problem>| {
            line = at;
            sink(at, result, problems);
        };
        let done = match self.kind {
            Kind::Csv => self.open().and_then(|mut file| {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes)?;
                csv::each(&bytes, self, problems, parse, &mut counted);
                Ok(())
            }),
            _ => self.open().and_then(|file| jsonl::each(file, parse, |at, result| counted(at, result, problems))),
        };
        if let Err(e) = done {
            problems.push(Problem::at(&self.path, line + 1, format!("cannot be read from here on: {e}")));
        }
    }

    fn open(&self) -> io::Result<Box<dyn Read>> {
        let file = File::open(&self.path)?;
        Ok(match self.kind {
            Kind::JsonlZst => Box::new(zstd::stream::read::Decoder::new(file)?),
            _ => Box::new(file),
        })
    }
}
