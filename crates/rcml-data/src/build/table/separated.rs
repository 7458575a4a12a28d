//! Separated values with a header line, compressed or not.

use std::io::{BufReader, Read};
use std::path::Path;

use rayon::prelude::*;
use serde_json::Value;

use super::{Column, lines, positions};
use crate::separated::{Broken, Record, Records, is_utf16};
use crate::{Error, Problem, Result};

/// A file, unpacked.
type Stream = BufReader<Box<dyn Read + Send>>;

/// Rows parsed at a time.
const CHUNK: usize = 1 << 16;

/// Bytes that are looked at for the separator.
const START: u64 = 1 << 16;

pub(super) fn each<T: Send>(
    path: &Path,
    columns: &[Column],
    parse: &(impl Fn(&mut [Value]) -> T + Sync),
    sink: &mut impl FnMut(usize, Result<T, String>) -> Result<()>,
) -> Result<()> {
    let (mut records, header) = open(path)?;
    let positions = positions(path, columns, &header)?;
    loop {
        let (mut rows, mut end) = (Vec::with_capacity(CHUNK), None);
        while rows.len() < CHUNK && end.is_none() {
            match records.next() {
                Ok(Some(record)) => rows.push(record),
                Ok(None) => end = Some(Ok(())),
                Err(e) => end = Some(Err(broken(path, &e))),
            }
        }
        let cells = |record: &Record| {
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
            rows.par_iter().map(|record| (record.line, cells(record))).collect();
        for (line, row) in parsed {
            sink(line, row)?;
        }
        if let Some(end) = end {
            return end;
        }
    }
}

/// The names of the columns.
pub(super) fn header(path: &Path) -> Result<Vec<String>> {
    Ok(open(path)?.1)
}

/// The records behind the header, and the names in it.
fn open(path: &Path) -> Result<(Records<Stream>, Vec<String>)> {
    let mut start = Vec::new();
    lines::open(path)?.take(START).read_to_end(&mut start).map_err(|e| broken(path, &Broken::At(1, e)))?;
    if is_utf16(&start) {
        return Err(Error::problems(vec![Problem::at(path, 1, "is UTF-16 text: expected UTF-8")]));
    }
    let stream = BufReader::with_capacity(1 << 16, lines::open(path)?);
    let mut records = Records::new(stream, separator(&start)).map_err(|e| broken(path, &e))?;
    let Some(header) = records.next().map_err(|e| broken(path, &e))? else {
        return Err(Error::problems(vec![Problem::at(path, 1, "is empty: expected a header line")]));
    };
    let name = |cell: &[u8]| String::from_utf8_lossy(cell).trim().to_owned();
    let names = header.iter().map(name).collect();
    Ok((records, names))
}

fn broken(path: &Path, broken: &Broken) -> Error {
    let (line, message) = broken.told();
    Error::problems(vec![Problem::at(path, line, message)])
}

/// The separator that the header has most of; a comma where it has none.
fn separator(start: &[u8]) -> u8 {
    let header = start.split(|&byte| byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let count = |separator: u8| header.iter().filter(|&&byte| byte == separator).count();
    [b'|', b';', b'\t', b','].into_iter().max_by_key(|&separator| count(separator)).unwrap_or(b',')
}
