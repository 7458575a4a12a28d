//! `synthetic`: a rendered catalogue whose truth is known, because it was planted.

mod describe;
mod draw;
mod edges;
mod factor;
mod rule;
mod truth;

use std::io::Write;
use std::path::Path;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde_json::json;

use crate::whole::{Wrong, write_file};
use crate::{DatasetInfo, Error, Result, Split};
pub use factor::Factors;
use rule::RULES;
pub use truth::{PlantedTruth, planted_truth};

/// How the synthetic dataset is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntheticOptions {
    /// Number of items.
    pub items: usize,
    /// Seed of everything.
    pub seed: u64,
    /// Whether pictures are drawn; without them items have text alone.
    pub images: bool,
    /// Width and height of a picture, in pixels.
    pub size: usize,
}

impl Default for SyntheticOptions {
    fn default() -> Self {
        Self { items: 5_000, seed: 0, images: true, size: 64 }
    }
}

/// What was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntheticCounts {
    /// Items written.
    pub items: usize,
    /// Relations written.
    pub relations: usize,
    /// Edges written; a symmetric one once.
    pub edges: u64,
    /// Whether every edge within a split is written. Otherwise [`planted_truth`] knows the others.
    pub complete: bool,
}

/// Up to this many items every edge is written; beyond, their number (which grows with the square) is capped.
const COMPLETE_ITEMS: usize = 5_000;

/// Items whose lines are made at a time: memory does not grow with the dataset.
const CHUNK: usize = 4_096;

/// Items of a block have an exact split: 10 test and 4 validation (a tenth of the rest).
const BLOCK: usize = 50;

/// Writes a synthetic dataset into the folder `out`. The same options give the same bytes, whatever the thread count.
///
/// Each item has six independent factors (attribute `factors`), a picture drawn from them and a text that mentions two to
/// four of them. A relation is a rule over the factors; edges join items of the same split. Up to 5,000 items ALL edges
/// are written (about 2.8 million, `edges.jsonl.zst`), beyond that up to eight random ones per item and relation.
///
/// # Errors
/// No items, more than 2^31, a picture size outside 8 to 1,024, and the file system's.
pub fn build_synthetic(out: &Path, options: &SyntheticOptions) -> Result<SyntheticCounts> {
    if !(1..=1 << 31).contains(&options.items) {
        return Err(Error::input(format!("items: expected 1 to 2147483648, found {}", options.items)));
    }
    if !(8..=1024).contains(&options.size) {
        return Err(Error::input(format!("size: expected 8 to 1024 pixels, found {}", options.size)));
    }
    std::fs::create_dir_all(out).map_err(|e| Error::io(out, e))?;
    let splits = splits(options);
    let factors: Vec<Factors> = (0..options.items)
        .into_par_iter()
        .map(|i| Factors::draw(&mut stream(options.seed, i, Purpose::Factors)))
        .collect();
    write_file(&out.join("items.jsonl"), |file| write_items(out, options, &factors, &splits, file))?;
    write_file(&out.join("relations.jsonl"), |file| {
        let line = |rule: &rule::Rule| {
            let relation = rule.relation();
            json!({"id": relation.id, "descriptions": relation.descriptions, "symmetric": relation.symmetric,
                   "family": relation.family})
        };
        let lines: String = RULES.iter().map(|rule| format!("{}\n", line(rule))).collect();
        Ok(file.write_all(lines.as_bytes())?)
    })?;
    let complete = options.items <= COMPLETE_ITEMS;
    let edges = write_file(&out.join("edges.jsonl.zst"), |file| {
        let catalogue = edges::Catalogue { factors: &factors, splits: &splits, seed: options.seed, complete };
        Ok(edges::write(&catalogue, file)?)
    })?;
    write_file(&out.join("dataset.toml"), |file| {
        let text = toml::to_string(&info(options, complete)).map_err(|e| Error::input(e.to_string()))?;
        Ok(file.write_all(text.as_bytes())?)
    })?;
    Ok(SyntheticCounts { items: options.items, relations: RULES.len(), edges, complete })
}

/// What a random stream of an item is for; each is independent of the others.
#[derive(Clone, Copy)]
enum Purpose {
    Factors,
    Text,
    Picture,
    Edges,
    Split,
}

fn stream(seed: u64, index: usize, purpose: Purpose) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(8 * index as u64 + purpose as u64);
    rng
}

fn splits(options: &SyntheticOptions) -> Vec<Split> {
    let mut splits = Vec::with_capacity(options.items);
    for block in 0..options.items.div_ceil(BLOCK) {
        let mut of_block: Vec<Split> = (0..BLOCK)
            .map(|i| match i {
                0..10 => Split::Test,
                10..14 => Split::Validation,
                _ => Split::Train,
            })
            .collect();
        of_block.shuffle(&mut stream(options.seed, block, Purpose::Split));
        splits.extend(of_block.into_iter().take(options.items - block * BLOCK));
    }
    splits
}

fn id(index: usize) -> String {
    format!("s{index}")
}

fn write_items(
    out: &Path,
    options: &SyntheticOptions,
    factors: &[Factors],
    splits: &[Split],
    file: &mut dyn Write,
) -> Result<(), Wrong> {
    for (chunk, members) in factors.chunks(CHUNK).enumerate() {
        if options.images {
            // One folder per thousand pictures: a folder of a million is slow everywhere.
            let first = chunk * CHUNK;
            for folder in first / 1000..=(first + members.len() - 1) / 1000 {
                let folder = out.join(format!("images/{folder}"));
                std::fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, e))?;
            }
        }
        let lines: Vec<String> = members
            .par_iter()
            .enumerate()
            .map(|(i, &factors)| {
                let index = chunk * CHUNK + i;
                let text = describe::describe(factors, &mut stream(options.seed, index, Purpose::Text));
                let mut item = json!({"id": id(index), "text": text});
                if options.images {
                    let image = format!("images/{}/{}.png", index / 1000, id(index));
                    let path = out.join(&image);
                    let mut rng = stream(options.seed, index, Purpose::Picture);
                    let picture = draw::draw(factors, options.size, &mut rng);
                    picture.save(&path).map_err(|e| Error::io(&path, std::io::Error::other(e)))?;
                    item["image"] = image.into();
                }
                item["label"] = factors.value("shape").into();
                item["split"] = json!(splits[index]);
                item["factors"] = factors.to_json();
                Ok(format!("{item}\n"))
            })
            .collect::<Result<_>>()?;
        file.write_all(lines.concat().as_bytes())?;
    }
    Ok(())
}

fn info(options: &SyntheticOptions, complete: bool) -> DatasetInfo {
    let edges = if complete { "all edges within a split" } else { "up to 8 random edges per item and relation" };
    DatasetInfo {
        name: Some("synthetic".into()),
        licence: Some("CC0-1.0".into()),
        source: Some(format!("drawn by rcml, {} items, seed {}, {edges}", options.items, options.seed)),
        ..DatasetInfo::default()
    }
}

#[cfg(test)]
mod tests;
