//! The pictures of a dataset, at hand.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::decode::decode_bytes;
use super::pictures::Pictures;
use super::resize::square;
use super::{ImageBatch, ImageConfig, ImageProblem, OnCorrupt};
use crate::{Dataset, Error, Problem, Result};

/// The pictures of a dataset, decoded in parallel and kept as bytes.
#[derive(Debug)]
pub struct ImageStore {
    config: ImageConfig,
    root: PathBuf,
    pictures: Pictures,
    /// Path of each item of the dataset, relative to `root`; `None` also where the picture was skipped.
    paths: Vec<Option<Box<str>>>,
    /// Position of each item in `cache`, or [`UNCACHED`].
    slots: Vec<u32>,
    /// Resized pictures, `[3, S, S]` bytes each.
    cache: Vec<u8>,
    problems: Vec<ImageProblem>,
    /// Per channel, the normalised value of each byte.
    normalised: [Box<[f32; 256]>; 3],
}

const UNCACHED: u32 = u32::MAX;

impl ImageStore {
    /// Prepares the pictures of `items` (dataset indices): decodes them in parallel, as far as the cache reaches. What
    /// lies beyond is decoded (and found corrupt) only when a batch asks for it.
    /// `progress` is called with the number of pictures done, from several threads.
    ///
    /// # Errors
    /// Under [`OnCorrupt::Refuse`], all pictures that cannot be decoded. Settings that make no sense, an item that the
    /// dataset lacks.
    pub fn open(
        dataset: &Dataset,
        items: &[u32],
        config: ImageConfig,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Self> {
        config.validate()?;
        let paths = dataset.items.iter().map(|item| item.image.as_deref().map(Box::from)).collect();
        let normalised =
            [0, 1, 2].map(|c| Box::new(std::array::from_fn(|v| (v as f32 / 255.0 - config.mean[c]) / config.std[c])));
        let slots = vec![UNCACHED; dataset.items.len()];
        let mut store = Self {
            config,
            root: dataset.root.clone(),
            pictures: dataset.pictures.clone(),
            paths,
            slots,
            cache: Vec::new(),
            problems: Vec::new(),
            normalised,
        };
        let cached = store.assign_slots(items)?;
        store.fill(&cached, progress)?;
        Ok(store)
    }

    /// Gives the first pictures that fit a place in the cache, and returns their items.
    fn assign_slots(&mut self, items: &[u32]) -> Result<Vec<u32>> {
        let room = self.config.cache_mib.saturating_mul(1 << 20) / self.bytes();
        let mut cached = Vec::new();
        for &item in items {
            if self.path(item)?.is_some() && cached.len() < room && self.slots[item as usize] == UNCACHED {
                self.slots[item as usize] = cached.len() as u32;
                cached.push(item);
            }
        }
        Ok(cached)
    }

    fn fill(&mut self, cached: &[u32], progress: &(dyn Fn(usize) + Sync)) -> Result<()> {
        let mut cache = vec![0; cached.len() * self.bytes()];
        let done = AtomicUsize::new(0);
        let problems: Vec<ImageProblem> = cache
            .par_chunks_exact_mut(self.bytes())
            .zip(cached)
            .filter_map(|(pixels, &item)| {
                let problem = self.prepare(item, pixels).err();
                progress(done.fetch_add(1, Ordering::Relaxed) + 1);
                problem
            })
            .collect();
        if self.config.on_corrupt == OnCorrupt::Refuse && !problems.is_empty() {
            return Err(refusal(problems));
        }
        for problem in &problems {
            self.paths[problem.item as usize] = None;
        }
        self.cache = cache;
        self.problems = problems;
        Ok(())
    }

    /// Pictures that [`ImageStore::open`] skipped, in the order of its items.
    pub fn problems(&self) -> &[ImageProblem] {
        &self.problems
    }

    /// Preprocessed pictures of items (dataset indices, any order, repeats allowed).
    ///
    /// # Shapes
    /// [`ImageBatch::pixels`] is `[B, 3, S, S]` for B items.
    ///
    /// # Errors
    /// A picture beyond the cache that cannot be decoded, under [`OnCorrupt::Refuse`] (otherwise it counts as missing).
    pub fn batch(&self, items: &[u32]) -> Result<ImageBatch> {
        let mut pixels = vec![0.0; items.len() * self.bytes()];
        let mut present = vec![false; items.len()];
        let results: Vec<Result<(), ImageProblem>> = pixels
            .par_chunks_exact_mut(self.bytes())
            .zip(&mut present)
            .zip(items)
            .map(|((out, present), &item)| {
                if !self.has(item) {
                    return Ok(());
                }
                match self.cached(item) {
                    Some(bytes) => self.normalise(bytes, out),
                    None => {
                        let mut bytes = vec![0; self.bytes()];
                        self.prepare(item, &mut bytes)?;
                        self.normalise(&bytes, out);
                    }
                }
                *present = true;
                Ok(())
            })
            .collect();
        if let Some(item) = items.iter().find(|i| **i as usize >= self.paths.len()) {
            return Err(self.no_item(*item));
        }
        let problems: Vec<_> = results.into_iter().filter_map(Result::err).collect();
        if self.config.on_corrupt == OnCorrupt::Refuse && !problems.is_empty() {
            return Err(refusal(problems));
        }
        Ok(ImageBatch { pixels, present })
    }

    /// Whether an item has a usable picture, as far as is known: one beyond the cache has not been looked at.
    pub fn has(&self, item: u32) -> bool {
        matches!(self.paths.get(item as usize), Some(Some(_)))
    }

    /// Values of one picture.
    fn bytes(&self) -> usize {
        3 * self.config.size * self.config.size
    }

    fn path(&self, item: u32) -> Result<Option<&str>> {
        self.paths.get(item as usize).map(|p| p.as_deref()).ok_or_else(|| self.no_item(item))
    }

    fn no_item(&self, item: u32) -> Error {
        Error::input(format!("item {item} of a dataset with {} items", self.paths.len()))
    }

    fn cached(&self, item: u32) -> Option<&[u8]> {
        let slot = self.slots[item as usize];
        (slot != UNCACHED).then(|| &self.cache[slot as usize * self.bytes()..][..self.bytes()])
    }

    fn prepare(&self, item: u32, out: &mut [u8]) -> Result<(), ImageProblem> {
        let Some(Some(relative)) = self.paths.get(item as usize) else { return Ok(()) };
        let path = self.root.join(&**relative);
        let bytes = self.pictures.read(&self.root, relative);
        bytes
            .and_then(|bytes| decode_bytes(&bytes, self.config.behind()))
            .and_then(|picture| square(&picture, &self.config, out))
            .map_err(|message| ImageProblem { item, path, message })
    }

    fn normalise(&self, bytes: &[u8], out: &mut [f32]) {
        let plane = bytes.len() / 3;
        for ((bytes, out), table) in bytes.chunks_exact(plane).zip(out.chunks_exact_mut(plane)).zip(&self.normalised) {
            for (to, from) in out.iter_mut().zip(bytes) {
                *to = table[usize::from(*from)];
            }
        }
    }
}

fn refusal(problems: Vec<ImageProblem>) -> Error {
    Error::pictures(problems.into_iter().map(|p| Problem::of(p.path, p.message)).collect())
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;
    use crate::Item;

    /// Items 0..n with pictures of different sizes; item n has none.
    fn folder(n: u32) -> (tempfile::TempDir, Dataset) {
        let dir = tempfile::tempdir().unwrap();
        let mut dataset = Dataset { root: dir.path().into(), ..Dataset::default() };
        for i in 0..n {
            let name = format!("{i}.png");
            let picture = RgbImage::from_fn(10 + 3 * i, 20, |x, y| Rgb([(x * 9) as u8, (y * 9) as u8, i as u8]));
            picture.save(dir.path().join(&name)).unwrap();
            dataset.items.push(Item::new(i.to_string()).image(name));
        }
        dataset.items.push(Item::new("text-only").text("no picture"));
        (dir, dataset)
    }

    fn open(dataset: &Dataset, config: ImageConfig) -> Result<ImageStore> {
        let all: Vec<u32> = (0..dataset.items.len() as u32).collect();
        ImageStore::open(dataset, &all, config, &|_| {})
    }

    #[test]
    fn cache_changes_nothing() {
        let (_dir, dataset) = folder(6);
        let small = ImageConfig { size: 256, ..ImageConfig::default() };
        // 192 KiB a picture: a cache of 1 MiB holds five of the six.
        let batches = [0, 1, 64].map(|cache_mib| {
            let store = open(&dataset, ImageConfig { cache_mib, ..small.clone() }).unwrap();
            store.batch(&[5, 0, 6, 3, 3]).unwrap()
        });
        assert_eq!(batches[0].present, [true, true, false, true, true]);
        let bits = |b: &ImageBatch| b.pixels.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&batches[0]), bits(&batches[1]));
        assert_eq!(bits(&batches[0]), bits(&batches[2]));
        let one = 3 * 256 * 256;
        assert!(batches[0].pixels[2 * one..3 * one].iter().all(|v| *v == 0.0));
        assert_eq!(batches[0].pixels[3 * one..4 * one], batches[0].pixels[4 * one..]);
    }

    #[test]
    fn values_are_normalised_per_channel() {
        let dir = tempfile::tempdir().unwrap();
        RgbImage::from_pixel(4, 4, Rgb([255, 0, 51])).save(dir.path().join("a.png")).unwrap();
        let items = vec![Item::new("a").image("a.png")];
        let dataset = Dataset { root: dir.path().into(), items, ..Dataset::default() };
        let config = ImageConfig { size: 4, mean: [0.5, 0.5, 0.0], std: [0.5, 0.25, 1.0], ..ImageConfig::default() };
        let batch = open(&dataset, config).unwrap().batch(&[0]).unwrap();
        for (c, expected) in [1.0, -2.0, 0.2].into_iter().enumerate() {
            assert!(batch.pixels[16 * c..16 * (c + 1)].iter().all(|v| (v - expected).abs() < 1e-6));
        }
    }

    #[test]
    fn corrupt_pictures_are_listed_or_skipped() {
        let (dir, dataset) = folder(5);
        for i in [1, 3] {
            let path = dir.path().join(format!("{i}.png"));
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(&path, &bytes[..bytes.len() - 30]).unwrap();
        }
        let error = open(&dataset, ImageConfig::default()).unwrap_err();
        assert!(error.is_input());
        let named: Vec<_> = error.list().iter().map(|p| p.file.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(named, ["1.png", "3.png"]);

        let skip = ImageConfig { on_corrupt: OnCorrupt::Skip, ..ImageConfig::default() };
        let store = open(&dataset, skip.clone()).unwrap();
        assert_eq!(store.problems().iter().map(|p| p.item).collect::<Vec<_>>(), [1, 3]);
        assert_eq!((0..6).map(|i| store.has(i)).collect::<Vec<_>>(), [true, false, true, false, true, false]);
        assert_eq!(store.batch(&[0, 1, 2]).unwrap().present, [true, false, true]);

        // Beyond the cache the picture is found corrupt only when it is asked for.
        let lazy = open(&dataset, ImageConfig { cache_mib: 0, ..skip }).unwrap();
        assert_eq!(lazy.batch(&[0, 1, 2]).unwrap(), store.batch(&[0, 1, 2]).unwrap());
        let refusing = open(&dataset, ImageConfig { cache_mib: 0, ..ImageConfig::default() }).unwrap();
        assert_eq!(refusing.batch(&[0, 1, 2]).unwrap_err().list().len(), 1);
    }

    #[test]
    fn progress_counts_every_picture_once() {
        let (_dir, dataset) = folder(7);
        let seen = std::sync::Mutex::new(Vec::new());
        ImageStore::open(&dataset, &[0, 1, 2, 2, 3, 7], ImageConfig::default(), &|n| seen.lock().unwrap().push(n))
            .unwrap();
        let mut seen = seen.into_inner().unwrap();
        seen.sort_unstable();
        assert_eq!(seen, [1, 2, 3, 4]);
    }

    #[test]
    fn nonsense_is_refused() {
        let (_dir, dataset) = folder(1);
        for config in [
            ImageConfig { size: 0, ..ImageConfig::default() },
            ImageConfig { std: [0.5, 0.0, 0.5], ..ImageConfig::default() },
            ImageConfig { mean: [f32::NAN; 3], ..ImageConfig::default() },
        ] {
            assert!(open(&dataset, config).is_err());
        }
        assert!(ImageStore::open(&dataset, &[99], ImageConfig::default(), &|_| {}).is_err());
        assert!(open(&dataset, ImageConfig::default()).unwrap().batch(&[99]).is_err());
    }
}
