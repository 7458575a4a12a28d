//! "Both are about love": a keyword that several emoji share.

use std::collections::{BTreeMap, HashSet};

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::catalogue::{Entry, slug};
use super::{Draft, split::Groups};
use crate::{Relation, Split};

/// Fewer members than this cannot be split; more say too little about any pair.
const MEMBERS: std::ops::RangeInclusive<usize> = 4..=60;

/// Keywords that share more than this part of their members mean the same.
const SAME_MEANING: f64 = 0.5;

/// The documentation asks for these, so they must be what a trained model knows.
const ALWAYS_SEEN: [&str; 1] = ["love"];

/// One symmetric relation per keyword, all pairs of its members; `unseen` of the relations are held out.
pub(super) fn drafts(entries: &[Entry], others: &[Draft], unseen: f64, rng: &mut ChaCha8Rng) -> Vec<Draft> {
    let mut members: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for (i, entry) in entries.iter().enumerate() {
        for keyword in &entry.keywords {
            members.entry(keyword).or_default().push(i as u32);
        }
    }
    let keywords: Vec<(&str, Vec<u32>)> = members.into_iter().filter(|(_, m)| MEMBERS.contains(&m.len())).collect();
    let unseen = held_out(&keywords, others, unseen, rng);
    keywords
        .into_iter()
        .enumerate()
        .map(|(k, (keyword, members))| {
            let named = members.iter().filter(|m| names(entries[**m as usize].emoji.name(), keyword)).count();
            let mut relation = relation(keyword, 2 * named > members.len());
            relation.split = Some(if unseen.contains(&k) { Split::Test } else { Split::Train });
            Draft { relation, pairs: pairs(&members) }
        })
        .collect()
}

fn relation(keyword: &str, lexical: bool) -> Relation {
    let relation = Relation::new(format!("keyword-{}", slug(keyword)), format!("both are about {keyword}"))
        .phrasing(format!("both have to do with {keyword}"))
        .phrasing(format!("people use both to talk about {keyword}"))
        .phrasing(format!("share the theme {keyword}"))
        .phrasing(format!("{keyword} is what they have in common"))
        .symmetric(true);
    if !lexical {
        return relation.family("keyword");
    }
    let mut relation = relation.family("keyword-lexical");
    relation.attributes.insert("lexical".into(), Value::from(true));
    relation
}

/// All pairs of `members` (ascending), once.
pub(super) fn pairs(members: &[u32]) -> Vec<(u32, u32)> {
    members.iter().enumerate().flat_map(|(i, a)| members[i + 1..].iter().map(move |b| (*a, *b))).collect()
}

/// Draws the keywords that training never sees. A keyword stays in training if a relation of another family, which
/// training sees, says the same word ("both are about bird" beside "another kind of bird"), and keywords that mean the same ("kiss", "kisses", "kissing") are held
/// out together or not at all: otherwise an unseen relation would have been seen under another name.
fn held_out(keywords: &[(&str, Vec<u32>)], others: &[Draft], share: f64, rng: &mut ChaCha8Rng) -> HashSet<usize> {
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(stem).collect()
    };
    let mut seen: HashSet<String> = others.iter().flat_map(|draft| words(draft.relation.description())).collect();
    seen.extend(ALWAYS_SEEN.map(stem));
    let mut groups = Groups::new(keywords.len());
    for a in 0..keywords.len() {
        for b in a + 1..keywords.len() {
            if stem(keywords[a].0) == stem(keywords[b].0) || overlap(&keywords[a].1, &keywords[b].1) > SAME_MEANING {
                groups.join(a, b);
            }
        }
    }
    let mut groups = groups.lists();
    groups.retain(|g| g.iter().all(|k| words(keywords[*k].0).iter().all(|word| !seen.contains(word))));
    groups.shuffle(rng);
    let target = (share * keywords.len() as f64).round() as usize;
    let mut unseen = HashSet::new();
    for group in groups {
        if unseen.len() + group.len() <= target {
            unseen.extend(group);
        }
    }
    unseen
}

/// Members of both over members of either; both ascending.
fn overlap(a: &[u32], b: &[u32]) -> f64 {
    let both = a.iter().filter(|m| b.binary_search(m).is_ok()).count();
    both as f64 / (a.len() + b.len() - both) as f64
}

/// Whether a name says the keyword, in any of its forms.
fn names(name: &str, keyword: &str) -> bool {
    let name = name.to_lowercase();
    let said: HashSet<String> = name.split(|c: char| !c.is_alphanumeric()).map(stem).collect();
    keyword.split([' ', '-']).all(|word| said.contains(&stem(word)))
}

/// A word without the commonest endings of English: enough to tell "smiling" and "smiles" from other words.
fn stem(word: &str) -> String {
    let word = word.to_lowercase();
    let mut stem = word.trim_end_matches("'s");
    for ending in ["ing", "ed", "es", "s", "e", "y"] {
        if let Some(rest) = stem.strip_suffix(ending)
            && rest.len() >= 3
            && !stem.ends_with("ss")
        {
            stem = rest;
            break;
        }
    }
    // "running" and "hugged" double the consonant of "run" and "hug".
    let mut letters = stem.chars().rev();
    match (letters.next(), letters.next()) {
        (Some(a), Some(b)) if a == b && stem.len() > 3 && stem != word && !"aeiouls".contains(a) => {
            stem[..stem.len() - a.len_utf8()].to_owned()
        }
        _ => stem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_have_one_stem() {
        for forms in [
            &["smile", "smiles", "smiling", "smiled"][..],
            &["kiss", "kisses", "kissing"],
            &["run", "running"],
            &["swim", "swimming"],
            &["animal", "animals"],
        ] {
            assert!(forms.iter().all(|f| stem(f) == stem(forms[0])), "{forms:?} -> {:?}", stem(forms[0]));
        }
        for (a, b) in [("cat", "car"), ("sea", "see"), ("ring", "run"), ("king", "kite"), ("glass", "glad")] {
            assert_ne!(stem(a), stem(b), "{a} {b}");
        }
    }

    #[test]
    fn a_keyword_in_the_name_is_lexical() {
        assert!(names("smiling face with heart-eyes", "smile"));
        assert!(names("smiling face with heart-eyes", "eye"));
        assert!(!names("smiling face with heart-eyes", "love"));
        assert!(!names("carpentry saw", "car"));
    }

    #[test]
    fn pairs_are_written_once() {
        assert_eq!(pairs(&[2, 5, 9]), [(2, 5), (2, 9), (5, 9)]);
    }
}
