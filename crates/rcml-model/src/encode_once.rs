//! A whole data set through a frozen encoder, once, into a token cache.

use rayon::prelude::*;
use rcml_data::{Dataset, ImageConfig, ImageProblem, ImageStore, OnCorrupt};
use rcml_encoders::pretrained::{TokenCache, TokenWriter};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::{EncoderSource, Error, Result, Towers};

/// Changes whenever the same encoder would be made to give other states.
const FORMAT: &str = "rcml-tokens-2";

/// Pictures decoded ahead of the encoder: bounds their memory whatever the size of the dataset.
const BLOCK: usize = 1024;

/// Texts or pictures encoded at a time: bounds the memory of the encoder's activations.
const CHUNK: usize = 32;

/// States of all texts of a data set.
///
/// # Errors
/// The encoder's, or the cache folder's.
pub(crate) fn texts(dataset: &Dataset, towers: &Towers) -> Result<TokenCache> {
    let source = towers.frozen_text().ok_or_else(|| Error::input("the model has no frozen text encoder"))?;
    let width = source.width;
    let texts: Vec<Option<&str>> = dataset.items.iter().map(|item| item.text.as_deref()).collect();
    let hashes: Vec<u128> = texts.iter().map(|text| text.map_or(0, |text| xxh3_128(text.as_bytes()))).collect();
    let key = key(source, &towers.computed_on(), "text", &hashes);
    if let Some(cache) = TokenCache::open(towers.cache(), &key, texts.len(), width) {
        return Ok(cache);
    }
    let mut items: Vec<usize> = (0..texts.len()).filter(|item| texts[*item].is_some()).collect();
    let mut lengths = vec![0; texts.len()];
    for chunk in items.chunks(1024) {
        let found = towers.text_lengths(&chunk.iter().map(|item| texts[*item].unwrap_or("")).collect::<Vec<_>>())?;
        chunk.iter().zip(found).for_each(|(item, length)| lengths[*item] = length);
    }
    // Texts of one length go together, so that little is computed for padding.
    items.sort_by_key(|item| lengths[*item]);
    TokenCache::create(towers.cache(), &key, &lengths, width, source.precision, |writer| -> Result<()> {
        for chunk in items.chunks(CHUNK) {
            let texts: Vec<&str> = chunk.iter().map(|item| texts[*item].unwrap_or("")).collect();
            put(writer, chunk, &towers.encode_texts(&texts)?)?;
        }
        Ok(())
    })
}

/// States of all pictures of a data set; `config` is the encoder's preprocessing. `progress` is called with the number of
/// pictures encoded. Also gives the pictures that were skipped, now or when the cache was made.
///
/// # Errors
/// Corrupt pictures, unless they are to be skipped; the encoder's; the cache folder's.
pub(crate) fn images(
    dataset: &Dataset,
    towers: &Towers,
    config: &ImageConfig,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<(TokenCache, Vec<ImageProblem>)> {
    let source = towers.frozen_image().ok_or_else(|| Error::input("the model has no frozen image encoder"))?;
    let width = source.width;
    let hashes = picture_hashes(dataset);
    let key = |on_corrupt| {
        let kept = ImageConfig { cache_mib: 0, on_corrupt, ..config.clone() };
        key(source, &towers.computed_on(), &format!("image {kept:?}"), &hashes)
    };
    let count = dataset.items.len();
    // What was encoded where a corrupt picture would have been refused lacks none: it serves those who would skip one.
    for on_corrupt in [OnCorrupt::Refuse, config.on_corrupt] {
        if let Some(cache) = TokenCache::open(towers.cache(), &key(on_corrupt), count, width) {
            let skipped = dataset.items.iter().zip(0u32..).filter(|(_, item)| !cache.has(*item));
            let problems: Vec<ImageProblem> = skipped
                .filter_map(|(found, item)| {
                    let path = found.image.as_ref()?.into();
                    let message = "it could not be decoded when the token cache was made".into();
                    Some(ImageProblem { item, path, message })
                })
                .collect();
            return Ok((cache, problems));
        }
    }
    let key = key(config.on_corrupt);
    let items: Vec<u32> = (0..count as u32).filter(|item| dataset.items[*item as usize].image.is_some()).collect();
    let blank = towers.encode_images(vec![0.0; 3 * config.size * config.size], 1)?;
    let tokens = blank.first().map_or(0, |row| row.len() / width.max(1));
    let lengths: Vec<usize> = dataset.items.iter().map(|item| if item.image.is_some() { tokens } else { 0 }).collect();
    let (mut problems, mut done) = (Vec::new(), 0);
    let cache = TokenCache::create(towers.cache(), &key, &lengths, width, source.precision, |writer| -> Result<()> {
        for block in items.chunks(BLOCK) {
            let store = ImageStore::open(dataset, block, config.clone(), &|_| {})?;
            problems.extend_from_slice(store.problems());
            for chunk in block.chunks(CHUNK) {
                let batch = store.batch(chunk)?;
                let rows = towers.encode_images(batch.pixels, chunk.len())?;
                let usable = chunk.iter().zip(rows).zip(&batch.present).filter(|(_, present)| **present);
                let (items, rows): (Vec<usize>, Vec<Vec<f32>>) =
                    usable.map(|((item, row), _)| (*item as usize, row)).unzip();
                put(writer, &items, &rows)?;
                done += chunk.len();
                progress(done);
            }
        }
        Ok(())
    })?;
    Ok((cache, problems))
}

/// A hash of the bytes of every item's picture, wherever it lies; 0 of none.
fn picture_hashes(dataset: &Dataset) -> Vec<u128> {
    let hash = |item: u32| match dataset.picture(item) {
        Ok(picture) => picture.map_or(0, |bytes| xxh3_128(&bytes)),
        // A picture that cannot be read is a problem of the decoder's, which names it.
        Err(_) => 1,
    };
    (0..dataset.items.len() as u32).into_par_iter().map(hash).collect()
}

fn put(writer: &mut TokenWriter, items: &[usize], rows: &[Vec<f32>]) -> Result<()> {
    for (item, row) in items.iter().zip(rows) {
        writer.put(*item, row)?;
    }
    Ok(())
}

/// Everything that decides about the states: encoder, where it is computed (a GPU may multiply in fewer digits), preprocessing, and
/// the content of every item in its order.
fn key(source: &EncoderSource, device: &str, preprocessing: &str, hashes: &[u128]) -> String {
    let mut hash = Xxh3::new();
    let EncoderSource { fingerprint, precision, summary_tokens, .. } = source;
    let kept = if *summary_tokens > 0 { format!("{summary_tokens} tokens\n") } else { String::new() };
    let count = hashes.len();
    hash.update(
        format!("{FORMAT}\n{fingerprint}\n{device}\n{preprocessing}\n{precision:?}\n{kept}{count}\n").as_bytes(),
    );
    hashes.iter().for_each(|item| hash.update(&item.to_le_bytes()));
    format!("{:032x}", hash.digest128())
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
                let mut found: Vec<(String, u128)> =
                    read.items.iter().map(|item| item.id.clone()).zip(picture_hashes(&read)).collect();
                found.sort();
                found
            };
            let (first, second) = (stored("a", [10, 20]), stored("b", [10, 30]));
            // In the order of their ids: i0, i1, none.
            assert_eq!((first[0].1, first[2].1), (second[0].1, 0), "{format:?}");
            assert!(first[1].1 > 1 && first[0].1 != first[1].1, "{format:?}: {first:?}");
            assert_ne!(first[1].1, second[1].1, "{format:?}");
        }
    }
}
