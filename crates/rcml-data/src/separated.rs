//! Records of separated values, with the lines that they begin in.

use std::io::{self, BufRead};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::lines::BOM;

/// A record: its cells, without their quotes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    /// The line that it begins in, counted from 1.
    pub(crate) line: usize,
    bytes: Vec<u8>,
    /// Where each cell ends.
    ends: Vec<usize>,
}

impl Record {
    /// Number of cells.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A cell.
    pub(crate) fn get(&self, at: usize) -> Option<&[u8]> {
        let end = *self.ends.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.bytes.get(start..end)
    }

    /// The cells.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|at| self.get(at))
    }
}

/// Why there are no more records.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The stream cannot be read from this line on.
    At(usize, io::Error),
    /// A quote opens in this line and is closed nowhere: what follows would all be one cell.
    Open(usize),
}

impl Broken {
    /// The line, and what is wrong with it.
    pub(crate) fn told(&self) -> (usize, String) {
        match self {
            Self::At(line, error) => (*line, format!("cannot be read from here on: {error}")),
            Self::Open(line) => (*line, "the quote that opens here is never closed".to_owned()),
        }
    }
}

/// The records of a stream. Blank lines are passed over.
pub(crate) struct Records<R> {
    stream: R,
    reader: Reader,
    /// The line of the next byte.
    line: usize,
}

impl<R: BufRead> Records<R> {
    /// Of a stream from its beginning; the mark before UTF-8 is passed over.
    pub(crate) fn new(mut stream: R, separator: u8) -> Result<Self, Broken> {
        // Programs write the mark with what follows it, so that it is never cut in two.
        if stream.fill_buf().map_err(|e| Broken::At(1, e))?.starts_with(BOM) {
            stream.consume(BOM.len());
        }
        Ok(Self { stream, reader: ReaderBuilder::new().delimiter(separator).build(), line: 1 })
    }

    /// The next record; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Record>, Broken> {
        if !self.skip_blank()? {
            return Ok(None);
        }
        let mut record = Record { line: self.line, ..Record::default() };
        let mut written = Written { bytes: vec![0; 64], ends: vec![0; 16], at: 0, cells: 0 };
        loop {
            let input = self.stream.fill_buf().map_err(|e| Broken::At(self.line, e))?;
            let at_end = input.is_empty();
            // The last line need not end in a newline. If it does not end with one either, its quote is still open.
            let input = if at_end { b"\n" } else { input };
            let (result, read) = written.take(&mut self.reader, input);
            self.line += newlines(&input[..read]);
            if !at_end {
                self.stream.consume(read);
            }
            match result {
                ReadRecordResult::Record | ReadRecordResult::End => {
                    written.bytes.truncate(written.at);
                    written.ends.truncate(written.cells);
                    (record.bytes, record.ends) = (written.bytes, written.ends);
                    return Ok(Some(record));
                }
                ReadRecordResult::InputEmpty if at_end => {
                    // The cells before the open one are whole, and hold as many newlines as were read.
                    let before = written.cells.checked_sub(1).map_or(0, |last| written.ends[last]);
                    return Err(Broken::Open(record.line + newlines(&written.bytes[..before])));
                }
                _ => {}
            }
        }
    }

    /// Whether there is a record behind the blank lines.
    fn skip_blank(&mut self) -> Result<bool, Broken> {
        loop {
            let input = self.stream.fill_buf().map_err(|e| Broken::At(self.line, e))?;
            let blank = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            self.line += newlines(&input[..blank]);
            let (found, end) = (blank < input.len(), input.is_empty());
            self.stream.consume(blank);
            if found || end {
                return Ok(found);
            }
        }
    }
}

/// The cells of a record so far.
struct Written {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    at: usize,
    cells: usize,
}

impl Written {
    /// Takes as much of the input as belongs to the record, with room for all of it.
    fn take(&mut self, reader: &mut Reader, input: &[u8]) -> (ReadRecordResult, usize) {
        let mut read = 0;
        loop {
            let (result, taken, bytes, cells) =
                reader.read_record(&input[read..], &mut self.bytes[self.at..], &mut self.ends[self.cells..]);
            (read, self.at, self.cells) = (read + taken, self.at + bytes, self.cells + cells);
            match result {
                ReadRecordResult::OutputFull => self.bytes.resize(2 * self.bytes.len(), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                other => return (other, read),
            }
        }
    }
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte == b'\n').count()
}

/// Whether a text begins with the mark of UTF-16, which has a zero beside every letter.
pub(crate) fn is_utf16(start: &[u8]) -> bool {
    matches!(start, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines and cells, read with a buffer of every size.
    fn all(text: &str) -> Result<Vec<(usize, Vec<String>)>, String> {
        let read = |size| {
            let stream = io::BufReader::with_capacity(size, text.as_bytes());
            let mut records = Records::new(stream, b',').map_err(|broken| format!("{:?}", broken.told()))?;
            let mut found = Vec::new();
            while let Some(record) = records.next().map_err(|broken| format!("{:?}", broken.told()))? {
                let cells = record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
                found.push((record.line, cells));
            }
            Ok(found)
        };
        let whole = read(1 << 16);
        (3..9).for_each(|size| assert_eq!(read(size), whole, "{text:?} in pieces of {size}"));
        whole
    }

    fn lines(text: &str) -> Vec<usize> {
        all(text).unwrap().into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn records_know_their_lines_whatever_ends_them() {
        assert_eq!(
            all("\u{feff}a,b\r\n\r\n1,\"x\ny \"\"z\"\"\"\n\n\n2,").unwrap(),
            [
                (1, vec!["a".to_owned(), "b".into()]),
                (3, vec!["1".into(), "x\ny \"z\"".into()]),
                (7, vec!["2".into(), String::new()]),
            ]
        );
        assert_eq!(lines("a\n\nb\n"), [1, 3]);
        assert_eq!(lines("\n\r\na\r\nb\r\n\r\n"), [3, 4]);
        assert!(lines("").is_empty() && lines("\n\n").is_empty());
        // A long record needs more room than a record has at first.
        let long = format!("{},{}", "x".repeat(500), "y,".repeat(60));
        assert_eq!(all(&long).unwrap()[0].1.len(), 62);
    }

    #[test]
    fn an_open_quote_is_told_from_a_last_line_without_a_newline() {
        for closed in ["a,\"b\"", "a,\"b\"\n", "a,\"b\"\"\"", "a,b\"", "a,6\" pipe", "a,\"\"", "\"a\nb\""] {
            assert!(all(closed).is_ok(), "{closed:?}: {:?}", all(closed));
        }
        for (open, line) in
            [("a,b\n1,\"x\n2,y\n3,z\n", 2), ("a,\"", 1), ("a\n\"b\"\"", 2), ("a,b\n\n\"1\n2\",\"x\n", 4), ("\"a", 1)]
        {
            let message = all(open).unwrap_err();
            assert!(message.contains("never closed") && message.contains(&format!("({line},")), "{open:?}: {message}");
        }
    }
}
