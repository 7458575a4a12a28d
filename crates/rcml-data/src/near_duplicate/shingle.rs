//! A text as the set of its words and pairs of neighbouring words.

use xxhash_rust::xxh3::xxh3_64;

/// The set, by hashes, ascending.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Shingles(Vec<u64>);

impl Shingles {
    /// Of a text, without regard to case and punctuation; a text without any word counts as one. `None` where it is blank.
    pub(super) fn of(text: &str) -> Option<Self> {
        let words = crate::words(text);
        let mut hashes: Vec<u64> = words.iter().map(|word| xxh3_64(word.as_bytes())).collect();
        hashes.extend(words.windows(2).map(|two| xxh3_64(two.join(" ").as_bytes())));
        if hashes.is_empty() && !text.trim().is_empty() {
            hashes.push(xxh3_64(text.trim().as_bytes()));
        }
        hashes.sort_unstable();
        hashes.dedup();
        if hashes.is_empty() { None } else { Some(Self(hashes)) }
    }

    /// The hashes, ascending.
    pub(super) fn hashes(&self) -> &[u64] {
        &self.0
    }
}
