//! Items that are nearly the same thing: found by their pictures and by their texts.

mod candidates;
mod forest;
mod overlap;
mod picture;
mod shingle;

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Dataset, Error, Result, write_whole};
use forest::{Forest, fewest};
use picture::Picture;
use shingle::Shingles;

/// When two items are duplicates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DuplicateOptions {
    /// Bits of 64 in which the difference hashes of two pictures may differ.
    pub bits: u32,
    /// Mean absolute difference (0-255) that small grey copies of the pictures may have: hashes propose, these decide.
    pub difference: f32,
    /// Share of words and pairs of words that two texts must have in common (Jaccard index), from 0.5 to 1.
    pub text: f64,
}

impl Default for DuplicateOptions {
    fn default() -> Self {
        Self { bits: 4, difference: 6.0, text: 0.8 }
    }
}

/// By what two items are duplicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DuplicateKind {
    /// Their pictures.
    Image,
    /// Their texts.
    Text,
    /// Both.
    Both,
}

/// Two items that are nearly the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DuplicatePair {
    /// Index of the first item.
    pub a: u32,
    /// Index of the second one, which comes later.
    pub b: u32,
    /// By what.
    pub kind: DuplicateKind,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DuplicateReport {
    /// Pairs, ascending: of pictures and of texts, as many as hold each group of alike items together.
    pub pairs: Vec<DuplicatePair>,
    /// Pictures without enough contrast to be compared: blank ones are not duplicates of each other.
    pub flat: usize,
    /// Pictures that could not be decoded, with the reason.
    pub broken: Vec<(u32, String)>,
    /// Pictures and texts that were not compared with all that they have something in common with, because those were too many.
    pub capped: usize,
}

impl DuplicateReport {
    /// Number of pairs of each kind.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::from([("image", 0), ("text", 0), ("both", 0)]);
        for pair in &self.pairs {
            let name = match pair.kind {
                DuplicateKind::Image => "image",
                DuplicateKind::Text => "text",
                DuplicateKind::Both => "both",
            };
            *counts.entry(name).or_default() += 1;
        }
        counts
    }

    /// The group of each item, named by its first member: what is a duplicate of a duplicate belongs to it.
    pub fn groups(&self, items: usize) -> Vec<u32> {
        let mut forest = Forest::new(items);
        self.pairs.iter().for_each(|pair| _ = forest.join(pair.a, pair.b));
        (0..items as u32).map(|item| forest.root(item)).collect()
    }

    /// Writes `duplicates.jsonl`, a pair a line: `{"a": id, "b": id, "kind": "image" | "text" | "both"}`.
    ///
    /// # Errors
    /// The file system's.
    pub fn write(&self, dataset: &Dataset, path: &Path) -> Result<()> {
        #[derive(Serialize)]
        struct Line<'a> {
            a: &'a str,
            b: &'a str,
            kind: DuplicateKind,
        }
        let id = |item: u32| dataset.items.get(item as usize).map_or("", |item| item.id.as_str());
        let mut text = String::new();
        for pair in &self.pairs {
            let line = serde_json::to_string(&Line { a: id(pair.a), b: id(pair.b), kind: pair.kind });
            text.push_str(&line.map_err(|e| Error::input(e.to_string()))?);
            text.push('\n');
        }
        write_whole(path, |part| std::fs::write(part, text)).map_err(|e| Error::io(path, e))
    }
}

/// Finds the near-duplicates of a dataset.
///
/// Pictures are compared by a 64-bit difference hash (after N. Krawetz: is each of 9 x 8 grey cells darker than the next
/// one) and then by small grey copies; texts by their words and pairs of words. What is a duplicate of a duplicate is in one
/// group with both, whatever the order of the items. Two items whose pictures are alike are duplicates whatever their texts
/// say, and the other way round: either makes an item a false negative of the other in that view.
///
/// # Errors
/// Options that nothing can meet.
pub fn find_duplicates(dataset: &Dataset, options: &DuplicateOptions) -> Result<DuplicateReport> {
    if options.bits > 15 {
        return Err(Error::input(format!("bits: expected at most 15 of 64, found {}", options.bits)));
    }
    if !(0.5..=1.0).contains(&options.text) {
        return Err(Error::input(format!("text: expected a share from 0.5 to 1, found {}", options.text)));
    }
    let mut report = DuplicateReport::default();
    let mut kinds: BTreeMap<(u32, u32), DuplicateKind> = BTreeMap::new();
    for pair in by_picture(dataset, options, &mut report) {
        kinds.insert(pair, DuplicateKind::Image);
    }
    for pair in by_text(dataset, options, &mut report) {
        kinds.entry(pair).and_modify(|kind| *kind = DuplicateKind::Both).or_insert(DuplicateKind::Text);
    }
    report.pairs = kinds.into_iter().map(|((a, b), kind)| DuplicatePair { a, b, kind }).collect();
    Ok(report)
}

