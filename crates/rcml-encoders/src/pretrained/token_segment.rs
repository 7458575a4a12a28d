//! A file of token states: written once, memory-mapped ever after.

use std::fs::File;
use std::io::{Cursor, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use half::f16;
use memmap2::Mmap;
use safetensors::SafeTensors;
use serde_json::json;

use super::token_cache::Precision;
use crate::Result;
use crate::error::ErrorKind;

/// Token states of N contents. It is a safetensors file of four tensors: `hashes` (of the contents, 16 bytes each), `offsets` (N + 1
/// positions in tokens), `values` (all tokens, one after another) and `present` (whether the content could be encoded).
#[derive(Debug)]
pub(super) struct Segment {
    bytes: Bytes,
    /// Contents that could be encoded, and where they stand.
    hashes: Vec<Option<u128>>,
    /// N + 1.
    offsets: Vec<u64>,
    /// Where the values begin.
    begin: usize,
    /// Bytes of a token.
    token: usize,
}

#[derive(Debug)]
enum Bytes {
    Map(Mmap),
    Memory(Vec<u8>),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Map(map) => map,
            Self::Memory(bytes) => bytes,
        }
    }
}

impl Segment {
    /// Opens a file; `None` where there is none, or it is not whole, or of another width or precision.
    pub(super) fn open(path: &Path, width: usize, precision: Precision) -> Option<Self> {
        let file = File::open(path).ok()?;
        // SAFETY: read only; files of this folder are written under another name and renamed when they are whole.
        #[allow(unsafe_code, reason = "memory-mapping is unsafe by nature")]
        let map = unsafe { Mmap::map(&file) }.ok()?;
        Self::read(Bytes::Map(map), width, precision)
    }

    fn read(bytes: Bytes, width: usize, precision: Precision) -> Option<Self> {
        let (header, metadata) = SafeTensors::read_metadata(&bytes).ok()?;
        let begin = 8 + header;
        let part = |name: &str, shape: &[usize]| {
            let info = metadata.info(name).filter(|info| info.shape == shape)?;
            bytes.get(begin + info.data_offsets.0..begin + info.data_offsets.1)
        };
        let n = metadata.info("present")?.shape.first().copied()?;
        let present = part("present", &[n])?;
        let hashes = part("hashes", &[n, 16])?.as_chunks().0.iter().map(|hash| u128::from_le_bytes(*hash));
        let hashes = hashes.zip(present).map(|(hash, present)| (*present == 1).then_some(hash)).collect();
        let offsets: Vec<u64> =
            part("offsets", &[n + 1])?.as_chunks().0.iter().map(|offset| u64::from_le_bytes(*offset)).collect();
        let tokens = offsets.last().copied().unwrap_or(0) as usize;
        part("values", &[tokens, width])?;
        let values = metadata.info("values")?;
        let whole = values.dtype == precision.dtype() && offsets.windows(2).all(|pair| pair[0] <= pair[1]);
        let begin = begin + values.data_offsets.0;
        whole.then_some(Self { bytes, hashes, offsets, begin, token: width * precision.bytes() })
    }

    /// Contents and their rows.
    pub(super) fn contents(&self) -> impl Iterator<Item = (u128, u32)> {
        self.hashes.iter().zip(0u32..).filter_map(|(hash, row)| Some(((*hash)?, row)))
    }

    /// The bytes of a row's values.
    pub(super) fn row(&self, row: usize) -> &[u8] {
        let (Some(start), Some(end)) = (self.offsets.get(row), self.offsets.get(row + 1)) else { return &[] };
        let place = |token: u64| self.begin + token as usize * self.token;
        self.bytes.get(place(*start)..place(*end)).unwrap_or_default()
    }
}

/// A segment while it is being written.
#[derive(Debug)]
pub struct TokenWriter {
    sink: Sink,
    path: PathBuf,
    offsets: Vec<u64>,
    present: Vec<u8>,
    begin: u64,
    width: usize,
    precision: Precision,
}

#[derive(Debug)]
enum Sink {
    File(File),
    Memory(Cursor<Vec<u8>>),
}

