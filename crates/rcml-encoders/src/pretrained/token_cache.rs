//! Token states of many items on disk: encoded once, read at memory speed.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use half::f16;
use half::slice::HalfFloatSliceExt;
use memmap2::Mmap;
use rayon::prelude::*;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::state_batch::StateBatch;
use crate::Result;
use crate::error::ErrorKind;

/// How cached values are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// Half the room, and about three digits.
    #[default]
    F16,
    /// The encoder's values to the bit.
    F32,
}

impl Precision {
    fn bytes(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
        }
    }
}

/// A file of token states, memory-mapped. It is a safetensors file of three tensors: `offsets` (N + 1 positions in
/// tokens), `values` (all tokens, one after another) and `present` (whether the item could be encoded).
#[derive(Debug)]
pub struct TokenCache {
    map: Mmap,
    /// N + 1.
    offsets: Vec<u64>,
    present: Vec<bool>,
    /// Where the values begin in the file.
    begin: usize,
    width: usize,
    precision: Precision,
}

/// Where cached tokens are kept: the folder that `RCML_CACHE` names, else `rcml/tokens` in the user's cache folder.
pub fn cache_folder() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("RCML_CACHE").unwrap_or_else(|| {
        let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
        cache.or_else(|| variable("LOCALAPPDATA")).unwrap_or_else(std::env::temp_dir).join("rcml").join("tokens")
    })
}

impl TokenCache {
    /// Opens the file of `key` for `items` items of width `width`; `None` where there is none, or it is not whole.
    pub fn open(folder: &Path, key: &str, items: usize, width: usize) -> Option<Self> {
        let file = File::open(path(folder, key)).ok()?;
        // SAFETY: read only; files of this folder are written under another name and renamed when they are whole.
        #[allow(unsafe_code, reason = "memory-mapping is unsafe by nature")]
        let map = unsafe { Mmap::map(&file) }.ok()?;
        let (header, metadata) = SafeTensors::read_metadata(&map).ok()?;
        if metadata.metadata().as_ref()?.get("key")? != key {
            return None;
        }
        let begin = 8 + header;
        let bytes = |name: &str, shape: &[usize]| {
            let info = metadata.info(name).filter(|info| shape.is_empty() || info.shape == shape)?;
            map.get(begin + info.data_offsets.0..begin + info.data_offsets.1)
        };
        let eight = |b: &[u8]| b.try_into().map(u64::from_le_bytes).ok();
        let offsets: Vec<u64> = bytes("offsets", &[items + 1])?.chunks_exact(8).map(eight).collect::<Option<_>>()?;
        let present = bytes("present", &[items])?.iter().map(|value| *value == 1).collect();
        let values = metadata.info("values")?;
        let tokens = offsets.last().copied().unwrap_or(0);
        let ordered = offsets.windows(2).all(|pair| pair[0] <= pair[1]);
        if values.shape != [tokens as usize, width] || !ordered {
            return None;
        }
        let precision = match values.dtype {
            Dtype::F16 => Precision::F16,
            Dtype::F32 => Precision::F32,
            _ => return None,
        };
        let begin = begin + values.data_offsets.0;
        Some(Self { map, offsets, present, begin, width, precision })
    }

    /// Writes the file of `key`: `fill` is handed a writer and puts every item's tokens in it, in any order.
    ///
    /// # Errors
    /// The file system's, or what `fill` says.
    pub fn create<E: From<crate::Error>>(
        folder: &Path,
        key: &str,
        lengths: &[usize],
        width: usize,
        precision: Precision,
        fill: impl FnOnce(&mut TokenWriter) -> Result<(), E>,
    ) -> Result<Self, E> {
        let target = path(folder, key);
        let fail = |path: &Path, message: String| crate::Error::from(ErrorKind::File { path: path.into(), message });
        std::fs::create_dir_all(folder).map_err(|error| fail(folder, error.to_string()))?;
        // Two runs may encode the same items at the same time: each has a file of its own, the last one stays.
        static WRITERS: AtomicUsize = AtomicUsize::new(0);
        let number = WRITERS.fetch_add(1, Ordering::Relaxed);
        let part = Unfinished(folder.join(format!("{key}.{}-{number}.tmp", std::process::id())));
        let mut writer = TokenWriter::begin(&part.0, key, lengths, width, precision)?;
        fill(&mut writer)?;
        writer.end()?;
        std::fs::rename(&part.0, &target).map_err(|error| fail(&target, error.to_string()))?;
        let cache = Self::open(folder, key, lengths.len(), width);
        Ok(cache.ok_or_else(|| fail(&target, "cannot be read back".into()))?)
    }

