//! What a frozen encoder reads of a data set, encoded once, into a token cache.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use rayon::prelude::*;
use rcml_data::{Dataset, ImageConfig, ImageProblem, ImageStore, OnCorrupt};
use rcml_encoders::pretrained::{TokenCache, TokenRows};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::{EncoderSource, Error, Result, Towers};

/// Changes whenever the same encoder would be made to give other states.
const FORMAT: &str = "rcml-tokens-3";

/// Pictures decoded ahead of the encoder: bounds their memory whatever the size of the dataset.
const BLOCK: usize = 1024;

/// Pictures encoded at a time, and tokens of texts. Bounds the memory of the encoder's activations. Always as many, the last batch filled up
/// with repetitions, and texts of one length alone: what an item's states are must not depend on what else there was to encode,
/// to the last bit, since later runs read them.
const PICTURES: usize = 8;
const TOKENS: usize = 1024;

/// States of the texts of some items of a data set.
///
/// # Errors
/// The encoder's, or the cache folder's.
pub(crate) fn texts(dataset: &Dataset, items: &[u32], towers: &Towers) -> Result<TokenRows> {
    let source = towers.frozen_text().ok_or_else(|| Error::input("the model has no frozen text encoder"))?;
    let text = |item: u32| dataset.items.get(item as usize)?.text.as_deref();
    let mut contents: Vec<Option<u128>> = vec![None; dataset.items.len()];
    for item in items {
        contents[*item as usize] = text(*item).map(|text| xxh3_128(text.as_bytes()));
    }
    let mut cache = TokenCache::open(&folder(source, towers, "text"), source.width, source.precision);
    let missing: Vec<(u128, &str)> =
        missing(&cache, &contents).filter_map(|(hash, item)| Some((hash, text(item)?))).collect();
    let mut lengths = Vec::with_capacity(missing.len());
    for chunk in missing.chunks(1024) {
        lengths.extend(towers.text_lengths(&chunk.iter().map(|(_, text)| *text).collect::<Vec<_>>())?);
    }
    let mut by_length: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    lengths.iter().enumerate().for_each(|(place, length)| by_length.entry(*length).or_default().push(place));
    let added: Vec<(u128, usize)> = missing.iter().zip(&lengths).map(|((hash, _), length)| (*hash, *length)).collect();
    if !added.is_empty() {
        cache.add(&added, |writer| -> Result<()> {
            for (length, places) in by_length {
                let size = (TOKENS / length.max(1)).clamp(1, 64);
                for chunk in places.chunks(size) {
                    let texts: Vec<&str> = filled(chunk, size).map(|place| missing[place].1).collect();
                    for (place, row) in chunk.iter().zip(towers.encode_texts(&texts)?) {
                        writer.put(*place, &row)?;
                    }
                }
            }
            Ok(())
        })?;
    }
    Ok(cache.rows(&contents))
}

