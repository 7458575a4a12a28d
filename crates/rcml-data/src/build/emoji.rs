//! `emoji`: real pictures that come with the program, related by what people say about them.

mod catalogue;
mod keyword;
mod kind;
mod person;
mod split;
mod tone;

use std::path::Path;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::{Dataset, DatasetInfo, Edge, Error, Item, Relation, Result};
use catalogue::Entry;

/// How the emoji dataset is built.
#[derive(Debug, Clone, PartialEq)]
pub struct EmojiOptions {
    /// Seed of the splits and of the skin tones that are drawn.
    pub seed: u64,
    /// Share of the items held out as test.
    pub test: f64,
    /// Share of the other items set aside for validation.
    pub validation: f64,
    /// Share of the keyword relations that training never sees.
    pub unseen_relations: f64,
    /// Skin tones, of five, that each emoji with tones gets as further items.
    pub tones: usize,
}

impl Default for EmojiOptions {
    fn default() -> Self {
        Self { seed: 0, test: 0.2, validation: 0.1, unseen_relations: 0.15, tones: 2 }
    }
}

/// A relation with its pairs of items, before it has an index.
struct Draft {
    relation: Relation,
    pairs: Vec<(u32, u32)>,
}

const ATTRIBUTION: &str = "Emoji graphics by Twemoji (https://github.com/jdecked/twemoji), copyright Twitter, Inc and \
    other contributors, licensed under CC-BY 4.0 (https://creativecommons.org/licenses/by/4.0/). Unchanged. Names and \
    keywords: Unicode CLDR (Unicode License v3), by way of the crate emojis and the npm package emojibase-data (MIT, \
    copyright Miles Johnson).";

/// Writes the emoji dataset into the folder `out` and returns it. The same options give the same bytes.
///
/// Items are the 1,914 base emoji (text = name, label = group) and some of their skin tones; relations come in the
/// families `keyword`, `keyword-lexical` (matching words alone solves them), `kind`, `person` and `skin-tone`. Items and
/// relations carry their split: near-duplicates (tones of one emoji, man / woman / person of one activity, equal
/// pictures) share one.
///
/// # Errors
/// Shares outside [0, 1), more than five tones, and the file system's.
pub fn build_emoji(out: &Path, options: &EmojiOptions) -> Result<Dataset> {
    let (dataset, entries) = assemble(out, options)?;
    write(out, &dataset, &entries)?;
    Ok(dataset)
}

fn assemble(root: &Path, options: &EmojiOptions) -> Result<(Dataset, Vec<Entry>)> {
    for (name, share) in
        [("test", options.test), ("validation", options.validation), ("unseen_relations", options.unseen_relations)]
    {
        if !(0.0..1.0).contains(&share) {
            return Err(Error::input(format!("{name}: expected a share from 0 to below 1, found {share}")));
        }
    }
    if options.tones > 5 {
        return Err(Error::input(format!("tones: expected 0 to 5, found {}", options.tones)));
    }
    let entries = catalogue::entries(options.tones, &mut stream(options.seed, 0))?;
    let persons = person::groups(&entries);
    let splits = split::items(&entries, &persons, options, &mut stream(options.seed, 1));
    let mut others = kind::drafts(&entries);
    others.extend(person::drafts(&persons));
    others.extend(tone::drafts(&entries));
    let mut drafts = keyword::drafts(&entries, &others, options.unseen_relations, &mut stream(options.seed, 2));
    drafts.extend(others);

    let ids = catalogue::ids(&entries);
    let mut dataset = Dataset { root: root.to_path_buf(), info: info(), ..Dataset::default() };
    for ((entry, id), split) in entries.iter().zip(&ids).zip(splits) {
        let mut item = Item::new(id).text(entry.emoji.name()).image(format!("images/{id}.png")).split(split);
        item.label = Some(catalogue::label(entry).to_owned());
        item.attributes.insert("emoji".into(), Value::from(entry.emoji.as_str()));
        item.attributes.insert("subgroup".into(), Value::from(entry.subgroup));
        if let Some(base) = entry.base {
            item.attributes.insert("base".into(), Value::from(ids[base as usize].as_str()));
        }
        dataset.items.push(item);
    }
    for (index, draft) in drafts.into_iter().enumerate() {
        dataset.edges.extend(draft.pairs.iter().map(|&(a, b)| Edge::new(index as u32, a, b)));
        dataset.relations.push(draft.relation);
    }
    Ok((dataset, entries))
}

/// Independent streams of one seed: a further tone must not move the split.
fn stream(seed: u64, purpose: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(purpose);
    rng
}

fn info() -> DatasetInfo {
    DatasetInfo {
        name: Some("emoji".into()),
        licence: Some("CC-BY-4.0 (pictures), Unicode-3.0 and MIT (names and keywords)".into()),
        source: Some("crates twemoji-assets and emojis; npm package emojibase-data".into()),
        attribution: Some(ATTRIBUTION.into()),
        ..DatasetInfo::default()
    }
}

fn write(out: &Path, dataset: &Dataset, entries: &[Entry]) -> Result<()> {
    let images = out.join("images");
    std::fs::create_dir_all(&images).map_err(|e| Error::io(&images, e))?;
    for (item, entry) in dataset.items.iter().zip(entries) {
        let path = images.join(format!("{}.png", item.id));
        std::fs::write(&path, entry.png).map_err(|e| Error::io(&path, e))?;
    }
    let notice = out.join("ATTRIBUTION.txt");
    std::fs::write(&notice, format!("{ATTRIBUTION}\n")).map_err(|e| Error::io(&notice, e))?;
    dataset.write(out)
}

#[cfg(test)]
mod tests;
