//! Token states on disk, found by the content that they are of: encoded once, read at memory speed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use safetensors::Dtype;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::token_rows::TokenRows;
use super::token_segment::{Segment, TokenWriter};
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
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
        }
    }

    pub(super) fn dtype(self) -> Dtype {
        match self {
            Self::F16 => Dtype::F16,
            Self::F32 => Dtype::F32,
        }
    }
}

/// Contents that are too few for a file of their own: encoding them again takes no longer than looking after one.
const FEW: usize = 32;

/// Token states of one encoder in a folder of [segments](TokenWriter): each holds what one call had to encode. A catalogue that grows, or
/// shares texts and pictures with another one, has only what is new encoded.
#[derive(Debug)]
pub struct TokenCache {
    folder: PathBuf,
    segments: Vec<Arc<Segment>>,
    /// Content -> segment and row.
    places: HashMap<u128, (u32, u32)>,
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
    /// Opens a folder: all of its files that are whole and of this width and precision. One that is not there is empty.
    pub fn open(folder: &Path, width: usize, precision: Precision) -> Self {
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut files: Vec<PathBuf> =
            files.filter(|path| path.extension().is_some_and(|e| e == "safetensors")).collect();
        // Of a content that stands in two files it is always the same one that is read.
        files.sort();
        let mut cache = Self { folder: folder.into(), segments: Vec::new(), places: HashMap::new(), width, precision };
        files.iter().filter_map(|path| Segment::open(path, width, precision)).for_each(|segment| cache.take(segment));
        cache
    }

    fn take(&mut self, segment: Segment) {
        let number = self.segments.len() as u32;
        for (hash, row) in segment.contents() {
            self.places.entry(hash).or_insert((number, row));
        }
        self.segments.push(Arc::new(segment));
    }

    /// Whether a content is there, by its hash.
    pub fn has(&self, content: u128) -> bool {
        self.places.contains_key(&content)
    }

    /// Adds contents, each by its hash and its number of tokens: `fill` is handed a writer and puts their tokens in it, in any order; what
    /// it leaves out stays unknown. A few stay in memory, more become a file.
    ///
    /// # Errors
    /// The file system's, or what `fill` says; then nothing is left of it.
    pub fn add<E: From<crate::Error>>(
        &mut self,
        contents: &[(u128, usize)],
        fill: impl FnOnce(&mut TokenWriter) -> Result<(), E>,
    ) -> Result<(), E> {
        if contents.len() < FEW {
            let mut writer = TokenWriter::begin(None, contents, self.width, self.precision)?;
            fill(&mut writer)?;
            writer.end()?.into_iter().for_each(|segment| self.take(segment));
            return Ok(());
        }
        let fail = |path: &Path, message: String| crate::Error::from(ErrorKind::File { path: path.into(), message });
        std::fs::create_dir_all(&self.folder).map_err(|error| fail(&self.folder, error.to_string()))?;
        let mut name = Xxh3::new();
        contents.iter().for_each(|(hash, _)| name.update(&hash.to_le_bytes()));
        let target = self.folder.join(format!("{:032x}.safetensors", name.digest128()));
        // Two runs may encode the same contents at the same time: each has a file of its own, the last one stays.
        static WRITERS: AtomicUsize = AtomicUsize::new(0);
        let number = WRITERS.fetch_add(1, Ordering::Relaxed);
        let part = Unfinished(target.with_extension(format!("{}-{number}.tmp", std::process::id())));
        let mut writer = TokenWriter::begin(Some(&part.0), contents, self.width, self.precision)?;
        fill(&mut writer)?;
        writer.end()?;
        std::fs::rename(&part.0, &target).map_err(|error| fail(&target, error.to_string()))?;
        let segment = Segment::open(&target, self.width, self.precision);
        self.take(segment.ok_or_else(|| fail(&target, "cannot be read back".into()))?);
        Ok(())
    }

