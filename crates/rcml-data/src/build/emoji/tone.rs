//! "The same with another skin tone".

use std::collections::BTreeMap;

use super::Draft;
use super::catalogue::{Entry, TONES};
use super::keyword::pairs;
use crate::Relation;

const WORDS: [&str; TONES.len()] = ["light", "medium-light", "medium", "medium-dark", "dark"];

/// A symmetric relation between all tones of one emoji, and one directed relation to each tone.
pub(super) fn drafts(entries: &[Entry]) -> Vec<Draft> {
    let mut families: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (i, entry) in entries.iter().enumerate() {
        if let Some(base) = entry.base {
            families.entry(base).or_insert_with(|| vec![base]).push(i as u32);
        }
    }
    let mut drafts = vec![Draft {
        relation: Relation::new("tone-any", "is the same with another skin tone")
            .phrasing("the same gesture or person in a different skin colour")
            .phrasing("differs only in skin tone")
            .phrasing("the same one, only the skin tone changes")
            .symmetric(true)
            .family("skin-tone"),
        pairs: families.values().flat_map(|members| pairs(members)).collect(),
    }];
    for (tone, word) in WORDS.into_iter().enumerate() {
        let to_tone = |members: &Vec<u32>| {
            let target = members.iter().copied().find(|m| entries[*m as usize].tone == Some(tone));
            let sources = members.clone();
            target
                .into_iter()
                .flat_map(move |t| sources.clone().into_iter().filter(move |s| *s != t).map(move |s| (s, t)))
                .collect::<Vec<_>>()
        };
        drafts.push(Draft {
            relation: Relation::new(format!("tone-{word}"), format!("is the same with {word} skin"))
                .phrasing(format!("the same one in {word} skin tone"))
                .phrasing(format!("change the skin tone to {word}"))
                .phrasing(format!("its version with {word} skin"))
                .family("skin-tone"),
            pairs: families.values().flat_map(to_tone).collect(),
        });
    }
    drafts.retain(|draft| !draft.pairs.is_empty());
    drafts
}