    /// States of some items.
    pub fn batch(&self, items: &[u32]) -> StateBatch {
        let rows: Vec<&[u8]> = items.iter().map(|item| self.row(*item as usize)).collect();
        let token = self.width * self.precision.bytes();
        let lengths: Vec<usize> = rows.iter().map(|row| row.len() / token.max(1)).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0).max(1);
        let mut values = vec![0.0; items.len() * longest * self.width];
        let out = values.par_chunks_mut((longest * self.width).max(1)).zip(rows);
        out.for_each(|(out, row)| match self.precision {
            Precision::F16 => {
                // Many at a time: the processor has an instruction for eight, and looking it up takes longer than one.
                let mut halves = [f16::ZERO; 512];
                for (out, bytes) in out.chunks_mut(halves.len()).zip(row.chunks(2 * halves.len())) {
                    let halves = &mut halves[..bytes.len() / 2];
                    halves.iter_mut().zip(bytes.as_chunks().0).for_each(|(half, b)| *half = f16::from_le_bytes(*b));
                    halves.convert_to_f32_slice(&mut out[..halves.len()]);
                }
            }
            Precision::F32 => {
                let floats = out.iter_mut().zip(row.as_chunks().0);
                floats.for_each(|(out, bytes)| *out = f32::from_le_bytes(*bytes));
            }
        });
        StateBatch { values, shape: [items.len(), longest, self.width], lengths }
    }

    /// Whether an item has tokens.
    pub fn has(&self, item: u32) -> bool {
        self.present.get(item as usize).copied().unwrap_or(false)
    }

    /// The bytes of an item's values.
    fn row(&self, item: usize) -> &[u8] {
        let (Some(start), Some(end)) = (self.offsets.get(item), self.offsets.get(item + 1)) else { return &[] };
        let place = |token: u64| self.begin + token as usize * self.width * self.precision.bytes();
        self.map.get(place(*start)..place(*end)).unwrap_or_default()
    }
}

/// A file that is removed where it was not renamed: it has its whole size from the beginning.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Nothing is there any more once it was renamed.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn path(folder: &Path, key: &str) -> PathBuf {
    folder.join(format!("{key}.safetensors"))
}

/// A file of token states while it is being written.
#[derive(Debug)]
pub struct TokenWriter {
    file: File,
    path: PathBuf,
    offsets: Vec<u64>,
    present: Vec<u8>,
    begin: u64,
    width: usize,
    precision: Precision,
}

impl TokenWriter {
    fn begin(path: &Path, key: &str, lengths: &[usize], width: usize, precision: Precision) -> Result<Self> {
        let mut offsets = vec![0u64];
        offsets.extend(lengths.iter().scan(0u64, |end, length| {
            *end += *length as u64;
            Some(*end)
        }));
        let tokens = offsets.last().copied().unwrap_or(0);
        let (table, values) = (8 * offsets.len() as u64, tokens * (width * precision.bytes()) as u64);
        let dtype = if precision == Precision::F16 { "F16" } else { "F32" };
        let end = table + values + lengths.len() as u64;
        let header = json!({
            "__metadata__": {"key": key},
            "offsets": {"dtype": "I64", "shape": [offsets.len()], "data_offsets": [0, table]},
            "values": {"dtype": dtype, "shape": [tokens, width], "data_offsets": [table, table + values]},
            "present": {"dtype": "U8", "shape": [lengths.len()], "data_offsets": [table + values, end]},
        });
        let mut header = header.to_string().into_bytes();
        header.resize(header.len().next_multiple_of(8), b' ');
        let begin = 8 + header.len() as u64 + table;
        let create = || -> std::io::Result<File> {
            let mut file = File::create(path)?;
            file.write_all(&(header.len() as u64).to_le_bytes())?;
            file.write_all(&header)?;
            file.write_all(&offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect::<Vec<u8>>())?;
            file.set_len(begin + values + lengths.len() as u64)?;
            Ok(file)
        };
        let file = create().map_err(|error| ErrorKind::File { path: path.into(), message: error.to_string() })?;
        Ok(Self { file, path: path.into(), present: vec![0; lengths.len()], offsets, begin, width, precision })
    }