/// States of the pictures of some items of a data set; `config` is the encoder's preprocessing. `progress` is called with the number of
/// pictures done. Also gives the pictures that were skipped: they are tried anew every time.
///
/// # Errors
/// Corrupt pictures, unless they are to be skipped; the encoder's; the cache folder's.
pub(crate) fn images(
    dataset: &Dataset,
    items: &[u32],
    towers: &Towers,
    config: &ImageConfig,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<(TokenRows, Vec<ImageProblem>)> {
    let source = towers.frozen_image().ok_or_else(|| Error::input("the model has no frozen image encoder"))?;
    let width = source.width;
    let contents = picture_hashes(dataset, items);
    // What happens to a corrupt picture changes no other one's states.
    let kept = ImageConfig { cache_mib: 0, on_corrupt: OnCorrupt::Refuse, ..config.clone() };
    let mut cache = TokenCache::open(&folder(source, towers, &format!("image {kept:?}")), width, source.precision);
    let (hashes, items): (Vec<u128>, Vec<u32>) = missing(&cache, &contents).unzip();
    let all = contents.iter().flatten().count();
    let (mut problems, mut done) = (Vec::new(), all - items.len());
    progress(done);
    if !items.is_empty() {
        let blank = towers.encode_images(vec![0.0; 3 * config.size * config.size], 1)?;
        let tokens = blank.first().map_or(0, |row| row.len() / width.max(1));
        let added: Vec<(u128, usize)> = hashes.into_iter().map(|hash| (hash, tokens)).collect();
        cache.add(&added, |writer| -> Result<()> {
            for (block, begin) in items.chunks(BLOCK).zip((0..).step_by(BLOCK)) {
                let store = ImageStore::open(dataset, block, config.clone(), &|_| {})?;
                problems.extend_from_slice(store.problems());
                for (chunk, begin) in block.chunks(PICTURES).zip((begin..).step_by(PICTURES)) {
                    let chosen: Vec<u32> = filled(chunk, PICTURES).collect();
                    let batch = store.batch(&chosen)?;
                    let rows = towers.encode_images(batch.pixels, chosen.len())?;
                    for (place, row) in (begin..begin + chunk.len()).zip(rows) {
                        if batch.present[place - begin] {
                            writer.put(place, &row)?;
                        }
                    }
                    done += chunk.len();
                    progress(done);
                }
            }
            Ok(())
        })?;
    }
    Ok((cache.rows(&contents), problems))
}

/// The contents that a cache lacks, each once, with the first item that has it.
fn missing<'a>(cache: &'a TokenCache, contents: &'a [Option<u128>]) -> impl Iterator<Item = (u128, u32)> + 'a {
    let mut seen = HashSet::new();
    let contents = contents.iter().zip(0u32..).filter_map(|(content, item)| Some(((*content)?, item)));
    contents.filter(move |(content, _)| !cache.has(*content) && seen.insert(*content))
}

/// A chunk brought to `size` by repeating its last element.
fn filled<T: Copy>(chunk: &[T], size: usize) -> impl Iterator<Item = T> {
    chunk.iter().chain(chunk.last().into_iter().cycle()).copied().take(size)
}

/// A hash of the bytes of the picture of each of some items, wherever it lies; none of the others.
fn picture_hashes(dataset: &Dataset, items: &[u32]) -> Vec<Option<u128>> {
    let hash = |item: &u32| match dataset.picture(*item) {
        Ok(picture) => picture.map(|bytes| xxh3_128(&bytes)),
        // A picture that cannot be read is a problem of the decoder's, which names it.
        Err(_) => Some(xxh3_128(&item.to_le_bytes())),
    };
    let found: Vec<Option<u128>> = items.par_iter().map(hash).collect();
    let mut contents = vec![None; dataset.items.len()];
    items.iter().zip(found).for_each(|(item, hash)| contents[*item as usize] = hash);
    contents
}

/// Where the states lie that one encoder makes: everything but the content decides, also where it is computed (a GPU may multiply in fewer
/// digits).
fn folder(source: &EncoderSource, towers: &Towers, preprocessing: &str) -> PathBuf {
    let EncoderSource { fingerprint, precision, summary_tokens, .. } = source;
    let device = towers.computed_on();
    let mut hash = Xxh3::new();
    let settings = format!("{FORMAT}\n{fingerprint}\n{device}\n{preprocessing}\n{precision:?}\n{summary_tokens}\n");
    hash.update(settings.as_bytes());
    towers.cache().join(format!("{:032x}", hash.digest128()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcml_data::{Format, Item};

    /// States of a picture that was exchanged for another must not be read again, also where pictures lie in a table or an archive.
    #[test]
    fn pictures_are_told_apart_wherever_they_lie() {
        let folder = tempfile::tempdir().unwrap();
        let images = folder.path().join("images");
        std::fs::create_dir_all(&images).unwrap();
        let dataset = |colours: [u8; 2]| {
            let mut items = vec![Item::new("none")];
            items[0].text = Some("no picture".into());
            for (number, colour) in colours.into_iter().enumerate() {
                let path = format!("images/{number}.png");
                image::RgbImage::from_pixel(2, 2, image::Rgb([colour; 3])).save(folder.path().join(&path)).unwrap();
                items.push(Item { image: Some(path), ..Item::new(format!("i{number}")) });
            }
            Dataset { root: folder.path().into(), items, ..Dataset::default() }
        };
        for format in [Format::Jsonl, Format::Parquet, Format::WebDataset] {
            let stored = |name: &str, colours| {
                let out = folder.path().join(format!("{name}-{format:?}"));
                dataset(colours).convert(&out, format, &|_| {}).unwrap();
                let read = Dataset::open(&out).unwrap();
                let all: Vec<u32> = (0..read.items.len() as u32).collect();
                let mut found: Vec<(String, Option<u128>)> =
                    read.items.iter().map(|item| item.id.clone()).zip(picture_hashes(&read, &all)).collect();
                found.sort();
                found
            };
            let (first, second) = (stored("a", [10, 20]), stored("b", [10, 30]));
            // In the order of their ids: i0, i1, none.
            assert_eq!((first[0].1, first[2].1), (second[0].1, None), "{format:?}");
            assert!(first[1].1.is_some() && first[0].1 != first[1].1, "{format:?}: {first:?}");
            assert_ne!(first[1].1, second[1].1, "{format:?}");
        }
    }
}
