//! Lines of a file, plain or compressed.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::lines::{BOM, Stopped, each};
use crate::{Error, Problem, Result};

/// Opens a file; gzip and Zstandard are told by their first bytes, because downloads lose their endings.
///
/// # Errors
/// The file system's.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read + Send>> {
    let inner = || -> io::Result<Box<dyn Read + Send>> {
        let mut magic = Vec::new();
        File::open(path)?.take(4).read_to_end(&mut magic)?;
        let file = BufReader::with_capacity(1 << 20, File::open(path)?);
        Ok(match magic.as_slice() {
            // Several members may follow each other: concatenated downloads are one file.
            [0x1F, 0x8B, ..] => Box::new(MultiGzDecoder::new(file)),
            [0x28, 0xB5, 0x2F, 0xFD] => Box::new(zstd::stream::read::Decoder::with_buffer(file)?),
            _ => Box::new(file),
        })
    };
    inner().map_err(|e| Error::io(path, e))
}

/// Parses the lines that are not blank and hands them on with their numbers, counted from 1.
///
/// # Errors
/// The file system's, a damaged archive (with the line at which it ends), and the first error of `sink`.
pub(crate) fn each_line<T: Send>(
    path: &Path,
    parse: impl Fn(&[u8]) -> Result<T, String> + Sync,
    sink: impl FnMut(usize, Result<T, String>) -> Result<()>,
) -> Result<()> {
    each(open(path)?, parse, sink).map_err(|stopped| match stopped {
        Stopped::At(line, error) => {
            Error::problems(vec![Problem::at(path, line, format!("cannot be read from here on: {error}"))])
        }
        Stopped::Sink(error) => error,
    })
}

/// The first line that is not blank; empty where there is none.
///
/// # Errors
/// The file system's.
pub(crate) fn first_line(path: &Path) -> Result<Vec<u8>> {
    use std::io::BufRead;
    let mut file = BufReader::new(open(path)?);
    let mut line = Vec::new();
    while file.read_until(b'\n', &mut line).map_err(|e| Error::io(path, e))? > 0 {
        let text = line.trim_ascii();
        let text = text.strip_prefix(BOM).unwrap_or(text);
        if !text.is_empty() {
            return Ok(text.to_vec());
        }
        line.clear();
    }
    Ok(Vec::new())
}
