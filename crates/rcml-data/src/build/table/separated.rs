//! Separated values with a header line, compressed or not.

use std::io::Read;
use std::path::Path;

use csv::{ByteRecord, Reader, ReaderBuilder};
use rayon::prelude::*;
use serde_json::Value;

use super::{Column, lines, positions};
use crate::{Error, Problem, Result};

/// Rows parsed at a time.
const CHUNK: usize = 1 << 16;

pub(super) fn each<T: Send>(
    path: &Path,
    columns: &[Column],
    parse: &(impl Fn(&mut [Value]) -> T + Sync),
    sink: &mut impl FnMut(usize, Result<T, String>) -> Result<()>,
) -> Result<()> {
    let broken = |line, e: &csv::Error| broken(path, line, e);
    let mut reader = reader(path)?;
    let header = first(path, &mut reader)?;
    let mut record = ByteRecord::new();
    let positions = positions(path, columns, &header)?;
    loop {
        let mut rows = Vec::with_capacity(CHUNK);
        while rows.len() < CHUNK {
            let line = reader.position().line();
            if !reader.read_byte_record(&mut record).map_err(|e| broken(line, &e))? {
                break;
            }
            rows.push((record.position().map_or(line, csv::Position::line) as usize, record.clone()));
        }
        if rows.is_empty() {
            return Ok(());
        }
        let cells = |record: &ByteRecord| {
            if record.len() != header.len() {
                return Err(format!("found {} cells, expected {} as in the header", record.len(), header.len()));
            }
            let cell = |at: &Option<usize>| match at.and_then(|at| record.get(at)) {
                None | Some([]) => Ok(Value::Null),
                Some(bytes) => std::str::from_utf8(bytes).map(Value::from),
            };
            let mut cells: Vec<Value> =
                positions.iter().map(cell).collect::<Result<_, _>>().map_err(|_| "is not UTF-8".to_owned())?;
            Ok(parse(&mut cells))
        };
        let parsed: Vec<(usize, Result<T, String>)> =
            rows.par_iter().map(|(line, record)| (*line, cells(record))).collect();
        for (line, row) in parsed {
            sink(line, row)?;
        }
    }
}

/// The names of the columns.
pub(super) fn header(path: &Path) -> Result<Vec<String>> {
    first(path, &mut reader(path)?)
}

fn reader(path: &Path) -> Result<Reader<Box<dyn Read>>> {
    let file: Box<dyn Read> = Box::new(lines::open(path)?);
    Ok(ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter(path)?).from_reader(file))
}

/// The header, which comes first.
fn first(path: &Path, reader: &mut Reader<Box<dyn Read>>) -> Result<Vec<String>> {
    let mut record = ByteRecord::new();
    if !reader.read_byte_record(&mut record).map_err(|e| broken(path, 1, &e))? {
        return Err(Error::problems(vec![Problem::at(path, 1, "is empty: expected a header line")]));
    }
    let name = |cell| String::from_utf8_lossy(cell).trim_start_matches('\u{feff}').trim().to_owned();
    Ok(record.iter().map(name).collect())
}

fn broken(path: &Path, line: u64, e: &csv::Error) -> Error {
    Error::problems(vec![Problem::at(path, line as usize, format!("cannot be read from here on: {e}"))])
}

/// The separator that the header has most of; a comma where it has none.
fn delimiter(path: &Path) -> Result<u8> {
    let mut start = Vec::new();
    lines::open(path)?.take(1 << 16).read_to_end(&mut start).map_err(|e| Error::io(path, e))?;
    let header = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| header.iter().filter(|&&byte| byte == delimiter).count();
    Ok([b'|', b';', b'\t', b','].into_iter().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b','))
}
