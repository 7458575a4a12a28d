//! The emoji, with their pictures and what people say about them.

use std::collections::{HashMap, HashSet};

use emojis::{Emoji, Group, SkinTone};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use twemoji_assets::png::PngTwemojiAsset;

use crate::{Error, Result};

/// Subgroup and keywords by code points, made by datasets/emoji/make_annotations.py.
const ANNOTATIONS: &str = include_str!("annotations.tsv");

/// The five tones in the order of Unicode.
pub(super) const TONES: [SkinTone; 5] =
    [SkinTone::Light, SkinTone::MediumLight, SkinTone::Medium, SkinTone::MediumDark, SkinTone::Dark];

/// One emoji: one item of the dataset.
pub(super) struct Entry {
    pub(super) emoji: &'static Emoji,
    pub(super) png: &'static [u8],
    pub(super) subgroup: &'static str,
    /// Empty for a tone: what is said about the base is said once.
    pub(super) keywords: Vec<&'static str>,
    /// Index of the emoji without tone, where this one has a tone.
    pub(super) base: Option<u32>,
    /// Index into [`TONES`].
    pub(super) tone: Option<usize>,
}

/// All base emoji in Unicode's order, each followed by `tones` of its five tones.
pub(super) fn entries(tones: usize, rng: &mut ChaCha8Rng) -> Result<Vec<Entry>> {
    let annotations = annotations();
    let mut entries = Vec::new();
    for emoji in emojis::iter() {
        // What the picture set or the annotations of another Unicode version lack is left out.
        let (Some(png), Some((subgroup, keywords))) = (picture(emoji), annotations.get(&code(emoji))) else {
            continue;
        };
        let base = entries.len() as u32;
        entries.push(Entry { emoji, png, subgroup, keywords: keywords.clone(), base: None, tone: None });
        let mut drawn: Vec<usize> = (0..TONES.len()).collect();
        drawn.shuffle(rng);
        drawn.truncate(tones);
        drawn.sort_unstable();
        for tone in drawn {
            let Some(emoji) = emoji.with_skin_tone(TONES[tone]) else { continue };
            let Some(png) = picture(emoji) else { continue };
            entries.push(Entry { emoji, png, subgroup, keywords: Vec::new(), base: Some(base), tone: Some(tone) });
        }
    }
    if entries.is_empty() {
        return Err(Error::input("emoji: no emoji has both a picture and annotations"));
    }
    Ok(entries)
}

fn annotations() -> HashMap<String, (&'static str, Vec<&'static str>)> {
    let lines = ANNOTATIONS.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let (code, rest) = line.split_once('\t')?;
            let (subgroup, keywords) = rest.split_once('\t')?;
            Some((code.to_owned(), (subgroup, keywords.split('|').filter(|k| !k.is_empty()).collect())))
        })
        .collect()
}

/// Hyphenated code points without U+FE0F, which the sources do not write alike.
pub(super) fn code(emoji: &Emoji) -> String {
    let points = emoji.as_str().chars().filter(|c| *c != '\u{fe0f}');
    points.map(|c| format!("{:x}", u32::from(c))).collect::<Vec<_>>().join("-")
}

fn picture(emoji: &Emoji) -> Option<&'static [u8]> {
    let asset = PngTwemojiAsset::from_emoji(emoji.as_str())
        .or_else(|| PngTwemojiAsset::from_emoji(&emoji.as_str().replace('\u{fe0f}', "")))?;
    Some(asset)
}

/// Readable unique names: "woman-farmer"; the code points are added where two names read alike.
pub(super) fn ids(entries: &[Entry]) -> Vec<String> {
    let mut taken = HashSet::new();
    entries
        .iter()
        .map(|entry| {
            let mut id = slug(entry.emoji.name());
            if id.is_empty() || !taken.insert(id.clone()) {
                id = format!("{id}-{}", code(entry.emoji));
                taken.insert(id.clone());
            }
            id
        })
        .collect()
}

/// Lower-case letters and digits of a name, anything between them as one hyphen.
pub(super) fn slug(name: &str) -> String {
    let plain = name.to_lowercase().replace(['\'', '’'], "").replace('#', "hash").replace('*', "asterisk");
    plain.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

pub(super) fn label(entry: &Entry) -> &'static str {
    match entry.emoji.group() {
        Group::SmileysAndEmotion => "smileys and emotion",
        Group::PeopleAndBody => "people and body",
        Group::AnimalsAndNature => "animals and nature",
        Group::FoodAndDrink => "food and drink",
        Group::TravelAndPlaces => "travel and places",
        Group::Activities => "activities",
        Group::Objects => "objects",
        Group::Symbols => "symbols",
        Group::Flags => "flags",
    }
}