    /// The states of items, by the hashes of their contents; an item may have none.
    pub fn rows(&self, contents: &[Option<u128>]) -> TokenRows {
        let places = contents.iter().map(|content| self.places.get(content.as_ref()?).copied()).collect();
        TokenRows { segments: self.segments.clone(), places, width: self.width, precision: self.precision }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Contents 0 to n - 1, with one token more each; every third has none.
    fn contents(n: usize) -> (Vec<(u128, usize)>, Vec<Vec<f32>>) {
        let rows: Vec<Vec<f32>> =
            (0..n).map(|i| (0..2 * (i % 3)).map(|k| (i * 10 + k) as f32 / 7.0).collect()).collect();
        (rows.iter().enumerate().map(|(i, row)| (i as u128, row.len() / 2)).collect(), rows)
    }

    fn filled(folder: &Path, n: usize, precision: Precision) -> TokenCache {
        let (contents, rows) = contents(n);
        let mut cache = TokenCache::open(folder, 2, precision);
        let fill = |writer: &mut TokenWriter| {
            assert!(writer.put(0, &[0.0; 6]).is_err(), "another number of values");
            // In any order, and the last one cannot be encoded.
            (0..n - 1).rev().try_for_each(|i| writer.put(i, &rows[i]))
        };
        cache.add(&contents, fill).unwrap();
        cache
    }

    #[test]
    fn tokens_come_back_from_memory_and_from_files() {
        for (n, files) in [(9, 0), (50, 1)] {
            for precision in [Precision::F16, Precision::F32] {
                let dir = tempfile::tempdir().unwrap();
                let folder = dir.path().join("encoder");
                let cache = filled(&folder, n, precision);
                assert_eq!(std::fs::read_dir(&folder).into_iter().flatten().count(), files, "nothing else is left");
                let again = if files > 0 { TokenCache::open(&folder, 2, precision) } else { cache };
                assert!(again.has(0) && !again.has(n as u128 - 1) && !again.has(1000));
                let items = again.rows(&[Some(5), None, Some(0), Some(1), Some(1000), Some(5)]);
                assert_eq!([0, 1, 2, 3, 4, 5, 6].map(|i| items.has(i)), [true, false, true, true, false, true, false]);
                let batch = items.batch(&[3, 1, 0]);
                assert_eq!((batch.shape, batch.lengths.as_slice()), ([3, 2, 2], &[1, 0, 2][..]));
                let expected = [
                    10.0 / 7.0,
                    11.0 / 7.0,
                    0.0,
                    0.0,
                    0.0,
                    0.0,
                    0.0,
                    0.0,
                    50.0 / 7.0,
                    51.0 / 7.0,
                    52.0 / 7.0,
                    53.0 / 7.0,
                ];
                let tolerance = if precision == Precision::F16 { 4e-3 } else { 0.0 };
                let near = batch.values.iter().zip(expected).all(|(a, b): (&f32, f32)| (a - b).abs() <= tolerance);
                assert!(near, "{precision:?}: {:?}", batch.values);
                assert_eq!(items.batch(&[5, 1]), batch.select(&[2, 1]));
            }
        }
    }

    #[test]
    fn values_beyond_half_precision_are_cut_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut cache = TokenCache::open(dir.path(), 1, Precision::F16);
        cache.add(&[(1, 1)], |writer| writer.put(0, &[1e6])).unwrap();
        assert_eq!(cache.rows(&[Some(1)]).batch(&[0]).values, [65504.0]);
    }

    #[test]
    fn what_is_added_stands_beside_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path(), 40, Precision::F32);
        let mut cache = TokenCache::open(dir.path(), 2, Precision::F32);
        let more: Vec<(u128, usize)> = (100..140).map(|hash| (hash, 1)).collect();
        cache.add(&more, |writer| (0..40).try_for_each(|i| writer.put(i, &[i as f32, 0.5]))).unwrap();
        let items = TokenCache::open(dir.path(), 2, Precision::F32).rows(&[Some(139), Some(1)]);
        assert_eq!(items.batch(&[0, 1]).values, [39.0, 0.5, 10.0 / 7.0, 11.0 / 7.0]);
        assert!(!TokenCache::open(dir.path(), 3, Precision::F32).has(1), "another width");
        assert!(!TokenCache::open(dir.path(), 2, Precision::F16).has(1), "another precision");
        for file in std::fs::read_dir(dir.path()).unwrap().flatten() {
            let bytes = std::fs::read(file.path()).unwrap();
            std::fs::write(file.path(), &bytes[..bytes.len() - 1]).unwrap();
        }
        assert!(!TokenCache::open(dir.path(), 2, Precision::F32).has(1), "cut short");
    }

    #[test]
    fn what_fails_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut cache = TokenCache::open(dir.path(), 2, Precision::F16);
        let made = cache.add::<crate::Error>(&contents(50).0, |writer| writer.put(1, &[0.0]));
        assert!(made.is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
