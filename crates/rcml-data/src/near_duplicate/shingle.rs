//! A text as the set of its words and pairs of neighbouring words.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The set, by hashes, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shingles(Vec<u64>);

/// Values of a signature: bands of four, so that texts with 0.8 in common share one with a probability of 99.98 %.
pub(super) const BANDS: usize = 16;
const ROWS: usize = 4;

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

    /// Share of the union that both have.
    pub(super) fn jaccard(&self, other: &Self) -> f64 {
        let (mut i, mut j, mut common) = (0, 0, 0);
        while let (Some(a), Some(b)) = (self.0.get(i), other.0.get(j)) {
            common += usize::from(a == b);
            i += usize::from(a <= b);
            j += usize::from(b <= a);
        }
        common as f64 / (self.0.len() + other.0.len() - common) as f64
    }

    /// One hash per band of a MinHash signature (Broder 1997; banding after Leskovec, Rajaraman and Ullman, "Mining of Massive
    /// Datasets", section 3.4).
    pub(super) fn bands(&self) -> [u64; BANDS] {
        std::array::from_fn(|band| {
            let mut bytes = [0; 8 * ROWS];
            for (row, bytes) in bytes.chunks_mut(8).enumerate() {
                let seed = (band * ROWS + row) as u64 + 1;
                let least = self.0.iter().map(|hash| xxh3_64_with_seed(&hash.to_le_bytes(), seed)).min();
                bytes.copy_from_slice(&least.unwrap_or(0).to_le_bytes());
            }
            xxh3_64(&bytes)
        })
    }
}
