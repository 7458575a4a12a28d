//! Lines of a stream, parsed in parallel and handed on in order.

use std::io::{self, Read};

use rayon::prelude::*;

/// Bytes parsed at a time: many lines for every thread, small beside what they turn into.
const CHUNK: usize = 8 << 20;

/// The mark that some programs put before UTF-8.
pub(crate) const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Why a stream was not read to its end.
pub(crate) enum Stopped<E> {
    /// It cannot be read from this line on.
    At(usize, io::Error),
    /// `sink` said so.
    Sink(E),
}

/// Parses the lines that are not blank and hands them on with their numbers, counted from 1. What was read before a failure
/// (of a damaged archive, say) is handed on all the same, but for the line that the failure cut.
pub(crate) fn each<T: Send, E>(
    mut file: impl Read,
    parse: impl Fn(&[u8]) -> T + Sync,
    mut sink: impl FnMut(usize, T) -> Result<(), E>,
) -> Result<(), Stopped<E>> {
    let mut buffer = Vec::new();
    let (mut next_line, mut wanted) = (1, CHUNK);
    loop {
        let had = buffer.len();
        let outcome = file.by_ref().take((wanted - had) as u64).read_to_end(&mut buffer);
        let end = !matches!(outcome, Ok(n) if had + n == wanted);
        if next_line == 1 && buffer.starts_with(BOM) {
            buffer.drain(..BOM.len());
        }
        let whole = match buffer.iter().rposition(|&byte| byte == b'\n') {
            _ if end && outcome.is_ok() => buffer.len(),
            Some(newline) => newline + 1,
            None if end => 0,
            None => {
                wanted += CHUNK;
                continue;
            }
        };
        let lines: Vec<&[u8]> = buffer[..whole].split_inclusive(|&byte| byte == b'\n').collect();
        let parsed: Vec<Option<T>> = lines
            .par_iter()
            .map(|line| line.trim_ascii())
            .map(|line| (!line.is_empty()).then(|| parse(line)))
            .collect();
        let count = lines.len();
        for (result, line) in parsed.into_iter().zip(next_line..) {
            if let Some(result) = result {
                sink(line, result).map_err(Stopped::Sink)?;
            }
        }
        next_line += count;
        buffer.drain(..whole);
        if end {
            return outcome.map(|_| ()).map_err(|error| Stopped::At(next_line, error));
        }
        wanted = buffer.len() + CHUNK;
    }
}