    /// Puts the tokens of an item, as many as its length says. Values beyond the range of f16 are cut to it.
    ///
    /// # Errors
    /// The file system's; another number of values.
    pub fn put(&mut self, item: usize, values: &[f32]) -> Result<()> {
        let fail = |message: String| ErrorKind::File { path: self.path.clone(), message };
        let expected = (self.offsets[item + 1] - self.offsets[item]) as usize * self.width;
        if values.len() != expected {
            return Err(fail(format!("item {item}: expected {expected} values, found {}", values.len())).into());
        }
        let limit = f16::MAX.to_f32();
        let half = |value: &f32| f16::from_f32(value.clamp(-limit, limit)).to_le_bytes();
        let bytes: Vec<u8> = match self.precision {
            Precision::F16 => values.iter().flat_map(half).collect(),
            Precision::F32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        };
        let place = self.begin + self.offsets[item] * (self.width * self.precision.bytes()) as u64;
        let write = |file: &mut File| {
            file.seek(SeekFrom::Start(place))?;
            file.write_all(&bytes)
        };
        write(&mut self.file).map_err(|error| fail(error.to_string()))?;
        self.present[item] = 1;
        Ok(())
    }

    fn end(mut self) -> Result<()> {
        let tokens = self.offsets.last().copied().unwrap_or(0);
        let place = self.begin + tokens * (self.width * self.precision.bytes()) as u64;
        let write = |file: &mut File, present: &[u8]| {
            file.seek(SeekFrom::Start(place))?;
            file.write_all(present)?;
            file.sync_all()
        };
        write(&mut self.file, &self.present)
            .map_err(|error| ErrorKind::File { path: self.path, message: error.to_string() }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_in_half_precision_and_in_any_order() {
        let dir = tempfile::tempdir().unwrap();
        let rows = [vec![1.0, -2.5], vec![], vec![0.1, 1e6, 3.0, 4.0, 5.0, 6.0]];
        let lengths = [1, 0, 3];
        let fill = |writer: &mut TokenWriter| {
            writer.put(2, &rows[2])?;
            assert!(writer.put(0, &rows[2]).is_err(), "another number of values");
            writer.put(0, &rows[0])
        };
        let cache = TokenCache::create(dir.path(), "abc", &lengths, 2, Precision::F16, fill).unwrap();
        assert_eq!([0, 1, 2].map(|item| cache.has(item)), [true, false, true]);
        let batch = cache.batch(&[2, 1, 0]);
        assert_eq!((batch.shape, batch.lengths.as_slice()), ([3, 3, 2], &[3, 0, 1][..]));
        assert_eq!(batch.values[1], 65504.0);
        assert!((batch.values[0] - 0.1).abs() < 1e-4);
        assert_eq!(batch.values[12..], [1.0, -2.5, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(batch.select(&[2, 1]), cache.batch(&[0, 1]));

        let exact = tempfile::tempdir().unwrap();
        let fill = |writer: &mut TokenWriter| writer.put(2, &rows[2]);
        let full = TokenCache::create(exact.path(), "abc", &lengths, 2, Precision::F32, fill).unwrap();
        assert_eq!((full.batch(&[2]).values, full.has(0)), (rows[2].clone(), false));

        assert!(TokenCache::open(dir.path(), "abc", 3, 2).is_some());
        assert!(TokenCache::open(dir.path(), "abd", 3, 2).is_none(), "another key");
        assert!(TokenCache::open(dir.path(), "abc", 4, 2).is_none(), "other items");
        let file = dir.path().join("abc.safetensors");
        let bytes = std::fs::read(&file).unwrap();
        std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
        assert!(TokenCache::open(dir.path(), "abc", 3, 2).is_none(), "cut short");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn what_fails_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let fill = |writer: &mut TokenWriter| writer.put(0, &[0.0]);
        let made = TokenCache::create::<crate::Error>(dir.path(), "k", &[3], 2, Precision::F16, fill);
        assert!(made.is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