fn by_picture(dataset: &Dataset, options: &DuplicateOptions, report: &mut DuplicateReport) -> Vec<(u32, u32)> {
    // Items may share a file, which is read once.
    let (mut files, mut file_of) = (Vec::new(), Vec::new());
    let mut known: HashMap<&str, usize> = HashMap::new();
    for (item, number) in dataset.items.iter().zip(0..) {
        let Some(path) = item.image.as_deref() else { continue };
        let file = *known.entry(path).or_insert(files.len());
        if file == files.len() {
            files.push(number);
        }
        file_of.push((number, file));
    }
    let read = |&item: &u32| match dataset.picture(item) {
        Ok(bytes) => Picture::read(&bytes.unwrap_or_default()),
        Err(e) => Err(e.to_string()),
    };
    let read: Vec<Result<Option<Picture>, String>> = files.par_iter().map(read).collect();
    let (mut numbers, mut pictures) = (Vec::new(), Vec::new());
    for (number, file) in file_of {
        match &read[file] {
            Ok(Some(picture)) => {
                numbers.push(number);
                pictures.push(picture);
            }
            Ok(None) => report.flat += 1,
            Err(message) => report.broken.push((number, message.clone())),
        }
    }
    let (unique, mut pairs) = distinct(&pictures, &numbers);
    let hashes: Vec<u64> = unique.iter().map(|(picture, _)| picture.hash).collect();
    let alike = |a: u32, b: u32| unique[a as usize].0.difference(unique[b as usize].0) <= options.difference;
    let (close, capped) = candidates::by_hash(&hashes, options.bits, alike);
    report.capped += capped;
    pairs.extend(close.into_iter().map(|(a, b)| (unique[a as usize].1, unique[b as usize].1)));
    ascending(pairs, dataset.items.len())
}

fn by_text(dataset: &Dataset, options: &DuplicateOptions, report: &mut DuplicateReport) -> Vec<(u32, u32)> {
    let texts = dataset.items.par_iter().enumerate();
    let shingled: Vec<(u32, Shingles)> =
        texts.filter_map(|(number, item)| Some((number as u32, Shingles::of(item.text.as_deref()?)?))).collect();
    let (numbers, shingles): (Vec<u32>, Vec<Shingles>) = shingled.into_iter().unzip();
    let (unique, mut pairs) = distinct(&shingles.iter().collect::<Vec<_>>(), &numbers);
    let sets: Vec<&Shingles> = unique.iter().map(|(set, _)| *set).collect();
    let (close, capped) = overlap::by_shingles(&sets, options.text);
    report.capped += capped;
    pairs.extend(close.into_iter().map(|(a, b)| (unique[a as usize].1, unique[b as usize].1)));
    ascending(pairs, dataset.items.len())
}

/// Pairs of items.
type Pairs = Vec<(u32, u32)>;

/// Each thing once, with the first item that has it, in an order that does not depend on that of the items; and the pairs of the
/// items that have the same.
fn distinct<'a, T: Hash + Ord>(things: &[&'a T], items: &[u32]) -> (Vec<(&'a T, u32)>, Pairs) {
    let (mut first, mut pairs) = (HashMap::with_capacity(things.len()), Vec::new());
    for (&thing, &item) in things.iter().zip(items) {
        let before = *first.entry(thing).or_insert(item);
        if before != item {
            pairs.push((before, item));
        }
    }
    let mut unique: Vec<(&T, u32)> = first.into_iter().collect();
    // The first items do not decide, as no two things are equal.
    unique.sort_unstable();
    (unique, pairs)
}

/// Pairs with the item that comes first first.
fn ascending(pairs: Vec<(u32, u32)>, items: usize) -> Vec<(u32, u32)> {
    fewest(pairs.into_iter().map(|(a, b)| (a.min(b), a.max(b))).collect(), items)
}

#[cfg(test)]
mod tests;