impl Sink {
    fn put(&mut self, place: u64, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::File(file) => file.seek(SeekFrom::Start(place)).and_then(|_| file.write_all(bytes)),
            Self::Memory(memory) => {
                memory.set_position(place);
                memory.write_all(bytes)
            }
        }
    }

    /// Gives the file its whole size at once: a disk that is full is noticed before anything is computed.
    fn resize(&mut self, size: u64) -> std::io::Result<()> {
        match self {
            Self::File(file) => file.set_len(size),
            Self::Memory(memory) => {
                memory.get_mut().resize(size as usize, 0);
                Ok(())
            }
        }
    }
}

impl TokenWriter {
    /// Begins a segment of contents with so many tokens each: a file, or memory alone.
    pub(super) fn begin(
        path: Option<&Path>,
        contents: &[(u128, usize)],
        width: usize,
        precision: Precision,
    ) -> Result<Self> {
        let mut offsets = vec![0u64];
        offsets.extend(contents.iter().scan(0u64, |end, (_, length)| {
            *end += *length as u64;
            Some(*end)
        }));
        let (n, tokens) = (contents.len() as u64, offsets.last().copied().unwrap_or(0));
        let mut end = 0;
        let mut place = |bytes: u64| {
            end += bytes;
            [end - bytes, end]
        };
        let header = json!({
            "hashes": {"dtype": "U8", "shape": [n, 16], "data_offsets": place(16 * n)},
            "offsets": {"dtype": "I64", "shape": [n + 1], "data_offsets": place(8 * (n + 1))},
            "values": {"dtype": precision.dtype(), "shape": [tokens, width],
                       "data_offsets": place(tokens * (width * precision.bytes()) as u64)},
            "present": {"dtype": "U8", "shape": [n], "data_offsets": place(n)},
        });
        let mut header = header.to_string().into_bytes();
        header.resize(header.len().next_multiple_of(8), b' ');
        let mut head = (header.len() as u64).to_le_bytes().to_vec();
        head.extend(header);
        let size = head.len() as u64 + end;
        head.extend(contents.iter().flat_map(|(hash, _)| hash.to_le_bytes()));
        head.extend(offsets.iter().flat_map(|offset| offset.to_le_bytes()));
        let named = path.unwrap_or(Path::new("the token cache in memory")).to_path_buf();
        let fail = |error: std::io::Error| ErrorKind::File { path: named.clone(), message: error.to_string() };
        let mut sink = match path {
            Some(path) => Sink::File(File::create(path).map_err(fail)?),
            None => Sink::Memory(Cursor::default()),
        };
        sink.resize(size).and_then(|()| sink.put(0, &head)).map_err(fail)?;
        let (present, begin) = (vec![0; contents.len()], head.len() as u64);
        Ok(Self { sink, path: named, offsets, present, begin, width, precision })
    }

    /// Puts the tokens of a content, as many as its length says. Values beyond the range of f16 are cut to it.
    ///
    /// # Errors
    /// The file system's; another number of values.
    pub fn put(&mut self, content: usize, values: &[f32]) -> Result<()> {
        let fail = |message: String| ErrorKind::File { path: self.path.clone(), message };
        let expected = (self.offsets[content + 1] - self.offsets[content]) as usize * self.width;
        if values.len() != expected {
            return Err(fail(format!("content {content}: expected {expected} values, found {}", values.len())).into());
        }
        let limit = f16::MAX.to_f32();
        let half = |value: &f32| f16::from_f32(value.clamp(-limit, limit)).to_le_bytes();
        let bytes: Vec<u8> = match self.precision {
            Precision::F16 => values.iter().flat_map(half).collect(),
            Precision::F32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        };
        let place = self.begin + self.offsets[content] * (self.width * self.precision.bytes()) as u64;
        self.sink.put(place, &bytes).map_err(|error| fail(error.to_string()))?;
        self.present[content] = 1;
        Ok(())
    }

    /// Ends the segment; one in memory is given back.
    pub(super) fn end(mut self) -> Result<Option<Segment>> {
        let fail = |error: std::io::Error| ErrorKind::File { path: self.path.clone(), message: error.to_string() };
        let tokens = self.offsets.last().copied().unwrap_or(0);
        let place = self.begin + tokens * (self.width * self.precision.bytes()) as u64;
        self.sink.put(place, &self.present).map_err(fail)?;
        match self.sink {
            Sink::File(file) => file.sync_all().map_err(fail).map(|()| None).map_err(Into::into),
            Sink::Memory(memory) => Ok(Segment::read(Bytes::Memory(memory.into_inner()), self.width, self.precision)),
        }
    }
}
